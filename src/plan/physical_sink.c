/* Sinks: which rows a table takes, by which key, and what must be done so that they are those.
 *
 *   - an updating query needs a sink that takes updates; the message names the node that makes them, as Flink's does;
 *   - a sink with a primary key takes the changes by it. When the query's own key is not (part of) it, two live rows may
 *     meet under one primary key: that needs ON CONFLICT (table.exec.sink.require-on-conflict), and a RANK in front that
 *     keeps one of them;
 *   - rows of one primary key must come to one instance of the sink: an exchange by it, unless they do already. */
#include "plan/plan_private.h"

/* "update and delete changes" */
static const char *changes_text(const struct planned *node) {
    if (node->node.edge.updates && node->node.edge.deletes) return "update and delete changes";
    return node->node.edge.updates ? "update changes" : "delete changes";
}

/* The node that first makes updates: what is above only passes them on. */
static const struct planned *first_updating(const struct planned *node) {
    for (int i = 0; i < node->node.input_count; i++) {
        const struct planned *input = planned_of(node->node.inputs[i]);
        if (input->node.edge.changes != CHANGES_APPEND) return first_updating(input);
    }
    return node;
}

static enum status refuse_updates(struct planner *p, const struct bound_insert *insert, const struct planned *input,
                                  struct error *err) {
    const struct planned *maker = first_updating(input);
    struct strbuf text = {0};
    plan_print_node(&text, &maker->node);
    error_set_at(err, STATUS_INVALID_QUERY, insert->offset, insert->length,
                 "Table sink '%s' doesn't support consuming %s which is produced by node %s",
                 plani_table_name(p, insert->table), changes_text(input), text.data);
    strbuf_free(&text);
    error_hint(err, "write into a table with a PRIMARY KEY whose connector takes updates");
    return STATUS_INVALID_QUERY;
}

static const char *column_list(struct planner *p, const struct schema *schema, const int *columns, int count) {
    const char *text = "";
    for (int i = 0; i < count; i++)
        text = arena_printf(p->arena, "%s%s%s", text, i ? ", " : "", schema->names[columns[i]]);
    return text;
}

static enum status refuse_key(struct planner *p, const struct bound_insert *insert, const struct planned *input,
                              const int *key, int key_count, struct error *err) {
    const struct edge *edge = &input->node.edge;
    error_set_at(err, STATUS_INVALID_QUERY, insert->offset, insert->length,
                 "The query has an upsert key that differs from the primary key of the sink table '%s'. "
                 "Primary key: [%s], upsert key: [%s]",
                 plani_table_name(p, insert->table), column_list(p, &insert->rel->schema, key, key_count),
                 edge->key_count ? column_list(p, &input->node.schema, edge->key, edge->key_count) : "none");
    error_hint(err, "say what happens to rows that meet under one key: INSERT INTO %s ... ON CONFLICT DO DEDUPLICATE",
               insert->table->name);
    return STATUS_INVALID_QUERY;
}

/* Clustering columns may be NULL in tables with static columns: what is written without them is about the partition. The sink
 * knows whether the other columns are static. */
static bool may_be_missing(const struct table *table, int k) {
    return k >= table->partition_key_count && table->columns[table->primary_key[k]].type->nullable;
}

/* Positions of the primary key among the inserted columns. */
static enum status sink_key(struct planner *p, const struct bound_insert *insert, int **out, int *count,
                            struct error *err) {
    const struct table *table = insert->table;
    *out = ARENA_ARRAY(p->arena, int, table->primary_key_count + 1);
    *count = 0;
    for (int k = 0; k < table->primary_key_count; k++) {
        int position = -1;
        for (int i = 0; i < insert->column_count; i++)
            if (insert->columns[i] == table->primary_key[k]) position = i;
        if (position < 0 && may_be_missing(table, k)) continue;
        if (position < 0)
            return error_set_at(err, STATUS_NULL_NOT_ALLOWED, insert->offset, insert->length,
                                "the INSERT gives no value for '%s', which is part of the primary key of '%s'",
                                table->columns[table->primary_key[k]].name, plani_table_name(p, table));
        (*out)[(*count)++] = position;
    }
    return STATUS_OK;
}

/* One row per primary key, whatever the changes: the first in the order of the columns (NOTHING), or the last. */
static struct planned *keep_one(struct planner *p, struct planned *input, const int *key, int key_count,
                                enum conflict_policy policy) {
    int count = input->node.schema.column_count, order_count = 0;
    struct sort_key *order = ARENA_ARRAY(p->arena, struct sort_key, count + 1);
    for (int i = 0; i < count; i++) {
        bool is_key = false;
        for (int k = 0; k < key_count; k++) is_key |= key[k] == i;
        bool last = policy != CONFLICT_NOTHING;
        if (!is_key) order[order_count++] = (struct sort_key){.column = i, .descending = last, .nulls_last = last};
    }
    struct planned *below = plani_distribute(p, input, key, key_count);
    struct planned *node = plani_node(p, PNODE_RANK, &input->node.schema, 1, &below);
    plani_inherit(node, below);
    node->node.rank.partition_count = key_count;
    node->node.rank.partition = key;
    node->node.rank.order_count = order_count;
    node->node.rank.order = order;
    node->node.rank.rank_from = node->node.rank.rank_to = 1;
    node->node.note = "keeps one row per primary key (ON CONFLICT)";
    node->unique_count = 0;
    plani_add_unique(p, node, key_count, key, false);
    node->node.edge.netted = true;
    return node;
}

static bool within(const int *columns, int count, const int *key, int key_count) {
    for (int i = 0; i < count; i++) {
        bool found = false;
        for (int k = 0; k < key_count; k++) found |= key[k] == columns[i];
        if (!found) return false;
    }
    return true;
}

/* Rows of one key in one instance. */
static struct planned *gather_keys(struct planner *p, struct planned *input, const int *key, int key_count) {
    if (input->distribution == DISTRIBUTION_SINGLE) return input;
    if (input->distribution == DISTRIBUTION_HASH && within(input->hash, input->hash_count, key, key_count))
        return input;
    return plani_exchange(p, input, key, key_count);
}

static enum status resolve_conflicts(struct planner *p, const struct bound_insert *insert, const int *key,
                                     int key_count, struct planned **input, struct error *err) {
    if (plani_is_unique(*input, key, key_count, false)) return STATUS_OK;
    if (insert->conflict == CONFLICT_NONE && p->options->require_on_conflict)
        return refuse_key(p, insert, *input, key, key_count, err);
    if (insert->conflict == CONFLICT_ERROR) {
        error_set_at(err, STATUS_NOT_SUPPORTED, insert->offset, insert->length,
                     "ON CONFLICT DO ERROR is not supported for an updating query whose key is not the primary key");
        error_hint(err, "use ON CONFLICT DO DEDUPLICATE or DO NOTHING");
        return STATUS_NOT_SUPPORTED;
    }
    *input = keep_one(p, *input, key, key_count, insert->conflict);
    return STATUS_OK;
}

/* Does the INSERT say each row's write time, or leave columns alone where a row has NULL? */
static bool has_own_time(const struct bound_insert *insert) {
    const char *ignore_null = option_find(&insert->table->options, "sink.ignore-null");
    bool ignores = false;
    if (ignore_null && option_parse_bool(str_from(ignore_null), &ignores) == STATUS_OK && ignores) return true;
    for (int i = 0; i < insert->column_count; i++) {
        const struct table_column *column = &insert->table->columns[insert->columns[i]];
        if (column->kind == COLUMN_METADATA && column->metadata_key && strcmp(column->metadata_key, "timestamp") == 0)
            return true;
    }
    return false;
}

/* Rows of UPDATE and DELETE have been read from the table itself: each is there once, and goes back by its key. */
static enum status plan_modification(struct planner *p, const struct bound_insert *insert,
                                     const struct connector *connector, struct planned *input, enum changes *accepts,
                                     struct error *err) {
    const char *verb = insert->kind == BOUND_UPDATE ? "UPDATE" : "DELETE";
    if (p->options->streaming)
        return error_set_at(err, STATUS_NOT_SUPPORTED, insert->offset, insert->length, "%s works in batch mode only",
                            verb);
    if (!connector->sink->modifies || !connector->sink->modifies(insert->table))
        return error_set_at(err, STATUS_NOT_SUPPORTED, insert->offset, insert->length,
                            "%s is not supported by table '%s' (connector '%s')", verb,
                            plani_table_name(p, insert->table), connector->name);
    if (input->node.edge.changes != CHANGES_APPEND)
        return error_set_at(err, STATUS_NOT_SUPPORTED, insert->offset, insert->length,
                            "%s of rows that change while they are read is not supported", verb);
    *accepts = CHANGES_APPEND;
    return STATUS_OK;
}

/* INSERT OVERWRITE: all of a batch, in the place of what is there. */
static enum status check_overwrite(struct planner *p, const struct bound_insert *insert,
                                   const struct connector *connector, struct error *err) {
    if (p->options->streaming) {
        error_set_at(err, STATUS_NOT_SUPPORTED, insert->offset, insert->length,
                     "INSERT OVERWRITE works in batch mode only: a stream has no end at which it could replace rows");
        return STATUS_NOT_SUPPORTED;
    }
    if (connector->sink->overwrites && connector->sink->overwrites(insert->table)) return STATUS_OK;
    error_set_at(
        err, STATUS_NOT_SUPPORTED, insert->offset, insert->length,
        "INSERT OVERWRITE is not supported by table '%s': connector '%s' cannot replace rows so that a failure "
        "leaves the old ones",
        plani_table_name(p, insert->table), connector->name);
    if (connector->sink->truncate) error_hint(err, "TRUNCATE TABLE, then INSERT INTO; between them it is empty");
    return STATUS_NOT_SUPPORTED;
}

enum status plani_plan_sink(struct planner *p, const struct bound_insert *insert, int sink_index, struct planned *input,
                            struct planned **out, struct error *err) {
    const struct table *table = insert->table;
    const struct connector *connector;
    TRY(plani_connector(p, table, insert->offset, insert->length, &connector, err));
    if (!connector->sink)
        return error_set_at(err, STATUS_NOT_SUPPORTED, insert->offset, insert->length,
                            "table '%s' cannot be written: connector '%s' has no sink", plani_table_name(p, table),
                            connector->name);
    enum changes accepts = connector->sink->accepts(table);
    bool updating = input->node.edge.changes != CHANGES_APPEND;
    if (insert->kind == BOUND_INSERT && updating && accepts == CHANGES_APPEND)
        return refuse_updates(p, insert, input, err);
    int *key, key_count;
    TRY(sink_key(p, insert, &key, &key_count, err));
    if (insert->overwrite) TRY(check_overwrite(p, insert, connector, err));
    if (insert->kind != BOUND_INSERT) TRY(plan_modification(p, insert, connector, input, &accepts, err));
    if (updating && accepts == CHANGES_UPSERT && key_count)
        TRY(resolve_conflicts(p, insert, key, key_count, &input, err));
    if (accepts == CHANGES_UPSERT && key_count) {
        /* Inserts that cannot meet under one key need no netting: they pass at once and are not held to the step's
         * end. Those with a time of their own must not be netted: the last one need not be the latest. */
        if (!updating && (plani_is_unique(input, key, key_count, true) || has_own_time(insert)))
            accepts = CHANGES_APPEND;
        else
            input = gather_keys(p, input, key, key_count);
    }
    struct planned *node = plani_node(p, PNODE_SINK, &insert->rel->schema, 1, &input);
    plani_inherit(node, input);
    node->node.sink.table = table;
    node->node.sink.connector = connector;
    node->node.sink.statement = insert->kind == BOUND_INSERT   ? SINK_INSERT
                                : insert->kind == BOUND_UPDATE ? SINK_UPDATE
                                                               : SINK_DELETE;
    node->node.sink.column_count = insert->column_count;
    node->node.sink.columns = insert->columns;
    node->node.sink.accepts = accepts;
    node->node.sink.key_count = key_count;
    node->node.sink.key = key;
    node->node.sink.conflict = insert->conflict;
    node->node.sink.sink_index = sink_index;
    node->node.sink.overwrite = insert->overwrite;
    node->node.sink.fixed_count = insert->fixed_count;
    node->node.sink.fixed_columns = insert->fixed_columns;
    node->node.sink.fixed_values = insert->fixed_values;
    *out = node;
    return STATUS_OK;
}
