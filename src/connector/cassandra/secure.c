/* How a connection is secured: the options 'tls', 'tls.…' and 'secure-connect-bundle'. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "connector/cassandra/cassandra_private.h"

/* *out without text when the option is not given. */
static enum status read_text(const struct option_list *options, const char *key, struct arena *arena,
                             struct net_tls_text *out, struct error *err) {
    const char *path = option_find(options, key);
    if (!path) return STATUS_OK;
    FILE *file = fopen(path, "rb");
    if (!file) return error_set(err, STATUS_INVALID_OPTION, "option '%s': %s: %s", key, path, strerror(errno));
    char *text = arena_alloc_aligned(arena, CASSANDRA_MAX_PEM_BYTES + 1, 1);
    size_t len = fread(text, 1, CASSANDRA_MAX_PEM_BYTES + 1, file);
    bool failed = ferror(file);
    fclose(file);
    if (failed) return error_set(err, STATUS_INVALID_OPTION, "option '%s': cannot read %s", key, path);
    if (len > CASSANDRA_MAX_PEM_BYTES)
        return error_set(err, STATUS_INVALID_OPTION, "option '%s': %s is larger than %d bytes", key, path,
                         CASSANDRA_MAX_PEM_BYTES);
    out->pem = (struct str){text, len};
    out->name = path;
    return STATUS_OK;
}

static enum net_tls_verify verify_of(const struct option_list *options) {
    const char *text = option_string(options, cassandra_options, "tls.verify");
    if (str_compare_nocase(text, "none") == 0) return NET_TLS_NONE;
    return str_compare_nocase(text, "ca") == 0 ? NET_TLS_CA : NET_TLS_FULL;
}

/* First of the options that have no meaning beside `what`; NULL: none is given. */
static enum status without(const struct option_list *options, const char *const *keys, size_t count, const char *what,
                           const char *hint, struct error *err) {
    for (size_t i = 0; i < count; i++) {
        if (!option_given(options, keys[i])) continue;
        error_set(err, STATUS_INVALID_OPTION, "option '%s' %s", keys[i], what);
        error_hint(err, "%s", hint);
        return STATUS_INVALID_OPTION;
    }
    return STATUS_OK;
}

static enum status open_tls(const struct option_list *options, struct arena *arena, struct cql_options *out,
                            struct error *err) {
    struct net_tls_options tls = {.verify = verify_of(options),
                                  .key_password = option_find(options, "tls.key-password")};
    TRY(read_text(options, "tls.ca-file", arena, &tls.ca, err));
    TRY(read_text(options, "tls.cert-file", arena, &tls.cert, err));
    TRY(read_text(options, "tls.key-file", arena, &tls.key, err));
    enum status status = net_tls_create(&tls, &out->tls, err);
    if (tls.key.pem.data) explicit_bzero((char *)tls.key.pem.data, tls.key.pem.len);
    return status;
}

enum status cassandra_secure(const struct option_list *options, struct arena *arena, struct cql_options *out,
                             struct error *err) {
    static const char *const details[] = {"tls.verify", "tls.ca-file", "tls.cert-file", "tls.key-file",
                                          "tls.key-password"};
    static const char *const in_bundle[] = {"hosts",         "tls",          "tls.ca-file",
                                            "tls.cert-file", "tls.key-file", "tls.key-password"};
    static const char *const elsewhere[] = {"datacenter-failover"};
    const char *bundle = option_find(options, "secure-connect-bundle");
    if (bundle) {
        TRY(without(options, in_bundle, sizeof in_bundle / sizeof *in_bundle, "beside 'secure-connect-bundle'",
                    "the bundle says it", err));
        TRY(without(options, elsewhere, 1, "beside 'secure-connect-bundle'", "a bundle leads to one datacenter", err));
        enum status status = cassandra_bundle_open(bundle, verify_of(options), arena, out, err);
        if (status != STATUS_OK) error_prefix(err, "option 'secure-connect-bundle'");
        return status;
    }
    if (option_bool(options, cassandra_options, "tls")) return open_tls(options, arena, out, err);
    return without(options, details, sizeof details / sizeof *details, "without TLS", "add 'tls' = 'true'", err);
}
