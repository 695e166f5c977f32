/* Secure connect bundles, as Astra gives them out: a zip archive with config.json (where the metadata service is), ca.crt, cert and key.
 * The service, over HTTPS with that certificate, answers GET /metadata with the address of a proxy and the ids of hosts behind
 * it; every connection goes to the proxy, and the id in its TLS handshake (SNI) says to which host.
 *
 *     {"contact_info": {"type": "sni_proxy", "local_dc": …, "sni_proxy_address": "host:port", "contact_points": [ids]}} */
#include <stdlib.h>
#include <zip.h>

#include "connector/cassandra/cassandra_private.h"
#include "format/format.h"
#include "net/https.h"

/* ---- The archive ---- */

static enum status read_entry(zip_t *zip, const char *path, const char *name, struct arena *arena,
                              struct net_tls_text *out, struct error *err) {
    zip_stat_t stat;
    if (zip_stat(zip, name, 0, &stat) != 0 || !(stat.valid & ZIP_STAT_SIZE))
        return error_set(err, STATUS_INVALID_OPTION, "%s: there is no %s in it", path, name);
    if (stat.size > CASSANDRA_MAX_PEM_BYTES)
        return error_set(err, STATUS_INVALID_OPTION, "%s: %s is larger than %d bytes", path, name,
                         CASSANDRA_MAX_PEM_BYTES);
    char *text = arena_alloc_aligned(arena, stat.size + FORMAT_PADDING_BYTES, 1);
    memset(text + stat.size, 0, FORMAT_PADDING_BYTES);
    zip_file_t *file = zip_fopen(zip, name, 0);
    zip_int64_t len = file ? zip_fread(file, text, stat.size) : -1;
    if (file) zip_fclose(file);
    if (len != (zip_int64_t)stat.size)
        return error_set(err, STATUS_INVALID_OPTION, "%s: cannot read %s: %s", path, name, zip_strerror(zip));
    const char *shown = arena_printf(arena, "%s: %s", path, name);
    *out = (struct net_tls_text){{text, stat.size}, shown};
    return STATUS_OK;
}

struct bundle {
    struct net_tls_text config;
    struct net_tls_options tls;
};

static enum status read_archive(const char *path, struct arena *arena, struct bundle *out, struct error *err) {
    int code;
    zip_t *zip = zip_open(path, ZIP_RDONLY, &code);
    if (!zip) {
        zip_error_t error;
        zip_error_init_with_code(&error, code);
        enum status status =
            error_set(err, STATUS_INVALID_OPTION, "cannot read %s: %s", path, zip_error_strerror(&error));
        zip_error_fini(&error);
        return status;
    }
    enum status status = read_entry(zip, path, "config.json", arena, &out->config, err);
    if (status == STATUS_OK) status = read_entry(zip, path, "ca.crt", arena, &out->tls.ca, err);
    if (status == STATUS_OK) status = read_entry(zip, path, "cert", arena, &out->tls.cert, err);
    if (status == STATUS_OK) status = read_entry(zip, path, "key", arena, &out->tls.key, err);
    zip_discard(zip);
    return status;
}

/* ---- JSON, by the format that reads tables of it ---- */

enum { MAX_JSON_FIELDS = 4 };

/* The fields of one object; strings borrow from the text, which has FORMAT_PADDING_BYTES behind it. */
static enum status read_json(struct str text, int count, const char *const *names, const struct type *const *types,
                             struct arena *arena, struct value *out, struct error *err) {
    const struct format *json = format_find("json");
    struct format_schema schema = {.field_count = count, .names = names, .types = types, .messages = true};
    struct option_list no_options = {0};
    struct format_reader *reader;
    struct vector columns[MAX_JSON_FIELDS], *pointers[MAX_JSON_FIELDS];
    int projected[MAX_JSON_FIELDS];
    for (int i = 0; i < count; i++) {
        projected[i] = i;
        pointers[i] = &columns[i];
        vector_init(&columns[i], arena, types[i], VECTOR_CAPACITY);
    }
    struct format_record record = {0, (uint32_t)text.len};
    struct format_batch batch = {
        .data = text.data, .records = &record, .count = 1, .arena = arena, .columns = pointers};
    TRY(json->reader_open(&schema, projected, count, &no_options, &reader, err));
    enum status status = json->decode(reader, &batch, err);
    json->reader_close(reader);
    if (status == STATUS_OK && batch.row_count != 1) status = error_set(err, STATUS_BAD_DATA, "no JSON object");
    for (int i = 0; status == STATUS_OK && i < count; i++) out[i] = vector_get(&columns[i], 0, arena);
    return status;
}

/* NULL when it is missing. */
static const char *text_of(const struct value *value, struct arena *arena) {
    return value->is_null ? NULL : arena_strndup(arena, value->str.data, value->str.len);
}

/* ---- What the archive and the service say ---- */

static enum status read_config(const struct net_tls_text *text, struct arena *arena, const char **host, int *port,
                               struct error *err) {
    static const char *const names[] = {"host", "port"};
    const struct type *types[] = {type_of(TYPE_VARCHAR), type_of(TYPE_INT)};
    struct value fields[2];
    if (read_json(text->pem, 2, names, types, arena, fields, err) != STATUS_OK) {
        error_prefix(err, "%s", text->name);
        if (err) err->code = STATUS_INVALID_OPTION;
        return STATUS_INVALID_OPTION;
    }
    *host = text_of(&fields[0], arena);
    *port = fields[1].is_null ? 0 : (int)fields[1].i64;
    if (!*host || *port < 1 || *port > 65535)
        return error_set(err, STATUS_INVALID_OPTION, "%s: it names no host and port of a metadata service", text->name);
    return STATUS_OK;
}

static enum status split_address(struct str address, struct arena *arena, struct cql_options *out, struct error *err) {
    const char *colon = memrchr(address.data, ':', address.len);
    size_t len = colon ? (size_t)(colon - address.data) : 0;
    const char *port = colon ? arena_strndup(arena, colon + 1, address.len - len - 1) : "";
    char *end;
    long number = strtol(port, &end, 10);
    if (!len || *end || number < 1 || number > 65535)
        return error_set(err, STATUS_BAD_DATA, "'%.*s' is no address of a proxy", (int)address.len, address.data);
    out->proxy_host = arena_strndup(arena, address.data, len);
    out->proxy_port = (int)number;
    return STATUS_OK;
}

static enum status take_contact_info(const struct value *info, struct arena *arena, struct cql_options *out,
                                     struct error *err) {
    if (info->is_null) return error_set(err, STATUS_BAD_DATA, "'contact_info' is missing");
    const struct value *type = &info->list.items[0], *address = &info->list.items[2], *points = &info->list.items[3];
    if (!type->is_null && !str_equal(type->str, str_from("sni_proxy")))
        return error_set(err, STATUS_NOT_SUPPORTED, "contact information of type '%.*s'", (int)type->str.len,
                         type->str.data);
    if (address->is_null || points->is_null || !points->list.count)
        return error_set(err, STATUS_BAD_DATA, "it names no proxy and hosts");
    TRY(split_address(address->str, arena, out, err));
    if (!out->local_datacenter) out->local_datacenter = text_of(&info->list.items[1], arena);
    struct strbuf hosts = {0};
    for (int i = 0; i < points->list.count && i < CQL_MAX_HOSTS; i++) {
        const struct value *id = &points->list.items[i];
        if (i) strbuf_puts(&hosts, ", ");
        if (!id->is_null) strbuf_add(&hosts, id->str.data, id->str.len);
    }
    out->hosts = arena_strndup(arena, hosts.data, hosts.len);
    strbuf_free(&hosts);
    return STATUS_OK;
}

static enum status read_metadata(struct strbuf *document, struct arena *arena, struct cql_options *out,
                                 struct error *err) {
    static const char *const field_names[] = {"type", "local_dc", "sni_proxy_address", "contact_points"};
    const struct type *text = type_of(TYPE_VARCHAR);
    const struct type *field_types[] = {text, text, text, type_array(arena, text, true)};
    const char *names[] = {"contact_info"};
    const struct type *types[] = {type_row(arena, 4, field_names, field_types, true)};
    struct value info;
    struct str json = strbuf_str(document);
    strbuf_reserve(document, FORMAT_PADDING_BYTES);
    json.data = document->data;
    memset(document->data + document->len, 0, FORMAT_PADDING_BYTES);
    TRY(read_json(json, 1, names, types, arena, &info, err));
    return take_contact_info(&info, arena, out, err);
}

static enum status ask_service(const struct bundle *bundle, struct arena *arena, struct cql_options *out,
                               struct error *err) {
    const char *host;
    int port;
    struct strbuf document = {0};
    TRY(read_config(&bundle->config, arena, &host, &port, err));
    enum status status = net_https_get(out->tls, host, port, "/metadata", out->connect_timeout_ms, &document, err);
    if (status == STATUS_OK) {
        status = read_metadata(&document, arena, out, err);
        if (status != STATUS_OK) error_prefix(err, "the answer of %s:%d", host, port);
    }
    if (status != STATUS_OK) error_prefix(err, "metadata service");
    strbuf_free(&document);
    return status;
}

enum status cassandra_bundle_open(const char *path, enum net_tls_verify verify, struct arena *arena,
                                  struct cql_options *out, struct error *err) {
    struct bundle bundle = {.tls = {.verify = verify}};
    enum status status = read_archive(path, arena, &bundle, err);
    if (status == STATUS_OK) status = net_tls_create(&bundle.tls, &out->tls, err);
    if (bundle.tls.key.pem.data) explicit_bzero((char *)bundle.tls.key.pem.data, bundle.tls.key.pem.len);
    TRY(status);
    status = ask_service(&bundle, arena, out, err);
    if (status != STATUS_OK) {
        net_tls_release(out->tls);
        out->tls = NULL;
    }
    return status;
}
