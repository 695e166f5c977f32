/* Single values: literals, option values, expected results, keys on their way to a server. Not for hot paths. */
#ifndef MILLRACE_TYPES_VALUE_H
#define MILLRACE_TYPES_VALUE_H

#include "types/type.h"

struct value {
    const struct type *type;
    bool is_null;
    union {
        bool boolean;
        int64_t i64; /* TINYINT … BIGINT, DECIMAL(p<=18), DATE, TIME, TIMESTAMPs, intervals: as in PHYS_I64 */
        int128 i128; /* DECIMAL(p>18) */
        float f32;
        double f64;
        struct str str; /* strings and bytes; borrowed */
        struct {
            struct value *items; /* ARRAY: count elements; MAP, MULTISET: 2 * count, key then value; ROW: fields */
            int32_t count;
        } list;
    };
};

static inline struct value value_null(const struct type *type) { return (struct value){.type = type, .is_null = true}; }
struct value value_boolean(bool boolean);
struct value value_i64(const struct type *type, int64_t i64); /* any type kept in 8..64 bits */
struct value value_f64(double f64);
struct value value_str(const struct type *type, struct str str);
struct value value_from_decimal(const struct type *type, int128 unscaled); /* a DECIMAL type, either width */
/* struct values in list.items: 2 * count for MAP and MULTISET. */
int value_item_count(const struct value *value);
struct value value_copy(struct arena *arena, const struct value *value); /* deep; the type is shared */

/* As a decimal's 128-bit unscaled value, whichever field holds it. */
static inline int128 value_decimal(const struct value *value) {
    return type_phys(value->type) == PHYS_I128 ? value->i128 : (int128)value->i64;
}

/* Equal as SQL's IS NOT DISTINCT FROM (types must be equal but for nullability); order as ORDER BY ASC, NULLs first,
 * NaN last, -0.0 = 0.0. Returns <0, 0, >0. */
int value_compare(const struct value *a, const struct value *b);

/* Text as query results show it (NULL gives "NULL"; nested values as Flink prints them: [1, 2], {k=v}, (1, a)).
 * zone: for TIMESTAMP_LTZ, see time.h; NULL means UTC. */
struct time_zone;
void value_print(struct strbuf *buf, const struct value *value, const struct time_zone *zone);

/* SQL literal that parses back to the same value, for EXPLAIN and pushed-down predicates. */
void value_print_sql(struct strbuf *buf, const struct value *value);

/* Explicit CAST of one value, with the rules and the errors of the CAST kernel (STATUS_INVALID_CAST, _OUT_OF_RANGE).
 * The result's strings are allocated in arena. */
enum status value_cast(struct arena *arena, const struct value *value, const struct type *to,
                       const struct time_zone *zone, struct value *out, struct error *err);

#endif
