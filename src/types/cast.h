/* CAST: which pairs of types have one, and the scalar core of each, shared by value_cast and the vectorised kernels.
 *
 * Rules (Flink's, from 1.15 on; where Flink would wrap around or give NULL, an error):
 *   integer → narrower integer           out of range: error
 *   DECIMAL, FLOAT, DOUBLE → integer     fraction cut, out of range and NaN: error
 *   any numeric → DECIMAL                rounded half up to the scale, too many digits: error
 *   DOUBLE → FLOAT                       nearest, infinite when too large (Java)
 *   BOOLEAN ⇄ numeric                    TRUE = 1; anything but 0 is TRUE
 *   text → number, BOOLEAN, time         blanks around are ignored; bad text: error
 *   anything → CHAR(n), VARCHAR(n)       cut to n code points, CHAR padded with blanks; BINARY(n) likewise with 0x00
 *   DATE, TIME, TIMESTAMP, TIMESTAMP_LTZ between each other, the latter by the session's zone; fractions are cut
 *   text ⇄ bytes                         as UTF-8; bytes that are none become U+FFFD
 *   ARRAY, MAP, ROW                      element by element; to text as value_print shows them
 *
 * The cores return an enum cast_result and leave *out alone unless it is CAST_OK. They never allocate unless they take an
 * arena, and are thread-safe. */
#ifndef MILLRACE_TYPES_CAST_H
#define MILLRACE_TYPES_CAST_H

#include "types/decimal.h"
#include "types/number.h"
#include "types/time.h"
#include "types/value.h"

enum cast_result {
    CAST_OK,
    CAST_BAD_VALUE,    /* STATUS_INVALID_CAST: the text is no number, date, … */
    CAST_OUT_OF_RANGE, /* STATUS_OUT_OF_RANGE */
};

/* Is there a CAST between the types (nullability aside)? The binder refuses others. */
bool cast_allowed(const struct type *from, const struct type *to);
/* May the CAST fail for some value? */
bool cast_fallible(const struct type *from, const struct type *to);
/* The values of an integer type; INT64_MIN and INT64_MAX for BIGINT. */
void cast_int_range(enum type_id id, int64_t *min, int64_t *max);

/* Text to numbers. Integers also take "12.7" (giving 12), as Flink does. */
enum cast_result cast_str_to_i64(struct str text, int64_t min, int64_t max, int64_t *out);
enum cast_result cast_str_to_f64(struct str text, double *out);
enum cast_result cast_str_to_f32(struct str text, float *out);
enum cast_result cast_str_to_decimal(struct str text, int precision, int scale, int128 *out);
enum cast_result cast_str_to_bool(struct str text, bool *out); /* t true y yes 1 / f false n no 0, any case */

/* Numbers to numbers. FLOAT goes as double. */
enum cast_result cast_f64_to_i64(double d, int64_t min, int64_t max, int64_t *out);
enum cast_result cast_f64_to_decimal(double d, int precision, int scale, int128 *out);
enum cast_result cast_decimal_to_i64(int128 v, int scale, int64_t min, int64_t max, int64_t *out);
enum cast_result cast_decimal_to_decimal(int128 v, int from_scale, int precision, int scale, int128 *out);
static inline enum cast_result cast_i64_to_i64(int64_t v, int64_t min, int64_t max, int64_t *out) {
    if (v < min || v > max) return CAST_OUT_OF_RANGE;
    *out = v;
    return CAST_OK;
}

/* Times. Values are as in PHYS_I32 / PHYS_I64 of the types; `from` and `to` give kind and precision: DATE, TIME,
 * TIMESTAMP or TIMESTAMP_LTZ in any combination that cast_allowed knows. */
enum cast_result cast_time_to_time(const struct type *from, int64_t v, const struct type *to,
                                   const struct time_zone *zone, int64_t *out);
/* to: DATE, TIME, TIMESTAMP, TIMESTAMP_LTZ */
enum cast_result cast_str_to_time(struct str text, const struct type *to, const struct time_zone *zone, int64_t *out);
/* DATE, TIME, TIMESTAMPs, intervals. Returns the length. */
int cast_time_to_text(const struct type *from, int64_t v, const struct time_zone *zone, char out[TIME_MAX_TEXT]);

/* Any value as CAST(x AS STRING) shows it (not for NULL): TRUE, 1.5, 2024-01-05 10:11:12, [1, 2], … */
void cast_value_to_text(struct strbuf *buf, const struct value *value, const struct time_zone *zone);

/* The text cut (and for CHAR padded) to the type's length in code points, the bytes to its length in bytes. Borrows from
 * text where it can, else the result is in arena. */
struct str cast_fit_text(struct arena *arena, struct str text, const struct type *to);
struct str cast_fit_bytes(struct arena *arena, struct str bytes, const struct type *to);
/* Bytes as UTF-8 text, borrowed when they are valid. */
struct str cast_bytes_to_text(struct arena *arena, struct str bytes);

/* The error of a failed CAST: "cannot cast '12x' to INT", "1000 is out of range for TINYINT". value: as text. */
enum status cast_error(enum cast_result result, struct str value, const struct type *to, struct error *err);

#endif
