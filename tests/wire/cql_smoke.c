/* cql_smoke [ROWS]: the CQL client against the server at MILLRACE_TEST_CASSANDRA (host:port). Writes ROWS (20000) rows with
 * many requests in flight, reads them back by pages and by key, prepares again after a change of the table; with every
 * combination of protocol version and compression. Prints one line each; exit status 1 when something differs. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cass/bytes.h"
#include "cql/cql.h"

static void die(const char *what, const struct error *err) {
    fprintf(stderr, "%s: %s%s%s\n", what, err ? err->message : "wrong", err && err->detail[0] ? "; " : "",
            err ? err->detail : "");
    exit(1);
}

#define CHECK(call)                                                                                                    \
    do {                                                                                                               \
        if ((call) != STATUS_OK) die(#call, &err);                                                                     \
    } while (0)
#define EXPECT(condition)                                                                                              \
    do {                                                                                                               \
        if (!(condition)) die(#condition, NULL);                                                                       \
    } while (0)

/* ---- Many writes in flight ---- */

struct window {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int in_flight, failed;
    struct error err;
};

struct write {
    struct cql_request request;
    struct strbuf values;
    struct window *window;
};

static void written(struct cql_request *request, struct cql_response *response, const struct error *err) {
    struct write *write = request->data;
    struct window *window = write->window;
    cql_response_free(response);
    pthread_mutex_lock(&window->lock);
    window->in_flight--;
    if (err && !window->failed++) window->err = *err;
    pthread_cond_signal(&window->changed);
    pthread_mutex_unlock(&window->lock);
    strbuf_free(&write->values);
    free(write);
}

static void put_int(struct strbuf *out, int32_t v) {
    cass_put_i32(out, 4);
    cass_put_i32(out, v);
}

static void write_rows(struct cql_cluster *cluster, const struct cql_prepared *insert, int rows, int64_t timestamp) {
    struct window window = {.in_flight = 0};
    pthread_mutex_init(&window.lock, NULL);
    pthread_cond_init(&window.changed, NULL);
    for (int i = 0; i < rows; i++) {
        struct write *write = calloc(1, sizeof *write);
        write->window = &window;
        cql_request_init(&write->request, CQL_REQUEST_EXECUTE);
        write->request.prepared = insert;
        write->request.idempotent = true;
        write->request.table = "smoke.t";
        write->request.done = written;
        write->request.data = write;
        write->request.parameters.timestamp = timestamp;
        put_int(&write->values, i / 100);
        put_int(&write->values, i % 100);
        char text[64];
        int len = snprintf(text, sizeof text, "value %d of many, long enough to be shared", i);
        if (i % 7 == 0) {
            cass_put_i32(&write->values, -1);
        } else if (i % 7 == 1) {
            cass_put_i32(&write->values, CASS_UNSET);
        } else {
            cass_put_i32(&write->values, len);
            strbuf_add(&write->values, text, (size_t)len);
        }
        write->request.parameters.value_count = 3;
        write->request.parameters.values = strbuf_str(&write->values);
        pthread_mutex_lock(&window.lock);
        while (window.in_flight >= 500) pthread_cond_wait(&window.changed, &window.lock);
        window.in_flight++;
        pthread_mutex_unlock(&window.lock);
        cql_submit(cluster, &write->request);
    }
    pthread_mutex_lock(&window.lock);
    while (window.in_flight) pthread_cond_wait(&window.changed, &window.lock);
    pthread_mutex_unlock(&window.lock);
    if (window.failed) die("write", &window.err);
    pthread_mutex_destroy(&window.lock);
    pthread_cond_destroy(&window.changed);
}

/* ---- Reading ---- */

static int scan(struct cql_cluster *cluster, const struct cql_prepared *select, int page_size) {
    struct error err;
    struct arena arena;
    arena_init(&arena, NULL);
    struct strbuf paging_state = {0};
    int count = 0, pages = 0;
    do {
        struct cql_request request;
        cql_request_init(&request, CQL_REQUEST_EXECUTE);
        request.prepared = select;
        request.idempotent = true;
        request.table = "smoke.t";
        request.parameters.page_size = page_size;
        request.parameters.paging_state = strbuf_str(&paging_state);
        request.parameters.skip_metadata = true;
        struct cql_response *response;
        CHECK(cql_execute(cluster, &request, &response, &err));
        struct cql_rows rows;
        CHECK(cql_read_rows(response, &arena, &rows, &err));
        uint32_t *offsets = calloc((size_t)rows.row_count + 1, sizeof *offsets);
        CHECK(cql_index_rows(&rows, 3, offsets, &err));
        EXPECT(offsets[rows.row_count] == rows.size_bytes);
        struct cass_cell *cells = calloc(3 * (size_t)rows.row_count + 1, sizeof *cells);
        cql_find_cells(rows.cells, 0, rows.row_count, 3, rows.row_count, cells);
        for (int i = 0; i < rows.row_count; i++) {
            struct cass_cell a = cells[i], b = cells[rows.row_count + i], c = cells[2 * rows.row_count + i];
            EXPECT(a.len == 4 && b.len == 4);
            int number = (int)(cass_load_u32(rows.cells + a.offset) * 100 + cass_load_u32(rows.cells + b.offset));
            char text[64];
            int len = snprintf(text, sizeof text, "value %d of many, long enough to be shared", number);
            EXPECT(number % 7 <= 1 ? c.len < 0 : c.len == len && memcmp(rows.cells + c.offset, text, (size_t)len) == 0);
        }
        count += rows.row_count;
        pages++;
        strbuf_clear(&paging_state);
        strbuf_add(&paging_state, rows.paging_state.data, rows.paging_state.len);
        free(offsets);
        free(cells);
        cql_response_free(response);
    } while (paging_state.len);
    EXPECT(pages >= count / page_size);
    strbuf_free(&paging_state);
    arena_destroy(&arena);
    return count;
}

static double seconds(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void run(const char *hosts, int version, bool compress, int rows) {
    struct error err;
    struct cql_options options;
    cql_options_init(&options);
    options.hosts = hosts;
    options.protocol_version = version;
    options.compress = compress;
    options.username = getenv("MILLRACE_TEST_CASSANDRA_USER");
    options.password = getenv("MILLRACE_TEST_CASSANDRA_PASSWORD");
    double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    struct cql_cluster *cluster;
    CHECK(cql_cluster_open(&options, &cluster, &err));
    CHECK(cql_query(cluster,
                    "CREATE KEYSPACE IF NOT EXISTS smoke WITH replication = "
                    "{'class': 'SimpleStrategy', 'replication_factor': 1}",
                    NULL, NULL, &err));
    CHECK(cql_query(cluster, "DROP TABLE IF EXISTS smoke.t", NULL, NULL, &err));
    CHECK(cql_query(cluster, "CREATE TABLE smoke.t (a int, b int, c text, PRIMARY KEY (a, b))", NULL, NULL, &err));
    const struct cql_prepared *insert, *select;
    CHECK(cql_prepare(cluster, "INSERT INTO smoke.t (a, b, c) VALUES (?, ?, ?)", "smoke.t", &insert, &err));
    CHECK(cql_prepare(cluster, "SELECT a, b, c FROM smoke.t", "smoke.t", &select, &err));
    EXPECT(insert->bind_count == 3 && insert->key_count == 1 && insert->key[0] == 0 && insert->column_count == 0);
    EXPECT(select->column_count == 3 && select->columns[2].type->id == CASS_TEXT);
    write_rows(cluster, insert, rows, 1000);
    EXPECT(scan(cluster, select, 777) == rows);
    EXPECT(scan(cluster, select, 100000) == rows);

    /* A batch: one delete with the same timestamp wins over the insert. */
    const struct cql_prepared *remove;
    CHECK(cql_prepare(cluster, "DELETE FROM smoke.t WHERE a = ? AND b = ?", "smoke.t", &remove, &err));
    struct strbuf statements = {0}, values = {0};
    for (int i = 0; i < 50; i++) {
        strbuf_clear(&values);
        put_int(&values, 0);
        put_int(&values, i);
        cql_put_batch_statement(&statements, remove->id, 2, strbuf_str(&values));
    }
    struct cql_request batch;
    cql_request_init(&batch, CQL_REQUEST_BATCH);
    batch.statement_count = 50;
    batch.statements = strbuf_str(&statements);
    batch.parameters.timestamp = 1000;
    batch.idempotent = true;
    struct cql_response *response;
    CHECK(cql_execute(cluster, &batch, &response, &err));
    cql_response_free(response);
    EXPECT(scan(cluster, select, 5000) == rows - 50);

    /* The server forgets the statements of a table that changes; they are prepared again behind the scenes. */
    CHECK(cql_query(cluster, "ALTER TABLE smoke.t ADD d int", NULL, NULL, &err));
    EXPECT(scan(cluster, select, 5000) == rows - 50);
    CHECK(cql_execute(cluster, &batch, &response, &err));
    cql_response_free(response);
    strbuf_free(&statements);
    strbuf_free(&values);

    EXPECT(cql_query(cluster, "SELECT nonsense FROM smoke.t", "smoke.t", NULL, &err) == STATUS_SERVER_ERROR);
    printf("protocol v%d%s, server %s: %d rows written and read, %.2f s, %.2f CPU s; an error looks like: %s\n",
           cql_cluster_protocol(cluster), compress ? " with LZ4" : "", cql_cluster_release_version(cluster), rows,
           seconds(CLOCK_MONOTONIC) - wall, seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu, err.message);
    cql_cluster_release(cluster);
}

/* Bytes of a whole table through the client: cql_smoke TABLE KEY COLUMNS RANGES (in flight: 8) */
struct drain {
    struct window window;
    int64_t rows, cells;
};
struct range {
    struct cql_request request;
    struct strbuf values, paging_state;
    struct drain *drain;
    struct cql_cluster *cluster;
};

static void drained(struct cql_request *request, struct cql_response *response, const struct error *err) {
    struct range *range = request->data;
    struct drain *drain = range->drain;
    struct cql_rows rows;
    if (err) die("drain", err);
    struct arena arena;
    struct error error;
    arena_init(&arena, NULL);
    if (cql_read_rows(response, &arena, &rows, &error) != STATUS_OK) die("rows", &error);
    uint32_t *offsets = malloc(((size_t)rows.row_count + 1) * sizeof *offsets);
    if (cql_index_rows(&rows, rows.column_count, offsets, &error) != STATUS_OK) die("rows", &error);
    free(offsets);
    drain->rows += rows.row_count;
    drain->cells += (int64_t)rows.row_count * rows.column_count;
    strbuf_clear(&range->paging_state);
    strbuf_add(&range->paging_state, rows.paging_state.data, rows.paging_state.len);
    request->parameters.paging_state = strbuf_str(&range->paging_state);
    arena_destroy(&arena);
    cql_response_free(response);
    if (range->paging_state.len) {
        cql_submit(range->cluster, request);
        return;
    }
    pthread_mutex_lock(&drain->window.lock);
    drain->window.in_flight--;
    pthread_cond_signal(&drain->window.changed);
    pthread_mutex_unlock(&drain->window.lock);
    strbuf_free(&range->values);
    strbuf_free(&range->paging_state);
    free(range);
}

static void drain_table(const char *hosts, const char *table, const char *key, const char *columns, int ranges,
                        bool lz4) {
    struct error err;
    struct cql_options options;
    cql_options_init(&options);
    options.hosts = hosts;
    options.compress = lz4;
    struct cql_cluster *cluster;
    CHECK(cql_cluster_open(&options, &cluster, &err));
    struct strbuf text = {0};
    strbuf_printf(&text, "SELECT %s FROM %s WHERE token(%s) > ? AND token(%s) <= ?", columns, table, key, key);
    const struct cql_prepared *select;
    CHECK(cql_prepare(cluster, text.data, table, &select, &err));
    double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    struct drain drain = {0};
    pthread_mutex_init(&drain.window.lock, NULL);
    pthread_cond_init(&drain.window.changed, NULL);
    uint64_t width = UINT64_MAX / (uint64_t)ranges;
    for (int i = 0; i < ranges; i++) {
        struct range *range = calloc(1, sizeof *range);
        range->drain = &drain;
        range->cluster = cluster;
        cass_put_i32(&range->values, 8);
        cass_put_i64(&range->values, (int64_t)(INT64_MIN + width * (uint64_t)i));
        cass_put_i32(&range->values, 8);
        cass_put_i64(&range->values, i + 1 == ranges ? INT64_MAX : (int64_t)(INT64_MIN + width * (uint64_t)(i + 1)));
        cql_request_init(&range->request, CQL_REQUEST_EXECUTE);
        range->request.prepared = select;
        range->request.idempotent = true;
        range->request.table = table;
        range->request.done = drained;
        range->request.data = range;
        range->request.parameters.value_count = 2;
        range->request.parameters.values = strbuf_str(&range->values);
        range->request.parameters.page_size = 5000;
        range->request.parameters.skip_metadata = true;
        pthread_mutex_lock(&drain.window.lock);
        while (drain.window.in_flight >= 8) pthread_cond_wait(&drain.window.changed, &drain.window.lock);
        drain.window.in_flight++;
        pthread_mutex_unlock(&drain.window.lock);
        cql_submit(cluster, &range->request);
    }
    pthread_mutex_lock(&drain.window.lock);
    while (drain.window.in_flight) pthread_cond_wait(&drain.window.changed, &drain.window.lock);
    pthread_mutex_unlock(&drain.window.lock);
    wall = seconds(CLOCK_MONOTONIC) - wall;
    printf("%lld rows, %lld cells in %.2f s (%.0f rows/s), %.2f CPU s\n", (long long)drain.rows, (long long)drain.cells,
           wall, (double)drain.rows / wall, seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu);
    strbuf_free(&text);
    cql_cluster_release(cluster);
}

int main(int argc, char **argv) {
    const char *hosts = getenv("MILLRACE_TEST_CASSANDRA");
    if (!hosts) {
        fprintf(stderr, "cql_smoke: MILLRACE_TEST_CASSANDRA is not set\n");
        return 2;
    }
    if (argc >= 5) {
        drain_table(hosts, argv[1], argv[2], argv[3], atoi(argv[4]), argc > 5);
        return 0;
    }
    int rows = argc > 1 ? atoi(argv[1]) : 20000;
    static const int versions[] = {0, 4, 5};
    for (int i = 0; i < 3; i++)
        for (int compress = 0; compress < 2; compress++) run(hosts, versions[i], compress, rows);
    return 0;
}
