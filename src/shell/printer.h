/* Result sets as text, in every format that --format knows.
 *
 * A printer appends to a text buffer that its owner writes out; it knows no files and no terminals. */
#ifndef MILLRACE_SHELL_PRINTER_H
#define MILLRACE_SHELL_PRINTER_H

#include "column/vector.h"
#include "types/time.h"

enum {
    PRINT_WIDTH_ROWS = 2000,     /* rows kept back to find the widths of columns */
    PRINT_WIDTH_BYTES = 4 << 20, /* … or so many bytes */
    PRINT_MIN_COLUMN = 5,        /* columns are not made narrower than this to fit a terminal */
    PRINT_TABLEAU_COLUMN = 30,   /* Flink's table.display.max-column-width */
};

enum print_format {
    PRINT_TABLE, /* boxes */
    PRINT_CSV,   /* RFC 4180 with a header line; NULL is an empty field, the empty string "" */
    PRINT_TSV,   /* header line; NULL is \N; tab, newline, return and backslash are \t \n \r \\ */
    PRINT_JSON,  /* one array of objects per result */
    PRINT_JSONL, /* one object per line */
    PRINT_MARKDOWN,
    PRINT_VERTICAL, /* one line per value */
    PRINT_TABLEAU,  /* as Flink's client in tableau mode */
    PRINT_PLAIN,    /* the values alone, a line per row: for EXPLAIN and SHOW CREATE */
    PRINT_FORMAT_COUNT
};
const char *print_format_name(enum print_format format); /* as --format takes it */
/* The formats that a user can name (not PLAIN and TABLEAU); false: there is none of this name. */
bool print_format_find(const char *name, enum print_format *out);

struct print_options {
    enum print_format format;
    bool changelog;       /* a first column op: +I -U +U -D */
    bool streaming;       /* rows are shown as they come, so widths are found from the first chunk */
    bool utf8;            /* lines and … may be drawn beyond ASCII */
    int width;            /* of the terminal: longer lines are cut; 0 = no limit */
    int max_column_width; /* TABLEAU: of strings and nested values; 0 = PRINT_TABLEAU_COLUMN */
    const struct time_zone *zone;
};

struct printer;
/* schema and out outlive the printer. Nothing is written before the first row or the end. */
struct printer *printer_create(const struct print_options *options, const struct schema *schema, struct strbuf *out);
/* Rows of any form of vectors; a selection is respected. kinds (enum row_kind by physical row) counts with changelog only. */
void printer_rows(struct printer *printer, const struct chunk *chunk, const uint8_t *kinds);
/* Writes all lines that are kept back. */
void printer_flush(struct printer *printer);
/* The end of the result: header if there was no row, bottom line, closing bracket. */
void printer_end(struct printer *printer);
/* Also of a result that never ended. */
void printer_destroy(struct printer *printer);
int64_t printer_row_count(const struct printer *printer);

#endif
