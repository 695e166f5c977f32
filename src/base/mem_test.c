#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

extern const struct CMUnitTest mem_tests[];
extern const size_t mem_tests_count;

static void charges_reach_the_parents(void **state) {
    (void)state;
    struct mem_account process, query;
    mem_account_init(&process, NULL, 1000);
    mem_account_init(&query, &process, 100);
    mem_charge(&query, 100);
    assert_false(mem_over_limit(&query));
    mem_charge(&query, 1);
    assert_true(mem_over_limit(&query));
    assert_false(mem_over_limit(&process));
    mem_charge(&query, -51);
    assert_false(mem_over_limit(&query));
    assert_int_equal(query.used_bytes, 50);
    assert_int_equal(query.peak_bytes, 101);
    mem_charge(&process, 951);
    assert_true(mem_over_limit(&query)); /* the parent's limit counts for the child too */
    mem_charge(NULL, 5);
    assert_false(mem_over_limit(NULL));
}

static void no_limit_is_never_over(void **state) {
    (void)state;
    struct mem_account account;
    mem_account_init(&account, NULL, 0);
    mem_charge(&account, INT64_MAX / 2);
    assert_false(mem_over_limit(&account));
}

enum { THREADS = 4, ROUNDS = 20000 };

static void *charge_and_return(void *data) {
    for (int i = 0; i < ROUNDS; i++) {
        mem_charge(data, 3);
        mem_charge(data, -3);
        mem_charge(data, 1);
    }
    return NULL;
}

static void accounts_are_thread_safe(void **state) {
    (void)state;
    struct mem_account process, query;
    mem_account_init(&process, NULL, 0);
    mem_account_init(&query, &process, 0);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_create(&threads[i], NULL, charge_and_return, &query), 0);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    assert_int_equal(query.used_bytes, THREADS * ROUNDS);
    assert_int_equal(process.used_bytes, THREADS * ROUNDS);
    assert_in_range(process.peak_bytes, THREADS * ROUNDS, THREADS * ROUNDS + 3 * THREADS);
}

static void arrays_grow_by_doubling(void **state) {
    (void)state;
    int *array = NULL;
    size_t capacity = 0, changes = 0;
    for (size_t i = 0; i < 1000; i++) {
        size_t before = capacity;
        ARRAY_RESERVE(array, capacity, i + 1);
        changes += capacity != before;
        array[i] = (int)i;
    }
    for (int i = 0; i < 1000; i++) assert_int_equal(array[i], i);
    assert_int_equal(capacity, 1024);
    assert_int_equal(changes, 8);
    ARRAY_RESERVE(array, capacity, 5000);
    assert_int_equal(capacity, 5000);
    free(array);
}

static void strings_are_copied(void **state) {
    (void)state;
    char *copy = xstrdup("abc");
    assert_string_equal(copy, "abc");
    free(copy);
    copy = xstrndup("abc", 2);
    assert_string_equal(copy, "ab");
    free(copy);
    free(xrealloc(xcalloc(3, 5), 100));
    free(xmalloc(0));
}

const struct CMUnitTest mem_tests[] = {
    cmocka_unit_test(charges_reach_the_parents), cmocka_unit_test(no_limit_is_never_over),
    cmocka_unit_test(accounts_are_thread_safe),  cmocka_unit_test(arrays_grow_by_doubling),
    cmocka_unit_test(strings_are_copied),
};
const size_t mem_tests_count = sizeof mem_tests / sizeof *mem_tests;
