/* The schema of a Parquet file: its tree, and what SQL makes of it. */
#include <stdio.h>

#include "format/parquet_private.h"

enum { MAX_DEPTH = 2 * TYPE_MAX_NESTING }; /* a list takes two levels */

/* ---- Files ---- */

enum status parquet_failure(const char *path, const carquet_error_t *failure, struct error *err, const char *fmt, ...) {
    char what[256];
    va_list args;
    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    bool is_io = failure->code >= CARQUET_ERROR_FILE_NOT_FOUND && failure->code <= CARQUET_ERROR_FILE_SEEK;
    return error_set(err, is_io ? STATUS_IO_ERROR : STATUS_BAD_DATA, "file '%s': %s: %s", path, what,
                     failure->message[0] ? failure->message : carquet_status_string(failure->code));
}

static struct parquet_node *new_node(struct parquet_file *file, const carquet_schema_node_t *element,
                                     const struct parquet_node *parent) {
    struct parquet_node *node = ARENA_NEW(&file->arena, struct parquet_node);
    node->name = carquet_schema_node_name(element);
    node->repetition = carquet_schema_node_repetition(element);
    node->def = (int16_t)(parent->def + (node->repetition != CARQUET_REPETITION_REQUIRED));
    node->rep = (int16_t)(parent->rep + (node->repetition == CARQUET_REPETITION_REPEATED));
    node->is_leaf = carquet_schema_node_is_leaf(element);
    node->leaf = -1;
    node->type_length = carquet_schema_node_type_length(element);
    if (node->is_leaf) node->physical = carquet_schema_node_physical_type(element);
    const carquet_logical_type_t *logical = carquet_schema_node_logical_type(element);
    if (logical) node->logical = *logical;
    return node;
}

static void add_child(struct parquet_file *file, struct parquet_node *parent, struct parquet_node *child) {
    if (parent->child_count == parent->child_capacity) {
        int capacity = parent->child_capacity ? parent->child_capacity * 2 : 8;
        struct parquet_node **children = ARENA_ARRAY(&file->arena, struct parquet_node *, capacity);
        if (parent->child_count) memcpy(children, parent->children, sizeof *children * (size_t)parent->child_count);
        parent->children = children;
        parent->child_capacity = capacity;
    }
    parent->children[parent->child_count++] = child;
}

/* Adds the group_count groups before element `at` and the leaf that it is. open[d]: the last node at depth d, the root's is 0. */
static bool add_leaf(struct parquet_file *file, struct parquet_node **open, int at, int group_count, int leaf) {
    const carquet_schema_t *schema = carquet_reader_schema(file->carquet);
    const char *path[MAX_DEPTH + 1];
    int depth = carquet_schema_column_path(schema, leaf, path, MAX_DEPTH + 1);
    if (depth < 1 || depth > MAX_DEPTH || group_count >= depth) return false;
    for (int d = 0; d < depth; d++)
        if (!path[d]) return false;
    for (int d = 1; d < depth - group_count; d++)
        if (!open[d] || strcmp(open[d]->name, path[d - 1]) != 0) return false;
    for (int d = depth - group_count; d <= depth; d++) {
        const carquet_schema_node_t *element = carquet_schema_get_element(schema, at - (depth - d));
        if (!element || strcmp(carquet_schema_node_name(element), path[d - 1]) != 0) return false;
        open[d] = new_node(file, element, open[d - 1]);
        add_child(file, open[d - 1], open[d]);
        open[d]->leaf = leaf;
    }
    const struct parquet_node *node = open[depth];
    for (int d = depth; d <= MAX_DEPTH; d++) open[d] = NULL; /* a leaf has no children */
    return node->def == carquet_schema_max_def_level(schema, leaf) &&
           node->rep == carquet_schema_max_rep_level(schema, leaf);
}

/* The elements of the schema come depth first. Where each one belongs is told by the leaves' paths: the groups between two
 * leaves are the last ones on the path of the second. */
static bool build_tree(struct parquet_file *file) {
    const carquet_schema_t *schema = carquet_reader_schema(file->carquet);
    int element_count = carquet_schema_num_elements(schema), leaf_count = carquet_schema_num_columns(schema);
    int leaf = 0, group_count = 0;
    struct parquet_node *open[MAX_DEPTH + 1] = {&file->root};
    for (int i = 1; i < element_count; i++) {
        const carquet_schema_node_t *element = carquet_schema_get_element(schema, i);
        carquet_field_repetition_t repetition = carquet_schema_node_repetition(element);
        if (repetition < CARQUET_REPETITION_REQUIRED || repetition > CARQUET_REPETITION_REPEATED) return false;
        if (!carquet_schema_node_is_leaf(element)) {
            group_count++;
        } else {
            if (leaf == leaf_count || !add_leaf(file, open, i, group_count, leaf)) return false;
            group_count = 0;
            leaf++;
        }
    }
    return leaf == leaf_count && group_count == 0;
}

enum status parquet_open(const char *path, struct parquet_file **out, struct error *err) {
    carquet_reader_options_t options;
    carquet_reader_options_init(&options);
    options.num_threads = 1;
    carquet_error_t failure = CARQUET_ERROR_INIT;
    carquet_reader_t *carquet = carquet_reader_open(path, &options, &failure);
    if (!carquet) return parquet_failure(path, &failure, err, "not readable as Parquet");
    struct parquet_file *file = xcalloc(1, sizeof *file);
    atomic_init(&file->refs, 1);
    file->path = xstrdup(path);
    file->carquet = carquet;
    arena_init(&file->arena, NULL);
    if (!build_tree(file)) {
        parquet_release(file);
        return error_set(err, STATUS_BAD_DATA, "file '%s': the footer's schema makes no sense", path);
    }
    *out = file;
    return STATUS_OK;
}

void parquet_release(struct parquet_file *file) {
    if (atomic_fetch_sub(&file->refs, 1) != 1) return;
    carquet_reader_close(file->carquet);
    arena_destroy(&file->arena);
    free(file->path);
    free(file);
}

int parquet_row_group_count(const struct parquet_file *file) { return carquet_reader_num_row_groups(file->carquet); }

static carquet_row_group_metadata_t row_group_metadata(const struct parquet_file *file, int row_group) {
    carquet_row_group_metadata_t metadata = {0};
    if (carquet_reader_row_group_metadata(file->carquet, row_group, &metadata) != CARQUET_OK || metadata.num_rows < 0)
        metadata.num_rows = 0;
    return metadata;
}

int64_t parquet_row_count(const struct parquet_file *file, int row_group) {
    return row_group_metadata(file, row_group).num_rows;
}

int64_t parquet_size_bytes(const struct parquet_file *file, int row_group) {
    carquet_row_group_metadata_t metadata = row_group_metadata(file, row_group);
    int64_t size = metadata.total_compressed_size > 0 ? metadata.total_compressed_size : metadata.total_byte_size;
    return size > 0 ? size : 0;
}

/* ---- Lists and maps ---- */

static bool is_group_of(const struct parquet_node *node, carquet_logical_type_id_t id) {
    return !node->is_leaf && node->logical.id == id && node->child_count == 1 &&
           node->children[0]->repetition == CARQUET_REPETITION_REPEATED;
}

/* Parquet's LogicalTypes.md, "Backward-compatibility rules": is the repeated node itself the element? */
static bool is_two_levels(const struct parquet_node *list, const struct parquet_node *repeated) {
    if (repeated->is_leaf || repeated->child_count != 1) return true;
    if (repeated->children[0]->repetition == CARQUET_REPETITION_REPEATED) return true;
    if (strcmp(repeated->name, "array") == 0) return true;
    size_t len = strlen(list->name);
    return strncmp(repeated->name, list->name, len) == 0 && strcmp(repeated->name + len, "_tuple") == 0;
}

bool parquet_as_list(const struct parquet_node *node, struct parquet_list *out) {
    *out = (struct parquet_list){0};
    if (is_group_of(node, CARQUET_LOGICAL_LIST)) {
        out->repeated = node->children[0];
        out->element_is_repeated = is_two_levels(node, out->repeated);
        out->items[0] = out->element_is_repeated ? out->repeated : out->repeated->children[0];
        return true;
    }
    if (is_group_of(node, CARQUET_LOGICAL_MAP) && !node->children[0]->is_leaf && node->children[0]->child_count == 2) {
        out->repeated = node->children[0];
        out->is_map = true;
        out->items[0] = out->repeated->children[0];
        out->items[1] = out->repeated->children[1];
        return true;
    }
    return false;
}

const char *parquet_describe(struct arena *arena, const struct parquet_node *node) {
    static const char *const names[] = {
        [CARQUET_LOGICAL_STRING] = "STRING",       [CARQUET_LOGICAL_MAP] = "MAP",
        [CARQUET_LOGICAL_LIST] = "LIST",           [CARQUET_LOGICAL_ENUM] = "ENUM",
        [CARQUET_LOGICAL_DECIMAL] = "DECIMAL",     [CARQUET_LOGICAL_DATE] = "DATE",
        [CARQUET_LOGICAL_TIME] = "TIME",           [CARQUET_LOGICAL_TIMESTAMP] = "TIMESTAMP",
        [CARQUET_LOGICAL_INTEGER] = "INTEGER",     [CARQUET_LOGICAL_NULL] = "NULL",
        [CARQUET_LOGICAL_JSON] = "JSON",           [CARQUET_LOGICAL_BSON] = "BSON",
        [CARQUET_LOGICAL_UUID] = "UUID",           [CARQUET_LOGICAL_FLOAT16] = "FLOAT16",
        [CARQUET_LOGICAL_VARIANT] = "VARIANT",     [CARQUET_LOGICAL_GEOMETRY] = "GEOMETRY",
        [CARQUET_LOGICAL_GEOGRAPHY] = "GEOGRAPHY", [CARQUET_LOGICAL_INTERVAL] = "INTERVAL"};
    size_t id = (size_t)node->logical.id;
    const char *logical = id < sizeof names / sizeof *names ? names[id] : NULL;
    const char *physical = node->is_leaf ? carquet_physical_type_name(node->physical) : "a group";
    const char *repeated = node->repetition == CARQUET_REPETITION_REPEATED ? "repeated " : "";
    if (node->logical.id == CARQUET_LOGICAL_DECIMAL)
        return arena_printf(arena, "%s%s (DECIMAL(%d, %d))", repeated, physical, node->logical.params.decimal.precision,
                            node->logical.params.decimal.scale);
    if (logical) return arena_printf(arena, "%s%s (%s)", repeated, physical, logical);
    return arena_printf(arena, "%s%s", repeated, physical);
}

/* ---- Inference ---- */

struct inference {
    const struct parquet_file *file;
    struct arena *arena;
    struct error *err;
};

static enum status infer(const struct inference *in, const struct parquet_node *node, int depth,
                         const struct type **out);

static int unit_precision(carquet_time_unit_t unit) {
    return unit == CARQUET_TIME_UNIT_MILLIS ? 3 : unit == CARQUET_TIME_UNIT_MICROS ? 6 : 9;
}

/* NULL: SQL has no such type. */
static const struct type *infer_logical(struct arena *arena, const struct parquet_node *node) {
    const carquet_logical_type_t *logical = &node->logical;
    switch (logical->id) {
    case CARQUET_LOGICAL_STRING:
    case CARQUET_LOGICAL_ENUM:
    case CARQUET_LOGICAL_JSON:
    case CARQUET_LOGICAL_UUID: return type_of(TYPE_VARCHAR);
    case CARQUET_LOGICAL_BSON: return type_of(TYPE_VARBINARY);
    case CARQUET_LOGICAL_DATE: return type_of(TYPE_DATE);
    case CARQUET_LOGICAL_FLOAT16: return type_of(TYPE_FLOAT);
    case CARQUET_LOGICAL_NULL: return type_of(TYPE_INT); /* every value is NULL */
    case CARQUET_LOGICAL_TIME: return type_time(arena, TYPE_TIME, unit_precision(logical->params.time.unit), true);
    case CARQUET_LOGICAL_TIMESTAMP:
        return type_time(arena, logical->params.timestamp.is_adjusted_to_utc ? TYPE_TIMESTAMP_LTZ : TYPE_TIMESTAMP,
                         unit_precision(logical->params.timestamp.unit), true);
    case CARQUET_LOGICAL_DECIMAL: {
        int precision = logical->params.decimal.precision, scale = logical->params.decimal.scale;
        if (precision < 1 || precision > TYPE_MAX_PRECISION || scale < 0 || scale > precision) return NULL;
        return type_decimal(arena, precision, scale, true);
    }
    case CARQUET_LOGICAL_INTEGER: {
        bool is_signed = logical->params.integer.is_signed;
        switch (logical->params.integer.bit_width) {
        case 8: return type_of(is_signed ? TYPE_TINYINT : TYPE_SMALLINT);
        case 16: return type_of(is_signed ? TYPE_SMALLINT : TYPE_INT);
        case 32: return type_of(is_signed ? TYPE_INT : TYPE_BIGINT);
        case 64: return is_signed ? type_of(TYPE_BIGINT) : type_decimal(arena, 20, 0, true);
        default: return NULL;
        }
    }
    default: return NULL;
    }
}

static const struct type *infer_leaf(struct arena *arena, const struct parquet_node *node) {
    if (node->logical.id != CARQUET_LOGICAL_UNKNOWN) return infer_logical(arena, node);
    switch (node->physical) {
    case CARQUET_PHYSICAL_BOOLEAN: return type_of(TYPE_BOOLEAN);
    case CARQUET_PHYSICAL_INT32: return type_of(TYPE_INT);
    case CARQUET_PHYSICAL_INT64: return type_of(TYPE_BIGINT);
    case CARQUET_PHYSICAL_INT96: return type_of(TYPE_TIMESTAMP);
    case CARQUET_PHYSICAL_FLOAT: return type_of(TYPE_FLOAT);
    case CARQUET_PHYSICAL_DOUBLE: return type_of(TYPE_DOUBLE);
    case CARQUET_PHYSICAL_BYTE_ARRAY:
    case CARQUET_PHYSICAL_FIXED_LEN_BYTE_ARRAY: return type_of(TYPE_VARBINARY);
    default: return NULL;
    }
}

static enum status infer_row(const struct inference *in, const struct parquet_node *node, int depth,
                             const struct type **out) {
    const char **names = ARENA_ARRAY(in->arena, const char *, node->child_count + 1);
    const struct type **types = ARENA_ARRAY(in->arena, const struct type *, node->child_count + 1);
    for (int i = 0; i < node->child_count; i++) {
        names[i] = arena_strdup(in->arena, node->children[i]->name);
        TRY(infer(in, node->children[i], depth + 1, &types[i]));
    }
    *out = type_row(in->arena, node->child_count, names, types, true);
    return STATUS_OK;
}

/* The type of a value of the node, which may be repeated besides. */
static enum status infer_value(const struct inference *in, const struct parquet_node *node, int depth,
                               const struct type **out) {
    if (depth > TYPE_MAX_NESTING)
        return error_set(in->err, STATUS_LIMIT_EXCEEDED, "file '%s': column '%s' is nested more than %d deep",
                         in->file->path, node->name, TYPE_MAX_NESTING);
    struct parquet_list list;
    const struct type *items[2];
    if (node->is_leaf) {
        *out = infer_leaf(in->arena, node);
        if (*out) return STATUS_OK;
        return error_set(in->err, STATUS_NOT_SUPPORTED, "file '%s': column '%s' is %s, for which there is no SQL type",
                         in->file->path, node->name, parquet_describe(in->arena, node));
    }
    if (!parquet_as_list(node, &list)) return infer_row(in, node, depth, out);
    if (list.element_is_repeated)
        TRY(infer_value(in, list.items[0], depth + 1, &items[0]));
    else
        TRY(infer(in, list.items[0], depth + 1, &items[0]));
    if (list.is_map) TRY(infer(in, list.items[1], depth + 1, &items[1]));
    *out = list.is_map ? type_map(in->arena, items[0], items[1], true) : type_array(in->arena, items[0], true);
    return STATUS_OK;
}

static enum status infer(const struct inference *in, const struct parquet_node *node, int depth,
                         const struct type **out) {
    TRY(infer_value(in, node, depth, out));
    if (node->repetition == CARQUET_REPETITION_REPEATED)
        *out = type_array(in->arena, type_with_nullable(in->arena, *out, false), false);
    else
        *out = type_with_nullable(in->arena, *out, node->repetition == CARQUET_REPETITION_OPTIONAL);
    return STATUS_OK;
}

enum status parquet_infer_schema(const struct parquet_file *file, struct arena *arena, struct schema *out,
                                 struct error *err) {
    struct inference in = {file, arena, err};
    const struct type *row;
    TRY(infer_row(&in, &file->root, 0, &row));
    *out = (struct schema){.column_count = row->child_count, .types = row->children, .names = row->names};
    return STATUS_OK;
}
