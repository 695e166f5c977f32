/* The limit against simulated servers: `workers` requests are worked on at a time, the others wait in a queue. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "connector/cassandra/sink_limit.h"

extern const struct CMUnitTest sink_limit_tests[];
extern const size_t sink_limit_tests_count;

enum { MAX_IN_FLIGHT = 1024, MS = 1000000 };

struct answer {
    int64_t at_ns, sent_ns;
    bool overload;
};

struct simulation {
    struct limit limit;
    int workers;
    int64_t service_ns;
    int max_queue;   /* more is refused; 0: none is */
    int64_t rest_ns; /* before what was refused comes again, which holds its place */
    int client_max;  /* the job has no more to send at a time; 0: endless */
    int64_t now_ns, worker_free_ns[MAX_IN_FLIGHT];
    struct answer pending[MAX_IN_FLIGHT];
    int count;
    uint64_t seed;
    /* Results */
    int64_t done, refused, latency_ns;
};

static struct simulation *new_simulation(int workers, int64_t service_ns) {
    struct simulation *s = calloc(1, sizeof *s);
    assert_non_null(s);
    s->workers = workers;
    s->service_ns = service_ns;
    s->rest_ns = 20 * MS;
    s->seed = 42;
    limit_init(&s->limit, MAX_IN_FLIGHT, 0);
    return s;
}

/* 50 … 150 % */
static int64_t jitter(struct simulation *s, int64_t ns) {
    s->seed = s->seed * UINT64_C(6364136223846793005) + 1;
    return ns / 2 + (int64_t)((s->seed >> 33) % (uint64_t)ns);
}

static void submit(struct simulation *s) {
    int queued = s->count - s->workers, free = 0;
    struct answer *answer = &s->pending[s->count++];
    *answer = (struct answer){.sent_ns = s->now_ns};
    if (s->max_queue && queued >= s->max_queue) {
        answer->overload = true;
        answer->at_ns = s->now_ns + s->rest_ns;
        return;
    }
    for (int i = 1; i < s->workers; i++)
        if (s->worker_free_ns[i] < s->worker_free_ns[free]) free = i;
    int64_t start_ns = s->worker_free_ns[free] > s->now_ns ? s->worker_free_ns[free] : s->now_ns;
    answer->at_ns = s->worker_free_ns[free] = start_ns + jitter(s, s->service_ns);
}

static void run(struct simulation *s, int64_t duration_ns) {
    int64_t end_ns = s->now_ns + duration_ns;
    s->done = s->refused = s->latency_ns = 0;
    while (s->now_ns < end_ns) {
        int wanted = s->client_max && s->client_max < s->limit.value ? s->client_max : s->limit.value;
        while (s->count < wanted) submit(s);
        int next = 0;
        for (int i = 1; i < s->count; i++)
            if (s->pending[i].at_ns < s->pending[next].at_ns) next = i;
        struct answer answer = s->pending[next];
        s->now_ns = answer.at_ns;
        if (answer.overload) {
            limit_overloaded(&s->limit, s->now_ns, answer.sent_ns);
            s->refused++;
        } else {
            limit_answered(&s->limit, s->now_ns, answer.sent_ns, s->count);
            s->latency_ns += s->now_ns - answer.sent_ns;
            s->done++;
        }
        s->pending[next] = s->pending[--s->count];
    }
}

/* Answers in percent of what the server can do. */
static int percent(const struct simulation *s, int64_t duration_ns) {
    return (int)(s->done * s->service_ns * 100 / (s->workers * duration_ns));
}

static void finds_the_servers_limit(void **state) {
    (void)state;
    static const struct {
        int workers;
        int64_t service_ns;
    } servers[] = {{1, MS}, {2, MS / 2}, {16, MS}, {64, 4 * MS}, {200, 20 * MS}};
    for (size_t i = 0; i < sizeof servers / sizeof *servers; i++) {
        struct simulation *s = new_simulation(servers[i].workers, servers[i].service_ns);
        assert_true(s->limit.value <= LIMIT_START);
        run(s, INT64_C(2000) * MS);
        run(s, INT64_C(10000) * MS);
        assert_in_range(percent(s, INT64_C(10000) * MS), 95, 101);
        /* Not more than a few times what it works on (or the least), so that no answer takes long. */
        int least = s->workers > LIMIT_START ? s->workers : LIMIT_START;
        assert_in_range(s->limit.value, s->workers, least * 6);
        assert_true(s->latency_ns / s->done < servers[i].service_ns * 6 * least / s->workers);
        free(s);
    }
}

static void follows_a_server_that_changes(void **state) {
    (void)state;
    struct simulation *s = new_simulation(64, MS);
    run(s, INT64_C(2000) * MS);
    int before = s->limit.value;
    s->workers = 8; /* it compacts, say */
    run(s, INT64_C(8000) * MS);
    assert_true(s->limit.value < before / 2);
    run(s, INT64_C(2000) * MS);
    assert_true(percent(s, INT64_C(2000) * MS) >= 95);
    s->workers = 64;
    run(s, INT64_C(8000) * MS);
    run(s, INT64_C(2000) * MS);
    assert_true(percent(s, INT64_C(2000) * MS) >= 90);
    s->service_ns = 5 * MS; /* larger rows */
    run(s, INT64_C(15000) * MS);
    run(s, INT64_C(5000) * MS);
    assert_true(percent(s, INT64_C(5000) * MS) >= 90);
    free(s);
}

static void backs_off_from_overload(void **state) {
    (void)state;
    struct simulation *s = new_simulation(16, MS);
    s->max_queue = 16; /* less than what it would like to have in flight */
    run(s, INT64_C(2000) * MS);
    run(s, INT64_C(20000) * MS);
    assert_true(percent(s, INT64_C(20000) * MS) >= 85);
    assert_true(s->refused > 0);
    assert_true(s->refused * 100 < s->done); /* under 1 % */
    free(s);
}

static void halves_once_for_one_overload(void **state) {
    (void)state;
    struct limit limit;
    limit_init(&limit, 256, 0);
    limit.value = 128;
    for (int i = 0; i < 100; i++) limit_overloaded(&limit, 10 * MS + i, i); /* all were on their way */
    assert_int_equal(limit.value, 64);
    limit_overloaded(&limit, 20 * MS, 15 * MS);
    assert_int_equal(limit.value, 32);
    for (int i = 2; i < 20; i++) limit_overloaded(&limit, i * 20 * MS, i * 20 * MS - 1);
    assert_int_equal(limit.value, 1);
}

static void stays_within_the_maximum(void **state) {
    (void)state;
    struct simulation *s = new_simulation(500, 2 * MS);
    limit_init(&s->limit, 3, 0);
    assert_int_equal(s->limit.value, 3);
    run(s, INT64_C(3000) * MS);
    assert_int_equal(s->limit.value, 3);
    free(s);
}

/* A job with little to write learns nothing about the server, and must not be throttled when it has more. */
static void idle_jobs_keep_their_limit(void **state) {
    (void)state;
    struct simulation *s = new_simulation(64, MS);
    run(s, INT64_C(2000) * MS);
    int busy = s->limit.value;
    s->client_max = 2;
    run(s, INT64_C(4000) * MS);
    assert_true(s->limit.value >= busy / 2);
    s->client_max = 0;
    run(s, INT64_C(1000) * MS);
    assert_true(percent(s, INT64_C(1000) * MS) >= 90);
    free(s);
}

const struct CMUnitTest sink_limit_tests[] = {
    cmocka_unit_test(finds_the_servers_limit),  cmocka_unit_test(follows_a_server_that_changes),
    cmocka_unit_test(backs_off_from_overload),  cmocka_unit_test(halves_once_for_one_overload),
    cmocka_unit_test(stays_within_the_maximum), cmocka_unit_test(idle_jobs_keep_their_limit),
};
const size_t sink_limit_tests_count = sizeof sink_limit_tests / sizeof *sink_limit_tests;
