/* Command lines, good and bad. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "shell/command_line.h"
#include "shell/help.h"

extern const struct CMUnitTest command_line_tests[];
extern const size_t command_line_tests_count;

#define PARSE(...) parse(&arena, &line, &err, (char *[]){"millrace", __VA_ARGS__, NULL})

static enum status parse(struct arena *arena, struct command_line *line, struct error *err, char *const *argv) {
    int argc = 0;
    while (argv[argc]) argc++;
    return command_line_parse(argc, argv, arena, line, err);
}

static void sql_options(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    struct command_line line;
    struct error err;
    assert_int_equal(PARSE("sql"), STATUS_OK);
    assert_int_equal(line.command, COMMAND_SQL);
    assert_int_equal(line.source_count + line.init_count + line.setting_count, 0);
    assert_false(line.has_format);

    assert_int_equal(PARSE("sql", "-e", "SELECT 1", "-f", "a.sql", "-eSELECT 2", "--file=b.sql", "-f", "-", "-i",
                           "init.sql", "--format", "JSON", "--data", "d", "-D", "a=b", "-Dc=d=e", "--define",
                           "f=", "--keep-going", "--no-progress", "-v"),
                     STATUS_OK);
    static const struct sql_source sources[] = {
        {false, "SELECT 1"}, {true, "a.sql"}, {false, "SELECT 2"}, {true, "b.sql"}, {true, "-"}};
    assert_int_equal(line.source_count, 5);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(line.sources[i].is_file, sources[i].is_file);
        assert_string_equal(line.sources[i].text, sources[i].text);
    }
    assert_int_equal(line.init_count, 1);
    assert_string_equal(line.inits[0], "init.sql");
    assert_true(line.has_format);
    assert_int_equal(line.format, PRINT_JSON);
    assert_string_equal(line.data_dir, "d");
    assert_int_equal(line.setting_count, 3);
    assert_string_equal(line.settings[0].key, "a");
    assert_string_equal(line.settings[0].value, "b");
    assert_string_equal(line.settings[1].value, "d=e");
    assert_string_equal(line.settings[2].value, "");
    assert_true(line.keep_going && line.no_progress && line.verbose);
    arena_destroy(&arena);
}

static void run_options(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    struct command_line line;
    struct error err;
    assert_int_equal(PARSE("run", "--checkpoint-dir=cp", "job.sql", "--data", "d", "-i", "x", "-i", "y"), STATUS_OK);
    assert_int_equal(line.command, COMMAND_RUN);
    assert_string_equal(line.sources[0].text, "job.sql");
    assert_string_equal(line.checkpoint_dir, "cp");
    assert_int_equal(line.init_count, 2);
    assert_int_equal(PARSE("run", "--portable", "job.sql"), STATUS_OK);
    assert_int_equal(line.setting_count, 1);
    assert_string_equal(line.settings[0].key, "millrace.portable");
    assert_string_equal(line.settings[0].value, "true");
    assert_int_equal(PARSE("run", "--", "-odd.sql"), STATUS_OK);
    assert_string_equal(line.sources[0].text, "-odd.sql");
    assert_int_equal(PARSE("run", "-"), STATUS_OK);
    assert_string_equal(line.sources[0].text, "-");
    arena_destroy(&arena);
}

static void help_and_version(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    struct command_line line;
    struct error err;
    assert_int_equal(PARSE("--version"), STATUS_OK);
    assert_int_equal(line.command, COMMAND_VERSION);
    assert_int_equal(PARSE("--help"), STATUS_OK);
    assert_int_equal(line.command, COMMAND_HELP);
    assert_null(line.help_topic);
    assert_int_equal(PARSE("help", "run"), STATUS_OK);
    assert_string_equal(line.help_topic, "run");
    assert_int_equal(PARSE("sql", "-e", "x", "--help"), STATUS_OK);
    assert_int_equal(line.command, COMMAND_HELP);
    assert_string_equal(line.help_topic, "sql");
    struct strbuf text = {0};
    command_line_help(&text, "sql");
    assert_non_null(strstr(text.data, "--keep-going"));
    assert_null(strstr(text.data, "--checkpoint-dir"));
    strbuf_clear(&text);
    command_line_help(&text, "run");
    assert_non_null(strstr(text.data, "--checkpoint-dir DIR"));
    strbuf_clear(&text);
    command_line_help(&text, NULL);
    assert_non_null(strstr(text.data, "millrace run job.sql"));
    strbuf_free(&text);
    arena_destroy(&arena);
}

static void help_topics(void **state) {
    (void)state;
    static const char *const topics[][2] = {
        {NULL, "millrace run job.sql"}, {"sql", "--keep-going"},
        {"run", "--checkpoint-dir"},    {"settings", "execution.runtime-mode"},
        {"connectors", "datagen"},      {"formats", "json"},
        {"functions", "SUBSTRING("},    {"kafka", "scan.bounded.mode"},
        {"csv", "field-delimiter"},     {"cassandra", "CREATE CATALOG"},
    };
    struct strbuf text = {0};
    struct error err;
    for (size_t i = 0; i < sizeof topics / sizeof *topics; i++) {
        strbuf_clear(&text);
        assert_int_equal(help_topic(&text, topics[i][0], &err), STATUS_OK);
        if (!strstr(text.data, topics[i][1])) fail_msg("%s: %s", topics[i][0], text.data);
    }
    assert_int_equal(help_topic(&text, "kafak", &err), STATUS_USAGE);
    assert_string_equal(err.hint, "did you mean 'kafka'?");
    strbuf_free(&text);
}

static void transfer_options(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    struct command_line line;
    struct error err;
    char *const load[] = {"millrace", "load",  "a.csv", "-d",  ";",     "INTO",        "ks.t", "--host=h:9042",
                          "-u",       "me",    "-m",    "a=b", "-o",    "tls=true",    "-n",   "--max-errors",
                          "5",        "--ttl", "30d",   "-D",  "x.y=z", "--no-header", NULL};
    assert_int_equal(parse(&arena, &line, &err, load), STATUS_OK);
    assert_int_equal(line.command, COMMAND_LOAD);
    assert_int_equal(line.transfer.operand_count, 3);
    assert_string_equal(line.transfer.operands[2], "ks.t");
    assert_string_equal(line.transfer.hosts, "h:9042");
    assert_string_equal(line.transfer.delimiter, ";");
    assert_string_equal(line.transfer.user, "me");
    assert_string_equal(line.transfer.map, "a=b");
    assert_int_equal(line.transfer.catalog_option_count, 1);
    assert_string_equal(line.transfer.catalog_options[0].key, "tls");
    assert_string_equal(line.transfer.max_errors, "5");
    assert_string_equal(line.transfer.ttl, "30d");
    assert_int_equal(line.setting_count, 1);
    assert_true(line.transfer.dry_run && line.transfer.no_header && !line.transfer.header);
    assert_null(line.transfer.format);
    char *const count[] = {"millrace", "count", "t", "--quiet", "--where", "a = 1", NULL};
    assert_int_equal(parse(&arena, &line, &err, count), STATUS_OK);
    assert_true(line.no_progress);
    assert_string_equal(line.transfer.where, "a = 1");
    char *const wrong[] = {"millrace", "unload", "t", "--ttl", "3", NULL};
    assert_int_equal(parse(&arena, &line, &err, wrong), STATUS_USAGE);
    assert_string_equal(err.message, "millrace unload has no option '--ttl'");
    arena_destroy(&arena);
}

static void wrong_usage(void **state) {
    (void)state;
    static const struct {
        char *const argv[5];
        const char *message, *hint;
    } cases[] = {
        {{"millrace", NULL}, "what shall I do?", "millrace sql opens"},
        {{"millrace", "sqk", NULL}, "there is no command 'sqk'", "did you mean 'sql'?"},
        {{"millrace", "frobnicate", NULL}, "there is no command 'frobnicate'", "--help"},
        {{"millrace", "sql", "--formt", "csv", NULL},
         "millrace sql has no option '--formt'",
         "did you mean '--format'?"},
        {{"millrace", "sql", "--fromat=csv", NULL},
         "millrace sql has no option '--fromat'",
         "did you mean '--format'?"},
        {{"millrace", "sql", "--format", "jsn", NULL}, "there is no format 'jsn'", "did you mean 'json'?"},
        {{"millrace", "sql", "--checkpoint-dir", "x", NULL}, "millrace sql has no option '--checkpoint-dir'", "--help"},
        {{"millrace", "sql", "-q", NULL}, "millrace sql has no option '-q'", "--help"},
        {{"millrace", "sql", "-e", NULL}, "option '-e' wants SQL", "statements"},
        {{"millrace", "sql", "-D", "x", NULL}, "'-D' wants KEY=VALUE", ""},
        {{"millrace", "sql", "-D", "=x", NULL}, "'-D' wants KEY=VALUE", ""},
        {{"millrace", "sql", "--keep-going=1", NULL}, "option '--keep-going' takes no value", ""},
        {{"millrace", "sql", "a.sql", NULL}, "millrace sql does not take 'a.sql'", "-f FILE"},
        {{"millrace", "run", NULL}, "millrace run wants a script", "job.sql"},
        {{"millrace", "run", "a", "b", NULL}, "takes one script, 'b' is a second", "-i FILE"},
        {{"millrace", "run", "-e", "x", NULL}, "millrace run has no option '-e'", "--help"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena arena;
        arena_init(&arena, NULL);
        struct command_line line;
        struct error err;
        assert_int_equal(parse(&arena, &line, &err, cases[i].argv), STATUS_USAGE);
        if (!strstr(err.message, cases[i].message) || !strstr(err.hint, cases[i].hint))
            fail_msg("case %zu: %s; hint: %s", i, err.message, err.hint);
        assert_int_equal(status_exit(err.code), 2);
        arena_destroy(&arena);
    }
}

const struct CMUnitTest command_line_tests[] = {
    cmocka_unit_test(sql_options), cmocka_unit_test(run_options), cmocka_unit_test(help_and_version),
    cmocka_unit_test(help_topics), cmocka_unit_test(wrong_usage), cmocka_unit_test(transfer_options),
};
const size_t command_line_tests_count = sizeof command_line_tests / sizeof *command_line_tests;
