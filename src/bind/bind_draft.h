/* A table's definition while it is put together: what CREATE TABLE (bind_table.c) and ALTER TABLE (bind_alter.c) share. */
#ifndef MILLRACE_BIND_BIND_DRAFT_H
#define MILLRACE_BIND_BIND_DRAFT_H

#include "bind/bind_private.h"

struct draft_column {
    struct table_column column;
    const struct ast_column_def *ast; /* NULL: comes from the LIKE table, the AS query, or the table that is altered */
};

struct draft {
    struct binder *b;
    const struct ast_create_table *ast; /* NULL: ALTER TABLE */
    const struct ast_node *base_node;   /* where errors about what is inherited are placed */
    const struct table *base;           /* of LIKE, else NULL */
    const struct rel *query;            /* of AS, else NULL */
    enum ast_merge_strategy strategies[AST_LIKE_WATERMARKS + 1];
    struct draft_column *columns;
    int column_count, column_capacity;
    const struct ast_node *watermark_node; /* NULL: inherited */
    const struct ast_node *watermark_expr;
    struct table table;
};

/* The column's position, -1: none. */
int draft_find(const struct draft *draft, const char *name);
void draft_add_column(struct draft *draft, const struct table_column *column, const struct ast_column_def *ast);
/* "column 'x' of WHERE not found", with the nearest name. */
enum status draft_no_column(struct draft *draft, const struct ast_node *node, const char *name, const char *where,
                            struct error *err);
/* SQL text of an expression as definitions keep it. */
const char *draft_expression_text(struct binder *b, const struct ast_node *expr);
/* Type, kind and comment; computed columns get their type from draft_bind_computed. */
enum status draft_bind_column(struct draft *draft, const struct ast_column_def *ast, struct table_column *column,
                              struct error *err);
/* UNIQUE and ENFORCED are refused, a second key too. */
enum status draft_check_constraint(struct draft *draft, const struct ast_constraint *constraint, bool have_key,
                                   struct error *err);
enum status draft_set_key(struct draft *draft, const char *const *names, const struct ast_node *const *nodes, int count,
                          struct error *err);
/* draft->columns to draft->table. */
void draft_copy_columns(struct draft *draft);
/* Types the computed columns; *rel has all columns then. */
enum status draft_bind_computed(struct draft *draft, struct rel **rel, struct error *err);
/* Checks the watermark over the columns of rel. */
enum status draft_bind_watermark(struct draft *draft, const struct rel *rel, struct error *err);

#endif
