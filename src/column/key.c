/* The key form; see row.h. */
#include "column/nested.h"
#include "column/row.h"
#include "column/validity.h"

enum { MARKER_NULL_FIRST = 0, MARKER_VALUE = 1, MARKER_NULL_LAST = 2, ELEMENT_END = 0, ELEMENT = 1 };

/* ---- Encoding. mask: 0x00, or 0xFF to invert. ---- */

static void put_byte(struct strbuf *out, uint8_t byte, uint8_t mask) { strbuf_putc(out, (char)(byte ^ mask)); }

/* The low `size` bytes of v, big-endian. */
static void put_bits(struct strbuf *out, uint128 v, int size, uint8_t mask) {
    strbuf_reserve(out, 16);
    char *p = out->data + out->len;
    if (mask) v = ~v;
    if (size > 8) {
        uint64_t high = __builtin_bswap64((uint64_t)(v >> 64));
        memcpy(p, &high, 8);
        p += 8;
    }
    uint64_t low = __builtin_bswap64((uint64_t)v << (64 - 8 * (size > 8 ? 8 : size)));
    memcpy(p, &low, 8); /* there is room for more than size bytes */
    out->len += (size_t)size;
    out->data[out->len] = 0;
}

static void put_int(struct strbuf *out, int128 v, int size, uint8_t mask) {
    put_bits(out, (uint128)v ^ (uint128)1 << (8 * size - 1), size, mask);
}

static void put_f64(struct strbuf *out, double d, uint8_t mask) {
    uint64_t bits;
    memcpy(&bits, &d, 8);
    bits = normal_f64(bits);
    put_bits(out, bits >> 63 ? ~bits : bits | UINT64_C(1) << 63, 8, mask);
}

static void put_f32(struct strbuf *out, float f, uint8_t mask) {
    uint32_t bits;
    memcpy(&bits, &f, 4);
    bits = normal_f32(bits);
    put_bits(out, bits >> 31 ? ~bits : bits | UINT32_C(1) << 31, 4, mask);
}

static void put_str(struct strbuf *out, struct str str, uint8_t mask) {
    strbuf_reserve(out, str.len + 2);
    size_t start = out->len;
    const char *p = str.data, *end = p + str.len;
    while (p < end) {
        const char *zero = memchr(p, 0, (size_t)(end - p));
        if (!zero) {
            strbuf_add(out, p, (size_t)(end - p));
            break;
        }
        strbuf_add(out, p, (size_t)(zero - p));
        strbuf_add(out, "\x00\xFF", 2);
        p = zero + 1;
    }
    strbuf_add(out, "\x00\x00", 2);
    if (mask)
        for (size_t i = start; i < out->len; i++) out->data[i] = (char)~out->data[i];
}

static void put_vector(struct strbuf *out, const struct vector *vec, int row, uint8_t null_marker, uint8_t marker_mask,
                       uint8_t mask) {
    if (vec->form == VECTOR_CONST) {
        row = 0;
    } else if (vec->form == VECTOR_DICT) {
        row = vec->index[row];
        vec = vec->dict;
    }
    if (vec->phys == PHYS_NULL || !validity_get(vec->validity, row)) {
        put_byte(out, null_marker, marker_mask);
        return;
    }
    put_byte(out, MARKER_VALUE, marker_mask);
    switch (vec->phys) {
    case PHYS_BOOL: put_byte(out, ((const uint8_t *)vec->data)[row] != 0, mask); break;
    case PHYS_I8: put_int(out, ((const int8_t *)vec->data)[row], 1, mask); break;
    case PHYS_I16: put_int(out, ((const int16_t *)vec->data)[row], 2, mask); break;
    case PHYS_I32: put_int(out, ((const int32_t *)vec->data)[row], 4, mask); break;
    case PHYS_I64: put_int(out, ((const int64_t *)vec->data)[row], 8, mask); break;
    case PHYS_I128: put_int(out, ((const int128 *)vec->data)[row], 16, mask); break;
    case PHYS_F32: put_f32(out, ((const float *)vec->data)[row], mask); break;
    case PHYS_F64: put_f64(out, ((const double *)vec->data)[row], mask); break;
    case PHYS_STR: put_str(out, strview_str(&((const struct strview *)vec->data)[row]), mask); break;
    case PHYS_LIST: {
        struct list_entry entry = ((const struct list_entry *)vec->data)[row];
        for (uint32_t i = 0; i < entry.length; i++)
            for (int c = 0; c < type_child_vectors(vec->type); c++) {
                put_byte(out, ELEMENT, mask);
                put_vector(out, &vec->children[c], (int)(entry.offset + i), MARKER_NULL_FIRST, mask, mask);
            }
        put_byte(out, ELEMENT_END, mask);
        break;
    }
    case PHYS_ROW:
        for (int i = 0; i < vec->type->child_count; i++)
            put_vector(out, &vec->children[i], row, MARKER_NULL_FIRST, mask, mask);
        break;
    case PHYS_NULL:
    case PHYS_COUNT: break;
    }
}

void key_encode(struct strbuf *out, const struct chunk *chunk, const struct key_column *columns, int count,
                int chunk_row) {
    for (int i = 0; i < count; i++)
        put_vector(out, &chunk->columns[columns[i].column], chunk_row,
                   columns[i].nulls_last ? MARKER_NULL_LAST : MARKER_NULL_FIRST, 0, columns[i].descending ? 0xFF : 0);
}

static void put_value(struct strbuf *out, const struct value *value, uint8_t null_marker, uint8_t marker_mask,
                      uint8_t mask) {
    if (value->is_null) {
        put_byte(out, null_marker, marker_mask);
        return;
    }
    put_byte(out, MARKER_VALUE, marker_mask);
    enum phys phys = type_phys(value->type);
    switch (phys) {
    case PHYS_BOOL: put_byte(out, value->boolean, mask); break;
    case PHYS_I8:
    case PHYS_I16:
    case PHYS_I32:
    case PHYS_I64: put_int(out, value->i64, phys_size(phys), mask); break;
    case PHYS_I128: put_int(out, value->i128, 16, mask); break;
    case PHYS_F32: put_f32(out, value->f32, mask); break;
    case PHYS_F64: put_f64(out, value->f64, mask); break;
    case PHYS_STR: put_str(out, value->str, mask); break;
    case PHYS_LIST:
    case PHYS_ROW:
        for (int i = 0; i < value_item_count(value); i++) {
            if (phys == PHYS_LIST) put_byte(out, ELEMENT, mask);
            put_value(out, &value->list.items[i], MARKER_NULL_FIRST, mask, mask);
        }
        if (phys == PHYS_LIST) put_byte(out, ELEMENT_END, mask);
        break;
    case PHYS_NULL:
    case PHYS_COUNT: break;
    }
}

void key_encode_value(struct strbuf *out, const struct value *value, bool descending, bool nulls_last) {
    put_value(out, value, nulls_last ? MARKER_NULL_LAST : MARKER_NULL_FIRST, 0, descending ? 0xFF : 0);
}

/* ---- Decoding. ---- */

struct key_reader {
    const uint8_t *p, *end;
    uint8_t mask;
    struct arena *arena;
};

static bool get_bits(struct key_reader *in, int size, uint128 *out) {
    if (in->end - in->p < size) return false;
    uint128 v = 0;
    for (int i = 0; i < size; i++) v = v << 8 | (uint8_t)(in->p[i] ^ in->mask);
    in->p += size;
    *out = v;
    return true;
}

static bool get_str(struct key_reader *in, struct str *out) {
    const uint8_t zero = in->mask, *p = in->p;
    size_t len = 0;
    for (;; len++) {
        if (in->end - p < 2) return false;
        if (*p++ != zero) continue;
        uint8_t next = *p++ ^ in->mask;
        if (next == 0) break;
        if (next != 0xFF) return false;
    }
    char *data = arena_alloc_aligned(in->arena, len, 1);
    p = in->p;
    for (size_t i = 0; i < len; i++) {
        data[i] = (char)(*p ^ in->mask);
        p += *p == zero ? 2 : 1;
    }
    in->p = p + 2;
    *out = (struct str){data, len};
    return true;
}

static bool get_element(struct key_reader *in, const struct type *type, int depth, struct value *out);

static bool get_list(struct key_reader *in, const struct type *type, int depth, struct value *out) {
    struct value *items = NULL;
    size_t count = 0, capacity = 0, child_count = (size_t)type_child_vectors(type);
    for (;;) {
        uint128 more;
        if (!get_bits(in, 1, &more) || more > ELEMENT) return false;
        if (more == ELEMENT_END) break;
        if (count == capacity) {
            capacity = capacity ? capacity * 2 : 8;
            struct value *grown = arena_alloc(in->arena, capacity * sizeof *grown);
            if (count) memcpy(grown, items, count * sizeof *grown);
            items = grown;
        }
        if (!get_element(in, type_child(type, (int)(count % child_count)), depth + 1, &items[count])) return false;
        count++;
    }
    if (count % child_count || count / child_count > INT32_MAX) return false;
    out->list.items = items;
    out->list.count = (int32_t)(count / child_count);
    return true;
}

static bool get_payload(struct key_reader *in, const struct type *type, int depth, struct value *out) {
    if (depth > TYPE_MAX_NESTING) return false;
    enum phys phys = type_phys(type);
    int size = phys_size(phys);
    uint128 bits = 0;
    *out = (struct value){.type = type};
    switch (phys) {
    case PHYS_BOOL:
        if (!get_bits(in, 1, &bits) || bits > 1) return false;
        out->boolean = bits == 1;
        return true;
    case PHYS_I8:
    case PHYS_I16:
    case PHYS_I32:
    case PHYS_I64: {
        if (!get_bits(in, size, &bits)) return false;
        int unused = 64 - 8 * size;
        uint64_t flipped = (uint64_t)bits ^ UINT64_C(1) << (8 * size - 1);
        out->i64 = (int64_t)(flipped << unused) >> unused;
        return true;
    }
    case PHYS_I128:
        if (!get_bits(in, size, &bits)) return false;
        out->i128 = (int128)(bits ^ (uint128)1 << 127);
        return true;
    case PHYS_F32: {
        if (!get_bits(in, size, &bits)) return false;
        uint32_t word = (uint32_t)bits;
        word = word >> 31 ? word & 0x7FFFFFFF : ~word;
        memcpy(&out->f32, &word, 4);
        return true;
    }
    case PHYS_F64: {
        if (!get_bits(in, size, &bits)) return false;
        uint64_t word = (uint64_t)bits;
        word = word >> 63 ? word & ~(UINT64_C(1) << 63) : ~word;
        memcpy(&out->f64, &word, 8);
        return true;
    }
    case PHYS_STR: return get_str(in, &out->str);
    case PHYS_LIST: return get_list(in, type, depth, out);
    case PHYS_ROW:
        out->list.count = type->child_count;
        out->list.items = arena_alloc(in->arena, sizeof(struct value) * (size_t)type->child_count);
        for (int i = 0; i < type->child_count; i++)
            if (!get_element(in, type->children[i], depth + 1, &out->list.items[i])) return false;
        return true;
    case PHYS_NULL:
    case PHYS_COUNT: break;
    }
    return false;
}

/* A value inside a nested one: its marker is inverted with the rest. */
static bool get_element(struct key_reader *in, const struct type *type, int depth, struct value *out) {
    uint128 marker;
    if (!get_bits(in, 1, &marker)) return false;
    if (marker == MARKER_NULL_FIRST) {
        *out = value_null(type);
        return true;
    }
    return marker == MARKER_VALUE && get_payload(in, type, depth, out);
}

bool key_decode_value(struct str key, size_t *pos, const struct type *type, bool descending, bool nulls_last,
                      struct arena *arena, struct value *out) {
    if (*pos >= key.len) return false;
    struct key_reader in = {(const uint8_t *)key.data + *pos + 1, (const uint8_t *)key.data + key.len,
                            descending ? 0xFF : 0, arena};
    uint8_t marker = (uint8_t)key.data[*pos];
    struct value value = value_null(type);
    if (marker == MARKER_VALUE) {
        if (!get_payload(&in, type, 0, &value)) return false;
    } else if (marker != (nulls_last ? MARKER_NULL_LAST : MARKER_NULL_FIRST)) {
        return false;
    }
    *pos = (size_t)(in.p - (const uint8_t *)key.data);
    *out = value;
    return true;
}
