/* Materialized tables: a table, and the query that says what is in it.
 *
 * FULL: REFRESH computes the query in batch and replaces the rows. CONTINUOUS: a streaming job keeps them up to date; it is run by
 * the statement itself, or by `millrace run` as part of the script's job. The definition (struct materialized) lies with
 * the table in its catalog, so that another process can go on. */
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "bind/portable.h"
#include "connector/cassandra/cassandra.h"
#include "session/session_private.h"

enum { MICROS_PER_MS = 1000 };

static int64_t now_ms(void) { return clock_realtime_micros() / MICROS_PER_MS; }

/* ---- Finding one ---- */

static const char *kind_of(const struct table *table) {
    return table->kind == TABLE_VIEW ? "view" : table->materialized ? "materialized table" : "table";
}

static enum status not_materialized(const struct table *table, const struct ast_name *name, struct error *err) {
    return error_set_at(err, STATUS_INVALID_ARGUMENT, name->node.offset, name->node.length,
                        "\"%s\" is a %s, not a materialized table", table->name, kind_of(table));
}

/* *table NULL: there is none. */
static enum status look_up(struct statement_ctx *ctx, const struct ast_name *name, struct object_name *object,
                           const struct table **table, struct error *err) {
    bool is_temporary;
    TRY(session_resolve(ctx->session, name, object, err));
    TRY(session_place_error(session_find_table(ctx->session, object, ctx->arena, table, &is_temporary, err),
                            &name->node, err));
    if (*table && (!(*table)->materialized || is_temporary)) return not_materialized(*table, name, err);
    return STATUS_OK;
}

enum status session_find_materialized(struct statement_ctx *ctx, const struct ast_name *name,
                                      struct object_name *object, const struct table **table, struct error *err) {
    TRY(look_up(ctx, name, object, table, err));
    if (*table) return STATUS_OK;
    return session_no_table(ctx->session, "materialized table", name, ctx->arena, err);
}

enum status session_refuse_materialized(const struct table *table, const char *statement, const struct ast_node *node,
                                        struct error *err) {
    if (!table || !table->materialized) return STATUS_OK;
    error_set_at(err, STATUS_INVALID_ARGUMENT, node->offset, node->length, "\"%s\" is a materialized table",
                 table->name);
    error_hint(err, "%s %s", statement, table->name);
    return STATUS_INVALID_ARGUMENT;
}

/* Keeps the table with this definition. */
static enum status keep(const struct object_name *name, const struct table *table,
                        const struct materialized *materialized, const struct ast_node *node, struct error *err) {
    struct table changed = *table;
    changed.materialized = materialized;
    return session_place_error(name->catalog->class->alter_table(name->catalog, &changed, err), node, err);
}

/* A job that another process runs is told by the lock on its checkpoints; without checkpoints it is not. */
static enum status check_idle(const struct table *table, const struct ast_node *node, struct error *err) {
    const char *directory = table->materialized->checkpoint_dir;
    if (!directory || !job_directory_in_use(directory)) return STATUS_OK;
    error_set_at(err, STATUS_INVALID_ARGUMENT, node->offset, node->length, "a job keeps \"%s\" up to date right now",
                 table->name);
    error_hint(err, "stop the process that has its checkpoints in %s first", directory);
    return STATUS_INVALID_ARGUMENT;
}

/* ---- The statement that fills it ---- */

static bool place_node(struct ast_node *node, void *data) {
    const struct ast_node *place = data;
    node->offset = place->offset;
    node->length = place->length;
    return ast_each_child(node, place_node, data);
}

static struct ast_name *whole_name(struct arena *arena, const struct object_name *object, const struct ast_node *node) {
    const char *const texts[] = {object->catalog->name, object->database, object->name};
    struct ast_name *name = ARENA_NEW(arena, struct ast_name);
    name->node = (struct ast_node){.kind = AST_NAME, .offset = node->offset, .length = node->length};
    name->parts = ARENA_ARRAY(arena, struct ast_ident, 3);
    name->count = name->capacity = 3;
    for (int i = 0; i < 3; i++) {
        name->parts[i].node = (struct ast_node){.kind = AST_IDENT, .offset = node->offset, .length = node->length};
        name->parts[i].text = arena_strdup(arena, texts[i]);
    }
    return name;
}

/* INSERT INTO the table, its query; everything at the place of node. */
static enum status fill_statement(struct statement_ctx *ctx, struct arena *arena, const struct object_name *object,
                                  const struct table *table, const struct ast_node *node, struct ast_insert **out,
                                  struct error *err) {
    const char *text = arena_strdup(arena, table->materialized->query);
    struct ast_query *query;
    struct used_objects used;
    enum status status = parse_query(text, strlen(text), arena, &query, err);
    if (status == STATUS_OK) {
        place_node(&query->node, (void *)node);
        status = session_make_insert(ctx, arena, whole_name(arena, object, node), query, node,
                                     !table->materialized->full, &used, out, err);
    }
    if (status != STATUS_OK) {
        error_prefix(err, "the query of materialized table '%s'", table->name);
        return session_place_error(status, node, err);
    }
    (*out)->maintains = true;
    return STATUS_OK;
}

/* ---- REFRESH ---- */

static enum status refused_refresh(const struct table *table, const struct ast_node *node, struct error *err) {
    error_set_at(err, STATUS_NOT_SUPPORTED, node->offset, node->length,
                 "table '%s' cannot be refreshed: connector '%s' neither replaces rows nor deletes them by their key",
                 table->name, table->connector ? table->connector : "");
    error_hint(err, "REFRESH_MODE = CONTINUOUS, or a table with a PRIMARY KEY in the embedded store or in Cassandra");
    return STATUS_NOT_SUPPORTED;
}

/* By replacing everything in one go where the connector can, else row by row. */
static enum status choose_refresh(const struct table *table, bool has_partition, const struct ast_node *node,
                                  bool *overwrite, struct error *err) {
    const struct connector *connector = table->connector ? connector_find(table->connector) : NULL;
    const struct sink_class *sink = connector ? connector->sink : NULL;
    bool replaces = sink && sink->overwrites && sink->overwrites(table),
         modifies = sink && sink->modifies && sink->modifies(table);
    bool by_partition = !table->connector_data; /* files are replaced by partition, what is kept by key as a whole */
    *overwrite = replaces && (!has_partition || by_partition);
    return *overwrite || modifies ? STATUS_OK : refused_refresh(table, node, err);
}

static enum status refresh(struct statement_ctx *ctx, const struct object_name *object, const struct table *table,
                           const struct ast_partition_spec *partition, const struct ast_node *node, struct error *err) {
    struct bind_env env;
    struct ast_insert *insert;
    struct bound_insert changes[2];
    struct plan *plan;
    int change_count;
    bool overwrite;
    TRY(choose_refresh(table, partition != NULL, node, &overwrite, err));
    TRY(fill_statement(ctx, ctx->arena, object, table, node, &insert, err));
    session_bind_env(ctx->session, ctx->arena, false, &env);
    TRY(bind_refresh(&env, insert, partition, overwrite, changes, &change_count, err));
    struct plan_options options = session_batch_options(ctx->session);
    TRY(plan_inserts(ctx->arena, changes, change_count, &options, &plan, err));
    struct run_request request = {
        .plan = plan,
        .name = arena_printf(ctx->arena, "refresh_%s.%s.%s", table->catalog, table->database, table->name),
        .show_progress = true};
    int64_t rows;
    enum job_end end;
    TRY(session_run_job(ctx, &request, &rows, &end, err));
    if (end == JOB_STOPPED)
        return error_set_at(err, STATUS_CANCELLED, node->offset, node->length, "the refresh was stopped");
    struct materialized refreshed = *table->materialized;
    refreshed.refreshed_ms = now_ms();
    TRY(keep(object, table, &refreshed, node, err));
    session_message(ctx, overwrite ? "OK, %lld row%s" : "OK, %lld row%s written and deleted", (long long)rows,
                    rows == 1 ? "" : "s");
    return STATUS_OK;
}

/* ---- The job of a continuous one ---- */

static enum status find_of_insert(struct statement_ctx *ctx, const struct ast_insert *insert,
                                  struct object_name *object, const struct table **table, struct error *err) {
    return session_find_materialized(ctx, insert->table, object, table, err);
}

enum status session_start_of(struct statement_ctx *ctx, const struct ast_insert *insert, struct source_start *out,
                             struct error *err) {
    struct object_name object;
    const struct table *table;
    *out = (struct source_start){0};
    if (!insert->maintains) return STATUS_OK;
    TRY(find_of_insert(ctx, insert, &object, &table, err));
    if (table->materialized->start_mode)
        *out = (struct source_start){.given = true, .ms = table->materialized->start_ms};
    return STATUS_OK;
}

/* A job that begins anew over rows of an earlier one. */
static enum status check_new_start(struct statement_ctx *ctx, const struct table *table, const struct ast_node *node,
                                   struct error *err) {
    if (table->primary_key_count) {
        session_warn(ctx,
                     "the job of \"%s\" starts anew over the rows of an earlier one: those that its query has no more "
                     "stay until ALTER MATERIALIZED TABLE %s REFRESH",
                     table->name, table->name);
        return STATUS_OK;
    }
    error_set_at(err, STATUS_INVALID_QUERY, node->offset, node->length,
                 "the job of \"%s\" would start anew, and write its rows twice, as they have no key", table->name);
    error_hint(err, "go on from the checkpoints of the earlier job (--checkpoint-dir), or DROP MATERIALIZED TABLE %s",
               table->name);
    return STATUS_INVALID_QUERY;
}

/* The table was dropped and made again: a job that goes on would not write again what it has written. */
static enum status foreign_checkpoints(const struct table *table, const char *directory, const struct ast_node *node,
                                       struct error *err) {
    error_set_at(err, STATUS_INVALID_ARGUMENT, node->offset, node->length,
                 "the checkpoints in %s are not those of \"%s\", which no job has filled yet", directory, table->name);
    error_hint(err, "use another directory, or remove this one to start from the beginning");
    return STATUS_INVALID_ARGUMENT;
}

static const char *absolute(struct arena *arena, const char *path) {
    char here[PATH_MAX];
    if (*path == '/' || !getcwd(here, sizeof here)) return arena_strdup(arena, path);
    return arena_printf(arena, "%s/%s", here, path);
}

static bool same_table(const struct table *a, const struct table *b) {
    return strcmp(a->name, b->name) == 0 && strcmp(a->database, b->database) == 0 &&
           strcmp(a->catalog, b->catalog) == 0;
}

/* A job reads a table once. What another job, or the same one, makes of it later does not come in. */
static enum status check_reads(const struct plan *plan, const struct table *filled, const struct ast_node *node,
                               struct error *err) {
    for (int i = 0; i < plan->node_count; i++) {
        const struct table *read = plan->nodes[i]->kind == PNODE_SCAN ? plan->nodes[i]->scan.table : NULL;
        if (!read || !read->materialized || read->materialized->full || !same_table(read, filled)) continue;
        error_set_at(
            err, STATUS_NOT_SUPPORTED, node->offset, node->length,
            "\"%s\" is read by the job that keeps it up to date: it is read once, as it is when the job starts",
            read->name);
        error_hint(err, "CREATE VIEW with its query, and read the view in both");
        return STATUS_NOT_SUPPORTED;
    }
    return STATUS_OK;
}

static void warn_reads(struct statement_ctx *ctx, const struct plan *plan) {
    for (int i = 0; i < plan->node_count; i++) {
        const struct table *read = plan->nodes[i]->kind == PNODE_SCAN ? plan->nodes[i]->scan.table : NULL;
        if (read && read->materialized && !read->materialized->full)
            session_warn(ctx,
                         "materialized table \"%s\" is read once, as it is now: what its own job changes later does "
                         "not come in; a view with its query would follow",
                         read->name);
    }
}

enum status session_check_job(struct statement_ctx *ctx, const struct ast_insert *const *inserts, int count,
                              const struct plan *plan, const char *checkpoint_dir, struct error *err) {
    bool begun = checkpoint_dir && job_directory_begun(checkpoint_dir), maintains = false;
    for (int i = 0; i < count; i++) {
        struct object_name object;
        const struct table *table;
        const struct ast_node *node = &inserts[i]->node;
        if (!inserts[i]->maintains) continue;
        maintains = true;
        TRY(find_of_insert(ctx, inserts[i], &object, &table, err));
        TRY(check_reads(plan, table, node, err));
        if (table->materialized->has_run && !begun) TRY(check_new_start(ctx, table, node, err));
        if (!table->materialized->has_run && begun) return foreign_checkpoints(table, checkpoint_dir, node, err);
    }
    if (maintains) warn_reads(ctx, plan);
    return STATUS_OK;
}

enum status session_note_job(struct statement_ctx *ctx, const struct ast_insert *const *inserts, int count,
                             const char *checkpoint_dir, struct error *err) {
    const char *directory = checkpoint_dir ? absolute(ctx->arena, checkpoint_dir) : NULL;
    for (int i = 0; i < count; i++) {
        struct object_name object;
        const struct table *table;
        if (!inserts[i]->maintains) continue;
        TRY(find_of_insert(ctx, inserts[i], &object, &table, err));
        const struct materialized *old = table->materialized;
        bool same = directory && old->checkpoint_dir ? strcmp(directory, old->checkpoint_dir) == 0
                                                     : directory == old->checkpoint_dir;
        if (old->has_run && same) continue;
        struct materialized started = *old;
        started.has_run = true;
        started.checkpoint_dir = directory;
        TRY(keep(&object, table, &started, &inserts[i]->node, err));
    }
    return STATUS_OK;
}

/* OPTIONS ('k' = 'v') for the table that is written, of RESUME WITH. */
static struct ast_list options_hint(struct arena *arena, const struct ast_list *options, const struct ast_node *node) {
    struct ast_hint *hint = ARENA_NEW(arena, struct ast_hint);
    struct ast_ident *name = ARENA_NEW(arena, struct ast_ident);
    struct ast_node **items = ARENA_ARRAY(arena, struct ast_node *, 1);
    *name = (struct ast_ident){.node = {.kind = AST_IDENT, .offset = node->offset, .length = node->length},
                               .text = "OPTIONS"};
    hint->node = (struct ast_node){.kind = AST_HINT, .offset = node->offset, .length = node->length};
    hint->name = name;
    hint->args = *options;
    items[0] = &hint->node;
    return (struct ast_list){.items = items, .count = 1};
}

/* options: of RESUME WITH; may be NULL. */
static enum status run(struct statement_ctx *ctx, const struct object_name *object, const struct table *table,
                       const struct ast_list *options, const char *checkpoint_dir, const struct ast_node *node,
                       struct error *err) {
    struct script_job *script = ctx->session->script;
    struct arena *arena = script ? script->arena : ctx->arena;
    struct ast_insert *insert;
    TRY(fill_statement(ctx, arena, object, table, node, &insert, err));
    if (options && options->count) {
        insert->hints = options_hint(arena, options, node);
        TRY(session_check_hints(ctx, &insert->node, err));
    }
    if (script) {
        if (checkpoint_dir) script->resumed_dir = arena_strdup(script->arena, checkpoint_dir);
        session_add_to_script(script, insert);
        return STATUS_OK;
    }
    const struct ast_insert *single = insert;
    const char *given = session_get(ctx->session, "execution.checkpointing.dir");
    return session_insert_with(ctx, &single, 1, given && *given ? given : checkpoint_dir, err);
}

/* Would the job run? The sink is the table's, so it must be there. */
static enum status try_job(struct statement_ctx *ctx, const struct object_name *object, const struct table *table,
                           const struct ast_node *node, struct error *err) {
    struct ast_insert *insert;
    struct plan *plan;
    TRY(fill_statement(ctx, ctx->arena, object, table, node, &insert, err));
    const struct ast_insert *single = insert;
    return session_plan_inserts(ctx, &single, 1, &plan, NULL, err);
}

/* Can the table be filled by its definition? */
static enum status check_fills(struct statement_ctx *ctx, const struct object_name *object, const struct table *table,
                               const struct ast_node *node, struct error *err) {
    bool overwrite;
    return table->materialized->full ? choose_refresh(table, false, node, &overwrite, err)
                                     : try_job(ctx, object, table, node, err);
}

/* Puts another definition in place if the table can be filled by it; columns that it adds stay in any case. *out: the table then. */
static enum status change(struct statement_ctx *ctx, const struct object_name *object, const struct table *old,
                          const struct table *new, const struct ast_node *node, const struct table **out,
                          struct error *err) {
    struct error ignored;
    TRY(keep(object, new, new->materialized, node, err));
    TRY(session_find_table(ctx->session, object, ctx->arena, out, NULL, err));
    enum status status = check_fills(ctx, object, *out, node, err);
    if (status != STATUS_OK && keep(object, *out, old->materialized, node, &ignored) != STATUS_OK)
        error_detail(err, "and the old definition could not be put back: %s", ignored.message);
    return status;
}

/* ---- The definition ---- */

static int64_t setting_ms(const struct session *session, const char *key) { return session_setting_int(session, key); }

/* As Flink does: in the largest unit that fits. */
static const char *interval_text(struct arena *arena, int64_t ms) {
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {{"DAY", 86400000}, {"HOUR", 3600000}, {"MINUTE", 60000}, {"SECOND", 1000}};
    for (int i = 0; i < 4; i++)
        if (ms % units[i].ms == 0)
            return arena_printf(arena, "INTERVAL '%lld' %s", (long long)(ms / units[i].ms), units[i].name);
    return arena_printf(arena, "INTERVAL '%lld' SECOND", (long long)(ms / 1000 + 1));
}

static enum status check_repeats(const struct freshness *freshness, const struct ast_node *node, struct error *err) {
    if (freshness->repeats) return STATUS_OK;
    error_set_at(err, STATUS_INVALID_QUERY, node->offset, node->length,
                 "a FULL table cannot have FRESHNESS = %s: the next larger unit is no multiple of it", freshness->text);
    error_hint(err, "seconds and minutes that divide 60, hours that divide 24, or INTERVAL '1' DAY");
    return STATUS_INVALID_QUERY;
}

/* FRESHNESS and REFRESH_MODE, one by the other where one is missing. */
static enum status choose_mode(struct statement_ctx *ctx, const struct ast_create_materialized_table *create,
                               struct materialized *out, struct error *err) {
    const struct session *session = ctx->session;
    struct bind_env env;
    struct freshness freshness;
    session_bind_env(ctx->session, ctx->arena, true, &env);
    out->full = create->refresh_mode == AST_REFRESH_FULL;
    if (!create->freshness) {
        const char *key =
            out->full ? "materialized-table.default-freshness.full" : "materialized-table.default-freshness.continuous";
        out->freshness = interval_text(ctx->arena, setting_ms(session, key));
        return STATUS_OK;
    }
    TRY(bind_freshness(&env, create->freshness, &freshness, err));
    if (create->refresh_mode == AST_REFRESH_DEFAULT)
        out->full = freshness.ms >= setting_ms(session, "materialized-table.refresh-mode.freshness-threshold");
    out->freshness = freshness.text;
    return out->full ? check_repeats(&freshness, &create->freshness->node, err) : STATUS_OK;
}

bool session_starts_elsewhere(const struct table *table) {
    const struct connector *connector = table->connector ? connector_find(table->connector) : NULL;
    for (const struct option_def *def = connector ? connector->options : NULL; def && def->name; def++)
        if (strcmp(def->name, "scan.startup.mode") == 0) return true;
    return false;
}

/* One source at least must be able to start there; the others are read whole. */
static enum status choose_start(struct statement_ctx *ctx, const struct ast_start_mode *mode,
                                const struct used_objects *used, struct materialized *out, struct error *err) {
    struct bind_env env;
    if (!mode) return STATUS_OK;
    if (out->full)
        return error_set_at(err, STATUS_INVALID_QUERY, mode->node.offset, mode->node.length,
                            "START_MODE is for CONTINUOUS tables: REFRESH of a FULL one reads everything");
    session_bind_env(ctx->session, ctx->arena, true, &env);
    TRY(bind_start_mode(&env, mode, now_ms(), &out->start_mode, &out->start_ms, err));
    if (out->start_ms < 0) return STATUS_OK;
    const char *names = "";
    for (int i = 0; i < used->count; i++) {
        if (used->tables[i]->kind == TABLE_VIEW) continue;
        if (session_starts_elsewhere(used->tables[i])) return STATUS_OK;
        names = arena_printf(ctx->arena, "%s%s%s", names, *names ? ", " : "", used->tables[i]->name);
    }
    error_set_at(err, STATUS_NOT_SUPPORTED, mode->node.offset, mode->node.length,
                 "START_MODE = %s: no source of the query can start there", out->start_mode);
    if (*names) error_detail(err, "tables that are always read from their beginning: %s", names);
    error_hint(err, "FROM_BEGINNING, and a condition on time in the query");
    return STATUS_NOT_SUPPORTED;
}

/* Catalogs in memory, and the views and other connectors' tables that one of Cassandra has beside. */
static bool lives_in_session(const struct catalog *catalog, const struct table *table) {
    return catalog->class == &catalog_memory_class ||
           (catalog->class == &cassandra_catalog_class && !table->connector_data);
}

/* Other processes do not have what this session alone has. */
static enum status check_kept(struct statement_ctx *ctx, const struct ast_query *query, const struct used_objects *used,
                              struct error *err) {
    bool portable = session_batch_options(ctx->session).portable;
    for (int i = 0; i < used->count; i++) {
        const struct table *table = used->tables[i], *found;
        struct object_name name = {session_find_catalog(ctx->session, table->catalog), table->database, table->name};
        bool is_temporary;
        TRY(session_find_table(ctx->session, &name, ctx->arena, &found, &is_temporary, err));
        if (is_temporary && portable)
            return portable_error(PORTABLE_TEMPORARY_SOURCE, table->name, query->node.offset, query->node.length, err);
        if (is_temporary || lives_in_session(name.catalog, table))
            session_warn(ctx,
                         "the query reads \"%s\", which ends with the session: another one must declare it again to "
                         "refresh or to resume",
                         table->name);
    }
    return STATUS_OK;
}

static bool declares_key(const struct ast_table_spec *spec) {
    for (int i = 0; i < spec->columns.count; i++)
        if (AST_AT(spec->columns, i, ast_column_def)->constraint) return true;
    return spec->constraints.count > 0;
}

static struct ast_constraint *key_constraint(struct arena *arena, const struct schema *schema, const int *key,
                                             int count, const struct ast_node *node) {
    struct ast_constraint *constraint = ARENA_NEW(arena, struct ast_constraint);
    constraint->node = (struct ast_node){.kind = AST_CONSTRAINT, .offset = node->offset, .length = node->length};
    constraint->enforced = AST_NOT_ENFORCED;
    constraint->columns.items = ARENA_ARRAY(arena, struct ast_node *, count);
    constraint->columns.count = count;
    for (int i = 0; i < count; i++) {
        struct ast_ident *ident = ARENA_NEW(arena, struct ast_ident);
        ident->node = (struct ast_node){.kind = AST_IDENT, .offset = node->offset, .length = node->length};
        ident->text = schema->names[key[i]];
        constraint->columns.items[i] = &ident->node;
    }
    return constraint;
}

/* The query's own key, for a table that declares none: always where the rows could not be kept without one, else where no part of it
 * can be NULL. *out NULL: none. */
static enum status derive_key(struct statement_ctx *ctx, const struct ast_create_materialized_table *create,
                              const struct bound_query *query, const struct catalog *catalog, bool full,
                              struct ast_constraint **out, struct error *err) {
    struct plan *plan;
    struct plan_options options = session_plan_options(ctx->session, !full);
    const struct ast_node *node = &create->name->node;
    *out = NULL;
    TRY(plan_query(ctx->arena, query, &options, &plan, err));
    const struct edge *edge = &plan->roots[0]->inputs[0]->edge;
    bool has_connector = false, never_null = true;
    for (int i = 0; i < create->spec.options.count; i++)
        has_connector |= str_equal(AST_AT(create->spec.options, i, ast_option)->key, str_from("connector"));
    bool updating = !full && edge->changes != CHANGES_APPEND;
    bool needed = !has_connector && (catalog->class == &cassandra_catalog_class || updating);
    for (int i = 0; i < edge->key_count; i++) never_null &= !query->rel->schema.types[edge->key[i]]->nullable;
    if (edge->key_count && (needed || (never_null && (updating || !has_connector))))
        *out = key_constraint(ctx->arena, &query->rel->schema, edge->key, edge->key_count, node);
    if (*out || !needed) return STATUS_OK;
    error_set_at(err, STATUS_INVALID_QUERY, node->offset, node->length,
                 "materialized table '%s' needs a PRIMARY KEY, and its query has no key of its own",
                 create->name->parts[create->name->count - 1].text);
    error_hint(err, edge->single_row
                        ? "add a constant, SELECT 1 AS id, …, and declare (PRIMARY KEY (id) NOT ENFORCED)"
                        : "declare (PRIMARY KEY (…) NOT ENFORCED), of columns that tell the query's rows apart");
    return STATUS_INVALID_QUERY;
}

/* A column that no query fills would stay NULL. */
static enum status check_filled(const struct ast_create_materialized_table *create, const struct table *table,
                                const struct schema *query, struct error *err) {
    for (int i = 0; i < table->column_count; i++) {
        const struct table_column *column = &table->columns[i];
        bool found = column->kind == COLUMN_COMPUTED || (column->kind == COLUMN_METADATA && column->is_virtual);
        for (int k = 0; k < query->column_count && !found; k++) found = strcmp(column->name, query->names[k]) == 0;
        if (!found)
            return error_set_at(err, STATUS_INVALID_QUERY, create->name->node.offset, create->name->node.length,
                                "column '%s' is declared, but the query does not give it", column->name);
    }
    return STATUS_OK;
}

static enum status check_not_itself(const struct object_name *name, const struct used_objects *used,
                                    const struct ast_query *query, struct error *err) {
    for (int i = 0; i < used->count; i++)
        if (strcmp(used->tables[i]->name, name->name) == 0 && strcmp(used->tables[i]->database, name->database) == 0 &&
            strcmp(used->tables[i]->catalog, name->catalog->name) == 0)
            return error_set_at(err, STATUS_INVALID_QUERY, query->node.offset, query->node.length,
                                "the query reads \"%s\", the table that it fills", name->name);
    return STATUS_OK;
}

static enum status bind_noting(struct statement_ctx *ctx, const struct ast_query *query, bool streaming,
                               struct used_objects *used, struct bound_query *out, struct error *err) {
    struct bind_env env;
    session_bind_env(ctx->session, ctx->arena, streaming, &env);
    *used = (struct used_objects){.arena = ctx->arena};
    ctx->session->used = used;
    enum status status = bind_query(&env, query, out, err);
    ctx->session->used = NULL;
    return status;
}

/* The table that the statement describes, with its materialized; the query's tree gets whole names. */
static enum status define(struct statement_ctx *ctx, const struct ast_create_materialized_table *create,
                          const struct object_name *name, struct table *out, struct error *err) {
    struct materialized *materialized = ARENA_NEW(ctx->arena, struct materialized);
    struct used_objects used;
    struct bound_query query;
    struct bind_env env;
    TRY(choose_mode(ctx, create, materialized, err));
    TRY(bind_noting(ctx, create->query, !materialized->full, &used, &query, err));
    TRY(check_not_itself(name, &used, create->query, err));
    TRY(check_kept(ctx, create->query, &used, err));
    TRY(choose_start(ctx, create->start_mode, &used, materialized, err));
    struct ast_create_table plain = {
        .node = create->node, .name = create->name, .spec = create->spec, .query = create->query};
    struct ast_node *constraints[1];
    if (!declares_key(&create->spec)) {
        struct ast_constraint *key;
        TRY(derive_key(ctx, create, &query, name->catalog, materialized->full, &key, err));
        constraints[0] = key ? &key->node : NULL;
        if (key) plain.spec.constraints = (struct ast_list){.items = constraints, .count = 1};
    }
    session_bind_env(ctx->session, ctx->arena, !materialized->full, &env);
    TRY(bind_create_table(&env, &plain, out, err));
    TRY(check_filled(create, out, &query.rel->schema, err));
    TRY(bind_whole_names(&env, create->query, &materialized->query, err));
    out->catalog = name->catalog->name;
    out->database = name->database;
    out->name = name->name;
    out->materialized = materialized;
    return session_place_error(session_check_table(ctx, name->catalog, out, err), &create->name->node, err);
}

/* ---- Another definition ---- */

static int next_physical(const struct table *table, int from) {
    while (from < table->column_count && table->columns[from].kind != COLUMN_PHYSICAL) from++;
    return from;
}

static bool same_key(const struct table *a, const struct table *b) {
    if (a->primary_key_count != b->primary_key_count) return false;
    for (int i = 0; i < a->primary_key_count; i++) {
        bool found = false;
        for (int k = 0; k < b->primary_key_count; k++)
            found |= strcmp(a->columns[a->primary_key[i]].name, b->columns[b->primary_key[k]].name) == 0;
        if (!found) return false;
    }
    return true;
}

/* The old table with the new one's query, and columns that it has more at its end: all that Flink allows. */
static enum status evolve(struct statement_ctx *ctx, const struct table *old, const struct table *new,
                          const struct ast_node *node, struct table *out, struct error *err) {
    struct table_column *columns =
        ARENA_ARRAY(ctx->arena, struct table_column, old->column_count + new->column_count + 1);
    for (int i = 0; i < old->column_count; i++) columns[i] = old->columns[i];
    *out = *old;
    out->columns = columns;
    int at = next_physical(old, 0), from = next_physical(new, 0);
    for (; at < old->column_count; at = next_physical(old, at + 1), from = next_physical(new, from + 1)) {
        const struct table_column *was = &old->columns[at], *is = from < new->column_count ? &new->columns[from] : NULL;
        if (is && strcmp(is->name, was->name) == 0 && type_equal_but_nullable(is->type, was->type)) continue;
        error_set_at(err, STATUS_NOT_SUPPORTED, node->offset, node->length,
                     "the new query must give column '%s' %s at the same place as before", was->name,
                     type_to_string(ctx->arena, type_with_nullable(ctx->arena, was->type, true)));
        if (is)
            error_detail(err, "it gives '%s' %s there", is->name,
                         type_to_string(ctx->arena, type_with_nullable(ctx->arena, is->type, true)));
        error_hint(err, "columns can only be added, at the end; else DROP MATERIALIZED TABLE and create it again");
        return STATUS_NOT_SUPPORTED;
    }
    for (; from < new->column_count; from = next_physical(new, from + 1)) {
        if (!new->columns[from].type->nullable)
            return error_set_at(err, STATUS_NOT_SUPPORTED, node->offset, node->length,
                                "column '%s' cannot be added: it is NOT NULL, and rows that are there have no value "
                                "for it",
                                new->columns[from].name);
        columns[out->column_count++] = new->columns[from];
    }
    struct materialized *materialized = arena_memdup(ctx->arena, old->materialized, sizeof *materialized);
    materialized->query = new->materialized->query;
    out->materialized = materialized;
    return STATUS_OK;
}

/* CREATE OR ALTER says everything: what may change beside the query. */
static enum status take_clauses(struct statement_ctx *ctx, const struct table *old, const struct table *new,
                                const struct ast_node *node, struct table *out, struct error *err) {
    struct materialized *materialized = arena_memdup(ctx->arena, out->materialized, sizeof *materialized);
    if (!same_key(old, new)) {
        error_set_at(err, STATUS_NOT_SUPPORTED, node->offset, node->length,
                     "the key of materialized table \"%s\" cannot be changed", old->name);
        error_hint(err, "DROP MATERIALIZED TABLE and create it again");
        return STATUS_NOT_SUPPORTED;
    }
    materialized->freshness = new->materialized->freshness;
    materialized->full = new->materialized->full;
    bool same_start = materialized->start_mode && new->materialized->start_mode &&strcmp(
                                                      materialized->start_mode, new->materialized->start_mode) == 0;
    if (!same_start) { /* FROM_NOW stays the moment that it was */
        materialized->start_mode = new->materialized->start_mode;
        materialized->start_ms = new->materialized->start_ms;
    }
    out->materialized = materialized;
    if (new->comment) out->comment = new->comment;
    return STATUS_OK;
}

static bool same_text(const char *a, const char *b) { return a && b ? strcmp(a, b) == 0 : a == b; }

static bool same_definition(const struct table *a, const struct table *b) {
    const struct materialized *x = a->materialized, *y = b->materialized;
    return a->column_count == b->column_count && same_text(a->comment, b->comment) && same_text(x->query, y->query) &&
           same_text(x->freshness, y->freshness) && x->full == y->full && same_text(x->start_mode, y->start_mode);
}

static enum status suspended(struct statement_ctx *ctx, const struct table *table) {
    session_warn(ctx, "materialized table \"%s\" is suspended: ALTER MATERIALIZED TABLE %s RESUME runs its job",
                 table->name, table->name);
    return STATUS_OK;
}

/* CREATE of one that is there: its job goes on. */
static enum status meet_existing(struct statement_ctx *ctx, const struct ast_create_materialized_table *create,
                                 const struct object_name *name, const struct table *old, const struct table *new,
                                 struct error *err) {
    const struct ast_node *node = &create->name->node;
    struct table changed;
    if (!create->if_not_exists && !create->or_alter) {
        error_set_at(err, STATUS_DUPLICATE_NAME, node->offset, node->length, "materialized table \"%s\" exists already",
                     name->name);
        error_hint(err, "CREATE OR ALTER MATERIALIZED TABLE changes it, or goes on with its job");
        return STATUS_DUPLICATE_NAME;
    }
    TRY(evolve(ctx, old, new, &create->query->node, &changed, err));
    TRY(take_clauses(ctx, old, new, node, &changed, err));
    bool same = same_definition(old, &changed);
    if (!same && !create->or_alter) {
        error_set_at(err, STATUS_DUPLICATE_NAME, node->offset, node->length,
                     "materialized table \"%s\" exists already, with another definition", name->name);
        error_hint(err, "SHOW CREATE MATERIALIZED TABLE %s; CREATE OR ALTER changes it", name->name);
        return STATUS_DUPLICATE_NAME;
    }
    const struct table *kept = old;
    if (!same) {
        TRY(check_idle(old, node, err));
        TRY(change(ctx, name, old, &changed, node, &kept, err));
    }
    if (old->materialized->suspended) return suspended(ctx, old);
    if (!kept->materialized->full) return run(ctx, name, kept, NULL, NULL, node, err);
    session_message(ctx, same ? "OK, it is as it was" : "OK; REFRESH fills it by the new definition");
    return STATUS_OK;
}

/* ---- CREATE ---- */

static enum status begin(struct statement_ctx *ctx, const struct object_name *name, const struct table *table,
                         const struct ast_node *node, struct error *err) {
    return table->materialized->full ? refresh(ctx, name, table, NULL, node, err)
                                     : try_job(ctx, name, table, node, err);
}

enum status session_create_materialized(struct statement_ctx *ctx, const struct ast_create_materialized_table *create,
                                        struct error *err) {
    const struct ast_node *node = &create->name->node;
    struct object_name name;
    struct table table;
    const struct table *old, *kept;
    TRY(look_up(ctx, create->name, &name, &old, err));
    TRY(session_check_database(ctx, &name, node, err));
    TRY(define(ctx, create, &name, &table, err));
    if (old) return meet_existing(ctx, create, &name, old, &table, err);
    TRY(session_place_error(name.catalog->class->create_table(name.catalog, &table, err), node, err));
    enum status status = session_find_materialized(ctx, create->name, &name, &kept, err);
    if (status == STATUS_OK) status = begin(ctx, &name, kept, node, err);
    if (status != STATUS_OK) { /* all or nothing */
        struct error ignored;
        if (name.catalog->class->drop_table(name.catalog, name.database, name.name, &ignored) != STATUS_OK)
            error_detail(err, "and the table could not be dropped again: %s", ignored.message);
        return status;
    }
    if (!kept->materialized->full) return run(ctx, &name, kept, NULL, NULL, node, err);
    session_warn(ctx, "nothing refreshes \"%s\" by itself: run ALTER MATERIALIZED TABLE %s REFRESH every %s", name.name,
                 name.name, kept->materialized->freshness + strlen("INTERVAL "));
    return STATUS_OK;
}

bool session_is_full(struct statement_ctx *ctx, const struct ast_create_materialized_table *create) {
    struct materialized materialized;
    struct error ignored;
    return choose_mode(ctx, create, &materialized, &ignored) == STATUS_OK && materialized.full;
}

/* ---- ALTER, DROP ---- */

static enum status alter_query(struct statement_ctx *ctx, const struct ast_alter *alter, const struct object_name *name,
                               const struct table *old, struct error *err) {
    struct materialized materialized = *old->materialized;
    struct used_objects used;
    struct bound_query query;
    struct bind_env env;
    struct table new, changed;
    const struct table *kept;
    TRY(check_idle(old, &alter->node, err));
    TRY(bind_noting(ctx, alter->query, !materialized.full, &used, &query, err));
    TRY(check_not_itself(name, &used, alter->query, err));
    TRY(check_kept(ctx, alter->query, &used, err));
    const struct ast_create_table plain = {.node = alter->node, .name = alter->name, .query = alter->query};
    session_bind_env(ctx->session, ctx->arena, !materialized.full, &env);
    TRY(bind_create_table(&env, &plain, &new, err));
    TRY(bind_whole_names(&env, alter->query, &materialized.query, err));
    new.materialized = &materialized;
    TRY(evolve(ctx, old, &new, &alter->query->node, &changed, err));
    TRY(change(ctx, name, old, &changed, &alter->node, &kept, err));
    session_message(ctx, materialized.full
                             ? "OK; REFRESH fills it by the new query"
                             : "OK; RESUME runs the job of the new query, with a new checkpoint directory");
    return STATUS_OK;
}

static enum status suspend(struct statement_ctx *ctx, const struct ast_alter *alter, const struct object_name *name,
                           const struct table *table, struct error *err) {
    struct materialized materialized = *table->materialized;
    TRY(check_idle(table, &alter->node, err));
    materialized.suspended = true;
    TRY(keep(name, table, &materialized, &alter->node, err));
    session_message(ctx, "OK");
    return STATUS_OK;
}

static enum status resume(struct statement_ctx *ctx, const struct ast_alter *alter, const struct object_name *name,
                          const struct table *table, struct error *err) {
    struct materialized materialized = *table->materialized;
    if (materialized.suspended) {
        materialized.suspended = false;
        TRY(keep(name, table, &materialized, &alter->node, err));
    }
    if (!materialized.full) {
        const char *directory = materialized.checkpoint_dir;
        if (directory && !job_directory_begun(directory)) directory = NULL;
        return run(ctx, name, table, &alter->options, directory, &alter->node, err);
    }
    if (alter->options.count)
        return error_set_at(err, STATUS_INVALID_QUERY, alter->node.offset, alter->node.length,
                            "RESUME WITH options is for the job of a CONTINUOUS table");
    session_message(ctx, "OK");
    return STATUS_OK;
}

static enum status set_freshness(struct statement_ctx *ctx, const struct ast_alter *alter,
                                 const struct object_name *name, const struct table *table, struct error *err) {
    struct materialized materialized = *table->materialized;
    struct freshness freshness;
    struct bind_env env;
    session_bind_env(ctx->session, ctx->arena, true, &env);
    TRY(bind_freshness(&env, alter->freshness, &freshness, err));
    if (materialized.full) TRY(check_repeats(&freshness, &alter->freshness->node, err));
    materialized.freshness = freshness.text;
    TRY(keep(name, table, &materialized, &alter->node, err));
    session_message(ctx, "OK");
    return STATUS_OK;
}

static enum status set_mode(struct statement_ctx *ctx, const struct ast_alter *alter, const struct object_name *name,
                            const struct table *table, struct error *err) {
    struct materialized materialized = *table->materialized;
    struct table changed = *table;
    const struct table *kept;
    TRY(check_idle(table, &alter->node, err));
    materialized.full = alter->refresh_mode == AST_REFRESH_FULL;
    changed.materialized = &materialized;
    TRY(change(ctx, name, table, &changed, &alter->node, &kept, err));
    session_message(ctx, "OK");
    return STATUS_OK;
}

/* Columns that are kept follow the query; ALTER may change what is computed from them. */
static enum status check_not_persisted(const struct ast_alter *alter, const struct table *table, struct error *err) {
    const struct ast_node *wrong = NULL;
    for (int i = 0; i < alter->spec.columns.count && !wrong; i++) {
        const struct ast_column_def *def = AST_AT(alter->spec.columns, i, ast_column_def);
        bool computed =
            def->column_kind == AST_COLUMN_COMPUTED || (def->column_kind == AST_COLUMN_METADATA && def->is_virtual);
        if (!computed) wrong = &def->node;
    }
    for (int i = 0; i < alter->columns.count && !wrong; i++) {
        const struct ast_name *name = AST_AT(alter->columns, i, ast_name);
        for (int k = 0; k < table->column_count; k++)
            if (strcmp(table->columns[k].name, name->parts[0].text) == 0 && table->columns[k].kind == COLUMN_PHYSICAL)
                wrong = &name->node;
    }
    bool other = alter->action == AST_ALTER_DROP_PRIMARY_KEY || alter->action == AST_ALTER_DROP_CONSTRAINT ||
                 alter->action == AST_ALTER_RENAME_COLUMN || alter->spec.constraints.count > 0;
    if (!wrong && !other) return STATUS_OK;
    if (!wrong) wrong = &alter->node;
    error_set_at(err, STATUS_NOT_SUPPORTED, wrong->offset, wrong->length,
                 "the columns and the key of a materialized table are those of its query");
    error_hint(err, "ALTER MATERIALIZED TABLE %s AS SELECT … adds columns at the end", table->name);
    return STATUS_NOT_SUPPORTED;
}

enum status session_alter_materialized(struct statement_ctx *ctx, const struct ast_alter *alter, struct error *err) {
    struct object_name name;
    const struct table *table;
    TRY(session_find_materialized(ctx, alter->name, &name, &table, err));
    switch (alter->action) {
    case AST_ALTER_AS_QUERY: return alter_query(ctx, alter, &name, table, err);
    case AST_ALTER_SUSPEND: return suspend(ctx, alter, &name, table, err);
    case AST_ALTER_RESUME: return resume(ctx, alter, &name, table, err);
    case AST_ALTER_REFRESH:
        TRY(check_idle(table, &alter->node, err));
        return refresh(ctx, &name, table,
                       alter->partitions.count ? AST_AT(alter->partitions, 0, ast_partition_spec) : NULL, &alter->node,
                       err);
    case AST_ALTER_FRESHNESS: return set_freshness(ctx, alter, &name, table, err);
    case AST_ALTER_REFRESH_MODE: return set_mode(ctx, alter, &name, table, err);
    default: break;
    }
    TRY(check_not_persisted(alter, table, err));
    TRY(session_alter_definition(ctx, alter, &name, table, err));
    session_message(ctx, "OK");
    return STATUS_OK;
}

enum status session_drop_materialized(struct statement_ctx *ctx, const struct ast_drop *drop, struct error *err) {
    struct object_name name;
    const struct table *table;
    TRY(look_up(ctx, drop->name, &name, &table, err));
    if (!table && !drop->if_exists) return session_find_materialized(ctx, drop->name, &name, &table, err);
    if (!table) {
        session_message(ctx, "OK");
        return STATUS_OK;
    }
    TRY(check_idle(table, &drop->name->node, err));
    TRY(session_place_error(name.catalog->class->drop_table(name.catalog, name.database, name.name, err),
                            &drop->name->node, err));
    const char *directory = table->materialized->checkpoint_dir;
    if (directory && job_directory_begun(directory))
        session_warn(ctx, "the checkpoints of its job are still in %s", directory);
    session_message(ctx, "OK");
    return STATUS_OK;
}
