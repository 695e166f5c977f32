/* External merge sort of rows; see row_sorter.h.
 *
 * A run in a file is a sequence of records: u32 key length, u32 row size, the row, the key; padded to 8 bytes. */
#include "op/row_sorter.h"

#include <stdlib.h>

enum {
    TRIM_SLACK_ROWS = 4096,
    MAX_WANTED_ROWS = 1 << 30 /* beyond it trimming has no use */,
    RUN_BUFFER_BYTES = 64 << 10
};

struct sort_entry {
    uint64_t prefix; /* first 8 key bytes, big-endian */
    const char *key;
    const uint8_t *row;
    uint32_t key_len;
};

struct run_record {
    uint32_t key_len, row_bytes;
};

/* A sorted run in a file, read from its start to its end. */
struct run {
    struct spill_file *file; /* its own */
    int64_t position, end;
    uint8_t *buffer; /* file bytes from buffer_start on */
    size_t buffer_bytes, buffer_capacity;
    int64_t buffer_start;
    struct sort_entry current; /* borrows from the buffer */
};

struct row_sorter {
    const struct row_layout *layout;
    const int *columns;
    const struct key_column *keys;
    int key_count;
    int64_t wanted;
    size_t least_run_bytes;
    struct mem_account *account;
    struct spill *spill;
    struct arena arenas[2]; /* rows and keys; trimming copies what stays into the other one */
    int arena;              /* in use */
    struct strbuf key;
    struct sort_entry *entries;
    size_t entry_count, entry_capacity, next_entry;
    int64_t charged_bytes; /* of entries */
    struct run *runs;
    int run_count;
    size_t run_capacity;
    int *heap; /* indexes of runs that have a current row, smallest first */
    int heap_count;
    bool spilled, finished;
    int64_t rows_out;
};

struct row_sorter *row_sorter_create(const struct row_layout *layout, const int *columns, const struct key_column *keys,
                                     int key_count, int64_t wanted, struct mem_account *account, struct spill *spill) {
    struct row_sorter *sorter = xcalloc(1, sizeof *sorter);
    sorter->layout = layout;
    sorter->columns = columns;
    sorter->keys = keys;
    sorter->key_count = key_count;
    sorter->wanted = wanted > MAX_WANTED_ROWS ? -1 : wanted;
    sorter->account = account;
    sorter->spill = spill;
    int64_t part_bytes = spill_least_bytes(account) / 4; /* there may be several sorters, and tables beside them */
    sorter->least_run_bytes = ROW_SORTER_MIN_RUN_BYTES;
    if (part_bytes < ROW_SORTER_MIN_RUN_BYTES) sorter->least_run_bytes = (size_t)part_bytes;
    if (sorter->least_run_bytes < ROW_SORTER_MIN_RUN_BYTES / 4) sorter->least_run_bytes = ROW_SORTER_MIN_RUN_BYTES / 4;
    arena_init(&sorter->arenas[0], account);
    arena_init(&sorter->arenas[1], account);
    return sorter;
}

static void run_close(struct run *run) {
    spill_file_destroy(run->file);
    free(run->buffer);
    *run = (struct run){0};
}

void row_sorter_destroy(struct row_sorter *sorter) {
    if (!sorter) return;
    for (int i = 0; i < sorter->run_count; i++) run_close(&sorter->runs[i]);
    free(sorter->runs);
    free(sorter->heap);
    free(sorter->entries);
    mem_charge(sorter->account, -sorter->charged_bytes);
    strbuf_free(&sorter->key);
    arena_destroy(&sorter->arenas[0]);
    arena_destroy(&sorter->arenas[1]);
    free(sorter);
}

bool row_sorter_spilled(const struct row_sorter *sorter) { return sorter->spilled; }

static int compare(const struct sort_entry *x, const struct sort_entry *y) {
    if (x->prefix != y->prefix) return x->prefix < y->prefix ? -1 : 1;
    uint32_t shorter = x->key_len < y->key_len ? x->key_len : y->key_len;
    int diff = memcmp(x->key, y->key, shorter);
    if (diff) return diff;
    return (x->key_len > y->key_len) - (x->key_len < y->key_len);
}

static int compare_entries(const void *a, const void *b) { return compare(a, b); }

static uint64_t prefix_of(const char *key, size_t len) {
    uint64_t prefix = 0;
    memcpy(&prefix, key, len < 8 ? len : 8);
    return __builtin_bswap64(prefix);
}

static void sort_entries(struct row_sorter *sorter) {
    if (sorter->entry_count) qsort(sorter->entries, sorter->entry_count, sizeof *sorter->entries, compare_entries);
}

/* Keeps the first `wanted` rows only. */
static void trim(struct row_sorter *sorter) {
    sort_entries(sorter);
    if (sorter->entry_count > (size_t)sorter->wanted) sorter->entry_count = (size_t)sorter->wanted;
    struct arena *spare = &sorter->arenas[!sorter->arena];
    for (size_t i = 0; i < sorter->entry_count; i++) {
        struct sort_entry *entry = &sorter->entries[i];
        entry->key = arena_memdup(spare, entry->key, entry->key_len);
        entry->row = arena_memdup(spare, entry->row, row_size(entry->row));
    }
    arena_reset(&sorter->arenas[sorter->arena]);
    sorter->arena = !sorter->arena;
}

/* ---- Runs ---- */

static enum status write_entry(struct spill_file *file, const struct sort_entry *entry, struct error *err) {
    static const uint8_t padding[8];
    struct run_record record = {entry->key_len, row_size(entry->row)};
    TRY(spill_write(file, &record, sizeof record, err));
    TRY(spill_write(file, entry->row, record.row_bytes, err));
    TRY(spill_write(file, entry->key, entry->key_len, err));
    return spill_write(file, padding, -(size_t)entry->key_len & 7, err);
}

static struct run *add_run(struct row_sorter *sorter, struct spill_file *file) {
    ARRAY_RESERVE(sorter->runs, sorter->run_capacity, sorter->run_count + 1);
    struct run *run = &sorter->runs[sorter->run_count++];
    *run = (struct run){.file = file};
    return run;
}

static enum status spill_entries(struct row_sorter *sorter, struct error *err) {
    if (!sorter->entry_count) return STATUS_OK;
    sort_entries(sorter);
    struct spill_file *file;
    TRY(spill_file_create(sorter->spill, &file, err));
    struct run *run = add_run(sorter, file);
    for (size_t i = 0; i < sorter->entry_count; i++) TRY(write_entry(file, &sorter->entries[i], err));
    run->end = spill_size(file);
    sorter->spilled = true;
    sorter->entry_count = 0;
    /* destroyed, not reset: the memory is what the limit is about */
    arena_destroy(&sorter->arenas[sorter->arena]);
    arena_init(&sorter->arenas[sorter->arena], sorter->account);
    return STATUS_OK;
}

static enum status fill_buffer(struct run *run, size_t need, struct error *err) {
    size_t left = (size_t)(run->buffer_start + (int64_t)run->buffer_bytes - run->position);
    if (left >= need) return STATUS_OK;
    size_t wanted = need > RUN_BUFFER_BYTES ? need : RUN_BUFFER_BYTES;
    if (wanted > run->buffer_capacity) {
        run->buffer = xrealloc(run->buffer, wanted);
        run->buffer_capacity = wanted;
    }
    int64_t in_file = run->end - run->position;
    if ((int64_t)wanted > in_file) wanted = (size_t)in_file;
    TRY(spill_read(run->file, run->position, run->buffer, wanted, err));
    run->buffer_start = run->position;
    run->buffer_bytes = wanted;
    return STATUS_OK;
}

/* The run's next row becomes its current one; *more = false behind the last. */
static enum status advance(struct run *run, bool *more, struct error *err) {
    *more = run->position < run->end;
    if (!*more) return STATUS_OK;
    struct run_record record;
    TRY(fill_buffer(run, sizeof record, err));
    memcpy(&record, run->buffer + (run->position - run->buffer_start), sizeof record);
    size_t size_bytes = sizeof record + record.row_bytes + (((size_t)record.key_len + 7) & ~(size_t)7);
    TRY(fill_buffer(run, size_bytes, err));
    const uint8_t *bytes = run->buffer + (run->position - run->buffer_start) + sizeof record;
    const char *key = (const char *)bytes + record.row_bytes;
    run->current = (struct sort_entry){
        .prefix = prefix_of(key, record.key_len), .key = key, .row = bytes, .key_len = record.key_len};
    run->position += (int64_t)size_bytes;
    return STATUS_OK;
}

static void sift_down(struct row_sorter *sorter, int at) {
    for (;;) {
        int child = at * 2 + 1;
        if (child >= sorter->heap_count) return;
        if (child + 1 < sorter->heap_count &&
            compare(&sorter->runs[sorter->heap[child + 1]].current, &sorter->runs[sorter->heap[child]].current) < 0)
            child++;
        if (compare(&sorter->runs[sorter->heap[at]].current, &sorter->runs[sorter->heap[child]].current) <= 0) return;
        int run = sorter->heap[at];
        sorter->heap[at] = sorter->heap[child];
        sorter->heap[child] = run;
        at = child;
    }
}

/* A heap over the first `count` runs. */
static enum status open_merge(struct row_sorter *sorter, int count, struct error *err) {
    sorter->heap = xrealloc(sorter->heap, (size_t)(count + 1) * sizeof *sorter->heap);
    sorter->heap_count = 0;
    for (int i = 0; i < count; i++) {
        bool more;
        TRY(advance(&sorter->runs[i], &more, err));
        if (more) sorter->heap[sorter->heap_count++] = i;
    }
    for (int i = sorter->heap_count / 2; i-- > 0;) sift_down(sorter, i);
    return STATUS_OK;
}

static enum status pop(struct row_sorter *sorter, struct error *err) {
    bool more;
    TRY(advance(&sorter->runs[sorter->heap[0]], &more, err));
    if (!more) sorter->heap[0] = sorter->heap[--sorter->heap_count];
    sift_down(sorter, 0);
    return STATUS_OK;
}

/* Merges the first ROW_SORTER_MAX_RUNS runs into one at the end of the list. */
static enum status merge_runs(struct row_sorter *sorter, struct error *err) {
    struct spill_file *file;
    TRY(spill_file_create(sorter->spill, &file, err));
    add_run(sorter, file);
    TRY(open_merge(sorter, ROW_SORTER_MAX_RUNS, err));
    while (sorter->heap_count) {
        TRY(write_entry(file, &sorter->runs[sorter->heap[0]].current, err));
        TRY(pop(sorter, err));
    }
    sorter->runs[sorter->run_count - 1].end = spill_size(file);
    for (int i = 0; i < ROW_SORTER_MAX_RUNS; i++) run_close(&sorter->runs[i]);
    sorter->run_count -= ROW_SORTER_MAX_RUNS;
    memmove(sorter->runs, sorter->runs + ROW_SORTER_MAX_RUNS, (size_t)sorter->run_count * sizeof *sorter->runs);
    return STATUS_OK;
}

/* ---- Adding ---- */

static void reserve_entries(struct row_sorter *sorter, size_t need) {
    size_t before = sorter->entry_capacity;
    ARRAY_RESERVE(sorter->entries, sorter->entry_capacity, need);
    int64_t grown = (int64_t)((sorter->entry_capacity - before) * sizeof *sorter->entries);
    if (grown) mem_charge(sorter->account, grown);
    sorter->charged_bytes += grown;
}

enum status row_sorter_add(struct row_sorter *sorter, const struct chunk *chunk, struct arena *scratch,
                           struct error *err) {
    if (sorter->wanted == 0) return STATUS_OK;
    if (sorter->arenas[sorter->arena].total_bytes >= sorter->least_run_bytes && spill_is_due(sorter->account))
        TRY(spill_entries(sorter, err));
    int count = chunk->sel_count;
    uint32_t *sizes = arena_alloc(scratch, (size_t)(count + 1) * sizeof *sizes);
    uint8_t **dst = arena_alloc(scratch, (size_t)(count + 1) * sizeof *dst);
    struct arena *arena = &sorter->arenas[sorter->arena];
    TRY(row_sizes_checked(sorter->layout, chunk, sorter->columns, sizes, err));
    for (int i = 0; i < count; i++) dst[i] = arena_alloc(arena, sizes[i]);
    row_encode(sorter->layout, chunk, sorter->columns, NULL, sizes, dst);
    reserve_entries(sorter, sorter->entry_count + (size_t)count);
    for (int i = 0; i < count; i++) {
        strbuf_clear(&sorter->key);
        key_encode(&sorter->key, chunk, sorter->keys, sorter->key_count, chunk_row(chunk, i));
        sorter->entries[sorter->entry_count++] =
            (struct sort_entry){.prefix = prefix_of(sorter->key.data, sorter->key.len),
                                .key = arena_memdup(arena, sorter->key.data, sorter->key.len),
                                .row = dst[i],
                                .key_len = (uint32_t)sorter->key.len};
    }
    if (sorter->wanted >= 0 && sorter->entry_count > (size_t)sorter->wanted * 2 + TRIM_SLACK_ROWS) trim(sorter);
    return STATUS_OK;
}

enum status row_sorter_finish(struct row_sorter *sorter, struct error *err) {
    sorter->finished = true;
    if (!sorter->spilled) {
        sort_entries(sorter);
        return STATUS_OK;
    }
    TRY(spill_entries(sorter, err));
    while (sorter->run_count > ROW_SORTER_MAX_RUNS) TRY(merge_runs(sorter, err));
    return open_merge(sorter, sorter->run_count, err);
}

enum status row_sorter_next(struct row_sorter *sorter, struct arena *arena, struct sorted_row *rows, int max,
                            int *count, struct error *err) {
    *count = 0;
    if (sorter->wanted >= 0 && max > sorter->wanted - sorter->rows_out) max = (int)(sorter->wanted - sorter->rows_out);
    if (!sorter->spilled) {
        for (; *count < max && sorter->next_entry < sorter->entry_count; sorter->next_entry++, ++*count) {
            const struct sort_entry *entry = &sorter->entries[sorter->next_entry];
            rows[*count] = (struct sorted_row){entry->row, {entry->key, entry->key_len}};
        }
    } else {
        for (; *count < max && sorter->heap_count; ++*count) {
            const struct sort_entry *entry = &sorter->runs[sorter->heap[0]].current;
            rows[*count] = (struct sorted_row){arena_memdup(arena, entry->row, row_size(entry->row)),
                                               {arena_memdup(arena, entry->key, entry->key_len), entry->key_len}};
            TRY(pop(sorter, err));
        }
    }
    sorter->rows_out += *count;
    return STATUS_OK;
}
