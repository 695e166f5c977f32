/* The first byte chooses options, the rest is a file. */
#include "format_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"};
    if (size < 1 || size > 1 << 16) return 0;
    struct arena arena;
    arena_init(&arena, NULL);
    struct option_list options = {0};
    option_add(&options, &arena, "json.ignore-parse-errors", data[0] & 1 ? "true" : "false", -1);
    option_add(&options, &arena, "json.fail-on-missing-field", data[0] & 2 ? "true" : "false", -1);
    option_add(&options, &arena, "json.encode.ignore-null-fields", data[0] & 2 ? "false" : "true", -1);
    option_add(&options, &arena, "json.map-null-key.mode", "DROP", -1);
    const struct type *inner[] = {type_of(TYPE_INT), type_of(TYPE_VARCHAR)};
    const struct type *row = type_row(&arena, 2, names, inner, true);
    const struct type *types[] = {
        type_of(TYPE_VARCHAR),
        type_of(TYPE_BIGINT),
        type_of(TYPE_DOUBLE),
        type_decimal(&arena, 30, 10, true),
        type_time(&arena, TYPE_TIMESTAMP, 3, true),
        row,
        type_array(&arena, row, true),
        type_map(&arena, type_of(TYPE_VARCHAR), type_array(&arena, type_of(TYPE_INT), true), true),
        type_of(TYPE_BOOLEAN),
        type_of(TYPE_VARBINARY),
        type_map(&arena, type_map(&arena, type_of(TYPE_INT), row, true), type_of(TYPE_DATE), true)};
    struct format_schema schema = {.field_count = 11, .names = names, .types = types};
    size_t len = size - 1;
    fuzz_format(format_find("json"), &schema, &options, (const char *)data + 1, len,
                len ? data[0] / 4u * 977u % len : 0, true);
    arena_destroy(&arena);
    return 0;
}
