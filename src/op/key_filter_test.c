#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "column/test_data.h"
#include "op/key_filter.h"

extern const struct CMUnitTest key_filter_tests[];
extern const size_t key_filter_tests_count;

/* What was added passes; of the rest little does, also when all keys are of one partition of 256. */
static void tells_keys_apart(void **state) {
    (void)state;
    static const int64_t counts[] = {1, 3, 64, 1000, 100000};
    uint64_t seed = 7;
    for (int one_partition = 0; one_partition < 2; one_partition++)
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
            struct mem_account account;
            mem_account_init(&account, NULL, 0);
            struct key_filter *filter = key_filter_create(counts[c], &account);
            assert_true(account.used_bytes >= counts[c] * KEY_FILTER_BITS_PER_KEY / 8);
            uint64_t *hashes = xcalloc((size_t)counts[c], sizeof *hashes);
            for (int64_t i = 0; i < counts[c]; i++) {
                hashes[i] = random_next(&seed) >> (one_partition ? 8 : 0);
                key_filter_add(filter, hashes[i]);
            }
            for (int64_t i = 0; i < counts[c]; i++) assert_true(key_filter_may_have(filter, hashes[i]));
            int passed = 0;
            for (int i = 0; i < 100000; i++)
                passed += key_filter_may_have(filter, random_next(&seed) >> (one_partition ? 8 : 0));
            assert_in_range(passed, 0, 6000);
            free(hashes);
            key_filter_destroy(filter);
            assert_int_equal(account.used_bytes, 0);
        }
    key_filter_destroy(NULL);
}

const struct CMUnitTest key_filter_tests[] = {cmocka_unit_test(tells_keys_apart)};
const size_t key_filter_tests_count = sizeof key_filter_tests / sizeof *key_filter_tests;
