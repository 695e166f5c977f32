#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cass/bytes.h"
#include "cql/message.h"

extern const struct CMUnitTest message_tests[];
extern const size_t message_tests_count;

static struct cql_response *response_of(int version, int opcode, const void *body, size_t len, uint8_t flags) {
    struct cql_header header = {.version = (uint8_t)version, .opcode = (uint8_t)opcode, .size_bytes = (uint32_t)len};
    struct cql_response *response = cql_response_create(&header);
    if (len) memcpy(response->data, body, len);
    assert_int_equal(cql_response_open(&response, flags, NULL), STATUS_OK);
    return response;
}

static void put_name(struct strbuf *out, const char *name) { cass_put_string(out, str_from(name)); }

/* A RESULT with three rows of (int, list<text>, vector<float, 2>). */
static void put_rows(struct strbuf *out) {
    cass_put_i32(out, CQL_RESULT_ROWS);
    cass_put_i32(out, 1 | 2 | 8); /* one table for all, more pages, new metadata */
    cass_put_i32(out, 3);
    cass_put_long_string(out, str_from("state"));
    put_name(out, "newid");
    put_name(out, "ks");
    put_name(out, "t");
    put_name(out, "a");
    cass_put_u16(out, CASS_INT);
    put_name(out, "b");
    cass_put_u16(out, CASS_LIST);
    cass_put_u16(out, CASS_TEXT);
    put_name(out, "c");
    cass_put_u16(out, CASS_CUSTOM);
    put_name(out, "org.apache.cassandra.db.marshal.VectorType(org.apache.cassandra.db.marshal.FloatType , 2)");
    cass_put_i32(out, 3);
    for (int i = 0; i < 3; i++) {
        cass_put_i32(out, 4);
        cass_put_i32(out, i);
        cass_put_i32(out, -1);
        cass_put_i32(out, 8);
        cass_put_i64(out, i);
    }
}

static void rows(void **state) {
    (void)state;
    struct strbuf body = {0};
    put_rows(&body);
    struct cql_response *response = response_of(5, CQL_RESULT, body.data, body.len, 0);
    struct arena arena;
    arena_init(&arena, NULL);
    struct cql_rows rows;
    assert_int_equal(cql_read_rows(response, &arena, &rows, NULL), STATUS_OK);
    assert_int_equal(rows.column_count, 3);
    assert_int_equal(rows.row_count, 3);
    assert_true(rows.metadata_changed);
    assert_true(str_equal(rows.paging_state, str_from("state")));
    assert_string_equal(rows.columns[1].keyspace, "ks");
    assert_string_equal(rows.columns[1].table, "t");
    assert_string_equal(rows.columns[1].name, "b");
    assert_string_equal(cass_type_text(&arena, rows.columns[1].type), "list<text>");
    assert_string_equal(cass_type_text(&arena, rows.columns[2].type), "vector<float, 2>");
    uint32_t offsets[4];
    assert_int_equal(cql_index_rows(&rows, 3, offsets, NULL), STATUS_OK);
    assert_int_equal(offsets[3], rows.size_bytes);
    struct cass_cell cells[3 * 2];
    cql_find_cells(rows.cells, offsets[1], 2, 3, 2, cells);
    assert_int_equal(cass_load_u32(rows.cells + cells[1].offset), 2);
    assert_int_equal(cells[2].len, -1);
    assert_int_equal(cells[5].len, 8);
    struct error err;
    assert_int_equal(cql_index_rows(&rows, 2, offsets, &err), STATUS_BAD_DATA);
    cql_response_free(response);

    /* Cut anywhere, and with any byte changed: an error or not, never a crash. */
    for (size_t len = 0; len < body.len; len++) {
        response = response_of(5, CQL_RESULT, body.data, len, 0);
        enum status status = cql_read_rows(response, &arena, &rows, &err);
        if (status == STATUS_OK) status = cql_index_rows(&rows, 3, offsets, &err);
        assert_int_equal(status, STATUS_BAD_DATA);
        cql_response_free(response);
        arena_reset(&arena);
    }
    for (int round = 0; round < 20000; round++) {
        response = response_of(5, CQL_RESULT, body.data, body.len, 0);
        for (int k = rand() % 3; k >= 0; k--) response->data[(size_t)rand() % body.len] = (uint8_t)rand();
        if (cql_read_rows(response, &arena, &rows, &err) == STATUS_OK) {
            uint32_t *many = malloc(((size_t)rows.row_count + 1) * sizeof *many);
            if (cql_index_rows(&rows, rows.column_count, many, &err) == STATUS_OK)
                assert_true(many[rows.row_count] <= rows.size_bytes);
            free(many);
        }
        cql_response_free(response);
        arena_reset(&arena);
    }
    strbuf_free(&body);
    arena_destroy(&arena);
}

/* Flags and their values as native_protocol_v5.spec orders them (4.1.4, 4.1.7). */
static void writes(void **state) {
    (void)state;
    static const char execute[] = "\0\2id\0\4meta"
                                  "\0\6"              /* LOCAL_QUORUM */
                                  "\0\0\0\x31"        /* values, serial consistency, timestamp */
                                  "\0\1\0\0\0\1v"     /* one value */
                                  "\0\11"             /* LOCAL_SERIAL */
                                  "\0\0\0\0\0\0\1\2"; /* the timestamp */
    struct cql_parameters parameters = {.consistency = CQL_LOCAL_QUORUM,
                                        .serial_consistency = CQL_LOCAL_SERIAL,
                                        .value_count = 1,
                                        .values = {"\0\0\0\1v", 5},
                                        .timestamp = 258};
    struct strbuf out = {0}, statements = {0};
    cql_put_execute(&out, 5, str_from("id"), str_from("meta"), &parameters);
    assert_true(str_equal(strbuf_str(&out), (struct str){execute, sizeof execute - 1}));

    static const char batch[] = "\2\0\1"        /* counters, one statement */
                                "\1\0\2id\0\0"  /* prepared, no values */
                                "\0\6\0\0\0\0"; /* consistency, no flags */
    strbuf_clear(&out);
    cql_put_batch_statement(&statements, str_from("id"), 0, (struct str){"", 0});
    cql_put_batch(&out, 5, CQL_BATCH_COUNTER, 1, strbuf_str(&statements), CQL_LOCAL_QUORUM, CQL_NO_TIMESTAMP);
    assert_true(str_equal(strbuf_str(&out), (struct str){batch, sizeof batch - 1}));
    strbuf_free(&out);
    strbuf_free(&statements);
}

static void prepared(void **state) {
    (void)state;
    for (int version = 3; version <= 5; version++) {
        struct strbuf body = {0};
        cass_put_i32(&body, CQL_RESULT_PREPARED);
        put_name(&body, "id");
        if (version == 5) put_name(&body, "meta");
        cass_put_i32(&body, 1);
        cass_put_i32(&body, 2); /* binds */
        if (version >= 4) {     /* key */
            cass_put_i32(&body, 1);
            cass_put_u16(&body, 1);
        }
        put_name(&body, "ks");
        put_name(&body, "t");
        put_name(&body, "a");
        cass_put_u16(&body, CASS_INT);
        put_name(&body, "b");
        cass_put_u16(&body, CASS_TEXT);
        cass_put_i32(&body, 4); /* no result */
        cass_put_i32(&body, 0);
        struct cql_response *response = response_of(version, CQL_RESULT, body.data, body.len, 0);
        struct arena arena;
        arena_init(&arena, NULL);
        struct cql_prepared_result result;
        assert_int_equal(cql_read_prepared(response, &arena, &result, NULL), STATUS_OK);
        assert_true(str_equal(result.id, str_from("id")));
        assert_int_equal(result.result_metadata_id.len, version == 5 ? 4 : 0);
        assert_int_equal(result.bind_count, 2);
        assert_int_equal(result.key_count, version >= 4);
        if (version >= 4) assert_int_equal(result.key[0], 1);
        assert_string_equal(result.binds[1].name, "b");
        assert_int_equal(result.column_count, 0);
        cql_response_free(response);
        for (size_t len = 0; len < body.len; len++) {
            struct error err;
            response = response_of(version, CQL_RESULT, body.data, len, 0);
            assert_int_equal(cql_read_prepared(response, &arena, &result, &err), STATUS_BAD_DATA);
            cql_response_free(response);
        }
        arena_destroy(&arena);
        strbuf_free(&body);
    }
}

/* A read that failed since a replica timed out or went down, or for no reason given, may be asked again, one that a replica refused may not;
 * a write that failed since replicas were lost says nothing about its rows. */
static void reasons_of_failures(void **state) {
    (void)state;
    static const struct {
        int version, codes[2], count;
        enum cql_failure failure;
    } cases[] = {
        {5, {2}, 1, CQL_FAILURE_LOST},        {5, {2, 5}, 2, CQL_FAILURE_LOST}, {5, {2, 0}, 2, CQL_FAILURE_LOST},
        {5, {0}, 1, CQL_FAILURE_UNEXPLAINED}, {5, {1}, 1, CQL_FAILURE_FINAL},   {5, {2, 1}, 2, CQL_FAILURE_FINAL},
        {5, {0, 6}, 2, CQL_FAILURE_FINAL},    {5, {0}, 0, CQL_FAILURE_FINAL},   {4, {2}, 1, CQL_FAILURE_FINAL}};
    static const int32_t failures[] = {CQL_READ_FAILURE, CQL_WRITE_FAILURE};
    for (size_t i = 0; i < 2 * sizeof cases / sizeof *cases; i++) {
        struct strbuf body = {0};
        struct cql_error error;
        int32_t code = failures[i % 2];
        cass_put_i32(&body, code);
        put_name(&body, "failed");
        cass_put_u16(&body, CQL_QUORUM);
        cass_put_i32(&body, 1);
        cass_put_i32(&body, 2);
        cass_put_i32(&body, cases[i / 2].count);
        for (int k = 0; k < cases[i / 2].count; k++) {
            cass_put_u8(&body, 4);
            strbuf_add(&body, "\x7f\0\0\2", 4);
            cass_put_u16(&body, (uint16_t)cases[i / 2].codes[k]);
        }
        if (code == CQL_READ_FAILURE)
            cass_put_u8(&body, 0);
        else
            put_name(&body, "SIMPLE");
        struct cql_response *response = response_of(cases[i / 2].version, CQL_ERROR, body.data, body.len, 0);
        assert_int_equal(cql_read_error(response, &error, NULL), STATUS_OK);
        assert_int_equal(error.failure, cases[i / 2].failure);
        cql_response_free(response);
        strbuf_free(&body);
    }
}

static void errors(void **state) {
    (void)state;
    struct strbuf body = {0};
    cass_put_i32(&body, CQL_READ_TIMEOUT);
    put_name(&body, "too slow");
    cass_put_u16(&body, CQL_QUORUM);
    cass_put_i32(&body, 1);
    cass_put_i32(&body, 2);
    cass_put_u8(&body, 0);
    struct cql_response *response = response_of(4, CQL_ERROR, body.data, body.len, 0);
    struct cql_error error;
    assert_int_equal(cql_read_error(response, &error, NULL), STATUS_OK);
    assert_int_equal(error.code, CQL_READ_TIMEOUT);
    assert_true(str_equal(error.message, str_from("too slow")));
    assert_int_equal(error.received, 1);
    assert_int_equal(error.required, 2);
    assert_int_equal(cql_error_status(error.code), STATUS_TIMEOUT);
    assert_int_equal(cql_error_retry(error.code), CQL_RETRY_IDEMPOTENT);
    assert_int_equal(cql_error_retry(CQL_UNPREPARED), CQL_RETRY_REPREPARE);
    assert_int_equal(cql_error_retry(12345), CQL_RETRY_NO);
    cql_response_free(response);
    struct error err;
    for (size_t len = 0; len + 1 < body.len; len++) {
        response = response_of(4, CQL_ERROR, body.data, len, 0);
        assert_int_equal(cql_read_error(response, &error, &err), STATUS_BAD_DATA);
        cql_response_free(response);
    }
    strbuf_free(&body);
}

static void warnings_and_payloads(void **state) {
    (void)state;
    struct strbuf body = {0};
    for (int i = 0; i < 16; i++) cass_put_u8(&body, 7); /* tracing id */
    cass_put_u16(&body, 2);
    put_name(&body, "first warning");
    put_name(&body, "second");
    cass_put_u16(&body, 1);
    put_name(&body, "key");
    cass_put_long_string(&body, str_from("value"));
    cass_put_i32(&body, CQL_RESULT_VOID);
    struct cql_response *response = response_of(4, CQL_RESULT, body.data, body.len, 2 | 4 | 8);
    assert_true(response->traced);
    for (int i = 0; i < 16; i++) assert_int_equal(response->session_id[i], 7);
    assert_int_equal(response->warning_count, 2);
    assert_true(str_equal(cql_response_warning(response, 1), str_from("second")));
    enum cql_result_kind kind;
    assert_int_equal(cql_read_result_kind(response, &kind, NULL), STATUS_OK);
    assert_int_equal(kind, CQL_RESULT_VOID);
    cql_response_free(response);
    for (size_t len = 0; len < body.len - 4; len++) {
        struct cql_header header = {.version = 4, .opcode = CQL_RESULT, .size_bytes = (uint32_t)len};
        response = cql_response_create(&header);
        memcpy(response->data, body.data, len);
        struct error err;
        assert_int_equal(cql_response_open(&response, 2 | 4 | 8, &err), STATUS_BAD_DATA);
        cql_response_free(response);
    }
    strbuf_free(&body);
}

static void unset(void **state) {
    (void)state;
    struct strbuf whole = {0}, part = {0}, statements = {0};
    cass_put_long_string(&whole, str_from("x"));
    cass_put_i32(&whole, -1);
    cass_put_long_string(&part, str_from("\xff\xff\xff\xfe")); /* bytes that look like it are none */
    assert_false(cql_values_unset(2, strbuf_str(&whole)));
    assert_false(cql_values_unset(1, strbuf_str(&part)));
    cql_put_batch_statement(&statements, str_from("id"), 2, strbuf_str(&whole));
    cql_put_batch_statement(&statements, str_from("\xff\xfe"), 1, strbuf_str(&part));
    assert_false(cql_batch_unset(2, strbuf_str(&statements)));
    cass_put_i32(&part, CASS_UNSET);
    assert_true(cql_values_unset(2, strbuf_str(&part)));
    cql_put_batch_statement(&statements, str_from("id"), 2, strbuf_str(&part));
    assert_true(cql_batch_unset(3, strbuf_str(&statements)));
    assert_false(cql_values_unset(0, (struct str){NULL, 0}));
    assert_false(cql_batch_unset(0, (struct str){NULL, 0}));
    strbuf_free(&whole);
    strbuf_free(&part);
    strbuf_free(&statements);
}

static void supported(void **state) {
    (void)state;
    struct strbuf body = {0};
    cass_put_u16(&body, 3);
    put_name(&body, "PROTOCOL_VERSIONS");
    cass_put_u16(&body, 4);
    put_name(&body, "3/v3");
    put_name(&body, "4/v4");
    put_name(&body, "5/v5");
    put_name(&body, "6/v6-beta");
    put_name(&body, "COMPRESSION");
    cass_put_u16(&body, 2);
    put_name(&body, "snappy");
    put_name(&body, "lz4");
    put_name(&body, "CQL_VERSION");
    cass_put_u16(&body, 1);
    put_name(&body, "3.4.7");
    struct cql_response *response = response_of(5, CQL_SUPPORTED, body.data, body.len, 0);
    struct cql_supported result;
    assert_int_equal(cql_read_supported(response, &result, NULL), STATUS_OK);
    assert_true(result.lz4);
    assert_int_equal(result.max_version, 5);
    cql_response_free(response);
    strbuf_free(&body);
}

/* native_protocol_v4.spec, 4.2.6 and 3 ([inet]). */
static void events(void **state) {
    (void)state;
    struct cql_event event;
    for (int bytes = 4; bytes <= 16; bytes += 12)
        for (int topology = 0; topology < 2; topology++) {
            struct strbuf body = {0};
            put_name(&body, topology ? "TOPOLOGY_CHANGE" : "STATUS_CHANGE");
            put_name(&body, topology ? "NEW_NODE" : "DOWN");
            cass_put_u8(&body, (uint8_t)bytes);
            for (int i = 0; i < bytes; i++) cass_put_u8(&body, (uint8_t)(10 + i));
            cass_put_i32(&body, 9042);
            struct cql_response *response = response_of(4, CQL_EVENT, body.data, body.len, 0);
            assert_int_equal(cql_read_event(response, &event, NULL), STATUS_OK);
            assert_int_equal(event.kind, topology ? CQL_EVENT_TOPOLOGY : CQL_EVENT_STATUS);
            assert_true(str_equal(event.change, str_from(topology ? "NEW_NODE" : "DOWN")));
            assert_int_equal(event.address.len, bytes);
            assert_memory_equal(event.address.data, "\x0a\x0b\x0c\x0d", 4);
            assert_int_equal(event.port, 9042);
            cql_response_free(response);
            for (size_t len = 0; len < body.len; len++) {
                response = response_of(4, CQL_EVENT, body.data, len, 0);
                if (cql_read_event(response, &event, NULL) == STATUS_OK) fail_msg("cut to %zu bytes", len);
                cql_response_free(response);
            }
            strbuf_free(&body);
        }
    static const char *const texts[][5] = {{"SCHEMA_CHANGE", "CREATED", "KEYSPACE", "k"},
                                           {"SCHEMA_CHANGE", "DROPPED", "TABLE", "k", "t"},
                                           {"SOMETHING_ELSE"}};
    for (int i = 0; i < 3; i++) {
        struct strbuf body = {0};
        for (int j = 0; j < 5 && texts[i][j]; j++) put_name(&body, texts[i][j]);
        struct cql_response *response = response_of(4, CQL_EVENT, body.data, body.len, 0);
        assert_int_equal(cql_read_event(response, &event, NULL), STATUS_OK);
        assert_int_equal(event.kind, i < 2 ? CQL_EVENT_SCHEMA : CQL_EVENT_OTHER);
        if (i < 2) assert_true(str_equal(event.keyspace, str_from("k")));
        assert_true(str_equal(event.name, str_from(i == 1 ? "t" : "")));
        cql_response_free(response);
        strbuf_free(&body);
    }
}

static void consistencies(void **state) {
    (void)state;
    enum cql_consistency consistency;
    assert_true(cql_consistency_parse(str_from("local_quorum"), &consistency));
    assert_int_equal(consistency, CQL_LOCAL_QUORUM);
    assert_string_equal(cql_consistency_name(consistency), "LOCAL_QUORUM");
    assert_false(cql_consistency_parse(str_from("most"), &consistency));
}

const struct CMUnitTest message_tests[] = {
    cmocka_unit_test(rows),          cmocka_unit_test(writes),
    cmocka_unit_test(prepared),      cmocka_unit_test(reasons_of_failures),
    cmocka_unit_test(errors),        cmocka_unit_test(warnings_and_payloads),
    cmocka_unit_test(supported),     cmocka_unit_test(events),
    cmocka_unit_test(consistencies), cmocka_unit_test(unset),
};
const size_t message_tests_count = sizeof message_tests / sizeof *message_tests;
