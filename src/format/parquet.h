/* Parquet files: columns in row groups (https://parquet.apache.org/docs/file-format/). A format of whole files, so it has
 * an interface of its own beside format.h's streams of records; parquet_format in formats.c carries its name, options and
 * checks. Pages, codecs and encodings are carquet's work; here are types, nesting, statistics and vectors.
 *
 * Reading is cut in two, as connector.h cuts a source: parquet_read (I/O thread) decompresses and decodes some thousand
 * rows of a row group, parquet_decode (workers, pure) turns them into vectors: nested values are put together from
 * repetition and definition levels (Melnik et al., "Dremel", VLDB 2010).
 *
 * Types. Columns are found by name, fields of rows too; one that the file does not have is NULL.
 *     BOOLEAN               boolean
 *     TINYINT … BIGINT      any integer, signed or not; a value out of range is an error
 *     FLOAT, DOUBLE         float16, float; DOUBLE also double
 *     DECIMAL(p, s)         decimal with scale <= s (int32, int64, fixed or variable bytes), integers
 *     CHAR, VARCHAR         string, enum, json, uuid, bytes without a logical type; must be UTF-8
 *     BINARY, VARBINARY     any bytes
 *     DATE, TIME            date, time in any unit; digits beyond the column's precision are cut
 *     TIMESTAMP[_LTZ]       timestamp in any unit, adjusted to UTC or not, and int96; likewise
 *     INTERVAL              int32 (months), int64 (milliseconds)
 *     ARRAY, MAP, ROW       list (also the old forms with two levels), map, group; MULTISET is a map to integers
 * Written are the same: TIME and TIMESTAMP with the unit that their precision needs (3, 6, 9 digits), TIMESTAMP as local
 * time and TIMESTAMP_LTZ adjusted to UTC, DECIMAL as int32, int64 or fixed bytes. */
#ifndef MILLRACE_FORMAT_PARQUET_H
#define MILLRACE_FORMAT_PARQUET_H

#include <stdio.h>

#include "format/format.h"

enum {
    PARQUET_BLOCK_ROWS = 16384,           /* that parquet_read gives at once, at most */
    PARQUET_MAX_FIXED_BYTES = 4096,       /* of a fixed-length value */
    PARQUET_MAX_ROW_GROUP_ROWS = 1 << 20, /* in files that are written */
    PARQUET_RETAINED_BYTES = 64 << 20,    /* strings of a row group kept before its columns are opened anew */
};

extern const struct format parquet_format; /* its frame, decode and encode are NULL */

/* ---- Files ---- */

/* An open file and its footer. Shared by readers and by rows that were read; counted. One thread at a time uses it, but
 * reference counts are safe. */
struct parquet_file;

/* Errors name the path: STATUS_IO_ERROR, STATUS_BAD_DATA when it is no Parquet file or a damaged one. */
enum status parquet_open(const char *path, struct parquet_file **out, struct error *err);
void parquet_release(struct parquet_file *file);

int parquet_row_group_count(const struct parquet_file *file);
int64_t parquet_row_count(const struct parquet_file *file, int row_group);
int64_t parquet_size_bytes(const struct parquet_file *file, int row_group); /* compressed */

/* The file's columns as SQL types, in arena: for tables that are declared without columns. */
enum status parquet_infer_schema(const struct parquet_file *file, struct arena *arena, struct schema *out,
                                 struct error *err);

/* ---- Reading ---- */

struct parquet_reader; /* some columns of one file */
struct parquet_rows;   /* rows of one row group, as Parquet has them */

/* projected: positions in the schema, ascending. Names and types must outlive the reader and its rows. Errors name file and
 * column. */
enum status parquet_reader_open(struct parquet_file *file, const struct format_schema *schema, const int *projected,
                                int projected_count, struct parquet_reader **out, struct error *err);
void parquet_reader_close(struct parquet_reader *reader);

/* What the footer says of a column in a row group. min and max are of the column's type; strings borrow from the file. They
 * are bounds: not every one is a value that occurs. */
struct parquet_bounds {
    bool has_values; /* min and max are known; all non-NULL values lie between, NaN apart */
    struct value min, max;
    bool has_null_count;
    int64_t null_count, row_count;
    int64_t distinct_count; /* -1 unknown */
};
/* index: into projected. */
void parquet_column_bounds(const struct parquet_reader *reader, int row_group, int index, struct parquet_bounds *out);

/* The next read starts at this row of this row group. */
void parquet_seek(struct parquet_reader *reader, int row_group, int64_t row);
/* Up to PARQUET_BLOCK_ROWS rows of the row group; *out = NULL at its end. The rows live on when the reader is closed. */
enum status parquet_read(struct parquet_reader *reader, struct parquet_rows **out, struct error *err);

int parquet_rows_count(const struct parquet_rows *rows);
int64_t parquet_rows_first(const struct parquet_rows *rows); /* its position in the row group */
size_t parquet_rows_bytes(const struct parquet_rows *rows);
void parquet_rows_release(struct parquet_rows *rows); /* any thread */

/* Rows [first, first + count), count <= VECTOR_CAPACITY, into columns[0 … projected_count), which are fresh flat vectors with
 * room for VECTOR_CAPACITY rows. Their data may borrow from `rows`. Pure. An error's message names the column and the
 * value; the caller puts the file in front. */
enum status parquet_decode(const struct parquet_rows *rows, int first, int count, struct arena *arena,
                           struct vector *const *columns, struct error *err);

/* ---- Writing ---- */

struct parquet_writer;

/* Writes into `file`, which stays the caller's. columns[i]: which column of the chunks carries field i, -1 for none (NULL). The
 * schema's names and types must outlive the writer. */
enum status parquet_writer_open(FILE *file, const struct format_schema *schema, const int *columns,
                                const struct option_list *options, struct parquet_writer **out, struct error *err);
/* Rows [0, row_count) of a flat chunk without a selection. */
enum status parquet_write(struct parquet_writer *writer, const struct chunk *chunk, struct error *err);
/* Bytes in the file so far and an estimate of what is not yet in it. */
int64_t parquet_writer_bytes(const struct parquet_writer *writer);
/* Writes the rest and the footer; frees the writer in any case. */
enum status parquet_writer_finish(struct parquet_writer *writer, struct error *err);
void parquet_writer_abort(struct parquet_writer *writer);

#endif
