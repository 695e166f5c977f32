/* CQL types: how they are named, where they come from, and which SQL types stand for them.
 *
 *     ascii, text                  STRING                 counter                  BIGINT
 *     boolean                      BOOLEAN                timestamp (ms)           TIMESTAMP_LTZ(3)
 *     tinyint smallint int bigint  TINYINT … BIGINT       date                     DATE
 *     float, double                FLOAT, DOUBLE          time (ns)                TIME(9)
 *     varint                       DECIMAL(38, 0)         uuid, timeuuid, inet     STRING
 *     decimal                      DECIMAL(38, 18)        duration                 STRING ("1mo2d3h4m5s")
 *     blob                         BYTES                  list, set, vector        ARRAY
 *     map                          MAP                    tuple, user-defined      ROW
 *
 * A declared table may say it in other ways where nothing is lost but digits: see cass_codec_init. Types are immutable
 * and live in the arena they were made in. */
#ifndef MILLRACE_CASS_TYPE_H
#define MILLRACE_CASS_TYPE_H

#include "types/type.h"

/* Numbers of the native protocol, and one of ours for vectors (which the protocol shows as a custom class). */
enum cass_type_id {
    CASS_CUSTOM = 0x00,
    CASS_ASCII = 0x01,
    CASS_BIGINT = 0x02,
    CASS_BLOB = 0x03,
    CASS_BOOLEAN = 0x04,
    CASS_COUNTER = 0x05,
    CASS_DECIMAL = 0x06,
    CASS_DOUBLE = 0x07,
    CASS_FLOAT = 0x08,
    CASS_INT = 0x09,
    CASS_TIMESTAMP = 0x0B,
    CASS_UUID = 0x0C,
    CASS_TEXT = 0x0D,
    CASS_VARINT = 0x0E,
    CASS_TIMEUUID = 0x0F,
    CASS_INET = 0x10,
    CASS_DATE = 0x11,
    CASS_TIME = 0x12,
    CASS_SMALLINT = 0x13,
    CASS_TINYINT = 0x14,
    CASS_DURATION = 0x15,
    CASS_LIST = 0x20,
    CASS_MAP = 0x21,
    CASS_SET = 0x22,
    CASS_UDT = 0x30,
    CASS_TUPLE = 0x31,
    CASS_VECTOR = 0x100,
};

enum {
    CASS_DECIMAL_PRECISION = 38,
    CASS_DECIMAL_SCALE = 18, /* digits behind the point of a CQL decimal whose table does not say */
    CASS_MAX_FIELDS = 65535,
};

struct cass_type {
    enum cass_type_id id;
    bool frozen;
    int32_t dimension;   /* VECTOR */
    int32_t child_count; /* LIST, SET, VECTOR: 1; MAP: 2; TUPLE, UDT: fields */
    const struct cass_type *const *children;
    const char *const *names; /* UDT: of the fields */
    const char *keyspace;     /* UDT, NULL when unknown */
    const char *name;         /* UDT: its name; CUSTOM: its class */
};

/* A scalar type (static); NULL for numbers that are none. */
const struct cass_type *cass_type_scalar(enum cass_type_id id);
/* LIST, SET, VECTOR (dimension), MAP, TUPLE. */
const struct cass_type *cass_type_make(struct arena *arena, enum cass_type_id id, int32_t dimension,
                                       int32_t child_count, const struct cass_type *const *children);

/* frozen<type>. */
const struct cass_type *cass_type_freeze(struct arena *arena, const struct cass_type *type);

/* CQL text, as system_schema has it: "frozen<map<text, list<int>>>", "vector<float, 3>", a user type's name, which is
 * looked up by `find` (NULL when there is none: the type becomes CUSTOM). STATUS_BAD_DATA on nonsense. */
typedef const struct cass_type *cass_udt_finder(void *data, struct str name);
enum status cass_type_parse(struct arena *arena, struct str text, cass_udt_finder *find, void *data,
                            const struct cass_type **out, struct error *err);
/* A Java class, as the protocol shows custom types: "org.apache.cassandra.db.marshal.VectorType(…FloatType , 3)".
 * Unknown classes become CUSTOM. */
const struct cass_type *cass_type_from_class(struct arena *arena, struct str text);
/* Writes the CQL text. */
void cass_type_print(struct strbuf *buf, const struct cass_type *type);
const char *cass_type_text(struct arena *arena, const struct cass_type *type);
bool cass_type_equal(const struct cass_type *a, const struct cass_type *b); /* frozen does not count */
/* Is a column of the type kept as a cell per element, each with a write time and a TTL of its own? */
bool cass_type_is_multicell(const struct cass_type *type);
/* Bytes of every value when a vector keeps them without lengths, else 0. */
size_t cass_type_fixed_size(const struct cass_type *type);

/* The SQL type in the table above. CUSTOM becomes BYTES. */
const struct type *cass_type_to_sql(struct arena *arena, const struct cass_type *type, bool nullable);
/* The CQL type of a new column; STATUS_NOT_SUPPORTED for intervals, multisets and NULL. Collections are frozen: a value is written
 * whole, an empty one is not NULL, and writing it again changes nothing (the elements of a list with cells would double).
 * CHAR and VARCHAR lose their length, timestamps what is finer than a millisecond. */
enum status cass_type_from_sql(struct arena *arena, const struct type *type, const struct cass_type **out,
                               struct error *err);

/* An identifier in double quotes. */
void cass_put_name(struct strbuf *buf, const char *name);
/* A text literal in single quotes. */
void cass_put_text(struct strbuf *buf, struct str text);

#endif
