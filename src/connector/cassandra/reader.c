/* Readers: pages of many splits, a bounded number of them asked for ahead.
 *
 * Within a split pages come one after the other; a reader keeps several requests in flight over its splits, and no more than so
 * many pages and bytes ahead of `fetch`. An offset is empty at the split's start, else a byte (0: in the middle, 1: at the end)
 * and the paging state, which is good for pages of any size.
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

enum { OFFSET_MIDDLE = 0, OFFSET_END = 1 };

enum {
    FIRST_PAGE_ROWS = 500, /* before anything is known about the rows */
    MIN_PAGE_ROWS = 16,    /* a page that fails with so few rows is not made smaller */
    PAGE_GROWTH = 4,       /* at most, from a page to the next */
    PAGE_TARGET_MS = 1000,
    RECOVERY_PAGES = 64, /* that were well received, before one may be larger than half of what was too much */
    COUNT_TIMEOUT_MS = 5000,
    MAX_COUNT_ROWS = 1 << 30, /* of a block that is only a number */
    MAX_CUTS = 10000,         /* token ranges that a reader adds */
};

struct reader_split {
    struct source_reader *reader;
    struct cql_request request;
    struct strbuf values, paging_state, at; /* at: the offset of the next page */
    int index;
    int page_rows;
    int ceiling, good_pages; /* page_rows after a page that was too much, 0: none was; pages since */
    int64_t sent_ms;
    int64_t next_record;
    enum { SPLIT_NEW, SPLIT_ASKING, SPLIT_RESTING, SPLIT_DONE } state;
};

struct source_reader {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct arena arena;
    struct cassandra_handle *handle;
    const struct cql_prepared *select, *count;
    char *table, *keyspace;
    int selected_count, max_pages, max_page_rows;
    int64_t page_bytes;
    bool keep_offsets; /* offsets must be whole: the scan may be resumed */
    bool may_cut;      /* splits are token ranges, and nobody remembers which */
    int64_t limit, delivered;
    int split_count, first_open, next_new; /* those before first_open are done, those from next_new on not begun */
    int split_capacity, cuts;
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
    free(split);
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
    pthread_mutex_destroy(&reader->lock);
    pthread_cond_destroy(&reader->changed);
    arena_destroy(&reader->arena);
    free(reader);
}

/* ---- Asking. The lock is held ---- */

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

/* Keeps as many requests in flight as there is room for pages: splits that were begun first. */
static void pump(struct source_reader *reader) {
    if (reader->failed || reader->closed) return;
    if (reader->limit >= 0 && reader->delivered >= reader->limit) return;
    while (reader->first_open < reader->next_new && reader->splits[reader->first_open]->state == SPLIT_DONE)
        reader->first_open++;
    for (int i = reader->first_open; i < reader->next_new && has_room(reader); i++)
        if (reader->splits[i]->state == SPLIT_RESTING) ask(reader->splits[i]);
    while (reader->next_new < reader->split_count && has_room(reader)) {
        struct reader_split *split = reader->splits[reader->next_new++];
        if (split->state != SPLIT_NEW) continue;
        split->page_rows = reader->page_rows;
        ask(split);
    }
}

static struct reader_split *new_split(struct source_reader *reader) {
    if (reader->split_count == reader->split_capacity) {
        reader->split_capacity = reader->split_capacity ? 2 * reader->split_capacity : 16;
        reader->splits = xrealloc(reader->splits, sizeof(struct reader_split *) * (size_t)reader->split_capacity);
    }
    struct reader_split *split = xcalloc(1, sizeof *split);
    split->reader = reader;
    reader->splits[reader->split_count++] = split;
    return split;
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

static int64_t bound_of(const struct reader_split *split, int which) {
    return (int64_t)cass_load_u64(split->values.data + 4 + 12 * which);
}

static void set_bound(struct reader_split *split, int which, int64_t token) {
    cass_store_u64(split->values.data + 4 + 12 * which, (uint64_t)token);
}

/* Leaves the second half of the token range to a new split. */
static bool cut(struct reader_split *split) {
    struct source_reader *reader = split->reader;
    if (!reader->may_cut || split->at.len || reader->cuts == MAX_CUTS) return false;
    int64_t start = bound_of(split, 0), end = bound_of(split, 1);
    uint64_t width = (uint64_t)end - (uint64_t)start;
    if (width < 2) return false;
    int64_t middle = (int64_t)((uint64_t)start + width / 2);
    struct reader_split *other = new_split(reader);
    strbuf_add(&other->values, split->values.data, split->values.len);
    other->request = split->request;
    other->request.data = other;
    other->request.parameters.values = strbuf_str(&other->values);
    other->index = split->index;
    set_bound(other, 0, middle);
    set_bound(split, 1, middle);
    split->request.token = middle;
    reader->open_count++;
    reader->cuts++;
    return true;
}

/* Makes the request smaller; false when it cannot be. */
static bool make_smaller(struct reader_split *split) {
    if (is_counting(split)) {
        split->request.prepared = split->reader->select;
        return true;
    }
    bool smaller = cut(split);
    if (split->page_rows > MIN_PAGE_ROWS) {
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

static void set_offset(struct strbuf *at, uint8_t kind, struct str paging_state) {
    strbuf_clear(at);
    strbuf_putc(at, (char)kind);
    strbuf_add(at, paging_state.data, paging_state.len);
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
    if (status == STATUS_OK && reader->keep_offsets && page->rows.paging_state.len > OFFSET_MAX_BYTES - 1)
        status =
            error_set(err, STATUS_LIMIT_EXCEEDED, "%s: a paging state of %zu bytes, more than fits into a checkpoint",
                      page->response->from, page->rows.paging_state.len);
    if (status != STATUS_OK) error_prefix(err, "Cassandra, table %s", reader->table);
    return status;
}

static void enqueue(struct reader_split *split, struct cassandra_page *page, int row_count) {
    struct source_reader *reader = split->reader;
    strbuf_add(&page->end_bytes, split->at.data, split->at.len);
    page->block = (struct block){
        .split = split->index,
        .start = {(uint32_t)page->start_bytes.len,
                  (const uint8_t *)(page->start_bytes.data ? page->start_bytes.data : "")},
        .end = {(uint32_t)page->end_bytes.len, (const uint8_t *)page->end_bytes.data},
        .record_count = row_count,
        .first_record = split->next_record,
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

static void put_page(struct reader_split *split, struct cassandra_page *page) {
    strbuf_add(&page->start_bytes, split->at.data, split->at.len);
    strbuf_clear(&split->paging_state);
    strbuf_add(&split->paging_state, page->rows.paging_state.data, page->rows.paging_state.len);
    set_offset(&split->at, page->rows.paging_state.len ? OFFSET_MIDDLE : OFFSET_END, page->rows.paging_state);
    split->state = page->rows.paging_state.len ? SPLIT_RESTING : SPLIT_DONE;
    if (page->rows.row_count) {
        enqueue(split, page, page->rows.row_count);
        if (split->state == SPLIT_DONE) page->block.progress = 1;
    } else /* a range without rows, or one whose rows are all deleted */
        free_page(page);
}

/* The number of the split's rows becomes blocks that hold nothing else. */
static enum status put_count(struct reader_split *split, struct cassandra_page *page, struct error *err) {
    const struct cql_rows *rows = &page->rows;
    if (rows->row_count != 1 || rows->size_bytes < 12 || cass_load_u32(rows->cells) != 8)
        return error_set(err, STATUS_BAD_DATA, "Cassandra, table %s: %s: a malformed count", split->reader->table,
                         page->response->from);
    int64_t left = (int64_t)cass_load_u64(rows->cells + 4);
    set_offset(&split->at, OFFSET_END, (struct str){"", 0});
    split->state = SPLIT_DONE;
    for (; left > 0; left -= MAX_COUNT_ROWS) {
        struct cassandra_page *part = xcalloc(1, sizeof *part);
        enqueue(split, part, left < MAX_COUNT_ROWS ? (int)left : MAX_COUNT_ROWS);
        if (left <= MAX_COUNT_ROWS) part->block.progress = 1;
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
    if (status == STATUS_OK && is_counting(split)) {
        status = put_count(split, page, err);
    } else if (status == STATUS_OK) {
        adapt(split, page->rows.row_count, response->data_bytes, now_ms() - split->sent_ms);
        put_page(split, page);
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
    struct source_reader *reader = split->reader;
    pthread_mutex_lock(&reader->lock);
    reader->asking--;
    bool last = reader->closed && !reader->asking;
    if (reader->closed) {
        cql_response_free(response);
    } else {
        struct error error;
        if (err) error = *err;
        bool again = err && !reader->failed && try_again(split, err);
        if (!again && (err || take_answer(split, response, &error) != STATUS_OK)) {
            if (!reader->failed) reader->error = error;
            reader->failed = true;
        }
        pump(reader);
        pthread_cond_signal(&reader->changed);
    }
    pthread_mutex_unlock(&reader->lock);
    if (last) free_reader(reader);
}

/* ---- Opening ---- */

static bool parse_split(const struct source *source, const char *id, struct strbuf *values) {
    const struct cassandra_access *access = &source->access;
    long long start, end;
    int point;
    if (access->kind == CASSANDRA_SCAN && sscanf(id, "(%lld, %lld]", &start, &end) == 2) {
        cass_put_i32(values, 8);
        cass_put_i64(values, start);
        cass_put_i32(values, 8);
        cass_put_i64(values, end);
    } else if (access->kind == CASSANDRA_POINTS && sscanf(id, "key %d", &point) == 1 && point >= 0 &&
               point < access->point_count) {
        strbuf_add(values, access->points[point].data, access->points[point].len);
    } else if (access->kind != CASSANDRA_NEAREST || strcmp(id, "nearest") != 0) {
        return false;
    }
    strbuf_add(values, access->values.data, access->values.len);
    return true;
}

/* Where the split's rows lie: a range ends where its last row may be, a key is a partition. */
static bool split_token(const struct source *source, const struct reader_split *split, int64_t *out) {
    if (source->access.kind == CASSANDRA_SCAN) {
        *out = bound_of(split, 1);
        return true;
    }
    if (source->access.kind != CASSANDRA_POINTS) return false;
    return cassandra_partition_token(source->target.schema, strbuf_str(&split->values), out);
}

static enum status open_split(struct source *source, struct source_reader *reader, const struct split *split, int index,
                              const struct offset *start, struct error *err) {
    struct reader_split *out = new_split(reader);
    out->index = index;
    if (!parse_split(source, split->id, &out->values))
        return error_set(err, STATUS_INVALID_ARGUMENT, "'%s' is no split of table %s", split->id, reader->table);
    if (start->len && start->bytes[0] > OFFSET_END)
        return error_set(err, STATUS_BAD_DATA, "a malformed offset in split '%s' of table %s", split->id,
                         reader->table);
    strbuf_add(&out->at, start->bytes, start->len);
    if (start->len) strbuf_add(&out->paging_state, start->bytes + 1, start->len - 1);
    out->state = start->len && start->bytes[0] == OFFSET_END ? SPLIT_DONE : SPLIT_NEW;
    if (out->state == SPLIT_NEW) reader->open_count++;
    cql_request_init(&out->request, CQL_REQUEST_EXECUTE);
    out->request.prepared = source->count ? source->count : source->select;
    out->request.table = reader->table;
    out->request.done = on_answer;
    out->request.data = out;
    out->request.parameters.consistency = source->consistency;
    out->request.parameters.value_count = source->select->bind_count;
    out->request.parameters.values = strbuf_str(&out->values);
    out->request.parameters.skip_metadata = true;
    out->request.keyspace = reader->keyspace;
    out->request.has_token = split_token(source, out, &out->request.token);
    return STATUS_OK;
}

static struct source_reader *new_reader(const struct source *source) {
    const struct cassandra_access *access = &source->access;
    struct source_reader *reader = xcalloc(1, sizeof *reader);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&reader->lock, NULL);
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
    reader->may_cut = source->bounded_only && access->kind == CASSANDRA_SCAN && access->filtering;
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
    pthread_mutex_lock(&reader->lock);
    pump(reader);
    pthread_mutex_unlock(&reader->lock);
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
    pthread_mutex_lock(&reader->lock);
    while (!reader->head && !reader->failed && !at_end(reader))
        if (pthread_cond_timedwait(&reader->changed, &reader->lock, &until) != 0) break;
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
    pthread_mutex_unlock(&reader->lock);
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
    pthread_mutex_lock(&reader->lock);
    reader->closed = true;
    bool last = !reader->asking;
    pthread_mutex_unlock(&reader->lock);
    if (last) free_reader(reader); /* else the last answer does */
}
