#include "column/vector.h"

#include <assert.h>

#include "column/validity.h"

/* Values are copied by width whatever their type. */
typedef uint16_t __attribute__((may_alias)) word16;
typedef uint32_t __attribute__((may_alias)) word32;
typedef uint64_t __attribute__((may_alias)) word64;
typedef uint128 __attribute__((may_alias)) word128;

#define T uint8_t
#define NAME 8
#include "column/gather_template.h"
#define T word16
#define NAME 16
#include "column/gather_template.h"
#define T word32
#define NAME 32
#include "column/gather_template.h"
#define T word64
#define NAME 64
#include "column/gather_template.h"
#define T word128
#define NAME 128
#include "column/gather_template.h"
#define T struct strview
#define NAME str
#include "column/gather_template.h"

int strview_compare(const struct strview *a, const struct strview *b) {
    uint32_t len = a->len < b->len ? a->len : b->len;
    int order = memcmp(strview_data(a), strview_data(b), len);
    return order ? order : (a->len > b->len) - (a->len < b->len);
}

struct strview strview_copy(struct arena *arena, const struct strview *view) {
    if (view->len <= STRVIEW_INLINE) return *view;
    char *copy = arena_alloc_aligned(arena, view->len, 1);
    memcpy(copy, view->ref.ptr, view->len);
    return strview_make(copy, view->len);
}

/* Whole multiples of 64 rows, so that loops by words or wide registers may run over the end. */
static size_t padded_rows(int capacity) { return capacity <= 0 ? 64 : ((size_t)capacity + 63) & ~(size_t)63; }

static void *alloc_data(struct arena *arena, enum phys phys, int capacity) {
    int size = phys_size(phys);
    return size ? arena_alloc_aligned(arena, (size_t)size * padded_rows(capacity), 64) : NULL;
}

void vector_init(struct vector *vec, struct arena *arena, const struct type *type, int capacity) {
    *vec = (struct vector){.type = type, .phys = type_phys(type), .form = VECTOR_FLAT};
    vec->data = alloc_data(arena, vec->phys, capacity);
    if (vec->phys == PHYS_NULL) vec->validity = ARENA_ARRAY(arena, uint64_t, padded_rows(capacity) / 64);
    if (vec->phys == PHYS_LIST || vec->phys == PHYS_ROW) {
        int count = type_child_vectors(type);
        vec->children = ARENA_ARRAY(arena, struct vector, count);
        for (int i = 0; i < count; i++) vector_init(&vec->children[i], arena, type_child(type, i), capacity);
        if (vec->phys == PHYS_LIST) vec->child_capacity = (uint32_t)(capacity < 0 ? 0 : capacity);
    }
}

uint64_t *vector_validity(struct vector *vec, struct arena *arena, int capacity) {
    if (!vec->validity) {
        size_t size_bytes = padded_rows(capacity) / 8;
        vec->validity = arena_alloc_aligned(arena, size_bytes, 64);
        memset(vec->validity, 0xFF, size_bytes);
    }
    return vec->validity;
}

/* Moves a flat vector with `used` rows to memory for `capacity` rows. */
static void grow(struct vector *vec, struct arena *arena, int used, int capacity) {
    assert(vec->form == VECTOR_FLAT);
    if (vec->data) {
        void *data = alloc_data(arena, vec->phys, capacity);
        memcpy(data, vec->data, (size_t)phys_size(vec->phys) * (size_t)used);
        vec->data = data;
    }
    if (vec->validity) {
        size_t size_bytes = padded_rows(capacity) / 8;
        uint64_t *validity = arena_alloc_aligned(arena, size_bytes, 64);
        memset(validity, vec->phys == PHYS_NULL ? 0 : 0xFF, size_bytes);
        memcpy(validity, vec->validity, (size_t)validity_words(used) * 8);
        vec->validity = validity;
    }
    if (vec->phys == PHYS_ROW)
        for (int i = 0; i < vec->type->child_count; i++) grow(&vec->children[i], arena, used, capacity);
}

void vector_reserve_children(struct vector *vec, struct arena *arena, uint32_t need) {
    assert(vec->phys == PHYS_LIST && need <= INT32_MAX);
    if (need <= vec->child_capacity) return;
    uint64_t capacity = (uint64_t)vec->child_capacity * 2;
    if (capacity < need) capacity = need;
    if (capacity > INT32_MAX) capacity = INT32_MAX;
    for (int i = 0; i < type_child_vectors(vec->type); i++)
        grow(&vec->children[i], arena, (int)vec->child_rows, (int)capacity);
    vec->child_capacity = (uint32_t)capacity;
}

void vector_init_const(struct vector *vec, struct arena *arena, const struct type *type, const struct value *value) {
    if (type_phys(type) != PHYS_ROW) {
        vector_init(vec, arena, type, 1);
        vector_set(vec, arena, 1, 0, value);
    } else {
        *vec = (struct vector){.type = type, .phys = PHYS_ROW};
        vec->children = ARENA_ARRAY(arena, struct vector, type->child_count);
        for (int i = 0; i < type->child_count; i++) {
            struct value null = value_null(type->children[i]);
            vector_init_const(&vec->children[i], arena, type->children[i],
                              value->is_null ? &null : &value->list.items[i]);
        }
        if (value->is_null) validity_set_null(vector_validity(vec, arena, 1), 0);
    }
    vec->form = VECTOR_CONST;
}

void vector_init_dict(struct vector *vec, struct arena *arena, struct vector *dict, int dict_rows,
                      const sel_index *index) {
    vector_flatten(dict, arena, dict_rows);
    *vec = (struct vector){.type = dict->type,
                           .phys = dict->phys,
                           .form = VECTOR_DICT,
                           .dict = dict,
                           .index = index,
                           .child_rows = (uint32_t)dict_rows};
}

/* ---- Append. Rows come from src[sel[i]], or from src[from + i] when sel is NULL. ---- */

static void append(struct vector *dst, struct arena *arena, int capacity, int dst_row, const struct vector *src,
                   const sel_index *sel, int from, int count, bool deep);

static void append_validity(struct vector *dst, struct arena *arena, int capacity, int dst_row, const uint64_t *src,
                            const sel_index *sel, int from, int count) {
    if (!src) {
        if (dst->validity) validity_fill(dst->validity, dst_row, count);
        return;
    }
    for (int i = 0; i < count; i += 64) {
        int n = count - i < 64 ? count - i : 64;
        uint64_t word = sel ? validity_select(src, sel + i, n) : validity_bits(src, from + i, n);
        if (!dst->validity) {
            if (word == validity_mask(n)) continue;
            vector_validity(dst, arena, capacity);
        }
        validity_put(dst->validity, dst_row + i, n, word);
    }
}

/* Moves long strings of rows [row, row + count) into the arena, with one allocation. */
static void own_strings(struct vector *vec, struct arena *arena, int row, int count) {
    struct strview *views = (struct strview *)vec->data + row;
    size_t total = 0;
    for (int i = 0; i < count; i++) total += views[i].len > STRVIEW_INLINE ? views[i].len : 0;
    if (total == 0) return;
    const struct strview empty = {0};
    if (vec->validity) {
        /* The view of a NULL need not point anywhere. */
        total = 0;
        for (int i = 0; i < count; i++) {
            if (!validity_get(vec->validity, row + i)) views[i] = empty;
            total += views[i].len > STRVIEW_INLINE ? views[i].len : 0;
        }
    }
    char *bytes = arena_alloc_aligned(arena, total, 1);
    for (int i = 0; i < count; i++) {
        if (views[i].len <= STRVIEW_INLINE) continue;
        memcpy(bytes, views[i].ref.ptr, views[i].len);
        views[i].ref.ptr = bytes;
        bytes += views[i].len;
    }
}

static void append_fixed(struct vector *dst, int dst_row, const struct vector *src, const sel_index *sel, int from,
                         int count) {
    int size = phys_size(dst->phys);
    char *out = (char *)dst->data + (size_t)size * (size_t)dst_row;
    if (!sel) {
        memcpy(out, (const char *)src->data + (size_t)size * (size_t)from, (size_t)size * (size_t)count);
        return;
    }
    switch (dst->phys) {
    case PHYS_BOOL:
    case PHYS_I8: gather_8((uint8_t *)out, src->data, sel, count); break;
    case PHYS_I16: gather_16((word16 *)out, src->data, sel, count); break;
    case PHYS_I32:
    case PHYS_F32: gather_32((word32 *)out, src->data, sel, count); break;
    case PHYS_I64:
    case PHYS_F64: gather_64((word64 *)out, src->data, sel, count); break;
    case PHYS_I128: gather_128((word128 *)out, src->data, sel, count); break;
    default: gather_str((struct strview *)out, src->data, sel, count);
    }
}

/* Lists: new entries, then the elements, neighbouring ranges of the source at once. */
static void append_list(struct vector *dst, struct arena *arena, int dst_row, const struct vector *src,
                        const sel_index *sel, int from, int count, bool deep) {
    const struct list_entry *entries = src->data;
    struct list_entry *out = (struct list_entry *)dst->data + dst_row;
    uint64_t end = dst->child_rows;
    for (int i = 0; i < count; i++) {
        int row = sel ? sel[i] : from + i;
        uint32_t length = validity_get(src->validity, row) ? entries[row].length : 0;
        out[i] = (struct list_entry){(uint32_t)end, length};
        end += length;
    }
    assert(end <= INT32_MAX);
    vector_reserve_children(dst, arena, (uint32_t)end);
    int child_count = type_child_vectors(dst->type);
    for (int i = 0; i < count;) {
        int row = sel ? sel[i] : from + i;
        uint32_t run_from = entries[row].offset, run = out[i].length, to = out[i].offset;
        for (i++; i < count; i++) {
            row = sel ? sel[i] : from + i;
            if (run && out[i].length && entries[row].offset != run_from + run) break;
            if (run == 0) run_from = entries[row].offset;
            run += out[i].length;
        }
        if (run == 0) continue;
        for (int c = 0; c < child_count; c++)
            append(&dst->children[c], arena, (int)dst->child_capacity, (int)to, &src->children[c], NULL, (int)run_from,
                   (int)run, deep);
    }
    dst->child_rows = (uint32_t)end;
}

static void append_const(struct vector *dst, struct arena *arena, int capacity, int dst_row, const struct vector *src,
                         int count, bool deep) {
    bool null = !validity_get(src->validity, 0);
    if (null) {
        vector_validity(dst, arena, capacity);
        for (int i = 0; i < count; i += 64)
            validity_put(dst->validity, dst_row + i, count - i < 64 ? count - i : 64, 0);
    } else if (dst->validity) {
        validity_fill(dst->validity, dst_row, count);
    }
    /* NULLs and rows have no data */
    char *out = dst->data ? (char *)dst->data + (size_t)phys_size(dst->phys) * (size_t)dst_row : NULL;
    switch (dst->phys) {
    case PHYS_BOOL:
    case PHYS_I8: fill_8((uint8_t *)out, *(const uint8_t *)src->data, count); break;
    case PHYS_I16: fill_16((word16 *)out, *(const word16 *)src->data, count); break;
    case PHYS_I32:
    case PHYS_F32: fill_32((word32 *)out, *(const word32 *)src->data, count); break;
    case PHYS_I64:
    case PHYS_F64: fill_64((word64 *)out, *(const word64 *)src->data, count); break;
    case PHYS_I128: fill_128((word128 *)out, *(const word128 *)src->data, count); break;
    case PHYS_STR: {
        struct strview view = *(const struct strview *)src->data;
        if (null) memset(&view, 0, sizeof view);
        fill_str((struct strview *)out, deep ? strview_copy(arena, &view) : view, count);
        break;
    }
    case PHYS_LIST: {
        /* All rows share the one copy of the elements. */
        append_list(dst, arena, dst_row, src, NULL, 0, 1, deep);
        fill_64((word64 *)out + 1, *(const word64 *)out, count - 1);
        break;
    }
    case PHYS_ROW:
        for (int i = 0; i < dst->type->child_count; i++)
            append_const(&dst->children[i], arena, capacity, dst_row, &src->children[i], count, deep);
        break;
    case PHYS_NULL:
    case PHYS_COUNT: break;
    }
}

static void append_flat(struct vector *dst, struct arena *arena, int capacity, int dst_row, const struct vector *src,
                        const sel_index *sel, int from, int count, bool deep) {
    append_validity(dst, arena, capacity, dst_row, src->validity, sel, from, count);
    switch (dst->phys) {
    case PHYS_LIST: append_list(dst, arena, dst_row, src, sel, from, count, deep); break;
    case PHYS_ROW:
        for (int i = 0; i < dst->type->child_count; i++)
            append(&dst->children[i], arena, capacity, dst_row, &src->children[i], sel, from, count, deep);
        break;
    case PHYS_NULL: break;
    default:
        append_fixed(dst, dst_row, src, sel, from, count);
        if (deep && dst->phys == PHYS_STR) own_strings(dst, arena, dst_row, count);
    }
}

static void append(struct vector *dst, struct arena *arena, int capacity, int dst_row, const struct vector *src,
                   const sel_index *sel, int from, int count, bool deep) {
    assert(dst->form == VECTOR_FLAT && dst->phys == src->phys && dst_row >= 0 && dst_row + count <= capacity);
    if (count <= 0) return;
    switch (src->form) {
    case VECTOR_FLAT: append_flat(dst, arena, capacity, dst_row, src, sel, from, count, deep); break;
    case VECTOR_CONST: append_const(dst, arena, capacity, dst_row, src, count, deep); break;
    case VECTOR_DICT:
        if (!sel) {
            append_flat(dst, arena, capacity, dst_row, src->dict, src->index + from, 0, count, deep);
            break;
        }
        for (int i = 0; i < count; i += VECTOR_CAPACITY) {
            sel_index rows[VECTOR_CAPACITY];
            int n = count - i < VECTOR_CAPACITY ? count - i : VECTOR_CAPACITY;
            gather_16(rows, src->index, sel + i, n);
            append_flat(dst, arena, capacity, dst_row + i, src->dict, rows, 0, n, deep);
        }
        break;
    }
}

void vector_append(struct vector *dst, struct arena *arena, int capacity, int dst_row, const struct vector *src,
                   const sel_index *sel, int count, bool deep) {
    append(dst, arena, capacity, dst_row, src, sel, 0, count, deep);
}

void vector_append_range(struct vector *dst, struct arena *arena, int capacity, int dst_row, const struct vector *src,
                         int from, int count, bool deep) {
    append(dst, arena, capacity, dst_row, src, NULL, from, count, deep);
}

void vector_flatten(struct vector *vec, struct arena *arena, int row_count) {
    if (vec->form == VECTOR_FLAT) return;
    struct vector flat;
    if (vec->form == VECTOR_CONST && vec->phys == PHYS_LIST) {
        /* The elements stay where they are; every row points at them. */
        flat = *vec;
        flat.form = VECTOR_FLAT;
        flat.data = alloc_data(arena, PHYS_LIST, row_count);
        fill_64(flat.data, *(const word64 *)vec->data, row_count);
        flat.validity = NULL;
        if (!validity_get(vec->validity, 0))
            memset(vector_validity(&flat, arena, row_count), 0, padded_rows(row_count) / 8);
    } else {
        vector_init(&flat, arena, vec->type, row_count);
        append(&flat, arena, row_count, 0, vec, NULL, 0, row_count, false);
    }
    *vec = flat;
}

/* ---- Single rows. ---- */

/* Follows CONST and DICT to the flat vector and its row. */
static const struct vector *resolve(const struct vector *vec, int *row) {
    if (vec->form == VECTOR_CONST) {
        *row = 0;
    } else if (vec->form == VECTOR_DICT) {
        *row = vec->index[*row];
        vec = vec->dict;
    }
    return vec;
}

bool vector_is_null(const struct vector *vec, int row) {
    vec = resolve(vec, &row);
    return vec->phys == PHYS_NULL || !validity_get(vec->validity, row);
}

struct value vector_get(const struct vector *vec, int row, struct arena *arena) {
    vec = resolve(vec, &row);
    struct value value = value_null(vec->type);
    if (vec->phys == PHYS_NULL || !validity_get(vec->validity, row)) return value;
    value.is_null = false;
    switch (vec->phys) {
    case PHYS_BOOL: value.boolean = ((const uint8_t *)vec->data)[row] != 0; break;
    case PHYS_I8: value.i64 = ((const int8_t *)vec->data)[row]; break;
    case PHYS_I16: value.i64 = ((const int16_t *)vec->data)[row]; break;
    case PHYS_I32: value.i64 = ((const int32_t *)vec->data)[row]; break;
    case PHYS_I64: value.i64 = ((const int64_t *)vec->data)[row]; break;
    case PHYS_I128: value.i128 = ((const int128 *)vec->data)[row]; break;
    case PHYS_F32: value.f32 = ((const float *)vec->data)[row]; break;
    case PHYS_F64: value.f64 = ((const double *)vec->data)[row]; break;
    case PHYS_STR: value.str = strview_str(&((const struct strview *)vec->data)[row]); break;
    case PHYS_LIST: {
        struct list_entry entry = ((const struct list_entry *)vec->data)[row];
        int child_count = type_child_vectors(vec->type);
        value.list.count = (int32_t)entry.length;
        value.list.items = arena_alloc(arena, sizeof(struct value) * (size_t)entry.length * (size_t)child_count);
        for (uint32_t i = 0; i < entry.length; i++)
            for (int c = 0; c < child_count; c++)
                value.list.items[i * (uint32_t)child_count + (uint32_t)c] =
                    vector_get(&vec->children[c], (int)(entry.offset + i), arena);
        break;
    }
    case PHYS_ROW:
        value.list.count = vec->type->child_count;
        value.list.items = arena_alloc(arena, sizeof(struct value) * (size_t)value.list.count);
        for (int i = 0; i < value.list.count; i++) value.list.items[i] = vector_get(&vec->children[i], row, arena);
        break;
    case PHYS_NULL:
    case PHYS_COUNT: break;
    }
    return value;
}

static void set_list(struct vector *vec, struct arena *arena, int row, const struct value *value) {
    int child_count = type_child_vectors(vec->type);
    uint32_t offset = vec->child_rows, length = (uint32_t)value->list.count;
    vector_reserve_children(vec, arena, offset + length);
    for (uint32_t i = 0; i < length; i++)
        for (int c = 0; c < child_count; c++)
            vector_set(&vec->children[c], arena, (int)vec->child_capacity, (int)(offset + i),
                       &value->list.items[i * (uint32_t)child_count + (uint32_t)c]);
    vec->child_rows = offset + length;
    ((struct list_entry *)vec->data)[row] = (struct list_entry){offset, length};
}

void vector_set(struct vector *vec, struct arena *arena, int capacity, int row, const struct value *value) {
    assert(vec->form == VECTOR_FLAT && row >= 0 && row < capacity);
    if (value->is_null || vec->phys == PHYS_NULL) {
        assert(value->is_null);
        validity_set_null(vector_validity(vec, arena, capacity), row);
        int size = phys_size(vec->phys);
        if (size) memset((char *)vec->data + (size_t)size * (size_t)row, 0, (size_t)size);
        if (vec->phys == PHYS_ROW)
            for (int i = 0; i < vec->type->child_count; i++) {
                struct value null = value_null(vec->type->children[i]);
                vector_set(&vec->children[i], arena, capacity, row, &null);
            }
        return;
    }
    assert(type_phys(value->type) == vec->phys);
    if (vec->validity) validity_set_valid(vec->validity, row);
    switch (vec->phys) {
    case PHYS_BOOL: ((uint8_t *)vec->data)[row] = value->boolean; break;
    case PHYS_I8: ((int8_t *)vec->data)[row] = (int8_t)value->i64; break;
    case PHYS_I16: ((int16_t *)vec->data)[row] = (int16_t)value->i64; break;
    case PHYS_I32: ((int32_t *)vec->data)[row] = (int32_t)value->i64; break;
    case PHYS_I64: ((int64_t *)vec->data)[row] = value->i64; break;
    case PHYS_I128: ((int128 *)vec->data)[row] = value->i128; break;
    case PHYS_F32: ((float *)vec->data)[row] = value->f32; break;
    case PHYS_F64: ((double *)vec->data)[row] = value->f64; break;
    case PHYS_STR:
        assert(value->str.len <= UINT32_MAX);
        ((struct strview *)vec->data)[row] = strview_make(value->str.data, (uint32_t)value->str.len);
        break;
    case PHYS_LIST: set_list(vec, arena, row, value); break;
    case PHYS_ROW:
        for (int i = 0; i < vec->type->child_count; i++)
            vector_set(&vec->children[i], arena, capacity, row, &value->list.items[i]);
        break;
    case PHYS_NULL:
    case PHYS_COUNT: break;
    }
}

/* ---- Chunks. ---- */

struct chunk *chunk_create(struct arena *arena, int column_count, const struct type *const *types, int capacity) {
    struct chunk *chunk = ARENA_NEW(arena, struct chunk);
    chunk->column_count = column_count;
    chunk->columns = ARENA_ARRAY(arena, struct vector, column_count);
    for (int i = 0; i < column_count; i++) vector_init(&chunk->columns[i], arena, types[i], capacity);
    return chunk;
}

static void forget_children(struct vector *vec) {
    if (vec->phys == PHYS_LIST) vec->child_rows = 0;
    if (vec->phys != PHYS_LIST && vec->phys != PHYS_ROW) return;
    for (int i = 0; i < type_child_vectors(vec->type); i++) forget_children(&vec->children[i]);
}

void chunk_reset(struct chunk *chunk) {
    chunk->row_count = chunk->sel_count = 0;
    chunk->sel = NULL;
    for (int i = 0; i < chunk->column_count; i++) forget_children(&chunk->columns[i]);
}

static void append_sign(struct chunk *dst, struct arena *arena, int capacity, const struct chunk *src,
                        const sel_index *sel, int from, int count) {
    if (!src->sign && !dst->sign) return;
    int8_t *sign = (int8_t *)dst->sign;
    if (!sign) {
        dst->sign = sign = arena_alloc_aligned(arena, padded_rows(capacity), 64);
        memset(sign, 1, (size_t)dst->row_count);
    }
    sign += dst->row_count;
    if (!src->sign)
        memset(sign, 1, (size_t)count);
    else if (sel)
        gather_8((uint8_t *)sign, (const uint8_t *)src->sign, sel, count);
    else
        memcpy(sign, src->sign + from, (size_t)count);
}

static void append_hash(struct chunk *dst, struct arena *arena, int capacity, const struct chunk *src,
                        const sel_index *sel, int from, int count) {
    if (!src->hash || (!dst->hash && dst->row_count > 0)) {
        dst->hash = NULL;
        return;
    }
    uint64_t *hash = (uint64_t *)dst->hash;
    if (!hash) dst->hash = hash = arena_alloc_aligned(arena, padded_rows(capacity) * 8, 64);
    if (sel)
        gather_64(hash + dst->row_count, src->hash, sel, count);
    else
        memcpy(hash + dst->row_count, src->hash + from, (size_t)count * 8);
}

void chunk_append(struct chunk *dst, struct arena *arena, int capacity, const struct chunk *src, int from, int count,
                  bool deep) {
    assert(dst->column_count == src->column_count && !dst->sel);
    assert(from >= 0 && from + count <= src->sel_count && dst->row_count + count <= capacity);
    if (count <= 0) return;
    const sel_index *sel = src->sel ? src->sel + from : NULL;
    for (int i = 0; i < dst->column_count; i++)
        append(&dst->columns[i], arena, capacity, dst->row_count, &src->columns[i], sel, from, count, deep);
    append_sign(dst, arena, capacity, src, sel, from, count);
    append_hash(dst, arena, capacity, src, sel, from, count);
    dst->row_count += count;
    dst->sel_count = dst->row_count;
}

struct chunk *chunk_copy(struct arena *arena, const struct chunk *chunk) {
    const struct type **types = ARENA_ARRAY(arena, const struct type *, chunk->column_count);
    for (int i = 0; i < chunk->column_count; i++) types[i] = chunk->columns[i].type;
    struct chunk *copy = chunk_create(arena, chunk->column_count, types, chunk->sel_count);
    chunk_append(copy, arena, chunk->sel_count, chunk, 0, chunk->sel_count, true);
    return copy;
}

void chunk_flatten(struct chunk *chunk, struct arena *arena) {
    for (int i = 0; i < chunk->column_count; i++) vector_flatten(&chunk->columns[i], arena, chunk->row_count);
}
