/* Bytes to rows: csv, json, and the pages of a Cassandra response. */
#include "cases.h"
#include "cass/bytes.h"
#include "cql/message.h"
#include "format/format.h"

enum { RECORDS = 4000, CQL_COLUMNS = 6, CQL_ROWS = VECTOR_CAPACITY };

static const char *const names[] = {"id", "name", "price", "amount", "at"};
enum { FIELDS = sizeof names / sizeof *names };

struct text_table {
    const struct format *format;
    struct format_reader *reader;
    struct format_schema schema;
    char *data;
    size_t size;
    int passes;
    struct arena morsel;
};

/* RECORDS lines, each made of the same numbers by printf. */
static struct text_table *text_table(struct arena *arena, const char *format, const char *line, int passes) {
    struct text_table *table = ARENA_NEW(arena, struct text_table);
    const struct type **types = ARENA_ARRAY(arena, const struct type *, FIELDS);
    types[0] = type_of(TYPE_BIGINT);
    types[1] = type_of(TYPE_VARCHAR);
    types[2] = type_decimal(arena, 12, 2, true);
    types[3] = type_of(TYPE_DOUBLE);
    types[4] = type_time(arena, TYPE_TIMESTAMP, 3, true);
    table->format = format_find(format);
    table->schema = (struct format_schema){.field_count = FIELDS, .names = names, .types = types};
    struct strbuf text = {0};
    for (int n = 0; n < RECORDS; n++)
        strbuf_puts(&text, arena_printf(arena, line, n * 977, n, n % 9000, n % 100, n * 8, n % 10, n % 24, n % 60));
    table->size = text.len;
    table->data = arena_alloc(arena, text.len + FORMAT_PADDING_BYTES);
    memcpy(table->data, text.data, text.len);
    memset(table->data + text.len, 0, FORMAT_PADDING_BYTES);
    strbuf_free(&text);
    table->passes = passes;
    int *projected = ARENA_ARRAY(arena, int, FIELDS);
    for (int i = 0; i < FIELDS; i++) projected[i] = i;
    struct option_list options = {0};
    CASE_TRY(table->format->reader_open(&table->schema, projected, FIELDS, &options, &table->reader, err));
    arena_init(&table->morsel, NULL);
    return table;
}

static void *csv(struct arena *arena) {
    return text_table(arena, "csv", "%d,\"customer, number %d\",%d.%02d,%d.%d,2024-01-05 %02d:%02d:12.5\n", 4);
}
static void *json(struct arena *arena) {
    return text_table(arena, "json",
                      "{\"id\":%d,\"name\":\"customer, number %d\",\"price\":%d.%02d,\"amount\":%d.%d,"
                      "\"at\":\"2024-01-05 %02d:%02d:12.5\"}\n",
                      4);
}

static int64_t run_text(void *data) {
    struct text_table *table = data;
    struct format_frame frame = {0};
    int64_t rows = 0;
    for (int pass = 0; pass < table->passes; pass++) {
        frame.count = 0;
        table->format->frame(table->reader, table->data, table->size, true, true, &frame);
        for (int first = 0; first < frame.count;) {
            arena_reset(&table->morsel);
            struct vector vectors[FIELDS], *columns[FIELDS];
            for (int i = 0; i < FIELDS; i++) {
                columns[i] = &vectors[i];
                vector_init(&vectors[i], &table->morsel, table->schema.types[i], VECTOR_CAPACITY);
            }
            struct format_batch batch = {.data = table->data,
                                         .records = frame.records,
                                         .first = first,
                                         .count = frame.count - first,
                                         .arena = &table->morsel,
                                         .columns = columns};
            CASE_TRY(table->format->decode(table->reader, &batch, err));
            rows += batch.row_count;
            first += batch.consumed;
        }
    }
    free(frame.records);
    table->format->reader_close(table->reader);
    arena_destroy(&table->morsel);
    return rows;
}

struct cql_table {
    struct strbuf page;
    struct cql_rows rows;
    const struct type *types[CQL_COLUMNS];
    struct cass_codec codecs[CQL_COLUMNS];
    uint32_t offsets[CQL_ROWS + 1];
    struct cass_cell cells[CQL_COLUMNS * CQL_ROWS];
    struct arena morsel;
};

static void *cql(struct arena *arena) {
    static const char *const types[CQL_COLUMNS] = {"bigint", "text", "int", "uuid", "timestamp", "decimal"};
    struct cql_table *table = ARENA_NEW(arena, struct cql_table);
    for (int i = 0; i < CQL_COLUMNS; i++) {
        const struct cass_type *cass = NULL;
        CASE_TRY(cass_type_parse(arena, str_from(types[i]), NULL, NULL, &cass, err));
        table->types[i] = cass_type_to_sql(arena, cass, true);
        CASE_TRY(cass_codec_init(&table->codecs[i], arena, cass, table->types[i], types[i], err));
    }
    struct vector vecs[CQL_COLUMNS];
    for (int i = 0; i < CQL_COLUMNS; i++) vector_init(&vecs[i], arena, table->types[i], CQL_ROWS);
    for (int row = 0; row < CQL_ROWS; row++) {
        struct value values[CQL_COLUMNS] = {
            value_i64(table->types[0], row),
            value_str(table->types[1], str_from(arena_printf(arena, "customer number %d", row))),
            row % 8 ? value_i64(table->types[2], row) : value_null(table->types[2]),
            value_str(table->types[3], str_from(arena_printf(arena, "00112233-4455-6677-8899-%012x", row))),
            value_i64(table->types[4], INT64_C(1709168523456000) + row * 1000),
            value_from_decimal(table->types[5], (int128)row * 1000000000 * 10000000)};
        for (int i = 0; i < CQL_COLUMNS; i++) vector_set(&vecs[i], arena, CQL_ROWS, row, &values[i]);
        for (int i = 0; i < CQL_COLUMNS; i++)
            CASE_TRY(cass_encode(&table->codecs[i], &vecs[i], row, &table->page, err));
    }
    table->rows = (struct cql_rows){.column_count = CQL_COLUMNS, .row_count = CQL_ROWS, .size_bytes = table->page.len};
    for (int i = 0; i < CASS_CELL_PADDING; i++) strbuf_putc(&table->page, 0);
    table->rows.cells = (const uint8_t *)table->page.data;
    arena_init(&table->morsel, NULL);
    return table;
}

static int64_t run_cql(void *data) {
    struct cql_table *table = data;
    int64_t nulls = 0;
    for (int pass = 0; pass < 16; pass++) {
        arena_reset(&table->morsel);
        CASE_TRY(cql_index_rows(&table->rows, CQL_COLUMNS, table->offsets, err));
        cql_find_cells(table->rows.cells, 0, CQL_ROWS, CQL_COLUMNS, CQL_ROWS, table->cells);
        for (int i = 0; i < CQL_COLUMNS; i++) {
            struct vector vec;
            vector_init(&vec, &table->morsel, table->types[i], VECTOR_CAPACITY);
            CASE_TRY(cass_decode(&table->codecs[i], table->rows.cells, table->cells + i * CQL_ROWS, CQL_ROWS, &vec,
                                 &table->morsel, VECTOR_CAPACITY, 0, err));
            if (i == 2)
                for (int row = 0; row < CQL_ROWS; row++) nulls += vector_is_null(&vec, row);
        }
    }
    strbuf_free(&table->page);
    arena_destroy(&table->morsel);
    return nulls;
}

const struct kernel_case format_cases[] = {
    {"csv", csv, run_text, 4 * RECORDS},
    {"json", json, run_text, 4 * RECORDS},
    {"cql", cql, run_cql, 16 * CQL_ROWS / 8},
    {NULL, NULL, NULL, 0},
};
