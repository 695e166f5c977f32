/* Constant folding and what follows from it: filters that are always or never true, projections of projections and of
 * literal rows, empty inputs, LIMIT 0, sorts that order nothing. Bottom-up, one pass. */
#include "plan/plan_private.h"

/* ---- filters ---- */

static struct expr *fold_condition(struct planner *p, struct expr *condition) {
    struct expr_list conjuncts = {0}, kept = {0};
    plani_split_and(p, expr_fold(p->arena, condition), &conjuncts);
    for (int i = 0; i < conjuncts.count; i++) {
        struct expr *conjunct = expr_fold(p->arena, plani_factor_or(p, conjuncts.items[i]));
        if (plani_is_boolean(conjunct, true)) continue;
        if (plani_never_true(conjunct)) return conjunct;
        bool twice = false;
        for (int k = 0; k < kept.count && !twice; k++) twice = expr_equal(kept.items[k], conjunct);
        if (!twice) plani_split_and(p, conjunct, &kept);
    }
    return plani_and(p, &kept);
}

/* Literal rows are filtered now when every answer is known now. */
static struct rel *filter_values(struct planner *p, struct rel *values, struct expr *condition) {
    if (values->values.row_count > PLAN_MAX_FOLDED_ROWS) return NULL;
    struct expr ***rows = ARENA_ARRAY(p->arena, struct expr **, values->values.row_count);
    int count = 0;
    for (int r = 0; r < values->values.row_count; r++) {
        struct expr *answer = expr_fold(p->arena, plani_substitute(p, condition, values->values.rows[r]));
        if (answer->kind != EXPR_CONST) return NULL;
        if (plani_is_boolean(answer, true)) rows[count++] = values->values.rows[r];
    }
    struct rel *copy = plani_empty(p, values);
    copy->values.row_count = count;
    copy->values.rows = rows;
    return copy;
}

static struct rel *simplify_filter(struct planner *p, struct rel *rel) {
    struct rel *input = rel->inputs[0];
    if (plani_is_empty(input)) return input;
    struct expr *condition = fold_condition(p, rel->filter.condition);
    if (!condition) return input;
    if (plani_never_true(condition)) return plani_empty(p, rel);
    if (input->kind == REL_VALUES) {
        struct rel *values = filter_values(p, input, condition);
        if (values) return values;
    }
    if (condition == rel->filter.condition) return rel;
    return rel_filter(p->arena, input, condition);
}

/* ---- projections ---- */

static int count_uses(const struct expr *expr, int column) {
    int uses = expr->kind == EXPR_COLUMN && expr->column.index == column;
    for (int i = 0; i < expr->arg_count; i++) uses += count_uses(expr->args[i], column);
    return uses;
}

/* May the lower projection's expressions be put into the upper one's? A random value that is read twice must stay one
 * value, and expressions must not grow without bound (within one projection equal ones are computed once). */
static bool may_merge(const struct rel *upper, const struct rel *lower) {
    for (int c = 0; c < lower->schema.column_count; c++) {
        const struct expr *inner = lower->project.exprs[c];
        if (inner->kind == EXPR_COLUMN || inner->kind == EXPR_CONST) continue;
        bool random = plani_is_random(inner);
        int size = plani_expr_size(inner), uses = 0;
        for (int i = 0; i < upper->schema.column_count; i++) uses += count_uses(upper->project.exprs[i], c);
        if (random && uses > 1) return false;
        if (uses > 1 && size * uses > PLAN_MAX_EXPR_NODES / 10) return false;
    }
    return true;
}

static bool names_equal(const struct schema *a, const struct schema *b) {
    for (int i = 0; i < a->column_count; i++)
        if (strcmp(a->names[i], b->names[i]) != 0) return false;
    return true;
}

static bool is_identity(const struct rel *project) {
    const struct rel *input = project->inputs[0];
    if (project->schema.column_count != input->schema.column_count) return false;
    for (int i = 0; i < project->schema.column_count; i++) {
        const struct expr *expr = project->project.exprs[i];
        if (expr->kind != EXPR_COLUMN || expr->column.index != i) return false;
    }
    return names_equal(&project->schema, &input->schema);
}

/* What differs from row to row or from step to step is computed when the rows are made. */
static bool rows_are_simple(const struct rel *project) {
    for (int i = 0; i < project->schema.column_count; i++)
        if (!expr_is_deterministic(project->project.exprs[i]) || expr_has_subquery(project->project.exprs[i]))
            return false;
    return true;
}

static struct rel *project_values(struct planner *p, struct rel *rel) {
    struct rel *values = rel->inputs[0];
    int row_count = values->values.row_count, column_count = rel->schema.column_count;
    struct expr ***rows = ARENA_ARRAY(p->arena, struct expr **, row_count);
    for (int r = 0; r < row_count; r++) {
        for (int i = 0; i < values->schema.column_count; i++)
            if (plani_is_random(values->values.rows[r][i])) return NULL;
        rows[r] = ARENA_ARRAY(p->arena, struct expr *, column_count);
        for (int c = 0; c < column_count; c++)
            rows[r][c] = expr_fold(p->arena, plani_substitute(p, rel->project.exprs[c], values->values.rows[r]));
    }
    struct rel *copy = plani_empty(p, rel);
    copy->values.row_count = row_count;
    copy->values.rows = rows;
    return copy;
}

static struct rel *simplify_project(struct planner *p, struct rel *rel) {
    struct rel *input = rel->inputs[0];
    if (plani_is_empty(input)) return plani_empty(p, rel);
    struct expr **exprs = ARENA_ARRAY(p->arena, struct expr *, rel->schema.column_count);
    bool changed = false;
    for (int i = 0; i < rel->schema.column_count; i++) {
        exprs[i] = expr_fold(p->arena, rel->project.exprs[i]);
        changed |= exprs[i] != rel->project.exprs[i];
    }
    struct rel *project = rel;
    if (changed) {
        project = rel_with_inputs(p->arena, rel, rel->inputs);
        project->project.exprs = exprs;
    }
    if (input->kind == REL_PROJECT && may_merge(project, input)) {
        exprs = ARENA_ARRAY(p->arena, struct expr *, rel->schema.column_count);
        for (int i = 0; i < rel->schema.column_count; i++)
            exprs[i] = expr_fold(p->arena, plani_substitute(p, project->project.exprs[i], input->project.exprs));
        project = rel_with_inputs(p->arena, project, &input->inputs[0]);
        project->project.exprs = exprs;
        input = project->inputs[0];
    }
    if (is_identity(project)) return input;
    if (input->kind == REL_VALUES && input->values.row_count <= PLAN_MAX_FOLDED_ROWS && rows_are_simple(project)) {
        struct rel *values = project_values(p, project);
        if (values) return values;
    }
    return project;
}

/* ---- joins, unions, the rest ---- */

/* The other side's columns are all NULL. nulls_left: the left ones are. */
static struct rel *pad_with_nulls(struct planner *p, struct rel *join, struct rel *kept, bool nulls_left) {
    int count = join->schema.column_count, kept_count = kept->schema.column_count;
    struct expr **exprs = ARENA_ARRAY(p->arena, struct expr *, count);
    for (int i = 0; i < count; i++) {
        int column = nulls_left ? i - (count - kept_count) : i;
        exprs[i] = column >= 0 && column < kept_count ? plani_column(p, &kept->schema, column)
                                                      : expr_null(p->arena, join->schema.types[i]);
    }
    struct rel *project = rel_project(p->arena, kept, count, exprs, (const char **)join->schema.names);
    project->schema = join->schema;
    project->properties = join->properties;
    return project;
}

static struct rel *simplify_join(struct planner *p, struct rel *rel) {
    struct rel *left = rel->inputs[0], *right = rel->inputs[1];
    if (rel->join.condition) {
        struct expr *condition = rel->join.null_aware ? rel->join.condition : fold_condition(p, rel->join.condition);
        if (condition != rel->join.condition) rel = plani_join_like(p, rel, left, right, rel->join.type, condition);
    }
    bool never = rel->join.condition && plani_never_true(rel->join.condition);
    bool no_left = plani_is_empty(left), no_right = plani_is_empty(right) || never;
    switch (rel->join.type) {
    case JOIN_INNER: return no_left || no_right ? plani_empty(p, rel) : rel;
    case JOIN_SEMI: return no_left || no_right ? plani_empty(p, rel) : rel;
    case JOIN_ANTI: return no_left || no_right ? left : rel;
    case JOIN_LEFT:
        if (no_left) return plani_empty(p, rel);
        return no_right ? pad_with_nulls(p, rel, left, false) : rel;
    case JOIN_RIGHT:
        if (plani_is_empty(right)) return plani_empty(p, rel);
        return no_left || never ? pad_with_nulls(p, rel, right, true) : rel;
    case JOIN_FULL:
        if (no_left && plani_is_empty(right)) return plani_empty(p, rel);
        if (plani_is_empty(right)) return pad_with_nulls(p, rel, left, false);
        return no_left ? pad_with_nulls(p, rel, right, true) : rel;
    }
    return rel;
}

/* Flattens and drops empty inputs. */
static struct rel *simplify_union(struct planner *p, struct rel *rel) {
    int count = 0;
    bool changed = false;
    for (int i = 0; i < rel->input_count; i++) {
        const struct rel *input = rel->inputs[i];
        bool is_union = input->kind == REL_SET_OP && input->set_op.op == SET_UNION_ALL;
        changed |= is_union || plani_is_empty(input);
        count += is_union ? input->input_count : !plani_is_empty(input);
    }
    if (!changed) return rel;
    if (count == 0) return plani_empty(p, rel);
    struct rel **inputs = ARENA_ARRAY(p->arena, struct rel *, count);
    count = 0;
    for (int i = 0; i < rel->input_count; i++) {
        struct rel *input = rel->inputs[i];
        if (input->kind == REL_SET_OP && input->set_op.op == SET_UNION_ALL)
            for (int k = 0; k < input->input_count; k++) inputs[count++] = input->inputs[k];
        else if (!plani_is_empty(input))
            inputs[count++] = input;
    }
    if (count == 1) return plani_restore(p, inputs[0], &rel->schema);
    struct rel *copy = arena_memdup(p->arena, rel, sizeof *rel);
    copy->input_count = count;
    copy->inputs = inputs;
    return copy;
}

static struct rel *simplify_sort(struct planner *p, struct rel *rel) {
    struct rel *input = rel->inputs[0];
    if (plani_is_empty(input) || rel->sort.limit == 0) return plani_empty(p, rel);
    bool first_of_one = rel->sort.rows_offset == 0 && plani_at_most_one_row(input);
    bool nothing = rel->sort.key_count == 0 && rel->sort.rows_offset == 0 && rel->sort.limit < 0;
    if (first_of_one || nothing) return input;
    /* LIMIT around an ordered query takes its first rows. */
    const struct rel *project = input->kind == REL_PROJECT ? input : NULL;
    struct rel *ordered = project ? project->inputs[0] : input;
    if (rel->sort.key_count || ordered->kind != REL_SORT || ordered->sort.limit >= 0 || ordered->sort.rows_offset)
        return rel;
    struct rel *first = rel_sort(p->arena, ordered->inputs[0], ordered->sort.key_count, ordered->sort.keys,
                                 rel->sort.rows_offset, rel->sort.limit);
    first->offset = rel->offset;
    first->length = rel->length;
    return project ? rel_with_inputs(p->arena, project, &first) : first;
}

/* The order of rows that something regroups anyway does not matter. */
static struct rel *without_order(struct rel *rel) {
    while (rel->kind == REL_SORT && rel->sort.limit < 0 && rel->sort.rows_offset == 0) rel = rel->inputs[0];
    return rel;
}

static bool drops_order(const struct rel *rel) {
    if (rel->kind == REL_SORT) return rel->sort.key_count > 0;
    return rel->kind == REL_AGGREGATE || rel->kind == REL_JOIN || rel->kind == REL_SET_OP;
}

static struct rel *simplify_node(struct planner *p, struct rel *rel) {
    switch (rel->kind) {
    case REL_FILTER: return simplify_filter(p, rel);
    case REL_PROJECT: return simplify_project(p, rel);
    case REL_JOIN: return simplify_join(p, rel);
    case REL_SORT: return simplify_sort(p, rel);
    case REL_SET_OP: return rel->set_op.op == SET_UNION_ALL ? simplify_union(p, rel) : rel;
    case REL_AGGREGATE: {
        bool grouped = rel->aggregate.key_count > 0 && rel->aggregate.grouping_set_count == 0;
        return grouped && plani_is_empty(rel->inputs[0]) ? plani_empty(p, rel) : rel;
    }
    case REL_OVER:
    case REL_UNNEST:
    case REL_WINDOW_TVF:
    case REL_WATERMARK: return plani_is_empty(rel->inputs[0]) ? plani_empty(p, rel) : rel;
    default: return rel;
    }
}

enum status plani_rule_simplify(struct planner *p, struct rel *rel, struct rel **out, struct error *err) {
    struct rel **inputs = NULL;
    for (int i = 0; i < rel->input_count; i++) {
        struct rel *input;
        TRY(plani_rule_simplify(p, rel->inputs[i], &input, err));
        /* In streaming a sort without LIMIT is refused rather than ignored, as Flink does. */
        if (drops_order(rel) && !p->options->streaming) input = without_order(input);
        if (input == rel->inputs[i]) continue;
        if (!inputs) inputs = arena_memdup(p->arena, rel->inputs, sizeof *inputs * (size_t)rel->input_count);
        inputs[i] = input;
    }
    *out = simplify_node(p, inputs ? rel_with_inputs(p->arena, rel, inputs) : rel);
    return STATUS_OK;
}
