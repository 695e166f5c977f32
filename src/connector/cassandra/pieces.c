/* A token range that is read piece by piece. Where the reading of a piece has arrived is known only to the server, as a paging state;
 * but what lies behind the piece is known to be unread, so it can be cut and handed out. */
#include <assert.h>

#include "connector/cassandra/cassandra_private.h"

enum {
    FIRST_PIECES = 64,  /* a range's first piece is such a part of it, when nothing is known about the rows */
    FIRST_GUESSED = 8,  /* no more than such a part when there is only a guess */
    PIECE_GROWTH = 8,   /* at most, from a piece to the next */
    RECOVERY_PIECES = 8 /* that were well received, before one may be larger than half of what was too much */
};

static uint64_t tokens_of(int64_t start, int64_t end) { return (uint64_t)end - (uint64_t)start; }

/* Pieces end at multiples of it, counted from the range's start: so a piece's place is a number of CASSANDRA_PLACE_BITS bits. */
static uint64_t grain_of(const struct cassandra_span *span) {
    return (tokens_of(span->first, span->last) >> CASSANDRA_PLACE_BITS) + 1;
}

/* So many tokens behind the piece's start, up to the next multiple of the grain. */
static int64_t end_of(const struct cassandra_span *span, uint64_t tokens) {
    uint64_t left = tokens_of(span->start, span->limit), grain = grain_of(span);
    if (tokens >= left) return span->limit;
    uint64_t at = tokens_of(span->first, span->start) + (tokens ? tokens : 1);
    uint64_t rounded = at % grain ? at - at % grain + grain : at;
    if (rounded < at || rounded >= tokens_of(span->first, span->limit)) return span->limit;
    return (int64_t)((uint64_t)span->first + rounded);
}

void cassandra_span_open(struct cassandra_span *span, int64_t first, int64_t last, int64_t start, uint64_t width) {
    assert(first <= start && start < last);
    uint64_t all = tokens_of(first, last);
    *span = (struct cassandra_span){.first = first, .last = last, .start = start, .limit = last};
    span->width = width < all ? width : all;
    span->end = end_of(span, span->width);
}

uint64_t cassandra_first_width(int64_t first, int64_t last, uint64_t guess) {
    uint64_t all = tokens_of(first, last);
    uint64_t most = all / FIRST_GUESSED + 1;
    return !guess ? all / FIRST_PIECES + 1 : guess < most ? guess : most;
}

bool cassandra_span_next(struct cassandra_span *span) {
    if (span->end == span->limit) return false;
    span->start = span->end;
    span->end = end_of(span, span->width);
    return true;
}

void cassandra_span_adapt(struct cassandra_span *span, int64_t rows, int64_t wanted_rows, bool slow) {
    uint64_t tokens = tokens_of(span->start, span->end), all = tokens_of(span->first, span->last);
    double most = (double)(tokens > span->width ? tokens : span->width) * PIECE_GROWTH;
    double width = rows > 0 ? (double)tokens * ((double)wanted_rows / (double)rows) : most;
    if (width > most) width = most;
    if (slow && width > (double)span->width) width = (double)span->width;
    span->width = width >= (double)all ? all : width < 1 ? 1 : (uint64_t)width;
    if (span->ceiling && ++span->good % RECOVERY_PIECES == 0) span->ceiling = 2 * span->ceiling;
    if (span->ceiling >= all) span->ceiling = 0;
    if (span->ceiling && span->width > span->ceiling) span->width = span->ceiling;
}

bool cassandra_span_shrink(struct cassandra_span *span) {
    int64_t middle = end_of(span, tokens_of(span->start, span->end) / 2);
    if (middle == span->end) return false;
    span->end = middle;
    span->width = span->ceiling = tokens_of(span->start, middle);
    span->good = 0;
    return true;
}

uint64_t cassandra_span_rest(const struct cassandra_span *span) { return tokens_of(span->end, span->limit); }

bool cassandra_span_hand_out(struct cassandra_span *span, struct cassandra_span *out) {
    uint64_t rest = cassandra_span_rest(span);
    if (!rest) return false;
    *out = *span;
    out->start = span->end;
    if (rest > span->width) out->start = end_of(out, rest / 2);
    if (out->start == span->limit) out->start = span->end; /* too small to be cut */
    span->limit = out->start;
    out->end = end_of(out, out->width);
    return true;
}

int64_t cassandra_span_order(const struct cassandra_span *span) {
    return (int64_t)(tokens_of(span->first, span->start) / grain_of(span)) << CASSANDRA_PLACE_ROW_BITS;
}
