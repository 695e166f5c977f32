/* cassandra_connector scan KEYSPACE TABLE [OPTION=VALUE]…: reads a table with all its columns and says what it cost.
 * cassandra_connector print KEYSPACE TABLE [OPTION=VALUE]…: prints its columns' names and types, then its rows, a line each with
 * tabs between the values.
 * cassandra_connector [ROWS]: catalog, source, sink and lookup of the Cassandra connector against the server at
 * MILLRACE_TEST_CASSANDRA, driven as the engine drives them. Random rows of every type are written, read back by scans, by
 * key and by lookup, updated, deleted; scans are cut at every page and resumed. Exit status 1 when something differs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "connector/cassandra/cassandra.h"
#include "types/decimal.h"

enum { COLUMNS = 24, MAX_ROWS = 20000 };

static struct error err;
static uint64_t seed = 7;

static void die(const char *file, int line, const char *what) {
    fprintf(stderr, "%s:%d: %s%s%s%s%s\n", file, line, what, err.message[0] ? ": " : "", err.message,
            err.detail[0] ? "; " : "", err.detail);
    exit(1);
}
#define EXPECT(condition) ((condition) ? (void)0 : die(__FILE__, __LINE__, #condition))
#define CHECK(call) EXPECT((error_clear(&err), (call)) == STATUS_OK)

static uint32_t next(uint32_t below) {
    seed = seed * UINT64_C(6364136223846793005) + 1;
    return (uint32_t)(seed >> 33) % below;
}

/* ---- The table: user, ts, id are its key ---- */

static const struct {
    const char *name, *sql;
} shape[COLUMNS] = {
    {"note", "s"},    {"usr", "K8"}, {"ts", "Kt"},    {"id", "K4"}, {"b", "b"},      {"i1", "1"},
    {"i2", "2"},      {"i4", "4"},   {"i8", "8"},     {"f", "f"},   {"d", "d"},      {"dec", "D10,2"},
    {"big", "D38,0"}, {"Text", "s"}, {"bytes", "y"},  {"day", "a"}, {"t", "i"},      {"at", "l"},
    {"list", "L4"},   {"map", "M"},  {"nested", "N"}, {"row", "R"}, {"times", "La"}, {"dec2", "D30,10"},
};

static const struct type *column_type(struct arena *arena, const char *code) {
    bool key = *code == 'K';
    code += key;
    const struct type *fields[] = {type_of(TYPE_INT), type_of(TYPE_VARCHAR)};
    static const char *const names[] = {"f0", "f1"};
    switch (*code) {
    case 's': return type_string(arena, TYPE_VARCHAR, TYPE_MAX_LENGTH, !key);
    case 'b': return type_of(TYPE_BOOLEAN);
    case '1': return type_of(TYPE_TINYINT);
    case '2': return type_of(TYPE_SMALLINT);
    case '4': return type_with_nullable(arena, type_of(TYPE_INT), !key);
    case '8': return type_with_nullable(arena, type_of(TYPE_BIGINT), !key);
    case 'f': return type_of(TYPE_FLOAT);
    case 'd': return type_of(TYPE_DOUBLE);
    case 'D': return type_decimal(arena, atoi(code + 1), atoi(strchr(code, ',') + 1), true);
    case 'y': return type_of(TYPE_VARBINARY);
    case 'a': return type_of(TYPE_DATE);
    case 'i': return type_time(arena, TYPE_TIME, 9, true);
    case 't': return type_time(arena, TYPE_TIMESTAMP, 3, !key);
    case 'l': return type_time(arena, TYPE_TIMESTAMP_LTZ, 3, true);
    case 'L': return type_array(arena, column_type(arena, code + 1), true);
    case 'M': return type_map(arena, type_of(TYPE_VARCHAR), type_of(TYPE_DOUBLE), true);
    case 'N': return type_array(arena, type_array(arena, type_of(TYPE_BIGINT), true), true);
    default: return type_row(arena, 2, names, fields, true);
    }
}

static struct table *make_table(struct arena *arena, const char *name) {
    struct table *table = ARENA_NEW(arena, struct table);
    struct table_column *columns = ARENA_ARRAY(arena, struct table_column, COLUMNS);
    int *key = ARENA_ARRAY(arena, int, 3);
    bool *descending = ARENA_ARRAY(arena, bool, 3);
    for (int i = 0; i < COLUMNS; i++)
        columns[i] = (struct table_column){.name = shape[i].name, .type = column_type(arena, shape[i].sql)};
    for (int i = 0; i < 3; i++) key[i] = 1 + i;
    descending[1] = true;
    *table = (struct table){.kind = TABLE_BASE,
                            .catalog = "c",
                            .database = "Conn_test",
                            .name = name,
                            .column_count = COLUMNS,
                            .columns = columns,
                            .primary_key_count = 3,
                            .partition_key_count = 1,
                            .primary_key = key,
                            .clustering_descending = descending,
                            .watermark_column = -1};
    return table;
}

/* ---- Rows ---- */

static struct value random_value(struct arena *arena, const struct type *type, int depth) {
    struct value value = {.type = type};
    if (type->nullable && depth == 0 && next(5) == 0) return value_null(type);
    switch (type->id) {
    case TYPE_BOOLEAN: return value_boolean(next(2));
    case TYPE_TINYINT: return value_i64(type, (int8_t)next(256));
    case TYPE_SMALLINT: return value_i64(type, (int16_t)next(65536));
    case TYPE_DATE: return value_i64(type, ((int32_t)next(200000000) - 100000000) >> next(20));
    case TYPE_INT: return value_i64(type, (int32_t)(next(1u << 16) << 16 | next(1u << 16)) >> next(20));
    case TYPE_BIGINT: return value_i64(type, (int64_t)((uint64_t)next(1u << 31) << 33) >> next(60));
    case TYPE_FLOAT: value.f32 = (float)next(10000) / 7 - 500; return value;
    case TYPE_DOUBLE: return value_f64(next(100000) / 7.0 - 5000);
    case TYPE_TIME: return value_i64(type, (int64_t)next(86400) * 1000000000 + next(1000000000));
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMP_LTZ:
        return value_i64(type, ((int64_t)next(1u << 31) - (1 << 28)) * 1000000 + next(1000) * 1000);
    case TYPE_DECIMAL: {
        int128 v = next(1000);
        for (int i = (int)next(6); i > 0; i--) v = v * 1000003 + next(1u << 20);
        v %= decimal_pow10(type->precision);
        return value_from_decimal(type, next(2) ? v : -v);
    }
    case TYPE_ARRAY:
    case TYPE_MAP: {
        bool map = type->id == TYPE_MAP;
        value.list.count = 1 + (int)next(3); /* an empty list is null to Cassandra */
        value.list.items = ARENA_ARRAY(arena, struct value, value_item_count(&value));
        for (int i = 0; i < value.list.count; i++) {
            if (map) { /* keys distinct and ascending, as Cassandra keeps them */
                value.list.items[2 * i] = value_str(type->children[0], str_from(arena_printf(arena, "k%d", i)));
                value.list.items[2 * i + 1] = random_value(arena, type->children[1], depth + 1);
            } else {
                value.list.items[i] = random_value(arena, type->children[0], depth + 1);
            }
        }
        return value;
    }
    case TYPE_ROW:
        value.list.count = 2;
        value.list.items = ARENA_ARRAY(arena, struct value, 2);
        for (int i = 0; i < 2; i++) value.list.items[i] = random_value(arena, type->children[i], 0);
        return value;
    default: {
        size_t len = next(40);
        char *text = arena_alloc(arena, len + 1);
        for (size_t i = 0; i < len; i++) text[i] = (char)('a' + next(26));
        return value_str(type, (struct str){text, len});
    }
    }
}

struct rows {
    int count;
    struct value (*values)[COLUMNS];
    bool *deleted;
};

static struct rows random_rows(struct arena *arena, const struct table *table, int count) {
    struct rows rows = {count, calloc((size_t)count, sizeof *rows.values), calloc((size_t)count, sizeof(bool))};
    for (int i = 0; i < count; i++) {
        for (int c = 0; c < COLUMNS; c++) rows.values[i][c] = random_value(arena, table->columns[c].type, 0);
        rows.values[i][1].i64 = i % (count / 20 + 1); /* some 20 rows in a partition */
        rows.values[i][3].i64 = i;                    /* and no key twice */
    }
    return rows;
}

static const struct value *find_row(const struct rows *rows, int64_t id) {
    return id >= 0 && id < rows->count && !rows->deleted[id] ? rows->values[id] : NULL;
}

/* ---- Sink ---- */

static void write_rows(const struct table *table, const struct rows *rows, const int *columns, int column_count,
                       const bool *which, enum row_kind kind, int64_t micros) {
    struct sink_options options = {
        .columns = columns, .column_count = column_count, .exactly_once = true, .parallelism = 2};
    struct sink *sink;
    CHECK(cassandra_connector.sink->open(table, &options, &sink, &err));
    struct arena arena;
    arena_init(&arena, NULL);
    uint8_t kinds[VECTOR_CAPACITY];
    memset(kinds, kind, sizeof kinds);
    const struct type *types[COLUMNS];
    for (int c = 0; c < column_count; c++) types[c] = table->columns[columns[c]].type;
    for (int first = 0; first < rows->count;) {
        struct chunk *chunk = chunk_create(&arena, column_count, types, VECTOR_CAPACITY);
        for (; first < rows->count && chunk->row_count < VECTOR_CAPACITY; first++) {
            if (which && !which[first]) continue;
            for (int c = 0; c < column_count; c++)
                vector_set(&chunk->columns[c], &arena, VECTOR_CAPACITY, chunk->row_count,
                           &rows->values[first][columns[c]]);
            chunk->row_count++;
        }
        chunk->sel_count = chunk->row_count;
        struct sink_rows batch = {.step_id = 1, .write_micros = micros, .chunk = chunk, .kinds = kinds};
        CHECK(cassandra_connector.sink->write(sink, &batch, &err));
        CHECK(cassandra_connector.sink->end_step(sink, 1, &err));
        CHECK(cassandra_connector.sink->flush(sink, &err));
        arena_reset(&arena);
    }
    cassandra_connector.sink->close(sink, false);
    arena_destroy(&arena);
}

/* ---- Source ---- */

struct seen {
    struct decode_output base;
    const struct table *table;
    const struct scan_request *request;
    const struct rows *rows;
    int64_t count;
    int *times; /* by id */
};

static enum status see(struct decode_output *base, struct chunk *chunk, struct error *error) {
    (void)error;
    struct seen *seen = (struct seen *)base;
    int id_at = -1;
    for (int c = 0; c < chunk->column_count; c++)
        if (seen->request->columns[c] == 3) id_at = c;
    seen->count += chunk->row_count;
    for (int row = 0; row < chunk->row_count && id_at >= 0; row++) {
        struct value id = vector_get(&chunk->columns[id_at], row, base->arena);
        const struct value *expected = find_row(seen->rows, id.i64);
        EXPECT(expected);
        seen->times[id.i64]++;
        for (int c = 0; c < chunk->column_count; c++) {
            struct value got = vector_get(&chunk->columns[c], row, base->arena);
            const struct value *want = &expected[seen->request->columns[c]];
            if (got.is_null != want->is_null || (!got.is_null && value_compare(&got, want) != 0)) {
                struct strbuf text = {0};
                value_print(&text, want, NULL);
                strbuf_puts(&text, " was written, read is ");
                value_print(&text, &got, NULL);
                fprintf(stderr, "row %lld, column %s: %s\n", (long long)id.i64,
                        seen->table->columns[seen->request->columns[c]].name, text.data);
                exit(1);
            }
        }
    }
    return STATUS_OK;
}

/* Reads everything; with `resume`, each split is left after every block and begun again at its end. */
static int64_t scan(const struct table *table, const struct scan_request *request, const struct rows *rows,
                    bool resume) {
    struct source *source;
    struct arena arena, morsel_arena;
    arena_init(&arena, NULL);
    arena_init(&morsel_arena, NULL);
    CHECK(cassandra_connector.source->open(table, request, 2, NULL, &source, &err));
    struct split *splits;
    int split_count;
    CHECK(cassandra_connector.source->splits(source, &arena, &splits, &split_count, &err));
    struct seen seen = {
        .base = {.arena = &morsel_arena, .emit = see}, .table = table, .request = request, .rows = rows};
    seen.times = calloc((size_t)rows->count + 1, sizeof *seen.times);
    int *indexes = calloc((size_t)split_count + 1, sizeof *indexes);
    struct offset *starts = calloc((size_t)split_count + 1, sizeof *starts);
    for (int i = 0; i < split_count; i++) {
        indexes[i] = i;
        starts[i] = splits[i].start;
    }
    int readers = resume ? split_count : split_count ? 1 : 0;
    for (int r = 0; r < readers; r++) {
        bool ended = false;
        while (!ended) {
            struct source_reader *reader;
            CHECK(cassandra_connector.source->reader_open(source, splits + r, indexes + r, starts + r,
                                                          resume ? 1 : split_count, &reader, &err));
            for (;;) {
                struct block *block;
                enum fetch_result result;
                CHECK(cassandra_connector.source->fetch(reader, 100, &block, &result, &err));
                if (result == FETCH_END) ended = true;
                if (ended) break;
                if (result == FETCH_IDLE) continue;
                int half = block->record_count / 2;
                CHECK(cassandra_connector.source->decode(source, block, 0, half, &seen.base, &err));
                CHECK(cassandra_connector.source->decode(source, block, half, block->record_count - half, &seen.base,
                                                         &err));
                arena_reset(&morsel_arena);
                if (resume) {
                    starts[r] = (struct offset){block->end.len, arena_memdup(&arena, block->end.bytes, block->end.len)};
                    block->release(block);
                    break;
                }
                block->release(block);
            }
            cassandra_connector.source->reader_close(reader);
        }
    }
    cassandra_connector.source->close(source);
    for (int i = 0; i < rows->count; i++) EXPECT(seen.times[i] <= 1);
    free(seen.times);
    free(indexes);
    free(starts);
    arena_destroy(&arena);
    arena_destroy(&morsel_arena);
    return seen.count;
}

static int64_t live(const struct rows *rows) {
    int64_t count = 0;
    for (int i = 0; i < rows->count; i++) count += !rows->deleted[i];
    return count;
}

/* ---- Predicates: the server's answer, filtered by what it did not take, is the filtered table ---- */

static bool holds(const struct predicate *p, const struct value *row) {
    const struct value *v = &row[p->column];
    if (v->is_null) return false;
    for (int i = 0; i < p->value_count; i++) {
        if (p->values[i].is_null) continue;
        int order = value_compare(v, &p->values[i]);
        bool match = p->op == PREDICATE_LT   ? order < 0
                     : p->op == PREDICATE_LE ? order <= 0
                     : p->op == PREDICATE_GT ? order > 0
                     : p->op == PREDICATE_GE ? order >= 0
                                             : order == 0;
        if (match) return true;
    }
    return false;
}

static void random_predicates(const struct table *table, const struct rows *rows) {
    struct arena arena;
    arena_init(&arena, NULL);
    static const int columns[] = {1, 2, 3, 7, 13};
    struct predicate predicates[5];
    int count = 1 + (int)next(5);
    for (int i = 0; i < count; i++) {
        struct predicate *p = &predicates[i];
        p->column = columns[i < 3 && next(4) ? i : (int)next(5)];
        p->op = (enum predicate_op)(next(2) ? PREDICATE_EQ : next(6));
        p->value_count = p->op == PREDICATE_IN ? 1 + (int)next(5) : 1;
        struct value *values = ARENA_ARRAY(&arena, struct value, p->value_count);
        int base = (int)next((uint32_t)rows->count);
        for (int k = 0; k < p->value_count; k++) /* rows of one partition: every 20th */
            values[k] = rows->values[(base + k * (rows->count / 20 + 1)) % rows->count][p->column];
        p->values = values;
    }
    struct scan_request request = {.column_count = 1,
                                   .columns = (int[]){3},
                                   .predicate_count = count,
                                   .predicates = predicates,
                                   .limit = -1,
                                   .bounded_only = true};
    enum pushdown_answer answers[5];
    bool limit_exact;
    struct strbuf explain = {0};
    CHECK(cassandra_connector.source->pushdown(table, &request, answers, &limit_exact, &explain, &err));
    int64_t expected = 0;
    for (int i = 0; i < rows->count; i++) {
        bool pushed = !rows->deleted[i];
        for (int k = 0; k < count; k++)
            if (answers[k] == PUSHDOWN_EXACT) pushed &= holds(&predicates[k], rows->values[i]);
        expected += pushed;
    }
    int64_t got = scan(table, &request, rows, false);
    if (got != expected) {
        fprintf(stderr, "%s: %lld rows instead of %lld\n", explain.data, (long long)got, (long long)expected);
        exit(1);
    }
    strbuf_free(&explain);
    arena_destroy(&arena);
}

/* ---- Lookup ---- */

struct answers {
    const struct table *table;
    const struct rows *rows;
    const int *columns;
    const struct chunk *keys;
    int *got;
    struct arena *arena;
};

static enum status count_answer(void *data, int key_row, const struct chunk *chunk, struct error *error) {
    (void)error;
    struct answers *answers = data;
    answers->got[key_row] += chunk ? chunk->row_count : 1000000;
    for (int row = 0; chunk && row < chunk->row_count; row++) {
        struct value id = vector_get(&chunk->columns[1], row, answers->arena);
        const struct value *expected = find_row(answers->rows, id.i64);
        EXPECT(expected);
        for (int c = 0; c < 3; c++) {
            struct value got = vector_get(&chunk->columns[c], row, answers->arena);
            EXPECT(value_compare(&got, &expected[answers->columns[c]]) == 0);
        }
    }
    return STATUS_OK;
}

static void lookups(const struct table *table, const struct rows *rows, bool whole_key) {
    struct arena arena;
    arena_init(&arena, NULL);
    int keys[] = {3, 1, 2}, partition[] = {1}, columns[] = {13, 3, 22};
    const int *key = whole_key ? keys : partition;
    int key_count = whole_key ? 3 : 1;
    struct strbuf explain = {0};
    EXPECT(cassandra_connector.lookup->accepts(table, key, key_count, &explain) == PUSHDOWN_EXACT);
    EXPECT(strcmp(explain.data, whole_key ? "by primary key" : "by partition key") == 0);
    EXPECT(cassandra_connector.lookup->accepts(table, (int[]){3}, 1, NULL) == PUSHDOWN_NO);
    EXPECT(cassandra_connector.lookup->accepts(table, (int[]){1, 3}, 2, NULL) == PUSHDOWN_NO);
    struct lookup *lookup;
    CHECK(cassandra_connector.lookup->open(table, key, key_count, columns, 3, NULL, &lookup, &err));
    const struct type *types[3];
    for (int i = 0; i < key_count; i++) types[i] = table->columns[key[i]].type;
    int partitions = rows->count / 20 + 1;
    int asked = whole_key ? (rows->count < 1000 ? rows->count : 1000) : partitions < 1000 ? partitions : 1000;
    struct chunk *chunk = chunk_create(&arena, key_count, types, VECTOR_CAPACITY);
    for (int i = 0; i < asked + 10; i++) { /* ten that are not there */
        struct value row[3];
        for (int k = 0; k < key_count; k++) row[k] = rows->values[i % rows->count][key[k]];
        if (i >= asked) row[whole_key ? 1 : 0].i64 = INT64_C(1000000) + i;
        for (int k = 0; k < key_count; k++) vector_set(&chunk->columns[k], &arena, VECTOR_CAPACITY, i, &row[k]);
    }
    chunk->row_count = chunk->sel_count = asked + 10;
    int *got = calloc((size_t)asked + 10, sizeof *got);
    struct answers answers = {table, rows, columns, chunk, got, &arena};
    CHECK(cassandra_connector.lookup->ask(lookup, chunk, &arena, count_answer, &answers, &err));
    for (int i = 0; i < asked + 10; i++) {
        int expected = 0;
        for (int k = 0; i < asked && k < rows->count; k++)
            if (!rows->deleted[k]) expected += whole_key ? k == i : k % partitions == i;
        EXPECT(got[i] == (expected ? expected : 1000000));
    }
    cassandra_connector.lookup->close(lookup);
    strbuf_free(&explain);
    free(got);
    arena_destroy(&arena);
}

/* ---- What the catalog says ---- */

static void check_catalog(struct catalog *catalog, const struct table *declared, struct arena *arena) {
    const char **names;
    int count;
    CHECK(catalog->class->list_databases(catalog, arena, &names, &count, &err));
    bool found = false;
    for (int i = 0; i < count; i++) {
        found |= strcmp(names[i], "Conn_test") == 0;
        EXPECT(strncmp(names[i], "system", 6) != 0);
    }
    EXPECT(found);
    const struct table **tables, *table;
    CHECK(catalog->class->list_tables(catalog, "Conn_test", arena, &tables, &count, &err));
    EXPECT(count == 1 && strcmp(tables[0]->name, declared->name) == 0);
    CHECK(catalog->class->find_table(catalog, "Conn_test", "none", arena, &table, &err));
    EXPECT(!table);
    CHECK(catalog->class->find_table(catalog, "Conn_test", declared->name, arena, &table, &err));
    EXPECT(table && table->column_count == COLUMNS && table->primary_key_count == 3 && table->partition_key_count == 1);
    EXPECT(!table->clustering_descending[0] && table->clustering_descending[1] && !table->clustering_descending[2]);
    for (int i = 0; i < COLUMNS; i++) {
        EXPECT(strcmp(table->columns[i].name, declared->columns[i].name) == 0);
        EXPECT(type_equal(table->columns[i].type, declared->columns[i].type));
    }
    EXPECT(catalog->class->create_table(catalog, declared, &err) == STATUS_DUPLICATE_NAME);
    EXPECT(catalog->class->create_database(catalog, "Conn_test", NULL, &err) == STATUS_DUPLICATE_NAME);
    EXPECT(catalog->class->drop_database(catalog, "Conn_test", false, &err) == STATUS_INVALID_QUERY);
    EXPECT(catalog->class->drop_table(catalog, "Conn_test", "none", &err) == STATUS_UNDEFINED_TABLE);
    struct table view = {.kind = TABLE_VIEW,
                         .catalog = "c",
                         .database = "Conn_test",
                         .name = "v",
                         .view_query = "SELECT 1",
                         .watermark_column = -1};
    CHECK(catalog->class->create_table(catalog, &view, &err));
    CHECK(catalog->class->list_tables(catalog, "Conn_test", arena, &tables, &count, &err));
    EXPECT(count == 2);
    CHECK(catalog->class->drop_table(catalog, "Conn_test", "v", &err));
}

/* ---- Scan: how fast, for how much ---- */

static enum status count_chunk(struct decode_output *base, struct chunk *chunk, struct error *error) {
    (void)error;
    ((struct seen *)base)->count += chunk->row_count;
    return STATUS_OK;
}

static enum status print_chunk(struct decode_output *base, struct chunk *chunk, struct error *error) {
    (void)error;
    struct strbuf line = {0};
    for (int row = 0; row < chunk->row_count; row++) {
        strbuf_clear(&line);
        for (int c = 0; c < chunk->column_count; c++) {
            struct value value = vector_get(&chunk->columns[c], row, base->arena);
            if (c) strbuf_putc(&line, '\t');
            value_print(&line, &value, NULL);
        }
        puts(line.data);
    }
    strbuf_free(&line);
    return STATUS_OK;
}

static double seconds(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void read_table(struct catalog *catalog, const char *keyspace, const char *name, bool print,
                       struct arena *arena) {
    const struct table *table;
    CHECK(catalog->class->find_table(catalog, keyspace, name, arena, &table, &err));
    EXPECT(table);
    int *columns = ARENA_ARRAY(arena, int, table->column_count);
    for (int i = 0; i < table->column_count; i++) columns[i] = i;
    struct scan_request request = {
        .column_count = table->column_count, .columns = columns, .limit = -1, .bounded_only = true};
    double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID), decoding = 0;
    struct source *source;
    struct split *splits;
    int count;
    CHECK(cassandra_connector.source->open(table, &request, 2, NULL, &source, &err));
    CHECK(cassandra_connector.source->splits(source, arena, &splits, &count, &err));
    int *indexes = ARENA_ARRAY(arena, int, count);
    struct offset *starts = ARENA_ARRAY(arena, struct offset, count);
    for (int i = 0; i < count; i++) {
        indexes[i] = i;
        starts[i] = splits[i].start;
    }
    struct source_reader *reader;
    struct arena morsel_arena;
    arena_init(&morsel_arena, NULL);
    struct seen seen = {.base = {.arena = &morsel_arena, .emit = print ? print_chunk : count_chunk}};
    for (int i = 0; print && i < table->column_count; i++)
        printf("%s%s %s", i ? "\t" : "", table->columns[i].name, type_to_string(arena, table->columns[i].type));
    if (print) putchar('\n');
    CHECK(cassandra_connector.source->reader_open(source, splits, indexes, starts, count, &reader, &err));
    int64_t bytes = 0, pages = 0;
    for (;;) {
        struct block *block;
        enum fetch_result result;
        CHECK(cassandra_connector.source->fetch(reader, 100, &block, &result, &err));
        if (result == FETCH_END) break;
        if (result == FETCH_IDLE) continue;
        double before = seconds(CLOCK_THREAD_CPUTIME_ID);
        CHECK(cassandra_connector.source->decode(source, block, 0, block->record_count, &seen.base, &err));
        decoding += seconds(CLOCK_THREAD_CPUTIME_ID) - before;
        bytes += (int64_t)block->size_bytes;
        pages++;
        block->release(block);
        arena_reset(&morsel_arena);
    }
    cassandra_connector.source->reader_close(reader);
    cassandra_connector.source->close(source);
    arena_destroy(&morsel_arena);
    if (print) return;
    wall = seconds(CLOCK_MONOTONIC) - wall;
    cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    printf("%lld rows, %lld pages, %d ranges, %.1f MB in %.2f s (%.0f rows/s), %.2f CPU s, %.3f of them decoding "
           "(%.1f ns a cell)\n",
           (long long)seen.count, (long long)pages, count, (double)bytes / 1e6, wall, (double)seen.count / wall, cpu,
           decoding, decoding * 1e9 / (double)seen.count / table->column_count);
}

int main(int argc, char **argv) {
    const char *hosts = getenv("MILLRACE_TEST_CASSANDRA");
    bool print = argc >= 4 && strcmp(argv[1], "print") == 0;
    bool read = print || (argc >= 4 && strcmp(argv[1], "scan") == 0);
    int row_count = argc > 1 && !read ? atoi(argv[1]) : 5000;
    if (!hosts || row_count < 100 || row_count > MAX_ROWS) {
        fprintf(stderr, "cassandra_connector: MILLRACE_TEST_CASSANDRA is not set, or ROWS is not 100 to %d\n",
                MAX_ROWS);
        return 2;
    }
    struct arena arena;
    arena_init(&arena, NULL);
    struct option_list options = {0};
    option_add(&options, &arena, "type", "cassandra", -1);
    option_add(&options, &arena, "hosts", hosts, -1);
    if (!read) option_add(&options, &arena, "scan.page-size", "100", -1);
    for (int i = 4; read && i < argc; i++) {
        char *equals = strchr(argv[i], '=');
        EXPECT(equals);
        *equals = 0;
        option_add(&options, &arena, argv[i], equals + 1, -1);
    }
    const char *user = getenv("MILLRACE_TEST_CASSANDRA_USER"), *password = getenv("MILLRACE_TEST_CASSANDRA_PASSWORD");
    if (user) option_add(&options, &arena, "username", user, -1);
    if (password) option_add(&options, &arena, "password", password, -1);
    struct catalog *catalog;
    CHECK(cassandra_catalog_open("c", &options, &catalog, &err));
    if (read) {
        read_table(catalog, argv[2], argv[3], print, &arena);
        catalog->class->close(catalog);
        arena_destroy(&arena);
        return 0;
    }
    catalog->class->drop_database(catalog, "Conn_test", true, NULL);
    CHECK(catalog->class->create_database(catalog, "Conn_test", NULL, &err));
    struct table *declared = make_table(&arena, "Events");
    CHECK(catalog->class->create_table(catalog, declared, &err));
    check_catalog(catalog, declared, &arena);
    const struct table *table;
    CHECK(catalog->class->find_table(catalog, "Conn_test", "Events", &arena, &table, &err));

    struct rows rows = random_rows(&arena, table, row_count);
    int all[COLUMNS];
    for (int i = 0; i < COLUMNS; i++) all[i] = i;
    write_rows(table, &rows, all, COLUMNS, NULL, ROW_INSERT, 1000);
    struct scan_request everything = {.column_count = COLUMNS, .columns = all, .limit = -1, .bounded_only = true};
    EXPECT(scan(table, &everything, &rows, false) == row_count);
    everything.bounded_only = false;
    EXPECT(scan(table, &everything, &rows, false) == row_count);
    EXPECT(scan(table, &everything, &rows, true) == row_count);
    struct scan_top top = {3, 1, (int[]){1}, 2, (int[]){2, 3}, (bool[]){true, false}};
    everything.top = &top;
    for (int resume = 0; resume < 2;
         resume++) { /* pages end within a partition, and the next one knows how many it had */
        int64_t firsts = scan(table, &everything, &rows, resume);
        int64_t partitions = row_count / 20 + 1, wanted = 0;
        for (int64_t i = 0; i < partitions; i++) {
            int64_t in_it = (row_count - i + partitions - 1) / partitions;
            wanted += in_it < 3 ? in_it : 3;
        }
        EXPECT(firsts == wanted);
    }
    everything.top = NULL;
    struct scan_request counting = {.column_count = 0, .columns = all, .limit = -1, .bounded_only = true};
    EXPECT(scan(table, &counting, &rows, false) == row_count);
    counting.limit = 37;
    int64_t limited = scan(table, &counting, &rows, false);
    EXPECT(limited >= 37 && limited <= 200);
    printf("%d rows of %d columns written and scanned\n", row_count, COLUMNS);

    /* Some rows change in some columns; the others keep what they have. Older writes change nothing. */
    bool *which = calloc((size_t)row_count, sizeof *which);
    int some[] = {1, 2, 3, 7, 13, 18};
    for (int i = 0; i < row_count; i++) {
        which[i] = next(3) == 0;
        for (int c = 3; which[i] && c < 6; c++)
            rows.values[i][some[c]] = random_value(&arena, table->columns[some[c]].type, 0);
    }
    write_rows(table, &rows, some, 6, which, ROW_UPDATE_AFTER, 2000);
    struct rows older = random_rows(&arena, table, row_count);
    for (int i = 0; i < row_count; i++)
        for (int c = 1; c < 4; c++) older.values[i][c] = rows.values[i][c];
    write_rows(table, &older, all, COLUMNS, NULL, ROW_INSERT, 500);
    EXPECT(scan(table, &everything, &rows, false) == row_count);
    for (int i = 0; i < row_count; i++) rows.deleted[i] = which[i] = next(5) == 0;
    write_rows(table, &rows, all, 4, which, ROW_DELETE, 3000);
    EXPECT(scan(table, &everything, &rows, false) == live(&rows));
    printf("updates and deletes: %lld rows left\n", (long long)live(&rows));

    lookups(table, &rows, true);
    lookups(table, &rows, false);
    for (int i = 0; i < 300; i++) random_predicates(table, &rows);
    printf("lookups and 300 random sets of predicates\n");

    /* Errors that name what is wrong. */
    struct sink_options bad = {.columns = (int[]){0, 1, 2}, .column_count = 3};
    struct sink *sink;
    EXPECT(cassandra_connector.sink->open(table, &bad, &sink, &err) == STATUS_INVALID_QUERY);
    EXPECT(strstr(err.message, "leaves out 'id'"));
    struct table renamed = *table;
    struct table_column *columns = arena_memdup(&arena, table->columns, sizeof *columns * COLUMNS);
    renamed.columns = columns;
    columns[13].name = "Texts";
    struct source *source;
    EXPECT(cassandra_connector.source->open(&renamed, &everything, 1, NULL, &source, &err) == STATUS_UNDEFINED_COLUMN);
    EXPECT(strstr(err.hint, "'Text'"));
    columns[13].name = "Text";
    columns[13].type = type_of(TYPE_INT);
    EXPECT(cassandra_connector.source->open(&renamed, &everything, 1, NULL, &source, &err) == STATUS_TYPE_MISMATCH);

    CHECK(catalog->class->drop_table(catalog, "Conn_test", "Events", &err));
    EXPECT(cassandra_connector.source->open(table, &everything, 1, NULL, &source, &err) == STATUS_UNDEFINED_TABLE);
    CHECK(catalog->class->drop_database(catalog, "Conn_test", false, &err));
    catalog->class->close(catalog);
    free(which);
    free(rows.values);
    free(rows.deleted);
    free(older.values);
    free(older.deleted);
    arena_destroy(&arena);
    printf("ok\n");
    return 0;
}
