/* The command line of millrace. */
#include "shell/command_line.h"

#include <stddef.h>
#include <string.h>

#include "shell/transfer_help.h"

enum option_id {
    OPT_EXECUTE,
    OPT_FILE,
    OPT_INIT,
    OPT_FORMAT,
    OPT_DATA,
    OPT_MEMORY_LIMIT,
    OPT_DEFINE,
    OPT_PORTABLE,
    OPT_KEEP_GOING,
    OPT_CHECKPOINT_DIR,
    OPT_NO_PROGRESS,
    OPT_VERBOSE,
    OPT_CATALOG_OPTION,
    OPT_HELP,
    /* those that only set a field of the command line */
    OPT_HOST,
    OPT_USER,
    OPT_PASSWORD,
    OPT_FILE_FORMAT,
    OPT_HEADER,
    OPT_NO_HEADER,
    OPT_DELIMITER,
    OPT_NULL,
    OPT_COLUMNS,
    OPT_MAP,
    OPT_IGNORE_EXTRA,
    OPT_IGNORE_NULL,
    OPT_SKIP,
    OPT_LIMIT,
    OPT_MAX_ERRORS,
    OPT_BAD,
    OPT_DRY_RUN,
    OPT_CHECKPOINT,
    OPT_RESUME,
    OPT_TTL,
    OPT_TIMESTAMP,
    OPT_CONSISTENCY,
    OPT_RATE,
    OPT_QUERY,
    OPT_WHERE,
    OPT_MAX_RECORDS,
    OPT_COMPRESSION,
    OPT_AT_SERVER,
    OPT_BY_RANGE,
    OPT_BY_PARTITION,
    OPT_QUIET,
    OPT_COUNT
};

enum {
    FOR_SQL = 1,
    FOR_RUN = 2,
    FOR_LOAD = 4,
    FOR_UNLOAD = 8,
    FOR_COUNT = 16,
    FOR_TRANSFER = FOR_LOAD | FOR_UNLOAD | FOR_COUNT,
    FOR_ALL = FOR_SQL | FOR_RUN | FOR_TRANSFER
};

static const struct option {
    char letter;
    const char *name, *arg; /* arg NULL: takes none */
    int commands;
    const char *doc;
    size_t field; /* of struct command_line: what is set, a text or (without arg) a flag; 0: apply() knows */
} options[OPT_COUNT] = {
    [OPT_EXECUTE] = {'e', "execute", "SQL", FOR_SQL, "run these statements; may be repeated, also mixed with -f", 0},
    [OPT_FILE] = {'f', "file", "FILE", FOR_SQL, "run the statements of a file (- is standard input)", 0},
    [OPT_INIT] = {'i', "init", "FILE", FOR_ALL, "run this file first; may be repeated", 0},
    [OPT_FORMAT] = {0, "format", "FORMAT", FOR_SQL | FOR_COUNT,
                    "table, csv, tsv, json, jsonl, markdown or vertical; default: table in a terminal, else csv", 0},
    [OPT_DATA] = {0, "data", "DIR", FOR_ALL,
                  "keep the embedded store in this directory; default: in memory, gone at the end", 0},
    [OPT_MEMORY_LIMIT] = {0, "memory-limit", "SIZE", FOR_ALL,
                          "most memory of one query, such as 2gb; beyond it batch queries use local files", 0},
    [OPT_DEFINE] = {'D', "define", "KEY=VALUE", FOR_ALL, "set an option, as SET 'KEY' = 'VALUE' does; may be repeated",
                    0},
    [OPT_PORTABLE] = {0, "portable", NULL, FOR_SQL | FOR_RUN,
                      "refuse what Flink would not accept: names every place before anything runs", 0},
    [OPT_KEEP_GOING] = {0, "keep-going", NULL, FOR_SQL, "go on behind a statement that failed", 0},
    [OPT_CHECKPOINT_DIR] = {0, "checkpoint-dir", "DIR", FOR_RUN,
                            "keep the job's checkpoints here; started again, it goes on where it was", 0},
    [OPT_NO_PROGRESS] = {0, "no-progress", NULL, FOR_SQL | FOR_RUN, "no progress line", 0},
    [OPT_VERBOSE] = {'v', "verbose", NULL, FOR_SQL | FOR_RUN, "say OK for statements without a result, also in a pipe",
                     0},
    [OPT_HELP] = {'h', "help", NULL, FOR_ALL, "this text", 0},
#define FIELD(name) offsetof(struct command_line, name)
    [OPT_HOST] = {0, "host", "HOST[:PORT]", FOR_TRANSFER,
                  "Cassandra's contact points, separated by commas; the table is then keyspace.table",
                  FIELD(transfer.hosts)},
    [OPT_USER] = {'u', "user", "NAME", FOR_TRANSFER, "user name for --host", FIELD(transfer.user)},
    [OPT_PASSWORD] = {'p', "password", "TEXT", FOR_TRANSFER,
                      "password for --host; better in $MILLRACE_PASSWORD, which no list of processes shows",
                      FIELD(transfer.password)},
    [OPT_CATALOG_OPTION] = {'o', "option", "KEY=VALUE", FOR_TRANSFER,
                            "another option of the connection, as in 'millrace help cassandra'; may be repeated", 0},
    [OPT_FILE_FORMAT] = {0, "format", "FORMAT", FOR_LOAD | FOR_UNLOAD,
                         "csv, json or parquet; default: by the file's name, else csv", FIELD(transfer.format)},
    [OPT_HEADER] = {0, "header", NULL, FOR_LOAD | FOR_UNLOAD,
                    "csv: the first line holds the columns' names; the default", FIELD(transfer.header)},
    [OPT_NO_HEADER] = {0, "no-header", NULL, FOR_LOAD | FOR_UNLOAD,
                       "csv: there are only rows; columns as --columns says, else as the table has them",
                       FIELD(transfer.no_header)},
    [OPT_DELIMITER] = {'d', "delimiter", "C", FOR_LOAD | FOR_UNLOAD, "csv: what is between fields; \\t is a tab",
                       FIELD(transfer.delimiter)},
    [OPT_NULL] = {0, "null", "TEXT", FOR_LOAD | FOR_UNLOAD,
                  "csv: what NULL looks like; default: an empty field without quotes", FIELD(transfer.null_text)},
    [OPT_COLUMNS] = {0, "columns", "A,B,C", FOR_LOAD | FOR_UNLOAD,
                     "load: names of the fields in their order, for files without a header; unload: these columns",
                     FIELD(transfer.columns)},
    [OPT_MAP] = {'m', "map", "F=C,...", FOR_LOAD, "field F of the file is column C of the table", FIELD(transfer.map)},
    [OPT_IGNORE_EXTRA] = {0, "ignore-extra", NULL, FOR_LOAD, "fields that the table has no column for are left out",
                          FIELD(transfer.ignore_extra)},
    [OPT_IGNORE_NULL] = {0, "ignore-null", NULL, FOR_LOAD,
                         "NULL leaves a value that is there, and makes no tombstone; else it deletes the value",
                         FIELD(transfer.ignore_null)},
    [OPT_SKIP] = {0, "skip", "N", FOR_LOAD, "leave out the first N records of each file", FIELD(transfer.skip)},
    [OPT_LIMIT] = {0, "limit", "N", FOR_LOAD | FOR_UNLOAD, "no more than N rows in all", FIELD(transfer.limit)},
    [OPT_MAX_ERRORS] = {0, "max-errors", "N", FOR_LOAD, "stop when more than N rows are bad; default 100, -1: never",
                        FIELD(transfer.max_errors)},
    [OPT_BAD] = {0, "bad", "FILE", FOR_LOAD,
                 "bad rows go here, to be mended and loaded, and what is wrong to FILE.reasons; default: TABLE.bad",
                 FIELD(transfer.bad)},
    [OPT_DRY_RUN] = {'n', "dry-run", NULL, FOR_LOAD, "read, convert and check everything, write nothing",
                     FIELD(transfer.dry_run)},
    [OPT_CHECKPOINT] = {0, "checkpoint", "DIR", FOR_LOAD,
                        "keep there how far it has come: the same command started again goes on from there",
                        FIELD(transfer.checkpoint)},
    [OPT_RESUME] = {0, "resume", NULL, FOR_LOAD, "the same, in the directory TABLE.load", FIELD(transfer.resume)},
    [OPT_TTL] = {0, "ttl", "TIME", FOR_LOAD, "what is written lives so long: 30d, 12h, or seconds",
                 FIELD(transfer.ttl)},
    [OPT_TIMESTAMP] = {0, "timestamp", "MICROS", FOR_LOAD,
                       "write time of all rows, in microseconds since 1970; default: now", FIELD(transfer.timestamp)},
    [OPT_CONSISTENCY] = {0, "consistency", "LEVEL", FOR_TRANSFER,
                         "ONE, LOCAL_QUORUM, ...; default: that of the connection", FIELD(transfer.consistency)},
    [OPT_RATE] = {0, "rate", "N", FOR_LOAD, "no more than N rows a second", FIELD(transfer.rate)},
    [OPT_QUERY] = {'q', "query", "SQL", FOR_UNLOAD, "the rows of a query instead of a table", FIELD(transfer.query)},
    [OPT_WHERE] = {'w', "where", "CONDITION", FOR_UNLOAD | FOR_COUNT, "only these rows, as in SQL",
                   FIELD(transfer.where)},
    [OPT_MAX_RECORDS] = {0, "max-records-per-file", "N", FOR_UNLOAD, "directory: begin a new file after N rows",
                         FIELD(transfer.max_records)},
    [OPT_COMPRESSION] = {0, "compression", "CODEC", FOR_UNLOAD,
                         "none, gzip, zstd; parquet: snappy too; default: by the file's name",
                         FIELD(transfer.compression)},
    [OPT_AT_SERVER] = {0, "at-server", NULL, FOR_COUNT,
                       "let Cassandra count each token range instead of sending a value per row",
                       FIELD(transfer.at_server)},
    [OPT_BY_RANGE] = {0, "by-range", NULL, FOR_COUNT,
                      "the rows of every token range that a scan reads: start, end, rows", FIELD(transfer.by_range)},
    [OPT_BY_PARTITION] = {0, "by-partition", "N", FOR_COUNT,
                          "the N largest partitions: their keys and how many rows they have",
                          FIELD(transfer.by_partition)},
    [OPT_QUIET] = {0, "quiet", NULL, FOR_TRANSFER, "no progress and no summary, only errors", FIELD(no_progress)},
#undef FIELD
};

static const struct {
    const char *name;
    enum command command;
    int option_set;
} commands[] = {{"sql", COMMAND_SQL, FOR_SQL},       {"run", COMMAND_RUN, FOR_RUN},
                {"load", COMMAND_LOAD, FOR_LOAD},    {"unload", COMMAND_UNLOAD, FOR_UNLOAD},
                {"count", COMMAND_COUNT, FOR_COUNT}, {"help", COMMAND_HELP, 0},
                {"version", COMMAND_VERSION, 0}};
enum { COMMANDS = sizeof commands / sizeof *commands };

static int command_named(const char *name) {
    for (int i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i].name, name) == 0) return i;
    return -1;
}

static enum status unknown_command(const char *name, struct error *err) {
    const char *names[COMMANDS];
    for (int i = 0; i < COMMANDS; i++) names[i] = commands[i].name;
    const char *near = str_nearest(name, names, COMMANDS);
    error_set(err, STATUS_USAGE, "there is no command '%s'", name);
    if (near)
        error_hint(err, "did you mean '%s'?", near);
    else
        error_hint(err, "millrace --help lists the commands");
    return STATUS_USAGE;
}

static enum status unknown_option(const char *command, int option_set, const char *arg, size_t len, struct error *err) {
    const char *names[OPT_COUNT];
    int count = 0;
    for (int i = 0; i < OPT_COUNT; i++)
        if (options[i].commands & option_set) names[count++] = options[i].name;
    error_set(err, STATUS_USAGE, "millrace %s has no option '%.*s'", command, (int)len, arg);
    char bare[128];
    size_t skip = 0;
    while (skip < len && arg[skip] == '-') skip++;
    size_t bare_len = len - skip < sizeof bare - 1 ? len - skip : sizeof bare - 1;
    memcpy(bare, arg + skip, bare_len);
    bare[bare_len] = 0;
    const char *near = str_nearest(bare, names, count);
    if (near)
        error_hint(err, "did you mean '--%s'?", near);
    else
        error_hint(err, "millrace %s --help lists the options", command);
    return STATUS_USAGE;
}

static enum status add_pair(const char *option, const char *value, struct arena *arena, struct setting_arg *list,
                            int *count, struct error *err) {
    const char *equals = strchr(value, '=');
    if (!equals || equals == value)
        return error_set(err, STATUS_USAGE, "option '%s' wants KEY=VALUE and not '%s'", option, value);
    list[(*count)++] = (struct setting_arg){arena_strndup(arena, value, (size_t)(equals - value)), equals + 1};
    return STATUS_OK;
}

static enum status apply(struct command_line *line, struct arena *arena, enum option_id id, const char *value,
                         struct error *err) {
    if (options[id].field) {
        char *field = (char *)line + options[id].field;
        if (options[id].arg)
            memcpy(field, &value, sizeof value);
        else
            *(bool *)field = true;
        return STATUS_OK;
    }
    switch (id) {
    case OPT_EXECUTE: line->sources[line->source_count++] = (struct sql_source){false, value}; break;
    case OPT_FILE: line->sources[line->source_count++] = (struct sql_source){true, value}; break;
    case OPT_INIT: line->inits[line->init_count++] = value; break;
    case OPT_FORMAT:
        if (!print_format_find(value, &line->format)) {
            const char *names[PRINT_FORMAT_COUNT];
            for (int i = 0; i < PRINT_TABLEAU; i++) names[i] = print_format_name((enum print_format)i);
            const char *near = str_nearest(value, names, PRINT_TABLEAU);
            error_set(err, STATUS_USAGE, "there is no format '%s'", value);
            if (near)
                error_hint(err, "did you mean '%s'?", near);
            else
                error_hint(err, "it is one of table, csv, tsv, json, jsonl, markdown, vertical");
            return STATUS_USAGE;
        }
        line->has_format = true;
        break;
    case OPT_DATA: line->data_dir = value; break;
    case OPT_MEMORY_LIMIT:
        line->settings[line->setting_count++] = (struct setting_arg){"millrace.memory-limit", value};
        break;
    case OPT_DEFINE: return add_pair("-D", value, arena, line->settings, &line->setting_count, err);
    case OPT_PORTABLE: line->settings[line->setting_count++] = (struct setting_arg){"millrace.portable", "true"}; break;
    case OPT_CATALOG_OPTION:
        return add_pair("-o", value, arena, line->transfer.catalog_options, &line->transfer.catalog_option_count, err);
    case OPT_KEEP_GOING: line->keep_going = true; break;
    case OPT_CHECKPOINT_DIR: line->checkpoint_dir = value; break;
    case OPT_NO_PROGRESS: line->no_progress = true; break;
    case OPT_VERBOSE: line->verbose = true; break;
    default: break;
    }
    return STATUS_OK;
}

enum status command_line_parse(int argc, char *const *argv, struct arena *arena, struct command_line *out,
                               struct error *err) {
    struct command_line line = {.command = COMMAND_HELP};
    if (argc > COMMAND_LINE_MAX_ARGS)
        return error_set(err, STATUS_USAGE, "more than %d arguments", COMMAND_LINE_MAX_ARGS);
    if (argc < 2) {
        error_set(err, STATUS_USAGE, "what shall I do?");
        error_hint(err, "millrace sql opens the shell, millrace --help says more");
        return STATUS_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) name = "help";
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) name = "version";
    int index = command_named(name);
    if (index < 0) return unknown_command(name, err);
    line.command = commands[index].command;
    if (line.command == COMMAND_VERSION) {
        *out = line;
        return STATUS_OK;
    }
    if (line.command == COMMAND_HELP) {
        if (argc > 2) line.help_topic = argv[2];
        *out = line;
        return STATUS_OK;
    }

    int option_set = commands[index].option_set;
    line.sources = ARENA_ARRAY(arena, struct sql_source, argc);
    line.inits = ARENA_ARRAY(arena, const char *, argc);
    line.settings = ARENA_ARRAY(arena, struct setting_arg, argc);
    line.transfer.operands = ARENA_ARRAY(arena, const char *, argc);
    line.transfer.catalog_options = ARENA_ARRAY(arena, struct setting_arg, argc);
    bool only_positional = false, is_transfer = (option_set & FOR_TRANSFER) != 0;
    for (int i = 2; i < argc; i++) {
        const char *arg = argv[i];
        if (only_positional || arg[0] != '-' || !arg[1]) {
            if (is_transfer) {
                line.transfer.operands[line.transfer.operand_count++] = arg;
                continue;
            }
            if (line.command == COMMAND_SQL) {
                error_set(err, STATUS_USAGE, "millrace sql does not take '%s'", arg);
                error_hint(err, "-f FILE runs a file, -e SQL a statement");
                return STATUS_USAGE;
            }
            if (line.source_count) {
                error_set(err, STATUS_USAGE, "millrace run takes one script, '%s' is a second one", arg);
                error_hint(err, "-i FILE runs a file before it");
                return STATUS_USAGE;
            }
            line.sources[line.source_count++] = (struct sql_source){true, arg};
            continue;
        }
        if (strcmp(arg, "--") == 0) {
            only_positional = true;
            continue;
        }
        const char *value = NULL;
        size_t len = strlen(arg);
        int id = 0;
        if (arg[1] == '-') {
            value = strchr(arg, '=');
            if (value) len = (size_t)(value++ - arg);
            while (id < OPT_COUNT && !(options[id].commands & option_set && strlen(options[id].name) == len - 2 &&
                                       memcmp(options[id].name, arg + 2, len - 2) == 0))
                id++;
        } else {
            while (id < OPT_COUNT && !(options[id].commands & option_set && options[id].letter == arg[1])) id++;
            if (arg[2]) value = arg + 2; /* -eSQL */
            len = 2;
        }
        if (id == OPT_COUNT) return unknown_option(name, option_set, arg, len, err);
        if (options[id].arg && !value) {
            if (++i == argc) {
                error_set(err, STATUS_USAGE, "option '%s' wants %s", arg, options[id].arg);
                error_hint(err, "%s", options[id].doc);
                return STATUS_USAGE;
            }
            value = argv[i];
        } else if (!options[id].arg && value) {
            return error_set(err, STATUS_USAGE, "option '%.*s' takes no value", (int)len, arg);
        }
        if (id == OPT_HELP) {
            *out = (struct command_line){.command = COMMAND_HELP, .help_topic = name};
            return STATUS_OK;
        }
        TRY(apply(&line, arena, (enum option_id)id, value, err));
    }
    if (line.command == COMMAND_RUN && !line.source_count) {
        error_set(err, STATUS_USAGE, "millrace run wants a script");
        error_hint(err, "as in: millrace run job.sql");
        return STATUS_USAGE;
    }
    *out = line;
    return STATUS_OK;
}

/* ---- Help ---- */

static void put_options(struct strbuf *out, int option_set) {
    strbuf_puts(out, "\nOptions:\n");
    for (int i = 0; i < OPT_COUNT; i++) {
        if (!(options[i].commands & option_set)) continue;
        size_t start = out->len;
        if (options[i].letter)
            strbuf_printf(out, "  -%c, ", options[i].letter);
        else
            strbuf_puts(out, "      ");
        strbuf_printf(out, "--%s%s%s", options[i].name, options[i].arg ? " " : "",
                      options[i].arg ? options[i].arg : "");
        do strbuf_putc(out, ' ');
        while (out->len < start + 30);
        strbuf_printf(out, "%s\n", options[i].doc);
    }
}

static const char overview[] =
    "millrace: SQL, batch and streaming, on Apache Cassandra\n"
    "\n"
    "  millrace sql                 a shell, or a filter when standard input is no terminal\n"
    "  millrace sql -e 'SELECT 1'   run statements and end\n"
    "  millrace run job.sql         run a script's INSERTs as one job, with checkpoints if wanted\n"
    "  millrace load f.csv INTO ks.t --host H     files into a table: csv, json, parquet\n"
    "  millrace unload ks.t TO f.csv --host H     a table or a query into files\n"
    "  millrace count ks.t --host H               how many rows a table has\n"
    "  millrace help sql|run|load|unload|count    the options of a command\n"
    "  millrace help settings|connectors|formats|functions, or the name of a connector or format\n"
    "  millrace --version\n"
    "\n"
    "The dialect is Flink SQL. Tables without a connector live in an embedded store: in memory, or in the\n"
    "directory that --data names. CREATE CATALOG c WITH ('type'='cassandra', 'hosts'='...') puts a Cassandra\n"
    "cluster beside it.\n"
    "\n"
    "Exit status: 0; 1 for an error in SQL or at run time; 2 for wrong usage; 3 when a server cannot be reached;\n"
    "130 after Ctrl-C.\n";

static const char sql_help[] =
    "usage: millrace sql [-e SQL]... [-f FILE]... [options]\n"
    "\n"
    "Runs the statements of -e and -f in the order given, or else of standard input; in a terminal it is a shell.\n"
    "Results go to standard output, errors, warnings and notes to standard error. It stops at the first statement "
    "that\n"
    "fails, unless --keep-going; the exit status is then that of the first error.\n";

static const char sql_notes[] =
    "\n"
    "CSV is RFC 4180 with a header line per result; NULL is an empty field without quotes, the empty string is \"\".\n"
    "Without --format, EXPLAIN and SHOW CREATE give plain text also in a pipe.\n"
    "Useful settings for -D and SET:\n"
    "  execution.runtime-mode             automatic, streaming or batch\n"
    "  parallelism.default                number of workers; default: the processor cores\n"
    "  sql-client.execution.result-mode   table: the result at the end (in a terminal also while it changes);\n"
    "                                     changelog: every change as it happens; tableau: as Flink's client\n"
    "millrace help settings lists all of them.\n"
    "\n"
    "Exit status: 0; 1 for an error in SQL or at run time; 2 for wrong usage; 3 when a server cannot be reached;\n"
    "130 after Ctrl-C.\n";

static const char run_help[] =
    "usage: millrace run [options] SCRIPT\n"
    "\n"
    "Executes the script's statements; all its INSERTs, statement sets and CONTINUOUS materialized tables become one\n"
    "job that runs in the foreground until its sources end or Ctrl-C. SCRIPT - is standard input. A progress line on\n"
    "standard error shows the rows read and written, the watermark, steps and checkpoints; it is rewritten in place in "
    "a\n"
    "terminal and else printed every 5 seconds.\n";

static const char run_notes[] =
    "\n"
    "With --checkpoint-dir the job keeps its state there: the same command started again, after Ctrl-C or a crash,\n"
    "goes on where it was, and no row is lost or counted twice. How often is set by\n"
    "-D execution.checkpointing.interval='10 s'.\n"
    "\n"
    "Ctrl-C writes a last checkpoint and stops; a second one ends the program at once.\n"
    "Exit status: 0 when the job ended, or was stopped in order by SIGTERM; 130 when it was stopped by Ctrl-C;\n"
    "1 for an error in SQL or at run time; 2 for wrong usage; 3 when a server cannot be reached.\n";

bool command_line_has_help(const char *topic) {
    int index = command_named(topic);
    return index >= 0 && commands[index].option_set;
}

void command_line_help(struct strbuf *out, const char *topic) {
    int index = topic ? command_named(topic) : -1;
    if (index < 0 || !commands[index].option_set) {
        strbuf_puts(out, overview);
        return;
    }
    const char *head = sql_help, *notes = sql_notes;
    switch (commands[index].command) {
    case COMMAND_RUN: head = run_help, notes = run_notes; break;
    case COMMAND_LOAD: head = transfer_load_help, notes = transfer_load_notes; break;
    case COMMAND_UNLOAD: head = transfer_unload_help, notes = transfer_unload_notes; break;
    case COMMAND_COUNT: head = transfer_count_help, notes = transfer_count_notes; break;
    default: break;
    }
    strbuf_puts(out, head);
    put_options(out, commands[index].option_set);
    strbuf_puts(out, notes);
}
