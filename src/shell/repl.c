/* The interactive shell: lines by libedit, statements over several lines, history, completion, backslash commands. */
#include "shell/repl.h"

#include <errno.h>
#include <fcntl.h>
#include <histedit.h>
#include <locale.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wchar.h>

#include "shell/signals.h"
#include "shell/text.h"

enum {
    HISTORY_ENTRIES = 10000,
    HISTORY_MAX_BYTES = 1 << 20, /* longer statements are not kept */
    COMPLETION_SHOWN = 200,
};

struct repl {
    struct runner *runner;
    EditLine *edit;
    History *history;
    char *history_path; /* NULL: not kept */
    struct strbuf text; /* of the statement so far */
};

/* ---- Reading ---- */

static struct repl *repl_of(EditLine *edit) {
    void *repl = NULL;
    el_get(edit, EL_CLIENTDATA, &repl);
    return repl;
}

static char *prompt(EditLine *edit) {
    static char first[] = "millrace> ", more[] = "     ...> ";
    return repl_of(edit)->text.len ? more : first;
}

/* One character. Waits in poll, so that Ctrl-C ends the line: libedit's own reader would go on after a signal. */
static int read_char(EditLine *edit, wchar_t *out) {
    (void)edit;
    mbstate_t state = {0};
    for (;;) {
        struct pollfd ready = {.fd = STDIN_FILENO, .events = POLLIN};
        /* The time limit is for a signal that comes between the look at it and the wait. */
        int n = signals_pending() ? 0 : poll(&ready, 1, 200);
        if (signals_pending()) {
            errno = EINTR;
            return -1;
        }
        if (n < 0 && errno != EINTR) return -1;
        if (n <= 0) continue;
        char byte;
        ssize_t got = read(STDIN_FILENO, &byte, 1);
        if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (got <= 0) return (int)got;
        size_t used = mbrtowc(out, &byte, 1, &state);
        if (used == (size_t)-2) continue; /* more bytes belong to it */
        if (used == (size_t)-1) {         /* no character of this locale */
            memset(&state, 0, sizeof state);
            continue;
        }
        if (used == 0) continue; /* a NUL: what the terminal makes of a Ctrl-D typed before it was in raw mode */
        return 1;
    }
}

/* ---- Completion ---- */

static const struct {
    const char *token, *word;
} keywords[] = {
#define X(token, word, ident, call, flink_reserved) {#token, word},
#include "parse/keywords.def"
#undef X
};
enum { KEYWORD_COUNT = sizeof keywords / sizeof *keywords };

static const char *const backslash_commands[] = {"\\?", "\\d", "\\dt", "\\dv",     "\\format", "\\i",
                                                 "\\l", "\\o", "\\q",  "\\timing", "\\x"};

static bool is_name_byte(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || (c & 0x80);
}

struct candidates {
    struct arena arena;
    const char **names;
    size_t count, capacity;
};

/* Keywords that are functions too are there once, as the user began to write them. */
static void offer(struct candidates *candidates, const char *name) {
    for (size_t i = 0; i < candidates->count; i++)
        if (str_compare_nocase(candidates->names[i], name) == 0) {
            candidates->names[i] = name;
            return;
        }
    ARRAY_RESERVE(candidates->names, candidates->capacity, candidates->count + 1);
    candidates->names[candidates->count++] = name;
}

static int compare_names(const void *a, const void *b) {
    return str_compare_nocase(*(const char *const *)a, *(const char *const *)b);
}

/* quoted: inside a string literal, where only keys of settings are of use. */
static void find_candidates(struct repl *repl, const char *line, const char *word, size_t len, bool quoted,
                            struct candidates *candidates) {
    char *prefix = arena_strndup(&candidates->arena, word, len);
    if (word == line && *prefix == '\\') {
        for (size_t i = 0; i < sizeof backslash_commands / sizeof *backslash_commands; i++)
            if (strncmp(backslash_commands[i], prefix, len) == 0) offer(candidates, backslash_commands[i]);
        return;
    }
    if (len == 0) return; /* everything there is would be no help */
    const char **names;
    int count;
    session_complete(repl->runner->session, prefix, &candidates->arena, &names, &count);
    for (int i = 0; i < count; i++) {
        /* operators are functions too, but nobody types their first letters */
        bool is_key = strchr(names[i], '.') != NULL, is_name = is_name_byte(names[i][0]) && !strchr(names[i], ' ');
        if (quoted ? is_key : is_name && !is_key) offer(candidates, names[i]);
    }
    bool lower = prefix[len - 1] >= 'a' && prefix[len - 1] <= 'z';
    for (int i = 0; i < KEYWORD_COUNT && !quoted; i++) {
        /* token 0: a word that only Flink reserves */
        if (keywords[i].token[0] == '0' || strlen(keywords[i].word) < len ||
            !str_equal_nocase((struct str){keywords[i].word, len}, (struct str){prefix, len}))
            continue;
        char *name = arena_strdup(&candidates->arena, keywords[i].word);
        for (char *p = name; lower && *p; p++)
            if (*p >= 'A' && *p <= 'Z') *p = (char)(*p + 32);
        offer(candidates, name);
    }
    if (candidates->count) qsort(candidates->names, candidates->count, sizeof *candidates->names, compare_names);
}

static int characters(const char *text, size_t len) {
    int count = 0;
    for (size_t i = 0; i < len; i++) count += (text[i] & 0xC0) != 0x80;
    return count;
}

static void list_candidates(const struct candidates *candidates) {
    int widest = 0, shown = candidates->count < COMPLETION_SHOWN ? (int)candidates->count : COMPLETION_SHOWN;
    for (int i = 0; i < shown; i++) {
        int width = text_width(candidates->names[i], strlen(candidates->names[i]));
        if (width > widest) widest = width;
    }
    int columns = (terminal_size(STDOUT_FILENO).columns - 1) / (widest + 2);
    if (columns < 1) columns = 1;
    putchar('\n');
    for (int i = 0; i < shown; i++) {
        bool last = i == shown - 1 || (i + 1) % columns == 0;
        fputs(candidates->names[i], stdout);
        int blanks = widest + 2 - text_width(candidates->names[i], strlen(candidates->names[i]));
        for (; !last && blanks > 0; blanks--) putchar(' ');
        if (last) putchar('\n');
    }
    if ((size_t)shown < candidates->count) printf("... and %zu more\n", candidates->count - (size_t)shown);
    fflush(stdout);
}

static unsigned char complete(EditLine *edit, int key) {
    (void)key;
    struct repl *repl = repl_of(edit);
    const LineInfo *info = el_line(edit);
    bool quoted = false;
    for (const char *p = info->buffer; p < info->cursor; p++) quoted ^= *p == '\'';
    const char *word = info->cursor;
    while (word > info->buffer && (is_name_byte(word[-1]) || (quoted && (word[-1] == '.' || word[-1] == '-')))) word--;
    if (word == info->buffer + 1 && info->buffer[0] == '\\') word--;
    size_t len = (size_t)(info->cursor - word);
    if (len == 0 && word == info->buffer && !repl->text.len) return CC_ARGHACK;

    struct candidates candidates = {0};
    arena_init(&candidates.arena, NULL);
    find_candidates(repl, info->buffer, word, len, quoted, &candidates);
    unsigned char result = CC_ERROR;
    if (candidates.count) {
        /* what all have in common */
        size_t common = strlen(candidates.names[0]);
        for (size_t i = 1; i < candidates.count; i++) {
            size_t same = 0;
            while (same < common && candidates.names[i][same] == candidates.names[0][same]) same++;
            common = same;
        }
        while (common && (candidates.names[0][common] & 0xC0) == 0x80) common--;
        bool single = candidates.count == 1;
        if (common > len || (single && common == len)) {
            char *insert = arena_printf(&candidates.arena, "%.*s%s", (int)common, candidates.names[0],
                                        single && !quoted ? " " : "");
            el_deletestr(edit, characters(word, len));
            result = el_insertstr(edit, insert) == 0 ? CC_REFRESH : CC_ERROR;
        } else {
            list_candidates(&candidates);
            result = CC_REDISPLAY;
        }
    }
    free(candidates.names);
    arena_destroy(&candidates.arena);
    return result;
}

/* ---- History ---- */

static char *history_path(void) {
    const char *path = getenv("MILLRACE_HISTORY");
    if (path) return *path ? xstrdup(path) : NULL;
    const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    struct strbuf text = {0};
    if (data && *data == '/')
        strbuf_puts(&text, data);
    else if (home && *home)
        strbuf_printf(&text, "%s/.local/share", home);
    else
        return NULL;
    strbuf_puts(&text, "/millrace/history");
    return text.data;
}

/* Makes the folders above path; what fails shows when the file is written. */
static void make_folders(char *path) {
    for (char *p = path + 1; *p; p++)
        if (*p == '/') {
            *p = 0;
            mkdir(path, 0700);
            *p = '/';
        }
}

static void remember(struct repl *repl, const struct strbuf *text) {
    size_t len = text->len;
    while (len && (text->data[len - 1] == '\n' || text->data[len - 1] == ' ')) len--;
    if (!len || len > HISTORY_MAX_BYTES) return;
    char *entry = xstrndup(text->data, len);
    HistEvent event;
    history(repl->history, &event, H_ENTER, entry);
    free(entry);
}

/* ---- Backslash commands ---- */

static void complain(const char *fmt, const char *word) {
    fputs("error: ", stderr);
    fprintf(stderr, fmt, word);
    fputc('\n', stderr);
}

static void run_sql(struct repl *repl, const char *sql) {
    size_t offset = 0;
    runner_text(repl->runner, sql, strlen(sql), &offset, NULL);
}

static void describe(struct repl *repl, const char *name) {
    struct strbuf sql = {0};
    strbuf_printf(&sql, "DESCRIBE %s", name);
    run_sql(repl, sql.data);
    strbuf_free(&sql);
}

static void send_output(struct runner *runner, const char *path) {
    struct error err;
    if (output_flush(&runner->out, &err) != STATUS_OK) complain("%s", err.message);
    int fd = STDOUT_FILENO;
    if (*path) {
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
        if (fd < 0) {
            fprintf(stderr, "error: cannot write %s: %s\n", path, strerror(errno));
            return;
        }
    }
    if (runner->out.fd != STDOUT_FILENO) close(runner->out.fd);
    runner->out.fd = fd;
    runner->out.broken = false;
    runner->terminal = isatty(fd);
}

static void set_format(struct runner *runner, const char *name) {
    if (!*name) {
        printf("format is %s\n", print_format_name(runner_format(runner)));
        fflush(stdout);
    } else if (print_format_find(name, &runner->format)) {
        runner->has_format = true;
    } else {
        complain("there is no format '%s'; it is one of table, csv, tsv, json, jsonl, markdown, vertical", name);
    }
}

/* line: without the newline. */
static void backslash(struct repl *repl, char *line) {
    struct runner *runner = repl->runner;
    size_t end = strlen(line);
    while (end && (line[end - 1] == ' ' || line[end - 1] == '\t' || line[end - 1] == ';')) line[--end] = 0;
    char *arg = line;
    while (*arg && *arg != ' ' && *arg != '\t') arg++;
    if (*arg) *arg++ = 0;
    while (*arg == ' ' || *arg == '\t') arg++;
    const char *name = line + 1;
    if (strcmp(name, "q") == 0 || strcmp(name, "quit") == 0) {
        runner->quit = true;
    } else if (strcmp(name, "?") == 0 || strcmp(name, "h") == 0 || strcmp(name, "help") == 0) {
        fputs(shell_help, stdout);
        fflush(stdout);
    } else if (strcmp(name, "d") == 0 && *arg) {
        describe(repl, arg);
    } else if (strcmp(name, "d") == 0 || strcmp(name, "dt") == 0) {
        run_sql(repl, "SHOW TABLES");
    } else if (strcmp(name, "dv") == 0) {
        run_sql(repl, "SHOW VIEWS");
    } else if (strcmp(name, "l") == 0) {
        run_sql(repl, "SHOW DATABASES");
    } else if (strcmp(name, "timing") == 0) {
        runner->timing = !runner->timing;
        printf("timing is %s\n", runner->timing ? "on" : "off");
        fflush(stdout);
    } else if (strcmp(name, "x") == 0) {
        runner->format = runner_format(runner) == PRINT_VERTICAL ? PRINT_TABLE : PRINT_VERTICAL;
        runner->has_format = true;
        printf("format is %s\n", print_format_name(runner->format));
        fflush(stdout);
    } else if (strcmp(name, "format") == 0) {
        set_format(runner, arg);
    } else if (strcmp(name, "i") == 0 && *arg) {
        runner_file(runner, arg);
    } else if (strcmp(name, "i") == 0) {
        complain("%s wants a file", "\\i");
    } else if (strcmp(name, "o") == 0) {
        send_output(runner, arg);
    } else {
        complain("there is no command \\%s; \\? lists them", name);
    }
}

/* ---- The loop ---- */

static bool is_blank(const char *text) { return text[strspn(text, " \t\r\n")] == 0; }

/* Words that people type without a semicolon. */
static const char *bare_command(const char *line) {
    static const char *const words[] = {"quit", "exit", "help", "clear"};
    line += strspn(line, " \t");
    size_t len = strcspn(line, " \t\r\n");
    for (int i = 0; i < 4; i++)
        if (strlen(words[i]) == len && str_equal_nocase((struct str){line, len}, str_from(words[i])) &&
            is_blank(line + len))
            return words[i];
    return NULL;
}

static void take_line(struct repl *repl, const char *line) {
    struct runner *runner = repl->runner;
    const char *command = repl->text.len ? NULL : bare_command(line);
    if (command) {
        run_sql(repl, command);
        return;
    }
    if (!repl->text.len && line[strspn(line, " \t")] == '\\') {
        struct strbuf copy = {0};
        strbuf_puts(&copy, line + strspn(line, " \t"));
        while (copy.len && (copy.data[copy.len - 1] == '\n' || copy.data[copy.len - 1] == '\r'))
            copy.data[--copy.len] = 0;
        remember(repl, &copy);
        backslash(repl, copy.data);
        strbuf_free(&copy);
        return;
    }
    if (!repl->text.len && is_blank(line)) return;
    strbuf_puts(&repl->text, line);
    if (!split_is_complete(repl->text.data, repl->text.len)) return;
    remember(repl, &repl->text);
    size_t offset = 0;
    runner_text(runner, repl->text.data, repl->text.len, &offset, NULL);
    strbuf_clear(&repl->text);
}

static void open_history(struct repl *repl) {
    HistEvent event;
    repl->history = history_init();
    history(repl->history, &event, H_SETSIZE, HISTORY_ENTRIES);
    history(repl->history, &event, H_SETUNIQUE, 1);
    repl->history_path = history_path();
    if (repl->history_path) history(repl->history, &event, H_LOAD, repl->history_path);
    el_set(repl->edit, EL_HIST, history, repl->history);
}

static void close_history(struct repl *repl) {
    HistEvent event;
    if (repl->history_path) {
        make_folders(repl->history_path);
        if (history(repl->history, &event, H_SAVE, repl->history_path) < 0)
            fprintf(stderr, "warning: cannot write the history to %s\n", repl->history_path);
    }
    history_end(repl->history);
    free(repl->history_path);
}

void repl_run(struct runner *runner) {
    struct repl repl = {.runner = runner};
    runner->interactive = true;
    setlocale(LC_CTYPE, "");
    repl.edit = el_init("millrace", stdin, stdout, stderr);
    if (!repl.edit) {
        complain("%s", "this terminal cannot be used");
        runner->exit_status = 1;
        return;
    }
    el_set(repl.edit, EL_CLIENTDATA, &repl);
    el_set(repl.edit, EL_PROMPT, prompt);
    el_set(repl.edit, EL_EDITOR, "emacs");
    el_set(repl.edit, EL_GETCFN, read_char);
    el_set(repl.edit, EL_ADDFN, "millrace-complete", "complete names and keywords", complete);
    el_set(repl.edit, EL_BIND, "^I", "millrace-complete", NULL);
    el_set(repl.edit, EL_BIND, "^R", "em-inc-search-prev", NULL);
    open_history(&repl);
    el_source(repl.edit, NULL); /* the user's ~/.editrc */
    printf("millrace " MILLRACE_VERSION ": SQL on streams and Apache Cassandra. \\? for help, \\q to leave.\n");
    fflush(stdout);
    while (!runner->quit) {
        int count = 0;
        signals_clear();
        el_resize(repl.edit);
        const char *line = el_gets(repl.edit, &count);
        if (line) {
            take_line(&repl, line);
            if (runner->out.broken) break;
        } else if (count < 0 && signals_pending()) {
            fputs("^C\n", stdout);
            fflush(stdout);
            strbuf_clear(&repl.text);
        } else {
            fputs("\n", stdout);
            break;
        }
    }
    close_history(&repl);
    el_end(repl.edit);
    strbuf_free(&repl.text);
    if (runner->out.fd != STDOUT_FILENO) send_output(runner, "");
    /* A shell that its user leaves has succeeded, whatever was tried in it. */
    if (!runner->out.broken) runner->exit_status = 0;
}
