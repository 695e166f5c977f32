#include "exec/pool.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"

struct worker_pool {
    int workers, started;
    pthread_t threads[POOL_MAX_WORKERS];
    pthread_mutex_t run_lock; /* one run at a time */
    pthread_mutex_t lock;
    pthread_cond_t wake, idle;
    unsigned long generation; /* of the current run */
    int wanted;               /* workers of the current run */
    int running;              /* of them, those not yet back (without worker 0) */
    bool stopping;
    void (*fn)(void *data, int worker);
    void *data;
};

struct thread_start {
    struct worker_pool *pool;
    int worker;
    unsigned long generation;
};

static void *worker_main(void *arg) {
    struct thread_start start = *(struct thread_start *)arg;
    free(arg);
    struct worker_pool *pool = start.pool;
    unsigned long seen = start.generation;
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (!pool->stopping && pool->generation == seen) pthread_cond_wait(&pool->wake, &pool->lock);
        if (pool->stopping) break;
        seen = pool->generation;
        if (start.worker >= pool->wanted) continue;
        pthread_mutex_unlock(&pool->lock);
        pool->fn(pool->data, start.worker);
        pthread_mutex_lock(&pool->lock);
        if (--pool->running == 0) pthread_cond_signal(&pool->idle);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

struct worker_pool *pool_create(int workers) {
    struct worker_pool *pool = xcalloc(1, sizeof *pool);
    pool->workers = workers < 1 ? 1 : workers > POOL_MAX_WORKERS ? POOL_MAX_WORKERS : workers;
    pool->started = 1;
    pthread_mutex_init(&pool->run_lock, NULL);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pthread_cond_init(&pool->idle, NULL);
    return pool;
}

void pool_destroy(struct worker_pool *pool) {
    if (!pool) return;
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
    for (int i = 1; i < pool->started; i++) pthread_join(pool->threads[i], NULL);
    pthread_cond_destroy(&pool->wake);
    pthread_cond_destroy(&pool->idle);
    pthread_mutex_destroy(&pool->lock);
    pthread_mutex_destroy(&pool->run_lock);
    free(pool);
}

int pool_workers(const struct worker_pool *pool) { return pool->workers; }

void pool_run(struct worker_pool *pool, int workers, void (*fn)(void *data, int worker), void *data) {
    if (workers > pool->workers) workers = pool->workers;
    if (workers <= 1) {
        fn(data, 0);
        return;
    }
    pthread_mutex_lock(&pool->run_lock);
    pthread_mutex_lock(&pool->lock);
    while (pool->started < workers) {
        struct thread_start *start = xmalloc(sizeof *start);
        *start = (struct thread_start){pool, pool->started, pool->generation};
        if (pthread_create(&pool->threads[pool->started], NULL, worker_main, start) != 0) {
            free(start); /* fewer threads than wished: go on with those that there are */
            workers = pool->started;
            break;
        }
        pool->started++;
    }
    pool->fn = fn;
    pool->data = data;
    pool->wanted = workers;
    pool->running = workers - 1;
    pool->generation++;
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
    fn(data, 0);
    pthread_mutex_lock(&pool->lock);
    while (pool->running > 0) pthread_cond_wait(&pool->idle, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
    pthread_mutex_unlock(&pool->run_lock);
}
