/* Several processes: readers beside a writer, two writers, maps that another process grew, and kill -9.
 *
 * A store must not be used across fork: the parent opens its own only when no child inherits it. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "store/store_test_util.h"

#include "base/clock.h"

extern const struct CMUnitTest store_process_tests[];
extern const size_t store_process_tests_count;

enum { SAME_ROWS = 200 };

/* In a child: no cmocka, a wrong thing ends it with 1. */
#define CHILD_OK(expression)                                                                                           \
    do {                                                                                                               \
        if ((expression) != STATUS_OK) {                                                                               \
            fprintf(stderr, "child: %s: %s\n", #expression, test_error.message);                                       \
            _exit(1);                                                                                                  \
        }                                                                                                              \
    } while (0)

static void wait_for(pid_t child) {
    int status;
    while (waitpid(child, &status, 0) < 0) assert_int_equal(errno, EINTR);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) fail_msg("child %d ended with %x", child, status);
}

/* Adds rows p = 0 … count-1 with the same a, all in one chunk. */
static enum status add_rows(struct store_writer *writer, int64_t first, int count, int32_t a, int64_t time) {
    struct arena arena;
    arena_init(&arena, NULL);
    const struct type *types[] = {type_of(TYPE_BIGINT), type_of(TYPE_INT), type_of(TYPE_INT)};
    struct chunk *chunk = chunk_create(&arena, 3, types, count);
    for (int i = 0; i < count; i++) {
        ((int64_t *)chunk->columns[0].data)[i] = first + i;
        ((int32_t *)chunk->columns[1].data)[i] = 0;
        ((int32_t *)chunk->columns[2].data)[i] = a;
    }
    chunk->row_count = chunk->sel_count = count;
    enum status status = store_writer_add(writer, chunk, NULL, time, &test_error);
    arena_destroy(&arena);
    return status;
}

static enum status open_writer_with(const char *path, const struct store_options *options, const char *name,
                                    struct arena *arena, struct store **store, const struct store_table **table,
                                    struct store_writer **writer) {
    static const int columns[] = {0, 1, 2};
    TRY(store_open(path, options, store, &test_error));
    TRY(store_find_table(*store, "db", name, arena, table, &test_error));
    return writer ? store_writer_open(*store, *table, columns, 3, NULL, writer, &test_error) : STATUS_OK;
}

static enum status open_writer(const char *path, const char *name, struct arena *arena, struct store **store,
                               const struct store_table **table, struct store_writer **writer) {
    return open_writer_with(path, NULL, name, arena, store, table, writer);
}

static void create_table(const char *path, const char *name, bool keyed) {
    struct arena arena;
    struct store *store;
    arena_init(&arena, NULL);
    OK(store_open(path, NULL, &store, &test_error));
    test_create(store, name, keyed, NULL, &arena);
    store_close(store);
    arena_destroy(&arena);
}

/* All rows of one snapshot: sum of a, number of rows, smallest and largest a. */
struct totals {
    int64_t rows, sum;
    int32_t least, most;
};

static enum status read_totals(struct store *store, const struct store_table *table, struct totals *out) {
    static const int columns[] = {2};
    static struct store_entry entries[VECTOR_CAPACITY];
    struct store_snapshot *snapshot;
    struct store_scan *scan;
    struct store_range all = {{0}, {0}};
    struct arena arena;
    int count = 0;
    arena_init(&arena, NULL);
    *out = (struct totals){.least = INT32_MAX, .most = INT32_MIN};
    TRY(store_snapshot_begin(store, &snapshot, &test_error));
    TRY(store_scan_open(snapshot, table, &all, 1, (struct str){0}, &scan, &test_error));
    do {
        struct chunk *chunk;
        TRY(store_scan_next(scan, entries, VECTOR_CAPACITY, &count, NULL, &test_error));
        TRY(store_decode(table, entries, count, columns, 1, &arena, &chunk, &test_error));
        for (int i = 0; i < count; i++) {
            int32_t a = ((const int32_t *)chunk->columns[0].data)[i];
            out->sum += a;
            if (a < out->least) out->least = a;
            if (a > out->most) out->most = a;
        }
        out->rows += count;
        arena_reset(&arena);
    } while (count);
    store_scan_close(scan);
    store_snapshot_release(snapshot);
    arena_destroy(&arena);
    return STATUS_OK;
}

/* ---- Readers and writers ---- */

static _Noreturn void read_while_it_writes(const char *path, int last) {
    struct arena arena;
    struct store *store;
    const struct store_table *table;
    struct totals totals;
    int32_t seen = 0;
    arena_init(&arena, NULL);
    CHILD_OK(open_writer(path, "t", &arena, &store, &table, NULL));
    for (int64_t end = clock_monotonic_ns() + INT64_C(60000000000); seen < last;) {
        CHILD_OK(read_totals(store, table, &totals));
        if (totals.rows && (totals.rows != SAME_ROWS || totals.least != totals.most || totals.least < seen)) _exit(2);
        if (totals.rows) seen = totals.least;
        if (clock_monotonic_ns() > end) _exit(3);
    }
    store_close(store);
    _exit(0);
}

static void readers_see_whole_commits(void **state) {
    (void)state;
    enum { READERS = 2, COMMITS = 150 };
    char *path = test_directory();
    pid_t children[READERS];
    create_table(path, "t", true);
    for (int i = 0; i < READERS; i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] == 0) read_while_it_writes(path, COMMITS);
    }
    struct arena arena;
    struct store *store;
    const struct store_table *table;
    struct store_writer *writer;
    arena_init(&arena, NULL);
    OK(open_writer(path, "t", &arena, &store, &table, &writer));
    for (int i = 1; i <= COMMITS; i++) {
        OK(add_rows(writer, 0, SAME_ROWS, i, 1000 + i));
        OK(store_writer_commit(writer, NULL, &test_error));
    }
    for (int i = 0; i < READERS; i++) wait_for(children[i]);
    store_writer_close(writer);
    store_close(store);
    test_directory_remove(path);
    arena_destroy(&arena);
}

static void writers_take_turns(void **state) {
    (void)state;
    enum { WRITERS = 3, COMMITS = 30, ROWS = 10 };
    char *path = test_directory();
    pid_t children[WRITERS];
    struct arena arena;
    struct store *store;
    const struct store_table *table;
    arena_init(&arena, NULL);
    create_table(path, "log", false);
    for (int w = 0; w < WRITERS; w++) {
        children[w] = fork();
        assert_true(children[w] >= 0);
        if (children[w] == 0) {
            struct store_writer *writer;
            CHILD_OK(open_writer(path, "log", &arena, &store, &table, &writer));
            for (int i = 0; i < COMMITS; i++) {
                CHILD_OK(add_rows(writer, i, ROWS, 1, 5));
                CHILD_OK(store_writer_commit(writer, NULL, &test_error));
            }
            store_writer_close(writer);
            store_close(store);
            _exit(0);
        }
    }
    for (int w = 0; w < WRITERS; w++) wait_for(children[w]);
    struct totals totals;
    OK(open_writer(path, "log", &arena, &store, &table, NULL));
    OK(read_totals(store, table, &totals));
    assert_int_equal(totals.rows, WRITERS * COMMITS * ROWS);
    store_close(store);
    test_directory_remove(path);
    arena_destroy(&arena);
}

/* Definitions are read anew each time: a process sees what another one made, changed and dropped. */
static void definitions_of_another_process(void **state) {
    (void)state;
    char *path = test_directory();
    struct arena arena;
    struct store *store;
    int to_child[2], to_parent[2];
    char byte;
    arena_init(&arena, NULL);
    create_table(path, "t", true);
    assert_int_equal(pipe(to_child) | pipe(to_parent), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const struct store_table *table;
        struct table definition = test_definition("made", true, &arena);
        if (read(to_child[0], &byte, 1) != 1) _exit(4);
        CHILD_OK(store_open(path, NULL, &store, &test_error));
        CHILD_OK(store_create_table(store, &definition, &test_error));
        CHILD_OK(store_drop_table(store, "db", "t", &test_error));
        CHILD_OK(store_find_table(store, "db", "t", &arena, &table, &test_error));
        if (table) _exit(5);
        store_close(store);
        if (write(to_parent[1], "x", 1) != 1) _exit(6);
        _exit(0);
    }
    OK(store_open(path, NULL, &store, &test_error));
    assert_non_null(test_table(store, "t", &arena));
    assert_int_equal(write(to_child[1], "x", 1), 1);
    assert_int_equal(read(to_parent[0], &byte, 1), 1);
    assert_null(test_table(store, "t", &arena));
    assert_non_null(test_table(store, "made", &arena));
    wait_for(child);
    store_close(store);
    for (int i = 0; i < 2; i++) {
        close(to_child[i]);
        close(to_parent[i]);
    }
    test_directory_remove(path);
    arena_destroy(&arena);
}

/* A process whose map is small reads and writes what one with a large map wrote. */
static void maps_that_another_process_grew(void **state) {
    (void)state;
    enum { ROWS = 2000, COMMITS = 50 };
    char *path = test_directory();
    struct arena arena;
    struct store *store;
    const struct store_table *table;
    struct store_writer *writer;
    int start[2];
    char byte;
    struct store_options small = {.map_bytes = 1 << 20};
    struct store_options large = {.map_bytes = 256 << 20};
    arena_init(&arena, NULL);
    create_table(path, "t", true);
    assert_int_equal(pipe(start), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (read(start[0], &byte, 1) != 1) _exit(4);
        CHILD_OK(open_writer_with(path, &large, "t", &arena, &store, &table, &writer));
        for (int i = 0; i < COMMITS; i++) {
            CHILD_OK(add_rows(writer, (int64_t)i * ROWS, ROWS, 1, 5));
            CHILD_OK(store_writer_commit(writer, NULL, &test_error));
        }
        store_writer_close(writer);
        store_close(store);
        _exit(0);
    }
    OK(store_open(path, &small, &store, &test_error));
    table = test_table(store, "t", &arena);
    assert_int_equal(write(start[1], "x", 1), 1);
    wait_for(child);
    struct totals totals;
    OK(read_totals(store, table, &totals));
    assert_int_equal(totals.rows, ROWS * COMMITS);
    writer = test_writer(store, table, COLUMN_A);
    OK(add_rows(writer, (int64_t)ROWS * COMMITS, ROWS, 1, 5));
    OK(store_writer_commit(writer, NULL, &test_error));
    store_writer_close(writer);
    OK(read_totals(store, table, &totals));
    assert_int_equal(totals.rows, ROWS * (COMMITS + 1));
    store_close(store);
    close(start[0]);
    close(start[1]);
    test_directory_remove(path);
    arena_destroy(&arena);
}

/* The file's header tells of the largest map that anyone had, here all the address space that was to be had: a process with less
 * still reads what is there. (Sanitizers need the address space themselves.) */
static void a_map_larger_than_there_is_room_for(void **state) {
    (void)state;
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    enum { ROWS = 100000 };
    char *path = test_directory();
    struct arena arena;
    struct store *store;
    int to_child[2], to_parent[2];
    char byte;
    arena_init(&arena, NULL);
    create_table(path, "t", true);
    assert_int_equal(pipe(to_child) | pipe(to_parent), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct store_options small = {.map_bytes = 1 << 20};
        struct rlimit space = {(rlim_t)1 << 30, (rlim_t)1 << 30};
        struct totals totals;
        CHILD_OK(store_open(path, &small, &store, &test_error));
        const struct store_table *table = test_table(store, "t", &arena);
        if (setrlimit(RLIMIT_AS, &space) != 0 || write(to_parent[1], "x", 1) != 1) _exit(5);
        if (read(to_child[0], &byte, 1) != 1) _exit(6);
        CHILD_OK(read_totals(store, table, &totals));
        store_close(store);
        _exit(totals.rows == ROWS ? 0 : 7);
    }
    assert_int_equal(read(to_parent[0], &byte, 1), 1);
    OK(store_open(path, NULL, &store, &test_error));
    struct store_writer *writer = test_writer(store, test_table(store, "t", &arena), COLUMN_A);
    OK(add_rows(writer, 0, ROWS, 1, 5));
    OK(store_writer_commit(writer, NULL, &test_error));
    store_writer_close(writer);
    assert_int_equal(write(to_child[1], "x", 1), 1);
    wait_for(child);
    store_close(store);
    for (int i = 0; i < 2; i++) {
        close(to_child[i]);
        close(to_parent[i]);
    }
    test_directory_remove(path);
    arena_destroy(&arena);
#endif
}

/* ---- kill -9 ----
 *
 * A child commits steps and tells the parent each one that was acknowledged; the parent kills it at a random moment. Then
 * every acknowledged step must be there, and each step whole or not at all: step k sets all of one table's rows to k, and
 * appends k rows of value k to a log. MILLRACE_STORE_CRASH_ROUNDS sets the number of rounds. */

enum { CRASH_ROUNDS = 25, LOG_ROWS = 7 };

static _Noreturn void write_until_killed(const char *path, int acknowledge) {
    struct arena arena;
    struct store *store;
    const struct store_table *table, *log;
    struct store_writer *writer, *log_writer;
    int64_t done, log_done;
    static const int columns[] = {0, 1, 2};
    arena_init(&arena, NULL);
    CHILD_OK(open_writer(path, "t", &arena, &store, &table, &writer));
    CHILD_OK(store_find_table(store, "db", "log", &arena, &log, &test_error));
    CHILD_OK(store_writer_open(store, log, columns, 3, NULL, &log_writer, &test_error));
    CHILD_OK(store_step_done(store, "job", 0, &done, &test_error));
    CHILD_OK(store_step_done(store, "job", 1, &log_done, &test_error));
    for (int64_t step = (done < log_done ? done : log_done) + 1;; step++) { /* replays one of the two perhaps */
        struct store_step first = {"job", 0, step, 1000 + step}, second = {"job", 1, step, 1000 + step};
        CHILD_OK(add_rows(writer, 0, SAME_ROWS, (int32_t)step, 1000 + step));
        CHILD_OK(store_writer_commit(writer, &first, &test_error));
        CHILD_OK(add_rows(log_writer, 0, LOG_ROWS, (int32_t)step, 1000 + step));
        CHILD_OK(store_writer_commit(log_writer, &second, &test_error));
        if (write(acknowledge, &step, sizeof step) != sizeof step) _exit(7);
    }
}

static void acknowledged_writes_survive_a_kill(void **state) {
    (void)state;
    const char *text = getenv("MILLRACE_STORE_CRASH_ROUNDS");
    int rounds = text ? atoi(text) : CRASH_ROUNDS;
    char *path = test_directory();
    uint64_t seed = (uint64_t)clock_monotonic_ns();
    int64_t acknowledged = 0, first_done = 0;
    struct arena arena;
    arena_init(&arena, NULL);
    create_table(path, "t", true);
    create_table(path, "log", false);
    for (int round = 0; round < rounds; round++) {
        int pipes[2];
        assert_int_equal(pipe(pipes), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            close(pipes[0]);
            write_until_killed(path, pipes[1]);
        }
        close(pipes[1]);
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
        int64_t until = clock_monotonic_ns() + (int64_t)(seed >> 33) % 60000000 + 1000000;
        for (;;) { /* acknowledged steps until the moment comes */
            int64_t now = clock_monotonic_ns();
            struct pollfd fd = {.fd = pipes[0], .events = POLLIN};
            if (now >= until) break;
            if (poll(&fd, 1, (int)((until - now) / 1000000) + 1) == 1 &&
                read(pipes[0], &acknowledged, sizeof acknowledged) != sizeof acknowledged)
                fail_msg("the writer ended by itself");
        }
        assert_int_equal(kill(child, SIGKILL), 0);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        while (read(pipes[0], &acknowledged, sizeof acknowledged) == sizeof acknowledged) continue;
        close(pipes[0]);

        struct store *store;
        const struct store_table *table, *log;
        struct totals totals;
        int64_t done, log_done, rows;
        OK(open_writer(path, "t", &arena, &store, &table, NULL));
        log = test_table(store, "log", &arena);
        OK(store_step_done(store, "job", 0, &done, &test_error));
        OK(store_step_done(store, "job", 1, &log_done, &test_error));
        assert_true(done >= acknowledged && log_done >= acknowledged);
        OK(read_totals(store, table, &totals));
        assert_int_equal(totals.rows, done ? SAME_ROWS : 0);
        if (done) assert_true(totals.least == done && totals.most == done);
        OK(read_totals(store, log, &totals));
        assert_int_equal(totals.rows, log_done * LOG_ROWS);
        assert_int_equal(totals.sum, log_done * (log_done + 1) / 2 * LOG_ROWS);
        OK(store_row_count(store, log, &rows, &test_error));
        assert_int_equal(rows, totals.rows);
        store_close(store);
        if (round == 0) first_done = done;
        arena_reset(&arena);
    }
    assert_true(acknowledged > 0 && acknowledged >= first_done);
    test_directory_remove(path);
    arena_destroy(&arena);
}

/* Readers that were killed hold their place in the table of readers until somebody looks. */
static void killed_readers_are_cleared(void **state) {
    (void)state;
    char *path = test_directory();
    struct arena arena;
    struct store *store;
    int ready[2];
    char byte;
    arena_init(&arena, NULL);
    create_table(path, "t", true);
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct store_snapshot *snapshots[50];
        CHILD_OK(store_open(path, NULL, &store, &test_error));
        CHILD_OK(store_snapshots_begin(store, 50, snapshots, &test_error));
        if (write(ready[1], "x", 1) != 1) _exit(8);
        pause();
        _exit(9);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    struct store_info info;
    OK(store_open(path, NULL, &store, &test_error)); /* the first to open clears the whole table */
    OK(store_get_info(store, &info, &test_error));
    assert_int_equal(info.readers, 0);
    store_close(store);
    close(ready[0]);
    close(ready[1]);
    test_directory_remove(path);
    arena_destroy(&arena);
}

const struct CMUnitTest store_process_tests[] = {
    cmocka_unit_test(readers_see_whole_commits),           cmocka_unit_test(writers_take_turns),
    cmocka_unit_test(definitions_of_another_process),      cmocka_unit_test(maps_that_another_process_grew),
    cmocka_unit_test(a_map_larger_than_there_is_room_for), cmocka_unit_test(acknowledged_writes_survive_a_kill),
    cmocka_unit_test(killed_readers_are_cleared),
};
const size_t store_process_tests_count = sizeof store_process_tests / sizeof *store_process_tests;
