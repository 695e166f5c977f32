/* Hashes of key columns. Changing anything here changes HASH_VERSION: snapshots and key groups depend on it. */
#include "column/vector.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "column/validity.h"

#define HASH_NULL UINT64_C(0x6C8E9CF570932BD5)

/* A bijective 64-bit finalizer (the "mix13" constants of Stafford's variants of MurmurHash3's). The constant in front
 * keeps 0 from hashing to 0. */
static inline uint64_t mix(uint64_t x) {
    x += UINT64_C(0x9E3779B97F4A7C15);
    x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
    return x ^ (x >> 31);
}

/* Both sides are mixed already. The odd factor makes the order of columns count, the rotation keeps equal columns from
 * cancelling bits (x * k + x would be x times an even number). */
static inline uint64_t combine(uint64_t sum, uint64_t hash) {
    return (sum << 29 | sum >> 35) * UINT64_C(0xD6E8FEB86659FD93) + hash;
}

static inline uint64_t double_bits(double d) {
    if (d == 0) d = 0; /* -0.0 */
    if (d != d) return UINT64_C(0x7FF8000000000000);
    uint64_t bits;
    memcpy(&bits, &d, 8);
    return bits;
}

#define T uint8_t
#define NAME u8
#define KEY(v) (uint64_t)((v) != 0)
#include "column/hash_template.h"
#define T int8_t
#define NAME i8
#define KEY(v) (uint64_t)(int64_t)(v)
#include "column/hash_template.h"
#define T int16_t
#define NAME i16
#define KEY(v) (uint64_t)(int64_t)(v)
#include "column/hash_template.h"
#define T int32_t
#define NAME i32
#define KEY(v) (uint64_t)(int64_t)(v)
#include "column/hash_template.h"
#define T int64_t
#define NAME i64
#define KEY(v) (uint64_t)(v)
#include "column/hash_template.h"
#define T int128
#define NAME i128
#define KEY(v) ((uint64_t)(v) ^ mix((uint64_t)((v) >> 64)))
#include "column/hash_template.h"
#define T float
#define NAME f32
#define KEY(v) double_bits((double)(v))
#include "column/hash_template.h"
#define T double
#define NAME f64
#define KEY(v) double_bits(v)
#include "column/hash_template.h"

static inline uint64_t hash_view(const struct strview *view) { return XXH3_64bits(strview_data(view), view->len); }

static uint64_t hash_value(const struct vector *vec, int row) {
    if (vec->form == VECTOR_CONST) {
        row = 0;
    } else if (vec->form == VECTOR_DICT) {
        row = vec->index[row];
        vec = vec->dict;
    }
    if (vec->phys == PHYS_NULL || !validity_get(vec->validity, row)) return HASH_NULL;
    uint64_t hash = 0;
    switch (vec->phys) {
    case PHYS_LIST: {
        struct list_entry entry = ((const struct list_entry *)vec->data)[row];
        int child_count = type_child_vectors(vec->type);
        hash = mix(entry.length);
        for (uint32_t i = 0; i < entry.length; i++)
            for (int c = 0; c < child_count; c++)
                hash = combine(hash, hash_value(&vec->children[c], (int)(entry.offset + i)));
        return mix(hash);
    }
    case PHYS_ROW:
        for (int i = 0; i < vec->type->child_count; i++) hash = combine(hash, hash_value(&vec->children[i], row));
        return mix(hash);
    case PHYS_STR: return hash_view(&((const struct strview *)vec->data)[row]);
    case PHYS_BOOL: hash_u8(&hash, (const uint8_t *)vec->data + row, NULL, NULL, NULL, 1, true); break;
    case PHYS_I8: hash_i8(&hash, (const int8_t *)vec->data + row, NULL, NULL, NULL, 1, true); break;
    case PHYS_I16: hash_i16(&hash, (const int16_t *)vec->data + row, NULL, NULL, NULL, 1, true); break;
    case PHYS_I32: hash_i32(&hash, (const int32_t *)vec->data + row, NULL, NULL, NULL, 1, true); break;
    case PHYS_I64: hash_i64(&hash, (const int64_t *)vec->data + row, NULL, NULL, NULL, 1, true); break;
    case PHYS_I128: hash_i128(&hash, (const int128 *)vec->data + row, NULL, NULL, NULL, 1, true); break;
    case PHYS_F32: hash_f32(&hash, (const float *)vec->data + row, NULL, NULL, NULL, 1, true); break;
    case PHYS_F64: hash_f64(&hash, (const double *)vec->data + row, NULL, NULL, NULL, 1, true); break;
    case PHYS_NULL:
    case PHYS_COUNT: break;
    }
    return hash;
}

/* Folds one hash (hashes NULL: `same` for every row) into the live rows: hashes[index[r]]. */
static void fold(uint64_t *restrict out, const uint64_t *restrict hashes, uint64_t same, const sel_index *restrict sel,
                 const sel_index *restrict index, int count, bool first) {
    for (int i = 0; i < count; i++) {
        int row = sel ? sel[i] : i;
        uint64_t hash = hashes ? hashes[index[row]] : same;
        out[row] = first ? hash : combine(out[row], hash);
    }
}

static void hash_strings(uint64_t *restrict out, const struct vector *vec, const sel_index *restrict sel,
                         const sel_index *restrict index, int dict_rows, int count, bool first) {
    const struct strview *views = vec->data;
    if (index && dict_rows > 0 && dict_rows < count && dict_rows <= VECTOR_CAPACITY) {
        uint64_t hashes[VECTOR_CAPACITY];
        for (int i = 0; i < dict_rows; i++)
            hashes[i] = validity_get(vec->validity, i) ? hash_view(&views[i]) : HASH_NULL;
        fold(out, hashes, 0, sel, index, count, first);
        return;
    }
    for (int i = 0; i < count; i++) {
        int row = sel ? sel[i] : i;
        int from = index ? index[row] : row;
        uint64_t hash = validity_get(vec->validity, from) ? hash_view(&views[from]) : HASH_NULL;
        out[row] = first ? hash : combine(out[row], hash);
    }
}

void chunk_hash(const struct chunk *chunk, const int *columns, int column_count, uint64_t *out) {
    const sel_index *sel = chunk->sel;
    int count = chunk->sel_count;
    if (column_count == 0) fold(out, NULL, HASH_NULL, sel, NULL, count, true);
    for (int c = 0; c < column_count; c++) {
        const struct vector *vec = &chunk->columns[columns ? columns[c] : c];
        bool first = c == 0;
        const sel_index *index = NULL;
        int dict_rows = 0;
        if (vec->form == VECTOR_CONST || vec->phys == PHYS_NULL) {
            fold(out, NULL, hash_value(vec, 0), sel, NULL, count, first);
            continue;
        }
        if (vec->form == VECTOR_DICT) {
            index = vec->index;
            dict_rows = (int)vec->child_rows;
            vec = vec->dict;
        }
        const uint64_t *validity = vec->validity;
        switch (vec->phys) {
        case PHYS_BOOL: hash_u8(out, vec->data, validity, sel, index, count, first); break;
        case PHYS_I8: hash_i8(out, vec->data, validity, sel, index, count, first); break;
        case PHYS_I16: hash_i16(out, vec->data, validity, sel, index, count, first); break;
        case PHYS_I32: hash_i32(out, vec->data, validity, sel, index, count, first); break;
        case PHYS_I64: hash_i64(out, vec->data, validity, sel, index, count, first); break;
        case PHYS_I128: hash_i128(out, vec->data, validity, sel, index, count, first); break;
        case PHYS_F32: hash_f32(out, vec->data, validity, sel, index, count, first); break;
        case PHYS_F64: hash_f64(out, vec->data, validity, sel, index, count, first); break;
        case PHYS_STR: hash_strings(out, vec, sel, index, dict_rows, count, first); break;
        case PHYS_LIST:
        case PHYS_ROW:
            for (int i = 0; i < count; i++) {
                int row = sel ? sel[i] : i;
                uint64_t hash = hash_value(vec, index ? index[row] : row);
                out[row] = first ? hash : combine(out[row], hash);
            }
            break;
        case PHYS_NULL:
        case PHYS_COUNT: break;
        }
    }
}
