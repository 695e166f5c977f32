/* Between the files of this folder. */
#ifndef MILLRACE_CONNECTOR_STORE_STORE_PRIVATE_H
#define MILLRACE_CONNECTOR_STORE_STORE_PRIVATE_H

#include "connector/store/store_connector.h"

extern const struct source_class store_source_class;
extern const struct sink_class store_sink_class;
extern const struct lookup_class store_lookup_class;

/* The table as the store has it now, or an error when it is gone, changed, or not of a store catalog. */
enum status store_table_open(const struct table *table, struct store **store, struct arena *arena,
                             const struct store_table **out, struct error *err);
/* Positions of a plan's columns in the store's definition, by name; their types must be the same. */
enum status store_table_columns(const struct table *table, const struct store_table *stored, const int *columns,
                                int column_count, struct arena *arena, const int **out, struct error *err);
/* Rows to be deleted without reading them, by predicates. */
struct store_deletion {
    bool possible;    /* all predicates are about keys and say exactly which */
    bool single_rows; /* each range starts with the key of the one row that may be in it */
    struct store_range *ranges;
    int range_count;
};
enum status store_deletion_ranges(const struct store_table *stored, const struct table *table,
                                  const struct predicate *predicates, int predicate_count, struct arena *arena,
                                  struct store_deletion *out, struct strbuf *explain, struct error *err);
/* 'sink.ttl', 'sink.timestamp', 'sink.ignore-null'. */
enum status store_table_write_options(const struct table *table, struct store_write_options *out, struct error *err);
bool store_table_dry_run(const struct table *table); /* 'sink.dry-run' */
/* 'partition-keys', 'clustering-order' and PARTITIONED BY of a new table put into its key. */
enum status store_table_apply_options(struct table *table, struct arena *arena, struct error *err);

#endif
