/* Pieces of token ranges: all of a range exactly once, whoever reads it, and as wide as rows are found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "connector/cassandra/cassandra_private.h"

extern const struct CMUnitTest pieces_tests[];
extern const size_t pieces_tests_count;

static uint64_t seed = 7;

static uint32_t next(uint32_t below) {
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % below;
}

static const int64_t ranges[][2] = {{INT64_MIN, INT64_MAX},    {INT64_MIN, 0}, {-1, 0}, {-5, 7}, {1 << 20, 3 << 20},
                                    {INT64_MAX - 1, INT64_MAX}};
enum { RANGES = sizeof ranges / sizeof *ranges, MAX_PIECES = 4000 };

struct piece {
    int64_t start, end, order;
};

static int compare_starts(const void *a, const void *b) {
    const struct piece *x = a, *y = b;
    return x->start < y->start ? -1 : x->start > y->start;
}

/* Without gaps, and in the order that their numbers say. */
static void check_pieces(struct piece *pieces, int count, int64_t first, int64_t last) {
    qsort(pieces, (size_t)count, sizeof *pieces, compare_starts);
    assert_true(pieces[0].start == first && pieces[count - 1].end == last);
    for (int i = 0; i < count; i++) {
        assert_true(pieces[i].start < pieces[i].end);
        assert_true(pieces[i].order >= 0 && pieces[i].order < INT64_C(1) << 44);
        if (i) assert_true(pieces[i].start == pieces[i - 1].end);
        if (i) assert_true(pieces[i].order - pieces[i - 1].order >= INT64_C(1) << CASSANDRA_PLACE_ROW_BITS);
    }
}

static void every_token_once(void **state) {
    (void)state;
    static struct piece pieces[MAX_PIECES];
    for (int round = 0; round < 500; round++) {
        const int64_t *range = ranges[round % RANGES];
        struct cassandra_span open[16];
        int count = 0, open_count = 1;
        cassandra_span_open(&open[0], range[0], range[1], range[0],
                            next(2) ? UINT64_MAX : cassandra_first_width(range[0], range[1], next(3)));
        while (open_count) { /* one of them goes on, gives a part away, or finds that its piece is too much */
            int at = (int)next((uint32_t)open_count);
            struct cassandra_span *span = &open[at];
            if (next(4) == 0 && open_count < 16) {
                uint64_t rest = cassandra_span_rest(span);
                struct cassandra_span other;
                bool given = cassandra_span_hand_out(span, &other);
                assert_int_equal(given, rest > 0);
                if (given) open[open_count++] = other;
                continue;
            }
            if (next(4) == 0 && count < 500) {
                int64_t end = span->end;
                if (cassandra_span_shrink(span)) assert_true(span->start < span->end && span->end < end);
            }
            assert_true(count < MAX_PIECES);
            pieces[count++] = (struct piece){span->start, span->end, cassandra_span_order(span)};
            if (count < 500)
                cassandra_span_adapt(span, next(3) ? next(100000) : 0, 1 + next(100000), next(2));
            else
                cassandra_span_adapt(span, 0, 1, false); /* to an end */
            if (!cassandra_span_next(span)) open[at] = open[--open_count];
        }
        check_pieces(pieces, count, range[0], range[1]);
    }
}

/* A table of evenly spread rows: pieces get as many rows as are wanted, whatever the first one had. */
static void pieces_get_a_size(void **state) {
    (void)state;
    static const double densities[] = {1e3, 1e5, 1e7, 1e9}; /* rows in the range */
    for (int i = 0; i < 4; i++) {
        struct cassandra_span span;
        int count = 0;
        cassandra_span_open(&span, INT64_MIN, INT64_MAX, INT64_MIN, cassandra_first_width(INT64_MIN, INT64_MAX, 0));
        do {
            double rows = densities[i] * ((double)((uint64_t)span.end - (uint64_t)span.start) / 0x1p64);
            bool whole = span.end == span.limit;
            if (count > 3 && !whole) assert_true(rows > 30000 && rows < 50000);
            cassandra_span_adapt(&span, (int64_t)rows, 40000, false);
            count++;
        } while (cassandra_span_next(&span) && count < 1000);
        if (densities[i] < 40000) assert_int_equal(count, 3); /* a 64th, an eighth, then all of it */
        if (densities[i] > 1e8) assert_int_equal(count, 1000);
        if (densities[i] == 1e7) assert_in_range(count, 150, 300);
    }
}

/* What was too much is not tried again at once; it is later. Slow answers do not make pieces wider. */
static void too_much_is_remembered(void **state) {
    (void)state;
    struct cassandra_span span;
    cassandra_span_open(&span, INT64_MIN, INT64_MAX, INT64_MIN, UINT64_MAX);
    assert_true(span.end == INT64_MAX);
    for (int i = 0; i < 10; i++) assert_true(cassandra_span_shrink(&span));
    uint64_t width = span.width;
    assert_in_range(width, (UINT64_C(1) << 54) - 1, UINT64_C(1) << 54);
    for (int i = 0; i < 7; i++) {
        cassandra_span_adapt(&span, 1, INT64_MAX, false);
        assert_true(cassandra_span_next(&span));
        assert_in_range((uint64_t)span.end - (uint64_t)span.start, width, width + (1 << 30) + (UINT64_C(1) << 44));
    }
    cassandra_span_adapt(&span, 1, INT64_MAX, false);
    assert_int_equal(span.width, 2 * width);
    cassandra_span_open(&span, INT64_MIN, INT64_MAX, INT64_MIN, 1 << 30);
    cassandra_span_adapt(&span, 1, 1000, true);
    assert_int_equal(span.width, 1 << 30);
    cassandra_span_adapt(&span, 100000, 1000, true);
    assert_true(span.width < UINT64_C(1) << 40);
}

/* What is only guessed may be wrong: then most of the range is still to be cut. */
static void guesses_are_not_trusted(void **state) {
    (void)state;
    assert_int_equal(cassandra_first_width(-1, 0, 0), 1);
    assert_int_equal(cassandra_first_width(0, 6400, 0), 101);
    assert_int_equal(cassandra_first_width(0, 6400, 3), 3);
    assert_int_equal(cassandra_first_width(0, 6400, UINT64_MAX), 801);
    assert_int_equal(cassandra_first_width(INT64_MIN, INT64_MAX, 0), (UINT64_MAX >> 6) + 1);
}

/* Half of what is left, until it is no more than a piece. */
static void rests_are_handed_out(void **state) {
    (void)state;
    struct cassandra_span span, other;
    cassandra_span_open(&span, INT64_MIN, INT64_MAX, INT64_MIN, UINT64_C(1) << 60);
    uint64_t rest = cassandra_span_rest(&span);
    for (int i = 0; i < 3; i++) {
        assert_true(cassandra_span_hand_out(&span, &other));
        assert_true(other.limit > other.start && span.limit == other.start);
        assert_in_range(cassandra_span_rest(&span), rest / 2 - (UINT64_C(1) << 45), rest / 2 + (UINT64_C(1) << 45));
        rest = cassandra_span_rest(&span);
    }
    while (cassandra_span_rest(&span)) assert_true(cassandra_span_hand_out(&span, &other));
    assert_false(cassandra_span_hand_out(&span, &other));
    assert_false(cassandra_span_next(&span));
}

const struct CMUnitTest pieces_tests[] = {
    cmocka_unit_test(every_token_once),       cmocka_unit_test(pieces_get_a_size),
    cmocka_unit_test(too_much_is_remembered), cmocka_unit_test(guesses_are_not_trusted),
    cmocka_unit_test(rests_are_handed_out),
};
const size_t pieces_tests_count = sizeof pieces_tests / sizeof *pieces_tests;
