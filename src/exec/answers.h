/* What a lookup join has been told: keys and their rows, of the current step and, with a cache, of earlier ones.
 *
 * Within a step every key has one answer, whoever asks. What a step took from the cache is part of its input as what it
 * asked for is, so both are logged (once between two checkpoints: `log_epoch`), and a replay sees the same: a key that is
 * not among a replayed step's logged answers was a hit of the one logged last.
 *
 * Expiry goes by the step's clock, so it is the same when a replay runs. Entries leave when a step begins, least recently used
 * first, until at most cache_max_rows rows and max_bytes are left; before a step that is replayed none leaves,
 * since the replay knows less than the cache did. Without a log they also leave in the middle of a step when they are more than
 * max_bytes, so that one step over all the input (batch) stays within that; then a key may be asked for again.
 *
 * Not thread-safe: under the lookup join's lock, but for answer_add_rows, which only touches an answer that one asks for. */
#ifndef MILLRACE_EXEC_ANSWERS_H
#define MILLRACE_EXEC_ANSWERS_H

#include "base/mem.h"
#include "column/row.h"
#include "connector/connector.h"

enum {
    ANSWERS_MAX_BYTES = 256 << 20, /* kept over a step's end, or within a step that needs no log; */
    ANSWERS_SHARE = 4,             /* and at most this part of the query's memory limit */
    ANSWER_MAX_BYTES = 256 << 20,  /* rows of one key; more is an error */
};

struct answer_block; /* rows of a page */

/* A key and its rows, both in row form. */
struct answer {
    struct answer *next;          /* hash chain */
    struct answer *newer, *older; /* by last use */
    bool done;                    /* may be used: asked and logged */
    int64_t step_id;              /* the last step that used it */
    int64_t loaded_micros, used_micros;
    int64_t log_epoch; /* the log has it since its last cut when this is the current one */
    uint64_t ticket;   /* the last user: see answers_trim */
    const uint8_t **rows;
    int row_count, row_capacity;
    struct answer_block *blocks;
    int64_t size_bytes;
    uint8_t key[]; /* 8-aligned */
};

struct answers {
    struct row_layout key_layout, row_layout; /* filled by the owner */
    struct lookup_settings settings;
    struct mem_account *account;
    int64_t max_bytes;
    struct answer **buckets;
    uint32_t bucket_count;
    struct answer *newest, *oldest;
    int64_t count, row_count, size_bytes; /* of the answers that are done */
    /* of the current step */
    int64_t step_id, now_micros, log_epoch;
    bool logged;
};

enum answer_use {
    ANSWER_KNOWN, /* as soon as it is done */
    ANSWER_ASK,   /* the caller must ask for it, log it and settle it */
    ANSWER_LOG,   /* from the cache: the caller must log it and settle it */
};

void answers_init(struct answers *answers, const struct lookup_settings *settings, struct mem_account *account);
void answers_free(struct answers *answers);
/* logged: answers must be kept as long as the step; log_epoch counts the log's cuts. No answer is in use. */
void answers_begin_step(struct answers *answers, int64_t step_id, int64_t now_micros, bool logged, int64_t log_epoch,
                        bool replaying);
/* The answer for a key that has a hash in its header. */
enum answer_use answers_use(struct answers *answers, const uint8_t *key, uint64_t ticket, struct answer **out);
/* Appends the live rows of a chunk. On the thread that asks. */
enum status answer_add_rows(struct answers *answers, struct answer *answer, const struct chunk *rows,
                            struct error *err);
void answer_clear_rows(struct answers *answers, struct answer *answer);
/* It has all its rows: others may use it. */
void answers_settle(struct answers *answers, struct answer *answer);
/* Without a log: evicts what is over max_bytes and was not used by a ticket from oldest_ticket on. */
void answers_trim(struct answers *answers, uint64_t oldest_ticket);

/* The log's form: per answer the key, u32 rows, u32 0, the rows. */
void answer_put(struct strbuf *out, const struct answer *answer);
/* Answers of the current step, settled. STATUS_BAD_DATA when malformed. */
enum status answers_load(struct answers *answers, struct str bytes, struct error *err);

#endif
