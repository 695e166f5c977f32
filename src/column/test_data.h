/* Random types, values and vectors in every form, for the tests of this folder and of those that build on it. */
#ifndef MILLRACE_COLUMN_TEST_DATA_H
#define MILLRACE_COLUMN_TEST_DATA_H

#include <math.h>
#include <stdlib.h>

#include "column/vector.h"

/* xorshift64*: the same numbers everywhere. */
static inline uint64_t random_next(uint64_t *seed) {
    *seed ^= *seed >> 12;
    *seed ^= *seed << 25;
    *seed ^= *seed >> 27;
    return *seed * UINT64_C(0x2545F4914F6CDD1D);
}
static inline int random_below(uint64_t *seed, int limit) { return (int)((random_next(seed) >> 33) % (uint64_t)limit); }

static inline const struct type *random_type(struct arena *arena, uint64_t *seed, int depth) {
    enum type_id id = (enum type_id)random_below(seed, depth > 0 ? TYPE_ID_COUNT : TYPE_ARRAY);
    switch (id) {
    case TYPE_DECIMAL: {
        int precision = 1 + random_below(seed, 38);
        return type_decimal(arena, precision, random_below(seed, precision + 1), true);
    }
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMP_LTZ: return type_time(arena, id, random_below(seed, 10), true);
    case TYPE_ARRAY: return type_array(arena, random_type(arena, seed, depth - 1), true);
    case TYPE_MULTISET: return type_multiset(arena, random_type(arena, seed, depth - 1), true);
    case TYPE_MAP: {
        const struct type *key = random_type(arena, seed, depth - 1);
        return type_map(arena, key, random_type(arena, seed, depth - 1), true);
    }
    case TYPE_ROW: {
        const struct type *fields[3] = {random_type(arena, seed, depth - 1), random_type(arena, seed, depth - 1),
                                        random_type(arena, seed, depth - 1)};
        const char *names[3] = {"a", "b", "c"};
        return type_row(arena, 1 + random_below(seed, 3), names, fields, true);
    }
    default: return type_of(id);
    }
}

static inline int64_t random_int(uint64_t *seed, int bits) {
    if (random_below(seed, 3) == 0) return random_below(seed, 5) - 2;
    if (random_below(seed, 8) == 0) return INT64_MIN >> (64 - bits);
    if (random_below(seed, 8) == 0) return INT64_MAX >> (64 - bits);
    return (int64_t)random_next(seed) >> (64 - bits);
}

static inline double random_double(uint64_t *seed) {
    static const double special[] = {0.0, -0.0, 1, -1, 0.5, NAN, INFINITY, -INFINITY, 5e-324, 1.7976931348623157e308};
    if (random_below(seed, 2)) return special[random_below(seed, 10)];
    return (double)random_int(seed, 60) / 1024;
}

static inline struct value random_value(struct arena *arena, uint64_t *seed, const struct type *type) {
    if (type->id == TYPE_NULL || (type->nullable && random_below(seed, 5) == 0)) return value_null(type);
    struct value value = {.type = type};
    switch (type_phys(type)) {
    case PHYS_BOOL: value.boolean = random_below(seed, 2); break;
    case PHYS_I8: value.i64 = random_int(seed, 8); break;
    case PHYS_I16: value.i64 = random_int(seed, 16); break;
    case PHYS_I32: value.i64 = random_int(seed, 32); break;
    case PHYS_I64: value.i64 = random_int(seed, 64); break;
    case PHYS_I128: value.i128 = (int128)((uint128)random_int(seed, 60) << 64 | random_next(seed)); break;
    case PHYS_F32: value.f32 = (float)random_double(seed); break;
    case PHYS_F64: value.f64 = random_double(seed); break;
    case PHYS_STR: {
        static const int lengths[] = {0, 1, 2, 3, 4, 5, 8, 11, 12, 13, 14, 30, 100};
        size_t len = (size_t)lengths[random_below(seed, 13)];
        char *text = arena_alloc(arena, len);
        for (size_t i = 0; i < len; i++) text[i] = "ab\0\xFF"[random_below(seed, i < 10 ? 1 : 4)];
        if (len) text[len - 1] = "ab\0\xFF\x01"[random_below(seed, 5)];
        value.str = (struct str){text, len};
        break;
    }
    case PHYS_LIST: {
        int child_count = type_child_vectors(type), count = random_below(seed, 4);
        value.list.count = count;
        value.list.items = ARENA_ARRAY(arena, struct value, count * child_count);
        for (int i = 0; i < count * child_count; i++)
            value.list.items[i] = random_value(arena, seed, type_child(type, i % child_count));
        break;
    }
    case PHYS_ROW:
        value.list.count = type->child_count;
        value.list.items = ARENA_ARRAY(arena, struct value, type->child_count);
        for (int i = 0; i < type->child_count; i++) value.list.items[i] = random_value(arena, seed, type->children[i]);
        break;
    case PHYS_NULL:
    case PHYS_COUNT: break;
    }
    return value;
}

/* Fills vec (random form) with row_count rows and values[] with what it should hold. */
static inline void random_vector(struct arena *arena, uint64_t *seed, const struct type *type, int row_count,
                                 struct vector *vec, struct value *values) {
    int form = random_below(seed, 4);
    if (form == 0) {
        struct value value = random_value(arena, seed, type);
        vector_init_const(vec, arena, type, &value);
        for (int i = 0; i < row_count; i++) values[i] = value;
        return;
    }
    int flat_rows = form == 1 ? 1 + random_below(seed, 20) : row_count;
    struct vector *flat = ARENA_NEW(arena, struct vector);
    struct value *items = ARENA_ARRAY(arena, struct value, flat_rows);
    vector_init(flat, arena, type, flat_rows);
    bool nulls = random_below(seed, 2);
    for (int i = 0; i < flat_rows; i++) {
        do items[i] = random_value(arena, seed, type);
        while (!nulls && items[i].is_null && type->id != TYPE_NULL);
        vector_set(flat, arena, flat_rows, i, &items[i]);
    }
    if (form == 1) {
        sel_index *index = arena_alloc(arena, sizeof *index * (size_t)row_count);
        for (int i = 0; i < row_count; i++) {
            index[i] = (sel_index)random_below(seed, flat_rows);
            values[i] = items[index[i]];
        }
        vector_init_dict(vec, arena, flat, flat_rows, index);
    } else {
        *vec = *flat;
        memcpy(values, items, sizeof *items * (size_t)row_count);
    }
}

/* Ascending distinct rows out of row_count, about one in two; returns how many. */
static inline int random_selection(uint64_t *seed, int row_count, sel_index *sel) {
    int count = 0;
    for (int i = 0; i < row_count; i++)
        if (random_below(seed, 2)) sel[count++] = (sel_index)i;
    return count;
}

#endif
