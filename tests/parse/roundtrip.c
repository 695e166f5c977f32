/* roundtrip PATH...: every statement of the project's own SQL parses, and what the unparser makes of it parses to the same tree and the
 * same text. Looks into *.sql, the records of *.test, and the ```sql blocks of *.md, in the files and folders given. What a .test
 * file or a document shows as wrong need not parse; when it does, it must come back like all else. */
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "parse/parse.h"
#include "parse/unparse.h"

static int statement_count, failure_count;

static bool ends_with(const char *text, const char *end) {
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

static void fail(const char *path, const char *what, struct str text, const struct strbuf *unparsed) {
    failure_count++;
    printf("# %s: %s\n%.*s\n", path, what, (int)text.len, text.data);
    if (unparsed && unparsed->data) printf("# became\n%s\n", unparsed->data);
}

static void check_statement(const char *path, const struct ast_statement *statement, const char *script,
                            struct arena *arena) {
    struct str text = {script + statement->offset, (size_t)statement->length};
    struct strbuf once = {0}, twice = {0};
    struct ast_statement *again;
    statement_count++;
    unparse_statement(statement->root, &once);
    if (parse_statement(once.data, once.len, arena, &again, NULL) != STATUS_OK) {
        fail(path, "the unparsed statement does not parse", text, &once);
    } else {
        unparse_statement(again->root, &twice);
        if (!ast_equal(statement->root, again->root)) fail(path, "it comes back as another tree", text, &once);
        if (!str_equal(strbuf_str(&once), strbuf_str(&twice))) fail(path, "it comes back as another text", text, &once);
    }
    strbuf_free(&once);
    strbuf_free(&twice);
}

static void check_script(const char *path, struct str script, bool must_parse) {
    size_t offset = 0;
    struct arena arena;
    arena_init(&arena, NULL);
    while (offset < script.len) {
        struct ast_statement *statement = NULL;
        struct error err;
        arena_reset(&arena);
        if (parse_script_next(script.data, script.len, &offset, &arena, &statement, &err) != STATUS_OK) {
            if (must_parse) fail(path, err.message, script, NULL);
            break;
        }
        if (!statement) break;
        check_statement(path, statement, script.data, &arena);
    }
    arena_destroy(&arena);
}

static const char *next_line(const char *p) {
    const char *end = strchr(p, '\n');
    return end ? end + 1 : p + strlen(p);
}

/* The lines between a record's first one and the ---- or empty line behind it. */
static void check_test(const char *path, const char *text) {
    for (const char *line = text; *line; line = next_line(line)) {
        bool query = strncmp(line, "query ", 6) == 0, error = strncmp(line, "statement error", 15) == 0;
        if (!query && !error && strncmp(line, "statement ok", 12) != 0) continue;
        const char *begin = next_line(line), *end = begin;
        while (*end && *end != '\n' && strncmp(end, "----", 4) != 0) end = next_line(end);
        check_script(path, (struct str){begin, (size_t)(end - begin)}, !error);
        line = end == begin ? line : end - 1;
    }
}

/* A script; or queries without semicolons, each behind a line "-- query: name". */
static void check_sql(const char *path, const char *text) {
    static const char mark[] = "-- query:";
    const char *begin = strstr(text, mark);
    if (!begin) check_script(path, str_from(text), true);
    while (begin) {
        begin = next_line(begin);
        const char *end = strstr(begin, mark);
        check_script(path, (struct str){begin, end ? (size_t)(end - begin) : strlen(begin)}, true);
        begin = end;
    }
}

static void check_markdown(const char *path, const char *text) {
    const char *block = NULL;
    for (const char *line = text; *line; line = next_line(line)) {
        if (!block && strncmp(line, "```sql", 6) == 0) {
            block = next_line(line);
        } else if (block && strncmp(line, "```", 3) == 0) {
            check_script(path, (struct str){block, (size_t)(line - block)}, false);
            block = NULL;
        }
    }
}

static void check_file(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        failure_count++;
        return;
    }
    struct strbuf text = {0};
    size_t n;
    do {
        strbuf_reserve(&text, 1 << 16);
        n = fread(text.data + text.len, 1, 1 << 16, file);
        text.len += n;
        text.data[text.len] = 0;
    } while (n);
    fclose(file);
    if (ends_with(path, ".test"))
        check_test(path, text.data);
    else if (ends_with(path, ".md"))
        check_markdown(path, text.data);
    else
        check_sql(path, text.data);
    strbuf_free(&text);
}

static void check_path(const char *path) {
    struct stat st;
    if (stat(path, &st) != 0) {
        perror(path);
        failure_count++;
    } else if (S_ISDIR(st.st_mode)) {
        struct dirent **names;
        int count = scandir(path, &names, NULL, alphasort);
        for (int i = 0; i < count; i++) {
            if (names[i]->d_name[0] != '.') {
                char inner[4096];
                snprintf(inner, sizeof inner, "%s/%s", path, names[i]->d_name);
                check_path(inner);
            }
            free(names[i]);
        }
        free(names);
    } else if (ends_with(path, ".sql") || ends_with(path, ".test") || ends_with(path, ".md")) {
        check_file(path);
    }
}

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) check_path(argv[i]);
    printf("1..1\n%s 1 - %d statements come back as they were\n", failure_count ? "not ok" : "ok", statement_count);
    return failure_count != 0;
}
