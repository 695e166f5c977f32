#include "op/key_filter.h"

#include <stdlib.h>

struct key_filter *key_filter_create(int64_t key_count, struct mem_account *account) {
    struct key_filter *filter = xcalloc(1, sizeof *filter);
    uint64_t words = 1;
    while ((int64_t)words * 64 < key_count * KEY_FILTER_BITS_PER_KEY) words *= 2;
    filter->words = xcalloc(words, sizeof *filter->words);
    filter->word_mask = words - 1;
    filter->account = account;
    mem_charge(account, (int64_t)(words * sizeof *filter->words));
    return filter;
}

void key_filter_destroy(struct key_filter *filter) {
    if (!filter) return;
    mem_charge(filter->account, -(int64_t)((filter->word_mask + 1) * sizeof *filter->words));
    free(filter->words);
    free(filter);
}
