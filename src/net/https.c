#include "net/https.h"

#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "net/tcp.h"

enum { MAX_ANSWER_BYTES = NET_MAX_DOCUMENT_BYTES + (64 << 10) }; /* with its header */

struct get {
    struct net_task open, close;
    struct net_loop *loop;
    struct net_target target;
    const char *path;
    struct net_conn *conn; /* loop's thread; NULL: closed */
    struct strbuf answer;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool done, failed;
    struct error err;
};

static void on_connected(void *data) {
    struct get *get = data;
    struct strbuf request = {0};
    strbuf_printf(&request, "GET %s HTTP/1.0\r\nHost: ", get->path);
    net_put_address(&request, get->target.host, get->target.port);
    strbuf_puts(&request, "\r\nUser-Agent: millrace\r\nAccept: */*\r\nConnection: close\r\n\r\n");
    net_conn_write(get->conn, &request);
    strbuf_free(&request);
}

static void on_buffer(void *data, char **bytes, size_t *size_bytes) {
    struct get *get = data;
    strbuf_reserve(&get->answer, 16 << 10);
    *bytes = get->answer.data + get->answer.len;
    *size_bytes = 16 << 10;
}

static void on_received(void *data, size_t size_bytes) {
    struct get *get = data;
    get->answer.len += size_bytes;
    if (get->answer.len > MAX_ANSWER_BYTES) net_conn_close(get->conn);
}

static void on_closed(void *data, const struct error *err) {
    struct get *get = data;
    pthread_mutex_lock(&get->lock);
    get->conn = NULL;
    get->done = true;
    get->failed = err != NULL;
    if (err) get->err = *err;
    pthread_cond_signal(&get->changed);
    pthread_mutex_unlock(&get->lock);
}

static const struct net_conn_class get_class = {on_connected, on_buffer, on_received, on_closed};

static void open_get(struct net_task *task) {
    struct get *get = (struct get *)((char *)task - offsetof(struct get, open));
    get->conn = net_conn_open(get->loop, &get->target, &get_class, get);
}

static void close_get(struct net_task *task) {
    struct get *get = (struct get *)((char *)task - offsetof(struct get, close));
    if (get->conn) net_conn_close(get->conn);
}

/* False: the time was up before the connection ended. */
static bool wait_for_end(struct get *get) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += get->target.timeout_ms / 1000;
    until.tv_nsec += get->target.timeout_ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&get->lock);
    while (!get->done && pthread_cond_timedwait(&get->changed, &get->lock, &until) == 0) {
    }
    bool in_time = get->done;
    pthread_mutex_unlock(&get->lock);
    if (in_time) return true;
    get->close.run = close_get;
    net_loop_submit(get->loop, &get->close);
    pthread_mutex_lock(&get->lock);
    while (!get->done) pthread_cond_wait(&get->changed, &get->lock);
    pthread_mutex_unlock(&get->lock);
    return false;
}

static enum status talk(struct get *get, bool *in_time, struct error *err) {
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&get->lock, NULL);
    pthread_cond_init(&get->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    enum status status = net_loop_start("https", &get->loop, err);
    if (status == STATUS_OK) {
        get->open.run = open_get;
        net_loop_submit(get->loop, &get->open);
        *in_time = wait_for_end(get);
        net_loop_stop(get->loop);
    }
    pthread_mutex_destroy(&get->lock);
    pthread_cond_destroy(&get->changed);
    return status;
}

/* ---- The answer ---- */

/* The value of a header field, -1 when it is not there or no number. */
static long header_number(struct str head, const char *name) {
    const char *p = head.data, *end = head.data + head.len;
    size_t name_len = strlen(name);
    while (p < end) {
        const char *line_end = memchr(p, '\n', (size_t)(end - p));
        if (!line_end) line_end = end;
        size_t len = (size_t)(line_end - p);
        if (len > name_len && p[name_len] == ':' &&
            str_equal_nocase((struct str){p, name_len}, (struct str){name, name_len})) {
            const char *digit = p + name_len + 1;
            while (digit < line_end && *digit == ' ') digit++;
            long number = digit < line_end && isdigit((unsigned char)*digit) ? 0 : -1;
            for (; digit < line_end && isdigit((unsigned char)*digit) && number < MAX_ANSWER_BYTES; digit++)
                number = number * 10 + (*digit - '0');
            return number;
        }
        p = line_end + 1;
    }
    return -1;
}

/* What a connection that ended left behind. */
static enum status read_answer(const struct get *get, const char *server, struct strbuf *out, struct error *err) {
    struct str answer = strbuf_str(&get->answer);
    if (answer.len > MAX_ANSWER_BYTES)
        return error_set(err, STATUS_BAD_DATA, "%s: a document of more than %d bytes", server, NET_MAX_DOCUMENT_BYTES);
    if (!answer.len && get->failed) {
        if (err) *err = get->err;
        return get->err.code;
    }
    const char *end = answer.len ? memmem(answer.data, answer.len, "\r\n\r\n", 4) : NULL;
    int code = 0, minor;
    if (!end || sscanf(answer.data, "HTTP/1.%d %3d", &minor, &code) != 2)
        return error_set(err, STATUS_BAD_DATA, "%s: the answer is not HTTP", server);
    if (code != 200) return error_set(err, STATUS_SERVER_ERROR, "%s: HTTP status %d for %s", server, code, get->path);
    struct str head = {answer.data, (size_t)(end - answer.data)};
    struct str body = {end + 4, answer.len - head.len - 4};
    long length = header_number(head, "Content-Length");
    if (length >= 0 && (size_t)length > body.len)
        return error_set(err, STATUS_BAD_DATA, "%s: the document of %ld bytes was cut off after %zu", server, length,
                         body.len);
    strbuf_add(out, body.data, length >= 0 ? (size_t)length : body.len);
    return STATUS_OK;
}

enum status net_https_get(struct net_tls *tls, const char *host, int port, const char *path, int timeout_ms,
                          struct strbuf *out, struct error *err) {
    struct get get = {.target = {.host = host, .port = port, .timeout_ms = timeout_ms, .tls = tls}, .path = path};
    struct strbuf server = {0};
    bool in_time = true;
    net_put_address(&server, host, port);
    enum status status = talk(&get, &in_time, err);
    strbuf_putc(&get.answer, 0); /* ends where text functions look for it */
    get.answer.len--;
    if (status == STATUS_OK && !in_time)
        status = error_set(err, STATUS_TIMEOUT, "%s: no document within %d ms", server.data, timeout_ms);
    else if (status == STATUS_OK)
        status = read_answer(&get, server.data, out, err);
    strbuf_free(&get.answer);
    strbuf_free(&server);
    return status;
}
