/* STREAM_JOIN: symmetric join of two changelogs; both sides are kept in state.
 *
 * In a step all of the right side's changes come first (port 1), then the left's (port 0), so with L, R as they were and ΔL, ΔR the
 * changes:   Δ(L ⋈ R) = L ⋈ ΔR + ΔL ⋈ (R + ΔR).   Each right row is joined with the left state before the step, each left row with the
 * right state after it, and pairs are emitted at once with the product of the signs.
 *
 * Rows that outer, SEMI and ANTI joins emit because they have (no) partners depend on the number of partners at the step's end only. Every
 * row of such a side keeps `matches`, the signed number of partner rows; the first change of a row in a step remembers its count and matches from
 * before; end_step emits the difference. So partners that come and go within a step cause nothing, and counts may dip below
 * zero meanwhile.
 *
 * Keys: rows whose key has a NULL match nothing (unless the key is null-safe). key_count 0: every pair is a candidate, decided by the
 * condition. NOT IN (null_aware): runs in a single partition, see anti_value.
 *
 * Time to live: each side has its own. A row that has expired meets nobody any more, and those that met it are not told: their
 * `matches` still count it, until it is taken back. A row that is taken back after it expired takes its pairs along, as far as their
 * other half is there, and nothing else. The right side of NOT IN lives for ever, since one row of it decides about all
 * others, and so does that of a scalar subquery whose rows must be counted. */
#include <stdlib.h>

#include "op/ops.h"

enum { LEFT = 0, RIGHT = 1 };

struct side_row {    /* payload */
    int64_t count;   /* multiplicity */
    int64_t matches; /* partner rows; kept when side.tracks */
    int64_t touched_step;
};

struct side_shared {
    int column_count, key_count;
    int *columns;  /* layout column -> input column: keys first */
    int *position; /* input column -> layout column */
    struct row_layout layout;
    bool tracks; /* matches are counted */
};

struct join_shared {
    struct side_shared sides[2];
    struct program *condition; /* over left ++ right columns; NULL none */
    bool emits_pairs;          /* INNER and outer joins */
    const bool *null_safe;
    enum join_type type;
    bool null_aware, single_row;
    const struct type **pair_types; /* left ++ right */
    int pair_columns;
};

struct touched {
    struct state_entry *entry;
    int side;
    int64_t count, matches; /* before the step */
};

struct join_local {
    struct state_table *tables[2];
    struct program_state *condition;
    struct touched *touched;
    size_t touched_count, touched_capacity;
    bool expires[2];     /* the table has a time to live */
    int64_t negative[2]; /* entries whose count is below zero just now */
    /* null_aware */
    int64_t right_rows, right_nulls;               /* now */
    int64_t right_rows_before, right_nulls_before; /* when the step began */
    int64_t step;
    /* pairs being collected */
    int pair_count;
    sel_index probe_rows[VECTOR_CAPACITY];
    struct state_entry *partners[VECTOR_CAPACITY];
};

static enum status open(struct op *op, struct error *err) {
    const struct pnode *node = op->node;
    struct arena *arena = op->query_arena;
    struct join_shared *shared = ARENA_NEW(arena, struct join_shared);
    op->shared = shared;
    shared->type = node->join.type;
    shared->null_safe = node->join.null_safe;
    shared->null_aware = node->join.null_aware && node->join.type == JOIN_ANTI;
    shared->single_row = node->join.single_row;
    shared->emits_pairs = node->join.type != JOIN_SEMI && node->join.type != JOIN_ANTI;
    for (int s = LEFT; s <= RIGHT; s++) {
        struct side_shared *side = &shared->sides[s];
        const struct schema *schema = &node->inputs[s]->schema;
        const int *keys = s == LEFT ? node->join.left_keys : node->join.right_keys;
        side->column_count = schema->column_count;
        side->key_count = node->join.key_count;
        side->columns = ARENA_ARRAY(arena, int, side->column_count + side->key_count + 1);
        side->position = ARENA_ARRAY(arena, int, side->column_count + 1);
        /* A column may be a key twice (a.x = b.y AND a.x = b.z): keys are stored as they come, then the other columns. */
        int n = 0;
        for (int i = 0; i < side->column_count; i++) side->position[i] = -1;
        for (int k = 0; k < side->key_count; k++) {
            if (side->position[keys[k]] < 0) side->position[keys[k]] = n;
            side->columns[n++] = keys[k];
        }
        for (int i = 0; i < side->column_count; i++)
            if (side->position[i] < 0) {
                side->position[i] = n;
                side->columns[n++] = i;
            }
        const struct type **types = ARENA_ARRAY(arena, const struct type *, n + 1);
        for (int i = 0; i < n; i++) types[i] = schema->types[side->columns[i]];
        row_layout_init(&side->layout, arena, n, types);
    }
    enum join_type type = shared->type;
    shared->sides[LEFT].tracks = type == JOIN_LEFT || type == JOIN_FULL || type == JOIN_SEMI || type == JOIN_ANTI;
    shared->sides[RIGHT].tracks = type == JOIN_RIGHT || type == JOIN_FULL;
    int left_columns = shared->sides[LEFT].column_count;
    shared->pair_columns = left_columns + shared->sides[RIGHT].column_count;
    shared->pair_types = ARENA_ARRAY(arena, const struct type *, shared->pair_columns + 1);
    for (int i = 0; i < shared->pair_columns; i++)
        shared->pair_types[i] =
            i < left_columns ? node->inputs[0]->schema.types[i] : node->inputs[1]->schema.types[i - left_columns];
    if (node->join.condition) {
        struct schema pairs = {.column_count = shared->pair_columns, .types = shared->pair_types};
        const char **names = ARENA_ARRAY(arena, const char *, shared->pair_columns + 1);
        for (int i = 0; i < shared->pair_columns; i++)
            names[i] =
                i < left_columns ? node->inputs[0]->schema.names[i] : node->inputs[1]->schema.names[i - left_columns];
        pairs.names = names;
        struct expr *condition = node->join.condition;
        TRY(program_compile(arena, &condition, 1, &pairs, &shared->condition, err));
    }
    return STATUS_OK;
}

static enum status open_instance(struct op_instance *inst, struct error *err) {
    (void)err;
    const struct join_shared *shared = inst->op->shared;
    struct join_local *local = ARENA_NEW(inst->instance_arena, struct join_local);
    for (int s = LEFT; s <= RIGHT; s++) {
        local->tables[s] =
            state_table_create(inst->state, s == LEFT ? "left" : "right", STATE_MULTI, &shared->sides[s].layout,
                               shared->sides[s].key_count, sizeof(struct side_row));
        bool for_ever = s == RIGHT && (shared->null_aware || shared->single_row);
        int64_t ttl_ms = for_ever ? 0 : inst->op->node->ttl_ms[s];
        state_table_set_ttl(local->tables[s], ttl_ms * 1000, NULL, NULL);
        local->expires[s] = ttl_ms != 0;
    }
    if (shared->condition) local->condition = program_state_create(shared->condition, inst->instance_arena);
    inst->local = local;
    return STATUS_OK;
}

static void close_instance(struct op_instance *inst) {
    struct join_local *local = inst->local;
    if (local) free(local->touched);
}

static struct side_row *side_row(struct state_entry *entry) { return state_payload(entry); }

/* Before a row's count or matches change for the first time in a step. */
static void touch(struct join_local *local, int side, struct state_entry *entry, int64_t step_id) {
    struct side_row *row = side_row(entry);
    if (row->touched_step == step_id) return;
    state_touch(local->tables[side], entry);
    row->touched_step = step_id;
    ARRAY_RESERVE(local->touched, local->touched_capacity, local->touched_count + 1);
    local->touched[local->touched_count++] = (struct touched){entry, side, row->count, row->matches};
}

/* Columns of one side's chunk rows (a selection that may repeat rows). */
static void gather_chunk(struct vector *out, const struct chunk *chunk, int column, const sel_index *rows, int count,
                         struct arena *arena) {
    vector_append(out, arena, VECTOR_CAPACITY, 0, &chunk->columns[column], rows, count, false);
}

static void gather_state(struct vector *out, const struct side_shared *side, const uint8_t *const *rows, int count,
                         int column, struct arena *arena) {
    row_gather(&side->layout, rows, count, side->position[column], out, arena, VECTOR_CAPACITY, 0, false);
}

/* Decides the collected pairs by the condition, counts matches, and emits. */
static enum status flush_pairs(struct op_instance *inst, struct op_ctx *ctx, int side, const struct chunk *chunk,
                               int64_t *probe_matches, struct error *err) {
    struct join_local *local = inst->local;
    const struct join_shared *shared = inst->op->shared;
    int count = local->pair_count, other = 1 - side;
    if (!count) return STATUS_OK;
    local->pair_count = 0;
    struct arena *arena = ctx->morsel_arena;
    const uint8_t *rows[VECTOR_CAPACITY];
    for (int i = 0; i < count; i++) rows[i] = state_row(local->tables[other], local->partners[i]);
    struct chunk *pairs = NULL;
    sel_index passed[VECTOR_CAPACITY];
    int passed_count = count;
    if (shared->emits_pairs || shared->condition) {
        pairs = chunk_create(arena, shared->pair_columns, shared->pair_types, VECTOR_CAPACITY);
        int left_columns = shared->sides[LEFT].column_count;
        for (int c = 0; c < shared->pair_columns; c++) {
            int column_side = c < left_columns ? LEFT : RIGHT, column = c < left_columns ? c : c - left_columns;
            if (column_side == side)
                gather_chunk(&pairs->columns[c], chunk, column, local->probe_rows, count, arena);
            else
                gather_state(&pairs->columns[c], &shared->sides[other], rows, count, column, arena);
        }
        pairs->row_count = pairs->sel_count = count;
    }
    for (int i = 0; i < count; i++) passed[i] = (sel_index)i;
    if (shared->condition)
        TRY(program_filter(shared->condition, local->condition, pairs, &ctx->env, arena, passed, &passed_count, err));
    bool track_other = shared->sides[other].tracks, track_own = shared->sides[side].tracks;
    for (int i = 0; i < passed_count; i++) {
        int pair = passed[i], row = local->probe_rows[pair];
        int sign = chunk->sign ? chunk->sign[row] : 1;
        struct state_entry *partner = local->partners[pair];
        if (track_own) probe_matches[row] += side_row(partner)->count;
        if (track_other) {
            touch(local, other, partner, ctx->step_id);
            side_row(partner)->matches += sign;
        }
    }
    if (!shared->emits_pairs || !passed_count) return STATUS_OK;
    /* Multiplicities: round m emits the pairs that stand for more than m rows. */
    int8_t *sign = arena_alloc(arena, VECTOR_CAPACITY);
    bool any_negative = false;
    for (int i = 0; i < passed_count; i++) {
        int pair = passed[i], row = local->probe_rows[pair];
        int64_t partner_count = side_row(local->partners[pair])->count;
        sign[pair] = (int8_t)((chunk->sign ? chunk->sign[row] : 1) * (partner_count < 0 ? -1 : 1));
        any_negative |= sign[pair] < 0;
    }
    pairs->sign = any_negative ? sign : NULL;
    for (int64_t m = 0; passed_count; m++) {
        sel_index *sel = arena_alloc(arena, (size_t)passed_count * sizeof *sel);
        int n = 0;
        for (int i = 0; i < passed_count; i++) {
            int64_t partner_count = side_row(local->partners[passed[i]])->count;
            if ((partner_count < 0 ? -partner_count : partner_count) > m) sel[n++] = passed[i];
        }
        memcpy(passed, sel, (size_t)n * sizeof *sel);
        passed_count = n;
        if (!n) break;
        struct chunk out = chunk_select(pairs, sel, n);
        TRY(op_emit(inst, ctx, &out, err));
    }
    return STATUS_OK;
}

static bool key_matches_nothing(const struct join_shared *shared, int side, const struct chunk *chunk, int row) {
    const struct side_shared *own = &shared->sides[side];
    for (int k = 0; k < own->key_count; k++)
        if (!(shared->null_safe && shared->null_safe[k]) && vector_is_null(&chunk->columns[own->columns[k]], row))
            return true;
    return false;
}

/* Joins the chunk's rows with the other side's state. */
static enum status probe(struct op_instance *inst, struct op_ctx *ctx, int side, struct chunk *chunk,
                         const uint64_t *hash, int64_t *probe_matches, struct error *err) {
    struct join_local *local = inst->local;
    const struct join_shared *shared = inst->op->shared;
    struct state_table *table = local->tables[1 - side];
    if (state_table_count(table) == 0) return STATUS_OK;
    struct state_entry *entries[VECTOR_CAPACITY];
    state_find(table, chunk, shared->sides[side].columns, hash, entries);
    for (int i = 0; i < chunk->sel_count; i++) {
        int row = chunk_row(chunk, i);
        if (!entries[i] || key_matches_nothing(shared, side, chunk, row)) continue;
        for (struct state_entry *entry = entries[i]; entry; entry = state_next_same_key(table, entry)) {
            if (side_row(entry)->count == 0) continue; /* cancelled within this step */
            if (local->expires[1 - side] && state_is_expired(table, entry)) continue;
            local->probe_rows[local->pair_count] = (sel_index)row;
            local->partners[local->pair_count++] = entry;
            if (local->pair_count == VECTOR_CAPACITY) TRY(flush_pairs(inst, ctx, side, chunk, probe_matches, err));
        }
    }
    return flush_pairs(inst, ctx, side, chunk, probe_matches, err);
}

/* A row of which nothing is known is taken back: it came before its time was over, so it was there once when the step began. */
static void assume_before(struct join_local *local, const struct state_entry *entry, int64_t matches) {
    size_t i = local->touched_count - 1;
    while (local->touched[i].entry != entry) i--;
    if (local->touched[i].count == 0) local->touched[i].matches = matches;
    local->touched[i].count++;
}

/* Of an entry and its equals, those that have expired go. One that counts, if there is one, else any, or NULL. */
static struct state_entry *living(struct state_table *table, struct state_entry *entry) {
    struct state_entry *found = NULL;
    for (struct state_entry *next; entry; entry = next) {
        next = state_next_same_row(table, entry);
        if (state_is_expired(table, entry))
            state_delete(table, entry);
        else if (!found || (side_row(found)->count <= 0 && side_row(entry)->count > 0))
            found = entry;
    }
    return found;
}

/* Adds the chunk's rows to their own side's state. */
static enum status apply(struct op_instance *inst, struct op_ctx *ctx, int side, struct chunk *chunk,
                         const uint64_t *hash, const int64_t *probe_matches, struct error *err) {
    struct join_local *local = inst->local;
    const struct join_shared *shared = inst->op->shared;
    const struct side_shared *own = &shared->sides[side];
    struct state_table *table = local->tables[side];
    struct state_entry *entries[VECTOR_CAPACITY];
    if (!chunk->sign && !local->negative[side]) {
        /* Inserts only: equal rows may have entries of their own, which together are the same multiset. (A row that was retracted
         * before it comes must meet its entry, or both would stay.) */
        TRY(state_insert(table, chunk, own->columns, hash, entries, err));
        for (int i = 0; i < chunk->sel_count; i++) {
            struct side_row *row = side_row(entries[i]);
            if (own->tracks) touch(local, side, entries[i], ctx->step_id);
            row->count = 1;
            row->matches = own->tracks ? probe_matches[chunk_row(chunk, i)] : 0;
        }
        return STATUS_OK;
    }
    for (int i = 0; i < chunk->sel_count; i++) {
        sel_index row = (sel_index)chunk_row(chunk, i);
        struct state_entry *entry = state_find_row(table, chunk, own->columns, hash[row], row);
        if (local->expires[side]) entry = living(table, entry);
        bool created = !entry;
        if (created) {
            struct chunk one = chunk_select(chunk, &row, 1);
            TRY(state_insert(table, &one, own->columns, hash, &entry, err));
        }
        touch(local, side, entry, ctx->step_id);
        if (created && own->tracks) side_row(entry)->matches = probe_matches[row];
        int64_t *count = &side_row(entry)->count;
        int sign = chunk->sign ? chunk->sign[row] : 1;
        if (sign < 0 && *count <= 0 && local->expires[side]) {
            assume_before(local, entry, probe_matches[row]);
            continue;
        }
        local->negative[side] -= *count < 0;
        *count += sign;
        local->negative[side] += *count < 0;
    }
    return STATUS_OK;
}

static void count_right(struct join_local *local, const struct join_shared *shared, const struct chunk *chunk) {
    for (int i = 0; i < chunk->sel_count; i++) {
        int row = chunk_row(chunk, i), sign = chunk->sign ? chunk->sign[row] : 1;
        local->right_rows += sign;
        if (key_matches_nothing(shared, RIGHT, chunk, row)) local->right_nulls += sign;
    }
}

static enum status push(struct op_instance *inst, struct op_ctx *ctx, int port, struct chunk *chunk,
                        struct error *err) {
    struct join_local *local = inst->local;
    const struct join_shared *shared = inst->op->shared;
    const struct side_shared *own = &shared->sides[port];
    chunk_flatten(chunk, ctx->morsel_arena);
    uint64_t scratch[VECTOR_CAPACITY];
    const uint64_t *hash = op_hash(chunk, own->columns, own->key_count, scratch);
    if (shared->null_aware && local->step != ctx->step_id) {
        local->step = ctx->step_id;
        local->right_rows_before = local->right_rows;
        local->right_nulls_before = local->right_nulls;
    }
    int64_t *probe_matches = arena_zalloc(ctx->morsel_arena, VECTOR_CAPACITY * sizeof *probe_matches);
    TRY(probe(inst, ctx, port, chunk, hash, probe_matches, err));
    if (shared->null_aware && port == RIGHT) count_right(local, shared, chunk);
    return apply(inst, ctx, port, chunk, hash, probe_matches, err);
}

/* How often a row of an outer, SEMI or ANTI side is emitted for itself (padded with NULLs, or as it is). */
static int64_t own_rows(const struct join_shared *shared, int64_t count, int64_t matches) {
    bool matched = matches > 0;
    return (shared->type == JOIN_SEMI) == matched ? count : 0;
}

/* NOT IN: over an empty right side everything passes; a NULL there makes every other comparison unknown; a NULL on the left
 * is unknown against anything. */
static int64_t anti_value(int64_t count, int64_t matches, bool null_key, int64_t right_rows, int64_t right_nulls) {
    if (right_rows <= 0) return count;
    if (right_nulls > 0 || null_key) return 0;
    return matches > 0 ? 0 : count;
}

/* Emits a side's own row `times` times (negative: retracts). */
static enum status emit_own(struct op_emitter *emitter, struct op_ctx *ctx, const struct join_shared *shared,
                            struct join_local *local, int side, struct state_entry *entry, int64_t times,
                            struct error *err) {
    const struct side_shared *own = &shared->sides[side];
    const uint8_t *row = state_row(local->tables[side], entry);
    int first = side == LEFT ? 0 : shared->sides[LEFT].column_count;
    for (; times; times += times < 0 ? 1 : -1) {
        struct chunk *chunk;
        int at;
        TRY(op_emitter_next(emitter, ctx, times < 0 ? -1 : 1, &chunk, &at, err));
        for (int c = 0; c < chunk->column_count; c++) {
            struct vector *column = &chunk->columns[c];
            if (c >= first && c < first + own->column_count)
                row_gather(&own->layout, &row, 1, own->position[c - first], column, ctx->morsel_arena,
                           emitter->capacity, at, false);
            else {
                struct value null = value_null(column->type);
                vector_set(column, ctx->morsel_arena, emitter->capacity, at, &null);
            }
        }
    }
    return STATUS_OK;
}

static bool has_null_key(const struct join_shared *shared, struct join_local *local, struct state_entry *entry) {
    const struct side_shared *own = &shared->sides[LEFT];
    const uint8_t *row = state_row(local->tables[LEFT], entry);
    for (int k = 0; k < own->key_count; k++)
        if (row_is_null(&own->layout, row, k)) return true;
    return false;
}

/* NOT IN: when the right side became empty, non-empty or met a NULL, every left row may change. */
static void touch_all_left(struct op_instance *inst, struct op_ctx *ctx) {
    struct join_local *local = inst->local;
    uint64_t cursor = 0;
    for (struct state_entry *entry; (entry = state_iterate(local->tables[LEFT], &cursor));)
        touch(local, LEFT, entry, ctx->step_id);
}

static enum status check_single_row(const struct pnode *node, struct join_local *local, struct error *err) {
    for (size_t i = 0; i < local->touched_count; i++) {
        const struct touched *touched = &local->touched[i];
        if (touched->side == LEFT && side_row(touched->entry)->count > 0 && side_row(touched->entry)->matches > 1)
            return op_several_rows(node, err);
    }
    return STATUS_OK;
}

static enum status end_step(struct op_instance *inst, struct op_ctx *ctx, struct error *err) {
    struct join_local *local = inst->local;
    const struct join_shared *shared = inst->op->shared;
    if (shared->null_aware && local->step == ctx->step_id &&
        ((local->right_rows > 0) != (local->right_rows_before > 0) ||
         (local->right_nulls > 0) != (local->right_nulls_before > 0)))
        touch_all_left(inst, ctx);
    if (shared->single_row) TRY(check_single_row(inst->op->node, local, err));
    struct op_emitter emitter;
    op_emitter_init(&emitter, inst);
    for (size_t i = 0; i < local->touched_count; i++) {
        struct touched *touched = &local->touched[i];
        struct side_row *row = side_row(touched->entry);
        if (shared->sides[touched->side].tracks) {
            int64_t before, after;
            if (shared->null_aware) {
                bool null_key = has_null_key(shared, local, touched->entry);
                int64_t rows_before = local->step == ctx->step_id ? local->right_rows_before : local->right_rows;
                int64_t nulls_before = local->step == ctx->step_id ? local->right_nulls_before : local->right_nulls;
                before = anti_value(touched->count, touched->matches, null_key, rows_before, nulls_before);
                after = anti_value(row->count, row->matches, null_key, local->right_rows, local->right_nulls);
            } else {
                before = own_rows(shared, touched->count, touched->matches);
                after = own_rows(shared, row->count, row->matches);
            }
            if (after != before)
                TRY(emit_own(&emitter, ctx, shared, local, touched->side, touched->entry, after - before, err));
        }
    }
    TRY(op_emitter_flush(&emitter, ctx, err));
    for (size_t i = 0; i < local->touched_count; i++) {
        struct touched *touched = &local->touched[i];
        struct side_row *row = side_row(touched->entry);
        /* partners went that it had never met, as they had expired */
        if (row->matches < 0 && local->expires[1 - touched->side]) row->matches = 0;
        if (row->count == 0) state_delete(local->tables[touched->side], touched->entry);
    }
    local->touched_count = 0;
    return STATUS_OK;
}

/* What null_aware counts is recomputed from the right side's table. */
static enum status restore(struct op_instance *inst, struct str bytes, struct error *err) {
    (void)bytes, (void)err;
    struct join_local *local = inst->local;
    const struct join_shared *shared = inst->op->shared;
    if (!shared->null_aware) return STATUS_OK;
    local->right_rows = local->right_nulls = 0;
    const struct side_shared *right = &shared->sides[RIGHT];
    uint64_t cursor = 0;
    for (struct state_entry *entry; (entry = state_iterate(local->tables[RIGHT], &cursor));) {
        int64_t count = side_row(entry)->count;
        local->right_rows += count;
        for (int k = 0; k < right->key_count; k++)
            if (row_is_null(&right->layout, state_row(local->tables[RIGHT], entry), k)) {
                local->right_nulls += count;
                break;
            }
    }
    return STATUS_OK;
}

const struct op_class op_stream_join_class = {.kind = PNODE_STREAM_JOIN,
                                              .open = open,
                                              .open_instance = open_instance,
                                              .push = push,
                                              .end_step = end_step,
                                              .restore = restore,
                                              .close_instance = close_instance};
