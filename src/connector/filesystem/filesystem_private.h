/* Shared by the files of this folder. */
#ifndef MILLRACE_CONNECTOR_FILESYSTEM_FILESYSTEM_PRIVATE_H
#define MILLRACE_CONNECTOR_FILESYSTEM_FILESYSTEM_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "connector/connector.h"
#include "format/format.h"
#include "format/parquet.h"

enum {
    FILESYSTEM_BLOCK_BYTES = 1 << 20,   /* read at once; a block holds more only when a single record is larger */
    FILESYSTEM_MAX_FILES = 1 << 20,     /* in one table */
    FILESYSTEM_MAX_DEPTH = 32,          /* of directories within the table's */
    FILESYSTEM_MAX_PATTERNS = 1024,     /* that the braces of a path stand for */
    FILESYSTEM_OFFSET_BYTES = 16,       /* two numbers, little-endian 64 bits: position in bytes and line there, or row
                                           group and row */
    FILESYSTEM_POOL_BUFFERS = 16,       /* block buffers kept for reuse */
    FILESYSTEM_WRITE_BYTES = 256 << 10, /* rows are gathered up to this before they are written */
    FILESYSTEM_SPLIT_BYTES = 16 << 20,  /* row groups are put together into splits of about this size */
    FILESYSTEM_ESTIMATE_FILES = 64,     /* whose footers are read for an estimate */
    FILESYSTEM_ESTIMATE_ROW_GROUPS = 4096, /* likewise, over all files */
    FILESYSTEM_MAX_OPEN_FILES = 256,       /* of a sink: partitions written at the same time */
};

extern const struct option_def filesystem_options[];
extern const struct source_class filesystem_source;
extern const struct sink_class filesystem_sink;

/* The table's path option without a leading file://. */
const char *filesystem_path(const struct table *table);

/* The table's format and how its columns lie in files; all in arena. */
struct filesystem_format {
    const struct format *format;
    bool is_columnar;           /* Parquet */
    struct option_list options; /* the format's */
    struct format_schema schema;
    int *positions; /* by field: the column in the table. Partition columns are no fields */
};
enum status filesystem_format(const struct table *table, struct arena *arena, struct filesystem_format *out,
                              struct error *err);
/* Position in table->partitioned_by, or -1. */
int filesystem_partition_index(const struct table *table, int column);

/* ---- Which files (filesystem_list.c) ---- */

struct filesystem_file {
    const char *path;
    int64_t size_bytes;
    struct value *partitions; /* by position in table->partitioned_by */
};
struct filesystem_list {
    struct filesystem_file *files; /* sorted by path */
    int count;
    int total_count; /* with those that predicates on partition columns left out */
};
bool filesystem_is_standard(const char *path); /* "-": standard input, or output */
/* The table's files: of a file, a directory (recursively) or a pattern (* ? [] {} and ** for any number of directories),
 * without those that begin with . or _, or of several such paths, a line each. Those whose partition values do not satisfy the predicates are left out. All in
 * arena. */
enum status filesystem_list(const struct table *table, const struct predicate *predicates, int predicate_count,
                            struct arena *arena, struct filesystem_list *out, struct error *err);
/* Partition values from the key=value folders of a path; in arena. */
enum status filesystem_partitions(const struct table *table, const char *path, struct arena *arena, struct value **out,
                                  struct error *err);
/* The partitions that have files, "p=x/q=y" as their folders are named, sorted. */
enum status filesystem_partition_names(const struct table *table, struct arena *arena, const char ***out, int *count,
                                       struct error *err);
/* ---- Files that take the place of others (filesystem_swap.c) ---- */

#define FILESYSTEM_JOURNAL ".millrace-swap-"
bool filesystem_is_journal(const char *name);
/* What an unfinished swap says; names below the directory. A journal that is gone is an empty one. */
struct filesystem_journal {
    int new_count, old_count;
    const char **hidden, **visible, **old;
};
enum status filesystem_journal_read(const char *path, struct arena *arena, struct filesystem_journal *out,
                                    struct error *err);
void filesystem_swap_begin(struct strbuf *journal);
void filesystem_swap_show(struct strbuf *journal, const char *hidden, const char *visible);
void filesystem_swap_remove(struct strbuf *journal, const char *name);
/* All of it, or nothing. name: unique among the directory's writers. *decided: the journal is there, so that what fails from then
 * on will be finished by the next writer; the new files must stay. */
enum status filesystem_swap_run(const char *dir, const char *name, struct strbuf *journal, bool *decided,
                                struct error *err);
/* Finishes what a crash left. */
enum status filesystem_swaps_finish(const char *dir, struct error *err);

bool filesystem_is_pattern(const char *path);
/* Does a value satisfy a predicate? NULL satisfies IS NULL only. */
bool filesystem_satisfies(const struct predicate *predicate, const struct value *value);
/* Can a predicate on this type be decided by value_compare? */
bool filesystem_is_decidable(const struct type *type);
/* Appends `text` as Hive writes it in a folder's name: what no file name should have as %XX. */
void filesystem_escape(struct strbuf *out, const char *text, size_t len);

/* The names of the fields in the first file, all STRING; in arena. With a header line all files must have the same one. */
enum status filesystem_infer_names(const struct table *table, const struct format *format,
                                   const struct filesystem_list *list, struct arena *arena, struct schema *out,
                                   struct error *err);

/* ---- Bytes of a file, decompressed by its extension (filesystem_stream.c) ---- */

struct filesystem_stream;
/* The path "-" is standard input. Positions are those of the decompressed bytes. Skips to `position`: STATUS_BAD_DATA when the file is shorter. */
enum status filesystem_stream_open(const char *path, uint64_t position, struct filesystem_stream **out,
                                   struct error *err);
/* Reads up to len bytes; *got < len only at the end. */
enum status filesystem_stream_read(struct filesystem_stream *stream, void *to, size_t len, size_t *got,
                                   struct error *err);
void filesystem_stream_close(struct filesystem_stream *stream);
/* Bytes of the file itself, compressed or not, up to where reading has come. */
int64_t filesystem_stream_file_bytes(const struct filesystem_stream *stream);
bool filesystem_is_compressed(const char *path); /* .gz, .zst */

/* ---- Bytes into a file (filesystem_output.c) ---- */

enum filesystem_codec { CODEC_NONE, CODEC_GZIP, CODEC_ZSTD };
const char *filesystem_codec_suffix(enum filesystem_codec codec); /* ".gz", "" */
struct filesystem_output;
struct filesystem_output *filesystem_output_open(int fd, enum filesystem_codec codec);
/* Writes bytes (fewer than 2 GB); end: they are the last ones. Adds to *written what has gone into the file. false: errno says
 * why. */
bool filesystem_output_write(struct filesystem_output *output, const char *bytes, size_t len, bool end,
                             int64_t *written);
void filesystem_output_close(struct filesystem_output *output); /* not the file; may be NULL */

/* ---- Reading ---- */

enum scan_column_kind { SCAN_FIELD, SCAN_METADATA, SCAN_LINE, SCAN_PARTITION };

struct scan_column {
    const struct type *type;
    enum scan_column_kind kind;
    const char *metadata_key;
    int partition; /* position in partitioned_by */
};

struct source {
    const struct table *table;
    struct arena arena;
    struct filesystem_format format;
    int column_count;
    struct scan_column *columns;
    const struct type **types;
    int field_count;
    int *projected;     /* fields */
    int *field_columns; /* by projected field: the chunk's column */
    int line_column;    /* the chunk's column of the line that a record begins on, -1: none */
    int predicate_count;
    const struct predicate *predicates;
    struct format_reader *reader; /* of records; NULL when columnar */
    int64_t total_bytes;          /* of the files */
    int64_t skip_records;         /* at the start of each of them */
    struct buffer_pool *pool;
};

/* What blocks know of their file; counted. */
struct scan_file {
    _Atomic int refs;
    struct arena arena;
    char *path;
    int64_t size_bytes, modified_ms;
    struct value *partitions;
};
enum status filesystem_scan_file(const struct source *source, const char *path, struct scan_file **out,
                                 struct error *err);
void filesystem_scan_file_release(struct scan_file *file);
/* Metadata and partition columns, but for lines. */
void filesystem_fill_constants(const struct source *source, const struct scan_file *file, struct chunk *chunk,
                               struct arena *arena);
enum status filesystem_io_error(const char *path, const char *what, struct error *err);

void filesystem_put_offset(uint8_t *out, uint64_t a, uint64_t b);
void filesystem_get_offset(struct offset offset, uint64_t *a, uint64_t *b);

/* Files of columns (filesystem_columnar.c). Splits are runs of row groups, "path#3-7"; an offset is the row group and the row in
 * it. */
struct columnar_reader;
enum status columnar_splits(struct source *source, const struct filesystem_list *list, struct arena *arena,
                            struct split **splits, int *split_count, struct error *err);
struct columnar_reader *columnar_open(struct source *source);
/* Goes to a split; its blocks will have split index `index`. */
enum status columnar_begin(struct columnar_reader *reader, const char *split_id, int index, struct offset start,
                           struct error *err);
/* *out = NULL at the end of the split. */
enum status columnar_fetch(struct columnar_reader *reader, struct block **out, struct error *err);
void columnar_close(struct columnar_reader *reader);
enum status columnar_decode(struct source *source, const struct block *block, int first, int count,
                            struct decode_output *output, struct error *err);
/* Can the predicate leave out row groups? */
bool columnar_uses(const struct table *table, const struct predicate *predicate);
/* How many row groups the files have and how many of them have to be read. */
enum status columnar_count(const struct table *table, const struct filesystem_list *list,
                           const struct predicate *predicates, int predicate_count, int64_t *read, int64_t *total,
                           struct error *err);
/* From the footers of some of the files; -1 unknown. */
int64_t columnar_row_estimate(const struct filesystem_list *list);
/* What the footers say: rows, NULLs, bounds and distinct values of columns. In arena. */
void columnar_statistics(const struct filesystem_format *format, const struct filesystem_list *list,
                         struct arena *arena, struct table_statistics *out);

#endif
