/* Values of rows: taking apart, merging by timestamp, putting together. store_private.h has the layout.
 *
 * The rules are Cassandra's (db/rows/Cells, Row.Merger, LivenessInfo): per cell the later write wins; at equal times NULL (a
 * tombstone) wins against a value that expires, that against one that does not; of two that expire the one that lives
 * longer, of two that are alike otherwise the larger in CQL's bytes; so that replicas, or a replay, agree whatever the
 * order. A deletion removes the marker and every cell that is not later than it. Counters are added up. */
#include <assert.h>

#include "column/row.h"
#include "store/store_private.h"

static int bitmap_bytes(int slots) { return (slots + 7) >> 3; }

static bool bit(const uint8_t *bits, int i) { return bits[i >> 3] >> (i & 7) & 1; }

static void set_bit(uint8_t *bits, int i) { bits[i >> 3] |= (uint8_t)(1 << (i & 7)); }

/* ---- The parts of a value ---- */

/* Where what stands before the fixed part is; NULL: not there. */
struct layout {
    const uint8_t *deletion, *expiry, *times, *expiries, *bits, *nulls, *fixed;
};

static struct layout lay_out(const uint8_t *value) {
    int flags = value_flags(value), slots = value_slots(value);
    const uint8_t *p = value + VALUE_HEADER_BYTES;
    struct layout out = {0};
    if (flags & VALUE_DELETION) out.deletion = p, p += 8;
    if (flags & VALUE_EXPIRY) out.expiry = p, p += 8;
    if (flags & VALUE_CELL_TIMES) out.times = p, p += 8 * slots;
    if (flags & VALUE_CELL_EXPIRY) out.expiries = p, p += 8 * slots;
    if (flags & VALUE_BITS) out.bits = p, p += bitmap_bytes(slots);
    if (flags & VALUE_UNSET) out.nulls = p, p += bitmap_bytes(slots);
    out.fixed = p;
    return out;
}

/* Of a value in a slot; of the marker with slot -1. */
static struct expiry expiry_of(const struct layout *layout, int slot) {
    if (slot >= 0 && layout->expiries) return store_get_expiry(layout->expiries + 8 * slot);
    return layout->expiry ? store_get_expiry(layout->expiry) : (struct expiry){0};
}

uint32_t store_value_base(const uint8_t *value) { return (uint32_t)(lay_out(value).fixed - value); }

struct str store_value_long_key(const uint8_t *value, uint32_t size) {
    if (!(value_flags(value) & VALUE_LONG_KEY)) return (struct str){0};
    uint32_t len = store_get_u32(value + size - 4);
    return (struct str){(const char *)value + size - 4 - len, len};
}

struct str store_whole_key(const MDB_val *key, const MDB_val *value) {
    struct str whole = store_value_long_key(value->mv_data, (uint32_t)value->mv_size);
    if (whole.len) return whole;
    return (struct str){(const char *)key->mv_data + STORE_ID_BYTES, key->mv_size - STORE_ID_BYTES};
}

int64_t store_value_latest(const uint8_t *value) {
    struct layout layout = lay_out(value);
    int64_t latest = value_time(value);
    if (layout.deletion) {
        int64_t deletion = (int64_t)store_get_u64(layout.deletion);
        if (deletion > latest) latest = deletion;
    }
    for (int i = 0; layout.times && i < value_slots(value); i++) {
        int64_t time = (int64_t)store_get_u64(layout.times + 8 * i);
        if (time > latest) latest = time;
    }
    return latest;
}

bool store_value_lives_slow(const uint8_t *value, uint32_t now_s) {
    struct layout layout = lay_out(value);
    if (value_flags(value) & VALUE_MARKER && !expiry_is_over(expiry_of(&layout, -1), now_s)) return true;
    for (int i = 0; i < value_slots(value); i++)
        if ((!layout.bits || bit(layout.bits, i)) && !expiry_is_over(expiry_of(&layout, i), now_s)) return true;
    return false;
}

struct cell_facts store_value_facts(const uint8_t *value, int slot, uint32_t now_s) {
    struct cell_facts facts = {.time = value_time(value)};
    if (slot >= value_slots(value)) return facts;
    struct layout layout = lay_out(value);
    facts.has_value = !layout.bits || bit(layout.bits, slot);
    if (layout.times) facts.time = (int64_t)store_get_u64(layout.times + 8 * slot);
    if (facts.has_value) facts.expiry = expiry_of(&layout, slot);
    if (expiry_is_over(facts.expiry, now_s)) facts.has_value = false;
    return facts;
}

uint32_t store_value_first_end(const uint8_t *value) {
    struct layout layout = lay_out(value);
    uint32_t first = expiry_of(&layout, -1).end_s;
    for (int i = 0; layout.expiries && i < value_slots(value); i++) {
        uint32_t end_s = store_get_expiry(layout.expiries + 8 * i).end_s;
        if (end_s && (!first || end_s < first)) first = end_s;
    }
    return first;
}

void store_cells_parse(const struct store_table *table, const uint8_t *value, uint32_t size, struct row_cells *out) {
    int slots = value_slots(value);
    int64_t time = value_time(value);
    struct layout layout = lay_out(value);
    bool has_marker = value_flags(value) & VALUE_MARKER;
    assert(slots <= table->slot_count);
    out->marker = has_marker ? time : STORE_TIME_NONE;
    out->marker_expiry = has_marker ? expiry_of(&layout, -1) : (struct expiry){0};
    out->deletion = layout.deletion ? (int64_t)store_get_u64(layout.deletion) : STORE_TIME_NONE;
    out->slot_count = slots;
    out->long_key = store_value_long_key(value, size);
    const uint8_t *p = layout.fixed, *heap = p + table->fixed_bytes[slots];
    uint32_t end = 0; /* in the heap, of the slot before */
    for (int i = 0; i < slots; i++) {
        const struct store_slot *slot = &table->slots[i];
        struct cell *cell = &out->cells[i];
        cell->time = layout.times ? (int64_t)store_get_u64(layout.times + 8 * i) : time;
        cell->state = !layout.bits || bit(layout.bits, i)     ? CELL_VALUE
                      : !layout.nulls || bit(layout.nulls, i) ? CELL_NULL
                                                              : CELL_UNSET;
        cell->expiry = cell->state == CELL_VALUE ? expiry_of(&layout, i) : (struct expiry){0};
        if (phys_is_variable(slot->phys)) {
            uint32_t next = store_get_u32(p + slot->offset);
            cell->data = heap + end;
            cell->size = next - end;
            end = next;
        } else {
            cell->data = p + slot->offset;
            cell->size = slot->size;
        }
    }
}

bool store_cells_empty(const struct row_cells *row) {
    bool empty = row->marker == STORE_TIME_NONE && row->deletion == STORE_TIME_NONE;
    for (int i = 0; i < row->slot_count && empty; i++) empty = row->cells[i].state == CELL_UNSET;
    return empty;
}

/* ---- Merging ---- */

/* CQL's bytes of a value that has other ones here. */
static void put_cql(const struct store_table *table, const struct store_slot *slot, const struct cell *cell,
                    struct arena *arena, struct strbuf *out) {
    const struct type *type = table->definition->columns[slot->column].type;
    struct value value;
    size_t pos = 0;
    if (phys_is_variable(slot->phys)) {
        struct str bytes = {(const char *)cell->data, cell->size};
        if (!key_decode_value(bytes, &pos, type, false, false, arena, &value)) value = value_null(type);
    } else {
        int128 unscaled = 0;
        int64_t narrow;
        memcpy(slot->size == 16 ? (void *)&unscaled : (void *)&narrow, cell->data, slot->size);
        if (slot->size == 8) unscaled = narrow;
        value = value_from_decimal(type, unscaled);
    }
    store_serialise(&value, slot->codec, out);
}

static int compare_bytes(struct str a, struct str b) {
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common ? memcmp(a.data, b.data, common) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

/* Order of two values as CQL's bytes have it: big-endian two's complement compared unsigned; DATE, whose CQL form is
 * shifted, by value. */
static int compare_values(const struct store_table *table, int i, const struct cell *a, const struct cell *b) {
    const struct store_slot *slot = &table->slots[i];
    enum type_id id = slot->column >= 0 ? table->definition->columns[slot->column].type->id : TYPE_NULL;
    if (id == TYPE_DECIMAL || slot->phys == PHYS_LIST || slot->phys == PHYS_ROW) {
        struct strbuf x = {0}, y = {0};
        struct arena arena;
        arena_init(&arena, NULL);
        put_cql(table, slot, a, &arena, &x);
        put_cql(table, slot, b, &arena, &y);
        int order = compare_bytes(strbuf_str(&x), strbuf_str(&y));
        arena_destroy(&arena);
        strbuf_free(&x);
        strbuf_free(&y);
        if (order) return order;
    }
    if (phys_is_variable(slot->phys))
        return compare_bytes((struct str){(const char *)a->data, a->size},
                             (struct str){(const char *)b->data, b->size});
    for (uint32_t k = a->size; k-- > 0;) { /* little-endian: the highest byte is the last */
        uint8_t flip = id == TYPE_DATE && k == a->size - 1 ? 0x80 : 0;
        int order = (a->data[k] ^ flip) - (b->data[k] ^ flip);
        if (order) return order;
    }
    return 0;
}

/* NULLs and what expires: in time they are gone, whichever clock is asked. */
static bool is_ending(const struct cell *cell) { return cell->state == CELL_NULL || cell->expiry.end_s; }

static bool wins(const struct store_table *table, int i, const struct cell *challenger, const struct cell *holder) {
    if (holder->state == CELL_UNSET || challenger->time > holder->time) return true;
    if (challenger->time < holder->time) return false;
    if (is_ending(challenger) != is_ending(holder)) return is_ending(challenger);
    if (challenger->state != holder->state) return challenger->state == CELL_NULL;
    if (challenger->state == CELL_NULL) return false;
    if (challenger->expiry.end_s != holder->expiry.end_s) return challenger->expiry.end_s > holder->expiry.end_s;
    return compare_values(table, i, challenger, holder) > 0;
}

static bool marker_wins(const struct row_cells *challenger, const struct row_cells *holder) {
    if (challenger->marker != holder->marker) return challenger->marker > holder->marker;
    return challenger->marker_expiry.end_s > holder->marker_expiry.end_s;
}

static void add_counter(struct cell *into, const struct cell *from, int64_t *sum) {
    *sum = (int64_t)(store_get_u64(into->data) + store_get_u64(from->data));
    into->data = (const uint8_t *)sum;
    if (from->time > into->time) into->time = from->time;
}

void store_cells_shadow(struct row_cells *row, int64_t time) {
    if (row->marker <= time) {
        row->marker = STORE_TIME_NONE;
        row->marker_expiry = (struct expiry){0};
    }
    if (row->deletion <= time) row->deletion = STORE_TIME_NONE;
    for (int i = 0; i < row->slot_count; i++)
        if (row->cells[i].time <= time) row->cells[i].state = CELL_UNSET;
}

void store_cells_merge(const struct store_table *table, struct row_cells *into, const struct row_cells *from,
                       int64_t *sums) {
    int64_t deletion = from->deletion > into->deletion ? from->deletion : into->deletion;
    if (marker_wins(from, into)) {
        into->marker = from->marker;
        into->marker_expiry = from->marker_expiry;
    }
    for (int i = into->slot_count; i < from->slot_count; i++) into->cells[i].state = CELL_UNSET;
    if (from->slot_count > into->slot_count) into->slot_count = from->slot_count;
    if (deletion != STORE_TIME_NONE) store_cells_shadow(into, deletion);
    into->deletion = deletion;
    for (int i = 0; i < from->slot_count; i++) {
        const struct cell *challenger = &from->cells[i];
        if (challenger->state == CELL_UNSET || challenger->time <= deletion) continue;
        if (table->slots[i].is_counter && into->cells[i].state == CELL_VALUE && challenger->state == CELL_VALUE)
            add_counter(&into->cells[i], challenger, &sums[i]);
        else if (wins(table, i, challenger, &into->cells[i]))
            into->cells[i] = *challenger;
    }
    if (!into->long_key.len) into->long_key = from->long_key;
}

void store_cells_forget(struct row_cells *row, uint32_t end_s, int64_t horizon, bool *left) {
    if (row->marker != STORE_TIME_NONE && expiry_is_over(row->marker_expiry, end_s)) {
        if (row->marker > horizon) {
            *left = true;
        } else {
            row->marker = STORE_TIME_NONE;
            row->marker_expiry = (struct expiry){0};
        }
    }
    for (int i = 0; i < row->slot_count; i++) {
        struct cell *cell = &row->cells[i];
        if (cell->state != CELL_VALUE || !expiry_is_over(cell->expiry, end_s)) continue;
        if (cell->time > horizon)
            *left = true;
        else
            cell->state = CELL_UNSET;
    }
}

/* ---- Putting together ---- */

/* What a row's head says about all of its parts. */
struct summary {
    int slots;
    int64_t time;         /* of the marker, or the first cell's */
    struct expiry expiry; /* of the marker, or the first value's */
    bool same_times, same_expiry, all_values, any_unset, live;
    uint64_t heap_bytes;
};

static struct summary summarise(const struct store_table *table, const struct row_cells *row) {
    struct summary sum = {.slots = row->slot_count,
                          .time = row->marker,
                          .expiry = row->marker_expiry,
                          .same_times = true,
                          .same_expiry = true,
                          .all_values = true,
                          .live = row->marker != STORE_TIME_NONE};
    while (sum.slots > 0 && row->cells[sum.slots - 1].state == CELL_UNSET) sum.slots--;
    for (int i = 0; i < sum.slots; i++) {
        const struct cell *cell = &row->cells[i];
        if (cell->state == CELL_UNSET) {
            sum.any_unset = true;
            sum.all_values = false;
            continue;
        }
        if (sum.time == STORE_TIME_NONE) sum.time = cell->time;
        sum.same_times &= cell->time == sum.time;
        if (cell->state == CELL_NULL) {
            sum.all_values = false;
            continue;
        }
        if (!sum.live) sum.expiry = cell->expiry;
        sum.live = true;
        sum.same_expiry &= cell->expiry.end_s == sum.expiry.end_s && cell->expiry.ttl_s == sum.expiry.ttl_s;
        if (phys_is_variable(table->slots[i].phys)) sum.heap_bytes += cell->size;
    }
    if (sum.time == STORE_TIME_NONE) sum.time = row->deletion == STORE_TIME_NONE ? 0 : row->deletion;
    if (!sum.same_expiry) sum.expiry = row->marker_expiry;
    return sum;
}

static void put_head(const struct row_cells *row, const struct summary *sum, int flags, struct strbuf *out) {
    uint8_t header[VALUE_HEADER_BYTES] = {(uint8_t)(VALUE_VERSION | (flags >> 4 & 0xF0)), (uint8_t)flags}, word[8];
    store_put_u16(header + 2, (uint16_t)sum->slots);
    store_put_u64(header + 4, (uint64_t)sum->time);
    strbuf_add(out, header, sizeof header);
    if (flags & VALUE_DELETION) {
        store_put_u64(word, (uint64_t)row->deletion);
        strbuf_add(out, word, 8);
    }
    if (flags & VALUE_EXPIRY) {
        store_put_expiry(word, sum->expiry);
        strbuf_add(out, word, 8);
    }
    for (int i = 0; flags & VALUE_CELL_TIMES && i < sum->slots; i++) {
        store_put_u64(word, row->cells[i].state == CELL_UNSET ? 0 : (uint64_t)row->cells[i].time);
        strbuf_add(out, word, 8);
    }
    for (int i = 0; flags & VALUE_CELL_EXPIRY && i < sum->slots; i++) {
        store_put_expiry(word, row->cells[i].state == CELL_VALUE ? row->cells[i].expiry : (struct expiry){0});
        strbuf_add(out, word, 8);
    }
}

void store_cells_encode(const struct store_table *table, const struct row_cells *row, struct strbuf *out) {
    struct summary sum = summarise(table, row);
    int slots = sum.slots;
    int flags = (sum.live ? VALUE_LIVE : 0) | (row->marker != STORE_TIME_NONE ? VALUE_MARKER : 0) |
                (row->deletion != STORE_TIME_NONE ? VALUE_DELETION : 0) | (sum.same_times ? 0 : VALUE_CELL_TIMES) |
                (row->long_key.len ? VALUE_LONG_KEY : 0) | (sum.all_values ? 0 : VALUE_BITS) |
                (sum.any_unset ? VALUE_UNSET : 0) | (sum.expiry.end_s ? VALUE_EXPIRY : 0) |
                (sum.same_expiry ? 0 : VALUE_CELL_EXPIRY);
    put_head(row, &sum, flags, out);
    size_t bits_size = (flags & VALUE_BITS ? (size_t)bitmap_bytes(slots) : 0) +
                       (flags & VALUE_UNSET ? (size_t)bitmap_bytes(slots) : 0);
    size_t rest = bits_size + table->fixed_bytes[slots] + sum.heap_bytes;
    strbuf_reserve(out, rest);
    uint8_t *bits = (uint8_t *)out->data + out->len, *nulls = bits + bitmap_bytes(slots);
    uint8_t *fixed = bits + bits_size, *heap = fixed + table->fixed_bytes[slots];
    memset(bits, 0, bits_size + table->fixed_bytes[slots]);
    uint32_t end = 0;
    for (int i = 0; i < slots; i++) {
        const struct cell *cell = &row->cells[i];
        const struct store_slot *slot = &table->slots[i];
        bool has_value = cell->state == CELL_VALUE;
        if (has_value && flags & VALUE_BITS) set_bit(bits, i);
        if (cell->state == CELL_NULL && flags & VALUE_UNSET) set_bit(nulls, i);
        if (phys_is_variable(slot->phys)) {
            if (has_value && cell->size) memcpy(heap + end, cell->data, cell->size);
            if (has_value) end += cell->size;
            store_put_u32(fixed + slot->offset, end);
        } else if (has_value) {
            memcpy(fixed + slot->offset, cell->data, slot->size);
        }
    }
    out->len += rest;
    out->data[out->len] = 0;
    if (row->long_key.len) {
        uint8_t word[4];
        strbuf_add(out, row->long_key.data, row->long_key.len);
        store_put_u32(word, (uint32_t)row->long_key.len);
        strbuf_add(out, word, 4);
    }
}
