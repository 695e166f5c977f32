/* The first two bytes choose options and schema, the rest is a file. */
#include "format_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    if (size < 2 || size > 1 << 16) return 0;
    struct arena arena;
    arena_init(&arena, NULL);
    struct option_list options = {0};
    uint8_t flags = data[0];
    option_add(&options, &arena, "csv.ignore-parse-errors", flags & 1 ? "true" : "false", -1);
    if (flags & 2) option_add(&options, &arena, "csv.null-literal", "", -1);
    if (flags & 4) option_add(&options, &arena, "csv.escape-character", "\\", -1);
    if (flags & 8) option_add(&options, &arena, "csv.trim-spaces", "true", -1);
    if (flags & 16) option_add(&options, &arena, "csv.allow-comments", "true", -1);
    if (flags & 32) option_add(&options, &arena, "csv.header", "true", -1);
    if (flags & 64) option_add(&options, &arena, "csv.disable-quote-character", "true", -1);
    if (flags & 128) {
        option_add(&options, &arena, "csv.nested-encoding", "json", -1);
        option_add(&options, &arena, "csv.bytes-encoding", "hex", -1);
    }
    if (data[1] & 128) {
        option_add(&options, &arena, "csv.ignore-trailing-unmappable", data[1] & 64 ? "true" : "false", -1);
        option_add(&options, &arena, "csv.allow-trailing-comma", "true", -1);
        option_add(&options, &arena, "csv.write-bigdecimal-in-scientific-notation", "true", -1);
    }
    const struct type *fields[] = {type_of(TYPE_INT), type_of(TYPE_VARCHAR)};
    const struct type *types[] = {type_of(TYPE_VARCHAR),
                                  type_of(TYPE_INT),
                                  type_of(TYPE_DOUBLE),
                                  type_decimal(&arena, 20, 4, true),
                                  type_time(&arena, TYPE_TIMESTAMP, 3, true),
                                  type_array(&arena, type_of(TYPE_BIGINT), true),
                                  type_row(&arena, 2, names, fields, true),
                                  type_of(TYPE_VARBINARY)};
    struct format_schema schema = {.field_count = 1 + data[1] % 8, .names = names, .types = types};
    size_t len = size - 2;
    char *start = arena_alloc(&arena, len + FORMAT_PADDING_BYTES);
    memcpy(start, data + 2, len);
    memset(start + len, 0, FORMAT_PADDING_BYTES);
    const char **found;
    int count;
    (void)format_find("csv")->field_names(&options, start, len, data[1] & 1, &arena, &found, &count, NULL);
    fuzz_format(format_find("csv"), &schema, &options, (const char *)data + 2, len,
                len ? (data[1] / 8u * 977u) % len : 0, false);
    /* Strings with a null literal come back as they were written. */
    const struct type *texts[] = {type_of(TYPE_VARCHAR), type_of(TYPE_VARCHAR), type_of(TYPE_VARCHAR)};
    schema = (struct format_schema){.field_count = 2 + data[1] % 2, .names = names, .types = texts};
    fuzz_format(format_find("csv"), &schema, &options, (const char *)data + 2, len, 0, !(flags & 64));
    arena_destroy(&arena);
    return 0;
}
