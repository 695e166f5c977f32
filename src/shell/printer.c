/* Result sets as text: the formats that need nothing but the row at hand. */
#include "shell/printer.h"

#include <stdlib.h>

#include "shell/printer_private.h"

static const char *const format_names[PRINT_FORMAT_COUNT] = {
    [PRINT_TABLE] = "table",       [PRINT_CSV] = "csv",         [PRINT_TSV] = "tsv",
    [PRINT_JSON] = "json",         [PRINT_JSONL] = "jsonl",     [PRINT_MARKDOWN] = "markdown",
    [PRINT_VERTICAL] = "vertical", [PRINT_TABLEAU] = "tableau", [PRINT_PLAIN] = "plain",
};

const char *print_format_name(enum print_format format) { return format_names[format]; }

bool print_format_find(const char *name, enum print_format *out) {
    for (int i = 0; i < PRINT_TABLEAU; i++)
        if (str_compare_nocase(name, format_names[i]) == 0) {
            *out = (enum print_format)i;
            return true;
        }
    return false;
}

/* The cell's text in printer->scratch. */
static struct str cell_text(struct printer *printer, const struct vector *vec, int row) {
    strbuf_clear(&printer->scratch);
    cell_put(&printer->scratch, vec, row, printer->options.zone);
    return printer->scratch.len ? strbuf_str(&printer->scratch) : (struct str){"", 0};
}

static void nothing(struct printer *printer) { (void)printer; }

/* ---- CSV: RFC 4180 ---- */

static void csv_field(struct strbuf *out, struct str text) {
    bool quote = text.len == 0;
    for (size_t i = 0; i < text.len && !quote; i++)
        quote = text.data[i] == ',' || text.data[i] == '"' || text.data[i] == '\n' || text.data[i] == '\r';
    if (!quote) {
        strbuf_add(out, text.data, text.len);
        return;
    }
    strbuf_putc(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '"') strbuf_putc(out, '"');
        strbuf_putc(out, text.data[i]);
    }
    strbuf_putc(out, '"');
}

static void csv_begin(struct printer *printer) {
    if (printer->op) strbuf_puts(printer->out, "op");
    for (int i = 0; i < printer->schema->column_count; i++) {
        if (i || printer->op) strbuf_putc(printer->out, ',');
        csv_field(printer->out, str_from(printer->schema->names[i]));
    }
    strbuf_putc(printer->out, '\n');
}

static void csv_row(struct printer *printer, const struct chunk *chunk, int row, const char *op) {
    struct strbuf *out = printer->out;
    if (op) strbuf_puts(out, op);
    for (int i = 0; i < chunk->column_count; i++) {
        const struct vector *vec = &chunk->columns[i];
        if (i || op) strbuf_putc(out, ',');
        if (vector_is_null(vec, row)) continue;
        if (type_is_char(vec->type) || type_is_bytes(vec->type) || type_is_nested(vec->type))
            csv_field(out, cell_text(printer, vec, row));
        else
            cell_put(out, vec, row, printer->options.zone);
    }
    strbuf_putc(out, '\n');
}

static const struct printer_class csv_class = {.begin = csv_begin, .row = csv_row, .end = nothing};

/* ---- TSV, escaped as PostgreSQL's COPY does ---- */

static void tsv_field(struct strbuf *out, struct str text) {
    for (size_t i = 0; i < text.len; i++) switch (text.data[i]) {
        case '\t': strbuf_puts(out, "\\t"); break;
        case '\n': strbuf_puts(out, "\\n"); break;
        case '\r': strbuf_puts(out, "\\r"); break;
        case '\\': strbuf_puts(out, "\\\\"); break;
        default: strbuf_putc(out, text.data[i]);
        }
}

static void tsv_begin(struct printer *printer) {
    if (printer->op) strbuf_puts(printer->out, "op");
    for (int i = 0; i < printer->schema->column_count; i++) {
        if (i || printer->op) strbuf_putc(printer->out, '\t');
        tsv_field(printer->out, str_from(printer->schema->names[i]));
    }
    strbuf_putc(printer->out, '\n');
}

static void tsv_row(struct printer *printer, const struct chunk *chunk, int row, const char *op) {
    struct strbuf *out = printer->out;
    if (op) strbuf_puts(out, op);
    for (int i = 0; i < chunk->column_count; i++) {
        if (i || op) strbuf_putc(out, '\t');
        if (vector_is_null(&chunk->columns[i], row))
            strbuf_puts(out, "\\N");
        else
            tsv_field(out, cell_text(printer, &chunk->columns[i], row));
    }
    strbuf_putc(out, '\n');
}

static const struct printer_class tsv_class = {.begin = tsv_begin, .row = tsv_row, .end = nothing};

/* ---- JSON ---- */

static void json_object(struct printer *printer, const struct chunk *chunk, int row, const char *op) {
    struct strbuf *out = printer->out;
    strbuf_putc(out, '{');
    if (op) strbuf_printf(out, "\"op\":\"%s\"", op);
    for (int i = 0; i < chunk->column_count; i++) {
        if (i || op) strbuf_putc(out, ',');
        strbuf_add(out, printer->keys[i].data, printer->keys[i].len);
        cell_put_json(out, &chunk->columns[i], row, printer->options.zone);
    }
    strbuf_putc(out, '}');
}

static void json_keys(struct printer *printer) {
    for (int i = 0; i < printer->schema->column_count; i++) {
        const char *name = printer->schema->names[i];
        text_put_json(&printer->keys[i], name, strlen(name));
        strbuf_putc(&printer->keys[i], ':');
    }
}

static void json_begin(struct printer *printer) {
    json_keys(printer);
    strbuf_putc(printer->out, '[');
}

static void json_row(struct printer *printer, const struct chunk *chunk, int row, const char *op) {
    if (printer->row_count) strbuf_puts(printer->out, ",\n");
    json_object(printer, chunk, row, op);
}

static void json_end(struct printer *printer) { strbuf_puts(printer->out, "]\n"); }

static const struct printer_class json_class = {.begin = json_begin, .row = json_row, .end = json_end};

static void jsonl_row(struct printer *printer, const struct chunk *chunk, int row, const char *op) {
    json_object(printer, chunk, row, op);
    strbuf_putc(printer->out, '\n');
}

static const struct printer_class jsonl_class = {.begin = json_keys, .row = jsonl_row, .end = nothing};

/* ---- Markdown ---- */

static void markdown_cell(struct printer *printer, struct str text) {
    strbuf_putc(printer->out, ' ');
    for (size_t i = 0; i < text.len; i++) switch (text.data[i]) {
        case '|': strbuf_puts(printer->out, "\\|"); break;
        case '\n': strbuf_puts(printer->out, "<br>"); break;
        case '\r': break;
        default: strbuf_putc(printer->out, text.data[i]);
        }
    strbuf_puts(printer->out, " |");
}

static void markdown_begin(struct printer *printer) {
    strbuf_putc(printer->out, '|');
    if (printer->op) strbuf_puts(printer->out, " op |");
    for (int i = 0; i < printer->schema->column_count; i++) markdown_cell(printer, str_from(printer->schema->names[i]));
    strbuf_puts(printer->out, "\n|");
    if (printer->op) strbuf_puts(printer->out, " --- |");
    for (int i = 0; i < printer->schema->column_count; i++)
        strbuf_puts(printer->out, right_aligned(printer->schema->types[i]) ? " ---: |" : " --- |");
    strbuf_putc(printer->out, '\n');
}

static void markdown_row(struct printer *printer, const struct chunk *chunk, int row, const char *op) {
    strbuf_putc(printer->out, '|');
    if (op) strbuf_printf(printer->out, " %s |", op);
    for (int i = 0; i < chunk->column_count; i++) markdown_cell(printer, cell_text(printer, &chunk->columns[i], row));
    strbuf_putc(printer->out, '\n');
}

static const struct printer_class markdown_class = {.begin = markdown_begin, .row = markdown_row, .end = nothing};

/* ---- Vertical ---- */

static void vertical_begin(struct printer *printer) {
    const struct schema *schema = printer->schema;
    int widest = printer->op ? 2 : 0;
    for (int i = 0; i < schema->column_count; i++) {
        text_put_safe(&printer->keys[i], schema->names[i], strlen(schema->names[i]), false);
        int width = text_width(printer->keys[i].data ? printer->keys[i].data : "", printer->keys[i].len);
        if (width > widest) widest = width;
    }
    /* one more: the blanks of op and of continued lines */
    for (int i = 0; i <= schema->column_count; i++) {
        int width = text_width(printer->keys[i].data ? printer->keys[i].data : "", printer->keys[i].len);
        for (; width < widest; width++) strbuf_putc(&printer->keys[i], ' ');
    }
}

static void vertical_row(struct printer *printer, const struct chunk *chunk, int row, const char *op) {
    struct strbuf *out = printer->out;
    const struct strbuf *blanks = &printer->keys[printer->schema->column_count];
    size_t start = out->len;
    strbuf_printf(out, "-[ RECORD %lld ]", (long long)printer->row_count + 1);
    while (out->len < start + blanks->len + 2 || out->len < start + 24) strbuf_putc(out, '-');
    strbuf_putc(out, '\n');
    if (op) strbuf_printf(out, "op%s | %s\n", blanks->len > 2 ? blanks->data + 2 : "", op);
    for (int i = 0; i < chunk->column_count; i++) {
        struct strbuf safe = {0};
        struct str text = cell_text(printer, &chunk->columns[i], row);
        text_put_safe(&safe, text.data, text.len, true);
        const struct strbuf *key = &printer->keys[i];
        for (size_t from = 0; from <= safe.len;) {
            const char *newline = safe.len > from ? memchr(safe.data + from, '\n', safe.len - from) : NULL;
            size_t to = newline ? (size_t)(newline - safe.data) : safe.len;
            strbuf_add(out, key->data, key->len);
            strbuf_puts(out, to > from ? " | " : " |");
            strbuf_add(out, safe.data + from, to - from);
            strbuf_putc(out, '\n');
            from = to + 1;
            key = blanks;
        }
        strbuf_free(&safe);
    }
}

static const struct printer_class vertical_class = {.begin = vertical_begin, .row = vertical_row, .end = nothing};

/* ---- Plain ---- */

static void plain_row(struct printer *printer, const struct chunk *chunk, int row, const char *op) {
    if (op) strbuf_puts(printer->out, op);
    for (int i = 0; i < chunk->column_count; i++) {
        if (i || op) strbuf_putc(printer->out, ' ');
        cell_put(printer->out, &chunk->columns[i], row, printer->options.zone);
    }
    strbuf_putc(printer->out, '\n');
}

static const struct printer_class plain_class = {.begin = nothing, .row = plain_row, .end = nothing};

/* ---- All ---- */

struct printer *printer_create(const struct print_options *options, const struct schema *schema, struct strbuf *out) {
    static const struct printer_class *const classes[PRINT_FORMAT_COUNT] = {
        [PRINT_TABLE] = &printer_table_class,
        [PRINT_CSV] = &csv_class,
        [PRINT_TSV] = &tsv_class,
        [PRINT_JSON] = &json_class,
        [PRINT_JSONL] = &jsonl_class,
        [PRINT_MARKDOWN] = &markdown_class,
        [PRINT_VERTICAL] = &vertical_class,
        [PRINT_TABLEAU] = &printer_tableau_class,
        [PRINT_PLAIN] = &plain_class,
    };
    struct printer *printer = xcalloc(1, sizeof *printer);
    printer->class = classes[options->format];
    printer->options = *options;
    arena_init(&printer->arena, NULL);
    printer->schema = schema_copy(&printer->arena, schema);
    printer->out = out;
    /* Flink's client shows op for streams only */
    printer->op = options->changelog && (options->format != PRINT_TABLEAU || options->streaming);
    printer->keys = xcalloc((size_t)schema->column_count + 1, sizeof *printer->keys);
    return printer;
}

static void begin(struct printer *printer) {
    if (printer->begun) return;
    printer->begun = true;
    printer->class->begin(printer);
}

void printer_rows(struct printer *printer, const struct chunk *chunk, const uint8_t *kinds) {
    int count = chunk->sel ? chunk->sel_count : chunk->row_count;
    if (count == 0) return;
    begin(printer);
    for (int i = 0; i < count; i++) {
        int row = chunk_row(chunk, i);
        printer->class->row(printer, chunk, row, printer->op ? row_kind_name(kinds ? kinds[row] : ROW_INSERT) : NULL);
        printer->row_count++;
    }
    if (printer->options.streaming) printer_flush(printer);
}

void printer_flush(struct printer *printer) {
    if (printer->begun && printer->class->flush) printer->class->flush(printer);
}

void printer_end(struct printer *printer) {
    begin(printer);
    printer_flush(printer);
    printer->class->end(printer);
}

void printer_destroy(struct printer *printer) {
    if (!printer) return;
    if (printer->class->destroy) printer->class->destroy(printer);
    for (int i = 0; i <= printer->schema->column_count; i++) strbuf_free(&printer->keys[i]);
    free(printer->keys);
    strbuf_free(&printer->scratch);
    arena_destroy(&printer->arena);
    free(printer);
}

int64_t printer_row_count(const struct printer *printer) { return printer->row_count; }
