/* What load, unload and count have in common. Each of them makes SQL statements and has the session run them; what is here makes the
 * connection, finds tables, runs the statements and keeps their figures. */
#ifndef MILLRACE_SHELL_TRANSFER_H
#define MILLRACE_SHELL_TRANSFER_H

#include "shell/runner.h"

/* The catalog that --host makes. */
#define TRANSFER_CATALOG "cassandra"

struct transfer {
    struct runner *runner;
    struct session *session;
    const struct transfer_args *args;
    bool quiet, writes;
    struct arena arena;
    struct result_handler handler;
    struct figures figures; /* of the last job, at its end */
    int64_t start_ns, elapsed_ns;
    int64_t count; /* of the last query: the value of its only row */
};

/* The commands; they print their errors and set runner->exit_status. */
void transfer_load(struct transfer *transfer);
void transfer_unload(struct transfer *transfer);
void transfer_count(struct transfer *transfer);

/* Runs the command of the command line; the files of -i have been run. */
void transfer_run(struct runner *runner, const struct command_line *line);

/* Executes one statement; anything behind it is an error, and nothing is executed. */
enum status transfer_sql(struct transfer *transfer, const char *sql, struct error *err);
/* " WHERE" and the condition of --where, if there is one. */
void transfer_put_where(struct strbuf *sql, const struct transfer_args *args);
enum status transfer_set(struct transfer *transfer, const char *key, const char *value, struct error *err);

/* "ks.t", "`my ks`.t", "\"T\".t": the parts, quotes removed. STATUS_USAGE. */
enum status transfer_name(struct arena *arena, const char *text, const char ***parts, int *count, struct error *err);
/* The table that the text names, in the catalog of --host if there is one. */
enum status transfer_table(struct transfer *transfer, const char *text, const struct table **out, struct error *err);
/* "a, b" as a list of trimmed names. */
enum status transfer_names(struct arena *arena, const char *option, const char *text, const char ***names, int *count,
                           struct error *err);
/* A whole number of an option's value, at least `min`. STATUS_USAGE. */
enum status transfer_number(const char *option, const char *text, int64_t min, int64_t *out, struct error *err);

void transfer_put_table(struct strbuf *sql, const struct table *table);           /* `c`.`d`.`t` */
void transfer_put_option(struct strbuf *sql, const char *key, const char *value); /* 'key' = 'value', a comma before */

/* Declares temporary table `name` that means `table` for exact copies: numbers that have no bound in Cassandra are STRING, so that no
 * digit is lost; with_origin: origin.file and origin.line can be written. *out is the table to be named in statements: `table`
 * itself when it is no table of Cassandra. */
enum status transfer_exact_table(struct transfer *transfer, const struct table *table, const char *name,
                                 bool with_origin, const struct table **out, struct error *err);

enum transfer_format { TRANSFER_CSV, TRANSFER_JSON, TRANSFER_PARQUET };
/* By --format, else by the ending of the path (before .gz and .zst); CSV when neither says. */
enum status transfer_format(const struct transfer_args *args, const char *path, enum transfer_format *out,
                            struct error *err);
const char *transfer_format_name(enum transfer_format format);
/* The options of the format as --delimiter, --null and --header say; all start with a comma. */
enum status transfer_put_format(struct strbuf *sql, const struct transfer_args *args, enum transfer_format format,
                                bool header, struct error *err);

/* "1,000,000 rows …": the last line, on standard error unless --quiet. */
void transfer_summary(struct transfer *transfer, const char *text);
/* 1234 -> " in 3.2 s, 1,234 rows/s" */
void transfer_put_speed(struct strbuf *out, const struct transfer *transfer, int64_t rows);

#endif
