/* Rows in a file of the query's spill area: written once, in order, then read from the start any number of times.
 *
 * For operators that must pass over their input more than once and cannot keep it in memory. */
#ifndef MILLRACE_OP_ROW_FILE_H
#define MILLRACE_OP_ROW_FILE_H

#include "column/row.h"
#include "state/spill.h"

struct row_file;

/* layout is borrowed. */
enum status row_file_create(const struct row_layout *layout, struct spill *spill, struct row_file **out,
                            struct error *err);
void row_file_destroy(struct row_file *file); /* NULL allowed */
/* Adds the live rows of a flat chunk. columns: the chunk's column of each column of the layout, NULL: 0, 1, 2, …; hash: by
 * physical row. scratch: the morsel's. */
enum status row_file_add(struct row_file *file, const struct chunk *chunk, const int *columns, const uint64_t *hash,
                         struct arena *scratch, struct error *err);
void row_file_rewind(struct row_file *file);
bool row_file_is_at_end(const struct row_file *file); /* of reading */
/* The rows of one row_file_add in row form, in arena; *count = 0 at the end. rows has room for VECTOR_CAPACITY. */
enum status row_file_next(struct row_file *file, struct arena *arena, const uint8_t **rows, int *count,
                          struct error *err);

#endif
