/* Which files a table has: its path's file, directory or pattern; the filter on paths; the values in folders' names. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <pcre2.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "connector/filesystem/filesystem_private.h"

enum status filesystem_io_error(const char *path, const char *what, struct error *err) {
    return error_set(err, STATUS_IO_ERROR, "cannot %s '%s': %s", what, path, strerror(errno));
}

/* ---- Predicates ---- */

bool filesystem_is_decidable(const struct type *type) {
    return type->id == TYPE_BOOLEAN || type_is_exact(type) || type->id == TYPE_VARCHAR || type->id == TYPE_DATE ||
           type->id == TYPE_TIME || type_is_timestamp(type);
}

bool filesystem_satisfies(const struct predicate *predicate, const struct value *value) {
    if (predicate->op == PREDICATE_IS_NULL) return value->is_null;
    if (value->is_null) return false;
    if (predicate->op == PREDICATE_IS_NOT_NULL) return true;
    for (int i = 0; i < predicate->value_count; i++) {
        int order = value_compare(value, &predicate->values[i]);
        switch (predicate->op) {
        case PREDICATE_LT: return order < 0;
        case PREDICATE_LE: return order <= 0;
        case PREDICATE_GT: return order > 0;
        case PREDICATE_GE: return order >= 0;
        default:
            if (order == 0) return true;
        }
    }
    return false;
}

/* ---- Walking ---- */

struct found_file {
    const char *path;
    int64_t size_bytes;
};

struct walk {
    struct arena *arena;
    struct found_file *files;
    int count, capacity;
    const char **journals; /* of swaps in the table's directory */
    int journal_count, journal_capacity;
};

static enum status add_file(struct walk *walk, const char *path, int64_t size_bytes, struct error *err) {
    if (strlen(path) > SPLIT_ID_MAX_BYTES - 64)
        return error_set(err, STATUS_LIMIT_EXCEEDED, "the path '%.100s…' is longer than %d bytes", path,
                         SPLIT_ID_MAX_BYTES - 64);
    if (walk->count == FILESYSTEM_MAX_FILES)
        return error_set(err, STATUS_LIMIT_EXCEEDED, "there are more than %d files", FILESYSTEM_MAX_FILES);
    ARRAY_RESERVE(walk->files, walk->capacity, walk->count + 1);
    walk->files[walk->count++] = (struct found_file){arena_strdup(walk->arena, path), size_bytes};
    return STATUS_OK;
}

static bool is_hidden(const char *name) { return name[0] == '.' || name[0] == '_'; }

static const char *join(struct arena *arena, const char *dir, const char *name) {
    size_t len = strlen(dir);
    if (len == 0) return arena_strdup(arena, name);
    return arena_printf(arena, "%s%s%s", dir, dir[len - 1] == '/' ? "" : "/", name);
}

static enum status too_deep(const char *path, struct error *err) {
    return error_set(err, STATUS_LIMIT_EXCEEDED, "directories are nested more than %d deep at '%s'",
                     FILESYSTEM_MAX_DEPTH, path);
}

/* A file, or the files of a directory. depth > 0: what has gone away in between, pipes and devices are no data. */
static enum status walk_path(struct walk *walk, const char *path, int depth, struct error *err) {
    struct stat st;
    if (stat(path, &st) != 0) return errno == ENOENT && depth > 0 ? STATUS_OK : filesystem_io_error(path, "read", err);
    if (S_ISREG(st.st_mode)) return add_file(walk, path, st.st_size, err);
    if (S_ISFIFO(st.st_mode) && depth == 0) return add_file(walk, path, 0, err); /* asked for by its name */
    if (!S_ISDIR(st.st_mode)) {
        if (depth > 0) return STATUS_OK;
        return error_set(err, STATUS_IO_ERROR, "'%s' is neither a file nor a directory", path);
    }
    if (depth == FILESYSTEM_MAX_DEPTH) return too_deep(path, err);
    DIR *dir = opendir(path);
    if (!dir) return errno == ENOENT && depth > 0 ? STATUS_OK : filesystem_io_error(path, "read", err);
    enum status status = STATUS_OK;
    for (struct dirent *entry; status == STATUS_OK && (entry = readdir(dir));) {
        if (!is_hidden(entry->d_name)) {
            status = walk_path(walk, join(walk->arena, path, entry->d_name), depth + 1, err);
        } else if (depth == 0 && filesystem_is_journal(entry->d_name)) {
            ARRAY_RESERVE(walk->journals, walk->journal_capacity, walk->journal_count + 1);
            walk->journals[walk->journal_count++] = join(walk->arena, path, entry->d_name);
        }
    }
    closedir(dir);
    return status;
}

/* ---- Patterns ---- */

bool filesystem_is_pattern(const char *path) { return strpbrk(path, "*?[{") != NULL; }

static enum status match(struct walk *walk, const char *dir, const char *pattern, int depth, struct error *err);

/* Every entry of `dir` that `part` matches, against the rest of the pattern. */
static enum status match_entries(struct walk *walk, const char *dir, const char *part, const char *rest, int depth,
                                 struct error *err) {
    DIR *stream = opendir(*dir ? dir : ".");
    if (!stream) return errno == ENOENT || errno == ENOTDIR ? STATUS_OK : filesystem_io_error(dir, "read", err);
    enum status status = STATUS_OK;
    bool any_depth = strcmp(part, "**") == 0;
    for (struct dirent *entry; status == STATUS_OK && (entry = readdir(stream));) {
        const char *name = entry->d_name;
        if (is_hidden(name) && part[0] != name[0]) continue;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) continue;
        if (!any_depth && fnmatch(part, name, 0) != 0) continue;
        const char *child = join(walk->arena, dir, name);
        if (!any_depth) {
            status = match(walk, child, rest, depth + 1, err);
            continue;
        }
        struct stat st;
        if (stat(child, &st) == 0 && S_ISDIR(st.st_mode))
            status = match(walk, child, arena_printf(walk->arena, "**/%s", rest), depth + 1, err);
    }
    closedir(stream);
    return status;
}

/* Adds what the pattern stands for below `dir`. */
static enum status match(struct walk *walk, const char *dir, const char *pattern, int depth, struct error *err) {
    while (*pattern == '/') pattern++;
    if (*pattern == 0) return walk_path(walk, dir, depth ? depth : 1, err);
    if (depth == FILESYSTEM_MAX_DEPTH) return too_deep(dir, err);
    size_t len = strcspn(pattern, "/");
    const char *part = arena_strndup(walk->arena, pattern, len), *rest = pattern + len;
    while (*rest == '/') rest++;
    if (!filesystem_is_pattern(part)) {
        const char *child = join(walk->arena, dir, part);
        return access(child, F_OK) == 0 ? match(walk, child, rest, depth + 1, err) : STATUS_OK;
    }
    if (strcmp(part, "**") == 0) TRY(match(walk, dir, *rest ? rest : "*", depth, err)); /* no directory at all */
    return match_entries(walk, dir, part, strcmp(part, "**") == 0 && !*rest ? "*" : rest, depth, err);
}

struct patterns {
    struct arena *arena;
    const char *texts[FILESYSTEM_MAX_PATTERNS];
    int count;
};

/* "a{b,c}d" is "abd" and "acd". */
static enum status expand_braces(struct patterns *patterns, const char *text, struct error *err) {
    const char *open = strchr(text, '{'), *close = open;
    int depth = 0;
    for (; close && *close; close++) {
        depth += (*close == '{') - (*close == '}');
        if (depth == 0) break;
    }
    if (!open || !*close) {
        if (patterns->count == FILESYSTEM_MAX_PATTERNS)
            return error_set(err, STATUS_LIMIT_EXCEEDED, "the braces of the path stand for more than %d patterns",
                             FILESYSTEM_MAX_PATTERNS);
        patterns->texts[patterns->count++] = text;
        return STATUS_OK;
    }
    for (const char *from = open + 1; from <= close;) {
        const char *to = from;
        for (depth = 0; to < close && (depth || *to != ','); to++) depth += (*to == '{') - (*to == '}');
        TRY(expand_braces(
            patterns,
            arena_printf(patterns->arena, "%.*s%.*s%s", (int)(open - text), text, (int)(to - from), from, close + 1),
            err));
        from = to + 1;
    }
    return STATUS_OK;
}

static enum status walk_pattern(struct walk *walk, const char *path, struct error *err) {
    struct patterns *patterns = ARENA_NEW(walk->arena, struct patterns);
    patterns->arena = walk->arena;
    TRY(expand_braces(patterns, path, err));
    for (int i = 0; i < patterns->count; i++)
        TRY(match(walk, patterns->texts[i][0] == '/' ? "/" : "", patterns->texts[i], 0, err));
    if (walk->count == 0) return error_set(err, STATUS_IO_ERROR, "no file matches '%s'", path);
    return STATUS_OK;
}

static int compare_found(const void *a, const void *b) {
    return strcmp(((const struct found_file *)a)->path, ((const struct found_file *)b)->path);
}

/* Several patterns may find the same file. */
static void sort_found(struct walk *walk) {
    if (walk->count) qsort(walk->files, (size_t)walk->count, sizeof *walk->files, compare_found);
    int kept = 0;
    for (int i = 0; i < walk->count; i++)
        if (kept == 0 || strcmp(walk->files[i].path, walk->files[kept - 1].path) != 0)
            walk->files[kept++] = walk->files[i];
    walk->count = kept;
}

/* ---- The filter on paths ---- */

static enum status filter_paths(struct walk *walk, const char *pattern, struct error *err) {
    int number;
    PCRE2_SIZE at;
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                                     PCRE2_UTF | PCRE2_ANCHORED | PCRE2_ENDANCHORED, &number, &at, NULL);
    if (!code) {
        char message[128];
        pcre2_get_error_message(number, (PCRE2_UCHAR *)message, sizeof message);
        return error_set(err, STATUS_INVALID_OPTION, "option 'source.path.regex-pattern': %s, at character %zu of '%s'",
                         message, at + 1, pattern);
    }
    pcre2_match_data *data = pcre2_match_data_create_from_pattern(code, NULL);
    char *cwd = getcwd(NULL, 0);
    int kept = 0;
    enum status status = STATUS_OK;
    for (int i = 0; i < walk->count && status == STATUS_OK; i++) {
        const char *path = walk->files[i].path;
        if (path[0] != '/') path = join(walk->arena, cwd ? cwd : "/", path);
        int result = pcre2_match(code, (PCRE2_SPTR)path, strlen(path), 0, 0, data, NULL);
        if (result >= 0)
            walk->files[kept++] = walk->files[i];
        else if (result != PCRE2_ERROR_NOMATCH)
            status = error_set(err, STATUS_INVALID_OPTION,
                               "option 'source.path.regex-pattern': '%s' takes too long on '%s'", pattern, path);
    }
    walk->count = kept;
    free(cwd);
    pcre2_match_data_free(data);
    pcre2_code_free(code);
    return status;
}

/* ---- Partitions ---- */

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static char *unescape(struct arena *arena, const char *text, size_t len) {
    char *out = arena_strndup(arena, text, len), *to = out;
    for (const char *p = text; p < text + len; p++) {
        if (*p == '%' && text + len - p > 2 && hex_digit(p[1]) >= 0 && hex_digit(p[2]) >= 0) {
            *to++ = (char)(hex_digit(p[1]) * 16 + hex_digit(p[2]));
            p += 2;
        } else {
            *to++ = *p;
        }
    }
    *to = 0;
    return out;
}

void filesystem_escape(struct strbuf *out, const char *text, size_t len) {
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c < 0x20 || c == 0x7F || strchr("\"#%'*/:=?\\{[]^", c))
            strbuf_printf(out, "%%%02X", c);
        else
            strbuf_putc(out, (char)c);
    }
}

/* The value in the last folder key=value of a path; NULL when there is none. */
static const char *folder_value(const char *path, const char *key, struct arena *arena) {
    const char *found = NULL;
    for (const char *part = path, *slash; (slash = strchr(part, '/')); part = slash + 1) {
        const char *equal = memchr(part, '=', (size_t)(slash - part));
        if (!equal || strcmp(unescape(arena, part, (size_t)(equal - part)), key) != 0) continue;
        found = unescape(arena, equal + 1, (size_t)(slash - equal - 1));
    }
    return found;
}

enum status filesystem_partitions(const struct table *table, const char *path, struct arena *arena, struct value **out,
                                  struct error *err) {
    const char *default_name = option_string(&table->options, filesystem_options, "partition.default-name");
    struct value *values = ARENA_ARRAY(arena, struct value, table->partitioned_by_count + 1);
    for (int i = 0; i < table->partitioned_by_count; i++) {
        const struct table_column *column = &table->columns[table->partitioned_by[i]];
        const char *text = folder_value(path, column->name, arena);
        if (!text) {
            error_set(err, STATUS_BAD_DATA, "file '%s' lies in no folder '%s=…'", path, column->name);
            error_hint(err, "the table is partitioned by '%s': each value has a folder", column->name);
            return STATUS_BAD_DATA;
        }
        values[i] = value_null(column->type);
        if (strcmp(text, default_name) == 0) continue;
        struct value string = value_str(type_of(TYPE_VARCHAR), str_from(text));
        enum status status = value_cast(arena, &string, column->type, NULL, &values[i], err);
        if (status != STATUS_OK) {
            error_prefix(err, "file '%s': folder '%s=%s'", path, column->name, text);
            return status;
        }
        values[i].type = column->type;
    }
    *out = values;
    return STATUS_OK;
}

static bool is_wanted(const struct table *table, const struct predicate *predicates, int predicate_count,
                      const struct value *partitions) {
    for (int i = 0; i < predicate_count; i++) {
        int partition = filesystem_partition_index(table, predicates[i].column);
        if (partition >= 0 && filesystem_is_decidable(partitions[partition].type) &&
            !filesystem_satisfies(&predicates[i], &partitions[partition]))
            return false;
    }
    return true;
}

static int compare_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* What the directory has according to a swap that has been decided, but perhaps not been done. */
static enum status apply_journal(struct walk *walk, const char *path, bool is_monitored, struct error *err) {
    struct filesystem_journal journal;
    const char *dir = arena_strndup(walk->arena, path, (size_t)(strrchr(path, '/') - path));
    TRY(filesystem_journal_read(path, walk->arena, &journal, err));
    for (int i = 0; i < journal.old_count; i++) journal.old[i] = join(walk->arena, dir, journal.old[i]);
    if (journal.old_count) qsort(journal.old, (size_t)journal.old_count, sizeof *journal.old, compare_text);
    int kept = 0;
    for (int i = 0; i < walk->count; i++)
        if (!journal.old_count ||
            !bsearch(&walk->files[i].path, journal.old, (size_t)journal.old_count, sizeof *journal.old, compare_text))
            walk->files[kept++] = walk->files[i];
    walk->count = kept;
    for (int i = 0; i < journal.new_count; i++) {
        const char *visible = join(walk->arena, dir, journal.visible[i]);
        const char *hidden = join(walk->arena, dir, journal.hidden[i]);
        struct stat st;
        bool is_listed = false;
        for (int k = 0; k < kept && !is_listed; k++) is_listed = strcmp(walk->files[k].path, visible) == 0;
        if (is_listed) continue;
        /* A stream knows files by their names, and would take the visible one for another: it waits for that. */
        if (is_monitored) continue;
        const char *there = stat(hidden, &st) == 0 ? hidden : stat(visible, &st) == 0 ? visible : NULL;
        if (there) TRY(add_file(walk, there, st.st_size, err));
    }
    return STATUS_OK;
}

bool filesystem_is_standard(const char *path) { return strcmp(path, "-") == 0; }

/* A directory that no INSERT has made yet looks like a path that is mistyped, so it is not read as an empty table. */
static enum status nothing_there(const struct table *table, const char *path, struct error *err) {
    if (!table->catalog) return filesystem_io_error(path, "read", err); /* a path that a query or command names */
    error_set(err, STATUS_IO_ERROR, "cannot read '%s' of table '%s': %s", path, table->name, strerror(errno));
    error_hint(err, "%s, if it is the right one",
               path[0] == '/' ? "the first INSERT into the table makes the path"
                              : "the path counts from the directory where the program was "
                                "started; the first INSERT into the table makes it");
    return STATUS_IO_ERROR;
}

static enum status find_files(struct walk *walk, const struct table *table, const char *path, struct error *err) {
    struct stat st;
    if (filesystem_is_standard(path)) return add_file(walk, path, 0, err);
    bool is_there = stat(path, &st) == 0;
    if (!is_there && filesystem_is_pattern(path)) return walk_pattern(walk, path, err);
    return is_there || errno != ENOENT ? walk_path(walk, path, 0, err) : nothing_there(table, path, err);
}

enum status filesystem_list(const struct table *table, const struct predicate *predicates, int predicate_count,
                            struct arena *arena, struct filesystem_list *out, struct error *err) {
    struct walk walk = {.arena = arena};
    const char *regex = option_string(&table->options, filesystem_options, "source.path.regex-pattern");
    enum status status = STATUS_OK;
    for (const char *path = filesystem_path(table), *next; path && status == STATUS_OK; path = next) {
        const char *end = strchrnul(path, '\n');
        next = *end ? end + 1 : NULL;
        status = find_files(&walk, table, arena_strndup(arena, path, (size_t)(end - path)), err);
    }
    for (int i = 0; i < walk.journal_count && status == STATUS_OK; i++)
        status = apply_journal(&walk, walk.journals[i], option_given(&table->options, "source.monitor-interval"), err);
    free(walk.journals);
    if (status == STATUS_OK) sort_found(&walk);
    if (status == STATUS_OK && regex) status = filter_paths(&walk, regex, err);
    struct filesystem_list list = {.total_count = walk.count};
    list.files = ARENA_ARRAY(arena, struct filesystem_file, walk.count + 1);
    for (int i = 0; i < walk.count && status == STATUS_OK; i++) {
        struct filesystem_file *file = &list.files[list.count];
        *file = (struct filesystem_file){.path = walk.files[i].path, .size_bytes = walk.files[i].size_bytes};
        status = filesystem_partitions(table, file->path, arena, &file->partitions, err);
        if (status == STATUS_OK && is_wanted(table, predicates, predicate_count, file->partitions)) list.count++;
    }
    free(walk.files);
    if (status == STATUS_OK) *out = list;
    return status;
}

/* "p=x/q=y" of a file's path: the folders of the partition columns, as they are written. */
static const char *partition_name(const struct table *table, const char *path, struct arena *arena) {
    struct strbuf name = {0};
    for (int i = 0; i < table->partitioned_by_count; i++) {
        const char *key = table->columns[table->partitioned_by[i]].name;
        struct strbuf folder = {0};
        strbuf_putc(&folder, '/');
        filesystem_escape(&folder, key, strlen(key));
        strbuf_putc(&folder, '=');
        const char *found = strstr(path, folder.data);
        strbuf_free(&folder);
        if (!found) {
            strbuf_free(&name);
            return NULL;
        }
        const char *end = strchr(found + 1, '/');
        if (name.len) strbuf_putc(&name, '/');
        strbuf_add(&name, found + 1, end ? (size_t)(end - found - 1) : strlen(found + 1));
    }
    const char *copy = arena_strndup(arena, name.data ? name.data : "", name.len);
    strbuf_free(&name);
    return copy;
}

enum status filesystem_partition_names(const struct table *table, struct arena *arena, const char ***out, int *count,
                                       struct error *err) {
    struct filesystem_list list;
    TRY(filesystem_list(table, NULL, 0, arena, &list, err));
    const char **names = ARENA_ARRAY(arena, const char *, list.count + 1);
    int found = 0, unique = 0;
    for (int i = 0; i < list.count; i++) {
        const char *name = partition_name(table, list.files[i].path, arena);
        if (name) names[found++] = name;
    }
    qsort(names, (size_t)found, sizeof *names, compare_text);
    for (int i = 0; i < found; i++)
        if (!unique || strcmp(names[unique - 1], names[i]) != 0) names[unique++] = names[i];
    *out = names;
    *count = unique;
    return STATUS_OK;
}
