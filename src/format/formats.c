/* The list of formats, and what they share. */
#include <stdio.h>

#include "format/format_private.h"
#include "format/parquet.h"
#include "format/scan.h"

static const struct format *const formats[] = {&csv_format, &json_format, &parquet_format, &raw_format};
enum { FORMAT_COUNT = sizeof formats / sizeof *formats };

const struct format *format_at(int index) { return index >= 0 && index < FORMAT_COUNT ? formats[index] : NULL; }

const struct format *format_find(const char *name) {
    for (int i = 0; i < FORMAT_COUNT; i++)
        if (strcmp(formats[i]->name, name) == 0) return formats[i];
    return NULL;
}

enum status format_lookup(const struct option_list *options, const char *key, const struct format **out,
                          struct error *err) {
    const char *name = option_find(options, key);
    if (!name) return error_set(err, STATUS_INVALID_OPTION, "the option '%s' is missing", key);
    const struct format *format = format_find(name);
    if (format) {
        *out = format;
        return STATUS_OK;
    }
    const char *names[FORMAT_COUNT];
    struct strbuf list = {0};
    for (int i = 0; i < FORMAT_COUNT; i++) {
        names[i] = formats[i]->name;
        strbuf_printf(&list, "%s'%s'", i ? ", " : "", names[i]);
    }
    error_set(err, STATUS_INVALID_OPTION, "option '%s': there is no format '%s'", key, name);
    const char *nearest = str_nearest(name, names, FORMAT_COUNT);
    if (nearest)
        error_hint(err, "did you mean '%s'?", nearest);
    else
        error_hint(err, "there are %s", list.data);
    strbuf_free(&list);
    return STATUS_INVALID_OPTION;
}

enum status format_options(const struct format *format, const struct option_list *all, const char *prefix,
                           const char *owner, struct arena *arena, struct option_list *out, struct error *err) {
    struct option_list list = {0};
    const char *wanted = arena_printf(arena, "%s%s.", prefix, format->name);
    for (int i = 0; i < all->count; i++)
        if (strncmp(all->keys[i], wanted, strlen(wanted)) == 0)
            option_add(&list, arena, all->keys[i] + strlen(prefix), all->values[i],
                       all->offsets ? all->offsets[i] : -1);
    const struct option_def *tables[] = {format->options, NULL};
    TRY(options_check(&list, tables, arena_printf(arena, "format '%s' of %s", format->name, owner), err));
    *out = list;
    return STATUS_OK;
}

size_t format_skip_bom(const char *data, size_t size) {
    return size >= 3 && memcmp(data, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
}

int64_t format_count_lines(const char *data, size_t size) {
    int64_t count = 0;
    size_t i = 0;
    for (; i + 64 <= size; i += 64) count += __builtin_popcountll(scan_match(data + i, '\n'));
    for (; i < size; i++) count += data[i] == '\n';
    return count;
}

static bool is_blank(const char *p, size_t len) {
    for (size_t i = 0; i < len; i++)
        if (p[i] != ' ' && p[i] != '\t' && p[i] != '\r') return false;
    return true;
}

void format_frame_lines(const char *data, size_t size, bool at_start, bool at_end, bool skip_blank,
                        struct format_frame *frame) {
    size_t bom = at_start ? format_skip_bom(data, size) : 0, record = bom;
    int64_t lines = 0;
    while (record < size) {
        const char *feed = memchr(data + record, '\n', size - record);
        if (!feed && !at_end) break;
        size_t end = feed ? (size_t)(feed - data) : size, next = feed ? end + 1 : size;
        lines += feed != NULL;
        if (end > record && data[end - 1] == '\r') end--;
        bool blank = skip_blank &&
                     (end == record || ((unsigned char)data[record] <= ' ' && is_blank(data + record, end - record)));
        if (!blank) format_frame_add(frame, record, end - record);
        record = next;
    }
    frame->consumed_bytes = record == bom && !at_end ? 0 : record;
    frame->line_count = lines;
}

void format_set_null(struct vector *vec, struct arena *arena, int capacity, int row) {
    struct value null = value_null(vec->type);
    vector_set(vec, arena, capacity, row, &null);
}
