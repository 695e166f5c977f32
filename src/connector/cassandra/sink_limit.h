/* How many requests a sink keeps in flight: found by measuring, so that a server is busy and none of its queues is long.
 *
 * By Little's law a server that answers `rate` requests a second, each in `latency` when nobody waits, is just full with
 * rate * latency of them. Both are measured, as BBR does for links (Cardwell et al., "BBR: Congestion-Based Congestion
 * Control", 2016): the limit starts small and doubles while the rate grows; then it follows LIMIT_GAIN times that
 * product, where the rate is the best of the last windows. Now and then a window tries more, to find room that has
 * appeared, and every few seconds one is held without a queue, to learn the latency again. An overload or a timeout halves the
 * limit at once and puts a ceiling over it that rises slowly (AIMD).
 *
 * Pure: time comes in as arguments. Not thread-safe. */
#ifndef MILLRACE_CONNECTOR_CASSANDRA_SINK_LIMIT_H
#define MILLRACE_CONNECTOR_CASSANDRA_SINK_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

enum {
    LIMIT_START = 4,                /* and the least but for overloads: so few make no queue */
    LIMIT_GAIN = 4,                 /* requests in flight for each that the server works on */
    LIMIT_MIN_SAMPLES = 32,         /* answers that make a window; at least two rounds of the limit, too */
    LIMIT_WINDOW_MS = 10,           /* at least */
    LIMIT_MAX_WINDOW_MS = 1000,     /* few answers make one then */
    LIMIT_GROWTH_PERCENT = 15,      /* a rate that grows by more is worth doubling the limit again */
    LIMIT_FLAT_WINDOWS = 3,         /* windows without such growth end the start */
    LIMIT_RATE_WINDOWS = 16,        /* the best rate is the best of so many */
    LIMIT_PROBE_WINDOWS = 8,        /* every so many windows one tries more */
    LIMIT_PROBE_PERCENT = 25,       /* … by so much */
    LIMIT_DRAIN_INTERVAL_MS = 5000, /* how long a measured latency is believed */
    LIMIT_CEILING_STEPS = 64,       /* windows in which the ceiling doubles again */
};

struct limit {
    int value; /* the limit, 1 … max */
    int max;
    enum { LIMIT_STARTING, LIMIT_STEADY, LIMIT_DRAINING } phase;
    double ceiling; /* after an overload; else max */
    int64_t cut_ns; /* of the last halving: overloads of requests sent before are its echo */
    /* The window */
    int64_t begin_ns, latency_ns;
    int64_t samples;
    bool full; /* the limit was reached in it */
    /* Measured */
    double rates[LIMIT_RATE_WINDOWS]; /* per ns, the last windows, rates[window % …] the newest */
    double best_start_rate;
    double base_ns; /* latency without a queue; 0: unknown */
    int64_t base_at_ns;
    int64_t window;
    int flat_windows;
};

void limit_init(struct limit *limit, int max, int64_t now_ns);
/* A request sent at sent_ns was answered; in_flight: before the answer. */
void limit_answered(struct limit *limit, int64_t now_ns, int64_t sent_ns, int in_flight);
/* A request sent at sent_ns met an overload or a timeout. */
void limit_overloaded(struct limit *limit, int64_t now_ns, int64_t sent_ns);

#endif
