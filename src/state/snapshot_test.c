#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "column/test_data.h"
#include "state/test_snapshot.h"

extern const struct CMUnitTest snapshot_tests[];
extern const size_t snapshot_tests_count;

/* Three tables of every shape, with random types. */
enum { COLUMNS = 4, KEYS = 2, TABLES = 3 };

static const int identity[COLUMNS] = {0, 1, 2, 3};

struct schema_fixture {
    struct arena arena;
    const struct type *types[COLUMNS];
    struct row_layout layout;
};

struct part {
    struct state *state;
    struct state_table *unique, *multi, *ordered;
};

static struct part make_part(struct schema_fixture *f, struct mem_account *account) {
    struct part part;
    part.state = state_create(account);
    part.unique = state_table_create(part.state, "unique", STATE_UNIQUE, &f->layout, KEYS, 12);
    part.multi = state_table_create(part.state, "multi", STATE_MULTI, &f->layout, KEYS, 8);
    part.ordered = state_table_create(part.state, "ordered", STATE_ORDERED, &f->layout, 0, 8);
    return part;
}

static void make_schema(struct schema_fixture *f, uint64_t *seed, bool simple) {
    arena_init(&f->arena, NULL);
    for (int c = 0; c < COLUMNS; c++)
        f->types[c] = simple ? type_of(c ? TYPE_VARCHAR : TYPE_BIGINT) : random_type(&f->arena, seed, 2);
    row_layout_init(&f->layout, &f->arena, COLUMNS, f->types);
}

/* What all partitions hold together: a sum over the entries' bytes that does not depend on their order. */
static uint64_t mix_bytes(uint64_t hash, const void *data, size_t size) {
    const uint8_t *bytes = data;
    for (size_t i = 0; i < size; i++) hash = (hash ^ bytes[i]) * UINT64_C(0x100000001B3);
    return hash;
}

static void add_up(struct state_table *table, bool ordered, uint32_t payload_bytes, uint32_t partition,
                   uint32_t partition_count, uint64_t *sum, int64_t *count) {
    uint64_t cursor = 0;
    for (struct state_entry *entry; (entry = state_iterate(table, &cursor));) {
        const uint8_t *row = state_row(table, entry);
        uint64_t hash = ordered ? state_ordered_hash(table, entry) : row_hash(row);
        assert_int_equal(state_partition(hash, partition_count), partition);
        uint64_t mixed = mix_bytes(UINT64_C(0xCBF29CE484222325), state_payload(entry), payload_bytes);
        if (row) mixed = mix_bytes(mixed, row, row_size(row));
        if (ordered) {
            struct str key = state_ordered_key(table, entry);
            mixed = mix_bytes(mixed, key.data, key.len);
        }
        *sum += mixed ^ mixed >> 31;
        (*count)++;
    }
}

struct totals {
    uint64_t sum[TABLES];
    int64_t count[TABLES];
};

static struct totals total_of(const struct part *parts, uint32_t count) {
    struct totals totals = {0};
    for (uint32_t p = 0; p < count; p++) {
        add_up(parts[p].unique, false, 12, p, count, &totals.sum[0], &totals.count[0]);
        add_up(parts[p].multi, false, 8, p, count, &totals.sum[1], &totals.count[1]);
        add_up(parts[p].ordered, true, 8, p, count, &totals.sum[2], &totals.count[2]);
    }
    return totals;
}

static void fill(struct schema_fixture *f, struct part *parts, uint32_t partition_count, int chunks, uint64_t *seed) {
    struct arena arena;
    arena_init(&arena, NULL);
    enum { ROWS = 60 };
    for (int n = 0; n < chunks; n++) {
        struct vector columns[COLUMNS];
        struct value values[ROWS];
        for (int c = 0; c < COLUMNS; c++) random_vector(&arena, seed, f->types[c], ROWS, &columns[c], values);
        struct chunk chunk = {.column_count = COLUMNS, .row_count = ROWS, .columns = columns, .sel_count = ROWS};
        uint64_t hash[ROWS];
        chunk_hash(&chunk, identity, KEYS, hash);
        for (uint32_t p = 0; p < partition_count; p++) {
            sel_index sel[ROWS];
            int count = 0;
            for (int i = 0; i < ROWS; i++)
                if (state_partition(hash[i], partition_count) == p) sel[count++] = (sel_index)i;
            struct chunk rows = chunk_select(&chunk, sel, count);
            struct state_entry *entries[ROWS];
            bool created[ROWS];
            struct error err;
            assert_int_equal(state_find_or_insert(parts[p].unique, &rows, identity, hash, entries, created, &err),
                             STATUS_OK);
            for (int i = 0; i < count; i++) *(uint64_t *)state_payload(entries[i]) = random_next(seed);
            assert_int_equal(state_insert(parts[p].multi, &rows, identity, hash, entries, &err), STATUS_OK);
            for (int i = 0; i < count; i++) {
                *(uint64_t *)state_payload(entries[i]) = random_next(seed);
                char key[24] = {0};
                memcpy(key, &hash[sel[i]], 8);
                uint64_t random = random_next(seed);
                memcpy(key + 8, &random, 8);
                const uint8_t *row = random % 3 ? state_row(parts[p].multi, entries[i]) : NULL;
                struct state_entry *entry;
                bool made;
                assert_int_equal(state_ordered_insert(parts[p].ordered, (struct str){key, 8 + random % 16},
                                                      hash[sel[i]], row, &entry, &made, &err),
                                 STATUS_OK);
                *(uint64_t *)state_payload(entry) = random_next(seed);
            }
            /* some go again, so that free memory lies between the entries */
            for (int i = 0; i < count; i += 3) state_delete(parts[p].multi, entries[i]);
        }
        for (uint32_t p = 0; p < partition_count; p++) state_end_step(parts[p].state);
    }
    arena_destroy(&arena);
}

static void rescaled(void **unused) {
    (void)unused;
    static const uint32_t counts[][2] = {{1, 1}, {1, 4}, {4, 1}, {8, 2}, {2, 8}, {64, 4}, {1, 256}, {4, 4}};
    uint64_t seed = 31;
    for (size_t n = 0; n < sizeof counts / sizeof *counts; n++) {
        struct schema_fixture f;
        make_schema(&f, &seed, n == 0);
        struct mem_account account;
        mem_account_init(&account, NULL, 0);
        uint32_t old_count = counts[n][0], new_count = counts[n][1];
        struct part *old = calloc(old_count, sizeof *old), *new = calloc(new_count, sizeof *new);
        struct memory_writer *writers = calloc(old_count, sizeof *writers);
        for (uint32_t p = 0; p < old_count; p++) old[p] = make_part(&f, &account);
        fill(&f, old, old_count, 12, &seed);
        struct totals expected = total_of(old, old_count);
        assert_true(expected.count[0] > 0 && expected.count[1] > 0 && expected.count[2] > 0);
        struct error err;
        for (uint32_t p = 0; p < old_count; p++) {
            writers[p] = memory_writer_make();
            assert_int_equal(state_snapshot(old[p].state, &writers[p].base, &err), STATUS_OK);
        }
        for (uint32_t p = 0; p < new_count; p++) {
            new[p] = make_part(&f, &account);
            for (uint32_t q = 0; q < old_count; q++) {
                struct memory_reader reader = memory_reader_make(strbuf_str(&writers[q].bytes));
                assert_int_equal(state_restore(new[p].state, &reader.base, p, new_count, &err), STATUS_OK);
                assert_int_equal(reader.pos, reader.bytes.len);
            }
        }
        struct totals found = total_of(new, new_count);
        assert_memory_equal(&found, &expected, sizeof found);
        for (uint32_t p = 0; p < old_count; p++) {
            state_destroy(old[p].state);
            strbuf_free(&writers[p].bytes);
        }
        for (uint32_t p = 0; p < new_count; p++) state_destroy(new[p].state);
        assert_int_equal(account.used_bytes, 0);
        free(old);
        free(new);
        free(writers);
        arena_destroy(&f.arena);
    }
}

/* Rows of one key keep their order over a snapshot of one partition, so that what depends on arrival does not change. */
static void several_sections(void **unused) {
    (void)unused;
    struct schema_fixture f;
    uint64_t seed = 32;
    make_schema(&f, &seed, true);
    struct part old = make_part(&f, NULL), new = make_part(&f, NULL);
    struct arena arena;
    arena_init(&arena, NULL);
    char *text = calloc(1, 300001);
    memset(text, 'x', 300000);
    for (int i = 0; i < 40; i++) { /* larger than a section's target, some of them alone */
        struct chunk *chunk = chunk_create(&arena, COLUMNS, f.types, 1);
        size_t len = i % 5 == 0 ? 300000 : 20000;
        struct value values[] = {value_i64(f.types[0], i), value_str(f.types[1], (struct str){text, len}),
                                 value_str(f.types[2], str_from("")), value_null(f.types[3])};
        for (int c = 0; c < COLUMNS; c++) vector_set(&chunk->columns[c], &arena, 1, 0, &values[c]);
        chunk->row_count = chunk->sel_count = 1;
        uint64_t hash;
        chunk_hash(chunk, identity, KEYS, &hash);
        struct state_entry *entry;
        assert_int_equal(state_insert(old.unique, chunk, identity, &hash, &entry, NULL), STATUS_OK);
        *(int64_t *)state_payload(entry) = i;
    }
    struct memory_writer writer = memory_writer_make();
    assert_int_equal(state_snapshot(old.state, &writer.base, NULL), STATUS_OK);
    struct memory_reader reader = memory_reader_make(strbuf_str(&writer.bytes));
    assert_int_equal(state_restore(new.state, &reader.base, 0, 1, NULL), STATUS_OK);
    struct totals expected = total_of(&old, 1), found = total_of(&new, 1);
    assert_memory_equal(&found, &expected, sizeof found);
    strbuf_free(&writer.bytes);
    free(text);
    state_destroy(old.state);
    state_destroy(new.state);
    arena_destroy(&arena);
    arena_destroy(&f.arena);
}

static enum status restore_bytes(struct schema_fixture *f, struct str bytes, struct error *err) {
    struct mem_account account;
    mem_account_init(&account, NULL, 0);
    struct part part = make_part(f, &account);
    struct memory_reader reader = memory_reader_make(bytes);
    error_clear(err);
    enum status status = state_restore(part.state, &reader.base, 0, 1, err);
    if (status == STATUS_OK && reader.pos != bytes.len) status = STATUS_INTERNAL;
    state_destroy(part.state);
    assert_int_equal(account.used_bytes, 0);
    return status;
}

/* Cut anywhere, or with any byte changed: an error with a message, whatever the change. */
static void damaged(void **unused) {
    (void)unused;
    uint64_t seed = 33;
    for (int round = 0; round < 3; round++) {
        struct schema_fixture f;
        make_schema(&f, &seed, round == 0);
        struct part part = make_part(&f, NULL);
        fill(&f, &part, 1, 1, &seed);
        struct memory_writer writer = memory_writer_make();
        assert_int_equal(state_snapshot(part.state, &writer.base, NULL), STATUS_OK);
        struct str bytes = strbuf_str(&writer.bytes);
        struct error err;
        assert_int_equal(restore_bytes(&f, bytes, &err), STATUS_OK);
        size_t stride = 1 + bytes.len / 1500;
        for (size_t cut = 0; cut < bytes.len; cut += 1 + (size_t)random_below(&seed, (int)stride * 2)) {
            char *copy = malloc(cut + 1); /* of exactly this size, so that reading behind it is seen */
            memcpy(copy, bytes.data, cut);
            assert_int_equal(restore_bytes(&f, (struct str){copy, cut}, &err), STATUS_BAD_DATA);
            assert_true(err.message[0]);
            free(copy);
        }
        char *copy = malloc(bytes.len);
        memcpy(copy, bytes.data, bytes.len);
        for (size_t at = 0; at < bytes.len;
             at += at < 300 || bytes.len - at < 40 ? 1 : 1 + (size_t)random_below(&seed, (int)stride * 2))
            for (int kind = 0; kind < 3; kind++) {
                char old = copy[at];
                copy[at] = kind == 0 ? (char)(old ^ 1 << random_below(&seed, 8)) : kind == 1 ? 0 : (char)0xFF;
                if (copy[at] != old) {
                    assert_int_equal(restore_bytes(&f, (struct str){copy, bytes.len}, &err), STATUS_BAD_DATA);
                    assert_true(err.message[0]);
                }
                copy[at] = old;
            }
        free(copy);
        strbuf_free(&writer.bytes);
        state_destroy(part.state);
        arena_destroy(&f.arena);
    }
}

/* A snapshot of other tables is refused, and the message says so. */
static void other_layouts(void **unused) {
    (void)unused;
    struct arena arena;
    arena_init(&arena, NULL);
    const struct type *a[] = {type_of(TYPE_BIGINT), type_of(TYPE_VARCHAR)};
    const struct type *b[] = {type_of(TYPE_BIGINT), type_of(TYPE_VARBINARY)};
    struct row_layout first, second;
    row_layout_init(&first, &arena, 2, a);
    row_layout_init(&second, &arena, 2, b);
    static const struct {
        const char *name;
        enum state_shape shape;
        int layout, key_count;
        uint32_t payload_bytes;
        bool good;
    } cases[] = {
        {"t", STATE_UNIQUE, 0, 1, 16, true},   {"u", STATE_UNIQUE, 0, 1, 16, false},
        {"t", STATE_MULTI, 0, 1, 16, false},   {"t", STATE_UNIQUE, 1, 1, 16, false},
        {"t", STATE_UNIQUE, 0, 2, 16, false},  {"t", STATE_UNIQUE, 0, 1, 24, false},
        {"t", STATE_ORDERED, 0, 1, 16, false},
    };
    struct state *old = state_create(NULL);
    state_table_create(old, "t", STATE_UNIQUE, &first, 1, 16);
    struct memory_writer writer = memory_writer_make();
    assert_int_equal(state_snapshot(old, &writer.base, NULL), STATUS_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct state *state = state_create(NULL);
        state_table_create(state, cases[i].name, cases[i].shape, cases[i].layout ? &second : &first, cases[i].key_count,
                           cases[i].payload_bytes);
        struct memory_reader reader = memory_reader_make(strbuf_str(&writer.bytes));
        struct error err;
        error_clear(&err);
        enum status status = state_restore(state, &reader.base, 0, 1, &err);
        assert_int_equal(status, cases[i].good ? STATUS_OK : STATUS_BAD_DATA);
        if (!cases[i].good) assert_non_null(strstr(err.message, "\"t\""));
        state_destroy(state);
    }
    /* a state with one table more than the snapshot */
    struct state *more = state_create(NULL);
    state_table_create(more, "t", STATE_UNIQUE, &first, 1, 16);
    state_table_create(more, "u", STATE_UNIQUE, &first, 1, 16);
    struct memory_reader reader = memory_reader_make(strbuf_str(&writer.bytes));
    assert_int_equal(state_restore(more, &reader.base, 0, 1, NULL), STATUS_BAD_DATA);
    state_destroy(more);
    strbuf_free(&writer.bytes);
    state_destroy(old);
    arena_destroy(&arena);
}

struct failing_writer {
    struct snapshot_writer base;
    int left;
};

static enum status fail_later(struct snapshot_writer *base, const void *data, size_t size_bytes, struct error *err) {
    (void)data, (void)size_bytes;
    if (((struct failing_writer *)base)->left-- > 0) return STATUS_OK;
    return error_set(err, STATUS_IO_ERROR, "the disk is full");
}

/* A write error comes out as it is, at whatever write it happens. */
static void write_errors(void **unused) {
    (void)unused;
    uint64_t seed = 34;
    struct schema_fixture f;
    make_schema(&f, &seed, true);
    struct part part = make_part(&f, NULL);
    fill(&f, &part, 1, 1, &seed);
    enum status status = STATUS_IO_ERROR;
    int n = 0;
    for (; status != STATUS_OK; n++) {
        struct failing_writer writer = {{fail_later}, n};
        struct error err;
        error_clear(&err);
        status = state_snapshot(part.state, &writer.base, &err);
        if (status != STATUS_OK) {
            assert_int_equal(status, STATUS_IO_ERROR);
            assert_string_equal(err.message, "the disk is full");
        }
    }
    assert_true(n > 20);
    state_destroy(part.state);
    arena_destroy(&f.arena);
}

const struct CMUnitTest snapshot_tests[] = {
    cmocka_unit_test(rescaled),      cmocka_unit_test(several_sections), cmocka_unit_test(damaged),
    cmocka_unit_test(other_layouts), cmocka_unit_test(write_errors),
};
const size_t snapshot_tests_count = sizeof snapshot_tests / sizeof *snapshot_tests;
