/* Patterns of java.time.format.DateTimeFormatter, compiled to a list of fields and literals.
 *
 * Letters: y u (year) Y (ISO week-based year) M L (month) Q q (quarter) w (ISO week) d D E (day) a H k h K m s S A n (time)
 * G (era) X x Z O z V (offset or zone; times are UTC here), 'text', '' and [optional parts]. Names are English. */
#include <stdio.h>
#include <stdlib.h>

#include "types/time.h"

enum { PATTERN_MAX_OPS = 256, PATTERN_MAX_DEPTH = 8, MAX_DIGITS = 9 };

enum op_kind {
    OP_LITERAL,
    OP_YEAR,
    OP_WEEK_YEAR,
    OP_QUARTER,
    OP_MONTH,
    OP_WEEK,
    OP_DAY,
    OP_DAY_OF_YEAR,
    OP_HOUR,      /* H 0-23 */
    OP_HOUR_1_24, /* k */
    OP_HOUR_12,   /* h 1-12 */
    OP_HOUR_0_11, /* K */
    OP_MINUTE,
    OP_SECOND,
    OP_MILLI_OF_DAY, /* A */
    OP_NANO,         /* n, of second */
    OP_LAST_NUMBER = OP_NANO,
    OP_FRACTION,
    OP_MONTH_NAME,
    OP_QUARTER_NAME,
    OP_WEEKDAY,
    OP_AM_PM,
    OP_ERA,
    OP_OFFSET,   /* X x Z, see letter */
    OP_ZONE,     /* z V O */
    OP_OPTIONAL, /* up to `end` */
};

struct op {
    enum op_kind kind;
    char letter;
    int count;       /* of letters */
    int reserved;    /* digits that fixed-width numbers right behind need */
    int end;         /* OP_OPTIONAL: the first op behind it */
    struct str text; /* OP_LITERAL */
};

struct time_pattern {
    int count;
    struct op ops[];
};

static const char *const month_names[12] = {"January", "February", "March",     "April",   "May",      "June",
                                            "July",    "August",   "September", "October", "November", "December"};
static const char *const day_names[7] = {"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"};

/* ---- Compiling. ---- */

static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/* The op of `count` equal letters; false when there is none. */
static bool field(char letter, int count, struct op *op) {
    *op = (struct op){.letter = letter, .count = count};
    int max = 2;
    switch (letter) {
    case 'y':
    case 'u': op->kind = OP_YEAR, max = MAX_DIGITS; break;
    case 'Y': op->kind = OP_WEEK_YEAR, max = MAX_DIGITS; break;
    case 'Q':
    case 'q': op->kind = count < 3 ? OP_QUARTER : OP_QUARTER_NAME, max = 4; break;
    case 'M':
    case 'L': op->kind = count < 3 ? OP_MONTH : OP_MONTH_NAME, max = 4; break;
    case 'w': op->kind = OP_WEEK; break;
    case 'd': op->kind = OP_DAY; break;
    case 'D': op->kind = OP_DAY_OF_YEAR, max = 3; break;
    case 'E': op->kind = OP_WEEKDAY, max = 4; break;
    case 'a': op->kind = OP_AM_PM, max = 1; break;
    case 'H': op->kind = OP_HOUR; break;
    case 'k': op->kind = OP_HOUR_1_24; break;
    case 'h': op->kind = OP_HOUR_12; break;
    case 'K': op->kind = OP_HOUR_0_11; break;
    case 'm': op->kind = OP_MINUTE; break;
    case 's': op->kind = OP_SECOND; break;
    case 'S': op->kind = OP_FRACTION, max = MAX_DIGITS; break;
    case 'A': op->kind = OP_MILLI_OF_DAY, max = MAX_DIGITS; break;
    case 'n': op->kind = OP_NANO, max = MAX_DIGITS; break;
    case 'G': op->kind = OP_ERA, max = 4; break;
    case 'X':
    case 'x': op->kind = OP_OFFSET, max = 3; break;
    case 'Z': op->kind = OP_OFFSET, max = 5; break;
    case 'O':
    case 'z':
    case 'V': op->kind = OP_ZONE, max = 4; break;
    default: return false;
    }
    return count <= max;
}

static bool is_number(const struct op *op) { return op->kind > OP_LITERAL && op->kind <= OP_LAST_NUMBER; }

struct compiler {
    struct arena *arena;
    struct op ops[PATTERN_MAX_OPS];
    int count;
    int open[PATTERN_MAX_DEPTH], depth;
};

static bool add_op(struct compiler *c, struct op op) {
    if (c->count == PATTERN_MAX_OPS) return false;
    c->ops[c->count++] = op;
    return true;
}

static bool add_literal(struct compiler *c, const char *data, size_t len) {
    return add_op(c, (struct op){.kind = OP_LITERAL, .text = {arena_strndup(c->arena, data, len), len}});
}

/* 'text', where '' stands for one quote; i is behind the opening quote. Returns the position behind the closing one, or 0. */
static size_t quoted(struct compiler *c, struct str pattern, size_t i) {
    if (i < pattern.len && pattern.data[i] == '\'') return add_literal(c, "'", 1) ? i + 1 : 0;
    char *text = arena_alloc_aligned(c->arena, pattern.len, 1);
    size_t len = 0;
    for (; i < pattern.len; i++) {
        if (pattern.data[i] == '\'') {
            if (i + 1 == pattern.len || pattern.data[i + 1] != '\'')
                return add_op(c, (struct op){.kind = OP_LITERAL, .text = {text, len}}) ? i + 1 : 0;
            i++;
        }
        text[len++] = pattern.data[i];
    }
    return 0;
}

/* Compiles; returns what is wrong, or NULL. */
static const char *compile(struct compiler *c, struct str pattern) {
    const char *const too_long = "it has too many parts";
    for (size_t i = 0; i < pattern.len;) {
        char letter = pattern.data[i];
        if (is_letter(letter)) {
            size_t end = i;
            while (end < pattern.len && pattern.data[end] == letter) end++;
            struct op op;
            if (end - i > MAX_DIGITS || !field(letter, (int)(end - i), &op))
                return field(letter, 1, &op) ? "too many letters of one kind" : "unknown letter";
            if (!add_op(c, op)) return too_long;
            i = end;
        } else if (letter == '\'') {
            i = quoted(c, pattern, i + 1);
            if (i == 0) return c->count == PATTERN_MAX_OPS ? too_long : "a quote is not closed";
        } else if (letter == '[') {
            if (c->depth == PATTERN_MAX_DEPTH) return "brackets are nested too deeply";
            c->open[c->depth++] = c->count;
            if (!add_op(c, (struct op){.kind = OP_OPTIONAL})) return too_long;
            i++;
        } else if (letter == ']') {
            if (c->depth == 0) return "a bracket is not opened";
            c->ops[c->open[--c->depth]].end = c->count;
            i++;
        } else if (letter == '{' || letter == '}' || letter == '#') {
            return "{, } and # are reserved";
        } else {
            if (!add_literal(c, pattern.data + i, 1)) return too_long;
            i++;
        }
    }
    while (c->depth > 0) c->ops[c->open[--c->depth]].end = c->count;
    for (int i = c->count - 2; i >= 0; i--) {
        const struct op *next = &c->ops[i + 1];
        if ((is_number(next) && next->count > 1) || next->kind == OP_FRACTION)
            c->ops[i].reserved = next->count + next->reserved;
    }
    return NULL;
}

enum status time_pattern_compile(struct arena *arena, struct str pattern, struct time_pattern **out,
                                 struct error *err) {
    struct compiler *c = xcalloc(1, sizeof *c);
    c->arena = arena;
    const char *wrong = compile(c, pattern);
    if (!wrong) {
        struct time_pattern *compiled = arena_alloc(arena, sizeof *compiled + sizeof *c->ops * (size_t)c->count);
        compiled->count = c->count;
        memcpy(compiled->ops, c->ops, sizeof *c->ops * (size_t)c->count);
        *out = compiled;
    }
    free(c);
    if (!wrong) return STATUS_OK;
    int shown = pattern.len < 100 ? (int)pattern.len : 100;
    return error_set(err, STATUS_INVALID_ARGUMENT, "wrong date pattern '%.*s': %s", shown,
                     pattern.len ? pattern.data : "", wrong);
}

/* ---- Formatting. ---- */

/* All fields of one time. */
struct fields {
    int64_t days, of_day; /* µs */
    int32_t year, month, day;
};

static int64_t number_of(const struct fields *f, enum op_kind kind) {
    int64_t hour = f->of_day / (3600 * MICROS_PER_SECOND);
    switch (kind) {
    case OP_YEAR: return f->year;
    case OP_WEEK_YEAR: return timestamp_extract(f->days * MICROS_PER_DAY, UNIT_ISOYEAR);
    case OP_QUARTER: return (f->month + 2) / 3;
    case OP_MONTH: return f->month;
    case OP_WEEK: return timestamp_extract(f->days * MICROS_PER_DAY, UNIT_WEEK);
    case OP_DAY: return f->day;
    case OP_DAY_OF_YEAR: return timestamp_extract(f->days * MICROS_PER_DAY, UNIT_DOY);
    case OP_HOUR: return hour;
    case OP_HOUR_1_24: return hour ? hour : 24;
    case OP_HOUR_12: return hour % 12 ? hour % 12 : 12;
    case OP_HOUR_0_11: return hour % 12;
    case OP_MINUTE: return f->of_day / (60 * MICROS_PER_SECOND) % 60;
    case OP_SECOND: return f->of_day / MICROS_PER_SECOND % 60;
    case OP_MILLI_OF_DAY: return f->of_day / MICROS_PER_MILLI;
    case OP_NANO: return f->of_day % MICROS_PER_SECOND * 1000;
    default: return 0;
    }
}

static void put_number(struct strbuf *out, int64_t value, int width) {
    char text[24];
    int len = snprintf(text, sizeof text, "%0*lld", width, (long long)value);
    strbuf_add(out, text, (size_t)len);
}

static void put_offset(struct strbuf *out, const struct op *op) {
    static const char *const forms[] = {"+00", "+0000", "+00:00"};
    if (op->letter == 'X')
        strbuf_putc(out, 'Z');
    else if (op->letter == 'Z')
        strbuf_puts(out, op->count <= 3 ? "+0000" : op->count == 4 ? "GMT" : "Z");
    else
        strbuf_puts(out, forms[op->count - 1]);
}

static void put_op(struct strbuf *out, const struct op *op, const struct fields *f) {
    const char *name;
    switch (op->kind) {
    case OP_LITERAL: strbuf_add(out, op->text.data, op->text.len); break;
    case OP_YEAR:
    case OP_WEEK_YEAR: {
        int64_t year = number_of(f, op->kind);
        if (op->count == 2)
            put_number(out, (year % 100 + 100) % 100, 2);
        else
            put_number(out, year, op->count);
        break;
    }
    case OP_FRACTION: {
        char text[16];
        snprintf(text, sizeof text, "%09d", (int)(f->of_day % MICROS_PER_SECOND) * 1000);
        strbuf_add(out, text, (size_t)op->count);
        break;
    }
    case OP_MONTH_NAME:
        name = month_names[f->month - 1];
        strbuf_add(out, name, op->count == 3 ? 3 : strlen(name));
        break;
    case OP_WEEKDAY:
        name = day_names[timestamp_extract(f->days * MICROS_PER_DAY, UNIT_ISODOW) - 1];
        strbuf_add(out, name, op->count <= 3 ? 3 : strlen(name));
        break;
    case OP_QUARTER_NAME: {
        static const char *const quarters[] = {"1st quarter", "2nd quarter", "3rd quarter", "4th quarter"};
        int quarter = (f->month + 2) / 3;
        if (op->count == 3)
            strbuf_printf(out, "Q%d", quarter);
        else
            strbuf_puts(out, quarters[quarter - 1]);
        break;
    }
    case OP_AM_PM: strbuf_puts(out, f->of_day < MICROS_PER_DAY / 2 ? "AM" : "PM"); break;
    case OP_ERA: strbuf_puts(out, f->year > 0 ? "AD" : "BC"); break;
    case OP_OFFSET: put_offset(out, op); break;
    case OP_ZONE: strbuf_puts(out, op->letter == 'O' ? "GMT" : "UTC"); break;
    case OP_OPTIONAL: break;
    default: put_number(out, number_of(f, op->kind), op->count);
    }
}

void time_pattern_format(const struct time_pattern *pattern, int64_t micros, struct strbuf *out) {
    struct fields f;
    f.days = micros / MICROS_PER_DAY - (micros % MICROS_PER_DAY < 0);
    f.of_day = (int64_t)((uint64_t)micros - (uint64_t)f.days * (uint64_t)MICROS_PER_DAY);
    date_to_civil((int32_t)f.days, &f.year, &f.month, &f.day);
    for (int i = 0; i < pattern->count; i++) put_op(out, &pattern->ops[i], &f);
}

/* ---- Parsing. ---- */

enum { UNSET = INT32_MIN };

struct reader {
    const char *p, *end;
    int32_t numbers[OP_LAST_NUMBER + 1]; /* by op_kind; UNSET */
    int32_t fraction_nanos, weekday, pm, offset_seconds;
    bool bc;
    const struct time_zone *zone;
};

static bool read_digits(struct reader *in, int min, int max, int32_t *out) {
    int32_t value = 0;
    int count = 0;
    for (; in->p < in->end && count < max && *in->p >= '0' && *in->p <= '9'; in->p++, count++)
        value = value * 10 + (*in->p - '0');
    if (count < min) return false;
    *out = value;
    return true;
}

/* A single letter takes as many digits as there are, less those that fields right behind must have. */
static bool read_number(struct reader *in, const struct op *op) {
    int32_t *out = &in->numbers[op->kind];
    if (op->count > 1) {
        if (!read_digits(in, op->count, op->count, out)) return false;
    } else {
        int available = 0;
        while (available < MAX_DIGITS + op->reserved && in->p + available < in->end && in->p[available] >= '0' &&
               in->p[available] <= '9')
            available++;
        int max = available - op->reserved;
        if (max < 1 || !read_digits(in, 1, max < MAX_DIGITS ? max : MAX_DIGITS, out)) return false;
    }
    if ((op->kind == OP_YEAR || op->kind == OP_WEEK_YEAR) && op->count == 2) *out += 2000;
    return true;
}

/* One of the names, or its first three letters when short_form. Gives 1, 2, …; 0 for none. */
static int read_name(struct reader *in, const char *const *names, int count, bool short_form) {
    for (int i = 0; i < count; i++) {
        size_t len = short_form ? 3 : strlen(names[i]);
        if ((size_t)(in->end - in->p) >= len &&
            str_equal_nocase((struct str){in->p, len}, (struct str){names[i], len})) {
            in->p += len;
            return i + 1;
        }
    }
    return 0;
}

static bool read_fraction(struct reader *in, int count) {
    int32_t value;
    if (!read_digits(in, count, count, &value)) return false;
    for (; count < MAX_DIGITS; count++) value *= 10;
    in->fraction_nanos = value;
    return true;
}

static bool is_zone_char(char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == ':' || c == '/' || c == '_';
}

static bool read_zone(struct reader *in, enum op_kind kind) {
    const char *start = in->p;
    while (in->p < in->end && is_zone_char(*in->p)) in->p++;
    struct str name = {start, (size_t)(in->p - start)};
    if (kind == OP_OFFSET) return time_zone_offset_parse(name, &in->offset_seconds);
    return time_zone_find(name, &in->zone, NULL) == STATUS_OK;
}

static bool read_ops(struct reader *in, const struct op *ops, int from, int to) {
    static const char *const am_pm[] = {"AM", "PM"}, *const eras[] = {"BC", "AD"};
    static const char *const quarters[] = {"Q1", "Q2", "Q3", "Q4"};
    static const char *const long_quarters[] = {"1st quarter", "2nd quarter", "3rd quarter", "4th quarter"};
    for (int i = from; i < to; i++) {
        const struct op *op = &ops[i];
        int which;
        switch (op->kind) {
        case OP_LITERAL:
            if ((size_t)(in->end - in->p) < op->text.len || memcmp(in->p, op->text.data, op->text.len) != 0)
                return false;
            in->p += op->text.len;
            break;
        case OP_FRACTION:
            if (!read_fraction(in, op->count)) return false;
            break;
        case OP_MONTH_NAME:
            if (!(which = read_name(in, month_names, 12, op->count == 3))) return false;
            in->numbers[OP_MONTH] = which;
            break;
        case OP_QUARTER_NAME:
            if (!(which = read_name(in, op->count == 3 ? quarters : long_quarters, 4, false))) return false;
            in->numbers[OP_QUARTER] = which;
            break;
        case OP_WEEKDAY:
            if (!(in->weekday = read_name(in, day_names, 7, op->count <= 3))) return false;
            break;
        case OP_AM_PM:
            if (!(which = read_name(in, am_pm, 2, false))) return false;
            in->pm = which - 1;
            break;
        case OP_ERA:
            if (!(which = read_name(in, eras, 2, false))) return false;
            in->bc = which == 1;
            break;
        case OP_OFFSET:
        case OP_ZONE:
            if (!read_zone(in, op->kind)) return false;
            break;
        case OP_OPTIONAL: {
            struct reader before = *in;
            if (!read_ops(in, ops, i + 1, op->end)) *in = before;
            i = op->end - 1;
            break;
        }
        default:
            if (!read_number(in, op)) return false;
        }
    }
    return true;
}

static int32_t number_or(const struct reader *in, enum op_kind kind, int32_t otherwise) {
    return in->numbers[kind] == UNSET ? otherwise : in->numbers[kind];
}

enum { MAX_YEAR = 290000 }; /* µs since 1970 in 64 bits reach a little farther */

static bool resolve_date(const struct reader *in, int32_t *days) {
    int32_t year = number_or(in, OP_YEAR, 1970), month = number_or(in, OP_MONTH, 1), day = number_or(in, OP_DAY, 1);
    int32_t quarter = number_or(in, OP_QUARTER, 0), of_year = number_or(in, OP_DAY_OF_YEAR, 0);
    bool has_month = in->numbers[OP_MONTH] != UNSET, has_day = in->numbers[OP_DAY] != UNSET;
    if (in->bc) year = 1 - year;
    if (year > MAX_YEAR || year < -MAX_YEAR || number_or(in, OP_WEEK_YEAR, 0) > MAX_YEAR) return false;
    if (in->numbers[OP_QUARTER] != UNSET) {
        if (quarter < 1 || quarter > 4) return false;
        if (!has_month) month = quarter * 3 - 2;
        if ((month + 2) / 3 != quarter) return false;
    }
    if (in->numbers[OP_WEEK] != UNSET && in->numbers[OP_WEEK_YEAR] != UNSET && !has_month && !has_day) {
        /* Week 1 is the one with January 4. */
        int32_t fourth, week = in->numbers[OP_WEEK];
        if (week < 1 || week > 53 || !date_from_civil(in->numbers[OP_WEEK_YEAR], 1, 4, &fourth)) return false;
        int32_t monday = fourth - (int32_t)timestamp_extract(fourth * MICROS_PER_DAY, UNIT_ISODOW) + 1;
        *days = monday + 7 * (week - 1) + (in->weekday ? in->weekday - 1 : 0);
        return timestamp_extract(*days * MICROS_PER_DAY, UNIT_ISOYEAR) == in->numbers[OP_WEEK_YEAR];
    }
    if (in->numbers[OP_DAY_OF_YEAR] != UNSET && !has_month && !has_day) {
        if (of_year < 1 || !date_from_civil(year, 1, 1, days)) return false;
        *days += of_year - 1;
        int32_t back, unused;
        date_to_civil(*days, &back, &unused, &unused);
        if (back != year) return false;
    } else if (!date_from_civil(year, month, day, days)) {
        return false;
    }
    return !in->weekday || timestamp_extract(*days * MICROS_PER_DAY, UNIT_ISODOW) == in->weekday;
}

static bool resolve_time(const struct reader *in, int64_t *micros) {
    int32_t hour = number_or(in, OP_HOUR, UNSET), minute = number_or(in, OP_MINUTE, 0);
    int32_t second = number_or(in, OP_SECOND, 0), nanos = number_or(in, OP_NANO, in->fraction_nanos);
    if (hour == UNSET && in->numbers[OP_HOUR_1_24] != UNSET) {
        if (in->numbers[OP_HOUR_1_24] < 1 || in->numbers[OP_HOUR_1_24] > 24) return false;
        hour = in->numbers[OP_HOUR_1_24] % 24;
    }
    if (hour == UNSET && in->numbers[OP_HOUR_12] != UNSET) {
        if (in->numbers[OP_HOUR_12] < 1 || in->numbers[OP_HOUR_12] > 12) return false;
        hour = in->numbers[OP_HOUR_12] % 12 + 12 * (in->pm == 1);
    }
    if (hour == UNSET && in->numbers[OP_HOUR_0_11] != UNSET) {
        if (in->numbers[OP_HOUR_0_11] > 11) return false;
        hour = in->numbers[OP_HOUR_0_11] + 12 * (in->pm == 1);
    }
    if (hour == UNSET && in->numbers[OP_MILLI_OF_DAY] != UNSET) {
        *micros = in->numbers[OP_MILLI_OF_DAY] * MICROS_PER_MILLI;
        return *micros < MICROS_PER_DAY;
    }
    if (hour == UNSET) hour = in->pm == 1 ? 12 : 0;
    if (hour > 23 || minute > 59 || second > 59) return false;
    *micros = ((int64_t)hour * 3600 + minute * 60 + second) * MICROS_PER_SECOND + nanos / 1000;
    return true;
}

bool time_pattern_parse(const struct time_pattern *pattern, struct str text, int64_t *micros) {
    struct reader in = {.p = text.data, .end = text.data + text.len, .pm = -1, .offset_seconds = UNSET};
    for (int i = 0; i <= OP_LAST_NUMBER; i++) in.numbers[i] = UNSET;
    int32_t days;
    int64_t of_day, result;
    if (!read_ops(&in, pattern->ops, 0, pattern->count) || in.p != in.end) return false;
    if (!resolve_date(&in, &days) || !resolve_time(&in, &of_day)) return false;
    if (__builtin_mul_overflow((int64_t)days, MICROS_PER_DAY, &result) ||
        __builtin_add_overflow(result, of_day, &result))
        return false;
    if (in.offset_seconds != UNSET)
        result -= in.offset_seconds * MICROS_PER_SECOND;
    else if (in.zone)
        result = time_zone_to_utc(in.zone, result);
    *micros = result;
    return true;
}
