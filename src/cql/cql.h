/* The CQL client: a cluster handle with pools of connections, asynchronous requests, and a blocking way for sessions.
 *
 * A cluster has one I/O thread. The contact points only start it: the nodes are those that the system tables name, as far as they are in
 * the local datacenter, and the servers' events keep the list true. (With datacenter_failover: while none of these is connected, those of
 * another one. LOCAL_ONE and LOCAL_QUORUM then are that one's.) Requests may be submitted from any thread and many at a time. One
 * that says its token goes to a node that has the data, any other to the least busy one; each connection carries up to
 * CQL_MAX_STREAMS at once, what finds no room waits in order (the callers bound how many). Requests are sent again with
 * back-off when that can do no harm, elsewhere if there is another node, and end in exactly one call of `done` on the
 * I/O thread. Connections that break are opened again with back-off; while none works, requests wait and use up their
 * attempts.
 *
 * A node that is overloaded gets fewer requests at a time (at least CQL_MIN_WINDOW), the others are preferred, and what waits for
 * it uses up attempts as what it refuses does: it ends in an error as soon.
 *
 * The protocol version is negotiated (5, else 4, else 3). Version 3 cannot leave values unset: requests with CASS_UNSET end
 * with STATUS_NOT_SUPPORTED there. All limits stand here.
 *
 * Errors name the server ("127.0.0.1:9042") and the request's table: STATUS_UNREACHABLE (no connection, not enough
 * replicas), STATUS_AUTHENTICATION, STATUS_TIMEOUT (the server's or ours), STATUS_SERVER_ERROR, STATUS_BAD_DATA
 * (a malformed message), STATUS_CANCELLED (the cluster is closing). */
#ifndef MILLRACE_CQL_CQL_H
#define MILLRACE_CQL_CQL_H

#include "cql/message.h"
#include "net/loop.h"
#include "net/tls.h"

enum {
    CQL_DEFAULT_PORT = 9042,
    CQL_MAX_HOSTS = 64,  /* contact points */
    CQL_MAX_POOLS = 512, /* nodes that connections are kept to; more are left alone */
    CQL_MAX_REMOTE = 64, /* nodes of other datacenters that are known, to take over; more are left alone */
    CQL_MAX_CONNECTIONS_PER_HOST = 32,
    CQL_MAX_STREAMS = 2048,  /* requests in flight on one connection */
    CQL_MAX_PREPARED = 4096, /* statements of one cluster handle */
    CQL_MAX_REPREPARES = 3,  /* of one request */
    CQL_BACKOFF_MIN_MS = 50, /* before a request's second attempt, doubling */
    CQL_BACKOFF_MAX_MS = 2000,
    CQL_RECONNECT_MAX_MS = 10000,
    CQL_MIN_WINDOW = 8,            /* requests in flight to a host that is overloaded, at least */
    CQL_MAX_SPECULATIONS = 3,      /* further attempts of one request at the same time */
    CQL_REFRESH_DEBOUNCE_MS = 300, /* events that come together lead to one look at the system tables */
    CQL_REFRESH_RETRY_MS = 10000,  /* after a look at them that failed */
    CQL_AGREEMENT_MAX_MS = 10000,  /* how long a change of the schema waits for the nodes to agree */
    CQL_AGREEMENT_INTERVAL_MS = 100,
    CQL_DEFAULT_ATTEMPTS = 8,
    CQL_DEFAULT_CONNECTIONS = 2,
    CQL_DEFAULT_CONNECT_TIMEOUT_MS = 5000,
    CQL_DEFAULT_REQUEST_TIMEOUT_MS = 12000, /* above the 10 s after which the server gives up a range read */
    CQL_DEFAULT_HEARTBEAT_MS = 30000,
};

struct cql_options {
    const char *hosts;               /* contact points: "a, b:9043, [::1]:9042"; tried in order at the start */
    int port;                        /* of hosts that name none */
    const char *username, *password; /* NULL: no login */
    const char *local_datacenter;    /* only its nodes are used; NULL: that of the first contact point that answers */
    bool datacenter_failover; /* while no node of it is connected, those of another one are used. Not behind a proxy */
    int protocol_version;     /* 0: the highest that both sides know */
    bool compress;            /* LZ4, when the server has it */
    int connections_per_host;
    int connect_timeout_ms; /* of TCP and login together */
    int request_timeout_ms; /* of one attempt */
    int heartbeat_ms;       /* a connection without traffic for so long is asked for a sign of life */
    int max_attempts;       /* of a request, the first included */
    int speculative_delay_ms; /* an idempotent request without an answer for so long is also sent to another host; 0: never */
    int speculative_max; /* how often, at most CQL_MAX_SPECULATIONS */
    struct net_tls *tls; /* NULL: in clear. Retained */
    const char *
        proxy_host; /* NULL: none. Else all connections go to this proxy with TLS, and `hosts` are the names by which */
    int proxy_port; /* it knows the servers (SNI) */
    bool tracing;   /* the server traces what reads or changes the user's data */
    /* On the I/O thread; must not block. NULL allowed. */
    void (*traced)(void *data, const uint8_t session_id[16]);        /* an answer to a traced request came */
    void (*warned)(void *data, const char *server, struct str text); /* the server warned */
    void *data;
};
void cql_options_init(struct cql_options *options); /* the defaults above; hosts NULL */

struct cql_cluster;

/* Connects to the first contact point that lets us in, and reads who else there is (the others follow in the background); blocks for
 * that.
 * STATUS_UNREACHABLE or STATUS_TIMEOUT when none does, STATUS_AUTHENTICATION when one refuses the login,
 * STATUS_INVALID_OPTION for a malformed host list. */
enum status cql_cluster_open(const struct cql_options *options, struct cql_cluster **out, struct error *err);
struct cql_cluster *cql_cluster_retain(struct cql_cluster *cluster);
/* The last release cancels what is in flight and closes. Any thread, callbacks included. */
void cql_cluster_release(struct cql_cluster *cluster);
/* Cancels what is in flight and closes the connections, but keeps the handle for those who hold it: whatever they submit ends
 * with STATUS_CANCELLED. Waits; not on the I/O thread. For the end of the process. */
void cql_cluster_shutdown(struct cql_cluster *cluster);
/* The negotiated version, and "5.0.9" as the server says. */
int cql_cluster_protocol(const struct cql_cluster *cluster);
const char *cql_cluster_release_version(const struct cql_cluster *cluster);
const char *cql_cluster_datacenter(const struct cql_cluster *cluster); /* the local one */

/* May requests go to another datacenter? Any thread. */
bool cql_cluster_fails_over(const struct cql_cluster *cluster);

/* Does it matter to say where a request's data lies: are there several nodes? Any thread; changes with the cluster. */
bool cql_cluster_routes(const struct cql_cluster *cluster);
/* The ring: ends[i] closes the range that begins behind ends[i - 1], owners[i] says whose it is (equal numbers: the same node). Returns how
 * many; 0 when the ring is not known, or there is only one node. Any thread; in arena. */
int cql_cluster_ring(struct cql_cluster *cluster, struct arena *arena, int64_t **ends, int **owners);

/* A prepared statement. Immutable to its users; who keeps a pointer keeps a reference, and so long the cluster. */
struct cql_prepared {
    const char *text, *table;
    int bind_count;
    const struct cql_column *binds;
    int key_count; /* binds that make the partition key, 0 when they do not make a whole one */
    const int *key;
    int column_count;
    const struct cql_column *columns;
    struct str id; /* for cql_put_batch_statement */
    /* private */
    struct str result_metadata_id; /* I/O thread */
    _Atomic int references;
    struct arena arena;
    struct cql_prepared *next;
};
/* Asks the server to prepare it, even if that was done before: the table may have changed. Blocks; not on the I/O thread.
 * table: for messages, may be NULL. The caller releases it. */
enum status cql_prepare(struct cql_cluster *cluster, const char *text, const char *table,
                        const struct cql_prepared **out, struct error *err);
const struct cql_prepared *cql_prepared_retain(const struct cql_prepared *prepared);
void cql_prepared_release(const struct cql_prepared *prepared); /* any thread; NULL allowed */

enum cql_request_kind { CQL_REQUEST_QUERY, CQL_REQUEST_EXECUTE, CQL_REQUEST_BATCH, CQL_REQUEST_PREPARE };

struct cql_request {
    /* The caller's, unchanged until `done`. */
    enum cql_request_kind kind;
    struct str text;                     /* QUERY, PREPARE */
    const struct cql_prepared *prepared; /* EXECUTE */
    struct cql_parameters parameters;    /* QUERY, EXECUTE; consistency and timestamp also for BATCH */
    enum cql_batch_type batch_type;      /* BATCH */
    int statement_count;                 /* BATCH */
    struct str statements;               /* BATCH: cql_put_batch_statement's output */
    bool idempotent;                     /* sending it twice does no harm */
    bool repeatable;   /* the same, but the caller himself repeats what fails: only speculation does */
    int timeout_ms;    /* 0: the cluster's */
    int max_attempts;  /* the first included; 0: the cluster's */
    const char *table; /* for messages, may be NULL */
    bool has_token;    /* token and keyspace say where the data lies */
    int64_t token;
    const char *keyspace;
    /* On the I/O thread, once. response: a RESULT, owned by the callee, or NULL with err. The request may be freed or submitted
     * again. Must not block. */
    void (*done)(struct cql_request *request, struct cql_response *response, const struct error *err);
    void *data;
    /* For `done`: the last error that a server answered with (enum cql_error_code, -1: none), and how many attempts failed. */
    int32_t error_code;
    bool node_lost; /* that error: CQL_FAILURE_LOST */
    int attempts;
    /* private */
    struct net_task task;
    struct cql_cluster *cluster;
    struct cql_request *next;
    int reprepares;
    int64_t due_ms;
    void *host;                  /* of the last attempt */
    struct cql_request *waiting; /* PREPARE on behalf of this one; itself: the client's own, of one connection */
    int out_count, speculations; /* attempts under way; how many of them were not waited for */
    int64_t attempt_ms;          /* when the first of them was sent */
    struct cql_attempt {
        void *connection;
        int stream;
    } out[1 + CQL_MAX_SPECULATIONS];
};
/* Zero, and the defaults: consistency LOCAL_ONE, no timestamp. */
void cql_request_init(struct cql_request *request, enum cql_request_kind kind);

/* Any thread; the caller holds the cluster until `done`. */
void cql_submit(struct cql_cluster *cluster, struct cql_request *request);
/* Submits and waits; not on the I/O thread. Fills done and data. The caller frees the response. */
enum status cql_execute(struct cql_cluster *cluster, struct cql_request *request, struct cql_response **out,
                        struct error *err);
/* The simplest case: text with constants, no paging. out may be NULL. */
enum status cql_query(struct cql_cluster *cluster, const char *text, const char *table, struct cql_response **out,
                      struct error *err);

/* Is the thread the cluster's I/O thread? */
bool cql_cluster_is_current(const struct cql_cluster *cluster);

#endif
