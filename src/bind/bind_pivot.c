/* PIVOT and UNPIVOT.
 *
 * t PIVOT (SUM(x) AS s FOR k IN ('a' AS a, 'b')) is SELECT the other columns, SUM(x) FILTER (WHERE k IS NOT DISTINCT FROM 'a') AS a_s, …
 * FROM t GROUP BY the other columns: it becomes that syntax tree, which is bound. UNPIVOT makes an array of rows (name, value) from
 * each row and unnests it. */
#include "bind/bind_private.h"
#include "parse/unparse.h"

/* ---- making syntax ---- */

static struct ast_ident *new_ident(struct binder *b, const struct ast_node *place, const char *text) {
    struct ast_ident *ident = ARENA_NEW(b->arena, struct ast_ident);
    ident->node = (struct ast_node){.kind = AST_IDENT, .offset = place->offset, .length = place->length};
    ident->text = text;
    ident->quoted = true;
    return ident;
}

static struct ast_node *new_column(struct binder *b, const struct ast_node *place, const char *text) {
    struct ast_name *name = ARENA_NEW(b->arena, struct ast_name);
    name->node = (struct ast_node){.kind = AST_NAME, .offset = place->offset, .length = place->length};
    name->parts = new_ident(b, place, text);
    name->count = name->capacity = 1;
    struct ast_column_ref *ref = ARENA_NEW(b->arena, struct ast_column_ref);
    ref->node = (struct ast_node){.kind = AST_COLUMN_REF, .offset = place->offset, .length = place->length};
    ref->name = name;
    return &ref->node;
}

static void list_add(struct binder *b, struct ast_list *list, struct ast_node *node) {
    ARENA_RESERVE(b->arena, list->items, list->capacity, list->count + 1);
    list->items[list->count++] = node;
}

static struct ast_node *new_item(struct binder *b, struct ast_node *expr, const char *name) {
    struct ast_select_item *item = ARENA_NEW(b->arena, struct ast_select_item);
    item->node = (struct ast_node){.kind = AST_SELECT_ITEM, .offset = expr->offset, .length = expr->length};
    item->expr = expr;
    item->alias = new_ident(b, expr, name);
    return &item->node;
}

/* ---- PIVOT ---- */

struct names {
    struct binder *b;
    const char **items;
    int count, capacity;
};

static bool collect_names(struct ast_node *node, void *data) {
    struct names *names = data;
    if (node->kind == AST_COLUMN_REF) {
        const struct ast_name *name = AST_AS(node, ast_column_ref)->name;
        for (int i = 0; i < name->count; i++) {
            ARENA_RESERVE(names->b->arena, names->items, names->capacity, names->count + 1);
            names->items[names->count++] = name->parts[i].text;
        }
        return true;
    }
    return ast_each_child(node, collect_names, data);
}

static bool has_name(const struct names *names, const char *name) {
    for (int i = 0; i < names->count; i++)
        if (strcmp(names->items[i], name) == 0) return true;
    return false;
}

/* The j-th of the values that belong to `count` columns. */
static struct ast_node *value_part(struct ast_node *value, int j, int count) {
    if (count == 1) return value;
    return AST_AS(value, ast_constructor)->elements.items[j];
}

static enum status check_value(struct binder *b, const struct ast_node *value, int count, struct error *err) {
    const struct ast_node *const *items;
    int have;
    row_operands(value, &items, &have);
    if (have == count && (count == 1 || items)) return STATUS_OK;
    return bind_error(b, err, STATUS_INVALID_QUERY, value, "PIVOT FOR has %d column%s, this value has %d", count,
                      count == 1 ? "" : "s", have);
}

/* What a value is called when nothing is said. */
static const char *value_name(struct binder *b, const struct ast_node *value) {
    const struct ast_literal *literal = (const struct ast_literal *)value;
    if (value->kind == AST_LITERAL && literal->text.data)
        return arena_strndup(b->arena, literal->text.data, literal->text.len);
    struct strbuf text = {0};
    unparse_expression(value, &text);
    const char *name = arena_strndup(b->arena, text.data, text.len);
    strbuf_free(&text);
    return name;
}

/* The aggregate over the rows of one value. */
static struct ast_node *filtered(struct binder *b, const struct ast_pivot *pivot, const struct ast_function *call,
                                 struct ast_node *value) {
    struct ast_logic *both = ARENA_NEW(b->arena, struct ast_logic);
    both->node = (struct ast_node){.kind = AST_LOGIC, .offset = value->offset, .length = value->length};
    for (int j = 0; j < pivot->columns.count; j++) {
        const struct ast_ident *column = AST_AT(pivot->columns, j, ast_ident);
        struct ast_binary *equal = ARENA_NEW(b->arena, struct ast_binary);
        equal->node = (struct ast_node){.kind = AST_BINARY, .offset = value->offset, .length = value->length};
        equal->op = AST_OP_IS_NOT_DISTINCT;
        equal->left = new_column(b, &column->node, column->text);
        equal->right = value_part(value, j, pivot->columns.count);
        list_add(b, &both->args, &equal->node);
    }
    if (call->filter) list_add(b, &both->args, call->filter);
    struct ast_function *copy = arena_memdup(b->arena, call, sizeof *call);
    copy->filter = both->args.count == 1 ? both->args.items[0] : &both->node;
    return &copy->node;
}

static enum status add_aggregates(struct binder *b, const struct ast_pivot *pivot, struct ast_select *select,
                                  struct error *err) {
    for (int v = 0; v < pivot->values.count; v++) {
        const struct ast_select_item *value = AST_AT(pivot->values, v, ast_select_item);
        TRY(check_value(b, value->expr, pivot->columns.count, err));
        const char *base = value->alias ? value->alias->text : value_name(b, value->expr);
        for (int g = 0; g < pivot->aggregates.count; g++) {
            const struct ast_select_item *item = AST_AT(pivot->aggregates, g, ast_select_item);
            if (item->expr->kind != AST_FUNCTION) {
                return bind_error(b, err, STATUS_INVALID_QUERY, item->expr, "PIVOT takes aggregate functions");
            }
            const struct ast_function *call_of = (const struct ast_function *)item->expr;
            const char *suffix = item->alias                   ? item->alias->text
                                 : pivot->aggregates.count > 1 ? call_of->name->parts[call_of->name->count - 1].text
                                                               : NULL;
            const char *name = suffix ? arena_printf(b->arena, "%s_%s", base, suffix) : base;
            list_add(b, &select->items, new_item(b, filtered(b, pivot, call_of, value->expr), name));
        }
    }
    return STATUS_OK;
}

enum status bind_pivot(struct binder *b, const struct ast_pivot *pivot, struct scope *parent, struct rel **rel,
                       struct scope **scope, struct error *err) {
    struct rel *input;
    struct scope *columns;
    TRY(bind_from(b, pivot->input, parent, NULL, &input, &columns, err));
    struct names used = {.b = b};
    for (int i = 0; i < pivot->aggregates.count; i++)
        collect_names(AST_AT(pivot->aggregates, i, ast_select_item)->expr, &used);
    for (int i = 0; i < pivot->columns.count; i++) {
        const struct ast_ident *column = AST_AT(pivot->columns, i, ast_ident);
        struct ast_node *ref = new_column(b, &column->node, column->text);
        struct context ctx = {.b = b, .scope = columns, .clause = "PIVOT"};
        struct expr *unused;
        TRY(bind_expr(&ctx, ref, &unused, err));
        collect_names(ref, &used);
    }
    struct ast_select *select = ARENA_NEW(b->arena, struct ast_select);
    select->node = (struct ast_node){.kind = AST_SELECT, .offset = pivot->node.offset, .length = pivot->node.length};
    select->from = pivot->input;
    select->grouped = true;
    for (int i = 0; i < columns->column_count; i++) {
        const char *name = columns->columns[i].raw_name;
        if (has_name(&used, name)) continue;
        list_add(b, &select->items, new_item(b, new_column(b, &pivot->node, name), name));
        list_add(b, &select->group_by, new_column(b, &pivot->node, name));
    }
    TRY(add_aggregates(b, pivot, select, err));
    struct query_result result;
    TRY(bind_select(b, select, NULL, parent, &result, err));
    TRY(alias_scope(b, parent, &result, &pivot->alias, NULL, NULL, scope, err));
    *rel = result.rel;
    return STATUS_OK;
}

/* ---- UNPIVOT ---- */

struct unpivot {
    struct binder *b;
    const struct ast_unpivot *ast;
    struct scope *columns;
    int width;           /* names, then values */
    struct expr ***rows; /* by item */
    bool *gone;          /* by column of the scope */
};

static enum status bind_item(struct unpivot *u, int index, struct error *err) {
    struct binder *b = u->b;
    const struct ast_unpivot_item *item = AST_AT(u->ast->items, index, ast_unpivot_item);
    int names = u->ast->names.count, values = u->ast->values.count;
    struct expr **row = ARENA_ARRAY(b->arena, struct expr *, u->width);
    struct context labels = {.b = b, .clause = "UNPIVOT"}, columns = {.b = b, .scope = u->columns, .clause = "UNPIVOT"};
    u->rows[index] = row;
    if (item->columns.count != values) {
        return bind_error(b, err, STATUS_INVALID_QUERY, &item->node,
                          "UNPIVOT makes %d value%s, this item has %d column%s", values, values == 1 ? "" : "s",
                          item->columns.count, item->columns.count == 1 ? "" : "s");
    }
    const char *label = NULL;
    for (int i = 0; i < values; i++) {
        const struct ast_ident *column = AST_AT(item->columns, i, ast_ident);
        TRY(bind_expr(&columns, new_column(b, &column->node, column->text), &row[names + i], err));
        int found = scope_find(u->columns, column->text);
        if (found >= 0) u->gone[found] = true;
        label = label ? arena_printf(b->arena, "%s_%s", label, column->text) : column->text;
    }
    if (!item->label) {
        for (int i = 0; i < names; i++) row[i] = string_constant(b, label);
        return STATUS_OK;
    }
    TRY(check_value(b, item->label, names, err));
    for (int i = 0; i < names; i++) TRY(bind_expr(&labels, value_part(item->label, i, names), &row[i], err));
    return STATUS_OK;
}

/* All items' rows get the same types, so that they fit into one array. */
static enum status unify_items(struct unpivot *u, struct error *err) {
    struct binder *b = u->b;
    int count = u->ast->items.count;
    struct context ctx = {.b = b, .clause = "UNPIVOT"};
    struct expr **column = ARENA_ARRAY(b->arena, struct expr *, count);
    for (int c = 0; c < u->width; c++) {
        for (int i = 0; i < count; i++) column[i] = u->rows[i][c];
        TRY(unify(&ctx, column, count, "UNPIVOT", &u->ast->node, err));
        for (int i = 0; i < count; i++)
            u->rows[i][c] = expr_cast(b->arena, column[i], type_with_nullable(b->arena, column[i]->type, true), false);
    }
    return STATUS_OK;
}

static const char *element_name(const struct unpivot *u, int c) {
    int names = u->ast->names.count;
    return c < names ? AST_AT(u->ast->names, c, ast_ident)->text : AST_AT(u->ast->values, c - names, ast_ident)->text;
}

/* Rows in which all values are NULL are left out. */
static enum status drop_nulls(struct unpivot *u, int first_value, struct rel **rel, struct error *err) {
    struct binder *b = u->b;
    int values = u->ast->values.count;
    struct context ctx = {.b = b, .clause = "UNPIVOT"};
    struct expr **any = ARENA_ARRAY(b->arena, struct expr *, values);
    for (int i = 0; i < values; i++) {
        struct expr **arg = ARENA_ARRAY(b->arena, struct expr *, 1);
        arg[0] = column_of(b, *rel, first_value + i);
        TRY(call(&ctx, "IS NOT NULL", arg, 1, &u->ast->node, &any[i], err));
    }
    TRY_REL(*rel, b, rel_filter(b->arena, *rel, expr_or(b->arena, any, values)), &u->ast->node, err);
    return STATUS_OK;
}

enum status bind_unpivot(struct binder *b, const struct ast_unpivot *ast, struct scope *parent, struct rel **rel,
                         struct scope **scope, struct error *err) {
    struct unpivot u = {.b = b, .ast = ast, .width = ast->names.count + ast->values.count};
    const struct ast_node *node = &ast->node;
    struct rel *input;
    TRY(bind_from(b, ast->input, parent, NULL, &input, &u.columns, err));
    int count = ast->items.count, all = u.columns->column_count, kept = 0;
    u.rows = ARENA_ARRAY(b->arena, struct expr **, count);
    u.gone = ARENA_ARRAY(b->arena, bool, all + 1);
    for (int i = 0; i < count; i++) TRY(bind_item(&u, i, err));
    TRY(unify_items(&u, err));
    struct expr **exprs = ARENA_ARRAY(b->arena, struct expr *, all + u.width + 1);
    const char **names = ARENA_ARRAY(b->arena, const char *, all + u.width + 1);
    for (int i = 0; i < all; i++) {
        if (u.gone[i]) continue;
        exprs[kept] = expr_at(b, scope_column_expr(b, u.columns, &u.columns->columns[i]), node);
        names[kept++] = u.columns->columns[i].raw_name;
    }
    struct context ctx = {.b = b, .clause = "UNPIVOT"};
    struct expr **elements = ARENA_ARRAY(b->arena, struct expr *, count);
    for (int i = 0; i < count; i++) TRY(call(&ctx, "ROW", u.rows[i], u.width, node, &elements[i], err));
    TRY(call(&ctx, "ARRAY", elements, count, node, &exprs[kept], err));
    names[kept] = "$unpivot";
    TRY_REL(*rel, b, project(b, input, kept + 1, exprs, names), node, err);
    TRY_REL(*rel, b, rel_unnest(b->arena, *rel, 1, &kept, false, false), node, err);
    for (int i = 0; i < kept + u.width; i++) {
        exprs[i] = column_of(b, *rel, i < kept ? i : i + 1);
        if (i >= kept) names[i] = element_name(&u, i - kept);
    }
    TRY_REL(*rel, b, rel_project(b->arena, *rel, kept + u.width, exprs, names), node, err);
    if (!ast->include_nulls) TRY(drop_nulls(&u, kept + ast->names.count, rel, err));
    struct query_result result = {*rel, names};
    return alias_scope(b, parent, &result, &ast->alias, NULL, NULL, scope, err);
}
