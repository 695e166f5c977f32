/* What is known about a table's rows, for the planner: it chooses the order of joins by it and nothing else. Wrong figures make
 * slow plans, never wrong answers. */
#ifndef MILLRACE_CATALOG_STATISTICS_H
#define MILLRACE_CATALOG_STATISTICS_H

#include "types/value.h"

/* Unknown figures are -1. */
struct column_statistics {
    double distinct_count; /* without NULL */
    double null_fraction;  /* 0 … 1 */
    double average_bytes;  /* of a value */
    bool has_bounds;       /* all values that are not NULL lie between low and high */
    struct value low, high;
};

struct table_statistics {
    double row_count;
    int column_count; /* 0, or the table's: columns[i] is about the table's column i */
    struct column_statistics *columns;
};

/* Everything unknown, with room for the columns. */
static inline void table_statistics_init(struct table_statistics *statistics, struct arena *arena, int column_count) {
    *statistics = (struct table_statistics){.row_count = -1, .column_count = column_count};
    statistics->columns = ARENA_ARRAY(arena, struct column_statistics, column_count + 1);
    for (int i = 0; i < column_count; i++)
        statistics->columns[i] =
            (struct column_statistics){.distinct_count = -1, .null_fraction = -1, .average_bytes = -1};
}

#endif
