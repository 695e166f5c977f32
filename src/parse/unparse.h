/* Syntax trees back to SQL.
 *
 * The text parses to the same tree again (ast_equal); views, computed columns and watermarks are stored this way.
 * Keywords come out in upper case, identifiers are quoted where they need it (or were reserved in Flink), parentheses
 * appear only where precedence asks for them, and everything stands on one line. */
#ifndef MILLRACE_PARSE_UNPARSE_H
#define MILLRACE_PARSE_UNPARSE_H

#include "base/str.h"
#include "parse/ast.h"

void unparse_statement(const struct ast_node *root, struct strbuf *out); /* any statement kind, without the `;` */
void unparse_query(const struct ast_query *query, struct strbuf *out);
void unparse_expression(const struct ast_node *expr, struct strbuf *out);
void unparse_type(const struct ast_type *type, struct strbuf *out);
void unparse_name(const struct ast_name *name, struct strbuf *out);
/* FROM_NOW(INTERVAL …): the start mode of a materialized table. */
void unparse_start_mode(const struct ast_start_mode *mode, struct strbuf *out);

#endif
