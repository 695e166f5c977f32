/* An I/O thread with a libuv loop, and the one way into it: tasks.
 *
 * A task is embedded in what it is about (a request, a connection), so submitting allocates nothing. Tasks submitted by one
 * thread run in that order. All other functions of net/ are for the loop's own thread unless they say otherwise. */
#ifndef MILLRACE_NET_LOOP_H
#define MILLRACE_NET_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct uv_loop_s;
struct net_loop;

struct net_task {
    void (*run)(struct net_task *task); /* on the loop's thread; may free or submit the task again */
    struct net_task *next;              /* private */
};

/* Starts the thread. name: shown by debuggers, up to 15 bytes. STATUS_IO_ERROR when the system has no more of something. */
enum status net_loop_start(const char *name, struct net_loop **out, struct error *err);

/* Any thread. The tasks submitted so far run, then the loop ends and everything is freed. All connections and timers must be
 * closed or closing by then. Waits for the thread, unless called on it: then it ends when the current callback is over. */
void net_loop_stop(struct net_loop *loop);

/* Any thread; not after net_loop_stop. The task must stay until it has run. */
void net_loop_submit(struct net_loop *loop, struct net_task *task);

/* Runs the task once before the loop waits for events again: to send what callbacks have gathered in one go. */
void net_loop_defer(struct net_loop *loop, struct net_task *task);

bool net_loop_is_current(const struct net_loop *loop); /* any thread */
struct uv_loop_s *net_loop_uv(struct net_loop *loop);
int64_t net_loop_now_ms(const struct net_loop *loop); /* monotonic, as of the current callback */

#endif
