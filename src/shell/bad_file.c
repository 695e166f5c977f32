#include "shell/bad_file.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "shell/text.h"

struct bad_file {
    struct bad_rows rows; /* what the engine sees */
    const struct bad_file_options *options;
    char *reasons_path;
    pthread_mutex_t lock;
    FILE *out, *reasons;
    int64_t count;
    /* of rows that the system refuses: how they are written */
    struct format_writer *writer;
    /* hashes of the reasons of an earlier run */
    uint64_t *known;
    size_t known_count, known_capacity;
};

static uint64_t hash_line(const char *text, size_t len) {
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */
    for (size_t i = 0; i < len; i++) hash = (hash ^ (unsigned char)text[i]) * UINT64_C(1099511628211);
    return hash;
}

static int compare_hashes(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static bool is_known(const struct bad_file *file, const struct strbuf *line) {
    uint64_t hash = hash_line(line->data, line->len);
    return file->known_count && bsearch(&hash, file->known, file->known_count, sizeof hash, compare_hashes);
}

static enum status io_error(const char *what, const char *path, struct error *err) {
    return error_set(err, STATUS_IO_ERROR, "cannot %s %s: %s", what, path, strerror(errno));
}

/* ---- Opening ---- */

static enum status read_known(struct bad_file *file, struct error *err) {
    FILE *in = fopen(file->reasons_path, "re");
    if (!in) return errno == ENOENT ? STATUS_OK : io_error("read", file->reasons_path, err);
    char *line = NULL;
    size_t capacity = 0;
    for (ssize_t len; (len = getline(&line, &capacity, in)) > 0;) {
        if (line[len - 1] != '\n') break; /* cut off when the load was killed: it comes again */
        ARRAY_RESERVE(file->known, file->known_capacity, file->known_count + 1);
        file->known[file->known_count++] = hash_line(line, (size_t)len);
    }
    free(line);
    fclose(in);
    if (file->known_count) qsort(file->known, file->known_count, sizeof *file->known, compare_hashes);
    file->count = (int64_t)file->known_count;
    return STATUS_OK;
}

static enum status record(void *data, const struct bad_record *bad, const struct error *why, struct error *err);
static enum status row(void *data, const struct table *table, const int *columns, const struct chunk *chunk, int at,
                       const struct error *why, struct error *err);

enum status bad_file_create(const struct bad_file_options *options, struct bad_file **out, struct error *err) {
    struct bad_file *file = xcalloc(1, sizeof *file);
    file->options = options;
    file->rows = (struct bad_rows){.data = file, .record = record, .row = row};
    pthread_mutex_init(&file->lock, NULL);
    if (asprintf(&file->reasons_path, "%s.reasons", options->path) < 0) abort();
    enum status status = STATUS_OK;
    if (options->resume)
        status = read_known(file, err);
    else if (unlink(options->path) != 0 && errno != ENOENT)
        status = io_error("replace", options->path, err);
    else if (unlink(file->reasons_path) != 0 && errno != ENOENT)
        status = io_error("replace", file->reasons_path, err);
    if (status != STATUS_OK)
        bad_file_destroy(file);
    else
        *out = file;
    return status;
}

const struct bad_rows *bad_file_rows(struct bad_file *file) { return &file->rows; }

int64_t bad_file_count(struct bad_file *file) {
    pthread_mutex_lock(&file->lock);
    int64_t count = file->count;
    pthread_mutex_unlock(&file->lock);
    return count;
}

const char *bad_file_reasons_path(const struct bad_file *file) { return file->reasons_path; }

void bad_file_destroy(struct bad_file *file) {
    if (!file) return;
    if (file->writer) file->writer->format->writer_close(file->writer);
    if (file->out) fclose(file->out);
    if (file->reasons) fclose(file->reasons);
    pthread_mutex_destroy(&file->lock);
    free(file->known);
    free(file->reasons_path);
    free(file);
}

/* A writer of the files' layout. table_columns: the table's columns that the chunk has. */
static enum status open_writer(const struct bad_file *file, const struct table *table, const int *table_columns,
                               int column_count, struct format_writer **out, struct error *err) {
    const struct bad_file_options *options = file->options;
    int count = options->schema->field_count;
    int *columns = xcalloc((size_t)count + 1, sizeof *columns);
    for (int i = 0; i < count; i++) {
        columns[i] = -1;
        for (int k = 0; options->columns[i] && k < column_count; k++)
            if (strcmp(table->columns[table_columns[k]].name, options->columns[i]) == 0) columns[i] = k;
    }
    enum status status = options->format->writer_open(options->schema, columns, options->format_options, out, err);
    free(columns);
    return status;
}

static enum status open_files(struct bad_file *file, struct error *err) {
    const struct bad_file_options *options = file->options;
    if (file->out) return STATUS_OK;
    file->out = fopen(options->path, "ae");
    if (!file->out) return io_error("write", options->path, err);
    file->reasons = fopen(file->reasons_path, "ae");
    if (!file->reasons) return io_error("write", file->reasons_path, err);
    fseek(file->out, 0, SEEK_END);
    if (ftell(file->out) > 0 || !options->format->header) return STATUS_OK;
    struct format_writer *writer;
    struct strbuf header = {0};
    TRY(open_writer(file, NULL, NULL, 0, &writer, err));
    options->format->header(writer, &header);
    options->format->writer_close(writer);
    fwrite(header.data ? header.data : "", 1, header.len, file->out);
    strbuf_free(&header);
    return STATUS_OK;
}

/* ---- Rows ---- */

/* The row first: one whose reason is there is not written again after a restart, so it must be there too. */
static enum status put(struct bad_file *file, struct str text, const struct strbuf *reason, const struct error *why,
                       struct error *err) {
    const struct bad_file_options *options = file->options;
    if (is_known(file, reason)) return STATUS_OK;
    TRY(open_files(file, err));
    bool good = fwrite(text.data, 1, text.len, file->out) == text.len && fputc('\n', file->out) != EOF &&
                fflush(file->out) == 0;
    if (!good) return io_error("write", options->path, err);
    good = fwrite(reason->data, 1, reason->len, file->reasons) == reason->len && fflush(file->reasons) == 0;
    if (!good) return io_error("write", file->reasons_path, err);
    file->count++;
    if (options->max_rows < 0 || file->count <= options->max_rows) return STATUS_OK;
    error_set(err, STATUS_BAD_DATA, "more than %lld row%s bad", (long long)options->max_rows,
              options->max_rows == 1 ? " is" : "s are");
    error_detail(err, "the last one: %s", why->message);
    error_hint(err, "--max-errors is the limit; all reasons are in %s", file->reasons_path);
    return STATUS_BAD_DATA;
}

static void put_place(struct strbuf *line, const char *name, int64_t number) {
    if (name) {
        strbuf_puts(line, "\"file\":");
        text_put_json(line, name, strlen(name));
        strbuf_putc(line, ',');
    }
    if (number > 0) strbuf_printf(line, "\"line\":%lld,", (long long)number);
}

static void put_why(struct strbuf *line, const struct error *why) {
    strbuf_puts(line, "\"error\":");
    text_put_json(line, why->message, strlen(why->message));
    strbuf_puts(line, "}\n");
}

static enum status record(void *data, const struct bad_record *bad, const struct error *why, struct error *err) {
    struct bad_file *file = data;
    struct strbuf line = {0};
    strbuf_putc(&line, '{');
    put_place(&line, bad->file, bad->line + file->options->line_shift);
    put_why(&line, why);
    pthread_mutex_lock(&file->lock);
    enum status status = put(file, bad->text, &line, why, err);
    pthread_mutex_unlock(&file->lock);
    strbuf_free(&line);
    return status;
}

/* The key of a row, as in the message: {"id":"7"}. */
static void put_key(struct strbuf *line, const struct table *table, const int *columns, const struct chunk *chunk,
                    int at) {
    bool first = true;
    strbuf_puts(line, "\"key\":{");
    for (int k = 0; k < table->primary_key_count; k++)
        for (int i = 0; i < chunk->column_count; i++) {
            if (columns[i] != table->primary_key[k]) continue;
            if (!first) strbuf_putc(line, ',');
            first = false;
            const char *name = table->columns[columns[i]].name;
            text_put_json(line, name, strlen(name));
            strbuf_putc(line, ':');
            cell_put_json(line, &chunk->columns[i], at, NULL);
        }
    strbuf_puts(line, "},");
}

static void put_origin(struct strbuf *line, const struct bad_file *file, const struct table *table, const int *columns,
                       const struct chunk *chunk, int at) {
    struct str name = {0};
    int64_t number = 0;
    for (int i = 0; i < chunk->column_count; i++) {
        const struct table_column *column = &table->columns[columns[i]];
        if (column->kind != COLUMN_METADATA || vector_is_null(&chunk->columns[i], at)) continue;
        if (strcmp(column->metadata_key, "origin.file") == 0)
            name = strview_str(&((const struct strview *)chunk->columns[i].data)[at]);
        else if (strcmp(column->metadata_key, "origin.line") == 0)
            number = ((const int64_t *)chunk->columns[i].data)[at] + file->options->line_shift;
    }
    char *copy = name.data ? strndup(name.data, name.len) : NULL;
    put_place(line, copy, number);
    free(copy);
}

static enum status row(void *data, const struct table *table, const int *columns, const struct chunk *chunk, int at,
                       const struct error *why, struct error *err) {
    struct bad_file *file = data;
    struct strbuf line = {0}, text = {0};
    strbuf_puts(&text, "");
    strbuf_putc(&line, '{');
    put_origin(&line, file, table, columns, chunk, at);
    put_key(&line, table, columns, chunk, at);
    put_why(&line, why);
    pthread_mutex_lock(&file->lock);
    enum status status = STATUS_OK;
    if (!file->writer) status = open_writer(file, table, columns, chunk->column_count, &file->writer, err);
    if (status == STATUS_OK) status = file->options->format->encode(file->writer, chunk, at, &text, err);
    if (status == STATUS_OK) status = put(file, strbuf_str(&text), &line, why, err);
    pthread_mutex_unlock(&file->lock);
    strbuf_free(&line);
    strbuf_free(&text);
    return status;
}
