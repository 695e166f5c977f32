/* Window table functions: FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MINUTE)). */
#include "bind/bind_private.h"

static const char *const kind_names[] = {"TUMBLE", "HOP", "CUMULATE", "SESSION"};

bool is_window_tvf(const char *name, enum window_kind *kind) {
    for (int i = 0; i < 4; i++) {
        if (strcmp(name, kind_names[i]) != 0) continue;
        *kind = (enum window_kind)i;
        return true;
    }
    return false;
}

/* ---- arguments ---- */

enum { ARG_DATA, ARG_TIMECOL, ARG_FIRST, ARG_SECOND, ARG_OFFSET, ARG_COUNT };

/* Names of the arguments in order; an empty name is not an argument of that function. */
static const char *const arg_names[4][ARG_COUNT] = {
    [WINDOW_TUMBLE] = {"DATA", "TIMECOL", "SIZE", "", "OFFSET"},
    [WINDOW_HOP] = {"DATA", "TIMECOL", "SLIDE", "SIZE", "OFFSET"},
    [WINDOW_CUMULATE] = {"DATA", "TIMECOL", "STEP", "SIZE", "OFFSET"},
    [WINDOW_SESSION] = {"DATA", "TIMECOL", "GAP", "", ""},
};

static const char *const usages[4] = {
    [WINDOW_TUMBLE] = "TUMBLE(TABLE t, DESCRIPTOR(time_column), size [, offset])",
    [WINDOW_HOP] = "HOP(TABLE t, DESCRIPTOR(time_column), slide, size [, offset])",
    [WINDOW_CUMULATE] = "CUMULATE(TABLE t, DESCRIPTOR(time_column), step, size [, offset])",
    [WINDOW_SESSION] = "SESSION(TABLE t [PARTITION BY ...], DESCRIPTOR(time_column), gap)",
};

static enum status wrong_call(struct binder *b, const struct ast_node *node, enum window_kind kind, const char *why,
                              struct error *err) {
    enum status status = bind_error(b, err, STATUS_INVALID_QUERY, node, "%s", why);
    error_hint(err, "%s", usages[kind]);
    return status;
}

static enum status named_position(struct binder *b, const struct ast_named_arg *arg, enum window_kind kind, int *slot,
                                  struct error *err) {
    const char *name = upper_name(b, arg->name->text);
    for (int i = 0; i < ARG_COUNT; i++) {
        if (strcmp(arg_names[kind][i], name) != 0 || !*name) continue;
        *slot = i;
        return STATUS_OK;
    }
    return wrong_call(b, &arg->name->node, kind,
                      arena_printf(b->arena, "%s has no argument '%s'", kind_names[kind], arg->name->text), err);
}

/* Deals the arguments into slots, by position or by name. */
static enum status deal_args(struct binder *b, const struct ast_function *function, enum window_kind kind,
                             const struct ast_node *slots[ARG_COUNT], struct error *err) {
    int position = 0;
    for (int i = 0; i < function->args.count; i++) {
        const struct ast_node *node = function->args.items[i];
        int slot = 0;
        if (node->kind == AST_NAMED_ARG) {
            const struct ast_named_arg *arg = (const struct ast_named_arg *)node;
            TRY(named_position(b, arg, kind, &slot, err));
            node = arg->value;
        } else {
            while (position < ARG_COUNT && !*arg_names[kind][position]) position++;
            if (position == ARG_COUNT) {
                return wrong_call(b, node, kind, arena_printf(b->arena, "too many arguments for %s", kind_names[kind]),
                                  err);
            }
            slot = position++;
        }
        if (slots[slot]) {
            return wrong_call(b, node, kind,
                              arena_printf(b->arena, "argument %s is given twice", arg_names[kind][slot]), err);
        }
        slots[slot] = node;
    }
    for (int i = 0; i < ARG_OFFSET; i++) {
        if (slots[i] || !*arg_names[kind][i]) continue;
        return wrong_call(b, &function->node, kind,
                          arena_printf(b->arena, "%s lacks its argument %s", kind_names[kind], arg_names[kind][i]),
                          err);
    }
    return STATUS_OK;
}

enum status bind_interval_ms(struct binder *b, const struct ast_node *node, const char *what, bool any_sign,
                             int64_t *ms, struct error *err) {
    struct value value;
    TRY(bind_constant(b, node, what, &value, err));
    if (value.is_null || value.type->id != TYPE_INTERVAL_DAY_TIME) {
        enum status status = bind_error(b, err, STATUS_INVALID_QUERY, node,
                                        "%s must be a constant interval of days, hours, "
                                        "minutes or seconds",
                                        what);
        error_hint(err, "for example INTERVAL '10' MINUTE");
        return status;
    }
    if (!any_sign && value.i64 <= 0) {
        return bind_error(b, err, STATUS_INVALID_QUERY, node, "%s must be longer than 0", what);
    }
    *ms = value.i64;
    return STATUS_OK;
}

static enum status bind_lengths(struct binder *b, enum window_kind kind, const struct ast_node *const *slots,
                                struct window_params *params, struct error *err) {
    const struct ast_node *first = slots[ARG_FIRST], *second = slots[ARG_SECOND];
    switch (kind) {
    case WINDOW_TUMBLE: TRY(bind_interval_ms(b, first, "the window size", false, &params->size_ms, err)); break;
    case WINDOW_HOP:
        TRY(bind_interval_ms(b, first, "the slide", false, &params->slide_ms, err));
        TRY(bind_interval_ms(b, second, "the window size", false, &params->size_ms, err));
        break;
    case WINDOW_CUMULATE:
        TRY(bind_interval_ms(b, first, "the step", false, &params->slide_ms, err));
        TRY(bind_interval_ms(b, second, "the window size", false, &params->size_ms, err));
        break;
    case WINDOW_SESSION: return bind_interval_ms(b, first, "the gap", false, &params->gap_ms, err);
    }
    if (slots[ARG_OFFSET]) {
        TRY(bind_interval_ms(b, slots[ARG_OFFSET], "the offset", true, &params->offset_ms, err));
        /* windows repeat: an offset of a whole period changes nothing */
        params->offset_ms %= kind == WINDOW_HOP ? params->slide_ms : params->size_ms;
    }
    return STATUS_OK;
}

/* ---- checks that group windows share ---- */

enum status check_window_params(struct binder *b, const struct ast_node *node, const struct ast_node *time_node,
                                const struct type *type, enum time_attribute time, struct window_params *params,
                                struct error *err) {
    if (!type_is_timestamp(type)) {
        return bind_error(b, err, STATUS_TYPE_MISMATCH, time_node,
                          "the time column of a window must be TIMESTAMP or TIMESTAMP_LTZ, not %s",
                          type_to_string(b->arena, type));
    }
    if (time == TIME_NONE && b->env->streaming) {
        enum status status = bind_error(b, err, STATUS_INVALID_QUERY, time_node,
                                        "the time column of a window must be a time attribute, but is plain %s",
                                        type_to_string(b->arena, type));
        error_hint(err,
                   "declare WATERMARK FOR it in its table; joins and aggregates without windows lose the attribute");
        return status;
    }
    if ((params->kind == WINDOW_HOP || params->kind == WINDOW_CUMULATE) && params->size_ms % params->slide_ms != 0) {
        return bind_error(b, err, STATUS_INVALID_QUERY, node, "the window size of %s must be a multiple of its %s",
                          kind_names[params->kind], params->kind == WINDOW_HOP ? "slide" : "step");
    }
    params->time = time;
    params->window_id = ++*b->next_window_id;
    return STATUS_OK;
}

/* ---- input ---- */

static enum status bind_input(struct binder *b, const struct ast_node *node, enum window_kind kind,
                              struct scope *parent, struct query_result *result, const char **name, struct error *err) {
    *name = NULL;
    if (node->kind == AST_SUBQUERY) {
        return bind_query_body(b, ((const struct ast_subquery *)node)->query, parent, result, err);
    }
    if (node->kind != AST_TABLE_ARG) {
        return wrong_call(b, node, kind,
                          arena_printf(b->arena, "the first argument of %s must be a table", kind_names[kind]), err);
    }
    const struct ast_table_arg *arg = (const struct ast_table_arg *)node;
    if (arg->order_by.count) return not_supported(b, err, node, "ORDER BY of a window's input");
    if (arg->query) return bind_query_body(b, arg->query, parent, result, err);
    const struct table *table;
    *name = arg->name->parts[arg->name->count - 1].text;
    return bind_table(b, arg->name, &arg->hints, parent, false, result, &table, err);
}

static enum status bind_partition(struct binder *b, const struct ast_node *node, struct scope *scope,
                                  enum window_kind kind, struct window_params *params, struct error *err) {
    if (node->kind != AST_TABLE_ARG) return STATUS_OK;
    const struct ast_list *list = &((const struct ast_table_arg *)node)->partition_by;
    if (!list->count) return STATUS_OK;
    if (kind != WINDOW_SESSION) {
        return wrong_call(b, list->items[0], kind, arena_printf(b->arena, "%s takes no PARTITION BY", kind_names[kind]),
                          err);
    }
    struct context ctx = {.b = b, .scope = scope, .clause = "PARTITION BY"};
    int *columns = ARENA_ARRAY(b->arena, int, list->count);
    for (int i = 0; i < list->count; i++) {
        struct expr *expr;
        TRY(bind_expr(&ctx, list->items[i], &expr, err));
        if (expr->kind != EXPR_COLUMN) {
            return bind_error(b, err, STATUS_INVALID_QUERY, list->items[i],
                              "PARTITION BY of SESSION takes columns of its table");
        }
        columns[i] = expr->column.index;
    }
    params->partition = columns;
    params->partition_count = list->count;
    return STATUS_OK;
}

static enum status bind_time_column(struct binder *b, const struct ast_node *node, struct scope *scope,
                                    enum window_kind kind, int *column, struct error *err) {
    const struct ast_descriptor *descriptor = (const struct ast_descriptor *)node;
    if (node->kind != AST_DESCRIPTOR || descriptor->columns.count != 1) {
        return wrong_call(
            b, node, kind,
            arena_printf(b->arena, "the second argument of %s must be DESCRIPTOR(time_column)", kind_names[kind]), err);
    }
    struct context ctx = {.b = b, .scope = scope, .clause = "DESCRIPTOR"};
    struct expr *expr;
    TRY(scope_resolve(&ctx, AST_AT(descriptor->columns, 0, ast_name), &expr, err));
    if (expr->kind != EXPR_COLUMN) {
        return wrong_call(b, node, kind, "DESCRIPTOR must name a column of the table", err);
    }
    *column = expr->column.index;
    return STATUS_OK;
}

enum status bind_window_tvf(struct binder *b, const struct ast_function *call, struct scope *parent, struct rel **rel,
                            const char *const **raw_names, struct error *err) {
    enum window_kind kind = WINDOW_TUMBLE;
    (void)is_window_tvf(upper_name(b, call->name->parts[0].text), &kind);
    const struct ast_node *slots[ARG_COUNT] = {0};
    TRY(deal_args(b, call, kind, slots, err));
    struct query_result input = {0};
    const char *name;
    TRY(bind_input(b, slots[ARG_DATA], kind, parent, &input, &name, err));
    struct scope *scope = scope_of_rel(b, NULL, input.rel, name, input.raw_names);
    struct window_params params = {.kind = kind};
    TRY(bind_partition(b, slots[ARG_DATA], scope, kind, &params, err));
    TRY(bind_time_column(b, slots[ARG_TIMECOL], scope, kind, &params.time_column, err));
    TRY(bind_lengths(b, kind, slots, &params, err));
    TRY(check_window_params(b, &call->node, slots[ARG_TIMECOL], scope->types[params.time_column],
                            scope->properties[params.time_column].time, &params, err));
    TRY_REL(*rel, b, rel_window_tvf(b->arena, input.rel, &params), &call->node, err);
    *raw_names = NULL;
    return STATUS_OK;
}
