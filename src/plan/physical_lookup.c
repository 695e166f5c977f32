/* Lookup joins: the right side is a table that is asked by key.
 *
 * Streaming: FOR SYSTEM_TIME AS OF a processing time, and nothing else; a regular join keeps its meaning, in which later
 * changes of the table count. Batch: also a join, IN or EXISTS whose keys are few beside the table's rows (the option
 * 'lookup.join', the setting table.optimizer.lookup-join.ratio). No exchange is needed: within a step a key has one
 * answer whoever asks. */
#include <stdio.h>

#include "plan/plan_private.h"

/* The right side of a lookup join: SCAN, with filters and projections above. */
struct lookup_side {
    const struct rel *scan;
    struct expr **exprs; /* the right side's columns over the scan's */
    int count;
    struct expr_list filters; /* over the scan's columns */
};

static bool read_lookup_side(struct planner *p, const struct rel *rel, struct lookup_side *side) {
    if (rel->kind == REL_SCAN) {
        side->scan = rel;
        side->count = rel->schema.column_count;
        side->exprs = ARENA_ARRAY(p->arena, struct expr *, side->count + 1);
        for (int i = 0; i < side->count; i++) side->exprs[i] = plani_column(p, &rel->schema, i);
        return true;
    }
    if (rel->kind != REL_FILTER && rel->kind != REL_PROJECT) return false;
    if (!read_lookup_side(p, rel->inputs[0], side)) return false;
    if (rel->kind == REL_FILTER) {
        plani_split_and(p, plani_substitute(p, rel->filter.condition, side->exprs), &side->filters);
        return true;
    }
    struct expr **exprs = ARENA_ARRAY(p->arena, struct expr *, rel->schema.column_count + 1);
    for (int i = 0; i < rel->schema.column_count; i++)
        exprs[i] = plani_substitute(p, rel->project.exprs[i], side->exprs);
    side->exprs = exprs;
    side->count = rel->schema.column_count;
    return true;
}

/* The keys that are columns of the table, and the ones the connector can be asked by. */
struct lookup_keys {
    int count;
    struct expr **left; /* over the left side's columns, or a constant */
    int *columns;       /* of the table */
    bool *used;         /* by index of struct join_keys */
};

/* Casts the left key to the table's type; false when equal values would not stay equal. */
static bool fit_key(struct planner *p, struct expr *left, const struct type *type, struct expr **out) {
    while (left->kind == EXPR_CAST && !left->cast.try_cast && type_equal_but_nullable(left->args[0]->type, type) &&
           plani_cast_is_lossless(left->args[0]->type, left->type))
        left = left->args[0]; /* undoes a widening that was only for the comparison */
    if (!plani_same_key_type(left->type, type)) {
        if (!plani_cast_is_lossless(left->type, type)) return false;
        left = expr_cast(p->arena, left, type_with_nullable(p->arena, type, left->type->nullable), false);
    }
    *out = left;
    return true;
}

static const struct expr *table_column_of(const struct expr *right, const struct lookup_side *side) {
    while (right->kind == EXPR_CAST && !right->cast.try_cast &&
           plani_cast_is_lossless(right->args[0]->type, right->type))
        right = right->args[0];
    if (right->kind != EXPR_COLUMN) return NULL;
    const struct expr *column = side->exprs[right->column.index];
    return column->kind == EXPR_COLUMN ? column : NULL;
}

/* Is the column among the first `count` of the primary key? */
static bool in_primary_key(const struct table *table, int count, int column) {
    for (int i = 0; i < count; i++)
        if (table->primary_key[i] == column) return true;
    return false;
}

/* Adds left = the scan's column, if it may be one of the keys. primary_count: as below. */
static bool add_lookup_key(struct planner *p, const struct lookup_side *side, struct expr *left, int column,
                           int primary_count, struct lookup_keys *out) {
    const struct table *table = side->scan->scan.table;
    int position = side->scan->scan.columns[column];
    if (primary_count >= 0 && !in_primary_key(table, primary_count, position)) return false;
    for (int k = 0; k < out->count; k++)
        if (out->columns[k] == position) return false;
    if (!fit_key(p, left, table->columns[position].type, &out->left[out->count])) return false;
    out->columns[out->count++] = position;
    return true;
}

/* The equalities with columns of the table, those with a constant (which stay filters too) where there are others;
 * primary_count >= 0: only with the first so many of its primary key. */
static void collect_lookup_keys(struct planner *p, const struct join_keys *keys, const struct lookup_side *side,
                                int primary_count, struct lookup_keys *out) {
    int most = keys->count + side->filters.count;
    *out = (struct lookup_keys){.left = ARENA_ARRAY(p->arena, struct expr *, most + 1),
                                .columns = ARENA_ARRAY(p->arena, int, most + 1),
                                .used = ARENA_ARRAY(p->arena, bool, keys->count + 1)};
    for (int i = 0; i < keys->count; i++) {
        const struct expr *column = keys->null_safe[i] ? NULL : table_column_of(keys->right[i], side);
        if (column) out->used[i] = add_lookup_key(p, side, keys->left[i], column->column.index, primary_count, out);
    }
    for (int i = 0; i < side->filters.count && out->count; i++) {
        const struct expr *filter = side->filters.items[i];
        if (!plani_is_call(filter, "=", 2)) continue;
        int at = filter->args[0]->kind == EXPR_COLUMN ? 0 : 1;
        if (filter->args[at]->kind == EXPR_COLUMN && filter->args[1 - at]->kind == EXPR_CONST)
            add_lookup_key(p, side, filter->args[1 - at], filter->args[at]->column.index, primary_count, out);
    }
}

/* The most keys that the connector can be asked by: all of them, or a part of the primary key from its beginning. */
static bool choose_lookup_keys(struct planner *p, const struct connector *connector, const struct join_keys *keys,
                               const struct lookup_side *side, struct lookup_keys *out, const char **text) {
    const struct table *table = side->scan->scan.table;
    int tried = -1;
    for (int attempt = -1; attempt < table->primary_key_count; attempt++) {
        collect_lookup_keys(p, keys, side, attempt < 0 ? -1 : table->primary_key_count - attempt, out);
        if (out->count == 0 || out->count == tried) continue;
        tried = out->count;
        struct strbuf explain = {0};
        enum pushdown_answer answer = connector->lookup->accepts(table, out->columns, out->count, &explain);
        *text = explain.len ? arena_strndup(p->arena, explain.data, explain.len) : NULL;
        strbuf_free(&explain);
        if (answer != PUSHDOWN_NO) return true;
    }
    return false;
}

static enum status cannot_be_asked(struct planner *p, const struct rel *rel, const struct connector *connector,
                                   const struct lookup_side *side, struct error *err) {
    error_set_at(err, STATUS_NOT_SUPPORTED, rel->offset, rel->length,
                 "table '%s' cannot be looked up by the columns of this join",
                 plani_table_name(p, side->scan->scan.table));
    error_hint(err, "a lookup join needs equality with the table's key (connector '%s')", connector->name);
    return STATUS_NOT_SUPPORTED;
}

/* What could not be asked for is compared afterwards: over left ++ looked-up columns. */
static enum status lookup_residual(struct planner *p, const struct rel *rel, const struct join_keys *keys,
                                   const struct lookup_keys *chosen, const struct lookup_side *side, struct expr **out,
                                   struct error *err) {
    int left_count = rel->inputs[0]->schema.column_count;
    struct expr **columns = ARENA_ARRAY(p->arena, struct expr *, left_count + side->count + 1);
    for (int i = 0; i < left_count; i++) columns[i] = plani_column(p, &rel->inputs[0]->schema, i);
    for (int i = 0; i < side->count; i++) columns[left_count + i] = expr_shift(p->arena, side->exprs[i], left_count);
    struct expr_list all = {0};
    for (int i = 0; i < keys->residual.count; i++)
        plani_add(p, &all, plani_substitute(p, keys->residual.items[i], columns));
    for (int i = 0; i < keys->count; i++) {
        if (chosen->used[i]) continue;
        struct expr *equal, *right = plani_substitute(p, keys->right[i], columns + left_count);
        TRY(plani_call2(p, keys->null_safe[i] ? "IS NOT DISTINCT FROM" : "=", keys->left[i], right, &equal, err));
        plani_add(p, &all, equal);
    }
    *out = plani_and(p, &all);
    return STATUS_OK;
}

/* The right side's columns over left ++ looked-up columns. Computed ones must be NULL where a LEFT join found
 * nothing: a key of the table that was asked for is never NULL where it found something. */
static enum status lookup_output(struct planner *p, const struct rel *rel, const struct lookup_side *side,
                                 struct planned *node, int key_position, struct planned **out, struct error *err) {
    int left_count = rel->inputs[0]->schema.column_count;
    struct expr **exprs = ARENA_ARRAY(p->arena, struct expr *, rel->schema.column_count + 1);
    bool plain = true;
    for (int i = 0; i < left_count; i++) exprs[i] = plani_column(p, &node->node.schema, i);
    for (int i = 0; i < side->count; i++) {
        const struct expr *expr = side->exprs[i];
        if (expr->kind == EXPR_COLUMN) {
            exprs[left_count + i] = plani_column(p, &node->node.schema, left_count + expr->column.index);
            plain &= expr->column.index == i;
            continue;
        }
        plain = false;
        exprs[left_count + i] = expr_shift(p->arena, side->exprs[i], left_count);
        if (rel->join.type != JOIN_LEFT) continue;
        struct expr *found, *args[3];
        TRY(plani_call2(p, "IS NOT NULL", plani_column(p, &node->node.schema, left_count + key_position), NULL, &found,
                        err));
        args[0] = found;
        args[1] = exprs[left_count + i];
        args[2] = expr_null(p->arena, exprs[left_count + i]->type);
        exprs[left_count + i] = plani_case(p, args, 3, true);
    }
    plain &= node->node.schema.column_count == rel->schema.column_count;
    *out = plain ? node : plani_calc(p, node, NULL, exprs, &rel->schema);
    return STATUS_OK;
}

/* The scan's columns and, when it is not among them, the first key column. */
static const int *looked_up_columns(struct planner *p, const struct rel *scan, const struct lookup_keys *keys,
                                    int *count, int *key_position) {
    int n = scan->schema.column_count;
    int *columns = ARENA_ARRAY(p->arena, int, n + 1);
    memcpy(columns, scan->scan.columns, sizeof *columns * (size_t)n);
    *key_position = -1;
    for (int i = 0; i < n; i++)
        if (columns[i] == keys->columns[0]) *key_position = i;
    if (*key_position < 0) {
        *key_position = n;
        columns[n++] = keys->columns[0];
    }
    *count = n;
    return columns;
}

static struct schema *lookup_schema(struct planner *p, const struct planned *left, const struct table *table,
                                    const int *columns, int count, bool padded) {
    int left_count = left->node.schema.column_count;
    const struct type **types = ARENA_ARRAY(p->arena, const struct type *, left_count + count + 1);
    const char **names = ARENA_ARRAY(p->arena, const char *, left_count + count + 1);
    for (int i = 0; i < left_count; i++) {
        types[i] = left->node.schema.types[i];
        names[i] = left->node.schema.names[i];
    }
    for (int i = 0; i < count; i++) {
        const struct table_column *column = &table->columns[columns[i]];
        types[left_count + i] = padded ? type_with_nullable(p->arena, column->type, true) : column->type;
        names[left_count + i] = column->name;
    }
    struct schema *schema = ARENA_NEW(p->arena, struct schema);
    *schema = (struct schema){left_count + count, types, names};
    return schema;
}

/* Has the lookup at most one row per key? */
static bool finds_one(const struct table *table, const struct lookup_keys *keys) {
    for (int i = 0; i < table->primary_key_count; i++) {
        bool asked = false;
        for (int k = 0; k < keys->count; k++) asked |= keys->columns[k] == table->primary_key[i];
        if (!asked) return false;
    }
    return table->primary_key_count > 0;
}

static enum status lookup_connector(struct planner *p, const struct rel *rel, const struct lookup_side *side,
                                    const struct connector **out, struct error *err) {
    TRY(plani_connector(p, side->scan->scan.table, side->scan->offset, side->scan->length, out, err));
    if (rel->join.type != JOIN_INNER && rel->join.type != JOIN_LEFT)
        return error_set_at(err, STATUS_NOT_SUPPORTED, rel->offset, rel->length,
                            "a lookup join is an INNER or a LEFT join, not %s", join_type_name(rel->join.type));
    if ((*out)->lookup) return STATUS_OK;
    return error_set_at(err, STATUS_NOT_SUPPORTED, rel->offset, rel->length,
                        "table '%s' cannot be looked up by key: connector '%s' has no lookup",
                        plani_table_name(p, side->scan->scan.table), (*out)->name);
}

/* Options may also come from hints, which nobody has checked. */
static enum status read_settings(struct planner *p, const struct table *table, struct lookup_settings *out,
                                 struct error *err) {
    struct option_list given = {0};
    for (const struct option_def *def = connector_lookup_options; def->name; def++) {
        const char *value = option_find(&table->options, def->name);
        if (value) option_add(&given, p->arena, def->name, value, -1);
    }
    const struct option_def *tables[] = {connector_lookup_options, NULL};
    TRY(options_check(&given, tables, arena_printf(p->arena, "table '%s'", table->name), err));
    connector_lookup_settings(&given, out);
    return STATUS_OK;
}

/* Does the node run in several stages? Then its rows are brought together, so that a step has one answer for a key. */
static bool runs_in_several_stages(const struct pnode *node) {
    if (node->kind == PNODE_EXCHANGE || node->input_count == 0) return false;
    if (node->kind == PNODE_UNION) return true;
    return runs_in_several_stages(node->inputs[0]);
}

/* Candidate keys of the result: those of the left side, if it keeps one row each; with the table's where several may be
 * found; and the table's alone where each of its rows is found once. */
static void lookup_uniqueness(struct planner *p, struct planned *node, const struct planned *input,
                              const struct connector *connector, const struct lookup_keys *chosen, const int *left_keys,
                              bool one, bool padded) {
    const struct table *table = node->node.join.table;
    int left_count = input->node.schema.column_count, key_count = table->primary_key_count;
    if (!one) {
        node->unique_count = 0;
        node->node.edge.key_count = 0;
        node->single_row = false;
    }
    int *key = ARENA_ARRAY(p->arena, int, key_count + 1);
    for (int k = 0; k < key_count; k++) {
        key[k] = -1;
        for (int i = 0; i < node->node.join.column_count; i++)
            if (node->node.join.columns[i] == table->primary_key[k]) key[k] = left_count + i;
        if (key[k] < 0) return;
    }
    if (!key_count) return;
    bool declared = !connector->sink || connector->sink->accepts(table) != CHANGES_UPSERT;
    if (!padded && plani_is_unique(input, left_keys, chosen->count, false))
        plani_add_unique(p, node, key_count, key, declared || !plani_is_unique(input, left_keys, chosen->count, true));
    for (int i = 0; !one && i < input->unique_count; i++) {
        const struct unique_key *left = &input->unique[i];
        int *both = ARENA_ARRAY(p->arena, int, left->count + key_count);
        memcpy(both, left->columns, sizeof *both * (size_t)left->count);
        memcpy(both + left->count, key, sizeof *both * (size_t)key_count);
        plani_add_unique(p, node, left->count + key_count, both, declared || left->declared);
    }
}

/* What is known once a join's right side can be looked up. */
struct lookup_choice {
    const struct connector *connector;
    struct lookup_side side;
    struct join_keys keys;
    struct lookup_keys chosen;
    struct lookup_settings settings;
    const char *text; /* what the connector says */
};

/* rel's left side is planned already. */
static enum status plan_lookup(struct planner *p, const struct rel *rel, const struct lookup_choice *choice,
                               struct planned *left, const char *note, struct planned **out, struct error *err) {
    const struct lookup_keys *chosen = &choice->chosen;
    const struct lookup_side *side = &choice->side;
    const struct table *table = side->scan->scan.table;
    int column_count, key_position, *left_keys, left_count = rel->inputs[0]->schema.column_count;
    const int *columns = looked_up_columns(p, side->scan, chosen, &column_count, &key_position);
    struct expr *condition;
    TRY(lookup_residual(p, rel, &choice->keys, chosen, side, &condition, err));
    struct planned *keyed = plani_with_keys(p, left, chosen->left, chosen->count, &left_keys);
    if (keyed != left && condition) { /* the looked-up columns start further right */
        int *map = ARENA_ARRAY(p->arena, int, left_count + column_count + 1);
        for (int i = 0; i < left_count + column_count; i++)
            map[i] = i < left_count ? i : i - left_count + keyed->node.schema.column_count;
        condition = expr_remap(p->arena, condition, map);
    }
    struct planned *input =
        runs_in_several_stages(&keyed->node) ? plani_distribute(p, keyed, left_keys, chosen->count) : keyed;
    bool padded = rel->join.type == JOIN_LEFT;
    struct planned *node =
        plani_node(p, PNODE_LOOKUP_JOIN, lookup_schema(p, input, table, columns, column_count, padded), 1, &input);
    bool one = finds_one(table, chosen);
    plani_inherit(node, input);
    node->node.edge.netted = false;
    node->node.join.type = rel->join.type;
    node->node.join.key_count = chosen->count;
    node->node.join.left_keys = left_keys;
    node->node.join.right_keys = chosen->columns;
    node->node.join.condition = condition;
    node->node.join.table = table;
    node->node.join.connector = choice->connector;
    node->node.join.column_count = column_count;
    node->node.join.columns = columns;
    node->node.join.right_filter = plani_and(p, &side->filters);
    node->node.join.right_unique = one;
    node->node.join.lookup = choice->settings;
    node->node.note = note;
    lookup_uniqueness(p, node, input, choice->connector, chosen, left_keys, one, padded);
    if (keyed != left) {
        int *without = ARENA_ARRAY(p->arena, int, left_count + column_count + 1);
        for (int i = 0; i < left_count + column_count; i++)
            without[i] = i < left_count ? i : i - left_count + keyed->node.schema.column_count;
        node = plani_select(p, node, without, lookup_schema(p, left, table, columns, column_count, padded));
    }
    return lookup_output(p, rel, side, node, key_position, out, err);
}

/* ---- FOR SYSTEM_TIME AS OF a processing time ---- */

enum status plani_plan_lookup_join(struct planner *p, const struct rel *rel, struct planned **out, struct error *err) {
    struct lookup_choice choice = {0};
    if (!read_lookup_side(p, rel->inputs[1], &choice.side))
        return error_set_at(err, STATUS_NOT_SUPPORTED, rel->offset, rel->length,
                            "processing-time temporal joins are supported with a table only");
    TRY(lookup_connector(p, rel, &choice.side, &choice.connector, err));
    TRY(read_settings(p, choice.side.scan->scan.table, &choice.settings, err));
    struct planned *left;
    TRY(plani_plan_rel(p, rel->inputs[0], &left, err));
    plani_join_keys(p, rel, &choice.keys);
    if (!choose_lookup_keys(p, choice.connector, &choice.keys, &choice.side, &choice.chosen, &choice.text))
        return cannot_be_asked(p, rel, choice.connector, &choice.side, err);
    return plan_lookup(p, rel, &choice, left, choice.text, out, err);
}

/* ---- batch: instead of a scan, when that is less work ---- */

/* Can rel's right side be looked up by the join's keys, as it stands? A scan that the source has narrowed already is
 * left alone. *found tells. */
static enum status can_look_up(struct planner *p, const struct rel *rel, struct lookup_choice *choice, bool *found,
                               struct error *err) {
    *found = false;
    *choice = (struct lookup_choice){0};
    if (!read_lookup_side(p, rel->inputs[1], &choice->side)) return STATUS_OK;
    const struct rel *scan = choice->side.scan;
    if (scan->scan.predicate_count || scan->scan.limit >= 0) return STATUS_OK;
    TRY(plani_connector(p, scan->scan.table, scan->offset, scan->length, &choice->connector, err));
    if (!choice->connector->lookup) return STATUS_OK;
    TRY(read_settings(p, scan->scan.table, &choice->settings, err));
    plani_join_keys(p, rel, &choice->keys);
    *found = choose_lookup_keys(p, choice->connector, &choice->keys, &choice->side, &choice->chosen, &choice->text);
    return STATUS_OK;
}

/* "5,000,000" */
static const char *print_count(struct planner *p, double count) {
    char digits[32];
    struct strbuf text = {0};
    int len = snprintf(digits, sizeof digits, "%.0f", count < 1e18 ? count : 1e18);
    for (int i = 0; i < len; i++) {
        if (i && (len - i) % 3 == 0) strbuf_putc(&text, ',');
        strbuf_putc(&text, digits[i]);
    }
    const char *copy = arena_strndup(p->arena, text.data, text.len);
    strbuf_free(&text);
    return copy;
}

static const char *key_names(struct planner *p, const struct lookup_choice *choice) {
    struct strbuf text = {0};
    for (int i = 0; i < choice->chosen.count; i++)
        strbuf_printf(&text, "%s%s", i ? ", " : "",
                      choice->side.scan->scan.table->columns[choice->chosen.columns[i]].name);
    const char *copy = arena_strndup(p->arena, text.data, text.len);
    strbuf_free(&text);
    return copy;
}

/* Is looking up less work than reading? *note says why, for EXPLAIN. */
static bool is_worth_it(struct planner *p, const struct lookup_choice *choice, double keys, double table_rows,
                        const char **note) {
    const struct table *table = choice->side.scan->scan.table;
    bool known = table_rows > 0; /* a server's estimate is 0 before it has counted */
    double rows = known ? table_rows : PLAN_DEFAULT_ROWS, ratio = p->options->lookup_ratio;
    const char *figures = arena_printf(
        p->arena, "%s against %s",
        keys < 0 ? "an unknown number of keys" : arena_printf(p->arena, "%s keys estimated", print_count(p, keys)),
        known ? arena_printf(p->arena, "%s rows", print_count(p, rows)) : "an unknown number of rows");
    if (choice->settings.join == LOOKUP_JOIN_OFF) {
        *note = arena_printf(p->arena, "full scan of %s: 'lookup.join' is 'off'", table->name);
        return false;
    }
    if (choice->settings.join == LOOKUP_JOIN_ON || (keys >= 0 && keys <= ratio * rows)) {
        *note = arena_printf(p->arena, "lookup by (%s): %s%s", key_names(p, choice), figures,
                             choice->settings.join == LOOKUP_JOIN_ON ? ", 'lookup.join' is 'on'" : "");
        return true;
    }
    if (ratio > 0)
        *note = arena_printf(p->arena, "full scan of %s: %s, more than %g of them", table->name, figures, ratio);
    return false;
}

static double scanned_rows(const struct planned *side) {
    const struct pnode *node = &side->node;
    while (node->kind == PNODE_CALC) node = node->inputs[0];
    return node->row_estimate;
}

/* The join with its sides the other way round. */
static struct rel *swap_sides(struct planner *p, const struct rel *rel, enum join_type type) {
    int first = rel->inputs[0]->schema.column_count, second = rel->inputs[1]->schema.column_count;
    int *map = ARENA_ARRAY(p->arena, int, first + second + 1);
    for (int i = 0; i < first + second; i++) map[i] = i < first ? second + i : i - first;
    struct rel *swapped =
        rel_join(p->arena, rel->inputs[1], rel->inputs[0], type, expr_remap(p->arena, rel->join.condition, map));
    swapped->offset = rel->offset;
    swapped->length = rel->length;
    return swapped;
}

/* INNER, LEFT with the table on the right, SEMI with it there when a key has one row at most. */
static enum status look_up_right(struct planner *p, const struct rel *rel, struct planned *first,
                                 struct planned *second, struct planned **out, const char **note, struct error *err) {
    struct lookup_choice choice;
    bool found;
    TRY(can_look_up(p, rel, &choice, &found, err));
    bool one = found && finds_one(choice.side.scan->scan.table, &choice.chosen);
    if (!found || ((rel->join.type == JOIN_SEMI || rel->join.single_row) && !one)) return STATUS_OK;
    if (!is_worth_it(p, &choice, first->node.row_estimate, scanned_rows(second), note)) return STATUS_OK;
    const struct rel *join = rel;
    if (rel->join.type == JOIN_SEMI)
        join = rel_join(p->arena, rel->inputs[0], rel->inputs[1], JOIN_INNER, rel->join.condition);
    TRY(plan_lookup(p, join, &choice, first, *note, out, err));
    if (join != rel) {
        int *columns = ARENA_ARRAY(p->arena, int, rel->schema.column_count + 1);
        for (int i = 0; i < rel->schema.column_count; i++) columns[i] = i;
        *out = plani_select(p, *out, columns, &rel->schema);
    }
    return STATUS_OK;
}

/* INNER and RIGHT with the table on the left. */
static enum status look_up_left(struct planner *p, const struct rel *rel, struct planned *first, struct planned *second,
                                struct planned **out, const char **note, struct error *err) {
    const struct rel *swapped = swap_sides(p, rel, rel->join.type == JOIN_RIGHT ? JOIN_LEFT : JOIN_INNER);
    struct lookup_choice choice;
    bool found;
    TRY(can_look_up(p, swapped, &choice, &found, err));
    if (!found || !is_worth_it(p, &choice, second->node.row_estimate, scanned_rows(first), note)) return STATUS_OK;
    TRY(plan_lookup(p, swapped, &choice, second, *note, out, err));
    int left = rel->inputs[0]->schema.column_count, right = rel->inputs[1]->schema.column_count;
    int *columns = ARENA_ARRAY(p->arena, int, left + right + 1);
    for (int i = 0; i < left + right; i++) columns[i] = i < left ? right + i : i - left;
    *out = plani_select(p, *out, columns, &rel->schema);
    return STATUS_OK;
}

/* SEMI with the table on the left, from IN and EXISTS: the distinct keys of the right side are looked up. Each row of the
 * table has the keys of one of them at most. Conditions beside the keys must be about the table alone. */
static enum status look_up_kept(struct planner *p, const struct rel *rel, struct planned *first, struct planned *second,
                                const struct join_keys *keys, struct planned **out, const char **note,
                                struct error *err) {
    int left_count = rel->inputs[0]->schema.column_count;
    if (!keys->count || keys->any_null_safe) return STATUS_OK;
    for (int i = 0; i < keys->residual.count; i++)
        if (plani_sides(keys->residual.items[i], left_count).right) return STATUS_OK;
    const char **names = ARENA_ARRAY(p->arena, const char *, keys->count);
    int *all = ARENA_ARRAY(p->arena, int, keys->count);
    for (int i = 0; i < keys->count; i++) {
        names[i] = arena_printf(p->arena, "$key%d", i);
        all[i] = i;
    }
    struct rel *values = rel_project(p->arena, rel->inputs[1], keys->count, keys->right, names);
    struct rel *distinct = rel_aggregate(p->arena, values, keys->count, all, 0, NULL);
    struct expr_list conditions = {0};
    for (int i = 0; i < keys->count; i++) {
        struct expr *equal;
        TRY(plani_call2(p, "=", plani_column(p, &distinct->schema, i), expr_shift(p->arena, keys->left[i], keys->count),
                        &equal, err));
        plani_add(p, &conditions, equal);
    }
    for (int i = 0; i < keys->residual.count; i++)
        plani_add(p, &conditions, expr_shift(p->arena, keys->residual.items[i], keys->count));
    struct rel *join = rel_join(p->arena, distinct, rel->inputs[0], JOIN_INNER, plani_and(p, &conditions));
    join->offset = rel->offset;
    join->length = rel->length;
    struct lookup_choice choice;
    bool found;
    TRY(can_look_up(p, join, &choice, &found, err));
    if (!found || !is_worth_it(p, &choice, second->node.row_estimate, scanned_rows(first), note)) return STATUS_OK;
    struct planned *left;
    TRY(plani_plan_rel(p, distinct, &left, err));
    TRY(plan_lookup(p, join, &choice, left, *note, out, err));
    int *columns = ARENA_ARRAY(p->arena, int, left_count + 1);
    for (int i = 0; i < left_count; i++) columns[i] = keys->count + i;
    *out = plani_select(p, *out, columns, &rel->schema);
    return STATUS_OK;
}

enum status plani_choose_lookup_join(struct planner *p, const struct rel *rel, struct planned *first,
                                     struct planned *second, const struct join_keys *keys, struct planned **out,
                                     const char **note, struct error *err) {
    enum join_type type = rel->join.type;
    *out = NULL;
    *note = NULL;
    if (p->options->streaming || !keys->count) return STATUS_OK;
    if (type == JOIN_INNER || type == JOIN_LEFT || type == JOIN_SEMI)
        TRY(look_up_right(p, rel, first, second, out, note, err));
    if (!*out && (type == JOIN_INNER || type == JOIN_RIGHT)) TRY(look_up_left(p, rel, first, second, out, note, err));
    if (!*out && type == JOIN_SEMI) TRY(look_up_kept(p, rel, first, second, keys, out, note, err));
    return STATUS_OK;
}
