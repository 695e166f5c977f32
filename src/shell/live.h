/* A running query's current result, redrawn in place at the bottom of the terminal. */
#ifndef MILLRACE_SHELL_LIVE_H
#define MILLRACE_SHELL_LIVE_H

#include "shell/printer.h"

struct live_view {
    int lines; /* on the terminal now */
};

/* Appends to out what replaces the lines drawn last by the result's first rows, as many as the terminal's height has room
 * for, and a line that says how many there are. */
void live_draw(struct live_view *view, const struct print_options *options, const struct schema *schema,
               const struct chunk *const *chunks, int chunk_count, int terminal_rows, int terminal_columns,
               struct strbuf *out);

/* Appends what takes them off again. */
void live_erase(struct live_view *view, struct strbuf *out);

#endif
