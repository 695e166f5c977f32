/* Values as text: for people, for CAST and as SQL. */
#include "types/cast.h"

/* x'00ab' for people, X'00AB' in SQL: Flink shows them so. */
static void put_bytes(struct strbuf *buf, char prefix, struct str bytes) {
    const char *digits = prefix == 'x' ? "0123456789abcdef" : "0123456789ABCDEF";
    strbuf_reserve(buf, bytes.len * 2 + 3);
    strbuf_putc(buf, prefix);
    strbuf_putc(buf, '\'');
    for (size_t i = 0; i < bytes.len; i++) {
        strbuf_putc(buf, digits[(unsigned char)bytes.data[i] >> 4]);
        strbuf_putc(buf, digits[(unsigned char)bytes.data[i] & 15]);
    }
    strbuf_putc(buf, '\'');
}

/* BOOLEAN, numbers and times of a value that is not NULL. */
static void put_scalar(struct strbuf *buf, const struct value *value, const struct time_zone *zone) {
    char text[64];
    _Static_assert(sizeof text >= (size_t)NUMBER_MAX_TEXT && sizeof text >= (size_t)TIME_MAX_TEXT, "room");
    _Static_assert(sizeof text >= (size_t)DECIMAL_MAX_TEXT, "room");
    int len;
    switch (value->type->id) {
    case TYPE_BOOLEAN: strbuf_puts(buf, value->boolean ? "TRUE" : "FALSE"); return;
    case TYPE_TINYINT:
    case TYPE_SMALLINT:
    case TYPE_INT:
    case TYPE_BIGINT: len = number_format_int(value->i64, text); break;
    case TYPE_FLOAT: len = number_format_float(value->f32, text); break;
    case TYPE_DOUBLE: len = number_format_double(value->f64, text); break;
    case TYPE_DECIMAL: len = decimal_format(value_decimal(value), value->type->scale, text); break;
    default: len = cast_time_to_text(value->type, value->i64, zone, text);
    }
    strbuf_add(buf, text, (size_t)len);
}

void value_print(struct strbuf *buf, const struct value *value, const struct time_zone *zone) {
    if (value->is_null) {
        strbuf_puts(buf, "NULL");
        return;
    }
    const struct value *items = value->list.items;
    switch (value->type->id) {
    case TYPE_CHAR:
    case TYPE_VARCHAR: strbuf_add(buf, value->str.data, value->str.len); break;
    case TYPE_BINARY:
    case TYPE_VARBINARY: put_bytes(buf, 'x', value->str); break;
    case TYPE_ARRAY:
    case TYPE_ROW:
        strbuf_putc(buf, value->type->id == TYPE_ARRAY ? '[' : '(');
        for (int i = 0; i < value->list.count; i++) {
            if (i) strbuf_puts(buf, ", ");
            value_print(buf, &items[i], zone);
        }
        strbuf_putc(buf, value->type->id == TYPE_ARRAY ? ']' : ')');
        break;
    case TYPE_MAP:
    case TYPE_MULTISET:
        strbuf_putc(buf, '{');
        for (int i = 0; i < value->list.count; i++) {
            if (i) strbuf_puts(buf, ", ");
            value_print(buf, &items[2 * i], zone);
            strbuf_putc(buf, '=');
            value_print(buf, &items[2 * i + 1], zone);
        }
        strbuf_putc(buf, '}');
        break;
    default: put_scalar(buf, value, zone);
    }
}

void cast_value_to_text(struct strbuf *buf, const struct value *value, const struct time_zone *zone) {
    if (!value->is_null && type_is_bytes(value->type)) {
        struct arena arena;
        arena_init(&arena, NULL);
        struct str text = cast_bytes_to_text(&arena, value->str);
        strbuf_add(buf, text.data, text.len);
        arena_destroy(&arena);
    } else {
        value_print(buf, value, zone);
    }
}

/* ---- SQL. ---- */

static void put_type(struct strbuf *buf, const struct type *type) {
    struct type nullable = *type;
    nullable.nullable = true;
    type_print(buf, &nullable);
}

/* CAST('text' AS type) */
static void put_cast(struct strbuf *buf, const struct value *value) {
    struct strbuf text = {0};
    put_scalar(&text, value, NULL);
    if (value->type->id == TYPE_TIMESTAMP_LTZ) strbuf_putc(&text, 'Z');
    strbuf_puts(buf, "CAST(");
    strbuf_put_literal(buf, text.data, text.len);
    strbuf_puts(buf, " AS ");
    put_type(buf, value->type);
    strbuf_putc(buf, ')');
    strbuf_free(&text);
}

/* DOUBLE literals have an exponent: 1.5E0. Infinity and NaN have no literal. */
static void put_double(struct strbuf *buf, const struct value *value) {
    char text[NUMBER_MAX_TEXT];
    int len = number_format_double(value->f64, text);
    if (text[len - 1] > '9') {
        put_cast(buf, value);
        return;
    }
    strbuf_add(buf, text, (size_t)len);
    if (!memchr(text, 'E', (size_t)len)) strbuf_puts(buf, "E0");
}

static void put_keyword(struct strbuf *buf, const char *keyword, const struct value *value, const char *suffix) {
    strbuf_puts(buf, keyword);
    strbuf_puts(buf, " '");
    put_scalar(buf, value, NULL);
    strbuf_putc(buf, '\'');
    strbuf_puts(buf, suffix);
}

static void put_nested(struct strbuf *buf, const struct value *value) {
    static const char *const names[] = {
        [TYPE_ARRAY] = "ARRAY[", [TYPE_MAP] = "MAP[", [TYPE_MULTISET] = "MULTISET[", [TYPE_ROW] = "ROW("};
    enum type_id id = value->type->id;
    bool cast = value->list.count == 0; /* an empty one says nothing about its elements */
    if (cast) strbuf_puts(buf, "CAST(");
    strbuf_puts(buf, names[id]);
    for (int i = 0, count = value_item_count(value); i < count; i++) {
        if (i) strbuf_puts(buf, ", ");
        value_print_sql(buf, &value->list.items[i]);
    }
    strbuf_putc(buf, id == TYPE_ROW ? ')' : ']');
    if (!cast) return;
    strbuf_puts(buf, " AS ");
    put_type(buf, value->type);
    strbuf_putc(buf, ')');
}

void value_print_sql(struct strbuf *buf, const struct value *value) {
    if (value->is_null) {
        if (value->type->id == TYPE_NULL) {
            strbuf_puts(buf, "NULL");
            return;
        }
        strbuf_puts(buf, "CAST(NULL AS ");
        put_type(buf, value->type);
        strbuf_putc(buf, ')');
        return;
    }
    switch (value->type->id) {
    case TYPE_CHAR:
    case TYPE_VARCHAR: strbuf_put_literal(buf, value->str.data, value->str.len); break;
    case TYPE_BINARY:
    case TYPE_VARBINARY: put_bytes(buf, 'X', value->str); break;
    case TYPE_BIGINT:
        if (value->i64 == INT64_MIN) /* its digits alone are too large a number */
            put_cast(buf, value);
        else
            put_scalar(buf, value, NULL);
        break;
    case TYPE_DOUBLE: put_double(buf, value); break;
    case TYPE_FLOAT:
    case TYPE_TIMESTAMP_LTZ: put_cast(buf, value); break;
    case TYPE_DATE: put_keyword(buf, "DATE", value, ""); break;
    case TYPE_TIME: put_keyword(buf, "TIME", value, ""); break;
    case TYPE_TIMESTAMP: put_keyword(buf, "TIMESTAMP", value, ""); break;
    case TYPE_INTERVAL_YEAR_MONTH: put_keyword(buf, "INTERVAL", value, " YEAR TO MONTH"); break;
    case TYPE_INTERVAL_DAY_TIME: put_keyword(buf, "INTERVAL", value, " DAY TO SECOND(3)"); break;
    case TYPE_ARRAY:
    case TYPE_MAP:
    case TYPE_MULTISET:
    case TYPE_ROW: put_nested(buf, value); break;
    default: put_scalar(buf, value, NULL);
    }
}
