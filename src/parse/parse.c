/* The entry points: one statement, query, expression or type. */
#include "parse/parse.h"

#include <stdlib.h>
#include <string.h>

#include "grammar.tab.h"
#include "parse/parser_private.h"

static enum status check_size(size_t len, struct error *err) {
    if (len <= PARSE_MAX_SCRIPT_BYTES) return STATUS_OK;
    return error_set(err, STATUS_LIMIT_EXCEEDED, "the SQL text has %zu bytes, more than the limit of %d", len,
                     PARSE_MAX_SCRIPT_BYTES);
}

/* ------------------------------------------------------------------------------------------------- SET and RESET */

/* The keys and values of SET k = v are raw text, so these two are read by hand. */

static bool is_key_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
           c == '_' || c == '*' || (unsigned char)c >= 0x80;
}

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\v'; }

static struct span token_span(const struct token *token) {
    return (struct span){token->offset, token->offset + token->length};
}

static enum status bad_set(struct parser *parser, const struct token *token, bool reset) {
    enum status status;
    if (token->kind == T_EOF)
        status = error_set_at(parser->err, STATUS_SYNTAX_ERROR, token->offset, 0,
                              "syntax error at the end of the statement");
    else if (token->kind == T_INVALID)
        return parse_lex_message(parser->text, token, parser->err);
    else
        status = error_set_at(parser->err, STATUS_SYNTAX_ERROR, token->offset, token->length,
                              "syntax error at or near \"%.*s\"", token->length > 60 ? 60 : (int)token->length,
                              parser->text + token->offset);
    error_hint(parser->err, reset ? "write RESET; or RESET 'key';" : "write SET 'key' = 'value';");
    return status;
}

/* Raw text need not be made of good tokens. */
static enum status check_utf8(struct parser *parser, const struct token_list *list) {
    if (parse_is_utf8(parser->text + list->offset, (size_t)(list->end - list->offset))) return STATUS_OK;
    return error_set_at(parser->err, STATUS_SYNTAX_ERROR, list->offset, list->end - list->offset,
                        "the text is not valid UTF-8");
}

static enum status parse_set(struct parser *parser, const struct token_list *list, struct ast_node **root) {
    const struct token *tokens = list->items;
    struct span span = {list->offset, list->end};
    struct ast_set *set = NEW(SET, ast_set, span, .option = NULL);
    *root = &set->node;
    if (tokens[1].kind == T_EOF) return STATUS_OK;
    for (size_t i = 1; i < list->count; i++)
        if (tokens[i].kind == T_INVALID && (list->open || tokens[i].aux == LEX_BAD_UTF8))
            return bad_set(parser, &tokens[i], false);
    TRY(check_utf8(parser, list));
    struct ast_option *option =
        NEW(OPTION, ast_option, ((struct span){tokens[1].offset, list->end}), .key_offset = tokens[1].offset);
    if (tokens[1].kind == T_STRING) {
        if (tokens[2].kind != '=') return bad_set(parser, &tokens[2], false);
        if (tokens[3].kind != T_STRING) return bad_set(parser, &tokens[3], false);
        if (tokens[4].kind != T_EOF) return bad_set(parser, &tokens[4], false);
        option->key = parse_string(parser, token_span(&tokens[1]));
        option->key_length = tokens[1].length;
        option->value = parse_string(parser, token_span(&tokens[3]));
        option->value_offset = tokens[3].offset;
        option->value_length = tokens[3].length;
    } else {
        int32_t at = tokens[1].offset, end = list->end;
        while (at < end && is_key_char(parser->text[at])) at++;
        int32_t key_end = at;
        while (at < end && is_blank(parser->text[at])) at++;
        if (key_end == tokens[1].offset || at == end || parser->text[at] != '=') {
            const struct token *bad = &tokens[1];
            while (bad->kind != T_EOF && bad->offset + bad->length <= key_end) bad++;
            return bad_set(parser, bad, false);
        }
        for (at++; at < end && is_blank(parser->text[at]);) at++;
        option->key = parse_text(parser, (struct span){tokens[1].offset, key_end});
        option->key_length = key_end - tokens[1].offset;
        option->value_offset = at;
        option->value_length = end - at;
        const struct token *value = &tokens[1];
        while (value->kind != T_EOF && value->offset < at) value++;
        if (value->kind == T_STRING && value[1].kind == T_EOF)
            option->value = parse_string(parser, token_span(value));
        else
            option->value = parse_text(parser, (struct span){at, end});
        if (memchr(option->value.data, 0, option->value.len)) return bad_set(parser, value, false);
    }
    set->option = option;
    return STATUS_OK;
}

static enum status parse_reset(struct parser *parser, const struct token_list *list, struct ast_node **root) {
    const struct token *tokens = list->items;
    struct ast_reset *reset = NEW(RESET, ast_reset, ((struct span){list->offset, list->end}), .key = {0});
    *root = &reset->node;
    if (tokens[1].kind == T_EOF) return STATUS_OK;
    if (tokens[1].kind == T_STRING && tokens[2].kind == T_EOF) {
        reset->key = parse_string(parser, token_span(&tokens[1]));
        return STATUS_OK;
    }
    TRY(check_utf8(parser, list));
    for (int32_t at = tokens[1].offset; at < list->end; at++)
        if (!is_key_char(parser->text[at])) {
            const struct token *bad = &tokens[1];
            while (bad->kind != T_EOF && bad->offset + bad->length <= at) bad++;
            if (bad == &tokens[1] && bad->kind == T_STRING) bad = &tokens[2];
            return bad_set(parser, bad, true);
        }
    reset->key = parse_text(parser, (struct span){tokens[1].offset, list->end});
    return STATUS_OK;
}

/* -------------------------------------------------------------------------------------------------------- running */

static enum status too_deep(const struct ast_node *node, struct error *err) {
    enum status status = error_set_at(err, STATUS_LIMIT_EXCEEDED, node->offset, node->length,
                                      "the statement is nested more than %d levels deep", AST_MAX_DEPTH);
    error_hint(err, "split it, for example with views or WITH; long chains of AND or OR are no problem");
    return status;
}

/* Runs the grammar over the tokens, and gives the tree. */
static enum status run(struct parser *parser, const struct token_list *list, struct ast_node **root) {
    if (list->deep_offset >= 0)
        return error_set_at(parser->err, STATUS_LIMIT_EXCEEDED, list->deep_offset, 1, "more than %d brackets are open",
                            PARSE_MAX_NESTING);
    if (list->count > INT32_MAX / 2)
        return error_set(parser->err, STATUS_LIMIT_EXCEEDED, "the statement has too many words");
    bool *expected = xcalloc((size_t)parse_symbol_count, sizeof *expected);
    parser->expected = expected;
    int failed = parse_sql_parse(parser);
    enum status status = STATUS_OK;
    if (failed) status = parse_message(parser, parser->err);
    parser->expected = NULL;
    free(expected);
    if (status != STATUS_OK) return status;
    const struct ast_node *deep = ast_too_deep(parser->result, AST_MAX_DEPTH);
    if (deep) return too_deep(deep, parser->err);
    *root = parser->result;
    return STATUS_OK;
}

static struct parser new_parser(const char *text, const struct token_list *list, int start, struct arena *arena,
                                struct error *err) {
    return (struct parser){
        .text = text,
        .arena = arena,
        .tokens = list->items,
        .token_count = (int32_t)list->count,
        .start = start,
        .replace_index = -1,
        .err = err,
    };
}

static enum status parse_tokens(const char *text, const struct token_list *list, struct arena *arena,
                                struct ast_statement **stmt, struct error *err) {
    struct parser parser = new_parser(text, list, T_START_STATEMENT, arena, err);
    struct ast_node *root = NULL;
    if (list->items[0].kind == T_SET)
        TRY(parse_set(&parser, list, &root));
    else if (list->items[0].kind == T_RESET)
        TRY(parse_reset(&parser, list, &root));
    else
        TRY(run(&parser, list, &root));
    struct ast_statement *statement = ARENA_NEW(arena, struct ast_statement);
    statement->root = root;
    statement->offset = list->offset;
    statement->length = list->end - list->offset;
    statement->parameter_count = parser.parameter_count;
    statement->terminated = list->terminated;
    *stmt = statement;
    return STATUS_OK;
}

enum status parse_script_next(const char *text, size_t len, size_t *offset, struct arena *statement_arena,
                              struct ast_statement **stmt, struct error *err) {
    if (check_size(len, err) != STATUS_OK) {
        *offset = len;
        return STATUS_LIMIT_EXCEEDED;
    }
    struct token_list list;
    parse_tokenize(text, len, *offset, &list);
    *offset = list.next;
    enum status status = STATUS_OK;
    if (list.count == 1)
        *stmt = NULL;
    else
        status = parse_tokens(text, &list, statement_arena, stmt, err);
    parse_tokens_free(&list);
    return status;
}

/* The token behind the end of a text that must be one statement, if there is any. */
static enum status check_end(const char *text, size_t len, const struct token_list *list, struct error *err) {
    if (!list->terminated) return STATUS_OK;
    struct token_list rest;
    parse_tokenize(text, len, list->next, &rest);
    enum status status = STATUS_OK;
    if (rest.count > 1) {
        const struct token *token = &rest.items[0];
        status = error_set_at(err, STATUS_SYNTAX_ERROR, token->offset, token->length,
                              "there is more text behind the end of the statement");
    }
    parse_tokens_free(&rest);
    return status;
}

enum status parse_statement(const char *text, size_t len, struct arena *statement_arena, struct ast_statement **stmt,
                            struct error *err) {
    TRY(check_size(len, err));
    struct token_list list;
    parse_tokenize(text, len, 0, &list);
    enum status status;
    if (list.count == 1)
        status = error_set_at(err, STATUS_SYNTAX_ERROR, (int32_t)len, 0, "there is no statement");
    else if ((status = check_end(text, len, &list, err)) == STATUS_OK)
        status = parse_tokens(text, &list, statement_arena, stmt, err);
    parse_tokens_free(&list);
    return status;
}

static enum status parse_start(const char *text, size_t len, int start, struct arena *arena, struct ast_node **root,
                               struct error *err) {
    TRY(check_size(len, err));
    struct token_list list;
    parse_tokenize(text, len, 0, &list);
    enum status status = STATUS_OK;
    if (list.terminated) {
        status = error_set_at(err, STATUS_SYNTAX_ERROR, (int32_t)list.next - 1, 1, "syntax error at or near \";\"");
    } else {
        struct parser parser = new_parser(text, &list, start, arena, err);
        status = run(&parser, &list, root);
    }
    parse_tokens_free(&list);
    return status;
}

enum status parse_query(const char *text, size_t len, struct arena *arena, struct ast_query **query,
                        struct error *err) {
    struct ast_node *root;
    TRY(parse_start(text, len, T_START_QUERY, arena, &root, err));
    *query = AST_AS(root, ast_query);
    return STATUS_OK;
}

enum status parse_expression(const char *text, size_t len, struct arena *arena, struct ast_node **expr,
                             struct error *err) {
    return parse_start(text, len, T_START_EXPRESSION, arena, expr, err);
}

enum status parse_type(const char *text, size_t len, struct arena *arena, struct ast_type **type, struct error *err) {
    struct ast_node *root;
    TRY(parse_start(text, len, T_START_TYPE, arena, &root, err));
    *type = AST_AS(root, ast_type);
    return STATUS_OK;
}
