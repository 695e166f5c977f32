/* Where results go. */
#include "shell/output.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum status output_flush(struct output *output, struct error *err) {
    for (size_t from = 0; from < output->buf.len && !output->broken;) {
        ssize_t n = write(output->fd, output->buf.data + from, output->buf.len - from);
        if (n >= 0) {
            from += (size_t)n;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) { /* somebody made the terminal non-blocking */
            struct pollfd ready = {.fd = output->fd, .events = POLLOUT};
            poll(&ready, 1, 100);
        } else if (errno != EINTR) {
            output->broken = true;
            enum status status = errno == EPIPE
                                     ? error_set(err, STATUS_CANCELLED, "nobody reads the results any more")
                                     : error_set(err, STATUS_IO_ERROR, "cannot write the results: %s", strerror(errno));
            strbuf_clear(&output->buf);
            return status;
        }
    }
    strbuf_clear(&output->buf);
    if (output->broken) return error_set(err, STATUS_CANCELLED, "nobody reads the results any more");
    return STATUS_OK;
}

struct terminal_size terminal_size(int fd) {
    struct terminal_size size = {80, 24};
    struct winsize window;
    if (ioctl(fd, TIOCGWINSZ, &window) == 0) {
        if (window.ws_col > 0) size.columns = window.ws_col;
        if (window.ws_row > 0) size.rows = window.ws_row;
    }
    return size;
}

bool terminal_is_utf8(void) {
    static const char *const variables[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (int i = 0; i < 3; i++) {
        const char *value = getenv(variables[i]);
        if (!value || !*value) continue;
        for (const char *p = value; *p; p++)
            if (str_equal_nocase((struct str){p, strnlen(p, 5)}, str_from("UTF-8")) ||
                str_equal_nocase((struct str){p, strnlen(p, 4)}, str_from("UTF8")))
                return true;
        return false;
    }
    return false;
}
