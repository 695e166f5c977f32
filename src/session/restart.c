/* restart-strategy.*: whether and when a job that has failed goes on from its last checkpoint. Only what a server is to blame for is
 * worth another try; wrong data or SQL would fail again. */
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "session/session_private.h"

enum { WAIT_SLICE_MS = 50 };

static bool may_pass(enum status status) {
    return status == STATUS_UNREACHABLE || status == STATUS_TIMEOUT || status == STATUS_SERVER_ERROR;
}

/* Failures within the interval, this one among them: are there more than the most? */
static bool is_too_often(struct restarts *restarts, int64_t most, int64_t interval_ms) {
    int64_t now_ms = clock_monotonic_ns() / 1000000;
    if (most > RESTART_MAX_FAILURES - 1) most = RESTART_MAX_FAILURES - 1;
    int kept = 0;
    for (int i = 0; i < restarts->recent_count; i++)
        if (now_ms - restarts->recent_ms[i] < interval_ms) restarts->recent_ms[kept++] = restarts->recent_ms[i];
    restarts->recent_ms[kept++] = now_ms;
    restarts->recent_count = kept;
    return kept > most;
}

/* How long to wait, ms; -1: no more. *most: of how many restarts, -1 without a limit. */
static int64_t delay_ms(struct session *session, struct restarts *restarts, int64_t *most) {
    const char *type = session_get(session, "restart-strategy.type");
    *most = -1;
    if (str_compare_nocase(type, "fixed-delay") == 0) {
        *most = session_setting_int(session, "restart-strategy.fixed-delay.attempts");
        if (restarts->count >= *most) return -1;
        return session_setting_int(session, "restart-strategy.fixed-delay.delay");
    }
    if (str_compare_nocase(type, "failure-rate") == 0) {
        static const char most_key[] = "restart-strategy.failure-rate.max-failures-per-interval";
        int64_t interval_ms = session_setting_int(session, "restart-strategy.failure-rate.failure-rate-interval");
        if (is_too_often(restarts, session_setting_int(session, most_key), interval_ms)) return -1;
        return session_setting_int(session, "restart-strategy.failure-rate.delay");
    }
    if (str_compare_nocase(type, "exponential-delay") == 0) {
        double delay = (double)session_setting_int(session, "restart-strategy.exponential-delay.initial-backoff");
        double limit = (double)session_setting_int(session, "restart-strategy.exponential-delay.max-backoff");
        double times = strtod(session_get(session, "restart-strategy.exponential-delay.backoff-multiplier"), NULL);
        for (int64_t i = 0; i < restarts->count && delay < limit && times > 1; i++) delay *= times;
        return (int64_t)(delay < limit ? delay : limit);
    }
    return -1;
}

bool session_restart(struct statement_ctx *ctx, struct restarts *restarts, enum status status,
                     const struct error *err) {
    struct session *session = ctx->session;
    if (!may_pass(status)) return false;
    int64_t most, wait_ms = delay_ms(session, restarts, &most);
    if (wait_ms < 0) return false;
    restarts->count++;
    struct strbuf number = {0};
    strbuf_printf(&number, "%lld", (long long)restarts->count);
    if (most >= 0) strbuf_printf(&number, " of %lld", (long long)most);
    session_warn(ctx, "the job failed: %s; restart %s from its last checkpoint in %lld ms", err->message, number.data,
                 (long long)wait_ms);
    strbuf_free(&number);
    for (int64_t end_ms = clock_monotonic_ns() / 1000000 + wait_ms, now_ms;
         (now_ms = clock_monotonic_ns() / 1000000) < end_ms && !atomic_load(&session->cancelled);) {
        int64_t slice_ms = end_ms - now_ms < WAIT_SLICE_MS ? end_ms - now_ms : WAIT_SLICE_MS;
        struct timespec slice = {.tv_nsec = slice_ms * 1000000};
        nanosleep(&slice, NULL);
    }
    return !atomic_load(&session->cancelled);
}
