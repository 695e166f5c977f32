#include "format/test_format.h"
#include "types/decimal.h"

extern const struct CMUnitTest text_tests[];
extern const size_t text_tests_count;

static int random_number(uint64_t *seed, char *out) {
    static const char *const shapes[] = {"d",  "-d",   "d.d", "-d.d", ".d",  "d.",   "d.dd",
                                         "+d", "de-d", "dxd", "-",    "d d", "d.d.d"};
    const char *shape = shapes[test_random(seed) % (sizeof shapes / sizeof *shapes)];
    int len = 0;
    for (; *shape; shape++) {
        if (*shape != 'd') {
            out[len++] = *shape;
            continue;
        }
        int digits = 1 + (int)(test_random(seed) % 12);
        for (int i = 0; i < digits; i++)
            out[len++] = (char)('0' + test_random(seed) % (test_random(seed) % 3 ? 10 : 1));
    }
    return len;
}

/* The fast readers agree with the C library's and types/' slow ones wherever they say yes. */
static void fast_readers_are_exact(void **state) {
    (void)state;
    uint64_t seed = 3;
    int hits = 0;
    for (int round = 0; round < 200000; round++) {
        char text[64 + FORMAT_PADDING_BYTES], copy[64];
        int len = random_number(&seed, text);
        memset(text + len, round % 2 ? '7' : '.', FORMAT_PADDING_BYTES);
        memcpy(copy, text, (size_t)len);
        copy[len] = 0;
        char *end;
        int64_t i;
        double d;
        int fraction;
        if (len <= 19 && read_i64(text, (uint32_t)len, &i)) {
            assert_int_equal(strspn(copy + (*copy == '-'), "0123456789"), len - (*copy == '-'));
            assert_true(i == strtoll(copy, NULL, 10));
            hits++;
        }
        if (len <= 20 && read_f64(text, (uint32_t)len, &d)) {
            double expected = strtod(copy, &end);
            assert_int_equal(*end, 0);
            assert_true(memcmp(&d, &expected, sizeof d) == 0);
            hits++;
        }
        if (len <= 20 && read_fixed(text, (uint32_t)len, &i, &fraction)) {
            int128 expected;
            assert_int_equal(decimal_parse((struct str){text, (size_t)len}, 38, fraction, &expected), DECIMAL_PARSE_OK);
            assert_true(expected == i);
        }
    }
    assert_true(hits > 20000);
    int64_t i;
    char padded[FORMAT_PADDING_BYTES + 1] = {0};
    assert_false(read_i64(padded, 0, &i));
}

static void reads_decimals_as_types_does(void **state) {
    (void)state;
    uint64_t seed = 11;
    for (int round = 0; round < 50000; round++) {
        struct arena arena;
        arena_init(&arena, NULL);
        char text[64 + FORMAT_PADDING_BYTES] = {0};
        int len = random_number(&seed, text);
        memset(text + len, '7', FORMAT_PADDING_BYTES);
        int precision = 1 + (int)(test_random(&seed) % 38),
            scale = (int)(test_random(&seed) % (uint64_t)(precision + 1));
        struct vector vec;
        vector_init(&vec, &arena, type_decimal(&arena, precision, scale, true), 1);
        int128 expected = 0;
        bool right = decimal_parse((struct str){text, (size_t)len}, precision, scale, &expected) == DECIMAL_PARSE_OK;
        assert_int_equal(text_read(&vec, 0, text, (uint32_t)len, &arena), right);
        if (right)
            assert_true(vec.phys == PHYS_I64 ? *(int64_t *)vec.data == (int64_t)expected
                                             : *(int128 *)vec.data == expected);
        arena_destroy(&arena);
    }
}

static const char *time_text(enum type_id id, int precision, const char *text) {
    static char out[64];
    struct arena arena;
    arena_init(&arena, NULL);
    struct vector vec;
    vector_init(&vec, &arena, id == TYPE_DATE ? type_of(id) : type_time(&arena, id, precision, true), 1);
    struct strbuf buf = {0};
    char *padded = test_padded(&arena, text, strlen(text));
    if (text_read(&vec, 0, padded, (uint32_t)strlen(text), &arena))
        text_write(&buf, &vec, 0, TEXT_ISO_8601);
    else
        strbuf_puts(&buf, "bad");
    snprintf(out, sizeof out, "%s", buf.data);
    strbuf_free(&buf);
    arena_destroy(&arena);
    return out;
}

static void reads_times(void **state) {
    (void)state;
    assert_string_equal(time_text(TYPE_TIMESTAMP, 3, "2024-02-29 23:59:59.999999"), "2024-02-29T23:59:59.999");
    assert_string_equal(time_text(TYPE_TIMESTAMP, 9, "2024-02-29T23:59:59.000000001"), "2024-02-29T23:59:59.000000001");
    assert_string_equal(time_text(TYPE_TIMESTAMP, 0, "1969-12-31 23:59:59.9"), "1969-12-31T23:59:59");
    assert_string_equal(time_text(TYPE_TIMESTAMP, 6, "0001-01-01 00:00:00"), "0001-01-01T00:00:00");
    assert_string_equal(time_text(TYPE_TIMESTAMP, 6, "9999-12-31 23:59:59.123456"), "9999-12-31T23:59:59.123456");
    assert_string_equal(time_text(TYPE_TIMESTAMP, 6, "0000-01-01 00:00:00"), "bad");
    assert_string_equal(time_text(TYPE_TIMESTAMP, 6, "2023-02-29 00:00:00"), "bad");
    assert_string_equal(time_text(TYPE_TIMESTAMP, 6, "2023-13-01 00:00:00"), "bad");
    assert_string_equal(time_text(TYPE_TIMESTAMP, 6, "2023-01-01 24:00:00"), "bad");
    assert_string_equal(time_text(TYPE_TIMESTAMP, 6, "2023-01-01 00:00:00."),
                        time_text(TYPE_TIMESTAMP, 6, "2023-01-01 00:00:00."));
    assert_string_equal(time_text(TYPE_TIMESTAMP, 6, "2023-01-01 00:00:0x"), "bad");
    assert_string_equal(time_text(TYPE_TIMESTAMP, 9, "9999-01-01 00:00:00.5"), "bad"); /* no room for ns */
    assert_string_equal(time_text(TYPE_TIMESTAMP_LTZ, 3, "2024-01-01 12:00:00+02:00"), "2024-01-01T10:00:00Z");
    assert_string_equal(time_text(TYPE_TIMESTAMP_LTZ, 3, "2024-01-01 12:00:00"), "2024-01-01T12:00:00Z");
    assert_string_equal(time_text(TYPE_DATE, 0, " 2024-01-05 "), "2024-01-05");
    assert_string_equal(time_text(TYPE_TIME, 3, "10:11:12.5"), "10:11:12.5");
    assert_string_equal(time_text(TYPE_TIME, 3, "10:61:12.5"), "bad");
}

static void base64_both_ways(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    static const char *const pairs[][2] = {{"", ""},
                                           {"f", "Zg=="},
                                           {"fo", "Zm8="},
                                           {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="},
                                           {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) { /* RFC 4648, section 10 */
        struct strbuf out = {0};
        struct str bytes;
        strbuf_puts(&out, "");
        base64_encode(&out, (const uint8_t *)pairs[i][0], strlen(pairs[i][0]));
        assert_string_equal(out.data, pairs[i][1]);
        assert_true(base64_decode(strbuf_str(&out), &arena, &bytes));
        assert_true(str_equal(bytes, str_from(pairs[i][0])));
        strbuf_free(&out);
    }
    struct str bytes;
    static const char *const bad[] = {"Z", "Zg=", "Zg", "=g==", "Z===", "Zm9v!A==", "Zg==Zg==", "Zm 9"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(base64_decode(str_from(bad[i]), &arena, &bytes));
    arena_destroy(&arena);
}

static void shows_values(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    assert_string_equal(text_show(&arena, "a\tb\x7F", 4), "'a\\x09b\\x7F'");
    assert_string_equal(text_show(&arena, "\xC3\xA9", 2), "'\xC3\xA9'");
    assert_string_equal(text_show(&arena, "\xC3", 1), "'\\xC3'");
    char text[FORMAT_MAX_SHOWN_BYTES + 2];
    memset(text, 'a', sizeof text);
    memcpy(text + FORMAT_MAX_SHOWN_BYTES - 1, "\xC3\xA9", 2); /* not cut in the middle */
    const char *shown = text_show(&arena, text, sizeof text);
    assert_int_equal(strlen(shown), FORMAT_MAX_SHOWN_BYTES - 1 + 5);
    assert_string_equal(shown + FORMAT_MAX_SHOWN_BYTES, "…'");
    arena_destroy(&arena);
}

const struct CMUnitTest text_tests[] = {
    cmocka_unit_test(fast_readers_are_exact),
    cmocka_unit_test(reads_decimals_as_types_does),
    cmocka_unit_test(reads_times),
    cmocka_unit_test(base64_both_ways),
    cmocka_unit_test(shows_values),
};
const size_t text_tests_count = sizeof text_tests / sizeof *text_tests;
