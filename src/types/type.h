/* SQL types: Flink's, with precision and nullability, and the physical form each is kept in.
 *
 * A `struct type` is immutable. Scalar types without parameters are static (type_of); others live in the arena they
 * were made in and are passed by pointer; compare with type_equal, never by address. */
#ifndef MILLRACE_TYPES_TYPE_H
#define MILLRACE_TYPES_TYPE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

typedef __int128 int128;
typedef unsigned __int128 uint128;

enum type_id {
    TYPE_NULL, /* of the literal NULL before it meets another type; CQL columns never have it */
    TYPE_BOOLEAN,
    TYPE_TINYINT,
    TYPE_SMALLINT,
    TYPE_INT,
    TYPE_BIGINT,
    TYPE_FLOAT,
    TYPE_DOUBLE,
    TYPE_DECIMAL,   /* precision 1..38, scale 0..precision */
    TYPE_CHAR,      /* length in code points */
    TYPE_VARCHAR,   /* length in code points; TYPE_MAX_LENGTH is STRING */
    TYPE_BINARY,    /* length in bytes */
    TYPE_VARBINARY, /* length in bytes; TYPE_MAX_LENGTH is BYTES */
    TYPE_DATE,
    TYPE_TIME,          /* precision 0..9 */
    TYPE_TIMESTAMP,     /* precision 0..9, without time zone */
    TYPE_TIMESTAMP_LTZ, /* precision 0..9, an instant shown in the session's zone */
    TYPE_INTERVAL_YEAR_MONTH,
    TYPE_INTERVAL_DAY_TIME,
    TYPE_ARRAY,    /* children[0]: element */
    TYPE_MAP,      /* children[0]: key, children[1]: value */
    TYPE_MULTISET, /* children[0]: element; held as MAP element -> INT count */
    TYPE_ROW,      /* children: fields, with names */
    TYPE_ID_COUNT
};

/* How the values of a type lie in a vector's data. */
enum phys {
    PHYS_BOOL, /* uint8_t 0 or 1 */
    PHYS_I8,
    PHYS_I16,
    PHYS_I32,  /* INT, DATE (days since 1970-01-01), INTERVAL_YEAR_MONTH (months) */
    PHYS_I64,  /* BIGINT, DECIMAL(p<=18) (unscaled), TIME (ns of day), TIMESTAMP and TIMESTAMP_LTZ (µs since the
                  epoch; ns when precision > 6), INTERVAL_DAY_TIME (ms) */
    PHYS_I128, /* DECIMAL(p>18), unscaled; 16-byte aligned */
    PHYS_F32,
    PHYS_F64,
    PHYS_STR,  /* struct strview: CHAR, VARCHAR, BINARY, VARBINARY */
    PHYS_LIST, /* struct list_entry into child vectors: ARRAY (1 child), MAP and MULTISET (2 children) */
    PHYS_ROW,  /* no data of its own; one child vector per field */
    PHYS_NULL, /* no data: every value is NULL */
    PHYS_COUNT
};

enum {
    TYPE_MAX_LENGTH = INT32_MAX,
    TYPE_MAX_PRECISION = 38, /* DECIMAL */
    TYPE_MAX_DECIMAL64 = 18, /* largest DECIMAL precision kept in 64 bits */
    TYPE_MAX_TIME_PRECISION = 9,
    TYPE_MICROS_PRECISION = 6, /* largest TIMESTAMP precision kept in µs */
    TYPE_MAX_NESTING = 32,
};

struct type {
    enum type_id id;
    bool nullable;
    uint8_t precision; /* DECIMAL, TIME, TIMESTAMP, TIMESTAMP_LTZ */
    uint8_t scale;     /* DECIMAL */
    int32_t length;    /* CHAR, VARCHAR, BINARY, VARBINARY */
    int32_t child_count;
    const struct type *const *children;
    const char *const *names; /* ROW: child_count field names */
};

/* A row of named columns: the schema of a relation, an edge, a chunk. */
struct schema {
    int column_count;
    const struct type *const *types;
    const char *const *names;
};

enum phys type_phys(const struct type *type);
int phys_size(enum phys phys); /* bytes per value; 0 for ROW and NULL */

/* The static nullable scalar with default parameters: DECIMAL(10,0), VARCHAR = STRING, VARBINARY = BYTES, TIME(0),
 * TIMESTAMP(6), TIMESTAMP_LTZ(6). Not for ARRAY, MAP, MULTISET, ROW. */
const struct type *type_of(enum type_id id);

const struct type *type_decimal(struct arena *arena, int precision, int scale, bool nullable);
/* CHAR, VARCHAR, BINARY, VARBINARY */
const struct type *type_string(struct arena *arena, enum type_id id, int32_t length, bool nullable);
/* TIME, TIMESTAMP, TIMESTAMP_LTZ */
const struct type *type_time(struct arena *arena, enum type_id id, int precision, bool nullable);
const struct type *type_array(struct arena *arena, const struct type *element, bool nullable);
const struct type *type_map(struct arena *arena, const struct type *key, const struct type *value, bool nullable);
const struct type *type_multiset(struct arena *arena, const struct type *element, bool nullable);
/* names and types are copied (shallow: the pointed-to types must live as long). */
const struct type *type_row(struct arena *arena, int count, const char *const *names, const struct type *const *types,
                            bool nullable);
/* The same type with another nullability (itself when equal). */
const struct type *type_with_nullable(struct arena *arena, const struct type *type, bool nullable);
/* Deep copy into another arena. */
const struct type *type_copy(struct arena *arena, const struct type *type);
struct schema *schema_copy(struct arena *arena, const struct schema *schema);

bool type_equal(const struct type *a, const struct type *b);              /* nullability counts */
bool type_equal_but_nullable(const struct type *a, const struct type *b); /* top-level nullability does not */

/* Levels of ARRAY, MAP, MULTISET, ROW: 0 for scalars. Whoever makes types from outside text or bytes refuses more than
 * TYPE_MAX_NESTING: everything that walks nested types recurses that deep. */
int type_nesting(const struct type *type);
/* Child vectors of a nested type and their types: as children, and for MULTISET also the INT NOT NULL count. */
int type_child_vectors(const struct type *type);
const struct type *type_child(const struct type *type, int i);
const char *type_id_name(enum type_id id); /* without parameters: "DECIMAL", "TIMESTAMP_LTZ" */

/* "DECIMAL(10, 2) NOT NULL", "STRING", "ROW<`a` INT, `b` STRING>": what Flink prints, and what the parser reads. */
void type_print(struct strbuf *buf, const struct type *type);
const char *type_to_string(struct arena *arena, const struct type *type);

static inline bool type_is_integer(const struct type *t) { return t->id >= TYPE_TINYINT && t->id <= TYPE_BIGINT; }
static inline bool type_is_approximate(const struct type *t) { return t->id == TYPE_FLOAT || t->id == TYPE_DOUBLE; }
static inline bool type_is_exact(const struct type *t) { return type_is_integer(t) || t->id == TYPE_DECIMAL; }
static inline bool type_is_numeric(const struct type *t) { return t->id >= TYPE_TINYINT && t->id <= TYPE_DECIMAL; }
static inline bool type_is_char(const struct type *t) { return t->id == TYPE_CHAR || t->id == TYPE_VARCHAR; }
static inline bool type_is_bytes(const struct type *t) { return t->id == TYPE_BINARY || t->id == TYPE_VARBINARY; }
static inline bool type_is_timestamp(const struct type *t) {
    return t->id == TYPE_TIMESTAMP || t->id == TYPE_TIMESTAMP_LTZ;
}
static inline bool type_is_interval(const struct type *t) {
    return t->id == TYPE_INTERVAL_YEAR_MONTH || t->id == TYPE_INTERVAL_DAY_TIME;
}
static inline bool type_is_nested(const struct type *t) { return t->id >= TYPE_ARRAY; }
/* TIMESTAMP values are ns instead of µs. */
static inline bool type_is_nanos(const struct type *t) {
    return type_is_timestamp(t) && t->precision > TYPE_MICROS_PRECISION;
}

/* DECIMAL(p, s) that holds every value of an exact numeric type: TINYINT (3,0) … BIGINT (19,0). */
void type_as_decimal(const struct type *type, int *precision, int *scale);

/* The type both convert to without a cast in CASE, COALESCE, UNION, VALUES, IN (Flink's least restrictive type), or
 * NULL when there is none: integers widen, DECIMAL keeps integer digits first when 38 is exceeded, any numeric with
 * FLOAT/DOUBLE gives DOUBLE (FLOAT with FLOAT or TINYINT/SMALLINT gives FLOAT), CHAR/VARCHAR the longer VARCHAR,
 * TIMESTAMPs the larger precision, NULL with anything that thing nullable, ROW/ARRAY/MAP field by field. */
const struct type *type_common(struct arena *arena, const struct type *a, const struct type *b);

/* Result types of DECIMAL arithmetic (Flink's rules, LogicalTypeMerging): p and s limited to 38 by giving up scale
 * down to 6 for + - * and /; op is one of '+', '-', '*', '/', '%'. */
const struct type *type_decimal_result(struct arena *arena, char op, const struct type *a, const struct type *b);

#endif
