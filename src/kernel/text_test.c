#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "column/test_data.h"
#include "kernel/text.h"

extern const struct CMUnitTest text_tests[];
extern const size_t text_tests_count;

static void counting(void **state) {
    (void)state;
    struct str text = str_from("a\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80z and some more letters");
    assert_int_equal(text_length(text), 5 + 22);
    assert_int_equal(text_offset(text, 0), 0);
    assert_int_equal(text_offset(text, 1), 1);
    assert_int_equal(text_offset(text, 2), 3);
    assert_int_equal(text_offset(text, 3), 6);
    assert_int_equal(text_offset(text, 4), 10);
    assert_int_equal(text_offset(text, 26), text.len - 1);
    assert_int_equal(text_offset(text, 27), text.len);
    assert_int_equal(text_offset(text, 100), text.len);
    assert_int_equal(text_offset(text, -5), 0);
    assert_false(text_is_ascii(text));
    assert_true(text_is_ascii(str_from("only plain letters here")));
    assert_true(text_is_ascii((struct str){0}));
    size_t bytes;
    assert_int_equal(text_char(text, 3, &bytes), 0x20AC);
    assert_int_equal(bytes, 3);
    assert_int_equal(text_char(text, 6, &bytes), 0x1F600);
    assert_int_equal(text_char(str_from("\xC3"), 0, &bytes), 0xFFFD);
    assert_int_equal(text_char(str_from("\xED\xA0\x80"), 0, &bytes), 0xFFFD); /* a surrogate */
    assert_int_equal(text_char(str_from("\xC0\x80"), 0, &bytes), 0xFFFD);     /* too long a form */
    for (uint32_t c = 1; c < 0x110000; c += 97) {
        if (c >= 0xD800 && c <= 0xDFFF) continue;
        char buf[4];
        int n = text_put_char(c, buf);
        assert_int_equal(text_char((struct str){buf, (size_t)n}, 0, &bytes), c);
        assert_int_equal(bytes, n);
    }
    /* every offset of random texts, by the definition */
    uint64_t seed = 3;
    for (int run = 0; run < 200; run++) {
        char buf[80];
        size_t len = 0;
        while (len < 70)
            len += (size_t)text_put_char((uint32_t[]){'a', 0xE4, 0x20AC, 0x1F600}[random_below(&seed, 4)], buf + len);
        struct str random = {buf, len};
        int64_t n = 0;
        for (size_t at = 0; at < len; at += text_char_bytes(random, at), n++)
            assert_int_equal(text_offset(random, n), at);
        assert_int_equal(text_length(random), n);
    }
}

/* LIKE by trying everything; text and pattern of ASCII and a two-byte character, escape '!'. */
static bool like_twin(const char *pattern, const char *text) {
    if (!*pattern) return !*text;
    if (*pattern == '%') return like_twin(pattern + 1, text) || (*text && like_twin(pattern, text + 1));
    if (!*text) return false;
    if (*pattern == '_') {
        size_t n = (unsigned char)*text >= 0xC0 ? 2 : 1;
        return like_twin(pattern + 1, text + n);
    }
    if (*pattern == '!') pattern++;
    return *pattern == *text && like_twin(pattern + 1, text + 1);
}

static void like(void **state) {
    uint64_t seed = 9;
    int matches = 0;
    (void)state;
    for (int run = 0; run < 20000; run++) {
        static const char *const pattern_parts[] = {"%", "%", "_", "a", "b", "\xC3\xA4", "ab", "!%", "!_", "!!"};
        static const char *const text_parts[] = {"a", "b", "\xC3\xA4", "%", "_", "!", "ab"};
        char pattern[64] = "", text[64] = "";
        for (int i = random_below(&seed, 7); i > 0; i--) strcat(pattern, pattern_parts[random_below(&seed, 10)]);
        for (int i = random_below(&seed, 9); i > 0; i--) strcat(text, text_parts[random_below(&seed, 7)]);
        struct arena arena;
        struct like_pattern compiled;
        arena_init(&arena, NULL);
        assert_int_equal(like_compile(&arena, str_from(pattern), str_from("!"), &compiled, NULL), STATUS_OK);
        bool expected = like_twin(pattern, text);
        matches += expected;
        if (like_match(&compiled, str_from(text)) != expected) fail_msg("'%s' LIKE '%s'", text, pattern);
        arena_destroy(&arena);
    }
    assert_true(matches > 500);
}

static void like_kinds(void **state) {
    static const struct {
        const char *pattern;
        enum like_kind kind;
    } cases[] = {{"abc", LIKE_EXACT},      {"", LIKE_EXACT},        {"abc%", LIKE_PREFIX}, {"%abc", LIKE_SUFFIX},
                 {"%abc%", LIKE_CONTAINS}, {"%", LIKE_ANY},         {"%%", LIKE_ANY},      {"a%b", LIKE_GENERAL},
                 {"a_", LIKE_GENERAL},     {"%%a%%", LIKE_CONTAINS}};
    (void)state;
    struct arena arena;
    struct like_pattern compiled;
    struct error err;
    arena_init(&arena, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(like_compile(&arena, str_from(cases[i].pattern), (struct str){0}, &compiled, &err), STATUS_OK);
        assert_int_equal(compiled.kind, cases[i].kind);
    }
    assert_int_equal(like_compile(&arena, str_from("a!b"), str_from("!"), &compiled, &err), STATUS_INVALID_ARGUMENT);
    assert_int_equal(like_compile(&arena, str_from("a!"), str_from("!"), &compiled, &err), STATUS_INVALID_ARGUMENT);
    assert_int_equal(like_compile(&arena, str_from("a"), str_from("!!"), &compiled, &err), STATUS_INVALID_ARGUMENT);
    arena_destroy(&arena);
}

const struct CMUnitTest text_tests[] = {
    cmocka_unit_test(counting),
    cmocka_unit_test(like),
    cmocka_unit_test(like_kinds),
};
const size_t text_tests_count = sizeof text_tests / sizeof *text_tests;
