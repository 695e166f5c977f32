/* Snapshot and restore of the whole graph. One section per (node, stage, instance):
 *
 *     u32 magic  u32 hash version  u32 instances (when written)  u32 ports
 *     i64 watermarks[ports]  i64 watermark_out  i64 late_rows
 *     u32 size, bytes      what the operator keeps beside its tables (op_class.snapshot)
 *     u8 has_state, state  (state/state.h)
 *
 * Integers are little-endian. Restoring deals the entries of every old section to the new partitions by their hashes. */
#include <stdlib.h>

#include "exec/exec_private.h"

enum { SECTION_MAGIC = 0x4D525331 /* "1SRM" */, SECTION_MAX_EXTRA_BYTES = 1 << 28, READER_STAGES = 1 << 16 };

/* Source stages keep nothing but instance 0's watermarks. */
static int section_count(const struct op *op) { return op->instances[0]->state ? op->instance_count : 1; }

/* The section's number beside the node: the stage of the op, and for exchange readers also the port they feed (writers and
 * readers of one node may be in the same stage, and a stage may read one exchange for several ports). */
static int section_stage(const struct executor *executor, const struct op *op) {
    for (int i = 0; i < executor->stage_count; i++) {
        const struct stage *stage = executor->stages[i];
        for (int k = 0; k < stage->op_count; k++)
            if (stage->ops[k] == op) return i;
        for (int k = 0; k < stage->input_count; k++)
            if (stage->inputs[k].op == op)
                return op->class == &exec_exchange_read_class ? i + READER_STAGES * (1 + stage->inputs[k].port) : i;
    }
    return -1;
}

static enum status write_u32(struct snapshot_writer *writer, uint32_t v, struct error *err) {
    return writer->write(writer, &v, sizeof v, err);
}

static enum status write_instance(struct op *op, int index, struct snapshot_writer *writer, struct error *err) {
    struct op_instance *inst = op->instances[index];
    TRY(write_u32(writer, SECTION_MAGIC, err));
    TRY(write_u32(writer, HASH_VERSION, err));
    TRY(write_u32(writer, (uint32_t)section_count(op), err));
    TRY(write_u32(writer, (uint32_t)inst->port_count, err));
    TRY(writer->write(writer, inst->watermarks, (size_t)inst->port_count * sizeof(int64_t), err));
    TRY(writer->write(writer, &inst->watermark_out, sizeof(int64_t), err));
    TRY(writer->write(writer, &inst->late_rows, sizeof(int64_t), err));
    struct strbuf extra = {0};
    enum status status = STATUS_OK;
    if (op->class->snapshot && inst->state) status = op->class->snapshot(inst, &extra, err);
    if (status == STATUS_OK) status = write_u32(writer, (uint32_t)extra.len, err);
    if (status == STATUS_OK && extra.len) status = writer->write(writer, extra.data, extra.len, err);
    strbuf_free(&extra);
    TRY(status);
    uint8_t has_state = inst->state != NULL;
    TRY(writer->write(writer, &has_state, 1, err));
    return has_state ? state_snapshot(inst->state, writer, err) : STATUS_OK;
}

enum status executor_snapshot(struct executor *executor, struct snapshot_store *store, struct error *err) {
    for (int i = 0; i < executor->op_count; i++) {
        struct op *op = executor->ops[i];
        for (int k = 0; k < section_count(op); k++) {
            struct snapshot_writer *writer;
            TRY(store->create(store, op->node->id, section_stage(executor, op), k, &writer, err));
            TRY(write_instance(op, k, writer, err));
            TRY(store->finish(store, writer, err));
        }
    }
    return STATUS_OK;
}

static enum status read_u32(struct snapshot_reader *reader, uint32_t *v, struct error *err) {
    return reader->read(reader, v, sizeof *v, err);
}

/* Do partition a of a_count and partition b of b_count (powers of two) share hashes? */
static bool overlaps(uint32_t a, uint32_t a_count, uint32_t b, uint32_t b_count) {
    if (a_count < b_count) return a == b / (b_count / a_count);
    return b == a / (a_count / b_count);
}

static enum status read_section(struct op *op, int index, int old_index, int section_total,
                                struct snapshot_reader *reader, struct error *err) {
    struct op_instance *inst = op->instances[index];
    uint32_t magic, version, old_count, ports;
    TRY(read_u32(reader, &magic, err));
    TRY(read_u32(reader, &version, err));
    TRY(read_u32(reader, &old_count, err));
    TRY(read_u32(reader, &ports, err));
    if (magic != SECTION_MAGIC)
        return error_set(err, STATUS_BAD_DATA, "the checkpoint is damaged (node %d)", op->node->id);
    if (version != HASH_VERSION)
        return error_set(err, STATUS_BAD_DATA, "the checkpoint has hash version %u, this program has %d", version,
                         HASH_VERSION);
    if (ports != (uint32_t)inst->port_count || old_count == 0 || old_count > EXEC_MAX_PARTITIONS ||
        (old_count & (old_count - 1)))
        return error_set(err, STATUS_BAD_DATA, "the checkpoint does not fit the script (node %d has %d inputs, not %u)",
                         op->node->id, inst->port_count, ports);
    if (old_count != (uint32_t)section_total)
        return error_set(err, STATUS_BAD_DATA, "the checkpoint is damaged (node %d has %d of %u sections)",
                         op->node->id, section_total, old_count);
    int64_t watermarks[OP_MAX_PORTS], watermark_out, late_rows;
    TRY(reader->read(reader, watermarks, ports * sizeof(int64_t), err));
    TRY(reader->read(reader, &watermark_out, sizeof watermark_out, err));
    TRY(reader->read(reader, &late_rows, sizeof late_rows, err));
    /* The old partitions stand where they stand; a new one is not further than the last of them. */
    for (uint32_t port = 0; port < ports; port++)
        if (old_index == 0 || watermarks[port] < inst->watermarks[port]) inst->watermarks[port] = watermarks[port];
    if (old_index == 0 || watermark_out < inst->watermark_out) inst->watermark_out = watermark_out;
    if (index == 0) inst->late_rows += late_rows;
    uint32_t extra_size;
    TRY(read_u32(reader, &extra_size, err));
    if (extra_size > SECTION_MAX_EXTRA_BYTES)
        return error_set(err, STATUS_BAD_DATA, "the checkpoint is damaged (node %d)", op->node->id);
    char *extra = xmalloc(extra_size + 1);
    enum status status = reader->read(reader, extra, extra_size, err);
    uint8_t has_state = 0;
    if (status == STATUS_OK) status = reader->read(reader, &has_state, 1, err);
    if (status == STATUS_OK && has_state && inst->state &&
        overlaps((uint32_t)index, (uint32_t)op->instance_count, (uint32_t)old_index, old_count))
        status = state_restore(inst->state, reader, (uint32_t)index, (uint32_t)op->instance_count, err);
    if (status == STATUS_OK && op->class->restore && inst->state)
        status = op->class->restore(inst, (struct str){extra, extra_size}, err);
    free(extra);
    return status;
}

enum status executor_restore(struct executor *executor, struct snapshot_store *store, struct error *err) {
    for (int i = 0; i < executor->op_count; i++) {
        struct op *op = executor->ops[i];
        int stage = section_stage(executor, op), old_count = store->count(store, op->node->id, stage);
        if (old_count == 0)
            return error_set(err, STATUS_BAD_DATA,
                             "the checkpoint has nothing for node %d (%s): it is of another script", op->node->id,
                             pnode_kind_name(op->node->kind));
        int new_count = section_count(op);
        for (int k = 0; k < new_count; k++)
            for (int old = 0; old < old_count; old++) {
                struct snapshot_reader *reader;
                TRY(store->open(store, op->node->id, stage, old, &reader, err));
                enum status status = read_section(op, k, old, old_count, reader, err);
                store->close(store, reader);
                TRY(status);
            }
    }
    return STATUS_OK;
}
