/* Prepared statements: kept per cluster, known per server. */
#include <stdlib.h>

#include "cql/cql_private.h"

static void free_prepared(struct cql_prepared *prepared) {
    struct arena arena = prepared->arena;
    arena_destroy(&arena); /* the struct lies in it */
}

void cqli_prepared_free_all(struct cql_cluster *cluster) {
    while (cluster->prepared) {
        struct cql_prepared *prepared = cluster->prepared;
        cluster->prepared = prepared->next;
        free_prepared(prepared);
    }
}

/* ---- Preparing again ---- */

/* PREPARE on behalf of a request whose statement the host does not know. */
struct repreparing {
    struct cql_request request;
    struct cql_prepared *prepared;
    struct cqli_host *host;
};

/* With a reference. */
static struct cql_prepared *find_prepared(struct cql_cluster *cluster, struct str id) {
    pthread_mutex_lock(&cluster->lock);
    struct cql_prepared *prepared = cluster->prepared;
    while (prepared && !str_equal(prepared->id, id)) prepared = prepared->next;
    if (prepared) cql_prepared_retain(prepared);
    pthread_mutex_unlock(&cluster->lock);
    return prepared;
}

static bool same_columns(int count, const struct cql_column *a, int other_count, const struct cql_column *b) {
    if (count != other_count || (count && (!a || !b))) return false;
    for (int i = 0; i < count; i++)
        if (strcmp(a[i].name, b[i].name) != 0 || !cass_type_equal(a[i].type, b[i].type)) return false;
    return true;
}

static enum status check_reprepared(struct cql_prepared *prepared, const struct cql_response *response,
                                    struct error *err) {
    struct arena arena;
    arena_init(&arena, NULL);
    struct cql_prepared_result result;
    enum status status = cql_read_prepared(response, &arena, &result, err);
    if (status == STATUS_OK) {
        if (!str_equal(result.id, prepared->id) ||
            !same_columns(prepared->bind_count, prepared->binds, result.bind_count, result.binds) ||
            !same_columns(prepared->column_count, prepared->columns, result.column_count, result.columns))
            status =
                error_set(err, STATUS_SERVER_ERROR, "%s: the table was changed while it was in use", response->from);
        else
            prepared->result_metadata_id = (struct str){
                arena_strndup(&prepared->arena, result.result_metadata_id.data, result.result_metadata_id.len),
                result.result_metadata_id.len};
    }
    arena_destroy(&arena);
    return status;
}

static void reprepared(struct cql_request *request, struct cql_response *response, const struct error *why) {
    struct repreparing *repreparing = request->data;
    struct cql_cluster *cluster = request->cluster;
    struct cql_request *waiting = request->waiting;
    struct error err;
    enum status status = STATUS_OK;
    if (why) {
        err = *why;
        status = err.code;
    } else {
        status = check_reprepared(repreparing->prepared, response, &err);
    }
    struct cqli_connection *c = cqli_host_connection(repreparing->host);
    cql_prepared_release(repreparing->prepared);
    free(repreparing);
    cql_response_free(response);
    if (status != STATUS_OK)
        cqli_cluster_failed(cluster, waiting, &err, why ? CQL_RETRY_ANYWAY : CQL_RETRY_NO);
    else if (c) /* statements are known per server */
        cqli_connection_send(c, waiting);
    else
        cqli_request_start(cluster, waiting);
}

void cqli_cluster_reprepare(struct cql_cluster *cluster, struct cqli_connection *connection,
                            struct cql_request *request, struct str id, const struct error *err) {
    if (request->out_count) return; /* another attempt is under way: it decides */
    struct cql_prepared *prepared = NULL;
    if (request->kind == CQL_REQUEST_EXECUTE)
        prepared = (struct cql_prepared *)cql_prepared_retain(request->prepared);
    else
        prepared = find_prepared(cluster, id);
    if (!prepared || request->reprepares >= CQL_MAX_REPREPARES || !cqli_connection_has_room(connection)) {
        cqli_cluster_failed(cluster, request, err, prepared ? CQL_RETRY_ANYWAY : CQL_RETRY_NO);
        cql_prepared_release(prepared);
        return;
    }
    request->reprepares++;
    request->host = NULL; /* the server is fine: it may be asked again */
    struct repreparing *repreparing = xcalloc(1, sizeof *repreparing);
    struct cql_request *prepare = &repreparing->request;
    repreparing->prepared = prepared;
    repreparing->host = connection->host;
    cql_request_init(prepare, CQL_REQUEST_PREPARE);
    prepare->cluster = cluster;
    prepare->text = str_from(prepared->text);
    prepare->idempotent = true;
    prepare->max_attempts = 1; /* the host that asked for it; else the request goes on elsewhere */
    prepare->done = reprepared;
    prepare->data = repreparing;
    prepare->waiting = request;
    cqli_connection_send(connection, prepare);
}

/* ---- On the other hosts ---- */

/* The text lies behind it. */
static void prepared_elsewhere(struct cql_request *request, struct cql_response *response, const struct error *err) {
    (void)err; /* who executes it there prepares it there */
    cql_response_free(response);
    free(request);
}

void cqli_prepare_elsewhere(struct cql_cluster *cluster, const struct cqli_host *host, struct str text) {
    for (int i = 0; i < cluster->host_count; i++) {
        struct cqli_host *other = cluster->hosts[i];
        struct cqli_connection *c = other == host || other->retired ? NULL : cqli_host_connection(other);
        if (!c) continue;
        struct cql_request *prepare = xmalloc(sizeof *prepare + text.len);
        cql_request_init(prepare, CQL_REQUEST_PREPARE);
        prepare->cluster = cluster;
        prepare->text = (struct str){memcpy(prepare + 1, text.data, text.len), text.len};
        prepare->idempotent = true;
        prepare->max_attempts = 1;
        prepare->done = prepared_elsewhere;
        prepare->waiting = prepare; /* not to be spread in turn */
        cqli_connection_send(c, prepare);
    }
}

static struct str copy_str(struct arena *arena, struct str s) {
    return (struct str){arena_strndup(arena, s.data, s.len), s.len};
}

const struct cql_prepared *cql_prepared_retain(const struct cql_prepared *prepared) {
    atomic_fetch_add_explicit(&((struct cql_prepared *)prepared)->references, 1, memory_order_relaxed);
    return prepared;
}

/* It stays, for the next one who prepares the same text, until its place is needed. */
void cql_prepared_release(const struct cql_prepared *prepared) {
    if (prepared) atomic_fetch_sub_explicit(&((struct cql_prepared *)prepared)->references, 1, memory_order_release);
}

/* The lock is held. */
static void forget_unused(struct cql_cluster *cluster) {
    struct cql_prepared **at = &cluster->prepared;
    while (*at) {
        struct cql_prepared *prepared = *at;
        if (atomic_load_explicit(&prepared->references, memory_order_acquire) > 0) {
            at = &prepared->next;
        } else {
            *at = prepared->next;
            cluster->prepared_count--;
            free_prepared(prepared);
        }
    }
}

/* A statement whose table was changed gets another entry: what it was prepared for stays with its users. */
static bool same_statement(const struct cql_prepared *a, const struct cql_prepared *b) {
    return strcmp(a->text, b->text) == 0 && str_equal(a->id, b->id) &&
           same_columns(a->bind_count, a->binds, b->bind_count, b->binds) &&
           same_columns(a->column_count, a->columns, b->column_count, b->columns);
}

static enum status make_prepared(const char *text, const char *table, const struct cql_response *response,
                                 struct cql_prepared **out, struct error *err) {
    struct arena arena;
    arena_init(&arena, NULL);
    struct cql_prepared_result result;
    enum status status = cql_read_prepared(response, &arena, &result, err);
    if (status != STATUS_OK) {
        error_prefix(err, "Cassandra: %s", response->from);
        arena_destroy(&arena);
        return status;
    }
    struct cql_prepared *prepared = ARENA_NEW(&arena, struct cql_prepared);
    *prepared = (struct cql_prepared){
        .text = arena_strdup(&arena, text),
        .table = table ? arena_strdup(&arena, table) : NULL,
        .bind_count = result.bind_count,
        .binds = result.binds,
        .key_count = result.key_count,
        .key = result.key,
        .column_count = result.column_count,
        .columns = result.columns,
        .id = copy_str(&arena, result.id),
        .result_metadata_id = copy_str(&arena, result.result_metadata_id),
    };
    prepared->arena = arena;
    *out = prepared;
    return STATUS_OK;
}

enum status cql_prepare(struct cql_cluster *cluster, const char *text, const char *table,
                        const struct cql_prepared **out, struct error *err) {
    struct cql_request request;
    cql_request_init(&request, CQL_REQUEST_PREPARE);
    request.text = str_from(text);
    request.table = table;
    request.idempotent = true;
    struct cql_response *response;
    TRY(cql_execute(cluster, &request, &response, err));
    struct cql_prepared *prepared;
    enum status status = make_prepared(text, table, response, &prepared, err);
    cql_response_free(response);
    if (status != STATUS_OK) return status;
    pthread_mutex_lock(&cluster->lock);
    if (cluster->prepared_count >= CQL_MAX_PREPARED) forget_unused(cluster);
    struct cql_prepared *known = cluster->prepared;
    while (known && !same_statement(known, prepared)) known = known->next;
    bool full = !known && cluster->prepared_count >= CQL_MAX_PREPARED;
    if (!known && !full) {
        prepared->next = cluster->prepared;
        cluster->prepared = prepared;
        cluster->prepared_count++;
    }
    if (!full) cql_prepared_retain(known ? known : prepared);
    pthread_mutex_unlock(&cluster->lock);
    if (known || full) free_prepared(prepared);
    if (full) return error_set(err, STATUS_LIMIT_EXCEEDED, "more than %d prepared statements in use", CQL_MAX_PREPARED);
    *out = known ? known : prepared;
    return STATUS_OK;
}
