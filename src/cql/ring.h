/* The token ring, and which nodes hold what lies where on it: pure, nothing of connections.
 *
 * Each node owns tokens; the one at token t is responsible for (the token before it, t]. What lies behind the last belongs to the first.
 * The other replicas are found by going on around the ring, as the keyspace's replication says:
 * SimpleStrategy takes the next nodes, NetworkTopologyStrategy so many of each datacenter, of different racks while there are some
 * (Cassandra's NetworkTopologyStrategy.calculateNaturalReplicas). What other strategies do is not known: the owner alone counts. */
#ifndef MILLRACE_CQL_RING_H
#define MILLRACE_CQL_RING_H

#include "base/arena.h"
#include "base/str.h"

enum {
    CQL_MAX_RING_NODES = 4096,
    CQL_MAX_RING_TOKENS = 1 << 20, /* a ring with more is not used for routing */
    CQL_MAX_RING_DATACENTERS = 64,
    CQL_MAX_REPLICAS = 64, /* of one token, in all datacenters */
};

struct cql_ring_node {
    const char *datacenter, *rack;
    int datacenter_id, rack_id; /* set by cql_ring_finish; racks are numbered over all datacenters */
};

struct cql_ring_token {
    int64_t token;
    int node;
};

struct cql_ring_datacenter {
    const char *name;
    int node_count, rack_count; /* of nodes that own tokens */
};

struct cql_ring {
    int node_count, token_count, datacenter_count;
    struct cql_ring_node *nodes;
    struct cql_ring_token *tokens; /* in order */
    struct cql_ring_datacenter datacenters[CQL_MAX_RING_DATACENTERS];
};

/* nodes and tokens have been filled in, in any order: sorts the tokens (of equal ones the first node's stays) and numbers datacenters
 * and racks. Nodes of more than CQL_MAX_RING_DATACENTERS datacenters lose their tokens. */
void cql_ring_finish(struct cql_ring *ring, struct arena *arena);

/* The tokens of a node as the system tables have them, a set<text>; appended to tokens, which has room for max in all. False when
 * they are not whole numbers, or too many. */
bool cql_ring_add_tokens(struct cql_ring *ring, int max, int node, struct str set);

/* Index in ring->tokens of the one that is responsible; the ring is not empty. */
int cql_ring_find(const struct cql_ring *ring, int64_t token);

enum cql_strategy { CQL_STRATEGY_SIMPLE, CQL_STRATEGY_NETWORK, CQL_STRATEGY_OTHER };

struct cql_replication {
    enum cql_strategy strategy;
    int factor; /* SIMPLE */
    int datacenter_count;
    struct cql_datacenter_factor { /* NETWORK */
        const char *name;
        int factor;
    } * datacenters;
};

/* A keyspace's column `replication`, a map<text, text>. What cannot be read is CQL_STRATEGY_OTHER. */
void cql_replication_read(struct str map, struct arena *arena, struct cql_replication *out);

/* Which nodes hold what lies before ring->tokens[at]; the owner first, each once. Returns how many, at most CQL_MAX_REPLICAS. */
int cql_ring_replicas(const struct cql_ring *ring, const struct cql_replication *replication, int at,
                      int nodes[CQL_MAX_REPLICAS]);

#endif
