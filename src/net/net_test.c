#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/loop.h"
#include "net/tcp.h"

extern const struct CMUnitTest net_tests[];
extern const size_t net_tests_count;

/* ---- Loop ---- */

enum { PRODUCERS = 3, PER_PRODUCER = 2000 };

struct counted {
    struct net_task task;
    int producer, number;
    int *last; /* per producer */
};

static void count(struct net_task *task) {
    struct counted *item = (struct counted *)task;
    if (item->last[item->producer] == item->number - 1) item->last[item->producer] = item->number;
}

struct producer {
    struct net_loop *loop;
    struct counted *items;
};

static void *produce(void *data) {
    struct producer *producer = data;
    for (int i = 0; i < PER_PRODUCER; i++) net_loop_submit(producer->loop, &producer->items[i].task);
    return NULL;
}

static void tasks_run_in_order(void **state) {
    (void)state;
    struct net_loop *loop;
    assert_int_equal(net_loop_start("test", &loop, NULL), STATUS_OK);
    assert_false(net_loop_is_current(loop));
    int last[PRODUCERS] = {0};
    struct counted *items = xcalloc(PRODUCERS * PER_PRODUCER, sizeof *items);
    struct producer producers[PRODUCERS];
    pthread_t threads[PRODUCERS];
    for (int p = 0; p < PRODUCERS; p++) {
        producers[p] = (struct producer){loop, items + p * PER_PRODUCER};
        for (int i = 0; i < PER_PRODUCER; i++)
            producers[p].items[i] =
                (struct counted){.task = {.run = count}, .producer = p, .number = i + 1, .last = last};
        assert_int_equal(pthread_create(&threads[p], NULL, produce, &producers[p]), 0);
    }
    for (int p = 0; p < PRODUCERS; p++) pthread_join(threads[p], NULL);
    net_loop_stop(loop);
    for (int p = 0; p < PRODUCERS; p++) assert_int_equal(last[p], PER_PRODUCER);
    free(items);
}

struct stopper {
    struct net_task task, deferred;
    struct net_loop *loop;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int stage;
};

static void advance(struct stopper *stopper, int stage) {
    pthread_mutex_lock(&stopper->lock);
    stopper->stage = stage;
    pthread_cond_signal(&stopper->changed);
    pthread_mutex_unlock(&stopper->lock);
}

static void stop_in_deferred(struct net_task *task) {
    struct stopper *stopper = (struct stopper *)((char *)task - offsetof(struct stopper, deferred));
    net_loop_stop(stopper->loop);
    advance(stopper, 1);
}

static void defer_the_stop(struct net_task *task) {
    struct stopper *stopper = (struct stopper *)task;
    stopper->deferred.run = stop_in_deferred;
    net_loop_defer(stopper->loop, &stopper->deferred);
}

static void a_loop_may_be_stopped_from_inside(void **state) {
    (void)state;
    struct stopper stopper = {.task = {.run = defer_the_stop}};
    pthread_mutex_init(&stopper.lock, NULL);
    pthread_cond_init(&stopper.changed, NULL);
    assert_int_equal(net_loop_start("test", &stopper.loop, NULL), STATUS_OK);
    net_loop_submit(stopper.loop, &stopper.task);
    pthread_mutex_lock(&stopper.lock);
    while (!stopper.stage) pthread_cond_wait(&stopper.changed, &stopper.lock);
    pthread_mutex_unlock(&stopper.lock);
    pthread_mutex_destroy(&stopper.lock);
    pthread_cond_destroy(&stopper.changed);
    usleep(50000); /* the thread is detached: let it end before the leak check */
}

/* ---- TCP: a client that sends a number of bytes and reads them back from an echoing server ---- */

static int listen_somewhere(int backlog, int *port) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, backlog), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

static void *echo(void *data) {
    int fd = accept(*(int *)data, NULL, NULL);
    char buf[65536];
    ssize_t n;
    while ((n = read(fd, buf, sizeof buf)) > 0)
        for (ssize_t done = 0, k; done < n; done += k)
            if ((k = write(fd, buf + done, (size_t)(n - done))) <= 0) break;
    close(fd);
    return NULL;
}

struct client {
    struct net_task task;
    struct net_loop *loop;
    const char *host;
    int port, timeout_ms;
    size_t send_bytes, got_bytes;
    bool mismatch;
    char buf[1000];
    struct net_conn *conn;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool done;
    enum status status;
    struct error err;
};

static void client_connected(void *data) {
    struct client *client = data;
    struct strbuf bytes = {0};
    strbuf_reserve(&bytes, client->send_bytes);
    for (size_t i = 0; i < client->send_bytes; i++) strbuf_putc(&bytes, (char)(i * 7 % 251));
    net_conn_write(client->conn, &bytes);
    assert_int_equal(bytes.len, 0);
    strbuf_free(&bytes);
}

static void client_buffer(void *data, char **bytes, size_t *size_bytes) {
    struct client *client = data;
    *bytes = client->buf;
    *size_bytes = sizeof client->buf;
}

static void client_received(void *data, size_t size_bytes) {
    struct client *client = data;
    for (size_t i = 0; i < size_bytes; i++)
        if (client->buf[i] != (char)((client->got_bytes + i) * 7 % 251)) client->mismatch = true;
    client->got_bytes += size_bytes;
    if (client->got_bytes == client->send_bytes) net_conn_close(client->conn);
}

static void client_closed(void *data, const struct error *err) {
    struct client *client = data;
    pthread_mutex_lock(&client->lock);
    client->done = true;
    client->status = err ? err->code : STATUS_OK;
    if (err) client->err = *err;
    pthread_cond_signal(&client->changed);
    pthread_mutex_unlock(&client->lock);
}

static const struct net_conn_class client_class = {client_connected, client_buffer, client_received, client_closed};

static void open_client(struct net_task *task) {
    struct client *client = (struct client *)task;
    struct net_target target = {.host = client->host, .port = client->port, .timeout_ms = client->timeout_ms};
    client->conn = net_conn_open(client->loop, &target, &client_class, client);
}

static void run_client(struct client *client) {
    pthread_mutex_init(&client->lock, NULL);
    pthread_cond_init(&client->changed, NULL);
    client->task.run = open_client;
    assert_int_equal(net_loop_start("test", &client->loop, NULL), STATUS_OK);
    net_loop_submit(client->loop, &client->task);
    pthread_mutex_lock(&client->lock);
    while (!client->done) pthread_cond_wait(&client->changed, &client->lock);
    pthread_mutex_unlock(&client->lock);
    net_loop_stop(client->loop);
    pthread_mutex_destroy(&client->lock);
    pthread_cond_destroy(&client->changed);
}

static void bytes_come_back(void **state) {
    (void)state;
    int port, fd = listen_somewhere(5, &port);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, echo, &fd), 0);
    struct client client = {.host = "localhost", .port = port, .timeout_ms = 5000, .send_bytes = 10000000};
    run_client(&client);
    pthread_join(thread, NULL);
    close(fd);
    if (client.status != STATUS_OK) fail_msg("%s", client.err.message);
    assert_int_equal(client.got_bytes, client.send_bytes);
    assert_false(client.mismatch);
}

static void failures_name_the_address(void **state) {
    (void)state;
    int port, fd = listen_somewhere(5, &port);
    close(fd);
    struct client refused = {.host = "127.0.0.1", .port = port, .timeout_ms = 5000};
    run_client(&refused);
    assert_int_equal(refused.status, STATUS_UNREACHABLE);
    char expected[100];
    snprintf(expected, sizeof expected, "127.0.0.1:%d: cannot connect: connection refused", port);
    assert_string_equal(refused.err.message, expected);

    struct client unknown = {.host = "no such host", .port = 9042, .timeout_ms = 5000};
    run_client(&unknown);
    assert_int_equal(unknown.status, STATUS_UNREACHABLE);
    assert_non_null(strstr(unknown.err.message, "no such host:9042: cannot find the host: "));

    /* Nobody accepts and the queue is full: the connection hangs. */
    fd = listen_somewhere(0, &port);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    address.sin_port = htons((uint16_t)port);
    int fillers[4];
    for (int i = 0; i < 4; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(fillers[i], (struct sockaddr *)&address, sizeof address);
    }
    usleep(20000);
    struct client hanging = {.host = "127.0.0.1", .port = port, .timeout_ms = 200};
    run_client(&hanging);
    assert_int_equal(hanging.status, STATUS_TIMEOUT);
    snprintf(expected, sizeof expected, "127.0.0.1:%d: no connection within 200 ms", port);
    assert_string_equal(hanging.err.message, expected);
    for (int i = 0; i < 4; i++) close(fillers[i]);
    close(fd);
}

const struct CMUnitTest net_tests[] = {
    cmocka_unit_test(tasks_run_in_order),
    cmocka_unit_test(a_loop_may_be_stopped_from_inside),
    cmocka_unit_test(bytes_come_back),
    cmocka_unit_test(failures_name_the_address),
};
const size_t net_tests_count = sizeof net_tests / sizeof *net_tests;
