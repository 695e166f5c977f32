/* Token ranges: what system.size_estimates knows about a table, and the ring cut by it.
 *
 * The server keeps figures for its own primary ranges: with virtual nodes many small ones, in a cluster only its share of the ring.
 * What it does not know is taken to be as dense as what it knows. */
#include <stdio.h>
#include <stdlib.h>

#include "cass/bytes.h"
#include "cass/murmur3.h"
#include "connector/cassandra/cassandra_private.h"

void cassandra_token_range(int index, int count, int64_t *start, int64_t *end) {
    uint128 ring = (uint128)1 << 64;
    *start = (int64_t)((uint64_t)INT64_MIN + (uint64_t)(ring * (uint128)index / (uint128)count));
    *end = index + 1 == count
               ? INT64_MAX
               : (int64_t)((uint64_t)INT64_MIN + (uint64_t)(ring * (uint128)(index + 1) / (uint128)count));
}

bool cassandra_partition_token(const struct cassandra_schema *schema, struct str values, int64_t *out) {
    struct strbuf key = {0};
    struct cass_reader r = cass_reader_over(values.data, values.len);
    int columns = schema->partition_count;
    bool good = true;
    for (int i = 0; i < columns && good; i++)
        good = cass_partition_key_add(&key, columns, cass_read_bytes(&r), NULL) == STATUS_OK && !r.failed;
    *out = cass_murmur3_token(key.data ? key.data : "", key.len);
    strbuf_free(&key);
    return good;
}

/* ---- Estimates ---- */

static int64_t token_of(struct str text) {
    char digits[32];
    snprintf(digits, sizeof digits, "%.*s", (int)(text.len < 31 ? text.len : 31), text.len ? text.data : "");
    return strtoll(digits, NULL, 10);
}

static int64_t figure_of(struct str cell) {
    int64_t figure = cell.len == 8 ? (int64_t)cass_load_u64(cell.data) : 0;
    return figure > 0 ? figure : 0;
}

void cassandra_estimates_read(struct cassandra_handle *handle, const struct cassandra_schema *schema,
                              struct arena *arena, struct cassandra_estimates *out) {
    struct strbuf text = {0};
    struct cassandra_result result;
    *out = (struct cassandra_estimates){0};
    strbuf_puts(&text, "SELECT range_start, range_end, mean_partition_size, partitions_count FROM system.size_estimates"
                       " WHERE keyspace_name = ");
    cass_put_text(&text, str_from(schema->keyspace));
    strbuf_puts(&text, " AND table_name = ");
    cass_put_text(&text, str_from(schema->name));
    enum status status = cassandra_query(handle, text.data, schema->full_name, &result, NULL);
    strbuf_free(&text);
    if (status != STATUS_OK) return;
    out->count = result.rows.row_count;
    out->ranges = ARENA_ARRAY(arena, struct cassandra_estimate, out->count + 1);
    for (int row = 0; row < out->count; row++) {
        double partitions = (double)figure_of(cassandra_cell(&result, row, 3));
        out->ranges[row] = (struct cassandra_estimate){
            .start = token_of(cassandra_cell(&result, row, 0)),
            .end = token_of(cassandra_cell(&result, row, 1)),
            .size_bytes = (double)figure_of(cassandra_cell(&result, row, 2)) * partitions,
            .partitions = partitions,
        };
    }
    cassandra_result_free(&result);
}

/* Tokens in (start, end], around the ring's end too; equal bounds are the whole ring. */
static double width_of(int64_t start, int64_t end) {
    return start == end ? 0x1p64 : (double)((uint64_t)end - (uint64_t)start);
}

static int64_t whole(double figure, double known) {
    if (known <= 0) return -1;
    if (known < 0x1p64) figure *= 0x1p64 / known;
    return (int64_t)(figure < 1e18 ? figure : 1e18);
}

void cassandra_estimates_sum(const struct cassandra_estimates *estimates, int64_t *size_bytes,
                             int64_t *partition_count) {
    double bytes = 0, partitions = 0, known = 0;
    for (int i = 0; i < estimates->count; i++) {
        const struct cassandra_estimate *range = &estimates->ranges[i];
        known += width_of(range->start, range->end);
        bytes += range->size_bytes;
        partitions += range->partitions;
    }
    *size_bytes = whole(bytes, known);
    *partition_count = whole(partitions, known);
}

/* ---- Cutting ---- */

static int compare_starts(const void *a, const void *b) {
    const struct cassandra_estimate *x = a, *y = b;
    return x->start < y->start ? -1 : x->start > y->start;
}

/* Adds (start, end], which does not go around the ring's end. */
static void add_piece(struct cassandra_estimates *pieces, int64_t start, int64_t end, double size_bytes) {
    if (start < end) pieces->ranges[pieces->count++] = (struct cassandra_estimate){start, end, size_bytes, 0};
}

/* The estimates in the ring's order, none around its end, without overlaps. */
static void order_pieces(const struct cassandra_estimates *estimates, struct cassandra_estimates *pieces) {
    for (int i = 0; i < estimates->count; i++) {
        const struct cassandra_estimate *range = &estimates->ranges[i];
        if (range->start < range->end) {
            add_piece(pieces, range->start, range->end, range->size_bytes);
        } else {
            double all = width_of(range->start, range->end);
            add_piece(pieces, range->start, INT64_MAX, range->size_bytes * width_of(range->start, INT64_MAX) / all);
            add_piece(pieces, INT64_MIN, range->end, range->size_bytes * width_of(INT64_MIN, range->end) / all);
        }
    }
    qsort(pieces->ranges, (size_t)pieces->count, sizeof *pieces->ranges, compare_starts);
    int kept = 0;
    int64_t at = INT64_MIN;
    for (int i = 0; i < pieces->count; i++) {
        struct cassandra_estimate piece = pieces->ranges[i];
        if (piece.start < at) piece.start = at; /* figures of before and after a change of the ring */
        if (piece.start >= piece.end) continue;
        pieces->ranges[kept++] = piece;
        at = piece.end;
    }
    pieces->count = kept;
}

/* The whole ring: what lies between the pieces gets their mean density. Returns the bytes of all. */
static double fill_gaps(const struct cassandra_estimates *pieces, struct cassandra_estimates *ring) {
    double known = 0, bytes = 0;
    for (int i = 0; i < pieces->count; i++) {
        known += width_of(pieces->ranges[i].start, pieces->ranges[i].end);
        bytes += pieces->ranges[i].size_bytes;
    }
    double density = known > 0 ? bytes / known : 0;
    int64_t at = INT64_MIN;
    for (int i = 0; i <= pieces->count; i++) {
        int64_t next = i < pieces->count ? pieces->ranges[i].start : INT64_MAX;
        if (at < next) {
            double gap = width_of(at, next) * density;
            add_piece(ring, at, next, gap);
            bytes += gap;
        }
        if (i < pieces->count) {
            ring->ranges[ring->count++] = pieces->ranges[i];
            at = pieces->ranges[i].end;
        }
    }
    return bytes;
}

static void add_range(struct cassandra_ranges *out, struct arena *arena, int64_t start, int64_t end) {
    if (out->count == out->capacity) {
        int capacity = out->capacity ? 2 * out->capacity : 64;
        struct cassandra_range *ranges = ARENA_ARRAY(arena, struct cassandra_range, capacity);
        if (out->count) memcpy(ranges, out->ranges, sizeof *ranges * (size_t)out->count);
        out->ranges = ranges;
        out->capacity = capacity;
    }
    out->ranges[out->count++] = (struct cassandra_range){start, end};
}

/* (start, end] in `parts` parts of even width. */
static void add_parts(struct cassandra_ranges *out, struct arena *arena, int64_t start, int64_t end, int parts) {
    uint64_t width = (uint64_t)end - (uint64_t)start;
    int64_t at = start;
    for (int i = 1; i <= parts; i++) {
        int64_t next = (int64_t)((uint64_t)start + (uint64_t)((uint128)width * (uint128)i / (uint128)parts));
        if (at < next) add_range(out, arena, at, next);
        at = next;
    }
}

/* Neighbours are put together while they have no more than target_bytes, what has more is cut. */
static void cut_pieces(const struct cassandra_estimates *ring, double target_bytes, struct arena *arena,
                       struct cassandra_ranges *out) {
    int64_t open_start = INT64_MIN, open_end = INT64_MIN;
    double open_bytes = 0;
    for (int i = 0; i < ring->count; i++) {
        const struct cassandra_estimate *piece = &ring->ranges[i];
        if (open_bytes + piece->size_bytes <= target_bytes) {
            open_end = piece->end;
            open_bytes += piece->size_bytes;
            continue;
        }
        if (open_start < open_end) add_range(out, arena, open_start, open_end);
        open_start = open_end = piece->end;
        open_bytes = 0;
        double parts = piece->size_bytes / target_bytes;
        if (parts <= 1) { /* the next may be put to it */
            open_start = piece->start;
            open_bytes = piece->size_bytes;
        } else {
            int count = parts < CASSANDRA_MAX_SPLITS ? (int)parts + ((double)(int)parts < parts) : CASSANDRA_MAX_SPLITS;
            add_parts(out, arena, piece->start, piece->end, count);
        }
    }
    if (open_start < open_end) add_range(out, arena, open_start, open_end);
}

void cassandra_cut_ring(const struct cassandra_estimates *estimates, int64_t split_size_bytes, int least,
                        struct arena *arena, struct cassandra_ranges *out) {
    *out = (struct cassandra_ranges){.count = 0};
    if (least > CASSANDRA_MAX_SPLITS) least = CASSANDRA_MAX_SPLITS;
    struct cassandra_estimates pieces = {0}, ring = {0};
    pieces.ranges = ARENA_ARRAY(arena, struct cassandra_estimate, 2 * estimates->count + 1);
    ring.ranges = ARENA_ARRAY(arena, struct cassandra_estimate, 4 * estimates->count + 3);
    order_pieces(estimates, &pieces);
    double bytes = fill_gaps(&pieces, &ring), target = (double)split_size_bytes;
    if (bytes / target < least) target = bytes / least;
    if (bytes / target > CASSANDRA_MAX_SPLITS / 2) target = bytes / (CASSANDRA_MAX_SPLITS / 2);
    if (target >= 1) cut_pieces(&ring, target, arena, out);
    if (out->count < least || out->count > CASSANDRA_MAX_SPLITS) { /* nothing is known, or too little */
        int count = out->count > CASSANDRA_MAX_SPLITS ? CASSANDRA_MAX_SPLITS : least;
        out->count = 0;
        add_parts(out, arena, INT64_MIN, INT64_MAX, count);
    }
}

/* ---- The nodes ---- */

struct dealt {
    struct cassandra_range range;
    int owner, rank; /* rank: among those of the owner */
};

static int compare_dealt(const void *a, const void *b) {
    const struct dealt *x = a, *y = b;
    if (x->rank != y->rank) return x->rank - y->rank;
    return x->owner - y->owner;
}

void cassandra_cut_at_tokens(struct cassandra_ranges *ranges, const int64_t *ends, const int *owners, int token_count,
                             struct arena *arena) {
    bool many = token_count > CASSANDRA_RING_TOKENS && token_count > 2 * ranges->count;
    if (!token_count || many || token_count + ranges->count > CASSANDRA_MAX_SPLITS) return;
    struct dealt *dealt = ARENA_ARRAY(arena, struct dealt, ranges->count + token_count);
    int most = 0, count = 0, at = 0;
    for (int i = 0; i < token_count; i++)
        if (owners[i] > most) most = owners[i];
    int *ranks = ARENA_ARRAY(arena, int, most + 1);
    for (int i = 0; i < ranges->count; i++) {
        struct cassandra_range rest = ranges->ranges[i];
        while (rest.start < rest.end) {
            while (at < token_count && ends[at] <= rest.start) at++;
            int64_t end = at < token_count && ends[at] < rest.end ? ends[at] : rest.end;
            int owner = owners[at < token_count ? at : 0]; /* what lies behind the last token is the first one's */
            dealt[count++] = (struct dealt){{rest.start, end}, owner, ranks[owner]++};
            rest.start = end;
        }
    }
    qsort(dealt, (size_t)count, sizeof *dealt, compare_dealt);
    ranges->count = 0;
    for (int i = 0; i < count; i++) add_range(ranges, arena, dealt[i].range.start, dealt[i].range.end);
}
