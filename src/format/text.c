#include "format/text.h"

#include <assert.h>

#include "format/format.h"
#include "types/cast.h"
#include "types/decimal.h"
#include "types/number.h"
#include "types/time.h"

/* ---- Reading ---- */

static struct str trim(const char *p, uint32_t len) {
    while (len && (*p == ' ' || *p == '\t')) p++, len--;
    while (len && (p[len - 1] == ' ' || p[len - 1] == '\t')) len--;
    return (struct str){p, len};
}

static bool is_word(struct str text, const char *word, size_t len) {
    if (text.len != len) return false;
    for (size_t i = 0; i < len; i++)
        if ((text.data[i] | 0x20) != word[i]) return false;
    return true;
}

static bool read_bool(struct str text, uint8_t *out) {
    if (is_word(text, "true", 4))
        *out = 1;
    else if (is_word(text, "false", 5))
        *out = 0;
    else
        return false;
    return true;
}

static bool read_int(struct str text, int64_t min, int64_t max, int64_t *out) {
    int64_t v;
    if (text.len < 19 && read_i64(text.data, (uint32_t)text.len, &v)) {
        if (v < min || v > max) return false;
        *out = v;
        return true;
    }
    return number_parse_int(text, min, max, out);
}

static bool read_double(struct str text, double *out) {
    return (text.len <= 20 && read_f64(text.data, (uint32_t)text.len, out)) || number_parse_double(text, out);
}

static bool read_decimal(const struct type *type, struct str text, int128 *out) {
    int64_t digits;
    int fraction;
    if (text.len <= 20 && read_fixed(text.data, (uint32_t)text.len, &digits, &fraction) && fraction <= type->scale &&
        type->scale - fraction <= TYPE_MAX_DECIMAL64) {
        int128 v = (int128)digits * decimal_pow10_64[type->scale - fraction];
        if (!decimal_fits(v, type->precision)) return false;
        *out = v;
        return true;
    }
    return decimal_parse(text, type->precision, type->scale, out) == DECIMAL_PARSE_OK;
}

/* Two digits, or a number above 99. */
static inline unsigned two_digits(const char *p) {
    unsigned tens = (unsigned)(unsigned char)p[0] - '0', ones = (unsigned)(unsigned char)p[1] - '0';
    return tens > 9 || ones > 9 ? 100 : tens * 10 + ones;
}

bool read_day(const char *p, struct day_cache *day) {
    int32_t days;
    unsigned century = two_digits(p), year = two_digits(p + 2), month = two_digits(p + 5), number = two_digits(p + 8);
    if (p[4] != '-' || p[7] != '-' || century > 99 || year > 99 || month > 12 || number > 31) return false;
    if (century * 100 + year == 0) return false; /* there is no year 0 */
    if (!date_from_civil((int32_t)(century * 100 + year), (int32_t)month, (int32_t)number, &days)) return false;
    memcpy(day->text, p, sizeof day->text);
    day->micros = days * MICROS_PER_DAY;
    return true;
}

static bool read_timestamp(struct str text, const struct type *type, int64_t *out) {
    struct day_cache day = {0};
    if (!type_is_nanos(type) && read_timestamp_micros(text.data, (uint32_t)text.len, type->precision, &day, out))
        return true;
    return cast_str_to_time(text, type, NULL, out) == CAST_OK;
}

static bool read_time(struct str text, const struct type *type, int64_t *out) {
    return cast_str_to_time(text, type, NULL, out) == CAST_OK;
}

bool text_read(struct vector *vec, int row, const char *p, uint32_t len, struct arena *arena) {
    const struct type *type = vec->type;
    if (vec->phys == PHYS_STR) {
        struct str text = {p, len};
        if (type_is_bytes(type) && !base64_decode(text, arena, &text)) return false;
        ((struct strview *)vec->data)[row] = strview_make(text.data, (uint32_t)text.len);
        return true;
    }
    struct str text = trim(p, len);
    int64_t v = 0;
    double d = 0;
    int128 wide;
    switch (type->id) {
    case TYPE_BOOLEAN: return read_bool(text, &((uint8_t *)vec->data)[row]);
    case TYPE_TINYINT:
        if (!read_int(text, INT8_MIN, INT8_MAX, &v)) return false;
        ((int8_t *)vec->data)[row] = (int8_t)v;
        return true;
    case TYPE_SMALLINT:
        if (!read_int(text, INT16_MIN, INT16_MAX, &v)) return false;
        ((int16_t *)vec->data)[row] = (int16_t)v;
        return true;
    case TYPE_INT:
    case TYPE_INTERVAL_YEAR_MONTH:
        if (!read_int(text, INT32_MIN, INT32_MAX, &v)) return false;
        ((int32_t *)vec->data)[row] = (int32_t)v;
        return true;
    case TYPE_BIGINT:
    case TYPE_INTERVAL_DAY_TIME: return read_int(text, INT64_MIN, INT64_MAX, &((int64_t *)vec->data)[row]);
    case TYPE_FLOAT:
        if (!read_double(text, &d)) return false;
        ((float *)vec->data)[row] = (float)d;
        return true;
    case TYPE_DOUBLE: return read_double(text, &((double *)vec->data)[row]);
    case TYPE_DECIMAL:
        if (!read_decimal(type, text, &wide)) return false;
        if (vec->phys == PHYS_I64)
            ((int64_t *)vec->data)[row] = (int64_t)wide;
        else
            ((int128 *)vec->data)[row] = wide;
        return true;
    case TYPE_DATE:
        if (!read_time(text, type, &v)) return false;
        ((int32_t *)vec->data)[row] = (int32_t)v;
        return true;
    case TYPE_TIME: return read_time(text, type, &((int64_t *)vec->data)[row]);
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMP_LTZ: return read_timestamp(text, type, &((int64_t *)vec->data)[row]);
    default: break;
    }
    assert(!"scalar type");
    return false;
}

/* ---- Writing ---- */

/* Adds formatted time text without the zeros its fraction ends with, as Java's DateTimeFormatter writes it. */
static void put_time(struct strbuf *out, char *text, int len, enum text_style style) {
    if (memchr(text, '.', (size_t)len)) {
        while (text[len - 1] == '0') len--;
        if (text[len - 1] == '.') len--;
    }
    char *blank = style == TEXT_ISO_8601 ? memchr(text, ' ', (size_t)len) : NULL;
    if (blank) *blank = 'T';
    strbuf_add(out, text, (size_t)len);
}

void text_write(struct strbuf *out, const struct vector *vec, int row, enum text_style style) {
    const struct type *type = vec->type;
    char buf[DECIMAL_MAX_TEXT];
    _Static_assert(sizeof buf >= NUMBER_MAX_TEXT && sizeof buf >= TIME_MAX_TEXT, "room for any scalar");
    int len = 0;
    switch (type->id) {
    case TYPE_BOOLEAN: strbuf_puts(out, ((const uint8_t *)vec->data)[row] ? "true" : "false"); return;
    case TYPE_TINYINT: len = number_format_int(((const int8_t *)vec->data)[row], buf); break;
    case TYPE_SMALLINT: len = number_format_int(((const int16_t *)vec->data)[row], buf); break;
    case TYPE_INT:
    case TYPE_INTERVAL_YEAR_MONTH: len = number_format_int(((const int32_t *)vec->data)[row], buf); break;
    case TYPE_BIGINT:
    case TYPE_INTERVAL_DAY_TIME: len = number_format_int(((const int64_t *)vec->data)[row], buf); break;
    case TYPE_FLOAT: len = number_format_float(((const float *)vec->data)[row], buf); break;
    case TYPE_DOUBLE: len = number_format_double(((const double *)vec->data)[row], buf); break;
    case TYPE_DECIMAL:
        len = decimal_format(vec->phys == PHYS_I64 ? (int128)((const int64_t *)vec->data)[row]
                                                   : ((const int128 *)vec->data)[row],
                             type->scale, buf);
        break;
    case TYPE_CHAR:
    case TYPE_VARCHAR:
    case TYPE_BINARY:
    case TYPE_VARBINARY: {
        struct str text = strview_str(&((const struct strview *)vec->data)[row]);
        if (type_is_bytes(type))
            base64_encode(out, (const uint8_t *)text.data, text.len);
        else
            strbuf_add(out, text.data, text.len);
        return;
    }
    case TYPE_DATE: len = date_format(((const int32_t *)vec->data)[row], buf); break;
    case TYPE_TIME:
        len = time_format(((const int64_t *)vec->data)[row], type->precision, buf);
        put_time(out, buf, len, style);
        return;
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMP_LTZ:
        len = timestamp_format(((const int64_t *)vec->data)[row], type->precision, buf);
        put_time(out, buf, len, style);
        if (type->id == TYPE_TIMESTAMP_LTZ) strbuf_putc(out, 'Z');
        return;
    default: assert(!"scalar type"); return;
    }
    strbuf_add(out, buf, (size_t)len);
}

/* ---- Base64 ---- */

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(struct strbuf *out, const uint8_t *bytes, size_t len) {
    strbuf_reserve(out, (len + 2) / 3 * 4);
    for (size_t i = 0; i < len; i += 3) {
        uint32_t group = (uint32_t)bytes[i] << 16;
        if (i + 1 < len) group |= (uint32_t)bytes[i + 1] << 8;
        if (i + 2 < len) group |= bytes[i + 2];
        strbuf_putc(out, base64_digits[group >> 18]);
        strbuf_putc(out, base64_digits[group >> 12 & 63]);
        strbuf_putc(out, i + 1 < len ? base64_digits[group >> 6 & 63] : '=');
        strbuf_putc(out, i + 2 < len ? base64_digits[group & 63] : '=');
    }
}

static int base64_value(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == '+') return 62;
    if (c == '/') return 63;
    return -1;
}

bool base64_decode(struct str text, struct arena *arena, struct str *out) {
    if (text.len % 4 != 0) return false;
    size_t pad = 0;
    while (pad < 2 && pad < text.len && text.data[text.len - 1 - pad] == '=') pad++;
    size_t len = text.len / 4 * 3 - pad;
    uint8_t *bytes = arena_alloc(arena, len + 3);
    for (size_t i = 0, n = 0; i < text.len; i += 4, n += 3) {
        uint32_t group = 0;
        for (size_t j = 0; j < 4; j++) {
            bool is_pad = i + j >= text.len - pad;
            int value = is_pad ? 0 : base64_value(text.data[i + j]);
            if (value < 0) return false;
            group = group << 6 | (uint32_t)value;
        }
        bytes[n] = (uint8_t)(group >> 16);
        bytes[n + 1] = (uint8_t)(group >> 8);
        bytes[n + 2] = (uint8_t)group;
    }
    *out = (struct str){(const char *)bytes, len};
    return true;
}

/* ---- Hexadecimal ---- */

static int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool text_read_encoded(struct vector *vec, int row, const char *p, uint32_t len, enum bytes_encoding encoding,
                       struct arena *arena) {
    bool is_hex = encoding == BYTES_HEX && type_is_bytes(vec->type) && len >= 2 && p[0] == '0' && (p[1] | 0x20) == 'x';
    if (!is_hex) return text_read(vec, row, p, len, arena);
    if (len % 2) return false;
    uint32_t size = len / 2 - 1;
    char *bytes = arena_alloc(arena, (size_t)size + 1);
    for (uint32_t i = 0; i < size; i++) {
        int high = hex_value(p[2 + 2 * i]), low = hex_value(p[3 + 2 * i]);
        if (high < 0 || low < 0) return false;
        bytes[i] = (char)(high * 16 + low);
    }
    ((struct strview *)vec->data)[row] = strview_make(bytes, size);
    return true;
}

void text_write_encoded(struct strbuf *out, const struct vector *vec, int row, enum text_style style,
                        enum bytes_encoding encoding) {
    if (encoding != BYTES_HEX || !type_is_bytes(vec->type)) {
        text_write(out, vec, row, style);
        return;
    }
    static const char digits[] = "0123456789abcdef";
    struct str bytes = strview_str(&((const struct strview *)vec->data)[row]);
    strbuf_reserve(out, 2 * bytes.len + 2);
    strbuf_puts(out, "0x");
    for (size_t i = 0; i < bytes.len; i++) {
        strbuf_putc(out, digits[(uint8_t)bytes.data[i] >> 4]);
        strbuf_putc(out, digits[(uint8_t)bytes.data[i] & 15]);
    }
}

/* ---- Messages ---- */

const char *text_show(struct arena *arena, const char *p, size_t len) {
    struct strbuf buf = {0};
    size_t shown = len < FORMAT_MAX_SHOWN_BYTES ? len : FORMAT_MAX_SHOWN_BYTES;
    if (shown < len)
        while (shown && ((unsigned char)p[shown] & 0xC0) == 0x80) shown--; /* not within a character */
    bool valid = utf8_valid(p, shown);
    strbuf_putc(&buf, '\'');
    for (size_t i = 0; i < shown; i++) {
        unsigned char c = (unsigned char)p[i];
        if (c < 0x20 || c == 0x7F || (c >= 0x80 && !valid))
            strbuf_printf(&buf, "\\x%02X", c);
        else
            strbuf_putc(&buf, (char)c);
    }
    strbuf_puts(&buf, shown < len ? "…'" : "'");
    char *out = arena_strndup(arena, buf.data, buf.len);
    strbuf_free(&buf);
    return out;
}
