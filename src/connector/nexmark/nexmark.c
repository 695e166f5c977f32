/* 'connector' = 'nexmark': the events of the Nexmark benchmark (persons, auctions, bids in one stream), with the options,
 * the id arithmetic and the distributions of github.com/nexmark/nexmark's generator for Flink.
 *
 *     event n:    n % (1 + 3 + 46) says what it is: first the person, then the auctions, then the bids
 *     time:       base-time + n / first-event.rate, in milliseconds
 *     ids:        count up from 1000 for each kind; bids and auctions refer to the last ones that exist at n:
 *                 a hot auction (probability 1 - 1/2) is the last multiple of 100, else one of the last 100 and 10 to come;
 *                 a hot bidder (1 - 1/4) is the last multiple of 100, plus 1, a hot seller (1 - 1/4) the multiple itself, else
 *                 one of the last 1000 persons and 10 to come
 *     price:      10^(6 u) * 100, u uniform
 *     extra:      letters, so many that the event has its average size, ± 20 %
 * (There, 1000 is added twice to bidders, so that most bids have no person; here once.)
 *
 * Everything is a function of (seed, n): a replay gives the same rows. One split; an offset is the next n. Random text is
 * cut out of texts that are made once, so a string costs its view only. */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "column/validity.h"
#include "connector/connector.h"
#include "connector/pace.h"

enum {
    NEXMARK_BLOCK_EVENTS = 32768,
    NEXMARK_OFFSET_BYTES = 8,
    FIRST_ID = 1000,
    FIRST_CATEGORY = 10,
    CATEGORY_COUNT = 5,
    ID_LEAD = 10,    /* persons and auctions that do not exist yet, but are referred to */
    HOT_BATCH = 100, /* one of so many is hot */
    IN_FLIGHT_AUCTIONS = 100,
    ACTIVE_PERSONS = 1000,
    CHANNEL_COUNT = 10000,
    HOT_CHANNEL_COUNT = 4,
    MIN_TEXT = 3,
    TEXT_BYTES = 1 << 16,     /* of each of the two texts; a power of two */
    MAX_TEXT_BYTES = 1 << 15, /* of one string cut out of them */
    PRICE_STEPS = 4096,
    MAX_PERSON_BYTES = 96, /* of a name, an email address, a credit card */
    MAX_AVERAGE_BYTES = 16384,
};

static const struct option_def options[] = {
    {.name = "events.num",
     .type = OPTION_INT,
     .default_value = "0",
     .min = 0,
     .max = INT64_C(1) << 53,
     .doc = "how many events there are; 0: without end"},
    {.name = "first-event.rate",
     .type = OPTION_INT,
     .default_value = "10000",
     .min = 1,
     .max = 1000000000,
     .doc = "events per second of event time"},
    {.name = "next-event.rate",
     .type = OPTION_INT,
     .default_value = "10000",
     .doc = "accepted and without effect, as in Flink's generator"},
    {.name = "rate.shape",
     .type = OPTION_ENUM,
     .choices = "SQUARE|SINE",
     .default_value = "SQUARE",
     .doc = "accepted and without effect, as in Flink's generator"},
    {.name = "rate.period",
     .type = OPTION_DURATION,
     .default_value = "600 s",
     .doc = "accepted and without effect, as in Flink's generator"},
    {.name = "rate.limited",
     .type = OPTION_BOOL,
     .default_value = "false",
     .doc = "events come when they are due by first-event.rate, not as fast as they are taken"},
    {.name = "rows-per-second",
     .type = OPTION_INT,
     .default_value = "0",
     .min = 0,
     .max = INT64_C(1) << 40,
     .doc = "how many events come per second; 0: as fast as they are taken, or as rate.limited says"},
    {.name = "base-time",
     .type = OPTION_INT,
     .default_value = "1436918400000",
     .min = 0,
     .max = INT64_C(253402300799000),
     .doc = "time of the first event, in milliseconds since 1970"},
    {.name = "seed", .type = OPTION_INT, .default_value = "0", .doc = "another seed gives other events"},
    {.name = "person.proportion",
     .type = OPTION_INT,
     .default_value = "1",
     .min = 1,
     .max = 10000,
     .doc = "persons per round"},
    {.name = "auction.proportion",
     .type = OPTION_INT,
     .default_value = "3",
     .min = 1,
     .max = 10000,
     .doc = "auctions per round"},
    {.name = "bid.proportion",
     .type = OPTION_INT,
     .default_value = "46",
     .min = 1,
     .max = 10000,
     .doc = "bids per round"},
    {.name = "person.avg-size",
     .type = OPTION_SIZE,
     .default_value = "200",
     .min = 1,
     .max = MAX_AVERAGE_BYTES,
     .doc = "average bytes of a person"},
    {.name = "auction.avg-size",
     .type = OPTION_SIZE,
     .default_value = "500",
     .min = 1,
     .max = MAX_AVERAGE_BYTES,
     .doc = "average bytes of an auction"},
    {.name = "bid.avg-size",
     .type = OPTION_SIZE,
     .default_value = "100",
     .min = 1,
     .max = MAX_AVERAGE_BYTES,
     .doc = "average bytes of a bid"},
    {.name = "bid.hot-ratio.auctions",
     .type = OPTION_INT,
     .default_value = "2",
     .min = 1,
     .max = 1000000,
     .doc = "all but one in so many bids are for a hot auction"},
    {.name = "bid.hot-ratio.bidders",
     .type = OPTION_INT,
     .default_value = "4",
     .min = 1,
     .max = 1000000,
     .doc = "all but one in so many bids are from a hot bidder"},
    {.name = "auction.hot-ratio.sellers",
     .type = OPTION_INT,
     .default_value = "4",
     .min = 1,
     .max = 1000000,
     .doc = "all but one in so many auctions are of a hot seller"},
    OPTION_END,
};

/* ---- Schema ---- */

struct field {
    const char *name;
    enum type_id type;
};

enum event_kind { EVENT_PERSON, EVENT_AUCTION, EVENT_BID, EVENT_KIND_COUNT };

enum { PERSON_ID, PERSON_NAME, PERSON_EMAIL, PERSON_CREDIT_CARD, PERSON_CITY, PERSON_STATE, PERSON_TIME, PERSON_EXTRA };
enum {
    AUCTION_ID,
    AUCTION_NAME,
    AUCTION_DESCRIPTION,
    AUCTION_INITIAL_BID,
    AUCTION_RESERVE,
    AUCTION_TIME,
    AUCTION_EXPIRES,
    AUCTION_SELLER,
    AUCTION_CATEGORY,
    AUCTION_EXTRA
};
enum { BID_AUCTION, BID_BIDDER, BID_PRICE, BID_CHANNEL, BID_URL, BID_TIME, BID_EXTRA };

enum { MAX_FIELDS = 10 };

static const struct field kind_fields[EVENT_KIND_COUNT][MAX_FIELDS + 1] = {
    [EVENT_PERSON] = {{"id", TYPE_BIGINT},
                      {"name", TYPE_VARCHAR},
                      {"emailAddress", TYPE_VARCHAR},
                      {"creditCard", TYPE_VARCHAR},
                      {"city", TYPE_VARCHAR},
                      {"state", TYPE_VARCHAR},
                      {"dateTime", TYPE_TIMESTAMP},
                      {"extra", TYPE_VARCHAR}},
    [EVENT_AUCTION] = {{"id", TYPE_BIGINT},
                       {"itemName", TYPE_VARCHAR},
                       {"description", TYPE_VARCHAR},
                       {"initialBid", TYPE_BIGINT},
                       {"reserve", TYPE_BIGINT},
                       {"dateTime", TYPE_TIMESTAMP},
                       {"expires", TYPE_TIMESTAMP},
                       {"seller", TYPE_BIGINT},
                       {"category", TYPE_BIGINT},
                       {"extra", TYPE_VARCHAR}},
    [EVENT_BID] = {{"auction", TYPE_BIGINT},
                   {"bidder", TYPE_BIGINT},
                   {"price", TYPE_BIGINT},
                   {"channel", TYPE_VARCHAR},
                   {"url", TYPE_VARCHAR},
                   {"dateTime", TYPE_TIMESTAMP},
                   {"extra", TYPE_VARCHAR}},
};

static const char *const kind_columns[] = {"person", "auction", "bid"};

static bool has_type(const struct type *type, const struct field *fields) {
    if (type->id != TYPE_ROW || !type->nullable) return false;
    int i = 0;
    for (; i < type->child_count && fields[i].name; i++) {
        const struct type *child = type->children[i];
        if (strcmp(type->names[i], fields[i].name) != 0 || child->id != fields[i].type) return false;
        if (child->id == TYPE_VARCHAR && child->length != TYPE_MAX_LENGTH) return false;
        if (child->id == TYPE_TIMESTAMP && child->precision != 3) return false;
    }
    return i == type->child_count && !fields[i].name;
}

static enum status wrong_type(const struct table_column *column, const struct field *fields, struct error *err) {
    struct strbuf type = {0};
    strbuf_puts(&type, fields ? "ROW<" : "INT");
    for (int i = 0; fields && fields[i].name; i++)
        strbuf_printf(&type, "%s%s %s", i ? ", " : "", fields[i].name,
                      fields[i].type == TYPE_BIGINT    ? "BIGINT"
                      : fields[i].type == TYPE_VARCHAR ? "STRING"
                                                       : "TIMESTAMP(3)");
    if (fields) strbuf_putc(&type, '>');
    error_set(err, STATUS_TYPE_MISMATCH, "connector 'nexmark': column '%s' has the wrong type", column->name);
    error_hint(err, "%s", type.data);
    strbuf_free(&type);
    return STATUS_TYPE_MISMATCH;
}

/* The kind of event in a column, -1 for event_type, -2 when there is no such column. */
static int kind_of_column(const char *name) {
    if (strcmp(name, "event_type") == 0) return -1;
    for (int kind = 0; kind < EVENT_KIND_COUNT; kind++)
        if (strcmp(name, kind_columns[kind]) == 0) return kind;
    return -2;
}

static enum status check_table(const struct table *table, struct error *err) {
    for (int i = 0; i < table->column_count; i++) {
        const struct table_column *column = &table->columns[i];
        if (column->kind != COLUMN_PHYSICAL) continue;
        int kind = kind_of_column(column->name);
        if (kind == -2) {
            error_set(err, STATUS_UNDEFINED_COLUMN, "connector 'nexmark' has no column '%s'", column->name);
            error_hint(err, "its columns are event_type, person, auction and bid");
            return STATUS_UNDEFINED_COLUMN;
        }
        if (kind == -1 && column->type->id != TYPE_INT) return wrong_type(column, NULL, err);
        if (kind >= 0 && !has_type(column->type, kind_fields[kind])) return wrong_type(column, kind_fields[kind], err);
    }
    return STATUS_OK;
}

/* ---- Source ---- */

struct source {
    struct arena arena;
    int column_count;
    const struct type **types;
    int *kinds; /* by projected column, as kind_of_column */
    uint64_t seed;
    int64_t event_count; /* INT64_MAX: without end */
    int64_t base_ms, rows_per_second;
    double delay_micros; /* between events */
    int64_t proportions[EVENT_KIND_COUNT], round;
    uint32_t average_bytes[EVENT_KIND_COUNT];
    uint32_t hot_auctions, hot_bidders, hot_sellers;
    int64_t row_bytes;
    double prices[PRICE_STEPS];
    /* channels and their URLs; the hot ones behind the others */
    struct strview channels[CHANNEL_COUNT + HOT_CHANNEL_COUNT], urls[CHANNEL_COUNT + HOT_CHANNEL_COUNT];
    char *letters; /* TEXT_BYTES + MAX_TEXT_BYTES */
    char *words;   /* likewise, letters and blanks */
};

struct source_reader {
    struct source *source;
    int index;
    int64_t first, next;
    struct pace pace;
};

struct event_block {
    struct block base;
    int64_t first;
    uint8_t offsets[2][NEXMARK_OFFSET_BYTES];
};

static inline uint64_t mix(uint64_t z) { /* splitmix64's finaliser */
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

/* 0 … range - 1 from 32 random bits. */
static inline uint32_t below(uint32_t random, uint32_t range) { return (uint32_t)((uint64_t)random * range >> 32); }

static void make_texts(struct source *source) {
    size_t size = TEXT_BYTES + MAX_TEXT_BYTES;
    source->letters = arena_alloc(&source->arena, size);
    source->words = arena_alloc(&source->arena, size);
    for (size_t i = 0; i < size; i++) {
        uint64_t random = mix(source->seed + i + 1);
        source->letters[i] = (char)('a' + below((uint32_t)random, 26));
        random = mix(random);
        source->words[i] = below((uint32_t)(random >> 32), 13) == 0 ? ' ' : (char)('a' + below((uint32_t)random, 26));
    }
}

/* https://www.nexmark.com/abc/de/fg_h/item.htm?query=1 */
static void put_url(struct strbuf *out, uint64_t random) {
    strbuf_puts(out, "https://www.nexmark.com/");
    for (int part = 0; part < 3; part++) {
        random = mix(random);
        uint32_t len = MIN_TEXT + below((uint32_t)random, 5 - MIN_TEXT);
        for (uint32_t i = 0; i < len; i++) {
            uint64_t letter = mix(random + i + 1);
            strbuf_putc(out,
                        below((uint32_t)(letter >> 32), 13) == 0 ? '_' : (char)('a' + below((uint32_t)letter, 26)));
        }
        strbuf_putc(out, '/');
    }
    strbuf_puts(out, "item.htm?query=1");
}

static void make_channels(struct source *source) {
    static const char *const hot[HOT_CHANNEL_COUNT] = {"Google", "Facebook", "Baidu", "Apple"};
    struct arena *arena = &source->arena;
    struct strbuf url = {0};
    for (uint32_t i = 0; i < CHANNEL_COUNT + HOT_CHANNEL_COUNT; i++) {
        bool is_hot = i >= CHANNEL_COUNT;
        char *name = is_hot ? arena_strdup(arena, hot[i - CHANNEL_COUNT]) : arena_printf(arena, "channel-%u", i);
        source->channels[i] = strview_make(name, (uint32_t)strlen(name));
        uint64_t random = mix(source->seed + (uint64_t)(i + 1) * UINT64_C(0xD1B54A32D192ED03));
        strbuf_clear(&url);
        put_url(&url, random);
        if (!is_hot && below((uint32_t)random, 10) > 0) {
            uint32_t reversed = 0; /* bits of the number, back to front, without its sign */
            for (int bit = 0; bit < 32; bit++) reversed |= (i >> bit & 1) << (31 - bit);
            strbuf_printf(&url, "&channel_id=%lld", llabs((long long)(int32_t)reversed));
        }
        source->urls[i] = strview_make(arena_strndup(arena, url.data, url.len), (uint32_t)url.len);
    }
    strbuf_free(&url);
}

static void source_close(struct source *source) {
    arena_destroy(&source->arena);
    free(source);
}

static int64_t event_count(const struct table *table) {
    int64_t count = option_int(&table->options, options, "events.num");
    return count ? count : INT64_MAX;
}

static bool is_bounded(const struct table *table) { return event_count(table) != INT64_MAX; }

static int64_t row_estimate(const struct table *table) {
    int64_t count = event_count(table);
    return count == INT64_MAX ? -1 : count;
}

static enum status source_open(const struct table *table, const struct scan_request *request, int parallelism,
                               struct mem_account *account, struct source **out, struct error *err) {
    (void)parallelism;
    TRY(check_table(table, err));
    if (request->bounded_only && !is_bounded(table)) {
        error_set(err, STATUS_NOT_SUPPORTED, "table '%s' never ends, so it cannot be read as a batch", table->name);
        error_hint(err, "give it 'events.num', or set 'execution.runtime-mode' = 'streaming'");
        return STATUS_NOT_SUPPORTED;
    }
    const struct option_list *list = &table->options;
    struct source *source = xcalloc(1, sizeof *source);
    arena_init(&source->arena, account);
    source->column_count = request->column_count;
    source->types = ARENA_ARRAY(&source->arena, const struct type *, request->column_count + 1);
    source->kinds = ARENA_ARRAY(&source->arena, int, request->column_count + 1);
    bool wants[EVENT_KIND_COUNT] = {false};
    source->seed = mix((uint64_t)option_int(list, options, "seed") + 1);
    source->event_count = event_count(table);
    source->base_ms = option_int(list, options, "base-time");
    int64_t rate = option_int(list, options, "first-event.rate");
    source->delay_micros = 1e6 / (double)rate;
    source->rows_per_second = option_int(list, options, "rows-per-second");
    if (!source->rows_per_second && option_bool(list, options, "rate.limited")) source->rows_per_second = rate;
    for (int kind = 0; kind < EVENT_KIND_COUNT; kind++) {
        char key[64];
        snprintf(key, sizeof key, "%s.proportion", kind_columns[kind]);
        source->proportions[kind] = option_int(list, options, key);
        source->round += source->proportions[kind];
        snprintf(key, sizeof key, "%s.avg-size", kind_columns[kind]);
        source->average_bytes[kind] = (uint32_t)option_int(list, options, key);
    }
    source->hot_auctions = (uint32_t)option_int(list, options, "bid.hot-ratio.auctions");
    source->hot_bidders = (uint32_t)option_int(list, options, "bid.hot-ratio.bidders");
    source->hot_sellers = (uint32_t)option_int(list, options, "auction.hot-ratio.sellers");
    source->row_bytes = 8;
    for (int i = 0; i < request->column_count; i++) {
        const struct table_column *column = &table->columns[request->columns[i]];
        source->types[i] = column->type;
        source->kinds[i] = kind_of_column(column->name);
        if (source->kinds[i] >= 0) {
            wants[source->kinds[i]] = true;
            source->row_bytes += 16 * column->type->child_count;
        }
    }
    for (int i = 0; i < PRICE_STEPS; i++) source->prices[i] = pow(10.0, 6.0 * i / PRICE_STEPS) * 100.0;
    if (wants[EVENT_PERSON] || wants[EVENT_AUCTION] || wants[EVENT_BID]) make_texts(source);
    if (wants[EVENT_BID]) make_channels(source);
    *out = source;
    return STATUS_OK;
}

static void put_u64(uint8_t *p, uint64_t v) {
    for (int i = 0; i < 8; i++) p[i] = (uint8_t)(v >> (8 * i));
}

static uint64_t get_u64(const uint8_t *p) {
    uint64_t v = 0;
    for (int i = 7; i >= 0; i--) v = v << 8 | p[i];
    return v;
}

static enum status source_splits(struct source *source, struct arena *arena, struct split **splits, int *split_count,
                                 struct error *err) {
    (void)err;
    *splits = ARENA_NEW(arena, struct split);
    **splits =
        (struct split){.id = "nexmark/0",
                       .start = {.len = NEXMARK_OFFSET_BYTES, .bytes = arena_zalloc(arena, NEXMARK_OFFSET_BYTES)},
                       .row_estimate = source->event_count == INT64_MAX ? -1 : source->event_count};
    *split_count = 1;
    return STATUS_OK;
}

static int reader_count(struct source *source, int split_count, int parallelism) {
    (void)source;
    (void)split_count;
    (void)parallelism;
    return 1;
}

static enum status reader_open(struct source *source, const struct split *splits, const int *indexes,
                               const struct offset *starts, int count, struct source_reader **out, struct error *err) {
    assert(count == 1);
    (void)count;
    if (starts[0].len != NEXMARK_OFFSET_BYTES)
        return error_set(err, STATUS_BAD_DATA, "the offset of '%s' has %u bytes, not %d", splits[0].id, starts[0].len,
                         NEXMARK_OFFSET_BYTES);
    struct source_reader *reader = xcalloc(1, sizeof *reader);
    reader->source = source;
    reader->index = indexes[0];
    reader->first = reader->next = (int64_t)get_u64(starts[0].bytes);
    pace_begin(&reader->pace, source->rows_per_second);
    *out = reader;
    return STATUS_OK;
}

static void reader_close(struct source_reader *reader) { free(reader); }

static void block_release(struct block *block) { free(block); }

static enum status fetch(struct source_reader *reader, int timeout_ms, struct block **out, enum fetch_result *result,
                         struct error *err) {
    (void)err;
    int64_t left = reader->source->event_count - reader->next;
    if (left <= 0) {
        *result = FETCH_END;
        return STATUS_OK;
    }
    int64_t count = pace_take(&reader->pace, left < NEXMARK_BLOCK_EVENTS ? left : NEXMARK_BLOCK_EVENTS, timeout_ms);
    if (count == 0) {
        *result = FETCH_IDLE;
        return STATUS_OK;
    }
    struct event_block *block = xcalloc(1, sizeof *block);
    block->first = reader->next;
    put_u64(block->offsets[0], (uint64_t)reader->next);
    put_u64(block->offsets[1], (uint64_t)(reader->next + count));
    block->base =
        (struct block){.split = reader->index,
                       .start = {.len = NEXMARK_OFFSET_BYTES, .bytes = block->offsets[0]},
                       .end = {.len = NEXMARK_OFFSET_BYTES, .bytes = block->offsets[1]},
                       .record_count = (int)count,
                       .first_record = reader->next - reader->first,
                       .size_bytes = (size_t)(count * reader->source->row_bytes), /* what decode makes of it */
                       .data = block,
                       .release = block_release};
    reader->next += count;
    *out = &block->base;
    *result = FETCH_BLOCK;
    return STATUS_OK;
}

/* ---- Events ---- */

/* The events of one chunk. */
struct events {
    const struct source *source;
    int count;
    int64_t first;
    /* by event */
    int64_t millis[VECTOR_CAPACITY];
    int64_t last_person[VECTOR_CAPACITY]; /* without FIRST_ID; of a person or auction, its own */
    int64_t last_auction[VECTOR_CAPACITY];
    uint8_t kinds[VECTOR_CAPACITY];
    /* rows of each kind */
    sel_index rows[EVENT_KIND_COUNT][VECTOR_CAPACITY];
    int row_counts[EVENT_KIND_COUNT];
};

static inline int64_t event_millis(const struct source *source, int64_t n) {
    return source->base_ms + (int64_t)((double)n * source->delay_micros) / 1000;
}

static void number_events(struct events *events) {
    const struct source *source = events->source;
    const int64_t persons = source->proportions[EVENT_PERSON], auctions = source->proportions[EVENT_AUCTION];
    int64_t epoch = events->first / source->round, offset = events->first % source->round;
    for (int row = 0; row < events->count; row++) {
        enum event_kind kind = offset < persons              ? EVENT_PERSON
                               : offset < persons + auctions ? EVENT_AUCTION
                                                             : EVENT_BID;
        events->kinds[row] = (uint8_t)kind;
        events->rows[kind][events->row_counts[kind]++] = (sel_index)row;
        events->millis[row] = event_millis(source, events->first + row);
        events->last_person[row] = epoch * persons + (kind == EVENT_PERSON ? offset : persons - 1);
        events->last_auction[row] = kind == EVENT_PERSON    ? epoch * auctions - 1
                                    : kind == EVENT_AUCTION ? epoch * auctions + offset - persons
                                                            : (epoch + 1) * auctions - 1;
        if (++offset == source->round) {
            offset = 0;
            epoch++;
        }
    }
}

/* The k-th random number of an event. */
static inline uint64_t event_random(const struct events *events, int row, int k) {
    uint64_t n = (uint64_t)(events->first + row) * 8 + (uint64_t)k;
    return mix(events->source->seed + n * UINT64_C(0x9E3779B97F4A7C15));
}

static inline int64_t price(const struct source *source, uint32_t random) {
    /* within a step, e^(c f) by its series; c = 6 ln 10 / PRICE_STEPS */
    const double c = 6 * 2.302585092994045684 / PRICE_STEPS;
    double f = (double)(random & 0xFFFFF) * (c * 0x1p-20);
    return (int64_t)(source->prices[random >> 20] * (1 + f * (1 + f * 0.5)) + 0.5);
}

static inline int64_t person_near(const struct source *source, int64_t last_person, uint32_t random) {
    (void)source;
    int64_t count = last_person + 1, active = count < ACTIVE_PERSONS ? count : ACTIVE_PERSONS;
    return count - active + below(random, (uint32_t)active + ID_LEAD);
}

/* Letters that fill up to the average size, more or less. */
static inline struct strview extra(const struct source *source, enum event_kind kind, uint32_t size_bytes,
                                   uint64_t random) {
    uint32_t average = source->average_bytes[kind];
    if (size_bytes > average) return (struct strview){0};
    uint32_t wanted = average - size_bytes, delta = (wanted * 2 + 5) / 10;
    uint32_t len = wanted - delta + (delta ? below((uint32_t)random, 2 * delta) : 0);
    return strview_make(source->letters + (random >> 32 & (TEXT_BYTES - 1)), len);
}

/* Words of up to max bytes. */
static inline struct strview words(const struct source *source, uint32_t max, uint64_t random) {
    uint32_t len = MIN_TEXT + below((uint32_t)random, max - MIN_TEXT);
    const char *p = source->words + (random >> 32 & (TEXT_BYTES - 1));
    while (len && *p == ' ') p++, len--;
    while (len && p[len - 1] == ' ') len--;
    return strview_make(p, len);
}

static void fill_bids(const struct events *events, struct vector *fields) {
    const struct source *source = events->source;
    int64_t *auction = fields[BID_AUCTION].data, *bidder = fields[BID_BIDDER].data, *amount = fields[BID_PRICE].data;
    int64_t *time = fields[BID_TIME].data;
    struct strview *channel = fields[BID_CHANNEL].data, *url = fields[BID_URL].data, *more = fields[BID_EXTRA].data;
    const sel_index *rows = events->rows[EVENT_BID];
    for (int i = 0; i < events->row_counts[EVENT_BID]; i++) {
        int row = rows[i];
        uint64_t random = event_random(events, row, 0);
        int64_t last = events->last_auction[row], from = last > IN_FLIGHT_AUCTIONS ? last - IN_FLIGHT_AUCTIONS : 0;
        int64_t near = from + below((uint32_t)random, (uint32_t)(last - from) + 1 + ID_LEAD);
        bool is_hot = below((uint32_t)(random >> 32), source->hot_auctions) > 0;
        auction[row] = (is_hot ? last / HOT_BATCH * HOT_BATCH : near) + FIRST_ID;
        random = event_random(events, row, 1);
        int64_t person = events->last_person[row];
        near = person_near(source, person, (uint32_t)random);
        is_hot = below((uint32_t)(random >> 32), source->hot_bidders) > 0;
        bidder[row] = (is_hot ? person / HOT_BATCH * HOT_BATCH + 1 : near) + FIRST_ID;
        random = event_random(events, row, 2);
        amount[row] = price(source, (uint32_t)(random >> 32));
        time[row] = events->millis[row] * 1000;
        uint32_t hot = CHANNEL_COUNT + ((uint32_t)random >> 1 & (HOT_CHANNEL_COUNT - 1)),
                 any = below((uint32_t)random, CHANNEL_COUNT);
        uint32_t number = random & 1 ? hot : any;
        channel[row] = source->channels[number];
        url[row] = source->urls[number];
        more[row] = extra(source, EVENT_BID, 32, event_random(events, row, 3));
    }
}

static void fill_auctions(const struct events *events, struct vector *fields) {
    const struct source *source = events->source;
    const sel_index *rows = events->rows[EVENT_AUCTION];
    int64_t ahead = IN_FLIGHT_AUCTIONS * source->round / source->proportions[EVENT_AUCTION];
    for (int i = 0; i < events->row_counts[EVENT_AUCTION]; i++) {
        int row = rows[i];
        uint64_t random = event_random(events, row, 0);
        int64_t person = events->last_person[row], near = person_near(source, person, (uint32_t)random);
        bool is_hot = below((uint32_t)(random >> 32), source->hot_sellers) > 0;
        int64_t seller = is_hot ? person / HOT_BATCH * HOT_BATCH : near;
        random = event_random(events, row, 1);
        int64_t initial = price(source, (uint32_t)(random >> 32)), reserve = initial + price(source, (uint32_t)random);
        random = event_random(events, row, 2);
        int64_t horizon = (event_millis(source, events->first + row + ahead) - events->millis[row]) * 2;
        if (horizon < 1) horizon = 1;
        if (horizon > UINT32_MAX) horizon = UINT32_MAX;
        struct strview name = words(source, 20, event_random(events, row, 3));
        struct strview description = words(source, 100, event_random(events, row, 4));
        ((int64_t *)fields[AUCTION_ID].data)[row] = events->last_auction[row] + FIRST_ID;
        ((struct strview *)fields[AUCTION_NAME].data)[row] = name;
        ((struct strview *)fields[AUCTION_DESCRIPTION].data)[row] = description;
        ((int64_t *)fields[AUCTION_INITIAL_BID].data)[row] = initial;
        ((int64_t *)fields[AUCTION_RESERVE].data)[row] = reserve;
        ((int64_t *)fields[AUCTION_TIME].data)[row] = events->millis[row] * 1000;
        ((int64_t *)fields[AUCTION_EXPIRES].data)[row] =
            (events->millis[row] + 1 + below((uint32_t)random, (uint32_t)horizon)) * 1000;
        ((int64_t *)fields[AUCTION_SELLER].data)[row] = seller + FIRST_ID;
        ((int64_t *)fields[AUCTION_CATEGORY].data)[row] =
            FIRST_CATEGORY + below((uint32_t)(random >> 32), CATEGORY_COUNT);
        ((struct strview *)fields[AUCTION_EXTRA].data)[row] =
            extra(source, EVENT_AUCTION, 8 + name.len + description.len + 5 * 8, event_random(events, row, 5));
    }
}

/* Names and the like are at most 16 bytes long, in cells of that size. */
struct cell {
    char text[16];
};

static inline char *put_cell(char *p, const struct cell *cell) {
    memcpy(p, cell->text, sizeof cell->text);
    return p + strlen(cell->text);
}

static inline struct strview view_cell(const struct cell *cell) {
    return strview_make(cell->text, (uint32_t)strlen(cell->text));
}

/* Four digits for each sixteen bits. */
static inline char *put_card(char *p, uint64_t random) {
    for (int group = 0; group < 4; group++) {
        uint32_t v = below((uint32_t)(random >> (16 * group) & 0xFFFF) << 16, 10000);
        if (group) *p++ = ' ';
        for (int i = 3; i >= 0; i--, v /= 10) p[i] = (char)('0' + v % 10);
        p += 4;
    }
    return p;
}

static void fill_persons(const struct events *events, struct vector *fields, struct arena *arena) {
    static const struct cell states[] = {{"AZ"}, {"CA"}, {"ID"}, {"OR"}, {"WA"}, {"WY"}};
    static const struct cell cities[] = {{"Phoenix"}, {"Los Angeles"}, {"San Francisco"}, {"Boise"}, {"Portland"},
                                         {"Bend"},    {"Redmond"},     {"Seattle"},       {"Kent"},  {"Cheyenne"}};
    static const struct cell first_names[] = {{"Peter"}, {"Paul"},  {"Luke"},  {"John"},   {"Saul"},  {"Vicky"},
                                              {"Kate"},  {"Julie"}, {"Sarah"}, {"Deiter"}, {"Walter"}};
    static const struct cell last_names[] = {{"Shultz"}, {"Abrams"}, {"Spencer"}, {"White"}, {"Bartels"},
                                             {"Walton"}, {"Smith"},  {"Jones"},   {"Noris"}};
    const struct source *source = events->source;
    const sel_index *rows = events->rows[EVENT_PERSON];
    for (int i = 0; i < events->row_counts[EVENT_PERSON]; i++) {
        int row = rows[i];
        uint64_t random = event_random(events, row, 0);
        char *name = arena_alloc(arena, MAX_PERSON_BYTES),
             *p = put_cell(name, &first_names[below((uint32_t)random, 11)]);
        *p++ = ' ';
        p = put_cell(p, &last_names[below((uint32_t)(random >> 32), 9)]);
        uint32_t name_len = (uint32_t)(p - name);
        struct strview user = words(source, 7, event_random(events, row, 2)),
                       host = words(source, 5, event_random(events, row, 3));
        char *email = p;
        memcpy(p, user.inlined, STRVIEW_INLINE);
        p += user.len;
        *p++ = '@';
        memcpy(p, host.inlined, STRVIEW_INLINE);
        p += host.len;
        memcpy(p, ".com", 4);
        p += 4;
        uint32_t email_len = (uint32_t)(p - email);
        char *card = p;
        uint32_t card_len = (uint32_t)(put_card(p, event_random(events, row, 1)) - card);
        random = event_random(events, row, 4);
        struct strview city = view_cell(&cities[below((uint32_t)random, 10)]);
        struct strview state = view_cell(&states[below((uint32_t)(random >> 32), 6)]);
        ((int64_t *)fields[PERSON_ID].data)[row] = events->last_person[row] + FIRST_ID;
        ((struct strview *)fields[PERSON_NAME].data)[row] = strview_make(name, name_len);
        ((struct strview *)fields[PERSON_EMAIL].data)[row] = strview_make(email, email_len);
        ((struct strview *)fields[PERSON_CREDIT_CARD].data)[row] = strview_make(card, card_len);
        ((struct strview *)fields[PERSON_CITY].data)[row] = city;
        ((struct strview *)fields[PERSON_STATE].data)[row] = state;
        ((int64_t *)fields[PERSON_TIME].data)[row] = events->millis[row] * 1000;
        ((struct strview *)fields[PERSON_EXTRA].data)[row] =
            extra(source, EVENT_PERSON, 8 + name_len + email_len + card_len + city.len + state.len,
                  event_random(events, row, 5));
    }
}

/* The column of one kind: NULL, with all its fields, where the event is another. */
static void fill_kind(const struct events *events, enum event_kind kind, struct vector *vec, struct arena *arena) {
    if (events->row_counts[kind] < events->count) {
        uint64_t *validity = vector_validity(vec, arena, events->count);
        for (int other = 0; other < EVENT_KIND_COUNT; other++)
            for (int i = 0; other != (int)kind && i < events->row_counts[other]; i++)
                validity_set_null(validity, events->rows[other][i]);
        for (int field = 0; field < vec->type->child_count; field++) {
            struct vector *child = &vec->children[field];
            memcpy(vector_validity(child, arena, events->count), validity,
                   sizeof *validity * (size_t)validity_words(events->count));
            size_t size = (size_t)phys_size(child->phys);
            if (events->row_counts[kind] < events->count / 2) {
                memset(child->data, 0, size * (size_t)events->count);
                continue;
            }
            for (int other = 0; other < EVENT_KIND_COUNT; other++)
                for (int i = 0; other != (int)kind && i < events->row_counts[other]; i++)
                    memset((char *)child->data + size * events->rows[other][i], 0, size);
        }
    }
    switch (kind) {
    case EVENT_PERSON: fill_persons(events, vec->children, arena); break;
    case EVENT_AUCTION: fill_auctions(events, vec->children); break;
    default: fill_bids(events, vec->children);
    }
}

static enum status decode(struct source *source, const struct block *base, int first, int count,
                          struct decode_output *output, struct error *err) {
    const struct event_block *block = base->data;
    struct arena *arena = output->arena;
    struct events *events = arena_alloc(arena, sizeof *events);
    for (int at = first; at < first + count; at += VECTOR_CAPACITY) {
        events->source = source;
        events->count = first + count - at < VECTOR_CAPACITY ? first + count - at : VECTOR_CAPACITY;
        events->first = block->first + at;
        memset(events->row_counts, 0, sizeof events->row_counts);
        if (source->column_count) number_events(events);
        struct chunk *chunk = chunk_create(arena, source->column_count, source->types, events->count);
        for (int i = 0; i < source->column_count; i++) {
            struct vector *vec = &chunk->columns[i];
            if (source->kinds[i] >= 0)
                fill_kind(events, (enum event_kind)source->kinds[i], vec, arena);
            else
                for (int row = 0; row < events->count; row++) ((int32_t *)vec->data)[row] = events->kinds[row];
        }
        chunk->row_count = chunk->sel_count = events->count;
        TRY(output->emit(output, chunk, err));
    }
    return STATUS_OK;
}

static const struct source_class source_class = {
    .is_bounded = is_bounded,
    .row_estimate = row_estimate,
    .open = source_open,
    .splits = source_splits,
    .reader_count = reader_count,
    .reader_open = reader_open,
    .fetch = fetch,
    .reader_close = reader_close,
    .decode = decode,
    .close = source_close,
};

extern const struct connector nexmark_connector;
const struct connector nexmark_connector = {
    .name = "nexmark",
    .doc = "the events of the Nexmark benchmark",
    .options = options,
    .source = &source_class,
    .check_table = check_table,
};
