/* Readers: pages of many splits, a bounded number of them asked for ahead.
 *
 * Within a split pages come one after the other; a reader keeps several requests in flight over its splits, and no more than so
 * many pages and bytes ahead of `fetch`. A token range is read in pieces (pieces.c). In batch these are small, so that what is not
 * read yet can be handed to whoever has nothing to do: a request of the same reader, or another reader of the scan, all of which
 * share a board. Where a job goes on after a restart a split stays with its reader, and its pieces come in the order of tokens.
 *
 * An offset is empty at the split's start, else a byte (enum offset_kind) and what it needs; paging states are good for pages of any
 * size.
 *
 * How many rows a page has follows from the pages before: about page_bytes, and an answer within a second. What takes the server
 * too long is asked for again in smaller pieces: half the rows from the same place; half the token range where few rows of many
 * match; rows instead of their number. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cass/bytes.h"
#include "connector/cassandra/source_private.h"

enum offset_kind {
    OFFSET_MIDDLE = 0, /* paging state of the whole split */
    OFFSET_END = 1,
    OFFSET_PIECE = 2, /* start and end of a piece, its paging state */
    OFFSET_NEXT = 3,  /* the token up to which all is read */
};

enum {
    FIRST_PAGE_ROWS = 500, /* before anything is known about the rows */
    MIN_PAGE_ROWS = 16,    /* a page that fails with so few rows is not made smaller; of groups: 1 */
    PIECE_PAGES = 8,       /* that a piece shall have, in batch */
    PAGE_GROWTH = 4,       /* at most, from a page to the next */
    PAGE_TARGET_MS = 1000,
    RECOVERY_PAGES = 64, /* that were well received, before one may be larger than half of what was too much */
    COUNT_TIMEOUT_MS = 5000,
    MAX_COUNT_ROWS = 1 << 30, /* of a block that is only a number */
};

/* What the readers of a scan share: what one has not asked for may be read by another. */
struct cassandra_board {
    pthread_mutex_t lock; /* of the board, its readers and their splits */
    int refs;             /* the source and the readers */
    uint64_t width;       /* of pieces, as found last; 0: nothing is known yet */
    struct source_reader *readers;
};

struct reader_split {
    struct source_reader *reader;
    struct cql_request request;
    struct strbuf values, paging_state;
    struct strbuf at, from; /* offsets: of the next page; behind the last block */
    struct cassandra_span span;
    bool opened;        /* the span has a piece */
    int64_t piece_rows; /* of the piece, so far */
    int index;
    int page_rows;
    int ceiling, good_pages; /* page_rows after a page that was too much, 0: none was; pages since */
    int64_t sent_ms;
    int64_t next_record;
    enum { SPLIT_NEW, SPLIT_ASKING, SPLIT_RESTING, SPLIT_DONE } state;
};

struct source_reader {
    struct cassandra_board *board;
    struct source_reader *next; /* on the board */
    pthread_cond_t changed;
    struct arena arena;
    struct cassandra_handle *handle;
    const struct cql_prepared *select, *count;
    char *table, *keyspace;
    enum cql_consistency consistency;
    int selected_count, max_pages, max_page_rows;
    int64_t page_bytes;
    bool keep_offsets; /* offsets must be whole: the scan may be resumed */
    bool ranges;       /* splits are token ranges */
    bool small;        /* in small pieces */
    uint64_t guess;    /* of their tokens, 0: none */
    bool shares;       /* and others may read them */
    bool may_cut;      /* what takes too long becomes narrower... */
    bool rows_first;   /* ... when it cannot be fewer rows */
    bool groups;       /* rows are groups that the server makes */
    int min_page_rows;
    int64_t limit, delivered;
    int split_count, first_open, next_new; /* those before first_open are done, those from next_new on not begun */
    int split_capacity;
    int open_count; /* splits not done */
    struct reader_split **splits;
    int page_rows; /* for splits that are begun */
    bool answered; /* something is known about the rows */
    struct cassandra_page *head, **tail;
    int queued, asking;
    int64_t queued_bytes;
    bool failed, closed;
    struct error error;
};

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void free_page(struct cassandra_page *page) {
    cql_response_free(page->response);
    strbuf_free(&page->start_bytes);
    strbuf_free(&page->end_bytes);
    free(page->offsets);
    free(page);
}

static void release_page(struct block *block) { free_page((struct cassandra_page *)block); }

static void free_split(struct reader_split *split) {
    strbuf_free(&split->values);
    strbuf_free(&split->paging_state);
    strbuf_free(&split->at);
    strbuf_free(&split->from);
    free(split);
}

struct cassandra_board *cassandra_board_new(void) {
    struct cassandra_board *board = xcalloc(1, sizeof *board);
    pthread_mutex_init(&board->lock, NULL);
    board->refs = 1;
    return board;
}

void cassandra_board_release(struct cassandra_board *board) {
    if (!board) return;
    pthread_mutex_lock(&board->lock);
    bool last = --board->refs == 0;
    pthread_mutex_unlock(&board->lock);
    if (!last) return;
    pthread_mutex_destroy(&board->lock);
    free(board);
}

static void free_reader(struct source_reader *reader) {
    while (reader->head) {
        struct cassandra_page *next = reader->head->next;
        free_page(reader->head);
        reader->head = next;
    }
    for (int i = 0; i < reader->split_count; i++) free_split(reader->splits[i]);
    free(reader->splits);
    cql_prepared_release(reader->select);
    cql_prepared_release(reader->count);
    cassandra_handle_release(reader->handle);
    cassandra_board_release(reader->board);
    pthread_cond_destroy(&reader->changed);
    arena_destroy(&reader->arena);
    free(reader);
}

/* ---- Asking. The lock is held ---- */

static void on_answer(struct cql_request *request, struct cql_response *response, const struct error *err);

static bool is_counting(const struct reader_split *split) {
    return split->reader->count && split->request.prepared == split->reader->count;
}

static void ask(struct reader_split *split) {
    struct source_reader *reader = split->reader;
    split->state = SPLIT_ASKING;
    reader->asking++;
    split->sent_ms = now_ms();
    split->request.repeatable = !is_counting(split);
    split->request.timeout_ms = is_counting(split) ? COUNT_TIMEOUT_MS : 0;
    split->request.parameters.page_size = is_counting(split) ? reader->max_page_rows : split->page_rows;
    split->request.parameters.paging_state = strbuf_str(&split->paging_state);
    cql_submit(cassandra_handle_cluster(reader->handle), &split->request);
}

static bool has_room(const struct source_reader *reader) {
    int ahead = reader->queued + reader->asking;
    if (!reader->answered) return ahead == 0; /* one page tells how large the others may be */
    return ahead < reader->max_pages && (ahead == 0 || reader->queued_bytes < reader->page_bytes * reader->max_pages);
}

static struct reader_split *add_split(struct source_reader *reader, struct reader_split *split) {
    if (reader->split_count == reader->split_capacity) {
        reader->split_capacity = reader->split_capacity ? 2 * reader->split_capacity : 16;
        reader->splits = xrealloc(reader->splits, sizeof(struct reader_split *) * (size_t)reader->split_capacity);
    }
    split->reader = reader;
    reader->splits[reader->split_count++] = split;
    return split;
}

/* Of a split of the reader's whose values are there. */
static void init_request(struct reader_split *split, const struct cql_prepared *prepared) {
    const struct source_reader *reader = split->reader;
    cql_request_init(&split->request, CQL_REQUEST_EXECUTE);
    split->request.prepared = prepared;
    split->request.table = reader->table;
    split->request.keyspace = reader->keyspace;
    split->request.done = on_answer;
    split->request.data = split;
    split->request.parameters.consistency = reader->consistency;
    split->request.parameters.value_count = reader->select->bind_count;
    split->request.parameters.values = strbuf_str(&split->values);
    split->request.parameters.skip_metadata = true;
}

/* The range of the next request: a piece ends where its last row may be. */
static void set_piece(struct reader_split *split) {
    cass_store_u64(split->values.data + 4, (uint64_t)split->span.start);
    cass_store_u64(split->values.data + 16, (uint64_t)split->span.end);
    split->request.token = split->span.end;
    split->request.has_token = true;
    split->piece_rows = 0;
}

static void open_span(struct reader_split *split, int64_t start) {
    const struct source_reader *reader = split->reader;
    uint64_t width = reader->board->width;
    int64_t first = split->span.first, last = split->span.last;
    if (!width) width = reader->small ? cassandra_first_width(first, last, reader->guess) : UINT64_MAX;
    cassandra_span_open(&split->span, first, last, start, width);
    split->opened = true;
    set_piece(split);
}

/* Who has nothing to ask for takes over what others (or its own splits) have not asked for yet: a split that was not begun, else
 * part of the largest rest behind a piece. */
static bool take_over(struct source_reader *reader) {
    if (!reader->shares) return false;
    struct source_reader *rich = NULL;
    struct reader_split *widest = NULL;
    for (struct source_reader *peer = reader->board->readers; peer; peer = peer->next) {
        int unbegun = peer->split_count - peer->next_new;
        if (unbegun > 0 && (!rich || unbegun > rich->split_count - rich->next_new)) rich = peer;
        for (int i = peer->first_open; i < peer->next_new; i++) {
            struct reader_split *split = peer->splits[i];
            if (split->state == SPLIT_DONE) continue;
            if (!widest || cassandra_span_rest(&split->span) > cassandra_span_rest(&widest->span)) widest = split;
        }
    }
    if (rich) {
        struct reader_split *split = add_split(reader, rich->splits[--rich->split_count]);
        init_request(split, split->request.prepared);
        if (--rich->open_count == 0) pthread_cond_signal(&rich->changed); /* it may be at its end */
    } else {
        struct cassandra_span span;
        if (!widest || !cassandra_span_hand_out(&widest->span, &span)) return false;
        struct reader_split *split = add_split(reader, xcalloc(1, sizeof *split));
        strbuf_add(&split->values, widest->values.data, widest->values.len);
        init_request(split, widest->request.prepared);
        split->index = widest->index;
        split->span = span;
        split->opened = true;
        set_piece(split);
    }
    reader->open_count++;
    return true;
}

/* Keeps as many requests in flight as there is room for pages: splits that were begun first. */
static void pump(struct source_reader *reader) {
    if (reader->failed || reader->closed) return;
    if (reader->limit >= 0 && reader->delivered >= reader->limit) return;
    while (reader->first_open < reader->next_new && reader->splits[reader->first_open]->state == SPLIT_DONE)
        reader->first_open++;
    for (int i = reader->first_open; i < reader->next_new && has_room(reader); i++)
        if (reader->splits[i]->state == SPLIT_RESTING) ask(reader->splits[i]);
    while (has_room(reader) && (reader->next_new < reader->split_count || take_over(reader))) {
        struct reader_split *split = reader->splits[reader->next_new++];
        if (split->state != SPLIT_NEW) continue;
        split->page_rows = reader->page_rows;
        if (reader->ranges && !split->opened) open_span(split, split->span.first);
        ask(split);
    }
}

/* ---- Sizes ---- */

/* Rows for the next page, after one of `rows` rows in `bytes` bytes came `took_ms` after it was asked for. */
static void adapt(struct reader_split *split, int rows, int64_t bytes, int64_t took_ms) {
    struct source_reader *reader = split->reader;
    int64_t wanted = (int64_t)split->page_rows * PAGE_GROWTH;
    if (rows && reader->page_bytes / (bytes / rows + 1) < wanted) wanted = reader->page_bytes / (bytes / rows + 1);
    if (took_ms > PAGE_TARGET_MS && split->page_rows * (int64_t)PAGE_TARGET_MS / took_ms < wanted)
        wanted = split->page_rows * (int64_t)PAGE_TARGET_MS / took_ms;
    if (wanted > reader->max_page_rows) wanted = reader->max_page_rows;
    if (split->ceiling && ++split->good_pages % RECOVERY_PAGES == 0) split->ceiling *= 2;
    if (split->ceiling && wanted > split->ceiling) wanted = split->ceiling;
    if (split->ceiling > reader->max_page_rows) split->ceiling = 0;
    split->page_rows = wanted < 1 ? 1 : (int)wanted;
    if (rows) reader->page_rows = split->page_rows;
}

/* ---- What takes too long ---- */

/* Makes the request smaller; false when it cannot be. */
static bool make_smaller(struct reader_split *split) {
    struct source_reader *reader = split->reader;
    if (is_counting(split)) {
        split->request.prepared = reader->select;
        return true;
    }
    bool few = split->page_rows <= reader->min_page_rows, smaller = false;
    bool may_cut = reader->may_cut && !split->paging_state.len && (few || !reader->rows_first);
    if (may_cut && cassandra_span_shrink(&split->span)) {
        reader->board->width = split->span.width;
        set_piece(split);
        smaller = true;
    }
    if (!few) {
        split->ceiling = split->page_rows /= 2;
        split->good_pages = 0;
        smaller = true;
    }
    return smaller;
}

/* A failed request may be worth another try. The first try of each page is made without the client's own repetitions: those would
 * ask for the same page that was too much. */
static bool try_again(struct reader_split *split, const struct error *err) {
    bool too_much = err->code == STATUS_TIMEOUT || split->request.error_code == CQL_READ_FAILURE;
    if (err->code == STATUS_CANCELLED) return false;
    if (!too_much || !make_smaller(split)) {
        if (split->request.idempotent || split->request.attempts > 1) return false; /* the client has repeated it */
        split->request.idempotent = true;
    }
    split->state = SPLIT_RESTING;
    return true;
}

/* ---- Answers ---- */

static void set_offset(struct reader_split *split) {
    struct strbuf *at = &split->at;
    bool done = split->state == SPLIT_DONE, ranges = split->reader->ranges, paged = split->paging_state.len > 0;
    strbuf_clear(at);
    strbuf_putc(at, done ? OFFSET_END : !ranges ? OFFSET_MIDDLE : paged ? OFFSET_PIECE : OFFSET_NEXT);
    if (done) return;
    if (ranges) cass_put_i64(at, split->span.start);
    if (ranges && paged) cass_put_i64(at, split->span.end);
    strbuf_add(at, split->paging_state.data, split->paging_state.len);
}

/* Where set_offset was; the split's range is known. False for bytes that are no offset. */
static bool read_offset(struct reader_split *split, const struct offset *offset) {
    struct cassandra_span *span = &split->span;
    int64_t first = span->first, last = span->last, start = first, end = last;
    size_t bounds = 0;
    if (!offset->len) return true;
    enum offset_kind kind = offset->bytes[0];
    bool ranges = split->reader->ranges;
    if (kind > OFFSET_NEXT || (kind > OFFSET_END && !ranges)) return false;
    if (kind == OFFSET_PIECE) bounds = 16;
    if (kind == OFFSET_NEXT) bounds = 8;
    if (offset->len - 1 < bounds) return false;
    if (bounds) start = (int64_t)cass_load_u64(offset->bytes + 1);
    if (bounds > 8) end = (int64_t)cass_load_u64(offset->bytes + 9);
    if (start < first || start >= end || end > last) return false;
    strbuf_add(&split->at, offset->bytes, offset->len);
    strbuf_add(&split->from, offset->bytes, offset->len);
    strbuf_add(&split->paging_state, offset->bytes + 1 + bounds, offset->len - 1 - bounds);
    if (kind == OFFSET_END) split->state = SPLIT_DONE;
    if (!ranges || kind == OFFSET_END) return true;
    open_span(split, start);
    if (kind != OFFSET_NEXT) span->end = end;
    set_piece(split);
    return true;
}

/* The table may have been altered: can these rows still be read as planned? */
static enum status check_columns(const struct source_reader *reader, const struct cql_prepared *statement,
                                 const struct cql_rows *rows, const char *from, struct error *err) {
    if (!rows->columns) return STATUS_OK;
    bool same = rows->column_count == statement->column_count;
    for (int i = 0; same && i < rows->column_count; i++)
        same = cass_type_equal(rows->columns[i].type, reader->select->columns[i].type);
    if (same) return STATUS_OK;
    return error_set(err, STATUS_SERVER_ERROR, "%s: the table was changed while it was read", from);
}

/* Reads the response up to its cells, which are looked at by fetch, on the reader's own thread. */
static enum status read_page(struct reader_split *split, struct cassandra_page *page, struct error *err) {
    struct source_reader *reader = split->reader;
    struct arena arena;
    arena_init(&arena, NULL);
    enum status status = cql_read_rows(page->response, &arena, &page->rows, err);
    if (status == STATUS_OK && !is_counting(split))
        status = check_columns(reader, split->request.prepared, &page->rows, page->response->from, err);
    page->rows.columns = NULL;
    arena_destroy(&arena);
    if (status == STATUS_OK && reader->keep_offsets && page->rows.paging_state.len > OFFSET_MAX_BYTES - 17)
        status =
            error_set(err, STATUS_LIMIT_EXCEEDED, "%s: a paging state of %zu bytes, more than fits into a checkpoint",
                      page->response->from, page->rows.paging_state.len);
    if (status != STATUS_OK) error_prefix(err, "Cassandra, table %s", reader->table);
    return status;
}

/* The block reaches from behind the one before to split->at. order: of its first row, see struct block. */
static void enqueue(struct reader_split *split, struct cassandra_page *page, int row_count, int64_t order) {
    struct source_reader *reader = split->reader;
    strbuf_add(&page->start_bytes, split->from.data, split->from.len);
    strbuf_add(&page->end_bytes, split->at.data, split->at.len);
    strbuf_clear(&split->from);
    strbuf_add(&split->from, split->at.data, split->at.len);
    page->block = (struct block){
        .split = split->index,
        .start = {(uint32_t)page->start_bytes.len,
                  (const uint8_t *)(page->start_bytes.data ? page->start_bytes.data : "")},
        .end = {(uint32_t)page->end_bytes.len, (const uint8_t *)page->end_bytes.data},
        .record_count = row_count,
        .first_record = split->next_record,
        .order = order,
        .size_bytes = (page->response ? page->response->data_bytes : 0) + sizeof *page,
        .data = page,
        .release = release_page,
    };
    split->next_record += row_count;
    reader->delivered += row_count;
    page->next = NULL;
    *reader->tail = page;
    reader->tail = &page->next;
    reader->queued++;
    reader->queued_bytes += (int64_t)page->block.size_bytes;
}

/* Is there more to ask for? took_ms: what the last page took. */
static bool go_on(struct reader_split *split, int64_t took_ms) {
    struct source_reader *reader = split->reader;
    if (split->paging_state.len) return true;
    if (!reader->ranges) return false;
    int64_t wanted = reader->small ? (int64_t)PIECE_PAGES * split->page_rows : INT64_MAX;
    cassandra_span_adapt(&split->span, split->piece_rows, wanted, took_ms > PAGE_TARGET_MS);
    if (reader->small || split->span.ceiling) reader->board->width = split->span.width;
    if (!cassandra_span_next(&split->span)) return false;
    set_piece(split);
    return true;
}

/* Is this the split that reads its range's end? Others have been cut off it. */
static bool is_last(const struct reader_split *split) {
    return !split->reader->ranges || split->span.limit == split->span.last;
}

static void put_page(struct reader_split *split, struct cassandra_page *page, int64_t took_ms) {
    int row_count = page->rows.row_count;
    int64_t order = split->reader->shares ? 1 + cassandra_span_order(&split->span) + split->piece_rows : 0;
    split->piece_rows += row_count;
    strbuf_clear(&split->paging_state);
    strbuf_add(&split->paging_state, page->rows.paging_state.data, page->rows.paging_state.len);
    split->state = go_on(split, took_ms) ? SPLIT_RESTING : SPLIT_DONE;
    set_offset(split);
    if (row_count) {
        enqueue(split, page, row_count, order);
        if (split->state == SPLIT_DONE && is_last(split)) page->block.progress = 1;
    } else { /* a range without rows, or one whose rows are all deleted */
        free_page(page);
    }
}

/* The number of the piece's rows becomes blocks that hold nothing else. */
static enum status put_count(struct reader_split *split, struct cassandra_page *page, int64_t took_ms,
                             struct error *err) {
    const struct cql_rows *rows = &page->rows;
    if (rows->row_count != 1 || rows->size_bytes < 12 || cass_load_u32(rows->cells) != 8)
        return error_set(err, STATUS_BAD_DATA, "Cassandra, table %s: %s: a malformed count", split->reader->table,
                         page->response->from);
    int64_t left = (int64_t)cass_load_u64(rows->cells + 4);
    split->piece_rows = left;
    split->state = go_on(split, took_ms) ? SPLIT_RESTING : SPLIT_DONE;
    set_offset(split);
    for (; left > 0; left -= MAX_COUNT_ROWS) {
        struct cassandra_page *part = xcalloc(1, sizeof *part);
        enqueue(split, part, left < MAX_COUNT_ROWS ? (int)left : MAX_COUNT_ROWS, 0); /* rows without columns */
        if (left <= MAX_COUNT_ROWS && split->state == SPLIT_DONE && is_last(split)) part->block.progress = 1;
    }
    free_page(page);
    return STATUS_OK;
}

/* Takes the response. The lock is held. */
static enum status take_answer(struct reader_split *split, struct cql_response *response, struct error *err) {
    struct source_reader *reader = split->reader;
    struct cassandra_page *page = xcalloc(1, sizeof *page);
    page->response = response;
    enum status status = read_page(split, page, err);
    int64_t took_ms = now_ms() - split->sent_ms;
    if (status == STATUS_OK && is_counting(split)) {
        status = put_count(split, page, took_ms, err);
    } else if (status == STATUS_OK) {
        adapt(split, page->rows.row_count, response->data_bytes, took_ms);
        put_page(split, page, took_ms);
    }
    if (status != STATUS_OK) {
        free_page(page);
        return status;
    }
    split->request.idempotent = false; /* the next page's first try */
    if (split->state == SPLIT_DONE) reader->open_count--;
    reader->answered = true;
    return STATUS_OK;
}

static void on_answer(struct cql_request *request, struct cql_response *response, const struct error *err) {
    struct reader_split *split = request->data;
    struct source_reader *reader = split->reader; /* who asks keeps the split until there is an answer */
    pthread_mutex_lock(&reader->board->lock);
    reader->asking--;
    bool last = reader->closed && !reader->asking;
    if (reader->closed) {
        cql_response_free(response);
    } else {
        struct error error;
        if (err) error = *err;
        bool again = err && !reader->failed && try_again(split, err);
        if (!again && (err || take_answer(split, response, &error) != STATUS_OK)) {
            if (reader->groups && error.code == STATUS_TIMEOUT)
                error_hint(&error, "without 'scan.aggregates-at-server' the rows are read, however large a group is");
            if (!reader->failed) reader->error = error;
            reader->failed = true;
        }
        pump(reader);
        pthread_cond_signal(&reader->changed);
    }
    pthread_mutex_unlock(&reader->board->lock);
    if (last) free_reader(reader);
}

/* ---- Opening ---- */

static bool parse_split(const struct source *source, const char *id, struct reader_split *split) {
    const struct cassandra_access *access = &source->access;
    struct strbuf *values = &split->values;
    long long first, last;
    int point;
    if (access->kind == CASSANDRA_SCAN && sscanf(id, "(%lld, %lld]", &first, &last) == 2 && first < last) {
        split->span.first = first;
        split->span.last = last;
        for (int i = 0; i < 2; i++) { /* see set_piece */
            cass_put_i32(values, 8);
            cass_put_i64(values, 0);
        }
    } else if (access->kind == CASSANDRA_POINTS && sscanf(id, "key %d", &point) == 1 && point >= 0 &&
               point < access->point_count) {
        strbuf_add(values, access->points[point].data, access->points[point].len);
    } else if (access->kind != CASSANDRA_NEAREST || strcmp(id, "nearest") != 0) {
        return false;
    }
    strbuf_add(values, access->values.data, access->values.len);
    return true;
}

static enum status open_split(struct source *source, struct source_reader *reader, const struct split *split, int index,
                              const struct offset *start, struct error *err) {
    struct reader_split *out = add_split(reader, xcalloc(1, sizeof *out));
    out->index = index;
    if (!parse_split(source, split->id, out))
        return error_set(err, STATUS_INVALID_ARGUMENT, "'%s' is no split of table %s", split->id, reader->table);
    init_request(out, source->count ? source->count : source->select);
    if (source->access.kind == CASSANDRA_POINTS)
        out->request.has_token =
            cassandra_partition_token(source->target.schema, strbuf_str(&out->values), &out->request.token);
    if (!read_offset(out, start))
        return error_set(err, STATUS_BAD_DATA, "a malformed offset in split '%s' of table %s", split->id,
                         reader->table);
    if (out->state == SPLIT_NEW) reader->open_count++;
    return STATUS_OK;
}

static struct source_reader *new_reader(const struct source *source) {
    const struct cassandra_access *access = &source->access;
    struct source_reader *reader = xcalloc(1, sizeof *reader);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    reader->board = source->board;
    pthread_mutex_lock(&reader->board->lock);
    reader->board->refs++;
    pthread_mutex_unlock(&reader->board->lock);
    pthread_cond_init(&reader->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    arena_init(&reader->arena, NULL);
    reader->handle = cassandra_handle_retain(source->target.handle);
    reader->select = source->select ? cql_prepared_retain(source->select) : NULL;
    reader->count = source->count ? cql_prepared_retain(source->count) : NULL;
    reader->table = arena_strdup(&reader->arena, source->target.schema->full_name);
    reader->keyspace = arena_strdup(&reader->arena, source->target.schema->keyspace);
    reader->selected_count = source->selected_count;
    reader->max_pages = access->kind == CASSANDRA_POINTS ? CASSANDRA_POINT_PAGES : source->prefetch_pages;
    reader->max_page_rows = source->max_page_rows;
    reader->page_bytes = source->page_bytes;
    reader->page_rows = source->max_page_rows < FIRST_PAGE_ROWS ? source->max_page_rows : FIRST_PAGE_ROWS;
    if (access->nearest) reader->page_rows = (int)access->nearest; /* there is only one page */
    reader->keep_offsets = !source->bounded_only;
    reader->consistency = source->consistency;
    reader->ranges = access->kind == CASSANDRA_SCAN;
    reader->shares = reader->ranges && source->bounded_only && source->limit < 0;
    reader->small = reader->shares && !access->index && !source->count;
    if (source->size_bytes > 0) { /* by the estimates, as if rows were of the size that they have on disk */
        double share = (double)PIECE_PAGES * (double)source->page_bytes / (double)source->size_bytes;
        reader->guess = share < 1 ? (uint64_t)(share * 0x1p64) + 1 : UINT64_MAX;
    }
    reader->may_cut = reader->ranges && (reader->small || access->filtering || source->groups);
    reader->groups = source->groups;
    reader->rows_first = source->groups && !access->filtering;
    reader->min_page_rows = source->groups ? 1 : MIN_PAGE_ROWS;
    reader->limit = source->limit;
    reader->tail = &reader->head;
    return reader;
}

enum status cassandra_reader_open(struct source *source, const struct split *splits, const int *indexes,
                                  const struct offset *starts, int count, struct source_reader **out,
                                  struct error *err) {
    struct source_reader *reader = new_reader(source);
    for (int i = 0; i < count; i++) {
        enum status status = open_split(source, reader, &splits[i], indexes[i], &starts[i], err);
        if (status != STATUS_OK) {
            free_reader(reader);
            return status;
        }
    }
    pthread_mutex_lock(&reader->board->lock);
    reader->next = reader->board->readers;
    reader->board->readers = reader;
    pump(reader);
    pthread_mutex_unlock(&reader->board->lock);
    *out = reader;
    return STATUS_OK;
}

/* ---- Fetching ---- */

static struct timespec deadline(int timeout_ms) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += timeout_ms / 1000;
    t.tv_nsec += (timeout_ms % 1000) * 1000000L;
    if (t.tv_nsec >= 1000000000L) t.tv_sec++, t.tv_nsec -= 1000000000L;
    return t;
}

static bool at_end(const struct source_reader *reader) {
    if (reader->queued || reader->asking) return false;
    return !reader->open_count || (reader->limit >= 0 && reader->delivered >= reader->limit);
}

/* Finds the page's rows, and that they are whole. */
static enum status index_page(const struct source_reader *reader, struct cassandra_page *page, struct error *err) {
    if (!page->response) return STATUS_OK;
    page->offsets = xmalloc(((size_t)page->rows.row_count + 1) * sizeof *page->offsets);
    enum status status = cql_index_rows(&page->rows, reader->selected_count, page->offsets, err);
    if (status != STATUS_OK) {
        error_prefix(err, "Cassandra, table %s: %s", reader->table, page->response->from);
        return status;
    }
    page->cells = page->rows.cells;
    return STATUS_OK;
}

enum status cassandra_reader_fetch(struct source_reader *reader, int timeout_ms, struct block **block,
                                   enum fetch_result *result, struct error *err) {
    struct timespec until = deadline(timeout_ms);
    pthread_mutex_lock(&reader->board->lock);
    while (!reader->head && !reader->failed && !at_end(reader))
        if (pthread_cond_timedwait(&reader->changed, &reader->board->lock, &until) != 0) break;
    struct cassandra_page *page = reader->head;
    enum status status = STATUS_OK;
    *result = FETCH_IDLE;
    if (page) { /* what came before a failure is still good */
        reader->head = page->next;
        if (!reader->head) reader->tail = &reader->head;
        reader->queued--;
        reader->queued_bytes -= (int64_t)page->block.size_bytes;
        pump(reader);
    } else if (reader->failed) {
        status = reader->error.code;
        if (err) *err = reader->error;
    } else if (at_end(reader)) {
        *result = FETCH_END;
    }
    pthread_mutex_unlock(&reader->board->lock);
    if (!page) return status;
    status = index_page(reader, page, err);
    if (status != STATUS_OK) {
        free_page(page);
        return status;
    }
    *block = &page->block;
    *result = FETCH_BLOCK;
    return STATUS_OK;
}

void cassandra_reader_close(struct source_reader *reader) {
    pthread_mutex_lock(&reader->board->lock);
    reader->closed = true;
    struct source_reader **at = &reader->board->readers;
    while (*at != reader) at = &(*at)->next;
    *at = reader->next;
    bool last = !reader->asking;
    pthread_mutex_unlock(&reader->board->lock);
    if (last) free_reader(reader); /* else the last answer does */
}
