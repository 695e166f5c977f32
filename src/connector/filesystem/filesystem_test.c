#include "connector/test_source.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "connector/filesystem/filesystem_private.h"

extern const struct CMUnitTest filesystem_tests[];
extern const size_t filesystem_tests_count;
extern const struct connector filesystem_connector;

struct fixture {
    struct arena arena;
    char dir[64];
};

static int set_up(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    arena_init(&f->arena, NULL);
    strcpy(f->dir, "/tmp/millrace-filesystem-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", f->dir);
    int status = system(command);
    arena_destroy(&f->arena);
    free(f);
    return status;
}

static const char *path_of(struct fixture *f, const char *name) {
    return arena_printf(&f->arena, "%s/%s", f->dir, name);
}

static void put_file(struct fixture *f, const char *name, const char *text, size_t len) {
    FILE *file = fopen(path_of(f, name), "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static struct table *make_table(struct fixture *f, const char *path, const char *format, const char *key,
                                const char *value) {
    struct table *table = ARENA_NEW(&f->arena, struct table);
    struct table_column *columns = ARENA_ARRAY(&f->arena, struct table_column, 5);
    columns[0] = (struct table_column){.name = "id", .type = type_of(TYPE_BIGINT)};
    columns[1] = (struct table_column){.name = "name", .type = type_of(TYPE_VARCHAR)};
    columns[2] = (struct table_column){.name = "file",
                                       .type = type_of(TYPE_VARCHAR),
                                       .kind = COLUMN_METADATA,
                                       .metadata_key = "file.name",
                                       .is_virtual = true};
    columns[3] = (struct table_column){.name = "amount", .type = type_of(TYPE_DOUBLE)};
    columns[4] = (struct table_column){.name = "size",
                                       .type = type_of(TYPE_BIGINT),
                                       .kind = COLUMN_METADATA,
                                       .metadata_key = "file.size",
                                       .is_virtual = true};
    *table = (struct table){.name = "t", .column_count = 5, .columns = columns, .watermark_column = -1};
    option_add(&table->options, &f->arena, "path", path, -1);
    option_add(&table->options, &f->arena, "format", format, -1);
    if (key) option_add(&table->options, &f->arena, key, value, -1);
    assert_int_equal(filesystem_connector.check_table(table, NULL), STATUS_OK);
    return table;
}

static void reads_a_directory(void **state) {
    struct fixture *f = *state;
    mkdir(path_of(f, "sub"), 0777);
    mkdir(path_of(f, "_temporary"), 0777);
    put_file(f, "b.csv", "3,c,1.5\n", 8);
    put_file(f, "a.csv", "1,a,0.5\n2,\"b\nb\",\n", 17);
    put_file(f, "sub/c.csv", "4,d,2", 5);
    put_file(f, "empty.csv", "", 0);
    put_file(f, ".hidden.csv", "x", 1);
    put_file(f, "_SUCCESS", "x", 1);
    put_file(f, "_temporary/d.csv", "x", 1);
    struct table *table = make_table(f, f->dir, "csv", NULL, NULL);
    static const int columns[] = {0, 1, 2, 3, 4};
    struct test_run run;
    struct error err = {0};
    assert_int_equal(test_scan(&filesystem_connector, table, columns, 5, 0, 0, NULL, &run, &err), STATUS_OK);
    assert_int_equal(run.split_count, 4);
    assert_string_equal(run.splits[0].id, path_of(f, "a.csv"));
    assert_string_equal(run.splits[0].rows.data, "1|a|a.csv|0.5|17\n2|b\nb|a.csv|NULL|17\n");
    assert_string_equal(run.splits[1].rows.data, "3|c|b.csv|1.5|8\n");
    assert_string_equal(run.splits[2].rows.data, "");
    assert_string_equal(run.splits[3].rows.data, "4|d|c.csv|2|5\n");
    test_run_free(&run);
    /* no column: only the number of rows */
    assert_int_equal(test_scan(&filesystem_connector, table, NULL, 0, 0, 0, NULL, &run, &err), STATUS_OK);
    assert_string_equal(run.splits[0].rows.data, "\n\n");
    test_run_free(&run);
    assert_true(filesystem_connector.source->row_estimate(table) > 0);
}

static void put_rows(struct fixture *f, const char *name, int count, size_t width, bool json) {
    struct strbuf text = {0};
    for (int i = 0; i < count; i++) {
        strbuf_printf(&text, json ? "{\"id\":%d,\"name\":\"" : "%d,\"", i);
        for (size_t n = (size_t)i * 7919 % width; n; n--) strbuf_putc(&text, (char)('a' + n % 26));
        strbuf_puts(&text, json ? "\",\"amount\":0.5}\n" : i % 3 ? "\",0.5\n" : "\n\"\"\",0.5\r\n\n");
    }
    put_file(f, name, text.data, text.len);
    strbuf_free(&text);
}

static void resumes_from_every_block(void **state) {
    struct fixture *f = *state;
    static const int columns[] = {0, 1, 3};
    for (int json = 0; json < 2; json++) {
        const char *name = json ? "rows.json" : "rows.csv";
        put_rows(f, name, 30000, 400, json); /* about 6 MB: several blocks */
        struct table *table = make_table(f, path_of(f, name), json ? "json" : "csv", NULL, NULL);
        struct test_run whole, pieces;
        struct error err = {0};
        assert_int_equal(test_scan(&filesystem_connector, table, columns, 3, 0, 0, NULL, &whole, &err), STATUS_OK);
        assert_true(whole.block_count > 3);
        assert_int_equal(whole.splits[0].row_count, 30000);
        assert_int_equal(test_scan(&filesystem_connector, table, columns, 3, 700, 0, NULL, &pieces, &err), STATUS_OK);
        assert_string_equal(pieces.splits[0].rows.data, whole.splits[0].rows.data);
        test_run_free(&pieces);
        test_resume(&filesystem_connector, table, columns, 3, &whole, 1);
        test_run_free(&whole);
    }
}

static void reads_records_larger_than_a_block(void **state) {
    struct fixture *f = *state;
    struct strbuf text = {0}, expected = {0};
    for (int i = 0; i < 4; i++) {
        strbuf_printf(&text, "%d,", i);
        strbuf_printf(&expected, "%d|", i);
        for (int n = 0; n < (i % 2 ? 5000000 : 3); n++) {
            strbuf_putc(&text, 'x');
            strbuf_putc(&expected, 'x');
        }
        strbuf_puts(&text, ",1\n");
        strbuf_puts(&expected, "|1\n");
    }
    put_file(f, "large.csv", text.data, text.len);
    struct table *table = make_table(f, path_of(f, "large.csv"), "csv", NULL, NULL);
    static const int columns[] = {0, 1, 3};
    struct test_run run;
    struct error err = {0};
    assert_int_equal(test_scan(&filesystem_connector, table, columns, 3, 0, 0, NULL, &run, &err), STATUS_OK);
    assert_true(run.splits[0].rows.len == expected.len);
    assert_memory_equal(run.splits[0].rows.data, expected.data, expected.len);
    test_resume(&filesystem_connector, table, columns, 3, &run, 1);
    test_run_free(&run);
    /* and refuses what has no end */
    FILE *file = fopen(path_of(f, "endless.csv"), "w");
    fputs("1,a,1\n2,\"", file);
    char *block = malloc(1 << 20);
    memset(block, 'y', 1 << 20);
    for (int i = 0; i < (FORMAT_MAX_RECORD_BYTES >> 20) + 1; i++) fwrite(block, 1, 1 << 20, file);
    fclose(file);
    free(block);
    table = make_table(f, path_of(f, "endless.csv"), "csv", NULL, NULL);
    assert_int_equal(test_scan(&filesystem_connector, table, columns, 3, 0, 0, NULL, &run, &err),
                     STATUS_LIMIT_EXCEEDED);
    assert_string_equal(
        err.message, arena_printf(&f->arena, "%s: line 2: the record is longer than 64 MB", path_of(f, "endless.csv")));
    test_run_free(&run);
    strbuf_free(&text);
    strbuf_free(&expected);
}

static void names_file_and_line(void **state) {
    struct fixture *f = *state;
    static const int columns[] = {0, 3};
    struct test_run run;
    struct error err = {0};
    const char *text = "id,name,amount\n1,\"two\nlines\",1.5\n\n2,x,abc\n";
    put_file(f, "a.csv", text, strlen(text));
    struct table *table = make_table(f, f->dir, "csv", "csv.header", "true");
    assert_int_equal(test_scan(&filesystem_connector, table, columns, 2, 0, 0, NULL, &run, &err), STATUS_BAD_DATA);
    assert_string_equal(
        err.message, arena_printf(&f->arena, "%s/a.csv: line 5: field 'amount': cannot read 'abc' as DOUBLE", f->dir));
    test_run_free(&run);
    /* far behind the first block */
    struct strbuf rows = {0};
    for (int i = 0; i < 200000; i++) strbuf_printf(&rows, "%d,some name,1.5\n", i);
    strbuf_puts(&rows, "200000,x,1,2\n");
    put_file(f, "a.csv", rows.data, rows.len);
    table = make_table(f, f->dir, "csv", NULL, NULL);
    assert_int_equal(test_scan(&filesystem_connector, table, columns, 2, 0, 0, NULL, &run, &err), STATUS_BAD_DATA);
    assert_string_equal(err.message,
                        arena_printf(&f->arena,
                                     "%s/a.csv: line 200001: 4 fields where the table has 3 columns: '200000,x,1,2'",
                                     f->dir));
    test_run_free(&run);
    table = make_table(f, f->dir, "csv", "csv.ignore-parse-errors", "true");
    assert_int_equal(test_scan(&filesystem_connector, table, columns, 2, 0, 0, NULL, &run, &err), STATUS_OK);
    assert_int_equal(run.skipped, 1);
    assert_int_equal(run.splits[0].row_count, 200000);
    test_run_free(&run);
    strbuf_free(&rows);
}

static void says_what_is_missing(void **state) {
    struct fixture *f = *state;
    struct test_run run;
    struct error err = {0};
    struct table *table = make_table(f, "/nowhere/at/all", "csv", NULL, NULL);
    assert_int_equal(test_scan(&filesystem_connector, table, NULL, 0, 0, 0, NULL, &run, &err), STATUS_IO_ERROR);
    assert_string_equal(err.message, "cannot read '/nowhere/at/all': No such file or directory");
    test_run_free(&run);
    table->catalog = "cat"; /* a table that was declared, perhaps without rows yet */
    table->name = "orders";
    assert_int_equal(test_scan(&filesystem_connector, table, NULL, 0, 0, 0, NULL, &run, &err), STATUS_IO_ERROR);
    assert_string_equal(err.message, "cannot read '/nowhere/at/all' of table 'orders': No such file or directory");
    assert_string_equal(err.hint, "the first INSERT into the table makes the path, if it is the right one");
    test_run_free(&run);
    table = make_table(f, "/dev/null", "csv", NULL, NULL);
    assert_int_equal(test_scan(&filesystem_connector, table, NULL, 0, 0, 0, NULL, &run, &err), STATUS_IO_ERROR);
    test_run_free(&run);
    table = make_table(f, f->dir, "csv", "source.monitor-interval", "10 s");
    struct scan_request request = {.bounded_only = true};
    struct source *source;
    assert_int_equal(filesystem_connector.source->open(table, &request, 1, NULL, &source, &err), STATUS_NOT_SUPPORTED);
    assert_false(filesystem_connector.source->is_bounded(table));
    put_file(f, "a.csv", "1,a,1\n", 6);
    table = make_table(f, f->dir, "csv", NULL, NULL);
    static const uint8_t far[16] = {99};
    struct offset starts[] = {{16, far}};
    assert_int_equal(test_scan(&filesystem_connector, table, NULL, 0, 0, 0, starts, &run, &err), STATUS_BAD_DATA);
    assert_non_null(strstr(err.message, "is shorter (6 bytes) than what was read of it before (99)"));
    test_run_free(&run);
    option_add(&table->options, &f->arena, "format", "cvs", -1);
    assert_int_equal(filesystem_connector.check_table(table, &err), STATUS_INVALID_OPTION);
    assert_string_equal(err.hint, "did you mean 'csv'?");
    option_add(&table->options, &f->arena, "format", "csv", -1);
    option_add(&table->options, &f->arena, "csv.headr", "true", -1);
    assert_int_equal(filesystem_connector.check_table(table, &err), STATUS_INVALID_OPTION);
    assert_string_equal(err.message, "format 'csv' of table 't' has no option 'csv.headr'");
}

/* ---- Sink ---- */

static const int sink_columns[] = {0, 3, 1};

/* What is left out at the start of a file is left out after a restart too, and only there. */
static void leaves_out_records(void **state) {
    struct fixture *f = *state;
    static const int columns[] = {0};
    static const int skips[] = {1, 3, 12000, 29999, 30000, 40000};
    put_rows(f, "rows.csv", 30000, 400, false);
    for (size_t i = 0; i < sizeof skips / sizeof *skips; i++) {
        struct table *table = make_table(f, path_of(f, "rows.csv"), "csv", "source.skip-records",
                                         arena_printf(&f->arena, "%d", skips[i]));
        struct test_run whole;
        struct error err = {0};
        assert_int_equal(test_scan(&filesystem_connector, table, columns, 1, 0, 0, NULL, &whole, &err), STATUS_OK);
        int left = skips[i] < 30000 ? 30000 - skips[i] : 0;
        assert_int_equal(whole.splits[0].row_count, left);
        if (left) assert_int_equal(atoi(whole.splits[0].rows.data), skips[i]);
        test_resume(&filesystem_connector, table, columns, 1, &whole, 1);
        test_run_free(&whole);
    }
}

static struct sink *open_sink(struct fixture *f, const struct table *table, bool exactly_once, bool streaming) {
    (void)f;
    struct sink_options options = {.columns = sink_columns,
                                   .column_count = 3,
                                   .exactly_once = exactly_once,
                                   .streaming = streaming,
                                   .parallelism = 1,
                                   .job_id = "job/1"};
    struct sink *sink;
    struct error err = {0};
    enum status status = filesystem_connector.sink->open(table, &options, &sink, &err);
    if (status != STATUS_OK) print_error("%s\n", err.message);
    assert_int_equal(status, STATUS_OK);
    return sink;
}

static void write_rows(struct fixture *f, struct sink *sink, int first, int count, int64_t step) {
    const struct type *types[] = {type_of(TYPE_BIGINT), type_of(TYPE_DOUBLE), type_of(TYPE_VARCHAR)};
    struct chunk *chunk = chunk_create(&f->arena, 3, types, count);
    uint8_t *kinds = arena_zalloc(&f->arena, (size_t)count);
    for (int i = 0; i < count; i++) {
        struct value id = value_i64(types[0], first + i), amount = value_f64(0.5);
        struct value name = value_str(types[2], str_from("n"));
        vector_set(&chunk->columns[0], &f->arena, count, i, &id);
        vector_set(&chunk->columns[1], &f->arena, count, i, &amount);
        vector_set(&chunk->columns[2], &f->arena, count, i, &name);
    }
    chunk->row_count = chunk->sel_count = count;
    struct sink_rows rows = {.step_id = step, .chunk = chunk, .kinds = kinds};
    struct error err = {0};
    assert_int_equal(filesystem_connector.sink->write(sink, &rows, &err), STATUS_OK);
    assert_int_equal(filesystem_connector.sink->end_step(sink, step, &err), STATUS_OK);
}

static int count_files(struct fixture *f, const char *name, bool hidden) {
    DIR *dir = opendir(path_of(f, name));
    int count = 0;
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            count += (entry->d_name[0] == '.') == hidden;
    closedir(dir);
    return count;
}

static const char *read_back(struct fixture *f, struct table *table) {
    static const int columns[] = {0};
    struct test_run run;
    struct error err = {0};
    enum status status = test_scan(&filesystem_connector, table, columns, 1, 0, 0, NULL, &run, &err);
    if (status != STATUS_OK) print_error("%s\n", err.message);
    assert_int_equal(status, STATUS_OK);
    struct strbuf all = {0};
    strbuf_puts(&all, "");
    for (int i = 0; i < run.split_count; i++) strbuf_puts(&all, run.splits[i].rows.data);
    char *out = arena_strdup(&f->arena, all.data);
    strbuf_free(&all);
    test_run_free(&run);
    for (char *p = out; *p; p++)
        if (*p == '\n') *p = ' ';
    return out;
}

static void writes_a_batch(void **state) {
    struct fixture *f = *state;
    const struct sink_class *class = filesystem_connector.sink;
    struct table *table = make_table(f, path_of(f, "out/deep"), "csv", "csv.header", "true");
    struct sink *sink = open_sink(f, table, false, false);
    write_rows(f, sink, 0, 3, 1);
    assert_int_equal(count_files(f, "out/deep", false), 0); /* nothing half-written is seen */
    assert_int_equal(class->flush(sink, NULL), STATUS_OK);
    assert_int_equal(count_files(f, "out/deep", false), 1);
    class->close(sink, false);
    assert_string_equal(read_back(f, table), "0 1 2 ");
    char text[128] = {0};
    FILE *file = fopen(path_of(f, "out/deep/part-job_1-0-0"), "r");
    assert_non_null(file);
    assert_true(fread(text, 1, sizeof text - 1, file) > 0);
    fclose(file);
    assert_string_equal(text, "id,name,amount\n0,n,0.5\n1,n,0.5\n2,n,0.5\n");
    /* a second statement adds, a failed one leaves nothing */
    sink = open_sink(f, table, false, false);
    write_rows(f, sink, 3, 2, 1);
    class->flush(sink, NULL);
    class->close(sink, false);
    sink = open_sink(f, table, false, false);
    write_rows(f, sink, 9, 2, 1);
    class->close(sink, true);
    assert_string_equal(read_back(f, table), "0 1 2 3 4 ");
    assert_int_equal(count_files(f, "out/deep", true), 0);
    assert_int_equal(class->accepts(table), CHANGES_APPEND);
}

static void writes_a_single_file(void **state) {
    struct fixture *f = *state;
    const struct sink_class *class = filesystem_connector.sink;
    static const char *const names[] = {"one.csv", "one.csv.gz", "one.csv.zst"};
    static const char *const codecs[] = {"none", "gzip", "zstd"};
    for (int i = 0; i < 3; i++) {
        struct table *table = make_table(f, path_of(f, names[i]), "csv", "sink.single-file", "true");
        option_add(&table->options, &f->arena, "sink.compression", codecs[i], -1);
        put_file(f, names[i], "old", 3);
        struct sink *sink = open_sink(f, table, false, false);
        write_rows(f, sink, 0, 3, 1);
        class->close(sink, true); /* a failed statement changes nothing */
        struct stat st;
        assert_int_equal(stat(path_of(f, names[i]), &st), 0);
        assert_int_equal(st.st_size, 3);
        assert_int_equal(count_files(f, ".", true), 0);
        sink = open_sink(f, table, false, false);
        write_rows(f, sink, 0, 3, 1);
        assert_int_equal(class->flush(sink, NULL), STATUS_OK);
        class->close(sink, false);
        assert_string_equal(read_back(f, table), "0 1 2 ");
        sink = open_sink(f, table, false, false); /* no row is an empty file */
        assert_int_equal(class->flush(sink, NULL), STATUS_OK);
        class->close(sink, false);
        assert_string_equal(read_back(f, table), "");
    }
}

static void refuses_single_files(void **state) {
    struct fixture *f = *state;
    struct error err = {0};
    struct sink *sink;
    struct sink_options options = {.columns = sink_columns, .column_count = 3, .exactly_once = true, .job_id = "j"};
    struct table *table = make_table(f, path_of(f, "one.csv"), "csv", "sink.single-file", "true");
    assert_int_equal(filesystem_connector.sink->open(table, &options, &sink, &err), STATUS_NOT_SUPPORTED);
    options.exactly_once = false;
    table = make_table(f, f->dir, "csv", "sink.single-file", "true");
    assert_int_equal(filesystem_connector.sink->open(table, &options, &sink, &err), STATUS_IO_ERROR);
    assert_non_null(strstr(err.message, "is a directory, not the name of a file"));
}

static void rolls_by_size(void **state) {
    struct fixture *f = *state;
    struct table *table = make_table(f, path_of(f, "out"), "json", "sink.rolling-policy.file-size", "1 kb");
    struct sink *sink = open_sink(f, table, false, true);
    write_rows(f, sink, 0, 100, 1);
    assert_true(count_files(f, "out", false) >= 2);
    assert_int_equal(filesystem_connector.sink->flush(sink, NULL), STATUS_OK);
    filesystem_connector.sink->close(sink, false);
    struct test_run run;
    struct error err = {0};
    assert_int_equal(test_scan(&filesystem_connector, table, NULL, 0, 0, 0, NULL, &run, &err), STATUS_OK);
    int rows = 0;
    for (int i = 0; i < run.split_count; i++) rows += run.splits[i].row_count;
    assert_int_equal(rows, 100);
    test_run_free(&run);
}

/* A job with checkpoints, stopped at every point and restored. */
static void commits_with_checkpoints(void **state) {
    struct fixture *f = *state;
    const struct sink_class *class = filesystem_connector.sink;
    for (int stop = 0; stop < 6; stop++) {
        const char *dir = arena_printf(&f->arena, "out%d", stop);
        struct table *table = make_table(f, path_of(f, dir), "csv", NULL, NULL);
        struct strbuf first = {0}, second = {0};
        struct sink *sink = open_sink(f, table, true, true);
        write_rows(f, sink, 0, 2, 1);
        assert_int_equal(class->flush(sink, NULL), STATUS_OK);
        assert_int_equal(class->prepare(sink, 1, &first, NULL), STATUS_OK);
        assert_string_equal(read_back(f, table), "");
        assert_int_equal(class->commit(sink, 1, strbuf_str(&first), NULL), STATUS_OK);
        assert_string_equal(read_back(f, table), "0 1 ");
        write_rows(f, sink, 2, 2, 2);
        bool published = false; /* is the second checkpoint durable? */
        if (stop >= 1) assert_int_equal(class->flush(sink, NULL), STATUS_OK);
        if (stop >= 2) assert_int_equal(class->prepare(sink, 2, &second, NULL), STATUS_OK);
        if (stop >= 3) published = true;
        if (stop >= 4) assert_int_equal(class->commit(sink, 2, strbuf_str(&second), NULL), STATUS_OK);
        if (stop >= 5) write_rows(f, sink, 4, 2, 3);
        if (stop % 2) {
            class->close(sink, true);
        } else { /* killed: nothing of the sink's own is run; what it wrote stays */
            if (stop == 0) class->flush(sink, NULL);
            struct sink *copy = sink;
            class->close(copy, true);
            put_file(f, arena_printf(&f->arena, "%s/.part-job_1-0-77.inprogress", dir), "9,z,1\n", 6);
        }
        struct str kept = published ? strbuf_str(&second) : strbuf_str(&first);
        sink = open_sink(f, table, true, true);
        assert_int_equal(class->restore(sink, published ? 2 : 1, published ? 2 : 1, kept, NULL), STATUS_OK);
        assert_int_equal(class->commit(sink, published ? 2 : 1, kept, NULL), STATUS_OK); /* repeated */
        if (!published) write_rows(f, sink, 2, 2, 2);
        write_rows(f, sink, 4, 2, 3);
        struct strbuf third = {0};
        assert_int_equal(class->prepare(sink, 3, &third, NULL), STATUS_OK);
        assert_int_equal(class->commit(sink, 3, strbuf_str(&third), NULL), STATUS_OK);
        assert_int_equal(class->commit(sink, 3, strbuf_str(&third), NULL), STATUS_OK);
        class->close(sink, false);
        assert_string_equal(read_back(f, table), "0 1 2 3 4 5 ");
        assert_int_equal(count_files(f, dir, true), 0);
        strbuf_free(&first);
        strbuf_free(&second);
        strbuf_free(&third);
    }
}

static void restores_without_a_checkpoint(void **state) {
    struct fixture *f = *state;
    const struct sink_class *class = filesystem_connector.sink;
    struct table *table = make_table(f, path_of(f, "out"), "csv", NULL, NULL);
    struct sink *sink = open_sink(f, table, false, false);
    write_rows(f, sink, 0, 2, 1); /* of an earlier run: stays */
    class->close(sink, false);
    put_file(f, "out/.part-job_1-0-9.inprogress", "9,z,1\n", 6);
    put_file(f, "out/.part-other-0-9.inprogress", "9,z,1\n", 6);
    sink = open_sink(f, table, true, true);
    assert_int_equal(class->restore(sink, 0, 0, (struct str){0}, NULL), STATUS_OK);
    write_rows(f, sink, 2, 2, 1);
    class->close(sink, false);
    assert_string_equal(read_back(f, table), "0 1 2 3 ");
    assert_int_equal(count_files(f, "out", true), 1); /* another job's */
}

static void refuses_a_file_as_directory(void **state) {
    struct fixture *f = *state;
    put_file(f, "file", "x", 1);
    struct table *table = make_table(f, path_of(f, "file"), "csv", NULL, NULL);
    struct sink_options options = {.columns = sink_columns, .column_count = 3, .job_id = "j"};
    struct sink *sink;
    struct error err = {0};
    assert_int_equal(filesystem_connector.sink->open(table, &options, &sink, &err), STATUS_IO_ERROR);
    assert_string_equal(err.message, arena_printf(&f->arena, "'%s' is no directory: files are written into a directory",
                                                  path_of(f, "file")));
}

static struct table *parquet_table(struct fixture *f, const char *name) {
    return make_table(f, path_of(f, name), "parquet", "parquet.block.size", "4 kb");
}

/* Row groups as splits; every block's end is a place to go on from. */
static void reads_parquet_from_every_block(void **state) {
    struct fixture *f = *state;
    const struct sink_class *class = filesystem_connector.sink;
    struct table *table = parquet_table(f, "out");
    for (int file = 0; file < 3; file++) {
        struct sink *sink = open_sink(f, table, false, false);
        for (int i = 0; i < 10; i++) write_rows(f, sink, file * 20000 + i * 2000, 2000, i + 1);
        assert_int_equal(class->flush(sink, NULL), STATUS_OK);
        class->close(sink, false);
    }
    assert_int_equal(count_files(f, "out", false), 3);
    static const int columns[] = {0, 1, 2, 3, 4};
    struct test_run run, pieces;
    struct error err = {0};
    assert_int_equal(test_scan(&filesystem_connector, table, columns, 5, 0, 0, NULL, &run, &err), STATUS_OK);
    assert_int_equal(run.split_count, 3);
    assert_true(run.block_count > 20);
    assert_string_equal(run.splits[1].id, arena_printf(&f->arena, "%s#0-9", path_of(f, "out/part-job_1-0-1.parquet")));
    const char *first = arena_printf(&f->arena, "20000|n|part-job_1-0-1.parquet|0.5|");
    assert_int_equal(strncmp(run.splits[1].rows.data, first, strlen(first)), 0);
    int rows = 0;
    for (int i = 0; i < run.split_count; i++) rows += run.splits[i].row_count;
    assert_int_equal(rows, 60000);
    assert_int_equal(filesystem_connector.source->row_estimate(table), 60000);
    assert_int_equal(test_scan(&filesystem_connector, table, columns, 5, 700, 0, NULL, &pieces, &err), STATUS_OK);
    for (int i = 0; i < run.split_count; i++) assert_string_equal(pieces.splits[i].rows.data, run.splits[i].rows.data);
    test_run_free(&pieces);
    test_resume(&filesystem_connector, table, columns, 5, &run, 5);
    test_run_free(&run);
    /* no column: only the number of rows */
    assert_int_equal(test_scan(&filesystem_connector, table, NULL, 0, 0, 0, NULL, &run, &err), STATUS_OK);
    assert_int_equal(run.splits[2].row_count, 20000);
    test_run_free(&run);
    /* another file under the same name */
    static const uint8_t far[16] = {3, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
    struct offset starts[] = {{16, far}, {16, far}, {16, far}};
    assert_int_equal(test_scan(&filesystem_connector, table, columns, 5, 0, 0, starts, &run, &err), STATUS_BAD_DATA);
    assert_non_null(strstr(err.message, "is not the one that was read before: it has no row 65535 in row group 3"));
    test_run_free(&run);
}

static void leaves_out_row_groups(void **state) {
    struct fixture *f = *state;
    struct table *table = parquet_table(f, "out");
    struct sink *sink = open_sink(f, table, false, false);
    for (int i = 0; i < 10; i++) write_rows(f, sink, i * 1000, 1000, i + 1);
    filesystem_connector.sink->close(sink, false);
    struct value value = value_i64(type_of(TYPE_BIGINT), 2500);
    static const int columns[] = {0};
    struct predicate predicates[] = {{.column = 0, .op = PREDICATE_LT, .values = &value, .value_count = 1},
                                     {.column = 4, .op = PREDICATE_EQ, .values = &value, .value_count = 1}};
    struct scan_request request = {
        .column_count = 1, .columns = columns, .predicate_count = 2, .predicates = predicates, .limit = -1};
    enum pushdown_answer answers[2];
    bool limit_exact;
    struct strbuf explain = {0};
    struct error err = {0};
    const struct source_class *class = filesystem_connector.source;
    assert_int_equal(class->pushdown(table, &request, answers, &limit_exact, &explain, &err), STATUS_OK);
    assert_int_equal(answers[0], PUSHDOWN_PARTIAL);
    assert_int_equal(answers[1], PUSHDOWN_NO); /* a metadata column */
    assert_string_equal(explain.data, "row groups: 3 of 10");
    strbuf_free(&explain);
}

static void goes_on_within_compressed_files(void **state) {
    struct fixture *f = *state;
    put_rows(f, "rows.csv", 30000, 400, false);
    const char *command = arena_printf(&f->arena, "gzip -k %s", path_of(f, "rows.csv"));
    assert_int_equal(system(command), 0);
    static const int columns[] = {0, 1, 3};
    struct test_run plain, zipped;
    struct error err = {0};
    struct table *table = make_table(f, path_of(f, "rows.csv"), "csv", NULL, NULL);
    assert_int_equal(test_scan(&filesystem_connector, table, columns, 3, 0, 0, NULL, &plain, &err), STATUS_OK);
    table = make_table(f, path_of(f, "rows.csv.gz"), "csv", NULL, NULL);
    assert_int_equal(test_scan(&filesystem_connector, table, columns, 3, 0, 0, NULL, &zipped, &err), STATUS_OK);
    assert_true(zipped.block_count > 3);
    assert_string_equal(zipped.splits[0].rows.data, plain.splits[0].rows.data);
    test_resume(&filesystem_connector, table, columns, 3, &zipped, 1);
    test_run_free(&plain);
    test_run_free(&zipped);
}

/* Partitioned by the amount, which is always 0.5; restored at the second checkpoint. */
static void commits_folders(void **state) {
    struct fixture *f = *state;
    const struct sink_class *class = filesystem_connector.sink;
    static const char *const formats[] = {"csv", "parquet"};
    for (int i = 0; i < 2; i++) {
        const char *dir = formats[i], *folder = arena_printf(&f->arena, "%s/amount=0.5", dir);
        struct table *table =
            make_table(f, path_of(f, dir), formats[i], "sink.partition-commit.policy.kind", "success-file");
        static const int partitioned_by[] = {3};
        table->partitioned_by = partitioned_by;
        table->partitioned_by_count = 1;
        struct strbuf first = {0}, second = {0};
        struct sink *sink = open_sink(f, table, true, true);
        write_rows(f, sink, 0, 2, 1);
        assert_int_equal(class->prepare(sink, 1, &first, NULL), STATUS_OK);
        assert_int_equal(count_files(f, folder, false), 0);
        assert_int_equal(class->commit(sink, 1, strbuf_str(&first), NULL), STATUS_OK);
        assert_int_equal(count_files(f, folder, false), 2); /* and _SUCCESS */
        write_rows(f, sink, 2, 2, 2);
        assert_int_equal(class->flush(sink, NULL), STATUS_OK);
        assert_int_equal(class->prepare(sink, 2, &second, NULL), STATUS_OK);
        write_rows(f, sink, 7, 2, 3); /* never in a checkpoint */
        class->close(sink, true);
        put_file(f, arena_printf(&f->arena, "%s/.part-job_1-0-77.inprogress", folder), "9,z\n", 4);
        sink = open_sink(f, table, true, true);
        struct error err = {0};
        struct str damaged = {second.data, second.len - 1};
        assert_int_equal(class->restore(sink, 2, 2, damaged, &err), STATUS_BAD_DATA);
        class->close(sink, true);
        sink = open_sink(f, table, true, true);
        assert_int_equal(class->restore(sink, 2, 2, strbuf_str(&second), NULL), STATUS_OK);
        assert_int_equal(class->commit(sink, 2, strbuf_str(&second), NULL), STATUS_OK);
        write_rows(f, sink, 4, 2, 3);
        class->close(sink, false);
        assert_string_equal(read_back(f, table), "0 1 2 3 4 5 ");
        assert_int_equal(count_files(f, folder, true), 0);
        strbuf_free(&first);
        strbuf_free(&second);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
const struct CMUnitTest filesystem_tests[] = {
    TEST(reads_a_directory),
    TEST(leaves_out_records),
    TEST(writes_a_single_file),
    TEST(refuses_single_files),
    TEST(resumes_from_every_block),
    TEST(reads_records_larger_than_a_block),
    TEST(names_file_and_line),
    TEST(says_what_is_missing),
    TEST(writes_a_batch),
    TEST(rolls_by_size),
    TEST(commits_with_checkpoints),
    TEST(restores_without_a_checkpoint),
    TEST(refuses_a_file_as_directory),
    TEST(reads_parquet_from_every_block),
    TEST(leaves_out_row_groups),
    TEST(goes_on_within_compressed_files),
    TEST(commits_folders),
};
const size_t filesystem_tests_count = sizeof filesystem_tests / sizeof *filesystem_tests;
