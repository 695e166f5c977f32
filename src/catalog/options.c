#include "catalog/options.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

enum { OPTION_MAX_SUGGESTED = 512 }; /* names compared for did-you-mean */

const char *option_find(const struct option_list *options, const char *key) {
    for (int i = 0; i < options->count; i++)
        if (strcmp(options->keys[i], key) == 0) return options->values[i];
    return NULL;
}

bool option_given(const struct option_list *options, const char *key) { return option_find(options, key) != NULL; }

/* Copies the arrays each time: lists are short, and a list that shares its arrays with another (a table's options with
 * hints merged in) never changes the other one. */
void option_add(struct option_list *options, struct arena *arena, const char *key, const char *value, int32_t offset) {
    int at = 0;
    while (at < options->count && strcmp(options->keys[at], key) != 0) at++;
    int count = at == options->count ? at + 1 : options->count;
    struct option_list out = {.count = count,
                              .keys = ARENA_ARRAY(arena, const char *, count),
                              .values = ARENA_ARRAY(arena, const char *, count),
                              .offsets = ARENA_ARRAY(arena, int32_t, count)};
    for (int i = 0; i < options->count; i++) {
        out.keys[i] = options->keys[i];
        out.values[i] = options->values[i];
        out.offsets[i] = options->offsets ? options->offsets[i] : -1;
    }
    if (at == options->count) out.keys[at] = arena_strdup(arena, key);
    out.values[at] = arena_strdup(arena, value);
    out.offsets[at] = offset;
    *options = out;
}

/* ---- Values ---- */

static struct str trim(struct str text) {
    while (text.len && (text.data[0] == ' ' || text.data[0] == '\t')) text.data++, text.len--;
    while (text.len && (text.data[text.len - 1] == ' ' || text.data[text.len - 1] == '\t')) text.len--;
    return text;
}

enum status option_parse_bool(struct str text, bool *out) {
    text = trim(text);
    if (str_equal_nocase(text, str_from("true")))
        *out = true;
    else if (str_equal_nocase(text, str_from("false")))
        *out = false;
    else
        return STATUS_INVALID_ARGUMENT;
    return STATUS_OK;
}

static enum status parse_int(struct str text, int64_t *out) {
    text = trim(text);
    size_t i = 0;
    bool negative = text.len && text.data[0] == '-';
    if (text.len && (text.data[0] == '-' || text.data[0] == '+')) i++;
    if (i == text.len) return STATUS_INVALID_ARGUMENT;
    int64_t v = 0;
    for (; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') return STATUS_INVALID_ARGUMENT;
        int digit = text.data[i] - '0';
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_sub_overflow(v, digit, &v)) return STATUS_OUT_OF_RANGE;
    }
    if (!negative && __builtin_mul_overflow(v, -1, &v)) return STATUS_OUT_OF_RANGE;
    *out = v;
    return STATUS_OK;
}

static enum status parse_double(struct str text, double *out) {
    char buf[64], *end;
    text = trim(text);
    if (text.len == 0 || text.len >= sizeof buf) return STATUS_INVALID_ARGUMENT;
    memcpy(buf, text.data, text.len);
    buf[text.len] = 0;
    if (strspn(buf, "0123456789+-.eE") != text.len) return STATUS_INVALID_ARGUMENT; /* no hex, no inf, no nan */
    errno = 0;
    double v = strtod(buf, &end);
    if (*end || errno == ERANGE) return STATUS_INVALID_ARGUMENT;
    *out = v;
    return STATUS_OK;
}

struct unit {
    const char *names; /* " a b c " */
    int64_t multiply, divide;
};

/* A number without a sign, then a unit. Divided units round up: 1 ns is not nothing. */
static enum status parse_with_unit(struct str text, const struct unit *units, int unit_count, int64_t *out) {
    text = trim(text);
    size_t digits = 0;
    while (digits < text.len && text.data[digits] >= '0' && text.data[digits] <= '9') digits++;
    if (digits == 0) return STATUS_INVALID_ARGUMENT;
    int64_t number, v;
    TRY(parse_int((struct str){text.data, digits}, &number));
    struct str name = trim((struct str){text.data + digits, text.len - digits});
    if (name.len == 0) {
        *out = number;
        return STATUS_OK;
    }
    for (int i = 0; i < unit_count; i++)
        for (const char *p = units[i].names; *p;) {
            size_t len = strcspn(p, " ");
            if (len && str_equal_nocase(name, (struct str){p, len})) {
                if (__builtin_mul_overflow(number, units[i].multiply, &v)) return STATUS_OUT_OF_RANGE;
                *out = v / units[i].divide + (v % units[i].divide != 0);
                return STATUS_OK;
            }
            p += len + (p[len] == ' ');
        }
    return STATUS_INVALID_ARGUMENT;
}

enum status option_parse_duration(struct str text, int64_t *ms) {
    static const struct unit units[] = {
        {"d day days", 86400000, 1},
        {"h hour hours", 3600000, 1},
        {"m min mins minute minutes", 60000, 1},
        {"s sec secs second seconds", 1000, 1},
        {"ms milli millis millisecond milliseconds", 1, 1},
        {"us \xC2\xB5s micro micros microsecond microseconds", 1, 1000},
        {"ns nano nanos nanosecond nanoseconds", 1, 1000000},
    };
    return parse_with_unit(text, units, sizeof units / sizeof *units, ms);
}

enum status option_parse_size(struct str text, int64_t *size_bytes) {
    static const struct unit units[] = {
        {"b byte bytes", 1, 1},
        {"k kb kib kibibytes", INT64_C(1) << 10, 1},
        {"m mb mib mebibytes", INT64_C(1) << 20, 1},
        {"g gb gib gibibytes", INT64_C(1) << 30, 1},
        {"t tb tib tebibytes", INT64_C(1) << 40, 1},
    };
    return parse_with_unit(text, units, sizeof units / sizeof *units, size_bytes);
}

static bool is_choice(const char *choices, struct str value) {
    for (const char *p = choices; *p;) {
        size_t len = strcspn(p, "|");
        if (str_equal_nocase(value, (struct str){p, len})) return true;
        p += len + (p[len] == '|');
    }
    return false;
}

static enum status parse_integral(enum option_type type, struct str text, int64_t *out) {
    switch (type) {
    case OPTION_DURATION: return option_parse_duration(text, out);
    case OPTION_SIZE: return option_parse_size(text, out);
    default: return parse_int(text, out);
    }
}

/* ---- Tables ---- */

/* Bytes of a prefix option's name that keys begin with; the '#' of "fields.#" stands for what follows. */
static size_t prefix_len(const struct option_def *def) {
    size_t len = strlen(def->name);
    return len && def->name[len - 1] == '#' ? len - 1 : len;
}

static bool matches(const struct option_def *def, const char *key) {
    if (!def->prefix) return strcmp(def->name, key) == 0;
    size_t len = prefix_len(def);
    return strncmp(def->name, key, len) == 0 && key[len];
}

/* An exact name wins over a prefix. */
static const struct option_def *find_def(const struct option_def *table, const char *key) {
    const struct option_def *found = NULL;
    for (const struct option_def *def = table; def->name; def++)
        if (matches(def, key) && (!found || !def->prefix)) found = def;
    return found;
}

static enum status unknown_key(const struct option_list *options, int i, const struct option_def *const *tables,
                               const char *owner, struct error *err) {
    const char *names[OPTION_MAX_SUGGESTED];
    int count = 0;
    for (int t = 0; tables[t]; t++)
        for (const struct option_def *def = tables[t]; def->name && count < OPTION_MAX_SUGGESTED; def++)
            names[count++] = def->name;
    int32_t offset = options->offsets ? options->offsets[i] : -1;
    error_set_at(err, STATUS_INVALID_OPTION, offset, 0, "%s has no option '%s'", owner, options->keys[i]);
    const char *nearest = str_nearest(options->keys[i], names, count);
    if (nearest) {
        error_hint(err, "did you mean '%s'?", nearest);
    } else if (count) {
        struct strbuf buf = {0};
        for (int j = 0; j < count; j++) strbuf_printf(&buf, "%s%s", j ? ", " : "", names[j]);
        error_hint(err, "its options are: %s", buf.data);
        strbuf_free(&buf);
    }
    return STATUS_INVALID_OPTION;
}

static void print_integral(struct strbuf *buf, enum option_type type, int64_t v) {
    static const char *const size_units[] = {"", " kb", " mb", " gb", " tb"};
    if (type == OPTION_DURATION && v % 1000 == 0 && v) {
        strbuf_printf(buf, "%lld s", (long long)(v / 1000));
    } else if (type == OPTION_DURATION) {
        strbuf_printf(buf, "%lld ms", (long long)v);
    } else if (type == OPTION_SIZE) {
        int unit = 0;
        while (unit < 4 && v && v % 1024 == 0) v /= 1024, unit++;
        strbuf_printf(buf, "%lld%s", (long long)v, size_units[unit]);
    } else {
        strbuf_printf(buf, "%lld", (long long)v);
    }
}

static enum status bad_value(const struct option_def *def, const char *key, const char *value, int32_t offset,
                             const char *owner, const char *wanted, struct error *err) {
    if (def->secret)
        error_set_at(err, STATUS_INVALID_OPTION, offset, 0, "option '%s' of %s has a wrong value", key, owner);
    else
        error_set_at(err, STATUS_INVALID_OPTION, offset, (int32_t)strlen(value) + 2, "option '%s' of %s cannot be '%s'",
                     key, owner, value);
    error_hint(err, "%s", wanted);
    return STATUS_INVALID_OPTION;
}

static enum status check_value(const struct option_def *def, const char *key, const char *value, int32_t offset,
                               const char *owner, struct error *err) {
    static const char *const wanted[] = {
        [OPTION_BOOL] = "it is true or false",
        [OPTION_INT] = "it is a whole number",
        [OPTION_DOUBLE] = "it is a number",
        [OPTION_DURATION] = "it is a time such as 500 ms, 10 s, 5 min, 2 h or 1 d",
        [OPTION_SIZE] = "it is a size such as 4096, 64 kb, 128 mb or 2 gb",
    };
    struct str text = str_from(value);
    bool boolean;
    double number;
    int64_t v;
    switch (def->type) {
    case OPTION_STRING: return STATUS_OK;
    case OPTION_BOOL:
        if (option_parse_bool(text, &boolean) == STATUS_OK) return STATUS_OK;
        break;
    case OPTION_DOUBLE:
        if (parse_double(text, &number) == STATUS_OK) return STATUS_OK;
        break;
    case OPTION_ENUM:
        if (is_choice(def->choices, text)) return STATUS_OK;
        bad_value(def, key, value, offset, owner, "", err);
        struct strbuf list = {0};
        for (const char *p = def->choices; *p; p++)
            if (*p == '|')
                strbuf_puts(&list, ", ");
            else
                strbuf_putc(&list, *p);
        error_hint(err, "it is one of: %s", list.data);
        strbuf_free(&list);
        return STATUS_INVALID_OPTION;
    case OPTION_INT:
    case OPTION_DURATION:
    case OPTION_SIZE:
        if (parse_integral(def->type, text, &v) != STATUS_OK) break;
        bool limited_above = def->max > def->min || (def->max == def->min && def->max != 0);
        if ((def->min == 0 && def->max == 0) || (v >= def->min && (v <= def->max || !limited_above))) return STATUS_OK;
        struct strbuf range = {0};
        if (v < def->min) {
            strbuf_puts(&range, "the least is ");
            print_integral(&range, def->type, def->min);
        } else {
            strbuf_puts(&range, "the most is ");
            print_integral(&range, def->type, def->max);
        }
        bad_value(def, key, value, offset, owner, range.data, err);
        strbuf_free(&range);
        return STATUS_INVALID_OPTION;
    }
    return bad_value(def, key, value, offset, owner, wanted[def->type], err);
}

static bool is_given(const struct option_list *options, const struct option_def *def) {
    for (int i = 0; i < options->count; i++)
        if (matches(def, options->keys[i])) return true;
    return false;
}

enum status options_check(const struct option_list *options, const struct option_def *const *tables, const char *owner,
                          struct error *err) {
    for (int i = 0; i < options->count; i++) {
        const struct option_def *def = NULL;
        for (int t = 0; tables[t] && (!def || def->prefix); t++) {
            const struct option_def *here = find_def(tables[t], options->keys[i]);
            if (here && (!def || !here->prefix)) def = here;
        }
        if (!def) return unknown_key(options, i, tables, owner, err);
        TRY(check_value(def, options->keys[i], options->values[i], options->offsets ? options->offsets[i] : -1, owner,
                        err));
    }
    for (int t = 0; tables[t]; t++)
        for (const struct option_def *def = tables[t]; def->name; def++)
            if (def->required && !is_given(options, def)) {
                error_set(err, STATUS_INVALID_OPTION, "%s needs the option '%s'", owner, def->name);
                if (def->doc) error_hint(err, "%s", def->doc);
                return STATUS_INVALID_OPTION;
            }
    return STATUS_OK;
}

/* ---- Typed reads ---- */

/* The value or the default; NULL when there is neither. */
static const char *lookup(const struct option_list *options, const struct option_def *table, const char *key,
                          const struct option_def **def) {
    *def = find_def(table, key);
    assert(*def && "an option that is not in its table");
    const char *value = option_find(options, key);
    return value ? value : (*def)->default_value;
}

const char *option_string(const struct option_list *options, const struct option_def *table, const char *key) {
    const struct option_def *def;
    return lookup(options, table, key, &def);
}

bool option_bool(const struct option_list *options, const struct option_def *table, const char *key) {
    const struct option_def *def;
    const char *value = lookup(options, table, key, &def);
    bool out = false;
    assert(def->type == OPTION_BOOL);
    if (value && option_parse_bool(str_from(value), &out) != STATUS_OK) out = false;
    return out;
}

int64_t option_int(const struct option_list *options, const struct option_def *table, const char *key) {
    const struct option_def *def;
    const char *value = lookup(options, table, key, &def);
    int64_t out = 0;
    assert(def->type == OPTION_INT || def->type == OPTION_DURATION || def->type == OPTION_SIZE);
    if (value && parse_integral(def->type, str_from(value), &out) != STATUS_OK) out = 0;
    return out;
}

double option_double(const struct option_list *options, const struct option_def *table, const char *key) {
    const struct option_def *def;
    const char *value = lookup(options, table, key, &def);
    double out = 0;
    assert(def->type == OPTION_DOUBLE);
    if (value && parse_double(str_from(value), &out) != STATUS_OK) out = 0;
    return out;
}
