#include "types/number.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

/* Powers of ten that doubles hold exactly. */
static const double pow10_exact[23] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                       1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static struct str trim(struct str text) {
    while (text.len && (unsigned char)text.data[0] <= ' ') text.data++, text.len--;
    while (text.len && (unsigned char)text.data[text.len - 1] <= ' ') text.len--;
    return text;
}

bool number_parse_int(struct str text, int64_t min, int64_t max, int64_t *out) {
    text = trim(text);
    const char *p = text.data, *end = p + text.len;
    bool negative = false;
    if (p < end && (*p == '-' || *p == '+')) negative = *p++ == '-';
    if (p == end) return false;
    const uint64_t limit = negative ? UINT64_C(1) << 63 : INT64_MAX;
    uint64_t value = 0;
    for (; p < end; p++) {
        unsigned digit = (unsigned char)*p - (unsigned)'0';
        if (digit > 9) return false;
        if (value > limit / 10) return false;
        value = value * 10 + digit;
        if (value > limit) return false;
    }
    int64_t result = negative ? (int64_t)(0 - value) : (int64_t)value;
    if (result < min || result > max) return false;
    *out = result;
    return true;
}

/* strtod knows the locale's decimal point; a program that embeds us may have set one. */
static locale_t c_locale;
static pthread_once_t c_locale_once = PTHREAD_ONCE_INIT;
static void make_c_locale(void) { c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0); }

/* A text already known to be a plain decimal number; gives it as double and as float, each rounded once. */
static void slow_parse(struct str text, double *d, float *f) {
    char buffer[128], *copy = text.len < sizeof buffer ? buffer : xmalloc(text.len + 1);
    memcpy(copy, text.data, text.len);
    copy[text.len] = 0;
    pthread_once(&c_locale_once, make_c_locale);
    if (d) *d = strtod_l(copy, NULL, c_locale);
    if (f) *f = strtof_l(copy, NULL, c_locale);
    if (copy != buffer) free(copy);
}

static bool parse_special(struct str text, double *out) {
    bool negative = false;
    if (text.len && (text.data[0] == '-' || text.data[0] == '+')) {
        negative = text.data[0] == '-';
        text.data++, text.len--;
    }
    if (str_equal_nocase(text, str_from("nan"))) {
        *out = NAN;
        return true;
    }
    if (!str_equal_nocase(text, str_from("infinity")) && !str_equal_nocase(text, str_from("inf"))) return false;
    *out = negative ? -INFINITY : INFINITY;
    return true;
}

bool number_parse_double(struct str text, double *out) {
    text = trim(text);
    const char *p = text.data, *end = p + text.len;
    bool negative = false;
    if (p < end && (*p == '-' || *p == '+')) negative = *p++ == '-';
    uint64_t mantissa = 0;
    int digits = 0;       /* significant ones in the mantissa */
    int64_t exponent = 0; /* of the mantissa's last digit */
    bool any = false, exact = true;
    for (bool fraction = false; p < end; p++) {
        if (*p == '.' && !fraction) {
            fraction = true;
            continue;
        }
        if (!is_digit(*p)) break;
        any = true;
        if (digits < 19) {
            mantissa = mantissa * 10 + (uint64_t)(*p - '0');
            digits += mantissa != 0;
            exponent -= fraction;
        } else {
            exact = exact && *p == '0';
            exponent += !fraction;
        }
    }
    if (!any) return parse_special(text, out);
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        bool negative_exponent = false;
        int64_t value = 0;
        if (p < end && (*p == '-' || *p == '+')) negative_exponent = *p++ == '-';
        if (p == end) return false;
        for (; p < end && is_digit(*p); p++)
            if (value < 100000000) value = value * 10 + (*p - '0');
        exponent += negative_exponent ? -value : value;
    }
    if (p != end) return false;
    /* Clinger's fast path: both numbers are exact doubles, so that one operation rounds once. */
    if (exact && mantissa <= UINT64_C(1) << 53 && exponent >= -22 && exponent <= 22) {
        double d = (double)mantissa;
        d = exponent < 0 ? d / pow10_exact[-exponent] : d * pow10_exact[exponent];
        *out = negative ? -d : d;
        return true;
    }
    slow_parse(text, out, NULL);
    return true;
}

bool number_parse_float(struct str text, float *out) {
    double d;
    if (!number_parse_double(text, &d)) return false;
    uint64_t bits;
    memcpy(&bits, &d, 8);
    /* The double decides, unless it lies in the middle of two floats: the text may have been a little off it. Where floats
     * are subnormal the middle is elsewhere. */
    bool middle = (bits & 0x1FFFFFFF) == 0x10000000;
    if (isfinite(d) && d != 0 && (middle || fabs(d) < (double)FLT_MIN * 2)) {
        slow_parse(trim(text), NULL, out);
    } else {
        *out = (float)d;
    }
    return true;
}

/* ---- Formatting. ---- */

/* Decimal digits d[0] . d[1] d[2] … * 10^exponent, no trailing zeros but for the first digit. */
struct digits {
    char text[20];
    int count, exponent;
};

static void set_digits(struct digits *out, uint64_t value, int last_exponent) {
    char reversed[20];
    int count = 0;
    for (; value; value /= 10) reversed[count++] = (char)('0' + value % 10);
    out->count = count;
    out->exponent = last_exponent + count - 1;
    for (int i = 0; i < count; i++) out->text[i] = reversed[count - 1 - i];
    while (out->count > 1 && out->text[out->count - 1] == '0') out->count--;
}

/* Numbers like 12.34: the smallest k for which d is the double (float) nearest to an integer / 10^k. Up to 15 (6) digits
 * there is at most one such decimal for each double (float), so that it is the shortest and the closest. The division
 * rounds once; for floats it rounds a second time, but an integer / 10^11 can be no nearer to the middle between two
 * floats than 2^-51, so that the first rounding does not matter. */
static bool short_digits(double d, bool is_float, struct digits *out) {
    const double limit = is_float ? 1e6 : 1e15;
    if (!(d >= 1e-5 && d < limit)) return false;
    for (int k = 0; k <= 11 || (!is_float && k <= 19); k++) {
        double scaled = d * pow10_exact[k];
        if (scaled >= limit) return false;
        double whole = nearbyint(scaled), back = whole / pow10_exact[k];
        if (whole > 0 && (is_float ? (float)back == (float)d : back == d)) {
            set_digits(out, (uint64_t)whole, -k);
            return true;
        }
    }
    return false;
}

/* The `precision` digits nearest to d, by printf (whose decimal point may be any bytes). */
static void print_digits(double d, int precision, struct digits *out) {
    char text[64];
    snprintf(text, sizeof text, "%.*e", precision - 1, d);
    out->count = 0;
    const char *p = text;
    for (; *p != 'e'; p++)
        if (is_digit(*p)) out->text[out->count++] = *p;
    out->exponent = atoi(p + 1);
    while (out->count > 1 && out->text[out->count - 1] == '0') out->count--;
}

/* The next larger number of `precision` digits. */
static void next_digits(struct digits *out, int precision) {
    while (out->count < precision) out->text[out->count++] = '0';
    int i = precision - 1;
    while (i >= 0 && out->text[i] == '9') out->text[i--] = '0';
    if (i >= 0) {
        out->text[i]++;
    } else {
        out->text[0] = '1';
        out->exponent++;
    }
    while (out->count > 1 && out->text[out->count - 1] == '0') out->count--;
}

static bool reads_as(const struct digits *digits, double d, bool is_float) {
    char text[40];
    snprintf(text, sizeof text, "%.*se%d", digits->count, digits->text, digits->exponent - digits->count + 1);
    pthread_once(&c_locale_once, make_c_locale);
    return is_float ? strtof_l(text, NULL, c_locale) == (float)d : strtod_l(text, NULL, c_locale) == d;
}

/* Shortest digits, at least two wanted (Java compares candidates of two digits when one would do). Numbers of `safe` digits
 * are always told apart; subnormals may need fewer. */
static void shortest_digits(double d, bool is_float, struct digits *out) {
    const int safe = is_float ? FLT_DIG : DBL_DIG, last = is_float ? 9 : 17;
    const bool subnormal = d < (is_float ? (double)FLT_MIN : DBL_MIN);
    int exponent;
    const bool power_of_two = frexp(d, &exponent) == 0.5;
    for (int precision = subnormal ? 2 : safe; precision < last; precision++) {
        print_digits(d, precision, out);
        if (reads_as(out, d, is_float)) return;
        /* Below a power of two doubles are twice as dense: the nearest decimal may read as the one below, while the next
         * one above still reads as d. */
        if (power_of_two) {
            next_digits(out, precision);
            if (reads_as(out, d, is_float)) return;
        }
    }
    print_digits(d, last, out);
}

/* Java's layout: plain from 10^-3 up to 10^7, else one digit before the point and E. */
static int lay_out(const struct digits *digits, bool negative, char *out) {
    char *p = out;
    const char *text = digits->text;
    const int count = digits->count, exponent = digits->exponent;
    if (negative) *p++ = '-';
    if (exponent >= -3 && exponent < 7) {
        if (exponent < 0) {
            *p++ = '0';
            *p++ = '.';
            for (int i = -1; i > exponent; i--) *p++ = '0';
            for (int i = 0; i < count; i++) *p++ = text[i];
        } else {
            for (int i = 0; i <= exponent; i++) *p++ = i < count ? text[i] : '0';
            *p++ = '.';
            if (count <= exponent + 1) *p++ = '0';
            for (int i = exponent + 1; i < count; i++) *p++ = text[i];
        }
    } else {
        *p++ = text[0];
        *p++ = '.';
        if (count == 1) *p++ = '0';
        for (int i = 1; i < count; i++) *p++ = text[i];
        *p++ = 'E';
        p += number_format_int(exponent, p);
    }
    *p = 0;
    return (int)(p - out);
}

/* NaN, infinities and zeros; 0 for others. */
static int format_special(double d, char *out) {
    const char *text = NULL;
    if (isnan(d))
        text = "NaN";
    else if (isinf(d))
        text = d < 0 ? "-Infinity" : "Infinity";
    else if (d == 0)
        text = signbit(d) ? "-0.0" : "0.0";
    if (!text) return 0;
    strcpy(out, text);
    return (int)strlen(text);
}

int number_format_double(double d, char out[NUMBER_MAX_TEXT]) {
    int len = format_special(d, out);
    if (len) return len;
    struct digits digits;
    if (!short_digits(fabs(d), false, &digits)) shortest_digits(fabs(d), false, &digits);
    return lay_out(&digits, d < 0, out);
}

int number_format_float(float f, char out[NUMBER_MAX_TEXT]) {
    int len = format_special((double)f, out);
    if (len) return len;
    struct digits digits;
    double d = fabs((double)f);
    if (!short_digits(d, true, &digits)) shortest_digits(d, true, &digits);
    return lay_out(&digits, f < 0, out);
}

int number_format_int(int64_t i, char out[NUMBER_MAX_TEXT]) {
    static const char pairs[] =
        "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445"
        "46474849505152535455565758596061626364656667686970717273747576777879808182838485868788899091"
        "9293949596979899";
    char reversed[20];
    char *p = reversed + sizeof reversed;
    uint64_t value = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;
    for (; value >= 100; value /= 100) {
        p -= 2;
        memcpy(p, pairs + value % 100 * 2, 2);
    }
    if (value >= 10) {
        p -= 2;
        memcpy(p, pairs + value * 2, 2);
    } else {
        *--p = (char)('0' + value);
    }
    int len = (int)(reversed + sizeof reversed - p);
    if (i < 0) *out++ = '-';
    memcpy(out, p, (size_t)len);
    out[len] = 0;
    return len + (i < 0);
}
