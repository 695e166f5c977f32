/* Hints of a statement: OPTIONS must be options of their table; what has no effect here is said once per session. The binder
 * puts the others into effect (bind_from.c, bind_hint.c). */
#include "format/format.h"
#include "session/session_private.h"

static const struct {
    const char *name, *why; /* why: it has no effect; NULL: it has */
} known_hints[] = {
    {"OPTIONS", NULL},
    {"LOOKUP", NULL},
    {"STATE_TTL", NULL},
    {"BROADCAST", NULL},
    {"SHUFFLE_HASH", NULL},
    {"SHUFFLE_MERGE", "joins are hash joins"},
    {"NEST_LOOP", "a join without = compares every pair, other joins are hash joins"},
    {"MULTI_JOIN", "joins are made two by two"},
};
enum { KNOWN_HINTS = sizeof known_hints / sizeof *known_hints };

struct walk {
    struct statement_ctx *ctx;
    struct error *err;
    enum status status;
};

static void check_name(struct walk *walk, const struct ast_hint *hint) {
    struct session *session = walk->ctx->session;
    const char *names[KNOWN_HINTS];
    for (int i = 0; i < KNOWN_HINTS; i++) {
        names[i] = known_hints[i].name;
        if (!str_equal_nocase(str_from(hint->name->text), str_from(names[i]))) continue;
        if (!known_hints[i].why || session->warned_hints >> i & 1) return;
        session->warned_hints |= 1u << i;
        session_warn(walk->ctx, "hint %s has no effect here: %s", names[i], known_hints[i].why);
        return;
    }
    const char *near = str_nearest(hint->name->text, names, KNOWN_HINTS);
    session_warn(walk->ctx, "unknown hint %s has no effect%s%s%s", hint->name->text, near ? " (did you mean " : "",
                 near ? near : "", near ? "?)" : "");
}

/* The table's options that a hint may give: all, none required. */
static const struct option_def *loosened(struct arena *arena, const struct option_def *table) {
    int count = 0;
    while (table[count].name) count++;
    struct option_def *copy = arena_memdup(arena, table, sizeof *table * (size_t)(count + 1));
    for (int i = 0; i < count; i++) copy[i].required = false;
    return copy;
}

static enum status check_options(struct walk *walk, const struct ast_name *name, const struct ast_hint *hint) {
    struct statement_ctx *ctx = walk->ctx;
    bool allowed = true;
    option_parse_bool(str_from(session_get(ctx->session, "table.dynamic-table-options.enabled")), &allowed);
    if (!allowed)
        return error_set_at(walk->err, STATUS_INVALID_OPTION, hint->node.offset, hint->node.length,
                            "OPTIONS hints are not allowed: 'table.dynamic-table-options.enabled' is false");
    struct object_name object;
    const struct table *table;
    struct error ignored;
    error_clear(&ignored);
    /* What is not there, or is no table but a name of WITH, the binder speaks about. */
    if (session_resolve(ctx->session, name, &object, &ignored) != STATUS_OK ||
        session_find_table(ctx->session, &object, ctx->arena, &table, NULL, &ignored) != STATUS_OK || !table ||
        table->kind == TABLE_VIEW)
        return STATUS_OK;
    const struct connector *connector = table->connector ? connector_find(table->connector) : NULL;
    if (!connector || !connector->options) return STATUS_OK;
    struct option_list options = {0};
    for (int i = 0; i < hint->args.count; i++) {
        if (hint->args.items[i]->kind != AST_OPTION) return STATUS_OK;
        const struct ast_option *option = AST_AT(hint->args, i, ast_option);
        if (str_equal(option->key, str_from("connector")))
            return error_set_at(walk->err, STATUS_INVALID_OPTION, option->key_offset, option->key_length,
                                "an OPTIONS hint cannot make another connector of a table");
        option_add(&options, ctx->arena, arena_strndup(ctx->arena, option->key.data, option->key.len),
                   arena_strndup(ctx->arena, option->value.data, option->value.len), option->value_offset);
    }
    const char *format_name = option_find(&options, "format");
    if (!format_name) format_name = option_find(&table->options, "format");
    const struct format *format = connector->has_format && format_name ? format_find(format_name) : NULL;
    const struct option_def *tables[3] = {loosened(ctx->arena, connector->options)};
    if (format) tables[1] = loosened(ctx->arena, format->options);
    const char *owner = arena_printf(ctx->arena, "connector '%s'", connector->name);
    return session_place_error(options_check(&options, tables, owner, walk->err), &hint->node, walk->err);
}

static void check_list(struct walk *walk, const struct ast_name *name, const struct ast_list *hints) {
    for (int i = 0; i < hints->count && walk->status == STATUS_OK; i++) {
        const struct ast_hint *hint = AST_AT(*hints, i, ast_hint);
        check_name(walk, hint);
        if (name && str_equal_nocase(str_from(hint->name->text), str_from("OPTIONS")))
            walk->status = check_options(walk, name, hint);
    }
}

static bool visit(struct ast_node *node, void *data) {
    struct walk *walk = data;
    switch (node->kind) {
    case AST_TABLE_NAME:
        check_list(walk, AST_AS(node, ast_table_name)->name, &AST_AS(node, ast_table_name)->hints);
        break;
    case AST_INSERT: check_list(walk, AST_AS(node, ast_insert)->table, &AST_AS(node, ast_insert)->hints); break;
    case AST_UPDATE: check_list(walk, AST_AS(node, ast_update)->table, &AST_AS(node, ast_update)->hints); break;
    case AST_DELETE: check_list(walk, AST_AS(node, ast_delete)->table, &AST_AS(node, ast_delete)->hints); break;
    case AST_SELECT: check_list(walk, NULL, &AST_AS(node, ast_select)->hints); break;
    default: break;
    }
    return walk->status == STATUS_OK && ast_each_child(node, visit, walk);
}

enum status session_check_hints(struct statement_ctx *ctx, const struct ast_node *root, struct error *err) {
    struct walk walk = {.ctx = ctx, .err = err, .status = STATUS_OK};
    visit((struct ast_node *)root, &walk);
    return walk.status;
}
