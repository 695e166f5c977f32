/* Inside the store: the environment, transactions, records, and the form of values. */
#ifndef MILLRACE_STORE_PRIVATE_H
#define MILLRACE_STORE_PRIVATE_H

#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>

#include "store/store.h"

enum {
    STORE_FORMAT_VERSION = 2, /* of the whole file; 1 had no database of deletions and no expiry */
    STORE_KEY_MAX = 511,      /* LMDB's; checked when the store opens */
    STORE_KEY_PREFIX = 480,   /* bytes kept of a key that is too long for LMDB; a 128-bit hash follows */
    STORE_KEY_HASH = 16,
    STORE_ID_BYTES = 4,
    STORE_TOKEN_BYTES = 8,
    STORE_KIND_STATIC = 0, /* sorts before the rows of its partition */
    STORE_KIND_ROW = 1,
};
/* Keys up to this size (without the table's id) are kept whole; longer ones as prefix and hash, which is longer, so that
 * the two can never be equal. */
enum { STORE_KEY_WHOLE = STORE_KEY_PREFIX + STORE_KEY_HASH - 1 };
_Static_assert(STORE_ID_BYTES + STORE_KEY_PREFIX + STORE_KEY_HASH <= STORE_KEY_MAX, "cut keys fit");

struct store {
    MDB_env *env;
    MDB_dbi rows, meta, gc, deletions;
    char *path;
    bool in_memory;
    int64_t map_bytes, max_bytes;
    int refs;           /* under the registry's lock */
    struct store *next; /* in the registry */
    dev_t device;
    ino_t inode;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t changed;
    int active;    /* transactions of this process */
    bool resizing; /* no transaction may begin */
    int64_t last_reader_check_ns;
    int resize_wait_ms; /* STORE_RESIZE_WAIT_MS; tests have less time */
};

/* ---- Transactions (env.c) ---- */

enum status store_error(const struct store *store, int rc, const char *doing, struct error *err);
/* Begins a transaction; write transactions wait for other writers. Every begin is ended by store_txn_commit or _abort on
 * the same thread (reads: on any thread). */
enum status store_txn_begin(struct store *store, bool write, MDB_txn **txn, struct error *err);
void store_txn_abort(struct store *store, MDB_txn *txn);
/* rc of mdb_txn_commit. */
int store_txn_commit(struct store *store, MDB_txn *txn);
/* After MDB_MAP_FULL, with no transaction of the caller's open: grows the map. */
enum status store_grow(struct store *store, struct error *err);

/* Runs fn in a write transaction, again after growing the map when it was full. fn returns an LMDB code; a STATUS error it
 * reports through *status (then its code is ignored). */
struct store_write {
    struct store *store;
    MDB_txn *txn;
    struct error *err;
    enum status status;
};
enum status store_write_run(struct store *store, const char *doing, int (*fn)(struct store_write *write, void *data),
                            void *data, struct error *err);

/* ---- Little-endian fields, big-endian keys ---- */

static inline void store_put_u16(uint8_t *p, uint16_t v) { p[0] = (uint8_t)v, p[1] = (uint8_t)(v >> 8); }
static inline void store_put_u32(uint8_t *p, uint32_t v) {
    for (int i = 0; i < 4; i++) p[i] = (uint8_t)(v >> (8 * i));
}
static inline void store_put_u64(uint8_t *p, uint64_t v) {
    for (int i = 0; i < 8; i++) p[i] = (uint8_t)(v >> (8 * i));
}
static inline uint16_t store_get_u16(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }
static inline uint32_t store_get_u32(const uint8_t *p) {
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}
static inline uint64_t store_get_u64(const uint8_t *p) {
    return store_get_u32(p) | (uint64_t)store_get_u32(p + 4) << 32;
}
static inline void store_put_be32(uint8_t *p, uint32_t v) {
    for (int i = 0; i < 4; i++) p[i] = (uint8_t)(v >> (24 - 8 * i));
}
static inline void store_put_be64(uint8_t *p, uint64_t v) {
    for (int i = 0; i < 8; i++) p[i] = (uint8_t)(v >> (56 - 8 * i));
}
static inline uint32_t store_get_be32(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}
static inline uint64_t store_get_be64(const uint8_t *p) {
    return (uint64_t)store_get_be32(p) << 32 | store_get_be32(p + 4);
}

/* ---- Keys (key.c) ---- */

/* The key under which LMDB keeps `key` (without the table's id) of table `id`; returns its size. *cut: the key was too
 * long and its value must carry it. out has STORE_KEY_MAX bytes. */
uint32_t store_key_stored(uint32_t id, struct str key, uint8_t *out, bool *cut);
/* What of a row goes into its key. */
enum key_part {
    KEY_PARTITION, /* token and partition key */
    KEY_STATIC,    /* of the partition's static row */
    KEY_ROW        /* of the row */
};
/* Appends the key of a chunk's row. chunk_columns: by key column, position in the chunk. scratch: for nested values. */
enum status store_key_of_row(const struct store_table *table, const struct chunk *chunk, const int *chunk_columns,
                             int row, enum key_part part, struct arena *scratch, struct strbuf *serialised,
                             struct strbuf *key, struct error *err);
/* Bytes of a whole key (without the table's id) that are its partition's: the kind comes next. 0: malformed. */
size_t store_key_partition_bytes(const struct store_table *table, struct str key);
/* CQL's bytes of a value, of which the token is made and by which ties are broken. codec: of a nested type, may be NULL. */
void store_serialise(const struct value *value, const struct cass_codec *codec, struct strbuf *out);
/* The value with its maps in the order of their keys, as Cassandra keeps them: two maps with equal entries are one key. */
struct value store_sort_maps(const struct value *value, struct arena *arena);

/* ---- Values (cells.c) ----
 *
 * u8 version (low 4 bits) and more flags (high 4) | u8 flags | u16 slots | i64 time, then as the flags say:
 *   DELETION    i64 time of the row's deletion
 *   EXPIRY      u32 s since 1970 when it ends, u32 TTL in s. Of the marker and all values, or with CELL_EXPIRY of the marker
 *   CELL_TIMES  i64 per slot (unset ones 0); `time` is then the row marker's
 *   CELL_EXPIRY u32 end, u32 TTL per slot (0 0: lives on)
 *   BITS        a bit per slot, set = has a value. Absent: every slot has one
 *   UNSET       a bit per slot, set = NULL was written, so that neither bit means unset. Absent: no bit means NULL
 * then the fixed parts of the slots, the heap of variable-length ones (their fixed part is a u32: where theirs ends in the
 * heap), and with LONG_KEY the whole key and its u32 size at the very end. All little-endian, unaligned. */
enum {
    VALUE_VERSION = 1,
    VALUE_RANGE = 15, /* in a writer's mutations only: no row, but a deletion of many: see write.c */
    VALUE_HEADER_BYTES = 12,

    VALUE_LIVE = 1,   /* has a marker or a value, expired or not */
    VALUE_MARKER = 2, /* an INSERT stands behind it */
    VALUE_DELETION = 4,
    VALUE_CELL_TIMES = 8,
    VALUE_LONG_KEY = 16,
    VALUE_BITS = 32,
    VALUE_UNSET = 64,
    VALUE_EXPIRY = 128,
    VALUE_CELL_EXPIRY = 256, /* in the version's byte */
};
#define STORE_TIME_NONE INT64_MIN

enum cell_state { CELL_UNSET, CELL_NULL, CELL_VALUE };

/* When a cell or marker that was written with a TTL ends; end 0: it does not. */
struct expiry {
    uint32_t end_s, ttl_s;
};

struct cell {
    int64_t time;
    const uint8_t *data;
    uint32_t size;
    struct expiry expiry; /* of a value */
    enum cell_state state;
};

/* A row taken apart. */
struct row_cells {
    int64_t marker, deletion; /* STORE_TIME_NONE: none */
    struct expiry marker_expiry;
    int slot_count;      /* cells beyond are unset */
    struct cell *cells;  /* room for the table's slots */
    struct str long_key; /* empty: the key is whole */
};

static inline int value_flags(const uint8_t *value) { return value[1] | (value[0] & 0xF0) << 4; }
static inline int value_slots(const uint8_t *value) { return store_get_u16(value + 2); }
static inline int64_t value_time(const uint8_t *value) { return (int64_t)store_get_u64(value + 4); }
static inline bool value_is_live(const uint8_t *value) { return value[1] & VALUE_LIVE; }
static inline bool value_expires(const uint8_t *value) {
    return value_flags(value) & (VALUE_EXPIRY | VALUE_CELL_EXPIRY);
}
static inline bool expiry_is_over(struct expiry expiry, uint32_t now_s) {
    return expiry.end_s && expiry.end_s <= now_s;
}
static inline struct expiry store_get_expiry(const uint8_t *p) {
    return (struct expiry){store_get_u32(p), store_get_u32(p + 4)};
}
static inline void store_put_expiry(uint8_t *p, struct expiry expiry) {
    store_put_u32(p, expiry.end_s);
    store_put_u32(p + 4, expiry.ttl_s);
}
/* Kept in the heap; the fixed part has the end. Nested values lie there in key form. */
static inline bool phys_is_variable(enum phys phys) {
    return phys == PHYS_STR || phys == PHYS_LIST || phys == PHYS_ROW;
}
/* Where the fixed part begins. */
uint32_t store_value_base(const uint8_t *value);
struct str store_value_long_key(const uint8_t *value, uint32_t size);
/* The whole key of an entry, without the table's id. */
struct str store_whole_key(const MDB_val *key, const MDB_val *value);
/* The latest time in a row. */
int64_t store_value_latest(const uint8_t *value);
/* Is there a marker or a value that has not expired? */
bool store_value_lives_slow(const uint8_t *value, uint32_t now_s);
static inline bool store_value_lives(const uint8_t *value, uint32_t now_s) {
    return value_is_live(value) && (!value_expires(value) || store_value_lives_slow(value, now_s));
}
/* A slot's write time and expiry; *has_value says whether there is one that has not expired. */
struct cell_facts {
    int64_t time;
    struct expiry expiry;
    bool has_value;
};
struct cell_facts store_value_facts(const uint8_t *value, int slot, uint32_t now_s);
/* When the first of what is written with a TTL ends, 0: never. */
uint32_t store_value_first_end(const uint8_t *value);

void store_cells_parse(const struct store_table *table, const uint8_t *value, uint32_t size, struct row_cells *out);
/* Merges what is newer into `into` by the rules of README.md; data is borrowed. sums: room for the table's slots, holds new
 * values of counters. */
void store_cells_merge(const struct store_table *table, struct row_cells *into, const struct row_cells *from,
                       int64_t *sums);
/* Takes off what is not later than a deletion. */
void store_cells_shadow(struct row_cells *row, int64_t time);
/* Takes off what ended at or before `end_s` and was not written after `horizon`; *left is set when the horizon kept some. */
void store_cells_forget(struct row_cells *row, uint32_t end_s, int64_t horizon, bool *left);
/* Appends the row's value. */
void store_cells_encode(const struct store_table *table, const struct row_cells *row, struct strbuf *out);
/* Nothing is left: no marker, no deletion, no cell. */
bool store_cells_empty(const struct row_cells *row);

/* ---- Deletions of partitions and ranges (deletions.c) ----
 *
 * One record per partition, in a database of their own: under the key of its rows up to the kind,
 *   u8 1 | u8 LONG_KEY or 0 | u16 0 | u32 count, count times { i64 time, u32 start size, u32 end size, start, end }
 * and with LONG_KEY the whole key and its u32 size. A range is [start, end) of what follows the partition in the keys of
 * rows, both empty: the whole partition. Rows never need the record to be read: deleting applies it to the rows that are
 * there, and writing to those that come later with an older time. */
struct range_deletion {
    int64_t time;
    struct str start, end;
};
struct deletions {
    int count;
    struct range_deletion *ranges; /* room for one more */
};
/* Reads a partition's record; none: count 0. Borrows from the transaction. */
int store_deletions_get(struct store *store, MDB_txn *txn, uint32_t id, struct str partition, struct arena *arena,
                        struct deletions *out);
/* Adds a range; *known: it says nothing new. STORE_MAX_RANGE_DELETIONS: *full. */
void store_deletions_add(struct deletions *deletions, const struct range_deletion *range, bool *known, bool *full);
int store_deletions_put(struct store *store, MDB_txn *txn, uint32_t id, struct str partition,
                        const struct deletions *deletions);
/* The latest deletion of a row, STORE_TIME_NONE: none. suffix: its key behind the partition. */
int64_t store_deletions_time(const struct deletions *deletions, struct str suffix);

/* ---- Records of the meta database (meta.c) ---- */

/* Keys: a letter and names. */
enum {
    META_FORMAT = 'f',   /* → u32 */
    META_NEXT_ID = 'n',  /* → u32 */
    META_DATABASE = 'd', /* name → u8 0 */
    META_TABLE = 't',    /* database NUL name → record, see meta.c */
    META_COUNTS = 'c',   /* be32 id → struct table_counts: exists as long as the table does */
    META_DROPPED = 'x',  /* be32 id → nothing: its rows are to be freed */
    META_STEP = 's', /* job id NUL be32 sink → i64 step id, i64 write µs, u32 incarnation, i64 realtime µs of commit */
};
enum { META_STEP_BYTES = 28, META_COUNTS_BYTES = 28 };

struct table_counts {
    uint64_t live_rows, entries, next_row_id;
    uint32_t incarnation;
};

int store_counts_get(struct store *store, MDB_txn *txn, uint32_t id, struct table_counts *counts);
int store_counts_put(struct store *store, MDB_txn *txn, uint32_t id, const struct table_counts *counts);
/* Name in the transaction; *table NULL when there is none. */
enum status store_table_read(struct store *store, MDB_txn *txn, const char *database, const char *name,
                             struct arena *arena, const struct store_table **table, struct error *err);
/* The same by id, for what is found in the queue of tombstones; *table NULL: dropped or truncated since. */
int store_table_by_id(struct store *store, MDB_txn *txn, uint32_t id, struct arena *arena,
                      const struct store_table **table);
size_t store_step_key(const char *job_id, int sink_index, uint8_t out[STORE_KEY_MAX]);
enum status store_meta_prepare(struct store *store, struct error *err); /* first use: format, databases of LMDB */

/* TRUNCATE within a transaction. */
int store_truncate_in(struct store_write *write, const char *database, const char *name);
/* Frees up to max_rows rows of dropped tables. */
int store_reclaim(struct store *store, MDB_txn *txn, int64_t max_rows, bool *more);

#endif
