/* SQL text to syntax trees: the way into the front end.
 *
 * The dialect is Flink 2.3's (Calcite's SQL with Flink's statements), plus a few additions that are marked non-portable
 * in the tree. Keywords ignore case, identifiers keep theirs; `back quotes` make any word an identifier.
 *
 * All functions are re-entrant: no state outlives a call. Trees live in the caller's arena (see ast.h). Texts are UTF-8
 * and need no terminating NUL. Errors carry STATUS_SYNTAX_ERROR or STATUS_LIMIT_EXCEEDED with the place in the text.
 *
 * Example: run every statement of a script
 *
 *     size_t offset = 0;
 *     for (;;) {
 *         struct ast_statement *stmt;
 *         if (parse_script_next(text, len, &offset, &arena, &stmt, &err) != STATUS_OK) {
 *             parse_error_print(&err, text, len, &out);
 *             break;                                        (or go on: offset is behind the bad statement)
 *         }
 *         if (!stmt) break;
 *         ...
 *     } */
#ifndef MILLRACE_PARSE_PARSE_H
#define MILLRACE_PARSE_PARSE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"
#include "parse/ast.h"

enum {
    PARSE_MAX_SCRIPT_BYTES = 1 << 28,  /* of one text */
    PARSE_MAX_NESTING = 1200,          /* of brackets in one statement */
    PARSE_MAX_STACK = 20000,           /* grammar symbols waiting for their end */
    PARSE_MAX_IDENTIFIER_BYTES = 1024, /* of one part of a name */
};

/* Parses the next statement at *offset. Empty statements and comments before it are skipped. A statement ends at its
 * `;` or at the end of the text; a statement set is one statement, with everything up to its END.
 *
 * On success *stmt is the statement, or NULL when nothing is left, and *offset is behind its `;`. On failure *offset is
 * behind the `;` that ends the bad statement (or at the end of the text), so that a caller who wants to may go on;
 * *stmt is untouched. All offsets in the tree and the error are relative to text. */
MUST_CHECK enum status parse_script_next(const char *text, size_t len, size_t *offset, struct arena *statement_arena,
                                         struct ast_statement **stmt, struct error *err);

/* Parses text that must be exactly one statement (a `;` at its end is allowed). */
MUST_CHECK enum status parse_statement(const char *text, size_t len, struct arena *statement_arena,
                                       struct ast_statement **stmt, struct error *err);

/* Parses text that must be exactly one query (of a stored view). */
MUST_CHECK enum status parse_query(const char *text, size_t len, struct arena *arena, struct ast_query **query,
                                   struct error *err);

/* Parses text that must be exactly one expression (a stored watermark or computed column). */
MUST_CHECK enum status parse_expression(const char *text, size_t len, struct arena *arena, struct ast_node **expr,
                                        struct error *err);

/* Parses text that must be exactly one type: "DECIMAL(10, 2) NOT NULL". */
MUST_CHECK enum status parse_type(const char *text, size_t len, struct arena *arena, struct ast_type **type,
                                  struct error *err);

/* Does text end with a complete statement, so that a shell may run it instead of asking for another line? True for
 * text that is empty or only comments and for one whose last statement has its `;`; false inside a string, a quoted
 * identifier, a comment, or a statement set without END. Never fails. */
bool split_is_complete(const char *text, size_t len);

/* Is the word (any case) one that must be quoted to be an identifier here? */
bool parse_is_reserved(const char *word);

/* Adds name as an identifier to out: quoted with backquotes unless it is a plain word that is neither reserved here nor
 * in Flink. Prefer it to strbuf_put_identifier, which knows no keywords. */
void parse_put_identifier(struct strbuf *out, const char *name);

/* 1-based line, and 1-based column counted in characters, of a byte offset. */
void parse_position(const char *text, size_t len, size_t offset, int *line, int *column);

/* Renders an error for a terminal, ending with a newline:
 *
 *     syntax error at or near "FORM"
 *     line 2, column 10:
 *       SELECT a FORM t
 *                ^^^^
 *     detail: expected one of: ",", ";", FROM, ...
 *     hint: did you mean FROM?
 *
 * Without a place (offset -1), or when text is NULL, the lines of source are left out. Long source lines are cut around
 * the place; tabs and the width of UTF-8 characters are respected, control characters are shown as spaces. */
void parse_error_print(const struct error *err, const char *text, size_t len, struct strbuf *out);

#endif
