/* Whole numbers of any size: CQL's varint, and the unscaled value of a decimal. Two's complement, most significant byte first,
 * as java.math.BigInteger has it. Numbers of up to CASS_MAX_BIG_BYTES; larger ones are refused. */
#ifndef MILLRACE_CASS_BIG_H
#define MILLRACE_CASS_BIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "types/type.h"

enum { CASS_MAX_BIG_BYTES = 1024, CASS_MAX_BIG_DIGITS = 2466 /* of 1024 bytes */ };

/* len >= 1 in all of them. false: the number does not fit. */
bool cass_big_to_i128(const uint8_t *p, int len, int128 *out);
/* The number / 10^from_scale as a decimal, rounded half away from zero. */
bool cass_big_to_decimal(const uint8_t *p, int len, int64_t from_scale, int precision, int scale, int128 *out);
/* Appends the number / 10^scale as java.math.BigDecimal shows it: "-12.50", "1E+3", "1.5E-10". */
bool cass_big_format(const uint8_t *p, int len, int32_t scale, struct strbuf *out);

/* Appends the shortest bytes. */
void cass_put_big(struct strbuf *out, int128 v);
/* "-12", with `decimal` also "-12.50" and "1.5E+3": appends the bytes of the varint or decimal. false for other texts. */
bool cass_big_parse(struct str text, bool decimal, struct strbuf *out);

#endif
