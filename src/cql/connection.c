/* One connection: negotiation, streams, timeouts.
 *
 *     CONNECTING → OPTIONS → STARTUP → [AUTH] → LOCAL → READY → CLOSED
 *
 * OPTIONS tells whether the server knows LZ4; an answer in an older protocol version ends the connection with `downgrade` set
 * and the pool tries again with that version. LOCAL reads datacenter and release. Version 5's segments begin behind the answer to
 * STARTUP (native_protocol_v5.spec, 2.3.1). */
#include <assert.h>
#include <stdlib.h>

#include "cass/bytes.h"
#include "cql/cql_private.h"

static const char local_query[] = "SELECT data_center, release_version, host_id FROM system.local WHERE key = 'local'";

static int64_t now_ms(const struct cqli_connection *c) { return net_loop_now_ms(c->cluster->loop); }

/* ---- Sending ---- */

static void flush(struct net_task *task) {
    struct cqli_connection *c = (struct cqli_connection *)((char *)task - offsetof(struct cqli_connection, flush));
    c->flush_pending = false;
    if (c->phase == CQLI_CLOSED) {
        if (c->net_closed) cqli_cluster_closed(c->cluster, c);
        return;
    }
    if (c->framed) {
        cql_segments_encode(&c->wire, c->envelopes.data, c->envelopes.len, c->lz4);
        strbuf_clear(&c->envelopes);
        net_conn_write(c->net, &c->wire);
    } else {
        net_conn_write(c->net, &c->envelopes);
    }
    c->last_sent_ms = now_ms(c);
}

/* Puts c->body on its way. */
static void send_body(struct cqli_connection *c, int stream, enum cql_opcode opcode, uint8_t flags) {
    struct cql_header header = {
        .version = (uint8_t)c->version, .flags = flags, .stream = (int16_t)stream, .opcode = (uint8_t)opcode};
    struct strbuf *body = &c->body;
    if (c->lz4 && !c->framed && c->phase != CQLI_STARTUP && body->len >= CQL_COMPRESS_MIN_BYTES) {
        strbuf_clear(&c->packed);
        cql_body_compress(&c->packed, body->data, body->len);
        body = &c->packed;
        header.flags |= CQL_FLAG_COMPRESSED;
    }
    header.size_bytes = (uint32_t)body->len;
    uint8_t bytes[CQL_HEADER_BYTES];
    cql_header_encode(&header, bytes);
    strbuf_add(&c->envelopes, bytes, sizeof bytes);
    strbuf_add(&c->envelopes, body->data, body->len);
    strbuf_clear(&c->body);
    if (!c->flush_pending) {
        c->flush_pending = true;
        net_loop_defer(c->cluster->loop, &c->flush);
    }
}

/* Is it about the user's data? Definitions are read by SELECT, which is a QUERY that may be repeated. */
static bool is_users(const struct cql_request *request) {
    return request->kind == CQL_REQUEST_EXECUTE || request->kind == CQL_REQUEST_BATCH ||
           (request->kind == CQL_REQUEST_QUERY && !request->idempotent);
}

static bool has_unset(const struct cql_request *request) {
    if (request->kind == CQL_REQUEST_BATCH) return cql_batch_unset(request->statement_count, request->statements);
    return request->kind != CQL_REQUEST_PREPARE &&
           cql_values_unset(request->parameters.value_count, request->parameters.values);
}

static enum status check_request(const struct cqli_connection *c, const struct cql_request *request,
                                 struct error *err) {
    if (c->body.len > CQL_MAX_FRAME_BYTES)
        return error_set(err, STATUS_LIMIT_EXCEEDED, "%s: a request of %zu bytes, more than the limit of %d",
                         c->host->address, c->body.len, CQL_MAX_FRAME_BYTES);
    if (c->version < 4 && has_unset(request)) {
        error_set(err, STATUS_NOT_SUPPORTED, "%s: version 3 of the protocol cannot leave a column as it is",
                  c->host->address);
        error_hint(err, "leave the column out of the INSERT, or do without 'sink.ignore-null'");
        return STATUS_NOT_SUPPORTED;
    }
    return STATUS_OK;
}

/* The stream no longer carries its request. */
static struct cql_request *take_request(struct cqli_connection *c, int stream) {
    struct cql_request *request = c->streams[stream].request;
    c->streams[stream].request = NULL;
    c->in_flight--;
    c->host->in_flight--;
    for (int i = 0; i < request->out_count; i++)
        if (request->out[i].connection == c && request->out[i].stream == stream) {
            request->out[i] = request->out[--request->out_count];
            break;
        }
    return request;
}

void cqli_connection_abandon(struct cqli_connection *c, int stream) {
    take_request(c, stream);
    c->orphans++;
}

void cqli_connection_send(struct cqli_connection *c, struct cql_request *request) {
    assert(cqli_connection_has_room(c));
    enum cql_opcode opcode = CQL_QUERY;
    struct error err;
    strbuf_clear(&c->body);
    switch (request->kind) {
    case CQL_REQUEST_QUERY: cql_put_query(&c->body, c->version, request->text, &request->parameters); break;
    case CQL_REQUEST_EXECUTE:
        opcode = CQL_EXECUTE;
        cql_put_execute(&c->body, c->version, request->prepared->id, request->prepared->result_metadata_id,
                        &request->parameters);
        break;
    case CQL_REQUEST_BATCH:
        opcode = CQL_BATCH;
        cql_put_batch(&c->body, c->version, request->batch_type, request->statement_count, request->statements,
                      request->parameters.consistency, request->parameters.timestamp);
        break;
    case CQL_REQUEST_PREPARE:
        opcode = CQL_PREPARE;
        cql_put_prepare(&c->body, c->version, request->text);
        break;
    }
    request->host = c->host;
    if (check_request(c, request, &err) != STATUS_OK) {
        strbuf_clear(&c->body);
        cqli_cluster_failed(c->cluster, request, &err, CQL_RETRY_NO);
        return;
    }
    int stream = c->free_streams[--c->free_count];
    int timeout_ms = request->timeout_ms ? request->timeout_ms : c->cluster->options.request_timeout_ms;
    int64_t now = now_ms(c);
    c->streams[stream] =
        (struct cqli_stream){.request = request, .used = true, .sent_ms = now, .deadline_ms = now + timeout_ms};
    c->in_flight++;
    c->host->in_flight++;
    assert(request->out_count <= CQL_MAX_SPECULATIONS);
    request->out[request->out_count++] = (struct cql_attempt){c, stream};
    bool trace = c->cluster->options.tracing && is_users(request);
    send_body(c, stream, opcode, trace ? CQL_FLAG_TRACING : 0);
}

/* ---- Closing ---- */

static void on_net_closed(void *data, const struct error *why) {
    struct cqli_connection *c = data;
    c->net_closed = true;
    struct error err;
    if (why) err = *why;
    /* A server that waits for TLS ends the conversation at the first word in clear. */
    if (why && c->phase == CQLI_OPTIONS && !c->cluster->options.tls)
        error_hint(&err, "perhaps the server wants TLS: 'tls' = 'true'");
    if (c->phase != CQLI_CLOSED) cqli_connection_close(c, why ? &err : NULL);
    if (!c->flush_pending) cqli_cluster_closed(c->cluster, c);
}

void cqli_connection_close(struct cqli_connection *c, const struct error *err) {
    if (c->phase == CQLI_CLOSED) return;
    c->phase = CQLI_CLOSED;
    if (err)
        c->error = *err;
    else
        error_set(&c->error, STATUS_UNREACHABLE, "%s: the connection was closed", c->host->address);
    if (!c->net_closed) net_conn_close(c->net);
    for (int i = 1; i < CQL_MAX_STREAMS && c->in_flight; i++) {
        if (c->streams[i].request) cqli_cluster_failed(c->cluster, take_request(c, i), &c->error, CQL_RETRY_IDEMPOTENT);
    }
}

static void protocol_error(struct cqli_connection *c, const struct error *why) {
    struct error err = *why;
    error_prefix(&err, "%s", c->host->address);
    cqli_connection_close(c, &err);
}

static void unexpected(struct cqli_connection *c, const char *what) {
    struct error err;
    error_set(&err, STATUS_BAD_DATA, "%s: %s", c->host->address, what);
    cqli_connection_close(c, &err);
}

/* ---- Negotiation ---- */

static void send_options(struct cqli_connection *c) {
    strbuf_clear(&c->body);
    send_body(c, 0, CQL_OPTIONS, 0);
}

static void send_startup(struct cqli_connection *c, const struct cql_supported *supported) {
    bool compress = c->cluster->options.compress && supported->lz4;
    strbuf_clear(&c->body);
    cql_put_startup(&c->body, compress ? "lz4" : NULL);
    c->phase = CQLI_STARTUP;
    send_body(c, 0, CQL_STARTUP, 0);
    c->lz4 = compress;
}

/* Cassandra's authenticators that go by the client's certificate still want an answer, whatever is in it. */
static bool login_by_certificate(const struct cqli_connection *c, const struct cql_response *response) {
    struct cass_reader r = cass_reader_over(response->body, response->size_bytes);
    struct str authenticator = cass_read_string(&r);
    return c->cluster->options.tls && authenticator.len &&
           memmem(authenticator.data, authenticator.len, "MutualTls", 9);
}

static void send_login(struct cqli_connection *c, const struct cql_response *response) {
    const struct cql_options *options = &c->cluster->options;
    strbuf_clear(&c->body);
    if (!options->username && login_by_certificate(c, response)) {
        cql_put_auth_response(&c->body, (struct str){"", 0});
        c->phase = CQLI_AUTH;
        send_body(c, 0, CQL_AUTH_RESPONSE, 0);
        return;
    }
    if (!options->username) {
        struct error err;
        error_set(&err, STATUS_AUTHENTICATION, "%s: the server wants a login", c->host->address);
        error_hint(&err, "give the options 'username' and 'password'");
        cqli_connection_close(c, &err);
        return;
    }
    const char *password = options->password ? options->password : "";
    struct strbuf token = {0}; /* SASL PLAIN, RFC 4616 */
    strbuf_putc(&token, 0);
    strbuf_puts(&token, options->username);
    strbuf_putc(&token, 0);
    strbuf_puts(&token, password);
    cql_put_auth_response(&c->body, strbuf_str(&token));
    c->phase = CQLI_AUTH;
    send_body(c, 0, CQL_AUTH_RESPONSE, 0);
    memset(token.data, 0, token.len);
    strbuf_free(&token);
}

static void send_local_query(struct cqli_connection *c) {
    struct cql_parameters parameters = {.consistency = CQL_ONE, .timestamp = CQL_NO_TIMESTAMP};
    strbuf_clear(&c->body);
    cql_put_query(&c->body, c->version, str_from(local_query), &parameters);
    c->phase = CQLI_LOCAL;
    send_body(c, 0, CQL_QUERY, 0);
}

static enum status read_local(struct cqli_connection *c, const struct cql_response *response, struct error *err) {
    struct arena arena;
    arena_init(&arena, NULL);
    struct cql_rows rows;
    uint32_t offsets[2] = {0};
    enum status status = cql_read_rows(response, &arena, &rows, err);
    if (status == STATUS_OK && rows.row_count > 1)
        status = error_set(err, STATUS_BAD_DATA, "system.local has %d rows", rows.row_count);
    if (status == STATUS_OK) status = cql_index_rows(&rows, 3, offsets, err);
    if (status == STATUS_OK) {
        struct cass_reader r = cass_reader_over(rows.cells, offsets[rows.row_count]);
        struct str datacenter = cass_read_bytes(&r), release = cass_read_bytes(&r), id = cass_read_bytes(&r);
        if (!cqli_cluster_local(c->cluster, c->host, datacenter, release, id, err)) status = STATUS_UNREACHABLE;
    }
    arena_destroy(&arena);
    return status;
}

/* The version that a server knows who refused ours; 0: it refused something else. */
static int offered_version(const struct cqli_connection *c, const struct cql_response *response,
                           const struct cql_error *error) {
    if (error->code != CQL_PROTOCOL_ERROR) return 0;
    if (response->version < c->version) return response->version;
    /* Cassandra 3.11 knows a version 5 that nobody else does. */
    bool beta = response->version == c->version && memmem(error->message.data, error->message.len, "USE_BETA", 8);
    return beta ? c->version - 1 : 0;
}

static void handshake_error(struct cqli_connection *c, const struct cql_response *response) {
    struct cql_error error;
    struct error err;
    if (cql_read_error(response, &error, &err) != STATUS_OK) {
        protocol_error(c, &err);
        return;
    }
    int offered = offered_version(c, response, &error);
    if (offered) {
        int pinned = c->cluster->options.protocol_version;
        c->downgrade = offered >= CQL_MIN_VERSION && !pinned;
        error_set(&err, STATUS_UNREACHABLE, "%s: the server knows version %d of the native protocol, not %d",
                  c->host->address, offered, pinned ? pinned : CQL_MIN_VERSION);
        if (pinned) error_hint(&err, "change the option 'protocol-version'");
        if (c->downgrade) c->version = offered;
    } else {
        /* Who does not let us in, since it is stopping or has too much to do, cannot be reached. */
        enum status status = cql_error_status(error.code);
        if (status == STATUS_SERVER_ERROR) status = STATUS_UNREACHABLE;
        error_set(&err, status, "%s: %s: %.*s", c->host->address, cql_error_name(error.code), (int)error.message.len,
                  error.message.data);
        if (error.code == CQL_BAD_CREDENTIALS) error_hint(&err, "check the options 'username' and 'password'");
    }
    cqli_connection_close(c, &err);
}

/* Answers on stream 0; true when one was expected. */
static bool handshake(struct cqli_connection *c, const struct cql_response *response) {
    struct error err;
    if (c->phase == CQLI_READY) { /* a heartbeat's */
        if (!c->heartbeat_deadline_ms || response->opcode != CQL_SUPPORTED) return false;
        c->heartbeat_deadline_ms = 0;
        return true;
    }
    if (response->opcode == CQL_ERROR) {
        handshake_error(c, response);
        return true;
    }
    switch (c->phase) {
    case CQLI_OPTIONS: {
        struct cql_supported supported;
        if (response->opcode != CQL_SUPPORTED) return false;
        if (cql_read_supported(response, &supported, &err) != STATUS_OK)
            protocol_error(c, &err);
        else
            send_startup(c, &supported);
        return true;
    }
    case CQLI_STARTUP:
        if (response->opcode != CQL_READY && response->opcode != CQL_AUTHENTICATE) return false;
        c->framed = c->version >= 5;
        if (response->opcode == CQL_READY)
            send_local_query(c);
        else
            send_login(c, response);
        return true;
    case CQLI_AUTH:
        if (response->opcode == CQL_AUTH_CHALLENGE) {
            error_set(&err, STATUS_AUTHENTICATION, "%s: the server asks for more than a password", c->host->address);
            cqli_connection_close(c, &err);
            return true;
        }
        if (response->opcode != CQL_AUTH_SUCCESS) return false;
        send_local_query(c);
        return true;
    case CQLI_LOCAL:
        if (response->opcode != CQL_RESULT) return false;
        if (read_local(c, response, &err) != STATUS_OK) {
            protocol_error(c, &err);
            return true;
        }
        c->phase = CQLI_READY;
        cqli_cluster_ready(c->cluster, c);
        return true;
    default: return false;
    }
}

/* ---- Responses ---- */

static void request_error(struct cqli_connection *c, struct cql_request *request, const struct cql_response *response,
                          int64_t sent_ms) {
    struct cql_error error;
    struct error err;
    if (cql_read_error(response, &error, &err) != STATUS_OK) {
        error_prefix(&err, "%s", c->host->address);
        cqli_cluster_failed(c->cluster, request, &err, CQL_RETRY_NO);
        return;
    }
    request->error_code = error.code;
    request->node_lost = error.failure == CQL_FAILURE_LOST;
    error_set(&err, cql_error_status(error.code), "%s: %s: %.*s", c->host->address, cql_error_name(error.code),
              (int)error.message.len, error.message.data);
    if (error.required >= 0)
        error_detail(&err, "consistency %s: %d of %d replicas", cql_consistency_name(error.consistency), error.received,
                     error.required);
    if (error.required > error.received)
        error_hint(&err, "'nodetool status' says which nodes are down; a lower 'consistency' asks for fewer of them");
    if (error.code == CQL_OVERLOADED)
        cqli_host_overloaded(c->host, sent_ms, &err);
    else
        cqli_host_answered(c->host);
    bool may_pass = error.code == CQL_READ_FAILURE && error.failure != CQL_FAILURE_FINAL;
    enum cql_retry retry = may_pass ? CQL_RETRY_IDEMPOTENT : cql_error_retry(error.code);
    if (retry == CQL_RETRY_REPREPARE)
        cqli_cluster_reprepare(c->cluster, c, request, error.statement_id, &err);
    else
        cqli_cluster_failed(c->cluster, request, &err, retry);
}

/* Takes the response. */
static void dispatch(struct cqli_connection *c, struct cql_response *response) {
    int id = response->stream;
    if (id < 0 && response->opcode == CQL_EVENT) {
        cqli_control_event(c->cluster, response);
        cql_response_free(response);
        return;
    }
    if (id == CQLI_REGISTER_STREAM && c->registering) { /* refused: then there are no events */
        c->registering = false;
        cql_response_free(response);
        return;
    }
    if (id == 0) {
        if (!handshake(c, response)) unexpected(c, "an answer that does not fit the question");
        cql_response_free(response);
        return;
    }
    if (id < 0 || id >= CQL_MAX_STREAMS || !c->streams[id].used) {
        unexpected(c, "an answer to a request that was never sent");
        cql_response_free(response);
        return;
    }
    struct cql_request *request = c->streams[id].request;
    if (request && response->opcode != CQL_RESULT && response->opcode != CQL_ERROR) {
        unexpected(c, "an answer that does not fit the question");
        cql_response_free(response);
        return;
    }
    int64_t sent_ms = c->streams[id].sent_ms;
    if (request) take_request(c, id);
    c->streams[id] = (struct cqli_stream){0};
    c->free_streams[c->free_count++] = (uint16_t)id;
    if (!request) { /* it timed out before, or another host was faster */
        c->orphans--;
        cql_response_free(response);
    } else if (response->opcode == CQL_ERROR) {
        request_error(c, request, response, sent_ms);
        cql_response_free(response);
    } else {
        cqli_host_answered(c->host);
        cqli_cluster_done(c->cluster, c, request, response);
    }
    if (c->phase == CQLI_READY) cqli_cluster_stream_free(c->cluster);
}

/* What came beside the answer. */
static void report(struct cqli_connection *c, const struct cql_response *response) {
    const struct cql_options *options = &c->cluster->options;
    if (response->traced && options->traced) options->traced(options->data, response->session_id);
    for (int i = 0; options->warned && i < response->warning_count; i++)
        options->warned(options->data, c->host->address, cql_response_warning(response, i));
}

static void message_complete(struct cqli_connection *c) {
    struct cql_response *response = c->incoming;
    struct error err;
    c->incoming = NULL;
    c->header_len = 0;
    memcpy(response->from, c->host->address, sizeof response->from);
    if (cql_response_open(&response, c->header.flags, &err) != STATUS_OK) {
        protocol_error(c, &err);
        cql_response_free(response);
        return;
    }
    report(c, response);
    dispatch(c, response);
}

static void header_complete(struct cqli_connection *c) {
    struct error err;
    int version = c->header_bytes[0] & 0x7F;
    bool response = c->header_bytes[0] & 0x80;
    /* While negotiating, a server of an older version answers in its own. */
    bool version_fits = version == c->version || (c->phase == CQLI_OPTIONS && c->header_bytes[4] == CQL_ERROR);
    if (!response || !version_fits) {
        error_set(&err, STATUS_UNREACHABLE, "%s: this is no CQL server: the answer is not of the native protocol",
                  c->host->address);
        cqli_connection_close(c, &err);
        return;
    }
    if (cql_header_decode(c->header_bytes, &c->header, &err) != STATUS_OK) {
        protocol_error(c, &err);
        return;
    }
    c->incoming = cql_response_create(&c->header);
    c->incoming_len = 0;
    if (c->header.size_bytes == 0) message_complete(c);
}

/* A stream of envelopes, in pieces of any size. */
static void feed(struct cqli_connection *c, const uint8_t *p, size_t len) {
    while (len && c->phase != CQLI_CLOSED) {
        if (!c->incoming) {
            size_t part = CQL_HEADER_BYTES - c->header_len;
            if (part > len) part = len;
            memcpy(c->header_bytes + c->header_len, p, part);
            c->header_len += part;
            p += part;
            len -= part;
            if (c->header_len == CQL_HEADER_BYTES) header_complete(c);
            continue;
        }
        size_t part = c->header.size_bytes - c->incoming_len;
        if (part > len) part = len;
        memcpy(c->incoming->data + c->incoming_len, p, part);
        c->incoming_len += part;
        p += part;
        len -= part;
        if (c->incoming_len == c->header.size_bytes) message_complete(c);
    }
}

static void parse_segments(struct cqli_connection *c) {
    while (c->phase != CQLI_CLOSED) {
        struct cql_segment segment;
        struct error err;
        bool complete;
        enum status status = cql_segment_decode(c->buf + c->buf_pos, c->buf_len - c->buf_pos, c->lz4, c->scratch,
                                                &segment, &complete, &err);
        if (status != STATUS_OK) {
            protocol_error(c, &err);
            return;
        }
        if (!complete) return;
        if (segment.self_contained && (c->incoming || c->header_len)) {
            unexpected(c, "a segment that begins within a message");
            return;
        }
        feed(c, segment.payload, segment.len);
        if (c->phase == CQLI_CLOSED) return;
        if (segment.self_contained && (c->incoming || c->header_len)) {
            unexpected(c, "a segment that ends within a message");
            return;
        }
        c->buf_pos += segment.used_bytes;
    }
}

static void parse(struct cqli_connection *c) {
    /* The answer to STARTUP is bare and what follows it is not: envelopes are taken one by one until then. */
    while (!c->framed && c->buf_pos < c->buf_len && c->phase != CQLI_CLOSED) {
        size_t left = c->buf_len - c->buf_pos;
        size_t want = c->incoming ? c->header.size_bytes - c->incoming_len : CQL_HEADER_BYTES - c->header_len;
        size_t part = want < left ? want : left;
        const uint8_t *p = c->buf + c->buf_pos;
        c->buf_pos += part;
        feed(c, p, part);
    }
    if (c->framed) parse_segments(c);
}

static void on_buffer(void *data, char **bytes, size_t *size_bytes) {
    struct cqli_connection *c = data;
    /* A large body that comes bare is read to where it shall lie. */
    c->reading_body = !c->framed && c->incoming && c->buf_pos == c->buf_len;
    if (c->reading_body) {
        *bytes = (char *)c->incoming->data + c->incoming_len;
        *size_bytes = c->header.size_bytes - c->incoming_len;
        return;
    }
    if (c->buf_pos == c->buf_len) {
        c->buf_pos = c->buf_len = 0;
    } else if (CQLI_RECEIVE_BYTES - c->buf_len < CQL_SEGMENT_MAX_BYTES) {
        memmove(c->buf, c->buf + c->buf_pos, c->buf_len - c->buf_pos);
        c->buf_len -= c->buf_pos;
        c->buf_pos = 0;
    }
    *bytes = (char *)c->buf + c->buf_len;
    *size_bytes = CQLI_RECEIVE_BYTES - c->buf_len;
}

static void on_received(void *data, size_t size_bytes) {
    struct cqli_connection *c = data;
    if (c->phase == CQLI_CLOSED) return;
    c->last_received_ms = now_ms(c);
    if (c->reading_body) {
        c->incoming_len += size_bytes;
        if (c->incoming_len == c->header.size_bytes) message_complete(c);
        return;
    }
    c->buf_len += size_bytes;
    parse(c);
}

/* ---- Life ---- */

static void on_connected(void *data) {
    struct cqli_connection *c = data;
    if (c->phase != CQLI_CONNECTING) return;
    c->phase = CQLI_OPTIONS;
    send_options(c);
}

static const struct net_conn_class conn_class = {on_connected, on_buffer, on_received, on_net_closed};

struct cqli_connection *cqli_connection_open(struct cqli_host *host, int slot) {
    struct cqli_connection *c = xcalloc(1, sizeof *c);
    const struct cql_options *options = &host->cluster->options;
    c->cluster = host->cluster;
    c->host = host;
    c->slot = slot;
    c->version = host->cluster->version;
    c->flush.run = flush;
    c->buf = xmalloc(CQLI_RECEIVE_BYTES);
    c->scratch = xmalloc(CQL_SEGMENT_MAX_PAYLOAD);
    for (int i = CQL_MAX_STREAMS - 1; i >= 1; i--) c->free_streams[c->free_count++] = (uint16_t)i;
    int64_t now = now_ms(c);
    c->last_received_ms = c->last_sent_ms = now;
    c->handshake_deadline_ms = now + options->connect_timeout_ms;
    struct net_target target = {
        .host = host->name, .port = host->port, .timeout_ms = options->connect_timeout_ms, .tls = options->tls};
    if (options->proxy_host) {
        target.host = options->proxy_host;
        target.port = options->proxy_port;
        target.server_name = host->name;
    }
    c->net = net_conn_open(c->cluster->loop, &target, &conn_class, c);
    return c;
}

/* The server does not answer, or it answers others: then only this stream is lost, until its answer comes after all. */
static bool time_out(struct cqli_connection *c, struct cqli_stream *stream) {
    struct cql_request *request = stream->request;
    struct error err;
    error_set(&err, STATUS_TIMEOUT, "%s: no answer within %d ms", c->host->address,
              (int)(stream->deadline_ms - stream->sent_ms));
    if (request && request->kind != CQL_REQUEST_PREPARE)
        error_detail(&err, "consistency %s", cql_consistency_name(request->parameters.consistency));
    error_hint(&err, "is the node up ('nodetool status'), and can it be reached? For one that is only slow there is "
                     "'request-timeout'");
    if (c->last_received_ms < stream->sent_ms || c->orphans >= CQLI_MAX_ORPHANS) {
        cqli_connection_close(c, &err);
        return false;
    }
    stream->deadline_ms = INT64_MAX;
    if (!request) return true; /* another host was faster */
    cqli_connection_abandon(c, (int)(stream - c->streams));
    cqli_cluster_failed(c->cluster, request, &err, CQL_RETRY_IDEMPOTENT);
    return true;
}

/* Is it time to ask another host as well? */
static bool is_slow(const struct cqli_connection *c, const struct cql_request *request, int64_t now) {
    const struct cql_options *options = &c->cluster->options;
    return options->speculative_delay_ms > 0 && request && (request->idempotent || request->repeatable) &&
           !request->waiting && request->speculations < options->speculative_max &&
           now - request->attempt_ms >= (int64_t)options->speculative_delay_ms * (request->speculations + 1);
}

void cqli_connection_probe(struct cqli_connection *c, int64_t now) {
    if (c->phase != CQLI_READY || c->heartbeat_deadline_ms) return;
    c->heartbeat_deadline_ms = now + c->cluster->options.connect_timeout_ms;
    send_options(c);
    cqli_keep_ticking(c->cluster);
}

void cqli_connection_register(struct cqli_connection *c) {
    if (c->registering) return;
    c->registering = true;
    strbuf_clear(&c->body);
    cql_put_register(&c->body);
    send_body(c, CQLI_REGISTER_STREAM, CQL_REGISTER, 0);
}

void cqli_connection_tick(struct cqli_connection *c, int64_t now) {
    struct error err;
    int timeout_ms = c->cluster->options.connect_timeout_ms;
    if (c->phase == CQLI_CLOSED || c->phase == CQLI_CONNECTING) return; /* net/ watches connecting */
    if (c->phase != CQLI_READY) {
        if (now < c->handshake_deadline_ms) return;
        error_set(&err, STATUS_TIMEOUT, "%s: no answer to the start of a CQL session within %d ms", c->host->address,
                  timeout_ms);
        cqli_connection_close(c, &err);
        return;
    }
    for (int i = 1, left = c->in_flight + c->orphans; i < CQL_MAX_STREAMS && left > 0; i++) {
        struct cqli_stream *stream = &c->streams[i];
        if (!stream->used) continue;
        left--;
        if (now >= stream->deadline_ms && !time_out(c, stream)) return;
        if (is_slow(c, stream->request, now)) cqli_request_speculate(c->cluster, stream->request);
    }
    if (c->heartbeat_deadline_ms) {
        if (now < c->heartbeat_deadline_ms) return;
        error_set(&err, STATUS_TIMEOUT, "%s: no sign of life within %d ms", c->host->address, timeout_ms);
        cqli_connection_close(c, &err);
        return;
    }
    int64_t last_ms = c->last_received_ms > c->last_sent_ms ? c->last_received_ms : c->last_sent_ms;
    if (now - last_ms >= c->cluster->options.heartbeat_ms) cqli_connection_probe(c, now);
}
