/* Raw: a message's (or line's) bytes are the value of the table's only column, as in Flink's raw format. Text in another charset than
 * UTF-8 is converted by the C library. */
#include <assert.h>
#include <errno.h>
#include <iconv.h>

#include "format/format_private.h"
#include "format/text.h"

static const struct option_def raw_options[] = {
    {.name = "raw.charset",
     .type = OPTION_STRING,
     .default_value = "UTF-8",
     .doc =
         "of text: UTF-8, ISO-8859-1, UTF-16LE, UTF-16BE, ...; files need one in which a line ends with the byte 0A"},
    {.name = "raw.endianness",
     .type = OPTION_ENUM,
     .choices = "big-endian|little-endian",
     .default_value = "big-endian",
     .doc = "byte order of numbers"},
    OPTION_END,
};

/* ---- Charsets ---- */

static bool is_utf8(const char *charset) {
    return str_compare_nocase(charset, "UTF-8") == 0 || str_compare_nocase(charset, "UTF8") == 0;
}

static const char *charset_of(const struct option_list *options) {
    return option_string(options, raw_options, "raw.charset");
}

/* Appends the converted text; false: the input is not of its charset, or has what the other one lacks. */
static bool convert(iconv_t converter, const char *data, size_t len, struct strbuf *out) {
    iconv(converter, NULL, NULL, NULL, NULL);
    char *in = (char *)data;
    size_t start = out->len, room = len * 2 + 16;
    bool flushing = false;
    for (;;) {
        strbuf_reserve(out, room);
        char *to = out->data + out->len;
        size_t left = room;
        size_t result = flushing ? iconv(converter, NULL, NULL, &to, &left) : iconv(converter, &in, &len, &to, &left);
        out->len += room - left;
        if (result == (size_t)-1 && errno != E2BIG) {
            out->len = start;
            return false;
        }
        if (result != (size_t)-1 && flushing) return true;
        if (result != (size_t)-1) flushing = true; /* what leads back to the first state */
    }
}

/* Both ways must be there; a line in a file must end with the byte that files are cut at. */
static enum status check_charset(const char *charset, bool messages, struct error *err) {
    if (is_utf8(charset)) return STATUS_OK;
    bool is_known = *charset && !strchr(charset, '/');
    bool has_byte_order = str_compare_nocase(charset, "UTF-16") != 0 && str_compare_nocase(charset, "UTF-32") != 0;
    iconv_t into = is_known && has_byte_order ? iconv_open(charset, "UTF-8") : (iconv_t)-1;
    iconv_t from = is_known && has_byte_order ? iconv_open("UTF-8", charset) : (iconv_t)-1;
    struct strbuf line = {0};
    bool both = into != (iconv_t)-1 && from != (iconv_t)-1;
    bool cuts = both && (messages || (convert(into, "\n", 1, &line) && line.len == 1 && line.data[0] == '\n'));
    strbuf_free(&line);
    if (into != (iconv_t)-1) iconv_close(into);
    if (from != (iconv_t)-1) iconv_close(from);
    if (cuts) return STATUS_OK;
    if (both)
        return error_set(err, STATUS_NOT_SUPPORTED,
                         "format 'raw' cannot cut files in charset '%s' into lines: they end with other bytes than 0A",
                         charset);
    error_set(err, STATUS_INVALID_OPTION, "'raw.charset' = '%s' is no charset that this system can convert", charset);
    error_hint(err, has_byte_order ? "`iconv -l` lists them: UTF-8, ISO-8859-1, WINDOWS-1252, UTF-16LE, ..."
                                   : "say which byte order it has: UTF-16BE, UTF-16LE, UTF-32BE or UTF-32LE");
    return STATUS_INVALID_OPTION;
}

static enum status raw_check(const struct format_schema *schema, const struct option_list *options, struct error *err) {
    if (schema->field_count != 1)
        return error_set(err, STATUS_NOT_SUPPORTED, "format 'raw' is for tables of one column, this one has %d",
                         schema->field_count);
    const struct type *type = schema->types[0];
    bool is_text = type_is_char(type) || type_is_bytes(type);
    bool ok = is_text || type->id == TYPE_BOOLEAN || type_is_integer(type) || type_is_approximate(type);
    if (type_is_char(type)) return check_charset(charset_of(options), schema->messages, err);
    if (ok && (is_text || schema->messages)) return STATUS_OK;
    return error_set(err, STATUS_NOT_SUPPORTED, "format 'raw' cannot carry column '%s' of type %s%s", schema->names[0],
                     type_id_name(type->id), ok ? " in files" : "");
}

struct raw_reader {
    struct format_reader base;
    const char *name;
    char *charset; /* of a text column; NULL: UTF-8 */
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
    const char *charset = charset_of(options);
    reader->charset = type_is_char(schema->types[0]) && !is_utf8(charset) ? xstrdup(charset) : NULL;
    reader->is_projected = projected_count == 1;
    reader->little_endian = is_little_endian(options);
    *out = &reader->base;
    return STATUS_OK;
}

static void raw_reader_close(struct format_reader *base) {
    if (base) free(((struct raw_reader *)base)->charset);
    free(base);
}

static void raw_frame(const struct format_reader *reader, const char *data, size_t size, bool at_start, bool at_end,
                      struct format_frame *frame) {
    (void)reader;
    format_frame_lines(data, size, at_start, at_end, false, frame);
}

/* A number's bytes into or out of the machine's order. */
static void copy_ordered(void *dst, const void *src, int size, bool little_endian) {
    for (int i = 0; i < size; i++) ((char *)dst)[i] = ((const char *)src)[little_endian ? i : size - 1 - i];
}

static enum status not_in_charset(const struct raw_reader *reader, struct format_batch *batch, int record,
                                  const char *charset, struct error *err) {
    const struct format_record *bad = &batch->records[record];
    batch->error_record = record;
    return error_set(err, STATUS_BAD_DATA, "field '%s': %s is not %s", reader->name,
                     text_show(batch->arena, batch->data + bad->start, bad->len), charset);
}

/* Workers decode in parallel and a converter has a state: each batch has its own. */
static enum status decode_charset(const struct raw_reader *reader, struct format_batch *batch, int count,
                                  struct error *err) {
    iconv_t converter = iconv_open("UTF-8", reader->charset);
    if (converter == (iconv_t)-1)
        return error_set(err, STATUS_INTERNAL, "the charset '%s' cannot be converted any more", reader->charset);
    struct strbuf text = {0};
    enum status status = STATUS_OK;
    for (int i = 0; i < count && status == STATUS_OK; i++) {
        const struct format_record *record = &batch->records[batch->first + i];
        strbuf_clear(&text);
        if (!convert(converter, batch->data + record->start, record->len, &text)) {
            status = not_in_charset(reader, batch, batch->first + i, reader->charset, err);
            break;
        }
        const char *copy = arena_memdup(batch->arena, text.data, text.len);
        ((struct strview *)batch->columns[0]->data)[i] = strview_make(copy, (uint32_t)text.len);
    }
    strbuf_free(&text);
    iconv_close(converter);
    return status;
}

static enum status raw_decode(const struct format_reader *base, struct format_batch *batch, struct error *err) {
    const struct raw_reader *reader = (const struct raw_reader *)base;
    int count = batch->count < VECTOR_CAPACITY ? batch->count : VECTOR_CAPACITY;
    for (int i = 0; i < count; i++) {
        if (batch->row_records) batch->row_records[i] = batch->first + i;
        if (!reader->is_projected || reader->charset) continue;
        struct vector *vec = batch->columns[0];
        const struct format_record *record = &batch->records[batch->first + i];
        const char *p = batch->data + record->start;
        if (vec->phys == PHYS_STR) {
            if (type_is_char(vec->type) && !utf8_valid(p, record->len)) {
                return not_in_charset(reader, batch, batch->first + i, "UTF-8", err);
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
    if (reader->is_projected && reader->charset) TRY(decode_charset(reader, batch, count, err));
    batch->consumed = batch->row_count = count;
    batch->skipped = 0;
    return STATUS_OK;
}

struct raw_writer {
    struct format_writer base;
    const char *name;
    int column;
    bool little_endian;
    char *charset;
    iconv_t converter; /* from UTF-8; -1: none */
};

static enum status raw_writer_open(const struct format_schema *schema, const int *columns,
                                   const struct option_list *options, struct format_writer **out, struct error *err) {
    TRY(raw_check(schema, options, err));
    struct raw_writer *writer = xcalloc(1, sizeof *writer);
    writer->base.format = &raw_format;
    writer->name = schema->names[0];
    writer->column = columns[0];
    const char *charset = charset_of(options);
    writer->converter = (iconv_t)-1;
    if (type_is_char(schema->types[0]) && !is_utf8(charset)) {
        writer->charset = xstrdup(charset);
        writer->converter = iconv_open(charset, "UTF-8"); /* raw_check has tried it */
    }
    writer->little_endian = is_little_endian(options);
    *out = &writer->base;
    return STATUS_OK;
}

static void raw_writer_close(struct format_writer *base) {
    struct raw_writer *writer = (struct raw_writer *)base;
    if (writer && writer->converter != (iconv_t)-1) iconv_close(writer->converter);
    if (writer) free(writer->charset);
    free(writer);
}

static enum status raw_encode(struct format_writer *base, const struct chunk *chunk, int row, struct strbuf *out,
                              struct error *err) {
    const struct raw_writer *writer = (const struct raw_writer *)base;
    if (writer->column < 0 || vector_is_null(&chunk->columns[writer->column], row))
        return error_set(err, STATUS_BAD_DATA, "field '%s' is NULL, which format 'raw' cannot write", writer->name);
    const struct vector *vec = &chunk->columns[writer->column];
    if (vec->phys == PHYS_STR) {
        struct str text = strview_str(&((const struct strview *)vec->data)[row]);
        if (writer->converter == (iconv_t)-1)
            strbuf_add(out, text.data, text.len);
        else if (!convert(writer->converter, text.data, text.len, out))
            return error_set(err, STATUS_BAD_DATA, "field '%s': the text has a character that charset '%s' lacks",
                             writer->name, writer->charset);
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
