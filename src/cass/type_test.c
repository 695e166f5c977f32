#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cass/bytes.h"
#include "cass/type.h"

extern const struct CMUnitTest type_tests[];
extern const size_t type_tests_count;

static const struct cass_type *find_user_type(void *data, struct str name) {
    return str_equal(name, str_from("My type")) ? data : NULL;
}

static void texts(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    const struct cass_type *fields[] = {cass_type_scalar(CASS_INT), cass_type_scalar(CASS_TEXT)};
    const char *names[] = {"a", "b"};
    struct cass_type udt = {.id = CASS_UDT, .child_count = 2, .children = fields, .names = names, .name = "My type"};
    static const char *const cases[][3] = {
        /* CQL, printed again (NULL: the same), SQL */
        {"ascii", NULL, "STRING"},
        {"varchar", "text", "STRING"},
        {"Int", "int", "INT"},
        {"counter", NULL, "BIGINT"},
        {"varint", NULL, "DECIMAL(38, 0)"},
        {"decimal", NULL, "DECIMAL(38, 18)"},
        {"timestamp", NULL, "TIMESTAMP_LTZ(3)"},
        {"time", NULL, "TIME(9)"},
        {"date", NULL, "DATE"},
        {"timeuuid", NULL, "STRING"},
        {"blob", NULL, "BYTES"},
        {"list<int>", NULL, "ARRAY<INT>"},
        {"frozen<set<text>>", NULL, "ARRAY<STRING>"},
        {"map<text,frozen<list<bigint>>>", "map<text, frozen<list<bigint>>>", "MAP<STRING, ARRAY<BIGINT>>"},
        {"vector<float, 3>", NULL, "ARRAY<FLOAT>"},
        {"frozen<tuple<int, text>>", NULL, "ROW<`f0` INT, `f1` STRING>"},
        {"frozen<\"My type\">", NULL, "ROW<`a` INT, `b` STRING>"},
        {"'org.apache.cassandra.db.marshal.DurationType'", "duration", "STRING"},
        {"'com.example.X'", NULL, "BYTES"},
        {"unknown_type", "'unknown_type'", "BYTES"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct cass_type *type;
        struct error err;
        assert_int_equal(cass_type_parse(&arena, str_from(cases[i][0]), find_user_type, &udt, &type, &err), STATUS_OK);
        assert_string_equal(cass_type_text(&arena, type), cases[i][1] ? cases[i][1] : cases[i][0]);
        const char *sql = type_to_string(&arena, cass_type_to_sql(&arena, type, true));
        assert_string_equal(sql, cases[i][2]);
    }
    static const char *const wrong[] = {"",         "list",        "list<", "list<int",       "list<int,int>",
                                        "map<int>", "vector<int>", "int>",  "vector<int, 0>", "vector<int, x>",
                                        "frozen<>", "\"x",         "'x",    "list<int>x",     "<int>"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const struct cass_type *type;
        struct error err;
        if (strcmp(wrong[i], "list") == 0) continue; /* an unknown user type: no error */
        assert_int_equal(cass_type_parse(&arena, str_from(wrong[i]), NULL, NULL, &type, &err), STATUS_BAD_DATA);
    }
    struct strbuf deep = {0};
    for (int i = 0; i < 1000; i++) strbuf_puts(&deep, "list<");
    const struct cass_type *type;
    assert_int_equal(cass_type_parse(&arena, strbuf_str(&deep), NULL, NULL, &type, NULL), STATUS_BAD_DATA);
    strbuf_clear(&deep);
    for (int i = 0; i < 1000; i++) strbuf_puts(&deep, "ListType(");
    assert_int_equal(cass_type_from_class(&arena, strbuf_str(&deep))->id, CASS_CUSTOM);
    strbuf_free(&deep);
    arena_destroy(&arena);
}

static void classes(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
#define M "org.apache.cassandra.db.marshal."
    static const char *const cases[][2] = {
        {M "UTF8Type", "text"},
        {M "VectorType(" M "FloatType , 3)", "vector<float, 3>"},
        {M "VectorType(" M "VectorType(" M "Int32Type , 2) , 3)", "vector<vector<int, 2>, 3>"},
        {M "TupleType(" M "Int32Type," M "MapType(" M "UTF8Type," M "Int32Type))",
         "frozen<tuple<int, map<text, int>>>"},
        {M "FrozenType(" M "ListType(" M "LongType))", "frozen<list<bigint>>"},
        {M "ReversedType(" M "TimestampType)", "timestamp"},
        {M "UserType(ks,4d792074797065,412062:" M "Int32Type,63:" M "UTF8Type)", "\"My type\""},
        {M "LexicalUUIDType", "'" M "LexicalUUIDType'"},
        {M "VectorType(" M "CompositeType(" M "Int32Type," M "X(a)) , 2)",
         "vector<'" M "CompositeType(" M "Int32Type," M "X(a))', 2>"},
        {M "VectorType(" M "FrozenType(" M "ListType(" M "Int32Type)) , 2)", "vector<frozen<list<int>>, 2>"},
        {M "VectorType(" M "FloatType)", "'" M "VectorType(" M "FloatType)'"},
        {"", "''"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(cass_type_text(&arena, cass_type_from_class(&arena, str_from(cases[i][0]))), cases[i][1]);
    const struct cass_type *udt = cass_type_from_class(&arena, str_from(cases[6][0]));
    assert_int_equal(udt->child_count, 2);
    assert_string_equal(udt->names[0], "A b");
    assert_string_equal(udt->keyspace, "ks");
    arena_destroy(&arena);
}

static void from_sql(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    const struct type *fields[] = {type_of(TYPE_INT), type_array(&arena, type_of(TYPE_DATE), true)};
    const char *names[] = {"x", "y"};
    const struct {
        const struct type *type;
        const char *cql;
    } cases[] = {
        {type_of(TYPE_BOOLEAN), "boolean"},
        {type_of(TYPE_VARCHAR), "text"},
        {type_string(&arena, TYPE_CHAR, 3, true), "text"},
        {type_of(TYPE_VARBINARY), "blob"},
        {type_of(TYPE_DECIMAL), "decimal"},
        {type_decimal(&arena, 38, 0, true), "varint"},
        {type_of(TYPE_TIMESTAMP), "timestamp"},
        {type_of(TYPE_TIME), "time"},
        {type_array(&arena, type_array(&arena, type_of(TYPE_INT), true), true), "frozen<list<frozen<list<int>>>>"},
        {type_map(&arena, type_of(TYPE_VARCHAR), type_of(TYPE_DOUBLE), true), "frozen<map<text, double>>"},
        {type_row(&arena, 2, names, fields, true), "frozen<tuple<int, frozen<list<date>>>>"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct cass_type *type;
        assert_int_equal(cass_type_from_sql(&arena, cases[i].type, &type, NULL), STATUS_OK);
        assert_string_equal(cass_type_text(&arena, type), cases[i].cql);
    }
    const struct cass_type *type;
    struct error err;
    assert_int_equal(cass_type_from_sql(&arena, type_of(TYPE_INTERVAL_DAY_TIME), &type, &err), STATUS_NOT_SUPPORTED);
    assert_int_equal(cass_type_from_sql(&arena, type_multiset(&arena, type_of(TYPE_INT), true), &type, &err),
                     STATUS_NOT_SUPPORTED);
    arena_destroy(&arena);
}

static void vints(void **state) {
    (void)state;
    static const uint64_t values[] = {0,
                                      1,
                                      127,
                                      128,
                                      16383,
                                      16384,
                                      UINT64_C(1) << 48,
                                      (UINT64_C(1) << 49) - 1,
                                      UINT64_C(1) << 49,
                                      (UINT64_C(1) << 56) - 1,
                                      UINT64_C(1) << 56,
                                      UINT64_MAX};
    struct strbuf buf = {0};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        strbuf_clear(&buf);
        cass_put_vint(&buf, values[i]);
        struct cass_reader r = cass_reader_over(buf.data, buf.len);
        assert_true(cass_read_vint(&r) == values[i]);
        assert_true(!r.failed && r.pos == r.end);
        for (size_t len = 0; len < buf.len; len++) {
            r = cass_reader_over(buf.data, len);
            cass_read_vint(&r);
            assert_true(r.failed);
        }
        strbuf_clear(&buf);
        cass_put_signed_vint(&buf, (int64_t)values[i]);
        r = cass_reader_over(buf.data, buf.len);
        assert_true(cass_read_signed_vint(&r) == (int64_t)values[i]);
    }
    strbuf_free(&buf);
}

const struct CMUnitTest type_tests[] = {
    cmocka_unit_test(texts),
    cmocka_unit_test(classes),
    cmocka_unit_test(from_sql),
    cmocka_unit_test(vints),
};
const size_t type_tests_count = sizeof type_tests / sizeof *type_tests;
