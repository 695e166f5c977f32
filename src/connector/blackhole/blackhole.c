/* 'connector' = 'blackhole': takes every row and forgets it. For measuring. */
#include <stdlib.h>

#include "connector/connector.h"

static const struct option_def options[] = {OPTION_END};

struct sink {
    int64_t row_count;
};

static enum changes accepts(const struct table *table) {
    (void)table;
    return CHANGES_RETRACT;
}

static enum status sink_open(const struct table *table, const struct sink_options *sink_options, struct sink **out,
                             struct error *err) {
    (void)table;
    (void)sink_options;
    (void)err;
    *out = xcalloc(1, sizeof **out);
    return STATUS_OK;
}

static enum status sink_write(struct sink *sink, const struct sink_rows *rows, struct error *err) {
    (void)err;
    sink->row_count += rows->chunk->row_count;
    return STATUS_OK;
}

static enum status end_step(struct sink *sink, int64_t step_id, struct error *err) {
    (void)sink;
    (void)step_id;
    (void)err;
    return STATUS_OK;
}

static enum status flush(struct sink *sink, struct error *err) {
    (void)sink;
    (void)err;
    return STATUS_OK;
}

static void sink_close(struct sink *sink, bool failed) {
    (void)failed;
    free(sink);
}

static const struct sink_class sink_class = {
    .accepts = accepts,
    .open = sink_open,
    .write = sink_write,
    .end_step = end_step,
    .flush = flush,
    .close = sink_close,
};

extern const struct connector blackhole_connector;
const struct connector blackhole_connector = {
    .name = "blackhole",
    .doc = "takes every row and forgets it",
    .options = options,
    .sink = &sink_class,
};
