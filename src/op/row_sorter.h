/* Sorts rows: any number of chunks in, the rows out in the order of a key. Used by SORT and OVER.
 *
 * A row is kept in row form beside its key form, so that comparing is memcmp; the caller puts all columns behind the sort keys, so
 * that ties have one order whatever the number of workers. Near the query's memory limit sorted runs go to spill files, which
 * are merged in the end (external merge sort: Knuth, The Art of Computer Programming 3, 5.4). One thread at a time. */
#ifndef MILLRACE_OP_ROW_SORTER_H
#define MILLRACE_OP_ROW_SORTER_H

#include "column/row.h"
#include "state/spill.h"

enum {
    ROW_SORTER_MIN_RUN_BYTES =
        1 << 20,              /* smaller runs are not worth a file, but for small limits: down to a quarter of it */
    ROW_SORTER_MAX_RUNS = 128 /* merged at once; more are merged in several passes */
};

struct row_sorter;

struct sorted_row {
    const uint8_t *row;
    struct str key;
};

/* layout, columns and keys are borrowed. columns: the chunk's column of each column of the layout, NULL: 0, 1, 2, …; keys refer
 * to the chunk. wanted: only the first so many rows are needed, -1: all. */
struct row_sorter *row_sorter_create(const struct row_layout *layout, const int *columns, const struct key_column *keys,
                                     int key_count, int64_t wanted, struct mem_account *account, struct spill *spill);
void row_sorter_destroy(struct row_sorter *sorter); /* NULL allowed */
/* Adds the live rows of a flat chunk; strings are copied. scratch: the morsel's. */
enum status row_sorter_add(struct row_sorter *sorter, const struct chunk *chunk, struct arena *scratch,
                           struct error *err);
/* Ends adding. */
enum status row_sorter_finish(struct row_sorter *sorter, struct error *err);
/* The next rows in order, at most max of them; *count = 0 at the end. They stay readable until the sorter is destroyed when it
 * never spilled, else they are copies in arena. */
enum status row_sorter_next(struct row_sorter *sorter, struct arena *arena, struct sorted_row *rows, int max,
                            int *count, struct error *err);
bool row_sorter_spilled(const struct row_sorter *sorter);

#endif
