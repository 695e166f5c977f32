/* Shared by the formats of this folder. */
#ifndef MILLRACE_FORMAT_FORMAT_PRIVATE_H
#define MILLRACE_FORMAT_FORMAT_PRIVATE_H

#include <stdlib.h>

#include "format/format.h"
#include "format/text.h"

extern const struct format csv_format, json_format, raw_format;

static inline void format_frame_add(struct format_frame *frame, size_t start, size_t len) {
    if (frame->count == frame->capacity) ARRAY_RESERVE(frame->records, frame->capacity, frame->count + 1);
    frame->records[frame->count++] = (struct format_record){(uint32_t)start, (uint32_t)len};
}

/* Bytes of the UTF-8 byte order mark at the start of data: 0 or 3. */
size_t format_skip_bom(const char *data, size_t size);

/* Line feeds in data[0, size). data is readable for FORMAT_PADDING_BYTES behind. */
int64_t format_count_lines(const char *data, size_t size);

/* The frame function of formats with one record per line. Lines of nothing but blanks are no records if skip_blank. */
void format_frame_lines(const char *data, size_t size, bool at_start, bool at_end, bool skip_blank,
                        struct format_frame *frame);

/* Marks `row` of a flat vector NULL, with its data and children as vector.h wants it. */
void format_set_null(struct vector *vec, struct arena *arena, int capacity, int row);

/* Values of one type as JSON text, for formats that carry nested values so. A codec is immutable. */
struct json_codec;
enum status json_codec_create(const char *field, const struct type *type, enum bytes_encoding bytes,
                              struct json_codec **out, struct error *err);
void json_codec_destroy(struct json_codec *codec);
/* Reads text (padded, valid UTF-8) into `row` of a flat vector of the codec's type; false: it is no such value. */
bool json_codec_read(const struct json_codec *codec, struct vector *vec, int capacity, int row, struct str text,
                     struct arena *arena);
enum status json_codec_write(const struct json_codec *codec, const struct vector *vec, int row, struct strbuf *out,
                             struct error *err);

#endif
