/* 'connector' = 'kafka': options, schema and client handling. */
#include "connector/kafka/kafka_private.h"

#include <stdlib.h>
#include <time.h>

const struct option_def kafka_options[] = {
    {.name = "topic", .type = OPTION_STRING, .required = true, .doc = "the topic, for reading also several: 'a;b'"},
    {.name = "properties.bootstrap.servers",
     .type = OPTION_STRING,
     .required = true,
     .doc = "brokers: 'host:port,host:port'"},
    {.name = "properties.group.id",
     .type = OPTION_STRING,
     .doc = "consumer group: where scan.startup.mode = group-offsets starts, and where checkpoints leave the offsets"},
    {.name = "properties.sasl.password", .type = OPTION_STRING, .secret = true, .doc = "password"},
    {.name = "properties.sasl.jaas.config",
     .type = OPTION_STRING,
     .secret = true,
     .doc = "Java's form of user name and password"},
    {.name = "properties.ssl.key.password", .type = OPTION_STRING, .secret = true, .doc = "of the client's key"},
    {.name = "properties.ssl.keystore.password",
     .type = OPTION_STRING,
     .secret = true,
     .doc = "of the client's key store"},
    {.name = "properties.",
     .type = OPTION_STRING,
     .prefix = true,
     .doc = "any property of librdkafka, and those of the Java client that have a counterpart"},
    {.name = "format", .type = OPTION_STRING, .doc = "the format of the message's value: json, csv, raw"},
    {.name = "value.format", .type = OPTION_STRING, .doc = "the same; its options are then named value.<format>.…"},
    {.name = "key.format",
     .type = OPTION_STRING,
     .doc = "the format of the message's key; its options are named key.<format>.…"},
    {.name = "key.fields", .type = OPTION_STRING, .doc = "columns in the key: 'a;b'. Without it the primary key"},
    {.name = "key.fields-prefix",
     .type = OPTION_STRING,
     .default_value = "",
     .doc = "what the names of key columns begin with; it is cut off in the key's format (with value.fields-include = "
            "EXCEPT_KEY)"},
    {.name = "value.fields-include",
     .type = OPTION_ENUM,
     .choices = "ALL|EXCEPT_KEY",
     .default_value = "ALL",
     .doc = "are the key's columns in the value too?"},
    {.name = "key.", .type = OPTION_STRING, .prefix = true, .doc = "options of the key's format"},
    {.name = "value.", .type = OPTION_STRING, .prefix = true, .doc = "options of the value's format"},
    {.name = "scan.startup.mode",
     .type = OPTION_ENUM,
     .choices = "earliest-offset|latest-offset|group-offsets|timestamp|specific-offsets",
     .default_value = "group-offsets",
     .doc = "where reading begins when there is no checkpoint"},
    {.name = "scan.startup.specific-offsets",
     .type = OPTION_STRING,
     .doc = "'partition:0,offset:42;partition:1,offset:300'; other partitions from the earliest"},
    {.name = "scan.startup.timestamp-millis",
     .type = OPTION_INT,
     .min = 0,
     .max = INT64_MAX,
     .doc = "begin with messages of this time"},
    {.name = "scan.bounded.mode",
     .type = OPTION_ENUM,
     .choices = "unbounded|latest-offset|group-offsets|timestamp|specific-offsets",
     .default_value = "unbounded",
     .doc = "where reading ends"},
    {.name = "scan.bounded.specific-offsets",
     .type = OPTION_STRING,
     .doc = "as scan.startup.specific-offsets, not included"},
    {.name = "scan.bounded.timestamp-millis",
     .type = OPTION_INT,
     .min = 0,
     .max = INT64_MAX,
     .doc = "end before messages of this time"},
    {.name = "scan.topic-partition-discovery.interval",
     .type = OPTION_DURATION,
     .default_value = "5 min",
     .doc = "how often new partitions are looked for"},
    {.name = "sink.partitioner",
     .type = OPTION_ENUM,
     .choices = "default|fixed|round-robin",
     .default_value = "default",
     .doc = "default: by the key as Java's client does, or any without one; fixed: always the same partition; "
            "round-robin: any"},
    {.name = "sink.delivery-guarantee",
     .type = OPTION_ENUM,
     .choices = "at-least-once|none|exactly-once",
     .default_value = "at-least-once",
     .doc = "exactly-once is not there yet"},
    {.name = "connection-timeout",
     .type = OPTION_DURATION,
     .default_value = "30 s",
     .min = 100,
     .max = 86400000,
     .doc = "how long brokers may be out of reach before the query fails"},
    OPTION_END,
};

/* ---- Schema ---- */

static enum status split_names(const char *text, struct arena *arena, const char ***out, int *count) {
    const char **names = ARENA_ARRAY(arena, const char *, strlen(text) / 2 + 2);
    *count = 0;
    while (*text) {
        size_t len = strcspn(text, ";"), start = 0, end = len;
        while (start < end && text[start] == ' ') start++;
        while (end > start && text[end - 1] == ' ') end--;
        if (end > start) names[(*count)++] = arena_strndup(arena, text + start, end - start);
        text += len + (text[len] == ';');
    }
    *out = names;
    return STATUS_OK;
}

enum status kafka_topics(const struct table *table, struct arena *arena, const char ***topics, int *count,
                         struct error *err) {
    TRY(split_names(option_string(&table->options, kafka_options, "topic"), arena, topics, count));
    if (*count == 0) return error_set(err, STATUS_INVALID_OPTION, "option 'topic' names no topic");
    for (int i = 0; i < *count; i++) { /* as Kafka checks names */
        const char *name = (*topics)[i];
        size_t len = strlen(name);
        if (len > 249 || strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != len)
            return error_set(err, STATUS_INVALID_OPTION, "option 'topic': '%s' cannot be the name of a topic", name);
    }
    return STATUS_OK;
}

static enum status add_field(struct kafka_part *part, const struct table *table, int column, const char *name) {
    int i = part->schema.field_count++;
    ((const char **)part->schema.names)[i] = name;
    ((const struct type **)part->schema.types)[i] = table->columns[column].type;
    part->positions[i] = column;
    return STATUS_OK;
}

static void init_part(struct kafka_part *part, const struct table *table, struct arena *arena) {
    *part = (struct kafka_part){0};
    part->schema.names = ARENA_ARRAY(arena, const char *, table->column_count + 1);
    part->schema.types = ARENA_ARRAY(arena, const struct type *, table->column_count + 1);
    part->schema.messages = true;
    part->positions = ARENA_ARRAY(arena, int, table->column_count + 1);
}

static int find_column(const struct table *table, const char *name) {
    for (int i = 0; i < table->column_count; i++)
        if (table->columns[i].kind == COLUMN_PHYSICAL && strcmp(table->columns[i].name, name) == 0) return i;
    return -1;
}

/* Marks the columns of the key. */
static enum status find_keys(const struct table *table, struct arena *arena, bool *is_key, struct kafka_schema *schema,
                             struct error *err) {
    const char *fields = option_string(&table->options, kafka_options, "key.fields");
    const char *prefix = option_string(&table->options, kafka_options, "key.fields-prefix");
    if (!option_given(&table->options, "key.format")) {
        if (fields) {
            error_set(err, STATUS_INVALID_OPTION, "option 'key.fields' needs 'key.format'");
            return STATUS_INVALID_OPTION;
        }
        return STATUS_OK;
    }
    TRY(format_lookup(&table->options, "key.format", &schema->key.format, err));
    if (*prefix && schema->value_has_keys)
        return error_set(err, STATUS_INVALID_OPTION,
                         "option 'key.fields-prefix' needs 'value.fields-include' = 'EXCEPT_KEY'");
    const char **names;
    int count = 0;
    if (fields) {
        TRY(split_names(fields, arena, &names, &count));
    } else {
        names = ARENA_ARRAY(arena, const char *, table->primary_key_count + 1);
        for (; count < table->primary_key_count; count++) names[count] = table->columns[table->primary_key[count]].name;
    }
    if (count == 0) {
        error_set(err, STATUS_INVALID_OPTION, "option 'key.format' needs 'key.fields' or a primary key");
        return STATUS_INVALID_OPTION;
    }
    for (int i = 0; i < count; i++) {
        int column = find_column(table, names[i]);
        if (column < 0) {
            const char **candidates = ARENA_ARRAY(arena, const char *, table->column_count + 1);
            for (int j = 0; j < table->column_count; j++) candidates[j] = table->columns[j].name;
            error_set(err, STATUS_INVALID_OPTION, "option 'key.fields': there is no physical column '%s'", names[i]);
            const char *nearest = str_nearest(names[i], candidates, table->column_count);
            if (nearest) error_hint(err, "did you mean '%s'?", nearest);
            return STATUS_INVALID_OPTION;
        }
        if (is_key[column])
            return error_set(err, STATUS_INVALID_OPTION, "option 'key.fields' names '%s' twice", names[i]);
        if (strncmp(names[i], prefix, strlen(prefix)) != 0 || !names[i][strlen(prefix)])
            return error_set(err, STATUS_INVALID_OPTION,
                             "option 'key.fields': '%s' does not begin with the prefix '%s'", names[i], prefix);
        is_key[column] = true;
        add_field(&schema->key, table, column, names[i] + strlen(prefix));
    }
    return STATUS_OK;
}

/* Options of a part's format, which nothing else has checked. */
static enum status check_prefixed(const struct table *table, const char *prefix, const struct format *format,
                                  struct arena *arena, struct error *err) {
    const char *wanted = format ? arena_printf(arena, "%s%s.", prefix, format->name) : "";
    for (int i = 0; i < table->options.count; i++) {
        const char *key = table->options.keys[i];
        if (strncmp(key, prefix, strlen(prefix)) != 0) continue;
        bool known = *wanted && strncmp(key, wanted, strlen(wanted)) == 0;
        const char *names[64];
        int count = 0;
        for (const struct option_def *def = kafka_options; def->name; def++) {
            known = known || (!def->prefix && strcmp(def->name, key) == 0);
            if (!def->prefix) names[count++] = def->name;
        }
        if (known) continue;
        error_set_at(err, STATUS_INVALID_OPTION, table->options.offsets ? table->options.offsets[i] : -1, 0,
                     "connector 'kafka' has no option '%s'", key);
        const char *nearest = str_nearest(key, names, count);
        if (nearest) error_hint(err, "did you mean '%s'?", nearest);
        return STATUS_INVALID_OPTION;
    }
    return STATUS_OK;
}

enum status kafka_schema_of(const struct table *table, struct arena *arena, struct kafka_schema *schema,
                            struct error *err) {
    *schema = (struct kafka_schema){0};
    init_part(&schema->key, table, arena);
    init_part(&schema->value, table, arena);
    schema->value_has_keys =
        str_compare_nocase(option_string(&table->options, kafka_options, "value.fields-include"), "ALL") == 0;
    bool *is_key = ARENA_ARRAY(arena, bool, table->column_count + 1);
    TRY(find_keys(table, arena, is_key, schema, err));
    bool prefixed = option_given(&table->options, "value.format");
    if (prefixed && option_given(&table->options, "format"))
        return error_set(err, STATUS_INVALID_OPTION,
                         "options 'format' and 'value.format' mean the same: give one of them");
    if (!prefixed && !option_given(&table->options, "format")) {
        error_set(err, STATUS_INVALID_OPTION, "connector 'kafka' needs the option 'format'");
        return STATUS_INVALID_OPTION;
    }
    TRY(format_lookup(&table->options, prefixed ? "value.format" : "format", &schema->value.format, err));
    for (int i = 0; i < table->column_count; i++)
        if (table->columns[i].kind == COLUMN_PHYSICAL && (schema->value_has_keys || !is_key[i]))
            add_field(&schema->value, table, i, table->columns[i].name);
    if (schema->value.schema.field_count == 0)
        return error_set(err, STATUS_INVALID_QUERY, "table '%s' has no column for the message's value", table->name);
    if (schema->value.schema.field_count > FORMAT_MAX_FIELDS)
        return error_set(err, STATUS_LIMIT_EXCEEDED, "table '%s' has more than %d columns", table->name,
                         FORMAT_MAX_FIELDS);
    const char *owner = arena_printf(arena, "table '%s'", table->name);
    TRY(check_prefixed(table, "key.", schema->key.format, arena, err));
    TRY(check_prefixed(table, "value.", prefixed ? schema->value.format : NULL, arena, err));
    TRY(format_options(schema->value.format, &table->options, prefixed ? "value." : "", owner, arena,
                       &schema->value.options, err));
    TRY(schema->value.format->check(&schema->value.schema, &schema->value.options, err));
    if (!schema->key.format) return STATUS_OK;
    TRY(format_options(schema->key.format, &table->options, "key.", owner, arena, &schema->key.options, err));
    return schema->key.format->check(&schema->key.schema, &schema->key.options, err);
}

/* ---- Clients ---- */

int64_t kafka_now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Properties of the Java client: other names here, or nothing to be done. */
static const struct {
    const char *java, *native; /* native NULL: no counterpart is needed */
} renamed[] = {
    {"key.deserializer", NULL},
    {"value.deserializer", NULL},
    {"key.serializer", NULL},
    {"value.serializer", NULL},
    {"max.poll.records", NULL},
    {"max.block.ms", NULL},
    {"partition.discovery.interval.ms", NULL},
    {"enable.auto.commit", NULL}, /* offsets are left with checkpoints */
    {"enable.auto.offset.store", NULL},
    {"enable.partition.eof", NULL}, /* the source needs it */
    {"auto.offset.reset", NULL},    /* read by the source itself */
    {"fetch.max.wait.ms", "fetch.wait.max.ms"},
    {"receive.buffer.bytes", "socket.receive.buffer.bytes"},
    {"send.buffer.bytes", "socket.send.buffer.bytes"},
    {"ssl.truststore.location", ""},
};

static enum status set_property(rd_kafka_conf_t *conf, const char *name, const char *value, struct error *err) {
    char reason[256];
    if (rd_kafka_conf_set(conf, name, value, reason, sizeof reason) == RD_KAFKA_CONF_OK) return STATUS_OK;
    return error_set(err, STATUS_INVALID_OPTION, "option 'properties.%s': %s", name, reason);
}

/* username="…" password="…" out of a JAAS line. */
static enum status set_jaas(rd_kafka_conf_t *conf, const char *text, struct error *err) {
    static const char *const keys[][2] = {{"username=", "sasl.username"}, {"password=", "sasl.password"}};
    for (int i = 0; i < 2; i++) {
        const char *at = strstr(text, keys[i][0]);
        const char *begin = at ? at + strlen(keys[i][0]) : NULL;
        char quote = begin ? *begin : 0;
        const char *end = quote == '"' || quote == '\'' ? strchr(begin + 1, quote) : NULL;
        if (!end) {
            error_set(err, STATUS_INVALID_OPTION, "option 'properties.sasl.jaas.config' has no %s\"…\"", keys[i][0]);
            error_hint(err, "'properties.sasl.username' and 'properties.sasl.password' do without it");
            return STATUS_INVALID_OPTION;
        }
        char *value = xstrndup(begin + 1, (size_t)(end - begin - 1));
        enum status status = set_property(conf, keys[i][1], value, err);
        free(value);
        TRY(status);
    }
    return STATUS_OK;
}

static enum status set_properties(rd_kafka_conf_t *conf, const struct table *table, rd_kafka_type_t type,
                                  const char *const *more, struct error *err) {
    static const char prefix[] = "properties.";
    for (; *more; more += 2) TRY(set_property(conf, more[0], more[1], err));
    for (int i = 0; i < table->options.count; i++) {
        const char *name = table->options.keys[i], *value = table->options.values[i];
        if (strncmp(name, prefix, sizeof prefix - 1) != 0) continue;
        name += sizeof prefix - 1;
        bool skip = false;
        for (size_t j = 0; j < sizeof renamed / sizeof *renamed; j++) {
            if (strcmp(name, renamed[j].java) != 0) continue;
            skip = renamed[j].native == NULL;
            if (!skip) name = renamed[j].native;
        }
        if (skip) continue;
        if (!*name) {
            error_set(err, STATUS_INVALID_OPTION, "option '%s': Java key stores cannot be read",
                      table->options.keys[i]);
            error_hint(err, "'properties.ssl.ca.location' takes a PEM file");
            return STATUS_INVALID_OPTION;
        }
        if (strcmp(name, "sasl.jaas.config") == 0) {
            TRY(set_jaas(conf, value, err));
            continue;
        }
        if (type == RD_KAFKA_CONSUMER && strcmp(name, "request.timeout.ms") == 0) name = "socket.timeout.ms";
        TRY(set_property(conf, name, value, err));
    }
    return STATUS_OK;
}

void kafka_client_trouble(struct kafka_client *client, rd_kafka_resp_err_t code, const char *reason) {
    pthread_mutex_lock(&client->mutex);
    /* "all brokers are down" says less than what came before it */
    if (code != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || !client->last_reason[0]) {
        client->last_error = code;
        snprintf(client->last_reason, sizeof client->last_reason, "%s", reason ? reason : rd_kafka_err2str(code));
    }
    if (!client->trouble_since_ms) client->trouble_since_ms = kafka_now_ms();
    pthread_mutex_unlock(&client->mutex);
}

static void on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque) {
    (void)rk;
    /* The opaque pointer is the sink's for producers; its first member is the client. */
    struct kafka_client *client = *(struct kafka_client **)opaque;
    if (client) kafka_client_trouble(client, (rd_kafka_resp_err_t)code, reason);
}

static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text) {
    (void)rk;
    (void)level;
    (void)facility;
    (void)text; /* what matters comes as an error too */
}

static void on_commit(rd_kafka_t *rk, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *offsets,
                      void *opaque) {
    (void)rk;
    (void)code; /* the offsets of the job are in its checkpoint; the group's are for others to look at */
    (void)offsets;
    struct kafka_client *client = *(struct kafka_client **)opaque;
    pthread_mutex_lock(&client->mutex);
    client->pending_commits--;
    pthread_mutex_unlock(&client->mutex);
}

enum status kafka_client_open(const struct table *table, rd_kafka_type_t type, const char *const *more,
                              void (*on_delivery)(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque),
                              void *opaque, struct kafka_client **out, struct error *err) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    enum status status = set_properties(conf, table, type, more, err);
    if (status != STATUS_OK) {
        rd_kafka_conf_destroy(conf);
        return status;
    }
    struct kafka_client *client = xcalloc(1, sizeof *client);
    client->servers = option_string(&table->options, kafka_options, "properties.bootstrap.servers");
    client->timeout_ms = option_int(&table->options, kafka_options, "connection-timeout");
    pthread_mutex_init(&client->mutex, NULL);
    *out = client;
    rd_kafka_conf_set_opaque(conf, opaque);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_log_cb(conf, on_log);
    if (on_delivery) rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    if (type == RD_KAFKA_CONSUMER) rd_kafka_conf_set_offset_commit_cb(conf, on_commit);
    char reason[256];
    client->rk = rd_kafka_new(type, conf, reason, sizeof reason);
    if (!client->rk) {
        rd_kafka_conf_destroy(conf); /* it stays ours */
        kafka_client_close(client);
        *out = NULL;
        return error_set(err, STATUS_INVALID_OPTION, "connector 'kafka': %s", reason);
    }
    return STATUS_OK;
}

void kafka_client_close(struct kafka_client *client) {
    if (!client) return;
    if (client->rk) rd_kafka_destroy_flags(client->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    pthread_mutex_destroy(&client->mutex);
    free(client);
}

bool kafka_is_transient(rd_kafka_resp_err_t code) {
    switch (code) {
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
    case RD_KAFKA_RESP_ERR__WAIT_COORD:
    case RD_KAFKA_RESP_ERR__WAIT_CACHE:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
    case RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION:
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
    case RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_NOT_COORDINATOR:
    case RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR:
    case RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH:
    case RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH: return true;
    default: return false;
    }
}

enum status kafka_error(const struct kafka_client *client, rd_kafka_resp_err_t code, const char *what,
                        struct error *err) {
    enum status status = STATUS_SERVER_ERROR;
    if (kafka_is_transient(code)) status = STATUS_UNREACHABLE;
    switch (code) {
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR__SSL:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED: status = STATUS_AUTHENTICATION; break;
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT: status = STATUS_UNREACHABLE; break;
    default: break;
    }
    return error_set(err, status, "%s (Kafka at %s): %s", what, client->servers, rd_kafka_err2str(code));
}

static enum status unreachable(struct kafka_client *client, struct error *err) {
    pthread_mutex_lock(&client->mutex);
    enum status status = error_set(err, STATUS_UNREACHABLE, "cannot reach Kafka at %s: %s", client->servers,
                                   client->last_reason[0] ? client->last_reason : "no answer");
    pthread_mutex_unlock(&client->mutex);
    error_detail(err, "no broker has answered for %lld ms", (long long)client->timeout_ms);
    error_hint(err, "check 'properties.bootstrap.servers'; 'connection-timeout' says how long to wait");
    return status;
}

/* A refused login does not get better by waiting. */
static enum status check_login(struct kafka_client *client, struct error *err) {
    pthread_mutex_lock(&client->mutex);
    bool refused =
        client->last_error == RD_KAFKA_RESP_ERR__AUTHENTICATION || client->last_error == RD_KAFKA_RESP_ERR__SSL;
    if (refused)
        error_set(err, STATUS_AUTHENTICATION, "Kafka at %s refuses the connection: %s", client->servers,
                  client->last_reason);
    pthread_mutex_unlock(&client->mutex);
    return refused ? STATUS_AUTHENTICATION : STATUS_OK;
}

static void trouble_over(struct kafka_client *client) {
    pthread_mutex_lock(&client->mutex);
    client->trouble_since_ms = 0;
    client->last_error = RD_KAFKA_RESP_ERR_NO_ERROR;
    client->last_reason[0] = 0;
    pthread_mutex_unlock(&client->mutex);
}

enum status kafka_client_check(struct kafka_client *client, struct error *err) {
    enum { PROBE_EVERY_MS = 500 };
    pthread_mutex_lock(&client->mutex);
    int64_t since = client->trouble_since_ms, now = kafka_now_ms();
    pthread_mutex_unlock(&client->mutex);
    if (!since) return STATUS_OK;
    TRY(check_login(client, err));
    if (now - client->probed_ms < PROBE_EVERY_MS) return STATUS_OK;
    client->probed_ms = now;
    const struct rd_kafka_metadata *metadata;
    if (rd_kafka_metadata(client->rk, 0, NULL, &metadata, KAFKA_PROBE_MS) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_metadata_destroy(metadata);
        trouble_over(client);
        return STATUS_OK;
    }
    return now - since >= client->timeout_ms ? unreachable(client, err) : STATUS_OK;
}

enum status kafka_client_metadata(struct kafka_client *client, const char *topic, int64_t missing_ms,
                                  const struct rd_kafka_metadata **out, struct error *err) {
    enum { SLICE_MS = 500, RETRY_MS = 100 };
    int64_t begin = kafka_now_ms();
    rd_kafka_topic_t *handle = rd_kafka_topic_new(client->rk, topic, NULL);
    if (!handle) return kafka_error(client, rd_kafka_last_error(), "cannot open a topic", err);
    enum status status;
    for (;;) {
        int64_t elapsed = kafka_now_ms() - begin, left = client->timeout_ms - elapsed;
        const struct rd_kafka_metadata *metadata;
        rd_kafka_resp_err_t code =
            rd_kafka_metadata(client->rk, 0, handle, &metadata, (int)(left < SLICE_MS ? left : SLICE_MS));
        rd_kafka_poll(client->rk, 0); /* errors */
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            rd_kafka_resp_err_t topic_code =
                metadata->topic_cnt == 1 ? metadata->topics[0].err : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
            if (topic_code == RD_KAFKA_RESP_ERR_NO_ERROR && metadata->topics[0].partition_cnt > 0) {
                trouble_over(client);
                *out = metadata;
                status = STATUS_OK;
                break;
            }
            rd_kafka_metadata_destroy(metadata);
            bool missing = topic_code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
                           topic_code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC || topic_code == RD_KAFKA_RESP_ERR_NO_ERROR;
            if (missing && elapsed >= missing_ms) {
                status = error_set(err, STATUS_SERVER_ERROR, "Kafka at %s has no topic '%s'", client->servers, topic);
                break;
            }
            if (!missing && !kafka_is_transient(topic_code)) {
                status = kafka_error(client, topic_code, "cannot use the topic", err);
                error_prefix(err, "topic '%s'", topic);
                break;
            }
        } else if (!kafka_is_transient(code)) {
            status = kafka_error(client, code, "cannot ask for the topic's partitions", err);
            error_prefix(err, "topic '%s'", topic);
            break;
        } else if ((status = check_login(client, err)) != STATUS_OK) {
            break;
        }
        if (left <= RETRY_MS) {
            status = unreachable(client, err);
            break;
        }
        struct timespec wait = {.tv_nsec = RETRY_MS * 1000000};
        nanosleep(&wait, NULL);
    }
    rd_kafka_topic_destroy(handle);
    return status;
}

/* ---- The connector ---- */

static const struct connector_metadata metadata[] = {
    {.key = "topic", .type = TYPE_VARCHAR},          {.key = "partition", .type = TYPE_INT},
    {.key = "offset", .type = TYPE_BIGINT},          {.key = "timestamp", .type = TYPE_TIMESTAMP_LTZ, .precision = 3},
    {.key = "timestamp-type", .type = TYPE_VARCHAR}, {0},
};

static enum status check_table(const struct table *table, struct error *err) {
    TRY(connector_check_metadata("kafka", metadata, table, err));
    struct arena arena;
    arena_init(&arena, NULL);
    struct kafka_schema schema;
    const char **topics;
    int count;
    enum status status = kafka_schema_of(table, &arena, &schema, err);
    if (status == STATUS_OK) status = kafka_topics(table, &arena, &topics, &count, err);
    arena_destroy(&arena);
    TRY(status);
    static const char *const needed[][3] = {
        {"scan.startup.mode", "specific-offsets", "scan.startup.specific-offsets"},
        {"scan.startup.mode", "timestamp", "scan.startup.timestamp-millis"},
        {"scan.bounded.mode", "specific-offsets", "scan.bounded.specific-offsets"},
        {"scan.bounded.mode", "timestamp", "scan.bounded.timestamp-millis"},
    };
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        const char *mode = option_string(&table->options, kafka_options, needed[i][0]);
        if (str_compare_nocase(mode, needed[i][1]) == 0 && !option_given(&table->options, needed[i][2]))
            return error_set(err, STATUS_INVALID_OPTION, "'%s' = '%s' needs the option '%s'", needed[i][0],
                             needed[i][1], needed[i][2]);
    }
    if (str_compare_nocase(option_string(&table->options, kafka_options, "sink.delivery-guarantee"), "exactly-once") ==
        0) {
        error_set(err, STATUS_NOT_SUPPORTED,
                  "connector 'kafka' does not have 'sink.delivery-guarantee' = 'exactly-once' yet");
        error_hint(err, "'at-least-once' may write messages twice after a restart");
        return STATUS_NOT_SUPPORTED;
    }
    return STATUS_OK;
}

extern const struct connector kafka_connector;
const struct connector kafka_connector = {
    .name = "kafka",
    .doc = "topics of Apache Kafka",
    .options = kafka_options,
    .has_format = true,
    .source = &kafka_source,
    .sink = &kafka_sink,
    .check_table = check_table,
    .metadata = metadata,
};
