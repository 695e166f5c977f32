/* Snapshots of a state, and their restore.
 *
 *     u32 magic  u32 hash version  u32 tables
 *     table: u32 name length, name  u32 shape  u32 key columns  u32 payload bytes  u32 has time to live  u32 columns, each: u32 length, type text
 *            sections: u32 size > 0, u64 XXH64 of the records, records;  at the end u32 0
 *     record (hash table): payload, row
 *     record (ordered):    u64 hash  u32 key length  u32 has row  payload, key padded to 8, row
 *     at the very end: u64 XXH64 of everything before it
 *
 * A section's own check comes before its records are looked into, the last one covers what lies between. Integers are little-endian; rows are in row form. Every size and offset is checked when read. */
#define XXH_STATIC_LINKING_ONLY
#include <stdlib.h>
#include <xxhash.h>

#include "state/state_private.h"

enum {
    STATE_MAGIC = 0x3354534D /* "MST3" */,
    SECTION_TARGET_BYTES = 256 << 10,
    SECTION_MAX_BYTES = ROW_MAX_BYTES + (4 << 20)
};

/* Passes everything on and checks it. */
struct checked_writer {
    struct snapshot_writer base;
    struct snapshot_writer *to;
    XXH64_state_t check;
};

static enum status write_checked(struct snapshot_writer *base, const void *data, size_t size_bytes, struct error *err) {
    struct checked_writer *writer = (struct checked_writer *)base;
    XXH64_update(&writer->check, data, size_bytes);
    return writer->to->write(writer->to, data, size_bytes, err);
}

struct checked_reader {
    struct snapshot_reader base;
    struct snapshot_reader *from;
    XXH64_state_t check;
};

static enum status read_checked(struct snapshot_reader *base, void *data, size_t size_bytes, struct error *err) {
    struct checked_reader *reader = (struct checked_reader *)base;
    TRY(reader->from->read(reader->from, data, size_bytes, err));
    XXH64_update(&reader->check, data, size_bytes);
    return STATUS_OK;
}

static enum status put_u32(struct snapshot_writer *writer, uint32_t v, struct error *err) {
    return writer->write(writer, &v, sizeof v, err);
}

static enum status put_text(struct snapshot_writer *writer, const char *text, size_t len, struct error *err) {
    TRY(put_u32(writer, (uint32_t)len, err));
    return writer->write(writer, text, len, err);
}

static int layout_columns(const struct state_table *table) { return table->layout ? table->layout->column_count : 0; }

static enum status put_section(struct snapshot_writer *writer, struct strbuf *records, struct error *err) {
    if (!records->len) return STATUS_OK;
    uint64_t check = XXH64(records->data, records->len, 0);
    TRY(put_u32(writer, (uint32_t)records->len, err));
    TRY(writer->write(writer, &check, sizeof check, err));
    TRY(writer->write(writer, records->data, records->len, err));
    strbuf_clear(records);
    return STATUS_OK;
}

static void add_record(struct strbuf *records, const struct state_table *table, struct state_entry *entry) {
    static const char zeros[8];
    const uint8_t *row = state_row(table, entry);
    if (table->shape == STATE_ORDERED) {
        const struct statei_ordered *ordered = statei_ordered(table, entry);
        uint32_t key_len = ordered->key_len, has_row = ordered->has_row;
        strbuf_add(records, &ordered->hash, 8);
        strbuf_add(records, &key_len, 4);
        strbuf_add(records, &has_row, 4);
        strbuf_add(records, state_payload(entry), table->payload_bytes);
        strbuf_add(records, statei_key_bytes(table, entry), key_len);
        strbuf_add(records, zeros, -key_len & 7);
    } else {
        strbuf_add(records, state_payload(entry), table->payload_bytes);
    }
    if (row) strbuf_add(records, row, row_size(row));
}

static enum status put_table(struct state_table *table, struct snapshot_writer *writer, struct error *err) {
    TRY(put_text(writer, table->name, strlen(table->name), err));
    TRY(put_u32(writer, table->shape, err));
    TRY(put_u32(writer, (uint32_t)table->key_count, err));
    TRY(put_u32(writer, table->payload_bytes, err));
    TRY(put_u32(writer, table->ttl_micros != 0, err));
    TRY(put_u32(writer, (uint32_t)layout_columns(table), err));
    for (int i = 0; i < layout_columns(table); i++) {
        struct strbuf text = {0};
        type_print(&text, table->layout->types[i]);
        enum status status = put_text(writer, text.data, text.len, err);
        strbuf_free(&text);
        TRY(status);
    }
    struct strbuf records = {0};
    enum status status = STATUS_OK;
    uint64_t cursor = 0;
    for (struct state_entry *entry; status == STATUS_OK && (entry = state_iterate(table, &cursor));) {
        add_record(&records, table, entry);
        if (records.len >= SECTION_TARGET_BYTES) status = put_section(writer, &records, err);
    }
    if (status == STATUS_OK) status = put_section(writer, &records, err);
    strbuf_free(&records);
    TRY(status);
    return put_u32(writer, 0, err);
}

enum status state_snapshot(struct state *state, struct snapshot_writer *writer, struct error *err) {
    struct checked_writer checked = {.base = {write_checked}, .to = writer};
    XXH64_reset(&checked.check, 0);
    TRY(put_u32(&checked.base, STATE_MAGIC, err));
    TRY(put_u32(&checked.base, HASH_VERSION, err));
    TRY(put_u32(&checked.base, (uint32_t)state->table_count, err));
    for (int i = 0; i < state->table_count; i++) TRY(put_table(state->tables[i], &checked.base, err));
    uint64_t check = XXH64_digest(&checked.check);
    return writer->write(writer, &check, sizeof check, err);
}

static enum status damaged(struct error *err) {
    return error_set(err, STATUS_BAD_DATA, "the checkpoint's state is damaged");
}

static enum status get_u32(struct snapshot_reader *reader, uint32_t *v, struct error *err) {
    return reader->read(reader, v, sizeof *v, err);
}

enum { MAX_TEXT_BYTES = 1 << 20 };

static enum status get_text(struct snapshot_reader *reader, struct strbuf *text, struct error *err) {
    uint32_t len;
    TRY(get_u32(reader, &len, err));
    if (len > MAX_TEXT_BYTES) return damaged(err);
    strbuf_clear(text);
    strbuf_reserve(text, len);
    TRY(reader->read(reader, text->data, len, err));
    text->len = len;
    text->data[len] = 0;
    return STATUS_OK;
}

static uint32_t bytes_without_stamp(uint32_t payload_bytes, bool has_ttl) {
    return payload_bytes - (has_ttl ? (uint32_t)sizeof(int64_t) : 0);
}

/* Adds the records of one section that belong to the partition. payload_bytes: of the records; has_ttl: they end with the time of
 * the last write. */
static enum status add_records(struct state_table *table, const uint8_t *data, size_t size, uint32_t payload_bytes,
                               bool has_ttl, uint32_t partition, uint32_t partition_count, struct error *err) {
    uint32_t own_bytes = bytes_without_stamp(payload_bytes, has_ttl);
    size_t pos = 0;
    while (pos < size) {
        uint64_t hash = 0;
        uint32_t key_len = 0, has_row = 1;
        if (table->shape == STATE_ORDERED) {
            if (size - pos < 16) return damaged(err);
            memcpy(&hash, data + pos, 8);
            memcpy(&key_len, data + pos + 8, 4);
            memcpy(&has_row, data + pos + 12, 4);
            pos += 16;
            if (has_row > 1 || key_len > STATE_MAX_KEY_BYTES || (has_row && !table->layout)) return damaged(err);
        }
        uint32_t key_bytes = (key_len + 7) & ~7u;
        if (size - pos < (size_t)payload_bytes + key_bytes) return damaged(err);
        const uint8_t *payload = data + pos, *key = payload + payload_bytes, *row = key + key_bytes;
        pos += payload_bytes + key_bytes;
        if (has_row) {
            if (size - pos < ROW_HEADER_BYTES || row_size(row) > size - pos || row_size(row) < ROW_HEADER_BYTES ||
                row_size(row) % 8 || !row_validate(table->layout, row, row_size(row)))
                return damaged(err);
            pos += row_size(row);
            if (table->shape != STATE_ORDERED) hash = row_hash(row);
        }
        if (state_partition(hash, partition_count) != partition) continue;
        struct state_entry *entry;
        if (table->shape == STATE_ORDERED) {
            bool created;
            TRY(state_ordered_insert(table, (struct str){(const char *)key, key_len}, hash, has_row ? row : NULL,
                                     &entry, &created, err));
        } else {
            TRY(state_insert_row(table, row, &entry, err));
        }
        memcpy(state_payload(entry), payload, own_bytes);
        if (!table->ttl_micros) continue;
        if (has_ttl)
            memcpy(statei_stamp(table, entry), payload + own_bytes, sizeof(int64_t));
        else
            *statei_stamp(table, entry) = 0, table->state->any_unstamped = true;
    }
    return STATUS_OK;
}

static enum status restore_table(struct state *state, struct snapshot_reader *reader, struct strbuf *text,
                                 uint32_t partition, uint32_t partition_count, struct error *err) {
    TRY(get_text(reader, text, err));
    struct state_table *table = NULL;
    for (int i = 0; i < state->table_count; i++)
        if (strcmp(state->tables[i]->name, text->data) == 0) table = state->tables[i];
    if (!table) return error_set(err, STATUS_BAD_DATA, "the checkpoint has an unknown state table \"%s\"", text->data);
    uint32_t shape, key_count, payload_bytes, has_ttl, columns;
    TRY(get_u32(reader, &shape, err));
    TRY(get_u32(reader, &key_count, err));
    TRY(get_u32(reader, &payload_bytes, err));
    TRY(get_u32(reader, &has_ttl, err));
    TRY(get_u32(reader, &columns, err));
    if (has_ttl > 1 || (has_ttl && payload_bytes < sizeof(int64_t))) return damaged(err);
    bool same = shape == (uint32_t)table->shape && key_count == (uint32_t)table->key_count &&
                bytes_without_stamp(payload_bytes, has_ttl) ==
                    bytes_without_stamp(table->payload_bytes, table->ttl_micros != 0) &&
                columns == (uint32_t)layout_columns(table);
    for (uint32_t i = 0; same && i < columns; i++) {
        TRY(get_text(reader, text, err));
        struct strbuf mine = {0};
        type_print(&mine, table->layout->types[i]);
        same = mine.len == text->len && memcmp(mine.data, text->data, mine.len) == 0;
        strbuf_free(&mine);
    }
    if (!same)
        return error_set(err, STATUS_BAD_DATA,
                         "the state table \"%s\" of the checkpoint has another layout: it is of another script",
                         table->name);
    for (;;) {
        uint32_t size;
        TRY(get_u32(reader, &size, err));
        if (!size) return STATUS_OK;
        if (size > SECTION_MAX_BYTES) return damaged(err);
        uint64_t check;
        TRY(reader->read(reader, &check, sizeof check, err));
        uint8_t *data = xmalloc(size);
        enum status status = reader->read(reader, data, size, err);
        if (status == STATUS_OK && XXH64(data, size, 0) != check) status = damaged(err);
        if (status == STATUS_OK)
            status = add_records(table, data, size, payload_bytes, has_ttl, partition, partition_count, err);
        free(data);
        TRY(status);
    }
}

enum status state_restore(struct state *state, struct snapshot_reader *reader, uint32_t partition,
                          uint32_t partition_count, struct error *err) {
    struct checked_reader checked = {.base = {read_checked}, .from = reader};
    XXH64_reset(&checked.check, 0);
    uint32_t magic, version, tables;
    TRY(get_u32(&checked.base, &magic, err));
    TRY(get_u32(&checked.base, &version, err));
    TRY(get_u32(&checked.base, &tables, err));
    if (magic != STATE_MAGIC || tables > STATE_MAX_TABLES) return damaged(err);
    if (version != HASH_VERSION)
        return error_set(err, STATUS_BAD_DATA, "the checkpoint has hash version %u, this program has %d", version,
                         HASH_VERSION);
    if (tables != (uint32_t)state->table_count)
        return error_set(err, STATUS_BAD_DATA, "the checkpoint has %u state tables, not %d: it is of another script",
                         tables, state->table_count);
    struct strbuf text = {0};
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i < tables && status == STATUS_OK; i++)
        status = restore_table(state, &checked.base, &text, partition, partition_count, err);
    strbuf_free(&text);
    TRY(status);
    uint64_t check;
    TRY(reader->read(reader, &check, sizeof check, err));
    return check == XXH64_digest(&checked.check) ? STATUS_OK : damaged(err);
}
