/* 'connector' = 'filesystem': a file, the files of a directory or of a pattern, in any format. */
#include "connector/filesystem/filesystem_private.h"

const struct option_def filesystem_options[] = {
    {.name = "path",
     .type = OPTION_STRING,
     .required = true,
     .doc =
         "a file, a directory whose files are read (recursively, sorted by name, without those that begin with . or _) "
         "and into which files are written, or a pattern of files to read: * ? [] {} within a name, ** for any "
         "directories; or several of these, a line each. Files that end in .gz or .zst are decompressed (not Parquet). "
         "- is "
         "standard input or output"},
    {.name = "format", .type = OPTION_STRING, .required = true, .doc = "how rows are written: csv, json, parquet, raw"},
    {.name = "source.path.regex-pattern",
     .type = OPTION_STRING,
     .doc = "only files whose whole absolute path this regular expression matches are read"},
    {.name = "source.skip-records",
     .type = OPTION_INT,
     .default_value = "0",
     .min = 0,
     .max = -1,
     .doc = "so many records at the start of each file (behind its header line) are left out; not of Parquet"},
    {.name = "partition.default-name",
     .type = OPTION_STRING,
     .default_value = "__DEFAULT_PARTITION__",
     .doc = "name of the folder for rows whose partition column is NULL or empty"},
    {.name = "source.monitor-interval",
     .type = OPTION_DURATION,
     .min = 1,
     .doc = "the source never ends: the directory is looked at this often for new files (files that were read once are "
            "not read again: add files by moving them in). Without it the files that exist are read once"},
    {.name = "sink.rolling-policy.file-size",
     .type = OPTION_SIZE,
     .default_value = "128 mb",
     .min = 1,
     .doc = "a file that has reached this size is closed and the next one begun"},
    {.name = "sink.rolling-policy.row-count",
     .type = OPTION_INT,
     .default_value = "0",
     .min = 0,
     .max = -1,
     .doc = "a file that has this many rows is closed and the next one begun; 0: no limit"},
    {.name = "sink.rolling-policy.rollover-interval",
     .type = OPTION_DURATION,
     .default_value = "30 min",
     .min = 1,
     .doc = "in streaming jobs without checkpoints: a file this old is closed and becomes visible"},
    {.name = "sink.single-file",
     .type = OPTION_BOOL,
     .default_value = "false",
     .doc =
         "the path is that of the one file to be written, instead of a directory; it is there, or replaced, when the "
         "statement has ended. Not for jobs with checkpoints"},
    {.name = "sink.compression",
     .type = OPTION_ENUM,
     .default_value = "none",
     .choices = "none|gzip|zstd",
     .doc = "files of records are compressed, and their names end in .gz or .zst (Parquet has 'parquet.compression')"},
    {.name = "sink.partition-commit.policy.kind",
     .type = OPTION_ENUM,
     .choices = "success-file",
     .doc = "success-file: an empty file tells that a folder's files are complete. It is written when they become "
            "visible: "
            "at the end of a batch, with every checkpoint"},
    {.name = "sink.partition-commit.success-file.name",
     .type = OPTION_STRING,
     .default_value = "_SUCCESS",
     .doc = "the name of that file"},
    OPTION_END,
};

const char *filesystem_path(const struct table *table) {
    const char *path = option_string(&table->options, filesystem_options, "path");
    if (strncmp(path, "file://", 7) == 0) path += 7;
    return path;
}

int filesystem_partition_index(const struct table *table, int column) {
    for (int i = 0; i < table->partitioned_by_count; i++)
        if (table->partitioned_by[i] == column) return i;
    return -1;
}

enum status filesystem_format(const struct table *table, struct arena *arena, struct filesystem_format *out,
                              struct error *err) {
    TRY(format_lookup(&table->options, "format", &out->format, err));
    TRY(format_options(out->format, &table->options, "", arena_printf(arena, "table '%s'", table->name), arena,
                       &out->options, err));
    const char **names = ARENA_ARRAY(arena, const char *, table->column_count + 1);
    const struct type **types = ARENA_ARRAY(arena, const struct type *, table->column_count + 1);
    int *columns = ARENA_ARRAY(arena, int, table->column_count + 1);
    int count = 0;
    for (int i = 0; i < table->column_count; i++) {
        if (table->columns[i].kind != COLUMN_PHYSICAL || filesystem_partition_index(table, i) >= 0) continue;
        names[count] = table->columns[i].name;
        types[count] = table->columns[i].type;
        columns[count++] = i;
    }
    if (count == 0) return error_set(err, STATUS_INVALID_QUERY, "table '%s' has no column in its files", table->name);
    if (count > FORMAT_MAX_FIELDS)
        return error_set(err, STATUS_LIMIT_EXCEEDED, "table '%s' has more than %d columns", table->name,
                         FORMAT_MAX_FIELDS);
    out->schema = (struct format_schema){.field_count = count, .names = names, .types = types};
    out->positions = columns;
    out->is_columnar = out->format == &parquet_format;
    return STATUS_OK;
}

static const struct connector_metadata metadata[] = {
    {.key = "file.path", .type = TYPE_VARCHAR},
    {.key = "file.name", .type = TYPE_VARCHAR},
    {.key = "file.size", .type = TYPE_BIGINT},
    {.key = "file.modification-time", .type = TYPE_TIMESTAMP_LTZ, .precision = 3},
    {.key = "file.line", .type = TYPE_BIGINT},
    {0},
};

static enum status check_partitions(const struct table *table, struct error *err) {
    for (int i = 0; i < table->partitioned_by_count; i++) {
        const struct table_column *column = &table->columns[table->partitioned_by[i]];
        if (type_is_nested(column->type) || type_is_bytes(column->type))
            return error_set(err, STATUS_NOT_SUPPORTED, "column '%s': folders cannot be named after values of type %s",
                             column->name, type_id_name(column->type->id));
    }
    return STATUS_OK;
}

static enum status check_table(const struct table *table, struct error *err) {
    TRY(connector_check_metadata("filesystem", metadata, table, err));
    TRY(check_partitions(table, err));
    struct arena arena;
    arena_init(&arena, NULL);
    struct filesystem_format format;
    enum status status = filesystem_format(table, &arena, &format, err);
    if (status == STATUS_OK) status = format.format->check(&format.schema, &format.options, err);
    arena_destroy(&arena);
    return status;
}

/* The columns of the first file: Parquet's own, else STRINGs with the names that the file has. */
static enum status infer_columns(const struct table *table, struct arena *arena, struct schema *out,
                                 struct error *err) {
    const struct format *format;
    TRY(format_lookup(&table->options, "format", &format, err));
    bool is_csv = strcmp(format->name, "csv") == 0, is_parquet = format == &parquet_format;
    if (!is_parquet && (!format->field_names || (is_csv && !option_given(&table->options, "csv.header")))) {
        error_set(err, STATUS_INVALID_QUERY, "table '%s' has no columns, and files of format '%s' do not say which",
                  table->name, format->name);
        error_hint(err,
                   "only for 'parquet', 'json' and, with 'csv.header' = 'true', 'csv' may the columns be left out");
        return STATUS_INVALID_QUERY;
    }
    struct filesystem_list list;
    TRY(filesystem_list(table, NULL, 0, arena, &list, err));
    if (list.count == 0)
        return error_set(err, STATUS_INVALID_QUERY,
                         "table '%s' has no columns, and there is no file in '%s' to take them from", table->name,
                         filesystem_path(table));
    if (!is_parquet) return filesystem_infer_names(table, format, &list, arena, out, err);
    struct parquet_file *file;
    TRY(parquet_open(list.files[0].path, &file, err));
    enum status status = parquet_infer_schema(file, arena, out, err);
    parquet_release(file);
    return status;
}

extern const struct connector filesystem_connector;
const struct connector filesystem_connector = {
    .name = "filesystem",
    .doc = "files and directories",
    .options = filesystem_options,
    .has_format = true,
    .partitions = filesystem_partition_names,
    .source = &filesystem_source,
    .sink = &filesystem_sink,
    .check_table = check_table,
    .infer_columns = infer_columns,
    .metadata = metadata,
};
