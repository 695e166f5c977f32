/* What one writes the other reads, block by block and from any row; bounds; types that do not fit; damage. That others read it,
 * and it what others write, is tested in tests/files. */
#include "format/parquet.h"

#include <stdlib.h>
#include <unistd.h>

#include "format/test_format.h"

extern const struct CMUnitTest parquet_tests[];
extern const size_t parquet_tests_count;

enum { MAX_COLUMNS = 8 };

struct fixture {
    struct arena arena;
    char path[64];
};

static int set_up(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    arena_init(&f->arena, NULL);
    strcpy(f->path, "/tmp/millrace-parquet-XXXXXX");
    int fd = mkstemp(f->path);
    assert_true(fd >= 0);
    close(fd);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    int status = unlink(f->path);
    arena_destroy(&f->arena);
    free(f);
    return status;
}

static const char *const names[] = {"id", "text", "list", "map", "row", "wide", "when"};

static struct format_schema make_schema(struct fixture *f) {
    static const char *const fields[] = {"x", "items"};
    struct arena *arena = &f->arena;
    const struct type **types = ARENA_ARRAY(arena, const struct type *, 7);
    types[0] = type_with_nullable(arena, type_of(TYPE_BIGINT), false);
    types[1] = type_of(TYPE_VARCHAR);
    types[2] = type_array(arena, type_of(TYPE_INT), true);
    types[3] = type_map(arena, type_of(TYPE_VARCHAR), types[2], true);
    types[4] = type_row(arena, 2, fields, (const struct type *[]){type_of(TYPE_DOUBLE), types[2]}, true);
    types[5] = type_decimal(arena, 30, 4, true);
    types[6] = type_time(arena, TYPE_TIMESTAMP, 9, true);
    return (struct format_schema){.field_count = 7, .names = names, .types = types};
}

static struct value list_value(struct arena *arena, const struct type *type, int64_t row) {
    struct value value = {.type = type, .list.count = (int32_t)(row % 4)};
    value.list.items = ARENA_ARRAY(arena, struct value, 4);
    for (int i = 0; i < value.list.count; i++)
        value.list.items[i] =
            (row + i) % 5 ? value_i64(type->children[0], row * 10 + i) : value_null(type->children[0]);
    return value;
}

/* What column `column` of row `row` has. */
static struct value make_value(struct arena *arena, const struct type *type, int column, int64_t row) {
    if (column && (row + column) % 6 == 0) return value_null(type);
    switch (column) {
    case 0: return value_i64(type, row);
    case 1:
        return value_str(
            type, str_from(arena_printf(arena, "%.*s%lld", (int)(row % 20), "--------------------", (long long)row)));
    case 2: return list_value(arena, type, row);
    case 3: {
        struct value value = {.type = type, .list.count = (int32_t)(row % 3)};
        value.list.items = ARENA_ARRAY(arena, struct value, 6);
        for (int i = 0; i < value.list.count; i++) {
            value.list.items[2 * i] = value_str(type->children[0], str_from(arena_printf(arena, "k%d", i)));
            value.list.items[2 * i + 1] =
                (row + i) % 7 ? list_value(arena, type->children[1], row + i) : value_null(type->children[1]);
        }
        return value;
    }
    case 4: {
        struct value value = {.type = type, .list.count = 2};
        value.list.items = ARENA_ARRAY(arena, struct value, 2);
        value.list.items[0] = row % 5 ? value_f64((double)row / 2) : value_null(type->children[0]);
        value.list.items[1] = row % 11 ? list_value(arena, type->children[1], row + 2) : value_null(type->children[1]);
        return value;
    }
    case 5: return value_from_decimal(type, (int128)row * 1000000007 * (row % 2 ? -1 : 1) * 1000000007);
    default: return value_i64(type, row * 86400000000123 - 1);
    }
}

static void write_file(struct fixture *f, const struct format_schema *schema, int64_t row_count, const char *options) {
    static const int columns[] = {0, 1, 2, 3, 4, 5, 6};
    struct option_list list = test_options(&f->arena, options);
    FILE *file = fopen(f->path, "wb");
    assert_non_null(file);
    struct parquet_writer *writer;
    struct error err = {0};
    assert_int_equal(parquet_writer_open(file, schema, columns, &list, &writer, &err), STATUS_OK);
    struct arena arena;
    arena_init(&arena, NULL);
    for (int64_t from = 0; from < row_count; from += 1000) {
        int n = row_count - from < 1000 ? (int)(row_count - from) : 1000;
        struct chunk *chunk = chunk_create(&arena, schema->field_count, schema->types, 1000);
        for (int i = 0; i < schema->field_count; i++)
            for (int row = 0; row < n; row++) {
                struct value value = make_value(&arena, schema->types[i], i, from + row);
                vector_set(&chunk->columns[i], &arena, 1000, row, &value);
            }
        chunk->row_count = chunk->sel_count = n;
        enum status status = parquet_write(writer, chunk, &err);
        if (status != STATUS_OK) print_error("%s\n", err.message);
        assert_int_equal(status, STATUS_OK);
        arena_reset(&arena);
    }
    arena_destroy(&arena);
    assert_int_equal(parquet_writer_finish(writer, &err), STATUS_OK);
    assert_int_equal(fclose(file), 0);
}

/* Compares rows with what was written. first: of the rows within the file; columns as projected. */
static void check_rows(const struct parquet_rows *rows, const struct format_schema *schema, const int *projected,
                       int column_count, int64_t first, int piece) {
    for (int from = 0; from < parquet_rows_count(rows);) {
        int n = parquet_rows_count(rows) - from < piece ? parquet_rows_count(rows) - from : piece;
        struct arena arena;
        arena_init(&arena, NULL);
        struct vector vectors[MAX_COLUMNS], *columns[MAX_COLUMNS];
        for (int i = 0; i < column_count; i++) {
            columns[i] = &vectors[i];
            vector_init(columns[i], &arena, schema->types[projected[i]], VECTOR_CAPACITY);
        }
        struct error err = {0};
        enum status status = parquet_decode(rows, from, n, &arena, columns, &err);
        if (status != STATUS_OK) print_error("%s\n", err.message);
        assert_int_equal(status, STATUS_OK);
        for (int i = 0; i < column_count; i++)
            for (int row = 0; row < n; row++) {
                struct value got = vector_get(columns[i], row, &arena);
                struct value wanted = make_value(&arena, schema->types[projected[i]], projected[i], first + from + row);
                if (value_compare(&got, &wanted) != 0 || got.is_null != wanted.is_null)
                    fail_msg("row %lld, column %s", (long long)(first + from + row), schema->names[projected[i]]);
            }
        arena_destroy(&arena);
        from += n;
    }
}

static struct parquet_file *open_file(struct fixture *f) {
    struct parquet_file *file;
    struct error err = {0};
    enum status status = parquet_open(f->path, &file, &err);
    if (status != STATUS_OK) print_error("%s\n", err.message);
    assert_int_equal(status, STATUS_OK);
    return file;
}

static struct parquet_reader *open_reader(struct parquet_file *file, const struct format_schema *schema,
                                          const int *projected, int count) {
    struct parquet_reader *reader;
    struct error err = {0};
    enum status status = parquet_reader_open(file, schema, projected, count, &reader, &err);
    if (status != STATUS_OK) print_error("%s\n", err.message);
    assert_int_equal(status, STATUS_OK);
    return reader;
}

static void reads_what_it_wrote(void **state) {
    struct fixture *f = *state;
    struct format_schema schema = make_schema(f);
    static const char *const ways[] = {
        "", "parquet.compression=gzip\nparquet.block.size=300 kb",
        "parquet.compression=LZ4\nparquet.page.size=3 kb\nparquet.enable.dictionary=false",
        "parquet.compression=uncompressed\nparquet.page.size=5 kb"};
    static const int all[] = {0, 1, 2, 3, 4, 5, 6}, some[] = {1, 4};
    for (size_t way = 0; way < sizeof ways / sizeof *ways; way++) {
        write_file(f, &schema, 40000, ways[way]);
        for (int part = 0; part < 2; part++) {
            struct parquet_file *file = open_file(f);
            const int *projected = part ? some : all;
            int count = part ? 2 : 7;
            struct parquet_reader *reader = open_reader(file, &schema, projected, count);
            int64_t row = 0;
            for (int g = 0; g < parquet_row_group_count(file); g++) {
                parquet_seek(reader, g, 0);
                for (;;) {
                    struct parquet_rows *rows;
                    assert_int_equal(parquet_read(reader, &rows, NULL), STATUS_OK);
                    if (!rows) break;
                    check_rows(rows, &schema, projected, count, row, part ? VECTOR_CAPACITY : 777);
                    row += parquet_rows_count(rows);
                    parquet_rows_release(rows);
                }
            }
            assert_int_equal(row, 40000);
            assert_true(way != 1 || parquet_row_group_count(file) > 3);
            parquet_reader_close(reader);
            parquet_release(file);
        }
    }
}

static void starts_at_any_row(void **state) {
    struct fixture *f = *state;
    struct format_schema schema = make_schema(f);
    write_file(f, &schema, 30000, "parquet.page.size=7 kb");
    static const int all[] = {0, 1, 2, 3, 4, 5, 6};
    struct parquet_file *file = open_file(f);
    struct parquet_reader *reader = open_reader(file, &schema, all, 7);
    static const int64_t starts[] = {0, 1, 63, 16384, 20001, 29999};
    struct parquet_rows *rows;
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        parquet_seek(reader, 0, starts[i]);
        assert_int_equal(parquet_read(reader, &rows, NULL), STATUS_OK);
        assert_int_equal(parquet_rows_first(rows), starts[i]);
        check_rows(rows, &schema, all, 7, starts[i], VECTOR_CAPACITY);
        parquet_rows_release(rows);
    }
    parquet_seek(reader, 0, 30000);
    assert_int_equal(parquet_read(reader, &rows, NULL), STATUS_OK);
    assert_null(rows);
    /* rows outlive their reader and file */
    parquet_seek(reader, 0, 5);
    assert_int_equal(parquet_read(reader, &rows, NULL), STATUS_OK);
    parquet_reader_close(reader);
    parquet_release(file);
    check_rows(rows, &schema, all, 7, 5, VECTOR_CAPACITY);
    parquet_rows_release(rows);
}

static void knows_bounds(void **state) {
    struct fixture *f = *state;
    struct format_schema schema = make_schema(f);
    write_file(f, &schema, 5000, "parquet.block.size=100 kb");
    static const int all[] = {0, 1, 2, 3, 4, 5, 6};
    struct parquet_file *file = open_file(f);
    struct parquet_reader *reader = open_reader(file, &schema, all, 7);
    int64_t first = 0;
    assert_true(parquet_row_group_count(file) > 1);
    for (int g = 0; g < parquet_row_group_count(file); g++) {
        int64_t count = parquet_row_count(file, g);
        for (int column = 0; column < 7; column++) {
            struct parquet_bounds bounds;
            parquet_column_bounds(reader, g, column, &bounds);
            assert_int_equal(bounds.row_count, count);
            bool is_nested = column >= 2 && column <= 4;
            assert_int_equal(bounds.has_values, !is_nested);
            if (is_nested) continue;
            struct value min = {0}, max = {0};
            int64_t nulls = 0;
            for (int64_t row = first; row < first + count; row++) {
                struct value value = make_value(&f->arena, schema.types[column], column, row);
                nulls += value.is_null;
                if (value.is_null) continue;
                if (!min.type || value_compare(&value, &min) < 0) min = value;
                if (!max.type || value_compare(&value, &max) > 0) max = value;
            }
            assert_int_equal(value_compare(&bounds.min, &min), 0);
            assert_int_equal(value_compare(&bounds.max, &max), 0);
            assert_true(bounds.has_null_count);
            assert_int_equal(bounds.null_count, nulls);
        }
        first += count;
    }
    parquet_reader_close(reader);
    parquet_release(file);
}

static void infers_its_own_schema(void **state) {
    struct fixture *f = *state;
    struct format_schema schema = make_schema(f);
    write_file(f, &schema, 10, "");
    struct parquet_file *file = open_file(f);
    struct schema inferred;
    assert_int_equal(parquet_infer_schema(file, &f->arena, &inferred, NULL), STATUS_OK);
    assert_int_equal(inferred.column_count, 7);
    for (int i = 0; i < 7; i++) {
        assert_string_equal(inferred.names[i], names[i]);
        if (i != 3)
            assert_string_equal(type_to_string(&f->arena, inferred.types[i]),
                                type_to_string(&f->arena, schema.types[i]));
    }
    assert_string_equal(type_to_string(&f->arena, inferred.types[3]), "MAP<STRING NOT NULL, ARRAY<INT>>");
    parquet_release(file);
}

static void says_what_does_not_fit(void **state) {
    struct fixture *f = *state;
    struct format_schema schema = make_schema(f);
    write_file(f, &schema, 10, "");
    struct parquet_file *file = open_file(f);
    static const struct {
        const char *column;
        enum type_id type;
        const char *message;
    } cases[] = {{"id", TYPE_VARCHAR, "column 'id' is INT64, which cannot be read as STRING"},
                 {"text", TYPE_BIGINT, "column 'text' is BYTE_ARRAY (STRING), which cannot be read as BIGINT"},
                 {"list", TYPE_INT, "column 'list' is a group (LIST), which cannot be read as INT"},
                 {"wide", TYPE_DECIMAL,
                  "column 'wide' is FIXED_LEN_BYTE_ARRAY (DECIMAL(30, 4)), which cannot be read as DECIMAL(10, 0)"},
                 {"when", TYPE_DATE, "column 'when' is INT64 (TIMESTAMP), which cannot be read as DATE"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct type *type = type_of(cases[i].type);
        struct format_schema one = {.field_count = 1, .names = &cases[i].column, .types = &type};
        struct parquet_reader *reader;
        struct error err = {0};
        assert_int_equal(parquet_reader_open(file, &one, (int[]){0}, 1, &reader, &err), STATUS_TYPE_MISMATCH);
        assert_string_equal(err.message, arena_printf(&f->arena, "file '%s': %s", f->path, cases[i].message));
    }
    parquet_release(file);
}

/* Reads everything; whatever comes out, nothing breaks. */
static bool read_all(const char *path, const struct format_schema *schema) {
    struct parquet_file *file;
    struct parquet_reader *reader;
    static const int all[] = {0, 1, 2, 3, 4, 5, 6};
    if (parquet_open(path, &file, NULL) != STATUS_OK) return false;
    if (parquet_reader_open(file, schema, all, 7, &reader, NULL) != STATUS_OK) {
        parquet_release(file);
        return false;
    }
    bool good = true;
    for (int g = 0; good && g < parquet_row_group_count(file); g++) {
        parquet_seek(reader, g, 0);
        for (int block = 0; good && block < 16; block++) {
            struct parquet_rows *rows;
            good = parquet_read(reader, &rows, NULL) == STATUS_OK;
            if (!good || !rows) break;
            for (int from = 0; good && from < parquet_rows_count(rows); from += VECTOR_CAPACITY) {
                int n = parquet_rows_count(rows) - from;
                if (n > VECTOR_CAPACITY) n = VECTOR_CAPACITY;
                struct arena arena;
                arena_init(&arena, NULL);
                struct vector vectors[MAX_COLUMNS], *columns[MAX_COLUMNS];
                for (int i = 0; i < 7; i++) {
                    columns[i] = &vectors[i];
                    vector_init(columns[i], &arena, schema->types[i], VECTOR_CAPACITY);
                }
                good = parquet_decode(rows, from, n, &arena, columns, NULL) == STATUS_OK;
                arena_destroy(&arena);
            }
            parquet_rows_release(rows);
        }
    }
    parquet_reader_close(reader);
    parquet_release(file);
    return good;
}

static void survives_damage(void **state) {
    struct fixture *f = *state;
    struct format_schema schema = make_schema(f);
    write_file(f, &schema, 300, "parquet.compression=uncompressed");
    assert_true(read_all(f->path, &schema));
    FILE *file = fopen(f->path, "rb");
    static char whole[1 << 20], damaged[1 << 20];
    size_t size = fread(whole, 1, sizeof whole, file);
    fclose(file);
    assert_true(size > 1000 && size < sizeof whole);
    uint64_t seed = 1;
    int failed = 0;
    for (int round = 0; round < 300; round++) {
        memcpy(damaged, whole, size);
        size_t len = size;
        if (round % 10 == 0) len = test_random(&seed) % size;
        for (int i = round % 10; i; i--) damaged[test_random(&seed) % size] = (char)test_random(&seed);
        file = fopen(f->path, "wb");
        assert_int_equal(fwrite(damaged, 1, len, file), len);
        fclose(file);
        failed += !read_all(f->path, &schema);
    }
    assert_true(failed > 100);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
const struct CMUnitTest parquet_tests[] = {
    TEST(reads_what_it_wrote),   TEST(starts_at_any_row),      TEST(knows_bounds),
    TEST(infers_its_own_schema), TEST(says_what_does_not_fit), TEST(survives_damage),
};
const size_t parquet_tests_count = sizeof parquet_tests / sizeof *parquet_tests;
