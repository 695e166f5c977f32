#include "types/decimal.h"

#include <assert.h>
#include <gmp.h>
#include <math.h>

#include "types/number.h"

_Static_assert(sizeof(mp_limb_t) == 8 && GMP_NUMB_BITS == 64, "limbs of 64 bits");

const int64_t decimal_pow10_64[19] = {
    INT64_C(1),
    INT64_C(10),
    INT64_C(100),
    INT64_C(1000),
    INT64_C(10000),
    INT64_C(100000),
    INT64_C(1000000),
    INT64_C(10000000),
    INT64_C(100000000),
    INT64_C(1000000000),
    INT64_C(10000000000),
    INT64_C(100000000000),
    INT64_C(1000000000000),
    INT64_C(10000000000000),
    INT64_C(100000000000000),
    INT64_C(1000000000000000),
    INT64_C(10000000000000000),
    INT64_C(100000000000000000),
    INT64_C(1000000000000000000),
};

#define E18 ((int128)INT64_C(1000000000000000000))
static const int128 pow10_128[TYPE_MAX_PRECISION + 1] = {
    (int128)1,
    (int128)10,
    (int128)100,
    (int128)1000,
    (int128)10000,
    (int128)100000,
    (int128)1000000,
    (int128)10000000,
    (int128)100000000,
    (int128)1000000000,
    (int128)INT64_C(10000000000),
    (int128)INT64_C(100000000000),
    (int128)INT64_C(1000000000000),
    (int128)INT64_C(10000000000000),
    (int128)INT64_C(100000000000000),
    (int128)INT64_C(1000000000000000),
    (int128)INT64_C(10000000000000000),
    (int128)INT64_C(100000000000000000),
    E18,
    E18 * 10,
    E18 * 100,
    E18 * 1000,
    E18 * 10000,
    E18 * 100000,
    E18 * 1000000,
    E18 * 10000000,
    E18 * 100000000,
    E18 * 1000000000,
    E18 *INT64_C(10000000000),
    E18 *INT64_C(100000000000),
    E18 *INT64_C(1000000000000),
    E18 *INT64_C(10000000000000),
    E18 *INT64_C(100000000000000),
    E18 *INT64_C(1000000000000000),
    E18 *INT64_C(10000000000000000),
    E18 *INT64_C(100000000000000000),
    E18 *E18,
    E18 *E18 * 10,
    E18 *E18 * 100,
};

int128 decimal_pow10(int exponent) {
    assert(exponent >= 0 && exponent <= TYPE_MAX_PRECISION);
    return pow10_128[exponent];
}

static uint128 magnitude(int128 v) { return v < 0 ? -(uint128)v : (uint128)v; }

/* Writes sign * magnitude if it has at most `precision` digits. */
static bool finish(uint128 value, bool negative, int precision, int128 *out) {
    if (value >= (uint128)pow10_128[precision]) return false;
    *out = negative ? -(int128)value : (int128)value;
    return true;
}

/* n / d, half away from zero. */
static uint128 divide_round(uint128 n, uint128 d) {
    if ((n >> 64) == 0 && (d >> 64) == 0) {
        uint64_t quotient = (uint64_t)n / (uint64_t)d, rest = (uint64_t)n % (uint64_t)d;
        return (uint128)quotient + (rest >= (uint64_t)d - rest);
    }
    uint128 quotient = n / d, rest = n - quotient * d;
    return quotient + (rest >= d - rest);
}

/* ---- Magnitudes beyond 128 bits. The largest: 10^38 * 10^76 < 2^379, six limbs. ---- */

enum { WIDE_LIMBS = 8 };

struct wide {
    mp_limb_t limbs[WIDE_LIMBS]; /* little-endian; those beyond count are not set */
    mp_size_t count;             /* without leading zeros; 0 for zero */
};

static void wide_trim(struct wide *a) {
    while (a->count > 0 && a->limbs[a->count - 1] == 0) a->count--;
}

static void wide_set(struct wide *a, uint128 v) {
    a->limbs[0] = (mp_limb_t)v;
    a->limbs[1] = (mp_limb_t)(v >> 64);
    a->count = 2;
    wide_trim(a);
}

static void wide_multiply(struct wide *a, uint128 by) {
    struct wide b, product;
    wide_set(&b, by);
    if (a->count == 0 || b.count == 0) {
        a->count = 0;
        return;
    }
    assert(a->count + b.count <= WIDE_LIMBS);
    if (a->count >= b.count)
        mpn_mul(product.limbs, a->limbs, a->count, b.limbs, b.count);
    else
        mpn_mul(product.limbs, b.limbs, b.count, a->limbs, a->count);
    product.count = a->count + b.count;
    wide_trim(&product);
    *a = product;
}

/* a * 10^exponent, exponent 0 … 76. */
static void wide_scale(struct wide *a, int exponent) {
    for (; exponent > TYPE_MAX_PRECISION; exponent -= TYPE_MAX_PRECISION)
        wide_multiply(a, (uint128)pow10_128[TYPE_MAX_PRECISION]);
    if (exponent > 0) wide_multiply(a, (uint128)pow10_128[exponent]);
}

static int wide_compare(const struct wide *a, const struct wide *b) {
    if (a->count != b->count) return a->count > b->count ? 1 : -1;
    return a->count ? mpn_cmp(a->limbs, b->limbs, a->count) : 0;
}

/* a + b */
static void wide_add(struct wide *a, const struct wide *b) {
    const struct wide *high = a->count >= b->count ? a : b, *low = a->count >= b->count ? b : a;
    struct wide sum = *high;
    if (low->count) {
        mp_limb_t carry = mpn_add(sum.limbs, high->limbs, high->count, low->limbs, low->count);
        if (carry) sum.limbs[sum.count++] = carry;
    }
    *a = sum;
}

/* a - b; a >= b */
static void wide_subtract(struct wide *a, const struct wide *b) {
    if (b->count) mpn_sub(a->limbs, a->limbs, a->count, b->limbs, b->count);
    wide_trim(a);
}

/* quotient = n / d (d not 0), rest = the remainder. */
static void wide_divide(const struct wide *n, const struct wide *d, struct wide *quotient, struct wide *rest) {
    if (n->count < d->count) {
        quotient->count = 0;
        *rest = *n;
        return;
    }
    mpn_tdiv_qr(quotient->limbs, rest->limbs, 0, n->limbs, n->count, d->limbs, d->count);
    quotient->count = n->count - d->count + 1;
    rest->count = d->count;
    wide_trim(quotient);
    wide_trim(rest);
}

/* n / d, half away from zero, as at most `precision` digits. */
static bool wide_divide_round(const struct wide *n, const struct wide *d, bool negative, int precision, int128 *out) {
    struct wide quotient, rest, other = *d;
    wide_divide(n, d, &quotient, &rest);
    if (quotient.count > 2) return false;
    uint128 value = 0;
    if (quotient.count > 0) value = quotient.limbs[0];
    if (quotient.count > 1) value |= (uint128)quotient.limbs[1] << 64;
    if (value >= (uint128)pow10_128[TYPE_MAX_PRECISION]) return false;
    wide_subtract(&other, &rest);
    if (wide_compare(&rest, &other) >= 0) value++;
    return finish(value, negative, precision, out);
}

/* a (at from_scale) as a decimal at scale. */
static bool wide_rescale(struct wide *a, bool negative, int from_scale, int precision, int scale, int128 *out) {
    struct wide divisor;
    wide_set(&divisor, 1);
    if (scale >= from_scale)
        wide_scale(a, scale - from_scale);
    else
        wide_scale(&divisor, from_scale - scale);
    return wide_divide_round(a, &divisor, negative, precision, out);
}

/* ---- Arithmetic. ---- */

bool decimal_rescale(int128 v, int from_scale, int to_precision, int to_scale, int128 *out) {
    int up = to_scale - from_scale;
    if (up >= 0) {
        int128 scaled;
        if (v == 0) {
            scaled = 0;
        } else if (up > TYPE_MAX_PRECISION || __builtin_mul_overflow(v, pow10_128[up], &scaled)) {
            return false;
        }
        if (!decimal_fits(scaled, to_precision)) return false;
        *out = scaled;
        return true;
    }
    if (-up > TYPE_MAX_PRECISION) { /* |v| < 10^38 < half of 10^39 */
        *out = 0;
        return true;
    }
    return finish(divide_round(magnitude(v), (uint128)pow10_128[-up]), v < 0, to_precision, out);
}

static bool add(int128 a, int a_scale, int128 b, int b_scale, int precision, int scale, int128 *out) {
    int common = a_scale > b_scale ? a_scale : b_scale;
    int128 x, y, sum;
    if (!__builtin_mul_overflow(a, pow10_128[common - a_scale], &x) &&
        !__builtin_mul_overflow(b, pow10_128[common - b_scale], &y) && !__builtin_add_overflow(x, y, &sum)) {
        if (common == scale) {
            if (!decimal_fits(sum, precision)) return false;
            *out = sum;
            return true;
        }
        return decimal_rescale(sum, common, precision, scale, out);
    }
    struct wide wide_a, wide_b;
    wide_set(&wide_a, magnitude(a));
    wide_set(&wide_b, magnitude(b));
    wide_scale(&wide_a, common - a_scale);
    wide_scale(&wide_b, common - b_scale);
    bool negative = a < 0;
    if ((a < 0) == (b < 0)) {
        wide_add(&wide_a, &wide_b);
    } else if (wide_compare(&wide_a, &wide_b) >= 0) {
        wide_subtract(&wide_a, &wide_b);
    } else {
        wide_subtract(&wide_b, &wide_a);
        wide_a = wide_b;
        negative = b < 0;
    }
    return wide_rescale(&wide_a, negative, common, precision, scale, out);
}

bool decimal_add(int128 a, int a_scale, int128 b, int b_scale, int precision, int scale, int128 *out) {
    return add(a, a_scale, b, b_scale, precision, scale, out);
}

bool decimal_subtract(int128 a, int a_scale, int128 b, int b_scale, int precision, int scale, int128 *out) {
    return add(a, a_scale, -b, b_scale, precision, scale, out);
}

bool decimal_multiply(int128 a, int a_scale, int128 b, int b_scale, int precision, int scale, int128 *out) {
    int128 product;
    if (!__builtin_mul_overflow(a, b, &product))
        return decimal_rescale(product, a_scale + b_scale, precision, scale, out);
    struct wide wide;
    wide_set(&wide, magnitude(a));
    wide_multiply(&wide, magnitude(b));
    return wide_rescale(&wide, (a < 0) != (b < 0), a_scale + b_scale, precision, scale, out);
}

bool decimal_divide(int128 a, int a_scale, int128 b, int b_scale, int precision, int scale, int128 *out) {
    assert(b != 0);
    int up = scale + b_scale - a_scale; /* the quotient of the unscaled values is this much too small */
    bool negative = (a < 0) != (b < 0);
    uint128 n = magnitude(a), d = magnitude(b), scaled;
    if (up >= 0 && up <= TYPE_MAX_PRECISION && !__builtin_mul_overflow(n, (uint128)pow10_128[up], &scaled))
        return finish(divide_round(scaled, d), negative, precision, out);
    struct wide wide_n, wide_d;
    wide_set(&wide_n, n);
    wide_set(&wide_d, d);
    if (up >= 0)
        wide_scale(&wide_n, up);
    else
        wide_scale(&wide_d, -up);
    return wide_divide_round(&wide_n, &wide_d, negative, precision, out);
}

bool decimal_remainder(int128 a, int a_scale, int128 b, int b_scale, int precision, int scale, int128 *out) {
    assert(b != 0);
    int common = a_scale > b_scale ? a_scale : b_scale;
    int128 x, y;
    if (!__builtin_mul_overflow(a, pow10_128[common - a_scale], &x) &&
        !__builtin_mul_overflow(b, pow10_128[common - b_scale], &y))
        return decimal_rescale(x % y, common, precision, scale, out);
    struct wide wide_a, wide_b, quotient, rest;
    wide_set(&wide_a, magnitude(a));
    wide_set(&wide_b, magnitude(b));
    wide_scale(&wide_a, common - a_scale);
    wide_scale(&wide_b, common - b_scale);
    wide_divide(&wide_a, &wide_b, &quotient, &rest);
    return wide_rescale(&rest, a < 0, common, precision, scale, out);
}

int decimal_compare(int128 a, int a_scale, int128 b, int b_scale) {
    if (a_scale == b_scale) return (a > b) - (a < b);
    if ((a < 0) != (b < 0)) return a < 0 ? -1 : 1;
    int128 scaled;
    if (a_scale < b_scale && !__builtin_mul_overflow(a, pow10_128[b_scale - a_scale], &scaled))
        return (scaled > b) - (scaled < b);
    if (a_scale > b_scale && !__builtin_mul_overflow(b, pow10_128[a_scale - b_scale], &scaled))
        return (a > scaled) - (a < scaled);
    /* The one that had to be scaled up has more than 38 digits then, and the other has not. */
    return a_scale < b_scale ? (a > 0 ? 1 : -1) : (b > 0 ? -1 : 1);
}

bool decimal_round(int128 v, int scale, int digits, enum decimal_rounding rounding, int128 *out) {
    if (digits >= scale || v == 0) {
        *out = v;
        return true;
    }
    int drop = scale - digits;
    bool negative = v < 0, away;
    uint128 value = magnitude(v), quotient = 0, rest = value;
    uint128 unit = 0;
    if (drop <= TYPE_MAX_PRECISION) {
        unit = (uint128)pow10_128[drop];
        quotient = value / unit;
        rest = value % unit;
    }
    switch (rounding) {
    case DECIMAL_HALF_UP: away = unit && rest >= unit - rest; break;
    case DECIMAL_FLOOR: away = negative && rest; break;
    case DECIMAL_CEILING: away = !negative && rest; break;
    default: away = false;
    }
    if (away && !unit) return false;
    return finish((quotient + away) * unit, negative, TYPE_MAX_PRECISION, out);
}

/* ---- Double. ---- */

static int bit_length(uint128 v) {
    if (v >> 64) return 128 - __builtin_clzll((uint64_t)(v >> 64));
    return v ? 64 - __builtin_clzll((uint64_t)v) : 0;
}

static const double pow10_double[23] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                        1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

double decimal_to_double(int128 v, int scale) {
    if (scale == 0) return (double)v;
    uint128 value = magnitude(v);
    if (value == 0) return 0;
    /* Both exact: one rounding by the division. */
    if (value <= UINT64_C(1) << 53 && scale <= 22) {
        double d = (double)(uint64_t)value / pow10_double[scale];
        return v < 0 ? -d : d;
    }
    /* A quotient of 65 bits or more, the last of which says "and something": its conversion rounds once. */
    uint128 unit = (uint128)pow10_128[scale];
    int shift = 66 + bit_length(unit) - bit_length(value);
    if (shift < 0) shift = 0;
    struct wide n, d, quotient, rest;
    wide_set(&n, value);
    wide_set(&d, unit);
    for (int left = shift; left > 0; left -= 63) wide_multiply(&n, (uint128)1 << (left < 63 ? left : 63));
    wide_divide(&n, &d, &quotient, &rest);
    assert(quotient.count == 2);
    uint128 bits = (uint128)quotient.limbs[1] << 64 | quotient.limbs[0];
    double result = ldexp((double)(bits | (rest.count != 0)), -shift);
    return v < 0 ? -result : result;
}

bool decimal_from_double(double d, int precision, int scale, int128 *out) {
    if (!isfinite(d)) return false;
    if (fabs(d) < 0x1p53 && d == trunc(d)) return decimal_rescale((int64_t)d, 0, precision, scale, out);
    /* Of the shortest text that reads as d (Java's BigDecimal.valueOf, as Flink): 1.005 is 1.005. */
    char text[NUMBER_MAX_TEXT];
    int len = number_format_double(d, text);
    return decimal_parse((struct str){text, (size_t)len}, precision, scale, out) == DECIMAL_PARSE_OK;
}

/* ---- Text. ---- */

int decimal_format(int128 v, int scale, char out[DECIMAL_MAX_TEXT]) {
    char digits[40]; /* from the right */
    int count = 0;
    uint128 value = magnitude(v);
    while (value >> 64) {
        uint64_t low = (uint64_t)(value % UINT64_C(1000000000000000000));
        value /= UINT64_C(1000000000000000000);
        for (int i = 0; i < 18; i++, low /= 10) digits[count++] = (char)('0' + low % 10);
    }
    for (uint64_t rest = (uint64_t)value; rest; rest /= 10) digits[count++] = (char)('0' + rest % 10);
    while (count <= scale) digits[count++] = '0';
    char *p = out;
    if (v < 0) *p++ = '-';
    while (count > scale) *p++ = digits[--count];
    if (scale > 0) *p++ = '.';
    while (count > 0) *p++ = digits[--count];
    *p = 0;
    return (int)(p - out);
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* The parts of "-123.45e6". */
struct decimal_text {
    bool negative;
    const char *whole, *fraction;
    size_t whole_len, fraction_len;
    int64_t exponent; /* cut off far beyond what matters */
};

static bool split(struct str text, struct decimal_text *out) {
    const char *p = text.data, *end = p + text.len;
    while (p < end && (unsigned char)*p <= ' ') p++;
    while (p < end && (unsigned char)end[-1] <= ' ') end--;
    *out = (struct decimal_text){0};
    if (p < end && (*p == '-' || *p == '+')) out->negative = *p++ == '-';
    out->whole = p;
    while (p < end && is_digit(*p)) p++;
    out->whole_len = (size_t)(p - out->whole);
    if (p < end && *p == '.') {
        out->fraction = ++p;
        while (p < end && is_digit(*p)) p++;
        out->fraction_len = (size_t)(p - out->fraction);
    }
    if (out->whole_len + out->fraction_len == 0) return false;
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        bool negative = false;
        if (p < end && (*p == '-' || *p == '+')) negative = *p++ == '-';
        if (p == end) return false;
        for (; p < end && is_digit(*p); p++)
            if (out->exponent < INT64_C(1000000000000)) out->exponent = out->exponent * 10 + (*p - '0');
        if (negative) out->exponent = -out->exponent;
    }
    return p == end;
}

enum decimal_parse_result decimal_parse(struct str text, int precision, int scale, int128 *out) {
    struct decimal_text parts;
    if (!split(text, &parts)) return DECIMAL_PARSE_BAD_TEXT;
    /* The digits that stay: those up to 10^-scale; the next one rounds. */
    int64_t keep = (int64_t)parts.whole_len + parts.exponent + scale;
    int64_t total = (int64_t)(parts.whole_len + parts.fraction_len);
    uint128 value = 0;
    const uint128 limit = (uint128)pow10_128[TYPE_MAX_PRECISION];
    for (int64_t i = 0; i < total && i < keep; i++) {
        char c = i < (int64_t)parts.whole_len ? parts.whole[i] : parts.fraction[i - (int64_t)parts.whole_len];
        value = value * 10 + (uint128)(c - '0');
        if (value >= limit) return DECIMAL_PARSE_OVERFLOW;
    }
    if (keep > total && value != 0) {
        int64_t up = keep - total;
        if (up > TYPE_MAX_PRECISION || __builtin_mul_overflow(value, (uint128)pow10_128[up], &value) || value >= limit)
            return DECIMAL_PARSE_OVERFLOW;
    }
    if (keep >= 0 && keep < total) {
        char c = keep < (int64_t)parts.whole_len ? parts.whole[keep] : parts.fraction[keep - (int64_t)parts.whole_len];
        value += c >= '5';
    }
    return finish(value, parts.negative, precision, out) ? DECIMAL_PARSE_OK : DECIMAL_PARSE_OVERFLOW;
}
