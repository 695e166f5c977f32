/* The progress line of a job. */
#include "shell/progress.h"

#include <unistd.h>

#include "base/clock.h"
#include "op/operator.h"
#include "shell/output.h"
#include "shell/text.h"
#include "types/time.h"

static void put_error_text(const char *text, size_t len) {
    while (len) {
        ssize_t n = write(STDERR_FILENO, text, len);
        if (n <= 0) return; /* nothing to be done about it */
        text += n;
        len -= (size_t)n;
    }
}

void progress_start(struct progress *progress, bool terminal) {
    *progress = (struct progress){
        .terminal = terminal, .now.watermark_micros = WATERMARK_NONE, .last_watermark_micros = WATERMARK_NONE};
    progress->start_ns = progress->last_line_ns = clock_monotonic_ns();
}

int64_t progress_rate(const struct figures *figures) {
    if (figures->elapsed_ns <= 0) return 0;
    return (int64_t)((double)figures->rows_in * 1e9 / (double)figures->elapsed_ns);
}

static void put_figure(struct strbuf *out, const char *separator, int64_t count, const char *one, const char *many) {
    if (out->len) strbuf_puts(out, separator);
    text_put_count(out, count);
    strbuf_putc(out, ' ');
    strbuf_puts(out, count == 1 ? one : many);
}

void progress_print(struct strbuf *out, const struct figures *figures, int64_t rate, const char *separator) {
    struct strbuf text = {0};
    put_figure(&text, separator, figures->rows_in, "row in", "rows in");
    put_figure(&text, separator, figures->rows_out, "out", "out");
    put_figure(&text, separator, rate, "rows/s", "rows/s");
    /* none: no watermark is declared, or no row was read; the largest: all sources have ended */
    if (figures->watermark_micros != WATERMARK_NONE) {
        char time[TIME_MAX_TEXT] = "end";
        if (figures->watermark_micros != WATERMARK_MAX) timestamp_format(figures->watermark_micros, 0, time);
        strbuf_printf(&text, "%swatermark %s", separator, time);
    }
    put_figure(&text, separator, figures->steps, "step", "steps");
    if (figures->checkpoints) put_figure(&text, separator, figures->checkpoints, "checkpoint", "checkpoints");
    if (figures->skipped_records) put_figure(&text, separator, figures->skipped_records, "skipped", "skipped");
    if (figures->late_rows) put_figure(&text, separator, figures->late_rows, "late", "late");
    strbuf_add(out, text.data, text.len);
    strbuf_free(&text);
}

void progress_print_transfer(struct strbuf *out, const struct figures *figures, bool writes, int64_t rate,
                             const char *separator) {
    struct strbuf text = {0};
    double seconds = (double)figures->elapsed_ns / 1e9, done = (double)figures->source_done;
    if (writes && figures->rows_queued) done *= (double)figures->rows_out / (double)figures->rows_queued;
    put_figure(&text, separator, writes ? figures->rows_out : figures->rows_in, "row", "rows");
    put_figure(&text, separator, rate, "rows/s", "rows/s");
    if (figures->source_in_bytes && seconds > 0) strbuf_printf(&text, "%s%.1f MB/s", separator, done / 1e6 / seconds);
    if (figures->source_total > 0) {
        double part = done / (double)figures->source_total;
        if (part > 1) part = 1;
        strbuf_printf(&text, "%s%d%%", separator, (int)(100 * part));
        if (part > 0) {
            strbuf_puts(&text, separator);
            text_put_duration(&text, (int64_t)((double)figures->elapsed_ns * (1 - part) / part));
            strbuf_puts(&text, " left");
        }
    }
    int64_t bad = figures->bad_records + figures->refused_rows;
    if (bad) put_figure(&text, separator, bad, "bad", "bad");
    strbuf_add(out, text.data, text.len);
    strbuf_free(&text);
}

/* Rows per second since the oldest sample that is kept. */
static int64_t recent_rate(struct progress *progress) {
    int slot = progress->sample_count++ % PROGRESS_RATE_SAMPLES;
    bool full = progress->sample_count > PROGRESS_RATE_SAMPLES;
    int64_t rows = progress->writes ? progress->now.rows_out : progress->now.rows_in;
    int64_t since_ns = full ? progress->sample_ns[slot] : 0, since_rows = full ? progress->sample_rows[slot] : 0;
    progress->sample_ns[slot] = progress->now.elapsed_ns;
    progress->sample_rows[slot] = rows;
    int64_t span_ns = progress->now.elapsed_ns - since_ns;
    return span_ns <= 0 ? 0 : (int64_t)((double)(rows - since_rows) * 1e9 / (double)span_ns);
}

void progress_update(struct progress *progress, const struct job_progress *job) {
    progress_update_quietly(progress, job, true);
}

void progress_update_quietly(struct progress *progress, const struct job_progress *job, bool show) {
    int64_t now_ns = clock_monotonic_ns();
    struct figures *figures = &progress->now;
    *figures = (struct figures){.rows_in = atomic_load(&job->rows_in),
                                .rows_out = atomic_load(&job->rows_out),
                                .skipped_records = atomic_load(&job->skipped_records),
                                .late_rows = atomic_load(&job->late_rows),
                                .steps = atomic_load(&job->steps),
                                .checkpoints = atomic_load(&job->checkpoints),
                                .watermark_micros = atomic_load(&job->watermark_micros),
                                .rows_queued = atomic_load(&job->rows_queued),
                                .refused_rows = atomic_load(&job->refused_rows),
                                .unapplied_rows = atomic_load(&job->unapplied_rows),
                                .bad_records = atomic_load(&job->bad_records),
                                .source_done = atomic_load(&job->source_done),
                                .source_total = atomic_load(&job->source_total),
                                .source_in_bytes = atomic_load(&job->source_in_bytes),
                                .elapsed_ns = now_ns - progress->start_ns};
    if (figures->watermark_micros != WATERMARK_MAX) progress->last_watermark_micros = figures->watermark_micros;
    int64_t rate = recent_rate(progress);
    if (!show) return;
    if (progress->terminal ? figures->elapsed_ns < PROGRESS_SHOW_AFTER_MS * INT64_C(1000000)
                           : now_ns - progress->last_line_ns < PROGRESS_LINE_MS * INT64_C(1000000))
        return;
    progress->last_line_ns = now_ns;
    struct strbuf line = {0}, out = {0};
    text_put_duration(&line, figures->elapsed_ns);
    strbuf_puts(&line, progress->terminal ? "  " : ": ");
    const char *separator = progress->terminal ? "  " : ", ";
    if (progress->transfer)
        progress_print_transfer(&line, figures, progress->writes, rate, separator);
    else
        progress_print(&line, figures, rate, separator);
    if (progress->terminal) {
        int width;
        line.len = text_fit(line.data, line.len, terminal_size(STDERR_FILENO).columns - 1, &width);
        /* The cursor goes back to the line's start, so that what a print table writes to the same terminal replaces it. */
        strbuf_puts(&out, "\r");
        strbuf_add(&out, line.data, line.len);
        strbuf_puts(&out, "\x1B[K\r");
        progress->drawn = true;
    } else {
        strbuf_add(&out, line.data, line.len);
        strbuf_putc(&out, '\n');
    }
    put_error_text(out.data, out.len);
    strbuf_free(&line);
    strbuf_free(&out);
}

void progress_erase(struct progress *progress) {
    if (!progress->drawn) return;
    progress->drawn = false;
    static const char erase[] = "\r\x1B[K";
    put_error_text(erase, sizeof erase - 1);
}
