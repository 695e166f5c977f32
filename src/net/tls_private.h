/* One connection's TLS, without its socket: bytes from the wire go in, bytes for the wire come out. Errors lack the
 * server's address; hints name the options as their users call them. */
#ifndef MILLRACE_NET_TLS_PRIVATE_H
#define MILLRACE_NET_TLS_PRIVATE_H

#include "net/tls.h"

struct net_tls_session;

/* server_name: what the server is asked for (SNI), NULL for none. host: who the certificate has to be for, a name or an
 * address. NULL when out of memory. */
struct net_tls_session *net_tls_session_create(struct net_tls *tls, const char *server_name, const char *host);
void net_tls_session_free(struct net_tls_session *session); /* NULL allowed */

/* Bytes that came over the wire. */
void net_tls_put(struct net_tls_session *session, const void *bytes, size_t len);
/* Appends what is to be sent; call it after each of the functions below, and after their errors (an alert). */
void net_tls_take(struct net_tls_session *session, struct strbuf *out);

/* One step of the handshake. STATUS_UNREACHABLE when it failed. */
enum status net_tls_handshake(struct net_tls_session *session, bool *done, struct error *err);
/* Plain bytes of those put in, up to size_bytes; *got = 0 when there are none yet. STATUS_UNREACHABLE at the end of the
 * stream and when it is broken. */
enum status net_tls_read(struct net_tls_session *session, char *bytes, size_t size_bytes, size_t *got,
                         struct error *err);
enum status net_tls_write(struct net_tls_session *session, const char *bytes, size_t len, struct error *err);
/* Says that nothing more is sent. */
void net_tls_shutdown(struct net_tls_session *session);
/* The connection ended without a word of TLS: adds what is likely behind it. */
void net_tls_explain_end(const struct net_tls_session *session, struct error *err);

#endif
