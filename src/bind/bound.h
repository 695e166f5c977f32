/* The bound tree: relational algebra with names resolved and types known. The binder makes it, the planner's rules rewrite
 * it (src/plan), and the physical plan is made from it. It is also what EXPLAIN prints as the logical plan.
 *
 * Columns are positions in the input's schema; a join's condition sees left columns, then right columns. A query inside an
 * expression (EXPR_SUBQUERY) is one level: EXPR_OUTER of level 1 in it is a column of the input of the node that holds
 * the expression (of a join: left, then right). The right side of a join with `correlated` set is a level too: there
 * level 1 is the join's left input. SELECT without FROM reads one row with one column that nobody sees. Nodes are
 * immutable: a rule makes new nodes and shares what it does not change, so a node may have several parents (a CTE or view used twice
 * is bound twice; sharing is found later by the planner). Everything lives in the query arena. */
#ifndef MILLRACE_BIND_BOUND_H
#define MILLRACE_BIND_BOUND_H

#include "catalog/catalog.h"
#include "expr/expr.h"

struct chunk;

enum { REL_MAX_DEPTH = 1000, REL_MAX_COLUMNS = 4096, BIND_MAX_GROUPING_KEYS = 62 };

enum rel_kind {
    REL_SCAN,      /* a table's physical and metadata columns */
    REL_VALUES,    /* literal rows */
    REL_WATERMARK, /* declares the row-time column and its watermark */
    REL_FILTER,
    REL_PROJECT,
    REL_JOIN,
    REL_AGGREGATE,
    REL_OVER,       /* window functions over the input; appends their results */
    REL_SORT,       /* ORDER BY and/or OFFSET / LIMIT */
    REL_SET_OP,     /* UNION ALL (n-ary); INTERSECT and EXCEPT [ALL] (two inputs). UNION is AGGREGATE over UNION ALL */
    REL_ROWS,       /* rows that the session holds: a recursive query's, or what MERGE has found */
    REL_UNNEST,     /* a row for every element of a collection column; appends the element's columns */
    REL_WINDOW_TVF, /* TUMBLE …: appends window_start, window_end, window_time */
    REL_KIND_COUNT
};

/* What a column means for time (FEATURES A6). */
enum time_attribute { TIME_NONE, TIME_ROWTIME, TIME_PROCTIME };
/* What a column means for windows: output of the window TVF that has this window_id. */
enum window_attribute { WINDOW_NONE, WINDOW_START, WINDOW_END, WINDOW_TIME };

struct column_property {
    enum time_attribute time;
    enum window_attribute window;
    int window_id;            /* of the REL_WINDOW_TVF that made it; 0 = none */
    const char *table_column; /* comes unchanged from this column of a base table, else NULL (statistics, errors) */
};

enum join_type { JOIN_INNER, JOIN_LEFT, JOIN_RIGHT, JOIN_FULL, JOIN_SEMI, JOIN_ANTI };
const char *join_type_name(enum join_type type); /* "INNER" … */

enum temporal_kind {
    TEMPORAL_NONE,
    TEMPORAL_PROCTIME, /* FOR SYSTEM_TIME AS OF left.proctime: lookup join; right is a REL_SCAN (with filters/projections) */
    TEMPORAL_ROWTIME /* FOR SYSTEM_TIME AS OF left.rowtime: versioned table */
};

struct sort_key {
    int column;
    bool descending;
    bool nulls_last; /* effective: default NULLs are smallest */
};

struct aggregate_call {
    const struct bound_aggregate *function;
    const int *args;  /* columns of the input */
    int filter;       /* BOOLEAN column of the input (FILTER WHERE), -1 none */
    const char *name; /* output column's name */
};

enum frame_unit { FRAME_ROWS, FRAME_RANGE, FRAME_GROUPS };
enum frame_bound_kind {
    BOUND_UNBOUNDED_PRECEDING,
    BOUND_PRECEDING,
    BOUND_CURRENT_ROW,
    BOUND_FOLLOWING,
    BOUND_UNBOUNDED_FOLLOWING
};

/* Rows that leave the frame again: the current one, it and its peers, or these alone. */
enum frame_exclusion { EXCLUDE_NO_OTHERS, EXCLUDE_CURRENT_ROW, EXCLUDE_GROUP, EXCLUDE_TIES };

struct window_spec {
    int partition_count;
    const int *partition; /* columns of the input */
    int order_count;
    const struct sort_key *order;
    bool has_frame;
    enum frame_unit unit;
    enum frame_bound_kind start, end;
    struct value start_offset, end_offset; /* BOUND_PRECEDING / FOLLOWING */
    enum frame_exclusion exclude;
};

struct window_call {
    const char *function; /* "ROW_NUMBER", "RANK", "DENSE_RANK", "LAG", "LEAD", …, or aggregate name */
    const struct bound_aggregate *aggregate; /* not NULL for aggregates */
    const int *args;                         /* columns of the input (constants are projected) */
    int arg_count;
    bool ignore_nulls;
    const struct type *type;
    const char *name;
};

enum window_kind { WINDOW_TUMBLE, WINDOW_HOP, WINDOW_CUMULATE, WINDOW_SESSION };
struct window_params {
    enum window_kind kind;
    int window_id;
    int time_column;          /* of the input */
    enum time_attribute time; /* ROWTIME or PROCTIME; NONE only in batch over a plain TIMESTAMP */
    int64_t size_ms, slide_ms /* HOP slide, CUMULATE step */, offset_ms, gap_ms /* SESSION */;
    int partition_count; /* SESSION … PARTITION BY */
    const int *partition;
};

enum set_op_kind { SET_UNION_ALL, SET_INTERSECT, SET_INTERSECT_ALL, SET_EXCEPT, SET_EXCEPT_ALL };

/* Rows in memory, as chunks without selection and signs. Set by the session between the jobs that fill and read them. */
struct held_rows {
    const struct chunk *const *chunks;
    int chunk_count;
    int64_t row_count;
};

/* A query whose rows the session computes and holds before what reads them runs (WITH RECURSIVE, MERGE). With `step` it is recursive:
 * step reads the rows that the round before added (`working`) and is repeated until it adds none. One that reads columns of queries
 * around it (`outer_count`) cannot be computed so: decorrelation makes another of it, whose rows begin with these columns. */
struct held_query {
    const char *name;
    struct rel *base, *step; /* step NULL: base alone. Equal schemas but for nullability, which is `schema`'s */
    bool distinct;           /* UNION: a row that is there already adds nothing */
    const struct schema *schema;
    int outer_count;
    struct expr *
        *outer; /* EXPR_OUTER, as its WITH sees them; in base and step EXPR_OUTER i of the level around is outer[i] */
    struct held_rows rows, working;
    bool done;
    int32_t offset, length; /* place in the script */
};

/* What hints of a SELECT say about one table of its FROM. */
struct table_hint {
    bool has_ttl; /* STATE_TTL, in streaming: of what a join or an aggregate keeps of these rows */
    int64_t ttl_ms;
    const char *build; /* "BROADCAST" or "SHUFFLE_HASH", in batch: a join builds these rows; NULL: as it likes */
};

struct rel {
    enum rel_kind kind;
    const struct table_hint *hint;            /* filters and projections over the table have it too; NULL: none */
    struct schema schema;                     /* of the output */
    const struct column_property *properties; /* one per output column */
    int32_t offset, length;                   /* place in the script */
    int input_count;
    struct rel **inputs;
    union {
        struct {
            const struct table *table;
            const int *columns; /* positions in table->columns, ascending; = schema */
            /* Filled in by the pushdown rule: */
            const struct predicate *predicates; /* connector/connector.h; NULL before */
            const bool *exact; /* by predicate: the source gives only rows that satisfy it, nobody checks again */
            int predicate_count;
            int64_t limit;              /* -1 */
            const struct scan_top *top; /* connector/connector.h; NULL: none */
            const char *pushdown_text;  /* what the connector said, for EXPLAIN; NULL before the rule */
        } scan;
        struct {
            int row_count;
            struct expr ***rows; /* rows[r][c], no column references */
        } values;
        struct {
            int column;
            struct expr *expr;
        } watermark;
        struct {
            struct expr *condition;
        } filter;
        struct {
            struct expr **exprs;
        } project; /* schema.column_count of them */
        struct {
            enum join_type type;
            struct expr *condition; /* NULL: TRUE */
            enum temporal_kind temporal;
            int temporal_column; /* of the left input: the time attribute behind AS OF; -1 when not temporal */
            bool correlated;     /* the right side has EXPR_OUTER level 1 into the left (LATERAL, subqueries) */
            bool null_aware;     /* ANTI made from NOT IN: a NULL on either side means "unknown" */
            bool single_row;     /* LEFT made from a scalar subquery: more than one match is an error */
        } join;
        struct {
            int key_count;
            const int *keys; /* columns of the input; output: keys, then calls */
            int call_count;
            const struct aggregate_call *calls;
            /* 0: plain GROUP BY. Else bit i of grouping_sets[s] says that keys[i] is in set s (at most
             * BIND_MAX_GROUPING_KEYS keys); keys outside a set are NULL in its rows. Two equal sets both give rows. The
             * output has then one more column at the end, `$grouping_id` BIGINT NOT NULL, see grouping_set_id. */
            int grouping_set_count;
            const uint64_t *grouping_sets;
        } aggregate;
        struct {
            const struct window_spec *spec; /* one spec per node: several specs are stacked nodes */
            int call_count;
            const struct window_call *calls;
        } over;
        struct {
            int key_count;
            const struct sort_key *keys;
            int64_t rows_offset; /* OFFSET, 0 */
            int64_t limit;       /* -1: none */
        } sort;
        struct {
            enum set_op_kind op;
        } set_op;
        struct window_params window_tvf;
        struct {
            const struct held_rows *held;
            const int *columns;       /* positions in the held rows; = schema */
            struct held_query *query; /* fills them; NULL: the working rows of a round */
            const char *name;
            struct expr **outer; /* query->outer as seen from here; gone after decorrelation */
        } rows;
        struct {
            int column_count;   /* several collections are side by side, the shorter ones padded with NULLs */
            const int *columns; /* of the input: ARRAY, MAP or MULTISET */
            bool outer;         /* rows without elements stay, with NULLs */
            bool ordinality;    /* a last column, INT: the element's number from 1 */
        } unnest;
    };
};

/* Constructors fill schema and properties from the inputs. Names of a node's columns are made unique (a, a0); places are
 * -1 until the binder sets them. */
struct rel *rel_filter(struct arena *arena, struct rel *input, struct expr *condition);
/* properties are derived: a plain column keeps its input's, PROCTIME() is TIME_PROCTIME, anything else has none. */
struct rel *rel_project(struct arena *arena, struct rel *input, int count, struct expr **exprs, const char **names);
struct rel *rel_join(struct arena *arena, struct rel *left, struct rel *right, enum join_type type,
                     struct expr *condition);
/* A join with FOR SYSTEM_TIME AS OF on the right: keeps the left side's time and window attributes. */
struct rel *rel_temporal_join(struct arena *arena, struct rel *left, struct rel *right, enum join_type type,
                              struct expr *condition, enum temporal_kind temporal, int temporal_column);
struct rel *rel_aggregate(struct arena *arena, struct rel *input, int key_count, const int *keys, int call_count,
                          const struct aggregate_call *calls);
/* set_count >= 1: with grouping sets, see `aggregate` above. */
struct rel *rel_aggregate_sets(struct arena *arena, struct rel *input, int key_count, const int *keys, int call_count,
                               const struct aggregate_call *calls, int set_count, const uint64_t *sets);
/* What tells the rows of set `set` from those of the others: GROUPING_ID(all keys), bit (key_count - 1 - i) of which is set when keys[i]
 * is NOT in the set, and above it how many of the sets before are equal (grouping_set_copy). */
int64_t grouping_set_id(const uint64_t *sets, int set, int key_count);
int64_t grouping_set_copy(const uint64_t *sets, int set);
struct rel *rel_over(struct arena *arena, struct rel *input, const struct window_spec *spec, int call_count,
                     const struct window_call *calls);
struct rel *rel_sort(struct arena *arena, struct rel *input, int key_count, const struct sort_key *keys,
                     int64_t rows_offset, int64_t limit);
/* The inputs' columns have equal types but for nullability; names are the first input's. */
struct rel *rel_union_all(struct arena *arena, int input_count, struct rel **inputs);
struct rel *rel_set_op(struct arena *arena, enum set_op_kind op, int input_count, struct rel **inputs);
struct rel *rel_scan(struct arena *arena, const struct table *table, int column_count, const int *columns);
struct rel *rel_values(struct arena *arena, const struct schema *schema, int row_count, struct expr ***rows);
struct rel *rel_window_tvf(struct arena *arena, struct rel *input, const struct window_params *params);
/* All columns of held rows that look like schema. */
struct rel *rel_rows(struct arena *arena, const struct schema *schema, const struct held_rows *held,
                     struct held_query *query, const char *name);
static inline int rel_rows_outer_count(const struct rel *rel) {
    return rel->rows.query ? rel->rows.query->outer_count : 0;
}
/* An element that is a ROW gives a column for every field, a MAP key and value, anything else one column; those of several
 * collections follow each other. */
struct rel *rel_unnest(struct arena *arena, struct rel *input, int column_count, const int *columns, bool outer,
                       bool ordinality);
static inline int unnest_width(const struct type *collection) { /* how many columns that is */
    const struct type *element = collection->children[0];
    if (collection->id == TYPE_MAP) return 2;
    return element->id == TYPE_ROW ? element->child_count : 1;
}
struct rel *rel_watermark(struct arena *arena, struct rel *input, int column, struct expr *expr);
/* A copy of one node with other inputs (schema kept). */
struct rel *rel_with_inputs(struct arena *arena, const struct rel *rel, struct rel **inputs);

/* Nodes on the longest path; what has more than REL_MAX_DEPTH is refused by the binder. Subqueries inside expressions count. */
int rel_depth(const struct rel *rel);

/* The expressions of a node (not of its inputs), one after the other; false when there is no i-th. */
bool rel_expr_at(const struct rel *rel, int i, const struct expr **out);

/* Is the join an interval join (an upper and a lower bound, or equality, between time attributes of both sides) or a
 * window join (window_start and window_end of both sides are equal)? Such joins keep time and window attributes. */
bool join_is_interval(const struct rel *left, const struct rel *right, const struct expr *condition);
bool join_is_window(const struct rel *left, const struct rel *right, const struct expr *condition);
/* keys contain window_start and window_end of one window TVF; its id, else 0. */
int aggregate_window_id(const struct rel *input, int key_count, const int *keys);

/* An indented tree, one line per node: the logical plan of EXPLAIN. Queries inside expressions follow as "Subquery n". */
void rel_print(struct strbuf *buf, const struct rel *rel);

/* ---- Bound statements ---- */

struct bound_query {
    struct rel *rel; /* output names are in rel->schema */
};

enum conflict_policy { CONFLICT_NONE, CONFLICT_ERROR, CONFLICT_NOTHING, CONFLICT_DEDUPLICATE };

/* INSERT; and what UPDATE and DELETE become: rel gives the rows to be changed (see enum sink_statement), which are read
 * from the table. */
enum bound_kind { BOUND_INSERT, BOUND_UPDATE, BOUND_DELETE };

struct bound_insert {
    enum bound_kind kind;
    const struct table *table;
    int column_count;   /* columns written, in rel's order */
    const int *columns; /* positions in table->columns */
    struct rel *rel;    /* casts to the columns' types included */
    enum conflict_policy conflict;
    bool overwrite;
    int fixed_count; /* PARTITION (…): columns of the table, and their values in the columns' types */
    const int *fixed_columns;
    const struct value *fixed_values;
    int32_t offset, length;
};

/* MERGE: a change for every clause, all over the same held rows. */
struct bound_merge {
    const struct table *table;
    int change_count;
    struct bound_insert *changes;
    struct held_query *held; /* what the changes read: the rows that some clause applies to */
    struct rel *doubles;     /* has a row when two source rows would change or insert one row of the table */
    /* Keys that an INSERT would write and the table has, though ON found no match: there must be none. NULL: ON leaves no such. */
    struct rel *existing;
};

#endif
