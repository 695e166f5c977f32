/* Keys: table id | token | partition key form | kind | clustering key form; hidden-key tables: table id | row id.
 *
 * The token is Cassandra's: Murmur3 of the partition key as CQL serialises it, so that rows come in the order in which a
 * real cluster gives them. It is kept sign-flipped and big-endian: memcmp orders it. */
#include <assert.h>
#include <stdlib.h>
#include <xxhash.h>

#include "cass/codec.h"
#include "cass/murmur3.h"
#include "column/row.h"
#include "store/store_private.h"

/* ---- What LMDB sees ---- */

uint32_t store_key_stored(uint32_t id, struct str key, uint8_t *out, bool *cut) {
    store_put_be32(out, id);
    *cut = key.len > STORE_KEY_WHOLE;
    if (!*cut) {
        memcpy(out + STORE_ID_BYTES, key.data, key.len);
        return STORE_ID_BYTES + (uint32_t)key.len;
    }
    memcpy(out + STORE_ID_BYTES, key.data, STORE_KEY_PREFIX);
    XXH128_canonical_t hash;
    XXH128_canonicalFromHash(&hash, XXH3_128bits(key.data, key.len));
    memcpy(out + STORE_ID_BYTES + STORE_KEY_PREFIX, hash.digest, STORE_KEY_HASH);
    return STORE_ID_BYTES + STORE_KEY_PREFIX + STORE_KEY_HASH;
}

/* ---- CQL's serialised form of partition key columns ---- */

static void put_be(struct strbuf *out, uint64_t v, int size) {
    uint8_t bytes[8];
    store_put_be64(bytes, v);
    strbuf_add(out, bytes + 8 - size, (size_t)size);
}

/* CQL decimal: i32 scale, then the unscaled value in as few bytes of two's complement as hold it. */
static void put_decimal(struct strbuf *out, int128 v, int scale) {
    uint8_t bytes[16];
    put_be(out, (uint32_t)scale, 4);
    for (int i = 0; i < 16; i++) bytes[i] = (uint8_t)((uint128)v >> (120 - 8 * i));
    int first = 0;
    while (first < 15 &&
           ((bytes[first] == 0 && bytes[first + 1] < 0x80) || (bytes[first] == 0xFF && bytes[first + 1] >= 0x80)))
        first++;
    strbuf_add(out, bytes + first, (size_t)(16 - first));
}

static int64_t floor_divide(int64_t v, int64_t by) { return v / by - (v % by < 0); }

/* Frozen collections and tuples as CQL has them; types that CQL does not have (an INTERVAL in an ARRAY) in key form. */
static void serialise_nested(const struct value *value, const struct cass_codec *codec, struct strbuf *out) {
    size_t start = out->len;
    if (codec && cass_encode_value(codec, value, out, NULL) == STATUS_OK && out->len >= start + 4) {
        memmove(out->data + start, out->data + start + 4, out->len - start - 4); /* without the size in front */
        out->len -= 4;
        return;
    }
    out->len = start;
    key_encode_value(out, value, false, false);
}

void store_serialise(const struct value *value, const struct cass_codec *codec, struct strbuf *out) {
    const struct type *type = value->type;
    switch (type->id) {
    case TYPE_BOOLEAN: put_be(out, value->boolean, 1); break;
    case TYPE_TINYINT: put_be(out, (uint64_t)value->i64, 1); break;
    case TYPE_SMALLINT: put_be(out, (uint64_t)value->i64, 2); break;
    case TYPE_INT: put_be(out, (uint64_t)value->i64, 4); break;
    case TYPE_DATE: put_be(out, (uint64_t)(value->i64 + (INT64_C(1) << 31)), 4); break; /* unsigned, 2^31 is 1970 */
    case TYPE_FLOAT: {
        float f = value->f32 == 0 ? 0.0F : value->f32; /* -0.0 is the same key */
        uint32_t bits;
        memcpy(&bits, &f, 4);
        put_be(out, f != f ? 0x7FC00000 : bits, 4);
        break;
    }
    case TYPE_DOUBLE: {
        double d = value->f64 == 0 ? 0.0 : value->f64;
        uint64_t bits;
        memcpy(&bits, &d, 8);
        put_be(out, d != d ? UINT64_C(0x7FF8000000000000) : bits, 8);
        break;
    }
    case TYPE_DECIMAL: put_decimal(out, value_decimal(value), type->scale); break;
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMP_LTZ: /* CQL's timestamp is ms; what is finer shares the token and differs in the key form */
        put_be(out, (uint64_t)floor_divide(value->i64, type_is_nanos(type) ? 1000000 : 1000), 8);
        break;
    case TYPE_CHAR:
    case TYPE_VARCHAR:
    case TYPE_BINARY:
    case TYPE_VARBINARY: strbuf_add(out, value->str.data, value->str.len); break;
    case TYPE_ARRAY:
    case TYPE_MAP:
    case TYPE_MULTISET:
    case TYPE_ROW: serialise_nested(value, codec, out); break;
    default: put_be(out, (uint64_t)value->i64, 8); break;
    }
}

static enum status add_part(const struct store_table *table, int index, const struct value *value,
                            struct strbuf *serialised, struct strbuf *part, struct error *err) {
    strbuf_clear(part);
    store_serialise(value, table->keys[index].codec, part);
    struct error cause;
    enum status status = cass_partition_key_add(serialised, table->partition_count, strbuf_str(part), &cause);
    if (status != STATUS_OK)
        return error_set(err, status, "column '%s' of table '%s': a partition key has at most %d bytes",
                         table->definition->columns[table->keys[index].column].name, table->definition->name,
                         CASS_KEY_MAX_BYTES);
    return STATUS_OK;
}

void store_key_token(int64_t token, struct strbuf *key) {
    uint8_t bytes[STORE_TOKEN_BYTES];
    store_put_be64(bytes, (uint64_t)token ^ UINT64_C(1) << 63);
    strbuf_add(key, bytes, sizeof bytes);
}

void store_key_row_id(uint64_t row_id, struct strbuf *key) {
    uint8_t bytes[8];
    store_put_be64(bytes, row_id);
    strbuf_add(key, bytes, sizeof bytes);
}

/* ---- Maps ---- */

struct map_entry {
    struct value key, value;
    int order;
};

static int compare_entries(const void *a, const void *b) {
    const struct map_entry *x = a, *y = b;
    int order = value_compare(&x->key, &y->key);
    return order ? order : (x->order > y->order) - (x->order < y->order);
}

/* By their keys; of equal ones the last stays. Returns how many there are then. */
static int sort_entries(struct value *items, int count, struct arena *arena) {
    struct map_entry *entries = ARENA_ARRAY(arena, struct map_entry, count + 1);
    for (int i = 0; i < count; i++) entries[i] = (struct map_entry){items[2 * i], items[2 * i + 1], i};
    if (count) qsort(entries, (size_t)count, sizeof *entries, compare_entries);
    int kept = 0;
    for (int i = 0; i < count; i++) {
        if (i + 1 < count && value_compare(&entries[i].key, &entries[i + 1].key) == 0) continue;
        items[2 * kept] = entries[i].key;
        items[2 * kept++ + 1] = entries[i].value;
    }
    return kept;
}

struct value store_sort_maps(const struct value *value, struct arena *arena) {
    struct value out = *value;
    if (value->is_null || !type_is_nested(value->type)) return out;
    int count = value_item_count(value);
    out.list.items = ARENA_ARRAY(arena, struct value, count + 1);
    for (int i = 0; i < count; i++) out.list.items[i] = store_sort_maps(&value->list.items[i], arena);
    if (value->type->id == TYPE_MAP || value->type->id == TYPE_MULTISET)
        out.list.count = sort_entries(out.list.items, value->list.count, arena);
    return out;
}

static void put_key_value(struct strbuf *key, const struct value *value, bool descending) {
    if (!type_is_nested(value->type)) {
        key_encode_value(key, value, descending, false);
        return;
    }
    struct arena arena;
    arena_init(&arena, NULL);
    struct value sorted = store_sort_maps(value, &arena);
    key_encode_value(key, &sorted, descending, false);
    arena_destroy(&arena);
}

/* ---- Partitions and clustering columns ---- */

enum status store_key_partition(const struct store_table *table, const struct value *values, struct strbuf *key,
                                struct error *err) {
    struct strbuf serialised = {0}, part = {0};
    enum status status = STATUS_OK;
    struct arena arena;
    arena_init(&arena, NULL);
    for (int i = 0; i < table->partition_count && status == STATUS_OK; i++) {
        struct value value = store_sort_maps(&values[i], &arena);
        status = add_part(table, i, &value, &serialised, &part, err);
    }
    if (status == STATUS_OK) {
        store_key_token(cass_murmur3_token(serialised.data, serialised.len), key);
        for (int i = 0; i < table->partition_count; i++) put_key_value(key, &values[i], false);
    }
    arena_destroy(&arena);
    strbuf_free(&serialised);
    strbuf_free(&part);
    return status;
}

void store_key_rows(struct strbuf *key) { strbuf_putc(key, STORE_KIND_ROW); }

void store_key_clustering(const struct store_table *table, int clustering_index, const struct value *value,
                          struct strbuf *key) {
    put_key_value(key, value, table->keys[table->partition_count + clustering_index].descending);
}

void store_key_next(struct strbuf *key) {
    while (key->len && (uint8_t)key->data[key->len - 1] == 0xFF) key->len--;
    if (key->len) key->data[key->len - 1]++;
}

/* ---- Keys of rows ---- */

static enum status null_in_key(const struct store_table *table, int index, struct error *err) {
    return error_set(err, STATUS_NULL_NOT_ALLOWED,
                     "column '%s' is part of the primary key of table '%s' and cannot be NULL",
                     table->definition->columns[table->keys[index].column].name, table->definition->name);
}

/* Token of the row's partition key. */
static enum status row_token(const struct store_table *table, const struct chunk *chunk, const int *chunk_columns,
                             int row, struct arena *scratch, struct strbuf *serialised, int64_t *token,
                             struct error *err) {
    const struct vector *first = &chunk->columns[chunk_columns[0]];
    if (table->partition_count == 1 && first->form == VECTOR_FLAT && first->type->id == TYPE_BIGINT) {
        uint8_t bytes[8];
        store_put_be64(bytes, (uint64_t)((const int64_t *)first->data)[row]);
        *token = cass_murmur3_token(bytes, sizeof bytes);
        return STATUS_OK;
    }
    struct strbuf part = {0};
    enum status status = STATUS_OK;
    strbuf_clear(serialised);
    for (int i = 0; i < table->partition_count && status == STATUS_OK; i++) {
        struct value value = vector_get(&chunk->columns[chunk_columns[i]], row, scratch);
        if (type_is_nested(value.type)) value = store_sort_maps(&value, scratch);
        if (table->partition_count == 1 && first->phys == PHYS_STR && value.str.len <= CASS_KEY_MAX_BYTES)
            strbuf_add(serialised, value.str.data, value.str.len);
        else
            status = add_part(table, i, &value, serialised, &part, err);
    }
    strbuf_free(&part);
    if (status == STATUS_OK) *token = cass_murmur3_token(serialised->data, serialised->len);
    return status;
}

/* Key columns [from, to). */
static void put_row_columns(const struct store_table *table, const struct chunk *chunk, const int *chunk_columns,
                            int row, int from, int to, struct arena *scratch, struct strbuf *key) {
    for (int i = from; i < to; i++) {
        if (table->keys[i].codec || type_is_nested(table->keys[i].type)) {
            struct value value = vector_get(&chunk->columns[chunk_columns[i]], row, scratch);
            put_key_value(key, &value, table->keys[i].descending);
        } else {
            struct key_column column = {.column = chunk_columns[i], .descending = table->keys[i].descending};
            key_encode(key, chunk, &column, 1, row);
        }
    }
}

enum status store_key_of_row(const struct store_table *table, const struct chunk *chunk, const int *chunk_columns,
                             int row, enum key_part part, struct arena *scratch, struct strbuf *serialised,
                             struct strbuf *key, struct error *err) {
    int64_t token = 0;
    int count = part == KEY_ROW ? table->key_count : table->partition_count;
    for (int i = 0; i < count; i++)
        if (vector_is_null(&chunk->columns[chunk_columns[i]], row)) return null_in_key(table, i, err);
    TRY(row_token(table, chunk, chunk_columns, row, scratch, serialised, &token, err));
    store_key_token(token, key);
    put_row_columns(table, chunk, chunk_columns, row, 0, table->partition_count, scratch, key);
    if (part == KEY_PARTITION) return STATUS_OK;
    strbuf_putc(key, part == KEY_ROW ? STORE_KIND_ROW : STORE_KIND_STATIC);
    put_row_columns(table, chunk, chunk_columns, row, table->partition_count, count, scratch, key);
    return STATUS_OK;
}

/* ---- Taking keys apart ---- */

/* Bytes of one value in ascending order; 0: malformed. */
static size_t value_bytes(const struct type *type, struct str rest) {
    enum phys phys = type_phys(type);
    if (phys == PHYS_STR) { /* escaped, ended by two zero bytes */
        for (size_t i = 1; i + 1 < rest.len; i++) {
            if (rest.data[i]) continue;
            if (!rest.data[i + 1]) return i + 2;
            i++;
        }
        return 0;
    }
    if (phys != PHYS_LIST && phys != PHYS_ROW) {
        size_t size = 1 + (size_t)phys_size(phys);
        return size <= rest.len ? size : 0;
    }
    struct arena arena;
    struct value value;
    size_t pos = 0;
    arena_init(&arena, NULL);
    bool ok = key_decode_value(rest, &pos, type, false, false, &arena, &value);
    arena_destroy(&arena);
    return ok ? pos : 0;
}

size_t store_key_partition_bytes(const struct store_table *table, struct str key) {
    size_t at = STORE_TOKEN_BYTES;
    if (key.len <= at) return 0;
    for (int i = 0; i < table->partition_count; i++) {
        size_t size = value_bytes(table->keys[i].type, (struct str){key.data + at, key.len - at});
        if (!size) return 0;
        at += size;
    }
    return at;
}
