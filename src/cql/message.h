/* Messages of the native protocol: the bodies of requests, written, and of responses, read.
 * Source: native_protocol_v3.spec, native_protocol_v4.spec and native_protocol_v5.spec, sections 3 to 9. Pure functions; every byte from outside is
 * checked, nothing is allocated on the strength of a number that was not. */
#ifndef MILLRACE_CQL_MESSAGE_H
#define MILLRACE_CQL_MESSAGE_H

#include "cass/codec.h"
#include "cql/frame.h"

enum {
    CQL_MIN_VERSION = 3,
    CQL_MAX_VERSION = 5,
    CQL_MAX_COLUMNS = 65535,
    CQL_MAX_VALUES = 65535,
    CQL_MAX_PAGING_STATE = 32 << 10,
};

enum cql_consistency {
    CQL_ANY = 0,
    CQL_ONE = 1,
    CQL_TWO = 2,
    CQL_THREE = 3,
    CQL_QUORUM = 4,
    CQL_ALL = 5,
    CQL_LOCAL_QUORUM = 6,
    CQL_EACH_QUORUM = 7,
    CQL_SERIAL = 8,
    CQL_LOCAL_SERIAL = 9,
    CQL_LOCAL_ONE = 10,
};
bool cql_consistency_parse(struct str text, enum cql_consistency *out); /* any case */
const char *cql_consistency_name(enum cql_consistency consistency);

#define CQL_NO_TIMESTAMP INT64_MIN /* the server's clock */

/* ---- Requests ---- */

/* What QUERY and EXECUTE share. */
struct cql_parameters {
    enum cql_consistency consistency;
    enum cql_consistency serial_consistency; /* of conditions: SERIAL, LOCAL_SERIAL; 0: the server's default */
    int value_count;
    struct str values; /* each as [value]: i32 length (-1 null, -2 unset), bytes */
    bool skip_metadata;
    int page_size;           /* 0: none */
    struct str paging_state; /* len 0: none */
    int64_t timestamp;       /* of every write of the statement, µs; CQL_NO_TIMESTAMP */
};

void cql_put_startup(struct strbuf *out, const char *compression); /* NULL: none */
void cql_put_auth_response(struct strbuf *out, struct str token);
void cql_put_prepare(struct strbuf *out, int version, struct str text);
void cql_put_query(struct strbuf *out, int version, struct str text, const struct cql_parameters *parameters);
void cql_put_execute(struct strbuf *out, int version, struct str id, struct str result_metadata_id,
                     const struct cql_parameters *parameters);
/* Is there a value that is to be left as it is (CASS_UNSET)? Version 3 would take it for null. */
bool cql_values_unset(int value_count, struct str values);
bool cql_batch_unset(int statement_count, struct str statements);
/* statements: statement_count of them, each as cql_put_batch_statement wrote it. */
void cql_put_batch_statement(struct strbuf *out, struct str id, int value_count, struct str values);
enum cql_batch_type { CQL_BATCH_LOGGED = 0, CQL_BATCH_UNLOGGED = 1, CQL_BATCH_COUNTER = 2 };
void cql_put_batch(struct strbuf *out, int version, enum cql_batch_type type, int statement_count,
                   struct str statements, enum cql_consistency consistency, int64_t timestamp);

/* ---- Responses ---- */

/* A response's body. Made by the connection; whoever gets it as a callback's argument owns it and frees it. */
struct cql_response {
    uint8_t version, opcode;
    int16_t stream;
    const uint8_t *body; /* behind tracing id, warnings and payload */
    size_t size_bytes;   /* of body */
    struct str warnings; /* [string list]'s strings, warning_count of them */
    int warning_count;
    bool traced; /* session_id is the trace's */
    uint8_t session_id[16];
    char from[72]; /* the server's address, for messages */
    uint32_t data_bytes;
    uint8_t data[]; /* the body as it came, and CASS_CELL_PADDING bytes */
};
struct cql_response *cql_response_create(const struct cql_header *header);
/* Finds body and warnings. Decompresses when flags say so: then *response is replaced. */
enum status cql_response_open(struct cql_response **response, uint8_t flags, struct error *err);
void cql_response_free(struct cql_response *response); /* NULL allowed */
struct str cql_response_warning(const struct cql_response *response, int index);

struct cql_supported {
    bool lz4;
    int max_version; /* 0: not said */
};
enum status cql_read_supported(const struct cql_response *response, struct cql_supported *out, struct error *err);

enum cql_result_kind {
    CQL_RESULT_VOID = 1,
    CQL_RESULT_ROWS = 2,
    CQL_RESULT_SET_KEYSPACE = 3,
    CQL_RESULT_PREPARED = 4,
    CQL_RESULT_SCHEMA_CHANGE = 5,
};
enum status cql_read_result_kind(const struct cql_response *response, enum cql_result_kind *out, struct error *err);

struct cql_column {
    const char *keyspace, *table, *name;
    const struct cass_type *type;
};

struct cql_rows {
    int column_count;
    const struct cql_column *columns; /* NULL when the metadata was skipped */
    struct str paging_state;          /* len 0: no more pages */
    bool metadata_changed;            /* columns are new: what was prepared is out of date */
    struct str new_metadata_id;
    int row_count;
    const uint8_t *cells; /* row by row, each cell as [bytes] */
    size_t size_bytes;
};
/* Reads a RESULT of kind ROWS up to its cells, which borrow from the response; columns go to arena. */
enum status cql_read_rows(const struct cql_response *response, struct arena *arena, struct cql_rows *out,
                          struct error *err);
/* Walks over all cells: offsets[i] is where row i begins, from rows->cells; offsets has room for row_count + 1 entries, the last
 * is the end. column_count: of the request that skipped the metadata. After that the rows may be read unchecked. */
enum status cql_index_rows(const struct cql_rows *rows, int column_count, uint32_t *offsets, struct error *err);
/* The cells of rows whose first begins at offset: cells[column * stride + i] for row i, offsets from rows' cells. */
void cql_find_cells(const uint8_t *base, uint32_t offset, int row_count, int column_count, int stride,
                    struct cass_cell *cells);

struct cql_prepared_result {
    struct str id;
    struct str result_metadata_id; /* version 5 */
    int bind_count;
    const struct cql_column *binds;
    int key_count;    /* binds that make the partition key */
    const int *key;   /* positions in binds, in the key's order */
    int column_count; /* of the result, 0 for writes */
    const struct cql_column *columns;
};
enum status cql_read_prepared(const struct cql_response *response, struct arena *arena, struct cql_prepared_result *out,
                              struct error *err);

/* ---- Events ---- */

/* Asks for events of nodes that come and go, are up or down, and of the schema. */
void cql_put_register(struct strbuf *out);

struct cql_event {
    enum cql_event_kind { CQL_EVENT_TOPOLOGY, CQL_EVENT_STATUS, CQL_EVENT_SCHEMA, CQL_EVENT_OTHER } kind;
    struct str change;  /* NEW_NODE, REMOVED_NODE; UP, DOWN; CREATED, UPDATED, DROPPED */
    struct str address; /* TOPOLOGY, STATUS: 4 or 16 bytes */
    int port;
    struct str target, keyspace, name; /* SCHEMA: KEYSPACE, TABLE, TYPE, …; name is empty for keyspaces */
};
/* Borrows from the response. */
enum status cql_read_event(const struct cql_response *response, struct cql_event *out, struct error *err);

/* ---- Errors ---- */

enum cql_error_code {
    CQL_SERVER_ERROR = 0x0000,
    CQL_PROTOCOL_ERROR = 0x000A,
    CQL_BAD_CREDENTIALS = 0x0100,
    CQL_UNAVAILABLE = 0x1000,
    CQL_OVERLOADED = 0x1001,
    CQL_BOOTSTRAPPING = 0x1002,
    CQL_TRUNCATE_ERROR = 0x1003,
    CQL_WRITE_TIMEOUT = 0x1100,
    CQL_READ_TIMEOUT = 0x1200,
    CQL_READ_FAILURE = 0x1300,
    CQL_FUNCTION_FAILURE = 0x1400,
    CQL_WRITE_FAILURE = 0x1500,
    CQL_CDC_WRITE_FAILURE = 0x1600,
    CQL_CAS_WRITE_UNKNOWN = 0x1700,
    CQL_SYNTAX_ERROR = 0x2000,
    CQL_UNAUTHORIZED = 0x2100,
    CQL_INVALID = 0x2200,
    CQL_CONFIG_ERROR = 0x2300,
    CQL_ALREADY_EXISTS = 0x2400,
    CQL_UNPREPARED = 0x2500,
};

struct cql_error {
    int32_t code;
    struct str message;
    struct str statement_id;              /* UNPREPARED */
    enum cql_consistency consistency;     /* UNAVAILABLE, timeouts, failures */
    int32_t received, required;           /* UNAVAILABLE: alive, required */
    enum cql_failure {                    /* READ_FAILURE, WRITE_FAILURE */
                       CQL_FAILURE_FINAL, /* a replica said why it cannot; or nobody says why (before version 5) */
                       CQL_FAILURE_UNEXPLAINED, /* none did. Cassandra says so too of a read of the coordinator's own that came too late */
                       CQL_FAILURE_LOST, /* nor here, and some timed out or went down meanwhile */
    } failure;
};
enum status cql_read_error(const struct cql_response *response, struct cql_error *out, struct error *err);
const char *cql_error_name(int32_t code);
enum status cql_error_status(int32_t code);

/* May a request that got this answer be sent again, and where? In one place for everybody. */
enum cql_retry {
    CQL_RETRY_NO,
    CQL_RETRY_REPREPARE,  /* here, after preparing the statement again */
    CQL_RETRY_ANYWAY,     /* it was not done: again, wherever */
    CQL_RETRY_IDEMPOTENT, /* it may have been done: again if that does no harm */
};
enum cql_retry cql_error_retry(int32_t code);

#endif
