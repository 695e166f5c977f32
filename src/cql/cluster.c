/* The cluster handle: opening and closing, the timer, the blocking façade. Hosts are in hosts.c, requests in request.c. */
#include <assert.h>
#include <stdlib.h>

#include "cql/cql_private.h"

void cql_options_init(struct cql_options *options) {
    *options = (struct cql_options){
        .port = CQL_DEFAULT_PORT,
        .connections_per_host = CQL_DEFAULT_CONNECTIONS,
        .connect_timeout_ms = CQL_DEFAULT_CONNECT_TIMEOUT_MS,
        .request_timeout_ms = CQL_DEFAULT_REQUEST_TIMEOUT_MS,
        .heartbeat_ms = CQL_DEFAULT_HEARTBEAT_MS,
        .max_attempts = CQL_DEFAULT_ATTEMPTS,
    };
}

int64_t cqli_jitter(struct cql_cluster *cluster, int64_t ms) {
    cluster->seed = cluster->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return ms / 2 + (int64_t)((cluster->seed >> 33) % (uint64_t)(ms / 2 + 1));
}

int64_t cqli_backoff(int times, int64_t min_ms, int64_t max_ms) {
    int64_t ms = min_ms;
    for (int i = 0; i < times && ms < max_ms; i++) ms *= 2;
    return ms < max_ms ? ms : max_ms;
}

void cqli_cluster_set_state(struct cql_cluster *cluster, enum cqli_state state) {
    pthread_mutex_lock(&cluster->lock);
    cluster->state = state;
    pthread_cond_broadcast(&cluster->changed);
    pthread_mutex_unlock(&cluster->lock);
}

/* ---- The timer: fast while there is something to watch ---- */

static void on_tick(uv_timer_t *timer) {
    struct cql_cluster *cluster = timer->data;
    int64_t now = cqli_now_ms(cluster);
    bool busy = cluster->waiting != NULL;
    cqli_hosts_tick(cluster, now, &busy);
    cqli_control_tick(cluster, now, &busy);
    cqli_agreements_tick(cluster, now, &busy);
    cqli_requests_tick(cluster, now);
    busy |= cluster->resting || cluster->waiting;
    if (!busy && cluster->timer_open && !cluster->closing) {
        cluster->busy_tick = false;
        uv_timer_start(timer, on_tick, CQLI_IDLE_TICK_MS, CQLI_IDLE_TICK_MS);
    }
}

void cqli_keep_ticking(struct cql_cluster *cluster) {
    if (cluster->busy_tick || !cluster->timer_open || cluster->closing) return;
    cluster->busy_tick = true;
    uv_timer_start(&cluster->timer, on_tick, (uint64_t)cluster->tick_ms, (uint64_t)cluster->tick_ms);
}

/* ---- Opening and closing ---- */

static enum status parse_hosts(struct cql_cluster *cluster, struct error *err) {
    const char *p = cluster->options.hosts ? cluster->options.hosts : "";
    for (;;) {
        while (*p == ' ' || *p == ',') p++;
        if (!*p) break;
        const char *start = p, *end;
        if (*p == '[') {
            start = ++p;
            while (*p && *p != ']') p++;
            end = p;
            if (*p == ']') p++;
        } else {
            while (*p && *p != ',' && *p != ':' && *p != ' ') p++;
            end = p;
        }
        long port = cluster->options.port;
        if (*p == ':') {
            char *behind;
            port = strtol(p + 1, &behind, 10);
            if (behind == p + 1) port = 0;
            p = behind;
        }
        while (*p == ' ') p++;
        if (start == end || (*p && *p != ',') || port < 1 || port > 65535)
            return error_set(err, STATUS_INVALID_OPTION, "'hosts' shall be a list of host[:port], not '%s'",
                             cluster->options.hosts);
        if (cluster->host_count == CQL_MAX_HOSTS)
            return error_set(err, STATUS_INVALID_OPTION, "'hosts' names more than %d hosts", CQL_MAX_HOSTS);
        cqli_host_add(cluster, xstrndup(start, (size_t)(end - start)), (int)port)->contact = true;
    }
    if (!cluster->host_count) return error_set(err, STATUS_INVALID_OPTION, "'hosts' names no host");
    cluster->contact_count = cluster->host_count;
    return STATUS_OK;
}

static void free_cluster(struct cql_cluster *cluster) {
    cqli_prepared_free_all(cluster);
    cqli_hosts_free(cluster);
    cqli_ring_free(cluster->ring);
    free((char *)cluster->options.hosts);
    free((char *)cluster->options.username);
    free((char *)cluster->options.password);
    free((char *)cluster->options.local_datacenter);
    free((char *)cluster->options.proxy_host);
    net_tls_release(cluster->options.tls);
    pthread_mutex_destroy(&cluster->lock);
    pthread_cond_destroy(&cluster->changed);
    free(cluster);
}

static void start_opening(struct net_task *task) {
    struct cql_cluster *cluster = (struct cql_cluster *)((char *)task - offsetof(struct cql_cluster, task));
    uv_timer_init(net_loop_uv(cluster->loop), &cluster->timer);
    cluster->timer.data = cluster;
    cluster->timer_open = true;
    cqli_keep_ticking(cluster);
    cqli_connect_slot(cluster->hosts[0], 0);
}

static void stop_inside(struct net_task *task) {
    struct cql_cluster *cluster = (struct cql_cluster *)((char *)task - offsetof(struct cql_cluster, stop_task));
    net_loop_stop(cluster->loop);
    free_cluster(cluster);
}

void cqli_cluster_finish_close(struct cql_cluster *cluster) {
    if (cluster->open_connections || cluster->timer_open) return;
    if (cluster->detached) {
        /* Behind whatever callback this is. */
        cluster->stop_task.run = stop_inside;
        net_loop_submit(cluster->loop, &cluster->stop_task);
    } else {
        cqli_cluster_set_state(cluster, CQLI_ENDED);
    }
}

static void on_timer_closed(uv_handle_t *handle) {
    struct cql_cluster *cluster = handle->data;
    cluster->timer_open = false;
    cqli_cluster_finish_close(cluster);
}

static void start_closing(struct net_task *task) {
    struct cql_cluster *cluster = (struct cql_cluster *)((char *)task - offsetof(struct cql_cluster, task));
    struct error err;
    error_set(&err, STATUS_CANCELLED, "the connection to Cassandra was closed");
    cluster->closing = true;
    cluster->last_error = err;
    for (int i = 0; i < cluster->host_count; i++)
        for (int slot = 0; slot < cluster->options.connections_per_host; slot++)
            if (cluster->hosts[i]->connections[slot]) cqli_connection_close(cluster->hosts[i]->connections[slot], &err);
    cqli_agreements_end(cluster);
    cqli_cancel_all(cluster, &err);
    uv_close((uv_handle_t *)&cluster->timer, on_timer_closed);
}

void cql_cluster_shutdown(struct cql_cluster *cluster) {
    assert(!net_loop_is_current(cluster->loop));
    pthread_mutex_lock(&cluster->lock);
    bool begun = cluster->shut_down;
    cluster->shut_down = true;
    pthread_mutex_unlock(&cluster->lock);
    if (!begun) {
        cluster->task.run = start_closing;
        net_loop_submit(cluster->loop, &cluster->task);
    }
    pthread_mutex_lock(&cluster->lock);
    while (cluster->state != CQLI_ENDED) pthread_cond_wait(&cluster->changed, &cluster->lock);
    pthread_mutex_unlock(&cluster->lock);
}

static void close_cluster(struct cql_cluster *cluster) {
    if (!net_loop_is_current(cluster->loop)) {
        cql_cluster_shutdown(cluster);
        net_loop_stop(cluster->loop);
        free_cluster(cluster);
        return;
    }
    pthread_mutex_lock(&cluster->lock);
    bool begun = cluster->shut_down;
    cluster->shut_down = true;
    pthread_mutex_unlock(&cluster->lock);
    cluster->detached = true;
    if (!begun) {
        cluster->task.run = start_closing;
        net_loop_submit(cluster->loop, &cluster->task);
    } else if (cluster->state == CQLI_ENDED) {
        cluster->stop_task.run = stop_inside;
        net_loop_submit(cluster->loop, &cluster->stop_task);
    }
}

static char *copy_text(const char *text) { return text ? xstrdup(text) : NULL; }

enum status cql_cluster_open(const struct cql_options *options, struct cql_cluster **out, struct error *err) {
    struct cql_cluster *cluster = xcalloc(1, sizeof *cluster);
    cluster->options = *options;
    cluster->options.hosts = copy_text(options->hosts);
    cluster->options.username = copy_text(options->username);
    cluster->options.password = copy_text(options->password);
    cluster->options.local_datacenter = copy_text(options->local_datacenter);
    cluster->options.proxy_host = copy_text(options->proxy_host);
    cluster->options.tls = net_tls_retain(options->tls);
    if (cluster->options.connections_per_host < 1) cluster->options.connections_per_host = 1;
    if (cluster->options.connections_per_host > CQL_MAX_CONNECTIONS_PER_HOST)
        cluster->options.connections_per_host = CQL_MAX_CONNECTIONS_PER_HOST;
    if (cluster->options.max_attempts < 1) cluster->options.max_attempts = 1;
    if (cluster->options.speculative_max > CQL_MAX_SPECULATIONS)
        cluster->options.speculative_max = CQL_MAX_SPECULATIONS;
    cluster->tick_ms = CQLI_TICK_MS;
    if (cluster->options.speculative_delay_ms > 0 && cluster->options.speculative_delay_ms / 2 < CQLI_TICK_MS)
        cluster->tick_ms = cluster->options.speculative_delay_ms / 2 + 1;
    if (cluster->tick_ms < CQLI_MIN_TICK_MS) cluster->tick_ms = CQLI_MIN_TICK_MS;
    cluster->version = options->protocol_version ? options->protocol_version : CQL_MAX_VERSION;
    cluster->waiting_end = &cluster->waiting;
    cluster->seed = (uint64_t)(uintptr_t)cluster ^ (uint64_t)uv_hrtime();
    atomic_init(&cluster->references, 1);
    pthread_mutex_init(&cluster->lock, NULL);
    pthread_cond_init(&cluster->changed, NULL);
    enum status status = parse_hosts(cluster, err);
    if (status == STATUS_OK && (cluster->version < CQL_MIN_VERSION || cluster->version > CQL_MAX_VERSION))
        status =
            error_set(err, STATUS_INVALID_OPTION, "'protocol-version' is %d to %d", CQL_MIN_VERSION, CQL_MAX_VERSION);
    if (status == STATUS_OK) status = net_loop_start("cql", &cluster->loop, err);
    if (status != STATUS_OK) {
        free_cluster(cluster);
        return status;
    }
    cluster->task.run = start_opening;
    net_loop_submit(cluster->loop, &cluster->task);
    pthread_mutex_lock(&cluster->lock);
    while (cluster->state == CQLI_OPENING) pthread_cond_wait(&cluster->changed, &cluster->lock);
    bool failed = cluster->state == CQLI_FAILED;
    pthread_mutex_unlock(&cluster->lock);
    if (failed) {
        if (err) *err = cluster->open_error;
        status = cluster->open_error.code;
        close_cluster(cluster);
        return status;
    }
    *out = cluster;
    return STATUS_OK;
}

struct cql_cluster *cql_cluster_retain(struct cql_cluster *cluster) {
    atomic_fetch_add_explicit(&cluster->references, 1, memory_order_relaxed);
    return cluster;
}

void cql_cluster_release(struct cql_cluster *cluster) {
    if (cluster && atomic_fetch_sub_explicit(&cluster->references, 1, memory_order_acq_rel) == 1)
        close_cluster(cluster);
}

int cql_cluster_protocol(const struct cql_cluster *cluster) { return cluster->protocol; }
const char *cql_cluster_release_version(const struct cql_cluster *cluster) { return cluster->release_version; }
const char *cql_cluster_datacenter(const struct cql_cluster *cluster) { return cluster->datacenter; }
bool cql_cluster_fails_over(const struct cql_cluster *cluster) { return cluster->options.datacenter_failover; }
bool cql_cluster_routes(const struct cql_cluster *cluster) {
    return atomic_load_explicit(&cluster->routes, memory_order_relaxed);
}
bool cql_cluster_is_current(const struct cql_cluster *cluster) { return net_loop_is_current(cluster->loop); }

/* ---- Blocking ---- */

struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool done, failed;
    struct cql_response *response;
    struct error err;
};

static void wake_waiter(struct cql_request *request, struct cql_response *response, const struct error *err) {
    struct waiter *waiter = request->data;
    pthread_mutex_lock(&waiter->lock);
    waiter->done = true;
    waiter->response = response;
    waiter->failed = err != NULL;
    if (err) waiter->err = *err;
    pthread_cond_signal(&waiter->changed);
    pthread_mutex_unlock(&waiter->lock);
}

enum status cql_execute(struct cql_cluster *cluster, struct cql_request *request, struct cql_response **out,
                        struct error *err) {
    struct waiter waiter = {.done = false};
    assert(!net_loop_is_current(cluster->loop));
    pthread_mutex_init(&waiter.lock, NULL);
    pthread_cond_init(&waiter.changed, NULL);
    request->done = wake_waiter;
    request->data = &waiter;
    cql_submit(cluster, request);
    pthread_mutex_lock(&waiter.lock);
    while (!waiter.done) pthread_cond_wait(&waiter.changed, &waiter.lock);
    pthread_mutex_unlock(&waiter.lock);
    pthread_mutex_destroy(&waiter.lock);
    pthread_cond_destroy(&waiter.changed);
    if (waiter.failed) {
        if (err) *err = waiter.err;
        return waiter.err.code;
    }
    *out = waiter.response;
    return STATUS_OK;
}

enum status cql_query(struct cql_cluster *cluster, const char *text, const char *table, struct cql_response **out,
                      struct error *err) {
    struct cql_request request;
    cql_request_init(&request, CQL_REQUEST_QUERY);
    request.text = str_from(text);
    request.table = table;
    request.idempotent = strncmp(text, "SELECT", 6) == 0;
    struct cql_response *response;
    TRY(cql_execute(cluster, &request, &response, err));
    if (out)
        *out = response;
    else
        cql_response_free(response);
    return STATUS_OK;
}
