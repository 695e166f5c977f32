/* Reading files. Files of records: one split per file; an offset is the position in bytes and the line number there, which only
 * messages need. Files of columns are in filesystem_columnar.c. Files are taken as immutable: what is appended to one
 * after its end was reached is not seen. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "connector/filesystem/filesystem_private.h"

/* Buffers of FILESYSTEM_BLOCK_BYTES, passed from block to block: fresh memory costs a page fault per 4 KiB. */
struct buffer_pool {
    _Atomic int refs; /* the source and every block */
    pthread_mutex_t mutex;
    char *buffers[FILESYSTEM_POOL_BUFFERS];
    int count;
};

struct file_block {
    struct block base;
    struct buffer_pool *pool;
    struct scan_file *file;
    char *buffer;
    size_t capacity;
    struct format_record *records;
    int64_t first_line;
    uint8_t offsets[2][FILESYSTEM_OFFSET_BYTES];
};

struct source_reader {
    struct source *source;
    int count, current;
    char **ids; /* paths of files of records */
    int *indexes;
    uint64_t (*starts)[2];
    struct columnar_reader *columnar; /* NULL: records */
    bool begun;                       /* the current split */
    /* the current file of records */
    struct scan_file *file; /* NULL: not open */
    struct filesystem_stream *stream;
    uint64_t position, line;
    int64_t ordinal;
    int64_t skip_records;   /* still to be left out */
    int64_t progress_bytes; /* of the file, that blocks have been made of */
    bool at_end;
    char *rest; /* read, but in no block yet */
    size_t rest_len, rest_capacity;
    int last_record_count;
};

/* ---- Buffers ---- */

static void pool_release(struct buffer_pool *pool) {
    if (--pool->refs) return;
    for (int i = 0; i < pool->count; i++) free(pool->buffers[i]);
    pthread_mutex_destroy(&pool->mutex);
    free(pool);
}

static char *pool_take(struct buffer_pool *pool) {
    char *buffer = NULL;
    pthread_mutex_lock(&pool->mutex);
    if (pool->count) buffer = pool->buffers[--pool->count];
    pthread_mutex_unlock(&pool->mutex);
    return buffer ? buffer : xmalloc(FILESYSTEM_BLOCK_BYTES + FORMAT_PADDING_BYTES);
}

static void pool_give(struct buffer_pool *pool, char *buffer, size_t capacity) {
    if (capacity == FILESYSTEM_BLOCK_BYTES) {
        pthread_mutex_lock(&pool->mutex);
        if (pool->count < FILESYSTEM_POOL_BUFFERS) {
            pool->buffers[pool->count++] = buffer;
            buffer = NULL;
        }
        pthread_mutex_unlock(&pool->mutex);
    }
    free(buffer);
}

static void block_release(struct block *base) {
    struct file_block *block = (struct file_block *)base;
    pool_give(block->pool, block->buffer, block->capacity);
    pool_release(block->pool);
    filesystem_scan_file_release(block->file);
    free(block->records);
    free(block);
}

/* ---- What blocks know of their file ---- */

enum status filesystem_scan_file(const struct source *source, const char *path, struct scan_file **out,
                                 struct error *err) {
    struct stat st = {0};
    if (!filesystem_is_standard(path) && stat(path, &st) != 0) return filesystem_io_error(path, "open", err);
    struct scan_file *file = xcalloc(1, sizeof *file);
    atomic_init(&file->refs, 1);
    arena_init(&file->arena, NULL);
    file->path = arena_strdup(&file->arena, path);
    file->size_bytes = st.st_size;
    file->modified_ms = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
    enum status status = filesystem_partitions(source->table, path, &file->arena, &file->partitions, err);
    if (status == STATUS_OK)
        *out = file;
    else
        filesystem_scan_file_release(file);
    return status;
}

void filesystem_scan_file_release(struct scan_file *file) {
    if (!file || atomic_fetch_sub(&file->refs, 1) != 1) return;
    arena_destroy(&file->arena);
    free(file);
}

static struct value metadata_value(const struct scan_file *file, const struct scan_column *column) {
    const char *key = column->metadata_key, *slash = strrchr(file->path, '/');
    struct value value = {.type = column->type};
    if (strcmp(key, "file.path") == 0)
        value.str = str_from(file->path);
    else if (strcmp(key, "file.name") == 0)
        value.str = str_from(slash ? slash + 1 : file->path);
    else if (strcmp(key, "file.size") == 0)
        value.i64 = file->size_bytes;
    else
        value.i64 = file->modified_ms * (type_is_nanos(column->type) ? 1000000 : 1000);
    return value;
}

void filesystem_fill_constants(const struct source *source, const struct scan_file *file, struct chunk *chunk,
                               struct arena *arena) {
    for (int i = 0; i < source->column_count; i++) {
        const struct scan_column *column = &source->columns[i];
        if (column->kind == SCAN_FIELD || column->kind == SCAN_LINE) continue;
        struct value value =
            column->kind == SCAN_METADATA ? metadata_value(file, column) : file->partitions[column->partition];
        vector_init_const(&chunk->columns[i], arena, column->type, &value);
    }
}

/* ---- Source ---- */

static bool is_bounded(const struct table *table) { return !option_given(&table->options, "source.monitor-interval"); }

static int64_t row_estimate(const struct table *table) {
    enum { TYPICAL_ROW_BYTES = 64, TYPICAL_COMPRESSION = 4 };
    struct arena arena;
    arena_init(&arena, NULL);
    struct filesystem_list list;
    struct filesystem_format format;
    int64_t rows = -1;
    if (filesystem_list(table, NULL, 0, &arena, &list, NULL) == STATUS_OK &&
        filesystem_format(table, &arena, &format, NULL) == STATUS_OK) {
        if (format.is_columnar) {
            rows = columnar_row_estimate(&list);
        } else {
            int64_t bytes = 0;
            for (int i = 0; i < list.count; i++)
                bytes +=
                    list.files[i].size_bytes * (filesystem_is_compressed(list.files[i].path) ? TYPICAL_COMPRESSION : 1);
            rows = bytes / TYPICAL_ROW_BYTES + 1;
        }
    }
    arena_destroy(&arena);
    return rows;
}

static void statistics(const struct table *table, struct arena *arena, struct table_statistics *out) {
    struct filesystem_list list;
    struct filesystem_format format;
    if (filesystem_list(table, NULL, 0, arena, &list, NULL) == STATUS_OK &&
        filesystem_format(table, arena, &format, NULL) == STATUS_OK && format.is_columnar)
        columnar_statistics(&format, &list, arena, out);
}

/* Predicates on partition columns choose files, exactly; others may leave out row groups. */
static enum status pushdown(const struct table *table, const struct scan_request *request,
                            enum pushdown_answer *answers, bool *limit_exact, struct strbuf *explain,
                            struct error *err) {
    *limit_exact = false;
    int partitions = 0, parts = 0;
    for (int i = 0; i < request->predicate_count; i++) {
        const struct predicate *predicate = &request->predicates[i];
        bool is_partition = filesystem_partition_index(table, predicate->column) >= 0;
        answers[i] = PUSHDOWN_NO;
        if (is_partition && filesystem_is_decidable(table->columns[predicate->column].type)) {
            answers[i] = PUSHDOWN_EXACT;
            partitions++;
        } else if (!is_partition && columnar_uses(table, predicate)) {
            answers[i] = PUSHDOWN_PARTIAL;
            parts++;
        }
    }
    if (partitions + parts == 0 || !explain) return STATUS_OK;
    struct arena arena;
    arena_init(&arena, NULL);
    struct filesystem_list list;
    enum status status = filesystem_list(table, request->predicates, request->predicate_count, &arena, &list, err);
    if (status == STATUS_OK && partitions) strbuf_printf(explain, "files: %d of %d", list.count, list.total_count);
    if (status == STATUS_OK && parts) {
        int64_t read, total;
        status = columnar_count(table, &list, request->predicates, request->predicate_count, &read, &total, err);
        if (status == STATUS_OK)
            strbuf_printf(explain, "%srow groups: %lld of %lld", partitions ? ", " : "", (long long)read,
                          (long long)total);
    }
    arena_destroy(&arena);
    return status;
}

static void source_close(struct source *source) {
    if (source->reader) source->reader->format->reader_close(source->reader);
    if (source->pool) pool_release(source->pool);
    arena_destroy(&source->arena);
    free(source);
}

static void plan_columns(struct source *source, const struct scan_request *request) {
    const struct table *table = source->table;
    struct arena *arena = &source->arena;
    source->column_count = request->column_count;
    source->line_column = -1;
    source->columns = ARENA_ARRAY(arena, struct scan_column, request->column_count + 1);
    source->types = ARENA_ARRAY(arena, const struct type *, request->column_count + 1);
    source->field_columns = ARENA_ARRAY(arena, int, request->column_count + 1);
    source->projected = ARENA_ARRAY(arena, int, request->column_count + 1);
    for (int i = 0; i < request->column_count; i++) {
        const struct table_column *column = &table->columns[request->columns[i]];
        struct scan_column *out = &source->columns[i];
        source->types[i] = out->type = column->type;
        out->partition = filesystem_partition_index(table, request->columns[i]);
        if (column->kind == COLUMN_METADATA) {
            out->kind = SCAN_METADATA;
            out->metadata_key = column->metadata_key;
            if (strcmp(column->metadata_key, "file.line") == 0) {
                out->kind = SCAN_LINE;
                source->line_column = i;
            }
        } else if (out->partition >= 0) {
            out->kind = SCAN_PARTITION;
        } else {
            int field = 0;
            while (source->format.positions[field] != request->columns[i]) field++;
            source->field_columns[source->field_count] = i;
            source->projected[source->field_count++] = field;
        }
    }
}

static void keep_predicates(struct source *source, const struct scan_request *request) {
    struct predicate *predicates = ARENA_ARRAY(&source->arena, struct predicate, request->predicate_count + 1);
    for (int i = 0; i < request->predicate_count; i++) {
        const struct predicate *from = &request->predicates[i];
        struct value *values = ARENA_ARRAY(&source->arena, struct value, from->value_count + 1);
        for (int v = 0; v < from->value_count; v++) values[v] = value_copy(&source->arena, &from->values[v]);
        predicates[i] = *from;
        predicates[i].values = values;
    }
    source->predicates = predicates;
    source->predicate_count = request->predicate_count;
}

static enum status source_open(const struct table *table, const struct scan_request *request, int parallelism,
                               struct mem_account *account, struct source **out, struct error *err) {
    (void)parallelism;
    if (request->bounded_only && !is_bounded(table)) {
        error_set(err, STATUS_NOT_SUPPORTED, "table '%s' never ends, so it cannot be read as a batch", table->name);
        error_hint(err, "leave out 'source.monitor-interval', or set 'execution.runtime-mode' = 'streaming'");
        return STATUS_NOT_SUPPORTED;
    }
    struct source *source = xcalloc(1, sizeof *source);
    source->table = table;
    source->skip_records = option_int(&table->options, filesystem_options, "source.skip-records");
    arena_init(&source->arena, account);
    source->pool = xcalloc(1, sizeof *source->pool);
    source->pool->refs = 1;
    pthread_mutex_init(&source->pool->mutex, NULL);
    enum status status = filesystem_format(table, &source->arena, &source->format, err);
    if (status == STATUS_OK) {
        plan_columns(source, request);
        keep_predicates(source, request);
        if (!source->format.is_columnar)
            status = source->format.format->reader_open(&source->format.schema, source->projected, source->field_count,
                                                        &source->format.options, &source->reader, err);
    }
    if (status != STATUS_OK) {
        source_close(source);
        return status;
    }
    *out = source;
    return STATUS_OK;
}

void filesystem_put_offset(uint8_t *out, uint64_t a, uint64_t b) {
    for (int i = 0; i < 8; i++) out[i] = (uint8_t)(a >> (8 * i));
    for (int i = 0; i < 8; i++) out[8 + i] = (uint8_t)(b >> (8 * i));
}

void filesystem_get_offset(struct offset offset, uint64_t *a, uint64_t *b) {
    *a = *b = 0;
    for (int i = 7; i >= 0; i--) *a = *a << 8 | offset.bytes[i];
    for (int i = 15; i >= 8; i--) *b = *b << 8 | offset.bytes[i];
}

static enum status source_splits(struct source *source, struct arena *arena, struct split **out, int *out_count,
                                 struct error *err) {
    struct filesystem_list list;
    TRY(filesystem_list(source->table, source->predicates, source->predicate_count, arena, &list, err));
    source->total_bytes = 0;
    for (int i = 0; i < list.count; i++) source->total_bytes += list.files[i].size_bytes;
    if (source->format.is_columnar) return columnar_splits(source, &list, arena, out, out_count, err);
    uint8_t *start = arena_alloc(arena, FILESYSTEM_OFFSET_BYTES);
    filesystem_put_offset(start, 0, 1);
    struct split *splits = ARENA_ARRAY(arena, struct split, list.count + 1);
    for (int i = 0; i < list.count; i++)
        splits[i] = (struct split){
            .id = list.files[i].path, .start = {.len = FILESYSTEM_OFFSET_BYTES, .bytes = start}, .row_estimate = -1};
    *out = splits;
    *out_count = list.count;
    return STATUS_OK;
}

static int64_t discovery_interval_ms(const struct source *source) {
    return is_bounded(source->table)
               ? 0
               : option_int(&source->table->options, filesystem_options, "source.monitor-interval");
}

static int64_t progress_total(struct source *source) { return source->total_bytes; }

static int reader_count(struct source *source, int split_count, int parallelism) {
    (void)source;
    int count = split_count < parallelism ? split_count : parallelism;
    return count > 1 ? count : 1;
}

/* ---- Readers ---- */

static void close_file(struct source_reader *reader) {
    filesystem_stream_close(reader->stream);
    filesystem_scan_file_release(reader->file);
    reader->stream = NULL;
    reader->file = NULL;
}

static void reader_close(struct source_reader *reader) {
    close_file(reader);
    if (reader->columnar) columnar_close(reader->columnar);
    for (int i = 0; i < reader->count; i++) free(reader->ids[i]);
    free(reader->ids);
    free(reader->indexes);
    free(reader->starts);
    free(reader->rest);
    free(reader);
}

static enum status reader_open(struct source *source, const struct split *splits, const int *indexes,
                               const struct offset *starts, int count, struct source_reader **out, struct error *err) {
    struct source_reader *reader = xcalloc(1, sizeof *reader);
    reader->source = source;
    reader->ids = xcalloc((size_t)count + 1, sizeof *reader->ids);
    reader->indexes = xcalloc((size_t)count + 1, sizeof *reader->indexes);
    reader->starts = xcalloc((size_t)count + 1, sizeof *reader->starts);
    for (int i = 0; i < count; i++) {
        if (starts[i].len != FILESYSTEM_OFFSET_BYTES) {
            reader_close(reader);
            return error_set(err, STATUS_BAD_DATA, "the offset of file '%s' has %u bytes, not %d", splits[i].id,
                             starts[i].len, FILESYSTEM_OFFSET_BYTES);
        }
        reader->ids[i] = xstrdup(splits[i].id);
        reader->indexes[i] = indexes[i];
        filesystem_get_offset(starts[i], &reader->starts[i][0], &reader->starts[i][1]);
        reader->count = i + 1;
    }
    if (source->format.is_columnar) reader->columnar = columnar_open(source);
    *out = reader;
    return STATUS_OK;
}

static enum status open_file(struct source_reader *reader, struct error *err) {
    const char *path = reader->ids[reader->current];
    const uint64_t *start = reader->starts[reader->current];
    TRY(filesystem_scan_file(reader->source, path, &reader->file, err));
    enum status status = filesystem_stream_open(path, start[0], &reader->stream, err);
    if (status != STATUS_OK) {
        close_file(reader);
        return status;
    }
    reader->position = start[0];
    reader->line = start[1];
    reader->ordinal = 0;
    reader->skip_records = start[0] ? 0 : reader->source->skip_records;
    reader->progress_bytes = 0;
    reader->at_end = false;
    reader->rest_len = 0;
    return STATUS_OK;
}

/* Reads up to `capacity` bytes, the rest of the last time first. */
static enum status fill(struct source_reader *reader, char *buffer, size_t *size, size_t capacity, struct error *err) {
    if (*size < capacity && !reader->at_end) {
        size_t got;
        TRY(filesystem_stream_read(reader->stream, buffer + *size, capacity - *size, &got, err));
        reader->at_end = got < capacity - *size;
        *size += got;
    }
    memset(buffer + *size, 0, FORMAT_PADDING_BYTES);
    return STATUS_OK;
}

static void keep_rest(struct source_reader *reader, const char *data, size_t len) {
    ARRAY_RESERVE(reader->rest, reader->rest_capacity, len);
    if (len) memcpy(reader->rest, data, len);
    reader->rest_len = len;
}

static void drop_records(struct format_frame *frame, int count) {
    if (!count) return;
    frame->count -= count;
    memmove(frame->records, frame->records + count, sizeof *frame->records * (size_t)frame->count);
}

/* The line a record begins on. */
static int64_t line_of(const struct file_block *block, int record) {
    int64_t line = block->first_line;
    const char *end = block->buffer + block->records[record].start;
    for (const char *p = block->buffer; (p = memchr(p, '\n', (size_t)(end - p))); p++) line++;
    return line;
}

/* The block's offset. The first block begins where the split does, also when records before it were left out: who reads from there
 * again leaves them out again. */
static void put_start(const struct source_reader *reader, struct file_block *block) {
    const uint64_t *start = reader->starts[reader->current];
    bool is_first = reader->ordinal == 0 && reader->source->skip_records;
    filesystem_put_offset(block->offsets[0], is_first ? start[0] : reader->position,
                          is_first ? start[1] : reader->line);
}

/* The next block of the current file; *out = NULL at its end. */
static enum status read_block(struct source_reader *reader, struct block **out, struct error *err) {
    const struct format_reader *format = reader->source->reader;
    struct buffer_pool *pool = reader->source->pool;
    size_t capacity = FILESYSTEM_BLOCK_BYTES, size = 0;
    while (capacity < reader->rest_len * 2) capacity *= 2; /* a record that is larger than a block */
    char *buffer = capacity == FILESYSTEM_BLOCK_BYTES ? pool_take(pool) : xmalloc(capacity + FORMAT_PADDING_BYTES);
    if (reader->rest_len) memcpy(buffer, reader->rest, reader->rest_len);
    size = reader->rest_len;
    enum status status = STATUS_OK;
    struct format_frame frame = {.capacity = reader->last_record_count + reader->last_record_count / 8 + 64};
    frame.records = xmalloc(sizeof *frame.records * (size_t)frame.capacity);
    int skipped = 0;
    for (;;) {
        TRY_CLEANUP(fill(reader, buffer, &size, capacity, err));
        frame.count = 0;
        format->format->frame(format, buffer, size, reader->position == 0, reader->at_end, &frame);
        skipped = reader->skip_records < frame.count ? (int)reader->skip_records : frame.count;
        reader->skip_records -= skipped;
        if (frame.count > skipped || reader->at_end) break;
        if (frame.consumed_bytes) { /* nothing but blank lines */
            reader->position += frame.consumed_bytes;
            reader->line += (uint64_t)frame.line_count;
            size -= frame.consumed_bytes;
            memmove(buffer, buffer + frame.consumed_bytes, size);
            continue;
        }
        if (size >= FORMAT_MAX_RECORD_BYTES) {
            status = error_set(err, STATUS_LIMIT_EXCEEDED, "%s: line %llu: the record is longer than %d MB",
                               reader->file->path, (unsigned long long)reader->line, FORMAT_MAX_RECORD_BYTES >> 20);
            error_hint(err, "perhaps a quote is never closed");
            goto cleanup;
        }
        capacity *= 2;
        char *larger = xmalloc(capacity + FORMAT_PADDING_BYTES);
        memcpy(larger, buffer, size);
        pool_give(pool, buffer, capacity / 2);
        buffer = larger;
    }
    if (frame.count > skipped) {
        struct file_block *block = xcalloc(1, sizeof *block);
        pool->refs++;
        reader->file->refs++;
        block->pool = pool;
        block->file = reader->file;
        block->buffer = buffer;
        block->capacity = capacity;
        block->records = frame.records;
        block->first_line = (int64_t)reader->line;
        drop_records(&frame, skipped);
        put_start(reader, block);
        keep_rest(reader, buffer + frame.consumed_bytes, size - frame.consumed_bytes);
        reader->position += frame.consumed_bytes;
        reader->line += (uint64_t)frame.line_count;
        filesystem_put_offset(block->offsets[1], reader->position, reader->line);
        block->base = (struct block){
            .split = reader->indexes[reader->current],
            .start = {.len = FILESYSTEM_OFFSET_BYTES, .bytes = block->offsets[0]},
            .end = {.len = FILESYSTEM_OFFSET_BYTES, .bytes = block->offsets[1]},
            .record_count = frame.count,
            .first_record = reader->ordinal,
            .size_bytes = capacity + sizeof *frame.records * (size_t)frame.capacity + sizeof *block,
            .progress = filesystem_stream_file_bytes(reader->stream) - reader->progress_bytes,
            .data = block,
            .release = block_release,
        };
        reader->progress_bytes += block->base.progress;
        reader->ordinal += frame.count;
        reader->last_record_count = frame.count;
        *out = &block->base;
        return STATUS_OK;
    }
    *out = NULL;
cleanup:
    pool_give(pool, buffer, capacity);
    free(frame.records);
    return status;
}

static enum status fetch_records(struct source_reader *reader, struct block **out, struct error *err) {
    if (!reader->file) TRY(open_file(reader, err));
    *out = NULL;
    if (!reader->at_end || reader->rest_len) TRY(read_block(reader, out, err));
    if (!*out) close_file(reader);
    return STATUS_OK;
}

static enum status fetch_columns(struct source_reader *reader, struct block **out, struct error *err) {
    int current = reader->current;
    uint8_t start[FILESYSTEM_OFFSET_BYTES];
    filesystem_put_offset(start, reader->starts[current][0], reader->starts[current][1]);
    if (!reader->begun)
        TRY(columnar_begin(reader->columnar, reader->ids[current], reader->indexes[current],
                           (struct offset){sizeof start, start}, err));
    reader->begun = true;
    TRY(columnar_fetch(reader->columnar, out, err));
    if (!*out) reader->begun = false;
    return STATUS_OK;
}

static enum status fetch(struct source_reader *reader, int timeout_ms, struct block **out, enum fetch_result *result,
                         struct error *err) {
    (void)timeout_ms;
    for (; reader->current < reader->count; reader->current++) {
        struct block *block;
        if (reader->columnar)
            TRY(fetch_columns(reader, &block, err));
        else
            TRY(fetch_records(reader, &block, err));
        if (!block) continue;
        *out = block;
        *result = FETCH_BLOCK;
        return STATUS_OK;
    }
    *result = FETCH_END;
    return STATUS_OK;
}

/* ---- Decoding ---- */

/* A place in a block, going forward, and its line. */
struct line_cursor {
    const char *at;
    int64_t line;
};

static void put_lines(const struct file_block *block, const int32_t *records, int count, struct line_cursor *cursor,
                      int64_t *out) {
    for (int i = 0; i < count; i++) {
        const char *start = block->buffer + block->records[records[i]].start;
        for (const char *p = cursor->at; (p = memchr(p, '\n', (size_t)(start - p))); p++) cursor->line++;
        cursor->at = start;
        out[i] = cursor->line;
    }
}

/* What a batch's malformed records are told with. */
struct bad_place {
    const struct file_block *block;
    struct decode_output *output;
};

static enum status malformed(struct format_batch *batch, int record, const struct error *why, struct error *err) {
    const struct bad_place *place = batch->owner;
    const struct file_block *block = place->block;
    struct format_record span = block->records[record];
    struct bad_record bad = {
        .file = block->file->path, .line = line_of(block, record), .text = {block->buffer + span.start, span.len}};
    place->output->bad_records++;
    return place->output->bad_rows->record(place->output->bad_rows->data, &bad, why, err);
}

static enum status decode(struct source *source, const struct block *base, int first, int count,
                          struct decode_output *output, struct error *err) {
    if (source->format.is_columnar) return columnar_decode(source, base, first, count, output, err);
    const struct file_block *block = base->data;
    const struct format_reader *reader = source->reader;
    struct arena *arena = output->arena;
    struct vector **columns = ARENA_ARRAY(arena, struct vector *, source->field_count + 1);
    struct bad_place place = {block, output};
    struct line_cursor cursor = {block->buffer + block->records[first].start, 0};
    int32_t row_records[VECTOR_CAPACITY];
    if (source->line_column >= 0) cursor.line = line_of(block, first);
    for (int end = first + count; first < end;) {
        int batch_count = end - first < VECTOR_CAPACITY ? end - first : VECTOR_CAPACITY;
        struct chunk *chunk = chunk_create(arena, source->column_count, source->types, VECTOR_CAPACITY);
        for (int i = 0; i < source->field_count; i++) columns[i] = &chunk->columns[source->field_columns[i]];
        struct format_batch batch = {.data = block->buffer,
                                     .records = block->records,
                                     .first = first,
                                     .count = batch_count,
                                     .arena = arena,
                                     .columns = columns,
                                     .row_records = source->line_column >= 0 ? row_records : NULL,
                                     .malformed = output->bad_rows ? malformed : NULL,
                                     .owner = &place};
        enum status status = reader->format->decode(reader, &batch, err);
        if (status != STATUS_OK) {
            if (!output->bad_rows)
                error_prefix(err, "%s: line %lld", block->file->path, (long long)line_of(block, batch.error_record));
            return status;
        }
        output->skipped_records += batch.skipped;
        first += batch.consumed;
        if (batch.row_count == 0) continue;
        if (source->line_column >= 0)
            put_lines(block, row_records, batch.row_count, &cursor, chunk->columns[source->line_column].data);
        filesystem_fill_constants(source, block->file, chunk, arena);
        chunk->row_count = chunk->sel_count = batch.row_count;
        TRY(output->emit(output, chunk, err));
    }
    return STATUS_OK;
}

const struct source_class filesystem_source = {
    .pushdown = pushdown,
    .is_bounded = is_bounded,
    .row_estimate = row_estimate,
    .statistics = statistics,
    .open = source_open,
    .splits = source_splits,
    .discovery_interval_ms = discovery_interval_ms,
    .progress_total = progress_total,
    .progress_in_bytes = true,
    .reader_count = reader_count,
    .reader_open = reader_open,
    .fetch = fetch,
    .reader_close = reader_close,
    .decode = decode,
    .close = source_close,
};
