#include "cql/ring.h"

#include <stdlib.h>

#include "cass/bytes.h"

/* ---- The ring ---- */

static int compare_tokens(const void *a, const void *b) {
    const struct cql_ring_token *x = a, *y = b;
    if (x->token != y->token) return x->token < y->token ? -1 : 1;
    return x->node - y->node;
}

/* A whole number, and nothing else. */
static bool parse_token(struct str text, int64_t *out) {
    char digits[24], *end;
    if (!text.len || text.len >= sizeof digits) return false;
    memcpy(digits, text.data, text.len);
    digits[text.len] = 0;
    *out = strtoll(digits, &end, 10);
    return *end == 0;
}

bool cql_ring_add_tokens(struct cql_ring *ring, int max, int node, struct str set) {
    if (!set.data) return true;
    struct cass_reader r = cass_reader_over(set.data, set.len);
    for (int32_t left = cass_read_i32(&r); left > 0; left--) {
        int64_t token;
        struct str text = cass_read_bytes(&r);
        if (r.failed || ring->token_count >= max || !parse_token(text, &token)) return false;
        ring->tokens[ring->token_count++] = (struct cql_ring_token){token, node};
    }
    return !r.failed;
}

static int find_datacenter(struct cql_ring *ring, const char *name) {
    for (int i = 0; i < ring->datacenter_count; i++)
        if (strcmp(ring->datacenters[i].name, name) == 0) return i;
    if (ring->datacenter_count == CQL_MAX_RING_DATACENTERS) return -1;
    ring->datacenters[ring->datacenter_count] = (struct cql_ring_datacenter){.name = name};
    return ring->datacenter_count++;
}

/* Numbers the node's datacenter and rack. `named` are the nodes that have numbers. */
static void number_node(struct cql_ring *ring, struct cql_ring_node *node, const int *named, int named_count,
                        int *rack_count) {
    node->datacenter_id = find_datacenter(ring, node->datacenter);
    node->rack_id = -1;
    if (node->datacenter_id < 0) return;
    ring->datacenters[node->datacenter_id].node_count++;
    for (int i = 0; i < named_count && node->rack_id < 0; i++) {
        const struct cql_ring_node *other = &ring->nodes[named[i]];
        if (other->datacenter_id == node->datacenter_id && strcmp(other->rack, node->rack) == 0)
            node->rack_id = other->rack_id;
    }
    if (node->rack_id >= 0) return;
    node->rack_id = (*rack_count)++;
    ring->datacenters[node->datacenter_id].rack_count++;
}

void cql_ring_finish(struct cql_ring *ring, struct arena *arena) {
    bool *owns = ARENA_ARRAY(arena, bool, ring->node_count + 1);
    int *first_of_rack = ARENA_ARRAY(arena, int, ring->node_count + 1); /* one node of each rack */
    int kept = 0, racks = 0;
    for (int i = 0; i < ring->token_count; i++) owns[ring->tokens[i].node] = true;
    ring->datacenter_count = 0;
    for (int i = 0; i < ring->node_count; i++) {
        int before = racks;
        ring->nodes[i].datacenter_id = ring->nodes[i].rack_id = -1;
        if (owns[i]) number_node(ring, &ring->nodes[i], first_of_rack, racks, &racks);
        if (racks > before) first_of_rack[before] = i;
    }
    if (ring->token_count) qsort(ring->tokens, (size_t)ring->token_count, sizeof *ring->tokens, compare_tokens);
    for (int i = 0; i < ring->token_count; i++) {
        bool again = kept && ring->tokens[kept - 1].token == ring->tokens[i].token;
        if (!again && ring->nodes[ring->tokens[i].node].datacenter_id >= 0) ring->tokens[kept++] = ring->tokens[i];
    }
    ring->token_count = kept;
}

int cql_ring_find(const struct cql_ring *ring, int64_t token) {
    int low = 0, high = ring->token_count;
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (ring->tokens[middle].token < token)
            low = middle + 1;
        else
            high = middle;
    }
    return low == ring->token_count ? 0 : low;
}

/* ---- Replication ---- */

/* "3", or with transient replication "3/1"; 0: it is no number. */
static int parse_factor(struct str text) {
    int factor = 0;
    for (size_t i = 0; i < text.len && text.data[i] != '/'; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || factor > CQL_MAX_REPLICAS) return 0;
        factor = 10 * factor + (text.data[i] - '0');
    }
    return factor;
}

static bool ends_with(struct str text, const char *end) {
    size_t len = strlen(end);
    return text.len >= len && memcmp(text.data + text.len - len, end, len) == 0;
}

void cql_replication_read(struct str map, struct arena *arena, struct cql_replication *out) {
    *out = (struct cql_replication){.strategy = CQL_STRATEGY_OTHER};
    struct cass_reader r = cass_reader_over(map.data ? map.data : "", map.len);
    int32_t count = cass_read_i32(&r);
    if (count < 0 || count > CQL_MAX_RING_DATACENTERS + 1) return;
    struct cql_replication read = {.strategy = CQL_STRATEGY_OTHER};
    read.datacenters = ARENA_ARRAY(arena, struct cql_datacenter_factor, count + 1);
    for (; count > 0; count--) {
        struct str key = cass_read_bytes(&r), value = cass_read_bytes(&r);
        if (!key.data || !value.data) return;
        if (str_equal(key, str_from("class"))) {
            if (ends_with(value, "SimpleStrategy"))
                read.strategy = CQL_STRATEGY_SIMPLE;
            else if (ends_with(value, "NetworkTopologyStrategy"))
                read.strategy = CQL_STRATEGY_NETWORK;
        } else if (str_equal(key, str_from("replication_factor"))) {
            read.factor = parse_factor(value);
        } else if (parse_factor(value) > 0) {
            read.datacenters[read.datacenter_count++] =
                (struct cql_datacenter_factor){arena_strndup(arena, key.data, key.len), parse_factor(value)};
        }
    }
    if (!r.failed) *out = read;
}

static bool is_among(const int *nodes, int count, int node) {
    for (int i = 0; i < count; i++)
        if (nodes[i] == node) return true;
    return false;
}

static bool has_rack(const struct cql_ring *ring, const int *nodes, int count, int rack) {
    for (int i = 0; i < count; i++)
        if (ring->nodes[nodes[i]].rack_id == rack) return true;
    return false;
}

static int simple_replicas(const struct cql_ring *ring, int factor, int at, int *nodes) {
    int count = 0;
    if (factor > CQL_MAX_REPLICAS) factor = CQL_MAX_REPLICAS;
    for (int i = 0; i < ring->token_count && count < factor; i++) {
        int node = ring->tokens[(at + i) % ring->token_count].node;
        if (!is_among(nodes, count, node)) nodes[count++] = node;
    }
    return count;
}

/* Of each datacenter: how many nodes are yet to be found, and how many of them may be in racks that have one. */
struct wanted {
    int left, repeats;
};

static int network_replicas(const struct cql_ring *ring, const struct cql_replication *replication, int at,
                            int *nodes) {
    struct wanted wanted[CQL_MAX_RING_DATACENTERS] = {0};
    int count = 0, left = 0;
    for (int i = 0; i < replication->datacenter_count; i++)
        for (int d = 0; d < ring->datacenter_count; d++) {
            const struct cql_ring_datacenter *datacenter = &ring->datacenters[d];
            int factor = replication->datacenters[i].factor;
            if (strcmp(datacenter->name, replication->datacenters[i].name) != 0) continue;
            wanted[d].left = factor < datacenter->node_count ? factor : datacenter->node_count;
            wanted[d].repeats = factor - datacenter->rack_count;
            left += wanted[d].left;
        }
    for (int i = 0; i < ring->token_count && left && count < CQL_MAX_REPLICAS; i++) {
        int node = ring->tokens[(at + i) % ring->token_count].node;
        struct wanted *w = &wanted[ring->nodes[node].datacenter_id];
        if (!w->left || is_among(nodes, count, node)) continue;
        if (has_rack(ring, nodes, count, ring->nodes[node].rack_id)) {
            if (w->repeats <= 0) continue;
            w->repeats--;
        }
        nodes[count++] = node;
        w->left--;
        left--;
    }
    return count;
}

int cql_ring_replicas(const struct cql_ring *ring, const struct cql_replication *replication, int at,
                      int nodes[CQL_MAX_REPLICAS]) {
    int count = 0;
    switch (replication->strategy) {
    case CQL_STRATEGY_SIMPLE: count = simple_replicas(ring, replication->factor, at, nodes); break;
    case CQL_STRATEGY_NETWORK: return network_replicas(ring, replication, at, nodes);
    case CQL_STRATEGY_OTHER: break;
    }
    if (!count) nodes[count++] = ring->tokens[at].node;
    return count;
}
