/* Every format, to the byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "connector/connector.h"
#include "shell/live.h"
#include "shell/printer.h"

extern const struct CMUnitTest printer_tests[];
extern const size_t printer_tests_count;

enum { MAX_COLUMNS = 16, CAPACITY = 64 };

/* A small result set: columns by name and type, rows of values. */
struct result {
    struct arena arena;
    const struct type *types[MAX_COLUMNS];
    const char *names[MAX_COLUMNS];
    struct schema schema;
    struct chunk *chunk;
    uint8_t kinds[CAPACITY];
};

static void result_init(struct result *result, int count, const char *const *names, const struct type *const *types) {
    *result = (struct result){0};
    arena_init(&result->arena, NULL);
    for (int i = 0; i < count; i++) {
        result->names[i] = names[i];
        result->types[i] = types[i];
    }
    result->schema = (struct schema){count, result->types, result->names};
    result->chunk = chunk_create(&result->arena, count, result->types, CAPACITY);
}

static void result_row(struct result *result, enum row_kind kind, const struct value *values) {
    int row = result->chunk->row_count++;
    result->chunk->sel_count = result->chunk->row_count;
    for (int i = 0; i < result->schema.column_count; i++)
        vector_set(&result->chunk->columns[i], &result->arena, CAPACITY, row, &values[i]);
    result->kinds[row] = (uint8_t)kind;
}

static void expect(struct result *result, struct print_options options, const char *text) {
    struct strbuf out = {0};
    struct printer *printer = printer_create(&options, &result->schema, &out);
    printer_rows(printer, result->chunk, result->kinds);
    printer_end(printer);
    assert_int_equal(printer_row_count(printer), result->chunk->row_count);
    printer_destroy(printer);
    assert_string_equal(out.data ? out.data : "", text);
    strbuf_free(&out);
}

static struct value text(const char *s) { return value_str(type_of(TYPE_VARCHAR), str_from(s)); }
static struct value integer(int64_t i) { return value_i64(type_of(TYPE_INT), i); }
static struct value null(enum type_id id) { return value_null(type_of(id)); }

static const char *const two_names[] = {"id", "name"};

static void two_columns(struct result *result) {
    const struct type *types[] = {type_of(TYPE_INT), type_of(TYPE_VARCHAR)};
    result_init(result, 2, two_names, types);
}

static void csv(void **state) {
    (void)state;
    const char *names[] = {"a", "b,c", "d\"e"};
    const struct type *types[] = {type_of(TYPE_INT), type_of(TYPE_VARCHAR), type_of(TYPE_VARBINARY)};
    struct result r;
    result_init(&r, 3, names, types);
    result_row(&r, ROW_INSERT,
               (struct value[]){integer(-1), text("plain"), value_str(types[2], (struct str){"\x01\xFF", 2})});
    result_row(&r, ROW_INSERT, (struct value[]){null(TYPE_INT), text(""), null(TYPE_VARBINARY)});
    result_row(&r, ROW_INSERT, (struct value[]){integer(2), text("a,b"), null(TYPE_VARBINARY)});
    result_row(&r, ROW_INSERT, (struct value[]){integer(3), text("say \"hi\"\nor\r"), null(TYPE_VARBINARY)});
    result_row(&r, ROW_INSERT, (struct value[]){integer(4), text("NULL"), null(TYPE_VARBINARY)});
    expect(&r, (struct print_options){.format = PRINT_CSV},
           "a,\"b,c\",\"d\"\"e\"\n"
           "-1,plain,x'01ff'\n"
           ",\"\",\n"
           "2,\"a,b\",\n"
           "3,\"say \"\"hi\"\"\nor\r\",\n"
           "4,NULL,\n");
    arena_destroy(&r.arena);
}

static void tsv(void **state) {
    (void)state;
    struct result r;
    two_columns(&r);
    result_row(&r, ROW_INSERT, (struct value[]){integer(1), text("a\tb\nc\\d\r")});
    result_row(&r, ROW_INSERT, (struct value[]){integer(2), null(TYPE_VARCHAR)});
    result_row(&r, ROW_INSERT, (struct value[]){integer(3), text("")});
    expect(&r, (struct print_options){.format = PRINT_TSV}, "id\tname\n1\ta\\tb\\nc\\\\d\\r\n2\t\\N\n3\t\n");
    arena_destroy(&r.arena);
}

static void changelogs_have_a_first_column(void **state) {
    (void)state;
    struct result r;
    two_columns(&r);
    result_row(&r, ROW_INSERT, (struct value[]){integer(1), text("a")});
    result_row(&r, ROW_UPDATE_BEFORE, (struct value[]){integer(1), text("a")});
    result_row(&r, ROW_UPDATE_AFTER, (struct value[]){integer(1), text("b")});
    result_row(&r, ROW_DELETE, (struct value[]){integer(1), text("b")});
    expect(&r, (struct print_options){.format = PRINT_CSV, .changelog = true},
           "op,id,name\n+I,1,a\n-U,1,a\n+U,1,b\n-D,1,b\n");
    expect(&r, (struct print_options){.format = PRINT_TSV, .changelog = true},
           "op\tid\tname\n+I\t1\ta\n-U\t1\ta\n+U\t1\tb\n-D\t1\tb\n");
    expect(&r, (struct print_options){.format = PRINT_JSONL, .changelog = true},
           "{\"op\":\"+I\",\"id\":1,\"name\":\"a\"}\n{\"op\":\"-U\",\"id\":1,\"name\":\"a\"}\n"
           "{\"op\":\"+U\",\"id\":1,\"name\":\"b\"}\n{\"op\":\"-D\",\"id\":1,\"name\":\"b\"}\n");
    expect(&r, (struct print_options){.format = PRINT_TABLE, .changelog = true},
           "+----+----+------+\n"
           "| op | id | name |\n"
           "+----+----+------+\n"
           "| +I |  1 | a    |\n"
           "| -U |  1 | a    |\n"
           "| +U |  1 | b    |\n"
           "| -D |  1 | b    |\n"
           "+----+----+------+\n");
    arena_destroy(&r.arena);
}

static void json(void **state) {
    (void)state;
    struct result r;
    two_columns(&r);
    expect(&r, (struct print_options){.format = PRINT_JSON}, "[]\n");
    expect(&r, (struct print_options){.format = PRINT_JSONL}, "");
    result_row(&r, ROW_INSERT, (struct value[]){integer(1), text("q\"b\\s/\b\f\n\r\t\x01 \xC3\xA9 \xF0\x9F\x91\x8D")});
    result_row(&r, ROW_INSERT, (struct value[]){integer(2), text("bad \xFF\xC3 end")});
    result_row(&r, ROW_INSERT, (struct value[]){null(TYPE_INT), null(TYPE_VARCHAR)});
    expect(&r, (struct print_options){.format = PRINT_JSON},
           "[{\"id\":1,\"name\":\"q\\\"b\\\\s/\\b\\f\\n\\r\\t\\u0001 \xC3\xA9 \xF0\x9F\x91\x8D\"},\n"
           "{\"id\":2,\"name\":\"bad \xEF\xBF\xBD\xEF\xBF\xBD end\"},\n"
           "{\"id\":null,\"name\":null}]\n");
    arena_destroy(&r.arena);
}

/* One row with a value of each kind. */
static void all_types(struct result *result) {
    static struct arena types_arena;
    arena_init(&types_arena, NULL);
    const struct type *decimal = type_decimal(&types_arena, 10, 2, true),
                      *wide = type_decimal(&types_arena, 38, 4, true);
    const struct type *ints = type_array(&types_arena, type_of(TYPE_INT), true);
    const struct type *map = type_map(&types_arena, type_of(TYPE_VARCHAR), type_of(TYPE_INT), true);
    const char *fields[] = {"x", "y z"};
    const struct type *parts[] = {type_of(TYPE_INT), type_of(TYPE_VARCHAR)};
    const struct type *row = type_row(&types_arena, 2, fields, parts, true);
    const char *names[] = {"b", "f", "n", "dec", "wide", "day", "ts", "ltz", "bytes", "ints", "map", "row", "gap"};
    const struct type *types[] = {type_of(TYPE_BOOLEAN),
                                  type_of(TYPE_DOUBLE),
                                  type_of(TYPE_DOUBLE),
                                  decimal,
                                  wide,
                                  type_of(TYPE_DATE),
                                  type_time(&types_arena, TYPE_TIMESTAMP, 3, true),
                                  type_time(&types_arena, TYPE_TIMESTAMP_LTZ, 0, true),
                                  type_of(TYPE_VARBINARY),
                                  ints,
                                  map,
                                  row,
                                  type_of(TYPE_INTERVAL_DAY_TIME)};
    result_init(result, 13, names, types);
    struct value *items = ARENA_ARRAY(&types_arena, struct value, 6);
    items[0] = integer(1);
    items[1] = null(TYPE_INT);
    items[2] = text("k\"");
    items[3] = integer(7);
    items[4] = integer(5);
    items[5] = text("a, b");
    struct value values[] = {value_boolean(true),
                             value_f64(0.1),
                             value_f64(__builtin_nan("")),
                             value_from_decimal(decimal, -1250),
                             value_from_decimal(wide, (int128)1234567890123456789 * 1000000),
                             value_i64(types[5], 19000),
                             value_i64(types[6], INT64_C(1700000000123000)),
                             value_i64(types[7], INT64_C(1700000000000000)),
                             value_str(types[8], (struct str){"\xDE\xAD", 2}),
                             {.type = ints, .list = {items, 2}},
                             {.type = map, .list = {items + 2, 1}},
                             {.type = row, .list = {items + 4, 2}},
                             value_i64(types[12], 90061001)};
    result_row(result, ROW_INSERT, values);
    arena_on_reset(&result->arena, (void (*)(void *))arena_destroy, &types_arena);
}

static void every_type(void **state) {
    (void)state;
    struct result r;
    all_types(&r);
    expect(
        &r, (struct print_options){.format = PRINT_JSONL},
        "{\"b\":true,\"f\":0.1,\"n\":\"NaN\",\"dec\":-12.50,\"wide\":123456789012345678900.0000,\"day\":\"2022-01-08\","
        "\"ts\":\"2023-11-14 22:13:20.123\",\"ltz\":\"2023-11-14 22:13:20\",\"bytes\":\"3q0=\",\"ints\":[1,null],"
        "\"map\":{\"k\\\"\":7},\"row\":{\"x\":5,\"y z\":\"a, b\"},\"gap\":\"+1 01:01:01.001\"}\n");
    expect(
        &r, (struct print_options){.format = PRINT_CSV},
        "b,f,n,dec,wide,day,ts,ltz,bytes,ints,map,row,gap\n"
        "TRUE,0.1,NaN,-12.50,123456789012345678900.0000,2022-01-08,2023-11-14 22:13:20.123,2023-11-14 22:13:20,x'dead',"
        "\"[1, NULL]\",\"{k\"\"=7}\",\"(5, a, b)\",+1 01:01:01.001\n");
    expect(&r, (struct print_options){.format = PRINT_VERTICAL},
           "-[ RECORD 1 ]-----------\n"
           "b     | TRUE\n"
           "f     | 0.1\n"
           "n     | NaN\n"
           "dec   | -12.50\n"
           "wide  | 123456789012345678900.0000\n"
           "day   | 2022-01-08\n"
           "ts    | 2023-11-14 22:13:20.123\n"
           "ltz   | 2023-11-14 22:13:20\n"
           "bytes | x'dead'\n"
           "ints  | [1, NULL]\n"
           "map   | {k\"=7}\n"
           "row   | (5, a, b)\n"
           "gap   | +1 01:01:01.001\n");
    arena_destroy(&r.arena);
}

static void constant_and_dictionary_columns(void **state) {
    (void)state;
    struct result r;
    two_columns(&r);
    result_row(&r, ROW_INSERT, (struct value[]){integer(1), text("one")});
    result_row(&r, ROW_INSERT, (struct value[]){integer(2), null(TYPE_VARCHAR)});
    static const sel_index index[] = {1, 0, 0};
    struct vector columns[2];
    struct value seven = integer(7);
    vector_init_const(&columns[0], &r.arena, type_of(TYPE_INT), &seven);
    vector_init_dict(&columns[1], &r.arena, &r.chunk->columns[1], 2, index);
    static const sel_index sel[] = {0, 2};
    struct chunk chunk = {.column_count = 2, .row_count = 3, .columns = columns, .sel = sel, .sel_count = 2};
    struct strbuf out = {0};
    struct print_options options = {.format = PRINT_CSV};
    struct printer *printer = printer_create(&options, &r.schema, &out);
    printer_rows(printer, &chunk, NULL);
    printer_end(printer);
    printer_destroy(printer);
    assert_string_equal(out.data, "id,name\n7,\n7,one\n");
    strbuf_free(&out);
    arena_destroy(&r.arena);
}

static void markdown(void **state) {
    (void)state;
    struct result r;
    two_columns(&r);
    result_row(&r, ROW_INSERT, (struct value[]){integer(1), text("a|b")});
    result_row(&r, ROW_INSERT, (struct value[]){integer(2), text("two\nlines")});
    expect(&r, (struct print_options){.format = PRINT_MARKDOWN},
           "| id | name |\n| ---: | --- |\n| 1 | a\\|b |\n| 2 | two<br>lines |\n");
    arena_destroy(&r.arena);
}

static void vertical(void **state) {
    (void)state;
    struct result r;
    two_columns(&r);
    result_row(&r, ROW_UPDATE_AFTER, (struct value[]){integer(1), text("two\nlines\x1B[31m")});
    result_row(&r, ROW_DELETE, (struct value[]){integer(2), text("")});
    expect(&r, (struct print_options){.format = PRINT_VERTICAL, .changelog = true},
           "-[ RECORD 1 ]-----------\n"
           "op   | +U\n"
           "id   | 1\n"
           "name | two\n"
           "     | lines\\x1B[31m\n"
           "-[ RECORD 2 ]-----------\n"
           "op   | -D\n"
           "id   | 2\n"
           "name |\n");
    arena_destroy(&r.arena);
}

static void boxes(void **state) {
    (void)state;
    struct result r;
    two_columns(&r);
    expect(&r, (struct print_options){.format = PRINT_TABLE, .utf8 = true},
           "┌────┬──────┐\n"
           "│ id │ name │\n"
           "├────┼──────┤\n"
           "└────┴──────┘\n");
    result_row(&r, ROW_INSERT, (struct value[]){integer(1000), text("日本")});
    result_row(&r, ROW_INSERT, (struct value[]){integer(-2), text("e\xCC\x81t\xC3\xA9")}); /* e + combining acute */
    result_row(&r, ROW_INSERT, (struct value[]){integer(3), text("👍🏽 ok")});         /* with a skin tone */
    result_row(&r, ROW_INSERT, (struct value[]){integer(4), text("👩‍👩‍👧 🇫🇷")});
    result_row(&r, ROW_INSERT, (struct value[]){integer(5), null(TYPE_VARCHAR)});
    result_row(&r, ROW_INSERT, (struct value[]){integer(6), text("two\nlines, tab\t")});
    expect(&r, (struct print_options){.format = PRINT_TABLE, .utf8 = true},
           "┌──────┬──────────────┐\n"
           "│   id │ name         │\n"
           "├──────┼──────────────┤\n"
           "│ 1000 │ 日本         │\n"
           "│   -2 │ e\xCC\x81t\xC3\xA9          │\n"
           "│    3 │ 👍🏽 ok        │\n"
           "│    4 │ 👩‍👩‍👧 🇫🇷        │\n"
           "│    5 │ NULL         │\n"
           "│    6 │ two          │\n"
           "│      │ lines, tab\\t │\n"
           "└──────┴──────────────┘\n");
    arena_destroy(&r.arena);
}

static void narrow_terminals(void **state) {
    (void)state;
    const char *names[] = {"id", "first", "second"};
    const struct type *types[] = {type_of(TYPE_INT), type_of(TYPE_VARCHAR), type_of(TYPE_VARCHAR)};
    struct result r;
    result_init(&r, 3, names, types);
    result_row(&r, ROW_INSERT, (struct value[]){integer(1), text("abcdefghijklmnopqrstuvwxyz"), text("short")});
    result_row(&r, ROW_INSERT, (struct value[]){integer(2), text("日本日本日本日本日本"), text("0123456789")});
    /* 34 columns: 10 go to lines and blanks, 2 to id, 10 to second, so first has 12 */
    expect(&r, (struct print_options){.format = PRINT_TABLE, .utf8 = true, .width = 34},
           "┌────┬──────────────┬────────────┐\n"
           "│ id │ first        │ second     │\n"
           "├────┼──────────────┼────────────┤\n"
           "│  1 │ abcdefghijk… │ short      │\n"
           "│  2 │ 日本日本日…  │ 0123456789 │\n"
           "└────┴──────────────┴────────────┘\n");
    expect(&r, (struct print_options){.format = PRINT_TABLE, .width = 31},
           "+----+------------+-----------+\n"
           "| id | first      | second    |\n"
           "+----+------------+-----------+\n"
           "|  1 | abcdefg... | short     |\n"
           "|  2 | 日本日...  | 012345... |\n"
           "+----+------------+-----------+\n");
    /* no column gets narrower than PRINT_MIN_COLUMN */
    expect(&r, (struct print_options){.format = PRINT_TABLE, .utf8 = true, .width = 5},
           "┌────┬───────┬───────┐\n"
           "│ id │ first │ seco… │\n"
           "├────┼───────┼───────┤\n"
           "│  1 │ abcd… │ short │\n"
           "│  2 │ 日本… │ 0123… │\n"
           "└────┴───────┴───────┘\n");
    arena_destroy(&r.arena);
}

/* Widths stand after the first chunk of a stream; what is wider later pushes the line out, or is cut in a terminal. */
static void streams_keep_their_widths(void **state) {
    (void)state;
    struct result r;
    two_columns(&r);
    result_row(&r, ROW_INSERT, (struct value[]){integer(1), text("abcdef")});
    for (int width = 0; width <= 80; width += 80) {
        struct strbuf out = {0};
        struct print_options options = {.format = PRINT_TABLE, .streaming = true, .width = width};
        struct printer *printer = printer_create(&options, &r.schema, &out);
        printer_rows(printer, r.chunk, NULL);
        const char *first = "+------------+------------------+\n"
                            "|         id | name             |\n"
                            "+------------+------------------+\n"
                            "|          1 | abcdef           |\n";
        assert_string_equal(out.data, first);
        struct result later;
        two_columns(&later);
        result_row(&later, ROW_INSERT, (struct value[]){integer(12345), text("abcdefghijklmnopqrstuvwxyz")});
        printer_rows(printer, later.chunk, NULL);
        assert_string_equal(out.data + strlen(first), width ? "|      12345 | abcdefghijklm... |\n"
                                                            : "|      12345 | abcdefghijklmnopqrstuvwxyz |\n");
        printer_end(printer);
        printer_destroy(printer);
        strbuf_free(&out);
        arena_destroy(&later.arena);
    }
    arena_destroy(&r.arena);
}

static void long_results_stream(void **state) {
    (void)state;
    struct result r;
    two_columns(&r);
    for (int i = 0; i < CAPACITY; i++) result_row(&r, ROW_INSERT, (struct value[]){integer(i), text("x")});
    struct strbuf out = {0};
    struct print_options options = {.format = PRINT_TABLE};
    struct printer *printer = printer_create(&options, &r.schema, &out);
    int chunks = 0;
    while (out.len == 0) {
        printer_rows(printer, r.chunk, NULL);
        chunks++;
    }
    assert_in_range(chunks * CAPACITY, PRINT_WIDTH_ROWS, PRINT_WIDTH_ROWS + 2 * CAPACITY);
    for (int i = 0; i < 10; i++) printer_rows(printer, r.chunk, NULL);
    printer_end(printer);
    int lines = 0;
    for (size_t i = 0; i < out.len; i++) lines += out.data[i] == '\n';
    assert_int_equal(lines, (chunks + 10) * CAPACITY + 4);
    printer_destroy(printer);
    strbuf_free(&out);
    arena_destroy(&r.arena);
}

static void tableau(void **state) {
    (void)state;
    const char *names[] = {"name", "cnt"};
    const struct type *types[] = {type_of(TYPE_VARCHAR), type_of(TYPE_BIGINT)};
    struct result r;
    result_init(&r, 2, names, types);
    expect(&r, (struct print_options){.format = PRINT_TABLEAU, .changelog = true}, "Empty set\n");
    expect(&r, (struct print_options){.format = PRINT_TABLEAU, .changelog = true, .streaming = true},
           "+----+--------------------------------+----------------------+\n"
           "| op |                           name |                  cnt |\n"
           "+----+--------------------------------+----------------------+\n"
           "Received a total of 0 row\n");
    result_row(&r, ROW_INSERT, (struct value[]){text("Bob"), value_i64(types[1], 1)});
    result_row(&r, ROW_DELETE, (struct value[]){null(TYPE_VARCHAR), null(TYPE_BIGINT)});
    result_row(&r, ROW_INSERT,
               (struct value[]){text("0123456789012345678901234567890123456789"), value_i64(types[1], -1)});
    expect(&r, (struct print_options){.format = PRINT_TABLEAU, .changelog = true, .streaming = true},
           "+----+--------------------------------+----------------------+\n"
           "| op |                           name |                  cnt |\n"
           "+----+--------------------------------+----------------------+\n"
           "| +I |                            Bob |                    1 |\n"
           "| -D |                         <NULL> |               <NULL> |\n"
           "| +I | 012345678901234567890123456... |                   -1 |\n"
           "+----+--------------------------------+----------------------+\n"
           "Received a total of 3 rows\n");
    expect(&r, (struct print_options){.format = PRINT_TABLEAU, .changelog = true, .max_column_width = 10},
           "+------------+--------+\n"
           "|       name |    cnt |\n"
           "+------------+--------+\n"
           "|        Bob |      1 |\n"
           "|     <NULL> | <NULL> |\n"
           "| 0123456... |     -1 |\n"
           "+------------+--------+\n"
           "3 rows in set\n");
    arena_destroy(&r.arena);
}

static void plain(void **state) {
    (void)state;
    const char *names[] = {"plan"};
    const struct type *types[] = {type_of(TYPE_VARCHAR)};
    struct result r;
    result_init(&r, 1, names, types);
    result_row(&r, ROW_INSERT, (struct value[]){text("Sort")});
    result_row(&r, ROW_INSERT, (struct value[]){text("  Scan(\"t\")")});
    expect(&r, (struct print_options){.format = PRINT_PLAIN}, "Sort\n  Scan(\"t\")\n");
    arena_destroy(&r.arena);
}

static void live_views(void **state) {
    (void)state;
    struct result r;
    two_columns(&r);
    for (int i = 0; i < 5; i++) result_row(&r, ROW_INSERT, (struct value[]){integer(i), text("abcdefghij")});
    const struct chunk *chunks[] = {r.chunk};
    struct print_options options = {.format = PRINT_TABLE, .width = 14};
    struct live_view view = {0};
    struct strbuf out = {0};
    live_draw(&view, &options, &r.schema, chunks, 1, 9, 14, &out);
    /* nine rows: six for the frame, so three of the result */
    assert_string_equal(out.data, "+----+-------+\n"
                                  "| id | name  |\n"
                                  "+----+-------+\n"
                                  "|  0 | ab... |\n"
                                  "|  1 | ab... |\n"
                                  "|  2 | ab... |\n"
                                  "+----+-------+\n"
                                  "(5 rows, the f\n"
                                  "\x1B[J");
    assert_int_equal(view.lines, 8);
    strbuf_clear(&out);
    r.chunk->row_count = r.chunk->sel_count = 1;
    options.width = 80;
    live_draw(&view, &options, &r.schema, chunks, 1, 9, 80, &out);
    assert_string_equal(out.data, "\r\x1B[8A"
                                  "+----+------------+\x1B[K\n"
                                  "| id | name       |\x1B[K\n"
                                  "+----+------------+\x1B[K\n"
                                  "|  0 | abcdefghij |\x1B[K\n"
                                  "+----+------------+\x1B[K\n"
                                  "(1 row; running, Ctrl-C ends it)\x1B[K\n"
                                  "\x1B[J");
    strbuf_clear(&out);
    live_erase(&view, &out);
    assert_string_equal(out.data, "\r\x1B[6A\x1B[J");
    strbuf_clear(&out);
    live_erase(&view, &out);
    assert_int_equal(out.len, 0);
    strbuf_free(&out);
    arena_destroy(&r.arena);
}

static void format_names(void **state) {
    (void)state;
    enum print_format format;
    assert_true(print_format_find("JSONL", &format));
    assert_int_equal(format, PRINT_JSONL);
    assert_false(print_format_find("plain", &format)); /* not a user's choice */
    assert_false(print_format_find("tableau", &format));
    assert_false(print_format_find("xml", &format));
}

const struct CMUnitTest printer_tests[] = {
    cmocka_unit_test(csv),
    cmocka_unit_test(tsv),
    cmocka_unit_test(changelogs_have_a_first_column),
    cmocka_unit_test(json),
    cmocka_unit_test(every_type),
    cmocka_unit_test(constant_and_dictionary_columns),
    cmocka_unit_test(markdown),
    cmocka_unit_test(vertical),
    cmocka_unit_test(boxes),
    cmocka_unit_test(narrow_terminals),
    cmocka_unit_test(streams_keep_their_widths),
    cmocka_unit_test(long_results_stream),
    cmocka_unit_test(tableau),
    cmocka_unit_test(plain),
    cmocka_unit_test(live_views),
    cmocka_unit_test(format_names),
};
const size_t printer_tests_count = sizeof printer_tests / sizeof *printer_tests;
