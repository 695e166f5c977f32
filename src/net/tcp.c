#include "net/tcp.h"

#include <stdlib.h>
#include <uv.h>

#include "base/mem.h"
#include "net/tls_private.h"

enum {
    KEEPALIVE_S = 60,
    SEALED_BYTES = 64 << 10,       /* read at a time with TLS */
    WRITE_PIECE_BYTES = 256 << 10, /* encrypted at a time: bounds what OpenSSL's buffer grows to */
    LAST_WORDS_MS = 1000,          /* that a server's alert is waited for when nothing can be sent any more */
};

struct net_conn {
    struct net_loop *loop;
    const struct net_conn_class *class;
    void *data;
    char *host;
    int port, timeout_ms;
    uv_getaddrinfo_t lookup;
    struct addrinfo *addresses, *next_address;
    uv_timer_t timer;
    uv_tcp_t tcp;
    uv_connect_t connect;
    bool looking_up, tcp_open, timer_open, connected, closing;
    bool failed;
    struct error error; /* when failed; else of the last address tried */
    size_t unsent_bytes;
    /* With TLS */
    int write_result; /* why nothing can be sent any more, 0: it can */
    struct net_tls *tls;
    char *server_name;
    struct net_tls_session *session;
    char *sealed_in; /* SEALED_BYTES as they came */
    struct strbuf sealed_out;
};

struct pending_write {
    uv_write_t request;
    struct net_conn *conn;
    char *bytes;
    size_t len;
};

void net_put_address(struct strbuf *buf, const char *host, int port) {
    bool v6 = strchr(host, ':') != NULL;
    strbuf_printf(buf, v6 ? "[%s]:%d" : "%s:%d", host, port);
}

static void set_error(struct net_conn *conn, enum status status, const char *what, int result) {
    struct strbuf address = {0};
    net_put_address(&address, conn->host, conn->port);
    error_set(&conn->error, status, "%s: %s%s%s", address.data, what, result ? ": " : "",
              result ? uv_strerror(result) : "");
    strbuf_free(&address);
}

/* ---- The end: handles close one after the other, then the owner hears of it. ---- */

static void finish(struct net_conn *conn) {
    if (conn->looking_up || conn->tcp_open || conn->timer_open) return;
    conn->class->closed(conn->data, conn->failed ? &conn->error : NULL);
    if (conn->addresses) uv_freeaddrinfo(conn->addresses);
    net_tls_session_free(conn->session);
    net_tls_release(conn->tls);
    strbuf_free(&conn->sealed_out);
    free(conn->sealed_in);
    free(conn->server_name);
    free(conn->host);
    free(conn);
}

static void on_tcp_closed(uv_handle_t *handle) {
    struct net_conn *conn = handle->data;
    conn->tcp_open = false;
    finish(conn);
}

static void on_timer_closed(uv_handle_t *handle) {
    struct net_conn *conn = handle->data;
    conn->timer_open = false;
    finish(conn);
}

static void begin_close(struct net_conn *conn) {
    if (conn->closing) return;
    conn->closing = true;
    if (conn->looking_up) uv_cancel((uv_req_t *)&conn->lookup); /* its callback comes in any case */
    if (conn->tcp_open && !uv_is_closing((uv_handle_t *)&conn->tcp)) uv_close((uv_handle_t *)&conn->tcp, on_tcp_closed);
    uv_close((uv_handle_t *)&conn->timer, on_timer_closed);
}

static void fail(struct net_conn *conn, enum status status, const char *what, int result) {
    if (conn->closing) return;
    set_error(conn, status, what, result);
    conn->failed = true;
    begin_close(conn);
}

/* Takes an error that lacks the address. */
static void fail_with(struct net_conn *conn, const struct error *err) {
    if (conn->closing) return;
    struct strbuf address = {0};
    net_put_address(&address, conn->host, conn->port);
    conn->error = *err;
    error_prefix(&conn->error, "%s", address.data);
    strbuf_free(&address);
    conn->failed = true;
    begin_close(conn);
}

/* ---- Writing ---- */

static void fail_broken(struct net_conn *conn, const char *what, int result) {
    if (conn->closing) return;
    struct error err;
    error_set(&err, STATUS_UNREACHABLE, "%s%s%s", what, result ? ": " : "", result ? uv_strerror(result) : "");
    if (conn->session) net_tls_explain_end(conn->session, &err);
    fail_with(conn, &err);
}

static void on_no_last_words(uv_timer_t *timer) {
    struct net_conn *conn = timer->data;
    fail_broken(conn, "the connection broke", conn->write_result);
}

static void on_written(uv_write_t *request, int result) {
    struct pending_write *write = (struct pending_write *)request;
    struct net_conn *conn = write->conn;
    conn->unsent_bytes -= write->len;
    free(write->bytes);
    free(write);
    if (result == 0 || result == UV_ECANCELED || conn->closing || conn->write_result) return;
    if (!conn->session) {
        fail_broken(conn, "the connection broke", result);
        return;
    }
    /* The server has closed. Its alert, which says why, may not have been read yet. */
    conn->write_result = result;
    uv_timer_start(&conn->timer, on_no_last_words, LAST_WORDS_MS, 0);
}

static void send_bytes(struct net_conn *conn, struct strbuf *bytes) {
    uv_buf_t buf = uv_buf_init(bytes->data, (unsigned)bytes->len);
    int written = conn->unsent_bytes ? 0 : uv_try_write((uv_stream_t *)&conn->tcp, &buf, 1);
    if (written < 0) written = 0; /* EAGAIN; a real error comes back from uv_write */
    if ((size_t)written == bytes->len) {
        strbuf_clear(bytes);
        return;
    }
    struct pending_write *write = xcalloc(1, sizeof *write);
    write->conn = conn;
    write->bytes = bytes->data;
    write->len = bytes->len - (size_t)written;
    buf = uv_buf_init(bytes->data + written, (unsigned)write->len);
    *bytes = (struct strbuf){0};
    conn->unsent_bytes += write->len;
    int result = uv_write(&write->request, (uv_stream_t *)&conn->tcp, &buf, 1, on_written);
    if (result != 0) on_written(&write->request, result);
}

/* What TLS wants to say by itself. */
static void send_sealed(struct net_conn *conn) {
    net_tls_take(conn->session, &conn->sealed_out);
    if (conn->sealed_out.len && conn->tcp_open && !uv_is_closing((uv_handle_t *)&conn->tcp))
        send_bytes(conn, &conn->sealed_out);
}

static void seal(struct net_conn *conn, struct strbuf *bytes) {
    struct error err;
    for (size_t done = 0; done < bytes->len;) {
        size_t part = bytes->len - done < WRITE_PIECE_BYTES ? bytes->len - done : WRITE_PIECE_BYTES;
        if (net_tls_write(conn->session, bytes->data + done, part, &err) != STATUS_OK) {
            strbuf_clear(bytes);
            fail_with(conn, &err);
            return;
        }
        net_tls_take(conn->session, &conn->sealed_out);
        done += part;
    }
    strbuf_clear(bytes);
    send_bytes(conn, &conn->sealed_out);
}

void net_conn_write(struct net_conn *conn, struct strbuf *bytes) {
    if (conn->closing || !conn->connected)
        strbuf_clear(bytes);
    else if (bytes->len && conn->session)
        seal(conn, bytes);
    else if (bytes->len)
        send_bytes(conn, bytes);
}

size_t net_conn_unsent_bytes(const struct net_conn *conn) { return conn->unsent_bytes; }

void net_conn_close(struct net_conn *conn) {
    if (conn->session && !conn->closing) { /* so that the server knows that nothing was cut off */
        net_tls_shutdown(conn->session);
        send_sealed(conn);
    }
    begin_close(conn);
}

/* ---- Reading ---- */

static void ask_buffer(struct net_conn *conn, char **bytes, size_t *size_bytes) {
    conn->class->buffer(conn->data, bytes, size_bytes);
    if (*size_bytes > INT32_MAX) *size_bytes = INT32_MAX;
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf) {
    (void)suggested;
    struct net_conn *conn = handle->data;
    char *bytes = conn->sealed_in;
    size_t size_bytes = SEALED_BYTES;
    if (!conn->session) ask_buffer(conn, &bytes, &size_bytes);
    *buf = uv_buf_init(bytes, (unsigned)size_bytes);
}

static void connected(struct net_conn *conn) {
    if (!conn->write_result) uv_timer_stop(&conn->timer);
    conn->connected = true;
    conn->class->connected(conn->data);
}

/* False: not there yet, or failed. */
static bool shake_hands(struct net_conn *conn) {
    struct error err;
    bool done = false;
    enum status status = net_tls_handshake(conn->session, &done, &err);
    send_sealed(conn); /* on failure too: an alert says why */
    if (status != STATUS_OK) fail_with(conn, &err);
    return status == STATUS_OK && done;
}

static void deliver_sealed(struct net_conn *conn, size_t size_bytes) {
    net_tls_put(conn->session, conn->sealed_in, size_bytes);
    if (!conn->connected) {
        if (!shake_hands(conn)) return;
        connected(conn);
    }
    while (!conn->closing) {
        char *bytes;
        size_t room, got;
        struct error err;
        ask_buffer(conn, &bytes, &room);
        enum status status = net_tls_read(conn->session, bytes, room, &got, &err);
        send_sealed(conn);
        if (status != STATUS_OK) fail_with(conn, &err);
        if (status != STATUS_OK || !got) return;
        conn->class->received(conn->data, got);
    }
}

static void deliver(struct net_conn *conn, size_t size_bytes) {
    if (conn->session)
        deliver_sealed(conn, size_bytes);
    else
        conn->class->received(conn->data, size_bytes);
}

static void on_read(uv_stream_t *stream, ssize_t result, const uv_buf_t *buf) {
    (void)buf;
    struct net_conn *conn = stream->data;
    if (conn->closing || result == 0) return;
    if (result == UV_EOF)
        fail_broken(conn, "the server closed the connection", 0);
    else if (result < 0)
        fail_broken(conn, "the connection broke", (int)result);
    else
        deliver(conn, (size_t)result);
}

/* ---- Connecting ---- */

static void try_address(struct net_conn *conn);

/* The address did not work: its socket is closed before the next one is tried. */
static void on_address_closed(uv_handle_t *handle) {
    struct net_conn *conn = handle->data;
    conn->tcp_open = false;
    if (conn->closing)
        finish(conn);
    else
        try_address(conn);
}

static void begin_tls(struct net_conn *conn) {
    conn->sealed_in = xmalloc(SEALED_BYTES);
    conn->session = net_tls_session_create(conn->tls, conn->server_name ? conn->server_name : conn->host, conn->host);
    if (conn->session)
        (void)shake_hands(conn);
    else
        fail(conn, STATUS_UNREACHABLE, "cannot start TLS", 0);
}

static void on_connect(uv_connect_t *request, int result) {
    struct net_conn *conn = request->data;
    if (conn->closing) return;
    if (result != 0) {
        set_error(conn, STATUS_UNREACHABLE, "cannot connect", result);
        uv_close((uv_handle_t *)&conn->tcp, on_address_closed);
        return;
    }
    uv_tcp_nodelay(&conn->tcp, 1);
    uv_tcp_keepalive(&conn->tcp, 1, KEEPALIVE_S);
    result = uv_read_start((uv_stream_t *)&conn->tcp, on_alloc, on_read);
    if (result != 0) {
        fail(conn, STATUS_UNREACHABLE, "cannot read", result);
        return;
    }
    if (conn->tls)
        begin_tls(conn);
    else
        connected(conn);
}

static void try_address(struct net_conn *conn) {
    for (;;) {
        struct addrinfo *address = conn->next_address;
        if (!address) {
            conn->failed = true; /* the error is the last address's */
            begin_close(conn);
            return;
        }
        conn->next_address = address->ai_next;
        int result = uv_tcp_init(net_loop_uv(conn->loop), &conn->tcp);
        if (result != 0) {
            set_error(conn, STATUS_UNREACHABLE, "cannot connect", result);
            continue;
        }
        conn->tcp.data = conn;
        conn->connect.data = conn;
        conn->tcp_open = true;
        result = uv_tcp_connect(&conn->connect, &conn->tcp, address->ai_addr, on_connect);
        if (result == 0) return;
        set_error(conn, STATUS_UNREACHABLE, "cannot connect", result);
        uv_close((uv_handle_t *)&conn->tcp, on_address_closed);
        return;
    }
}

static void on_lookup(uv_getaddrinfo_t *request, int result, struct addrinfo *addresses) {
    struct net_conn *conn = request->data;
    conn->looking_up = false;
    conn->addresses = addresses;
    conn->next_address = addresses;
    if (conn->closing) {
        finish(conn);
        return;
    }
    if (result != 0 || !addresses) {
        fail(conn, STATUS_UNREACHABLE, "cannot find the host", result);
        return;
    }
    try_address(conn);
}

static void on_timeout(uv_timer_t *timer) {
    struct net_conn *conn = timer->data;
    struct strbuf text = {0};
    strbuf_printf(&text, "no %s within %d ms", conn->session ? "end of the TLS handshake" : "connection",
                  conn->timeout_ms);
    fail(conn, STATUS_TIMEOUT, text.data, 0);
    strbuf_free(&text);
}

struct net_conn *net_conn_open(struct net_loop *loop, const struct net_target *target,
                               const struct net_conn_class *class, void *data) {
    struct net_conn *conn = xcalloc(1, sizeof *conn);
    *conn = (struct net_conn){
        .loop = loop, .class = class, .data = data, .port = target->port, .timeout_ms = target->timeout_ms};
    conn->host = xstrdup(target->host);
    conn->tls = net_tls_retain(target->tls);
    if (target->server_name) conn->server_name = xstrdup(target->server_name);
    uv_timer_init(net_loop_uv(loop), &conn->timer);
    conn->timer.data = conn;
    conn->timer_open = true;
    uv_timer_start(&conn->timer, on_timeout, (uint64_t)target->timeout_ms, 0);
    char service[16];
    snprintf(service, sizeof service, "%d", target->port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    conn->lookup.data = conn;
    int result = uv_getaddrinfo(net_loop_uv(loop), &conn->lookup, on_lookup, conn->host, service, &hints);
    if (result == 0)
        conn->looking_up = true;
    else
        fail(conn, STATUS_UNREACHABLE, "cannot find the host", result);
    return conn;
}
