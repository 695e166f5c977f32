/* HASH_JOIN (batch): the right side (port 1) is built into hash tables, the left side (port 0) probes them.
 *
 * Two forms, see operator.h. Exchanged: one instance per partition builds and probes; RIGHT and FULL emit the build rows without a
 * partner at the end. Shared: build instances (op_hash_join_build_class) hold one table per partition, probe instances (one
 * per worker, in the left side's own stage) find the partition by the hash; nothing of the left side is copied.
 *
 * Inputs are append-only (batch). Keys with a NULL match nothing unless null-safe. NOT IN (null_aware) needs to know whether the
 * right side is empty or has a NULL: counted while building.
 *
 * A build side that does not fit although the executor cannot give less of it (one key, no keys) is joined in pieces, as a block
 * nested loop does: what is too much waits in a file, the left side goes into another one, and is read again for every piece. A bit
 * per left row tells whether it found a partner in some piece. */
#include <stdlib.h>

#include "op/key_filter.h"
#include "op/ops.h"
#include "op/row_file.h"

enum {
    MIN_PIECE_BYTES = 1 << 20,    /* of the build side: smaller ones are not worth a pass over the left side */
    FILTER_MAX_ROWS = 4 << 20,    /* of a partition of the build side: a larger filter is in no cache */
    FILTER_TRIAL_ROWS = 64 << 10, /* of the left side: when most of them pass the filter, it is not asked again */
};

struct join_shared {
    int key_count;
    const bool *null_safe;
    enum join_type type;
    bool null_aware, single_row;
    bool first_suffices;           /* SEMI, ANTI without a condition: one build row of a key tells as much as all */
    struct row_layout left_layout; /* of left rows in files */
    /* build side: layout column -> input column, keys first */
    int *build_columns, *build_position;
    struct row_layout layout;
    int left_columns, right_columns, layout_columns;
    struct program *condition;
    const struct type **pair_types;
};

/* Of build instances and of exchanged instances. */
struct build_local {
    struct state_table *table;
    struct key_filter *filter; /* of the table's keys, in the shared form; NULL: none */
    int64_t rows, nulls;
};

/* Exchanged form, when the build side is joined in pieces. */
struct pieces {
    struct row_file *build; /* the rows behind the first piece; NULL: there is one piece */
    struct row_file *left;  /* all left rows */
    uint64_t *matched;      /* a bit per left row: it has a partner */
    size_t matched_capacity;
    size_t first;       /* number of the left row that comes next */
    bool ends;          /* the last piece: now is known which left rows have no partner at all */
    struct arena arena; /* of a block of rows that comes from a file */
};

struct join_local {
    struct build_local build; /* exchanged form */
    struct pieces pieces;
    int64_t filter_asked, filter_passed; /* left rows; shared form */
    struct arena pair_arena;             /* of the pairs emitted at once: a left row may have any number of partners */
    struct program_state *condition;
    int pair_count;
    sel_index probe_rows[VECTOR_CAPACITY];
    struct state_entry *partners[VECTOR_CAPACITY];
};

static enum status open_shared(struct op *op, struct error *err) {
    const struct pnode *node = op->node;
    struct arena *arena = op->query_arena;
    struct join_shared *shared = ARENA_NEW(arena, struct join_shared);
    op->shared = shared;
    shared->type = node->join.type;
    shared->key_count = node->join.key_count;
    shared->null_safe = node->join.null_safe;
    shared->null_aware = node->join.null_aware && node->join.type == JOIN_ANTI;
    shared->single_row = node->join.single_row;
    const struct schema *left = &node->inputs[0]->schema, *right = &node->inputs[1]->schema;
    shared->left_columns = left->column_count;
    shared->first_suffices = !node->join.condition && (node->join.type == JOIN_SEMI || node->join.type == JOIN_ANTI);
    row_layout_init(&shared->left_layout, arena, left->column_count, left->types);
    shared->right_columns = right->column_count;
    shared->build_columns = ARENA_ARRAY(arena, int, right->column_count + shared->key_count + 1);
    shared->build_position = ARENA_ARRAY(arena, int, right->column_count + 1);
    int n = 0;
    for (int i = 0; i < right->column_count; i++) shared->build_position[i] = -1;
    for (int k = 0; k < shared->key_count; k++) {
        int column = node->join.right_keys[k];
        if (shared->build_position[column] < 0) shared->build_position[column] = n;
        shared->build_columns[n++] = column;
    }
    for (int i = 0; i < right->column_count; i++)
        if (shared->build_position[i] < 0) {
            shared->build_position[i] = n;
            shared->build_columns[n++] = i;
        }
    shared->layout_columns = n;
    const struct type **types = ARENA_ARRAY(arena, const struct type *, n + 1);
    for (int i = 0; i < n; i++) types[i] = right->types[shared->build_columns[i]];
    row_layout_init(&shared->layout, arena, n, types);
    int columns = left->column_count + right->column_count;
    shared->pair_types = ARENA_ARRAY(arena, const struct type *, columns + 1);
    const char **names = ARENA_ARRAY(arena, const char *, columns + 1);
    for (int i = 0; i < columns; i++) {
        bool is_left = i < left->column_count;
        shared->pair_types[i] = is_left ? left->types[i] : right->types[i - left->column_count];
        names[i] = is_left ? left->names[i] : right->names[i - left->column_count];
    }
    if (node->join.condition) {
        struct schema pairs = {.column_count = columns, .types = shared->pair_types, .names = names};
        struct expr *condition = node->join.condition;
        TRY(program_compile(arena, &condition, 1, &pairs, &shared->condition, err));
    }
    return STATUS_OK;
}

static void make_table(struct op_instance *inst, struct build_local *build) {
    const struct join_shared *shared = inst->op->shared;
    build->table = state_table_create(inst->state, "build", shared->first_suffices ? STATE_UNIQUE : STATE_MULTI,
                                      &shared->layout, shared->key_count, 8);
}

/* May some row have a NULL key that matches nothing? The columns are flat. */
static bool may_have_null_key(const struct join_shared *shared, const struct chunk *chunk, const int *keys) {
    for (int k = 0; k < shared->key_count; k++)
        if (!(shared->null_safe && shared->null_safe[k]) && chunk->columns[keys[k]].validity) return true;
    return false;
}

static bool has_null_key(const struct join_shared *shared, const struct chunk *chunk, const int *keys, int row) {
    for (int k = 0; k < shared->key_count; k++)
        if (!(shared->null_safe && shared->null_safe[k]) && vector_is_null(&chunk->columns[keys[k]], row)) return true;
    return false;
}

/* Is the table so large that further build rows are to wait for a piece of their own? */
static bool piece_is_full(const struct op_instance *inst) {
    int64_t bytes = state_size_bytes(inst->state);
    return bytes >= MIN_PIECE_BYTES && bytes >= spill_least_bytes(inst->op->account) && spill_is_due(inst->op->account);
}

/* pieces: where to put what is too much, NULL: nowhere. */
static enum status build_rows(struct op_instance *inst, struct build_local *build, struct pieces *pieces,
                              struct op_ctx *ctx, struct chunk *chunk, struct error *err) {
    const struct join_shared *shared = inst->op->shared;
    chunk_flatten(chunk, ctx->morsel_arena);
    uint64_t scratch[VECTOR_CAPACITY];
    const uint64_t *hash = op_hash(chunk, shared->build_columns, shared->key_count, scratch);
    bool keep_all = shared->type == JOIN_RIGHT || shared->type == JOIN_FULL;
    sel_index sel[VECTOR_CAPACITY];
    int count = 0;
    for (int i = 0; i < chunk->sel_count; i++) {
        int row = chunk_row(chunk, i);
        bool is_null = has_null_key(shared, chunk, shared->build_columns, row);
        build->rows++;
        build->nulls += is_null;
        if (!is_null || keep_all) sel[count++] = (sel_index)row;
    }
    struct chunk rows = chunk_select(chunk, sel, count);
    if (pieces && (pieces->build || piece_is_full(inst))) {
        if (!pieces->build) TRY(row_file_create(&shared->layout, inst->op->spill, &pieces->build, err));
        return row_file_add(pieces->build, &rows, shared->build_columns, hash, ctx->morsel_arena, err);
    }
    struct state_entry *entries[VECTOR_CAPACITY];
    bool created[VECTOR_CAPACITY];
    if (shared->first_suffices)
        return state_find_or_insert(build->table, &rows, shared->build_columns, hash, entries, created, err);
    return state_insert(build->table, &rows, shared->build_columns, hash, entries, err);
}

/* ---- The build half of the shared form ---- */

static enum status build_open_instance(struct op_instance *inst, struct error *err) {
    (void)err;
    struct build_local *build = ARENA_NEW(inst->instance_arena, struct build_local);
    make_table(inst, build);
    inst->local = build;
    return STATUS_OK;
}

static enum status build_push(struct op_instance *inst, struct op_ctx *ctx, int port, struct chunk *chunk,
                              struct error *err) {
    (void)port;
    return build_rows(inst, inst->local, NULL, ctx, chunk, err);
}

static enum status build_end_step(struct op_instance *inst, struct op_ctx *ctx, struct error *err) {
    (void)ctx;
    (void)err;
    struct build_local *build = inst->local;
    int64_t count = state_entry_count(inst->state);
    key_filter_destroy(build->filter);
    build->filter = NULL;
    if (count > FILTER_MAX_ROWS) return STATUS_OK;
    build->filter = key_filter_create(count, inst->op->account);
    uint64_t cursor = 0;
    for (struct state_entry *entry; (entry = state_iterate(build->table, &cursor));)
        key_filter_add(build->filter, row_hash(state_row(build->table, entry)));
    return STATUS_OK;
}

static void build_close_instance(struct op_instance *inst) {
    struct build_local *build = inst->local;
    if (build) key_filter_destroy(build->filter);
}

const struct op_class op_hash_join_build_class = {.kind = PNODE_HASH_JOIN,
                                                  .open = open_shared,
                                                  .open_instance = build_open_instance,
                                                  .push = build_push,
                                                  .end_step = build_end_step,
                                                  .close_instance = build_close_instance};

/* ---- Probing ---- */

static enum status open_instance(struct op_instance *inst, struct error *err) {
    (void)err;
    const struct join_shared *shared = inst->op->shared;
    struct join_local *local = ARENA_NEW(inst->instance_arena, struct join_local);
    arena_init(&local->pair_arena, inst->op->account);
    arena_init(&local->pieces.arena, inst->op->account);
    if (!inst->op->build) make_table(inst, &local->build);
    if (shared->condition) local->condition = program_state_create(shared->condition, inst->instance_arena);
    inst->local = local;
    return STATUS_OK;
}

static void close_instance(struct op_instance *inst) {
    struct join_local *local = inst->local;
    if (!local) return;
    struct pieces *pieces = &local->pieces;
    row_file_destroy(pieces->build);
    row_file_destroy(pieces->left);
    free(pieces->matched);
    mem_charge(inst->op->account, -(int64_t)(pieces->matched_capacity * sizeof *pieces->matched));
    arena_destroy(&pieces->arena);
    arena_destroy(&local->pair_arena);
}

/* The context of what is emitted from an arena that is not kept until the morsel ends. */
static struct op_ctx pair_ctx(struct join_local *local, const struct op_ctx *ctx) {
    struct op_ctx own = *ctx;
    own.morsel_arena = &local->pair_arena;
    arena_reset(&local->pair_arena);
    return own;
}

/* The live rows (positions among them) that may have a partner, and the partition of each. TPC-H q17, where one row in a
 * thousand has one, spends 29 % less CPU with filters. */
static int ask_filters(struct op_instance *inst, const struct chunk *chunk, const uint64_t *hash, sel_index *live,
                       uint8_t *target) {
    struct join_local *local = inst->local;
    const struct op *build = inst->op->build;
    uint32_t partitions = (uint32_t)build->instance_count;
    const struct key_filter *filters[256]; /* partition_count <= 256 */
    bool asks = local->filter_asked < FILTER_TRIAL_ROWS || local->filter_passed * 2 < local->filter_asked;
    for (uint32_t p = 0; p < partitions; p++) {
        filters[p] = ((struct build_local *)build->instances[p]->local)->filter;
        asks = asks && filters[p];
    }
    int count = 0;
    if (!asks) {
        for (; count < chunk->sel_count; count++) {
            live[count] = (sel_index)count;
            target[count] = (uint8_t)state_partition(hash[chunk_row(chunk, count)], partitions);
        }
        return count;
    }
    for (int i = 0; i < chunk->sel_count; i++) {
        uint64_t h = hash[chunk_row(chunk, i)];
        uint32_t p = state_partition(h, partitions);
        live[count] = (sel_index)i;
        target[count] = (uint8_t)p;
        count += key_filter_may_have(filters[p], h);
    }
    local->filter_asked += chunk->sel_count;
    local->filter_passed += count;
    return count;
}

/* First candidates of every live row: entries by position among the live rows; tables likewise, where there is an entry. */
static void find_candidates(struct op_instance *inst, const struct chunk *chunk, const int *keys, const uint64_t *hash,
                            struct state_entry **entries, struct state_table **tables) {
    struct op *build = inst->op->build;
    if (!build) {
        struct state_table *table = ((struct join_local *)inst->local)->build.table;
        state_find(table, chunk, keys, hash, entries);
        for (int i = 0; i < chunk->sel_count; i++) tables[i] = table;
        return;
    }
    sel_index live[VECTOR_CAPACITY];
    uint8_t target[VECTOR_CAPACITY];
    int live_count = ask_filters(inst, chunk, hash, live, target);
    memset(entries, 0, (size_t)chunk->sel_count * sizeof *entries);
    uint64_t present[4] = {0};
    for (int k = 0; k < live_count; k++) present[target[k] >> 6] |= UINT64_C(1) << (target[k] & 63);
    for (uint32_t p = 0; p < (uint32_t)build->instance_count; p++) {
        if (!(present[p >> 6] >> (p & 63) & 1)) continue;
        sel_index sel[VECTOR_CAPACITY], position[VECTOR_CAPACITY];
        int n = 0;
        for (int k = 0; k < live_count; k++) {
            position[n] = live[k];
            sel[n] = (sel_index)chunk_row(chunk, live[k]);
            n += target[k] == p;
        }
        struct state_entry *found[VECTOR_CAPACITY];
        struct state_table *table = ((struct build_local *)build->instances[p]->local)->table;
        struct chunk rows = chunk_select(chunk, sel, n);
        state_find(table, &rows, keys, hash, found);
        for (int i = 0; i < n; i++) {
            entries[position[i]] = found[i];
            tables[position[i]] = table;
        }
    }
}

struct probe_run {
    struct chunk *chunk;
    int32_t *matches; /* by physical row */
    bool emits_pairs;
};

/* The collected pairs, decided by the condition: counts matches, marks build rows, emits. */
static enum status flush_pairs(struct op_instance *inst, struct op_ctx *ctx, struct probe_run *run, struct error *err) {
    struct join_local *local = inst->local;
    const struct join_shared *shared = inst->op->shared;
    int count = local->pair_count;
    if (!count) return STATUS_OK;
    local->pair_count = 0;
    struct op_ctx own = pair_ctx(local, ctx);
    struct arena *arena = own.morsel_arena;
    struct chunk *pairs = NULL;
    if (run->emits_pairs || shared->condition) {
        int columns = shared->left_columns + shared->right_columns;
        pairs = ARENA_NEW(arena, struct chunk);
        pairs->column_count = columns;
        pairs->columns = ARENA_ARRAY(arena, struct vector, columns + 1);
        sel_index *index = arena_memdup(arena, local->probe_rows, (size_t)count * sizeof *index);
        for (int c = 0; c < shared->left_columns; c++)
            vector_init_dict(&pairs->columns[c], arena, &run->chunk->columns[c], run->chunk->row_count, index);
        const uint8_t **rows = ARENA_ARRAY(arena, const uint8_t *, count);
        struct state_table *any_table =
            inst->op->build ? ((struct build_local *)inst->op->build->instances[0]->local)->table : local->build.table;
        for (int i = 0; i < count; i++) rows[i] = state_row(any_table, local->partners[i]);
        for (int c = 0; c < shared->right_columns; c++) {
            struct vector *vec = &pairs->columns[shared->left_columns + c];
            vector_init(vec, arena, shared->pair_types[shared->left_columns + c], count);
            row_gather(&shared->layout, rows, count, shared->build_position[c], vec, arena, count, 0, false);
        }
        pairs->row_count = pairs->sel_count = count;
    }
    sel_index *passed = arena_alloc(arena, (size_t)count * sizeof *passed);
    int passed_count = count;
    for (int i = 0; i < count; i++) passed[i] = (sel_index)i;
    if (shared->condition)
        TRY(program_filter(shared->condition, local->condition, pairs, &ctx->env, arena, passed, &passed_count, err));
    bool marks = shared->type == JOIN_RIGHT || shared->type == JOIN_FULL;
    for (int i = 0; i < passed_count; i++) {
        run->matches[local->probe_rows[passed[i]]]++;
        if (marks) *(int64_t *)state_payload(local->partners[passed[i]]) = 1;
    }
    if (!run->emits_pairs || !passed_count) return STATUS_OK;
    if (passed_count < count) {
        pairs->sel = passed;
        pairs->sel_count = passed_count;
    }
    return op_emit(inst, &own, pairs, err);
}

static void count_build(const struct op_instance *inst, int64_t *rows, int64_t *nulls) {
    const struct op *build = inst->op->build;
    *rows = *nulls = 0;
    if (!build) {
        const struct join_local *local = inst->local;
        *rows = local->build.rows;
        *nulls = local->build.nulls;
        return;
    }
    for (int i = 0; i < build->instance_count; i++) {
        const struct build_local *part = build->instances[i]->local;
        *rows += part->rows;
        *nulls += part->nulls;
    }
}

/* Left rows that are emitted alone: LEFT/FULL without a partner (padded), SEMI with, ANTI without. */
static enum status emit_alone(struct op_instance *inst, struct op_ctx *ctx, struct probe_run *run, struct error *err) {
    const struct join_shared *shared = inst->op->shared;
    struct chunk *chunk = run->chunk;
    bool pads = shared->type == JOIN_LEFT || shared->type == JOIN_FULL;
    if (!pads && shared->type != JOIN_SEMI && shared->type != JOIN_ANTI) return STATUS_OK;
    int64_t build_rows_count = 0, build_nulls = 0;
    if (shared->null_aware) count_build(inst, &build_rows_count, &build_nulls);
    sel_index *sel = arena_alloc(ctx->morsel_arena, (size_t)(chunk->sel_count + 1) * sizeof *sel);
    int count = 0;
    for (int i = 0; i < chunk->sel_count; i++) {
        int row = chunk_row(chunk, i);
        bool keep = shared->type == JOIN_SEMI ? run->matches[row] > 0 : run->matches[row] == 0;
        if (shared->null_aware && build_rows_count > 0)
            keep = keep && build_nulls == 0 && !has_null_key(shared, chunk, inst->op->node->join.left_keys, row);
        sel[count] = (sel_index)row;
        count += keep;
    }
    if (!count) return STATUS_OK;
    struct chunk out = chunk_select(chunk, sel, count);
    out.hash = NULL;
    if (pads) {
        int columns = shared->left_columns + shared->right_columns;
        out.columns = ARENA_ARRAY(ctx->morsel_arena, struct vector, columns + 1);
        out.column_count = columns;
        memcpy(out.columns, chunk->columns, (size_t)shared->left_columns * sizeof *out.columns);
        for (int c = shared->left_columns; c < columns; c++) {
            struct value null = value_null(inst->op->node->schema.types[c]);
            vector_init_const(&out.columns[c], ctx->morsel_arena, null.type, &null);
        }
    }
    return op_emit(inst, ctx, &out, err);
}

/* SEMI and ANTI without a condition: a partner or none decides. */
static enum status emit_by_partner(struct op_instance *inst, struct op_ctx *ctx, const struct chunk *chunk,
                                   const int *keys, bool nulls, struct state_entry *const *entries, struct error *err) {
    const struct join_shared *shared = inst->op->shared;
    sel_index *sel = arena_alloc(ctx->morsel_arena, (size_t)(chunk->sel_count + 1) * sizeof *sel);
    bool wanted = shared->type == JOIN_SEMI;
    int count = 0;
    for (int i = 0; i < chunk->sel_count; i++) {
        int row = chunk_row(chunk, i);
        bool found = entries[i] && !(nulls && has_null_key(shared, chunk, keys, row));
        sel[count] = (sel_index)row;
        count += found == wanted;
    }
    if (!count) return STATUS_OK;
    struct chunk out = chunk_select(chunk, sel, count);
    out.hash = NULL;
    return op_emit(inst, ctx, &out, err);
}

/* ---- Left rows while the build side comes in pieces: what earlier pieces found ---- */

static bool is_matched(const struct pieces *pieces, size_t row) { return pieces->matched[row / 64] >> (row % 64) & 1; }

/* New left rows go to the file, and have no partner yet. */
static enum status keep_left(struct op_instance *inst, struct op_ctx *ctx, const struct chunk *chunk,
                             const uint64_t *hash, struct error *err) {
    struct pieces *pieces = &((struct join_local *)inst->local)->pieces;
    const struct join_shared *shared = inst->op->shared;
    if (!pieces->left) TRY(row_file_create(&shared->left_layout, inst->op->spill, &pieces->left, err));
    size_t before = pieces->matched_capacity, words = (pieces->first + (size_t)chunk->sel_count) / 64 + 1;
    ARRAY_RESERVE(pieces->matched, pieces->matched_capacity, words);
    memset(pieces->matched + before, 0, (pieces->matched_capacity - before) * sizeof *pieces->matched);
    mem_charge(inst->op->account, (int64_t)((pieces->matched_capacity - before) * sizeof *pieces->matched));
    return row_file_add(pieces->left, chunk, NULL, hash, ctx->morsel_arena, err);
}

/* Notes who has a partner now, and gives the run those of earlier pieces. */
static enum status note_matches(struct op_instance *inst, struct probe_run *run, struct error *err) {
    struct pieces *pieces = &((struct join_local *)inst->local)->pieces;
    const struct join_shared *shared = inst->op->shared;
    for (int i = 0; i < run->chunk->sel_count; i++) {
        size_t number = pieces->first + (size_t)i;
        int32_t *matches = &run->matches[chunk_row(run->chunk, i)];
        *matches += is_matched(pieces, number);
        if (shared->single_row && *matches > 1) return op_several_rows(inst->op->node, err);
        if (*matches) pieces->matched[number / 64] |= UINT64_C(1) << (number % 64);
    }
    pieces->first += (size_t)run->chunk->sel_count;
    return STATUS_OK;
}

static enum status probe(struct op_instance *inst, struct op_ctx *ctx, struct chunk *chunk, bool is_new,
                         struct error *err) {
    struct join_local *local = inst->local;
    struct pieces *pieces = local->pieces.build ? &local->pieces : NULL;
    const struct join_shared *shared = inst->op->shared;
    const int *keys = inst->op->node->join.left_keys;
    chunk_flatten(chunk, ctx->morsel_arena);
    uint64_t scratch[VECTOR_CAPACITY];
    /* Behind an exchange by these keys the hash came along; in the left side's own stage it must be made. */
    const uint64_t *hash = scratch;
    if (inst->op->build || !chunk->hash)
        chunk_hash(chunk, keys, shared->key_count, scratch);
    else
        hash = chunk->hash;
    if (pieces && is_new) TRY(keep_left(inst, ctx, chunk, hash, err));
    struct state_entry *entries[VECTOR_CAPACITY];
    struct state_table *tables[VECTOR_CAPACITY];
    find_candidates(inst, chunk, keys, hash, entries, tables);
    bool nulls = may_have_null_key(shared, chunk, keys);
    bool emits_pairs = shared->type != JOIN_SEMI && shared->type != JOIN_ANTI;
    bool first_suffices = shared->first_suffices;
    if (first_suffices && !shared->null_aware && !pieces)
        return emit_by_partner(inst, ctx, chunk, keys, nulls, entries, err);
    struct probe_run run = {.chunk = chunk,
                            .matches =
                                arena_zalloc(ctx->morsel_arena, (size_t)(chunk->row_count + 1) * sizeof(int32_t)),
                            .emits_pairs = emits_pairs};
    for (int i = 0; i < chunk->sel_count; i++) {
        int row = chunk_row(chunk, i);
        if (!entries[i] || (nulls && has_null_key(shared, chunk, keys, row))) continue;
        if (pieces && !emits_pairs && is_matched(pieces, pieces->first + (size_t)i)) continue;
        for (struct state_entry *entry = entries[i]; entry; entry = state_next_same_key(tables[i], entry)) {
            local->probe_rows[local->pair_count] = (sel_index)row;
            local->partners[local->pair_count++] = entry;
            if (local->pair_count == VECTOR_CAPACITY) TRY(flush_pairs(inst, ctx, &run, err));
            if (first_suffices) break;
        }
    }
    TRY(flush_pairs(inst, ctx, &run, err));
    if (pieces) {
        TRY(note_matches(inst, &run, err));
        return pieces->ends ? emit_alone(inst, ctx, &run, err) : STATUS_OK;
    }
    if (shared->single_row)
        for (int i = 0; i < chunk->sel_count; i++)
            if (run.matches[chunk_row(chunk, i)] > 1) return op_several_rows(inst->op->node, err);
    return emit_alone(inst, ctx, &run, err);
}

static enum status push(struct op_instance *inst, struct op_ctx *ctx, int port, struct chunk *chunk,
                        struct error *err) {
    struct join_local *local = inst->local;
    if (port == 0) return probe(inst, ctx, chunk, true, err);
    return build_rows(inst, &local->build, ctx->may_spill ? &local->pieces : NULL, ctx, chunk, err);
}

/* RIGHT and FULL: build rows without a partner, padded on the left. */
static enum status emit_build_alone(struct op_instance *inst, struct op_ctx *ctx, struct error *err) {
    struct join_local *local = inst->local;
    const struct join_shared *shared = inst->op->shared;
    if (shared->type != JOIN_RIGHT && shared->type != JOIN_FULL) return STATUS_OK;
    uint64_t cursor = 0;
    bool more = true;
    while (more) {
        const uint8_t *rows[VECTOR_CAPACITY];
        int count = 0;
        while (count < VECTOR_CAPACITY) {
            struct state_entry *entry = state_iterate(local->build.table, &cursor);
            more = entry != NULL;
            if (!more) break;
            if (*(int64_t *)state_payload(entry) == 0) rows[count++] = state_row(local->build.table, entry);
        }
        if (!count) continue;
        const struct schema *schema = &inst->op->node->schema;
        struct op_ctx own = pair_ctx(local, ctx);
        struct chunk *out = chunk_create(own.morsel_arena, schema->column_count, schema->types, count);
        for (int c = 0; c < shared->left_columns; c++) {
            struct value null = value_null(schema->types[c]);
            vector_init_const(&out->columns[c], own.morsel_arena, schema->types[c], &null);
        }
        for (int c = 0; c < shared->right_columns; c++)
            row_gather(&shared->layout, rows, count, shared->build_position[c], &out->columns[shared->left_columns + c],
                       own.morsel_arena, count, 0, false);
        out->row_count = out->sel_count = count;
        TRY(op_emit(inst, &own, out, err));
    }
    return STATUS_OK;
}

/* ---- The pieces behind the first one ---- */

/* The table forgets its rows and takes the next ones from the file, until it is full. */
static enum status load_piece(struct op_instance *inst, struct error *err) {
    struct join_local *local = inst->local;
    struct pieces *pieces = &local->pieces;
    inst->past_entries += state_entry_count(inst->state);
    inst->past_bytes += state_size_bytes(inst->state);
    state_destroy(inst->state);
    inst->state = state_create(inst->op->account);
    make_table(inst, &local->build);
    int count;
    do {
        arena_reset(&pieces->arena);
        const uint8_t *rows[VECTOR_CAPACITY];
        TRY(row_file_next(pieces->build, &pieces->arena, rows, &count, err));
        for (int i = 0; i < count; i++) {
            struct state_entry *entry;
            if (((const struct join_shared *)inst->op->shared)->first_suffices &&
                state_find_key(local->build.table, rows[i]))
                continue;
            TRY(state_insert_row(local->build.table, rows[i], &entry, err));
        }
    } while (count && !piece_is_full(inst));
    pieces->ends = row_file_is_at_end(pieces->build);
    return STATUS_OK;
}

/* All left rows against the piece that is loaded. */
static enum status probe_again(struct op_instance *inst, struct op_ctx *ctx, struct error *err) {
    struct join_local *local = inst->local;
    struct pieces *pieces = &local->pieces;
    const struct join_shared *shared = inst->op->shared;
    if (!pieces->left) return STATUS_OK;
    row_file_rewind(pieces->left);
    pieces->first = 0;
    while (!ctx->is_stopped(ctx->executor)) {
        arena_reset(&pieces->arena);
        const uint8_t *rows[VECTOR_CAPACITY];
        int count;
        TRY(row_file_next(pieces->left, &pieces->arena, rows, &count, err));
        if (!count) break;
        struct chunk *chunk = row_gather_chunk(&shared->left_layout, rows, count, &pieces->arena, false);
        uint64_t *hash = ARENA_ARRAY(&pieces->arena, uint64_t, count);
        for (int i = 0; i < count; i++) hash[i] = row_hash(rows[i]);
        chunk->hash = hash;
        struct op_ctx own = *ctx;
        own.morsel_arena = &pieces->arena;
        TRY(probe(inst, &own, chunk, false, err));
    }
    return STATUS_OK;
}

static enum status end_step(struct op_instance *inst, struct op_ctx *ctx, struct error *err) {
    struct join_local *local = inst->local;
    if (inst->op->build || !ctx->is_last) return STATUS_OK;
    TRY(emit_build_alone(inst, ctx, err));
    while (local->pieces.build && !local->pieces.ends && !ctx->is_stopped(ctx->executor)) {
        TRY(load_piece(inst, err));
        TRY(probe_again(inst, ctx, err));
        TRY(emit_build_alone(inst, ctx, err));
    }
    return STATUS_OK;
}

const struct op_class op_hash_join_class = {.kind = PNODE_HASH_JOIN,
                                            .open = open_shared,
                                            .open_instance = open_instance,
                                            .push = push,
                                            .end_step = end_step,
                                            .close_instance = close_instance};
