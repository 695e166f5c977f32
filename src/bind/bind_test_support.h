/* A small catalog for the binder's tests, made by the DDL below, and SQL in, text out. */
#ifndef MILLRACE_BIND_BIND_TEST_SUPPORT_H
#define MILLRACE_BIND_BIND_TEST_SUPPORT_H

#include <stdio.h>
#include <stdlib.h>

#include "bind/bind.h"
#include "parse/unparse.h"

enum { TEST_MAX_TABLES = 128 };

struct test_world {
    struct arena arena;
    struct bind_env env;
    struct table *tables[TEST_MAX_TABLES];
    int table_count;
    struct error err; /* of the last failure */
    struct strbuf out;
};

static const char *const test_ddl[] = {
    "CREATE TABLE clicks (user_id BIGINT, page STRING, ts TIMESTAMP(3), amount DECIMAL(10, 2), "
    "WATERMARK FOR ts AS ts - INTERVAL '5' SECOND) WITH ('connector' = 'kafka', 'topic' = 'clicks')",
    "CREATE TABLE users (id BIGINT, name STRING, country CHAR(2), address ROW<street STRING, zip INT>, "
    "PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'cassandra')",
    "CREATE TABLE orders (id INT NOT NULL, user_id BIGINT NOT NULL, price DOUBLE, qty INT, d DATE, open BOOLEAN, "
    "rt TIMESTAMP(3), WATERMARK FOR rt AS rt) WITH ('connector' = 'filesystem')",
    "CREATE TABLE meta (id INT, part INT METADATA FROM 'partition' VIRTUAL, stamp TIMESTAMP_LTZ(3) METADATA, "
    "twice AS id * 2, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'kafka')",
    "CREATE TABLE live (k BIGINT, x INT, pt AS PROCTIME()) WITH ('connector' = 'datagen')",
    "CREATE TABLE t (a INT, b INT, c STRING)",
    "CREATE TABLE u (a INT, d BIGINT NOT NULL)",
    "CREATE TABLE `Odd Name` (`select` INT, `Mixed` INT)",
    "CREATE TABLE parted (v INT, day STRING) PARTITIONED BY (day)",
    "CREATE VIEW v AS SELECT a, b + 1 AS b1 FROM t WHERE a > 0",
    "CREATE VIEW v2 (x, y) AS SELECT v.a, COUNT(*) FROM v GROUP BY v.a",
    "CREATE VIEW gone AS SELECT nothing FROM t",
    "CREATE VIEW endless AS SELECT * FROM endless",
    "CREATE VIEW numbered AS SELECT user_id, page, ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY ts) AS rn FROM "
    "clicks",
};

static inline enum status test_find_table(void *data, const char *const *parts, int count, struct arena *arena,
                                          const struct table **table, const char **tried, struct error *err) {
    (void)err;
    struct test_world *world = data;
    *tried = arena_printf(arena, "cat.db.%s", parts[count - 1]);
    if (count >= 2 && strcmp(parts[count - 2], "db") != 0) return STATUS_OK;
    if (count == 3 && strcmp(parts[0], "cat") != 0) return STATUS_OK;
    for (int i = 0; i < world->table_count; i++) {
        if (strcmp(world->tables[i]->name, parts[count - 1]) == 0) *table = world->tables[i];
    }
    return STATUS_OK;
}

static inline const char *test_suggest_table(void *data, const char *name, struct arena *arena) {
    (void)arena;
    struct test_world *world = data;
    const char *names[TEST_MAX_TABLES];
    for (int i = 0; i < world->table_count; i++) names[i] = world->tables[i]->name;
    return str_nearest(name, names, world->table_count);
}

static inline enum status test_add_view(struct test_world *world, const struct ast_create_view *create) {
    struct table *view = ARENA_NEW(&world->arena, struct table);
    struct strbuf buf = {0};
    unparse_query(create->query, &buf);
    struct table_column *columns = ARENA_ARRAY(&world->arena, struct table_column, create->columns.count);
    for (int i = 0; i < create->columns.count; i++) {
        columns[i].name = AST_AT(create->columns, i, ast_column_def)->name->parts[0].text;
    }
    *view = (struct table){.kind = TABLE_VIEW,
                           .catalog = "cat",
                           .database = "db",
                           .name = create->name->parts[0].text,
                           .watermark_column = -1,
                           .column_count = create->columns.count,
                           .columns = columns,
                           .view_query = arena_strndup(&world->arena, buf.data, buf.len)};
    strbuf_free(&buf);
    world->tables[world->table_count++] = view;
    return STATUS_OK;
}

static inline enum status test_add_table(struct test_world *world, const struct ast_create_table *create) {
    struct table *table = ARENA_NEW(&world->arena, struct table);
    TRY(bind_create_table(&world->env, create, table, &world->err));
    table->catalog = "cat";
    table->database = "db";
    world->tables[world->table_count++] = table;
    table_print_create(&world->out, table);
    strbuf_putc(&world->out, '\n');
    return STATUS_OK;
}

static inline void test_print_type_list(struct strbuf *out, const struct rel *rel) {
    static const char *const times[] = {"", " *rowtime*", " *proctime*"};
    static const char *const windows[] = {"", " *start*", " *end*", " *time*"};
    for (int i = 0; i < rel->schema.column_count; i++) {
        strbuf_printf(out, "%s%s ", i ? ", " : "", rel->schema.names[i]);
        type_print(out, rel->schema.types[i]);
        strbuf_printf(out, "%s%s", times[rel->properties[i].time], windows[rel->properties[i].window]);
    }
    strbuf_putc(out, '\n');
}

/* ---- what must hold in every tree ---- */

/* The columns that an expression may refer to; outer: those of the enclosing query. */
struct test_input {
    const struct test_input *outer;
    int count;
    const struct type **types;
};

static inline bool test_check_rel(struct arena *arena, const struct rel *rel, const struct test_input *outer);

/* A column's type is its input's, but may admit NULL where the input does not. */
static inline bool test_check_column(const struct test_input *input, int index, const struct type *type) {
    if (!input || index < 0 || index >= input->count) return false;
    const struct type *is = input->types[index];
    return type_equal_but_nullable(type, is) && (type->nullable || !is->nullable);
}

static inline bool test_check_expr(struct arena *arena, const struct expr *expr, const struct test_input *input) {
    bool ok = true;
    switch (expr->kind) {
    case EXPR_COLUMN: ok = test_check_column(input, expr->column.index, expr->type); break;
    case EXPR_OUTER:
        for (int level = 0; level < expr->outer.level && input; level++) input = input->outer;
        return test_check_column(input, expr->outer.index, expr->type);
    case EXPR_AGGREGATE:
    case EXPR_WINDOW: return false;
    case EXPR_SUBQUERY: ok = test_check_rel(arena, expr->subquery.rel, input); break;
    case EXPR_CAST: ok = expr->type->nullable || !expr->args[0]->type->nullable; break;
    default: break;
    }
    for (int i = 0; i < expr->arg_count; i++) ok = ok && test_check_expr(arena, expr->args[i], input);
    return ok;
}

static inline struct test_input test_input_of(struct arena *arena, const struct rel *rel,
                                              const struct test_input *outer) {
    struct test_input input = {.outer = outer};
    for (int i = 0; i < rel->input_count; i++) input.count += rel->inputs[i]->schema.column_count;
    input.types = ARENA_ARRAY(arena, const struct type *, input.count);
    int n = 0;
    for (int i = 0; i < rel->input_count; i++) {
        for (int c = 0; c < rel->inputs[i]->schema.column_count; c++)
            input.types[n++] = rel->inputs[i]->schema.types[c];
    }
    return input;
}

static inline bool test_check_node(struct arena *arena, const struct rel *rel, const struct test_input *input) {
    bool ok = true;
    int count = rel->schema.column_count;
    switch (rel->kind) {
    case REL_FILTER: return test_check_expr(arena, rel->filter.condition, input);
    case REL_WATERMARK: return test_check_expr(arena, rel->watermark.expr, input);
    case REL_JOIN: return !rel->join.condition || test_check_expr(arena, rel->join.condition, input);
    case REL_PROJECT:
        for (int i = 0; i < count; i++) {
            ok = ok && test_check_expr(arena, rel->project.exprs[i], input) &&
                 type_equal(rel->project.exprs[i]->type, rel->schema.types[i]);
        }
        return ok;
    case REL_VALUES:
        for (int r = 0; r < rel->values.row_count; r++) {
            for (int c = 0; c < count; c++) {
                const struct expr *cell = rel->values.rows[r][c];
                ok = ok && type_equal_but_nullable(cell->type, rel->schema.types[c]) &&
                     (rel->schema.types[c]->nullable || !cell->type->nullable);
            }
        }
        return ok;
    case REL_AGGREGATE:
        for (int i = 0; i < rel->aggregate.key_count; i++) {
            ok = ok && test_check_column(input, rel->aggregate.keys[i],
                                         type_with_nullable(arena, rel->schema.types[i], true));
        }
        for (int i = 0; i < rel->aggregate.call_count; i++) {
            const struct aggregate_call *call = &rel->aggregate.calls[i];
            for (int a = 0; a < call->function->arg_count; a++) {
                ok = ok && test_check_column(input, call->args[a],
                                             type_with_nullable(arena, call->function->arg_types[a], true));
            }
            ok = ok && call->filter < input->count;
        }
        return ok;
    case REL_SORT:
        for (int i = 0; i < rel->sort.key_count; i++) ok = ok && rel->sort.keys[i].column < count;
        return ok;
    case REL_SET_OP:
        for (int i = 0; i < rel->input_count; i++) {
            ok = ok && rel->inputs[i]->schema.column_count == count;
            for (int c = 0; c < count && ok; c++) {
                ok = type_equal_but_nullable(rel->inputs[i]->schema.types[c], rel->schema.types[c]);
            }
        }
        return ok;
    default: return true;
    }
}

static inline bool test_check_rel(struct arena *arena, const struct rel *rel, const struct test_input *outer) {
    struct test_input input = test_input_of(arena, rel, outer);
    /* Only rows that are counted have no columns, and only after pruning. */
    bool counted = rel->kind == REL_SCAN || rel->kind == REL_FILTER;
    bool ok = (rel->schema.column_count > 0 || counted) && test_check_node(arena, rel, &input);
    for (int i = 0; i < rel->schema.column_count; i++) { /* names are unique */
        for (int k = 0; k < i; k++) ok = ok && strcmp(rel->schema.names[i], rel->schema.names[k]) != 0;
    }
    for (int i = 0; i < rel->input_count && ok; i++) {
        struct test_input left = {.outer = outer};
        bool inner = rel->kind == REL_JOIN && rel->join.correlated && i == 1;
        if (inner) {
            left.count = rel->inputs[0]->schema.column_count;
            left.types = (const struct type **)rel->inputs[0]->schema.types;
        }
        ok = test_check_rel(arena, rel->inputs[i], inner ? &left : outer);
    }
    if (!ok) fprintf(stderr, "a node of kind %d is inconsistent\n", rel->kind);
    return ok;
}

/* INSERT, UPDATE, DELETE */
static inline enum status test_bind_change(struct test_world *world, struct ast_node *root, struct bound_insert *out) {
    if (root->kind == AST_UPDATE) return bind_update(&world->env, (struct ast_update *)root, out, &world->err);
    if (root->kind == AST_DELETE) return bind_delete(&world->env, (struct ast_delete *)root, out, &world->err);
    return bind_insert(&world->env, (struct ast_insert *)root, out, &world->err);
}

/* Runs one statement; what it gives stands in world->out: the plan, then the output columns when `types`. */
static inline enum status test_run(struct test_world *world, const char *sql, bool types) {
    strbuf_clear(&world->out);
    error_clear(&world->err);
    struct ast_statement *statement;
    TRY(parse_statement(sql, strlen(sql), &world->arena, &statement, &world->err));
    switch (statement->root->kind) {
    case AST_CREATE_TABLE: return test_add_table(world, (struct ast_create_table *)statement->root);
    case AST_CREATE_VIEW: return test_add_view(world, (struct ast_create_view *)statement->root);
    case AST_INSERT:
    case AST_UPDATE:
    case AST_DELETE: {
        static const char *const verbs[] = {"Insert", "Update", "Delete"};
        struct bound_insert insert;
        TRY(test_bind_change(world, statement->root, &insert));
        strbuf_printf(&world->out, "%s %s (", verbs[insert.kind], insert.table->name);
        for (int i = 0; i < insert.column_count; i++) {
            strbuf_printf(&world->out, "%s%s", i ? ", " : "", insert.table->columns[insert.columns[i]].name);
        }
        strbuf_printf(&world->out, ")%s\n", insert.overwrite ? " overwrite" : "");
        if (!test_check_rel(&world->arena, insert.rel, NULL)) abort();
        rel_print(&world->out, insert.rel);
        if (types) test_print_type_list(&world->out, insert.rel);
        return STATUS_OK;
    }
    default: {
        struct bound_query query;
        TRY(bind_query(&world->env, (struct ast_query *)statement->root, &query, &world->err));
        if (!test_check_rel(&world->arena, query.rel, NULL)) abort();
        rel_print(&world->out, query.rel);
        if (types) test_print_type_list(&world->out, query.rel);
        return STATUS_OK;
    }
    }
}

static inline void test_world_open(struct test_world *world, bool streaming) {
    memset(world, 0, sizeof *world);
    arena_init(&world->arena, NULL);
    world->env = (struct bind_env){.query_arena = &world->arena,
                                   .find_table = test_find_table,
                                   .suggest_table = test_suggest_table,
                                   .data = world,
                                   .streaming = streaming};
    for (size_t i = 0; i < sizeof test_ddl / sizeof *test_ddl; i++) {
        if (test_run(world, test_ddl[i], false) == STATUS_OK) continue;
        fprintf(stderr, "%s\n%s\n", test_ddl[i], world->err.message);
        abort();
    }
}

static inline void test_world_close(struct test_world *world) {
    strbuf_free(&world->out);
    arena_destroy(&world->arena);
}

/* "message (place: text) detail: … hint: …" */
static inline const char *test_error_text(struct test_world *world, const char *sql) {
    const struct error *err = &world->err;
    strbuf_clear(&world->out);
    strbuf_printf(&world->out, "%s: %s", status_name(err->code), err->message);
    if (err->offset >= 0) strbuf_printf(&world->out, "\nat: %.*s", (int)err->length, sql + err->offset);
    if (err->detail[0]) strbuf_printf(&world->out, "\ndetail: %s", err->detail);
    if (err->hint[0]) strbuf_printf(&world->out, "\nhint: %s", err->hint);
    strbuf_putc(&world->out, '\n');
    return world->out.data;
}

/* A statement and what it gives: plan and output columns, or error with place and hints. */
struct test_case {
    const char *sql, *expected;
};

/* Runs the cases one after the other in one world; a message for each that differs. Returns how many did. */
static inline int test_cases(const struct test_case *cases, size_t count, bool streaming) {
    struct test_world world;
    test_world_open(&world, streaming);
    int failed = 0;
    for (size_t i = 0; i < count; i++) {
        const char *sql = cases[i].sql;
        const char *got = test_run(&world, sql, true) == STATUS_OK ? world.out.data : test_error_text(&world, sql);
        if (!got) got = "";
        if (strcmp(got, cases[i].expected) == 0) continue;
        fprintf(stderr, "%s\n--- expected\n%s--- got\n%s---\n", sql, cases[i].expected, got);
        failed++;
    }
    test_world_close(&world);
    return failed;
}

#endif
