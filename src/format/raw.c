/* Raw: a message's (or line's) bytes are the value of the table's only column, as in Flink's raw format. */
#include <assert.h>

#include "format/format_private.h"
#include "format/text.h"

static const struct option_def raw_options[] = {
    {.name = "raw.charset", .type = OPTION_ENUM, .choices = "UTF-8", .default_value = "UTF-8", .doc = "of text"},
    {.name = "raw.endianness",
     .type = OPTION_ENUM,
     .choices = "big-endian|little-endian",
     .default_value = "big-endian",
     .doc = "byte order of numbers"},
    OPTION_END,
};

static enum status raw_check(const struct format_schema *schema, const struct option_list *options, struct error *err) {
    (void)options;
    if (schema->field_count != 1)
        return error_set(err, STATUS_NOT_SUPPORTED, "format 'raw' is for tables of one column, this one has %d",
                         schema->field_count);
    const struct type *type = schema->types[0];
    bool is_text = type_is_char(type) || type_is_bytes(type);
    bool ok = is_text || type->id == TYPE_BOOLEAN || type_is_integer(type) || type_is_approximate(type);
    if (ok && (is_text || schema->messages)) return STATUS_OK;
    return error_set(err, STATUS_NOT_SUPPORTED, "format 'raw' cannot carry column '%s' of type %s%s", schema->names[0],
                     type_id_name(type->id), ok ? " in files" : "");
}

struct raw_reader {
    struct format_reader base;
    const char *name;
    bool is_projected, little_endian;
};

static bool is_little_endian(const struct option_list *options) {
    return str_compare_nocase(option_string(options, raw_options, "raw.endianness"), "little-endian") == 0;
}

static enum status raw_reader_open(const struct format_schema *schema, const int *projected, int projected_count,
                                   const struct option_list *options, struct format_reader **out, struct error *err) {
    (void)projected;
    TRY(raw_check(schema, options, err));
    struct raw_reader *reader = xcalloc(1, sizeof *reader);
    reader->base.format = &raw_format;
    reader->name = schema->names[0];
    reader->is_projected = projected_count == 1;
    reader->little_endian = is_little_endian(options);
    *out = &reader->base;
    return STATUS_OK;
}

static void raw_reader_close(struct format_reader *reader) { free(reader); }

static void raw_frame(const struct format_reader *reader, const char *data, size_t size, bool at_start, bool at_end,
                      struct format_frame *frame) {
    (void)reader;
    format_frame_lines(data, size, at_start, at_end, false, frame);
}

/* A number's bytes into or out of the machine's order. */
static void copy_ordered(void *dst, const void *src, int size, bool little_endian) {
    for (int i = 0; i < size; i++) ((char *)dst)[i] = ((const char *)src)[little_endian ? i : size - 1 - i];
}

static enum status raw_decode(const struct format_reader *base, struct format_batch *batch, struct error *err) {
    const struct raw_reader *reader = (const struct raw_reader *)base;
    int count = batch->count < VECTOR_CAPACITY ? batch->count : VECTOR_CAPACITY;
    for (int i = 0; i < count; i++) {
        if (batch->row_records) batch->row_records[i] = batch->first + i;
        if (!reader->is_projected) continue;
        struct vector *vec = batch->columns[0];
        const struct format_record *record = &batch->records[batch->first + i];
        const char *p = batch->data + record->start;
        if (vec->phys == PHYS_STR) {
            if (type_is_char(vec->type) && !utf8_valid(p, record->len)) {
                batch->error_record = batch->first + i;
                return error_set(err, STATUS_BAD_DATA, "field '%s': %s is not UTF-8", reader->name,
                                 text_show(batch->arena, p, record->len));
            }
            ((struct strview *)vec->data)[i] = strview_make(p, record->len);
            continue;
        }
        int size = phys_size(vec->phys);
        if (record->len != (uint32_t)size) {
            batch->error_record = batch->first + i;
            return error_set(err, STATUS_BAD_DATA, "field '%s': %s needs %d bytes, not %u", reader->name,
                             type_id_name(vec->type->id), size, record->len);
        }
        copy_ordered((char *)vec->data + (size_t)i * (size_t)size, p, size, reader->little_endian);
        if (vec->phys == PHYS_BOOL) ((uint8_t *)vec->data)[i] = p[0] != 0;
    }
    batch->consumed = batch->row_count = count;
    batch->skipped = 0;
    return STATUS_OK;
}

struct raw_writer {
    struct format_writer base;
    const char *name;
    int column;
    bool little_endian;
};

static enum status raw_writer_open(const struct format_schema *schema, const int *columns,
                                   const struct option_list *options, struct format_writer **out, struct error *err) {
    TRY(raw_check(schema, options, err));
    struct raw_writer *writer = xcalloc(1, sizeof *writer);
    writer->base.format = &raw_format;
    writer->name = schema->names[0];
    writer->column = columns[0];
    writer->little_endian = is_little_endian(options);
    *out = &writer->base;
    return STATUS_OK;
}

static void raw_writer_close(struct format_writer *writer) { free(writer); }

static enum status raw_encode(struct format_writer *base, const struct chunk *chunk, int row, struct strbuf *out,
                              struct error *err) {
    const struct raw_writer *writer = (const struct raw_writer *)base;
    if (writer->column < 0 || vector_is_null(&chunk->columns[writer->column], row))
        return error_set(err, STATUS_BAD_DATA, "field '%s' is NULL, which format 'raw' cannot write", writer->name);
    const struct vector *vec = &chunk->columns[writer->column];
    if (vec->phys == PHYS_STR) {
        struct str text = strview_str(&((const struct strview *)vec->data)[row]);
        strbuf_add(out, text.data, text.len);
        return STATUS_OK;
    }
    int size = phys_size(vec->phys);
    char bytes[8];
    assert(size <= (int)sizeof bytes);
    copy_ordered(bytes, (const char *)vec->data + (size_t)row * (size_t)size, size, writer->little_endian);
    strbuf_add(out, bytes, (size_t)size);
    return STATUS_OK;
}

const struct format raw_format = {
    .name = "raw",
    .doc = "the bytes of a message or line as the only column",
    .options = raw_options,
    .check = raw_check,
    .reader_open = raw_reader_open,
    .frame = raw_frame,
    .decode = raw_decode,
    .reader_close = raw_reader_close,
    .writer_open = raw_writer_open,
    .encode = raw_encode,
    .writer_close = raw_writer_close,
};
