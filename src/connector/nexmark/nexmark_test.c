#include "connector/test_source.h"

extern const struct CMUnitTest nexmark_tests[];
extern const size_t nexmark_tests_count;
extern const struct connector nexmark_connector;

/* types: b BIGINT, s STRING, t TIMESTAMP(3) */
static const struct type *row_type(struct arena *arena, const char *const *names, const char *types) {
    const struct type *list[16];
    int count = (int)strlen(types);
    for (int i = 0; i < count; i++)
        list[i] = types[i] == 'b'   ? type_of(TYPE_BIGINT)
                  : types[i] == 's' ? type_of(TYPE_VARCHAR)
                                    : type_time(arena, TYPE_TIMESTAMP, 3, true);
    return type_row(arena, count, names, list, true);
}

static struct table *make_table(struct arena *arena, const char *text) {
    static const char *const person[] = {"id",   "name",  "emailAddress", "creditCard",
                                         "city", "state", "dateTime",     "extra"};
    static const char *const auction[] = {"id",       "itemName", "description", "initialBid", "reserve",
                                          "dateTime", "expires",  "seller",      "category",   "extra"};
    static const char *const bid[] = {"auction", "bidder", "price", "channel", "url", "dateTime", "extra"};
    struct table *table = ARENA_NEW(arena, struct table);
    struct table_column *columns = ARENA_ARRAY(arena, struct table_column, 4);
    columns[0] = (struct table_column){.name = "event_type", .type = type_of(TYPE_INT)};
    columns[1] = (struct table_column){.name = "person", .type = row_type(arena, person, "bsssssts")};
    columns[2] = (struct table_column){.name = "auction", .type = row_type(arena, auction, "bssbbttbbs")};
    columns[3] = (struct table_column){.name = "bid", .type = row_type(arena, bid, "bbbssts")};
    *table = (struct table){.name = "t", .column_count = 4, .columns = columns, .watermark_column = -1};
    for (const char *p = text; *p;) {
        const char *end = strchrnul(p, '\n'), *equal = memchr(p, '=', (size_t)(end - p));
        option_add(&table->options, arena, arena_strndup(arena, p, (size_t)(equal - p)),
                   arena_strndup(arena, equal + 1, (size_t)(end - equal - 1)), -1);
        p = *end ? end + 1 : end;
    }
    return table;
}

static const int all[] = {0, 1, 2, 3};

static void is_the_same_for_any_cuts(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    struct table *table = make_table(&arena, "events.num=70000");
    struct test_run whole, pieces, bids;
    struct error err = {0};
    assert_int_equal(nexmark_connector.check_table(table, &err), STATUS_OK);
    assert_int_equal(test_scan(&nexmark_connector, table, all, 4, 0, 0, NULL, &whole, &err), STATUS_OK);
    assert_int_equal(whole.splits[0].row_count, 70000);
    assert_int_equal(whole.block_count, 3);
    assert_int_equal(test_scan(&nexmark_connector, table, all, 4, 777, 0, NULL, &pieces, &err), STATUS_OK);
    assert_string_equal(pieces.splits[0].rows.data, whole.splits[0].rows.data);
    test_resume(&nexmark_connector, table, all, 4, &whole, 1);
    /* from the middle of a round */
    static const uint8_t offset[8] = {33};
    struct offset start = {8, offset};
    test_run_free(&pieces);
    assert_int_equal(test_scan(&nexmark_connector, table, all, 4, 10, 0, &start, &pieces, &err), STATUS_OK);
    const char *rest = whole.splits[0].rows.data;
    for (int i = 0; i < 33; i++) rest = strchr(rest, '\n') + 1;
    assert_string_equal(pieces.splits[0].rows.data, rest);
    /* a column alone has the same values */
    assert_int_equal(test_scan(&nexmark_connector, table, all + 3, 1, 0, 0, NULL, &bids, &err), STATUS_OK);
    const char *line = whole.splits[0].rows.data, *other = bids.splits[0].rows.data;
    for (int row = 0; row < 1000; row++) {
        size_t len = strcspn(line, "\n"), other_len = strcspn(other, "\n");
        assert_true(len > other_len);
        assert_memory_equal(line + len - other_len, other, other_len);
        line += len + 1;
        other += other_len + 1;
    }
    test_run_free(&bids);
    test_run_free(&whole);
    test_run_free(&pieces);
    arena_destroy(&arena);
}

static int64_t parse(const char **p) {
    char *end;
    int64_t v = strtoll(*p, &end, 10);
    assert_true(end > *p);
    *p = *end ? end + 1 : end;
    return v;
}

/* The text up to the next comma; moves behind it. */
static int text_len(const char **p) {
    int len = (int)strcspn(*p, ",)");
    *p += len + 1;
    return len;
}

static void follows_the_generator(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    struct table *table = make_table(&arena, "events.num=100000\nfirst-event.rate=2000\nbase-time=5000");
    struct test_run run;
    struct error err = {0};
    assert_int_equal(test_scan(&nexmark_connector, table, all, 4, 0, 0, NULL, &run, &err), STATUS_OK);
    int64_t persons = 0, auctions = 0, bids = 0, hot_auctions = 0, hot_bidders = 0, hot_sellers = 0, hot_channels = 0;
    int64_t bytes[3] = {0}, max_price = 0, min_price = INT64_MAX, low_prices = 0, row = 0;
    char *end;
    for (char *line = run.splits[0].rows.data; *line; line = end + 1, row++) {
        end = strchr(line, '\n');
        *end = '\0'; /* the address sanitizer's strstr measures its whole text each time */
        const char *p = line + 2;
        int64_t millis = 5000 + row / 2;
        assert_int_equal(line[0], row % 50 == 0 ? '0' : row % 50 < 4 ? '1' : '2');
        if (line[0] == '0') {
            assert_int_equal(*p++, '(');
            assert_int_equal(parse(&p), 1000 + persons);
            int size = 8;
            for (int i = 0; i < 5; i++) {
                if (i == 2) assert_int_equal(strspn(p, "0123456789 "), 19); /* credit card */
                size += text_len(&p);
            }
            assert_int_equal(parse(&p), millis * 1000);
            bytes[0] += size + text_len(&p);
            assert_string_equal(arena_strndup(&arena, p, 10), "|NULL|NULL");
            persons++;
        } else if (line[0] == '1') {
            assert_memory_equal(p, "NULL|(", 6);
            p += 6;
            assert_int_equal(parse(&p), 1000 + auctions);
            int size = 48, name = text_len(&p), description = text_len(&p);
            assert_true(name < 20 && description < 100);
            int64_t initial = parse(&p), reserve = parse(&p);
            assert_true(initial >= 100 && reserve > initial);
            assert_int_equal(parse(&p), millis * 1000);
            int64_t expires = parse(&p), seller = parse(&p), category = parse(&p);
            /* 100 auctions ahead are 1666 events, 833 ms; twice that at most */
            assert_true(expires > millis * 1000 && expires <= (millis + 1 + 2 * 834) * 1000);
            assert_true(seller >= 1000 && seller <= 1000 + persons - 1 + 10);
            hot_sellers += (seller - 1000) % 100 == 0;
            assert_true(category >= 10 && category <= 14);
            bytes[1] += size + name + description + text_len(&p);
            auctions++;
        } else {
            assert_memory_equal(p, "NULL|NULL|(", 11);
            p += 11;
            int64_t auction = parse(&p), bidder = parse(&p), price = parse(&p);
            int64_t last = 1000 + auctions - 1;
            assert_true(auction >= 1000 && auction <= last + 10);
            assert_true(auction >= last - 100 || (auction - 1000) % 100 == 0);
            hot_auctions += auction - 1000 == (auctions - 1) / 100 * 100;
            assert_true(bidder >= 1000 && bidder <= 1000 + persons - 1 + 10);
            hot_bidders += bidder - 1000 == (persons - 1) / 100 * 100 + 1;
            assert_true(price >= 100 && price <= 100000000);
            low_prices += price < 100000; /* half, as the logarithm is uniform */
            if (price > max_price) max_price = price;
            if (price < min_price) min_price = price;
            hot_channels += memcmp(p, "channel-", 8) != 0;
            text_len(&p);
            assert_memory_equal(p, "https://www.nexmark.com/", 24);
            assert_non_null(strstr(p, "/item.htm?query=1"));
            text_len(&p);
            assert_int_equal(parse(&p), millis * 1000);
            bytes[2] += 32 + text_len(&p);
            bids++;
        }
    }
    assert_int_equal(persons, 2000);
    assert_int_equal(auctions, 6000);
    assert_int_equal(bids, 92000);
#define NEAR(value, expected, percent)                                                                                 \
    assert_true((double)(value) > (expected) * (1 - (percent) / 100.0) &&                                              \
                (double)(value) < (expected) * (1 + (percent) / 100.0))
    NEAR(hot_auctions, 92000 * (0.5 + 0.5 / 110), 3);
    NEAR(hot_bidders, 92000 * 0.75, 3);
    NEAR(hot_sellers, 6000 * (0.75 + 0.25 / 100), 5);
    NEAR(hot_channels, 92000 * 0.5, 3);
    NEAR(low_prices, 92000 * 0.5, 3);
    NEAR(bytes[0], 2000 * 200.0, 3);
    NEAR(bytes[1], 6000 * 500.0, 3);
    NEAR(bytes[2], 92000 * 100.0, 3);
    assert_true(max_price > 99000000 && min_price < 102);
    test_run_free(&run);
    arena_destroy(&arena);
}

static void checks_the_schema(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    struct table *table = make_table(&arena, "");
    struct error err = {0};
    struct table_column *columns = (struct table_column *)table->columns;
    columns[0].type = type_of(TYPE_BIGINT);
    assert_int_equal(nexmark_connector.check_table(table, &err), STATUS_TYPE_MISMATCH);
    assert_string_equal(err.message, "connector 'nexmark': column 'event_type' has the wrong type");
    assert_string_equal(err.hint, "INT");
    columns[0].type = columns[3].type;
    columns[0].name = "auction";
    assert_int_equal(nexmark_connector.check_table(table, &err), STATUS_TYPE_MISMATCH);
    columns[0].name = "bids";
    assert_int_equal(nexmark_connector.check_table(table, &err), STATUS_UNDEFINED_COLUMN);
    assert_string_equal(err.hint, "its columns are event_type, person, auction and bid");
    columns[0] = columns[3]; /* any of them, in any order */
    table->column_count = 2;
    assert_int_equal(nexmark_connector.check_table(table, &err), STATUS_OK);
    assert_false(nexmark_connector.source->is_bounded(table));
    struct scan_request request = {.bounded_only = true};
    struct source *source;
    assert_int_equal(nexmark_connector.source->open(table, &request, 1, NULL, &source, &err), STATUS_NOT_SUPPORTED);
    arena_destroy(&arena);
}

static void keeps_to_the_rate(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    struct table *table = make_table(&arena, "events.num=500\nfirst-event.rate=2000\nrate.limited=true");
    struct test_run run;
    struct error err = {0};
    assert_int_equal(test_scan(&nexmark_connector, table, all, 1, 0, 0, NULL, &run, &err), STATUS_OK);
    assert_true(run.block_count > 5); /* a quarter of a second in lumps of 20 ms */
    assert_int_equal(run.splits[0].row_count, 500);
    test_run_free(&run);
    arena_destroy(&arena);
}

const struct CMUnitTest nexmark_tests[] = {
    cmocka_unit_test(is_the_same_for_any_cuts),
    cmocka_unit_test(follows_the_generator),
    cmocka_unit_test(checks_the_schema),
    cmocka_unit_test(keeps_to_the_rate),
};
const size_t nexmark_tests_count = sizeof nexmark_tests / sizeof *nexmark_tests;
