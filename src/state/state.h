/* Keyed state: everything that survives a step.
 *
 * One `struct state` per operator instance (a partition of the key space) holds its tables. A table keeps entries: a fixed
 * payload that the operator owns (aggregate slots, counts; trivially copyable bytes) and a row in row form. Two shapes:
 *
 *   hash table    entries found by the row's first key_count columns; unique or many per key
 *   ordered table entries in memcmp order of a key (bytes), with payload and an optional row; unique keys
 *
 * Memory: entries live in 64 KiB blocks (bigger rows in blocks of their own); indexes are separate and can be rebuilt. An entry does not
 * move while it exists. Freed space is reused only after state_end_step, so that rows emitted in a step stay readable.
 *
 * Snapshots: entries are written as (hash, payload, row) records, with the table's name and operator id; restore deals them by hash to
 * whatever partitions exist then. An operator calls state_touch before it changes an entry's payload in place: it keeps
 * the block's dirty mark for incremental checkpoints and preserves the old bytes while a snapshot is being written in the
 * background. Insert, replace and delete do it themselves.
 *
 * Time to live: a table may have one. Its entries are then gone that long after they were last written (made, replaced, or given to
 * state_touch), by the time that state_begin_step is told; what has expired is found, though, until a sweep or its operator deletes
 * it, so operators ask state_is_expired before they believe an entry. Tables without one keep nothing for it.
 *
 * Threads: a state belongs to the worker that has claimed its partition; snapshot writers read through the snapshot
 * interface only. Errors: over the memory limit STATUS_OUT_OF_MEMORY (spilling comes behind this interface). */
#ifndef MILLRACE_STATE_STATE_H
#define MILLRACE_STATE_STATE_H

#include "base/mem.h"
#include "column/row.h"

enum {
    STATE_BLOCK_BYTES = 64 << 10,
    STATE_MAX_KEY_BYTES = 1 << 20,
    STATE_MAX_TABLES = 64,
    STATE_SWEEP_STEPS = 16,
};

struct state;
struct state_table;
struct state_entry; /* opaque */

struct state *state_create(struct mem_account *account);
void state_destroy(struct state *state);
/* now_micros: the time of what is written in this step, and by which entries expire. */
void state_begin_step(struct state *state, int64_t now_micros);
/* Space freed in the step may be reused from now on; blocks and indexes that have become much too large are given back. */
void state_end_step(struct state *state);
int64_t state_size_bytes(const struct state *state);
int64_t state_entry_count(const struct state *state);

/* Every entry begins with this; the payload (8-aligned) and the row follow it. */
struct state_entry_header {
    struct state_entry *next; /* in the hash chain; ordered tables use it for their index */
};
static inline void *state_payload(struct state_entry *entry) {
    return (uint8_t *)entry + sizeof(struct state_entry_header);
}

/* ---- Hash tables ---- */

enum state_shape { STATE_UNIQUE, STATE_MULTI, STATE_ORDERED };

/* layout is copied by reference (lives as long as the state). Columns 0…key_count-1 are the key. payload_bytes is
 * rounded up to 8. name: stable, unique within the operator. */
struct state_table *state_table_create(struct state *state, const char *name, enum state_shape shape,
                                       const struct row_layout *layout, int key_count, uint32_t payload_bytes);

const uint8_t *state_row(const struct state_table *table, const struct state_entry *entry);
void state_touch(struct state_table *table, struct state_entry *entry);
int64_t state_table_count(const struct state_table *table);

/* ---- Time to live ---- */

/* Deletes an expired entry that a sweep has met, and what hangs on it in other tables; may leave it. data: the operator's. */
typedef void (*state_expire)(void *data, struct state_table *table, struct state_entry *entry);
/* Before the first entry and before a restore. ttl_micros 0: entries live for ever. expire NULL: state_delete. */
void state_table_set_ttl(struct state_table *table, int64_t ttl_micros, state_expire expire, void *data);
bool state_is_expired(const struct state_table *table, const struct state_entry *entry);
/* Once per step, behind the operator's own work: looks at so many entries of every table with a time to live that all were seen
 * after a quarter of it (half of it when the table shrinks meanwhile; after twice STATE_SWEEP_STEPS steps, when steps are rarer), and
 * lets go of those that have expired. */
void state_sweep(struct state *state);

/* Batch lookup of the chunk's live rows: columns[] are the chunk's key columns (key_count of them), hash by physical
 * row. entries[i] for the i-th live row: the (first) entry with that key, or NULL. */
void state_find(struct state_table *table, const struct chunk *chunk, const int *columns, const uint64_t *hash,
                struct state_entry **entries);
/* UNIQUE: as state_find, but inserts what is missing: the row made of the chunk's `columns` (all layout columns, key first), payload
 * zeroed, created[i] set. Rows with equal keys within the chunk get the same entry (created only at the first). */
enum status state_find_or_insert(struct state_table *table, const struct chunk *chunk, const int *columns,
                                 const uint64_t *hash, struct state_entry **entries, bool *created, struct error *err);
/* MULTI (and UNIQUE, when the caller knows that the keys are absent): inserts every live row; payload zeroed. */
enum status state_insert(struct state_table *table, const struct chunk *chunk, const int *columns, const uint64_t *hash,
                         struct state_entry **entries, struct error *err);
/* The next entry with the same key, or NULL. */
struct state_entry *state_next_same_key(const struct state_table *table, const struct state_entry *entry);
/* MULTI: the entry whose whole row equals the chunk's row, or NULL; row is a physical row. */
struct state_entry *state_find_row(struct state_table *table, const struct chunk *chunk, const int *columns,
                                   uint64_t hash, int row);
/* MULTI: the next entry with an equal whole row, or NULL. */
struct state_entry *state_next_same_row(const struct state_table *table, const struct state_entry *entry);
/* A single row given in row form (its header's hash counts): find by key, insert a copy. */
struct state_entry *state_find_key(struct state_table *table, const uint8_t *row);
enum status state_insert_row(struct state_table *table, const uint8_t *row, struct state_entry **entry,
                             struct error *err);
/* UNIQUE: replaces the row (same key); the entry's address may change, payload is kept. */
enum status state_replace_row(struct state_table *table, struct state_entry **entry, const uint8_t *row,
                              struct error *err);
/* The bytes stay readable until state_end_step. */
void state_delete(struct state_table *table, struct state_entry *entry);

/* Iteration in no defined order; deleting the current entry is allowed. Start with *cursor = 0; NULL at the end. */
struct state_entry *state_iterate(struct state_table *table, uint64_t *cursor);

/* ---- Ordered tables ---- */

/* key: bytes (key form); hash: of the partition key, for restores. row may be NULL. */
struct state_entry *state_ordered_find(struct state_table *table, struct str key);
enum status state_ordered_insert(struct state_table *table, struct str key, uint64_t hash, const uint8_t *row,
                                 struct state_entry **entry, bool *created, struct error *err);
struct str state_ordered_key(const struct state_table *table, const struct state_entry *entry);
uint64_t state_ordered_hash(const struct state_table *table, const struct state_entry *entry);
/* First entry with key >= bound (len 0: the first of all), last entry with key < bound; next and previous. NULL at the
 * ends. Entries found stay valid until they are deleted. */
struct state_entry *state_ordered_lower_bound(struct state_table *table, struct str bound);
struct state_entry *state_ordered_before(struct state_table *table, struct str bound);
struct state_entry *state_ordered_next(struct state_table *table, const struct state_entry *entry);
struct state_entry *state_ordered_previous(struct state_table *table, const struct state_entry *entry);

/* ---- Snapshots ---- */

/* Where a snapshot's bytes go and come from: files of the checkpoint (src/job), memory in tests. */
struct snapshot_writer {
    enum status (*write)(struct snapshot_writer *writer, const void *data, size_t size_bytes, struct error *err);
};
struct snapshot_reader {
    enum status (*read)(struct snapshot_reader *reader, void *data, size_t size_bytes, struct error *err);
};
/* Writes every table of the state. The format carries HASH_VERSION, table names, shapes, layouts (types) and CRC32C (or XXH64)
 * checks per section; all integers little-endian. */
enum status state_snapshot(struct state *state, struct snapshot_writer *writer, struct error *err);
/* Adds those records of a snapshot whose hash's top bits fall into partition `partition` of `partition_count` (a power
 * of two). Tables must exist already (open_instance made them); one that is unknown or has another layout is
 * STATUS_BAD_DATA. Called once per old partition's snapshot. Every byte is checked. */
enum status state_restore(struct state *state, struct snapshot_reader *reader, uint32_t partition,
                          uint32_t partition_count, struct error *err);

/* Partition of a hash: its top bits. partition_count is a power of two up to 256. */
static inline uint32_t state_partition(uint64_t hash, uint32_t partition_count) {
    return partition_count <= 1 ? 0 : (uint32_t)(hash >> (64 - __builtin_ctz(partition_count)));
}

#endif
