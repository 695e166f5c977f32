/* The CQL client as one of a cluster: several fake nodes that know each other, where requests go, and what happens when a node comes,
 * goes, is overloaded or says nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/clock.h"
#include "connector/cassandra/cassandra.h"
#include "cql/cql.h"
#include "fake_cql.h"
#include "session/session.h"

enum { MAX_NODES = 4 };

static struct error err;

/* Node i owns what lies up to tokens[i]. */
static const char *const tokens[MAX_NODES] = {"-3000000000000000000", "0", "3000000000000000000",
                                              "-4000000000000000000, 1000"};
static const int64_t token_of[3] = {INT64_C(-3500000000000000000), INT64_C(-1), INT64_C(2000000000000000000)};

struct nodes {
    int count;
    struct fake_cql *fakes[MAX_NODES];
    struct fake_options options[MAX_NODES];
    struct fake_peer places[MAX_NODES];
    struct cql_options client;
    struct cql_cluster *cluster;
    char hosts[128];
};

/* Each is told of the others. */
static void introduce(struct nodes *nodes) {
    for (int i = 0; i < nodes->count; i++) {
        struct fake_peer peers[MAX_NODES];
        int count = 0;
        for (int j = 0; j < nodes->count; j++)
            if (j != i) peers[count++] = nodes->places[j];
        if (nodes->fakes[i]) fake_cql_set_peers(nodes->fakes[i], peers, count);
    }
}

static void start_node(struct nodes *nodes, int i, int port) {
    struct fake_options *options = &nodes->options[i];
    if (!options->tokens_own) options->tokens_own = tokens[i];
    nodes->fakes[i] = fake_cql_start(options, port);
    nodes->places[i] = (struct fake_peer){.port = fake_cql_port(nodes->fakes[i]),
                                          .address = options->address,
                                          .tokens = options->tokens_own,
                                          .datacenter = options->datacenter,
                                          .rack = options->rack};
}

/* options: of node i, NULL: plain ones. The client knows the first. */
static void start(struct nodes *nodes, int count, const struct fake_options *options) {
    *nodes = (struct nodes){.count = count};
    for (int i = 0; i < count; i++) {
        if (options) nodes->options[i] = options[i];
        start_node(nodes, i, 0);
    }
    introduce(nodes);
    snprintf(nodes->hosts, sizeof nodes->hosts, "127.0.0.1:%d", nodes->places[0].port);
    cql_options_init(&nodes->client);
    nodes->client.hosts = nodes->hosts;
    nodes->client.connections_per_host = 1;
    nodes->client.connect_timeout_ms = 1000;
    nodes->client.request_timeout_ms = 3000;
    nodes->client.max_attempts = 4;
}

static void open_client(struct nodes *nodes) {
    error_clear(&err);
    if (cql_cluster_open(&nodes->client, &nodes->cluster, &err) != STATUS_OK) fail_msg("%s", err.message);
}

static void stop(struct nodes *nodes) {
    cql_cluster_release(nodes->cluster);
    for (int i = 0; i < nodes->count; i++)
        if (nodes->fakes[i]) fake_cql_stop(nodes->fakes[i]);
}

static void stop_node(struct nodes *nodes, int i) {
    fake_cql_stop(nodes->fakes[i]);
    nodes->fakes[i] = NULL;
}

static int64_t now_ms(void) { return clock_monotonic_ns() / 1000000; }

/* Until it holds, or it takes too long. */
#define WAIT_FOR(condition)                                                                                            \
    do {                                                                                                               \
        int64_t begin_ = now_ms();                                                                                     \
        while (!(condition)) {                                                                                         \
            if (now_ms() - begin_ > 20000) fail_msg("%s: never", #condition);                                          \
            usleep(2000);                                                                                              \
        }                                                                                                              \
    } while (0)

/* A write; to the owner of `token` when has_token. */
static void init_write(struct cql_request *request, bool has_token, int64_t token) {
    cql_request_init(request, CQL_REQUEST_QUERY);
    request->text = str_from("UPDATE counters");
    request->table = "ks.t";
    request->idempotent = true;
    request->has_token = has_token;
    request->token = token;
    request->keyspace = "ks";
}

static enum status write_one(struct nodes *nodes, bool has_token, int64_t token) {
    struct cql_request request;
    struct cql_response *response;
    error_clear(&err);
    init_write(&request, has_token, token);
    TRY(cql_execute(nodes->cluster, &request, &response, &err));
    cql_response_free(response);
    return STATUS_OK;
}

/* Many at the same time; all must succeed, unless failures is given and counts those that do not. */
struct flight {
    struct cql_request request;
    pthread_mutex_t *lock;
    pthread_cond_t *changed;
    int *landed, *failed;
};

static void on_landed(struct cql_request *request, struct cql_response *response, const struct error *why) {
    struct flight *flight = request->data;
    cql_response_free(response);
    pthread_mutex_lock(flight->lock);
    ++*flight->landed;
    if (why) {
        ++*flight->failed;
        err = *why;
    }
    pthread_cond_signal(flight->changed);
    pthread_mutex_unlock(flight->lock);
}

static int write_many(struct nodes *nodes, int count, bool has_token, int64_t token) {
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
    int landed = 0, failed = 0;
    struct flight *flights = calloc((size_t)count, sizeof *flights);
    error_clear(&err);
    for (int i = 0; i < count; i++) {
        flights[i] = (struct flight){.lock = &lock, .changed = &changed, .landed = &landed, .failed = &failed};
        init_write(&flights[i].request, has_token, token);
        flights[i].request.done = on_landed;
        flights[i].request.data = &flights[i];
        cql_submit(nodes->cluster, &flights[i].request);
    }
    pthread_mutex_lock(&lock);
    while (landed < count) pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    free(flights);
    return failed;
}

static void wait_for_all(struct nodes *nodes) {
    for (int i = 0; i < nodes->count; i++) {
        int before = fake_cql_requests(nodes->fakes[i]);
        WAIT_FOR(write_many(nodes, 4 * nodes->count, false, 0) == 0 && fake_cql_requests(nodes->fakes[i]) > before);
    }
}

/* ---- Who is there ---- */

static void nodes_are_found(void **state) {
    (void)state;
    for (int old_peers = 0; old_peers < 2; old_peers++) {
        struct fake_options options[3];
        for (int i = 0; i < 3; i++)
            options[i] = (struct fake_options){.old_peers = old_peers, .address = old_peers ? i + 1 : 0};
        struct nodes nodes;
        if (old_peers) { /* all on one port, as these know no other */
            nodes = (struct nodes){.count = 3};
            for (int i = 0; i < 3; i++) {
                nodes.options[i] = options[i];
                start_node(&nodes, i, i ? nodes.places[0].port : 0);
            }
            introduce(&nodes);
            snprintf(nodes.hosts, sizeof nodes.hosts, "127.0.0.1:%d", nodes.places[0].port);
            cql_options_init(&nodes.client);
            nodes.client.hosts = nodes.hosts;
        } else {
            start(&nodes, 3, options);
        }
        nodes.client.connections_per_host = 2;
        open_client(&nodes);
        for (int i = 0; i < 3; i++) WAIT_FOR(fake_cql_connections(nodes.fakes[i]) == 2);
        wait_for_all(&nodes);
        assert_true(cql_cluster_routes(nodes.cluster));
        struct arena arena;
        int64_t *ends;
        int *owners;
        arena_init(&arena, NULL);
        assert_int_equal(cql_cluster_ring(nodes.cluster, &arena, &ends, &owners), 3);
        for (int i = 0; i < 3; i++) assert_int_equal(ends[i], strtoll(tokens[i], NULL, 10));
        assert_true(owners[0] != owners[1] && owners[1] != owners[2] && owners[0] != owners[2]);
        arena_destroy(&arena);
        for (int i = 0; i < 3; i++) assert_int_equal(fake_cql_connections(nodes.fakes[i]), 2);
        assert_int_equal(fake_cql_registered(nodes.fakes[0]), 1);
        stop(&nodes);
    }
}

/* Nodes of other datacenters are left alone, whether that of the client is said or is where it came in; and joining ones. */
static void other_datacenters_and_joining_nodes(void **state) {
    (void)state;
    for (int said = 0; said < 2; said++) {
        struct fake_options options[4] = {
            {.datacenter = "near"}, {.datacenter = "far"}, {.datacenter = "near"}, {.datacenter = "near"}};
        struct nodes nodes;
        start(&nodes, 4, options);
        nodes.places[3].tokens = NULL;
        introduce(&nodes);
        char hosts[256];
        snprintf(hosts, sizeof hosts, "127.0.0.1:%d, 127.0.0.1:%d", nodes.places[said ? 1 : 0].port,
                 nodes.places[said ? 0 : 1].port);
        nodes.client.hosts = hosts;
        if (said) nodes.client.local_datacenter = "near";
        open_client(&nodes);
        assert_string_equal(cql_cluster_datacenter(nodes.cluster), "near");
        WAIT_FOR(fake_cql_connections(nodes.fakes[2]) == 1);
        for (int i = 0; i < 20; i++) assert_int_equal(write_one(&nodes, true, token_of[1]), STATUS_OK);
        assert_int_equal(fake_cql_requests(nodes.fakes[1]), 0);
        assert_in_range(fake_cql_connections(nodes.fakes[1]), 0, 1); /* it was a contact point */
        assert_int_equal(fake_cql_connections(nodes.fakes[3]), 0);
        stop(&nodes);
    }
}

/* ---- Another datacenter takes over ---- */

static int requests_of(struct nodes *nodes, int first, int last) {
    int count = 0;
    for (int i = first; i <= last; i++)
        if (nodes->fakes[i]) count += fake_cql_requests(nodes->fakes[i]);
    return count;
}

/* Two nodes near, two far: the far ones are not even connected to while a near one is there; then they do everything, until one is back. */
static void another_datacenter_takes_over(void **state) {
    (void)state;
    struct fake_options options[4] = {
        {.datacenter = "near"}, {.datacenter = "near"}, {.datacenter = "far"}, {.datacenter = "far"}};
    struct nodes nodes;
    start(&nodes, 4, options);
    nodes.client.datacenter_failover = true;
    open_client(&nodes);
    WAIT_FOR(fake_cql_connections(nodes.fakes[1]) == 1);
    assert_int_equal(write_many(&nodes, 100, true, token_of[2]), 0); /* a far one's data */
    stop_node(&nodes, 0);
    assert_int_equal(write_many(&nodes, 100, true, token_of[0]), 0);
    assert_int_equal(requests_of(&nodes, 2, 3), 0);
    assert_int_equal(fake_cql_connections(nodes.fakes[2]) + fake_cql_connections(nodes.fakes[3]), 0);

    int port = nodes.places[0].port;
    stop_node(&nodes, 1);
    assert_int_equal(write_many(&nodes, 100, true, token_of[0]), 0);
    assert_true(requests_of(&nodes, 2, 3) >= 100);
    for (int i = 2; i < 4; i++) { /* each of them */
        int before = fake_cql_requests(nodes.fakes[i]);
        WAIT_FOR(write_many(&nodes, 8, false, 0) == 0 && fake_cql_requests(nodes.fakes[i]) > before);
    }
    WAIT_FOR(fake_cql_registered(nodes.fakes[2]) + fake_cql_registered(nodes.fakes[3]) >
             0); /* the control connection */
    const struct cql_prepared *insert;
    assert_int_equal(cql_prepare(nodes.cluster, "INSERT INTO ks.t", "ks.t", &insert, &err), STATUS_OK);
    cql_prepared_release(insert);
    assert_string_equal(cql_cluster_datacenter(nodes.cluster), "near");

    start_node(&nodes, 0, port);
    introduce(&nodes);
    WAIT_FOR(fake_cql_connections(nodes.fakes[0]) == 1);
    WAIT_FOR(fake_cql_open(nodes.fakes[2]) + fake_cql_open(nodes.fakes[3]) == 0);
    int before = requests_of(&nodes, 2, 3);
    assert_int_equal(write_many(&nodes, 100, true, token_of[2]), 0);
    assert_int_equal(requests_of(&nodes, 2, 3), before);
    stop(&nodes);
}

/* With several others it is the one whose name comes first, not now one and now another. */
static void one_other_datacenter_at_a_time(void **state) {
    (void)state;
    struct fake_options options[4] = {
        {.datacenter = "near"}, {.datacenter = "b"}, {.datacenter = "a"}, {.datacenter = "b"}};
    struct nodes nodes;
    start(&nodes, 4, options);
    nodes.client.datacenter_failover = true;
    nodes.client.max_attempts = 20;
    open_client(&nodes);
    stop_node(&nodes, 0);
    WAIT_FOR(write_one(&nodes, false, 0) == STATUS_OK && requests_of(&nodes, 2, 2) > 0);
    int before = requests_of(&nodes, 1, 1) + requests_of(&nodes, 3, 3);
    assert_int_equal(write_many(&nodes, 200, false, 0), 0);
    assert_int_equal(requests_of(&nodes, 1, 1) + requests_of(&nodes, 3, 3), before);
    stop_node(&nodes, 2);
    WAIT_FOR(write_many(&nodes, 200, false, 0) == 0 && requests_of(&nodes, 1, 1) > 0 && requests_of(&nodes, 3, 3) > 0);
    stop(&nodes);
}

/* Unless it is allowed, requests fail, and the message says what there would be. */
static void no_other_datacenter_unasked(void **state) {
    (void)state;
    struct fake_options options[2] = {{.datacenter = "near"}, {.datacenter = "far"}};
    struct nodes nodes;
    start(&nodes, 2, options);
    open_client(&nodes);
    assert_int_equal(write_one(&nodes, false, 0), STATUS_OK);
    stop_node(&nodes, 0);
    assert_int_equal(write_one(&nodes, false, 0), STATUS_UNREACHABLE);
    assert_string_equal(err.detail, "no node of datacenter 'near' is connected; tried 4 times");
    assert_non_null(strstr(err.hint, "'datacenter-failover' = 'true'"));
    assert_int_equal(fake_cql_requests(nodes.fakes[1]), 0);
    stop(&nodes);
}

/* The local datacenter is away from the start: a contact point in another one will do, when it is allowed. */
static void opened_in_another_datacenter(void **state) {
    (void)state;
    struct fake_options options[3] = {{.datacenter = "near"}, {.datacenter = "far"}, {.datacenter = "far"}};
    struct nodes nodes;
    start(&nodes, 3, options);
    int port = nodes.places[0].port;
    char hosts[128], message[256];
    snprintf(hosts, sizeof hosts, "127.0.0.1:%d, 127.0.0.1:%d", nodes.places[1].port, port);
    nodes.client.hosts = hosts;
    nodes.client.local_datacenter = "near";
    nodes.client.datacenter_failover = true;
    open_client(&nodes); /* the far one is asked first, and not taken */
    assert_int_equal(write_many(&nodes, 50, false, 0), 0);
    assert_int_equal(requests_of(&nodes, 1, 2), 0);
    cql_cluster_release(nodes.cluster);
    stop_node(&nodes, 0);

    open_client(&nodes);
    assert_string_equal(cql_cluster_datacenter(nodes.cluster), "near");
    assert_int_equal(write_many(&nodes, 50, false, 0), 0);
    assert_true(requests_of(&nodes, 1, 2) >= 50);
    start_node(&nodes, 0, port);
    introduce(&nodes);
    WAIT_FOR(fake_cql_connections(nodes.fakes[0]) == 1 && requests_of(&nodes, 0, 0) == 0);
    WAIT_FOR(write_one(&nodes, false, 0) == STATUS_OK && requests_of(&nodes, 0, 0) > 0);
    cql_cluster_release(nodes.cluster);
    nodes.cluster = NULL;

    nodes.client.local_datacenter = "nowhere"; /* a name that is wrong is no datacenter that is away */
    error_clear(&err);
    assert_int_equal(cql_cluster_open(&nodes.client, &nodes.cluster, &err), STATUS_UNREACHABLE);
    snprintf(message, sizeof message,
             "cannot connect to Cassandra: 127.0.0.1:%d knows of no node in datacenter 'nowhere', only of others such "
             "as 'far'",
             nodes.places[1].port);
    assert_string_equal(err.message, message);
    assert_non_null(strstr(err.hint, "'local-datacenter'"));
    nodes.client.local_datacenter = "near";
    nodes.client.datacenter_failover = false;
    stop_node(&nodes, 0);
    nodes.client.hosts = nodes.hosts;
    snprintf(nodes.hosts, sizeof nodes.hosts, "127.0.0.1:%d", nodes.places[1].port);
    assert_int_equal(cql_cluster_open(&nodes.client, &nodes.cluster, &err), STATUS_UNREACHABLE);
    assert_non_null(strstr(err.message, "the server is in datacenter 'far', not in 'near'"));
    assert_non_null(strstr(err.hint, "'datacenter-failover' = 'true'"));
    nodes.cluster = NULL;
    stop(&nodes);
}

/* A contact point by a name that the ring does not know is the node all the same. */
static void nodes_by_two_names(void **state) {
    (void)state;
    struct nodes nodes;
    start(&nodes, 2, NULL);
    char hosts[256];
    snprintf(hosts, sizeof hosts, "localhost:%d, localhost:%d", nodes.places[0].port, nodes.places[1].port);
    nodes.client.hosts = hosts;
    open_client(&nodes);
    wait_for_all(&nodes);
    usleep(300000); /* time for one too many */
    int open[2];
    for (int i = 0; i < 2; i++) open[i] = fake_cql_connections(nodes.fakes[i]);
    assert_int_equal(open[0], 1);
    assert_in_range(open[1], 1, 2); /* by both names at first */
    usleep(1500000);
    assert_int_equal(fake_cql_connections(nodes.fakes[1]), open[1]);
    assert_int_equal(write_many(&nodes, 100, true, token_of[1]), 0);
    assert_true(fake_cql_requests(nodes.fakes[1]) >= 100);
    stop(&nodes);
}

/* Behind a proxy nodes are asked for by their id, and their addresses are of no use. (This one leads everybody to the first node.) */
static void nodes_behind_a_proxy(void **state) {
    (void)state;
    struct nodes nodes;
    start(&nodes, 2, NULL);
    char host[64], message[128];
    snprintf(host, sizeof host, "66616b65-206e-6f64-6520-0000%08x", (unsigned)nodes.places[0].port); /* "fake node " */
    nodes.client.hosts = host;
    nodes.client.proxy_host = "127.0.0.1";
    nodes.client.proxy_port = nodes.places[0].port;
    open_client(&nodes);
    WAIT_FOR(fake_cql_connections(nodes.fakes[0]) >= 2); /* one for the other node */
    for (int i = 0; i < 20; i++) assert_int_equal(write_one(&nodes, true, token_of[1]), STATUS_OK);
    assert_int_equal(fake_cql_connections(nodes.fakes[1]), 0);
    stop_node(&nodes, 0);
    assert_int_equal(write_one(&nodes, false, 0), STATUS_UNREACHABLE);
    snprintf(message, sizeof message, "Cassandra, table ks.t: 127.0.0.1:%d: cannot connect: connection refused",
             nodes.places[0].port); /* the proxy is what cannot be reached */
    assert_string_equal(err.message, message);
    stop(&nodes);
}

/* ---- Where requests go ---- */

static void requests_go_to_replicas(void **state) {
    (void)state;
    for (int factor = 1; factor <= 2; factor++) {
        struct fake_options options[3];
        for (int i = 0; i < 3; i++) options[i] = (struct fake_options){.replication_factor = factor};
        struct nodes nodes;
        start(&nodes, 3, options);
        open_client(&nodes);
        wait_for_all(&nodes);
        for (int owner = 0; owner < 3; owner++) {
            int before[3];
            for (int i = 0; i < 3; i++) before[i] = fake_cql_requests(nodes.fakes[i]);
            for (int i = 0; i < 50; i++) assert_int_equal(write_one(&nodes, true, token_of[owner]), STATUS_OK);
            assert_int_equal(write_many(&nodes, 1000, true, token_of[owner]), 0);
            for (int i = 0; i < 3; i++) {
                int got = fake_cql_requests(nodes.fakes[i]) - before[i];
                bool replica = (i + 3 - owner) % 3 < factor; /* the owner and the next ones around the ring */
                if (factor == 1)
                    assert_int_equal(got, replica ? 1050 : 0);
                else
                    assert_true(replica ? got > 200 : got == 0);
            }
        }
        /* Where nobody says whose it is, all have their share. */
        for (int i = 0; i < 3; i++) {
            int before = fake_cql_requests(nodes.fakes[i]);
            assert_int_equal(write_many(&nodes, 900, false, 0), 0);
            assert_in_range(fake_cql_requests(nodes.fakes[i]) - before, 150, 450);
        }
        stop(&nodes);
    }
}

/* ---- Reads that fail ---- */

static enum status read_one(struct nodes *nodes, const struct cql_prepared *select, int64_t token, int *attempts) {
    struct cql_request request;
    struct cql_response *response;
    error_clear(&err);
    cql_request_init(&request, CQL_REQUEST_EXECUTE);
    request.prepared = select;
    request.idempotent = true;
    request.table = "ks.t";
    request.has_token = true;
    request.token = token;
    request.keyspace = "ks";
    enum status status = cql_execute(nodes->cluster, &request, &response, &err);
    *attempts = request.attempts;
    if (status == STATUS_OK) cql_response_free(response);
    return status;
}

/* A read that timed out, or failed since replicas were lost or for no reason given, whether data had come or not, is asked of another node, as
 * often as max_attempts says; one that a replica says it cannot do is not, nor where nobody can say why (version 4). */
static void reads_that_fail_are_asked_elsewhere(void **state) {
    (void)state;
    static const struct {
        int32_t code;
        int version, reason_count;
        uint16_t reasons[2];
        bool again;
        enum status status;
        const char *message;
    } cases[] = {
        {CQL_READ_TIMEOUT, 5, 0, {0}, true, STATUS_TIMEOUT, "read timed out"},
        {CQL_READ_TIMEOUT, 4, 0, {0}, true, STATUS_TIMEOUT, "read timed out"},
        {CQL_READ_FAILURE, 5, 1, {2}, true, STATUS_SERVER_ERROR, "read failed"},    /* timed out */
        {CQL_READ_FAILURE, 5, 2, {2, 5}, true, STATUS_SERVER_ERROR, "read failed"}, /* and went down */
        {CQL_READ_FAILURE, 5, 1, {1}, false, STATUS_SERVER_ERROR, "read failed"},   /* too many tombstones */
        {CQL_READ_FAILURE, 5, 2, {2, 1}, false, STATUS_SERVER_ERROR, "read failed"},
        {CQL_READ_FAILURE,
         5,
         2,
         {2, 0},
         true,
         STATUS_SERVER_ERROR,
         "read failed"}, /* and the coordinator's own came too late */
        {CQL_READ_FAILURE, 5, 1, {0}, true, STATUS_SERVER_ERROR, "read failed"},
        {CQL_READ_FAILURE, 4, 0, {0}, false, STATUS_SERVER_ERROR, "read failed"},
    };
    for (size_t i = 0; i < 2 * sizeof cases / sizeof *cases; i++) {
        bool data_present = i % 2, again = cases[i / 2].again;
        struct fake_options options[3];
        for (int k = 0; k < 3; k++) {
            options[k] = (struct fake_options){.version = cases[i / 2].version,
                                               .error_code = cases[i / 2].code,
                                               .reason_count = cases[i / 2].reason_count,
                                               .data_present = data_present};
            memcpy(options[k].reasons, cases[i / 2].reasons, sizeof options[k].reasons);
        }
        struct nodes nodes;
        start(&nodes, 3, options);
        open_client(&nodes);
        wait_for_all(&nodes);
        const struct cql_prepared *select;
        assert_int_equal(cql_prepare(nodes.cluster, "SELECT \"a\" FROM ks.t", "ks.t", &select, &err), STATUS_OK);
        int before[3], got[3], attempts, total = 0;
        /* one node */
        fake_cql_set_fault(nodes.fakes[1], FAKE_ERROR);
        for (int k = 0; k < 3; k++) before[k] = fake_cql_requests(nodes.fakes[k]);
        enum status status = read_one(&nodes, select, token_of[1], &attempts);
        assert_int_equal(status, again ? STATUS_OK : cases[i / 2].status);
        assert_int_equal(attempts, 1);
        for (int k = 0; k < 3; k++) got[k] = fake_cql_requests(nodes.fakes[k]) - before[k];
        assert_int_equal(got[1], 1);
        assert_int_equal(got[0] + got[2], again);
        /* all of them */
        for (int k = 0; k < 3; k++) fake_cql_set_fault(nodes.fakes[k], FAKE_ERROR);
        for (int k = 0; k < 3; k++) before[k] = fake_cql_requests(nodes.fakes[k]);
        assert_int_equal(read_one(&nodes, select, token_of[1], &attempts), cases[i / 2].status);
        assert_int_equal(attempts, again ? nodes.client.max_attempts : 1);
        for (int k = 0; k < 3; k++) {
            got[k] = fake_cql_requests(nodes.fakes[k]) - before[k];
            assert_true(got[k] <= 2);
            total += got[k];
        }
        assert_int_equal(total, attempts);
        char message[128];
        snprintf(message, sizeof message, ": %s: the fake says no", cases[i / 2].message);
        assert_non_null(strstr(err.message, "Cassandra, table ks.t: 127.0.0.1:"));
        assert_non_null(strstr(err.message, message));
        assert_string_equal(err.detail, again ? "consistency QUORUM: 1 of 2 replicas; tried 4 times"
                                              : "consistency QUORUM: 1 of 2 replicas");
        assert_non_null(strstr(err.hint, "nodetool status"));
        cql_prepared_release(select);
        stop(&nodes);
    }
}

/* A keyspace that is altered: its replicas are others. */
static void schema_events_are_heard(void **state) {
    (void)state;
    struct nodes nodes;
    start(&nodes, 2, NULL);
    open_client(&nodes);
    wait_for_all(&nodes);
    int before = fake_cql_peers_read(nodes.fakes[0]);
    fake_cql_keyspace_event(nodes.fakes[0], "ks");
    fake_cql_keyspace_event(nodes.fakes[0], "ks"); /* both at once */
    WAIT_FOR(fake_cql_peers_read(nodes.fakes[0]) > before);
    usleep(2 * CQL_REFRESH_DEBOUNCE_MS * 1000);
    assert_int_equal(fake_cql_peers_read(nodes.fakes[0]), before + 1);
    stop(&nodes);
}

/* ---- The connector says where its data lies ---- */

struct fixture {
    struct nodes nodes;
    struct arena arena;
    struct table table;
    struct table_column columns[2];
    int key[2];
};

/* like: what the nodes are beside. */
static void open_fixture_like(struct fixture *f, bool clustered, const struct fake_options *like) {
    struct fake_options options[3];
    for (int i = 0; i < 3; i++) {
        options[i] = *like;
        options[i].tokens = true;
        options[i].rows = 3000;
        options[i].page_rows = 100;
        options[i].clustered = clustered;
    }
    start(&f->nodes, 3, options);
    arena_init(&f->arena, NULL);
    f->columns[0] = (struct table_column){.name = "a", .type = type_with_nullable(&f->arena, type_of(TYPE_INT), false)};
    f->columns[1] = (struct table_column){.name = "b", .type = type_of(TYPE_VARCHAR)};
    f->columns[1].type = type_with_nullable(&f->arena, f->columns[1].type, !clustered);
    f->key[0] = 0;
    f->key[1] = 1;
    f->table = (struct table){.name = "t",
                              .connector = "cassandra",
                              .column_count = 2,
                              .columns = f->columns,
                              .primary_key_count = 1 + clustered,
                              .partition_key_count = 1,
                              .primary_key = f->key,
                              .watermark_column = -1};
    const char *pairs[][2] = {
        {"connector", "cassandra"}, {"hosts", f->nodes.hosts}, {"keyspace", "ks"}, {"connections-per-host", "1"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        option_add(&f->table.options, &f->arena, pairs[i][0], pairs[i][1], -1);
}

static void open_fixture(struct fixture *f, bool clustered) {
    open_fixture_like(f, clustered, &(struct fake_options){0});
}

/* All nodes were asked, each only for what it has. */
static void close_fixture(struct fixture *f) {
    for (int i = 0; i < 3; i++) {
        assert_true(fake_cql_requests(f->nodes.fakes[i]) > 0);
        assert_int_equal(fake_cql_foreign(f->nodes.fakes[i]), 0);
    }
    arena_destroy(&f->arena);
    stop(&f->nodes);
}

/* The handle connects in the background; until it has, requests go where they can. */
static void wait_until_connected(struct fixture *f) {
    for (int i = 0; i < 3; i++) WAIT_FOR(fake_cql_connections(f->nodes.fakes[i]) == 1);
    usleep(200000);
}

static struct chunk *make_keys(struct fixture *f, int columns, int count) {
    const struct type *types[] = {type_of(TYPE_INT), type_of(TYPE_VARCHAR)};
    struct chunk *chunk = chunk_create(&f->arena, columns, types, VECTOR_CAPACITY);
    for (int i = 0; i < count; i++) {
        struct value a = value_i64(types[0], i / 2), b = value_str(types[1], str_from("some text"));
        vector_set(&chunk->columns[0], &f->arena, VECTOR_CAPACITY, i, &a);
        if (columns > 1) vector_set(&chunk->columns[1], &f->arena, VECTOR_CAPACITY, i, &b);
    }
    chunk->row_count = chunk->sel_count = count;
    return chunk;
}

/* As batches of a partition, and row by row. Each partition has two rows. */
static void writes_go_to_their_nodes(void **state) {
    (void)state;
    for (int batches = 0; batches < 2; batches++) {
        struct fixture f;
        open_fixture(&f, batches);
        static const int columns[] = {0, 1};
        struct sink_options options = {.columns = columns, .column_count = 2, .exactly_once = true};
        struct sink *sink;
        assert_int_equal(cassandra_connector.sink->open(&f.table, &options, &sink, &err), STATUS_OK);
        wait_until_connected(&f);
        uint8_t kinds[VECTOR_CAPACITY] = {0};
        struct sink_rows rows = {
            .step_id = 1, .write_micros = 5, .chunk = make_keys(&f, 2, VECTOR_CAPACITY), .kinds = kinds};
        assert_int_equal(cassandra_connector.sink->write(sink, &rows, &err), STATUS_OK);
        assert_int_equal(cassandra_connector.sink->flush(sink, &err), STATUS_OK);
        cassandra_connector.sink->close(sink, false);
        int writes = 0, requests = 0;
        for (int i = 0; i < 3; i++) {
            writes += fake_cql_writes(f.nodes.fakes[i]);
            requests += fake_cql_requests(f.nodes.fakes[i]);
        }
        assert_int_equal(writes, VECTOR_CAPACITY);
        assert_int_equal(requests, batches ? VECTOR_CAPACITY / 2 : VECTOR_CAPACITY);
        close_fixture(&f);
    }
}

static enum status ignore_rows(void *data, int key_row, const struct chunk *rows, struct error *error) {
    (void)data, (void)key_row, (void)rows, (void)error;
    return STATUS_OK;
}

/* A row that replicas cannot write, among those of a batch: it alone is refused. That replicas were lost is nobody's fault, and what may not
 * be written twice is not. */
static void rows_that_cannot_be_written(void **state) {
    (void)state;
    enum { ROWS = 40, PER_PARTITION = 10, BAD = 23 };
    static const struct { bool skip, lost; } cases[] = {{true, false}, {false, false}, {true, true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture f;
        struct fake_options like = {
            .error_code = CQL_WRITE_FAILURE, .reason_count = 1, .reasons = {cases[i].lost ? 2 : 0}, .bad_text = "bad"};
        char path[] = "/tmp/millrace-refused.XXXXXX", line[1024];
        int fd = mkstemp(path);
        assert_true(fd >= 0);
        close(fd);
        open_fixture_like(&f, true, &like);
        option_add(&f.table.options, &f.arena, "max-attempts", "2", -1);
        if (cases[i].skip) option_add(&f.table.options, &f.arena, "sink.error-policy", "skip", -1);
        option_add(&f.table.options, &f.arena, "sink.bad-rows-file", path, -1);
        _Atomic int64_t refused = 0;
        static const int columns[] = {0, 1};
        struct sink_options options = {
            .columns = columns, .column_count = 2, .exactly_once = true, .refused_rows = &refused};
        struct sink *sink;
        assert_int_equal(cassandra_connector.sink->open(&f.table, &options, &sink, &err), STATUS_OK);
        wait_until_connected(&f);
        const struct type *types[] = {type_of(TYPE_INT), type_of(TYPE_VARCHAR)};
        struct chunk *chunk = chunk_create(&f.arena, 2, types, VECTOR_CAPACITY);
        for (int row = 0; row < ROWS; row++) {
            const char *text = row == BAD ? "bad" : arena_printf(&f.arena, "row %d", row);
            struct value a = value_i64(types[0], row / PER_PARTITION), b = value_str(types[1], str_from(text));
            vector_set(&chunk->columns[0], &f.arena, VECTOR_CAPACITY, row, &a);
            vector_set(&chunk->columns[1], &f.arena, VECTOR_CAPACITY, row, &b);
        }
        chunk->row_count = chunk->sel_count = ROWS;
        uint8_t kinds[VECTOR_CAPACITY] = {0};
        struct sink_rows rows = {.step_id = 1, .write_micros = 5, .chunk = chunk, .kinds = kinds};
        enum status status = cassandra_connector.sink->write(sink, &rows, &err);
        if (status == STATUS_OK) status = cassandra_connector.sink->flush(sink, &err);
        cassandra_connector.sink->close(sink, status != STATUS_OK);
        int writes = 0;
        for (int k = 0; k < 3; k++) writes += fake_cql_writes(f.nodes.fakes[k]);
        FILE *file = fopen(path, "r");
        if (cases[i].skip && !cases[i].lost) {
            assert_int_equal(status, STATUS_OK);
            assert_int_equal(refused, 1);
            assert_int_equal(writes, ROWS - 1);
            assert_non_null(fgets(line, sizeof line, file));
            assert_non_null(strstr(line, "\"operation\":\"write\",\"key\":{\"a\":\"2\",\"b\":\"bad\"}"));
            assert_non_null(
                strstr(line, ": write failed: the fake says no; consistency QUORUM: 1 of 2 replicas; tried 2 times"));
        } else {
            assert_int_equal(status, STATUS_SERVER_ERROR);
            assert_int_equal(refused, 0);
            assert_non_null(strstr(err.message, ": write failed: the fake says no"));
            assert_int_equal(strstr(err.detail, "row with a = 2, b = bad") != NULL, !cases[i].lost);
        }
        assert_null(fgets(line, sizeof line, file));
        fclose(file);
        unlink(path);
        arena_destroy(&f.arena);
        stop(&f.nodes);
    }
}

static void lookups_go_to_their_nodes(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f, false);
    int key[] = {0}, columns[] = {0, 1};
    struct lookup *lookup;
    assert_int_equal(cassandra_connector.lookup->open(&f.table, key, 1, columns, 2, NULL, &lookup, &err), STATUS_OK);
    wait_until_connected(&f);
    assert_int_equal(cassandra_connector.lookup->ask(lookup, make_keys(&f, 1, 500), &f.arena, ignore_rows, NULL, &err),
                     STATUS_OK);
    cassandra_connector.lookup->close(lookup);
    close_fixture(&f);
}

/* Partitions are deleted by key, without reading. */
static void deletes_go_to_their_nodes(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f, false);
    struct sink_options options = {.columns = (const int[]){0, 1}, .column_count = 2};
    struct sink *sink; /* keeps the handle, with its connections */
    assert_int_equal(cassandra_connector.sink->open(&f.table, &options, &sink, &err), STATUS_OK);
    wait_until_connected(&f);
    struct value keys[60];
    for (int i = 0; i < 60; i++) keys[i] = value_i64(type_of(TYPE_INT), i);
    struct predicate predicate = {.column = 0, .op = PREDICATE_IN, .values = keys, .value_count = 60};
    bool taken;
    assert_int_equal(cassandra_connector.sink->delete_where(&f.table, &predicate, 1, 5, &taken, NULL, &err), STATUS_OK);
    assert_true(taken);
    cassandra_connector.sink->close(sink, false);
    int writes = 0;
    for (int i = 0; i < 3; i++) writes += fake_cql_writes(f.nodes.fakes[i]);
    assert_int_equal(writes, 60);
    close_fixture(&f);
}

struct output {
    struct decode_output base;
    int rows;
    bool seen[3000];
};

static enum status mark_rows(struct decode_output *base, struct chunk *chunk, struct error *error) {
    (void)error;
    struct output *output = (struct output *)base;
    for (int i = 0; i < chunk->row_count; i++, output->rows++) {
        int row = ((int32_t *)chunk->columns[0].data)[i];
        assert_true(row >= 0 && row < 3000 && !output->seen[row]);
        output->seen[row] = true;
    }
    return STATUS_OK;
}

/* Batch and streaming: each range is of one node, which is asked for it. */
static void scan_goes_to_its_nodes(bool bounded, int ranges) {
    struct fixture f;
    open_fixture(&f, false);
    int columns[] = {0, 1};
    struct scan_request request = {.column_count = 2, .columns = columns, .limit = -1, .bounded_only = bounded};
    const struct source_class *class = cassandra_connector.source;
    struct source *source;
    struct split *splits;
    struct source_reader *reader;
    int count, indexes[128];
    struct offset starts[128];
    assert_int_equal(class->open(&f.table, &request, 1, NULL, &source, &err), STATUS_OK);
    wait_until_connected(&f);
    assert_int_equal(class->splits(source, &f.arena, &splits, &count, &err), STATUS_OK);
    assert_int_equal(count, ranges);
    for (int i = 0; i < count; i++) {
        indexes[i] = i;
        starts[i] = splits[i].start;
    }
    assert_int_equal(class->reader_open(source, splits, indexes, starts, count, &reader, &err), STATUS_OK);
    struct output output = {.base = {.arena = &f.arena, .emit = mark_rows}};
    for (enum fetch_result result = FETCH_IDLE; result != FETCH_END;) {
        struct block *block;
        assert_int_equal(class->fetch(reader, 1000, &block, &result, &err), STATUS_OK);
        if (result != FETCH_BLOCK) continue;
        assert_int_equal(class->decode(source, block, 0, block->record_count, &output.base, &err), STATUS_OK);
        block->release(block);
    }
    class->reader_close(reader);
    class->close(source);
    assert_int_equal(output.rows, 3000);
    close_fixture(&f);
}

static void scans_go_to_their_nodes(void **state) {
    (void)state;
    scan_goes_to_its_nodes(true, 4 + 3);   /* cut at three tokens */
    scan_goes_to_its_nodes(false, 64 + 2); /* 0 is an end already */
}

/* ---- A job that goes on ---- */

static enum status on_begin(void *data, const struct schema *schema, bool changelog, bool streaming,
                            struct error *error) {
    (void)data, (void)schema, (void)changelog, (void)streaming, (void)error;
    return STATUS_OK;
}

static enum status on_rows(void *data, const struct chunk *chunk, const uint8_t *kinds, struct error *error) {
    (void)kinds, (void)error;
    for (int c = 0; c < chunk->column_count; c++) ((int64_t *)data)[c] = ((int64_t *)chunk->columns[c].data)[0];
    return STATUS_OK;
}

static enum status on_end(void *data, int64_t row_count, struct error *error) {
    (void)data, (void)row_count, (void)error;
    return STATUS_OK;
}

/* From Cassandra's table into one of the embedded store. */
struct copy {
    struct session *session;
    char script[1024], data_dir[64], checkpoint_dir[64];
    enum job_end end;
    enum status status;
    atomic_bool done;
};

static void *run_copy(void *data) {
    struct copy *copy = data;
    struct result_handler handler = {.begin = on_begin, .rows = on_rows, .end = on_end};
    struct session_options options = {.data_dir = copy->data_dir, .checkpoint_dir = copy->checkpoint_dir};
    copy->status = session_create(&options, &copy->session, &err);
    if (copy->status == STATUS_OK)
        copy->status =
            session_run_script(copy->session, copy->script, strlen(copy->script), &handler, &copy->end, &err);
    atomic_store(&copy->done, true);
    return NULL;
}

/* Starts it, and stops it when so many requests were made of its nodes; 0: lets it end. */
static void copy_from(struct nodes *nodes, const char *directory, int stop_at, enum job_end end) {
    struct copy copy = {.end = JOB_FAILED};
    snprintf(copy.data_dir, sizeof copy.data_dir, "%s/data", directory);
    snprintf(copy.checkpoint_dir, sizeof copy.checkpoint_dir, "%s/checkpoints", directory);
    snprintf(
        copy.script, sizeof copy.script,
        "SET 'execution.runtime-mode' = 'streaming'; SET 'parallelism.default' = '1';"
        "CREATE TABLE IF NOT EXISTS copied (a INT, b STRING, PRIMARY KEY (a) NOT ENFORCED);"
        "CREATE TEMPORARY TABLE t (a INT, b STRING, PRIMARY KEY (a) NOT ENFORCED) WITH ('connector' = 'cassandra', "
        "'hosts' = '%s', 'keyspace' = 'ks', 'connections-per-host' = '1');"
        "INSERT INTO copied SELECT a, b FROM t;",
        nodes->hosts);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, run_copy, &copy), 0);
    for (int asked = 0; stop_at && asked < stop_at && !atomic_load(&copy.done); usleep(1000)) {
        asked = 0;
        for (int i = 0; i < nodes->count; i++) asked += fake_cql_requests(nodes->fakes[i]);
    }
    if (stop_at) session_cancel(copy.session);
    pthread_join(thread, NULL);
    if (copy.status != STATUS_OK) fail_msg("%s", err.message);
    assert_int_equal(copy.end, end);
    int64_t answer[2] = {0};
    if (end == JOB_FINISHED) {
        static const char query[] =
            "SET 'execution.runtime-mode' = 'batch'; SELECT COUNT(*), SUM(CAST(a AS BIGINT)) FROM copied;";
        struct result_handler handler = {.data = answer, .begin = on_begin, .rows = on_rows, .end = on_end};
        struct arena arena;
        arena_init(&arena, NULL);
        for (size_t offset = 0;;) {
            struct ast_statement *statement = NULL;
            assert_int_equal(parse_script_next(query, sizeof query - 1, &offset, &arena, &statement, &err), STATUS_OK);
            if (!statement) break;
            if (session_execute(copy.session, statement, query, sizeof query - 1, &handler, &err) != STATUS_OK)
                fail_msg("%s", err.message);
        }
        arena_destroy(&arena);
        assert_int_equal(answer[0], 3000);
        assert_int_equal(answer[1], 3000 * 2999 / 2);
    }
    session_destroy(copy.session);
}

/* A streaming job is stopped; when it goes on, the nodes have other tokens. The ranges are those of the checkpoint all the same, and what was
 * read is not read again. */
static void a_job_goes_on_with_another_ring(void **state) {
    (void)state;
    char directory[] = "/tmp/millrace-ring.XXXXXX", command[64];
    assert_non_null(mkdtemp(directory));
    static const char *const others[] = {"-8000000000000000000", "1000000000000000000", "4000000000000000000, 77"};
    int asked = 0;
    for (int run = 0; run < 2; run++) {
        struct fake_options options[3];
        struct nodes nodes;
        for (int i = 0; i < 3; i++)
            options[i] = (struct fake_options){.tokens = true,
                                               .rows = 3000,
                                               .page_rows = 100,
                                               .fault = run ? FAKE_NONE : FAKE_LATE,
                                               .late_ms = 30,
                                               .tokens_own = run ? others[i] : NULL};
        start(&nodes, 3, options);
        copy_from(&nodes, directory, run ? 0 : 30, run ? JOB_FINISHED : JOB_STOPPED);
        asked = 0;
        for (int i = 0; i < 3; i++) asked += fake_cql_requests(nodes.fakes[i]);
        stop(&nodes);
    }
    assert_in_range(asked, 1, 64 + 2 - 15); /* a range has one page */
    snprintf(command, sizeof command, "rm -rf %s", directory);
    assert_int_equal(system(command), 0);
}

/* ---- Nodes come and go ---- */

static void a_node_goes_down_and_comes_back(void **state) {
    (void)state;
    struct nodes nodes;
    start(&nodes, 3, NULL);
    open_client(&nodes);
    wait_for_all(&nodes);
    int port = nodes.places[1].port;
    stop_node(&nodes, 1);
    for (int i = 0; i < 20; i++)
        if (write_one(&nodes, true, token_of[1]) != STATUS_OK) fail_msg("%s", err.message);
    start_node(&nodes, 1, port);
    introduce(&nodes);
    fake_cql_event(nodes.fakes[0], "STATUS_CHANGE", "UP", &nodes.places[1]);
    int64_t begin = now_ms();
    WAIT_FOR(write_one(&nodes, true, token_of[1]) == STATUS_OK && fake_cql_requests(nodes.fakes[1]) > 0);
    assert_true(now_ms() - begin < 2500); /* the event ends the rest between attempts */
    stop(&nodes);
}

static void nodes_are_added_and_removed(void **state) {
    (void)state;
    struct nodes nodes;
    start(&nodes, 2, NULL);
    open_client(&nodes);
    wait_for_all(&nodes);
    nodes.count = 3;
    start_node(&nodes, 2, 0);
    introduce(&nodes);
    fake_cql_event(nodes.fakes[0], "TOPOLOGY_CHANGE", "NEW_NODE", &nodes.places[2]);
    WAIT_FOR(write_one(&nodes, true, token_of[2]) == STATUS_OK && fake_cql_requests(nodes.fakes[2]) > 0);
    /* It leaves; what it had belongs to the first, around the end of the ring. */
    struct fake_peer gone = nodes.places[2];
    nodes.count = 2;
    introduce(&nodes);
    fake_cql_event(nodes.fakes[0], "TOPOLOGY_CHANGE", "REMOVED_NODE", &gone);
    int before;
    do {
        before = fake_cql_requests(nodes.fakes[0]);
        assert_int_equal(write_one(&nodes, true, token_of[2]), STATUS_OK);
    } while (fake_cql_requests(nodes.fakes[0]) == before);
    int idle = fake_cql_requests(nodes.fakes[2]);
    assert_int_equal(write_many(&nodes, 300, false, 0), 0);
    assert_int_equal(fake_cql_requests(nodes.fakes[2]), idle);
    nodes.count = 3;
    stop(&nodes);
}

static void the_control_connection_moves(void **state) {
    (void)state;
    for (int broken = 0; broken < 2; broken++) {
        struct nodes nodes;
        start(&nodes, 2, NULL);
        open_client(&nodes);
        wait_for_all(&nodes);
        assert_int_equal(fake_cql_registered(nodes.fakes[0]), 1);
        assert_int_equal(fake_cql_registered(nodes.fakes[1]), 0);
        if (broken)
            fake_cql_break(nodes.fakes[0]);
        else
            stop_node(&nodes, 0);
        WAIT_FOR(fake_cql_registered(nodes.fakes[1]) == 1 ||
                 (nodes.fakes[0] && fake_cql_registered(nodes.fakes[0]) == 2));
        int at = fake_cql_registered(nodes.fakes[1]) ? 1 : 0;
        /* What the new one says counts. */
        nodes.count = 3;
        start_node(&nodes, 2, 0);
        introduce(&nodes);
        WAIT_FOR(fake_cql_peers_read(nodes.fakes[at]) > 0);
        fake_cql_event(nodes.fakes[at], "TOPOLOGY_CHANGE", "NEW_NODE", &nodes.places[2]);
        WAIT_FOR(write_one(&nodes, true, token_of[2]) == STATUS_OK && fake_cql_requests(nodes.fakes[2]) > 0);
        stop(&nodes);
    }
}

/* A node that says nothing: what it was asked is asked elsewhere, it is given up, and comes back. */
static void a_node_is_paused(void **state) {
    (void)state;
    struct nodes nodes;
    start(&nodes, 2, NULL);
    nodes.client.request_timeout_ms = 300;
    open_client(&nodes);
    wait_for_all(&nodes);
    fake_cql_pause(nodes.fakes[1], true);
    int64_t begin = now_ms();
    assert_int_equal(write_many(&nodes, 3000, true, token_of[1]), 0); /* more than it has streams for */
    assert_true(now_ms() - begin < 5000);
    begin = now_ms();
    for (int i = 0; i < 20; i++) assert_int_equal(write_one(&nodes, true, token_of[1]), STATUS_OK);
    assert_true(now_ms() - begin < 1000); /* nobody waits for it any more */
    fake_cql_pause(nodes.fakes[1], false);
    int before = fake_cql_requests(nodes.fakes[1]);
    WAIT_FOR(write_one(&nodes, true, token_of[1]) == STATUS_OK && fake_cql_requests(nodes.fakes[1]) > before);
    stop(&nodes);
}

/* The cluster says that a node is down before we notice. */
static void down_is_looked_into(void **state) {
    (void)state;
    struct nodes nodes;
    start(&nodes, 2, NULL);
    nodes.client.request_timeout_ms = 60000;
    nodes.client.connect_timeout_ms = 300;
    open_client(&nodes);
    wait_for_all(&nodes);
    fake_cql_event(nodes.fakes[0], "STATUS_CHANGE", "DOWN", &nodes.places[1]); /* not true: nothing happens */
    assert_int_equal(write_many(&nodes, 100, true, token_of[1]), 0);
    fake_cql_pause(nodes.fakes[1], true);
    fake_cql_event(nodes.fakes[0], "STATUS_CHANGE", "DOWN", &nodes.places[1]);
    int64_t begin = now_ms();
    assert_int_equal(write_one(&nodes, true, token_of[1]), STATUS_OK);
    assert_true(now_ms() - begin < 5000);
    stop(&nodes);
}

static void all_nodes_are_down(void **state) {
    (void)state;
    struct nodes nodes;
    start(&nodes, 3, NULL);
    open_client(&nodes);
    wait_for_all(&nodes);
    for (int i = 0; i < 3; i++) stop_node(&nodes, i);
    int64_t begin = now_ms();
    assert_int_equal(write_many(&nodes, 100, true, token_of[1]), 100);
    assert_true(now_ms() - begin < 4000);
    assert_int_equal(err.code, STATUS_UNREACHABLE);
    assert_memory_equal(err.message, "Cassandra, table ks.t: 127.0.0.1:", 33);
    assert_non_null(strstr(err.message, "cannot connect: connection refused"));
    assert_string_equal(err.detail, "tried 4 times");
    start_node(&nodes, 2, nodes.places[2].port); /* not the one that it knew first */
    introduce(&nodes);
    WAIT_FOR(write_one(&nodes, false, 0) == STATUS_OK);
    stop(&nodes);
}

/* ---- Overload ---- */

static void one_of_two_is_overloaded(void **state) {
    (void)state;
    for (int has_token = 0; has_token < 2; has_token++) {
        struct nodes nodes;
        struct fake_options options[2] = {{.error_code = CQL_OVERLOADED}, {0}};
        start(&nodes, 2, options);
        open_client(&nodes);
        wait_for_all(&nodes);
        fake_cql_set_fault(nodes.fakes[0], FAKE_ERROR);
        int64_t begin = now_ms();
        for (int round = 0; round < 5; round++) assert_int_equal(write_many(&nodes, 1000, has_token, token_of[0]), 0);
        assert_true(now_ms() - begin < 3000);
        /* It is spared: after the first ones it is asked only now and then. */
        int before = fake_cql_requests(nodes.fakes[0]);
        for (int i = 0; i < 1000; i++) assert_int_equal(write_one(&nodes, has_token, token_of[0]), STATUS_OK);
        assert_in_range(fake_cql_requests(nodes.fakes[0]) - before, 0, 50);
        /* And gets its share when it is well again. */
        fake_cql_set_fault(nodes.fakes[0], FAKE_NONE);
        before = fake_cql_requests(nodes.fakes[0]);
        WAIT_FOR(write_many(&nodes, 100, has_token, token_of[0]) == 0 &&
                 fake_cql_requests(nodes.fakes[0]) - before > 1000);
        stop(&nodes);
    }
}

/* Who waits for nodes that say nothing but OVERLOADED uses up attempts as those do who ask them. */
static void all_are_overloaded(void **state) {
    (void)state;
    for (int has_token = 0; has_token < 2; has_token++) {
        struct nodes nodes;
        struct fake_options options[2] = {{.error_code = CQL_OVERLOADED}, {.error_code = CQL_OVERLOADED}};
        start(&nodes, 2, options);
        open_client(&nodes);
        wait_for_all(&nodes);
        for (int i = 0; i < 2; i++) fake_cql_set_fault(nodes.fakes[i], FAKE_ERROR);
        int64_t begin = now_ms();
        assert_int_equal(write_many(&nodes, 5000, has_token, token_of[0]), 5000);
        assert_true(now_ms() - begin < 5000); /* 4 attempts with 50 to 200 ms between them */
        assert_int_equal(err.code, STATUS_SERVER_ERROR);
        assert_non_null(strstr(err.message, "overloaded: the fake says no"));
        assert_string_equal(err.detail, "tried 4 times");
        for (int i = 0; i < 2; i++) fake_cql_set_fault(nodes.fakes[i], FAKE_NONE);
        assert_int_equal(write_many(&nodes, 20000, false, 0), 0); /* with windows that are still small */
        stop(&nodes);
    }
}

/* ---- Speculation ---- */

static void slow_answers_are_not_waited_for(void **state) {
    (void)state;
    for (int speculates = 0; speculates < 2; speculates++) {
        struct nodes nodes;
        struct fake_options options[2] = {{0}, {.fault = FAKE_LATE, .late_ms = 1500}};
        start(&nodes, 2, options);
        fake_cql_set_fault(nodes.fakes[1], FAKE_NONE);
        nodes.client.speculative_delay_ms = speculates ? 40 : 0;
        nodes.client.speculative_max = 1;
        open_client(&nodes);
        wait_for_all(&nodes);
        fake_cql_set_fault(nodes.fakes[1], FAKE_LATE);
        int before = fake_cql_requests(nodes.fakes[0]);
        int64_t begin = now_ms();
        assert_int_equal(write_many(&nodes, 100, true, token_of[1]), 0);
        int64_t took = now_ms() - begin;
        assert_int_equal(fake_cql_requests(nodes.fakes[0]) - before, speculates ? 100 : 0);
        if (speculates)
            assert_in_range(took, 35, 1400);
        else
            assert_true(took >= 1500);
        /* The answers that come after all find nobody, and do no harm. */
        fake_cql_set_fault(nodes.fakes[1], FAKE_NONE);
        usleep(1700000);
        int connections = fake_cql_connections(nodes.fakes[1]);
        assert_int_equal(write_many(&nodes, 100, true, token_of[1]), 0);
        assert_int_equal(fake_cql_connections(nodes.fakes[1]), connections);
        stop(&nodes);
    }
}

/* What may not be done twice is not; what fails in one place is waited for in the other. */
static void speculation_knows_its_limits(void **state) {
    (void)state;
    struct nodes nodes;
    struct fake_options options[3] = {
        {.error_code = CQL_READ_TIMEOUT}, {.late_ms = 300}, {.error_code = CQL_READ_TIMEOUT}};
    start(&nodes, 3, options);
    nodes.client.speculative_delay_ms = 30;
    nodes.client.speculative_max = 2;
    open_client(&nodes);
    wait_for_all(&nodes);
    fake_cql_set_fault(nodes.fakes[1], FAKE_LATE);
    struct cql_request request;
    struct cql_response *response;
    int before[3];
    for (int i = 0; i < 3; i++) before[i] = fake_cql_requests(nodes.fakes[i]);
    init_write(&request, true, token_of[1]);
    request.idempotent = false;
    assert_int_equal(cql_execute(nodes.cluster, &request, &response, &err), STATUS_OK);
    cql_response_free(response);
    assert_int_equal(fake_cql_requests(nodes.fakes[0]) + fake_cql_requests(nodes.fakes[2]), before[0] + before[2]);
    fake_cql_set_fault(nodes.fakes[0], FAKE_ERROR);
    fake_cql_set_fault(nodes.fakes[2], FAKE_ERROR);
    int64_t begin = now_ms();
    init_write(&request, true, token_of[1]);
    request.idempotent = false; /* as a page of a scan, of which the reader repeats what fails */
    request.repeatable = true;
    assert_int_equal(cql_execute(nodes.cluster, &request, &response, &err), STATUS_OK);
    assert_int_equal(request.attempts, 0);
    cql_response_free(response);
    assert_true(now_ms() - begin >= 295);
    assert_int_equal(fake_cql_requests(nodes.fakes[0]), before[0] + 1); /* each once */
    assert_int_equal(fake_cql_requests(nodes.fakes[2]), before[2] + 1);
    stop(&nodes);
}

/* A node that hangs is noticed even if others always answer in its place. */
static void speculation_does_not_hide_a_dead_node(void **state) {
    (void)state;
    struct nodes nodes;
    start(&nodes, 2, NULL);
    nodes.client.speculative_delay_ms = 20;
    nodes.client.speculative_max = 1;
    nodes.client.request_timeout_ms = 500;
    open_client(&nodes);
    wait_for_all(&nodes);
    fake_cql_pause(nodes.fakes[1], true);
    int64_t begin = now_ms(), took = 0;
    for (int fast = 0; fast < 10;) { /* asked only where it answers */
        int64_t sent = now_ms();
        assert_int_equal(write_one(&nodes, true, token_of[1]), STATUS_OK);
        fast = now_ms() - sent < 15 ? fast + 1 : 0;
        took = now_ms() - begin;
        assert_true(took < 10000);
    }
    assert_true(took >= 500);
    stop(&nodes);
}

/* ---- Schema agreement ---- */

static void *agree_later(void *data) {
    struct nodes *nodes = data;
    usleep(500000);
    fake_cql_set_schema(nodes->fakes[1], 7);
    return NULL;
}

static void schema_changes_wait_for_agreement(void **state) {
    (void)state;
    struct nodes nodes;
    start(&nodes, 2, NULL);
    open_client(&nodes);
    wait_for_all(&nodes);
    fake_cql_set_schema(nodes.fakes[0], 7);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, agree_later, &nodes), 0);
    int64_t begin = now_ms();
    assert_int_equal(cql_query(nodes.cluster, "CREATE KEYSPACE k", NULL, NULL, &err), STATUS_OK);
    assert_in_range(now_ms() - begin, 450, 5000);
    pthread_join(thread, NULL);
    assert_true(fake_cql_schema_read(nodes.fakes[0]) > 2 && fake_cql_schema_read(nodes.fakes[1]) > 2);
    begin = now_ms();
    assert_int_equal(cql_query(nodes.cluster, "CREATE KEYSPACE k", NULL, NULL, &err), STATUS_OK);
    assert_true(now_ms() - begin < 400);
    /* A handle that is closed meanwhile does not wait. */
    fake_cql_set_schema(nodes.fakes[1], 8);
    struct cql_request request;
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
    int landed = 0, failed = 0;
    struct flight flight = {.lock = &lock, .changed = &changed, .landed = &landed, .failed = &failed};
    cql_request_init(&request, CQL_REQUEST_QUERY);
    request.text = str_from("CREATE KEYSPACE k");
    request.done = on_landed;
    request.data = &flight;
    int asked = fake_cql_schema_read(nodes.fakes[1]);
    cql_submit(nodes.cluster, &request);
    WAIT_FOR(fake_cql_schema_read(nodes.fakes[1]) > asked);
    assert_int_equal(landed, 0);
    begin = now_ms();
    cql_cluster_release(nodes.cluster);
    nodes.cluster = NULL;
    assert_int_equal(landed, 1);
    assert_true(now_ms() - begin < 2000);
    stop(&nodes);
}

/* ---- Statements ---- */

/* A statement that is prepared is known to all nodes, and to one that comes back without it. */
static void statements_are_prepared_everywhere(void **state) {
    (void)state;
    struct nodes nodes;
    struct fake_options options[2] = {{0}, {.fault = FAKE_UNPREPARED, .fault_count = 1}};
    start(&nodes, 2, options);
    fake_cql_set_fault(nodes.fakes[1], FAKE_NONE);
    open_client(&nodes);
    wait_for_all(&nodes);
    const struct cql_prepared *insert;
    assert_int_equal(cql_prepare(nodes.cluster, "INSERT INTO ks.t", "ks.t", &insert, &err), STATUS_OK);
    WAIT_FOR(fake_cql_prepares(nodes.fakes[0]) == 1 && fake_cql_prepares(nodes.fakes[1]) == 1);
    fake_cql_set_fault(nodes.fakes[1], FAKE_UNPREPARED);
    struct cql_request request;
    struct cql_response *response;
    cql_request_init(&request, CQL_REQUEST_EXECUTE);
    request.prepared = insert;
    request.has_token = true;
    request.token = token_of[1];
    request.keyspace = "ks";
    assert_int_equal(cql_execute(nodes.cluster, &request, &response, &err), STATUS_OK);
    cql_response_free(response);
    assert_int_equal(fake_cql_prepares(nodes.fakes[1]), 2);
    assert_int_equal(fake_cql_prepares(nodes.fakes[0]), 1);
    cql_prepared_release(insert);
    stop(&nodes);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_are_found),
        cmocka_unit_test(other_datacenters_and_joining_nodes),
        cmocka_unit_test(another_datacenter_takes_over),
        cmocka_unit_test(one_other_datacenter_at_a_time),
        cmocka_unit_test(no_other_datacenter_unasked),
        cmocka_unit_test(opened_in_another_datacenter),
        cmocka_unit_test(nodes_by_two_names),
        cmocka_unit_test(nodes_behind_a_proxy),
        cmocka_unit_test(requests_go_to_replicas),
        cmocka_unit_test(reads_that_fail_are_asked_elsewhere),
        cmocka_unit_test(schema_events_are_heard),
        cmocka_unit_test(writes_go_to_their_nodes),
        cmocka_unit_test(rows_that_cannot_be_written),
        cmocka_unit_test(lookups_go_to_their_nodes),
        cmocka_unit_test(deletes_go_to_their_nodes),
        cmocka_unit_test(scans_go_to_their_nodes),
        cmocka_unit_test(a_job_goes_on_with_another_ring),
        cmocka_unit_test(a_node_goes_down_and_comes_back),
        cmocka_unit_test(nodes_are_added_and_removed),
        cmocka_unit_test(the_control_connection_moves),
        cmocka_unit_test(a_node_is_paused),
        cmocka_unit_test(down_is_looked_into),
        cmocka_unit_test(all_nodes_are_down),
        cmocka_unit_test(one_of_two_is_overloaded),
        cmocka_unit_test(all_are_overloaded),
        cmocka_unit_test(slow_answers_are_not_waited_for),
        cmocka_unit_test(speculation_knows_its_limits),
        cmocka_unit_test(speculation_does_not_hide_a_dead_node),
        cmocka_unit_test(schema_changes_wait_for_agreement),
        cmocka_unit_test(statements_are_prepared_everywhere),
    };
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests_name("cluster", tests, NULL, NULL) != 0;
}
