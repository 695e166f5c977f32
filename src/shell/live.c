/* A running query's current result in place. */
#include "shell/live.h"

#include "shell/text.h"

/* Lines beside rows: three of the box above, one below, the summary, and one for the cursor. */
enum { LIVE_FRAME_LINES = 6, LIVE_MIN_ROWS = 1 };

void live_erase(struct live_view *view, struct strbuf *out) {
    if (view->lines) strbuf_printf(out, "\r\x1B[%dA\x1B[J", view->lines);
    view->lines = 0;
}

void live_draw(struct live_view *view, const struct print_options *options, const struct schema *schema,
               const struct chunk *const *chunks, int chunk_count, int terminal_rows, int terminal_columns,
               struct strbuf *out) {
    struct strbuf text = {0};
    struct printer *printer = printer_create(options, schema, &text);
    int64_t total = 0;
    int room = terminal_rows - LIVE_FRAME_LINES > LIVE_MIN_ROWS ? terminal_rows - LIVE_FRAME_LINES : LIVE_MIN_ROWS;
    for (int i = 0; i < chunk_count; i++) {
        struct chunk part = *chunks[i];
        int count = part.sel ? part.sel_count : part.row_count, left = room - (int)printer_row_count(printer);
        total += count;
        if (count > left) count = left;
        if (part.sel)
            part.sel_count = count;
        else
            part.row_count = part.sel_count = count;
        printer_rows(printer, &part, NULL);
    }
    int64_t shown = printer_row_count(printer);
    printer_end(printer);
    printer_destroy(printer);
    strbuf_putc(&text, '(');
    text_put_count(&text, total);
    strbuf_puts(&text, total == 1 ? " row" : " rows");
    if (shown < total) {
        strbuf_puts(&text, ", the first ");
        text_put_count(&text, shown);
        strbuf_puts(&text, " shown");
    }
    strbuf_puts(&text, "; running, Ctrl-C ends it)\n");

    /* Every line must be one line of the terminal, and cells may have several: both are cut. */
    if (view->lines) strbuf_printf(out, "\r\x1B[%dA", view->lines);
    int lines = 0, most = terminal_rows > 2 ? terminal_rows - 1 : 1;
    for (size_t from = 0; from < text.len && lines < most; lines++) {
        const char *newline = memchr(text.data + from, '\n', text.len - from);
        size_t len = (size_t)(newline - (text.data + from));
        int width;
        strbuf_add(out, text.data + from, text_fit(text.data + from, len, terminal_columns, &width));
        strbuf_puts(out, width < terminal_columns ? "\x1B[K\n" : "\n");
        from += len + 1;
    }
    strbuf_puts(out, "\x1B[J");
    view->lines = lines;
    strbuf_free(&text);
}
