#include "types/type.h"

#include <assert.h>

enum { DECIMAL_MIN_ADJUSTED_SCALE = 6 };

enum phys type_phys(const struct type *type) {
    switch (type->id) {
    case TYPE_NULL: return PHYS_NULL;
    case TYPE_BOOLEAN: return PHYS_BOOL;
    case TYPE_TINYINT: return PHYS_I8;
    case TYPE_SMALLINT: return PHYS_I16;
    case TYPE_INT:
    case TYPE_DATE:
    case TYPE_INTERVAL_YEAR_MONTH: return PHYS_I32;
    case TYPE_BIGINT:
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMP_LTZ:
    case TYPE_INTERVAL_DAY_TIME: return PHYS_I64;
    case TYPE_FLOAT: return PHYS_F32;
    case TYPE_DOUBLE: return PHYS_F64;
    case TYPE_DECIMAL: return type->precision <= TYPE_MAX_DECIMAL64 ? PHYS_I64 : PHYS_I128;
    case TYPE_CHAR:
    case TYPE_VARCHAR:
    case TYPE_BINARY:
    case TYPE_VARBINARY: return PHYS_STR;
    case TYPE_ARRAY:
    case TYPE_MAP:
    case TYPE_MULTISET: return PHYS_LIST;
    case TYPE_ROW: return PHYS_ROW;
    case TYPE_ID_COUNT: break;
    }
    assert(!"type id");
    return PHYS_NULL;
}

int phys_size(enum phys phys) {
    static const uint8_t sizes[PHYS_COUNT] = {
        [PHYS_BOOL] = 1, [PHYS_I8] = 1,  [PHYS_I16] = 2,  [PHYS_I32] = 4,  [PHYS_I64] = 8, [PHYS_I128] = 16,
        [PHYS_F32] = 4,  [PHYS_F64] = 8, [PHYS_STR] = 16, [PHYS_LIST] = 8, [PHYS_ROW] = 0, [PHYS_NULL] = 0,
    };
    return sizes[phys];
}

#define SCALARS(is_nullable)                                                                                           \
    {                                                                                                                  \
        [TYPE_NULL] = {.id = TYPE_NULL, .nullable = true},                                                             \
        [TYPE_BOOLEAN] = {.id = TYPE_BOOLEAN, .nullable = is_nullable},                                                \
        [TYPE_TINYINT] = {.id = TYPE_TINYINT, .nullable = is_nullable},                                                \
        [TYPE_SMALLINT] = {.id = TYPE_SMALLINT, .nullable = is_nullable},                                              \
        [TYPE_INT] = {.id = TYPE_INT, .nullable = is_nullable},                                                        \
        [TYPE_BIGINT] = {.id = TYPE_BIGINT, .nullable = is_nullable},                                                  \
        [TYPE_FLOAT] = {.id = TYPE_FLOAT, .nullable = is_nullable},                                                    \
        [TYPE_DOUBLE] = {.id = TYPE_DOUBLE, .nullable = is_nullable},                                                  \
        [TYPE_DECIMAL] = {.id = TYPE_DECIMAL, .nullable = is_nullable, .precision = 10},                               \
        [TYPE_CHAR] = {.id = TYPE_CHAR, .nullable = is_nullable, .length = 1},                                         \
        [TYPE_VARCHAR] = {.id = TYPE_VARCHAR, .nullable = is_nullable, .length = TYPE_MAX_LENGTH},                     \
        [TYPE_BINARY] = {.id = TYPE_BINARY, .nullable = is_nullable, .length = 1},                                     \
        [TYPE_VARBINARY] = {.id = TYPE_VARBINARY, .nullable = is_nullable, .length = TYPE_MAX_LENGTH},                 \
        [TYPE_DATE] = {.id = TYPE_DATE, .nullable = is_nullable},                                                      \
        [TYPE_TIME] = {.id = TYPE_TIME, .nullable = is_nullable},                                                      \
        [TYPE_TIMESTAMP] = {.id = TYPE_TIMESTAMP, .nullable = is_nullable, .precision = 6},                            \
        [TYPE_TIMESTAMP_LTZ] = {.id = TYPE_TIMESTAMP_LTZ, .nullable = is_nullable, .precision = 6},                    \
        [TYPE_INTERVAL_YEAR_MONTH] = {.id = TYPE_INTERVAL_YEAR_MONTH, .nullable = is_nullable},                        \
        [TYPE_INTERVAL_DAY_TIME] = {.id = TYPE_INTERVAL_DAY_TIME, .nullable = is_nullable},                            \
    }

static const struct type scalars_nullable[TYPE_ARRAY] = SCALARS(true);
static const struct type scalars_not_null[TYPE_ARRAY] = SCALARS(false);

const struct type *type_of(enum type_id id) {
    assert(id < TYPE_ARRAY);
    return &scalars_nullable[id];
}

/* The static type equal to a scalar, or a copy of it in the arena. */
static const struct type *intern(struct arena *arena, struct type type) {
    if (type.id < TYPE_ARRAY) {
        const struct type *fixed = type.nullable ? &scalars_nullable[type.id] : &scalars_not_null[type.id];
        if (type_equal(fixed, &type)) return fixed;
    }
    struct type *out = ARENA_NEW(arena, struct type);
    *out = type;
    return out;
}

const struct type *type_decimal(struct arena *arena, int precision, int scale, bool nullable) {
    assert(precision >= 1 && precision <= TYPE_MAX_PRECISION && scale >= 0 && scale <= precision);
    return intern(
        arena, (struct type){
                   .id = TYPE_DECIMAL, .nullable = nullable, .precision = (uint8_t)precision, .scale = (uint8_t)scale});
}

const struct type *type_string(struct arena *arena, enum type_id id, int32_t length, bool nullable) {
    assert(id >= TYPE_CHAR && id <= TYPE_VARBINARY && length >= 0);
    return intern(arena, (struct type){.id = id, .nullable = nullable, .length = length});
}

const struct type *type_time(struct arena *arena, enum type_id id, int precision, bool nullable) {
    assert(id >= TYPE_TIME && id <= TYPE_TIMESTAMP_LTZ && precision >= 0 && precision <= TYPE_MAX_TIME_PRECISION);
    return intern(arena, (struct type){.id = id, .nullable = nullable, .precision = (uint8_t)precision});
}

static const struct type *nested(struct arena *arena, enum type_id id, int count, const struct type *const *children,
                                 const char *const *names, bool nullable) {
    struct type *type = ARENA_NEW(arena, struct type);
    type->id = id;
    type->nullable = nullable;
    type->child_count = count;
    type->children = arena_memdup(arena, children, sizeof *children * (size_t)count);
    type->names = names;
    return type;
}

const struct type *type_array(struct arena *arena, const struct type *element, bool nullable) {
    return nested(arena, TYPE_ARRAY, 1, &element, NULL, nullable);
}

const struct type *type_map(struct arena *arena, const struct type *key, const struct type *value, bool nullable) {
    const struct type *children[] = {key, value};
    return nested(arena, TYPE_MAP, 2, children, NULL, nullable);
}

const struct type *type_multiset(struct arena *arena, const struct type *element, bool nullable) {
    return nested(arena, TYPE_MULTISET, 1, &element, NULL, nullable);
}

const struct type *type_row(struct arena *arena, int count, const char *const *names, const struct type *const *types,
                            bool nullable) {
    const char **copies = ARENA_ARRAY(arena, const char *, count);
    for (int i = 0; i < count; i++) copies[i] = arena_strdup(arena, names[i]);
    return nested(arena, TYPE_ROW, count, types, copies, nullable);
}

const struct type *type_with_nullable(struct arena *arena, const struct type *type, bool nullable) {
    if (type->nullable == nullable || type->id == TYPE_NULL) return type;
    struct type copy = *type;
    copy.nullable = nullable;
    return intern(arena, copy);
}

const struct type *type_copy(struct arena *arena, const struct type *type) {
    if (type->id < TYPE_ARRAY) return intern(arena, *type);
    const struct type **children = ARENA_ARRAY(arena, const struct type *, type->child_count);
    for (int i = 0; i < type->child_count; i++) children[i] = type_copy(arena, type->children[i]);
    struct type *out = ARENA_NEW(arena, struct type);
    *out = *type;
    out->children = children;
    if (type->names) {
        const char **names = ARENA_ARRAY(arena, const char *, type->child_count);
        for (int i = 0; i < type->child_count; i++) names[i] = arena_strdup(arena, type->names[i]);
        out->names = names;
    }
    return out;
}

struct schema *schema_copy(struct arena *arena, const struct schema *schema) {
    struct schema *out = ARENA_NEW(arena, struct schema);
    const struct type **types = ARENA_ARRAY(arena, const struct type *, schema->column_count);
    const char **names = ARENA_ARRAY(arena, const char *, schema->column_count);
    for (int i = 0; i < schema->column_count; i++) {
        types[i] = type_copy(arena, schema->types[i]);
        names[i] = arena_strdup(arena, schema->names[i]);
    }
    out->column_count = schema->column_count;
    out->types = types;
    out->names = names;
    return out;
}

bool type_equal_but_nullable(const struct type *a, const struct type *b) {
    if (a == b) return true;
    if (a->id != b->id || a->precision != b->precision || a->scale != b->scale || a->length != b->length ||
        a->child_count != b->child_count)
        return false;
    for (int i = 0; i < a->child_count; i++) {
        if (!type_equal(a->children[i], b->children[i])) return false;
        if (a->id == TYPE_ROW && strcmp(a->names[i], b->names[i]) != 0) return false;
    }
    return true;
}

bool type_equal(const struct type *a, const struct type *b) {
    return a->nullable == b->nullable && type_equal_but_nullable(a, b);
}

int type_nesting(const struct type *type) {
    int deepest = 0;
    if (type->id < TYPE_ARRAY) return 0;
    for (int i = 0; i < type->child_count; i++) {
        int depth = type_nesting(type->children[i]);
        if (depth > deepest) deepest = depth;
    }
    return deepest + 1;
}

int type_child_vectors(const struct type *type) { return type->id == TYPE_MULTISET ? 2 : type->child_count; }

const struct type *type_child(const struct type *type, int i) {
    if (type->id == TYPE_MULTISET && i == 1) return &scalars_not_null[TYPE_INT];
    return type->children[i];
}

const char *type_id_name(enum type_id id) {
    static const char *const names[TYPE_ID_COUNT] = {
        [TYPE_NULL] = "NULL",
        [TYPE_BOOLEAN] = "BOOLEAN",
        [TYPE_TINYINT] = "TINYINT",
        [TYPE_SMALLINT] = "SMALLINT",
        [TYPE_INT] = "INT",
        [TYPE_BIGINT] = "BIGINT",
        [TYPE_FLOAT] = "FLOAT",
        [TYPE_DOUBLE] = "DOUBLE",
        [TYPE_DECIMAL] = "DECIMAL",
        [TYPE_CHAR] = "CHAR",
        [TYPE_VARCHAR] = "VARCHAR",
        [TYPE_BINARY] = "BINARY",
        [TYPE_VARBINARY] = "VARBINARY",
        [TYPE_DATE] = "DATE",
        [TYPE_TIME] = "TIME",
        [TYPE_TIMESTAMP] = "TIMESTAMP",
        [TYPE_TIMESTAMP_LTZ] = "TIMESTAMP_LTZ",
        [TYPE_INTERVAL_YEAR_MONTH] = "INTERVAL YEAR TO MONTH",
        [TYPE_INTERVAL_DAY_TIME] = "INTERVAL DAY TO SECOND",
        [TYPE_ARRAY] = "ARRAY",
        [TYPE_MAP] = "MAP",
        [TYPE_MULTISET] = "MULTISET",
        [TYPE_ROW] = "ROW",
    };
    return names[id];
}

void type_print(struct strbuf *buf, const struct type *type) {
    const char *name = type_id_name(type->id);
    switch (type->id) {
    case TYPE_DECIMAL: strbuf_printf(buf, "DECIMAL(%d, %d)", type->precision, type->scale); break;
    case TYPE_CHAR:
    case TYPE_BINARY: strbuf_printf(buf, "%s(%d)", name, type->length); break;
    case TYPE_VARCHAR:
    case TYPE_VARBINARY:
        if (type->length == TYPE_MAX_LENGTH)
            strbuf_puts(buf, type->id == TYPE_VARCHAR ? "STRING" : "BYTES");
        else
            strbuf_printf(buf, "%s(%d)", name, type->length);
        break;
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMP_LTZ: strbuf_printf(buf, "%s(%d)", name, type->precision); break;
    case TYPE_INTERVAL_DAY_TIME: strbuf_puts(buf, "INTERVAL DAY TO SECOND(3)"); break;
    case TYPE_ARRAY:
    case TYPE_MAP:
    case TYPE_MULTISET:
    case TYPE_ROW:
        strbuf_puts(buf, name);
        strbuf_putc(buf, '<');
        for (int i = 0; i < type->child_count; i++) {
            if (i) strbuf_puts(buf, ", ");
            if (type->id == TYPE_ROW) {
                strbuf_putc(buf, '`');
                for (const char *p = type->names[i]; *p; p++) {
                    if (*p == '`') strbuf_putc(buf, '`');
                    strbuf_putc(buf, *p);
                }
                strbuf_puts(buf, "` ");
            }
            type_print(buf, type->children[i]);
        }
        strbuf_putc(buf, '>');
        break;
    default: strbuf_puts(buf, name);
    }
    if (!type->nullable) strbuf_puts(buf, " NOT NULL");
}

const char *type_to_string(struct arena *arena, const struct type *type) {
    struct strbuf buf = {0};
    type_print(&buf, type);
    const char *text = arena_strndup(arena, buf.data, buf.len);
    strbuf_free(&buf);
    return text;
}

void type_as_decimal(const struct type *type, int *precision, int *scale) {
    *scale = 0;
    switch (type->id) {
    case TYPE_TINYINT: *precision = 3; break;
    case TYPE_SMALLINT: *precision = 5; break;
    case TYPE_INT: *precision = 10; break;
    case TYPE_BIGINT: *precision = 19; break;
    default:
        assert(type->id == TYPE_DECIMAL);
        *precision = type->precision;
        *scale = type->scale;
    }
}

static int min_int(int a, int b) { return a < b ? a : b; }

static int max_int(int a, int b) { return a > b ? a : b; }

static const struct type *common_numeric(struct arena *arena, const struct type *a, const struct type *b,
                                         bool nullable) {
    if (type_is_approximate(a) || type_is_approximate(b)) {
        bool small_a = a->id == TYPE_FLOAT || a->id == TYPE_TINYINT || a->id == TYPE_SMALLINT;
        bool small_b = b->id == TYPE_FLOAT || b->id == TYPE_TINYINT || b->id == TYPE_SMALLINT;
        return type_with_nullable(arena, type_of(small_a && small_b ? TYPE_FLOAT : TYPE_DOUBLE), nullable);
    }
    if (a->id != TYPE_DECIMAL && b->id != TYPE_DECIMAL)
        return type_with_nullable(arena, type_of(a->id > b->id ? a->id : b->id), nullable);
    int p1, s1, p2, s2;
    type_as_decimal(a, &p1, &s1);
    type_as_decimal(b, &p2, &s2);
    int digits = max_int(p1 - s1, p2 - s2);
    int scale = min_int(max_int(s1, s2), TYPE_MAX_PRECISION - digits);
    return type_decimal(arena, max_int(digits + scale, 1), scale, nullable);
}

static const struct type *common_nested(struct arena *arena, const struct type *a, const struct type *b,
                                        bool nullable) {
    if (a->id != b->id || a->child_count != b->child_count) return NULL;
    const struct type **children = ARENA_ARRAY(arena, const struct type *, a->child_count);
    for (int i = 0; i < a->child_count; i++) {
        children[i] = type_common(arena, a->children[i], b->children[i]);
        if (!children[i]) return NULL;
    }
    struct type *out = ARENA_NEW(arena, struct type);
    *out = *a;
    out->nullable = nullable;
    out->children = children;
    return out;
}

const struct type *type_common(struct arena *arena, const struct type *a, const struct type *b) {
    bool nullable = a->nullable || b->nullable;
    if (a->id == TYPE_NULL) return type_with_nullable(arena, b, true);
    if (b->id == TYPE_NULL || type_equal_but_nullable(a, b)) return type_with_nullable(arena, a, nullable);
    if (type_is_numeric(a) && type_is_numeric(b)) return common_numeric(arena, a, b, nullable);
    if (type_is_char(a) && type_is_char(b))
        return type_string(arena, TYPE_VARCHAR, max_int(a->length, b->length), nullable);
    if (type_is_bytes(a) && type_is_bytes(b))
        return type_string(arena, TYPE_VARBINARY, max_int(a->length, b->length), nullable);
    if (type_is_timestamp(a) && type_is_timestamp(b)) {
        enum type_id id = a->id == b->id ? a->id : TYPE_TIMESTAMP_LTZ;
        return type_time(arena, id, max_int(a->precision, b->precision), nullable);
    }
    if (a->id == TYPE_DATE && type_is_timestamp(b)) return type_with_nullable(arena, b, nullable);
    if (type_is_timestamp(a) && b->id == TYPE_DATE) return type_with_nullable(arena, a, nullable);
    if (a->id == TYPE_TIME && b->id == TYPE_TIME)
        return type_time(arena, TYPE_TIME, max_int(a->precision, b->precision), nullable);
    if (type_is_nested(a) && type_is_nested(b)) return common_nested(arena, a, b, nullable);
    return NULL;
}

const struct type *type_decimal_result(struct arena *arena, char op, const struct type *a, const struct type *b) {
    int p1, s1, p2, s2, precision, scale;
    type_as_decimal(a, &p1, &s1);
    type_as_decimal(b, &p2, &s2);
    switch (op) {
    case '*':
        scale = s1 + s2;
        precision = p1 + p2 + 1;
        break;
    case '/':
        scale = max_int(DECIMAL_MIN_ADJUSTED_SCALE, s1 + p2 + 1);
        precision = p1 - s1 + s2 + scale;
        break;
    case '%':
        scale = max_int(s1, s2);
        precision = s1 == 0 && s2 == 0 ? p2 : min_int(p1 - s1, p2 - s2) + scale;
        break;
    default:
        assert(op == '+' || op == '-');
        scale = max_int(s1, s2);
        precision = max_int(p1 - s1, p2 - s2) + scale + 1;
    }
    if (precision > TYPE_MAX_PRECISION) {
        int digits = precision - scale;
        scale = max_int(TYPE_MAX_PRECISION - digits, min_int(scale, DECIMAL_MIN_ADJUSTED_SCALE));
        precision = TYPE_MAX_PRECISION;
    }
    return type_decimal(arena, precision, scale, a->nullable || b->nullable);
}
