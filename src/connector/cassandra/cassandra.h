/* Apache Cassandra as a connector and as a catalog.
 *
 *     CREATE CATALOG c WITH ('type' = 'cassandra', 'hosts' = '10.0.0.1, 10.0.0.2', 'username' = …, 'password' = …)
 *     CREATE TABLE t (…) WITH ('connector' = 'cassandra', 'hosts' = …, 'keyspace' = …, 'table' = …)
 *
 * Tables that name the same servers and login share one cluster handle within the process. README.md has the rules of
 * pushdown and what is written how. */
#ifndef MILLRACE_CONNECTOR_CASSANDRA_CASSANDRA_H
#define MILLRACE_CONNECTOR_CASSANDRA_CASSANDRA_H

#include "connector/connector.h"

enum {
    CASSANDRA_MAX_POINTS = 2500,  /* keys that IN lists may multiply to; more is a full scan */
    CASSANDRA_MAX_IN = 500,       /* values in an IN list on a clustering column; more are not pushed down */
    CASSANDRA_STREAM_SPLITS = 64, /* token ranges of a streaming scan, before they are cut at the ring's tokens */
    CASSANDRA_MAX_SPLITS = 16384,
    CASSANDRA_SPLITS_PER_WORKER = 4,    /* token ranges at least, in batch */
    CASSANDRA_RING_TOKENS = 256,        /* a ring of no more is always cut at its tokens */
    CASSANDRA_INDEX_SPLITS = 8,         /* token ranges of a scan by an index */
    CASSANDRA_COUNT_SPLITS = 8,         /* ranges to count rows in are so many times smaller */
    CASSANDRA_MAX_INDEXED_BYTES = 1024, /* of a value that an index is asked for */
    CASSANDRA_MAX_VECTOR = 8192,        /* dimensions of a vector that is searched for */
    CASSANDRA_MAX_READERS = 4,          /* I/O threads of a scan */
    CASSANDRA_POINT_PAGES = 32,         /* key reads in flight per reader */
    CASSANDRA_MAX_PAGE_ROWS = 100000,
    CASSANDRA_MAX_BATCH_STATEMENTS = 100,
    CASSANDRA_MAX_BATCH_BYTES = 48 << 10,   /* below batch_size_fail_threshold, 50 KiB */
    CASSANDRA_MAX_KEY_TEXT = 1024,          /* bytes of a key column in reports of refused rows */
    CASSANDRA_RATE_BURST_MS = 20,           /* what a rate limit lets through at once after a rest */
    CASSANDRA_TRUNCATE_TIMEOUT_MS = 75000,  /* above truncate_request_timeout, 60 s */
    CASSANDRA_MAX_UNSENT_BYTES = 32 << 20,  /* of writes in flight */
    CASSANDRA_KEPT_BUFFER_BYTES = 64 << 10, /* of a request; larger ones are not kept for the next */
    CASSANDRA_LOOKUP_BATCH = 2048,          /* keys per ask */
    CASSANDRA_LOOKUP_PAGE_ROWS = 1000,      /* rows of a key at a time */
    CASSANDRA_MAX_PEM_BYTES = 1 << 20,      /* of a file of certificates, or a key */
    CASSANDRA_MAX_WARNINGS = 20,            /* different ones of a handle that are shown */
    CASSANDRA_MAX_TRACES = 20,              /* of a statement that are shown */
    CASSANDRA_IDLE_HANDLES = 4,             /* cluster handles that nobody uses and are kept for the next statement */
};

extern const struct connector cassandra_connector;
extern const struct catalog_class cassandra_catalog_class; /* type 'cassandra' */

/* CREATE CATALOG name WITH ('type' = 'cassandra', …): connects. The options have passed options_check. */
enum status cassandra_catalog_open(const char *name, const struct option_list *options, struct catalog **out,
                                   struct error *err);
/* Views and other connectors' tables that `from` keeps for the session: they go with `catalog` from now on. */
void cassandra_catalog_take_session_tables(struct catalog *catalog, struct catalog *from);

#endif
