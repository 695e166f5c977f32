/* Writing: gather, sort, spill, and apply in one transaction.
 *
 * A writer encodes rows into memory as mutations (key, value as if the row were new). Beyond STORE_RUN_BYTES it sorts them
 * and spills them as a run to an unlinked temporary file. A commit merges the runs and the memory in key order and puts
 * them with one cursor: neighbours share pages, and rows behind all others are appended. LMDB's write lock is taken only
 * there, so that two sinks of one job never wait for each other.
 *
 * Mutation: u32 key size, u32 value size, key (without the table's id; none in hidden-key tables), value. A deletion of a
 * range has its partition's key, which sorts before the rows, and in place of a value: u8 VALUE_RANGE | u8 0 | u16 0 |
 * i64 time | u32 start size | start | end, both without the partition. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/clock.h"
#include "column/row.h"
#include "store/store_private.h"

enum {
    MUTATION_HEAD = 8,
    RUN_BUFFER_BYTES = 256 << 10,
    PURGE_LEAST = 1000, /* due tombstones looked at per commit, and two per row written */
    GC_KEY_BYTES = 20,  /* be64 due µs, be32 table id, be64 hash of the key; behind it may be a kind */
    GC_HEAD_BYTES = 8,  /* i64 time of the tombstone; the key follows */
    GC_TOMBSTONE = 0,   /* without a byte: a row that is dead */
    GC_EXPIRY = 'e',    /* a row of which something was written with a TTL */
    GC_DELETIONS = 'd', /* a partition's record of deletions */
    PURGE_TABLES = 16,
    RECLAIM_PER_COMMIT = 1000, /* rows of dropped tables that nobody has freed yet */
};

struct item {
    uint64_t prefix; /* first bytes of the key: the token */
    uint32_t offset; /* of the mutation, in units of 8 bytes */
    uint32_t order;  /* of arrival */
};

/* A sorted run in a temporary file, or (fd < 0) the mutations in memory. */
struct run {
    int fd;
    int64_t size_bytes;
};

struct store_writer {
    struct store *store;
    struct arena arena;
    const struct store_table *table;
    int column_count;
    int *
        key_columns; /* by key column: position in the chunk; clustering columns -1: static columns alone are written */
    int *slot_columns;                /* by slot: position in the chunk, -1: unset or static */
    int *static_columns;              /* the same for static ones */
    bool has_static, has_regular;     /* among the columns */
    int ttl_column, timestamp_column; /* in the chunk, -1: none */
    struct store_write_options options;
    struct mem_account *account;
    int64_t charged_bytes;
    char *data;
    size_t len, capacity;
    struct item *items;
    size_t item_count, item_capacity;
    bool sorted; /* items came in key order so far */
    struct run runs[STORE_MAX_RUNS];
    int run_count;
    uint64_t row_count; /* since the last commit */
    struct strbuf key, serialised, value;
};

/* ---- Opening and closing ---- */

static enum status no_key(const struct store_writer *writer, int key, struct error *err) {
    const struct store_table *table = writer->table;
    error_set(err, STATUS_INVALID_QUERY, "column '%s' is part of the primary key of table '%s' and must be written",
              table->definition->columns[table->keys[key].column].name, table->definition->name);
    if (table->has_statics && key >= table->partition_count)
        error_hint(err, "only static columns can be written without the clustering columns");
    return STATUS_INVALID_QUERY;
}

/* Without clustering columns there can be static ones, and partitions be deleted. */
static enum status check_keys(const struct store_writer *writer, struct error *err) {
    const struct store_table *table = writer->table;
    int clustering = 0;
    for (int i = table->partition_count; i < table->key_count; i++) clustering += writer->key_columns[i] >= 0;
    bool of_partition = !clustering && !writer->has_regular;
    for (int i = 0; i < table->key_count; i++)
        if (writer->key_columns[i] < 0 && !(of_partition && i >= table->partition_count)) return no_key(writer, i, err);
    return STATUS_OK;
}

static enum status map_columns(struct store_writer *writer, const int *columns, struct error *err) {
    const struct store_table *table = writer->table;
    writer->key_columns = ARENA_ARRAY(&writer->arena, int, table->key_count);
    writer->slot_columns = ARENA_ARRAY(&writer->arena, int, table->slot_count);
    writer->static_columns = ARENA_ARRAY(&writer->arena, int, table->slot_count);
    for (int i = 0; i < table->key_count; i++) writer->key_columns[i] = -1;
    for (int i = 0; i < table->slot_count; i++) writer->slot_columns[i] = writer->static_columns[i] = -1;
    writer->ttl_column = writer->timestamp_column = -1;
    for (int i = 0; i < writer->column_count; i++) {
        int key = table->key_of_column[columns[i]], slot = table->slot_of_column[columns[i]];
        enum store_metadata_kind metadata = table->metadata[columns[i]].kind;
        if (key >= 0) {
            writer->key_columns[key] = i;
        } else if (slot >= 0) {
            bool is_static = table->slots[slot].is_static;
            (is_static ? writer->static_columns : writer->slot_columns)[slot] = i;
            *(is_static ? &writer->has_static : &writer->has_regular) = true;
        } else if (metadata == STORE_METADATA_TTL) {
            writer->ttl_column = i;
        } else if (metadata == STORE_METADATA_TIMESTAMP) {
            writer->timestamp_column = i;
        } else {
            return error_set(err, STATUS_INVALID_ARGUMENT, "column '%s' of table '%s' is not stored",
                             table->definition->columns[columns[i]].name, table->definition->name);
        }
    }
    return check_keys(writer, err);
}

void store_writer_set_options(struct store_writer *writer, const struct store_write_options *options) {
    writer->options = *options;
}

enum status store_writer_open(struct store *store, const struct store_table *table, const int *columns,
                              int column_count, struct mem_account *account, struct store_writer **out,
                              struct error *err) {
    if (!table->is_stored)
        return error_set(err, STATUS_NOT_SUPPORTED, "'%s' is no table of the embedded store", table->definition->name);
    struct store_writer *writer = xcalloc(1, sizeof *writer);
    arena_init(&writer->arena, NULL);
    writer->store = store_ref(store);
    writer->account = account;
    writer->column_count = column_count;
    writer->sorted = true;
    /* The table's own copy: the caller's arena may end before the writer. */
    enum status status = store_find_table(store, table->definition->database, table->definition->name, &writer->arena,
                                          &writer->table, err);
    if (status == STATUS_OK && (!writer->table || writer->table->incarnation != table->incarnation ||
                                writer->table->definition->column_count != table->definition->column_count))
        status = error_set(err, STATUS_UNDEFINED_TABLE, "table '%s' was changed or dropped meanwhile",
                           table->definition->name);
    for (int i = 0; i < column_count && status == STATUS_OK; i++)
        if (strcmp(table->definition->columns[columns[i]].name, writer->table->definition->columns[columns[i]].name) !=
            0)
            status = error_set(err, STATUS_UNDEFINED_COLUMN, "table '%s' was changed meanwhile: column '%s'",
                               table->definition->name, table->definition->columns[columns[i]].name);
    if (status == STATUS_OK) status = map_columns(writer, columns, err);
    if (status != STATUS_OK) {
        store_writer_close(writer);
        return status;
    }
    *out = writer;
    return STATUS_OK;
}

static void clear(struct store_writer *writer) {
    for (int i = 0; i < writer->run_count; i++) close(writer->runs[i].fd);
    writer->run_count = 0;
    writer->len = writer->item_count = 0;
    writer->row_count = 0;
    writer->sorted = true;
}

static void charge(struct store_writer *writer) {
    int64_t bytes = (int64_t)(writer->capacity + writer->item_capacity * sizeof *writer->items);
    mem_charge(writer->account, bytes - writer->charged_bytes);
    writer->charged_bytes = bytes;
}

void store_writer_close(struct store_writer *writer) {
    if (!writer) return;
    clear(writer);
    free(writer->data);
    free(writer->items);
    mem_charge(writer->account, -writer->charged_bytes);
    strbuf_free(&writer->key);
    strbuf_free(&writer->serialised);
    strbuf_free(&writer->value);
    arena_destroy(&writer->arena);
    store_close(writer->store);
    free(writer);
}

/* ---- Sorting ---- */

static uint32_t key_size(const char *mutation) { return store_get_u32((const uint8_t *)mutation); }
static uint32_t value_size(const char *mutation) { return store_get_u32((const uint8_t *)mutation + 4); }
static struct str key_of(const char *mutation) { return (struct str){mutation + MUTATION_HEAD, key_size(mutation)}; }
static struct str value_of(const char *mutation) {
    return (struct str){mutation + MUTATION_HEAD + key_size(mutation), value_size(mutation)};
}

static int compare_keys(struct str a, struct str b) {
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common ? memcmp(a.data, b.data, common) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static const char *mutation_at(const struct store_writer *writer, const struct item *item) {
    return writer->data + (size_t)item->offset * 8;
}

static int compare_items(const void *a, const void *b, void *data) {
    const struct item *x = a, *y = b;
    const struct store_writer *writer = data;
    int order = compare_keys(key_of(mutation_at(writer, x)), key_of(mutation_at(writer, y)));
    return order ? order : (x->order > y->order) - (x->order < y->order);
}

/* Byte-wise radix sort by the prefix (tokens are evenly spread), least significant byte first, then by whole keys where
 * prefixes are equal. Bytes that all items share cost one count. */
static void sort_items(struct store_writer *writer) {
    size_t count = writer->item_count;
    if (writer->sorted || count < 2) return;
    struct item *from = writer->items, *to = xmalloc(count * sizeof *to), *scratch = to;
    for (int shift = 0; shift < 64; shift += 8) {
        size_t starts[257] = {0};
        for (size_t i = 0; i < count; i++) starts[(from[i].prefix >> shift & 255) + 1]++;
        if (starts[(from[0].prefix >> shift & 255) + 1] == count) continue;
        for (int i = 0; i < 256; i++) starts[i + 1] += starts[i];
        for (size_t i = 0; i < count; i++) to[starts[from[i].prefix >> shift & 255]++] = from[i];
        struct item *swap = from;
        from = to;
        to = swap;
    }
    if (from != writer->items) memcpy(writer->items, from, count * sizeof *from);
    free(scratch);
    for (size_t i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && writer->items[end].prefix == writer->items[i].prefix;) end++;
        if (end - i > 1) qsort_r(writer->items + i, end - i, sizeof *writer->items, compare_items, writer);
    }
    writer->sorted = true;
}

/* ---- Runs ---- */

/* A cursor over one run's mutations in key order. */
struct run_reader {
    const struct store_writer *writer;
    int fd;
    size_t item;  /* in memory */
    char *buffer; /* in a file */
    size_t start, end, capacity;
    int64_t offset, size_bytes; /* of the file: what is read so far, and all */
    const char *mutation;       /* current; NULL at the end */
};

static size_t padded(size_t size) { return (size + 7) & ~(size_t)7; }

static size_t mutation_bytes(const char *mutation) {
    return padded(MUTATION_HEAD + (size_t)key_size(mutation) + value_size(mutation));
}

/* Makes `need` bytes available from start on. */
static int fill(struct run_reader *reader, size_t need) {
    if (reader->end - reader->start >= need) return 0;
    memmove(reader->buffer, reader->buffer + reader->start, reader->end - reader->start);
    reader->end -= reader->start;
    reader->start = 0;
    if (need > reader->capacity) {
        reader->capacity = need + RUN_BUFFER_BYTES;
        reader->buffer = xrealloc(reader->buffer, reader->capacity);
    }
    while (reader->end < need) {
        ssize_t got = pread(reader->fd, reader->buffer + reader->end, reader->capacity - reader->end, reader->offset);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return got < 0 ? errno : EIO;
        reader->end += (size_t)got;
        reader->offset += got;
    }
    return 0;
}

static int run_next(struct run_reader *reader) {
    if (reader->fd < 0) {
        const struct store_writer *writer = reader->writer;
        reader->mutation = reader->item < writer->item_count ? mutation_at(writer, &writer->items[reader->item]) : NULL;
        reader->item++;
        return 0;
    }
    if (reader->mutation) reader->start += mutation_bytes(reader->mutation);
    reader->mutation = NULL;
    if (reader->start == reader->end && reader->offset == reader->size_bytes) return 0;
    int rc = fill(reader, MUTATION_HEAD);
    if (rc == 0) rc = fill(reader, mutation_bytes(reader->buffer + reader->start));
    if (rc == 0) reader->mutation = reader->buffer + reader->start;
    return rc;
}

/* All runs of a writer merged: equal keys in the order in which they were added. */
struct merge {
    struct run_reader readers[STORE_MAX_RUNS + 1];
    int reader_count;
    bool ordered; /* hidden-key tables: runs one after the other */
};

static int merge_open(struct merge *merge, const struct store_writer *writer, bool with_memory) {
    memset(merge, 0, sizeof *merge);
    merge->ordered = !writer->table->hidden;
    for (int i = 0; i < writer->run_count + with_memory; i++) {
        struct run_reader *reader = &merge->readers[i];
        reader->writer = writer;
        reader->fd = -1;
        if (i < writer->run_count) {
            reader->fd = writer->runs[i].fd;
            reader->size_bytes = writer->runs[i].size_bytes;
            reader->capacity = RUN_BUFFER_BYTES;
            reader->buffer = xmalloc(reader->capacity);
        }
        merge->reader_count++;
        int rc = run_next(reader);
        if (rc != 0) return rc;
    }
    return 0;
}

static void merge_close(struct merge *merge) {
    for (int i = 0; i < merge->reader_count; i++) free(merge->readers[i].buffer);
}

/* The reader with the least key, NULL at the end. Few runs: a linear search is as good as a heap. */
static struct run_reader *merge_least(struct merge *merge) {
    struct run_reader *least = NULL;
    for (int i = 0; i < merge->reader_count; i++) {
        struct run_reader *reader = &merge->readers[i];
        if (!reader->mutation) continue;
        if (!least || compare_keys(key_of(reader->mutation), key_of(least->mutation)) < 0) least = reader;
        if (!merge->ordered) break;
    }
    return least;
}

static enum status spill_error(int code, struct error *err) {
    return error_set(err, STATUS_IO_ERROR,
                     "rows that are sorted before they are stored do not fit in temporary files: %s", strerror(code));
}

static int open_temporary(void) {
    const char *directory = getenv("TMPDIR");
    if (!directory || !*directory) directory = "/tmp";
    struct strbuf path = {0};
    strbuf_printf(&path, "%s/millrace-run-XXXXXX", directory);
    int fd = mkostemp(path.data, O_CLOEXEC);
    if (fd >= 0) unlink(path.data);
    strbuf_free(&path);
    return fd;
}

static int write_all(int fd, const char *data, size_t len) {
    while (len) {
        ssize_t put = write(fd, data, len);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return errno;
        data += put;
        len -= (size_t)put;
    }
    return 0;
}

/* Writes what the merge gives as one run. */
static enum status write_run(struct merge *merge, struct run *out, struct error *err) {
    struct strbuf buffer = {0};
    struct run run = {.fd = open_temporary()};
    int rc = run.fd < 0 ? errno : 0;
    struct run_reader *least;
    while (rc == 0 && (least = merge_least(merge))) {
        size_t size = mutation_bytes(least->mutation);
        strbuf_add(&buffer, least->mutation, size);
        run.size_bytes += (int64_t)size;
        if (buffer.len >= RUN_BUFFER_BYTES) {
            rc = write_all(run.fd, buffer.data, buffer.len);
            strbuf_clear(&buffer);
        }
        if (rc == 0) rc = run_next(least);
    }
    if (rc == 0 && buffer.len) rc = write_all(run.fd, buffer.data, buffer.len);
    strbuf_free(&buffer);
    if (rc == 0) {
        *out = run;
        return STATUS_OK;
    }
    if (run.fd >= 0) close(run.fd);
    return spill_error(rc, err);
}

/* Sorts what is in memory and moves it to a file; too many files become one. */
static enum status spill(struct store_writer *writer, struct error *err) {
    struct merge merge;
    struct run run;
    bool all = writer->run_count == STORE_MAX_RUNS;
    sort_items(writer);
    int rc = 0;
    struct store_writer memory_only = *writer;
    memory_only.run_count = 0;
    rc = merge_open(&merge, all ? writer : &memory_only, true);
    enum status status = rc == 0 ? write_run(&merge, &run, err) : spill_error(rc, err);
    merge_close(&merge);
    if (status != STATUS_OK) return status;
    if (all) {
        for (int i = 0; i < writer->run_count; i++) close(writer->runs[i].fd);
        writer->run_count = 0;
    }
    writer->runs[writer->run_count++] = run;
    writer->len = writer->item_count = 0;
    writer->sorted = true;
    return STATUS_OK;
}

/* ---- Mutations ---- */

/* What is the same for all of a row. */
struct row_write {
    const struct chunk *chunk;
    int row;
    int64_t micros;
    struct expiry expiry;
    struct str long_key;
    struct arena *scratch;
};

static enum status too_large(const struct store_writer *writer, struct error *err) {
    return error_set(err, STATUS_LIMIT_EXCEEDED, "a row of table '%s' is larger than %u MB",
                     writer->table->definition->name, STORE_MAX_VALUE_BYTES >> 20);
}

static bool slot_is_null(const struct row_write *write, int column) {
    return !validity_get(write->chunk->columns[column].validity, write->row);
}

/* NULL adds nothing to a counter. */
static bool null_is_unset(const struct store_writer *writer, int slot) {
    return writer->options.ignore_null || writer->table->slots[slot].is_counter;
}

static void put_long_key(struct str long_key, struct strbuf *out) {
    uint8_t size[4];
    if (!long_key.len) return;
    store_put_u32(size, (uint32_t)long_key.len);
    strbuf_add(out, long_key.data, long_key.len);
    strbuf_add(out, size, 4);
}

static void put_variable(const struct row_write *write, const struct store_slot *slot, int column, struct strbuf *out) {
    const struct vector *vec = &write->chunk->columns[column];
    if (slot->phys == PHYS_STR) {
        struct str str = strview_str(&((const struct strview *)vec->data)[write->row]);
        strbuf_add(out, str.data, str.len);
    } else {
        struct value value = vector_get(vec, write->row, write->scratch);
        value = store_sort_maps(&value, write->scratch);
        key_encode_value(out, &value, false, false);
    }
}

/* Appends the value of a row that is inserted or updated: store_cells_encode's layout, straight from the vectors; nothing
 * when there is nothing to write. slot_columns: as of the writer. */
static enum status put_row(struct store_writer *writer, const struct row_write *write, const int *slot_columns,
                           bool marker, struct strbuf *out, struct error *err) {
    const struct store_table *table = writer->table;
    int slots = table->slot_count;
    bool any_null = false, any_value = false, any_unset = false;
    uint64_t heap_bytes = 0;
    for (int i = 0; i < slots; i++) {
        if (slot_columns[i] < 0) {
            any_unset = true;
        } else if (!slot_is_null(write, slot_columns[i])) {
            const struct vector *vec = &write->chunk->columns[slot_columns[i]];
            any_value = true;
            if (table->slots[i].phys == PHYS_STR) heap_bytes += ((const struct strview *)vec->data)[write->row].len;
        } else if (null_is_unset(writer, i)) {
            any_unset = true;
        } else {
            any_null = true;
        }
    }
    if (heap_bytes > STORE_MAX_VALUE_BYTES) return too_large(writer, err);
    if (!marker && !any_value && !any_null) return STATUS_OK;
    bool has_bits = any_null || any_unset, expires = write->expiry.end_s && (marker || any_value);
    uint8_t header[VALUE_HEADER_BYTES + 8] = {
        VALUE_VERSION, (uint8_t)((marker || any_value ? VALUE_LIVE : 0) | (marker ? VALUE_MARKER : 0) |
                                 (has_bits ? VALUE_BITS : 0) | (any_unset ? VALUE_UNSET : 0) |
                                 (expires ? VALUE_EXPIRY : 0) | (write->long_key.len ? VALUE_LONG_KEY : 0))};
    store_put_u16(header + 2, (uint16_t)slots);
    store_put_u64(header + 4, (uint64_t)write->micros);
    store_put_expiry(header + VALUE_HEADER_BYTES, write->expiry);
    strbuf_add(out, header, expires ? sizeof header : VALUE_HEADER_BYTES);
    size_t bitmap = ((size_t)slots + 7) / 8, bits_bytes = bitmap * (size_t)(has_bits + any_unset);
    size_t fixed_at = out->len + bits_bytes, heap_at = fixed_at + table->fixed_bytes[slots];
    size_t head_bytes = bits_bytes + table->fixed_bytes[slots];
    strbuf_reserve(out, head_bytes + heap_bytes);
    memset(out->data + out->len, 0, head_bytes);
    size_t bits_at = out->len;
    out->len += head_bytes;
    for (int i = 0; i < slots; i++) {
        const struct store_slot *slot = &table->slots[i];
        int column = slot_columns[i];
        bool has_value = column >= 0 && !slot_is_null(write, column);
        bool is_null = column >= 0 && !has_value && !null_is_unset(writer, i);
        if (has_value && has_bits) out->data[bits_at + (size_t)i / 8] |= (char)(1 << (i & 7));
        if (is_null && any_unset) out->data[bits_at + bitmap + (size_t)i / 8] |= (char)(1 << (i & 7));
        if (!phys_is_variable(slot->phys)) {
            if (has_value)
                memcpy(out->data + fixed_at + slot->offset,
                       (const char *)write->chunk->columns[column].data + (size_t)write->row * slot->size, slot->size);
            continue;
        }
        if (has_value) put_variable(write, slot, column, out);
        if (out->len - heap_at > STORE_MAX_VALUE_BYTES) return too_large(writer, err);
        store_put_u32((uint8_t *)out->data + fixed_at + slot->offset, (uint32_t)(out->len - heap_at));
    }
    put_long_key(write->long_key, out);
    return STATUS_OK;
}

static void put_deletion(int64_t write_micros, struct str long_key, struct strbuf *out) {
    uint8_t bytes[VALUE_HEADER_BYTES + 8] = {VALUE_VERSION,
                                             (uint8_t)(VALUE_DELETION | (long_key.len ? VALUE_LONG_KEY : 0))};
    store_put_u64(bytes + 4, (uint64_t)write_micros);
    store_put_u64(bytes + 12, (uint64_t)write_micros);
    strbuf_add(out, bytes, sizeof bytes);
    put_long_key(long_key, out);
}

static void put_range(int64_t write_micros, struct str start, struct str end, struct strbuf *out) {
    uint8_t head[VALUE_HEADER_BYTES + 4] = {VALUE_RANGE};
    store_put_u64(head + 4, (uint64_t)write_micros);
    store_put_u32(head + VALUE_HEADER_BYTES, (uint32_t)start.len);
    strbuf_add(out, head, sizeof head);
    strbuf_add(out, start.data, start.len);
    strbuf_add(out, end.data, end.len);
}

static enum status append(struct store_writer *writer, struct error *err) {
    size_t size = padded(MUTATION_HEAD + writer->key.len + writer->value.len);
    if (writer->item_count && writer->len + size > (size_t)STORE_RUN_BYTES) TRY(spill(writer, err));
    ARRAY_RESERVE(writer->data, writer->capacity, writer->len + size);
    ARRAY_RESERVE(writer->items, writer->item_capacity, writer->item_count + 1);
    char *p = writer->data + writer->len;
    store_put_u32((uint8_t *)p, (uint32_t)writer->key.len);
    store_put_u32((uint8_t *)p + 4, (uint32_t)writer->value.len);
    if (writer->key.len) memcpy(p + MUTATION_HEAD, writer->key.data, writer->key.len);
    memcpy(p + MUTATION_HEAD + writer->key.len, writer->value.data, writer->value.len);
    memset(p + MUTATION_HEAD + writer->key.len + writer->value.len, 0,
           size - MUTATION_HEAD - writer->key.len - writer->value.len);
    struct item item = {.offset = (uint32_t)(writer->len / 8), .order = (uint32_t)writer->item_count};
    if (!writer->table->hidden) {
        item.prefix = store_get_be64((const uint8_t *)writer->key.data);
        if (writer->sorted && writer->item_count) {
            const struct item *last = &writer->items[writer->item_count - 1];
            writer->sorted = last->prefix < item.prefix ||
                             (last->prefix == item.prefix &&
                              compare_keys(key_of(mutation_at(writer, last)), strbuf_str(&writer->key)) <= 0);
        }
    }
    writer->items[writer->item_count++] = item;
    writer->len += size;
    writer->row_count++;
    return STATUS_OK;
}

/* ---- Rows ---- */

static enum status row_time(const struct store_writer *writer, const struct chunk *chunk, int row, int64_t step_micros,
                            int64_t *micros, struct error *err) {
    int column = writer->timestamp_column;
    *micros = writer->options.has_timestamp ? writer->options.write_micros : step_micros;
    if (column < 0 || vector_is_null(&chunk->columns[column], row)) return STATUS_OK;
    *micros = vector_get(&chunk->columns[column], row, NULL).i64;
    const struct type *type = chunk->columns[column].type;
    if (type->id != TYPE_BIGINT && type_is_nanos(type)) *micros = *micros / 1000 - (*micros % 1000 < 0);
    if (*micros != STORE_TIME_NONE) return STATUS_OK;
    return error_set(err, STATUS_OUT_OF_RANGE, "a write timestamp of table '%s' is out of range",
                     writer->table->definition->name);
}

static enum status row_expiry(const struct store_writer *writer, const struct chunk *chunk, int row,
                              int64_t step_micros, struct expiry *out, struct error *err) {
    int column = writer->ttl_column;
    int64_t ttl_s = writer->options.ttl_s ? writer->options.ttl_s : writer->table->default_ttl_s;
    if (column >= 0 && !vector_is_null(&chunk->columns[column], row))
        ttl_s = vector_get(&chunk->columns[column], row, NULL).i64;
    if (ttl_s < 0 || ttl_s > STORE_MAX_TTL_S)
        return error_set(err, STATUS_OUT_OF_RANGE, "table '%s': a TTL is 0 to %d seconds (20 years), not %lld",
                         writer->table->definition->name, STORE_MAX_TTL_S, (long long)ttl_s);
    int64_t end_s = step_micros / 1000000 + ttl_s;
    if (end_s < 1) end_s = 1;
    if (end_s > UINT32_MAX) end_s = UINT32_MAX;
    *out = ttl_s ? (struct expiry){(uint32_t)end_s, (uint32_t)ttl_s} : (struct expiry){0};
    return STATUS_OK;
}

/* Is the row about its partition's static columns alone? Its clustering columns are NULL or not given. */
static bool is_static_alone(const struct store_writer *writer, const struct chunk *chunk, int row) {
    const struct store_table *table = writer->table;
    if (!table->has_statics) return false;
    for (int i = table->partition_count; i < table->key_count; i++)
        if (writer->key_columns[i] >= 0 && !vector_is_null(&chunk->columns[writer->key_columns[i]], row)) return false;
    return true;
}

static enum status make_key(struct store_writer *writer, struct row_write *write, enum key_part part,
                            struct error *err) {
    int last = writer->table->key_count - 1;
    strbuf_clear(&writer->key);
    strbuf_clear(&writer->value);
    if (part == KEY_ROW && last >= 0 && writer->key_columns[last] < 0) return no_key(writer, last, err);
    if (!writer->table->hidden)
        TRY(store_key_of_row(writer->table, write->chunk, writer->key_columns, write->row, part, write->scratch,
                             &writer->serialised, &writer->key, err));
    write->long_key = writer->key.len > STORE_KEY_WHOLE ? strbuf_str(&writer->key) : (struct str){0};
    return STATUS_OK;
}

static enum status add_deletion(struct store_writer *writer, struct row_write *write, enum key_part part,
                                struct error *err) {
    TRY(make_key(writer, write, part, err));
    if (part == KEY_PARTITION)
        put_range(write->micros, (struct str){0}, (struct str){0}, &writer->value);
    else
        put_deletion(write->micros, write->long_key, &writer->value);
    return append(writer, err);
}

static enum status no_clustering(const struct store_writer *writer, int slot, struct error *err) {
    const struct table *definition = writer->table->definition;
    return error_set(err, STATUS_NULL_NOT_ALLOWED,
                     "table '%s': column '%s' is not static and cannot be written without the clustering columns",
                     definition->name, definition->columns[writer->table->slots[slot].column].name);
}

/* Of a row about static columns alone: the others are NULL. */
static enum status check_regular_null(const struct store_writer *writer, const struct row_write *write,
                                      struct error *err) {
    for (int i = 0; i < writer->table->slot_count; i++)
        if (writer->slot_columns[i] >= 0 && !slot_is_null(write, writer->slot_columns[i]))
            return no_clustering(writer, i, err);
    return STATUS_OK;
}

static enum status add_row(struct store_writer *writer, struct row_write *write, bool insert, struct error *err) {
    bool alone = is_static_alone(writer, write->chunk, write->row) && writer->has_static;
    if (writer->has_static) {
        TRY(make_key(writer, write, KEY_STATIC, err));
        TRY(put_row(writer, write, writer->static_columns, false, &writer->value, err));
        if (writer->value.len) TRY(append(writer, err));
    }
    if (alone) return check_regular_null(writer, write, err);
    bool marker = insert && !writer->table->has_counters;
    if (!marker && !writer->has_regular) return STATUS_OK;
    TRY(make_key(writer, write, KEY_ROW, err));
    TRY(put_row(writer, write, writer->slot_columns, marker, &writer->value, err));
    return writer->value.len ? append(writer, err) : STATUS_OK;
}

static enum status add_op(struct store_writer *writer, const struct chunk *chunk, int row, enum store_op op,
                          int64_t write_micros, struct arena *scratch, struct error *err) {
    struct row_write write = {.chunk = chunk, .row = row, .scratch = scratch};
    if (op == STORE_SKIP) return STATUS_OK;
    if (writer->table->hidden && op != STORE_INSERT)
        return error_set(err, STATUS_NOT_SUPPORTED, "table '%s' has no primary key: its rows can only be inserted",
                         writer->table->definition->name);
    TRY(row_time(writer, chunk, row, write_micros, &write.micros, err));
    if (op == STORE_DELETE_PARTITION) return add_deletion(writer, &write, KEY_PARTITION, err);
    if (op == STORE_DELETE)
        return add_deletion(writer, &write, is_static_alone(writer, chunk, row) ? KEY_STATIC : KEY_ROW, err);
    TRY(row_expiry(writer, chunk, row, write_micros, &write.expiry, err));
    return add_row(writer, &write, op == STORE_INSERT, err);
}

enum status store_writer_add(struct store_writer *writer, const struct chunk *chunk, const uint8_t *ops,
                             int64_t write_micros, struct error *err) {
    assert(chunk->column_count == writer->column_count && !chunk->sel);
    struct arena scratch;
    arena_init(&scratch, NULL);
    enum status status = STATUS_OK;
    for (int i = 0; i < chunk->row_count && status == STATUS_OK; i++)
        status = add_op(writer, chunk, i, ops ? (enum store_op)ops[i] : STORE_INSERT, write_micros, &scratch, err);
    arena_destroy(&scratch);
    charge(writer);
    return status;
}

enum status store_writer_delete_range(struct store_writer *writer, const struct store_range *range,
                                      int64_t write_micros, struct error *err) {
    const struct store_table *table = writer->table;
    size_t partition = table->hidden ? 0 : store_key_partition_bytes(table, range->start);
    if (!partition)
        return error_set(err, STATUS_INVALID_ARGUMENT, "a range of table '%s' is not one of a partition's rows",
                         table->definition->name);
    struct str start = {range->start.data + partition, range->start.len - partition}, end = {0};
    if (range->end.len > partition && memcmp(range->end.data, range->start.data, partition) == 0)
        end = (struct str){range->end.data + partition, range->end.len - partition};
    strbuf_clear(&writer->key);
    strbuf_clear(&writer->value);
    strbuf_add(&writer->key, range->start.data, partition);
    put_range(writer->options.has_timestamp ? writer->options.write_micros : write_micros, start, end, &writer->value);
    enum status status = append(writer, err);
    charge(writer);
    return status;
}

enum status store_writer_delete_key(struct store_writer *writer, struct str key, int64_t write_micros,
                                    struct error *err) {
    int64_t micros = writer->options.has_timestamp ? writer->options.write_micros : write_micros;
    strbuf_clear(&writer->key);
    strbuf_clear(&writer->value);
    strbuf_add(&writer->key, key.data, key.len);
    put_deletion(micros, key.len > STORE_KEY_WHOLE ? strbuf_str(&writer->key) : (struct str){0}, &writer->value);
    enum status status = append(writer, err);
    charge(writer);
    return status;
}

/* ---- Applying ---- */

struct commit {
    struct store_writer *writer;
    const struct store_step *step;
    struct store_write *write;
    const struct store_table *table; /* as it is now */
    struct arena arena;
    MDB_cursor *rows, *gc;
    int64_t now_micros;
    struct table_counts counts;
    bool append; /* every row so far went behind all others */
    struct row_cells existing, mutation;
    int64_t *sums; /* of counters, see store_cells_merge */
    struct strbuf merged;
    /* Deletions of the partition that the last row was in */
    bool has_deletions; /* in the table */
    struct arena partition_arena;
    struct strbuf partition; /* empty: none was looked up */
    struct deletions deletions;
};

/* ---- The queue of what is to be forgotten ---- */

/* When what is deleted, or ends, at a time of the clock may be forgotten. Write times play no part: they may be anything. */
static uint64_t due_micros(const struct store_table *table, int64_t clock_micros) {
    int64_t due = clock_micros + table->grace_ms * 1000;
    return due < 0 ? 0 : (uint64_t)due;
}

static int queue(MDB_cursor *gc, uint32_t id, int kind, uint64_t due, int64_t time, const MDB_val *key) {
    uint8_t gc_key[GC_KEY_BYTES + 1], record[GC_HEAD_BYTES + STORE_KEY_MAX];
    store_put_be64(gc_key, due);
    store_put_be32(gc_key + 8, id);
    store_put_be64(gc_key + 12, XXH3_64bits(key->mv_data, key->mv_size));
    gc_key[GC_KEY_BYTES] = (uint8_t)kind;
    store_put_u64(record, (uint64_t)time);
    memcpy(record + GC_HEAD_BYTES, key->mv_data, key->mv_size);
    MDB_val k = {GC_KEY_BYTES + (kind != GC_TOMBSTONE), gc_key}, v = {GC_HEAD_BYTES + key->mv_size, record};
    return mdb_cursor_put(gc, &k, &v, 0);
}

/* Remembers when a row that does not live any more, or what of it expires, may be forgotten. */
static int queue_row(struct commit *commit, const struct store_table *table, const MDB_val *key, bool is_live,
                     int64_t latest, uint32_t first_end_s) {
    if (!is_live) return queue(commit->gc, table->id, GC_TOMBSTONE, due_micros(table, commit->now_micros), latest, key);
    if (!first_end_s) return 0;
    return queue(commit->gc, table->id, GC_EXPIRY, due_micros(table, (int64_t)first_end_s * 1000000), latest, key);
}

/* ---- Rows ---- */

static int put_new(struct commit *commit, MDB_val *key, struct str value) {
    const uint8_t *bytes = (const uint8_t *)value.data;
    commit->counts.entries++;
    commit->counts.live_rows += value_is_live(bytes);
    if (value_is_live(bytes) && !value_expires(bytes)) return 0;
    return queue_row(commit, commit->table, key, value_is_live(bytes), store_value_latest(bytes),
                     store_value_first_end(bytes));
}

static struct row_cells make_cells(struct arena *arena, int slots) {
    return (struct row_cells){.cells = ARENA_ARRAY(arena, struct cell, slots + 1)};
}

/* A mutation that sets or deletes everything that the row has at a later time takes its place. */
static bool replaces(const struct commit *commit, const uint8_t *existing, const uint8_t *mutation) {
    if (value_time(mutation) <= store_value_latest(existing)) return false;
    int flags = value_flags(mutation);
    if (flags & VALUE_DELETION) return true;
    if (commit->table->has_counters) return false;
    return flags & VALUE_MARKER && !(flags & VALUE_UNSET) && value_slots(mutation) == commit->table->slot_count;
}

static int put_existing(struct commit *commit, MDB_val *key, const MDB_val *found, struct str mutation) {
    const uint8_t *old = found->mv_data, *new = (const uint8_t *)mutation.data;
    uint32_t old_size = (uint32_t)found->mv_size;
    bool was_live = value_is_live(old);
    if (value_flags(new) & VALUE_LONG_KEY &&
        !str_equal(store_value_long_key(old, old_size), store_value_long_key(new, (uint32_t)mutation.len))) {
        commit->write->status = error_set(commit->write->err, STATUS_INTERNAL,
                                          "two long keys of table '%s' have one hash", commit->table->definition->name);
        return 0;
    }
    MDB_val value = {mutation.len, (void *)mutation.data};
    if (!commit->table->has_counters && found->mv_size == mutation.len && memcmp(old, new, mutation.len) == 0) return 0;
    if (!replaces(commit, old, new)) {
        store_cells_parse(commit->table, old, old_size, &commit->existing);
        store_cells_parse(commit->table, new, (uint32_t)mutation.len, &commit->mutation);
        store_cells_merge(commit->table, &commit->existing, &commit->mutation, commit->sums);
        strbuf_clear(&commit->merged);
        store_cells_encode(commit->table, &commit->existing, &commit->merged);
        if (commit->merged.len > STORE_MAX_VALUE_BYTES) {
            commit->write->status = too_large(commit->writer, commit->write->err);
            return 0;
        }
        if (commit->merged.len == old_size && memcmp(commit->merged.data, old, old_size) == 0) return 0;
        value = (MDB_val){commit->merged.len, commit->merged.data};
    }
    bool is_live = value_is_live(value.mv_data);
    int64_t latest = store_value_latest(value.mv_data);
    uint32_t first_end_s = store_value_first_end(value.mv_data);
    int rc = mdb_cursor_put(commit->rows, key, &value, MDB_CURRENT);
    commit->counts.live_rows += (uint64_t)is_live - (uint64_t)was_live;
    return rc == 0 ? queue_row(commit, commit->table, key, is_live, latest, first_end_s) : rc;
}

/* ---- Deletions of partitions and ranges ---- */

static int any_deletions(struct commit *commit) {
    MDB_cursor *cursor;
    uint8_t prefix[STORE_ID_BYTES];
    MDB_val key = {sizeof prefix, prefix}, value;
    store_put_be32(prefix, commit->table->id);
    int rc = mdb_cursor_open(commit->write->txn, commit->write->store->deletions, &cursor);
    if (rc != 0) return rc;
    rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    commit->has_deletions = rc == 0 && key.mv_size >= sizeof prefix && memcmp(key.mv_data, prefix, sizeof prefix) == 0;
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static struct str keep_str(struct arena *arena, struct str str) {
    return (struct str){str.len ? arena_memdup(arena, str.data, str.len) : NULL, str.len};
}

/* Makes commit->deletions those of the partition. They are copied: what LMDB gives is good until the next put. */
static int enter_partition(struct commit *commit, struct str partition) {
    if (commit->partition.len && str_equal(strbuf_str(&commit->partition), partition)) return 0;
    strbuf_clear(&commit->partition);
    strbuf_add(&commit->partition, partition.data, partition.len);
    arena_reset(&commit->partition_arena);
    int rc = store_deletions_get(commit->write->store, commit->write->txn, commit->table->id, partition,
                                 &commit->partition_arena, &commit->deletions);
    for (int i = 0; rc == 0 && i < commit->deletions.count; i++) {
        struct range_deletion *range = &commit->deletions.ranges[i];
        range->start = keep_str(&commit->partition_arena, range->start);
        range->end = keep_str(&commit->partition_arena, range->end);
    }
    return rc;
}

/* Is the row's mutation, all of one time, deleted already? */
static int is_shadowed(struct commit *commit, struct str key, struct str mutation, bool *shadowed) {
    *shadowed = false;
    if (!commit->has_deletions) return 0;
    size_t partition = store_key_partition_bytes(commit->table, key);
    if (!partition) return MDB_CORRUPTED;
    int rc = enter_partition(commit, (struct str){key.data, partition});
    int64_t time =
        rc == 0 ? store_deletions_time(&commit->deletions, (struct str){key.data + partition, key.len - partition}) : 0;
    *shadowed = rc == 0 && time != STORE_TIME_NONE && value_time((const uint8_t *)mutation.data) <= time;
    return rc;
}

/* Takes off the row under the cursor what is not later than the deletion. */
static int shadow_row(struct commit *commit, MDB_val *key, const MDB_val *value, int64_t time) {
    bool was_live = value_is_live(value->mv_data);
    bool all = store_value_latest(value->mv_data) <= time;
    if (!all) {
        store_cells_parse(commit->table, value->mv_data, (uint32_t)value->mv_size, &commit->existing);
        store_cells_shadow(&commit->existing, time);
        all = store_cells_empty(&commit->existing);
    }
    if (all) {
        commit->counts.entries--;
        commit->counts.live_rows -= was_live;
        return mdb_cursor_del(commit->rows, 0);
    }
    strbuf_clear(&commit->merged);
    store_cells_encode(commit->table, &commit->existing, &commit->merged);
    const uint8_t *bytes = (const uint8_t *)commit->merged.data;
    MDB_val shadowed = {commit->merged.len, commit->merged.data};
    bool is_live = value_is_live(bytes);
    commit->counts.live_rows += (uint64_t)is_live - (uint64_t)was_live;
    uint8_t stored[STORE_KEY_MAX];
    memcpy(stored, key->mv_data, key->mv_size);
    MDB_val copy = {key->mv_size, stored};
    int rc = mdb_cursor_put(commit->rows, &copy, &shadowed, MDB_CURRENT);
    if (rc != 0) return rc;
    return queue_row(commit, commit->table, &copy, is_live, store_value_latest(bytes), store_value_first_end(bytes));
}

/* All rows of the range. Keys that are too long for LMDB lie among others that begin alike: whole keys decide. */
static int shadow_rows(struct commit *commit, struct str partition, const struct range_deletion *range) {
    struct strbuf start = {0}, end = {0};
    uint8_t from[STORE_KEY_MAX];
    strbuf_add(&start, partition.data, partition.len);
    strbuf_add(&start, range->start.data, range->start.len);
    strbuf_add(&end, partition.data, partition.len);
    if (range->end.len)
        strbuf_add(&end, range->end.data, range->end.len);
    else
        store_key_next(&end);
    size_t from_size = start.len < STORE_KEY_PREFIX ? start.len : STORE_KEY_PREFIX;
    size_t end_size = end.len < STORE_KEY_PREFIX ? end.len : STORE_KEY_PREFIX;
    store_put_be32(from, commit->table->id);
    memcpy(from + STORE_ID_BYTES, start.data, from_size);
    MDB_val key = {STORE_ID_BYTES + from_size, from}, value;
    int rc = mdb_cursor_get(commit->rows, &key, &value, MDB_SET_RANGE);
    while (rc == 0 && memcmp(key.mv_data, from, STORE_ID_BYTES) == 0) {
        struct str stored = {(const char *)key.mv_data + STORE_ID_BYTES, key.mv_size - STORE_ID_BYTES};
        struct str head = {stored.data, stored.len < end_size ? stored.len : end_size};
        struct str whole = store_whole_key(&key, &value);
        if (compare_keys(head, (struct str){end.data, end_size}) > 0 ||
            (end.len == end_size && compare_keys(stored, strbuf_str(&end)) >= 0))
            break;
        if (compare_keys(whole, strbuf_str(&start)) >= 0 && compare_keys(whole, strbuf_str(&end)) < 0)
            rc = shadow_row(commit, &key, &value, range->time);
        if (rc == 0) rc = mdb_cursor_get(commit->rows, &key, &value, MDB_NEXT);
    }
    strbuf_free(&start);
    strbuf_free(&end);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static enum status too_many_ranges(const struct commit *commit, struct error *err) {
    error_set(err, STATUS_LIMIT_EXCEEDED, "table '%s': a partition has %d deletions of ranges and takes no more",
              commit->table->definition->name, STORE_MAX_RANGE_DELETIONS);
    error_hint(err, "delete the whole partition, or wait until they may be forgotten (option 'gc-grace')");
    return STATUS_LIMIT_EXCEEDED;
}

static int apply_range(struct commit *commit, struct str partition, struct str mutation) {
    const uint8_t *p = (const uint8_t *)mutation.data;
    uint32_t start_size = store_get_u32(p + VALUE_HEADER_BYTES);
    const char *start = mutation.data + VALUE_HEADER_BYTES + 4;
    struct range_deletion range = {.time = value_time(p),
                                   .start = {start, start_size},
                                   .end = {start + start_size, mutation.len - VALUE_HEADER_BYTES - 4 - start_size}};
    bool known, full, cut;
    int rc = enter_partition(commit, partition);
    if (rc != 0) return rc;
    store_deletions_add(&commit->deletions, &range, &known, &full);
    if (full) commit->write->status = too_many_ranges(commit, commit->write->err);
    if (known || full) return 0;
    rc =
        store_deletions_put(commit->write->store, commit->write->txn, commit->table->id, partition, &commit->deletions);
    strbuf_clear(&commit->partition); /* the new range borrows from the mutation, and there is no room for another */
    commit->has_deletions = true;
    if (rc == 0) rc = shadow_rows(commit, partition, &range);
    uint8_t stored[STORE_KEY_MAX];
    MDB_val key = {store_key_stored(commit->table->id, partition, stored, &cut), stored};
    if (rc == 0)
        rc = queue(commit->gc, commit->table->id, GC_DELETIONS, due_micros(commit->table, commit->now_micros),
                   range.time, &key);
    return rc;
}

/* ---- Mutations ---- */

static int apply(struct commit *commit, struct str key, struct str mutation) {
    uint8_t stored[STORE_KEY_MAX], row_id[8];
    bool cut, shadowed;
    if (*(const uint8_t *)mutation.data == VALUE_RANGE) {
        commit->append = false;
        return apply_range(commit, key, mutation);
    }
    if (commit->table->hidden) {
        store_put_be64(row_id, commit->counts.next_row_id++);
        key = (struct str){(const char *)row_id, sizeof row_id};
    } else {
        int rc = is_shadowed(commit, key, mutation, &shadowed);
        if (rc != 0 || shadowed) return rc;
    }
    MDB_val k = {store_key_stored(commit->table->id, key, stored, &cut), stored};
    MDB_val v = {mutation.len, (void *)mutation.data};
    int rc = MDB_KEYEXIST;
    if (commit->append) {
        rc = mdb_cursor_put(commit->rows, &k, &v, MDB_APPEND);
        if (rc == MDB_KEYEXIST) { /* not behind the last one: an equal key */
            commit->append = false;
            v = (MDB_val){mutation.len, (void *)mutation.data};
        }
    }
    if (!commit->append) rc = mdb_cursor_put(commit->rows, &k, &v, MDB_NOOVERWRITE);
    if (rc == 0) return put_new(commit, &k, mutation);
    return rc == MDB_KEYEXIST ? put_existing(commit, &k, &v, mutation) : rc;
}

/* ---- Tombstones: README.md explains when they may go ---- */

/* The time up to which all known sinks of a table have written: none of them can still bring an older row. */
static int writers_horizon(struct commit *commit, uint32_t incarnation, int64_t now_micros, int64_t *horizon) {
    MDB_cursor *cursor;
    uint8_t letter = META_STEP;
    MDB_val key = {1, &letter}, value;
    *horizon = INT64_MAX;
    int rc = mdb_cursor_open(commit->write->txn, commit->write->store->meta, &cursor);
    if (rc != 0) return rc;
    for (rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
         rc == 0 && *(const uint8_t *)key.mv_data == META_STEP && value.mv_size == META_STEP_BYTES;
         rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) {
        const uint8_t *record = value.mv_data;
        int64_t written = (int64_t)store_get_u64(record + 8), seen = (int64_t)store_get_u64(record + 20);
        if (store_get_u32(record + 16) != incarnation || now_micros - seen > STORE_WRITER_FORGOTTEN_MICROS) continue;
        if (written < *horizon) *horizon = written;
    }
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

/* An entry of the queue that has fallen due, copied: LMDB's is good until the next put. */
struct due {
    int kind;
    uint32_t id;
    int64_t time;
    uint8_t key[STORE_KEY_MAX];
    size_t key_size;
};

/* What entries of one table have in common. */
struct purge_table {
    struct arena arena;
    uint32_t id;                     /* 0: free */
    const struct store_table *table; /* NULL: gone, its rows with it */
    struct table_counts counts;
    bool dirty; /* the counts */
    int64_t horizon;
    struct row_cells row;
};

struct purge {
    struct commit *commit;
    struct arena scratch;                    /* for one entry */
    struct purge_table tables[PURGE_TABLES]; /* the last ones: entries are in the order of time, not of tables */
    int next;
};

static int leave_table(struct purge *purge, struct purge_table *of) {
    struct store_write *write = purge->commit->write;
    int rc = of->dirty ? store_counts_put(write->store, write->txn, of->id, &of->counts) : 0;
    arena_destroy(&of->arena);
    *of = (struct purge_table){0};
    arena_init(&of->arena, NULL);
    return rc;
}

static int enter_table(struct purge *purge, uint32_t id, struct purge_table **out) {
    struct store_write *write = purge->commit->write;
    for (int i = 0; i < PURGE_TABLES; i++)
        if (purge->tables[i].id == id) {
            *out = &purge->tables[i];
            return 0;
        }
    struct purge_table *of = *out = &purge->tables[purge->next];
    purge->next = (purge->next + 1) % PURGE_TABLES;
    int rc = leave_table(purge, of);
    if (rc == 0) rc = store_table_by_id(write->store, write->txn, id, &of->arena, &of->table);
    of->id = id;
    if (rc != 0 || !of->table) return rc;
    of->row = make_cells(&of->arena, of->table->slot_count);
    rc = store_counts_get(write->store, write->txn, id, &of->counts);
    return rc == 0 ? writers_horizon(purge->commit, of->counts.incarnation, purge->commit->now_micros, &of->horizon)
                   : rc;
}

/* A sink is behind: look again in a while. */
static int look_later(struct purge *purge, const struct due *due) {
    MDB_val key = {due->key_size, (void *)due->key};
    return queue(purge->commit->gc, due->id, due->kind,
                 (uint64_t)(purge->commit->now_micros + STORE_GRACE_MS_DEFAULT * 1000), due->time, &key);
}

/* Forgets a row that is dead since a time; it stays when it was written since. */
static int purge_tombstone(struct purge *purge, struct purge_table *of, const struct due *due) {
    MDB_val key = {due->key_size, (void *)due->key}, value;
    if (due->time > of->horizon) return look_later(purge, due);
    int rc = mdb_cursor_get(purge->commit->rows, &key, &value, MDB_SET);
    if (rc != 0) return rc == MDB_NOTFOUND ? 0 : rc;
    if (value_is_live(value.mv_data) || store_value_latest(value.mv_data) > due->time) return 0;
    of->counts.entries--;
    of->dirty = true;
    return mdb_cursor_del(purge->commit->rows, 0);
}

/* Forgets what of a row has expired. What stays is looked at again when the next part of it is due. */
static int purge_expired(struct purge *purge, struct purge_table *of, const struct due *due) {
    struct commit *commit = purge->commit;
    const struct store_table *table = of->table;
    MDB_val key = {due->key_size, (void *)due->key}, value;
    int rc = mdb_cursor_get(commit->rows, &key, &value, MDB_SET);
    if (rc != 0 || !value_expires(value.mv_data)) return rc == MDB_NOTFOUND ? 0 : rc;
    bool left = false, was_live = value_is_live(value.mv_data);
    int64_t end_s = (purge->commit->now_micros - table->grace_ms * 1000) / 1000000;
    store_cells_parse(table, value.mv_data, (uint32_t)value.mv_size, &of->row);
    store_cells_forget(&of->row, end_s > 0 ? (uint32_t)end_s : 0, of->horizon, &left);
    of->dirty = true;
    if (store_cells_empty(&of->row)) {
        of->counts.entries--;
        of->counts.live_rows -= was_live;
        return mdb_cursor_del(commit->rows, 0);
    }
    strbuf_clear(&commit->merged);
    store_cells_encode(table, &of->row, &commit->merged);
    const uint8_t *bytes = (const uint8_t *)commit->merged.data;
    MDB_val rest = {commit->merged.len, commit->merged.data};
    bool same = rest.mv_size == value.mv_size && memcmp(rest.mv_data, value.mv_data, rest.mv_size) == 0;
    of->counts.live_rows += (uint64_t)value_is_live(bytes) - (uint64_t)was_live;
    key = (MDB_val){due->key_size, (void *)due->key};
    if (!same) rc = mdb_cursor_put(commit->rows, &key, &rest, MDB_CURRENT);
    if (rc != 0) return rc;
    return left ? look_later(purge, due)
                : queue_row(commit, table, &key, value_is_live(bytes), store_value_latest(bytes),
                            store_value_first_end(bytes));
}

/* Forgets a partition's deletions up to a time. */
static int purge_deletions(struct purge *purge, struct purge_table *of, const struct due *due) {
    struct commit *commit = purge->commit;
    struct store *store = commit->write->store;
    MDB_txn *txn = commit->write->txn;
    MDB_val key = {due->key_size, (void *)due->key}, value;
    if (due->time > of->horizon) return look_later(purge, due);
    int rc = mdb_get(txn, store->deletions, &key, &value);
    if (rc != 0) return rc == MDB_NOTFOUND ? 0 : rc;
    struct str partition = keep_str(&purge->scratch, store_whole_key(&key, &value));
    struct deletions deletions;
    rc = store_deletions_get(store, txn, due->id, partition, &purge->scratch, &deletions);
    if (rc != 0) return rc;
    int kept = 0;
    for (int i = 0; i < deletions.count; i++)
        if (deletions.ranges[i].time > due->time) deletions.ranges[kept++] = deletions.ranges[i];
    deletions.count = kept;
    return store_deletions_put(store, txn, due->id, partition, &deletions);
}

/* Takes the first entry off the queue; *found false: none is due. */
static int take_due(struct commit *commit, int64_t now_micros, struct due *due, bool *found) {
    MDB_val key, value;
    *found = false;
    int rc = mdb_cursor_get(commit->gc, &key, &value, MDB_FIRST);
    if (rc != 0) return rc == MDB_NOTFOUND ? 0 : rc;
    if ((key.mv_size != GC_KEY_BYTES && key.mv_size != GC_KEY_BYTES + 1) || value.mv_size <= GC_HEAD_BYTES ||
        value.mv_size > GC_HEAD_BYTES + STORE_KEY_MAX)
        return MDB_CORRUPTED;
    const uint8_t *gc_key = key.mv_data, *record = value.mv_data;
    if ((int64_t)store_get_be64(gc_key) > now_micros) return 0;
    due->kind = key.mv_size > GC_KEY_BYTES ? gc_key[GC_KEY_BYTES] : GC_TOMBSTONE;
    due->id = store_get_be32(gc_key + 8);
    due->time = (int64_t)store_get_u64(record);
    due->key_size = value.mv_size - GC_HEAD_BYTES;
    memcpy(due->key, record + GC_HEAD_BYTES, due->key_size);
    *found = true;
    return mdb_cursor_del(commit->gc, 0);
}

static int purge_due(struct purge *purge, const struct due *due) {
    struct purge_table *of;
    int rc = enter_table(purge, due->id, &of);
    if (rc != 0 || !of->table) return rc;
    arena_reset(&purge->scratch);
    switch (due->kind) {
    case GC_TOMBSTONE: return purge_tombstone(purge, of, due);
    case GC_EXPIRY: return purge_expired(purge, of, due);
    case GC_DELETIONS: return purge_deletions(purge, of, due);
    default: return MDB_CORRUPTED;
    }
}

static int purge(struct commit *commit, uint64_t row_count) {
    struct purge *purge = xcalloc(1, sizeof *purge);
    struct due due;
    bool found = true;
    int rc = 0;
    purge->commit = commit;
    arena_init(&purge->scratch, NULL);
    for (int i = 0; i < PURGE_TABLES; i++) arena_init(&purge->tables[i].arena, NULL);
    for (uint64_t left = PURGE_LEAST + 2 * row_count; left > 0 && rc == 0; left--) {
        rc = take_due(commit, commit->now_micros, &due, &found);
        if (rc != 0 || !found) break;
        rc = purge_due(purge, &due);
    }
    for (int i = 0; i < PURGE_TABLES; i++) {
        int left_rc = leave_table(purge, &purge->tables[i]);
        if (rc == 0) rc = left_rc;
        arena_destroy(&purge->tables[i].arena);
    }
    arena_destroy(&purge->scratch);
    free(purge);
    return rc;
}

/* ---- The transaction ---- */

static int put_step(struct commit *commit) {
    const struct store_step *step = commit->step;
    uint8_t key[STORE_KEY_MAX], record[META_STEP_BYTES];
    MDB_val k = {store_step_key(step->job_id, step->sink_index, key), key}, v = {sizeof record, record};
    store_put_u64(record, (uint64_t)step->step_id);
    store_put_u64(record + 8, (uint64_t)step->write_micros);
    store_put_u32(record + 16, commit->table->incarnation);
    store_put_u64(record + 20, (uint64_t)clock_realtime_micros());
    return mdb_put(commit->write->txn, commit->write->store->meta, &k, &v, 0);
}

/* Is the step in the store already? */
static int find_step(struct commit *commit, bool *done) {
    const struct store_step *step = commit->step;
    uint8_t key[STORE_KEY_MAX];
    MDB_val k = {store_step_key(step->job_id, step->sink_index, key), key}, v;
    int rc = mdb_get(commit->write->txn, commit->write->store->meta, &k, &v);
    *done = rc == 0 && v.mv_size == META_STEP_BYTES && (int64_t)store_get_u64(v.mv_data) >= step->step_id;
    return rc == MDB_NOTFOUND ? 0 : rc;
}

/* The table as it is now: another id after TRUNCATE, more slots after ALTER; gone or another one is an error. */
static enum status read_table(struct commit *commit, struct error *err) {
    const struct table *definition = commit->writer->table->definition;
    TRY(store_table_read(commit->write->store, commit->write->txn, definition->database, definition->name,
                         &commit->arena, &commit->table, err));
    if (!commit->table || !commit->table->is_stored || commit->table->incarnation != commit->writer->table->incarnation)
        return error_set(err, STATUS_UNDEFINED_TABLE, "table '%s' was dropped while rows were written to it",
                         definition->name);
    return STATUS_OK;
}

static int open_cursors(struct commit *commit) {
    MDB_txn *txn = commit->write->txn;
    struct store *store = commit->write->store;
    int rc = mdb_cursor_open(txn, store->rows, &commit->rows);
    if (rc == 0) rc = mdb_cursor_open(txn, store->gc, &commit->gc);
    return rc;
}

/* Rows can be appended when the last row of all tables lies before the first of them. */
static int may_append(struct commit *commit, const struct run_reader *first) {
    uint8_t stored[STORE_KEY_MAX], row_id[8];
    struct str key = key_of(first->mutation);
    bool cut;
    MDB_val last, value;
    if (commit->table->hidden) {
        store_put_be64(row_id, commit->counts.next_row_id);
        key = (struct str){(const char *)row_id, sizeof row_id};
    }
    uint32_t size = store_key_stored(commit->table->id, key, stored, &cut);
    int rc = mdb_cursor_get(commit->rows, &last, &value, MDB_LAST);
    commit->append = rc == MDB_NOTFOUND || (rc == 0 && compare_keys((struct str){last.mv_data, last.mv_size},
                                                                    (struct str){(const char *)stored, size}) < 0);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static int apply_all(struct commit *commit) {
    struct merge *merge = xmalloc(sizeof *merge);
    int rc = merge_open(merge, commit->writer, true);
    struct run_reader *least = rc == 0 ? merge_least(merge) : NULL;
    if (least) rc = may_append(commit, least);
    while (least && rc == 0 && commit->write->status == STATUS_OK) {
        rc = apply(commit, key_of(least->mutation), value_of(least->mutation));
        if (rc == 0) rc = run_next(least);
        least = merge_least(merge);
    }
    merge_close(merge);
    free(merge);
    return rc;
}

static int commit_in_txn(struct store_write *write, void *data) {
    struct commit *commit = data;
    bool done = false, more;
    commit->write = write;
    commit->rows = commit->gc = NULL;
    commit->now_micros = clock_realtime_micros();
    arena_reset(&commit->arena);
    int rc = commit->step ? find_step(commit, &done) : 0;
    if (rc != 0 || done) return rc;
    write->status = read_table(commit, write->err);
    if (write->status != STATUS_OK) return 0;
    if (commit->writer->options.replace) { /* its rows go under another id */
        const struct table *definition = commit->writer->table->definition;
        int failed = store_truncate_in(write, definition->database, definition->name);
        if (failed || write->status != STATUS_OK) return failed;
        write->status = read_table(commit, write->err);
        if (write->status != STATUS_OK) return 0;
    }
    commit->existing = make_cells(&commit->arena, commit->table->slot_count);
    commit->mutation = make_cells(&commit->arena, commit->table->slot_count);
    commit->sums = ARENA_ARRAY(&commit->arena, int64_t, commit->table->slot_count + 1);
    strbuf_clear(&commit->partition);
    rc = store_counts_get(write->store, write->txn, commit->table->id, &commit->counts);
    if (rc == 0) rc = open_cursors(commit);
    if (rc == 0) rc = any_deletions(commit);
    if (rc == 0) rc = apply_all(commit);
    if (rc == 0 && write->status == STATUS_OK)
        rc = store_counts_put(write->store, write->txn, commit->table->id, &commit->counts);
    if (rc == 0 && write->status == STATUS_OK) rc = purge(commit, commit->writer->row_count);
    if (rc == 0 && write->status == STATUS_OK && commit->step) rc = put_step(commit);
    if (rc == 0 && write->status == STATUS_OK) rc = store_reclaim(write->store, write->txn, RECLAIM_PER_COMMIT, &more);
    return rc; /* cursors of a write transaction end with it */
}

enum status store_writer_commit(struct store_writer *writer, const struct store_step *step, struct error *err) {
    if (writer->row_count == 0 && !writer->options.replace)
        return STATUS_OK; /* a replayed empty step does nothing either */
    struct commit commit = {.writer = writer, .step = step};
    sort_items(writer);
    arena_init(&commit.arena, NULL);
    arena_init(&commit.partition_arena, NULL);
    enum status status = store_write_run(writer->store, "storing rows", commit_in_txn, &commit, err);
    arena_destroy(&commit.arena);
    arena_destroy(&commit.partition_arena);
    strbuf_free(&commit.merged);
    strbuf_free(&commit.partition);
    if (status != STATUS_OK) return status;
    clear(writer);
    writer->options.replace = false;
    return STATUS_OK;
}
