/* The option tables, and the handles: clusters that tables share. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "connector/cassandra/cassandra_private.h"

/* Where and how to connect. Two tables with the same values of these share a handle. */
#define CONNECTION_OPTIONS                                                                                             \
    {.name = "port",                                                                                                   \
     .type = OPTION_INT,                                                                                               \
     .default_value = "9042",                                                                                          \
     .min = 1,                                                                                                         \
     .max = 65535,                                                                                                     \
     .doc = "CQL port of the hosts that name none"},                                                                   \
        {.name = "username", .type = OPTION_STRING, .doc = "user name, when the servers want one"},                    \
        {.name = "password", .type = OPTION_STRING, .secret = true, .doc = "password of the user"},                    \
        {.name = "local-datacenter",                                                                                   \
         .type = OPTION_STRING,                                                                                        \
         .doc = "only hosts of this datacenter are used; by default that of the first of 'hosts' that answers"},       \
        {.name = "datacenter-failover",                                                                                \
         .type = OPTION_BOOL,                                                                                          \
         .default_value = "false",                                                                                     \
         .doc = "while no host of the local datacenter is connected, those of another one are used: LOCAL_ONE and "    \
                "LOCAL_QUORUM are that one's then; 'hosts' should name some of each"},                                 \
        {.name = "connect-timeout",                                                                                    \
         .type = OPTION_DURATION,                                                                                      \
         .default_value = "5 s",                                                                                       \
         .min = 1,                                                                                                     \
         .max = 86400000,                                                                                              \
         .doc = "time for connecting and logging in to one host"},                                                     \
        {.name = "request-timeout",                                                                                    \
         .type = OPTION_DURATION,                                                                                      \
         .default_value = "12 s",                                                                                      \
         .min = 1,                                                                                                     \
         .max = 86400000,                                                                                              \
         .doc = "time for one attempt of a request; the server gives up by itself after 2 to 10 s"},                   \
        {.name = "read-timeout",                                                                                       \
         .type = OPTION_DURATION,                                                                                      \
         .min = 1,                                                                                                     \
         .max = 86400000,                                                                                              \
         .doc = "older name of 'request-timeout'"},                                                                    \
        {.name = "max-attempts",                                                                                       \
         .type = OPTION_INT,                                                                                           \
         .default_value = "8",                                                                                         \
         .min = 1,                                                                                                     \
         .max = 1000,                                                                                                  \
         .doc = "how often a request is sent at most; between attempts it rests 50 ms to 2 s"},                        \
        {.name = "speculative-execution.delay",                                                                        \
         .type = OPTION_DURATION,                                                                                      \
         .default_value = "0 ms",                                                                                      \
         .min = 0,                                                                                                     \
         .max = 86400000,                                                                                              \
         .doc = "what may be done twice (reads, writes with our timestamp) and has no answer for so long is asked of " \
                "another host too, and the first answer counts; 0: never"},                                            \
        {.name = "speculative-execution.max",                                                                          \
         .type = OPTION_INT,                                                                                           \
         .default_value = "1",                                                                                         \
         .min = 1,                                                                                                     \
         .max = CQL_MAX_SPECULATIONS,                                                                                  \
         .doc = "how many other hosts a request is sent to that way"},                                                 \
        {.name = "connections-per-host",                                                                               \
         .type = OPTION_INT,                                                                                           \
         .default_value = "2",                                                                                         \
         .min = 1,                                                                                                     \
         .max = CQL_MAX_CONNECTIONS_PER_HOST,                                                                          \
         .doc = "connections to each host"},                                                                           \
        {.name = "protocol-version",                                                                                   \
         .type = OPTION_ENUM,                                                                                          \
         .default_value = "auto",                                                                                      \
         .choices = "auto|3|4|5",                                                                                      \
         .doc = "version of the native protocol; auto: the highest that the server knows"},                            \
        {.name = "tls",                                                                                                \
         .type = OPTION_BOOL,                                                                                          \
         .default_value = "false",                                                                                     \
         .doc = "encrypted connections: TLS 1.2 or 1.3"},                                                              \
        {.name = "tls.verify",                                                                                         \
         .type = OPTION_ENUM,                                                                                          \
         .default_value = "full",                                                                                      \
         .choices = "full|ca|none",                                                                                    \
         .doc = "what of a server's certificate has to be right: full: who signed it and that it is for the host; "    \
                "ca: who signed it; none: nothing, so that whoever sits in between can read along"},                   \
        {.name = "tls.ca-file",                                                                                        \
         .type = OPTION_STRING,                                                                                        \
         .doc = "certificates that are trusted, a PEM file; by default those of the system"},                          \
        {.name = "tls.cert-file",                                                                                      \
         .type = OPTION_STRING,                                                                                        \
         .doc = "certificate of the client, a PEM file, when the servers want one"},                                   \
        {.name = "tls.key-file", .type = OPTION_STRING, .doc = "private key of 'tls.cert-file', a PEM file"},          \
        {.name = "tls.key-password", .type = OPTION_STRING, .secret = true, .doc = "password of the private key"},     \
        {.name = "secure-connect-bundle",                                                                              \
         .type = OPTION_STRING,                                                                                        \
         .doc = "instead of 'hosts' and 'tls': the zip file that a cloud service such as Astra gives out for a "       \
                "database"},                                                                                           \
        {.name = "tracing",                                                                                            \
         .type = OPTION_BOOL,                                                                                          \
         .default_value = "false",                                                                                     \
         .doc =                                                                                                        \
             "the servers trace every request of a statement; what they did is printed to standard error at its end"}, \
    {                                                                                                                  \
        .name = "compression", .type = OPTION_ENUM, .default_value = "none", .choices = "none|lz4",                    \
        .doc = "compression on the wire; saves bandwidth, costs the server time"                                       \
    }

/* How tables are read and written; in a catalog: of all its tables. */
#define TABLE_OPTIONS                                                                                                   \
    {.name = "consistency",                                                                                             \
     .type = OPTION_ENUM,                                                                                               \
     .choices = "ANY|ONE|TWO|THREE|QUORUM|ALL|LOCAL_QUORUM|EACH_QUORUM|LOCAL_ONE",                                      \
     .doc = "consistency level of reads and writes; by default LOCAL_ONE for reads and LOCAL_QUORUM for writes"},       \
        {.name = "consistency-level",                                                                                   \
         .type = OPTION_ENUM,                                                                                           \
         .choices = "ANY|ONE|TWO|THREE|QUORUM|ALL|LOCAL_QUORUM|EACH_QUORUM|LOCAL_ONE",                                  \
         .doc = "older name of 'consistency'"},                                                                         \
        {.name = "scan.page-size",                                                                                      \
         .type = OPTION_INT,                                                                                            \
         .default_value = "5000",                                                                                       \
         .min = 1,                                                                                                      \
         .max = CASSANDRA_MAX_PAGE_ROWS,                                                                                \
         .doc = "rows per page at most"},                                                                               \
        {.name = "scan.page-bytes",                                                                                     \
         .type = OPTION_SIZE,                                                                                           \
         .default_value = "1 mb",                                                                                       \
         .min = 1 << 10,                                                                                                \
         .max = 256 << 20,                                                                                              \
         .doc = "size of a page: it is asked for with as many rows as make so much, by the pages before"},              \
        {.name = "scan.pushdown",                                                                                       \
         .type = OPTION_BOOL,                                                                                           \
         .default_value = "true",                                                                                       \
         .doc = "predicates go to the server; false: the whole table is read and filtered here"},                       \
        {.name = "scan.use-indexes",                                                                                    \
         .type = OPTION_BOOL,                                                                                           \
         .default_value = "true",                                                                                       \
         .doc = "predicates on indexed columns are asked of the index"},                                                \
        {.name = "scan.count-at-server",                                                                                \
         .type = OPTION_BOOL,                                                                                           \
         .default_value = "false",                                                                                      \
         .doc =                                                                                                         \
             "a bounded scan that only needs the number of rows lets the server count them: less to send, more work "   \
             "for the server"},                                                                                         \
        {.name = "scan.aggregates-at-server",                                                                           \
         .type = OPTION_BOOL,                                                                                           \
         .default_value = "false",                                                                                      \
         .doc = "a batch query that groups by the partition key, or it and the first clustering columns, lets the "     \
                "server "                                                                                               \
                "compute COUNT, MIN, MAX and SUM: a row per group is sent, more work for the server"},                  \
        {.name = "scan.ann.column",                                                                                     \
         .type = OPTION_STRING,                                                                                         \
         .doc =                                                                                                         \
             "reads only the rows whose vector in this column is nearest to 'scan.ann.vector' (an indexed column)"},    \
        {.name = "scan.ann.vector", .type = OPTION_STRING, .doc = "the vector, such as '[0.1, 2, -3]'"},                \
        {.name = "scan.ann.limit",                                                                                      \
         .type = OPTION_INT,                                                                                            \
         .default_value = "10",                                                                                         \
         .min = 1,                                                                                                      \
         .max = 1000,                                                                                                   \
         .doc = "how many of the nearest rows"},                                                                        \
        {.name = "scan.prefetch-pages",                                                                                 \
         .type = OPTION_INT,                                                                                            \
         .default_value = "4",                                                                                          \
         .min = 1,                                                                                                      \
         .max = 256,                                                                                                    \
         .doc = "pages that a reader asks for ahead, over as many token ranges"},                                       \
        {.name = "scan.splits",                                                                                         \
         .type = OPTION_INT,                                                                                            \
         .min = 1,                                                                                                      \
         .max = CASSANDRA_MAX_SPLITS,                                                                                   \
         .doc = "token ranges of a scan; by default by the table's size"},                                              \
        {.name = "scan.split-size",                                                                                     \
         .type = OPTION_SIZE,                                                                                           \
         .default_value = "64 mb",                                                                                      \
         .min = 1 << 10,                                                                                                \
         .doc = "size of a token range in a bounded scan, by the server's estimate"},                                   \
        {.name = "max-split-memory-size",                                                                               \
         .type = OPTION_SIZE,                                                                                           \
         .min = 1 << 10,                                                                                                \
         .doc = "older name of 'scan.split-size'"},                                                                     \
        {.name = "sink.consistency",                                                                                    \
         .type = OPTION_ENUM,                                                                                           \
         .choices = "ANY|ONE|TWO|THREE|QUORUM|ALL|LOCAL_QUORUM|EACH_QUORUM|LOCAL_ONE",                                  \
         .doc = "consistency level of writes, when it differs from 'consistency'"},                                     \
        {.name = "serial-consistency",                                                                                  \
         .type = OPTION_ENUM,                                                                                           \
         .default_value = "SERIAL",                                                                                     \
         .choices = "SERIAL|LOCAL_SERIAL",                                                                              \
         .doc = "consistency level of the condition of 'sink.if-not-exists'"},                                          \
        {.name = "sink.max-in-flight",                                                                                  \
         .type = OPTION_INT,                                                                                            \
         .default_value = "1024",                                                                                       \
         .min = 1,                                                                                                      \
         .max = 32768,                                                                                                  \
         .doc = "requests that wait for the server's answer, at most; how many do is found by measuring"},              \
        {.name = "sink.rows-per-second",                                                                                \
         .type = OPTION_INT,                                                                                            \
         .min = 1,                                                                                                      \
         .max = -1,                                                                                                     \
         .doc = "a sink writes no faster than this; by default as fast as the server takes it"},                        \
        {.name = "sink.bytes-per-second",                                                                               \
         .type = OPTION_SIZE,                                                                                           \
         .min = 1,                                                                                                      \
         .max = -1,                                                                                                     \
         .doc = "the same in bytes of bound values"},                                                                   \
        {.name = "sink.ttl",                                                                                            \
         .type = OPTION_DURATION,                                                                                       \
         .min = 1000,                                                                                                   \
         .max = INT64_C(630720000000),                                                                                  \
         .doc = "what is written lives so long, in whole seconds; by default what the table says. A column METADATA "   \
                "FROM 'ttl' says it row by row"},                                                                       \
        {.name = "sink.timestamp",                                                                                      \
         .type = OPTION_INT,                                                                                            \
         .doc =                                                                                                         \
             "write timestamp in microseconds since 1970, of deletes too; by default the step's. A column METADATA "    \
             "FROM 'timestamp' says it row by row"},                                                                    \
        {.name = "sink.if-not-exists",                                                                                  \
         .type = OPTION_BOOL,                                                                                           \
         .default_value = "false",                                                                                      \
         .doc = "INSERT … IF NOT EXISTS: rows whose key exists are left as they are, and counted. Slow: each row is " \
                "agreed on by the replicas"},                                                                           \
        {.name = "sink.error-policy",                                                                                   \
         .type = OPTION_ENUM,                                                                                           \
         .default_value = "fail",                                                                                       \
         .choices = "fail|skip",                                                                                        \
         .doc = "what becomes of a row that the server refuses: fail ends the job, skip leaves the row out, reports "   \
                "it with its key and counts it"},                                                                       \
        {.name = "sink.bad-rows-file",                                                                                  \
         .type = OPTION_STRING,                                                                                         \
         .doc = "file to which skipped rows are appended, a JSON object a line; by default standard error"},            \
        {.name = "sink.max-bad-rows",                                                                                   \
         .type = OPTION_INT,                                                                                            \
         .default_value = "100000",                                                                                     \
         .min = 0,                                                                                                      \
         .max = -1,                                                                                                     \
         .doc = "more skipped rows of one job end it"},                                                                 \
        {.name = "sink.dry-run",                                                                                        \
         .type = OPTION_BOOL,                                                                                           \
         .default_value = "false",                                                                                      \
         .doc = "rows are checked and encoded, but nothing is sent"},                                                   \
        {.name = "sink.batch-size",                                                                                     \
         .type = OPTION_SIZE,                                                                                           \
         .default_value = "4 kb",                                                                                       \
         .min = 0,                                                                                                      \
         .max = CASSANDRA_MAX_BATCH_BYTES,                                                                              \
         .doc =                                                                                                         \
             "rows of one partition are written together (an unlogged batch) up to this size; 0: each row by itself"},  \
        {.name = "sink.ignore-null",                                                                                    \
         .type = OPTION_BOOL,                                                                                           \
         .default_value = "false",                                                                                      \
         .doc = "a NULL leaves the column as it is instead of deleting its value"},                                     \
        CONNECTOR_LOOKUP_OPTIONS, {                                                                                     \
        .name = "lookup.max-in-flight", .type = OPTION_INT, .default_value = "256", .min = 1, .max = 32768,             \
        .doc = "keys that a lookup join asks for at the same time"                                                      \
    }

const struct option_def cassandra_options[] = {
    {.name = "connector", .type = OPTION_STRING, .doc = "cassandra"},
    {.name = "hosts",
     .type = OPTION_STRING,
     .doc = "contact points: host[:port], separated by commas; one that answers tells of the cluster's other nodes"},
    {.name = "keyspace", .type = OPTION_STRING, .doc = "keyspace of the table"},
    {.name = "table", .type = OPTION_STRING, .doc = "name of the table in Cassandra; by default the same name"},
    CONNECTION_OPTIONS,
    TABLE_OPTIONS,
    {.name = "partition-keys",
     .type = OPTION_STRING,
     .doc =
         "CREATE TABLE in a catalog: columns of the primary key that make the partition key, separated by commas; by "
         "default those of PARTITIONED BY, else the first one"},
    {.name = "clustering-order",
     .type = OPTION_STRING,
     .doc = "CREATE TABLE in a catalog: order of the clustering columns, such as 'ts DESC, id ASC'"},
    {.name = "static-columns",
     .type = OPTION_STRING,
     .doc = "CREATE TABLE in a catalog: columns that a partition has once, separated by commas"},
    {.name = "counter-columns",
     .type = OPTION_STRING,
     .doc = "CREATE TABLE in a catalog: columns that are counters, separated by commas"},
    {.name = "default-time-to-live",
     .type = OPTION_STRING,
     .doc = "CREATE TABLE in a catalog: what is written lives so long: seconds, or a time such as '7 d'"},
    {.name = "cql-type.",
     .type = OPTION_STRING,
     .prefix = true,
     .doc = "CREATE TABLE in a catalog: the CQL type of a column where there is a choice, such as 'cql-type.id' = "
            "'timeuuid', 'cql-type.tags' = 'set<text>', 'cql-type.home' = 'frozen<address>'"},
    {.name = "cql.",
     .type = OPTION_STRING,
     .prefix = true,
     .doc = "CREATE TABLE in a catalog: a property of the table as CQL has it, such as 'cql.default_time_to_live' = "
            "'86400' or 'cql.compaction' = '{''class'': ''TimeWindowCompactionStrategy''}'"},
    OPTION_END,
};

const struct option_def cassandra_catalog_options[] = {
    {.name = "type", .type = OPTION_STRING, .doc = "cassandra"},
    {.name = "hosts",
     .type = OPTION_STRING,
     .doc = "contact points: host[:port], separated by commas; tried in order, the first one tells of the other nodes"},
    CONNECTION_OPTIONS,
    TABLE_OPTIONS,
    {.name = "default-database", .type = OPTION_STRING, .doc = "keyspace to start in; by default the first one"},
    {.name = "keyspace", .type = OPTION_STRING, .doc = "older name of 'default-database'"},
    {.name = "system-keyspaces",
     .type = OPTION_BOOL,
     .default_value = "false",
     .doc = "shows Cassandra's own keyspaces too"},
    {.name = "replication-factor",
     .type = OPTION_INT,
     .default_value = "1",
     .min = 1,
     .max = 1000,
     .doc = "copies of each row in a keyspace made by CREATE DATABASE, in the datacenter that the catalog talks to"},
    OPTION_END,
};

/* ---- Settings ---- */

static const char *const older_names[][2] = {{"consistency", "consistency-level"},
                                             {"request-timeout", "read-timeout"},
                                             {"scan.split-size", "max-split-memory-size"},
                                             {"default-database", "keyspace"}};

static const char *given_name(const struct option_list *options, const char *key) {
    if (option_given(options, key)) return key;
    for (size_t i = 0; i < sizeof older_names / sizeof *older_names; i++)
        if (strcmp(older_names[i][0], key) == 0 && option_given(options, older_names[i][1])) return older_names[i][1];
    return key;
}

int64_t cassandra_setting(const struct table *table, const char *key) {
    return option_int(&table->options, cassandra_options, given_name(&table->options, key));
}

const char *cassandra_setting_text(const struct table *table, const char *key) {
    return option_string(&table->options, cassandra_options, given_name(&table->options, key));
}

bool cassandra_setting_bool(const struct table *table, const char *key) {
    return option_bool(&table->options, cassandra_options, key);
}

enum status cassandra_consistency(const struct table *table, enum cql_consistency otherwise, enum cql_consistency *out,
                                  struct error *err) {
    const char *text = option_find(&table->options, given_name(&table->options, "consistency"));
    *out = otherwise;
    if (text && !cql_consistency_parse(str_from(text), out))
        return error_set(err, STATUS_INVALID_OPTION, "option 'consistency': there is no level '%s'", text);
    return STATUS_OK;
}

enum status cassandra_write_consistency(const struct table *table, enum cql_consistency *out, struct error *err) {
    const char *text = option_find(&table->options, "sink.consistency");
    if (!text) return cassandra_consistency(table, CQL_LOCAL_QUORUM, out, err);
    if (!cql_consistency_parse(str_from(text), out))
        return error_set(err, STATUS_INVALID_OPTION, "option 'sink.consistency': there is no level '%s'", text);
    return STATUS_OK;
}

/* ---- Handles ---- */

/* What handles are told apart by. */
static const char *const connection_keys[] = {"hosts",
                                              "port",
                                              "username",
                                              "password",
                                              "local-datacenter",
                                              "datacenter-failover",
                                              "connect-timeout",
                                              "tls",
                                              "tls.verify",
                                              "tls.ca-file",
                                              "tls.cert-file",
                                              "tls.key-file",
                                              "tls.key-password",
                                              "tracing",
                                              "secure-connect-bundle",
                                              "compression",
                                              "request-timeout",
                                              "max-attempts",
                                              "speculative-execution.delay",
                                              "speculative-execution.max",
                                              "connections-per-host",
                                              "protocol-version"};
enum { CONNECTION_KEYS = sizeof connection_keys / sizeof *connection_keys };

enum status cassandra_check_connection(const struct option_list *options, struct error *err) {
    static const char *const others[] = {"keyspace", "table"};
    const char *found = NULL;
    for (int i = 0; i < CONNECTION_KEYS && !found; i++) {
        const char *key = given_name(options, connection_keys[i]);
        if (strcmp(key, "tracing") != 0 && option_given(options, key)) found = key;
    }
    for (size_t i = 0; i < sizeof others / sizeof *others && !found; i++)
        if (option_given(options, others[i])) found = others[i];
    if (!found) return STATUS_OK;
    error_set(err, STATUS_INVALID_OPTION, "option '%s' of a catalog's table is the catalog's to say", found);
    error_hint(err, "CREATE CATALOG with it, or CREATE TEMPORARY TABLE with 'connector' = 'cassandra'");
    return STATUS_INVALID_OPTION;
}

struct cassandra_handle {
    struct cassandra_handle *next;
    char *values[CONNECTION_KEYS]; /* NULL: not given */
    int users;                     /* under the lock */
    bool opening;                  /* under the lock: others that want it wait */
    bool tracing;
    struct cql_cluster *cluster;
    struct cassandra_notes *notes;
};

/* The process's clusters: what several statements and jobs share cannot belong to one of them. Those that nobody uses are kept
 * for the next statement, oldest last. */
static pthread_mutex_t handles_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t handles_changed = PTHREAD_COND_INITIALIZER;
static struct cassandra_handle *handles;
static bool ending;

static struct cassandra_handle *create_handle(const struct option_list *options) {
    struct cassandra_handle *handle = xcalloc(1, sizeof *handle);
    for (int i = 0; i < CONNECTION_KEYS; i++) {
        const char *value = option_find(options, given_name(options, connection_keys[i]));
        if (value) handle->values[i] = xstrdup(value);
    }
    return handle;
}

static void free_handle(struct cassandra_handle *handle) {
    for (int i = 0; i < CONNECTION_KEYS; i++)
        if (handle->values[i]) {
            explicit_bzero(handle->values[i], strlen(handle->values[i])); /* a password may be among them */
            free(handle->values[i]);
        }
    cassandra_notes_free(handle->notes);
    free(handle);
}

static bool same_values(const struct cassandra_handle *a, const struct cassandra_handle *b) {
    for (int i = 0; i < CONNECTION_KEYS; i++) {
        const char *x = a->values[i], *y = b->values[i];
        if (!x != !y || (x && strcmp(x, y) != 0)) return false;
    }
    return true;
}

static void close_handle(struct cassandra_handle *handle) {
    cql_cluster_release(handle->cluster);
    free_handle(handle);
}

static void unlink_handle(struct cassandra_handle *handle) {
    struct cassandra_handle **at = &handles;
    while (*at != handle) at = &(*at)->next;
    *at = handle->next;
}

/* The lock is held; waits while another thread opens it. */
static struct cassandra_handle *find_handle(const struct cassandra_handle *like) {
    for (;;) {
        struct cassandra_handle *handle = handles;
        while (handle && !same_values(handle, like)) handle = handle->next;
        if (!handle || !handle->opening) return handle;
        pthread_cond_wait(&handles_changed, &handles_lock);
    }
}

static struct cassandra_handle *take_idle(void) {
    pthread_mutex_lock(&handles_lock);
    struct cassandra_handle **at = &handles;
    while (*at && (*at)->users) at = &(*at)->next;
    struct cassandra_handle *handle = *at;
    if (handle) *at = handle->next;
    pthread_mutex_unlock(&handles_lock);
    return handle;
}

/* At the end of the process no thread of ours may go on. What is still in flight for somebody who left is cancelled, which gives
 * his handle back. */
static void close_handles(void) {
    pthread_mutex_lock(&handles_lock);
    ending = true; /* from now on none leaves the list but here */
    pthread_mutex_unlock(&handles_lock);
    for (struct cassandra_handle *handle = handles; handle; handle = handle->next)
        if (handle->cluster && handle->tracing) cassandra_notes_print(handle->notes, handle);
    for (struct cassandra_handle *handle = handles; handle; handle = handle->next)
        if (handle->cluster) cql_cluster_shutdown(handle->cluster);
    for (struct cassandra_handle *handle; (handle = take_idle());) close_handle(handle);
}

/* Texts live in arena; tls is the caller's to release. */
static enum status fill_options(const struct option_list *options, struct arena *arena, struct cql_options *out,
                                struct error *err) {
    const struct option_def *table = cassandra_options;
    cql_options_init(out);
    out->hosts = option_string(options, table, "hosts");
    out->port = (int)option_int(options, table, "port");
    out->username = option_string(options, table, "username");
    out->password = option_string(options, table, "password");
    out->local_datacenter = option_string(options, table, "local-datacenter");
    out->datacenter_failover = option_bool(options, table, "datacenter-failover");
    out->connect_timeout_ms = (int)option_int(options, table, "connect-timeout");
    out->request_timeout_ms = (int)option_int(options, table, "request-timeout");
    out->max_attempts = (int)option_int(options, table, "max-attempts");
    out->speculative_delay_ms = (int)option_int(options, table, "speculative-execution.delay");
    out->speculative_max = (int)option_int(options, table, "speculative-execution.max");
    out->connections_per_host = (int)option_int(options, table, "connections-per-host");
    out->protocol_version = atoi(option_string(options, table, "protocol-version")); /* auto: 0 */
    out->compress = str_compare_nocase(option_string(options, table, "compression"), "lz4") == 0;
    out->tracing = option_bool(options, table, "tracing");
    return cassandra_secure(options, arena, out, err);
}

/* The options that the handle was made for, in arrays of CONNECTION_KEYS. */
static struct option_list handle_options(const struct cassandra_handle *handle, const char **keys,
                                         const char **values) {
    struct option_list options = {.keys = keys, .values = values};
    for (int i = 0; i < CONNECTION_KEYS; i++)
        if (handle->values[i]) {
            keys[options.count] = connection_keys[i];
            values[options.count++] = handle->values[i];
        }
    return options;
}

/* Exit handlers run backwards, and OpenSSL registers its own when it is first used: our threads have to end before. */
static void end_before_openssl(void) {
    static bool registered;
    pthread_mutex_lock(&handles_lock);
    if (!registered) atexit(close_handles);
    registered = true;
    pthread_mutex_unlock(&handles_lock);
}

static enum status open_handle(struct cassandra_handle *handle, struct cql_cluster **cluster, struct error *err) {
    const char *keys[CONNECTION_KEYS], *values[CONNECTION_KEYS];
    struct option_list options = handle_options(handle, keys, values);
    struct cql_options cql;
    struct arena arena;
    arena_init(&arena, NULL);
    enum status status = fill_options(&options, &arena, &cql, err);
    if (status == STATUS_OK) {
        if (cql.tls) end_before_openssl();
        handle->tracing = cql.tracing;
        cql.warned = cassandra_notes_warned;
        cql.traced = cassandra_notes_traced;
        cql.data = handle->notes = cassandra_notes_create();
        status = cql_cluster_open(&cql, cluster, err);
        net_tls_release(cql.tls);
    }
    arena_destroy(&arena);
    return status;
}

/* Takes the handle: its place is taken by one that is there already, if there is. */
static enum status get_handle(struct cassandra_handle *handle, struct cassandra_handle **out, struct error *err) {
    static bool registered;
    pthread_mutex_lock(&handles_lock);
    struct cassandra_handle *known = find_handle(handle);
    if (known) {
        known->users++;
        pthread_mutex_unlock(&handles_lock);
        free_handle(handle);
        *out = known;
        return STATUS_OK;
    }
    handle->users = 1;
    handle->opening = true;
    handle->next = handles;
    handles = handle;
    if (!registered) atexit(close_handles);
    registered = true;
    pthread_mutex_unlock(&handles_lock);

    /* Not under the lock: it takes its time, and I/O threads give handles back. */
    struct cql_cluster *cluster = NULL;
    enum status status = open_handle(handle, &cluster, err);

    pthread_mutex_lock(&handles_lock);
    handle->cluster = cluster;
    handle->opening = false;
    if (status != STATUS_OK) unlink_handle(handle);
    pthread_cond_broadcast(&handles_changed);
    pthread_mutex_unlock(&handles_lock);
    if (status != STATUS_OK) {
        free_handle(handle);
        return status;
    }
    *out = handle;
    return STATUS_OK;
}

enum status cassandra_handle_get(const struct option_list *options, struct cassandra_handle **out, struct error *err) {
    if (!option_given(options, "hosts") && !option_given(options, "secure-connect-bundle")) {
        error_set(err, STATUS_INVALID_OPTION, "option 'hosts' is missing");
        error_hint(err, "'hosts' = 'host1, host2'");
        return STATUS_INVALID_OPTION;
    }
    return get_handle(create_handle(options), out, err);
}

enum status cassandra_handle_with_tracing(const struct cassandra_handle *handle, bool tracing,
                                          struct cassandra_handle **out, struct error *err) {
    const char *keys[CONNECTION_KEYS], *values[CONNECTION_KEYS];
    struct option_list options = handle_options(handle, keys, values);
    struct cassandra_handle *other = create_handle(&options);
    for (int i = 0; i < CONNECTION_KEYS; i++)
        if (strcmp(connection_keys[i], "tracing") == 0) {
            free(other->values[i]);
            other->values[i] = tracing ? xstrdup("true") : NULL;
        }
    return get_handle(other, out, err);
}

bool cassandra_handle_traces(const struct cassandra_handle *handle) { return handle->tracing; }

struct cassandra_handle *cassandra_handle_retain(struct cassandra_handle *handle) {
    pthread_mutex_lock(&handles_lock);
    handle->users++;
    pthread_mutex_unlock(&handles_lock);
    return handle;
}

void cassandra_handle_release(struct cassandra_handle *handle) {
    if (!handle) return;
    if (handle->tracing && !cql_cluster_is_current(handle->cluster)) cassandra_notes_print(handle->notes, handle);
    struct cassandra_handle *oldest = NULL;
    pthread_mutex_lock(&handles_lock);
    if (--handle->users == 0) {
        int idle = 0;
        struct cassandra_handle **at = &handles, **last_idle = NULL;
        for (; *at; at = &(*at)->next)
            if (!(*at)->users) {
                idle++;
                last_idle = at;
            }
        if (idle > CASSANDRA_IDLE_HANDLES && !ending) {
            oldest = *last_idle;
            *last_idle = oldest->next;
        }
    }
    pthread_mutex_unlock(&handles_lock);
    if (oldest) close_handle(oldest);
}

struct cql_cluster *cassandra_handle_cluster(struct cassandra_handle *handle) {
    return handle->cluster;
}
