/* DECIMAL arithmetic on unscaled 128-bit integers.
 *
 * A decimal of precision p and scale s is an int128 v with |v| < 10^p; its value is v / 10^s. Rounding is half away
 * from zero (Java's HALF_UP, as Flink). Intermediates of multiply and divide are exact (GMP's mpn where 128 bits do not
 * do). Functions that can overflow return false and leave *out alone. */
#ifndef MILLRACE_TYPES_DECIMAL_H
#define MILLRACE_TYPES_DECIMAL_H

#include "types/type.h"

enum { DECIMAL_MAX_TEXT = 64 }; /* bytes that decimal_format needs at most, NUL included */

extern const int64_t decimal_pow10_64[19]; /* 10^0 … 10^18 */
int128 decimal_pow10(int exponent);        /* 0 … 38 */
static inline bool decimal_fits(int128 v, int precision) {
    int128 limit = decimal_pow10(precision);
    return v > -limit && v < limit;
}

/* v with scale from_scale as a DECIMAL(to_precision, to_scale); false when it does not fit. */
bool decimal_rescale(int128 v, int from_scale, int to_precision, int to_scale, int128 *out);

bool decimal_add(int128 a, int a_scale, int128 b, int b_scale, int precision, int scale, int128 *out);
bool decimal_subtract(int128 a, int a_scale, int128 b, int b_scale, int precision, int scale, int128 *out);
bool decimal_multiply(int128 a, int a_scale, int128 b, int b_scale, int precision, int scale, int128 *out);
/* b must not be 0. */
bool decimal_divide(int128 a, int a_scale, int128 b, int b_scale, int precision, int scale, int128 *out);
bool decimal_remainder(int128 a, int a_scale, int128 b, int b_scale, int precision, int scale, int128 *out);
int decimal_compare(int128 a, int a_scale, int128 b, int b_scale);

enum decimal_rounding { DECIMAL_HALF_UP, DECIMAL_FLOOR, DECIMAL_CEILING, DECIMAL_TRUNCATE };
/* Rounds to `digits` digits after the point (may be negative), keeping scale. */
bool decimal_round(int128 v, int scale, int digits, enum decimal_rounding rounding, int128 *out);

double decimal_to_double(int128 v, int scale);                             /* correctly rounded */
bool decimal_from_double(double d, int precision, int scale, int128 *out); /* false: NaN, infinite, too large */

/* "-12.30": always `scale` digits after the point. Returns the length written. */
int decimal_format(int128 v, int scale, char out[DECIMAL_MAX_TEXT]);

enum decimal_parse_result { DECIMAL_PARSE_OK, DECIMAL_PARSE_BAD_TEXT, DECIMAL_PARSE_OVERFLOW };
/* Optional spaces around, sign, digits, point, exponent; rounds to scale. */
enum decimal_parse_result decimal_parse(struct str text, int precision, int scale, int128 *out);

#endif
