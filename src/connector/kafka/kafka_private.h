/* Shared by the files of this folder. */
#ifndef MILLRACE_CONNECTOR_KAFKA_KAFKA_PRIVATE_H
#define MILLRACE_CONNECTOR_KAFKA_KAFKA_PRIVATE_H

#include <librdkafka/rdkafka.h>
#include <pthread.h>

#include "connector/connector.h"
#include "format/format.h"

enum {
    KAFKA_BLOCK_BYTES = 1 << 20, /* of messages in one block, before it is handed on */
    KAFKA_BATCH_MESSAGES = 4096, /* taken from the client at once */
    KAFKA_QUEUE_KBYTES = 16384,  /* fetched ahead by one reader, unless properties say otherwise */
    KAFKA_SINK_KBYTES = 65536,   /* written, but not yet acknowledged; likewise */
    KAFKA_MAX_READERS = 8,
    KAFKA_OFFSET_BYTES = 16, /* next offset; end of a bounded partition, -1: none. Both little-endian 64 bits */
    KAFKA_PROBE_MS = 100,    /* of one attempt to reach a broker that is down */
};

extern const struct option_def kafka_options[];
extern const struct source_class kafka_source;
extern const struct sink_class kafka_sink;

/* ---- Schema: which columns the key and the value of a message carry. ---- */

struct kafka_part {
    const struct format *format; /* NULL: messages have no such part */
    struct option_list options;
    struct format_schema schema;
    int *positions; /* by field: the column in the table */
};

struct kafka_schema {
    struct kafka_part key, value;
    bool value_has_keys; /* value.fields-include = ALL: key columns are read from the value */
};

/* Everything in arena. */
enum status kafka_schema_of(const struct table *table, struct arena *arena, struct kafka_schema *schema,
                            struct error *err);

/* The topics of the 'topic' option. */
enum status kafka_topics(const struct table *table, struct arena *arena, const char ***topics, int *count,
                         struct error *err);

/* ---- Clients: a librdkafka handle and what it complains about. ---- */

struct kafka_client {
    rd_kafka_t *rk;
    const char *servers; /* as in the options; borrowed from the table */
    int64_t timeout_ms;  /* 'connection-timeout' */
    pthread_mutex_t mutex;
    rd_kafka_resp_err_t last_error;
    char last_reason[256];
    int64_t trouble_since_ms; /* 0: brokers answer, as far as we know */
    int64_t probed_ms;
    int pending_commits;
};

/* Opens a consumer or producer with the table's properties and then `more`, pairs of names and values ended by NULL, where the
 * properties do not give the name. on_delivery: of producers, with the client as opaque. */
enum status kafka_client_open(const struct table *table, rd_kafka_type_t type, const char *const *more,
                              void (*on_delivery)(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque),
                              void *opaque, struct kafka_client **out, struct error *err);
void kafka_client_close(struct kafka_client *client);

/* Waits for a topic's metadata, up to the client's timeout. missing_ms: how long the topic may be missing (a broker that creates
 * it takes a moment). The caller frees it with rd_kafka_metadata_destroy. */
enum status kafka_client_metadata(struct kafka_client *client, const char *topic, int64_t missing_ms,
                                  const struct rd_kafka_metadata **out, struct error *err);

/* The status and message for an error of the client that is not to be repeated. `what`: "cannot read topic 'clicks'". */
enum status kafka_error(const struct kafka_client *client, rd_kafka_resp_err_t code, const char *what,
                        struct error *err);

/* Is it a matter of waiting? */
bool kafka_is_transient(rd_kafka_resp_err_t code);

/* Notes that brokers do not answer. */
void kafka_client_trouble(struct kafka_client *client, rd_kafka_resp_err_t code, const char *reason);

/* For loops that wait for something: looks after a client in trouble. Fails with STATUS_UNREACHABLE when no broker has answered
 * for the timeout, and at once for a refused login. Takes at most KAFKA_PROBE_MS. */
enum status kafka_client_check(struct kafka_client *client, struct error *err);

int64_t kafka_now_ms(void);

#endif
