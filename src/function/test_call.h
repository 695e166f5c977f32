/* For tests: expressions from short texts, evaluated as constants and over columns.
 *
 * A value is written "TYPE:text", cast from the text: "INT:5", "DECIMAL(10,2):1.25", "STRING:abc", "TIMESTAMP(3):2024-01-05
 * 10:11:12.5"; "NULL:INT" is a NULL of the type, "NULL" the untyped one. A leading "=" keeps the argument a constant
 * where the others become columns (units, patterns that must be constant). */
#ifndef MILLRACE_FUNCTION_TEST_CALL_H
#define MILLRACE_FUNCTION_TEST_CALL_H

#include <stdio.h>
#include <stdlib.h>

#include "function/registry.h"
#include "types/cast.h"

static inline const struct type *test_type(struct arena *arena, const char *text, size_t len) {
    char name[64];
    int a = -1, b = -1;
    snprintf(name, sizeof name, "%.*s", (int)len, text);
    char *paren = strchr(name, '(');
    if (paren) {
        sscanf(paren, "(%d,%d)", &a, &b);
        *paren = 0;
    }
    static const struct {
        const char *name;
        enum type_id id;
    } types[] = {
        {"BOOLEAN", TYPE_BOOLEAN},
        {"TINYINT", TYPE_TINYINT},
        {"SMALLINT", TYPE_SMALLINT},
        {"INT", TYPE_INT},
        {"BIGINT", TYPE_BIGINT},
        {"FLOAT", TYPE_FLOAT},
        {"DOUBLE", TYPE_DOUBLE},
        {"DECIMAL", TYPE_DECIMAL},
        {"CHAR", TYPE_CHAR},
        {"VARCHAR", TYPE_VARCHAR},
        {"STRING", TYPE_VARCHAR},
        {"BINARY", TYPE_BINARY},
        {"BYTES", TYPE_VARBINARY},
        {"DATE", TYPE_DATE},
        {"TIME", TYPE_TIME},
        {"TIMESTAMP", TYPE_TIMESTAMP},
        {"TIMESTAMP_LTZ", TYPE_TIMESTAMP_LTZ},
        {"MONTHS", TYPE_INTERVAL_YEAR_MONTH},
        {"MILLIS", TYPE_INTERVAL_DAY_TIME},
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (strcmp(types[i].name, name) != 0) continue;
        if (a < 0) return type_of(types[i].id);
        if (types[i].id == TYPE_DECIMAL) return type_decimal(arena, a, b < 0 ? 0 : b, true);
        if (types[i].id == TYPE_CHAR || types[i].id == TYPE_VARCHAR || types[i].id == TYPE_BINARY)
            return type_string(arena, types[i].id, a, true);
        return type_time(arena, types[i].id, a, true);
    }
    fprintf(stderr, "test type %s\n", name);
    abort();
}

static inline struct value test_value(struct arena *arena, const char *text, const struct time_zone *zone) {
    if (*text == '=') text++;
    if (strcmp(text, "NULL") == 0) return value_null(type_of(TYPE_NULL));
    const char *colon = strchr(text, ':');
    if (!colon) {
        fprintf(stderr, "test value %s\n", text);
        abort();
    }
    if (strncmp(text, "NULL:", 5) == 0) return value_null(test_type(arena, text + 5, strlen(text + 5)));
    const struct type *type = test_type(arena, text, (size_t)(colon - text));
    if (type_is_interval(type)) return value_i64(type, strtoll(colon + 1, NULL, 10));
    struct value from = value_str(type_of(TYPE_VARCHAR), str_from(colon + 1)), to;
    struct error err;
    if (value_cast(arena, &from, type, zone, &to, &err) != STATUS_OK) {
        fprintf(stderr, "test value %s: %s\n", text, err.message);
        abort();
    }
    return to;
}

static inline const char *test_text(struct arena *arena, const struct value *value, const struct time_zone *zone) {
    if (value->is_null) return "NULL";
    struct strbuf buf = {0};
    cast_value_to_text(&buf, value, zone);
    const char *text = arena_strndup(arena, buf.data ? buf.data : "", buf.len);
    strbuf_free(&buf);
    return text;
}

enum { TEST_ROWS = 70 }; /* more than one word of validity */

/* The result as text, or "!STATUS" of an error at bind or run time (message in *err). columns: the arguments are columns
 * of a chunk in which some rows hold NULLs and a selection leaves others out. */
static inline const char *test_call(struct arena *arena, const char *name, const char *const *texts, int count,
                                    bool columns, const struct eval_env *env, const struct type **result_type,
                                    struct error *err) {
    struct expr *args[16], *call;
    const struct type *types[16];
    const char *names[16];
    struct value values[16];
    for (int i = 0; i < count; i++) {
        values[i] = test_value(arena, texts[i], env->zone);
        bool column = columns && *texts[i] != '=' && values[i].type->id != TYPE_NULL;
        types[i] = values[i].type;
        names[i] = (const char *[]){"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p"}[i];
        args[i] = column ? expr_column(arena, i, types[i]) : expr_const(arena, &values[i]);
    }
    enum status status = function_bind(arena, str_from(name), args, count, 0, 1, &call, err);
    if (status != STATUS_OK) return arena_printf(arena, "!%s", status_name(status));
    if (result_type) *result_type = call->type;
    struct value result;
    if (!columns) {
        status = expr_evaluate(arena, call, env, &result, err);
        if (status != STATUS_OK) return arena_printf(arena, "!%s", status_name(status));
        return test_text(arena, &result, env->zone);
    }
    struct schema schema = {count, types, names};
    struct program *program;
    status = program_compile(arena, &call, 1, &schema, &program, err);
    if (status != STATUS_OK) return arena_printf(arena, "!%s", status_name(status));
    struct program_state *state = program_state_create(program, arena);
    struct chunk *chunk = chunk_create(arena, count, types, TEST_ROWS);
    sel_index sel[TEST_ROWS];
    const char *text = NULL;
    /* Rows 3, 13, … have NULLs; every odd row is left out of the selection in the second round, in the third the first
     * column is a dictionary. */
    for (int row = 0; row < TEST_ROWS; row++)
        for (int i = 0; i < count; i++) {
            struct value null = value_null(types[i]);
            bool is_null = row % 10 == 3 && types[i]->id != TYPE_NULL;
            vector_set(&chunk->columns[i], arena, TEST_ROWS, row, is_null ? &null : &values[i]);
        }
    chunk->row_count = chunk->sel_count = TEST_ROWS;
    for (int round = 0; round < 3; round++) {
        struct chunk view = *chunk;
        if (round > 0) {
            view.sel = sel;
            view.sel_count = 0;
            for (int row = 0; row < TEST_ROWS; row += 2) sel[view.sel_count++] = (sel_index)row;
            sel[view.sel_count++] = 69;
        }
        if (round == 2 && count > 0) {
            struct vector *copy = arena_memdup(arena, chunk->columns, sizeof *copy * (size_t)count);
            sel_index *index = arena_alloc(arena, sizeof *index * TEST_ROWS);
            for (int row = 0; row < TEST_ROWS; row++) index[row] = (sel_index)(row % 10 == 3 ? 3 : 0);
            vector_init_dict(&copy[0], arena, &chunk->columns[0], TEST_ROWS, index);
            view.columns = copy;
        }
        struct vector out;
        status = program_run(program, state, &view, env, arena, &out, err);
        const char *found;
        if (status != STATUS_OK) {
            found = arena_printf(arena, "!%s", status_name(status));
        } else {
            struct value first = vector_get(&out, 0, arena), last = vector_get(&out, 69, arena);
            found = test_text(arena, &first, env->zone);
            if (strcmp(found, test_text(arena, &last, env->zone)) != 0) return "rows differ";
        }
        if (text && strcmp(text, found) != 0) return arena_printf(arena, "round %d: %s, not %s", round, found, text);
        text = found;
    }
    return text;
}

#endif
