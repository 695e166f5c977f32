/* Constructors, comparison, rewriting and printing of bound expressions. Recursion is as deep as the expression, which
 * the parser limits. */
#include "expr/expr.h"

#include "expr/expr_private.h"

/* ---- constructors ---- */

static struct expr *new_expr(struct arena *arena, enum expr_kind kind, const struct type *type) {
    struct expr *expr = ARENA_NEW(arena, struct expr);
    expr->kind = kind;
    expr->type = type;
    expr->offset = -1;
    return expr;
}

struct expr *expr_column(struct arena *arena, int index, const struct type *type) {
    struct expr *expr = new_expr(arena, EXPR_COLUMN, type);
    expr->column.index = index;
    return expr;
}

struct expr *expr_const(struct arena *arena, const struct value *value) {
    struct expr *expr = new_expr(arena, EXPR_CONST, value->type);
    expr->constant = value_copy(arena, value);
    return expr;
}

struct expr *expr_null(struct arena *arena, const struct type *type) {
    struct value null = value_null(type_with_nullable(arena, type, true));
    return expr_const(arena, &null);
}

static struct expr *boolean(struct arena *arena, bool value) {
    struct value constant = value_boolean(value);
    constant.type = type_with_nullable(arena, type_of(TYPE_BOOLEAN), false);
    return expr_const(arena, &constant);
}
struct expr *expr_true(struct arena *arena) {
    return boolean(arena, true);
}
struct expr *expr_false(struct arena *arena) {
    return boolean(arena, false);
}

struct expr *expr_call(struct arena *arena, const struct bound_function *function, struct expr **args, int arg_count) {
    struct expr *expr = new_expr(arena, EXPR_CALL, function->result);
    expr->function = function;
    expr->args = args;
    expr->arg_count = arg_count;
    return expr;
}

static struct expr *junction(struct arena *arena, enum expr_kind kind, struct expr **args, int arg_count) {
    if (arg_count == 1) return args[0];
    if (arg_count == 0) return boolean(arena, kind == EXPR_AND);
    int count = 0;
    bool nullable = false;
    for (int i = 0; i < arg_count; i++) count += args[i]->kind == kind ? args[i]->arg_count : 1;
    struct expr **flat = ARENA_ARRAY(arena, struct expr *, count);
    count = 0;
    for (int i = 0; i < arg_count; i++) {
        nullable |= args[i]->type->nullable;
        if (args[i]->kind != kind) {
            flat[count++] = args[i];
            continue;
        }
        for (int j = 0; j < args[i]->arg_count; j++) flat[count++] = args[i]->args[j];
    }
    struct expr *expr = new_expr(arena, kind, type_with_nullable(arena, type_of(TYPE_BOOLEAN), nullable));
    expr->args = flat;
    expr->arg_count = count;
    return expr;
}

struct expr *expr_and(struct arena *arena, struct expr **args, int arg_count) {
    return junction(arena, EXPR_AND, args, arg_count);
}
struct expr *expr_or(struct arena *arena, struct expr **args, int arg_count) {
    return junction(arena, EXPR_OR, args, arg_count);
}

struct expr *expr_cast(struct arena *arena, struct expr *arg, const struct type *to, bool try_cast) {
    if (type_equal(arg->type, to)) return arg;
    if (arg->kind == EXPR_CONST && arg->constant.is_null) {
        struct expr *null = expr_null(arena, to);
        null->offset = arg->offset;
        null->length = arg->length;
        return null;
    }
    struct expr *expr = new_expr(arena, EXPR_CAST, to);
    expr->args = ARENA_ARRAY(arena, struct expr *, 1);
    expr->args[0] = arg;
    expr->arg_count = 1;
    expr->cast.try_cast = try_cast;
    return expr;
}

struct expr *expr_field(struct arena *arena, struct expr *row, int index) {
    const struct type *type = row->type->children[index];
    struct expr *expr =
        new_expr(arena, EXPR_FIELD, type_with_nullable(arena, type, type->nullable || row->type->nullable));
    expr->args = ARENA_ARRAY(arena, struct expr *, 1);
    expr->args[0] = row;
    expr->arg_count = 1;
    expr->field.index = index;
    return expr;
}

/* ---- comparison ---- */

/* As written, not as SQL compares: -0.0 is not 0.0 here, one NaN is like another. */
static bool constant_equal(const struct value *a, const struct value *b) {
    if (!type_equal(a->type, b->type) || a->is_null != b->is_null) return false;
    if (a->is_null) return true;
    if (a->type->id == TYPE_DOUBLE) return memcmp(&a->f64, &b->f64, sizeof a->f64) == 0;
    if (a->type->id == TYPE_FLOAT) return memcmp(&a->f32, &b->f32, sizeof a->f32) == 0;
    return value_compare(a, b) == 0;
}

static bool function_equal(const struct bound_function *a, const struct bound_function *b) {
    if (a == b) return true;
    if (a->kernel != b->kernel || strcmp(a->name, b->name) != 0 || a->arg_count != b->arg_count) return false;
    if (!type_equal(a->result, b->result)) return false;
    for (int i = 0; i < a->arg_count; i++)
        if (!type_equal(a->arg_types[i], b->arg_types[i])) return false;
    return true;
}

static bool aggregate_equal(const struct bound_aggregate *a, const struct bound_aggregate *b) {
    if (a == b) return true;
    if (!a || !b || a->class != b->class || strcmp(a->name, b->name) != 0 || a->distinct != b->distinct) return false;
    if (!type_equal(a->result, b->result) || a->constant_count != b->constant_count) return false;
    if (a->order_count != b->order_count) return false;
    for (int i = 0; i < a->order_count; i++)
        if (a->order[i].descending != b->order[i].descending || a->order[i].nulls_last != b->order[i].nulls_last)
            return false;
    for (int i = 0; i < a->constant_count; i++)
        if (!constant_equal(&a->constants[i], &b->constants[i])) return false;
    return true;
}

/* Does test hold for any sub-expression? */
static bool any(const struct expr *expr, bool (*test)(const struct expr *expr)) {
    if (test(expr)) return true;
    for (int i = 0; i < expr->arg_count; i++)
        if (any(expr->args[i], test)) return true;
    return expr->kind == EXPR_AGGREGATE && expr->aggregate.filter && any(expr->aggregate.filter, test);
}

/* Each occurrence has its own value. */
static bool is_unique(const struct expr *expr) {
    return expr->kind == EXPR_CALL && expr->function->determinism == NONDETERMINISTIC;
}

bool expr_equal(const struct expr *a, const struct expr *b) {
    if (a == b) return !any(a, is_unique);
    if (!a || !b || a->kind != b->kind || a->arg_count != b->arg_count || !type_equal(a->type, b->type)) return false;
    switch (a->kind) {
    case EXPR_COLUMN:
        if (a->column.index != b->column.index) return false;
        break;
    case EXPR_OUTER:
        if (a->outer.level != b->outer.level || a->outer.index != b->outer.index) return false;
        break;
    case EXPR_CONST:
        if (!constant_equal(&a->constant, &b->constant)) return false;
        break;
    case EXPR_CALL:
        if (a->function->determinism == NONDETERMINISTIC || !function_equal(a->function, b->function)) return false;
        break;
    case EXPR_CAST:
        if (a->cast.try_cast != b->cast.try_cast) return false;
        break;
    case EXPR_FIELD:
        if (a->field.index != b->field.index) return false;
        break;
    case EXPR_AGGREGATE:
        if (!aggregate_equal(a->aggregate.function, b->aggregate.function)) return false;
        if (!a->aggregate.filter != !b->aggregate.filter) return false;
        if (a->aggregate.filter && !expr_equal(a->aggregate.filter, b->aggregate.filter)) return false;
        break;
    case EXPR_WINDOW:
        if (strcmp(a->window.name, b->window.name) != 0 || a->window.spec != b->window.spec) return false;
        if (!aggregate_equal(a->window.aggregate, b->window.aggregate)) return false;
        break;
    case EXPR_SUBQUERY: return false;
    case EXPR_AND:
    case EXPR_OR:
    case EXPR_CASE:
    case EXPR_COALESCE:
    case EXPR_KIND_COUNT: break;
    }
    for (int i = 0; i < a->arg_count; i++)
        if (!expr_equal(a->args[i], b->args[i])) return false;
    return true;
}

static uint64_t mix(uint64_t hash, uint64_t word) {
    hash = (hash ^ word) * UINT64_C(0x9E3779B97F4A7C15);
    return hash ^ hash >> 29;
}

static uint64_t hash_bytes(uint64_t hash, const void *data, size_t len) {
    const unsigned char *bytes = data;
    for (size_t i = 0; i < len; i++) hash = mix(hash, bytes[i]);
    return mix(hash, len);
}

static uint64_t hash_value(uint64_t hash, const struct value *value) {
    hash = mix(hash, (uint64_t)value->type->id * 2 + value->is_null);
    if (value->is_null) return hash;
    switch (type_phys(value->type)) {
    case PHYS_BOOL: return mix(hash, value->boolean);
    case PHYS_I128: return mix(mix(hash, (uint64_t)value->i128), (uint64_t)(value->i128 >> 64));
    case PHYS_F32: return hash_bytes(hash, &value->f32, sizeof value->f32);
    case PHYS_F64: return hash_bytes(hash, &value->f64, sizeof value->f64);
    case PHYS_STR: return hash_bytes(hash, value->str.data, value->str.len);
    case PHYS_LIST:
    case PHYS_ROW: return mix(hash, (uint64_t)value->list.count);
    case PHYS_NULL:
    case PHYS_COUNT: return hash;
    default: return mix(hash, (uint64_t)value->i64);
    }
}

uint64_t expr_hash(const struct expr *expr) {
    uint64_t hash = mix((uint64_t)expr->kind, (uint64_t)expr->type->id);
    switch (expr->kind) {
    case EXPR_COLUMN: hash = mix(hash, (uint64_t)expr->column.index); break;
    case EXPR_OUTER: hash = mix(mix(hash, (uint64_t)expr->outer.level), (uint64_t)expr->outer.index); break;
    case EXPR_CONST: hash = hash_value(hash, &expr->constant); break;
    case EXPR_CALL: hash = hash_bytes(hash, expr->function->name, strlen(expr->function->name)); break;
    case EXPR_FIELD: hash = mix(hash, (uint64_t)expr->field.index); break;
    case EXPR_AGGREGATE: {
        const char *name = expr->aggregate.function->name;
        hash = hash_bytes(hash, name, strlen(name));
        break;
    }
    case EXPR_WINDOW: hash = hash_bytes(hash, expr->window.name, strlen(expr->window.name)); break;
    default: break;
    }
    for (int i = 0; i < expr->arg_count; i++) hash = mix(hash, expr_hash(expr->args[i]));
    return hash;
}

/* ---- properties ---- */

static bool varies(const struct expr *expr) {
    return expr->kind == EXPR_CALL && expr->function->determinism != DETERMINISTIC;
}
bool expr_is_deterministic(const struct expr *expr) { return !any(expr, varies); }

static bool reads_input(const struct expr *expr) {
    switch (expr->kind) {
    case EXPR_COLUMN:
    case EXPR_OUTER:
    case EXPR_SUBQUERY:
    case EXPR_AGGREGATE:
    case EXPR_WINDOW: return true;
    default: return false;
    }
}
bool expr_is_constant(const struct expr *expr) { return !any(expr, reads_input); }

static bool fails(const struct expr *expr) {
    switch (expr->kind) {
    case EXPR_CALL: return expr->function->fallible;
    case EXPR_CAST:
        return !expr->cast.try_cast && expr->args[0]->type->id != TYPE_NULL &&
               cast_fallible(expr->args[0]->type, expr->type);
    case EXPR_SUBQUERY: return true;
    default: return false;
    }
}
bool expr_can_fail(const struct expr *expr) { return any(expr, fails); }

static bool is_subquery(const struct expr *expr) { return expr->kind == EXPR_SUBQUERY; }
bool expr_has_subquery(const struct expr *expr) { return any(expr, is_subquery); }

void expr_columns(const struct expr *expr, bool *used, int count) {
    if (expr->kind == EXPR_COLUMN && expr->column.index < count) used[expr->column.index] = true;
    for (int i = 0; i < expr->arg_count; i++) expr_columns(expr->args[i], used, count);
    if (expr->kind == EXPR_AGGREGATE && expr->aggregate.filter) expr_columns(expr->aggregate.filter, used, count);
}

/* ---- rewriting ---- */

struct expr *expr_rewrite(struct arena *arena, struct expr *expr, struct expr *(*visit)(struct expr *expr, void *data),
                          void *data) {
    struct expr *replacement = visit(expr, data);
    if (replacement) return replacement;
    struct expr **args = NULL;
    for (int i = 0; i < expr->arg_count; i++) {
        struct expr *arg = expr_rewrite(arena, expr->args[i], visit, data);
        if (arg == expr->args[i]) continue;
        if (!args) {
            args = arena_alloc(arena, sizeof *args * (size_t)expr->arg_count);
            memcpy(args, expr->args, sizeof *args * (size_t)expr->arg_count);
        }
        args[i] = arg;
    }
    struct expr *filter = expr->kind == EXPR_AGGREGATE ? expr->aggregate.filter : NULL;
    struct expr *new_filter = filter ? expr_rewrite(arena, filter, visit, data) : NULL;
    if (!args && new_filter == filter) return expr;
    struct expr *copy = arena_memdup(arena, expr, sizeof *expr);
    if (args) copy->args = args;
    if (new_filter != filter) copy->aggregate.filter = new_filter;
    return copy;
}

struct remap {
    struct arena *arena;
    const int *map; /* NULL: shift */
    int delta;
};

static struct expr *remap_column(struct expr *expr, void *data) {
    const struct remap *remap = data;
    if (expr->kind != EXPR_COLUMN) return NULL;
    int index = remap->map ? remap->map[expr->column.index] : expr->column.index + remap->delta;
    if (index == expr->column.index) return expr;
    struct expr *copy = arena_memdup(remap->arena, expr, sizeof *expr);
    copy->column.index = index;
    return copy;
}

struct expr *expr_shift(struct arena *arena, struct expr *expr, int delta) {
    if (delta == 0) return expr;
    struct remap remap = {arena, NULL, delta};
    return expr_rewrite(arena, expr, remap_column, &remap);
}

struct expr *expr_remap(struct arena *arena, struct expr *expr, const int *map) {
    struct remap remap = {arena, map, 0};
    return expr_rewrite(arena, expr, remap_column, &remap);
}

/* ---- printing ---- */

/* Binding strength of what is printed; an operand is parenthesised when it binds less than its place needs. */
enum { PREC_OR = 1, PREC_AND, PREC_NOT, PREC_COMPARE, PREC_CONCAT, PREC_ADD, PREC_MULTIPLY, PREC_UNARY, PREC_PRIMARY };

static int operator_precedence(const char *name) {
    static const struct {
        const char *name;
        int precedence;
    } infix[] = {
        {"=", PREC_COMPARE},
        {"<>", PREC_COMPARE},
        {"<", PREC_COMPARE},
        {"<=", PREC_COMPARE},
        {">", PREC_COMPARE},
        {">=", PREC_COMPARE},
        {"+", PREC_ADD},
        {"-", PREC_ADD},
        {"*", PREC_MULTIPLY},
        {"/", PREC_MULTIPLY},
        {"%", PREC_MULTIPLY},
        {"||", PREC_CONCAT},
        {"LIKE", PREC_COMPARE},
        {"SIMILAR TO", PREC_COMPARE},
        {"IS DISTINCT FROM", PREC_COMPARE},
        {"IS NOT DISTINCT FROM", PREC_COMPARE},
    };
    for (size_t i = 0; i < sizeof infix / sizeof *infix; i++)
        if (strcmp(infix[i].name, name) == 0) return infix[i].precedence;
    return 0;
}

struct printer {
    struct strbuf *buf;
    const char *const *names;
    bool hide_implicit; /* casts that nobody wrote */
};

static void print(const struct printer *p, const struct expr *expr, int place);

static void print_list(const struct printer *p, struct expr *const *args, int count, const char *separator, int place) {
    for (int i = 0; i < count; i++) {
        if (i) strbuf_puts(p->buf, separator);
        print(p, args[i], place);
    }
}

static void print_type(const struct printer *p, const struct type *type) {
    struct type nullable = *type;
    nullable.nullable = true; /* CAST's target is written without NOT NULL */
    type_print(p->buf, &nullable);
}

static void open_paren(const struct printer *p, int precedence, int place) {
    if (precedence < place) strbuf_putc(p->buf, '(');
}
static void close_paren(const struct printer *p, int precedence, int place) {
    if (precedence < place) strbuf_putc(p->buf, ')');
}

static void print_call(const struct printer *p, const struct expr *expr, int place) {
    const char *name = expr->function->name;
    int precedence = operator_precedence(name), count = expr->arg_count;
    if (precedence && count >= 2) {
        open_paren(p, precedence, place);
        print(p, expr->args[0], precedence);
        strbuf_printf(p->buf, " %s ", name);
        print(p, expr->args[1], precedence + 1);
        if (count == 3) {
            strbuf_puts(p->buf, " ESCAPE ");
            print(p, expr->args[2], precedence + 1);
        }
        close_paren(p, precedence, place);
    } else if (count == 1 && strncmp(name, "IS ", 3) == 0) {
        open_paren(p, PREC_COMPARE, place);
        print(p, expr->args[0], PREC_COMPARE + 1);
        strbuf_printf(p->buf, " %s", name);
        close_paren(p, PREC_COMPARE, place);
    } else if (count == 1 && strcmp(name, "NOT") == 0) {
        open_paren(p, PREC_NOT, place);
        strbuf_puts(p->buf, "NOT ");
        print(p, expr->args[0], PREC_NOT);
        close_paren(p, PREC_NOT, place);
    } else if (count == 1 && strcmp(name, "unary -") == 0) {
        open_paren(p, PREC_UNARY, place);
        strbuf_puts(p->buf, "-");
        print(p, expr->args[0], PREC_PRIMARY);
        close_paren(p, PREC_UNARY, place);
    } else if (count == 2 && strcmp(name, "[]") == 0) {
        print(p, expr->args[0], PREC_PRIMARY);
        strbuf_putc(p->buf, '[');
        print(p, expr->args[1], 0);
        strbuf_putc(p->buf, ']');
    } else if (count >= 2 && strcmp(name, "IN") == 0) {
        open_paren(p, PREC_COMPARE, place);
        print(p, expr->args[0], PREC_COMPARE + 1);
        strbuf_puts(p->buf, " IN (");
        print_list(p, expr->args + 1, count - 1, ", ", 0);
        strbuf_putc(p->buf, ')');
        close_paren(p, PREC_COMPARE, place);
    } else if (strcmp(name, "ARRAY") == 0 || strcmp(name, "MAP") == 0) {
        strbuf_printf(p->buf, "%s[", name);
        print_list(p, expr->args, count, ", ", 0);
        strbuf_putc(p->buf, ']');
    } else {
        strbuf_printf(p->buf, "%s(", name);
        print_list(p, expr->args, count, ", ", 0);
        strbuf_putc(p->buf, ')');
    }
}

static void print(const struct printer *p, const struct expr *expr, int place) {
    struct strbuf *buf = p->buf;
    switch (expr->kind) {
    case EXPR_COLUMN:
        if (p->names && p->names[expr->column.index])
            strbuf_put_identifier(buf, p->names[expr->column.index]);
        else
            strbuf_printf(buf, "$%d", expr->column.index);
        break;
    case EXPR_OUTER: strbuf_printf(buf, "outer%d.$%d", expr->outer.level, expr->outer.index); break;
    case EXPR_CONST: value_print_sql(buf, &expr->constant); break;
    case EXPR_CALL: print_call(p, expr, place); break;
    case EXPR_AND:
        open_paren(p, PREC_AND, place);
        print_list(p, expr->args, expr->arg_count, " AND ", PREC_AND + 1);
        close_paren(p, PREC_AND, place);
        break;
    case EXPR_OR:
        open_paren(p, PREC_OR, place);
        print_list(p, expr->args, expr->arg_count, " OR ", PREC_OR + 1);
        close_paren(p, PREC_OR, place);
        break;
    case EXPR_CASE:
        strbuf_puts(buf, "CASE");
        for (int i = 0; i + 1 < expr->arg_count; i += 2) {
            strbuf_puts(buf, " WHEN ");
            print(p, expr->args[i], 0);
            strbuf_puts(buf, " THEN ");
            print(p, expr->args[i + 1], 0);
        }
        strbuf_puts(buf, " ELSE ");
        print(p, expr->args[expr->arg_count - 1], 0);
        strbuf_puts(buf, " END");
        break;
    case EXPR_COALESCE:
        strbuf_puts(buf, "COALESCE(");
        print_list(p, expr->args, expr->arg_count, ", ", 0);
        strbuf_putc(buf, ')');
        break;
    case EXPR_CAST:
        if (p->hide_implicit && expr->offset < 0) {
            print(p, expr->args[0], place);
            break;
        }
        strbuf_puts(buf, expr->cast.try_cast ? "TRY_CAST(" : "CAST(");
        print(p, expr->args[0], 0);
        strbuf_puts(buf, " AS ");
        print_type(p, expr->type);
        strbuf_putc(buf, ')');
        break;
    case EXPR_FIELD:
        print(p, expr->args[0], PREC_PRIMARY);
        strbuf_putc(buf, '.');
        strbuf_put_identifier(buf, expr->args[0]->type->names[expr->field.index]);
        break;
    case EXPR_SUBQUERY:
        if (expr->arg_count) {
            print_list(p, expr->args, expr->arg_count, ", ", PREC_COMPARE + 1);
            strbuf_putc(buf, ' ');
        }
        if (expr->subquery.negated) strbuf_puts(buf, "NOT ");
        switch (expr->subquery.kind) {
        case SUBQUERY_SCALAR: break;
        case SUBQUERY_EXISTS: strbuf_puts(buf, "EXISTS "); break;
        case SUBQUERY_IN: strbuf_puts(buf, "IN "); break;
        case SUBQUERY_ANY: strbuf_printf(buf, "%s ANY ", expr->subquery.comparison); break;
        case SUBQUERY_ALL: strbuf_printf(buf, "%s ALL ", expr->subquery.comparison); break;
        }
        strbuf_puts(buf, "(<subquery>)");
        break;
    case EXPR_AGGREGATE:
        strbuf_printf(buf, "%s(", expr->aggregate.function->name);
        if (expr->aggregate.function->distinct) strbuf_puts(buf, "DISTINCT ");
        if (expr->arg_count == 0) strbuf_putc(buf, '*');
        print_list(p, expr->args, expr->arg_count, ", ", 0);
        strbuf_putc(buf, ')');
        if (expr->aggregate.filter) {
            strbuf_puts(buf, " FILTER (WHERE ");
            print(p, expr->aggregate.filter, 0);
            strbuf_putc(buf, ')');
        }
        break;
    case EXPR_WINDOW:
        strbuf_printf(buf, "%s(", expr->window.name);
        print_list(p, expr->args, expr->arg_count, ", ", 0);
        strbuf_puts(buf, ") OVER (...)");
        break;
    case EXPR_KIND_COUNT: break;
    }
}

void expr_print(struct strbuf *buf, const struct expr *expr, const char *const *names) {
    struct printer printer = {buf, names, false};
    print(&printer, expr, 0);
}

void expri_print_short(struct strbuf *buf, const struct expr *expr, const char *const *names) {
    struct printer printer = {buf, names, true};
    print(&printer, expr, 0);
}
