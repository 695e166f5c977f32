#include "column/row.h"

#include <assert.h>

#include "column/nested.h"
#include "column/validity.h"

#define SAME(v) (v)
#define T uint8_t
#define NAME 8
#define NORMAL SAME
#include "column/row_template.h"
#define T uint16_t
#define NAME 16
#define NORMAL SAME
#include "column/row_template.h"
#define T uint32_t
#define NAME 32
#define NORMAL SAME
#include "column/row_template.h"
#define T uint64_t
#define NAME 64
#define NORMAL SAME
#include "column/row_template.h"
#define T uint128
#define NAME 128
#define NORMAL SAME
#include "column/row_template.h"
#define T uint32_t
#define NAME f32
#define NORMAL normal_f32
#include "column/row_template.h"
#define T uint64_t
#define NAME f64
#define NORMAL normal_f64
#include "column/row_template.h"

/* A nested column's fixed part. */
struct heap_ref {
    uint32_t offset, size;
};

static uint32_t column_bytes(enum phys phys) {
    return phys == PHYS_ROW ? sizeof(struct heap_ref) : (uint32_t)phys_size(phys);
}

void row_layout_init(struct row_layout *layout, struct arena *arena, int column_count,
                     const struct type *const *types) {
    *layout = (struct row_layout){.column_count = column_count};
    layout->types = ARENA_ARRAY(arena, const struct type *, column_count);
    layout->phys = ARENA_ARRAY(arena, enum phys, column_count);
    layout->offsets = ARENA_ARRAY(arena, uint32_t, column_count);
    for (int i = 0; i < column_count; i++) {
        layout->types[i] = types[i];
        layout->phys[i] = type_phys(types[i]);
        if (layout->phys[i] == PHYS_STR || layout->phys[i] == PHYS_LIST || layout->phys[i] == PHYS_ROW)
            layout->has_heap = true;
    }
    /* Wide columns first: every column is aligned and padding occurs at the end only. */
    uint32_t offset = ROW_HEADER_BYTES + ((uint32_t)column_count + 63) / 64 * 8;
    static const uint32_t widths[] = {16, 8, 4, 2, 1, 0};
    for (size_t w = 0; w < sizeof widths / sizeof *widths; w++)
        for (int i = 0; i < column_count; i++)
            if (column_bytes(layout->phys[i]) == widths[w]) {
                layout->offsets[i] = offset;
                offset += widths[w];
            }
    layout->fixed_bytes = (offset + 7) & ~UINT32_C(7);
}

/* ---- Writing. A column is seen as a flat vector and, per live row, a position in it. ---- */

struct column_view {
    const struct vector *vec; /* flat, or constant with all positions 0 */
    const sel_index *pos;
};

static const sel_index zeros[VECTOR_CAPACITY];

/* rows: the physical rows of count <= VECTOR_CAPACITY live rows. buffer: room for positions. */
static struct column_view column_view(const struct chunk *chunk, int column, const sel_index *rows, int count,
                                      sel_index buffer[VECTOR_CAPACITY]) {
    const struct vector *vec = &chunk->columns[column];
    switch (vec->form) {
    case VECTOR_FLAT: return (struct column_view){vec, rows};
    case VECTOR_CONST: return (struct column_view){vec, zeros};
    case VECTOR_DICT: break;
    }
    for (int i = 0; i < count; i++) buffer[i] = vec->index[rows[i]];
    return (struct column_view){vec->dict, buffer};
}

/* The physical rows of live rows [from, from + count): the selection's, or written to buffer. */
static const sel_index *live_rows(const struct chunk *chunk, int from, int count, sel_index buffer[VECTOR_CAPACITY]) {
    if (chunk->sel) return chunk->sel + from;
    for (int i = 0; i < count; i++) buffer[i] = (sel_index)(from + i);
    return buffer;
}

static uint32_t add_size(uint32_t size, uint64_t more) {
    return more < UINT32_MAX - size ? size + (uint32_t)more : UINT32_MAX;
}

static void add_heap_sizes(const struct column_view *view, int count, uint32_t *restrict out) {
    const struct vector *vec = view->vec;
    const sel_index *pos = view->pos;
    if (vec->phys == PHYS_STR) {
        const struct strview *views = vec->data;
        for (int i = 0; i < count; i++) {
            uint32_t len = views[pos[i]].len;
            if (len > STRVIEW_INLINE && validity_get(vec->validity, pos[i])) out[i] = add_size(out[i], len);
        }
    } else {
        for (int i = 0; i < count; i++)
            if (validity_get(vec->validity, pos[i])) out[i] = add_size(out[i], nested_size(vec, pos[i]));
    }
}

static bool on_heap(enum phys phys) { return phys == PHYS_STR || phys == PHYS_LIST || phys == PHYS_ROW; }

void row_sizes(const struct row_layout *layout, const struct chunk *chunk, const int *columns, uint32_t *out) {
    for (int i = 0; i < chunk->sel_count; i++) out[i] = layout->fixed_bytes;
    if (!layout->has_heap) return;
    sel_index row_buffer[VECTOR_CAPACITY], pos_buffer[VECTOR_CAPACITY];
    for (int from = 0; from < chunk->sel_count; from += VECTOR_CAPACITY) {
        int count = chunk->sel_count - from < VECTOR_CAPACITY ? chunk->sel_count - from : VECTOR_CAPACITY;
        const sel_index *rows = live_rows(chunk, from, count, row_buffer);
        for (int c = 0; c < layout->column_count; c++) {
            if (!on_heap(layout->phys[c])) continue;
            struct column_view view = column_view(chunk, columns ? columns[c] : c, rows, count, pos_buffer);
            add_heap_sizes(&view, count, out + from);
        }
    }
    for (int i = 0; i < chunk->sel_count; i++)
        out[i] = out[i] <= ROW_MAX_BYTES ? (out[i] + 7) & ~UINT32_C(7) : UINT32_MAX;
}

static void encode_strings(uint8_t *const *rows, uint32_t offset, uint32_t null_byte, uint8_t null_mask,
                           const struct column_view *view, int count, uint32_t *restrict heap) {
    const struct strview *views = view->vec->data;
    const uint64_t *validity = view->vec->validity;
    for (int i = 0; i < count; i++) {
        uint8_t *row = rows[i];
        int pos = view->pos[i];
        if (validity && !validity_get(validity, pos)) {
            memset(row + offset, 0, sizeof(struct strview));
            row[null_byte] |= null_mask;
            continue;
        }
        memcpy(row + offset, &views[pos], sizeof(struct strview));
        uint32_t len = views[pos].len;
        if (len > STRVIEW_INLINE) {
            uint64_t at = heap[i];
            memcpy(row + at, views[pos].ref.ptr, len);
            memcpy(row + offset + 8, &at, 8);
            heap[i] += len;
        }
    }
}

static void encode_nested(uint8_t *const *rows, uint32_t offset, uint32_t null_byte, uint8_t null_mask,
                          const struct column_view *view, int count, uint32_t *heap) {
    for (int i = 0; i < count; i++) {
        uint8_t *row = rows[i];
        struct heap_ref ref = {0, 0};
        if (validity_get(view->vec->validity, view->pos[i])) {
            ref.offset = heap[i];
            heap[i] = (uint32_t)(nested_write(view->vec, view->pos[i], row + heap[i]) - row);
            ref.size = heap[i] - ref.offset;
        } else {
            row[null_byte] |= null_mask;
        }
        memcpy(row + offset, &ref, sizeof ref);
    }
}

static void encode_column(const struct row_layout *layout, int column, uint8_t *const *rows,
                          const struct column_view *view, int count, uint32_t *heap) {
    uint32_t offset = layout->offsets[column], byte = ROW_HEADER_BYTES + (uint32_t)column / 8;
    uint8_t mask = (uint8_t)(1 << (column & 7));
    const struct vector *vec = view->vec;
    const uint64_t *validity = vec->validity;
    assert(vec->phys == layout->phys[column]);
    switch (vec->phys) {
    case PHYS_BOOL:
    case PHYS_I8: encode_8(rows, offset, byte, mask, vec->data, validity, view->pos, count); break;
    case PHYS_I16: encode_16(rows, offset, byte, mask, vec->data, validity, view->pos, count); break;
    case PHYS_I32: encode_32(rows, offset, byte, mask, vec->data, validity, view->pos, count); break;
    case PHYS_I64: encode_64(rows, offset, byte, mask, vec->data, validity, view->pos, count); break;
    case PHYS_I128: encode_128(rows, offset, byte, mask, vec->data, validity, view->pos, count); break;
    case PHYS_F32: encode_f32(rows, offset, byte, mask, vec->data, validity, view->pos, count); break;
    case PHYS_F64: encode_f64(rows, offset, byte, mask, vec->data, validity, view->pos, count); break;
    case PHYS_STR: encode_strings(rows, offset, byte, mask, view, count, heap); break;
    case PHYS_LIST:
    case PHYS_ROW: encode_nested(rows, offset, byte, mask, view, count, heap); break;
    case PHYS_NULL:
        for (int i = 0; i < count; i++) rows[i][byte] |= mask;
        break;
    case PHYS_COUNT: break;
    }
}

static void encode_header(const struct row_layout *layout, uint8_t *row, uint64_t hash, uint32_t size_bytes) {
    assert(size_bytes >= layout->fixed_bytes && size_bytes <= ROW_MAX_BYTES && size_bytes % 8 == 0);
    uint32_t words[2] = {size_bytes, 0};
    memcpy(row, &hash, 8);
    memcpy(row + 8, words, 8);
    /* Null bits, and the two places where padding may be: behind the fixed columns and behind the heap. */
    memset(row + ROW_HEADER_BYTES, 0, ((size_t)layout->column_count + 63) / 64 * 8);
    if (layout->fixed_bytes > ROW_HEADER_BYTES) memset(row + layout->fixed_bytes - 8, 0, 8);
    if (size_bytes > layout->fixed_bytes) memset(row + size_bytes - 8, 0, 8);
}

void row_encode(const struct row_layout *layout, const struct chunk *chunk, const int *columns, const uint64_t *hash,
                const uint32_t *sizes, uint8_t *const *dst) {
    sel_index row_buffer[VECTOR_CAPACITY], pos_buffer[VECTOR_CAPACITY];
    uint32_t heap[VECTOR_CAPACITY];
    for (int from = 0; from < chunk->sel_count; from += VECTOR_CAPACITY) {
        int count = chunk->sel_count - from < VECTOR_CAPACITY ? chunk->sel_count - from : VECTOR_CAPACITY;
        const sel_index *rows = live_rows(chunk, from, count, row_buffer);
        uint8_t *const *out = dst + from;
        for (int i = 0; i < count; i++) {
            encode_header(layout, out[i], hash ? hash[rows[i]] : 0, sizes[from + i]);
            heap[i] = layout->fixed_bytes;
        }
        for (int c = 0; c < layout->column_count; c++) {
            struct column_view view = column_view(chunk, columns ? columns[c] : c, rows, count, pos_buffer);
            encode_column(layout, c, out, &view, count, heap);
        }
    }
}

/* ---- Reading. ---- */

static struct strview read_view(const uint8_t *row, uint32_t offset) {
    struct strview view;
    memcpy(&view, row + offset, sizeof view);
    if (view.len > STRVIEW_INLINE) {
        uint64_t at;
        memcpy(&at, row + offset + 8, 8);
        view.ref.ptr = (const char *)row + at;
    }
    return view;
}

static struct heap_ref read_ref(const uint8_t *row, uint32_t offset) {
    struct heap_ref ref;
    memcpy(&ref, row + offset, sizeof ref);
    return ref;
}

static void gather_validity(const uint8_t *const *restrict rows, int count, int column, struct vector *vec,
                            struct arena *arena, int capacity, int dst_row) {
    uint32_t byte = ROW_HEADER_BYTES + (uint32_t)column / 8;
    int shift = column & 7;
    for (int from = 0; from < count; from += 64) {
        int n = count - from < 64 ? count - from : 64;
        uint64_t nulls = 0;
        for (int i = 0; i < n; i++) nulls |= (uint64_t)(rows[from + i][byte] >> shift & 1) << i;
        if (!vec->validity) {
            if (nulls == 0) continue;
            vector_validity(vec, arena, capacity);
        }
        validity_put(vec->validity, dst_row + from, n, ~nulls);
    }
}

static void gather_strings(struct strview *restrict out, const uint8_t *const *restrict rows, uint32_t offset,
                           int count, struct arena *arena, bool deep) {
    size_t total = 0;
    for (int i = 0; i < count; i++) {
        out[i] = read_view(rows[i], offset);
        total += out[i].len > STRVIEW_INLINE ? out[i].len : 0;
    }
    if (!deep || total == 0) return;
    char *bytes = arena_alloc_aligned(arena, total, 1);
    for (int i = 0; i < count; i++) {
        if (out[i].len <= STRVIEW_INLINE) continue;
        memcpy(bytes, out[i].ref.ptr, out[i].len);
        out[i].ref.ptr = bytes;
        bytes += out[i].len;
    }
}

static void gather_nested(const uint8_t *const *rows, int count, int column, uint32_t offset, struct vector *vec,
                          struct arena *arena, int capacity, int dst_row, bool deep) {
    for (int i = 0; i < count; i++) {
        if (row_is_null(NULL, rows[i], column)) {
            struct value null = value_null(vec->type);
            vector_set(vec, arena, capacity, dst_row + i, &null);
        } else {
            const uint8_t *p = rows[i] + read_ref(rows[i], offset).offset;
            nested_read(vec, arena, capacity, dst_row + i, &p, deep);
        }
    }
}

void row_gather(const struct row_layout *layout, const uint8_t *const *rows, int count, int column, struct vector *vec,
                struct arena *arena, int capacity, int dst_row, bool deep) {
    assert(vec->form == VECTOR_FLAT && vec->phys == layout->phys[column] && dst_row + count <= capacity);
    uint32_t offset = layout->offsets[column];
    gather_validity(rows, count, column, vec, arena, capacity, dst_row);
    char *out = (char *)vec->data + (size_t)phys_size(vec->phys) * (size_t)dst_row;
    switch (vec->phys) {
    case PHYS_BOOL:
    case PHYS_I8: gather_8((uint8_t *)out, rows, offset, count); break;
    case PHYS_I16: gather_16((uint16_t *)out, rows, offset, count); break;
    case PHYS_I32: gather_32((uint32_t *)out, rows, offset, count); break;
    case PHYS_I64: gather_64((uint64_t *)out, rows, offset, count); break;
    case PHYS_F32: gather_f32((uint32_t *)out, rows, offset, count); break;
    case PHYS_F64: gather_f64((uint64_t *)out, rows, offset, count); break;
    case PHYS_I128: gather_128((uint128 *)out, rows, offset, count); break;
    case PHYS_STR: gather_strings((struct strview *)out, rows, offset, count, arena, deep); break;
    case PHYS_LIST:
    case PHYS_ROW: gather_nested(rows, count, column, offset, vec, arena, capacity, dst_row, deep); break;
    case PHYS_NULL:
    case PHYS_COUNT: break;
    }
}

struct chunk *row_gather_chunk(const struct row_layout *layout, const uint8_t *const *rows, int count,
                               struct arena *arena, bool deep) {
    struct chunk *chunk = chunk_create(arena, layout->column_count, layout->types, count);
    for (int i = 0; i < layout->column_count; i++)
        row_gather(layout, rows, count, i, &chunk->columns[i], arena, count, 0, deep);
    chunk->row_count = chunk->sel_count = count;
    return chunk;
}

struct value row_get(const struct row_layout *layout, const uint8_t *row, int column, struct arena *arena) {
    struct value value = value_null(layout->types[column]);
    if (row_is_null(layout, row, column)) return value;
    uint32_t offset = layout->offsets[column];
    const uint8_t *p = row + offset;
    value.is_null = false;
    switch (layout->phys[column]) {
    case PHYS_STR: {
        /* A short string lies in the row's view itself. */
        uint32_t len;
        memcpy(&len, p, 4);
        uint64_t at = offset + 4;
        if (len > STRVIEW_INLINE) memcpy(&at, p + 8, 8);
        value.str = (struct str){(const char *)row + at, len};
        return value;
    }
    case PHYS_LIST:
    case PHYS_ROW: p = row + read_ref(row, offset).offset; break;
    default: break;
    }
    return nested_value(layout->types[column], &p, arena);
}

/* ---- Comparing. ---- */

static void match_strings(bool *restrict match, const uint8_t *const *rows, uint32_t offset, uint32_t null_byte,
                          uint8_t null_mask, const struct column_view *view, int count) {
    const struct strview *views = view->vec->data;
    const uint64_t *validity = view->vec->validity;
    for (int i = 0; i < count; i++) {
        if (!match[i]) continue;
        const uint8_t *row = rows[i];
        bool row_null = (row[null_byte] & null_mask) != 0;
        bool null = validity && !validity_get(validity, view->pos[i]);
        if (row_null | null) {
            match[i] = row_null & null;
            continue;
        }
        const struct strview *a = &views[view->pos[i]];
        uint64_t a_head, b_head, a_tail, b_tail;
        memcpy(&a_head, a, 8);
        memcpy(&b_head, row + offset, 8);
        memcpy(&b_tail, row + offset + 8, 8);
        if (a_head != b_head) {
            match[i] = false;
        } else if (a->len <= STRVIEW_INLINE) {
            memcpy(&a_tail, (const char *)a + 8, 8);
            match[i] = a_tail == b_tail;
        } else {
            match[i] = memcmp(a->ref.ptr, row + b_tail, a->len) == 0;
        }
    }
}

static void match_nested(bool *match, const uint8_t *const *rows, uint32_t offset, int column,
                         const struct column_view *view, int count) {
    for (int i = 0; i < count; i++) {
        if (!match[i]) continue;
        bool row_null = row_is_null(NULL, rows[i], column), null = !validity_get(view->vec->validity, view->pos[i]);
        if (row_null | null) {
            match[i] = row_null & null;
        } else {
            const uint8_t *p = rows[i] + read_ref(rows[i], offset).offset;
            match[i] = nested_match(view->vec, view->pos[i], &p);
        }
    }
}

static void match_column(const struct row_layout *layout, const uint8_t *const *rows, int column,
                         const struct column_view *view, int count, bool *match) {
    uint32_t offset = layout->offsets[column], byte = ROW_HEADER_BYTES + (uint32_t)column / 8;
    uint8_t mask = (uint8_t)(1 << (column & 7));
    const struct vector *vec = view->vec;
    const uint64_t *validity = vec->validity;
    assert(vec->phys == layout->phys[column]);
    switch (vec->phys) {
    case PHYS_BOOL:
    case PHYS_I8: match_8(match, rows, offset, byte, mask, vec->data, validity, view->pos, count); break;
    case PHYS_I16: match_16(match, rows, offset, byte, mask, vec->data, validity, view->pos, count); break;
    case PHYS_I32: match_32(match, rows, offset, byte, mask, vec->data, validity, view->pos, count); break;
    case PHYS_I64: match_64(match, rows, offset, byte, mask, vec->data, validity, view->pos, count); break;
    case PHYS_I128: match_128(match, rows, offset, byte, mask, vec->data, validity, view->pos, count); break;
    case PHYS_F32: match_f32(match, rows, offset, byte, mask, vec->data, validity, view->pos, count); break;
    case PHYS_F64: match_f64(match, rows, offset, byte, mask, vec->data, validity, view->pos, count); break;
    case PHYS_STR: match_strings(match, rows, offset, byte, mask, view, count); break;
    case PHYS_LIST:
    case PHYS_ROW: match_nested(match, rows, offset, column, view, count); break;
    case PHYS_NULL: /* NULL is NULL */
    case PHYS_COUNT: break;
    }
}

void row_match(const struct row_layout *layout, const uint8_t *const *rows, int key_count, const struct chunk *chunk,
               const int *columns, const sel_index *sel, int count, bool *match) {
    sel_index buffer[VECTOR_CAPACITY];
    memset(match, true, (size_t)count);
    for (int from = 0; from < count; from += VECTOR_CAPACITY) {
        int n = count - from < VECTOR_CAPACITY ? count - from : VECTOR_CAPACITY;
        for (int c = 0; c < key_count; c++) {
            struct column_view view = column_view(chunk, columns ? columns[c] : c, sel + from, n, buffer);
            match_column(layout, rows + from, c, &view, n, match + from);
        }
    }
}

bool row_equals_chunk(const struct row_layout *layout, const uint8_t *row, int key_count, const struct chunk *chunk,
                      const int *columns, int chunk_row) {
    sel_index sel = (sel_index)chunk_row;
    bool match;
    row_match(layout, &row, key_count, chunk, columns, &sel, 1, &match);
    return match;
}

bool row_equals_row(const struct row_layout *layout, const uint8_t *a, const uint8_t *b, int key_count) {
    for (int c = 0; c < key_count; c++) {
        uint32_t offset = layout->offsets[c];
        bool null = row_is_null(layout, a, c);
        if (null != row_is_null(layout, b, c)) return false;
        if (null) continue;
        switch (layout->phys[c]) {
        case PHYS_STR: {
            struct strview x = read_view(a, offset), y = read_view(b, offset);
            if (!strview_equal(&x, &y)) return false;
            break;
        }
        case PHYS_LIST:
        case PHYS_ROW: {
            struct heap_ref x = read_ref(a, offset), y = read_ref(b, offset);
            if (x.size != y.size || memcmp(a + x.offset, b + y.offset, x.size) != 0) return false;
            break;
        }
        default:
            if (memcmp(a + offset, b + offset, (size_t)phys_size(layout->phys[c])) != 0) return false;
        }
    }
    return true;
}

/* ---- Checking. ---- */

bool row_validate(const struct row_layout *layout, const uint8_t *row, size_t size_bytes) {
    if (size_bytes < layout->fixed_bytes || size_bytes < ROW_HEADER_BYTES) return false;
    uint32_t size = row_size(row);
    if (size < layout->fixed_bytes || size > size_bytes || size > ROW_MAX_BYTES || size % 8 != 0) return false;
    for (int c = 0; c < layout->column_count; c++) {
        uint32_t offset = layout->offsets[c];
        if (row_is_null(layout, row, c)) {
            /* Readers gather the fixed parts of NULLs too. */
            for (uint32_t i = 0; i < column_bytes(layout->phys[c]); i++)
                if (row[offset + i]) return false;
            continue;
        }
        switch (layout->phys[c]) {
        case PHYS_NULL: return false;
        case PHYS_BOOL:
            if (row[offset] > 1) return false;
            break;
        case PHYS_STR: {
            uint32_t len;
            uint64_t at;
            memcpy(&len, row + offset, 4);
            if (len <= STRVIEW_INLINE) break;
            memcpy(&at, row + offset + 8, 8);
            if (at < layout->fixed_bytes || at > size || len > size - at) return false;
            if (memcmp(row + offset + 4, row + at, 4) != 0) return false;
            break;
        }
        case PHYS_LIST:
        case PHYS_ROW: {
            struct heap_ref ref = read_ref(row, offset);
            if (ref.offset < layout->fixed_bytes || ref.offset > size || ref.size > size - ref.offset) return false;
            const uint8_t *p = row + ref.offset, *end = p + ref.size;
            if (!nested_check(layout->types[c], &p, end, 0) || p != end) return false;
            break;
        }
        default: break;
        }
    }
    return true;
}
