/* DELETE and TRUNCATE that need no reading: by whole partitions, and by prefixes and ranges of their clustering columns. What is
 * deleted so is what the scan with the same predicates would return (pushdown.c). */
#include <stdlib.h>

#include "connector/cassandra/cassandra_private.h"

struct deletion {
    struct cassandra_target target;
    struct cassandra_access access;
    enum cql_consistency consistency;
};

/* Predicates on other columns than the key's may be understood by a scan, but not by DELETE. */
static bool on_key(const struct cassandra_schema *schema, const struct table *table,
                   const struct predicate *predicate) {
    if (predicate->op == PREDICATE_IS_NULL || predicate->op == PREDICATE_IS_NOT_NULL) return false;
    int found = cassandra_schema_find(schema, table->columns[predicate->column].name);
    return found >= 0 && found < schema->partition_count + schema->clustering_count;
}

static enum status plan_deletion(const struct table *table, const struct predicate *predicates, int count,
                                 struct arena *arena, struct deletion *deletion, bool *taken, struct strbuf *explain,
                                 struct error *err) {
    const struct scan_request request = {
        .predicate_count = count, .predicates = predicates, .limit = -1, .bounded_only = true};
    enum pushdown_answer *answers = ARENA_ARRAY(arena, enum pushdown_answer, count + 1);
    *taken = count > 0 && !deletion->target.schema->is_view;
    for (int i = 0; i < count && *taken; i++) *taken = on_key(deletion->target.schema, table, &predicates[i]);
    if (!*taken) return STATUS_OK;
    TRY(cassandra_access_plan(deletion->target.schema, table, &request, NULL, arena, answers, &deletion->access,
                              explain, err));
    for (int i = 0; i < count; i++) *taken = *taken && answers[i] == PUSHDOWN_EXACT;
    *taken = *taken && (deletion->access.kind == CASSANDRA_POINTS || deletion->access.kind == CASSANDRA_NOTHING);
    return STATUS_OK;
}

/* One request after the other: each may be a large deletion. */
static enum status delete_points(const struct deletion *deletion, int64_t write_micros, struct error *err) {
    const struct cassandra_schema *schema = deletion->target.schema;
    struct cql_cluster *cluster = cassandra_handle_cluster(deletion->target.handle);
    const struct cql_prepared *prepared;
    struct strbuf text = {0}, values = {0};
    strbuf_puts(&text, "DELETE FROM ");
    cassandra_put_table(&text, schema->keyspace, schema->name);
    strbuf_printf(&text, " WHERE %s", deletion->access.where);
    enum status status = cql_prepare(cluster, text.data, schema->full_name, &prepared, err);
    strbuf_free(&text);
    TRY(status);
    if (prepared->bind_count != deletion->access.value_count)
        status = error_set(err, STATUS_BAD_DATA, "Cassandra, table %s: %d values announced for %d", schema->full_name,
                           prepared->bind_count, deletion->access.value_count);
    for (int i = 0; i < deletion->access.point_count && status == STATUS_OK; i++) {
        struct str point = deletion->access.points[i], rest = deletion->access.values;
        struct cql_request request;
        struct cql_response *response;
        strbuf_clear(&values);
        strbuf_add(&values, point.data, point.len);
        strbuf_add(&values, rest.data, rest.len);
        cql_request_init(&request, CQL_REQUEST_EXECUTE);
        request.prepared = prepared;
        request.idempotent = !schema->has_counters;
        request.table = schema->full_name;
        request.keyspace = schema->keyspace;
        request.has_token = cassandra_partition_token(schema, point, &request.token);
        request.parameters.consistency = deletion->consistency;
        if (!schema->has_counters) request.parameters.timestamp = write_micros;
        request.parameters.value_count = prepared->bind_count;
        request.parameters.values = strbuf_str(&values);
        status = cql_execute(cluster, &request, &response, err);
        if (status == STATUS_OK) cql_response_free(response);
    }
    strbuf_free(&values);
    cql_prepared_release(prepared);
    return status;
}

enum status cassandra_delete_where(const struct table *table, const struct predicate *predicates, int predicate_count,
                                   int64_t write_micros, bool *taken, struct strbuf *explain, struct error *err) {
    struct arena arena;
    struct deletion deletion;
    arena_init(&arena, NULL);
    *taken = false;
    enum status status = cassandra_target_open(table, &arena, &deletion.target, err);
    if (status == STATUS_OK) {
        status = cassandra_write_consistency(table, &deletion.consistency, err);
        if (status == STATUS_OK)
            status = plan_deletion(table, predicates, predicate_count, &arena, &deletion, taken, explain, err);
        if (option_given(&table->options, "sink.timestamp") && write_micros >= 0)
            write_micros = cassandra_setting(table, "sink.timestamp");
        if (status == STATUS_OK && *taken && write_micros >= 0 && deletion.access.kind == CASSANDRA_POINTS)
            status = delete_points(&deletion, write_micros, err);
        cassandra_handle_release(deletion.target.handle);
    }
    arena_destroy(&arena);
    return status;
}

enum status cassandra_truncate(const struct table *table, struct error *err) {
    struct arena arena;
    struct cassandra_target target;
    arena_init(&arena, NULL);
    enum status status = cassandra_target_open(table, &arena, &target, err);
    bool opened = status == STATUS_OK;
    if (opened && target.schema->is_view)
        status = error_set(err, STATUS_NOT_SUPPORTED, "%s is a materialized view of Cassandra and cannot be truncated",
                           target.schema->full_name);
    if (status == STATUS_OK) {
        struct strbuf text = {0};
        strbuf_puts(&text, "TRUNCATE TABLE ");
        cassandra_put_table(&text, target.schema->keyspace, target.schema->name);
        struct cql_request request;
        struct cql_response *response;
        cql_request_init(&request, CQL_REQUEST_QUERY);
        request.text = strbuf_str(&text);
        request.table = target.schema->full_name;
        request.timeout_ms = CASSANDRA_TRUNCATE_TIMEOUT_MS;
        status = cql_execute(cassandra_handle_cluster(target.handle), &request, &response, err);
        if (status == STATUS_OK) cql_response_free(response);
        strbuf_free(&text);
    }
    if (opened) cassandra_handle_release(target.handle);
    arena_destroy(&arena);
    return status;
}
