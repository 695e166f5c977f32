/* Aggregates at the server: which groups it computes exactly as the engine does, and how they are asked for.
 *
 * CQL groups by the partition key, or by it and the first clustering columns, so a group never reaches over the end of a token range.
 * SUM is asked of varints: CQL's sum of an int is an int and wraps around. CQL's sum of no values is 0, so their number is selected
 * with each, behind all other columns. */
#include "cass/bytes.h"
#include "column/validity.h"
#include "connector/cassandra/cassandra_private.h"

/* The column as the server has it, when it is one of Cassandra's table. */
static const struct cassandra_column *find(const struct cassandra_schema *schema, const struct table *table,
                                           int position) {
    const struct table_column *column = &table->columns[position];
    int found = column->kind == COLUMN_PHYSICAL ? cassandra_schema_find(schema, column->name) : -1;
    return found < 0 ? NULL : &schema->columns[found];
}

static bool is_integer(enum cass_type_id id) {
    return id == CASS_TINYINT || id == CASS_SMALLINT || id == CASS_INT || id == CASS_BIGINT;
}

/* Are two values the same in SQL when and only when they are the same bytes? So not 0.0 and -0.0, 1.0 and 1.00, or numbers with
 * leading zeros. */
static bool has_one_form(const struct cassandra_column *column, const struct cass_codec *codec) {
    switch (column->type->id) {
    case CASS_ASCII:
    case CASS_TEXT:
    case CASS_BLOB:
    case CASS_BOOLEAN:
    case CASS_DATE:
    case CASS_TIME:
    case CASS_TIMESTAMP:
    case CASS_UUID:
    case CASS_TIMEUUID: return cass_codec_matches(codec);
    default: return is_integer(column->type->id);
    }
}

/* The columns are the whole partition key and the first clustering columns, each once, but not the whole primary key: then every
 * group is a row. */
static bool is_key_prefix(const struct cassandra_schema *schema, const struct table *table,
                          const struct scan_request *request, struct arena *arena) {
    int count = request->column_count, key_count = schema->partition_count + schema->clustering_count;
    if (count < schema->partition_count || count >= key_count) return false;
    bool *grouped = ARENA_ARRAY(arena, bool, count);
    for (int i = 0; i < count; i++) {
        const struct cassandra_column *column = find(schema, table, request->columns[i]);
        int at = column ? (int)(column - schema->columns) : count; /* the key's columns come first */
        struct cass_codec codec;
        if (at >= count || grouped[at]) return false;
        if (cass_codec_init(&codec, arena, column->type, table->columns[request->columns[i]].type, column->name,
                            NULL) != STATUS_OK)
            return false;
        if (!has_one_form(column, &codec)) return false;
        grouped[at] = true;
    }
    return true;
}

static bool is_computed_alike(const struct cassandra_schema *schema, const struct table *table,
                              const struct scan_aggregate *aggregate, struct arena *arena) {
    if (aggregate->column < 0) return true;
    const struct cassandra_column *column = find(schema, table, aggregate->column);
    struct cass_codec codec;
    if (!column || cass_codec_init(&codec, arena, column->type, table->columns[aggregate->column].type, column->name,
                                   NULL) != STATUS_OK)
        return false;
    switch (aggregate->function) {
    case SCAN_COUNT: return column->type->id != CASS_COUNTER;
    case SCAN_MIN:
    case SCAN_MAX: return has_one_form(column, &codec) && cass_codec_ordered(&codec);
    case SCAN_SUM: return is_integer(column->type->id);
    }
    return false;
}

bool cassandra_groups_taken(const struct cassandra_schema *schema, const struct table *table,
                            const struct scan_request *request, const struct cassandra_access *access,
                            struct arena *arena) {
    if (!cassandra_setting_bool(table, "scan.aggregates-at-server") || !request->bounded_only) return false;
    if (!access->all_exact || access->index || access->partition_limit || request->limit >= 0) return false;
    if (access->kind != CASSANDRA_SCAN && access->kind != CASSANDRA_POINTS) return false;
    /* Rows of partitions that have static values alone, and of COMPACT STORAGE, lack clustering columns. */
    if (schema->has_statics || schema->is_dense) return false;
    if (!is_key_prefix(schema, table, request, arena)) return false;
    for (int i = 0; i < request->groups->aggregate_count; i++)
        if (!is_computed_alike(schema, table, &request->groups->aggregates[i], arena)) return false;
    return true;
}

int cassandra_groups_sums(const struct scan_groups *groups) {
    int count = 0;
    for (int i = 0; groups && i < groups->aggregate_count; i++) count += groups->aggregates[i].function == SCAN_SUM;
    return count;
}

static void put_call(struct strbuf *out, const struct table *table, enum scan_function function, int column) {
    strbuf_printf(out, ", %s(", scan_function_name(function));
    if (function == SCAN_SUM) strbuf_puts(out, "CAST(");
    if (column < 0)
        strbuf_putc(out, '*');
    else
        cass_put_name(out, table->columns[column].name);
    strbuf_puts(out, function == SCAN_SUM ? " AS varint))" : ")");
}

void cassandra_put_aggregates(struct strbuf *out, const struct table *table, const struct scan_groups *groups) {
    for (int i = 0; i < groups->aggregate_count; i++)
        put_call(out, table, groups->aggregates[i].function, groups->aggregates[i].column);
    for (int i = 0; i < groups->aggregate_count; i++)
        if (groups->aggregates[i].function == SCAN_SUM) put_call(out, table, SCAN_COUNT, groups->aggregates[i].column);
}

void cassandra_put_group_by(struct strbuf *out, const struct cassandra_schema *schema,
                            const struct scan_request *request) {
    for (int i = 0; i < request->column_count; i++) { /* in the key's order, which CQL wants */
        strbuf_puts(out, i ? ", " : " GROUP BY ");
        cass_put_name(out, schema->columns[i].name);
    }
}

enum status cassandra_group_codec(const struct cassandra_schema *schema, const struct table *table,
                                  const struct scan_aggregate *aggregate, struct arena *arena, struct cass_codec *codec,
                                  struct error *err) {
    const struct cassandra_column *column = aggregate->column < 0 ? NULL : find(schema, table, aggregate->column);
    const char *name = arena_printf(arena, "%s(%s)", scan_function_name(aggregate->function),
                                    aggregate->column < 0 ? "*" : table->columns[aggregate->column].name);
    switch (aggregate->function) {
    case SCAN_COUNT:
        return cass_codec_init(codec, arena, cass_type_scalar(CASS_BIGINT), type_of(TYPE_BIGINT), name, err);
    case SCAN_SUM: return cass_codec_init(codec, arena, cass_type_scalar(CASS_VARINT), type_of(TYPE_BIGINT), name, err);
    case SCAN_MIN:
    case SCAN_MAX: break;
    }
    if (!column)
        return error_set(err, STATUS_UNDEFINED_COLUMN, "Cassandra, table %s: no column for %s", schema->full_name,
                         name);
    return cass_codec_init(codec, arena, column->type, table->columns[aggregate->column].type, name, err);
}

/* A sum as the type of its column, in which SQL adds up; NULL where no value was counted. */
enum status cassandra_finish_sum(const struct vector *sums, const uint8_t *base, const struct cass_cell *counts,
                                 int count, const char *name, struct vector *out, struct arena *arena,
                                 struct error *err) {
    static const int bits[TYPE_ID_COUNT] = {
        [TYPE_TINYINT] = 8, [TYPE_SMALLINT] = 16, [TYPE_INT] = 32, [TYPE_BIGINT] = 64};
    int shift = bits[out->type->id] - 1;
    for (int i = 0; i < count; i++) {
        int64_t sum = ((const int64_t *)sums->data)[i];
        if (counts[i].len != 8) return error_set(err, STATUS_BAD_DATA, "%s: a malformed count", name);
        bool none = cass_load_u64(base + counts[i].offset) == 0;
        if (none) sum = 0;
        if (sum >> shift != 0 && sum >> shift != -1) {
            error_set(err, STATUS_OUT_OF_RANGE, "%s: the sum %lld is out of range for its column's type", name,
                      (long long)sum);
            error_hint(err, "CAST the argument to a wider type");
            return STATUS_OUT_OF_RANGE;
        }
        switch (out->type->id) {
        case TYPE_TINYINT: ((int8_t *)out->data)[i] = (int8_t)sum; break;
        case TYPE_SMALLINT: ((int16_t *)out->data)[i] = (int16_t)sum; break;
        case TYPE_INT: ((int32_t *)out->data)[i] = (int32_t)sum; break;
        default: ((int64_t *)out->data)[i] = sum;
        }
        if (none) validity_set_null(vector_validity(out, arena, count), i);
    }
    return STATUS_OK;
}
