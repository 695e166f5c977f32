/* The names of a table's columns, from its files: a header line, or the fields of objects. */
#include <stdlib.h>

#include "connector/filesystem/filesystem_private.h"

/* Reads the beginning of a file and the names in it. */
static enum status names_of(const char *path, const struct format *format, const struct option_list *options,
                            char *buffer, struct arena *arena, const char ***names, int *count, struct error *err) {
    struct filesystem_stream *stream;
    size_t got = 0;
    TRY(filesystem_stream_open(path, 0, &stream, err));
    enum status status = filesystem_stream_read(stream, buffer, FILESYSTEM_BLOCK_BYTES, &got, err);
    filesystem_stream_close(stream);
    TRY(status);
    memset(buffer + got, 0, FORMAT_PADDING_BYTES);
    status = format->field_names(options, buffer, got, got < FILESYSTEM_BLOCK_BYTES, arena, names, count, err);
    if (status != STATUS_OK) error_prefix(err, "%s", path);
    return status;
}

static enum status check_same(const char *path, const char *const *names, int count, const char *first_path,
                              const char *const *first, int first_count, struct error *err) {
    for (int i = 0; i < count && i < first_count; i++)
        if (strcmp(names[i], first[i]) != 0)
            return error_set(err, STATUS_BAD_DATA, "%s: field %d of the header line is '%s', in %s it is '%s'", path,
                             i + 1, names[i], first_path, first[i]);
    if (count == first_count) return STATUS_OK;
    return error_set(err, STATUS_BAD_DATA, "%s: the header line has %d field%s, that of %s has %d", path, count,
                     count == 1 ? "" : "s", first_path, first_count);
}

static enum status check_names(const char *path, const char *const *names, int count, struct error *err) {
    for (int i = 0; i < count; i++) {
        if (!*names[i]) return error_set(err, STATUS_BAD_DATA, "%s: field %d has no name", path, i + 1);
        for (int j = 0; j < i; j++)
            if (strcmp(names[i], names[j]) == 0)
                return error_set(err, STATUS_BAD_DATA, "%s: two fields have the name '%s'", path, names[i]);
    }
    return STATUS_OK;
}

static enum status infer(const struct table *table, const struct format *format, const struct filesystem_list *list,
                         char *buffer, struct arena *arena, struct schema *out, struct error *err) {
    struct option_list options;
    const char **names, **first = NULL, *first_path = NULL;
    int count, first_count = 0;
    bool all_alike = strcmp(format->name, "csv") == 0; /* objects may have other fields */
    TRY(format_options(format, &table->options, "", arena_printf(arena, "table '%s'", table->name), arena, &options,
                       err));
    for (int i = 0; i < list->count && (all_alike || !first_count); i++) {
        TRY(names_of(list->files[i].path, format, &options, buffer, arena, &names, &count, err));
        if (count == 0) continue; /* an empty file */
        if (first_count) TRY(check_same(list->files[i].path, names, count, first_path, first, first_count, err));
        first = names;
        first_count = count;
        first_path = list->files[i].path;
    }
    if (!first_count)
        return error_set(err, STATUS_BAD_DATA, "'%s' is empty: there are no names of columns", filesystem_path(table));
    TRY(check_names(first_path, first, first_count, err));
    const struct type **types = ARENA_ARRAY(arena, const struct type *, first_count);
    for (int i = 0; i < first_count; i++) types[i] = type_of(TYPE_VARCHAR);
    *out = (struct schema){.column_count = first_count, .names = first, .types = types};
    return STATUS_OK;
}

enum status filesystem_infer_names(const struct table *table, const struct format *format,
                                   const struct filesystem_list *list, struct arena *arena, struct schema *out,
                                   struct error *err) {
    char *buffer = xmalloc(FILESYSTEM_BLOCK_BYTES + FORMAT_PADDING_BYTES);
    enum status status = infer(table, format, list, buffer, arena, out, err);
    free(buffer);
    return status;
}
