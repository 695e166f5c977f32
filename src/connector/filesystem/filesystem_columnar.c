/* Reading files of columns (Parquet). A reader thread decompresses rows of a row group at a time, workers make vectors of
 * them. Row groups that the statistics of the footer rule out are skipped. */
#include <stdlib.h>

#include "connector/filesystem/filesystem_private.h"

struct columnar_reader {
    struct source *source;
    char *path; /* of the open file; NULL: none */
    struct scan_file *scan_file;
    struct parquet_file *file;
    struct parquet_reader *parquet;
    struct parquet_reader *bounds; /* of the predicates' columns; NULL: none */
    int *bounds_index;             /* by predicate: its column in bounds, -1: not there */
    int split_index;
    int row_group, row_group_end;
    int64_t row; /* in row_group, where reading goes on */
    bool in_row_group;
    int64_t ordinal;
    int64_t file_rows; /* of the current file */
};

struct columnar_block {
    struct block base;
    struct scan_file *file;
    struct parquet_rows *rows;
    uint8_t offsets[2][FILESYSTEM_OFFSET_BYTES];
};

/* ---- Pruning ---- */

/* Floating-point statistics leave out NaN, which is greater than every number here. */
static bool is_prunable(const struct type *type, enum predicate_op op) {
    if (op == PREDICATE_IS_NULL || op == PREDICATE_IS_NOT_NULL) return true;
    if (type_is_approximate(type)) return op == PREDICATE_EQ || op == PREDICATE_LT || op == PREDICATE_LE;
    return filesystem_is_decidable(type);
}

bool columnar_uses(const struct table *table, const struct predicate *predicate) {
    const struct table_column *column = &table->columns[predicate->column];
    const char *format = option_find(&table->options, "format");
    return format && strcmp(format, parquet_format.name) == 0 && column->kind == COLUMN_PHYSICAL &&
           is_prunable(column->type, predicate->op);
}

static bool is_nan(const struct value *value) {
    return (value->type->id == TYPE_FLOAT && value->f32 != value->f32) ||
           (value->type->id == TYPE_DOUBLE && value->f64 != value->f64);
}

/* May a row within the bounds satisfy the predicate? */
static bool may_satisfy(const struct predicate *predicate, const struct parquet_bounds *bounds) {
    if (predicate->op == PREDICATE_IS_NULL) return !bounds->has_null_count || bounds->null_count > 0;
    if (bounds->has_null_count && bounds->null_count >= bounds->row_count) return false;
    if (predicate->op == PREDICATE_IS_NOT_NULL || !bounds->has_values) return true;
    for (int i = 0; i < predicate->value_count; i++) {
        const struct value *value = &predicate->values[i];
        if (is_nan(value)) return true;
        int low = value_compare(&bounds->min, value), high = value_compare(&bounds->max, value);
        switch (predicate->op) {
        case PREDICATE_LT: return low < 0;
        case PREDICATE_LE: return low <= 0;
        case PREDICATE_GT: return high > 0;
        case PREDICATE_GE: return high >= 0;
        default:
            if (low <= 0 && high >= 0) return true;
        }
    }
    return false;
}

static bool may_match(const struct predicate *predicates, int count, const struct parquet_reader *bounds_reader,
                      const int *index, int row_group) {
    for (int i = 0; i < count; i++) {
        if (index[i] < 0) continue;
        struct parquet_bounds bounds;
        parquet_column_bounds(bounds_reader, row_group, index[i], &bounds);
        if (!may_satisfy(&predicates[i], &bounds)) return false;
    }
    return true;
}

/* A reader of the columns that predicates are on, for their statistics. index[i]: predicate i's column there, or -1. */
static enum status open_bounds(struct parquet_file *file, const struct table *table,
                               const struct filesystem_format *format, const struct predicate *predicates, int count,
                               int *index, struct parquet_reader **out, struct error *err) {
    int *fields = xcalloc((size_t)format->schema.field_count + 1, sizeof *fields), field_count = 0;
    for (int i = 0; i < count; i++) index[i] = -1;
    for (int field = 0; field < format->schema.field_count; field++) {
        bool wanted = false;
        for (int i = 0; i < count; i++)
            if (predicates[i].column == format->positions[field] && columnar_uses(table, &predicates[i])) {
                index[i] = field_count;
                wanted = true;
            }
        if (wanted) fields[field_count++] = field;
    }
    *out = NULL;
    enum status status = STATUS_OK;
    if (field_count) status = parquet_reader_open(file, &format->schema, fields, field_count, out, err);
    free(fields);
    return status;
}

static enum status count_file(const struct table *table, const struct filesystem_format *format, const char *path,
                              const struct predicate *predicates, int count, int *index, int64_t *read, int64_t *total,
                              struct error *err) {
    struct parquet_file *file;
    TRY(parquet_open(path, &file, err));
    struct parquet_reader *bounds = NULL;
    enum status status = open_bounds(file, table, format, predicates, count, index, &bounds, err);
    for (int g = 0; status == STATUS_OK && g < parquet_row_group_count(file); g++) {
        *read += !bounds || may_match(predicates, count, bounds, index, g);
        ++*total;
    }
    if (bounds) parquet_reader_close(bounds);
    parquet_release(file);
    return status;
}

enum status columnar_count(const struct table *table, const struct filesystem_list *list,
                           const struct predicate *predicates, int predicate_count, int64_t *read, int64_t *total,
                           struct error *err) {
    struct arena arena;
    arena_init(&arena, NULL);
    struct filesystem_format format;
    enum status status = filesystem_format(table, &arena, &format, err);
    int *index = ARENA_ARRAY(&arena, int, predicate_count + 1);
    *read = *total = 0;
    for (int i = 0; i < list->count && status == STATUS_OK; i++)
        status = count_file(table, &format, list->files[i].path, predicates, predicate_count, index, read, total, err);
    arena_destroy(&arena);
    return status;
}

int64_t columnar_row_estimate(const struct filesystem_list *list) {
    int64_t rows = 0, read_bytes = 0, bytes = 0;
    for (int i = 0; i < list->count; i++) {
        bytes += list->files[i].size_bytes;
        struct parquet_file *file;
        if (i >= FILESYSTEM_ESTIMATE_FILES || parquet_open(list->files[i].path, &file, NULL) != STATUS_OK) continue;
        for (int g = 0; g < parquet_row_group_count(file); g++) rows += parquet_row_count(file, g);
        read_bytes += list->files[i].size_bytes;
        parquet_release(file);
    }
    if (list->count == 0) return 0;
    return read_bytes ? (int64_t)((double)rows * ((double)bytes / (double)read_bytes)) : -1;
}

/* ---- Statistics ---- */

/* A column over the row groups seen so far. */
struct column_sums {
    bool bounded, counted; /* every row group had bounds, NULL counts */
    struct value low, high;
    double nulls;
    double distinct_sum, distinct_most; /* over row groups; -1: some row group does not know */
};

static void add_bounds(struct column_sums *sums, const struct parquet_bounds *bounds, struct arena *arena, bool first) {
    if (first) *sums = (struct column_sums){.bounded = true, .counted = true};
    sums->counted &= bounds->has_null_count;
    if (bounds->has_null_count) sums->nulls += (double)bounds->null_count;
    if (bounds->has_null_count && bounds->null_count == bounds->row_count) return; /* no values, no bounds */
    sums->bounded &= bounds->has_values;
    if (bounds->has_values && sums->bounded) {
        if (!sums->low.type || value_compare(&bounds->min, &sums->low) < 0) sums->low = value_copy(arena, &bounds->min);
        if (!sums->high.type || value_compare(&bounds->max, &sums->high) > 0)
            sums->high = value_copy(arena, &bounds->max);
    }
    if (bounds->distinct_count < 0 || sums->distinct_sum < 0) {
        sums->distinct_sum = sums->distinct_most = -1;
        return;
    }
    double distinct = (double)bounds->distinct_count;
    sums->distinct_sum += distinct;
    if (distinct > sums->distinct_most) sums->distinct_most = distinct;
}

static void finish_column(const struct column_sums *sums, double rows, int row_group_count,
                          struct column_statistics *out) {
    /* A column whose values come back within a row group has the same ones in the others; else each has its own. */
    enum { REPEATED = 10 };
    if (sums->counted && rows > 0) out->null_fraction = sums->nulls / rows;
    if (sums->bounded && sums->low.type) {
        out->has_bounds = true;
        out->low = sums->low;
        out->high = sums->high;
    }
    if (sums->distinct_sum < 0 || row_group_count == 0) return;
    bool repeated = sums->distinct_most * REPEATED * row_group_count < rows;
    out->distinct_count = repeated ? sums->distinct_most : sums->distinct_sum;
}

static enum status read_file(const struct filesystem_format *format, const char *path, const int *fields,
                             struct column_sums *sums, double *rows, int *row_groups, struct arena *arena) {
    struct parquet_file *file;
    TRY(parquet_open(path, &file, NULL));
    struct parquet_reader *reader;
    enum status status = parquet_reader_open(file, &format->schema, fields, format->schema.field_count, &reader, NULL);
    for (int g = 0; status == STATUS_OK && g < parquet_row_group_count(file); g++) {
        *rows += (double)parquet_row_count(file, g);
        for (int i = 0; i < format->schema.field_count; i++) {
            struct parquet_bounds bounds;
            parquet_column_bounds(reader, g, i, &bounds);
            add_bounds(&sums[i], &bounds, arena, *row_groups == 0);
        }
        ++*row_groups;
    }
    if (status == STATUS_OK) parquet_reader_close(reader);
    parquet_release(file);
    return status;
}

void columnar_statistics(const struct filesystem_format *format, const struct filesystem_list *list,
                         struct arena *arena, struct table_statistics *out) {
    int count = format->schema.field_count, row_groups = 0;
    struct column_sums *sums = ARENA_ARRAY(arena, struct column_sums, count + 1);
    int *fields = ARENA_ARRAY(arena, int, count + 1);
    for (int i = 0; i < count; i++) fields[i] = i;
    double rows = 0, read_bytes = 0, bytes = 0;
    for (int i = 0; i < list->count; i++) {
        bytes += (double)list->files[i].size_bytes;
        if (i >= FILESYSTEM_ESTIMATE_FILES || row_groups >= FILESYSTEM_ESTIMATE_ROW_GROUPS) continue;
        if (read_file(format, list->files[i].path, fields, sums, &rows, &row_groups, arena) != STATUS_OK) return;
        read_bytes += (double)list->files[i].size_bytes;
    }
    if (list->count == 0) out->row_count = 0;
    if (!row_groups) return;
    for (int i = 0; i < count; i++) finish_column(&sums[i], rows, row_groups, &out->columns[format->positions[i]]);
    out->row_count = read_bytes > 0 ? rows * bytes / read_bytes : rows;
}

/* ---- Splits ---- */

struct split_list {
    struct arena *arena;
    struct split *splits;
    int count, capacity;
};

static void add_split(struct split_list *list, const char *path, int first, int end) {
    ARRAY_RESERVE(list->splits, list->capacity, list->count + 1);
    uint8_t *start = arena_alloc(list->arena, FILESYSTEM_OFFSET_BYTES);
    filesystem_put_offset(start, (uint64_t)first, 0);
    list->splits[list->count++] = (struct split){.id = arena_printf(list->arena, "%s#%d-%d", path, first, end - 1),
                                                 .start = {.len = FILESYSTEM_OFFSET_BYTES, .bytes = start},
                                                 .row_estimate = -1};
}

/* Only the file decides where splits end, so that they are the same after a restart with other workers or predicates. */
static enum status split_file(struct split_list *list, const char *path, struct error *err) {
    struct parquet_file *file;
    TRY(parquet_open(path, &file, err));
    int64_t bytes = 0;
    int first = 0, count = parquet_row_group_count(file);
    for (int g = 0; g < count; g++) {
        bytes += parquet_size_bytes(file, g);
        if (bytes < FILESYSTEM_SPLIT_BYTES && g + 1 < count) continue;
        add_split(list, path, first, g + 1);
        first = g + 1;
        bytes = 0;
    }
    parquet_release(file);
    return STATUS_OK;
}

enum status columnar_splits(struct source *source, const struct filesystem_list *files, struct arena *arena,
                            struct split **splits, int *split_count, struct error *err) {
    (void)source;
    struct split_list list = {.arena = arena};
    enum status status = STATUS_OK;
    for (int i = 0; i < files->count && status == STATUS_OK; i++) status = split_file(&list, files->files[i].path, err);
    if (status == STATUS_OK) {
        *splits = ARENA_ARRAY(arena, struct split, list.count + 1);
        if (list.count) memcpy(*splits, list.splits, sizeof *list.splits * (size_t)list.count);
        *split_count = list.count;
    }
    free(list.splits);
    return status;
}

/* "path#first-last" */
static enum status parse_split(const char *id, char **path, int *first, int *last, struct error *err) {
    const char *mark = strrchr(id, '#');
    char *end;
    if (mark) {
        long a = strtol(mark + 1, &end, 10);
        long b = *end == '-' ? strtol(end + 1, &end, 10) : -1;
        if (*end == 0 && a >= 0 && b >= a && b < INT32_MAX) {
            *path = xstrndup(id, (size_t)(mark - id));
            *first = (int)a;
            *last = (int)b;
            return STATUS_OK;
        }
    }
    return error_set(err, STATUS_BAD_DATA, "'%s' does not name row groups of a file", id);
}

/* ---- Reading ---- */

struct columnar_reader *columnar_open(struct source *source) {
    struct columnar_reader *reader = xcalloc(1, sizeof *reader);
    reader->source = source;
    reader->bounds_index = xcalloc((size_t)source->predicate_count + 1, sizeof *reader->bounds_index);
    return reader;
}

static void close_file(struct columnar_reader *reader) {
    if (reader->parquet) parquet_reader_close(reader->parquet);
    if (reader->bounds) parquet_reader_close(reader->bounds);
    if (reader->file) parquet_release(reader->file);
    filesystem_scan_file_release(reader->scan_file);
    free(reader->path);
    reader->parquet = reader->bounds = NULL;
    reader->file = NULL;
    reader->scan_file = NULL;
    reader->path = NULL;
}

void columnar_close(struct columnar_reader *reader) {
    close_file(reader);
    free(reader->bounds_index);
    free(reader);
}

static enum status open_file(struct columnar_reader *reader, const char *path, struct error *err) {
    struct source *source = reader->source;
    const struct filesystem_format *format = &source->format;
    TRY(filesystem_scan_file(source, path, &reader->scan_file, err));
    TRY(parquet_open(path, &reader->file, err));
    TRY(parquet_reader_open(reader->file, &format->schema, source->projected, source->field_count, &reader->parquet,
                            err));
    TRY(open_bounds(reader->file, source->table, format, source->predicates, source->predicate_count,
                    reader->bounds_index, &reader->bounds, err));
    reader->path = xstrdup(path);
    reader->file_rows = 0;
    for (int g = 0; g < parquet_row_group_count(reader->file); g++)
        reader->file_rows += parquet_row_count(reader->file, g);
    return STATUS_OK;
}

enum status columnar_begin(struct columnar_reader *reader, const char *split_id, int index, struct offset start,
                           struct error *err) {
    char *path = NULL;
    int first = 0, last = 0;
    TRY(parse_split(split_id, &path, &first, &last, err));
    enum status status = STATUS_OK;
    if (!reader->path || strcmp(reader->path, path) != 0) { /* splits of a file follow each other */
        close_file(reader);
        status = open_file(reader, path, err);
        if (status != STATUS_OK) close_file(reader);
    }
    free(path);
    if (status != STATUS_OK) return status;
    uint64_t row_group, row;
    filesystem_get_offset(start, &row_group, &row);
    if (last >= parquet_row_group_count(reader->file) || row_group < (uint64_t)first ||
        row_group > (uint64_t)last + 1 || (row > 0 && row_group > (uint64_t)last) ||
        (row > 0 && row > (uint64_t)parquet_row_count(reader->file, (int)row_group)))
        return error_set(err, STATUS_BAD_DATA,
                         "file '%s' is not the one that was read before: it has no row %llu in row "
                         "group %llu",
                         reader->path, (unsigned long long)row, (unsigned long long)row_group);
    reader->split_index = index;
    reader->row_group = (int)row_group;
    reader->row_group_end = last + 1;
    reader->row = (int64_t)row;
    reader->in_row_group = false;
    reader->ordinal = 0;
    return STATUS_OK;
}

static void block_release(struct block *base) {
    struct columnar_block *block = (struct columnar_block *)base;
    parquet_rows_release(block->rows);
    filesystem_scan_file_release(block->file);
    free(block);
}

static struct block *make_block(struct columnar_reader *reader, struct parquet_rows *rows) {
    struct columnar_block *block = xcalloc(1, sizeof *block);
    int count = parquet_rows_count(rows);
    filesystem_put_offset(block->offsets[0], (uint64_t)reader->row_group, (uint64_t)reader->row);
    reader->row += count;
    if (reader->row >= parquet_row_count(reader->file, reader->row_group)) {
        reader->row_group++;
        reader->row = 0;
        reader->in_row_group = false;
    }
    filesystem_put_offset(block->offsets[1], (uint64_t)reader->row_group, (uint64_t)reader->row);
    atomic_fetch_add(&reader->scan_file->refs, 1);
    block->file = reader->scan_file;
    block->rows = rows;
    block->base = (struct block){
        .split = reader->split_index,
        .start = {.len = FILESYSTEM_OFFSET_BYTES, .bytes = block->offsets[0]},
        .end = {.len = FILESYSTEM_OFFSET_BYTES, .bytes = block->offsets[1]},
        .record_count = count,
        .first_record = reader->ordinal,
        .size_bytes = parquet_rows_bytes(rows) + sizeof *block,
        .progress = (int64_t)((double)reader->scan_file->size_bytes * count / (double)reader->file_rows),
        .data = block,
        .release = block_release,
    };
    reader->ordinal += count;
    return &block->base;
}

enum status columnar_fetch(struct columnar_reader *reader, struct block **out, struct error *err) {
    const struct source *source = reader->source;
    *out = NULL;
    while (reader->row_group < reader->row_group_end) {
        if (!reader->in_row_group) {
            if (reader->bounds && !may_match(source->predicates, source->predicate_count, reader->bounds,
                                             reader->bounds_index, reader->row_group)) {
                reader->row_group++;
                reader->row = 0;
                continue;
            }
            parquet_seek(reader->parquet, reader->row_group, reader->row);
            reader->in_row_group = true;
        }
        struct parquet_rows *rows;
        TRY(parquet_read(reader->parquet, &rows, err));
        if (rows) {
            *out = make_block(reader, rows);
            return STATUS_OK;
        }
        reader->row_group++;
        reader->row = 0;
        reader->in_row_group = false;
    }
    return STATUS_OK;
}

/* ---- Decoding ---- */

enum status columnar_decode(struct source *source, const struct block *base, int first, int count,
                            struct decode_output *output, struct error *err) {
    const struct columnar_block *block = base->data;
    struct arena *arena = output->arena;
    struct vector **columns = ARENA_ARRAY(arena, struct vector *, source->field_count + 1);
    for (int end = first + count; first < end;) {
        int rows = end - first < VECTOR_CAPACITY ? end - first : VECTOR_CAPACITY;
        struct chunk *chunk = chunk_create(arena, source->column_count, source->types, VECTOR_CAPACITY);
        for (int i = 0; i < source->field_count; i++) columns[i] = &chunk->columns[source->field_columns[i]];
        enum status status = parquet_decode(block->rows, first, rows, arena, columns, err);
        if (status != STATUS_OK) {
            error_prefix(err, "file '%s'", block->file->path);
            return status;
        }
        filesystem_fill_constants(source, block->file, chunk, arena);
        if (source->line_column >= 0) { /* these files have no lines */
            struct value null = value_null(source->types[source->line_column]);
            vector_init_const(&chunk->columns[source->line_column], arena, null.type, &null);
        }
        chunk->row_count = chunk->sel_count = rows;
        first += rows;
        TRY(output->emit(output, chunk, err));
    }
    return STATUS_OK;
}
