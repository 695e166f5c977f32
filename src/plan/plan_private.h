/* What the files of the planner share. See README.md. */
#ifndef MILLRACE_PLAN_PLAN_PRIVATE_H
#define MILLRACE_PLAN_PLAN_PRIVATE_H

#include "function/registry.h"
#include "plan/plan.h"

enum {
    PLAN_MAX_UNIQUE_KEYS = 8,     /* candidate keys kept per node */
    PLAN_MAX_EXPR_NODES = 2000,   /* an expression is not put into another that grows by more */
    PLAN_MAX_FOLDED_ROWS = 10000, /* VALUES rows that projections and filters are computed for while planning */
    PLAN_MAX_IN_VALUES = 10000,   /* constants of an IN that is offered to a connector */
    PLAN_MAX_MEMO = 2048,         /* nodes that are looked at for being used again */
    PLAN_MAX_REL_NODES = 20000,   /* of a query whose subqueries have become joins */
    PLAN_MAX_NODES = 10000,       /* of a plan */
    PLAN_DEFAULT_ROWS = 1000000,  /* of a source that does not know, when two sides are compared */
    PLAN_ELEMENTS_ESTIMATE = 4,   /* in a collection, where nothing is known */
};

struct planned;
struct memo;
struct estimate;
struct estimates;
struct reduction;

/* How equal sub-plans are used again, best first. */
enum sharing {
    SHARE_ALL,      /* rows go to all users as they come */
    SHARE_BUFFERED, /* users read an exchange that holds the rows; what only reads a table is made again for each */
    SHARE_NOTHING,
};

struct planner {
    struct arena *arena;
    const struct plan_options *options;
    struct memo *memo; /* physical planning: nodes made for rels; NULL: nothing is used twice */
    enum sharing sharing;
    struct estimates *estimates; /* made so far */
    struct reduction *reduction; /* that the tree being planned is below; NULL: none */
    int reduction_depth;
    struct shared_reads
        *shared; /* column pruning: what all readers of a table need together; NULL: each reads its own */
};

/* ---- expressions (rel_util.c) ---- */

struct expr_list {
    struct expr **items;
    int count, capacity;
};

void plani_add(struct planner *p, struct expr_list *list, struct expr *expr);
void plani_split_and(struct planner *p, struct expr *expr, struct expr_list *list); /* NULL adds nothing */
struct expr *plani_and(struct planner *p, const struct expr_list *list);            /* NULL when empty */
bool plani_is_boolean(const struct expr *expr, bool value);                         /* a constant TRUE / FALSE */
bool plani_never_true(const struct expr *expr);                                     /* constant FALSE or NULL */
bool plani_is_call(const struct expr *expr, const char *name, int arg_count);
/* A call of a built-in function whose arguments are known to fit. */
enum status plani_call(struct planner *p, const char *name, struct expr **args, int arg_count, struct expr **out,
                       struct error *err);
enum status plani_call2(struct planner *p, const char *name, struct expr *a, struct expr *b, struct expr **out,
                        struct error *err);
struct expr *plani_column(struct planner *p, const struct schema *schema, int index);
struct expr *plani_bigint(struct planner *p, int64_t value);
/* CASE WHEN when1 THEN then1 ... ELSE last END; args as in EXPR_CASE, of equal types but for nullability. */
struct expr *plani_case(struct planner *p, struct expr **args, int arg_count, bool nullable);
/* Sub-expressions that give another value each time (RAND, UUID). NOW() is not among them. */
bool plani_is_random(const struct expr *expr);
int plani_expr_size(const struct expr *expr);
/* By how many nodes plani_substitute makes expr larger; more than PLAN_MAX_EXPR_NODES are counted no further. */
int plani_growth(const struct expr *expr, struct expr *const *exprs);
/* Columns become exprs[column]. */
struct expr *plani_substitute(struct planner *p, struct expr *expr, struct expr *const *exprs);
/* Which inputs of a join an expression reads. */
struct sides {
    bool left, right;
};
struct sides plani_sides(const struct expr *expr, int left_count);
/* Does it read only columns i with ok[i]? */
bool plani_reads_only(const struct expr *expr, const bool *ok, int count);
/* May the value's CAST be undone: different values stay different, and their order is kept? */
bool plani_cast_is_lossless(const struct type *from, const struct type *to);

/* ---- trees (rel_util.c) ---- */

bool plani_is_empty(const struct rel *rel);
struct rel *plani_empty(struct planner *p, const struct rel *rel); /* no rows, the same columns */
/* columns[i] of rel, in this order; rel itself when these are all its columns in order. */
struct rel *plani_pick(struct planner *p, struct rel *rel, const int *columns, int count);
/* A copy of the join with another condition (and type): the schema stays. */
struct rel *plani_join_like(struct planner *p, const struct rel *join, struct rel *left, struct rel *right,
                            enum join_type type, struct expr *condition);
/* rel without the node in front when its columns and names are what `like` has, else projected to them. */
struct rel *plani_restore(struct planner *p, struct rel *rel, const struct schema *like);
/* Same rows, same columns (names may differ). Nondeterministic trees are never equal. */
bool plani_rel_equal(const struct rel *a, const struct rel *b);
uint64_t plani_rel_hash(const struct rel *rel);
/* At most / exactly one row? */
bool plani_at_most_one_row(const struct rel *rel);
bool plani_exactly_one_row(const struct rel *rel);
/* The window TVF with this id below rel, NULL when there is none. */
const struct rel *plani_find_window(const struct rel *rel, int window_id);

/* ---- logical rules, one file each: rule_<name>.c. Each rewrites a whole tree. ---- */

typedef enum status (*plan_rule)(struct planner *p, struct rel *rel, struct rel **out, struct error *err);

enum status plani_rule_watermark(struct planner *p, struct rel *rel, struct rel **out, struct error *err);
enum status plani_rule_subquery(struct planner *p, struct rel *rel, struct rel **out, struct error *err);
enum status plani_rule_set_op(struct planner *p, struct rel *rel, struct rel **out, struct error *err);
enum status plani_rule_simplify(struct planner *p, struct rel *rel, struct rel **out, struct error *err);
enum status plani_rule_filter(struct planner *p, struct rel *rel, struct rel **out, struct error *err);
enum status plani_rule_join_order(struct planner *p, struct rel *rel, struct rel **out, struct error *err);
enum status plani_rule_prune(struct planner *p, struct rel *rel, struct rel **out, struct error *err);
/* Before pruning trees that will run together: tables that are read several times get the columns of all their readers, so that
 * they are read once. Sets p->shared. */
enum status plani_share_reads(struct planner *p, struct rel *const *rels, int count, struct error *err);
enum status plani_rule_scan(struct planner *p, struct rel *rel, struct rel **out, struct error *err);

/* What Flink would refuse, when options ask for it. (check_portable.c) */
enum status plani_check_portable(const struct rel *rel, const struct plan_options *options, struct error *err);

/* All rules over trees that will run together; rels are replaced. (optimize.c) */
enum status plani_optimize(struct planner *p, struct rel **rels, int count, struct error *err);

/* Common conjuncts of an OR's branches in front: (a AND b) OR (a AND c) becomes a AND (b OR c). (rule_filter.c) */
struct expr *plani_factor_or(struct planner *p, struct expr *expr);
/* Is NULL or FALSE whenever all columns i with of[i] are NULL. (rule_filter.c) */
bool plani_rejects_null(const struct expr *expr, const bool *of, int count);

/* ---- estimates (statistics.c) ---- */

struct column_estimate {
    double distinct; /* values without NULL; -1 unknown */
    double nulls;    /* share of rows, 0 when unknown */
    bool bounded;    /* numbers, days and times lie between (times in days) */
    double low, high;
};

struct estimate {
    double rows; /* -1 unknown */
    int column_count;
    struct column_estimate *columns;
};

/* Of the node's rows; made once per node. */
const struct estimate *plani_estimate(struct planner *p, const struct rel *rel);
/* Groups by these columns; -1 unknown. */
double plani_groups(const struct estimate *in, const int *keys, int key_count);

struct key_distincts {
    double left, right; /* values of one equi-key on both sides; -1 unknown */
};
/* The share of all pairs of rows that are equal in the keys. */
double plani_key_share(const struct key_distincts *keys, int count, double left_rows, double right_rows);

/* ---- physical planning ---- */

struct unique_key {
    int count;
    const int *columns;
    bool declared; /* rests on a PRIMARY KEY NOT ENFORCED of a source */
};

/* A node and what only the planner knows about it. */
struct planned {
    struct pnode node; /* first: a struct pnode of the planner can be cast */
    enum distribution distribution;
    int hash_count; /* DISTRIBUTION_HASH: the columns whose hash decides, in order */
    const int *hash;
    int unique_count;
    struct unique_key unique[PLAN_MAX_UNIQUE_KEYS];
    bool single_row;  /* at most one row */
    bool watermarked; /* a watermark of event time comes along, and no row is older than it but for late ones */
    int order_count;  /* streaming ORDER BY ... LIMIT: how the final rows are to be shown */
    const struct sort_key *order;
};

static inline struct planned *planned_of(struct pnode *node) { return (struct planned *)node; }

/* physical.c */
struct memo *plani_memo_new(struct planner *p);
enum status plani_plan_rel(struct planner *p, const struct rel *rel, struct planned **out, struct error *err);
struct planned *plani_node(struct planner *p, enum pnode_kind kind, const struct schema *schema, int input_count,
                           struct planned *const *inputs);
/* The output has the input's columns (perhaps more behind): distribution, keys and changes are the input's. */
void plani_inherit(struct planned *node, const struct planned *input);
/* Adds a candidate key; the smallest becomes the edge's key. */
void plani_add_unique(struct planner *p, struct planned *node, int count, const int *columns, bool declared);
/* A candidate key within these columns? strict: not one that is only declared. */
bool plani_is_unique(const struct planned *node, const int *columns, int count, bool strict);
/* How long what an operator keeps of these rows lives, ms; NULL: of rows that no hint can speak about. 0: for ever. */
int64_t plani_state_ttl(const struct planner *p, const struct rel *rows);
struct planned *plani_calc(struct planner *p, struct planned *input, struct expr *condition, struct expr **exprs,
                           const struct schema *schema);
/* Plain columns. */
struct planned *plani_select(struct planner *p, struct planned *input, const int *columns, const struct schema *schema);
struct planned *plani_exchange(struct planner *p, struct planned *input, const int *keys, int key_count);
/* A SCAN of REL_SCAN's request whose rows are schema's; estimate and keys are the caller's to set. */
enum status plani_scan_node(struct planner *p, const struct rel *rel, const struct schema *schema, struct planned **out,
                            struct error *err);
/* key_count 0: one partition. No exchange where the rows are already so. */
struct planned *plani_distribute(struct planner *p, struct planned *input, const int *keys, int key_count);
/* The share of rows for which a condition holds, 0..1. */
/* Of the input's rows; in: its estimate, NULL when nothing is known. (statistics.c) */
double plani_selectivity(struct planner *p, const struct expr *condition, const struct estimate *in);
/* offset, length: the table's place in the script, for errors. */
enum status plani_connector(struct planner *p, const struct table *table, int32_t offset, int32_t length,
                            const struct connector **out, struct error *err);
const char *plani_table_name(struct planner *p, const struct table *table);

/* physical_aggregate.c, physical_join.c, physical_lookup.c, physical_rank.c, physical_sink.c */
enum status plani_plan_aggregate(struct planner *p, const struct rel *rel, struct planned **out, struct error *err);
enum status plani_plan_join(struct planner *p, const struct rel *rel, struct planned **out, struct error *err);
enum status plani_plan_lookup_join(struct planner *p, const struct rel *rel, struct planned **out, struct error *err);
enum status plani_plan_sort(struct planner *p, const struct rel *rel, struct planned **out, struct error *err);
enum status plani_plan_over(struct planner *p, const struct rel *rel, struct planned **out, struct error *err);
/* FILTER over OVER when it is a top-n: *out stays NULL when it is none. rank_used: is the number itself read above?
 * When it is not, the output may have anything (or nothing: one column less) in the number's place; the other columns
 * keep theirs. */
enum status plani_plan_rank(struct planner *p, const struct rel *filter, bool rank_used, struct planned **out,
                            struct error *err);
/* Is the filter ROW_NUMBER() … <= n over an OVER (with or without more conditions)? Its n. */
bool plani_rank_limit(struct planner *p, const struct rel *filter, int64_t *limit);
enum status plani_plan_sink(struct planner *p, const struct bound_insert *insert, int sink_index, struct planned *input,
                            struct planned **out, struct error *err);

/* Equality conjuncts of a join's condition between the two sides, and the rest. (physical_join.c) */
struct join_keys {
    int count;
    struct expr **left, **right; /* over the left / right input's own columns */
    bool *null_safe;
    bool any_null_safe;
    struct expr_list residual; /* over left ++ right */
};
void plani_join_keys(struct planner *p, const struct rel *join, struct join_keys *keys);
/* Types that compare and hash alike as they are. */
bool plani_same_key_type(const struct type *a, const struct type *b);
/* The input with a column for every key: positions of the keys in columns. */
struct planned *plani_with_keys(struct planner *p, struct planned *input, struct expr *const *keys, int key_count,
                                int **columns);

/* The large side of a batch join is read by the small one's keys. (physical_reduce.c) */
struct reduction {
    int large;                /* which input of the join */
    const struct rel *target; /* below it: its rows are left out when the small side does not have the key */
    double share;             /* of the target's rows that stay */
    int key_count;
    int *columns;             /* of the target */
    int *keys;                /* positions among the join's keys */
    struct planned *small;    /* the small side, exchanged by the keys */
    const int *small_columns; /* of small */
    struct reduction *outer;
};
/* Is it worth it? Fills in large, target, columns, keys. */
bool plani_find_reduction(struct planner *p, const struct rel *join, const struct join_keys *keys,
                          struct reduction *out);
/* The large side, planned with the reduction. small_keys: by the join's keys, columns of small. */
enum status plani_plan_reduced(struct planner *p, const struct rel *rel, struct reduction *reduction,
                               struct planned *small, const int *small_keys, struct planned **out, struct error *err);
/* Of plani_plan_rel: the node of rel, reduced when it is a target. */
struct planned *plani_reduced(struct planner *p, const struct rel *rel, struct planned *node);

/* Batch: the join (of two planned inputs) as a lookup join, where that is less work; *out stays NULL where it is not. *note: why,
 * for EXPLAIN; NULL when there was nothing to choose. (physical_lookup.c) */
enum status plani_choose_lookup_join(struct planner *p, const struct rel *rel, struct planned *first,
                                     struct planned *second, const struct join_keys *keys, struct planned **out,
                                     const char **note, struct error *err);

/* Numbers the nodes below the roots, counts users; with SHARE_BUFFERED puts exchanges behind shared nodes. *out stays NULL when the
 * executor's stages would wait for each other (only when nodes are shared in batch). (finish.c) */
enum status plani_finish(struct planner *p, struct planned *const *roots, int root_count, struct plan **out,
                         struct error *err);

#endif
