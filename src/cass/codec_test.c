#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cass/bytes.h"
#include "cass/codec.h"
#include "types/decimal.h"

extern const struct CMUnitTest codec_tests[];
extern const size_t codec_tests_count;

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

static const struct cass_type *cql(const char *text) {
    const struct cass_type *type = NULL;
    assert_int_equal(cass_type_parse(&arena, str_from(text), NULL, NULL, &type, NULL), STATUS_OK);
    return type;
}

static struct cass_codec *codec_for(const char *text, const struct type *type) {
    struct cass_codec *codec = ARENA_NEW(&arena, struct cass_codec);
    const struct cass_type *cass = cql(text);
    assert_int_equal(
        cass_codec_init(codec, &arena, cass, type ? type : cass_type_to_sql(&arena, cass, true), "c", NULL), STATUS_OK);
    return codec;
}

/* A page with one cell: the bytes are in a block of their own, so that reading beyond the padding is noticed. */
static enum status decode_one(const struct cass_codec *codec, const void *bytes, int len, struct value *out,
                              struct error *err) {
    uint8_t *page = calloc(1, (size_t)(len < 0 ? 0 : len) + CASS_CELL_PADDING);
    if (len > 0) memcpy(page, bytes, (size_t)len);
    arena_on_reset(&arena, free, page);
    struct cass_cell cell = {0, len};
    struct vector vec;
    vector_init(&vec, &arena, codec->type, 1);
    TRY(cass_decode(codec, page, &cell, 1, &vec, &arena, 1, 0, err));
    *out = vector_get(&vec, 0, &arena);
    return STATUS_OK;
}

static size_t unhex(const char *hex, uint8_t *out) {
    size_t len = strlen(hex) / 2;
    for (size_t i = 0; i < len; i++) {
        char digits[3] = {hex[2 * i], hex[2 * i + 1], 0};
        out[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return len;
}

static struct value text_value(const char *text) { return value_str(type_of(TYPE_VARCHAR), str_from(text)); }

static struct value decimal_value(int precision, int scale, const char *text) {
    int128 v = 0;
    bool negative = *text == '-';
    for (text += negative; *text; text++)
        if (*text != '.') v = v * 10 + (*text - '0');
    return value_from_decimal(type_decimal(&arena, precision, scale, true), negative ? -v : v);
}

/* Bytes as Cassandra's Python driver writes them. */
static void known_bytes(void **state) {
    (void)state;
    const struct {
        const char *type, *hex;
        struct value value;
        bool one_way; /* encodes differently */
    } cases[] = {
        {"varint", "00", decimal_value(38, 0, "0"), false},
        {"varint", "ff", decimal_value(38, 0, "-1"), false},
        {"varint", "0080", decimal_value(38, 0, "128"), false},
        {"varint", "80", decimal_value(38, 0, "-128"), false},
        {"varint", "ff7f", decimal_value(38, 0, "-129"), false},
        {"varint", "008000000000000000", decimal_value(38, 0, "9223372036854775808"), false},
        {"varint", "000000000000000000000000000000000000000080", decimal_value(38, 0, "128"), true},
        {"varint", "f87a11ef2a25b926ff0bc96000000000", decimal_value(38, 0, "-10000000000000000000000000000000000000"),
         false},
        {"decimal", "000000126e", decimal_value(38, 18, "0.000000000000000110"), false},
        {"decimal", "0000000292", decimal_value(38, 18, "-1.100000000000000000"), true},
        {"decimal", "fffffffb01", decimal_value(38, 18, "100000.000000000000000000"), true},
        {"decimal", "0000002e375c24f38cc60c33a4a9bd5992dc9172dcbac0", decimal_value(38, 18, "0.123456789012345679"),
         true},
        {"decimal", "7fffffff01", decimal_value(38, 18, "0.000000000000000000"), true},
        {"decimal", "0000001405", decimal_value(38, 18, "0.000000000000000000"), true},
        {"decimal", "0000001305", decimal_value(38, 18, "0.000000000000000001"), true}, /* half away from zero */
        {"decimal", "00000013fb", decimal_value(38, 18, "-0.000000000000000001"), true},
        {"date", "80004d46", value_i64(type_of(TYPE_DATE), 19782), false},
        {"date", "7fffffff", value_i64(type_of(TYPE_DATE), -1), false},
        {"time", "0000293253592d15", value_i64(type_time(&arena, TYPE_TIME, 9, true), INT64_C(45296123456789)), false},
        {"timestamp", "0000018df261f8c0",
         value_i64(type_time(&arena, TYPE_TIMESTAMP_LTZ, 3, true), INT64_C(1709168523456000)), false},
        {"timestamp", "ffffffffffffffff", value_i64(type_time(&arena, TYPE_TIMESTAMP_LTZ, 3, true), -1000), false},
        {"inet", "7f000001", text_value("127.0.0.1"), false},
        {"inet", "20010db8000000000000000000000001", text_value("2001:db8::1"), false},
        {"duration", "020406", text_value("1mo2d3ns"), false},
        {"duration", "010305", text_value("-1mo2d3ns"), false},
        {"duration", "1c0afc06c5a8a9951c", text_value("1y2mo5d1h2m3s4ms5us6ns"), false},
        {"duration", "000000", text_value("0s"), false},
        {"duration", "f0ffffffff00ffffffffffffffffff", text_value("-178956970y8mo2562047h47m16s854ms775us808ns"),
         false},
        {"ascii", "7f2061", text_value("\x7F a"), false},
        {"uuid", "00112233445566778899aabbccddeeff", text_value("00112233-4455-6677-8899-aabbccddeeff"), false},
        {"text", "c3a4", text_value("\xC3\xA4"), false},
        {"text", "", text_value(""), false},
        {"text", "6162636465666768696a6b6c6d", text_value("abcdefghijklm"), false},
        {"boolean", "01", value_boolean(true), false},
        {"tinyint", "ff", value_i64(type_of(TYPE_TINYINT), -1), false},
        {"smallint", "8000", value_i64(type_of(TYPE_SMALLINT), -32768), false},
        {"int", "00000001", value_i64(type_of(TYPE_INT), 1), false},
        {"bigint", "8000000000000000", value_i64(type_of(TYPE_BIGINT), INT64_MIN), false},
        {"counter", "0000000000000005", value_i64(type_of(TYPE_BIGINT), 5), false},
        {"double", "bff8000000000000", value_f64(-1.5), false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct cass_codec *codec = codec_for(cases[i].type, NULL);
        uint8_t bytes[128];
        size_t len = unhex(cases[i].hex, bytes);
        struct value value;
        struct error err;
        assert_int_equal(decode_one(codec, bytes, (int)len, &value, &err), STATUS_OK);
        assert_int_equal(value_compare(&value, &cases[i].value), 0);
        struct strbuf out = {0};
        assert_int_equal(cass_encode_value(codec, &cases[i].value, &out, &err), STATUS_OK);
        if (!cases[i].one_way) {
            assert_int_equal(out.len, len + 4);
            assert_memory_equal(out.data + 4, bytes, len);
        }
        assert_int_equal(cass_load_u32(out.data), out.len - 4);
        strbuf_free(&out);
    }
}

static void nulls_and_empty_values(void **state) {
    (void)state;
    static const char *const types[] = {"boolean",
                                        "tinyint",
                                        "smallint",
                                        "int",
                                        "bigint",
                                        "float",
                                        "double",
                                        "varint",
                                        "decimal",
                                        "date",
                                        "time",
                                        "timestamp",
                                        "uuid",
                                        "inet",
                                        "duration",
                                        "list<int>",
                                        "map<int, int>",
                                        "frozen<tuple<int, text>>",
                                        "vector<float, 2>"};
    struct value value = {0};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        const struct cass_codec *codec = codec_for(types[i], NULL);
        assert_int_equal(decode_one(codec, NULL, -1, &value, NULL), STATUS_OK);
        assert_true(value.is_null);
        assert_int_equal(decode_one(codec, NULL, 0, &value, NULL), STATUS_OK);
        assert_true(value.is_null);
        struct strbuf out = {0};
        struct value null = value_null(codec->type);
        assert_int_equal(cass_encode_value(codec, &null, &out, NULL), STATUS_OK);
        assert_int_equal(out.len, 4);
        assert_int_equal(cass_load_u32(out.data), UINT32_MAX);
        strbuf_free(&out);
    }
    assert_int_equal(decode_one(codec_for("blob", NULL), NULL, -1, &value, NULL), STATUS_OK);
    assert_true(value.is_null);
}

static void malformed_values(void **state) {
    (void)state;
    static const struct {
        const char *type, *hex;
        enum status status;
    } cases[] = {
        {"int", "000001", STATUS_BAD_DATA},
        {"boolean", "0101", STATUS_BAD_DATA},
        {"bigint", "0000000000000000ff", STATUS_BAD_DATA},
        {"uuid", "00", STATUS_BAD_DATA},
        {"inet", "0000", STATUS_BAD_DATA},
        {"duration", "02", STATUS_BAD_DATA},
        {"duration", "020204ff", STATUS_BAD_DATA},
        {"duration", "020300", STATUS_BAD_DATA}, /* a month and minus two days */
        {"duration", "f1000000000000", STATUS_BAD_DATA},
        {"date", "ffffffff", STATUS_OUT_OF_RANGE},
        {"date", "00000000", STATUS_OUT_OF_RANGE},
        {"decimal", "00000001", STATUS_BAD_DATA},
        {"decimal", "000000001d6329f1c35ca4bfabb9f5610000000000", STATUS_OUT_OF_RANGE},
        {"decimal", "8000000001", STATUS_OUT_OF_RANGE},
        {"varint", "1d6329f1c35ca4bfabb9f5610000000000", STATUS_OUT_OF_RANGE},
        {"time", "ffffffffffffffff", STATUS_OUT_OF_RANGE},
        {"time", "00004e94914f0000", STATUS_OUT_OF_RANGE},
        {"timestamp", "7fffffffffffffff", STATUS_OUT_OF_RANGE},
        {"list<int>", "0000", STATUS_BAD_DATA},
        {"list<int>", "ffffffff", STATUS_BAD_DATA},
        {"list<int>", "7fffffff", STATUS_BAD_DATA},
        {"list<int>", "0000000100000005", STATUS_BAD_DATA},
        {"list<int>", "000000020000000400000001", STATUS_BAD_DATA},
        {"map<int, int>", "00000001000000040000000100000004", STATUS_BAD_DATA},
        {"frozen<tuple<int, int>>", "0000", STATUS_BAD_DATA},
        {"frozen<tuple<int, int>>", "00000004000000", STATUS_BAD_DATA},
        {"vector<float, 2>", "3f800000", STATUS_BAD_DATA},
        {"vector<text, 2>", "0161", STATUS_BAD_DATA},
        {"vector<text, 2>", "01610562", STATUS_BAD_DATA},
        {"vector<text, 2>", "0161016200", STATUS_BAD_DATA},
        {"vector<text, 1000000>", "0161", STATUS_BAD_DATA},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t bytes[64];
        size_t len = unhex(cases[i].hex, bytes);
        struct value value;
        struct error err;
        assert_int_equal(decode_one(codec_for(cases[i].type, NULL), bytes, (int)len, &value, &err), cases[i].status);
        assert_non_null(strstr(err.message, "column 'c'"));
    }
    static const char *const texts[][2] = {{"uuid", "00112233-4455-6677-8899-aabbccddeef"},
                                           {"uuid", "00112233-4455-6677-8899_aabbccddeeff"},
                                           {"uuid", "0011223344556677-8899-aabbccddeeffff"},
                                           {"inet", "1.2.3"},
                                           {"inet", "localhost"},
                                           {"duration", "1x"},
                                           {"duration", ""},
                                           {"duration", "99999999999999999999y"},
                                           {"duration", "9999999999mo"},
                                           {"duration", "P1H"},
                                           {"duration", "P0001-02-03T04:05"},
                                           {"duration", "2147483648mo"},
                                           {"duration", "-2147483649mo"},
                                           {"ascii", "\xC3\xA4"}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct value value = text_value(texts[i][1]);
        struct strbuf out = {0};
        struct error err;
        assert_int_equal(cass_encode_value(codec_for(texts[i][0], NULL), &value, &out, &err), STATUS_INVALID_ARGUMENT);
        assert_int_equal(out.len, 0);
        strbuf_free(&out);
    }
}

/* Random values of random types, encoded, decoded from a page of many, compared. */

static uint64_t seed = 42;
static uint32_t next(uint32_t below) {
    seed = seed * UINT64_C(6364136223846793005) + 1;
    return (uint32_t)(seed >> 33) % below;
}

static struct value random_value(const struct cass_type *cass, const struct type *type, bool may_be_null) {
    if (may_be_null && next(4) == 0) return value_null(type);
    char *text;
    switch (type->id) {
    case TYPE_BOOLEAN: return value_boolean(next(2));
    case TYPE_TINYINT: return value_i64(type, (int8_t)next(256));
    case TYPE_SMALLINT: return value_i64(type, (int16_t)next(65536));
    case TYPE_INT: return value_i64(type, (int32_t)(next(65536) << 16 ^ next(65536)));
    case TYPE_DATE: return value_i64(type, (int32_t)next(200000000) - 100000000);
    case TYPE_BIGINT: return value_i64(type, (int64_t)((uint64_t)next(1u << 31) << 33 ^ next(1u << 31)));
    case TYPE_FLOAT: {
        struct value value = {.type = type};
        value.f32 = (float)next(1000) / 7;
        return value;
    }
    case TYPE_DOUBLE: return value_f64(next(1000) / 7.0);
    case TYPE_TIME: return value_i64(type, (int64_t)next(86400) * 1000000000 + next(1000000000));
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMP_LTZ: return value_i64(type, ((int64_t)next(1u << 31) - (1 << 30)) * 1000);
    case TYPE_DECIMAL: {
        int128 v = 1;
        for (int i = (int)next(4); i >= 0; i--) v = v * 1000000007 + next(1u << 31);
        v %= decimal_pow10(type->precision);
        return value_from_decimal(type, next(2) ? v : -v);
    }
    case TYPE_ARRAY:
    case TYPE_MAP: {
        struct value value = {.type = type};
        value.list.count = cass->id == CASS_VECTOR ? cass->dimension : (int)next(4);
        int count = value_item_count(&value);
        value.list.items = ARENA_ARRAY(&arena, struct value, count);
        for (int i = 0; i < count; i++) {
            int side = type->id == TYPE_MAP ? i % 2 : 0;
            value.list.items[i] = random_value(cass->children[side], type->children[side], false);
        }
        return value;
    }
    case TYPE_ROW: {
        struct value value = {.type = type};
        value.list.count = type->child_count;
        value.list.items = ARENA_ARRAY(&arena, struct value, type->child_count);
        for (int i = 0; i < type->child_count; i++)
            value.list.items[i] = random_value(cass->children[i], type->children[i], true);
        return value;
    }
    default: break;
    }
    uint8_t bytes[16];
    for (int i = 0; i < 16; i++) bytes[i] = (uint8_t)next(256);
    switch (cass->id) {
    case CASS_UUID:
    case CASS_TIMEUUID:
        text = arena_alloc(&arena, 36);
        cass_uuid_format(bytes, text);
        return value_str(type, (struct str){text, 36});
    case CASS_INET:
        return value_str(type, str_from(arena_printf(&arena, "%d.%d.%d.%d", bytes[0], bytes[1], bytes[2], bytes[3])));
    case CASS_DURATION:
        return value_str(type, str_from(arena_printf(&arena, "%umo%ud%us", next(11) + 1, next(99) + 1, next(59) + 1)));
    default: {
        size_t len = next(30);
        text = arena_alloc(&arena, len + 1);
        for (size_t i = 0; i < len; i++) text[i] = (char)('a' + next(26));
        return value_str(type, (struct str){text, len});
    }
    }
}

static void round_trips(void **state) {
    (void)state;
    static const char *const types[] = {"ascii",
                                        "text",
                                        "blob",
                                        "boolean",
                                        "tinyint",
                                        "smallint",
                                        "int",
                                        "bigint",
                                        "counter",
                                        "float",
                                        "double",
                                        "varint",
                                        "decimal",
                                        "date",
                                        "time",
                                        "timestamp",
                                        "uuid",
                                        "timeuuid",
                                        "inet",
                                        "duration",
                                        "list<int>",
                                        "set<text>",
                                        "map<text, uuid>",
                                        "list<frozen<list<frozen<map<int, decimal>>>>>",
                                        "frozen<tuple<int, text, frozen<list<date>>>>",
                                        "list<frozen<tuple<boolean, inet>>>",
                                        "vector<float, 3>",
                                        "vector<text, 2>",
                                        "vector<vector<bigint, 2>, 2>",
                                        "vector<smallint, 4>",
                                        "map<frozen<list<int>>, frozen<set<time>>>"};
    enum { ROWS = 300 };
    for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
        const struct cass_codec *codec = codec_for(types[t], NULL);
        struct value values[ROWS];
        struct cass_cell cells[ROWS];
        struct strbuf page = {0};
        for (int i = 0; i < ROWS; i++) {
            values[i] = random_value(codec->cass, codec->type, true);
            size_t at = page.len;
            struct error err;
            if (cass_encode_value(codec, &values[i], &page, &err) != STATUS_OK)
                fail_msg("%s: %s", types[t], err.message);
            cells[i] = (struct cass_cell){(uint32_t)at + 4, (int32_t)cass_load_u32(page.data + at)};
        }
        uint8_t *copy = malloc(page.len + CASS_CELL_PADDING);
        memcpy(copy, page.data, page.len);
        struct vector vec;
        vector_init(&vec, &arena, codec->type, ROWS + 10);
        /* In two parts, so that rows and children do not begin at 0. */
        assert_int_equal(cass_decode(codec, copy, cells, 100, &vec, &arena, ROWS + 10, 10, NULL), STATUS_OK);
        assert_int_equal(cass_decode(codec, copy, cells + 100, ROWS - 100, &vec, &arena, ROWS + 10, 110, NULL),
                         STATUS_OK);
        for (int i = 0; i < ROWS; i++) {
            struct value got = vector_get(&vec, 10 + i, &arena);
            /* Collections: an empty one stays empty, not NULL, as frozen ones are kept. */
            assert_int_equal(got.is_null, values[i].is_null);
            if (value_compare(&got, &values[i]) != 0) fail_msg("%s: row %d differs", types[t], i);
        }
        /* Any bytes at all: no crash, whatever the result. */
        for (int round = 0; round < 200; round++) {
            for (int k = (int)next(4); k >= 0 && page.len; k--)
                copy[next((uint32_t)page.len)] ^= (uint8_t)(1 << next(8));
            struct error err;
            vector_init(&vec, &arena, codec->type, ROWS);
            enum status status = cass_decode(codec, copy, cells, ROWS, &vec, &arena, ROWS, 0, &err);
            assert_true(status == STATUS_OK || status == STATUS_BAD_DATA || status == STATUS_OUT_OF_RANGE);
        }
        free(copy);
        strbuf_free(&page);
        arena_reset(&arena);
    }
}

static void declared_types(void **state) {
    (void)state;
    struct value value;
    uint8_t bytes[8];
    cass_store_u64(bytes, (uint64_t)-1); /* a millisecond before the epoch */
    assert_int_equal(decode_one(codec_for("timestamp", type_of(TYPE_TIMESTAMP)), bytes, 8, &value, NULL), STATUS_OK);
    assert_int_equal(value.i64, -1000);
    assert_int_equal(
        decode_one(codec_for("timestamp", type_time(&arena, TYPE_TIMESTAMP, 9, true)), bytes, 8, &value, NULL),
        STATUS_OK);
    assert_int_equal(value.i64, -1000000);
    assert_int_equal(
        decode_one(codec_for("timestamp", type_time(&arena, TYPE_TIMESTAMP, 0, true)), bytes, 8, &value, NULL),
        STATUS_OK);
    assert_int_equal(value.i64, -1000000);
    cass_store_u64(bytes, UINT64_C(45296123456789));
    assert_int_equal(decode_one(codec_for("time", type_time(&arena, TYPE_TIME, 3, true)), bytes, 8, &value, NULL),
                     STATUS_OK);
    assert_int_equal(value.i64, INT64_C(45296123000000));
    assert_int_equal(decode_one(codec_for("varint", type_of(TYPE_BIGINT)), bytes, 8, &value, NULL), STATUS_OK);
    assert_int_equal(value.i64, INT64_C(45296123456789));
    bytes[0] = 0, bytes[1] = 0, bytes[2] = 0, bytes[3] = 1, bytes[4] = 0x7D; /* 12.5 */
    assert_int_equal(decode_one(codec_for("decimal", type_decimal(&arena, 5, 2, true)), bytes, 5, &value, NULL),
                     STATUS_OK);
    assert_int_equal(value.i64, 1250);
    assert_int_equal(decode_one(codec_for("decimal", type_decimal(&arena, 2, 1, true)), bytes, 5, &value, NULL),
                     STATUS_OUT_OF_RANGE);

    struct cass_codec codec;
    struct error err;
    assert_int_equal(cass_codec_init(&codec, &arena, cql("uuid"), type_of(TYPE_INT), "id", &err), STATUS_TYPE_MISMATCH);
    assert_string_equal(err.message, "column 'id' is uuid in Cassandra, which cannot be INT");
    assert_string_equal(err.hint, "declare it as STRING");
    assert_int_equal(
        cass_codec_init(&codec, &arena, cql("list<int>"), type_array(&arena, type_of(TYPE_BIGINT), true), "id", &err),
        STATUS_TYPE_MISMATCH);
}

/* ---- Edges ---- */

static void put_cell(struct strbuf *buf, const void *bytes, int len) {
    cass_put_i32(buf, len);
    if (len > 0) strbuf_add(buf, bytes, (size_t)len);
}

/* UserType(ks, "n", a: int, b: text, c: frozen<list<tuple<int, int>>>) */
static const char udt_class[] = "org.apache.cassandra.db.marshal.UserType(ks,6e,61:Int32Type,62:UTF8Type,63:FrozenType("
                                "ListType(TupleType(Int32Type,Int32Type))))";

static struct cass_codec *class_codec(const char *class) {
    struct cass_codec *codec = ARENA_NEW(&arena, struct cass_codec);
    const struct cass_type *cass = cass_type_from_class(&arena, str_from(class));
    assert_int_equal(cass_codec_init(codec, &arena, cass, cass_type_to_sql(&arena, cass, true), "c", NULL), STATUS_OK);
    return codec;
}

static void short_and_sparse_fields(void **state) {
    (void)state;
    const struct cass_codec *codec = class_codec(udt_class);
    struct strbuf bytes = {0};
    struct value value;
    put_cell(&bytes, "\0\0\0\7", 4); /* b and c were added to the type later */
    assert_int_equal(decode_one(codec, bytes.data, (int)bytes.len, &value, NULL), STATUS_OK);
    assert_false(value.is_null);
    assert_int_equal(value.list.items[0].i64, 7);
    assert_true(value.list.items[1].is_null && value.list.items[2].is_null);
    put_cell(&bytes, NULL, -1);
    put_cell(&bytes, "\0\0\0\2\377\377\377\377\0\0\0\4\377\377\377\377", 16); /* [NULL, (NULL, …)] */
    assert_int_equal(decode_one(codec, bytes.data, (int)bytes.len, &value, NULL), STATUS_OK);
    const struct value *list = &value.list.items[2];
    assert_true(value.list.items[1].is_null);
    assert_int_equal(list->list.count, 2);
    assert_true(list->list.items[0].is_null);
    assert_false(list->list.items[1].is_null);
    assert_true(list->list.items[1].list.items[0].is_null && list->list.items[1].list.items[1].is_null);
    /* Every cut is either a shorter value or refused, never more than there is. */
    for (int len = 1; len < (int)bytes.len; len++) {
        struct error err;
        enum status status = decode_one(codec, bytes.data, len, &value, &err);
        assert_int_equal(status, len == 8 || len == 12 ? STATUS_OK : STATUS_BAD_DATA);
    }
    /* The empty list and the empty text are values. */
    strbuf_clear(&bytes);
    put_cell(&bytes, NULL, 0);
    put_cell(&bytes, NULL, 0);
    put_cell(&bytes, "\0\0\0\0", 4);
    assert_int_equal(decode_one(codec, bytes.data, (int)bytes.len, &value, NULL), STATUS_OK);
    assert_true(value.list.items[0].is_null); /* an int of no bytes is none */
    assert_false(value.list.items[1].is_null);
    assert_int_equal(value.list.items[1].str.len, 0);
    assert_false(value.list.items[2].is_null);
    assert_int_equal(value.list.items[2].list.count, 0);
    strbuf_free(&bytes);
}

static void nulls_in_collections_are_refused(void **state) {
    (void)state;
    static const char *const types[] = {"list<int>", "set<int>", "vector<int, 1>", "vector<text, 1>"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        const struct cass_codec *codec = codec_for(types[i], NULL);
        struct value item = value_null(codec->type->children[0]), list = {.type = codec->type};
        list.list.count = 1;
        list.list.items = &item;
        struct strbuf out = {0};
        struct error err;
        assert_int_equal(cass_encode_value(codec, &list, &out, &err), STATUS_NULL_NOT_ALLOWED);
        assert_int_equal(out.len, 0);
        strbuf_free(&out);
    }
    const struct cass_codec *codec = codec_for("vector<int, 2>", NULL);
    struct value item = value_i64(codec->type->children[0], 1), list = {.type = codec->type};
    list.list.count = 1;
    list.list.items = &item;
    struct strbuf out = {0};
    struct error err;
    assert_int_equal(cass_encode_value(codec, &list, &out, &err), STATUS_INVALID_ARGUMENT);
    assert_string_equal(err.message, "column 'c': 1 elements for a vector of 2");
    strbuf_free(&out);
}

static void durations_as_rows(void **state) {
    (void)state;
    const char *names[] = {"months", "days", "nanos"};
    const struct type *types[] = {type_of(TYPE_INT), type_of(TYPE_INT), type_of(TYPE_BIGINT)};
    const struct cass_codec *codec = codec_for("duration", type_row(&arena, 3, names, types, true));
    struct value value;
    assert_int_equal(decode_one(codec, "\1\3\5", 3, &value, NULL), STATUS_OK);
    assert_int_equal(value.list.items[0].i64, -1);
    assert_int_equal(value.list.items[1].i64, -2);
    assert_int_equal(value.list.items[2].i64, -3);
    struct strbuf out = {0};
    assert_int_equal(cass_encode_value(codec, &value, &out, NULL), STATUS_OK);
    assert_int_equal(out.len, 7);
    assert_memory_equal(out.data + 4, "\1\3\5", 3);
    value.list.items[0].i64 = 1;
    assert_int_equal(cass_encode_value(codec, &value, &out, NULL), STATUS_INVALID_ARGUMENT);
    value.list.items[0] = value_null(types[0]);
    assert_int_equal(cass_encode_value(codec, &value, &out, NULL), STATUS_NULL_NOT_ALLOWED);
    assert_int_equal(decode_one(codec, NULL, 0, &value, NULL), STATUS_OK);
    assert_true(value.is_null);
    assert_int_equal(decode_one(codec, "\2", 1, &value, NULL), STATUS_BAD_DATA);
    strbuf_free(&out);
    /* Texts in every form that cqlsh takes. */
    static const char *const texts[][2] = {{"P1Y2M3DT4H5M6S", "1y2mo3d4h5m6s"},
                                           {"P0001-02-03T04:05:06", "1y2mo3d4h5m6s"},
                                           {"-P3W", "-21d"},
                                           {"1Y2MO3W4D5H6M7S8MS9US10NS", "1y2mo25d5h6m7s8ms9us10ns"},
                                           {"-2147483648mo", "-178956970y8mo"},
                                           {"90\xC2\xB5s", "90us"}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct value text = text_value(texts[i][0]);
        struct strbuf bytes = {0};
        assert_int_equal(cass_encode_value(codec_for("duration", NULL), &text, &bytes, NULL), STATUS_OK);
        assert_int_equal(decode_one(codec_for("duration", NULL), bytes.data + 4, (int)bytes.len - 4, &value, NULL),
                         STATUS_OK);
        assert_true(str_equal(value.str, str_from(texts[i][1])));
        strbuf_free(&bytes);
    }
}

static void numbers_as_texts(void **state) {
    (void)state;
    const struct type *text = type_of(TYPE_VARCHAR);
    struct value value;
    struct error err;
    uint8_t bytes[64];
    size_t len = unhex("1d6329f1c35ca4bfabb9f5610000000000", bytes); /* 10^40 */
    assert_int_equal(decode_one(codec_for("varint", NULL), bytes, (int)len, &value, &err), STATUS_OUT_OF_RANGE);
    assert_string_equal(err.hint, "a table that declares the column as STRING has numbers of any size");
    assert_int_equal(decode_one(codec_for("varint", text), bytes, (int)len, &value, NULL), STATUS_OK);
    assert_true(str_equal(value.str, str_from("10000000000000000000000000000000000000000")));
    len = unhex("00000002fb1e", bytes); /* -12.50 */
    assert_int_equal(decode_one(codec_for("decimal", text), bytes, (int)len, &value, NULL), STATUS_OK);
    assert_true(str_equal(value.str, str_from("-12.50")));
    struct strbuf out = {0};
    assert_int_equal(cass_encode_value(codec_for("decimal", text), &value, &out, NULL), STATUS_OK);
    assert_int_equal(out.len, len + 4);
    assert_memory_equal(out.data + 4, bytes, len);
    assert_int_equal(decode_one(codec_for("decimal", text), NULL, 0, &value, NULL), STATUS_OK);
    assert_true(value.is_null);
    assert_int_equal(decode_one(codec_for("decimal", text), bytes, 4, &value, &err), STATUS_BAD_DATA);
    value = text_value("1.5");
    assert_int_equal(cass_encode_value(codec_for("varint", text), &value, &out, &err), STATUS_INVALID_ARGUMENT);
    assert_string_equal(err.message, "column 'c': '1.5' is no varint");
    strbuf_free(&out);
    /* Equal texts and equal numbers are not the same question. */
    assert_false(cass_codec_matches(codec_for("varint", text)));
    assert_false(cass_codec_ordered(codec_for("varint", text)));
}

static void metadata(void **state) {
    (void)state;
    const struct cass_type *bigint = cql("bigint"), *integer = cql("int");
    const struct type *nanos = type_time(&arena, TYPE_TIMESTAMP_LTZ, 9, true);
    struct cass_codec codec;
    struct value value;
    uint8_t bytes[8];
    cass_store_u64(bytes, UINT64_C(1709168523456789));
    assert_true(cass_codec_init_metadata(&codec, bigint, type_time(&arena, TYPE_TIMESTAMP_LTZ, 6, true), "w"));
    assert_int_equal(decode_one(&codec, bytes, 8, &value, NULL), STATUS_OK);
    assert_int_equal(value.i64, INT64_C(1709168523456789));
    assert_int_equal(decode_one(&codec, NULL, -1, &value, NULL), STATUS_OK);
    assert_true(value.is_null);
    assert_true(cass_codec_init_metadata(&codec, bigint, nanos, "w"));
    assert_int_equal(decode_one(&codec, bytes, 8, &value, NULL), STATUS_OK);
    assert_int_equal(value.i64, INT64_C(1709168523456789000));
    cass_store_u64(bytes, INT64_MAX / 1000 + 1);
    assert_int_equal(decode_one(&codec, bytes, 8, &value, NULL), STATUS_OUT_OF_RANGE);
    assert_true(cass_codec_init_metadata(&codec, integer, type_of(TYPE_BIGINT), "t"));
    cass_store_u32(bytes, 86400);
    assert_int_equal(decode_one(&codec, bytes, 4, &value, NULL), STATUS_OK);
    assert_int_equal(value.i64, 86400);
    assert_int_equal(decode_one(&codec, bytes, 8, &value, NULL), STATUS_BAD_DATA);
    assert_true(cass_codec_init_metadata(&codec, integer, type_of(TYPE_INT), "t"));
    assert_false(cass_codec_init_metadata(&codec, integer, nanos, "t"));
    assert_false(cass_codec_init_metadata(&codec, bigint, type_time(&arena, TYPE_TIMESTAMP, 6, true), "w"));
    /* A bigint column itself is no timestamp. */
    assert_int_equal(cass_codec_init(&codec, &arena, bigint, nanos, "c", NULL), STATUS_TYPE_MISMATCH);
}

/* A few bytes must not become memory without end. */
static void nesting_is_bounded(void **state) {
    (void)state;
    struct strbuf text = {0}, bytes = {0};
    strbuf_puts(&text, "list<frozen<tuple<int");
    for (int i = 0; i < 9999; i++) strbuf_puts(&text, ", int");
    strbuf_puts(&text, ">>>");
    enum { ROWS = 20000 };
    cass_put_i32(&bytes, ROWS);
    for (int i = 0; i < ROWS; i++) cass_put_i32(&bytes, -1);
    struct value value;
    struct error err;
    assert_int_equal(decode_one(codec_for(text.data, NULL), bytes.data, (int)bytes.len, &value, &err),
                     STATUS_LIMIT_EXCEEDED);
    assert_non_null(strstr(err.message, "nested values"));
    strbuf_free(&text);
    strbuf_free(&bytes);
}

static enum cass_match match(const char *type, const struct type *sql, struct value value) {
    struct strbuf out = {0};
    enum cass_match answer = cass_encode_value_match(codec_for(type, sql), &value, &out);
    assert_true((answer == CASS_MATCH_EXACT) == (out.len > 0));
    strbuf_free(&out);
    return answer;
}

static void matches(void **state) {
    (void)state;
    const struct type *micros = type_of(TYPE_TIMESTAMP_LTZ);
    assert_int_equal(match("int", NULL, value_i64(type_of(TYPE_INT), 5)), CASS_MATCH_EXACT);
    assert_int_equal(match("text", NULL, text_value("x")), CASS_MATCH_EXACT);
    assert_int_equal(match("text", type_string(&arena, TYPE_CHAR, 2, true), text_value("x ")), CASS_MATCH_UNKNOWN);
    assert_int_equal(match("uuid", NULL, text_value("00112233-4455-6677-8899-aabbccddeeff")), CASS_MATCH_EXACT);
    assert_int_equal(match("uuid", NULL, text_value("00112233-4455-6677-8899-AABBCCDDEEFF")), CASS_MATCH_NEVER);
    assert_int_equal(match("uuid", NULL, text_value("no")), CASS_MATCH_NEVER);
    assert_int_equal(match("inet", NULL, text_value("1.2.3.4")), CASS_MATCH_EXACT);
    assert_int_equal(match("inet", NULL, text_value("::0")), CASS_MATCH_NEVER);
    assert_int_equal(match("ascii", NULL, text_value("a")), CASS_MATCH_EXACT);
    assert_int_equal(match("ascii", NULL, text_value("\xC3\xA4")), CASS_MATCH_NEVER);
    const struct type *bytes = type_of(TYPE_VARBINARY);
    assert_int_equal(match("blob", NULL, value_str(bytes, str_from("a"))), CASS_MATCH_EXACT);
    assert_int_equal(match("'org.example.Own'", NULL, value_str(bytes, str_from("a"))), CASS_MATCH_UNKNOWN);
    assert_int_equal(match("double", NULL, value_f64(1)), CASS_MATCH_EXACT);
    assert_int_equal(match("double", NULL, value_f64(-0.0)), CASS_MATCH_UNKNOWN);
    assert_int_equal(match("double", NULL, value_f64(__builtin_nan(""))), CASS_MATCH_UNKNOWN);
    assert_int_equal(match("decimal", NULL, decimal_value(38, 18, "1")), CASS_MATCH_UNKNOWN);
    assert_int_equal(match("varint", type_decimal(&arena, 10, 1, true), decimal_value(10, 1, "10")), CASS_MATCH_EXACT);
    assert_int_equal(match("varint", type_decimal(&arena, 10, 1, true), decimal_value(10, 1, "11")), CASS_MATCH_NEVER);
    assert_int_equal(match("timestamp", micros, value_i64(micros, 1000)), CASS_MATCH_EXACT);
    assert_int_equal(match("timestamp", micros, value_i64(micros, 1001)), CASS_MATCH_NEVER);
    assert_int_equal(match("int", NULL, value_null(type_of(TYPE_INT))), CASS_MATCH_NEVER);
    assert_true(cass_codec_ordered(codec_for("timestamp", NULL)));
    assert_true(cass_codec_ordered(codec_for("text", NULL)));
    assert_true(cass_codec_ordered(codec_for("blob", NULL)));
    assert_false(cass_codec_ordered(codec_for("timeuuid", NULL)));
    assert_false(cass_codec_ordered(codec_for("uuid", NULL)));
    assert_false(cass_codec_ordered(codec_for("inet", NULL)));
    assert_false(cass_codec_ordered(codec_for("duration", NULL)));
    assert_false(cass_codec_ordered(codec_for("decimal", NULL)));
    assert_false(cass_codec_ordered(codec_for("'org.example.Own'", NULL)));
    assert_false(cass_codec_ordered(codec_for("frozen<list<int>>", NULL)));
    assert_false(cass_codec_ordered(codec_for("double", NULL)));
}

const struct CMUnitTest codec_tests[] = {
    cmocka_unit_test_setup_teardown(known_bytes, setup, teardown),
    cmocka_unit_test_setup_teardown(nulls_and_empty_values, setup, teardown),
    cmocka_unit_test_setup_teardown(malformed_values, setup, teardown),
    cmocka_unit_test_setup_teardown(round_trips, setup, teardown),
    cmocka_unit_test_setup_teardown(declared_types, setup, teardown),
    cmocka_unit_test_setup_teardown(short_and_sparse_fields, setup, teardown),
    cmocka_unit_test_setup_teardown(nulls_in_collections_are_refused, setup, teardown),
    cmocka_unit_test_setup_teardown(durations_as_rows, setup, teardown),
    cmocka_unit_test_setup_teardown(numbers_as_texts, setup, teardown),
    cmocka_unit_test_setup_teardown(metadata, setup, teardown),
    cmocka_unit_test_setup_teardown(nesting_is_bounded, setup, teardown),
    cmocka_unit_test_setup_teardown(matches, setup, teardown),
};
const size_t codec_tests_count = sizeof codec_tests / sizeof *codec_tests;
