/* Reading row groups: values and levels in blocks of rows (I/O thread), and vectors from them (workers).
 *
 * A leaf of the file has, per entry, a definition level (how much of its path is there) and a repetition level (at which
 * list it continues; 0: a new row), and densely the values of the entries that have one. Every node of a column's type
 * looks at the levels of one leaf below it. The entries that are instances of a node are those with rep <= slot_rep (it does
 * not continue a deeper list) and def >= slot_def (the list around it has an element here); the node is NULL where def is
 * below its own. A list's elements are the instances of its items. */
#include <assert.h>

#include "column/validity.h"
#include "format/parquet_private.h"

enum {
    READ_ENTRIES = 8192,    /* of repeated leaves, at once */
    BLOCK_BYTES = 32 << 20, /* of the values of fixed width in a block, which has fewer rows if need be */
};

#define MAX_TEXT_BYTES 1e15 /* of a row group */

enum plan_kind { PLAN_MISSING, PLAN_LEAF, PLAN_ROW, PLAN_LIST };

struct plan_node {
    enum plan_kind kind;
    const struct type *type;
    const char *label;
    int leaf; /* of the shape; its levels tell where this node is NULL and where its elements are */
    int16_t def, slot_def, slot_rep, element_def, element_rep;
    struct parquet_leaf_plan convert; /* PLAN_LEAF */
    int child_count;
    struct plan_node **children;
};

struct shape_leaf {
    int column; /* of the file */
    int16_t max_def, max_rep;
    int value_bytes;
    bool is_text;
    const char *label;
};

/* What a reader and its rows share; counted. */
struct shape {
    _Atomic int refs;
    struct arena arena;
    struct parquet_file *file;
    int column_count;
    struct plan_node **columns;
    int leaf_count, leaf_capacity;
    struct shape_leaf *leaves;
    bool has_lists;
};

/* Open columns of a row group. Strings of the rows that were read lie in those of texts; counted. */
struct column_set {
    _Atomic int refs;
    int count;
    carquet_column_reader_t *columns[]; /* per leaf; NULL: closed already */
};

struct leaf_rows {
    int16_t *defs, *reps; /* NULL: all max_def, all 0 */
    uint8_t *values;
    int entry_count, value_count, capacity;
};

struct parquet_rows {
    struct shape *shape;
    struct column_set *set;
    int64_t first;
    int count;
    size_t size_bytes;
    struct leaf_rows leaves[];
};

struct parquet_reader {
    struct shape *shape;
    int block_rows;
    int row_group;
    int64_t row, row_count;
    struct column_set *set;      /* NULL: to be opened at `row` */
    int64_t set_first, set_rows; /* the row it was opened at; rows after which it is opened anew */
    double text_bytes_per_row;
    struct leaf_rows *rest; /* per leaf: read, but of rows to come */
};

/* ---- Planning ---- */

struct planning {
    struct shape *shape;
    struct error *err;
};

static enum status plan_node(const struct planning *p, const struct parquet_node *node, const struct type *type,
                             int16_t slot_def, int16_t slot_rep, struct plan_node **out);

static enum status mismatch(const struct planning *p, const struct parquet_node *node, const struct type *type) {
    struct arena *arena = &p->shape->arena;
    return error_set(p->err, STATUS_TYPE_MISMATCH, "file '%s': column '%s' is %s, which cannot be read as %s",
                     p->shape->file->path, node->name, parquet_describe(arena, node), type_to_string(arena, type));
}

/* The leaf in the shape, put there if need be. */
static int shape_leaf(struct shape *shape, int column, int value_bytes, bool is_text) {
    for (int i = 0; i < shape->leaf_count; i++) {
        struct shape_leaf *leaf = &shape->leaves[i];
        if (leaf->column != column) continue;
        if (value_bytes) leaf->value_bytes = value_bytes;
        leaf->is_text = leaf->is_text || is_text;
        return i;
    }
    ARRAY_RESERVE(shape->leaves, shape->leaf_capacity, shape->leaf_count + 1);
    const carquet_schema_t *schema = carquet_reader_schema(shape->file->carquet);
    struct shape_leaf leaf = {.column = column,
                              .max_def = carquet_schema_max_def_level(schema, column),
                              .max_rep = carquet_schema_max_rep_level(schema, column),
                              .value_bytes = value_bytes,
                              .is_text = is_text,
                              .label = carquet_schema_column_name(schema, column)};
    shape->has_lists = shape->has_lists || leaf.max_rep > 0;
    shape->leaves[shape->leaf_count] = leaf;
    return shape->leaf_count++;
}

/* A leaf that is read for its levels only still needs room for its values. */
static int structure_leaf(const struct planning *p, const struct parquet_node *node) {
    while (!node->is_leaf) node = node->children[0];
    struct parquet_leaf_plan plan = parquet_plan_leaf(node, type_of(TYPE_VARBINARY));
    return plan.value_bytes ? shape_leaf(p->shape, node->leaf, plan.value_bytes, false) : -1;
}

static const struct parquet_node *find_child(const struct parquet_node *node, const char *name) {
    for (int i = 0; i < node->child_count; i++)
        if (strcmp(node->children[i]->name, name) == 0) return node->children[i];
    return NULL;
}

static struct plan_node *new_plan(const struct planning *p, enum plan_kind kind, const struct type *type,
                                  const char *label, int16_t slot_def, int16_t slot_rep) {
    struct plan_node *plan = ARENA_NEW(&p->shape->arena, struct plan_node);
    plan->kind = kind;
    plan->type = type;
    plan->label = label;
    plan->leaf = -1;
    plan->slot_def = slot_def;
    plan->slot_rep = slot_rep;
    return plan;
}

static enum status plan_row(const struct planning *p, const struct parquet_node *node, struct plan_node *plan) {
    const struct type *type = plan->type;
    plan->child_count = type->child_count;
    plan->children = ARENA_ARRAY(&p->shape->arena, struct plan_node *, type->child_count + 1);
    for (int i = 0; i < type->child_count; i++) {
        const struct parquet_node *child = find_child(node, type->names[i]);
        if (!child) {
            plan->children[i] =
                new_plan(p, PLAN_MISSING, type->children[i], type->names[i], plan->slot_def, plan->slot_rep);
            continue;
        }
        TRY(plan_node(p, child, type->children[i], plan->slot_def, plan->slot_rep, &plan->children[i]));
        if (plan->leaf < 0) plan->leaf = plan->children[i]->leaf;
    }
    if (plan->leaf < 0) plan->leaf = structure_leaf(p, node);
    return plan->leaf < 0 ? mismatch(p, node, type) : STATUS_OK;
}

/* Elements, or keys and values, which are instances of the repeated node. */
static enum status plan_items(const struct planning *p, const struct parquet_list *list, struct plan_node *plan) {
    const struct parquet_node *repeated = list->repeated;
    plan->element_def = repeated->def;
    plan->element_rep = repeated->rep;
    plan->child_count = type_child_vectors(plan->type);
    plan->children = ARENA_ARRAY(&p->shape->arena, struct plan_node *, 2);
    for (int i = 0; i < plan->child_count; i++)
        TRY(plan_node(p, list->items[i], type_child(plan->type, i), repeated->def, repeated->rep, &plan->children[i]));
    plan->leaf = plan->children[0]->leaf;
    return STATUS_OK;
}

static enum status plan_node(const struct planning *p, const struct parquet_node *node, const struct type *type,
                             int16_t slot_def, int16_t slot_rep, struct plan_node **out) {
    struct parquet_list list;
    bool is_element = node->rep == slot_rep; /* a repeated node that is its list's element */
    if (node->repetition == CARQUET_REPETITION_REPEATED && !is_element) {
        /* repeated without a list around it: never NULL */
        if (type->id != TYPE_ARRAY) return mismatch(p, node, type);
        struct plan_node *plan = new_plan(p, PLAN_LIST, type, node->name, slot_def, slot_rep);
        list = (struct parquet_list){.repeated = node, .items = {node}};
        plan->def = slot_def;
        *out = plan;
        return plan_items(p, &list, plan);
    }
    if (type->id == TYPE_ARRAY || type->id == TYPE_MAP || type->id == TYPE_MULTISET) {
        if (!parquet_as_list(node, &list) || list.is_map != (type->id != TYPE_ARRAY)) return mismatch(p, node, type);
        struct plan_node *plan = new_plan(p, PLAN_LIST, type, node->name, slot_def, slot_rep);
        plan->def = node->def;
        *out = plan;
        return plan_items(p, &list, plan);
    }
    if (type->id == TYPE_ROW) {
        if (node->is_leaf || parquet_as_list(node, &list)) return mismatch(p, node, type);
        struct plan_node *plan = new_plan(p, PLAN_ROW, type, node->name, slot_def, slot_rep);
        plan->def = node->def;
        *out = plan;
        return plan_row(p, node, plan);
    }
    if (!node->is_leaf) return mismatch(p, node, type);
    struct plan_node *plan = new_plan(p, PLAN_LEAF, type, node->name, slot_def, slot_rep);
    plan->convert = parquet_plan_leaf(node, type);
    if (plan->convert.conversion == CONVERT_NONE) return mismatch(p, node, type);
    plan->def = node->def;
    plan->leaf =
        shape_leaf(p->shape, node->leaf, plan->convert.value_bytes, node->physical == CARQUET_PHYSICAL_BYTE_ARRAY);
    *out = plan;
    return STATUS_OK;
}

static void shape_release(struct shape *shape) {
    if (atomic_fetch_sub(&shape->refs, 1) != 1) return;
    parquet_release(shape->file);
    free(shape->leaves);
    arena_destroy(&shape->arena);
    free(shape);
}

enum status parquet_reader_open(struct parquet_file *file, const struct format_schema *schema, const int *projected,
                                int projected_count, struct parquet_reader **out, struct error *err) {
    struct shape *shape = xcalloc(1, sizeof *shape);
    atomic_init(&shape->refs, 1);
    arena_init(&shape->arena, NULL);
    atomic_fetch_add(&file->refs, 1);
    shape->file = file;
    shape->column_count = projected_count;
    shape->columns = ARENA_ARRAY(&shape->arena, struct plan_node *, projected_count + 1);
    struct planning p = {shape, err};
    for (int i = 0; i < projected_count; i++) {
        const char *name = schema->names[projected[i]];
        const struct type *type = schema->types[projected[i]];
        const struct parquet_node *node = find_child(&file->root, name);
        enum status status = STATUS_OK;
        if (node)
            status = plan_node(&p, node, type, 0, 0, &shape->columns[i]);
        else
            shape->columns[i] = new_plan(&p, PLAN_MISSING, type, name, 0, 0);
        if (status != STATUS_OK) {
            shape_release(shape);
            return status;
        }
    }
    struct parquet_reader *reader = xcalloc(1, sizeof *reader);
    reader->shape = shape;
    int64_t row_bytes = 0;
    for (int i = 0; i < shape->leaf_count; i++) row_bytes += shape->leaves[i].value_bytes;
    reader->block_rows = PARQUET_BLOCK_ROWS;
    while (reader->block_rows > VECTOR_CAPACITY && reader->block_rows * row_bytes > BLOCK_BYTES)
        reader->block_rows /= 2;
    reader->rest = xcalloc((size_t)shape->leaf_count + 1, sizeof *reader->rest);
    reader->row_count = parquet_row_group_count(file) ? parquet_row_count(file, 0) : 0;
    *out = reader;
    return STATUS_OK;
}

/* ---- Open columns ---- */

static void set_release(struct column_set *set) {
    if (!set || atomic_fetch_sub(&set->refs, 1) != 1) return;
    for (int i = 0; i < set->count; i++)
        if (set->columns[i]) carquet_column_reader_free(set->columns[i]);
    free(set);
}

static void leaf_rows_free(struct leaf_rows *rows) {
    free(rows->defs);
    free(rows->reps);
    free(rows->values);
    *rows = (struct leaf_rows){0};
}

/* Rows have copies of all but strings, so the pages of other columns need not wait for them: without this a scan of TPC-H's
 * lineitem held two to three times what its queue counts. */
static void close_set(struct parquet_reader *reader) {
    struct column_set *set = reader->set;
    for (int i = 0; i < reader->shape->leaf_count; i++) leaf_rows_free(&reader->rest[i]);
    for (int i = 0; set && i < set->count; i++) {
        if (reader->shape->leaves[i].is_text) continue;
        carquet_column_reader_free(set->columns[i]);
        set->columns[i] = NULL;
    }
    set_release(set);
    reader->set = NULL;
}

void parquet_reader_close(struct parquet_reader *reader) {
    close_set(reader);
    free(reader->rest);
    shape_release(reader->shape);
    free(reader);
}

void parquet_seek(struct parquet_reader *reader, int row_group, int64_t row) {
    close_set(reader);
    const struct parquet_file *file = reader->shape->file;
    reader->row_group = row_group;
    reader->row = row;
    reader->row_count = row_group < parquet_row_group_count(file) ? parquet_row_count(file, row_group) : 0;
}

static enum status leaf_failure(const struct parquet_reader *reader, int leaf, const carquet_error_t *failure,
                                struct error *err) {
    return parquet_failure(reader->shape->file->path, failure, err, "row group %d, column '%s'", reader->row_group,
                           reader->shape->leaves[leaf].label);
}

static enum status ends_early(const struct parquet_reader *reader, int leaf, struct error *err) {
    return error_set(
        err, STATUS_BAD_DATA, "file '%s': row group %d, column '%s': fewer rows than the %lld of the footer",
        reader->shape->file->path, reader->row_group, reader->shape->leaves[leaf].label, (long long)reader->row_count);
}

/* Room for `more` entries. Values are aligned and padded like vectors, which may borrow them. */
static void leaf_rows_reserve(struct leaf_rows *rows, const struct shape_leaf *leaf, int more) {
    int need = rows->entry_count + more;
    if (need <= rows->capacity) return;
    int capacity = rows->capacity * 2 > need ? rows->capacity * 2 : need;
    capacity = (capacity + 63) & ~63;
    uint8_t *values = aligned_alloc(64, (size_t)capacity * (size_t)leaf->value_bytes);
    if (!values) abort();
    if (rows->value_count) memcpy(values, rows->values, (size_t)rows->value_count * (size_t)leaf->value_bytes);
    free(rows->values);
    rows->values = values;
    if (leaf->max_def) rows->defs = xrealloc(rows->defs, (size_t)capacity * sizeof *rows->defs);
    if (leaf->max_rep) rows->reps = xrealloc(rows->reps, (size_t)capacity * sizeof *rows->reps);
    rows->capacity = capacity;
}

static int count_values(const int16_t *defs, int count, int16_t max_def) {
    int values = 0;
    for (int i = 0; i < count; i++) values += defs[i] == max_def;
    return values;
}

/* Appends up to `count` entries; *got = 0 at the end of the column. */
static enum status read_entries(struct parquet_reader *reader, int index, struct leaf_rows *rows, int count, int *got,
                                struct error *err) {
    const struct shape_leaf *leaf = &reader->shape->leaves[index];
    leaf_rows_reserve(rows, leaf, count);
    carquet_error_t failure = CARQUET_ERROR_INIT;
    int16_t *defs = leaf->max_def ? rows->defs + rows->entry_count : NULL;
    int16_t *reps = leaf->max_rep ? rows->reps + rows->entry_count : NULL;
    int64_t n = carquet_column_read_batch_ex(reader->set->columns[index],
                                             rows->values + (size_t)rows->value_count * (size_t)leaf->value_bytes,
                                             count, defs, reps, &failure);
    if (n < 0 || failure.code != CARQUET_OK) return leaf_failure(reader, index, &failure, err);
    rows->entry_count += (int)n;
    rows->value_count += defs ? count_values(defs, (int)n, leaf->max_def) : (int)n;
    *got = (int)n;
    return STATUS_OK;
}

static enum status read_flat(struct parquet_reader *reader, int index, struct leaf_rows *rows, int count,
                             struct error *err) {
    while (rows->entry_count < count) {
        int got;
        TRY(read_entries(reader, index, rows, count - rows->entry_count, &got, err));
        if (got == 0) return ends_early(reader, index, err);
    }
    return STATUS_OK;
}

static struct leaf_rows copy_tail(const struct shape_leaf *leaf, const struct leaf_rows *rows, int entry, int value) {
    struct leaf_rows tail = {0};
    if (entry == rows->entry_count) return tail;
    leaf_rows_reserve(&tail, leaf, rows->entry_count - entry);
    tail.entry_count = rows->entry_count - entry;
    tail.value_count = rows->value_count - value;
    memcpy(tail.defs, rows->defs + entry, (size_t)tail.entry_count * sizeof *tail.defs);
    memcpy(tail.reps, rows->reps + entry, (size_t)tail.entry_count * sizeof *tail.reps);
    memcpy(tail.values, rows->values + (size_t)value * (size_t)leaf->value_bytes,
           (size_t)tail.value_count * (size_t)leaf->value_bytes);
    return tail;
}

/* A row ends where the next one begins, so entries are read until a row too many has begun; the rest is kept. */
static enum status read_repeated(struct parquet_reader *reader, int index, struct leaf_rows *rows, int count,
                                 struct error *err) {
    const struct shape_leaf *leaf = &reader->shape->leaves[index];
    *rows = reader->rest[index];
    reader->rest[index] = (struct leaf_rows){0};
    int entry = 0, begun = 0;
    for (;;) {
        for (; entry < rows->entry_count && begun <= count; entry++) begun += rows->reps[entry] == 0;
        if (begun > count) break;
        int got;
        if (rows->entry_count > INT32_MAX / 2 - READ_ENTRIES)
            return error_set(err, STATUS_LIMIT_EXCEEDED, "file '%s': column '%s': lists with too many elements",
                             reader->shape->file->path, leaf->label);
        TRY(read_entries(reader, index, rows, READ_ENTRIES, &got, err));
        if (got == 0) break;
    }
    if (begun > count) entry--; /* the first entry of the row too many */
    if (begun < count || (rows->entry_count && rows->reps[0] != 0)) return ends_early(reader, index, err);
    int value = count_values(rows->defs, entry, leaf->max_def);
    reader->rest[index] = copy_tail(leaf, rows, entry, value);
    rows->entry_count = entry;
    rows->value_count = value;
    return STATUS_OK;
}

static enum status skip_repeated(struct parquet_reader *reader, int index, int64_t count, struct error *err) {
    enum status status = STATUS_OK;
    while (count && status == STATUS_OK) {
        struct leaf_rows rows = {0};
        int n = count < reader->block_rows ? (int)count : reader->block_rows;
        status = read_repeated(reader, index, &rows, n, err);
        leaf_rows_free(&rows);
        count -= n;
    }
    return status;
}

/* Opens the columns at reader->row. */
static enum status open_set(struct parquet_reader *reader, struct error *err) {
    const struct shape *shape = reader->shape;
    struct column_set *set = xcalloc(1, sizeof *set + sizeof *set->columns * (size_t)shape->leaf_count);
    atomic_init(&set->refs, 1);
    reader->set = set;
    double text_bytes = 0;
    for (int i = 0; i < shape->leaf_count; i++) {
        const struct shape_leaf *leaf = &shape->leaves[i];
        carquet_error_t failure = CARQUET_ERROR_INIT;
        carquet_column_reader_t *column =
            carquet_reader_get_column(shape->file->carquet, reader->row_group, leaf->column, &failure);
        if (!column) return leaf_failure(reader, i, &failure, err);
        set->columns[set->count++] = column;
        carquet_column_chunk_metadata_t metadata = {0};
        if (leaf->is_text && carquet_reader_column_chunk_metadata(shape->file->carquet, reader->row_group, leaf->column,
                                                                  &metadata) == CARQUET_OK)
            text_bytes += (double)metadata.total_uncompressed_size;
        if (reader->row == 0) continue;
        if (leaf->max_rep)
            TRY(skip_repeated(reader, i, reader->row, err));
        else if (carquet_column_skip(column, reader->row) != reader->row)
            return ends_early(reader, i, err);
    }
    /* what the footer says of sizes may be nonsense */
    if (text_bytes < 0 || text_bytes > MAX_TEXT_BYTES) text_bytes = 0;
    reader->text_bytes_per_row = reader->row_count ? text_bytes / (double)reader->row_count : 0;
    reader->set_first = reader->row;
    reader->set_rows = INT64_MAX;
    if (reader->text_bytes_per_row > 0 && !shape->has_lists) {
        double rows = PARQUET_RETAINED_BYTES / reader->text_bytes_per_row;
        if (rows < (double)reader->row_count) reader->set_rows = (int64_t)rows;
    }
    return STATUS_OK;
}

/* ---- Rows ---- */

void parquet_rows_release(struct parquet_rows *rows) {
    for (int i = 0; i < rows->shape->leaf_count; i++) leaf_rows_free(&rows->leaves[i]);
    set_release(rows->set);
    shape_release(rows->shape);
    free(rows);
}

int parquet_rows_count(const struct parquet_rows *rows) { return rows->count; }
int64_t parquet_rows_first(const struct parquet_rows *rows) { return rows->first; }
size_t parquet_rows_bytes(const struct parquet_rows *rows) { return rows->size_bytes; }

enum status parquet_read(struct parquet_reader *reader, struct parquet_rows **out, struct error *err) {
    struct shape *shape = reader->shape;
    *out = NULL;
    if (reader->row >= reader->row_count) return STATUS_OK;
    if (reader->set && reader->row - reader->set_first >= reader->set_rows) close_set(reader);
    if (!reader->set) {
        enum status status = open_set(reader, err);
        if (status != STATUS_OK) {
            close_set(reader);
            return status;
        }
    }
    int64_t left = reader->row_count - reader->row;
    int count = left < reader->block_rows ? (int)left : reader->block_rows;
    struct parquet_rows *rows = xcalloc(1, sizeof *rows + sizeof *rows->leaves * (size_t)shape->leaf_count);
    atomic_fetch_add(&shape->refs, 1);
    atomic_fetch_add(&reader->set->refs, 1);
    rows->shape = shape;
    rows->set = reader->set;
    rows->first = reader->row;
    rows->count = count;
    rows->size_bytes = sizeof *rows + (size_t)(reader->text_bytes_per_row * count);
    for (int i = 0; i < shape->leaf_count; i++) {
        const struct shape_leaf *leaf = &shape->leaves[i];
        struct leaf_rows *leaf_rows = &rows->leaves[i];
        enum status status = leaf->max_rep ? read_repeated(reader, i, leaf_rows, count, err)
                                           : read_flat(reader, i, leaf_rows, count, err);
        if (status != STATUS_OK) {
            parquet_rows_release(rows);
            return status;
        }
        rows->size_bytes += (size_t)leaf_rows->capacity *
                            (size_t)(leaf->value_bytes + 2 * (leaf->max_def > 0) + 2 * (leaf->max_rep > 0));
    }
    reader->row += count;
    *out = rows;
    return STATUS_OK;
}

/* ---- Vectors ---- */

struct decoding {
    const struct parquet_rows *rows;
    int first, count;
    struct arena *arena;
    struct error *err;
};

/* The entries of a leaf that belong to the rows to be decoded. */
struct span {
    const int16_t *defs, *reps;
    const uint8_t *values;
    int entry_count;
};

static struct span leaf_span(const struct decoding *d, int index) {
    const struct shape_leaf *leaf = &d->rows->shape->leaves[index];
    const struct leaf_rows *rows = &d->rows->leaves[index];
    int from = d->first, to = d->first + d->count;
    if (rows->reps) {
        int row = -1;
        from = to = rows->entry_count;
        for (int i = 0; i < rows->entry_count; i++) {
            if (rows->reps[i] != 0) continue;
            row++;
            if (row == d->first) from = i;
            if (row == d->first + d->count) {
                to = i;
                break;
            }
        }
    }
    int value = rows->defs ? count_values(rows->defs, from, leaf->max_def) : from;
    return (struct span){.defs = rows->defs ? rows->defs + from : NULL,
                         .reps = rows->reps ? rows->reps + from : NULL,
                         .values = rows->values + (size_t)value * (size_t)leaf->value_bytes,
                         .entry_count = to - from};
}

static inline bool is_slot(const struct plan_node *plan, const struct span *span, int entry) {
    return (!span->reps || span->reps[entry] <= plan->slot_rep) && (!span->defs || span->defs[entry] >= plan->slot_def);
}

static enum status levels_disagree(const struct decoding *d, const struct plan_node *plan) {
    return error_set(d->err, STATUS_BAD_DATA, "column '%s': its levels do not fit those of its neighbours",
                     plan->label);
}

static enum status null_not_allowed(const struct decoding *d, const struct plan_node *plan) {
    return error_set(d->err, STATUS_NULL_NOT_ALLOWED, "column '%s': NULL, but its type is NOT NULL", plan->label);
}

static void clear_data(struct vector *vec, int count) {
    if (vec->data && count) memset(vec->data, 0, (size_t)count * (size_t)phys_size(vec->phys));
}

static enum status decode_node(const struct decoding *d, const struct plan_node *plan, struct vector *vec, int count,
                               int capacity);

/* All rows NULL. A NOT NULL type is allowed where the row around it is NULL, which the caller knows. */
static void set_all_null(struct vector *vec, struct arena *arena, int count, int capacity) {
    uint64_t *validity = vector_validity(vec, arena, capacity);
    memset(validity, 0, sizeof *validity * (size_t)validity_words(capacity));
    clear_data(vec, count);
    if (vec->phys != PHYS_ROW) return;
    for (int i = 0; i < vec->type->child_count; i++) set_all_null(&vec->children[i], arena, count, capacity);
}

/* Validity of a node's slots from the levels. positions (may be NULL) gets the slots that are there. */
static enum status decode_validity(const struct decoding *d, const struct plan_node *plan, const struct span *span,
                                   struct vector *vec, int count, int capacity, uint32_t *positions, int *present) {
    int slot = 0, found = 0;
    if (!span->defs) { /* nothing on the way down is optional or repeated */
        *present = count;
        return span->entry_count == count ? STATUS_OK : levels_disagree(d, plan);
    }
    uint64_t *validity = NULL;
    for (int i = 0; i < span->entry_count; i++) {
        if (!is_slot(plan, span, i)) continue;
        if (slot == count) return levels_disagree(d, plan);
        if (span->defs[i] >= plan->def) {
            if (positions) positions[found] = (uint32_t)slot;
            found++;
        } else {
            if (!validity) validity = vector_validity(vec, d->arena, capacity);
            validity_set_null(validity, slot);
        }
        slot++;
    }
    if (slot != count) return levels_disagree(d, plan);
    *present = found;
    return STATUS_OK;
}

/* Flat columns with one optional level, 64 rows at a time. */
static void decode_flat_validity(const struct decoding *d, const struct plan_node *plan, const struct span *span,
                                 struct vector *vec, int capacity, uint32_t *positions, int *present) {
    uint64_t *validity = NULL;
    int found = 0;
    *present = span->entry_count;
    bool all = true;
    for (int i = 0; i < span->entry_count; i++) all &= span->defs[i] >= plan->def;
    if (all) return;
    for (int i = 0; i < span->entry_count; i += 64) {
        int n = span->entry_count - i < 64 ? span->entry_count - i : 64;
        uint64_t word = 0;
        for (int k = 0; k < n; k++) word |= (uint64_t)(span->defs[i + k] >= plan->def) << k;
        if (word != validity_mask(n)) {
            if (!validity) validity = vector_validity(vec, d->arena, capacity);
            validity[i / 64] = word;
        }
        for (uint64_t bits = word; bits; bits &= bits - 1) positions[found++] = (uint32_t)(i + __builtin_ctzll(bits));
    }
    *present = found;
}

static enum status decode_leaf(const struct decoding *d, const struct plan_node *plan, struct vector *vec, int count,
                               int capacity) {
    struct span span = leaf_span(d, plan->leaf);
    uint32_t *positions = span.defs ? arena_alloc(d->arena, sizeof *positions * (size_t)(count + 1)) : NULL;
    int present;
    if (span.defs && !span.reps && plan->slot_def == 0 && span.entry_count == count)
        decode_flat_validity(d, plan, &span, vec, capacity, positions, &present);
    else
        TRY(decode_validity(d, plan, &span, vec, count, capacity, positions, &present));
    if (present == count) {
        positions = NULL;
        if (plan->convert.conversion == CONVERT_COPY && plan->type->id != TYPE_TIME && d->first % 64 == 0 &&
            ((size_t)span.values & 63) == 0 && capacity == VECTOR_CAPACITY) {
            vec->data = (void *)span.values; /* borrowed */
            return STATUS_OK;
        }
    } else {
        clear_data(vec, count);
    }
    return parquet_convert(&plan->convert, span.values, present, positions, vec, d->arena, d->err);
}

static enum status decode_row(const struct decoding *d, const struct plan_node *plan, struct vector *vec, int count,
                              int capacity) {
    struct span span = leaf_span(d, plan->leaf);
    int present;
    TRY(decode_validity(d, plan, &span, vec, count, capacity, NULL, &present));
    for (int i = 0; i < plan->child_count; i++)
        TRY(decode_node(d, plan->children[i], &vec->children[i], count, capacity));
    return STATUS_OK;
}

static enum status decode_list(const struct decoding *d, const struct plan_node *plan, struct vector *vec, int count,
                               int capacity) {
    struct span span = leaf_span(d, plan->leaf);
    struct list_entry *entries = vec->data;
    uint64_t *validity = NULL;
    int slot = 0;
    uint32_t elements = 0;
    for (int i = 0; i < span.entry_count; i++) {
        int16_t def = span.defs[i], rep = span.reps[i];
        if (rep <= plan->slot_rep) {
            if (def < plan->slot_def) continue;
            if (slot == count) return levels_disagree(d, plan);
            entries[slot] = (struct list_entry){elements, 0};
            if (def < plan->def) {
                if (!validity) validity = vector_validity(vec, d->arena, capacity);
                validity_set_null(validity, slot);
            }
            slot++;
        }
        if (def < plan->element_def || rep > plan->element_rep) continue;
        if (slot == 0) return levels_disagree(d, plan);
        entries[slot - 1].length++;
        elements++;
    }
    if (slot != count) return levels_disagree(d, plan);
    vector_reserve_children(vec, d->arena, elements);
    vec->child_rows = elements;
    for (int i = 0; i < plan->child_count; i++)
        TRY(decode_node(d, plan->children[i], &vec->children[i], (int)elements, (int)vec->child_capacity));
    return STATUS_OK;
}

static enum status decode_node(const struct decoding *d, const struct plan_node *plan, struct vector *vec, int count,
                               int capacity) {
    switch (plan->kind) {
    case PLAN_MISSING: set_all_null(vec, d->arena, count, capacity); return STATUS_OK;
    case PLAN_LEAF: return decode_leaf(d, plan, vec, count, capacity);
    case PLAN_ROW: return decode_row(d, plan, vec, count, capacity);
    case PLAN_LIST: return decode_list(d, plan, vec, count, capacity);
    }
    return STATUS_INTERNAL;
}

/* A NULL in a NOT NULL place, but for those inside of a NULL. outer: validity around it. */
static enum status check_nulls(const struct decoding *d, const struct plan_node *plan, const struct vector *vec,
                               const uint64_t *outer, int count) {
    if (!plan->type->nullable && vec->validity)
        for (int i = 0; i < validity_words(count); i++) {
            uint64_t around = outer ? outer[i] : ~UINT64_C(0);
            int left = count - i * 64;
            if (left < 64) around &= validity_mask(left);
            if (around & ~vec->validity[i]) return null_not_allowed(d, plan);
        }
    if (plan->kind == PLAN_LIST)
        for (int i = 0; i < plan->child_count; i++)
            TRY(check_nulls(d, plan->children[i], &vec->children[i], NULL, (int)vec->child_rows));
    if (plan->kind == PLAN_ROW)
        for (int i = 0; i < plan->child_count; i++)
            TRY(check_nulls(d, plan->children[i], &vec->children[i], vec->validity ? vec->validity : outer, count));
    return STATUS_OK;
}

enum status parquet_decode(const struct parquet_rows *rows, int first, int count, struct arena *arena,
                           struct vector *const *columns, struct error *err) {
    assert(first >= 0 && count <= VECTOR_CAPACITY && first + count <= rows->count);
    struct decoding d = {rows, first, count, arena, err};
    for (int i = 0; i < rows->shape->column_count; i++) {
        TRY(decode_node(&d, rows->shape->columns[i], columns[i], count, VECTOR_CAPACITY));
        TRY(check_nulls(&d, rows->shape->columns[i], columns[i], NULL, count));
    }
    return STATUS_OK;
}

/* ---- Statistics ---- */

/* A bound as a value of the column's type; false when it has none. */
static bool bound_value(const struct plan_node *plan, const void *bytes, int32_t len, struct arena *arena,
                        struct value *out) {
    if (plan->convert.conversion == CONVERT_TEXT || plan->convert.conversion == CONVERT_BYTES) {
        *out = (struct value){.type = plan->type, .str = {bytes, (size_t)len}};
        return len >= 0;
    }
    if (plan->convert.conversion == CONVERT_UUID || plan->convert.conversion == CONVERT_INT96) return false;
    carquet_byte_array_t array = {(uint8_t *)bytes, len};
    uint8_t copy[PARQUET_MAX_FIXED_BYTES];
    const void *values = &array;
    if (plan->convert.physical != CARQUET_PHYSICAL_BYTE_ARRAY) {
        if (len != plan->convert.value_bytes) return false;
        memcpy(copy, bytes, (size_t)len);
        values = copy;
    }
    struct vector vec;
    vector_init(&vec, arena, plan->type, 1);
    if (parquet_convert(&plan->convert, values, 1, NULL, &vec, arena, NULL) != STATUS_OK) return false;
    *out = vector_get(&vec, 0, arena);
    if (plan->type->id == TYPE_FLOAT) return out->f32 == out->f32;
    return plan->type->id != TYPE_DOUBLE || out->f64 == out->f64;
}

void parquet_column_bounds(const struct parquet_reader *reader, int row_group, int index, struct parquet_bounds *out) {
    const struct shape *shape = reader->shape;
    const struct plan_node *plan = shape->columns[index];
    *out = (struct parquet_bounds){.row_count = parquet_row_count(shape->file, row_group), .distinct_count = -1};
    if (plan->kind == PLAN_MISSING) {
        out->has_null_count = true;
        out->null_count = out->row_count;
        return;
    }
    if (plan->kind != PLAN_LEAF) return;
    carquet_column_statistics_t stats;
    if (carquet_reader_column_statistics(shape->file->carquet, row_group, shape->leaves[plan->leaf].column, &stats) !=
        CARQUET_OK)
        return;
    out->has_null_count = stats.has_null_count && stats.null_count >= 0;
    out->null_count = stats.null_count;
    if (stats.has_distinct_count && stats.distinct_count > 0) out->distinct_count = stats.distinct_count;
    /* CHAR is compared without the blanks at its end */
    if (!stats.has_min_max || plan->type->id == TYPE_CHAR) return;
    struct arena arena;
    arena_init(&arena, NULL);
    out->has_values = bound_value(plan, stats.min_value, stats.min_value_size, &arena, &out->min) &&
                      bound_value(plan, stats.max_value, stats.max_value_size, &arena, &out->max);
    arena_destroy(&arena);
}
