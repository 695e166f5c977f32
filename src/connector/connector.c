#include "connector/connector.h"

#include <stdio.h>

const struct option_def connector_lookup_options[] = {CONNECTOR_LOOKUP_OPTIONS, OPTION_END};

void connector_lookup_settings(const struct option_list *options, struct lookup_settings *out) {
    const struct option_def *table = connector_lookup_options;
    const char *join = option_string(options, table, "lookup.join");
    *out = (struct lookup_settings){
        .expire_after_write_ms = option_int(options, table, "lookup.partial-cache.expire-after-write"),
        .expire_after_access_ms = option_int(options, table, "lookup.partial-cache.expire-after-access"),
        .cache_missing_keys = option_bool(options, table, "lookup.partial-cache.cache-missing-key"),
        .miss_attempts = (int)option_int(options, table, "lookup.miss-retry.attempts"),
        .miss_delay_ms = option_int(options, table, "lookup.miss-retry.delay"),
        .max_retries =
            option_given(options, "lookup.max-retries") ? (int)option_int(options, table, "lookup.max-retries") : -1,
        .join = str_compare_nocase(join, "on") == 0    ? LOOKUP_JOIN_ON
                : str_compare_nocase(join, "off") == 0 ? LOOKUP_JOIN_OFF
                                                       : LOOKUP_JOIN_AUTO,
    };
    if (str_compare_nocase(option_string(options, table, "lookup.cache"), "PARTIAL") == 0)
        out->cache_max_rows = option_int(options, table, "lookup.partial-cache.max-rows");
}

const struct connector_metadata connector_cell_metadata[] = {
    {.key = "writetime(*)", .type = TYPE_TIMESTAMP_LTZ, .precision = 6, .access = METADATA_READ},
    {.key = "writetime(*)", .type = TYPE_BIGINT, .access = METADATA_READ},
    {.key = "ttl(*)", .type = TYPE_INT, .access = METADATA_READ},
    {.key = "timestamp", .type = TYPE_TIMESTAMP_LTZ, .precision = 6, .access = METADATA_WRITE},
    {.key = "timestamp", .type = TYPE_BIGINT, .access = METADATA_WRITE},
    {.key = "ttl", .type = TYPE_INT, .access = METADATA_WRITE},
    {.key = "origin.file", .type = TYPE_VARCHAR, .access = METADATA_WRITE},
    {.key = "origin.line", .type = TYPE_BIGINT, .access = METADATA_WRITE},
    {0},
};

const char *scan_function_name(enum scan_function function) {
    static const char *const names[] = {
        [SCAN_COUNT] = "COUNT", [SCAN_MIN] = "MIN", [SCAN_MAX] = "MAX", [SCAN_SUM] = "SUM"};
    return names[function];
}

const char *row_kind_name(enum row_kind kind) {
    static const char *const names[] = {
        [ROW_INSERT] = "+I", [ROW_UPDATE_BEFORE] = "-U", [ROW_UPDATE_AFTER] = "+U", [ROW_DELETE] = "-D"};
    return names[kind];
}

enum { MAX_METADATA = 32 };

/* Does the key name the entry? *inner: the text in the star's place. */
static bool names_entry(const char *pattern, const char *key, struct str *inner) {
    const char *star = strchr(pattern, '*');
    *inner = (struct str){"", 0};
    if (!star) return strcmp(pattern, key) == 0;
    size_t head = (size_t)(star - pattern), tail = strlen(star + 1), len = strlen(key);
    if (len <= head + tail || memcmp(key, pattern, head) != 0 || strcmp(key + len - tail, star + 1) != 0) return false;
    *inner = (struct str){key + head, len - head - tail};
    return true;
}

static bool fits(const struct connector_metadata *metadata, const struct type *type) {
    if (metadata->type == TYPE_INT) return type->id == TYPE_INT || type->id == TYPE_BIGINT;
    return type->id == metadata->type && (metadata->precision == 0 || type->precision >= metadata->precision) &&
           (type->id != TYPE_VARCHAR || type->length == TYPE_MAX_LENGTH);
}

/* The keys, each once; patterns with the text that the wrong key has between its brackets, so that the nearest can be told. */
static int list_keys(const struct connector_metadata *metadata, const char *wrong, struct arena *arena,
                     const char **keys) {
    const char *open = strchr(wrong, '('), *close = strrchr(wrong, ')');
    struct str inner = open && close > open ? (struct str){open + 1, (size_t)(close - open - 1)} : str_from("column");
    int count = 0;
    for (int i = 0; metadata[i].key && count < MAX_METADATA; i++) {
        const char *star = strchr(metadata[i].key, '*'), *key = metadata[i].key;
        if (star) key = arena_printf(arena, "%.*s%.*s%s", (int)(star - key), key, (int)inner.len, inner.data, star + 1);
        bool twice = false;
        for (int k = 0; k < count; k++) twice |= strcmp(keys[k], key) == 0;
        if (!twice) keys[count++] = key;
    }
    return count;
}

static enum status unknown_key(const char *connector, const struct connector_metadata *metadata,
                               const struct table_column *column, struct error *err) {
    struct arena arena;
    arena_init(&arena, NULL);
    const char *keys[MAX_METADATA];
    int count = list_keys(metadata, column->metadata_key, &arena, keys);
    const char *nearest = str_nearest(column->metadata_key, keys, count);
    struct strbuf list = {0};
    for (int i = 0; i < count; i++) strbuf_printf(&list, "%s'%s'", i ? ", " : "", keys[i]);
    error_set(err, STATUS_UNDEFINED_NAME, "column '%s': connector '%s' has no metadata '%s'", column->name, connector,
              column->metadata_key);
    if (nearest)
        error_hint(err, "did you mean '%s'?", nearest);
    else
        error_hint(err, "it has %s", list.data ? list.data : "none");
    strbuf_free(&list);
    arena_destroy(&arena);
    return STATUS_UNDEFINED_NAME;
}

static enum status wrong_type(const char *connector, const struct connector_metadata *metadata,
                              const struct table_column *column, struct error *err) {
    struct strbuf types = {0};
    struct str inner;
    for (int i = 0; metadata[i].key; i++) {
        if (!names_entry(metadata[i].key, column->metadata_key, &inner)) continue;
        if (types.len) strbuf_puts(&types, " or ");
        strbuf_puts(&types, metadata[i].type == TYPE_VARCHAR ? "STRING" : type_id_name(metadata[i].type));
        if (metadata[i].precision) strbuf_printf(&types, "(%d)", metadata[i].precision);
    }
    error_set(err, STATUS_TYPE_MISMATCH, "column '%s': metadata '%s' of connector '%s' is %s", column->name,
              column->metadata_key, connector, types.data);
    error_hint(err, "a computed column can cast it");
    strbuf_free(&types);
    return STATUS_TYPE_MISMATCH;
}

static enum status check_access(enum metadata_access access, const struct table_column *column, struct error *err) {
    bool bad = access == METADATA_READ ? !column->is_virtual : access == METADATA_WRITE && column->is_virtual;
    if (!bad) return STATUS_OK;
    error_set(err, STATUS_INVALID_QUERY, "column '%s': metadata '%s' can only be %s", column->name,
              column->metadata_key, access == METADATA_READ ? "read" : "written");
    error_hint(err, access == METADATA_READ ? "declare it VIRTUAL" : "leave out VIRTUAL");
    return STATUS_INVALID_QUERY;
}

enum status connector_check_metadata(const char *connector, const struct connector_metadata *metadata,
                                     const struct table *table, struct error *err) {
    for (int i = 0; i < table->column_count; i++) {
        const struct table_column *column = &table->columns[i];
        if (column->kind != COLUMN_METADATA) continue;
        bool known = false;
        const struct connector_metadata *found = NULL;
        struct str inner;
        for (int k = 0; metadata[k].key && !found; k++) {
            if (!names_entry(metadata[k].key, column->metadata_key, &inner)) continue;
            known = true;
            if (fits(&metadata[k], column->type)) found = &metadata[k];
        }
        if (!known) return unknown_key(connector, metadata, column, err);
        if (!found) return wrong_type(connector, metadata, column, err);
        TRY(check_access(found->access, column, err));
    }
    return STATUS_OK;
}
