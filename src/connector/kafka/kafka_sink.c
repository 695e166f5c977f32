/* Writing a topic: one message per row. The producer is idempotent, so what it repeats after a lost answer does not come
 * twice; flush waits until brokers have acknowledged everything. After a restart from a checkpoint the steps behind it are
 * written again: at least once. */
#include <stdlib.h>

#include "connector/kafka/kafka_private.h"

struct sink {
    struct kafka_client *client; /* first: the client's callbacks find it here */
    struct arena arena;
    const struct table *table;
    const char *topic;
    rd_kafka_topic_t *handle;
    int32_t partition;                 /* RD_KAFKA_PARTITION_UA: the partitioner decides */
    struct format_writer *value, *key; /* key NULL: none */
    int timestamp_column;              /* of the chunks, -1: the time of writing */
    struct strbuf value_buf, key_buf;
    /* set by delivery reports, which come on this thread while it polls */
    rd_kafka_resp_err_t failure;
    bool has_failed;
};

static enum changes accepts(const struct table *table) {
    (void)table;
    return CHANGES_APPEND;
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque) {
    (void)rk;
    struct sink *sink = opaque;
    if (!message->err || sink->has_failed) return;
    sink->has_failed = true;
    sink->failure = message->err;
}

static enum status check_failure(struct sink *sink, struct error *err) {
    char reason[256];
    rd_kafka_resp_err_t fatal = rd_kafka_fatal_error(sink->client->rk, reason, sizeof reason);
    if (fatal) {
        enum status status = kafka_error(sink->client, fatal, "cannot write", err);
        error_prefix(err, "topic '%s'", sink->topic);
        error_detail(err, "%s", reason);
        return status;
    }
    if (!sink->has_failed) return STATUS_OK;
    enum status status = kafka_error(sink->client, sink->failure, "cannot write", err);
    error_prefix(err, "topic '%s'", sink->topic);
    return status;
}

static void free_sink(struct sink *sink) {
    if (sink->handle) rd_kafka_topic_destroy(sink->handle);
    kafka_client_close(sink->client);
    if (sink->value) sink->value->format->writer_close(sink->value);
    if (sink->key) sink->key->format->writer_close(sink->key);
    strbuf_free(&sink->value_buf);
    strbuf_free(&sink->key_buf);
    arena_destroy(&sink->arena);
    free(sink);
}

static enum status open_part(const struct kafka_part *part, const struct sink_options *options, struct arena *arena,
                             struct format_writer **out, struct error *err) {
    int *columns = ARENA_ARRAY(arena, int, part->schema.field_count + 1);
    for (int i = 0; i < part->schema.field_count; i++) {
        columns[i] = -1;
        for (int j = 0; j < options->column_count; j++)
            if (options->columns[j] == part->positions[i]) columns[i] = j;
    }
    return part->format->writer_open(&part->schema, columns, &part->options, out, err);
}

static enum status open_sink(struct sink *sink, const struct sink_options *options, struct error *err) {
    enum { NEW_TOPIC_MS = 5000 }; /* a broker may make topics when they are first asked for */
    const struct table *table = sink->table;
    struct kafka_schema schema;
    TRY(kafka_schema_of(table, &sink->arena, &schema, err));
    TRY(open_part(&schema.value, options, &sink->arena, &sink->value, err));
    if (schema.key.format) TRY(open_part(&schema.key, options, &sink->arena, &sink->key, err));
    for (int i = 0; i < options->column_count; i++) {
        const struct table_column *column = &table->columns[options->columns[i]];
        if (column->kind != COLUMN_METADATA) continue;
        if (strcmp(column->metadata_key, "timestamp") != 0) {
            error_set(err, STATUS_NOT_SUPPORTED, "connector 'kafka' cannot write metadata column '%s' ('%s')",
                      column->name, column->metadata_key);
            error_hint(err, "declare it VIRTUAL");
            return STATUS_NOT_SUPPORTED;
        }
        sink->timestamp_column = i;
    }
    const char **topics;
    int topic_count;
    TRY(kafka_topics(table, &sink->arena, &topics, &topic_count, err));
    if (topic_count > 1)
        return error_set(err, STATUS_INVALID_OPTION, "option 'topic': only one topic can be written to");
    sink->topic = topics[0];
    const struct option_list *list = &table->options;
    const char *guarantee = option_string(list, kafka_options, "sink.delivery-guarantee");
    const char *partitioner = option_string(list, kafka_options, "sink.partitioner");
    bool safe = str_compare_nocase(guarantee, "none") != 0;
    char kbytes[16], timeout[24];
    snprintf(kbytes, sizeof kbytes, "%d", KAFKA_SINK_KBYTES);
    snprintf(timeout, sizeof timeout, "%lld", (long long)option_int(list, kafka_options, "connection-timeout"));
    const char *const properties[] = {"enable.idempotence",
                                      safe ? "true" : "false",
                                      "partitioner",
                                      str_compare_nocase(partitioner, "round-robin") == 0 ? "random" : "murmur2_random",
                                      "queue.buffering.max.kbytes",
                                      kbytes,
                                      "message.timeout.ms",
                                      timeout,
                                      NULL};
    TRY(kafka_client_open(table, RD_KAFKA_PRODUCER, properties, on_delivery, sink, &sink->client, err));
    const struct rd_kafka_metadata *metadata;
    TRY(kafka_client_metadata(sink->client, sink->topic, NEW_TOPIC_MS, &metadata, err));
    if (str_compare_nocase(partitioner, "fixed") == 0)
        sink->partition = options->sink_index % metadata->topics[0].partition_cnt;
    rd_kafka_metadata_destroy(metadata);
    sink->handle = rd_kafka_topic_new(sink->client->rk, sink->topic, NULL);
    if (!sink->handle) return kafka_error(sink->client, rd_kafka_last_error(), "cannot open the topic", err);
    return STATUS_OK;
}

static enum status sink_open(const struct table *table, const struct sink_options *options, struct sink **out,
                             struct error *err) {
    struct sink *sink = xcalloc(1, sizeof *sink);
    arena_init(&sink->arena, options->account);
    sink->table = table;
    sink->partition = RD_KAFKA_PARTITION_UA;
    sink->timestamp_column = -1;
    enum status status = open_sink(sink, options, err);
    if (status != STATUS_OK) {
        free_sink(sink);
        return status;
    }
    *out = sink;
    return STATUS_OK;
}

static int64_t timestamp_of(const struct sink *sink, const struct chunk *chunk, int row) {
    if (sink->timestamp_column < 0) return 0; /* now */
    const struct vector *vec = &chunk->columns[sink->timestamp_column];
    if (vector_is_null(vec, row)) return 0;
    return ((const int64_t *)vec->data)[row] / (type_is_nanos(vec->type) ? 1000000 : 1000);
}

static enum status produce(struct sink *sink, int64_t timestamp_ms, struct error *err) {
    for (;;) {
        const void *key = sink->key ? sink->key_buf.data : NULL;
        rd_kafka_resp_err_t code = rd_kafka_producev(
            sink->client->rk, RD_KAFKA_V_RKT(sink->handle), RD_KAFKA_V_PARTITION(sink->partition),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_VALUE(sink->value_buf.data, sink->value_buf.len),
            RD_KAFKA_V_KEY(key, key ? sink->key_buf.len : 0), RD_KAFKA_V_TIMESTAMP(timestamp_ms), RD_KAFKA_V_END);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return STATUS_OK;
        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            enum status status = kafka_error(sink->client, code, "cannot write", err);
            error_prefix(err, "topic '%s'", sink->topic);
            return status;
        }
        rd_kafka_poll(sink->client->rk, 100); /* as much back-pressure as there has to be; messages time out */
        TRY(check_failure(sink, err));
    }
}

static enum status sink_write(struct sink *sink, const struct sink_rows *rows, struct error *err) {
    for (int row = 0; row < rows->chunk->row_count; row++) {
        if (rows->kinds[row] != ROW_INSERT && rows->kinds[row] != ROW_UPDATE_AFTER)
            return error_set(err, STATUS_INTERNAL, "a %s row for a topic, which takes inserts only",
                             row_kind_name(rows->kinds[row]));
        strbuf_clear(&sink->value_buf);
        TRY(sink->value->format->encode(sink->value, rows->chunk, row, &sink->value_buf, err));
        if (sink->key) {
            strbuf_clear(&sink->key_buf);
            strbuf_reserve(&sink->key_buf, 1); /* an empty key is not the same as none */
            TRY(sink->key->format->encode(sink->key, rows->chunk, row, &sink->key_buf, err));
        }
        TRY(produce(sink, timestamp_of(sink, rows->chunk, row), err));
    }
    rd_kafka_poll(sink->client->rk, 0);
    return check_failure(sink, err);
}

static enum status end_step(struct sink *sink, int64_t step_id, struct error *err) {
    (void)step_id;
    rd_kafka_poll(sink->client->rk, 0);
    return check_failure(sink, err);
}

static enum status flush(struct sink *sink, struct error *err) {
    for (;;) {
        rd_kafka_resp_err_t code = rd_kafka_flush(sink->client->rk, 100);
        TRY(check_failure(sink, err));
        /* Ends: every message is delivered or times out. */
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR && rd_kafka_outq_len(sink->client->rk) == 0) return STATUS_OK;
    }
}

static void sink_close(struct sink *sink, bool failed) {
    enum { CLOSE_MS = 1000 };
    if (failed)
        rd_kafka_purge(sink->client->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    else
        rd_kafka_flush(sink->client->rk, CLOSE_MS); /* flush was called before: nothing is left */
    free_sink(sink);
}

const struct sink_class kafka_sink = {
    .accepts = accepts,
    .open = sink_open,
    .write = sink_write,
    .end_step = end_step,
    .flush = flush,
    .close = sink_close,
};
