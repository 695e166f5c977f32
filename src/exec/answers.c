#include "exec/answers.h"

#include <stdlib.h>

struct answer_block {
    struct answer_block *next;
    int64_t size_bytes;
    uint8_t data[];
};

enum { FIRST_BUCKETS = 1024 };

void answers_init(struct answers *answers, const struct lookup_settings *settings, struct mem_account *account) {
    answers->settings = *settings;
    answers->account = account;
    answers->max_bytes = ANSWERS_MAX_BYTES;
    if (account && account->limit_bytes && account->limit_bytes / ANSWERS_SHARE < answers->max_bytes)
        answers->max_bytes = account->limit_bytes / ANSWERS_SHARE;
}

/* ---- Order of use ---- */

static void unlink_used(struct answers *answers, struct answer *answer) {
    *(answer->newer ? &answer->newer->older : &answers->newest) = answer->older;
    *(answer->older ? &answer->older->newer : &answers->oldest) = answer->newer;
}

static void link_newest(struct answers *answers, struct answer *answer) {
    answer->newer = NULL;
    answer->older = answers->newest;
    *(answers->newest ? &answers->newest->newer : &answers->oldest) = answer;
    answers->newest = answer;
}

static void touch(struct answers *answers, struct answer *answer, uint64_t ticket) {
    answer->step_id = answers->step_id;
    answer->used_micros = answers->now_micros;
    answer->ticket = ticket;
    if (answers->newest == answer) return;
    unlink_used(answers, answer);
    link_newest(answers, answer);
}

/* ---- Entries ---- */

static void charge(struct answers *answers, struct answer *answer, int64_t delta_bytes) {
    answer->size_bytes += delta_bytes;
    mem_charge(answers->account, delta_bytes);
}

/* A key without rows takes a place as well. */
static int64_t counted_rows(const struct answer *answer) { return answer->row_count ? answer->row_count : 1; }

static void uncount(struct answers *answers, const struct answer *answer) {
    answers->row_count -= counted_rows(answer);
    answers->size_bytes -= answer->size_bytes;
}

void answers_settle(struct answers *answers, struct answer *answer) {
    answer->done = true;
    answers->row_count += counted_rows(answer);
    answers->size_bytes += answer->size_bytes;
}

void answer_clear_rows(struct answers *answers, struct answer *answer) {
    for (struct answer_block *block = answer->blocks, *next; block; block = next) {
        next = block->next;
        charge(answers, answer, -block->size_bytes);
        free(block);
    }
    charge(answers, answer, -(int64_t)answer->row_capacity * (int64_t)sizeof *answer->rows);
    free(answer->rows);
    answer->rows = NULL;
    answer->blocks = NULL;
    answer->row_count = answer->row_capacity = 0;
}

static void grow_buckets(struct answers *answers) {
    uint32_t count = answers->bucket_count ? answers->bucket_count * 2 : FIRST_BUCKETS;
    struct answer **buckets = xcalloc(count, sizeof *buckets);
    for (uint32_t i = 0; i < answers->bucket_count; i++)
        for (struct answer *answer = answers->buckets[i], *next; answer; answer = next) {
            next = answer->next;
            struct answer **bucket = &buckets[(uint32_t)row_hash(answer->key) & (count - 1)];
            answer->next = *bucket;
            *bucket = answer;
        }
    free(answers->buckets);
    mem_charge(answers->account, (int64_t)(count - answers->bucket_count) * (int64_t)sizeof *buckets);
    answers->buckets = buckets;
    answers->bucket_count = count;
}

static struct answer **bucket_of(const struct answers *answers, const uint8_t *key) {
    return &answers->buckets[(uint32_t)row_hash(key) & (answers->bucket_count - 1)];
}

static struct answer *find(const struct answers *answers, const uint8_t *key) {
    if (!answers->bucket_count) return NULL;
    for (struct answer *answer = *bucket_of(answers, key); answer; answer = answer->next)
        if (row_hash(answer->key) == row_hash(key) && row_same(answer->key, key)) return answer;
    return NULL;
}

static struct answer *add(struct answers *answers, const uint8_t *key) {
    if (answers->count >= (int64_t)answers->bucket_count) grow_buckets(answers);
    size_t size_bytes = sizeof(struct answer) + row_size(key);
    struct answer *answer = xcalloc(1, size_bytes);
    memcpy(answer->key, key, row_size(key));
    charge(answers, answer, (int64_t)size_bytes);
    struct answer **bucket = bucket_of(answers, key);
    answer->next = *bucket;
    *bucket = answer;
    link_newest(answers, answer);
    answers->count++;
    return answer;
}

static void destroy(struct answers *answers, struct answer *answer) {
    answer_clear_rows(answers, answer);
    mem_charge(answers->account, -answer->size_bytes);
    free(answer);
}

static void evict(struct answers *answers, struct answer *answer) {
    if (answer->done) uncount(answers, answer);
    unlink_used(answers, answer);
    struct answer **link = bucket_of(answers, answer->key);
    while (*link != answer) link = &(*link)->next;
    *link = answer->next;
    answers->count--;
    destroy(answers, answer);
}

static void clear(struct answers *answers) {
    for (struct answer *answer = answers->newest, *older; answer; answer = older) {
        older = answer->older;
        destroy(answers, answer);
    }
    answers->newest = answers->oldest = NULL;
    answers->count = answers->row_count = answers->size_bytes = 0;
    if (answers->buckets) memset(answers->buckets, 0, answers->bucket_count * sizeof *answers->buckets);
}

void answers_free(struct answers *answers) {
    clear(answers);
    mem_charge(answers->account, -(int64_t)answers->bucket_count * (int64_t)sizeof *answers->buckets);
    free(answers->buckets);
    answers->buckets = NULL;
    answers->bucket_count = 0;
}

/* ---- Bounds ---- */

static bool too_large(const struct answers *answers) {
    return answers->size_bytes > answers->max_bytes || (answers->account && mem_over_limit(answers->account));
}

static bool over_bounds(const struct answers *answers) {
    const int64_t max_rows = answers->settings.cache_max_rows;
    return (max_rows && answers->row_count > max_rows) || too_large(answers);
}

void answers_trim(struct answers *answers, uint64_t oldest_ticket) {
    while (answers->oldest && answers->oldest->done && answers->oldest->ticket < oldest_ticket && too_large(answers))
        evict(answers, answers->oldest);
}

static void shrink(struct answers *answers) {
    while (answers->oldest && over_bounds(answers)) evict(answers, answers->oldest);
}

/* ---- Steps ---- */

void answers_begin_step(struct answers *answers, int64_t step_id, int64_t now_micros, bool logged, int64_t log_epoch,
                        bool replaying) {
    answers->step_id = step_id;
    answers->now_micros = now_micros;
    answers->logged = logged;
    answers->log_epoch = log_epoch;
    if (!answers->settings.cache_max_rows)
        clear(answers);
    else if (!replaying)
        shrink(answers);
}

static bool is_expired(const struct answers *answers, const struct answer *answer) {
    const struct lookup_settings *settings = &answers->settings;
    if (settings->expire_after_write_ms &&
        answers->now_micros - answer->loaded_micros >= settings->expire_after_write_ms * 1000)
        return true;
    return settings->expire_after_access_ms &&
           answers->now_micros - answer->used_micros >= settings->expire_after_access_ms * 1000;
}

static bool is_hit(const struct answers *answers, const struct answer *answer) {
    if (!answer->row_count && !answers->settings.cache_missing_keys) return false;
    return !is_expired(answers, answer);
}

static enum answer_use begin_asking(struct answers *answers, struct answer *answer, uint64_t ticket) {
    touch(answers, answer, ticket);
    answer->done = false;
    answer->loaded_micros = answers->now_micros;
    answer->log_epoch = answers->log_epoch;
    return ANSWER_ASK;
}

enum answer_use answers_use(struct answers *answers, const uint8_t *key, uint64_t ticket, struct answer **out) {
    struct answer *answer = *out = find(answers, key);
    if (!answer) {
        *out = answer = add(answers, key);
        return begin_asking(answers, answer, ticket);
    }
    bool used = answer->step_id == answers->step_id;
    if (!used && !is_hit(answers, answer)) {
        uncount(answers, answer);
        answer_clear_rows(answers, answer);
        return begin_asking(answers, answer, ticket);
    }
    touch(answers, answer, ticket);
    if (used || !answers->logged || answer->log_epoch == answers->log_epoch) return ANSWER_KNOWN;
    uncount(answers, answer);
    answer->done = false;
    answer->log_epoch = answers->log_epoch;
    return ANSWER_LOG;
}

/* ---- Rows ---- */

static void reserve_rows(struct answers *answers, struct answer *answer, int more) {
    int needed = answer->row_count + more;
    if (needed <= answer->row_capacity) return;
    int capacity = answer->row_count ? needed + answer->row_count : needed;
    answer->rows = xrealloc(answer->rows, (size_t)capacity * sizeof *answer->rows);
    charge(answers, answer, (int64_t)(capacity - answer->row_capacity) * (int64_t)sizeof *answer->rows);
    answer->row_capacity = capacity;
}

static uint8_t *add_block(struct answers *answers, struct answer *answer, int64_t data_bytes) {
    int64_t size_bytes = (int64_t)sizeof(struct answer_block) + data_bytes;
    struct answer_block *block = xmalloc((size_t)size_bytes);
    block->next = answer->blocks;
    block->size_bytes = size_bytes;
    answer->blocks = block;
    charge(answers, answer, size_bytes);
    return block->data;
}

enum status answer_add_rows(struct answers *answers, struct answer *answer, const struct chunk *rows,
                            struct error *err) {
    uint32_t sizes[VECTOR_CAPACITY];
    uint8_t *dst[VECTOR_CAPACITY];
    TRY(row_sizes_checked(&answers->row_layout, rows, NULL, sizes, err));
    int64_t total_bytes = 0;
    for (int i = 0; i < rows->sel_count; i++) total_bytes += sizes[i];
    if (answer->size_bytes + total_bytes > ANSWER_MAX_BYTES)
        return error_set(err, STATUS_LIMIT_EXCEEDED, "a key with more than %d MB of rows", ANSWER_MAX_BYTES >> 20);
    if (answers->account && mem_over_limit(answers->account))
        return mem_limit_error(answers->account, "the query", err);
    uint8_t *data = add_block(answers, answer, total_bytes);
    reserve_rows(answers, answer, rows->sel_count);
    for (int i = 0; i < rows->sel_count; i++) {
        dst[i] = data;
        answer->rows[answer->row_count++] = data;
        data += sizes[i];
    }
    row_encode(&answers->row_layout, rows, NULL, NULL, sizes, dst);
    return STATUS_OK;
}

/* ---- The log's form ---- */

enum { COUNT_BYTES = 8 }; /* rows stay aligned */

void answer_put(struct strbuf *out, const struct answer *answer) {
    strbuf_add(out, answer->key, row_size(answer->key));
    uint32_t header[2] = {(uint32_t)answer->row_count, 0};
    strbuf_add(out, header, sizeof header);
    for (int i = 0; i < answer->row_count; i++) strbuf_add(out, answer->rows[i], row_size(answer->rows[i]));
}

/* The row at *pos, which moves behind it; NULL when it is none. */
static const uint8_t *next_row(const struct row_layout *layout, struct str bytes, size_t *pos) {
    const uint8_t *row = (const uint8_t *)bytes.data + *pos;
    size_t left = bytes.len - *pos;
    if (left < ROW_HEADER_BYTES || row_size(row) < ROW_HEADER_BYTES || row_size(row) > left ||
        !row_validate(layout, row, row_size(row)))
        return NULL;
    *pos += row_size(row);
    return row;
}

static enum status load_one(struct answers *answers, struct str bytes, size_t *pos, struct error *err) {
    const uint8_t *key = next_row(&answers->key_layout, bytes, pos);
    uint32_t count = 0;
    if (key && bytes.len - *pos >= COUNT_BYTES) {
        memcpy(&count, bytes.data + *pos, sizeof count);
        *pos += COUNT_BYTES;
    } else {
        key = NULL;
    }
    size_t start = *pos;
    for (uint32_t i = 0; key && i < count; i++)
        if (!next_row(&answers->row_layout, bytes, pos)) key = NULL;
    if (!key) return error_set(err, STATUS_BAD_DATA, "the log of lookup answers is damaged");
    struct answer *answer = find(answers, key);
    if (!answer) {
        answer = add(answers, key);
    } else {
        uncount(answers, answer);
        answer_clear_rows(answers, answer);
    }
    touch(answers, answer, 0);
    answer->loaded_micros = answers->now_micros;
    answer->log_epoch = answers->log_epoch;
    if (count) {
        uint8_t *data = add_block(answers, answer, (int64_t)(*pos - start));
        memcpy(data, bytes.data + start, *pos - start);
        reserve_rows(answers, answer, (int)count);
        for (uint32_t i = 0; i < count; i++) {
            answer->rows[answer->row_count++] = data;
            data += row_size(data);
        }
    }
    answers_settle(answers, answer);
    return STATUS_OK;
}

enum status answers_load(struct answers *answers, struct str bytes, struct error *err) {
    for (size_t pos = 0; pos < bytes.len;) TRY(load_one(answers, bytes, &pos, err));
    return STATUS_OK;
}
