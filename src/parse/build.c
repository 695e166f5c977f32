/* What grammar actions call to make nodes. */
#include "parse/parser_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -------------------------------------------------------------------------------------------------- nodes and lists */

void *parse_node(struct parser *parser, enum ast_kind kind, size_t size_bytes, struct span span, const void *init) {
    struct ast_node *node = arena_memdup(parser->arena, init, size_bytes);
    node->kind = kind;
    node->non_portable = false;
    node->offset = span.offset;
    node->length = span.end - span.offset;
    return node;
}

void parse_list_add(struct parser *parser, struct ast_list *list, void *node) {
    if (list->count == list->capacity) {
        int32_t capacity = list->capacity ? list->capacity * 2 : 4;
        struct ast_node **items = arena_alloc(parser->arena, (size_t)capacity * sizeof *items);
        if (list->count) memcpy(items, list->items, (size_t)list->count * sizeof *items);
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = node;
}

struct ast_list parse_list_one(struct parser *parser, void *node) {
    struct ast_list list = {0};
    parse_list_add(parser, &list, node);
    return list;
}

void parse_list_join(struct parser *parser, struct ast_list *list, struct ast_list more) {
    for (int32_t i = 0; i < more.count; i++) parse_list_add(parser, list, more.items[i]);
}

/* ------------------------------------------------------------------------------------------------------------ names */

struct ast_ident *parse_ident(struct parser *parser, struct span span) {
    const char *text = parser->text + span.offset;
    size_t len = (size_t)(span.end - span.offset);
    struct ast_ident ident = {0};
    if (text[0] == '`') {
        char *name = arena_alloc_aligned(parser->arena, len, 1);
        size_t count = 0;
        for (size_t i = 1; i + 1 < len; i++) {
            name[count++] = text[i];
            if (text[i] == '`') i++;
        }
        name[count] = 0;
        ident.text = name;
        ident.quoted = true;
    } else {
        const struct keyword *keyword = parse_keyword(text, len);
        ident.text = arena_strndup(parser->arena, text, len);
        ident.flink_reserved = keyword && keyword->flink_reserved;
    }
    return parse_node(parser, AST_IDENT, sizeof ident, span, &ident);
}

struct ast_name *parse_name_add(struct parser *parser, struct ast_name *name, struct ast_ident *ident,
                                struct span span) {
    if (name->count == name->capacity) {
        int32_t capacity = name->capacity ? name->capacity * 2 : 1;
        struct ast_ident *parts = arena_alloc(parser->arena, (size_t)capacity * sizeof *parts);
        if (name->count) memcpy(parts, name->parts, (size_t)name->count * sizeof *parts);
        name->parts = parts;
        name->capacity = capacity;
    }
    name->parts[name->count++] = *ident;
    name->node.length = span.end - name->node.offset;
    return name;
}

struct ast_name *parse_name_one(struct parser *parser, struct ast_ident *ident) {
    struct span span = {ident->node.offset, ident->node.offset + ident->node.length};
    struct ast_name *name = NEW(NAME, ast_name, span, .count = 0);
    return parse_name_add(parser, name, ident, span);
}

struct ast_name *parse_word_name(struct parser *parser, struct span span) {
    struct ast_name *name = parse_name_one(parser, parse_ident(parser, span));
    name->parts[0].flink_reserved = false; /* it is used as what it is */
    return name;
}

static void to_upper(char *text) {
    for (; *text; text++)
        if (*text >= 'a' && *text <= 'z') *text = (char)(*text - 32);
}

struct ast_name *parse_keyword_name(struct parser *parser, struct span span) {
    struct ast_name *name = parse_word_name(parser, span);
    to_upper((char *)name->parts[0].text); /* our own copy */
    return name;
}

/* --------------------------------------------------------------------------------------------------------- literals */

static unsigned hex_value(char c) { return (unsigned)(c <= '9' ? c - '0' : (c & 0x5F) - 'A' + 10); }

static size_t put_utf8(char *out, uint32_t code) {
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xC0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3F));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xE0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3F));
        out[2] = (char)(0x80 | (code & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3F));
    out[2] = (char)(0x80 | (code >> 6 & 0x3F));
    out[3] = (char)(0x80 | (code & 0x3F));
    return 4;
}

/* The lexer has checked the token, so every escape is whole. */
struct str parse_string(struct parser *parser, struct span span) {
    const char *text = parser->text + span.offset;
    size_t len = (size_t)(span.end - span.offset);
    char *out = arena_alloc_aligned(parser->arena, len + 1, 1); /* no escape is shorter than what it stands for */
    size_t count = 0;
    if (text[0] == 'x' || text[0] == 'X') {
        for (size_t i = 2; i + 2 < len; i += 2) out[count++] = (char)(hex_value(text[i]) << 4 | hex_value(text[i + 1]));
        out[count] = 0;
        return (struct str){out, count};
    }
    bool unicode = text[0] == 'u' || text[0] == 'U';
    size_t i = 0;
    while (text[i] != '\'') i++;
    for (i++; i + 1 < len; i++) {
        if (unicode && text[i] == '\\') {
            if (text[i + 1] == '\\') {
                out[count++] = '\\';
                i++;
                continue;
            }
            size_t digits = text[i + 1] == '+' ? 6 : 4, begin = digits == 6 ? i + 2 : i + 1;
            uint32_t code = 0;
            for (size_t k = 0; k < digits; k++) code = code * 16 + hex_value(text[begin + k]);
            count += put_utf8(out + count, code);
            i = begin + digits - 1;
            continue;
        }
        out[count++] = text[i];
        if (text[i] == '\'') i++;
    }
    out[count] = 0;
    return (struct str){out, count};
}

struct str parse_text(struct parser *parser, struct span span) {
    size_t len = (size_t)(span.end - span.offset);
    return (struct str){arena_strndup(parser->arena, parser->text + span.offset, len), len};
}

struct ast_literal *parse_literal(struct parser *parser, enum ast_literal_kind kind, struct span span,
                                  struct str text) {
    return NEW(LITERAL, ast_literal, span, .literal_kind = kind, .text = text);
}

int32_t parse_int(struct parser *parser, struct span span, int64_t max, const char *what) {
    int64_t value = 0;
    for (int32_t i = span.offset; i < span.end; i++) {
        value = value * 10 + (parser->text[i] - '0');
        if (value > max) {
            parse_fail(parser, span, "%s must be at most %lld", what, (long long)max);
            return -1;
        }
    }
    return (int32_t)value;
}

/* ----------------------------------------------------------------------------------------------------- time units */

static const char *const unit_names[AST_UNIT_COUNT] = {
    [AST_UNIT_NONE] = "",       [AST_UNIT_YEAR] = "YEAR",     [AST_UNIT_QUARTER] = "QUARTER",
    [AST_UNIT_MONTH] = "MONTH", [AST_UNIT_WEEK] = "WEEK",     [AST_UNIT_DAY] = "DAY",
    [AST_UNIT_HOUR] = "HOUR",   [AST_UNIT_MINUTE] = "MINUTE", [AST_UNIT_SECOND] = "SECOND",
};

const char *ast_unit_name(enum ast_unit unit) { return (unsigned)unit < AST_UNIT_COUNT ? unit_names[unit] : ""; }

struct ast_symbol *parse_symbol(struct parser *parser, struct span span, const char *text) {
    struct ast_symbol *symbol = NEW(SYMBOL, ast_symbol, span, .text = arena_strdup(parser->arena, text));
    for (int unit = AST_UNIT_YEAR; unit < AST_UNIT_COUNT; unit++)
        if (strcmp(text, unit_names[unit]) == 0) symbol->unit = (enum ast_unit)unit;
    return symbol;
}

/* Plurals become singular, and the SQL_TSI_ names of ODBC the plain ones; a word that is no unit we know is left to the
 * function. */
struct ast_symbol *parse_unit_symbol(struct parser *parser, struct span span) {
    char *word = (char *)parse_ident(parser, span)->text; /* our own copy */
    to_upper(word);
    const char *plain = strncmp(word, "SQL_TSI_", 8) == 0 ? word + 8 : word;
    size_t len = strlen(plain);
    for (int unit = AST_UNIT_YEAR; unit < AST_UNIT_COUNT; unit++) {
        size_t unit_len = strlen(unit_names[unit]);
        if (strncmp(plain, unit_names[unit], unit_len) == 0 &&
            (len == unit_len || (len == unit_len + 1 && plain[unit_len] == 'S')))
            return parse_symbol(parser, span, unit_names[unit]);
    }
    return parse_symbol(parser, span, word);
}

bool parse_interval_check(struct parser *parser, struct ast_interval interval, struct span span) {
    if (interval.to == AST_UNIT_NONE) {
        if (interval.fraction >= 0 && interval.from != AST_UNIT_SECOND) {
            parse_fail(parser, span, "only SECOND takes a second precision");
            return false;
        }
        return true;
    }
    bool year_month = interval.from == AST_UNIT_YEAR && interval.to == AST_UNIT_MONTH;
    bool day_time = interval.from >= AST_UNIT_DAY && interval.to > interval.from;
    if (!year_month && !day_time) {
        parse_fail(parser, span, "there is no interval %s TO %s", ast_unit_name(interval.from),
                   ast_unit_name(interval.to));
        return false;
    }
    if (interval.fraction >= 0 && interval.to != AST_UNIT_SECOND) {
        parse_fail(parser, span, "%s at the end of an interval takes no precision", ast_unit_name(interval.to));
        return false;
    }
    return true;
}

/* ------------------------------------------------------------------------------------------ expressions and queries */

struct ast_node *parse_logic(struct parser *parser, bool is_or, struct ast_node *left, struct ast_node *right,
                             struct span span) {
    if (left->kind == AST_LOGIC && AST_AS(left, ast_logic)->is_or == is_or) {
        parse_list_add(parser, &AST_AS(left, ast_logic)->args, right);
        left->offset = span.offset;
        left->length = span.end - span.offset;
        return left;
    }
    struct ast_logic *logic = NEW(LOGIC, ast_logic, span, .is_or = is_or);
    parse_list_add(parser, &logic->args, left);
    parse_list_add(parser, &logic->args, right);
    return &logic->node;
}

struct ast_query *parse_query_node(struct parser *parser, struct ast_list with, bool recursive, struct ast_node *body,
                                   struct ast_query tail, struct span span) {
    struct ast_query *query = NEW(QUERY, ast_query, span, .recursive = recursive, .with = with, .body = body,
                                  .order_by = tail.order_by, .limit = tail.limit, .offset = tail.offset);
    query->node.non_portable = recursive || tail.node.non_portable;
    return query;
}

struct ast_node *parse_query_body(struct ast_query *query) {
    bool bare = !query->with.count && !query->order_by.count && !query->limit && !query->offset;
    return bare ? query->body : &query->node;
}

/* FETCH FIRST ROW ONLY: the number that is not written. */
struct ast_node *parse_one(struct parser *parser, struct span span) {
    return &parse_literal(parser, AST_LITERAL_INTEGER, span, str_from("1"))->node;
}

/* GROUP BY (a, b) names one grouping set, not a row. */
struct ast_node *parse_grouping_item(struct parser *parser, struct ast_node *item) {
    struct ast_constructor *row = AST_AS(item, ast_constructor);
    if (item->kind != AST_CONSTRUCTOR || !row->implicit) return item;
    struct span span = {item->offset, item->offset + item->length};
    return &NEW(GROUPING, ast_grouping, span, .grouping_kind = AST_GROUPING_SET, .elements = row->elements)->node;
}

struct ast_node *parse_values_row(struct parser *parser, struct ast_node *item) {
    struct ast_constructor *row = AST_AS(item, ast_constructor);
    if (item->kind == AST_CONSTRUCTOR && row->constructor_kind == AST_CONSTRUCTOR_ROW) {
        row->implicit = true; /* VALUES ROW(1, 2) is VALUES (1, 2) */
        return item;
    }
    struct span span = {item->offset, item->offset + item->length};
    return &NEW(CONSTRUCTOR, ast_constructor, span, .constructor_kind = AST_CONSTRUCTOR_ROW, .implicit = true,
                .elements = parse_list_one(parser, item))
                ->node;
}

/* ---------------------------------------------------------------------------------------------------------- failure */

void parse_fail(struct parser *parser, struct span span, const char *fmt, ...) {
    if (parser->failed) return;
    parser->failed = true;
    if (!parser->err) return;
    char text[ERROR_MESSAGE_SIZE];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    error_set_at(parser->err, STATUS_SYNTAX_ERROR, span.offset, span.end - span.offset, "%s", text);
}
