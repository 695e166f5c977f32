/* Nodes of the bound tree: constructors that derive schemas and column properties, and printing. */
#include "bind/bind.h"

#include <assert.h>
#include <stdio.h>

const char *join_type_name(enum join_type type) {
    static const char *const names[] = {"INNER", "LEFT", "RIGHT", "FULL", "SEMI", "ANTI"};
    return names[type];
}

/* ---- building blocks ---- */

static struct rel *rel_new(struct arena *arena, enum rel_kind kind, int input_count, struct rel *const *inputs) {
    struct rel *rel = ARENA_NEW(arena, struct rel);
    rel->kind = kind;
    rel->offset = -1;
    rel->input_count = input_count;
    if (input_count) rel->inputs = arena_memdup(arena, inputs, sizeof(struct rel *) * (size_t)input_count);
    return rel;
}

/* The output columns while a constructor fills them, with a hash table of their names. */
struct columns {
    const struct type **types;
    const char **names;
    struct column_property *properties;
    int count;
    int *next_number; /* by column: what to put behind the next one of its name */
    int *slots;       /* column + 1, 0 empty */
    uint32_t mask;
};

static struct columns columns_new(struct arena *arena, int capacity) {
    uint32_t slots = 16;
    while (slots < (uint32_t)capacity * 2) slots *= 2;
    return (struct columns){.types = ARENA_ARRAY(arena, const struct type *, capacity),
                            .names = ARENA_ARRAY(arena, const char *, capacity),
                            .properties = ARENA_ARRAY(arena, struct column_property, capacity),
                            .next_number = ARENA_ARRAY(arena, int, capacity),
                            .slots = ARENA_ARRAY(arena, int, slots),
                            .mask = slots - 1};
}

/* The slot of the name, or the empty one where it belongs. */
static int *name_slot(const struct columns *columns, const char *name) {
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (const char *p = name; *p; p++) hash = (hash ^ (unsigned char)*p) * 16777619u;
    uint32_t i = hash & columns->mask;
    while (columns->slots[i] && strcmp(columns->names[columns->slots[i] - 1], name) != 0) i = (i + 1) & columns->mask;
    return &columns->slots[i];
}

/* Adds a column; a name that is there already gets a number behind it, as Calcite does. */
static void columns_add(struct columns *columns, struct arena *arena, const char *name, const struct type *type,
                        struct column_property property) {
    const char *unique = name;
    int *slot = name_slot(columns, name);
    if (*slot) {
        int *number = &columns->next_number[*slot - 1];
        do {
            unique = arena_printf(arena, "%s%d", name, (*number)++);
            slot = name_slot(columns, unique);
        } while (*slot);
    }
    *slot = columns->count + 1;
    columns->names[columns->count] = unique;
    columns->types[columns->count] = type;
    columns->properties[columns->count++] = property;
}

static void columns_add_all(struct columns *columns, struct arena *arena, const struct rel *rel, bool nullable) {
    for (int i = 0; i < rel->schema.column_count; i++) {
        const struct type *type = rel->schema.types[i];
        if (nullable) type = type_with_nullable(arena, type, true);
        columns_add(columns, arena, rel->schema.names[i], type, rel->properties[i]);
    }
}

static struct rel *rel_finish(struct rel *rel, const struct columns *columns) {
    rel->schema.column_count = columns->count;
    rel->schema.types = columns->types;
    rel->schema.names = columns->names;
    rel->properties = columns->properties;
    return rel;
}

/* The schema is the input's. */
static struct rel *rel_same_schema(struct rel *rel) {
    rel->schema = rel->inputs[0]->schema;
    rel->properties = rel->inputs[0]->properties;
    return rel;
}

static const struct column_property no_property;

/* ---- sources ---- */

struct rel *rel_scan(struct arena *arena, const struct table *table, int column_count, const int *columns) {
    struct rel *rel = rel_new(arena, REL_SCAN, 0, NULL);
    struct columns out = columns_new(arena, column_count);
    for (int i = 0; i < column_count; i++) {
        const struct table_column *column = &table->columns[columns[i]];
        columns_add(&out, arena, column->name, column->type, (struct column_property){.table_column = column->name});
    }
    rel->scan.table = table;
    rel->scan.columns = arena_memdup(arena, columns, sizeof(int) * (size_t)column_count);
    rel->scan.limit = -1;
    return rel_finish(rel, &out);
}

struct rel *rel_values(struct arena *arena, const struct schema *schema, int row_count, struct expr ***rows) {
    struct rel *rel = rel_new(arena, REL_VALUES, 0, NULL);
    struct columns out = columns_new(arena, schema->column_count);
    for (int i = 0; i < schema->column_count; i++) {
        columns_add(&out, arena, schema->names[i], schema->types[i], no_property);
    }
    rel->values.row_count = row_count;
    rel->values.rows = rows;
    return rel_finish(rel, &out);
}

struct rel *rel_watermark(struct arena *arena, struct rel *input, int column, struct expr *expr) {
    struct rel *rel = rel_new(arena, REL_WATERMARK, 1, &input);
    rel->hint = input->hint;
    struct columns out = columns_new(arena, input->schema.column_count);
    columns_add_all(&out, arena, input, false);
    out.properties[column].time = TIME_ROWTIME;
    rel->watermark.column = column;
    rel->watermark.expr = expr;
    return rel_finish(rel, &out);
}

/* ---- filter, project ---- */

struct rel *rel_filter(struct arena *arena, struct rel *input, struct expr *condition) {
    struct rel *rel = rel_new(arena, REL_FILTER, 1, &input);
    rel->hint = input->hint;
    rel->filter.condition = condition;
    return rel_same_schema(rel);
}

static struct column_property expr_property(const struct rel *input, const struct expr *expr) {
    if (expr->kind == EXPR_COLUMN) return input->properties[expr->column.index];
    struct column_property property = no_property;
    if (expr->kind == EXPR_CALL && strcmp(expr->function->name, "PROCTIME") == 0) property.time = TIME_PROCTIME;
    return property;
}

struct rel *rel_project(struct arena *arena, struct rel *input, int count, struct expr **exprs, const char **names) {
    struct rel *rel = rel_new(arena, REL_PROJECT, 1, &input);
    rel->hint = input->hint;
    struct columns out = columns_new(arena, count);
    for (int i = 0; i < count; i++) {
        columns_add(&out, arena, names[i], exprs[i]->type, expr_property(input, exprs[i]));
    }
    rel->project.exprs = exprs;
    return rel_finish(rel, &out);
}

/* ---- joins ---- */

/* What a time expression of a join condition is: a time attribute of one side, perhaps moved by an interval. */
enum side { SIDE_NONE, SIDE_LEFT, SIDE_RIGHT };

static enum side time_side(const struct rel *left, const struct rel *right, const struct expr *expr) {
    if (expr->kind == EXPR_COLUMN) {
        int index = expr->column.index, left_count = left->schema.column_count;
        bool is_left = index < left_count;
        const struct column_property *property =
            is_left ? &left->properties[index] : &right->properties[index - left_count];
        if (property->time == TIME_NONE) return SIDE_NONE;
        return is_left ? SIDE_LEFT : SIDE_RIGHT;
    }
    if (expr->kind == EXPR_CAST) return time_side(left, right, expr->args[0]);
    if (expr->kind != EXPR_CALL || expr->arg_count != 2) return SIDE_NONE;
    const char *name = expr->function->name;
    if (strcmp(name, "+") != 0 && strcmp(name, "-") != 0) return SIDE_NONE;
    if (type_is_interval(expr->args[1]->type)) return time_side(left, right, expr->args[0]);
    if (type_is_interval(expr->args[0]->type)) return time_side(left, right, expr->args[1]);
    return SIDE_NONE;
}

enum { BOUND_LOWER = 1, BOUND_UPPER = 2 };

/* Which bounds a condition puts on left time - right time. */
static int time_bounds(const struct rel *left, const struct rel *right, const struct expr *condition) {
    if (!condition) return 0;
    if (condition->kind == EXPR_AND) {
        int bounds = 0;
        for (int i = 0; i < condition->arg_count; i++) bounds |= time_bounds(left, right, condition->args[i]);
        return bounds;
    }
    if (condition->kind != EXPR_CALL || condition->arg_count != 2) return 0;
    const char *name = condition->function->name;
    enum side first = time_side(left, right, condition->args[0]), second = time_side(left, right, condition->args[1]);
    if (first == SIDE_NONE || second == SIDE_NONE || first == second) return 0;
    if (strcmp(name, "=") == 0) return BOUND_LOWER | BOUND_UPPER;
    if (name[0] != '<' && name[0] != '>') return 0;
    if (strcmp(name, "<>") == 0) return 0;
    return (name[0] == '>') == (first == SIDE_LEFT) ? BOUND_LOWER : BOUND_UPPER;
}

bool join_is_interval(const struct rel *left, const struct rel *right, const struct expr *condition) {
    return time_bounds(left, right, condition) == (BOUND_LOWER | BOUND_UPPER);
}

static const struct column_property *join_property(const struct rel *left, const struct rel *right, int index) {
    int left_count = left->schema.column_count;
    return index < left_count ? &left->properties[index] : &right->properties[index - left_count];
}

/* Bit of the window attribute that a conjunct equates between the two sides. */
static int window_equalities(const struct rel *left, const struct rel *right, const struct expr *condition) {
    if (!condition) return 0;
    if (condition->kind == EXPR_AND) {
        int found = 0;
        for (int i = 0; i < condition->arg_count; i++) found |= window_equalities(left, right, condition->args[i]);
        return found;
    }
    if (condition->kind != EXPR_CALL || condition->arg_count != 2 || strcmp(condition->function->name, "=") != 0)
        return 0;
    const struct expr *a = condition->args[0], *b = condition->args[1];
    if (a->kind != EXPR_COLUMN || b->kind != EXPR_COLUMN) return 0;
    int left_count = left->schema.column_count;
    if ((a->column.index < left_count) == (b->column.index < left_count)) return 0;
    const struct column_property *p = join_property(left, right, a->column.index);
    const struct column_property *q = join_property(left, right, b->column.index);
    if (p->window != q->window || !p->window_id || !q->window_id) return 0;
    return 1 << p->window;
}

bool join_is_window(const struct rel *left, const struct rel *right, const struct expr *condition) {
    int both = 1 << WINDOW_START | 1 << WINDOW_END;
    return (window_equalities(left, right, condition) & both) == both;
}

static void forget_time(struct column_property *properties, int from, int to, bool keep_proctime) {
    for (int i = from; i < to; i++) {
        struct column_property *property = &properties[i];
        if (property->time == TIME_ROWTIME || !keep_proctime) property->time = TIME_NONE;
    }
}

static void forget_windows(struct column_property *properties, int from, int to) {
    for (int i = from; i < to; i++) {
        properties[i].window = WINDOW_NONE;
        properties[i].window_id = 0;
    }
}

static struct rel *join_new(struct arena *arena, struct rel *left, struct rel *right, enum join_type type,
                            struct expr *condition, struct columns *out) {
    struct rel *rel = rel_new(arena, REL_JOIN, 2, (struct rel *[]){left, right});
    *out = columns_new(arena, left->schema.column_count + right->schema.column_count);
    columns_add_all(out, arena, left, type == JOIN_RIGHT || type == JOIN_FULL);
    if (type != JOIN_SEMI && type != JOIN_ANTI) {
        columns_add_all(out, arena, right, type == JOIN_LEFT || type == JOIN_FULL);
    }
    rel->join.type = type;
    rel->join.condition = condition;
    rel->join.temporal_column = -1;
    return rel;
}

struct rel *rel_join(struct arena *arena, struct rel *left, struct rel *right, enum join_type type,
                     struct expr *condition) {
    struct columns out;
    struct rel *rel = join_new(arena, left, right, type, condition, &out);
    bool window = join_is_window(left, right, condition);
    if (!window && !join_is_interval(left, right, condition)) forget_time(out.properties, 0, out.count, true);
    if (!window) forget_windows(out.properties, 0, out.count);
    return rel_finish(rel, &out);
}

struct rel *rel_temporal_join(struct arena *arena, struct rel *left, struct rel *right, enum join_type type,
                              struct expr *condition, enum temporal_kind temporal, int temporal_column) {
    struct columns out;
    struct rel *rel = join_new(arena, left, right, type, condition, &out);
    int left_count = left->schema.column_count;
    forget_time(out.properties, left_count, out.count, false);
    forget_windows(out.properties, left_count, out.count);
    rel->join.temporal = temporal;
    rel->join.temporal_column = temporal_column;
    return rel_finish(rel, &out);
}

/* ---- aggregates, windows ---- */

int aggregate_window_id(const struct rel *input, int key_count, const int *keys) {
    for (int i = 0; i < key_count; i++) {
        const struct column_property *start = &input->properties[keys[i]];
        if (start->window != WINDOW_START) continue;
        for (int j = 0; j < key_count; j++) {
            const struct column_property *end = &input->properties[keys[j]];
            if (end->window == WINDOW_END && end->window_id == start->window_id) return start->window_id;
        }
    }
    return 0;
}

static bool key_in_every_set(int key, int set_count, const uint64_t *sets) {
    for (int i = 0; i < set_count; i++) {
        if (!(sets[i] >> key & 1)) return false;
    }
    return true;
}

struct rel *rel_aggregate_sets(struct arena *arena, struct rel *input, int key_count, const int *keys, int call_count,
                               const struct aggregate_call *calls, int set_count, const uint64_t *sets) {
    struct rel *rel = rel_new(arena, REL_AGGREGATE, 1, &input);
    struct columns out = columns_new(arena, key_count + call_count + 1);
    int window_id = aggregate_window_id(input, key_count, keys);
    for (int i = 0; i < key_count; i++) {
        struct column_property property = input->properties[keys[i]];
        if (!window_id || property.window_id != window_id) {
            property.time = TIME_NONE;
            property.window = WINDOW_NONE;
            property.window_id = 0;
        }
        const struct type *type = input->schema.types[keys[i]];
        if (set_count && !key_in_every_set(i, set_count, sets)) {
            type = type_with_nullable(arena, type, true);
            property = no_property;
        }
        columns_add(&out, arena, input->schema.names[keys[i]], type, property);
    }
    for (int i = 0; i < call_count; i++) {
        columns_add(&out, arena, calls[i].name, calls[i].function->result, no_property);
    }
    if (set_count) {
        columns_add(&out, arena, "$grouping_id", type_with_nullable(arena, type_of(TYPE_BIGINT), false), no_property);
    }
    rel->aggregate.key_count = key_count;
    rel->aggregate.keys = arena_memdup(arena, keys, sizeof(int) * (size_t)key_count);
    rel->aggregate.call_count = call_count;
    rel->aggregate.calls = arena_memdup(arena, calls, sizeof *calls * (size_t)call_count);
    rel->aggregate.grouping_set_count = set_count;
    if (set_count) rel->aggregate.grouping_sets = arena_memdup(arena, sets, sizeof *sets * (size_t)set_count);
    return rel_finish(rel, &out);
}

int64_t grouping_set_copy(const uint64_t *sets, int set) {
    int64_t copy = 0;
    for (int i = 0; i < set; i++) copy += sets[i] == sets[set];
    return copy;
}

int64_t grouping_set_id(const uint64_t *sets, int set, int key_count) {
    int64_t id = grouping_set_copy(sets, set);
    for (int i = 0; i < key_count; i++) id = id * 2 + !(sets[set] >> i & 1);
    return id;
}

struct rel *rel_aggregate(struct arena *arena, struct rel *input, int key_count, const int *keys, int call_count,
                          const struct aggregate_call *calls) {
    return rel_aggregate_sets(arena, input, key_count, keys, call_count, calls, 0, NULL);
}

struct rel *rel_over(struct arena *arena, struct rel *input, const struct window_spec *spec, int call_count,
                     const struct window_call *calls) {
    struct rel *rel = rel_new(arena, REL_OVER, 1, &input);
    struct columns out = columns_new(arena, input->schema.column_count + call_count);
    columns_add_all(&out, arena, input, false);
    for (int i = 0; i < call_count; i++) columns_add(&out, arena, calls[i].name, calls[i].type, no_property);
    rel->over.spec = spec;
    rel->over.call_count = call_count;
    rel->over.calls = arena_memdup(arena, calls, sizeof *calls * (size_t)call_count);
    return rel_finish(rel, &out);
}

struct rel *rel_window_tvf(struct arena *arena, struct rel *input, const struct window_params *params) {
    struct rel *rel = rel_new(arena, REL_WINDOW_TVF, 1, &input);
    struct columns out = columns_new(arena, input->schema.column_count + 3);
    columns_add_all(&out, arena, input, false);
    /* The window's time attribute takes the place of the one it was made from. */
    out.properties[params->time_column].time = TIME_NONE;
    const struct type *time = input->schema.types[params->time_column];
    const struct type *bound = type_time(arena, TYPE_TIMESTAMP, 3, false);
    enum type_id id = time->id == TYPE_TIMESTAMP_LTZ ? TYPE_TIMESTAMP_LTZ : TYPE_TIMESTAMP;
    columns_add(&out, arena, "window_start", bound,
                (struct column_property){.window = WINDOW_START, .window_id = params->window_id});
    columns_add(&out, arena, "window_end", bound,
                (struct column_property){.window = WINDOW_END, .window_id = params->window_id});
    columns_add(&out, arena, "window_time", type_time(arena, id, 3, false),
                (struct column_property){.time = params->time, .window = WINDOW_TIME, .window_id = params->window_id});
    rel->window_tvf = *params;
    return rel_finish(rel, &out);
}

struct rel *rel_rows(struct arena *arena, const struct schema *schema, const struct held_rows *held,
                     struct held_query *query, const char *name) {
    struct rel *rel = rel_new(arena, REL_ROWS, 0, NULL);
    struct columns out = columns_new(arena, schema->column_count);
    int *columns = ARENA_ARRAY(arena, int, schema->column_count);
    for (int i = 0; i < schema->column_count; i++) {
        columns_add(&out, arena, schema->names[i], schema->types[i], no_property);
        columns[i] = i;
    }
    rel->rows.held = held;
    rel->rows.columns = columns;
    rel->rows.query = query;
    rel->rows.name = name;
    if (query) rel->rows.outer = query->outer;
    return rel_finish(rel, &out);
}

/* The columns of collection `index`'s elements. padded: its rows may lack an element. */
static void add_elements(struct columns *out, struct arena *arena, const struct type *collection, int index,
                         bool padded) {
    const struct type *element = collection->children[0];
    bool map = collection->id == TYPE_MAP, fields = !map && element->id == TYPE_ROW;
    for (int i = 0; i < unnest_width(collection); i++) {
        const struct type *type = map ? collection->children[i] : fields ? element->children[i] : element;
        bool nullable = padded || type->nullable || (fields && element->nullable);
        const char *name = map      ? i ? "VALUE" : "KEY"
                           : fields ? element->names[i]
                                    : arena_printf(arena, "EXPR$%d", index);
        columns_add(out, arena, name, type_with_nullable(arena, type, nullable), no_property);
    }
}

struct rel *rel_unnest(struct arena *arena, struct rel *input, int column_count, const int *columns, bool outer,
                       bool ordinality) {
    struct rel *rel = rel_new(arena, REL_UNNEST, 1, &input);
    int width = 1;
    for (int i = 0; i < column_count; i++) width += unnest_width(input->schema.types[columns[i]]);
    struct columns out = columns_new(arena, input->schema.column_count + width);
    columns_add_all(&out, arena, input, false);
    for (int i = 0; i < column_count; i++)
        add_elements(&out, arena, input->schema.types[columns[i]], i, outer || column_count > 1);
    if (ordinality)
        columns_add(&out, arena, "ORDINALITY", type_with_nullable(arena, type_of(TYPE_INT), outer), no_property);
    rel->unnest.column_count = column_count;
    rel->unnest.columns = arena_memdup(arena, columns, sizeof *columns * (size_t)column_count);
    rel->unnest.outer = outer;
    rel->unnest.ordinality = ordinality;
    return rel_finish(rel, &out);
}

/* ---- sort, set operations ---- */

struct rel *rel_sort(struct arena *arena, struct rel *input, int key_count, const struct sort_key *keys,
                     int64_t rows_offset, int64_t limit) {
    struct rel *rel = rel_new(arena, REL_SORT, 1, &input);
    rel->sort.key_count = key_count;
    rel->sort.keys = arena_memdup(arena, keys, sizeof *keys * (size_t)key_count);
    rel->sort.rows_offset = rows_offset;
    rel->sort.limit = limit;
    return rel_same_schema(rel);
}

struct rel *rel_set_op(struct arena *arena, enum set_op_kind op, int input_count, struct rel **inputs) {
    struct rel *rel = rel_new(arena, REL_SET_OP, input_count, inputs);
    struct columns out = columns_new(arena, inputs[0]->schema.column_count);
    for (int c = 0; c < inputs[0]->schema.column_count; c++) {
        const struct type *type = inputs[0]->schema.types[c];
        struct column_property property = inputs[0]->properties[c];
        property.table_column = NULL;
        for (int i = 1; i < input_count; i++) {
            const struct column_property *other = &inputs[i]->properties[c];
            /* rows of INTERSECT come from both sides, those of EXCEPT from the first */
            bool nullable = op == SET_UNION_ALL && inputs[i]->schema.types[c]->nullable;
            if (nullable) type = type_with_nullable(arena, type, true);
            if (other->time != property.time || op != SET_UNION_ALL) property.time = TIME_NONE;
            if (other->window != property.window || other->window_id != property.window_id || op != SET_UNION_ALL) {
                property.window = WINDOW_NONE;
                property.window_id = 0;
            }
        }
        columns_add(&out, arena, inputs[0]->schema.names[c], type, property);
    }
    rel->set_op.op = op;
    return rel_finish(rel, &out);
}

struct rel *rel_union_all(struct arena *arena, int input_count, struct rel **inputs) {
    return rel_set_op(arena, SET_UNION_ALL, input_count, inputs);
}

struct rel *rel_with_inputs(struct arena *arena, const struct rel *rel, struct rel **inputs) {
    struct rel *copy = arena_memdup(arena, rel, sizeof *rel);
    if (rel->input_count) copy->inputs = arena_memdup(arena, inputs, sizeof *inputs * (size_t)rel->input_count);
    return copy;
}

/* ---- questions ---- */

static int expr_rel_depth(const struct expr *expr) {
    int depth = 0;
    if (expr->kind == EXPR_SUBQUERY) depth = rel_depth(expr->subquery.rel);
    for (int i = 0; i < expr->arg_count; i++) {
        int d = expr_rel_depth(expr->args[i]);
        if (d > depth) depth = d;
    }
    return depth;
}

bool rel_expr_at(const struct rel *rel, int i, const struct expr **out) {
    *out = NULL;
    switch (rel->kind) {
    case REL_VALUES:
        if (i >= rel->values.row_count * rel->schema.column_count) return false;
        *out = rel->values.rows[i / rel->schema.column_count][i % rel->schema.column_count];
        return true;
    case REL_WATERMARK: *out = rel->watermark.expr; return i == 0;
    case REL_FILTER: *out = rel->filter.condition; return i == 0;
    case REL_JOIN: *out = rel->join.condition; return i == 0 && *out;
    case REL_PROJECT:
        if (i >= rel->schema.column_count) return false;
        *out = rel->project.exprs[i];
        return true;
    case REL_ROWS:
        if (i >= rel_rows_outer_count(rel)) return false;
        *out = rel->rows.outer[i];
        return true;
    default: return false;
    }
}

int rel_depth(const struct rel *rel) {
    int depth = 0;
    for (int i = 0; i < rel->input_count; i++) {
        int d = rel_depth(rel->inputs[i]);
        if (d > depth) depth = d;
    }
    const struct expr *expr;
    for (int i = 0; rel_expr_at(rel, i, &expr); i++) {
        int d = expr_rel_depth(expr);
        if (d > depth) depth = d;
    }
    return depth + 1;
}

static bool expr_is_bounded(const struct expr *expr, bool (*table_is_bounded)(const struct table *table)) {
    if (expr->kind == EXPR_SUBQUERY && !rel_is_bounded(expr->subquery.rel, table_is_bounded)) return false;
    for (int i = 0; i < expr->arg_count; i++) {
        if (!expr_is_bounded(expr->args[i], table_is_bounded)) return false;
    }
    return true;
}

bool rel_is_bounded(const struct rel *rel, bool (*table_is_bounded)(const struct table *table)) {
    if (rel->kind == REL_SCAN && !table_is_bounded(rel->scan.table)) return false;
    for (int i = 0; i < rel->input_count; i++) {
        if (!rel_is_bounded(rel->inputs[i], table_is_bounded)) return false;
    }
    const struct expr *expr;
    for (int i = 0; rel_expr_at(rel, i, &expr); i++) {
        if (!expr_is_bounded(expr, table_is_bounded)) return false;
    }
    return true;
}

/* ---- printing ---- */

struct printer {
    struct strbuf *buf;
    int indent;
    int subquery_count;                /* of the node */
    const struct expr *subqueries[16]; /* more are counted but not shown */
};

static void collect_subqueries(struct printer *printer, const struct expr *expr) {
    if (expr->kind == EXPR_SUBQUERY) {
        int max = (int)(sizeof printer->subqueries / sizeof printer->subqueries[0]);
        if (printer->subquery_count < max) printer->subqueries[printer->subquery_count] = expr;
        printer->subquery_count++;
    }
    for (int i = 0; i < expr->arg_count; i++) collect_subqueries(printer, expr->args[i]);
}

static void print_expr(struct printer *printer, const struct expr *expr, const char *const *names) {
    expr_print(printer->buf, expr, names);
    collect_subqueries(printer, expr);
}

static void print_names(struct strbuf *buf, int count, const int *columns, const char *const *names) {
    for (int i = 0; i < count; i++) {
        if (i) strbuf_puts(buf, ", ");
        strbuf_put_identifier(buf, names[columns[i]]);
    }
}

static void print_scan(struct strbuf *buf, const struct rel *rel) {
    const struct table *table = rel->scan.table;
    strbuf_puts(buf, "Scan: ");
    if (table->catalog) strbuf_printf(buf, "%s.", table->catalog);
    if (table->database) strbuf_printf(buf, "%s.", table->database);
    strbuf_printf(buf, "%s [", table->name);
    for (int i = 0; i < rel->schema.column_count; i++) {
        if (i) strbuf_puts(buf, ", ");
        strbuf_put_identifier(buf, rel->schema.names[i]);
    }
    strbuf_putc(buf, ']');
    if (rel->scan.limit >= 0) strbuf_printf(buf, ", limit %lld", (long long)rel->scan.limit);
    if (rel->scan.pushdown_text) strbuf_printf(buf, ", %s", rel->scan.pushdown_text);
}

enum { PRINT_MAX_ROWS = 5 };

static void print_values(struct printer *printer, const struct rel *rel) {
    strbuf_puts(printer->buf, "Values: ");
    for (int r = 0; r < rel->values.row_count && r < PRINT_MAX_ROWS; r++) {
        strbuf_puts(printer->buf, r ? ", (" : "(");
        for (int c = 0; c < rel->schema.column_count; c++) {
            if (c) strbuf_puts(printer->buf, ", ");
            print_expr(printer, rel->values.rows[r][c], NULL);
        }
        strbuf_putc(printer->buf, ')');
    }
    if (rel->values.row_count > PRINT_MAX_ROWS) {
        strbuf_printf(printer->buf, ", ... (%d rows)", rel->values.row_count);
    }
}

static void print_project(struct printer *printer, const struct rel *rel) {
    strbuf_puts(printer->buf, "Project: ");
    const struct schema *input = &rel->inputs[0]->schema;
    for (int i = 0; i < rel->schema.column_count; i++) {
        const struct expr *expr = rel->project.exprs[i];
        if (i) strbuf_puts(printer->buf, ", ");
        print_expr(printer, expr, input->names);
        if (expr->kind == EXPR_COLUMN && strcmp(input->names[expr->column.index], rel->schema.names[i]) == 0) continue;
        strbuf_puts(printer->buf, " AS ");
        strbuf_put_identifier(printer->buf, rel->schema.names[i]);
    }
}

/* Names of a join's condition: left columns, then right ones, told apart as in the output of an inner join. */
static const char *const *join_names(struct arena *arena, const struct rel *rel) {
    if (rel->join.type != JOIN_SEMI && rel->join.type != JOIN_ANTI) return rel->schema.names;
    struct columns out = columns_new(arena, rel->inputs[0]->schema.column_count + rel->inputs[1]->schema.column_count);
    columns_add_all(&out, arena, rel->inputs[0], false);
    columns_add_all(&out, arena, rel->inputs[1], false);
    return out.names;
}

static void print_join(struct printer *printer, const struct rel *rel) {
    struct strbuf *buf = printer->buf;
    strbuf_printf(buf, "Join: %s", join_type_name(rel->join.type));
    if (rel->join.condition) {
        struct arena arena;
        arena_init(&arena, NULL);
        strbuf_puts(buf, " ON ");
        print_expr(printer, rel->join.condition, join_names(&arena, rel));
        arena_destroy(&arena);
    }
    if (rel->join.temporal != TEMPORAL_NONE) {
        strbuf_puts(buf, rel->join.temporal == TEMPORAL_PROCTIME ? ", as of proctime " : ", as of rowtime ");
        strbuf_put_identifier(buf, rel->inputs[0]->schema.names[rel->join.temporal_column]);
    }
    if (rel->join.correlated) strbuf_puts(buf, ", correlated");
    if (rel->join.null_aware) strbuf_puts(buf, ", null aware");
    if (rel->join.single_row) strbuf_puts(buf, ", single row");
}

/* ", 'x'" for the constant arguments that an aggregate keeps itself. */
static void print_constants(struct strbuf *buf, const struct bound_aggregate *aggregate) {
    for (int i = 0; i < aggregate->constant_count; i++) {
        strbuf_puts(buf, ", ");
        value_print_sql(buf, &aggregate->constants[i]);
    }
}

static void print_aggregate_call(struct strbuf *buf, const struct aggregate_call *call, const char *const *names) {
    const struct bound_aggregate *function = call->function;
    int values = function->arg_count - function->order_count;
    strbuf_printf(buf, "%s(%s", function->name, function->distinct ? "DISTINCT " : "");
    if (function->arg_count == 0) strbuf_putc(buf, '*');
    print_names(buf, values, call->args, names);
    print_constants(buf, function);
    for (int i = 0; i < function->order_count; i++) {
        strbuf_puts(buf, i ? ", " : " ORDER BY ");
        strbuf_put_identifier(buf, names[call->args[values + i]]);
        if (function->order[i].descending) strbuf_puts(buf, " DESC");
        if (function->order[i].nulls_last != function->order[i].descending)
            strbuf_puts(buf, function->order[i].nulls_last ? " NULLS LAST" : " NULLS FIRST");
    }
    strbuf_putc(buf, ')');
    if (call->filter >= 0) {
        strbuf_puts(buf, " FILTER (WHERE ");
        strbuf_put_identifier(buf, names[call->filter]);
        strbuf_putc(buf, ')');
    }
    strbuf_puts(buf, " AS ");
    strbuf_put_identifier(buf, call->name);
}

static void print_aggregate(struct strbuf *buf, const struct rel *rel) {
    const char *const *names = rel->inputs[0]->schema.names;
    strbuf_puts(buf, "Aggregate: ");
    if (rel->aggregate.grouping_set_count) {
        strbuf_puts(buf, "grouping sets ");
        for (int s = 0; s < rel->aggregate.grouping_set_count; s++) {
            strbuf_puts(buf, s ? ", (" : "(");
            bool first = true;
            for (int i = 0; i < rel->aggregate.key_count; i++) {
                if (!(rel->aggregate.grouping_sets[s] >> i & 1)) continue;
                if (!first) strbuf_puts(buf, ", ");
                first = false;
                strbuf_put_identifier(buf, names[rel->aggregate.keys[i]]);
            }
            strbuf_putc(buf, ')');
        }
    } else if (rel->aggregate.key_count) {
        strbuf_puts(buf, "group by ");
        print_names(buf, rel->aggregate.key_count, rel->aggregate.keys, names);
    } else {
        strbuf_puts(buf, "all rows");
    }
    for (int i = 0; i < rel->aggregate.call_count; i++) {
        strbuf_puts(buf, i ? ", " : "; ");
        print_aggregate_call(buf, &rel->aggregate.calls[i], names);
    }
}

static void print_sort_keys(struct strbuf *buf, int count, const struct sort_key *keys, const char *const *names) {
    for (int i = 0; i < count; i++) {
        if (i) strbuf_puts(buf, ", ");
        strbuf_put_identifier(buf, names[keys[i].column]);
        if (keys[i].descending) strbuf_puts(buf, " DESC");
        if (keys[i].nulls_last != keys[i].descending) {
            strbuf_puts(buf, keys[i].nulls_last ? " NULLS LAST" : " NULLS FIRST");
        }
    }
}

static void print_bound(struct strbuf *buf, enum frame_bound_kind kind, const struct value *offset) {
    static const char *const names[] = {"UNBOUNDED PRECEDING", "PRECEDING", "CURRENT ROW", "FOLLOWING",
                                        "UNBOUNDED FOLLOWING"};
    if (kind == BOUND_PRECEDING || kind == BOUND_FOLLOWING) {
        value_print_sql(buf, offset);
        strbuf_putc(buf, ' ');
    }
    strbuf_puts(buf, names[kind]);
}

static void print_over(struct strbuf *buf, const struct rel *rel) {
    const char *const *names = rel->inputs[0]->schema.names;
    const struct window_spec *spec = rel->over.spec;
    strbuf_puts(buf, "Over: ");
    if (spec->partition_count) {
        strbuf_puts(buf, "partition by ");
        print_names(buf, spec->partition_count, spec->partition, names);
        strbuf_putc(buf, ' ');
    }
    if (spec->order_count) {
        strbuf_puts(buf, "order by ");
        print_sort_keys(buf, spec->order_count, spec->order, names);
        strbuf_putc(buf, ' ');
    }
    if (spec->has_frame) {
        static const char *const units[] = {"rows", "range", "groups"};
        strbuf_printf(buf, "%s between ", units[spec->unit]);
        print_bound(buf, spec->start, &spec->start_offset);
        strbuf_puts(buf, " and ");
        print_bound(buf, spec->end, &spec->end_offset);
        static const char *const excluded[] = {"", " exclude current row", " exclude group", " exclude ties"};
        strbuf_puts(buf, excluded[spec->exclude]);
    }
    if (!spec->partition_count && !spec->order_count && !spec->has_frame) strbuf_puts(buf, "all rows");
    if (buf->data[buf->len - 1] == ' ') buf->data[--buf->len] = 0;
    for (int i = 0; i < rel->over.call_count; i++) {
        const struct window_call *call = &rel->over.calls[i];
        bool distinct = call->aggregate && call->aggregate->distinct;
        strbuf_printf(buf, "%s%s(%s", i ? ", " : "; ", call->function, distinct ? "DISTINCT " : "");
        if (call->arg_count == 0 && call->aggregate) strbuf_putc(buf, '*');
        print_names(buf, call->arg_count, call->args, names);
        if (call->aggregate) print_constants(buf, call->aggregate);
        strbuf_printf(buf, ")%s AS ", call->ignore_nulls ? " IGNORE NULLS" : "");
        strbuf_put_identifier(buf, call->name);
    }
}

static void print_duration(struct strbuf *buf, int64_t ms) {
    static const struct {
        int64_t ms;
        const char *unit;
    } units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "min"}, {1000, "s"}, {1, "ms"}};
    for (int i = 0; i < 5; i++) {
        if (ms % units[i].ms == 0) {
            strbuf_printf(buf, "%lld %s", (long long)(ms / units[i].ms), units[i].unit);
            return;
        }
    }
}

static void print_window_tvf(struct strbuf *buf, const struct rel *rel) {
    static const char *const kinds[] = {"TUMBLE", "HOP", "CUMULATE", "SESSION"};
    const struct window_params *params = &rel->window_tvf;
    const char *const *names = rel->inputs[0]->schema.names;
    strbuf_printf(buf, "Window: %s(", kinds[params->kind]);
    strbuf_put_identifier(buf, names[params->time_column]);
    if (params->kind == WINDOW_SESSION) {
        strbuf_puts(buf, ", gap ");
        print_duration(buf, params->gap_ms);
    } else {
        if (params->kind != WINDOW_TUMBLE) {
            strbuf_puts(buf, params->kind == WINDOW_HOP ? ", slide " : ", step ");
            print_duration(buf, params->slide_ms);
        }
        strbuf_puts(buf, ", size ");
        print_duration(buf, params->size_ms);
    }
    if (params->offset_ms) {
        strbuf_puts(buf, ", offset ");
        print_duration(buf, params->offset_ms);
    }
    if (params->partition_count) {
        strbuf_puts(buf, ", partition by ");
        print_names(buf, params->partition_count, params->partition, names);
    }
    strbuf_printf(buf, ")%s",
                  params->time == TIME_ROWTIME    ? " on rowtime"
                  : params->time == TIME_PROCTIME ? " on proctime"
                                                  : "");
}

static void print_sort(struct strbuf *buf, const struct rel *rel) {
    strbuf_puts(buf, rel->sort.key_count ? "Sort: " : "Limit: ");
    print_sort_keys(buf, rel->sort.key_count, rel->sort.keys, rel->schema.names);
    const char *separator = rel->sort.key_count ? "; " : "";
    if (rel->sort.rows_offset) {
        strbuf_printf(buf, "%soffset %lld", separator, (long long)rel->sort.rows_offset);
        separator = "; ";
    }
    if (rel->sort.limit >= 0) strbuf_printf(buf, "%slimit %lld", separator, (long long)rel->sort.limit);
}

static void print_line(struct printer *printer, const struct rel *rel) {
    static const char *const set_ops[] = {"Union all", "Intersect", "Intersect all", "Except", "Except all"};
    struct strbuf *buf = printer->buf;
    switch (rel->kind) {
    case REL_SCAN: print_scan(buf, rel); break;
    case REL_VALUES: print_values(printer, rel); break;
    case REL_WATERMARK:
        strbuf_puts(buf, "Watermark: ");
        strbuf_put_identifier(buf, rel->schema.names[rel->watermark.column]);
        strbuf_puts(buf, " AS ");
        print_expr(printer, rel->watermark.expr, rel->inputs[0]->schema.names);
        break;
    case REL_FILTER:
        strbuf_puts(buf, "Filter: ");
        print_expr(printer, rel->filter.condition, rel->inputs[0]->schema.names);
        break;
    case REL_PROJECT: print_project(printer, rel); break;
    case REL_JOIN: print_join(printer, rel); break;
    case REL_AGGREGATE: print_aggregate(buf, rel); break;
    case REL_OVER: print_over(buf, rel); break;
    case REL_SORT: print_sort(buf, rel); break;
    case REL_SET_OP: strbuf_puts(buf, set_ops[rel->set_op.op]); break;
    case REL_WINDOW_TVF: print_window_tvf(buf, rel); break;
    case REL_ROWS:
        strbuf_puts(buf, rel->rows.query ? "Rows: of " : "Rows: new ones of ");
        strbuf_put_identifier(buf, rel->rows.name);
        for (int i = 0; i < rel_rows_outer_count(rel); i++) {
            strbuf_puts(buf, i ? ", " : " for ");
            print_expr(printer, rel->rows.outer[i], NULL);
        }
        break;
    case REL_UNNEST:
        strbuf_puts(buf, rel->unnest.outer ? "Unnest: outer " : "Unnest: ");
        print_names(buf, rel->unnest.column_count, rel->unnest.columns, rel->inputs[0]->schema.names);
        if (rel->unnest.ordinality) strbuf_puts(buf, " with ordinality");
        break;
    case REL_KIND_COUNT: assert(!"rel kind");
    }
    strbuf_putc(buf, '\n');
}

static void print_rel(struct strbuf *buf, const struct rel *rel, int indent) {
    for (int i = 0; i < indent; i++) strbuf_puts(buf, "  ");
    struct printer printer = {.buf = buf, .indent = indent};
    print_line(&printer, rel);
    int shown = printer.subquery_count, max = (int)(sizeof printer.subqueries / sizeof printer.subqueries[0]);
    if (shown > max) shown = max;
    for (int i = 0; i < shown; i++) {
        for (int k = 0; k <= indent; k++) strbuf_puts(buf, "  ");
        strbuf_printf(buf, "Subquery %d\n", i + 1);
        print_rel(buf, printer.subqueries[i]->subquery.rel, indent + 2);
    }
    const struct held_query *query = rel->kind == REL_ROWS ? rel->rows.query : NULL;
    for (int i = 0; query && i < 2; i++) { /* what a recursive query begins with and repeats */
        struct rel *part = i ? query->step : query->base;
        if (!part) continue;
        for (int k = 0; k <= indent; k++) strbuf_puts(buf, "  ");
        strbuf_puts(buf, i ? "Step\n" : "First\n");
        print_rel(buf, part, indent + 2);
    }
    for (int i = 0; i < rel->input_count; i++) print_rel(buf, rel->inputs[i], indent + 1);
}

void rel_print(struct strbuf *buf, const struct rel *rel) { print_rel(buf, rel, 0); }
