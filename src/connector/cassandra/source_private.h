/* A source and its readers: what source.c and reader.c share. */
#ifndef MILLRACE_CONNECTOR_CASSANDRA_SOURCE_PRIVATE_H
#define MILLRACE_CONNECTOR_CASSANDRA_SOURCE_PRIVATE_H

#include "connector/cassandra/cassandra_private.h"

struct cassandra_board;

struct source {
    struct arena arena;
    struct cassandra_board *board; /* shared by its readers */
    struct cassandra_target target;
    struct cassandra_access access;
    const struct cql_prepared *select;
    const struct cql_prepared *count; /* the number of a split's rows instead of them; NULL: they are read */
    int column_count;                 /* of the rows: the request's, and the aggregates of its groups */
    int plain_count;                  /* the request's */
    int selected_count;               /* of the statement: at least one */
    struct cass_codec *codecs;
    const struct type **types;
    enum cql_consistency consistency;
    int max_page_rows, prefetch_pages;
    int64_t page_bytes;
    int64_t limit; /* of the statement, -1 none */
    bool bounded_only;
    bool groups; /* rows are groups that the server makes */
    int64_t split_size_bytes;
    int64_t size_bytes; /* of the table, by the estimates; after splits; 0 or less: unknown */
    int split_count;    /* after splits */
    int wanted_splits;  /* 0: by size */
    int parallelism;
};

/* A block's data. */
struct cassandra_page {
    struct block block;
    struct cassandra_page *next;
    struct cql_response *response; /* NULL: only the number of rows */
    const uint8_t *cells;
    uint32_t *offsets; /* [record_count + 1] */
    struct strbuf start_bytes, end_bytes;
    struct cql_rows rows; /* until fetch has looked at it */
};

/* Of a source; the readers keep it while they need it. */
struct cassandra_board *cassandra_board_new(void);
void cassandra_board_release(struct cassandra_board *board); /* NULL allowed */

/* As in struct source_class (connector/connector.h). */
enum status cassandra_reader_open(struct source *source, const struct split *splits, const int *indexes,
                                  const struct offset *starts, int count, struct source_reader **out,
                                  struct error *err);
enum status cassandra_reader_fetch(struct source_reader *reader, int timeout_ms, struct block **block,
                                   enum fetch_result *result, struct error *err);
void cassandra_reader_close(struct source_reader *reader);

#endif
