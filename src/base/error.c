#include "base/error.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name, *sqlstate;
    int exit_status;
} codes[] = {
#define X(name, sqlstate, exit_status, doc) {#name, sqlstate, exit_status},
#include "base/errors.def"
#undef X
};

/* vsnprintf that never leaves half a UTF-8 character at the end. */
static void format_text(char *buf, size_t size, const char *fmt, va_list args) {
    int written = vsnprintf(buf, size, fmt, args);
    if (written < 0) {
        buf[0] = 0;
        return;
    }
    if ((size_t)written >= size) {
        size_t end = size - 1;
        while (end > 0 && ((unsigned char)buf[end - 1] & 0xC0) == 0x80) end--;
        if (end > 0 && ((unsigned char)buf[end - 1] & 0x80)) end--;
        buf[end] = 0;
    }
}

void error_clear(struct error *err) {
    if (!err) return;
    err->code = STATUS_OK;
    err->offset = -1;
    err->length = 0;
    err->message[0] = err->detail[0] = err->hint[0] = 0;
}

enum status error_set(struct error *err, enum status code, const char *fmt, ...) {
    if (err) {
        char text[ERROR_MESSAGE_SIZE]; /* the arguments may point into err itself */
        va_list args;
        va_start(args, fmt);
        format_text(text, sizeof text, fmt, args);
        va_end(args);
        error_clear(err);
        err->code = code;
        memcpy(err->message, text, sizeof text);
    }
    return code;
}

enum status error_set_at(struct error *err, enum status code, int32_t offset, int32_t length, const char *fmt, ...) {
    if (err) {
        char text[ERROR_MESSAGE_SIZE];
        va_list args;
        va_start(args, fmt);
        format_text(text, sizeof text, fmt, args);
        va_end(args);
        error_clear(err);
        err->code = code;
        err->offset = offset;
        err->length = length;
        memcpy(err->message, text, sizeof text);
    }
    return code;
}

void error_detail(struct error *err, const char *fmt, ...) {
    if (!err) return;
    va_list args;
    va_start(args, fmt);
    format_text(err->detail, sizeof err->detail, fmt, args);
    va_end(args);
}

void error_hint(struct error *err, const char *fmt, ...) {
    if (!err) return;
    va_list args;
    va_start(args, fmt);
    format_text(err->hint, sizeof err->hint, fmt, args);
    va_end(args);
}

void error_prefix(struct error *err, const char *fmt, ...) {
    if (!err) return;
    char old[ERROR_MESSAGE_SIZE], prefix[ERROR_MESSAGE_SIZE];
    memcpy(old, err->message, sizeof old);
    va_list args;
    va_start(args, fmt);
    format_text(prefix, sizeof prefix, fmt, args);
    va_end(args);
    size_t len = strlen(prefix);
    if (len > sizeof prefix - 3) len = sizeof prefix - 3;
    memcpy(err->message, prefix, len);
    memcpy(err->message + len, ": ", 2);
    size_t rest = sizeof err->message - len - 3, old_len = strlen(old);
    if (old_len > rest) old_len = rest;
    memcpy(err->message + len + 2, old, old_len);
    err->message[len + 2 + old_len] = 0;
}

const char *status_name(enum status code) { return (unsigned)code < STATUS_COUNT ? codes[code].name : "UNKNOWN"; }

const char *status_sqlstate(enum status code) { return (unsigned)code < STATUS_COUNT ? codes[code].sqlstate : "XX000"; }

int status_exit(enum status code) { return (unsigned)code < STATUS_COUNT ? codes[code].exit_status : 1; }
