/* The embedded wide-column store: Cassandra's data model on LMDB.
 *
 * Database (keyspace) → table → partition key → clustering columns with an order → regular columns; static columns have one
 * value per partition. Every cell has a write timestamp (µs) and may have a time to live; writes are upserts, the last one
 * wins cell by cell; a delete (of a row, a range of rows, a partition) leaves a tombstone that wins against older writes.
 * Counters are added to. README.md has the rules and the layout of keys and values.
 *
 * One LMDB environment per data directory: one writer at a time (transactions of other threads and processes wait), any
 * number of readers that never wait, in this and in other processes. A commit is one LMDB transaction and is durable when
 * store_writer_commit returns (STORE_SYNC_COMMIT). A store without a path lives in unlinked files and ends with the
 * process.
 *
 * Threads: a store may be used by all threads. A writer, a scan and a snapshot belong to one thread at a time. */
#ifndef MILLRACE_STORE_STORE_H
#define MILLRACE_STORE_STORE_H

#include "catalog/catalog.h"
#include "column/vector.h"

struct mem_account;
struct cass_codec;

enum {
    STORE_MAX_NAME_BYTES = 200, /* of a database or table */
    STORE_MAX_JOB_ID_BYTES = 256,
    STORE_MAX_KEY_COLUMNS = 64,
    STORE_MAX_READERS = 1024,                  /* read transactions at once, over all processes */
    STORE_MAX_RUNS = 64,                       /* sorted runs of a writer before they are merged into one */
    STORE_RESIZE_WAIT_MS = 10000,              /* how long growing the map waits for the transactions of this process */
    STORE_READER_CHECK_MS = 5000,              /* how often readers left behind by killed processes are looked for */
    STORE_RECLAIM_ROWS = 100000,               /* rows of dropped tables freed per transaction */
    STORE_MAX_RANGE_DELETIONS = 4096,          /* of one partition, remembered at the same time */
    STORE_MAX_TTL_S = 20 * 365 * 24 * 60 * 60, /* Cassandra's: 20 years */
};
#define STORE_MAX_VALUE_BYTES (UINT32_C(1) << 30)     /* of one row */
#define STORE_RUN_BYTES (INT64_C(64) << 20)           /* a writer sorts and spills what it has gathered at this size */
#define STORE_MAX_BYTES (INT64_C(1) << 40)            /* largest file, unless options say otherwise */
#define STORE_GRACE_MS_DEFAULT (INT64_C(3600) * 1000) /* see option gc-grace */
#define STORE_WRITER_FORGOTTEN_MICROS (INT64_C(10) * 86400 * 1000 * 1000) /* see README.md, tombstones */

enum store_sync {
    STORE_SYNC_COMMIT, /* fsync at every commit: survives the loss of power */
    STORE_SYNC_NONE    /* left to the system: survives kill -9, not the loss of power */
};

struct store_options {
    enum store_sync sync;
    int64_t max_bytes; /* largest file; 0: STORE_MAX_BYTES */
    int64_t map_bytes; /* address space taken at first; 0: max_bytes, or what the system gives. Grows when needed */
};

struct store;

/* Opens or creates the store in directory `path`, made if missing; NULL: in memory. options may be NULL. A directory that
 * this process has open already gives the same store again (options of the first one hold). */
enum status store_open(const char *path, const struct store_options *options, struct store **out, struct error *err);
struct store *store_ref(struct store *store); /* one more owner */
void store_close(struct store *store); /* NULL allowed. Everything opened on it must be closed by the last owner */
bool store_in_memory(const struct store *store);
const char *store_path(const struct store *store); /* for messages */

/* ---- Databases and tables ---- */

struct store_key_column {
    int column; /* position in the definition's columns */
    const struct type *type;
    bool descending;
    const struct cass_codec *codec; /* nested types: CQL's form of them, NULL when CQL has none */
};

/* A place in the row's value. Slots are never given to another column: rows written before an ALTER stay readable. */
struct store_slot {
    int column; /* -1: dropped */
    enum phys phys;
    uint32_t offset;      /* in the fixed part */
    uint32_t size;        /* in the fixed part */
    int32_t previous_end; /* offset of the variable-length slot before, -1: none. Variable-length slots only */
    bool is_static;       /* one value per partition: kept in the partition's static row */
    bool is_counter;
    const struct cass_codec *codec; /* as of keys */
};

/* Metadata columns. */
enum store_metadata_kind {
    STORE_METADATA_NONE, /* an ordinary column */
    STORE_METADATA_TTL,  /* 'ttl': time to live of what the row writes, in s; NULL: as the table or the sink says. Reads
                                 as NULL */
    STORE_METADATA_TIMESTAMP, /* 'timestamp': its write time in µs; NULL: the step's. Reads as NULL */
    STORE_METADATA_WRITETIME, /* 'writetime(column)': write time of the value */
    STORE_METADATA_TTL_OF     /* 'ttl(column)': seconds that the value still has, NULL: it stays */
};
struct store_metadata {
    enum store_metadata_kind kind;
    int slot; /* of the column in brackets */
};

/* What reading and writing a table takes. In an arena; a snapshot of the definition. */
struct store_table {
    const struct table *definition; /* catalog is NULL */
    uint32_t id;                    /* prefix of its keys; changes with TRUNCATE, never used again */
    uint32_t incarnation;           /* the first id: changes with DROP and CREATE */
    bool is_stored;                 /* false: a view, or a table of another connector: definition only */
    bool hidden;                    /* no primary key */
    bool has_statics, has_counters;
    int64_t grace_ms;
    int32_t default_ttl_s; /* 0: none */
    int key_count, partition_count;
    const struct store_key_column *keys;
    int slot_count;
    const struct store_slot *slots;
    const uint32_t *fixed_bytes;           /* [slot_count + 1]: of the fixed part of a row with that many slots */
    const int *slot_of_column;             /* -1: key column, or not stored */
    const int *key_of_column;              /* -1: no key column */
    const struct store_metadata *metadata; /* by column */
};

enum status store_list_databases(struct store *store, struct arena *arena, const char ***names, int *count,
                                 struct error *err);
enum status store_database_exists(struct store *store, const char *name, bool *exists, struct error *err);
enum status store_create_database(struct store *store, const char *name, struct error *err);
enum status store_drop_database(struct store *store, const char *name, bool cascade, struct error *err);

/* Sorted by name. */
enum status store_list_tables(struct store *store, const char *database, struct arena *arena,
                              const struct store_table ***tables, int *count, struct error *err);
/* *table = NULL when there is none (STATUS_OK). */
enum status store_find_table(struct store *store, const char *database, const char *name, struct arena *arena,
                             const struct store_table **table, struct error *err);
/* The definition's connector "store" or NULL (and no view): a table with data. Without a primary key it becomes a
 * hidden-key table. With a primary key and partition_key_count 0 its first column is the partition key. */
enum status store_create_table(struct store *store, const struct table *definition, struct error *err);
/* Does the definition declare counters ('counter-columns')? Such tables take inserts, each of which counts. */
bool store_definition_has_counters(const struct table *definition);
/* What store_create_table would say about the definition itself. */
enum status store_check_definition(const struct table *definition, struct error *err);
/* Columns are matched by name: new ones are unset in existing rows, missing ones are dropped; one changed name at the same
 * position with the same type is a rename. Key columns stay. */
enum status store_alter_table(struct store *store, const struct table *definition, struct error *err);
/* The rows stay where they are. Writers that are open fail at their next commit. */
enum status store_rename_table(struct store *store, const char *database, const char *name, const char *new_name,
                               struct error *err);
enum status store_drop_table(struct store *store, const char *database, const char *name, struct error *err);
enum status store_truncate_table(struct store *store, const char *database, const char *name, struct error *err);
/* Rows that live, and of those that have expired the ones that are still there; exact in tables without TTL. A partition's
 * static columns count as a row. */
enum status store_row_count(struct store *store, const struct store_table *table, int64_t *rows, struct error *err);

/* ---- Reading ---- */

/* A read transaction: sees the commit it began at until it ends. Keep it as short as possible: pages freed by later writes
 * are not reused while it lives, so the file grows. Counted references; the last release may be on any thread. */
struct store_snapshot;
enum status store_snapshot_begin(struct store *store, struct store_snapshot **out, struct error *err);
/* count transactions that all see the same commit. */
enum status store_snapshots_begin(struct store *store, int count, struct store_snapshot **out, struct error *err);
struct store_snapshot *store_snapshot_ref(struct store_snapshot *snapshot);
void store_snapshot_release(struct store_snapshot *snapshot); /* NULL allowed */
int64_t store_snapshot_id(const struct store_snapshot *snapshot);
/* The clock by which what it reads has expired, in s since 1970; the time of its beginning unless it is set. */
uint32_t store_snapshot_now(const struct store_snapshot *snapshot);
void store_snapshot_set_now(struct store_snapshot *snapshot, uint32_t now_s); /* before anything is read */

/* Keys within a table, without the table's id: [start, end) in bytewise order; an empty end is "to the last". */
struct store_range {
    struct str start, end;
};

/* One row as it lies in the map: valid while the snapshot lives. */
struct store_entry {
    const uint8_t *key, *value;
    const uint8_t *static_value; /* of its partition, NULL: none. = value: a partition that has nothing else */
    uint32_t key_size, value_size;
    uint32_t now_s; /* the snapshot's clock */
};

struct store_scan;
/* Ranges must be ascending and disjoint; they are copied. after: the key of the last row already read (an offset), empty:
 * from the start. Takes a reference on the snapshot, borrows the table. Rows come in key order. A partition that lies whole in a
 * range and has values in static columns but no row gives one row whose clustering columns are NULL. */
enum status store_scan_open(struct store_snapshot *snapshot, const struct store_table *table,
                            const struct store_range *ranges, int range_count, struct str after,
                            struct store_scan **out, struct error *err);
/* Up to max live rows; *count = 0 at the end. *size_bytes (may be NULL) is the sum of their keys and values. */
enum status store_scan_next(struct store_scan *scan, struct store_entry *entries, int max, int *count,
                            size_t *size_bytes, struct error *err);
void store_scan_close(struct store_scan *scan);

/* The key by which a scan goes on behind this row. */
struct str store_entry_offset(const struct store_entry *entry);

/* One row by its whole key (key form, without the table's id); *found false when there is none that lives. */
enum status store_get(struct store_snapshot *snapshot, const struct store_table *table, struct str key,
                      struct store_entry *entry, bool *found, struct error *err);

/* Decodes entries into rows 0…count-1 of flat vectors of `columns` (positions in the definition), count <= VECTOR_CAPACITY.
 * Strings borrow from the map; what cannot is made in arena. Pure, any thread. */
enum status store_decode(const struct store_table *table, const struct store_entry *entries, int count,
                         const int *columns, int column_count, struct arena *arena, struct chunk **out,
                         struct error *err);

/* ---- Keys ---- */

/* Appends the key-form start of a partition: token and partition key; alone it is the start of all its rows. values: one per
 * partition key column, not NULL, of the columns' types. */
enum status store_key_partition(const struct store_table *table, const struct value *values, struct strbuf *key,
                                struct error *err);
/* Appends the kind byte of ordinary rows; clustering values follow (store_key_clustering), possibly only the first ones. */
void store_key_rows(struct strbuf *key);
void store_key_clustering(const struct store_table *table, int clustering_index, const struct value *value,
                          struct strbuf *key);
/* Makes key the least one that is greater than all keys that begin with it; empty when there is none. */
void store_key_next(struct strbuf *key);
/* Appends the start of a token's range, for slices of the ring. */
void store_key_token(int64_t token, struct strbuf *key);
/* Smallest and largest row id of a hidden-key table: [first, next). */
enum status store_row_ids(struct store_snapshot *snapshot, const struct store_table *table, uint64_t *first,
                          uint64_t *next, struct error *err);
void store_key_row_id(uint64_t row_id, struct strbuf *key);

/* ---- Writing ---- */

/* Static columns are written to the partition; a row whose clustering columns are NULL, or not among the columns, is about
 * them alone. Of counters every write adds, NULL adds nothing. */
enum store_op {
    STORE_INSERT,           /* the row exists from now on; columns not given stay as they are (unset) */
    STORE_UPDATE,           /* cells only: the row exists while a cell is not NULL */
    STORE_DELETE,           /* the whole row; only the key columns are read */
    STORE_DELETE_PARTITION, /* with its static columns; only the partition key is read */
    STORE_SKIP              /* pass over the row */
};

/* How a writer takes rows. */
struct store_write_options {
    bool replace;       /* the first commit takes the place of all that is there, in the same transaction */
    bool ignore_null;   /* NULL leaves a column as it is */
    int32_t ttl_s;      /* of rows that say none; 0: the table's */
    bool has_timestamp; /* write_micros counts, for rows that say none, in place of the step's */
    int64_t write_micros;
};

struct store_writer;
/* columns: the definition's columns that chunks carry, in order, metadata columns that can be written too; all key columns
 * must be among them (clustering columns may be missing when only static columns are written). Gathers, sorts and, beyond
 * STORE_RUN_BYTES, spills to unlinked temporary files; takes no lock before commit. */
enum status store_writer_open(struct store *store, const struct store_table *table, const int *columns,
                              int column_count, struct mem_account *account, struct store_writer **out,
                              struct error *err);
void store_writer_set_options(struct store_writer *writer, const struct store_write_options *options);
/* chunk: flat columns, no selection. ops: one per row (enum store_op), NULL: all STORE_INSERT. write_micros: of rows and
 * options that say none, and the clock from which times to live count. Hidden-key tables take inserts only. After an error
 * the writer can only be closed. */
enum status store_writer_add(struct store_writer *writer, const struct chunk *chunk, const uint8_t *ops,
                             int64_t write_micros, struct error *err);
/* Deletes the rows with keys in [range->start, range->end) of one partition, whose key both begin with (store_key_partition);
 * an end that lies behind the partition is its end. A range that begins with the partition takes its static columns too. */
enum status store_writer_delete_range(struct store_writer *writer, const struct store_range *range,
                                      int64_t write_micros, struct error *err);

/* Deletes the row with this whole key. */
enum status store_writer_delete_key(struct store_writer *writer, struct str key, int64_t write_micros,
                                    struct error *err);

/* Exactly-once: the rows and the step's id are committed together; an id not above the last one is a replay. */
struct store_step {
    const char *job_id;
    int sink_index;
    int64_t step_id;
    int64_t write_micros;
};
/* Applies everything added since the last commit in one transaction. step may be NULL. A replayed step's rows are thrown
 * away (STATUS_OK). On failure nothing of it is in the store. */
enum status store_writer_commit(struct store_writer *writer, const struct store_step *step, struct error *err);
void store_writer_close(struct store_writer *writer); /* drops what is not committed; NULL allowed */

/* The last committed step of a sink, 0 when there is none. */
enum status store_step_done(struct store *store, const char *job_id, int sink_index, int64_t *step_id,
                            struct error *err);
/* Makes the sink known before its first step, so that tombstones it might need are kept. fresh: the job starts anew under
 * this id, its steps count from 1 again; else what is committed stays known. */
enum status store_step_register(struct store *store, const char *job_id, int sink_index,
                                const struct store_table *table, bool fresh, struct error *err);

/* ---- Facts about the store ---- */

struct store_info {
    int64_t file_bytes, used_bytes, map_bytes;
    int64_t pending_tombstones;
    int64_t reclaimable_tables; /* dropped, not yet freed */
    int readers;
};
enum status store_get_info(struct store *store, struct store_info *info, struct error *err);

#endif
