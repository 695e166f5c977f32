/* The control connection: who is in the cluster, what lies where.
 *
 * One connection of the pools is told of events and asked for system.local, system.peers_v2 (before 4.0: system.peers) and the
 * keyspaces' replication. From that a new ring is made and the list of hosts brought in line. Events are hints: that a node comes, goes
 * or that a keyspace was changed makes us look again, soon; UP connects at once, DOWN asks for a sign of life. When the
 * connection breaks, the next one that works takes over and everything is read again. */
#include <stdlib.h>
#include <uv.h>

#include "cass/bytes.h"
#include "cql/cql_private.h"

static const char *const queries[CQLI_QUERIES] = {
    "SELECT host_id, data_center, rack, tokens, rpc_address, partitioner FROM system.local WHERE key = 'local'",
    "SELECT host_id, data_center, rack, tokens, native_address, peer, native_port FROM system.peers_v2",
    "SELECT keyspace_name, replication FROM system_schema.keyspaces"};
static const char old_peers_query[] = "SELECT host_id, data_center, rack, tokens, rpc_address, peer FROM system.peers";
static const int column_counts[CQLI_QUERIES] = {6, 7, 2};
enum { OLD_PEERS_COLUMNS = 6, MAX_COLUMNS = 7 };

/* ---- Rows ---- */

struct table {
    struct cql_rows rows;
    uint32_t *offsets;
    int column_count;
};

/* False: there is no answer, or it is not what was asked for. */
static bool open_table(const struct cql_response *response, int column_count, struct arena *arena, struct table *out) {
    *out = (struct table){.column_count = column_count};
    if (!response || cql_read_rows(response, arena, &out->rows, NULL) != STATUS_OK) return false;
    if (out->rows.columns && out->rows.column_count != column_count) return false;
    out->offsets = ARENA_ARRAY(arena, uint32_t, out->rows.row_count + 1);
    return cql_index_rows(&out->rows, column_count, out->offsets, NULL) == STATUS_OK;
}

static void read_row(const struct table *table, int row, struct str cells[MAX_COLUMNS]) {
    struct cass_reader r =
        cass_reader_over(table->rows.cells + table->offsets[row], table->offsets[row + 1] - table->offsets[row]);
    for (int i = 0; i < table->column_count; i++) cells[i] = cass_read_bytes(&r);
}

/* ---- The ring ---- */

void cqli_ring_free(struct cqli_ring *ring) {
    if (!ring) return;
    for (int i = 0; i < ring->keyspace_count; i++) {
        free(ring->keyspaces[i].replicas);
        free(ring->keyspaces[i].counts);
    }
    struct arena arena = ring->arena;
    arena_destroy(&arena);
}

void cqli_ring_replace(struct cql_cluster *cluster, const struct cqli_host *old, struct cqli_host *host) {
    for (int i = 0; cluster->ring && i < cluster->ring->ring.node_count; i++)
        if (cluster->ring->hosts[i] == old) cluster->ring->hosts[i] = host;
}

/* Who holds what in a keyspace, for all tokens. */
static void place(const struct cqli_ring *ring, struct cqli_keyspace *keyspace) {
    int nodes[CQL_MAX_REPLICAS], room = 1;
    for (int i = 0; i < keyspace->replication.datacenter_count; i++)
        if (keyspace->replication.datacenters[i].factor > room) room = keyspace->replication.datacenters[i].factor;
    if (keyspace->replication.factor > room) room = keyspace->replication.factor;
    if (room > CQLI_LOCAL_REPLICAS) room = CQLI_LOCAL_REPLICAS;
    int tokens = ring->ring.token_count;
    keyspace->replica_room = room;
    keyspace->replicas = xmalloc(sizeof *keyspace->replicas * (size_t)room * (size_t)tokens);
    keyspace->counts = xcalloc((size_t)tokens, 1);
    for (int at = 0; at < tokens; at++) {
        int count = cql_ring_replicas(&ring->ring, &keyspace->replication, at, nodes);
        for (int i = 0; i < count && keyspace->counts[at] < room; i++)
            if (ring->hosts[nodes[i]])
                keyspace->replicas[(size_t)at * (size_t)room + keyspace->counts[at]++] = (uint16_t)nodes[i];
    }
}

int cqli_replicas(struct cql_cluster *cluster, const char *name, int64_t token,
                  struct cqli_host *hosts[CQLI_LOCAL_REPLICAS]) {
    struct cqli_ring *ring = cluster->ring;
    if (!ring->ring.token_count || ring->host_count < 2) return 0;
    struct cqli_keyspace *keyspace = NULL;
    for (int i = 0; i < ring->keyspace_count && !keyspace; i++)
        if (strcmp(ring->keyspaces[i].name, name) == 0) keyspace = &ring->keyspaces[i];
    if (!keyspace) return 0;
    if (!keyspace->replicas) place(ring, keyspace);
    int at = cql_ring_find(&ring->ring, token), count = keyspace->counts[at];
    const uint16_t *nodes = &keyspace->replicas[(size_t)at * (size_t)keyspace->replica_room];
    for (int i = 0; i < count; i++) hosts[i] = ring->hosts[nodes[i]];
    return count;
}

int cql_cluster_ring(struct cql_cluster *cluster, struct arena *arena, int64_t **ends, int **owners) {
    pthread_mutex_lock(&cluster->lock);
    const struct cqli_ring *ring = cluster->ring;
    int count = ring && ring->host_count > 1 ? ring->ring.token_count : 0;
    *ends = ARENA_ARRAY(arena, int64_t, count);
    *owners = ARENA_ARRAY(arena, int, count);
    for (int i = 0; i < count; i++) {
        (*ends)[i] = ring->ring.tokens[i].token;
        (*owners)[i] = ring->ring.tokens[i].node;
    }
    pthread_mutex_unlock(&cluster->lock);
    return count;
}

/* ---- Hosts of the ring ---- */

struct node {
    struct cqli_node_id id;
    struct str datacenter, rack, tokens, address;
    int port;
};

static bool is_wildcard(struct str address) {
    for (size_t i = 0; i < address.len; i++)
        if (address.data[i]) return false;
    return true;
}

static bool is_address(struct str cell) { return cell.len == 4 || cell.len == 16; }

/* A row of a node that takes part: with an id, a place, and where it can be reached. */
static bool read_node(const struct str *cells, bool peer, int port, struct node *out) {
    *out =
        (struct node){.datacenter = cells[1], .rack = cells[2], .tokens = cells[3], .address = cells[4], .port = port};
    if (cells[0].len != sizeof out->id.bytes || !cells[1].data || !cells[2].data || !cells[3].data) return false;
    memcpy(out->id.bytes, cells[0].data, sizeof out->id.bytes);
    out->id.known = true;
    if (!peer) return true;
    if (!is_address(out->address) || is_wildcard(out->address)) out->address = cells[5];
    return is_address(out->address);
}

static char *host_name(const struct cql_cluster *cluster, const struct node *node) {
    char text[64];
    if (cluster->options.proxy_host) { /* its names are ids */
        const uint8_t *b = node->id.bytes;
        int len = 0;
        for (int i = 0; i < 16; i++) {
            bool dash = i == 4 || i == 6 || i == 8 || i == 10;
            len += snprintf(text + len, sizeof text - (size_t)len, dash ? "-%02x" : "%02x", b[i]);
        }
    } else {
        uv_inet_ntop(node->address.len == 4 ? AF_INET : AF_INET6, node->address.data, text, sizeof text);
    }
    return xstrdup(text);
}

/* A contact point that is the node, by its name. */
static struct cqli_host *find_contact(struct cql_cluster *cluster, const char *name, int port) {
    for (int i = 0; i < cluster->contact_count; i++) {
        struct cqli_host *host = cluster->hosts[i];
        bool same_port = host->port == port || cluster->options.proxy_host;
        if (!host->retired && !host->id.known && same_port && strcmp(host->name, name) == 0) return host;
    }
    return NULL;
}

static struct cqli_host *host_of(struct cql_cluster *cluster, const struct node *node) {
    struct cqli_host *host = cqli_host_by_id(cluster, &node->id);
    char *name = host_name(cluster, node);
    bool moved = host && (strcmp(host->name, name) != 0 || host->port != node->port) && !cluster->options.proxy_host &&
                 !cqli_host_is_ready(host);
    if (!host) host = find_contact(cluster, name, node->port);
    if (!host) {
        host = cqli_host_add(cluster, name, node->port);
        if (!host) return NULL;
    } else if (moved && (!host->contact || host->failures >= CQLI_FORGIVEN_FAILURES)) {
        cqli_host_rename(host, name, node->port);
        host->contact = false;
    } else {
        free(name);
    }
    host->id = node->id;
    return host;
}

static void set_inet(struct cqli_host *host, const struct node *node) {
    if (!is_address(node->address)) return;
    host->inet_len = (int)node->address.len;
    host->inet_port = node->port;
    memcpy(host->inet, node->address.data, node->address.len);
}

/* ---- Reading ---- */

struct reading {
    struct cql_cluster *cluster;
    struct cqli_ring *ring;
    int token_room;
    int remote_hosts;
    bool tokens_bad; /* too many, or of another partitioner */
};

static bool may_take_over(const struct reading *reading) {
    const struct cql_options *options = &reading->cluster->options;
    return options->datacenter_failover && !options->proxy_host && reading->remote_hosts < CQL_MAX_REMOTE;
}

static void add_node(struct reading *reading, const struct node *node, struct cqli_host *host) {
    struct cqli_ring *ring = reading->ring;
    int number = ring->ring.node_count++;
    ring->ring.nodes[number] = (struct cql_ring_node){
        .datacenter = arena_strndup(&ring->arena, node->datacenter.data, node->datacenter.len),
        .rack = arena_strndup(&ring->arena, node->rack.data, node->rack.len),
    };
    bool local = str_equal(node->datacenter, str_from(reading->cluster->datacenter));
    if (!host && (local || may_take_over(reading))) host = host_of(reading->cluster, node);
    if (!local) ring->remote_count++;
    if (host) {
        set_inet(host, node);
        cqli_host_set_datacenter(host, !local, node->datacenter);
        host->seen = true;
        reading->remote_hosts += !local;
    }
    if (host && local) {
        ring->hosts[number] = host;
        ring->host_count++;
    }
    if (!cql_ring_add_tokens(&ring->ring, reading->token_room, number, node->tokens)) reading->tokens_bad = true;
}

/* Murmur3Partitioner's tokens are what we compute. */
static bool is_murmur3(struct str partitioner) {
    static const char name[] = "Murmur3Partitioner";
    size_t len = sizeof name - 1;
    return partitioner.len >= len && memcmp(partitioner.data + partitioner.len - len, name, len) == 0;
}

static int count_tokens(const struct table *table) {
    struct str cells[MAX_COLUMNS];
    int64_t count = 0;
    for (int row = 0; row < table->rows.row_count; row++) {
        read_row(table, row, cells);
        if (cells[3].len >= 4) count += (int64_t)cells[3].len / 5; /* a length and a digit each, at least */
    }
    return (int)(count < CQL_MAX_RING_TOKENS ? count : CQL_MAX_RING_TOKENS);
}

static void read_nodes(struct reading *reading, const struct table *local, const struct table *peers) {
    struct cql_cluster *cluster = reading->cluster;
    struct cqli_ring *ring = reading->ring;
    struct cqli_host *self = cluster->control.connection->host;
    struct str cells[MAX_COLUMNS];
    struct node node;
    int room = 1 + peers->rows.row_count;
    ring->ring.nodes = ARENA_ARRAY(&ring->arena, struct cql_ring_node, room);
    ring->hosts = ARENA_ARRAY(&ring->arena, struct cqli_host *, room);
    reading->token_room = count_tokens(local) + count_tokens(peers);
    ring->ring.tokens = ARENA_ARRAY(&ring->arena, struct cql_ring_token, reading->token_room);
    if (local->rows.row_count == 1) {
        read_row(local, 0, cells);
        reading->tokens_bad |= !is_murmur3(cells[5]);
        if (read_node(cells, false, self->port, &node)) {
            self->id = node.id;
            add_node(reading, &node, self);
        }
    }
    for (int row = 0; row < peers->rows.row_count && ring->ring.node_count < CQL_MAX_RING_NODES; row++) {
        read_row(peers, row, cells);
        bool has_port = peers->column_count > OLD_PEERS_COLUMNS && cells[6].len == 4;
        int port = has_port ? (int)cass_load_u32(cells[6].data) : self->port;
        if (read_node(cells, true, port, &node)) add_node(reading, &node, NULL);
    }
    if (reading->tokens_bad) ring->ring.token_count = 0;
    cql_ring_finish(&ring->ring, &ring->arena);
}

static void read_keyspaces(struct cqli_ring *ring, const struct table *table) {
    struct str cells[MAX_COLUMNS];
    ring->keyspaces = ARENA_ARRAY(&ring->arena, struct cqli_keyspace, table->rows.row_count);
    for (int row = 0; row < table->rows.row_count; row++) {
        read_row(table, row, cells);
        struct cqli_keyspace *keyspace = &ring->keyspaces[ring->keyspace_count++];
        keyspace->name = arena_strndup(&ring->arena, cells[0].data, cells[0].len);
        cql_replication_read(cells[1], &ring->arena, &keyspace->replication);
    }
}

/* The ring goes into use; hosts that were in the last one and are not in this one go. */
static void put_ring(struct cql_cluster *cluster, struct cqli_ring *ring) {
    struct cqli_ring *old = cluster->ring;
    pthread_mutex_lock(&cluster->lock);
    cluster->ring = ring;
    pthread_mutex_unlock(&cluster->lock);
    atomic_store_explicit(&cluster->routes, ring->host_count > 1 && ring->ring.token_count > 0, memory_order_relaxed);
    cqli_ring_free(old);
    for (int i = 0; i < cluster->host_count; i++) {
        struct cqli_host *host = cluster->hosts[i];
        if (host->in_ring && !host->seen) cqli_host_retire(host);
        if (host->seen) host->in_ring = true;
        host->seen = false;
    }
}

static bool read_ring(struct cql_cluster *cluster) {
    struct cqli_control *control = &cluster->control;
    struct arena arena;
    arena_init(&arena, NULL);
    struct cqli_ring *ring = ARENA_NEW(&arena, struct cqli_ring);
    struct reading reading = {.cluster = cluster, .ring = ring};
    struct table local, peers, keyspaces;
    int peer_columns = control->old_peers ? OLD_PEERS_COLUMNS : column_counts[CQLI_QUERY_PEERS];
    bool whole = open_table(control->answers[CQLI_QUERY_LOCAL], column_counts[CQLI_QUERY_LOCAL], &arena, &local) &&
                 open_table(control->answers[CQLI_QUERY_PEERS], peer_columns, &arena, &peers) &&
                 open_table(control->answers[CQLI_QUERY_KEYSPACES], 2, &arena, &keyspaces);
    ring->arena = arena;
    if (!whole) {
        cqli_ring_free(ring);
        return false;
    }
    read_nodes(&reading, &local, &peers);
    read_keyspaces(ring, &keyspaces);
    put_ring(cluster, ring);
    return true;
}

/* ---- Asking ---- */

static void on_answer(struct cql_request *request, struct cql_response *response, const struct error *err);

static void ask(struct cql_cluster *cluster, int query, const char *text) {
    struct cqli_control *control = &cluster->control;
    struct cql_request *request = &control->requests[query];
    cqli_own_query_init(request, cluster, text);
    request->done = on_answer;
    request->data = cluster;
    cqli_connection_send(control->connection, request);
}

static void begin_reading(struct cql_cluster *cluster) {
    struct cqli_control *control = &cluster->control;
    if (control->reading) {
        control->again = true;
        return;
    }
    if (control->connection->free_count < CQLI_QUERIES) { /* busy: a moment later */
        control->read_at_ms = cqli_now_ms(cluster) + CQLI_TICK_MS;
        return;
    }
    control->reading = true;
    control->again = false;
    control->read_at_ms = 0;
    control->pending = CQLI_QUERIES;
    for (int i = 0; i < CQLI_QUERIES; i++)
        ask(cluster, i, i == CQLI_QUERY_PEERS && control->old_peers ? old_peers_query : queries[i]);
}

/* Through another datacenter, which knows nothing of the local one: its name is wrong. */
static bool has_no_local_node(const struct cql_cluster *cluster) {
    return cluster->control.connection->host->remote && cluster->ring && !cluster->ring->host_count;
}

static void open_cluster(struct cql_cluster *cluster) {
    if (has_no_local_node(cluster)) {
        error_set(&cluster->open_error, STATUS_UNREACHABLE,
                  "cannot connect to Cassandra: %s knows of no node in datacenter '%s', only of others such as '%s'",
                  cluster->control.connection->host->address, cluster->datacenter,
                  cluster->control.connection->host->datacenter);
        error_hint(&cluster->open_error, "check the option 'local-datacenter'");
        cqli_cluster_set_state(cluster, CQLI_FAILED);
        return;
    }
    cluster->protocol = cluster->control.connection->version;
    cqli_cluster_set_state(cluster, CQLI_OPEN);
}

static void end_reading(struct cql_cluster *cluster) {
    struct cqli_control *control = &cluster->control;
    bool alive = control->connection && control->connection->phase == CQLI_READY;
    control->reading = false;
    bool read = alive && !cluster->closing && read_ring(cluster);
    for (int i = 0; i < CQLI_QUERIES; i++) {
        cql_response_free(control->answers[i]);
        control->answers[i] = NULL;
    }
    if (!alive || cluster->closing) return; /* the next connection begins again */
    if (control->again)
        cqli_control_refresh(cluster, 0);
    else if (!read)
        cqli_control_refresh(cluster, CQL_REFRESH_RETRY_MS);
    if (cluster->state == CQLI_OPENING) open_cluster(cluster); /* without a ring too: by the contact points alone */
    if (cluster->state != CQLI_OPEN) return;
    cqli_connect_all(cluster);
    cqli_start_waiting(cluster);
}

static void on_answer(struct cql_request *request, struct cql_response *response, const struct error *err) {
    struct cql_cluster *cluster = request->data;
    struct cqli_control *control = &cluster->control;
    int query = (int)(request - control->requests);
    if (err && query == CQLI_QUERY_PEERS && request->error_code == CQL_INVALID && !control->old_peers &&
        control->connection && cqli_connection_has_room(control->connection)) {
        control->old_peers = true;
        ask(cluster, query, old_peers_query);
        return;
    }
    control->answers[query] = response;
    if (--control->pending == 0) end_reading(cluster);
}

/* ---- The connection ---- */

void cqli_control_begin(struct cql_cluster *cluster, struct cqli_connection *connection) {
    struct cqli_control *control = &cluster->control;
    control->connection = connection;
    control->old_peers = false;
    cqli_connection_register(connection);
    begin_reading(cluster);
}

void cqli_control_lost(struct cql_cluster *cluster, const struct cqli_connection *connection) {
    if (cluster->control.connection == connection) cluster->control.connection = NULL;
}

void cqli_control_refresh(struct cql_cluster *cluster, int64_t in_ms) {
    struct cqli_control *control = &cluster->control;
    int64_t at = cqli_now_ms(cluster) + in_ms;
    if (!control->read_at_ms || at < control->read_at_ms) control->read_at_ms = at;
    cqli_keep_ticking(cluster);
}

void cqli_control_tick(struct cql_cluster *cluster, int64_t now, bool *busy) {
    struct cqli_control *control = &cluster->control;
    if (cluster->state != CQLI_OPEN) return;
    if (control->connection && control->connection->host->retired && !control->reading) control->connection = NULL;
    for (int i = 0; i < cluster->host_count && !control->connection && !control->reading; i++) {
        struct cqli_host *host = cluster->hosts[i];
        struct cqli_connection *c = host->retired ? NULL : cqli_host_connection(host);
        if (c) cqli_control_begin(cluster, c);
    }
    if (control->connection && control->read_at_ms && now >= control->read_at_ms) begin_reading(cluster);
    *busy |= !control->connection || control->reading || control->read_at_ms;
}

/* ---- Events ---- */

static struct cqli_host *host_at(struct cql_cluster *cluster, const struct cql_event *event) {
    for (int i = 0; i < cluster->host_count; i++) {
        struct cqli_host *host = cluster->hosts[i];
        if (!host->retired && host->inet_len == (int)event->address.len && host->inet_port == event->port &&
            memcmp(host->inet, event->address.data, event->address.len) == 0)
            return host;
    }
    return NULL;
}

static void status_changed(struct cql_cluster *cluster, const struct cql_event *event) {
    struct cqli_host *host = host_at(cluster, event);
    int64_t now = cqli_now_ms(cluster);
    if (!host) { /* of another datacenter, or a new one */
        cqli_control_refresh(cluster, CQL_REFRESH_DEBOUNCE_MS);
    } else if (str_equal(event->change, str_from("UP"))) {
        host->failures = 0;
        host->reconnect_at_ms = now;
        cqli_keep_ticking(cluster);
    } else if (str_equal(event->change, str_from("DOWN"))) {
        for (int slot = 0; slot < cluster->options.connections_per_host; slot++)
            if (host->connections[slot]) cqli_connection_probe(host->connections[slot], now);
    }
}

void cqli_control_event(struct cql_cluster *cluster, const struct cql_response *response) {
    struct cql_event event;
    if (cql_read_event(response, &event, NULL) != STATUS_OK) return; /* nothing depends on it */
    switch (event.kind) {
    case CQL_EVENT_TOPOLOGY: cqli_control_refresh(cluster, CQL_REFRESH_DEBOUNCE_MS); break;
    case CQL_EVENT_STATUS: status_changed(cluster, &event); break;
    case CQL_EVENT_SCHEMA: /* of tables and types nothing is kept here */
        if (str_equal(event.target, str_from("KEYSPACE"))) cqli_control_refresh(cluster, CQL_REFRESH_DEBOUNCE_MS);
        break;
    case CQL_EVENT_OTHER: break;
    }
}
