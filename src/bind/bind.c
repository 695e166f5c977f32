/* The binder's state: places, errors, limits. */
#include "bind/bind_private.h"

#include <ctype.h>
#include <stdio.h>

void binder_init(struct binder *b, struct bind_env *env) {
    *b = (struct binder){.env = env, .arena = env->query_arena, .view_depth = env->view_depth};
    b->next_window_id = env->next_window_id ? env->next_window_id : &b->own_window_id;
}

int32_t place_offset(const struct binder *b, const struct ast_node *node) {
    return b->stored ? b->place_offset : node ? node->offset : -1;
}

int32_t place_length(const struct binder *b, const struct ast_node *node) {
    return b->stored ? b->place_length : node ? node->length : 0;
}

enum status bind_error(const struct binder *b, struct error *err, enum status code, const struct ast_node *node,
                       const char *fmt, ...) {
    if (!err) return code;
    char text[ERROR_MESSAGE_SIZE];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return error_set_at(err, code, place_offset(b, node), place_length(b, node), "%s", text);
}

enum status not_supported(const struct binder *b, struct error *err, const struct ast_node *node, const char *what) {
    return bind_error(b, err, STATUS_NOT_SUPPORTED, node, "%s is not supported", what);
}

enum status binder_enter(struct binder *b, const struct ast_node *node, struct error *err) {
    if (b->nesting >= BIND_MAX_NESTING) {
        return bind_error(b, err, STATUS_LIMIT_EXCEEDED, node, "the query and its views nest deeper than %d levels",
                          BIND_MAX_NESTING);
    }
    b->nesting++;
    return STATUS_OK;
}

void binder_leave(struct binder *b) { b->nesting--; }

enum status rel_placed(struct binder *b, struct rel *rel, const struct ast_node *node, struct error *err) {
    rel->offset = place_offset(b, node);
    rel->length = place_length(b, node);
    if (++b->rel_count > BIND_MAX_RELS) {
        enum status status = bind_error(b, err, STATUS_LIMIT_EXCEEDED, node,
                                        "the query has more than %d relational nodes", BIND_MAX_RELS);
        error_hint(err, "views and WITH queries count once for every use");
        return status;
    }
    if (rel->schema.column_count > REL_MAX_COLUMNS) {
        return bind_error(b, err, STATUS_LIMIT_EXCEEDED, node, "more than %d columns", REL_MAX_COLUMNS);
    }
    return STATUS_OK;
}

const char *upper_name(struct binder *b, const char *text) {
    char *upper = arena_strdup(b->arena, text);
    for (char *p = upper; *p; p++) *p = (char)toupper((unsigned char)*p);
    return upper;
}

const char *name_to_string(struct binder *b, const struct ast_name *name) {
    const char *text = name->parts[0].text;
    for (int i = 1; i < name->count; i++) text = arena_printf(b->arena, "%s.%s", text, name->parts[i].text);
    return text;
}

struct expr *expr_at(const struct binder *b, struct expr *expr, const struct ast_node *node) {
    if (expr->offset < 0) {
        expr->offset = place_offset(b, node);
        expr->length = place_length(b, node);
    }
    return expr;
}

struct expr *string_constant(struct binder *b, const char *text) {
    struct str str = str_from(arena_strdup(b->arena, text));
    int length = 0;
    for (size_t i = 0; i < str.len; i++) length += ((unsigned char)str.data[i] & 0xC0) != 0x80;
    struct value value = value_str(type_string(b->arena, TYPE_CHAR, length, false), str);
    return expr_const(b->arena, &value);
}

struct expr *boolean_constant(struct binder *b, bool boolean) {
    struct value value = value_boolean(boolean);
    value.type = type_with_nullable(b->arena, value.type, false);
    return expr_const(b->arena, &value);
}

bool is_true(const struct expr *expr) {
    return expr->kind == EXPR_CONST && !expr->constant.is_null && expr->type->id == TYPE_BOOLEAN &&
           expr->constant.boolean;
}

struct expr *column_of(struct binder *b, const struct rel *rel, int index) {
    return expr_column(b->arena, index, rel->schema.types[index]);
}

struct rel *project(struct binder *b, struct rel *rel, int count, struct expr **exprs, const char **names) {
    struct expr **folded = ARENA_ARRAY(b->arena, struct expr *, count);
    for (int i = 0; i < count; i++) folded[i] = expr_fold(b->arena, exprs[i]);
    return rel_project(b->arena, rel, count, folded, names);
}

struct rel *filter(struct binder *b, struct rel *rel, struct expr *condition) {
    return rel_filter(b->arena, rel, expr_fold(b->arena, condition));
}
