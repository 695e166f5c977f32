/* Estimates: how many rows a node has, and how many distinct values, NULLs and which bounds its columns.
 *
 * Predicates are taken as independent, values as uniform between their bounds, and the key values of the side of a join
 * that has fewer as contained in the other's (Selinger et al., SIGMOD 1979). What is not known has the old rules of thumb.
 * Estimates only choose between plans that give the same answer. */
#include <math.h>
#include <stdlib.h>

#include "plan/plan_private.h"
#include "types/decimal.h"

enum { ESTIMATE_MAP_MIN = 256 };

/* Shares of rows that satisfy what is not known better. */
static const double share_equal = 0.1, share_range = 0.33, share_like = 0.25, share_other = 0.5, share_groups = 0.2;

struct estimate_entry {
    const struct rel *rel;
    struct estimate *estimate;
};

struct table_entry {
    const struct table *table;
    struct table_statistics *statistics;
    struct table_entry *next;
};

struct estimates {
    struct estimate_entry *map; /* open addressing, capacity is a power of two */
    size_t count, capacity;
    struct table_entry *tables;
};

static double clamp(double x, double low, double high) { return x < low ? low : x > high ? high : x; }

/* ---- tables ---- */

static bool same_text(const char *a, const char *b) { return a == b || (a && b && strcmp(a, b) == 0); }

static bool same_table(const struct table *a, const struct table *b) {
    if (a == b) return true;
    if (!same_text(a->catalog, b->catalog) || !same_text(a->database, b->database) || !same_text(a->name, b->name) ||
        !same_text(a->connector, b->connector) || a->column_count != b->column_count ||
        a->options.count != b->options.count || a->statistics != b->statistics)
        return false;
    for (int i = 0; i < a->options.count; i++)
        if (!same_text(a->options.keys[i], b->options.keys[i]) ||
            !same_text(a->options.values[i], b->options.values[i]))
            return false;
    return true;
}

/* What ANALYZE found goes before what the connector knows; the connector's number of rows is the newer one. */
static void read_statistics(struct planner *p, const struct table *table, struct table_statistics *out) {
    table_statistics_init(out, p->arena, table->column_count);
    const struct connector *connector = table->connector ? p->options->find_connector(table->connector) : NULL;
    const struct source_class *source = connector ? connector->source : NULL;
    if (source && source->statistics) source->statistics(table, p->arena, out);
    if (out->row_count < 0 && source && source->row_estimate) out->row_count = (double)source->row_estimate(table);
    const struct table_statistics *analyzed = table->statistics;
    if (!analyzed || analyzed->column_count != table->column_count) return; /* altered since */
    if (out->row_count < 0) out->row_count = analyzed->row_count;
    /* The table has grown since: columns with many values have more of them. */
    double growth =
        analyzed->row_count > 0 && out->row_count > analyzed->row_count ? out->row_count / analyzed->row_count : 1;
    for (int i = 0; i < analyzed->column_count; i++) {
        const struct column_statistics *column = &analyzed->columns[i];
        if (column->distinct_count < 0) continue;
        bool is_keyish = column->distinct_count * 10 > analyzed->row_count;
        out->columns[i] = *column;
        if (is_keyish) out->columns[i].distinct_count *= growth;
    }
}

static struct estimates *estimates_of(struct planner *p) {
    if (!p->estimates) p->estimates = ARENA_NEW(p->arena, struct estimates);
    return p->estimates;
}

static const struct table_statistics *statistics_of(struct planner *p, const struct table *table) {
    struct estimates *estimates = estimates_of(p);
    for (struct table_entry *entry = estimates->tables; entry; entry = entry->next)
        if (same_table(entry->table, table)) return entry->statistics;
    struct table_entry *entry = ARENA_NEW(p->arena, struct table_entry);
    entry->table = table;
    entry->statistics = ARENA_NEW(p->arena, struct table_statistics);
    read_statistics(p, table, entry->statistics);
    entry->next = estimates->tables;
    estimates->tables = entry;
    return entry->statistics;
}

/* ---- values on a line ---- */

/* Numbers as they are, days and times in days: then values of a column and of its cast can be compared. */
static bool as_number(const struct value *value, double *out) {
    if (value->is_null) return false;
    static const double day_us = 86400e6, day_ns = 86400e9;
    switch (value->type->id) {
    case TYPE_TINYINT:
    case TYPE_SMALLINT:
    case TYPE_INT:
    case TYPE_BIGINT:
    case TYPE_DATE: *out = (double)value->i64; return true;
    case TYPE_DECIMAL: *out = decimal_to_double(value_decimal(value), value->type->scale); return true;
    case TYPE_FLOAT: *out = value->f32; return isfinite(*out);
    case TYPE_DOUBLE: *out = value->f64; return isfinite(*out);
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMP_LTZ: *out = (double)value->i64 / (type_is_nanos(value->type) ? day_ns : day_us); return true;
    default: return false;
    }
}

/* How many values there can be between two of a type that has only whole steps; -1 for others. */
static double steps(const struct type *type, double low, double high) {
    switch (type->id) {
    case TYPE_TINYINT:
    case TYPE_SMALLINT:
    case TYPE_INT:
    case TYPE_BIGINT:
    case TYPE_DATE: return high - low + 1;
    case TYPE_DECIMAL: return (high - low) * pow(10, type->scale) + 1;
    default: return -1;
    }
}

static void column_from(struct column_estimate *out, const struct column_statistics *known, const struct type *type,
                        double rows) {
    *out = (struct column_estimate){.distinct = known->distinct_count, .nulls = fmax(0, known->null_fraction)};
    out->bounded = known->has_bounds && as_number(&known->low, &out->low) && as_number(&known->high, &out->high) &&
                   out->low <= out->high;
    double most = rows * (1 - out->nulls);
    if (out->distinct < 0 && out->bounded) {
        double values = steps(type, out->low, out->high);
        if (values >= 0) out->distinct = fmin(values, most);
    }
    if (type->id == TYPE_BOOLEAN && out->distinct < 0) out->distinct = 2;
    if (out->distinct >= 0) out->distinct = clamp(out->distinct, 1, fmax(1, most));
}

/* ---- conditions ---- */

static const struct expr *bare_column(const struct expr *expr) {
    while (expr->kind == EXPR_CAST && plani_cast_is_lossless(expr->args[0]->type, expr->type)) expr = expr->args[0];
    return expr->kind == EXPR_COLUMN ? expr : NULL;
}

static struct column_estimate *column_of(const struct estimate *in, const struct expr *expr) {
    const struct expr *column = in ? bare_column(expr) : NULL;
    return column ? &in->columns[column->column.index] : NULL;
}

static double share_of_equality(struct column_estimate *column, const struct value *constant) {
    double value;
    if (column->bounded && as_number(constant, &value) && (value < column->low || value > column->high)) return 0;
    return column->distinct > 0 ? (1 - column->nulls) / column->distinct : share_equal;
}

/* column op constant; narrows the column's bounds */
static double share_of_range(struct column_estimate *column, const struct value *constant, char op) {
    double value;
    if (!column->bounded || !as_number(constant, &value)) return share_range;
    double low = column->low, high = column->high, share;
    if (high <= low)
        share = op == '<' ? value >= low : value <= low;
    else
        share = op == '<' ? (value - low) / (high - low) : (high - value) / (high - low);
    share = clamp(share, 0, 1);
    if (op == '<') column->high = clamp(value, low, high);
    if (op == '>') column->low = clamp(value, low, high);
    if (column->distinct > 0) column->distinct = fmax(1, column->distinct * share);
    return share * (1 - column->nulls);
}

static struct estimate *copy_of(struct planner *p, const struct estimate *in) {
    if (!in) return NULL;
    struct estimate *copy = arena_memdup(p->arena, in, sizeof *in);
    copy->columns = arena_memdup(p->arena, in->columns, sizeof *in->columns * (size_t)(in->column_count + 1));
    return copy;
}

static double share_of(struct planner *p, const struct expr *condition, struct estimate *in);

static double share_of_comparison(const struct expr *call, struct estimate *in) {
    const char *name = call->function->name;
    bool equal = strcmp(name, "=") == 0 || strcmp(name, "IS NOT DISTINCT FROM") == 0, unequal = strcmp(name, "<>") == 0;
    struct column_estimate *a = column_of(in, call->args[0]), *b = column_of(in, call->args[1]);
    const struct expr *constant = call->args[1];
    bool swapped = false;
    if (!a && b) {
        a = b;
        b = NULL;
        constant = call->args[0];
        swapped = true;
    }
    if (a && b) { /* of one row */
        double distinct = fmax(a->distinct, b->distinct);
        double share = distinct > 0 ? 1 / distinct : share_equal;
        return equal ? share : unequal ? 1 - share : share_range;
    }
    if (a && constant->kind == EXPR_CONST) {
        if (equal) {
            double share = share_of_equality(a, &constant->constant);
            a->distinct = 1;
            a->bounded =
                a->bounded && as_number(&constant->constant, &a->low) && as_number(&constant->constant, &a->high);
            return share;
        }
        if (unequal) return 1 - a->nulls - share_of_equality(a, &constant->constant);
        return share_of_range(a, &constant->constant, (name[0] == '<') != swapped ? '<' : '>');
    }
    if (equal) return a && a->distinct > 0 ? 1 / a->distinct : share_equal;
    return unequal ? 1 - share_equal : share_range;
}

static double share_of_in(const struct expr *call, struct estimate *in) {
    struct column_estimate *column = column_of(in, call->args[0]);
    double share = 0;
    int count = call->arg_count - 1;
    for (int i = 0; i < count; i++) {
        const struct expr *item = call->args[i + 1];
        if (item->kind == EXPR_CONST && item->constant.is_null) continue;
        share += column && item->kind == EXPR_CONST ? share_of_equality(column, &item->constant) : share_equal;
    }
    if (column && column->distinct > 0) {
        column->distinct = fmin(column->distinct, count);
        return fmin(1, share);
    }
    return fmin(0.5, share);
}

static double share_of_call(struct planner *p, const struct expr *call, struct estimate *in) {
    const char *name = call->function->name;
    if (strcmp(name, "NOT") == 0) return 1 - share_of(p, call->args[0], copy_of(p, in));
    if (strcmp(name, "IS NULL") == 0 || strcmp(name, "IS NOT NULL") == 0) {
        struct column_estimate *column = column_of(in, call->args[0]);
        double nulls = column && column->distinct >= 0 ? column->nulls : share_equal;
        if (name[3] == 'N' && name[4] == 'U') return nulls;
        if (column) column->nulls = 0;
        return 1 - nulls;
    }
    if (strcmp(name, "IN") == 0) return share_of_in(call, in);
    if (strcmp(name, "LIKE") == 0) return share_like;
    if (call->arg_count == 2 &&
        (name[0] == '<' || name[0] == '>' || strcmp(name, "=") == 0 || strcmp(name, "IS NOT DISTINCT FROM") == 0))
        return share_of_comparison(call, in);
    return share_other;
}

/* The share of rows for which the condition holds; `in` (may be NULL) becomes what its columns are then. */
static double share_of(struct planner *p, const struct expr *condition, struct estimate *in) {
    if (condition->kind == EXPR_CONST) return plani_is_boolean(condition, true) ? 1 : 0;
    if (condition->kind == EXPR_COLUMN) return share_other;
    if (condition->kind == EXPR_AND) {
        double share = 1;
        for (int i = 0; i < condition->arg_count; i++) share *= share_of(p, condition->args[i], in);
        return share;
    }
    if (condition->kind == EXPR_OR) {
        double none = 1;
        for (int i = 0; i < condition->arg_count; i++) none *= 1 - share_of(p, condition->args[i], copy_of(p, in));
        return 1 - none;
    }
    return condition->kind == EXPR_CALL ? clamp(share_of_call(p, condition, in), 0, 1) : share_other;
}

double plani_selectivity(struct planner *p, const struct expr *condition, const struct estimate *in) {
    return share_of(p, condition, copy_of(p, in));
}

/* ---- nodes ---- */

static struct estimate *new_estimate(struct planner *p, int column_count) {
    struct estimate *estimate = ARENA_NEW(p->arena, struct estimate);
    estimate->rows = -1;
    estimate->column_count = column_count;
    estimate->columns = ARENA_ARRAY(p->arena, struct column_estimate, column_count + 1);
    for (int i = 0; i < column_count; i++) estimate->columns[i].distinct = -1;
    return estimate;
}

/* No column has more values than there are rows. */
static void cap(struct estimate *estimate) {
    if (estimate->rows < 0) return;
    for (int i = 0; i < estimate->column_count; i++)
        estimate->columns[i].distinct = fmin(estimate->columns[i].distinct, fmax(1, estimate->rows));
}

/* Of `rows` rows a share is kept: at least one, unless there was none. */
static double kept(double rows, double share) { return rows > 0 ? fmax(1, rows * share) : rows; }

static bool is_key_column(const struct table *table, int column) {
    for (int i = 0; i < table->primary_key_count; i++)
        if (table->primary_key[i] == column) return true;
    return false;
}

static double share_of_predicate(const struct predicate *predicate, struct column_estimate *column) {
    double share = 0;
    switch (predicate->op) {
    case PREDICATE_EQ: return share_of_equality(column, &predicate->values[0]);
    case PREDICATE_IN:
        for (int i = 0; i < predicate->value_count; i++) share += share_of_equality(column, &predicate->values[i]);
        return fmin(column->distinct > 0 ? 1 : 0.5, share);
    case PREDICATE_IS_NULL: return column->distinct >= 0 ? column->nulls : share_equal;
    case PREDICATE_IS_NOT_NULL: return column->distinct >= 0 ? 1 - column->nulls : 1 - share_equal;
    case PREDICATE_LT:
    case PREDICATE_LE: return share_of_range(column, &predicate->values[0], '<');
    case PREDICATE_GT:
    case PREDICATE_GE: return share_of_range(column, &predicate->values[0], '>');
    }
    return share_other;
}

/* Only predicates that the source takes exactly count here: a filter above has the others. By the whole primary key there is one
 * row per combination of values. */
static struct estimate *estimate_scan(struct planner *p, const struct rel *rel) {
    const struct table *table = rel->scan.table;
    const struct table_statistics *known = statistics_of(p, table);
    struct estimate *out = new_estimate(p, rel->schema.column_count);
    out->rows = known->row_count;
    for (int i = 0; i < rel->schema.column_count; i++) {
        int column = rel->scan.columns[i];
        column_from(&out->columns[i], &known->columns[column], rel->schema.types[i], fmax(0, out->rows));
        if (out->columns[i].distinct < 0 && table->primary_key_count == 1 && table->primary_key[0] == column)
            out->columns[i].distinct = out->rows;
    }
    double combinations = 1, share = 1;
    int keys = 0;
    for (int i = 0; i < rel->scan.predicate_count; i++) {
        const struct predicate *predicate = &rel->scan.predicates[i];
        if (!rel->scan.exact[i]) continue;
        struct column_estimate other, *column = &other;
        column_from(&other, &known->columns[predicate->column], table->columns[predicate->column].type,
                    fmax(0, out->rows));
        for (int k = 0; k < rel->schema.column_count; k++)
            if (rel->scan.columns[k] == predicate->column) column = &out->columns[k];
        if ((predicate->op == PREDICATE_EQ || predicate->op == PREDICATE_IN) &&
            is_key_column(table, predicate->column)) {
            keys++;
            combinations *= predicate->value_count;
        }
        share *= share_of_predicate(predicate, column);
    }
    if (keys && keys == table->primary_key_count)
        out->rows = out->rows < 0 ? combinations : fmin(out->rows, combinations);
    else
        out->rows = kept(out->rows, share);
    if (rel->scan.limit >= 0 && (out->rows < 0 || out->rows > (double)rel->scan.limit))
        out->rows = (double)rel->scan.limit;
    cap(out);
    return out;
}

static struct estimate *estimate_filter(struct planner *p, const struct rel *rel) {
    struct estimate *out = copy_of(p, plani_estimate(p, rel->inputs[0]));
    double share = share_of(p, rel->filter.condition, out);
    out->rows = kept(out->rows, share);
    cap(out);
    return out;
}

/* An expression has no more values than its columns have combinations. */
static double distinct_of(const struct expr *expr, const struct estimate *in) {
    if (expr->kind == EXPR_CONST) return 1;
    if (expr->kind == EXPR_COLUMN) return in->columns[expr->column.index].distinct;
    double distinct = 1;
    for (int i = 0; i < expr->arg_count; i++) {
        double of_arg = distinct_of(expr->args[i], in);
        if (of_arg < 0) return -1;
        distinct *= of_arg;
    }
    return expr->arg_count && (in->rows < 0 || distinct < in->rows) && !plani_is_random(expr) ? distinct : -1;
}

static void estimate_expr(struct column_estimate *out, const struct expr *expr, const struct estimate *in) {
    const struct expr *column = bare_column(expr);
    if (column)
        *out = in->columns[column->column.index];
    else
        out->distinct = distinct_of(expr, in);
}

static struct estimate *estimate_project(struct planner *p, const struct rel *rel) {
    const struct estimate *in = plani_estimate(p, rel->inputs[0]);
    struct estimate *out = new_estimate(p, rel->schema.column_count);
    out->rows = in->rows;
    for (int i = 0; i < rel->schema.column_count; i++) estimate_expr(&out->columns[i], rel->project.exprs[i], in);
    return out;
}

double plani_key_share(const struct key_distincts *keys, int count, double left_rows, double right_rows) {
    double share = 1, of_left = 1, of_right = 1;
    bool left_known = true, right_known = true;
    for (int i = 0; i < count; i++) {
        double left = keys[i].left, right = keys[i].right;
        double most = left < 0 && right < 0 ? fmin(left_rows, right_rows) : fmax(left, right);
        share /= fmax(1, most);
        left_known &= left >= 0;
        right_known &= right >= 0;
        of_left *= left;
        of_right *= right;
    }
    if (count < 2) return share;
    /* Columns of one key are seldom independent: there are no more combinations than rows on the smaller side. */
    double combinations =
        fmin(left_known ? fmin(of_left, left_rows) : left_rows, right_known ? fmin(of_right, right_rows) : right_rows);
    return fmax(share, 1 / fmax(1, combinations));
}

static struct estimate *estimate_join(struct planner *p, const struct rel *rel) {
    const struct estimate *left = plani_estimate(p, rel->inputs[0]), *right = plani_estimate(p, rel->inputs[1]);
    int left_count = rel->inputs[0]->schema.column_count, count = rel->schema.column_count;
    bool left_only = rel->join.type == JOIN_SEMI || rel->join.type == JOIN_ANTI;
    /* Both sides' columns, for the rest of the condition. */
    struct estimate *both = new_estimate(p, left_count + rel->inputs[1]->schema.column_count);
    memcpy(both->columns, left->columns, sizeof *both->columns * (size_t)left_count);
    memcpy(both->columns + left_count, right->columns, sizeof *both->columns * (size_t)right->column_count);
    struct estimate *out = new_estimate(p, count);
    memcpy(out->columns, both->columns, sizeof *out->columns * (size_t)count);
    if (left->rows < 0 || right->rows < 0) return out;

    struct join_keys keys;
    plani_join_keys(p, rel, &keys);
    struct key_distincts *distincts = ARENA_ARRAY(p->arena, struct key_distincts, keys.count + 1);
    double contained = 1; /* the share of left keys that there are on the right */
    for (int i = 0; i < keys.count; i++) {
        struct column_estimate a = {.distinct = -1}, b = {.distinct = -1};
        estimate_expr(&a, keys.left[i], left);
        estimate_expr(&b, keys.right[i], right);
        distincts[i] = (struct key_distincts){a.distinct, b.distinct};
        double share = a.distinct > 0 && b.distinct >= 0 ? fmin(1, b.distinct / a.distinct) : share_other;
        contained = fmin(contained, share);
    }
    double pairs = left->rows * right->rows * plani_key_share(distincts, keys.count, left->rows, right->rows), rest = 1;
    for (int i = 0; i < keys.residual.count; i++) rest *= share_of(p, keys.residual.items[i], both);
    pairs *= rest;
    switch (rel->join.type) {
    case JOIN_INNER: out->rows = pairs; break;
    case JOIN_LEFT: out->rows = fmax(left->rows, pairs); break;
    case JOIN_RIGHT: out->rows = fmax(right->rows, pairs); break;
    case JOIN_FULL: out->rows = fmax(fmax(left->rows, right->rows), pairs); break;
    case JOIN_SEMI:
    case JOIN_ANTI:
        if (!keys.count) contained = share_other;
        /* The condition needs one partner of several. */
        if (keys.residual.count) contained = fmin(contained, left->rows > 0 ? pairs / left->rows : 0);
        if (rel->join.type == JOIN_ANTI)
            contained = keys.residual.count ? share_other : fmax(share_equal, 1 - contained);
        out->rows = kept(left->rows, contained);
        break;
    }
    if (rel->join.single_row) out->rows = left->rows;
    if (out->rows > 0) out->rows = fmax(1, out->rows);
    for (int i = 0; i < keys.count && !left_only && rel->join.type == JOIN_INNER; i++) {
        const struct expr *a = bare_column(keys.left[i]), *b = bare_column(keys.right[i]);
        double fewer = fmin(distincts[i].left, distincts[i].right);
        if (fewer < 0) fewer = fmax(distincts[i].left, distincts[i].right);
        if (a) out->columns[a->column.index].distinct = fewer;
        if (b) out->columns[left_count + b->column.index].distinct = fewer;
    }
    cap(out);
    return out;
}

double plani_groups(const struct estimate *in, const int *keys, int key_count) {
    if (key_count == 0) return 1;
    if (in->rows < 0) return -1;
    double groups = 1;
    bool known = true;
    for (int i = 0; i < key_count; i++) {
        double distinct = in->columns[keys[i]].distinct;
        if (in->columns[keys[i]].nulls > 0) distinct++;
        known &= in->columns[keys[i]].distinct >= 0;
        groups *= fmax(1, distinct);
    }
    if (!known) groups = fmax(groups, in->rows * share_groups);
    return fmin(fmax(1, groups), in->rows > 0 ? in->rows : 1);
}

static struct estimate *estimate_aggregate(struct planner *p, const struct rel *rel) {
    const struct estimate *in = plani_estimate(p, rel->inputs[0]);
    struct estimate *out = new_estimate(p, rel->schema.column_count);
    for (int i = 0; i < rel->aggregate.key_count; i++) out->columns[i] = in->columns[rel->aggregate.keys[i]];
    out->rows = plani_groups(in, rel->aggregate.keys, rel->aggregate.key_count);
    if (rel->aggregate.grouping_set_count && in->rows >= 0) {
        out->rows = 0;
        int *keys = ARENA_ARRAY(p->arena, int, rel->aggregate.key_count + 1);
        for (int s = 0; s < rel->aggregate.grouping_set_count; s++) {
            int count = 0;
            for (int i = 0; i < rel->aggregate.key_count; i++)
                if (rel->aggregate.grouping_sets[s] >> i & 1) keys[count++] = rel->aggregate.keys[i];
            out->rows += plani_groups(in, keys, count);
        }
    }
    if (rel->aggregate.key_count == 1) out->columns[0].distinct = out->rows;
    cap(out);
    return out;
}

static struct estimate *estimate_set_op(struct planner *p, const struct rel *rel) {
    struct estimate *out = copy_of(p, plani_estimate(p, rel->inputs[0]));
    for (int i = 1; i < rel->input_count && rel->set_op.op == SET_UNION_ALL; i++) {
        const struct estimate *in = plani_estimate(p, rel->inputs[i]);
        out->rows = out->rows < 0 || in->rows < 0 ? -1 : out->rows + in->rows;
        for (int c = 0; c < out->column_count; c++) {
            struct column_estimate *a = &out->columns[c];
            const struct column_estimate *b = &in->columns[c];
            a->distinct = a->distinct < 0 || b->distinct < 0 ? -1 : a->distinct + b->distinct;
            a->nulls = fmax(a->nulls, b->nulls);
            a->bounded &= b->bounded;
            a->low = fmin(a->low, b->low);
            a->high = fmax(a->high, b->high);
        }
    }
    return out;
}

/* The input's columns pass, more may follow. */
static struct estimate *estimate_passing(struct planner *p, const struct rel *rel) {
    const struct estimate *in = plani_estimate(p, rel->inputs[0]);
    struct estimate *out = new_estimate(p, rel->schema.column_count);
    int common = in->column_count < out->column_count ? in->column_count : out->column_count;
    memcpy(out->columns, in->columns, sizeof *out->columns * (size_t)common);
    out->rows = in->rows;
    if (rel->kind == REL_SORT && rel->sort.limit >= 0 && (out->rows < 0 || out->rows > (double)rel->sort.limit))
        out->rows = (double)rel->sort.limit;
    if (rel->kind == REL_WINDOW_TVF && rel->window_tvf.slide_ms > 0 && out->rows > 0)
        out->rows *= fmax(1, (double)rel->window_tvf.size_ms / (double)rel->window_tvf.slide_ms);
    if (rel->kind == REL_UNNEST && out->rows > 0) out->rows *= PLAN_ELEMENTS_ESTIMATE;
    cap(out);
    return out;
}

static struct estimate *estimate_node(struct planner *p, const struct rel *rel) {
    struct estimate *out;
    switch (rel->kind) {
    case REL_SCAN: return estimate_scan(p, rel);
    case REL_FILTER: return estimate_filter(p, rel);
    case REL_PROJECT: return estimate_project(p, rel);
    case REL_JOIN: return estimate_join(p, rel);
    case REL_AGGREGATE: return estimate_aggregate(p, rel);
    case REL_SET_OP: return estimate_set_op(p, rel);
    case REL_WATERMARK:
    case REL_OVER:
    case REL_SORT:
    case REL_UNNEST:
    case REL_WINDOW_TVF: return estimate_passing(p, rel);
    case REL_VALUES:
        out = new_estimate(p, rel->schema.column_count);
        out->rows = rel->values.row_count;
        return out;
    case REL_ROWS: /* not there yet when the plan is made */
    case REL_KIND_COUNT: break;
    }
    return new_estimate(p, rel->schema.column_count);
}

/* ---- made once per node ---- */

static size_t slot_of(const struct estimates *estimates, const struct rel *rel) {
    size_t slot = ((uintptr_t)rel >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 20 & (estimates->capacity - 1);
    while (estimates->map[slot].rel && estimates->map[slot].rel != rel) slot = (slot + 1) & (estimates->capacity - 1);
    return slot;
}

static void grow(struct planner *p, struct estimates *estimates) {
    struct estimates old = *estimates;
    estimates->capacity = old.capacity ? old.capacity * 2 : ESTIMATE_MAP_MIN;
    estimates->map = ARENA_ARRAY(p->arena, struct estimate_entry, estimates->capacity);
    for (size_t i = 0; i < old.capacity; i++)
        if (old.map[i].rel) estimates->map[slot_of(estimates, old.map[i].rel)] = old.map[i];
}

const struct estimate *plani_estimate(struct planner *p, const struct rel *rel) {
    struct estimates *estimates = estimates_of(p);
    if (estimates->capacity) {
        size_t slot = slot_of(estimates, rel);
        if (estimates->map[slot].rel) return estimates->map[slot].estimate;
    }
    struct estimate *estimate = estimate_node(p, rel);
    if (estimates->count * 2 >= estimates->capacity) grow(p, estimates);
    estimates->map[slot_of(estimates, rel)] = (struct estimate_entry){rel, estimate};
    estimates->count++;
    return estimate;
}
