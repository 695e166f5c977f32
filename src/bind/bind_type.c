/* Types as written. */
#include "bind/bind.h"

static const struct type *fail(struct error *err, enum status code, const struct ast_type *type, const char *text) {
    error_set_at(err, code, type->node.offset, type->node.length, "%s", text);
    return NULL;
}

static const struct type *out_of_range(struct error *err, const struct ast_type *type, const char *what, int min,
                                       int max, int is) {
    error_set_at(err, STATUS_INVALID_ARGUMENT, type->node.offset, type->node.length,
                 "the %s must be between %d and %d, not %d", what, min, max, is);
    return NULL;
}

static const struct type *decimal_type(struct arena *arena, const struct ast_type *type, bool nullable,
                                       struct error *err) {
    int precision = type->precision < 0 ? 10 : type->precision, scale = type->scale < 0 ? 0 : type->scale;
    if (precision < 1 || precision > TYPE_MAX_PRECISION) {
        return out_of_range(err, type, "precision of DECIMAL", 1, TYPE_MAX_PRECISION, precision);
    }
    if (scale > precision) return out_of_range(err, type, "scale of DECIMAL", 0, precision, scale);
    return type_decimal(arena, precision, scale, nullable);
}

static const struct type *string_type(struct arena *arena, const struct ast_type *type, enum type_id id,
                                      int default_length, bool nullable, struct error *err) {
    int length = type->precision < 0 ? default_length : type->precision;
    if (length < 1) {
        error_set_at(err, STATUS_INVALID_ARGUMENT, type->node.offset, type->node.length,
                     "the length of %s must be at least 1", type_id_name(id));
        return NULL;
    }
    return type_string(arena, id, length, nullable);
}

static const struct type *time_type(struct arena *arena, const struct ast_type *type, enum type_id id,
                                    int default_precision, bool nullable, struct error *err) {
    int precision = type->precision < 0 ? default_precision : type->precision;
    if (precision > TYPE_MAX_TIME_PRECISION) {
        return out_of_range(err, type, id == TYPE_TIME ? "precision of TIME" : "precision of TIMESTAMP", 0,
                            TYPE_MAX_TIME_PRECISION, precision);
    }
    return type_time(arena, id, precision, nullable);
}

/* Types of other dialects, and the one to take here. */
static const struct {
    const char *name, *instead;
} foreign[] = {
    {"BLOB", "BYTES"},         {"BOOL", "BOOLEAN"},
    {"BYTEA", "BYTES"},        {"CLOB", "STRING"},
    {"DATETIME", "TIMESTAMP"}, {"FLOAT4", "FLOAT"},
    {"FLOAT8", "DOUBLE"},      {"HUGEINT", "DECIMAL(38, 0)"},
    {"INT2", "SMALLINT"},      {"INT4", "INT"},
    {"INT8", "BIGINT"},        {"INT64", "BIGINT"},
    {"JSON", "STRING"},        {"JSONB", "STRING"},
    {"LONG", "BIGINT"},        {"NUMBER", "DECIMAL"},
    {"TEXT", "STRING"},        {"TIMESTAMPTZ", "TIMESTAMP_LTZ"},
    {"UUID", "STRING"},
};

static void hint_type(const char *name, struct error *err) {
    static const char *const names[] = {
        "ARRAY",     "BIGINT",        "BINARY",  "BOOLEAN",  "BYTES",   "CHAR",      "DATE",   "DECIMAL",  "DOUBLE",
        "FLOAT",     "INT",           "INTEGER", "INTERVAL", "MAP",     "NUMERIC",   "ROW",    "SMALLINT", "STRING",
        "TIMESTAMP", "TIMESTAMP_LTZ", "TIME",    "MULTISET", "TINYINT", "VARBINARY", "VARCHAR"};
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        if (str_compare_nocase(name, foreign[i].name) != 0) continue;
        error_hint(err, "here it is %s", foreign[i].instead);
        return;
    }
    const char *near = str_nearest(name, names, (int)(sizeof names / sizeof *names));
    if (near) error_hint(err, "did you mean %s?", near);
}

static const struct type *nested_type(struct arena *arena, const struct ast_type *type, int depth, bool nullable,
                                      struct error *err);

static const struct type *any_type(struct arena *arena, const struct ast_type *type, int depth, struct error *err) {
    bool nullable = type->nullability != AST_NULLABILITY_NOT_NULL;
    enum type_id id;
    if (depth > TYPE_MAX_NESTING) return fail(err, STATUS_LIMIT_EXCEEDED, type, "types nest too deeply");
    switch (type->type_kind) {
    case AST_TYPE_BOOLEAN: id = TYPE_BOOLEAN; break;
    case AST_TYPE_TINYINT: id = TYPE_TINYINT; break;
    case AST_TYPE_SMALLINT: id = TYPE_SMALLINT; break;
    case AST_TYPE_INT: id = TYPE_INT; break;
    case AST_TYPE_BIGINT: id = TYPE_BIGINT; break;
    case AST_TYPE_FLOAT: id = TYPE_FLOAT; break;
    case AST_TYPE_DOUBLE: id = TYPE_DOUBLE; break;
    case AST_TYPE_DATE: id = TYPE_DATE; break;
    case AST_TYPE_NULL: return type_of(TYPE_NULL);
    case AST_TYPE_DECIMAL: return decimal_type(arena, type, nullable, err);
    case AST_TYPE_CHAR: return string_type(arena, type, TYPE_CHAR, 1, nullable, err);
    case AST_TYPE_VARCHAR: return string_type(arena, type, TYPE_VARCHAR, TYPE_MAX_LENGTH, nullable, err);
    case AST_TYPE_STRING: id = TYPE_VARCHAR; break;
    case AST_TYPE_BINARY: return string_type(arena, type, TYPE_BINARY, 1, nullable, err);
    case AST_TYPE_VARBINARY: return string_type(arena, type, TYPE_VARBINARY, TYPE_MAX_LENGTH, nullable, err);
    case AST_TYPE_BYTES: id = TYPE_VARBINARY; break;
    case AST_TYPE_TIME: return time_type(arena, type, TYPE_TIME, 0, nullable, err);
    case AST_TYPE_TIMESTAMP: return time_type(arena, type, TYPE_TIMESTAMP, 6, nullable, err);
    case AST_TYPE_TIMESTAMP_LTZ: return time_type(arena, type, TYPE_TIMESTAMP_LTZ, 6, nullable, err);
    case AST_TYPE_INTERVAL: {
        enum ast_unit from = type->interval.from;
        bool months = from == AST_UNIT_YEAR || from == AST_UNIT_QUARTER || from == AST_UNIT_MONTH;
        id = months ? TYPE_INTERVAL_YEAR_MONTH : TYPE_INTERVAL_DAY_TIME;
        break;
    }
    case AST_TYPE_ARRAY:
    case AST_TYPE_MULTISET:
    case AST_TYPE_MAP:
    case AST_TYPE_ROW: return nested_type(arena, type, depth, nullable, err);
    case AST_TYPE_RAW: return fail(err, STATUS_NOT_SUPPORTED, type, "type RAW is not supported");
    case AST_TYPE_VARIANT: return fail(err, STATUS_NOT_SUPPORTED, type, "type VARIANT is not supported");
    case AST_TYPE_BITMAP: return fail(err, STATUS_NOT_SUPPORTED, type, "type BITMAP is not supported");
    case AST_TYPE_DESCRIPTOR: return fail(err, STATUS_NOT_SUPPORTED, type, "type DESCRIPTOR is not supported");
    case AST_TYPE_STRUCTURED: return fail(err, STATUS_NOT_SUPPORTED, type, "type STRUCTURED is not supported");
    default: {
        const char *name = type->name ? type->name->parts[type->name->count - 1].text : "?";
        error_set_at(err, STATUS_UNDEFINED_NAME, type->node.offset, type->node.length, "type '%s' not found", name);
        hint_type(name, err);
        return NULL;
    }
    }
    return type_with_nullable(arena, type_of(id), nullable);
}

static const struct type *row_type(struct arena *arena, const struct ast_type *type, int depth, bool nullable,
                                   struct error *err) {
    int count = type->fields.count;
    const char **names = ARENA_ARRAY(arena, const char *, count);
    const struct type **types = ARENA_ARRAY(arena, const struct type *, count);
    for (int i = 0; i < count; i++) {
        const struct ast_type_field *field = AST_AT(type->fields, i, ast_type_field);
        names[i] = field->name->text;
        for (int k = 0; k < i; k++) {
            if (strcmp(names[k], names[i]) != 0) continue;
            error_set_at(err, STATUS_DUPLICATE_NAME, field->node.offset, field->node.length,
                         "the ROW has two fields '%s'", names[i]);
            return NULL;
        }
        types[i] = any_type(arena, field->type, depth + 1, err);
        if (!types[i]) return NULL;
    }
    return type_row(arena, count, names, types, nullable);
}

static const struct type *nested_type(struct arena *arena, const struct ast_type *type, int depth, bool nullable,
                                      struct error *err) {
    if (type->type_kind == AST_TYPE_ROW) return row_type(arena, type, depth, nullable, err);
    const struct type *element = any_type(arena, type->element, depth + 1, err);
    if (!element) return NULL;
    if (type->type_kind == AST_TYPE_ARRAY) return type_array(arena, element, nullable);
    if (type->type_kind == AST_TYPE_MULTISET) return type_multiset(arena, element, nullable);
    const struct type *key = any_type(arena, type->key, depth + 1, err);
    return key ? type_map(arena, key, element, nullable) : NULL;
}

const struct type *bind_type(struct arena *arena, const struct ast_type *type, struct error *err) {
    return any_type(arena, type, 0, err);
}
