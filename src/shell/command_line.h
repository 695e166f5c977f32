/* The command line of millrace: what it may contain, its help texts, and what a given one asks for. */
#ifndef MILLRACE_SHELL_COMMAND_LINE_H
#define MILLRACE_SHELL_COMMAND_LINE_H

#include "base/arena.h"
#include "base/str.h"
#include "shell/printer.h"

enum { COMMAND_LINE_MAX_ARGS = 4096 };

enum command { COMMAND_SQL, COMMAND_RUN, COMMAND_LOAD, COMMAND_UNLOAD, COMMAND_COUNT, COMMAND_HELP, COMMAND_VERSION };

/* -e SQL or -f FILE, in the order given. */
struct sql_source {
    bool is_file; /* FILE "-" is standard input */
    const char *text;
};

struct setting_arg {
    const char *key, *value;
};

/* What load, unload and count are told; texts as given, NULL: not. */
struct transfer_args {
    const char **operands;
    int operand_count;
    struct setting_arg *catalog_options; /* -o */
    int catalog_option_count;
    const char *hosts, *user, *password;
    const char *format, *delimiter, *null_text, *columns, *map, *skip, *limit;
    const char *ttl, *timestamp, *consistency, *rate, *max_errors, *bad, *checkpoint;
    const char *query, *where, *max_records, *compression, *by_partition;
    bool header, no_header, ignore_extra, ignore_null, dry_run, resume, at_server, by_range;
};

struct command_line {
    enum command command;
    const char *help_topic; /* HELP: as given, see help.h; NULL: the overview */
    struct sql_source *sources;
    int source_count;
    const char **inits; /* -i FILE */
    int init_count;
    struct setting_arg *settings; /* -D */
    int setting_count;
    bool has_format;
    enum print_format format;
    const char *data_dir, *checkpoint_dir;
    bool keep_going, no_progress, verbose;
    struct transfer_args transfer;
};

/* Texts are borrowed from argv or in arena. STATUS_USAGE with a hint on anything that is not understood. */
MUST_CHECK enum status command_line_parse(int argc, char *const *argv, struct arena *arena, struct command_line *out,
                                          struct error *err);

/* The help of a command ("sql", "run", "load", "unload", "count"), or the overview for NULL. */
bool command_line_has_help(const char *topic);
void command_line_help(struct strbuf *out, const char *topic);

#endif
