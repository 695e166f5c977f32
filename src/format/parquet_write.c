/* Writing Parquet files: rows are shredded into the columns' values and levels, and carquet makes pages of them. */
#include <assert.h>

#include "format/parquet_private.h"
#include "types/decimal.h"
#include "types/time.h"

/* ---- Options ---- */

static const struct option_def parquet_options[] = {
    {.name = "parquet.compression",
     .type = OPTION_ENUM,
     .default_value = "SNAPPY",
     .choices = "UNCOMPRESSED|SNAPPY|GZIP|ZSTD|LZ4|LZ4_RAW",
     .doc = "codec of the files that are written (LZ4 means LZ4_RAW)"},
    {.name = "parquet.block.size",
     .type = OPTION_SIZE,
     .default_value = "64 mb",
     .min = 4096,
     .doc = "a row group that has reached this size, uncompressed, or 1048576 rows is closed and the next one begun"},
    {.name = "parquet.page.size",
     .type = OPTION_SIZE,
     .default_value = "1 mb",
     .min = 1024,
     .max = 1 << 30,
     .doc = "size of the pages that are written, uncompressed"},
    {.name = "parquet.enable.dictionary",
     .type = OPTION_BOOL,
     .default_value = "true",
     .doc = "strings are written as a dictionary and indexes as long as that is smaller"},
    OPTION_END,
};

static carquet_compression_t read_codec(const struct option_list *options) {
    const char *name = option_string(options, parquet_options, "parquet.compression");
    static const struct {
        const char *name;
        carquet_compression_t codec;
    } codecs[] = {{"UNCOMPRESSED", CARQUET_COMPRESSION_UNCOMPRESSED},
                  {"SNAPPY", CARQUET_COMPRESSION_SNAPPY},
                  {"GZIP", CARQUET_COMPRESSION_GZIP},
                  {"ZSTD", CARQUET_COMPRESSION_ZSTD},
                  {"LZ4", CARQUET_COMPRESSION_LZ4_RAW},
                  {"LZ4_RAW", CARQUET_COMPRESSION_LZ4_RAW}};
    for (size_t i = 0; i < sizeof codecs / sizeof *codecs; i++)
        if (str_compare_nocase(codecs[i].name, name) == 0) return codecs[i].codec;
    assert(!"an option's choice");
    return CARQUET_COMPRESSION_SNAPPY;
}

static enum status check_type(const char *name, const struct type *type, struct error *err) {
    if (type->id == TYPE_NULL)
        return error_set(err, STATUS_NOT_SUPPORTED, "format 'parquet' cannot carry column '%s' of type NULL", name);
    if (type->id == TYPE_ROW && type->child_count == 0)
        return error_set(err, STATUS_NOT_SUPPORTED, "format 'parquet' cannot carry column '%s': a ROW without fields",
                         name);
    for (int i = 0; i < type->child_count; i++) TRY(check_type(name, type->children[i], err));
    return STATUS_OK;
}

static enum status parquet_check(const struct format_schema *schema, const struct option_list *options,
                                 struct error *err) {
    (void)options;
    if (schema->messages) {
        error_set(err, STATUS_NOT_SUPPORTED, "format 'parquet' is a format of files, not of messages");
        error_hint(err, "it goes with 'connector' = 'filesystem'");
        return STATUS_NOT_SUPPORTED;
    }
    for (int i = 0; i < schema->field_count; i++) TRY(check_type(schema->names[i], schema->types[i], err));
    return STATUS_OK;
}

const struct format parquet_format = {
    .name = "parquet",
    .doc = "Apache Parquet: files of columns, with statistics by which parts are skipped",
    .options = parquet_options,
    .check = parquet_check,
};

/* ---- The schema ---- */

enum { MAX_FIXED_DECIMAL = 16 };

struct write_node {
    const struct type *type;
    const char *label;
    int16_t def, rep; /* def: of a value that is there; rep: LIST, of elements but the first */
    int leaf;         /* scalars */
    int child_count;
    struct write_node **children;
};

struct write_leaf {
    const struct type *type;
    int16_t max_def, max_rep;
    int value_bytes; /* of the file's values in memory */
    int64_t divisor; /* of times: units of the vector in one of the file */
    int16_t *defs, *reps;
    uint8_t *values;
    int entry_count, value_count, entry_capacity, value_capacity;
};

struct parquet_writer {
    struct arena arena;
    FILE *file;
    carquet_writer_t *carquet;
    int field_count;
    const int *columns;
    struct write_node **fields;
    struct write_leaf *leaves;
    int leaf_count, leaf_capacity;
    int64_t block_bytes, group_bytes, group_rows;
};

/* The fewest bytes that hold every value of the precision. */
static int fixed_decimal_bytes(int precision) {
    int bytes = 1;
    while (bytes < MAX_FIXED_DECIMAL && ((int128)1 << (8 * bytes - 1)) <= decimal_pow10(precision)) bytes++;
    return bytes;
}

struct leaf_form {
    carquet_physical_type_t physical;
    carquet_logical_type_t logical;
    int type_length, value_bytes;
    int64_t divisor;
};

static struct leaf_form integer_form(int bits) {
    struct leaf_form form = {.physical = CARQUET_PHYSICAL_INT32, .value_bytes = 4};
    if (bits == 32) return form;
    form.logical.id = CARQUET_LOGICAL_INTEGER;
    form.logical.params.integer.bit_width = (int8_t)bits;
    form.logical.params.integer.is_signed = true;
    return form;
}

static struct leaf_form time_form(const struct type *type) {
    struct leaf_form form = {.physical = CARQUET_PHYSICAL_INT64, .value_bytes = 8, .divisor = 1};
    bool is_time = type->id == TYPE_TIME;
    carquet_time_unit_t unit = type->precision <= 3   ? CARQUET_TIME_UNIT_MILLIS
                               : type->precision <= 6 ? CARQUET_TIME_UNIT_MICROS
                                                      : CARQUET_TIME_UNIT_NANOS;
    int64_t file_units = unit == CARQUET_TIME_UNIT_MILLIS   ? 1000
                         : unit == CARQUET_TIME_UNIT_MICROS ? 1000000
                                                            : 1000000000;
    form.divisor = (is_time || type_is_nanos(type) ? NANOS_PER_SECOND : MICROS_PER_SECOND) / file_units;
    if (is_time) {
        form.logical.id = CARQUET_LOGICAL_TIME;
        form.logical.params.time.unit = unit;
        if (unit == CARQUET_TIME_UNIT_MILLIS) {
            form.physical = CARQUET_PHYSICAL_INT32;
            form.value_bytes = 4;
        }
    } else {
        form.logical.id = CARQUET_LOGICAL_TIMESTAMP;
        form.logical.params.timestamp.unit = unit;
        form.logical.params.timestamp.is_adjusted_to_utc = type->id == TYPE_TIMESTAMP_LTZ;
    }
    return form;
}

static struct leaf_form decimal_form(const struct type *type) {
    struct leaf_form form = {.physical = CARQUET_PHYSICAL_INT32, .value_bytes = 4};
    form.logical.id = CARQUET_LOGICAL_DECIMAL;
    form.logical.params.decimal.precision = type->precision;
    form.logical.params.decimal.scale = type->scale;
    if (type->precision > TYPE_MAX_DECIMAL64) {
        form.physical = CARQUET_PHYSICAL_FIXED_LEN_BYTE_ARRAY;
        form.type_length = form.value_bytes = fixed_decimal_bytes(type->precision);
    } else if (type->precision > 9) {
        form.physical = CARQUET_PHYSICAL_INT64;
        form.value_bytes = 8;
    }
    return form;
}

static struct leaf_form leaf_form(const struct type *type) {
    struct leaf_form form = {.physical = CARQUET_PHYSICAL_BYTE_ARRAY, .value_bytes = (int)sizeof(carquet_byte_array_t)};
    switch (type->id) {
    case TYPE_BOOLEAN: return (struct leaf_form){.physical = CARQUET_PHYSICAL_BOOLEAN, .value_bytes = 1};
    case TYPE_TINYINT: return integer_form(8);
    case TYPE_SMALLINT: return integer_form(16);
    case TYPE_INT:
    case TYPE_INTERVAL_YEAR_MONTH: return integer_form(32);
    case TYPE_BIGINT:
    case TYPE_INTERVAL_DAY_TIME: return (struct leaf_form){.physical = CARQUET_PHYSICAL_INT64, .value_bytes = 8};
    case TYPE_FLOAT: return (struct leaf_form){.physical = CARQUET_PHYSICAL_FLOAT, .value_bytes = 4};
    case TYPE_DOUBLE: return (struct leaf_form){.physical = CARQUET_PHYSICAL_DOUBLE, .value_bytes = 8};
    case TYPE_DECIMAL: return decimal_form(type);
    case TYPE_DATE:
        form = integer_form(32);
        form.logical.id = CARQUET_LOGICAL_DATE;
        return form;
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMP_LTZ: return time_form(type);
    case TYPE_CHAR:
    case TYPE_VARCHAR: form.logical.id = CARQUET_LOGICAL_STRING; return form;
    default: return form;
    }
}

struct schema_making {
    struct parquet_writer *writer;
    carquet_schema_t *schema;
    bool failed; /* carquet refused something, which happens without memory only */
};

/* Adds a field below element `parent`, whose levels are def and rep. */
static struct write_node *make_node(struct schema_making *making, const char *name, const struct type *type, int parent,
                                    int def, int rep, bool required) {
    struct parquet_writer *writer = making->writer;
    struct write_node *node = ARENA_NEW(&writer->arena, struct write_node);
    bool optional = type->nullable && !required;
    carquet_field_repetition_t repetition = optional ? CARQUET_REPETITION_OPTIONAL : CARQUET_REPETITION_REQUIRED;
    node->type = type;
    node->label = name;
    node->def = (int16_t)(def + optional);
    node->rep = (int16_t)rep;
    node->leaf = -1;
    if (!type_is_nested(type)) {
        struct leaf_form form = leaf_form(type);
        if (carquet_schema_add_column(making->schema, name, form.physical, form.logical.id ? &form.logical : NULL,
                                      repetition, form.type_length, parent) != CARQUET_OK)
            making->failed = true;
        ARRAY_RESERVE(writer->leaves, writer->leaf_capacity, writer->leaf_count + 1);
        node->leaf = writer->leaf_count++;
        writer->leaves[node->leaf] = (struct write_leaf){.type = type,
                                                         .max_def = node->def,
                                                         .max_rep = node->rep,
                                                         .value_bytes = form.value_bytes,
                                                         .divisor = form.divisor};
        return node;
    }
    bool is_row = type->id == TYPE_ROW, is_array = type->id == TYPE_ARRAY;
    int group = is_row     ? carquet_schema_add_group(making->schema, name, repetition, parent)
                : is_array ? carquet_schema_add_list_group(making->schema, name, repetition, parent)
                           : carquet_schema_add_map_group(making->schema, name, repetition, parent);
    if (group < 0) {
        making->failed = true;
        return node;
    }
    static const char *const map_names[] = {"key", "value"};
    node->child_count = is_row ? type->child_count : type_child_vectors(type);
    node->children = ARENA_ARRAY(&writer->arena, struct write_node *, node->child_count);
    if (!is_row) node->rep++;
    for (int i = 0; i < node->child_count; i++) {
        const char *child_name = is_row ? type->names[i] : is_array ? "element" : map_names[i];
        bool is_key = !is_row && !is_array && i == 0;
        node->children[i] =
            make_node(making, child_name, type_child(type, i), group, node->def + !is_row, node->rep, is_key);
        node->children[i]->label = is_row ? child_name : name;
    }
    return node;
}

/* ---- Opening ---- */

static void free_writer(struct parquet_writer *writer) {
    for (int i = 0; i < writer->leaf_count; i++) {
        free(writer->leaves[i].defs);
        free(writer->leaves[i].reps);
        free(writer->leaves[i].values);
    }
    free(writer->leaves);
    arena_destroy(&writer->arena);
    free(writer);
}

static enum status open_carquet(struct parquet_writer *writer, const carquet_schema_t *schema,
                                const struct option_list *options, struct error *err) {
    carquet_writer_options_t settings;
    carquet_writer_options_init(&settings);
    settings.compression = read_codec(options);
    settings.row_group_size = INT64_MAX / 4; /* we say when one ends */
    settings.page_size = option_int(options, parquet_options, "parquet.page.size");
    settings.created_by = "millrace " MILLRACE_VERSION;
    settings.async_io = false;
    carquet_error_t failure = CARQUET_ERROR_INIT;
    writer->carquet = carquet_writer_create_file(writer->file, schema, &settings, &failure);
    if (!writer->carquet) return error_set(err, STATUS_IO_ERROR, "cannot begin a Parquet file: %s", failure.message);
    bool dictionary = option_bool(options, parquet_options, "parquet.enable.dictionary");
    for (int i = 0; dictionary && i < writer->leaf_count; i++)
        if (type_phys(writer->leaves[i].type) == PHYS_STR &&
            carquet_writer_set_column_encoding(writer->carquet, i, CARQUET_ENCODING_RLE_DICTIONARY) != CARQUET_OK)
            return error_set(err, STATUS_INTERNAL, "carquet refuses a dictionary");
    return STATUS_OK;
}

enum status parquet_writer_open(FILE *file, const struct format_schema *schema, const int *columns,
                                const struct option_list *options, struct parquet_writer **out, struct error *err) {
    struct parquet_writer *writer = xcalloc(1, sizeof *writer);
    arena_init(&writer->arena, NULL);
    writer->file = file;
    writer->field_count = schema->field_count;
    writer->columns = arena_memdup(&writer->arena, columns, sizeof *columns * (size_t)schema->field_count);
    writer->fields = ARENA_ARRAY(&writer->arena, struct write_node *, schema->field_count + 1);
    writer->block_bytes = option_int(options, parquet_options, "parquet.block.size");
    struct schema_making making = {writer, carquet_schema_create(NULL), false};
    for (int i = 0; making.schema && i < schema->field_count; i++)
        writer->fields[i] = make_node(&making, schema->names[i], schema->types[i], 0, 0, 0, false);
    enum status status = STATUS_OK;
    if (!making.schema || making.failed)
        status = error_set(err, STATUS_INTERNAL, "carquet refuses the schema");
    else
        status = open_carquet(writer, making.schema, options, err);
    carquet_schema_free(making.schema);
    if (status != STATUS_OK) {
        parquet_writer_abort(writer);
        return status;
    }
    *out = writer;
    return STATUS_OK;
}

/* ---- Values ---- */

static void reserve_entries(struct write_leaf *leaf, int more) {
    int need = leaf->entry_count + more;
    if (need <= leaf->entry_capacity) return;
    int capacity = leaf->entry_capacity * 2 > need ? leaf->entry_capacity * 2 : need;
    leaf->defs = xrealloc(leaf->defs, (size_t)capacity * sizeof *leaf->defs);
    leaf->reps = xrealloc(leaf->reps, (size_t)capacity * sizeof *leaf->reps);
    leaf->entry_capacity = capacity;
}

static void reserve_values(struct write_leaf *leaf, int more) {
    int need = leaf->value_count + more;
    if (need <= leaf->value_capacity) return;
    int capacity = leaf->value_capacity * 2 > need ? leaf->value_capacity * 2 : need;
    leaf->values = xrealloc(leaf->values, (size_t)capacity * (size_t)leaf->value_bytes);
    leaf->value_capacity = capacity;
}

static void put_big_endian(uint8_t *out, int bytes, int128 v) {
    for (int i = bytes - 1; i >= 0; i--, v >>= 8) out[i] = (uint8_t)v;
}

/* Row `row` of a vector behind the values that are there. Room for it is made; returns the bytes it takes in the file. */
static int64_t put_value(struct write_leaf *leaf, const struct vector *vec, int row) {
    void *to = leaf->values + (size_t)leaf->value_count++ * (size_t)leaf->value_bytes;
    int64_t v;
    switch (vec->phys) {
    case PHYS_STR: {
        const struct strview *view = &((const struct strview *)vec->data)[row];
        *(carquet_byte_array_t *)to = (carquet_byte_array_t){(uint8_t *)strview_data(view), (int32_t)view->len};
        return (int64_t)view->len + 4;
    }
    case PHYS_I128: put_big_endian(to, leaf->value_bytes, ((const int128 *)vec->data)[row]); return leaf->value_bytes;
    case PHYS_BOOL: *(uint8_t *)to = ((const uint8_t *)vec->data)[row]; return 1;
    case PHYS_I8: v = ((const int8_t *)vec->data)[row]; break;
    case PHYS_I16: v = ((const int16_t *)vec->data)[row]; break;
    case PHYS_I64:
        v = ((const int64_t *)vec->data)[row];
        if (leaf->divisor > 1) v = v / leaf->divisor - (v % leaf->divisor < 0);
        break;
    case PHYS_F64: memcpy(to, (const double *)vec->data + row, 8); return 8;
    default: memcpy(to, (const int32_t *)vec->data + row, 4); return 4; /* INT, FLOAT */
    }
    if (leaf->value_bytes == 8) {
        *(int64_t *)to = v;
        return 8;
    }
    *(int32_t *)to = (int32_t)v;
    return 4;
}

static void put_levels(struct write_leaf *leaf, int def, int rep) {
    reserve_entries(leaf, 1);
    leaf->defs[leaf->entry_count] = (int16_t)def;
    leaf->reps[leaf->entry_count++] = (int16_t)rep;
}

static void put_missing(struct parquet_writer *writer, const struct write_node *node, int def, int rep) {
    if (node->leaf >= 0) put_levels(&writer->leaves[node->leaf], def, rep);
    for (int i = 0; i < node->child_count; i++) put_missing(writer, node->children[i], def, rep);
}

static enum status null_refused(const struct write_node *node, struct error *err) {
    return error_set(err, STATUS_NULL_NOT_ALLOWED, "column '%s': a NULL where Parquet's schema has none (%s)",
                     node->label, node->type->nullable ? "a key of a MAP" : "NOT NULL");
}

/* Appends one value with all that is in it. around: the definition level of what it lies in; rep: of its first entry. */
static enum status shred(struct parquet_writer *writer, const struct write_node *node, const struct vector *vec,
                         int row, int around, int rep, struct error *err) {
    if (!vec || vector_is_null(vec, row)) {
        if (node->def == around) return null_refused(node, err);
        put_missing(writer, node, around, rep);
        return STATUS_OK;
    }
    if (node->leaf >= 0) {
        struct write_leaf *leaf = &writer->leaves[node->leaf];
        put_levels(leaf, node->def, rep);
        reserve_values(leaf, 1);
        writer->group_bytes += put_value(leaf, vec, row);
        return STATUS_OK;
    }
    if (node->type->id == TYPE_ROW) {
        for (int i = 0; i < node->child_count; i++)
            TRY(shred(writer, node->children[i], &vec->children[i], row, node->def, rep, err));
        return STATUS_OK;
    }
    struct list_entry entry = ((const struct list_entry *)vec->data)[row];
    if (entry.length == 0) {
        put_missing(writer, node, node->def, rep);
        return STATUS_OK;
    }
    for (uint32_t k = 0; k < entry.length; k++)
        for (int i = 0; i < node->child_count; i++)
            TRY(shred(writer, node->children[i], &vec->children[i], (int)(entry.offset + k), node->def + 1,
                      k ? node->rep : rep, err));
    return STATUS_OK;
}

/* Scalar columns: whole arrays. */
static enum status put_flat(struct parquet_writer *writer, const struct write_node *node, const struct vector *vec,
                            int count, struct error *err) {
    struct write_leaf *leaf = &writer->leaves[node->leaf];
    reserve_entries(leaf, count);
    reserve_values(leaf, count);
    leaf->entry_count = count;
    for (int row = 0; row < count; row++) {
        bool valid = vec && validity_get(vec->validity, row);
        leaf->defs[row] = valid ? node->def : (int16_t)(node->def - 1);
        if (valid)
            writer->group_bytes += put_value(leaf, vec, row);
        else if (node->def == 0)
            return null_refused(node, err);
    }
    return STATUS_OK;
}

static enum status carquet_refuses(carquet_status_t status, struct error *err) {
    return error_set(err, status == CARQUET_ERROR_OUT_OF_MEMORY ? STATUS_OUT_OF_MEMORY : STATUS_IO_ERROR,
                     "cannot write the Parquet file: %s", carquet_status_string(status));
}

static enum status write_leaf(struct parquet_writer *writer, int index, struct error *err) {
    struct write_leaf *leaf = &writer->leaves[index];
    static const uint8_t nothing[sizeof(carquet_byte_array_t)];
    carquet_status_t status = carquet_writer_write_batch(
        writer->carquet, index, leaf->value_count ? leaf->values : nothing, leaf->entry_count,
        leaf->max_def ? leaf->defs : NULL, leaf->max_rep ? leaf->reps : NULL);
    leaf->entry_count = leaf->value_count = 0;
    return status == CARQUET_OK ? STATUS_OK : carquet_refuses(status, err);
}

enum status parquet_write(struct parquet_writer *writer, const struct chunk *chunk, struct error *err) {
    int count = chunk->row_count;
    if (count == 0) return STATUS_OK;
    for (int i = 0; i < writer->field_count; i++) {
        const struct write_node *node = writer->fields[i];
        const struct vector *vec = writer->columns[i] < 0 ? NULL : &chunk->columns[writer->columns[i]];
        if (node->leaf >= 0) {
            TRY(put_flat(writer, node, vec, count, err));
            continue;
        }
        for (int row = 0; row < count; row++) TRY(shred(writer, node, vec, row, 0, 0, err));
    }
    for (int i = 0; i < writer->leaf_count; i++) TRY(write_leaf(writer, i, err));
    writer->group_rows += count;
    if (writer->group_bytes < writer->block_bytes && writer->group_rows + VECTOR_CAPACITY <= PARQUET_MAX_ROW_GROUP_ROWS)
        return STATUS_OK;
    writer->group_bytes = writer->group_rows = 0;
    carquet_status_t status = carquet_writer_new_row_group(writer->carquet);
    return status == CARQUET_OK ? STATUS_OK : carquet_refuses(status, err);
}

int64_t parquet_writer_bytes(const struct parquet_writer *writer) {
    off_t at = ftello(writer->file);
    return (at > 0 ? (int64_t)at : 0) + writer->group_bytes;
}

enum status parquet_writer_finish(struct parquet_writer *writer, struct error *err) {
    carquet_status_t status = carquet_writer_close(writer->carquet);
    free_writer(writer);
    return status == CARQUET_OK ? STATUS_OK : carquet_refuses(status, err);
}

void parquet_writer_abort(struct parquet_writer *writer) {
    if (writer->carquet) carquet_writer_abort(writer->carquet);
    free_writer(writer);
}
