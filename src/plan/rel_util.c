/* Helpers of the rules: lists of conjuncts, questions about expressions and trees, structural equality of trees. */
#include <stdlib.h>

#include "plan/plan_private.h"

/* ---- lists and calls ---- */

void plani_add(struct planner *p, struct expr_list *list, struct expr *expr) {
    if (list->count == list->capacity) {
        int capacity = list->capacity ? list->capacity * 2 : 8;
        struct expr **items = ARENA_ARRAY(p->arena, struct expr *, capacity);
        if (list->count) memcpy(items, list->items, sizeof *items * (size_t)list->count);
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = expr;
}

void plani_split_and(struct planner *p, struct expr *expr, struct expr_list *list) {
    if (!expr) return;
    if (expr->kind != EXPR_AND) {
        plani_add(p, list, expr);
        return;
    }
    for (int i = 0; i < expr->arg_count; i++) plani_split_and(p, expr->args[i], list);
}

struct expr *plani_and(struct planner *p, const struct expr_list *list) {
    if (list->count == 0) return NULL;
    return expr_and(p->arena, list->items, list->count);
}

bool plani_is_boolean(const struct expr *expr, bool value) {
    return expr->kind == EXPR_CONST && expr->type->id == TYPE_BOOLEAN && !expr->constant.is_null &&
           expr->constant.boolean == value;
}

bool plani_never_true(const struct expr *expr) {
    return expr->kind == EXPR_CONST && (expr->constant.is_null || plani_is_boolean(expr, false));
}

bool plani_is_call(const struct expr *expr, const char *name, int arg_count) {
    return expr->kind == EXPR_CALL && expr->arg_count == arg_count && strcmp(expr->function->name, name) == 0;
}

enum status plani_call(struct planner *p, const char *name, struct expr **args, int arg_count, struct expr **out,
                       struct error *err) {
    return function_bind(p->arena, str_from(name), args, arg_count, -1, 0, out, err);
}

enum status plani_call2(struct planner *p, const char *name, struct expr *a, struct expr *b, struct expr **out,
                        struct error *err) {
    struct expr *args[2] = {a, b};
    return plani_call(p, name, args, b ? 2 : 1, out, err);
}

struct expr *plani_column(struct planner *p, const struct schema *schema, int index) {
    return expr_column(p->arena, index, schema->types[index]);
}

struct expr *plani_bigint(struct planner *p, int64_t value) {
    struct value constant = value_i64(type_with_nullable(p->arena, type_of(TYPE_BIGINT), false), value);
    return expr_const(p->arena, &constant);
}

struct expr *plani_case(struct planner *p, struct expr **args, int arg_count, bool nullable) {
    struct expr *expr = ARENA_NEW(p->arena, struct expr);
    expr->kind = EXPR_CASE;
    expr->type = type_with_nullable(p->arena, args[1]->type, nullable);
    expr->offset = -1;
    expr->args = arena_memdup(p->arena, args, sizeof *args * (size_t)arg_count);
    expr->arg_count = arg_count;
    return expr;
}

/* ---- questions about expressions ---- */

bool plani_is_random(const struct expr *expr) {
    if (expr->kind == EXPR_CALL && expr->function->determinism == NONDETERMINISTIC) return true;
    for (int i = 0; i < expr->arg_count; i++)
        if (plani_is_random(expr->args[i])) return true;
    return false;
}

int plani_expr_size(const struct expr *expr) {
    int size = 1;
    for (int i = 0; i < expr->arg_count && size <= PLAN_MAX_EXPR_NODES; i++) size += plani_expr_size(expr->args[i]);
    return size;
}

int plani_growth(const struct expr *expr, struct expr *const *exprs) {
    if (expr->kind == EXPR_COLUMN) return plani_expr_size(exprs[expr->column.index]) - 1;
    int growth = 0;
    for (int i = 0; i < expr->arg_count && growth <= PLAN_MAX_EXPR_NODES; i++)
        growth += plani_growth(expr->args[i], exprs);
    return growth;
}

struct substitution {
    struct expr *const *exprs;
};

static struct expr *substitute_column(struct expr *expr, void *data) {
    const struct substitution *substitution = data;
    return expr->kind == EXPR_COLUMN ? substitution->exprs[expr->column.index] : NULL;
}

struct expr *plani_substitute(struct planner *p, struct expr *expr, struct expr *const *exprs) {
    struct substitution substitution = {exprs};
    return expr_rewrite(p->arena, expr, substitute_column, &substitution);
}

static void add_sides(const struct expr *expr, int left_count, struct sides *sides) {
    if (expr->kind == EXPR_COLUMN) {
        if (expr->column.index < left_count)
            sides->left = true;
        else
            sides->right = true;
    }
    for (int i = 0; i < expr->arg_count; i++) add_sides(expr->args[i], left_count, sides);
}

struct sides plani_sides(const struct expr *expr, int left_count) {
    struct sides sides = {false, false};
    add_sides(expr, left_count, &sides);
    return sides;
}

bool plani_reads_only(const struct expr *expr, const bool *ok, int count) {
    if (expr->kind == EXPR_COLUMN && (expr->column.index >= count || !ok[expr->column.index])) return false;
    for (int i = 0; i < expr->arg_count; i++)
        if (!plani_reads_only(expr->args[i], ok, count)) return false;
    return true;
}

bool plani_cast_is_lossless(const struct type *from, const struct type *to) {
    if (type_equal_but_nullable(from, to)) return true;
    if (type_is_integer(from) && type_is_integer(to)) return from->id <= to->id;
    if (type_is_exact(from) && to->id == TYPE_DECIMAL) {
        int precision, scale;
        type_as_decimal(from, &precision, &scale);
        return to->scale >= scale && to->precision - to->scale >= precision - scale;
    }
    if (from->id == TYPE_FLOAT && to->id == TYPE_DOUBLE) return true;
    if (from->id == TYPE_VARCHAR && to->id == TYPE_VARCHAR) return to->length >= from->length;
    if (from->id == TYPE_CHAR && to->id == TYPE_VARCHAR) return to->length >= from->length;
    if (from->id == TYPE_VARBINARY && to->id == TYPE_VARBINARY) return to->length >= from->length;
    if (from->id == to->id && (type_is_timestamp(from) || from->id == TYPE_TIME))
        return to->precision >= from->precision;
    return false;
}

/* ---- small trees ---- */

bool plani_is_empty(const struct rel *rel) { return rel->kind == REL_VALUES && rel->values.row_count == 0; }

struct rel *plani_empty(struct planner *p, const struct rel *rel) {
    if (plani_is_empty(rel)) return (struct rel *)rel;
    struct rel *empty = rel_values(p->arena, &rel->schema, 0, NULL);
    /* Time and window attributes stay: what stands above may need them. */
    empty->schema = rel->schema;
    empty->properties = rel->properties;
    return empty;
}

struct rel *plani_pick(struct planner *p, struct rel *rel, const int *columns, int count) {
    bool all = count == rel->schema.column_count;
    for (int i = 0; i < count && all; i++) all = columns[i] == i;
    if (all) return rel;
    struct expr **exprs = ARENA_ARRAY(p->arena, struct expr *, count);
    const char **names = ARENA_ARRAY(p->arena, const char *, count);
    for (int i = 0; i < count; i++) {
        exprs[i] = plani_column(p, &rel->schema, columns[i]);
        names[i] = rel->schema.names[columns[i]];
    }
    return rel_project(p->arena, rel, count, exprs, names);
}

struct rel *plani_join_like(struct planner *p, const struct rel *join, struct rel *left, struct rel *right,
                            enum join_type type, struct expr *condition) {
    struct rel *copy = arena_memdup(p->arena, join, sizeof *join);
    copy->inputs = arena_memdup(p->arena, (struct rel *[]){left, right}, 2 * sizeof *copy->inputs);
    copy->join.type = type;
    copy->join.condition = condition;
    return copy;
}

struct rel *plani_restore(struct planner *p, struct rel *rel, const struct schema *like) {
    bool same = rel->schema.column_count == like->column_count;
    for (int i = 0; i < like->column_count && same; i++) same = strcmp(rel->schema.names[i], like->names[i]) == 0;
    if (same) return rel;
    struct expr **exprs = ARENA_ARRAY(p->arena, struct expr *, like->column_count);
    for (int i = 0; i < like->column_count; i++) exprs[i] = plani_column(p, &rel->schema, i);
    return rel_project(p->arena, rel, like->column_count, exprs, (const char **)like->names);
}

bool plani_at_most_one_row(const struct rel *rel) {
    switch (rel->kind) {
    case REL_VALUES: return rel->values.row_count <= 1;
    case REL_FILTER:
    case REL_PROJECT:
    case REL_OVER:
    case REL_WATERMARK: return plani_at_most_one_row(rel->inputs[0]);
    case REL_SORT: return (rel->sort.limit >= 0 && rel->sort.limit <= 1) || plani_at_most_one_row(rel->inputs[0]);
    case REL_AGGREGATE:
        if (rel->aggregate.grouping_set_count) return false;
        return rel->aggregate.key_count == 0 || plani_at_most_one_row(rel->inputs[0]);
    case REL_JOIN: {
        bool left = plani_at_most_one_row(rel->inputs[0]), right = plani_at_most_one_row(rel->inputs[1]);
        switch (rel->join.type) {
        case JOIN_SEMI:
        case JOIN_ANTI: return left;
        case JOIN_FULL: return false;
        default: return left && right;
        }
    }
    default: return false;
    }
}

bool plani_exactly_one_row(const struct rel *rel) {
    switch (rel->kind) {
    case REL_VALUES: return rel->values.row_count == 1;
    case REL_PROJECT:
    case REL_OVER: return plani_exactly_one_row(rel->inputs[0]);
    case REL_SORT: return rel->sort.rows_offset == 0 && rel->sort.limit != 0 && plani_exactly_one_row(rel->inputs[0]);
    case REL_AGGREGATE: return rel->aggregate.key_count == 0 && rel->aggregate.grouping_set_count == 0;
    case REL_JOIN:
        if (rel->join.type == JOIN_LEFT)
            return plani_exactly_one_row(rel->inputs[0]) && plani_at_most_one_row(rel->inputs[1]);
        return rel->join.type == JOIN_INNER && !rel->join.condition && plani_exactly_one_row(rel->inputs[0]) &&
               plani_exactly_one_row(rel->inputs[1]);
    default: return false;
    }
}

const struct rel *plani_find_window(const struct rel *rel, int window_id) {
    if (rel->kind == REL_WINDOW_TVF && rel->window_tvf.window_id == window_id) return rel;
    for (int i = 0; i < rel->input_count; i++) {
        const struct rel *found = plani_find_window(rel->inputs[i], window_id);
        if (found) return found;
    }
    return NULL;
}

/* ---- structural equality ---- */

static bool exprs_equal(struct expr *const *a, struct expr *const *b, int count) {
    for (int i = 0; i < count; i++)
        if (!expr_equal(a[i], b[i])) return false;
    return true;
}

static bool optional_equal(const struct expr *a, const struct expr *b) { return !a || !b ? a == b : expr_equal(a, b); }

static bool ints_equal(const int *a, const int *b, int count) {
    return count == 0 || memcmp(a, b, sizeof *a * (size_t)count) == 0;
}

static bool values_equal(const struct value *a, const struct value *b, int count) {
    for (int i = 0; i < count; i++)
        if (!type_equal(a[i].type, b[i].type) || value_compare(&a[i], &b[i]) != 0) return false;
    return true;
}

static bool tables_equal(const struct table *a, const struct table *b) {
    if (a == b) return true;
    if (strcmp(a->name, b->name) != 0 || a->column_count != b->column_count) return false;
    if (!a->database != !b->database || (a->database && strcmp(a->database, b->database) != 0)) return false;
    if (!a->catalog != !b->catalog || (a->catalog && strcmp(a->catalog, b->catalog) != 0)) return false;
    if (a->options.count != b->options.count) return false;
    for (int i = 0; i < a->options.count; i++) /* OPTIONS hints make another table of it */
        if (strcmp(a->options.keys[i], b->options.keys[i]) != 0 ||
            strcmp(a->options.values[i], b->options.values[i]) != 0)
            return false;
    return true;
}

static bool tops_equal(const struct scan_top *a, const struct scan_top *b) {
    if (!a || !b) return a == b;
    return a->row_count == b->row_count && a->partition_count == b->partition_count &&
           a->order_count == b->order_count && ints_equal(a->partition, b->partition, a->partition_count) &&
           ints_equal(a->order, b->order, a->order_count) &&
           memcmp(a->descending, b->descending, sizeof *a->descending * (size_t)a->order_count) == 0;
}

static bool scans_equal(const struct rel *a, const struct rel *b) {
    if (!tables_equal(a->scan.table, b->scan.table) || a->schema.column_count != b->schema.column_count) return false;
    if (a->scan.limit != b->scan.limit || a->scan.predicate_count != b->scan.predicate_count) return false;
    if (!ints_equal(a->scan.columns, b->scan.columns, a->schema.column_count)) return false;
    if (!tops_equal(a->scan.top, b->scan.top)) return false;
    for (int i = 0; i < a->scan.predicate_count; i++) {
        const struct predicate *x = &a->scan.predicates[i], *y = &b->scan.predicates[i];
        if (x->column != y->column || x->op != y->op || x->value_count != y->value_count) return false;
        if (!values_equal(x->values, y->values, x->value_count)) return false;
    }
    return true;
}

static bool functions_equal(const struct bound_aggregate *a, const struct bound_aggregate *b) {
    if (a == b) return true;
    if (a->class != b->class || a->distinct != b->distinct || a->arg_count != b->arg_count) return false;
    if (!type_equal(a->result, b->result) || a->constant_count != b->constant_count) return false;
    if (a->order_count != b->order_count) return false;
    for (int i = 0; i < a->order_count; i++)
        if (a->order[i].descending != b->order[i].descending || a->order[i].nulls_last != b->order[i].nulls_last)
            return false;
    for (int i = 0; i < a->arg_count; i++)
        if (!type_equal(a->arg_types[i], b->arg_types[i])) return false;
    return values_equal(a->constants, b->constants, a->constant_count);
}

static bool aggregates_equal(const struct rel *a, const struct rel *b) {
    if (a->aggregate.key_count != b->aggregate.key_count || a->aggregate.call_count != b->aggregate.call_count)
        return false;
    if (!ints_equal(a->aggregate.keys, b->aggregate.keys, a->aggregate.key_count)) return false;
    if (a->aggregate.grouping_set_count != b->aggregate.grouping_set_count) return false;
    for (int i = 0; i < a->aggregate.grouping_set_count; i++)
        if (a->aggregate.grouping_sets[i] != b->aggregate.grouping_sets[i]) return false;
    for (int i = 0; i < a->aggregate.call_count; i++) {
        const struct aggregate_call *x = &a->aggregate.calls[i], *y = &b->aggregate.calls[i];
        if (!functions_equal(x->function, y->function) || x->filter != y->filter) return false;
        if (!ints_equal(x->args, y->args, x->function->arg_count)) return false;
    }
    return true;
}

static bool sort_keys_equal(const struct sort_key *a, const struct sort_key *b, int count) {
    for (int i = 0; i < count; i++)
        if (a[i].column != b[i].column || a[i].descending != b[i].descending || a[i].nulls_last != b[i].nulls_last)
            return false;
    return true;
}

static bool has_offset(enum frame_bound_kind kind) { return kind == BOUND_PRECEDING || kind == BOUND_FOLLOWING; }

static bool specs_equal(const struct window_spec *a, const struct window_spec *b) {
    if (a->partition_count != b->partition_count || a->order_count != b->order_count) return false;
    if (!ints_equal(a->partition, b->partition, a->partition_count)) return false;
    if (!sort_keys_equal(a->order, b->order, a->order_count)) return false;
    if (a->has_frame != b->has_frame || a->unit != b->unit || a->start != b->start || a->end != b->end) return false;
    if (a->exclude != b->exclude) return false;
    if (has_offset(a->start) && !values_equal(&a->start_offset, &b->start_offset, 1)) return false;
    return !has_offset(a->end) || values_equal(&a->end_offset, &b->end_offset, 1);
}

static bool overs_equal(const struct rel *a, const struct rel *b) {
    if (a->over.call_count != b->over.call_count || !specs_equal(a->over.spec, b->over.spec)) return false;
    for (int i = 0; i < a->over.call_count; i++) {
        const struct window_call *x = &a->over.calls[i], *y = &b->over.calls[i];
        if (strcmp(x->function, y->function) != 0 || x->arg_count != y->arg_count) return false;
        if (x->ignore_nulls != y->ignore_nulls || !type_equal(x->type, y->type)) return false;
        if (!x->aggregate != !y->aggregate || (x->aggregate && !functions_equal(x->aggregate, y->aggregate)))
            return false;
        if (!ints_equal(x->args, y->args, x->arg_count)) return false;
    }
    return true;
}

static bool windows_equal(const struct window_params *a, const struct window_params *b) {
    return a->kind == b->kind && a->time_column == b->time_column && a->time == b->time && a->size_ms == b->size_ms &&
           a->slide_ms == b->slide_ms && a->offset_ms == b->offset_ms && a->gap_ms == b->gap_ms &&
           a->partition_count == b->partition_count && ints_equal(a->partition, b->partition, a->partition_count);
}

static bool nodes_equal(const struct rel *a, const struct rel *b) {
    switch (a->kind) {
    case REL_SCAN: return scans_equal(a, b);
    case REL_VALUES:
        if (a->values.row_count != b->values.row_count) return false;
        for (int r = 0; r < a->values.row_count; r++)
            if (!exprs_equal(a->values.rows[r], b->values.rows[r], a->schema.column_count)) return false;
        return true;
    case REL_WATERMARK:
        return a->watermark.column == b->watermark.column && expr_equal(a->watermark.expr, b->watermark.expr);
    case REL_FILTER: return expr_equal(a->filter.condition, b->filter.condition);
    case REL_PROJECT: return exprs_equal(a->project.exprs, b->project.exprs, a->schema.column_count);
    case REL_JOIN:
        return a->join.type == b->join.type && optional_equal(a->join.condition, b->join.condition) &&
               a->join.temporal == b->join.temporal && a->join.temporal_column == b->join.temporal_column &&
               a->join.correlated == b->join.correlated && a->join.null_aware == b->join.null_aware &&
               a->join.single_row == b->join.single_row;
    case REL_AGGREGATE: return aggregates_equal(a, b);
    case REL_OVER: return overs_equal(a, b);
    case REL_SORT:
        return a->sort.key_count == b->sort.key_count && a->sort.rows_offset == b->sort.rows_offset &&
               a->sort.limit == b->sort.limit && sort_keys_equal(a->sort.keys, b->sort.keys, a->sort.key_count);
    case REL_SET_OP: return a->set_op.op == b->set_op.op;
    case REL_WINDOW_TVF: return windows_equal(&a->window_tvf, &b->window_tvf);
    case REL_ROWS:
        return a->rows.held == b->rows.held && ints_equal(a->rows.columns, b->rows.columns, a->schema.column_count);
    case REL_UNNEST:
        return a->unnest.column_count == b->unnest.column_count &&
               ints_equal(a->unnest.columns, b->unnest.columns, a->unnest.column_count) &&
               a->unnest.outer == b->unnest.outer && a->unnest.ordinality == b->unnest.ordinality;
    case REL_KIND_COUNT: break;
    }
    return false;
}

static bool same_hint(const struct table_hint *a, const struct table_hint *b) {
    if (!a || !b) return a == b;
    return a->has_ttl == b->has_ttl && a->ttl_ms == b->ttl_ms && !a->build == !b->build;
}

bool plani_rel_equal(const struct rel *a, const struct rel *b) {
    if (a == b) return true;
    if (a->kind != b->kind || a->input_count != b->input_count || !same_hint(a->hint, b->hint)) return false;
    if (a->schema.column_count != b->schema.column_count) return false;
    for (int i = 0; i < a->schema.column_count; i++)
        if (!type_equal(a->schema.types[i], b->schema.types[i])) return false;
    if (!nodes_equal(a, b)) return false;
    for (int i = 0; i < a->input_count; i++)
        if (!plani_rel_equal(a->inputs[i], b->inputs[i])) return false;
    return true;
}

static uint64_t mix(uint64_t hash, uint64_t word) {
    hash = (hash ^ word) * UINT64_C(0x9E3779B97F4A7C15);
    return hash ^ hash >> 29;
}

uint64_t plani_rel_hash(const struct rel *rel) {
    uint64_t hash = mix((uint64_t)rel->kind + 1, (uint64_t)rel->schema.column_count);
    switch (rel->kind) {
    case REL_SCAN:
        for (const char *c = rel->scan.table->name; *c; c++) hash = mix(hash, (unsigned char)*c);
        for (int i = 0; i < rel->schema.column_count; i++) hash = mix(hash, (uint64_t)rel->scan.columns[i]);
        break;
    case REL_VALUES: hash = mix(hash, (uint64_t)rel->values.row_count); break;
    case REL_FILTER: hash = mix(hash, expr_hash(rel->filter.condition)); break;
    case REL_PROJECT:
        for (int i = 0; i < rel->schema.column_count; i++) hash = mix(hash, expr_hash(rel->project.exprs[i]));
        break;
    case REL_JOIN:
        hash = mix(hash, (uint64_t)rel->join.type);
        if (rel->join.condition) hash = mix(hash, expr_hash(rel->join.condition));
        break;
    case REL_AGGREGATE:
        for (int i = 0; i < rel->aggregate.key_count; i++) hash = mix(hash, (uint64_t)rel->aggregate.keys[i]);
        break;
    default: break;
    }
    for (int i = 0; i < rel->input_count; i++) hash = mix(hash, plani_rel_hash(rel->inputs[i]));
    return hash;
}
