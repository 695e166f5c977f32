/* Arenas: bump allocation with one lifetime (process, session, query, step, morsel).
 *
 * Nothing in an arena is freed alone; arena_reset or arena_destroy ends all of it. An arena belongs to one thread at a
 * time (no locks). The parameter's name states the lifetime: `query_arena`, `morsel_arena`. A failed malloc aborts the
 * process: allocation functions never return NULL. Memory limits are checked by mem.h at chunk-sized reservations. */
#ifndef MILLRACE_BASE_ARENA_H
#define MILLRACE_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"

enum { ARENA_MIN_BLOCK_BYTES = 4096, ARENA_MAX_BLOCK_BYTES = 1 << 20 };

struct arena_block;
struct arena_callback;

struct arena {
    char *ptr, *end;            /* free space of the current block */
    struct arena_block *blocks; /* current first */
    struct arena_callback *callbacks;
    struct mem_account *account; /* may be NULL */
    size_t next_block_bytes;
    size_t total_bytes; /* of all blocks */
};

/* Prepares an arena inside caller-owned memory. account may be NULL and must outlive the arena. */
void arena_init(struct arena *arena, struct mem_account *account);

/* Runs the callbacks (last registered first), frees all blocks but the largest (kept for reuse). */
void arena_reset(struct arena *arena);

/* Runs the callbacks and frees everything. The struct may be initialised again. */
void arena_destroy(struct arena *arena);

void *arena_alloc_slow(struct arena *arena, size_t size_bytes, size_t align);

/* size_bytes of uninitialised memory at a multiple of align (a power of two up to 64). */
static inline void *arena_alloc_aligned(struct arena *arena, size_t size_bytes, size_t align) {
    char *p = (char *)(((size_t)arena->ptr + align - 1) & ~(align - 1));
    if (__builtin_expect(arena->ptr != NULL && p <= arena->end && size_bytes <= (size_t)(arena->end - p), 1)) {
        arena->ptr = p + size_bytes;
        return p;
    }
    return arena_alloc_slow(arena, size_bytes, align);
}

/* Aligned to 16 bytes. */
static inline void *arena_alloc(struct arena *arena, size_t size_bytes) {
    return arena_alloc_aligned(arena, size_bytes, 16);
}

static inline void *arena_zalloc(struct arena *arena, size_t size_bytes) {
    return memset(arena_alloc(arena, size_bytes), 0, size_bytes);
}

#define ARENA_NEW(arena, T) ((T *)arena_zalloc((arena), sizeof(T)))
#define ARENA_ARRAY(arena, T, count) ((T *)arena_zalloc((arena), sizeof(T) * (size_t)(count)))

void *arena_memdup(struct arena *arena, const void *data, size_t size_bytes);
char *arena_strndup(struct arena *arena, const char *text, size_t len); /* NUL-terminated */
char *arena_strdup(struct arena *arena, const char *text);
char *arena_printf(struct arena *arena, const char *fmt, ...) PRINTF_LIKE(2, 3);
char *arena_vprintf(struct arena *arena, const char *fmt, va_list args);

/* Calls fn(data) when the arena is reset or destroyed: for sockets, files and other owners of outside resources. */
void arena_on_reset(struct arena *arena, void (*fn)(void *data), void *data);

#endif
