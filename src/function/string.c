/* Functions of text. Positions and lengths are in code points and start at 1. A result that is a part of its argument
 * borrows the argument's bytes. */
#include <openssl/evp.h>
#include <stdio.h>
#include <utf8proc.h>

#include "function/function_private.h"
#include "kernel/text.h"
#include "types/cast.h"

/* A text that grows in the morsel arena. Fails when it gets larger than FUNCTION_MAX_TEXT_BYTES. */
struct builder {
    struct arena *arena;
    char *data;
    size_t len, capacity;
    bool too_long;
};

static void builder_reserve(struct builder *b, size_t extra) {
    if (extra <= b->capacity - b->len) return;
    if (b->too_long || extra > FUNCTION_MAX_TEXT_BYTES || b->len + extra > FUNCTION_MAX_TEXT_BYTES) {
        b->too_long = true;
        return;
    }
    size_t capacity = b->capacity ? b->capacity * 2 : 64;
    while (capacity < b->len + extra) capacity *= 2;
    char *data = arena_alloc_aligned(b->arena, capacity, 1);
    if (b->len) memcpy(data, b->data, b->len);
    b->data = data;
    b->capacity = capacity;
}
static void builder_add(struct builder *b, const char *data, size_t len) {
    builder_reserve(b, len);
    if (b->too_long || len == 0) return;
    memcpy(b->data + b->len, data, len);
    b->len += len;
}
static void builder_char(struct builder *b, uint32_t c) {
    char bytes[4];
    builder_add(b, bytes, (size_t)text_put_char(c, bytes));
}
static enum status too_long(struct kernel_ctx *ctx, int row) {
    return fni_fail_text(ctx, STATUS_LIMIT_EXCEEDED, row, "the text would be larger than %d MiB",
                         FUNCTION_MAX_TEXT_BYTES >> 20);
}
static enum status builder_finish(struct builder *b, struct kernel_ctx *ctx, struct vector *out, int row) {
    if (b->too_long) return too_long(ctx, row);
    fn_put_borrowed(out, row, (struct str){b->data ? b->data : "", b->len});
    return STATUS_OK;
}

#define EACH_ROW(row) for (int i_ = 0, row = 0; i_ < count && (row = sel ? sel[i_] : i_, true); i_++)

static struct str slice(struct str text, size_t from, size_t to) { return (struct str){text.data + from, to - from}; }

/* ---- lengths and parts ---- */

enum status fn_char_length(KERNEL_ARGS) {
    (void)ctx;
    EACH_ROW(row)((int32_t *)out->data)[row] = (int32_t)text_length(fn_str(args[0], row));
    return STATUS_OK;
}

enum status fn_octet_length(KERNEL_ARGS) {
    (void)ctx;
    EACH_ROW(row)((int32_t *)out->data)[row] = (int32_t)fn_str(args[0], row).len;
    return STATUS_OK;
}

/* Start counts from 1, a negative one from the end, 0 is 1; NULL for a negative length. In bytes for BYTES. */
static enum status substring(KERNEL_ARGS, bool bytes) {
    bool has_length = ctx->function->arg_count == 3;
    EACH_ROW(row) {
        struct str text = fn_str(args[0], row);
        int64_t pos = fn_i32(args[1], row), length = has_length ? fn_i32(args[2], row) : INT64_MAX, start;
        if (length < 0) {
            fn_put_null(ctx, out, row);
            continue;
        }
        bool plain = bytes || text_is_ascii(text);
        int64_t chars = plain ? (int64_t)text.len : text_length(text);
        start = pos > 0 ? pos - 1 : pos < 0 ? chars + pos : 0;
        if (start < 0 || start >= chars || length == 0) {
            fn_put_borrowed(out, row, (struct str){"", 0});
            continue;
        }
        int64_t end = chars - start < length ? chars : start + length;
        if (plain) {
            fn_put_borrowed(out, row, slice(text, (size_t)start, (size_t)end));
        } else {
            size_t from = text_offset(text, start);
            struct str rest = slice(text, from, text.len);
            fn_put_borrowed(out, row, slice(rest, 0, text_offset(rest, end - start)));
        }
    }
    return STATUS_OK;
}
static enum status substring_kernel(KERNEL_ARGS) { return substring(ctx, args, out, sel, count, false); }
static enum status substring_bytes_kernel(KERNEL_ARGS) { return substring(ctx, args, out, sel, count, true); }

enum status fn_bind_substring(struct call *call, int variant, struct expr **out) {
    (void)variant;
    const struct type *result;
    bool bytes = call->arg_count > 0 && type_is_bytes(call->args[0]->type);
    TRY(fni_apply_shape(call, bytes ? "yi?i>y" : "si?i>s", &result));
    bool nullable = false;
    if (call->arg_count == 3) {
        const struct value *length = fni_constant(call, 2);
        nullable = !length || length->is_null || length->i64 < 0;
    }
    *out = fni_finish(call, result, bytes ? substring_bytes_kernel : substring_kernel, nullable ? FN_NULLABLE : 0, NULL,
                      NULL);
    return STATUS_OK;
}

enum status fn_left(KERNEL_ARGS) {
    (void)ctx;
    EACH_ROW(row) {
        struct str text = fn_str(args[0], row);
        fn_put_borrowed(out, row, slice(text, 0, text_offset(text, fn_i32(args[1], row))));
    }
    return STATUS_OK;
}

enum status fn_right(KERNEL_ARGS) {
    (void)ctx;
    EACH_ROW(row) {
        struct str text = fn_str(args[0], row);
        int64_t keep = fn_i32(args[1], row), chars = text_length(text);
        size_t from = keep <= 0 ? text.len : keep >= chars ? 0 : text_offset(text, chars - keep);
        fn_put_borrowed(out, row, slice(text, from, text.len));
    }
    return STATUS_OK;
}

/* ---- case ---- */

/* Capitals that are more than one character. */
static const char *special_upper(uint32_t c) {
    switch (c) {
    case 0xDF: return "SS";
    case 0x149: return "\xCA\xBCN";
    case 0x1F0: return "J\xCC\x8C";
    case 0xFB00: return "FF";
    case 0xFB01: return "FI";
    case 0xFB02: return "FL";
    case 0xFB03: return "FFI";
    case 0xFB04: return "FFL";
    case 0xFB05:
    case 0xFB06: return "ST";
    default: return NULL;
    }
}

static enum status change_case(KERNEL_ARGS, const bool upper) {
    const char from = upper ? 'a' : 'A';
    EACH_ROW(row) {
        struct str text = fn_str(args[0], row);
        if (text_is_ascii(text)) {
            char inlined[STRVIEW_INLINE];
            char *bytes = text.len <= STRVIEW_INLINE ? inlined : arena_alloc_aligned(ctx->arena, text.len, 1);
            for (size_t i = 0; i < text.len; i++) {
                char c = text.data[i];
                bytes[i] = (char)(c ^ ((unsigned char)(c - from) < 26 ? 0x20 : 0));
            }
            fn_put_borrowed(out, row, (struct str){bytes, text.len});
            continue;
        }
        struct builder b = {.arena = ctx->arena};
        builder_reserve(&b, text.len + 8);
        for (size_t at = 0, n; at < text.len; at += n) {
            uint32_t c = text_char(text, at, &n);
            const char *special = upper ? special_upper(c) : NULL;
            if (special)
                builder_add(&b, special, strlen(special));
            else if (!upper && c == 0x130) /* capital I with a dot */
                builder_add(&b, "i\xCC\x87", 3);
            else if (c == 0xFFFD)
                builder_add(&b, text.data + at, n);
            else
                builder_char(&b, (uint32_t)(upper ? utf8proc_toupper((utf8proc_int32_t)c)
                                                  : utf8proc_tolower((utf8proc_int32_t)c)));
        }
        TRY(builder_finish(&b, ctx, out, row));
    }
    return STATUS_OK;
}
enum status fn_upper(KERNEL_ARGS) { return change_case(ctx, args, out, sel, count, true); }
enum status fn_lower(KERNEL_ARGS) { return change_case(ctx, args, out, sel, count, false); }

/* Words are runs of ASCII letters and digits, as in Flink. */
enum status fn_initcap(KERNEL_ARGS) {
    EACH_ROW(row) {
        struct str text = fn_str(args[0], row);
        char *bytes = arena_alloc_aligned(ctx->arena, text.len + 1, 1);
        bool start = true;
        for (size_t i = 0; i < text.len; i++) {
            char c = text.data[i];
            bool lower = c >= 'a' && c <= 'z', upper = c >= 'A' && c <= 'Z', digit = c >= '0' && c <= '9';
            if (start ? lower : upper) c ^= 0x20;
            bytes[i] = c;
            start = !(lower || upper || digit);
        }
        fn_put_borrowed(out, row, (struct str){bytes, text.len});
    }
    return STATUS_OK;
}

/* ---- trimming ---- */

static bool in_set(struct str set, struct str text, size_t at, size_t n) {
    for (size_t i = 0, bytes; i < set.len; i += bytes) {
        bytes = text_char_bytes(set, i);
        if (bytes == n && memcmp(set.data + i, text.data + at, n) == 0) return true;
    }
    return false;
}

static struct str trim(struct str text, struct str set, bool leading, bool trailing) {
    size_t from = 0, to = text.len;
    if (set.len == 1) {
        while (leading && from < to && text.data[from] == set.data[0]) from++;
        while (trailing && to > from && text.data[to - 1] == set.data[0]) to--;
        return slice(text, from, to);
    }
    while (leading && from < to) {
        size_t n = text_char_bytes(text, from);
        if (!in_set(set, text, from, n)) break;
        from += n;
    }
    while (trailing && to > from) {
        size_t at = to - 1;
        while (at > from && ((unsigned char)text.data[at] & 0xC0) == 0x80) at--;
        if (!in_set(set, text, at, to - at)) break;
        to = at;
    }
    return slice(text, from, to);
}

enum { TRIM_LEADING = 1, TRIM_TRAILING = 2, TRIM_BOTH = 3 };

/* TRIM's arguments: characters, text; LTRIM, RTRIM, BTRIM: text [, characters]. */
struct trim_plan {
    int sides;
    int text, set; /* arguments; set -1: blanks */
};

static enum status trim_kernel(KERNEL_ARGS) {
    const struct trim_plan *plan = ctx->function->data;
    EACH_ROW(row) {
        struct str set = plan->set >= 0 ? fn_str(args[plan->set], row) : (struct str){" ", 1};
        fn_put_borrowed(
            out, row,
            trim(fn_str(args[plan->text], row), set, plan->sides & TRIM_LEADING, plan->sides & TRIM_TRAILING));
    }
    return STATUS_OK;
}

enum status fn_bind_trim(struct call *call, int variant, struct expr **out) {
    const struct type *result;
    struct trim_plan *plan = ARENA_NEW(call->arena, struct trim_plan);
    if (variant) { /* LTRIM, RTRIM, BTRIM */
        TRY(fni_apply_shape(call, "s?s>s", &result));
        *plan = (struct trim_plan){variant, 0, call->arg_count == 2 ? 1 : -1};
    } else if (call->arg_count == 1) {
        TRY(fni_apply_shape(call, "s>s", &result));
        *plan = (struct trim_plan){TRIM_BOTH, 0, -1};
    } else {
        struct str side = {0};
        if (call->arg_count != 3 || !fni_constant_text(call, 0, &side)) return fni_no_match(call);
        plan->sides = str_equal_nocase(side, str_from("LEADING"))    ? TRIM_LEADING
                      : str_equal_nocase(side, str_from("TRAILING")) ? TRIM_TRAILING
                                                                     : TRIM_BOTH;
        plan->text = 2;
        plan->set = 1;
        TRY(fni_apply_shape(call, "sss>s", &result));
    }
    *out = fni_finish(call, result, trim_kernel, 0, plan, NULL);
    return STATUS_OK;
}

/* ---- putting together ---- */

static enum status concat_kernel(KERNEL_ARGS) {
    int arg_count = ctx->function->arg_count;
    EACH_ROW(row) {
        size_t len = 0;
        for (int a = 0; a < arg_count; a++) len += fn_str(args[a], row).len;
        if (len > FUNCTION_MAX_TEXT_BYTES) return too_long(ctx, row);
        char inlined[STRVIEW_INLINE];
        char *bytes = len <= STRVIEW_INLINE ? inlined : arena_alloc_aligned(ctx->arena, len, 1), *end = bytes;
        for (int a = 0; a < arg_count; a++) {
            struct str part = fn_str(args[a], row);
            memcpy(end, part.data, part.len);
            end += part.len;
        }
        fn_put_borrowed(out, row, (struct str){bytes, len});
    }
    return STATUS_OK;
}

/* Arguments that are not text are shown as CAST(x AS STRING) does. */
static enum status args_to_text(struct call *call, int from) {
    for (int i = from; i < call->arg_count; i++) {
        const struct type *type = call->args[i]->type;
        if (type->id != TYPE_NULL &&
            (type_is_nested(type) || type_is_bytes(type) || !cast_allowed(type, type_of(TYPE_VARCHAR))))
            return fni_no_match(call);
        fni_cast(call, i, type_of(TYPE_VARCHAR));
    }
    return STATUS_OK;
}

/* CONCAT and ||. variant: 1 for ||, which takes bytes too. */
enum status fn_bind_concat(struct call *call, int variant, struct expr **out) {
    if (call->arg_count < 1 || (variant && call->arg_count != 2)) return fni_no_match(call);
    bool bytes = true;
    for (int i = 0; i < call->arg_count; i++)
        bytes &= type_is_bytes(call->args[i]->type) || (i > 0 && fni_is_null_literal(call->args[i]));
    if (bytes) {
        for (int i = 0; i < call->arg_count; i++) fni_cast(call, i, type_of(TYPE_VARBINARY));
    } else {
        TRY(args_to_text(call, 0));
    }
    *out = fni_finish(call, type_of(bytes ? TYPE_VARBINARY : TYPE_VARCHAR), concat_kernel, FN_FALLIBLE, NULL, NULL);
    return STATUS_OK;
}

/* NULL for a NULL separator; other NULLs are left out. */
static enum status concat_ws_kernel(KERNEL_ARGS) {
    EACH_ROW(row) {
        if (!fn_valid(args[0], row)) {
            fn_put_null(ctx, out, row);
            continue;
        }
        struct str separator = fn_str(args[0], row);
        struct builder b = {.arena = ctx->arena};
        bool first = true;
        for (int a = 1; a < ctx->function->arg_count; a++) {
            if (!fn_valid(args[a], row)) continue;
            if (!first) builder_add(&b, separator.data, separator.len);
            struct str part = fn_str(args[a], row);
            builder_add(&b, part.data, part.len);
            first = false;
        }
        TRY(builder_finish(&b, ctx, out, row));
    }
    return STATUS_OK;
}

enum status fn_bind_concat_ws(struct call *call, int variant, struct expr **out) {
    (void)variant;
    if (call->arg_count < 1) return fni_no_match(call);
    TRY(args_to_text(call, 0));
    *out = fni_finish(call, type_of(TYPE_VARCHAR), concat_ws_kernel,
                      FN_CUSTOM | FN_FALLIBLE | (call->args[0]->type->nullable ? 0 : FN_NOT_NULL), NULL, NULL);
    return STATUS_OK;
}

enum status fn_repeat(KERNEL_ARGS) {
    EACH_ROW(row) {
        struct str text = fn_str(args[0], row);
        int64_t times = fn_i32(args[1], row);
        if (times <= 0 || text.len == 0) {
            fn_put_borrowed(out, row, (struct str){"", 0});
            continue;
        }
        if ((int64_t)text.len > FUNCTION_MAX_TEXT_BYTES / times) return too_long(ctx, row);
        size_t len = text.len * (size_t)times;
        char *bytes = arena_alloc_aligned(ctx->arena, len, 1);
        for (size_t at = 0; at < len; at += text.len) memcpy(bytes + at, text.data, text.len);
        fn_put_borrowed(out, row, (struct str){bytes, len});
    }
    return STATUS_OK;
}

/* NULL for a negative length or empty padding; a longer text is cut at its end. */
static enum status pad(KERNEL_ARGS, bool left) {
    EACH_ROW(row) {
        struct str text = fn_str(args[0], row), padding = fn_str(args[2], row);
        int64_t length = fn_i32(args[1], row), chars = text_length(text);
        if (length < 0 || padding.len == 0) {
            fn_put_null(ctx, out, row);
            continue;
        }
        if (chars >= length) {
            fn_put_borrowed(out, row, slice(text, 0, text_offset(text, length)));
            continue;
        }
        int64_t missing = length - chars, per = text_length(padding);
        if (missing / per > FUNCTION_MAX_TEXT_BYTES / (int64_t)padding.len) return too_long(ctx, row);
        struct builder b = {.arena = ctx->arena};
        if (!left) builder_add(&b, text.data, text.len);
        for (int64_t n = 0; n < missing / per; n++) builder_add(&b, padding.data, padding.len);
        builder_add(&b, padding.data, text_offset(padding, missing % per));
        if (left) builder_add(&b, text.data, text.len);
        TRY(builder_finish(&b, ctx, out, row));
    }
    return STATUS_OK;
}
enum status fn_lpad(KERNEL_ARGS) { return pad(ctx, args, out, sel, count, true); }
enum status fn_rpad(KERNEL_ARGS) { return pad(ctx, args, out, sel, count, false); }

enum status fn_reverse(KERNEL_ARGS) {
    EACH_ROW(row) {
        struct str text = fn_str(args[0], row);
        char *bytes = arena_alloc_aligned(ctx->arena, text.len + 1, 1);
        size_t to = text.len;
        for (size_t at = 0, n; at < text.len; at += n) {
            n = text_char_bytes(text, at);
            to -= n;
            memcpy(bytes + to, text.data + at, n);
        }
        fn_put_borrowed(out, row, (struct str){bytes, text.len});
    }
    return STATUS_OK;
}

/* As Java: an empty search text is found before every character and at the end. */
enum status fn_replace(KERNEL_ARGS) {
    EACH_ROW(row) {
        struct str text = fn_str(args[0], row), search = fn_str(args[1], row), by = fn_str(args[2], row);
        struct builder b = {.arena = ctx->arena};
        size_t at = 0;
        if (search.len == 0) {
            for (size_t n; at < text.len; at += n) {
                n = text_char_bytes(text, at);
                builder_add(&b, by.data, by.len);
                builder_add(&b, text.data + at, n);
            }
            builder_add(&b, by.data, by.len);
        } else {
            size_t hit = text_find(text, search, 0);
            if (hit == SIZE_MAX) {
                fn_put_borrowed(out, row, text);
                continue;
            }
            for (; hit != SIZE_MAX; hit = text_find(text, search, at)) {
                builder_add(&b, text.data + at, hit - at);
                builder_add(&b, by.data, by.len);
                at = hit + search.len;
            }
            builder_add(&b, text.data + at, text.len - at);
        }
        TRY(builder_finish(&b, ctx, out, row));
    }
    return STATUS_OK;
}

/* Characters of `from` become those at the same place in `to`, or go when there is none. */
enum status fn_translate(KERNEL_ARGS) {
    EACH_ROW(row) {
        struct str text = fn_str(args[0], row), from = fn_str(args[1], row), to = fn_str(args[2], row);
        struct builder b = {.arena = ctx->arena};
        for (size_t at = 0, n; at < text.len; at += n) {
            n = text_char_bytes(text, at);
            bool found = false;
            int64_t index = 0;
            for (size_t f = 0, fn; f < from.len && !found; f += fn, index++) {
                fn = text_char_bytes(from, f);
                found = fn == n && memcmp(from.data + f, text.data + at, n) == 0;
            }
            if (!found) {
                builder_add(&b, text.data + at, n);
            } else {
                size_t t = text_offset(to, index - 1);
                if (t < to.len) builder_add(&b, to.data + t, text_char_bytes(to, t));
            }
        }
        TRY(builder_finish(&b, ctx, out, row));
    }
    return STATUS_OK;
}

/* OVERLAY(text PLACING by FROM start [FOR length]); a start outside the text leaves it as it is. */
enum status fn_overlay(KERNEL_ARGS) {
    bool has_length = ctx->function->arg_count == 4;
    EACH_ROW(row) {
        struct str text = fn_str(args[0], row), by = fn_str(args[1], row);
        int64_t start = fn_i32(args[2], row), length = has_length ? fn_i32(args[3], row) : text_length(by);
        int64_t chars = text_length(text);
        if (start <= 0 || start > chars) {
            fn_put_borrowed(out, row, text);
            continue;
        }
        struct builder b = {.arena = ctx->arena};
        size_t from = text_offset(text, start - 1);
        builder_add(&b, text.data, from);
        builder_add(&b, by.data, by.len);
        /* A negative length goes back and takes up what stands before the start once more. */
        int64_t resume = start - 1 + length;
        size_t rest = resume <= 0 ? 0 : text_offset(text, resume);
        builder_add(&b, text.data + rest, text.len - rest);
        TRY(builder_finish(&b, ctx, out, row));
    }
    return STATUS_OK;
}

/* ---- searching ---- */

/* The position of the byte offset in code points, from 1; 0 when not found. */
static int32_t position_of(struct str text, size_t hit) {
    return hit == SIZE_MAX ? 0 : (int32_t)text_length(slice(text, 0, hit)) + 1;
}

/* POSITION(a IN text) */
enum status fn_position(KERNEL_ARGS) {
    (void)ctx;
    EACH_ROW(row) {
        struct str text = fn_str(args[1], row);
        ((int32_t *)out->data)[row] = position_of(text, text_find(text, fn_str(args[0], row), 0));
    }
    return STATUS_OK;
}

/* LOCATE(a, text [, start]) */
enum status fn_locate(KERNEL_ARGS) {
    if (ctx->function->arg_count == 2) return fn_position(ctx, args, out, sel, count);
    EACH_ROW(row) {
        struct str text = fn_str(args[1], row);
        int64_t start = fn_i32(args[2], row);
        int32_t position = 0;
        if (start > 0 && start <= text_length(text) + 1)
            position = position_of(text, text_find(text, fn_str(args[0], row), text_offset(text, start - 1)));
        ((int32_t *)out->data)[row] = position;
    }
    return STATUS_OK;
}

/* COUNT_CHAR(text, character): of the character's first byte, as Nexmark's function has it. */
enum status fn_count_char(KERNEL_ARGS) {
    (void)ctx;
    EACH_ROW(row) {
        struct str text = fn_str(args[0], row), character = fn_str(args[1], row);
        int64_t found = 0;
        for (size_t i = 0; character.len && i < text.len; i++) found += text.data[i] == character.data[0];
        ((int64_t *)out->data)[row] = found;
    }
    return STATUS_OK;
}

/* INSTR(text, a [, start [, occurrence]]): a negative start counts from the end and searches backwards. */
enum status fn_instr(KERNEL_ARGS) {
    int arg_count = ctx->function->arg_count;
    EACH_ROW(row) {
        struct str text = fn_str(args[0], row), needle = fn_str(args[1], row);
        int64_t start = arg_count > 2 ? fn_i32(args[2], row) : 1, nth = arg_count > 3 ? fn_i32(args[3], row) : 1;
        int64_t chars = text_length(text);
        if (nth <= 0) return fni_fail_text(ctx, STATUS_INVALID_ARGUMENT, row, "the occurrence must be positive");
        size_t hit = SIZE_MAX;
        if (start > 0 && start <= chars + 1) {
            size_t from = text_offset(text, start - 1);
            for (; nth > 0; nth--) {
                hit = text_find(text, needle, from);
                if (hit == SIZE_MAX) break;
                from = hit + 1;
            }
        } else if (start < 0 && needle.len <= text.len && -start <= chars) {
            size_t at = text_offset(text, chars + start);
            for (at = at < text.len - needle.len ? at : text.len - needle.len;; at--) {
                if (memcmp(text.data + at, needle.data, needle.len) == 0 && --nth == 0) {
                    hit = at;
                    break;
                }
                if (at == 0) break;
            }
        }
        ((int32_t *)out->data)[row] = position_of(text, hit);
    }
    return STATUS_OK;
}

enum status fn_startswith(KERNEL_ARGS) {
    (void)ctx;
    EACH_ROW(row) {
        struct str text = fn_str(args[0], row), start = fn_str(args[1], row);
        ((uint8_t *)out->data)[row] = text.len >= start.len && memcmp(text.data, start.data, start.len) == 0;
    }
    return STATUS_OK;
}

enum status fn_endswith(KERNEL_ARGS) {
    (void)ctx;
    EACH_ROW(row) {
        struct str text = fn_str(args[0], row), end = fn_str(args[1], row);
        ((uint8_t *)out->data)[row] =
            text.len >= end.len && memcmp(text.data + text.len - end.len, end.data, end.len) == 0;
    }
    return STATUS_OK;
}

/* ---- SPLIT_INDEX, ELT ---- */

static bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/* The part number `index` (from 0) between delimiters; an empty delimiter stands for a blank. */
static bool split_part(struct str text, struct str delimiter, int64_t index, struct str *out) {
    if (index < 0 || text.len == 0) return false;
    size_t from = 0;
    for (;; index--) {
        size_t hit, width = delimiter.len;
        if (width == 0) {
            for (hit = from; hit < text.len && !is_blank(text.data[hit]);) hit++;
            if (hit == text.len) hit = SIZE_MAX;
            width = 1;
        } else {
            hit = text_find(text, delimiter, from);
        }
        if (index == 0) {
            *out = slice(text, from, hit == SIZE_MAX ? text.len : hit);
            return true;
        }
        if (hit == SIZE_MAX) return false;
        from = hit + width;
    }
}

static enum status split_index_kernel(KERNEL_ARGS) {
    bool by_code = args[1]->phys == PHYS_I32;
    EACH_ROW(row) {
        char code[4];
        struct str delimiter, part;
        if (by_code) {
            int32_t c = fn_i32(args[1], row);
            bool wrong = c < 0 || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF);
            if (wrong) {
                fn_put_null(ctx, out, row);
                continue;
            }
            delimiter = (struct str){code, (size_t)text_put_char((uint32_t)c, code)};
        } else {
            delimiter = fn_str(args[1], row);
        }
        if (split_part(fn_str(args[0], row), delimiter, fn_i32(args[2], row), &part))
            fn_put_borrowed(out, row, part);
        else
            fn_put_null(ctx, out, row);
    }
    return STATUS_OK;
}

enum status fn_bind_split_index(struct call *call, int variant, struct expr **out) {
    (void)variant;
    const struct type *result;
    bool by_code = call->arg_count == 3 && type_is_integer(call->args[1]->type);
    TRY(fni_apply_shape(call, by_code ? "sii>s" : "ssi>s", &result));
    *out = fni_finish(call, result, split_index_kernel, FN_NULLABLE, NULL, NULL);
    return STATUS_OK;
}

/* ELT(index, a, b, …): the argument with that number, from 1; NULL when there is none. */
static enum status elt_kernel(KERNEL_ARGS) {
    EACH_ROW(row) {
        int64_t index = fn_valid(args[0], row) ? fn_i32(args[0], row) : 0;
        if (index < 1 || index >= ctx->function->arg_count || !fn_valid(args[index], row))
            fn_put_null(ctx, out, row);
        else
            fn_put_borrowed(out, row, fn_str(args[index], row));
    }
    return STATUS_OK;
}

enum status fn_bind_elt(struct call *call, int variant, struct expr **out) {
    (void)variant;
    const struct type *result;
    TRY(fni_apply_shape(call, "iss*>s", &result));
    *out = fni_finish(call, result, elt_kernel, FN_CUSTOM, NULL, NULL);
    return STATUS_OK;
}

/* ---- characters ---- */

enum status fn_ascii(KERNEL_ARGS) {
    (void)ctx;
    EACH_ROW(row) {
        struct str text = fn_str(args[0], row);
        ((int32_t *)out->data)[row] = text.len ? (unsigned char)text.data[0] : 0;
    }
    return STATUS_OK;
}

enum status fn_chr(KERNEL_ARGS) {
    (void)ctx;
    EACH_ROW(row) {
        int64_t code = fn_i64(args[0], row);
        char bytes[STRVIEW_INLINE];
        int len = code < 0 ? 0 : text_put_char((uint32_t)(code & 0xFF), bytes);
        fn_put_view(out, row, (struct str){bytes, (size_t)len});
    }
    return STATUS_OK;
}

static enum status all_chars(KERNEL_ARGS, bool (*test)(uint32_t c)) {
    (void)ctx;
    EACH_ROW(row) {
        struct str text = fn_str(args[0], row);
        bool all = text.len > 0;
        for (size_t at = 0, n; at < text.len && all; at += n) all = test(text_char(text, at, &n));
        ((uint8_t *)out->data)[row] = all;
    }
    return STATUS_OK;
}
static bool is_letter(uint32_t c) {
    utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)c);
    return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO;
}
static bool is_digit(uint32_t c) { return utf8proc_category((utf8proc_int32_t)c) == UTF8PROC_CATEGORY_ND; }
enum status fn_is_alpha(KERNEL_ARGS) { return all_chars(ctx, args, out, sel, count, is_letter); }
enum status fn_is_digit(KERNEL_ARGS) { return all_chars(ctx, args, out, sel, count, is_digit); }
/* Can it be read as a number? */
enum status fn_is_decimal(KERNEL_ARGS) {
    (void)ctx;
    EACH_ROW(row) {
        struct str text = fn_str(args[0], row);
        size_t i = text.len && (text.data[0] == '-' || text.data[0] == '+'), digits = 0, points = 0;
        bool ok = true;
        for (; i < text.len && ok; i++) {
            bool digit = text.data[i] >= '0' && text.data[i] <= '9';
            digits += digit;
            points += text.data[i] == '.';
            ok = digit || (text.data[i] == '.' && points == 1);
        }
        ((uint8_t *)out->data)[row] = ok && digits > 0;
    }
    return STATUS_OK;
}

/* ---- encodings ---- */

enum charset { CHARSET_UTF8, CHARSET_ASCII, CHARSET_LATIN1, CHARSET_UTF16, CHARSET_UTF16BE, CHARSET_UTF16LE };

static bool charset_of(struct str name, enum charset *out) {
    static const struct {
        const char *name;
        enum charset charset;
    } names[] = {
        {"UTF-8", CHARSET_UTF8},   {"UTF8", CHARSET_UTF8},         {"US-ASCII", CHARSET_ASCII},
        {"ASCII", CHARSET_ASCII},  {"ISO-8859-1", CHARSET_LATIN1}, {"LATIN1", CHARSET_LATIN1},
        {"UTF-16", CHARSET_UTF16}, {"UTF-16BE", CHARSET_UTF16BE},  {"UTF-16LE", CHARSET_UTF16LE},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!str_equal_nocase(name, str_from(names[i].name))) continue;
        *out = names[i].charset;
        return true;
    }
    return false;
}

static enum status unknown_charset(struct kernel_ctx *ctx, int row, struct str name) {
    return fni_fail_text(ctx, STATUS_INVALID_ARGUMENT, row, "there is no character set '%.*s'",
                         (int)(name.len > 60 ? 60 : name.len), name.data);
}

static void put_unit(struct builder *b, uint32_t unit, bool big) {
    char bytes[2] = {(char)(big ? unit >> 8 : unit), (char)(big ? unit : unit >> 8)};
    builder_add(b, bytes, 2);
}

/* Characters that the set does not have become '?'. */
enum status fn_encode(KERNEL_ARGS) {
    EACH_ROW(row) {
        struct str text = fn_str(args[0], row), name = fn_str(args[1], row);
        enum charset charset;
        if (!charset_of(name, &charset)) return unknown_charset(ctx, row, name);
        if (charset == CHARSET_UTF8) {
            fn_put_borrowed(out, row, text);
            continue;
        }
        struct builder b = {.arena = ctx->arena};
        if (charset == CHARSET_UTF16) put_unit(&b, 0xFEFF, true);
        for (size_t at = 0, n; at < text.len; at += n) {
            uint32_t c = text_char(text, at, &n);
            if (charset == CHARSET_ASCII || charset == CHARSET_LATIN1) {
                char byte = c < (charset == CHARSET_ASCII ? 0x80u : 0x100u) ? (char)c : '?';
                builder_add(&b, &byte, 1);
            } else if (c >= 0x10000) {
                put_unit(&b, 0xD800 + ((c - 0x10000) >> 10), charset != CHARSET_UTF16LE);
                put_unit(&b, 0xDC00 + ((c - 0x10000) & 0x3FF), charset != CHARSET_UTF16LE);
            } else {
                put_unit(&b, c, charset != CHARSET_UTF16LE);
            }
        }
        TRY(builder_finish(&b, ctx, out, row));
    }
    return STATUS_OK;
}

/* Bytes that are no characters of the set become U+FFFD. */
enum status fn_decode(KERNEL_ARGS) {
    EACH_ROW(row) {
        struct str bytes = fn_str(args[0], row), name = fn_str(args[1], row);
        enum charset charset;
        if (!charset_of(name, &charset)) return unknown_charset(ctx, row, name);
        if (charset == CHARSET_UTF8) {
            struct str text = cast_bytes_to_text(ctx->arena, bytes);
            fn_put_borrowed(out, row, text);
            continue;
        }
        struct builder b = {.arena = ctx->arena};
        const unsigned char *p = (const unsigned char *)bytes.data;
        if (charset == CHARSET_ASCII || charset == CHARSET_LATIN1) {
            for (size_t i = 0; i < bytes.len; i++)
                builder_char(&b, charset == CHARSET_ASCII && p[i] > 0x7F ? 0xFFFD : p[i]);
        } else {
            bool big = charset != CHARSET_UTF16LE;
            size_t i = 0;
            if (charset == CHARSET_UTF16 && bytes.len >= 2 && (p[0] ^ p[1]) == 1 && (p[0] & p[1]) == 0xFE) {
                big = p[0] == 0xFE;
                i = 2;
            }
            uint32_t high = 0;
            for (; i + 1 < bytes.len; i += 2) {
                uint32_t unit = big ? (uint32_t)p[i] << 8 | p[i + 1] : (uint32_t)p[i + 1] << 8 | p[i];
                bool low = unit >= 0xDC00 && unit <= 0xDFFF;
                if (high && low) {
                    builder_char(&b, 0x10000 + ((high - 0xD800) << 10) + (unit - 0xDC00));
                    high = 0;
                    continue;
                }
                if (high) builder_char(&b, 0xFFFD);
                high = unit >= 0xD800 && unit <= 0xDBFF ? unit : 0;
                if (!high) builder_char(&b, low ? 0xFFFD : unit);
            }
            if (high || i < bytes.len) builder_char(&b, 0xFFFD);
        }
        TRY(builder_finish(&b, ctx, out, row));
    }
    return STATUS_OK;
}

enum status fn_to_base64(KERNEL_ARGS) {
    EACH_ROW(row) {
        struct str bytes = fn_str(args[0], row);
        if (bytes.len > FUNCTION_MAX_TEXT_BYTES / 4 * 3) return too_long(ctx, row);
        size_t len = (bytes.len + 2) / 3 * 4;
        unsigned char *text = arena_alloc_aligned(ctx->arena, len + 1, 1);
        EVP_EncodeBlock(text, (const unsigned char *)bytes.data, (int)bytes.len);
        fn_put_borrowed(out, row, (struct str){(char *)text, len});
    }
    return STATUS_OK;
}

static int base64_digit(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Padding may be missing. The bytes are read as UTF-8. */
enum status fn_from_base64(KERNEL_ARGS) {
    EACH_ROW(row) {
        struct str text = fn_str(args[0], row);
        size_t len = text.len;
        while (len > 0 && text.len - len < 2 && text.data[len - 1] == '=') len--;
        char *bytes = arena_alloc_aligned(ctx->arena, len * 3 / 4 + 3, 1);
        size_t n = 0;
        uint32_t bits = 0;
        int have = 0;
        bool ok = len % 4 != 1;
        for (size_t i = 0; i < len && ok; i++) {
            int digit = base64_digit(text.data[i]);
            ok = digit >= 0;
            bits = bits << 6 | (uint32_t)(digit & 63);
            have += 6;
            if (have >= 8) {
                have -= 8;
                bytes[n++] = (char)(bits >> have);
            }
        }
        if (!ok) return fni_fail_text(ctx, STATUS_INVALID_ARGUMENT, row, "the text is not Base64");
        fn_put_borrowed(out, row, cast_bytes_to_text(ctx->arena, (struct str){bytes, n}));
    }
    return STATUS_OK;
}

enum status fn_url_encode(KERNEL_ARGS) {
    EACH_ROW(row) {
        struct str text = fn_str(args[0], row);
        struct builder b = {.arena = ctx->arena};
        for (size_t i = 0; i < text.len; i++) {
            unsigned char c = (unsigned char)text.data[i];
            bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                         c == '_' || c == '.' || c == '*';
            char escaped[3] = {'%', "0123456789ABCDEF"[c >> 4], "0123456789ABCDEF"[c & 15]};
            if (plain)
                builder_add(&b, text.data + i, 1);
            else if (c == ' ')
                builder_add(&b, "+", 1);
            else
                builder_add(&b, escaped, 3);
        }
        TRY(builder_finish(&b, ctx, out, row));
    }
    return STATUS_OK;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* NULL for a broken escape. */
enum status fn_url_decode(KERNEL_ARGS) {
    EACH_ROW(row) {
        struct str text = fn_str(args[0], row);
        char *bytes = arena_alloc_aligned(ctx->arena, text.len + 1, 1);
        size_t n = 0;
        bool ok = true;
        for (size_t i = 0; i < text.len && ok; i++) {
            char c = text.data[i];
            if (c == '%') {
                int high = i + 1 < text.len ? hex_digit(text.data[i + 1]) : -1;
                int low = i + 2 < text.len ? hex_digit(text.data[i + 2]) : -1;
                ok = high >= 0 && low >= 0;
                if (!ok) break;
                bytes[n++] = (char)(high << 4 | low);
                i += 2;
            } else {
                bytes[n++] = c == '+' ? ' ' : c;
            }
        }
        if (ok)
            fn_put_borrowed(out, row, cast_bytes_to_text(ctx->arena, (struct str){bytes, n}));
        else
            fn_put_null(ctx, out, row);
    }
    return STATUS_OK;
}

/* ---- PARSE_URL ---- */

struct url {
    struct str protocol, authority, user, host, path, query, ref;
    bool has_user, has_query, has_ref;
};

/* scheme://authority path ?query #ref, as java.net.URL takes it apart. */
static bool url_parse(struct str text, struct url *url) {
    *url = (struct url){0};
    size_t colon = text_find(text, str_from(":"), 0);
    if (colon == SIZE_MAX || colon == 0) return false;
    for (size_t i = 0; i < colon; i++) {
        char c = text.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && (i == 0 || !((c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.'))) return false;
    }
    url->protocol = slice(text, 0, colon);
    struct str rest = slice(text, colon + 1, text.len);
    size_t hash = text_find(rest, str_from("#"), 0);
    if (hash != SIZE_MAX) {
        url->ref = slice(rest, hash + 1, rest.len);
        url->has_ref = true;
        rest.len = hash;
    }
    size_t question = text_find(rest, str_from("?"), 0);
    if (question != SIZE_MAX) {
        url->query = slice(rest, question + 1, rest.len);
        url->has_query = true;
        rest.len = question;
    }
    if (rest.len >= 2 && rest.data[0] == '/' && rest.data[1] == '/') {
        rest = slice(rest, 2, rest.len);
        size_t end = text_find(rest, str_from("/"), 0);
        if (end == SIZE_MAX) end = rest.len;
        url->authority = slice(rest, 0, end);
        rest = slice(rest, end, rest.len);
        url->host = url->authority;
        size_t at = text_find(url->host, str_from("@"), 0);
        if (at != SIZE_MAX) {
            url->user = slice(url->host, 0, at);
            url->has_user = true;
            url->host = slice(url->host, at + 1, url->host.len);
        }
        size_t close = url->host.len && url->host.data[0] == '[' ? text_find(url->host, str_from("]"), 0) : SIZE_MAX;
        size_t port = text_find(url->host, str_from(":"), close == SIZE_MAX ? 0 : close);
        if (port != SIZE_MAX) url->host.len = port;
    }
    url->path = rest;
    return true;
}

enum status fn_parse_url(KERNEL_ARGS) {
    bool has_key = ctx->function->arg_count == 3;
    EACH_ROW(row) {
        struct str part = fn_str(args[1], row), found = {0};
        struct url url;
        bool ok = url_parse(fn_str(args[0], row), &url), is_query = str_equal(part, str_from("QUERY"));
        if (has_key && !is_query) ok = false;
        if (!ok) {
            fn_put_null(ctx, out, row);
            continue;
        }
        if (is_query) {
            found = url.query;
            ok = url.has_query;
        } else if (str_equal(part, str_from("HOST"))) {
            found = url.host;
        } else if (str_equal(part, str_from("PATH"))) {
            found = url.path;
        } else if (str_equal(part, str_from("REF"))) {
            found = url.ref;
            ok = url.has_ref;
        } else if (str_equal(part, str_from("PROTOCOL"))) {
            found = url.protocol;
        } else if (str_equal(part, str_from("AUTHORITY"))) {
            found = url.authority;
        } else if (str_equal(part, str_from("USERINFO"))) {
            found = url.user;
            ok = url.has_user;
        } else if (str_equal(part, str_from("FILE"))) {
            found = url.path;
            if (url.has_query) found.len = (size_t)(url.query.data + url.query.len - found.data);
        } else {
            ok = false;
        }
        if (ok && has_key) {
            struct str key = fn_str(args[2], row), pair;
            ok = false;
            for (int64_t i = 0; !ok && split_part(found, str_from("&"), i, &pair); i++) {
                if (pair.len > key.len && pair.data[key.len] == '=' && memcmp(pair.data, key.data, key.len) == 0) {
                    found = slice(pair, key.len + 1, pair.len);
                    ok = true;
                }
            }
        }
        if (ok)
            fn_put_borrowed(out, row, found);
        else
            fn_put_null(ctx, out, row);
    }
    return STATUS_OK;
}

/* ---- hashes ---- */

static enum status digest(KERNEL_ARGS, const EVP_MD *(*choose)(int bits)) {
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    bool has_bits = ctx->function->arg_count == 2;
    enum status status = STATUS_OK;
    for (int i = 0; i < count; i++) {
        int row = sel ? sel[i] : i;
        const EVP_MD *kind = choose(has_bits ? fn_i32(args[1], row) : 0);
        struct str bytes = fn_str(args[0], row);
        unsigned char sum[EVP_MAX_MD_SIZE];
        unsigned len = 0;
        if (!kind) {
            status = fni_fail_text(ctx, STATUS_INVALID_ARGUMENT, row, "SHA2 has 224, 256, 384 or 512 bits");
            break;
        }
        if (!md || !EVP_DigestInit_ex(md, kind, NULL) || !EVP_DigestUpdate(md, bytes.data, bytes.len) ||
            !EVP_DigestFinal_ex(md, sum, &len)) {
            status = fni_fail_text(ctx, STATUS_NOT_SUPPORTED, row, "OpenSSL does not offer this digest");
            break;
        }
        char *hex = arena_alloc_aligned(ctx->arena, len * 2, 1);
        for (unsigned at = 0; at < len; at++) {
            hex[2 * at] = "0123456789abcdef"[sum[at] >> 4];
            hex[2 * at + 1] = "0123456789abcdef"[sum[at] & 15];
        }
        fn_put_borrowed(out, row, (struct str){hex, len * 2});
    }
    EVP_MD_CTX_free(md);
    return status;
}

static const EVP_MD *choose_md5(int bits) {
    (void)bits;
    return EVP_md5();
}
static const EVP_MD *choose_sha1(int bits) {
    (void)bits;
    return EVP_sha1();
}
static const EVP_MD *choose_sha2(int bits) {
    switch (bits) {
    case 224: return EVP_sha224();
    case 0:
    case 256: return EVP_sha256();
    case 384: return EVP_sha384();
    case 512: return EVP_sha512();
    default: return NULL;
    }
}
static const EVP_MD *choose_sha224(int bits) {
    (void)bits;
    return EVP_sha224();
}
static const EVP_MD *choose_sha384(int bits) {
    (void)bits;
    return EVP_sha384();
}
static const EVP_MD *choose_sha512(int bits) {
    (void)bits;
    return EVP_sha512();
}

enum status fn_md5(KERNEL_ARGS) { return digest(ctx, args, out, sel, count, choose_md5); }
enum status fn_sha1(KERNEL_ARGS) { return digest(ctx, args, out, sel, count, choose_sha1); }
enum status fn_sha224(KERNEL_ARGS) { return digest(ctx, args, out, sel, count, choose_sha224); }
enum status fn_sha2(KERNEL_ARGS) { return digest(ctx, args, out, sel, count, choose_sha2); }
enum status fn_sha384(KERNEL_ARGS) { return digest(ctx, args, out, sel, count, choose_sha384); }
enum status fn_sha512(KERNEL_ARGS) { return digest(ctx, args, out, sel, count, choose_sha512); }

/* ---- addresses ---- */

/* '192.168.0.1' as a number; as inet_aton, 'a.b' and 'a' stand for the last bytes too. NULL for bad text. */
enum status fn_inet_aton(KERNEL_ARGS) {
    EACH_ROW(row) {
        struct str text = fn_str(args[0], row);
        int64_t parts[4] = {0}, value = 0;
        int n = 0, digits = 0;
        bool ok = text.len > 0;
        for (size_t i = 0; i < text.len && ok; i++) {
            char c = text.data[i];
            if (c == '.') {
                ok = digits > 0 && n < 3;
                n++;
                digits = 0;
            } else {
                ok = c >= '0' && c <= '9' && ++digits <= 10;
                parts[n < 4 ? n : 3] = parts[n < 4 ? n : 3] * 10 + (c - '0');
            }
        }
        ok = ok && digits > 0;
        for (int i = 0; i < n && ok; i++) {
            ok = parts[i] <= 255;
            value |= parts[i] << (24 - 8 * i);
        }
        ok = ok && parts[n] < (INT64_C(1) << (32 - 8 * n));
        if (ok)
            ((int64_t *)out->data)[row] = value | parts[n];
        else
            fn_put_null(ctx, out, row);
    }
    return STATUS_OK;
}

enum status fn_inet_ntoa(KERNEL_ARGS) {
    EACH_ROW(row) {
        int64_t value = fn_i64(args[0], row);
        char text[20];
        if (value < 0 || value > 0xFFFFFFFFLL) {
            fn_put_null(ctx, out, row);
            continue;
        }
        int len = snprintf(text, sizeof text, "%d.%d.%d.%d", (int)(value >> 24), (int)(value >> 16 & 255),
                           (int)(value >> 8 & 255), (int)(value & 255));
        fn_put_copy(ctx, out, row, text, (size_t)len);
    }
    return STATUS_OK;
}
