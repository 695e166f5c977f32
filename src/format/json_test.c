#include "format/test_format.h"

extern const struct CMUnitTest json_tests[];
extern const size_t json_tests_count;

static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"};

static struct test_table make_table(int count, const struct type *const *types, const char *options) {
    return (struct test_table){.format = format_find("json"),
                               .schema = {.field_count = count, .names = names, .types = types},
                               .options = options};
}

static void reads_scalars(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    const struct type *types[] = {type_of(TYPE_BOOLEAN),
                                  type_of(TYPE_INT),
                                  type_of(TYPE_BIGINT),
                                  type_of(TYPE_DOUBLE),
                                  type_decimal(&arena, 38, 8, true),
                                  type_of(TYPE_VARCHAR),
                                  type_of(TYPE_DATE),
                                  type_time(&arena, TYPE_TIMESTAMP, 3, true),
                                  type_time(&arena, TYPE_TIMESTAMP_LTZ, 3, true),
                                  type_of(TYPE_VARBINARY)};
    struct test_table table = make_table(10, types, NULL);
    test_expect(
        &table,
        "{\"a\":true,\"b\":-7,\"c\":9223372036854775807,\"d\":1.5e3,\"e\":123456789012345678901234567890.12345678,"
        "\"f\":\"x\",\"g\":\"2024-01-05\",\"h\":\"2024-01-05 "
        "10:11:12.5\",\"i\":\"2024-01-05T10:11:12Z\",\"j\":\"aGk=\"}\n"
        "  { \"j\" : null ,\t\"f\" : \"\" , \"skipped\" : [1, {\"a\": 5}, \"]\", -0.5E+7, true, false, null] }  \r\n"
        "\n   \n"
        "{\"a\":\"TRUE\",\"b\":\" 12 \",\"c\":2.0,\"d\":\"NaN\",\"e\":\"0.5\",\"b\":2e3}\n"
        "{}\n",
        "true|-7|9223372036854775807|1500.0|123456789012345678901234567890.12345678|x|2024-01-05|"
        "2024-01-05 10:11:12.5|2024-01-05 10:11:12Z|aGk=\n"
        "NULL|NULL|NULL|NULL|NULL||NULL|NULL|NULL|NULL\n"
        "true|2000|2|NaN|0.50000000|NULL|NULL|NULL|NULL|NULL\n"
        "NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL\n");
    arena_destroy(&arena);
}

static void reads_strings(void **state) {
    (void)state;
    const struct type *types[] = {type_of(TYPE_VARCHAR)};
    struct test_table table = make_table(1, types, NULL);
    test_expect(&table, "{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\tx\"}", "\"\\/\b\f\n\r\tx\n");
    test_expect(&table, "{\"a\":\"\\u0041\\u00e9\\u20AC\\uD83D\\uDE00 a longer text behind it\"}",
                "Aé€😀 a longer text behind it\n");
    test_expect(&table, "{\"\\u0061\":\"by an escaped name\"}", "by an escaped name\n");
    test_expect(&table, "{\"a\":12.50}\n{\"a\":true}\n{\"a\":{\"x\": [1]}}\n{\"a\":[ 1,2]}\n",
                "12.50\ntrue\n{\"x\": [1]}\n[ 1,2]\n");
    /* strings around the width of a scanned block */
    struct strbuf text = {0}, expected = {0};
    for (int len = 0; len < 70; len++) {
        strbuf_puts(&text, "{\"a\":\"");
        for (int i = 0; i < len; i++) strbuf_putc(&text, 'x');
        strbuf_puts(&text, "\\n\"}\n");
        for (int i = 0; i < len; i++) strbuf_putc(&expected, 'x');
        strbuf_puts(&expected, "\n\n");
    }
    test_expect(&table, text.data, expected.data);
    strbuf_free(&text);
    strbuf_free(&expected);
}

static void reads_nested_values(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    const struct type *inner[] = {type_of(TYPE_INT), type_of(TYPE_VARCHAR)};
    const struct type *row = type_row(&arena, 2, names, inner, true);
    const struct type *types[] = {row, type_array(&arena, row, true),
                                  type_map(&arena, type_of(TYPE_VARCHAR), row, true),
                                  type_array(&arena, type_array(&arena, type_of(TYPE_BIGINT), true), true),
                                  type_multiset(&arena, type_of(TYPE_VARCHAR), true)};
    struct test_table table = make_table(5, types, NULL);
    test_expect(&table,
                "{\"a\":{\"a\":1,\"b\":\"x\"},\"b\":[{\"a\":2},null,{\"b\":\"y\"}],\"c\":{\"k\":{\"a\":3},\"l\":null},"
                "\"d\":[[1,2],[],null,[3]],\"e\":{\"m\":2}}\n"
                "{\"a\":null,\"b\":[],\"c\":{},\"d\":null}\n"
                "{\"a\":{},\"b\":[{}],\"c\":{\"k\":{\"a\":1},\"k\":{\"b\":\"last\"}},\"d\":[[9]],\"d\":[[8]]}\n",
                "(1, x)|[(2, NULL), NULL, (NULL, y)]|{k=(3, NULL), l=NULL}|[[1, 2], [], NULL, [3]]|{m=2}\n"
                "NULL|[]|{}|NULL|NULL\n"
                "(NULL, NULL)|[(NULL, NULL)]|{k=(NULL, last)}|[[8]]|NULL\n");
    arena_destroy(&arena);
}

static void projects(void **state) {
    (void)state;
    static const char *const many[] = {"f0", "f1", "f2", "f3", "f4", "f5", "f6", "f7", "f8", "f9", "f10", "f11"};
    const struct type *types[12];
    for (int i = 0; i < 12; i++) types[i] = type_of(TYPE_INT);
    static const int some[] = {1, 4, 11};
    struct test_table table = make_table(12, types, NULL);
    table.schema.names = many;
    test_expect(&table, "{\"f11\":11,\"f3\":3,\"f0\":0,\"f7\":7,\"none\":5}\n",
                "0|NULL|NULL|3|NULL|NULL|NULL|7|NULL|NULL|NULL|11\n");
    table.projected = some;
    table.projected_count = 3;
    test_expect(&table, "{\"f11\":11,\"f3\":\"bad\",\"f0\":0,\"f1\":1}\n", "1|NULL|11\n");
    table.options = "json.fail-on-missing-field=true";
    test_expect(&table, "{\"f11\":11,\"f4\":null,\"f1\":1}\n", "1|NULL|11\n");
    test_expect_error(&table, "{\"f11\":11,\"f1\":1}\n",
                      "field 'f4': malformed JSON: the field is missing, at byte 18: '{\"f11\":11,\"f1\":1}'");
}

/* Not one of these is JSON, or not an object. */
static const char *const malformed[] = {
    "{",
    "}",
    "[]",
    "[{\"a\":1}]",
    "1",
    "null",
    "\"a\"",
    "{\"a\"}",
    "{\"a\":}",
    "{\"a\":1,}",
    "{,\"a\":1}",
    "{\"a\":1,,\"b\":2}",
    "{\"a\":1 \"b\":2}",
    "{a:1}",
    "{'a':1}",
    "{\"a\":1}}",
    "{\"a\":1} x",
    "{\"a\":1}{\"a\":2}",
    "{\"a\":01}",
    "{\"a\":+1}",
    "{\"a\":1.}",
    "{\"a\":.5}",
    "{\"a\":1e}",
    "{\"a\":1e+}",
    "{\"a\":-}",
    "{\"a\":--1}",
    "{\"a\":0x1}",
    "{\"a\":NaN}",
    "{\"a\":Infinity}",
    "{\"a\":tru}",
    "{\"a\":True}",
    "{\"a\":nul}",
    "{\"a\":nulll}",
    "{\"b\":\"x}",
    "{\"b\":\"\\x\"}",
    "{\"b\":\"\\u12\"}",
    "{\"b\":\"\\u12G4\"}",
    "{\"b\":\"\\uD800\"}",
    "{\"b\":\"\\uD800\\u0041\"}",
    "{\"b\":\"\\uDC00\"}",
    "{\"b\":\"\x01\"}",
    "{\"b\":\"\t\"}",
    "{\"z\":\"\\x\"}",
    "{\"z\":[1,]}",
    "{\"z\":[1 2]}",
    "{\"z\":[1}",
    "{\"z\":{\"y\":1]}",
    "{\"z\":{\"y\" 1}}",
    "{\"z\":[",
    "{\"z\":{",
    "{\"z\":[,1]}",
    "{\"z\":01}",
    "{\"z\":\"\x1F\"}",
    "{\"z\":-}",
    "{\"b\":\"\xFF\"}",
    "{\"z\":\"\xC0\xAF\"}",
    "{\"z\":\"\xED\xA0\x80\"}",
    "{\"\\q\":1}",
    "{\"a\":1}/* */",
    "{\"a\":1}\v",
    "{\"b\":\"\\",
    "{\"b\":\"\\u",
    "{\"a\":t",
};

static void refuses_what_is_malformed(void **state) {
    (void)state;
    const struct type *types[] = {type_of(TYPE_INT), type_of(TYPE_VARCHAR)};
    struct test_table table = make_table(2, types, NULL);
    struct strbuf all = {0};
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++) {
        struct strbuf out = {0};
        struct error err = {0};
        int skipped;
        enum status status = test_read(&table, malformed[i], strlen(malformed[i]), &out, &skipped, &err);
        if (status != STATUS_BAD_DATA) print_error("accepted: %s\n", malformed[i]);
        assert_int_equal(status, STATUS_BAD_DATA);
        assert_non_null(strstr(err.message, "malformed JSON"));
        strbuf_printf(&all, "%s\n{\"a\":%zu}\n", malformed[i], i);
        strbuf_free(&out);
    }
    table.options = "json.ignore-parse-errors=true";
    struct strbuf out = {0}, expected = {0};
    struct error err = {0};
    int skipped;
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++) strbuf_printf(&expected, "%zu|NULL\n", i);
    assert_int_equal(test_read(&table, all.data, all.len, &out, &skipped, &err), STATUS_OK);
    assert_int_equal(skipped, sizeof malformed / sizeof *malformed);
    assert_string_equal(out.data, expected.data);
    strbuf_free(&out);
    strbuf_free(&expected);
    strbuf_free(&all);
}

static void names_what_is_wrong(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    const struct type *inner[] = {type_of(TYPE_INT), type_with_nullable(&arena, type_of(TYPE_INT), false)};
    const struct type *types[] = {type_of(TYPE_INT), type_row(&arena, 2, names, inner, true),
                                  type_array(&arena, type_of(TYPE_BOOLEAN), true), type_of(TYPE_DATE)};
    struct test_table table = make_table(4, types, NULL);
    test_expect_error(&table, "{\"a\":\"abc\"}", "field 'a': cannot read '\"abc\"' as INT");
    test_expect_error(&table, "{\"a\":2147483648}", "field 'a': cannot read '2147483648' as INT");
    test_expect_error(&table, "{\"a\":1.5}", "field 'a': cannot read '1.5' as INT");
    test_expect_error(&table, "{\"a\":[1]}", "field 'a': cannot read '[1]' as INT");
    test_expect_error(&table, "{\"a\":true}", "field 'a': cannot read 'true' as INT");
    test_expect_error(&table, "{\"b\":{\"b\":\"x\"}}", "field 'b.b': cannot read '\"x\"' as INT");
    test_expect_error(&table, "{\"b\":{\"a\":1}}", "field 'b.b': NULL, but its type is NOT NULL");
    test_expect_error(&table, "{\"b\":7}", "field 'b': cannot read '7' as ROW<`a` INT, `b` INT NOT NULL>");
    test_expect_error(&table, "{\"c\":[true,5]}", "field 'c': cannot read '5' as BOOLEAN");
    test_expect_error(&table, "{\"d\":\"2024-02-30\"}", "field 'd': cannot read '\"2024-02-30\"' as DATE");
    test_expect_error(&table, "{\"d\":5}", "field 'd': cannot read '5' as DATE");
    test_expect_error(&table, "{\"x\":1,}",
                      "malformed JSON: a field name in quotes is missing, at byte 8: '{\"x\":1,}'");
    /* each value that its type cannot take is NULL, at the innermost place that may be */
    table.options = "json.ignore-parse-errors=true";
    test_expect(
        &table,
        "{\"a\":[{\"b\":1}],\"c\":[true,\"x\",false],\"b\":{\"a\":\"q\",\"b\":1},\"d\":\"2024-02-30\"}\n"
        "{\"a\":1,\"b\":{\"a\":1,\"b\":\"q\"}}\n{\"a\":2,\"b\":{\"a\":1}}\n[1]\n{\"d\":\"2024-02-29\",\"c\":{}}\n",
        "NULL|(NULL, 1)|[true, NULL, false]|NULL\n1|NULL|NULL|NULL\n2|NULL|NULL|NULL\n"
        "NULL|NULL|NULL|2024-02-29\n");
    arena_destroy(&arena);
}

static void bounds_nesting(void **state) {
    (void)state;
    const struct type *types[] = {type_of(TYPE_INT)};
    struct test_table table = make_table(1, types, NULL);
    for (int depth = 254; depth <= 100000; depth = depth < 260 ? depth + 1 : depth * 10) {
        struct strbuf text = {0}, out = {0};
        strbuf_puts(&text, "{\"x\":");
        for (int i = 0; i < depth; i++) strbuf_putc(&text, '[');
        for (int i = 0; i < depth; i++) strbuf_putc(&text, ']');
        strbuf_puts(&text, "}");
        struct error err = {0};
        int skipped;
        enum status status = test_read(&table, text.data, text.len, &out, &skipped, &err);
        assert_int_equal(status, depth <= 255 ? STATUS_OK : STATUS_BAD_DATA);
        strbuf_free(&text);
        strbuf_free(&out);
    }
}

static void frames_alike_at_every_cut(void **state) {
    (void)state;
    const char *text = "\xEF\xBB\xBF{\"a\":1}\n\n  \r\n{\"a\":2}\r\n{}\n \t\n{\"a\":3}";
    size_t len = strlen(text);
    const struct type *types[] = {type_of(TYPE_INT)};
    struct test_table table = make_table(1, types, NULL);
    struct arena arena;
    arena_init(&arena, NULL);
    struct option_list options = {0};
    struct format_reader *reader;
    struct error err;
    assert_int_equal(table.format->reader_open(&table.schema, NULL, 0, &options, &reader, &err), STATUS_OK);
    for (size_t cut = 0; cut <= len; cut++) {
        struct format_frame a = {0}, b = {0};
        table.format->frame(reader, test_padded(&arena, text, cut), cut, true, false, &a);
        size_t at = a.consumed_bytes;
        table.format->frame(reader, test_padded(&arena, text + at, len - at), len - at, at == 0, true, &b);
        static const char *const records[] = {"{\"a\":1}", "{\"a\":2}", "{}", "{\"a\":3}"};
        assert_int_equal(a.count + b.count, 4);
        for (int i = 0; i < 4; i++) {
            struct format_record record = i < a.count ? a.records[i] : b.records[i - a.count];
            const char *p = text + record.start + (i < a.count ? 0 : at);
            assert_true(str_equal((struct str){p, record.len}, str_from(records[i])));
        }
        assert_int_equal(a.line_count + b.line_count, 6);
        free(a.records);
        free(b.records);
    }
    reader->format->reader_close(reader);
    arena_destroy(&arena);
}

/* ---- Writing ---- */

static void encode(const struct test_table *table, const struct chunk *chunk, const char *options_text,
                   struct strbuf *out) {
    struct arena arena;
    arena_init(&arena, NULL);
    struct option_list options = test_options(&arena, options_text);
    int map[10];
    for (int i = 0; i < 10; i++) map[i] = i < chunk->column_count ? i : -1;
    struct format_writer *writer;
    struct error err = {0};
    assert_int_equal(table->format->writer_open(&table->schema, map, &options, &writer, &err), STATUS_OK);
    strbuf_clear(out);
    for (int row = 0; row < chunk->row_count; row++) {
        size_t before = out->len;
        if (table->format->encode(writer, chunk, row, out, &err) == STATUS_OK) {
            strbuf_putc(out, '\n');
        } else {
            assert_int_equal(out->len, before);
            strbuf_printf(out, "error: %s\n", err.message);
        }
    }
    writer->format->writer_close(writer);
    arena_destroy(&arena);
}

static void writes_all_types(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    const struct type *inner[] = {type_of(TYPE_INT), type_of(TYPE_VARCHAR)};
    const struct type *types[] = {
        type_of(TYPE_BOOLEAN),
        type_of(TYPE_DOUBLE),
        type_decimal(&arena, 20, 9, true),
        type_of(TYPE_VARCHAR),
        type_time(&arena, TYPE_TIMESTAMP, 3, true),
        type_time(&arena, TYPE_TIMESTAMP_LTZ, 3, true),
        type_row(&arena, 2, names, inner, true),
        type_map(&arena, type_of(TYPE_VARCHAR), type_array(&arena, type_of(TYPE_INT), true), true),
        type_of(TYPE_VARBINARY),
        type_of(TYPE_FLOAT)};
    struct test_table table = make_table(10, types, NULL);
    const char *text =
        "{\"a\":true,\"b\":-0.25,\"c\":0.000000027,\"d\":\"q\\\"\\\\\\n\\u0001é\",\"e\":\"2024-01-05 10:11:12.500\","
        "\"f\":\"2024-01-05T10:11:12Z\",\"g\":{\"a\":1,\"b\":null},\"h\":{\"k\":[1,null],\"\":[]},\"i\":\"aGk=\",\"j\":"
        "1.5}";
    struct strbuf out = {0};
    /* read it, write it */
    struct option_list options = {0};
    struct format_reader *reader;
    struct error err = {0};
    int all[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    assert_int_equal(table.format->reader_open(&table.schema, all, 10, &options, &reader, &err), STATUS_OK);
    struct chunk *chunk = chunk_create(&arena, 10, types, VECTOR_CAPACITY);
    struct vector *columns[10];
    for (int i = 0; i < 10; i++) columns[i] = &chunk->columns[i];
    struct format_record records[] = {{0, (uint32_t)strlen(text)}, {(uint32_t)strlen(text) - 1, 0}};
    struct format_batch batch = {.data = test_padded(&arena, text, strlen(text)),
                                 .records = records,
                                 .count = 1,
                                 .arena = &arena,
                                 .columns = columns};
    assert_int_equal(table.format->decode(reader, &batch, &err), STATUS_OK);
    reader->format->reader_close(reader);
    struct value null = {.is_null = true};
    for (int i = 0; i < 10; i++) {
        null.type = types[i];
        vector_set(&chunk->columns[i], &arena, VECTOR_CAPACITY, 1, &null);
    }
    chunk->row_count = chunk->sel_count = 2;
    encode(&table, chunk, NULL, &out);
    assert_string_equal(
        out.data, "{\"a\":true,\"b\":-0.25,\"c\":2.7E-8,\"d\":\"q\\\"\\\\\\n\\u0001é\",\"e\":\"2024-01-05 10:11:12.5\","
                  "\"f\":\"2024-01-05 "
                  "10:11:12Z\",\"g\":{\"a\":1,\"b\":null},\"h\":{\"k\":[1,null],\"\":[]},\"i\":\"aGk=\",\"j\":1.5}\n"
                  "{\"a\":null,\"b\":null,\"c\":null,\"d\":null,\"e\":null,\"f\":null,\"g\":null,\"h\":null,\"i\":null,"
                  "\"j\":null}\n");
    encode(&table, chunk,
           "json.encode.ignore-null-fields=true\njson.encode.decimal-as-plain-number=true\njson.timestamp-format."
           "standard=iso-8601",
           &out);
    assert_string_equal(
        out.data,
        "{\"a\":true,\"b\":-0.25,\"c\":0.000000027,\"d\":\"q\\\"\\\\\\n\\u0001é\",\"e\":\"2024-01-05T10:11:12.5\","
        "\"f\":\"2024-01-05T10:11:12Z\",\"g\":{\"a\":1},\"h\":{\"k\":[1,null],\"\":[]},\"i\":\"aGk=\",\"j\":1.5}\n"
        "{}\n");
    strbuf_free(&out);
    arena_destroy(&arena);
}

static void writes_odd_numbers_and_keys(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    const struct type *types[] = {type_of(TYPE_DOUBLE), type_decimal(&arena, 20, 9, true),
                                  type_map(&arena, type_of(TYPE_VARCHAR), type_of(TYPE_INT), true), type_of(TYPE_INT)};
    struct test_table table = make_table(4, types, NULL);
    static const double doubles[] = {__builtin_nan(""), -__builtin_inf(), 1e300};
    static const int64_t decimals[] = {0, -1000, 1001};
    struct chunk *chunk = chunk_create(&arena, 3, types, 4);
    for (int row = 0; row < 3; row++) {
        struct value d = value_f64(doubles[row]), decimal = value_from_decimal(types[1], decimals[row]);
        struct value items[] = {value_null(type_of(TYPE_VARCHAR)), value_i64(type_of(TYPE_INT), 1)};
        struct value map = {.type = types[2], .list = {items, row == 2}};
        vector_set(&chunk->columns[0], &arena, 4, row, &d);
        vector_set(&chunk->columns[1], &arena, 4, row, &decimal);
        vector_set(&chunk->columns[2], &arena, 4, row, &map);
    }
    chunk->row_count = chunk->sel_count = 3;
    struct strbuf out = {0};
    encode(&table, chunk, NULL, &out);
    assert_string_equal(out.data, "{\"a\":\"NaN\",\"b\":0E-9,\"c\":{},\"d\":null}\n"
                                  "{\"a\":\"-Infinity\",\"b\":-0.000001000,\"c\":{},\"d\":null}\n"
                                  "error: field 'c': a MAP with a NULL key cannot be written as JSON\n");
    encode(&table, chunk, "json.map-null-key.mode=DROP", &out);
    assert_non_null(strstr(out.data, "{\"a\":1.0E300,\"b\":0.000001001,\"c\":{},\"d\":null}\n"));
    encode(&table, chunk, "json.map-null-key.mode=LITERAL\njson.map-null-key.literal=none", &out);
    assert_non_null(strstr(out.data, "\"c\":{\"none\":1}"));
    strbuf_free(&out);
    arena_destroy(&arena);
}

/* Keys that are no strings stand as their text, nested ones as JSON in it, as Cassandra's toJson writes them. */
static void keys_that_are_no_strings(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    const struct type *ints = type_array(&arena, type_of(TYPE_INT), true);
    const struct type *types[] = {type_map(&arena, type_of(TYPE_INT), type_of(TYPE_BOOLEAN), true),
                                  type_map(&arena, ints, type_of(TYPE_VARBINARY), true)};
    struct test_table table = make_table(2, types, NULL);
    table.options = "json.bytes-encoding=hex";
    test_expect(&table, "{\"a\":{\"1\":true,\"-2\":null},\"b\":{\"[1,2]\":\"0x00fF\",\"[]\":\"AQI=\"}}",
                "{1=true, -2=NULL}|{[1, 2]=AP8=, []=AQI=}\n");
    test_expect_error(&table, "{\"a\":{\"x\":true}}", "field 'a': cannot read 'x' as INT");
    test_expect_error(&table, "{\"b\":{\"[1,2\":null}}", "field 'b': cannot read '[1,2' as ARRAY<INT>");
    test_expect_error(&table, "{\"b\":{\"[]\":\"0x0\"}}", "field 'b': cannot read '\"0x0\"' as BYTES");
    arena_destroy(&arena);
}

static void finds_formats(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    struct option_list options =
        test_options(&arena, "value.format=jsn\nvalue.json.ignore-parse-errors=true\njson.x=1");
    const struct format *format;
    struct error err = {0};
    assert_int_equal(format_lookup(&options, "value.format", &format, &err), STATUS_INVALID_OPTION);
    assert_string_equal(err.message, "option 'value.format': there is no format 'jsn'");
    assert_string_equal(err.hint, "did you mean 'json'?");
    struct option_list out;
    assert_int_equal(format_options(format_find("json"), &options, "value.", "table 't'", &arena, &out, &err),
                     STATUS_OK);
    assert_int_equal(out.count, 1);
    assert_string_equal(out.keys[0], "json.ignore-parse-errors");
    assert_int_equal(format_options(format_find("json"), &options, "", "table 't'", &arena, &out, &err),
                     STATUS_INVALID_OPTION);
    assert_string_equal(err.message, "format 'json' of table 't' has no option 'json.x'");
    for (int i = 0; format_at(i); i++) assert_ptr_equal(format_find(format_at(i)->name), format_at(i));
    arena_destroy(&arena);
}

static void raw_takes_bytes(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    const struct type *text[] = {type_of(TYPE_VARCHAR)}, *number[] = {type_of(TYPE_INT)};
    struct test_table table = make_table(1, text, NULL);
    table.format = format_find("raw");
    test_expect(&table, "a,\"b\"\r\n\n c", "a,\"b\"\n\n c\n");
    test_expect_error(&table, "\xFF", "field 'a': '\\xFF' is not UTF-8");
    table.schema.types = number;
    table.schema.messages = true;
    struct format_record record = {0, 4};
    struct strbuf out = {0};
    struct error err = {0};
    int skipped, bad;
    char *data = test_padded(&arena, "\x00\x00\x01\x02", 4);
    assert_int_equal(test_decode(&table, data, &record, 1, &out, &skipped, &bad, &err), STATUS_OK);
    table.options = "raw.endianness=little-endian";
    assert_int_equal(test_decode(&table, data, &record, 1, &out, &skipped, &bad, &err), STATUS_OK);
    assert_string_equal(out.data, "258\n33619968\n");
    record.len = 3;
    assert_int_equal(test_decode(&table, data, &record, 1, &out, &skipped, &bad, &err), STATUS_BAD_DATA);
    assert_string_equal(err.message, "field 'a': INT needs 4 bytes, not 3");
    strbuf_free(&out);
    arena_destroy(&arena);
}

/* One message both ways: its text in UTF-8, its bytes. */
static void raw_message(const char *charset, const char *text, const char *bytes, size_t len) {
    struct arena arena;
    arena_init(&arena, NULL);
    const struct type *types[] = {type_of(TYPE_VARCHAR)};
    struct test_table table = make_table(1, types, arena_printf(&arena, "raw.charset=%s", charset));
    table.format = format_find("raw");
    table.schema.messages = true;
    struct format_record record = {0, (uint32_t)len};
    struct strbuf out = {0};
    struct error err = {0};
    int skipped, bad;
    strbuf_puts(&out, "");
    if (test_decode(&table, test_padded(&arena, bytes, len), &record, 1, &out, &skipped, &bad, &err) != STATUS_OK)
        fail_msg("%s: %s", charset, err.message);
    assert_string_equal(out.data, arena_printf(&arena, "%s\n", text));
    strbuf_clear(&out);
    struct option_list options = test_options(&arena, table.options);
    static const int column = 0;
    struct format_writer *writer;
    assert_int_equal(table.format->writer_open(&table.schema, &column, &options, &writer, &err), STATUS_OK);
    struct chunk *chunk = chunk_create(&arena, 1, types, 1);
    struct value value = value_str(types[0], str_from(text));
    vector_set(&chunk->columns[0], &arena, 1, 0, &value);
    chunk->row_count = chunk->sel_count = 1;
    for (int again = 0; again < 2; again++) { /* nothing is left over from the row before */
        strbuf_clear(&out);
        assert_int_equal(table.format->encode(writer, chunk, 0, &out, &err), STATUS_OK);
        assert_int_equal(out.len, len);
        assert_memory_equal(out.data, bytes, len);
    }
    table.format->writer_close(writer);
    strbuf_free(&out);
    arena_destroy(&arena);
}

static void raw_charsets(void **state) {
    (void)state;
    raw_message("UTF-8", "Gr\u00FC\u00DFe", "Gr\xC3\xBC\xC3\x9F\x65", 7);
    raw_message("ISO-8859-1", "Gr\u00FC\u00DFe", "Gr\xFC\xDF\x65", 5);
    raw_message("windows-1252", "\u20AC 5", "\x80 5", 3);
    raw_message("UTF-16LE", "h\u00E9\U0001F600", "h\0\xE9\0\x3D\xD8\0\xDE", 8);
    raw_message("UTF-16BE", "h\u00E9\U0001F600", "\0h\0\xE9\xD8\x3D\xDE\0", 8);
    raw_message("ISO-2022-JP", "\u3042a", "\x1B$B$\x22\x1B(Ba", 9);
    raw_message("UTF-16BE", "", "", 0);
    const struct type *types[] = {type_of(TYPE_VARCHAR)};
    struct test_table table = make_table(1, types, "raw.charset=ISO-8859-1");
    table.format = format_find("raw");
    test_expect(&table, "\xE9t\xE9\n\xFC", "\u00E9t\u00E9\n\u00FC\n"); /* a file */
    table.schema.messages = true;
    table.options = "raw.charset=UTF-16LE";
    test_expect_error(&table, "abc", "field 'a': 'abc' is not UTF-16LE");
}

static enum status raw_check_charset(const char *charset, bool messages, struct error *err) {
    struct arena arena;
    arena_init(&arena, NULL);
    const struct type *types[] = {type_of(TYPE_VARCHAR)};
    struct test_table table = make_table(1, types, arena_printf(&arena, "raw.charset=%s", charset));
    table.schema.messages = messages;
    struct option_list options = test_options(&arena, table.options);
    error_clear(err);
    enum status status = format_find("raw")->check(&table.schema, &options, err);
    arena_destroy(&arena);
    return status;
}

static void raw_refuses_charsets(void **state) {
    (void)state;
    struct error err;
    assert_int_equal(raw_check_charset("KLINGON", true, &err), STATUS_INVALID_OPTION);
    assert_string_equal(err.message, "'raw.charset' = 'KLINGON' is no charset that this system can convert");
    assert_int_equal(raw_check_charset("ISO-8859-1//TRANSLIT", true, &err), STATUS_INVALID_OPTION);
    assert_int_equal(raw_check_charset("UTF-16", true, &err), STATUS_INVALID_OPTION);
    assert_non_null(strstr(err.hint, "UTF-16BE"));
    assert_int_equal(raw_check_charset("UTF-16LE", true, &err), STATUS_OK);
    assert_int_equal(raw_check_charset("UTF-16LE", false, &err), STATUS_NOT_SUPPORTED);
    assert_non_null(strstr(err.message, "cannot cut files in charset 'UTF-16LE' into lines"));
    assert_int_equal(raw_check_charset("utf-8", false, &err), STATUS_OK);
    /* what the charset lacks cannot be written */
    struct arena arena;
    arena_init(&arena, NULL);
    const struct type *types[] = {type_of(TYPE_VARCHAR)};
    struct test_table table = make_table(1, types, "raw.charset=ISO-8859-1");
    struct option_list options = test_options(&arena, table.options);
    static const int column = 0;
    struct format_writer *writer;
    const struct format *raw = format_find("raw");
    assert_int_equal(raw->writer_open(&table.schema, &column, &options, &writer, &err), STATUS_OK);
    struct chunk *chunk = chunk_create(&arena, 1, types, 1);
    struct value value = value_str(types[0], str_from("5 \u20AC"));
    vector_set(&chunk->columns[0], &arena, 1, 0, &value);
    chunk->row_count = chunk->sel_count = 1;
    struct strbuf out = {0};
    strbuf_puts(&out, "before");
    assert_int_equal(raw->encode(writer, chunk, 0, &out, &err), STATUS_BAD_DATA);
    assert_string_equal(err.message, "field 'a': the text has a character that charset 'ISO-8859-1' lacks");
    assert_int_equal(out.len, 6);
    strbuf_free(&out);
    raw->writer_close(writer);
    arena_destroy(&arena);
}

const struct CMUnitTest json_tests[] = {
    cmocka_unit_test(reads_scalars),
    cmocka_unit_test(reads_strings),
    cmocka_unit_test(reads_nested_values),
    cmocka_unit_test(projects),
    cmocka_unit_test(refuses_what_is_malformed),
    cmocka_unit_test(names_what_is_wrong),
    cmocka_unit_test(bounds_nesting),
    cmocka_unit_test(frames_alike_at_every_cut),
    cmocka_unit_test(writes_all_types),
    cmocka_unit_test(writes_odd_numbers_and_keys),
    cmocka_unit_test(keys_that_are_no_strings),
    cmocka_unit_test(finds_formats),
    cmocka_unit_test(raw_takes_bytes),
    cmocka_unit_test(raw_charsets),
    cmocka_unit_test(raw_refuses_charsets),
};
const size_t json_tests_count = sizeof json_tests / sizeof *json_tests;
