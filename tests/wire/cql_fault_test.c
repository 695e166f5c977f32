/* The CQL client and the Cassandra connector against the fake server: every fault gives its one error, or is survived, without
 * hanging, losing or doubling anything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "cass/bytes.h"
#include "connector/cassandra/cassandra.h"
#include "cql/cql.h"
#include "fake_cql.h"

/* ---- Helpers ---- */

static struct error err;
static char expected[1024];

static const char *with_port(const char *fmt, int port) {
    snprintf(expected, sizeof expected, fmt, port);
    return expected;
}

static struct cql_options client_options(const char *hosts) {
    struct cql_options options;
    cql_options_init(&options);
    options.hosts = hosts;
    options.connections_per_host = 1;
    options.connect_timeout_ms = 2000;
    options.request_timeout_ms = 3000;
    options.max_attempts = 3;
    return options;
}

struct pair {
    struct fake_cql *fake;
    struct cql_cluster *cluster;
    char hosts[64];
};

static void start_fake(struct pair *pair, const struct fake_options *options) {
    pair->fake = fake_cql_start(options, 0);
    pair->cluster = NULL;
    snprintf(pair->hosts, sizeof pair->hosts, "127.0.0.1:%d", fake_cql_port(pair->fake));
}

static enum status open_with(struct pair *pair, const struct cql_options *options) {
    error_clear(&err);
    return cql_cluster_open(options, &pair->cluster, &err);
}

static void start(struct pair *pair, const struct fake_options *options) {
    start_fake(pair, options);
    struct cql_options client = client_options(pair->hosts);
    if (open_with(pair, &client) != STATUS_OK) fail_msg("%s", err.message);
}

static void stop(struct pair *pair) {
    cql_cluster_release(pair->cluster);
    fake_cql_stop(pair->fake);
}

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* All rows of ks.t by pages; every row must be there once. */
static enum status scan(struct cql_cluster *cluster, int timeout_ms, int *rows) {
    const struct cql_prepared *select;
    TRY(cql_prepare(cluster, "SELECT \"a\", \"b\" FROM ks.t", "ks.t", &select, &err));
    struct strbuf state = {0};
    enum status status = STATUS_OK;
    *rows = 0;
    do {
        struct cql_request request;
        cql_request_init(&request, CQL_REQUEST_EXECUTE);
        request.prepared = select;
        request.idempotent = true;
        request.table = "ks.t";
        request.timeout_ms = timeout_ms;
        request.parameters.page_size = 3;
        request.parameters.skip_metadata = true;
        request.parameters.paging_state = strbuf_str(&state);
        struct cql_response *response;
        status = cql_execute(cluster, &request, &response, &err);
        if (status != STATUS_OK) break;
        struct arena arena;
        arena_init(&arena, NULL);
        struct cql_rows page;
        uint32_t offsets[64];
        status = cql_read_rows(response, &arena, &page, &err);
        if (status == STATUS_OK) status = cql_index_rows(&page, 2, offsets, &err);
        for (int i = 0; status == STATUS_OK && i < page.row_count; i++)
            assert_int_equal(cass_load_u32(page.cells + offsets[i] + 4), (*rows)++);
        strbuf_clear(&state);
        if (status == STATUS_OK) strbuf_add(&state, page.paging_state.data, page.paging_state.len);
        arena_destroy(&arena);
        cql_response_free(response);
    } while (status == STATUS_OK && state.len);
    strbuf_free(&state);
    cql_prepared_release(select);
    return status;
}

static enum status write_one(struct cql_cluster *cluster, bool idempotent) {
    struct cql_request request;
    struct cql_response *response;
    cql_request_init(&request, CQL_REQUEST_QUERY);
    request.text = str_from("UPDATE counters");
    request.table = "ks.t";
    request.idempotent = idempotent;
    TRY(cql_execute(cluster, &request, &response, &err));
    cql_response_free(response);
    return STATUS_OK;
}

/* ---- Opening ---- */

static void versions_are_negotiated(void **state) {
    (void)state;
    for (int highest = 3; highest <= 5; highest++)
        for (int asked = 0; asked <= 5; asked += asked ? 1 : 3)
            for (int compress = 0; compress < 3; compress++)
                for (int dribble = 0; dribble < 2; dribble++) {
                    struct pair pair;
                    start_fake(&pair,
                               &(struct fake_options){.version = highest, .no_lz4 = compress == 2, .dribble = dribble});
                    struct cql_options client = client_options(pair.hosts);
                    client.protocol_version = asked;
                    client.compress = compress > 0;
                    enum status status = open_with(&pair, &client);
                    if (asked > highest) {
                        char message[200];
                        snprintf(
                            message, sizeof message,
                            "cannot connect to Cassandra: 127.0.0.1:%%d: the server knows version %d of the native "
                            "protocol, not %d",
                            highest, asked);
                        assert_int_equal(status, STATUS_UNREACHABLE);
                        assert_string_equal(err.message, with_port(message, fake_cql_port(pair.fake)));
                    } else {
                        assert_int_equal(status, STATUS_OK);
                        assert_int_equal(cql_cluster_protocol(pair.cluster), asked ? asked : highest);
                        assert_string_equal(cql_cluster_release_version(pair.cluster), "9.9-fake");
                        int rows;
                        assert_int_equal(scan(pair.cluster, 0, &rows), STATUS_OK);
                        assert_int_equal(rows, 10);
                    }
                    stop(&pair);
                }
    struct pair pair;
    start_fake(&pair, &(struct fake_options){.version = 2});
    struct cql_options client = client_options(pair.hosts);
    assert_int_equal(open_with(&pair, &client), STATUS_UNREACHABLE);
    assert_string_equal(err.message,
                        with_port("cannot connect to Cassandra: 127.0.0.1:%d: the server knows version 2 of the "
                                  "native protocol, not 3",
                                  fake_cql_port(pair.fake)));
    stop(&pair);
}

static void logins(void **state) {
    (void)state;
    struct pair pair;
    start_fake(&pair, &(struct fake_options){.login = true});
    struct cql_options client = client_options(pair.hosts);
    assert_int_equal(open_with(&pair, &client), STATUS_AUTHENTICATION);
    assert_string_equal(err.message, with_port("cannot connect to Cassandra: 127.0.0.1:%d: the server wants a login",
                                               fake_cql_port(pair.fake)));
    client.username = "u";
    client.password = "wrong";
    assert_int_equal(open_with(&pair, &client), STATUS_AUTHENTICATION);
    assert_string_equal(err.message,
                        with_port("cannot connect to Cassandra: 127.0.0.1:%d: login refused: the fake says no",
                                  fake_cql_port(pair.fake)));
    assert_int_equal(status_exit(err.code), 3);
    assert_string_equal(err.hint, "check the options 'username' and 'password'");
    client.password = "p";
    assert_int_equal(open_with(&pair, &client), STATUS_OK);
    int rows;
    assert_int_equal(scan(pair.cluster, 0, &rows), STATUS_OK);
    stop(&pair);
}

static void servers_that_are_none(void **state) {
    (void)state;
    static const struct {
        enum fake_fault fault;
        enum status status;
        const char *message;
    } cases[] = {
        {FAKE_CLOSE_ON_ACCEPT, STATUS_UNREACHABLE,
         "cannot connect to Cassandra: 127.0.0.1:%d: the server closed the connection"},
        {FAKE_SILENT, STATUS_TIMEOUT,
         "cannot connect to Cassandra: 127.0.0.1:%d: no answer to the start of a CQL session within 300 ms"},
        {FAKE_NOT_CQL, STATUS_UNREACHABLE,
         "cannot connect to Cassandra: 127.0.0.1:%d: this is no CQL server: the answer is not of the native protocol"},
        {FAKE_NOT_NOW, STATUS_UNREACHABLE, "cannot connect to Cassandra: 127.0.0.1:%d: overloaded: the fake says no"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pair pair;
        start_fake(&pair, &(struct fake_options){.fault = cases[i].fault});
        struct cql_options client = client_options(pair.hosts);
        client.connect_timeout_ms = 300;
        assert_int_equal(open_with(&pair, &client), cases[i].status);
        assert_string_equal(err.message, with_port(cases[i].message, fake_cql_port(pair.fake)));
        assert_int_equal(status_exit(err.code), 3);
        stop(&pair);
    }
    struct cql_cluster *cluster;
    struct cql_options client = client_options("127.0.0.1:1");
    assert_int_equal(cql_cluster_open(&client, &cluster, &err), STATUS_UNREACHABLE);
    assert_string_equal(err.message, "cannot connect to Cassandra: 127.0.0.1:1: cannot connect: connection refused");
    static const char *const lists[] = {"", " , ", "a:", "a:0", "a:99999", "a:1x", "a b", "[::1"};
    for (size_t i = 0; i < sizeof lists / sizeof *lists - 1; i++) {
        client.hosts = lists[i];
        assert_int_equal(cql_cluster_open(&client, &cluster, &err), STATUS_INVALID_OPTION);
    }
}

static void contact_points_in_order(void **state) {
    (void)state;
    struct pair other, pair;
    start_fake(&other, &(struct fake_options){.datacenter = "far"});
    start_fake(&pair, &(struct fake_options){.datacenter = "near"});
    char hosts[256];
    snprintf(hosts, sizeof hosts, " 127.0.0.1:1 ,%s, %s", other.hosts, pair.hosts);
    struct cql_options client = client_options(hosts);
    client.local_datacenter = "near";
    assert_int_equal(open_with(&pair, &client), STATUS_OK);
    assert_string_equal(cql_cluster_datacenter(pair.cluster), "near");
    int rows;
    assert_int_equal(scan(pair.cluster, 0, &rows), STATUS_OK);
    assert_int_equal(fake_cql_prepares(other.fake), 0);
    cql_cluster_release(pair.cluster);
    client.local_datacenter = "nowhere";
    assert_int_equal(open_with(&pair, &client), STATUS_UNREACHABLE);
    assert_string_equal(err.message,
                        with_port("cannot connect to Cassandra: 127.0.0.1:%d: the server is in datacenter 'near', "
                                  "not in 'nowhere'",
                                  fake_cql_port(pair.fake)));
    assert_string_equal(err.detail, "the last of 3 hosts that were tried");
    assert_string_equal(
        err.hint, "check the option 'local-datacenter'; with 'datacenter-failover' = 'true' others are used while "
                  "it cannot be reached");
    pair.cluster = NULL;
    stop(&pair);
    fake_cql_stop(other.fake);
}

/* ---- Faults of requests ---- */

/* A fault that never stops gives this error; one that happens twice and ends is survived when reading. */
static void request_faults(void **state) {
    (void)state;
    static const struct {
        enum fake_fault fault;
        int32_t code;
        enum status status;
        const char *message; /* behind the prefix */
        int attempts;        /* that the detail tells of, 0: none */
    } cases[] = {
        {FAKE_CLOSE_MID_PAGE, 0, STATUS_UNREACHABLE, "the server closed the connection", 3},
        {FAKE_NO_ANSWER, 0, STATUS_TIMEOUT, "no answer within 150 ms", 3},
        {FAKE_CORRUPT, 0, STATUS_BAD_DATA, "the checksum of a segment's payload is wrong", 3},
        {FAKE_CORRUPT_HEADER, 0, STATUS_BAD_DATA, "the checksum of a segment's header is wrong", 3},
        {FAKE_WRONG_STREAM, 0, STATUS_BAD_DATA, "an answer to a request that was never sent", 3},
        {FAKE_WRONG_OPCODE, 0, STATUS_BAD_DATA, "an answer that does not fit the question", 3},
        {FAKE_ERROR, CQL_READ_TIMEOUT, STATUS_TIMEOUT, "read timed out: the fake says no", 3},
        {FAKE_ERROR, CQL_OVERLOADED, STATUS_SERVER_ERROR, "overloaded: the fake says no", 3},
        {FAKE_ERROR, CQL_UNAVAILABLE, STATUS_UNREACHABLE, "not enough replicas are alive: the fake says no", 3},
        {FAKE_ERROR, CQL_SERVER_ERROR, STATUS_SERVER_ERROR, "server error: the fake says no", 3},
        {FAKE_UNPREPARED, 0, STATUS_SERVER_ERROR, "not prepared: the fake says no", 3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int count = 0; count <= 2; count += 2) {
            struct pair pair;
            start(&pair,
                  &(struct fake_options){
                      .fault = cases[i].fault, .error_code = cases[i].code, .fault_count = count, .fault_skip = 1});
            int rows;
            enum status status = scan(pair.cluster, 150, &rows);
            if (count) {
                if (status != STATUS_OK) fail_msg("case %zu: %s", i, err.message);
                assert_int_equal(rows, 10);
            } else {
                assert_int_equal(status, cases[i].status);
                char fmt[256], detail[64];
                snprintf(fmt, sizeof fmt, "Cassandra, table ks.t: 127.0.0.1:%%d: %s", cases[i].message);
                assert_string_equal(err.message, with_port(fmt, fake_cql_port(pair.fake)));
                snprintf(detail, sizeof detail, "tried %d times", cases[i].attempts);
                assert_non_null(strstr(err.detail, detail));
                assert_int_equal(rows, 3);
            }
            stop(&pair);
        }
}

static void errors_that_are_final(void **state) {
    (void)state;
    static const struct {
        int32_t code;
        enum status status;
        const char *message;
    } cases[] = {
        {CQL_INVALID, STATUS_SERVER_ERROR, "invalid request"},
        {CQL_SYNTAX_ERROR, STATUS_SERVER_ERROR, "syntax error"},
        {CQL_UNAUTHORIZED, STATUS_SERVER_ERROR, "not permitted"},
        {CQL_READ_FAILURE, STATUS_SERVER_ERROR, "read failed"},
        {CQL_ALREADY_EXISTS, STATUS_DUPLICATE_NAME, "exists already"},
        {0x7777, STATUS_SERVER_ERROR, "unknown error"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pair pair;
        start(&pair, &(struct fake_options){.fault = FAKE_ERROR, .error_code = cases[i].code, .fault_count = 1});
        int rows;
        assert_int_equal(scan(pair.cluster, 0, &rows), cases[i].status);
        char fmt[128];
        snprintf(fmt, sizeof fmt, "Cassandra, table ks.t: 127.0.0.1:%%d: %s: the fake says no", cases[i].message);
        assert_string_equal(err.message, with_port(fmt, fake_cql_port(pair.fake)));
        assert_int_equal(rows, 0);
        stop(&pair);
    }
    struct pair pair; /* figures of the consistency level */
    start(&pair, &(struct fake_options){.fault = FAKE_ERROR, .error_code = CQL_UNAVAILABLE});
    assert_int_equal(write_one(pair.cluster, true), STATUS_UNREACHABLE);
    assert_string_equal(err.detail, "consistency QUORUM: 1 of 2 replicas; tried 3 times");
    assert_non_null(strstr(err.hint, "nodetool status"));
    assert_non_null(strstr(err.hint, "a lower 'consistency'"));
    stop(&pair);
    /* of what is not answered at all: what was asked for */
    start_fake(&pair, &(struct fake_options){.fault = FAKE_NO_ANSWER});
    struct cql_options client = client_options(pair.hosts);
    client.request_timeout_ms = 150;
    assert_int_equal(open_with(&pair, &client), STATUS_OK);
    assert_int_equal(write_one(pair.cluster, true), STATUS_TIMEOUT);
    assert_string_equal(err.detail, "consistency LOCAL_ONE; tried 3 times");
    assert_non_null(strstr(err.hint, "nodetool status"));
    assert_non_null(strstr(err.hint, "'request-timeout'"));
    stop(&pair);
}

/* What may have been done is not done again unless that is harmless. */
static void only_harmless_writes_are_repeated(void **state) {
    (void)state;
    static const enum fake_fault faults[] = {FAKE_NO_ANSWER, FAKE_CLOSE_MID_PAGE, FAKE_ERROR};
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        for (int idempotent = 0; idempotent < 2; idempotent++) {
            struct pair pair;
            start_fake(&pair,
                       &(struct fake_options){.fault = faults[i], .error_code = CQL_WRITE_TIMEOUT, .fault_count = 1});
            struct cql_options client = client_options(pair.hosts);
            client.request_timeout_ms = 150;
            assert_int_equal(open_with(&pair, &client), STATUS_OK);
            enum status status = write_one(pair.cluster, idempotent);
            if (idempotent)
                assert_int_equal(status, STATUS_OK);
            else
                assert_int_not_equal(status, STATUS_OK);
            assert_int_equal(fake_cql_writes(pair.fake), idempotent ? 2 : 1);
            stop(&pair);
        }
}

static void late_answers_do_no_harm(void **state) {
    (void)state;
    struct pair pair;
    start(&pair, &(struct fake_options){.fault = FAKE_LATE, .fault_count = 1, .fault_skip = 1, .late_ms = 400});
    int rows;
    /* Another request is answered meanwhile, so the connection stays; the late answer finds nobody waiting. */
    assert_int_equal(scan(pair.cluster, 200, &rows), STATUS_OK);
    assert_int_equal(rows, 10);
    usleep(500000);
    assert_int_equal(scan(pair.cluster, 200, &rows), STATUS_OK);
    stop(&pair);
}

static void huge_and_malformed_answers(void **state) {
    (void)state;
    struct pair pair;
    start_fake(&pair, &(struct fake_options){.fault = FAKE_HUGE, .version = 4});
    struct cql_options client = client_options(pair.hosts);
    assert_int_equal(open_with(&pair, &client), STATUS_OK);
    int rows;
    assert_int_equal(scan(pair.cluster, 0, &rows), STATUS_BAD_DATA);
    assert_string_equal(err.message,
                        with_port("Cassandra, table ks.t: 127.0.0.1:%d: a frame of 4294967295 bytes, more than the "
                                  "limit of 268435456",
                                  fake_cql_port(pair.fake)));
    stop(&pair);
    start(&pair, &(struct fake_options){.fault = FAKE_MALFORMED});
    assert_int_equal(scan(pair.cluster, 0, &rows), STATUS_BAD_DATA);
    stop(&pair);
}

static void statements_are_prepared_again(void **state) {
    (void)state;
    struct pair pair;
    int rows;
    start(&pair, &(struct fake_options){.fault = FAKE_UNPREPARED, .fault_count = 1});
    assert_int_equal(scan(pair.cluster, 0, &rows), STATUS_OK);
    assert_int_equal(rows, 10);
    assert_int_equal(fake_cql_prepares(pair.fake), 2);
    stop(&pair);
    start(&pair, &(struct fake_options){.fault = FAKE_UNPREPARED, .fault_count = 1, .other_columns = true});
    assert_int_equal(scan(pair.cluster, 0, &rows), STATUS_SERVER_ERROR);
    assert_string_equal(err.message,
                        with_port("Cassandra, table ks.t: 127.0.0.1:%d: the table was changed while it was in use",
                                  fake_cql_port(pair.fake)));
    stop(&pair);
}

static void statements_make_room(void **state) {
    (void)state;
    struct pair pair;
    start(&pair, &(struct fake_options){0});
    const struct cql_prepared *kept, *again;
    assert_int_equal(cql_prepare(pair.cluster, "SELECT kept", "ks.t", &kept, &err), STATUS_OK);
    for (int i = 0; i < 2 * CQL_MAX_PREPARED; i++) {
        char text[32];
        const struct cql_prepared *prepared;
        snprintf(text, sizeof text, "SELECT %d", i);
        assert_int_equal(cql_prepare(pair.cluster, text, "ks.t", &prepared, &err), STATUS_OK);
        cql_prepared_release(prepared);
    }
    assert_int_equal(cql_prepare(pair.cluster, "SELECT kept", "ks.t", &again, &err), STATUS_OK);
    assert_ptr_equal(kept, again);
    assert_string_equal(kept->text, "SELECT kept");
    stop(&pair);
}

/* ---- The server goes and comes ---- */

static void connections_come_back(void **state) {
    (void)state;
    struct pair pair;
    int rows;
    start(&pair, &(struct fake_options){0});
    int port = fake_cql_port(pair.fake);
    assert_int_equal(scan(pair.cluster, 0, &rows), STATUS_OK);
    fake_cql_stop(pair.fake);
    int64_t before = now_ms();
    assert_int_equal(scan(pair.cluster, 0, &rows), STATUS_UNREACHABLE);
    assert_string_equal(err.message,
                        with_port("Cassandra, table ks.t: 127.0.0.1:%d: cannot connect: connection refused", port));
    assert_string_equal(err.detail, "tried 3 times");
    assert_true(now_ms() - before < 2000);
    pair.fake = fake_cql_start(&(struct fake_options){0}, port);
    assert_int_equal(scan(pair.cluster, 0, &rows), STATUS_OK);
    assert_int_equal(rows, 10);
    stop(&pair);
}

static void heartbeats(void **state) {
    (void)state;
    struct pair pair;
    start_fake(&pair, &(struct fake_options){0});
    struct cql_options client = client_options(pair.hosts);
    client.heartbeat_ms = 100;
    client.connect_timeout_ms = 200;
    assert_int_equal(open_with(&pair, &client), STATUS_OK);
    for (int i = 0; i < 60 && fake_cql_heartbeats(pair.fake) < 2; i++) usleep(100000);
    assert_true(fake_cql_heartbeats(pair.fake) >= 2);
    assert_int_equal(fake_cql_connections(pair.fake), 1);
    stop(&pair);
    start_fake(&pair, &(struct fake_options){.fault = FAKE_NO_HEARTBEAT});
    client.hosts = pair.hosts;
    assert_int_equal(open_with(&pair, &client), STATUS_OK);
    for (int i = 0; i < 60 && fake_cql_connections(pair.fake) < 2; i++) usleep(100000);
    assert_true(fake_cql_connections(pair.fake) >= 2);
    stop(&pair);
}

/* ---- Closing with requests under way ---- */

struct flight {
    struct cql_request request;
    pthread_mutex_t *lock;
    pthread_cond_t *changed;
    int *landed, *cancelled;
};

static void landed(struct cql_request *request, struct cql_response *response, const struct error *why) {
    struct flight *flight = request->data;
    cql_response_free(response);
    pthread_mutex_lock(flight->lock);
    ++*flight->landed;
    if (why && why->code == STATUS_CANCELLED) ++*flight->cancelled;
    pthread_cond_signal(flight->changed);
    pthread_mutex_unlock(flight->lock);
}

static void closing_ends_every_request(void **state) {
    (void)state;
    enum { FLIGHTS = 5000 }; /* more than a connection's streams: some wait */
    struct pair pair;
    start(&pair, &(struct fake_options){.fault = FAKE_NO_ANSWER});
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
    int done = 0, cancelled = 0;
    struct flight *flights = calloc(FLIGHTS, sizeof *flights);
    for (int i = 0; i < FLIGHTS; i++) {
        cql_request_init(&flights[i].request, CQL_REQUEST_QUERY);
        flights[i].request.text = str_from("SELECT x");
        flights[i].request.idempotent = i % 2;
        flights[i].request.done = landed;
        flights[i].request.data = &flights[i];
        flights[i].lock = &lock;
        flights[i].changed = &changed;
        flights[i].landed = &done;
        flights[i].cancelled = &cancelled;
        cql_submit(pair.cluster, &flights[i].request);
    }
    usleep(50000);
    cql_cluster_release(pair.cluster);
    assert_int_equal(done, FLIGHTS);
    assert_int_equal(cancelled, FLIGHTS);
    free(flights);
    fake_cql_stop(pair.fake);
}

static void many_in_flight(void **state) {
    (void)state;
    enum { FLIGHTS = 20000 };
    struct pair pair;
    start(&pair, &(struct fake_options){0});
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
    int done = 0, cancelled = 0;
    struct flight *flights = calloc(FLIGHTS, sizeof *flights);
    for (int i = 0; i < FLIGHTS; i++) {
        cql_request_init(&flights[i].request, CQL_REQUEST_QUERY);
        flights[i].request.text = str_from("INSERT");
        flights[i].request.done = landed;
        flights[i].request.data = &flights[i];
        flights[i].lock = &lock;
        flights[i].changed = &changed;
        flights[i].landed = &done;
        flights[i].cancelled = &cancelled;
        cql_submit(pair.cluster, &flights[i].request);
    }
    pthread_mutex_lock(&lock);
    while (done < FLIGHTS) pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    assert_int_equal(cancelled, 0);
    assert_int_equal(fake_cql_writes(pair.fake), FLIGHTS);
    free(flights);
    stop(&pair);
}

/* ---- The connector ---- */

struct fixture {
    struct pair pair;
    struct arena arena;
    struct table table;
    struct table_column columns[2];
    int key[1];
    struct scan_request request; /* all of it, as a job would read it, unless changed */
    int request_columns[2];
    int blocks, largest_block; /* rows of it, but for the first ones */
};

static void open_fixture(struct fixture *f, const struct fake_options *options, int attempts) {
    start_fake(&f->pair, options);
    arena_init(&f->arena, NULL);
    f->columns[0] = (struct table_column){.name = "a", .type = type_with_nullable(&f->arena, type_of(TYPE_INT), false)};
    f->columns[1] = (struct table_column){.name = "b", .type = type_of(TYPE_VARCHAR)};
    f->key[0] = 0;
    f->table = (struct table){.name = "t",
                              .connector = "cassandra",
                              .column_count = 2,
                              .columns = f->columns,
                              .primary_key_count = 1,
                              .partition_key_count = 1,
                              .primary_key = f->key,
                              .watermark_column = -1};
    const char *pairs[][2] = {{"connector", "cassandra"},   {"hosts", f->pair.hosts}, {"keyspace", "ks"},
                              {"scan.splits", "1"},         {"scan.page-size", "3"},  {"request-timeout", "200 ms"},
                              {"connections-per-host", "1"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        option_add(&f->table.options, &f->arena, pairs[i][0], pairs[i][1], -1);
    option_add(&f->table.options, &f->arena, "max-attempts", arena_printf(&f->arena, "%d", attempts), -1);
    f->request_columns[0] = 0;
    f->request_columns[1] = 1;
    f->request = (struct scan_request){.column_count = 2, .columns = f->request_columns, .limit = -1};
    f->blocks = 0;
}

static void set_option(struct fixture *f, const char *key, const char *value) {
    for (int i = 0; i < f->table.options.count; i++)
        if (strcmp(f->table.options.keys[i], key) == 0) {
            f->table.options.values[i] = value;
            return;
        }
    option_add(&f->table.options, &f->arena, key, value, -1);
}

static void close_fixture(struct fixture *f) {
    arena_destroy(&f->arena);
    fake_cql_stop(f->pair.fake);
}

struct output {
    struct decode_output base;
    int rows;
};

/* Row by row: the table's rows in order. */
static enum status check_rows(struct decode_output *base, struct chunk *chunk, struct error *error) {
    (void)error;
    struct output *output = (struct output *)base;
    for (int i = 0; i < chunk->row_count; i++, output->rows++) {
        char text[32];
        if (!chunk->column_count) continue;
        snprintf(text, sizeof text, "row %d", output->rows);
        assert_int_equal(((int32_t *)chunk->columns[0].data)[i], output->rows);
        assert_true(str_equal(strview_str((struct strview *)chunk->columns[1].data + i), str_from(text)));
    }
    return STATUS_OK;
}

/* In any order, but each only once: marked in rows_seen. */
static bool rows_seen[10000];

static enum status mark_rows(struct decode_output *base, struct chunk *chunk, struct error *error) {
    (void)error;
    struct output *output = (struct output *)base;
    for (int i = 0; i < chunk->row_count; i++, output->rows++) {
        int row = ((int32_t *)chunk->columns[0].data)[i];
        assert_true(row >= 0 && row < 10000 && !rows_seen[row]);
        rows_seen[row] = true;
    }
    return STATUS_OK;
}

static enum status read_with(struct fixture *f, int *rows, bool leave_early,
                             enum status (*emit)(struct decode_output *, struct chunk *, struct error *)) {
    struct source *source;
    TRY(cassandra_connector.source->open(&f->table, &f->request, 1, NULL, &source, &err));
    struct split *splits;
    int count, indexes[64];
    struct offset starts[64];
    struct source_reader *reader;
    struct output output = {.base = {.arena = &f->arena, .emit = emit}};
    assert_int_equal(cassandra_connector.source->splits(source, &f->arena, &splits, &count, &err), STATUS_OK);
    assert_in_range(count, 1, 64);
    for (int i = 0; i < count; i++) {
        indexes[i] = i;
        starts[i] = splits[i].start;
    }
    assert_int_equal(cassandra_connector.source->reader_open(source, splits, indexes, starts, count, &reader, &err),
                     STATUS_OK);
    enum status status = STATUS_OK;
    enum fetch_result result = FETCH_IDLE;
    while (status == STATUS_OK && result != FETCH_END) {
        struct block *block;
        status = cassandra_connector.source->fetch(reader, 100, &block, &result, &err);
        if (status != STATUS_OK || result != FETCH_BLOCK) continue;
        status = cassandra_connector.source->decode(source, block, 0, block->record_count, &output.base, &err);
        if (!f->blocks++ || block->record_count > f->largest_block) f->largest_block = block->record_count;
        block->release(block);
        if (leave_early) break;
    }
    cassandra_connector.source->reader_close(reader);
    cassandra_connector.source->close(source);
    *rows = output.rows;
    return status;
}

static enum status read_table(struct fixture *f, int *rows, bool leave_early) {
    return read_with(f, rows, leave_early, check_rows);
}

static void scans_over_faults(void **state) {
    (void)state;
    static const struct {
        enum fake_fault fault;
        enum status status;
        const char *message;
    } cases[] = {
        {FAKE_CLOSE_MID_PAGE, STATUS_UNREACHABLE, "the server closed the connection"},
        {FAKE_NO_ANSWER, STATUS_TIMEOUT, "no answer within 200 ms"},
        {FAKE_CORRUPT, STATUS_BAD_DATA, "the checksum of a segment's payload is wrong"},
        {FAKE_MALFORMED, STATUS_BAD_DATA, "a malformed RESULT message"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int survive = 0; survive < 2; survive++) {
            if (survive && cases[i].fault == FAKE_MALFORMED) continue; /* well framed and wrong: nothing to repeat */
            struct fixture f;
            int rows;
            open_fixture(&f, &(struct fake_options){.fault = cases[i].fault, .fault_skip = 2, .fault_count = survive},
                         3);
            enum status status = read_table(&f, &rows, false);
            if (survive) {
                if (status != STATUS_OK) fail_msg("%s", err.message);
                assert_int_equal(rows, 10);
            } else {
                char fmt[256];
                snprintf(fmt, sizeof fmt, "Cassandra, table ks.t: 127.0.0.1:%%d: %s", cases[i].message);
                assert_int_equal(status, cases[i].status);
                assert_string_equal(err.message, with_port(fmt, fake_cql_port(f.pair.fake)));
                assert_int_equal(rows, 6); /* what came before is whole */
            }
            close_fixture(&f);
        }
    struct fixture f; /* left in the middle, with requests under way */
    int rows;
    open_fixture(&f, &(struct fake_options){.rows = 1000}, 3);
    assert_int_equal(read_table(&f, &rows, true), STATUS_OK);
    close_fixture(&f);
}

/* Pages that are too much are asked for again, with fewer rows, from the same place. */
static void pages_become_smaller(void **state) {
    (void)state;
    static const int32_t codes[] = {CQL_READ_TIMEOUT, CQL_READ_FAILURE};
    for (int i = 0; i < 2; i++) {
        struct fixture f;
        int rows;
        open_fixture(
            &f, &(struct fake_options){.rows = 5000, .page_rows = -1, .max_page_rows = 40, .error_code = codes[i]}, 2);
        set_option(&f, "scan.page-size", "1000");
        if (read_table(&f, &rows, false) != STATUS_OK) fail_msg("%s", err.message);
        assert_int_equal(rows, 5000);
        assert_in_range(f.largest_block, 20, 40); /* half the smallest that was too much */
        /* 500, 250, 125, 62; then now and then one that is larger than what goes */
        assert_in_range(fake_cql_refusals(f.pair.fake), 4, 4 + 5000 / 31 / 32);
        close_fixture(&f);

        /* No answer at all to one of many: the timeout is ours. */
        open_fixture(&f,
                     &(struct fake_options){
                         .rows = 5000, .page_rows = -1, .fault = FAKE_NO_ANSWER, .fault_skip = 3, .fault_count = 2},
                     2);
        set_option(&f, "scan.page-size", "200");
        if (read_table(&f, &rows, false) != STATUS_OK) fail_msg("%s", err.message);
        assert_int_equal(rows, 5000);
        close_fixture(&f);

        /* When nothing helps, the error is the server's. */
        open_fixture(
            &f, &(struct fake_options){.rows = 5000, .page_rows = -1, .max_page_rows = 3, .error_code = codes[i]}, 2);
        set_option(&f, "scan.page-size", "100");
        assert_int_equal(read_table(&f, &rows, false), i ? STATUS_SERVER_ERROR : STATUS_TIMEOUT);
        assert_non_null(strstr(err.message, i ? "read failed: the fake says no" : "read timed out: the fake says no"));
        close_fixture(&f);
    }
}

/* Rows are some 20 bytes: pages get as many as make the size that is wanted. */
static void pages_have_a_size(void **state) {
    (void)state;
    struct fixture f;
    int rows;
    open_fixture(&f, &(struct fake_options){.rows = 10000, .page_rows = -1}, 2);
    set_option(&f, "scan.page-size", "5000");
    assert_int_equal(read_table(&f, &rows, false), STATUS_OK);
    assert_int_equal(f.largest_block, 5000);
    option_add(&f.table.options, &f.arena, "scan.page-bytes", "4 kb", -1);
    f.blocks = 0;
    assert_int_equal(read_table(&f, &rows, false), STATUS_OK);
    assert_int_equal(rows, 10000);
    assert_int_equal(f.largest_block, 500); /* the first, when nothing is known; then some 200 */
    assert_in_range(f.blocks, 10000 / 250, 10000 / 150);
    close_fixture(&f);
}

/* A range in which the server would have to look at more rows than it can in time becomes two. */
static void ranges_are_cut(void **state) {
    (void)state;
    for (int bounded = 0; bounded < 2; bounded++) {
        struct fixture f;
        int rows;
        open_fixture(&f,
                     &(struct fake_options){.rows = 9000,
                                            .page_rows = -1,
                                            .tokens = true,
                                            .indexed = true,
                                            .max_range_rows = 500,
                                            .error_code = CQL_READ_TIMEOUT},
                     2);
        set_option(&f, "scan.page-size", "5000");
        struct value wanted = value_str(type_of(TYPE_VARCHAR), str_from("x"));
        struct predicate predicate = {1, PREDICATE_EQ, &wanted, 1};
        f.request.predicate_count = 1;
        f.request.predicates = &predicate;
        f.request.bounded_only = bounded;
        memset(rows_seen, 0, sizeof rows_seen);
        enum status status = read_with(&f, &rows, false, mark_rows);
        if (status != STATUS_OK) fail_msg("%s", err.message);
        assert_int_equal(rows, 9000);
        close_fixture(&f);
    }
}

/* Where the pieces of a scan end, and the rows that came before: what a checkpoint has. */
struct places {
    struct strbuf offsets[64];
    int rows;
};

/* Reads on from the places until so many blocks were read. False: there are no more. */
static bool read_on(struct fixture *f, struct places *places, int blocks) {
    const struct source_class *class = cassandra_connector.source;
    struct source *source;
    struct split *splits;
    struct source_reader *reader;
    int count, indexes[64];
    struct offset starts[64];
    assert_int_equal(class->open(&f->table, &f->request, 1, NULL, &source, &err), STATUS_OK);
    assert_int_equal(class->splits(source, &f->arena, &splits, &count, &err), STATUS_OK);
    assert_in_range(count, 1, 64);
    for (int i = 0; i < count; i++) {
        indexes[i] = i;
        starts[i] = (struct offset){(uint32_t)places->offsets[i].len, (const uint8_t *)places->offsets[i].data};
    }
    assert_int_equal(class->reader_open(source, splits, indexes, starts, count, &reader, &err), STATUS_OK);
    struct output output = {.base = {.arena = &f->arena, .emit = mark_rows}};
    enum fetch_result result = FETCH_IDLE;
    while (blocks && result != FETCH_END) {
        struct block *block;
        if (class->fetch(reader, 100, &block, &result, &err) != STATUS_OK) fail_msg("%s", err.message);
        if (result != FETCH_BLOCK) continue;
        struct strbuf *at = &places->offsets[block->split];
        assert_true(block->start.len == at->len && memcmp(block->start.bytes, at->data ? at->data : "", at->len) == 0);
        assert_int_equal(class->decode(source, block, 0, block->record_count, &output.base, &err), STATUS_OK);
        strbuf_clear(at);
        strbuf_add(at, block->end.bytes, block->end.len);
        block->release(block);
        blocks--;
    }
    class->reader_close(reader);
    class->close(source);
    places->rows += output.rows;
    return result != FETCH_END;
}

/* Stopped and started again after any number of blocks, with ranges that must be cut: each row once. */
static void cut_ranges_are_found_again(void **state) {
    (void)state;
    static const int stops[] = {1, 2, 5, 17, 40};
    for (size_t i = 0; i < sizeof stops / sizeof *stops; i++) {
        struct fixture f;
        open_fixture(&f,
                     &(struct fake_options){.rows = 9000,
                                            .page_rows = -1,
                                            .tokens = true,
                                            .indexed = true,
                                            .max_range_rows = 700,
                                            .error_code = CQL_READ_TIMEOUT},
                     2);
        set_option(&f, "scan.page-size", "60");
        set_option(&f, "scan.splits", i % 2 ? "1" : "3");
        struct value wanted = value_str(type_of(TYPE_VARCHAR), str_from("x"));
        struct predicate predicate = {1, PREDICATE_EQ, &wanted, 1};
        f.request.predicate_count = 1;
        f.request.predicates = &predicate;
        struct places places = {0};
        int runs = 1;
        memset(rows_seen, 0, sizeof rows_seen);
        while (read_on(&f, &places, stops[i])) runs++;
        assert_int_equal(places.rows, 9000);
        assert_true(runs > 9000 / 60 / stops[i]);
        assert_true(fake_cql_refusals(f.pair.fake) >= 4);
        for (int k = 0; k < 64; k++) strbuf_free(&places.offsets[k]);
        close_fixture(&f);
    }
}

/* Each row once, and its place among all. */
static int64_t next_order, orders[10000];

static enum status mark_orders(struct decode_output *base, struct chunk *chunk, struct error *error) {
    for (int i = 0; i < chunk->row_count; i++) {
        int row = ((int32_t *)chunk->columns[0].data)[i];
        if (row >= 0 && row < 10000) orders[row] = next_order++;
    }
    return mark_rows(base, chunk, error);
}

/* No estimates, and all rows in one of the ranges: the readers of the others take over parts of it. The order says where in it. */
static void crowded_ranges_are_shared(void **state) {
    (void)state;
    enum { READERS = 4, SPLITS = 8, ROWS = 9000 };
    const struct source_class *class = cassandra_connector.source;
    for (int crowd = 1; crowd <= 64; crowd *= 8) {
        struct fixture f;
        open_fixture(&f, &(struct fake_options){.rows = ROWS, .page_rows = -1, .tokens = true, .crowd = crowd}, 3);
        set_option(&f, "scan.page-size", "50");
        set_option(&f, "scan.splits", "8");
        set_option(&f, "request-timeout", "60 s");
        f.request.bounded_only = true;
        struct source *source;
        struct split *splits;
        struct source_reader *readers[READERS];
        int count, rows_of[READERS] = {0}, done = 0;
        bool ended[READERS] = {0};
        assert_int_equal(class->open(&f.table, &f.request, READERS, NULL, &source, &err), STATUS_OK);
        assert_int_equal(class->splits(source, &f.arena, &splits, &count, &err), STATUS_OK);
        assert_int_equal(count, SPLITS);
        assert_int_equal(class->reader_count(source, count, READERS), READERS);
        for (int r = 0; r < READERS; r++) {
            struct split own[SPLITS / READERS] = {splits[r], splits[r + READERS]};
            struct offset starts[SPLITS / READERS] = {own[0].start, own[1].start};
            assert_int_equal(
                class->reader_open(source, own, (int[]){r, r + READERS}, starts, SPLITS / READERS, &readers[r], &err),
                STATUS_OK);
        }
        struct output output = {.base = {.arena = &f.arena, .emit = mark_orders}};
        int64_t progress = 0;
        memset(rows_seen, 0, sizeof rows_seen);
        for (int r = 0; done < READERS; r = (r + 1) % READERS) {
            struct block *block;
            enum fetch_result result;
            if (ended[r]) continue;
            if (class->fetch(readers[r], 10, &block, &result, &err) != STATUS_OK) fail_msg("%s", err.message);
            if (result == FETCH_END) ended[r] = true, done++;
            if (result != FETCH_BLOCK) continue;
            next_order = (int64_t)block->split << 44 | block->order;
            assert_int_equal(class->decode(source, block, 0, block->record_count, &output.base, &err), STATUS_OK);
            rows_of[r] += block->record_count;
            progress += block->progress;
            block->release(block);
        }
        for (int r = 0; r < READERS; r++) class->reader_close(readers[r]);
        class->close(source);
        assert_int_equal(output.rows, ROWS);
        for (int i = 1; i < ROWS; i++) assert_true(orders[i - 1] < orders[i]);
        for (int r = 0; r < READERS; r++) assert_true(rows_of[r] > ROWS / READERS / 4);
        assert_true(progress <= SPLITS);
        assert_in_range(fake_cql_ranges(f.pair.fake), ROWS / 50 / 8, ROWS / 50); /* pieces of eight pages, not of one */
        close_fixture(&f);
    }
}

/* A table without rows, and one of few, cost hardly more requests than there are ranges: pieces become whole at once. */
static void tiny_tables_are_not_cut(void **state) {
    (void)state;
    for (int rows = 1; rows <= 100; rows += 99) {
        struct fixture f;
        int got;
        open_fixture(&f, &(struct fake_options){.rows = rows, .page_rows = -1, .tokens = true}, 3);
        set_option(&f, "scan.page-size", "5000");
        set_option(&f, "scan.splits", "16");
        f.request.bounded_only = true;
        memset(rows_seen, 0, sizeof rows_seen);
        assert_int_equal(read_with(&f, &got, false, mark_rows), STATUS_OK);
        assert_int_equal(got, rows);
        assert_in_range(fake_cql_ranges(f.pair.fake), 16, 16 + 6);
        close_fixture(&f);
    }
}

/* Groups that take the server too long are asked for one by one at last, and then of narrower ranges. */
static void pages_of_groups_become_smaller(void **state) {
    (void)state;
    struct fixture f;
    int rows;
    open_fixture(&f,
                 &(struct fake_options){.rows = 300,
                                        .page_rows = -1,
                                        .tokens = true,
                                        .clustered = true,
                                        .max_page_rows = 3,
                                        .max_range_rows = 70,
                                        .error_code = CQL_READ_TIMEOUT},
                 2);
    f.columns[1].type = type_with_nullable(&f.arena, f.columns[1].type, false);
    set_option(&f, "scan.page-size", "1000");
    option_add(&f.table.options, &f.arena, "scan.aggregates-at-server", "true", -1);
    struct scan_groups groups = {0};
    f.request.column_count = 1;
    f.request.groups = &groups;
    f.request.bounded_only = true;
    bool taken = false;
    assert_int_equal(cassandra_connector.source->groups(&f.table, &f.request, &taken, &err), STATUS_OK);
    assert_true(taken);
    memset(rows_seen, 0, sizeof rows_seen);
    if (read_with(&f, &rows, false, mark_rows) != STATUS_OK) fail_msg("%s", err.message);
    assert_int_equal(rows, 300);
    assert_in_range(f.largest_block, 1, 3);
    assert_true(fake_cql_refusals(f.pair.fake) > 9);
    close_fixture(&f);

    /* One that is too large by itself. */
    open_fixture(
        &f,
        &(struct fake_options){.tokens = true, .clustered = true, .fault = FAKE_ERROR, .error_code = CQL_READ_TIMEOUT},
        2);
    f.columns[1].type = type_with_nullable(&f.arena, f.columns[1].type, false);
    option_add(&f.table.options, &f.arena, "scan.aggregates-at-server", "true", -1);
    f.request.column_count = 1;
    f.request.groups = &groups;
    f.request.bounded_only = true;
    assert_int_equal(read_with(&f, &rows, false, mark_rows), STATUS_TIMEOUT);
    assert_non_null(strstr(err.hint, "without 'scan.aggregates-at-server' the rows are read"));
    close_fixture(&f);
}

/* Rows that only are to be counted are counted by the server, or read when that takes too long. */
static void counts(void **state) {
    (void)state;
    for (int refused = 0; refused < 2; refused++)
        for (int bounded = 0; bounded < 2; bounded++) {
            struct fixture f;
            int rows;
            open_fixture(&f,
                         &(struct fake_options){.rows = 9000,
                                                .page_rows = -1,
                                                .tokens = true,
                                                .no_counts = refused,
                                                .error_code = CQL_READ_TIMEOUT},
                         2);
            set_option(&f, "scan.page-size", "1000");
            set_option(&f, "scan.splits", "7");
            option_add(&f.table.options, &f.arena, "scan.count-at-server", "true", -1);
            f.request.column_count = 0;
            f.request.bounded_only = bounded;
            if (read_table(&f, &rows, false) != STATUS_OK) fail_msg("%s", err.message);
            assert_int_equal(rows, 9000);
            assert_int_equal(fake_cql_refusals(f.pair.fake), refused && bounded ? 7 : 0);
            assert_true(bounded && !refused ? f.blocks == 7 : f.blocks >= 14);
            close_fixture(&f);
        }
}

static _Atomic int64_t refused_rows;

static enum status open_table_sink(struct fixture *f, struct sink **sink) {
    static const int columns[] = {0, 1};
    struct sink_options options = {
        .columns = columns, .column_count = 2, .exactly_once = true, .refused_rows = &refused_rows};
    atomic_store(&refused_rows, 0);
    return cassandra_connector.sink->open(&f->table, &options, sink, &err);
}

static enum status write_table(struct fixture *f, int count, bool null_key, bool flush) {
    struct sink *sink;
    TRY(open_table_sink(f, &sink));
    const struct type *types[] = {type_of(TYPE_INT), type_of(TYPE_VARCHAR)};
    struct chunk *chunk = chunk_create(&f->arena, 2, types, VECTOR_CAPACITY);
    for (int i = 0; i < count; i++) {
        struct value a = value_i64(types[0], i), b = value_str(types[1], str_from("some text"));
        if (null_key && i == count - 1) a = value_null(types[0]);
        vector_set(&chunk->columns[0], &f->arena, VECTOR_CAPACITY, i, &a);
        vector_set(&chunk->columns[1], &f->arena, VECTOR_CAPACITY, i, &b);
    }
    chunk->row_count = chunk->sel_count = count;
    uint8_t kinds[VECTOR_CAPACITY] = {0};
    struct sink_rows rows = {.step_id = 1, .write_micros = 123456, .chunk = chunk, .kinds = kinds};
    enum status status = cassandra_connector.sink->write(sink, &rows, &err);
    if (status == STATUS_OK && flush) status = cassandra_connector.sink->flush(sink, &err);
    cassandra_connector.sink->close(sink, status != STATUS_OK);
    return status;
}

static void writes_over_faults(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f, &(struct fake_options){0}, 3);
    assert_int_equal(write_table(&f, 2000, false, true), STATUS_OK);
    assert_int_equal(fake_cql_writes(f.pair.fake), 2000);
    assert_int_equal(fake_cql_timestamp(f.pair.fake), 123456);
    assert_int_equal(write_table(&f, 10, true, true), STATUS_NULL_NOT_ALLOWED);
    assert_string_equal(err.message, "Cassandra, table ks.t: column 'a' is part of the key and cannot be NULL");
    close_fixture(&f);

    /* The connection ends twice in the middle: everything arrives all the same, some of it twice. */
    open_fixture(&f, &(struct fake_options){.fault = FAKE_CLOSE_MID_PAGE, .fault_skip = 500, .fault_count = 2}, 6);
    assert_int_equal(write_table(&f, 2000, false, true), STATUS_OK);
    assert_true(fake_cql_writes(f.pair.fake) >= 2000);
    close_fixture(&f);

    open_fixture(&f, &(struct fake_options){.fault = FAKE_ERROR, .error_code = CQL_INVALID, .fault_skip = 1000}, 3);
    assert_int_equal(write_table(&f, 2000, false, true), STATUS_SERVER_ERROR);
    assert_string_equal(err.message, with_port("Cassandra, table ks.t: 127.0.0.1:%d: invalid request: the fake says no",
                                               fake_cql_port(f.pair.fake)));
    close_fixture(&f);

    open_fixture(&f, &(struct fake_options){.fault = FAKE_NO_ANSWER}, 2);
    assert_int_equal(write_table(&f, 100, false, true), STATUS_TIMEOUT);
    assert_int_equal(write_table(&f, 3, false, false), STATUS_OK); /* closed while all of it is under way */
    close_fixture(&f);
}

/* Where a slow machine shall not look like a server that does not answer. */
static void be_patient(struct fixture *f) {
    for (int i = 0; i < f->table.options.count; i++)
        if (strcmp(f->table.options.keys[i], "request-timeout") == 0) f->table.options.values[i] = "60 s";
}

/* What a server says when it has too much to do is no reason to give up, and not the rows' fault. */
static void writes_over_overload(void **state) {
    (void)state;
    static const int32_t codes[] = {CQL_OVERLOADED, CQL_WRITE_TIMEOUT, CQL_UNAVAILABLE};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        struct fixture f;
        open_fixture(
            &f,
            &(struct fake_options){.fault = FAKE_ERROR, .error_code = codes[i], .fault_skip = 300, .fault_count = 20},
            8);
        be_patient(&f);
        assert_int_equal(write_table(&f, 2000, false, true), STATUS_OK);
        assert_int_equal(fake_cql_writes(f.pair.fake), 2020);
        close_fixture(&f);
    }
    struct fixture f;
    open_fixture(&f, &(struct fake_options){.fault = FAKE_ERROR, .error_code = CQL_OVERLOADED, .fault_skip = 300}, 3);
    be_patient(&f);
    set_option(&f, "sink.error-policy", "skip");
    assert_int_equal(write_table(&f, 2000, false, true), STATUS_SERVER_ERROR);
    assert_non_null(strstr(err.message, "overloaded"));
    assert_int_equal(refused_rows, 0);
    close_fixture(&f);
}

/* A server that takes its time for each gets more of them at a time. */
static void writes_to_a_slow_server(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f, &(struct fake_options){.fault = FAKE_LATE, .late_ms = 20}, 3);
    be_patient(&f);
    assert_int_equal(write_table(&f, 2000, false, true), STATUS_OK);
    assert_int_equal(fake_cql_writes(f.pair.fake), 2000);
    assert_true(fake_cql_most_late(f.pair.fake) > 16); /* 4 at the start */
    close_fixture(&f);
}

static void refused_rows_are_reported(void **state) {
    (void)state;
    struct fixture f;
    char path[] = "/tmp/millrace-refused.XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    open_fixture(
        &f, &(struct fake_options){.fault = FAKE_ERROR, .error_code = CQL_INVALID, .fault_skip = 700, .fault_count = 3},
        3);
    be_patient(&f);
    set_option(&f, "sink.error-policy", "skip");
    set_option(&f, "sink.bad-rows-file", path);
    assert_int_equal(write_table(&f, 2000, false, true), STATUS_OK);
    assert_int_equal(refused_rows, 3);
    assert_int_equal(fake_cql_writes(f.pair.fake), 2000); /* not tried again */
    FILE *file = fopen(path, "r");
    char line[1024], wanted[256];
    bool seen[2000] = {0};
    int lines = 0;
    for (; fgets(line, sizeof line, file); lines++) {
        int key = -1;
        assert_int_equal(sscanf(line, "{\"table\":\"ks.t\",\"operation\":\"write\",\"key\":{\"a\":\"%d\"}", &key), 1);
        assert_in_range(key, 690, 1100);
        assert_false(seen[key]);
        seen[key] = true;
        snprintf(wanted, sizeof wanted,
                 "\"error\":\"Cassandra, table ks.t: 127.0.0.1:%d: invalid request: ", fake_cql_port(f.pair.fake));
        assert_non_null(strstr(line, wanted));
    }
    assert_int_equal(lines, 3);
    fclose(file);
    unlink(path);
    close_fixture(&f);

    open_fixture(&f, &(struct fake_options){.fault = FAKE_ERROR, .error_code = CQL_INVALID, .fault_skip = 700}, 3);
    be_patient(&f);
    assert_int_equal(write_table(&f, 2000, false, true), STATUS_SERVER_ERROR); /* by default */
    assert_non_null(strstr(err.detail, "row with a = "));
    close_fixture(&f);
}

struct waiting_write {
    struct fixture *f;
    struct sink *sink;
    enum status status;
};

static void *write_and_wait(void *data) {
    struct waiting_write *waiting = data;
    const struct type *types[] = {type_of(TYPE_INT), type_of(TYPE_VARCHAR)};
    struct chunk *chunk = chunk_create(&waiting->f->arena, 2, types, VECTOR_CAPACITY);
    uint8_t kinds[VECTOR_CAPACITY] = {0};
    chunk->row_count = chunk->sel_count = 1000;
    memset(chunk->columns[0].data, 0, 1000 * sizeof(int32_t));
    memset(chunk->columns[1].data, 0, 1000 * sizeof(struct strview));
    struct sink_rows rows = {.step_id = 1, .write_micros = 1, .chunk = chunk, .kinds = kinds};
    waiting->status = cassandra_connector.sink->write(waiting->sink, &rows, NULL);
    return NULL;
}

/* A job that is cancelled does not wait for its turn or for answers. */
static void waiting_writes_can_be_interrupted(void **state) {
    (void)state;
    for (int limited = 0; limited < 2; limited++) {
        struct fixture f;
        pthread_t thread;
        open_fixture(&f, &(struct fake_options){.fault = limited ? FAKE_NONE : FAKE_NO_ANSWER}, 1000);
        if (limited) set_option(&f, "sink.rows-per-second", "10");
        struct waiting_write waiting = {.f = &f};
        assert_int_equal(open_table_sink(&f, &waiting.sink), STATUS_OK);
        assert_int_equal(pthread_create(&thread, NULL, write_and_wait, &waiting), 0);
        usleep(100000);
        int64_t start_ns = clock_monotonic_ns();
        cassandra_connector.sink->interrupt(waiting.sink);
        pthread_join(thread, NULL);
        assert_true(clock_monotonic_ns() - start_ns < INT64_C(3000000000));
        assert_int_equal(waiting.status, STATUS_CANCELLED);
        cassandra_connector.sink->close(waiting.sink, true);
        close_fixture(&f);
    }
}

/* ---- Lookups ---- */

enum { LOOKUP_KEYS = 300, LOOKUP_ROWS = 10 };

struct lookup_answers {
    int rows[LOOKUP_KEYS];
    bool wrong;
};

/* Every key's rows come once each and in order, whatever happened meanwhile: the fake has the same ones for all keys. */
static enum status take_rows(void *data, int key_row, const struct chunk *chunk, struct error *error) {
    (void)error;
    struct lookup_answers *answers = data;
    for (int i = 0; chunk && i < chunk->row_count; i++)
        answers->wrong |= ((int32_t *)chunk->columns[0].data)[i] != answers->rows[key_row]++;
    return STATUS_OK;
}

static struct lookup *open_lookup(struct fixture *f, struct chunk **keys) {
    int key[] = {0}, columns[] = {0, 1};
    struct lookup *lookup;
    assert_int_equal(cassandra_connector.lookup->open(&f->table, key, 1, columns, 2, NULL, &lookup, &err), STATUS_OK);
    const struct type *types[] = {type_of(TYPE_INT)};
    *keys = chunk_create(&f->arena, 1, types, VECTOR_CAPACITY);
    (*keys)->row_count = (*keys)->sel_count = LOOKUP_KEYS;
    for (int i = 0; i < LOOKUP_KEYS; i++) ((int32_t *)(*keys)->columns[0].data)[i] = i;
    return lookup;
}

static enum status ask_all_keys(struct fixture *f, bool *complete) {
    struct chunk *keys;
    struct lookup *lookup = open_lookup(f, &keys);
    struct arena arena;
    struct lookup_answers answers = {.wrong = false};
    arena_init(&arena, NULL);
    error_clear(&err);
    enum status status = cassandra_connector.lookup->ask(lookup, keys, &arena, take_rows, &answers, &err);
    arena_destroy(&arena);
    cassandra_connector.lookup->close(lookup);
    assert_false(answers.wrong);
    *complete = true;
    for (int i = 0; i < LOOKUP_KEYS; i++) *complete &= answers.rows[i] == LOOKUP_ROWS;
    return status;
}

static void lookups_over_faults(void **state) {
    (void)state;
    static const struct {
        enum fake_fault fault;
        int32_t code;
        enum status status;
        const char *message;
    } cases[] = {
        {FAKE_CLOSE_MID_PAGE, 0, STATUS_UNREACHABLE, "the server closed the connection"},
        {FAKE_NO_ANSWER, 0, STATUS_TIMEOUT, "no answer within 200 ms"},
        {FAKE_CORRUPT, 0, STATUS_BAD_DATA, "the checksum of a segment's payload is wrong"},
        {FAKE_MALFORMED, 0, STATUS_BAD_DATA, "a malformed RESULT message"},
        {FAKE_ERROR, CQL_OVERLOADED, STATUS_SERVER_ERROR, "overloaded"},
        {FAKE_ERROR, CQL_READ_TIMEOUT, STATUS_TIMEOUT, ""},
        {FAKE_ERROR, CQL_INVALID, STATUS_SERVER_ERROR, "invalid request: the fake says no"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int survive = 0; survive < 2; survive++) {
            bool final = cases[i].fault == FAKE_MALFORMED || cases[i].code == CQL_INVALID, complete;
            if (survive && final) continue;
            struct fixture f;
            open_fixture(&f,
                         &(struct fake_options){.rows = LOOKUP_ROWS,
                                                .fault = cases[i].fault,
                                                .error_code = cases[i].code,
                                                .fault_skip = 500,
                                                .fault_count = survive * 3},
                         5);
            enum status status = ask_all_keys(&f, &complete);
            if (survive && (status != STATUS_OK || !complete)) fail_msg("case %zu: %s", i, err.message);
            if (!survive) {
                if (status != cases[i].status) fail_msg("case %zu: status %d: %s", i, status, err.message);
                assert_non_null(strstr(err.message, "Cassandra, table ks.t: "));
                assert_non_null(strstr(err.message, cases[i].message));
                assert_non_null(strstr(err.detail, "key: a = "));
            }
            close_fixture(&f);
        }
}

/* lookup.max-retries counts instead of the connection's attempts. */
static void lookup_retries(void **state) {
    (void)state;
    static const struct {
        const char *retries; /* NULL: not given */
        int attempts;
        enum status status;
    } cases[] = {
        {NULL, 4, STATUS_OK}, {NULL, 1, STATUS_SERVER_ERROR}, {"0", 4, STATUS_SERVER_ERROR}, {"9", 1, STATUS_OK}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture f;
        bool complete;
        open_fixture(&f,
                     &(struct fake_options){.rows = LOOKUP_ROWS,
                                            .fault = FAKE_ERROR,
                                            .error_code = CQL_OVERLOADED,
                                            .fault_skip = 100,
                                            .fault_count = 1},
                     cases[i].attempts);
        if (cases[i].retries) option_add(&f.table.options, &f.arena, "lookup.max-retries", cases[i].retries, -1);
        assert_int_equal(ask_all_keys(&f, &complete), cases[i].status);
        assert_int_equal(complete, cases[i].status == STATUS_OK);
        close_fixture(&f);
    }
}

static void *cancel_soon(void *lookup) {
    usleep(100000);
    cassandra_connector.lookup->cancel(lookup);
    return NULL;
}

/* A server that says nothing is asked for minutes, if nobody cancels. */
static void lookups_are_cancelled(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f, &(struct fake_options){.fault = FAKE_NO_ANSWER, .fault_skip = 50}, 1000);
    struct chunk *keys;
    struct lookup *lookup = open_lookup(&f, &keys);
    struct lookup_answers answers = {.wrong = false};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, cancel_soon, lookup), 0);
    for (int again = 0; again < 2; again++)
        assert_int_equal(cassandra_connector.lookup->ask(lookup, keys, &f.arena, take_rows, &answers, &err),
                         STATUS_CANCELLED);
    pthread_join(thread, NULL);
    cassandra_connector.lookup->close(lookup);
    close_fixture(&f);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_are_negotiated),
        cmocka_unit_test(logins),
        cmocka_unit_test(servers_that_are_none),
        cmocka_unit_test(contact_points_in_order),
        cmocka_unit_test(request_faults),
        cmocka_unit_test(errors_that_are_final),
        cmocka_unit_test(only_harmless_writes_are_repeated),
        cmocka_unit_test(late_answers_do_no_harm),
        cmocka_unit_test(huge_and_malformed_answers),
        cmocka_unit_test(statements_are_prepared_again),
        cmocka_unit_test(statements_make_room),
        cmocka_unit_test(connections_come_back),
        cmocka_unit_test(heartbeats),
        cmocka_unit_test(closing_ends_every_request),
        cmocka_unit_test(many_in_flight),
        cmocka_unit_test(scans_over_faults),
        cmocka_unit_test(pages_become_smaller),
        cmocka_unit_test(pages_have_a_size),
        cmocka_unit_test(ranges_are_cut),
        cmocka_unit_test(cut_ranges_are_found_again),
        cmocka_unit_test(crowded_ranges_are_shared),
        cmocka_unit_test(tiny_tables_are_not_cut),
        cmocka_unit_test(pages_of_groups_become_smaller),
        cmocka_unit_test(counts),
        cmocka_unit_test(writes_over_faults),
        cmocka_unit_test(writes_over_overload),
        cmocka_unit_test(writes_to_a_slow_server),
        cmocka_unit_test(refused_rows_are_reported),
        cmocka_unit_test(waiting_writes_can_be_interrupted),
        cmocka_unit_test(lookups_over_faults),
        cmocka_unit_test(lookup_retries),
        cmocka_unit_test(lookups_are_cancelled),
    };
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests_name("wire", tests, NULL, NULL) != 0;
}
