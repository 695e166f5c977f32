/* From text to the tokens of one statement: keywords, the end of the statement, and the filter that renames tokens. */
#include "parse/parser_private.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "grammar.tab.h"

const struct keyword parse_keywords[] = {
#define X(token, word, ident, call, flink_reserved) {word, token, ident, call, flink_reserved},
#include "parse/keywords.def"
#undef X
};
const int parse_keyword_count = (int)(sizeof parse_keywords / sizeof *parse_keywords);

/* -------------------------------------------------------------------------------------------------------- words */

static unsigned char upper(char c) { return (unsigned char)(c >= 'a' && c <= 'z' ? c - 32 : c); }

/* Compares text (any case) with an upper-case word, as strcmp. */
static int compare_word(const char *text, size_t len, const char *word) {
    for (size_t i = 0; i < len; i++) {
        int diff = (int)upper(text[i]) - (int)(unsigned char)word[i];
        if (diff) return diff; /* also at the end of word, whose NUL is less than any letter */
    }
    return word[len] ? -1 : 0;
}

const struct keyword *parse_keyword(const char *text, size_t len) {
    int low = 0, high = parse_keyword_count - 1;
    while (low <= high) {
        int middle = (low + high) / 2;
        int diff = compare_word(text, len, parse_keywords[middle].word);
        if (diff == 0) return &parse_keywords[middle];
        if (diff < 0)
            high = middle - 1;
        else
            low = middle + 1;
    }
    return NULL;
}

static bool is_letter(unsigned char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || c >= 0x80;
}

static bool is_digit(unsigned char c) { return c >= '0' && c <= '9'; }

static bool is_hex(unsigned char c) { return is_digit(c) || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f'); }

bool parse_is_word(const char *text, size_t len) {
    if (len == 0 || len > PARSE_MAX_IDENTIFIER_BYTES || !is_letter((unsigned char)text[0])) return false;
    for (size_t i = 1; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (!is_letter(c) && !is_digit(c) && c != '$') return false;
    }
    return true;
}

bool parse_is_reserved(const char *word) {
    const struct keyword *keyword = parse_keyword(word, strlen(word));
    return keyword && !keyword->ident;
}

void parse_put_identifier(struct strbuf *out, const char *name) {
    size_t len = strlen(name);
    const struct keyword *keyword = parse_keyword(name, len);
    if (parse_is_word(name, len) && !(keyword && (!keyword->ident || keyword->flink_reserved))) {
        strbuf_add(out, name, len);
        return;
    }
    strbuf_putc(out, '`');
    for (size_t i = 0; i < len; i++) {
        if (name[i] == '`') strbuf_putc(out, '`');
        strbuf_putc(out, name[i]);
    }
    strbuf_putc(out, '`');
}

/* ------------------------------------------------------------------------------------------------------ checking */

/* RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. */
bool parse_is_utf8(const char *text, size_t len) {
    const unsigned char *p = (const unsigned char *)text, *end = p + len;
    while (p < end) {
        if (*p < 0x80) {
            p++;
            continue;
        }
        int more;
        uint32_t code;
        if ((*p & 0xE0) == 0xC0) {
            more = 1;
            code = *p & 0x1F;
        } else if ((*p & 0xF0) == 0xE0) {
            more = 2;
            code = *p & 0x0F;
        } else if ((*p & 0xF8) == 0xF0) {
            more = 3;
            code = *p & 0x07;
        } else {
            return false;
        }
        if (end - p <= more) return false;
        for (int i = 1; i <= more; i++) {
            if ((p[i] & 0xC0) != 0x80) return false;
            code = code << 6 | (p[i] & 0x3F);
        }
        static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
        if (code < least[more] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return false;
        p += more + 1;
    }
    return true;
}

/* U&'..': every backslash begins \\, \XXXX or \+XXXXXX of a character. */
static bool are_unicode_escapes(const char *text, size_t len) {
    for (size_t i = 0; i < len; i++) {
        if (text[i] != '\\') continue;
        if (i + 1 < len && text[i + 1] == '\\') {
            i++;
            continue;
        }
        size_t digits = i + 1 < len && text[i + 1] == '+' ? 6 : 4;
        size_t begin = digits == 6 ? i + 2 : i + 1;
        if (len - begin < digits || begin > len) return false;
        uint32_t code = 0;
        for (size_t k = 0; k < digits; k++) {
            unsigned char c = (unsigned char)text[begin + k];
            if (!is_hex(c)) return false;
            code = code * 16 + (is_digit(c) ? c - '0' : (upper((char)c) - 'A' + 10));
        }
        if (code == 0 || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return false;
        i = begin + digits - 1;
    }
    return true;
}

static void invalidate(struct token *token, enum lex_fault fault) {
    token->kind = T_INVALID;
    token->aux = (int32_t)fault;
}

/* Looks at what the lexer's patterns let pass, and turns words into keywords. */
static void check_token(const char *text, struct token *token) {
    const char *at = text + token->offset;
    size_t len = (size_t)token->length;
    switch (token->kind) {
    case T_IDENT:
        if (at[0] == '`') {
            if (len <= 2)
                invalidate(token, LEX_EMPTY_IDENTIFIER);
            else if (len > PARSE_MAX_IDENTIFIER_BYTES)
                invalidate(token, LEX_LONG_IDENTIFIER);
            else if (memchr(at, 0, len))
                invalidate(token, LEX_NUL_IN_IDENTIFIER);
        } else if (len > PARSE_MAX_IDENTIFIER_BYTES) {
            invalidate(token, LEX_LONG_IDENTIFIER);
        } else {
            const struct keyword *keyword = parse_keyword(at, len);
            if (keyword && keyword->token) {
                token->kind = keyword->token;
                return;
            }
        }
        if (token->kind == T_IDENT && !parse_is_utf8(at, len)) invalidate(token, LEX_BAD_UTF8);
        return;
    case T_STRING:
        if (!parse_is_utf8(at, len))
            invalidate(token, LEX_BAD_UTF8);
        else if ((at[0] == 'U' || at[0] == 'u') && !are_unicode_escapes(at + 3, len - 4))
            invalidate(token, LEX_BAD_UNICODE_ESCAPE);
        return;
    case T_BINARY_STRING:
        for (size_t i = 2; i + 1 < len; i++)
            if (!is_hex((unsigned char)at[i])) {
                invalidate(token, LEX_BAD_HEX);
                return;
            }
        if ((len - 3) % 2) invalidate(token, LEX_BAD_HEX);
        return;
    default: return;
    }
}

/* -------------------------------------------------------------------------------------------------------- filter */

static const struct keyword *keyword_of(const char *text, const struct token *token) {
    if (token->length == 0 || text[token->offset] == '`') return NULL;
    return parse_keyword(text + token->offset, (size_t)token->length);
}

/* May the token begin the function of FINAL f(..)? */
static bool names_function(const char *text, const struct token *token) {
    if (token->kind == T_IDENT) return true;
    const struct keyword *keyword = keyword_of(text, token);
    return keyword && keyword->token && keyword->ident && keyword->call;
}

/* May an expression begin with the token? For KEY in JSON_OBJECT: what cannot begin one makes KEY a column. */
static bool begins_json_key(int kind) {
    switch (kind) {
    case T_VALUE:
    case T_AND:
    case T_OR:
    case T_IS:
    case T_IN:
    case T_LIKE:
    case T_BETWEEN:
    case T_NULL: /* NULL ON NULL */
    case T_ABSENT:
    case T_NOT_EQUAL:
    case T_BANG_EQUAL:
    case T_LESS_EQUAL:
    case T_GREATER_EQUAL:
    case T_CONCAT:
    case T_ARROW:
    case T_COLON_COLON:
    case T_ILIKE:
    case T_RLIKE:
    case T_SIMILAR:
    case T_OVERLAPS:
    case T_MEMBER:
    case T_SUBMULTISET:
    case T_EOF: return false;
    case '(':
    case '-':
    case '?': return true;
    default: return kind > 255; /* words and literals, no punctuation */
    }
}

/* Does a name follow such a token, so that ASOF behind it is one and no join? */
static bool precedes_name(int kind) {
    return kind == T_FROM || kind == T_JOIN || kind == T_AS || kind == ',' || kind == '.' || kind == '(';
}

static bool begins_query(int kind) {
    return kind == T_SELECT || kind == T_WITH || kind == T_VALUES || kind == T_TABLE || kind == '(';
}

/* A word that can be an identifier, or a literal. */
static bool is_plain_operand(const char *text, const struct token *token) {
    switch (token->kind) {
    case T_IDENT:
    case T_STRING:
    case T_BINARY_STRING:
    case T_INTEGER:
    case T_DECIMAL_NUMBER:
    case T_APPROXIMATE_NUMBER:
    case T_NULL:
    case T_TRUE:
    case T_FALSE: return true;
    default: break;
    }
    const struct keyword *keyword = parse_keyword(text + token->offset, (size_t)token->length);
    return keyword && keyword->ident;
}

/* DIV is no keyword: it is the operator where an operand ends before it and another begins behind it. A table's alias of
 * that name stands behind FROM or JOIN. open: the index of the parenthesis that closed last. */
static bool is_div(const char *text, const struct token_list *list, size_t i, size_t open) {
    const struct token *token = &list->items[i];
    if (token->length != 3 || strncasecmp(text + token->offset, "DIV", 3) != 0 || i == 0) return false;
    const struct token *next = &list->items[i + 1];
    switch (next->kind) {
    case T_CAST:
    case T_TRY_CAST:
    case T_CASE:
    case T_EXISTS:
    case T_INTERVAL:
    case T_ROW:
    case T_ARRAY:
    case T_UNKNOWN:
    case '(':
    case '-':
    case '+':
    case '?': break;
    default:
        if (!is_plain_operand(text, next)) return false;
    }
    int before = list->items[i - 1].kind;
    size_t first = i - 1;
    if (before == ')')
        first = open;
    else if (before == ']' || before == T_END || before == T_UNKNOWN || before == '?')
        return true;
    else if (!is_plain_operand(text, &list->items[i - 1]))
        return false;
    while (first >= 2 && list->items[first - 1].kind == '.' && is_plain_operand(text, &list->items[first - 2]))
        first -= 2;
    int start = first ? list->items[first - 1].kind : T_EOF;
    return start != T_FROM && start != T_JOIN && start != T_UNNEST && start != T_LATERAL && start != T_TABLE;
}

/* Renames the tokens that the grammar could tell apart only by looking further ahead. */
static void token_filter(const char *text, struct token_list *list) {
    int32_t *open = NULL; /* indexes of open parentheses */
    size_t open_count = 0, open_capacity = 0, closed = 0;
    bool in_match = false; /* FINAL and RUNNING have a meaning behind MATCH_RECOGNIZE only */
    for (size_t i = 0; i + 1 < list->count; i++) {
        struct token *token = &list->items[i];
        int next = list->items[i + 1].kind;
        int after = i + 2 < list->count ? list->items[i + 2].kind : T_EOF;
        int before = i ? list->items[i - 1].kind : T_EOF;
        switch (token->kind) {
        case T_MATCH_RECOGNIZE: in_match = true; break;
        case '(':
        case '[':
        case '{':
            if (token->kind == '{' && next == '-') token->kind = T_EXCLUDE_LA;
            ARRAY_RESERVE(open, open_capacity, open_count + 1);
            open[open_count++] = (int32_t)i;
            if (open_count > PARSE_MAX_NESTING && list->deep_offset < 0) list->deep_offset = token->offset;
            break;
        case ')':
        case ']':
        case '}':
            if (open_count) closed = (size_t)open[--open_count];
            break;
        case T_IS:
            if (next == T_DISTINCT || (next == T_NOT && after == T_DISTINCT)) token->kind = T_IS_LA;
            break;
        case T_ASOF:
            if ((next == T_JOIN || (next == T_LEFT && (after == T_JOIN || after == T_OUTER))) && !precedes_name(before))
                token->kind = T_ASOF_LA;
            break;
        case T_EXCEPT: /* SELECT * EXCEPT (a): EXCLUDE in other words */
            if (before == '*' && next == '(' && !begins_query(after)) token->kind = T_EXCLUDE;
            break;
        case T_IDENT:
            if (is_div(text, list, i, closed)) token->kind = T_DIV_LA;
            break;
        case T_IGNORE:
            if (next == T_NULLS && after != T_FIRST && after != T_LAST) token->kind = T_IGNORE_LA;
            break;
        case T_RESPECT:
            if (next == T_NULLS && after != T_FIRST && after != T_LAST) token->kind = T_RESPECT_LA;
            break;
        case T_WITH:
            if (next == T_LOCAL && after == T_TIME) token->kind = T_WITH_LOCAL_LA;
            if (next == T_TIME && after == T_ZONE) token->kind = T_WITH_TIME_LA;
            break;
        case T_WITHOUT:
            if (next == T_TIME && after == T_ZONE) token->kind = T_WITHOUT_TIME_LA;
            break;
        case T_IF:
            if (next == T_EXISTS || (next == T_NOT && after == T_EXISTS)) token->kind = T_IF_LA;
            break;
        case T_FINAL:
            if (in_match && after == '(' && names_function(text, &list->items[i + 1])) token->kind = T_FINAL_LA;
            break;
        case T_RUNNING:
            if (in_match && after == '(' && names_function(text, &list->items[i + 1])) token->kind = T_RUNNING_LA;
            break;
        case T_KEY: {
            int32_t at = open_count ? open[open_count - 1] : 0;
            bool in_json =
                at > 0 && (list->items[at - 1].kind == T_JSON_OBJECT || list->items[at - 1].kind == T_JSON_OBJECTAGG);
            if (in_json && (before == '(' || before == ',') && begins_json_key(next)) token->kind = T_JSON_KEY_LA;
            break;
        }
        default: break;
        }
    }
    free(open);
}

/* ------------------------------------------------------------------------------------------- one statement's tokens */

/* Does a BEGIN at the end of the list open the block of a statement set? EXECUTE STATEMENT SET BEGIN, with EXPLAIN or
 * COMPILE PLAN in front. `UPDATE statement SET begin = 1` does not. */
static bool opens_block(const struct token_list *list) {
    size_t n = list->count;
    if (n < 3 || list->items[n - 1].kind != T_BEGIN || list->items[n - 2].kind != T_SET ||
        list->items[n - 3].kind != T_STATEMENT)
        return false;
    if (n > 3 && list->items[n - 4].kind == T_UPDATE) return false;
    switch (list->items[0].kind) {
    case T_EXECUTE:
    case T_EXPLAIN:
    case T_COMPILE:
    case T_STATEMENT: return true;
    default: return false;
    }
}

size_t parse_begin(const char *text, size_t len) { return len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0; }

void parse_tokenize(const char *text, size_t len, size_t offset, struct token_list *list) {
    memset(list, 0, sizeof *list);
    list->deep_offset = -1;
    if (offset == 0) offset = parse_begin(text, len);
    struct lex_input input = {.text = text, .len = len, .pos = offset};
    parse_flex_scanner scanner;
    if (parse_flex_open(&input, &scanner) != 0) abort(); /* out of memory */
    size_t at = offset;
    bool in_block = false, in_hint = false;
    int last = ';'; /* kind of the token before, as if the block began with one */
    for (;;) {
        struct token token = {.offset = (int32_t)at};
        parse_flex_next(scanner, &token);
        at = (size_t)token.offset + (size_t)token.length;
        if (token.kind == 0) {
            list->open |= in_block;
            break;
        }
        check_token(text, &token);
        if (token.kind == T_INVALID &&
            (token.aux == LEX_OPEN_STRING || token.aux == LEX_OPEN_IDENTIFIER || token.aux == LEX_OPEN_COMMENT ||
             token.aux == LEX_OPEN_HINT || (token.aux == LEX_DOUBLE_QUOTES && at == len)))
            list->open = true;
        if (token.kind == T_HINT_BEGIN) in_hint = true;
        if (token.kind == T_HINT_END) in_hint = false;
        if (token.kind == ';' && !in_hint) {
            if (list->count == 0) continue; /* an empty statement */
            bool begin_set = list->count == 3 && list->items[0].kind == T_BEGIN && list->items[1].kind == T_STATEMENT &&
                             list->items[2].kind == T_SET;
            if (begin_set) in_block = true;
            if (!in_block) {
                list->terminated = true;
                break;
            }
        }
        if (list->count == 0) list->offset = token.offset;
        ARRAY_RESERVE(list->items, list->capacity, list->count + 2);
        list->items[list->count++] = token;
        list->end = (int32_t)at;
        if (in_block && token.kind == T_END && (last == ';' || last == T_BEGIN)) in_block = false;
        if (opens_block(list)) in_block = true;
        last = token.kind;
    }
    parse_flex_close(scanner);
    list->next = list->terminated ? at : len;
    if (list->count == 0) list->offset = list->end = (int32_t)len;
    ARRAY_RESERVE(list->items, list->capacity, list->count + 1);
    list->items[list->count++] = (struct token){.kind = T_EOF, .offset = list->end};
    token_filter(text, list);
}

void parse_tokens_free(struct token_list *list) {
    free(list->items);
    memset(list, 0, sizeof *list);
}

bool split_is_complete(const char *text, size_t len) {
    if (len > PARSE_MAX_SCRIPT_BYTES) return true; /* the parser will say so */
    size_t offset = 0;
    for (;;) {
        struct token_list list;
        parse_tokenize(text, len, offset, &list);
        bool empty = list.count == 1, terminated = list.terminated, open = list.open;
        offset = list.next;
        parse_tokens_free(&list);
        if (empty) return !open;
        if (!terminated) return false;
    }
}
