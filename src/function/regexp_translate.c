/* From Java's regular expressions to PCRE2's.
 *
 * One pass over the pattern with a stack for groups. Everything that is not plain is written out in a form whose
 * meaning does not depend on PCRE2's options: literals as \x{…} when they are not letters or digits, classes as one
 * bracket class or, with unions and intersections, as alternatives of lookaheads. Source of the rules: the documentation of
 * java.util.regex.Pattern (Java 17). */
#include "function/regexp_private.h"

#include <stdint.h>

#include "kernel/text.h"

struct flags {
    bool ignore_case, unicode_case, multi_line, dot_all, comments;
};

struct translator {
    struct str text;
    size_t at;
    struct strbuf *out;
    struct flags flags;
    int group_count; /* capturing groups opened so far */
    int depth;
    struct error *err;
};

static enum status fail(struct translator *t, const char *what) {
    error_set(t->err, STATUS_INVALID_ARGUMENT, "%s at character %d of the regular expression '%.*s'", what,
              (int)text_length((struct str){t->text.data, t->at < t->text.len ? t->at : t->text.len}) + 1,
              (int)(t->text.len > 200 ? 200 : t->text.len), t->text.data);
    return STATUS_INVALID_ARGUMENT;
}

static bool more(const struct translator *t) { return t->at < t->text.len; }
static char peek(const struct translator *t) { return more(t) ? t->text.data[t->at] : 0; }
static char peek_at(const struct translator *t, size_t ahead) {
    return t->at + ahead < t->text.len ? t->text.data[t->at + ahead] : 0;
}
static bool starts(const struct translator *t, const char *text) {
    size_t len = strlen(text);
    return t->text.len - t->at >= len && memcmp(t->text.data + t->at, text, len) == 0;
}
static uint32_t next_char(struct translator *t) {
    size_t bytes;
    uint32_t c = text_char(t->text, t->at, &bytes);
    t->at += bytes;
    return c;
}

static bool is_ascii_letter(uint32_t c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static void put_code(struct strbuf *out, uint32_t c) {
    if (is_ascii_letter(c) || (c >= '0' && c <= '9'))
        strbuf_putc(out, (char)c);
    else
        strbuf_printf(out, "\\x{%X}", c);
}

/* A literal outside of classes. Without the flag u, Java folds the case of ASCII letters only. */
static void put_literal(struct translator *t, uint32_t c) {
    if (!t->flags.ignore_case) {
        put_code(t->out, c);
    } else if (t->flags.unicode_case) {
        strbuf_puts(t->out, "(?i:");
        put_code(t->out, c);
        strbuf_putc(t->out, ')');
    } else if (is_ascii_letter(c)) {
        strbuf_printf(t->out, "[%c%c]", (char)(c | 0x20), (char)(c & ~0x20u));
    } else {
        put_code(t->out, c);
    }
}

/* ---- properties ---- */

/* The inside of a bracket class for a \p{name}, or NULL when unknown. */
static const char *posix_class(struct str name) {
    static const char *const classes[][2] = {
        {"Lower", "a-z"},
        {"Upper", "A-Z"},
        {"ASCII", "\\x{0}-\\x{7F}"},
        {"Alpha", "a-zA-Z"},
        {"Digit", "0-9"},
        {"Alnum", "a-zA-Z0-9"},
        {"Punct", "\\x{21}-\\x{2F}\\x{3A}-\\x{40}\\x{5B}-\\x{60}\\x{7B}-\\x{7E}"},
        {"Graph", "\\x{21}-\\x{7E}"},
        {"Print", "\\x{20}-\\x{7E}"},
        {"Blank", "\\x{20}\\x{9}"},
        {"Cntrl", "\\x{0}-\\x{1F}\\x{7F}"},
        {"XDigit", "0-9a-fA-F"},
        {"Space", "\\x{20}\\x{9}-\\x{D}"},
        {"javaLowerCase", "\\p{Ll}"},
        {"javaUpperCase", "\\p{Lu}"},
        {"javaTitleCase", "\\p{Lt}"},
        {"javaLetter", "\\p{L}"},
        {"javaDigit", "\\p{Nd}"},
        {"javaLetterOrDigit", "\\p{L}\\p{Nd}"},
        {"javaSpaceChar", "\\p{Z}"},
        {"IsAlphabetic", "\\p{Alphabetic}"},
        {"IsLetter", "\\p{L}"},
        {"IsLowercase", "\\p{Lowercase}"},
        {"IsUppercase", "\\p{Uppercase}"},
        {"IsTitlecase", "\\p{Lt}"},
        {"IsDigit", "\\p{Nd}"},
        {"IsWhite_Space", "\\p{White_Space}"},
        {"IsIdeographic", "\\p{Ideographic}"},
        {"IsPunctuation", "\\p{P}"},
        {"IsControl", "\\p{Cc}"},
        {"LC", "\\p{L&}"},
        {"LD", "\\p{L}\\p{Nd}"},
        {"L1", "\\x{0}-\\x{FF}"},
        {"all", "\\x{0}-\\x{10FFFF}"},
    };
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (str_equal(name, str_from(classes[i][0]))) return classes[i][1];
    return NULL;
}

static bool is_category(struct str name) {
    static const char *const names[] = {"C",  "Cc", "Cf", "Cn", "Co", "Cs", "L",  "Ll", "Lm", "Lo", "Lt", "Lu", "M",
                                        "Mc", "Me", "Mn", "N",  "Nd", "Nl", "No", "P",  "Pc", "Pd", "Pe", "Pf", "Pi",
                                        "Po", "Ps", "S",  "Sc", "Sk", "Sm", "So", "Z",  "Zl", "Zp", "Zs"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (str_equal(name, str_from(names[i]))) return true;
    return false;
}

static bool is_script_name(struct str name) {
    if (name.len == 0) return false;
    for (size_t i = 0; i < name.len; i++)
        if (!is_ascii_letter((unsigned char)name.data[i]) && name.data[i] != '_') return false;
    return true;
}

/* \p or \P was read; appends a class without brackets, e.g. \p{Lu} or 0-9. Sets *negated for \P. */
static enum status property(struct translator *t, bool upper, struct strbuf *out, bool *negated) {
    *negated = upper;
    struct str name;
    if (peek(t) == '{') {
        size_t from = t->at + 1, to = text_find(t->text, str_from("}"), from);
        if (to == SIZE_MAX) return fail(t, "an unclosed character property");
        name = (struct str){t->text.data + from, to - from};
        t->at = to + 1;
    } else {
        if (!more(t)) return fail(t, "\\p without a property");
        size_t from = t->at;
        next_char(t);
        name = (struct str){t->text.data + from, t->at - from};
    }
    const char *class = posix_class(name);
    if (class) {
        strbuf_puts(out, class);
        return STATUS_OK;
    }
    size_t equals = text_find(name, str_from("="), 0);
    if (equals != SIZE_MAX) {
        struct str key = {name.data, equals}, value = {name.data + equals + 1, name.len - equals - 1};
        bool script = str_equal_nocase(key, str_from("sc")) || str_equal_nocase(key, str_from("script"));
        bool category = str_equal_nocase(key, str_from("gc")) || str_equal_nocase(key, str_from("general_category"));
        if (script && is_script_name(value)) {
            strbuf_printf(out, "\\p{sc:%.*s}", (int)value.len, value.data);
            return STATUS_OK;
        }
        if (!category) return fail(t, "a character property that is not supported");
        name = value;
    }
    if (is_category(name)) {
        strbuf_printf(out, "\\p{%.*s}", (int)name.len, name.data);
        return STATUS_OK;
    }
    if (name.len > 2 && name.data[0] == 'I' && name.data[1] == 's') {
        struct str rest = {name.data + 2, name.len - 2};
        if (is_category(rest)) {
            strbuf_printf(out, "\\p{%.*s}", (int)rest.len, rest.data);
            return STATUS_OK;
        }
        if (is_script_name(rest)) {
            strbuf_printf(out, "\\p{sc:%.*s}", (int)rest.len, rest.data);
            return STATUS_OK;
        }
    }
    return fail(t, "a character property that is not supported");
}

/* ---- escapes that stand for one character ---- */

static int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

static enum status hex_digits(struct translator *t, int count, uint32_t *out) {
    *out = 0;
    for (int i = 0; i < count; i++) {
        int digit = hex_value(peek(t));
        if (digit < 0) return fail(t, "too few hexadecimal digits");
        *out = *out * 16 + (uint32_t)digit;
        t->at++;
    }
    return STATUS_OK;
}

/* The backslash was read and `c` is the character behind it, read too. *is_char is false (and nothing else was read) when the
 * escape is something else than a character. */
static enum status escaped_char(struct translator *t, uint32_t c, uint32_t *code, bool *is_char) {
    *is_char = true;
    switch (c) {
    case 't': *code = '\t'; return STATUS_OK;
    case 'n': *code = '\n'; return STATUS_OK;
    case 'r': *code = '\r'; return STATUS_OK;
    case 'f': *code = '\f'; return STATUS_OK;
    case 'a': *code = 7; return STATUS_OK;
    case 'e': *code = 27; return STATUS_OK;
    case 'c':
        if (!more(t)) return fail(t, "\\c without a letter");
        *code = next_char(t) ^ 64;
        return STATUS_OK;
    case '0': {
        uint32_t value = 0;
        int digits = 0, most = peek(t) <= '3' ? 3 : 2;
        while (digits < most && peek(t) >= '0' && peek(t) <= '7') {
            value = value * 8 + (uint32_t)(peek(t) - '0');
            t->at++;
            digits++;
        }
        if (!digits) return fail(t, "\\0 without octal digits");
        *code = value;
        return STATUS_OK;
    }
    case 'x':
        if (peek(t) == '{') {
            uint32_t value = 0;
            for (t->at++; hex_value(peek(t)) >= 0 && value <= 0x10FFFF; t->at++)
                value = value * 16 + (uint32_t)hex_value(peek(t));
            if (peek(t) != '}' || value > 0x10FFFF) return fail(t, "a wrong \\x{...}");
            t->at++;
            *code = value;
            return STATUS_OK;
        }
        return hex_digits(t, 2, code);
    case 'u': {
        TRY(hex_digits(t, 4, code));
        if (*code >= 0xD800 && *code <= 0xDBFF && peek(t) == '\\' && peek_at(t, 1) == 'u') {
            uint32_t low;
            t->at += 2;
            TRY(hex_digits(t, 4, &low));
            if (low < 0xDC00 || low > 0xDFFF) return fail(t, "half a surrogate pair");
            *code = 0x10000 + ((*code - 0xD800) << 10) + (low - 0xDC00);
        } else if (*code >= 0xD800 && *code <= 0xDFFF) {
            return fail(t, "half a surrogate pair");
        }
        return STATUS_OK;
    }
    default:
        if (is_ascii_letter(c) || (c >= '0' && c <= '9')) {
            *is_char = false;
            return STATUS_OK;
        }
        *code = c;
        return STATUS_OK;
    }
}

/* ---- bracket classes ---- */

/* The plain members go to `plain`, as the inside of a bracket class; negated properties and nested classes as
 * alternatives, each one matching one character, to `others`, separated by |. */
struct class_parts {
    struct strbuf plain, others;
};

static void free_parts(struct class_parts *parts) {
    strbuf_free(&parts->plain);
    strbuf_free(&parts->others);
}
static void add_other(struct class_parts *parts, const char *text, size_t len) {
    if (parts->others.len) strbuf_putc(&parts->others, '|');
    strbuf_add(&parts->others, text, len);
}

static void add_range(const struct translator *t, struct class_parts *parts, uint32_t from, uint32_t to) {
    struct strbuf *out = &parts->plain;
    if (t->flags.ignore_case && t->flags.unicode_case) {
        struct strbuf folded = {0};
        strbuf_puts(&folded, "(?i:[");
        put_code(&folded, from);
        strbuf_putc(&folded, '-');
        put_code(&folded, to);
        strbuf_puts(&folded, "])");
        add_other(parts, folded.data, folded.len);
        strbuf_free(&folded);
        return;
    }
    put_code(out, from);
    if (to != from) {
        strbuf_putc(out, '-');
        put_code(out, to);
    }
    if (!t->flags.ignore_case) return;
    for (uint32_t c = from < 'A' ? 'A' : from; c <= to && c <= 'z'; c++)
        if (is_ascii_letter(c)) strbuf_putc(out, (char)(c ^ 0x20));
}

/* Writes the class so that it matches one character. */
static void put_class(struct strbuf *out, const struct class_parts *parts, bool negated) {
    bool plain = parts->plain.len > 0, others = parts->others.len > 0;
    if (!others) {
        if (!plain)
            strbuf_puts(out, negated ? "(?s:.)" : "(?!)");
        else
            strbuf_printf(out, "[%s%s]", negated ? "^" : "", parts->plain.data);
        return;
    }
    strbuf_puts(out, negated ? "(?:(?!" : "(?:");
    if (plain) strbuf_printf(out, "[%s]|", parts->plain.data);
    strbuf_puts(out, parts->others.data);
    strbuf_puts(out, negated ? ")(?s:.))" : ")");
}

static enum status class_members(struct translator *t, struct strbuf *out);

/* One escape inside a class. A character is returned for ranges, anything else is added. */
static enum status class_escape(struct translator *t, struct class_parts *parts, uint32_t *code, bool *is_char) {
    t->at++;
    if (!more(t)) return fail(t, "a backslash at the end");
    uint32_t c = next_char(t);
    TRY(escaped_char(t, c, code, is_char));
    if (*is_char) return STATUS_OK;
    switch (c) {
    case 'd':
    case 'D':
    case 'w':
    case 'W':
    case 's':
    case 'S':
    case 'h':
    case 'H':
    case 'v':
    case 'V': strbuf_printf(&parts->plain, "\\%c", (char)c); return STATUS_OK;
    case 'p':
    case 'P': {
        struct strbuf class = {0};
        bool negated;
        enum status status = property(t, c == 'P', &class, &negated);
        if (status == STATUS_OK && !negated) {
            strbuf_puts(&parts->plain, class.data);
        } else if (status == STATUS_OK) {
            struct strbuf other = {0};
            strbuf_printf(&other, "[^%s]", class.data);
            add_other(parts, other.data, other.len);
            strbuf_free(&other);
        }
        strbuf_free(&class);
        return status;
    }
    case 'Q': {
        size_t end = text_find(t->text, str_from("\\E"), t->at), stop = end == SIZE_MAX ? t->text.len : end;
        while (t->at < stop) {
            uint32_t quoted = next_char(t);
            add_range(t, parts, quoted, quoted);
        }
        if (end != SIZE_MAX) t->at = end + 2;
        return STATUS_OK;
    }
    default: return fail(t, "an unknown escape in a character class");
    }
}

/* Members up to && or ], as one matcher. *closed: ] was seen. */
static enum status class_operand(struct translator *t, struct class_parts *parts, bool first_part, bool *closed) {
    bool first = first_part;
    *closed = false;
    for (;; first = false) {
        if (!more(t)) return fail(t, "an unclosed character class");
        char c = peek(t);
        if (c == ']' && !first) {
            t->at++;
            *closed = true;
            return STATUS_OK;
        }
        if (c == '&' && peek_at(t, 1) == '&') {
            t->at += 2;
            return STATUS_OK;
        }
        if (c == '[') {
            struct strbuf nested = {0};
            enum status status = class_members(t, &nested);
            if (status == STATUS_OK) add_other(parts, nested.data, nested.len);
            strbuf_free(&nested);
            TRY(status);
            continue;
        }
        if (t->flags.comments && (c == ' ' || (c >= '\t' && c <= '\r'))) {
            t->at++;
            continue;
        }
        uint32_t from, to;
        bool is_char = true;
        if (c == '\\')
            TRY(class_escape(t, parts, &from, &is_char));
        else
            from = next_char(t);
        if (!is_char) continue;
        to = from;
        if (peek(t) == '-' && peek_at(t, 1) != ']' && peek_at(t, 1) != '[' && t->at + 1 < t->text.len) {
            t->at++;
            if (peek(t) == '\\')
                TRY(class_escape(t, parts, &to, &is_char));
            else
                to = next_char(t);
            if (!is_char || to < from) return fail(t, "a wrong range");
        }
        add_range(t, parts, from, to);
    }
}

/* At '[': the whole class. */
static enum status class_members(struct translator *t, struct strbuf *out) {
    if (++t->depth > REGEXP_MAX_DEPTH) return fail(t, "too many nested classes");
    t->at++;
    bool negated = peek(t) == '^';
    if (negated) t->at++;
    struct class_parts parts = {0};
    struct strbuf all = {0}; /* the operands of && so far, each as a lookahead */
    bool closed = false, intersection = false;
    enum status status;
    for (bool first = true; !closed; first = false) {
        status = class_operand(t, &parts, first, &closed);
        if (status != STATUS_OK) break;
        if (closed && !intersection) break;
        intersection = true;
        if (parts.plain.len || parts.others.len) {
            strbuf_puts(&all, "(?=");
            put_class(&all, &parts, false);
            strbuf_putc(&all, ')');
        }
        strbuf_clear(&parts.plain);
        strbuf_clear(&parts.others);
    }
    if (status == STATUS_OK) {
        if (!intersection)
            put_class(out, &parts, negated);
        else
            strbuf_printf(out, negated ? "(?:(?!%s)(?s:.))" : "(?:%s(?s:.))", all.data ? all.data : "");
    }
    free_parts(&parts);
    strbuf_free(&all);
    t->depth--;
    return status;
}

/* ---- outside of classes ---- */

#define LINE_END "\\x{A}\\x{D}\\x{85}\\x{2028}\\x{2029}"
#define WORD "[\\p{L}\\p{Nd}_]"

static enum status back_reference(struct translator *t, uint32_t first) {
    int number = (int)(first - '0');
    /* More digits belong to it as long as there is such a group. */
    while (is_digit(peek(t)) && number * 10 + (peek(t) - '0') <= t->group_count) {
        number = number * 10 + (peek(t) - '0');
        t->at++;
    }
    if (number > t->group_count)
        strbuf_puts(t->out, "(?!)");
    else
        strbuf_printf(t->out, t->flags.ignore_case ? "(?i:\\g{%d})" : "\\g{%d}", number);
    return STATUS_OK;
}

static enum status escape(struct translator *t) {
    t->at++;
    if (!more(t)) return fail(t, "a backslash at the end");
    uint32_t c = next_char(t), code;
    if (c >= '1' && c <= '9') return back_reference(t, c);
    bool is_char;
    TRY(escaped_char(t, c, &code, &is_char));
    if (is_char) {
        put_literal(t, code);
        return STATUS_OK;
    }
    switch (c) {
    case 'd':
    case 'D':
    case 'w':
    case 'W':
    case 's':
    case 'S':
    case 'h':
    case 'H':
    case 'v':
    case 'V':
    case 'R':
    case 'X':
    case 'A':
    case 'G':
    case 'z': strbuf_printf(t->out, "\\%c", (char)c); return STATUS_OK;
    case 'Z': strbuf_puts(t->out, "(?=(?:\\x{D}\\x{A}|[" LINE_END "])?\\z)(?!(?<=\\x{D})\\x{A})"); return STATUS_OK;
    case 'b':
        if (peek(t) == '{') return fail(t, "\\b{...}, which is not supported,");
        strbuf_puts(t->out, "(?:(?<=" WORD ")(?!" WORD ")|(?<!" WORD ")(?=" WORD "))");
        return STATUS_OK;
    case 'B': strbuf_puts(t->out, "(?:(?<=" WORD ")(?=" WORD ")|(?<!" WORD ")(?!" WORD "))"); return STATUS_OK;
    case 'p':
    case 'P': {
        struct strbuf class = {0};
        bool negated;
        enum status status = property(t, c == 'P', &class, &negated);
        if (status == STATUS_OK) strbuf_printf(t->out, "[%s%s]", negated ? "^" : "", class.data);
        strbuf_free(&class);
        return status;
    }
    case 'Q': {
        size_t end = text_find(t->text, str_from("\\E"), t->at), stop = end == SIZE_MAX ? t->text.len : end;
        while (t->at < stop) put_literal(t, next_char(t));
        if (end != SIZE_MAX) t->at = end + 2;
        return STATUS_OK;
    }
    case 'k': {
        size_t end = text_find(t->text, str_from(">"), t->at);
        if (peek(t) != '<' || end == SIZE_MAX) return fail(t, "\\k without a name");
        strbuf_puts(t->out, t->flags.ignore_case ? "(?i:\\k" : "\\k");
        strbuf_add(t->out, t->text.data + t->at, end + 1 - t->at);
        if (t->flags.ignore_case) strbuf_putc(t->out, ')');
        t->at = end + 1;
        return STATUS_OK;
    }
    default: return fail(t, "an unknown escape");
    }
}

/* Flags behind "(?"; stops at : or ). */
static enum status read_flags(struct translator *t, struct flags *flags) {
    bool on = true;
    for (;; t->at++) {
        switch (peek(t)) {
        case 'i': flags->ignore_case = on; break;
        case 'u': flags->unicode_case = on; break;
        case 'm': flags->multi_line = on; break;
        case 's': flags->dot_all = on; break;
        case 'x': flags->comments = on; break;
        case '-':
            if (!on) return fail(t, "a second - in flags");
            on = false;
            break;
        case ':':
        case ')': return STATUS_OK;
        case 'd':
        case 'U': return fail(t, "a flag that is not supported");
        default: return fail(t, "an unknown flag or group");
        }
    }
}

/* "(…": writes its start. *flags_only: it was (?flags), which has no inside. */
static enum status open_group(struct translator *t, bool *flags_only) {
    static const char *const prefixes[] = {"(?:", "(?=", "(?!", "(?>", "(?<=", "(?<!"};
    *flags_only = false;
    if (peek_at(t, 1) != '?') {
        t->at++;
        t->group_count++;
        strbuf_putc(t->out, '(');
        return STATUS_OK;
    }
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        if (!starts(t, prefixes[i])) continue;
        strbuf_puts(t->out, prefixes[i]);
        t->at += strlen(prefixes[i]);
        return STATUS_OK;
    }
    if (starts(t, "(?<")) {
        size_t from = t->at + 3, to = from;
        while (to < t->text.len && (is_ascii_letter((unsigned char)t->text.data[to]) || is_digit(t->text.data[to])))
            to++;
        if (to == from || to >= t->text.len || t->text.data[to] != '>' || is_digit(t->text.data[from]))
            return fail(t, "a wrong group name");
        t->group_count++;
        strbuf_add(t->out, t->text.data + t->at, to + 1 - t->at);
        t->at = to + 1;
        return STATUS_OK;
    }
    t->at += 2;
    struct flags flags = t->flags;
    TRY(read_flags(t, &flags));
    *flags_only = peek(t) == ')';
    t->at++;
    t->flags = flags;
    if (!*flags_only) strbuf_puts(t->out, "(?:");
    return STATUS_OK;
}

/* ? * + {n} {n,} {n,m} and the suffix ? or +. */
static enum status quantifier(struct translator *t, bool *found) {
    *found = true;
    char c = peek(t);
    if (c == '?' || c == '*' || c == '+') {
        strbuf_putc(t->out, c);
        t->at++;
    } else if (c == '{') {
        size_t from = t->at++;
        int numbers[2] = {0, 0}, digits = 0;
        for (; is_digit(peek(t)) && digits < 6; t->at++, digits++) numbers[0] = numbers[0] * 10 + (peek(t) - '0');
        bool ok = digits > 0;
        numbers[1] = numbers[0];
        if (ok && peek(t) == ',') {
            t->at++;
            numbers[1] = INT32_MAX;
            if (is_digit(peek(t)))
                for (numbers[1] = 0, digits = 0; is_digit(peek(t)) && digits < 6; t->at++, digits++)
                    numbers[1] = numbers[1] * 10 + (peek(t) - '0');
        }
        if (!ok || peek(t) != '}' || numbers[1] < numbers[0]) return fail(t, "a wrong repetition");
        t->at++;
        strbuf_add(t->out, t->text.data + from, t->at - from);
    } else {
        *found = false;
        return STATUS_OK;
    }
    if (peek(t) == '?' || peek(t) == '+') {
        strbuf_putc(t->out, peek(t));
        t->at++;
    }
    return STATUS_OK;
}

static void put_dot(struct translator *t) { strbuf_puts(t->out, t->flags.dot_all ? "(?s:.)" : "[^" LINE_END "]"); }

static void put_dollar(struct translator *t) {
    if (t->flags.multi_line)
        strbuf_puts(t->out, "(?:(?<!\\x{D})(?=\\x{A})|(?=[\\x{D}\\x{85}\\x{2028}\\x{2029}])|\\z)");
    else
        strbuf_puts(t->out,
                    "(?:\\z|(?=(?:\\x{D}\\x{A}|[\\x{D}\\x{85}\\x{2028}\\x{2029}])\\z)|(?<!\\x{D})(?=\\x{A}\\z))");
}

static void put_caret(struct translator *t) {
    if (t->flags.multi_line)
        strbuf_puts(t->out, "(?:\\A|(?<=[\\x{A}\\x{85}\\x{2028}\\x{2029}])(?!\\z)|(?<=\\x{D})(?![\\x{A}])(?!\\z))");
    else
        strbuf_puts(t->out, "\\A");
}

static void skip_comments(struct translator *t) {
    while (t->flags.comments && more(t)) {
        char c = peek(t);
        if (c == ' ' || (c >= '\t' && c <= '\r')) {
            t->at++;
        } else if (c == '#') {
            while (more(t) && peek(t) != '\n' && peek(t) != '\r') t->at++;
        } else {
            return;
        }
    }
}

enum status regexp_translate(struct str pattern, struct strbuf *out, struct error *err) {
    struct translator t = {.text = pattern, .out = out, .err = err};
    struct flags stack[REGEXP_MAX_DEPTH];
    int depth = 0;
    if (pattern.len > REGEXP_MAX_PATTERN_BYTES)
        return error_set(err, STATUS_LIMIT_EXCEEDED, "a regular expression is longer than %d bytes",
                         REGEXP_MAX_PATTERN_BYTES);
    for (;;) {
        skip_comments(&t);
        if (!more(&t)) break;
        bool atom = true, found; /* may a quantifier follow? */
        switch (peek(&t)) {
        case '(': {
            bool flags_only;
            struct flags before = t.flags;
            TRY(open_group(&t, &flags_only));
            if (!flags_only) {
                if (depth == REGEXP_MAX_DEPTH) return fail(&t, "too many nested groups");
                stack[depth++] = before;
            }
            atom = false;
            break;
        }
        case ')':
            if (depth == 0) return fail(&t, "a ) without (");
            t.flags = stack[--depth];
            strbuf_putc(out, ')');
            t.at++;
            break;
        case '|':
            strbuf_putc(out, '|');
            t.at++;
            atom = false;
            break;
        case '[': TRY(class_members(&t, out)); break;
        case '\\': {
            size_t before = out->len;
            TRY(escape(&t));
            /* \Q\E may have added several characters, or none; a quantifier belongs to the last one by itself. */
            atom = out->len > before;
            break;
        }
        case '.':
            put_dot(&t);
            t.at++;
            break;
        case '^':
            put_caret(&t);
            t.at++;
            break;
        case '$':
            put_dollar(&t);
            t.at++;
            break;
        case '?':
        case '*':
        case '+': return fail(&t, "a repetition of nothing");
        case '{': return fail(&t, "a { that repeats nothing");
        default: put_literal(&t, next_char(&t));
        }
        if (!atom) continue;
        skip_comments(&t);
        TRY(quantifier(&t, &found));
    }
    if (depth > 0) return fail(&t, "an unclosed group");
    return STATUS_OK;
}

/* ---- SIMILAR TO ---- */

enum status regexp_translate_similar(struct str pattern, struct str escape, struct strbuf *out, struct error *err) {
    if (escape.len > 0 && text_char_bytes(escape, 0) != escape.len)
        return error_set(err, STATUS_INVALID_ARGUMENT, "the ESCAPE of SIMILAR TO must be a single character");
    strbuf_puts(out, "\\A(?:");
    bool in_class = false;
    for (size_t at = 0; at < pattern.len;) {
        size_t n;
        uint32_t c = text_char(pattern, at, &n);
        if (escape.len && pattern.len - at >= escape.len && memcmp(pattern.data + at, escape.data, escape.len) == 0) {
            at += escape.len;
            if (at >= pattern.len)
                return error_set(err, STATUS_INVALID_ARGUMENT,
                                 "the SIMILAR TO pattern '%.*s' ends with its escape character",
                                 (int)(pattern.len > 200 ? 200 : pattern.len), pattern.data);
            c = text_char(pattern, at, &n);
            at += n;
            put_code(out, c);
            continue;
        }
        at += n;
        if (in_class) {
            if (c == ']') {
                in_class = false;
                strbuf_putc(out, ']');
            } else if (c == '[' && at < pattern.len && pattern.data[at] == ':') {
                size_t end = text_find(pattern, str_from(":]"), at);
                if (end == SIZE_MAX)
                    return error_set(err, STATUS_INVALID_ARGUMENT, "an unclosed [: in the SIMILAR TO pattern");
                strbuf_add(out, pattern.data + at - 1, end + 2 - (at - 1));
                at = end + 2;
            } else if (c == '-' || c == '^') {
                strbuf_putc(out, (char)c);
            } else {
                put_code(out, c);
            }
            continue;
        }
        switch (c) {
        case '%': strbuf_puts(out, "(?s:.*)"); break;
        case '_': strbuf_puts(out, "(?s:.)"); break;
        case '[':
            in_class = true;
            strbuf_putc(out, '[');
            break;
        case '(': strbuf_puts(out, "(?:"); break;
        case '|':
        case '*':
        case '+':
        case '?':
        case ')':
        case '{':
        case '}': strbuf_putc(out, (char)c); break;
        case ',': strbuf_putc(out, ','); break;
        default: put_code(out, c);
        }
    }
    if (in_class) return error_set(err, STATUS_INVALID_ARGUMENT, "an unclosed [ in the SIMILAR TO pattern");
    strbuf_puts(out, ")\\z");
    return STATUS_OK;
}
