/* Where bad rows go: the rows to one file, in the layout of the files that are loaded, so that it can be loaded again; to another, for
 * each of them, a JSON object with file, line and what is wrong. */
#ifndef MILLRACE_SHELL_BAD_FILE_H
#define MILLRACE_SHELL_BAD_FILE_H

#include "connector/connector.h"
#include "format/format.h"

struct bad_file_options {
    const char *path;
    int64_t max_rows;   /* more are an error; -1: no limit */
    bool resume;        /* what is there already was written by the same load before: it stays, and counts once */
    int64_t line_shift; /* added to lines */
    const struct format *format; /* of the rows */
    const struct option_list *format_options;
    const struct format_schema *schema; /* the files' fields, with the types of the table's columns */
    const char *const *columns;         /* by field: the table's column, NULL none */
};

struct bad_file;
/* Nothing is created before the first bad row; without resume files of an earlier load are removed. The options outlive it. */
enum status bad_file_create(const struct bad_file_options *options, struct bad_file **out, struct error *err);
const struct bad_rows *bad_file_rows(struct bad_file *file);
int64_t bad_file_count(struct bad_file *file); /* also those of before */
const char *bad_file_reasons_path(const struct bad_file *file);
void bad_file_destroy(struct bad_file *file); /* may be NULL */

#endif
