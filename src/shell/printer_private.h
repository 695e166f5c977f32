/* Inside of the printers. */
#ifndef MILLRACE_SHELL_PRINTER_PRIVATE_H
#define MILLRACE_SHELL_PRINTER_PRIVATE_H

#include "connector/connector.h"
#include "shell/printer.h"
#include "shell/text.h"

struct printer_class {
    void (*begin)(struct printer *printer); /* before the first row or the end */
    void (*row)(struct printer *printer, const struct chunk *chunk, int row, const char *op);
    void (*flush)(struct printer *printer); /* may be NULL */
    void (*end)(struct printer *printer);
    void (*destroy)(struct printer *printer); /* may be NULL */
};

struct grid;

struct printer {
    const struct printer_class *class;
    struct print_options options;
    struct arena arena; /* of schema: a copy, since a failed query's own is gone before its result is abandoned */
    const struct schema *schema;
    struct strbuf *out;
    bool begun, op; /* op: there is an op column */
    int64_t row_count;
    struct strbuf scratch;
    struct strbuf *keys; /* JSON: "name": per column; VERTICAL: padded names */
    struct grid *grid;   /* TABLE, TABLEAU */
};

extern const struct printer_class printer_table_class, printer_tableau_class; /* printer_table.c */

static inline bool right_aligned(const struct type *type) { return type_is_numeric(type); }

#endif
