#include "types/value.h"

#include <assert.h>

struct value value_boolean(bool boolean) {
    return (struct value){.type = type_of(TYPE_BOOLEAN), .boolean = boolean};
}

struct value value_i64(const struct type *type, int64_t i64) {
    assert(type_phys(type) >= PHYS_BOOL && type_phys(type) <= PHYS_I64);
    struct value value = {.type = type};
    if (type->id == TYPE_BOOLEAN)
        value.boolean = i64 != 0;
    else
        value.i64 = i64;
    return value;
}

struct value value_f64(double f64) {
    return (struct value){.type = type_of(TYPE_DOUBLE), .f64 = f64};
}

struct value value_str(const struct type *type, struct str str) {
    assert(type_phys(type) == PHYS_STR);
    return (struct value){.type = type, .str = str};
}

struct value value_from_decimal(const struct type *type, int128 unscaled) {
    assert(type->id == TYPE_DECIMAL);
    struct value value = {.type = type};
    if (type_phys(type) == PHYS_I128)
        value.i128 = unscaled;
    else
        value.i64 = (int64_t)unscaled;
    return value;
}

int value_item_count(const struct value *value) {
    bool pairs = value->type->id == TYPE_MAP || value->type->id == TYPE_MULTISET;
    return pairs ? 2 * value->list.count : value->list.count;
}

struct value value_copy(struct arena *arena, const struct value *value) {
    struct value copy = *value;
    if (value->is_null) return copy;
    switch (type_phys(value->type)) {
    case PHYS_STR: copy.str.data = arena_memdup(arena, value->str.data, value->str.len); break;
    case PHYS_LIST:
    case PHYS_ROW: {
        int count = value_item_count(value);
        copy.list.items = arena_alloc(arena, sizeof(struct value) * (size_t)count);
        for (int i = 0; i < count; i++) copy.list.items[i] = value_copy(arena, &value->list.items[i]);
        break;
    }
    default: break;
    }
    return copy;
}

static int compare_i64(int64_t a, int64_t b) { return (a > b) - (a < b); }

/* NaN after everything, -0.0 = 0.0. */
static int compare_f64(double a, double b) {
    if (a != a || b != b) return (a != a) - (b != b);
    return (a > b) - (a < b);
}

static int compare_str(struct str a, struct str b) {
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len ? memcmp(a.data, b.data, len) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

int value_compare(const struct value *a, const struct value *b) {
    if (a->is_null || b->is_null) return (int)b->is_null - (int)a->is_null;
    assert(a->type->id == b->type->id);
    switch (type_phys(a->type)) {
    case PHYS_BOOL: return (int)a->boolean - (int)b->boolean;
    case PHYS_I8:
    case PHYS_I16:
    case PHYS_I32:
    case PHYS_I64: return compare_i64(a->i64, b->i64);
    case PHYS_I128: return (a->i128 > b->i128) - (a->i128 < b->i128);
    case PHYS_F32: return compare_f64(a->f32, b->f32);
    case PHYS_F64: return compare_f64(a->f64, b->f64);
    case PHYS_STR: return compare_str(a->str, b->str);
    case PHYS_LIST:
    case PHYS_ROW: {
        int count_a = value_item_count(a), count_b = value_item_count(b);
        for (int i = 0; i < count_a && i < count_b; i++) {
            int order = value_compare(&a->list.items[i], &b->list.items[i]);
            if (order) return order;
        }
        return (count_a > count_b) - (count_a < count_b);
    }
    case PHYS_NULL:
    case PHYS_COUNT: break;
    }
    return 0;
}
