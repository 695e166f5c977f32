#include "cass/big.h"

#include <gmp.h>

#include "cass/bytes.h"
#include "types/decimal.h"

enum { BIG_LIMBS = CASS_MAX_BIG_BYTES / 4 + 1 };

/* Two's complement, most significant first. */
bool cass_big_to_i128(const uint8_t *p, int len, int128 *out) {
    uint8_t sign = p[0] & 0x80 ? 0xFF : 0;
    while (len > 16 && p[0] == sign && (p[1] & 0x80) == (sign & 0x80)) p++, len--;
    if (len > 16) return false;
    uint128 v = sign ? ~(uint128)0 : 0;
    for (int i = 0; i < len; i++) v = v << 8 | p[i];
    *out = (int128)v;
    return true;
}

void cass_put_big(struct strbuf *out, int128 v) {
    uint8_t b[16];
    for (int i = 0; i < 16; i++) b[i] = (uint8_t)((uint128)v >> (8 * (15 - i)));
    int skip = 0;
    uint8_t sign = v < 0 ? 0xFF : 0;
    while (skip < 15 && b[skip] == sign && (b[skip + 1] & 0x80) == (sign & 0x80)) skip++;
    strbuf_add(out, b + skip, (size_t)(16 - skip));
}

/* A magnitude of up to CASS_MAX_BIG_BYTES, least significant limb first. */
struct big {
    int count;
    uint32_t limbs[BIG_LIMBS];
};

static void big_trim(struct big *big) {
    while (big->count && big->limbs[big->count - 1] == 0) big->count--;
}

static bool big_load(struct big *big, const uint8_t *p, int len, bool *negative) {
    if (len > CASS_MAX_BIG_BYTES) return false;
    *negative = p[0] & 0x80;
    *big = (struct big){.count = (len + 3) / 4};
    uint32_t carry = *negative;
    for (int i = 0; i < len; i++) { /* from the least significant byte; negated on the way */
        uint32_t byte = p[len - 1 - i];
        if (*negative) {
            byte = (byte ^ 0xFF) + carry;
            carry = byte >> 8;
            byte &= 0xFF;
        }
        big->limbs[i / 4] |= byte << (8 * (i % 4));
    }
    big_trim(big); /* nothing is carried out: a negative number's first byte is not 0 */
    return true;
}

static uint32_t big_divide(struct big *big, uint32_t divisor) {
    uint64_t rest = 0;
    for (int i = big->count - 1; i >= 0; i--) {
        rest = rest << 32 | big->limbs[i];
        big->limbs[i] = (uint32_t)(rest / divisor);
        rest %= divisor;
    }
    big_trim(big);
    return (uint32_t)rest;
}

/* unscaled / 10^from_scale as a decimal, rounded half away from zero; for what 128 bits cannot do. */
static bool big_rescale(const uint8_t *p, int len, int64_t from_scale, int precision, int scale, int128 *out) {
    struct big big;
    bool negative;
    if (!big_load(&big, p, len, &negative)) return false;
    int64_t cut = from_scale - scale;
    if (cut > len * 3 + 3) { /* fewer than 2.41 digits a byte: below a half */
        *out = 0;
        return true;
    }
    uint32_t digit = 0;
    for (; cut > 0; cut--) digit = big_divide(&big, 10);
    if (big.count > 4) return false;
    uint128 v = 0;
    for (int i = big.count - 1; i >= 0; i--) v = v << 32 | big.limbs[i];
    uint128 limit = (uint128)decimal_pow10(precision);
    if (digit >= 5) v++;
    for (; cut < 0 && v; cut++) {
        if (v >= limit) return false;
        v *= 10;
    }
    if (v >= limit) return false;
    *out = negative ? -(int128)v : (int128)v;
    return true;
}

bool cass_big_to_decimal(const uint8_t *p, int len, int64_t from_scale, int precision, int scale, int128 *out) {
    int128 v;
    if (from_scale >= 0 && from_scale <= scale && cass_big_to_i128(p, len, &v)) /* no digit is lost */
        return decimal_rescale(v, (int)from_scale, precision, scale, out);
    return big_rescale(p, len, from_scale, precision, scale, out);
}

/* ---- Texts ---- */

static void load_number(mpz_t number, const uint8_t *p, int len) {
    mpz_import(number, (size_t)len, 1, 1, 1, 0, p);
    if (!(p[0] & 0x80)) return;
    mpz_t range;
    mpz_init(range);
    mpz_setbit(range, 8 * (mp_bitcnt_t)len);
    mpz_sub(number, number, range);
    mpz_clear(range);
}

bool cass_big_format(const uint8_t *p, int len, int32_t scale, struct strbuf *out) {
    if (len > CASS_MAX_BIG_BYTES) return false;
    char digits[CASS_MAX_BIG_DIGITS + 2];
    mpz_t number;
    mpz_init(number);
    load_number(number, p, len);
    if (mpz_sgn(number) < 0) strbuf_putc(out, '-');
    mpz_abs(number, number);
    mpz_get_str(digits, 10, number);
    mpz_clear(number);
    int64_t count = (int64_t)strlen(digits), exponent = count - 1 - scale;
    if (scale >= 0 && exponent >= -6) { /* as it is written */
        int64_t whole = count > scale ? count - scale : 0;
        if (!whole) strbuf_puts(out, "0.");
        for (int64_t zeros = scale - count; zeros > 0; zeros--) strbuf_putc(out, '0');
        strbuf_add(out, digits, (size_t)whole);
        if (whole && scale) strbuf_putc(out, '.');
        strbuf_puts(out, digits + whole);
    } else {
        strbuf_putc(out, digits[0]);
        if (count > 1) strbuf_putc(out, '.');
        strbuf_puts(out, digits + 1);
        if (exponent) strbuf_printf(out, "E%+lld", (long long)exponent);
    }
    return true;
}

static bool put_number(mpz_t number, struct strbuf *out) {
    bool negative = mpz_sgn(number) < 0;
    if (negative) mpz_add_ui(number, number, 1); /* -1 is no bits but the sign's */
    size_t size = mpz_sizeinbase(number, 2) / 8 + 1, used = 0;
    if (size > CASS_MAX_BIG_BYTES) return false;
    uint8_t bytes[CASS_MAX_BIG_BYTES] = {0};
    if (mpz_sgn(number)) {
        used = (mpz_sizeinbase(number, 2) + 7) / 8;
        mpz_export(bytes + size - used, NULL, 1, 1, 1, 0, number);
    } else {
        size = 1;
    }
    for (size_t i = 0; negative && i < size; i++) bytes[i] ^= 0xFF;
    strbuf_add(out, bytes, size);
    return true;
}

/* "E-5" from *pos on, if there is one. */
static bool parse_exponent(struct str text, size_t *pos, int64_t *out) {
    *out = 0;
    if (*pos >= text.len || (text.data[*pos] | 32) != 'e') return true;
    bool negative = ++*pos < text.len && text.data[*pos] == '-';
    if (*pos < text.len && (text.data[*pos] == '-' || text.data[*pos] == '+')) ++*pos;
    size_t start = *pos;
    for (; *pos < text.len && text.data[*pos] >= '0' && text.data[*pos] <= '9' && *out < INT32_MAX; ++*pos)
        *out = *out * 10 + (text.data[*pos] - '0');
    if (negative) *out = -*out;
    return *pos > start;
}

bool cass_big_parse(struct str text, bool decimal, struct strbuf *out) {
    char digits[CASS_MAX_BIG_DIGITS + 2];
    bool negative = text.len && text.data[0] == '-', point = false;
    size_t pos = text.len && (text.data[0] == '-' || text.data[0] == '+');
    int count = 0;
    int64_t scale = 0, exponent = 0;
    for (; pos < text.len; pos++) {
        char c = text.data[pos];
        if (c == '.' && decimal && !point) {
            point = true;
            continue;
        }
        if (c < '0' || c > '9') break;
        if (count > CASS_MAX_BIG_DIGITS) return false;
        digits[count++] = c;
        scale += point;
    }
    digits[count] = 0;
    if (!count || (decimal && !parse_exponent(text, &pos, &exponent)) || pos != text.len) return false;
    scale -= exponent;
    if (scale < INT32_MIN || scale > INT32_MAX) return false;
    if (decimal) cass_put_i32(out, (int32_t)scale);
    mpz_t number;
    mpz_init_set_str(number, digits, 10);
    if (negative) mpz_neg(number, number);
    bool good = put_number(number, out);
    mpz_clear(number);
    return good;
}
