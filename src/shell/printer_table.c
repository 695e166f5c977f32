/* Boxes: the formats table and tableau.
 *
 * Rows are kept back until there are enough of them to know the widths of columns (PRINT_WIDTH_ROWS, or the first chunk of
 * a stream); then the header and the rows are written, and all later rows with the same widths. A cell that is wider than
 * its column is cut where lines must not get longer (a terminal, tableau) and else pushes the line out. */
#include <stdlib.h>

#include "shell/printer_private.h"

struct cell {
    size_t offset; /* into the text */
    uint32_t len;
    int width; /* of the widest line; -1: several lines */
};

struct grid {
    int columns; /* with op */
    bool fixed;  /* the widths stand and the header is written */
    bool any;    /* a row was written */
    int *widths;
    bool *right;
    struct strbuf text;
    struct cell *cells;
    size_t cell_count, cell_capacity;
};

struct border {
    const char *left, *fill, *cross, *right;
};

struct style {
    struct border top, middle, bottom;
    const char *bar, *ellipsis;
    int ellipsis_width;
};

static const struct style light = {{"┌", "─", "┬", "┐"}, {"├", "─", "┼", "┤"}, {"└", "─", "┴", "┘"}, "│", "…", 1};
static const struct style ascii = {{"+", "-", "+", "+"}, {"+", "-", "+", "+"}, {"+", "-", "+", "+"}, "|", "...", 3};

static const struct style *style_of(const struct printer *printer) {
    return printer->options.utf8 && printer->options.format == PRINT_TABLE ? &light : &ascii;
}

static void put_border(struct printer *printer, const struct border *border) {
    struct strbuf *out = printer->out;
    for (int i = 0; i < printer->grid->columns; i++) {
        strbuf_puts(out, i ? border->cross : border->left);
        for (int k = 0; k < printer->grid->widths[i] + 2; k++) strbuf_puts(out, border->fill);
    }
    strbuf_puts(out, border->right);
    strbuf_putc(out, '\n');
}

/* ---- Cells ---- */

static void keep_text(struct grid *grid, const char *text, size_t len) {
    size_t offset = grid->text.len;
    text_put_safe(&grid->text, text, len, true);
    const char *safe = grid->text.data ? grid->text.data + offset : "";
    size_t safe_len = grid->text.len - offset;
    bool lines = safe_len && memchr(safe, '\n', safe_len);
    ARRAY_RESERVE(grid->cells, grid->cell_capacity, grid->cell_count + 1);
    grid->cells[grid->cell_count++] =
        (struct cell){offset, (uint32_t)safe_len, lines ? -1 : text_width(safe, safe_len)};
}

/* The next line of a cell that begins at *from; false behind the last. */
static bool next_line(const struct grid *grid, const struct cell *cell, size_t *from, struct str *line) {
    if (*from > cell->len) return false;
    const char *text = grid->text.data ? grid->text.data + cell->offset + *from : "";
    size_t left = cell->len - *from;
    const char *newline = left ? memchr(text, '\n', left) : NULL;
    *line = (struct str){text, newline ? (size_t)(newline - text) : left};
    *from += line->len + 1;
    return true;
}

static int cell_width(const struct grid *grid, const struct cell *cell) {
    if (cell->width >= 0) return cell->width;
    int widest = 0;
    struct str line;
    for (size_t from = 0; next_line(grid, cell, &from, &line);) {
        int width = text_width(line.data, line.len);
        if (width > widest) widest = width;
    }
    return widest;
}

static void put_line(struct printer *printer, struct str text, int width, bool right) {
    const struct style *style = style_of(printer);
    struct strbuf *out = printer->out;
    int taken = text_width(text.data, text.len);
    bool cut = taken > width && (printer->options.width > 0 || printer->options.format == PRINT_TABLEAU);
    int dots = style->ellipsis_width < width ? style->ellipsis_width : 0;
    if (cut) text.len = text_fit(text.data, text.len, width - dots, &taken);
    int blanks = width - taken - (cut ? dots : 0);
    if (right)
        for (; blanks > 0; blanks--) strbuf_putc(out, ' ');
    strbuf_add(out, text.data, text.len);
    if (cut && dots) strbuf_puts(out, style->ellipsis);
    for (; blanks > 0; blanks--) strbuf_putc(out, ' ');
}

/* One row, as many lines as its cell with the most lines. */
static void put_row(struct printer *printer, const struct cell *cells) {
    struct grid *grid = printer->grid;
    const struct style *style = style_of(printer);
    struct strbuf *out = printer->out;
    bool single = true;
    for (int i = 0; i < grid->columns; i++) single = single && cells[i].width >= 0;
    size_t *from = single ? NULL : xcalloc((size_t)grid->columns, sizeof *from);
    for (bool more = true; more;) {
        more = false;
        for (int i = 0; i < grid->columns; i++) {
            struct str line = {"", 0};
            if (single) {
                if (cells[i].len) line = (struct str){grid->text.data + cells[i].offset, cells[i].len};
            } else {
                next_line(grid, &cells[i], &from[i], &line);
                more = more || from[i] <= cells[i].len;
            }
            strbuf_puts(out, style->bar);
            strbuf_putc(out, ' ');
            put_line(printer, line, grid->widths[i], grid->right[i]);
            strbuf_putc(out, ' ');
        }
        strbuf_puts(out, style->bar);
        strbuf_putc(out, '\n');
    }
    free(from);
}

/* ---- Widths ---- */

/* Narrows the widest columns until the line fits. */
static void fit_widths(int *widths, int count, int line_width) {
    int64_t available = (int64_t)line_width - 3 * (int64_t)count - 1;
    int widest = PRINT_MIN_COLUMN;
    for (int i = 0; i < count; i++)
        if (widths[i] > widest) widest = widths[i];
    /* the largest cap that fits, by bisection; at least PRINT_MIN_COLUMN */
    int low = PRINT_MIN_COLUMN, high = widest;
    while (low < high) {
        int cap = low + (high - low + 1) / 2;
        int64_t sum = 0;
        for (int i = 0; i < count; i++) sum += widths[i] < cap ? widths[i] : cap;
        if (sum <= available)
            low = cap;
        else
            high = cap - 1;
    }
    int64_t sum = 0;
    for (int i = 0; i < count; i++) sum += widths[i] < low ? widths[i] : low;
    for (int i = 0; i < count; i++) {
        if (widths[i] <= low) continue;
        /* what bisection left over goes to the first ones that were cut */
        int64_t more = available - sum;
        int wanted = widths[i] - low, given = more <= 0 ? 0 : more < wanted ? (int)more : wanted;
        widths[i] = low + given;
        sum += given;
    }
}

/* Widths of Flink's tableau for streams, where no row is known yet: TableauStyle of Flink's table API. */
static int tableau_type_width(const struct type *type, int text_limit) {
    int width;
    switch (type->id) {
    case TYPE_TINYINT: width = 4; break;
    case TYPE_SMALLINT: width = 6; break;
    case TYPE_INT: width = 11; break;
    case TYPE_BIGINT: width = 20; break;
    case TYPE_DECIMAL: width = type->precision + 3; break;
    case TYPE_BOOLEAN: width = 5; break;
    case TYPE_DATE: width = 10; break;
    case TYPE_TIME: width = type->precision ? type->precision + 9 : 8; break;
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMP_LTZ: width = type->precision ? type->precision + 20 : 19; break;
    default: width = text_limit;
    }
    return width < 6 ? 6 : width; /* room for <NULL> */
}

/* Of a table whose later rows may be wider than those seen so far. */
static int stream_width(const struct type *type) {
    int most = type_is_numeric(type) ? 10 : type_is_char(type) || type_is_bytes(type) || type_is_nested(type) ? 16 : 32;
    int width = tableau_type_width(type, most);
    return width < most ? width : most;
}

static void fix_widths(struct printer *printer) {
    struct grid *grid = printer->grid;
    bool tableau = printer->options.format == PRINT_TABLEAU, by_type = tableau && printer->options.streaming;
    int text_limit = printer->options.max_column_width > 0 ? printer->options.max_column_width : PRINT_TABLEAU_COLUMN;
    for (size_t i = 0; i < grid->cell_count; i++) {
        int column = (int)(i % (size_t)grid->columns);
        if (by_type && i >= (size_t)grid->columns) break; /* the header's names only */
        int width = cell_width(grid, &grid->cells[i]);
        if (tableau && width > text_limit && i >= (size_t)grid->columns) width = text_limit;
        if (width > grid->widths[column]) grid->widths[column] = width;
    }
    for (int i = printer->op; printer->options.streaming && i < grid->columns; i++) {
        const struct type *type = printer->schema->types[i - printer->op];
        int width = tableau ? tableau_type_width(type, text_limit) : stream_width(type);
        if (width > grid->widths[i]) grid->widths[i] = width;
    }
    if (!tableau && printer->options.width > 0) fit_widths(grid->widths, grid->columns, printer->options.width);
}

/* ---- The class ---- */

static void grid_begin(struct printer *printer) {
    struct grid *grid = xcalloc(1, sizeof *grid);
    const struct schema *schema = printer->schema;
    bool tableau = printer->options.format == PRINT_TABLEAU;
    printer->grid = grid;
    grid->columns = schema->column_count + printer->op;
    grid->widths = xcalloc((size_t)grid->columns + 1, sizeof *grid->widths);
    grid->right = xcalloc((size_t)grid->columns + 1, sizeof *grid->right);
    if (printer->op) keep_text(grid, "op", 2);
    for (int i = 0; i < schema->column_count; i++) {
        keep_text(grid, schema->names[i], strlen(schema->names[i]));
        grid->right[i + printer->op] = tableau || right_aligned(schema->types[i]);
    }
}

static void grid_flush(struct printer *printer) {
    struct grid *grid = printer->grid;
    const struct style *style = style_of(printer);
    size_t from = 0;
    if (!grid->fixed) {
        fix_widths(printer);
        grid->fixed = true;
        put_border(printer, &style->top);
        put_row(printer, grid->cells);
        put_border(printer, &style->middle);
        from = (size_t)grid->columns;
    }
    for (; from < grid->cell_count; from += (size_t)grid->columns) put_row(printer, grid->cells + from);
    grid->cell_count = 0;
    strbuf_clear(&grid->text);
}

static void grid_row(struct printer *printer, const struct chunk *chunk, int row, const char *op) {
    struct grid *grid = printer->grid;
    if (op) keep_text(grid, op, strlen(op));
    for (int i = 0; i < chunk->column_count; i++) {
        strbuf_clear(&printer->scratch);
        if (printer->options.format == PRINT_TABLEAU && vector_is_null(&chunk->columns[i], row))
            strbuf_puts(&printer->scratch, "<NULL>");
        else
            cell_put(&printer->scratch, &chunk->columns[i], row, printer->options.zone);
        keep_text(grid, printer->scratch.data ? printer->scratch.data : "", printer->scratch.len);
    }
    grid->any = true;
    if (grid->fixed
            ? grid->cell_count >= (size_t)grid->columns * 64
            : (grid->cell_count / (size_t)grid->columns > PRINT_WIDTH_ROWS || grid->text.len > PRINT_WIDTH_BYTES))
        grid_flush(printer);
}

static void table_end(struct printer *printer) { put_border(printer, &style_of(printer)->bottom); }

static void tableau_flush(struct printer *printer) {
    /* an empty result of a batch has no table */
    if (printer->grid->any || printer->options.streaming) grid_flush(printer);
}

static void tableau_end(struct printer *printer) {
    if (printer->grid->any) put_border(printer, &ascii.bottom);
    long long count = (long long)printer->row_count;
    if (printer->options.streaming)
        strbuf_printf(printer->out, "Received a total of %lld row%s\n", count, count > 1 ? "s" : "");
    else if (count)
        strbuf_printf(printer->out, "%lld row%s in set\n", count, count > 1 ? "s" : "");
    else
        strbuf_puts(printer->out, "Empty set\n");
}

static void grid_destroy(struct printer *printer) {
    struct grid *grid = printer->grid;
    if (!grid) return;
    strbuf_free(&grid->text);
    free(grid->cells);
    free(grid->widths);
    free(grid->right);
    free(grid);
}

const struct printer_class printer_table_class = {
    .begin = grid_begin, .row = grid_row, .flush = grid_flush, .end = table_end, .destroy = grid_destroy};
const struct printer_class printer_tableau_class = {
    .begin = grid_begin, .row = grid_row, .flush = tableau_flush, .end = tableau_end, .destroy = grid_destroy};
