/* The core that the aggregate operators share: groups in a hash table, slots of the calls in its payload, and side tables for
 * what varies in size (DISTINCT, needs_values). See aggregate.c. */
#ifndef MILLRACE_OP_AGGREGATE_H
#define MILLRACE_OP_AGGREGATE_H

#include "op/operator.h"
#include "op/row_sorter.h"

/* Rows of a DISTINCT call that wait in files: the group's keys, then the arguments. */
struct distinct_rows {
    struct row_layout layout;
    int *columns;            /* of the input */
    struct key_column *keys; /* all of them */
};

/* Compiled once per node. */
struct aggregate_shared {
    int key_count, call_count;
    const int *keys;    /* columns of the input */
    int *group_columns; /* 0 … key_count-1 */
    struct row_layout group_layout;
    const struct aggregate_call *calls;
    uint32_t *slot_offsets; /* in the payload; needs_values calls have none (0) */
    uint32_t payload_bytes;
    bool *has_values; /* call keeps its values in a side table: DISTINCT or needs_values */
    bool any_values;
    bool retracting;                  /* rows may be taken back */
    struct row_layout *value_layouts; /* of needs_values calls: the arguments */
    struct key_column **value_keys;   /* arguments as key columns */
    struct distinct_rows *distinct;   /* by call; of those with DISTINCT and a slot */
    struct key_column *group_keys;    /* keys as key columns, of the input */
    struct key_column *row_keys;      /* the same, of a chunk that has just the keys */
};

/* What every group's payload begins with. */
struct group {
    int64_t row_count;        /* signed number of rows */
    int64_t touched_step;     /* step that touched it last */
    int64_t touched_index;    /* in the list of touched groups */
    struct state_entry *next; /* WINDOW_AGGREGATE: next group of the window; rebuilt after a restore */
};

struct aggregate_state {
    const struct aggregate_shared *shared;
    struct state *state;
    struct state_table *groups;
    struct state_table **values; /* by call; NULL without */
    struct strbuf key;           /* scratch */
    struct arena scratch;        /* of one group's values */
    bool expires;                /* the tables have a time to live */
    bool any_freed;              /* batch: values were replaced by better ones since the last chunk */
    /* Where values of DISTINCT calls go that outgrow memory; NULL: nowhere. Set by aggregate_use_files. */
    struct spill *spill;
    struct mem_account *account;
    struct row_sorter **sorters; /* by call; NULL: all values are in memory */
};

enum status aggregate_open(struct op *op, struct aggregate_shared **out, struct error *err);
/* ttl_ms: of groups and of their single values; 0 none. arena: the instance's. */
void aggregate_state_init(struct aggregate_state *aggregate, const struct aggregate_shared *shared, struct state *state,
                          int64_t ttl_ms, struct arena *arena);
void aggregate_state_free(struct aggregate_state *aggregate);

static inline struct group *aggregate_group(struct state_entry *entry) { return state_payload(entry); }
/* A group as it is when it is made. */
void aggregate_clear_group(const struct aggregate_shared *shared, struct group *group);
void aggregate_init_slots(const struct aggregate_shared *shared, void *payload);
/* Finds or makes the groups of the chunk's live rows; created groups have initial slots. */
enum status aggregate_groups(struct aggregate_state *aggregate, struct chunk *chunk, const uint64_t *hash,
                             struct state_entry **entries, bool *created, struct error *err);
/* Adds the chunk's rows to their groups (entries by live row; groups are touched by the caller before). */
enum status aggregate_update(struct aggregate_state *aggregate, struct op_ctx *ctx, struct chunk *chunk,
                             struct state_entry *const *entries, struct error *err);
/* Adds partial rows (a LOCAL_AGGREGATE's output). */
enum status aggregate_merge(struct aggregate_state *aggregate, struct op_ctx *ctx, struct chunk *chunk,
                            struct state_entry *const *entries, struct error *err);
/* Writes the calls' results of `count` groups into columns[key_count + call] of out, rows out_row…; payloads[i] is the group's payload (or a copy of
 * it); entries give the keys for side tables. */
enum status aggregate_results(struct aggregate_state *aggregate, struct state_entry *const *entries,
                              void *const *payloads, int count, struct chunk *out, int out_row, struct arena *arena,
                              struct error *err);
/* ---- DISTINCT beyond the memory limit (aggregate_spill.c) ---- */

/* arena: the instance's. */
void aggregate_use_files(struct aggregate_state *aggregate, struct spill *spill, struct mem_account *account,
                         struct arena *arena);
/* Are the tables so large that further values of DISTINCT calls must wait in files? */
bool aggregate_must_spill(const struct aggregate_state *aggregate, const struct op_ctx *ctx);
/* Keeps the rows' values, none of which is in the call's table, for aggregate_add_spilled. */
enum status aggregate_spill_values(struct aggregate_state *aggregate, struct op_ctx *ctx, struct chunk *chunk, int call,
                                   const sel_index *rows, int count, struct error *err);
/* Adds the values that wait in files to their groups, each once. */
enum status aggregate_add_spilled(struct aggregate_state *aggregate, struct op_ctx *ctx, struct error *err);

/* Deletes a group and its side entries. */
void aggregate_delete(struct aggregate_state *aggregate, struct state_entry *entry);

#endif
