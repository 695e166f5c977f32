#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cass/big.h"
#include "cass/bytes.h"

extern const struct CMUnitTest big_tests[];
extern const size_t big_tests_count;

static size_t unhex(const char *hex, uint8_t *out) {
    size_t len = strlen(hex) / 2;
    for (size_t i = 0; i < len; i++) {
        char digits[3] = {hex[2 * i], hex[2 * i + 1], 0};
        out[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return len;
}

/* Bytes, scale and text as Python's int.to_bytes and Decimal have them. */
static void texts_both_ways(void **state) {
    (void)state;
    static const struct {
        const char *hex;
        int32_t scale;
        const char *text;
    } cases[] = {
        {"00", 0, "0"},
        {"00", 2, "0.00"},
        {"00", 10, "0E-10"},
        {"01", 0, "1"},
        {"ff", 0, "-1"},
        {"7f", 1, "12.7"},
        {"0080", 1, "12.8"},
        {"80", 2, "-1.28"},
        {"ff7f", 2, "-1.29"},
        {"04e2", 2, "12.50"},
        {"fb1e", 2, "-12.50"},
        {"01", -3, "1E+3"},
        {"0f", 11, "1.5E-10"},
        {"05", 6, "0.000005"},
        {"05", 7, "5E-7"},
        {"1d6329f1c35ca4bfabb9f5610000000000", 0, "10000000000000000000000000000000000000000"},
        {"e29cd60e3ca35b4054460a9f0000000000", 0, "-10000000000000000000000000000000000000000"},
        {"1d6329f1c35ca4bfabb9f5610000000007", 38, "100.00000000000000000000000000000000000007"},
        {"80000000000000000000000000000000", 0, "-170141183460469231731687303715884105728"},
        {"00ffffffffffffffffffffffffffffffff", 0, "340282366920938463463374607431768211455"},
        {"27e41b3246bec9b16e398115", 2147483647, "1.2345678901234567890123456789E-2147483619"},
        {"63", -2147483600, "9.9E+2147483601"},
        {"ff60b0d8d9e865ddbafe289dbdd36b9a6f26f000000000000001", 61,
         "-0.0999999999999999999999999999999999999999999999999999999999999"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t bytes[64];
        size_t len = unhex(cases[i].hex, bytes);
        struct strbuf text = {0}, back = {0};
        assert_true(cass_big_format(bytes, (int)len, cases[i].scale, &text));
        strbuf_putc(&text, 0);
        assert_string_equal(text.data, cases[i].text);
        assert_true(cass_big_parse(str_from(cases[i].text), true, &back));
        assert_int_equal((int32_t)cass_load_u32(back.data), cases[i].scale);
        assert_int_equal(back.len, len + 4);
        assert_memory_equal(back.data + 4, bytes, len);
        strbuf_clear(&back);
        assert_int_equal(cass_big_parse(str_from(cases[i].text), false, &back), cases[i].scale == 0);
        if (cases[i].scale == 0) assert_memory_equal(back.data, bytes, len);
        strbuf_free(&text);
        strbuf_free(&back);
    }
}

static void bad_texts(void **state) {
    (void)state;
    static const char *const texts[] = {"",   "-",   "+",   ".",     "1.2.3", "1e",  "1e+",          " 1",
                                        "1 ", "0x1", "1_0", "1e1.5", "--1",   "NaN", "1e2147483649", "1e-2147483648",
                                        "e5"};
    struct strbuf out = {0};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (cass_big_parse(str_from(texts[i]), true, &out)) fail_msg("'%s' was taken", texts[i]);
        assert_false(cass_big_parse(str_from(texts[i]), false, &out));
    }
    assert_true(cass_big_parse(str_from("+.5"), true, &out));
    assert_true(cass_big_parse(str_from("5."), true, &out));
    strbuf_free(&out);
}

static void sizes(void **state) {
    (void)state;
    char digits[CASS_MAX_BIG_DIGITS + 2];
    memset(digits, '9', sizeof digits);
    int longest = 0;
    for (int count = CASS_MAX_BIG_DIGITS - 5; count < (int)sizeof digits; count++) {
        struct strbuf bytes = {0}, text = {0};
        if (cass_big_parse((struct str){digits, (size_t)count}, false, &bytes)) {
            longest = count;
            assert_true(cass_big_format((const uint8_t *)bytes.data, (int)bytes.len, 0, &text));
            assert_int_equal(text.len, count);
            assert_memory_equal(text.data, digits, (size_t)count);
        }
        strbuf_free(&bytes);
        strbuf_free(&text);
    }
    assert_true(longest == CASS_MAX_BIG_DIGITS - 1);
    uint8_t bytes[CASS_MAX_BIG_BYTES + 1];
    memset(bytes, 0x80, sizeof bytes);
    struct strbuf text = {0};
    assert_true(cass_big_format(bytes, CASS_MAX_BIG_BYTES, 0, &text));
    assert_int_equal(text.len, 1 + CASS_MAX_BIG_DIGITS);
    assert_false(cass_big_format(bytes, CASS_MAX_BIG_BYTES + 1, 0, &text));
    strbuf_free(&text);
}

const struct CMUnitTest big_tests[] = {
    cmocka_unit_test(texts_both_ways),
    cmocka_unit_test(bad_texts),
    cmocka_unit_test(sizes),
};
const size_t big_tests_count = sizeof big_tests / sizeof *big_tests;
