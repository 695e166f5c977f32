/* What needs no server: pushdown, definitions, token ranges, options. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cass/bytes.h"
#include "connector/cassandra/cassandra_private.h"

extern const struct CMUnitTest cassandra_tests[];
extern const size_t cassandra_tests_count;

static struct arena arena;

static int setup(void **state) {
    (void)state;
    arena_init(&arena, NULL);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    arena_destroy(&arena);
    return 0;
}

/* "a int partition, b text clustering desc, …" */
static struct cassandra_schema *make_schema(const char *const (*columns)[3], int count) {
    struct cassandra_schema *schema = ARENA_NEW(&arena, struct cassandra_schema);
    struct cassandra_column *list = ARENA_ARRAY(&arena, struct cassandra_column, count);
    *schema = (struct cassandra_schema){.keyspace = "ks", .name = "t", .full_name = "ks.t", .comment = ""};
    schema->columns = list;
    schema->column_count = count;
    for (int i = 0; i < count; i++) {
        list[i].name = columns[i][0];
        assert_int_equal(cass_type_parse(&arena, str_from(columns[i][1]), NULL, NULL, &list[i].type, NULL), STATUS_OK);
        list[i].kind = columns[i][2][0] == 'p'   ? CASSANDRA_PARTITION
                       : columns[i][2][0] == 'c' ? CASSANDRA_CLUSTERING
                       : columns[i][2][0] == 's' ? CASSANDRA_STATIC
                                                 : CASSANDRA_REGULAR;
        list[i].descending = strchr(columns[i][2], 'd') != NULL;
        schema->partition_count += list[i].kind == CASSANDRA_PARTITION;
        schema->clustering_count += list[i].kind == CASSANDRA_CLUSTERING;
        schema->has_statics |= list[i].kind == CASSANDRA_STATIC;
    }
    return schema;
}

static const char *const events[][3] = {{"user_id", "bigint", "p"}, {"day", "text", "p"},     {"ts", "timestamp", "cd"},
                                        {"id", "uuid", "c"},        {"n", "int", "c"},        {"amount", "double", "r"},
                                        {"tags", "set<text>", "r"}, {"price", "decimal", "r"}};

static const char *const wide[][3] = {{"p", "bigint", "p"}, {"a", "bigint", "c"}, {"b", "text", "cd"},
                                      {"c", "int", "c"},    {"s", "int", "s"},    {"v", "bigint", "r"},
                                      {"w", "text", "r"},   {"x", "bigint", "r"}};

static struct table *sql_table(const struct cassandra_schema *schema) {
    struct table *table;
    assert_int_equal(cassandra_ddl_table(schema, "c", &arena, &table, NULL), STATUS_OK);
    return table;
}

/* ---- Pushdown ---- */

struct request {
    struct scan_request base;
    struct predicate predicates[8];
    const struct cassandra_indexes *indexes;
};

static struct value *values(int count, ...) {
    struct value *out = ARENA_ARRAY(&arena, struct value, count);
    va_list args;
    va_start(args, count);
    for (int i = 0; i < count; i++) out[i] = va_arg(args, struct value);
    va_end(args);
    return out;
}

static void add(struct request *request, const struct table *table, const char *column, enum predicate_op op, int count,
                const struct value *list) {
    int position = 0;
    while (strcmp(table->columns[position].name, column) != 0) position++;
    request->predicates[request->base.predicate_count++] = (struct predicate){position, op, list, count};
    request->base.predicates = request->predicates;
    request->base.limit = -1;
}

static struct value bigint(int64_t v) { return value_i64(type_of(TYPE_BIGINT), v); }
static struct value text(const char *v) { return value_str(type_of(TYPE_VARCHAR), str_from(v)); }
static struct value millis(int64_t micros) { return value_i64(type_time(&arena, TYPE_TIMESTAMP_LTZ, 3, true), micros); }

/* Plans, checks the answers ("E" exact, "N" no) and returns the plan. */
static struct cassandra_access plan(const struct cassandra_schema *schema, const struct table *table,
                                    struct request *request, const char *answers, const char *explained) {
    enum pushdown_answer got[8];
    struct cassandra_access access;
    struct strbuf explain = {0};
    assert_int_equal(
        cassandra_access_plan(schema, table, &request->base, request->indexes, &arena, got, &access, &explain, NULL),
        STATUS_OK);
    assert_string_equal(explain.data, explained);
    for (int i = 0; i < request->base.predicate_count; i++)
        assert_int_equal(got[i], answers[i] == 'E' ? PUSHDOWN_EXACT : PUSHDOWN_NO);
    strbuf_free(&explain);
    return access;
}

static void whole_keys_are_pushed(void **state) {
    (void)state;
    struct cassandra_schema *schema = make_schema(events, 8);
    struct table *table = sql_table(schema);
    struct request r = {0};
    add(&r, table, "user_id", PREDICATE_EQ, 1, values(1, bigint(5)));
    struct cassandra_access access = plan(schema, table, &r, "N", "FULL SCAN of ks.t by token ranges");
    assert_int_equal(access.kind, CASSANDRA_SCAN);
    assert_false(access.all_exact);

    add(&r, table, "day", PREDICATE_EQ, 1, values(1, text("mon")));
    access = plan(schema, table, &r, "EE", "partition key user_id = 5 and day = 'mon'");
    assert_int_equal(access.kind, CASSANDRA_POINTS);
    assert_true(access.all_exact);
    assert_int_equal(access.point_count, 1);
    assert_string_equal(access.where, "\"user_id\" = ? AND \"day\" = ?");
    assert_true(str_equal(access.points[0], (struct str){"\0\0\0\x08\0\0\0\0\0\0\0\5\0\0\0\3mon", 19}));

    /* IN lists multiply; duplicates and NULLs count once or not at all */
    r = (struct request){0};
    add(&r, table, "day", PREDICATE_IN, 4,
        values(4, text("a"), text("b"), text("a"), value_null(type_of(TYPE_VARCHAR))));
    add(&r, table, "user_id", PREDICATE_IN, 3, values(3, bigint(1), bigint(2), bigint(3)));
    add(&r, table, "amount", PREDICATE_GT, 1, values(1, value_f64(1)));
    access = plan(schema, table, &r, "EEN", "partition keys user_id IN (3 values) and day IN (4 values)");
    assert_int_equal(access.point_count, 6);
    assert_false(access.all_exact);

    /* an equality is preferred, the second restriction of a column is left to the engine */
    r = (struct request){0};
    add(&r, table, "day", PREDICATE_IN, 2, values(2, text("a"), text("b")));
    add(&r, table, "day", PREDICATE_EQ, 1, values(1, text("b")));
    add(&r, table, "user_id", PREDICATE_EQ, 1, values(1, bigint(1)));
    plan(schema, table, &r, "NEE", "partition key user_id = 1 and day = 'b'");

    /* nothing can match */
    r = (struct request){0};
    add(&r, table, "day", PREDICATE_EQ, 1, values(1, value_null(type_of(TYPE_VARCHAR))));
    add(&r, table, "user_id", PREDICATE_EQ, 1, values(1, bigint(1)));
    access = plan(schema, table, &r, "EE", "no row can match");
    assert_int_equal(access.kind, CASSANDRA_NOTHING);
}

static void many_keys_are_a_scan(void **state) {
    (void)state;
    struct cassandra_schema *schema = make_schema(events, 8);
    struct table *table = sql_table(schema);
    struct value *list = ARENA_ARRAY(&arena, struct value, 100), *days = ARENA_ARRAY(&arena, struct value, 26);
    for (int i = 0; i < 100; i++) list[i] = bigint(i);
    for (int i = 0; i < 26; i++) days[i] = text(arena_printf(&arena, "%c", 'a' + i));
    struct request r = {0};
    add(&r, table, "user_id", PREDICATE_IN, 100, list);
    add(&r, table, "day", PREDICATE_IN, 26, days);
    plan(schema, table, &r, "NN", "FULL SCAN of ks.t by token ranges");
    r.predicates[1].value_count = 25;
    struct cassandra_access access =
        plan(schema, table, &r, "EE", "partition keys user_id IN (100 values) and day IN (25 values)");
    assert_int_equal(access.point_count, 2500);
}

static void clustering_prefixes(void **state) {
    (void)state;
    struct cassandra_schema *schema = make_schema(events, 8);
    struct table *table = sql_table(schema);
    const char *uuid = "00112233-4455-6677-8899-aabbccddeeff";
    struct request key = {0};
    add(&key, table, "user_id", PREDICATE_EQ, 1, values(1, bigint(5)));
    add(&key, table, "day", PREDICATE_EQ, 1, values(1, text("mon")));
#define WITH(...) "partition key user_id = 5 and day = 'mon'" __VA_ARGS__

    /* one range, from both sides, ends it */
    struct request r = key;
    add(&r, table, "ts", PREDICATE_GE, 1, values(1, millis(1000)));
    add(&r, table, "ts", PREDICATE_LT, 1, values(1, millis(5000000)));
    add(&r, table, "ts", PREDICATE_LT, 1, values(1, millis(6000000)));
    add(&r, table, "id", PREDICATE_EQ, 1, values(1, text(uuid)));
    struct cassandra_access access =
        plan(schema, table, &r, "EEEENN",
             WITH(", clustering ts >= CAST('1970-01-01 00:00:00.001Z' AS TIMESTAMP_LTZ(3)) and ts < CAST('1970-01-01 "
                  "00:00:05.000Z' AS TIMESTAMP_LTZ(3))"));
    assert_string_equal(access.where, "\"user_id\" = ? AND \"day\" = ? AND \"ts\" >= ? AND \"ts\" < ?");
    assert_int_equal(access.value_count, 4);

    /* equalities, an IN, then a range */
    r = key;
    add(&r, table, "ts", PREDICATE_EQ, 1, values(1, millis(1000)));
    add(&r, table, "n", PREDICATE_GT, 1, values(1, value_i64(type_of(TYPE_INT), 3)));
    add(&r, table, "id", PREDICATE_IN, 2, values(2, text(uuid), text("not a uuid")));
    access = plan(schema, table, &r, "EEEEE",
                  WITH(", clustering ts = CAST('1970-01-01 00:00:00.001Z' AS TIMESTAMP_LTZ(3)) and id IN (2 values), "
                       "clustering n > 3"));
    assert_string_equal(access.where, "\"user_id\" = ? AND \"day\" = ? AND \"ts\" = ? AND \"id\" = ? AND \"n\" > ?");

    /* without the first clustering column the others do not count */
    r = key;
    add(&r, table, "id", PREDICATE_EQ, 1, values(1, text(uuid)));
    plan(schema, table, &r, "EEN", WITH());

    /* order of uuids is not that of their texts; fractions of a millisecond cannot be asked for */
    r = key;
    add(&r, table, "ts", PREDICATE_EQ, 1, values(1, millis(1000)));
    add(&r, table, "id", PREDICATE_GT, 1, values(1, text(uuid)));
    plan(schema, table, &r, "EEEN", WITH(", clustering ts = CAST('1970-01-01 00:00:00.001Z' AS TIMESTAMP_LTZ(3))"));
    r = key;
    add(&r, table, "ts", PREDICATE_GT, 1, values(1, millis(1001)));
    plan(schema, table, &r, "EEN", WITH());

    /* a uuid that is none matches no row */
    r = key;
    add(&r, table, "ts", PREDICATE_EQ, 1, values(1, millis(1000)));
    add(&r, table, "id", PREDICATE_EQ, 1, values(1, text("not a uuid")));
    enum pushdown_answer answers[8];
    assert_int_equal(cassandra_access_plan(schema, table, &r.base, NULL, &arena, answers, &access, NULL, NULL),
                     STATUS_OK);
    assert_int_equal(access.kind, CASSANDRA_NOTHING);

    /* IN on a clustering column is bound as a list */
    r = key;
    add(&r, table, "ts", PREDICATE_IN, 2, values(2, millis(1000), millis(2000)));
    assert_int_equal(cassandra_access_plan(schema, table, &r.base, NULL, &arena, answers, &access, NULL, NULL),
                     STATUS_OK);
    assert_string_equal(access.where, "\"user_id\" = ? AND \"day\" = ? AND \"ts\" IN ?");
    assert_true(str_equal(access.values,
                          (struct str){"\0\0\0\x1c\0\0\0\2\0\0\0\x08\0\0\0\0\0\0\0\1\0\0\0\x08\0\0\0\0\0\0\0\2", 32}));
}

/* Only where the answer is: token ranges take slices of partitions (in a scan that need not find its place again) and indexes. */
static void scans_with_restrictions(void **state) {
    (void)state;
    struct cassandra_schema *schema = make_schema(wide, 8);
    struct table *table = sql_table(schema);
    struct request r = {.base.bounded_only = true};
    add(&r, table, "a", PREDICATE_IN, 2, values(2, bigint(1), bigint(2)));
    add(&r, table, "b", PREDICATE_GT, 1, values(1, text("m")));
    add(&r, table, "v", PREDICATE_EQ, 1, values(1, bigint(7)));
#define FULL "FULL SCAN of ks.t by token ranges"
    struct cassandra_access access =
        plan(schema, table, &r, "EEN", FULL ", clustering a IN (2 values), clustering b > 'm'");
    assert_string_equal(access.where, "\"a\" IN ? AND \"b\" > ?");
    assert_int_equal(access.value_count, 4);
    assert_true(access.filtering && !access.all_exact);
    r.base.bounded_only = false;
    access = plan(schema, table, &r, "NNN", FULL);
    assert_true(!access.filtering && access.where[0] == 0 && access.value_count == 2);

    /* all storage-attached indexes that fit, by = and ranges of numbers; a text only by = */
    struct cassandra_index list[] = {{"iw", 6, true}, {"iv", 5, true}, {"ix", 7, false}};
    r.indexes = &(struct cassandra_indexes){3, list};
    add(&r, table, "w", PREDICATE_EQ, 1, values(1, text("k")));
    access = plan(schema, table, &r, "NNEE", "index iw: w = 'k', index iv: v = 7");
    assert_string_equal(access.where, "\"w\" = ? AND \"v\" = ?");
    assert_string_equal(access.index, "iw");
    assert_true(access.filtering);
    /* texts have no order there */
    r.predicates[3].op = PREDICATE_GE;
    r.predicates[2].op = PREDICATE_LT;
    plan(schema, table, &r, "NNEN", "index iv: v < 7");
    /* one of the old kind only by =, and only when there is no other */
    struct request old = {.indexes = &(struct cassandra_indexes){3, list}};
    add(&old, table, "x", PREDICATE_EQ, 1, values(1, bigint(3)));
    plan(schema, table, &old, "E", "index ix: x = 3");
    old.predicates[0].op = PREDICATE_LE;
    plan(schema, table, &old, "N", FULL);
    old.predicates[0].op = PREDICATE_EQ;
    add(&old, table, "v", PREDICATE_GT, 1, values(1, bigint(3)));
    plan(schema, table, &old, "NE", "index iv: v > 3");
    /* empty and long values may not be in an index */
    struct request odd = {.indexes = &(struct cassandra_indexes){1, list}};
    char *longer = arena_alloc(&arena, CASSANDRA_MAX_INDEXED_BYTES + 2);
    memset(longer, 'x', CASSANDRA_MAX_INDEXED_BYTES + 1);
    longer[CASSANDRA_MAX_INDEXED_BYTES + 1] = 0;
    add(&odd, table, "w", PREDICATE_EQ, 1, values(1, text(longer)));
    plan(schema, table, &odd, "N", FULL);
    odd.predicates[0].values = values(1, text(longer + 1));
    assert_int_equal(cassandra_access_plan(schema, table, &odd.base, odd.indexes, &arena,
                                           (enum pushdown_answer[1]){PUSHDOWN_NO}, &access, NULL, NULL),
                     STATUS_OK);
    assert_string_equal(access.index, "iw");
    odd.predicates[0].values = values(1, text(""));
    plan(schema, table, &odd, "N", FULL);
    /* within a partition an index helps when there is no slice */
    struct request key = {.indexes = &(struct cassandra_indexes){3, list}};
    add(&key, table, "p", PREDICATE_EQ, 1, values(1, bigint(1)));
    add(&key, table, "v", PREDICATE_GT, 1, values(1, bigint(3)));
    access = plan(schema, table, &key, "EE", "partition key p = 1, index iv: v > 3");
    assert_string_equal(access.where, "\"p\" = ? AND \"v\" > ?");
    assert_true(access.filtering && access.all_exact);
    add(&key, table, "a", PREDICATE_GT, 1, values(1, bigint(3)));
    access = plan(schema, table, &key, "ENE", "partition key p = 1, clustering a > 3");
    assert_false(access.filtering);

    /* what the table's options say */
    option_add(&table->options, &arena, "scan.pushdown", "false", -1);
    plan(schema, table, &key, "NNN", FULL);
    assert_false(cassandra_wants_indexes(schema, table, &key.base));
#undef FULL
}

/* Which rows are the first ones, and whether a partition's first ones are enough. */
static void check_top(const struct cassandra_schema *schema, const struct table *table, struct request *request,
                      const char *partition, const char *order, const char *expected) {
    int columns[2][8], counts[2] = {0, 0};
    bool descending[8];
    for (const char *at = partition; *at; at++)
        columns[0][counts[0]++] = cassandra_schema_find(schema, (char[]){*at, 0});
    for (const char *at = order; *at; at++) {
        descending[counts[1]] = *at == '-';
        at += *at == '-';
        columns[1][counts[1]++] = cassandra_schema_find(schema, (char[]){*at, 0});
    }
    struct scan_top top = {3, counts[0], columns[0], counts[1], columns[1], descending};
    enum pushdown_answer answers[8];
    struct cassandra_access access;
    request->base.limit = -1;
    request->base.top = &top;
    assert_int_equal(cassandra_access_plan(schema, table, &request->base, NULL, &arena, answers, &access, NULL, NULL),
                     STATUS_OK);
    const char *got = !access.partition_limit ? "" : access.order_by ? access.order_by : "3";
    if (strcmp(got, expected) != 0) fail_msg("%s, %s: '%s' instead of '%s'", partition, order, got, expected);
}

static void first_rows_of_partitions(void **state) {
    (void)state;
    struct cassandra_schema *schema = make_schema(wide, 8);
    struct table *table = sql_table(schema); /* p / a, b desc, c */
    for (int i = 0; i < 8; i++) assert_string_equal(table->columns[i].name, schema->columns[i].name);
    struct request scan = {0}, point = {0}, filtered = {0};
    check_top(schema, table, &scan, "p", "a-bc", "3");
    check_top(schema, table, &scan, "", "a-bc", "3");
    check_top(schema, table, &scan, "p", "pa-bcv", "3"); /* the same in a partition; behind the whole key */
    check_top(schema, table, &scan, "p", "a-b", "");     /* ties */
    check_top(schema, table, &scan, "p", "abc", "");
    check_top(schema, table, &scan, "p", "", "");
    check_top(schema, table, &scan, "pa", "a-bc", "");
    check_top(schema, table, &scan, "v", "a-bc", "");
    check_top(schema, table, &scan, "p", "-ab-c", ""); /* backwards only from a single partition */
    add(&point, table, "p", PREDICATE_IN, 2, values(2, bigint(1), bigint(2)));
    check_top(schema, table, &point, "p", "-ab-c", "\"a\" DESC, \"b\" ASC, \"c\" DESC");
    check_top(schema, table, &point, "p", "-a-bc", "");
    add(&point, table, "a", PREDICATE_EQ, 1, values(1, bigint(1)));
    check_top(schema, table, &point, "p", "-bc", "3"); /* a has one value */
    check_top(schema, table, &point, "p", "-a-bc", "3");
    add(&point, table, "b", PREDICATE_EQ, 1, values(1, text("x")));
    check_top(schema, table, &point, "p", "-c", "\"a\" DESC, \"b\" ASC, \"c\" DESC");
    add(&filtered, table, "v", PREDICATE_EQ, 1, values(1, bigint(1)));
    check_top(schema, table, &filtered, "p", "a-bc", "");
    /* metadata has nothing to do with the column of its name */
    struct table_column *columns = (struct table_column *)table->columns;
    columns[1].kind = COLUMN_METADATA;
    check_top(schema, table, &scan, "p", "a-bc", "");
    columns[1].kind = COLUMN_PHYSICAL;
    /* uuids are texts in SQL, doubles have two zeros */
    static const char *const odd[][3] = {{"p", "bigint", "p"}, {"u", "uuid", "c"}, {"v", "int", "r"}};
    schema = make_schema(odd, 3);
    check_top(schema, sql_table(schema), &scan, "p", "u", "");
    static const char *const floats[][3] = {{"p", "bigint", "p"}, {"d", "double", "c"}, {"v", "int", "r"}};
    schema = make_schema(floats, 3);
    check_top(schema, sql_table(schema), &scan, "p", "d", "");
}

static void statements(void **state) {
    (void)state;
    struct cassandra_schema *schema = make_schema(wide, 8);
    struct table *table = sql_table(schema);
    struct strbuf out = {0};
    struct scan_request request = {.column_count = 2, .columns = (int[]){5, 0}};
    struct cassandra_access access = {.kind = CASSANDRA_SCAN, .where = ""};
    cassandra_put_select(&out, schema, table, &request, &access, -1, false);
    assert_string_equal(out.data, "SELECT \"v\", \"p\" FROM \"ks\".\"t\" WHERE token(\"p\") > ? AND token(\"p\") <= ?");
    /* static columns alone may not be asked for with restrictions of clustering columns */
    strbuf_clear(&out);
    request.columns = (int[]){4, 0};
    assert_int_equal(cassandra_selected_count(schema, table, &request), 3);
    cassandra_put_select(&out, schema, table, &request, &access, -1, false);
    assert_string_equal(out.data,
                        "SELECT \"s\", \"p\", \"a\" FROM \"ks\".\"t\" WHERE token(\"p\") > ? AND token(\"p\") <= ?");
    strbuf_clear(&out);
    request.column_count = 0;
    assert_int_equal(cassandra_selected_count(schema, table, &request), 1);
    access = (struct cassandra_access){.kind = CASSANDRA_POINTS,
                                       .where = "\"p\" = ?",
                                       .order_by = "\"a\" DESC",
                                       .partition_limit = 3,
                                       .filtering = true};
    cassandra_put_select(&out, schema, table, &request, &access, 5, false);
    assert_string_equal(out.data, "SELECT \"p\" FROM \"ks\".\"t\" WHERE \"p\" = ? ORDER BY \"a\" DESC PER PARTITION "
                                  "LIMIT 3 LIMIT 5 ALLOW FILTERING");
    strbuf_clear(&out);
    access =
        (struct cassandra_access){.kind = CASSANDRA_NEAREST, .where = "", .order_by = "\"v\" ANN OF ?", .nearest = 10};
    cassandra_put_select(&out, schema, table, &request, &access, 5, false);
    assert_string_equal(out.data, "SELECT \"p\" FROM \"ks\".\"t\" ORDER BY \"v\" ANN OF ? LIMIT 5");
    strbuf_free(&out);
}

/* Which groups the server makes, and what it is asked. columns: "p a", aggregates: "MAX v,COUNT *". NULL: none of them. */
static void check_groups(const struct cassandra_schema *schema, const char *columns, const char *aggregates,
                         const char *cql) {
    struct table *table = sql_table(schema);
    option_add(&table->options, &arena, "scan.aggregates-at-server", "true", -1);
    int positions[8], count = 0, aggregate_count = 0;
    struct scan_aggregate list[8];
    char word[2][16];
    for (const char *at = columns; sscanf(at, " %15s", word[0]) == 1; at = strstr(at, word[0]) + strlen(word[0])) {
        positions[count] = 0;
        while (strcmp(table->columns[positions[count]].name, word[0]) != 0) positions[count]++;
        count++;
    }
    for (const char *at = aggregates; at && sscanf(at, " %15[A-Z] %15[^,]", word[0], word[1]) == 2;
         at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
        struct scan_aggregate *aggregate = &list[aggregate_count++];
        *aggregate = (struct scan_aggregate){SCAN_COUNT, -1, type_of(TYPE_BIGINT)};
        while (strcmp(scan_function_name(aggregate->function), word[0]) != 0) aggregate->function++;
        for (int i = 0; i < table->column_count; i++)
            if (strcmp(table->columns[i].name, word[1]) == 0) aggregate->column = i;
    }
    struct scan_groups groups = {aggregate_count, list};
    struct scan_request request = {
        .column_count = count, .columns = positions, .limit = -1, .groups = &groups, .bounded_only = true};
    struct cassandra_access access;
    assert_int_equal(cassandra_access_plan(schema, table, &request, NULL, &arena, NULL, &access, NULL, NULL),
                     STATUS_OK);
    if (cassandra_groups_taken(schema, table, &request, &access, &arena) != (cql != NULL))
        fail_msg("by %s: %s", columns, aggregates);
    if (!cql) return;
    struct strbuf out = {0};
    cassandra_put_select(&out, schema, table, &request, &access, -1, false);
    assert_string_equal(out.data, cql);
    strbuf_clear(&out);
    request.bounded_only = false; /* a job that goes on after a restart */
    assert_false(cassandra_groups_taken(schema, table, &request, &access, &arena));
    request.bounded_only = true;
    table->options.values[table->options.count - 1] = "false";
    assert_false(cassandra_groups_taken(schema, table, &request, &access, &arena));
    strbuf_free(&out);
}

static void groups_at_the_server(void **state) {
    (void)state;
    static const char *const plain[][3] = {{"p", "int", "p"},          {"q", "text", "p"},    {"a", "bigint", "c"},
                                           {"b", "uuid", "cd"},        {"v", "int", "r"},     {"t", "text", "r"},
                                           {"d", "double", "r"},       {"n", "decimal", "r"}, {"u", "uuid", "r"},
                                           {"m", "map<int, int>", "r"}};
    struct cassandra_schema *schema = make_schema(plain, 10);
    const char *from = "FROM \"ks\".\"t\" WHERE token(\"p\", \"q\") > ? AND token(\"p\", \"q\") <= ? GROUP BY";
    check_groups(schema, "p q", "COUNT *,MAX v,MIN t",
                 arena_printf(&arena, "SELECT \"p\", \"q\", COUNT(*), MAX(\"v\"), MIN(\"t\") %s \"p\", \"q\"", from));
    check_groups(schema, "a q p", "SUM v,COUNT d,SUM a",
                 arena_printf(&arena,
                              "SELECT \"a\", \"q\", \"p\", SUM(CAST(\"v\" AS varint)), COUNT(\"d\"), SUM(CAST(\"a\" "
                              "AS varint)), COUNT(\"v\"), COUNT(\"a\") %s \"p\", \"q\", \"a\"",
                              from));
    check_groups(schema, "p q", "", arena_printf(&arena, "SELECT \"p\", \"q\" %s \"p\", \"q\"", from));
    check_groups(schema, "p q", "COUNT m",
                 arena_printf(&arena, "SELECT \"p\", \"q\", COUNT(\"m\") %s \"p\", \"q\"", from));
    check_groups(schema, "p", "COUNT *", NULL);       /* not the whole partition key */
    check_groups(schema, "p q b", "COUNT *", NULL);   /* a gap */
    check_groups(schema, "p q v", "COUNT *", NULL);   /* no key column */
    check_groups(schema, "p q p", "COUNT *", NULL);   /* one of them twice */
    check_groups(schema, "p q a b", "COUNT *", NULL); /* every group is a row */
    check_groups(schema, "p q", "SUM d", NULL);       /* rounds otherwise */
    check_groups(schema, "p q", "SUM n", NULL);
    check_groups(schema, "p q", "MAX d", NULL); /* NaN, 0.0 */
    check_groups(schema, "p q", "MIN n", NULL); /* 1.0, 1.00 */
    check_groups(schema, "p q", "MAX u", NULL); /* another order than their texts' */
    static const char *const statics[][3] = {
        {"p", "int", "p"}, {"a", "int", "c"}, {"s", "int", "s"}, {"v", "int", "r"}};
    check_groups(make_schema(statics, 4), "p", "COUNT *", NULL);
    static const char *const doubles[][3] = {{"p", "double", "p"}, {"a", "int", "c"}};
    check_groups(make_schema(doubles, 2), "p", "COUNT *", NULL); /* 0.0 and -0.0 are one group */
}

static void keys_that_differ_in_sql(void **state) {
    (void)state;
    static const char *const odd[][3] = {{"d", "decimal", "p"}, {"x", "int", "r"}};
    struct cassandra_schema *schema = make_schema(odd, 2);
    struct table *table = sql_table(schema);
    struct request r = {0};
    add(&r, table, "d", PREDICATE_EQ, 1, values(1, value_from_decimal(table->columns[0].type, 1)));
    plan(schema, table, &r, "N", "FULL SCAN of ks.t by token ranges");
    static const char *const floats[][3] = {{"d", "double", "p"}, {"x", "int", "r"}};
    schema = make_schema(floats, 2);
    table = sql_table(schema);
    r = (struct request){0};
    add(&r, table, "d", PREDICATE_IN, 2, values(2, value_f64(1), value_f64(0)));
    plan(schema, table, &r, "N", "FULL SCAN of ks.t by token ranges");
    r.predicates[0].value_count = 1;
    plan(schema, table, &r, "E", "partition key d IN (1 values)");
}

static void token_ranges(void **state) {
    (void)state;
    static const int counts[] = {1, 2, 3, 7, 64, 1000, CASSANDRA_MAX_SPLITS};
    for (size_t k = 0; k < sizeof counts / sizeof *counts; k++) {
        int64_t before = INT64_MIN, start, end;
        for (int i = 0; i < counts[k]; i++) {
            cassandra_token_range(i, counts[k], &start, &end);
            assert_true(start == before && end > start);
            before = end;
        }
        assert_true(before == INT64_MAX);
    }
}

/* The ranges are the whole ring in order. */
static struct cassandra_ranges cut(const struct cassandra_estimate *list, int count, int64_t split_bytes, int least) {
    struct cassandra_estimates estimates = {count, (struct cassandra_estimate *)list};
    struct cassandra_ranges ranges;
    cassandra_cut_ring(&estimates, split_bytes, least, &arena, &ranges);
    int64_t at = INT64_MIN;
    for (int i = 0; i < ranges.count; i++) {
        assert_true(ranges.ranges[i].start == at && ranges.ranges[i].end > at);
        at = ranges.ranges[i].end;
    }
    assert_true(at == INT64_MAX);
    assert_in_range(ranges.count, least < CASSANDRA_MAX_SPLITS ? least : CASSANDRA_MAX_SPLITS, CASSANDRA_MAX_SPLITS);
    return ranges;
}

/* Estimated bytes of (start, end], from estimates that do not go around the ring's end. */
static double bytes_within(const struct cassandra_estimate *list, int count, struct cassandra_range range) {
    double bytes = 0;
    for (int i = 0; i < count; i++) {
        int64_t start = range.start > list[i].start ? range.start : list[i].start;
        int64_t end = range.end < list[i].end ? range.end : list[i].end;
        if (start < end)
            bytes += list[i].size_bytes * ((double)end - (double)start) / ((double)list[i].end - (double)list[i].start);
    }
    return bytes;
}

/* Three nodes; by hand. */
static void ranges_are_cut_at_tokens(void **state) {
    (void)state;
    static const int64_t ends[] = {-100, 0, 50, 100};
    static const int owners[] = {2, 0, 1, 0};
    struct cassandra_range list[] = {{INT64_MIN, -100}, {-100, 20}, {20, 70}, {70, INT64_MAX}};
    struct cassandra_ranges ranges = {.count = 4, .capacity = 4, .ranges = list};
    cassandra_cut_at_tokens(&ranges, ends, owners, 4, &arena);
    /* (min,-100]:2 (-100,0]:0 (0,20]:1 (20,50]:1 (50,70]:0 (70,100]:0 (100,max]:2 around the end */
    static const struct cassandra_range wanted[] = {{-100, 0}, {0, 20},          {INT64_MIN, -100}, {50, 70},
                                                    {20, 50},  {100, INT64_MAX}, {70, 100}};
    assert_int_equal(ranges.count, 7);
    for (int i = 0; i < 7; i++) {
        assert_true(ranges.ranges[i].start == wanted[i].start);
        assert_true(ranges.ranges[i].end == wanted[i].end);
    }
    /* Nothing is known, or it would be too many: as they are. */
    struct cassandra_range one[] = {{INT64_MIN, INT64_MAX}};
    struct cassandra_ranges same = {.count = 1, .capacity = 1, .ranges = one};
    cassandra_cut_at_tokens(&same, ends, owners, 0, &arena);
    assert_int_equal(same.count, 1);
    static int64_t many[CASSANDRA_RING_TOKENS + 1];
    static int many_owners[CASSANDRA_RING_TOKENS + 1];
    for (int i = 0; i <= CASSANDRA_RING_TOKENS; i++) many[i] = i;
    cassandra_cut_at_tokens(&same, many, many_owners, CASSANDRA_RING_TOKENS + 1, &arena);
    assert_int_equal(same.count, 1);
    cassandra_cut_at_tokens(&same, many, many_owners, CASSANDRA_RING_TOKENS, &arena);
    assert_int_equal(same.count, CASSANDRA_RING_TOKENS + 1);
}

static void rings_are_cut_by_size(void **state) {
    (void)state;
    enum { MB = 1 << 20 };
    const int64_t quarter = INT64_C(1) << 62;
    /* nothing is known, or that nothing is there */
    assert_int_equal(cut(NULL, 0, 64 * MB, 8).count, 8);
    assert_int_equal(cut(NULL, 0, 64 * MB, 1).count, 1);
    struct cassandra_estimate empty[] = {{-quarter, quarter, 0, 0}};
    assert_int_equal(cut(empty, 1, 64 * MB, 5).count, 5);
    assert_int_equal(cut(NULL, 0, 64 * MB, 10 * CASSANDRA_MAX_SPLITS).count, CASSANDRA_MAX_SPLITS);
    /* one server, one token: start and end are the same */
    struct cassandra_estimate whole[] = {{0, 0, 640.0 * MB, 0}};
    assert_int_equal(cut(whole, 1, 64 * MB, 1).count, 10);
    assert_int_equal(cut(whole, 1, 1024 * MB, 4).count, 4);
    /* a quarter is known, around the ring's end; the rest is taken to be as dense */
    struct cassandra_estimate around[] = {{INT64_MAX - quarter / 2, INT64_MIN + quarter / 2, 100.0 * MB, 0}};
    assert_in_range(cut(around, 1, 10 * MB, 1).count, 40, 42);
    int64_t bytes, partitions;
    struct cassandra_estimate known[] = {{0, quarter, 5.0 * MB, 1000}};
    cassandra_estimates_sum(&(struct cassandra_estimates){1, known}, &bytes, &partitions);
    assert_int_equal(bytes, 20 * MB);
    assert_int_equal(partitions, 4000);
    cassandra_estimates_sum(&(struct cassandra_estimates){0}, &bytes, &partitions);
    assert_int_equal(bytes, -1);

    /* 256 virtual nodes of very different sizes: tiny ones share a range, large ones are several */
    uint64_t seed = 11;
    for (int round = 0; round < 20; round++) {
        struct cassandra_estimate list[256];
        int64_t at = INT64_MIN;
        double total = 0;
        for (int i = 0; i < 256; i++) {
            seed = seed * UINT64_C(6364136223846793005) + 1;
            int64_t end = i == 255 ? INT64_MAX : at + (int64_t)(seed >> 33) * (INT64_C(1) << 24) + 1;
            double size_bytes = (seed >> 20) % 3 ? (double)((seed >> 40) % MB) : (double)(seed >> 40) * 20;
            list[i] = (struct cassandra_estimate){at, end, size_bytes, 0};
            total += size_bytes;
            at = end;
        }
        for (int i = 255; i > 0; i--) { /* in any order */
            int k = (int)((seed >> 13) % (uint64_t)(i + 1));
            struct cassandra_estimate other = list[k];
            list[k] = list[i];
            list[i] = other;
            seed = seed * UINT64_C(6364136223846793005) + 1;
        }
        struct cassandra_ranges ranges = cut(list, 256, 32 * MB, 1);
        for (int i = 0; i < ranges.count; i++) assert_true(bytes_within(list, 256, ranges.ranges[i]) < 32.1 * MB);
        for (int i = 1; i < ranges.count; i++) /* no two neighbours could be one, but for parts of a large one */
            assert_true(bytes_within(list, 256, ranges.ranges[i - 1]) + bytes_within(list, 256, ranges.ranges[i]) >
                        15.0 * MB);
        assert_true(ranges.count < 2 * total / (32 * MB) + 256);
    }
}

/* ---- Definitions ---- */

static void print(const struct table *table, struct strbuf *out) {
    strbuf_clear(out);
    for (int i = 0; i < table->column_count; i++) {
        strbuf_printf(out, "%s ", table->columns[i].name);
        type_print(out, table->columns[i].type);
        strbuf_puts(out, ", ");
    }
    strbuf_puts(out, "key");
    for (int i = 0; i < table->primary_key_count; i++)
        strbuf_printf(out, "%s%s%s", i == table->partition_key_count ? " / " : " ",
                      table->columns[table->primary_key[i]].name, table->clustering_descending[i] ? " desc" : "");
}

static void tables_as_sql_sees_them(void **state) {
    (void)state;
    struct strbuf out = {0};
    print(sql_table(make_schema(events, 8)), &out);
    assert_string_equal(out.data, "user_id BIGINT NOT NULL, day STRING NOT NULL, ts TIMESTAMP_LTZ(3) NOT NULL, "
                                  "id STRING NOT NULL, n INT NOT NULL, amount DOUBLE, tags ARRAY<STRING>, "
                                  "price DECIMAL(38, 18), key user_id day / ts desc id n");
    /* rows of partitions with static values alone have no clustering columns */
    static const char *const statics[][3] = {
        {"a", "int", "p"}, {"b", "int", "c"}, {"s", "int", "s"}, {"x", "int", "r"}};
    print(sql_table(make_schema(statics, 4)), &out);
    assert_string_equal(out.data, "a INT NOT NULL, b INT, s INT, x INT, key a / b");
    strbuf_free(&out);
}

static struct table_column column(const char *name, const struct type *type) {
    return (struct table_column){.name = name, .type = type, .kind = COLUMN_PHYSICAL};
}

/* The comment out of a statement, as Cassandra would keep it. */
static const char *comment_of(const char *ddl) {
    const char *start = strstr(ddl, "comment = '");
    assert_non_null(start);
    char *comment = arena_strdup(&arena, start + 11), *to = comment;
    for (const char *from = comment; *from && !(from[0] == '\'' && from[1] != '\''); from++) {
        if (*from == '\'') from++;
        *to++ = *from;
    }
    *to = 0;
    return comment;
}

static void definitions_come_back(void **state) {
    (void)state;
    struct table_column columns[] = {column("z", type_of(TYPE_INT)),
                                     column("window_start", type_time(&arena, TYPE_TIMESTAMP, 3, false)),
                                     column("Page", type_string(&arena, TYPE_VARCHAR, TYPE_MAX_LENGTH, false)),
                                     column("price", type_decimal(&arena, 10, 2, true)),
                                     {.name = "twice", .kind = COLUMN_COMPUTED, .expression = "z * 2"},
                                     column("many", type_array(&arena, type_of(TYPE_BIGINT), true))};
    int key[] = {1, 2};
    bool descending[] = {false, true};
    struct table table = {.kind = TABLE_BASE,
                          .catalog = "c",
                          .database = "my ks",
                          .name = "T",
                          .comment = "what it's about",
                          .column_count = 6,
                          .columns = columns,
                          .primary_key_count = 2,
                          .partition_key_count = 1,
                          .primary_key = key,
                          .clustering_descending = descending,
                          .watermark_column = 1,
                          .watermark_expression = "window_start - INTERVAL '1' SECOND"};
    option_add(&table.options, &arena, "cql.gc_grace_seconds", "3600", -1);
    struct strbuf out = {0};
    struct error err;
    assert_int_equal(cassandra_ddl_create(&table, NULL, NULL, &out, &err), STATUS_OK);
    const char *expected =
        "CREATE TABLE \"my ks\".\"T\" (\"z\" int, \"window_start\" timestamp, \"Page\" text, \"price\" "
        "decimal, \"many\" frozen<list<bigint>>, PRIMARY KEY ((\"window_start\"), \"Page\")) WITH CLUSTERING "
        "ORDER BY (\"Page\" DESC) AND comment = 'what it''s about [millrace:v1:";
    assert_memory_equal(out.data, expected, strlen(expected));
    assert_non_null(strstr(out.data, "]' AND gc_grace_seconds = 3600"));

    /* Cassandra keeps the columns in its own order; "more" was added behind our back, "z" was dropped. */
    static const char *const kept[][3] = {{"window_start", "timestamp", "p"},
                                          {"Page", "text", "cd"},
                                          {"many", "frozen<list<bigint>>", "r"},
                                          {"more", "int", "r"},
                                          {"price", "decimal", "r"}};
    struct cassandra_schema *schema = make_schema(kept, 5);
    schema->comment = comment_of(out.data);
    struct table *back = sql_table(schema);
    assert_string_equal(back->comment, "what it's about");
    assert_int_equal(back->column_count, 6);
    assert_int_equal(back->watermark_column, 0);
    assert_string_equal(back->watermark_expression, "window_start - INTERVAL '1' SECOND");
    assert_int_equal(back->columns[3].kind, COLUMN_COMPUTED);
    back->columns = arena_memdup(&arena, back->columns, sizeof *back->columns * 6);
    ((struct table_column *)back->columns)[3].type = type_of(TYPE_INT);
    struct strbuf shown = {0};
    print(back, &shown);
    assert_string_equal(shown.data, "window_start TIMESTAMP(3) NOT NULL, Page STRING NOT NULL, price DECIMAL(10, 2), "
                                    "twice INT, many ARRAY<BIGINT>, more INT, key window_start / Page desc");

    /* A note that is damaged, or a type that no longer fits, does no harm. */
    char *damaged = arena_strdup(&arena, schema->comment);
    damaged[strlen(damaged) - 20] ^= 1;
    schema->comment = damaged;
    sql_table(schema);
    for (size_t cut = 0; cut < strlen(damaged); cut++) {
        char *short_comment = arena_strndup(&arena, damaged, cut);
        schema->comment = short_comment;
        assert_true(sql_table(schema)->column_count >= 5);
    }
    strbuf_free(&out);
    strbuf_free(&shown);
}

static enum status create(const struct table *table, const char *message) {
    struct strbuf out = {0};
    struct error err;
    enum status status = cassandra_ddl_create(table, NULL, NULL, &out, &err);
    if (status != STATUS_OK)
        assert_string_equal(err.message, message);
    else
        assert_non_null(strstr(out.data, message));
    strbuf_free(&out);
    return status;
}

static void keys_of_new_tables(void **state) {
    (void)state;
    struct table_column columns[] = {column("a", type_of(TYPE_INT)), column("b", type_of(TYPE_INT)),
                                     column("c", type_of(TYPE_INT)), column("t", type_of(TYPE_TIMESTAMP)),
                                     column("i", type_of(TYPE_INTERVAL_DAY_TIME))};
    int key[] = {0, 1, 2}, partitioned[] = {1};
    struct table table = {.database = "ks", .name = "t", .column_count = 4, .columns = columns, .watermark_column = -1};
    assert_int_equal(create(&table, "table 't' needs a primary key, as every table in Cassandra"),
                     STATUS_INVALID_QUERY);
    table.primary_key = key;
    table.primary_key_count = table.partition_key_count = 3;
    assert_int_equal(
        create(&table, "PRIMARY KEY ((\"a\"), \"b\", \"c\")) WITH CLUSTERING ORDER BY (\"b\" ASC, \"c\" ASC)"),
        STATUS_OK);
    table.partition_key_count = 2;
    assert_int_equal(create(&table, "PRIMARY KEY ((\"a\", \"b\"), \"c\"))"), STATUS_OK);
    table.partitioned_by = partitioned;
    table.partitioned_by_count = 1;
    assert_int_equal(create(&table, "PRIMARY KEY ((\"b\"), \"a\", \"c\"))"), STATUS_OK);
    option_add(&table.options, &arena, "partition-keys", "c, `a`", -1);
    option_add(&table.options, &arena, "clustering-order", "b desc", -1);
    assert_int_equal(create(&table, "PRIMARY KEY ((\"c\", \"a\"), \"b\")) WITH CLUSTERING ORDER BY (\"b\" DESC)"),
                     STATUS_OK);
    option_add(&table.options, &arena, "clustering-order", "a desc", -1);
    assert_int_equal(create(&table, "option 'clustering-order': 'a' is in the partition key, which has no order"),
                     STATUS_INVALID_OPTION);
    option_add(&table.options, &arena, "partition-keys", "t", -1);
    assert_int_equal(create(&table, "option 'partition-keys': 't' is no column of the primary key of table 't'"),
                     STATUS_INVALID_OPTION);
    table.options = (struct option_list){0};
    option_add(&table.options, &arena, "cql.x; DROP", "1", -1);
    assert_int_equal(create(&table, "option 'cql.x; DROP' is no property of tables in CQL"), STATUS_INVALID_OPTION);
    table.options = (struct option_list){0};
    key[1] = 3;
    table.partitioned_by_count = 0;
    assert_int_equal(
        create(&table, "column 't': TIMESTAMP cannot be a key in Cassandra, whose timestamps are milliseconds"),
        STATUS_NOT_SUPPORTED);
    columns[3].type = type_array(&arena, type_of(TYPE_TIMESTAMP), true);
    assert_int_equal(
        create(&table, "column 't': TIMESTAMP cannot be a key in Cassandra, whose timestamps are milliseconds"),
        STATUS_NOT_SUPPORTED);
    columns[3].type = type_array(&arena, type_of(TYPE_INT), true);
    assert_int_equal(create(&table, "\"t\" frozen<list<int>>, PRIMARY KEY ((\"a\", \"t\"), \"c\"))"), STATUS_OK);
    key[1] = 1;
    table.column_count = 5;
    struct strbuf out = {0};
    struct error err;
    assert_int_equal(cassandra_ddl_create(&table, NULL, NULL, &out, &err), STATUS_NOT_SUPPORTED);
    assert_memory_equal(err.message, "column 'i': Cassandra has no type for INTERVAL", 46);
    strbuf_free(&out);
}

/* What SHOW CREATE TABLE says makes the same table again. */
static const struct cass_type *find_address(void *data, struct str name) {
    (void)data;
    static const struct cass_type *fields[2];
    static const char *const names[] = {"street", "Nr"};
    static struct cass_type address = {.id = CASS_UDT, .child_count = 2, .names = names, .name = "Address"};
    fields[0] = cass_type_scalar(CASS_TEXT);
    fields[1] = cass_type_scalar(CASS_INT);
    address.children = fields;
    return str_equal(name, str_from("Address")) ? &address : NULL;
}

static void options_make_it_again(void **state) {
    (void)state;
    static const char *const columns[][3] = {
        {"a `b`", "uuid", "p"},   {"C, d", "int", "p"},       {"ts", "timeuuid", "cd"},
        {"n", "int", "c"},        {"seen", "text", "s"},      {"addr", "blob", "r"},
        {"at", "timestamp", "r"}, {"tags", "set<text>", "r"}, {"vec", "vector<float, 2>", "r"}};
    struct cassandra_schema *schema = make_schema(columns, 9);
    struct cassandra_column *list = (struct cassandra_column *)schema->columns;
    list[5].type = cass_type_freeze(&arena, find_address(NULL, str_from("Address")));
    schema->default_ttl_s = 60;
    struct table *table = sql_table(schema);
    static const char *const expected[][2] = {{"partition-keys", "`a ``b```, `C, d`"},
                                              {"clustering-order", "ts DESC, n ASC"},
                                              {"static-columns", "seen"},
                                              {"cql-type.a `b`", "uuid"},
                                              {"cql-type.ts", "timeuuid"},
                                              {"cql-type.addr", "frozen<\"Address\">"},
                                              {"cql-type.tags", "set<text>"},
                                              {"cql-type.vec", "vector<float, 2>"},
                                              {"cql.default_time_to_live", "60"}};
    assert_int_equal(table->options.count, sizeof expected / sizeof *expected);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        assert_string_equal(option_find(&table->options, expected[i][0]), expected[i][1]);
    table->partition_key_count = table->primary_key_count; /* as the binder has it */
    table->clustering_descending = NULL;
    struct strbuf out = {0};
    struct error err;
    assert_int_equal(cassandra_ddl_create(table, find_address, NULL, &out, &err), STATUS_OK);
    const char *head =
        "CREATE TABLE \"ks\".\"t\" (\"a `b`\" uuid, \"C, d\" int, \"ts\" timeuuid, \"n\" int, \"seen\" text "
        "static, \"addr\" frozen<\"Address\">, \"at\" timestamp, \"tags\" set<text>, \"vec\" "
        "vector<float, 2>, PRIMARY KEY ((\"a `b`\", \"C, d\"), \"ts\", \"n\")) WITH CLUSTERING ORDER BY "
        "(\"ts\" DESC, \"n\" ASC) AND comment = ";
    assert_memory_equal(out.data, head, strlen(head));
    assert_non_null(strstr(out.data, "AND default_time_to_live = 60"));
    strbuf_free(&out);

    assert_int_equal(cassandra_ddl_create(table, NULL, NULL, &out, &err), STATUS_INVALID_OPTION);
    assert_string_equal(err.message, "option 'cql-type.addr': keyspace ks has no type 'Address'");
    strbuf_free(&out);
    option_add(&table->options, &arena, "cql-type.addr", "int", -1);
    assert_int_equal(cassandra_ddl_create(table, find_address, NULL, &out, &err), STATUS_TYPE_MISMATCH);
    assert_string_equal(err.message, "option 'cql-type.addr': column 'addr' is int in Cassandra, which cannot be "
                                     "ROW<`street` STRING, `Nr` INT>");
    strbuf_free(&out);
    option_add(&table->options, &arena, "cql-type.addr", "int; DROP", -1);
    assert_int_equal(cassandra_ddl_create(table, find_address, NULL, &out, &err), STATUS_BAD_DATA);
    strbuf_free(&out);
    option_add(&table->options, &arena, "cql-type.addr", "frozen<\"Address\">", -1);
    static const char *const statics[][2] = {{"nope", "option 'static-columns': table 't' has no column 'nope'"},
                                             {"ts", "option 'static-columns': 'ts' is part of the primary key"}};
    for (int i = 0; i < 2; i++) {
        option_add(&table->options, &arena, "static-columns", statics[i][0], -1);
        assert_int_equal(cassandra_ddl_create(table, find_address, NULL, &out, &err), STATUS_INVALID_OPTION);
        assert_string_equal(err.message, statics[i][1]);
        strbuf_free(&out);
    }
    /* The embedded store's names of options. */
    static const char *const counted[][3] = {{"k", "int", "p"}, {"n", "bigint", "r"}};
    table = sql_table(make_schema(counted, 2));
    option_add(&table->options, &arena, "counter-columns", "m, n", -1);
    assert_int_equal(cassandra_ddl_create(table, NULL, NULL, &out, &err), STATUS_OK);
    assert_non_null(strstr(out.data, "\"n\" counter, PRIMARY KEY"));
    strbuf_free(&out);
    table->options.count = 0;
    option_add(&table->options, &arena, "default-time-to-live", "2 h", -1);
    assert_int_equal(cassandra_ddl_create(table, NULL, NULL, &out, &err), STATUS_OK);
    assert_non_null(strstr(out.data, " AND default_time_to_live = 7200"));
    strbuf_free(&out);
    option_add(&table->options, &arena, "default-time-to-live", "10 ms", -1);
    assert_int_equal(cassandra_ddl_create(table, NULL, NULL, &out, &err), STATUS_INVALID_OPTION);
    strbuf_free(&out);
    /* A plain table needs no options at all. */
    static const char *const plain[][3] = {{"k", "int", "p"}, {"c", "text", "c"}, {"l", "frozen<list<int>>", "r"}};
    assert_int_equal(sql_table(make_schema(plain, 3))->options.count, 0);
}

/* ---- Metadata columns ---- */

static struct table_column metadata_column(const char *name, const char *key, const struct type *type,
                                           bool is_virtual) {
    return (struct table_column){
        .name = name, .kind = COLUMN_METADATA, .metadata_key = key, .type = type, .is_virtual = is_virtual};
}

static void metadata_is_checked(void **state) {
    (void)state;
    const struct type *micros = type_time(&arena, TYPE_TIMESTAMP_LTZ, 6, true), *integer = type_of(TYPE_INT);
    const struct type *millis_type = type_time(&arena, TYPE_TIMESTAMP_LTZ, 3, true),
                      *bigint_type = type_of(TYPE_BIGINT);
    const struct {
        struct table_column column;
        const char *message, *hint;
    } cases[] = {
        {metadata_column("w", "writetime(v)", micros, true), NULL, NULL},
        {metadata_column("w", "writetime(v)", bigint_type, true), NULL, NULL},
        {metadata_column("w", "ttl(v)", integer, true), NULL, NULL},
        {metadata_column("w", "ttl(x y)", bigint_type, true), NULL, NULL},
        {metadata_column("timestamp", "timestamp", micros, false), NULL, NULL},
        {metadata_column("w", "ttl", integer, false), NULL, NULL},
        {metadata_column("w", "writetmie(v)", micros, true),
         "column 'w': connector 'cassandra' has no metadata 'writetmie(v)'", "did you mean 'writetime(v)'?"},
        {metadata_column("w", "writetime", micros, true),
         "column 'w': connector 'cassandra' has no metadata 'writetime'", NULL},
        {metadata_column("w", "ttl()", integer, true), "column 'w': connector 'cassandra' has no metadata 'ttl()'",
         NULL},
        {metadata_column("w", "writetime(v)", millis_type, true),
         "column 'w': metadata 'writetime(v)' of connector 'cassandra' is TIMESTAMP_LTZ(6) or BIGINT",
         "a computed column can cast it"},
        {metadata_column("w", "ttl(v)", micros, true), "column 'w': metadata 'ttl(v)' of connector 'cassandra' is INT",
         NULL},
        {metadata_column("w", "ttl(v)", integer, false), "column 'w': metadata 'ttl(v)' can only be read",
         "declare it VIRTUAL"},
        {metadata_column("w", "ttl", integer, true), "column 'w': metadata 'ttl' can only be written",
         "leave out VIRTUAL"},
        {metadata_column("w", "ttl(v)", type_with_nullable(&arena, integer, false), true),
         "column 'w': metadata 'ttl(v)' may be NULL", "leave out NOT NULL"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct table table = {.name = "t", .column_count = 1, .columns = &cases[i].column, .watermark_column = -1};
        struct error err;
        error_clear(&err);
        enum status status = cassandra_connector.check_table(&table, &err);
        assert_int_equal(status == STATUS_OK, cases[i].message == NULL);
        if (cases[i].message) assert_string_equal(err.message, cases[i].message);
        if (cases[i].hint) assert_string_equal(err.hint, cases[i].hint);
    }
}

static void metadata_is_selected(void **state) {
    (void)state;
    static const char *const columns[][3] = {{"k", "int", "p"},       {"c", "int", "c"},
                                             {"s", "text", "s"},      {"V\"1", "int", "r"},
                                             {"l", "list<int>", "r"}, {"f", "frozen<set<int>>", "r"},
                                             {"n", "counter", "r"},   {"vec", "vector<float, 2>", "r"}};
    struct cassandra_target target = {.schema = make_schema(columns, 8)};
    const struct type *micros = type_time(&arena, TYPE_TIMESTAMP_LTZ, 6, true), *integer = type_of(TYPE_INT);
    const struct {
        const char *key, *text; /* or the message */
        bool good;
    } cases[] = {
        {"writetime(V\"1)", "WRITETIME(\"V\"\"1\")", true},
        {"writetime(s)", "WRITETIME(\"s\")", true},
        {"writetime(f)", "WRITETIME(\"f\")", true},
        {"writetime(vec)", "WRITETIME(\"vec\")", true},
        {"ttl(s)", "TTL(\"s\")", true},
        {"writetime(l)",
         "table ks.t, column 'm': there is no 'writetime(l)', since 'l' is a collection that is not frozen", false},
        {"ttl(k)", "table ks.t, column 'm': there is no 'ttl(k)', since 'k' is part of the key", false},
        {"writetime(c)", "table ks.t, column 'm': there is no 'writetime(c)', since 'c' is part of the key", false},
        {"writetime(n)", "table ks.t, column 'm': there is no 'writetime(n)', since 'n' is a counter", false},
        {"writetime(vecc)", "metadata 'writetime(vecc)': table ks.t in Cassandra has no column 'vecc'", false},
        {"timestamp", "table ks.t, column 'm': metadata 'timestamp' is written, it cannot be read", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct table_column column = metadata_column("m", cases[i].key, *cases[i].key == 't' ? integer : micros, true);
        struct table table = {.name = "t", .column_count = 1, .columns = &column};
        struct cass_codec codec;
        struct error err;
        error_clear(&err);
        enum status status = cassandra_codec(&target, &table, 0, &arena, &codec, &err);
        assert_int_equal(status == STATUS_OK, cases[i].good);
        struct strbuf text = {0};
        if (cases[i].good) {
            cassandra_put_selected(&text, &column);
            assert_string_equal(text.data, cases[i].text);
        } else {
            assert_string_equal(err.message, cases[i].text);
        }
        if (strcmp(cases[i].key, "writetime(vecc)") == 0) assert_string_equal(err.hint, "did you mean 'vec'?");
        strbuf_free(&text);
    }
    /* A table that the catalog is to make names its own columns. */
    struct table_column made[] = {column("k", integer), column("name", type_of(TYPE_VARCHAR)),
                                  metadata_column("w", "writetime(nmae)", micros, true)};
    int key[] = {0};
    struct table table = {.database = "ks",
                          .name = "t",
                          .column_count = 3,
                          .columns = made,
                          .primary_key = key,
                          .primary_key_count = 1,
                          .partition_key_count = 1,
                          .watermark_column = -1};
    struct strbuf out = {0};
    struct error err;
    assert_int_equal(cassandra_ddl_create(&table, NULL, NULL, &out, &err), STATUS_UNDEFINED_COLUMN);
    assert_string_equal(err.message, "metadata 'writetime(nmae)': table 't' has no column 'nmae'");
    assert_string_equal(err.hint, "did you mean 'name'?");
    strbuf_free(&out);
    made[2].metadata_key = "writetime(name)";
    assert_int_equal(cassandra_ddl_create(&table, NULL, NULL, &out, &err), STATUS_OK);
    assert_non_null(strstr(out.data, "(\"k\" int, \"name\" text, PRIMARY KEY"));
    strbuf_free(&out);
}

/* The key of a row that cannot be decoded is in the message. */
static void bad_rows_are_named(void **state) {
    (void)state;
    static const char *const columns[][3] = {{"k", "text", "p"}, {"c", "int", "c"}, {"v", "int", "r"}};
    struct cassandra_schema *schema = make_schema(columns, 3);
    static const uint8_t page[64] = "one\0\0\0\1two\0\0\0\2\0\0\0\3\0";
    const struct cass_cell cells[] = {{0, 3}, {7, 3}, {3, 4}, {10, 4}, {14, 4}, {14, 5}};
    struct cass_codec codecs[3];
    for (int i = 0; i < 3; i++)
        assert_int_equal(cass_codec_init(&codecs[i], &arena, schema->columns[i].type,
                                         type_of(i ? TYPE_INT : TYPE_VARCHAR), schema->columns[i].name, NULL),
                         STATUS_OK);
    struct error err;
    error_set(&err, STATUS_BAD_DATA, "malformed");
    cassandra_name_bad_row(schema, codecs, 3, 2, page, cells, 2, 2, &err);
    assert_string_equal(err.message, "row k = 'two', c = 2: malformed");
}

static void options(void **state) {
    (void)state;
    const struct option_def *tables[] = {cassandra_options, NULL}, *catalogs[] = {cassandra_catalog_options, NULL};
    struct option_list list = {0};
    struct error err;
    option_add(&list, &arena, "connector", "cassandra", -1);
    option_add(&list, &arena, "hosts", "a,b", -1);
    option_add(&list, &arena, "keyspace", "ks", -1);
    option_add(&list, &arena, "consistency-level", "quorum", -1);
    option_add(&list, &arena, "read-timeout", "3 s", -1);
    option_add(&list, &arena, "cql.compression", "{}", -1);
    assert_int_equal(options_check(&list, tables, "connector 'cassandra'", &err), STATUS_OK);
    struct table table = {.name = "t", .options = list};
    enum cql_consistency consistency;
    assert_int_equal(cassandra_consistency(&table, CQL_LOCAL_ONE, &consistency, NULL), STATUS_OK);
    assert_int_equal(consistency, CQL_QUORUM);
    assert_int_equal(cassandra_setting(&table, "scan.page-size"), 5000);
    assert_int_equal(cassandra_setting(&table, "request-timeout"), 3000);
    assert_false(cassandra_setting_bool(&table, "sink.ignore-null"));
    option_add(&list, &arena, "scan.pagesize", "1", -1);
    assert_int_equal(options_check(&list, tables, "connector 'cassandra'", &err), STATUS_INVALID_OPTION);
    assert_non_null(strstr(err.hint, "scan.page-size"));
    struct option_list catalog = {0};
    struct catalog *opened;
    option_add(&catalog, &arena, "type", "cassandra", -1);
    assert_int_equal(options_check(&catalog, catalogs, "catalog", &err), STATUS_OK);
    assert_int_equal(cassandra_catalog_open("c", &catalog, &opened, &err), STATUS_INVALID_OPTION);
    assert_string_equal(err.message, "catalog 'c': option 'hosts' is missing");
    option_add(&catalog, &arena, "hosts", "a", -1);
    assert_int_equal(options_check(&catalog, catalogs, "catalog", &err), STATUS_OK);
    /* a server that is not there: the table's name and the exit status 3 */
    struct table away = {.name = "t", .connector = "cassandra"};
    option_add(&away.options, &arena, "hosts", "127.0.0.1:1", -1);
    option_add(&away.options, &arena, "keyspace", "ks", -1);
    struct cassandra_target target;
    assert_int_equal(cassandra_target_open(&away, &arena, &target, &err), STATUS_UNREACHABLE);
    assert_string_equal(err.message,
                        "table 't': cannot connect to Cassandra: 127.0.0.1:1: cannot connect: connection refused");
    assert_int_equal(status_exit(err.code), 3);
    option_add(&away.options, &arena, "hosts", "127.0.0.1:x", -1);
    assert_int_equal(cassandra_target_open(&away, &arena, &target, &err), STATUS_INVALID_OPTION);
    /* a catalog's table is where the catalog has it */
    static const char *const others[] = {"hosts", "table", "keyspace", "read-timeout", "protocol-version"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        int catalogs_data;
        struct table of_catalog = {.name = "t", .database = "ks", .connector_data = &catalogs_data};
        option_add(&of_catalog.options, &arena, others[i], "5", -1);
        assert_int_equal(cassandra_target_open(&of_catalog, &arena, &target, &err), STATUS_INVALID_OPTION);
        assert_non_null(strstr(err.message, "of a catalog's table is the catalog's to say"));
        assert_non_null(strstr(err.message, others[i]));
    }
}

static void option_names_are_unique(void **state) {
    (void)state;
    const struct option_def *tables[] = {cassandra_options, cassandra_catalog_options};
    for (int t = 0; t < 2; t++)
        for (const struct option_def *a = tables[t]; a->name; a++)
            for (const struct option_def *b = tables[t]; b < a; b++) assert_string_not_equal(a->name, b->name);
}

/* Without a server: what is wrong with the options is said before anything is connected to. */
static void security_options(void **state) {
    (void)state;
    static const struct {
        const char *keys[3], *values[3], *message;
    } cases[] = {
        {{"tls.verify"}, {"ca"}, "option 'tls.verify' without TLS"},
        {{"tls", "tls.cert-file"}, {"false", "x"}, "option 'tls.cert-file' without TLS"},
        {{"tls", "tls.ca-file"}, {"true", "/nowhere"}, "option 'tls.ca-file': /nowhere: No such file or directory"},
        {{"tls", "tls.ca-file"}, {"true", "/dev/null"}, "/dev/null: there is no certificate in it"},
        {{"tls", "tls.key-file"},
         {"true", "/dev/zero"},
         "option 'tls.key-file': /dev/zero is larger than 1048576 bytes"},
        {{"secure-connect-bundle"}, {"b"}, "option 'hosts' beside 'secure-connect-bundle'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct option_list list = {0};
        struct error err;
        struct cassandra_handle *handle;
        option_add(&list, &arena, "hosts", "127.0.0.1:1", -1);
        for (int k = 0; k < 3 && cases[i].keys[k]; k++)
            option_add(&list, &arena, cases[i].keys[k], cases[i].values[k], -1);
        assert_int_equal(cassandra_handle_get(&list, &handle, &err), STATUS_INVALID_OPTION);
        assert_string_equal(err.message, cases[i].message);
    }
}

const struct CMUnitTest cassandra_tests[] = {
    cmocka_unit_test_setup_teardown(whole_keys_are_pushed, setup, teardown),
    cmocka_unit_test_setup_teardown(many_keys_are_a_scan, setup, teardown),
    cmocka_unit_test_setup_teardown(clustering_prefixes, setup, teardown),
    cmocka_unit_test_setup_teardown(keys_that_differ_in_sql, setup, teardown),
    cmocka_unit_test_setup_teardown(scans_with_restrictions, setup, teardown),
    cmocka_unit_test_setup_teardown(first_rows_of_partitions, setup, teardown),
    cmocka_unit_test_setup_teardown(statements, setup, teardown),
    cmocka_unit_test_setup_teardown(groups_at_the_server, setup, teardown),
    cmocka_unit_test_setup_teardown(token_ranges, setup, teardown),
    cmocka_unit_test_setup_teardown(ranges_are_cut_at_tokens, setup, teardown),
    cmocka_unit_test_setup_teardown(rings_are_cut_by_size, setup, teardown),
    cmocka_unit_test_setup_teardown(tables_as_sql_sees_them, setup, teardown),
    cmocka_unit_test_setup_teardown(definitions_come_back, setup, teardown),
    cmocka_unit_test_setup_teardown(keys_of_new_tables, setup, teardown),
    cmocka_unit_test_setup_teardown(options_make_it_again, setup, teardown),
    cmocka_unit_test_setup_teardown(metadata_is_checked, setup, teardown),
    cmocka_unit_test_setup_teardown(metadata_is_selected, setup, teardown),
    cmocka_unit_test_setup_teardown(bad_rows_are_named, setup, teardown),
    cmocka_unit_test_setup_teardown(options, setup, teardown),
    cmocka_unit_test_setup_teardown(option_names_are_unique, setup, teardown),
    cmocka_unit_test_setup_teardown(security_options, setup, teardown),
};
const size_t cassandra_tests_count = sizeof cassandra_tests / sizeof *cassandra_tests;
