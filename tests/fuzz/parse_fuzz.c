/* Fuzzes the SQL front end: any bytes are parsed as a script; every statement that parses is unparsed and must parse to
 * the same tree again; every error must be printable. A first byte 1 or 2 makes it an expression or a type. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parse/parse.h"
#include "parse/unparse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void give_up(const char *what, const char *text, size_t len, const struct strbuf *unparsed,
                    const struct error *err) {
    fprintf(stderr, "%s\n%.*s\n--\n%s\n--\n%s\n", what, (int)len, text, unparsed->data ? unparsed->data : "",
            err->message);
    abort();
}

static void check_error(const struct error *err, const char *text, size_t len) {
    struct strbuf out = {0};
    parse_error_print(err, text, len, &out);
    if (!err->message[0] || err->offset < 0 || (size_t)err->offset > len) abort();
    strbuf_free(&out);
}

/* A script of hundreds of wrong statements shows nothing that a few do not, and each costs the search for what was expected. */
enum { MAX_ERRORS = 4 };

static void check_statements(const char *text, size_t len) {
    size_t offset = 0;
    int errors = 0;
    (void)split_is_complete(text, len);
    while (offset < len && errors < MAX_ERRORS) {
        struct arena arena;
        arena_init(&arena, NULL);
        struct ast_statement *stmt = NULL, *again = NULL;
        struct error err = {0};
        size_t before = offset;
        if (parse_script_next(text, len, &offset, &arena, &stmt, &err) != STATUS_OK) {
            check_error(&err, text, len);
            errors++;
        } else if (stmt) {
            struct strbuf sql = {0}, twice = {0};
            unparse_statement(stmt->root, &sql);
            if (parse_statement(sql.data, sql.len, &arena, &again, &err) != STATUS_OK)
                give_up("the unparsed statement does not parse", text + before, offset - before, &sql, &err);
            if (!ast_equal(stmt->root, again->root))
                give_up("another tree", text + before, offset - before, &sql, &err);
            unparse_statement(again->root, &twice);
            if (!str_equal(strbuf_str(&sql), strbuf_str(&twice)))
                give_up("another text", text + before, offset - before, &sql, &err);
            strbuf_free(&sql);
            strbuf_free(&twice);
        }
        if (offset <= before) abort();
        arena_destroy(&arena);
    }
}

static void check_expression(const char *text, size_t len) {
    struct arena arena;
    arena_init(&arena, NULL);
    struct ast_node *expr, *again;
    struct error err = {0};
    if (parse_expression(text, len, &arena, &expr, &err) == STATUS_OK) {
        struct strbuf sql = {0};
        unparse_expression(expr, &sql);
        if (parse_expression(sql.data, sql.len, &arena, &again, &err) != STATUS_OK || !ast_equal(expr, again))
            give_up("expression", text, len, &sql, &err);
        strbuf_free(&sql);
    } else {
        check_error(&err, text, len);
    }
    arena_destroy(&arena);
}

static void check_type(const char *text, size_t len) {
    struct arena arena;
    arena_init(&arena, NULL);
    struct ast_type *type, *again;
    struct error err = {0};
    if (parse_type(text, len, &arena, &type, &err) == STATUS_OK) {
        struct strbuf sql = {0};
        unparse_type(type, &sql);
        if (parse_type(sql.data, sql.len, &arena, &again, &err) != STATUS_OK || !ast_equal(&type->node, &again->node))
            give_up("type", text, len, &sql, &err);
        strbuf_free(&sql);
    } else {
        check_error(&err, text, len);
    }
    arena_destroy(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) return 0;
    /* A copy of exact size, so that reading over the end is seen. */
    char *text = malloc(size);
    memcpy(text, data, size);
    switch (text[0]) {
    case 0x01: check_expression(text + 1, size - 1); break;
    case 0x02: check_type(text + 1, size - 1); break;
    default: check_statements(text, size);
    }
    free(text);
    return 0;
}
