/* Values between CQL's bytes and vectors.
 *
 * A codec belongs to one column: the CQL type of the bytes and the SQL type of the vector. Decoding goes column by column:
 * the cells of a page (position and length of each value) were found once, row by row; here one loop per column turns them
 * into a vector, the type's switch outside the loop. Strings and blobs borrow from the page. Null cells and empty values
 * of types that have no empty value become NULL. Encoding goes value by value, since rows leave one by one.
 *
 * Formats: native protocol v4/v5 specification, section 6 "Data type serialization formats". Thread-safe: a codec is
 * immutable after init. */
#ifndef MILLRACE_CASS_CODEC_H
#define MILLRACE_CASS_CODEC_H

#include "cass/type.h"
#include "column/vector.h"

enum {
    CASS_CELL_PADDING = 16, /* readable bytes that must follow the last cell's end: short strings are loaded whole */
    CASS_UNSET = -2,        /* the length that says "leave the column alone" in a bound value */
    CASS_MAX_NESTED_VALUES = 1 << 25, /* elements, or fields, of one level in what is decoded at once */
};

struct cass_cell {
    uint32_t offset; /* of the value's first byte from the page's base */
    int32_t len;     /* negative: null */
};

struct cass_codec {
    const struct cass_type *cass;
    const struct type *type;
    const char *column; /* for messages */
    int kind;           /* enum codec_kind, codec.c */
    int child_count;
    struct cass_codec *children;
};

/* Makes the codec for a column whose bytes are `cass` and whose vector is `type`: the type of cass_type_to_sql, or
 *     text, uuid, inet, duration   any CHAR or VARCHAR; duration also ROW<months INT, days INT, nanoseconds BIGINT>
 *     timestamp                    TIMESTAMP(p) (UTC's wall clock) and TIMESTAMP_LTZ(p)
 *     time                         TIME(p)
 *     decimal, varint              any DECIMAL, any CHAR or VARCHAR (of any size); varint also BIGINT
 *     blob, custom                 any BINARY or VARBINARY
 *     collections, tuples          ARRAY, MAP, ROW of such types; fields by position
 * Else STATUS_TYPE_MISMATCH with the type to declare. Borrows cass, type and column. */
enum status cass_codec_init(struct cass_codec *codec, struct arena *arena, const struct cass_type *cass,
                            const struct type *type, const char *column, struct error *err);

/* The codec of what is read beside a column: WRITETIME (a CQL bigint of µs, as BIGINT or as TIMESTAMP_LTZ(6 … 9)) and TTL (a CQL
 * int of seconds, as INT or BIGINT). false for other types. Borrows all. */
bool cass_codec_init_metadata(struct cass_codec *codec, const struct cass_type *cass, const struct type *type,
                              const char *column);

/* Decodes cells[0 … count-1] into rows row … row+count-1 of vec, a flat vector of codec->type with that capacity. Every byte
 * is checked. STATUS_BAD_DATA for malformed values, STATUS_OUT_OF_RANGE for values that the SQL type cannot hold,
 * STATUS_LIMIT_EXCEEDED beyond CASS_MAX_NESTED_VALUES. */
enum status cass_decode(const struct cass_codec *codec, const uint8_t *base, const struct cass_cell *cells, int count,
                        struct vector *vec, struct arena *arena, int capacity, int row, struct error *err);

/* Appends row `row` of the flat vector as a bound value: i32 length, bytes; -1 for NULL. Errors as in cass_decode;
 * STATUS_INVALID_ARGUMENT for a text that is no uuid, address, duration or ASCII, STATUS_NULL_NOT_ALLOWED for NULL in a
 * collection. */
enum status cass_encode(const struct cass_codec *codec, const struct vector *vec, int row, struct strbuf *out,
                        struct error *err);
enum status cass_encode_value(const struct cass_codec *codec, const struct value *value, struct strbuf *out,
                              struct error *err);

/* For predicates and lookups, where `column = value` shall be asked of the server: is that the same question? */
enum cass_match {
    CASS_MATCH_EXACT,   /* yes: the value was appended as in cass_encode */
    CASS_MATCH_NEVER,   /* no stored value can be equal (text that is no uuid, a fraction of a millisecond) */
    CASS_MATCH_UNKNOWN, /* different CQL values are equal in SQL: ask for everything and filter */
};
enum cass_match cass_encode_match(const struct cass_codec *codec, const struct vector *vec, int row,
                                  struct strbuf *out);
enum cass_match cass_encode_value_match(const struct cass_codec *codec, const struct value *value, struct strbuf *out);
/* Can cass_encode_match be EXACT for any value? */
bool cass_codec_matches(const struct cass_codec *codec);
/* Do < <= > >= mean the same to the server as in SQL? */
bool cass_codec_ordered(const struct cass_codec *codec);

/* Texts. parse returns false on bad text. */
void cass_uuid_format(const uint8_t uuid[16], char out[36]);
bool cass_uuid_parse(struct str text, uint8_t uuid[16]);

#endif
