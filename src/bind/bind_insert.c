/* INSERT: which columns are written, and the query brought to their types. */
#include "bind/bind_private.h"
#include "types/cast.h"

/* ---- may a value of one type be stored in a column of another without CAST ---- */

static bool integer_fits(const struct type *from, const struct type *to) {
    return from->id >= TYPE_TINYINT && from->id <= to->id;
}

bool assignable(const struct type *from, const struct type *to) {
    if (from->id == TYPE_NULL) return true;
    switch (to->id) {
    case TYPE_BOOLEAN:
    case TYPE_CHAR:
    case TYPE_BINARY:
    case TYPE_INTERVAL_YEAR_MONTH:
    case TYPE_INTERVAL_DAY_TIME: return from->id == to->id;
    case TYPE_VARCHAR: return type_is_char(from);
    case TYPE_VARBINARY: return type_is_bytes(from);
    case TYPE_TINYINT:
    case TYPE_SMALLINT:
    case TYPE_INT:
    case TYPE_BIGINT: return type_is_integer(from) && integer_fits(from, to);
    case TYPE_FLOAT: return type_is_numeric(from) && from->id != TYPE_DOUBLE;
    case TYPE_DOUBLE:
    case TYPE_DECIMAL: return type_is_numeric(from);
    case TYPE_DATE: return from->id == TYPE_DATE || from->id == TYPE_TIMESTAMP;
    case TYPE_TIME: return from->id == TYPE_TIME || from->id == TYPE_TIMESTAMP;
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMP_LTZ: return type_is_timestamp(from);
    case TYPE_ARRAY:
    case TYPE_MAP:
    case TYPE_MULTISET:
    case TYPE_ROW:
        if (from->id != to->id || from->child_count != to->child_count) return false;
        for (int i = 0; i < to->child_count; i++) {
            if (!assignable(from->children[i], to->children[i])) return false;
        }
        return true;
    default: return false;
    }
}

const struct type *written_type(struct binder *b, const struct type *from, const struct type *to) {
    bool is_text = type_is_char(from) && type_is_char(to), is_bytes = type_is_bytes(from) && type_is_bytes(to);
    if (b->env->trims_lengths || (!is_text && !is_bytes)) return to;
    bool is_fixed = to->id == TYPE_CHAR || to->id == TYPE_BINARY;
    if (is_fixed ? from->id == to->id && from->length == to->length : from->length <= to->length) return to;
    return type_string(b->arena, is_text ? TYPE_VARCHAR : TYPE_VARBINARY, TYPE_MAX_LENGTH, to->nullable);
}

/* ---- messages ---- */

static const char *query_schema_text(struct binder *b, const struct schema *schema) {
    struct strbuf buf = {0};
    strbuf_putc(&buf, '[');
    for (int i = 0; i < schema->column_count; i++) {
        strbuf_printf(&buf, "%s%s: ", i ? ", " : "", schema->names[i]);
        type_print(&buf, schema->types[i]);
    }
    strbuf_putc(&buf, ']');
    const char *text = arena_strndup(b->arena, buf.data, buf.len);
    strbuf_free(&buf);
    return text;
}

static const char *sink_schema_text(struct binder *b, const struct bound_insert *insert) {
    struct strbuf buf = {0};
    strbuf_putc(&buf, '[');
    for (int i = 0; i < insert->column_count; i++) {
        const struct table_column *column = &insert->table->columns[insert->columns[i]];
        strbuf_printf(&buf, "%s%s: ", i ? ", " : "", column->name);
        type_print(&buf, column->type);
    }
    strbuf_putc(&buf, ']');
    const char *text = arena_strndup(b->arena, buf.data, buf.len);
    strbuf_free(&buf);
    return text;
}

static void add_schemas(struct binder *b, const struct bound_insert *insert, const struct schema *schema,
                        struct error *err) {
    error_detail(err, "query schema: %s; sink schema: %s", query_schema_text(b, schema), sink_schema_text(b, insert));
}

/* The select item behind a column, when it can be told; else the query. */
static const struct ast_node *item_node(const struct ast_query *query, int index) {
    const struct ast_node *body = query->body;
    if (body->kind == AST_SELECT) {
        const struct ast_list *items = &((const struct ast_select *)body)->items;
        for (int i = 0; i <= index && i < items->count; i++) {
            const struct ast_select_item *item = AST_AT(*items, i, ast_select_item);
            if (item->expr->kind == AST_STAR) break;
            if (i == index) return item->expr;
        }
    }
    if (body->kind == AST_VALUES) {
        const struct ast_values *values = (const struct ast_values *)body;
        const struct ast_node *const *items;
        int count;
        row_operands(values->rows.items[0], &items, &count);
        if (values->rows.count == 1 && items && index < count) return items[index];
    }
    return &query->node;
}

/* ---- target columns ---- */

enum status find_target(struct binder *b, const struct table *table, const struct ast_node *node, const char *name,
                        int *out, struct error *err) {
    for (int i = 0; i < table->column_count; i++) {
        const struct table_column *column = &table->columns[i];
        if (strcmp(column->name, name) != 0) continue;
        if (column->kind == COLUMN_COMPUTED || (column->kind == COLUMN_METADATA && column->is_virtual)) {
            return bind_error(b, err, STATUS_INVALID_QUERY, node, "column '%s' cannot be written: it is %s", name,
                              column->kind == COLUMN_COMPUTED ? "computed" : "virtual metadata");
        }
        *out = i;
        return STATUS_OK;
    }
    enum status status =
        bind_error(b, err, STATUS_UNDEFINED_COLUMN, node, "column '%s' not found in table '%s'", name, table->name);
    const char **names = ARENA_ARRAY(b->arena, const char *, table->column_count);
    for (int i = 0; i < table->column_count; i++) names[i] = table->columns[i].name;
    const char *near = str_nearest(name, names, table->column_count);
    if (near) error_hint(err, "did you mean '%s'?", near);
    return status;
}

static bool contains(const int *columns, int count, int column) {
    for (int i = 0; i < count; i++) {
        if (columns[i] == column) return true;
    }
    return false;
}

/* PARTITION (a = 1): columns with constants, written behind the query's. */
struct constants {
    int count;
    int *columns;
    struct expr **exprs;
    struct value *values;
};

enum status bind_partition_value(struct binder *b, const struct ast_assignment *assignment,
                                 const struct table_column *column, struct value *out, struct error *err) {
    const struct type *type = column->type;
    if (!assignment->value) {
        return bind_error(b, err, STATUS_INVALID_QUERY, &assignment->node, "partition column '%s' needs a value",
                          column->name);
    }
    struct value value;
    TRY(bind_constant(b, assignment->value, "a partition value", &value, err));
    struct expr *expr = expr_at(b, expr_const(b->arena, &value), assignment->value);
    if (expr->type->id != TYPE_NULL && !type_equal_but_nullable(expr->type, type) && !cast_allowed(expr->type, type)) {
        return bind_error(b, err, STATUS_TYPE_MISMATCH, assignment->value,
                          "partition column '%s' has type %s, its value %s", column->name,
                          type_to_string(b->arena, type), type_to_string(b->arena, expr->type));
    }
    struct expr *cast = expr_fold(b->arena, implicit_cast(b, expr, type));
    if (cast->kind != EXPR_CONST)
        return bind_error(b, err, STATUS_TYPE_MISMATCH, assignment->value,
                          "the value of partition column '%s' is no %s", column->name, type_to_string(b->arena, type));
    *out = cast->constant;
    return STATUS_OK;
}

static enum status bind_partition(struct binder *b, const struct ast_insert *insert, const struct table *table,
                                  struct constants *constants, struct error *err) {
    const struct ast_partition_spec *spec = insert->partition;
    int count = spec ? spec->assignments.count : 0;
    *constants = (struct constants){.columns = ARENA_ARRAY(b->arena, int, count),
                                    .exprs = ARENA_ARRAY(b->arena, struct expr *, count),
                                    .values = ARENA_ARRAY(b->arena, struct value, count)};
    for (int i = 0; i < count; i++) {
        const struct ast_assignment *assignment = AST_AT(spec->assignments, i, ast_assignment);
        const char *name = assignment->target->parts[assignment->target->count - 1].text;
        int column;
        TRY(find_target(b, table, &assignment->target->node, name, &column, err));
        if (!contains(table->partitioned_by, table->partitioned_by_count, column)) {
            return bind_error(b, err, STATUS_INVALID_QUERY, &assignment->target->node,
                              "column '%s' is not in PARTITIONED BY of table '%s'", name, table->name);
        }
        if (contains(constants->columns, constants->count, column)) {
            return bind_error(b, err, STATUS_DUPLICATE_NAME, &assignment->target->node,
                              "PARTITION names column '%s' twice", name);
        }
        struct value *value = &constants->values[constants->count];
        TRY(bind_partition_value(b, assignment, &table->columns[column], value, err));
        constants->exprs[constants->count] = expr_at(b, expr_const(b->arena, value), assignment->value);
        constants->columns[constants->count++] = column;
    }
    return STATUS_OK;
}

static enum status listed_columns(struct binder *b, const struct ast_insert *insert, const struct table *table,
                                  const struct constants *constants, int *columns, int *count, struct error *err) {
    for (int i = 0; i < insert->columns.count; i++) {
        const struct ast_name *name = AST_AT(insert->columns, i, ast_name);
        if (name->count > 1) return not_supported(b, err, &name->node, "writing a field of a ROW column alone");
        int column;
        TRY(find_target(b, table, &name->node, name->parts[0].text, &column, err));
        if (contains(columns, *count, column) || contains(constants->columns, constants->count, column)) {
            return bind_error(b, err, STATUS_DUPLICATE_NAME, &name->node, "column '%s' is written twice",
                              name->parts[0].text);
        }
        columns[(*count)++] = column;
    }
    return STATUS_OK;
}

/* What the statement does not name must be able to stay unset. */
static enum status check_unset(struct binder *b, const struct ast_insert *insert, const struct table *table,
                               const struct constants *constants, const int *columns, int count, struct error *err) {
    for (int i = 0; i < table->column_count; i++) {
        const struct table_column *column = &table->columns[i];
        if (column->kind != COLUMN_PHYSICAL || column->type->nullable) continue;
        if (contains(columns, count, i) || contains(constants->columns, constants->count, i)) continue;
        return bind_error(b, err, STATUS_NULL_NOT_ALLOWED, AST_AT(insert->columns, 0, ast_node),
                          "column '%s' is NOT NULL and must be in the column list", column->name);
    }
    return STATUS_OK;
}

static enum status bind_targets(struct binder *b, const struct ast_insert *insert, const struct constants *constants,
                                struct bound_insert *out, struct error *err) {
    const struct table *table = out->table;
    int *columns = ARENA_ARRAY(b->arena, int, table->column_count + constants->count), count = 0;
    if (insert->columns.count) {
        /* the list cannot be longer than the table: names in it are different */
        TRY(listed_columns(b, insert, table, constants, columns, &count, err));
        TRY(check_unset(b, insert, table, constants, columns, count, err));
    } else {
        for (int i = 0; i < table->column_count; i++) {
            const struct table_column *column = &table->columns[i];
            bool written = column->kind == COLUMN_PHYSICAL || (column->kind == COLUMN_METADATA && !column->is_virtual);
            if (written && !contains(constants->columns, constants->count, i)) columns[count++] = i;
        }
    }
    out->columns = columns;
    out->column_count = count;
    return STATUS_OK;
}

/* ---- types ---- */

bool exact_number(struct binder *b, const struct expr *expr, const struct type *to, struct expr **out) {
    if (expr->kind != EXPR_CONST || !type_is_numeric(expr->type) || !type_is_numeric(to)) return false;
    struct value narrow, back;
    const struct type *target = type_with_nullable(b->arena, to, expr->type->nullable);
    if (expr->constant.is_null) {
        *out = expr_null(b->arena, target);
        return true;
    }
    if (value_cast(b->arena, &expr->constant, target, NULL, &narrow, NULL) != STATUS_OK) return false;
    if (value_cast(b->arena, &narrow, expr->type, NULL, &back, NULL) != STATUS_OK) return false;
    if (value_compare(&expr->constant, &back) != 0) return false;
    *out = expr_const(b->arena, &narrow);
    (*out)->offset = expr->offset;
    (*out)->length = expr->length;
    return true;
}

/* Rows of VALUES take the columns' types themselves; number literals fit wherever their values do. */
static void cast_values(struct binder *b, struct rel *rel, const struct bound_insert *insert) {
    if (rel->kind != REL_VALUES || rel->schema.column_count != insert->column_count) return;
    const struct type **types =
        arena_memdup(b->arena, rel->schema.types, sizeof *types * (size_t)rel->schema.column_count);
    struct expr **cast = ARENA_ARRAY(b->arena, struct expr *, rel->values.row_count);
    for (int c = 0; c < insert->column_count; c++) {
        const struct type *to = insert->table->columns[insert->columns[c]].type;
        if (types[c]->id == TYPE_NULL && !to->nullable) continue;
        if (written_type(b, types[c], to) != to) continue;
        bool lossless = assignable(types[c], to), fits = true;
        for (int r = 0; r < rel->values.row_count && fits; r++) {
            struct expr *cell = rel->values.rows[r][c];
            if (lossless)
                cast[r] = expr_fold(b->arena, implicit_cast(b, cell, to));
            else
                fits = exact_number(b, cell, to, &cast[r]);
        }
        if (!fits) continue;
        for (int r = 0; r < rel->values.row_count; r++) rel->values.rows[r][c] = cast[r];
        types[c] = type_with_nullable(b->arena, to, types[c]->nullable);
    }
    rel->schema.types = types;
}

/* schema: the query's, as it is after cast_values; written: as it was before, for messages. */
static enum status check_type(struct binder *b, const struct ast_query *query, const struct bound_insert *out,
                              const struct schema *schema, const struct schema *written, int index, struct error *err) {
    const struct table_column *column = &out->table->columns[out->columns[index]];
    const struct type *from = schema->types[index];
    const struct ast_node *node = item_node(query, index);
    if (from->id == TYPE_NULL && !column->type->nullable) {
        return bind_error(b, err, STATUS_NULL_NOT_ALLOWED, node, "NULL for column '%s', which is NOT NULL",
                          column->name);
    }
    if (assignable(from, column->type)) return STATUS_OK;
    enum status status =
        bind_error(b, err, STATUS_TYPE_MISMATCH, node,
                   "incompatible types for sink column '%s' at position %d: the query has %s, the table %s",
                   column->name, index, type_to_string(b->arena, from), type_to_string(b->arena, column->type));
    add_schemas(b, out, written, err);
    if (cast_allowed(from, column->type)) {
        error_hint(err, "CAST(... AS %s)", type_to_string(b->arena, type_with_nullable(b->arena, column->type, true)));
    }
    return status;
}

static enum status check_types(struct binder *b, const struct ast_query *query, struct rel *rel,
                               const struct bound_insert *out, struct error *err) {
    struct schema written = rel->schema;
    if (written.column_count != out->column_count) {
        enum status status = bind_error(b, err, STATUS_INVALID_QUERY, &query->node,
                                        "column types of query result and sink for '%s' do not match: different number "
                                        "of columns (the query has %d, the sink %d)",
                                        out->table->name, written.column_count, out->column_count);
        add_schemas(b, out, &written, err);
        return status;
    }
    cast_values(b, rel, out);
    for (int i = 0; i < out->column_count; i++) TRY(check_type(b, query, out, &rel->schema, &written, i, err));
    return STATUS_OK;
}

/* The query's columns as the table's types, constants of PARTITION behind them. */
static enum status cast_query(struct binder *b, const struct ast_query *query, const struct constants *constants,
                              struct bound_insert *out, struct error *err) {
    int count = out->column_count, total = count + constants->count;
    struct expr **exprs = ARENA_ARRAY(b->arena, struct expr *, total);
    const char **names = ARENA_ARRAY(b->arena, const char *, total);
    int *columns = ARENA_ARRAY(b->arena, int, total);
    bool needed = constants->count > 0;
    for (int i = 0; i < count; i++) {
        const struct table_column *column = &out->table->columns[out->columns[i]];
        struct expr *source = expr_at(b, column_of(b, out->rel, i), item_node(query, i));
        exprs[i] = implicit_cast(b, source, written_type(b, source->type, column->type));
        needed |= exprs[i] != source;
        names[i] = column->name;
        columns[i] = out->columns[i];
    }
    for (int i = 0; i < constants->count; i++) {
        exprs[count + i] = constants->exprs[i];
        columns[count + i] = constants->columns[i];
        names[count + i] = out->table->columns[constants->columns[i]].name;
    }
    if (!needed) return STATUS_OK;
    TRY_REL(out->rel, b, project(b, out->rel, total, exprs, names), &query->node, err);
    out->columns = columns;
    out->column_count = total;
    return STATUS_OK;
}

static enum status finish_query(struct binder *b, const struct ast_query *query, struct rel *rel,
                                const struct constants *constants, struct bound_insert *out, struct error *err) {
    TRY(check_types(b, query, rel, out, err));
    out->rel = rel;
    TRY(cast_query(b, query, constants, out, err));
    if (rel_depth(out->rel) <= REL_MAX_DEPTH) return STATUS_OK;
    return bind_error(b, err, STATUS_LIMIT_EXCEEDED, &query->node, "the query is nested deeper than %d nodes",
                      REL_MAX_DEPTH);
}

static enum status bind_source_query(struct binder *b, const struct ast_query *query, const struct constants *constants,
                                     struct bound_insert *out, struct error *err) {
    struct query_result source = {0};
    TRY(bind_query_body(b, query, NULL, &source, err));
    return finish_query(b, query, source.rel, constants, out, err);
}

/* ---- the statement ---- */

static enum status bind_conflict(struct binder *b, const struct ast_insert *insert, struct bound_insert *out,
                                 struct error *err) {
    switch (insert->on_conflict) {
    case AST_ON_CONFLICT_NONE: out->conflict = CONFLICT_NONE; return STATUS_OK;
    case AST_ON_CONFLICT_ERROR: out->conflict = CONFLICT_ERROR; break;
    case AST_ON_CONFLICT_NOTHING: out->conflict = CONFLICT_NOTHING; break;
    case AST_ON_CONFLICT_DEDUPLICATE: out->conflict = CONFLICT_DEDUPLICATE; break;
    }
    if (out->table->primary_key_count) return STATUS_OK;
    (void)b;
    return error_set_at(err, STATUS_INVALID_QUERY, insert->on_conflict_offset, insert->on_conflict_length,
                        "ON CONFLICT needs a table with a primary key, '%s' has none", out->table->name);
}

enum status bind_insert(struct bind_env *env, const struct ast_insert *insert, struct bound_insert *out,
                        struct error *err) {
    struct binder b;
    binder_init(&b, env);
    struct bound_insert result = {
        .overwrite = insert->overwrite, .offset = insert->node.offset, .length = insert->node.length};
    TRY(find_table(&b, insert->table, &result.table, err));
    if (!insert->maintains) TRY(check_target(&b, result.table, &insert->table->node, "insert into", err));
    TRY(apply_option_hints(&b, result.table, &insert->hints, &result.table, err));
    TRY(bind_conflict(&b, insert, &result, err));
    struct constants constants;
    TRY(bind_partition(&b, insert, result.table, &constants, err));
    result.fixed_count = constants.count;
    result.fixed_columns = constants.columns;
    result.fixed_values = constants.values;
    TRY(bind_targets(&b, insert, &constants, &result, err));
    TRY(bind_source_query(&b, insert->query, &constants, &result, err));
    *out = result;
    return STATUS_OK;
}

enum status bind_insert_by_name(struct bind_env *env, const struct table *table, const struct ast_query *query,
                                struct bound_insert *out, struct error *err) {
    struct binder b;
    binder_init(&b, env);
    struct bound_insert result = {.table = table, .offset = query->node.offset, .length = query->node.length};
    struct query_result source = {0};
    TRY(bind_query_body(&b, query, NULL, &source, err));
    int count = source.rel->schema.column_count;
    int *columns = ARENA_ARRAY(b.arena, int, count);
    for (int i = 0; i < count; i++) {
        TRY(find_target(&b, table, &query->node, source.rel->schema.names[i], &columns[i], err));
    }
    result.columns = columns;
    result.column_count = count;
    const struct constants none = {0};
    TRY(finish_query(&b, query, source.rel, &none, &result, err));
    *out = result;
    return STATUS_OK;
}
