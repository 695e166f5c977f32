/* Aggregates of all values of a group: SINGLE_VALUE, COLLECT, PERCENTILE, JSON_OBJECTAGG, JSON_ARRAYAGG. The operator keeps the values,
 * so rows can be taken back; they come in key order, as a window function's in the order of the window. */
#include <math.h>
#include <stdlib.h>

#include "column/row.h"
#include "function/function_private.h"
#include "function/json_simdjson.h"

static enum status too_large(const struct bound_aggregate *agg, struct error *err) {
    return error_set_at(err, STATUS_LIMIT_EXCEEDED, agg->offset, agg->length, "the result of %s is larger than %d MiB",
                        agg->name, FUNCTION_MAX_TEXT_BYTES >> 20);
}

static int compare_text(struct str a, struct str b) {
    int diff = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);
    return diff ? diff : (a.len > b.len) - (a.len < b.len);
}

static size_t row_count(const struct chunk *const *values, int chunk_count) {
    size_t count = 0;
    for (int c = 0; c < chunk_count; c++) count += (size_t)values[c]->sel_count;
    return count;
}

/* ---- SINGLE_VALUE ---- */

static enum status single_from_values(VALUES_ARGS) {
    int64_t count = 0;
    struct value result = value_null(agg->result);
    for (int c = 0; c < chunk_count; c++)
        for (int i = 0; i < values[c]->sel_count; i++) {
            count += fn_multiplicity(values[c], i);
            result = vector_get(&values[c]->columns[0], chunk_row(values[c], i), arena);
        }
    if (count > 1)
        return error_set_at(err, STATUS_CARDINALITY, agg->offset, agg->length, "SINGLE_VALUE of more than one row");
    vector_set(out, arena, VECTOR_CAPACITY, out_row, &result);
    return STATUS_OK;
}

static const struct aggregate_class single_class = {
    .name = "SINGLE_VALUE", .retractable = true, .needs_values = true, .from_values = single_from_values};

enum status fn_bind_single_value(struct call *call, int variant, struct bound_aggregate *agg) {
    (void)variant;
    if (call->arg_count != 1) return fni_no_match(call);
    if (fni_is_null_literal(call->args[0])) fni_cast(call, 0, type_of(TYPE_INT));
    agg->class = &single_class;
    agg->result = call->args[0]->type;
    return STATUS_OK;
}

/* ---- COLLECT ---- */

struct member {
    struct str key; /* key form: equal values have equal keys */
    struct value value;
    int64_t count;
};

static int compare_members(const void *a, const void *b) {
    return compare_text(((const struct member *)a)->key, ((const struct member *)b)->key);
}

/* The different values with their counts, sorted. */
static enum status collect_from_values(VALUES_ARGS) {
    size_t count = row_count(values, chunk_count), n = 0, different = 0;
    struct value result = value_null(agg->result);
    if (count > FUNCTION_MAX_TEXT_BYTES / sizeof(struct member)) return too_large(agg, err);
    struct member *members = ARENA_ARRAY(arena, struct member, count + 1);
    struct strbuf key = {0};
    for (int c = 0; c < chunk_count; c++)
        for (int i = 0; i < values[c]->sel_count; i++) {
            struct value value = vector_get(&values[c]->columns[0], chunk_row(values[c], i), arena);
            strbuf_clear(&key);
            key_encode_value(&key, &value, false, false);
            struct str text = {arena_memdup(arena, key.data, key.len), key.len};
            members[n++] = (struct member){text, value_copy(arena, &value), fn_multiplicity(values[c], i)};
        }
    strbuf_free(&key);
    qsort(members, n, sizeof *members, compare_members);
    for (size_t i = 0; i < n; i++) {
        bool again = different && str_equal(members[different - 1].key, members[i].key);
        if (again)
            members[different - 1].count += members[i].count;
        else
            members[different++] = members[i];
        if (members[different - 1].count > INT32_MAX) return too_large(agg, err);
    }
    if (different) {
        result.is_null = false;
        result.list.items = ARENA_ARRAY(arena, struct value, 2 * different);
        result.list.count = (int32_t)different;
        for (size_t i = 0; i < different; i++) {
            result.list.items[2 * i] = members[i].value;
            result.list.items[2 * i + 1] = value_i64(type_of(TYPE_INT), members[i].count);
        }
    }
    vector_set(out, arena, VECTOR_CAPACITY, out_row, &result);
    return STATUS_OK;
}

static const struct aggregate_class collect_class = {.name = "COLLECT",
                                                     .retractable = true,
                                                     .needs_values = true,
                                                     .ignores_nulls = true,
                                                     .from_values = collect_from_values};

enum status fn_bind_collect(struct call *call, int variant, struct bound_aggregate *agg) {
    (void)variant;
    if (call->arg_count != 1 || fni_is_null_literal(call->args[0])) return fni_no_match(call);
    agg->class = &collect_class;
    agg->result = type_multiset(call->arena, fni_not_null(call, call->args[0]->type), true);
    return STATUS_OK;
}

/* ---- PERCENTILE ---- */

struct weighted {
    double value;
    int64_t until; /* first its weight, then how many values there are up to it */
};

/* NaN is the largest value, as in ORDER BY. */
static int compare_weighted(const void *a, const void *b) {
    double x = ((const struct weighted *)a)->value, y = ((const struct weighted *)b)->value;
    if (isnan(x) || isnan(y)) return isnan(x) - isnan(y);
    return (x > y) - (x < y);
}

/* The value at position `at` from 0. */
static double value_at(const struct weighted *values, size_t count, int64_t at) {
    size_t low = 0, high = count - 1;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (values[middle].until > at)
            high = middle;
        else
            low = middle + 1;
    }
    return values[low].value;
}

static double percentile(const struct weighted *values, size_t count, double share) {
    double position = (double)(values[count - 1].until - 1) * share, below = floor(position);
    double low = value_at(values, count, (int64_t)below);
    if (position == below) return low;
    double high = value_at(values, count, (int64_t)below + 1);
    return low == high ? low : low + (high - low) * (position - below);
}

static enum status percentile_from_values(VALUES_ARGS) {
    bool weighted = agg->arg_count - agg->order_count > 1;
    size_t count = 0;
    int64_t total = 0;
    struct weighted *list = ARENA_ARRAY(arena, struct weighted, row_count(values, chunk_count) + 1);
    for (int c = 0; c < chunk_count; c++)
        for (int i = 0; i < values[c]->sel_count; i++) {
            int row = chunk_row(values[c], i);
            struct value value = vector_get(&values[c]->columns[0], row, arena);
            int64_t weight = fn_multiplicity(values[c], i);
            if (weighted) {
                struct value frequency = vector_get(&values[c]->columns[1], row, arena);
                if (frequency.is_null) continue;
                if (frequency.i64 < 0)
                    return error_set_at(err, STATUS_INVALID_ARGUMENT, agg->offset, agg->length,
                                        "a frequency of PERCENTILE is negative");
                if (__builtin_mul_overflow(weight, frequency.i64, &weight)) return too_large(agg, err);
            }
            if (!weight) continue;
            if (__builtin_add_overflow(total, weight, &total)) return too_large(agg, err);
            list[count++] = (struct weighted){value.f64, weight};
        }
    qsort(list, count, sizeof *list, compare_weighted);
    for (size_t i = 1; i < count; i++) list[i].until += list[i - 1].until;
    struct value result = value_null(agg->result);
    if (count && agg->result->id == TYPE_DOUBLE) {
        result = value_f64(percentile(list, count, agg->constants[0].f64));
        result.type = agg->result;
    } else if (count) {
        result.is_null = false;
        result.list.count = agg->constant_count;
        result.list.items = ARENA_ARRAY(arena, struct value, agg->constant_count + 1);
        for (int i = 0; i < agg->constant_count; i++)
            result.list.items[i] = value_f64(percentile(list, count, agg->constants[i].f64));
    }
    vector_set(out, arena, VECTOR_CAPACITY, out_row, &result);
    return STATUS_OK;
}

static const struct aggregate_class percentile_class = {.name = "PERCENTILE",
                                                        .retractable = true,
                                                        .needs_values = true,
                                                        .ignores_nulls = true,
                                                        .from_values = percentile_from_values};

/* PERCENTILE(number, share [, frequency]): the shares are constants. */
enum status fn_bind_percentile(struct call *call, int variant, struct bound_aggregate *agg) {
    (void)variant;
    if (call->arg_count < 2 || call->arg_count > 3) return fni_no_match(call);
    const struct type *number = type_of(TYPE_DOUBLE), *share = call->args[1]->type;
    bool list = share->id == TYPE_ARRAY, null = fni_is_null_literal(call->args[0]);
    if (!null && !type_is_numeric(call->args[0]->type)) return fni_no_match(call);
    if (!type_is_numeric(list ? share->children[0] : share)) return fni_no_match(call);
    if (call->arg_count == 3 && !type_is_integer(call->args[2]->type)) return fni_no_match(call);
    fni_cast(call, 0, number);
    fni_cast(call, 1, list ? type_array(call->arena, number, true) : number);
    const struct value *shares = fni_constant(call, 1);
    if (!shares || shares->is_null)
        return fni_error(call, 1, STATUS_INVALID_ARGUMENT,
                         "the share of PERCENTILE must be a constant number or array");
    agg->constant_count = list ? shares->list.count : 1;
    struct value *constants = ARENA_ARRAY(call->arena, struct value, agg->constant_count + 1);
    for (int i = 0; i < agg->constant_count; i++) {
        constants[i] = list ? shares->list.items[i] : *shares;
        if (constants[i].is_null || !(constants[i].f64 >= 0 && constants[i].f64 <= 1))
            return fni_error(call, 1, STATUS_INVALID_ARGUMENT, "a share of PERCENTILE lies between 0 and 1");
    }
    agg->constants = constants;
    if (call->arg_count == 3) {
        fni_cast(call, 2, type_of(TYPE_BIGINT));
        call->args[1] = call->args[2];
    }
    call->arg_count--;
    agg->class = &percentile_class;
    agg->result = list ? type_array(call->arena, number, true) : type_with_nullable(call->arena, number, true);
    return STATUS_OK;
}

/* ---- JSON_OBJECTAGG, JSON_ARRAYAGG ---- */

static enum status put_text(const struct bound_aggregate *agg, struct strbuf *text, struct vector *out, int out_row,
                            struct arena *arena) {
    struct value result = value_str(agg->result, (struct str){arena_strndup(arena, text->data, text->len), text->len});
    vector_set(out, arena, VECTOR_CAPACITY, out_row, &result);
    strbuf_free(text);
    return STATUS_OK;
}

static void add_text(void *data, const char *text, size_t len) { strbuf_add(data, text, len); }

static void put_member(struct strbuf *text, const struct value *json) {
    if (json->is_null)
        strbuf_puts(text, "null");
    else
        strbuf_add(text, json->str.data, json->str.len);
}

static int compare_texts(const void *a, const void *b) {
    return compare_text(*(const struct str *)a, *(const struct str *)b);
}

/* constants[0]: are NULLs left out? The values are texts of JSON. */
static enum status objectagg_from_values(VALUES_ARGS) {
    struct strbuf text = {0};
    struct json_sink sink = {add_text, &text};
    struct str *keys = ARENA_ARRAY(arena, struct str, row_count(values, chunk_count) + 1);
    size_t count = 0;
    bool first = true;
    strbuf_putc(&text, '{');
    for (int c = 0; c < chunk_count; c++)
        for (int i = 0; i < values[c]->sel_count; i++) {
            int row = chunk_row(values[c], i);
            struct value key = vector_get(&values[c]->columns[0], row, arena);
            struct value json = vector_get(&values[c]->columns[1], row, arena);
            bool again = fn_multiplicity(values[c], i) > 1;
            if (key.is_null || again || text.len > FUNCTION_MAX_TEXT_BYTES) {
                strbuf_free(&text);
                if (key.is_null)
                    return error_set_at(err, STATUS_NULL_NOT_ALLOWED, agg->offset, agg->length,
                                        "a key of JSON_OBJECTAGG is NULL");
                if (!again) return too_large(agg, err);
                return error_set_at(err, STATUS_CONFLICT, agg->offset, agg->length,
                                    "JSON_OBJECTAGG has the key '%.*s' several times", (int)key.str.len, key.str.data);
            }
            keys[count++] = key.str;
            if (agg->constants[0].boolean && json.is_null) continue;
            if (!first) strbuf_putc(&text, ',');
            first = false;
            json_put_string(&sink, key.str.data, key.str.len);
            strbuf_putc(&text, ':');
            put_member(&text, &json);
        }
    strbuf_putc(&text, '}');
    qsort(keys, count, sizeof *keys, compare_texts);
    for (size_t i = 1; i < count; i++) {
        if (!str_equal(keys[i - 1], keys[i])) continue;
        strbuf_free(&text);
        return error_set_at(err, STATUS_CONFLICT, agg->offset, agg->length,
                            "JSON_OBJECTAGG has the key '%.*s' several times", (int)keys[i].len, keys[i].data);
    }
    return put_text(agg, &text, out, out_row, arena);
}

static enum status arrayagg_from_values(VALUES_ARGS) {
    struct strbuf text = {0};
    bool first = true;
    strbuf_putc(&text, '[');
    for (int c = 0; c < chunk_count; c++)
        for (int i = 0; i < values[c]->sel_count; i++) {
            struct value json = vector_get(&values[c]->columns[0], chunk_row(values[c], i), arena);
            if (agg->constants[0].boolean && json.is_null) continue;
            for (int64_t n = fn_multiplicity(values[c], i); n > 0; n--) {
                if (!first) strbuf_putc(&text, ',');
                first = false;
                put_member(&text, &json);
                if (text.len <= FUNCTION_MAX_TEXT_BYTES) continue;
                strbuf_free(&text);
                return too_large(agg, err);
            }
        }
    strbuf_putc(&text, ']');
    return put_text(agg, &text, out, out_row, arena);
}

static const struct aggregate_class objectagg_class = {
    .name = "JSON_OBJECTAGG", .retractable = true, .needs_values = true, .from_values = objectagg_from_values};
static const struct aggregate_class arrayagg_class = {
    .name = "JSON_ARRAYAGG", .retractable = true, .needs_values = true, .from_values = arrayagg_from_values};

/* Argument i as a text of JSON; what makes JSON is one already. */
static enum status as_json(struct call *call, int i) {
    const struct expr *arg = call->args[i];
    if (arg->kind == EXPR_CALL &&
        (strcmp(arg->function->name, "JSON_OBJECT") == 0 || strcmp(arg->function->name, "JSON_ARRAY") == 0))
        return STATUS_OK;
    return fni_bind_other(call, "JSON_STRING", &call->args[i], 1, &call->args[i]);
}

/* The last argument, 'NULL' or 'ABSENT', becomes the constant. */
static bool take_null_clause(struct call *call, struct bound_aggregate *agg) {
    struct str clause;
    if (!fni_constant_text(call, call->arg_count - 1, &clause)) return false;
    struct value *absent = ARENA_NEW(call->arena, struct value);
    *absent = value_boolean(str_equal(clause, str_from("ABSENT")));
    agg->constants = absent;
    agg->constant_count = 1;
    agg->result = fni_not_null(call, type_of(TYPE_VARCHAR));
    return true;
}

/* (key, value, 'NULL' or 'ABSENT') */
enum status fn_bind_json_objectagg(struct call *call, int variant, struct bound_aggregate *agg) {
    (void)variant;
    if (call->arg_count != 3 || !take_null_clause(call, agg)) return fni_no_match(call);
    if (!fni_implicit(call->args[0]->type, type_of(TYPE_VARCHAR))) return fni_no_match(call);
    fni_cast(call, 0, type_of(TYPE_VARCHAR));
    call->arg_count--;
    agg->class = &objectagg_class;
    return as_json(call, 1);
}

/* (value, 'NULL' or 'ABSENT'); sorted by the value, not by its text, unless the call says otherwise. */
enum status fn_bind_json_arrayagg(struct call *call, int variant, struct bound_aggregate *agg) {
    static const struct argument_order ascending = {0};
    (void)variant;
    if (call->arg_count != 2 || !take_null_clause(call, agg)) return fni_no_match(call);
    if (fni_is_null_literal(call->args[0])) fni_cast(call, 0, type_of(TYPE_VARCHAR));
    call->args[1] = call->args[0];
    agg->order = &ascending;
    agg->order_count = 1;
    agg->class = &arrayagg_class;
    return as_json(call, 0);
}
