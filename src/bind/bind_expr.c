/* Expressions: one function per syntax node. */
#include "bind/bind_private.h"
#include "types/cast.h"

/* ---- tools ---- */

enum status call(const struct context *ctx, const char *name, struct expr **args, int arg_count,
                 const struct ast_node *node, struct expr **out, struct error *err) {
    if (!function_find(str_from(name))) return not_supported(ctx->b, err, node, name);
    return function_bind(ctx->b->arena, str_from(name), args, arg_count, place_offset(ctx->b, node),
                         place_length(ctx->b, node), out, err);
}

static enum status call2(const struct context *ctx, const char *name, struct expr *left, struct expr *right,
                         const struct ast_node *node, struct expr **out, struct error *err) {
    struct expr **args = ARENA_ARRAY(ctx->b->arena, struct expr *, 2);
    args[0] = left;
    args[1] = right;
    return call(ctx, name, args, 2, node, out, err);
}

static enum status call1(const struct context *ctx, const char *name, struct expr *arg, const struct ast_node *node,
                         struct expr **out, struct error *err) {
    struct expr **args = ARENA_ARRAY(ctx->b->arena, struct expr *, 1);
    args[0] = arg;
    return call(ctx, name, args, 1, node, out, err);
}

static enum status negate(const struct context *ctx, bool negated, struct expr *expr, const struct ast_node *node,
                          struct expr **out, struct error *err) {
    if (negated) return call1(ctx, "NOT", expr, node, out, err);
    *out = expr;
    return STATUS_OK;
}

struct expr *implicit_cast(struct binder *b, struct expr *expr, const struct type *to) {
    const struct type *target = type_with_nullable(b->arena, to, expr->type->nullable);
    struct expr *cast = expr_cast(b->arena, expr, target, false);
    if (cast != expr && cast->offset < 0) {
        cast->offset = expr->offset;
        cast->length = expr->length;
    }
    return cast;
}

static const char *type_text(const struct context *ctx, const struct expr *expr) {
    return type_to_string(ctx->b->arena, type_with_nullable(ctx->b->arena, expr->type, true));
}

enum status unify(const struct context *ctx, struct expr **exprs, int count, const char *what,
                  const struct ast_node *node, struct error *err) {
    if (count == 0) return STATUS_OK;
    const struct type *type = exprs[0]->type;
    for (int i = 1; i < count; i++) {
        const struct type *common = type_common(ctx->b->arena, type, exprs[i]->type);
        if (!common) {
            struct expr before = {.type = type};
            enum status status = bind_error(ctx->b, err, STATUS_TYPE_MISMATCH, node, "%s mixes types %s and %s", what,
                                            type_text(ctx, &before), type_text(ctx, exprs[i]));
            if (err && exprs[i]->offset >= 0) {
                err->offset = exprs[i]->offset;
                err->length = exprs[i]->length;
            }
            error_hint(err, "use CAST to give them one type");
            return status;
        }
        type = common;
    }
    for (int i = 0; i < count; i++) exprs[i] = implicit_cast(ctx->b, exprs[i], type);
    return STATUS_OK;
}

enum status bind_exprs(const struct context *ctx, const struct ast_list *list, struct expr ***out, struct error *err) {
    struct expr **exprs = ARENA_ARRAY(ctx->b->arena, struct expr *, list->count);
    for (int i = 0; i < list->count; i++) TRY(bind_expr(ctx, list->items[i], &exprs[i], err));
    *out = exprs;
    return STATUS_OK;
}

static enum status as_boolean(const struct context *ctx, struct expr *expr, const char *what,
                              const struct ast_node *node, struct expr **out, struct error *err) {
    if (expr->type->id == TYPE_NULL) expr = implicit_cast(ctx->b, expr, type_of(TYPE_BOOLEAN));
    if (expr->type->id != TYPE_BOOLEAN) {
        return bind_error(ctx->b, err, STATUS_TYPE_MISMATCH, node, "%s must be BOOLEAN, not %s", what,
                          type_text(ctx, expr));
    }
    *out = expr;
    return STATUS_OK;
}

enum status bind_condition(const struct context *ctx, const struct ast_node *node, struct expr **out,
                           struct error *err) {
    struct expr *expr;
    TRY(bind_expr(ctx, node, &expr, err));
    return as_boolean(ctx, expr, arena_printf(ctx->b->arena, "the condition of %s", ctx->clause), node, out, err);
}

void row_operands(const struct ast_node *node, const struct ast_node *const **items, int *count) {
    const struct ast_constructor *row = (const struct ast_constructor *)node;
    if (node->kind == AST_CONSTRUCTOR && row->constructor_kind == AST_CONSTRUCTOR_ROW && !row->query) {
        *items = (const struct ast_node *const *)row->elements.items;
        *count = row->elements.count;
        return;
    }
    *items = NULL;
    *count = 1;
}

static bool is_row(const struct ast_node *node) {
    return node->kind == AST_CONSTRUCTOR &&
           ((const struct ast_constructor *)node)->constructor_kind == AST_CONSTRUCTOR_ROW;
}

/* ---- operators ---- */

static enum status bind_unary(const struct context *ctx, const struct ast_unary *unary, struct expr **out,
                              struct error *err) {
    switch (unary->op) {
    case AST_OP_NEGATE:
        if (unary->operand->kind == AST_LITERAL) {
            const struct ast_literal *literal = AST_AS(unary->operand, ast_literal);
            bool number = literal->literal_kind == AST_LITERAL_INTEGER ||
                          literal->literal_kind == AST_LITERAL_DECIMAL ||
                          literal->literal_kind == AST_LITERAL_APPROXIMATE;
            if (number || literal->literal_kind == AST_LITERAL_INTERVAL) {
                return bind_literal(ctx->b, literal, true, out, err);
            }
        }
        break;
    case AST_OP_NOT: {
        struct expr *operand;
        TRY(bind_expr(ctx, unary->operand, &operand, err));
        TRY(as_boolean(ctx, operand, "the operand of NOT", unary->operand, &operand, err));
        return call1(ctx, "NOT", operand, &unary->node, out, err);
    }
    case AST_OP_PLUS: {
        TRY(bind_expr(ctx, unary->operand, out, err));
        const struct type *type = (*out)->type;
        if (type_is_numeric(type) || type_is_interval(type) || type->id == TYPE_NULL) return STATUS_OK;
        return bind_error(ctx->b, err, STATUS_TYPE_MISMATCH, &unary->node, "unary + needs a number, not %s",
                          type_text(ctx, *out));
    }
    case AST_OP_RUNNING:
    case AST_OP_FINAL: return not_supported(ctx->b, err, &unary->node, "RUNNING and FINAL (MATCH_RECOGNIZE)");
    }
    struct expr *operand;
    TRY(bind_expr(ctx, unary->operand, &operand, err));
    return call1(ctx, "unary -", operand, &unary->node, out, err);
}

static enum status row_mismatch(const struct context *ctx, int left, int right, const struct ast_node *node,
                                struct error *err) {
    return bind_error(ctx->b, err, STATUS_TYPE_MISMATCH, node, "rows of %d and %d values cannot be compared", left,
                      right);
}

/* The values of a row: of ROW(a, b), of a query with several columns, of a column of type ROW. expected: when a query needs
 * it. */
static enum status bind_row_values(const struct context *ctx, const struct ast_node *node, int expected,
                                   struct expr ***out, int *count, struct error *err) {
    const struct ast_node *const *items;
    row_operands(node, &items, count);
    if (items) {
        struct expr **values = ARENA_ARRAY(ctx->b->arena, struct expr *, *count);
        for (int i = 0; i < *count; i++) TRY(bind_expr(ctx, items[i], &values[i], err));
        *out = values;
        return STATUS_OK;
    }
    if (node->kind == AST_SUBQUERY && expected > 1) {
        *count = expected;
        *out = ARENA_ARRAY(ctx->b->arena, struct expr *, expected);
        return bind_row_subquery(ctx, ((const struct ast_subquery *)node)->query, node, expected, *out, err);
    }
    struct expr *row;
    TRY(bind_expr(ctx, node, &row, err));
    bool is_value = row->type->id != TYPE_ROW;
    *count = is_value ? 1 : row->type->child_count;
    *out = ARENA_ARRAY(ctx->b->arena, struct expr *, *count + 1);
    for (int i = 0; i < *count; i++) (*out)[i] = is_value ? row : expr_field(ctx->b->arena, row, i);
    return STATUS_OK;
}

/* Rows compare like words: by the first values that differ. */
static enum status row_order(const struct context *ctx, enum ast_binary_op op, struct expr *const *left,
                             struct expr *const *right, int count, const struct ast_node *node, struct expr **out,
                             struct error *err) {
    const char *strict = op == AST_OP_LT || op == AST_OP_LE ? "<" : ">";
    struct expr *rest = NULL;
    TRY(call2(ctx, ast_binary_op_text(op), left[count - 1], right[count - 1], node, &rest, err));
    for (int i = count - 2; i >= 0; i--) {
        struct expr **both = ARENA_ARRAY(ctx->b->arena, struct expr *, 2);
        struct expr **either = ARENA_ARRAY(ctx->b->arena, struct expr *, 2);
        TRY(call2(ctx, strict, left[i], right[i], node, &either[0], err));
        TRY(call2(ctx, "=", left[i], right[i], node, &both[0], err));
        both[1] = rest;
        either[1] = expr_and(ctx->b->arena, both, 2);
        rest = expr_or(ctx->b->arena, either, 2);
    }
    *out = rest;
    return STATUS_OK;
}

static enum status row_comparison(const struct context *ctx, const struct ast_binary *binary, struct expr **out,
                                  struct error *err) {
    const struct ast_node *node = &binary->node;
    struct expr **left, **right, **terms;
    int left_count, right_count;
    const struct ast_node *const *unused;
    int left_expected, right_expected; /* the other side's, for a query */
    row_operands(binary->left, &unused, &left_expected);
    row_operands(binary->right, &unused, &right_expected);
    TRY(bind_row_values(ctx, binary->left, right_expected, &left, &left_count, err));
    TRY(bind_row_values(ctx, binary->right, left_expected, &right, &right_count, err));
    if (left_count != right_count || left_count == 0) return row_mismatch(ctx, left_count, right_count, node, err);
    struct arena *arena = ctx->b->arena;
    switch (binary->op) {
    case AST_OP_LT:
    case AST_OP_LE:
    case AST_OP_GT:
    case AST_OP_GE: return row_order(ctx, binary->op, left, right, left_count, node, out, err);
    case AST_OP_EQ:
    case AST_OP_NE:
    case AST_OP_IS_DISTINCT:
    case AST_OP_IS_NOT_DISTINCT: break;
    default:
        return not_supported(ctx->b, err, node, arena_printf(arena, "%s between rows", ast_binary_op_text(binary->op)));
    }
    bool any = binary->op == AST_OP_NE || binary->op == AST_OP_IS_DISTINCT; /* one difference is enough */
    terms = ARENA_ARRAY(arena, struct expr *, left_count);
    for (int i = 0; i < left_count; i++)
        TRY(call2(ctx, ast_binary_op_text(binary->op), left[i], right[i], node, &terms[i], err));
    *out = any ? expr_or(arena, terms, left_count) : expr_and(arena, terms, left_count);
    return STATUS_OK;
}

/* a DIV b: the quotient without its fraction. */
static enum status bind_div(const struct context *ctx, const struct ast_binary *binary, struct expr **out,
                            struct error *err) {
    struct expr *left, *right;
    TRY(bind_expr(ctx, binary->left, &left, err));
    TRY(bind_expr(ctx, binary->right, &right, err));
    TRY(call2(ctx, "/", left, right, &binary->node, out, err));
    if (type_is_integer((*out)->type)) return STATUS_OK;
    TRY(call1(ctx, "TRUNCATE", *out, &binary->node, out, err));
    *out = implicit_cast(ctx->b, *out, type_of(TYPE_BIGINT));
    return STATUS_OK;
}

/* (a, b) = (c, d): all pairs are equal. */
static enum status row_equality(const struct context *ctx, const struct ast_node *left, const struct ast_node *right,
                                const struct ast_node *node, struct expr **out, struct error *err) {
    const struct ast_node *const *l, *const *r;
    int left_count, right_count;
    row_operands(left, &l, &left_count);
    row_operands(right, &r, &right_count);
    if (!l || !r || left_count != right_count) return row_mismatch(ctx, left_count, right_count, node, err);
    struct expr **terms = ARENA_ARRAY(ctx->b->arena, struct expr *, left_count);
    for (int i = 0; i < left_count; i++) {
        struct expr *a, *c;
        TRY(bind_expr(ctx, l[i], &a, err));
        TRY(bind_expr(ctx, r[i], &c, err));
        TRY(call2(ctx, "=", a, c, node, &terms[i], err));
    }
    *out = expr_and(ctx->b->arena, terms, left_count);
    return STATUS_OK;
}

/* (a, b) OVERLAPS (c, d): the function takes the four ends. */
static enum status bind_overlaps(const struct context *ctx, const struct ast_binary *binary, struct expr **out,
                                 struct error *err) {
    const struct ast_node *sides[2] = {binary->left, binary->right};
    struct expr **args = ARENA_ARRAY(ctx->b->arena, struct expr *, 4);
    for (int i = 0; i < 2; i++) {
        const struct ast_node *const *items;
        int count;
        row_operands(sides[i], &items, &count);
        if (!items || count != 2) {
            return bind_error(ctx->b, err, STATUS_TYPE_MISMATCH, sides[i],
                              "OVERLAPS needs periods: (start, end) on both sides");
        }
        TRY(bind_expr(ctx, items[0], &args[2 * i], err));
        TRY(bind_expr(ctx, items[1], &args[2 * i + 1], err));
    }
    return call(ctx, "OVERLAPS", args, 4, &binary->node, out, err);
}

static enum status bind_binary(const struct context *ctx, const struct ast_binary *binary, struct expr **out,
                               struct error *err) {
    const struct ast_node *node = &binary->node;
    switch (binary->op) {
    case AST_OP_OVERLAPS: return bind_overlaps(ctx, binary, out, err);
    case AST_OP_MEMBER_OF: return not_supported(ctx->b, err, node, "MEMBER OF");
    case AST_OP_SUBMULTISET_OF: return not_supported(ctx->b, err, node, "SUBMULTISET OF");
    case AST_OP_DIV: return bind_div(ctx, binary, out, err);
    default:
        if (is_row(binary->left) || is_row(binary->right)) return row_comparison(ctx, binary, out, err);
    }
    struct expr *left, *right;
    TRY(bind_expr(ctx, binary->left, &left, err));
    TRY(bind_expr(ctx, binary->right, &right, err));
    return call2(ctx, ast_binary_op_text(binary->op), left, right, node, out, err);
}

static enum status bind_logic(const struct context *ctx, const struct ast_logic *logic, struct expr **out,
                              struct error *err) {
    struct expr **args;
    TRY(bind_exprs(ctx, &logic->args, &args, err));
    const char *what = logic->is_or ? "an operand of OR" : "an operand of AND";
    for (int i = 0; i < logic->args.count; i++) {
        TRY(as_boolean(ctx, args[i], what, logic->args.items[i], &args[i], err));
    }
    *out = logic->is_or ? expr_or(ctx->b->arena, args, logic->args.count)
                        : expr_and(ctx->b->arena, args, logic->args.count);
    return STATUS_OK;
}

static enum status bind_is(const struct context *ctx, const struct ast_is *is, struct expr **out, struct error *err) {
    static const char *const names[][2] = {
        [AST_IS_NULL] = {"IS NULL", "IS NOT NULL"},
        [AST_IS_TRUE] = {"IS TRUE", "IS NOT TRUE"},
        [AST_IS_FALSE] = {"IS FALSE", "IS NOT FALSE"},
        [AST_IS_UNKNOWN] = {"IS UNKNOWN", "IS NOT UNKNOWN"},
        [AST_IS_JSON_VALUE] = {"IS JSON VALUE", "IS NOT JSON VALUE"},
        [AST_IS_JSON_OBJECT] = {"IS JSON OBJECT", "IS NOT JSON OBJECT"},
        [AST_IS_JSON_ARRAY] = {"IS JSON ARRAY", "IS NOT JSON ARRAY"},
        [AST_IS_JSON_SCALAR] = {"IS JSON SCALAR", "IS NOT JSON SCALAR"},
        [AST_IS_A_SET] = {"IS A SET", "IS NOT A SET"},
        [AST_IS_EMPTY] = {"IS EMPTY", "IS NOT EMPTY"},
    };
    const char *name = names[is->test][is->negated];
    if (is->test > AST_IS_UNKNOWN && !function_find(str_from(name))) {
        return not_supported(ctx->b, err, &is->node, name);
    }
    struct expr *operand;
    TRY(bind_expr(ctx, is->operand, &operand, err));
    if (is->test >= AST_IS_TRUE && is->test <= AST_IS_UNKNOWN) {
        TRY(as_boolean(ctx, operand, arena_printf(ctx->b->arena, "the operand of %s", name), is->operand, &operand,
                       err));
        /* UNKNOWN is BOOLEAN's NULL */
        if (is->test == AST_IS_UNKNOWN) name = is->negated ? "IS NOT NULL" : "IS NULL";
    }
    return call1(ctx, name, operand, &is->node, out, err);
}

/* low <= x AND x <= high */
static enum status in_range(const struct context *ctx, struct expr *x, struct expr *low, struct expr *high,
                            const struct ast_node *node, struct expr **out, struct error *err) {
    struct expr **terms = ARENA_ARRAY(ctx->b->arena, struct expr *, 2);
    TRY(call2(ctx, ">=", x, low, node, &terms[0], err));
    TRY(call2(ctx, "<=", x, high, node, &terms[1], err));
    *out = expr_and(ctx->b->arena, terms, 2);
    return STATUS_OK;
}

static enum status bind_between(const struct context *ctx, const struct ast_between *between, struct expr **out,
                                struct error *err) {
    const struct ast_node *node = &between->node;
    struct expr *x, *low, *high;
    TRY(bind_expr(ctx, between->operand, &x, err));
    TRY(bind_expr(ctx, between->low, &low, err));
    TRY(bind_expr(ctx, between->high, &high, err));
    struct expr *result;
    TRY(in_range(ctx, x, low, high, node, &result, err));
    if (between->symmetric) {
        struct expr **either = ARENA_ARRAY(ctx->b->arena, struct expr *, 2);
        either[0] = result;
        TRY(in_range(ctx, x, high, low, node, &either[1], err));
        result = expr_or(ctx->b->arena, either, 2);
    }
    return negate(ctx, between->negated, result, node, out, err);
}

static enum status bind_like(const struct context *ctx, const struct ast_like *like, struct expr **out,
                             struct error *err) {
    static const char *const names[] = {"LIKE", "ILIKE", "SIMILAR TO", "REGEXP"};
    struct expr **args = ARENA_ARRAY(ctx->b->arena, struct expr *, 3);
    TRY(bind_expr(ctx, like->operand, &args[0], err));
    TRY(bind_expr(ctx, like->pattern, &args[1], err));
    if (like->escape) TRY(bind_expr(ctx, like->escape, &args[2], err));
    const char *name = names[like->like_kind];
    if (like->like_kind == AST_LIKE_ILIKE && !function_find(str_from("ILIKE"))) {
        /* both sides in lower case (the escape character too, so that it still escapes) */
        name = "LIKE";
        for (int i = 0; i < 2 + (like->escape != NULL); i++) {
            TRY(call1(ctx, "LOWER", args[i], &like->node, &args[i], err));
        }
    }
    struct expr *result;
    TRY(call(ctx, name, args, like->escape ? 3 : 2, &like->node, &result, err));
    return negate(ctx, like->negated, result, &like->node, out, err);
}

/* ---- IN ---- */

/* terms: the operand and the list; in pieces that a call can take. */
static enum status constant_in(const struct context *ctx, const struct ast_in *in, struct expr **terms, int count,
                               struct expr **out, struct error *err) {
    const int piece = FUNCTION_MAX_ARGS - 1;
    struct expr **calls = ARENA_ARRAY(ctx->b->arena, struct expr *, count / piece + 1);
    int call_count = 0;
    for (int from = 0; from < count; from += piece) {
        int n = count - from < piece ? count - from : piece;
        struct expr **args = ARENA_ARRAY(ctx->b->arena, struct expr *, n + 1);
        args[0] = terms[0];
        memcpy(args + 1, terms + 1 + from, sizeof *args * (size_t)n);
        TRY(call(ctx, "IN", args, n + 1, &in->node, &calls[call_count++], err));
    }
    *out = expr_or(ctx->b->arena, calls, call_count);
    return STATUS_OK;
}

/* A list of constants is an IN call; anything else a chain of comparisons. */
static enum status bind_in_list(const struct context *ctx, const struct ast_in *in, struct expr **out,
                                struct error *err) {
    int count = in->list.count;
    struct expr **terms = ARENA_ARRAY(ctx->b->arena, struct expr *, count + 1);
    if (is_row(in->operand)) {
        for (int i = 0; i < count; i++) {
            TRY(row_equality(ctx, in->operand, in->list.items[i], in->list.items[i], &terms[i], err));
        }
        *out = expr_or(ctx->b->arena, terms, count);
        return STATUS_OK;
    }
    TRY(bind_expr(ctx, in->operand, &terms[0], err));
    bool constant = true;
    for (int i = 0; i < count; i++) {
        struct expr *item;
        TRY(bind_expr(ctx, in->list.items[i], &item, err));
        struct expr *folded = expr_fold(ctx->b->arena, item);
        bool is_constant = folded->kind == EXPR_CONST;
        terms[i + 1] = is_constant ? folded : item; /* as written it may be a key of GROUP BY */
        if (!is_constant) constant = false;
    }
    if (constant && count > 1) return constant_in(ctx, in, terms, count, out, err);
    struct expr **either = ARENA_ARRAY(ctx->b->arena, struct expr *, count);
    for (int i = 0; i < count; i++) {
        TRY(call2(ctx, "=", terms[0], terms[i + 1], in->list.items[i], &either[i], err));
    }
    *out = expr_or(ctx->b->arena, either, count);
    return STATUS_OK;
}

static enum status bind_in(const struct context *ctx, const struct ast_in *in, struct expr **out, struct error *err) {
    if (in->query) {
        return bind_subquery(ctx, SUBQUERY_IN, in->negated, "=", in->operand, in->query, &in->node, out, err);
    }
    struct expr *result;
    TRY(bind_in_list(ctx, in, &result, err));
    return negate(ctx, in->negated, result, &in->node, out, err);
}

static enum status bind_quantified(const struct context *ctx, const struct ast_quantified *quantified,
                                   struct expr **out, struct error *err) {
    const char *op = ast_binary_op_text(quantified->op);
    if (quantified->query) {
        if (!quantified->all && quantified->op == AST_OP_EQ) {
            return bind_subquery(ctx, SUBQUERY_IN, false, "=", quantified->operand, quantified->query,
                                 &quantified->node, out, err);
        }
        if (quantified->all && quantified->op == AST_OP_NE) { /* NOT IN */
            return bind_subquery(ctx, SUBQUERY_IN, true, "=", quantified->operand, quantified->query, &quantified->node,
                                 out, err);
        }
        return bind_subquery(ctx, quantified->all ? SUBQUERY_ALL : SUBQUERY_ANY, false, op, quantified->operand,
                             quantified->query, &quantified->node, out, err);
    }
    struct expr *operand;
    TRY(bind_expr(ctx, quantified->operand, &operand, err));
    int count = quantified->list.count;
    struct expr **terms = ARENA_ARRAY(ctx->b->arena, struct expr *, count);
    for (int i = 0; i < count; i++) {
        struct expr *item;
        TRY(bind_expr(ctx, quantified->list.items[i], &item, err));
        TRY(call2(ctx, op, operand, item, quantified->list.items[i], &terms[i], err));
    }
    *out = quantified->all ? expr_and(ctx->b->arena, terms, count) : expr_or(ctx->b->arena, terms, count);
    return STATUS_OK;
}

/* ---- CASE, CAST ---- */

static enum status when_condition(const struct context *ctx, const struct ast_when *when, struct expr *operand,
                                  struct expr **out, struct error *err) {
    int count = when->conditions.count;
    struct expr **terms = ARENA_ARRAY(ctx->b->arena, struct expr *, count);
    for (int i = 0; i < count; i++) {
        const struct ast_node *node = when->conditions.items[i];
        TRY(bind_expr(ctx, node, &terms[i], err));
        if (operand)
            TRY(call2(ctx, "=", operand, terms[i], node, &terms[i], err));
        else
            TRY(as_boolean(ctx, terms[i], "the condition of WHEN", node, &terms[i], err));
    }
    *out = expr_or(ctx->b->arena, terms, count);
    return STATUS_OK;
}

static enum status bind_case(const struct context *ctx, const struct ast_case *node, struct expr **out,
                             struct error *err) {
    struct expr *operand = NULL;
    if (node->operand) TRY(bind_expr(ctx, node->operand, &operand, err));
    int count = node->whens.count;
    struct expr **results = ARENA_ARRAY(ctx->b->arena, struct expr *, count + 1);
    struct expr **args = ARENA_ARRAY(ctx->b->arena, struct expr *, 2 * count + 1);
    for (int i = 0; i < count; i++) {
        const struct ast_when *when = AST_AT(node->whens, i, ast_when);
        TRY(when_condition(ctx, when, operand, &args[2 * i], err));
        TRY(bind_expr(ctx, when->result, &results[i], err));
    }
    results[count] = expr_null(ctx->b->arena, type_of(TYPE_NULL));
    if (node->else_expr) TRY(bind_expr(ctx, node->else_expr, &results[count], err));
    TRY(unify(ctx, results, count + 1, "CASE", &node->node, err));
    bool nullable = false;
    for (int i = 0; i <= count; i++) {
        nullable |= results[i]->type->nullable;
        args[i < count ? 2 * i + 1 : 2 * i] = results[i];
    }
    struct expr *expr = ARENA_NEW(ctx->b->arena, struct expr);
    *expr = (struct expr){.kind = EXPR_CASE,
                          .type = type_with_nullable(ctx->b->arena, results[0]->type, nullable),
                          .offset = -1,
                          .arg_count = 2 * count + 1,
                          .args = args};
    *out = expr;
    return STATUS_OK;
}

enum status bind_type_at(const struct binder *b, const struct ast_type *ast, const struct type **out,
                         struct error *err) {
    struct error type_error;
    const struct type *type = bind_type(b->arena, ast, &type_error);
    if (type) {
        *out = type;
        return STATUS_OK;
    }
    if (err) {
        *err = type_error;
        err->offset = place_offset(b, &ast->node);
        err->length = place_length(b, &ast->node);
        if (!b->stored) {
            err->offset = type_error.offset; /* of the part of the type that is wrong */
            err->length = type_error.length;
        }
    }
    return type_error.code;
}

static enum status bind_cast(const struct context *ctx, const struct ast_cast *cast, struct expr **out,
                             struct error *err) {
    struct expr *operand;
    TRY(bind_expr(ctx, cast->operand, &operand, err));
    const struct type *type;
    TRY(bind_type_at(ctx->b, cast->type, &type, err));
    bool try_cast = cast->cast_kind == AST_CAST_TRY_CAST;
    if (operand->type->id != TYPE_NULL && !type_equal_but_nullable(operand->type, type) &&
        !cast_allowed(operand->type, type)) {
        return bind_error(ctx->b, err, STATUS_TYPE_MISMATCH, &cast->node, "no CAST from %s to %s",
                          type_text(ctx, operand), type_to_string(ctx->b->arena, type));
    }
    bool nullable = operand->type->nullable || try_cast;
    *out = expr_cast(ctx->b->arena, operand, type_with_nullable(ctx->b->arena, type, nullable), try_cast);
    return STATUS_OK;
}

/* ---- constructors, access ---- */

static enum status bind_constructor(const struct context *ctx, const struct ast_constructor *constructor,
                                    struct expr **out, struct error *err) {
    static const char *const names[] = {"ROW", "ARRAY", "MAP", "MULTISET"};
    const char *name = names[constructor->constructor_kind];
    if (constructor->query && constructor->constructor_kind == AST_CONSTRUCTOR_ARRAY) {
        return bind_array_query(ctx, constructor->query, &constructor->node, out, err);
    }
    if (constructor->query || !function_find(str_from(name))) {
        return not_supported(
            ctx->b, err, &constructor->node,
            arena_printf(ctx->b->arena, "constructing a value with %s%s", name, constructor->query ? "(query)" : ""));
    }
    struct expr **args;
    TRY(bind_exprs(ctx, &constructor->elements, &args, err));
    return call(ctx, name, args, constructor->elements.count, &constructor->node, out, err);
}

static enum status bind_element(const struct context *ctx, const struct ast_element *element, struct expr **out,
                                struct error *err) {
    struct expr *operand, *index;
    TRY(bind_expr(ctx, element->operand, &operand, err));
    TRY(bind_expr(ctx, element->index, &index, err));
    if (operand->type->id != TYPE_ARRAY && operand->type->id != TYPE_MAP) {
        return bind_error(ctx->b, err, STATUS_TYPE_MISMATCH, &element->node,
                          "only elements of ARRAY and MAP are taken with [], not of %s", type_text(ctx, operand));
    }
    if (!function_find(str_from("[]"))) return not_supported(ctx->b, err, &element->node, "taking an element with []");
    return call2(ctx, "[]", operand, index, &element->node, out, err);
}

static enum status bind_field(const struct context *ctx, const struct ast_field *field, struct expr **out,
                              struct error *err) {
    struct expr *operand;
    TRY(bind_expr(ctx, field->operand, &operand, err));
    const struct type *type = operand->type;
    if (type->id != TYPE_ROW) {
        return bind_error(ctx->b, err, STATUS_TYPE_MISMATCH, &field->node, "only a ROW has fields, not %s",
                          type_text(ctx, operand));
    }
    for (int i = 0; i < type->child_count; i++) {
        if (strcmp(type->names[i], field->field->text) != 0) continue;
        *out = expr_field(ctx->b->arena, operand, i);
        return STATUS_OK;
    }
    enum status status = bind_error(ctx->b, err, STATUS_UNDEFINED_COLUMN, &field->field->node,
                                    "the ROW has no field '%s'", field->field->text);
    const char *near = str_nearest(field->field->text, type->names, type->child_count);
    if (near) error_hint(err, "did you mean '%s'?", near);
    return status;
}

/* ---- dispatch ---- */

static enum status bind_any(const struct context *ctx, const struct ast_node *node, struct expr **out,
                            struct error *err) {
    struct binder *b = ctx->b;
    switch (node->kind) {
    case AST_LITERAL: return bind_literal(b, (const struct ast_literal *)node, false, out, err);
    case AST_COLUMN_REF: return scope_resolve(ctx, ((const struct ast_column_ref *)node)->name, out, err);
    case AST_STAR:
        return bind_error(b, err, STATUS_INVALID_QUERY, node, "* stands only in a select list and in COUNT(*)");
    case AST_PARAMETER: return not_supported(b, err, node, "a parameter (?) outside of a prepared statement");
    case AST_UNARY: return bind_unary(ctx, (const struct ast_unary *)node, out, err);
    case AST_BINARY: return bind_binary(ctx, (const struct ast_binary *)node, out, err);
    case AST_LOGIC: return bind_logic(ctx, (const struct ast_logic *)node, out, err);
    case AST_IS: return bind_is(ctx, (const struct ast_is *)node, out, err);
    case AST_BETWEEN: return bind_between(ctx, (const struct ast_between *)node, out, err);
    case AST_LIKE: return bind_like(ctx, (const struct ast_like *)node, out, err);
    case AST_IN: return bind_in(ctx, (const struct ast_in *)node, out, err);
    case AST_EXISTS:
        return bind_subquery(ctx, SUBQUERY_EXISTS, false, NULL, NULL, ((const struct ast_exists *)node)->query, node,
                             out, err);
    case AST_SUBQUERY:
        return bind_subquery(ctx, SUBQUERY_SCALAR, false, NULL, NULL, ((const struct ast_subquery *)node)->query, node,
                             out, err);
    case AST_QUANTIFIED: return bind_quantified(ctx, (const struct ast_quantified *)node, out, err);
    case AST_CASE: return bind_case(ctx, (const struct ast_case *)node, out, err);
    case AST_CAST: return bind_cast(ctx, (const struct ast_cast *)node, out, err);
    case AST_FUNCTION: return bind_function(ctx, (const struct ast_function *)node, out, err);
    case AST_SYMBOL: *out = string_constant(b, ((const struct ast_symbol *)node)->text); return STATUS_OK;
    case AST_CONSTRUCTOR: return bind_constructor(ctx, (const struct ast_constructor *)node, out, err);
    case AST_ELEMENT: return bind_element(ctx, (const struct ast_element *)node, out, err);
    case AST_FIELD: return bind_field(ctx, (const struct ast_field *)node, out, err);
    case AST_NAMED_ARG: return not_supported(b, err, node, "a named argument of this function");
    case AST_TABLE_ARG: return not_supported(b, err, node, "a table as an argument of this function");
    case AST_DESCRIPTOR: return not_supported(b, err, node, "DESCRIPTOR as an argument of this function");
    case AST_DEFAULT: return not_supported(b, err, node, "DEFAULT as a value");
    default:
        return not_supported(b, err, node, arena_printf(b->arena, "%s in an expression", ast_kind_name(node->kind)));
    }
}

enum status bind_expr(const struct context *ctx, const struct ast_node *node, struct expr **out, struct error *err) {
    TRY(binder_enter(ctx->b, node, err));
    struct expr *expr = NULL;
    enum status status = bind_any(ctx, node, &expr, err);
    binder_leave(ctx->b);
    if (status == STATUS_OK) *out = expr_at(ctx->b, nullable_key(ctx, expr_at(ctx->b, expr, node)), node);
    return status;
}
