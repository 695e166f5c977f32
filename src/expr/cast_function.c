/* CAST and TRY_CAST as bound functions. */
#include "expr/expr_private.h"

#include "kernel/cast.h"

static enum status cast_kernel(struct kernel_ctx *ctx, const struct vector *const *args, struct vector *out,
                               const sel_index *sel, int count) {
    const struct cast_operation *operation = ctx->function->data;
    enum cast_result result = CAST_OK;
    int row = kernel_cast(operation, args[0], out, sel, count, ctx->arena, VECTOR_CAPACITY, ctx->env->zone, &result);
    if (row < 0) return STATUS_OK;
    ctx->error_row = row;
    struct strbuf text = {0};
    struct value value = vector_get(args[0], row, ctx->arena);
    cast_value_to_text(&text, &value, ctx->env->zone);
    struct error err;
    enum status status = cast_error(result, strbuf_str(&text), operation->to, &err);
    size_t len = strlen(err.message);
    if (len >= sizeof ctx->error_text) { /* cut between characters */
        len = sizeof ctx->error_text - 1;
        while (len > 0 && ((unsigned char)err.message[len] & 0xC0) == 0x80) len--;
    }
    memcpy(ctx->error_text, err.message, len);
    ctx->error_text[len] = 0;
    strbuf_free(&text);
    return status;
}

const struct bound_function *expri_cast_function(struct arena *arena, const struct type *from, const struct type *to,
                                                 bool try_cast, bool *relabel) {
    struct cast_operation *operation = ARENA_NEW(arena, struct cast_operation);
    cast_operation_init(operation, from, to, try_cast);
    *relabel = operation->relabel;
    struct bound_function *function = ARENA_NEW(arena, struct bound_function);
    const struct type **arg_types = ARENA_ARRAY(arena, const struct type *, 1);
    arg_types[0] = from;
    *function = (struct bound_function){
        .name = try_cast ? "TRY_CAST" : "CAST",
        .kernel = cast_kernel,
        .result = to,
        .arg_types = arg_types,
        .arg_count = 1,
        .null_rule = NULL_PROPAGATE,
        .determinism = DETERMINISTIC,
        .fallible = operation->fallible,
        .any_rows = operation->any_rows,
        .uses_zone = operation->uses_zone,
        .data = operation,
    };
    return function;
}
