/* Where results go: a file descriptor behind a buffer. */
#ifndef MILLRACE_SHELL_OUTPUT_H
#define MILLRACE_SHELL_OUTPUT_H

#include "base/str.h"

enum { OUTPUT_BUFFER_BYTES = 1 << 16 };

struct output {
    int fd;
    bool broken;       /* nobody reads any more, or writing failed: what comes is dropped */
    struct strbuf buf; /* to be filled directly; output_flush writes it */
};

/* Writes everything. After a failure every call fails, with STATUS_CANCELLED for a closed pipe. */
enum status output_flush(struct output *output, struct error *err);

struct terminal_size {
    int columns, rows; /* 80 x 24 when unknown */
};
struct terminal_size terminal_size(int fd);

/* Does the locale of the environment say UTF-8? */
bool terminal_is_utf8(void);

#endif
