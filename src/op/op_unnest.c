/* UNNEST: a row for every element of a collection column, the element's columns behind the row's own: a field each of a ROW, key and
 * value of a MAP. An element of a MULTISET comes as often as it is in it. Rows whose collection is NULL or empty vanish, or (LEFT)
 * stay with NULLs. Stateless: a retracted row gives the same rows, retracted. */
#include "op/ops.h"

struct unnest_local {
    sel_index source[VECTOR_CAPACITY]; /* input row of every output row */
    struct vector *added;              /* element columns and ordinality; NULL before the first row */
    int count;
};

static enum status unnest_open_instance(struct op_instance *inst, struct error *err) {
    (void)err;
    inst->local = ARENA_NEW(inst->instance_arena, struct unnest_local);
    return STATUS_OK;
}

static int input_count(const struct op_instance *inst) { return inst->op->node->inputs[0]->schema.column_count; }

static struct vector *added_columns(struct op_instance *inst, struct op_ctx *ctx) {
    struct unnest_local *local = inst->local;
    if (local->added) return local->added;
    const struct schema *schema = &inst->op->node->schema;
    int first = input_count(inst), count = schema->column_count - first;
    local->added = arena_alloc(ctx->morsel_arena, (size_t)count * sizeof *local->added);
    for (int i = 0; i < count; i++)
        vector_init(&local->added[i], ctx->morsel_arena, schema->types[first + i], VECTOR_CAPACITY);
    return local->added;
}

/* Sends the rows collected so far: the input's columns as dictionaries over the chunk. */
static enum status send(struct op_instance *inst, struct op_ctx *ctx, struct chunk *chunk, struct error *err) {
    struct unnest_local *local = inst->local;
    int count = local->count, inputs = chunk->column_count;
    if (!count) return STATUS_OK;
    const struct schema *schema = &inst->op->node->schema;
    struct chunk out = {.column_count = schema->column_count, .row_count = count, .sel_count = count};
    out.columns = arena_alloc(ctx->morsel_arena, (size_t)schema->column_count * sizeof *out.columns);
    sel_index *index = arena_memdup(ctx->morsel_arena, local->source, (size_t)count * sizeof *index);
    for (int i = 0; i < inputs; i++) {
        if (chunk->columns[i].form == VECTOR_CONST)
            out.columns[i] = chunk->columns[i];
        else
            vector_init_dict(&out.columns[i], ctx->morsel_arena, &chunk->columns[i], chunk->row_count, index);
    }
    memcpy(out.columns + inputs, local->added, (size_t)(schema->column_count - inputs) * sizeof *out.columns);
    if (chunk->sign) {
        int8_t *sign = arena_alloc(ctx->morsel_arena, (size_t)count);
        for (int i = 0; i < count; i++) sign[i] = chunk->sign[index[i]];
        out.sign = sign;
    }
    local->count = 0;
    local->added = NULL;
    return op_emit(inst, ctx, &out, err);
}

static void put_null(struct vector *vec, struct arena *arena, int row) {
    struct value null = value_null(vec->type);
    vector_set(vec, arena, VECTOR_CAPACITY, row, &null);
}

/* Elements [from, from + n) of the list's children, to the output rows at `at`. */
static void put_elements(struct op_instance *inst, struct op_ctx *ctx, struct vector *list, int at, int from, int n) {
    struct vector *added = added_columns(inst, ctx), *child = &list->children[0];
    struct arena *arena = ctx->morsel_arena;
    const struct type *element = list->type->children[0];
    if (list->type->id == TYPE_MAP) {
        for (int c = 0; c < 2; c++)
            vector_append_range(&added[c], arena, VECTOR_CAPACITY, at, &list->children[c], from, n, false);
        return;
    }
    if (element->id != TYPE_ROW) {
        vector_append_range(&added[0], arena, VECTOR_CAPACITY, at, child, from, n, false);
        return;
    }
    if (child->form != VECTOR_FLAT) vector_flatten(child, arena, (int)list->child_rows);
    for (int f = 0; f < element->child_count; f++) {
        vector_append_range(&added[f], arena, VECTOR_CAPACITY, at, &child->children[f], from, n, false);
        for (int i = 0; child->validity && i < n; i++)
            if (!validity_get(child->validity, from + i)) put_null(&added[f], arena, at + i);
    }
}

/* Rows for the elements [from, from + n) of one collection, or one row of NULLs (n 0). ordinal: of the first. */
static void put_rows(struct op_instance *inst, struct op_ctx *ctx, struct vector *list, int row, int from, int n,
                     uint32_t ordinal) {
    struct unnest_local *local = inst->local;
    const struct pnode *node = inst->op->node;
    struct vector *added = added_columns(inst, ctx);
    int columns = node->schema.column_count - input_count(inst), at = local->count, rows = n ? n : 1;
    if (n)
        put_elements(inst, ctx, list, at, from, n);
    else
        for (int c = 0; c < columns; c++) put_null(&added[c], ctx->morsel_arena, at);
    if (n && node->unnest.ordinality) {
        struct vector *numbers = &added[columns - 1];
        for (int i = 0; i < n; i++) {
            ((int32_t *)numbers->data)[at + i] = (int32_t)(ordinal + (uint32_t)i);
            if (numbers->validity) validity_set_valid(numbers->validity, at + i);
        }
    }
    for (int i = 0; i < rows; i++) local->source[at + i] = (sel_index)row;
    local->count += rows;
}

static enum status unnest_list(struct op_instance *inst, struct op_ctx *ctx, struct chunk *chunk, struct vector *list,
                               int row, struct list_entry entry, struct error *err) {
    struct unnest_local *local = inst->local;
    bool multiset = list->type->id == TYPE_MULTISET;
    uint32_t ordinal = 1;
    for (uint32_t i = 0; i < entry.length;) {
        if (local->count == VECTOR_CAPACITY) TRY(send(inst, ctx, chunk, err));
        uint32_t room = (uint32_t)(VECTOR_CAPACITY - local->count), n = entry.length - i;
        if (multiset) {
            const struct vector *counts = &list->children[1];
            int32_t copies = ((const int32_t *)counts->data)[entry.offset + i];
            for (int32_t k = 0; k < copies; k++) {
                if (local->count == VECTOR_CAPACITY) TRY(send(inst, ctx, chunk, err));
                put_rows(inst, ctx, list, row, (int)(entry.offset + i), 1, ordinal++);
            }
            i++;
            continue;
        }
        if (n > room) n = room;
        put_rows(inst, ctx, list, row, (int)(entry.offset + i), (int)n, ordinal);
        ordinal += n;
        i += n;
    }
    return STATUS_OK;
}

static enum status unnest_push(struct op_instance *inst, struct op_ctx *ctx, int port, struct chunk *chunk,
                               struct error *err) {
    (void)port;
    struct unnest_local *local = inst->local;
    const struct pnode *node = inst->op->node;
    struct vector *list = &chunk->columns[node->unnest.column];
    if (list->form == VECTOR_DICT) vector_flatten(list, ctx->morsel_arena, chunk->row_count);
    if (list->type->id == TYPE_MULTISET && list->children[1].form != VECTOR_FLAT)
        vector_flatten(&list->children[1], ctx->morsel_arena, (int)list->child_rows);
    const struct list_entry *entries = list->data;
    for (int i = 0; i < chunk->sel_count; i++) {
        int row = chunk_row(chunk, i), at = list->form == VECTOR_CONST ? 0 : row;
        struct list_entry entry = {0};
        if (validity_get(list->validity, at)) entry = entries[at];
        if (entry.length) {
            TRY(unnest_list(inst, ctx, chunk, list, row, entry, err));
        } else if (node->unnest.outer) {
            if (local->count == VECTOR_CAPACITY) TRY(send(inst, ctx, chunk, err));
            put_rows(inst, ctx, list, row, 0, 0, 0);
        }
    }
    return send(inst, ctx, chunk, err);
}

const struct op_class op_unnest_class = {
    .kind = PNODE_UNNEST, .open_instance = unnest_open_instance, .push = unnest_push};
