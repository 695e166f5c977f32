/* Cassandra's rules: times to live, static columns, deletions of rows, ranges and partitions, counters; against a model, and
 * what is forgotten when.
 *
 * The model keeps nothing but the list of all writes. What a table shows is computed from the whole list by the rules as
 * README.md states them, so the order of the writes plays no part in it: whatever the store merges, drops or sweeps on the
 * way must come to the same. Times come from few values, so that ties happen all the time. */
#include "store/store_test_util.h"

#include "base/clock.h"
#include "cass/murmur3.h"
#include "store/store_private.h"

extern const struct CMUnitTest store_rules_tests[];
extern const size_t store_rules_tests_count;

enum { PARTITIONS = 5, ROWS = 6, MOST_OPS = 4000, NO_ROW = -1 };
/* m: p BIGINT, c INT (clustering, descending), st STRING static, a INT, s STRING, ts BIGINT and ttl INT metadata */
enum { COLUMN_P, COLUMN_C, COLUMN_ST, COLUMN_M_A, COLUMN_M_S, COLUMN_TS, COLUMN_TTL, COLUMN_WT, COLUMN_LEFT, COLUMNS };
enum { BASE_S = 1700000000 };       /* long ago: what ended then may be forgotten */
static uint32_t writers_s = BASE_S; /* the writers' clock */

static uint64_t next_random(uint64_t *seed) {
    *seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407;
    return *seed >> 33;
}

static int pick(uint64_t *seed, int below) { return (int)(next_random(seed) % (uint64_t)below); }

static struct table rules_definition(const char *name, struct arena *arena) {
    struct table_column *columns = ARENA_ARRAY(arena, struct table_column, COLUMNS);
    static const int key[] = {0, 1};
    static const bool descending[] = {false, true};
    const struct type *bigint = type_of(TYPE_BIGINT), *text = type_of(TYPE_VARCHAR), *integer = type_of(TYPE_INT);
    columns[COLUMN_P] = (struct table_column){.name = "p", .type = bigint};
    columns[COLUMN_C] = (struct table_column){.name = "c", .type = integer};
    columns[COLUMN_ST] = (struct table_column){.name = "st", .type = text};
    columns[COLUMN_M_A] = (struct table_column){.name = "a", .type = integer};
    columns[COLUMN_M_S] = (struct table_column){.name = "s", .type = text};
    columns[COLUMN_TS] =
        (struct table_column){.name = "ts", .type = bigint, .kind = COLUMN_METADATA, .metadata_key = "timestamp"};
    columns[COLUMN_TTL] = (struct table_column){.name = "ttl", .type = integer, .kind = COLUMN_METADATA};
    columns[COLUMN_WT] = (struct table_column){
        .name = "wt", .type = bigint, .kind = COLUMN_METADATA, .metadata_key = "writetime(a)", .is_virtual = true};
    columns[COLUMN_LEFT] = (struct table_column){
        .name = "rest", .type = integer, .kind = COLUMN_METADATA, .metadata_key = "ttl(a)", .is_virtual = true};
    struct table definition = {.database = "db",
                               .name = name,
                               .column_count = COLUMNS,
                               .columns = columns,
                               .primary_key_count = 2,
                               .partition_key_count = 1,
                               .primary_key = key,
                               .clustering_descending = descending,
                               .watermark_column = -1};
    option_add(&definition.options, arena, "static-columns", "st", -1);
    return definition;
}

static const struct store_table *create(struct store *store, struct table *definition, struct arena *arena) {
    bool exists;
    OK(store_database_exists(store, "db", &exists, &test_error));
    if (!exists) OK(store_create_database(store, "db", &test_error));
    OK(store_create_table(store, definition, &test_error));
    return test_table(store, definition->name, arena);
}

/* ---- The model ---- */

enum op_kind { OP_INSERT, OP_UPDATE, OP_DELETE_ROW, OP_DELETE_STATIC, OP_DELETE_RANGE, OP_DELETE_PARTITION };

struct op {
    enum op_kind kind;
    int p, c, to; /* c NO_ROW: about static columns alone; ranges: c … to */
    int64_t time;
    uint32_t end_s;      /* 0: no TTL */
    bool sets[3];        /* st, a, s */
    const char *text[3]; /* NULL: NULL. a as text */
};

struct model {
    int count;
    struct op ops[MOST_OPS];
};

static int64_t deleted_at(const struct model *model, int p, int c) {
    int64_t latest = INT64_MIN;
    for (int i = 0; i < model->count; i++) {
        const struct op *op = &model->ops[i];
        bool hit = op->p == p && ((op->kind == OP_DELETE_ROW && c != NO_ROW && op->c == c) ||
                                  (op->kind == OP_DELETE_STATIC && c == NO_ROW) ||
                                  (op->kind == OP_DELETE_RANGE && c != NO_ROW && op->c <= c && c <= op->to) ||
                                  op->kind == OP_DELETE_PARTITION);
        if (hit && op->time > latest) latest = op->time;
    }
    return latest;
}

/* INT in CQL is big-endian and compared unsigned. */
static int compare_texts(int column, const char *a, const char *b) {
    if (column != 1) return strcmp(a, b);
    uint32_t x = (uint32_t)atoi(a), y = (uint32_t)atoi(b);
    return (x > y) - (x < y);
}

static bool is_better(int column, const struct op *a, const struct op *b) {
    bool a_null = !a->text[column], b_null = !b->text[column];
    bool a_ends = a_null || a->end_s, b_ends = b_null || b->end_s;
    if (a->time != b->time) return a->time > b->time;
    if (a_ends != b_ends) return a_ends;
    if (a_null != b_null) return a_null;
    if (a_null) return false;
    if (a->end_s != b->end_s) return a->end_s > b->end_s;
    return compare_texts(column, a->text[column], b->text[column]) > 0;
}

static const struct op *best(const struct model *model, int p, int c, int column, uint32_t now_s) {
    int64_t deletion = deleted_at(model, p, c);
    const struct op *best = NULL;
    for (int i = 0; i < model->count; i++) {
        const struct op *op = &model->ops[i];
        if (op->kind > OP_UPDATE || op->p != p || !op->sets[column] || op->time <= deletion) continue;
        if (column != 0 && op->c != c) continue;
        if (!best || is_better(column, op, best)) best = op;
    }
    bool lives = best && best->text[column] && !(best->end_s && best->end_s <= now_s);
    return lives ? best : NULL;
}

static bool has_marker(const struct model *model, int p, int c, uint32_t now_s) {
    int64_t deletion = deleted_at(model, p, c);
    const struct op *best = NULL;
    for (int i = 0; i < model->count; i++) {
        const struct op *op = &model->ops[i];
        if (op->kind != OP_INSERT || op->p != p || op->c != c || op->time <= deletion) continue;
        if (!best || op->time > best->time || (op->time == best->time && op->end_s > best->end_s)) best = op;
    }
    return best && !(best->end_s && best->end_s <= now_s);
}

static int64_t token_of(int64_t p) {
    uint8_t bytes[8];
    store_put_be64(bytes, (uint64_t)p);
    return cass_murmur3_token(bytes, 8);
}

static int compare_tokens(const void *a, const void *b) {
    int64_t x = token_of(*(const int *)a), y = token_of(*(const int *)b);
    return (x > y) - (x < y);
}

static void model_print(const struct model *model, uint32_t now_s, struct strbuf *out) {
    int order[PARTITIONS];
    for (int i = 0; i < PARTITIONS; i++) order[i] = i;
    qsort(order, PARTITIONS, sizeof *order, compare_tokens);
    strbuf_clear(out);
    strbuf_puts(out, "");
    for (int i = 0; i < PARTITIONS; i++) {
        int p = order[i], rows = 0;
        const struct op *st = best(model, p, NO_ROW, 0, now_s);
        const char *static_text = st ? st->text[0] : "-";
        for (int c = ROWS - 1; c >= 0; c--) {
            const struct op *a = best(model, p, c, 1, now_s), *s = best(model, p, c, 2, now_s);
            if (!a && !s && !has_marker(model, p, c, now_s)) continue;
            rows++;
            strbuf_printf(out, "%d/%d %s %s %s", p, c, static_text, a ? a->text[1] : "-", s ? s->text[2] : "-");
            if (a) strbuf_printf(out, " @%lld", (long long)a->time);
            if (a && a->end_s) strbuf_printf(out, " +%u", a->end_s - now_s);
            strbuf_putc(out, '\n');
        }
        if (!rows && st) strbuf_printf(out, "%d/- %s - -\n", p, static_text);
    }
}

/* ---- The store ---- */

static void put_text(struct strbuf *out, const struct value *value) {
    if (value->is_null)
        strbuf_puts(out, "-");
    else if (value->type->id == TYPE_VARCHAR)
        strbuf_add(out, value->str.data, value->str.len);
    else
        strbuf_printf(out, "%lld", (long long)value->i64);
}

static void print_chunk(const struct chunk *chunk, struct strbuf *out) {
    for (int i = 0; i < chunk->row_count; i++) {
        static const char separators[] = {'/', ' ', ' ', ' '};
        for (int k = 0; k < 5; k++) {
            struct value value = vector_get(&chunk->columns[k], i, NULL);
            put_text(out, &value);
            if (k < 4) strbuf_putc(out, separators[k]);
        }
        struct value time = vector_get(&chunk->columns[5], i, NULL), rest = vector_get(&chunk->columns[6], i, NULL);
        if (!time.is_null) strbuf_printf(out, " @%lld", (long long)time.i64);
        if (!rest.is_null) strbuf_printf(out, " +%lld", (long long)rest.i64);
        strbuf_putc(out, '\n');
    }
}

/* Reads `step` rows at a time, each time by a new scan behind the last row when `resumes`. */
static void scan_print(struct store *store, const struct store_table *table, const struct store_range *range,
                       uint32_t now_s, int step, bool resumes, struct strbuf *out) {
    static const int columns[] = {COLUMN_P, COLUMN_C, COLUMN_ST, COLUMN_M_A, COLUMN_M_S, COLUMN_WT, COLUMN_LEFT};
    struct store_snapshot *snapshot;
    struct store_scan *scan = NULL;
    struct store_entry entries[64];
    struct strbuf after = {0};
    struct arena arena;
    int count;
    arena_init(&arena, NULL);
    strbuf_clear(out);
    strbuf_puts(out, "");
    OK(store_snapshot_begin(store, &snapshot, &test_error));
    store_snapshot_set_now(snapshot, now_s);
    do {
        struct chunk *chunk;
        if (!scan) OK(store_scan_open(snapshot, table, range, 1, strbuf_str(&after), &scan, &test_error));
        OK(store_scan_next(scan, entries, step, &count, NULL, &test_error));
        OK(store_decode(table, entries, count, columns, 7, &arena, &chunk, &test_error));
        print_chunk(chunk, out);
        if (count) {
            struct str offset = store_entry_offset(&entries[count - 1]);
            strbuf_clear(&after);
            strbuf_add(&after, offset.data, offset.len);
        }
        if (resumes) {
            store_scan_close(scan);
            scan = NULL;
        }
        arena_reset(&arena);
    } while (count);
    store_scan_close(scan);
    store_snapshot_release(snapshot);
    strbuf_free(&after);
    arena_destroy(&arena);
}

static struct value text_value(const struct type *type, const char *text) {
    if (!text) return value_null(type);
    return type->id == TYPE_VARCHAR ? value_str(type, str_from(text)) : value_i64(type, atoi(text));
}

/* A writer of the key, what the operation sets, and the metadata columns. */
static struct store_writer *op_writer(struct store *store, const struct store_table *table, const struct op *op) {
    int list[COLUMNS] = {COLUMN_P}, count = 1;
    bool clustering = op->c != NO_ROW || op->kind == OP_DELETE_STATIC || op->sets[1];
    struct store_writer *writer;
    if (clustering) list[count++] = COLUMN_C;
    for (int k = 0; k < 3; k++)
        if (op->sets[k]) list[count++] = COLUMN_ST + k;
    list[count++] = COLUMN_TS;
    list[count++] = COLUMN_TTL;
    OK(store_writer_open(store, table, list, count, NULL, &writer, &test_error));
    return writer;
}

static void add_range(struct store_writer *writer, const struct store_table *table, const struct op *op) {
    struct value p = value_i64(type_of(TYPE_BIGINT), op->p);
    struct value low = value_i64(type_of(TYPE_INT), op->to), high = value_i64(type_of(TYPE_INT), op->c); /* DESC */
    struct strbuf start = {0}, end = {0};
    OK(store_key_partition(table, &p, &start, &test_error));
    store_key_rows(&start);
    strbuf_add(&end, start.data, start.len);
    store_key_clustering(table, 0, &low, &start);
    store_key_clustering(table, 0, &high, &end);
    store_key_next(&end);
    struct store_range range = {strbuf_str(&start), strbuf_str(&end)};
    OK(store_writer_delete_range(writer, &range, op->time, &test_error));
    strbuf_free(&start);
    strbuf_free(&end);
}

static void add_op(struct store_writer *writer, const struct store_table *table, const struct op *op) {
    const struct type *types[COLUMNS] = {type_of(TYPE_BIGINT)};
    struct value values[COLUMNS] = {value_i64(types[0], op->p)};
    struct arena arena;
    int count = 1;
    bool clustering = op->c != NO_ROW || op->kind == OP_DELETE_STATIC || op->sets[1];
    if (op->kind == OP_DELETE_RANGE) {
        add_range(writer, table, op);
        return;
    }
    arena_init(&arena, NULL);
    if (clustering) {
        types[count] = type_of(TYPE_INT);
        values[count] = op->c == NO_ROW ? value_null(types[count]) : value_i64(types[count], op->c);
        count++;
    }
    for (int k = 0; k < 3; k++) {
        if (!op->sets[k]) continue;
        types[count] = type_of(k == 1 ? TYPE_INT : TYPE_VARCHAR);
        values[count] = text_value(types[count], op->text[k]);
        count++;
    }
    types[count] = type_of(TYPE_BIGINT);
    values[count] = value_i64(types[count], op->time);
    count++;
    types[count] = type_of(TYPE_INT);
    values[count] = op->end_s ? value_i64(types[count], op->end_s - writers_s) : value_null(types[count]);
    count++;
    struct chunk *chunk = chunk_create(&arena, count, types, 1);
    for (int i = 0; i < count; i++) vector_set(&chunk->columns[i], &arena, 1, 0, &values[i]);
    chunk->row_count = chunk->sel_count = 1;
    static const uint8_t ops[] = {STORE_INSERT, STORE_UPDATE, STORE_DELETE,
                                  STORE_DELETE, STORE_SKIP,   STORE_DELETE_PARTITION};
    OK(store_writer_add(writer, chunk, &ops[op->kind], INT64_C(1000000) * writers_s, &test_error));
    arena_destroy(&arena);
}

static struct op random_op(uint64_t *seed, int64_t time_base) {
    static const char *const texts[] = {"a", "aa", "b", "a text that is not inlined", NULL};
    static const char *const numbers[] = {"-1", "0", "1", "7", NULL};
    static const uint32_t ttls[] = {0, 0, 0, 10, 20, 1000};
    struct op op = {.p = pick(seed, PARTITIONS), .c = pick(seed, ROWS), .time = time_base + pick(seed, 6)};
    int r = pick(seed, 20);
    op.kind = r < 8    ? OP_INSERT
              : r < 14 ? OP_UPDATE
              : r < 16 ? OP_DELETE_ROW
              : r < 17 ? OP_DELETE_STATIC
              : r < 19 ? OP_DELETE_RANGE
                       : OP_DELETE_PARTITION;
    if (op.kind == OP_DELETE_RANGE) op.to = op.c + pick(seed, ROWS - op.c);
    if (op.kind == OP_DELETE_STATIC || op.kind == OP_DELETE_PARTITION) op.c = NO_ROW;
    if (op.kind > OP_UPDATE) return op;
    for (int k = 0; k < 3; k++) {
        op.sets[k] = pick(seed, 3) > 0;
        op.text[k] = k == 1 ? numbers[pick(seed, 5)] : texts[pick(seed, 5)];
    }
    if (pick(seed, 5) == 0) { /* the partition's column alone, with or without naming the others */
        op.c = NO_ROW;
        op.sets[0] = true;
        op.sets[2] = false;
        op.text[1] = NULL;
    }
    uint32_t ttl = ttls[pick(seed, 6)];
    op.end_s = ttl ? writers_s + ttl : 0;
    return op;
}

static struct store *reopen(struct store *store, const char *path, const struct store_table **table,
                            struct arena *arena) {
    store_close(store);
    OK(store_open(path, NULL, &store, &test_error));
    *table = test_table(store, "m", arena);
    return store;
}

static void random_writes(uint64_t seed, int commits, int most_ops) {
    struct arena arena;
    struct store *store;
    struct store_options options = {.sync = STORE_SYNC_NONE};
    struct model *model = xcalloc(1, sizeof *model);
    struct strbuf expected = {0}, found = {0};
    char *path = test_directory();
    arena_init(&arena, NULL);
    OK(store_open(path, &options, &store, &test_error));
    struct table definition = rules_definition("m", &arena);
    option_add(&definition.options, &arena, "gc-grace", "30 d", -1);
    const struct store_table *table = create(store, &definition, &arena);
    int64_t base = clock_realtime_micros(); /* nothing shall be forgotten */
    writers_s = (uint32_t)(base / 1000000);
    for (int commit = 0; commit < commits; commit++) {
        int ops = 1 + pick(&seed, most_ops);
        struct op op = random_op(&seed, base + commit / 10);
        struct store_writer *writer = op_writer(store, table, &op);
        for (int i = 0; i < ops; i++) {
            if (i) { /* others of the writer's columns */
                struct op next = random_op(&seed, base + commit / 10);
                bool alone = op.c == NO_ROW, next_alone = next.c == NO_ROW;
                if (op.kind > OP_UPDATE || next.kind > OP_UPDATE || alone != next_alone) continue;
                memcpy(next.sets, op.sets, sizeof op.sets);
                op = next;
            }
            if (op.c == NO_ROW && op.kind <= OP_UPDATE) op.text[1] = op.text[2] = NULL;
            add_op(writer, table, &op);
            if (op.kind <= OP_UPDATE && op.c == NO_ROW) op.sets[1] = op.sets[2] = false; /* NULL, and not written */
            assert_true(model->count < MOST_OPS);
            model->ops[model->count++] = op;
            if (op.kind <= OP_UPDATE && op.c == NO_ROW) break;
        }
        OK(store_writer_commit(writer, NULL, &test_error));
        store_writer_close(writer);
        if (pick(&seed, 10) == 0) store = reopen(store, path, &table, &arena);
        const uint32_t clocks[] = {writers_s, writers_s + 10, writers_s + 15, writers_s + 999};
        for (int i = 0; i < 4; i++) {
            struct store_range all = {{0}, {0}};
            model_print(model, clocks[i], &expected);
            scan_print(store, table, &all, clocks[i], 1 + pick(&seed, 60), pick(&seed, 2), &found);
            assert_string_equal(found.data, expected.data);
        }
    }
    writers_s = BASE_S;
    store_close(store);
    test_directory_remove(path);
    free(model);
    strbuf_free(&expected);
    strbuf_free(&found);
    arena_destroy(&arena);
}

static void against_the_rules(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) random_writes(seed, 250, 1);
    for (uint64_t seed = 7; seed <= 9; seed++) random_writes(seed, 80, 12);
}

/* ---- Reading single partitions and rows ---- */

static struct op write_op(int p, int c, const char *st, const char *a, int64_t time, uint32_t end_s) {
    struct op op = {.kind = OP_INSERT, .p = p, .c = c, .time = time, .end_s = end_s};
    if (st) op.sets[0] = true, op.text[0] = st;
    if (a) op.sets[1] = true, op.text[1] = a;
    return op;
}

static void apply(struct store *store, const struct store_table *table, struct op op) {
    struct store_writer *writer = op_writer(store, table, &op);
    add_op(writer, table, &op);
    OK(store_writer_commit(writer, NULL, &test_error));
    store_writer_close(writer);
}

static void expect_range(struct store *store, const struct store_table *table, const struct strbuf *start,
                         const char *expected) {
    struct strbuf end = {0}, found = {0};
    strbuf_add(&end, start->data, start->len);
    store_key_next(&end);
    struct store_range range = {strbuf_str(start), strbuf_str(&end)};
    scan_print(store, table, &range, BASE_S, 10, false, &found);
    assert_string_equal(found.data, expected);
    strbuf_free(&end);
    strbuf_free(&found);
}

static void static_columns_of_one_partition(void **state) {
    (void)state;
    struct arena arena;
    struct store *store;
    struct strbuf start = {0};
    arena_init(&arena, NULL);
    OK(store_open(NULL, NULL, &store, &test_error));
    struct table definition = rules_definition("m", &arena);
    const struct store_table *table = create(store, &definition, &arena);
    apply(store, table, write_op(1, NO_ROW, "one", NULL, 1, 0));
    apply(store, table, write_op(2, NO_ROW, "two", NULL, 1, 0));
    apply(store, table, write_op(2, 5, NULL, "55", 1, 0));
    apply(store, table, write_op(2, 6, NULL, "66", 1, 0));
    apply(store, table, write_op(3, 1, NULL, "11", 1, 0));
    struct value p = value_i64(type_of(TYPE_BIGINT), 1), c = value_i64(type_of(TYPE_INT), 5);
    OK(store_key_partition(table, &p, &start, &test_error));
    expect_range(store, table, &start, "1/- one - -\n");
    store_key_rows(&start); /* only what has clustering columns */
    expect_range(store, table, &start, "");
    p.i64 = 2;
    strbuf_clear(&start);
    OK(store_key_partition(table, &p, &start, &test_error));
    expect_range(store, table, &start, "2/6 two 66 - @1\n2/5 two 55 - @1\n");
    store_key_rows(&start);
    store_key_clustering(table, 0, &c, &start);
    expect_range(store, table, &start, "2/5 two 55 - @1\n");
    /* by the whole key */
    struct store_snapshot *snapshot;
    struct store_entry entry;
    struct chunk *chunk;
    bool found;
    static const int columns[] = {COLUMN_ST, COLUMN_M_A};
    OK(store_snapshot_begin(store, &snapshot, &test_error));
    OK(store_get(snapshot, table, strbuf_str(&start), &entry, &found, &test_error));
    assert_true(found);
    OK(store_decode(table, &entry, 1, columns, 2, &arena, &chunk, &test_error));
    struct value st = vector_get(&chunk->columns[0], 0, NULL);
    assert_true(str_equal(st.str, str_from("two")));
    assert_int_equal(vector_get(&chunk->columns[1], 0, NULL).i64, 55);
    p.i64 = 1;
    strbuf_clear(&start);
    OK(store_key_partition(table, &p, &start, &test_error));
    store_key_rows(&start);
    store_key_clustering(table, 0, &c, &start);
    OK(store_get(snapshot, table, strbuf_str(&start), &entry, &found, &test_error));
    assert_false(found);
    store_snapshot_release(snapshot);
    store_close(store);
    strbuf_free(&start);
    arena_destroy(&arena);
}

/* Partition keys that LMDB cannot hold: rows of two partitions that begin alike lie mixed. */
static void long_partitions(void **state) {
    (void)state;
    struct arena arena;
    struct store *store;
    arena_init(&arena, NULL);
    OK(store_open(NULL, NULL, &store, &test_error));
    struct table definition = rules_definition("m", &arena);
    ((struct table_column *)definition.columns)[COLUMN_P].type = type_of(TYPE_VARCHAR);
    const struct store_table *table = create(store, &definition, &arena);
    enum { LONG = 600, EACH = 20 };
    static const int list[] = {COLUMN_P, COLUMN_C, COLUMN_ST};
    const struct type *types[] = {type_of(TYPE_VARCHAR), type_of(TYPE_INT), type_of(TYPE_VARCHAR)};
    char text[LONG + 1];
    memset(text, 'k', LONG);
    text[LONG] = 0;
    struct store_writer *writer;
    OK(store_writer_open(store, table, list, 3, NULL, &writer, &test_error));
    for (int k = 0; k < 3; k++) { /* two with rows, one with a static value alone */
        text[LONG - 1] = (char)('0' + k);
        for (int i = 0; i < EACH; i++) {
            struct chunk *chunk = chunk_create(&arena, 3, types, 1);
            struct value values[] = {value_str(types[0], str_from(text)),
                                     k == 2 ? value_null(types[1]) : value_i64(types[1], i),
                                     value_str(types[2], str_from(k == 0   ? "zero"
                                                                  : k == 1 ? "one"
                                                                           : "two"))};
            for (int c = 0; c < 3; c++) vector_set(&chunk->columns[c], &arena, 1, 0, &values[c]);
            chunk->row_count = chunk->sel_count = 1;
            OK(store_writer_add(writer, chunk, NULL, 5, &test_error));
        }
    }
    OK(store_writer_commit(writer, NULL, &test_error));
    for (int round = 0; round < 2; round++) {
        struct store_snapshot *snapshot;
        struct store_scan *scan;
        struct store_entry entries[100];
        struct store_range all = {{0}, {0}};
        struct chunk *chunk;
        int count, seen[3] = {0}, alone = 0;
        OK(store_snapshot_begin(store, &snapshot, &test_error));
        OK(store_scan_open(snapshot, table, &all, 1, (struct str){0}, &scan, &test_error));
        OK(store_scan_next(scan, entries, 100, &count, NULL, &test_error));
        OK(store_decode(table, entries, count, list, 3, &arena, &chunk, &test_error));
        for (int i = 0; i < count; i++) {
            struct value p = vector_get(&chunk->columns[0], i, NULL), st = vector_get(&chunk->columns[2], i, NULL);
            int k = p.str.data[LONG - 1] - '0';
            static const char *const names[] = {"zero", "one", "two"};
            seen[k]++;
            alone += vector_is_null(&chunk->columns[1], i);
            assert_true(str_equal(st.str, str_from(names[k])));
        }
        assert_int_equal(seen[0], round ? 0 : EACH);
        assert_int_equal(seen[1], EACH);
        assert_int_equal(seen[2], 1);
        assert_int_equal(alone, 1);
        store_scan_close(scan);
        store_snapshot_release(snapshot);
        /* then the first one is deleted as a whole, and an older row comes late */
        struct chunk *key = chunk_create(&arena, 3, types, 1);
        text[LONG - 1] = '0';
        struct value values[] = {value_str(types[0], str_from(text)), value_i64(types[1], 77), value_null(types[2])};
        for (int c = 0; c < 3; c++) vector_set(&key->columns[c], &arena, 1, 0, &values[c]);
        key->row_count = key->sel_count = 1;
        static const uint8_t op = STORE_DELETE_PARTITION;
        int64_t now = clock_realtime_micros();
        OK(store_writer_add(writer, key, &op, now, &test_error));
        OK(store_writer_commit(writer, NULL, &test_error));
        OK(store_writer_add(writer, key, NULL, now, &test_error));
        OK(store_writer_commit(writer, NULL, &test_error));
    }
    store_writer_close(writer);
    store_close(store);
    arena_destroy(&arena);
}

/* ---- Forgetting ---- */

static int64_t entries_of(struct store *store, MDB_dbi dbi) {
    MDB_txn *txn;
    MDB_stat stat;
    OK(store_txn_begin(store, false, &txn, &test_error));
    assert_int_equal(mdb_stat(txn, dbi, &stat), 0);
    store_txn_abort(store, txn);
    return (int64_t)stat.ms_entries;
}

/* Times in the past, so that what ends has ended by the clock of the machine. */
static void what_expired_is_forgotten(void **state) {
    (void)state;
    struct arena arena;
    struct store *store;
    struct strbuf found = {0};
    struct store_range all = {{0}, {0}};
    arena_init(&arena, NULL);
    OK(store_open(NULL, NULL, &store, &test_error));
    struct table definition = rules_definition("m", &arena), other = rules_definition("other", &arena);
    option_add(&definition.options, &arena, "gc-grace", "0 s", -1);
    const struct store_table *table = create(store, &definition, &arena);
    const struct store_table *idle = create(store, &other, &arena);
    uint32_t now_s = (uint32_t)(clock_realtime_micros() / 1000000);
    apply(store, table, write_op(1, 1, NULL, "1", 1, BASE_S + 10)); /* ends whole */
    apply(store, table, write_op(2, 1, NULL, "2", 1, BASE_S + 10)); /* ends but for a later cell */
    struct op update = write_op(2, 1, NULL, NULL, 2, 0);
    update.kind = OP_UPDATE;
    update.sets[2] = true, update.text[2] = "stays";
    apply(store, table, update);
    apply(store, table, write_op(3, NO_ROW, "static", NULL, 1, BASE_S + 10)); /* a static value ends */
    apply(store, table, write_op(4, 1, NULL, "4", 1, now_s + 1000));          /* lives */
    struct op deletion = {.kind = OP_DELETE_PARTITION, .p = 5, .c = NO_ROW, .time = 3};
    apply(store, table, deletion);
    deletion = (struct op){.kind = OP_DELETE_RANGE, .p = 5, .c = 2, .to = 3, .time = 4};
    apply(store, table, deletion);
    assert_int_equal(entries_of(store, store->deletions) <= 1, 1);
    /* commits to another table clean up as well */
    apply(store, idle, write_op(1, 1, NULL, "1", 1, 0));
    apply(store, idle, write_op(1, 2, NULL, "1", 1, 0));
    assert_int_equal(entries_of(store, store->rows), 4); /* 2/1, 4/1 and the two */
    assert_int_equal(entries_of(store, store->deletions), 0);
    assert_int_equal(entries_of(store, store->gc), 1); /* 4/1 */
    int64_t rows;
    OK(store_row_count(store, table, &rows, &test_error));
    assert_int_equal(rows, 2);
    scan_print(store, table, &all, BASE_S, 10, false, &found); /* even a clock before sees no more of it */
    assert_null(strstr(found.data, "static"));
    assert_non_null(strstr(found.data, "2/1 - - stays\n"));
    store_close(store);
    strbuf_free(&found);
    arena_destroy(&arena);
}

/* A sink that is behind may bring an older row: until it has come by, nothing that deletes is forgotten. */
static void a_sink_that_is_behind_keeps_deletions(void **state) {
    (void)state;
    struct arena arena;
    struct store *store;
    struct strbuf found = {0};
    struct store_range all = {{0}, {0}};
    arena_init(&arena, NULL);
    OK(store_open(NULL, NULL, &store, &test_error));
    struct table definition = rules_definition("m", &arena);
    option_add(&definition.options, &arena, "gc-grace", "0 s", -1);
    const struct store_table *table = create(store, &definition, &arena);
    OK(store_step_register(store, "slow", 0, table, true, &test_error));
    struct op late = write_op(1, 1, NULL, "1", 10, 0);
    struct store_writer *writer = op_writer(store, table, &late);
    add_op(writer, table, &late);
    struct store_step step = {"slow", 0, 1, 5};
    OK(store_writer_commit(writer, &step, &test_error)); /* it stands at 5 */
    apply(store, table, (struct op){.kind = OP_DELETE_PARTITION, .p = 1, .c = NO_ROW, .time = 20});
    apply(store, table, write_op(2, 1, NULL, "2", 20, BASE_S + 1));
    for (int i = 0; i < 3; i++) apply(store, table, write_op(3, i, NULL, "3", 1, 0));
    assert_int_equal(entries_of(store, store->deletions), 1);
    late.time = 19;
    add_op(writer, table, &late);
    late.p = 2;
    add_op(writer, table, &late);
    step = (struct store_step){"slow", 0, 2, 19};
    OK(store_writer_commit(writer, &step, &test_error));
    add_op(writer, table, &late); /* a step that is there already does nothing */
    OK(store_writer_commit(writer, &step, &test_error));
    scan_print(store, table, &all, BASE_S + 100, 10, false, &found);
    assert_string_equal(found.data, "3/2 - 3 - @1\n3/1 - 3 - @1\n3/0 - 3 - @1\n");
    store_writer_close(writer);
    store_close(store);
    strbuf_free(&found);
    arena_destroy(&arena);
}

/* gc-grace counts from the commit, however old the deletion's own time is. */
static void deletions_of_the_past_are_remembered(void **state) {
    (void)state;
    struct arena arena;
    struct store *store;
    struct strbuf found = {0};
    struct store_range all = {{0}, {0}};
    arena_init(&arena, NULL);
    OK(store_open(NULL, NULL, &store, &test_error));
    struct table definition = rules_definition("m", &arena);
    const struct store_table *table = create(store, &definition, &arena);
    apply(store, table, (struct op){.kind = OP_DELETE_ROW, .p = 1, .c = 1, .time = 20});
    apply(store, table, (struct op){.kind = OP_DELETE_RANGE, .p = 1, .c = 2, .to = 3, .time = 20});
    apply(store, table, (struct op){.kind = OP_DELETE_PARTITION, .p = 2, .c = NO_ROW, .time = 20});
    for (int i = 0; i < 3; i++) apply(store, table, write_op(3, 1, NULL, "3", 1 + i, 0));
    apply(store, table, write_op(1, 1, NULL, "1", 19, 0));
    apply(store, table, write_op(1, 2, NULL, "1", 20, 0));
    apply(store, table, write_op(2, 1, "static", "1", 19, 0));
    scan_print(store, table, &all, BASE_S, 10, false, &found);
    assert_string_equal(found.data, "3/1 - 3 - @3\n");
    store_close(store);
    strbuf_free(&found);
    arena_destroy(&arena);
}

static void too_many_deletions_of_ranges(void **state) {
    (void)state;
    struct arena arena;
    struct store *store;
    struct error err;
    arena_init(&arena, NULL);
    OK(store_open(NULL, NULL, &store, &test_error));
    struct table definition = rules_definition("m", &arena);
    const struct store_table *table = create(store, &definition, &arena);
    int64_t now = clock_realtime_micros();
    struct op range = {.kind = OP_DELETE_RANGE, .p = 1, .time = now};
    struct store_writer *writer = op_writer(store, table, &range);
    for (int i = 0; i < STORE_MAX_RANGE_DELETIONS; i++) {
        range.c = range.to = 2 * i;
        add_op(writer, table, &range);
    }
    OK(store_writer_commit(writer, NULL, &test_error));
    range.c = range.to = -5;
    add_op(writer, table, &range);
    assert_int_equal(store_writer_commit(writer, NULL, &err), STATUS_LIMIT_EXCEEDED);
    store_writer_close(writer);
    /* one that has them all in it takes their place */
    range.c = -100, range.to = 100000;
    apply(store, table, range);
    range.c = range.to = -500;
    apply(store, table, range);
    store_close(store);
    arena_destroy(&arena);
}

/* ---- Counters ---- */

static struct table counter_definition(struct arena *arena) {
    struct table definition = test_definition("k", true, arena);
    struct table_column *columns = (struct table_column *)definition.columns;
    columns[2] = (struct table_column){.name = "a", .type = type_of(TYPE_BIGINT)};
    columns[3] = (struct table_column){.name = "b", .type = type_of(TYPE_BIGINT)};
    option_add(&definition.options, arena, "counter-columns", "a, b", -1);
    return definition;
}

#define NOTHING INT64_MIN

static void count_up(struct store_writer *writer, enum store_op op, int64_t time, int64_t p, int32_t c, int64_t a,
                     int64_t b) {
    const struct type *types[4] = {type_of(TYPE_BIGINT), type_of(TYPE_INT), type_of(TYPE_BIGINT), type_of(TYPE_BIGINT)};
    struct arena arena;
    arena_init(&arena, NULL);
    struct chunk *chunk = chunk_create(&arena, 4, types, 1);
    struct value values[] = {value_i64(types[0], p), value_i64(types[1], c),
                             a == NOTHING ? value_null(types[2]) : value_i64(types[2], a),
                             b == NOTHING ? value_null(types[3]) : value_i64(types[3], b)};
    for (int i = 0; i < 4; i++) vector_set(&chunk->columns[i], &arena, 1, 0, &values[i]);
    chunk->row_count = chunk->sel_count = 1;
    uint8_t ops = (uint8_t)op;
    OK(store_writer_add(writer, chunk, &ops, time, &test_error));
    arena_destroy(&arena);
}

static void counters_add_up(void **state) {
    (void)state;
    struct arena arena;
    struct store *store;
    arena_init(&arena, NULL);
    OK(store_open(NULL, NULL, &store, &test_error));
    struct table definition = counter_definition(&arena);
    const struct store_table *table = create(store, &definition, &arena);
    static const int list[] = {0, 1, 2, 3};
    struct store_writer *writer;
    int64_t now = clock_realtime_micros(), sums[3][2] = {{0}};
    bool set[3][2] = {{false}};
    OK(store_writer_open(store, table, list, 4, NULL, &writer, &test_error));
    assert_int_equal(store_definition_has_counters(table->definition), true);
    uint64_t seed = 42;
    int64_t step_id = 0;
    for (int commit = 0; commit < 60; commit++) {
        bool replayed = pick(&seed, 4) == 0 && step_id > 0; /* the same id again: nothing of it counts */
        if (!replayed) step_id++;
        now++;
        for (int i = pick(&seed, 20); i >= 0; i--) {
            int p = pick(&seed, 3);
            int64_t values[2];
            for (int k = 0; k < 2; k++) {
                values[k] = pick(&seed, 4) == 0 ? NOTHING : pick(&seed, 100) - 50;
                if (values[k] != NOTHING && !replayed) sums[p][k] += values[k], set[p][k] = true;
            }
            count_up(writer, pick(&seed, 2) ? STORE_INSERT : STORE_UPDATE, now, p, 0, values[0], values[1]);
        }
        struct store_step step = {"j", 0, step_id, now};
        OK(store_writer_commit(writer, &step, &test_error));
        if (!replayed && pick(&seed, 8) == 0) { /* deleted, it begins anew */
            int p = pick(&seed, 3);
            count_up(writer, STORE_DELETE, ++now, p, 0, NOTHING, NOTHING);
            step = (struct store_step){"j", 0, ++step_id, now};
            OK(store_writer_commit(writer, &step, &test_error));
            memset(sums[p], 0, sizeof sums[p]);
            memset(set[p], 0, sizeof set[p]);
        }
        struct store_snapshot *snapshot;
        OK(store_snapshot_begin(store, &snapshot, &test_error));
        for (int p = 0; p < 3; p++) {
            struct value key = value_i64(type_of(TYPE_BIGINT), p), c = value_i64(type_of(TYPE_INT), 0);
            struct strbuf bytes = {0};
            struct store_entry entry;
            struct chunk *chunk;
            bool found;
            OK(store_key_partition(table, &key, &bytes, &test_error));
            store_key_rows(&bytes);
            store_key_clustering(table, 0, &c, &bytes);
            OK(store_get(snapshot, table, strbuf_str(&bytes), &entry, &found, &test_error));
            assert_int_equal(found, set[p][0] || set[p][1]);
            strbuf_free(&bytes);
            if (!found) continue;
            OK(store_decode(table, &entry, 1, list, 4, &arena, &chunk, &test_error));
            for (int k = 0; k < 2; k++) {
                struct value value = vector_get(&chunk->columns[2 + k], 0, NULL);
                assert_int_equal(value.is_null, !set[p][k]);
                if (!value.is_null) assert_int_equal(value.i64, sums[p][k]);
            }
        }
        store_snapshot_release(snapshot);
    }
    store_writer_close(writer);
    store_close(store);
    arena_destroy(&arena);
}

/* ---- Definitions ---- */

static void refused(struct store *store, struct table *definition, enum status code, const char *message) {
    struct error err = {0};
    assert_int_equal(store_create_table(store, definition, &err), code);
    if (!strstr(err.message, message)) fail_msg("%s", err.message);
}

static struct table with_option(struct arena *arena, const char *key, const char *value) {
    struct table definition = test_definition("t", true, arena);
    option_add(&definition.options, arena, key, value, -1);
    return definition;
}

static void definitions_are_checked(void **state) {
    (void)state;
    struct arena arena;
    struct store *store;
    arena_init(&arena, NULL);
    OK(store_open(NULL, NULL, &store, &test_error));
    OK(store_create_database(store, "db", &test_error));
    struct table t = with_option(&arena, "static-columns", "a, nothing");
    refused(store, &t, STATUS_INVALID_OPTION, "has no column 'nothing'");
    t = with_option(&arena, "static-columns", "c");
    refused(store, &t, STATUS_INVALID_OPTION, "'c' is part of the primary key");
    t = with_option(&arena, "static-columns", "a");
    t.partition_key_count = 2;
    refused(store, &t, STATUS_INVALID_OPTION, "has no clustering columns");
    t = with_option(&arena, "counter-columns", "s");
    refused(store, &t, STATUS_INVALID_OPTION, "'a' is none");
    t = with_option(&arena, "cql-type.a", "counter");
    refused(store, &t, STATUS_INVALID_OPTION, "must be a BIGINT");
    t = counter_definition(&arena);
    t.primary_key_count = 0;
    refused(store, &t, STATUS_INVALID_OPTION, "need a PRIMARY KEY");
    t = counter_definition(&arena);
    option_add(&t.options, &arena, "default-time-to-live", "1 d", -1);
    refused(store, &t, STATUS_INVALID_OPTION, "counters have no TTL");
    t = with_option(&arena, "default-time-to-live", "1500 ms");
    refused(store, &t, STATUS_INVALID_OPTION, "whole seconds");
    t = with_option(&arena, "default-time-to-live", "-1");
    refused(store, &t, STATUS_INVALID_OPTION, "whole seconds");
    t = with_option(&arena, "cql.default_time_to_live", "630720001");
    refused(store, &t, STATUS_INVALID_OPTION, "20 years");
    static const struct {
        struct table_column column;
        enum status code;
        const char *message;
    } bad[] = {
        {{.metadata_key = "offset"}, STATUS_UNDEFINED_NAME, "no metadata 'offset'"},
        {{.metadata_key = "writetime(x)", .is_virtual = true}, STATUS_INVALID_OPTION, "has no column 'x'"},
        {{.metadata_key = "ttl(p)", .is_virtual = true}, STATUS_INVALID_QUERY, "primary key have none"},
        {{.metadata_key = "writetime(a)"}, STATUS_INVALID_QUERY, "can only be read"},
        {{.metadata_key = "timestamp", .is_virtual = true}, STATUS_INVALID_QUERY, "can only be written"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        t = test_definition("t", true, &arena);
        struct table_column *column = &((struct table_column *)t.columns)[3];
        *column = bad[i].column;
        column->name = "m";
        column->kind = COLUMN_METADATA;
        column->type = type_of(TYPE_BIGINT);
        refused(store, &t, bad[i].code, bad[i].message);
        column->metadata_key = "timestamp";
        column->is_virtual = false;
        column->type = type_of(TYPE_VARCHAR);
        refused(store, &t, STATUS_TYPE_MISMATCH, "TIMESTAMP_LTZ(6) or BIGINT");
    }
    t = with_option(&arena, "default-time-to-live", "2 h");
    assert_int_equal(create(store, &t, &arena)->default_ttl_s, 7200);
    t = with_option(&arena, "cql.default_time_to_live", "90");
    t.name = "u";
    option_add(&t.options, &arena, "cql.gc_grace_seconds", "7", -1);
    assert_int_equal(create(store, &t, &arena)->default_ttl_s, 90);
    assert_int_equal(test_table(store, "u", &arena)->grace_ms, 7000);
    store_close(store);
    arena_destroy(&arena);
}

/* Renamed and dropped columns, and new counters. */
static void alter_keeps_kinds_of_columns(void **state) {
    (void)state;
    struct arena arena;
    struct store *store;
    struct error err;
    struct strbuf found = {0};
    struct store_range all = {{0}, {0}};
    arena_init(&arena, NULL);
    OK(store_open(NULL, NULL, &store, &test_error));
    struct table definition = rules_definition("m", &arena);
    const struct store_table *table = create(store, &definition, &arena);
    apply(store, table, write_op(1, 1, "static", "1", 1, 0));
    definition = *table->definition;
    struct table_column *columns =
        arena_memdup(&arena, definition.columns, sizeof *columns * (size_t)definition.column_count);
    definition.columns = columns;
    columns[COLUMN_ST].name = "still";
    OK(store_alter_table(store, &definition, &test_error));
    table = test_table(store, "m", &arena);
    assert_true(table->has_statics);
    assert_string_equal(option_find(&table->definition->options, "static-columns"), "still");
    scan_print(store, table, &all, BASE_S, 10, false, &found);
    assert_string_equal(found.data, "1/1 static 1 - @1\n");
    definition = *table->definition;
    definition.options.count = 0;
    assert_int_equal(store_alter_table(store, &definition, &err), STATUS_NOT_SUPPORTED);
    assert_non_null(strstr(err.message, "cannot stop being static"));
    definition = *table->definition;
    columns = arena_memdup(&arena, definition.columns, sizeof *columns * (size_t)definition.column_count);
    memmove(&columns[COLUMN_ST], &columns[COLUMN_ST + 1], sizeof *columns * (COLUMNS - COLUMN_ST - 1));
    definition.columns = columns;
    definition.column_count--;
    OK(store_alter_table(store, &definition, &test_error));
    table = test_table(store, "m", &arena);
    assert_false(table->has_statics);
    struct table counters = counter_definition(&arena);
    table = create(store, &counters, &arena);
    counters = *table->definition;
    columns = ARENA_ARRAY(&arena, struct table_column, 5);
    memcpy(columns, counters.columns, sizeof *columns * 4);
    columns[4] = (struct table_column){.name = "more", .type = type_of(TYPE_BIGINT)};
    counters.columns = columns;
    counters.column_count = 5;
    OK(store_alter_table(store, &counters, &test_error));
    table = test_table(store, "k", &arena);
    assert_string_equal(option_find(&table->definition->options, "counter-columns"), "a, b, more");
    assert_true(table->slots[table->slot_of_column[4]].is_counter);
    store_close(store);
    strbuf_free(&found);
    arena_destroy(&arena);
}

/* ---- Formats of the file ---- */

static void set_format(struct store *store, uint32_t version, bool drop_deletions) {
    MDB_txn *txn;
    uint8_t key = META_FORMAT, bytes[4];
    MDB_val k = {1, &key}, v = {4, bytes};
    store_put_u32(bytes, version);
    OK(store_txn_begin(store, true, &txn, &test_error));
    assert_int_equal(mdb_put(txn, store->meta, &k, &v, 0), 0);
    if (drop_deletions) assert_int_equal(mdb_drop(txn, store->deletions, 1), 0);
    assert_int_equal(store_txn_commit(store, txn), 0);
}

static void stores_of_format_1_are_taken_over(void **state) {
    (void)state;
    struct arena arena;
    struct store *store;
    struct error err;
    char *path = test_directory();
    arena_init(&arena, NULL);
    OK(store_open(path, NULL, &store, &test_error));
    const struct store_table *table = test_create(store, "t", true, NULL, &arena);
    test_put(store, table, COLUMN_BOTH, STORE_INSERT, 5, 1, 1, 1, "old");
    set_format(store, 1, true);
    store_close(store);
    OK(store_open(path, NULL, &store, &test_error));
    table = test_table(store, "t", &arena);
    test_expect(store, table, "1/1 1 old\n");
    test_put(store, table, COLUMN_BOTH, STORE_INSERT, 6, 1, 1, 2, "new");
    test_expect(store, table, "1/1 2 new\n");
    set_format(store, 3, false);
    store_close(store);
    assert_int_equal(store_open(path, NULL, &store, &err), STATUS_NOT_SUPPORTED);
    assert_non_null(strstr(err.message, "has format 3, this program knows format 2"));
    test_directory_remove(path);
    arena_destroy(&arena);
}

/* ---- Nested keys ---- */

static void maps_are_one_key_whatever_their_order(void **state) {
    (void)state;
    struct arena arena;
    struct store *store;
    arena_init(&arena, NULL);
    OK(store_open(NULL, NULL, &store, &test_error));
    const struct type *map = type_map(&arena, type_of(TYPE_VARCHAR), type_of(TYPE_INT), true);
    struct table_column columns[] = {{.name = "m", .type = map}, {.name = "v", .type = type_of(TYPE_INT)}};
    static const int key[] = {0}, list[] = {0, 1};
    struct table definition = {.database = "db",
                               .name = "t",
                               .column_count = 2,
                               .columns = columns,
                               .primary_key_count = 1,
                               .partition_key_count = 1,
                               .primary_key = key,
                               .watermark_column = -1};
    const struct store_table *table = create(store, &definition, &arena);
    const struct type *types[] = {map, type_of(TYPE_INT)};
    struct store_writer *writer;
    OK(store_writer_open(store, table, list, 2, NULL, &writer, &test_error));
    for (int i = 0; i < 2; i++) {
        struct value a[] = {value_str(type_of(TYPE_VARCHAR), str_from("a")), value_i64(type_of(TYPE_INT), 1)};
        struct value b[] = {value_str(type_of(TYPE_VARCHAR), str_from("b")), value_i64(type_of(TYPE_INT), 2)};
        struct value items[4];
        memcpy(items, i ? a : b, sizeof a);
        memcpy(items + 2, i ? b : a, sizeof a);
        struct value row[] = {{.type = map, .list = {items, 2}}, value_i64(type_of(TYPE_INT), i)};
        struct chunk *chunk = chunk_create(&arena, 2, types, 1);
        for (int c = 0; c < 2; c++) vector_set(&chunk->columns[c], &arena, 1, 0, &row[c]);
        chunk->row_count = chunk->sel_count = 1;
        OK(store_writer_add(writer, chunk, NULL, 10 + i, &test_error));
    }
    OK(store_writer_commit(writer, NULL, &test_error));
    store_writer_close(writer);
    int64_t rows;
    OK(store_row_count(store, table, &rows, &test_error));
    assert_int_equal(rows, 1);
    store_close(store);
    arena_destroy(&arena);
}

const struct CMUnitTest store_rules_tests[] = {
    cmocka_unit_test(against_the_rules),
    cmocka_unit_test(static_columns_of_one_partition),
    cmocka_unit_test(long_partitions),
    cmocka_unit_test(what_expired_is_forgotten),
    cmocka_unit_test(a_sink_that_is_behind_keeps_deletions),
    cmocka_unit_test(deletions_of_the_past_are_remembered),
    cmocka_unit_test(too_many_deletions_of_ranges),
    cmocka_unit_test(counters_add_up),
    cmocka_unit_test(definitions_are_checked),
    cmocka_unit_test(alter_keeps_kinds_of_columns),
    cmocka_unit_test(stores_of_format_1_are_taken_over),
    cmocka_unit_test(maps_are_one_key_whatever_their_order),
};
const size_t store_rules_tests_count = sizeof store_rules_tests / sizeof *store_rules_tests;
