/* Against librdkafka's own mock cluster, or a real broker: MILLRACE_TEST_KAFKA=host:port (tests/servers/with-kafka sets it). */
#include "connector/test_source.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <time.h>
#include <unistd.h>

#include "connector/kafka/kafka_private.h"

extern const struct CMUnitTest kafka_tests[];
extern const size_t kafka_tests_count;
extern const struct connector kafka_connector;

struct fixture {
    struct arena arena;
    rd_kafka_t *rk;                /* a producer */
    rd_kafka_mock_cluster_t *mock; /* NULL: a real broker */
    const char *servers;
    int topic_count;
};

static void no_log(const rd_kafka_t *rk, int level, const char *facility, const char *text) {
    (void)rk;
    (void)level;
    (void)facility;
    (void)text;
}

static int set_up(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    arena_init(&f->arena, NULL);
    char reason[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    const char *servers = getenv("MILLRACE_TEST_KAFKA");
    if (servers) rd_kafka_conf_set(conf, "bootstrap.servers", servers, reason, sizeof reason);
    rd_kafka_conf_set_log_cb(conf, no_log);
    f->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, sizeof reason);
    assert_non_null(f->rk);
    if (!servers) {
        f->mock = rd_kafka_mock_cluster_new(f->rk, 1);
        servers = rd_kafka_mock_cluster_bootstraps(f->mock);
        assert_int_not_equal(rd_kafka_brokers_add(f->rk, servers), 0);
    }
    f->servers = arena_strdup(&f->arena, servers);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    rd_kafka_flush(f->rk, 10000);
    if (f->mock) rd_kafka_mock_cluster_destroy(f->mock);
    rd_kafka_destroy(f->rk);
    arena_destroy(&f->arena);
    free(f);
    return 0;
}

static const char *new_topic(struct fixture *f, int partitions) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    const char *name = arena_printf(&f->arena, "t-%lld-%09ld-%d-%d", (long long)now.tv_sec, now.tv_nsec, (int)getpid(),
                                    f->topic_count++);
    if (f->mock) {
        assert_int_equal(rd_kafka_mock_topic_create(f->mock, name, partitions, 1), 0);
        return name;
    }
    rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(name, partitions, 1, NULL, 0);
    rd_kafka_NewTopic_set_config(topic, "retention.ms", "-1");
    rd_kafka_queue_t *queue = rd_kafka_queue_new(f->rk);
    rd_kafka_CreateTopics(f->rk, &topic, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 20000);
    assert_non_null(event);
    assert_int_equal(rd_kafka_event_error(event), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_NewTopic_destroy(topic);
    return name;
}

/* text NULL: a tombstone */
static void put(struct fixture *f, const char *topic, int partition, const char *key, const char *text) {
    assert_int_equal(rd_kafka_producev(f->rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
                                       RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                       RD_KAFKA_V_KEY(key, key ? strlen(key) : 0),
                                       RD_KAFKA_V_VALUE((void *)(uintptr_t)text, text ? strlen(text) : 0),
                                       RD_KAFKA_V_TIMESTAMP(INT64_C(1700000000000) + partition), RD_KAFKA_V_END),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
}

static void put_all(struct fixture *f) { assert_int_equal(rd_kafka_flush(f->rk, 20000), RD_KAFKA_RESP_ERR_NO_ERROR); }

/* Columns id BIGINT, name STRING, and metadata topic, partition, offset, timestamp. Options as "key=value" lines. */
static struct table *make_table(struct fixture *f, const char *topic, const char *text) {
    struct arena *arena = &f->arena;
    struct table *table = ARENA_NEW(arena, struct table);
    struct table_column *columns = ARENA_ARRAY(arena, struct table_column, 6);
    columns[0] = (struct table_column){.name = "id", .type = type_of(TYPE_BIGINT)};
    columns[1] = (struct table_column){.name = "name", .type = type_of(TYPE_VARCHAR)};
    static const char *const keys[] = {"topic", "partition", "offset", "timestamp"};
    const struct type *types[] = {type_of(TYPE_VARCHAR), type_of(TYPE_INT), type_of(TYPE_BIGINT),
                                  type_time(arena, TYPE_TIMESTAMP_LTZ, 3, true)};
    for (int i = 0; i < 4; i++)
        columns[2 + i] = (struct table_column){
            .name = keys[i], .type = types[i], .kind = COLUMN_METADATA, .metadata_key = keys[i], .is_virtual = true};
    *table = (struct table){.name = "clicks", .column_count = 6, .columns = columns, .watermark_column = -1};
    option_add(&table->options, arena, "topic", topic, -1);
    option_add(&table->options, arena, "properties.bootstrap.servers", f->servers, -1);
    option_add(&table->options, arena, "connection-timeout", "20 s", -1);
    for (const char *p = text; *p;) {
        const char *end = strchrnul(p, '\n'), *equal = memchr(p, '=', (size_t)(end - p));
        option_add(&table->options, arena, arena_strndup(arena, p, (size_t)(equal - p)),
                   arena_strndup(arena, equal + 1, (size_t)(end - equal - 1)), -1);
        p = *end ? end + 1 : end;
    }
    return table;
}

static const char bounded[] = "format=json\nscan.startup.mode=earliest-offset\nscan.bounded.mode=latest-offset";
static const int all[] = {0, 1, 2, 3, 4, 5};

static void scan(const struct table *table, const int *columns, int count, struct test_run *run) {
    struct error err = {0};
    assert_int_equal(kafka_connector.check_table(table, &err), STATUS_OK);
    enum status status = test_scan(&kafka_connector, table, columns, count, 0, 0, NULL, run, &err);
    if (status != STATUS_OK) print_error("%s (%s; %s)\n", err.message, err.detail, err.hint);
    assert_int_equal(status, STATUS_OK);
}

static void reads_messages(void **state) {
    struct fixture *f = *state;
    const char *topic = new_topic(f, 3);
    put(f, topic, 0, NULL, "{\"id\":1,\"name\":\"a\"}");
    put(f, topic, 0, NULL, NULL); /* no record, but an offset */
    put(f, topic, 0, NULL, "{\"id\":2}");
    put(f, topic, 2, "key", "{\"name\":\"c\",\"id\":3}");
    put_all(f);
    struct table *table = make_table(f, topic, bounded);
    assert_true(kafka_connector.source->is_bounded(table));
    struct test_run run;
    scan(table, all, 6, &run);
    assert_int_equal(run.split_count, 3);
    assert_string_equal(run.splits[0].id, arena_printf(&f->arena, "%s/0", topic));
    assert_string_equal(
        run.splits[0].rows.data,
        arena_printf(&f->arena, "1|a|%s|0|0|1700000000000000\n2|NULL|%s|0|2|1700000000000000\n", topic, topic));
    assert_string_equal(run.splits[1].rows.data, "");
    assert_string_equal(run.splits[2].rows.data, arena_printf(&f->arena, "3|c|%s|2|0|1700000000002000\n", topic));
    test_run_free(&run);
    /* metadata alone, and nothing at all */
    scan(table, all + 4, 1, &run);
    assert_string_equal(run.splits[0].rows.data, "0\n2\n");
    test_run_free(&run);
    scan(table, NULL, 0, &run);
    assert_string_equal(run.splits[0].rows.data, "\n\n");
    test_run_free(&run);
    /* from given offsets to given offsets */
    table = make_table(
        f, topic,
        "format=json\nscan.startup.mode=specific-offsets\nscan.startup.specific-offsets=partition:0,offset:1\n"
        "scan.bounded.mode=specific-offsets\nscan.bounded.specific-offsets=partition:2,offset:0;partition:1,offset:0");
    scan(table, all, 1, &run);
    assert_string_equal(run.splits[0].rows.data, "2\n");
    assert_string_equal(run.splits[2].rows.data, "");
    test_run_free(&run);
    if (!f->mock) { /* by time; the mock has no such index */
        table = make_table(f, topic,
                           "format=json\nscan.startup.mode=timestamp\nscan.startup.timestamp-millis=1700000000001\n"
                           "scan.bounded.mode=latest-offset");
        scan(table, all, 1, &run);
        assert_string_equal(run.splits[0].rows.data, "");
        assert_string_equal(run.splits[2].rows.data, "3\n");
        test_run_free(&run);
    }
}

static void resumes_from_every_block(void **state) {
    struct fixture *f = *state;
    const char *topic = new_topic(f, 2);
    char text[300];
    for (int i = 0; i < 6000; i++) {
        memset(text, ' ', sizeof text);
        snprintf(text, sizeof text, "{\"id\":%d,\"name\":\"%0*d\"}", i, i % 200 + 1, i);
        put(f, topic, i % 5 == 0, NULL, i % 50 ? text : NULL);
    }
    put_all(f);
    struct table *table = make_table(f, topic, bounded);
    struct test_run run, again;
    scan(table, all, 2, &run);
    assert_int_equal(run.splits[0].row_count, 4800);
    assert_int_equal(run.splits[1].row_count, 1080);
    struct error err = {0};
    assert_int_equal(test_scan(&kafka_connector, table, all, 2, 100, 0, NULL, &again, &err), STATUS_OK);
    for (int i = 0; i < 2; i++) assert_string_equal(again.splits[i].rows.data, run.splits[i].rows.data);
    test_run_free(&again);
    /* The end stays where it was when the splits were first listed. */
    put(f, topic, 0, NULL, "{\"id\":-1}");
    put_all(f);
    test_resume(&kafka_connector, table, all, 2, &run, run.splits[0].mark_count / 3 + 1);
    test_run_free(&run);
}

static void names_the_message(void **state) {
    struct fixture *f = *state;
    const char *topic = new_topic(f, 1);
    put(f, topic, 0, NULL, "{\"id\":1}");
    put(f, topic, 0, NULL, "{\"id\":\"x\"}");
    put(f, topic, 0, NULL, "{\"id\":");
    put(f, topic, 0, NULL, "{\"id\":4}");
    put_all(f);
    struct table *table = make_table(f, topic, bounded);
    struct test_run run;
    struct error err = {0};
    assert_int_equal(test_scan(&kafka_connector, table, all, 1, 0, 0, NULL, &run, &err), STATUS_BAD_DATA);
    assert_string_equal(
        err.message,
        arena_printf(&f->arena, "topic '%s' partition 0 offset 1: field 'id': cannot read '\"x\"' as BIGINT", topic));
    test_run_free(&run);
    option_add(&table->options, &f->arena, "json.ignore-parse-errors", "true", -1);
    scan(table, all, 5, &run);
    assert_int_equal(run.skipped, 1);
    assert_string_equal(
        run.splits[0].rows.data,
        arena_printf(&f->arena, "1|NULL|%s|0|0\nNULL|NULL|%s|0|1\n4|NULL|%s|0|3\n", topic, topic, topic));
    test_run_free(&run);
}

static void reads_keys(void **state) {
    struct fixture *f = *state;
    const char *topic = new_topic(f, 1);
    put(f, topic, 0, "{\"id\":7}", "a");
    put(f, topic, 0, "{\"id\":", "b");
    put(f, topic, 0, "{\"id\":9}", "c,d");
    put(f, topic, 0, "{\"id\":10}", "e");
    put_all(f);
    struct table *table =
        make_table(f, topic,
                   "scan.startup.mode=earliest-offset\nscan.bounded.mode=latest-offset\nvalue.format=csv\n"
                   "value.csv.ignore-parse-errors=true\nkey.format=json\nkey.json.ignore-parse-errors=true\n"
                   "key.fields=id\nvalue.fields-include=EXCEPT_KEY");
    struct test_run run;
    scan(table, all, 5, &run);
    assert_int_equal(run.skipped, 2);
    assert_string_equal(run.splits[0].rows.data, arena_printf(&f->arena, "7|a|%s|0|0\n10|e|%s|0|3\n", topic, topic));
    test_run_free(&run);
    option_add(&table->options, &f->arena, "key.json.ignore-parse-errors", "false", -1);
    struct error err = {0};
    assert_int_equal(test_scan(&kafka_connector, table, all, 1, 0, 0, NULL, &run, &err), STATUS_BAD_DATA);
    assert_non_null(strstr(err.message, "partition 0 offset 1: field 'id': malformed JSON"));
    test_run_free(&run);
    /* a value alone does not care for the key */
    scan(table, all + 1, 1, &run);
    assert_string_equal(run.splits[0].rows.data, "a\nb\ne\n");
    test_run_free(&run);
}

static void leaves_offsets_with_the_group(void **state) {
    struct fixture *f = *state;
    const char *topic = new_topic(f, 1);
    for (int i = 0; i < 10; i++) put(f, topic, 0, NULL, arena_printf(&f->arena, "{\"id\":%d}", i));
    put_all(f);
    const struct source_class *class = kafka_connector.source;
    const char *group = arena_printf(&f->arena, "properties.group.id=g-%s", topic);
    struct table *table =
        make_table(f, topic, arena_printf(&f->arena, "format=json\nscan.bounded.mode=latest-offset\n%s", group));
    struct test_run run;
    struct error err = {0};
    assert_int_equal(test_scan(&kafka_connector, table, all, 1, 0, 0, NULL, &run, &err), STATUS_SERVER_ERROR);
    assert_string_equal(err.message,
                        arena_printf(&f->arena, "group 'g-%s' has no offset for topic '%s' partition 0", topic, topic));
    test_run_free(&run);
    option_add(&table->options, &f->arena, "properties.auto.offset.reset", "earliest", -1);
    scan(table, all, 1, &run);
    assert_int_equal(run.splits[0].row_count, 10);
    test_run_free(&run);
    /* a checkpoint at offset 6 */
    struct scan_request request = {.limit = -1};
    struct source *source;
    assert_int_equal(class->open(table, &request, 1, NULL, &source, &err), STATUS_OK);
    struct split *splits;
    int count;
    assert_int_equal(class->splits(source, &f->arena, &splits, &count, &err), STATUS_OK);
    uint8_t bytes[KAFKA_OFFSET_BYTES] = {6};
    struct offset offset = {KAFKA_OFFSET_BYTES, bytes};
    class->checkpointed(source, splits, &offset, 1);
    class->close(source);
    option_add(&table->options, &f->arena, "properties.auto.offset.reset", "none", -1);
    scan(table, all, 1, &run);
    assert_string_equal(run.splits[0].rows.data, "6\n7\n8\n9\n");
    test_run_free(&run);
}

static void waits_for_new_messages(void **state) {
    struct fixture *f = *state;
    const char *topic = new_topic(f, 1);
    put(f, topic, 0, NULL, "{\"id\":1}");
    put_all(f);
    const struct source_class *class = kafka_connector.source;
    struct table *table = make_table(f, topic, "format=json\nscan.startup.mode=latest-offset");
    struct scan_request request = {.limit = -1, .column_count = 1, .columns = all, .bounded_only = true};
    struct source *source;
    struct error err = {0};
    assert_false(class->is_bounded(table));
    assert_int_equal(class->open(table, &request, 1, NULL, &source, &err), STATUS_NOT_SUPPORTED);
    request.bounded_only = false;
    assert_int_equal(class->open(table, &request, 1, NULL, &source, &err), STATUS_OK);
    struct split *splits;
    int count, index = 0, seen = 0;
    assert_int_equal(class->splits(source, &f->arena, &splits, &count, &err), STATUS_OK);
    struct source_reader *reader;
    assert_int_equal(class->reader_open(source, splits, &index, &splits->start, 1, &reader, &err), STATUS_OK);
    for (int i = 0; i < 100 && seen < 2; i++) {
        struct block *block;
        enum fetch_result result;
        int64_t begin = kafka_now_ms();
        assert_int_equal(class->fetch(reader, 100, &block, &result, &err), STATUS_OK);
        assert_true(kafka_now_ms() - begin < 5000);
        assert_int_not_equal(result, FETCH_END);
        if (i == 2 || result == FETCH_BLOCK) put(f, topic, 0, NULL, "{\"id\":2}");
        if (result != FETCH_BLOCK) continue;
        assert_int_equal(block->start.bytes[0], 1 + seen);
        seen += block->record_count;
        assert_int_equal(block->end.bytes[0], 1 + seen);
        block->release(block);
    }
    assert_true(seen >= 2);
    class->reader_close(reader);
    class->close(source);
}

/* ---- Sink ---- */

static const int sink_columns[] = {1, 0};

static void write_rows(struct fixture *f, struct sink *sink, int first, int count, enum row_kind kind,
                       enum status expected) {
    struct arena arena;
    arena_init(&arena, NULL);
    (void)f;
    const struct type *types[] = {type_of(TYPE_VARCHAR), type_of(TYPE_BIGINT)};
    struct chunk *chunk = chunk_create(&arena, 2, types, count);
    uint8_t *kinds = arena_alloc(&arena, (size_t)count);
    for (int i = 0; i < count; i++) {
        struct value id = value_i64(types[1], first + i), name = value_str(types[0], str_from("n"));
        vector_set(&chunk->columns[0], &arena, count, i, &name);
        vector_set(&chunk->columns[1], &arena, count, i, &id);
        kinds[i] = (uint8_t)kind;
    }
    chunk->row_count = chunk->sel_count = count;
    struct sink_rows rows = {.step_id = 1, .chunk = chunk, .kinds = kinds};
    struct error err = {0};
    enum status status = kafka_connector.sink->write(sink, &rows, &err);
    if (status != expected) print_error("%s\n", err.message);
    assert_int_equal(status, expected);
    arena_destroy(&arena);
}

static void writes_messages(void **state) {
    struct fixture *f = *state;
    const struct sink_class *class = kafka_connector.sink;
    const char *topic = new_topic(f, 4);
    struct table *table = make_table(f, topic, arena_printf(&f->arena, "%s\nkey.format=csv\nkey.fields=id", bounded));
    struct sink_options options = {.columns = sink_columns, .column_count = 2};
    struct sink *sink;
    struct error err = {0};
    assert_int_equal(class->accepts(table), CHANGES_APPEND);
    enum status status = class->open(table, &options, &sink, &err);
    if (status != STATUS_OK) print_error("%s\n", err.message);
    assert_int_equal(status, STATUS_OK);
    for (int i = 0; i < 10; i++) write_rows(f, sink, i % 5 * 1000, 1000, ROW_INSERT, STATUS_OK);
    assert_int_equal(class->end_step(sink, 1, &err), STATUS_OK);
    assert_int_equal(class->flush(sink, &err), STATUS_OK);
    write_rows(f, sink, 0, 1, ROW_DELETE, STATUS_INTERNAL);
    class->close(sink, false);
    struct test_run run;
    scan(table, all, 2, &run);
    int rows = 0, used = 0;
    uint8_t *partition_of_key = arena_zalloc(&f->arena, 5000);
    for (int i = 0; i < 4; i++) {
        rows += run.splits[i].row_count;
        used += run.splits[i].row_count > 0;
        for (const char *p = run.splits[i].rows.data; *p; p = strchr(p, '\n') + 1) {
            int id = atoi(p);
            assert_true(id >= 0 && id < 5000);
            assert_true(partition_of_key[id] == 0 || partition_of_key[id] == i + 1); /* one key, one partition */
            partition_of_key[id] = (uint8_t)(i + 1);
            assert_memory_equal(strchr(p, '|'), "|n\n", 3);
        }
    }
    assert_int_equal(rows, 10000);
    assert_int_equal(used, 4);
    test_run_free(&run);
    /* the key is there */
    table = make_table(f, topic,
                       "value.format=json\nscan.startup.mode=earliest-offset\nscan.bounded.mode=latest-offset\n"
                       "key.format=csv\nkey.fields=id\nvalue.fields-include=EXCEPT_KEY");
    scan(table, all, 1, &run);
    assert_true(run.splits[0].row_count > 0);
    test_run_free(&run);
}

static void fails_when_nobody_answers(void **state) {
    struct fixture *f = *state;
    struct table *table = make_table(f, "clicks", bounded);
    option_add(&table->options, &f->arena, "properties.bootstrap.servers", "127.0.0.1:1", -1);
    option_add(&table->options, &f->arena, "connection-timeout", "700 ms", -1);
    struct test_run run;
    struct error err = {0};
    int64_t begin = kafka_now_ms();
    assert_int_equal(test_scan(&kafka_connector, table, all, 1, 0, 0, NULL, &run, &err), STATUS_UNREACHABLE);
    assert_true(kafka_now_ms() - begin >= 500 && kafka_now_ms() - begin < 10000);
    assert_non_null(strstr(err.message, "cannot reach Kafka at 127.0.0.1:1: "));
    assert_non_null(strstr(err.message, "Connection refused"));
    test_run_free(&run);
    struct sink_options options = {.columns = sink_columns, .column_count = 2};
    struct sink *sink;
    assert_int_equal(kafka_connector.sink->open(table, &options, &sink, &err), STATUS_UNREACHABLE);
    assert_non_null(strstr(err.message, "cannot reach Kafka at 127.0.0.1:1: "));
}

static void fails_when_the_broker_goes_away(void **state) {
    struct fixture *f = *state;
    if (!f->mock) return; /* others use the real one */
    const char *topic = new_topic(f, 1);
    put(f, topic, 0, NULL, "{\"id\":1}");
    put_all(f);
    const struct source_class *class = kafka_connector.source;
    struct table *table = make_table(f, topic, "format=json\nscan.startup.mode=earliest-offset");
    option_add(&table->options, &f->arena, "connection-timeout", "1500 ms", -1);
    struct scan_request request = {.limit = -1, .column_count = 1, .columns = all};
    struct source *source;
    struct error err = {0};
    assert_int_equal(class->open(table, &request, 1, NULL, &source, &err), STATUS_OK);
    struct split *splits;
    int count, index = 0;
    assert_int_equal(class->splits(source, &f->arena, &splits, &count, &err), STATUS_OK);
    struct source_reader *reader;
    assert_int_equal(class->reader_open(source, splits, &index, &splits->start, 1, &reader, &err), STATUS_OK);
    struct sink_options options = {.columns = sink_columns, .column_count = 2};
    struct sink *sink;
    assert_int_equal(kafka_connector.sink->open(table, &options, &sink, &err), STATUS_OK);
    enum fetch_result result = FETCH_IDLE;
    struct block *block;
    while (result == FETCH_IDLE) assert_int_equal(class->fetch(reader, 100, &block, &result, &err), STATUS_OK);
    block->release(block);
    rd_kafka_mock_broker_set_down(f->mock, -1);
    enum status status = STATUS_OK;
    int64_t begin = kafka_now_ms();
    while (status == STATUS_OK && kafka_now_ms() - begin < 20000)
        status = class->fetch(reader, 100, &block, &result, &err);
    assert_int_equal(status, STATUS_UNREACHABLE);
    assert_non_null(strstr(err.message, "cannot reach Kafka at "));
    write_rows(f, sink, 0, 10, ROW_INSERT, STATUS_OK);
    assert_int_equal(kafka_connector.sink->flush(sink, &err), STATUS_UNREACHABLE);
    assert_string_equal(
        err.message,
        arena_printf(&f->arena, "topic '%s': cannot write (Kafka at %s): Local: Message timed out", topic, f->servers));
    kafka_connector.sink->close(sink, true);
    class->reader_close(reader);
    class->close(source);
}

static void says_which_topic_is_missing(void **state) {
    struct fixture *f = *state;
    const char *topic = "there-is-no-such-topic";
    if (f->mock) rd_kafka_mock_topic_set_error(f->mock, topic, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    struct table *table = make_table(f, topic, bounded);
    struct test_run run;
    struct error err = {0};
    assert_int_equal(test_scan(&kafka_connector, table, all, 1, 0, 0, NULL, &run, &err), STATUS_SERVER_ERROR);
    assert_string_equal(err.message, arena_printf(&f->arena, "Kafka at %s has no topic '%s'", f->servers, topic));
    test_run_free(&run);
}

static void expect_wrong(struct fixture *f, const char *options, const char *message, const char *hint) {
    struct table *table = make_table(f, "clicks", options);
    struct error err = {0};
    enum status status = kafka_connector.check_table(table, &err);
    if (status == STATUS_OK) {
        struct scan_request request = {.limit = -1};
        struct source *source;
        status = kafka_connector.source->open(table, &request, 1, NULL, &source, &err);
    }
    assert_int_not_equal(status, STATUS_OK);
    assert_string_equal(err.message, message);
    if (hint) assert_string_equal(err.hint, hint);
}

static void names_wrong_options(void **state) {
    struct fixture *f = *state;
    expect_wrong(f, "", "connector 'kafka' needs the option 'format'", NULL);
    expect_wrong(f, "format=jsn", "option 'format': there is no format 'jsn'", "did you mean 'json'?");
    expect_wrong(f, "format=json\nvalue.format=json",
                 "options 'format' and 'value.format' mean the same: give one of them", NULL);
    expect_wrong(f, "format=json\nvalue.json.ignore-parse-errors=true",
                 "connector 'kafka' has no option 'value.json.ignore-parse-errors'", NULL);
    expect_wrong(f, "format=json\nvalue.fields-includ=ALL", "connector 'kafka' has no option 'value.fields-includ'",
                 "did you mean 'value.fields-include'?");
    expect_wrong(f, "format=json\nkey.format=json", "option 'key.format' needs 'key.fields' or a primary key", NULL);
    expect_wrong(f, "format=json\nkey.fields=id", "option 'key.fields' needs 'key.format'", NULL);
    expect_wrong(f, "format=json\nkey.format=json\nkey.fields=nam",
                 "option 'key.fields': there is no physical column 'nam'", "did you mean 'name'?");
    expect_wrong(f,
                 "format=json\nkey.format=json\nkey.fields=id\nkey.fields-prefix=k_\nvalue.fields-include=EXCEPT_KEY",
                 "option 'key.fields': 'id' does not begin with the prefix 'k_'", NULL);
    expect_wrong(f, "format=json\ntopic=;", "option 'topic' names no topic", NULL);
    expect_wrong(f, "format=json\ntopic=a b", "option 'topic': 'a b' cannot be the name of a topic", NULL);
    expect_wrong(f, "format=json\nscan.startup.mode=timestamp",
                 "'scan.startup.mode' = 'timestamp' needs the option 'scan.startup.timestamp-millis'", NULL);
    expect_wrong(f, "format=json",
                 "table 'clicks': 'scan.startup.mode' = 'group-offsets' needs the option 'properties.group.id'",
                 "group-offsets is the default; 'scan.startup.mode' = 'earliest-offset' reads from the beginning");
    expect_wrong(f, "format=json\nsink.delivery-guarantee=exactly-once",
                 "connector 'kafka' does not have 'sink.delivery-guarantee' = 'exactly-once' yet", NULL);
    expect_wrong(f, "format=json\nscan.startup.mode=earliest-offset\nproperties.nonsense=1",
                 "option 'properties.nonsense': No such configuration property: \"nonsense\"", NULL);
    expect_wrong(f, "format=json\nscan.startup.mode=earliest-offset\nproperties.ssl.truststore.location=x",
                 "option 'properties.ssl.truststore.location': Java key stores cannot be read", NULL);
    expect_wrong(f, "format=json\nscan.startup.mode=earliest-offset\nproperties.sasl.jaas.config=user",
                 "option 'properties.sasl.jaas.config' has no username=\"…\"", NULL);
    struct table *table = make_table(f, "clicks", "format=json");
    struct error err = {0};
    ((struct table_column *)table->columns)[3].type = type_of(TYPE_VARCHAR);
    assert_int_equal(kafka_connector.check_table(table, &err), STATUS_TYPE_MISMATCH);
    assert_string_equal(err.message, "column 'partition': metadata 'partition' of connector 'kafka' is INT");
    ((struct table_column *)table->columns)[3].type = type_of(TYPE_BIGINT);
    assert_int_equal(kafka_connector.check_table(table, &err), STATUS_OK);
    ((struct table_column *)table->columns)[3].metadata_key = "partitoin";
    assert_int_equal(kafka_connector.check_table(table, &err), STATUS_UNDEFINED_NAME);
    assert_string_equal(err.hint, "did you mean 'partition'?");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
const struct CMUnitTest kafka_tests[] = {
    TEST(reads_messages),
    TEST(resumes_from_every_block),
    TEST(names_the_message),
    TEST(reads_keys),
    TEST(leaves_offsets_with_the_group),
    TEST(waits_for_new_messages),
    TEST(writes_messages),
    TEST(fails_when_nobody_answers),
    TEST(fails_when_the_broker_goes_away),
    TEST(says_which_topic_is_missing),
    TEST(names_wrong_options),
};
const size_t kafka_tests_count = sizeof kafka_tests / sizeof *kafka_tests;
