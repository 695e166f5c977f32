/* TLS against OpenSSL's own server side, with certificates made here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/https.h"
#include "net/tcp.h"

/* ---- Certificates ---- */

struct identity {
    X509 *cert;
    EVP_PKEY *key;
};

static void add_extension(X509 *cert, X509 *issuer, int nid, const char *value) {
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    assert_non_null(extension);
    X509_add_ext(cert, extension, -1);
    X509_EXTENSION_free(extension);
}

/* issuer NULL: signed by itself. names NULL: a CA. Valid from `from` to `to` seconds from now. */
static struct identity make_identity(const char *common_name, const char *names, const struct identity *issuer,
                                     long from, long to) {
    static long serial = 1;
    struct identity id = {X509_new(), EVP_EC_gen("P-256")};
    if (!issuer) issuer = &id;
    X509_set_version(id.cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(id.cert), serial++);
    X509_gmtime_adj(X509_getm_notBefore(id.cert), from);
    X509_gmtime_adj(X509_getm_notAfter(id.cert), to);
    X509_set_pubkey(id.cert, id.key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(id.cert), "CN", MBSTRING_UTF8, (const unsigned char *)common_name,
                               -1, -1, 0);
    X509_set_issuer_name(id.cert, X509_get_subject_name(issuer->cert));
    add_extension(id.cert, issuer->cert, NID_basic_constraints, names ? "critical,CA:FALSE" : "critical,CA:TRUE");
    if (names) add_extension(id.cert, issuer->cert, NID_subject_alt_name, names);
    assert_true(X509_sign(id.cert, issuer->key, EVP_sha256()) > 0);
    return id;
}

static void free_identity(struct identity *id) {
    X509_free(id->cert);
    EVP_PKEY_free(id->key);
}

static struct net_tls_text text_of(BIO *bio, const char *name, struct strbuf *keep) {
    char *bytes;
    long len = BIO_get_mem_data(bio, &bytes);
    strbuf_add(keep, bytes, (size_t)len);
    BIO_free(bio);
    return (struct net_tls_text){strbuf_str(keep), name};
}

static struct net_tls_text cert_text(const X509 *cert, const char *name, struct strbuf *keep) {
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, cert);
    return text_of(bio, name, keep);
}

static struct net_tls_text key_text(EVP_PKEY *key, const char *password, const char *name, struct strbuf *keep) {
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PKCS8PrivateKey(bio, key, password ? EVP_aes_128_cbc() : NULL, password,
                                  password ? (int)strlen(password) : 0, NULL, NULL);
    return text_of(bio, name, keep);
}

static struct {
    struct identity ca, other_ca, server, expired, early, client, stranger;
    struct strbuf ca_pem, other_ca_pem, server_pem, client_pem, client_key_pem, stranger_pem, stranger_key_pem;
    struct net_tls_text ca_text, other_ca_text, server_text, client_text, client_key_text, stranger_text,
        stranger_key_text;
} pki;

enum { DAY_S = 86400 };

static int make_pki(void **state) {
    (void)state;
    pki.ca = make_identity("test CA", NULL, NULL, -DAY_S, DAY_S);
    pki.other_ca = make_identity("other CA", NULL, NULL, -DAY_S, DAY_S);
    pki.server = make_identity("server", "DNS:localhost,DNS:*.db.example,IP:127.0.0.1", &pki.ca, -DAY_S, DAY_S);
    pki.expired = make_identity("expired", "DNS:localhost", &pki.ca, -2 * DAY_S, -DAY_S);
    pki.early = make_identity("early", "DNS:localhost", &pki.ca, DAY_S, 2 * DAY_S);
    pki.client = make_identity("client", "DNS:client", &pki.ca, -DAY_S, DAY_S);
    pki.stranger = make_identity("stranger", "DNS:stranger", &pki.other_ca, -DAY_S, DAY_S);
    pki.ca_text = cert_text(pki.ca.cert, "ca.pem", &pki.ca_pem);
    pki.other_ca_text = cert_text(pki.other_ca.cert, "other.pem", &pki.other_ca_pem);
    pki.server_text = cert_text(pki.server.cert, "server.pem", &pki.server_pem);
    pki.client_text = cert_text(pki.client.cert, "client.pem", &pki.client_pem);
    pki.client_key_text = key_text(pki.client.key, NULL, "client.key", &pki.client_key_pem);
    pki.stranger_text = cert_text(pki.stranger.cert, "stranger.pem", &pki.stranger_pem);
    pki.stranger_key_text = key_text(pki.stranger.key, NULL, "stranger.key", &pki.stranger_key_pem);
    return 0;
}

static int free_pki(void **state) {
    (void)state;
    struct identity *all[] = {&pki.ca,    &pki.other_ca, &pki.server,  &pki.expired,
                              &pki.early, &pki.client,   &pki.stranger};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free_identity(all[i]);
    struct strbuf *texts[] = {&pki.ca_pem,         &pki.other_ca_pem, &pki.server_pem,      &pki.client_pem,
                              &pki.client_key_pem, &pki.stranger_pem, &pki.stranger_key_pem};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) strbuf_free(texts[i]);
    return 0;
}

/* ---- The server: one connection, echoes ---- */

enum behaviour { ECHO, GARBAGE, CLOSE_AFTER_HELLO, SILENT, SEND_AND_CLOSE, DOCUMENT };

struct server {
    enum behaviour behaviour;
    const struct identity *identity;
    int max_version; /* 0: any */
    bool wants_cert; /* of the CA */

    int fd, port;
    pthread_t thread;
    const char *document; /* DOCUMENT: the answer to the first request; NULL: none */
    char request[500];
    bool closed_cleanly; /* the client said that it was the end */
    char sni[64];
};

static void echo_tls(struct server *server, SSL *ssl) {
    static char buf[65536];
    size_t n, written;
    if (SSL_accept(ssl) != 1) return;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    snprintf(server->sni, sizeof server->sni, "%s", name ? name : "");
    if (server->behaviour == SEND_AND_CLOSE) {
        SSL_write_ex(ssl, "last words", 10, &written);
        SSL_shutdown(ssl);
        return;
    }
    if (server->behaviour == DOCUMENT) {
        if (SSL_read_ex(ssl, server->request, sizeof server->request - 1, &n) == 1) server->request[n] = 0;
        if (server->document)
            SSL_write_ex(ssl, server->document, strlen(server->document), &written);
        else
            SSL_read_ex(ssl, buf, sizeof buf, &n);
        SSL_shutdown(ssl);
        return;
    }
    int part = 1;
    while (SSL_read_ex(ssl, buf, sizeof buf, &n) == 1)
        for (size_t done = 0; done < n; done += written) { /* records of all sizes */
            size_t len = n - done < (size_t)part ? n - done : (size_t)part;
            part = part * 3 % 20011 + 1;
            if (SSL_write_ex(ssl, buf + done, len, &written) != 1) return;
        }
    server->closed_cleanly = SSL_get_shutdown(ssl) & SSL_RECEIVED_SHUTDOWN;
}

static SSL_CTX *server_context(const struct server *server) {
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_security_level(ctx, 0); /* the client's rules are tested */
    SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION);
    if (server->max_version) SSL_CTX_set_max_proto_version(ctx, server->max_version);
    SSL_CTX_use_certificate(ctx, server->identity->cert);
    SSL_CTX_use_PrivateKey(ctx, server->identity->key);
    if (server->wants_cert) {
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
        X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), pki.ca.cert);
    }
    return ctx;
}

static void *serve(void *data) {
    struct server *server = data;
    int fd = accept(server->fd, NULL, NULL);
    char buf[4096];
    if (server->behaviour == GARBAGE) {
        static const char garbage[] = "\x84\0\0\0\0\0\0\0\x10 this is no TLS, whatever it is";
        (void)!read(fd, buf, sizeof buf);
        (void)!write(fd, garbage, sizeof garbage);
        while (read(fd, buf, sizeof buf) > 0) {
        }
    } else if (server->behaviour == CLOSE_AFTER_HELLO) {
        (void)!read(fd, buf, sizeof buf);
    } else if (server->behaviour == SILENT) {
        while (read(fd, buf, sizeof buf) > 0) {
        }
    } else {
        SSL_CTX *ctx = server_context(server);
        SSL *ssl = SSL_new(ctx);
        SSL_set_fd(ssl, fd);
        echo_tls(server, ssl);
        SSL_free(ssl);
        SSL_CTX_free(ctx);
        /* What the client still sends must not cost it our last alert. */
        shutdown(fd, SHUT_WR);
        while (read(fd, buf, sizeof buf) > 0) {
        }
    }
    ERR_clear_error();
    close(fd);
    return NULL;
}

static void start_server(struct server *server) {
    if (!server->identity) server->identity = &pki.server;
    server->fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    assert_int_equal(bind(server->fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(server->fd, 5), 0);
    assert_int_equal(getsockname(server->fd, (struct sockaddr *)&address, &len), 0);
    server->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void stop_server(struct server *server) {
    pthread_join(server->thread, NULL);
    close(server->fd);
}

/* ---- The client ---- */

struct client {
    struct net_task task;
    struct net_loop *loop;
    struct net_target target;
    size_t send_bytes, got_bytes;
    bool connected, mismatch;
    char buf[5000];
    struct net_conn *conn;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool done;
    enum status status;
    struct error err;
};

static char byte_at(size_t i) { return (char)(i * 7 % 251); }

static void client_connected(void *data) {
    struct client *client = data;
    client->connected = true;
    struct strbuf bytes = {0};
    for (size_t i = 0; i < client->send_bytes; i++) strbuf_putc(&bytes, byte_at(i));
    net_conn_write(client->conn, &bytes);
    strbuf_free(&bytes);
}

static void client_buffer(void *data, char **bytes, size_t *size_bytes) {
    struct client *client = data;
    *bytes = client->buf;
    *size_bytes = 1 + client->got_bytes % (sizeof client->buf - 1);
}

static void client_received(void *data, size_t size_bytes) {
    struct client *client = data;
    for (size_t i = 0; i < size_bytes; i++)
        if (client->buf[i] != byte_at(client->got_bytes + i)) client->mismatch = true;
    client->got_bytes += size_bytes;
    if (client->send_bytes && client->got_bytes == client->send_bytes) net_conn_close(client->conn);
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
    client->conn = net_conn_open(client->loop, &client->target, &client_class, client);
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

/* One conversation. expected: NULL when it has to succeed, else the message behind "host:port: ". */
static void talk(struct server server, struct net_tls_options options, const char *host, const char *expected,
                 size_t send_bytes, struct server *out) {
    struct error err;
    struct client client = {.send_bytes = send_bytes};
    struct net_tls *tls;
    if (net_tls_create(&options, &tls, &err) != STATUS_OK) fail_msg("%s", err.message);
    start_server(&server);
    client.target = (struct net_target){.host = host, .port = server.port, .timeout_ms = 3000, .tls = tls};
    run_client(&client);
    net_tls_release(tls);
    stop_server(&server);
    if (!expected) {
        if (client.status != STATUS_OK) fail_msg("%s", client.err.message);
        assert_int_equal(client.got_bytes, send_bytes);
        assert_false(client.mismatch);
        assert_true(server.closed_cleanly);
    } else {
        char message[300];
        snprintf(message, sizeof message, "%s:%d: %s", host, server.port, expected);
        assert_string_equal(client.err.message, message);
        assert_int_equal(client.status, STATUS_UNREACHABLE);
    }
    if (out) *out = server;
}

/* ---- Tests ---- */

static void bytes_come_back(void **state) {
    (void)state;
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        struct server server;
        talk((struct server){.max_version = version}, (struct net_tls_options){.ca = pki.ca_text}, "localhost", NULL,
             3000000, &server);
        assert_string_equal(server.sni, "localhost");
        talk((struct server){.max_version = version}, (struct net_tls_options){.ca = pki.ca_text}, "127.0.0.1", NULL, 1,
             &server);
        assert_string_equal(server.sni, "");
    }
    /* The server's own certificate may be trusted as well as its CA. */
    talk((struct server){0}, (struct net_tls_options){.ca = pki.server_text}, "localhost", NULL, 100, NULL);
}

static void certificates_are_verified(void **state) {
    (void)state;
    struct net_tls_options full = {.ca = pki.ca_text}, ca = {.verify = NET_TLS_CA, .ca = pki.ca_text};
    struct net_tls_options stranger = {.ca = pki.other_ca_text}, system = {0};
    struct net_tls_options stranger_ca = {.verify = NET_TLS_CA, .ca = pki.other_ca_text};
    struct net_tls_options none = {.verify = NET_TLS_NONE};
    const char *untrusted = "the server's certificate is not trusted: unable to get local issuer certificate";
    struct identity elsewhere =
        make_identity("elsewhere", "DNS:db.example,IP:10.0.0.1,DNS:*.example", &pki.ca, -DAY_S, DAY_S);
    struct identity selfmade = make_identity("selfmade", "DNS:localhost", NULL, -DAY_S, DAY_S);
    struct server other_name = {.identity = &elsewhere}, self_signed = {.identity = &selfmade};
    struct server expired = {.identity = &pki.expired}, early = {.identity = &pki.early};
    talk((struct server){0}, stranger, "localhost", untrusted, 1, NULL);
    talk((struct server){.max_version = TLS1_2_VERSION}, stranger, "localhost", untrusted, 1, NULL);
    talk((struct server){0}, stranger_ca, "localhost", untrusted, 1, NULL);
    talk((struct server){0}, system, "localhost", untrusted, 1, NULL);
    talk((struct server){0}, none, "localhost", NULL, 1000, NULL);
    talk(self_signed, full, "localhost", "the server's certificate is not trusted: self-signed certificate", 1, NULL);
    talk(self_signed, none, "localhost", NULL, 1, NULL);
    const char *name = "the server's certificate is for db.example, 10.0.0.1, *.example, not for localhost";
    const char *address = "the server's certificate is for db.example, 10.0.0.1, *.example, not for 127.0.0.1";
    talk(other_name, full, "localhost", name, 1, NULL);
    talk(other_name, full, "127.0.0.1", address, 1, NULL);
    talk(other_name, ca, "localhost", NULL, 1, NULL);
    free_identity(&elsewhere);
    free_identity(&selfmade);
    /* The time is in the message. */
    struct strbuf text = {0};
    BIO *bio = BIO_new(BIO_s_mem());
    ASN1_TIME_print(bio, X509_get0_notAfter(pki.expired.cert));
    BIO_write(bio, "", 1);
    char *time;
    BIO_get_mem_data(bio, &time);
    strbuf_printf(&text, "the server's certificate expired on %s", time);
    BIO_free(bio);
    talk(expired, full, "localhost", text.data, 1, NULL);
    talk(expired, ca, "localhost", text.data, 1, NULL);
    talk(expired, none, "localhost", NULL, 1, NULL);
    strbuf_clear(&text);
    bio = BIO_new(BIO_s_mem());
    ASN1_TIME_print(bio, X509_get0_notBefore(pki.early.cert));
    BIO_write(bio, "", 1);
    BIO_get_mem_data(bio, &time);
    strbuf_printf(&text, "the server's certificate is valid only from %s", time);
    BIO_free(bio);
    talk(early, full, "localhost", text.data, 1, NULL);
    strbuf_free(&text);
}

static void clients_have_certificates(void **state) {
    (void)state;
    struct net_tls_options none = {.ca = pki.ca_text};
    struct net_tls_options good = {.ca = pki.ca_text, .cert = pki.client_text, .key = pki.client_key_text};
    struct net_tls_options bad = {.ca = pki.ca_text, .cert = pki.stranger_text, .key = pki.stranger_key_text};
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        struct server server = {.max_version = version, .wants_cert = true};
        talk(server, good, "localhost", NULL, 100000, NULL);
        talk(server, none, "localhost", "the server wants a client certificate", 1, NULL);
        talk(server, bad, "localhost", "the server refused the client certificate: tlsv1 alert unknown ca", 1, NULL);
        server.wants_cert = false;
        talk(server, good, "localhost", NULL, 1, NULL);
    }
}

static void servers_that_do_not_shake_hands(void **state) {
    (void)state;
    struct net_tls_options options = {.ca = pki.ca_text};
    const char *closed = "the server closed the connection";
    talk((struct server){.behaviour = GARBAGE}, options, "localhost", "the server does not speak TLS on this port", 1,
         NULL);
    talk((struct server){.behaviour = CLOSE_AFTER_HELLO}, options, "localhost", closed, 1, NULL);
    talk((struct server){.max_version = TLS1_1_VERSION}, options, "localhost",
         "the server knows no version of TLS from 1.2 on", 1, NULL);

    struct server silent = {.behaviour = SILENT};
    struct net_tls *tls;
    struct error err;
    char message[100];
    start_server(&silent);
    assert_int_equal(net_tls_create(&options, &tls, &err), STATUS_OK);
    struct client client = {.target = {.host = "localhost", .port = silent.port, .timeout_ms = 200, .tls = tls}};
    run_client(&client);
    net_tls_release(tls);
    stop_server(&silent);
    assert_int_equal(client.status, STATUS_TIMEOUT);
    snprintf(message, sizeof message, "localhost:%d: no end of the TLS handshake within 200 ms", silent.port);
    assert_string_equal(client.err.message, message);
}

/* What came before the end counts. */
static void last_words_are_heard(void **state) {
    (void)state;
    struct server server = {.behaviour = SEND_AND_CLOSE};
    struct net_tls_options options = {.ca = pki.ca_text};
    struct net_tls *tls;
    struct error err;
    assert_int_equal(net_tls_create(&options, &tls, &err), STATUS_OK);
    start_server(&server);
    struct client client = {.target = {.host = "localhost", .port = server.port, .timeout_ms = 3000, .tls = tls}};
    run_client(&client);
    net_tls_release(tls);
    stop_server(&server);
    assert_true(client.connected);
    assert_int_equal(client.got_bytes, 10);
    assert_int_equal(client.status, STATUS_UNREACHABLE);
    assert_non_null(strstr(client.err.message, ": the server closed the connection"));
}

static void documents(void **state) {
    (void)state;
    static const struct {
        const char *answer, *expected, *message;
        enum status status;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\nServer: x\r\n\r\n{\"a\": 1}", "{\"a\": 1}", NULL, STATUS_OK},
        {"HTTP/1.0 200 OK\r\ncontent-length:   3\r\nX: y\r\n\r\nabcdef", "abc", NULL, STATUS_OK},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "", NULL, STATUS_OK},
        {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabcdef", NULL, "the document of 9 bytes was cut off after 6",
         STATUS_BAD_DATA},
        {"HTTP/1.1 404 Not Found\r\n\r\n", NULL, "HTTP status 404 for /x", STATUS_SERVER_ERROR},
        {"HTTP/1.1 200 OK\r\nContent-Len", NULL, "the answer is not HTTP", STATUS_BAD_DATA},
        {"SSH-2.0-x\r\n\r\n", NULL, "the answer is not HTTP", STATUS_BAD_DATA},
        {"", NULL, "the server closed the connection", STATUS_UNREACHABLE},
        {NULL, NULL, "no document within 300 ms", STATUS_TIMEOUT},
    };
    struct net_tls *tls;
    struct error err;
    assert_int_equal(net_tls_create(&(struct net_tls_options){.ca = pki.ca_text}, &tls, &err), STATUS_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct server server = {.behaviour = DOCUMENT, .document = cases[i].answer};
        struct strbuf out = {0};
        char expected[200];
        start_server(&server);
        enum status status =
            net_https_get(tls, "localhost", server.port, "/x", cases[i].answer ? 3000 : 300, &out, &err);
        stop_server(&server);
        assert_int_equal(status, cases[i].status);
        if (cases[i].message) {
            snprintf(expected, sizeof expected, "localhost:%d: %s", server.port, cases[i].message);
            assert_string_equal(err.message, expected);
        } else {
            assert_true(str_equal(strbuf_str(&out), str_from(cases[i].expected)));
        }
        snprintf(expected, sizeof expected, "GET /x HTTP/1.0\r\nHost: localhost:%d\r\n", server.port);
        assert_memory_equal(server.request, expected, strlen(expected));
        strbuf_free(&out);
    }
    net_tls_release(tls);
}

static void refuse(struct net_tls_options options, const char *message) {
    struct net_tls *tls;
    struct error err;
    assert_int_equal(net_tls_create(&options, &tls, &err), STATUS_INVALID_OPTION);
    assert_string_equal(err.message, message);
}

static void texts_are_checked(void **state) {
    (void)state;
    struct net_tls_text none = {str_from("no PEM\n"), "x.pem"};
    struct net_tls_text broken = {str_from("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), "x.pem"};
    struct strbuf locked_pem = {0};
    struct net_tls_text locked = key_text(pki.client.key, "secret", "locked.key", &locked_pem);
    struct net_tls_options client = {.ca = pki.ca_text, .cert = pki.client_text, .key = locked};
    refuse((struct net_tls_options){.ca = none}, "x.pem: there is no certificate in it");
    struct net_tls *tls;
    struct error err;
    assert_int_equal(net_tls_create(&(struct net_tls_options){.ca = broken}, &tls, &err), STATUS_INVALID_OPTION);
    assert_non_null(strstr(err.message, "x.pem: a malformed certificate: "));
    refuse((struct net_tls_options){.cert = pki.client_text},
           "a client certificate needs both the certificate and its private key");
    refuse((struct net_tls_options){.cert = pki.client_text, .key = none},
           "x.pem: there is no private key in it that can be read");
    refuse((struct net_tls_options){.cert = pki.client_text, .key = pki.stranger_key_text},
           "stranger.key: the private key does not belong to the certificate client.pem");
    refuse(client, "locked.key: the private key is encrypted, and no password was given");
    client.key_password = "wrong";
    refuse(client, "locked.key: the private key is encrypted, and the password does not fit");
    client.key_password = "secret";
    talk((struct server){.wants_cert = true}, client, "localhost", NULL, 1000, NULL);
    strbuf_free(&locked_pem);
}

const struct CMUnitTest tls_tests[] = {
    cmocka_unit_test_setup_teardown(bytes_come_back, make_pki, free_pki),
    cmocka_unit_test_setup_teardown(certificates_are_verified, make_pki, free_pki),
    cmocka_unit_test_setup_teardown(clients_have_certificates, make_pki, free_pki),
    cmocka_unit_test_setup_teardown(servers_that_do_not_shake_hands, make_pki, free_pki),
    cmocka_unit_test_setup_teardown(last_words_are_heard, make_pki, free_pki),
    cmocka_unit_test_setup_teardown(documents, make_pki, free_pki),
    cmocka_unit_test_setup_teardown(texts_are_checked, make_pki, free_pki),
};
const size_t tls_tests_count = sizeof tls_tests / sizeof *tls_tests;
