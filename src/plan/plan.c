/* Entry points: a query, a set of inserts. */
#include "plan/plan.h"

#include "plan/plan_private.h"

/* ---- checks of what runs ---- */

static bool varies(struct expr *const *exprs, int count) {
    for (int i = 0; i < count; i++)
        if (!expr_is_deterministic(exprs[i])) return true;
    return false;
}

/* A retracted row must equal the one emitted before, but RAND() or NOW() would be another then. Where the rows go
 * straight into a sink that takes them by key, the values beside the key do not matter. */
static bool only_into_keyed_sink(const struct plan *plan, const struct pnode *node, const int *map, int count) {
    for (int i = node->id + 1; i < plan->node_count; i++) {
        const struct pnode *user = plan->nodes[i];
        for (int k = 0; k < user->input_count; k++) {
            if (user->inputs[k] != node) continue;
            if (user->kind == PNODE_EXCHANGE || user->kind == PNODE_UNION) {
                for (int x = 0; user->kind == PNODE_EXCHANGE && x < user->exchange.key_count; x++)
                    if (map[user->exchange.keys[x]]) return false;
                if (!only_into_keyed_sink(plan, user, map, count)) return false;
                continue;
            }
            if (user->kind != PNODE_SINK || user->sink.accepts != CHANGES_UPSERT || user->sink.key_count == 0)
                return false;
            for (int x = 0; x < user->sink.key_count; x++)
                if (map[user->sink.key[x]]) return false;
        }
    }
    return true;
}

static enum status check_calc(struct planner *p, const struct plan *plan, const struct pnode *node, struct error *err) {
    const struct expr *culprit = NULL;
    if (node->calc.condition && !expr_is_deterministic(node->calc.condition)) culprit = node->calc.condition;
    int count = node->schema.column_count;
    if (!culprit && node->calc.exprs && varies(node->calc.exprs, count)) {
        int *map = ARENA_ARRAY(p->arena, int, count + 1);
        for (int i = 0; i < count; i++) {
            map[i] = !expr_is_deterministic(node->calc.exprs[i]);
            if (map[i]) culprit = node->calc.exprs[i];
        }
        if (only_into_keyed_sink(plan, node, map, count)) culprit = NULL;
    }
    if (!culprit) return STATUS_OK;
    struct strbuf text = {0};
    expr_print(&text, culprit, node->inputs[0]->schema.names);
    error_set_at(err, STATUS_NOT_SUPPORTED, culprit->offset, culprit->length > 0 ? culprit->length : 0,
                 "%s has another value each time, so a row that the query takes back could not be found again",
                 text.data);
    error_hint(err, "compute it before the join, aggregate or ranking that updates rows");
    strbuf_free(&text);
    return STATUS_NOT_SUPPORTED;
}

static enum status check_plan(struct planner *p, const struct plan *plan, struct error *err) {
    if (!plan->streaming) return STATUS_OK;
    for (int i = 0; i < plan->node_count; i++) {
        const struct pnode *node = plan->nodes[i];
        if (node->kind == PNODE_CALC && node->inputs[0]->edge.changes != CHANGES_APPEND)
            TRY(check_calc(p, plan, node, err));
    }
    return STATUS_OK;
}

/* ---- queries ---- */

static enum status plan_collect(struct planner *p, const struct rel *rel, const struct schema *schema,
                                struct planned **out, struct error *err) {
    struct planned *input;
    TRY(plani_plan_rel(p, rel, &input, err));
    struct planned *node = plani_node(p, PNODE_COLLECT, schema, 1, &input);
    plani_inherit(node, input);
    node->node.edge.ordered = input->node.edge.ordered;
    node->node.collect.order_count = input->order_count;
    node->node.collect.order = input->order;
    *out = node;
    return STATUS_OK;
}

/* Both below: equal sub-plans are made once. Where stages would then wait for each other, their rows are buffered. */

static struct planner planner_for(struct arena *arena, const struct plan_options *options, enum sharing sharing) {
    struct planner planner = {.arena = arena, .options = options, .sharing = sharing};
    if (sharing != SHARE_NOTHING) planner.memo = plani_memo_new(&planner);
    return planner;
}

enum status plan_query(struct arena *query_arena, const struct bound_query *query, const struct plan_options *options,
                       struct plan **out, struct error *err) {
    struct rel *rel;
    TRY(plani_check_portable(query->rel, options, err));
    TRY(plan_optimize(query_arena, query->rel, options, &rel, err));
    for (enum sharing s = options->reuse_sub_plan ? SHARE_ALL : SHARE_NOTHING; s <= SHARE_NOTHING; s++) {
        struct planner planner = planner_for(query_arena, options, s);
        struct planned *root;
        TRY(plan_collect(&planner, rel, &query->rel->schema, &root, err));
        TRY(plani_finish(&planner, &root, 1, out, err));
        if (*out) return check_plan(&planner, *out, err);
    }
    return error_set(err, STATUS_INTERNAL, "the stages of the plan would wait for each other");
}

/* Predicates that a source has taken exactly are gone from the tree: then there is only the scan, and what picks columns. */
enum status plan_delete_where(struct arena *query_arena, const struct bound_insert *deletion,
                              const struct plan_options *options, int64_t write_micros, bool *taken, const char **text,
                              struct error *err) {
    struct planner planner = {.arena = query_arena, .options = options};
    const struct connector *connector;
    struct rel *rel;
    *taken = false;
    TRY(plani_connector(&planner, deletion->table, deletion->offset, deletion->length, &connector, err));
    if (!connector->sink || !connector->sink->delete_where) return STATUS_OK;
    TRY(plan_optimize(query_arena, deletion->rel, options, &rel, err));
    while (rel->kind == REL_PROJECT) rel = rel->inputs[0];
    if (rel->kind != REL_SCAN) return STATUS_OK;
    struct strbuf explain = {0};
    enum status status = connector->sink->delete_where(deletion->table, rel->scan.predicates, rel->scan.predicate_count,
                                                       write_micros, taken, &explain, err);
    if (status == STATUS_OK && *taken)
        *text = arena_strndup(query_arena, explain.data ? explain.data : "", explain.len);
    strbuf_free(&explain);
    return status;
}

enum status plan_inserts(struct arena *query_arena, const struct bound_insert *inserts, int insert_count,
                         const struct plan_options *options, struct plan **out, struct error *err) {
    struct rel **rels = ARENA_ARRAY(query_arena, struct rel *, insert_count + 1);
    struct planned **roots = ARENA_ARRAY(query_arena, struct planned *, insert_count + 1);
    for (int i = 0; i < insert_count; i++) TRY(plani_check_portable(inserts[i].rel, options, err));
    for (int i = 0; i < insert_count; i++) TRY(plan_optimize(query_arena, inserts[i].rel, options, &rels[i], err));
    for (enum sharing s = options->reuse_sub_plan ? SHARE_ALL : SHARE_NOTHING; s <= SHARE_NOTHING; s++) {
        struct planner planner = planner_for(query_arena, options, s);
        for (int i = 0; i < insert_count; i++) {
            struct planned *input;
            TRY(plani_plan_rel(&planner, rels[i], &input, err));
            TRY(plani_plan_sink(&planner, &inserts[i], i, input, &roots[i], err));
        }
        TRY(plani_finish(&planner, roots, insert_count, out, err));
        if (*out) return check_plan(&planner, *out, err);
    }
    return error_set(err, STATUS_INTERNAL, "the stages of the plan would wait for each other");
}
