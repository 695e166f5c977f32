/* The connector through its interface: catalog, sink, source with pushdown, lookup. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "connector/store/store_connector.h"

extern const struct CMUnitTest store_connector_tests[];
extern const size_t store_connector_tests_count;

static struct error test_error;
#define OK(expression)                                                                                                 \
    do {                                                                                                               \
        if ((expression) != STATUS_OK) fail_msg("%s: %s", #expression, test_error.message);                            \
    } while (0)

struct fixture {
    struct arena arena;
    struct store *store;
    struct catalog *catalog;
};

static void setup(struct fixture *f) {
    arena_init(&f->arena, NULL);
    OK(store_open(NULL, NULL, &f->store, &test_error));
    OK(store_catalog_create("st", "main", f->store, &f->catalog, &test_error));
}

static void teardown(struct fixture *f) {
    f->catalog->class->close(f->catalog);
    store_close(f->store);
    arena_destroy(&f->arena);
}

/* u BIGINT, ts INT, d DOUBLE, name STRING, n INT; PRIMARY KEY (u, ts, d) or none */
enum { U, TS, D, NAME, N, COLUMNS };

static enum status create(struct fixture *f, const char *name, bool keyed, const char *const (*options)[2],
                          int option_count, struct error *err) {
    struct table_column columns[COLUMNS] = {{.name = "u", .type = type_of(TYPE_BIGINT)},
                                            {.name = "ts", .type = type_of(TYPE_INT)},
                                            {.name = "d", .type = type_of(TYPE_DOUBLE)},
                                            {.name = "name", .type = type_of(TYPE_VARCHAR)},
                                            {.name = "n", .type = type_of(TYPE_INT)}};
    static const int key[] = {U, TS, D};
    struct table table = {.database = "main",
                          .name = name,
                          .column_count = COLUMNS,
                          .columns = columns,
                          .primary_key_count = keyed ? 3 : 0,
                          .primary_key = key,
                          .watermark_column = -1};
    for (int i = 0; i < option_count; i++) option_add(&table.options, &f->arena, options[i][0], options[i][1], -1);
    return f->catalog->class->create_table(f->catalog, &table, err);
}

static const struct table *find(struct fixture *f, const char *name) {
    const struct table *table;
    OK(f->catalog->class->find_table(f->catalog, "main", name, &f->arena, &table, &test_error));
    return table;
}

struct row {
    int64_t u;
    int32_t ts;
    double d;
    const char *name;
    int32_t n;
    enum row_kind kind;
};

static void write_rows(struct fixture *f, struct sink *sink, int64_t step_id, const struct row *rows, int count) {
    const struct type *types[COLUMNS] = {type_of(TYPE_BIGINT), type_of(TYPE_INT), type_of(TYPE_DOUBLE),
                                         type_of(TYPE_VARCHAR), type_of(TYPE_INT)};
    for (int from = 0; from < count; from += VECTOR_CAPACITY) {
        int n = count - from < VECTOR_CAPACITY ? count - from : VECTOR_CAPACITY;
        struct chunk *chunk = chunk_create(&f->arena, COLUMNS, types, n);
        uint8_t *kinds = ARENA_ARRAY(&f->arena, uint8_t, n);
        for (int i = 0; i < n; i++) {
            const struct row *row = &rows[from + i];
            struct value values[COLUMNS] = {value_i64(types[0], row->u), value_i64(types[1], row->ts),
                                            value_f64(row->d),
                                            row->name ? value_str(types[3], str_from(row->name)) : value_null(types[3]),
                                            value_i64(types[4], row->n)};
            for (int c = 0; c < COLUMNS; c++) vector_set(&chunk->columns[c], &f->arena, n, i, &values[c]);
            kinds[i] = (uint8_t)row->kind;
        }
        chunk->row_count = chunk->sel_count = n;
        struct sink_rows step = {step_id, 1000 + step_id, chunk, kinds};
        OK(store_connector.sink->write(sink, &step, &test_error));
    }
    OK(store_connector.sink->end_step(sink, step_id, &test_error));
}

static struct sink *open_sink(const struct table *table, const char *job_id) {
    static const int columns[] = {U, TS, D, NAME, N};
    struct sink_options options = {
        .columns = columns, .column_count = COLUMNS, .exactly_once = job_id != NULL, .job_id = job_id};
    struct sink *sink = NULL;
    OK(store_connector.sink->open(table, &options, &sink, &test_error));
    return sink;
}

/* ---- Reading everything a source gives ---- */

struct gather {
    struct decode_output output;
    struct strbuf text;
    int64_t rows;
};

static enum status gather_rows(struct decode_output *output, struct chunk *chunk, struct error *err) {
    (void)err;
    struct gather *gather = (struct gather *)output;
    assert_true(chunk->row_count > 0 && chunk->row_count <= VECTOR_CAPACITY);
    for (int i = 0; i < chunk->row_count; i++) {
        for (int c = 0; c < chunk->column_count; c++) {
            struct value value = vector_get(&chunk->columns[c], i, output->arena);
            if (c) strbuf_putc(&gather->text, ' ');
            value_print(&gather->text, &value, NULL);
        }
        strbuf_putc(&gather->text, '\n');
    }
    gather->rows += chunk->row_count;
    return STATUS_OK;
}

/* Reads with `parallelism` readers, each begun again at the block's end after every `restart`th block. */
static void read_source(struct fixture *f, const struct table *table, const struct scan_request *request,
                        int parallelism, int restart, struct gather *out) {
    const struct source_class *class = store_connector.source;
    struct source *source;
    struct split *splits;
    int split_count, blocks = 0;
    struct arena morsel;
    arena_init(&morsel, NULL);
    strbuf_clear(&out->text);
    strbuf_puts(&out->text, "");
    out->rows = 0;
    out->output = (struct decode_output){.arena = &morsel, .emit = gather_rows};
    OK(class->open(table, request, parallelism, NULL, &source, &test_error));
    OK(class->splits(source, &f->arena, &splits, &split_count, &test_error));
    int readers = class->reader_count(source, split_count, parallelism);
    for (int r = 0; r < readers; r++) {
        struct split mine[STORE_MAX_SPLITS];
        struct offset starts[STORE_MAX_SPLITS];
        int indexes[STORE_MAX_SPLITS], count = 0;
        for (int i = r; i < split_count; i += readers, count++) {
            mine[count] = splits[i];
            indexes[count] = i;
            starts[count] = splits[i].start;
        }
        struct source_reader *reader;
        OK(class->reader_open(source, mine, indexes, starts, count, &reader, &test_error));
        for (;;) {
            struct block *block;
            enum fetch_result result;
            OK(class->fetch(reader, 100, &block, &result, &test_error));
            if (result == FETCH_END) break;
            assert_int_equal(result, FETCH_BLOCK);
            int half = block->record_count / 2;
            OK(class->decode(source, block, 0, half, &out->output, &test_error));
            OK(class->decode(source, block, half, block->record_count - half, &out->output, &test_error));
            arena_reset(&morsel);
            if (restart && ++blocks % restart == 0) {
                for (int i = 0; i < count; i++)
                    if (indexes[i] == block->split)
                        starts[i] =
                            (struct offset){block->end.len, arena_memdup(&f->arena, block->end.bytes, block->end.len)};
                int done = 0; /* splits before it are at their end */
                while (indexes[done] != block->split) done++;
                class->reader_close(reader);
                OK(class->reader_open(source, mine + done, indexes + done, starts + done, count - done, &reader,
                                      &test_error));
                count -= done;
                memmove(mine, mine + done, sizeof *mine * (size_t)count);
                memmove(indexes, indexes + done, sizeof *indexes * (size_t)count);
                memmove(starts, starts + done, sizeof *starts * (size_t)count);
            }
            block->release(block);
        }
        class->reader_close(reader);
    }
    class->close(source);
    arena_destroy(&morsel);
}

static int compare_lines(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* The text's lines in order. */
static char *sorted(struct arena *arena, const char *text) {
    char *copy = arena_strdup(arena, text), **lines = ARENA_ARRAY(arena, char *, strlen(text) + 1);
    int count = 0;
    for (char *line = strtok(copy, "\n"); line; line = strtok(NULL, "\n")) lines[count++] = line;
    qsort(lines, (size_t)count, sizeof *lines, compare_lines);
    struct strbuf buf = {0};
    strbuf_puts(&buf, "");
    for (int i = 0; i < count; i++) strbuf_printf(&buf, "%s\n", lines[i]);
    char *out = arena_strdup(arena, buf.data);
    strbuf_free(&buf);
    return out;
}

/* ---- Tests ---- */

static void sinks_write_steps_once(void **state) {
    (void)state;
    struct fixture f;
    setup(&f);
    OK(create(&f, "t", true, NULL, 0, &test_error));
    OK(create(&f, "log", false, NULL, 0, &test_error));
    const struct table *t = find(&f, "t"), *log = find(&f, "log");
    assert_int_equal(store_connector.sink->accepts(t), CHANGES_UPSERT);
    assert_int_equal(store_connector.sink->accepts(log), CHANGES_APPEND);
    assert_true(log->hidden_key);
    assert_int_equal(t->partition_key_count, 1);
    static const struct row one[] = {{1, 1, 0.5, "a", 10, ROW_INSERT}, {2, 1, 0.5, NULL, 20, ROW_INSERT}};
    static const struct row two[] = {{1, 1, 0.5, "a", 10, ROW_UPDATE_BEFORE},
                                     {1, 1, 0.5, "b", 11, ROW_UPDATE_AFTER},
                                     {2, 1, 0.5, NULL, 20, ROW_DELETE},
                                     {3, 1, 0.5, "c", 30, ROW_INSERT}};
    static const struct row appended[] = {{9, 9, 9, "nine", 9, ROW_INSERT}, {1, 1, 1, "one", 1, ROW_INSERT}};
    static const int all[] = {U, TS, D, NAME, N};
    struct scan_request request = {.column_count = COLUMNS, .columns = all, .limit = -1};
    struct gather gather = {0};
    for (int run = 0; run < 3; run++) { /* run 0: new; 1: restarted, both steps again; 2: the same job from scratch */
        struct sink *sink = open_sink(t, "job"), *append = open_sink(log, "job2");
        if (run == 1) {
            OK(store_connector.sink->restore(sink, 0, 0, (struct str){0}, &test_error));
            OK(store_connector.sink->restore(append, 0, 0, (struct str){0}, &test_error));
        }
        write_rows(&f, sink, 1, one, 2);
        write_rows(&f, sink, 2, two, 4);
        write_rows(&f, append, 1, appended, 2);
        OK(store_connector.sink->flush(sink, &test_error));
        store_connector.sink->close(sink, false);
        store_connector.sink->close(append, false);
        read_source(&f, t, &request, 1, 0, &gather);
        assert_string_equal(sorted(&f.arena, gather.text.data), "1 1 0.5 b 11\n3 1 0.5 c 30\n");
        read_source(&f, log, &request, 1, 0, &gather);
        const char *both = "9 9 9.0 nine 9\n1 1 1.0 one 1\n", *twice = "9 9 9.0 nine 9\n1 1 1.0 one 1\n"
                                                                       "9 9 9.0 nine 9\n1 1 1.0 one 1\n";
        assert_string_equal(gather.text.data, run == 2 ? twice : both);
    }
    struct sink *sink = open_sink(t, NULL);
    static const struct row gone[] = {{1, 1, 0.5, "a", 10, ROW_DELETE}};
    write_rows(&f, sink, 7, gone, 1);
    store_connector.sink->close(sink, true);
    read_source(&f, t, &request, 1, 0, &gather);
    assert_int_equal(gather.rows, 1);
    strbuf_free(&gather.text);
    teardown(&f);
}

static void fill(struct fixture *f, const char *name, int users) {
    static const double doubles[] = {-1.5, 0, 2.5, 1e9};
    int count = users * 12;
    struct row *rows = ARENA_ARRAY(&f->arena, struct row, count);
    for (int i = 0; i < count; i++)
        rows[i] =
            (struct row){i / 12, i / 4 % 3 - 1, doubles[i % 4], i % 5 ? "some name that is long" : NULL, i, ROW_INSERT};
    struct sink *sink = open_sink(find(f, name), NULL);
    write_rows(f, sink, 1, rows, count);
    store_connector.sink->close(sink, false);
}

static void scans_are_whole_however_they_are_cut(void **state) {
    (void)state;
    struct fixture f;
    setup(&f);
    OK(create(&f, "t", true, NULL, 0, &test_error));
    OK(create(&f, "log", false, NULL, 0, &test_error));
    fill(&f, "t", 20000);
    fill(&f, "log", 20000);
    static const int all[] = {U, TS, D, NAME, N}, some[] = {TS, N};
    for (int hidden = 0; hidden < 2; hidden++) {
        const struct table *t = find(&f, hidden ? "log" : "t");
        struct scan_request request = {.column_count = COLUMNS, .columns = all, .limit = -1};
        struct gather one = {0}, many = {0};
        assert_int_equal(store_connector.source->row_estimate(t), 240000);
        read_source(&f, t, &request, 1, 0, &one);
        assert_int_equal(one.rows, 240000);
        if (hidden) assert_int_equal(strncmp(one.text.data, "0 -1 -1.5 NULL 0\n0 -1 0.0 some name", 35), 0);
        read_source(&f, t, &request, 3, 2, &many); /* slices in order of their splits give the same order again */
        assert_int_equal(many.rows, 240000);
        char *a = sorted(&f.arena, one.text.data), *b = sorted(&f.arena, many.text.data);
        assert_string_equal(a, b);
        request.columns = some;
        request.column_count = 2;
        read_source(&f, t, &request, 2, 0, &many);
        assert_int_equal(many.rows, 240000);
        request.column_count = 0;
        read_source(&f, t, &request, 2, 1, &many);
        assert_int_equal(many.rows, 240000);
        request.limit = 7;
        read_source(&f, t, &request, 1, 0, &many);
        assert_int_equal(many.rows, 7);
        strbuf_free(&one.text);
        strbuf_free(&many.text);
    }
    teardown(&f);
}

/* Names of splits and offsets come from checkpoints: whatever they are, the answer is rows or one error. */
static void damaged_positions(void **state) {
    (void)state;
    struct fixture f;
    setup(&f);
    OK(create(&f, "t", true, NULL, 0, &test_error));
    OK(create(&f, "log", false, NULL, 0, &test_error));
    fill(&f, "t", 100);
    fill(&f, "log", 100);
    static const char *const ids[] = {"",
                                      "keys",
                                      "tokens/",
                                      "tokens/1..",
                                      "tokens/-9223372036854775808..9223372036854775807",
                                      "tokens/5..4",
                                      "tokens/1..2x",
                                      "rows/0..",
                                      "rows/0..99",
                                      "rows/x..",
                                      "rows/-1..5",
                                      "rows/18446744073709551615..18446744073709551615"};
    static const int all[] = {U, TS, D, NAME, N};
    uint64_t seed = 3;
    int opened = 0;
    for (int hidden = 0; hidden < 2; hidden++)
        for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
            for (int round = 0; round < 20; round++) {
                const struct source_class *class = store_connector.source;
                struct scan_request request = {.column_count = COLUMNS, .columns = all, .limit = -1};
                struct split split = {.id = ids[i]};
                struct source *source;
                struct source_reader *reader;
                uint8_t bytes[600];
                for (size_t j = 0; j < sizeof bytes; j++)
                    bytes[j] = (uint8_t)((seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407) >> 56);
                struct offset start = {(uint32_t)(round * 31), bytes};
                int index = 0;
                struct error err = {0};
                OK(class->open(find(&f, hidden ? "log" : "t"), &request, 1, NULL, &source, &test_error));
                enum status status = class->reader_open(source, &split, &index, &start, 1, &reader, &err);
                if (status == STATUS_OK) {
                    opened++;
                    enum fetch_result result = FETCH_IDLE;
                    while (status == STATUS_OK && result != FETCH_END) {
                        struct block *block;
                        status = class->fetch(reader, 10, &block, &result, &err);
                        if (status == STATUS_OK && result == FETCH_BLOCK) block->release(block);
                    }
                    class->reader_close(reader);
                }
                assert_true(status == STATUS_OK || status == STATUS_BAD_DATA);
                assert_true(status == STATUS_OK || err.message[0]);
                class->close(source);
            }
    assert_true(opened > 60);
    teardown(&f);
}

static bool holds(const struct predicate *predicate, const struct row *row) {
    double v = predicate->column == U    ? (double)row->u
               : predicate->column == TS ? row->ts
               : predicate->column == D  ? row->d
                                         : row->n;
    for (int i = 0; i < predicate->value_count; i++) {
        const struct value *value = &predicate->values[i];
        if (value->is_null) continue;
        double c = value->type->id == TYPE_DOUBLE ? value->f64 : (double)value->i64;
        switch (predicate->op) {
        case PREDICATE_LT: return v < c;
        case PREDICATE_LE: return v <= c;
        case PREDICATE_GT: return v > c;
        case PREDICATE_GE: return v >= c;
        default:
            if (v == c) return true;
        }
    }
    return false;
}

/* Random predicates, ascending and descending tables: what is answered exact is exact, what is partial is no less. */
static void pushed_predicates_lose_nothing(void **state) {
    (void)state;
    struct fixture f;
    setup(&f);
    static const char *const options[][4][2] = {
        {{"partition-keys", "u"}},
        {{"partition-keys", "u"}, {"clustering-order", "ts DESC, d DESC"}},
        {{"partition-keys", "ts, u"}, {"clustering-order", "`d` desc"}},
        {{"partition-keys", "u,ts,d"}},
    };
    static const int option_counts[] = {1, 2, 2, 1};
    enum { USERS = 30 };
    const struct type *types[] = {type_of(TYPE_BIGINT), type_of(TYPE_INT), type_of(TYPE_DOUBLE), NULL,
                                  type_of(TYPE_INT)};
    static const int all[] = {U, TS, D, NAME, N};
    static const double doubles[] = {-1.5, 0, 2.5, 1e9};
    uint64_t seed = 7;
    int pushed = 0, scans = 0;
    for (int v = 0; v < 4; v++) {
        char name[16];
        snprintf(name, sizeof name, "t%d", v);
        OK(create(&f, name, true, options[v], option_counts[v], &test_error));
        fill(&f, name, USERS);
        const struct table *t = find(&f, name);
        struct gather part = {0};
        for (int round = 0; round < 300; round++) {
            struct value values[4][4];
            struct predicate predicates[4];
            int count = 1 + round % 4;
            for (int i = 0; i < count; i++) {
                static const int columns[] = {U, U, TS, TS, D, N};
                static const enum predicate_op ops[] = {PREDICATE_EQ, PREDICATE_EQ, PREDICATE_EQ, PREDICATE_IN,
                                                        PREDICATE_LT, PREDICATE_LE, PREDICATE_GT, PREDICATE_GE};
                seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
                uint64_t r = seed >> 24;
                struct predicate *p = &predicates[i];
                *p = (struct predicate){
                    .column = columns[r % 6], .op = ops[r >> 4 & 7], .values = values[i], .value_count = 1};
                if (p->op == PREDICATE_IN) p->value_count = (int)(r >> 8 & 3) + 1;
                for (int j = 0; j < p->value_count; j++) {
                    uint64_t x = r >> (10 + 3 * j);
                    values[i][j] = p->column == D   ? value_f64(doubles[x & 3])
                                   : p->column == U ? value_i64(types[U], (int64_t)(x % (USERS + 2)))
                                   : p->column == N ? value_i64(types[N], (int64_t)(x % (USERS * 12)))
                                                    : value_i64(types[TS], (int64_t)(x % 4) - 1);
                    if (r % 97 == 0) values[i][j] = value_null(values[i][j].type);
                }
            }
            struct scan_request request = {.column_count = COLUMNS,
                                           .columns = all,
                                           .predicate_count = count,
                                           .predicates = predicates,
                                           .limit = -1};
            enum pushdown_answer answers[4];
            bool limit_exact = true;
            struct strbuf explain = {0};
            OK(store_connector.source->pushdown(t, &request, answers, &limit_exact, &explain, &test_error));
            assert_false(limit_exact);
            bool full = strcmp(explain.data, "FULL SCAN") == 0, exact = true;
            scans++;
            pushed += !full;
            /* what must come: rows for which all hold; what may: those for which the exact ones do */
            int must_count = 0, may_count = 0;
            for (int i = 0; i < USERS * 12; i++) {
                struct row row = {i / 12, i / 4 % 3 - 1, doubles[i % 4], NULL, i, ROW_INSERT};
                bool every = true, every_exact = true;
                for (int j = 0; j < count; j++) {
                    bool hold = holds(&predicates[j], &row);
                    every &= hold;
                    if (answers[j] == PUSHDOWN_EXACT) every_exact &= hold;
                }
                must_count += every;
                may_count += every_exact;
            }
            for (int j = 0; j < count; j++) exact &= answers[j] == PUSHDOWN_EXACT;
            read_source(&f, t, &request, 1 + round % 2, 0, &part);
            if (exact) assert_int_equal(part.rows, must_count);
            if (part.rows < must_count || part.rows > may_count)
                fail_msg("%s: %s: %d to %d rows, got %lld", name, explain.data, must_count, may_count,
                         (long long)part.rows);
            strbuf_free(&explain);
        }
        strbuf_free(&part.text);
    }
    assert_true(pushed > 200 && pushed < scans);
    teardown(&f);
}

static void explaining(void **state) {
    (void)state;
    struct fixture f;
    setup(&f);
    static const char *const options[][2] = {{"clustering-order", "ts DESC"}};
    OK(create(&f, "t", true, options, 1, &test_error));
    const struct table *t = find(&f, "t");
    struct value u = value_i64(type_of(TYPE_BIGINT), 5), low = value_i64(type_of(TYPE_INT), 1),
                 high = value_i64(type_of(TYPE_INT), 9);
    struct value many[] = {u, u, u, u, u, u}, null = value_null(type_of(TYPE_BIGINT));
    struct predicate predicates[] = {{TS, PREDICATE_GE, &low, 1},
                                     {U, PREDICATE_EQ, &u, 1},
                                     {TS, PREDICATE_LT, &high, 1},
                                     {N, PREDICATE_EQ, &low, 1},
                                     {U, PREDICATE_IS_NOT_NULL, NULL, 0}};
    struct scan_request request = {.predicate_count = 5, .predicates = predicates, .limit = -1};
    enum pushdown_answer answers[5];
    struct strbuf out = {0};
    OK(store_connector.source->pushdown(t, &request, answers, NULL, &out, &test_error));
    assert_string_equal(out.data, "partition key u = 5, clustering ts >= 1 AND ts < 9");
    static const enum pushdown_answer expected[] = {PUSHDOWN_EXACT, PUSHDOWN_EXACT, PUSHDOWN_EXACT, PUSHDOWN_NO,
                                                    PUSHDOWN_EXACT};
    assert_memory_equal(answers, expected, sizeof expected);
    strbuf_clear(&out);
    predicates[1] = (struct predicate){U, PREDICATE_IN, many, 6};
    OK(store_connector.source->pushdown(t, &request, answers, NULL, &out, &test_error));
    assert_string_equal(out.data, "partition key u IN (6 values), clustering ts >= 1 AND ts < 9");
    strbuf_clear(&out);
    predicates[1].values = &null;
    predicates[1].value_count = 1;
    OK(store_connector.source->pushdown(t, &request, answers, NULL, &out, &test_error));
    assert_string_equal(out.data, "no rows: a key column is compared with NULL");
    strbuf_clear(&out);
    predicates[1].op = PREDICATE_GT;
    predicates[1].values = &u;
    OK(store_connector.source->pushdown(t, &request, answers, NULL, &out, &test_error));
    assert_string_equal(out.data, "FULL SCAN");
    assert_int_equal(answers[0], PUSHDOWN_NO);
    strbuf_free(&out);
    teardown(&f);
}

struct answers {
    int rows[64], calls[64];
    int64_t sum[64];
};

static enum status take_answer(void *data, int key_row, const struct chunk *rows, struct error *err) {
    struct answers *answers = data;
    (void)err;
    answers->calls[key_row]++;
    for (int i = 0; rows && i < rows->row_count; i++) {
        answers->rows[key_row]++;
        answers->sum[key_row] += vector_get(&rows->columns[0], i, NULL).i64;
    }
    return STATUS_OK;
}

static void lookups(void **state) {
    (void)state;
    struct fixture f;
    setup(&f);
    OK(create(&f, "t", true, NULL, 0, &test_error));
    OK(create(&f, "log", false, NULL, 0, &test_error));
    fill(&f, "t", 50);
    const struct table *t = find(&f, "t");
    const struct lookup_class *class = store_connector.lookup;
    static const int by_key[] = {D, U, TS}, by_partition[] = {U}, by_other[] = {NAME}, wanted[] = {N};
    assert_int_equal(class->accepts(t, by_key, 3, NULL), PUSHDOWN_EXACT);
    assert_int_equal(class->accepts(t, by_partition, 1, NULL), PUSHDOWN_EXACT);
    assert_int_equal(class->accepts(t, by_other, 1, NULL), PUSHDOWN_NO);
    assert_int_equal(class->accepts(t, by_key, 2, NULL), PUSHDOWN_NO);
    assert_int_equal(class->accepts(t, by_key, 0, NULL), PUSHDOWN_NO);
    assert_int_equal(class->accepts(find(&f, "log"), by_partition, 1, NULL), PUSHDOWN_NO);
    const struct type *types[] = {type_of(TYPE_DOUBLE), type_of(TYPE_BIGINT), type_of(TYPE_INT)};
    struct lookup *lookup;
    struct answers answers = {0};
    struct chunk *keys = chunk_create(&f.arena, 3, types, 64);
    for (int i = 0; i < 64; i++) {
        struct value values[] = {value_f64(i % 2 ? 2.5 : 0), value_i64(types[1], 63 - i),
                                 value_i64(types[2], i % 3 - 1)};
        if (i == 60) values[1] = value_null(types[1]);
        for (int c = 0; c < 3; c++) vector_set(&keys->columns[c], &f.arena, 64, i, &values[c]);
    }
    keys->row_count = keys->sel_count = 64;
    OK(class->open(t, by_key, 3, wanted, 1, NULL, &lookup, &test_error));
    OK(class->ask(lookup, keys, &f.arena, take_answer, &answers, &test_error));
    class->close(lookup);
    for (int i = 0; i < 64; i++) {
        int u = 63 - i;
        bool there = u < 50 && i != 60;
        assert_int_equal(answers.calls[i], 1);
        assert_int_equal(answers.rows[i], there);
        if (there) assert_int_equal(answers.sum[i], u * 12 + i % 3 * 4 + (i % 2 ? 2 : 1));
    }
    memset(&answers, 0, sizeof answers);
    struct chunk partition = {.column_count = 1, .row_count = 64, .sel_count = 64, .columns = &keys->columns[1]};
    OK(class->open(t, by_partition, 1, wanted, 1, NULL, &lookup, &test_error));
    OK(class->ask(lookup, &partition, &f.arena, take_answer, &answers, &test_error));
    class->close(lookup);
    for (int i = 0; i < 64; i++) {
        int u = 63 - i;
        assert_int_equal(answers.rows[i], u < 50 && i != 60 ? 12 : 0);
        if (u < 50 && i != 60) assert_int_equal(answers.sum[i], u * 144 + 66);
    }
    struct error err;
    assert_int_equal(class->open(t, by_other, 1, wanted, 1, NULL, &lookup, &err), STATUS_NOT_SUPPORTED);
    teardown(&f);
}

static void options_of_tables(void **state) {
    (void)state;
    struct fixture f;
    setup(&f);
    static const char *const bad[][3] = {
        {"partition-keys", "uu", "option 'partition-keys': 'uu' is no column of the primary key"},
        {"partition-keys", "u, u", "option 'partition-keys' names 'u' twice"},
        {"partition-keys", " ,", "option 'partition-keys' names no column"},
        {"clustering-order", "u DESC", "option 'clustering-order': 'u' is in the partition key, which has no order"},
        {"clustering-order", "n", "option 'clustering-order': 'n' is no column of the primary key"},
        {"clustering-order", "ts DESCENDING", "option 'clustering-order': behind 'ts' comes ASC, DESC or a comma"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *const options[][2] = {{bad[i][0], bad[i][1]}};
        struct error err;
        assert_int_equal(create(&f, "bad", true, options, 1, &err), STATUS_INVALID_OPTION);
        assert_string_equal(err.message, bad[i][2]);
        assert_int_equal(create(&f, "bad", false, options, 1, &err), STATUS_INVALID_OPTION);
        assert_null(find(&f, "bad"));
    }
    static const char *const good[][2] = {{"partition-keys", "d;`u`"}, {"clustering-order", "ts desc"}};
    OK(create(&f, "t", true, good, 2, &test_error));
    const struct table *t = find(&f, "t");
    assert_int_equal(t->partition_key_count, 2);
    assert_int_equal(t->primary_key[0], D);
    assert_int_equal(t->primary_key[1], U);
    assert_int_equal(t->primary_key[2], TS);
    assert_true(t->clustering_descending[2] && !t->clustering_descending[0]);
    assert_string_equal(t->connector, "store");
    OK(f.catalog->class->alter_table(f.catalog, t, &test_error)); /* as it is: nothing changes */
    struct strbuf before = {0}, after = {0};
    table_print_create(&before, t);
    table_print_create(&after, find(&f, "t"));
    assert_string_equal(before.data, after.data);
    strbuf_free(&before);
    strbuf_free(&after);

    /* a table of the connector outside its catalog, and one that is gone */
    struct table lost = *t;
    struct scan_request request = {.limit = -1};
    struct source *source;
    struct error err;
    lost.connector_data = NULL;
    assert_int_equal(store_connector.source->open(&lost, &request, 1, NULL, &source, &err), STATUS_INVALID_OPTION);
    OK(store_catalog_truncate(f.catalog, "main", "t", &test_error));
    OK(f.catalog->class->drop_table(f.catalog, "main", "t", &test_error));
    assert_int_equal(store_connector.source->open(t, &request, 1, NULL, &source, &err), STATUS_UNDEFINED_TABLE);
    assert_int_equal(store_connector.source->row_estimate(t), -1);
    teardown(&f);
}

static void catalogs_by_options(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    struct option_list options = {0};
    struct catalog *catalog;
    const struct option_def *const tables[] = {store_catalog_class.options, NULL};
    option_add(&options, &arena, "type", "store", -1);
    option_add(&options, &arena, "default-database", "home", -1);
    option_add(&options, &arena, "store.sync", "NONE", -1);
    OK(options_check(&options, tables, "catalog 's'", &test_error));
    OK(store_catalog_open("s", &options, &catalog, &test_error));
    const char **names;
    int count;
    OK(catalog->class->list_databases(catalog, &arena, &names, &count, &test_error));
    assert_int_equal(count, 1);
    assert_string_equal(names[0], "home");
    assert_string_equal(option_find(&catalog->options, "store.sync"), "NONE");
    assert_true(store_in_memory(store_catalog_store(catalog)));
    catalog->class->close(catalog);
    arena_destroy(&arena);
}

const struct CMUnitTest store_connector_tests[] = {
    cmocka_unit_test(sinks_write_steps_once),
    cmocka_unit_test(scans_are_whole_however_they_are_cut),
    cmocka_unit_test(damaged_positions),
    cmocka_unit_test(pushed_predicates_lose_nothing),
    cmocka_unit_test(explaining),
    cmocka_unit_test(lookups),
    cmocka_unit_test(options_of_tables),
    cmocka_unit_test(catalogs_by_options),
};
const size_t store_connector_tests_count = sizeof store_connector_tests / sizeof *store_connector_tests;
