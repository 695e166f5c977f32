/* Cells as text, and how wide text is on a terminal. */
#include "shell/text.h"

#include <utf8proc.h>

#include "format/text.h"
#include "types/cast.h"

/* ---- Cells ---- */

/* Looks through CONST and DICT. */
static const struct vector *flat_cell(const struct vector *vec, int *row) {
    if (vec->form == VECTOR_CONST) {
        *row = 0;
    } else if (vec->form == VECTOR_DICT) {
        *row = vec->index[*row];
        vec = vec->dict;
    }
    return vec;
}

static int64_t cell_i64(const struct vector *vec, int row) {
    switch (vec->phys) {
    case PHYS_BOOL: return ((const uint8_t *)vec->data)[row];
    case PHYS_I8: return ((const int8_t *)vec->data)[row];
    case PHYS_I16: return ((const int16_t *)vec->data)[row];
    case PHYS_I32: return ((const int32_t *)vec->data)[row];
    default: return ((const int64_t *)vec->data)[row];
    }
}

/* The types whose text has no more than this many bytes and needs no value: all but strings, bytes and nested ones. */
enum { SCALAR_TEXT = 64 };
_Static_assert(SCALAR_TEXT >= (int)NUMBER_MAX_TEXT && SCALAR_TEXT >= (int)DECIMAL_MAX_TEXT &&
                   SCALAR_TEXT >= (int)TIME_MAX_TEXT,
               "room");

static int scalar_text(const struct vector *vec, int row, const struct time_zone *zone, char text[SCALAR_TEXT]) {
    switch (vec->type->id) {
    case TYPE_FLOAT: return number_format_float(((const float *)vec->data)[row], text);
    case TYPE_DOUBLE: return number_format_double(((const double *)vec->data)[row], text);
    case TYPE_DECIMAL:
        return decimal_format(vec->phys == PHYS_I128 ? ((const int128 *)vec->data)[row] : cell_i64(vec, row),
                              vec->type->scale, text);
    case TYPE_TINYINT:
    case TYPE_SMALLINT:
    case TYPE_INT:
    case TYPE_BIGINT: return number_format_int(cell_i64(vec, row), text);
    default: return cast_time_to_text(vec->type, cell_i64(vec, row), zone, text);
    }
}

void cell_put(struct strbuf *out, const struct vector *vec, int row, const struct time_zone *zone) {
    if (vector_is_null(vec, row)) {
        strbuf_puts(out, "NULL");
        return;
    }
    vec = flat_cell(vec, &row);
    if (type_is_char(vec->type)) {
        const struct strview *view = &((const struct strview *)vec->data)[row];
        strbuf_add(out, strview_data(view), view->len);
    } else if (vec->type->id == TYPE_BOOLEAN) {
        strbuf_puts(out, cell_i64(vec, row) ? "TRUE" : "FALSE");
    } else if (type_is_bytes(vec->type) || type_is_nested(vec->type)) {
        struct arena arena;
        arena_init(&arena, NULL);
        struct value value = vector_get(vec, row, &arena);
        value_print(out, &value, zone);
        arena_destroy(&arena);
    } else {
        char text[SCALAR_TEXT];
        strbuf_add(out, text, (size_t)scalar_text(vec, row, zone, text));
    }
}

/* ---- JSON ---- */

void text_put_json(struct strbuf *out, const char *text, size_t len) {
    strbuf_putc(out, '"');
    for (size_t i = 0, start = 0; i <= len;) {
        /* up to the next byte that needs care */
        while (i < len && (unsigned char)text[i] >= 0x20 && (unsigned char)text[i] < 0x80 && text[i] != '"' &&
               text[i] != '\\')
            i++;
        strbuf_add(out, text + start, i - start);
        if (i == len) break;
        unsigned char c = (unsigned char)text[i];
        if (c >= 0x80) {
            utf8proc_int32_t code;
            utf8proc_ssize_t n =
                utf8proc_iterate((const utf8proc_uint8_t *)text + i, (utf8proc_ssize_t)(len - i), &code);
            if (n > 0)
                strbuf_add(out, text + i, (size_t)n);
            else
                strbuf_puts(out, "\xEF\xBF\xBD");
            i += n > 0 ? (size_t)n : 1;
        } else {
            switch (c) {
            case '"': strbuf_puts(out, "\\\""); break;
            case '\\': strbuf_puts(out, "\\\\"); break;
            case '\b': strbuf_puts(out, "\\b"); break;
            case '\f': strbuf_puts(out, "\\f"); break;
            case '\n': strbuf_puts(out, "\\n"); break;
            case '\r': strbuf_puts(out, "\\r"); break;
            case '\t': strbuf_puts(out, "\\t"); break;
            default: strbuf_printf(out, "\\u%04X", c);
            }
            i++;
        }
        start = i;
    }
    strbuf_putc(out, '"');
}

static void put_json_value(struct strbuf *out, const struct value *value, const struct time_zone *zone);

static void put_json_members(struct strbuf *out, const struct value *value, const struct time_zone *zone) {
    const struct value *items = value->list.items;
    struct strbuf key = {0};
    strbuf_putc(out, '{');
    for (int i = 0; i < value->list.count; i++) {
        if (i) strbuf_putc(out, ',');
        if (value->type->id == TYPE_ROW) {
            const char *name = value->type->names[i];
            text_put_json(out, name, strlen(name));
            strbuf_putc(out, ':');
            put_json_value(out, &items[i], zone);
        } else {
            strbuf_clear(&key);
            value_print(&key, &items[2 * i], zone);
            text_put_json(out, key.data ? key.data : "", key.len);
            strbuf_putc(out, ':');
            put_json_value(out, &items[2 * i + 1], zone);
        }
    }
    strbuf_putc(out, '}');
    strbuf_free(&key);
}

static void put_json_value(struct strbuf *out, const struct value *value, const struct time_zone *zone) {
    if (value->is_null) {
        strbuf_puts(out, "null");
        return;
    }
    switch (value->type->id) {
    case TYPE_BOOLEAN: strbuf_puts(out, value->boolean ? "true" : "false"); break;
    case TYPE_CHAR:
    case TYPE_VARCHAR: text_put_json(out, value->str.data, value->str.len); break;
    case TYPE_BINARY:
    case TYPE_VARBINARY:
        strbuf_putc(out, '"');
        base64_encode(out, (const uint8_t *)value->str.data, value->str.len);
        strbuf_putc(out, '"');
        break;
    case TYPE_ARRAY:
        strbuf_putc(out, '[');
        for (int i = 0; i < value->list.count; i++) {
            if (i) strbuf_putc(out, ',');
            put_json_value(out, &value->list.items[i], zone);
        }
        strbuf_putc(out, ']');
        break;
    case TYPE_ROW:
    case TYPE_MAP:
    case TYPE_MULTISET: put_json_members(out, value, zone); break;
    default: {
        struct strbuf text = {0};
        value_print(&text, value, zone);
        /* NaN, Infinity and -Infinity end in letters */
        bool bare = type_is_numeric(value->type) && text.data[text.len - 1] <= '9';
        if (!bare) strbuf_putc(out, '"');
        strbuf_add(out, text.data, text.len);
        if (!bare) strbuf_putc(out, '"');
        strbuf_free(&text);
    }
    }
}

void cell_put_json(struct strbuf *out, const struct vector *vec, int row, const struct time_zone *zone) {
    if (vector_is_null(vec, row)) {
        strbuf_puts(out, "null");
        return;
    }
    vec = flat_cell(vec, &row);
    if (type_is_char(vec->type)) {
        const struct strview *view = &((const struct strview *)vec->data)[row];
        text_put_json(out, strview_data(view), view->len);
    } else if (vec->type->id == TYPE_BOOLEAN) {
        strbuf_puts(out, cell_i64(vec, row) ? "true" : "false");
    } else if (type_is_bytes(vec->type) || type_is_nested(vec->type)) {
        struct arena arena;
        arena_init(&arena, NULL);
        struct value value = vector_get(vec, row, &arena);
        put_json_value(out, &value, zone);
        arena_destroy(&arena);
    } else {
        char text[SCALAR_TEXT];
        int len = scalar_text(vec, row, zone, text);
        bool bare = type_is_numeric(vec->type) && text[len - 1] <= '9';
        if (!bare) strbuf_putc(out, '"');
        strbuf_add(out, text, (size_t)len);
        if (!bare) strbuf_putc(out, '"');
    }
}

/* ---- Terminals ---- */

void text_put_safe(struct strbuf *out, const char *text, size_t len, bool keep_newlines) {
    for (size_t i = 0, start = 0; i <= len;) {
        while (i < len && (unsigned char)text[i] >= 0x20 && (unsigned char)text[i] < 0x7F) i++;
        strbuf_add(out, text + start, i - start);
        if (i == len) break;
        unsigned char c = (unsigned char)text[i];
        if (c >= 0x80) {
            utf8proc_int32_t code;
            utf8proc_ssize_t n =
                utf8proc_iterate((const utf8proc_uint8_t *)text + i, (utf8proc_ssize_t)(len - i), &code);
            if (n <= 0)
                strbuf_puts(out, "\xEF\xBF\xBD");
            else if (code < 0xA0) /* C1 control characters */
                strbuf_printf(out, "\\x%02X", (unsigned)code);
            else
                strbuf_add(out, text + i, (size_t)n);
            i += n > 0 ? (size_t)n : 1;
        } else {
            if (c == '\n' && keep_newlines)
                strbuf_putc(out, '\n');
            else if (c == '\n' || c == '\t' || c == '\r')
                strbuf_puts(out, c == '\n' ? "\\n" : c == '\t' ? "\\t" : "\\r");
            else
                strbuf_printf(out, "\\x%02X", c);
            i++;
        }
        start = i;
    }
}

/* The cluster at text: its bytes (at least 1) and its width. */
static size_t cluster_next(const char *text, size_t len, int *width) {
    const utf8proc_uint8_t *bytes = (const utf8proc_uint8_t *)text;
    if (len >= 2 && bytes[0] < 0x80 && bytes[1] < 0x80) { /* nothing combines with ASCII but what is not ASCII */
        *width = 1;
        return 1;
    }
    utf8proc_int32_t code, next, state = 0;
    utf8proc_ssize_t n = utf8proc_iterate(bytes, (utf8proc_ssize_t)len, &code);
    if (n <= 0) {
        *width = 1;
        return 1;
    }
    size_t used = (size_t)n;
    int widest = utf8proc_charwidth(code);
    bool regional = code >= 0x1F1E6 && code <= 0x1F1FF;
    while (used < len) {
        n = utf8proc_iterate(bytes + used, (utf8proc_ssize_t)(len - used), &next);
        if (n <= 0 || utf8proc_grapheme_break_stateful(code, next, &state)) break;
        int more = utf8proc_charwidth(next);
        /* the emoji form of a character (VS16) and a flag (two letters) take two columns */
        if (next == 0xFE0F || (regional && next >= 0x1F1E6 && next <= 0x1F1FF)) more = 2;
        if (more > widest) widest = more;
        used += (size_t)n;
        code = next;
    }
    *width = widest;
    return used;
}

size_t text_fit(const char *text, size_t len, int max_width, int *width) {
    size_t used = 0;
    int total = 0;
    while (used < len) {
        int w;
        size_t n = cluster_next(text + used, len - used, &w);
        if (total + w > max_width) break;
        total += w;
        used += n;
    }
    *width = total;
    return used;
}

int text_width(const char *text, size_t len) {
    size_t ascii = 0;
    while (ascii < len && (unsigned char)text[ascii] < 0x80) ascii++;
    if (ascii == len) return (int)len;
    int width;
    text_fit(text, len, INT32_MAX - 8, &width);
    return width;
}

void text_put_count(struct strbuf *out, int64_t count) {
    char digits[NUMBER_MAX_TEXT];
    int len = number_format_int(count, digits), first = digits[0] == '-';
    for (int i = 0; i < len; i++) {
        if (i > first && (len - i) % 3 == 0) strbuf_putc(out, ',');
        strbuf_putc(out, digits[i]);
    }
}

void text_put_duration(struct strbuf *out, int64_t nanos) {
    int64_t ms = nanos / 1000000;
    if (ms < 1000)
        strbuf_printf(out, "%lld ms", (long long)ms);
    else if (ms < 60000)
        strbuf_printf(out, ms < 10000 ? "%.2f s" : "%.1f s", (double)ms / 1000);
    else if (ms < 3600000)
        strbuf_printf(out, "%lld min %lld s", (long long)(ms / 60000), (long long)(ms / 1000 % 60));
    else
        strbuf_printf(out, "%lld h %lld min", (long long)(ms / 3600000), (long long)(ms / 60000 % 60));
}
