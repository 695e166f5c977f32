/* Holding a generating source to a rate: how many rows are due since it began. For readers, on their I/O thread. */
#ifndef MILLRACE_CONNECTOR_PACE_H
#define MILLRACE_CONNECTOR_PACE_H

#include <stdint.h>
#include <time.h>

enum {
    PACE_TICK_MS = 20, /* rows are let through in lumps of this much time */
};

struct pace {
    int64_t rows_per_second; /* 0: as fast as possible */
    int64_t begin_ns, row_count;
};

static inline int64_t pace_now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static inline void pace_begin(struct pace *pace, int64_t rows_per_second) {
    *pace = (struct pace){.rows_per_second = rows_per_second, .begin_ns = pace_now_ns()};
}

/* Rows that may go now, at most `limit`; waits up to timeout_ms for some. They count as gone. */
static inline int64_t pace_take(struct pace *pace, int64_t limit, int timeout_ms) {
    if (pace->rows_per_second == 0) return limit;
    const int64_t tick_ns = PACE_TICK_MS * INT64_C(1000000);
    int64_t deadline = pace_now_ns() + (int64_t)timeout_ms * 1000000;
    for (;;) {
        int64_t now = pace_now_ns(), ticks = (now - pace->begin_ns) / tick_ns;
        /* Counted from the beginning, so nothing is lost by rounding. The first row goes at once. */
        int64_t due =
            (int64_t)((double)ticks * (PACE_TICK_MS * 1e-3) * (double)pace->rows_per_second) + 1 - pace->row_count;
        if (due > 0) {
            if (due > limit) due = limit;
            pace->row_count += due;
            return due;
        }
        if (now >= deadline) return 0;
        int64_t next = pace->begin_ns + (ticks + 1) * tick_ns;
        if (next > deadline) next = deadline;
        struct timespec wait = {.tv_sec = (next - now) / 1000000000, .tv_nsec = (next - now) % 1000000000};
        nanosleep(&wait, NULL);
    }
}

#endif
