/* Vectors and chunks: how rows travel.
 *
 * A vector holds up to VECTOR_CAPACITY values of one type (children of lists may be longer). A chunk is a set of
 * vectors of equal length, an optional selection (which of the rows count) and an optional sign per row (the
 * changelog). All memory of vectors and chunks belongs to an arena, usually the morsel's: they are never freed one by
 * one, and a string view points into the morsel's input block or arena and dies with it. Exchanges, state, sink queues
 * and results copy (chunk_copy, row_encode).
 *
 * Physical rows are 0 … row_count-1. With a selection only the rows sel[0 … sel_count-1] (ascending, distinct) are
 * live; kernels read and write at physical positions, so a filter only makes a new selection. */
#ifndef MILLRACE_COLUMN_VECTOR_H
#define MILLRACE_COLUMN_VECTOR_H

#include "base/arena.h"
#include "types/type.h"
#include "types/value.h"

enum { VECTOR_CAPACITY = 2048, VALIDITY_WORDS = VECTOR_CAPACITY / 64 };

typedef uint16_t sel_index; /* position in a chunk */

/* A string or bytes value: 16 bytes, inline up to 12. Unused inline bytes are zero, so two short views are equal exactly
 * when their 16 bytes are; for long ones length and prefix (first 8 bytes of the struct) decide most inequalities. */
enum { STRVIEW_INLINE = 12 };
struct strview {
    uint32_t len;
    union {
        char inlined[STRVIEW_INLINE];
        struct {
            char prefix[4];
            const char *ptr; /* unaligned at 8: the struct is 16 bytes, 8-aligned */
        } __attribute__((packed)) ref;
    };
};
_Static_assert(sizeof(struct strview) == 16, "string view");

static inline const char *strview_data(const struct strview *view) {
    return view->len <= STRVIEW_INLINE ? view->inlined : view->ref.ptr;
}
static inline struct str strview_str(const struct strview *view) { return (struct str){strview_data(view), view->len}; }
/* Borrows data when longer than 12 bytes. */
static inline struct strview strview_make(const char *data, uint32_t len) {
    struct strview view = {.len = len};
    if (len <= STRVIEW_INLINE) {
        memset(view.inlined, 0, STRVIEW_INLINE);
        memcpy(view.inlined, data, len);
    } else {
        memcpy(view.ref.prefix, data, 4);
        view.ref.ptr = data;
    }
    return view;
}
static inline bool strview_equal(const struct strview *a, const struct strview *b) {
    uint64_t a0, b0;
    memcpy(&a0, a, 8);
    memcpy(&b0, b, 8);
    if (a0 != b0) return false;
    if (a->len <= STRVIEW_INLINE) {
        uint64_t a1, b1;
        memcpy(&a1, (const char *)a + 8, 8);
        memcpy(&b1, (const char *)b + 8, 8);
        return a1 == b1;
    }
    return memcmp(a->ref.ptr, b->ref.ptr, a->len) == 0;
}
int strview_compare(const struct strview *a, const struct strview *b); /* bytewise = code point order */
struct strview strview_copy(struct arena *arena, const struct strview *view);

struct list_entry {
    uint32_t offset, length; /* in elements (pairs for MAP) of the child vectors */
};

enum vector_form {
    VECTOR_FLAT,
    VECTOR_CONST, /* data[0] (and validity bit 0) stands for every row */
    VECTOR_DICT,  /* row i is dict's row index[i]; dict is FLAT */
};

struct vector {
    const struct type *type;
    enum phys phys; /* = type_phys(type) */
    enum vector_form form;
    void *data;         /* capacity values of phys_size bytes; NULL for ROW, NULL and DICT. 64-byte aligned */
    uint64_t *validity; /* bit i set = row i is not NULL; NULL = no NULLs. For DICT unused (the dictionary's counts) */
    struct vector *children; /* LIST: 1 or 2, ROW: child_count */
    uint32_t child_rows;     /* LIST: rows in use in the children; DICT: rows of the dictionary */
    uint32_t child_capacity; /* LIST */
    const sel_index *index;  /* DICT */
    struct vector *dict;     /* DICT */
};

struct chunk {
    int column_count;
    int row_count;          /* physical rows, 0 … VECTOR_CAPACITY */
    struct vector *columns; /* array of column_count */
    const sel_index *sel;   /* NULL = all rows */
    int sel_count;          /* live rows; = row_count when sel is NULL */
    const int8_t *sign;     /* by physical row: +1 or -1; NULL = all +1 */
    const uint64_t *hash;   /* by physical row: key hash made by the last exchange, or NULL */
};

/* Validity helpers. */
static inline bool validity_get(const uint64_t *validity, int row) {
    return !validity || (validity[row >> 6] >> (row & 63) & 1);
}
static inline void validity_set_null(uint64_t *validity, int row) {
    validity[row >> 6] &= ~(UINT64_C(1) << (row & 63));
}
static inline void validity_set_valid(uint64_t *validity, int row) { validity[row >> 6] |= UINT64_C(1) << (row & 63); }
static inline int validity_words(int row_count) { return (row_count + 63) >> 6; }

/* The i-th live row's physical position. */
static inline int chunk_row(const struct chunk *chunk, int i) { return chunk->sel ? chunk->sel[i] : i; }

/* Prepares a flat vector with room for `capacity` rows (data uninitialised, no validity, children likewise). Whoever
 * marks a row NULL also initialises its data (an empty string view, 0). A vector of PHYS_NULL has an all-zero validity. */
void vector_init(struct vector *vec, struct arena *arena, const struct type *type, int capacity);
/* Makes sure that validity exists, all ones for `capacity` rows. */
uint64_t *vector_validity(struct vector *vec, struct arena *arena, int capacity);
/* Grows the children of a flat LIST vector to hold `need` rows; child_rows of them are kept. need <= INT32_MAX. */
void vector_reserve_children(struct vector *vec, struct arena *arena, uint32_t need);
/* A constant vector. The children of a constant ROW are constant vectors. */
void vector_init_const(struct vector *vec, struct arena *arena, const struct type *type, const struct value *value);
/* Makes vec a DICT over `dict` (flattened first if it is not flat; row_count rows of it) with index (borrowed). */
void vector_init_dict(struct vector *vec, struct arena *arena, struct vector *dict, int dict_rows,
                      const sel_index *index);
/* Turns any form into FLAT in place (shallow for strings). No-op when flat. */
void vector_flatten(struct vector *vec, struct arena *arena, int row_count);
/* Slow single-row access, for printing, errors and tests. get borrows strings. set copies nothing: strings are borrowed;
 * vec must be flat with capacity > row and, for NULL, gets a validity of `capacity` rows. */
struct value vector_get(const struct vector *vec, int row, struct arena *arena);
void vector_set(struct vector *vec, struct arena *arena, int capacity, int row, const struct value *value);
bool vector_is_null(const struct vector *vec, int row);

/* Copies rows src[sel[0…count-1]] (sel NULL: 0…count-1) to dst rows at dst_row…; dst flat, same type, capacity given.
 * Long strings are copied into arena when `deep`, else borrowed; list elements are copied always. */
void vector_append(struct vector *dst, struct arena *arena, int capacity, int dst_row, const struct vector *src,
                   const sel_index *sel, int count, bool deep);

/* The same for the source rows [from, from + count), which may lie beyond VECTOR_CAPACITY (children of lists). */
void vector_append_range(struct vector *dst, struct arena *arena, int capacity, int dst_row, const struct vector *src,
                         int from, int count, bool deep);

/* A chunk with flat vectors of `types` and room for `capacity` rows; row_count 0. */
struct chunk *chunk_create(struct arena *arena, int column_count, const struct type *const *types, int capacity);
/* Back to row_count 0, to be filled again with the same memory (strings in the arena stay behind). */
void chunk_reset(struct chunk *chunk);
/* Appends live rows [from, from+count) of src (with sign, and hash when both have one) to a chunk made by chunk_create.
 * The caller sees to the capacity. */
void chunk_append(struct chunk *dst, struct arena *arena, int capacity, const struct chunk *src, int from, int count,
                  bool deep);
/* Deep copy of the live rows: no selection, nothing borrowed. */
struct chunk *chunk_copy(struct arena *arena, const struct chunk *chunk);
/* Same vectors with another selection (live rows only, in terms of physical rows). */
static inline struct chunk chunk_select(const struct chunk *chunk, const sel_index *sel, int sel_count) {
    struct chunk out = *chunk;
    out.sel = sel;
    out.sel_count = sel_count;
    return out;
}
/* Flattens every column in place. */
void chunk_flatten(struct chunk *chunk, struct arena *arena);

/* 64-bit hash of the given columns for each live row, at out[physical row]. Equal keys (by SQL grouping: NULLs equal,
 * -0.0 = 0.0, all NaN equal, decimals by value at the column's scale) have equal hashes in every process and version
 * HASH_VERSION: snapshots keep them. Strings by XXH3, fixed width by a 64-bit mixer, columns combined in order. */
enum { HASH_VERSION = 1 };
void chunk_hash(const struct chunk *chunk, const int *columns, int column_count, uint64_t *out);

#endif
