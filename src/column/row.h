/* Row form: one row as position-independent bytes, for hash tables, sort runs, state and spill; and key form: a
 * memcomparable encoding of key columns, for ordered state and the embedded store.
 *
 * Row form (little-endian, 8-byte aligned, never shorter than ROW_HEADER_BYTES):
 *     u64 hash                 the key hash (0 when the owner uses none)
 *     u32 size_bytes           of the whole row, rounded up to 8
 *     u32 reserved             0
 *     u8  nulls[]              one bit per column, 1 = NULL; padded to 8
 *     fixed columns            at layout->offsets[i], aligned to their size (16-byte decimals to 8)
 *     heap                     strings longer than 12 bytes, nested values
 * A string is a strview whose pointer is replaced by the offset of its bytes from the row's start. Nested values are a
 * {u32 offset, u32 size} to a serialised value in the heap. NULLs have zeroed fixed parts and floats are stored with
 * -0.0 as 0.0 and one NaN, so that equal rows (SQL grouping) are equal bytes after the header. */
#ifndef MILLRACE_COLUMN_ROW_H
#define MILLRACE_COLUMN_ROW_H

#include "column/vector.h"

enum { ROW_HEADER_BYTES = 16, ROW_MAX_BYTES = 1 << 28 };

struct row_layout {
    int column_count;
    const struct type **types;
    enum phys *phys;
    uint32_t *offsets;    /* of each column from the row's start */
    uint32_t fixed_bytes; /* header, nulls and fixed columns, multiple of 8 */
    bool has_heap;        /* a string or nested column exists */
};

void row_layout_init(struct row_layout *layout, struct arena *arena, int column_count, const struct type *const *types);

static inline uint64_t row_hash(const uint8_t *row) {
    uint64_t hash;
    memcpy(&hash, row, 8);
    return hash;
}
static inline uint32_t row_size(const uint8_t *row) {
    uint32_t size;
    memcpy(&size, row + 8, 4);
    return size;
}
static inline bool row_is_null(const struct row_layout *layout, const uint8_t *row, int column) {
    (void)layout;
    return row[ROW_HEADER_BYTES + (column >> 3)] >> (column & 7) & 1;
}

/* Sizes of the rows that row_encode will write: live rows [0, sel_count) of chunk, in order. columns: which of the
 * chunk's columns are the layout's columns (NULL: 0, 1, 2, …). UINT32_MAX: larger than ROW_MAX_BYTES, cannot be encoded
 * (STATUS_LIMIT_EXCEEDED). */
void row_sizes(const struct row_layout *layout, const struct chunk *chunk, const int *columns, uint32_t *out);
/* The same, or STATUS_LIMIT_EXCEEDED when a row is larger than ROW_MAX_BYTES. */
static inline enum status row_sizes_checked(const struct row_layout *layout, const struct chunk *chunk,
                                            const int *columns, uint32_t *out, struct error *err) {
    row_sizes(layout, chunk, columns, out);
    for (int i = 0; i < chunk->sel_count; i++)
        if (__builtin_expect(out[i] > ROW_MAX_BYTES, 0))
            return error_set(err, STATUS_LIMIT_EXCEEDED, "a row is larger than %d bytes", ROW_MAX_BYTES);
    return STATUS_OK;
}

/* Writes the live rows. dst[i] has room for sizes[i] bytes, 8-byte aligned. hash: by physical row or NULL. */
void row_encode(const struct row_layout *layout, const struct chunk *chunk, const int *columns, const uint64_t *hash,
                const uint32_t *sizes, uint8_t *const *dst);

/* Reads column `column` of rows[0…count-1] into vec rows dst_row…; vec is flat with room. Long strings borrow from the row
 * when !deep, else are copied into arena. */
void row_gather(const struct row_layout *layout, const uint8_t *const *rows, int count, int column, struct vector *vec,
                struct arena *arena, int capacity, int dst_row, bool deep);
/* All columns into a fresh chunk (count <= VECTOR_CAPACITY). */
struct chunk *row_gather_chunk(const struct row_layout *layout, const uint8_t *const *rows, int count,
                               struct arena *arena, bool deep);

/* Are columns [0, key_count) of the row equal (SQL grouping equality) to the chunk's columns at a physical row? */
bool row_equals_chunk(const struct row_layout *layout, const uint8_t *row, int key_count, const struct chunk *chunk,
                      const int *columns, int chunk_row);
/* Batch form, the hot path of hash tables: for i in 0…count-1 compares rows[i] with the chunk's physical row sel[i] and
 * writes match[i]. */
void row_match(const struct row_layout *layout, const uint8_t *const *rows, int key_count, const struct chunk *chunk,
               const int *columns, const sel_index *sel, int count, bool *match);
/* Equal in columns [0, key_count) of one layout. */
bool row_equals_row(const struct row_layout *layout, const uint8_t *a, const uint8_t *b, int key_count);
/* Whole rows equal byte for byte but for the header's hash. */
static inline bool row_same(const uint8_t *a, const uint8_t *b) {
    uint32_t size = row_size(a);
    return size == row_size(b) && memcmp(a + ROW_HEADER_BYTES, b + ROW_HEADER_BYTES, size - ROW_HEADER_BYTES) == 0;
}
/* One value; strings borrow from the row, nested values are made in arena. */
struct value row_get(const struct row_layout *layout, const uint8_t *row, int column, struct arena *arena);
/* Bounds-checks a row that comes from a file: false when it or any offset or size in it points outside size_bytes. The
 * row may be shorter than size_bytes: see row_size. */
bool row_validate(const struct row_layout *layout, const uint8_t *row, size_t size_bytes);

/* Key form. memcmp of two encodings orders as ORDER BY of the columns does; encodings of different keys are never prefixes
 * of each other within the same column list. A value is
 *     marker       0x00 NULL when NULLs come first, 0x01 a value, 0x02 NULL when NULLs come last; always there
 *     integers, DATE, TIME, TIMESTAMPs, intervals, BOOLEAN, DECIMAL
 *                  big-endian in the physical type's width, sign bit flipped
 *     FLOAT, DOUBLE  big-endian bits, sign bit flipped, all bits of negatives flipped; one zero, one NaN (last)
 *     strings      bytes with 0x00 as 0x00 0xFF, ended by 0x00 0x00
 *     ARRAY, MAP, MULTISET  0x01 before each element (key, value, …), ended by 0x00; elements as values, NULL smallest
 *     ROW          the fields, NULL smallest
 * and descending inverts every byte behind the marker. */
struct key_column {
    int column; /* in the chunk */
    bool descending;
    bool nulls_last; /* as written; Flink's default: NULLs are smallest (first in ASC, last in DESC) */
};
/* Appends the key of one physical row. */
void key_encode(struct strbuf *out, const struct chunk *chunk, const struct key_column *columns, int count,
                int chunk_row);
/* Same for single values of the given types. */
void key_encode_value(struct strbuf *out, const struct value *value, bool descending, bool nulls_last);
/* Decodes one value encoded with these flags; advances *pos. Returns false on malformed bytes. */
bool key_decode_value(struct str key, size_t *pos, const struct type *type, bool descending, bool nulls_last,
                      struct arena *arena, struct value *out);

#endif
