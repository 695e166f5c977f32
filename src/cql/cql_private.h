/* Inside cql/: what connections, pools and requests know of each other. All on the I/O thread, but for what the lock guards. */
#ifndef MILLRACE_CQL_CQL_PRIVATE_H
#define MILLRACE_CQL_CQL_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <uv.h>

#include "cql/cql.h"
#include "cql/ring.h"
#include "net/tcp.h"

enum {
    CQLI_RECEIVE_BYTES = 512 << 10,         /* of a connection's buffer for what is not yet a message */
    CQLI_MAX_ORPHANS = CQL_MAX_STREAMS / 4, /* streams whose request timed out: more, and the connection is given up */
    CQLI_REGISTER_STREAM = CQL_MAX_STREAMS, /* of the connection that gets the events */
    CQLI_TICK_MS = 50,
    CQLI_MIN_TICK_MS = 5,
    CQLI_IDLE_TICK_MS = 1000,
    CQLI_LOCAL_REPLICAS = 16,   /* of a token that are looked at */
    CQLI_FORGIVEN_FAILURES = 3, /* to connect, before a contact point is tried by its address in the ring */
};

/* ---- Hosts ---- */

struct cqli_node_id {
    bool known;
    uint8_t bytes[16]; /* host_id */
};

/* A node that connections are kept to, or a contact point of which it is not known yet what node it is. Structs stay until the
 * cluster ends. */
struct cqli_host {
    struct cql_cluster *cluster;
    char *name;
    int port;
    char address[72]; /* "name:port", cut */
    struct cqli_node_id id;
    bool contact; /* name and port are the user's */
    bool in_ring; /* the system tables name it */
    bool retired; /* left the ring, is in another datacenter, or is another one by a second name: no new connections */
    bool remote;  /* in another datacenter, which takes over: connected to while no local host is */
    char datacenter[64]; /* of remote ones, cut */
    bool seen;           /* while the ring is read */
    uint8_t inet[16];
    int inet_len, inet_port; /* as the servers call it, for events; len 0: not known */
    struct cqli_connection *connections[CQL_MAX_CONNECTIONS_PER_HOST];
    int failures; /* in a row */
    int64_t reconnect_at_ms;
    /* Load */
    int in_flight;
    int window;          /* in_flight stays below */
    int overload_rounds; /* OVERLOADED to what was sent after the last OVERLOADED, and no other answer since */
    int calm_answers;    /* since the window last grew */
    int64_t cut_ms;      /* when the window was last made smaller */
    int64_t avoid_until_ms;
};

enum cqli_phase { CQLI_CONNECTING, CQLI_OPTIONS, CQLI_STARTUP, CQLI_AUTH, CQLI_LOCAL, CQLI_READY, CQLI_CLOSED };

struct cqli_stream {
    struct cql_request *request; /* NULL: free, or an orphan */
    bool used;
    int64_t sent_ms, deadline_ms;
};

struct cqli_connection {
    struct cql_cluster *cluster;
    struct cqli_host *host;
    int slot;
    struct net_conn *net;
    enum cqli_phase phase;
    int version;
    bool lz4, framed;   /* framed: version 5's segments */
    bool registering;   /* for events */
    struct error error; /* why it was closed */
    bool downgrade;     /* closed because the server knows only an older version */
    int64_t handshake_deadline_ms;
    int64_t last_received_ms, last_sent_ms, heartbeat_deadline_ms; /* deadline 0: none is out */
    /* Receiving */
    uint8_t *buf; /* CQLI_RECEIVE_BYTES; [buf_pos, buf_len) is to be parsed */
    size_t buf_pos, buf_len;
    uint8_t *scratch; /* of a decompressed segment */
    uint8_t header_bytes[CQL_HEADER_BYTES];
    size_t header_len;
    struct cql_header header;
    struct cql_response *incoming;
    size_t incoming_len;
    bool reading_body; /* the last buffer given out was incoming's own */
    /* Sending: whole envelopes gather in `envelopes`; a flush before the loop waits makes segments of them. */
    struct strbuf envelopes, wire, body, packed;
    struct net_task flush;
    bool flush_pending, net_closed;
    /* Streams. 0 is for what the connection itself asks. */
    struct cqli_stream streams[CQL_MAX_STREAMS];
    uint16_t free_streams[CQL_MAX_STREAMS];
    int free_count, in_flight, orphans;
};

/* ---- The ring, as the control connection last read it ---- */

struct cqli_keyspace {
    const char *name;
    struct cql_replication replication;
    uint16_t *replicas; /* of token i: from i * replica_room, nodes of the local datacenter; made when first wanted */
    uint8_t *counts;
    int replica_room;
};

struct cqli_ring {
    struct arena arena; /* the struct lies in it */
    struct cql_ring ring;
    struct cqli_host **hosts; /* of ring.nodes; NULL: not of the local datacenter */
    int host_count;           /* that are not NULL */
    int remote_count;         /* nodes of other datacenters */
    int keyspace_count;
    struct cqli_keyspace *keyspaces;
};

/* ---- The cluster ---- */

enum { CQLI_QUERY_LOCAL, CQLI_QUERY_PEERS, CQLI_QUERY_KEYSPACES, CQLI_QUERIES };

/* The control connection: the one of the pools' whose server tells of events and is asked for the ring. */
struct cqli_control {
    struct cqli_connection *connection; /* NULL: none at the moment */
    bool reading;                       /* the system tables */
    bool again;                         /* something happened meanwhile */
    bool old_peers;                     /* the server has no peers_v2 */
    int64_t read_at_ms;                 /* 0: no need */
    int pending;
    struct cql_request requests[CQLI_QUERIES];
    struct cql_response *answers[CQLI_QUERIES]; /* NULL: it failed */
};

struct cqli_agreement;

struct cql_cluster {
    struct cql_options options; /* texts are copies */
    struct net_loop *loop;
    _Atomic int references;
    _Atomic bool routes;

    /* I/O thread */
    struct cqli_host *hosts[CQL_MAX_HOSTS + CQL_MAX_POOLS];
    int host_count, contact_count; /* contact points come first */
    uv_timer_t timer;
    bool timer_open, busy_tick;
    int tick_ms;
    int version;                                /* of the next connection */
    int open_connections;                       /* structs that exist */
    struct cql_request *waiting, **waiting_end; /* in order of arrival */
    struct cql_request *resting;                /* in order of due_ms */
    unsigned next_host;                         /* where the search for room begins */
    uint64_t seed;
    bool closing, detached;
    struct error last_error;         /* of a connection that failed */
    struct net_task task, stop_task; /* opening, closing; stopping from inside */
    struct cqli_control control;
    struct cqli_agreement *agreements;
    int opening_host; /* of the contact points; behind them a second time those in other datacenters */

    /* Under the lock; ring is changed by the I/O thread alone, which reads it without */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    enum cqli_state { CQLI_OPENING, CQLI_OPEN, CQLI_FAILED, CQLI_ENDED } state;
    bool shut_down; /* closing was asked for */
    struct error open_error;
    struct cqli_ring *ring; /* NULL: not known */
    struct cql_prepared *prepared;
    int prepared_count;
    int protocol;
    char release_version[32], datacenter[128];
};

static inline int64_t cqli_now_ms(const struct cql_cluster *cluster) { return net_loop_now_ms(cluster->loop); }
/* Between half and all of it, so that what failed together does not come back together. */
int64_t cqli_jitter(struct cql_cluster *cluster, int64_t ms);
/* From min_ms, doubled `times` times, at most max_ms. */
int64_t cqli_backoff(int times, int64_t min_ms, int64_t max_ms);
/* The timer: fast while there is something to watch. */
void cqli_keep_ticking(struct cql_cluster *cluster);
void cqli_cluster_set_state(struct cql_cluster *cluster, enum cqli_state state);
/* All connections are gone, perhaps. */
void cqli_cluster_finish_close(struct cql_cluster *cluster);

/* ---- connection.c ---- */

struct cqli_connection *cqli_connection_open(struct cqli_host *host, int slot);
/* Closes; its requests fail with err as attempts that may have been done. */
void cqli_connection_close(struct cqli_connection *connection, const struct error *err);
static inline bool cqli_connection_has_room(const struct cqli_connection *c) {
    return c->phase == CQLI_READY && c->free_count > 0;
}
void cqli_connection_send(struct cqli_connection *connection, struct cql_request *request);
/* The stream's request no longer waits for its answer. */
void cqli_connection_abandon(struct cqli_connection *connection, int stream);
void cqli_connection_register(struct cqli_connection *connection);
/* Asks for a sign of life now. */
void cqli_connection_probe(struct cqli_connection *connection, int64_t now_ms);
/* Timeouts, speculation and heartbeats. */
void cqli_connection_tick(struct cqli_connection *connection, int64_t now_ms);

/* ---- hosts.c ---- */

/* A contact point, or a node of the ring. NULL: there are too many. Takes name. */
struct cqli_host *cqli_host_add(struct cql_cluster *cluster, char *name, int port);
void cqli_host_rename(struct cqli_host *host, char *name, int port);
void cqli_host_retire(struct cqli_host *host);
void cqli_host_set_datacenter(struct cqli_host *host, bool remote, struct str name);
bool cqli_host_is_ready(const struct cqli_host *host);                      /* has it a connection that works? */
struct cqli_connection *cqli_host_connection(const struct cqli_host *host); /* one with room, NULL: none */
struct cqli_host *cqli_host_by_id(struct cql_cluster *cluster, const struct cqli_node_id *id);
void cqli_connect_slot(struct cqli_host *host, int slot);
/* Nothing is connected or connecting and a request wants to go: now rather than when the back-off says. */
void cqli_connect_now(struct cql_cluster *cluster);
/* Is none of the local datacenter's hosts connected to? */
bool cqli_local_is_away(const struct cql_cluster *cluster);
void cqli_connect_all(struct cql_cluster *cluster);
void cqli_hosts_tick(struct cql_cluster *cluster, int64_t now_ms, bool *busy);
void cqli_hosts_free(struct cql_cluster *cluster);
void cqli_cluster_ready(struct cql_cluster *cluster, struct cqli_connection *connection);
/* What SELECT … FROM system.local said. False: not this host. */
bool cqli_cluster_local(struct cql_cluster *cluster, struct cqli_host *host, struct str datacenter,
                        struct str release_version, struct str host_id, struct error *err);
void cqli_cluster_closed(struct cql_cluster *cluster, struct cqli_connection *connection);
/* The host said OVERLOADED to what was sent at sent_ms; it gave another answer. */
void cqli_host_overloaded(struct cqli_host *host, int64_t sent_ms, const struct error *err);
void cqli_host_answered(struct cqli_host *host);

/* ---- request.c ---- */

void cqli_request_start(struct cql_cluster *cluster, struct cql_request *request);
/* Sends what is due, and what waits if there is room. */
void cqli_requests_tick(struct cql_cluster *cluster, int64_t now_ms);
/* Room appeared. */
void cqli_start_waiting(struct cql_cluster *cluster);
/* A question of the client's own to one connection: asked once, within the time for connecting. The caller sets done and data. */
void cqli_own_query_init(struct cql_request *request, struct cql_cluster *cluster, const char *text);
static inline void cqli_cluster_stream_free(struct cql_cluster *cluster) {
    if (cluster->waiting) cqli_start_waiting(cluster);
}
/* Those who wait have lost an attempt. */
void cqli_fail_waiting(struct cql_cluster *cluster, const struct error *err);
/* The cluster closes. */
void cqli_cancel_all(struct cql_cluster *cluster, const struct error *err);
/* Is anything connected, or about to be? */
bool cqli_any_alive(const struct cql_cluster *cluster);
/* The request's attempt failed. */
void cqli_cluster_failed(struct cql_cluster *cluster, struct cql_request *request, const struct error *err,
                         enum cql_retry retry);
void cqli_cluster_done(struct cql_cluster *cluster, struct cqli_connection *connection, struct cql_request *request,
                       struct cql_response *response);
void cqli_request_finish(struct cql_request *request, struct cql_response *response, const struct error *err);
/* The answer takes its time: to another host as well, if there is one. */
void cqli_request_speculate(struct cql_cluster *cluster, struct cql_request *request);

/* ---- prepared.c ---- */

void cqli_prepared_free_all(struct cql_cluster *cluster);
/* The server does not know the statement `id` (any more). */
void cqli_cluster_reprepare(struct cql_cluster *cluster, struct cqli_connection *connection,
                            struct cql_request *request, struct str id, const struct error *err);
/* A statement was prepared on one host: on the others too. */
void cqli_prepare_elsewhere(struct cql_cluster *cluster, const struct cqli_host *host, struct str text);

/* ---- control.c ---- */

/* Takes the connection for control, reads the ring; the cluster is open at the end. */
void cqli_control_begin(struct cql_cluster *cluster, struct cqli_connection *connection);
void cqli_control_lost(struct cql_cluster *cluster, const struct cqli_connection *connection);
void cqli_control_event(struct cql_cluster *cluster, const struct cql_response *response);
void cqli_control_refresh(struct cql_cluster *cluster, int64_t in_ms);
void cqli_control_tick(struct cql_cluster *cluster, int64_t now_ms, bool *busy);
/* Of the token, in the local datacenter: at most CQLI_LOCAL_REPLICAS. 0: not known. */
int cqli_replicas(struct cql_cluster *cluster, const char *keyspace, int64_t token,
                  struct cqli_host *hosts[CQLI_LOCAL_REPLICAS]);
void cqli_ring_replace(struct cql_cluster *cluster, const struct cqli_host *old, struct cqli_host *host);
void cqli_ring_free(struct cqli_ring *ring);

/* ---- agreement.c ---- */

/* The schema was changed: the request ends when all hosts know of it. False: there is only one. */
bool cqli_agreement_begin(struct cql_cluster *cluster, struct cql_request *request, struct cql_response *response);
void cqli_agreements_tick(struct cql_cluster *cluster, int64_t now_ms, bool *busy);
void cqli_agreements_end(struct cql_cluster *cluster);

#endif
