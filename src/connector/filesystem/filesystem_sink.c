/* Writing files into a directory: part-<job>-<sink>-<number>, .parquet behind Parquet's; with PARTITIONED BY in folders
 * key=value below it, a file for each that rows come for.
 *
 * Rows go to hidden files (.part-….inprogress), which become visible by being renamed:
 *   - jobs with checkpoints: `prepare` closes and syncs the files, `commit` renames them once the checkpoint is durable,
 *     `restore` removes what the checkpoint does not know;
 *   - batch without checkpoints: all at flush; nothing is left behind when the query fails;
 *   - streaming without checkpoints: when a file is full or old, at the end of a step.
 * A single file ('sink.single-file') is .<name>.inprogress until then, and replaces one of its name; standard output has neither.
 * What prepare keeps: the number of the next file, then of each file to be renamed its number, the length of its folder's
 * name and the name; all numbers 64-bit little-endian. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "connector/filesystem/filesystem_private.h"

enum {
    PREFIX_MAX_BYTES = 200, /* of file names, which have 255 */
    FOLDER_MAX_BYTES = 4096,
};

/* A file that is being written. */
struct out_file {
    char *folder; /* below the sink's directory, "" for none */
    uint64_t number;
    int fd;
    FILE *stream;                     /* Parquet */
    struct filesystem_output *output; /* records */
    struct parquet_writer *parquet;
    struct strbuf buf; /* records not yet written */
    int64_t size_bytes, row_count, opened_ms;
};

/* A file that is whole, but not visible. */
struct closed_file {
    uint64_t number;
    char *folder;
};

struct sink {
    struct arena arena;
    struct filesystem_format format;
    struct format_writer *writer; /* records; NULL when columnar */
    int *columns;                 /* by field: of the chunks */
    const char *dir;
    const char *prefix; /* "part-<job>-<sink>-" */
    const char *single; /* the only file's name, "-": standard output; NULL: any number of files */
    enum filesystem_codec codec;
    const char *suffix;
    const struct table *table;
    int *partition_columns;                  /* by position in partitioned_by: of the chunks, -1: none */
    const char *default_name, *success_name; /* success_name NULL: no such file */
    bool exactly_once, streaming;
    bool decided;             /* a journal says that the closed files replace others */
    bool overwrite;           /* INSERT OVERWRITE, and the old files are still there */
    const char *fixed_folder; /* of PARTITION (…) that names all partition columns; NULL: those that rows come for */
    int64_t roll_bytes, roll_ms, roll_rows;
    uint64_t next_number;
    struct out_file *open;
    int open_count, open_capacity;
    struct closed_file *closed;
    int closed_count, closed_capacity;
    bool flushed;
    int prepared_count; /* the first of them that a checkpoint has */
};

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static enum status io_error(const char *what, const char *path, struct error *err) {
    return filesystem_io_error(path, what, err);
}

static void put_folder(const struct sink *sink, const char *folder, struct strbuf *out) {
    strbuf_clear(out);
    strbuf_printf(out, "%s/%s%s", sink->dir, folder, *folder ? "/" : "");
}

static void hidden_path(const struct sink *sink, const char *folder, uint64_t number, struct strbuf *out) {
    put_folder(sink, folder, out);
    if (sink->single)
        strbuf_printf(out, ".%s.inprogress", sink->single);
    else
        strbuf_printf(out, ".%s%" PRIu64 ".inprogress", sink->prefix, number);
}

static void visible_path(const struct sink *sink, const char *folder, uint64_t number, struct strbuf *out) {
    put_folder(sink, folder, out);
    if (sink->single)
        strbuf_puts(out, sink->single);
    else
        strbuf_printf(out, "%s%" PRIu64 "%s", sink->prefix, number, sink->suffix);
}

static enum status make_directories(const char *dir, struct error *err) {
    char *path = xstrdup(dir);
    enum status status = STATUS_OK;
    for (char *p = path + 1; status == STATUS_OK; p++) {
        if (*p != '/' && *p) continue;
        char c = *p;
        *p = 0;
        if (mkdir(path, 0777) != 0 && errno != EEXIST) status = io_error("make directory", path, err);
        *p = c;
        if (!c) break;
    }
    free(path);
    struct stat st;
    if (status == STATUS_OK && (stat(dir, &st) != 0 || !S_ISDIR(st.st_mode))) {
        error_set(err, STATUS_IO_ERROR, "'%s' is no directory: files are written into a directory", dir);
        status = STATUS_IO_ERROR;
    }
    return status;
}

static enum status sync_path(const char *path, struct error *err) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return io_error("open", path, err);
    int failed = fsync(fd);
    if (failed) io_error("sync", path, err);
    close(fd);
    return failed ? STATUS_IO_ERROR : STATUS_OK;
}

/* A folder and those around it up to the sink's directory: their names are in each other. */
static enum status sync_folder(const struct sink *sink, const char *folder, struct error *err) {
    char *path = xmalloc(strlen(sink->dir) + strlen(folder) + 2);
    sprintf(path, "%s/%s", sink->dir, folder);
    enum status status = STATUS_OK;
    for (size_t len = strlen(path); status == STATUS_OK && len >= strlen(sink->dir);) {
        path[len] = 0;
        status = sync_path(path, err);
        while (len > 0 && path[len] != '/') len--;
        if (len == 0) break;
    }
    free(path);
    return status;
}

/* A file name of this sink: gives its number. */
static bool own_name(const struct sink *sink, const char *name, bool *hidden, uint64_t *number) {
    *hidden = name[0] == '.';
    name += *hidden;
    size_t len = strlen(sink->prefix);
    if (strncmp(name, sink->prefix, len) != 0) return false;
    name += len;
    size_t digits = strspn(name, "0123456789");
    if (digits == 0 || digits > 19) return false;
    if (strcmp(name + digits, *hidden ? ".inprogress" : sink->suffix) != 0) return false;
    *number = strtoull(name, NULL, 10);
    return true;
}

typedef bool remove_test(const struct sink *sink, const char *folder, bool hidden, uint64_t number);

static enum status walk_folder(struct sink *sink, const char *folder, int depth, remove_test *remove,
                               struct error *err) {
    struct strbuf path = {0};
    put_folder(sink, folder, &path);
    DIR *dir = opendir(path.data);
    enum status status = dir ? STATUS_OK : io_error("read", path.data, err);
    for (struct dirent *entry; status == STATUS_OK && (entry = readdir(dir));) {
        bool hidden;
        uint64_t number;
        struct stat st;
        if (depth > 0 && strchr(entry->d_name, '=') && fstatat(dirfd(dir), entry->d_name, &st, 0) == 0 &&
            S_ISDIR(st.st_mode)) {
            char *child = xmalloc(strlen(folder) + strlen(entry->d_name) + 2);
            sprintf(child, "%s%s%s", folder, *folder ? "/" : "", entry->d_name);
            status = walk_folder(sink, child, depth - 1, remove, err);
            free(child);
        } else if (own_name(sink, entry->d_name, &hidden, &number)) {
            if (!remove || !remove(sink, folder, hidden, number)) {
                if (number >= sink->next_number) sink->next_number = number + 1;
            } else if (unlinkat(dirfd(dir), entry->d_name, 0) != 0 && errno != ENOENT) {
                status = io_error("remove", entry->d_name, err);
            }
        }
    }
    if (dir) closedir(dir);
    strbuf_free(&path);
    return status;
}

/* Goes through this sink's files: finds the first free number, and removes those that `remove` says. */
static enum status walk(struct sink *sink, remove_test *remove, struct error *err) {
    return walk_folder(sink, "", sink->table->partitioned_by_count, remove, err);
}

static enum changes accepts(const struct table *table) {
    (void)table;
    return CHANGES_APPEND;
}

static void free_out_file(struct out_file *file) {
    if (file->parquet) parquet_writer_abort(file->parquet);
    filesystem_output_close(file->output);
    if (file->stream)
        fclose(file->stream);
    else if (file->fd >= 0)
        close(file->fd);
    strbuf_free(&file->buf);
    free(file->folder);
}

static void free_sink(struct sink *sink) {
    for (int i = 0; i < sink->open_count; i++) free_out_file(&sink->open[i]);
    for (int i = 0; i < sink->closed_count; i++) free(sink->closed[i].folder);
    if (sink->writer) sink->writer->format->writer_close(sink->writer);
    free(sink->open);
    free(sink->closed);
    arena_destroy(&sink->arena);
    free(sink);
}

static const char *make_prefix(struct arena *arena, const char *job_id, int sink_index) {
    char job[PREFIX_MAX_BYTES - 32];
    if (!job_id || !*job_id) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        snprintf(job, sizeof job, "%lld.%09ld.%d", (long long)now.tv_sec, now.tv_nsec, (int)getpid());
    } else {
        snprintf(job, sizeof job, "%s", job_id);
    }
    for (char *p = job; *p; p++)
        if (!(*p >= '0' && *p <= '9') && !((*p | 0x20) >= 'a' && (*p | 0x20) <= 'z') && *p != '.' && *p != '_')
            *p = '_';
    return arena_printf(arena, "part-%s-%d-", job, sink_index);
}

static int chunk_column(const struct sink_options *options, int table_column) {
    for (int i = 0; i < options->column_count; i++)
        if (options->columns[i] == table_column) return i;
    return -1;
}

static enum status open_writer(struct sink *sink, const struct sink_options *options, struct error *err) {
    const struct table *table = sink->table;
    TRY(filesystem_format(table, &sink->arena, &sink->format, err));
    const struct format_schema *schema = &sink->format.schema;
    sink->columns = ARENA_ARRAY(&sink->arena, int, schema->field_count);
    for (int i = 0; i < schema->field_count; i++) sink->columns[i] = chunk_column(options, sink->format.positions[i]);
    sink->partition_columns = ARENA_ARRAY(&sink->arena, int, table->partitioned_by_count + 1);
    for (int i = 0; i < table->partitioned_by_count; i++)
        sink->partition_columns[i] = chunk_column(options, table->partitioned_by[i]);
    sink->suffix = sink->format.is_columnar ? ".parquet" : filesystem_codec_suffix(sink->codec);
    if (sink->format.is_columnar) return STATUS_OK;
    return sink->format.format->writer_open(schema, sink->columns, &sink->format.options, &sink->writer, err);
}

static void read_options(struct sink *sink) {
    const struct option_list *options = &sink->table->options;
    sink->roll_bytes = option_int(options, filesystem_options, "sink.rolling-policy.file-size");
    sink->roll_ms = option_int(options, filesystem_options, "sink.rolling-policy.rollover-interval");
    sink->roll_rows = option_int(options, filesystem_options, "sink.rolling-policy.row-count");
    if (sink->roll_rows == 0) sink->roll_rows = INT64_MAX;
    const char *codec = option_string(options, filesystem_options, "sink.compression");
    sink->codec = str_compare_nocase(codec, "gzip") == 0   ? CODEC_GZIP
                  : str_compare_nocase(codec, "zstd") == 0 ? CODEC_ZSTD
                                                           : CODEC_NONE;
    sink->default_name = option_string(options, filesystem_options, "partition.default-name");
    if (option_given(options, "sink.partition-commit.policy.kind"))
        sink->success_name = option_string(options, filesystem_options, "sink.partition-commit.success-file.name");
}

/* key=value/key=value */
static enum status put_folder_of(const struct sink *sink, const struct value *values, struct strbuf *out,
                                 struct error *err) {
    const struct table *table = sink->table;
    struct strbuf text = {0};
    strbuf_clear(out);
    for (int i = 0; i < table->partitioned_by_count; i++) {
        const char *name = table->columns[table->partitioned_by[i]].name;
        if (i) strbuf_putc(out, '/');
        filesystem_escape(out, name, strlen(name));
        strbuf_putc(out, '=');
        strbuf_clear(&text);
        if (!values[i].is_null) value_print(&text, &values[i], NULL);
        if (text.len)
            filesystem_escape(out, text.data, text.len);
        else
            strbuf_puts(out, sink->default_name);
    }
    strbuf_free(&text);
    if (out->len <= FOLDER_MAX_BYTES) return STATUS_OK;
    return error_set(err, STATUS_LIMIT_EXCEEDED, "table '%s': a partition's folder has a name of more than %d bytes",
                     table->name, FOLDER_MAX_BYTES);
}

/* The folder of PARTITION (…) is replaced even when no row comes for it. */
static enum status begin_overwrite(struct sink *sink, const struct sink_options *options, struct error *err) {
    const struct table *table = sink->table;
    sink->overwrite = true;
    if (table->partitioned_by_count == 0 || options->fixed_count != table->partitioned_by_count) return STATUS_OK;
    struct strbuf folder = {0};
    struct value *values = ARENA_ARRAY(&sink->arena, struct value, table->partitioned_by_count);
    for (int i = 0; i < table->partitioned_by_count; i++)
        for (int k = 0; k < options->fixed_count; k++)
            if (options->fixed_columns[k] == table->partitioned_by[i]) values[i] = options->fixed_values[k];
    enum status status = put_folder_of(sink, values, &folder, err);
    if (status == STATUS_OK) sink->fixed_folder = arena_strndup(&sink->arena, folder.data, folder.len);
    strbuf_free(&folder);
    return status;
}

/* The path is that of a file: where it lies and how it is called. */
static enum status read_single(struct sink *sink, struct error *err) {
    bool is_standard = filesystem_is_standard(sink->dir);
    if (!is_standard && !option_bool(&sink->table->options, filesystem_options, "sink.single-file")) return STATUS_OK;
    if (sink->exactly_once || sink->streaming || sink->table->partitioned_by_count)
        return error_set(err, STATUS_NOT_SUPPORTED,
                         "table '%s': a single file is written in batch mode, without checkpoints "
                         "and without PARTITIONED BY",
                         sink->table->name);
    const char *slash = strrchr(sink->dir, '/');
    struct stat st;
    sink->single = slash ? slash + 1 : sink->dir;
    sink->roll_bytes = sink->roll_rows = INT64_MAX;
    if (!is_standard && (!*sink->single || (stat(sink->dir, &st) == 0 && S_ISDIR(st.st_mode))))
        return error_set(err, STATUS_IO_ERROR, "'%s' is a directory, not the name of a file", sink->dir);
    if (!slash)
        sink->dir = ".";
    else
        sink->dir = slash == sink->dir ? "/" : arena_strndup(&sink->arena, sink->dir, (size_t)(slash - sink->dir));
    return STATUS_OK;
}

static bool to_standard_output(const struct sink *sink) { return sink->single && filesystem_is_standard(sink->single); }

static enum status sink_open(const struct table *table, const struct sink_options *options, struct sink **out,
                             struct error *err) {
    if (filesystem_is_pattern(filesystem_path(table))) {
        error_set(err, STATUS_INVALID_OPTION, "table '%s': nothing can be written to the pattern '%s'", table->name,
                  filesystem_path(table));
        error_hint(err, "a table that is written needs a directory as its path");
        return STATUS_INVALID_OPTION;
    }
    if (options->overwrite && options->exactly_once) { /* a checkpoint shows files before the last one is there */
        error_set(err, STATUS_NOT_SUPPORTED, "table '%s': INSERT OVERWRITE of files does not work with checkpoints",
                  table->name);
        error_hint(err, "run it without a checkpoint directory: it is a batch, which happens whole or not at all");
        return STATUS_NOT_SUPPORTED;
    }
    struct sink *sink = xcalloc(1, sizeof *sink);
    arena_init(&sink->arena, options->account);
    sink->table = table;
    sink->dir = arena_strdup(&sink->arena, filesystem_path(table));
    sink->prefix = make_prefix(&sink->arena, options->job_id, options->sink_index);
    sink->exactly_once = options->exactly_once;
    sink->streaming = options->streaming;
    read_options(sink);
    enum status status = read_single(sink, err);
    if (status == STATUS_OK) status = open_writer(sink, options, err);
    if (status == STATUS_OK) status = make_directories(sink->dir, err);
    if (status == STATUS_OK && !sink->single) status = filesystem_swaps_finish(sink->dir, err);
    if (status == STATUS_OK && options->overwrite && !sink->single) status = begin_overwrite(sink, options, err);
    if (status == STATUS_OK && !sink->single) status = walk(sink, NULL, err);
    if (status != STATUS_OK) {
        free_sink(sink);
        return status;
    }
    *out = sink;
    return STATUS_OK;
}

/* ---- Files being written ---- */

static enum status file_error(const struct sink *sink, const struct out_file *file, const char *what,
                              struct error *err) {
    struct strbuf path = {0};
    hidden_path(sink, file->folder, file->number, &path);
    enum status status =
        to_standard_output(sink) ? io_error(what, "standard output", err) : io_error(what, path.data, err);
    strbuf_free(&path);
    return status;
}

/* end: the file is complete with it. */
static enum status write_buffer(const struct sink *sink, struct out_file *file, bool end, struct error *err) {
    const char *bytes = file->buf.data ? file->buf.data : "";
    if (!filesystem_output_write(file->output, bytes, file->buf.len, end, &file->size_bytes))
        return file_error(sink, file, "write", err);
    strbuf_clear(&file->buf);
    return STATUS_OK;
}

static enum status begin_contents(struct sink *sink, struct out_file *file, struct error *err) {
    const struct format *format = sink->format.format;
    if (!sink->format.is_columnar) {
        file->output = filesystem_output_open(file->fd, sink->codec);
        if (format->header) format->header(sink->writer, &file->buf);
        return STATUS_OK;
    }
    file->stream = fdopen(file->fd, "wb");
    if (!file->stream) return file_error(sink, file, "write", err);
    return parquet_writer_open(file->stream, &sink->format.schema, sink->columns, &sink->format.options, &file->parquet,
                               err);
}

static enum status begin_file(struct sink *sink, const char *folder, struct out_file **out, struct error *err) {
    struct strbuf path = {0};
    put_folder(sink, folder, &path);
    enum status status = *folder ? make_directories(path.data, err) : STATUS_OK;
    struct out_file file = {.number = sink->next_number, .opened_ms = now_ms(), .fd = -1};
    if (status == STATUS_OK && to_standard_output(sink)) {
        file.fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
        if (file.fd < 0) status = io_error("write", "standard output", err);
    } else if (status == STATUS_OK) {
        hidden_path(sink, folder, file.number, &path);
        file.fd = open(path.data, O_WRONLY | O_CREAT | (sink->single ? O_TRUNC : O_EXCL) | O_CLOEXEC, 0666);
        if (file.fd < 0) status = io_error("create", path.data, err);
    }
    strbuf_free(&path);
    if (status != STATUS_OK) return status;
    sink->next_number++;
    file.folder = xstrdup(folder);
    ARRAY_RESERVE(sink->open, sink->open_capacity, sink->open_count + 1);
    sink->open[sink->open_count] = file;
    *out = &sink->open[sink->open_count++];
    return begin_contents(sink, *out, err);
}

static enum status end_contents(struct sink *sink, struct out_file *file, struct error *err) {
    if (!file->parquet) return write_buffer(sink, file, true, err);
    struct parquet_writer *parquet = file->parquet;
    file->parquet = NULL;
    enum status status = parquet_writer_finish(parquet, err);
    if (status != STATUS_OK) return status;
    return fflush(file->stream) == 0 ? STATUS_OK : file_error(sink, file, "write", err);
}

/* Makes a file whole: all written, on disk, closed. */
static enum status end_file(struct sink *sink, int index, struct error *err) {
    struct out_file *file = &sink->open[index];
    TRY(end_contents(sink, file, err));
    if (!to_standard_output(sink) && fsync(file->fd) != 0) return file_error(sink, file, "sync", err);
    ARRAY_RESERVE(sink->closed, sink->closed_capacity, sink->closed_count + 1);
    sink->closed[sink->closed_count++] = (struct closed_file){file->number, xstrdup(file->folder)};
    free_out_file(file);
    sink->open_count--;
    memmove(file, file + 1, sizeof *file * (size_t)(sink->open_count - index));
    return STATUS_OK;
}

static enum status end_files(struct sink *sink, struct error *err) {
    while (sink->open_count) TRY(end_file(sink, sink->open_count - 1, err));
    return STATUS_OK;
}

/* ---- Becoming visible ---- */

/* Renames a file; fine if that was done already. */
static enum status show_file(struct sink *sink, const char *folder, uint64_t number, struct error *err) {
    struct strbuf from = {0}, to = {0};
    hidden_path(sink, folder, number, &from);
    visible_path(sink, folder, number, &to);
    enum status status = STATUS_OK;
    struct stat st;
    if (rename(from.data, to.data) != 0 && !(errno == ENOENT && stat(to.data, &st) == 0))
        status = io_error("rename", from.data, err);
    strbuf_free(&from);
    strbuf_free(&to);
    return status;
}

static enum status put_success_file(struct sink *sink, const char *folder, struct error *err) {
    if (!sink->success_name) return STATUS_OK;
    struct strbuf path = {0};
    put_folder(sink, folder, &path);
    strbuf_puts(&path, sink->success_name);
    int fd = open(path.data, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    enum status status = fd < 0 ? io_error("create", path.data, err) : STATUS_OK;
    if (fd >= 0) close(fd);
    strbuf_free(&path);
    return status;
}

/* The folders of files [0, count), each once: their files are visible. */
static enum status finish_folders(struct sink *sink, const struct closed_file *files, int count, struct error *err) {
    for (int i = 0; i < count; i++) {
        bool seen = false;
        for (int j = 0; j < i && !seen; j++) seen = strcmp(files[j].folder, files[i].folder) == 0;
        if (seen) continue;
        TRY(put_success_file(sink, files[i].folder, err));
        TRY(sync_folder(sink, files[i].folder, err));
    }
    return STATUS_OK;
}

/* ---- INSERT OVERWRITE ---- */

/* Is the file, in this folder below the directory, in the way of the new ones? */
static bool is_replaced(const struct sink *sink, const struct closed_file *files, int count, const char *folder,
                        size_t folder_len, const char *name) {
    bool hidden;
    uint64_t number;
    if (own_name(sink, name, &hidden, &number)) return false; /* shown by an earlier commit of this job */
    if (!sink->table->partitioned_by_count) return true;
    struct str wanted = {folder, folder_len};
    if (sink->fixed_folder && str_equal(str_from(sink->fixed_folder), wanted)) return true;
    for (int i = 0; i < count; i++)
        if (str_equal(str_from(files[i].folder), wanted)) return true;
    return false;
}

/* The new files for the old ones: of the table, or of the partitions that they are in. */
static enum status swap_files(struct sink *sink, const struct closed_file *files, int count, struct error *err) {
    struct arena arena;
    struct filesystem_list list;
    struct strbuf journal = {0}, hidden = {0}, visible = {0};
    size_t dir_len = strlen(sink->dir);
    while (dir_len > 1 && sink->dir[dir_len - 1] == '/') dir_len--;
    arena_init(&arena, NULL);
    enum status status = filesystem_list(sink->table, NULL, 0, &arena, &list, err);
    filesystem_swap_begin(&journal);
    for (int i = 0; i < count && status == STATUS_OK; i++) {
        status = sync_folder(sink, files[i].folder, err);
        hidden_path(sink, files[i].folder, files[i].number, &hidden);
        visible_path(sink, files[i].folder, files[i].number, &visible);
        const size_t skip = strlen(sink->dir) + 1;
        filesystem_swap_show(&journal, hidden.data + skip, visible.data + skip);
    }
    for (int i = 0; status == STATUS_OK && i < list.count; i++) {
        const char *path = list.files[i].path + dir_len;
        while (*path == '/') path++;
        const char *name = strrchr(path, '/');
        size_t folder_len = name ? (size_t)(name - path) : 0;
        name = name ? name + 1 : path;
        if (is_replaced(sink, files, count, path, folder_len, name)) filesystem_swap_remove(&journal, path);
    }
    if (status == STATUS_OK) status = filesystem_swap_run(sink->dir, sink->prefix, &journal, &sink->decided, err);
    if (status == STATUS_OK) sink->overwrite = false;
    strbuf_free(&journal);
    strbuf_free(&hidden);
    strbuf_free(&visible);
    arena_destroy(&arena);
    return status;
}

static enum status show_closed(struct sink *sink, struct error *err) {
    if (!to_standard_output(sink)) {
        if (sink->overwrite) TRY(swap_files(sink, sink->closed, sink->closed_count, err));
        for (int i = 0; i < sink->closed_count; i++)
            TRY(show_file(sink, sink->closed[i].folder, sink->closed[i].number, err));
        TRY(finish_folders(sink, sink->closed, sink->closed_count, err));
    }
    for (int i = 0; i < sink->closed_count; i++) free(sink->closed[i].folder);
    sink->closed_count = sink->prepared_count = 0;
    return STATUS_OK;
}

/* ---- Rows ---- */

/* The folder of a row. */
static enum status put_row_folder(const struct sink *sink, const struct chunk *chunk, int row, struct arena *arena,
                                  struct strbuf *out, struct error *err) {
    const struct table *table = sink->table;
    struct value *values = ARENA_ARRAY(arena, struct value, table->partitioned_by_count + 1);
    for (int i = 0; i < table->partitioned_by_count; i++) {
        int column = sink->partition_columns[i];
        values[i] = column >= 0 ? vector_get(&chunk->columns[column], row, arena) : value_null(type_of(TYPE_NULL));
    }
    return put_folder_of(sink, values, out, err);
}

/* The open file of a folder; begun if need be. When too many are open the oldest is closed. */
static enum status file_of(struct sink *sink, const char *folder, struct out_file **out, struct error *err) {
    for (int i = sink->open_count - 1; i >= 0; i--)
        if (strcmp(sink->open[i].folder, folder) == 0) {
            *out = &sink->open[i];
            return STATUS_OK;
        }
    if (sink->open_count == FILESYSTEM_MAX_OPEN_FILES) TRY(end_file(sink, 0, err));
    return begin_file(sink, folder, out, err);
}

static bool is_full(const struct sink *sink, const struct out_file *file) {
    int64_t bytes = file->parquet ? parquet_writer_bytes(file->parquet) : file->size_bytes + (int64_t)file->buf.len;
    return bytes >= sink->roll_bytes || file->row_count >= sink->roll_rows;
}

static enum status write_record(struct sink *sink, const char *folder, const struct chunk *chunk, int row,
                                struct error *err) {
    struct out_file *file;
    TRY(file_of(sink, folder, &file, err));
    TRY(sink->format.format->encode(sink->writer, chunk, row, &file->buf, err));
    strbuf_putc(&file->buf, '\n');
    file->row_count++;
    if (file->buf.len >= FILESYSTEM_WRITE_BYTES) TRY(write_buffer(sink, file, false, err));
    return is_full(sink, file) ? end_file(sink, (int)(file - sink->open), err) : STATUS_OK;
}

/* Rows rows[0 … count) of a chunk, all of one folder, as columns. */
static enum status write_columns(struct sink *sink, const char *folder, const struct chunk *chunk,
                                 const sel_index *rows, int count, struct arena *arena, struct error *err) {
    for (int from = 0; from < count;) {
        struct out_file *file;
        TRY(file_of(sink, folder, &file, err));
        int64_t room = sink->roll_rows - file->row_count;
        int n = room < count - from ? (int)room : count - from;
        if (n == chunk->row_count) {
            TRY(parquet_write(file->parquet, chunk, err));
        } else {
            struct chunk selected = chunk_select(chunk, rows + from, n);
            struct chunk *part = chunk_copy(arena, &selected);
            TRY(parquet_write(file->parquet, part, err));
        }
        from += n;
        file->row_count += n;
        if (is_full(sink, file)) TRY(end_file(sink, (int)(file - sink->open), err));
    }
    return STATUS_OK;
}

/* Rows that go to one folder, in their order. */
struct row_group {
    char *folder;
    sel_index *rows;
    int count;
};

/* Deals the rows of a chunk to their folders. */
static enum status deal_rows(struct sink *sink, const struct chunk *chunk, struct arena *arena, struct row_group **out,
                             int *out_count, struct error *err) {
    struct row_group *groups = ARENA_ARRAY(arena, struct row_group, chunk->row_count + 1);
    struct strbuf folder = {0};
    int count = 0, current = -1;
    enum status status = STATUS_OK;
    for (int row = 0; row < chunk->row_count; row++) {
        status = put_row_folder(sink, chunk, row, arena, &folder, err);
        if (status != STATUS_OK) break;
        const char *name = folder.data ? folder.data : "";
        if (current < 0 || strcmp(groups[current].folder, name) != 0)
            for (current = 0; current < count && strcmp(groups[current].folder, name) != 0;) current++;
        if (current == count) {
            groups[count].folder = arena_strdup(arena, name);
            groups[count++].rows = arena_alloc(arena, sizeof(sel_index) * (size_t)chunk->row_count);
        }
        groups[current].rows[groups[current].count++] = (sel_index)row;
    }
    strbuf_free(&folder);
    *out = groups;
    *out_count = count;
    return status;
}

static enum status write_group(struct sink *sink, const struct chunk *chunk, const struct row_group *group,
                               struct arena *arena, struct error *err) {
    if (sink->format.is_columnar)
        return write_columns(sink, group->folder, chunk, group->rows, group->count, arena, err);
    for (int i = 0; i < group->count; i++) TRY(write_record(sink, group->folder, chunk, group->rows[i], err));
    return STATUS_OK;
}

static enum status write_partitioned(struct sink *sink, const struct chunk *chunk, struct arena *arena,
                                     struct error *err) {
    struct row_group *groups;
    int count;
    TRY(deal_rows(sink, chunk, arena, &groups, &count, err));
    for (int i = 0; i < count; i++) TRY(write_group(sink, chunk, &groups[i], arena, err));
    return STATUS_OK;
}

/* ---- The sink's functions ---- */

static enum status sink_write(struct sink *sink, const struct sink_rows *rows, struct error *err) {
    const struct chunk *chunk = rows->chunk;
    for (int row = 0; row < chunk->row_count; row++)
        if (rows->kinds[row] != ROW_INSERT && rows->kinds[row] != ROW_UPDATE_AFTER)
            return error_set(err, STATUS_INTERNAL, "a %s row for files, which take inserts only",
                             rows->kinds[row] == ROW_DELETE ? "-D" : "-U");
    enum status status = STATUS_OK;
    if (sink->table->partitioned_by_count || sink->format.is_columnar) {
        struct arena arena;
        arena_init(&arena, NULL);
        status = write_partitioned(sink, chunk, &arena, err);
        arena_destroy(&arena);
        return status;
    }
    for (int row = 0; row < chunk->row_count; row++) TRY(write_record(sink, "", chunk, row, err));
    return STATUS_OK;
}

static enum status end_step(struct sink *sink, int64_t step_id, struct error *err) {
    (void)step_id;
    if (sink->exactly_once || !sink->streaming) return STATUS_OK;
    int64_t old_ms = now_ms() - sink->roll_ms;
    for (int i = sink->open_count - 1; i >= 0; i--)
        if (sink->open[i].opened_ms <= old_ms) TRY(end_file(sink, i, err));
    return show_closed(sink, err);
}

static enum status flush(struct sink *sink, struct error *err) {
    if (!sink->exactly_once) {
        struct out_file *file;
        if (sink->single && !sink->flushed && !sink->open_count)
            TRY(begin_file(sink, "", &file, err)); /* no row came */
        sink->flushed = true;
        TRY(end_files(sink, err));
        return show_closed(sink, err);
    }
    for (int i = 0; i < sink->open_count; i++)
        if (!sink->open[i].parquet) TRY(write_buffer(sink, &sink->open[i], false, err));
    return STATUS_OK;
}

static void put_u64(struct strbuf *out, uint64_t v) {
    char bytes[8];
    for (int i = 0; i < 8; i++) bytes[i] = (char)(v >> (8 * i));
    strbuf_add(out, bytes, 8);
}

static enum status prepare(struct sink *sink, int64_t checkpoint_id, struct strbuf *out, struct error *err) {
    (void)checkpoint_id;
    TRY(end_files(sink, err));
    for (int i = 0; i < sink->closed_count; i++) TRY(sync_folder(sink, sink->closed[i].folder, err));
    put_u64(out, sink->next_number);
    for (int i = 0; i < sink->closed_count; i++) {
        const struct closed_file *file = &sink->closed[i];
        put_u64(out, file->number);
        put_u64(out, strlen(file->folder));
        strbuf_puts(out, file->folder);
    }
    sink->prepared_count = sink->closed_count;
    return STATUS_OK;
}

static bool take_u64(struct str *bytes, uint64_t *out) {
    if (bytes->len < 8) return false;
    *out = 0;
    for (int i = 7; i >= 0; i--) *out = *out << 8 | (uint8_t)bytes->data[i];
    bytes->data += 8;
    bytes->len -= 8;
    return true;
}

/* What prepare kept; the files' folders are in arena. */
static enum status read_prepared(struct str prepared, struct arena *arena, uint64_t *next_number,
                                 struct closed_file **files, int *count, struct error *err) {
    struct str rest = prepared;
    bool good = take_u64(&rest, next_number);
    *files = ARENA_ARRAY(arena, struct closed_file, prepared.len / 16 + 1);
    *count = 0;
    while (good && rest.len) {
        struct closed_file *file = &(*files)[*count];
        uint64_t len;
        good = take_u64(&rest, &file->number) && take_u64(&rest, &len) && len <= rest.len && len <= FOLDER_MAX_BYTES;
        if (!good) break;
        file->folder = arena_strndup(arena, rest.data, len);
        rest.data += len;
        rest.len -= len;
        ++*count;
    }
    if (good) return STATUS_OK;
    return error_set(err, STATUS_BAD_DATA, "the checkpoint's list of files is damaged (%zu bytes)", prepared.len);
}

static void forget_closed(struct sink *sink, uint64_t number) {
    for (int i = 0; i < sink->closed_count; i++) {
        if (sink->closed[i].number != number) continue;
        free(sink->closed[i].folder);
        sink->closed_count--;
        memmove(sink->closed + i, sink->closed + i + 1, sizeof *sink->closed * (size_t)(sink->closed_count - i));
        sink->prepared_count -= i < sink->prepared_count;
        return;
    }
}

static enum status commit_files(struct sink *sink, struct str prepared, struct arena *arena, struct error *err) {
    struct closed_file *files;
    uint64_t next_number;
    int count;
    TRY(read_prepared(prepared, arena, &next_number, &files, &count, err));
    for (int i = 0; i < count; i++) {
        TRY(show_file(sink, files[i].folder, files[i].number, err));
        forget_closed(sink, files[i].number);
    }
    return finish_folders(sink, files, count, err);
}

static enum status commit(struct sink *sink, int64_t checkpoint_id, struct str prepared, struct error *err) {
    (void)checkpoint_id;
    if (prepared.len == 0) return STATUS_OK;
    struct arena arena;
    arena_init(&arena, NULL);
    enum status status = commit_files(sink, prepared, &arena, err);
    arena_destroy(&arena);
    return status;
}

/* Restored with a checkpoint: sink->closed are its files, next_number its next file. */
static bool is_leftover(const struct sink *sink, const char *folder, bool hidden, uint64_t number) {
    if (!hidden) return number >= sink->next_number;
    for (int i = 0; i < sink->closed_count; i++)
        if (sink->closed[i].number == number && strcmp(sink->closed[i].folder, folder) == 0) return false;
    return true;
}

static bool is_hidden(const struct sink *sink, const char *folder, bool hidden, uint64_t number) {
    (void)sink;
    (void)folder;
    (void)number;
    return hidden;
}

static enum status restore_files(struct sink *sink, struct str prepared, struct arena *arena, struct error *err) {
    struct closed_file *files;
    int count;
    TRY(read_prepared(prepared, arena, &sink->next_number, &files, &count, err));
    sink->closed_count = 0;
    for (int i = 0; i < count; i++) {
        ARRAY_RESERVE(sink->closed, sink->closed_capacity, sink->closed_count + 1);
        sink->closed[sink->closed_count++] = (struct closed_file){files[i].number, xstrdup(files[i].folder)};
    }
    sink->prepared_count = sink->closed_count;
    return walk(sink, is_leftover, err);
}

static enum status restore(struct sink *sink, int64_t last_step_id, int64_t checkpoint_id, struct str prepared,
                           struct error *err) {
    (void)last_step_id;
    (void)checkpoint_id;
    if (prepared.len == 0) { /* no checkpoint: visible files may be those of an earlier run */
        sink->next_number = 0;
        return walk(sink, is_hidden, err);
    }
    struct arena arena;
    arena_init(&arena, NULL);
    enum status status = restore_files(sink, prepared, &arena, err);
    arena_destroy(&arena);
    return status;
}

static void remove_hidden(const struct sink *sink, const char *folder, uint64_t number) {
    if (to_standard_output(sink)) return;
    struct strbuf path = {0};
    hidden_path(sink, folder, number, &path);
    unlink(path.data);
    strbuf_free(&path);
}

static void sink_close(struct sink *sink, bool failed) {
    if (!failed && end_files(sink, NULL) == STATUS_OK) (void)show_closed(sink, NULL);
    for (int i = 0; i < sink->open_count; i++) remove_hidden(sink, sink->open[i].folder, sink->open[i].number);
    /* What a checkpoint has may still have to be renamed. */
    for (int i = sink->prepared_count; i < sink->closed_count && !sink->decided; i++)
        remove_hidden(sink, sink->closed[i].folder, sink->closed[i].number);
    free_sink(sink);
}

static bool overwrites(const struct table *table) {
    (void)table;
    return true;
}

const struct sink_class filesystem_sink = {
    .accepts = accepts,
    .open = sink_open,
    .write = sink_write,
    .end_step = end_step,
    .flush = flush,
    .prepare = prepare,
    .commit = commit,
    .restore = restore,
    .overwrites = overwrites,
    .close = sink_close,
};
