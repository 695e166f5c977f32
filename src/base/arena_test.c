#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"

extern const struct CMUnitTest arena_tests[];
extern const size_t arena_tests_count;

static void allocations_are_aligned_and_apart(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    static const size_t aligns[] = {1, 2, 4, 8, 16, 32, 64};
    enum { COUNT = 4000 };
    static struct {
        unsigned char *ptr;
        size_t size;
    } pieces[COUNT];
    unsigned seed = 1;
    for (int i = 0; i < COUNT; i++) {
        seed = seed * 1103515245u + 12345u;
        size_t size = (seed >> 8) % (i % 500 == 0 ? 100000 : 200), align = aligns[(seed >> 4) % 7];
        unsigned char *ptr = arena_alloc_aligned(&arena, size, align);
        assert_non_null(ptr);
        assert_int_equal((uintptr_t)ptr % align, 0);
        memset(ptr, i & 0xFF, size);
        pieces[i].ptr = ptr;
        pieces[i].size = size;
    }
    /* Had two pieces overlapped, the later one would have overwritten the earlier one's bytes. */
    for (int i = 0; i < COUNT; i++)
        for (size_t j = 0; j < pieces[i].size; j++) assert_int_equal(pieces[i].ptr[j], i & 0xFF);
    arena_destroy(&arena);
}

static void account_follows_the_blocks(void **state) {
    (void)state;
    struct mem_account account;
    mem_account_init(&account, NULL, 0);
    struct arena arena;
    arena_init(&arena, &account);
    assert_int_equal(account.used_bytes, 0);
    for (int i = 0; i < 1000; i++) arena_alloc(&arena, 1000);
    assert_true(account.used_bytes >= 1000 * 1000);
    assert_int_equal(account.used_bytes, arena.total_bytes);
    arena_reset(&arena);
    assert_int_equal(account.used_bytes, arena.total_bytes);
    assert_true(account.used_bytes < 1000 * 1000);
    assert_true(account.peak_bytes >= 1000 * 1000);
    arena_destroy(&arena);
    assert_int_equal(account.used_bytes, 0);
}

/* After a reset the kept block serves the next round without asking malloc again. */
static void reset_reuses_the_largest_block(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    arena_alloc(&arena, 100000);
    arena_alloc(&arena, 10);
    arena_reset(&arena);
    size_t total = arena.total_bytes;
    for (int round = 0; round < 10; round++) {
        char *p = arena_alloc(&arena, 90000);
        memset(p, 1, 90000);
        arena_reset(&arena);
        assert_int_equal(arena.total_bytes, total);
    }
    arena_destroy(&arena);
    arena_alloc(&arena, 5);
    arena_destroy(&arena);
}

static void a_big_piece_does_not_waste_the_current_block(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    char *before = arena_alloc(&arena, 16);
    arena_alloc(&arena, 5000); /* more than a first block, less than what is worth switching for */
    arena_alloc(&arena, 4000);
    char *big = arena_alloc(&arena, 4 << 20);
    memset(big, 7, 4 << 20);
    char *after = arena_alloc(&arena, 16);
    assert_ptr_not_equal(before, after);
    memset(after, 1, 16);
    assert_int_equal(big[0], 7);
    assert_int_equal(big[(4 << 20) - 1], 7);
    arena_destroy(&arena);
}

static void zeroed_and_copied(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    memset(arena_alloc(&arena, 1000), 0xFF, 1000);
    arena_reset(&arena);
    int *numbers = ARENA_ARRAY(&arena, int, 100);
    for (int i = 0; i < 100; i++) assert_int_equal(numbers[i], 0);
    assert_string_equal(arena_strdup(&arena, "text"), "text");
    assert_string_equal(arena_strndup(&arena, "text", 2), "te");
    assert_string_equal(arena_strndup(&arena, NULL, 0), "");
    assert_memory_equal(arena_memdup(&arena, "\0\1\2", 3), "\0\1\2", 3);
    assert_string_equal(arena_printf(&arena, "%d-%s", 42, "x"), "42-x");
    assert_string_equal(arena_printf(&arena, "%s", ""), "");
    arena_destroy(&arena);
}

static char order[8];

static void note(void *data) { strncat(order, data, 1); }

static void callbacks_run_last_first_and_once(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    order[0] = 0;
    arena_on_reset(&arena, note, "a");
    arena_on_reset(&arena, note, "b");
    arena_reset(&arena);
    assert_string_equal(order, "ba");
    arena_reset(&arena);
    assert_string_equal(order, "ba");
    arena_on_reset(&arena, note, "c");
    arena_destroy(&arena);
    assert_string_equal(order, "bac");
}

const struct CMUnitTest arena_tests[] = {
    cmocka_unit_test(allocations_are_aligned_and_apart),
    cmocka_unit_test(account_follows_the_blocks),
    cmocka_unit_test(reset_reuses_the_largest_block),
    cmocka_unit_test(a_big_piece_does_not_waste_the_current_block),
    cmocka_unit_test(zeroed_and_copied),
    cmocka_unit_test(callbacks_run_last_first_and_once),
};
const size_t arena_tests_count = sizeof arena_tests / sizeof *arena_tests;
