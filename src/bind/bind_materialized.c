/* Materialized tables: who may write one, its clauses, the text of its query, and the changes that REFRESH makes. */
#include "bind/bind_private.h"
#include "parse/unparse.h"

enum status check_target(struct binder *b, const struct table *table, const struct ast_node *node, const char *verb,
                         struct error *err) {
    if (table->kind == TABLE_VIEW)
        return bind_error(b, err, STATUS_INVALID_QUERY, node, "cannot %s view '%s'", verb, table->name);
    if (!table->materialized) return STATUS_OK;
    enum status status =
        bind_error(b, err, STATUS_INVALID_QUERY, node,
                   "cannot %s materialized table '%s': its query alone says what is in it", verb, table->name);
    error_hint(err,
               table->materialized->full ? "ALTER MATERIALIZED TABLE %s REFRESH computes it anew"
                                         : "ALTER MATERIALIZED TABLE %s RESUME runs the job that keeps it up to date",
               table->name);
    return status;
}

/* ---- FRESHNESS and START_MODE ---- */

static const struct {
    enum ast_unit unit;
    int64_t ms;
    int in_next; /* so many make the next larger unit */
} freshness_units[] = {
    {AST_UNIT_SECOND, 1000, 60},
    {AST_UNIT_MINUTE, 60 * 1000, 60},
    {AST_UNIT_HOUR, 60 * 60 * 1000, 24},
    {AST_UNIT_DAY, 24 * 60 * 60 * 1000, 2},
};

/* Digits alone, and not too many; 0 otherwise. */
static int64_t plain_number(struct str text) {
    enum { MAX_DIGITS = 9 };
    int64_t number = 0;
    if (text.len > MAX_DIGITS) return 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') return 0;
        number = number * 10 + (text.data[i] - '0');
    }
    return number;
}

enum status bind_freshness(struct bind_env *env, const struct ast_literal *literal, struct freshness *out,
                           struct error *err) {
    struct binder b;
    binder_init(&b, env);
    int at = -1;
    for (int i = 0; i < (int)(sizeof freshness_units / sizeof *freshness_units); i++)
        if (literal->interval.from == freshness_units[i].unit && literal->interval.to == AST_UNIT_NONE) at = i;
    int64_t number = literal->negative ? 0 : plain_number(literal->text);
    if (at < 0 || number == 0)
        return bind_error(&b, err, STATUS_INVALID_QUERY, &literal->node,
                          "FRESHNESS is a whole number above 0 of SECOND, MINUTE, HOUR or DAY");
    *out =
        (struct freshness){.ms = number * freshness_units[at].ms,
                           .repeats = number < freshness_units[at].in_next && freshness_units[at].in_next % number == 0,
                           .text = arena_printf(b.arena, "INTERVAL '%lld' %s", (long long)number,
                                                ast_unit_name(freshness_units[at].unit))};
    return STATUS_OK;
}

static enum status start_instant(struct binder *b, const struct ast_node *literal, int64_t *ms, struct error *err) {
    struct value value, instant;
    TRY(bind_constant(b, literal, "FROM_TIMESTAMP", &value, err));
    if (!type_is_timestamp(value.type))
        return bind_error(b, err, STATUS_TYPE_MISMATCH, literal, "FROM_TIMESTAMP takes a TIMESTAMP, not %s",
                          type_to_string(b->arena, value.type));
    const struct type *type = type_time(b->arena, TYPE_TIMESTAMP_LTZ, 3, false);
    TRY(value_cast(b->arena, &value, type, b->env->zone, &instant, err));
    *ms = instant.i64 / 1000;
    return STATUS_OK;
}

enum status bind_start_mode(struct bind_env *env, const struct ast_start_mode *mode, int64_t now_ms, const char **text,
                            int64_t *start_ms, struct error *err) {
    struct binder b;
    binder_init(&b, env);
    int64_t back_ms = 0;
    switch (mode->start_kind) {
    case AST_START_FROM_BEGINNING:
    case AST_START_RESUME_OR_FROM_BEGINNING: *start_ms = -1; break;
    case AST_START_FROM_NOW:
    case AST_START_RESUME_OR_FROM_NOW:
        if (mode->argument) TRY(bind_interval_ms(&b, mode->argument, "the interval of FROM_NOW", false, &back_ms, err));
        *start_ms = now_ms - back_ms;
        break;
    case AST_START_FROM_TIMESTAMP:
    case AST_START_RESUME_OR_FROM_TIMESTAMP: TRY(start_instant(&b, mode->argument, start_ms, err)); break;
    }
    if (*start_ms < -1) return bind_error(&b, err, STATUS_OUT_OF_RANGE, &mode->node, "START_MODE lies before 1970");
    struct strbuf buf = {0};
    unparse_start_mode(mode, &buf);
    *text = arena_strndup(b.arena, buf.data, buf.len);
    strbuf_free(&buf);
    return STATUS_OK;
}

/* ---- Whole names ---- */

/* A name of WITH in sight. */
struct known_name {
    const char *text;
    const struct known_name *outer;
};

struct qualifier {
    struct binder *b;
    const struct known_name *known;
    struct error *err;
    enum status status;
};

static bool qualify(struct ast_node *node, void *data);

static bool qualify_name(struct qualifier *q, struct ast_name *name) {
    const struct table *table;
    for (const struct known_name *known = q->known; known && name->count == 1; known = known->outer)
        if (strcmp(known->text, name->parts[0].text) == 0) return true;
    q->status = find_table(q->b, name, &table, q->err);
    if (q->status != STATUS_OK) return false;
    const char *const texts[] = {table->catalog, table->database, table->name};
    struct ast_ident *parts = ARENA_ARRAY(q->b->arena, struct ast_ident, 3);
    for (int i = 0; i < 3; i++) parts[i] = (struct ast_ident){.node = name->parts[0].node, .text = texts[i]};
    name->parts = parts;
    name->count = name->capacity = 3;
    return true;
}

static bool qualify_list(struct qualifier *q, const struct ast_list *list) {
    for (int i = 0; i < list->count; i++)
        if (!qualify(list->items[i], q)) return false;
    return true;
}

/* A query of WITH sees those before it, and itself when it is recursive. */
static bool qualify_query(struct qualifier *q, struct ast_query *query) {
    const struct known_name *outer = q->known;
    struct known_name *names = ARENA_ARRAY(q->b->arena, struct known_name, query->with.count + 1);
    bool good = true;
    for (int i = 0; i < query->with.count && good; i++) {
        struct ast_cte *cte = AST_AT(query->with, i, ast_cte);
        names[i] = (struct known_name){cte->name->text, q->known};
        if (query->recursive) q->known = &names[i];
        good = qualify_query(q, cte->query);
        q->known = &names[i];
    }
    good = good && qualify(query->body, q) && qualify_list(q, &query->order_by) &&
           (!query->limit || qualify(query->limit, q)) && (!query->offset || qualify(query->offset, q));
    q->known = outer;
    return good;
}

static bool qualify(struct ast_node *node, void *data) {
    struct qualifier *q = data;
    switch (node->kind) {
    case AST_QUERY: return qualify_query(q, (struct ast_query *)node);
    case AST_EXPLICIT_TABLE: return qualify_name(q, AST_AS(node, ast_explicit_table)->name);
    case AST_TABLE_NAME:
        if (!qualify_name(q, AST_AS(node, ast_table_name)->name)) return false;
        break;
    case AST_TABLE_ARG:
        if (AST_AS(node, ast_table_arg)->model) return true;
        if (AST_AS(node, ast_table_arg)->name && !qualify_name(q, AST_AS(node, ast_table_arg)->name)) return false;
        break;
    default: break;
    }
    return ast_each_child(node, qualify, q);
}

enum status bind_whole_names(struct bind_env *env, struct ast_query *query, const char **text, struct error *err) {
    struct binder b;
    binder_init(&b, env);
    struct qualifier q = {.b = &b, .err = err, .status = STATUS_OK};
    qualify_query(&q, query);
    TRY(q.status);
    struct strbuf buf = {0};
    unparse_query(query, &buf);
    *text = arena_strndup(b.arena, buf.data, buf.len);
    size_t len = buf.len;
    strbuf_free(&buf);
    if (len <= MATERIALIZED_MAX_QUERY_BYTES) return STATUS_OK;
    return bind_error(&b, err, STATUS_LIMIT_EXCEEDED, &query->node, "the query has more than %d bytes",
                      MATERIALIZED_MAX_QUERY_BYTES);
}

/* ---- REFRESH ---- */

static bool is_partition_column(const struct table *table, int column) {
    for (int i = 0; i < table->partitioned_by_count; i++)
        if (table->partitioned_by[i] == column) return true;
    /* of a table that its catalog keeps by key */
    for (int i = 0; table->connector_data && i < table->partition_key_count; i++)
        if (table->primary_key[i] == column) return true;
    return false;
}

struct partition {
    int count;
    int *columns; /* of the table */
    struct value *values;
    const struct ast_partition_spec *spec;
};

static enum status bind_refreshed_partition(struct binder *b, const struct ast_partition_spec *spec,
                                            const struct table *table, struct partition *out, struct error *err) {
    int count = spec ? spec->assignments.count : 0;
    *out = (struct partition){.columns = ARENA_ARRAY(b->arena, int, count + 1),
                              .values = ARENA_ARRAY(b->arena, struct value, count + 1),
                              .spec = spec};
    for (int i = 0; i < count; i++) {
        const struct ast_assignment *assignment = AST_AT(spec->assignments, i, ast_assignment);
        const char *name = assignment->target->parts[assignment->target->count - 1].text;
        int column;
        TRY(find_target(b, table, &assignment->target->node, name, &column, err));
        if (!is_partition_column(table, column))
            return bind_error(b, err, STATUS_INVALID_QUERY, &assignment->target->node,
                              "column '%s' is neither in PARTITIONED BY of table '%s' nor in its partition key", name,
                              table->name);
        for (int k = 0; k < i; k++)
            if (out->columns[k] == column)
                return bind_error(b, err, STATUS_DUPLICATE_NAME, &assignment->target->node,
                                  "PARTITION names column '%s' twice", name);
        TRY(bind_partition_value(b, assignment, &table->columns[column], &out->values[i], err));
        out->columns[out->count++] = column;
    }
    return STATUS_OK;
}

/* The rows of the partition. columns: the table's, in rel's order. */
static enum status only_partition(struct binder *b, const struct partition *partition, const int *columns, int count,
                                  struct rel **rel, struct error *err) {
    if (!partition->count) return STATUS_OK;
    const struct ast_node *node = &partition->spec->node;
    struct context ctx = {.b = b, .clause = "PARTITION"};
    struct expr **terms = ARENA_ARRAY(b->arena, struct expr *, partition->count);
    for (int i = 0; i < partition->count; i++) {
        const struct value *value = &partition->values[i];
        int at = 0;
        while (at < count && columns[at] != partition->columns[i]) at++;
        if (at == count)
            return bind_error(b, err, STATUS_INVALID_QUERY, node, "the query gives no column for PARTITION");
        struct expr **args = ARENA_ARRAY(b->arena, struct expr *, 2);
        args[0] = column_of(b, *rel, at);
        args[1] = expr_const(b->arena, value);
        TRY(call(&ctx, value->is_null ? "IS NULL" : "=", args, value->is_null ? 1 : 2, node, &terms[i], err));
    }
    TRY_REL(*rel, b, filter(b, *rel, expr_and(b->arena, terms, partition->count)), node, err);
    return STATUS_OK;
}

/* The keys of the table's rows, ascending, and where the query's rows have them. */
static enum status key_columns(struct binder *b, const struct bound_insert *insert, const struct ast_node *node,
                               int *keys, int *positions, struct error *err) {
    const struct table *table = insert->table;
    int count = 0;
    for (int i = 0; i < table->column_count; i++)
        for (int k = 0; k < table->primary_key_count; k++)
            if (table->primary_key[k] == i) keys[count++] = i;
    for (int i = 0; i < count; i++) {
        int at = 0;
        while (at < insert->column_count && insert->columns[at] != keys[i]) at++;
        if (at == insert->column_count)
            return bind_error(b, err, STATUS_NULL_NOT_ALLOWED, node, "the query gives no column for '%s' of the key",
                              table->columns[keys[i]].name);
        positions[i] = at;
    }
    return STATUS_OK;
}

static enum status pick(struct binder *b, const int *columns, int count, const struct ast_node *node, struct rel **rel,
                        struct error *err) {
    struct expr **exprs = ARENA_ARRAY(b->arena, struct expr *, count);
    const char **names = ARENA_ARRAY(b->arena, const char *, count);
    for (int i = 0; i < count; i++) {
        exprs[i] = column_of(b, *rel, columns[i]);
        names[i] = (*rel)->schema.names[columns[i]];
    }
    TRY_REL(*rel, b, rel_project(b->arena, *rel, count, exprs, names), node, err);
    return STATUS_OK;
}

/* What is in the table and not in the query's rows. */
static enum status bind_vanished(struct binder *b, const struct bound_insert *insert, const struct partition *partition,
                                 const struct ast_node *node, struct bound_insert *out, struct error *err) {
    const struct table *table = insert->table;
    int count = table->primary_key_count;
    int *keys = ARENA_ARRAY(b->arena, int, count), *positions = ARENA_ARRAY(b->arena, int, count);
    int *all = ARENA_ARRAY(b->arena, int, table->column_count);
    struct expr **same = ARENA_ARRAY(b->arena, struct expr *, count);
    struct context ctx = {.b = b, .clause = "REFRESH"};
    struct rel *old, *new = insert->rel;
    TRY(key_columns(b, insert, node, keys, positions, err));
    for (int i = 0; i < table->column_count; i++) all[i] = i;
    TRY(bind_base_table(b, table, node, false, &old, err));
    TRY(only_partition(b, partition, all, table->column_count, &old, err));
    TRY(pick(b, keys, count, node, &old, err));
    TRY(pick(b, positions, count, node, &new, err));
    for (int i = 0; i < count; i++) {
        struct expr **args = ARENA_ARRAY(b->arena, struct expr *, 2);
        args[0] = column_of(b, old, i);
        args[1] = expr_column(b->arena, count + i, new->schema.types[i]);
        TRY(call(&ctx, "=", args, 2, node, &same[i], err));
    }
    *out = (struct bound_insert){.kind = BOUND_DELETE,
                                 .table = table,
                                 .column_count = count,
                                 .columns = keys,
                                 .offset = node->offset,
                                 .length = node->length};
    TRY_REL(out->rel, b, rel_join(b->arena, old, new, JOIN_ANTI, expr_and(b->arena, same, count)), node, err);
    return STATUS_OK;
}

enum status bind_refresh(struct bind_env *env, const struct ast_insert *insert, const struct ast_partition_spec *spec,
                         bool overwrite, struct bound_insert changes[2], int *change_count, struct error *err) {
    struct binder b;
    binder_init(&b, env);
    struct partition partition;
    struct bound_insert *fill = &changes[0];
    TRY(bind_insert(env, insert, fill, err));
    TRY(bind_refreshed_partition(&b, spec, fill->table, &partition, err));
    TRY(only_partition(&b, &partition, fill->columns, fill->column_count, &fill->rel, err));
    *change_count = 1;
    if (overwrite) {
        fill->overwrite = true;
        fill->fixed_count = partition.count;
        fill->fixed_columns = partition.columns;
        fill->fixed_values = partition.values;
        return STATUS_OK;
    }
    struct held_query *held = ARENA_NEW(b.arena, struct held_query);
    held->name = fill->table->name;
    held->base = fill->rel;
    held->schema = &fill->rel->schema;
    held->offset = insert->node.offset;
    held->length = insert->node.length;
    TRY_REL(fill->rel, &b, rel_rows(b.arena, held->schema, &held->rows, held, held->name), &insert->node, err);
    TRY(bind_vanished(&b, fill, &partition, &insert->node, &changes[1], err));
    *change_count = 2;
    return STATUS_OK;
}
