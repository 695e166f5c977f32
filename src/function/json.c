/* SQL/JSON: JSON_VALUE, JSON_QUERY, JSON_EXISTS, IS JSON, and making JSON.
 *
 * Paths: [lax | strict] $ followed by .name, ['name'], ["name"], [n], [*], .* ; strict is the default, as in Flink: there
 * a missing member is an error (ON ERROR), in lax it is nothing (ON EMPTY). */
#include "function/function_private.h"
#include "function/json_simdjson.h"
#include "kernel/text.h"
#include "types/cast.h"

#define EACH_ROW(row) for (int i_ = 0, row = 0; i_ < count && (row = sel ? sel[i_] : i_, true); i_++)

/* ---- paths ---- */

static enum status bad_path(struct str text, const char *what, struct error *err) {
    return error_set(err, STATUS_INVALID_ARGUMENT, "%s in the JSON path '%.*s'", what,
                     (int)(text.len > 200 ? 200 : text.len), text.data);
}

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

static bool mode_word(struct str text, const char *word) {
    size_t len = strlen(word);
    return text.len > len && is_blank(text.data[len]) && str_equal_nocase((struct str){text.data, len}, str_from(word));
}

/* Keys borrow from text. */
static enum status path_parse(struct str text, struct json_path *path, struct error *err) {
    struct str rest = text;
    *path = (struct json_path){.strict = true};
    while (rest.len && is_blank(rest.data[0])) rest = (struct str){rest.data + 1, rest.len - 1};
    bool lax = mode_word(rest, "lax"), strict = mode_word(rest, "strict");
    if (lax || strict) {
        size_t skip = lax ? 3 : 6;
        path->strict = strict;
        rest = (struct str){rest.data + skip, rest.len - skip};
    }
    while (rest.len && is_blank(rest.data[0])) rest = (struct str){rest.data + 1, rest.len - 1};
    while (rest.len && is_blank(rest.data[rest.len - 1])) rest.len--;
    if (rest.len == 0 || rest.data[0] != '$') return bad_path(text, "no $", err);
    for (size_t at = 1; at < rest.len;) {
        if (path->step_count == JSON_MAX_STEPS) return bad_path(text, "too many steps", err);
        struct json_step *step = &path->steps[path->step_count++];
        *step = (struct json_step){0};
        if (rest.data[at] == '.' && at + 1 < rest.len && rest.data[at + 1] == '[') at++; /* $.['a'] is $['a'] */
        if (rest.data[at] == '.') {
            size_t from = ++at;
            while (at < rest.len && rest.data[at] != '.' && rest.data[at] != '[') {
                if (strchr("()?@", rest.data[at]))
                    return bad_path(text, "a function or filter, which is not supported,", err);
                at++;
            }
            if (at == from) return bad_path(text, "a missing name", err);
            if (at - from == 1 && rest.data[from] == '*') {
                step->kind = JSON_STEP_ALL;
                path->many = true;
            } else {
                step->key = rest.data + from;
                step->key_len = at - from;
            }
            continue;
        }
        if (rest.data[at] != '[') return bad_path(text, "an unknown step", err);
        at++;
        while (at < rest.len && is_blank(rest.data[at])) at++;
        if (at >= rest.len) return bad_path(text, "an unclosed [", err);
        char c = rest.data[at];
        if (c == '\'' || c == '"') {
            size_t from = ++at;
            while (at < rest.len && rest.data[at] != c) at++;
            step->key = rest.data + from;
            step->key_len = at - from;
            at++;
        } else if (c == '*') {
            step->kind = JSON_STEP_ALL;
            path->many = true;
            at++;
        } else {
            bool negative = c == '-';
            int digits = 0;
            step->kind = JSON_STEP_INDEX;
            for (at += negative; at < rest.len && rest.data[at] >= '0' && rest.data[at] <= '9' && digits < 10;
                 at++, digits++)
                step->index = step->index * 10 + (rest.data[at] - '0');
            if (digits == 0) return bad_path(text, "a wrong index", err);
            if (negative) step->index = -step->index;
        }
        while (at < rest.len && is_blank(rest.data[at])) at++;
        if (at >= rest.len || rest.data[at] != ']') return bad_path(text, "an unclosed [", err);
        at++;
    }
    return STATUS_OK;
}

/* The path is the second argument. */
static enum status json_prepare(const struct bound_function *function, const struct value *const *constants,
                                struct arena *arena, void **state, struct error *err) {
    (void)function;
    if (!constants[1] || constants[1]->is_null) return STATUS_OK;
    struct json_path *path = ARENA_NEW(arena, struct json_path);
    struct str text = constants[1]->str;
    TRY(path_parse((struct str){arena_strndup(arena, text.data, text.len), text.len}, path, err));
    *state = path;
    return STATUS_OK;
}

/* What ON EMPTY and ON ERROR ask for. */
enum behavior {
    BEHAVIOR_NULL,
    BEHAVIOR_ERROR,
    BEHAVIOR_DEFAULT,
    BEHAVIOR_EMPTY_ARRAY,
    BEHAVIOR_EMPTY_OBJECT,
    BEHAVIOR_TRUE,
    BEHAVIOR_FALSE,
    BEHAVIOR_UNKNOWN,
    BEHAVIOR_COUNT
};

static bool behavior_of(struct call *call, int i, enum behavior *out) {
    static const char *const names[BEHAVIOR_COUNT] = {"NULL",         "ERROR", "DEFAULT", "EMPTY ARRAY",
                                                      "EMPTY OBJECT", "TRUE",  "FALSE",   "UNKNOWN"};
    struct str text;
    if (!fni_constant_text(call, i, &text)) return false;
    for (int b = 0; b < BEHAVIOR_COUNT; b++)
        if (str_equal_nocase(text, str_from(names[b]))) {
            *out = (enum behavior)b;
            return true;
        }
    return false;
}

enum wrapper { WRAPPER_WITHOUT, WRAPPER_WITH, WRAPPER_CONDITIONAL };

struct json_plan {
    enum behavior on_empty, on_error;
    int empty_default, error_default; /* arguments, -1 none */
    enum wrapper wrapper;
};

/* What one kernel call works with. */
struct reader {
    struct kernel_ctx *ctx;
    struct json_parser *parser;
    struct json_path own;
    struct strbuf text; /* of the result */
    struct json_sink sink;
};

static void add_text(void *data, const char *text, size_t len) { strbuf_add(data, text, len); }

static void reader_init(struct reader *reader, struct kernel_ctx *ctx) {
    *reader = (struct reader){.ctx = ctx, .parser = json_parser_create()};
    reader->sink = (struct json_sink){add_text, &reader->text};
}
static void reader_free(struct reader *reader) {
    json_parser_free(reader->parser);
    strbuf_free(&reader->text);
}

/* Selects for a row; the text found is in reader->text. */
static enum status read_row(struct reader *reader, const struct vector *const *args, int row, bool scalar,
                            enum json_result *result, enum json_kind *kind, int64_t *found) {
    const struct json_path *path = reader->ctx->state;
    if (!path) {
        struct error err;
        enum status status = path_parse(fn_str(args[1], row), &reader->own, &err);
        if (status != STATUS_OK) return fni_fail_text(reader->ctx, status, row, "%.150s", err.message);
        path = &reader->own;
    }
    strbuf_clear(&reader->text);
    struct str text = fn_str(args[0], row);
    *result = json_select(reader->parser, text.data, text.len, path, kind, found, scalar ? &reader->sink : NULL,
                          scalar ? NULL : &reader->sink);
    if (*result == JSON_ERROR && !path->strict) *result = JSON_EMPTY;
    /* A path with * gives a list, which may be empty. */
    if (*result == JSON_EMPTY && path->many && !scalar) *result = JSON_FOUND;
    return STATUS_OK;
}

static const struct json_path *path_of(const struct reader *reader) {
    return reader->ctx->state ? reader->ctx->state : &reader->own;
}

/* ---- JSON_VALUE ---- */

static enum status behave(struct reader *reader, const struct vector *const *args, struct vector *out, int row,
                          enum behavior behavior, int default_arg, bool empty) {
    switch (behavior) {
    case BEHAVIOR_ERROR:
        return fni_fail_text(reader->ctx, STATUS_BAD_DATA, row,
                             empty ? "the JSON path leads to nothing"
                                   : "the text is not JSON or the path does not fit it");
    case BEHAVIOR_DEFAULT:
        if (default_arg >= 0 && fn_valid(args[default_arg], row)) {
            fn_put_borrowed(out, row, fn_str(args[default_arg], row));
            return STATUS_OK;
        }
        fn_put_null(reader->ctx, out, row);
        return STATUS_OK;
    case BEHAVIOR_EMPTY_ARRAY: fn_put_borrowed(out, row, (struct str){"[]", 2}); return STATUS_OK;
    case BEHAVIOR_EMPTY_OBJECT: fn_put_borrowed(out, row, (struct str){"{}", 2}); return STATUS_OK;
    default: fn_put_null(reader->ctx, out, row); return STATUS_OK;
    }
}

static enum status value_row(struct reader *reader, const struct vector *const *args, struct vector *out, int row) {
    const struct json_plan *plan = reader->ctx->function->data;
    enum json_result result;
    enum json_kind kind;
    int64_t found;
    TRY(read_row(reader, args, row, true, &result, &kind, &found));
    if (result == JSON_FOUND) {
        bool scalar = !path_of(reader)->many && kind != JSON_ARRAY && kind != JSON_OBJECT;
        if (kind == JSON_NULL && scalar)
            result = JSON_EMPTY;
        else if (!scalar)
            result = path_of(reader)->strict ? JSON_ERROR : JSON_EMPTY;
    }
    if (result == JSON_EMPTY) return behave(reader, args, out, row, plan->on_empty, plan->empty_default, true);
    if (result == JSON_ERROR) return behave(reader, args, out, row, plan->on_error, plan->error_default, false);
    fn_put_copy(reader->ctx, out, row, reader->text.data ? reader->text.data : "", reader->text.len);
    return STATUS_OK;
}

static enum status
each_row(struct kernel_ctx *ctx, const struct vector *const *args, struct vector *out, const sel_index *sel, int count,
         enum status (*fn)(struct reader *reader, const struct vector *const *args, struct vector *out, int row)) {
    struct reader reader;
    enum status status = STATUS_OK;
    reader_init(&reader, ctx);
    for (int i = 0; i < count && status == STATUS_OK; i++) {
        int row = sel ? sel[i] : i;
        if (fn_valid(args[0], row) && fn_valid(args[1], row))
            status = fn(&reader, args, out, row);
        else
            fn_put_null(ctx, out, row);
    }
    reader_free(&reader);
    return status;
}

static enum status json_value_kernel(KERNEL_ARGS) { return each_row(ctx, args, out, sel, count, value_row); }

/* JSON_VALUE(json, path [, ON EMPTY, its default, ON ERROR, its default]) */
enum status fn_bind_json_value(struct call *call, int variant, struct expr **out) {
    (void)variant;
    const struct type *result;
    struct json_plan *plan = ARENA_NEW(call->arena, struct json_plan);
    plan->empty_default = plan->error_default = -1;
    if (call->arg_count == 6) {
        if (!behavior_of(call, 2, &plan->on_empty) || !behavior_of(call, 4, &plan->on_error)) return fni_no_match(call);
        plan->empty_default = 3;
        plan->error_default = 5;
    } else if (call->arg_count != 2) {
        return fni_no_match(call);
    }
    TRY(fni_apply_shape(call, "ss?ssss>s", &result));
    *out = fni_finish(call, result, json_value_kernel, FN_CUSTOM | FN_FALLIBLE, plan, json_prepare);
    return STATUS_OK;
}

/* ---- JSON_QUERY ---- */

static enum status query_row(struct reader *reader, const struct vector *const *args, struct vector *out, int row) {
    const struct json_plan *plan = reader->ctx->function->data;
    enum json_result result;
    enum json_kind kind = JSON_NULL;
    int64_t found = 0;
    TRY(read_row(reader, args, row, false, &result, &kind, &found));
    bool many = path_of(reader)->many, list = many || kind == JSON_ARRAY;
    bool wrap = plan->wrapper == WRAPPER_WITH || (plan->wrapper == WRAPPER_CONDITIONAL && !list);
    if (result == JSON_FOUND && !many && kind == JSON_NULL && !wrap) result = JSON_EMPTY;
    if (result == JSON_FOUND && !wrap && !many && kind != JSON_ARRAY && kind != JSON_OBJECT)
        result = path_of(reader)->strict ? JSON_ERROR : JSON_EMPTY;
    if (result == JSON_EMPTY) return behave(reader, args, out, row, plan->on_empty, -1, true);
    if (result == JSON_ERROR) return behave(reader, args, out, row, plan->on_error, -1, false);
    /* A list of results is an array by itself. */
    int brackets = (many ? 1 : 0) + (wrap ? 1 : 0);
    size_t len = reader->text.len + 2 * (size_t)brackets;
    char *text = arena_alloc_aligned(reader->ctx->arena, len + 1, 1);
    memset(text, '[', (size_t)brackets);
    if (reader->text.len) memcpy(text + brackets, reader->text.data, reader->text.len);
    memset(text + len - brackets, ']', (size_t)brackets);
    fn_put_borrowed(out, row, (struct str){text, len});
    return STATUS_OK;
}

static enum status json_query_kernel(KERNEL_ARGS) { return each_row(ctx, args, out, sel, count, query_row); }

/* JSON_QUERY(json, path [, wrapper, ON EMPTY, ON ERROR]) */
enum status fn_bind_json_query(struct call *call, int variant, struct expr **out) {
    (void)variant;
    const struct type *result;
    struct json_plan *plan = ARENA_NEW(call->arena, struct json_plan);
    if (call->arg_count == 5) {
        struct str wrapper;
        if (!fni_constant_text(call, 2, &wrapper)) return fni_no_match(call);
        plan->wrapper = str_equal(wrapper, str_from("WITH"))          ? WRAPPER_WITH
                        : str_equal(wrapper, str_from("CONDITIONAL")) ? WRAPPER_CONDITIONAL
                                                                      : WRAPPER_WITHOUT;
        if (!behavior_of(call, 3, &plan->on_empty) || !behavior_of(call, 4, &plan->on_error)) return fni_no_match(call);
    } else if (call->arg_count != 2) {
        return fni_no_match(call);
    }
    TRY(fni_apply_shape(call, "ss?sss>s", &result));
    *out = fni_finish(call, result, json_query_kernel, FN_CUSTOM | FN_FALLIBLE, plan, json_prepare);
    return STATUS_OK;
}

/* ---- JSON_EXISTS, IS JSON ---- */

static enum status exists_row(struct reader *reader, const struct vector *const *args, struct vector *out, int row) {
    const struct json_plan *plan = reader->ctx->function->data;
    enum json_result result;
    enum json_kind kind = JSON_NULL;
    int64_t found;
    TRY(read_row(reader, args, row, true, &result, &kind, &found));
    bool exists = result == JSON_FOUND && (path_of(reader)->many || kind != JSON_NULL);
    if (result == JSON_ERROR) {
        if (plan->on_error == BEHAVIOR_ERROR) return behave(reader, args, out, row, BEHAVIOR_ERROR, -1, false);
        if (plan->on_error == BEHAVIOR_UNKNOWN) fn_put_null(reader->ctx, out, row);
        exists = plan->on_error == BEHAVIOR_TRUE;
    }
    ((uint8_t *)out->data)[row] = exists;
    return STATUS_OK;
}

static enum status json_exists_kernel(KERNEL_ARGS) { return each_row(ctx, args, out, sel, count, exists_row); }

/* JSON_EXISTS(json, path [, ON ERROR]) */
enum status fn_bind_json_exists(struct call *call, int variant, struct expr **out) {
    (void)variant;
    const struct type *result;
    struct json_plan *plan = ARENA_NEW(call->arena, struct json_plan);
    plan->on_error = BEHAVIOR_FALSE;
    if (call->arg_count == 3 && !behavior_of(call, 2, &plan->on_error)) return fni_no_match(call);
    TRY(fni_apply_shape(call, "ss?s>o", &result));
    *out = fni_finish(call, result, json_exists_kernel, FN_CUSTOM | FN_FALLIBLE, plan, json_prepare);
    return STATUS_OK;
}

enum { IS_JSON_VALUE, IS_JSON_SCALAR, IS_JSON_ARRAY, IS_JSON_OBJECT, IS_JSON_NOT = 4 };

/* NULL is no JSON. */
static enum status is_json_kernel(KERNEL_ARGS) {
    int test = *(const int *)ctx->function->data;
    struct json_parser *parser = json_parser_create();
    EACH_ROW(row) {
        bool is = false;
        enum json_kind kind;
        if (fn_valid(args[0], row)) {
            struct str text = fn_str(args[0], row);
            is = json_document_kind(parser, text.data, text.len, &kind) == JSON_FOUND;
            switch (test & 3) {
            case IS_JSON_SCALAR: is = is && kind != JSON_ARRAY && kind != JSON_OBJECT; break;
            case IS_JSON_ARRAY: is = is && kind == JSON_ARRAY; break;
            case IS_JSON_OBJECT: is = is && kind == JSON_OBJECT; break;
            default: break;
            }
        }
        ((uint8_t *)out->data)[row] = is != (test >= IS_JSON_NOT);
    }
    json_parser_free(parser);
    return STATUS_OK;
}

enum status fn_bind_is_json(struct call *call, int variant, struct expr **out) {
    static const int tests[] = {0, 1, 2, 3, 4, 5, 6, 7};
    const struct type *result;
    TRY(fni_apply_shape(call, "s>o", &result));
    *out = fni_finish(call, result, is_json_kernel, FN_CUSTOM | FN_NOT_NULL, &tests[variant], NULL);
    return STATUS_OK;
}

/* ---- making JSON ---- */

/* Numbers and BOOLEANs as they are, everything else as a string, ARRAY, MAP and ROW by their members. */
static void put_json(const struct json_sink *sink, const struct value *value, const struct time_zone *zone) {
    if (value->is_null) {
        sink->put(sink->data, "null", 4);
        return;
    }
    const struct type *type = value->type;
    switch (type->id) {
    case TYPE_ARRAY:
    case TYPE_ROW:
    case TYPE_MAP: {
        bool array = type->id == TYPE_ARRAY, map = type->id == TYPE_MAP;
        sink->put(sink->data, array ? "[" : "{", 1);
        for (int32_t i = 0; i < value->list.count; i++) {
            if (i) sink->put(sink->data, ",", 1);
            const struct value *item = &value->list.items[map ? 2 * i + 1 : i];
            if (map) {
                struct strbuf key = {0};
                cast_value_to_text(&key, &value->list.items[2 * i], zone);
                json_put_string(sink, key.data ? key.data : "", key.len);
                strbuf_free(&key);
            } else if (!array) {
                json_put_string(sink, type->names[i], strlen(type->names[i]));
            }
            if (!array) sink->put(sink->data, ":", 1);
            put_json(sink, item, zone);
        }
        sink->put(sink->data, array ? "]" : "}", 1);
        return;
    }
    case TYPE_BOOLEAN: sink->put(sink->data, value->boolean ? "true" : "false", value->boolean ? 4 : 5); return;
    default: break;
    }
    struct strbuf text = {0};
    cast_value_to_text(&text, value, zone);
    bool finite =
        !type_is_approximate(type) || (text.len && text.data[text.len - 1] >= '0' && text.data[text.len - 1] <= '9');
    if (type_is_numeric(type) && finite)
        sink->put(sink->data, text.data, text.len);
    else
        json_put_string(sink, text.data ? text.data : "", text.len);
    strbuf_free(&text);
}

static enum status json_string_kernel(KERNEL_ARGS) {
    struct strbuf text = {0};
    struct json_sink sink = {add_text, &text};
    EACH_ROW(row) {
        struct value value = vector_get(args[0], row, ctx->arena);
        strbuf_clear(&text);
        put_json(&sink, &value, ctx->env->zone);
        fn_put_copy(ctx, out, row, text.data, text.len);
    }
    strbuf_free(&text);
    return STATUS_OK;
}

static bool has_instant(const struct type *type) {
    if (type->id == TYPE_TIMESTAMP_LTZ) return true;
    for (int i = 0; i < type->child_count; i++)
        if (has_instant(type->children[i])) return true;
    return false;
}

enum status fn_bind_json_string(struct call *call, int variant, struct expr **out) {
    (void)variant;
    if (call->arg_count != 1) return fni_no_match(call);
    if (fni_is_null_literal(call->args[0])) fni_cast(call, 0, type_of(TYPE_VARCHAR));
    unsigned flags = has_instant(call->args[0]->type) ? FN_ZONE : 0;
    *out = fni_finish(call, type_of(TYPE_VARCHAR), json_string_kernel, flags, NULL, NULL);
    return STATUS_OK;
}

/* ('NULL' or 'ABSENT', key, value, key, value, …) */
static enum status json_object_kernel(KERNEL_ARGS) {
    bool absent = ctx->function->data != NULL;
    struct strbuf text = {0};
    struct json_sink sink = {add_text, &text};
    enum status status = STATUS_OK;
    for (int i = 0; i < count && status == STATUS_OK; i++) {
        int row = sel ? sel[i] : i;
        bool first = true;
        strbuf_clear(&text);
        strbuf_putc(&text, '{');
        for (int a = 1; a + 1 < ctx->function->arg_count; a += 2) {
            if (!fn_valid(args[a], row)) {
                status = fni_fail_text(ctx, STATUS_NULL_NOT_ALLOWED, row, "a key of JSON_OBJECT is NULL");
                break;
            }
            struct value value = vector_get(args[a + 1], row, ctx->arena);
            if (absent && value.is_null) continue;
            if (!first) strbuf_putc(&text, ',');
            first = false;
            struct str key = fn_str(args[a], row);
            json_put_string(&sink, key.data, key.len);
            strbuf_putc(&text, ':');
            put_json(&sink, &value, ctx->env->zone);
        }
        strbuf_putc(&text, '}');
        if (status == STATUS_OK) fn_put_copy(ctx, out, row, text.data, text.len);
    }
    strbuf_free(&text);
    return status;
}

enum status fn_bind_json_object(struct call *call, int variant, struct expr **out) {
    static const char absent_mark;
    (void)variant;
    struct str clause = str_from("NULL");
    if (call->arg_count % 2 == 0) { /* the clause was not written: NULL ON NULL */
        struct value null_on_null = value_str(type_of(TYPE_VARCHAR), clause);
        struct expr **args = ARENA_ARRAY(call->arena, struct expr *, call->arg_count + 1);
        args[0] = expr_const(call->arena, &null_on_null);
        if (call->arg_count) memcpy(args + 1, call->args, sizeof *args * (size_t)call->arg_count);
        call->args = args;
        call->arg_count++;
    }
    if (!fni_constant_text(call, 0, &clause)) return fni_no_match(call);
    bool absent = str_equal(clause, str_from("ABSENT"));
    unsigned flags = FN_CUSTOM | FN_NOT_NULL | FN_FALLIBLE;
    for (int i = 1; i < call->arg_count; i++) {
        if (i % 2 == 1 && !fni_implicit(call->args[i]->type, type_of(TYPE_VARCHAR))) return fni_no_match(call);
        if (i % 2 == 1 || fni_is_null_literal(call->args[i])) fni_cast(call, i, type_of(TYPE_VARCHAR));
        if (has_instant(call->args[i]->type)) flags |= FN_ZONE;
    }
    *out = fni_finish(call, type_of(TYPE_VARCHAR), json_object_kernel, flags, absent ? &absent_mark : NULL, NULL);
    return STATUS_OK;
}

enum status fn_json_quote(KERNEL_ARGS) {
    struct strbuf text = {0};
    struct json_sink sink = {add_text, &text};
    EACH_ROW(row) {
        struct str from = fn_str(args[0], row);
        strbuf_clear(&text);
        json_put_string(&sink, from.data, from.len);
        fn_put_copy(ctx, out, row, text.data, text.len);
    }
    strbuf_free(&text);
    return STATUS_OK;
}

/* A JSON string without quotes and escapes; other text as it is. */
enum status fn_json_unquote(KERNEL_ARGS) {
    struct reader reader;
    static const struct json_path root = {.strict = true};
    reader_init(&reader, ctx);
    EACH_ROW(row) {
        struct str text = fn_str(args[0], row);
        enum json_kind kind;
        int64_t found;
        strbuf_clear(&reader.text);
        bool quoted =
            text.len >= 2 && text.data[0] == '"' &&
            json_select(reader.parser, text.data, text.len, &root, &kind, &found, &reader.sink, NULL) == JSON_FOUND;
        if (quoted)
            fn_put_copy(ctx, out, row, reader.text.data ? reader.text.data : "", reader.text.len);
        else
            fn_put_borrowed(out, row, text);
    }
    reader_free(&reader);
    return STATUS_OK;
}
