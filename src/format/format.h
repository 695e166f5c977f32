/* Formats: how rows are written as bytes in files and messages.
 *
 * A format is one `struct format` (in formats.c, a visible list): an option table, a reader and a writer. It knows nothing
 * of files, topics or offsets: a connector gives it bytes and says afterwards where they came from.
 *
 * Reading is cut in two, as connector.h cuts a source: `frame` runs on the I/O thread and finds where records begin and
 * end; `decode` runs on workers and turns records into rows. Connectors whose messages are framed already (Kafka) call
 * decode alone, one record per message.
 *
 * Fields are a table's physical columns in the order of the file (or the message's fields, for formats with names).
 * Options are named "<format>.<option>" here; connectors strip a prefix such as "value." (format_options).
 *
 * Threads: a reader or writer is opened and closed on one thread. A reader is immutable in between: frame and decode may
 * be called on any number of threads. A writer belongs to one thread at a time.
 *
 * NULL and NOT NULL: a NULL read for a field of a NOT NULL type is an error of that record. */
#ifndef MILLRACE_FORMAT_FORMAT_H
#define MILLRACE_FORMAT_FORMAT_H

#include "catalog/options.h"
#include "column/vector.h"

enum {
    FORMAT_PADDING_BYTES = 64,          /* readable (any bytes) behind the data given to frame and decode */
    FORMAT_MAX_RECORD_BYTES = 64 << 20, /* one record of a file; longer ones are an error */
    FORMAT_MAX_FIELDS = 4096,
    FORMAT_MAX_SHOWN_BYTES = 64, /* of a wrong value shown in a message */
};

struct format_schema {
    int field_count;
    const char *const *names;
    const struct type *const *types;
    bool messages; /* one record per message: no framing, no header line */
};

/* ---- Reading ---- */

/* One record: data[start, start + len), without its terminator. */
struct format_record {
    uint32_t start, len;
};

/* What frame found. `records` is a heap array that grows; the caller frees it, and sets count to 0 before each call. */
struct format_frame {
    struct format_record *records;
    int count, capacity;
    size_t consumed_bytes; /* behind the last whole record and what belongs to no record (blank lines, comments) */
    int64_t line_count;    /* line feeds within them */
};

/* Some records to be decoded, and where the rows go. */
struct format_batch;
struct format_batch {
    /* in */
    const char *data;
    const struct format_record *records; /* the block's, records [first, first + count) are to be decoded */
    int first, count;
    struct arena *arena;           /* the morsel's: strings that cannot borrow from data */
    struct vector *const *columns; /* one per projected field: fresh flat vectors with room for VECTOR_CAPACITY rows */
    int32_t *row_records;          /* room for VECTOR_CAPACITY: the record each row came from; NULL: not wanted */
    /* Called for each malformed record, which is then left out (it does not count as skipped); a failure ends decoding. NULL:
     * the first malformed record is decode's failure. */
    enum status (*malformed)(struct format_batch *batch, int record, const struct error *why, struct error *err);
    void *owner; /* the caller's */
    /* out */
    int consumed;     /* records decoded or skipped, at least 1; the caller asks again for the rest */
    int row_count;    /* at most VECTOR_CAPACITY */
    int skipped;      /* records dropped by ignore-parse-errors */
    int error_record; /* on failure: the record at fault */
};

struct format_reader {
    const struct format *format;
};

/* ---- Writing ---- */

struct format_writer {
    const struct format *format;
};

struct format {
    const char *name;
    const char *doc;
    const struct option_def *options;
    /* Refuses what the format cannot carry (a type, a wrong combination of options). `schema` outlives nothing. */
    enum status (*check)(const struct format_schema *schema, const struct option_list *options, struct error *err);

    /* projected: positions of fields, ascending. The schema's names and types must outlive the reader; options need not. */
    enum status (*reader_open)(const struct format_schema *schema, const int *projected, int projected_count,
                               const struct option_list *options, struct format_reader **out, struct error *err);
    /* Finds the records in data[0, size), which starts at the start of a record. at_start: of the file (a byte order mark, a
     * header line). at_end: nothing follows, so the rest is a record too. A record that is not whole is left; the next call
     * gets it again with more behind it. Pure. Malformed records are framed as well as it goes and fail in decode. */
    void (*frame)(const struct format_reader *reader, const char *data, size_t size, bool at_start, bool at_end,
                  struct format_frame *frame);
    /* Decodes records. An error's message names the field and the value; the caller puts file and line, or topic, partition
     * and offset in front of it. */
    enum status (*decode)(const struct format_reader *reader, struct format_batch *batch, struct error *err);
    void (*reader_close)(struct format_reader *reader);
    /* The names of a file's fields, from its first bytes (the whole file if `at_end`): those of the header line, or of the objects'
     * fields in the order in which they appear first. *count = 0: nothing is there. NULL: the format's files do not say. */
    enum status (*field_names)(const struct option_list *options, const char *data, size_t size, bool at_end,
                               struct arena *arena, const char ***names, int *count, struct error *err);

    /* columns[i]: which column of the chunks carries field i, -1 for none (NULL is written). The schema's names and types must
     * outlive the writer, columns and options need not. */
    enum status (*writer_open)(const struct format_schema *schema, const int *columns,
                               const struct option_list *options, struct format_writer **out, struct error *err);
    /* What a new file starts with, its line feed included. NULL: nothing. */
    void (*header)(const struct format_writer *writer, struct strbuf *out);
    /* Appends physical row `row` of a flat chunk as one record, without a terminator. On failure `out` is as before. */
    enum status (*encode)(struct format_writer *writer, const struct chunk *chunk, int row, struct strbuf *out,
                          struct error *err);
    void (*writer_close)(struct format_writer *writer);
};

/* formats.c: the visible list. */
const struct format *format_find(const char *name);
const struct format *format_at(int index); /* NULL behind the last */

/* The format that option `key` ("format", "value.format") names, or an error with the nearest right name. */
enum status format_lookup(const struct option_list *options, const char *key, const struct format **out,
                          struct error *err);

/* The format's options out of a table's: keys that begin with prefix + "<format>.", without the prefix ("" or "value.").
 * Checks them against the format's table; `owner` is for the message ("table 'clicks'"). `out` lives in arena. */
enum status format_options(const struct format *format, const struct option_list *all, const char *prefix,
                           const char *owner, struct arena *arena, struct option_list *out, struct error *err);

#endif
