/* A pool of worker threads. The caller of pool_run is worker 0; the others sleep until there is work. */
#ifndef MILLRACE_EXEC_POOL_H
#define MILLRACE_EXEC_POOL_H

enum { POOL_MAX_WORKERS = 64 };

struct worker_pool;
/* Threads are started when they are first needed. workers: 1 … POOL_MAX_WORKERS. */
struct worker_pool *pool_create(int workers);
void pool_destroy(struct worker_pool *pool);
int pool_workers(const struct worker_pool *pool);
/* Calls fn(data, worker) on `workers` workers (at most pool_workers) at once and returns when all have returned. One
 * pool_run at a time per pool: a second caller waits. */
void pool_run(struct worker_pool *pool, int workers, void (*fn)(void *data, int worker), void *data);

#endif
