/* One document over HTTPS: GET, and wait for it. For what a session needs before it can begin. */
#ifndef MILLRACE_NET_HTTPS_H
#define MILLRACE_NET_HTTPS_H

#include "net/tls.h"

enum { NET_MAX_DOCUMENT_BYTES = 1 << 20 };

/* Puts the document's bytes into out. timeout_ms: for all of it. Blocks; not on a loop's thread. STATUS_UNREACHABLE,
 * STATUS_TIMEOUT, STATUS_SERVER_ERROR (another status than 200), STATUS_BAD_DATA (no HTTP, or too long). Messages name
 * "host:port". HTTP/1.0 (RFC 1945): one answer, which ends with the connection or where its length says. */
enum status net_https_get(struct net_tls *tls, const char *host, int port, const char *path, int timeout_ms,
                          struct strbuf *out, struct error *err);

#endif
