#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "catalog/catalog.h"

extern const struct CMUnitTest catalog_tests[];
extern const size_t catalog_tests_count;

/* A table with everything in it. */
static struct table *make_table(struct arena *arena, const char *name) {
    const struct type *bigint = type_with_nullable(arena, type_of(TYPE_BIGINT), false);
    const char *const names[] = {"lat", "the `long` one"};
    const struct type *const types[] = {type_of(TYPE_DOUBLE), type_decimal(arena, 20, 5, false)};
    const struct type *place = type_row(arena, 2, names, types, true);
    const struct type *tags = type_map(arena, type_string(arena, TYPE_VARCHAR, 10, false),
                                       type_array(arena, type_multiset(arena, place, true), false), true);
    struct table_column *columns = ARENA_ARRAY(arena, struct table_column, 7);
    columns[0] = (struct table_column){.name = "user id", .type = bigint, .comment = "it's the user"};
    columns[1] = (struct table_column){.name = "ts", .type = type_time(arena, TYPE_TIMESTAMP_LTZ, 3, true)};
    columns[2] = (struct table_column){.name = "page", .type = type_of(TYPE_VARCHAR)};
    columns[3] = (struct table_column){.name = "tags", .type = tags};
    columns[4] = (struct table_column){.name = "cost", .kind = COLUMN_COMPUTED, .expression = "`page` || 'x'"};
    columns[5] = (struct table_column){.name = "part",
                                       .kind = COLUMN_METADATA,
                                       .type = type_of(TYPE_INT),
                                       .metadata_key = "partition",
                                       .is_virtual = true};
    columns[6] = (struct table_column){.name = "offset", .kind = COLUMN_METADATA, .type = bigint};
    int *key = ARENA_ARRAY(arena, int, 3);
    key[0] = 2, key[1] = 0, key[2] = 1;
    bool *descending = ARENA_ARRAY(arena, bool, 3);
    descending[2] = true;
    int *partitioned = ARENA_ARRAY(arena, int, 1);
    partitioned[0] = 2;
    struct table *table = ARENA_NEW(arena, struct table);
    *table = (struct table){.catalog = "c",
                            .database = "db",
                            .name = name,
                            .comment = "all of it",
                            .column_count = 7,
                            .columns = columns,
                            .primary_key_count = 3,
                            .partition_key_count = 1,
                            .primary_key = key,
                            .clustering_descending = descending,
                            .watermark_column = 1,
                            .watermark_expression = "`ts` - INTERVAL '5' SECOND",
                            .connector = "kafka",
                            .partitioned_by_count = 1,
                            .partitioned_by = partitioned};
    option_add(&table->options, arena, "connector", "kafka", 17);
    option_add(&table->options, arena, "properties.sasl.password", "hunter2", -1);
    struct table_statistics *statistics = ARENA_NEW(arena, struct table_statistics);
    table_statistics_init(statistics, arena, 7);
    statistics->row_count = 1e12;
    statistics->columns[0] = (struct column_statistics){
        .distinct_count = 5,
        .null_fraction = 0.25,
        .average_bytes = 8,
        .has_bounds = true,
        .low = value_i64(type_copy(arena, columns[0].type), -7),
        .high = value_i64(type_copy(arena, columns[0].type), INT64_MAX),
    };
    table->statistics = statistics;
    static const struct materialized materialized = {.query = "SELECT 1",
                                                     .freshness = "INTERVAL '3' MINUTE",
                                                     .suspended = true,
                                                     .start_mode = "FROM_NOW",
                                                     .start_ms = -1,
                                                     .refreshed_ms = INT64_C(1772352005000),
                                                     .has_run = true,
                                                     .checkpoint_dir = "dir"};
    table->materialized = &materialized;
    return table;
}

static struct table *make_view(struct arena *arena, const char *name) {
    struct table_column *columns = ARENA_ARRAY(arena, struct table_column, 1);
    columns[0] = (struct table_column){.name = "n", .type = type_of(TYPE_BIGINT)};
    struct table *table = ARENA_NEW(arena, struct table);
    *table = (struct table){.kind = TABLE_VIEW,
                            .catalog = "c",
                            .database = "db",
                            .name = name,
                            .column_count = 1,
                            .columns = columns,
                            .watermark_column = -1,
                            .view_query = "SELECT count(*) FROM t"};
    return table;
}

static void encode(struct strbuf *buf, const struct table *table) {
    strbuf_clear(buf);
    table_encode(buf, table);
}

static void printing(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    struct strbuf buf = {0};
    table_print_create(&buf, make_table(&arena, "clicks"));
    assert_string_equal(buf.data,
                        "CREATE MATERIALIZED TABLE `c`.`db`.`clicks` (\n"
                        "  `user id` BIGINT NOT NULL COMMENT 'it''s the user',\n"
                        "  `ts` TIMESTAMP_LTZ(3),\n"
                        "  `page` STRING,\n"
                        "  `tags` MAP<VARCHAR(10) NOT NULL, ARRAY<MULTISET<ROW<`lat` DOUBLE, `the ``long`` one` "
                        "DECIMAL(20, 5) NOT NULL>>> NOT NULL>,\n"
                        "  `cost` AS `page` || 'x',\n"
                        "  `part` INT METADATA FROM 'partition' VIRTUAL,\n"
                        "  `offset` BIGINT NOT NULL METADATA,\n"
                        "  WATERMARK FOR `ts` AS `ts` - INTERVAL '5' SECOND,\n"
                        "  PRIMARY KEY (`page`, `user id`, `ts`) NOT ENFORCED"
                        " /* partition key (`page`), clustering (`user id`, `ts` DESC) */\n"
                        ")\n"
                        "COMMENT 'all of it'\n"
                        "PARTITIONED BY (`page`)\n"
                        "WITH (\n"
                        "  'connector' = 'kafka',\n"
                        "  'properties.sasl.password' = '******'\n"
                        ")\n"
                        "START_MODE = FROM_NOW\n"
                        "FRESHNESS = INTERVAL '3' MINUTE\n"
                        "REFRESH_MODE = CONTINUOUS\n"
                        "AS SELECT 1");
    assert_true(option_key_is_secret("sasl.PassWord"));
    assert_false(option_key_is_secret("topic"));
    assert_false(option_key_is_secret("cql-type.token")); /* a column's name */
    assert_false(option_key_is_secret("fields.password.kind"));
    strbuf_clear(&buf);
    table_print_create(&buf, make_view(&arena, "v"));
    assert_string_equal(buf.data, "CREATE VIEW `c`.`db`.`v` (\n  `n`\n)\nAS SELECT count(*) FROM t");
    strbuf_free(&buf);
    arena_destroy(&arena);
}

static void copies_and_codes_are_whole(void **state) {
    (void)state;
    struct arena first, second;
    arena_init(&first, NULL);
    arena_init(&second, NULL);
    struct strbuf before = {0}, after = {0}, print_before = {0}, print_after = {0};
    for (int view = 0; view < 2; view++) {
        struct table *table = view ? make_view(&first, "t") : make_table(&first, "t");
        encode(&before, table);
        strbuf_clear(&print_before);
        table_print_create(&print_before, table);
        struct table *copy = table_copy(&second, table), *decoded;
        arena_reset(&first); /* nothing of the copy may lie there */
        memset(arena_alloc(&first, 3000), 0xEE, 3000);
        encode(&after, copy);
        assert_true(str_equal(strbuf_str(&before), strbuf_str(&after)));
        struct error err;
        assert_int_equal(table_decode(strbuf_str(&before), &second, &decoded, &err), STATUS_OK);
        encode(&after, decoded);
        assert_true(str_equal(strbuf_str(&before), strbuf_str(&after)));
        strbuf_clear(&print_after);
        table_print_create(&print_after, decoded);
        assert_string_equal(print_before.data, print_after.data);
        assert_int_equal(decoded->primary_key_count, view ? 0 : 3);
        assert_int_equal(decoded->watermark_column, view ? -1 : 1);
        arena_reset(&first);
    }
    strbuf_free(&before);
    strbuf_free(&after);
    strbuf_free(&print_before);
    strbuf_free(&print_after);
    arena_destroy(&first);
    arena_destroy(&second);
}

/* Whatever the bytes, decode answers OK or BAD_DATA, and what it accepts can be printed, copied and encoded. */
static void decoding_damaged_bytes(void **state) {
    (void)state;
    struct arena arena, scratch;
    arena_init(&arena, NULL);
    arena_init(&scratch, NULL);
    struct strbuf good = {0}, bytes = {0}, out = {0};
    uint64_t seed = 42;
    int accepted = 0;
    encode(&good, make_table(&arena, "t"));
    for (size_t cut = 0; cut < good.len; cut++) { /* every prefix, in a block of exactly that size */
        char *exact = malloc(cut ? cut : 1);
        memcpy(exact, good.data, cut);
        struct table *table = NULL;
        struct error err = {0};
        enum status status = table_decode((struct str){exact, cut}, &scratch, &table, &err);
        assert_true(status == STATUS_OK || status == STATUS_BAD_DATA);
        assert_true(status == STATUS_OK || err.message[0]);
        free(exact);
        arena_reset(&scratch);
    }
    for (int i = 0; i < 30000; i++) {
        strbuf_clear(&bytes);
        strbuf_add(&bytes, good.data, good.len);
        int changes = 1 + (int)(seed >> 60) % 3;
        for (int j = 0; j < changes; j++) {
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
            static const uint8_t interesting[] = {0, 1, 2, 4, 0x7F, 0x80, 0xFF, 18};
            size_t at = (seed >> 33) % bytes.len;
            bytes.data[at] =
                (char)(seed & 256 ? interesting[seed >> 20 & 7] : bytes.data[at] ^ (1 << (seed >> 20 & 7)));
        }
        struct table *table = NULL;
        enum status status = table_decode(strbuf_str(&bytes), &scratch, &table, NULL);
        assert_true(status == STATUS_OK || status == STATUS_BAD_DATA);
        if (status == STATUS_OK) {
            accepted++;
            strbuf_clear(&out);
            table_print_create(&out, table);
            encode(&out, table_copy(&scratch, table));
        } else {
            assert_null(table);
        }
        arena_reset(&scratch);
    }
    assert_true(accepted > 100); /* changed letters of names */
    strbuf_free(&good);
    strbuf_free(&bytes);
    strbuf_free(&out);
    arena_destroy(&arena);
    arena_destroy(&scratch);
}

const struct CMUnitTest catalog_tests[] = {
    cmocka_unit_test(printing),
    cmocka_unit_test(copies_and_codes_are_whole),
    cmocka_unit_test(decoding_damaged_bytes),
};
const size_t catalog_tests_count = sizeof catalog_tests / sizeof *catalog_tests;
