#include "format/csv_fixture.h"
#include "format/test_format.h"

extern const struct CMUnitTest csv_tests[];
extern const size_t csv_tests_count;

enum { MAX_COLUMNS = 16 };
static const char *const names[MAX_COLUMNS] = {"a", "b", "c", "d", "e", "f", "g", "h",
                                               "i", "j", "k", "l", "m", "n", "o", "p"};

static struct test_table make_table(struct arena *arena, int count, const struct type *const *types,
                                    const char *options) {
    const struct type **copy = ARENA_ARRAY(arena, const struct type *, count);
    for (int i = 0; i < count; i++) copy[i] = types ? types[i] : type_of(TYPE_VARCHAR);
    return (struct test_table){.format = format_find("csv"),
                               .schema = {.field_count = count, .names = names, .types = copy},
                               .options = options};
}

static struct test_table texts(struct arena *arena, int count, const char *options) {
    return make_table(arena, count, NULL, options);
}

static void reads_what_python_writes(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    for (size_t i = 0; i < sizeof csv_fixture / sizeof *csv_fixture; i++) {
        struct test_table table = texts(&arena, csv_fixture[i].column_count, NULL);
        struct strbuf expected = {0};
        strbuf_puts(&expected, "");
        for (int row = 0; row < csv_fixture[i].row_count; row++) {
            for (int c = 0; c < csv_fixture[i].column_count; c++)
                strbuf_printf(&expected, "%s%s", c ? "|" : "",
                              csv_fixture[i].fields[row * csv_fixture[i].column_count + c]);
            strbuf_putc(&expected, '\n');
        }
        test_expect(&table, csv_fixture[i].text, expected.data);
        /* and each column by itself */
        for (int c = 0; c < csv_fixture[i].column_count; c++) {
            table.projected_count = 1;
            table.projected = &c;
            strbuf_clear(&expected);
            for (int row = 0; row < csv_fixture[i].row_count; row++)
                strbuf_printf(&expected, "%s\n", csv_fixture[i].fields[row * csv_fixture[i].column_count + c]);
            test_expect(&table, csv_fixture[i].text, expected.data);
        }
        strbuf_free(&expected);
    }
    arena_destroy(&arena);
}

/* ---- Random texts against a plain reading of the rules ---- */

struct rules {
    char delimiter, quote, escape; /* 0: none */
    bool trim, comments, header;
    const char *options;
};

static const struct rules all_rules[] = {
    {',', '"', 0, false, false, false, NULL},
    {';', '\'', 0, false, false, true, "csv.field-delimiter=;\ncsv.quote-character='\ncsv.header=true"},
    {',', 0, 0, false, false, false, "csv.disable-quote-character=true"},
    {',', '"', '\\', false, false, false, "csv.escape-character=\\"},
    {',', '"', 0, true, true, false, "csv.trim-spaces=true\ncsv.allow-comments=true"},
    {',', '"', 0, false, true, true, "csv.allow-comments=true\ncsv.header=true"},
};

/* One record after the other, byte by byte: writes the fields as test_print would, or "fault" for a malformed one. */
static void reference(const struct rules *rules, int columns, const char *p, size_t len, struct strbuf *out) {
    size_t i = 0;
    bool header = rules->header;
    strbuf_puts(out, "");
    while (i < len) {
        size_t start = i;
        if (rules->comments && p[i] == '#') {
            while (i < len && p[i] != '\n') i++;
            i += i < len;
            continue;
        }
        struct strbuf line = {0};
        strbuf_puts(&line, "");
        bool fault = false, done = false, empty = false; /* empty: the last field, without quotes */
        int fields = 0;
        while (!done) {
            struct strbuf field = {0};
            strbuf_puts(&field, "");
            size_t field_start = i;
            if (rules->trim)
                while (i < len && (p[i] == ' ' || p[i] == '\t')) i++;
            bool quoted = i < len && rules->quote && p[i] == rules->quote;
            if (quoted) {
                i++;
                for (;;) {
                    if (i >= len) {
                        fault = true;
                        break;
                    }
                    if (rules->escape && p[i] == rules->escape) {
                        if (i + 1 >= len) {
                            fault = true;
                            i = len;
                            break;
                        }
                        char c = p[i + 1];
                        strbuf_putc(&field, c == 'n' ? '\n' : c);
                        i += 2;
                    } else if (p[i] == rules->quote) {
                        if (i + 1 < len && p[i + 1] == rules->quote) {
                            strbuf_putc(&field, p[i]);
                            i += 2;
                        } else {
                            i++;
                            break;
                        }
                    } else {
                        strbuf_putc(&field, p[i++]);
                    }
                }
                if (rules->trim)
                    while (i < len && (p[i] == ' ' || p[i] == '\t')) i++;
                /* a CR before the line's end belongs to it */
                if (i < len && p[i] != rules->delimiter && p[i] != '\n' &&
                    !(p[i] == '\r' && (i + 1 == len || p[i + 1] == '\n')))
                    fault = true;
            }
            size_t behind_quote = quoted ? i : SIZE_MAX; /* an escape there is none */
            if (!quoted && !rules->trim) i = field_start;
            while (i < len && p[i] != rules->delimiter && p[i] != '\n') {
                bool escaped = rules->escape && p[i] == rules->escape && i + 1 < len && i != behind_quote;
                if (escaped) i++;
                if (!quoted) strbuf_putc(&field, escaped && p[i] == 'n' ? '\n' : p[i]);
                i++;
            }
            bool at_end = i >= len || p[i] == '\n';
            if (!quoted && at_end && field.len && i > field_start && p[i - 1] == '\r') field.len--;
            if (!quoted && rules->trim)
                while (field.len && (field.data[field.len - 1] == ' ' || field.data[field.len - 1] == '\t'))
                    field.len--;
            strbuf_printf(&line, "%s", fields ? "|" : "");
            strbuf_add(&line, field.data, field.len);
            empty = !quoted && field.len == 0;
            strbuf_free(&field);
            fields++;
            done = at_end;
            i++;
        }
        size_t end = i - 1;
        if (end > start && end <= len && p[end - 1] == '\r') end--;
        if (end == start && columns > 1) {
            strbuf_free(&line);
            continue;
        }
        if (fields == columns + 1 && empty)
            line.len--; /* a delimiter behind the last field */
        else if (fields != columns)
            fault = true;
        if (header) {
            header = false;
        } else if (!fault) {
            strbuf_add(out, line.data, line.len);
            strbuf_putc(out, '\n');
        }
        strbuf_free(&line);
    }
}

static size_t random_text(uint64_t *seed, const struct rules *rules, char *text, size_t max) {
    /* plain stretches make the blocks of 64 differ in where things fall */
    size_t len = test_random(seed) % max, i = 0;
    while (i < len) {
        uint64_t r = test_random(seed);
        char c;
        switch (r % 16) {
        case 0:
        case 1:
        case 2: c = rules->delimiter; break;
        case 3:
        case 4: c = rules->quote ? rules->quote : '"'; break;
        case 5: c = '\n'; break;
        case 6: c = r % 3 ? '\n' : '\r'; break;
        case 7: c = r % 3 ? 'n' : rules->escape ? rules->escape : '\\'; break;
        case 8: c = r % 5 ? ' ' : '#'; break;
        case 9:
            for (size_t n = r / 16 % 40; n && i + 1 < len; n--) text[i++] = 'x';
            c = 'y';
            break;
        default: c = (char)('a' + r / 16 % 3);
        }
        text[i++] = c;
    }
    return len;
}

static void agrees_with_the_rules(void **state) {
    (void)state;
    uint64_t seed = 42;
    char text[400];
    for (int round = 0; round < 6000; round++) {
        const struct rules *rules = &all_rules[round % (int)(sizeof all_rules / sizeof *all_rules)];
        struct arena arena;
        arena_init(&arena, NULL);
        size_t len = random_text(&seed, rules, text, sizeof text);
        if (rules->escape && len && text[len - 1] == rules->escape)
            len--; /* a trailing escape means itself, or is unclosed */
        int columns = 1 + (int)(test_random(&seed) % 4);
        const char *options = arena_printf(&arena, "csv.ignore-parse-errors=true%s%s", rules->options ? "\n" : "",
                                           rules->options ? rules->options : "");
        struct test_table table = texts(&arena, columns, options);
        struct strbuf expected = {0}, out = {0};
        struct error err = {0};
        int skipped;
        reference(rules, columns, text, len, &expected);
        strbuf_puts(&out, "");
        assert_int_equal(test_read(&table, text, len, &out, &skipped, &err), STATUS_OK);
        if (out.len != expected.len || memcmp(out.data, expected.data, out.len) != 0) {
            text[len] = 0;
            print_error("options %s, %d columns, text:\n%s\n--- expected\n%s--- got\n%s", options, columns, text,
                        expected.data, out.data);
            fail();
        }
        strbuf_free(&expected);
        strbuf_free(&out);
        arena_destroy(&arena);
    }
}

static void frames_alike_at_every_cut(void **state) {
    (void)state;
    uint64_t seed = 7;
    char text[330];
    for (int round = 0; round < 150; round++) {
        const struct rules *rules = &all_rules[round % (int)(sizeof all_rules / sizeof *all_rules)];
        struct arena arena;
        arena_init(&arena, NULL);
        size_t len = random_text(&seed, rules, text, sizeof text);
        if (round % 4 == 0 && len > 3) memcpy(text, "\xEF\xBB\xBF", 3);
        struct test_table table = texts(&arena, 1 + (int)(test_random(&seed) % 3), rules->options);
        struct option_list options = test_options(&arena, table.options);
        struct format_reader *reader;
        struct error err;
        assert_int_equal(table.format->reader_open(&table.schema, NULL, 0, &options, &reader, &err), STATUS_OK);
        char *data = test_padded(&arena, text, len);
        struct format_frame whole = {0};
        table.format->frame(reader, data, len, true, true, &whole);
        assert_int_equal(whole.consumed_bytes, len);
        int64_t lines = 0;
        for (size_t i = 0; i < len; i++) lines += data[i] == '\n';
        assert_int_equal(whole.line_count, lines);
        for (size_t cut = 0; cut <= len; cut++) {
            char *head = test_padded(&arena, text, cut);
            struct format_frame a = {0}, b = {0};
            table.format->frame(reader, head, cut, true, false, &a);
            assert_true(a.consumed_bytes <= cut);
            size_t at = a.consumed_bytes;
            char *tail = test_padded(&arena, text + at, len - at);
            table.format->frame(reader, tail, len - at, at == 0, true, &b);
            assert_int_equal(a.count + b.count, whole.count);
            for (int i = 0; i < whole.count; i++) {
                struct format_record record = i < a.count ? a.records[i] : b.records[i - a.count];
                if (i >= a.count) record.start += (uint32_t)at;
                assert_int_equal(record.start, whole.records[i].start);
                assert_int_equal(record.len, whole.records[i].len);
            }
            assert_int_equal(a.line_count + b.line_count, lines);
            free(a.records);
            free(b.records);
            arena_reset(&arena);
            options = (struct option_list){0};
        }
        free(whole.records);
        reader->format->reader_close(reader);
        arena_destroy(&arena);
    }
}

/* ---- Values ---- */

static void reads_all_types(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    const struct type *types[] = {
        type_of(TYPE_BOOLEAN),
        type_of(TYPE_TINYINT),
        type_of(TYPE_SMALLINT),
        type_of(TYPE_INT),
        type_of(TYPE_BIGINT),
        type_of(TYPE_FLOAT),
        type_of(TYPE_DOUBLE),
        type_decimal(&arena, 10, 2, true),
        type_decimal(&arena, 38, 10, true),
        type_of(TYPE_VARBINARY),
        type_of(TYPE_DATE),
        type_time(&arena, TYPE_TIME, 3, true),
        type_time(&arena, TYPE_TIMESTAMP, 3, true),
        type_time(&arena, TYPE_TIMESTAMP, 9, true),
        type_time(&arena, TYPE_TIMESTAMP_LTZ, 6, true),
        type_of(TYPE_INTERVAL_DAY_TIME),
    };
    struct test_table table = make_table(&arena, 16, types, NULL);
    test_expect(
        &table,
        "true,-128,32767,-2147483648,9223372036854775807,1.5,-2.25e-3,12345678.99,1234567890123456789012345678."
        "0123456789,"
        "aGVsbG8=,2024-02-29,10:11:12.345,2024-01-05 10:11:12.123456,2024-01-05T10:11:12.123456789,"
        "2024-01-05 10:11:12.5Z,-86400000\n"
        " FALSE , 7 ,\t8, +9,10 ,3,4,5,6,,1970-01-01,00:00:00,1969-12-31 23:59:59.999,1970-01-01 00:00,"
        "2024-01-05 10:11:12,0\n"
        ",,,,,,,,,,,,,,,\n"
        "\"true\",\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7.5\",\"8\",\"\",\"2024-01-01\",,,,,\"\"\n",
        "true|-128|32767|-2147483648|9223372036854775807|1.5|-0.00225|12345678.99|"
        "1234567890123456789012345678.0123456789|aGVsbG8=|2024-02-29|10:11:12.345|2024-01-05 10:11:12.123|"
        "2024-01-05 10:11:12.123456789|2024-01-05 10:11:12.5Z|-86400000\n"
        "false|7|8|9|10|3.0|4.0|5.00|6.0000000000|NULL|1970-01-01|00:00:00|1969-12-31 23:59:59.999|1970-01-01 00:00:00|"
        "2024-01-05 10:11:12Z|0\n"
        "NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL\n"
        "true|1|2|3|4|5.0|6.0|7.50|8.0000000000|NULL|2024-01-01|NULL|NULL|NULL|NULL|NULL\n");
    arena_destroy(&arena);
}

static void knows_nulls(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    const struct type *types[] = {type_of(TYPE_VARCHAR), type_of(TYPE_INT)};
    struct test_table table = make_table(&arena, 2, types, NULL);
    test_expect(&table, ",1\n\"\",\nNULL,2\n", "|1\n|NULL\nNULL|2\n"); /* the last one is the text */
    table.options = "csv.empty-string-as-null=true";
    test_expect(&table, ",1\n\"\",\n", "NULL|1\n|NULL\n");
    table.options = "csv.null-literal=";
    test_expect(&table, ",1\n\"\",\n", "NULL|1\n|NULL\n");
    table.options = "csv.null-literal=0";
    test_expect(&table, "0,0\n\"0\",\"0\"\n,\n", "NULL|NULL\n0|0\n|NULL\n");
    table.options = "csv.null-literal=\\N";
    test_expect(&table, "\\N,\\N\nx,  \n", "NULL|NULL\nx|NULL\n");
    struct test_table one = make_table(&arena, 1, types + 1, NULL);
    test_expect(&one, "1\n\n2\n\"\"\n", "1\nNULL\n2\nNULL\n");
    arena_destroy(&arena);
}

static void reads_nested_values(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    const struct type *fields[] = {type_of(TYPE_INT), type_of(TYPE_VARCHAR)};
    const struct type *types[] = {type_array(&arena, type_of(TYPE_INT), true), type_row(&arena, 2, names, fields, true),
                                  type_array(&arena, type_of(TYPE_VARCHAR), true)};
    struct test_table table = make_table(&arena, 3, types, NULL);
    test_expect(&table, "1;2;3,4;x,a;b\n,,\n\"5\",;,\"p,q;r\"\n1;;2,7;,\n",
                "[1, 2, 3]|(4, x)|[a, b]\nNULL|NULL|NULL\n[5]|(NULL, )|[p,q, r]\n[1, NULL, 2]|(7, )|NULL\n");
    table.options = "csv.array-element-delimiter=::";
    test_expect(&table, "1::2,3::y,::\n", "[1, 2]|(3, y)|[, ]\n");
    test_expect_error(&table, "1::x,3::y,\n", "field 'a': cannot read '1::x' as ARRAY<INT>");
    test_expect_error(&table, "1,3,\n", "field 'b': cannot read '3' as ROW<`a` INT, `b` STRING>");
    table.options = "csv.ignore-parse-errors=true";
    test_expect(&table, "1;x;3,y;z,\n1,3,a\n", "[1, NULL, 3]|(NULL, z)|NULL\n[1]|NULL|[a]\n");
    arena_destroy(&arena);
}

static void names_what_is_wrong(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    const struct type *types[] = {type_of(TYPE_INT), type_of(TYPE_DOUBLE), type_of(TYPE_VARCHAR),
                                  type_with_nullable(&arena, type_of(TYPE_BIGINT), false)};
    struct test_table table = make_table(&arena, 4, types, NULL);
    test_expect_error(&table, "1,2,x,4\n1,abc,x,4\n", "field 'b': cannot read 'abc' as DOUBLE");
    test_expect_error(&table, "2147483648,2,x,4\n", "field 'a': cannot read '2147483648' as INT");
    test_expect_error(&table, "1,2,x,\n", "field 'd' is NULL, but its column is NOT NULL");
    test_expect_error(&table, "1,2,x\n", "3 fields where the table has 4 columns: '1,2,x'");
    test_expect_error(&table, "1,2,x,4,5,\n", "6 fields where the table has 4 columns: '1,2,x,4,5,'");
    test_expect_error(&table, "1,2,\"x,4\n5", "a quote is never closed: '1,2,\"x,4\\x0A5'");
    test_expect_error(&table, "1,2,\"x\" y,4\n",
                      "there is text between a closing quote and the next delimiter: '1,2,\"x\" y,4'");
    test_expect_error(&table, "1,2,\xFF\xC3,4\n", "field 'c': '\\xFF\\xC3' is not UTF-8");
    test_expect_error(&table, "1,1e,x,4\n", "field 'b': cannot read '1e' as DOUBLE");
    test_expect_error(
        &table, "1,xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx,x,4\n",
        "field 'b': cannot read 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…' as DOUBLE");
    table.options = "csv.ignore-parse-errors=true";
    struct strbuf out = {0};
    struct error err = {0};
    int skipped;
    const char *text = "1,2,x,4\n,,,\nx,2,x,4\n5,6,\"y\"\"\",8\n1,2,\xFF,4\nmore,and,more,and,more\n,,\xC3\xA9,9\n";
    assert_int_equal(test_read(&table, text, strlen(text), &out, &skipped, &err), STATUS_OK);
    /* a value is NULL; a record without a NOT NULL column or with other columns is left out */
    assert_string_equal(out.data, "1|2.0|x|4\nNULL|2.0|x|4\n5|6.0|y\"|8\n1|2.0|NULL|4\nNULL|NULL|\xC3\xA9|9\n");
    assert_int_equal(skipped, 2);
    strbuf_free(&out);
    arena_destroy(&arena);
}

static void names_the_record(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    struct strbuf text = {0}, out = {0};
    for (int i = 0; i < 5000; i++) strbuf_printf(&text, "%d\n", i);
    strbuf_puts(&text, "x");
    const struct type *types[] = {type_of(TYPE_INT)};
    struct test_table table = make_table(&arena, 1, types, NULL);
    char *data = test_padded(&arena, text.data, text.len);
    struct option_list options = {0};
    struct format_reader *reader;
    struct format_frame frame = {0};
    struct error err = {0};
    assert_int_equal(table.format->reader_open(&table.schema, NULL, 0, &options, &reader, &err), STATUS_OK);
    table.format->frame(reader, data, text.len, true, true, &frame);
    int skipped, error_record = -1;
    assert_int_equal(frame.count, 5001);
    assert_int_equal(test_decode(&table, data, frame.records, frame.count, &out, &skipped, &error_record, &err),
                     STATUS_BAD_DATA);
    assert_int_equal(error_record, 5000);
    reader->format->reader_close(reader);
    free(frame.records);
    strbuf_free(&text);
    strbuf_free(&out);
    arena_destroy(&arena);
}

static enum status open_with(const struct test_table *table, const char *text, struct error *err) {
    struct arena arena;
    arena_init(&arena, NULL);
    struct option_list options = test_options(&arena, text);
    const struct option_def *tables[] = {table->format->options, NULL};
    enum status status = options_check(&options, tables, "format 'csv'", err);
    struct format_reader *reader;
    if (status == STATUS_OK) {
        status = table->format->reader_open(&table->schema, NULL, 0, &options, &reader, err);
        if (status == STATUS_OK) table->format->reader_close(reader);
    }
    arena_destroy(&arena);
    return status;
}

static void checks_options(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    struct test_table table = texts(&arena, 2, NULL);
    struct error err = {0};
    assert_int_equal(open_with(&table, "csv.field-delimiter=\\t", &err), STATUS_OK);
    assert_int_equal(open_with(&table, "csv.field-delimiter=\\u0001", &err), STATUS_OK);
    assert_int_equal(open_with(&table, "csv.field-delimiter=::", &err), STATUS_INVALID_OPTION);
    assert_string_equal(err.message, "option 'csv.field-delimiter' cannot be '::'");
    assert_int_equal(open_with(&table, "csv.field-delimiter=", &err), STATUS_INVALID_OPTION);
    assert_int_equal(open_with(&table, "csv.field-delimiter=\"", &err), STATUS_INVALID_OPTION);
    assert_int_equal(open_with(&table, "csv.quote-character='\ncsv.disable-quote-character=true", &err),
                     STATUS_INVALID_OPTION);
    assert_int_equal(open_with(&table, "csv.array-element-delimiter=", &err), STATUS_INVALID_OPTION);
    assert_int_equal(open_with(&table, "csv.feld-delimiter=;", &err), STATUS_INVALID_OPTION);
    assert_string_equal(err.hint, "did you mean 'csv.field-delimiter'?");
    table.schema.messages = true;
    assert_int_equal(open_with(&table, "csv.header=true", &err), STATUS_INVALID_OPTION);
    table.schema.messages = false;
    table.schema.types =
        (const struct type *[]){type_of(TYPE_INT), type_map(&arena, type_of(TYPE_INT), type_of(TYPE_INT), true)};
    assert_int_equal(open_with(&table, "", &err), STATUS_NOT_SUPPORTED);
    assert_string_equal(err.message, "format 'csv' cannot carry column 'b' of type MAP");
    arena_destroy(&arena);
}

/* ---- JSON and hexadecimal in fields ---- */

static void nested_values_as_json(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    const struct type *lists = type_array(&arena, type_array(&arena, type_of(TYPE_INT), true), true);
    const struct type *types[] = {lists, type_map(&arena, type_of(TYPE_DATE), type_of(TYPE_VARBINARY), true),
                                  type_of(TYPE_VARBINARY)};
    struct test_table table = make_table(&arena, 3, types, "csv.nested-encoding=json\ncsv.bytes-encoding=hex");
    test_expect(&table, "\"[[1,null],[]]\",\"{\"\"2024-01-05\"\":\"\"0x6869\"\"}\",0x\n,{},aGk=\n",
                "[[1, NULL], []]|{2024-01-05=aGk=}|\nNULL|{}|aGk=\n");
    test_expect_error(&table, "[1],,\n", "field 'a': cannot read '[1]' as ARRAY<ARRAY<INT>>");
    test_expect_error(&table, "[] x,,\n", "field 'a': cannot read '[] x' as ARRAY<ARRAY<INT>>");
    test_expect_error(&table, ",,0xf\n", "field 'c': cannot read '0xf' as BYTES");
    arena_destroy(&arena);
}

/* ---- Malformed records, to who asks for them ---- */

static enum status note_malformed(struct format_batch *batch, int record, const struct error *why, struct error *err) {
    strbuf_printf(batch->owner, "%d: %s\n", record, why->message);
    return record == 9 ? error_set(err, STATUS_LIMIT_EXCEEDED, "enough") : STATUS_OK;
}

static void tells_malformed_records(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    const struct type *types[] = {type_with_nullable(&arena, type_of(TYPE_INT), false), type_of(TYPE_VARCHAR)};
    struct test_table table = make_table(&arena, 2, types, NULL);
    struct option_list options = {0};
    struct format_reader *reader;
    struct error err = {0};
    const char text[] = "1,a\nx,b\n3\n4,d\n,e\n6,f\n7,g\n8,h\n9,i\ny,j\n";
    int both[] = {0, 1};
    assert_int_equal(table.format->reader_open(&table.schema, both, 2, &options, &reader, &err), STATUS_OK);
    char *data = test_padded(&arena, text, sizeof text - 1);
    struct format_frame frame = {0};
    struct strbuf told = {0};
    table.format->frame(reader, data, sizeof text - 1, true, true, &frame);
    assert_int_equal(frame.count, 10);
    struct vector vectors[2], *columns[2] = {&vectors[0], &vectors[1]};
    for (int i = 0; i < 2; i++) vector_init(&vectors[i], &arena, types[i], VECTOR_CAPACITY);
    struct format_batch batch = {.data = data,
                                 .records = frame.records,
                                 .count = 9,
                                 .arena = &arena,
                                 .columns = columns,
                                 .malformed = note_malformed,
                                 .owner = &told};
    assert_int_equal(table.format->decode(reader, &batch, &err), STATUS_OK);
    assert_int_equal(batch.row_count, 6);
    assert_int_equal(batch.skipped, 0);
    assert_int_equal(((int32_t *)vectors[0].data)[1], 4);
    assert_int_equal(((int32_t *)vectors[0].data)[5], 9);
    assert_string_equal(told.data, "1: field 'a': cannot read 'x' as INT\n"
                                   "2: 1 field where the table has 2 columns: '3'\n"
                                   "4: field 'a' is NULL, but its column is NOT NULL\n");
    batch.first = 9;
    batch.count = 1;
    assert_int_equal(table.format->decode(reader, &batch, &err), STATUS_LIMIT_EXCEEDED);
    reader->format->reader_close(reader);
    free(frame.records);
    strbuf_free(&told);
    arena_destroy(&arena);
}

/* ---- Names ---- */

static void expect_names(const char *option_text, const char *text, bool at_end, const char *expected) {
    struct arena arena;
    arena_init(&arena, NULL);
    struct option_list options = test_options(&arena, option_text);
    const char **found = NULL;
    int count = 0;
    struct error err = {0};
    struct strbuf out = {0};
    strbuf_puts(&out, "");
    size_t len = strlen(text);
    if (format_find("csv")->field_names(&options, test_padded(&arena, text, len), len, at_end, &arena, &found, &count,
                                        &err) != STATUS_OK)
        strbuf_puts(&out, err.message);
    else
        for (int i = 0; i < count; i++) strbuf_printf(&out, "[%s]", found[i]);
    assert_string_equal(out.data, expected);
    strbuf_free(&out);
    arena_destroy(&arena);
}

static void finds_names(void **state) {
    (void)state;
    expect_names("csv.header=true", "a,b c, d \r\n1,2,3\n", false, "[a][b c][d]");
    expect_names("csv.header=true", "\xEF\xBB\xBF\n\"a,\"\"b\"\"\",\"c\nd\"\n1,2\n", false, "[a,\"b\"][c\nd]");
    expect_names("csv.header=true\ncsv.field-delimiter=;\ncsv.allow-comments=true", "# x;y\na;;b\n", false, "[a][][b]");
    expect_names("csv.header=true\ncsv.escape-character=\\", "a\\,b,c\n", false, "[a,b][c]");
    expect_names("csv.header=true", "a,b", true, "[a][b]");
    expect_names("csv.header=true", "a,b", false, "the header line is longer than 3 bytes");
    expect_names("csv.header=true", "", true, "");
    expect_names("csv.header=true", "a,\xFF\n", true, "the header line is no text: 'a,\\xFF'");
    expect_names("csv.header=false", "a,b\n", true, "");
}

/* ---- Writing ---- */

static void writes_what_it_reads(void **state) {
    (void)state;
    static const char *const pieces[] = {"",     "a", ",",  "\"", "\n", "\r", " ",   "#", "\\",
                                         "NULL", ";", "\t", "é",  "0",  "n",  "xyz", "'", ""};
    static const struct {
        const char *options;
        bool nulls; /* a NULL string can be told from an empty one */
    } cases[] = {
        {"csv.null-literal=", true},
        {"csv.null-literal=NULL", true},
        {"csv.null-literal=0\ncsv.allow-comments=true\ncsv.trim-spaces=true", true},
        {"csv.empty-string-as-null=true\ncsv.escape-character=\\", true},
        {"csv.field-delimiter=;\ncsv.quote-character='\ncsv.header=true", false},
        {"csv.disable-quote-character=true\ncsv.escape-character=\\", false},
    };
    uint64_t seed = 5;
    for (int round = 0; round < 600; round++) {
        struct arena arena;
        arena_init(&arena, NULL);
        int kind = round % (int)(sizeof cases / sizeof *cases);
        int columns = 2 + (int)(test_random(&seed) % 3);
        struct test_table table = texts(&arena, columns, cases[kind].options);
        struct option_list options = test_options(&arena, table.options);
        struct chunk *chunk = chunk_create(&arena, columns, table.schema.types, 8);
        struct strbuf expected = {0}, written = {0}, out = {0};
        int map[] = {0, 1, 2, 3, 4};
        struct format_writer *writer;
        struct error err = {0};
        assert_int_equal(table.format->writer_open(&table.schema, map, &options, &writer, &err), STATUS_OK);
        table.format->header(writer, &written);
        strbuf_puts(&expected, "");
        for (int row = 0; row < 8; row++) {
            size_t start = expected.len;
            for (int c = 0; c < columns; c++) {
                struct strbuf text = {0};
                strbuf_puts(&text, "");
                for (uint64_t n = test_random(&seed) % 4; n; n--)
                    strbuf_puts(&text, pieces[test_random(&seed) % (sizeof pieces / sizeof *pieces)]);
                struct value value = value_str(table.schema.types[c], str_from(arena_strdup(&arena, text.data)));
                if (cases[kind].nulls && test_random(&seed) % 5 == 0) value = value_null(table.schema.types[c]);
                vector_set(&chunk->columns[c], &arena, 8, row, &value);
                strbuf_printf(&expected, "%s%s", c ? "|" : "", value.is_null ? "NULL" : text.data);
                strbuf_free(&text);
            }
            strbuf_putc(&expected, '\n');
            if (table.format->encode(writer, chunk, row, &written, &err) != STATUS_OK) {
                assert_int_equal(kind, 5); /* without quotes not everything can be written */
                expected.len = start;
                expected.data[start] = 0;
                continue;
            }
            strbuf_puts(&written, row % 2 ? "\n" : "\r\n");
        }
        int skipped;
        strbuf_puts(&out, "");
        enum status status = test_read(&table, written.data, written.len, &out, &skipped, &err);
        if (status != STATUS_OK || strcmp(out.data, expected.data) != 0) {
            print_error("options %s\n%s--- expected\n%s--- got %s\n%s", table.options, written.data, expected.data,
                        err.message, out.data);
            fail();
        }
        strbuf_free(&expected);
        strbuf_free(&written);
        strbuf_free(&out);
        writer->format->writer_close(writer);
        arena_destroy(&arena);
    }
}

static void writes_rfc_4180(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    const struct type *types[] = {type_of(TYPE_INT), type_of(TYPE_VARCHAR), type_of(TYPE_DOUBLE),
                                  type_array(&arena, type_of(TYPE_INT), true)};
    struct test_table table = make_table(&arena, 4, types, "csv.header=true");
    struct option_list options = test_options(&arena, table.options);
    int map[] = {1, 0, -1, 2};
    struct format_writer *writer;
    struct error err = {0};
    assert_int_equal(table.format->writer_open(&table.schema, map, &options, &writer, &err), STATUS_OK);
    const struct type *chunk_types[] = {types[1], types[0], types[3]};
    struct chunk *chunk = chunk_create(&arena, 3, chunk_types, 4);
    struct value items[] = {value_i64(types[0], 1), value_null(types[0]), value_i64(types[0], 3)};
    struct value list = {.type = types[3], .list = {items, 3}}, number = value_i64(types[0], -5);
    struct value null = value_null(types[0]), null_list = value_null(types[3]);
    struct value text[] = {value_str(types[1], str_from("a,\"b\"")), value_str(types[1], str_from(""))};
    for (int row = 0; row < 2; row++) {
        vector_set(&chunk->columns[0], &arena, 4, row, &text[row]);
        vector_set(&chunk->columns[1], &arena, 4, row, row ? &null : &number);
        vector_set(&chunk->columns[2], &arena, 4, row, row ? &null_list : &list);
    }
    struct strbuf out = {0};
    table.format->header(writer, &out);
    for (int row = 0; row < 2; row++) {
        assert_int_equal(table.format->encode(writer, chunk, row, &out, &err), STATUS_OK);
        strbuf_putc(&out, '\n');
    }
    assert_string_equal(out.data, "a,b,c,d\n-5,\"a,\"\"b\"\"\",,1;;3\n,\"\",,\n");
    strbuf_free(&out);
    writer->format->writer_close(writer);
    arena_destroy(&arena);
}

/* As Java's BigDecimal.stripTrailingZeros().toString(). */
static void writes_scientific_decimals(void **state) {
    (void)state;
    static const struct {
        const char *plain, *scientific;
    } cases[] = {
        {"0.0000000000", "0"},
        {"100000.0000000000", "1E+5"},
        {"-1200.0000000000", "-1.2E+3"},
        {"12.0000000000", "12"},
        {"10.0000000000", "1E+1"},
        {"120.5000000000", "120.5"},
        {"0.5000000000", "0.5"},
        {"-0.0012000000", "-0.0012"},
        {"0.0000010000", "0.000001"},
        {"0.0000001000", "1E-7"},
        {"0.0000012300", "0.00000123"},
        {"-0.0000001230", "-1.23E-7"},
        {"1000.0000000001", "1000.0000000001"},
    };
    struct arena arena;
    arena_init(&arena, NULL);
    const struct type *types[] = {type_decimal(&arena, 20, 10, true),
                                  type_array(&arena, type_decimal(&arena, 20, 10, true), true)};
    const int map[] = {0, 1};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int scientific = 0; scientific < 2; scientific++) {
            struct test_table table =
                make_table(&arena, 2, types, scientific ? "csv.write-bigdecimal-in-scientific-notation=true" : NULL);
            struct option_list options = test_options(&arena, table.options);
            struct format_writer *writer;
            struct error err = {0};
            assert_int_equal(table.format->writer_open(&table.schema, map, &options, &writer, &err), STATUS_OK);
            int128 unscaled = 0;
            for (const char *p = cases[i].plain; *p; p++)
                if (*p >= '0' && *p <= '9') unscaled = unscaled * 10 + (*p - '0');
            struct value value = value_from_decimal(types[0], *cases[i].plain == '-' ? -unscaled : unscaled);
            struct value list = {.type = types[1], .list = {.count = 1, .items = &value}};
            struct chunk *chunk = chunk_create(&arena, 2, types, 1);
            vector_set(&chunk->columns[0], &arena, 1, 0, &value);
            vector_set(&chunk->columns[1], &arena, 1, 0, &list);
            chunk->row_count = chunk->sel_count = 1;
            struct strbuf out = {0};
            assert_int_equal(writer->format->encode(writer, chunk, 0, &out, &err), STATUS_OK);
            const char *text = scientific ? cases[i].scientific : cases[i].plain;
            assert_string_equal(out.data, arena_printf(&arena, "%s,%s", text, text));
            writer->format->writer_close(writer);
            /* and is read again */
            test_expect(&table, arena_printf(&arena, "%s,\n", text), arena_printf(&arena, "%s|NULL\n", cases[i].plain));
            strbuf_free(&out);
        }
    arena_destroy(&arena);
}

static void bears_fields_at_the_end(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    struct test_table table = texts(&arena, 2, "csv.ignore-trailing-unmappable=true");
    test_expect(&table, "1,a\n2,b,\n3,\"c,d\",e,f\n4,g,\"h\n,i\"\n", "1|a\n2|b\n3|c,d\n4|g\n");
    test_expect_error(&table, "1\n", "1 field where the table has 2 columns: '1'");
    table = texts(&arena, 2, "csv.allow-trailing-comma=false");
    test_expect_error(&table, "1,a,\n", "3 fields where the table has 2 columns: '1,a,'");
    table = texts(&arena, 2, NULL); /* as Flink: allowed */
    test_expect(&table, "1,a,\n2,b\n3,\"c,\",\n4,,\n", "1|a\n2|b\n3|c,\n4|\n");
    test_expect_error(&table, "1,a,,\n", "4 fields where the table has 2 columns: '1,a,,'");
    test_expect_error(&table, "1,a,x\n", "3 fields where the table has 2 columns: '1,a,x'");
    test_expect_error(&table, "1,a,\"\"\n", "3 fields where the table has 2 columns: '1,a,\"\"'");
    table = texts(&arena, 2, "csv.trim-spaces=true\ncsv.field-delimiter=;");
    test_expect(&table, "1;a; \n", "1|a\n");
    table = texts(&arena, 2, "csv.fail-on-missing-columns=false");
    test_expect_error(&table, "1\n", "1 field where the table has 2 columns: '1'");
    arena_destroy(&arena);
}

const struct CMUnitTest csv_tests[] = {
    cmocka_unit_test(writes_scientific_decimals),
    cmocka_unit_test(bears_fields_at_the_end),
    cmocka_unit_test(nested_values_as_json),
    cmocka_unit_test(tells_malformed_records),
    cmocka_unit_test(finds_names),
    cmocka_unit_test(reads_what_python_writes),
    cmocka_unit_test(agrees_with_the_rules),
    cmocka_unit_test(frames_alike_at_every_cut),
    cmocka_unit_test(reads_all_types),
    cmocka_unit_test(knows_nulls),
    cmocka_unit_test(reads_nested_values),
    cmocka_unit_test(names_what_is_wrong),
    cmocka_unit_test(names_the_record),
    cmocka_unit_test(checks_options),
    cmocka_unit_test(writes_what_it_reads),
    cmocka_unit_test(writes_rfc_4180),
};
const size_t csv_tests_count = sizeof csv_tests / sizeof *csv_tests;
