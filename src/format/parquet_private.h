/* Shared by the parquet_*.c files. */
#ifndef MILLRACE_FORMAT_PARQUET_PRIVATE_H
#define MILLRACE_FORMAT_PARQUET_PRIVATE_H

#include <stdatomic.h>

#include <carquet/carquet.h>

#include "format/format_private.h"
#include "format/parquet.h"

/* A node of a file's schema. Levels count the optional and repeated nodes from the root down to and with this one. */
struct parquet_node {
    const char *name;
    carquet_field_repetition_t repetition;
    int16_t def, rep;
    bool is_leaf;
    int leaf; /* the column of a leaf, the first one below a group */
    carquet_physical_type_t physical;
    carquet_logical_type_t logical; /* CARQUET_LOGICAL_UNKNOWN: none */
    int32_t type_length;
    int child_count, child_capacity;
    struct parquet_node **children;
};

struct parquet_file {
    _Atomic int refs;
    char *path;
    carquet_reader_t *carquet;
    struct arena arena;
    struct parquet_node root;
};

/* What a group annotated LIST or MAP, or a repeated node, stands for. */
struct parquet_list {
    const struct parquet_node *repeated; /* one of it per element */
    const struct parquet_node *items[2]; /* element, or key and value */
    bool is_map;
    bool element_is_repeated; /* the repeated node itself is the element (two levels) */
};
/* false when the node is no list or map, as a value (not as a repeated field of its parent). */
bool parquet_as_list(const struct parquet_node *node, struct parquet_list *out);

/* "INT64 (TIMESTAMP)" */
const char *parquet_describe(struct arena *arena, const struct parquet_node *node);

/* Puts a failure of carquet into err: "file 'x': what: message". */
enum status parquet_failure(const char *path, const carquet_error_t *failure, struct error *err, const char *fmt, ...)
    PRINTF_LIKE(4, 5);

/* ---- Conversion of a leaf's values (parquet_convert.c) ---- */

enum parquet_conversion {
    CONVERT_NONE, /* the types do not fit */
    CONVERT_BOOL,
    CONVERT_COPY, /* same width, same meaning */
    CONVERT_INT,  /* integers of other width or sign */
    CONVERT_FLOAT_TO_DOUBLE,
    CONVERT_HALF, /* float16 to FLOAT, DOUBLE */
    CONVERT_DECIMAL,
    CONVERT_TIME,  /* also TIMESTAMP */
    CONVERT_INT96, /* to TIMESTAMP */
    CONVERT_TEXT,
    CONVERT_UUID, /* to text */
    CONVERT_BYTES,
};

struct parquet_leaf_plan {
    const struct type *type;
    enum parquet_conversion conversion;
    carquet_physical_type_t physical;
    int32_t type_length;
    bool is_unsigned, checked; /* CONVERT_INT: values may be out of range */
    int64_t multiplier;        /* TIME: units of the file to units of the vector; 0: divide */
    int64_t divisor;
    int64_t cut;       /* TIME: the result is a multiple of this */
    int source_scale;  /* DECIMAL */
    int value_bytes;   /* of the file's values in memory */
    const char *label; /* for messages */
};

/* conversion = CONVERT_NONE when the node cannot be read as the type. */
struct parquet_leaf_plan parquet_plan_leaf(const struct parquet_node *node, const struct type *type);

/* Converts count values to rows positions[i] of a flat vector (NULL: 0 … count-1). Text borrows. */
enum status parquet_convert(const struct parquet_leaf_plan *plan, const void *values, int count,
                            const uint32_t *positions, struct vector *vec, struct arena *arena, struct error *err);

#endif
