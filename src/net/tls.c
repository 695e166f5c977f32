#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/mem.h"
#include "net/tls_private.h"

enum { MAX_SHOWN_NAMES = 5 }; /* of a certificate, in a message */

struct net_tls {
    SSL_CTX *context;
    enum net_tls_verify verify;
    bool has_cert;
    _Atomic int references;
};

struct net_tls_session {
    SSL *ssl; /* owns both BIOs */
    BIO *in, *out;
    char *host;
    bool has_cert, cert_wanted; /* the client's: given, and asked for */
    bool got_data, ended;
    struct error verify_error; /* why the server's certificate was refused; message empty: it was not */
    struct error end;          /* when ended: how */
};

/* ---- Texts of OpenSSL ---- */

/* The reason of the last error, and an empty queue. */
static const char *last_reason(void) {
    unsigned long code = ERR_peek_last_error();
    const char *reason = ERR_reason_error_string(code);
    ERR_clear_error();
    return reason ? reason : "unknown error";
}

static void put_time(struct strbuf *buf, const ASN1_TIME *time) {
    BIO *bio = BIO_new(BIO_s_mem());
    if (!bio) return;
    char *text;
    if (ASN1_TIME_print(bio, time)) strbuf_add(buf, text, (size_t)BIO_get_mem_data(bio, &text));
    BIO_free(bio);
}

static void put_subject(struct strbuf *buf, const X509_NAME *name) {
    BIO *bio = BIO_new(BIO_s_mem());
    if (!bio) return;
    char *text;
    if (X509_NAME_print_ex(bio, name, 0, XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB) >= 0)
        strbuf_add(buf, text, (size_t)BIO_get_mem_data(bio, &text));
    BIO_free(bio);
}

static void put_name(struct strbuf *buf, const GENERAL_NAME *name) {
    if (name->type == GEN_DNS) {
        const unsigned char *text = ASN1_STRING_get0_data(name->d.dNSName);
        for (int i = 0; i < ASN1_STRING_length(name->d.dNSName); i++)
            strbuf_putc(buf, text[i] > ' ' && text[i] < 127 ? (char)text[i] : '?');
    } else if (name->type == GEN_IPADD) {
        int len = ASN1_STRING_length(name->d.iPAddress);
        char text[INET6_ADDRSTRLEN] = "?";
        if (len == 4 || len == 16)
            inet_ntop(len == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(name->d.iPAddress), text, sizeof text);
        strbuf_puts(buf, text);
    }
}

/* Who the certificate is for. */
static void put_names(struct strbuf *buf, const X509 *cert) {
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    int shown = 0, count = names ? sk_GENERAL_NAME_num(names) : 0;
    for (int i = 0; i < count && shown < MAX_SHOWN_NAMES; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type != GEN_DNS && name->type != GEN_IPADD) continue;
        if (shown++) strbuf_puts(buf, ", ");
        put_name(buf, name);
    }
    if (count > shown && shown) strbuf_puts(buf, ", …");
    GENERAL_NAMES_free(names);
    if (!shown) put_subject(buf, X509_get_subject_name(cert));
}

/* ---- Who is trusted, and who we are ---- */

static enum status unusable(const struct net_tls_text *text, const char *what, struct error *err) {
    return error_set(err, STATUS_INVALID_OPTION, "%s: %s: %s", text->name, what, last_reason());
}

static int give_password(char *buf, int size, int writing, void *password) {
    (void)writing;
    if (!password) return 0; /* never asks on the terminal */
    size_t len = strlen(password);
    if (len > (size_t)size) return 0;
    memcpy(buf, password, len);
    return (int)len;
}

static BIO *bio_over(const struct net_tls_text *text) {
    return BIO_new_mem_buf(text->pem.data, (int)(text->pem.len > INT32_MAX ? INT32_MAX : text->pem.len));
}

/* The next certificate of a file; *cert = NULL behind the last. */
static enum status next_cert(BIO *bio, const struct net_tls_text *text, X509 **cert, struct error *err) {
    ERR_clear_error();
    *cert = PEM_read_bio_X509_AUX(bio, NULL, give_password, NULL);
    unsigned long code = ERR_peek_last_error();
    if (!*cert && !(ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE))
        return unusable(text, "a malformed certificate", err);
    ERR_clear_error();
    return STATUS_OK;
}

static enum status no_certs(const struct net_tls_text *text, struct error *err) {
    error_set(err, STATUS_INVALID_OPTION, "%s: there is no certificate in it", text->name);
    error_hint(err, "a PEM file has lines -----BEGIN CERTIFICATE-----");
    return STATUS_INVALID_OPTION;
}

static enum status load_ca(SSL_CTX *context, const struct net_tls_text *text, struct error *err) {
    BIO *bio = bio_over(text);
    enum status status = STATUS_OK;
    int count = 0;
    for (;;) {
        X509 *cert;
        status = next_cert(bio, text, &cert, err);
        if (status != STATUS_OK || !cert) break;
        count++;
        if (!X509_STORE_add_cert(SSL_CTX_get_cert_store(context), cert))
            status = unusable(text, "cannot use a certificate", err);
        X509_free(cert);
        if (status != STATUS_OK) break;
    }
    BIO_free(bio);
    return status == STATUS_OK && !count ? no_certs(text, err) : status;
}

static enum status load_cert(SSL_CTX *context, const struct net_tls_text *text, struct error *err) {
    BIO *bio = bio_over(text);
    X509 *cert = NULL;
    enum status status = next_cert(bio, text, &cert, err);
    if (status == STATUS_OK && !cert) status = no_certs(text, err);
    if (status == STATUS_OK && SSL_CTX_use_certificate(context, cert) != 1)
        status = unusable(text, "cannot use the certificate", err);
    X509_free(cert);
    while (status == STATUS_OK) {
        status = next_cert(bio, text, &cert, err);
        if (status != STATUS_OK || !cert) break;
        if (SSL_CTX_add0_chain_cert(context, cert) != 1) {
            status = unusable(text, "cannot use a certificate", err);
            X509_free(cert);
        }
    }
    BIO_free(bio);
    return status;
}

static enum status load_key(SSL_CTX *context, const struct net_tls_options *options, struct error *err) {
    const struct net_tls_text *text = &options->key;
    BIO *bio = bio_over(text);
    ERR_clear_error();
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, give_password, (void *)options->key_password);
    BIO_free(bio);
    if (!key) {
        bool encrypted = memmem(text->pem.data, text->pem.len, "ENCRYPTED", 9) != NULL;
        ERR_clear_error();
        if (!encrypted)
            return error_set(err, STATUS_INVALID_OPTION, "%s: there is no private key in it that can be read",
                             text->name);
        error_set(err, STATUS_INVALID_OPTION, "%s: the private key is encrypted, and %s", text->name,
                  options->key_password ? "the password does not fit" : "no password was given");
        error_hint(err, "check the option 'tls.key-password'");
        return STATUS_INVALID_OPTION;
    }
    enum status status = STATUS_OK;
    if (SSL_CTX_use_PrivateKey(context, key) != 1 || SSL_CTX_check_private_key(context) != 1) {
        ERR_clear_error();
        status = error_set(err, STATUS_INVALID_OPTION, "%s: the private key does not belong to the certificate %s",
                           text->name, options->cert.name);
    }
    EVP_PKEY_free(key);
    return status;
}

static enum status load_all(SSL_CTX *context, const struct net_tls_options *options, struct error *err) {
    if (options->verify != NET_TLS_NONE) {
        if (options->ca.pem.data)
            TRY(load_ca(context, &options->ca, err));
        else if (SSL_CTX_set_default_verify_paths(context) != 1)
            return error_set(err, STATUS_INVALID_OPTION, "cannot read the system's trusted certificates: %s",
                             last_reason());
    }
    if (!options->cert.pem.data != !options->key.pem.data) {
        error_set(err, STATUS_INVALID_OPTION, "a client certificate needs both the certificate and its private key");
        error_hint(err, "give both 'tls.cert-file' and 'tls.key-file'");
        return STATUS_INVALID_OPTION;
    }
    if (!options->cert.pem.data) return STATUS_OK;
    TRY(load_cert(context, &options->cert, err));
    return load_key(context, options, err);
}

static int on_verify(int good, X509_STORE_CTX *store);
static int on_cert_wanted(SSL *ssl, void *data);

enum status net_tls_create(const struct net_tls_options *options, struct net_tls **out, struct error *err) {
    ERR_clear_error();
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (!context) return error_set(err, STATUS_INVALID_OPTION, "cannot use TLS: %s", last_reason());
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(context, options->verify == NET_TLS_NONE ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, on_verify);
    SSL_CTX_set_cert_cb(context, on_cert_wanted, NULL);
    /* What the user trusts is trusted, be it a CA or a server's own certificate. */
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context), X509_V_FLAG_PARTIAL_CHAIN);
    enum status status = load_all(context, options, err);
    if (status != STATUS_OK) {
        SSL_CTX_free(context);
        return status;
    }
    struct net_tls *tls = xcalloc(1, sizeof *tls);
    tls->context = context;
    tls->verify = options->verify;
    tls->has_cert = options->cert.pem.data != NULL;
    atomic_init(&tls->references, 1);
    *out = tls;
    return STATUS_OK;
}

struct net_tls *net_tls_retain(struct net_tls *tls) {
    if (tls) atomic_fetch_add_explicit(&tls->references, 1, memory_order_relaxed);
    return tls;
}

void net_tls_release(struct net_tls *tls) {
    if (!tls || atomic_fetch_sub_explicit(&tls->references, 1, memory_order_acq_rel) != 1) return;
    SSL_CTX_free(tls->context);
    free(tls);
}

/* ---- The server's certificate ---- */

static void explain_certificate(struct net_tls_session *session, int code, X509 *cert) {
    struct error *err = &session->verify_error;
    struct strbuf text = {0};
    switch (code) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        put_names(&text, cert);
        error_set(err, STATUS_UNREACHABLE, "the server's certificate is for %s, not for %s", text.data, session->host);
        error_hint(err, "connect by a name that the certificate has; 'tls.verify' = 'ca' does without the name");
        break;
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID: {
        bool expired = code == X509_V_ERR_CERT_HAS_EXPIRED;
        put_time(&text, expired ? X509_get0_notAfter(cert) : X509_get0_notBefore(cert));
        error_set(err, STATUS_UNREACHABLE, "the server's certificate %s %s",
                  expired ? "expired on" : "is valid only from", text.data);
        strbuf_clear(&text);
        put_subject(&text, X509_get_subject_name(cert));
        error_detail(err, "certificate of %s", text.data);
        break;
    }
    default:
        error_set(err, STATUS_UNREACHABLE, "the server's certificate is not trusted: %s",
                  X509_verify_cert_error_string(code));
        put_subject(&text, X509_get_subject_name(cert));
        strbuf_puts(&text, ", issued by ");
        put_subject(&text, X509_get_issuer_name(cert));
        error_detail(err, "certificate of %s", text.data);
        error_hint(err, "'tls.ca-file' names the certificates that are trusted");
    }
    strbuf_free(&text);
}

static int on_verify(int good, X509_STORE_CTX *store) {
    if (good) return 1;
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct net_tls_session *session = SSL_get_app_data(ssl);
    X509 *cert = X509_STORE_CTX_get_current_cert(store);
    if (!cert) cert = X509_STORE_CTX_get0_cert(store);
    if (cert) explain_certificate(session, X509_STORE_CTX_get_error(store), cert);
    return 0;
}

static int on_cert_wanted(SSL *ssl, void *data) {
    (void)data;
    struct net_tls_session *session = SSL_get_app_data(ssl);
    session->cert_wanted = true;
    return 1;
}

/* ---- Sessions ---- */

static bool is_address(const char *host) {
    unsigned char bytes[16];
    return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

/* The certificate has to be for this host. */
static bool expect_host(SSL *ssl, const char *host) {
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    if (is_address(host)) return X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1;
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return X509_VERIFY_PARAM_set1_host(param, host, 0) == 1;
}

struct net_tls_session *net_tls_session_create(struct net_tls *tls, const char *server_name, const char *host) {
    ERR_clear_error();
    SSL *ssl = SSL_new(tls->context);
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    bool good = ssl && in && out;
    if (good && server_name && !is_address(server_name)) good = SSL_set_tlsext_host_name(ssl, server_name) == 1;
    if (good && tls->verify == NET_TLS_FULL) good = expect_host(ssl, host);
    if (!good) {
        BIO_free(in);
        BIO_free(out);
        SSL_free(ssl);
        return NULL;
    }
    BIO_set_mem_eof_return(in, -1); /* empty means later, not the end */
    SSL_set_bio(ssl, in, out);
    SSL_set_connect_state(ssl);
    struct net_tls_session *session = xcalloc(1, sizeof *session);
    *session = (struct net_tls_session){.ssl = ssl, .in = in, .out = out, .has_cert = tls->has_cert};
    session->host = xstrdup(host);
    SSL_set_app_data(ssl, session);
    return session;
}

void net_tls_session_free(struct net_tls_session *session) {
    if (!session) return;
    SSL_free(session->ssl);
    free(session->host);
    free(session);
}

void net_tls_put(struct net_tls_session *session, const void *bytes, size_t len) {
    size_t written;
    BIO_write_ex(session->in, bytes, len, &written); /* a memory BIO takes all */
}

void net_tls_take(struct net_tls_session *session, struct strbuf *out) {
    char *bytes;
    long len = BIO_get_mem_data(session->out, &bytes);
    if (len > 0) strbuf_add(out, bytes, (size_t)len);
    BIO_reset(session->out);
}

/* ---- What went wrong ---- */

static void hint_client_cert(const struct net_tls_session *session, struct error *err) {
    if (session->has_cert)
        error_hint(err, "the server has to trust the CA of 'tls.cert-file'");
    else
        error_hint(err, "give the options 'tls.cert-file' and 'tls.key-file'");
}

static void explain_client_cert(const struct net_tls_session *session, const char *reason, struct error *err) {
    if (session->has_cert)
        error_set(err, STATUS_UNREACHABLE, "the server refused the client certificate: %s", reason);
    else
        error_set(err, STATUS_UNREACHABLE, "the server wants a client certificate");
    hint_client_cert(session, err);
}

/* Not every server says what it dislikes. */
static void suspect_client_cert(const struct net_tls_session *session, struct error *err) {
    if (session->got_data || !session->cert_wanted) return;
    error_detail(err, "it had asked for a client certificate%s", session->has_cert ? "" : ", and there was none");
    hint_client_cert(session, err);
}

static bool is_alert_about_cert(int reason) {
    switch (reason) {
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_NO_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
    case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED: return true;
    default: return false;
    }
}

static enum status failed(struct net_tls_session *session, struct error *err) {
    unsigned long code = ERR_peek_error(); /* the first is nearest to the cause */
    int reason = ERR_GET_LIB(code) == ERR_LIB_SSL ? ERR_GET_REASON(code) : 0;
    const char *text = ERR_reason_error_string(code);
    ERR_clear_error();
    if (session->verify_error.message[0]) {
        if (err) *err = session->verify_error;
        return STATUS_UNREACHABLE;
    }
    /* A server that got no certificate may end with this general alert as well. */
    bool cert_missing = reason == SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE && !session->has_cert;
    if (session->cert_wanted && (is_alert_about_cert(reason) || cert_missing)) {
        explain_client_cert(session, text ? text : "unknown error", err);
        return STATUS_UNREACHABLE;
    }
    switch (reason) {
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
    case SSL_R_RECORD_LENGTH_MISMATCH:
        if (SSL_is_init_finished(session->ssl)) break;
        error_set(err, STATUS_UNREACHABLE, "the server does not speak TLS on this port");
        error_hint(err, "check the port, or leave out the option 'tls'");
        return STATUS_UNREACHABLE;
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
    case SSL_R_UNSUPPORTED_PROTOCOL:
        return error_set(err, STATUS_UNREACHABLE, "the server knows no version of TLS from 1.2 on");
    case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
        return error_set(err, STATUS_UNREACHABLE, "the server refused the TLS handshake (%s)", text);
    default: break;
    }
    error_set(err, STATUS_UNREACHABLE, "%s: %s",
              SSL_is_init_finished(session->ssl) ? "TLS failed" : "the TLS handshake failed",
              text ? text : "unknown error");
    suspect_client_cert(session, err);
    return STATUS_UNREACHABLE;
}

void net_tls_explain_end(const struct net_tls_session *session, struct error *err) {
    if (!SSL_is_init_finished(session->ssl)) error_detail(err, "in the middle of the TLS handshake");
    suspect_client_cert(session, err);
}

/* ---- Steps ---- */

enum status net_tls_handshake(struct net_tls_session *session, bool *done, struct error *err) {
    ERR_clear_error();
    int result = SSL_do_handshake(session->ssl);
    *done = result == 1;
    if (*done || SSL_get_error(session->ssl, result) == SSL_ERROR_WANT_READ) return STATUS_OK;
    return failed(session, err);
}

/* Behind the bytes that were read before it. */
static void remember_end(struct net_tls_session *session, int result) {
    session->ended = true;
    if (SSL_get_error(session->ssl, result) == SSL_ERROR_ZERO_RETURN)
        error_set(&session->end, STATUS_UNREACHABLE, "the server closed the connection");
    else
        (void)!failed(session, &session->end);
}

enum status net_tls_read(struct net_tls_session *session, char *bytes, size_t size_bytes, size_t *got,
                         struct error *err) {
    *got = 0;
    while (*got < size_bytes && !session->ended) { /* a record at a time */
        size_t part = 0;
        ERR_clear_error();
        int result = SSL_read_ex(session->ssl, bytes + *got, size_bytes - *got, &part);
        if (result != 1) {
            if (SSL_get_error(session->ssl, result) == SSL_ERROR_WANT_READ) return STATUS_OK;
            remember_end(session, result);
            break;
        }
        *got += part;
        session->got_data = true;
    }
    if (*got || !session->ended) return STATUS_OK;
    if (err) *err = session->end;
    return session->end.code;
}

enum status net_tls_write(struct net_tls_session *session, const char *bytes, size_t len, struct error *err) {
    size_t written = 0;
    ERR_clear_error();
    if (SSL_write_ex(session->ssl, bytes, len, &written) == 1 && written == len) return STATUS_OK;
    return failed(session, err);
}

void net_tls_shutdown(struct net_tls_session *session) {
    ERR_clear_error();
    if (SSL_is_init_finished(session->ssl)) SSL_shutdown(session->ssl);
    ERR_clear_error();
}
