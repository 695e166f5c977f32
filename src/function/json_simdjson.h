/* JSON behind a C interface: simdjson parses, a compiled path selects, and values are written as Jackson writes them
 * (shortest doubles in Java's form, no blanks). Parsing is whole and validating, so a broken end is found too. */
#ifndef MILLRACE_FUNCTION_JSON_SIMDJSON_H
#define MILLRACE_FUNCTION_JSON_SIMDJSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { JSON_MAX_STEPS = 64, JSON_MAX_DEPTH = 512 };

enum json_step_kind { JSON_STEP_KEY, JSON_STEP_INDEX, JSON_STEP_ALL /* [*] or .* */ };

struct json_step {
    enum json_step_kind kind;
    const char *key; /* JSON_STEP_KEY, not NUL-terminated */
    size_t key_len;
    int64_t index; /* JSON_STEP_INDEX; negative counts from the end */
};

struct json_path {
    bool strict; /* a missing member is an error */
    bool many;   /* has JSON_STEP_ALL: the result is a list of values */
    int step_count;
    struct json_step steps[JSON_MAX_STEPS];
};

enum json_kind { JSON_NULL, JSON_BOOLEAN, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

enum json_result {
    JSON_FOUND,
    JSON_EMPTY, /* nothing there */
    JSON_ERROR  /* the text is no JSON, or in strict mode the path does not fit it */
};

/* Where written text goes: put appends bytes. */
struct json_sink {
    void (*put)(void *data, const char *text, size_t len);
    void *data;
};

struct json_parser; /* one thread at a time; keeps its buffers */
struct json_parser *json_parser_create(void);
void json_parser_free(struct json_parser *parser);

/* The kind of the whole document; JSON_ERROR when it is none. */
enum json_result json_document_kind(struct json_parser *parser, const char *text, size_t len, enum json_kind *kind);

/* Selects with the path. *kind and *count describe what was found: one value, or for a path with JSON_STEP_ALL `count`
 * values (kind of the first). A scalar's text goes to scalar (strings without quotes), when there is exactly one value; all
 * values as JSON, separated by commas, go to json. Either sink may be NULL. */
enum json_result json_select(struct json_parser *parser, const char *text, size_t len, const struct json_path *path,
                             enum json_kind *kind, int64_t *count, const struct json_sink *scalar,
                             const struct json_sink *json);

/* The text of a string literal as JSON writes it, quotes included. */
void json_put_string(const struct json_sink *sink, const char *text, size_t len);

#ifdef __cplusplus
}
#endif

#endif
