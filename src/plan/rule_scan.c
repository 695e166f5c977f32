/* Offers filters and limits to sources. A filter directly over a scan is cut into conjuncts; those of the form
 * column-operator-constant are offered as predicates; what the source answers to filter exactly goes, the rest stays
 * in the filter (a source that used a predicate partially is asked with it, and its rows are filtered again). A LIMIT
 * above a scan, with nothing but projections and exactly taken filters between, is offered as a hint, and so are ORDER BY …
 * LIMIT and ROW_NUMBER() OVER (…) <= n (struct scan_top).
 *
 * The right side of a lookup join is not scanned, so nothing is offered there. */
#include "plan/plan_private.h"

/* ---- from expressions to predicates ---- */

/* The column behind casts that keep values apart and in order. */
static const struct expr *bare_column(const struct expr *expr) {
    while (expr->kind == EXPR_CAST && !expr->cast.try_cast && plani_cast_is_lossless(expr->args[0]->type, expr->type))
        expr = expr->args[0];
    return expr->kind == EXPR_COLUMN ? expr : NULL;
}

/* The constant as a value of the column's type; false when it has none there. */
static bool column_value(struct planner *p, const struct value *constant, const struct type *type, struct value *out) {
    if (constant->is_null) return false;
    const struct type *nullable = type_with_nullable(p->arena, type, true);
    if (type_equal_but_nullable(constant->type, type)) {
        *out = *constant;
        out->type = nullable;
        return true;
    }
    /* Zones would have to be known for casts between TIMESTAMP and TIMESTAMP_LTZ. */
    if (type_is_timestamp(constant->type) != type_is_timestamp(type)) return false;
    if (type_is_timestamp(type) && constant->type->id != type->id) return false;
    struct value there, back;
    if (value_cast(p->arena, constant, nullable, NULL, &there, NULL) != STATUS_OK) return false;
    if (value_cast(p->arena, &there, constant->type, NULL, &back, NULL) != STATUS_OK) return false;
    if (value_compare(&back, constant) != 0) return false;
    *out = there;
    return true;
}

struct offer {
    int column; /* of the scan */
    enum predicate_op op;
    struct value *values;
    int value_count, value_capacity;
};

static bool add_value(struct planner *p, struct offer *offer, const struct expr *constant, const struct type *type) {
    if (constant->kind != EXPR_CONST || offer->value_count >= PLAN_MAX_IN_VALUES) return false;
    if (offer->value_count == offer->value_capacity) {
        int capacity = offer->value_capacity ? offer->value_capacity * 2 : 4;
        struct value *values = ARENA_ARRAY(p->arena, struct value, capacity);
        if (offer->value_count) memcpy(values, offer->values, sizeof *values * (size_t)offer->value_count);
        offer->values = values;
        offer->value_capacity = capacity;
    }
    if (!column_value(p, &constant->constant, type, &offer->values[offer->value_count])) return false;
    for (int i = 0; i < offer->value_count; i++) /* each value once */
        if (value_compare(&offer->values[i], &offer->values[offer->value_count]) == 0) return true;
    offer->value_count++;
    return true;
}

static bool comparison_op(const char *name, bool swapped, enum predicate_op *op) {
    static const struct {
        const char *name;
        enum predicate_op op, swapped;
    } ops[] = {{"=", PREDICATE_EQ, PREDICATE_EQ},
               {"<", PREDICATE_LT, PREDICATE_GT},
               {"<=", PREDICATE_LE, PREDICATE_GE},
               {">", PREDICATE_GT, PREDICATE_LT},
               {">=", PREDICATE_GE, PREDICATE_LE}};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (strcmp(ops[i].name, name) == 0) {
            *op = swapped ? ops[i].swapped : ops[i].op;
            return true;
        }
    return false;
}

static bool make_offer(struct planner *p, const struct expr *conjunct, struct offer *offer);

static bool offer_comparison(struct planner *p, const struct expr *call, struct offer *offer) {
    bool swapped = call->args[0]->kind == EXPR_CONST;
    const struct expr *column = bare_column(call->args[swapped]);
    if (!column || !comparison_op(call->function->name, swapped, &offer->op)) return false;
    offer->column = column->column.index;
    return add_value(p, offer, call->args[!swapped], column->type);
}

static bool offer_in(struct planner *p, const struct expr *call, struct offer *offer) {
    const struct expr *column = bare_column(call->args[0]);
    if (!column) return false;
    offer->op = PREDICATE_IN;
    offer->column = column->column.index;
    for (int i = 1; i < call->arg_count; i++) {
        const struct expr *item = call->args[i];
        if (item->kind == EXPR_CONST && item->constant.is_null) continue; /* equal to nothing */
        if (!add_value(p, offer, item, column->type)) return false;
    }
    return offer->value_count > 0;
}

/* a = 1 OR a = 2 OR a IN (3, 4) */
static bool offer_or(struct planner *p, const struct expr *either, struct offer *offer) {
    offer->op = PREDICATE_IN;
    offer->column = -1;
    for (int i = 0; i < either->arg_count; i++) {
        struct offer branch = {0};
        if (!make_offer(p, either->args[i], &branch)) return false;
        if (branch.op != PREDICATE_EQ && branch.op != PREDICATE_IN) return false;
        if (offer->column >= 0 && offer->column != branch.column) return false;
        offer->column = branch.column;
        for (int v = 0; v < branch.value_count; v++) {
            struct expr *constant = expr_const(p->arena, &branch.values[v]);
            if (!add_value(p, offer, constant, branch.values[v].type)) return false;
        }
    }
    return true;
}

static bool offer_boolean(struct planner *p, const struct expr *column, bool wanted, struct offer *offer) {
    if (column->kind != EXPR_COLUMN) return false;
    offer->op = PREDICATE_EQ;
    offer->column = column->column.index;
    return add_value(p, offer, wanted ? expr_true(p->arena) : expr_false(p->arena), column->type);
}

static bool make_offer(struct planner *p, const struct expr *conjunct, struct offer *offer) {
    if (conjunct->kind == EXPR_COLUMN) return offer_boolean(p, conjunct, true, offer);
    if (conjunct->kind == EXPR_OR) return offer_or(p, conjunct, offer);
    if (conjunct->kind != EXPR_CALL) return false;
    const char *name = conjunct->function->name;
    if (strcmp(name, "IN") == 0) return offer_in(p, conjunct, offer);
    if (strcmp(name, "NOT") == 0) return offer_boolean(p, conjunct->args[0], false, offer);
    bool is_null = strcmp(name, "IS NULL") == 0;
    if (is_null || strcmp(name, "IS NOT NULL") == 0) {
        const struct expr *column = bare_column(conjunct->args[0]);
        if (!column) return false;
        offer->op = is_null ? PREDICATE_IS_NULL : PREDICATE_IS_NOT_NULL;
        offer->column = column->column.index;
        return true;
    }
    return conjunct->arg_count == 2 && offer_comparison(p, conjunct, offer);
}

/* ---- asking the source ---- */

static struct predicate to_predicate(const struct rel *scan, const struct offer *offer) {
    enum predicate_op op = offer->op == PREDICATE_IN && offer->value_count == 1 ? PREDICATE_EQ : offer->op;
    return (struct predicate){scan->scan.columns[offer->column], op, offer->values, offer->value_count};
}

/* How many rows are wanted of a node, which of its columns then being positions of them. */
struct want {
    int64_t limit;              /* any so many rows, -1: all */
    const struct scan_top *top; /* NULL: all */
    bool ranked;                /* the node is an OVER whose number is bounded: top is of its input's rows */
};
static const struct want want_all = {.limit = -1};

static enum status ask(struct planner *p, struct rel *scan, const struct source_class *source,
                       const struct predicate *predicates, int count, const struct want *want,
                       enum pushdown_answer *answers, bool *limit_exact, const char **text, struct error *err) {
    struct scan_request request = {.column_count = scan->schema.column_count,
                                   .columns = scan->scan.columns,
                                   .predicate_count = count,
                                   .predicates = predicates,
                                   .limit = want->limit,
                                   .top = want->top,
                                   .bounded_only = !p->options->streaming};
    struct strbuf explain = {0};
    enum status status = source->pushdown(scan->scan.table, &request, answers, limit_exact, &explain, err);
    if (status == STATUS_OK) *text = explain.len ? arena_strndup(p->arena, explain.data, explain.len) : NULL;
    strbuf_free(&explain);
    return status;
}

/* The same of the scan's table. */
static const struct scan_top *table_top(struct planner *p, const struct rel *scan, const struct scan_top *top) {
    if (!top) return NULL;
    struct scan_top *out = ARENA_NEW(p->arena, struct scan_top);
    int *partition = ARENA_ARRAY(p->arena, int, top->partition_count + 1);
    int *order = ARENA_ARRAY(p->arena, int, top->order_count + 1);
    for (int i = 0; i < top->partition_count; i++) partition[i] = scan->scan.columns[top->partition[i]];
    for (int i = 0; i < top->order_count; i++) order[i] = scan->scan.columns[top->order[i]];
    *out = *top;
    out->partition = partition;
    out->order = order;
    return out;
}

/* Offers what can be offered of the conjuncts (may be none); *rest are those to be checked still. */
static enum status offer_scan(struct planner *p, struct rel *scan, const struct expr_list *conjuncts,
                              const struct want *want, struct rel **out, struct expr_list *rest, struct error *err) {
    const struct connector *connector;
    TRY(plani_connector(p, scan->scan.table, scan->offset, scan->length, &connector, err));
    if (!connector->source || !connector->source->pushdown) {
        *rest = *conjuncts;
        *out = scan;
        if (want->limit >= 0 && conjuncts->count == 0) {
            *out = rel_with_inputs(p->arena, scan, NULL);
            (*out)->scan.limit = want->limit;
        }
        return STATUS_OK;
    }
    struct predicate *predicates = ARENA_ARRAY(p->arena, struct predicate, conjuncts->count + 1);
    struct expr **offered = ARENA_ARRAY(p->arena, struct expr *, conjuncts->count + 1);
    int count = 0;
    for (int i = 0; i < conjuncts->count; i++) {
        struct offer offer = {0};
        if (make_offer(p, conjuncts->items[i], &offer)) {
            offered[count] = conjuncts->items[i];
            predicates[count++] = to_predicate(scan, &offer);
        } else {
            plani_add(p, rest, conjuncts->items[i]);
        }
    }
    enum pushdown_answer *answers = ARENA_ARRAY(p->arena, enum pushdown_answer, count + 1);
    bool limit_exact = false;
    const char *text = NULL;
    TRY(ask(p, scan, connector->source, predicates, count, &want_all, answers, &limit_exact, &text, err));
    int kept = 0;
    bool *exact = ARENA_ARRAY(p->arena, bool, count + 1);
    for (int i = 0; i < count; i++) {
        if (answers[i] != PUSHDOWN_EXACT) plani_add(p, rest, offered[i]);
        if (answers[i] == PUSHDOWN_NO) continue;
        exact[kept] = answers[i] == PUSHDOWN_EXACT;
        predicates[kept++] = predicates[i];
    }
    struct want offer = want_all;
    if (!rest->count) offer = (struct want){want->limit, table_top(p, scan, want->top), false};
    /* Asked again with what it took: the text is then about that, and the limit can be offered. */
    if (kept < count || offer.limit >= 0 || offer.top)
        TRY(ask(p, scan, connector->source, predicates, kept, &offer, answers, &limit_exact, &text, err));
    struct rel *copy = rel_with_inputs(p->arena, scan, NULL);
    copy->scan.predicates = predicates;
    copy->scan.exact = exact;
    copy->scan.predicate_count = kept;
    copy->scan.limit = offer.limit;
    copy->scan.top = offer.top;
    copy->scan.pushdown_text = text;
    *out = copy;
    return STATUS_OK;
}

/* ---- walking ---- */

static enum status walk(struct planner *p, struct rel *rel, const struct want *want, struct rel **out,
                        struct error *err);

static enum status walk_filter(struct planner *p, struct rel *rel, const struct want *want, struct rel **out,
                               struct error *err) {
    struct expr_list conjuncts = {0}, rest = {0};
    plani_split_and(p, rel->filter.condition, &conjuncts);
    struct rel *scan;
    TRY(offer_scan(p, rel->inputs[0], &conjuncts, want, &scan, &rest, err));
    struct expr *condition = plani_and(p, &rest);
    *out = condition ? rel_filter(p->arena, scan, condition) : scan;
    return STATUS_OK;
}

static const struct scan_top *make_top(struct planner *p, int64_t row_count, int partition_count, const int *partition,
                                       int key_count, const struct sort_key *keys) {
    if (row_count < 1) return NULL;
    struct scan_top *top = ARENA_NEW(p->arena, struct scan_top);
    int *order = ARENA_ARRAY(p->arena, int, key_count + 1);
    bool *descending = ARENA_ARRAY(p->arena, bool, key_count + 1);
    for (int i = 0; i < key_count; i++) {
        order[i] = keys[i].column;
        descending[i] = keys[i].descending;
    }
    *top = (struct scan_top){row_count, partition_count, partition, key_count, order, descending};
    return top;
}

/* Columns behind a projection as columns in front of it; false when one is computed. */
static bool map_columns(struct planner *p, const struct rel *project, const int *columns, int count, const int **out) {
    int *mapped = ARENA_ARRAY(p->arena, int, count + 1);
    for (int i = 0; i < count; i++) {
        const struct expr *expr = project->project.exprs[columns[i]];
        if (expr->kind != EXPR_COLUMN) return false;
        mapped[i] = expr->column.index;
    }
    *out = mapped;
    return true;
}

static const struct scan_top *top_below_project(struct planner *p, const struct rel *project,
                                                const struct scan_top *top) {
    if (!top) return NULL;
    struct scan_top *out = ARENA_NEW(p->arena, struct scan_top);
    *out = *top;
    if (!map_columns(p, project, top->partition, top->partition_count, &out->partition)) return NULL;
    if (!map_columns(p, project, top->order, top->order_count, &out->order)) return NULL;
    return out;
}

/* What is wanted of a node's input when `want` is wanted of the node. */
static struct want want_below(struct planner *p, const struct rel *rel, const struct want *want) {
    struct want below = want_all;
    int64_t limit;
    if (rel->kind == REL_PROJECT) {
        below = (struct want){want->limit, top_below_project(p, rel, want->top), false};
    } else if (rel->kind == REL_SORT && rel->sort.limit >= 0 && rel->sort.limit <= INT64_MAX - rel->sort.rows_offset) {
        limit = rel->sort.limit + rel->sort.rows_offset;
        if (!rel->sort.key_count)
            below.limit = limit;
        else
            below.top = make_top(p, limit, 0, NULL, rel->sort.key_count, rel->sort.keys);
    } else if (rel->kind == REL_FILTER && plani_rank_limit(p, rel, &limit)) {
        const struct window_spec *spec = rel->inputs[0]->over.spec;
        below.top = make_top(p, limit, spec->partition_count, spec->partition, spec->order_count, spec->order);
        below.ranked = true;
    } else if (rel->kind == REL_OVER && want->ranked) {
        below.top = want->top;
    }
    return below;
}

static enum status walk(struct planner *p, struct rel *rel, const struct want *want, struct rel **out,
                        struct error *err) {
    if (rel->kind == REL_SCAN) {
        struct expr_list none = {0}, rest = {0};
        return offer_scan(p, rel, &none, want, out, &rest, err);
    }
    if (rel->kind == REL_FILTER && rel->inputs[0]->kind == REL_SCAN) return walk_filter(p, rel, want, out, err);
    bool is_lookup = rel->kind == REL_JOIN && rel->join.temporal == TEMPORAL_PROCTIME;
    struct want below = want_below(p, rel, want);
    struct rel **inputs = NULL;
    for (int i = 0; i < rel->input_count; i++) {
        if (is_lookup && i == 1) continue;
        struct rel *input;
        TRY(walk(p, rel->inputs[i], &below, &input, err));
        if (input == rel->inputs[i]) continue;
        if (!inputs) inputs = arena_memdup(p->arena, rel->inputs, sizeof *inputs * (size_t)rel->input_count);
        inputs[i] = input;
    }
    *out = inputs ? rel_with_inputs(p->arena, rel, inputs) : rel;
    return STATUS_OK;
}

enum status plani_rule_scan(struct planner *p, struct rel *rel, struct rel **out, struct error *err) {
    return walk(p, rel, &want_all, out, err);
}
