#include "connector/cassandra/cassandra_private.h"

/* Without asking the server: CREATE TABLE works while it is down, and the columns are compared when the table is used. */
static enum status check_table(const struct table *table, struct error *err) {
    struct arena arena;
    arena_init(&arena, NULL);
    enum status status = STATUS_OK;
    for (int i = 0; i < table->column_count && status == STATUS_OK; i++) {
        const struct cass_type *type;
        if (table->columns[i].kind != COLUMN_PHYSICAL) continue;
        status = cass_type_from_sql(&arena, table->columns[i].type, &type, err);
        if (status != STATUS_OK) error_prefix(err, "column '%s'", table->columns[i].name);
    }
    if (status == STATUS_OK) status = cassandra_check_metadata(table, err);
    if (status == STATUS_OK && table->connector && !option_given(&table->options, "hosts") &&
        !option_given(&table->options, "secure-connect-bundle")) {
        status = error_set(err, STATUS_INVALID_OPTION, "table '%s': option 'hosts' is missing", table->name);
        error_hint(err, "'hosts' = 'host1, host2'; or create the table in a catalog of type cassandra");
    }
    if (status == STATUS_OK && table->connector && !option_given(&table->options, "keyspace"))
        status = error_set(err, STATUS_INVALID_OPTION, "table '%s': option 'keyspace' is missing", table->name);
    arena_destroy(&arena);
    return status;
}

enum status cassandra_check_metadata(const struct table *table, struct error *err) {
    TRY(connector_check_metadata("cassandra", connector_cell_metadata, table, err));
    for (int i = 0; i < table->column_count; i++) {
        const struct table_column *column = &table->columns[i];
        if (column->kind != COLUMN_METADATA || column->type->nullable) continue;
        error_set(err, STATUS_INVALID_QUERY, "column '%s': metadata '%s' may be NULL", column->name,
                  column->metadata_key);
        error_hint(err, "leave out NOT NULL");
        return STATUS_INVALID_QUERY;
    }
    return STATUS_OK;
}

const struct connector cassandra_connector = {
    .name = "cassandra",
    .doc = "tables of Apache Cassandra, by CQL",
    .options = cassandra_options,
    .source = &cassandra_source_class,
    .sink = &cassandra_sink_class,
    .lookup = &cassandra_lookup_class,
    .check_table = check_table,
    .metadata = connector_cell_metadata,
};
