#include "types/time.h"

#include <assert.h>

static int64_t floor_div(int64_t a, int64_t b) {
    int64_t quotient = a / b;
    return quotient - (a % b < 0);
}

static int64_t floor_mod(int64_t a, int64_t b) {
    int64_t rest = a % b;
    return rest < 0 ? rest + b : rest;
}

/* ---- Units. ---- */

static const struct {
    const char *name, *plural;
    int64_t micros; /* of units of fixed length; 0 for others */
    int months;     /* of units of whole months; 0 for others */
} units[UNIT_COUNT] = {
    [UNIT_NANOSECOND] = {"NANOSECOND", "NANOSECONDS", 0, 0},
    [UNIT_MICROSECOND] = {"MICROSECOND", "MICROSECONDS", 1, 0},
    [UNIT_MILLISECOND] = {"MILLISECOND", "MILLISECONDS", MICROS_PER_MILLI, 0},
    [UNIT_SECOND] = {"SECOND", "SECONDS", MICROS_PER_SECOND, 0},
    [UNIT_MINUTE] = {"MINUTE", "MINUTES", 60 * MICROS_PER_SECOND, 0},
    [UNIT_HOUR] = {"HOUR", "HOURS", 3600 * MICROS_PER_SECOND, 0},
    [UNIT_DAY] = {"DAY", "DAYS", MICROS_PER_DAY, 0},
    [UNIT_WEEK] = {"WEEK", "WEEKS", 7 * MICROS_PER_DAY, 0},
    [UNIT_MONTH] = {"MONTH", "MONTHS", 0, 1},
    [UNIT_QUARTER] = {"QUARTER", "QUARTERS", 0, 3},
    [UNIT_YEAR] = {"YEAR", "YEARS", 0, 12},
    [UNIT_DECADE] = {"DECADE", "DECADES", 0, 120},
    [UNIT_CENTURY] = {"CENTURY", "CENTURIES", 0, 1200},
    [UNIT_MILLENNIUM] = {"MILLENNIUM", "MILLENNIUMS", 0, 12000},
    [UNIT_EPOCH] = {"EPOCH", "EPOCH", 0, 0},
    [UNIT_DOW] = {"DOW", "DOW", 0, 0},
    [UNIT_ISODOW] = {"ISODOW", "ISODOW", 0, 0},
    [UNIT_DOY] = {"DOY", "DOY", 0, 0},
    [UNIT_ISOYEAR] = {"ISOYEAR", "ISOYEAR", 0, 0},
};

bool time_unit_parse(struct str name, enum time_unit *out) {
    for (int i = 0; i < UNIT_COUNT; i++)
        if (str_equal_nocase(name, str_from(units[i].name)) || str_equal_nocase(name, str_from(units[i].plural))) {
            *out = (enum time_unit)i;
            return true;
        }
    return false;
}

const char *time_unit_name(enum time_unit unit) { return units[unit].name; }

/* ---- The calendar. Years start in March here, so that the leap day is the last; eras have 400 years, 146,097 days. After
 * Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms". ---- */

static void civil_of(int64_t days, int32_t *year, int32_t *month, int32_t *day) {
    int64_t shifted = days + 719468; /* since 0000-03-01 */
    int64_t era = floor_div(shifted, 146097);
    uint32_t of_era = (uint32_t)(shifted - era * 146097);
    uint32_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    uint32_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint32_t m = (5 * of_year + 2) / 153;
    *day = (int32_t)(of_year - (153 * m + 2) / 5 + 1);
    *month = (int32_t)(m < 10 ? m + 3 : m - 9);
    *year = (int32_t)(era * 400 + year_of_era + (*month <= 2));
}

static int64_t days_of(int64_t year, int32_t month, int32_t day) {
    year -= month <= 2;
    int64_t era = floor_div(year, 400);
    uint32_t year_of_era = (uint32_t)(year - era * 400);
    uint32_t of_year = (153 * (uint32_t)(month > 2 ? month - 3 : month + 9) + 2) / 5 + (uint32_t)day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year - 719468;
}

static bool is_leap(int64_t year) { return (year & 3) == 0 && (year % 100 != 0 || year % 400 == 0); }

static int32_t month_days(int64_t year, int32_t month) {
    static const uint8_t days[13] = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && is_leap(year) ? 29 : days[month];
}

void date_to_civil(int32_t days, int32_t *year, int32_t *month, int32_t *day) { civil_of(days, year, month, day); }

bool date_from_civil(int32_t year, int32_t month, int32_t day, int32_t *days) {
    if (month < 1 || month > 12 || day < 1 || day > month_days(year, month)) return false;
    int64_t result = days_of(year, month, day);
    if (result < INT32_MIN || result > INT32_MAX) return false;
    *days = (int32_t)result;
    return true;
}

/* ---- Parsing. ---- */

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static struct str trim(struct str text) {
    while (text.len && (unsigned char)text.data[0] <= ' ') text.data++, text.len--;
    while (text.len && (unsigned char)text.data[text.len - 1] <= ' ') text.len--;
    return text;
}

/* Reads min … max digits. */
static bool read_number(const char **p, const char *end, int min, int max, int32_t *out) {
    int32_t value = 0;
    int count = 0;
    for (; *p < end && count < max && is_digit(**p); ++*p, count++) value = value * 10 + (**p - '0');
    if (count < min || (*p < end && is_digit(**p))) return false;
    *out = value;
    return true;
}

static bool read_char(const char **p, const char *end, char c) {
    if (*p == end || **p != c) return false;
    ++*p;
    return true;
}

/* "2024", "+12024", "-0044": a sign as put_date writes it. */
static bool read_year(const char **p, const char *end, int32_t *year) {
    if (read_char(p, end, '+')) return read_number(p, end, 5, 7, year) && *year > 9999;
    bool negative = read_char(p, end, '-');
    if (!read_number(p, end, 4, negative ? 7 : 4, year) || *year < 1) return false;
    if (negative) *year = -*year;
    return true;
}

/* "2024-01-05", "2024-1-5", "2024-1", "2024" */
static bool read_date(const char **p, const char *end, int32_t *days) {
    int32_t year, month = 1, day = 1;
    if (!read_year(p, end, &year)) return false;
    if (read_char(p, end, '-')) {
        if (!read_number(p, end, 1, 2, &month)) return false;
        if (read_char(p, end, '-') && !read_number(p, end, 1, 2, &day)) return false;
    }
    return date_from_civil(year, month, day, days);
}

/* "10:11:12.123", "1:2", "10" */
static bool read_time(const char **p, const char *end, int64_t *nanos_of_day) {
    int32_t hour, minute = 0, second = 0, fraction = 0;
    if (!read_number(p, end, 1, 2, &hour)) return false;
    if (read_char(p, end, ':')) {
        if (!read_number(p, end, 1, 2, &minute)) return false;
        if (read_char(p, end, ':')) {
            if (!read_number(p, end, 1, 2, &second)) return false;
            if (read_char(p, end, '.')) {
                if (*p == end || !is_digit(**p)) return false;
                int32_t unit = 100000000;
                for (; *p < end && is_digit(**p); ++*p, unit /= 10) fraction += unit * (**p - '0');
            }
        }
    }
    if (hour > 23 || minute > 59 || second > 59) return false;
    *nanos_of_day = ((int64_t)hour * 3600 + minute * 60 + second) * NANOS_PER_SECOND + fraction;
    return true;
}

/* "Z", "UTC", "+01", "+1:30", "-0800", "+01:02:03" up to 18 hours, after java.time.ZoneOffset. */
static bool read_offset(const char **p, const char *end, int32_t *seconds) {
    if (read_char(p, end, 'Z') || read_char(p, end, 'z')) {
        *seconds = 0;
        return true;
    }
    if (end - *p >= 3 && str_equal_nocase((struct str){*p, 3}, str_from("UTC"))) {
        *p += 3;
        *seconds = 0;
        return true;
    }
    int32_t hours, minutes = 0, rest = 0;
    if (*p == end || (**p != '+' && **p != '-')) return false;
    int32_t sign = *(*p)++ == '-' ? -1 : 1;
    if (end - *p == 4 && is_digit((*p)[2])) {
        const char *half = *p + 2;
        if (!read_number(p, half, 2, 2, &hours) || !read_number(p, end, 2, 2, &minutes)) return false;
    } else {
        if (!read_number(p, end, 1, 2, &hours)) return false;
        if (read_char(p, end, ':')) {
            if (!read_number(p, end, 2, 2, &minutes)) return false;
            if (read_char(p, end, ':') && !read_number(p, end, 2, 2, &rest)) return false;
        }
    }
    int32_t total = hours * 3600 + minutes * 60 + rest;
    if (minutes > 59 || rest > 59 || total > 18 * 3600) return false;
    *seconds = sign * total;
    return true;
}

bool time_zone_offset_parse(struct str text, int32_t *seconds) {
    const char *p = text.data, *end = p + text.len;
    return read_offset(&p, end, seconds) && p == end;
}

bool date_parse(struct str text, int32_t *days) {
    text = trim(text);
    const char *p = text.data, *end = p + text.len;
    int32_t date;
    if (!read_date(&p, end, &date)) return false;
    if (p < end) { /* a timestamp's date */
        int64_t time;
        if (*p != ' ' && *p != 'T') return false;
        for (p++; p < end && *p == ' '; p++) {
        }
        if (!read_time(&p, end, &time) || p != end) return false;
    }
    *days = date;
    return true;
}

bool time_parse(struct str text, int64_t *nanos_of_day) {
    text = trim(text);
    const char *p = text.data, *end = p + text.len;
    int64_t time;
    if (!read_time(&p, end, &time) || p != end) return false;
    *nanos_of_day = time;
    return true;
}

static const int32_t fraction_unit[10] = {1000000000, 100000000, 10000000, 1000000, 100000, 10000, 1000, 100, 10, 1};

/* Seconds and ns as a TIMESTAMP of the precision; further digits are cut. */
static bool compose(int64_t seconds, int32_t nanos, int precision, int64_t *out) {
    nanos -= nanos % fraction_unit[precision];
    int64_t per_second = precision > TYPE_MICROS_PRECISION ? NANOS_PER_SECOND : MICROS_PER_SECOND, value;
    if (precision <= TYPE_MICROS_PRECISION) nanos /= 1000;
    if (seconds < 0 && nanos) { /* so that the lowest values do not overflow on the way */
        seconds++;
        nanos -= (int32_t)per_second;
    }
    if (__builtin_mul_overflow(seconds, per_second, &value) || __builtin_add_overflow(value, nanos, &value))
        return false;
    *out = value;
    return true;
}

static int32_t two_digits(const char *p) { return (p[0] - '0') * 10 + (p[1] - '0'); }

/* "YYYY-MM-DD HH:MM:SS[.f…]" with nothing else around: what machines write. Anything else is left to the slow path. */
static bool parse_fixed(struct str text, int64_t *seconds, int32_t *nanos) {
    const char *p = text.data;
    if (text.len < 19 || text.len > 29 || p[4] != '-' || p[7] != '-' || (p[10] != ' ' && p[10] != 'T') ||
        p[13] != ':' || p[16] != ':')
        return false;
    static const uint8_t places[] = {0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18};
    bool digits = true;
    for (size_t i = 0; i < sizeof places; i++) digits &= (unsigned char)(p[places[i]] - '0') <= 9;
    if (!digits) return false;
    int32_t fraction = 0;
    if (text.len > 19) {
        if (p[19] != '.' || text.len == 20) return false;
        for (size_t i = 20; i < text.len; i++) {
            if (!is_digit(p[i])) return false;
            fraction += fraction_unit[i - 19] * (p[i] - '0');
        }
    }
    int32_t year = two_digits(p) * 100 + two_digits(p + 2), month = two_digits(p + 5), day = two_digits(p + 8);
    int32_t hour = two_digits(p + 11), minute = two_digits(p + 14), second = two_digits(p + 17);
    if (year < 1 || month < 1 || month > 12 || day < 1 || day > month_days(year, month) || hour > 23 || minute > 59 ||
        second > 59)
        return false;
    *seconds = days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
    *nanos = fraction;
    return true;
}

bool timestamp_parse(struct str text, int precision, const struct time_zone *zone, int64_t *out) {
    int64_t seconds;
    int32_t nanos, offset = 0;
    bool has_offset = false;
    if (!parse_fixed(text, &seconds, &nanos)) {
        text = trim(text);
        const char *p = text.data, *end = p + text.len;
        int32_t days;
        int64_t time = 0;
        if (!read_date(&p, end, &days)) return false;
        if (p < end) {
            if (*p != ' ' && *p != 'T') return false;
            for (p++; p < end && *p == ' '; p++) {
            }
            if (!read_time(&p, end, &time)) return false;
            while (p < end && *p == ' ') p++;
            if (p < end) {
                if (!read_offset(&p, end, &offset) || p != end) return false;
                has_offset = true;
            }
        }
        seconds = (int64_t)days * 86400 + time / NANOS_PER_SECOND;
        nanos = (int32_t)(time % NANOS_PER_SECOND);
    }
    if (has_offset) {
        seconds -= offset;
    } else if (zone) {
        int64_t micros;
        if (__builtin_mul_overflow(seconds, MICROS_PER_SECOND, &micros)) return false;
        seconds = time_zone_to_utc(zone, micros) / MICROS_PER_SECOND;
    }
    return compose(seconds, nanos, precision, out);
}

/* ---- Formatting. ---- */

static char *put_two(char *p, int32_t value) {
    static const char pairs[] =
        "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445"
        "46474849505152535455565758596061626364656667686970717273747576777879808182838485868788899091"
        "9293949596979899";
    memcpy(p, pairs + value * 2, 2);
    return p + 2;
}

/* `digits` digits with leading zeros. */
static char *put_digits(char *p, int64_t value, int digits) {
    for (int i = digits - 1; i >= 0; i--, value /= 10) p[i] = (char)('0' + value % 10);
    return p + digits;
}

static char *put_number(char *p, int64_t value, int min_digits) {
    int digits = 1;
    for (int64_t rest = value; rest >= 10; rest /= 10) digits++;
    return put_digits(p, value, digits < min_digits ? min_digits : digits);
}

static char *put_date(char *p, int64_t days) {
    int32_t year, month, day;
    civil_of(days, &year, &month, &day);
    if (year >= 0 && year <= 9999) {
        p = put_two(p, year / 100);
        p = put_two(p, year % 100);
    } else { /* java.time writes such years with a sign */
        *p++ = year < 0 ? '-' : '+';
        p = put_number(p, year < 0 ? -(int64_t)year : year, 4);
    }
    *p++ = '-';
    p = put_two(p, month);
    *p++ = '-';
    return put_two(p, day);
}

static char *put_time(char *p, int32_t seconds, int32_t nanos, int precision) {
    p = put_two(p, seconds / 3600);
    *p++ = ':';
    p = put_two(p, seconds / 60 % 60);
    *p++ = ':';
    p = put_two(p, seconds % 60);
    if (precision > 0) {
        *p++ = '.';
        p = put_digits(p, nanos / fraction_unit[precision], precision);
    }
    return p;
}

static int finish(char *out, char *p) {
    *p = 0;
    return (int)(p - out);
}

int date_format(int32_t days, char out[TIME_MAX_TEXT]) { return finish(out, put_date(out, days)); }

int time_format(int64_t nanos_of_day, int precision, char out[TIME_MAX_TEXT]) {
    /* Any int64 gives some text; what is no time of day wraps around. */
    nanos_of_day = floor_mod(nanos_of_day, NANOS_PER_DAY);
    return finish(out, put_time(out, (int32_t)(nanos_of_day / NANOS_PER_SECOND),
                                (int32_t)(nanos_of_day % NANOS_PER_SECOND), precision));
}

int timestamp_format(int64_t value, int precision, char out[TIME_MAX_TEXT]) {
    int64_t per_second = precision > TYPE_MICROS_PRECISION ? NANOS_PER_SECOND : MICROS_PER_SECOND;
    int64_t seconds = floor_div(value, per_second), days = floor_div(seconds, 86400);
    int32_t fraction = (int32_t)floor_mod(value, per_second);
    if (precision <= TYPE_MICROS_PRECISION) fraction *= 1000;
    char *p = put_date(out, days);
    *p++ = ' ';
    return finish(out, put_time(p, (int32_t)(seconds - days * 86400), fraction, precision));
}

int interval_format(const struct type *type, int64_t value, char out[TIME_MAX_TEXT]) {
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    char *p = out;
    *p++ = value < 0 ? '-' : '+';
    if (type->id == TYPE_INTERVAL_YEAR_MONTH) {
        p = put_number(p, (int64_t)(magnitude / 12), 1);
        *p++ = '-';
        return finish(out, put_two(p, (int32_t)(magnitude % 12)));
    }
    uint64_t rest = magnitude % (uint64_t)MILLIS_PER_DAY;
    p = put_number(p, (int64_t)(magnitude / (uint64_t)MILLIS_PER_DAY), 1);
    *p++ = ' ';
    return finish(out, put_time(p, (int32_t)(rest / 1000), (int32_t)(rest % 1000) * 1000000, 3));
}

/* ---- Intervals. ---- */

/* Adds number * factor. */
static bool accumulate(int64_t *sum, int64_t number, int64_t factor) {
    int64_t product;
    return !__builtin_mul_overflow(number, factor, &product) && !__builtin_add_overflow(*sum, product, sum);
}

static bool read_int64(const char **p, const char *end, int64_t *out) {
    int64_t value = 0;
    const char *start = *p;
    for (; *p < end && is_digit(**p); ++*p)
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, **p - '0', &value)) return false;
    *out = value;
    return *p > start;
}

/* ".5" as 500 ms; nothing is 0. */
static bool read_millis(const char **p, const char *end, int64_t *millis) {
    *millis = 0;
    if (!read_char(p, end, '.')) return true;
    if (*p == end || !is_digit(**p)) return false;
    int64_t unit = 100;
    for (; *p < end && is_digit(**p); ++*p, unit /= 10) *millis += unit * (**p - '0');
    return true;
}

bool interval_parse(struct str text, enum time_unit first, enum time_unit last, int64_t *out) {
    text = trim(text);
    const char *p = text.data, *end = p + text.len;
    bool negative = false;
    if (p < end && (*p == '-' || *p == '+')) negative = *p++ == '-';
    while (p < end && *p == ' ') p++;
    int64_t number, sum = 0, millis = 0;
    if (!read_int64(&p, end, &number)) return false;
    if (units[first].months) {
        if (!accumulate(&sum, number, units[first].months)) return false;
        if (first != last) {
            int32_t months;
            if (first != UNIT_YEAR || last != UNIT_MONTH) return false;
            if (!read_char(&p, end, '-') || !read_number(&p, end, 1, 2, &months) || months > 11) return false;
            if (!accumulate(&sum, months, 1)) return false;
        }
        if (p != end || sum > INT32_MAX) return false;
        *out = negative ? -sum : sum;
        return true;
    }
    if (first < UNIT_MILLISECOND || first > UNIT_WEEK || last > first) return false;
    if (!accumulate(&sum, number, units[first].micros / MICROS_PER_MILLI)) return false;
    /* The fields behind the first: DAY, HOUR, MINUTE, SECOND are neighbours in the enum, in falling order. */
    if (first != last && (first > UNIT_DAY || last < UNIT_SECOND)) return false;
    for (enum time_unit unit = first; unit > last; unit--) {
        int32_t field;
        if (!read_char(&p, end, unit == UNIT_DAY ? ' ' : ':')) return false;
        while (unit == UNIT_DAY && p < end && *p == ' ') p++;
        if (!read_number(&p, end, 1, 2, &field) || field > (unit == UNIT_DAY ? 23 : 59)) return false;
        if (!accumulate(&sum, field, units[unit - 1].micros / MICROS_PER_MILLI)) return false;
    }
    if (last == UNIT_SECOND && !read_millis(&p, end, &millis)) return false;
    if (p != end || !accumulate(&sum, millis, 1)) return false;
    *out = negative ? -sum : sum;
    return true;
}

/* ---- Calendar arithmetic. ---- */

bool timestamp_rescale(int64_t value, int from_precision, int to_precision, int64_t *out) {
    const bool from_nanos = from_precision > TYPE_MICROS_PRECISION, to_nanos = to_precision > TYPE_MICROS_PRECISION;
    if (from_nanos && !to_nanos) value = floor_div(value, 1000);
    if (!from_nanos && to_nanos && __builtin_mul_overflow(value, 1000, &value)) return false;
    if (to_precision < from_precision) {
        int64_t unit = fraction_unit[to_precision];
        if (!to_nanos) unit /= 1000;
        if (unit > 1) {
            int64_t rest = floor_mod(value, unit);
            if (__builtin_sub_overflow(value, rest, &value)) return false;
        }
    }
    *out = value;
    return true;
}

/* ISO 8601 weeks: Thursday decides the year. */
static void iso_week(int64_t days, int32_t *iso_year, int32_t *week) {
    int64_t thursday = days - floor_mod(days + 3, 7) + 3; /* 1970-01-01 was one */
    int32_t month, day;
    civil_of(thursday, iso_year, &month, &day);
    *week = (int32_t)((thursday - days_of(*iso_year, 1, 1)) / 7 + 1);
}

int64_t timestamp_extract(int64_t micros, enum time_unit unit) {
    int64_t days = floor_div(micros, MICROS_PER_DAY), of_day = floor_mod(micros, MICROS_PER_DAY);
    int32_t year, month, day, iso_year, week;
    switch (unit) {
    case UNIT_NANOSECOND: return of_day % MICROS_PER_SECOND * 1000;
    case UNIT_MICROSECOND: return of_day % MICROS_PER_SECOND;
    case UNIT_MILLISECOND: return of_day % MICROS_PER_SECOND / MICROS_PER_MILLI;
    case UNIT_SECOND: return of_day / MICROS_PER_SECOND % 60;
    case UNIT_MINUTE: return of_day / (60 * MICROS_PER_SECOND) % 60;
    case UNIT_HOUR: return of_day / (3600 * MICROS_PER_SECOND);
    case UNIT_EPOCH: return floor_div(micros, MICROS_PER_SECOND);
    case UNIT_DOW: return floor_mod(days + 4, 7) + 1;
    case UNIT_ISODOW: return floor_mod(days + 3, 7) + 1;
    case UNIT_WEEK: iso_week(days, &iso_year, &week); return week;
    case UNIT_ISOYEAR: iso_week(days, &iso_year, &week); return iso_year;
    default: break;
    }
    civil_of(days, &year, &month, &day);
    switch (unit) {
    case UNIT_DAY: return day;
    case UNIT_DOY: return days - days_of(year, 1, 1) + 1;
    case UNIT_MONTH: return month;
    case UNIT_QUARTER: return (month + 2) / 3;
    case UNIT_DECADE: return floor_div(year, 10);
    /* The first century is the years 1 to 100; there is no century 0. */
    case UNIT_CENTURY: return year > 0 ? (year + 99) / 100 : -((99 - (int64_t)year) / 100);
    case UNIT_MILLENNIUM: return year > 0 ? (year + 999) / 1000 : -((999 - (int64_t)year) / 1000);
    default: return year;
    }
}

bool timestamp_add_months(int64_t micros, int64_t months, int64_t *out) {
    int64_t days = floor_div(micros, MICROS_PER_DAY), total, result;
    int32_t year, month, day;
    civil_of(days, &year, &month, &day);
    if (__builtin_add_overflow((int64_t)year * 12 + month - 1, months, &total)) return false;
    int64_t to_year = floor_div(total, 12);
    if (to_year < -300000 || to_year > 300000) return false; /* beyond 64 bits of µs */
    int32_t to_month = (int32_t)floor_mod(total, 12) + 1, last = month_days(to_year, to_month);
    int64_t to_days = days_of(to_year, to_month, day < last ? day : last);
    if (__builtin_mul_overflow(to_days - days, MICROS_PER_DAY, &result) ||
        __builtin_add_overflow(result, micros, &result))
        return false;
    *out = result;
    return true;
}

/* The first day of the unit that the day lies in; unit is DAY or longer. */
static int64_t floor_days(int64_t days, enum time_unit unit) {
    int32_t year, month, day;
    if (unit == UNIT_DAY) return days;
    if (unit == UNIT_WEEK) return days - floor_mod(days + 4, 7);
    civil_of(days, &year, &month, &day);
    switch (unit) {
    case UNIT_MONTH: return days - day + 1;
    case UNIT_QUARTER: return days_of(year, (month - 1) / 3 * 3 + 1, 1);
    case UNIT_DECADE: return days_of(floor_div(year, 10) * 10, 1, 1);
    case UNIT_CENTURY: return days_of(floor_div((int64_t)year - 1, 100) * 100 + 1, 1, 1);
    case UNIT_MILLENNIUM: return days_of(floor_div((int64_t)year - 1, 1000) * 1000 + 1, 1, 1);
    default: return days_of(year, 1, 1);
    }
}

int64_t timestamp_floor(int64_t micros, enum time_unit unit) {
    assert(unit <= UNIT_MILLENNIUM);
    int64_t floored;
    if (unit <= UNIT_MICROSECOND) return micros;
    if (unit < UNIT_DAY) {
        /* Only below the first whole unit of the range is there nothing to round down to. */
        return __builtin_sub_overflow(micros, floor_mod(micros, units[unit].micros), &floored) ? INT64_MIN : floored;
    }
    int64_t days = floor_days(floor_div(micros, MICROS_PER_DAY), unit);
    return __builtin_mul_overflow(days, MICROS_PER_DAY, &floored) ? INT64_MIN : floored;
}

bool timestamp_ceil(int64_t micros, enum time_unit unit, int64_t *out) {
    int64_t floored = timestamp_floor(micros, unit);
    if (floored == micros) {
        *out = micros;
        return true;
    }
    if (units[unit].months) return timestamp_add_months(floored, units[unit].months, out);
    return !__builtin_add_overflow(floored, units[unit].micros, out);
}

/* Whole months from the earlier to the later time: the most that can be added without passing it. */
static int64_t months_between(int64_t early, int64_t late) {
    int32_t year1, month1, day1, year2, month2, day2;
    civil_of(floor_div(early, MICROS_PER_DAY), &year1, &month1, &day1);
    civil_of(floor_div(late, MICROS_PER_DAY), &year2, &month2, &day2);
    int64_t months = ((int64_t)year2 - year1) * 12 + month2 - month1, moved;
    if (!timestamp_add_months(early, months, &moved) || moved > late) months--;
    return months;
}

int64_t timestamp_diff(int64_t from_micros, int64_t to_micros, enum time_unit unit) {
    assert(unit <= UNIT_MILLENNIUM);
    if (units[unit].months) {
        int64_t months =
            from_micros <= to_micros ? months_between(from_micros, to_micros) : -months_between(to_micros, from_micros);
        return months / units[unit].months;
    }
    int128 diff = (int128)to_micros - from_micros;
    diff = unit == UNIT_NANOSECOND ? diff * 1000 : diff / units[unit].micros;
    return diff > INT64_MAX ? INT64_MAX : diff < INT64_MIN ? INT64_MIN : (int64_t)diff;
}
