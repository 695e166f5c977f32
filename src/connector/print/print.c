/* 'connector' = 'print': writes every change to standard output (or error), as "+I[1, a, NULL]". */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "connector/connector.h"

enum { PRINT_BUFFER_BYTES = 64 << 10 };

static const struct option_def options[] = {
    {.name = "print-identifier", .type = OPTION_STRING, .doc = "stands in front of every line, followed by \"> \""},
    {.name = "standard-error",
     .type = OPTION_BOOL,
     .default_value = "false",
     .doc = "writes to standard error instead of standard output"},
    OPTION_END,
};

struct sink {
    const struct time_zone *zone;
    char *identifier; /* NULL: none */
    int fd;
    struct arena arena; /* of one row's values */
    struct strbuf buf;
};

static enum changes accepts(const struct table *table) {
    (void)table;
    return CHANGES_RETRACT;
}

static enum status sink_open(const struct table *table, const struct sink_options *sink_options, struct sink **out,
                             struct error *err) {
    (void)err;
    struct sink *sink = xcalloc(1, sizeof *sink);
    sink->zone = sink_options->zone;
    const char *identifier = option_string(&table->options, options, "print-identifier");
    sink->identifier = identifier && *identifier ? xstrdup(identifier) : NULL;
    sink->fd = option_bool(&table->options, options, "standard-error") ? STDERR_FILENO : STDOUT_FILENO;
    arena_init(&sink->arena, sink_options->account);
    *out = sink;
    return STATUS_OK;
}

static enum status write_out(struct sink *sink, struct error *err) {
    for (size_t done = 0; done < sink->buf.len;) {
        ssize_t n = write(sink->fd, sink->buf.data + done, sink->buf.len - done);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return error_set(err, STATUS_IO_ERROR, "cannot write to standard output: %s", strerror(errno));
        done += (size_t)n;
    }
    strbuf_clear(&sink->buf);
    return STATUS_OK;
}

static enum status sink_write(struct sink *sink, const struct sink_rows *rows, struct error *err) {
    const struct chunk *chunk = rows->chunk;
    for (int row = 0; row < chunk->row_count; row++) {
        if (sink->identifier) strbuf_printf(&sink->buf, "%s> ", sink->identifier);
        strbuf_printf(&sink->buf, "%s[", row_kind_name(rows->kinds[row]));
        for (int i = 0; i < chunk->column_count; i++) {
            if (i) strbuf_puts(&sink->buf, ", ");
            struct value value = vector_get(&chunk->columns[i], row, &sink->arena);
            value_print(&sink->buf, &value, sink->zone);
        }
        strbuf_puts(&sink->buf, "]\n");
        arena_reset(&sink->arena);
        if (sink->buf.len >= PRINT_BUFFER_BYTES) TRY(write_out(sink, err));
    }
    return STATUS_OK;
}

static enum status end_step(struct sink *sink, int64_t step_id, struct error *err) {
    (void)step_id;
    return write_out(sink, err);
}

static void sink_close(struct sink *sink, bool failed) {
    if (!failed) (void)write_out(sink, NULL); /* all steps were ended: nothing is left */
    free(sink->identifier);
    strbuf_free(&sink->buf);
    arena_destroy(&sink->arena);
    free(sink);
}

static const struct sink_class sink_class = {
    .accepts = accepts,
    .open = sink_open,
    .write = sink_write,
    .end_step = end_step,
    .flush = write_out,
    .close = sink_close,
};

extern const struct connector print_connector;
const struct connector print_connector = {
    .name = "print",
    .doc = "writes every change to standard output",
    .options = options,
    .sink = &sink_class,
};
