#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "column/test_data.h"
#include "function/test_call.h"

extern const struct CMUnitTest aggregate_tests[];
extern const size_t aggregate_tests_count;

enum { ROWS = 500, GROUPS = 3, MAX_SLOT = 256 };

static const struct bound_aggregate *bind(struct arena *arena, const char *name, const struct type *type) {
    struct expr *args[1];
    const struct bound_aggregate *agg;
    struct error err;
    if (type) args[0] = expr_column(arena, 0, type);
    if (aggregate_bind(arena, str_from(name), args, type ? 1 : 0, false, 0, 0, &agg, &err) != STATUS_OK)
        fail_msg("%s: %s", name, err.message);
    return agg;
}

/* A group's slot, 8-aligned and not 16-aligned, as in a row. */
struct slots {
    uint64_t bytes[GROUPS][MAX_SLOT / 8 + 1];
};
static void *slot_at(struct slots *slots, int group) {
    char *p = (char *)slots->bytes[group];
    return ((uintptr_t)p & 15) ? p : p + 8;
}

static const char *result_text(struct arena *arena, const struct bound_aggregate *agg, void *slot, struct error *err) {
    struct vector out;
    vector_init(&out, arena, agg->result, VECTOR_CAPACITY);
    const void *one = slot;
    enum status status = agg->class->result(agg, &one, 1, &out, 5, arena, err);
    if (status != STATUS_OK) return arena_printf(arena, "!%s", status_name(status));
    struct value value = vector_get(&out, 5, arena);
    return test_text(arena, &value, NULL);
}

/* The reference: the signed values of a group, one after the other. */
static const char *reference(struct arena *arena, const struct bound_aggregate *agg, const struct value *values,
                             const int *groups, const int8_t *signs, const bool *live, int group) {
    const char *name = agg->class->name;
    int64_t count = 0, nan = 0, positive = 0, negative = 0;
    long double sum = 0;
    int128 exact = 0;
    struct value best = value_null(agg->result);
    for (int i = 0; i < ROWS; i++) {
        if (!live[i] || groups[i] != group) continue;
        int s = signs ? signs[i] : 1;
        if (agg->arg_count == 0) count += s;
        if (agg->arg_count == 0 || values[i].is_null) continue;
        count += s;
        switch (values[i].type->id) {
        case TYPE_FLOAT:
        case TYPE_DOUBLE: {
            double x = values[i].type->id == TYPE_FLOAT ? (double)values[i].f32 : values[i].f64;
            nan += isnan(x) ? s : 0;
            positive += isinf(x) && x > 0 ? s : 0;
            negative += isinf(x) && x < 0 ? s : 0;
            if (isfinite(x)) sum += (long double)x * s;
            break;
        }
        case TYPE_VARCHAR:
        case TYPE_BOOLEAN: break;
        default: exact += value_decimal(&values[i]) * s;
        }
        bool first = best.is_null;
        if (strcmp(name, "MIN") == 0 && (first || value_compare(&values[i], &best) < 0)) best = values[i];
        if (strcmp(name, "MAX") == 0 && (first || value_compare(&values[i], &best) > 0)) best = values[i];
        if (strcmp(name, "FIRST_VALUE") == 0 && first) best = values[i];
        if (strcmp(name, "LAST_VALUE") == 0) best = values[i];
    }
    if (strcmp(name, "COUNT") == 0) return arena_printf(arena, "%lld", (long long)count);
    if (strcmp(name, "SUM") == 0 || strcmp(name, "AVG") == 0) {
        bool avg = strcmp(name, "AVG") == 0;
        if (count == 0) return "NULL";
        struct value value = {.type = agg->result};
        if (type_is_approximate(agg->result)) {
            double d = nan || (positive && negative) ? NAN : positive ? INFINITY : negative ? -INFINITY : (double)sum;
            if (avg) d /= (double)count;
            if (agg->result->id == TYPE_FLOAT)
                value.f32 = (float)d;
            else
                value.f64 = d;
        } else {
            if (avg) exact /= count;
            int64_t limit_high = INT64_MAX, limit_low = INT64_MIN;
            cast_int_range(agg->result->id, &limit_low, &limit_high);
            if (exact < limit_low || exact > limit_high) return "!OUT_OF_RANGE";
            value.i64 = (int64_t)exact;
        }
        return test_text(arena, &value, NULL);
    }
    best.type = agg->result;
    return test_text(arena, &best, NULL);
}

static void against_reference(void **state) {
    static const char *const names[] = {"COUNT", "SUM", "AVG", "MIN", "MAX", "FIRST_VALUE", "LAST_VALUE"};
    static const enum type_id ids[] = {TYPE_TINYINT, TYPE_SMALLINT, TYPE_INT, TYPE_BIGINT, TYPE_DOUBLE, TYPE_FLOAT};
    uint64_t seed = 42;
    (void)state;
    for (int run = 0; run < 400; run++) {
        struct arena arena;
        arena_init(&arena, NULL);
        const char *name = names[random_below(&seed, 7)];
        const struct type *type = type_of(ids[random_below(&seed, 6)]);
        const struct bound_aggregate *agg = bind(&arena, name, type);
        struct vector vec;
        struct value values[ROWS];
        random_vector(&arena, &seed, type, ROWS, &vec, values);
        if (type_is_approximate(type) && run % 2) /* sums that can be compared exactly */
            for (int i = 0; i < ROWS; i++)
                if (!values[i].is_null && vec.form == VECTOR_FLAT) {
                    double x = (double)(random_below(&seed, 2000) - 1000) / 8;
                    if (type->id == TYPE_FLOAT)
                        values[i].f32 = (float)x;
                    else
                        values[i].f64 = x;
                    vector_set(&vec, &arena, ROWS, i, &values[i]);
                }
        int8_t signs[ROWS];
        int groups[ROWS];
        bool live[ROWS] = {0};
        sel_index sel[ROWS];
        bool one = random_below(&seed, 2), dense = random_below(&seed, 2);
        int count = dense ? ROWS : random_selection(&seed, ROWS, sel);
        for (int i = 0; i < ROWS; i++) {
            signs[i] = random_below(&seed, 4) ? 1 : -1;
            groups[i] = one ? 1 : random_below(&seed, GROUPS);
        }
        bool signed_rows = agg->class->retractable && random_below(&seed, 2);
        struct slots slots[2];
        for (int part = 0; part < 2; part++)
            for (int g = 0; g < GROUPS; g++) agg->class->init(agg, slot_at(&slots[part], g));
        /* two halves, merged */
        int half = count / 2;
        void *where[ROWS];
        for (int i = 0; i < count; i++) {
            int row = dense ? i : sel[i];
            live[row] = true;
            where[i] = slot_at(&slots[i < half ? 0 : 1], groups[row]);
        }
        const struct vector *args[] = {&vec};
        const int8_t *sign = signed_rows ? signs : NULL;
        sel_index rest[ROWS];
        for (int i = half; i < count; i++) rest[i - half] = (sel_index)(dense ? i : sel[i]);
        assert_int_equal(agg->class->update(agg, args, dense ? NULL : sel, sign, where, half, &arena, NULL), STATUS_OK);
        assert_int_equal(agg->class->update(agg, args, rest, sign, where + half, count - half, &arena, NULL),
                         STATUS_OK);
        for (int g = 0; g < GROUPS; g++) {
            const void *from = slot_at(&slots[1], g);
            void *into = slot_at(&slots[0], g);
            assert_int_equal(agg->class->merge(agg, &from, &into, 1, NULL), STATUS_OK);
            struct error err;
            const char *found = result_text(&arena, agg, into, &err);
            const char *expected = reference(&arena, agg, values, groups, sign, live, g);
            if (strcmp(found, expected) == 0) continue;
            double x = atof(found), y = atof(expected);
            bool close =
                type_is_approximate(agg->result) && fabs(x - y) <= 1e-9 * (fabs(x) + fabs(y)); /* printed floats */
            if (!close)
                fail_msg("run %d: %s of %s: %s, expected %s", run, name, type_to_string(&arena, type), found, expected);
        }
        arena_destroy(&arena);
    }
}

/* Adds texts as values of the type with +1, then takes those behind `taken` back. */
static const char *sum_of(struct arena *arena, const char *name, const char *type_text, const char *const *texts,
                          int count, int taken) {
    const struct type *type = test_type(arena, type_text, strlen(type_text));
    const struct bound_aggregate *agg = bind(arena, name, type);
    struct vector vec;
    vector_init(&vec, arena, agg->arg_types[0], 64);
    for (int i = 0; i < count; i++) {
        struct value value = test_value(arena, arena_printf(arena, "%s:%s", type_text, texts[i]), NULL);
        assert_int_equal(value_cast(arena, &value, agg->arg_types[0], NULL, &value, NULL), STATUS_OK);
        vector_set(&vec, arena, 64, i, &value);
    }
    struct slots slots;
    void *slot = slot_at(&slots, 0), *where[64];
    agg->class->init(agg, slot);
    for (int i = 0; i < count; i++) where[i] = slot;
    const struct vector *args[] = {&vec};
    assert_int_equal(agg->class->update(agg, args, NULL, NULL, where, count, arena, NULL), STATUS_OK);
    sel_index sel[64];
    int8_t sign[64];
    memset(sign, -1, sizeof sign);
    for (int i = 0; i < taken; i++) sel[i] = (sel_index)(count - taken + i);
    assert_int_equal(agg->class->update(agg, args, sel, sign, where, taken, arena, NULL), STATUS_OK);
    struct error err;
    return result_text(arena, agg, slot, &err);
}

static void edges(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    /* a sum may leave its type and come back */
    const char *const big[] = {"9223372036854775807", "9223372036854775807", "1", "-9223372036854775807"};
    assert_string_equal(sum_of(&arena, "SUM", "BIGINT", big, 4, 0), "!OUT_OF_RANGE");
    assert_string_equal(sum_of(&arena, "SUM", "BIGINT", big, 1, 0), "9223372036854775807");
    assert_string_equal(sum_of(&arena, "AVG", "BIGINT", big, 2, 0), "9223372036854775807");
    const char *const back[] = {"9223372036854775807", "-9223372036854775807", "5"};
    assert_string_equal(sum_of(&arena, "SUM", "BIGINT", back, 3, 0), "5");
    const char *const small[] = {"100", "27", "1"};
    assert_string_equal(sum_of(&arena, "SUM", "TINYINT", small, 2, 0), "127");
    assert_string_equal(sum_of(&arena, "SUM", "TINYINT", small, 3, 0), "!OUT_OF_RANGE");
    assert_string_equal(sum_of(&arena, "SUM", "TINYINT", small, 3, 1), "127");
    assert_string_equal(sum_of(&arena, "SUM", "INT", small, 3, 3), "NULL");
    assert_string_equal(sum_of(&arena, "$SUM0", "INT", small, 3, 3), "0");
    assert_string_equal(sum_of(&arena, "AVG", "INT", (const char *const[]){"-1", "-2"}, 2, 0), "-1"); /* -1.5 */
    assert_string_equal(sum_of(&arena, "AVG", "DECIMAL(4,2)", (const char *const[]){"1.00", "1.00", "2.00"}, 3, 0),
                        "1.333333");
    assert_string_equal(sum_of(&arena, "SUM", "DECIMAL(20,2)", (const char *const[]){"1.25", "-0.50"}, 2, 0), "0.75");
    const char *const nines[] = {"99999999999999999999999999999999999999", "99999999999999999999999999999999999999",
                                 "-99999999999999999999999999999999999999"};
    assert_string_equal(sum_of(&arena, "SUM", "DECIMAL(38,0)", nines, 2, 0), "!OUT_OF_RANGE");
    assert_string_equal(sum_of(&arena, "SUM", "DECIMAL(38,0)", nines, 3, 0), nines[0]);
    assert_string_equal(sum_of(&arena, "SUM", "DECIMAL(38,0)", nines, 2, 1), nines[0]);
    /* compensated, and infinities can be taken back */
    const char *const lost[] = {"1e16", "1", "-1e16", "NaN", "Infinity"};
    assert_string_equal(sum_of(&arena, "SUM", "DOUBLE", lost, 3, 0), "1.0");
    assert_string_equal(sum_of(&arena, "SUM", "DOUBLE", lost, 4, 0), "NaN");
    assert_string_equal(sum_of(&arena, "SUM", "DOUBLE", lost, 5, 2), "1.0");
    const char *const huge[] = {"1.7e308", "1.7e308", "-1.7e308", "1", "1.7e308"};
    assert_string_equal(sum_of(&arena, "SUM", "DOUBLE", huge, 2, 0), "Infinity");
    assert_string_equal(sum_of(&arena, "SUM", "DOUBLE", huge, 3, 0), "1.7E308");
    assert_string_equal(sum_of(&arena, "SUM", "DOUBLE", huge, 5, 1), "1.7E308");
    assert_string_equal(sum_of(&arena, "AVG", "DOUBLE", huge, 2, 0), "1.7E308");
    assert_string_equal(sum_of(&arena, "MAX", "DOUBLE", lost, 5, 0), "NaN");
    assert_string_equal(sum_of(&arena, "MIN", "DOUBLE", lost, 5, 0), "-1.0E16");
    assert_string_equal(sum_of(&arena, "MAX", "DECIMAL(38,0)", nines, 3, 0), nines[0]);
    assert_string_equal(sum_of(&arena, "MAX", "BOOLEAN", (const char *const[]){"false", "true"}, 2, 0), "TRUE");
    const char *const spread[] = {"1000000001", "1000000002", "1000000003", "1000000004", "7"};
    assert_string_equal(sum_of(&arena, "VAR_POP", "BIGINT", spread, 4, 0), "1.25");
    assert_string_equal(sum_of(&arena, "VAR_POP", "BIGINT", spread, 5, 1), "1.25");
    assert_string_equal(sum_of(&arena, "STDDEV_SAMP", "INT", (const char *const[]){"1", "2", "3"}, 3, 0), "1.0");
    assert_string_equal(sum_of(&arena, "STDDEV_SAMP", "INT", spread, 1, 0), "NULL");
    assert_string_equal(sum_of(&arena, "STDDEV_POP", "INT", spread, 1, 0), "0.0");
    arena_destroy(&arena);
}

/* The functions that see the values: two chunks in key order with multiplicities. */
static const char *values_of(struct arena *arena, const struct bound_aggregate *agg) {
    const struct type *types[] = {type_of(TYPE_VARCHAR), type_of(TYPE_BIGINT)};
    static const char *const texts[] = {"a", "b, which is longer than inline", "c"};
    const struct chunk *chunks[2];
    for (int c = 0; c < 2; c++) {
        struct chunk *chunk = chunk_create(arena, 2, types, 4);
        for (int i = 0; i < (c ? 1 : 2); i++) {
            struct value text = value_str(types[0], str_from(texts[c ? 2 : i])),
                         times = value_i64(types[1], c ? 1 : 2 - i);
            vector_set(&chunk->columns[0], arena, 4, i, &text);
            vector_set(&chunk->columns[1], arena, 4, i, &times);
        }
        chunk->row_count = chunk->sel_count = c ? 1 : 2;
        chunks[c] = chunk;
    }
    struct vector out;
    vector_init(&out, arena, agg->result, VECTOR_CAPACITY);
    assert_int_equal(agg->class->from_values(agg, chunks, 2, &out, 3, arena, NULL), STATUS_OK);
    struct value value = vector_get(&out, 3, arena), none;
    assert_int_equal(agg->class->from_values(agg, chunks, 0, &out, 4, arena, NULL), STATUS_OK);
    none = vector_get(&out, 4, arena);
    assert_true(none.is_null);
    return test_text(arena, &value, NULL);
}

static void from_values(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    const struct type *text = type_of(TYPE_VARCHAR);
    assert_string_equal(values_of(&arena, bind(&arena, "MIN", text)), "a");
    assert_string_equal(values_of(&arena, bind(&arena, "MAX", text)), "c");
    assert_string_equal(values_of(&arena, bind(&arena, "LISTAGG", text)), "a,a,b, which is longer than inline,c");
    assert_string_equal(values_of(&arena, bind(&arena, "ARRAY_AGG", text)),
                        "[a, a, b, which is longer than inline, c]");
    struct expr *args[] = {expr_column(&arena, 0, text), NULL};
    struct value separator = value_str(type_of(TYPE_VARCHAR), str_from("; "));
    args[1] = expr_const(&arena, &separator);
    const struct bound_aggregate *agg;
    assert_int_equal(aggregate_bind(&arena, str_from("listagg"), args, 2, false, 0, 0, &agg, NULL), STATUS_OK);
    assert_int_equal(agg->arg_count, 1);
    assert_string_equal(values_of(&arena, agg), "a; a; b, which is longer than inline; c");
    /* MIN of a fixed type changes its form with the input */
    const struct bound_aggregate *min = bind(&arena, "MIN", type_of(TYPE_INT));
    assert_false(min->class->needs_values);
    const struct bound_aggregate *retracting = aggregate_for_input(&arena, min, true);
    assert_true(retracting->class->needs_values);
    assert_ptr_equal(aggregate_for_input(&arena, retracting, false)->class, min->class);
    assert_ptr_equal(aggregate_for_input(&arena, bind(&arena, "SUM", type_of(TYPE_INT)), true)->class,
                     bind(&arena, "SUM", type_of(TYPE_INT))->class);
    arena_destroy(&arena);
}

/* Estimates within four standard errors, exact for few values; two sketches merged are the sketch of all values. */
static void sketch(void **state) {
    static const int counts[] = {0, 1, 2, 10, 1000, 20000, 300000};
    (void)state;
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        struct arena arena;
        arena_init(&arena, NULL);
        const struct bound_aggregate *agg = bind(&arena, "APPROX_COUNT_DISTINCT", type_of(TYPE_INT));
        void *half[2], *slots[VECTOR_CAPACITY], *whole = arena_zalloc(&arena, agg->class->slot_bytes);
        for (int h = 0; h < 2; h++) half[h] = arena_zalloc(&arena, agg->class->slot_bytes);
        struct vector vec;
        vector_init(&vec, &arena, type_of(TYPE_INT), VECTOR_CAPACITY);
        const struct vector *args[] = {&vec};
        for (int from = 0; from < counts[c]; from += VECTOR_CAPACITY) {
            int n = counts[c] - from < VECTOR_CAPACITY ? counts[c] - from : VECTOR_CAPACITY;
            struct arena scratch;
            arena_init(&scratch, NULL);
            for (int i = 0; i < n; i++) ((int32_t *)vec.data)[i] = from + i;
            for (int times = 0; times < 3; times++) { /* a value that comes again changes nothing */
                for (int i = 0; i < n; i++) slots[i] = times ? half[i % 2] : whole;
                assert_int_equal(agg->class->update(agg, args, NULL, NULL, slots, n, &scratch, NULL), STATUS_OK);
            }
            arena_destroy(&scratch);
        }
        const void *from = half[0];
        assert_int_equal(agg->class->merge(agg, &from, &half[1], 1, NULL), STATUS_OK);
        assert_memory_equal(half[1], whole, agg->class->slot_bytes);
        struct vector out;
        vector_init(&out, &arena, agg->result, VECTOR_CAPACITY);
        from = whole;
        assert_int_equal(agg->class->result(agg, &from, 1, &out, 0, &arena, NULL), STATUS_OK);
        int64_t estimate = ((const int64_t *)out.data)[0], difference = llabs(estimate - counts[c]);
        if (difference > counts[c] * 4 * 0.023) fail_msg("%lld for %d values", (long long)estimate, counts[c]);
        arena_destroy(&arena);
    }
}

static void binding(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    static const struct {
        const char *name, *type, *result;
    } cases[] = {
        {"SUM", "INT", "INT"},
        {"SUM", "TINYINT", "TINYINT"},
        {"SUM", "DECIMAL(10,2)", "DECIMAL(38, 2)"},
        {"SUM", "FLOAT", "FLOAT"},
        {"AVG", "BIGINT", "BIGINT"},
        {"AVG", "DECIMAL(10,2)", "DECIMAL(38, 6)"},
        {"AVG", "DECIMAL(10,8)", "DECIMAL(38, 8)"},
        {"COUNT", "STRING", "BIGINT NOT NULL"},
        {"MIN", "DATE", "DATE"},
        {"STDDEV_POP", "INT", "DOUBLE"},
        {"$SUM0", "INT", "INT NOT NULL"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct bound_aggregate *agg =
            bind(&arena, cases[i].name, test_type(&arena, cases[i].type, strlen(cases[i].type)));
        assert_string_equal(type_to_string(&arena, agg->result), cases[i].result);
        assert_true(agg->class->slot_bytes <= MAX_SLOT);
    }
    struct error err;
    struct expr *text[] = {expr_column(&arena, 0, type_of(TYPE_VARCHAR))};
    const struct bound_aggregate *agg;
    assert_int_equal(aggregate_bind(&arena, str_from("SUM"), text, 1, false, 7, 3, &agg, &err),
                     STATUS_UNDEFINED_FUNCTION);
    assert_string_equal(err.message, "SUM does not take (STRING)");
    assert_int_equal(err.offset, 7);
    assert_int_equal(aggregate_bind(&arena, str_from("SUMM"), text, 1, false, 0, 0, &agg, &err),
                     STATUS_UNDEFINED_FUNCTION);
    assert_string_equal(err.hint, "did you mean SUM?");
    assert_int_equal(aggregate_bind(&arena, str_from("UPPER"), text, 1, false, 0, 0, &agg, &err),
                     STATUS_UNDEFINED_FUNCTION);
    struct expr *call;
    assert_int_equal(function_bind(&arena, str_from("SUM"), text, 1, 0, 0, &call, &err), STATUS_UNDEFINED_FUNCTION);
    arena_destroy(&arena);
}

const struct CMUnitTest aggregate_tests[] = {
    cmocka_unit_test(against_reference), cmocka_unit_test(edges),
    cmocka_unit_test(from_values),       cmocka_unit_test(sketch),
    cmocka_unit_test(binding),
};
const size_t aggregate_tests_count = sizeof aggregate_tests / sizeof *aggregate_tests;
