#include "shell/load_columns.h"

#include <string.h>

static int find_exactly(const struct table *table, const char *name) {
    for (int i = 0; i < table->column_count; i++)
        if (table->columns[i].kind == COLUMN_PHYSICAL && strcmp(table->columns[i].name, name) == 0) return i;
    return -1;
}

enum { NOT_FOUND = -1, AMBIGUOUS = -2 };

static int find_column(const struct table *table, const char *name) {
    int found = find_exactly(table, name);
    if (found >= 0) return found;
    for (int i = 0; i < table->column_count; i++) {
        if (table->columns[i].kind != COLUMN_PHYSICAL || str_compare_nocase(table->columns[i].name, name) != 0)
            continue;
        if (found >= 0) return AMBIGUOUS;
        found = i;
    }
    return found;
}

static void suggest_column(const struct table *table, const char *name, struct arena *arena, struct error *err) {
    const char **names = ARENA_ARRAY(arena, const char *, table->column_count + 1);
    for (int i = 0; i < table->column_count; i++) names[i] = table->columns[i].name;
    const char *near = str_nearest(name, names, table->column_count);
    if (near) error_hint(err, "did you mean '%s'? --map '%s=%s' says so", near, name, near);
}

static enum status no_column(const struct table *table, const char *name, int found, struct arena *arena,
                             struct error *err) {
    if (found == AMBIGUOUS) {
        error_set(err, STATUS_UNDEFINED_NAME,
                  "table '%s' has several columns that differ from the file's field '%s' in case only", table->name,
                  name);
        error_hint(err, "--map '%s=COLUMN' says which one", name);
        return STATUS_UNDEFINED_NAME;
    }
    error_set(err, STATUS_UNDEFINED_NAME, "table '%s' has no column '%.64s', which the file has", table->name, name);
    error_hint(err, "--map '%.64s=COLUMN' names the column it goes to, --ignore-extra leaves out such fields", name);
    suggest_column(table, name, arena, err);
    return STATUS_UNDEFINED_NAME;
}

/* "field=column" at *p, which is moved behind it. */
static enum status map_entry(const char **p, struct arena *arena, const char **field, const char **column,
                             struct error *err) {
    const char *end = strchrnul(*p, ','), *equal = memchr(*p, '=', (size_t)(end - *p));
    if (!equal || equal == *p || equal + 1 == end)
        return error_set(err, STATUS_USAGE, "option '--map' wants FIELD=COLUMN and not '%.*s'", (int)(end - *p), *p);
    const char *start = *p;
    while (*start == ' ') start++;
    *field = arena_strndup(arena, start, (size_t)(equal - start));
    *column = arena_strndup(arena, equal + 1, (size_t)(end - equal - 1));
    *p = *end ? end + 1 : end;
    return STATUS_OK;
}

static enum status apply_map(const struct table *table, const char *const *names, int count, const char *map,
                             struct arena *arena, struct load_columns *out, struct error *err) {
    for (const char *p = map; p && *p;) {
        const char *field = NULL, *column = NULL;
        TRY(map_entry(&p, arena, &field, &column, err));
        int i = 0, found = find_column(table, column);
        while (i < count && strcmp(names[i], field) != 0) i++;
        if (i == count) {
            error_set(err, STATUS_UNDEFINED_NAME, "option '--map': the file has no field '%s'", field);
            const char *near = str_nearest(field, names, count);
            if (near) error_hint(err, "did you mean '%s'?", near);
            return STATUS_UNDEFINED_NAME;
        }
        if (found < 0) {
            error_set(err, STATUS_UNDEFINED_NAME, "option '--map': table '%s' has no column '%s'", table->name, column);
            suggest_column(table, column, arena, err);
            return STATUS_UNDEFINED_NAME;
        }
        out->fields[i].column = found;
    }
    return STATUS_OK;
}

static enum status check_once(const struct table *table, const struct load_columns *columns, struct error *err) {
    for (int i = 0; i < columns->count; i++)
        for (int j = 0; j < i; j++)
            if (columns->fields[i].column >= 0 && columns->fields[i].column == columns->fields[j].column)
                return error_set(err, STATUS_INVALID_QUERY, "fields '%s' and '%s' of the file both go to column '%s'",
                                 columns->fields[j].name, columns->fields[i].name,
                                 table->columns[columns->fields[i].column].name);
    return STATUS_OK;
}

bool load_column_is_nullable(const struct table *table, int column) {
    for (int k = 0; k < table->primary_key_count; k++)
        if (table->primary_key[k] == column) return table->columns[column].type->nullable;
    return true;
}

static enum status check_key(const struct table *table, const struct load_columns *columns, struct error *err) {
    for (int k = 0; k < table->primary_key_count; k++) {
        int column = table->primary_key[k], i = 0;
        while (i < columns->count && columns->fields[i].column != column) i++;
        if (i < columns->count || load_column_is_nullable(table, column)) continue;
        error_set(err, STATUS_INVALID_QUERY, "the file has no field for column '%s', which is part of the key of '%s'",
                  table->columns[column].name, table->name);
        error_hint(err, "--map 'FIELD=%s' says which one it is", table->columns[column].name);
        return STATUS_INVALID_QUERY;
    }
    return STATUS_OK;
}

enum status load_columns_match(const struct table *table, const char *const *names, int count, const char *map,
                               bool ignore_extra, struct arena *arena, struct load_columns *out, struct error *err) {
    struct load_columns columns = {.fields = ARENA_ARRAY(arena, struct load_field, count + 1), .count = count};
    for (int i = 0; i < count; i++) columns.fields[i] = (struct load_field){names[i], NOT_FOUND};
    TRY(apply_map(table, names, count, map, arena, &columns, err));
    for (int i = 0; i < count; i++) {
        if (columns.fields[i].column >= 0) continue;
        int found = find_column(table, names[i]);
        if (found < 0 && !ignore_extra) return no_column(table, names[i], found, arena, err);
        columns.fields[i].column = found < 0 ? -1 : found;
    }
    TRY(check_once(table, &columns, err));
    TRY(check_key(table, &columns, err));
    *out = columns;
    return STATUS_OK;
}
