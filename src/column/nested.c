#include "column/nested.h"

#include <assert.h>

#include "column/validity.h"

static const struct vector *resolve(const struct vector *vec, int *row) {
    if (vec->form == VECTOR_CONST) {
        *row = 0;
    } else if (vec->form == VECTOR_DICT) {
        *row = vec->index[*row];
        vec = vec->dict;
    }
    return vec;
}

static bool is_null(const struct vector *vec, int row) {
    return vec->phys == PHYS_NULL || !validity_get(vec->validity, row);
}

/* The normalised bytes of a fixed-width value. */
static void fixed_bytes(const struct vector *vec, int row, uint8_t out[16]) {
    size_t size = (size_t)phys_size(vec->phys);
    memcpy(out, (const char *)vec->data + size * (size_t)row, size);
    if (vec->phys == PHYS_F32) {
        uint32_t bits;
        memcpy(&bits, out, 4);
        bits = normal_f32(bits);
        memcpy(out, &bits, 4);
    } else if (vec->phys == PHYS_F64) {
        uint64_t bits;
        memcpy(&bits, out, 8);
        bits = normal_f64(bits);
        memcpy(out, &bits, 8);
    }
}

static uint64_t element_size(const struct vector *vec, int row) {
    vec = resolve(vec, &row);
    return is_null(vec, row) ? 1 : 1 + nested_size(vec, row);
}

uint64_t nested_size(const struct vector *vec, int row) {
    vec = resolve(vec, &row);
    uint64_t size = 0;
    switch (vec->phys) {
    case PHYS_STR: return 4 + (uint64_t)((const struct strview *)vec->data)[row].len;
    case PHYS_LIST: {
        struct list_entry entry = ((const struct list_entry *)vec->data)[row];
        size = 4;
        for (int c = 0; c < type_child_vectors(vec->type); c++)
            for (uint32_t i = 0; i < entry.length && size < UINT32_MAX; i++)
                size += element_size(&vec->children[c], (int)(entry.offset + i));
        break;
    }
    case PHYS_ROW:
        for (int i = 0; i < vec->type->child_count; i++) size += element_size(&vec->children[i], row);
        break;
    default: return (uint64_t)phys_size(vec->phys);
    }
    return size < UINT32_MAX ? size : UINT32_MAX;
}

static uint8_t *element_write(const struct vector *vec, int row, uint8_t *p) {
    vec = resolve(vec, &row);
    bool null = is_null(vec, row);
    *p++ = !null;
    return null ? p : nested_write(vec, row, p);
}

uint8_t *nested_write(const struct vector *vec, int row, uint8_t *p) {
    vec = resolve(vec, &row);
    switch (vec->phys) {
    case PHYS_STR: {
        const struct strview *view = &((const struct strview *)vec->data)[row];
        memcpy(p, &view->len, 4);
        memcpy(p + 4, strview_data(view), view->len);
        return p + 4 + view->len;
    }
    case PHYS_LIST: {
        struct list_entry entry = ((const struct list_entry *)vec->data)[row];
        memcpy(p, &entry.length, 4);
        p += 4;
        int child_count = type_child_vectors(vec->type);
        for (uint32_t i = 0; i < entry.length; i++)
            for (int c = 0; c < child_count; c++) p = element_write(&vec->children[c], (int)(entry.offset + i), p);
        return p;
    }
    case PHYS_ROW:
        for (int i = 0; i < vec->type->child_count; i++) p = element_write(&vec->children[i], row, p);
        return p;
    default: {
        uint8_t bytes[16];
        size_t size = (size_t)phys_size(vec->phys);
        fixed_bytes(vec, row, bytes);
        memcpy(p, bytes, size);
        return p + size;
    }
    }
}

static bool element_match(const struct vector *vec, int row, const uint8_t **p) {
    vec = resolve(vec, &row);
    bool null = is_null(vec, row);
    if (*(*p)++ == null) return false;
    return null || nested_match(vec, row, p);
}

bool nested_match(const struct vector *vec, int row, const uint8_t **p) {
    vec = resolve(vec, &row);
    switch (vec->phys) {
    case PHYS_STR: {
        const struct strview *view = &((const struct strview *)vec->data)[row];
        uint32_t len;
        memcpy(&len, *p, 4);
        if (len != view->len || memcmp(*p + 4, strview_data(view), len) != 0) return false;
        *p += 4 + (size_t)len;
        return true;
    }
    case PHYS_LIST: {
        struct list_entry entry = ((const struct list_entry *)vec->data)[row];
        uint32_t count;
        memcpy(&count, *p, 4);
        *p += 4;
        if (count != entry.length) return false;
        int child_count = type_child_vectors(vec->type);
        for (uint32_t i = 0; i < count; i++)
            for (int c = 0; c < child_count; c++)
                if (!element_match(&vec->children[c], (int)(entry.offset + i), p)) return false;
        return true;
    }
    case PHYS_ROW:
        for (int i = 0; i < vec->type->child_count; i++)
            if (!element_match(&vec->children[i], row, p)) return false;
        return true;
    default: {
        uint8_t bytes[16];
        size_t size = (size_t)phys_size(vec->phys);
        fixed_bytes(vec, row, bytes);
        if (memcmp(bytes, *p, size) != 0) return false;
        *p += size;
        return true;
    }
    }
}

static void element_read(struct vector *vec, struct arena *arena, int capacity, int row, const uint8_t **p, bool deep) {
    if (*(*p)++) {
        nested_read(vec, arena, capacity, row, p, deep);
    } else {
        struct value null = value_null(vec->type);
        vector_set(vec, arena, capacity, row, &null);
    }
}

void nested_read(struct vector *vec, struct arena *arena, int capacity, int row, const uint8_t **p, bool deep) {
    assert(vec->form == VECTOR_FLAT);
    if (vec->validity) validity_set_valid(vec->validity, row);
    switch (vec->phys) {
    case PHYS_STR: {
        uint32_t len;
        memcpy(&len, *p, 4);
        struct strview view = strview_make((const char *)*p + 4, len);
        ((struct strview *)vec->data)[row] = deep ? strview_copy(arena, &view) : view;
        *p += 4 + (size_t)len;
        break;
    }
    case PHYS_LIST: {
        uint32_t count, offset = vec->child_rows;
        memcpy(&count, *p, 4);
        *p += 4;
        vector_reserve_children(vec, arena, offset + count);
        int child_count = type_child_vectors(vec->type);
        for (uint32_t i = 0; i < count; i++)
            for (int c = 0; c < child_count; c++)
                element_read(&vec->children[c], arena, (int)vec->child_capacity, (int)(offset + i), p, deep);
        vec->child_rows = offset + count;
        ((struct list_entry *)vec->data)[row] = (struct list_entry){offset, count};
        break;
    }
    case PHYS_ROW:
        for (int i = 0; i < vec->type->child_count; i++) element_read(&vec->children[i], arena, capacity, row, p, deep);
        break;
    default: {
        size_t size = (size_t)phys_size(vec->phys);
        memcpy((char *)vec->data + size * (size_t)row, *p, size);
        *p += size;
    }
    }
}

static struct value element_value(const struct type *type, const uint8_t **p, struct arena *arena) {
    return *(*p)++ ? nested_value(type, p, arena) : value_null(type);
}

struct value nested_value(const struct type *type, const uint8_t **p, struct arena *arena) {
    enum phys phys = type_phys(type);
    struct value value = {.type = type};
    switch (phys) {
    case PHYS_STR: {
        uint32_t len;
        memcpy(&len, *p, 4);
        value.str = (struct str){(const char *)*p + 4, len};
        *p += 4 + (size_t)len;
        return value;
    }
    case PHYS_LIST: {
        uint32_t count;
        memcpy(&count, *p, 4);
        *p += 4;
        uint32_t child_count = (uint32_t)type_child_vectors(type);
        value.list.count = (int32_t)count;
        value.list.items = arena_alloc(arena, sizeof(struct value) * (size_t)count * child_count);
        for (uint32_t i = 0; i < count; i++)
            for (uint32_t c = 0; c < child_count; c++)
                value.list.items[i * child_count + c] = element_value(type_child(type, (int)c), p, arena);
        return value;
    }
    case PHYS_ROW:
        value.list.count = type->child_count;
        value.list.items = arena_alloc(arena, sizeof(struct value) * (size_t)type->child_count);
        for (int i = 0; i < type->child_count; i++) value.list.items[i] = element_value(type->children[i], p, arena);
        return value;
    default: break;
    }
    union {
        uint8_t u8;
        int8_t i8;
        int16_t i16;
        int32_t i32;
        int64_t i64;
        int128 i128;
        float f32;
        double f64;
    } fixed;
    memcpy(&fixed, *p, (size_t)phys_size(phys));
    *p += phys_size(phys);
    switch (phys) {
    case PHYS_BOOL: value.boolean = fixed.u8 != 0; break;
    case PHYS_I8: value.i64 = fixed.i8; break;
    case PHYS_I16: value.i64 = fixed.i16; break;
    case PHYS_I32: value.i64 = fixed.i32; break;
    case PHYS_I64: value.i64 = fixed.i64; break;
    case PHYS_I128: value.i128 = fixed.i128; break;
    case PHYS_F32: value.f32 = fixed.f32; break;
    case PHYS_F64: value.f64 = fixed.f64; break;
    default: value.is_null = true;
    }
    return value;
}

static bool element_check(const struct type *type, const uint8_t **p, const uint8_t *end, int depth) {
    if (*p >= end) return false;
    uint8_t marker = *(*p)++;
    if (marker == 0) return true;
    return marker == 1 && nested_check(type, p, end, depth);
}

bool nested_check(const struct type *type, const uint8_t **p, const uint8_t *end, int depth) {
    if (depth > TYPE_MAX_NESTING) return false;
    enum phys phys = type_phys(type);
    switch (phys) {
    case PHYS_NULL: return false; /* has no payload */
    case PHYS_STR: {
        uint32_t len;
        if (end - *p < 4) return false;
        memcpy(&len, *p, 4);
        *p += 4;
        if ((uint64_t)(end - *p) < len) return false;
        *p += len;
        return true;
    }
    case PHYS_LIST: {
        uint32_t count;
        if (end - *p < 4) return false;
        memcpy(&count, *p, 4);
        *p += 4;
        if ((uint64_t)(end - *p) < count) return false; /* an element takes a byte at least */
        int child_count = type_child_vectors(type);
        for (uint32_t i = 0; i < count; i++)
            for (int c = 0; c < child_count; c++)
                if (!element_check(type_child(type, c), p, end, depth + 1)) return false;
        return true;
    }
    case PHYS_ROW:
        for (int i = 0; i < type->child_count; i++)
            if (!element_check(type->children[i], p, end, depth + 1)) return false;
        return true;
    default:
        if (end - *p < phys_size(phys)) return false;
        if (phys == PHYS_BOOL && **p > 1) return false;
        *p += phys_size(phys);
        return true;
    }
}
