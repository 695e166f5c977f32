#include "net/loop.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <uv.h>

#include "base/mem.h"

struct net_loop {
    uv_loop_t uv;
    uv_async_t wake;
    uv_prepare_t prepare;
    pthread_t thread;
    _Atomic(struct net_task *) inbox; /* a stack, newest first: emptied in one exchange and turned around */
    struct net_task *deferred, **deferred_end;
    bool stopping; /* loop's thread */
    struct net_task stop;
};

static void run_list(struct net_task *task) {
    while (task) {
        struct net_task *next = task->next; /* the task may vanish while it runs */
        task->run(task);
        task = next;
    }
}

static void run_inbox(struct net_loop *loop) {
    struct net_task *newest = atomic_exchange_explicit(&loop->inbox, NULL, memory_order_acquire);
    struct net_task *oldest = NULL;
    while (newest) {
        struct net_task *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    run_list(oldest);
}

static void on_wake(uv_async_t *wake) {
    struct net_loop *loop = wake->data;
    run_inbox(loop);
    if (loop->stopping && !uv_is_closing((uv_handle_t *)wake)) {
        uv_close((uv_handle_t *)wake, NULL);
        uv_close((uv_handle_t *)&loop->prepare, NULL);
    }
}

static void run_deferred(struct net_loop *loop) {
    struct net_task *tasks = loop->deferred;
    loop->deferred = NULL;
    loop->deferred_end = &loop->deferred;
    run_list(tasks);
}

static void on_prepare(uv_prepare_t *prepare) { run_deferred(prepare->data); }

static void *run_loop(void *data) {
    struct net_loop *loop = data;
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    run_deferred(loop);
    int open_handles = uv_loop_close(&loop->uv);
    assert(open_handles == 0);
    (void)open_handles;
    return NULL;
}

static void *run_and_free(void *data) {
    struct net_loop *loop = data;
    run_loop(loop);
    if (loop->stop.next == &loop->stop) free(loop); /* stopped from inside: nobody waits */
    return NULL;
}

enum status net_loop_start(const char *name, struct net_loop **out, struct error *err) {
    struct net_loop *loop = xcalloc(1, sizeof *loop);
    loop->deferred_end = &loop->deferred;
    int result = uv_loop_init(&loop->uv);
    if (result != 0) {
        free(loop);
        return error_set(err, STATUS_IO_ERROR, "cannot start an event loop: %s", uv_strerror(result));
    }
    result = uv_async_init(&loop->uv, &loop->wake, on_wake);
    if (result == 0) {
        loop->wake.data = loop;
        uv_prepare_init(&loop->uv, &loop->prepare);
        loop->prepare.data = loop;
        uv_prepare_start(&loop->prepare, on_prepare);
        result = -pthread_create(&loop->thread, NULL, run_and_free, loop);
        if (result != 0) {
            uv_close((uv_handle_t *)&loop->wake, NULL);
            uv_close((uv_handle_t *)&loop->prepare, NULL);
            uv_run(&loop->uv, UV_RUN_DEFAULT);
        }
    }
    if (result != 0) {
        uv_loop_close(&loop->uv);
        free(loop);
        return error_set(err, STATUS_IO_ERROR, "cannot start an event loop: %s", uv_strerror(result));
    }
    pthread_setname_np(loop->thread, name);
    *out = loop;
    return STATUS_OK;
}

static void stop_now(struct net_task *task) {
    struct net_loop *loop = (struct net_loop *)((char *)task - offsetof(struct net_loop, stop));
    loop->stopping = true;
}

void net_loop_stop(struct net_loop *loop) {
    bool inside = net_loop_is_current(loop);
    pthread_t thread = loop->thread;
    loop->stop.run = stop_now;
    if (inside) {
        loop->stopping = true;
        loop->stop.next = &loop->stop;
        pthread_detach(thread);
        uv_async_send(&loop->wake);
        return;
    }
    net_loop_submit(loop, &loop->stop);
    pthread_join(thread, NULL);
    free(loop);
}

void net_loop_submit(struct net_loop *loop, struct net_task *task) {
    struct net_task *head = atomic_load_explicit(&loop->inbox, memory_order_relaxed);
    do task->next = head;
    while (
        !atomic_compare_exchange_weak_explicit(&loop->inbox, &head, task, memory_order_release, memory_order_relaxed));
    /* Whoever puts the first task wakes the loop; it takes all that are there. */
    if (!head) uv_async_send(&loop->wake);
}

void net_loop_defer(struct net_loop *loop, struct net_task *task) {
    task->next = NULL;
    *loop->deferred_end = task;
    loop->deferred_end = &task->next;
}

bool net_loop_is_current(const struct net_loop *loop) { return pthread_equal(loop->thread, pthread_self()); }

uv_loop_t *net_loop_uv(struct net_loop *loop) { return &loop->uv; }

int64_t net_loop_now_ms(const struct net_loop *loop) { return (int64_t)uv_now(&loop->uv); }
