/* ARRAY, MAP and ROW: constructors, access, and functions of whole arrays. Elements are copied by their width where that is
 * all there is to do; functions that compare elements work on single values. */
#include "function/function_private.h"
#include "function/list_private.h"
#include "kernel/kernel.h"
#include "kernel/text.h"
#include "types/cast.h"

#define EACH_ROW(row) for (int i_ = 0, row = 0; i_ < count && (row = sel ? sel[i_] : i_, true); i_++)

static struct list_entry entry_of(const struct vector *vec, int row) {
    return ((const struct list_entry *)vec->data)[fn_row(vec, row)];
}

/* Appends one row of src as an element of the list that out's row is building. */
static void add_element(struct vector *out, struct arena *arena, int row, int child, const struct vector *src,
                        int src_row) {
    bool first = child == 0;
    int at = first ? list_add(out, arena, row) : (int)out->child_rows - 1;
    vector_append_range(&out->children[child], arena, (int)out->child_capacity, at, src,
                        src->form == VECTOR_CONST ? 0 : src_row, 1, false);
}

/* ---- constructors ---- */

static enum status array_kernel(KERNEL_ARGS) {
    EACH_ROW(row) {
        list_begin(out, row);
        for (int a = 0; a < ctx->function->arg_count; a++) add_element(out, ctx->arena, row, 0, args[a], row);
    }
    return STATUS_OK;
}

enum status fn_bind_array(struct call *call, int variant, struct expr **out) {
    (void)variant;
    if (call->arg_count == 0) return fni_error(call, -1, STATUS_NOT_SUPPORTED, "ARRAY[] without elements has no type");
    const struct type *common = fni_common_type(call, 0, call->arg_count, 1);
    if (!common) return fni_no_match(call);
    bool nullable = false;
    for (int i = 0; i < call->arg_count; i++) {
        nullable |= call->args[i]->type->nullable || fni_is_null_literal(call->args[i]);
        fni_cast(call, i, common);
    }
    const struct type *element = type_with_nullable(call->arena, common, nullable);
    *out = fni_finish(call, type_array(call->arena, element, false), array_kernel, FN_CUSTOM | FN_NOT_NULL, NULL, NULL);
    return STATUS_OK;
}

/* A later value of an equal key takes the place of the earlier. */
static enum status map_kernel(KERNEL_ARGS) {
    EACH_ROW(row) {
        list_begin(out, row);
        for (int a = 0; a + 1 < ctx->function->arg_count; a += 2) {
            struct value key = vector_get(args[a], row, ctx->arena);
            bool later = false;
            for (int b = a + 2; b + 1 < ctx->function->arg_count && !later; b += 2) {
                struct value other = vector_get(args[b], row, ctx->arena);
                later = value_compare(&key, &other) == 0;
            }
            if (later) continue;
            add_element(out, ctx->arena, row, 0, args[a], row);
            add_element(out, ctx->arena, row, 1, args[a + 1], row);
        }
    }
    return STATUS_OK;
}

enum status fn_bind_map(struct call *call, int variant, struct expr **out) {
    (void)variant;
    if (call->arg_count == 0 || call->arg_count % 2) return fni_no_match(call);
    const struct type *types[2];
    for (int part = 0; part < 2; part++) {
        bool nullable = false;
        types[part] = fni_common_type(call, part, call->arg_count, 2);
        if (!types[part]) return fni_no_match(call);
        for (int i = part; i < call->arg_count; i += 2) {
            nullable |= call->args[i]->type->nullable || fni_is_null_literal(call->args[i]);
            fni_cast(call, i, types[part]);
        }
        types[part] = type_with_nullable(call->arena, types[part], nullable);
    }
    *out = fni_finish(call, type_map(call->arena, types[0], types[1], false), map_kernel, FN_CUSTOM | FN_NOT_NULL, NULL,
                      NULL);
    return STATUS_OK;
}

static enum status row_kernel(KERNEL_ARGS) {
    for (int a = 0; a < ctx->function->arg_count; a++)
        kernel_move(&out->children[a], args[a], sel, count, ctx->arena, VECTOR_CAPACITY);
    return STATUS_OK;
}

enum status fn_bind_row(struct call *call, int variant, struct expr **out) {
    (void)variant;
    if (call->arg_count == 0) return fni_no_match(call);
    const struct type **types = ARENA_ARRAY(call->arena, const struct type *, call->arg_count);
    const char **names = ARENA_ARRAY(call->arena, const char *, call->arg_count);
    for (int i = 0; i < call->arg_count; i++) {
        types[i] = call->args[i]->type;
        names[i] = arena_printf(call->arena, "EXPR$%d", i);
    }
    *out = fni_finish(call, type_row(call->arena, call->arg_count, names, types, false), row_kernel,
                      FN_CUSTOM | FN_NOT_NULL, NULL, NULL);
    return STATUS_OK;
}

/* ---- access ---- */

/* array[i], from 1; NULL outside. */
static enum status element_at_kernel(KERNEL_ARGS) {
    EACH_ROW(row) {
        struct list_entry entry = entry_of(args[0], row);
        int64_t index = fn_i64(args[1], row);
        if (index < 1 || index > entry.length) {
            struct value null = value_null(out->type);
            vector_set(out, ctx->arena, VECTOR_CAPACITY, row, &null);
        } else {
            vector_append_range(out, ctx->arena, VECTOR_CAPACITY, row, &args[0]->children[0],
                                (int)(entry.offset + index - 1), 1, false);
        }
    }
    return STATUS_OK;
}

static enum status map_get_kernel(KERNEL_ARGS) {
    EACH_ROW(row) {
        struct list_entry entry = entry_of(args[0], row);
        struct value wanted = vector_get(args[1], row, ctx->arena);
        int hit = -1;
        for (uint32_t i = 0; i < entry.length && hit < 0; i++) {
            struct value key = vector_get(&args[0]->children[0], (int)(entry.offset + i), ctx->arena);
            if (value_compare(&key, &wanted) == 0) hit = (int)(entry.offset + i);
        }
        if (hit < 0) {
            struct value null = value_null(out->type);
            vector_set(out, ctx->arena, VECTOR_CAPACITY, row, &null);
        } else {
            vector_append_range(out, ctx->arena, VECTOR_CAPACITY, row, &args[0]->children[1], hit, 1, false);
        }
    }
    return STATUS_OK;
}

enum status fn_bind_element_at(struct call *call, int variant, struct expr **out) {
    (void)variant;
    if (call->arg_count != 2) return fni_no_match(call);
    const struct type *type = call->args[0]->type;
    if (type->id == TYPE_ARRAY) {
        if (!type_is_integer(call->args[1]->type) && !fni_is_null_literal(call->args[1])) return fni_no_match(call);
        fni_cast(call, 1, type_of(TYPE_BIGINT));
        const struct value *index = fni_constant(call, 1);
        if (index && !index->is_null && index->i64 < 1)
            return fni_error(call, 1, STATUS_INVALID_ARGUMENT, "array elements are counted from 1");
        *out = fni_finish(call, type->children[0], element_at_kernel, FN_NULLABLE, NULL, NULL);
        return STATUS_OK;
    }
    if (type->id == TYPE_MAP) {
        if (!fni_implicit(call->args[1]->type, type->children[0])) return fni_no_match(call);
        fni_cast(call, 1, type->children[0]);
        *out = fni_finish(call, type->children[1], map_get_kernel, FN_NULLABLE, NULL, NULL);
        return STATUS_OK;
    }
    return fni_no_match(call);
}

static enum status cardinality_kernel(KERNEL_ARGS) {
    (void)ctx;
    EACH_ROW(row)((int32_t *)out->data)[row] = (int32_t)entry_of(args[0], row).length;
    return STATUS_OK;
}

enum status fn_bind_cardinality(struct call *call, int variant, struct expr **out) {
    (void)variant;
    if (call->arg_count != 1 || type_phys(call->args[0]->type) != PHYS_LIST) return fni_no_match(call);
    *out = fni_finish(call, type_of(TYPE_INT), cardinality_kernel, 0, NULL, NULL);
    return STATUS_OK;
}

/* ELEMENT(array): the only element, NULL of an empty array. */
static enum status element_kernel(KERNEL_ARGS) {
    EACH_ROW(row) {
        struct list_entry entry = entry_of(args[0], row);
        if (entry.length > 1) return fni_fail_text(ctx, STATUS_CARDINALITY, row, "the array has more than one element");
        if (entry.length == 0) {
            struct value null = value_null(out->type);
            vector_set(out, ctx->arena, VECTOR_CAPACITY, row, &null);
        } else {
            vector_append_range(out, ctx->arena, VECTOR_CAPACITY, row, &args[0]->children[0], (int)entry.offset, 1,
                                false);
        }
    }
    return STATUS_OK;
}

enum status fn_bind_element(struct call *call, int variant, struct expr **out) {
    (void)variant;
    if (call->arg_count != 1 || call->args[0]->type->id != TYPE_ARRAY) return fni_no_match(call);
    *out = fni_finish(call, call->args[0]->type->children[0], element_kernel, FN_NULLABLE | FN_FALLIBLE, NULL, NULL);
    return STATUS_OK;
}

/* MAP_KEYS, MAP_VALUES: the same entries with one of the children. */
static enum status map_part_kernel(KERNEL_ARGS) {
    int part = *(const int *)ctx->function->data;
    const struct vector *child = &args[0]->children[part];
    EACH_ROW(row) {
        struct list_entry entry = entry_of(args[0], row);
        list_begin(out, row);
        for (uint32_t i = 0; i < entry.length; i++)
            add_element(out, ctx->arena, row, 0, child, (int)(entry.offset + i));
    }
    return STATUS_OK;
}

enum status fn_bind_map_part(struct call *call, int variant, struct expr **out) {
    static const int parts[] = {0, 1};
    if (call->arg_count != 1 || call->args[0]->type->id != TYPE_MAP) return fni_no_match(call);
    const struct type *element = call->args[0]->type->children[variant];
    *out = fni_finish(call, type_array(call->arena, element, true), map_part_kernel, 0, &parts[variant], NULL);
    return STATUS_OK;
}

/* ---- texts to collections ---- */

/* SPLIT(text, delimiter): an empty delimiter separates the characters. */
static enum status split_kernel(KERNEL_ARGS) {
    EACH_ROW(row) {
        struct str text = fn_str(args[0], row), delimiter = fn_str(args[1], row);
        list_begin(out, row);
        size_t from = 0;
        if (delimiter.len == 0) {
            for (size_t n; from < text.len; from += n) {
                n = text_char_bytes(text, from);
                list_add_text(out, ctx->arena, row, (struct str){text.data + from, n});
            }
            continue;
        }
        for (;;) {
            size_t hit = text_find(text, delimiter, from), to = hit == SIZE_MAX ? text.len : hit;
            list_add_text(out, ctx->arena, row, (struct str){text.data + from, to - from});
            if (hit == SIZE_MAX) break;
            from = hit + delimiter.len;
        }
    }
    return STATUS_OK;
}

enum status fn_bind_split(struct call *call, int variant, struct expr **out) {
    (void)variant;
    const struct type *result;
    TRY(fni_apply_shape(call, "ss>s", &result));
    result = type_array(call->arena, fni_not_null(call, type_of(TYPE_VARCHAR)), true);
    *out = fni_finish(call, result, split_kernel, 0, NULL, NULL);
    return STATUS_OK;
}

/* STR_TO_MAP(text [, pair delimiter, key delimiter]): ',' and '='. A pair without key delimiter has a NULL value. */
static enum status str_to_map_kernel(KERNEL_ARGS) {
    bool given = ctx->function->arg_count == 3;
    EACH_ROW(row) {
        struct str text = fn_str(args[0], row);
        struct str pair_end = given ? fn_str(args[1], row) : str_from(","),
                   key_end = given ? fn_str(args[2], row) : str_from("=");
        list_begin(out, row);
        int first = (int)out->child_rows;
        for (size_t from = 0; from <= text.len && text.len > 0;) {
            size_t hit = pair_end.len ? text_find(text, pair_end, from) : SIZE_MAX;
            struct str pair = {text.data + from, (hit == SIZE_MAX ? text.len : hit) - from};
            size_t middle = key_end.len ? text_find(pair, key_end, 0) : SIZE_MAX;
            struct str key = {pair.data, middle == SIZE_MAX ? pair.len : middle};
            struct value key_value = value_str(type_of(TYPE_VARCHAR), key), value = value_null(type_of(TYPE_VARCHAR));
            if (middle != SIZE_MAX)
                value = value_str(type_of(TYPE_VARCHAR),
                                  (struct str){pair.data + middle + key_end.len, pair.len - middle - key_end.len});
            int at = -1;
            struct strview view = strview_make(key.data, (uint32_t)key.len);
            for (int i = first; i < (int)out->child_rows && at < 0; i++)
                if (strview_equal(&((struct strview *)out->children[0].data)[i], &view)) at = i;
            if (at < 0) {
                at = list_add(out, ctx->arena, row);
                vector_set(&out->children[0], ctx->arena, (int)out->child_capacity, at, &key_value);
            }
            vector_set(&out->children[1], ctx->arena, (int)out->child_capacity, at, &value);
            if (hit == SIZE_MAX) break;
            from = hit + pair_end.len;
        }
    }
    return STATUS_OK;
}

enum status fn_bind_str_to_map(struct call *call, int variant, struct expr **out) {
    (void)variant;
    const struct type *result, *text = type_of(TYPE_VARCHAR);
    if (call->arg_count == 2) return fni_no_match(call);
    TRY(fni_apply_shape(call, "s?ss>s", &result));
    *out =
        fni_finish(call, type_map(call->arena, fni_not_null(call, text), text, true), str_to_map_kernel, 0, NULL, NULL);
    return STATUS_OK;
}

/* ---- functions of whole arrays, on values ---- */

enum array_function {
    ARRAY_APPEND,
    ARRAY_PREPEND,
    ARRAY_CONCAT,
    ARRAY_CONTAINS,
    ARRAY_DISTINCT,
    ARRAY_POSITION,
    ARRAY_REMOVE,
    ARRAY_REVERSE,
    ARRAY_SLICE,
    ARRAY_SORT,
    ARRAY_UNION,
    ARRAY_EXCEPT,
    ARRAY_INTERSECT,
    ARRAY_JOIN,
    ARRAY_MAX,
    ARRAY_MIN,
    MAP_FROM_ARRAYS,
    MAP_UNION,
    MAP_ENTRIES,
    ARRAY_FUNCTION_COUNT
};

static bool contains(const struct value *items, int count, const struct value *wanted) {
    for (int i = 0; i < count; i++)
        if (value_compare(&items[i], wanted) == 0) return true;
    return false;
}

static void sort_values(struct value *items, int count, struct value *scratch, bool ascending, bool nulls_first) {
    if (count < 2) return;
    int half = count / 2;
    sort_values(items, half, scratch, ascending, nulls_first);
    sort_values(items + half, count - half, scratch, ascending, nulls_first);
    memcpy(scratch, items, sizeof *items * (size_t)count);
    for (int a = 0, b = half, to = 0; to < count; to++) {
        bool take_b = false;
        if (a == half) {
            take_b = true;
        } else if (b < count) {
            const struct value *x = &scratch[a], *y = &scratch[b];
            if (x->is_null || y->is_null)
                take_b = x->is_null != y->is_null && y->is_null == nulls_first;
            else
                take_b = ascending ? value_compare(y, x) < 0 : value_compare(y, x) > 0;
        }
        items[to] = scratch[take_b ? b++ : a++];
    }
}

static void add_all(struct value *out, const struct value *from, int32_t count) {
    memcpy(out->list.items + out->list.count, from, sizeof *from * (size_t)count);
    out->list.count += count;
}

static void add_distinct(struct value *out, const struct value *item) {
    if (!contains(out->list.items, out->list.count, item)) out->list.items[out->list.count++] = *item;
}

/* ARRAY_SLICE counts from 1, negative positions from the end; both ends belong to it. */
static void slice(struct value *out, const struct value *array, int64_t start, int64_t end) {
    int64_t size = array->list.count;
    start = start == 0 ? 1 : start < 0 ? size + start + 1 : start;
    end = end == 0 ? 1 : end < 0 ? size + end + 1 : end;
    if (start < 1) start = 1;
    if (end > size) end = size;
    if (start <= end) add_all(out, array->list.items + start - 1, (int32_t)(end - start + 1));
}

static enum status join(struct kernel_ctx *ctx, const struct value *v, int arg_count, int row, struct value *out) {
    struct strbuf text = {0};
    bool first = true;
    for (int32_t i = 0; i < v[0].list.count; i++) {
        const struct value *item = &v[0].list.items[i];
        if (item->is_null && arg_count < 3) continue;
        if (!first) strbuf_add(&text, v[1].str.data, v[1].str.len);
        first = false;
        const struct str part = item->is_null ? v[2].str : item->str;
        strbuf_add(&text, part.data, part.len);
    }
    bool too_long = text.len > FUNCTION_MAX_TEXT_BYTES;
    if (!too_long) out->str = (struct str){arena_strndup(ctx->arena, text.data ? text.data : "", text.len), text.len};
    strbuf_free(&text);
    if (!too_long) return STATUS_OK;
    return fni_fail_text(ctx, STATUS_LIMIT_EXCEEDED, row, "the text would be larger than %d MiB",
                         FUNCTION_MAX_TEXT_BYTES >> 20);
}

static enum status array_row(struct kernel_ctx *ctx, enum array_function function, const struct value *v, int arg_count,
                             int row, struct value *out) {
    const struct value *a = &v[0], *b = &v[1];
    const struct value *items = a->list.items;
    int32_t n = a->list.count, total = n + 2;
    for (int i = 1; i < arg_count; i++)
        if (!v[i].is_null && type_phys(v[i].type) == PHYS_LIST) total += v[i].list.count;
    if (type_phys(out->type) == PHYS_LIST) {
        out->list.count = 0;
        out->list.items = arena_alloc(ctx->arena, sizeof(struct value) * (size_t)total * 2);
    }
    switch (function) {
    case ARRAY_APPEND:
        add_all(out, items, n);
        add_all(out, b, 1);
        break;
    case ARRAY_PREPEND:
        add_all(out, b, 1);
        add_all(out, items, n);
        break;
    case ARRAY_CONCAT:
        for (int i = 0; i < arg_count; i++) add_all(out, v[i].list.items, v[i].list.count);
        break;
    case ARRAY_CONTAINS: out->boolean = contains(items, n, b); break;
    case ARRAY_DISTINCT:
        for (int32_t i = 0; i < n; i++) add_distinct(out, &items[i]);
        break;
    case ARRAY_POSITION:
        out->i64 = 0;
        for (int32_t i = n - 1; i >= 0; i--)
            if (value_compare(&items[i], b) == 0) out->i64 = i + 1;
        break;
    case ARRAY_REMOVE:
        for (int32_t i = 0; i < n; i++)
            if (value_compare(&items[i], b) != 0) add_all(out, &items[i], 1);
        break;
    case ARRAY_REVERSE:
        for (int32_t i = n - 1; i >= 0; i--) add_all(out, &items[i], 1);
        break;
    case ARRAY_SLICE: slice(out, a, b->i64, arg_count > 2 ? v[2].i64 : n); break;
    case ARRAY_SORT: {
        bool ascending = arg_count < 2 || b->boolean, nulls_first = arg_count < 3 ? ascending : v[2].boolean;
        add_all(out, items, n);
        sort_values(out->list.items, n, arena_alloc(ctx->arena, sizeof *items * (size_t)n), ascending, nulls_first);
        break;
    }
    case ARRAY_UNION:
        for (int32_t i = 0; i < n; i++) add_distinct(out, &items[i]);
        for (int32_t i = 0; i < b->list.count; i++) add_distinct(out, &b->list.items[i]);
        break;
    case ARRAY_EXCEPT:
        for (int32_t i = 0; i < n; i++)
            if (!contains(b->list.items, b->list.count, &items[i])) add_distinct(out, &items[i]);
        break;
    case ARRAY_INTERSECT:
        for (int32_t i = 0; i < n; i++)
            if (contains(b->list.items, b->list.count, &items[i])) add_distinct(out, &items[i]);
        break;
    case ARRAY_JOIN: return join(ctx, v, arg_count, row, out);
    case ARRAY_MAX:
    case ARRAY_MIN: {
        const struct value *best = NULL;
        for (int32_t i = 0; i < n; i++) {
            if (items[i].is_null) continue;
            int order = best ? value_compare(&items[i], best) : 0;
            if (!best || (function == ARRAY_MAX ? order > 0 : order < 0)) best = &items[i];
        }
        const struct type *type = out->type;
        *out = best ? *best : value_null(type);
        out->type = type;
        break;
    }
    case MAP_FROM_ARRAYS:
        if (n != b->list.count)
            return fni_fail_text(ctx, STATUS_INVALID_ARGUMENT, row, "the arrays have %d and %d elements", n,
                                 b->list.count);
        for (int32_t i = 0; i < n; i++) {
            out->list.items[2 * i] = items[i];
            out->list.items[2 * i + 1] = b->list.items[i];
        }
        out->list.count = n;
        break;
    case MAP_UNION:
        for (int m = 0; m < 2; m++)
            for (int32_t i = 0; i < v[m].list.count; i++) {
                const struct value *pair = &v[m].list.items[2 * i];
                int32_t at = 0;
                while (at < out->list.count && value_compare(&out->list.items[2 * at], pair) != 0) at++;
                out->list.items[2 * at] = pair[0];
                out->list.items[2 * at + 1] = pair[1];
                if (at == out->list.count) out->list.count++;
            }
        break;
    case MAP_ENTRIES:
        for (int32_t i = 0; i < n; i++) {
            struct value *entry = &out->list.items[i];
            *entry = (struct value){.type = out->type->children[0]};
            entry->list.items = (struct value *)&items[2 * i];
            entry->list.count = 2;
        }
        out->list.count = n;
        break;
    case ARRAY_FUNCTION_COUNT: break;
    }
    return STATUS_OK;
}

/* A NULL element may be added, removed and asked for with CONTAINS; other NULL arguments make the result NULL, as
 * Flink's documentation has it. */
static bool takes_null_element(enum array_function function) {
    return function == ARRAY_APPEND || function == ARRAY_PREPEND || function == ARRAY_REMOVE ||
           function == ARRAY_CONTAINS;
}

static enum status array_function_kernel(KERNEL_ARGS) {
    enum array_function function = *(const enum array_function *)ctx->function->data;
    int arg_count = ctx->function->arg_count;
    struct value *v = arena_alloc(ctx->arena, sizeof *v * (size_t)(arg_count + 1));
    EACH_ROW(row) {
        bool null = false;
        for (int a = 0; a < arg_count; a++) {
            v[a] = vector_get(args[a], row, ctx->arena);
            null |= v[a].is_null && !(a == 1 && takes_null_element(function));
        }
        struct value result = value_null(out->type);
        if (!null) {
            result.is_null = false;
            TRY(array_row(ctx, function, v, arg_count, row, &result));
        }
        vector_set(out, ctx->arena, VECTOR_CAPACITY, row, &result);
    }
    return STATUS_OK;
}

/* Casts arguments from … to one array type that fits all. */
static bool unify_arrays(struct call *call, int count) {
    const struct type *common = call->args[0]->type;
    for (int i = 1; i < count; i++) {
        if (call->args[i]->type->id != TYPE_ARRAY && !fni_is_null_literal(call->args[i])) return false;
        common = type_common(call->arena, common, call->args[i]->type);
        if (!common) return false;
    }
    for (int i = 0; i < count; i++) fni_cast(call, i, common);
    return true;
}

/* Brings the array's element type and the element argument together. */
static bool unify_element(struct call *call, int i) {
    const struct type *array = call->args[0]->type;
    const struct type *common = type_common(call->arena, array->children[0], call->args[i]->type);
    if (!common) return false;
    common = type_with_nullable(call->arena, common,
                                array->children[0]->nullable || call->args[i]->type->nullable ||
                                    fni_is_null_literal(call->args[i]));
    fni_cast(call, 0, type_array(call->arena, common, true));
    fni_cast(call, i, common);
    return true;
}

enum status fn_bind_array_function(struct call *call, int variant, struct expr **out) {
    static const enum array_function functions[ARRAY_FUNCTION_COUNT] = {
        ARRAY_APPEND,  ARRAY_PREPEND, ARRAY_CONCAT,    ARRAY_CONTAINS, ARRAY_DISTINCT, ARRAY_POSITION,  ARRAY_REMOVE,
        ARRAY_REVERSE, ARRAY_SLICE,   ARRAY_SORT,      ARRAY_UNION,    ARRAY_EXCEPT,   ARRAY_INTERSECT, ARRAY_JOIN,
        ARRAY_MAX,     ARRAY_MIN,     MAP_FROM_ARRAYS, MAP_UNION,      MAP_ENTRIES};
    enum array_function function = functions[variant];
    bool map = function == MAP_UNION || function == MAP_ENTRIES;
    int n = call->arg_count;
    if (n < 1 || call->args[0]->type->id != (map ? TYPE_MAP : TYPE_ARRAY)) return fni_no_match(call);
    bool ok = false;
    const struct type *result = NULL;
    unsigned flags = FN_CUSTOM;
    switch (function) {
    case ARRAY_APPEND:
    case ARRAY_PREPEND:
    case ARRAY_REMOVE: ok = n == 2 && unify_element(call, 1); break;
    case ARRAY_CONTAINS:
    case ARRAY_POSITION:
        ok = n == 2 && unify_element(call, 1);
        result = type_of(function == ARRAY_CONTAINS ? TYPE_BOOLEAN : TYPE_INT);
        break;
    case ARRAY_CONCAT: ok = unify_arrays(call, n); break;
    case ARRAY_UNION:
    case ARRAY_EXCEPT:
    case ARRAY_INTERSECT: ok = n == 2 && unify_arrays(call, 2); break;
    case ARRAY_DISTINCT:
    case ARRAY_REVERSE: ok = n == 1; break;
    case ARRAY_SLICE:
        ok = (n == 2 || n == 3) && fni_implicit(call->args[1]->type, type_of(TYPE_INT)) &&
             (n == 2 || fni_implicit(call->args[2]->type, type_of(TYPE_INT)));
        for (int i = 1; ok && i < n; i++) fni_cast(call, i, type_of(TYPE_INT));
        break;
    case ARRAY_SORT:
        ok = n <= 3 && !type_is_nested(call->args[0]->type->children[0]);
        for (int i = 1; ok && i < n; i++) {
            ok = fni_implicit(call->args[i]->type, type_of(TYPE_BOOLEAN));
            if (ok) fni_cast(call, i, type_of(TYPE_BOOLEAN));
        }
        break;
    case ARRAY_JOIN:
        ok = n == 2 || n == 3;
        for (int i = 1; ok && i < n; i++) {
            ok = fni_implicit(call->args[i]->type, type_of(TYPE_VARCHAR));
            if (ok) fni_cast(call, i, type_of(TYPE_VARCHAR));
        }
        ok = ok && type_is_char(call->args[0]->type->children[0]);
        result = type_of(TYPE_VARCHAR);
        flags |= FN_FALLIBLE;
        break;
    case ARRAY_MAX:
    case ARRAY_MIN:
        ok = n == 1 && !type_is_nested(call->args[0]->type->children[0]);
        result = call->args[0]->type->children[0];
        break;
    case MAP_FROM_ARRAYS:
        ok = n == 2 && call->args[1]->type->id == TYPE_ARRAY;
        if (ok)
            result = type_map(call->arena, call->args[0]->type->children[0], call->args[1]->type->children[0], true);
        flags |= FN_FALLIBLE;
        break;
    case MAP_UNION: {
        const struct type *common = n == 2 ? type_common(call->arena, call->args[0]->type, call->args[1]->type) : NULL;
        ok = common != NULL;
        for (int i = 0; ok && i < 2; i++) fni_cast(call, i, common);
        break;
    }
    case MAP_ENTRIES: {
        static const char *const names[] = {"key", "value"};
        ok = n == 1;
        result = type_array(call->arena, type_row(call->arena, 2, names, call->args[0]->type->children, false), true);
        break;
    }
    case ARRAY_FUNCTION_COUNT: break;
    }
    if (!ok) return fni_no_match(call);
    if (!result) result = call->args[0]->type;
    *out = fni_finish(call, result, array_function_kernel, flags, &functions[variant], NULL);
    return STATUS_OK;
}
