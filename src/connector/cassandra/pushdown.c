/* Which predicates go to the server, and the statement that asks for them. The rules (README.md) are such that no row is lost
 * and none is returned that does not match: a predicate is taken only if it means the same in CQL, and only where the server can
 * find its rows without reading all others. */
#include <math.h>
#include <stdlib.h>

#include "cass/bytes.h"
#include "connector/cassandra/cassandra_private.h"

enum { MAX_KEY_COLUMNS = 256 }; /* of a partition key that is asked for; more is a full scan */

struct planner {
    const struct cassandra_schema *schema;
    const struct table *table;
    const struct scan_request *request;
    const struct cassandra_indexes *indexes;
    struct arena *arena;
    enum pushdown_answer *answers;
    struct strbuf *explain; /* may be NULL */
};

/* What is asked for besides token range or partition key. */
struct restrictions {
    struct strbuf where, values;
    int count;       /* bound values */
    bool never;      /* no row can match */
    bool *one_value; /* per clustering column: restricted to one value */
    const char *index;
};

/* The bound values of an equality or IN, without duplicates. */
struct choice {
    int predicate; /* -1: none on that column */
    int count;
    struct str *values;
};

static int find_column(const struct table *table, const char *name) {
    for (int i = 0; i < table->column_count; i++)
        if (table->columns[i].kind == COLUMN_PHYSICAL && strcmp(table->columns[i].name, name) == 0) return i;
    return -1;
}

/* The column of Cassandra's table; -1 for metadata, whatever its name. */
static int schema_column(const struct cassandra_schema *schema, const struct table *table, int position) {
    const struct table_column *column = &table->columns[position];
    return column->kind == COLUMN_PHYSICAL ? cassandra_schema_find(schema, column->name) : -1;
}

static bool make_codec(const struct planner *p, const struct cassandra_column *column, int position,
                       struct cass_codec *codec) {
    return cass_codec_init(codec, p->arena, column->type, p->table->columns[position].type, column->name, NULL) ==
           STATUS_OK;
}

static bool encode_value(const struct planner *p, const struct cass_codec *codec, const struct value *value,
                         enum cass_match *match, struct str *out) {
    struct strbuf bytes = {0};
    if (value->is_null)
        *match = CASS_MATCH_NEVER; /* = NULL is true for no row */
    else
        *match = cass_encode_value_match(codec, value, &bytes);
    if (*match == CASS_MATCH_EXACT) *out = (struct str){arena_memdup(p->arena, bytes.data, bytes.len), bytes.len};
    strbuf_free(&bytes);
    return *match != CASS_MATCH_UNKNOWN;
}

static bool contains(const struct choice *choice, struct str value) {
    for (int i = 0; i < choice->count; i++)
        if (str_equal(choice->values[i], value)) return true;
    return false;
}

/* Looks for column = value or column IN (values) that means the same to the server. An empty choice: no row can match. */
static bool find_choice(const struct planner *p, const struct cassandra_column *column, int max_values,
                        struct choice *out) {
    int position = find_column(p->table, column->name);
    struct cass_codec codec;
    if (position < 0 || !make_codec(p, column, position, &codec) || !cass_codec_matches(&codec)) return false;
    for (int pass = 0; pass < 2; pass++) { /* an equality before an IN */
        enum predicate_op op = pass == 0 ? PREDICATE_EQ : PREDICATE_IN;
        for (int i = 0; i < p->request->predicate_count; i++) {
            const struct predicate *predicate = &p->request->predicates[i];
            if (predicate->column != position || predicate->op != op || predicate->value_count > max_values) continue;
            struct choice choice = {.predicate = i,
                                    .values = ARENA_ARRAY(p->arena, struct str, predicate->value_count + 1)};
            bool usable = true;
            for (int k = 0; k < predicate->value_count && usable; k++) {
                enum cass_match match;
                struct str value;
                usable = encode_value(p, &codec, &predicate->values[k], &match, &value);
                if (usable && match == CASS_MATCH_EXACT && !contains(&choice, value))
                    choice.values[choice.count++] = value;
            }
            if (!usable) continue;
            *out = choice;
            return true;
        }
    }
    return false;
}

static const char *operator_text(enum predicate_op op) {
    switch (op) {
    case PREDICATE_LT: return "<";
    case PREDICATE_LE: return "<=";
    case PREDICATE_GT: return ">";
    case PREDICATE_GE: return ">=";
    default: return "=";
    }
}

static void explain_predicate(const struct planner *p, int predicate, const char *name) {
    if (!p->explain) return;
    const struct predicate *found = &p->request->predicates[predicate];
    strbuf_printf(p->explain, " %s ", name);
    if (found->op == PREDICATE_IN) {
        strbuf_printf(p->explain, "IN (%d values)", found->value_count);
    } else {
        strbuf_printf(p->explain, "%s ", operator_text(found->op));
        value_print_sql(p->explain, &found->values[0]);
    }
}

static void explain_text(const struct planner *p, const char *text) {
    if (p->explain) strbuf_puts(p->explain, text);
}

/* ---- Restrictions ---- */

static void put_restriction(struct restrictions *r, const char *column, const char *op, struct str value) {
    if (r->where.len) strbuf_puts(&r->where, " AND ");
    cass_put_name(&r->where, column);
    strbuf_printf(&r->where, " %s ?", op);
    strbuf_add(&r->values, value.data, value.len);
    r->count++;
}

/* = one value, or IN a list of them. */
static void put_choice(const struct planner *p, struct restrictions *r, const struct cassandra_column *column,
                       const struct choice *choice) {
    p->answers[choice->predicate] = PUSHDOWN_EXACT;
    r->never |= choice->count == 0;
    if (choice->count == 1) {
        put_restriction(r, column->name, "=", choice->values[0]);
        return;
    }
    struct strbuf list = {0};
    cass_put_i32(&list, 0);
    cass_put_i32(&list, choice->count);
    for (int k = 0; k < choice->count; k++) strbuf_add(&list, choice->values[k].data, choice->values[k].len);
    cass_store_u32(list.data, (uint32_t)(list.len - 4));
    put_restriction(r, column->name, "IN", strbuf_str(&list));
    strbuf_free(&list);
}

/* One comparison from each side on the column; they end what can be pushed. `what` introduces it in EXPLAIN. */
static int add_range(const struct planner *p, const struct cassandra_column *column, struct restrictions *r,
                     const char *what) {
    int position = find_column(p->table, column->name), added = 0;
    struct cass_codec codec;
    if (position < 0 || !make_codec(p, column, position, &codec) || !cass_codec_ordered(&codec)) return 0;
    bool have_lower = false, have_upper = false;
    for (int i = 0; i < p->request->predicate_count; i++) {
        const struct predicate *predicate = &p->request->predicates[i];
        bool lower = predicate->op == PREDICATE_GT || predicate->op == PREDICATE_GE;
        bool upper = predicate->op == PREDICATE_LT || predicate->op == PREDICATE_LE;
        if (predicate->column != position || !(lower || upper) || (lower ? have_lower : have_upper)) continue;
        enum cass_match match;
        struct str value;
        if (!encode_value(p, &codec, &predicate->values[0], &match, &value) || match != CASS_MATCH_EXACT) continue;
        put_restriction(r, column->name, operator_text(predicate->op), value);
        p->answers[i] = PUSHDOWN_EXACT;
        explain_text(p, added ? " and" : what);
        explain_predicate(p, i, column->name);
        if (lower)
            have_lower = true;
        else
            have_upper = true;
        added++;
    }
    return added;
}

/* The restrictions of clustering columns: = and IN on a prefix, then one range. */
static void add_clustering(const struct planner *p, struct restrictions *r) {
    for (int i = 0; i < p->schema->clustering_count; i++) {
        const struct cassandra_column *column = &p->schema->columns[p->schema->partition_count + i];
        struct choice choice;
        if (!find_choice(p, column, CASSANDRA_MAX_IN, &choice)) {
            add_range(p, column, r, ", clustering");
            return;
        }
        explain_text(p, i ? " and" : ", clustering");
        explain_predicate(p, choice.predicate, column->name);
        put_choice(p, r, column, &choice);
        r->one_value[i] = choice.count == 1;
    }
}

/* ---- Indexes ---- */

/* column = value with a value that indexes have. */
static bool find_indexed_value(const struct planner *p, const struct cassandra_column *column, struct choice *out) {
    if (!find_choice(p, column, 1, out) || out->count > 1) return false;
    if (!out->count) return true;
    size_t size_bytes = out->values[0].len - 4;
    return size_bytes > 0 && size_bytes <= CASSANDRA_MAX_INDEXED_BYTES;
}

/* Do storage-attached indexes have an order of the column's values? Texts are only found by equality. */
static bool index_is_ordered(const struct cassandra_column *column) {
    switch (column->type->id) {
    case CASS_TINYINT:
    case CASS_SMALLINT:
    case CASS_INT:
    case CASS_BIGINT:
    case CASS_DATE:
    case CASS_TIME:
    case CASS_TIMESTAMP: return true;
    default: return false;
    }
}

/* Asks one index. before: stands in front of the first one in EXPLAIN. */
static bool add_index(const struct planner *p, const struct cassandra_index *index, const char *before,
                      struct restrictions *r) {
    const struct cassandra_column *column = &p->schema->columns[index->column];
    const char *what = arena_printf(p->arena, "%sindex %s:", r->index ? ", " : before, index->name);
    struct choice choice;
    bool added = false;
    if (column->kind != CASSANDRA_REGULAR && column->kind != CASSANDRA_CLUSTERING) return false;
    if (find_indexed_value(p, column, &choice)) {
        explain_text(p, what);
        explain_predicate(p, choice.predicate, column->name);
        put_choice(p, r, column, &choice);
        added = true;
    } else if (index->is_sai && index_is_ordered(column)) {
        added = add_range(p, column, r, what) > 0;
    }
    if (added && !r->index) r->index = index->name;
    return added;
}

/* All storage-attached indexes that can be asked, else one of the old kind. */
static bool add_indexes(const struct planner *p, const char *before, struct restrictions *r) {
    if (!p->indexes) return false;
    for (int i = 0; i < p->indexes->count; i++)
        if (p->indexes->list[i].is_sai) add_index(p, &p->indexes->list[i], before, r);
    for (int i = 0; i < p->indexes->count && !r->index; i++)
        if (!p->indexes->list[i].is_sai) add_index(p, &p->indexes->list[i], before, r);
    return r->index != NULL;
}

bool cassandra_wants_indexes(const struct cassandra_schema *schema, const struct table *table,
                             const struct scan_request *request) {
    if (!cassandra_setting_bool(table, "scan.pushdown") || !cassandra_setting_bool(table, "scan.use-indexes"))
        return false;
    for (int i = 0; i < request->predicate_count; i++) {
        if (schema_column(schema, table, request->predicates[i].column) >= schema->partition_count) return true;
    }
    return false;
}

/* ---- The first rows of each partition ---- */

static bool is_partition_column(const struct planner *p, int position) {
    int column = schema_column(p->schema, p->table, position);
    return column >= 0 && column < p->schema->partition_count;
}

/* Does the server order the column's values as SQL does? */
static bool is_ordered_alike(const struct planner *p, const struct cassandra_column *column) {
    int position = find_column(p->table, column->name);
    struct cass_codec codec;
    return position >= 0 && make_codec(p, column, position, &codec) && cass_codec_ordered(&codec);
}

/* Does the order, in each partition, say the same as the clustering order (or its reverse) does? */
static bool match_order(const struct planner *p, const struct scan_top *top, const bool *one_value, bool *reversed) {
    int at = 0;
    bool known = false;
    for (int i = 0; i < p->schema->clustering_count; i++) {
        const struct cassandra_column *column = &p->schema->columns[p->schema->partition_count + i];
        while (at < top->order_count && is_partition_column(p, top->order[at])) at++;
        bool ordered = at < top->order_count &&
                       schema_column(p->schema, p->table, top->order[at]) == p->schema->partition_count + i;
        if (ordered && !one_value[i]) {
            if (!is_ordered_alike(p, column)) return false;
            bool opposite = top->descending[at] != column->descending;
            if (known && opposite != *reversed) return false;
            *reversed = opposite;
            known = true;
        }
        if (!ordered && !one_value[i]) return false;
        at += ordered;
    }
    return known;
}

/* Of the rows of a partition only the first `row_count` can be among those that are wanted. */
static void add_top(const struct planner *p, const bool *one_value, struct cassandra_access *access) {
    const struct scan_top *top = p->request->top;
    bool reversed = false;
    if (!top || !access->all_exact || access->index || top->row_count > INT32_MAX) return;
    for (int i = 0; i < top->partition_count; i++)
        if (!is_partition_column(p, top->partition[i])) return; /* several groups in a partition */
    if (!match_order(p, top, one_value, &reversed)) return;
    if (reversed && access->kind != CASSANDRA_POINTS) return; /* the server reads single partitions backwards */
    access->partition_limit = top->row_count;
    if (!reversed) return;
    struct strbuf order = {0};
    for (int i = 0; i < p->schema->clustering_count; i++) {
        const struct cassandra_column *column = &p->schema->columns[p->schema->partition_count + i];
        if (i) strbuf_puts(&order, ", ");
        cass_put_name(&order, column->name);
        strbuf_puts(&order, column->descending ? " ASC" : " DESC");
    }
    access->order_by = arena_strndup(p->arena, order.data, order.len);
    strbuf_free(&order);
}

/* ---- Ways to the rows ---- */

static void finish_access(const struct planner *p, const struct restrictions *r, const struct strbuf *where,
                          int value_count, struct cassandra_access *access) {
    access->where = arena_strndup(p->arena, where->data ? where->data : "", where->len);
    access->values =
        (struct str){arena_memdup(p->arena, r->values.data ? r->values.data : "", r->values.len), r->values.len};
    access->value_count = value_count + r->count;
    access->index = r->index;
    access->all_exact = true;
    for (int i = 0; i < p->request->predicate_count; i++) access->all_exact &= p->answers[i] == PUSHDOWN_EXACT;
}

static void plan_nothing(const struct planner *p, size_t explain_start, struct cassandra_access *access) {
    *access = (struct cassandra_access){.kind = CASSANDRA_NOTHING, .where = "", .all_exact = true};
    if (!p->explain) return;
    p->explain->len = explain_start;
    strbuf_puts(p->explain, "no row can match");
}

/* By token ranges: an index's rows, else a slice of every partition, else everything. */
static void plan_scan(const struct planner *p, struct cassandra_access *access) {
    struct restrictions r = {.one_value = ARENA_ARRAY(p->arena, bool, p->schema->clustering_count + 1)};
    size_t explain_start = p->explain ? p->explain->len : 0;
    for (int i = 0; i < p->request->predicate_count; i++) p->answers[i] = PUSHDOWN_NO;
    *access = (struct cassandra_access){.kind = CASSANDRA_SCAN};
    bool pushdown = cassandra_setting_bool(p->table, "scan.pushdown");
    if (!pushdown || !add_indexes(p, "", &r)) {
        if (p->explain) strbuf_printf(p->explain, "FULL SCAN of %s by token ranges", p->schema->full_name);
        /* A page of few rows may be much work for the server: a scan that must find its ranges again after a restart
         * cannot cut them when that takes too long. */
        if (pushdown && p->request->bounded_only) add_clustering(p, &r);
    }
    finish_access(p, &r, &r.where, 2, access);
    access->filtering = r.count > 0;
    if (pushdown) add_top(p, r.one_value, access);
    if (r.never) plan_nothing(p, explain_start, access);
    strbuf_free(&r.where);
    strbuf_free(&r.values);
}

/* Every combination of the partition key's choices, the last column's changing fastest. */
static void make_points(const struct planner *p, const struct choice *choices, int point_count,
                        struct cassandra_access *access) {
    access->points = ARENA_ARRAY(p->arena, struct str, point_count);
    access->point_count = point_count;
    struct strbuf bytes = {0};
    for (int point = 0; point < point_count; point++) {
        int rest = point, picks[MAX_KEY_COLUMNS];
        for (int i = p->schema->partition_count - 1; i >= 0; i--) {
            picks[i] = rest % choices[i].count;
            rest /= choices[i].count;
        }
        strbuf_clear(&bytes);
        for (int i = 0; i < p->schema->partition_count; i++) {
            struct str value = choices[i].values[picks[i]];
            strbuf_add(&bytes, value.data, value.len);
        }
        access->points[point] = (struct str){arena_memdup(p->arena, bytes.data, bytes.len), bytes.len};
    }
    strbuf_free(&bytes);
}

static void plan_points(const struct planner *p, const struct choice *choices, int point_count,
                        struct cassandra_access *access) {
    int keys = p->schema->partition_count;
    struct restrictions r = {.one_value = ARENA_ARRAY(p->arena, bool, p->schema->clustering_count + 1)};
    struct strbuf where = {0};
    size_t explain_start = p->explain ? p->explain->len : 0;
    explain_text(p, point_count == 1 ? "partition key" : "partition keys");
    for (int i = 0; i < keys; i++) {
        p->answers[choices[i].predicate] = PUSHDOWN_EXACT;
        r.never |= choices[i].count == 0;
        strbuf_puts(&where, i ? " AND " : "");
        cass_put_name(&where, p->schema->columns[i].name);
        strbuf_puts(&where, " = ?");
        if (i) explain_text(p, " and");
        explain_predicate(p, choices[i].predicate, p->schema->columns[i].name);
    }
    add_clustering(p, &r);
    if (!r.count && !r.never && p->schema->clustering_count) /* a wide partition: its rows by an index */
        add_indexes(p, ", ", &r);
    if (r.where.len) {
        strbuf_puts(&where, " AND ");
        strbuf_add(&where, r.where.data, r.where.len);
    }
    *access = (struct cassandra_access){.kind = CASSANDRA_POINTS};
    finish_access(p, &r, &where, keys, access);
    access->filtering = r.index != NULL;
    if (r.never) {
        plan_nothing(p, explain_start, access);
    } else {
        add_top(p, r.one_value, access);
        make_points(p, choices, point_count, access);
    }
    strbuf_free(&where);
    strbuf_free(&r.where);
    strbuf_free(&r.values);
}

/* '[0.1, 2, -3e4]' as the SQL value of the column. */
static enum status parse_vector(const struct planner *p, const struct cass_type *type, const char *text,
                                struct value *out, struct error *err) {
    struct value *items = ARENA_ARRAY(p->arena, struct value, CASSANDRA_MAX_VECTOR);
    int count = 0;
    const char *at = text + strspn(text, " [");
    while (*at && *at != ']') {
        char *end;
        float item = strtof(at, &end);
        if (end == at || !isfinite(item) || count == CASSANDRA_MAX_VECTOR) break;
        items[count] = (struct value){.type = type_of(TYPE_FLOAT)};
        items[count++].f32 = item;
        at = end + strspn(end, " ,");
    }
    if (*at != ']' || at[1 + strspn(at + 1, " ")])
        return error_set(err, STATUS_INVALID_OPTION,
                         "option 'scan.ann.vector': '%.60s' is no vector such as '[0.1, 2]'", text);
    if (type->dimension != count)
        return error_set(err, STATUS_INVALID_OPTION, "option 'scan.ann.vector': %d numbers for %d dimensions", count,
                         type->dimension);
    *out = (struct value){.type = type_array(p->arena, type_of(TYPE_FLOAT), true)};
    out->list.count = count;
    out->list.items = items;
    return STATUS_OK;
}

/* The rows nearest to a vector. What WHERE says is about these rows, so nothing of it is sent. */
static enum status plan_nearest(const struct planner *p, const char *name, struct cassandra_access *access,
                                struct error *err) {
    int column = cassandra_schema_find(p->schema, name);
    const char *text = option_find(&p->table->options, "scan.ann.vector");
    if (column < 0)
        return error_set(err, STATUS_UNDEFINED_COLUMN, "option 'scan.ann.column': table %s has no column '%s'",
                         p->schema->full_name, name);
    const struct cass_type *type = p->schema->columns[column].type;
    if (type->id != CASS_VECTOR || type->children[0]->id != CASS_FLOAT)
        return error_set(err, STATUS_INVALID_OPTION, "option 'scan.ann.column': column '%s' is no vector of floats",
                         name);
    if (!text) return error_set(err, STATUS_INVALID_OPTION, "option 'scan.ann.vector' is missing");
    struct value vector;
    struct cass_codec codec;
    TRY(parse_vector(p, type, text, &vector, err));
    TRY(cass_codec_init(&codec, p->arena, type, vector.type, name, err));
    struct strbuf bytes = {0}, order = {0};
    enum status status = cass_encode_value(&codec, &vector, &bytes, err);
    cass_put_name(&order, name);
    strbuf_puts(&order, " ANN OF ?");
    for (int i = 0; i < p->request->predicate_count; i++) p->answers[i] = PUSHDOWN_NO;
    *access = (struct cassandra_access){
        .kind = CASSANDRA_NEAREST,
        .where = "",
        .values = {arena_memdup(p->arena, bytes.data ? bytes.data : "", bytes.len), bytes.len},
        .value_count = 1,
        .order_by = arena_strndup(p->arena, order.data, order.len),
        .nearest = cassandra_setting(p->table, "scan.ann.limit"),
        .all_exact = p->request->predicate_count == 0,
    };
    if (p->explain)
        strbuf_printf(p->explain, "the %lld rows of %s nearest to the vector by %s", (long long)access->nearest,
                      p->schema->full_name, name);
    strbuf_free(&bytes);
    strbuf_free(&order);
    return status;
}

enum status cassandra_access_plan(const struct cassandra_schema *schema, const struct table *table,
                                  const struct scan_request *request, const struct cassandra_indexes *indexes,
                                  struct arena *arena, enum pushdown_answer *answers, struct cassandra_access *out,
                                  struct strbuf *explain, struct error *err) {
    struct planner p = {schema, table, request, indexes, arena, answers, explain};
    const char *nearest = option_find(&table->options, "scan.ann.column");
    if (nearest) return plan_nearest(&p, nearest, out, err);
    int keys = schema->partition_count;
    struct choice *choices = ARENA_ARRAY(arena, struct choice, keys);
    int64_t points = 1;
    bool whole_key = keys <= MAX_KEY_COLUMNS && cassandra_setting_bool(table, "scan.pushdown");
    for (int i = 0; i < request->predicate_count; i++) answers[i] = PUSHDOWN_NO;
    for (int i = 0; i < keys && whole_key; i++) {
        whole_key = find_choice(&p, &schema->columns[i], CASSANDRA_MAX_POINTS, &choices[i]);
        if (!whole_key) break;
        points *= choices[i].count;
        if (points > CASSANDRA_MAX_POINTS) whole_key = false;
    }
    if (whole_key)
        plan_points(&p, choices, (int)points, out);
    else
        plan_scan(&p, out);
    return STATUS_OK;
}

/* ---- The statement ---- */

static void put_token_range(struct strbuf *out, const struct cassandra_schema *schema) {
    for (int bound = 0; bound < 2; bound++) {
        strbuf_puts(out, bound ? " AND token(" : "token(");
        for (int i = 0; i < schema->partition_count; i++) {
            if (i) strbuf_puts(out, ", ");
            cass_put_name(out, schema->columns[i].name);
        }
        strbuf_puts(out, bound ? ") <= ?" : ") > ?");
    }
}

/* Nothing but static columns and the partition key? Then the server allows no restriction of clustering columns. */
static bool only_statics(const struct cassandra_schema *schema, const struct table *table,
                         const struct scan_request *request) {
    bool any = false;
    for (int i = 0; i < request->column_count; i++) {
        int column = schema_column(schema, table, request->columns[i]);
        enum cassandra_kind kind = column < 0 ? CASSANDRA_REGULAR : schema->columns[column].kind;
        if (kind != CASSANDRA_STATIC && kind != CASSANDRA_PARTITION) return false;
        any |= kind == CASSANDRA_STATIC;
    }
    return any && schema->clustering_count;
}

int cassandra_selected_count(const struct cassandra_schema *schema, const struct table *table,
                             const struct scan_request *request) {
    if (request->groups)
        return request->column_count + request->groups->aggregate_count + cassandra_groups_sums(request->groups);
    return request->column_count ? request->column_count + only_statics(schema, table, request) : 1;
}

void cassandra_put_select(struct strbuf *out, const struct cassandra_schema *schema, const struct table *table,
                          const struct scan_request *request, const struct cassandra_access *access, int64_t limit,
                          bool counting) {
    strbuf_puts(out, "SELECT ");
    for (int i = 0; i < request->column_count; i++) {
        if (i) strbuf_puts(out, ", ");
        cassandra_put_selected(out, &table->columns[request->columns[i]]);
    }
    if (request->groups) {
        cassandra_put_aggregates(out, table, request->groups);
    } else if (only_statics(schema, table, request)) {
        strbuf_puts(out, ", ");
        cass_put_name(out, schema->columns[schema->partition_count].name);
    }
    if (counting)
        strbuf_puts(out, "COUNT(*)");
    else if (!request->column_count)
        cass_put_name(out, schema->columns[0].name); /* rows are counted by something small */
    strbuf_puts(out, " FROM ");
    cassandra_put_table(out, schema->keyspace, schema->name);
    if (access->kind == CASSANDRA_SCAN) {
        strbuf_puts(out, " WHERE ");
        put_token_range(out, schema);
        if (access->where[0]) strbuf_printf(out, " AND %s", access->where);
    } else if (access->where[0]) {
        strbuf_printf(out, " WHERE %s", access->where);
    }
    if (request->groups) cassandra_put_group_by(out, schema, request);
    if (access->order_by) strbuf_printf(out, " ORDER BY %s", access->order_by);
    if (access->partition_limit) strbuf_printf(out, " PER PARTITION LIMIT %lld", (long long)access->partition_limit);
    if (access->nearest && (limit < 0 || limit > access->nearest)) limit = access->nearest;
    if (limit >= 0) strbuf_printf(out, " LIMIT %lld", (long long)limit);
    if (access->filtering) strbuf_puts(out, " ALLOW FILTERING");
}
