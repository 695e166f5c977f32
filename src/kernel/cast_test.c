/* The vectorised CAST against value_cast, for random pairs of types. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "column/test_data.h"
#include "kernel/cast.h"

extern const struct CMUnitTest cast_tests[];
extern const size_t cast_tests_count;

enum { ROWS = 100 };

/* Texts that many types can read, besides random ones. */
static void readable_texts(struct arena *arena, uint64_t *seed, struct vector *vec, struct value *values) {
    static const char *const texts[] = {"0",
                                        "1",
                                        "-12",
                                        "127",
                                        "128",
                                        "3.75",
                                        "1e3",
                                        "TRUE",
                                        "no",
                                        "2024-02-29",
                                        "10:11:12.5",
                                        "2024-02-29 10:11:12.123456789",
                                        "NaN",
                                        "99999999999999999999",
                                        ""};
    if (vec->form != VECTOR_FLAT || !type_is_char(vec->type) || vec->type->length != TYPE_MAX_LENGTH) return;
    for (int row = 0; row < ROWS; row++) {
        if (values[row].is_null || random_below(seed, 8) == 0) continue;
        values[row].str = str_from(texts[random_below(seed, 15)]);
        vector_set(vec, arena, ROWS, row, &values[row]);
    }
}

/* Random bits become values of the type: decimals within their precision, times within the day and precision. */
static void within_type(struct arena *arena, struct vector *vec, struct value *values) {
    const struct type *type = vec->type;
    if (type->id != TYPE_DECIMAL && type->id != TYPE_TIME) return;
    enum vector_form form = vec->form;
    vec->form = VECTOR_FLAT;
    for (int row = 0; row < ROWS; row++) {
        if (values[row].is_null) continue;
        if (type->id == TYPE_TIME) {
            int64_t unit = decimal_pow10_64[9 - type->precision];
            values[row].i64 = (int64_t)((uint64_t)values[row].i64 % (uint64_t)NANOS_PER_DAY) / unit * unit;
        } else if (type_phys(type) == PHYS_I128) {
            values[row].i128 %= decimal_pow10(type->precision);
        } else {
            values[row].i64 %= decimal_pow10_64[type->precision];
        }
        if (form == VECTOR_FLAT || row == 0) vector_set(vec, arena, ROWS, row, &values[row]);
    }
    vec->form = form;
}

/* Members of nested values stay random bits, so these two are left out there. */
static bool is_exact_inside(const struct type *type) {
    for (int i = 0; i < type->child_count; i++)
        if (type->children[i]->id == TYPE_DECIMAL || type->children[i]->id == TYPE_TIME ||
            is_exact_inside(type->children[i]))
            return true;
    return false;
}

static void against_value_cast(void **state) {
    uint64_t seed = 7;
    int pairs = 0, failed = 0, relabels = 0;
    const struct time_zone *zone;
    (void)state;
    assert_int_equal(time_zone_find(str_from("America/New_York"), &zone, NULL), STATUS_OK);
    for (int run = 0; run < 20000; run++) {
        struct arena arena;
        arena_init(&arena, NULL);
        const struct type *from = random_type(&arena, &seed, 1), *to = random_type(&arena, &seed, 1);
        if (from->id == TYPE_NULL || to->id == TYPE_NULL || !cast_allowed(from, to) || is_exact_inside(from)) {
            arena_destroy(&arena);
            continue;
        }
        pairs++;
        struct vector vec, out;
        struct value values[ROWS];
        sel_index sel[ROWS];
        do random_vector(&arena, &seed, from, ROWS, &vec, values);
        while (vec.form == VECTOR_CONST && values[0].is_null);
        if (vec.form == VECTOR_DICT) vector_flatten(&vec, &arena, ROWS);
        within_type(&arena, &vec, values);
        readable_texts(&arena, &seed, &vec, values);
        struct cast_operation operation;
        bool try_cast = random_below(&seed, 2);
        cast_operation_init(&operation, from, to, try_cast);
        if (operation.relabel) {
            relabels++;
            for (int row = 0; row < ROWS; row++) {
                struct value cast, as_is = values[row];
                if (as_is.is_null) continue;
                struct error err;
                if (value_cast(&arena, &values[row], to, zone, &cast, &err) != STATUS_OK)
                    fail_msg("%s to %s: %s", type_to_string(&arena, from), type_to_string(&arena, to), err.message);
                as_is.type = to;
                if (value_compare(&cast, &as_is) != 0)
                    fail_msg("%s to %s changes a value", type_to_string(&arena, from), type_to_string(&arena, to));
            }
            arena_destroy(&arena);
            continue;
        }
        vector_init(&out, &arena, to, ROWS);
        if (vec.form == VECTOR_FLAT && vec.validity) {
            out.validity = ARENA_ARRAY(&arena, uint64_t, VALIDITY_WORDS);
            memcpy(out.validity, vec.validity, (size_t)validity_words(ROWS) * 8);
        }
        bool dense = operation.any_rows && random_below(&seed, 2);
        int count = 0, expected = -1;
        for (int row = 0; row < ROWS; row++)
            if (!values[row].is_null && random_below(&seed, 4)) sel[count++] = (sel_index)row;
        if (dense) count = ROWS;
        enum cast_result result;
        struct vector flat = vec;
        int found =
            kernel_cast(&operation, &flat, &out, dense ? NULL : sel, count, &arena, VECTOR_CAPACITY, zone, &result);
        for (int i = 0; i < count && expected < 0; i++) {
            int row = dense ? i : sel[i];
            if (values[row].is_null) continue;
            struct value cast, got;
            struct error err;
            enum status status = value_cast(&arena, &values[row], to, zone, &cast, &err);
            if (status != STATUS_OK) {
                failed++;
                if (!cast_fallible(from, to))
                    fail_msg("%s to %s: %s", type_to_string(&arena, from), type_to_string(&arena, to), err.message);
                if (try_cast) {
                    if (validity_get(out.validity, row))
                        fail_msg("TRY_CAST of %s to %s: %s", type_to_string(&arena, from), type_to_string(&arena, to),
                                 err.message);
                    continue;
                }
                assert_true(operation.fallible);
                expected = row;
                assert_int_equal(result == CAST_OUT_OF_RANGE, status == STATUS_OUT_OF_RANGE);
                break;
            }
            if (found >= 0 && row >= found) break;
            got = vector_get(&out, row, &arena);
            if (value_compare(&got, &cast) != 0) {
                struct strbuf a = {0}, b = {0};
                value_print(&a, &got, zone);
                value_print(&b, &cast, zone);
                fail_msg("%s to %s: %s, not %s", type_to_string(&arena, from), type_to_string(&arena, to), a.data,
                         b.data);
            }
        }
        assert_int_equal(found, expected);
        arena_destroy(&arena);
    }
    assert_true(pairs > 3000 && failed > 200 && relabels > 100);
}

const struct CMUnitTest cast_tests[] = {
    cmocka_unit_test(against_value_cast),
};
const size_t cast_tests_count = sizeof cast_tests / sizeof *cast_tests;
