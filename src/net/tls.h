/* TLS for the connections of tcp.h, by OpenSSL 3: who is trusted, and who we are.
 *
 * Versions 1.2 and 1.3; renegotiation is refused. Unless told otherwise the server's chain and its name are verified.
 * Everything comes as PEM text, so that it may lie in files or in an archive. */
#ifndef MILLRACE_NET_TLS_H
#define MILLRACE_NET_TLS_H

#include "base/str.h"

enum net_tls_verify {
    NET_TLS_FULL, /* the chain, and that the certificate is for the host connected to */
    NET_TLS_CA,   /* the chain alone */
    NET_TLS_NONE, /* nothing: encrypted, but whoever sits in between can read along */
};

/* One PEM text and where it comes from, for messages: "/etc/ca.pem". Without text: not given. */
struct net_tls_text {
    struct str pem;
    const char *name;
};

struct net_tls_options {
    enum net_tls_verify verify;
    struct net_tls_text ca;   /* trusted certificates, of CAs or of servers themselves; not given: the system's store */
    struct net_tls_text cert; /* the client's certificate and what leads to its CA; needs key */
    struct net_tls_text key;
    const char *key_password; /* NULL: none */
};

struct net_tls;
/* STATUS_INVALID_OPTION, naming the text that cannot be used. The result may be shared by any number of connections on any
 * threads; options may go. */
enum status net_tls_create(const struct net_tls_options *options, struct net_tls **out, struct error *err);
struct net_tls *net_tls_retain(struct net_tls *tls); /* NULL allowed */
void net_tls_release(struct net_tls *tls);           /* any thread; NULL allowed */

#endif
