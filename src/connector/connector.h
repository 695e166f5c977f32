/* The interface between the engine and the systems it reads and writes.
 *
 * A connector is one `struct connector` (in connectors.c, a visible list): an option table and up to three abilities:
 * source, sink, lookup. Connectors never see expressions, operators or the plan: predicates arrive as (column,
 * operator, constants), rows as chunks.
 *
 * Threads. The engine calls open, splits, pushdown and close on the session's thread; `reader` functions on one I/O thread
 * per reader; `decode` on workers, in parallel, pure; sink functions on one I/O thread per sink; lookup functions as
 * documented there. No connector function is called on a worker besides decode, so connectors may block. Every blocking call
 * must return within about 100 ms (or when there is something), so that cancelling is quick. */
#ifndef MILLRACE_CONNECTOR_CONNECTOR_H
#define MILLRACE_CONNECTOR_CONNECTOR_H

#include <stdatomic.h>

#include "catalog/catalog.h"
#include "column/vector.h"
#include "types/time.h"

struct mem_account;

/* ---- Pushdown ---- */

enum predicate_op {
    PREDICATE_EQ,
    PREDICATE_LT,
    PREDICATE_LE,
    PREDICATE_GT,
    PREDICATE_GE,
    PREDICATE_IN,
    PREDICATE_IS_NULL,
    PREDICATE_IS_NOT_NULL
};

struct predicate {
    int column; /* position in table->columns */
    enum predicate_op op;
    const struct value *values; /* of the column's type; IN: value_count of them, IS [NOT] NULL: none */
    int value_count;
};

enum pushdown_answer {
    PUSHDOWN_NO,      /* not used by the source */
    PUSHDOWN_PARTIAL, /* used, may return more rows: the engine filters again */
    PUSHDOWN_EXACT    /* exactly these rows: not filtered again */
};

/* A hint: of the rows that are equal in the `partition` columns only the first `row_count` in this order are wanted. Sources may
 * return more. Columns are positions in table->columns. */
struct scan_top {
    int64_t row_count;   /* 1 … */
    int partition_count; /* 0: of all rows */
    const int *partition;
    int order_count;
    const int *order;
    const bool *descending;
};

/* An aggregate that the source computes per group. */
enum scan_function { SCAN_COUNT, SCAN_MIN, SCAN_MAX, SCAN_SUM };
const char *scan_function_name(enum scan_function function); /* "COUNT" ... */
struct scan_aggregate {
    enum scan_function function;
    int column;              /* position in table->columns; -1: COUNT(*) */
    const struct type *type; /* of the result: NULL (but of COUNT) when the group has no values */
};

/* The source gives groups instead of rows: one for every combination of values in the request's columns, which then are in any
 * order, and the aggregates behind them. Only what source_class.groups agreed to, in batch, with neither limit nor top. */
struct scan_groups {
    int aggregate_count; /* 0: only which groups there are */
    const struct scan_aggregate *aggregates;
};

struct scan_request {
    int column_count; /* projection: positions in table->columns (physical and metadata ones), ascending; may be 0 */
    const int *columns;
    int predicate_count;
    const struct predicate *predicates; /* all must hold */
    int64_t limit;                      /* -1: none. A hint: the engine cuts exactly */
    const struct scan_top *top;         /* NULL: all rows. Not together with a limit */
    const struct scan_groups *groups;   /* NULL: rows */
    bool bounded_only;                  /* batch: refuse (STATUS_NOT_SUPPORTED) if the source never ends */
};

/* ---- Sources ---- */

enum { OFFSET_MAX_BYTES = 4096, SPLIT_ID_MAX_BYTES = 1024 };

/* A position in a split: opaque bytes, kept in step log and checkpoints. A reader started at an offset gives exactly the
 * records behind it, in the same order every time. */
struct offset {
    uint32_t len;
    const uint8_t *bytes;
};

struct split {
    const char *id; /* stable name across restarts: a file's path, "topic/3", a token range */
    struct offset start;
    int64_t row_estimate; /* -1 unknown */
};

/* What becomes of records that cannot be read, and of rows that a system refuses, instead of failing the job. Both functions may be
 * called on any thread, several at once; a failure ends the job. After a restart the same ones may come again. */
struct bad_record {
    const char *file; /* or whatever names the place */
    int64_t line;     /* where the record begins, from 1 */
    struct str text;  /* the record as it stands there, without its terminator */
};
struct bad_rows {
    void *data;
    enum status (*record)(void *data, const struct bad_record *record, const struct error *why, struct error *err);
    /* A row for `table`, physical row `row` of a chunk of its columns `columns`. */
    enum status (*row)(void *data, const struct table *table, const int *columns, const struct chunk *chunk, int row,
                       const struct error *why, struct error *err);
};

/* A framed piece of input: whole records of one split. Made by fetch on the I/O thread, decoded by workers, released on any thread
 * by calling release(block). */
struct block {
    int split;                /* index given by the engine */
    struct offset start, end; /* end = start of the next block of this split */
    int record_count;         /* exact. Malformed records count too */
    int64_t first_record;     /* ordinal within the split since the reader started (for messages and seeds) */
    /* Batch, where a split's blocks may come in any order: 1 + a number below 2^44 for its first record, larger than those of all
     * records before it in the split. 0: behind the split's block before. */
    int64_t order;
    size_t size_bytes;                    /* for accounting */
    int64_t progress;                     /* its share of the source's progress_total */
    void *data;                           /* the connector's */
    void (*release)(struct block *block); /* frees everything, the struct included */
};

struct source;
struct source_reader;

/* Where decode puts rows: chunks of the projected columns, at most VECTOR_CAPACITY rows, strings may borrow from the block or
 * lie in arena. Call emit for each; sign may be set (changelog formats). */
struct decode_output {
    struct arena *arena; /* the morsel's */
    enum status (*emit)(struct decode_output *output, struct chunk *chunk, struct error *err);
    int64_t skipped_records; /* the decoder adds records skipped by ignore-parse-errors */
    /* Malformed records go there, are left out and counted in bad_records. NULL: they are errors. */
    const struct bad_rows *bad_rows;
    int64_t bad_records;
};

enum fetch_result {
    FETCH_BLOCK,
    FETCH_IDLE /* nothing within the time */,
    FETCH_END /* this reader's splits are all done */
};

struct source_class {
    /* Offers pushdown before open. answers[i] for predicates[i]. Explains what happens to `explain` (may be NULL): "FULL SCAN",
     * "partition key user_id = 5", "token ranges: 16". NULL: nothing is pushed but the projection. */
    enum status (*pushdown)(const struct table *table, const struct scan_request *request,
                            enum pushdown_answer *answers, bool *limit_exact, struct strbuf *explain,
                            struct error *err);
    /* For EXPLAIN: what the request makes the source do, in full (the statement that is sent). NULL: what `pushdown` said. */
    enum status (*explain)(const struct table *table, const struct scan_request *request, struct strbuf *out,
                           struct error *err);
    /* Does the source compute the request's groups, exactly as the engine would? Asked before open, in batch; request->groups is not
     * NULL and every predicate was taken exactly. NULL: never. */
    enum status (*groups)(const struct table *table, const struct scan_request *request, bool *taken,
                          struct error *err);
    bool (*is_bounded)(const struct table *table);
    /* Rows and distinct keys for the planner; -1 unknown. May be NULL. */
    int64_t (*row_estimate)(const struct table *table);
    /* More for the planner, where it is cheap to know: fills in what it knows of out, which says that nothing is known
     * (arena for values). Then row_estimate is not asked. May be NULL. */
    void (*statistics)(const struct table *table, struct arena *arena, struct table_statistics *out);
    enum status (*open)(const struct table *table, const struct scan_request *request, int parallelism,
                        struct mem_account *account, struct source **out, struct error *err);
    /* The splits that exist now, those that were there before among them. Called once before anything is read (a second time
     * after a restart: what is new then counts as come later), and again while reading, on a thread of its own, when the
     * source discovers. */
    enum status (*splits)(struct source *source, struct arena *arena, struct split **splits, int *split_count,
                          struct error *err);
    /* A split's id says all there is to know of it, so that a job that goes on reads those of its checkpoint, whatever `splits` would
     * say now. */
    bool ids_suffice;
    /* How often to look for splits that have come. 0: never; else the source never ends. NULL: never. */
    int64_t (*discovery_interval_ms)(const struct source *source);
    /* What the splits are together, for showing how far the job is: bytes of files, or shares of a table (progress_in_bytes says
     * which); 0 unknown. Called after splits. May be NULL. */
    int64_t (*progress_total)(struct source *source);
    bool progress_in_bytes;
    /* How many readers make sense (1 … split_count). */
    int (*reader_count)(struct source *source, int split_count, int parallelism);
    /* splits[i] has index indexes[i] (to be put into block->split) and is read from starts[i]. */
    enum status (*reader_open)(struct source *source, const struct split *splits, const int *indexes,
                               const struct offset *starts, int count, struct source_reader **out, struct error *err);
    enum status (*fetch)(struct source_reader *reader, int timeout_ms, struct block **block, enum fetch_result *result,
                         struct error *err);
    void (*reader_close)(struct source_reader *reader);
    /* Decodes records [first, first + count) of the block. Pure: same input, same rows. */
    enum status (*decode)(struct source *source, const struct block *block, int first, int count,
                          struct decode_output *output, struct error *err);
    /* A checkpoint with these offsets is durable (Kafka commits its group offsets). May be NULL. Any thread. */
    void (*checkpointed)(struct source *source, const struct split *splits, const struct offset *offsets, int count);
    void (*close)(struct source *source);
};

/* ---- Sinks ---- */

enum changes {
    CHANGES_APPEND, /* inserts only */
    CHANGES_UPSERT, /* by primary key: at most one upsert or delete per key and step */
    CHANGES_RETRACT /* anything: -U/-D carry the whole old row */
};

enum row_kind { ROW_INSERT, ROW_UPDATE_BEFORE, ROW_UPDATE_AFTER, ROW_DELETE };
const char *row_kind_name(enum row_kind kind); /* "+I" "-U" "+U" "-D" */

/* Whose rows a sink gets. The rows of UPDATE are ROW_UPDATE_AFTER with the key and the columns that SET names, those of
 * DELETE are ROW_DELETE; both have been read from the table itself. */
enum sink_statement { SINK_INSERT, SINK_UPDATE, SINK_DELETE };

struct sink_options {
    enum sink_statement statement;
    const int *columns; /* table columns that the rows carry, in order; the others stay unset */
    int column_count;
    bool exactly_once; /* the job has checkpoints: refuse what cannot be repeated (counters, LWT) */
    bool drop_nulls;   /* table.exec.sink.not-null-enforcer = DROP: rows with NULL in a key column are left out */
    bool streaming;
    int parallelism;
    /* INSERT OVERWRITE: what comes takes the place of what is there, all of it or of the partitions that rows come for, and of the
     * one that PARTITION (…) names whole: its columns and values. One step only, never in streaming. */
    bool overwrite;
    int fixed_count;
    const int *fixed_columns;
    const struct value *fixed_values;
    const char *job_id; /* stable across restarts, unique; NULL: the job has no checkpoints and never restarts */
    int sink_index;     /* within the job */
    struct mem_account *account;
    const struct time_zone *zone;
    /* Counted by the sink, any thread; NULL: nobody wants to know. Rows that the system refused and the sink was told to
     * leave out, and rows that a condition kept from being written. */
    _Atomic int64_t *refused_rows, *unapplied_rows;
    /* Rows that the system refuses go there, whatever the table's options say. NULL: the options decide. */
    const struct bad_rows *bad_rows;
};

/* The rows of one step for one sink, netted: one per key, and beside it those that the sink refuses. Owned by the engine; valid during the
 * call. */
struct sink_rows {
    int64_t step_id;
    int64_t write_micros;      /* the step's write timestamp */
    const struct chunk *chunk; /* flat columns in sink_options.columns order, no selection, no sign */
    const uint8_t *kinds;      /* enum row_kind per row */
};

struct sink;
struct sink_class {
    /* What the table accepts. */
    enum changes (*accepts)(const struct table *table);
    enum status (*open)(const struct table *table, const struct sink_options *options, struct sink **out,
                        struct error *err);
    /* Would `write` refuse this row of an insert, report it and go on without it? (Not: would it end the job.) Of a step's rows with one key
     * such a row does not count as the last one; it is written beside the one that does, so that it is reported. Any thread, several
     * at once, also while write runs. NULL: no row is refused. */
    bool (*refuses)(struct sink *sink, const struct chunk *chunk, int row);
    /* Takes rows; may block (that is the back-pressure) and may return before they are durable. */
    enum status (*write)(struct sink *sink, const struct sink_rows *rows, struct error *err);
    /* All rows of the step were written. Sinks with transactions commit the step here (the embedded store: one LMDB
     * transaction with the step's id; a replayed id is skipped). */
    enum status (*end_step)(struct sink *sink, int64_t step_id, struct error *err);
    /* Waits until everything written is acknowledged. Called before a checkpoint is published and at the end of the job. */
    enum status (*flush)(struct sink *sink, struct error *err);
    /* Two-phase part of a checkpoint, both may be NULL: prepare after flush (bytes to keep in the manifest go to out),
     * commit after the manifest is durable; commit is repeated after a restart with the kept bytes and must be idempotent. */
    enum status (*prepare)(struct sink *sink, int64_t checkpoint_id, struct strbuf *out, struct error *err);
    enum status (*commit)(struct sink *sink, int64_t checkpoint_id, struct str prepared, struct error *err);
    /* Restart: called once after open, before any write. steps > last_step_id will come (again). prepared may be empty. */
    enum status (*restore)(struct sink *sink, int64_t last_step_id, int64_t checkpoint_id, struct str prepared,
                           struct error *err);
    /* The job failed or was cancelled: a write that waits shall return soon (STATUS_CANCELLED). Any thread, while write
     * runs. May be NULL. */
    void (*interrupt)(struct sink *sink);
    /* failed: discard what is uncommitted. */
    void (*close)(struct sink *sink, bool failed);

    /* Can INSERT OVERWRITE replace what the table has, so that a failure leaves the old rows? NULL: no. */
    bool (*overwrites)(const struct table *table);

    /* Does the table take the rows of UPDATE and DELETE statements? NULL: no. */
    bool (*modifies)(const struct table *table);
    /* DELETE without reading: removes the rows for which all predicates hold. *taken = false: the sink cannot, nothing was
     * done. What it does goes to `explain`. write_micros: the write timestamp; negative: only say. Rows are not counted.
     * Blocks. May be NULL. */
    enum status (*delete_where)(const struct table *table, const struct predicate *predicates, int predicate_count,
                                int64_t write_micros, bool *taken, struct strbuf *explain, struct error *err);
    /* TRUNCATE TABLE; blocks. May be NULL. */
    enum status (*truncate)(const struct table *table, struct error *err);
};

/* ---- Lookups: the I/O half of a lookup join ---- */

/* Options of a table that can be looked up: for the option table of its connector, and by themselves (the names are Flink's
 * but for lookup.join and lookup.miss-retry). */
#define CONNECTOR_LOOKUP_OPTIONS                                                                                       \
    {.name = "lookup.cache",                                                                                           \
     .type = OPTION_ENUM,                                                                                              \
     .default_value = "NONE",                                                                                          \
     .choices = "NONE|PARTIAL",                                                                                        \
     .doc = "PARTIAL: a lookup join keeps answers for later steps; NONE: every step asks once for each of its keys"},  \
        {.name = "lookup.partial-cache.max-rows",                                                                      \
         .type = OPTION_INT,                                                                                           \
         .default_value = "100000",                                                                                    \
         .min = 1,                                                                                                     \
         .max = 1000000000,                                                                                            \
         .doc = "rows in the cache; those used least recently leave first, also when they are more than 256 MB"},      \
        {.name = "lookup.partial-cache.expire-after-write",                                                            \
         .type = OPTION_DURATION,                                                                                      \
         .min = 1,                                                                                                     \
         .max = INT64_C(315360000000),                                                                                 \
         .doc = "how old a cached answer may become; by default any age"},                                             \
        {.name = "lookup.partial-cache.expire-after-access",                                                           \
         .type = OPTION_DURATION,                                                                                      \
         .min = 1,                                                                                                     \
         .max = INT64_C(315360000000),                                                                                 \
         .doc = "how long a cached answer is kept without being used; by default for ever"},                           \
        {.name = "lookup.partial-cache.cache-missing-key",                                                             \
         .type = OPTION_BOOL,                                                                                          \
         .default_value = "true",                                                                                      \
         .doc = "that a key has no rows is cached as well"},                                                           \
        {.name = "lookup.max-retries",                                                                                 \
         .type = OPTION_INT,                                                                                           \
         .min = 0,                                                                                                     \
         .max = 1000,                                                                                                  \
         .doc = "how often a failed request is sent again; by default as often as the connection does"},               \
        {.name = "lookup.async",                                                                                       \
         .type = OPTION_BOOL,                                                                                          \
         .doc = "accepted: many keys are always asked for at the same time, and rows keep their order"},               \
        {.name = "lookup.join",                                                                                        \
         .type = OPTION_ENUM,                                                                                          \
         .default_value = "auto",                                                                                      \
         .choices = "auto|on|off",                                                                                     \
         .doc =                                                                                                        \
             "batch: may a join by the table's key look its keys up instead of reading the whole table? auto: when "   \
             "the estimates say that it is less work"},                                                                \
        {.name = "lookup.miss-retry.attempts",                                                                         \
         .type = OPTION_INT,                                                                                           \
         .default_value = "0",                                                                                         \
         .min = 0,                                                                                                     \
         .max = 1000,                                                                                                  \
         .doc = "how often a key without rows is asked for again before it counts as missing"},                        \
    {                                                                                                                  \
        .name = "lookup.miss-retry.delay", .type = OPTION_DURATION, .default_value = "1 s", .min = 1, .max = 3600000,  \
        .doc = "time between two such attempts"                                                                        \
    }
extern const struct option_def connector_lookup_options[];

enum lookup_join_choice { LOOKUP_JOIN_AUTO, LOOKUP_JOIN_ON, LOOKUP_JOIN_OFF };

struct lookup_settings {
    int64_t cache_max_rows;                                /* 0: no cache */
    int64_t expire_after_write_ms, expire_after_access_ms; /* 0: never */
    bool cache_missing_keys;
    int miss_attempts;
    int64_t miss_delay_ms;
    int max_retries; /* -1: the connection's */
    enum lookup_join_choice join;
};
/* The options have passed options_check with a table that holds CONNECTOR_LOOKUP_OPTIONS. */
void connector_lookup_settings(const struct option_list *options, struct lookup_settings *out);

struct lookup;
struct lookup_class {
    /* Can the table be asked by these columns (positions)? NO, or EXACT. Says how to `explain` (may be NULL): "by primary key". */
    enum pushdown_answer (*accepts)(const struct table *table, const int *key_columns, int key_count,
                                    struct strbuf *explain);
    enum status (*open)(const struct table *table, const int *key_columns, int key_count, const int *columns,
                        int column_count, struct mem_account *account, struct lookup **out, struct error *err);
    /* Called on the lookup's I/O thread: asks for the keys->row_count (at most max_batch) distinct keys, none of which has a NULL
     * (flat, columns in open's key order), and calls answer(data, key_row, rows or NULL) for each key, in any order, for a key
     * with many rows several times with a part of them in their order; rows is a chunk of `columns` that is valid during the
     * call. Returns when all are answered or one failed for good. Many requests are in flight inside. */
    enum status (*ask)(struct lookup *lookup, const struct chunk *keys, struct arena *arena,
                       enum status (*answer)(void *data, int key_row, const struct chunk *rows, struct error *err),
                       void *data, struct error *err);
    int max_batch; /* most keys per ask */
    /* Any thread: an ask that runs, and every later one, ends soon with STATUS_CANCELLED. NULL: asks never take long. */
    void (*cancel)(struct lookup *lookup);
    void (*close)(struct lookup *lookup);
};

/* ---- The connector ---- */

enum metadata_access {
    METADATA_ANY,   /* the source and the sink find out */
    METADATA_READ,  /* only: has to be declared VIRTUAL */
    METADATA_WRITE, /* only: must not be VIRTUAL */
};

struct connector {
    const char *name;
    const char *doc;
    const struct option_def *options;
    bool has_format;                   /* takes 'format' = …; the format's option table is checked too */
    const struct source_class *source; /* NULL: cannot be read */
    const struct sink_class *sink;     /* NULL: cannot be written */
    const struct lookup_class *lookup; /* NULL: no point reads */
    /* Checks a CREATE TABLE beyond its options (types, keys). May be NULL. */
    enum status (*check_table)(const struct table *table, struct error *err);
    /* The columns of a table that is declared without any (column_count 0), from what is there; in arena. May be NULL. */
    enum status (*infer_columns)(const struct table *table, struct arena *arena, struct schema *out, struct error *err);
    /* Partitions that are there, as "p=x/q=y", sorted, in arena (SHOW PARTITIONS). NULL: they are not kept in a list. */
    enum status (*partitions)(const struct table *table, struct arena *arena, const char ***names, int *count,
                              struct error *err);
    /* Metadata columns: what METADATA FROM 'key' may say, ended by a NULL key. May be NULL. */
    const struct connector_metadata {
        const char *key; /* with a *: any text in its place, "ttl(*)" has "ttl(name)" */
        enum type_id type;
        uint8_t precision;
        enum metadata_access access;
    } * metadata;
};

/* For check_table: every metadata column has a key that the list (ended by a NULL key) has, and its type: the same kind, integers
 * also wider, times with at least its precision. A key may stand in several entries, of several types. What can only be read must
 * be VIRTUAL, what can only be written must not. */
enum status connector_check_metadata(const char *connector, const struct connector_metadata *metadata,
                                     const struct table *table, struct error *err);

/* Metadata of tables in Cassandra's data model: write time and TTL, of a cell's value when read, of the whole row when written. What
 * is written to origin.file and origin.line is kept nowhere: it says where a row comes from, for whom refused rows are told. */
extern const struct connector_metadata connector_cell_metadata[];

/* connectors.c: the visible list (src/connector/connectors.c is compiled with the connectors, not before them). */
const struct connector *connector_find(const char *name);
const struct connector *connector_at(int index); /* NULL behind the last */

#endif
