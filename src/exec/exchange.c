/* Exchanges: writer instances scatter their rows to partitions by key hash; reader instances take a partition's rows
 * in (split, record) order. Every writer instance has a lane of its own, so writing needs no lock. */
#include <stdlib.h>

#include "exec/exec_private.h"

enum { MIN_SEGMENT_ROWS = 64, SPILL_MIN_BYTES = 64 << 10 /* a lane with less is not worth a file */ };

void exchange_add_lane(struct exchange *exchange, struct op_instance *writer, int writer_index, bool counts,
                       struct mem_account *account) {
    if (exchange->lane_count == exchange->lane_capacity) {
        size_t capacity = (size_t)exchange->lane_capacity;
        ARRAY_RESERVE(exchange->lanes, capacity, exchange->lane_count + 1);
        exchange->lane_capacity = (int)capacity;
    }
    struct exchange_lane *lane = xcalloc(1, sizeof *lane);
    lane->writer = writer;
    lane->writer_index = writer_index;
    lane->counts = counts;
    arena_init(&lane->arena, account);
    lane->parts = xcalloc((size_t)exchange->partition_count, sizeof *lane->parts);
    exchange->lanes[exchange->lane_count++] = lane;
    writer->local = lane;
}

int64_t exchange_row_count(const struct exchange *exchange) {
    int64_t rows = 0;
    for (int i = 0; i < exchange->lane_count; i++) rows += exchange->lanes[i]->row_count;
    return rows;
}

int64_t exchange_partition_bytes(const struct exchange *exchange, int partition) {
    int64_t bytes = 0;
    for (int i = 0; i < exchange->lane_count; i++) {
        const struct exchange_lane *lane = exchange->lanes[i];
        const struct exchange_part *part = &lane->parts[partition];
        bytes += part->spilled_bytes;
        if (lane->rows_in_memory)
            bytes +=
                (int64_t)((double)lane->arena.total_bytes * (double)part->row_count / (double)lane->rows_in_memory);
    }
    return bytes;
}

bool exchange_has_rows(const struct exchange *exchange, int partition) {
    for (int i = 0; i < exchange->lane_count; i++)
        if (exchange->lanes[i]->parts[partition].segment_count) return true;
    return false;
}

int64_t exchange_watermark(const struct exchange *exchange) {
    int64_t watermark = WATERMARK_MAX;
    for (int i = 0; i < exchange->lane_count; i++) {
        struct exchange_lane *lane = exchange->lanes[i];
        if (lane->counts && lane->writer->watermarks[0] < watermark) watermark = lane->writer->watermarks[0];
    }
    return watermark;
}

static int compare_segments(const void *a, const void *b) {
    const struct exchange_segment *x = a, *y = b;
    if (x->writer != y->writer) return x->writer < y->writer ? -1 : 1;
    if (x->order != y->order) return x->order < y->order ? -1 : 1;
    return (x->seq > y->seq) - (x->seq < y->seq);
}

struct exchange_segment *exchange_segments(const struct exchange *exchange, int partition, struct arena *arena,
                                           size_t *count) {
    size_t total = 0;
    for (int i = 0; i < exchange->lane_count; i++) total += exchange->lanes[i]->parts[partition].segment_count;
    struct exchange_segment *segments = ARENA_ARRAY(arena, struct exchange_segment, total + 1);
    size_t n = 0;
    for (int i = 0; i < exchange->lane_count; i++) {
        struct exchange_part *part = &exchange->lanes[i]->parts[partition];
        if (part->segment_count) memcpy(segments + n, part->segments, part->segment_count * sizeof *segments);
        n += part->segment_count;
    }
    qsort(segments, n, sizeof *segments, compare_segments);
    *count = n;
    return segments;
}

void exchange_reset(struct exchange *exchange) {
    for (int i = 0; i < exchange->lane_count; i++) {
        struct exchange_lane *lane = exchange->lanes[i];
        if (lane->row_count) arena_reset(&lane->arena);
        lane->row_count = lane->rows_in_memory = 0;
        spill_file_destroy(lane->file);
        lane->file = NULL;
        lane->next_seq = 0;
        for (int p = 0; p < exchange->partition_count; p++) {
            lane->parts[p].segment_count = 0;
            lane->parts[p].open = NULL;
            lane->parts[p].row_count = lane->parts[p].spilled_bytes = 0;
        }
    }
}

void exchange_destroy(struct exchange *exchange) {
    for (int i = 0; i < exchange->lane_count; i++) {
        struct exchange_lane *lane = exchange->lanes[i];
        arena_destroy(&lane->arena);
        spill_file_destroy(lane->file);
        for (int p = 0; p < exchange->partition_count; p++) free(lane->parts[p].segments);
        free(lane->parts);
        free(lane);
    }
    free(exchange->lanes);
}

static struct chunk *open_segment(struct exchange_lane *lane, struct exchange_part *part, const struct schema *schema,
                                  uint64_t order, int rows_wanted, bool with_hash) {
    int capacity = MIN_SEGMENT_ROWS;
    /* A full segment is followed by a larger one: few rows cost little memory, many rows few segments. */
    if (part->open) capacity = part->open_capacity * 4;
    while (capacity < rows_wanted) capacity *= 2;
    if (capacity > VECTOR_CAPACITY) capacity = VECTOR_CAPACITY;
    struct chunk *chunk = chunk_create(&lane->arena, schema->column_count, schema->types, capacity);
    if (with_hash) chunk->hash = arena_alloc(&lane->arena, (size_t)capacity * sizeof(uint64_t));
    ARRAY_RESERVE(part->segments, part->segment_capacity, part->segment_count + 1);
    part->segments[part->segment_count++] = (struct exchange_segment){
        .writer = lane->writer_index, .order = order, .seq = lane->next_seq++, .chunk = chunk, .lane = lane};
    part->open = chunk;
    part->open_order = order;
    part->open_capacity = capacity;
    return chunk;
}

static void append_rows(struct exchange_lane *lane, struct exchange_part *part, const struct schema *schema,
                        uint64_t order, const struct chunk *rows) {
    int done = 0;
    while (done < rows->sel_count) {
        struct chunk *chunk = part->open;
        if (!chunk || chunk->row_count == part->open_capacity || part->open_order != order)
            chunk = open_segment(lane, part, schema, order, rows->sel_count - done, rows->hash != NULL);
        int room = part->open_capacity - chunk->row_count, count = rows->sel_count - done;
        if (count > room) count = room;
        chunk_append(chunk, &lane->arena, part->open_capacity, rows, done, count, true);
        done += count;
    }
    lane->row_count += rows->sel_count;
    lane->rows_in_memory += rows->sel_count;
    part->row_count += rows->sel_count;
}

/* ---- Spilling: a lane's segments in memory become segments in its file ---- */

static enum status spill_segment(const struct exchange *exchange, struct exchange_lane *lane,
                                 struct exchange_part *part, struct exchange_segment *segment, struct arena *scratch,
                                 struct error *err) {
    struct chunk *chunk = segment->chunk;
    uint32_t sizes[VECTOR_CAPACITY];
    uint8_t *dst[VECTOR_CAPACITY];
    arena_reset(scratch);
    TRY(row_sizes_checked(&exchange->layout, chunk, NULL, sizes, err));
    size_t size_bytes = 0;
    for (int i = 0; i < chunk->row_count; i++) size_bytes += sizes[i];
    uint8_t *bytes = arena_alloc(scratch, size_bytes + 1);
    for (int i = 0; i < chunk->row_count; i++) {
        dst[i] = bytes;
        bytes += sizes[i];
    }
    bytes -= size_bytes;
    row_encode(&exchange->layout, chunk, NULL, chunk->hash, sizes, dst);
    segment->row_count = chunk->row_count;
    segment->offset = spill_size(lane->file);
    segment->size_bytes = (int64_t)size_bytes;
    segment->chunk = NULL;
    part->spilled_bytes += (int64_t)size_bytes;
    return spill_write(lane->file, bytes, size_bytes, err);
}

static enum status spill_lane(const struct exchange *exchange, struct exchange_lane *lane, struct error *err) {
    if (!lane->file) TRY(spill_file_create(exchange->spill, &lane->file, err));
    struct arena scratch;
    arena_init(&scratch, NULL);
    enum status status = STATUS_OK;
    for (int p = 0; p < exchange->partition_count; p++) {
        struct exchange_part *part = &lane->parts[p];
        for (size_t i = 0; i < part->segment_count && status == STATUS_OK; i++)
            if (part->segments[i].chunk)
                status = spill_segment(exchange, lane, part, &part->segments[i], &scratch, err);
        part->open = NULL;
        part->row_count = 0;
    }
    arena_destroy(&scratch);
    struct mem_account *account = lane->arena.account;
    arena_destroy(&lane->arena);
    arena_init(&lane->arena, account);
    lane->rows_in_memory = 0;
    return status;
}

/* An exchange that does not fit into memory gives up all that it holds there: the operators that read it need it more. */
enum status exchange_seal(struct exchange *exchange, struct error *err) {
    bool spilled = false;
    for (int i = 0; i < exchange->lane_count; i++) spilled |= exchange->lanes[i]->file != NULL;
    for (int i = 0; i < exchange->lane_count && spilled; i++) {
        struct exchange_lane *lane = exchange->lanes[i];
        if (lane->arena.total_bytes >= SPILL_MIN_BYTES) TRY(spill_lane(exchange, lane, err));
        if (lane->file) TRY(spill_flush(lane->file, err));
    }
    return STATUS_OK;
}

enum status exchange_load(const struct exchange *exchange, const struct exchange_segment *segment, struct arena *arena,
                          struct chunk **out, struct error *err) {
    *out = segment->chunk;
    if (segment->chunk) return STATUS_OK;
    uint8_t *bytes = arena_alloc(arena, (size_t)segment->size_bytes + 1);
    TRY(spill_read(segment->lane->file, segment->offset, bytes, (size_t)segment->size_bytes, err));
    const uint8_t *rows[VECTOR_CAPACITY];
    uint64_t *hash = arena_alloc(arena, (size_t)(segment->row_count + 1) * sizeof *hash);
    for (int i = 0; i < segment->row_count; i++) {
        rows[i] = bytes;
        hash[i] = row_hash(bytes);
        bytes += row_size(bytes);
    }
    *out = row_gather_chunk(&exchange->layout, rows, segment->row_count, arena, false);
    if (exchange->node->exchange.distribution == DISTRIBUTION_HASH) (*out)->hash = hash;
    return STATUS_OK;
}

static enum status exchange_push(struct op_instance *inst, struct op_ctx *ctx, int port, struct chunk *chunk,
                                 struct error *err) {
    (void)port;
    struct exchange_lane *lane = inst->local;
    const struct exchange *exchange = inst->op->executor;
    const struct pnode *node = exchange->node;
    if (lane->arena.total_bytes >= SPILL_MIN_BYTES && spill_is_due(lane->arena.account))
        TRY(spill_lane(exchange, lane, err));
    chunk->hash = NULL; /* of another exchange's keys */
    if (exchange->partition_count == 1 && node->exchange.distribution != DISTRIBUTION_HASH) {
        append_rows(lane, &lane->parts[0], &node->schema, ctx->morsel_order, chunk);
        return STATUS_OK;
    }
    uint64_t hash[VECTOR_CAPACITY];
    chunk_hash(chunk, node->exchange.keys, node->exchange.key_count, hash);
    chunk->hash = hash;
    if (exchange->partition_count == 1) {
        append_rows(lane, &lane->parts[0], &node->schema, ctx->morsel_order, chunk);
        return STATUS_OK;
    }
    /* Counting sort of the live rows by partition keeps their order within each. */
    uint32_t partition_count = (uint32_t)exchange->partition_count;
    int starts[EXEC_MAX_PARTITIONS + 1] = {0};
    uint8_t target[VECTOR_CAPACITY];
    for (int i = 0; i < chunk->sel_count; i++) {
        target[i] = (uint8_t)state_partition(hash[chunk_row(chunk, i)], partition_count);
        starts[target[i] + 1]++;
    }
    for (uint32_t p = 0; p < partition_count; p++) starts[p + 1] += starts[p];
    sel_index sorted[VECTOR_CAPACITY];
    int fill[EXEC_MAX_PARTITIONS];
    memcpy(fill, starts, sizeof fill);
    for (int i = 0; i < chunk->sel_count; i++) sorted[fill[target[i]]++] = (sel_index)chunk_row(chunk, i);
    for (uint32_t p = 0; p < partition_count; p++) {
        if (starts[p + 1] == starts[p]) continue;
        struct chunk rows = chunk_select(chunk, sorted + starts[p], starts[p + 1] - starts[p]);
        append_rows(lane, &lane->parts[p], &node->schema, ctx->morsel_order, &rows);
    }
    return STATUS_OK;
}

/* Segments of one morsel are not continued by the next: their order is the morsel's. */
static enum status exchange_end_morsel(struct op_instance *inst, struct op_ctx *ctx, struct error *err) {
    (void)ctx, (void)err;
    struct exchange_lane *lane = inst->local;
    const struct exchange *exchange = inst->op->executor;
    for (int p = 0; p < exchange->partition_count; p++) lane->parts[p].open = NULL;
    return STATUS_OK;
}

const struct op_class exec_exchange_write_class = {
    .kind = PNODE_EXCHANGE, .push = exchange_push, .end_morsel = exchange_end_morsel, .end_step = exchange_end_morsel};
const struct op_class exec_exchange_read_class = {.kind = PNODE_EXCHANGE};
const struct op_class exec_scan_class = {.kind = PNODE_SCAN};
