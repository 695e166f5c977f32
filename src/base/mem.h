/* Heap allocation that aborts on failure, and accounting against a limit.
 *
 * An account counts the bytes of one query (or the process). Reserving never blocks and never fails by itself: owners
 * ask mem_over_limit at chunk-sized points and then spill or give STATUS_OUT_OF_MEMORY. Thread-safe. */
#ifndef MILLRACE_BASE_MEM_H
#define MILLRACE_BASE_MEM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct mem_account {
    struct mem_account *parent; /* also charged; may be NULL */
    _Atomic int64_t used_bytes;
    _Atomic int64_t peak_bytes;
    int64_t limit_bytes; /* 0 = no limit */
};

void mem_account_init(struct mem_account *account, struct mem_account *parent, int64_t limit_bytes);
void mem_charge(struct mem_account *account, int64_t delta_bytes); /* account may be NULL */
bool mem_over_limit(const struct mem_account *account);            /* of it or any parent */
/* Says that `what` ("the query") needs more than the account's limit; returns STATUS_OUT_OF_MEMORY. */
enum status mem_limit_error(const struct mem_account *account, const char *what, struct error *err);

void *xmalloc(size_t size_bytes);
void *xcalloc(size_t count, size_t size_bytes);
void *xrealloc(void *ptr, size_t size_bytes);
char *xstrdup(const char *text);
char *xstrndup(const char *text, size_t len);

/* Grows a heap array to hold at least `need` elements (doubling). */
#define ARRAY_RESERVE(array, capacity, need)                                                                           \
    do {                                                                                                               \
        if ((size_t)(need) > (size_t)(capacity)) {                                                                     \
            size_t new_capacity_ = (size_t)(capacity) ? (size_t)(capacity)*2 : 8;                                      \
            if (new_capacity_ < (size_t)(need)) new_capacity_ = (size_t)(need);                                        \
            (array) = xrealloc((array), new_capacity_ * sizeof *(array));                                              \
            (capacity) = new_capacity_;                                                                                \
        }                                                                                                              \
    } while (0)

#endif
