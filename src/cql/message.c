#include "cql/message.h"

#include <stdlib.h>

#include "cass/bytes.h"

/* ---- Consistency ---- */

static const char *const consistency_names[] = {"ANY",    "ONE",          "TWO",          "THREE",
                                                "QUORUM", "ALL",          "LOCAL_QUORUM", "EACH_QUORUM",
                                                "SERIAL", "LOCAL_SERIAL", "LOCAL_ONE"};

bool cql_consistency_parse(struct str text, enum cql_consistency *out) {
    for (int i = 0; i <= CQL_LOCAL_ONE; i++)
        if (str_equal_nocase(text, str_from(consistency_names[i]))) {
            *out = (enum cql_consistency)i;
            return true;
        }
    return false;
}

const char *cql_consistency_name(enum cql_consistency consistency) {
    return consistency <= CQL_LOCAL_ONE ? consistency_names[consistency] : "?";
}

/* ---- Requests ---- */

enum {
    QUERY_VALUES = 0x01,
    QUERY_SKIP_METADATA = 0x02,
    QUERY_PAGE_SIZE = 0x04,
    QUERY_PAGING_STATE = 0x08,
    QUERY_SERIAL_CONSISTENCY = 0x10,
    QUERY_TIMESTAMP = 0x20,
};

void cql_put_startup(struct strbuf *out, const char *compression) {
    cass_put_u16(out, compression ? 3 : 2);
    cass_put_string(out, str_from("CQL_VERSION"));
    cass_put_string(out, str_from("3.0.0"));
    cass_put_string(out, str_from("DRIVER_NAME"));
    cass_put_string(out, str_from("millrace"));
    if (compression) {
        cass_put_string(out, str_from("COMPRESSION"));
        cass_put_string(out, str_from(compression));
    }
}

void cql_put_auth_response(struct strbuf *out, struct str token) { cass_put_long_string(out, token); }

void cql_put_register(struct strbuf *out) {
    static const char *const kinds[] = {"TOPOLOGY_CHANGE", "STATUS_CHANGE", "SCHEMA_CHANGE"};
    cass_put_u16(out, 3);
    for (int i = 0; i < 3; i++) cass_put_string(out, str_from(kinds[i]));
}

static void put_flags(struct strbuf *out, int version, int flags) {
    if (version >= 5)
        cass_put_i32(out, flags);
    else
        cass_put_u8(out, (uint8_t)flags);
}

static void put_parameters(struct strbuf *out, int version, const struct cql_parameters *p) {
    int flags = 0;
    if (p->value_count) flags |= QUERY_VALUES;
    if (p->skip_metadata) flags |= QUERY_SKIP_METADATA;
    if (p->page_size) flags |= QUERY_PAGE_SIZE;
    if (p->paging_state.len) flags |= QUERY_PAGING_STATE;
    if (p->serial_consistency) flags |= QUERY_SERIAL_CONSISTENCY;
    if (p->timestamp != CQL_NO_TIMESTAMP) flags |= QUERY_TIMESTAMP;
    cass_put_u16(out, (uint16_t)p->consistency);
    put_flags(out, version, flags);
    if (p->value_count) {
        cass_put_u16(out, (uint16_t)p->value_count);
        strbuf_add(out, p->values.data, p->values.len);
    }
    if (p->page_size) cass_put_i32(out, p->page_size);
    if (p->paging_state.len) cass_put_long_string(out, p->paging_state);
    if (p->serial_consistency) cass_put_u16(out, (uint16_t)p->serial_consistency);
    if (p->timestamp != CQL_NO_TIMESTAMP) cass_put_i64(out, p->timestamp);
}

void cql_put_prepare(struct strbuf *out, int version, struct str text) {
    cass_put_long_string(out, text);
    if (version >= 5) cass_put_i32(out, 0);
}

void cql_put_query(struct strbuf *out, int version, struct str text, const struct cql_parameters *parameters) {
    cass_put_long_string(out, text);
    put_parameters(out, version, parameters);
}

void cql_put_execute(struct strbuf *out, int version, struct str id, struct str result_metadata_id,
                     const struct cql_parameters *parameters) {
    cass_put_string(out, id);
    if (version >= 5) cass_put_string(out, result_metadata_id);
    put_parameters(out, version, parameters);
}

void cql_put_batch_statement(struct strbuf *out, struct str id, int value_count, struct str values) {
    cass_put_u8(out, 1); /* prepared */
    cass_put_string(out, id);
    cass_put_u16(out, (uint16_t)value_count);
    strbuf_add(out, values.data, values.len);
}

void cql_put_batch(struct strbuf *out, int version, enum cql_batch_type type, int statement_count,
                   struct str statements, enum cql_consistency consistency, int64_t timestamp) {
    cass_put_u8(out, (uint8_t)type);
    cass_put_u16(out, (uint16_t)statement_count);
    strbuf_add(out, statements.data, statements.len);
    cass_put_u16(out, (uint16_t)consistency);
    put_flags(out, version, timestamp != CQL_NO_TIMESTAMP ? QUERY_TIMESTAMP : 0);
    if (timestamp != CQL_NO_TIMESTAMP) cass_put_i64(out, timestamp);
}

static bool any_unset(struct cass_reader *r, int value_count) {
    bool unset = false;
    for (int i = 0; i < value_count && !r->failed; i++) {
        int32_t len = cass_read_i32(r);
        unset |= len == CASS_UNSET;
        if (len > 0) cass_take(r, (size_t)len);
    }
    return unset;
}

bool cql_values_unset(int value_count, struct str values) {
    struct cass_reader r = cass_reader_over(values.data, values.len);
    return any_unset(&r, value_count);
}

bool cql_batch_unset(int statement_count, struct str statements) {
    struct cass_reader r = cass_reader_over(statements.data, statements.len);
    bool unset = false;
    for (int i = 0; i < statement_count && !r.failed; i++) {
        cass_read_u8(&r);
        cass_read_string(&r);
        int value_count = cass_read_u16(&r);
        unset |= any_unset(&r, value_count);
    }
    return unset;
}

/* ---- Responses ---- */

struct cql_response *cql_response_create(const struct cql_header *header) {
    struct cql_response *response = xmalloc(sizeof *response + header->size_bytes + CASS_CELL_PADDING);
    memset(response, 0, sizeof *response);
    response->version = header->version;
    response->opcode = header->opcode;
    response->stream = header->stream;
    response->data_bytes = header->size_bytes;
    memset(response->data + header->size_bytes, 0, CASS_CELL_PADDING);
    return response;
}

void cql_response_free(struct cql_response *response) { free(response); }

static enum status malformed(const char *what, struct error *err) {
    return error_set(err, STATUS_BAD_DATA, "a malformed %s message", what);
}

enum status cql_response_open(struct cql_response **response, uint8_t flags, struct error *err) {
    if (flags & CQL_FLAG_COMPRESSED) {
        struct cql_response *packed = *response;
        struct cql_header header = {.version = packed->version, .opcode = packed->opcode, .stream = packed->stream};
        TRY(cql_body_size(packed->data, packed->data_bytes, &header.size_bytes, err));
        struct cql_response *plain = cql_response_create(&header);
        memcpy(plain->from, packed->from, sizeof plain->from);
        enum status status = cql_body_decompress(packed->data, packed->data_bytes, plain->data, header.size_bytes, err);
        if (status != STATUS_OK) {
            free(plain);
            return status;
        }
        free(packed);
        *response = plain;
    }
    struct cass_reader r = cass_reader_over((*response)->data, (*response)->data_bytes);
    if (flags & CQL_FLAG_TRACING) {
        const uint8_t *id = cass_take(&r, sizeof(*response)->session_id);
        (*response)->traced = id != NULL;
        if (id) memcpy((*response)->session_id, id, sizeof(*response)->session_id);
    }
    if (flags & CQL_FLAG_WARNING) {
        (*response)->warning_count = cass_read_u16(&r);
        const uint8_t *start = r.pos;
        for (int i = 0; i < (*response)->warning_count; i++) cass_read_string(&r);
        (*response)->warnings = (struct str){(const char *)start, (size_t)(r.pos - start)};
    }
    if (flags & CQL_FLAG_PAYLOAD)
        for (int i = cass_read_u16(&r); i > 0; i--) {
            cass_read_string(&r);
            cass_read_bytes(&r);
        }
    if (r.failed) return malformed("response", err);
    (*response)->body = r.pos;
    (*response)->size_bytes = cass_left(&r);
    return STATUS_OK;
}

struct str cql_response_warning(const struct cql_response *response, int index) {
    struct cass_reader r = cass_reader_over(response->warnings.data, response->warnings.len);
    for (int i = 0; i < index; i++) cass_read_string(&r);
    return cass_read_string(&r);
}

static struct cass_reader read_body(const struct cql_response *response) {
    return cass_reader_over(response->body, response->size_bytes);
}

enum status cql_read_supported(const struct cql_response *response, struct cql_supported *out, struct error *err) {
    struct cass_reader r = read_body(response);
    struct cql_supported supported = {0};
    for (int keys = cass_read_u16(&r); keys > 0 && !r.failed; keys--) {
        struct str key = cass_read_string(&r);
        for (int values = cass_read_u16(&r); values > 0 && !r.failed; values--) {
            struct str value = cass_read_string(&r);
            if (str_equal(key, str_from("COMPRESSION")) && str_equal(value, str_from("lz4"))) supported.lz4 = true;
            /* "4/v4", "5/v5", "6/v6-beta" */
            if (str_equal(key, str_from("PROTOCOL_VERSIONS")) && value.len >= 4 && value.data[1] == '/' &&
                value.data[value.len - 1] != 'a' && value.data[0] - '0' > supported.max_version)
                supported.max_version = value.data[0] - '0';
        }
    }
    if (r.failed) return malformed("SUPPORTED", err);
    *out = supported;
    return STATUS_OK;
}

enum status cql_read_result_kind(const struct cql_response *response, enum cql_result_kind *out, struct error *err) {
    struct cass_reader r = read_body(response);
    int32_t kind = cass_read_i32(&r);
    if (r.failed || response->opcode != CQL_RESULT || kind < CQL_RESULT_VOID || kind > CQL_RESULT_SCHEMA_CHANGE)
        return malformed("RESULT", err);
    *out = (enum cql_result_kind)kind;
    return STATUS_OK;
}

static const char *read_name(struct cass_reader *r, struct arena *arena) {
    struct str s = cass_read_string(r);
    return arena_strndup(arena, s.data, s.len);
}

/* [option]: the type of a column; NULL when it is malformed. */
static const struct cass_type *read_type(struct cass_reader *r, struct arena *arena, int depth) {
    uint16_t id = cass_read_u16(r);
    if (r->failed || depth > TYPE_MAX_NESTING) return NULL;
    switch (id) {
    case CASS_CUSTOM: return cass_type_from_class(arena, cass_read_string(r));
    case CASS_LIST:
    case CASS_SET:
    case CASS_MAP: {
        const struct cass_type *children[2];
        int count = id == CASS_MAP ? 2 : 1;
        for (int i = 0; i < count; i++)
            if (!(children[i] = read_type(r, arena, depth + 1))) return NULL;
        return cass_type_make(arena, (enum cass_type_id)id, 0, count, children);
    }
    case CASS_UDT:
    case CASS_TUPLE: {
        struct cass_type type = {.id = (enum cass_type_id)id, .frozen = id == CASS_TUPLE};
        if (id == CASS_UDT) {
            type.keyspace = read_name(r, arena);
            type.name = read_name(r, arena);
        }
        int count = cass_read_u16(r);
        if (r->failed || (size_t)count > cass_left(r) / 2) return NULL; /* two bytes each at least */
        type.child_count = count;
        const struct cass_type **children = ARENA_ARRAY(arena, const struct cass_type *, count);
        const char **names = ARENA_ARRAY(arena, const char *, count);
        for (int i = 0; i < count; i++) {
            if (id == CASS_UDT) names[i] = read_name(r, arena);
            if (!(children[i] = read_type(r, arena, depth + 1))) return NULL;
        }
        type.children = children;
        if (id == CASS_UDT) type.names = names;
        return arena_memdup(arena, &type, sizeof type);
    }
    default: return cass_type_scalar((enum cass_type_id)id);
    }
}

enum { METADATA_GLOBAL_TABLE = 0x01, METADATA_MORE_PAGES = 0x02, METADATA_NONE = 0x04, METADATA_CHANGED = 0x08 };

static bool read_columns(struct cass_reader *r, struct arena *arena, int flags, int count,
                         const struct cql_column **out) {
    const char *keyspace = NULL, *table = NULL;
    if (flags & METADATA_GLOBAL_TABLE) {
        keyspace = read_name(r, arena);
        table = read_name(r, arena);
    }
    if (r->failed || (size_t)count > cass_left(r) / 4) return false; /* a name and a type each */
    struct cql_column *columns = ARENA_ARRAY(arena, struct cql_column, count);
    for (int i = 0; i < count; i++) {
        columns[i].keyspace = keyspace ? keyspace : read_name(r, arena);
        columns[i].table = table ? table : read_name(r, arena);
        columns[i].name = read_name(r, arena);
        columns[i].type = read_type(r, arena, 1);
        if (r->failed || !columns[i].type) return false;
    }
    *out = columns;
    return true;
}

enum status cql_read_rows(const struct cql_response *response, struct arena *arena, struct cql_rows *out,
                          struct error *err) {
    struct cass_reader r = read_body(response);
    struct cql_rows rows = {0};
    int32_t kind = cass_read_i32(&r);
    int32_t flags = cass_read_i32(&r);
    rows.column_count = cass_read_i32(&r);
    if (response->opcode != CQL_RESULT || kind != CQL_RESULT_ROWS || rows.column_count < 0 ||
        rows.column_count > CQL_MAX_COLUMNS)
        return malformed("RESULT", err);
    if (flags & METADATA_MORE_PAGES) {
        rows.paging_state = cass_read_bytes(&r);
        if (rows.paging_state.len > CQL_MAX_PAGING_STATE)
            return error_set(err, STATUS_BAD_DATA, "a paging state of %zu bytes", rows.paging_state.len);
    }
    if (flags & METADATA_CHANGED) {
        rows.metadata_changed = true;
        rows.new_metadata_id = cass_read_string(&r);
    }
    if (!(flags & METADATA_NONE) && !read_columns(&r, arena, flags, rows.column_count, &rows.columns))
        return malformed("RESULT", err);
    rows.row_count = cass_read_i32(&r);
    rows.cells = r.pos;
    rows.size_bytes = cass_left(&r);
    if (r.failed || rows.row_count < 0) return malformed("RESULT", err);
    /* Four bytes a cell at least; rows without columns do not exist. */
    if (rows.row_count &&
        (!rows.column_count || rows.size_bytes / 4 / (size_t)rows.column_count < (size_t)rows.row_count))
        return malformed("RESULT", err);
    *out = rows;
    return STATUS_OK;
}

enum status cql_index_rows(const struct cql_rows *rows, int column_count, uint32_t *offsets, struct error *err) {
    if (rows->column_count != column_count)
        return error_set(err, STATUS_BAD_DATA, "a page of %d columns instead of %d", rows->column_count, column_count);
    const uint8_t *p = rows->cells, *end = p + rows->size_bytes;
    for (int row = 0; row < rows->row_count; row++) {
        offsets[row] = (uint32_t)(p - rows->cells);
        for (int i = 0; i < column_count; i++) {
            if (end - p < 4) return malformed("RESULT", err);
            int32_t len = (int32_t)cass_load_u32(p);
            p += 4;
            if (len <= 0) continue;
            if (end - p < len) return malformed("RESULT", err);
            p += len;
        }
    }
    offsets[rows->row_count] = (uint32_t)(p - rows->cells);
    return STATUS_OK;
}

void cql_find_cells(const uint8_t *base, uint32_t offset, int row_count, int column_count, int stride,
                    struct cass_cell *cells) {
    const uint8_t *p = base + offset;
    for (int row = 0; row < row_count; row++) {
        struct cass_cell *cell = cells + row;
        for (int i = 0; i < column_count; i++, cell += stride) {
            int32_t len = (int32_t)cass_load_u32(p);
            p += 4;
            *cell = (struct cass_cell){(uint32_t)(p - base), len};
            p += len > 0 ? len : 0;
        }
    }
}

enum status cql_read_prepared(const struct cql_response *response, struct arena *arena, struct cql_prepared_result *out,
                              struct error *err) {
    struct cass_reader r = read_body(response);
    struct cql_prepared_result prepared = {0};
    if (response->opcode != CQL_RESULT || cass_read_i32(&r) != CQL_RESULT_PREPARED) return malformed("PREPARED", err);
    prepared.id = cass_read_string(&r);
    if (response->version >= 5) prepared.result_metadata_id = cass_read_string(&r);
    int32_t flags = cass_read_i32(&r);
    prepared.bind_count = cass_read_i32(&r);
    if (response->version >= 4) prepared.key_count = cass_read_i32(&r);
    if (r.failed || prepared.id.len == 0 || prepared.bind_count < 0 || prepared.bind_count > CQL_MAX_VALUES ||
        prepared.key_count < 0 || prepared.key_count > prepared.bind_count)
        return malformed("PREPARED", err);
    int *key = ARENA_ARRAY(arena, int, prepared.key_count);
    for (int i = 0; i < prepared.key_count; i++) {
        key[i] = cass_read_u16(&r);
        if (key[i] >= prepared.bind_count) return malformed("PREPARED", err);
    }
    prepared.key = key;
    if (!(flags & METADATA_NONE) && !read_columns(&r, arena, flags, prepared.bind_count, &prepared.binds))
        return malformed("PREPARED", err);
    flags = cass_read_i32(&r);
    prepared.column_count = cass_read_i32(&r);
    if (r.failed || prepared.column_count < 0 || prepared.column_count > CQL_MAX_COLUMNS)
        return malformed("PREPARED", err);
    if (flags & METADATA_MORE_PAGES) cass_read_bytes(&r);
    if (prepared.column_count && !(flags & METADATA_NONE) &&
        !read_columns(&r, arena, flags, prepared.column_count, &prepared.columns))
        return malformed("PREPARED", err);
    if (prepared.bind_count && !prepared.binds) return malformed("PREPARED", err);
    *out = prepared;
    return STATUS_OK;
}

/* ---- Events ---- */

enum status cql_read_event(const struct cql_response *response, struct cql_event *out, struct error *err) {
    struct cass_reader r = read_body(response);
    struct str kind = cass_read_string(&r);
    struct cql_event event = {.kind = CQL_EVENT_OTHER};
    if (str_equal(kind, str_from("SCHEMA_CHANGE"))) {
        event.kind = CQL_EVENT_SCHEMA;
        event.change = cass_read_string(&r);
        event.target = cass_read_string(&r);
        event.keyspace = cass_read_string(&r);
        if (!str_equal(event.target, str_from("KEYSPACE"))) event.name = cass_read_string(&r);
    } else if (str_equal(kind, str_from("TOPOLOGY_CHANGE")) || str_equal(kind, str_from("STATUS_CHANGE"))) {
        event.kind = kind.data[0] == 'T' ? CQL_EVENT_TOPOLOGY : CQL_EVENT_STATUS;
        event.change = cass_read_string(&r);
        event.address = cass_read_slice(&r, cass_read_u8(&r));
        event.port = cass_read_i32(&r);
        if (event.address.len != 4 && event.address.len != 16) r.failed = true;
    }
    if (response->opcode != CQL_EVENT || r.failed) return malformed("EVENT", err);
    *out = event;
    return STATUS_OK;
}

/* ---- Errors ---- */

static const struct {
    int32_t code;
    const char *name;
    enum status status;
    enum cql_retry retry;
} errors[] = {
    {CQL_SERVER_ERROR, "server error", STATUS_SERVER_ERROR, CQL_RETRY_IDEMPOTENT},
    {CQL_PROTOCOL_ERROR, "protocol error", STATUS_SERVER_ERROR, CQL_RETRY_NO},
    {CQL_BAD_CREDENTIALS, "login refused", STATUS_AUTHENTICATION, CQL_RETRY_NO},
    {CQL_UNAVAILABLE, "not enough replicas are alive", STATUS_UNREACHABLE, CQL_RETRY_ANYWAY},
    {CQL_OVERLOADED, "overloaded", STATUS_SERVER_ERROR, CQL_RETRY_ANYWAY},
    {CQL_BOOTSTRAPPING, "still starting", STATUS_UNREACHABLE, CQL_RETRY_ANYWAY},
    {CQL_TRUNCATE_ERROR, "truncate failed", STATUS_SERVER_ERROR, CQL_RETRY_NO},
    {CQL_WRITE_TIMEOUT, "write timed out", STATUS_TIMEOUT, CQL_RETRY_IDEMPOTENT},
    {CQL_READ_TIMEOUT, "read timed out", STATUS_TIMEOUT, CQL_RETRY_IDEMPOTENT},
    /* A replica could not: data too large, tombstones. It could not the next time. (So does the Java driver's default.) Unless none says
     * so: cql_read_error's `failure`. */
    {CQL_READ_FAILURE, "read failed", STATUS_SERVER_ERROR, CQL_RETRY_NO},
    {CQL_FUNCTION_FAILURE, "function failed", STATUS_SERVER_ERROR, CQL_RETRY_NO},
    {CQL_WRITE_FAILURE, "write failed", STATUS_SERVER_ERROR, CQL_RETRY_IDEMPOTENT},
    {CQL_CDC_WRITE_FAILURE, "the CDC space is full", STATUS_SERVER_ERROR, CQL_RETRY_IDEMPOTENT},
    {CQL_CAS_WRITE_UNKNOWN, "outcome of the conditional write unknown", STATUS_SERVER_ERROR, CQL_RETRY_NO},
    {CQL_SYNTAX_ERROR, "syntax error", STATUS_SERVER_ERROR, CQL_RETRY_NO},
    {CQL_UNAUTHORIZED, "not permitted", STATUS_SERVER_ERROR, CQL_RETRY_NO},
    {CQL_INVALID, "invalid request", STATUS_SERVER_ERROR, CQL_RETRY_NO},
    {CQL_CONFIG_ERROR, "invalid configuration", STATUS_SERVER_ERROR, CQL_RETRY_NO},
    {CQL_ALREADY_EXISTS, "exists already", STATUS_DUPLICATE_NAME, CQL_RETRY_NO},
    {CQL_UNPREPARED, "not prepared", STATUS_SERVER_ERROR, CQL_RETRY_REPREPARE},
};
enum { ERROR_CODES = sizeof errors / sizeof *errors };

static int find_error(int32_t code) {
    for (int i = 0; i < ERROR_CODES; i++)
        if (errors[i].code == code) return i;
    return -1;
}

const char *cql_error_name(int32_t code) {
    int i = find_error(code);
    return i < 0 ? "unknown error" : errors[i].name;
}

enum status cql_error_status(int32_t code) {
    int i = find_error(code);
    return i < 0 ? STATUS_SERVER_ERROR : errors[i].status;
}

enum cql_retry cql_error_retry(int32_t code) {
    int i = find_error(code);
    return i < 0 ? CQL_RETRY_NO : errors[i].retry;
}

/* Why replicas failed (version 5): [int] n, then n times [inetaddr] and [short]. */
static enum cql_failure read_reasons(struct cass_reader r) {
    enum { REASON_UNKNOWN = 0, REASON_TIMEOUT = 2, REASON_NODE_DOWN = 5 };
    int32_t count = cass_read_i32(&r);
    bool lost = false, final = count <= 0;
    for (int32_t i = 0; i < count && !r.failed; i++) {
        cass_read_slice(&r, cass_read_u8(&r));
        int code = cass_read_u16(&r);
        bool gone = code == REASON_TIMEOUT || code == REASON_NODE_DOWN;
        lost |= gone;
        final |= !gone && code != REASON_UNKNOWN;
    }
    return final || r.failed ? CQL_FAILURE_FINAL : lost ? CQL_FAILURE_LOST : CQL_FAILURE_UNEXPLAINED;
}

enum status cql_read_error(const struct cql_response *response, struct cql_error *out, struct error *err) {
    struct cass_reader r = read_body(response);
    struct cql_error error = {.received = -1, .required = -1};
    error.code = cass_read_i32(&r);
    error.message = cass_read_string(&r);
    if (response->opcode != CQL_ERROR || r.failed) return malformed("ERROR", err);
    switch (error.code) {
    case CQL_UNPREPARED: error.statement_id = cass_read_string(&r); break;
    case CQL_UNAVAILABLE:
        error.consistency = (enum cql_consistency)cass_read_u16(&r);
        error.required = cass_read_i32(&r);
        error.received = cass_read_i32(&r);
        break;
    case CQL_WRITE_TIMEOUT:
    case CQL_READ_TIMEOUT:
    case CQL_READ_FAILURE:
    case CQL_WRITE_FAILURE:
        error.consistency = (enum cql_consistency)cass_read_u16(&r);
        error.received = cass_read_i32(&r);
        error.required = cass_read_i32(&r);
        if (response->version < 5) break;
        if (error.code == CQL_READ_FAILURE || error.code == CQL_WRITE_FAILURE) error.failure = read_reasons(r);
        break;
    default: break;
    }
    if (r.failed) return malformed("ERROR", err);
    *out = error;
    return STATUS_OK;
}
