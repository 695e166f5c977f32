/* UNNEST: a row for every element of a collection column, the element's columns behind the row's own: a field each of a ROW, key and
 * value of a MAP. An element of a MULTISET comes as often as it is in it. Several collections are side by side: the shorter ones end
 * with NULLs. Rows whose collections are NULL or empty vanish, or (LEFT) stay with NULLs. Stateless: a retracted row gives the same
 * rows, retracted. */
#include "op/ops.h"

/* One collection column, and how far the elements of the current row's are out. */
struct collection {
    struct vector *list;
    int first, width; /* among the added columns */
    struct list_entry entry;
    uint32_t next;  /* element */
    int32_t copies; /* MULTISET: of it that are out already */
};

struct unnest_local {
    sel_index source[VECTOR_CAPACITY]; /* input row of every output row */
    struct vector *added;              /* element columns and ordinality; NULL before the first row */
    int count;
    struct collection *collections;
};

static enum status unnest_open_instance(struct op_instance *inst, struct error *err) {
    (void)err;
    struct unnest_local *local = inst->local = ARENA_NEW(inst->instance_arena, struct unnest_local);
    const struct pnode *node = inst->op->node;
    local->collections = ARENA_ARRAY(inst->instance_arena, struct collection, node->unnest.column_count);
    for (int i = 0, first = 0; i < node->unnest.column_count; i++) {
        struct collection *collection = &local->collections[i];
        collection->first = first;
        collection->width = unnest_width(node->inputs[0]->schema.types[node->unnest.columns[i]]);
        first += collection->width;
    }
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
static void put_elements(struct vector *added, struct arena *arena, struct vector *list, int at, int from, int n) {
    struct vector *child = &list->children[0];
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

static int32_t copies_of(const struct collection *collection, uint32_t element) {
    const struct vector *counts = &collection->list->children[1];
    return ((const int32_t *)counts->data)[collection->entry.offset + element];
}

/* How many rows the collection makes. */
static int64_t row_count(const struct collection *collection) {
    if (collection->list->type->id != TYPE_MULTISET) return collection->entry.length;
    int64_t count = 0;
    for (uint32_t i = 0; i < collection->entry.length; i++) count += copies_of(collection, i);
    return count;
}

/* Its next elements to the n output rows at `at`; NULLs when it has no more. */
static void put_collection(struct collection *collection, struct vector *all, struct arena *arena, int at, int n) {
    struct vector *added = all + collection->first, *list = collection->list;
    bool multiset = list->type->id == TYPE_MULTISET;
    int done = 0;
    while (done < n && collection->next < collection->entry.length) {
        uint32_t left = collection->entry.length - collection->next;
        int from = (int)(collection->entry.offset + collection->next);
        if (multiset) {
            if (collection->copies == copies_of(collection, collection->next)) {
                collection->copies = 0;
                collection->next++;
                continue;
            }
            put_elements(added, arena, list, at + done++, from, 1);
            collection->copies++;
            continue;
        }
        int count = left < (uint32_t)(n - done) ? (int)left : n - done;
        put_elements(added, arena, list, at + done, from, count);
        collection->next += (uint32_t)count;
        done += count;
    }
    for (; done < n; done++)
        for (int c = 0; c < collection->width; c++) put_null(&added[c], arena, at + done);
}

/* The rows that come of one row: as many as its longest collection has elements; with none of them one of NULLs, if outer. */
static enum status unnest_row(struct op_instance *inst, struct op_ctx *ctx, struct chunk *chunk, int row,
                              struct error *err) {
    struct unnest_local *local = inst->local;
    const struct pnode *node = inst->op->node;
    int collections = node->unnest.column_count, columns = node->schema.column_count - input_count(inst);
    int64_t total = 0;
    for (int c = 0; c < collections; c++) {
        int64_t rows = row_count(&local->collections[c]);
        if (rows > total) total = rows;
    }
    bool empty = total == 0;
    if (empty && node->unnest.outer) total = 1;
    for (int64_t done = 0; done < total;) {
        if (local->count == VECTOR_CAPACITY) TRY(send(inst, ctx, chunk, err));
        int at = local->count, n = VECTOR_CAPACITY - at;
        if (n > total - done) n = (int)(total - done);
        struct vector *added = added_columns(inst, ctx);
        for (int c = 0; c < collections; c++) put_collection(&local->collections[c], added, ctx->morsel_arena, at, n);
        struct vector *numbers = &added[columns - 1];
        for (int i = 0; i < n; i++) {
            local->source[at + i] = (sel_index)row;
            if (!node->unnest.ordinality) continue;
            ((int32_t *)numbers->data)[at + i] = (int32_t)(done + i + 1);
            if (numbers->validity) validity_set_valid(numbers->validity, at + i);
            if (empty) put_null(numbers, ctx->morsel_arena, at + i);
        }
        local->count += n;
        done += n;
    }
    return STATUS_OK;
}

static enum status unnest_push(struct op_instance *inst, struct op_ctx *ctx, int port, struct chunk *chunk,
                               struct error *err) {
    (void)port;
    struct unnest_local *local = inst->local;
    const struct pnode *node = inst->op->node;
    for (int c = 0; c < node->unnest.column_count; c++) {
        struct vector *list = local->collections[c].list = &chunk->columns[node->unnest.columns[c]];
        if (list->form == VECTOR_DICT) vector_flatten(list, ctx->morsel_arena, chunk->row_count);
        if (list->type->id == TYPE_MULTISET && list->children[1].form != VECTOR_FLAT)
            vector_flatten(&list->children[1], ctx->morsel_arena, (int)list->child_rows);
    }
    for (int i = 0; i < chunk->sel_count; i++) {
        int row = chunk_row(chunk, i);
        for (int c = 0; c < node->unnest.column_count; c++) {
            struct collection *collection = &local->collections[c];
            const struct vector *list = collection->list;
            int at = list->form == VECTOR_CONST ? 0 : row;
            collection->entry = (struct list_entry){0};
            if (validity_get(list->validity, at)) collection->entry = ((const struct list_entry *)list->data)[at];
            collection->next = 0;
            collection->copies = 0;
        }
        TRY(unnest_row(inst, ctx, chunk, row, err));
    }
    return send(inst, ctx, chunk, err);
}

const struct op_class op_unnest_class = {
    .kind = PNODE_UNNEST, .open_instance = unnest_open_instance, .push = unnest_push};
