/* Rows that the server refuses. A refused batch says nothing about which of its rows is to blame, so its rows are sent again
 * one by one. A refused row ends the job, or is reported with its key and left out: never silently. All of it on the sink's
 * thread, but for sink_is_refusal. */
#include <errno.h>
#include <stdlib.h>

#include "cass/bytes.h"
#include "connector/cassandra/sink_private.h"

enum { MAX_REQUEST_OVERHEAD = 1024 }; /* bytes of a request beside its values */

bool sink_is_refusal(const struct cql_request *request, const struct error *err) {
    /* Larger than the protocol's limit: it never left. */
    if (err->code == STATUS_LIMIT_EXCEEDED)
        return request->parameters.values.len + request->statements.len > CQL_MAX_FRAME_BYTES - MAX_REQUEST_OVERHEAD;
    if (err->code != STATUS_SERVER_ERROR) return false;
    switch (request->error_code) {
    case CQL_INVALID: /* an empty key, a key or value that is too large, a TTL out of range, a batch too large */
    case CQL_FUNCTION_FAILURE: /* of a check that the table's owner has put on */ return true;
    /* Replicas that are there could not apply it (an index, damage), as often as it was tried. Some of the batch may have been
     * written, so that only what may be written twice is sent again row by row. */
    case CQL_WRITE_FAILURE: return request->idempotent && !request->node_lost;
    default: return false;
    }
}

/* ---- JSON ---- */

static void put_json(struct strbuf *out, const char *text, size_t len) {
    strbuf_putc(out, '"');
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\')
            strbuf_printf(out, "\\%c", c);
        else if (c < 0x20 || c == 0x7F)
            strbuf_printf(out, "\\u%04x", c);
        else
            strbuf_putc(out, (char)c);
    }
    strbuf_putc(out, '"');
}

/* ---- Keys as text ---- */

/* "a = 1, b = x" for messages, "a":"1","b":"x" for the file. */
static void put_key_part(struct strbuf *out, bool json, const char *name, const struct value *value) {
    struct strbuf text = {0};
    value_print(&text, value, NULL);
    if (text.len > CASSANDRA_MAX_KEY_TEXT) { /* a refused key may be a large one */
        size_t size_bytes = text.len;
        text.len = CASSANDRA_MAX_KEY_TEXT;
        while (((unsigned char)text.data[text.len] & 0xC0) == 0x80) text.len--;
        strbuf_printf(&text, "… (%zu bytes)", size_bytes);
    }
    if (json) {
        strbuf_puts(out, out->len ? "," : "");
        put_json(out, name, strlen(name));
        strbuf_putc(out, ':');
        if (value->is_null)
            strbuf_puts(out, "null");
        else
            put_json(out, text.data ? text.data : "", text.len);
    } else {
        strbuf_printf(out, "%s%s = ", out->len ? ", " : "", name);
        strbuf_add(out, text.data ? text.data : "", text.len);
    }
    strbuf_free(&text);
}

/* The key among bound values. */
static void put_bound_key(const struct sink *sink, const struct statement *statement, struct str values, bool json,
                          struct strbuf *out) {
    struct arena arena;
    arena_init(&arena, NULL);
    struct cass_reader r = cass_reader_over(values.data, values.len);
    for (int i = 0; i < statement->bind_count; i++) {
        struct str cell = cass_read_bytes(&r);
        if (statement->binds[i].kind != BIND_KEY || !cell.data) continue;
        const struct cass_codec *codec = &sink->codecs[statement->binds[i].column];
        uint8_t *padded = arena_zalloc(&arena, cell.len + CASS_CELL_PADDING);
        memcpy(padded, cell.data, cell.len);
        struct cass_cell place = {0, (int32_t)cell.len};
        struct vector vec;
        struct error ignored;
        vector_init(&vec, &arena, codec->type, 1);
        struct value value = {.type = codec->type, .is_null = true};
        if (cass_decode(codec, padded, &place, 1, &vec, &arena, 1, 0, &ignored) == STATUS_OK)
            value = vector_get(&vec, 0, &arena);
        put_key_part(out, json, codec->column, &value);
    }
    arena_destroy(&arena);
}

static void put_row_key(const struct sink *sink, const struct chunk *chunk, int row, bool json, struct strbuf *out) {
    struct arena arena;
    arena_init(&arena, NULL);
    for (int k = 0; k < sink->key_count; k++) {
        if (sink->key[k] < 0) continue;
        struct value value = vector_get(&chunk->columns[sink->key[k]], row, &arena);
        put_key_part(out, json, sink->target.schema->columns[k].name, &value);
    }
    arena_destroy(&arena);
}

/* ---- Reports ---- */

static const char *operation_name(const struct statement *statement) {
    return statement->kind == STATEMENT_DELETE || statement->kind == STATEMENT_DELETE_STATIC ? "delete" : "write";
}

static enum status report(struct sink *sink, const struct statement *statement, const char *key, const char *message,
                          struct error *err) {
    struct strbuf line = {0};
    FILE *file = sink->refused_file ? sink->refused_file : stderr;
    if (!sink->refused_file) strbuf_puts(&line, "warning: row skipped: ");
    strbuf_puts(&line, "{\"table\":");
    put_json(&line, sink->target.schema->full_name, strlen(sink->target.schema->full_name));
    strbuf_printf(&line, ",\"operation\":\"%s\",\"key\":{%s},\"error\":", operation_name(statement), key);
    put_json(&line, message, strlen(message));
    strbuf_puts(&line, "}\n");
    bool written = fwrite(line.data, 1, line.len, file) == line.len && fflush(file) == 0;
    strbuf_free(&line);
    if (!written && sink->refused_file)
        return error_set(err, STATUS_IO_ERROR, "cannot write %s: %s", sink->refused_path, strerror(errno));
    return STATUS_OK;
}

/* key_text: for the message, key_json: for the report. */
static enum status refuse(struct sink *sink, const struct statement *statement, const struct error *why,
                          const char *key_text, const char *key_json, struct error *err) {
    if (!sink->skip_refused) {
        if (!err) return why->code;
        *err = *why;
        error_detail(err, "%s%srow with %s", why->detail, why->detail[0] ? "; " : "", key_text);
        if (!err->hint[0]) error_hint(err, "'sink.error-policy' = 'skip' leaves such rows out and reports them");
        return why->code;
    }
    struct strbuf message = {0};
    strbuf_puts(&message, why->message);
    if (why->detail[0]) strbuf_printf(&message, "; %s", why->detail);
    enum status status = report(sink, statement, key_json, message.data, err);
    strbuf_free(&message);
    TRY(status);
    if (sink->refused_rows) atomic_fetch_add(sink->refused_rows, 1);
    if (++sink->refused_count > sink->max_refused) {
        error_set(err, why->code, "table %s: more than %lld rows were refused", sink->target.schema->full_name,
                  (long long)sink->max_refused);
        error_detail(err, "the last one: %s", why->message);
        error_hint(err, "'sink.max-bad-rows' is the limit");
        return why->code;
    }
    return STATUS_OK;
}

/* ---- For who wants the rows ---- */

static enum status tell(struct sink *sink, const struct chunk *chunk, int row, const struct error *why,
                        struct error *err) {
    if (sink->refused_rows) atomic_fetch_add(sink->refused_rows, 1);
    return sink->bad_rows->row(sink->bad_rows->data, sink->table, sink->columns, chunk, row, why, err);
}

/* A row again, from its bound values. */
static enum status tell_bound(struct sink *sink, const struct write *write, struct error *err) {
    struct arena arena;
    arena_init(&arena, NULL);
    const struct type **types = ARENA_ARRAY(&arena, const struct type *, sink->column_count + 1);
    for (int i = 0; i < sink->column_count; i++)
        types[i] = type_with_nullable(&arena, sink->table->columns[sink->columns[i]].type, true);
    struct chunk *chunk = chunk_create(&arena, sink->column_count, types, 1);
    for (int i = 0; i < sink->column_count; i++) {
        struct value null = value_null(types[i]);
        vector_set(&chunk->columns[i], &arena, 1, 0, &null);
    }
    struct cass_reader r = cass_reader_over(write->bytes.data, write->bytes.len);
    for (int i = 0; i < write->statement->bind_count; i++) {
        struct str cell = cass_read_bytes(&r);
        const struct bind *bind = &write->statement->binds[i];
        if (bind->kind >= BIND_TTL || !cell.data) continue;
        uint8_t *padded = arena_zalloc(&arena, cell.len + CASS_CELL_PADDING);
        memcpy(padded, cell.data, cell.len);
        struct cass_cell place = {0, (int32_t)cell.len};
        struct vector vec;
        struct error ignored;
        vector_init(&vec, &arena, types[bind->column], 1);
        if (cass_decode(&sink->codecs[bind->column], padded, &place, 1, &vec, &arena, 1, 0, &ignored) != STATUS_OK)
            continue;
        chunk->columns[bind->column] = vec;
    }
    chunk->row_count = chunk->sel_count = 1;
    enum status status = tell(sink, chunk, 0, write->refusal, err);
    arena_destroy(&arena);
    return status;
}

enum status sink_refuse_row(struct sink *sink, const struct statement *statement, const struct chunk *chunk, int row,
                            const struct error *why, struct error *err) {
    struct strbuf text = {0}, json = {0};
    struct error named = *why;
    if (sink->bad_rows) return tell(sink, chunk, row, why, err);
    error_prefix(&named, "Cassandra, table %s", sink->target.schema->full_name);
    put_row_key(sink, chunk, row, false, &text);
    put_row_key(sink, chunk, row, true, &json);
    enum status status = refuse(sink, statement, &named, text.data ? text.data : "", json.data ? json.data : "", err);
    strbuf_free(&text);
    strbuf_free(&json);
    return status;
}

/* ---- What came back ---- */

static enum status settle_row(struct sink *sink, const struct write *write, struct error *err) {
    if (write->refusal && sink->bad_rows) return tell_bound(sink, write, err);
    struct str values = strbuf_str(&write->bytes);
    struct strbuf text = {0}, json = {0};
    put_bound_key(sink, write->statement, values, true, &json);
    const char *key_json = json.data ? json.data : "";
    enum status status;
    if (write->refusal) {
        put_bound_key(sink, write->statement, values, false, &text);
        status = refuse(sink, write->statement, write->refusal, text.data ? text.data : "", key_json, err);
    } else {
        status = report(sink, write->statement, key_json, "not written: the row exists", err);
    }
    strbuf_free(&text);
    strbuf_free(&json);
    return status;
}

static const struct statement *find_statement(const struct sink *sink, struct str id) {
    for (int i = 0; i < STATEMENT_COUNT; i++)
        if (sink->statements[i].prepared && str_equal(sink->statements[i].prepared->id, id))
            return &sink->statements[i];
    return NULL;
}

/* The statements of a batch as cql_put_batch_statement wrote them, sent one by one. */
static enum status settle_batch(struct sink *sink, const struct write *write, struct error *err) {
    struct strbuf values = {0};
    struct cass_reader r = cass_reader_over(write->bytes.data, write->bytes.len);
    enum status status = STATUS_OK;
    bool has_token = sink->has_token;
    int64_t token = sink->token; /* of the rows that are to be written next */
    sink->has_token = write->request.has_token;
    sink->token = write->request.token;
    for (int i = 0; i < write->request.statement_count && status == STATUS_OK; i++) {
        cass_read_u8(&r);
        const struct statement *statement = find_statement(sink, cass_read_string(&r));
        int count = cass_read_u16(&r);
        const uint8_t *start = r.pos;
        for (int k = 0; k < count; k++) cass_read_bytes(&r);
        if (!statement || r.failed) {
            status = error_set(err, STATUS_INTERNAL, "a batch of table %s cannot be taken apart",
                               sink->target.schema->full_name);
            break;
        }
        strbuf_clear(&values);
        strbuf_add(&values, start, (size_t)(r.pos - start));
        status = sink_send(sink, statement, &values, write->request.parameters.timestamp, err);
    }
    sink->has_token = has_token;
    sink->token = token;
    strbuf_free(&values);
    return status;
}

enum status sink_settle(struct sink *sink, struct error *err) {
    for (;;) {
        pthread_mutex_lock(&sink->lock);
        struct write *write = sink->refused;
        if (write) sink->refused = write->next;
        atomic_store(&sink->any_refused, sink->refused != NULL);
        pthread_mutex_unlock(&sink->lock);
        if (!write) return STATUS_OK;
        enum status status = write->statement ? settle_row(sink, write, err) : settle_batch(sink, write, err);
        sink_free_write(write);
        TRY(status);
    }
}
