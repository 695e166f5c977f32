#include "base/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct arena_block {
    struct arena_block *next;
    size_t size_bytes; /* of the whole block, this header included */
};

struct arena_callback {
    struct arena_callback *next;
    void (*fn)(void *);
    void *data;
};

enum { BLOCK_HEADER_BYTES = 64 };
_Static_assert(sizeof(struct arena_block) <= BLOCK_HEADER_BYTES, "block header");

void arena_init(struct arena *arena, struct mem_account *account) {
    memset(arena, 0, sizeof *arena);
    arena->account = account;
    arena->next_block_bytes = ARENA_MIN_BLOCK_BYTES;
}

static void use_block(struct arena *arena, struct arena_block *block) {
    arena->ptr = (char *)block + BLOCK_HEADER_BYTES;
    arena->end = (char *)block + block->size_bytes;
}

void *arena_alloc_slow(struct arena *arena, size_t size_bytes, size_t align) {
    if (size_bytes > SIZE_MAX / 2) {
        fprintf(stderr, "millrace: arena allocation of %zu bytes\n", size_bytes);
        abort();
    }
    if (arena->next_block_bytes == 0) arena->next_block_bytes = ARENA_MIN_BLOCK_BYTES;
    size_t need = size_bytes + BLOCK_HEADER_BYTES + align;
    size_t block_bytes = arena->next_block_bytes;
    if (block_bytes < need) block_bytes = need;
    struct arena_block *block = xmalloc(block_bytes);
    block->size_bytes = block_bytes;
    arena->total_bytes += block_bytes;
    mem_charge(arena->account, (int64_t)block_bytes);
    if (arena->next_block_bytes < ARENA_MAX_BLOCK_BYTES) arena->next_block_bytes *= 2;
    /* A big single allocation goes behind the current block, whose free space stays in use. */
    bool behind = arena->blocks && block_bytes == need && (size_t)(arena->end - arena->ptr) > size_bytes / 8 + 256;
    if (behind) {
        block->next = arena->blocks->next;
        arena->blocks->next = block;
        char *p = (char *)block + BLOCK_HEADER_BYTES;
        return (char *)(((size_t)p + align - 1) & ~(align - 1));
    }
    block->next = arena->blocks;
    arena->blocks = block;
    use_block(arena, block);
    return arena_alloc_aligned(arena, size_bytes, align);
}

static void run_callbacks(struct arena *arena) {
    while (arena->callbacks) {
        struct arena_callback *callback = arena->callbacks;
        arena->callbacks = callback->next;
        callback->fn(callback->data);
    }
}

void arena_reset(struct arena *arena) {
    run_callbacks(arena);
    struct arena_block *keep = NULL;
    for (struct arena_block *block = arena->blocks; block; block = block->next)
        if (!keep || block->size_bytes > keep->size_bytes) keep = block;
    if (!keep) return;
    for (struct arena_block *block = arena->blocks, *next; block; block = next) {
        next = block->next;
        if (block == keep) continue;
        arena->total_bytes -= block->size_bytes;
        mem_charge(arena->account, -(int64_t)block->size_bytes);
        free(block);
    }
    keep->next = NULL;
    arena->blocks = keep;
    use_block(arena, keep);
}

void arena_destroy(struct arena *arena) {
    run_callbacks(arena);
    for (struct arena_block *block = arena->blocks, *next; block; block = next) {
        next = block->next;
        free(block);
    }
    mem_charge(arena->account, -(int64_t)arena->total_bytes);
    arena_init(arena, arena->account);
}

void *arena_memdup(struct arena *arena, const void *data, size_t size_bytes) {
    void *copy = arena_alloc(arena, size_bytes);
    if (size_bytes) memcpy(copy, data, size_bytes);
    return copy;
}

char *arena_strndup(struct arena *arena, const char *text, size_t len) {
    char *copy = arena_alloc_aligned(arena, len + 1, 1);
    if (len) memcpy(copy, text, len);
    copy[len] = 0;
    return copy;
}

char *arena_strdup(struct arena *arena, const char *text) { return arena_strndup(arena, text, strlen(text)); }

char *arena_vprintf(struct arena *arena, const char *fmt, va_list args) {
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, args);
    char *text = arena_alloc_aligned(arena, (size_t)(len < 0 ? 0 : len) + 1, 1);
    text[0] = 0;
    if (len >= 0) vsnprintf(text, (size_t)len + 1, fmt, again);
    va_end(again);
    return text;
}

char *arena_printf(struct arena *arena, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    char *text = arena_vprintf(arena, fmt, args);
    va_end(args);
    return text;
}

void arena_on_reset(struct arena *arena, void (*fn)(void *), void *data) {
    struct arena_callback *callback = arena_alloc(arena, sizeof *callback);
    callback->next = arena->callbacks;
    callback->fn = fn;
    callback->data = data;
    arena->callbacks = callback;
}
