/* Functions with regular expressions: Java's syntax (regexp_translate.c), PCRE2's machine. A pattern that is a constant is
 * compiled once for the program. A match that needs more than REGEXP_MATCH_LIMIT steps is an error, never "no match". */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "function/function_private.h"
#include "function/list_private.h"
#include "function/regexp_private.h"
#include "kernel/text.h"

#define EACH_ROW(row) for (int i_ = 0, row = 0; i_ < count && (row = sel ? sel[i_] : i_, true); i_++)

struct regexp {
    pcre2_code *code;
    pcre2_match_context *context;
    uint32_t group_count; /* without group 0 */
};

/* PCRE2 allocates in the arena. */
static void *arena_malloc(size_t size_bytes, void *data) { return arena_alloc(data, size_bytes); }
static void arena_free(void *ptr, void *data) { (void)ptr, (void)data; }

static void free_code(void *data) { pcre2_code_free(data); }

static enum status compile(struct arena *arena, struct str translated, struct str pattern, struct regexp *out,
                           struct error *err) {
    int code_number;
    size_t offset;
    uint32_t options = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C;
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)translated.data, translated.len, options, &code_number, &offset, NULL);
    if (!code) {
        char message[128];
        pcre2_get_error_message(code_number, (PCRE2_UCHAR *)message, sizeof message);
        return error_set(err, STATUS_INVALID_ARGUMENT, "the regular expression '%.*s' is wrong or not supported: %s",
                         (int)(pattern.len > 200 ? 200 : pattern.len), pattern.data, message);
    }
    arena_on_reset(arena, free_code, code);
    /* Executable memory may be forbidden; the interpreter does the same. */
    (void)pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
    pcre2_general_context *general = pcre2_general_context_create(arena_malloc, arena_free, arena);
    out->code = code;
    out->context = pcre2_match_context_create(general);
    pcre2_set_match_limit(out->context, REGEXP_MATCH_LIMIT);
    pcre2_pattern_info(code, PCRE2_INFO_CAPTURECOUNT, &out->group_count);
    return STATUS_OK;
}

static enum status regexp_compile(struct arena *arena, struct str pattern, struct regexp *out, struct error *err) {
    struct strbuf translated = {0};
    enum status status = regexp_translate(pattern, &translated, err);
    if (status == STATUS_OK) {
        struct str text = {translated.data ? translated.data : "", translated.len};
        status = compile(arena, text, pattern, out, err);
    }
    strbuf_free(&translated);
    return status;
}

/* The pattern is the second argument. */
enum status fn_regexp_prepare(const struct bound_function *function, const struct value *const *constants,
                              struct arena *arena, void **state, struct error *err) {
    (void)function;
    if (!constants[1] || constants[1]->is_null) return STATUS_OK;
    struct regexp *regexp = ARENA_NEW(arena, struct regexp);
    TRY(regexp_compile(arena, constants[1]->str, regexp, err));
    *state = regexp;
    return STATUS_OK;
}

static enum status similar_compile(struct arena *arena, struct str pattern, struct str escape, struct regexp *out,
                                   struct error *err) {
    struct strbuf translated = {0};
    enum status status = regexp_translate_similar(pattern, escape, &translated, err);
    if (status == STATUS_OK) status = compile(arena, strbuf_str(&translated), pattern, out, err);
    strbuf_free(&translated);
    return status;
}

enum status fn_similar_prepare(const struct bound_function *function, const struct value *const *constants,
                               struct arena *arena, void **state, struct error *err) {
    struct str escape = {0};
    if (!constants[1] || constants[1]->is_null) return STATUS_OK;
    if (function->arg_count == 3) {
        if (!constants[2] || constants[2]->is_null) return STATUS_OK;
        escape = constants[2]->str;
    }
    struct regexp *regexp = ARENA_NEW(arena, struct regexp);
    TRY(similar_compile(arena, constants[1]->str, escape, regexp, err));
    *state = regexp;
    return STATUS_OK;
}

/* ---- matching ---- */

/* The patterns of one kernel call: the constant, or the last one that a row brought. */
struct matcher {
    struct kernel_ctx *ctx;
    const struct regexp *regexp;
    struct str pattern;
    struct regexp own;
    pcre2_match_data *data;
    const size_t *groups; /* of the last match: start and end of each */
};

static void use_regexp(struct matcher *m, const struct regexp *regexp) {
    pcre2_general_context *general = pcre2_general_context_create(arena_malloc, arena_free, m->ctx->arena);
    m->regexp = regexp;
    m->data = pcre2_match_data_create_from_pattern(regexp->code, general);
    m->groups = pcre2_get_ovector_pointer(m->data);
}

static struct matcher matcher_for(struct kernel_ctx *ctx) {
    struct matcher m = {.ctx = ctx};
    if (ctx->state) use_regexp(&m, ctx->state);
    return m;
}

/* Makes the row's pattern ready. */
static enum status matcher_row(struct matcher *m, const struct vector *const *args, int row) {
    if (m->ctx->state) return STATUS_OK;
    struct str pattern = fn_str(args[1], row);
    if (m->regexp && str_equal(pattern, m->pattern)) return STATUS_OK;
    struct error err;
    enum status status = regexp_compile(m->ctx->arena, pattern, &m->own, &err);
    if (status != STATUS_OK) return fni_fail_text(m->ctx, status, row, "%.150s", err.message);
    m->pattern = (struct str){arena_strndup(m->ctx->arena, pattern.data, pattern.len), pattern.len};
    use_regexp(m, &m->own);
    return STATUS_OK;
}

static enum status match_failed(struct kernel_ctx *ctx, int row, int code) {
    if (code == PCRE2_ERROR_MATCHLIMIT || code == PCRE2_ERROR_DEPTHLIMIT || code == PCRE2_ERROR_HEAPLIMIT ||
        code == PCRE2_ERROR_JIT_STACKLIMIT)
        return fni_fail_text(ctx, STATUS_LIMIT_EXCEEDED, row,
                             "the regular expression needs more than %d steps for this text", REGEXP_MATCH_LIMIT);
    char message[100];
    pcre2_get_error_message(code, (PCRE2_UCHAR *)message, sizeof message);
    return fni_fail_text(ctx, STATUS_INTERNAL, row, "matching a regular expression: %s", message);
}

/* The first match at or behind byte `from`. */
static enum status find(struct matcher *m, struct str text, size_t from, int row, bool *found) {
    const struct regexp *r = m->regexp;
    PCRE2_SPTR data = (PCRE2_SPTR)(text.data ? text.data : "");
    int result = pcre2_match(r->code, data, text.len, from, 0, m->data, r->context);
    if (result == PCRE2_ERROR_JIT_STACKLIMIT)
        result = pcre2_match(r->code, data, text.len, from, PCRE2_NO_JIT, m->data, r->context);
    *found = result >= 0;
    return result >= 0 || result == PCRE2_ERROR_NOMATCH ? STATUS_OK : match_failed(m->ctx, row, result);
}

/* The next match behind the last one; an empty match moves on by one character. */
static enum status find_next(struct matcher *m, struct str text, int row, bool *found) {
    size_t start = m->groups[0], end = m->groups[1];
    if (end > start) return find(m, text, end, row, found);
    if (end >= text.len) {
        *found = false;
        return STATUS_OK;
    }
    return find(m, text, end + text_char_bytes(text, end), row, found);
}

static bool group_of(const struct matcher *m, struct str text, int64_t group, struct str *out) {
    if (group < 0 || group > m->regexp->group_count || m->groups[2 * group] == PCRE2_UNSET) return false;
    *out = (struct str){text.data + m->groups[2 * group], m->groups[2 * group + 1] - m->groups[2 * group]};
    return true;
}

/* ---- functions ---- */

/* REGEXP(text, pattern); an empty pattern matches nothing, as in Flink. */
enum status fn_regexp(KERNEL_ARGS) {
    struct matcher m = matcher_for(ctx);
    EACH_ROW(row) {
        bool found = false;
        if (fn_str(args[1], row).len > 0) {
            TRY(matcher_row(&m, args, row));
            TRY(find(&m, fn_str(args[0], row), 0, row, &found));
        }
        ((uint8_t *)out->data)[row] = found;
    }
    return STATUS_OK;
}

/* REGEXP_EXTRACT(text, pattern [, group]) */
enum status fn_regexp_extract(KERNEL_ARGS) {
    struct matcher m = matcher_for(ctx);
    bool has_group = ctx->function->arg_count == 3;
    EACH_ROW(row) {
        struct str text = fn_str(args[0], row), part;
        bool found;
        TRY(matcher_row(&m, args, row));
        TRY(find(&m, text, 0, row, &found));
        if (found && group_of(&m, text, has_group ? fn_i32(args[2], row) : 0, &part))
            fn_put_borrowed(out, row, part);
        else
            fn_put_null(ctx, out, row);
    }
    return STATUS_OK;
}

/* Adds the replacement for the match: $1, ${name} and \x as in Matcher.appendReplacement. */
static enum status add_replacement(struct matcher *m, struct str text, struct str by, struct strbuf *buf, int row) {
    for (size_t i = 0; i < by.len; i++) {
        if (by.data[i] == '\\') {
            if (++i == by.len)
                return fni_fail_text(m->ctx, STATUS_INVALID_ARGUMENT, row, "the replacement ends with a backslash");
            strbuf_putc(buf, by.data[i]);
            continue;
        }
        if (by.data[i] != '$') {
            strbuf_putc(buf, by.data[i]);
            continue;
        }
        int64_t group = -1;
        size_t next = i + 1;
        if (next < by.len && by.data[next] == '{') {
            size_t end = text_find(by, str_from("}"), next);
            char name[64];
            if (end != SIZE_MAX && end - next - 1 < sizeof name) {
                memcpy(name, by.data + next + 1, end - next - 1);
                name[end - next - 1] = 0;
                int number = pcre2_substring_number_from_name(m->regexp->code, (PCRE2_SPTR)name);
                if (number > 0) group = number;
                next = end + 1;
            }
        } else if (next < by.len && by.data[next] >= '0' && by.data[next] <= '9') {
            group = by.data[next++] - '0';
            /* More digits belong to the number as long as there is such a group. */
            while (next < by.len && by.data[next] >= '0' && by.data[next] <= '9' &&
                   group * 10 + (by.data[next] - '0') <= m->regexp->group_count)
                group = group * 10 + (by.data[next++] - '0');
        }
        if (group < 0 || group > m->regexp->group_count)
            return fni_fail_text(m->ctx, STATUS_INVALID_ARGUMENT, row,
                                 "the replacement refers to no group of the pattern");
        struct str part;
        if (group_of(m, text, group, &part)) strbuf_add(buf, part.data, part.len);
        i = next - 1;
    }
    return STATUS_OK;
}

static enum status replace_row(struct matcher *m, struct str text, struct str by, struct strbuf *buf, int row) {
    bool found;
    size_t at = 0;
    TRY(find(m, text, 0, row, &found));
    while (found) {
        strbuf_add(buf, text.data + at, m->groups[0] - at);
        at = m->groups[1];
        TRY(add_replacement(m, text, by, buf, row));
        if (buf->len > FUNCTION_MAX_TEXT_BYTES)
            return fni_fail_text(m->ctx, STATUS_LIMIT_EXCEEDED, row, "the text would be larger than %d MiB",
                                 FUNCTION_MAX_TEXT_BYTES >> 20);
        TRY(find_next(m, text, row, &found));
    }
    strbuf_add(buf, text.data + at, text.len - at);
    return STATUS_OK;
}

/* REGEXP_REPLACE(text, pattern, replacement) */
enum status fn_regexp_replace(KERNEL_ARGS) {
    struct matcher m = matcher_for(ctx);
    struct strbuf buf = {0};
    enum status status = STATUS_OK;
    for (int i = 0; i < count && status == STATUS_OK; i++) {
        int row = sel ? sel[i] : i;
        struct str text = fn_str(args[0], row);
        if (fn_str(args[1], row).len == 0) {
            fn_put_borrowed(out, row, text);
            continue;
        }
        status = matcher_row(&m, args, row);
        strbuf_clear(&buf);
        if (status == STATUS_OK) status = replace_row(&m, text, fn_str(args[2], row), &buf, row);
        if (status == STATUS_OK) fn_put_copy(ctx, out, row, buf.data ? buf.data : "", buf.len);
    }
    strbuf_free(&buf);
    return status;
}

/* REGEXP_COUNT(text, pattern) */
enum status fn_regexp_count(KERNEL_ARGS) {
    struct matcher m = matcher_for(ctx);
    EACH_ROW(row) {
        struct str text = fn_str(args[0], row);
        int32_t n = 0;
        bool found;
        TRY(matcher_row(&m, args, row));
        TRY(find(&m, text, 0, row, &found));
        for (; found; n++) TRY(find_next(&m, text, row, &found));
        ((int32_t *)out->data)[row] = n;
    }
    return STATUS_OK;
}

/* REGEXP_INSTR(text, pattern): where the first match starts, from 1; 0 without one. */
enum status fn_regexp_instr(KERNEL_ARGS) {
    struct matcher m = matcher_for(ctx);
    EACH_ROW(row) {
        struct str text = fn_str(args[0], row);
        bool found;
        TRY(matcher_row(&m, args, row));
        TRY(find(&m, text, 0, row, &found));
        ((int32_t *)out->data)[row] = found ? (int32_t)text_length((struct str){text.data, m.groups[0]}) + 1 : 0;
    }
    return STATUS_OK;
}

/* REGEXP_EXTRACT_ALL(text, pattern [, group]): group 1 by default */
static enum status extract_all_kernel(KERNEL_ARGS) {
    struct matcher m = matcher_for(ctx);
    bool has_group = ctx->function->arg_count == 3;
    EACH_ROW(row) {
        struct str text = fn_str(args[0], row);
        bool found;
        TRY(matcher_row(&m, args, row));
        int64_t group = has_group ? fn_i32(args[2], row) : 1;
        list_begin(out, row);
        if (group < 0 || group > m.regexp->group_count) {
            fn_put_null(ctx, out, row);
            continue;
        }
        TRY(find(&m, text, 0, row, &found));
        while (found) {
            struct str part;
            bool has = group_of(&m, text, group, &part);
            list_add_text(out, ctx->arena, row, has ? part : (struct str){"", 0});
            TRY(find_next(&m, text, row, &found));
        }
    }
    return STATUS_OK;
}

enum status fn_bind_regexp_extract_all(struct call *call, int variant, struct expr **out) {
    (void)variant;
    const struct type *result;
    TRY(fni_apply_shape(call, "ss?i>s", &result));
    const struct type *element = fni_not_null(call, type_of(TYPE_VARCHAR));
    *out = fni_finish(call, type_array(call->arena, element, true), extract_all_kernel, FN_NULLABLE | FN_FALLIBLE, NULL,
                      fn_regexp_prepare);
    return STATUS_OK;
}

/* text SIMILAR TO pattern [ESCAPE character] */
enum status fn_similar(KERNEL_ARGS) {
    struct matcher m = matcher_for(ctx);
    EACH_ROW(row) {
        bool found;
        if (!ctx->state) {
            struct error err;
            struct str escape = ctx->function->arg_count == 3 ? fn_str(args[2], row) : (struct str){0};
            enum status status = similar_compile(ctx->arena, fn_str(args[1], row), escape, &m.own, &err);
            if (status != STATUS_OK) return fni_fail_text(ctx, status, row, "%.150s", err.message);
            use_regexp(&m, &m.own);
        }
        TRY(find(&m, fn_str(args[0], row), 0, row, &found));
        ((uint8_t *)out->data)[row] = found;
    }
    return STATUS_OK;
}
