/* Hosts and the connections to them: who is connected to, how often it is tried again, how much each gets at a time.
 *
 * Contact points come first in cluster->hosts, then the nodes of the ring that are none of them. A contact point becomes a node when its
 * server says who it is, or when the ring has a node with its address. */
#include <assert.h>
#include <limits.h>
#include <stdlib.h>

#include "cql/cql_private.h"

/* ---- The list ---- */

void cqli_host_rename(struct cqli_host *host, char *name, int port) {
    free(host->name);
    host->name = name;
    host->port = port;
    struct strbuf address = {0};
    net_put_address(&address, name, port);
    snprintf(host->address, sizeof host->address, "%s", address.data);
    strbuf_free(&address);
}

static bool has_connections(const struct cqli_host *host) {
    for (int slot = 0; slot < host->cluster->options.connections_per_host; slot++)
        if (host->connections[slot]) return true;
    return false;
}

struct cqli_host *cqli_host_add(struct cql_cluster *cluster, char *name, int port) {
    struct cqli_host *host = NULL;
    int limit = CQL_MAX_HOSTS + CQL_MAX_POOLS;
    /* The place of one that has left. Requests may still know it as the host of their last attempt: only who it was, not what. */
    for (int i = cluster->contact_count; i < cluster->host_count && !host; i++)
        if (cluster->hosts[i]->retired && !has_connections(cluster->hosts[i])) host = cluster->hosts[i];
    if (!host && cluster->host_count == limit) {
        free(name);
        return NULL;
    }
    if (host)
        free(host->name);
    else
        host = cluster->hosts[cluster->host_count++] = xmalloc(sizeof *host);
    *host = (struct cqli_host){.cluster = cluster, .window = INT_MAX};
    cqli_host_rename(host, name, port);
    return host;
}

void cqli_hosts_free(struct cql_cluster *cluster) {
    for (int i = 0; i < cluster->host_count; i++) {
        free(cluster->hosts[i]->name);
        free(cluster->hosts[i]);
    }
}

struct cqli_host *cqli_host_by_id(struct cql_cluster *cluster, const struct cqli_node_id *id) {
    for (int i = 0; i < cluster->host_count; i++) {
        struct cqli_host *host = cluster->hosts[i];
        if (!host->retired && host->id.known && memcmp(host->id.bytes, id->bytes, sizeof id->bytes) == 0) return host;
    }
    return NULL;
}

void cqli_host_retire(struct cqli_host *host) {
    host->retired = true;
    host->in_ring = false;
    cqli_keep_ticking(host->cluster);
}

bool cqli_host_is_ready(const struct cqli_host *host) {
    for (int slot = 0; slot < host->cluster->options.connections_per_host; slot++)
        if (host->connections[slot] && host->connections[slot]->phase == CQLI_READY) return true;
    return false;
}

struct cqli_connection *cqli_host_connection(const struct cqli_host *host) {
    for (int slot = 0; slot < host->cluster->options.connections_per_host; slot++)
        if (host->connections[slot] && cqli_connection_has_room(host->connections[slot]))
            return host->connections[slot];
    return NULL;
}

/* ---- Connecting ---- */

void cqli_connect_slot(struct cqli_host *host, int slot) {
    assert(!host->connections[slot]);
    host->connections[slot] = cqli_connection_open(host, slot);
    host->cluster->open_connections++;
}

bool cqli_local_is_away(const struct cql_cluster *cluster) {
    for (int i = 0; i < cluster->host_count; i++) {
        const struct cqli_host *host = cluster->hosts[i];
        if (!host->remote && !host->retired && cqli_host_is_ready(host)) return false;
    }
    return true;
}

/* A contact point that may be a node by another name gets one connection until it is known; those of other datacenters get some while the
 * local one is away. */
static int wanted_connections(const struct cqli_host *host, bool local_is_away) {
    if (host->remote && !local_is_away) return 0;
    bool unknown = host->contact && !host->id.known && host->cluster->contact_count > 1 && !cqli_host_is_ready(host);
    return host->retired ? 0 : unknown ? 1 : host->cluster->options.connections_per_host;
}

static void fill_pool(struct cqli_host *host, bool local_is_away) {
    for (int i = 0; i < wanted_connections(host, local_is_away); i++)
        if (!host->connections[i]) cqli_connect_slot(host, i);
}

void cqli_connect_all(struct cql_cluster *cluster) {
    bool away = cqli_local_is_away(cluster);
    for (int i = 0; i < cluster->host_count; i++) fill_pool(cluster->hosts[i], away);
}

void cqli_connect_now(struct cql_cluster *cluster) {
    bool away = cqli_local_is_away(cluster);
    for (int i = 0; i < cluster->host_count; i++) {
        struct cqli_host *host = cluster->hosts[i];
        if (wanted_connections(host, away) && !host->connections[0]) cqli_connect_slot(host, 0);
    }
}

void cqli_cluster_ready(struct cql_cluster *cluster, struct cqli_connection *connection) {
    struct cqli_host *host = connection->host;
    host->failures = 0;
    if (host->retired) return; /* the next tick closes it */
    if (cluster->state == CQLI_OPENING) {
        cqli_control_begin(cluster, connection);
        return;
    }
    fill_pool(host, cqli_local_is_away(cluster));
    if (!cluster->control.connection) cqli_control_begin(cluster, connection);
    cqli_start_waiting(cluster);
}

/* The host is the node of this id. False: that node is connected to already, by another name. */
static bool identify(struct cqli_host *host, struct str host_id) {
    struct cql_cluster *cluster = host->cluster;
    struct cqli_node_id id = {.known = true};
    if (host_id.len != sizeof id.bytes) return true;
    memcpy(id.bytes, host_id.data, sizeof id.bytes);
    if (host->id.known && memcmp(host->id.bytes, id.bytes, sizeof id.bytes) != 0) {
        if (cqli_host_is_ready(host)) return true; /* a name for several nodes: the first one counts */
        host->id.known = false;                    /* another node at its address */
        cqli_control_refresh(cluster, 0);
    }
    struct cqli_host *other = cqli_host_by_id(cluster, &id);
    if (other && other != host) {
        if (cqli_host_is_ready(other)) return false;
        host->in_ring = other->in_ring;
        memcpy(host->inet, other->inet, sizeof host->inet);
        host->inet_len = other->inet_len;
        host->inet_port = other->inet_port;
        cqli_ring_replace(cluster, other, host);
        cqli_host_retire(other);
    }
    host->id = id;
    return true;
}

void cqli_host_set_datacenter(struct cqli_host *host, bool remote, struct str name) {
    host->remote = remote;
    snprintf(host->datacenter, sizeof host->datacenter, "%.*s", (int)name.len, name.data);
}

/* May the host be used, which is in this datacenter? wanted: the local one, NULL: whichever this is. While opening the contact points in other
 * datacenters have their turn when all the others have had theirs. */
static bool check_datacenter(struct cql_cluster *cluster, struct cqli_host *host, const char *wanted,
                             struct str datacenter, struct error *err) {
    bool local = !wanted || str_equal(datacenter, str_from(wanted)), known = host->remote;
    bool may_take_over = cluster->options.datacenter_failover && !cluster->options.proxy_host;
    if (local || may_take_over) cqli_host_set_datacenter(host, !local, datacenter);
    if (local || (may_take_over && (known || cluster->state != CQLI_OPENING))) return true;
    if (!may_take_over) cqli_host_retire(host);
    error_set(err, STATUS_UNREACHABLE, "the server is in datacenter '%.*s', not in '%s'", (int)datacenter.len,
              datacenter.data, wanted);
    error_hint(err, "check the option 'local-datacenter'; with 'datacenter-failover' = 'true' others are used while it "
                    "cannot be reached");
    return false;
}

bool cqli_cluster_local(struct cql_cluster *cluster, struct cqli_host *host, struct str datacenter,
                        struct str release_version, struct str host_id, struct error *err) {
    const char *wanted = cluster->options.local_datacenter;
    if (!wanted && cluster->state != CQLI_OPENING) wanted = cluster->datacenter;
    if (!check_datacenter(cluster, host, wanted, datacenter, err)) return false;
    if (!identify(host, host_id)) {
        cqli_host_retire(host);
        error_set(err, STATUS_UNREACHABLE, "the server is connected to by another name");
        return false;
    }
    if (cluster->state == CQLI_OPENING) { /* nobody reads them before it is open, and they stay */
        struct str local = wanted ? str_from(wanted) : datacenter;
        snprintf(cluster->datacenter, sizeof cluster->datacenter, "%.*s", (int)local.len, local.data);
        snprintf(cluster->release_version, sizeof cluster->release_version, "%.*s", (int)release_version.len,
                 release_version.data);
    }
    return true;
}

static struct cqli_host *next_contact(struct cql_cluster *cluster) {
    while (++cluster->opening_host < 2 * cluster->contact_count) {
        struct cqli_host *host = cluster->hosts[cluster->opening_host % cluster->contact_count];
        if (cluster->opening_host < cluster->contact_count || host->remote) return host;
    }
    return NULL;
}

/* The attempt to open goes on with the next contact point, or fails. */
static void open_next(struct cql_cluster *cluster, const struct error *err) {
    bool hopeless = err && err->code == STATUS_AUTHENTICATION;
    struct cqli_host *host = hopeless ? NULL : next_contact(cluster);
    if (host) {
        cqli_connect_slot(host, 0);
        return;
    }
    cluster->open_error = *err;
    error_prefix(&cluster->open_error, "cannot connect to Cassandra");
    if (!hopeless && cluster->contact_count > 1)
        error_detail(&cluster->open_error, "the last of %d hosts that were tried", cluster->contact_count);
    cqli_cluster_set_state(cluster, CQLI_FAILED);
}

static void free_connection(struct cqli_connection *connection) {
    cql_response_free(connection->incoming);
    strbuf_free(&connection->envelopes);
    strbuf_free(&connection->wire);
    strbuf_free(&connection->body);
    strbuf_free(&connection->packed);
    free(connection->buf);
    free(connection->scratch);
    free(connection);
}

/* The struct is done with: nothing refers to it but the host. */
void cqli_cluster_closed(struct cql_cluster *cluster, struct cqli_connection *connection) {
    struct cqli_host *host = connection->host;
    host->connections[connection->slot] = NULL;
    cluster->open_connections--;
    struct error err = connection->error;
    bool downgrade = connection->downgrade;
    if (downgrade) cluster->version = connection->version;
    int slot = connection->slot;
    cqli_control_lost(cluster, connection);
    free_connection(connection);

    if (cluster->closing) {
        cqli_cluster_finish_close(cluster);
        return;
    }
    if (downgrade && !host->retired) {
        cqli_connect_slot(host, slot);
        return;
    }
    if (cluster->state == CQLI_OPENING) {
        cluster->last_error = err;
        open_next(cluster, &err);
        return;
    }
    if (!host->retired) {
        cluster->last_error = err;
        int64_t rest_ms = cqli_backoff(host->failures, 2 * CQL_BACKOFF_MIN_MS, CQL_RECONNECT_MAX_MS);
        host->failures++;
        host->reconnect_at_ms = cqli_now_ms(cluster) + cqli_jitter(cluster, rest_ms);
    }
    if (!cluster->waiting) return;
    if (cqli_any_alive(cluster))
        cqli_start_waiting(cluster);
    else /* nobody is there for those who wait: an attempt is used up */
        cqli_fail_waiting(cluster, &cluster->last_error);
}

static void tick_host(struct cqli_host *host, int64_t now, bool local_is_away, bool *busy) {
    struct cql_cluster *cluster = host->cluster;
    int wanted = wanted_connections(host, local_is_away);
    for (int slot = 0; slot < cluster->options.connections_per_host; slot++) {
        struct cqli_connection *c = host->connections[slot];
        if (c && !wanted && c->phase == CQLI_READY && !c->in_flight) {
            cqli_connection_close(c, NULL);
        } else if (c) {
            cqli_connection_tick(c, now);
            *busy |= c->phase != CQLI_READY || c->in_flight || c->orphans || c->heartbeat_deadline_ms;
        } else if (slot < wanted) {
            *busy = true;
            if (cluster->state != CQLI_OPEN || now < host->reconnect_at_ms) continue;
            cqli_connect_slot(host, slot);
            /* One at a time until the host is known to be back. */
            if (host->failures) host->reconnect_at_ms = now + cluster->options.connect_timeout_ms;
        }
    }
}

void cqli_hosts_tick(struct cql_cluster *cluster, int64_t now, bool *busy) {
    bool away = cqli_local_is_away(cluster);
    for (int i = 0; i < cluster->host_count; i++) tick_host(cluster->hosts[i], now, away, busy);
}

/* ---- Overload ---- */

void cqli_host_overloaded(struct cqli_host *host, int64_t sent_ms, const struct error *err) {
    struct cql_cluster *cluster = host->cluster;
    if (host->overload_rounds && sent_ms <= host->cut_ms) return; /* said of what was sent before: one round */
    int64_t now = cqli_now_ms(cluster);
    int half = (host->in_flight + 1) / 2; /* this one is no longer counted */
    host->window = half > CQL_MIN_WINDOW ? half : CQL_MIN_WINDOW;
    host->cut_ms = now;
    host->calm_answers = 0;
    int64_t rest_ms = cqli_backoff(host->overload_rounds++, CQL_BACKOFF_MIN_MS, CQL_BACKOFF_MAX_MS);
    host->avoid_until_ms = now + cqli_jitter(cluster, rest_ms);
    if (host->overload_rounds == 1 || !cluster->waiting) return;
    /* Nothing but that, again. Those who wait wait for such hosts; they would hear the same. */
    for (int i = 0; i < cluster->host_count; i++)
        if (cluster->hosts[i]->overload_rounds < 2 && cqli_host_is_ready(cluster->hosts[i])) return;
    cqli_fail_waiting(cluster, err);
}

void cqli_host_answered(struct cqli_host *host) {
    host->overload_rounds = 0;
    if (host->window == INT_MAX || ++host->calm_answers < host->window) return;
    host->calm_answers = 0;
    host->avoid_until_ms = 0;
    if (++host->window > CQL_MAX_STREAMS * host->cluster->options.connections_per_host) host->window = INT_MAX;
}
