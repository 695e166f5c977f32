#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cass/bytes.h"
#include "cql/ring.h"

extern const struct CMUnitTest ring_tests[];
extern const size_t ring_tests_count;

/* Nine nodes in two datacenters with three tokens each, at random. The sets of replicas below were computed with
 * cassandra-driver 3.30.1 for Python, offline:
 *
 *     hosts: cassandra.pool.Host with set_location_info(datacenter, rack); ring: sorted Murmur3Token's; owner: {token: host}
 *     SimpleStrategy({"replication_factor": "3"}).make_token_replica_map(owner, ring)
 *     NetworkTopologyStrategy({"dc1": "2", "dc2": "2"}).make_token_replica_map(owner, ring)
 *
 * both of cassandra.metadata; a bit is a node. */
static const char *const places[][2] = {{"dc1", "r1"}, {"dc1", "r1"}, {"dc1", "r2"}, {"dc1", "r3"}, {"dc2", "r1"},
                                        {"dc2", "r1"}, {"dc2", "r1"}, {"dc1", "r2"}, {"dc2", "r2"}};
enum { NODES = 9, TOKENS = 27 };
static const struct cql_ring_token tokens[TOKENS] = {
    {INT64_C(-8531699129511414324), 2}, {INT64_C(-5757763313810287289), 1}, {INT64_C(-5424104304150091343), 3},
    {INT64_C(-4720586066214327776), 8}, {INT64_C(-3881023613069443411), 7}, {INT64_C(-3693646940721862312), 7},
    {INT64_C(-3428379579663223016), 5}, {INT64_C(-1509457273540090022), 3}, {INT64_C(-943842519274427104), 1},
    {INT64_C(-807869008354140963), 8},  {INT64_C(220121936330067728), 3},   {INT64_C(585135223364038996), 4},
    {INT64_C(750522153793611428), 8},   {INT64_C(1187385434856157239), 2},  {INT64_C(1577960769301841103), 5},
    {INT64_C(2784249659845191438), 1},  {INT64_C(3357357195551156271), 0},  {INT64_C(3602563658188735042), 7},
    {INT64_C(4743413005406631124), 4},  {INT64_C(5872582635248635991), 6},  {INT64_C(6920065358279733766), 0},
    {INT64_C(7811114804498096593), 6},  {INT64_C(7992424660898182485), 5},  {INT64_C(8258772313671944433), 4},
    {INT64_C(8261657684473197624), 0},  {INT64_C(8785356068037452444), 6},  {INT64_C(8857662617962200316), 2},
};

static const struct {
    const char *replication[3][2]; /* what the system table says */
    uint16_t replicas[TOKENS];
} cases[] = {
    {{{"class", "org.apache.cassandra.locator.SimpleStrategy"}, {"replication_factor", "1"}},
     {0x004, 0x002, 0x008, 0x100, 0x080, 0x080, 0x020, 0x008, 0x002, 0x100, 0x008, 0x010, 0x100, 0x004,
      0x020, 0x002, 0x001, 0x080, 0x010, 0x040, 0x001, 0x040, 0x020, 0x010, 0x001, 0x040, 0x004}},
    {{{"replication_factor", "3"}, {"class", "org.apache.cassandra.locator.SimpleStrategy"}},
     {0x00e, 0x10a, 0x188, 0x1a0, 0x0a8, 0x0a8, 0x02a, 0x10a, 0x10a, 0x118, 0x118, 0x114, 0x124, 0x026,
      0x023, 0x083, 0x091, 0x0d0, 0x051, 0x061, 0x061, 0x070, 0x031, 0x051, 0x045, 0x046, 0x00e}},
    {{{"class", "org.apache.cassandra.locator.NetworkTopologyStrategy"}, {"dc1", "3"}},
     {0x00e, 0x08a, 0x08a, 0x08a, 0x08a, 0x08a, 0x00e, 0x00e, 0x00e, 0x00e, 0x00e, 0x00e, 0x00e, 0x00e,
      0x08a, 0x08a, 0x089, 0x089, 0x00d, 0x00d, 0x00d, 0x00d, 0x00d, 0x00d, 0x00d, 0x00e, 0x00e}},
    {{{"class", "org.apache.cassandra.locator.NetworkTopologyStrategy"}, {"dc1", "2"}, {"dc2", "2"}},
     {0x126, 0x12a, 0x1a8, 0x1a8, 0x1a8, 0x1a8, 0x12a, 0x11a, 0x11a, 0x11c, 0x11c, 0x116, 0x126, 0x126,
      0x1a2, 0x192, 0x191, 0x191, 0x115, 0x145, 0x145, 0x145, 0x125, 0x115, 0x145, 0x146, 0x126}},
    {{{"dc2", "3"}, {"dc1", "4"}, {"class", "org.apache.cassandra.locator.NetworkTopologyStrategy"}},
     {0x1be, 0x1be, 0x1be, 0x1be, 0x1be, 0x1be, 0x13f, 0x13f, 0x13f, 0x13f, 0x13f, 0x13f, 0x13f, 0x13f,
      0x1bb, 0x1db, 0x1dd, 0x1dd, 0x15f, 0x16f, 0x16f, 0x16f, 0x13f, 0x15f, 0x16f, 0x1ee, 0x1be}},
};

static void make_ring(struct cql_ring *ring, struct arena *arena) {
    *ring = (struct cql_ring){.node_count = NODES};
    ring->nodes = ARENA_ARRAY(arena, struct cql_ring_node, NODES);
    ring->tokens = ARENA_ARRAY(arena, struct cql_ring_token, TOKENS);
    for (int i = 0; i < NODES; i++)
        ring->nodes[i] = (struct cql_ring_node){.datacenter = places[i][0], .rack = places[i][1]};
    for (int i = 0; i < TOKENS; i++)
        ring->tokens[ring->token_count++] = tokens[i * 10 % TOKENS]; /* 10 and 27: in no order */
    cql_ring_finish(ring, arena);
}

static void put_map(struct strbuf *map, const char *const (*pairs)[2], int count) {
    cass_put_i32(map, count);
    for (int i = 0; i < count; i++)
        for (int j = 0; j < 2; j++) cass_put_long_string(map, str_from(pairs[i][j]));
}

static void read_replication(const char *const (*pairs)[2], int count, struct arena *arena,
                             struct cql_replication *out) {
    struct strbuf map = {0};
    put_map(&map, pairs, count);
    cql_replication_read(strbuf_str(&map), arena, out);
    strbuf_free(&map);
}

/* As bits; every node once, the owner first when it is one of them. */
static unsigned replicas_of(const struct cql_ring *ring, const struct cql_replication *replication, int at) {
    int nodes[CQL_MAX_REPLICAS], count = cql_ring_replicas(ring, replication, at, nodes);
    unsigned bits = 0;
    for (int i = 0; i < count; i++) {
        assert_false(bits & 1u << nodes[i]);
        bits |= 1u << nodes[i];
    }
    int owner = ring->tokens[at].node;
    if (bits & 1u << owner) assert_int_equal(nodes[0], owner);
    return bits;
}

static void finding(void **state) {
    (void)state;
    struct arena arena;
    struct cql_ring ring;
    arena_init(&arena, NULL);
    make_ring(&ring, &arena);
    assert_int_equal(ring.token_count, TOKENS);
    assert_int_equal(ring.datacenter_count, 2);
    assert_int_equal(ring.datacenters[0].node_count, 5);
    assert_int_equal(ring.datacenters[0].rack_count, 3);
    assert_int_equal(ring.datacenters[1].node_count, 4);
    assert_int_equal(ring.datacenters[1].rack_count, 2);
    for (int i = 0; i < TOKENS; i++) {
        assert_int_equal(ring.tokens[i].token, tokens[i].token);
        assert_int_equal(ring.tokens[i].node, tokens[i].node);
        assert_int_equal(cql_ring_find(&ring, tokens[i].token), i); /* ranges are closed at their end */
        assert_int_equal(cql_ring_find(&ring, tokens[i].token + 1), (i + 1) % TOKENS);
    }
    assert_int_equal(cql_ring_find(&ring, INT64_MIN), 0);
    assert_int_equal(cql_ring_find(&ring, INT64_MAX), 0); /* around the end */
    arena_destroy(&arena);
}

static void replicas(void **state) {
    (void)state;
    struct arena arena;
    struct cql_ring ring;
    struct cql_replication replication;
    arena_init(&arena, NULL);
    make_ring(&ring, &arena);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        read_replication(cases[i].replication, cases[i].replication[2][0] ? 3 : 2, &arena, &replication);
        for (int at = 0; at < TOKENS; at++)
            if (replicas_of(&ring, &replication, at) != cases[i].replicas[at])
                fail_msg("case %zu, token %d: %x instead of %x", i, at, replicas_of(&ring, &replication, at),
                         cases[i].replicas[at]);
    }
    arena_destroy(&arena);
}

/* More copies than nodes: all of them. */
static void few_nodes(void **state) {
    (void)state;
    static const char *const simple[][2] = {{"class", "SimpleStrategy"}, {"replication_factor", "20"}};
    static const char *const network[][2] = {
        {"class", "NetworkTopologyStrategy"}, {"dc1", "9"}, {"dc2", "1"}, {"dc3", "3"}};
    struct arena arena;
    struct cql_ring ring;
    struct cql_replication replication;
    arena_init(&arena, NULL);
    make_ring(&ring, &arena);
    for (int at = 0; at < TOKENS; at++) {
        read_replication(simple, 2, &arena, &replication);
        assert_int_equal(replicas_of(&ring, &replication, at), 0x1ff);
        read_replication(network, 4, &arena, &replication);
        unsigned bits = replicas_of(&ring, &replication, at);
        assert_int_equal(bits & 0x8f, 0x8f);
        assert_int_equal(__builtin_popcount(bits & 0x170), 1);
    }
    arena_destroy(&arena);
}

static void other_strategies(void **state) {
    (void)state;
    static const char *const maps[][2][2] = {
        {{"class", "org.apache.cassandra.locator.EverywhereStrategy"}, {"x", "y"}},
        {{"class", "org.apache.cassandra.locator.LocalStrategy"}, {"dc1", "2"}},
        {{"replication_factor", "3"}, {"dc1", "3"}},
        {{"class", "SimpleStrategy"}, {"replication_factor", "many"}},
    };
    struct arena arena;
    struct cql_ring ring;
    struct cql_replication replication;
    arena_init(&arena, NULL);
    make_ring(&ring, &arena);
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++) {
        read_replication(maps[i], 2, &arena, &replication);
        for (int at = 0; at < TOKENS; at++)
            assert_int_equal(replicas_of(&ring, &replication, at), 1u << tokens[at].node);
    }
    static const char *const transient[][2] = {{"class", "SimpleStrategy"}, {"replication_factor", "3/1"}};
    read_replication(transient, 2, &arena, &replication);
    assert_int_equal(replication.factor, 3);
    /* Cut anywhere, it is none. */
    struct strbuf map = {0};
    put_map(&map, transient, 2);
    for (size_t len = 0; len < map.len; len++) {
        cql_replication_read((struct str){map.data, len}, &arena, &replication);
        assert_int_equal(replication.strategy, CQL_STRATEGY_OTHER);
    }
    strbuf_free(&map);
    cql_replication_read((struct str){NULL, 0}, &arena, &replication);
    assert_int_equal(replication.strategy, CQL_STRATEGY_OTHER);
    arena_destroy(&arena);
}

static bool add_texts(struct cql_ring *ring, int max, const char *const *texts, int count, int said) {
    struct strbuf set = {0};
    cass_put_i32(&set, said);
    for (int i = 0; i < count; i++) cass_put_long_string(&set, str_from(texts[i]));
    bool good = cql_ring_add_tokens(ring, max, 0, strbuf_str(&set));
    strbuf_free(&set);
    return good;
}

static void token_sets(void **state) {
    (void)state;
    struct cql_ring_token room[4];
    struct cql_ring ring = {.tokens = room};
    static const char *const good[] = {"-9223372036854775808", "9223372036854775807", "0"};
    assert_true(add_texts(&ring, 4, good, 3, 3));
    assert_int_equal(ring.token_count, 3);
    assert_true(room[0].token == INT64_MIN && room[1].token == INT64_MAX && room[2].token == 0);
    assert_false(add_texts(&ring, 4, good, 2, 2)); /* more than there is room for */
    ring.token_count = 0;
    assert_false(add_texts(&ring, 4, good, 1, 2)); /* cut */
    static const char *const bad[] = {"", "12x", "b10ce5e1b10ce5e1b10ce5e1b10ce5e1", " "};
    for (int i = 0; i < 4; i++) {
        ring.token_count = 0;
        assert_false(add_texts(&ring, 4, bad + i, 1, 1));
    }
    ring.token_count = 0;
    assert_true(cql_ring_add_tokens(&ring, 4, 0, (struct str){NULL, 0}));
    assert_int_equal(ring.token_count, 0);
}

/* A node without tokens counts for nothing; a token of two nodes is the first one's. */
static void odd_rings(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    struct cql_ring_node nodes[] = {
        {.datacenter = "a", .rack = "r"}, {.datacenter = "a", .rack = "s"}, {.datacenter = "b", .rack = "r"}};
    struct cql_ring_token twice[] = {{5, 2}, {5, 0}, {-7, 2}};
    struct cql_ring ring = {.node_count = 3, .nodes = nodes, .token_count = 3, .tokens = twice};
    cql_ring_finish(&ring, &arena);
    assert_int_equal(ring.token_count, 2);
    assert_true(ring.tokens[0].token == -7 && ring.tokens[0].node == 2);
    assert_true(ring.tokens[1].token == 5 && ring.tokens[1].node == 0);
    assert_int_equal(ring.datacenter_count, 2);
    assert_int_equal(ring.datacenters[0].node_count, 1);
    assert_int_equal(ring.datacenters[0].rack_count, 1);
    assert_int_not_equal(nodes[0].rack_id, nodes[2].rack_id); /* racks of one name in two datacenters are two */
    arena_destroy(&arena);
}

const struct CMUnitTest ring_tests[] = {
    cmocka_unit_test(finding),          cmocka_unit_test(replicas),   cmocka_unit_test(few_nodes),
    cmocka_unit_test(other_strategies), cmocka_unit_test(token_sets), cmocka_unit_test(odd_rings),
};
const size_t ring_tests_count = sizeof ring_tests / sizeof *ring_tests;
