#include "connector/cassandra/sink_limit.h"

#define NANOS_PER_MS INT64_C(1000000)

static void begin_window(struct limit *limit, int64_t now_ns) {
    limit->begin_ns = now_ns;
    limit->latency_ns = limit->samples = 0;
    limit->full = false;
}

static void set_value(struct limit *limit, double value) {
    if (value < LIMIT_START) value = LIMIT_START;
    if (value > limit->ceiling) value = limit->ceiling;
    if (value > limit->max) value = limit->max;
    limit->value = value < 1 ? 1 : (int)value;
}

void limit_init(struct limit *limit, int max, int64_t now_ns) {
    *limit = (struct limit){.max = max, .ceiling = max, .cut_ns = INT64_MIN};
    set_value(limit, LIMIT_START);
    begin_window(limit, now_ns);
}

void limit_overloaded(struct limit *limit, int64_t now_ns, int64_t sent_ns) {
    if (sent_ns < limit->cut_ns) return;
    limit->cut_ns = now_ns;
    limit->ceiling = limit->value / 2 < 1 ? 1 : limit->value / 2;
    limit->phase = LIMIT_STEADY;
    for (int i = 0; i < LIMIT_RATE_WINDOWS; i++) limit->rates[i] = 0; /* a rate beyond what it can do */
    set_value(limit, limit->ceiling);
    begin_window(limit, now_ns);
}

static double best_rate(const struct limit *limit) {
    double best = 0;
    for (int i = 0; i < LIMIT_RATE_WINDOWS; i++)
        if (limit->rates[i] > best) best = limit->rates[i];
    return best;
}

/* What the server works on at its best rate, without a queue. */
static double work(const struct limit *limit) { return best_rate(limit) * limit->base_ns; }

static void grow(struct limit *limit, double rate) {
    if (rate * 100 > limit->best_start_rate * (100 + LIMIT_GROWTH_PERCENT)) {
        limit->best_start_rate = rate;
        limit->flat_windows = 0;
        set_value(limit, limit->value * 2.0);
    } else if (++limit->flat_windows >= LIMIT_FLAT_WINDOWS) {
        limit->phase = LIMIT_STEADY;
    }
}

static void follow(struct limit *limit, int64_t now_ns) {
    if (now_ns - limit->base_at_ns > LIMIT_DRAIN_INTERVAL_MS * NANOS_PER_MS) {
        limit->phase = LIMIT_DRAINING;
        set_value(limit, work(limit));
        return;
    }
    double value = work(limit) * LIMIT_GAIN;
    /* The product says little while nothing was ever full: then the limit stays and is not lowered by an idle job. */
    if (limit->window % LIMIT_PROBE_WINDOWS == 0) value = value * (100 + LIMIT_PROBE_PERCENT) / 100 + 1;
    set_value(limit, value);
}

static void end_window(struct limit *limit, int64_t now_ns) {
    double latency_ns = (double)limit->latency_ns / (double)limit->samples;
    double rate = (double)limit->samples / (double)(now_ns - limit->begin_ns);
    if (!limit->base_ns || latency_ns < limit->base_ns || limit->phase == LIMIT_DRAINING ||
        limit->value <= LIMIT_START) {
        limit->base_ns = latency_ns;
        limit->base_at_ns = now_ns;
    }
    if (limit->phase == LIMIT_DRAINING) {
        limit->phase = LIMIT_STEADY;
    } else if (limit->full) { /* else the rate is the job's, not the server's */
        limit->rates[++limit->window % LIMIT_RATE_WINDOWS] = rate;
    } else {
        begin_window(limit, now_ns);
        return;
    }
    limit->ceiling += limit->ceiling / LIMIT_CEILING_STEPS + 0.25;
    if (limit->ceiling > limit->max) limit->ceiling = limit->max;
    if (limit->phase == LIMIT_STARTING) grow(limit, rate);
    if (limit->phase == LIMIT_STEADY) follow(limit, now_ns);
    begin_window(limit, now_ns);
}

void limit_answered(struct limit *limit, int64_t now_ns, int64_t sent_ns, int in_flight) {
    if (sent_ns < limit->begin_ns && limit->phase == LIMIT_DRAINING) return; /* it waited in the queue that drains */
    limit->samples++;
    limit->latency_ns += now_ns - sent_ns;
    if (in_flight >= limit->value) limit->full = true;
    int64_t elapsed_ns = now_ns - limit->begin_ns;
    bool enough = limit->samples >= LIMIT_MIN_SAMPLES && limit->samples >= 2 * (int64_t)limit->value &&
                  elapsed_ns >= LIMIT_WINDOW_MS * NANOS_PER_MS;
    if (enough || elapsed_ns >= LIMIT_MAX_WINDOW_MS * NANOS_PER_MS) end_window(limit, now_ns);
}
