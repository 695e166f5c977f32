/* Tables over made-up connectors for the planner's tests, and SQL in, plan out. */
#ifndef MILLRACE_PLAN_PLAN_TEST_SUPPORT_H
#define MILLRACE_PLAN_PLAN_TEST_SUPPORT_H

#include "bind/bind_test_support.h"
#include "plan/plan.h"

/* ---- connectors: only what a planner asks ---- */

static inline const char *fake_option(const struct table *table, const char *key) {
    for (int i = 0; i < table->options.count; i++)
        if (strcmp(table->options.keys[i], key) == 0) return table->options.values[i];
    return NULL;
}

static inline int64_t fake_rows(const struct table *table) {
    const char *rows = fake_option(table, "rows");
    return rows ? atoll(rows) : -1;
}

static inline bool fake_unbounded(const struct table *table) {
    (void)table;
    return false;
}
static inline bool fake_bounded(const struct table *table) {
    (void)table;
    return true;
}

/* "; first 3 per country by age DESC" */
static inline void fake_explain_top(const struct table *table, const struct scan_top *top, struct strbuf *explain) {
    if (!top) return;
    strbuf_printf(explain, "; first %lld", (long long)top->row_count);
    for (int i = 0; i < top->partition_count; i++)
        strbuf_printf(explain, "%s %s", i ? "," : " per", table->columns[top->partition[i]].name);
    for (int i = 0; i < top->order_count; i++)
        strbuf_printf(explain, "%s %s%s", i ? "," : " by", table->columns[top->order[i]].name,
                      top->descending[i] ? " DESC" : "");
}

/* Key columns compared with = or IN are taken exactly, ranges of them partially, the rest is not used. */
static inline enum status fake_pushdown(const struct table *table, const struct scan_request *request,
                                        enum pushdown_answer *answers, bool *limit_exact, struct strbuf *explain,
                                        struct error *err) {
    (void)err;
    *limit_exact = false;
    int used = 0;
    for (int i = 0; i < request->predicate_count; i++) {
        const struct predicate *predicate = &request->predicates[i];
        bool key = false;
        for (int k = 0; k < table->primary_key_count; k++) key |= table->primary_key[k] == predicate->column;
        bool exact = predicate->op == PREDICATE_EQ || predicate->op == PREDICATE_IN;
        answers[i] = !key ? PUSHDOWN_NO : exact ? PUSHDOWN_EXACT : PUSHDOWN_PARTIAL;
        used += answers[i] != PUSHDOWN_NO;
    }
    strbuf_puts(explain, used ? "by key" : "FULL SCAN");
    fake_explain_top(table, request->top, explain);
    return STATUS_OK;
}

/* 'groups' = 'c': groups by the column c alone. */
static inline enum status fake_groups(const struct table *table, const struct scan_request *request, bool *taken,
                                      struct error *err) {
    (void)err;
    const char *by = fake_option(table, "groups");
    *taken = by && request->column_count == 1 && strcmp(table->columns[request->columns[0]].name, by) == 0;
    return STATUS_OK;
}

static inline enum changes fake_accepts_append(const struct table *table) {
    (void)table;
    return CHANGES_APPEND;
}
static inline enum changes fake_accepts_upsert(const struct table *table) {
    return table->primary_key_count ? CHANGES_UPSERT : CHANGES_APPEND;
}
static inline enum changes fake_accepts_retract(const struct table *table) {
    (void)table;
    return CHANGES_RETRACT;
}

/* By the first column of the primary key, or all of it. */
static inline enum pushdown_answer fake_lookup_accepts(const struct table *table, const int *columns, int count,
                                                       struct strbuf *explain) {
    for (int i = 0; i < count; i++)
        if (i >= table->primary_key_count || table->primary_key[i] != columns[i]) return PUSHDOWN_NO;
    strbuf_puts(explain, "by primary key");
    return PUSHDOWN_EXACT;
}

/* What the source takes exactly by key, the sink can delete by key; two predicates at most. */
static inline enum status fake_delete_where(const struct table *table, const struct predicate *predicates, int count,
                                            int64_t write_micros, bool *taken, struct strbuf *explain,
                                            struct error *err) {
    (void)table;
    (void)predicates;
    *taken = count > 0 && count <= 2;
    if (*taken && write_micros == 666) return error_set(err, STATUS_UNREACHABLE, "nobody there");
    strbuf_printf(explain, "%d predicates at %lld", count, (long long)write_micros);
    return STATUS_OK;
}

/* 'distinct.c' = 'n': the column c has n values; 'range.c' = 'n': they lie between 1 and n (BIGINT, INT). */
static inline void fake_statistics(const struct table *table, struct arena *arena, struct table_statistics *out) {
    out->row_count = (double)fake_rows(table);
    for (int i = 0; i < table->column_count; i++) {
        const char *distinct = fake_option(table, arena_printf(arena, "distinct.%s", table->columns[i].name));
        const char *range = fake_option(table, arena_printf(arena, "range.%s", table->columns[i].name));
        if (distinct) out->columns[i].distinct_count = (double)atoll(distinct);
        if (!range) continue;
        out->columns[i].has_bounds = true;
        out->columns[i].low = value_i64(table->columns[i].type, 1);
        out->columns[i].high = value_i64(table->columns[i].type, atoll(range));
    }
}

static const struct source_class fake_stream_source = {.is_bounded = fake_unbounded};
static const struct source_class fake_file_source = {
    .is_bounded = fake_bounded, .row_estimate = fake_rows, .statistics = fake_statistics};
static const struct source_class fake_store_source = {
    .pushdown = fake_pushdown, .groups = fake_groups, .is_bounded = fake_bounded, .row_estimate = fake_rows};
static const struct sink_class fake_append_sink = {.accepts = fake_accepts_append};
static const struct sink_class fake_upsert_sink = {
    .accepts = fake_accepts_upsert, .modifies = fake_bounded, .delete_where = fake_delete_where};
static const struct sink_class fake_retract_sink = {.accepts = fake_accepts_retract};
static const struct lookup_class fake_lookup = {.accepts = fake_lookup_accepts};
static const struct connector fake_connectors[] = {
    {.name = "stream", .source = &fake_stream_source, .sink = &fake_append_sink},
    {.name = "file", .source = &fake_file_source, .sink = &fake_append_sink},
    {.name = "store", .source = &fake_store_source, .sink = &fake_upsert_sink, .lookup = &fake_lookup},
    {.name = "print", .sink = &fake_retract_sink},
};

static inline const struct connector *fake_find_connector(const char *name) {
    for (size_t i = 0; i < sizeof fake_connectors / sizeof *fake_connectors; i++)
        if (strcmp(fake_connectors[i].name, name) == 0) return &fake_connectors[i];
    return NULL;
}

static const char *const plan_ddl[] = {
    "CREATE TABLE clicks (user_id BIGINT, page STRING, ts TIMESTAMP(3), amount INT, pt AS PROCTIME(), "
    "WATERMARK FOR ts AS ts - INTERVAL '5' SECOND) WITH ('connector' = 'stream')",
    "CREATE TABLE bids (auction BIGINT, price BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) "
    "WITH ('connector' = 'stream')",
    "CREATE TABLE users (id BIGINT NOT NULL, name STRING, country STRING, age INT, PRIMARY KEY (id) NOT ENFORCED) "
    "WITH ('connector' = 'store', 'rows' = '1000')",
    "CREATE TABLE orders (o INT, user_id INT, price INT, d DATE) WITH ('connector' = 'file', 'rows' = '100000')",
    "CREATE TABLE items (o INT, sku STRING, qty INT) WITH ('connector' = 'file', 'rows' = '500000')",
    "CREATE TABLE t (a INT, b INT, c STRING) WITH ('connector' = 'file', 'rows' = '100')",
    "CREATE TABLE s (a INT, b INT, c STRING) WITH ('connector' = 'stream')",
    "CREATE TABLE s2 (a INT, d BIGINT) WITH ('connector' = 'stream')",
    "CREATE TABLE events (k INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'file', 'rows' = '1000')",
    "CREATE TABLE by_page (page STRING NOT NULL, n BIGINT, PRIMARY KEY (page) NOT ENFORCED) WITH ('connector' = "
    "'store')",
    "CREATE TABLE by_user (id BIGINT NOT NULL, page STRING, n BIGINT, PRIMARY KEY (id) NOT ENFORCED) "
    "WITH ('connector' = 'store')",
    "CREATE TABLE fact (id INT, dim1 INT, dim2 INT, day INT) WITH ('connector' = 'file', 'rows' = '1000000', "
    "'range.id' = '1000000', 'range.dim1' = '1000', 'range.dim2' = '100', 'range.day' = '400')",
    "CREATE TABLE dim1 (k INT, name STRING, zip INT) WITH ('connector' = 'file', 'rows' = '1000', 'range.k' = '1000', "
    "'distinct.name' = '200', 'distinct.zip' = '50')",
    "CREATE TABLE dim2 (k INT, name STRING) WITH ('connector' = 'file', 'rows' = '100', 'range.k' = '100', "
    "'distinct.name' = '100')",
    "CREATE TABLE cells (p INT NOT NULL, c INT NOT NULL, v INT, t STRING, PRIMARY KEY (p, c) NOT ENFORCED) WITH "
    "('connector' = 'store', 'rows' = '1000', 'groups' = 'p')",
    "CREATE TABLE log (page STRING, n BIGINT) WITH ('connector' = 'stream')",
    "CREATE TABLE shown (page STRING, n BIGINT) WITH ('connector' = 'print')",
};

static inline void plan_world_open(struct test_world *world, bool streaming) {
    memset(world, 0, sizeof *world);
    arena_init(&world->arena, NULL);
    world->env = (struct bind_env){.query_arena = &world->arena,
                                   .find_table = test_find_table,
                                   .suggest_table = test_suggest_table,
                                   .data = world,
                                   .streaming = streaming};
    for (size_t i = 0; i < sizeof plan_ddl / sizeof *plan_ddl; i++) {
        if (test_run(world, plan_ddl[i], false) == STATUS_OK) continue;
        fprintf(stderr, "%s\n%s\n", plan_ddl[i], world->err.message);
        abort();
    }
}

enum plan_section { SECTION_LOGICAL = 1, SECTION_OPTIMIZED = 2, SECTION_PHYSICAL = 4 };

static inline enum status plan_statements(struct test_world *world, const struct bound_insert *inserts, int count,
                                          const struct plan_options *options, int sections) {
    struct rel **logical = ARENA_ARRAY(&world->arena, struct rel *, count);
    struct rel **optimized = ARENA_ARRAY(&world->arena, struct rel *, count);
    struct plan *plan = NULL;
    for (int i = 0; i < count; i++) {
        logical[i] = inserts[i].rel;
        TRY(plan_optimize(&world->arena, logical[i], options, &optimized[i], &world->err));
        if (!test_check_rel(&world->arena, optimized[i], NULL)) abort();
    }
    TRY(plan_inserts(&world->arena, inserts, count, options, &plan, &world->err));
    plan_explain(&world->out, count, sections & SECTION_LOGICAL ? logical : NULL,
                 sections & SECTION_OPTIMIZED ? optimized : NULL, sections & SECTION_PHYSICAL ? plan : NULL);
    return STATUS_OK;
}

/* Plans a query, an INSERT or a statement set; the sections asked for are in world->out. */
static inline enum status plan_sql(struct test_world *world, const char *sql, struct plan_options options,
                                   int sections) {
    strbuf_clear(&world->out);
    error_clear(&world->err);
    options.streaming = world->env.streaming;
    options.find_connector = fake_find_connector;
    struct ast_statement *statement;
    TRY(parse_statement(sql, strlen(sql), &world->arena, &statement, &world->err));
    struct bound_insert inserts[8];
    int count = 0;
    enum ast_kind kind = statement->root->kind;
    if (kind == AST_INSERT || kind == AST_UPDATE || kind == AST_DELETE) {
        TRY(test_bind_change(world, statement->root, &inserts[count++]));
    } else if (statement->root->kind == AST_STATEMENT_SET) {
        const struct ast_list *list = &((struct ast_statement_set *)statement->root)->inserts;
        for (int i = 0; i < list->count && i < 8; i++)
            TRY(bind_insert(&world->env, AST_AT(*list, i, ast_insert), &inserts[count++], &world->err));
    }
    if (count) return plan_statements(world, inserts, count, &options, sections);
    struct bound_query query;
    TRY(bind_query(&world->env, (struct ast_query *)statement->root, &query, &world->err));
    struct rel *optimized;
    struct plan *plan;
    TRY(plan_optimize(&world->arena, query.rel, &options, &optimized, &world->err));
    if (!test_check_rel(&world->arena, optimized, NULL)) abort();
    TRY(plan_query(&world->arena, &query, &options, &plan, &world->err));
    plan_explain(&world->out, 1, sections & SECTION_LOGICAL ? &query.rel : NULL,
                 sections & SECTION_OPTIMIZED ? &optimized : NULL, sections & SECTION_PHYSICAL ? plan : NULL);
    return STATUS_OK;
}

struct plan_case {
    const char *sql, *expected;
};

/* Runs the cases; prints those that differ and returns how many did. */
static inline int plan_cases(const struct plan_case *cases, size_t count, bool streaming, int sections) {
    struct test_world world;
    plan_world_open(&world, streaming);
    int failed = 0;
    for (size_t i = 0; i < count; i++) {
        const char *sql = cases[i].sql;
        bool ok = plan_sql(&world, sql, plan_options_default(), sections) == STATUS_OK;
        const char *got = ok ? world.out.data : test_error_text(&world, sql);
        if (strcmp(got, cases[i].expected) == 0) continue;
        fprintf(stderr, "%s\n--- expected\n%s--- got\n%s---\n", sql, cases[i].expected, got);
        failed++;
    }
    test_world_close(&world);
    return failed;
}

#endif
