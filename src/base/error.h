/* Status codes and errors.
 *
 * Every function that can fail returns `enum status` (STATUS_OK = 0) and takes, as its last parameter, a
 * `struct error *err` that it fills on failure (NULL allowed: the caller wants the code only). On success err is not
 * touched, and on failure no other output parameter is.
 *
 * An error that a user sees says what happened (message), where (offset/length in the SQL text; for data errors the
 * message names file and line, or topic, partition and offset; for servers host and table), and what to do (hint).
 * The struct has fixed-size text buffers, so making an error never allocates. */
#ifndef MILLRACE_BASE_ERROR_H
#define MILLRACE_BASE_ERROR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt_index, args_index) __attribute__((format(printf, fmt_index, args_index)))

/* One line per code in errors.def: X(name, sqlstate, exit_status, doc). */
enum status {
#define X(name, sqlstate, exit_status, doc) STATUS_##name,
#include "base/errors.def"
#undef X
    STATUS_COUNT
};

enum { ERROR_MESSAGE_SIZE = 1024, ERROR_DETAIL_SIZE = 512, ERROR_HINT_SIZE = 256 };

struct error {
    enum status code;
    int32_t offset;                   /* byte offset into the SQL script, -1 when the error has no place in SQL */
    int32_t length;                   /* bytes of SQL it covers, 0 when unknown */
    char message[ERROR_MESSAGE_SIZE]; /* one sentence, lower-case start, no full stop */
    char detail[ERROR_DETAIL_SIZE];   /* more facts, may be empty */
    char hint[ERROR_HINT_SIZE];       /* what to do, may be empty */
};

/* Clears err to "no error". */
void error_clear(struct error *err);

/* Fills err (code, formatted message; place -1, no detail, no hint) and returns code, so that callers write
 * `return error_set(err, STATUS_..., "...")`. Texts that do not fit are cut at a character boundary. */
enum status error_set(struct error *err, enum status code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* As error_set, with a place in the SQL script. */
enum status error_set_at(struct error *err, enum status code, int32_t offset, int32_t length, const char *fmt, ...)
    PRINTF_LIKE(5, 6);

/* Adds a detail or hint to an error that was just set. No effect when err is NULL. */
void error_detail(struct error *err, const char *fmt, ...) PRINTF_LIKE(2, 3);
void error_hint(struct error *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Puts text in front of the message: "context: message". */
void error_prefix(struct error *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

const char *status_name(enum status code);     /* "INVALID_ARGUMENT" */
const char *status_sqlstate(enum status code); /* five characters */
int status_exit(enum status code);             /* process exit status: 0, 1, 2 or 3 */

/* Returns from the calling function with the failed status of an expression. */
#define TRY(expression)                                                                                                \
    do {                                                                                                               \
        enum status try_status_ = (expression);                                                                        \
        if (__builtin_expect(try_status_ != STATUS_OK, 0)) return try_status_;                                         \
    } while (0)

/* As TRY, for functions with a single `cleanup:` label and a local `enum status status`. */
#define TRY_CLEANUP(expression)                                                                                        \
    do {                                                                                                               \
        status = (expression);                                                                                         \
        if (__builtin_expect(status != STATUS_OK, 0)) goto cleanup;                                                    \
    } while (0)

#endif
