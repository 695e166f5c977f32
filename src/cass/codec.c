#include "cass/codec.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdlib.h>

#include "cass/big.h"
#include "cass/bytes.h"
#include "types/decimal.h"
#include "types/time.h"

enum codec_kind {
    KIND_BYTES, /* text and blob: as they are */
    KIND_BOOL,
    KIND_8,
    KIND_16,
    KIND_32, /* INT, FLOAT: the bits */
    KIND_64, /* BIGINT, DOUBLE */
    KIND_TIMESTAMP,
    KIND_DATE,
    KIND_TIME,
    KIND_UUID,
    KIND_INET,
    KIND_DURATION,     /* as text */
    KIND_DURATION_ROW, /* as ROW<months INT, days INT, nanoseconds BIGINT> */
    KIND_WIDE,         /* metadata: an int as BIGINT */
    KIND_MICROS,       /* metadata: µs since 1970 as TIMESTAMP_LTZ */
    KIND_VARINT,
    KIND_DECIMAL,
    KIND_NUMBER_TEXT, /* varint and decimal as text */
    KIND_LIST,        /* list and set */
    KIND_VECTOR,
    KIND_MAP,
    KIND_TUPLE, /* tuple and UDT */
};

enum { MAX_TEXT = 64 /* an inet or duration as text */ };

/* ---- Init ---- */

static bool is_duration_row(const struct type *type) {
    return type->id == TYPE_ROW && type->child_count == 3 && type->children[0]->id == TYPE_INT &&
           type->children[1]->id == TYPE_INT && type->children[2]->id == TYPE_BIGINT;
}

static bool scalar_kind(const struct cass_type *cass, const struct type *type, enum codec_kind *out) {
    enum type_id id = type->id;
    switch (cass->id) {
    case CASS_ASCII:
    case CASS_TEXT: *out = KIND_BYTES; return type_is_char(type);
    case CASS_BLOB:
    case CASS_CUSTOM: *out = KIND_BYTES; return type_is_bytes(type);
    case CASS_BOOLEAN: *out = KIND_BOOL; return id == TYPE_BOOLEAN;
    case CASS_TINYINT: *out = KIND_8; return id == TYPE_TINYINT;
    case CASS_SMALLINT: *out = KIND_16; return id == TYPE_SMALLINT;
    case CASS_INT: *out = KIND_32; return id == TYPE_INT;
    case CASS_FLOAT: *out = KIND_32; return id == TYPE_FLOAT;
    case CASS_BIGINT:
    case CASS_COUNTER: *out = KIND_64; return id == TYPE_BIGINT;
    case CASS_DOUBLE: *out = KIND_64; return id == TYPE_DOUBLE;
    case CASS_TIMESTAMP: *out = KIND_TIMESTAMP; return type_is_timestamp(type);
    case CASS_DATE: *out = KIND_DATE; return id == TYPE_DATE;
    case CASS_TIME: *out = KIND_TIME; return id == TYPE_TIME;
    case CASS_UUID:
    case CASS_TIMEUUID: *out = KIND_UUID; return type_is_char(type);
    case CASS_INET: *out = KIND_INET; return type_is_char(type);
    case CASS_DURATION:
        *out = id == TYPE_ROW ? KIND_DURATION_ROW : KIND_DURATION;
        return type_is_char(type) || is_duration_row(type);
    case CASS_VARINT:
        *out = type_is_char(type) ? KIND_NUMBER_TEXT : KIND_VARINT;
        return id == TYPE_DECIMAL || id == TYPE_BIGINT || type_is_char(type);
    case CASS_DECIMAL:
        *out = type_is_char(type) ? KIND_NUMBER_TEXT : KIND_DECIMAL;
        return id == TYPE_DECIMAL || type_is_char(type);
    case CASS_LIST:
    case CASS_SET: *out = KIND_LIST; return id == TYPE_ARRAY;
    case CASS_VECTOR: *out = KIND_VECTOR; return id == TYPE_ARRAY;
    case CASS_MAP: *out = KIND_MAP; return id == TYPE_MAP;
    case CASS_TUPLE:
    case CASS_UDT: *out = KIND_TUPLE; return id == TYPE_ROW && type->child_count == cass->child_count;
    }
    return false;
}

static bool init_codec(struct cass_codec *codec, struct arena *arena, const struct cass_type *cass,
                       const struct type *type, const char *column) {
    enum codec_kind kind;
    if (!scalar_kind(cass, type, &kind)) return false;
    *codec = (struct cass_codec){.cass = cass, .type = type, .column = column, .kind = (int)kind};
    codec->child_count = cass->child_count;
    if (!cass->child_count) return true;
    codec->children = ARENA_ARRAY(arena, struct cass_codec, cass->child_count);
    for (int i = 0; i < cass->child_count; i++)
        if (!init_codec(&codec->children[i], arena, cass->children[i], type->children[i], column)) return false;
    return true;
}

enum status cass_codec_init(struct cass_codec *codec, struct arena *arena, const struct cass_type *cass,
                            const struct type *type, const char *column, struct error *err) {
    if (init_codec(codec, arena, cass, type, column)) return STATUS_OK;
    error_set(err, STATUS_TYPE_MISMATCH, "column '%s' is %s in Cassandra, which cannot be %s", column,
              cass_type_text(arena, cass), type_to_string(arena, type));
    error_hint(err, "declare it as %s", type_to_string(arena, cass_type_to_sql(arena, cass, true)));
    return STATUS_TYPE_MISMATCH;
}

bool cass_codec_init_metadata(struct cass_codec *codec, const struct cass_type *cass, const struct type *type,
                              const char *column) {
    int kind = -1;
    if (cass->id == CASS_INT && type->id == TYPE_INT) kind = KIND_32;
    if (cass->id == CASS_INT && type->id == TYPE_BIGINT) kind = KIND_WIDE;
    if (cass->id == CASS_BIGINT && type->id == TYPE_BIGINT) kind = KIND_64;
    if (cass->id == CASS_BIGINT && type->id == TYPE_TIMESTAMP_LTZ && type->precision >= 6) kind = KIND_MICROS;
    *codec = (struct cass_codec){.cass = cass, .type = type, .column = column, .kind = kind};
    return kind >= 0;
}

/* ---- Texts ---- */

static const char hex_digits[] = "0123456789abcdef";

void cass_uuid_format(const uint8_t uuid[16], char out[36]) {
    static const uint8_t places[16] = {0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34};
    for (int i = 0; i < 16; i++) {
        out[places[i]] = hex_digits[uuid[i] >> 4];
        out[places[i] + 1] = hex_digits[uuid[i] & 15];
    }
    out[8] = out[13] = out[18] = out[23] = '-';
}

static int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool cass_uuid_parse(struct str text, uint8_t uuid[16]) {
    if (text.len != 36) return false;
    uint8_t bytes[16] = {0};
    int digits = 0;
    for (int i = 0; i < 36; i++) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (text.data[i] != '-') return false;
            continue;
        }
        int digit = hex_value(text.data[i]);
        if (digit < 0) return false;
        bytes[digits / 2] = (uint8_t)(bytes[digits / 2] << 4 | digit);
        digits++;
    }
    memcpy(uuid, bytes, 16);
    return true;
}

static int format_inet(const uint8_t *p, int len, char out[MAX_TEXT]) {
    if (len != 4 && len != 16) return -1;
    return inet_ntop(len == 4 ? AF_INET : AF_INET6, p, out, MAX_TEXT) ? (int)strlen(out) : -1;
}

static int parse_inet(struct str text, uint8_t out[16]) {
    char buf[MAX_TEXT];
    if (text.len >= sizeof buf) return -1;
    memcpy(buf, text.data, text.len);
    buf[text.len] = 0;
    if (inet_pton(AF_INET, buf, out) == 1) return 4;
    return inet_pton(AF_INET6, buf, out) == 1 ? 16 : -1;
}

/* Durations are three signed counts; in texts one sign stands in front of all. */
struct duration {
    int64_t months, days, nanos;
};

static const struct {
    const char *name;
    int64_t factor;
    int part; /* 0 months, 1 days, 2 ns */
} duration_units[] = {
    {"y", 12, 0},
    {"mo", 1, 0},
    {"w", 7, 1},
    {"d", 1, 1},
    {"h", 3600 * NANOS_PER_SECOND, 2},
    {"ms", 1000000, 2}, /* before m */
    {"m", 60 * NANOS_PER_SECOND, 2},
    {"s", NANOS_PER_SECOND, 2},
    {"us", 1000, 2},
    {"\xC2\xB5s", 1000, 2},
    {"ns", 1, 2},
};
enum { DURATION_UNITS = sizeof duration_units / sizeof *duration_units };

static int put_part(char *out, uint64_t *rest, uint64_t factor, const char *unit) {
    uint64_t n = *rest / factor;
    *rest %= factor;
    if (!n) return 0;
    char digits[24];
    int len = 0, written = 0;
    for (; n; n /= 10) digits[len++] = (char)('0' + n % 10);
    while (len) out[written++] = digits[--len];
    while (*unit) out[written++] = *unit++;
    return written;
}

static uint64_t magnitude(int64_t v) { return v < 0 ? -(uint64_t)v : (uint64_t)v; }

static int format_duration(const struct duration *d, char out[MAX_TEXT]) {
    uint64_t months = magnitude(d->months), days = magnitude(d->days), nanos = magnitude(d->nanos);
    int len = 0;
    if (d->months < 0 || d->days < 0 || d->nanos < 0) out[len++] = '-';
    int start = len;
    len += put_part(out + len, &months, 12, "y");
    len += put_part(out + len, &months, 1, "mo");
    len += put_part(out + len, &days, 1, "d");
    len += put_part(out + len, &nanos, 3600 * (uint64_t)NANOS_PER_SECOND, "h");
    len += put_part(out + len, &nanos, 60 * (uint64_t)NANOS_PER_SECOND, "m");
    len += put_part(out + len, &nanos, (uint64_t)NANOS_PER_SECOND, "s");
    len += put_part(out + len, &nanos, 1000000, "ms");
    len += put_part(out + len, &nanos, 1000, "us");
    len += put_part(out + len, &nanos, 1, "ns");
    if (len == start) {
        out[len++] = '0';
        out[len++] = 's';
    }
    return len;
}

static bool parse_digits(struct str text, size_t *pos, int count, uint64_t *out) {
    *out = 0;
    for (; count; count--, (*pos)++) {
        if (*pos >= text.len || text.data[*pos] < '0' || text.data[*pos] > '9') return false;
        *out = *out * 10 + (uint64_t)(text.data[*pos] - '0');
    }
    return true;
}

/* ISO 8601's other form behind the P: "YYYY-MM-DDThh:mm:ss". */
static bool parse_duration_date(struct str text, uint64_t parts[3]) {
    static const char separators[] = "--T::";
    static const int digits[] = {4, 2, 2, 2, 2, 2};
    uint64_t n[6];
    size_t pos = 0;
    for (int i = 0; i < 6; i++) {
        if (!parse_digits(text, &pos, digits[i], &n[i])) return false;
        if (i < 5 && (pos >= text.len || text.data[pos++] != separators[i])) return false;
    }
    parts[0] = n[0] * 12 + n[1];
    parts[1] = n[2];
    parts[2] = (n[3] * 3600 + n[4] * 60 + n[5]) * (uint64_t)NANOS_PER_SECOND;
    return pos == text.len;
}

/* The magnitudes with their sign; each part has as much room below zero as a number of its width. */
static bool make_duration(const uint64_t parts[3], bool negative, struct duration *out) {
    if (parts[0] > INT32_MAX + (uint64_t)negative || parts[1] > INT32_MAX + (uint64_t)negative ||
        parts[2] > INT64_MAX + (uint64_t)negative)
        return false;
    int64_t signed_parts[3];
    for (int i = 0; i < 3; i++) signed_parts[i] = (int64_t)(negative ? -parts[i] : parts[i]);
    *out = (struct duration){signed_parts[0], signed_parts[1], signed_parts[2]};
    return true;
}

/* "1y2mo3w4d5h6m7s8ms9us10ns" with any of the units, or ISO 8601: "P1Y2M3DT4H5M6S", "P2W", "P0001-02-03T04:05:06". */
static bool parse_duration(struct str text, struct duration *out) {
    uint64_t parts[3] = {0};
    size_t pos = 0;
    bool negative = text.len && text.data[0] == '-';
    if (negative) pos++;
    bool iso = pos < text.len && text.data[pos] == 'P', time = false, any = false;
    if (iso) pos++;
    if (iso && parse_duration_date((struct str){text.data + pos, text.len - pos}, parts))
        return make_duration(parts, negative, out);
    memset(parts, 0, sizeof parts);
    while (pos < text.len) {
        if (iso && text.data[pos] == 'T' && !time) {
            time = true;
            pos++;
            continue;
        }
        uint64_t n = 0;
        size_t digits = pos;
        for (; pos < text.len && text.data[pos] >= '0' && text.data[pos] <= '9'; pos++)
            if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, (uint64_t)(text.data[pos] - '0'), &n))
                return false;
        if (pos == digits) return false;
        int unit = -1;
        for (int i = 0; i < DURATION_UNITS && unit < 0; i++) {
            size_t len = strlen(duration_units[i].name);
            if (text.len - pos < len ||
                !str_equal_nocase((struct str){text.data + pos, len}, str_from(duration_units[i].name)))
                continue;
            unit = i;
        }
        if (iso && pos < text.len) { /* letters mean other things there */
            static const struct {
                char letter;
                bool time;
                int unit;
            } letters[] = {{'Y', false, 0}, {'M', false, 1}, {'W', false, 2}, {'D', false, 3},
                           {'H', true, 4},  {'M', true, 6},  {'S', true, 7}};
            unit = -1;
            for (size_t i = 0; i < sizeof letters / sizeof *letters; i++)
                if (letters[i].letter == text.data[pos] && letters[i].time == time) unit = letters[i].unit;
        }
        if (unit < 0) return false;
        pos += iso ? 1 : strlen(duration_units[unit].name);
        uint64_t *part = &parts[duration_units[unit].part];
        if (__builtin_mul_overflow(n, (uint64_t)duration_units[unit].factor, &n) ||
            __builtin_add_overflow(*part, n, part))
            return false;
        any = true;
    }
    return any && make_duration(parts, negative, out);
}

/* One sign for all parts, as Cassandra has it. */
static bool duration_valid(const struct duration *d) {
    bool negative = d->months < 0 || d->days < 0 || d->nanos<0, positive = d->months> 0 || d->days > 0 || d->nanos > 0;
    return !(negative && positive) && d->months >= INT32_MIN && d->months <= INT32_MAX && d->days >= INT32_MIN &&
           d->days <= INT32_MAX;
}

/* ---- Decoding ---- */

struct column {
    const struct cass_codec *codec;
    const uint8_t *base;
    const struct cass_cell *cells;
    int count;
    struct vector *vec;
    struct arena *arena;
    int capacity, row;
};

static void set_null(const struct column *c, int i) {
    validity_set_null(vector_validity(c->vec, c->arena, c->capacity), c->row + i);
}

#define T uint8_t
#define NAME boolean
#define LOAD(p) (*(p) != 0)
#include "cass/decode_fixed_template.h"
#define T uint8_t
#define NAME 8
#define LOAD(p) (*(p))
#include "cass/decode_fixed_template.h"
#define T uint16_t
#define NAME 16
#define LOAD(p) cass_load_u16(p)
#include "cass/decode_fixed_template.h"
#define T uint32_t
#define NAME 32
#define LOAD(p) cass_load_u32(p)
#include "cass/decode_fixed_template.h"
#define T uint32_t
#define NAME date
#define LOAD(p) (cass_load_u32(p) ^ 0x80000000u)
#include "cass/decode_fixed_template.h"
#define T uint64_t
#define NAME 64
#define LOAD(p) cass_load_u64(p)
#include "cass/decode_fixed_template.h"

static enum status malformed(const struct column *c, int i, struct error *err) {
    struct strbuf buf = {0};
    cass_type_print(&buf, c->codec->cass);
    enum status status = error_set(err, STATUS_BAD_DATA, "column '%s': malformed value of type %s (%d bytes)",
                                   c->codec->column, buf.data, c->cells[i].len);
    strbuf_free(&buf);
    return status;
}

/* Fields that are not there take no bytes, so that a page could claim any number of them. */
static enum status too_many(const struct column *c, struct error *err) {
    error_set(err, STATUS_LIMIT_EXCEEDED, "column '%s': more than %d nested values in a page", c->codec->column,
              CASS_MAX_NESTED_VALUES);
    error_hint(err, "ask for smaller pages ('scan.page-size')");
    return STATUS_LIMIT_EXCEEDED;
}

static enum status out_of_range(const struct column *c, struct error *err) {
    struct strbuf buf = {0};
    cass_type_print(&buf, c->codec->cass);
    strbuf_puts(&buf, " value out of range for ");
    type_print(&buf, c->codec->type);
    enum status status = error_set(err, STATUS_OUT_OF_RANGE, "column '%s': %s", c->codec->column, buf.data);
    if (c->codec->kind == KIND_VARINT || c->codec->kind == KIND_DECIMAL)
        error_hint(err, "a table that declares the column as STRING has numbers of any size");
    strbuf_free(&buf);
    return status;
}

/* Strings borrow; those of up to 12 bytes are loaded whole (the page is padded) and masked. */
static void decode_bytes(const struct column *c, struct strview *restrict out) {
    static const uint64_t masks[9] = {0,
                                      0xFF,
                                      0xFFFF,
                                      0xFFFFFF,
                                      0xFFFFFFFF,
                                      UINT64_C(0xFFFFFFFFFF),
                                      UINT64_C(0xFFFFFFFFFFFF),
                                      UINT64_C(0xFFFFFFFFFFFFFF),
                                      ~UINT64_C(0)};
    for (int i = 0; i < c->count; i++) {
        int32_t len = c->cells[i].len;
        const char *p = (const char *)c->base + c->cells[i].offset;
        struct strview view = {.len = (uint32_t)len};
        if (len > STRVIEW_INLINE) {
            memcpy(view.ref.prefix, p, 4);
            view.ref.ptr = p;
        } else {
            if (len < 0) {
                set_null(c, i);
                view.len = 0;
                len = 0;
            }
            uint64_t head = 0;
            uint32_t tail = 0;
            if (len) {
                memcpy(&head, p, 8);
                memcpy(&tail, p + 8, 4);
            }
            head &= masks[len < 8 ? len : 8];
            tail &= (uint32_t)masks[len < 8 ? 0 : len - 8];
            memcpy(view.inlined, &head, 8);
            memcpy(view.inlined + 8, &tail, 4);
        }
        out[i] = view;
    }
}

static int64_t floor_to(int64_t v, int64_t unit) {
    int64_t rest = v % unit;
    return v - (rest < 0 ? rest + unit : rest);
}

static enum status decode_timestamp(const struct column *c, int64_t *restrict out, struct error *err) {
    const struct type *type = c->codec->type;
    int64_t factor = type_is_nanos(type) ? 1000000 : 1000;
    int64_t unit_ms = type->precision < 3 ? decimal_pow10_64[3 - type->precision] : 1;
    int64_t limit = INT64_MAX / factor - 1000;
    int bad = decode_64(c, (uint64_t *)out);
    if (bad < c->count) return malformed(c, bad, err);
    bool beyond = false;
    for (int i = 0; i < c->count; i++) {
        int64_t v = out[i];
        beyond |= v > limit || v < -limit;
        out[i] = (int64_t)((uint64_t)v * (uint64_t)factor);
    }
    if (beyond) return out_of_range(c, err);
    if (unit_ms > 1)
        for (int i = 0; i < c->count; i++) out[i] = floor_to(out[i], unit_ms * factor);
    return STATUS_OK;
}

/* Days whose midnight is no TIMESTAMP are refused: what computes with dates need not expect them. */
static enum status decode_date_column(const struct column *c, int32_t *restrict out, struct error *err) {
    enum { MAX_DAYS = INT64_MAX / MICROS_PER_DAY - 1 };
    int bad = decode_date(c, (uint32_t *)out);
    if (bad < c->count) return malformed(c, bad, err);
    bool beyond = false;
    for (int i = 0; i < c->count; i++) beyond |= out[i] > MAX_DAYS || out[i] < -MAX_DAYS;
    return beyond ? out_of_range(c, err) : STATUS_OK;
}

static enum status decode_time(const struct column *c, int64_t *restrict out, struct error *err) {
    int bad = decode_64(c, (uint64_t *)out);
    if (bad < c->count) return malformed(c, bad, err);
    int64_t unit = decimal_pow10_64[9 - c->codec->type->precision];
    for (int i = 0; i < c->count; i++) {
        if (out[i] < 0 || out[i] >= NANOS_PER_DAY) return out_of_range(c, err);
        if (unit > 1) out[i] -= out[i] % unit;
    }
    return STATUS_OK;
}

static enum status decode_uuid(const struct column *c, struct strview *restrict out, struct error *err) {
    static const uint16_t pairs[256] = {/* "00" … "ff" */
#define H(x) ((x) < 10 ? '0' + (x) : 'a' + (x)-10)
#define P(x) (uint16_t)(H((x) >> 4) | H((x)&15) << 8)
#define P4(x) P(x), P((x) + 1), P((x) + 2), P((x) + 3)
#define P16(x) P4(x), P4((x) + 4), P4((x) + 8), P4((x) + 12)
#define P64(x) P16(x), P16((x) + 16), P16((x) + 32), P16((x) + 48)
                                        P64(0), P64(64), P64(128), P64(192)
#undef P64
#undef P16
#undef P4
#undef P
#undef H
    };
    char *text = arena_alloc_aligned(c->arena, 36 * (size_t)c->count, 1);
    for (int i = 0; i < c->count; i++) {
        int32_t len = c->cells[i].len;
        if (len != 16) {
            if (len > 0) return malformed(c, i, err);
            set_null(c, i);
            out[i] = (struct strview){0};
            continue;
        }
        const uint8_t *p = c->base + c->cells[i].offset;
        static const uint8_t places[16] = {0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34};
        for (int j = 0; j < 16; j++) memcpy(text + places[j], &pairs[p[j]], 2);
        text[8] = text[13] = text[18] = text[23] = '-';
        out[i] = strview_make(text, 36);
        text += 36;
    }
    return STATUS_OK;
}

static bool read_duration(const uint8_t *p, int len, struct duration *d) {
    struct cass_reader r = cass_reader_over(p, (size_t)len);
    d->months = cass_read_signed_vint(&r);
    d->days = cass_read_signed_vint(&r);
    d->nanos = cass_read_signed_vint(&r);
    return !r.failed && r.pos == r.end && duration_valid(d);
}

static int format_cell(const struct cass_codec *codec, const uint8_t *p, int len, char out[MAX_TEXT]) {
    if (codec->kind == KIND_INET) return format_inet(p, len, out);
    struct duration d;
    return read_duration(p, len, &d) ? format_duration(&d, out) : -1;
}

static enum status decode_duration_row(const struct column *c, struct error *err) {
    int32_t *months = (int32_t *)c->vec->children[0].data + c->row,
            *days = (int32_t *)c->vec->children[1].data + c->row;
    int64_t *nanos = (int64_t *)c->vec->children[2].data + c->row;
    for (int i = 0; i < c->count; i++) {
        struct duration d = {0};
        if (c->cells[i].len <= 0) {
            set_null(c, i);
            for (int k = 0; k < 3; k++)
                validity_set_null(vector_validity(&c->vec->children[k], c->arena, c->capacity), c->row + i);
        } else if (!read_duration(c->base + c->cells[i].offset, c->cells[i].len, &d)) {
            return malformed(c, i, err);
        }
        months[i] = (int32_t)d.months;
        days[i] = (int32_t)d.days;
        nanos[i] = d.nanos;
    }
    return STATUS_OK;
}

static enum status decode_wide(const struct column *c, int64_t *restrict out, struct error *err) {
    for (int i = 0; i < c->count; i++) {
        const struct cass_cell *cell = &c->cells[i];
        if (cell->len > 0 && cell->len != 4) return malformed(c, i, err);
        if (cell->len <= 0) set_null(c, i);
        out[i] = cell->len > 0 ? (int32_t)cass_load_u32(c->base + cell->offset) : 0;
    }
    return STATUS_OK;
}

static enum status decode_micros(const struct column *c, int64_t *restrict out, struct error *err) {
    int bad = decode_64(c, (uint64_t *)out);
    if (bad < c->count) return malformed(c, bad, err);
    if (!type_is_nanos(c->codec->type)) return STATUS_OK;
    for (int i = 0; i < c->count; i++)
        if (__builtin_mul_overflow(out[i], 1000, &out[i])) return out_of_range(c, err);
    return STATUS_OK;
}

static enum status decode_short_text(const struct column *c, struct strview *restrict out, struct error *err) {
    for (int i = 0; i < c->count; i++) {
        int32_t len = c->cells[i].len;
        if (len <= 0) {
            set_null(c, i);
            out[i] = (struct strview){0};
            continue;
        }
        char text[MAX_TEXT];
        int text_len = format_cell(c->codec, c->base + c->cells[i].offset, len, text);
        if (text_len < 0) return malformed(c, i, err);
        struct strview view = strview_make(text, (uint32_t)text_len);
        out[i] = strview_copy(c->arena, &view);
    }
    return STATUS_OK;
}

static void store_number(struct vector *vec, int row, int128 v) {
    if (vec->phys == PHYS_I128)
        ((int128 *)vec->data)[row] = v;
    else
        ((int64_t *)vec->data)[row] = (int64_t)v;
}

static enum status decode_number(const struct column *c, struct error *err) {
    const struct type *type = c->codec->type;
    bool decimal = c->codec->kind == KIND_DECIMAL;
    for (int i = 0; i < c->count; i++) {
        const uint8_t *p = c->base + c->cells[i].offset;
        int32_t len = c->cells[i].len;
        int128 v = 0;
        if (len <= 0) {
            set_null(c, i);
        } else if (decimal) {
            if (len < 5) return malformed(c, i, err);
            if (!cass_big_to_decimal(p + 4, len - 4, (int32_t)cass_load_u32(p), type->precision, type->scale, &v))
                return out_of_range(c, err);
        } else if (type->id == TYPE_DECIMAL) {
            if (!cass_big_to_decimal(p, len, 0, type->precision, type->scale, &v)) return out_of_range(c, err);
        } else if (!cass_big_to_i128(p, len, &v) || v < INT64_MIN || v > INT64_MAX) {
            return out_of_range(c, err);
        }
        store_number(c->vec, c->row + i, v);
    }
    return STATUS_OK;
}

static enum status decode_number_text(const struct column *c, struct strview *restrict out, struct error *err) {
    bool decimal = c->codec->cass->id == CASS_DECIMAL;
    struct strbuf text = {0};
    enum status status = STATUS_OK;
    for (int i = 0; i < c->count && status == STATUS_OK; i++) {
        const uint8_t *p = c->base + c->cells[i].offset;
        int32_t len = c->cells[i].len;
        out[i] = (struct strview){0};
        if (len <= 0) {
            set_null(c, i);
            continue;
        }
        strbuf_clear(&text);
        bool good = !decimal ? cass_big_format(p, len, 0, &text)
                             : len > 4 && cass_big_format(p + 4, len - 4, (int32_t)cass_load_u32(p), &text);
        if (!good) {
            status = decimal && len <= 4 ? malformed(c, i, err) : out_of_range(c, err);
            break;
        }
        struct strview view = strview_make(text.data, (uint32_t)text.len);
        out[i] = strview_copy(c->arena, &view);
    }
    strbuf_free(&text);
    return status;
}

/* The vector's elements are not length-prefixed when all have one size. */
static bool vector_cells(const struct cass_codec *codec, const uint8_t *base, const struct cass_cell *cell,
                         struct cass_cell *out) {
    size_t size = cass_type_fixed_size(codec->cass->children[0]);
    int32_t dimension = codec->cass->dimension;
    if (size) {
        if ((size_t)cell->len != size * (size_t)dimension) return false;
        for (int32_t i = 0; i < dimension; i++)
            out[i] = (struct cass_cell){cell->offset + (uint32_t)size * (uint32_t)i, (int32_t)size};
        return true;
    }
    struct cass_reader r = cass_reader_over(base + cell->offset, (size_t)cell->len);
    for (int32_t i = 0; i < dimension; i++) {
        uint64_t len = cass_read_vint(&r);
        if (len > cass_left(&r)) return false;
        out[i] = (struct cass_cell){(uint32_t)(r.pos - base), (int32_t)len};
        r.pos += len;
    }
    return !r.failed && r.pos == r.end;
}

static bool read_cell(struct cass_reader *r, const uint8_t *base, struct cass_cell *out) {
    int32_t len = cass_read_i32(r);
    out->offset = (uint32_t)(r->pos - base);
    out->len = len < 0 ? -1 : len;
    return (len <= 0 || cass_take(r, (size_t)len)) && !r->failed;
}

/* Elements in a list, set or map value, or -1. */
static int64_t element_count(const struct column *c, int i) {
    const struct cass_cell *cell = &c->cells[i];
    if (cell->len < 0) return 0;
    if (c->codec->kind == KIND_VECTOR) {
        /* A byte per element at least: a claim of billions must not allocate before it is checked. */
        return cell->len == 0 ? 0 : c->codec->cass->dimension <= cell->len ? c->codec->cass->dimension : -1;
    }
    if (cell->len == 0) return 0;
    if (cell->len < 4) return -1;
    int32_t n = (int32_t)cass_load_u32(c->base + cell->offset);
    int per_element = c->codec->kind == KIND_MAP ? 8 : 4;
    return n < 0 || n > (cell->len - 4) / per_element ? -1 : n;
}

static enum status decode_list(const struct column *c, struct error *err) {
    int sides = c->codec->kind == KIND_MAP ? 2 : 1;
    struct list_entry *entries = (struct list_entry *)c->vec->data + c->row;
    int64_t total = 0;
    for (int i = 0; i < c->count; i++) {
        int64_t n = element_count(c, i);
        if (n < 0) return malformed(c, i, err);
        total += n;
    }
    uint32_t first = c->vec->child_rows;
    if ((total + first) * sides > CASS_MAX_NESTED_VALUES) return too_many(c, err);
    vector_reserve_children(c->vec, c->arena, first + (uint32_t)total);
    struct cass_cell *cells = arena_alloc(c->arena, sizeof *cells * (size_t)(total * sides + 1));
    uint32_t used = 0;
    for (int i = 0; i < c->count; i++) {
        const struct cass_cell *cell = &c->cells[i];
        uint32_t n = (uint32_t)element_count(c, i);
        /* A null collection and an empty one are the same to Cassandra unless frozen; only bytes say "empty". */
        if (cell->len < 0 || (cell->len == 0)) set_null(c, i);
        entries[i] = (struct list_entry){first + used, n};
        if (!n) continue;
        if (c->codec->kind == KIND_VECTOR) {
            if (!vector_cells(c->codec, c->base, cell, cells + used)) return malformed(c, i, err);
        } else {
            struct cass_reader r = cass_reader_over(c->base + cell->offset + 4, (size_t)cell->len - 4);
            for (uint32_t j = 0; j < n; j++)
                for (int side = 0; side < sides; side++)
                    if (!read_cell(&r, c->base, &cells[(int64_t)side * total + used + j])) return malformed(c, i, err);
        }
        used += n;
    }
    c->vec->child_rows = first + (uint32_t)total;
    for (int side = 0; side < sides; side++)
        TRY(cass_decode(&c->codec->children[side], c->base, cells + (int64_t)side * total, (int)total,
                        &c->vec->children[side], c->arena, (int)c->vec->child_capacity, (int)first, err));
    return STATUS_OK;
}

static enum status decode_tuple(const struct column *c, struct error *err) {
    int fields = c->codec->child_count;
    if ((int64_t)fields * (c->row + c->count) > CASS_MAX_NESTED_VALUES) return too_many(c, err);
    struct cass_cell *cells = arena_alloc(c->arena, sizeof *cells * (size_t)fields * (size_t)c->count);
    for (int i = 0; i < c->count; i++) {
        const struct cass_cell *cell = &c->cells[i];
        if (cell->len <= 0) set_null(c, i);
        struct cass_reader r = cass_reader_over(c->base + cell->offset, cell->len < 0 ? 0 : (size_t)cell->len);
        for (int f = 0; f < fields; f++) {
            struct cass_cell *field = &cells[(size_t)f * (size_t)c->count + (size_t)i];
            *field = (struct cass_cell){0, -1}; /* fields added to the type later are not in older values */
            if (cass_left(&r) && !read_cell(&r, c->base, field)) return malformed(c, i, err);
        }
    }
    for (int f = 0; f < fields; f++)
        TRY(cass_decode(&c->codec->children[f], c->base, cells + (size_t)f * (size_t)c->count, c->count,
                        &c->vec->children[f], c->arena, c->capacity, c->row, err));
    return STATUS_OK;
}

enum status cass_decode(const struct cass_codec *codec, const uint8_t *base, const struct cass_cell *cells, int count,
                        struct vector *vec, struct arena *arena, int capacity, int row, struct error *err) {
    assert(vec->form == VECTOR_FLAT && row + count <= capacity);
    struct column c = {codec, base, cells, count, vec, arena, capacity, row};
    int bad = count;
    switch ((enum codec_kind)codec->kind) {
    case KIND_BYTES: decode_bytes(&c, (struct strview *)vec->data + row); return STATUS_OK;
    case KIND_BOOL: bad = decode_boolean(&c, (uint8_t *)vec->data + row); break;
    case KIND_8: bad = decode_8(&c, (uint8_t *)vec->data + row); break;
    case KIND_16: bad = decode_16(&c, (uint16_t *)vec->data + row); break;
    case KIND_32: bad = decode_32(&c, (uint32_t *)vec->data + row); break;
    case KIND_64: bad = decode_64(&c, (uint64_t *)vec->data + row); break;
    case KIND_DATE: return decode_date_column(&c, (int32_t *)vec->data + row, err);
    case KIND_WIDE: return decode_wide(&c, (int64_t *)vec->data + row, err);
    case KIND_MICROS: return decode_micros(&c, (int64_t *)vec->data + row, err);
    case KIND_TIMESTAMP: return decode_timestamp(&c, (int64_t *)vec->data + row, err);
    case KIND_TIME: return decode_time(&c, (int64_t *)vec->data + row, err);
    case KIND_UUID: return decode_uuid(&c, (struct strview *)vec->data + row, err);
    case KIND_INET:
    case KIND_DURATION: return decode_short_text(&c, (struct strview *)vec->data + row, err);
    case KIND_DURATION_ROW: return decode_duration_row(&c, err);
    case KIND_VARINT:
    case KIND_DECIMAL: return decode_number(&c, err);
    case KIND_NUMBER_TEXT: return decode_number_text(&c, (struct strview *)vec->data + row, err);
    case KIND_LIST:
    case KIND_VECTOR:
    case KIND_MAP: return decode_list(&c, err);
    case KIND_TUPLE: return decode_tuple(&c, err);
    }
    return bad < count ? malformed(&c, bad, err) : STATUS_OK;
}

/* ---- Encoding ---- */

static enum status bad_text(const struct cass_codec *codec, struct str text, struct error *err) {
    struct strbuf buf = {0};
    cass_type_print(&buf, codec->cass);
    enum status status = error_set(err, STATUS_INVALID_ARGUMENT, "column '%s': '%.*s' is no %s", codec->column,
                                   (int)(text.len < 100 ? text.len : 100), text.data, buf.data);
    strbuf_free(&buf);
    return status;
}

static int64_t load_i64(const struct vector *vec, int row) { return ((const int64_t *)vec->data)[row]; }

static int128 load_number(const struct vector *vec, int row) {
    return vec->phys == PHYS_I128 ? ((const int128 *)vec->data)[row] : load_i64(vec, row);
}

/* ms of a TIMESTAMP value, rounded down; *rest: what was cut. */
static int64_t timestamp_millis(const struct type *type, int64_t v, int64_t *rest) {
    int64_t factor = type_is_nanos(type) ? 1000000 : 1000;
    int64_t down = floor_to(v, factor);
    *rest = v - down;
    return down / factor;
}

static bool is_ascii(struct str text) {
    uint8_t high = 0;
    for (size_t i = 0; i < text.len; i++) high |= (uint8_t)text.data[i];
    return high < 0x80;
}

static void put_duration(struct strbuf *out, const struct duration *d) {
    cass_put_signed_vint(out, d->months);
    cass_put_signed_vint(out, d->days);
    cass_put_signed_vint(out, d->nanos);
}

static enum status encode_duration_row(const struct cass_codec *codec, const struct vector *vec, int row,
                                       struct strbuf *out, struct error *err) {
    for (int k = 0; k < 3; k++)
        if (vector_is_null(&vec->children[k], row))
            return error_set(err, STATUS_NULL_NOT_ALLOWED, "column '%s': NULL inside a duration", codec->column);
    struct duration d = {((const int32_t *)vec->children[0].data)[row], ((const int32_t *)vec->children[1].data)[row],
                         load_i64(&vec->children[2], row)};
    if (!duration_valid(&d))
        return error_set(err, STATUS_INVALID_ARGUMENT,
                         "column '%s': (%lld, %lld, %lld) is no duration: its parts have different signs",
                         codec->column, (long long)d.months, (long long)d.days, (long long)d.nanos);
    put_duration(out, &d);
    return STATUS_OK;
}

static void encode_text_value(const struct cass_codec *codec, struct str text, struct strbuf *out, bool *good) {
    uint8_t bytes[16];
    *good = true;
    if (codec->kind == KIND_UUID) {
        *good = cass_uuid_parse(text, bytes);
        if (*good) strbuf_add(out, bytes, 16);
    } else if (codec->kind == KIND_INET) {
        int len = parse_inet(text, bytes);
        *good = len > 0;
        if (*good) strbuf_add(out, bytes, (size_t)len);
    } else {
        struct duration d;
        *good = parse_duration(text, &d);
        if (*good) put_duration(out, &d);
    }
}

static enum status encode_list(const struct cass_codec *codec, const struct vector *vec, int row, struct strbuf *out,
                               struct error *err) {
    struct list_entry entry = ((const struct list_entry *)vec->data)[row];
    if (codec->kind == KIND_VECTOR) {
        if (entry.length != (uint32_t)codec->cass->dimension)
            return error_set(err, STATUS_INVALID_ARGUMENT, "column '%s': %u elements for a vector of %d", codec->column,
                             entry.length, codec->cass->dimension);
        size_t size = cass_type_fixed_size(codec->cass->children[0]);
        struct strbuf element = {0};
        enum status status = STATUS_OK;
        for (uint32_t i = 0; i < entry.length && status == STATUS_OK; i++) {
            strbuf_clear(&element);
            status = cass_encode(&codec->children[0], &vec->children[0], (int)(entry.offset + i), &element, err);
            if (status == STATUS_OK && element.len == 4 && (int32_t)cass_load_u32(element.data) < 0)
                status = error_set(err, STATUS_NULL_NOT_ALLOWED, "column '%s': NULL in a vector", codec->column);
            if (status != STATUS_OK) break;
            if (!size) cass_put_vint(out, element.len - 4);
            strbuf_add(out, element.data + 4, element.len - 4);
        }
        strbuf_free(&element);
        return status;
    }
    int sides = codec->kind == KIND_MAP ? 2 : 1;
    cass_put_i32(out, (int32_t)entry.length);
    for (uint32_t i = 0; i < entry.length; i++)
        for (int side = 0; side < sides; side++) {
            int child_row = (int)(entry.offset + i);
            if (vector_is_null(&vec->children[side], child_row))
                return error_set(err, STATUS_NULL_NOT_ALLOWED, "column '%s': NULL inside a collection", codec->column);
            TRY(cass_encode(&codec->children[side], &vec->children[side], child_row, out, err));
        }
    return STATUS_OK;
}

static enum status encode_body(const struct cass_codec *codec, const struct vector *vec, int row, struct strbuf *out,
                               struct error *err) {
    uint8_t b[8];
    int64_t rest;
    switch ((enum codec_kind)codec->kind) {
    case KIND_BYTES: {
        struct str bytes = strview_str((const struct strview *)vec->data + row);
        if (codec->cass->id == CASS_ASCII && !is_ascii(bytes)) return bad_text(codec, bytes, err);
        strbuf_add(out, bytes.data, bytes.len);
        return STATUS_OK;
    }
    case KIND_BOOL:
    case KIND_8: strbuf_add(out, (const uint8_t *)vec->data + row, 1); return STATUS_OK;
    case KIND_16: cass_put_u16(out, ((const uint16_t *)vec->data)[row]); return STATUS_OK;
    case KIND_32:
        cass_store_u32(b, ((const uint32_t *)vec->data)[row]);
        strbuf_add(out, b, 4);
        return STATUS_OK;
    case KIND_64: cass_put_i64(out, load_i64(vec, row)); return STATUS_OK;
    case KIND_TIMESTAMP: cass_put_i64(out, timestamp_millis(codec->type, load_i64(vec, row), &rest)); return STATUS_OK;
    case KIND_DATE:
        cass_store_u32(b, ((const uint32_t *)vec->data)[row] ^ 0x80000000u);
        strbuf_add(out, b, 4);
        return STATUS_OK;
    case KIND_TIME: cass_put_i64(out, load_i64(vec, row)); return STATUS_OK;
    case KIND_DURATION_ROW: return encode_duration_row(codec, vec, row, out, err);
    case KIND_WIDE:
    case KIND_MICROS: return error_set(err, STATUS_NOT_SUPPORTED, "column '%s' can only be read", codec->column);
    case KIND_UUID:
    case KIND_INET:
    case KIND_DURATION: {
        struct str text = strview_str((const struct strview *)vec->data + row);
        bool good;
        encode_text_value(codec, text, out, &good);
        return good ? STATUS_OK : bad_text(codec, text, err);
    }
    case KIND_NUMBER_TEXT: {
        struct str text = strview_str((const struct strview *)vec->data + row);
        bool decimal = codec->cass->id == CASS_DECIMAL;
        return cass_big_parse(text, decimal, out) ? STATUS_OK : bad_text(codec, text, err);
    }
    case KIND_VARINT: {
        int128 v = load_number(vec, row);
        if (codec->type->id == TYPE_DECIMAL && !decimal_rescale(v, codec->type->scale, TYPE_MAX_PRECISION, 0, &v))
            return error_set(err, STATUS_OUT_OF_RANGE, "column '%s': a number out of range", codec->column);
        cass_put_big(out, v);
        return STATUS_OK;
    }
    case KIND_DECIMAL:
        cass_put_i32(out, codec->type->scale);
        cass_put_big(out, load_number(vec, row));
        return STATUS_OK;
    case KIND_LIST:
    case KIND_VECTOR:
    case KIND_MAP: return encode_list(codec, vec, row, out, err);
    case KIND_TUPLE:
        for (int i = 0; i < codec->child_count; i++)
            TRY(cass_encode(&codec->children[i], &vec->children[i], row, out, err));
        return STATUS_OK;
    }
    return STATUS_OK;
}

enum status cass_encode(const struct cass_codec *codec, const struct vector *vec, int row, struct strbuf *out,
                        struct error *err) {
    assert(vec->form == VECTOR_FLAT);
    if (!validity_get(vec->validity, row)) {
        cass_put_i32(out, -1);
        return STATUS_OK;
    }
    size_t start = out->len;
    cass_put_i32(out, 0);
    enum status status = encode_body(codec, vec, row, out, err);
    if (status == STATUS_OK && out->len - start - 4 > INT32_MAX)
        status = error_set(err, STATUS_LIMIT_EXCEEDED, "column '%s': a value of more than 2 GB", codec->column);
    if (status != STATUS_OK) {
        out->len = start;
        return status;
    }
    cass_store_u32(out->data + start, (uint32_t)(out->len - start - 4));
    return STATUS_OK;
}

enum cass_match cass_encode_match(const struct cass_codec *codec, const struct vector *vec, int row,
                                  struct strbuf *out) {
    if (!cass_codec_matches(codec)) return CASS_MATCH_UNKNOWN;
    if (!validity_get(vec->validity, row)) return CASS_MATCH_NEVER;
    size_t start = out->len;
    switch ((enum codec_kind)codec->kind) {
    case KIND_32:
        if (codec->type->id == TYPE_FLOAT) {
            float f = ((const float *)vec->data)[row];
            if (f == 0 || f != f) return CASS_MATCH_UNKNOWN; /* 0.0 and -0.0, the NaNs: one value in SQL */
        }
        break;
    case KIND_64:
        if (codec->type->id == TYPE_DOUBLE) {
            double d = ((const double *)vec->data)[row];
            if (d == 0 || d != d) return CASS_MATCH_UNKNOWN;
        }
        break;
    case KIND_TIMESTAMP: {
        int64_t rest;
        timestamp_millis(codec->type, load_i64(vec, row), &rest);
        if (rest) return CASS_MATCH_NEVER;
        break;
    }
    case KIND_VARINT: {
        int128 v = load_number(vec, row);
        if (codec->type->id == TYPE_DECIMAL && v % decimal_pow10(codec->type->scale) != 0) return CASS_MATCH_NEVER;
        break;
    }
    default: break;
    }
    if (cass_encode(codec, vec, row, out, NULL) != STATUS_OK) return CASS_MATCH_NEVER;
    if (codec->kind == KIND_UUID || codec->kind == KIND_INET) {
        /* Equality of texts: only the form that a stored value is shown in is equal to it. */
        struct str text = strview_str((const struct strview *)vec->data + row);
        const uint8_t *p = (const uint8_t *)out->data + start + 4;
        char shown[MAX_TEXT];
        int len = 36;
        if (codec->kind == KIND_UUID)
            cass_uuid_format(p, shown);
        else
            len = format_inet(p, (int)(out->len - start - 4), shown);
        if (!str_equal(text, (struct str){shown, (size_t)len})) {
            out->len = start;
            return CASS_MATCH_NEVER;
        }
    }
    return CASS_MATCH_EXACT;
}

bool cass_codec_matches(const struct cass_codec *codec) {
    switch ((enum codec_kind)codec->kind) {
    case KIND_BYTES: /* CHAR, BINARY: padding; custom types have an equality and an order of their own */
        return codec->type->id != TYPE_CHAR && codec->type->id != TYPE_BINARY && codec->cass->id != CASS_CUSTOM;
    case KIND_BOOL:
    case KIND_8:
    case KIND_16:
    case KIND_32:
    case KIND_64:
    case KIND_DATE:
    case KIND_UUID:
    case KIND_INET:
    case KIND_VARINT: return true;
    case KIND_TIMESTAMP: return codec->type->precision >= 3;
    case KIND_TIME: return codec->type->precision == 9;
    default: return false; /* decimals are equal by value in SQL, by scale and value as Cassandra's keys */
    }
}

bool cass_codec_ordered(const struct cass_codec *codec) {
    switch ((enum codec_kind)codec->kind) {
    case KIND_32: return codec->type->id == TYPE_INT; /* NaN and -0.0 have other places */
    case KIND_64: return codec->type->id == TYPE_BIGINT;
    case KIND_UUID:
    case KIND_INET: return false; /* texts and bytes order differently, and timeuuids by time */
    default: return cass_codec_matches(codec);
    }
}

/* ---- Single values ---- */

enum status cass_encode_value(const struct cass_codec *codec, const struct value *value, struct strbuf *out,
                              struct error *err) {
    struct arena arena;
    arena_init(&arena, NULL);
    struct vector vec;
    vector_init(&vec, &arena, codec->type, 1);
    vector_set(&vec, &arena, 1, 0, value);
    enum status status = cass_encode(codec, &vec, 0, out, err);
    arena_destroy(&arena);
    return status;
}

enum cass_match cass_encode_value_match(const struct cass_codec *codec, const struct value *value, struct strbuf *out) {
    if (type_phys(value->type) != type_phys(codec->type)) return CASS_MATCH_UNKNOWN;
    struct arena arena;
    arena_init(&arena, NULL);
    struct vector vec;
    vector_init(&vec, &arena, codec->type, 1);
    vector_set(&vec, &arena, 1, 0, value);
    enum cass_match match = cass_encode_match(codec, &vec, 0, out);
    arena_destroy(&arena);
    return match;
}
