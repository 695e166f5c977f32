/* The progress line of a job, on standard error: rewritten in place in a terminal, else a line every few seconds. */
#ifndef MILLRACE_SHELL_PROGRESS_H
#define MILLRACE_SHELL_PROGRESS_H

#include "base/str.h"
#include "job/job.h"

enum {
    PROGRESS_LINE_MS = 5000,      /* between lines when it is no terminal */
    PROGRESS_SHOW_AFTER_MS = 400, /* in a terminal: short jobs show nothing */
    PROGRESS_RATE_SAMPLES = 16,   /* the rate shown is that of the last so many calls */
};

/* A job's figures at one moment. */
struct figures {
    int64_t rows_in, rows_out, skipped_records, late_rows, steps, checkpoints, watermark_micros, elapsed_ns;
    int64_t refused_rows, unapplied_rows, bad_records, rows_queued;
    int64_t source_done, source_total; /* see struct job_progress */
    bool source_in_bytes;
};

struct progress {
    bool terminal, drawn;
    bool transfer; /* of load, unload and count: how far it is, and how long it will take */
    bool writes;   /* of these: the rows written are shown, not those read */
    int64_t start_ns, last_line_ns;
    struct figures now;
    int64_t last_watermark_micros; /* before the end of all sources */
    int64_t sample_ns[PROGRESS_RATE_SAMPLES], sample_rows[PROGRESS_RATE_SAMPLES];
    int sample_count; /* ever taken */
};

/* The job starts now. */
void progress_start(struct progress *progress, bool terminal);
/* Takes the figures; shows them only if told to. */
void progress_update_quietly(struct progress *progress, const struct job_progress *figures, bool show);
/* Called a few times a second. */
void progress_update(struct progress *progress, const struct job_progress *figures);
/* Takes the line off the terminal again. */
void progress_erase(struct progress *progress);

/* "1,000,000 rows in, 5,000 out, 81,300 rows/s, watermark 2026-03-01 10:15:00, 13 steps, 2 checkpoints". rate: rows/s. */
void progress_print(struct strbuf *out, const struct figures *figures, int64_t rate, const char *separator);
/* "1,000,000 rows  81,300 rows/s  12.3 MB/s  40%  5 s left". Rows that wait to be written are not done yet. */
void progress_print_transfer(struct strbuf *out, const struct figures *figures, bool writes, int64_t rate,
                             const char *separator);
/* Of the whole run. */
int64_t progress_rate(const struct figures *figures);

#endif
