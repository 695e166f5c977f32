/* Between the files of the sink: sink.c opens it and waits, sink_statement.c makes its statements, sink_write.c turns rows into requests,
 * sink_refused.c deals with what the server refuses, sink_limit.h says how many requests are in flight. */
#ifndef MILLRACE_CONNECTOR_CASSANDRA_SINK_PRIVATE_H
#define MILLRACE_CONNECTOR_CASSANDRA_SINK_PRIVATE_H

#include <pthread.h>
#include <stdio.h>

#include "connector/cassandra/cassandra_private.h"
#include "connector/cassandra/sink_limit.h"

/* What a bound value is, which decides what NULL means. */
enum bind_kind {
    BIND_KEY,       /* not NULL */
    BIND_VALUE,     /* NULL deletes, or with sink.ignore-null leaves alone */
    BIND_INCREMENT, /* of a counter: NULL adds nothing */
    BIND_TTL,       /* NULL: the table's */
    BIND_TIMESTAMP  /* NULL: the step's */
};

struct bind {
    enum bind_kind kind;
    int column; /* of the rows */
};

enum statement_kind {
    STATEMENT_WRITE,         /* a row */
    STATEMENT_WRITE_STATIC,  /* the static columns of a partition: its clustering columns are NULL or not given */
    STATEMENT_DELETE,        /* a row */
    STATEMENT_DELETE_STATIC, /* the static columns, as above */
    STATEMENT_COUNT
};

struct statement {
    const struct cql_prepared *prepared; /* NULL: this sink has no use for it */
    enum statement_kind kind;
    int bind_count;
    struct bind *binds;
};

struct sink;

/* One request: a row, or rows of one partition. */
struct write {
    struct cql_request request;
    struct strbuf bytes; /* values, or the statements of a batch */
    struct sink *sink;
    const struct statement *statement; /* of a single row */
    int64_t sent_ns;
    struct write *next;    /* free or refused ones */
    struct error *refusal; /* malloc; NULL: not applied */
};

struct sink {
    struct arena arena;
    struct cassandra_target target;
    /* Columns of the rows */
    int column_count;
    struct cass_codec *codecs;
    int key_count, partition_count;
    int *key; /* in the key's order; -1: a clustering column that is not given */
    struct statement statements[STATEMENT_COUNT];
    /* Settings */
    enum cql_consistency consistency, serial_consistency;
    bool ignore_null, grouped, counters, conditional, drop_nulls, skip_refused, dry_run;
    bool lists;           /* some column is a list that is not frozen: writing it twice doubles it */
    int64_t fixed_micros; /* sink.timestamp; CQL_NO_TIMESTAMP: the step's */
    int64_t ttl_seconds;  /* sink.ttl; 0: none */
    size_t batch_bytes;
    int64_t rows_per_second, bytes_per_second; /* 0: no limit */
    int64_t max_refused;
    FILE *refused_file; /* NULL: standard error */
    const char *refused_path;
    _Atomic int64_t *refused_rows, *unapplied_rows; /* NULL: not counted */
    const struct bad_rows *bad_rows;                /* who gets refused rows; NULL: the settings decide */
    const struct table *table;
    const int *columns; /* of the rows: positions in the table */
    /* The sink's thread */
    struct strbuf values, batch, part, partition;
    bool has_token; /* of the partition that is written at the moment */
    int64_t token;
    int64_t rows_due_ns, bytes_due_ns; /* when the rate limits let the next rows go */
    int64_t refused_count;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool waiting; /* for `changed` */
    struct limit limit;
    int in_flight;
    _Atomic size_t in_flight_bytes;
    struct write *free_writes, *refused;
    _Atomic bool any_refused; /* refused is not empty; also read without the lock */
    bool failed, interrupted, closed;
    struct error error;
};

/* sink_statement.c */
enum status sink_prepare(struct sink *sink, const struct table *table, const struct sink_options *options,
                         struct error *err);

/* sink_write.c */
enum status sink_write_rows(struct sink *sink, const struct sink_rows *rows, struct error *err);
/* Is it a row that sink_refuse_row would get, and the job go on? Touches nothing: any thread. */
bool sink_refuses(struct sink *sink, const struct chunk *chunk, int row);
/* Sends one statement of the partition at sink->token with the values in `bytes`, which is emptied. micros: CQL_NO_TIMESTAMP, or the write timestamp. */
enum status sink_send(struct sink *sink, const struct statement *statement, struct strbuf *bytes, int64_t micros,
                      struct error *err);
/* The sink's error, if it has failed or was interrupted. The lock is held. */
enum status sink_failure(struct sink *sink, struct error *err);
void sink_free_write(struct write *write);
/* sink.c: nothing is in flight. */
void sink_free(struct sink *sink);

/* sink_refused.c */

/* Does the answer say that there is something wrong with the row (and not with the server, the table or us)? */
bool sink_is_refusal(const struct cql_request *request, const struct error *err);
/* A row that cannot be encoded. */
enum status sink_refuse_row(struct sink *sink, const struct statement *statement, const struct chunk *chunk, int row,
                            const struct error *why, struct error *err);
/* Deals with the writes that came back: batches are sent again row by row, rows go to the error policy. */
enum status sink_settle(struct sink *sink, struct error *err);

#endif
