/* Building ARRAY and MAP values row by row, inside src/function. A row's elements are added one after the other, right
 * behind list_begin, so that they lie next to each other in the child vectors. */
#ifndef MILLRACE_FUNCTION_LIST_PRIVATE_H
#define MILLRACE_FUNCTION_LIST_PRIVATE_H

#include "column/vector.h"

static inline void list_begin(struct vector *out, int row) {
    ((struct list_entry *)out->data)[row] = (struct list_entry){out->child_rows, 0};
}

/* Makes room for one more element (pair) of the row and returns its position in the children. */
static inline int list_add(struct vector *out, struct arena *arena, int row) {
    vector_reserve_children(out, arena, out->child_rows + 1);
    ((struct list_entry *)out->data)[row].length++;
    return (int)out->child_rows++;
}

/* An element of ARRAY<STRING>; long texts are borrowed. */
static inline void list_add_text(struct vector *out, struct arena *arena, int row, struct str text) {
    int at = list_add(out, arena, row);
    struct vector *child = &out->children[0];
    ((struct strview *)child->data)[at] = strview_make(text.data, (uint32_t)text.len);
    if (child->validity) validity_set_valid(child->validity, at);
}

#endif
