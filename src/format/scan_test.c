#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "format/scan.h"

extern const struct CMUnitTest scan_tests[];
extern const size_t scan_tests_count;

static void masks_name_the_bytes(void **state) {
    (void)state;
    char data[64];
    uint64_t seed = 1;
    for (int round = 0; round < 2000; round++) {
        static const char alphabet[] = ",\"\n\x00\x7F\x80\xAC\x2D\x2B a";
        for (int i = 0; i < 64; i++) {
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
            data[i] = round % 2 ? (char)(seed >> 56) : alphabet[(seed >> 40) % (sizeof alphabet - 1)];
        }
        char c = alphabet[round % (int)(sizeof alphabet - 1)];
        uint64_t expected = 0;
        for (int i = 0; i < 64; i++) expected |= (uint64_t)(data[i] == c) << i;
        assert_true(scan_match(data, c) == expected);
        uint64_t parity = 0, inside = 0;
        for (int i = 0; i < 64; i++) {
            inside ^= expected >> i & 1;
            parity |= inside << i;
        }
        assert_true(scan_parity(expected) == parity);
    }
}

const struct CMUnitTest scan_tests[] = {cmocka_unit_test(masks_name_the_bytes)};
const size_t scan_tests_count = sizeof scan_tests / sizeof *scan_tests;
