/* Requests: to which connection, again with back-off, at the same time to another host.
 *
 * A request is in exactly one place: in the loop's inbox, in the streams of its attempts (several, when it speculates), in `waiting` (no
 * connection has room), in `resting` (its next attempt is due later), or held by what works for it (preparing, agreement). */
#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "cass/bytes.h"
#include "cql/cql_private.h"

/* ---- Ends ---- */

void cqli_request_finish(struct cql_request *request, struct cql_response *response, const struct error *err) {
    while (request->out_count) {
        struct cql_attempt *last = &request->out[request->out_count - 1];
        cqli_connection_abandon(last->connection, last->stream);
    }
    request->host = NULL;
    request->done(request, response, err);
}

static bool changed_schema(const struct cql_request *request, const struct cql_response *response) {
    return request->kind == CQL_REQUEST_QUERY && !request->idempotent && response->size_bytes >= 4 &&
           cass_load_u32(response->body) == CQL_RESULT_SCHEMA_CHANGE;
}

void cqli_cluster_done(struct cql_cluster *cluster, struct cqli_connection *connection, struct cql_request *request,
                       struct cql_response *response) {
    if (request->kind == CQL_REQUEST_PREPARE && !request->waiting && cluster->host_count > 1)
        cqli_prepare_elsewhere(cluster, connection->host, request->text);
    if (changed_schema(request, response) && cqli_agreement_begin(cluster, request, response)) return;
    cqli_request_finish(request, response, NULL);
}

/* The whole local datacenter is away, and there are others that nobody has allowed to take over. */
static bool could_go_elsewhere(const struct cql_cluster *cluster, const struct error *err) {
    bool lost = err->code == STATUS_UNREACHABLE || err->code == STATUS_TIMEOUT;
    return lost && !cluster->options.datacenter_failover && cluster->ring && cluster->ring->remote_count &&
           cqli_local_is_away(cluster);
}

static void fail_request(struct cql_cluster *cluster, struct cql_request *request, const struct error *why) {
    struct error err = *why;
    struct strbuf detail = {0};
    if (cluster->closing) error_set(&err, STATUS_CANCELLED, "the connection to Cassandra was closed");
    strbuf_puts(&detail, err.detail);
    if (could_go_elsewhere(cluster, &err)) {
        strbuf_printf(&detail, "%sno node of datacenter '%s' is connected", detail.len ? "; " : "",
                      cluster->datacenter);
        error_hint(&err,
                   "'nodetool status' says which nodes are down; with 'datacenter-failover' = 'true' those of other "
                   "datacenters are used meanwhile");
    }
    if (request->attempts > 1) strbuf_printf(&detail, "%stried %d times", detail.len ? "; " : "", request->attempts);
    if (detail.len) error_detail(&err, "%s", detail.data);
    strbuf_free(&detail);
    bool for_other = request->waiting && request->waiting != request; /* which has its own to say */
    if (request->table)
        error_prefix(&err, "Cassandra, table %s", request->table);
    else if (!for_other)
        error_prefix(&err, "Cassandra");
    cqli_request_finish(request, NULL, &err);
}

void cqli_cluster_failed(struct cql_cluster *cluster, struct cql_request *request, const struct error *err,
                         enum cql_retry retry) {
    bool again = retry == CQL_RETRY_ANYWAY || (retry == CQL_RETRY_IDEMPOTENT && request->idempotent);
    bool may_go_on = again || (retry == CQL_RETRY_IDEMPOTENT && request->repeatable);
    if (may_go_on && request->out_count && !cluster->closing) return; /* another attempt is under way: it decides */
    request->attempts++;
    int max_attempts = request->max_attempts ? request->max_attempts : cluster->options.max_attempts;
    if (!again || request->attempts >= max_attempts || cluster->closing) {
        fail_request(cluster, request, err);
        return;
    }
    int64_t rest_ms = cqli_backoff(request->attempts - 1, CQL_BACKOFF_MIN_MS, CQL_BACKOFF_MAX_MS);
    request->due_ms = cqli_now_ms(cluster) + cqli_jitter(cluster, rest_ms);
    request->reprepares = 0;
    struct cql_request **at = &cluster->resting;
    while (*at && (*at)->due_ms <= request->due_ms) at = &(*at)->next;
    request->next = *at;
    *at = request;
    cqli_keep_ticking(cluster);
}

/* ---- Which connection ---- */

/* What counts most first: not where it just failed; a host that is not overloaded; one that has the data. */
enum { ELSEWHERE = 4, CALM = 2, REPLICA = 1 };

struct choice {
    struct cqli_connection *best;
    int score;
};

static bool is_out_to(const struct cql_request *request, const struct cqli_host *host) {
    for (int i = 0; i < request->out_count; i++)
        if (((struct cqli_connection *)request->out[i].connection)->host == host) return true;
    return false;
}

/* The least loaded connection with room of the hosts with the highest score. */
static void consider(struct choice *choice, struct cqli_host *host, const struct cql_request *request, int64_t now,
                     int score) {
    int per_host = host->cluster->options.connections_per_host;
    if (host->retired || host->in_flight >= host->window || is_out_to(request, host)) return;
    if (host != request->host) score |= ELSEWHERE;
    if (host->window == INT_MAX || now >= host->avoid_until_ms) score |= CALM;
    int start = (int)(host->cluster->next_host % (unsigned)per_host);
    for (int i = 0; i < per_host; i++) {
        struct cqli_connection *c = host->connections[(start + i) % per_host];
        if (!c || !cqli_connection_has_room(c)) continue;
        if (!choice->best || score > choice->score ||
            (score == choice->score && c->in_flight < choice->best->in_flight)) {
            choice->best = c;
            choice->score = score;
        }
    }
}

/* Of the other datacenters one at a time: what was written with LOCAL_QUORUM in one need not be in the next. */
static void consider_remote(struct choice *choice, struct cql_cluster *cluster, const struct cql_request *request,
                            int start, int64_t now) {
    const char *datacenter = NULL;
    for (int i = 0; i < cluster->host_count; i++) {
        const struct cqli_host *host = cluster->hosts[i];
        if (host->remote && !host->retired && cqli_host_is_ready(host) &&
            (!datacenter || strcmp(host->datacenter, datacenter) < 0))
            datacenter = host->datacenter;
    }
    for (int i = 0; datacenter && i < cluster->host_count; i++) {
        struct cqli_host *host = cluster->hosts[(start + i) % cluster->host_count];
        if (host->remote && strcmp(host->datacenter, datacenter) == 0) consider(choice, host, request, now, 0);
    }
}

static struct cqli_connection *pick(struct cql_cluster *cluster, const struct cql_request *request) {
    struct choice choice = {NULL, 0};
    int64_t now = cqli_now_ms(cluster);
    int start = (int)(cluster->next_host++ % (unsigned)cluster->host_count);
    if (request->has_token && cluster->ring) {
        struct cqli_host *replicas[CQLI_LOCAL_REPLICAS];
        int count = cqli_replicas(cluster, request->keyspace, request->token, replicas);
        for (int i = 0; i < count; i++) consider(&choice, replicas[(start + i) % count], request, now, REPLICA);
        if (choice.score == (ELSEWHERE | CALM | REPLICA)) return choice.best;
    }
    for (int i = 0; i < cluster->host_count; i++) {
        struct cqli_host *host = cluster->hosts[(start + i) % cluster->host_count];
        if (!host->remote) consider(&choice, host, request, now, 0);
    }
    if (!choice.best && cluster->options.datacenter_failover && cqli_local_is_away(cluster))
        consider_remote(&choice, cluster, request, start, now);
    return choice.best;
}

bool cqli_any_alive(const struct cql_cluster *cluster) {
    for (int i = 0; i < cluster->host_count; i++) {
        const struct cqli_host *host = cluster->hosts[i];
        for (int slot = 0; slot < cluster->options.connections_per_host && !host->retired; slot++)
            if (host->connections[slot] && host->connections[slot]->phase != CQLI_CLOSED) return true;
    }
    return false;
}

/* ---- Start ---- */

static void wait_for_room(struct cql_cluster *cluster, struct cql_request *request) {
    request->next = NULL;
    *cluster->waiting_end = request;
    cluster->waiting_end = &request->next;
}

static void send_first(struct cqli_connection *c, struct cql_request *request) {
    request->speculations = 0;
    request->attempt_ms = cqli_now_ms(c->cluster);
    cqli_connection_send(c, request);
}

void cqli_request_start(struct cql_cluster *cluster, struct cql_request *request) {
    cqli_keep_ticking(cluster);
    if (cluster->closing) {
        fail_request(cluster, request, &cluster->last_error);
        return;
    }
    struct cqli_connection *c = cluster->waiting ? NULL : pick(cluster, request);
    if (c) {
        send_first(c, request);
        return;
    }
    if (!cluster->waiting && !cqli_any_alive(cluster)) cqli_connect_now(cluster);
    /* A closed connection whose struct still lives keeps its slot for a moment: its end calls cqli_start_waiting. */
    wait_for_room(cluster, request);
}

static struct cql_request *take_waiting(struct cql_cluster *cluster) {
    struct cql_request *all = cluster->waiting;
    cluster->waiting = NULL;
    cluster->waiting_end = &cluster->waiting;
    return all;
}

void cqli_start_waiting(struct cql_cluster *cluster) {
    while (cluster->waiting && !cluster->closing) {
        struct cqli_connection *c = pick(cluster, cluster->waiting);
        if (!c) return;
        struct cql_request *request = cluster->waiting;
        cluster->waiting = request->next;
        if (!cluster->waiting) cluster->waiting_end = &cluster->waiting;
        send_first(c, request);
    }
}

void cqli_fail_waiting(struct cql_cluster *cluster, const struct error *err) {
    for (struct cql_request *all = take_waiting(cluster); all;) {
        struct cql_request *request = all;
        all = all->next;
        cqli_cluster_failed(cluster, request, err, CQL_RETRY_ANYWAY);
    }
}

void cqli_cancel_all(struct cql_cluster *cluster, const struct error *err) {
    struct cql_request *lists[2] = {take_waiting(cluster), cluster->resting};
    cluster->resting = NULL;
    for (int i = 0; i < 2; i++)
        while (lists[i]) {
            struct cql_request *request = lists[i];
            lists[i] = request->next;
            fail_request(cluster, request, err);
        }
}

void cqli_requests_tick(struct cql_cluster *cluster, int64_t now) {
    while (cluster->resting && cluster->resting->due_ms <= now) {
        struct cql_request *request = cluster->resting;
        cluster->resting = request->next;
        cqli_request_start(cluster, request);
    }
    if (cluster->waiting) cqli_start_waiting(cluster); /* a window has room since a time-out */
}

void cqli_request_speculate(struct cql_cluster *cluster, struct cql_request *request) {
    if (cluster->waiting) return; /* everybody has enough to do */
    struct cqli_connection *c = pick(cluster, request);
    if (!c || (c->host->window != INT_MAX && cqli_now_ms(cluster) < c->host->avoid_until_ms)) return;
    request->speculations++;
    cqli_connection_send(c, request);
}

static void run_request(struct net_task *task) {
    struct cql_request *request = (struct cql_request *)((char *)task - offsetof(struct cql_request, task));
    cqli_request_start(request->cluster, request);
}

void cql_submit(struct cql_cluster *cluster, struct cql_request *request) {
    assert(request->done);
    request->cluster = cluster;
    request->attempts = request->reprepares = 0;
    request->error_code = -1;
    request->node_lost = false;
    request->host = NULL;
    request->waiting = NULL;
    request->out_count = request->speculations = 0;
    request->task.run = run_request;
    net_loop_submit(cluster->loop, &request->task);
}

void cql_request_init(struct cql_request *request, enum cql_request_kind kind) {
    *request = (struct cql_request){.kind = kind, .batch_type = CQL_BATCH_UNLOGGED, .error_code = -1};
    request->parameters.consistency = CQL_LOCAL_ONE;
    request->parameters.timestamp = CQL_NO_TIMESTAMP;
}

void cqli_own_query_init(struct cql_request *request, struct cql_cluster *cluster, const char *text) {
    cql_request_init(request, CQL_REQUEST_QUERY);
    request->cluster = cluster;
    request->text = str_from(text);
    request->idempotent = true;
    request->max_attempts = 1;
    request->timeout_ms = cluster->options.connect_timeout_ms;
    request->parameters.consistency = CQL_ONE;
    request->waiting = request;
}
