/* Which field of a file goes to which column of a table. */
#ifndef MILLRACE_SHELL_LOAD_COLUMNS_H
#define MILLRACE_SHELL_LOAD_COLUMNS_H

#include "catalog/catalog.h"

struct load_field {
    const char *name; /* in the file */
    int column;       /* of the table; -1: none */
};

struct load_columns {
    struct load_field *fields;
    int count;
};

/* The columns for the fields `names`: as `map` ("field=column,…", may be NULL) says, else by equal names, else by names that differ in
 * upper and lower case only. A field without a column is an error unless ignore_extra; so is a column with two fields, and a key
 * column without one. All in arena. */
MUST_CHECK enum status load_columns_match(const struct table *table, const char *const *names, int count,
                                          const char *map, bool ignore_extra, struct arena *arena,
                                          struct load_columns *out, struct error *err);

/* May the column be NULL in a file? Those of the key may not, but for what the table's types allow: clustering columns, where static
 * columns can stand without them. */
bool load_column_is_nullable(const struct table *table, int column);

#endif
