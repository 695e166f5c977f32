/* JSON (RFC 8259): one object per line of a file, or per message, with the options of Flink's json format.
 *
 * The reader goes through a record once, checks all of it, and writes the projected fields straight into vectors: strings
 * without escapes borrow from the input, numbers keep every digit for DECIMAL, and what is not projected is only checked.
 * (simdjson validates the UTF-8. Its parsers do not fit here: on-demand does not validate what it skips, the DOM refuses
 * integers beyond 64 bits and loses the digits of decimals, and both copy strings.)
 *
 * As in Flink: a missing field is NULL (unless json.fail-on-missing-field), the last of equal keys wins, numbers and
 * booleans are also read from strings, a STRING column takes any value as its text, MAP and MULTISET are objects. Keys that are
 * no strings (Flink refuses them) stand there as their text, nested ones as JSON within the string.
 * Timestamps are read in both standards, the option decides how they are written. An integer column takes 2.0 and 2e3 but
 * not 2.5. Malformed records are errors; with json.ignore-parse-errors a value that its type cannot take is NULL, and a record that
 * is no JSON is skipped. */
#include <assert.h>

#include "format/format_private.h"
#include "format/scan.h"
#include "format/text.h"
#include "types/number.h"

enum {
    JSON_MAX_DEPTH = 256,      /* of arrays and objects within each other */
    JSON_MAX_NESTED_KEYS = 64, /* types of MAP keys that are nested, in one reader */
    JSON_NAMES_RECORDS = 1000, /* looked at for the names of a file's fields */
};

static const struct option_def json_options[] = {
    {.name = "json.fail-on-missing-field",
     .type = OPTION_BOOL,
     .default_value = "false",
     .doc = "a field that the query needs must be there; otherwise it is NULL when missing"},
    {.name = "json.ignore-parse-errors",
     .type = OPTION_BOOL,
     .default_value = "false",
     .doc = "a value that cannot be read is NULL (in a NOT NULL column its record is skipped), and a record that is no "
            "JSON is skipped and counted, instead of failing the query"},
    {.name = "json.timestamp-format.standard",
     .type = OPTION_ENUM,
     .choices = "SQL|ISO-8601",
     .default_value = "SQL",
     .doc = "how timestamps are written: 2024-01-05 10:11:12.123 or 2024-01-05T10:11:12.123; both are read"},
    {.name = "json.map-null-key.mode",
     .type = OPTION_ENUM,
     .choices = "FAIL|DROP|LITERAL",
     .default_value = "FAIL",
     .doc = "writing a MAP with a NULL key fails, drops the entry, or writes json.map-null-key.literal"},
    {.name = "json.map-null-key.literal",
     .type = OPTION_STRING,
     .default_value = "null",
     .doc = "the key that stands for NULL when json.map-null-key.mode is LITERAL"},
    {.name = "json.encode.decimal-as-plain-number",
     .type = OPTION_BOOL,
     .default_value = "false",
     .doc = "writes 0.000000027 and not 2.7E-8"},
    {.name = "json.encode.ignore-null-fields",
     .type = OPTION_BOOL,
     .default_value = "false",
     .doc = "leaves out fields that are NULL"},
    {.name = "json.decode.json-parser.enabled",
     .type = OPTION_BOOL,
     .default_value = "true",
     .doc = "changes nothing: it chooses among Flink's parsers"},
    FORMAT_BYTES_OPTION("json"),
    OPTION_END,
};

static bool has_keys(const struct type *type) { return type->id == TYPE_MAP || type->id == TYPE_MULTISET; }

static enum status check_type(const char *column, const struct type *type, int *nested_keys, struct error *err) {
    if (type->id == TYPE_NULL)
        return error_set(err, STATUS_NOT_SUPPORTED, "format 'json' cannot carry column '%s' of type NULL", column);
    if (has_keys(type)) *nested_keys += type_is_nested(type->children[0]);
    for (int i = 0; i < type->child_count; i++) TRY(check_type(column, type->children[i], nested_keys, err));
    return STATUS_OK;
}

static enum status json_check(const struct format_schema *schema, const struct option_list *options,
                              struct error *err) {
    (void)options;
    int nested_keys = 0;
    for (int i = 0; i < schema->field_count; i++)
        TRY(check_type(schema->names[i], schema->types[i], &nested_keys, err));
    if (nested_keys > JSON_MAX_NESTED_KEYS)
        return error_set(err, STATUS_LIMIT_EXCEEDED, "format 'json': more than %d MAPs have nested keys",
                         JSON_MAX_NESTED_KEYS);
    return STATUS_OK;
}

static enum bytes_encoding bytes_of(const struct option_list *options) {
    return str_compare_nocase(option_string(options, json_options, "json.bytes-encoding"), "hex") == 0 ? BYTES_HEX
                                                                                                       : BYTES_BASE64;
}

/* ---- Reader ---- */

/* The fields of an object and where they go; one per ROW type in the projected fields, the record's own first. */
struct object_plan {
    int field_count;
    const char *const *names;
    uint32_t *lens;
    int number;      /* of the plan: index into decoding.seen */
    uint16_t *table; /* hash table of field + 1, 0 free; NULL when there are few fields */
    uint32_t table_mask;
    struct object_plan **children; /* by field: the plan of the ROW in it, at any depth of ARRAY and MAP; or NULL */
};

enum { PLAN_LINEAR_FIELDS = 6 };

struct json_reader {
    struct format_reader base;
    bool fail_on_missing, ignore_errors;
    enum bytes_encoding bytes;
    struct arena arena; /* of the plans */
    struct object_plan *root;
    int plan_count;
    const struct object_plan **plans;
    /* of the ROWs in the nested keys of MAPs, by the key's type */
    int key_count;
    const struct type *key_types[JSON_MAX_NESTED_KEYS];
    struct object_plan *key_plans[JSON_MAX_NESTED_KEYS];
};

static uint32_t hash_key(const char *p, uint32_t len) {
    uint32_t hash = len * 0x9E3779B1u;
    for (uint32_t i = 0; i < len; i++) hash = (hash ^ (uint8_t)p[i]) * 16777619u;
    return hash ^ hash >> 15;
}

static struct object_plan *make_plan(struct json_reader *reader, int field_count, const char *const *names,
                                     const struct type *const *types);

/* The plan for the objects of a type: of the ROW itself, or of the elements and values that are ROWs. */
static struct object_plan *plan_of_type(struct json_reader *reader, const struct type *type) {
    if (has_keys(type) && type_is_nested(type->children[0])) {
        struct object_plan *plan = plan_of_type(reader, type->children[0]);
        reader->key_types[reader->key_count] = type->children[0];
        reader->key_plans[reader->key_count++] = plan;
    }
    if (type->id == TYPE_ROW) return make_plan(reader, type->child_count, type->names, type->children);
    if (type->id == TYPE_ARRAY) return plan_of_type(reader, type->children[0]);
    if (type->id == TYPE_MAP) return plan_of_type(reader, type->children[1]);
    return NULL;
}

static struct object_plan *make_plan(struct json_reader *reader, int field_count, const char *const *names,
                                     const struct type *const *types) {
    struct arena *arena = &reader->arena;
    struct object_plan *plan = ARENA_NEW(arena, struct object_plan);
    plan->number = reader->plan_count++;
    plan->field_count = field_count;
    plan->names = names;
    plan->lens = ARENA_ARRAY(arena, uint32_t, field_count);
    plan->children = ARENA_ARRAY(arena, struct object_plan *, field_count);
    for (int i = 0; i < field_count; i++) {
        plan->lens[i] = (uint32_t)strlen(names[i]);
        plan->children[i] = plan_of_type(reader, types[i]);
    }
    if (field_count > PLAN_LINEAR_FIELDS) {
        uint32_t size = 16;
        while (size < (uint32_t)field_count * 2) size *= 2;
        plan->table = ARENA_ARRAY(arena, uint16_t, size);
        plan->table_mask = size - 1;
        for (int i = 0; i < field_count; i++) {
            uint32_t at = hash_key(names[i], plan->lens[i]) & plan->table_mask;
            while (plan->table[at]) at = (at + 1) & plan->table_mask;
            plan->table[at] = (uint16_t)(i + 1);
        }
    }
    return plan;
}

static void list_plans(struct json_reader *reader, const struct object_plan *plan) {
    reader->plans[plan->number] = plan;
    for (int i = 0; i < plan->field_count; i++)
        if (plan->children[i]) list_plans(reader, plan->children[i]);
}

static void list_all_plans(struct json_reader *reader) {
    reader->plans = ARENA_ARRAY(&reader->arena, const struct object_plan *, reader->plan_count + 1);
    if (reader->root) list_plans(reader, reader->root);
    for (int i = 0; i < reader->key_count; i++)
        if (reader->key_plans[i]) list_plans(reader, reader->key_plans[i]);
}

static enum status json_reader_open(const struct format_schema *schema, const int *projected, int projected_count,
                                    const struct option_list *options, struct format_reader **out, struct error *err) {
    TRY(json_check(schema, options, err));
    struct json_reader *reader = xcalloc(1, sizeof *reader);
    reader->base.format = &json_format;
    reader->fail_on_missing = option_bool(options, json_options, "json.fail-on-missing-field");
    reader->ignore_errors = option_bool(options, json_options, "json.ignore-parse-errors");
    reader->bytes = bytes_of(options);
    arena_init(&reader->arena, NULL);
    const char **names = ARENA_ARRAY(&reader->arena, const char *, projected_count + 1);
    const struct type **types = ARENA_ARRAY(&reader->arena, const struct type *, projected_count + 1);
    for (int i = 0; i < projected_count; i++) {
        names[i] = schema->names[projected[i]];
        types[i] = schema->types[projected[i]];
    }
    reader->root = make_plan(reader, projected_count, names, types);
    list_all_plans(reader);
    *out = &reader->base;
    return STATUS_OK;
}

static void json_reader_close(struct format_reader *base) {
    struct json_reader *reader = (struct json_reader *)base;
    arena_destroy(&reader->arena);
    free(reader);
}

static void json_frame(const struct format_reader *reader, const char *data, size_t size, bool at_start, bool at_end,
                       struct format_frame *frame) {
    (void)reader;
    format_frame_lines(data, size, at_start, at_end, true, frame);
}

/* ---- Parsing ---- */

struct decoding {
    const struct json_reader *reader;
    struct arena *arena;
    const char *p, *end, *record;
    uint32_t **seen;       /* by plan and field: the number of the object that last had the field */
    uint32_t object_count; /* numbers the objects */
    int depth;
    bool lenient; /* values that cannot be read are NULL */
    /* the first thing wrong in the record */
    const char *fault;    /* NULL: a value that its type cannot take */
    const char *fault_at; /* where */
    size_t fault_len;
    const struct type *fault_type;
    const char *path[TYPE_MAX_NESTING * 2]; /* names of the fields down to where we are */
    int path_len;
};

static bool syntax_fault(struct decoding *d, const char *what) {
    d->fault = what;
    d->fault_at = d->p;
    return false;
}

static bool value_fault(struct decoding *d, const char *at, size_t len, const struct type *type) {
    d->fault = NULL;
    d->fault_at = at;
    d->fault_len = len;
    d->fault_type = type;
    return false;
}

static inline void skip_space(struct decoding *d) {
    while (d->p < d->end && (*d->p == ' ' || *d->p == '\t' || *d->p == '\r' || *d->p == '\n')) d->p++;
}

struct json_string {
    const char *ptr;
    uint32_t len;
    bool has_escapes;
};

/* Bytes among p[0 … 15] that end a run of plain characters: quote, backslash, control. */
static inline uint32_t special_bytes(const char *p) {
#if defined(__SSE2__) && !defined(MILLRACE_SCAN_PORTABLE)
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
    __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1F)), bytes);
    __m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
    __m128i slash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
    return (uint32_t)_mm_movemask_epi8(_mm_or_si128(low, _mm_or_si128(quote, slash)));
#else
    uint32_t mask = 0;
    for (int i = 0; i < 16; i++) mask |= (uint32_t)((uint8_t)p[i] < 0x20 || p[i] == '"' || p[i] == '\\') << i;
    return mask;
#endif
}

static bool read_hex(const char *p, const char *end, uint32_t *out) {
    if (end - p < 4) return false;
    uint32_t v = 0;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        uint32_t digit;
        if (c >= '0' && c <= '9')
            digit = (uint32_t)(c - '0');
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            digit = (uint32_t)((c | 0x20) - 'a' + 10);
        else
            return false;
        v = v * 16 + digit;
    }
    *out = v;
    return true;
}

/* One escape at p (behind the backslash), before end: writes up to 4 bytes and advances *p; their number, 0 when it is none. */
static int read_escape(const char **p, const char *end, char out[4]) {
    if (*p >= end) return 0;
    char c = *(*p)++;
    switch (c) {
    case '"':
    case '\\':
    case '/': out[0] = c; return 1;
    case 'b': out[0] = '\b'; return 1;
    case 'f': out[0] = '\f'; return 1;
    case 'n': out[0] = '\n'; return 1;
    case 'r': out[0] = '\r'; return 1;
    case 't': out[0] = '\t'; return 1;
    case 'u': break;
    default: return 0;
    }
    uint32_t v, low;
    if (!read_hex(*p, end, &v)) return 0;
    *p += 4;
    if (v >= 0xDC00 && v < 0xE000) return 0;
    if (v >= 0xD800 && v < 0xDC00) { /* a surrogate pair */
        if (end - *p < 6 || (*p)[0] != '\\' || (*p)[1] != 'u' || !read_hex(*p + 2, end, &low)) return 0;
        if (low < 0xDC00 || low >= 0xE000) return 0;
        *p += 6;
        v = 0x10000 + ((v - 0xD800) << 10) + (low - 0xDC00);
    }
    if (v < 0x80) {
        out[0] = (char)v;
        return 1;
    }
    if (v < 0x800) {
        out[0] = (char)(0xC0 | v >> 6);
        out[1] = (char)(0x80 | (v & 63));
        return 2;
    }
    if (v < 0x10000) {
        out[0] = (char)(0xE0 | v >> 12);
        out[1] = (char)(0x80 | (v >> 6 & 63));
        out[2] = (char)(0x80 | (v & 63));
        return 3;
    }
    out[0] = (char)(0xF0 | v >> 18);
    out[1] = (char)(0x80 | (v >> 12 & 63));
    out[2] = (char)(0x80 | (v >> 6 & 63));
    out[3] = (char)(0x80 | (v & 63));
    return 4;
}

/* At a quote: goes behind the closing one and checks what is between. */
static inline bool read_string(struct decoding *d, struct json_string *out) {
    const char *start = d->p + 1, *p = start;
    bool has_escapes = false;
    for (;;) {
        uint32_t special = special_bytes(p);
        if (!special) {
            p += 16;
            if (p >= d->end) break;
            continue;
        }
        p += __builtin_ctz(special);
        if (p >= d->end) break;
        if (*p == '"') {
            *out = (struct json_string){start, (uint32_t)(p - start), has_escapes};
            d->p = p + 1;
            return true;
        }
        if (*p != '\\') {
            d->p = p;
            return syntax_fault(d, "a control character in a string");
        }
        has_escapes = true;
        char bytes[4];
        d->p = p++;
        if (!read_escape(&p, d->end, bytes)) return syntax_fault(d, "a bad escape in a string");
    }
    d->p = start - 1;
    return syntax_fault(d, "a string that is never closed");
}

/* The string's text: borrowed, or unescaped into the arena (padded). */
static struct str string_text(struct decoding *d, const struct json_string *string) {
    if (!string->has_escapes) return (struct str){string->ptr, string->len};
    char *out = arena_alloc(d->arena, (size_t)string->len + FORMAT_PADDING_BYTES);
    size_t n = 0;
    const char *p = string->ptr, *end = p + string->len;
    while (p < end) {
        const char *slash = memchr(p, '\\', (size_t)(end - p));
        size_t plain = (size_t)((slash ? slash : end) - p);
        memcpy(out + n, p, plain);
        n += plain;
        p += plain;
        if (slash) {
            p++;
            char bytes[4];
            int len = read_escape(&p, end, bytes);
            memcpy(out + n, bytes, (size_t)len);
            n += (size_t)len;
        }
    }
    memset(out + n, 0, FORMAT_PADDING_BYTES);
    return (struct str){out, n};
}

static inline bool is_digit(char c) { return (unsigned char)(c - '0') < 10; }

/* At a digit or minus: goes behind the number. *is_integer: no point, no exponent. */
static inline bool read_number(struct decoding *d, struct str *out, bool *is_integer) {
    const char *p = d->p, *end = d->end;
    *is_integer = true;
    if (*p == '-') p++;
    const char *digits = p;
    while (p < end && is_digit(*p)) p++;
    if (p == digits || (*digits == '0' && p - digits > 1)) return syntax_fault(d, "a malformed number");
    if (p < end && *p == '.') {
        *is_integer = false;
        digits = ++p;
        while (p < end && is_digit(*p)) p++;
        if (p == digits) return syntax_fault(d, "a malformed number");
    }
    if (p < end && (*p | 0x20) == 'e') {
        *is_integer = false;
        p++;
        if (p < end && (*p == '+' || *p == '-')) p++;
        digits = p;
        while (p < end && is_digit(*p)) p++;
        if (p == digits) return syntax_fault(d, "a malformed number");
    }
    *out = (struct str){d->p, (size_t)(p - d->p)};
    d->p = p;
    return true;
}

static bool read_word(struct decoding *d, const char *word, size_t len) {
    if ((size_t)(d->end - d->p) < len || memcmp(d->p, word, len) != 0) return syntax_fault(d, "an unknown word");
    d->p += len;
    return true;
}

static bool enter(struct decoding *d) {
    if (++d->depth > JSON_MAX_DEPTH) return syntax_fault(d, "arrays and objects nested too deeply");
    d->p++;
    skip_space(d);
    return true;
}

/* Behind an element: a comma (then stands at the next element) or the closing character. */
static inline bool next_or_close(struct decoding *d, char close, bool *closed) {
    skip_space(d);
    if (d->p < d->end) {
        if (*d->p == close) {
            d->p++;
            d->depth--;
            *closed = true;
            return true;
        }
        if (*d->p == ',') {
            d->p++;
            skip_space(d);
            *closed = false;
            return true;
        }
    }
    return syntax_fault(d, close == '}' ? "',' or '}' is missing" : "',' or ']' is missing");
}

/* At a key: reads it and the colon. */
static inline bool read_key(struct decoding *d, struct json_string *key) {
    if (d->p >= d->end || *d->p != '"') return syntax_fault(d, "a field name in quotes is missing");
    if (!read_string(d, key)) return false;
    skip_space(d);
    if (d->p >= d->end || *d->p != ':') return syntax_fault(d, "':' is missing");
    d->p++;
    skip_space(d);
    return true;
}

/* Checks a value and goes behind it. */
static bool skip_value(struct decoding *d) {
    if (d->p >= d->end) return syntax_fault(d, "a value is missing");
    struct json_string string;
    struct str number;
    bool is_integer, closed;
    switch (*d->p) {
    case '"': return read_string(d, &string);
    case 't': return read_word(d, "true", 4);
    case 'f': return read_word(d, "false", 5);
    case 'n': return read_word(d, "null", 4);
    case '{':
        if (!enter(d)) return false;
        if (d->p < d->end && *d->p == '}') {
            d->p++;
            d->depth--;
            return true;
        }
        do {
            if (!read_key(d, &string) || !skip_value(d) || !next_or_close(d, '}', &closed)) return false;
        } while (!closed);
        return true;
    case '[':
        if (!enter(d)) return false;
        if (d->p < d->end && *d->p == ']') {
            d->p++;
            d->depth--;
            return true;
        }
        do {
            if (!skip_value(d) || !next_or_close(d, ']', &closed)) return false;
        } while (!closed);
        return true;
    default:
        if (*d->p == '-' || is_digit(*d->p)) return read_number(d, &number, &is_integer);
        return syntax_fault(d, "a value is missing");
    }
}

/* ---- Values into vectors ---- */

static bool read_object(struct decoding *d, const struct object_plan *plan, struct vector *const *columns,
                        struct vector *children, int capacity, int row);

static bool read_null(struct decoding *d, struct vector *vec, int capacity, int row) {
    if (!vec->type->nullable) return value_fault(d, NULL, 0, vec->type);
    format_set_null(vec, d->arena, capacity, row);
    return true;
}

/* An integer column meets a number with a point or an exponent. */
static bool read_integral(struct vector *vec, int row, struct str number, struct arena *arena) {
    double v;
    char text[NUMBER_MAX_TEXT + FORMAT_PADDING_BYTES] = {0};
    if (!number_parse_double(number, &v) || !(v > -9007199254740992.0 && v < 9007199254740992.0)) return false;
    if (v != (double)(int64_t)v) return false;
    int len = number_format_int((int64_t)v, text);
    return text_read(vec, row, text, (uint32_t)len, arena);
}

static bool read_array(struct decoding *d, const struct object_plan *plan, struct vector *vec, int row);
static bool read_map(struct decoding *d, const struct object_plan *plan, struct vector *vec, int row);

/* Reads the value at d->p into row of a flat vector. plan: of the ROWs in it. */
static bool read_value(struct decoding *d, const struct object_plan *plan, struct vector *vec, int capacity, int row) {
    const struct type *type = vec->type;
    if (d->p >= d->end) return syntax_fault(d, "a value is missing");
    const char *start = d->p;
    if (*start == 'n') return read_word(d, "null", 4) && read_null(d, vec, capacity, row);
    if (vec->validity) validity_set_valid(vec->validity, row);
    struct json_string string;
    struct str number;
    bool is_integer;
    int64_t i;
    if (*start == '{' && type->id == TYPE_ROW) return read_object(d, plan, NULL, vec->children, capacity, row);
    if (*start == '{' && (type->id == TYPE_MAP || type->id == TYPE_MULTISET)) return read_map(d, plan, vec, row);
    if (*start == '[' && type->id == TYPE_ARRAY) return read_array(d, plan, vec, row);
    if (*start == '"') {
        if (!read_string(d, &string)) return false;
        if (type_is_nested(type)) return value_fault(d, start, (size_t)(d->p - start), type);
        struct str text = string_text(d, &string);
        if (text_read_encoded(vec, row, text.data, (uint32_t)text.len, d->reader->bytes, d->arena)) return true;
        return value_fault(d, start, (size_t)(d->p - start), type);
    }
    if ((*start == '-' || is_digit(*start)) && !type_is_nested(type)) {
        if (!read_number(d, &number, &is_integer)) return false;
        switch (type->id) {
        case TYPE_INTERVAL_YEAR_MONTH:
        case TYPE_TINYINT:
        case TYPE_SMALLINT:
        case TYPE_INT:
        case TYPE_INTERVAL_DAY_TIME:
        case TYPE_BIGINT:
            if (!is_integer) {
                if (read_integral(vec, row, number, d->arena)) return true;
                break;
            }
            if (vec->phys == PHYS_I64 && number.len <= 18 && read_i64(number.data, (uint32_t)number.len, &i)) {
                ((int64_t *)vec->data)[row] = i;
                return true;
            }
            if (text_read(vec, row, number.data, (uint32_t)number.len, d->arena)) return true;
            break;
        case TYPE_FLOAT:
        case TYPE_DOUBLE:
        case TYPE_DECIMAL:
        case TYPE_CHAR:
        case TYPE_VARCHAR:
            if (text_read(vec, row, number.data, (uint32_t)number.len, d->arena)) return true;
            break;
        default: break;
        }
        return value_fault(d, start, number.len, type);
    }
    if (!skip_value(d)) return false;
    size_t len = (size_t)(d->p - start);
    if ((type->id == TYPE_BOOLEAN || type_is_char(type)) && text_read(vec, row, start, (uint32_t)len, d->arena))
        return true;
    return value_fault(d, start, len, type);
}

/* json.ignore-parse-errors: a value that its type cannot take is NULL, as far as the type allows. */
static bool read_leniently(struct decoding *d, const struct object_plan *plan, struct vector *vec, int capacity,
                           int row) {
    const char *begin = d->p;
    int depth = d->depth, path_len = d->path_len;
    if (read_value(d, plan, vec, capacity, row)) return true;
    if (d->fault || !vec->type->nullable) return false;
    d->p = begin;
    d->depth = depth;
    d->path_len = path_len;
    return skip_value(d) && read_null(d, vec, capacity, row);
}

static inline bool read_or_null(struct decoding *d, const struct object_plan *plan, struct vector *vec, int capacity,
                                int row) {
    return d->lenient ? read_leniently(d, plan, vec, capacity, row) : read_value(d, plan, vec, capacity, row);
}

static bool read_array(struct decoding *d, const struct object_plan *plan, struct vector *vec, int row) {
    if (!enter(d)) return false;
    /* Elements of nested lists go to other vectors, so those of one list are neighbours. */
    uint32_t offset = vec->child_rows;
    bool closed = d->p < d->end && *d->p == ']';
    if (closed) {
        d->p++;
        d->depth--;
    }
    while (!closed) {
        uint32_t at = vec->child_rows;
        vector_reserve_children(vec, d->arena, at + 1);
        vec->child_rows = at + 1;
        if (!read_or_null(d, plan, &vec->children[0], (int)vec->child_capacity, (int)at)) return false;
        if (!next_or_close(d, ']', &closed)) return false;
    }
    ((struct list_entry *)vec->data)[row] = (struct list_entry){offset, vec->child_rows - offset};
    return true;
}

/* The entry from `offset` on with this key, or the next free one: the last of equal keys wins. Maps are short. */
static uint32_t find_key(const struct vector *vec, uint32_t offset, struct str text) {
    struct strview view = strview_make(text.data, (uint32_t)text.len);
    uint32_t at = offset;
    while (at < vec->child_rows && !strview_equal(&((struct strview *)vec->children[0].data)[at], &view)) at++;
    return at;
}

/* The text of a key into row of the keys: a scalar's text, or a nested value as JSON. */
static bool put_key(struct decoding *d, struct vector *keys, int capacity, int row, struct str text) {
    if (keys->validity) validity_set_valid(keys->validity, row);
    if (type_is_char(keys->type)) {
        ((struct strview *)keys->data)[row] = strview_make(text.data, (uint32_t)text.len);
        return true;
    }
    if (!type_is_nested(keys->type))
        return text_read_encoded(keys, row, text.data, (uint32_t)text.len, d->reader->bytes, d->arena) ||
               value_fault(d, text.data, text.len, keys->type);
    int i = 0;
    while (i < d->reader->key_count - 1 && !type_equal(d->reader->key_types[i], keys->type)) i++;
    const char *p = d->p, *end = d->end;
    d->p = text.data;
    d->end = text.data + text.len;
    skip_space(d);
    bool good = d->p < d->end && *d->p != 'n' && read_value(d, d->reader->key_plans[i], keys, capacity, row);
    if (good) skip_space(d);
    good = good && d->p == d->end;
    d->p = p;
    d->end = end;
    return good || value_fault(d, text.data, text.len, keys->type);
}

static bool read_map(struct decoding *d, const struct object_plan *plan, struct vector *vec, int row) {
    if (!enter(d)) return false;
    uint32_t offset = vec->child_rows;
    bool closed = d->p < d->end && *d->p == '}';
    if (closed) {
        d->p++;
        d->depth--;
    }
    while (!closed) {
        struct json_string key;
        if (!read_key(d, &key)) return false;
        struct str text = string_text(d, &key);
        uint32_t at = vec->child_rows;
        if (type_is_char(vec->children[0].type)) at = find_key(vec, offset, text);
        if (at == vec->child_rows) {
            vector_reserve_children(vec, d->arena, at + 1);
            vec->child_rows = at + 1;
            if (!put_key(d, &vec->children[0], (int)vec->child_capacity, (int)at, text)) return false;
        }
        if (!read_or_null(d, plan, &vec->children[1], (int)vec->child_capacity, (int)at)) return false;
        if (!next_or_close(d, '}', &closed)) return false;
    }
    ((struct list_entry *)vec->data)[row] = (struct list_entry){offset, vec->child_rows - offset};
    return true;
}

/* The field with this name, -1 when there is none. guess: the one expected next. */
static inline int find_field(const struct object_plan *plan, int guess, const char *name, uint32_t len) {
    if (guess < plan->field_count && plan->lens[guess] == len && memcmp(plan->names[guess], name, len) == 0)
        return guess;
    if (!plan->table) {
        for (int i = 0; i < plan->field_count; i++)
            if (plan->lens[i] == len && memcmp(plan->names[i], name, len) == 0) return i;
        return -1;
    }
    for (uint32_t at = hash_key(name, len) & plan->table_mask; plan->table[at]; at = (at + 1) & plan->table_mask) {
        int field = plan->table[at] - 1;
        if (plan->lens[field] == len && memcmp(plan->names[field], name, len) == 0) return field;
    }
    return -1;
}

/* At '{': the fields go to row of columns[i] or children[i]. */
static bool read_object(struct decoding *d, const struct object_plan *plan, struct vector *const *columns,
                        struct vector *children, int capacity, int row) {
    if (!enter(d)) return false;
    uint32_t number = ++d->object_count;
    uint32_t *seen = d->seen[plan->number];
    int found = 0, guess = 0;
    bool closed = d->p < d->end && *d->p == '}';
    if (closed) {
        d->p++;
        d->depth--;
    }
    while (!closed) {
        struct json_string key;
        if (!read_key(d, &key)) return false;
        struct str name = {key.ptr, key.len};
        if (__builtin_expect(key.has_escapes, 0)) name = string_text(d, &key);
        int field = find_field(plan, guess, name.data, (uint32_t)name.len);
        if (field < 0) {
            if (!skip_value(d)) return false;
        } else {
            guess = field + 1;
            found += seen[field] != number;
            seen[field] = number;
            d->path[d->path_len++] = plan->names[field];
            struct vector *vec = columns ? columns[field] : &children[field];
            if (!read_or_null(d, plan->children[field], vec, capacity, row)) return false;
            d->path_len--;
        }
        if (!next_or_close(d, '}', &closed)) return false;
    }
    if (found == plan->field_count) return true;
    for (int i = 0; i < plan->field_count; i++) {
        if (seen[i] == number) continue;
        d->path[d->path_len++] = plan->names[i];
        if (d->reader->fail_on_missing) return syntax_fault(d, "the field is missing");
        if (!read_null(d, columns ? columns[i] : &children[i], capacity, row)) return false;
        d->path_len--;
    }
    return true;
}

static bool read_record(struct decoding *d, const char *data, struct format_record record,
                        struct vector *const *columns, int row) {
    d->record = d->p = data + record.start;
    d->end = d->p + record.len;
    d->depth = d->path_len = 0;
    skip_space(d);
    if (d->p >= d->end || *d->p != '{') return syntax_fault(d, "an object ({…}) was expected");
    if (!read_object(d, d->reader->root, columns, NULL, VECTOR_CAPACITY, row)) return false;
    skip_space(d);
    return d->p == d->end || syntax_fault(d, "there is more behind the object");
}

static enum status describe_fault(struct decoding *d, struct error *err) {
    struct strbuf path = {0};
    for (int i = 0; i < d->path_len; i++) strbuf_printf(&path, "%s%s", i ? "." : "", d->path[i]);
    const char *field = d->path_len ? arena_printf(d->arena, "field '%s': ", path.data) : "";
    strbuf_free(&path);
    if (d->fault) {
        size_t at = (size_t)(d->fault_at - d->record);
        return error_set(err, STATUS_BAD_DATA, "%smalformed JSON: %s, at byte %zu: %s", field, d->fault, at + 1,
                         text_show(d->arena, d->record, (size_t)(d->end - d->record)));
    }
    if (!d->fault_at) return error_set(err, STATUS_BAD_DATA, "%sNULL, but its type is NOT NULL", field);
    return error_set(err, STATUS_BAD_DATA, "%scannot read %s as %s", field,
                     text_show(d->arena, d->fault_at, d->fault_len),
                     type_to_string(d->arena, type_with_nullable(d->arena, d->fault_type, true)));
}

static void make_seen(struct decoding *d) {
    const struct json_reader *reader = d->reader;
    d->seen = arena_alloc(d->arena, sizeof *d->seen * (size_t)(reader->plan_count + 1));
    for (int i = 0; i < reader->plan_count; i++)
        d->seen[i] = ARENA_ARRAY(d->arena, uint32_t, reader->plans[i]->field_count + 1);
}

static enum status json_decode(const struct format_reader *base, struct format_batch *batch, struct error *err) {
    const struct json_reader *reader = (const struct json_reader *)base;
    struct decoding d = {
        .reader = reader, .arena = batch->arena, .lenient = reader->ignore_errors && !batch->malformed};
    make_seen(&d);
    int count = batch->count < VECTOR_CAPACITY ? batch->count : VECTOR_CAPACITY, rows = 0, reported = 0;
    const struct format_record *records = batch->records + batch->first;
    bool valid = true;
    if (count) {
        size_t from = records[0].start, to = (size_t)records[count - 1].start + records[count - 1].len;
        valid = utf8_valid(batch->data + from, to - from);
    }
    for (int i = 0; i < count; i++) {
        bool good;
        if (!valid && !utf8_valid(batch->data + records[i].start, records[i].len)) {
            d.record = d.p = batch->data + records[i].start;
            d.end = d.p + records[i].len;
            d.path_len = 0;
            good = syntax_fault(&d, "the text is not UTF-8");
        } else {
            good = read_record(&d, batch->data, records[i], batch->columns, rows);
        }
        if (good) {
            if (batch->row_records) batch->row_records[rows] = batch->first + i;
            rows++;
        } else if (batch->malformed) {
            struct error why;
            (void)describe_fault(&d, &why);
            TRY(batch->malformed(batch, batch->first + i, &why, err));
            reported++;
        } else if (!reader->ignore_errors) {
            batch->error_record = batch->first + i;
            return describe_fault(&d, err);
        }
    }
    batch->consumed = count;
    batch->row_count = rows;
    batch->skipped = count - rows - reported;
    return STATUS_OK;
}

/* ---- Names ---- */

static bool has_name(char **names, int count, struct str name) {
    for (int i = 0; i < count; i++)
        if (str_equal(str_from(names[i]), name)) return true;
    return false;
}

/* The names of one record's fields that are not there yet; false: no room for more. What is malformed is left to decode. */
static bool add_names(struct decoding *d, char **names, int *count) {
    struct json_string key;
    bool closed = false;
    skip_space(d);
    if (d->p >= d->end || *d->p != '{' || !enter(d)) return true;
    while (!closed && d->p < d->end && *d->p == '"' && read_key(d, &key)) {
        struct str name = string_text(d, &key);
        if (!has_name(names, *count, name)) {
            if (*count == FORMAT_MAX_FIELDS) return false;
            names[(*count)++] = arena_strndup(d->arena, name.data, name.len);
        }
        if (!skip_value(d) || !next_or_close(d, '}', &closed)) break;
    }
    return true;
}

static enum status json_field_names(const struct option_list *options, const char *data, size_t size, bool at_end,
                                    struct arena *arena, const char ***names, int *count, struct error *err) {
    (void)options;
    struct format_frame frame = {0};
    char **found = ARENA_ARRAY(arena, char *, FORMAT_MAX_FIELDS + 1);
    bool fits = true;
    *count = 0;
    format_frame_lines(data, size, true, at_end, true, &frame);
    for (int i = 0; i < frame.count && i < JSON_NAMES_RECORDS && fits; i++) {
        const char *record = data + frame.records[i].start;
        struct decoding d = {.arena = arena, .p = record, .end = record + frame.records[i].len, .record = record};
        fits = add_names(&d, found, count);
    }
    free(frame.records);
    *names = (const char **)found;
    if (fits) return STATUS_OK;
    return error_set(err, STATUS_LIMIT_EXCEEDED, "the objects have more than %d fields", FORMAT_MAX_FIELDS);
}

/* ---- Writer ---- */

enum null_key { NULL_KEY_FAIL, NULL_KEY_DROP, NULL_KEY_LITERAL };

struct json_writer {
    struct format_writer base;
    int field_count;
    const char *const *names;
    const struct type *const *types;
    int *columns;
    enum text_style style;
    enum null_key null_key;
    char *null_key_literal;
    bool plain_decimals, skip_nulls;
    enum bytes_encoding bytes;
};

static enum status json_writer_open(const struct format_schema *schema, const int *columns,
                                    const struct option_list *options, struct format_writer **out, struct error *err) {
    TRY(json_check(schema, options, err));
    struct json_writer *writer = xcalloc(1, sizeof *writer);
    writer->base.format = &json_format;
    writer->field_count = schema->field_count;
    writer->names = schema->names;
    writer->types = schema->types;
    writer->columns = xmalloc(sizeof(int) * (size_t)(schema->field_count + 1));
    memcpy(writer->columns, columns, sizeof(int) * (size_t)schema->field_count);
    const char *mode = option_string(options, json_options, "json.map-null-key.mode");
    writer->null_key = str_compare_nocase(mode, "DROP") == 0      ? NULL_KEY_DROP
                       : str_compare_nocase(mode, "LITERAL") == 0 ? NULL_KEY_LITERAL
                                                                  : NULL_KEY_FAIL;
    writer->null_key_literal = xstrdup(option_string(options, json_options, "json.map-null-key.literal"));
    const char *standard = option_string(options, json_options, "json.timestamp-format.standard");
    writer->style = str_compare_nocase(standard, "SQL") == 0 ? TEXT_SQL : TEXT_ISO_8601;
    writer->plain_decimals = option_bool(options, json_options, "json.encode.decimal-as-plain-number");
    writer->skip_nulls = option_bool(options, json_options, "json.encode.ignore-null-fields");
    writer->bytes = bytes_of(options);
    *out = &writer->base;
    return STATUS_OK;
}

static void json_writer_close(struct format_writer *base) {
    struct json_writer *writer = (struct json_writer *)base;
    free(writer->columns);
    free(writer->null_key_literal);
    free(writer);
}

static void write_string(struct strbuf *out, const char *p, size_t len) {
    strbuf_reserve(out, len + 2);
    strbuf_putc(out, '"');
    size_t plain = 0;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)p[i];
        if (c >= 0x20 && c != '"' && c != '\\') continue;
        strbuf_add(out, p + plain, i - plain);
        plain = i + 1;
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
    }
    strbuf_add(out, p + plain, len - plain);
    strbuf_putc(out, '"');
}

/* Java's BigDecimal.toString: scientific when the first digit stands behind the sixth place after the point. */
static void write_decimal(struct strbuf *out, const struct vector *vec, int row, bool plain) {
    size_t start = out->len;
    text_write(out, vec, row, TEXT_SQL);
    if (plain) return;
    const char *text = out->data + start, *end = out->data + out->len;
    bool negative = *text == '-';
    const char *point = memchr(text, '.', (size_t)(end - text));
    if (!point || text[negative] != '0') return;
    const char *digit = point + 1;
    while (digit < end && *digit == '0') digit++;
    /* A zero's exponent is minus its scale. */
    long exponent = digit == end ? (long)(end - point - 1) : (long)(digit - point);
    if (exponent <= 6) return;
    char digits[64];
    size_t count = (size_t)(end - digit);
    memcpy(digits, digit, count);
    out->len = start;
    if (negative) strbuf_putc(out, '-');
    strbuf_putc(out, count ? digits[0] : '0');
    if (count > 1) {
        strbuf_putc(out, '.');
        strbuf_add(out, digits + 1, count - 1);
    }
    strbuf_printf(out, "E-%ld", exponent);
}

static enum status write_value(const struct json_writer *writer, const struct vector *vec, int row, struct strbuf *out,
                               struct error *err);

static enum status write_fields(const struct json_writer *writer, const struct vector *vec, int row, struct strbuf *out,
                                struct error *err) {
    const struct type *type = vec->type;
    bool first = true;
    strbuf_putc(out, '{');
    for (int i = 0; i < type->child_count; i++) {
        if (writer->skip_nulls && vector_is_null(&vec->children[i], row)) continue;
        if (!first) strbuf_putc(out, ',');
        first = false;
        write_string(out, type->names[i], strlen(type->names[i]));
        strbuf_putc(out, ':');
        TRY(write_value(writer, &vec->children[i], row, out, err));
    }
    strbuf_putc(out, '}');
    return STATUS_OK;
}

static enum status write_key(const struct json_writer *writer, const struct vector *keys, int row, struct strbuf *out,
                             struct error *err) {
    if (type_is_char(keys->type)) {
        struct str key = strview_str(&((const struct strview *)keys->data)[row]);
        write_string(out, key.data, key.len);
        return STATUS_OK;
    }
    struct strbuf text = {0};
    enum status status = STATUS_OK;
    if (type_is_nested(keys->type))
        status = write_value(writer, keys, row, &text, err);
    else
        text_write_encoded(&text, keys, row, writer->style, writer->bytes);
    if (status == STATUS_OK) write_string(out, text.data ? text.data : "", text.len);
    strbuf_free(&text);
    return status;
}

static enum status write_entries(const struct json_writer *writer, const struct vector *vec, struct list_entry entry,
                                 struct strbuf *out, struct error *err) {
    bool is_array = vec->type->id == TYPE_ARRAY, first = true;
    strbuf_putc(out, is_array ? '[' : '{');
    for (uint32_t i = entry.offset; i < entry.offset + entry.length; i++) {
        const struct vector *keys = &vec->children[0];
        bool null_key = !is_array && vector_is_null(keys, (int)i);
        if (null_key && writer->null_key == NULL_KEY_DROP) continue;
        if (null_key && writer->null_key == NULL_KEY_FAIL) {
            error_set(err, STATUS_BAD_DATA, "a %s with a NULL key cannot be written as JSON",
                      type_id_name(vec->type->id));
            error_hint(err, "see 'json.map-null-key.mode'");
            return STATUS_BAD_DATA;
        }
        if (!first) strbuf_putc(out, ',');
        first = false;
        if (null_key) {
            write_string(out, writer->null_key_literal, strlen(writer->null_key_literal));
        } else if (!is_array) {
            TRY(write_key(writer, keys, (int)i, out, err));
        }
        if (!is_array) strbuf_putc(out, ':');
        TRY(write_value(writer, &vec->children[is_array ? 0 : 1], (int)i, out, err));
    }
    strbuf_putc(out, is_array ? ']' : '}');
    return STATUS_OK;
}

static enum status write_value(const struct json_writer *writer, const struct vector *vec, int row, struct strbuf *out,
                               struct error *err) {
    if (vector_is_null(vec, row)) {
        strbuf_puts(out, "null");
        return STATUS_OK;
    }
    const struct type *type = vec->type;
    size_t start = out->len;
    switch (type->id) {
    case TYPE_ROW: return write_fields(writer, vec, row, out, err);
    case TYPE_ARRAY:
    case TYPE_MAP:
    case TYPE_MULTISET: return write_entries(writer, vec, ((const struct list_entry *)vec->data)[row], out, err);
    case TYPE_CHAR:
    case TYPE_VARCHAR: {
        struct str text = strview_str(&((const struct strview *)vec->data)[row]);
        write_string(out, text.data, text.len);
        return STATUS_OK;
    }
    case TYPE_DECIMAL: write_decimal(out, vec, row, writer->plain_decimals); return STATUS_OK;
    case TYPE_FLOAT:
    case TYPE_DOUBLE: {
        text_write(out, vec, row, writer->style);
        char c = out->data[out->len - 1];
        if (is_digit(c)) return STATUS_OK;
        /* NaN and the infinities are strings, as Jackson writes them */
        struct strbuf text = {0};
        strbuf_add(&text, out->data + start, out->len - start);
        out->len = start;
        write_string(out, text.data, text.len);
        strbuf_free(&text);
        return STATUS_OK;
    }
    case TYPE_BINARY:
    case TYPE_VARBINARY:
    case TYPE_DATE:
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMP_LTZ:
        strbuf_putc(out, '"');
        text_write_encoded(out, vec, row, writer->style, writer->bytes);
        strbuf_putc(out, '"');
        return STATUS_OK;
    default: text_write(out, vec, row, writer->style); return STATUS_OK;
    }
}

static enum status json_encode(struct format_writer *base, const struct chunk *chunk, int row, struct strbuf *out,
                               struct error *err) {
    struct json_writer *writer = (struct json_writer *)base;
    size_t record = out->len;
    bool first = true;
    strbuf_putc(out, '{');
    for (int i = 0; i < writer->field_count; i++) {
        const struct vector *vec = writer->columns[i] < 0 ? NULL : &chunk->columns[writer->columns[i]];
        bool is_null = !vec || vector_is_null(vec, row);
        if (is_null && writer->skip_nulls) continue;
        if (!first) strbuf_putc(out, ',');
        first = false;
        write_string(out, writer->names[i], strlen(writer->names[i]));
        strbuf_putc(out, ':');
        enum status status = STATUS_OK;
        if (is_null)
            strbuf_puts(out, "null");
        else
            status = write_value(writer, vec, row, out, err);
        if (status != STATUS_OK) {
            error_prefix(err, "field '%s'", writer->names[i]);
            out->len = record;
            return status;
        }
    }
    strbuf_putc(out, '}');
    return STATUS_OK;
}

/* ---- Single values ---- */

struct json_codec {
    struct json_reader reader;
    struct json_writer writer;
    const struct object_plan *plan;
};

enum status json_codec_create(const char *field, const struct type *type, enum bytes_encoding bytes,
                              struct json_codec **out, struct error *err) {
    int nested_keys = 0;
    TRY(check_type(field, type, &nested_keys, err));
    if (nested_keys > JSON_MAX_NESTED_KEYS)
        return error_set(err, STATUS_LIMIT_EXCEEDED, "column '%s': more than %d MAPs have nested keys", field,
                         JSON_MAX_NESTED_KEYS);
    struct json_codec *codec = xcalloc(1, sizeof *codec);
    arena_init(&codec->reader.arena, NULL);
    codec->reader.bytes = codec->writer.bytes = bytes;
    codec->writer.style = TEXT_SQL;
    codec->writer.plain_decimals = true;
    codec->plan = plan_of_type(&codec->reader, type);
    codec->reader.root = (struct object_plan *)codec->plan;
    list_all_plans(&codec->reader);
    *out = codec;
    return STATUS_OK;
}

void json_codec_destroy(struct json_codec *codec) {
    if (!codec) return;
    arena_destroy(&codec->reader.arena);
    free(codec);
}

bool json_codec_read(const struct json_codec *codec, struct vector *vec, int capacity, int row, struct str text,
                     struct arena *arena) {
    struct decoding d = {
        .reader = &codec->reader, .arena = arena, .record = text.data, .p = text.data, .end = text.data + text.len};
    make_seen(&d);
    skip_space(&d);
    if (!read_value(&d, codec->plan, vec, capacity, row)) return false;
    skip_space(&d);
    return d.p == d.end;
}

enum status json_codec_write(const struct json_codec *codec, const struct vector *vec, int row, struct strbuf *out,
                             struct error *err) {
    return write_value(&codec->writer, vec, row, out, err);
}

const struct format json_format = {
    .name = "json",
    .doc = "JSON, one object per line or message",
    .options = json_options,
    .check = json_check,
    .reader_open = json_reader_open,
    .frame = json_frame,
    .decode = json_decode,
    .reader_close = json_reader_close,
    .field_names = json_field_names,
    .writer_open = json_writer_open,
    .encode = json_encode,
    .writer_close = json_writer_close,
};
