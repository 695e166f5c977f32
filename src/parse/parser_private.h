/* What the parts of the parser share: tokens, the parser's state, and the helpers that grammar actions call.
 *
 * The way of a statement: tokenize (flex lexer, one statement into an array of tokens, which also finds its end)
 * -> filter (a few tokens are renamed by looking at their neighbours, so that the grammar stays LALR(1))
 * -> bison parser -> depth check. On a syntax error the parser runs again over the same tokens, with a replacement for
 * the bad one, to find out what the writer may have meant (message.c). */
#ifndef MILLRACE_PARSE_PARSER_PRIVATE_H
#define MILLRACE_PARSE_PARSER_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"
#include "parse/ast.h"
#include "parse/parse.h"

enum {
    PARSE_MAX_EXPECTED = 8,          /* things an error message lists */
    PARSE_MAX_SUGGEST_TOKENS = 4096, /* longer statements get no did-you-mean */
};

/* A place in the text; end is the offset behind it. */
struct span {
    int32_t offset, end;
};

struct token {
    int32_t kind;   /* enum parse_sql_tokentype of the grammar */
    int32_t offset; /* from the start of the text */
    int32_t length;
    int32_t aux; /* T_INVALID: enum lex_fault */
};

/* Why a token is T_INVALID. */
enum lex_fault {
    LEX_BAD_CHARACTER,
    LEX_DOUBLE_QUOTES,
    LEX_OPEN_STRING,
    LEX_OPEN_IDENTIFIER,
    LEX_OPEN_COMMENT,
    LEX_OPEN_HINT,
    LEX_BAD_NUMBER,
    LEX_BAD_HEX,
    LEX_BAD_UNICODE_ESCAPE,
    LEX_BAD_UTF8,
    LEX_EMPTY_IDENTIFIER,
    LEX_LONG_IDENTIFIER,
    LEX_NUL_IN_IDENTIFIER,
    LEX_LONG_TOKEN,
};

/* The tokens of one statement; the last is T_EOF. Heap memory. */
struct token_list {
    struct token *items;
    size_t count, capacity;
    int32_t offset;      /* of the first token */
    int32_t end;         /* behind the last token that is not the final `;` */
    size_t next;         /* offset behind the final `;`, or of the end of the text */
    bool terminated;     /* by a `;` */
    bool open;           /* ends inside a string, comment or statement set */
    int32_t deep_offset; /* where brackets nest deeper than PARSE_MAX_NESTING, or -1 */
};

/* State of one run of the grammar. */
struct parser {
    const char *text;
    struct arena *arena;
    const struct token *tokens;
    int32_t token_count;
    int32_t next_token; /* index of the token to read next */
    int start;          /* T_START_...: what to parse */
    bool started;
    int32_t replace_index; /* token to replace by replace_kind; -1 for none */
    int replace_kind;
    struct ast_node *result;
    int32_t parameter_count;
    /* failure */
    bool failed;       /* err is set by an action */
    bool syntax_error; /* the grammar stopped at token error_index */
    bool out_of_stack;
    int32_t error_index;
    bool *expected;    /* by symbol number; PARSE_SYMBOL_COUNT of them; may be NULL */
    struct error *err; /* may be NULL in trial runs */
};

/* ---- token.c ---- */

/* Where the text begins: behind a byte order mark, with which some editors begin a file; 3 or 0. */
size_t parse_begin(const char *text, size_t len);

/* Reads one statement that starts at or behind offset. Never fails: bad text becomes T_INVALID tokens. */
void parse_tokenize(const char *text, size_t len, size_t offset, struct token_list *list);
void parse_tokens_free(struct token_list *list);

struct keyword {
    const char *word; /* upper case */
    int token;        /* 0 when the grammar does not know it */
    bool ident;       /* can be an identifier without quotes */
    bool call;        /* can be the name of a plain call f(..) without quotes */
    bool flink_reserved;
};
/* The keyword spelled by text (any case), or NULL. */
const struct keyword *parse_keyword(const char *text, size_t len);
extern const struct keyword parse_keywords[];
extern const int parse_keyword_count;

/* Is text a word that lexes as one identifier or keyword? */
bool parse_is_word(const char *text, size_t len);

bool parse_is_utf8(const char *text, size_t len);

/* ---- lexer.l ---- */

struct lex_input {
    const char *text;
    size_t len, pos; /* what flex has not taken yet */
};
typedef void *parse_flex_scanner;
int parse_flex_open(struct lex_input *input, parse_flex_scanner *scanner); /* 0 on success */
void parse_flex_close(parse_flex_scanner scanner);
/* Next token: its kind (0 at the end), length and aux; offset counts on from the one given. Blanks are skipped. */
int parse_flex_next(parse_flex_scanner scanner, struct token *token);

/* ---- grammar.y ---- */

int parse_sql_parse(struct parser *parser);
extern const int parse_symbol_count;
const char *parse_symbol_text(int symbol); /* as in messages: `FROM`, `","`, `string` */
int parse_symbol_of_token(int token_kind);

/* ---- build.c: what actions call ---- */

void *parse_node(struct parser *parser, enum ast_kind kind, size_t size_bytes, struct span span, const void *init);
/* NEW(LIKE, ast_like, @$, .operand = $1): a node with these fields. */
#define NEW(kind, tag, span_, ...)                                                                                     \
    ((struct tag *)parse_node(parser, AST_##kind, sizeof(struct tag), (span_), &(struct tag){__VA_ARGS__}))

void parse_list_add(struct parser *parser, struct ast_list *list, void *node);
struct ast_list parse_list_one(struct parser *parser, void *node);
void parse_list_join(struct parser *parser, struct ast_list *list, struct ast_list more);

struct ast_ident *parse_ident(struct parser *parser, struct span span); /* of an identifier or keyword token */
struct ast_name *parse_name_one(struct parser *parser, struct ast_ident *ident);
struct ast_name *parse_name_add(struct parser *parser, struct ast_name *name, struct ast_ident *ident,
                                struct span span);
/* The name of a function of special syntax: the keyword at span in upper case. */
struct ast_name *parse_keyword_name(struct parser *parser, struct span span);
struct ast_name *parse_word_name(struct parser *parser, struct span span); /* case as written */

struct str parse_string(struct parser *parser, struct span span); /* decodes the string token at span */
struct str parse_text(struct parser *parser, struct span span);   /* the source text itself */
struct ast_literal *parse_literal(struct parser *parser, enum ast_literal_kind kind, struct span span, struct str text);
struct ast_symbol *parse_symbol(struct parser *parser, struct span span, const char *text);
struct ast_symbol *parse_unit_symbol(struct parser *parser, struct span span); /* the word at span as a time unit */
struct ast_node *parse_logic(struct parser *parser, bool is_or, struct ast_node *left, struct ast_node *right,
                             struct span span);
struct ast_query *parse_query_node(struct parser *parser, struct ast_list with, bool recursive, struct ast_node *body,
                                   struct ast_query tail, struct span span);
struct ast_node *parse_query_body(struct ast_query *query); /* its body when that is all it has, else itself */
struct ast_node *parse_one(struct parser *parser, struct span span);
struct ast_node *parse_grouping_item(struct parser *parser, struct ast_node *item);
struct ast_node *parse_values_row(struct parser *parser, struct ast_node *item);

/* Unsigned integer of a token up to max; reports and returns -1 otherwise. */
int32_t parse_int(struct parser *parser, struct span span, int64_t max, const char *what);

/* Checks FROM .. TO of an interval. */
bool parse_interval_check(struct parser *parser, struct ast_interval interval, struct span span);

/* Reports an error of an action; the action then does YYABORT. */
void parse_fail(struct parser *parser, struct span span, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* ---- message.c ---- */

/* Fills err from the failed run. */
enum status parse_message(struct parser *parser, struct error *err);
enum status parse_lex_message(const char *text, const struct token *token, struct error *err);

/* ---- ast.c ---- */

/* The first node (in a walk down) that is deeper than limit, or NULL. */
const struct ast_node *ast_too_deep(const struct ast_node *node, int limit);

#endif
