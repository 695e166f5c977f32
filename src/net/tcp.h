/* TCP connections on a loop, in clear or with TLS.
 *
 * A connection is opened, calls `connected` (with TLS: when the server has been verified), then `received` for what comes,
 * and `closed` once at its end, whatever the reason; after that it is gone. Received bytes go straight to memory that the
 * owner names in `buffer`. Loop's thread only. */
#ifndef MILLRACE_NET_TCP_H
#define MILLRACE_NET_TCP_H

#include "base/str.h"
#include "net/loop.h"
#include "net/tls.h"

struct net_conn;

struct net_conn_class {
    void (*connected)(void *data);
    /* Where the next bytes go; at least one byte of room, which stays valid until `received`. It may be asked again before
     * anything was received. */
    void (*buffer)(void *data, char **bytes, size_t *size_bytes);
    void (*received)(void *data, size_t size_bytes);
    /* The last call. err: STATUS_UNREACHABLE, STATUS_TIMEOUT (of connecting), or NULL after net_conn_close. */
    void (*closed)(void *data, const struct error *err);
};

struct net_target {
    const char *host; /* a name or an address */
    int port;
    int timeout_ms;      /* of looking up, connecting and the TLS handshake together */
    struct net_tls *tls; /* NULL: in clear. Retained */
    const char
        *server_name; /* TLS: whom to ask for (SNI), when it is not the host; NULL. The certificate is the host's */
};

/* Looks the host up and tries its addresses in turn. Failure is told to `closed`, never before this returns. Messages name
 * "host:port". target may go. */
struct net_conn *net_conn_open(struct net_loop *loop, const struct net_target *target,
                               const struct net_conn_class *class, void *data);

/* Sends the buffer's bytes; takes them: the buffer is empty afterwards (its memory may be kept for reuse). Failure is told
 * to `closed`. Nothing is sent after net_conn_close. */
void net_conn_write(struct net_conn *conn, struct strbuf *bytes);

/* Bytes handed over that the system has not taken yet. */
size_t net_conn_unsent_bytes(const struct net_conn *conn);

/* Ends it; `closed` follows, with err = NULL, and no other call. Harmless when it is closing already. */
void net_conn_close(struct net_conn *conn);

/* "host:port" with brackets around an IPv6 address. */
void net_put_address(struct strbuf *buf, const char *host, int port);

#endif
