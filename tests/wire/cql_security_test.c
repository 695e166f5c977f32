/* What surrounds CQL, against the fake server: TLS that does not come about, versions that are a beta, challenges, values that
 * version 3 cannot leave unset, traces and warnings. (TLS that works is tested against a real server and in src/net.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <stdatomic.h>

#include "cass/bytes.h"
#include "cass/codec.h"
#include "cql/cql.h"
#include "fake_cql.h"

static struct error err;

struct pair {
    struct fake_cql *fake;
    struct cql_cluster *cluster;
    char hosts[64];
    struct cql_options options;
};

static void start_fake(struct pair *pair, const struct fake_options *options) {
    pair->fake = fake_cql_start(options, 0);
    pair->cluster = NULL;
    snprintf(pair->hosts, sizeof pair->hosts, "127.0.0.1:%d", fake_cql_port(pair->fake));
    cql_options_init(&pair->options);
    pair->options.hosts = pair->hosts;
    pair->options.connections_per_host = 1;
    pair->options.connect_timeout_ms = 2000;
    pair->options.request_timeout_ms = 3000;
}

static enum status open_pair(struct pair *pair) {
    error_clear(&err);
    return cql_cluster_open(&pair->options, &pair->cluster, &err);
}

static void stop(struct pair *pair) {
    cql_cluster_release(pair->cluster);
    fake_cql_stop(pair->fake);
}

static void expect_message(const struct pair *pair, const char *message) {
    char expected[512];
    snprintf(expected, sizeof expected, "cannot connect to Cassandra: 127.0.0.1:%d: %s", fake_cql_port(pair->fake),
             message);
    assert_string_equal(err.message, expected);
}

static void tls_that_does_not_come_about(void **state) {
    (void)state;
    static const struct {
        enum fake_fault fault;
        bool dribble;
        enum status status;
        const char *message;
    } cases[] = {
        {FAKE_NOT_CQL, false, STATUS_UNREACHABLE, "the server does not speak TLS on this port"},
        {FAKE_NOT_CQL, true, STATUS_UNREACHABLE, "the server does not speak TLS on this port"},
        {FAKE_SILENT, false, STATUS_TIMEOUT, "no end of the TLS handshake within 300 ms"},
        /* The fake takes a ClientHello for the header of a long message, and waits for the rest. */
        {FAKE_NONE, false, STATUS_TIMEOUT, "no end of the TLS handshake within 300 ms"},
    };
    struct net_tls *tls;
    assert_int_equal(net_tls_create(&(struct net_tls_options){.verify = NET_TLS_NONE}, &tls, &err), STATUS_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pair pair;
        start_fake(&pair, &(struct fake_options){.fault = cases[i].fault, .dribble = cases[i].dribble});
        pair.options.tls = tls;
        pair.options.connect_timeout_ms = 300;
        assert_int_equal(open_pair(&pair), cases[i].status);
        expect_message(&pair, cases[i].message);
        assert_int_equal(status_exit(err.code), 3);
        stop(&pair);
    }
    struct pair pair;
    start_fake(&pair, &(struct fake_options){.fault = FAKE_CLOSE_ON_ACCEPT});
    pair.options.tls = tls;
    assert_int_equal(open_pair(&pair), STATUS_UNREACHABLE);
    stop(&pair);
    /* In clear, a server that ends the conversation at the first word may be waiting for TLS. */
    start_fake(&pair, &(struct fake_options){.fault = FAKE_CLOSE_ON_ACCEPT});
    assert_int_equal(open_pair(&pair), STATUS_UNREACHABLE);
    stop(&pair);
    net_tls_release(tls);
}

static void beta_versions_are_left_alone(void **state) {
    (void)state;
    for (int highest = 4; highest <= 5; highest++) {
        struct pair pair;
        start_fake(&pair, &(struct fake_options){.version = highest, .beta = true});
        assert_int_equal(open_pair(&pair), STATUS_OK);
        assert_int_equal(cql_cluster_protocol(pair.cluster), highest - 1);
        cql_cluster_release(pair.cluster);
        pair.cluster = NULL;
        pair.options.protocol_version = highest;
        assert_int_equal(open_pair(&pair), STATUS_UNREACHABLE);
        char message[100];
        snprintf(message, sizeof message, "the server knows version %d of the native protocol, not %d", highest - 1,
                 highest);
        expect_message(&pair, message);
        stop(&pair);
    }
}

static void challenges_end(void **state) {
    (void)state;
    struct pair pair;
    start_fake(&pair, &(struct fake_options){.fault = FAKE_CHALLENGE});
    pair.options.username = "u";
    pair.options.password = "topsecret";
    assert_int_equal(open_pair(&pair), STATUS_AUTHENTICATION);
    expect_message(&pair, "the server asks for more than a password");
    assert_null(strstr(err.message, "topsecret"));
    assert_int_equal(fake_cql_connections(pair.fake), 1);
    stop(&pair);
}

/* ---- Version 3 ---- */

static void put_values(struct strbuf *out, bool unset) {
    cass_put_i32(out, 4);
    cass_put_i32(out, 7);
    if (unset)
        cass_put_i32(out, CASS_UNSET);
    else
        cass_put_long_string(out, str_from("text"));
}

static enum status execute(struct pair *pair, const struct cql_prepared *insert, bool batch, bool unset) {
    struct cql_request request;
    struct strbuf values = {0}, statements = {0};
    put_values(&values, unset);
    cql_request_init(&request, batch ? CQL_REQUEST_BATCH : CQL_REQUEST_EXECUTE);
    request.prepared = insert;
    request.parameters.value_count = 2;
    request.parameters.values = strbuf_str(&values);
    if (batch) {
        struct strbuf whole = {0};
        put_values(&whole, false);
        cql_put_batch_statement(&statements, insert->id, 2, strbuf_str(&whole));
        cql_put_batch_statement(&statements, insert->id, 2, strbuf_str(&values));
        strbuf_free(&whole);
        request.statement_count = 2;
        request.statements = strbuf_str(&statements);
    }
    struct cql_response *response = NULL;
    error_clear(&err);
    enum status status = cql_execute(pair->cluster, &request, &response, &err);
    cql_response_free(response);
    strbuf_free(&values);
    strbuf_free(&statements);
    return status;
}

/* Version 3 would take "leave it" for NULL, and delete. */
static void unset_values(void **state) {
    (void)state;
    for (int version = 3; version <= 5; version++) {
        struct pair pair;
        start_fake(&pair, &(struct fake_options){0});
        pair.options.protocol_version = version;
        assert_int_equal(open_pair(&pair), STATUS_OK);
        const struct cql_prepared *insert;
        assert_int_equal(cql_prepare(pair.cluster, "INSERT INTO t (a, b) VALUES (?, ?)", "ks.t", &insert, &err),
                         STATUS_OK);
        assert_int_equal(insert->bind_count, 2);
        for (int batch = 0; batch < 2; batch++) {
            int before = fake_cql_writes(pair.fake);
            assert_int_equal(execute(&pair, insert, batch, false), STATUS_OK);
            assert_int_equal(fake_cql_writes(pair.fake), before + 1 + batch);
            assert_int_equal(execute(&pair, insert, batch, true), version == 3 ? STATUS_NOT_SUPPORTED : STATUS_OK);
            assert_int_equal(fake_cql_writes(pair.fake), before + (version == 3 ? 1 : 2) * (1 + batch));
        }
        cql_prepared_release(insert);
        stop(&pair);
    }
}

/* ---- Traces and warnings ---- */

struct heard {
    atomic_int traces, first, second;
};

static void on_traced(void *data, const uint8_t session_id[16]) {
    struct heard *heard = data;
    for (int i = 0; i < 16; i++) assert_int_equal(session_id[i], i);
    atomic_fetch_add(&heard->traces, 1);
}

static void on_warned(void *data, const char *server, struct str text) {
    struct heard *heard = data;
    assert_memory_equal(server, "127.0.0.1:", 10);
    atomic_fetch_add(str_equal(text, str_from("careful")) ? &heard->first : &heard->second, 1);
}

static void traces_and_warnings_are_reported(void **state) {
    (void)state;
    for (int version = 3; version <= 5; version++)
        for (int compress = 0; compress < 2; compress++)
            for (int tracing = 0; tracing < 2; tracing++) {
                struct heard heard = {0};
                struct pair pair;
                start_fake(&pair, &(struct fake_options){.warning = "careful", .page_rows = 100, .rows = 100});
                pair.options.protocol_version = version;
                pair.options.compress = compress;
                pair.options.tracing = tracing;
                pair.options.traced = on_traced;
                pair.options.warned = on_warned;
                pair.options.data = &heard;
                assert_int_equal(open_pair(&pair), STATUS_OK);
                const struct cql_prepared *select;
                struct cql_response *response;
                assert_int_equal(cql_prepare(pair.cluster, "SELECT a, \"b\" FROM t", "ks.t", &select, &err), STATUS_OK);
                int warned = atomic_load(&heard.first); /* by system tables and preparing */
                struct cql_request request;
                cql_request_init(&request, CQL_REQUEST_EXECUTE);
                request.prepared = select;
                assert_int_equal(cql_execute(pair.cluster, &request, &response, &err), STATUS_OK);
                struct cql_rows rows;
                struct arena arena;
                arena_init(&arena, NULL);
                assert_int_equal(cql_read_rows(response, &arena, &rows, &err), STATUS_OK);
                assert_int_equal(rows.row_count, 100);
                arena_destroy(&arena);
                cql_response_free(response);
                assert_int_equal(cql_query(pair.cluster, "SELECT x FROM system.local", NULL, NULL, &err), STATUS_OK);
                assert_int_equal(cql_query(pair.cluster, "CREATE TABLE x", NULL, NULL, &err), STATUS_OK);
                assert_int_equal(heard.traces, tracing ? 2 : 0);
                assert_int_equal(fake_cql_traced(pair.fake), tracing ? 2 : 0);
                assert_int_equal(heard.first - warned, version >= 4 ? 3 : 0);
                assert_int_equal(heard.first, heard.second);
                cql_prepared_release(select);
                stop(&pair);
            }
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tls_that_does_not_come_about),
        cmocka_unit_test(beta_versions_are_left_alone),
        cmocka_unit_test(challenges_end),
        cmocka_unit_test(unset_values),
        cmocka_unit_test(traces_and_warnings_are_reported),
    };
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests_name("security", tests, NULL, NULL) != 0;
}
