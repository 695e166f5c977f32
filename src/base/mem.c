#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void mem_account_init(struct mem_account *account, struct mem_account *parent, int64_t limit_bytes) {
    account->parent = parent;
    atomic_init(&account->used_bytes, 0);
    atomic_init(&account->peak_bytes, 0);
    account->limit_bytes = limit_bytes;
}

void mem_charge(struct mem_account *account, int64_t delta_bytes) {
    for (; account; account = account->parent) {
        int64_t used = atomic_fetch_add_explicit(&account->used_bytes, delta_bytes, memory_order_relaxed) + delta_bytes;
        int64_t peak = atomic_load_explicit(&account->peak_bytes, memory_order_relaxed);
        while (used > peak && !atomic_compare_exchange_weak_explicit(&account->peak_bytes, &peak, used,
                                                                     memory_order_relaxed, memory_order_relaxed)) {
        }
    }
}

bool mem_over_limit(const struct mem_account *account) {
    for (; account; account = account->parent)
        if (account->limit_bytes &&
            atomic_load_explicit(&account->used_bytes, memory_order_relaxed) > account->limit_bytes)
            return true;
    return false;
}

enum status mem_limit_error(const struct mem_account *account, const char *what, struct error *err) {
    while (account->parent && !account->limit_bytes) account = account->parent;
    error_set(err, STATUS_OUT_OF_MEMORY, "%s needs more memory than its limit of %lld kB allows", what,
              (long long)(account->limit_bytes >> 10));
    error_hint(err, "SET 'millrace.memory-limit' = '...' allows more");
    return STATUS_OUT_OF_MEMORY;
}

static void *check(void *ptr, size_t size_bytes) {
    if (!ptr && size_bytes) {
        fprintf(stderr, "millrace: out of memory (asked for %zu bytes)\n", size_bytes);
        abort();
    }
    return ptr;
}

void *xmalloc(size_t size_bytes) { return check(malloc(size_bytes), size_bytes); }

void *xcalloc(size_t count, size_t size_bytes) { return check(calloc(count, size_bytes), count * size_bytes); }

void *xrealloc(void *ptr, size_t size_bytes) { return check(realloc(ptr, size_bytes), size_bytes); }

char *xstrdup(const char *text) { return xstrndup(text, strlen(text)); }

char *xstrndup(const char *text, size_t len) {
    char *copy = xmalloc(len + 1);
    memcpy(copy, text, len);
    copy[len] = 0;
    return copy;
}
