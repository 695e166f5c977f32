/* ANALYZE TABLE: counts a table's rows and, of columns that are asked for, the distinct values, NULLs, bounds and average length, by
 * queries like any other, exactly. The figures are kept with the table where its catalog can, else in the session. */
#include <math.h>
#include <stdlib.h>

#include "parse/parse.h"
#include "session/session_private.h"

/* ---- a query's single row ---- */

struct single_row {
    struct arena *arena;
    int count;
    struct value *values; /* NULL: no row came */
};

static enum status take_begin(void *data, const struct schema *schema, bool changelog, bool streaming,
                              struct error *err) {
    struct single_row *row = data;
    (void)changelog;
    (void)streaming;
    (void)err;
    row->count = schema->column_count;
    return STATUS_OK;
}

static enum status take_rows(void *data, const struct chunk *chunk, const uint8_t *kinds, struct error *err) {
    struct single_row *row = data;
    (void)kinds;
    (void)err;
    if (chunk->row_count == 0) return STATUS_OK;
    row->values = ARENA_ARRAY(row->arena, struct value, row->count + 1);
    for (int i = 0; i < row->count; i++) {
        struct value value = vector_get(&chunk->columns[i], 0, row->arena);
        row->values[i] = value_copy(row->arena, &value);
        row->values[i].type = type_copy(row->arena, value.type);
    }
    return STATUS_OK;
}

static enum status take_end(void *data, int64_t row_count, struct error *err) {
    (void)data;
    (void)row_count;
    (void)err;
    return STATUS_OK;
}

static enum status query_row(struct statement_ctx *ctx, const struct strbuf *sql, struct single_row *row,
                             struct error *err) {
    struct ast_query *query;
    TRY(parse_query(sql->data, sql->len, ctx->arena, &query, err));
    struct result_handler handler = {.data = row, .begin = take_begin, .rows = take_rows, .end = take_end};
    struct statement_ctx inner = *ctx;
    inner.text = sql->data;
    inner.len = sql->len;
    inner.handler = &handler;
    *row = (struct single_row){.arena = ctx->arena};
    TRY(session_query(&inner, query, err));
    if (!row->values) return error_set(err, STATUS_INTERNAL, "ANALYZE: a count without a row");
    return STATUS_OK;
}

/* ---- the queries ---- */

static void put_name(struct strbuf *sql, const char *name) {
    strbuf_putc(sql, '`');
    for (const char *p = name; *p; p++) {
        if (*p == '`') strbuf_putc(sql, '`');
        strbuf_putc(sql, *p);
    }
    strbuf_putc(sql, '`');
}

static void put_table(struct strbuf *sql, const struct object_name *name) {
    put_name(sql, name->catalog->name);
    strbuf_putc(sql, '.');
    put_name(sql, name->database);
    strbuf_putc(sql, '.');
    put_name(sql, name->name);
}

static bool is_countable(const struct table_column *column) {
    return column->kind == COLUMN_PHYSICAL && !type_is_nested(column->type);
}

static bool has_bounds(const struct type *type) {
    enum phys phys = type_phys(type);
    return phys >= PHYS_I8 && phys <= PHYS_F64 && type->id != TYPE_INTERVAL_YEAR_MONTH &&
           type->id != TYPE_INTERVAL_DAY_TIME;
}

static bool is_text(const struct type *type) { return type->id == TYPE_CHAR || type->id == TYPE_VARCHAR; }

/* Rows, and per wanted column: values, least, greatest, characters. */
static enum status count_columns(struct statement_ctx *ctx, const struct object_name *name, const struct table *table,
                                 const bool *wanted, struct table_statistics *out, struct error *err) {
    struct strbuf sql = {0};
    strbuf_puts(&sql, "SELECT COUNT(*)");
    for (int i = 0; i < table->column_count; i++) {
        if (!wanted[i]) continue;
        const struct table_column *column = &table->columns[i];
        strbuf_puts(&sql, ", COUNT(");
        put_name(&sql, column->name);
        strbuf_puts(&sql, ")");
        if (has_bounds(column->type)) {
            strbuf_puts(&sql, ", MIN(");
            put_name(&sql, column->name);
            strbuf_puts(&sql, "), MAX(");
            put_name(&sql, column->name);
            strbuf_puts(&sql, ")");
        } else if (is_text(column->type)) {
            strbuf_puts(&sql, ", SUM(CAST(CHAR_LENGTH(");
            put_name(&sql, column->name);
            strbuf_puts(&sql, ") AS BIGINT))");
        }
    }
    strbuf_puts(&sql, " FROM ");
    put_table(&sql, name);
    struct single_row row;
    enum status status = query_row(ctx, &sql, &row, err);
    strbuf_free(&sql);
    TRY(status);
    int n = 0;
    double rows = (double)row.values[n++].i64;
    out->row_count = rows;
    for (int i = 0; i < table->column_count; i++) {
        if (!wanted[i]) continue;
        struct column_statistics *column = &out->columns[i];
        double values = (double)row.values[n++].i64;
        column->null_fraction = rows > 0 ? 1 - values / rows : 0;
        enum phys phys = type_phys(table->columns[i].type);
        if (has_bounds(table->columns[i].type)) {
            column->low = row.values[n++];
            column->high = row.values[n++];
            column->has_bounds = !column->low.is_null && !column->high.is_null;
            column->average_bytes = phys_size(phys);
        } else if (is_text(table->columns[i].type)) {
            const struct value *characters = &row.values[n++];
            if (!characters->is_null && values > 0) column->average_bytes = (double)characters->i64 / values;
        }
    }
    return STATUS_OK;
}

static enum status count_distinct(struct statement_ctx *ctx, const struct object_name *name, const char *column,
                                  double *distinct, struct error *err) {
    struct strbuf sql = {0};
    strbuf_puts(&sql, "SELECT COUNT(*) FROM (SELECT DISTINCT ");
    put_name(&sql, column);
    strbuf_puts(&sql, " FROM ");
    put_table(&sql, name);
    strbuf_puts(&sql, " WHERE ");
    put_name(&sql, column);
    strbuf_puts(&sql, " IS NOT NULL)");
    struct single_row row;
    enum status status = query_row(ctx, &sql, &row, err);
    strbuf_free(&sql);
    TRY(status);
    *distinct = (double)row.values[0].i64;
    return STATUS_OK;
}

/* ---- what is asked for ---- */

static int find_column(const struct table *table, const char *name) {
    for (int i = 0; i < table->column_count; i++)
        if (strcmp(table->columns[i].name, name) == 0) return i;
    for (int i = 0; i < table->column_count; i++)
        if (str_compare_nocase(table->columns[i].name, name) == 0) return i;
    return -1;
}

static enum status wanted_columns(struct statement_ctx *ctx, const struct ast_analyze *analyze,
                                  const struct table *table, bool *wanted, struct error *err) {
    for (int i = 0; i < table->column_count && analyze->all_columns; i++) wanted[i] = is_countable(&table->columns[i]);
    for (int i = 0; i < analyze->columns.count; i++) {
        const struct ast_ident *ident = AST_AS(analyze->columns.items[i], ast_ident);
        int column = find_column(table, ident->text);
        if (column < 0) {
            error_set_at(err, STATUS_UNDEFINED_COLUMN, ident->node.offset, ident->node.length,
                         "table '%s' has no column '%s'", table->name, ident->text);
            const char **names = ARENA_ARRAY(ctx->arena, const char *, table->column_count + 1);
            for (int k = 0; k < table->column_count; k++) names[k] = table->columns[k].name;
            const char *near = str_nearest(ident->text, names, table->column_count);
            if (near) error_hint(err, "did you mean '%s'?", near);
            return STATUS_UNDEFINED_COLUMN;
        }
        if (!is_countable(&table->columns[column])) {
            error_set_at(err, STATUS_NOT_SUPPORTED, ident->node.offset, ident->node.length,
                         "column '%s' can have no statistics", ident->text);
            error_hint(err, "only physical columns of scalar types have them");
            return STATUS_NOT_SUPPORTED;
        }
        wanted[column] = true;
    }
    return STATUS_OK;
}

static enum status check_partition(const struct ast_analyze *analyze, const struct table *table, struct error *err) {
    if (!analyze->partition) return STATUS_OK;
    const struct ast_list *assignments = &analyze->partition->assignments;
    for (int i = 0; i < assignments->count; i++) {
        const struct ast_assignment *assignment = AST_AS(assignments->items[i], ast_assignment);
        const struct ast_name *target = assignment->target;
        int column = find_column(table, target->parts[target->count - 1].text);
        bool is_partition = false;
        for (int k = 0; k < table->partitioned_by_count; k++) is_partition |= table->partitioned_by[k] == column;
        if (!is_partition)
            return error_set_at(err, STATUS_INVALID_QUERY, assignment->node.offset, assignment->node.length,
                                "'%s' is no partition column of table '%s'", target->parts[target->count - 1].text,
                                table->name);
    }
    return STATUS_OK;
}

/* ---- keeping them ---- */

static enum status keep(struct session *session, const struct object_name *name, const struct table *table,
                        const struct table_statistics *statistics, bool is_temporary, struct arena *arena,
                        struct error *err) {
    struct table with = *table;
    with.statistics = statistics;
    struct table *copy = table_copy(arena, &with);
    struct catalog *catalog = is_temporary ? session->temporary : name->catalog;
    if (is_temporary) copy->database = session_temporary_database(name, arena);
    if (catalog->class->keeps_statistics) return catalog->class->alter_table(catalog, copy, err);
    struct kept_statistics *kept = session_kept_statistics(session, name);
    if (kept) {
        arena_destroy(&kept->arena);
    } else {
        kept = ARENA_NEW(&session->arena, struct kept_statistics);
        kept->catalog = arena_strdup(&session->arena, name->catalog->name);
        kept->database = arena_strdup(&session->arena, name->database);
        kept->name = arena_strdup(&session->arena, name->name);
        kept->next = session->statistics;
        session->statistics = kept;
    }
    arena_init(&kept->arena, NULL);
    kept->statistics = table_copy(&kept->arena, copy)->statistics;
    return STATUS_OK;
}

/* Batch, whatever the session's mode is: figures of an endless table have no meaning. */
static enum status in_batch(struct statement_ctx *ctx, const struct object_name *name, const struct table *table,
                            const bool *wanted, struct table_statistics *out, struct error *err) {
    struct session *session = ctx->session;
    const char *mode = session_get(session, "execution.runtime-mode");
    char *before = xstrdup(mode ? mode : "automatic");
    enum status status = session_set(session, "execution.runtime-mode", "batch", NULL, err);
    if (status == STATUS_OK) status = count_columns(ctx, name, table, wanted, out, err);
    for (int i = 0; status == STATUS_OK && i < table->column_count; i++)
        if (wanted[i]) status = count_distinct(ctx, name, table->columns[i].name, &out->columns[i].distinct_count, err);
    enum status restored =
        session_set(session, "execution.runtime-mode", before, NULL, status == STATUS_OK ? err : NULL);
    free(before);
    return status == STATUS_OK ? restored : status;
}

enum status session_analyze(struct statement_ctx *ctx, const struct ast_analyze *analyze, struct error *err) {
    struct object_name name;
    TRY(session_resolve(ctx->session, analyze->table, &name, err));
    const struct table *table;
    bool is_temporary;
    TRY(session_find_table(ctx->session, &name, ctx->arena, &table, &is_temporary, err));
    if (!table) return session_no_table(ctx->session, "table", analyze->table, ctx->arena, err);
    if (table->kind == TABLE_VIEW)
        return error_set_at(err, STATUS_NOT_SUPPORTED, analyze->table->node.offset, analyze->table->node.length,
                            "'%s' is a view: only tables have statistics", ast_name_text(analyze->table, ctx->arena));
    TRY(check_partition(analyze, table, err));
    bool *wanted = ARENA_ARRAY(ctx->arena, bool, table->column_count + 1);
    TRY(wanted_columns(ctx, analyze, table, wanted, err));
    struct table_statistics *statistics = ARENA_NEW(ctx->arena, struct table_statistics);
    table_statistics_init(statistics, ctx->arena, table->column_count);
    /* Columns that are not asked for keep what was found before. */
    for (int i = 0; table->statistics && i < table->statistics->column_count && i < table->column_count; i++)
        if (!wanted[i]) statistics->columns[i] = table->statistics->columns[i];
    TRY(in_batch(ctx, &name, table, wanted, statistics, err));
    TRY(keep(ctx->session, &name, table, statistics, is_temporary, ctx->arena, err));
    session_message(ctx, "OK");
    return STATUS_OK;
}
