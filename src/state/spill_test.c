#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "column/test_data.h"
#include "state/spill.h"

extern const struct CMUnitTest spill_tests[];
extern const size_t spill_tests_count;

static struct error err;

/* Pieces of any size come back in their order, whatever is still buffered: by parts, and mapped. */
static void keeps_the_order(void **state) {
    (void)state;
    enum { PIECES = 400, LARGEST = SPILL_BUFFER_BYTES * 3 / 2 };
    struct spill spill = {0};
    struct spill_file *file;
    uint64_t seed = 5;
    size_t total = 0;
    uint8_t *all = malloc((size_t)PIECES * LARGEST), *part = malloc(LARGEST);
    assert_int_equal(spill_file_create(&spill, &file, &err), STATUS_OK);
    for (int i = 0; i < PIECES; i++) {
        int largest = random_below(&seed, 3) ? 2000 : LARGEST;
        size_t size_bytes = (size_t)random_below(&seed, largest);
        for (size_t k = 0; k < size_bytes; k++) all[total + k] = (uint8_t)random_next(&seed);
        assert_int_equal(spill_write(file, all + total, size_bytes, &err), STATUS_OK);
        total += size_bytes;
        assert_int_equal(spill_size(file), total);
        size_t from = total ? random_next(&seed) % total : 0, count = total - from < LARGEST ? total - from : LARGEST;
        assert_int_equal(spill_read(file, (int64_t)from, part, count, &err), STATUS_OK);
        assert_memory_equal(part, all + from, count);
    }
    assert_int_equal(spill_flush(file, &err), STATUS_OK);
    assert_int_equal(spill.written_bytes, total);
    const uint8_t *map;
    assert_int_equal(spill_map(file, &map, &err), STATUS_OK);
    assert_memory_equal(map, all, total);
    spill_file_destroy(file);
    free(all);
    free(part);
}

static void says_what_is_wrong(void **state) {
    (void)state;
    struct spill spill = {.directory = "/nonexistent/folder"};
    struct spill_file *file;
    assert_int_equal(spill_file_create(&spill, &file, &err), STATUS_IO_ERROR);
    assert_non_null(strstr(err.message, "/nonexistent/folder"));
    assert_non_null(strstr(err.hint, "millrace.spill.directory"));
}

static void is_due_at_half_the_limit(void **state) {
    (void)state;
    struct mem_account parent, account;
    mem_account_init(&parent, NULL, 0);
    mem_account_init(&account, &parent, 0);
    mem_charge(&account, 1000);
    assert_false(spill_is_due(NULL));
    assert_false(spill_is_due(&account));
    parent.limit_bytes = 2000;
    assert_false(spill_is_due(&account));
    mem_charge(&account, 1);
    assert_true(spill_is_due(&account));
}

const struct CMUnitTest spill_tests[] = {
    cmocka_unit_test(keeps_the_order),
    cmocka_unit_test(says_what_is_wrong),
    cmocka_unit_test(is_due_at_half_the_limit),
};
const size_t spill_tests_count = sizeof spill_tests / sizeof *spill_tests;
