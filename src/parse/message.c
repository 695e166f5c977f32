/* Error messages: what was found, what was expected, what may have been meant; and how a terminal shows them. */
#include "parse/parser_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grammar.tab.h"

/* -------------------------------------------------------------------------------------------------------- bad text */

enum status parse_lex_message(const char *text, const struct token *token, struct error *err) {
    const char *at = text + token->offset;
    int32_t offset = token->offset, length = token->length;
    int shown = length > 40 ? 40 : (int)length;
    enum status status = STATUS_SYNTAX_ERROR;
    switch ((enum lex_fault)token->aux) {
    case LEX_BAD_CHARACTER: {
        unsigned char c = (unsigned char)at[0];
        if (c >= 0x20 && c < 0x7F)
            error_set_at(err, status, offset, length, "the character \"%c\" has no meaning here", c);
        else
            error_set_at(err, status, offset, length, "there is a byte 0x%02X where SQL is expected", c);
        break;
    }
    case LEX_DOUBLE_QUOTES:
        error_set_at(err, status, offset, length, "double quotes are no quotes in this SQL dialect");
        error_hint(err, "write 'text' for a string and `name` for an identifier");
        break;
    case LEX_OPEN_STRING:
        error_set_at(err, status, offset, 1, "the string that begins here has no end");
        error_hint(err, "close it with '; a quote inside a string is written twice: 'it''s'");
        break;
    case LEX_OPEN_IDENTIFIER:
        error_set_at(err, status, offset, 1, "the quoted identifier that begins here has no end");
        error_hint(err, "close it with `");
        break;
    case LEX_OPEN_COMMENT:
        error_set_at(err, status, offset, 2, "the comment that begins here has no end");
        error_hint(err, "close it with */");
        break;
    case LEX_OPEN_HINT: error_set_at(err, status, offset, 0, "a hint comment has no end: */ is missing"); break;
    case LEX_BAD_NUMBER:
        error_set_at(err, status, offset, length, "\"%.*s\" is neither a number nor an identifier", shown, at);
        error_hint(err, "an identifier that begins with a digit is written in `back quotes`");
        break;
    case LEX_BAD_HEX:
        error_set_at(err, status, offset, length,
                     "a binary string needs an even number of hexadecimal digits: X'1F00'");
        break;
    case LEX_BAD_UNICODE_ESCAPE:
        error_set_at(err, status, offset, length, "a Unicode string has a bad escape");
        error_hint(err, "escapes are \\XXXX, \\+XXXXXX and \\\\");
        break;
    case LEX_BAD_UTF8: error_set_at(err, status, offset, length, "the text is not valid UTF-8"); break;
    case LEX_EMPTY_IDENTIFIER: error_set_at(err, status, offset, length, "an identifier cannot be empty"); break;
    case LEX_LONG_IDENTIFIER:
        status = STATUS_LIMIT_EXCEEDED;
        error_set_at(err, status, offset, length, "an identifier can have at most %d bytes",
                     PARSE_MAX_IDENTIFIER_BYTES);
        break;
    case LEX_NUL_IN_IDENTIFIER:
        error_set_at(err, status, offset, length, "an identifier cannot contain a zero byte");
        break;
    case LEX_LONG_TOKEN: error_set_at(err, status, offset, length, "a word or string is too long"); break;
    }
    return status;
}

/* --------------------------------------------------------------------------------------------------------- expected */

/* A trial run over made-up or changed tokens; nothing of it remains. */
static void trial_run(struct parser *trial) {
    struct arena arena;
    arena_init(&arena, NULL);
    trial->arena = &arena;
    trial->err = NULL;
    (void)parse_sql_parse(trial);
    arena_destroy(&arena);
}

/* What can follow these tokens in a text of the given kind: sets[symbol]. */
static void expected_after(int start, const int *kinds, int count, bool *set) {
    struct token tokens[4];
    memset(tokens, 0, sizeof tokens);
    static const char name[] = "x";
    for (int i = 0; i < count; i++) tokens[i] = (struct token){.kind = kinds[i], .length = 1};
    tokens[count] = (struct token){.kind = T_INVALID};
    struct parser trial = {
        .text = name, .tokens = tokens, .token_count = count + 1, .start = start, .replace_index = -1, .expected = set};
    trial_run(&trial);
}

/* Is a class of symbols expected as a whole, and not yet said by an earlier phrase? Then takes it out of rest. */
static bool collapse(const bool *expected, bool *rest, const bool *class, int symbol_count) {
    bool any = false;
    for (int i = 0; i < symbol_count; i++) {
        if (class[i] && !expected[i]) return false;
        any |= class[i] && rest[i];
    }
    if (!any) return false;
    for (int i = 0; i < symbol_count; i++)
        if (class[i]) rest[i] = false;
    return true;
}

static void add_item(struct strbuf *out, int *count, const char *text) {
    if (*count < PARSE_MAX_EXPECTED) {
        if (*count) strbuf_puts(out, ", ");
        strbuf_puts(out, text);
    }
    ++*count;
}

/* How a symbol is called in a message; buf is used for some. */
static const char *symbol_words(int symbol, char *buf, size_t size) {
    const char *text = parse_symbol_text(symbol);
    if (symbol == parse_symbol_of_token(T_STRING)) return "a string";
    if (symbol == parse_symbol_of_token(T_BINARY_STRING)) return "a binary string";
    if (symbol == parse_symbol_of_token(T_INTEGER)) return "an integer";
    if (symbol == parse_symbol_of_token(T_DECIMAL_NUMBER)) return "a decimal number";
    if (text[0] == '\'')
        snprintf(buf, size, "\"%c\"", text[1]);
    else if (text[0] && strchr("<>!=|:/*{", text[0]))
        snprintf(buf, size, "\"%s\"", text);
    else
        return text;
    return buf;
}

/* Adds the symbols of a list (ended by 0) that are expected, and takes them out. */
static void add_symbols(bool *expected, const int *kinds, struct strbuf *out, int *count) {
    char buf[64];
    for (; *kinds; kinds++) {
        int symbol = parse_symbol_of_token(*kinds);
        if (!expected[symbol]) continue;
        expected[symbol] = false;
        add_item(out, count, symbol_words(symbol, buf, sizeof buf));
    }
}

/* Fills class with the symbols of the list. */
static void class_of(bool *class, const int *kinds) {
    for (; *kinds; kinds++) class[parse_symbol_of_token(*kinds)] = true;
}

/* Writes the list of what was expected: whole classes first ("an expression"), then words in the order of how likely
 * they are meant, the end of the text last. */
static void describe_expected(const bool *all, struct strbuf *out) {
    int n = parse_symbol_count, count = 0;
    bool *class = xcalloc((size_t)n, sizeof *class);
    bool *expected = xcalloc((size_t)n, sizeof *expected);
    memcpy(expected, all, (size_t)n * sizeof *expected);
    /* Each class is what can follow these tokens; what only belongs to the class at some places is taken out. */
    static const struct {
        const char *text;
        int start;
        int kinds[3];
        int kind_count;
    } classes[] = {
        {"a statement", T_START_STATEMENT, {0}, 0}, {"an expression", T_START_EXPRESSION, {0}, 0},
        {"a query", T_START_QUERY, {0}, 0},         {"a table", T_START_STATEMENT, {T_SELECT, T_INTEGER, T_FROM}, 3},
        {"a data type", T_START_TYPE, {0}, 0},      {"an operator", T_START_EXPRESSION, {T_INTEGER}, 1},
    };
    static const int sometimes[] = {T_WITH, T_NOT, 0};
    const int end = parse_symbol_of_token(T_EOF);
    for (size_t c = 0; c < sizeof classes / sizeof *classes; c++) {
        memset(class, 0, (size_t)n * sizeof *class);
        expected_after(classes[c].start, classes[c].kinds, classes[c].kind_count, class);
        for (const int *kind = sometimes; *kind; kind++) class[parse_symbol_of_token(*kind)] = false;
        class[end] = false;
        if (!collapse(all, expected, class, n)) continue;
        add_item(out, &count, classes[c].text);
        for (const int *kind = sometimes; *kind; kind++) expected[parse_symbol_of_token(*kind)] = false;
        /* A name is followed by an operator or, as a function's, by a parenthesis. */
        if (class[parse_symbol_of_token(T_CONCAT)]) expected[parse_symbol_of_token('(')] = false;
    }
    static const int arithmetic[] = {'+', '-', '*', '/', '%', T_CONCAT, '[', T_COLON_COLON, 0};
    memset(class, 0, (size_t)n * sizeof *class);
    class_of(class, arithmetic);
    if (collapse(all, expected, class, n)) {
        add_item(out, &count, "an operator");
        expected[parse_symbol_of_token('(')] = expected[parse_symbol_of_token('.')] = false;
    }
    /* Any word that can be an identifier. */
    memset(class, 0, (size_t)n * sizeof *class);
    if (expected[parse_symbol_of_token(T_IDENT)]) {
        static const int kinds[] = {T_SELECT, T_INTEGER, T_AS};
        expected_after(T_START_STATEMENT, kinds, 3, class);
        for (int i = 0; i < n; i++)
            if (class[i]) expected[i] = false;
        add_item(out, &count, "an identifier");
    }
    static const int likely[] = {
        T_SELECT,   T_VALUES,    T_TABLE,  T_VIEW, T_CATALOG, T_DATABASE, T_FUNCTION, T_TABLES, T_VIEWS, T_DATABASES,
        T_CATALOGS, T_FUNCTIONS, T_INSERT, T_FROM, T_JOIN,    T_ON,       T_USING,    T_WHERE,  T_GROUP, T_ORDER,
        T_LIMIT,    T_AS,        T_SET,    T_INTO, T_BY,      ')',        ',',        '(',      T_WITH,  0};
    static const int unlikely[] = {T_HINT_BEGIN,
                                   T_HINT_END,
                                   T_ASOF_LA,
                                   T_FETCH,
                                   T_TABLESAMPLE,
                                   T_MATCH_RECOGNIZE,
                                   T_QUALIFY,
                                   T_INTERSECT,
                                   T_EXCEPT,
                                   T_WINDOW,
                                   T_NATURAL,
                                   T_INVALID,
                                   0};
    add_symbols(expected, likely, out, &count);
    memset(class, 0, (size_t)n * sizeof *class);
    class_of(class, unlikely);
    char buf[64];
    for (int i = 0; i < n; i++)
        if (expected[i] && !class[i] && i != end) add_item(out, &count, symbol_words(i, buf, sizeof buf));
    add_symbols(expected, unlikely, out, &count);
    if (expected[end]) add_item(out, &count, "the end of the statement");
    if (count > PARSE_MAX_EXPECTED) strbuf_puts(out, ", ...");
    free(class);
    free(expected);
}

static int expected_count(const bool *expected) {
    int count = 0;
    for (int i = 0; i < parse_symbol_count; i++) count += expected[i];
    return count;
}

/* ----------------------------------------------------------------------------------------------------- suggestions */

/* Would the statement go on beyond token error_index if the token at index were the keyword? */
static bool helps(const struct parser *parser, int32_t index, int kind) {
    struct parser trial = {
        .text = parser->text,
        .tokens = parser->tokens,
        .token_count = parser->token_count,
        .start = parser->start,
        .replace_index = index,
        .replace_kind = kind,
    };
    trial_run(&trial);
    if (trial.out_of_stack) return false;
    return !trial.syntax_error || trial.error_index > parser->error_index;
}

/* The keyword that the word at index is likely a misspelling of. */
static const struct keyword *similar_keyword(const struct parser *parser, int32_t index) {
    if (index < 0) return NULL;
    const struct token *token = &parser->tokens[index];
    if (token->kind != T_IDENT || parser->text[token->offset] == '`' || token->length < 2 || token->length > 40)
        return NULL;
    struct str word = {parser->text + token->offset, (size_t)token->length};
    int limit = word.len <= 3 ? 1 : word.len <= 7 ? 2 : 3;
    const struct keyword *best = NULL;
    int best_distance = limit + 1;
    for (int i = 0; i < parse_keyword_count; i++) {
        const struct keyword *keyword = &parse_keywords[i];
        if (!keyword->token) continue;
        struct str candidate = str_from(keyword->word);
        int distance = str_distance(word, candidate, limit);
        if (distance >= best_distance || distance >= (int)candidate.len) continue;
        if (!helps(parser, index, keyword->token)) continue;
        best = keyword;
        best_distance = distance;
    }
    return best;
}

/* ---------------------------------------------------------------------------------------------------------- message */

static void copy_token(const struct parser *parser, const struct token *token, char *out, size_t size) {
    size_t len = (size_t)token->length;
    bool cut = len > 60;
    if (cut) {
        len = 60;
        while (len > 0 && ((unsigned char)parser->text[(size_t)token->offset + len] & 0xC0) == 0x80) len--;
    }
    size_t count = 0;
    for (size_t i = 0; i < len && count + 4 < size; i++) {
        char c = parser->text[(size_t)token->offset + i];
        out[count++] = (unsigned char)c < 0x20 ? ' ' : c;
    }
    if (cut) {
        memcpy(out + count, "...", 3);
        count += 3;
    }
    out[count] = 0;
}

/* What other dialects have and this one does not. */
static const struct {
    const char *word, *hint;
} unsupported[] = {
    {"UPSERT", "UPSERT is not supported; INSERT INTO a table with a primary key replaces its rows"},
};

/* Clauses begin with these: found where a name is expected, something before them is missing. */
static bool begins_clause(int kind) {
    static const int kinds[] = {T_FROM,  T_WHERE, T_HAVING, T_ON,    T_USING,   T_JOIN,      T_LEFT,   T_RIGHT,
                                T_INNER, T_FULL,  T_CROSS,  T_UNION, T_EXCEPT,  T_INTERSECT, T_LIMIT,  T_AS,
                                T_AND,   T_OR,    T_WHEN,   T_THEN,  T_ELSE,    T_END,       T_SELECT, T_INTO,
                                T_BY,    T_IN,    T_IS,     T_LIKE,  T_BETWEEN, T_WITH,      T_OVER,   0};
    for (const int *k = kinds; *k; k++)
        if (*k == kind) return true;
    return false;
}

/* A word of advice for the token that could not be. */
static void hint_at(const struct parser *parser, const struct keyword *keyword, bool identifier, const char *text,
                    struct error *err) {
    const struct token *token = &parser->tokens[parser->error_index];
    for (size_t i = 0; keyword == NULL ? i < 1 : i < sizeof unsupported / sizeof *unsupported; i++) {
        const char *word = keyword ? keyword->word : text;
        if (str_compare_nocase(word, unsupported[i].word) == 0) {
            error_hint(err, "%s", unsupported[i].hint);
            return;
        }
    }
    if (begins_clause(token->kind) || token->kind == ')') {
        if (parser->error_index > 0 && parser->tokens[parser->error_index - 1].kind == ',')
            error_hint(err, "is there a comma too many in front of it?");
        return;
    }
    if (identifier && keyword && !keyword->ident && helps(parser, parser->error_index, T_IDENT))
        error_hint(err, "%s is a reserved word; as a name it is written `%s`", keyword->word, text);
}

enum status parse_message(struct parser *parser, struct error *err) {
    if (parser->failed) return STATUS_SYNTAX_ERROR; /* by an action, which has filled err */
    const struct token *token = &parser->tokens[parser->error_index];
    if (parser->out_of_stack) {
        error_set_at(err, STATUS_LIMIT_EXCEEDED, token->offset, token->length,
                     "the statement is nested too deeply (more than %d symbols wait for their end)", PARSE_MAX_STACK);
        return STATUS_LIMIT_EXCEEDED;
    }
    if (token->kind == T_INVALID) return parse_lex_message(parser->text, token, err);
    if (!err) return STATUS_SYNTAX_ERROR;

    /* FORM for FROM is found one token later: `SELECT a FORM t` has an alias FORM. */
    const struct keyword *meant = NULL;
    const struct token *place = token;
    if (parser->token_count <= PARSE_MAX_SUGGEST_TOKENS) {
        meant = similar_keyword(parser, parser->error_index);
        if (!meant) {
            meant = similar_keyword(parser, parser->error_index - 1);
            if (meant) place = &parser->tokens[parser->error_index - 1];
        }
    }
    char text[80];
    copy_token(parser, place, text, sizeof text);
    if (place->kind == T_EOF)
        error_set_at(err, STATUS_SYNTAX_ERROR, place->offset, 0, "syntax error at the end of the statement");
    else
        error_set_at(err, STATUS_SYNTAX_ERROR, place->offset, place->length, "syntax error at or near \"%s\"", text);

    if (place == token) {
        bool identifier = parser->expected[parse_symbol_of_token(T_IDENT)];
        const struct keyword *keyword =
            token->length ? parse_keyword(parser->text + token->offset, (size_t)token->length) : NULL;
        if (expected_count(parser->expected)) {
            struct strbuf list = {0};
            describe_expected(parser->expected, &list);
            bool several = list.data && strstr(list.data, ", ") != NULL;
            error_detail(err, "expected %s%s", several ? "one of: " : "", list.data ? list.data : "");
            strbuf_free(&list);
        }
        if (!meant) hint_at(parser, keyword, identifier, text, err);
    }
    if (meant) error_hint(err, "did you mean %s?", meant->word);
    return STATUS_SYNTAX_ERROR;
}

/* ------------------------------------------------------------------------------------------------------- rendering */

enum { PRINT_WIDTH = 100, TAB_WIDTH = 4 };

/* One character at p: its bytes, and the columns it takes in a terminal (0 for combining marks, 2 for wide ones; the
 * ranges are those of Unicode's East Asian Wide and Fullwidth that text in practice has). */
static int char_bytes(const unsigned char *p, const unsigned char *end) {
    int want = *p < 0xC0 ? 1 : *p < 0xE0 ? 2 : *p < 0xF0 ? 3 : 4;
    int have = 1;
    while (have < want && p + have < end && (p[have] & 0xC0) == 0x80) have++;
    return have;
}

static int char_width(const unsigned char *p, int bytes) {
    if (bytes == 1) return 1;
    uint32_t code = bytes == 2 ? (p[0] & 0x1Fu) : bytes == 3 ? (p[0] & 0x0Fu) : (p[0] & 0x07u);
    for (int i = 1; i < bytes; i++) code = code << 6 | (p[i] & 0x3Fu);
    if ((code >= 0x300 && code <= 0x36F) || (code >= 0x200B && code <= 0x200F) || (code >= 0xFE00 && code <= 0xFE0F) ||
        (code >= 0x20D0 && code <= 0x20FF))
        return 0;
    if ((code >= 0x1100 && code <= 0x115F) || (code >= 0x2E80 && code <= 0xA4CF && code != 0x303F) ||
        (code >= 0xAC00 && code <= 0xD7A3) || (code >= 0xF900 && code <= 0xFAFF) ||
        (code >= 0xFE30 && code <= 0xFE6F) || (code >= 0xFF00 && code <= 0xFF60) ||
        (code >= 0xFFE0 && code <= 0xFFE6) || (code >= 0x1F300 && code <= 0x1F64F) ||
        (code >= 0x1F900 && code <= 0x1F9FF) || (code >= 0x20000 && code <= 0x3FFFD))
        return 2;
    return 1;
}

static bool ends_line(char c) { return c == '\n'; }

void parse_position(const char *text, size_t len, size_t offset, int *line, int *column) {
    if (offset > len) offset = len;
    *line = 1;
    size_t begin = parse_begin(text, len);
    for (size_t i = 0; i < offset; i++)
        if (ends_line(text[i])) {
            ++*line;
            begin = i + 1;
        }
    *column = 1;
    for (size_t i = begin; i < offset; i++)
        if (((unsigned char)text[i] & 0xC0) != 0x80) ++*column;
}

/* The line around [offset, offset + length), cut to PRINT_WIDTH columns, and a line of carets under it. */
static void print_source(const char *text, size_t len, size_t offset, size_t length, struct strbuf *out) {
    size_t first = parse_begin(text, len), begin = offset, end = offset;
    while (begin > first && !ends_line(text[begin - 1])) begin--;
    while (end < len && !ends_line(text[end])) end++;
    if (end > begin && text[end - 1] == '\r') end--;
    size_t mark_end = offset + length;
    if (mark_end > end) mark_end = end;

    /* Columns before the place decide how much of a long line is left out. */
    int before = 0;
    for (size_t i = begin; i < offset && i < end;) {
        const unsigned char *p = (const unsigned char *)text + i;
        int bytes = char_bytes(p, (const unsigned char *)text + end);
        before += text[i] == '\t' ? TAB_WIDTH : char_width(p, bytes);
        i += (size_t)bytes;
    }
    int skip = before > PRINT_WIDTH * 2 / 3 ? before - PRINT_WIDTH / 2 : 0;
    struct strbuf carets = {0};
    strbuf_puts(out, "  ");
    strbuf_puts(&carets, "  ");
    int column = 0, printed = 0, mark_width = 0;
    if (skip) {
        strbuf_puts(out, "... ");
        strbuf_puts(&carets, "    ");
    }
    for (size_t i = begin; i < end;) {
        const unsigned char *p = (const unsigned char *)text + i;
        int bytes = char_bytes(p, (const unsigned char *)text + end);
        int width = text[i] == '\t' ? TAB_WIDTH : char_width(p, bytes);
        if (column >= skip) {
            if (printed + width > PRINT_WIDTH) {
                strbuf_puts(out, " ...");
                break;
            }
            if (text[i] == '\t')
                strbuf_puts(out, "    ");
            else if (*p < 0x20 || *p == 0x7F || (*p >= 0x80 && *p < 0xC0))
                strbuf_putc(out, ' ');
            else
                strbuf_add(out, p, (size_t)bytes);
            bool marked = i >= offset && i < mark_end;
            for (int k = 0; k < width; k++) {
                if (i < offset) strbuf_putc(&carets, ' ');
                if (marked) strbuf_putc(&carets, '^');
            }
            if (marked) mark_width += width;
            printed += width;
        }
        column += width;
        i += (size_t)bytes;
    }
    if (mark_width == 0) strbuf_putc(&carets, '^');
    strbuf_putc(out, '\n');
    strbuf_puts(out, carets.data);
    strbuf_putc(out, '\n');
    strbuf_free(&carets);
}

void parse_error_print(const struct error *err, const char *text, size_t len, struct strbuf *out) {
    strbuf_puts(out, err->message);
    strbuf_putc(out, '\n');
    if (text && err->offset >= 0 && (size_t)err->offset <= len) {
        size_t offset = (size_t)err->offset;
        /* The end of a text is shown behind its last character, not on an empty line below. */
        if (offset == len)
            while (offset > 0 && (text[offset - 1] == '\n' || text[offset - 1] == '\r')) offset--;
        int line, column;
        parse_position(text, len, offset, &line, &column);
        strbuf_printf(out, "line %d, column %d:\n", line, column);
        print_source(text, len, offset, err->length > 0 ? (size_t)err->length : 0, out);
    }
    if (err->detail[0]) strbuf_printf(out, "detail: %s\n", err->detail);
    if (err->hint[0]) strbuf_printf(out, "hint: %s\n", err->hint);
}
