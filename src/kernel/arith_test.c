/* Every loop against a scalar twin: random values, NULLs, selections, constants. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "column/test_data.h"
#include "kernel/kernel.h"
#include "types/decimal.h"

extern const struct CMUnitTest arith_tests[];
extern const size_t arith_tests_count;

enum { ROWS = 200 };

/* Two arguments, FLAT or CONST, the rows to compute and their validity. */
struct operands {
    struct vector vecs[2];
    struct value values[2][ROWS];
    sel_index sel[ROWS];
    const sel_index *rows; /* NULL: all */
    int count;
    struct vector out;
};

static void make(struct operands *o, struct arena *arena, uint64_t *seed, const struct type *a, const struct type *b,
                 const struct type *out, bool no_nulls) {
    const struct type *types[2] = {a, b};
    for (int i = 0; i < 2; i++) {
        do
            random_vector(arena, seed, no_nulls ? type_with_nullable(arena, types[i], false) : types[i], ROWS,
                          &o->vecs[i], o->values[i]);
        while (o->vecs[i].form == VECTOR_CONST && o->values[i][0].is_null); /* kernels see no NULL constants */
        if (o->vecs[i].form == VECTOR_DICT) vector_flatten(&o->vecs[i], arena, ROWS);
    }
    o->rows = random_below(seed, 2) ? o->sel : NULL;
    o->count = o->rows ? random_selection(seed, ROWS, o->sel) : ROWS;
    vector_init(&o->out, arena, out, ROWS);
    uint64_t *words = ARENA_ARRAY(arena, uint64_t, VALIDITY_WORDS);
    for (int i = 0; i < 2; i++)
        if (o->vecs[i].form == VECTOR_FLAT && o->vecs[i].validity)
            o->out.validity = kernel_validity_and(o->out.validity, o->vecs[i].validity, words, ROWS);
}

static int128 min_of(enum phys phys) {
    return phys == PHYS_I8 ? INT8_MIN : phys == PHYS_I16 ? INT16_MIN : phys == PHYS_I32 ? INT32_MIN : INT64_MIN;
}

/* false: fails */
static bool integer_twin(enum arith_op op, enum phys phys, int64_t x, int64_t y, int64_t *out) {
    int128 r;
    switch (op) {
    case ARITH_ADD: r = (int128)x + y; break;
    case ARITH_SUBTRACT: r = (int128)x - y; break;
    case ARITH_MULTIPLY: r = (int128)x * y; break;
    case ARITH_DIVIDE:
        if (y == 0) return false;
        r = (int128)x / y;
        break;
    default:
        if (y == 0) return false;
        r = (int128)x % y;
    }
    *out = (int64_t)r;
    return r >= min_of(phys) && r <= -min_of(phys) - 1;
}

static double float_twin(enum arith_op op, double x, double y) {
    switch (op) {
    case ARITH_ADD: return x + y;
    case ARITH_SUBTRACT: return x - y;
    case ARITH_MULTIPLY: return x * y;
    case ARITH_DIVIDE: return x / y;
    default: return fmod(x, y);
    }
}

static void integers(void **state) {
    static const enum type_id ids[] = {TYPE_TINYINT, TYPE_SMALLINT, TYPE_INT, TYPE_BIGINT};
    uint64_t seed = 1;
    int failures = 0, successes = 0;
    (void)state;
    for (int run = 0; run < 2000; run++) {
        struct arena arena;
        struct operands o;
        arena_init(&arena, NULL);
        const struct type *type = type_of(ids[random_below(&seed, 4)]);
        enum arith_op op = (enum arith_op)random_below(&seed, ARITH_OP_COUNT);
        memset(&o, 0, sizeof o);
        make(&o, &arena, &seed, type, type, type, false);
        if (random_below(&seed, 3)) /* small values, so that not every run overflows */
            for (int i = 0; i < 2; i++)
                for (int row = 0; row < ROWS; row++) {
                    if (o.values[i][row].is_null) continue;
                    int64_t small = random_below(&seed, 10) + 1;
                    if (o.vecs[i].form == VECTOR_CONST) small = 3;
                    o.values[i][row].i64 = small;
                    o.vecs[i].form == VECTOR_CONST
                        ? (void)(o.vecs[i].form = VECTOR_FLAT, vector_set(&o.vecs[i], &arena, 1, 0, &o.values[i][row]),
                                 o.vecs[i].form = VECTOR_CONST)
                        : vector_set(&o.vecs[i], &arena, ROWS, row, &o.values[i][row]);
                }
        int expected = -1;
        int64_t results[ROWS];
        for (int i = 0; i < o.count && expected < 0; i++) {
            int row = o.rows ? o.rows[i] : i;
            if (o.values[0][row].is_null || o.values[1][row].is_null) continue;
            if (!integer_twin(op, type_phys(type), o.values[0][row].i64, o.values[1][row].i64, &results[row]))
                expected = row;
        }
        int found = kernel_arith(op, type_phys(type))(&o.vecs[0], &o.vecs[1], &o.out, o.rows, o.count);
        assert_int_equal(found, expected);
        failures += expected >= 0;
        successes += expected < 0;
        for (int i = 0; i < o.count && expected < 0; i++) {
            int row = o.rows ? o.rows[i] : i;
            if (o.values[0][row].is_null || o.values[1][row].is_null) continue;
            struct value value = vector_get(&o.out, row, &arena);
            assert_int_equal(value.i64, results[row]);
        }
        arena_destroy(&arena);
    }
    assert_true(failures > 100 && successes > 100);
}

static bool same_double(double a, double b) { return memcmp(&a, &b, sizeof a) == 0 || (isnan(a) && isnan(b)); }

static void floats(void **state) {
    uint64_t seed = 2;
    (void)state;
    for (int run = 0; run < 500; run++) {
        struct arena arena;
        struct operands o;
        arena_init(&arena, NULL);
        bool single = random_below(&seed, 2);
        const struct type *type = type_of(single ? TYPE_FLOAT : TYPE_DOUBLE);
        enum arith_op op = (enum arith_op)random_below(&seed, ARITH_OP_COUNT);
        memset(&o, 0, sizeof o);
        make(&o, &arena, &seed, type, type, type, false);
        assert_int_equal(kernel_arith(op, type_phys(type))(&o.vecs[0], &o.vecs[1], &o.out, o.rows, o.count), -1);
        for (int i = 0; i < o.count; i++) {
            int row = o.rows ? o.rows[i] : i;
            if (o.values[0][row].is_null || o.values[1][row].is_null) continue;
            struct value value = vector_get(&o.out, row, &arena);
            if (single) {
                float x = o.values[0][row].f32, y = o.values[1][row].f32;
                float r = op == ARITH_REMAINDER ? fmodf(x, y) : (float)float_twin(op, (double)x, (double)y);
                assert_true(same_double((double)value.f32, (double)r));
            } else {
                assert_true(same_double(value.f64, float_twin(op, o.values[0][row].f64, o.values[1][row].f64)));
            }
        }
        arena_destroy(&arena);
    }
}

static void unary(void **state) {
    static const enum type_id ids[] = {TYPE_TINYINT, TYPE_SMALLINT, TYPE_INT, TYPE_BIGINT};
    uint64_t seed = 3;
    (void)state;
    for (int run = 0; run < 600; run++) {
        struct arena arena;
        struct operands o;
        arena_init(&arena, NULL);
        const struct type *type = type_of(ids[random_below(&seed, 4)]);
        enum arith_unary_op op = (enum arith_unary_op)random_below(&seed, ARITH_UNARY_OP_COUNT);
        memset(&o, 0, sizeof o);
        make(&o, &arena, &seed, type, type, type, false);
        int expected = -1;
        for (int i = 0; i < o.count && expected < 0; i++) {
            int row = o.rows ? o.rows[i] : i;
            if (!validity_get(o.out.validity, row) || o.values[0][row].is_null) continue;
            if (op != ARITH_SIGN && o.values[0][row].i64 == min_of(type_phys(type))) expected = row;
        }
        assert_int_equal(kernel_arith_unary(op, type_phys(type))(&o.vecs[0], &o.out, o.rows, o.count), expected);
        for (int i = 0; i < o.count && expected < 0; i++) {
            int row = o.rows ? o.rows[i] : i;
            if (!validity_get(o.out.validity, row)) continue;
            int64_t x = o.values[0][row].i64, r = vector_get(&o.out, row, &arena).i64;
            assert_int_equal(r, op == ARITH_NEGATE ? -x : op == ARITH_ABS ? (x < 0 ? -x : x) : (x > 0) - (x < 0));
        }
        arena_destroy(&arena);
    }
}

static int128 random_decimal(uint64_t *seed, int precision) {
    int128 limit = decimal_pow10(precision);
    if (random_below(seed, 5) == 0) return random_below(seed, 2) ? limit - 1 : 1 - limit;
    uint128 bits = (uint128)random_next(seed) << 64 | random_next(seed);
    int128 v = (int128)(bits % (uint128)decimal_pow10(1 + random_below(seed, precision)));
    return random_below(seed, 2) ? v : -v;
}

static void decimals(void **state) {
    uint64_t seed = 4;
    int plain = 0, general = 0;
    (void)state;
    for (int run = 0; run < 1500; run++) {
        struct arena arena;
        arena_init(&arena, NULL);
        struct decimal_operation o = {.op = (enum arith_op)random_below(&seed, ARITH_OP_COUNT)};
        int most = random_below(&seed, 3) ? 18 : 38;
        o.a_precision = 1 + random_below(&seed, most);
        o.a_scale = random_below(&seed, o.a_precision + 1);
        o.b_precision = 1 + random_below(&seed, most);
        o.b_scale = random_below(&seed, o.b_precision + 1);
        const struct type *a = type_decimal(&arena, o.a_precision, o.a_scale, true);
        const struct type *b = type_decimal(&arena, o.b_precision, o.b_scale, true);
        const struct type *type = type_decimal_result(&arena, "+-*/%"[o.op], a, b);
        o.precision = type->precision;
        o.scale = type->scale;
        decimal_operation_init(&o);
        plain += !o.fallible;
        general += o.fallible;
        struct vector x, y, out;
        vector_init(&x, &arena, a, ROWS);
        vector_init(&y, &arena, b, ROWS);
        vector_init(&out, &arena, type, ROWS);
        for (int row = 0; row < ROWS; row++) {
            int128 v = random_decimal(&seed, o.a_precision), w = random_decimal(&seed, o.b_precision);
            if (w == 0 && random_below(&seed, 50)) w = 1;
            if (x.phys == PHYS_I64)
                ((int64_t *)x.data)[row] = (int64_t)v;
            else
                ((int128 *)x.data)[row] = v;
            if (y.phys == PHYS_I64)
                ((int64_t *)y.data)[row] = (int64_t)w;
            else
                ((int128 *)y.data)[row] = w;
        }
        if (random_below(&seed, 4) == 0) y.form = VECTOR_CONST;
        int found = o.loop(&o, &x, &y, &out, NULL, ROWS), expected = -1;
        for (int row = 0; row < ROWS && expected < 0; row++) {
            struct value va = vector_get(&x, row, &arena), vb = vector_get(&y, row, &arena);
            int128 v = value_decimal(&va), w = value_decimal(&vb), r = 0;
            bool ok = false;
            switch (o.op) {
            case ARITH_ADD: ok = decimal_add(v, o.a_scale, w, o.b_scale, o.precision, o.scale, &r); break;
            case ARITH_SUBTRACT: ok = decimal_subtract(v, o.a_scale, w, o.b_scale, o.precision, o.scale, &r); break;
            case ARITH_MULTIPLY: ok = decimal_multiply(v, o.a_scale, w, o.b_scale, o.precision, o.scale, &r); break;
            case ARITH_DIVIDE:
                ok = w != 0 && decimal_divide(v, o.a_scale, w, o.b_scale, o.precision, o.scale, &r);
                break;
            default: ok = w != 0 && decimal_remainder(v, o.a_scale, w, o.b_scale, o.precision, o.scale, &r);
            }
            if (!ok) {
                expected = row;
                assert_true(o.fallible);
                break;
            }
            if (found >= 0 && row >= found) break;
            struct value value = vector_get(&out, row, &arena);
            if (value_decimal(&value) != r)
                fail_msg("op %d: DECIMAL(%d,%d) and DECIMAL(%d,%d) to (%d,%d)", o.op, o.a_precision, o.a_scale,
                         o.b_precision, o.b_scale, o.precision, o.scale);
        }
        assert_int_equal(found, expected);
        arena_destroy(&arena);
    }
    assert_true(plain > 100 && general > 100);
}

static bool compare_twin(enum compare_op op, const struct value *a, const struct value *b) {
    bool nan = (type_phys(a->type) == PHYS_F64 && (isnan(a->f64) || isnan(b->f64))) ||
               (type_phys(a->type) == PHYS_F32 && (isnan(a->f32) || isnan(b->f32)));
    if (nan) return op == COMPARE_NE;
    int order = value_compare(a, b);
    switch (op) {
    case COMPARE_EQ: return order == 0;
    case COMPARE_NE: return order != 0;
    case COMPARE_LT: return order < 0;
    case COMPARE_LE: return order <= 0;
    case COMPARE_GT: return order > 0;
    default: return order >= 0;
    }
}

static void comparisons(void **state) {
    static const enum type_id ids[] = {TYPE_BOOLEAN, TYPE_TINYINT, TYPE_SMALLINT, TYPE_INT,
                                       TYPE_BIGINT,  TYPE_FLOAT,   TYPE_DOUBLE,   TYPE_VARCHAR,
                                       TYPE_DATE,    TYPE_DECIMAL, TYPE_VARBINARY};
    uint64_t seed = 5;
    (void)state;
    for (int run = 0; run < 2000; run++) {
        struct arena arena;
        struct operands o;
        arena_init(&arena, NULL);
        enum type_id id = ids[random_below(&seed, 11)];
        const struct type *type =
            id == TYPE_DECIMAL ? type_decimal(&arena, random_below(&seed, 2) ? 10 : 30, 2, true) : type_of(id);
        enum compare_op op = (enum compare_op)random_below(&seed, COMPARE_OP_COUNT);
        memset(&o, 0, sizeof o);
        make(&o, &arena, &seed, type, type, type_of(TYPE_BOOLEAN), type_phys(type) == PHYS_STR);
        if (random_below(&seed, 2) && o.vecs[0].form == VECTOR_FLAT) /* half of the runs with many equal values */
            for (int row = 0; row < ROWS; row++)
                if (!o.values[1][row].is_null && random_below(&seed, 2)) {
                    o.values[0][row] = o.values[1][row];
                    vector_set(&o.vecs[0], &arena, ROWS, row, &o.values[0][row]);
                }
        assert_int_equal(kernel_compare(op, type_phys(type))(&o.vecs[0], &o.vecs[1], &o.out, o.rows, o.count), -1);
        for (int i = 0; i < o.count; i++) {
            int row = o.rows ? o.rows[i] : i;
            if (o.values[0][row].is_null || o.values[1][row].is_null) continue;
            assert_int_equal(((uint8_t *)o.out.data)[row], compare_twin(op, &o.values[0][row], &o.values[1][row]));
            assert_int_equal(compare_twin(op, &o.values[0][row], &o.values[1][row]),
                             compare_twin(compare_op_mirror(op), &o.values[1][row], &o.values[0][row]));
        }
        arena_destroy(&arena);
    }
}

const struct CMUnitTest arith_tests[] = {
    cmocka_unit_test(integers), cmocka_unit_test(floats),      cmocka_unit_test(unary),
    cmocka_unit_test(decimals), cmocka_unit_test(comparisons),
};
const size_t arith_tests_count = sizeof arith_tests / sizeof *arith_tests;
