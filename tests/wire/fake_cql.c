#include "fake_cql.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cass/bytes.h"
#include "cass/murmur3.h"
#include "cql/cql.h"

enum { MAX_CONNECTIONS = 256, MAX_LATE = 16 };

struct client {
    struct fake_cql *fake;
    int fd;
    pthread_t thread;
    pthread_mutex_t writing;
    _Atomic bool framed, registered, gone;
    bool lz4, refused;
    bool trace; /* the request at hand wants it */
    _Atomic int version;
    int options_seen;
    struct strbuf in; /* envelopes, unwrapped */
};

struct fake_cql {
    struct fake_options options;
    int listener, port;
    pthread_t thread;
    pthread_mutex_t lock;
    bool stopping;
    struct client *clients[MAX_CONNECTIONS];
    int client_count;
    struct fake_peer peers[FAKE_MAX_PEERS]; /* under the lock */
    int peer_count;
    atomic_bool paused;
    atomic_int late_threads, schema, fault, foreign, requests, registered, peers_read, schema_read;
    atomic_int connections, ended, writes, prepares, heartbeats, faults, answers, traced, refusals, ranges, late,
        most_late;
    _Atomic int64_t timestamp;
};

/* ---- Sockets ---- */

static bool read_all(int fd, void *out, size_t len) {
    for (char *p = out; len;) {
        ssize_t n = recv(fd, p, len, 0);
        if (n <= 0) return false;
        p += n;
        len -= (size_t)n;
    }
    return true;
}

static void write_all(struct client *client, const void *data, size_t len) {
    const char *p = data;
    size_t step = client->fake->options.dribble ? 1 : len;
    pthread_mutex_lock(&client->writing);
    while (len) {
        ssize_t n = send(client->fd, p, step < len ? step : len, MSG_NOSIGNAL);
        if (n <= 0) break;
        p += n;
        len -= (size_t)n;
    }
    pthread_mutex_unlock(&client->writing);
}

/* ---- Messages ---- */

/* What stands before the body of an answer to a user's statement: the trace's id, warnings. */
static uint8_t put_notes(struct client *client, struct strbuf *out) {
    const char *warning = client->version >= 4 ? client->fake->options.warning : NULL;
    if (client->trace)
        for (int i = 0; i < 16; i++) cass_put_u8(out, (uint8_t)i);
    if (warning) {
        cass_put_u16(out, 2);
        cass_put_string(out, str_from(warning));
        cass_put_string(out, str_from("second"));
    }
    return (uint8_t)((client->trace ? CQL_FLAG_TRACING : 0) | (warning ? CQL_FLAG_WARNING : 0));
}

/* As it goes over the wire. */
static void wrap(struct client *client, int stream, int opcode, struct str body, struct strbuf *out) {
    struct strbuf envelope = {0}, packed = {0}, noted = {0};
    struct cql_header header = {.version = (uint8_t)client->version,
                                .response = true,
                                .stream = (int16_t)stream,
                                .opcode = (uint8_t)opcode,
                                .size_bytes = (uint32_t)body.len};
    if (opcode == CQL_RESULT) {
        header.flags = put_notes(client, &noted);
        strbuf_add(&noted, body.data, body.len);
        body = strbuf_str(&noted);
        header.size_bytes = (uint32_t)body.len;
    }
    if (client->lz4 && !client->framed && body.len > 40) {
        cql_body_compress(&packed, body.data, body.len);
        body = strbuf_str(&packed);
        header.size_bytes = (uint32_t)body.len;
        header.flags |= CQL_FLAG_COMPRESSED;
    }
    uint8_t bytes[CQL_HEADER_BYTES];
    cql_header_encode(&header, bytes);
    strbuf_add(&envelope, bytes, sizeof bytes);
    strbuf_add(&envelope, body.data, body.len);
    if (client->framed)
        cql_segments_encode(out, envelope.data, envelope.len, client->lz4);
    else
        strbuf_add(out, envelope.data, envelope.len);
    strbuf_free(&envelope);
    strbuf_free(&packed);
    strbuf_free(&noted);
}

static void answer(struct client *client, int stream, int opcode, struct strbuf *body) {
    struct strbuf wire = {0};
    wrap(client, stream, opcode, strbuf_str(body), &wire);
    write_all(client, wire.data, wire.len);
    strbuf_free(&wire);
}

static void put_name(struct strbuf *out, const char *name) { cass_put_string(out, str_from(name)); }

/* Version 4: how many replicas failed; version 5: which, and why each did. */
static void put_reasons(const struct client *client, struct strbuf *out) {
    const struct fake_options *o = &client->fake->options;
    cass_put_i32(out, client->version >= 5 ? o->reason_count : 1);
    for (int i = 0; i < o->reason_count && client->version >= 5; i++) {
        cass_put_u8(out, 4);
        strbuf_add(out, "\x7f\0\0\2", 4);
        cass_put_u16(out, o->reasons[i]);
    }
}

static void put_error(const struct client *client, struct strbuf *out, int32_t code, struct str id) {
    cass_put_i32(out, code);
    put_name(out, "the fake says no");
    switch (code) {
    case CQL_UNPREPARED: cass_put_string(out, id); break;
    case CQL_UNAVAILABLE:
    case CQL_READ_TIMEOUT:
    case CQL_READ_FAILURE:
    case CQL_WRITE_FAILURE:
    case CQL_WRITE_TIMEOUT:
        cass_put_u16(out, CQL_QUORUM);
        cass_put_i32(out, code == CQL_UNAVAILABLE ? 2 : 1);
        cass_put_i32(out, code == CQL_UNAVAILABLE ? 1 : 2);
        if (code == CQL_READ_FAILURE || code == CQL_WRITE_FAILURE) put_reasons(client, out);
        if (code == CQL_READ_TIMEOUT || code == CQL_READ_FAILURE)
            cass_put_u8(out, client->fake->options.data_present);
        else if (code != CQL_UNAVAILABLE)
            put_name(out, "SIMPLE");
        break;
    default: break;
    }
}

static void put_column(struct strbuf *out, const char *name, enum cass_type_id type) {
    put_name(out, name);
    cass_put_u16(out, (uint16_t)type);
}

static void put_text_cell(struct strbuf *out, const char *text) { cass_put_long_string(out, str_from(text)); }

/* Rows of texts; "#1" is an int, "=b" a map that says { target: b }. */
static void put_texts(struct strbuf *out, int columns, int rows, const char *const *cells) {
    cass_put_i32(out, CQL_RESULT_ROWS);
    cass_put_i32(out, 1);
    cass_put_i32(out, columns);
    put_name(out, "system");
    put_name(out, "x");
    for (int i = 0; i < columns; i++) put_column(out, "c", CASS_TEXT);
    cass_put_i32(out, rows);
    for (int i = 0; i < rows * columns; i++) {
        if (cells[i] && cells[i][0] == '#') { /* an int */
            cass_put_i32(out, 4);
            cass_put_i32(out, atoi(cells[i] + 1));
        } else if (cells[i] && cells[i][0] == '=') {
            cass_put_i32(out, 4 + 4 + 6 + 4 + (int32_t)strlen(cells[i] + 1));
            cass_put_i32(out, 1);
            put_text_cell(out, "target");
            put_text_cell(out, cells[i] + 1);
        } else if (cells[i]) {
            put_text_cell(out, cells[i]);
        } else {
            cass_put_i32(out, -1);
        }
    }
}

static bool contains(struct str text, const char *part) {
    return memmem(text.data, text.len, part, strlen(part)) != NULL;
}

/* ---- The cluster, as the system tables show it ---- */

static void begin_rows(struct strbuf *out, int columns, int rows) {
    cass_put_i32(out, CQL_RESULT_ROWS);
    cass_put_i32(out, 1);
    cass_put_i32(out, columns);
    put_name(out, "system");
    put_name(out, "x");
    for (int i = 0; i < columns; i++) put_column(out, "c", CASS_BLOB);
    cass_put_i32(out, rows);
}

static void put_id(struct strbuf *out, int number) {
    uint8_t id[16] = "fake node ";
    cass_store_u32(id + 12, (uint32_t)number);
    cass_put_i32(out, 16);
    strbuf_add(out, id, sizeof id);
}

static void put_inet(struct strbuf *out, int address) {
    uint8_t bytes[4] = {127, 0, 0, (uint8_t)(address ? address : 1)};
    cass_put_i32(out, 4);
    strbuf_add(out, bytes, 4);
}

static void put_text_or(struct strbuf *out, const char *text, const char *otherwise, const char *last) {
    put_text_cell(out, text ? text : otherwise ? otherwise : last);
}

/* "1, 2" as a set<text>. */
static void put_token_set(struct strbuf *out, const char *tokens) {
    struct strbuf set = {0};
    int count = 0;
    if (!tokens) {
        cass_put_i32(out, -1);
        return;
    }
    cass_put_i32(&set, 0);
    for (const char *p = tokens; *p; count++) {
        size_t len = strcspn(p, ", ");
        cass_put_long_string(&set, (struct str){p, len});
        p += len + strspn(p + len, ", ");
    }
    cass_store_u32(set.data, (uint32_t)count);
    cass_put_long_string(out, strbuf_str(&set));
    strbuf_free(&set);
}

static void put_local(struct client *client, struct str text, struct strbuf *out) {
    struct fake_cql *fake = client->fake;
    const struct fake_options *o = &fake->options;
    if (contains(text, "schema_version FROM")) {
        atomic_fetch_add(&fake->schema_read, 1);
        begin_rows(out, 1, 1);
        put_id(out, atomic_load(&fake->schema));
    } else if (contains(text, "partitioner")) {
        begin_rows(out, 6, 1);
        put_id(out, fake->port + 1000000 * (o->address ? o->address - 1 : 0));
        put_text_or(out, o->datacenter, NULL, "dc1");
        put_text_or(out, o->rack, NULL, "rack1");
        put_token_set(out, o->tokens_own);
        put_inet(out, o->address);
        put_text_cell(out, "org.apache.cassandra.dht.Murmur3Partitioner");
    } else {
        begin_rows(out, 3, 1);
        put_text_or(out, o->datacenter, NULL, "dc1");
        put_text_cell(out, "9.9-fake");
        put_id(out, fake->port + 1000000 * (o->address ? o->address - 1 : 0));
    }
}

static void put_peers(struct client *client, bool ports, struct strbuf *out) {
    struct fake_cql *fake = client->fake;
    const struct fake_options *o = &fake->options;
    atomic_fetch_add(&fake->peers_read, 1);
    pthread_mutex_lock(&fake->lock);
    begin_rows(out, ports ? 7 : 6, fake->peer_count);
    for (int i = 0; i < fake->peer_count; i++) {
        const struct fake_peer *peer = &fake->peers[i];
        put_id(out, peer->port + 1000000 * (peer->address ? peer->address - 1 : 0));
        put_text_or(out, peer->datacenter, o->datacenter, "dc1");
        put_text_or(out, peer->rack, o->rack, "rack1");
        put_token_set(out, peer->tokens);
        if (i % 2) { /* "whatever address it is asked at": then its address among the nodes counts */
            cass_put_i32(out, 4);
            cass_put_i32(out, 0);
        } else {
            put_inet(out, peer->address);
        }
        put_inet(out, peer->address);
        if (ports) {
            cass_put_i32(out, 4);
            cass_put_i32(out, peer->port);
        }
    }
    pthread_mutex_unlock(&fake->lock);
}

static void put_replication(struct client *client, struct strbuf *out) {
    struct strbuf map = {0};
    char factor[16];
    int rf = client->fake->options.replication_factor;
    snprintf(factor, sizeof factor, "%d", rf ? rf : 1);
    const char *const texts[] = {"class", "org.apache.cassandra.locator.SimpleStrategy", "replication_factor", factor};
    cass_put_i32(&map, 2);
    for (int i = 0; i < 4; i++) put_text_cell(&map, texts[i]);
    begin_rows(out, 2, 1);
    put_text_cell(out, "ks");
    cass_put_long_string(out, strbuf_str(&map));
    strbuf_free(&map);
}

/* What the client itself and the catalog ask for; false: it is the user's. */
static bool system_query(struct client *client, struct str text, struct strbuf *out) {
    if (contains(text, "system.local")) {
        put_local(client, text, out);
    } else if (contains(text, "system.peers")) {
        put_peers(client, contains(text, "peers_v2"), out);
    } else if (contains(text, "keyspace_name, replication")) {
        put_replication(client, out);
    } else if (contains(text, "system_schema.columns")) {
        static const char *const cells[][12] = {
            {"t", "a", "none", "partition_key", "#0", "int", "t", "b", "none", "regular", "#-1", "text"},
            {"t", "a", "none", "partition_key", "#0", "int", "t", "b", "asc", "clustering", "#0", "text"}};
        put_texts(out, 6, 2, cells[client->fake->options.clustered]);
    } else if (contains(text, "system_schema.tables")) {
        put_texts(out, 2, 1, (const char *const[]){"t", ""});
    } else if (contains(text, "system_schema.keyspaces")) {
        put_texts(out, 1, 2, (const char *const[]){"system", "ks"});
    } else if (contains(text, "system_schema.indexes")) {
        put_texts(out, 3, client->fake->options.indexed, (const char *const[]){"t_b", "COMPOSITES", "=b"});
    } else if (contains(text, "IndexInfo")) {
        put_texts(out, 1, client->fake->options.indexed, (const char *const[]){"t_b"});
    } else if (contains(text, "system.size_estimates")) {
        put_texts(out, 4, 0, NULL);
    } else {
        return false;
    }
    return true;
}

/* Is the node the owner? By the tokens that it and its peers have. */
static bool owns(struct fake_cql *fake, int64_t token) {
    bool found = false, own = false, first_own = false;
    int64_t best = INT64_MAX, first = INT64_MAX;
    pthread_mutex_lock(&fake->lock);
    for (int i = -1; i < fake->peer_count; i++) {
        const char *p = i < 0 ? fake->options.tokens_own : fake->peers[i].tokens;
        while (p && *p) {
            char *end;
            int64_t t = strtoll(p, &end, 10);
            if (t >= token && t <= best) {
                best = t;
                own = i < 0;
                found = true;
            }
            if (t <= first) {
                first = t;
                first_own = i < 0;
            }
            p = end + strspn(end, ", ");
        }
    }
    pthread_mutex_unlock(&fake->lock);
    return found ? own : first_own;
}

struct parameters {
    bool skip_metadata, paged;
    int page_rows;
    int first_row;
    int64_t start, end; /* the first two values, when they are bigints: a token range */
    struct str key;     /* the value that is an int: the partition key */
    bool bad;           /* has the text that no row may have */
    int64_t timestamp;
};

/* What a prepared statement is; its id says so. */
struct statement {
    bool select, count, token;
    int columns;
};

static int row_count(const struct client *client) {
    return client->fake->options.rows ? client->fake->options.rows : 10;
}

/* Row i of n has a token in the middle of the i-th part of the ring, or of its crowded part; so many are not behind `token`. */
static int rows_up_to(const struct client *client, int64_t token) {
    uint64_t crowd = client->fake->options.crowd ? (uint64_t)client->fake->options.crowd : 1;
    uint64_t part = UINT64_MAX / crowd / (uint64_t)row_count(client), at = (uint64_t)token - (uint64_t)INT64_MIN;
    uint64_t rows = at / part + (at % part >= part / 2);
    return rows > (uint64_t)row_count(client) ? row_count(client) : (int)rows;
}

static void selected_rows(const struct client *client, const struct statement *statement, const struct parameters *p,
                          int *first, int *last) {
    bool range = statement->token && client->fake->options.tokens;
    *first = range ? rows_up_to(client, p->start) : 0;
    *last = range ? rows_up_to(client, p->end) : row_count(client);
}

/* Is it too much to ask for? */
static bool is_refused(const struct client *client, const struct statement *statement, const struct parameters *p) {
    const struct fake_options *o = &client->fake->options;
    int first, last;
    selected_rows(client, statement, p, &first, &last);
    if (statement->count) return o->no_counts;
    return (o->max_page_rows && p->page_rows > o->max_page_rows) ||
           (o->max_range_rows && last - first > o->max_range_rows);
}

static void put_count(struct client *client, const struct statement *statement, const struct parameters *p,
                      struct strbuf *out) {
    int first, last;
    selected_rows(client, statement, p, &first, &last);
    cass_put_i32(out, CQL_RESULT_ROWS);
    cass_put_i32(out, 4);
    cass_put_i32(out, 1);
    cass_put_i32(out, 1);
    cass_put_i32(out, 8);
    cass_put_i64(out, last - first);
}

static void put_rows(struct client *client, const struct statement *statement, const struct parameters *p,
                     struct strbuf *out) {
    const struct fake_options *o = &client->fake->options;
    int page = o->page_rows < 0 ? p->page_rows : o->page_rows ? o->page_rows : 3, columns = statement->columns;
    bool metadata = !p->skip_metadata;
    int first, rows;
    selected_rows(client, statement, p, &first, &rows);
    if (p->first_row > first) first = p->first_row;
    int last = p->paged && first + page < rows ? first + page : rows;
    cass_put_i32(out, CQL_RESULT_ROWS);
    cass_put_i32(out, (last < rows ? 2 : 0) | (metadata ? 1 : 4));
    cass_put_i32(out, columns);
    if (last < rows) {
        cass_put_i32(out, 4);
        cass_put_i32(out, last);
    }
    if (metadata) {
        put_name(out, "ks");
        put_name(out, "t");
        put_column(out, "a", CASS_INT);
        if (columns > 1) put_column(out, "b", CASS_TEXT);
    }
    cass_put_i32(out, last - first);
    for (int i = first; i < last; i++) {
        char text[32];
        snprintf(text, sizeof text, "row %d", i);
        cass_put_i32(out, 4);
        cass_put_i32(out, i);
        if (columns > 1) put_text_cell(out, text);
    }
}

/* ---- Faults ---- */

static bool take_fault(struct client *client) {
    struct fake_cql *fake = client->fake;
    const struct fake_options *o = &fake->options;
    if (atomic_load(&fake->fault) < FAKE_ERROR || atomic_fetch_add(&fake->answers, 1) < o->fault_skip) return false;
    int before = atomic_fetch_add(&fake->faults, 1);
    return o->fault_count == 0 || before < o->fault_count;
}

struct late {
    struct client *client;
    struct strbuf wire;
};

static void *answer_late(void *data) {
    struct late *late = data;
    struct fake_cql *fake = late->client->fake;
    usleep((useconds_t)fake->options.late_ms * 1000);
    atomic_fetch_sub(&fake->late, 1);
    write_all(late->client, late->wire.data, late->wire.len);
    strbuf_free(&late->wire);
    free(late);
    atomic_fetch_sub(&fake->late_threads, 1);
    return NULL;
}

/* The answer to a user's statement, spoilt as the options want it. False: the connection ends. */
static bool user_answer(struct client *client, int stream, struct strbuf *body, struct str id) {
    atomic_fetch_add(&client->fake->requests, 1);
    enum fake_fault fault = take_fault(client) ? (enum fake_fault)atomic_load(&client->fake->fault) : FAKE_NONE;
    struct strbuf wire = {0}, error = {0};
    bool go_on = true;
    switch (fault) {
    case FAKE_ERROR:
    case FAKE_UNPREPARED:
        put_error(client, &error, fault == FAKE_UNPREPARED ? CQL_UNPREPARED : client->fake->options.error_code, id);
        answer(client, stream, CQL_ERROR, &error);
        break;
    case FAKE_NO_ANSWER: break;
    case FAKE_LATE: {
        struct late *late = calloc(1, sizeof *late);
        pthread_t thread;
        late->client = client;
        atomic_fetch_add(&client->fake->late_threads, 1);
        wrap(client, stream, CQL_RESULT, strbuf_str(body), &late->wire);
        int waiting = atomic_fetch_add(&client->fake->late, 1) + 1; /* one thread a connection, and tests have one */
        if (waiting > atomic_load(&client->fake->most_late)) atomic_store(&client->fake->most_late, waiting);
        pthread_create(&thread, NULL, answer_late, late);
        pthread_detach(thread);
        break;
    }
    case FAKE_WRONG_STREAM: answer(client, stream + 1000, CQL_RESULT, body); break;
    case FAKE_WRONG_OPCODE: answer(client, stream, CQL_AUTHENTICATE, body); break;
    case FAKE_CLOSE_MID_PAGE:
        wrap(client, stream, CQL_RESULT, strbuf_str(body), &wire);
        write_all(client, wire.data, wire.len / 2);
        go_on = false;
        break;
    case FAKE_CORRUPT:
    case FAKE_CORRUPT_HEADER:
        wrap(client, stream, CQL_RESULT, strbuf_str(body), &wire);
        wire.data[fault == FAKE_CORRUPT ? wire.len - 10 : 1] ^= 4;
        write_all(client, wire.data, wire.len);
        break;
    case FAKE_HUGE: {
        uint8_t header[CQL_HEADER_BYTES] = {
            (uint8_t)(0x80 | client->version), 0, 0, 1, CQL_RESULT, 0xFF, 0xFF, 0xFF, 0xFF};
        write_all(client, header, sizeof header);
        break;
    }
    case FAKE_MALFORMED:
        body->len -= 3;
        answer(client, stream, CQL_RESULT, body);
        break;
    default: answer(client, stream, CQL_RESULT, body);
    }
    strbuf_free(&wire);
    strbuf_free(&error);
    return go_on;
}

/* ---- Requests ---- */

static bool is_bad(const struct client *client, struct str value) {
    const char *bad = client->fake->options.bad_text;
    return bad && value.data && str_equal(value, str_from(bad));
}

static struct parameters read_parameters(struct client *client, struct cass_reader *r) {
    struct parameters p = {.timestamp = INT64_MIN};
    cass_read_u16(r);
    int flags = client->version >= 5 ? cass_read_i32(r) : cass_read_u8(r);
    p.skip_metadata = flags & 2;
    p.paged = flags & 4;
    if (flags & 1)
        for (int n = cass_read_u16(r), i = 0; i < n; i++) {
            struct str value = cass_read_bytes(r);
            if (value.len == 4) p.key = value;
            p.bad |= is_bad(client, value);
            if (i < 2 && value.len == 8) *(i ? &p.end : &p.start) = (int64_t)cass_load_u64(value.data);
        }
    if (flags & 4) p.page_rows = cass_read_i32(r);
    if (flags & 8) {
        struct str state = cass_read_bytes(r);
        assert(state.len == 4);
        p.first_row = (int)cass_load_u32(state.data);
    }
    if (flags & 0x10) cass_read_u16(r);
    if (flags & 0x20) p.timestamp = cass_read_i64(r);
    assert(!r->failed);
    return p;
}

static int count_char(struct str text, char c) {
    int count = 0;
    for (size_t i = 0; i < text.len; i++) count += text.data[i] == c;
    return count;
}

static void put_prepared(struct client *client, struct str text, struct strbuf *out) {
    int seen = atomic_fetch_add(&client->fake->prepares, 1);
    bool select = contains(text, "SELECT"), token = contains(text, "token(");
    bool other = seen > 0 && client->fake->options.other_columns;
    bool count = contains(text, "COUNT(*)");
    const char *from = memmem(text.data, text.len, " FROM ", 6);
    struct str list = {text.data, from ? (size_t)(from - text.data) : text.len};
    int binds = count_char(text, '?'), columns = select ? 1 + contains(list, "\"b\"") : 0;
    char id[8]; /* tells EXECUTE what it is (struct statement) */
    snprintf(id, sizeof id, "%c%d%c", count ? 'C' : select ? 'S' : 'W', columns, token ? 't' : '-');
    cass_put_i32(out, CQL_RESULT_PREPARED);
    put_name(out, id);
    if (client->version >= 5) put_name(out, "meta");
    cass_put_i32(out, 1);
    cass_put_i32(out, binds);
    if (client->version >= 4) cass_put_i32(out, 0);
    put_name(out, "ks");
    put_name(out, "t");
    for (int i = 0; i < binds; i++) put_column(out, "v", token ? CASS_BIGINT : i == 0 ? CASS_INT : CASS_TEXT);
    cass_put_i32(out, columns ? 1 : 4);
    cass_put_i32(out, columns);
    if (columns) {
        put_name(out, "ks");
        put_name(out, "t");
        put_column(out, "a", other || count ? CASS_BIGINT : CASS_INT);
        if (columns > 1) put_column(out, "b", CASS_TEXT);
    }
}

static bool bad_write(struct client *client, int stream, struct str id) {
    struct strbuf body = {0};
    atomic_fetch_add(&client->fake->requests, 1);
    put_error(client, &body, client->fake->options.error_code, id);
    answer(client, stream, CQL_ERROR, &body);
    strbuf_free(&body);
    return true;
}

static bool user_query(struct client *client, int stream, const struct statement *statement, const struct parameters *p,
                       struct str id) {
    struct strbuf body = {0};
    if (statement->select && statement->token && !p->first_row) atomic_fetch_add(&client->fake->ranges, 1);
    if (statement->select && is_refused(client, statement, p)) {
        atomic_fetch_add(&client->fake->refusals, 1);
        put_error(client, &body, client->fake->options.error_code, id);
        answer(client, stream, CQL_ERROR, &body);
        strbuf_free(&body);
        return true;
    }
    if (p->bad) return bad_write(client, stream, id);
    if (statement->count) {
        put_count(client, statement, p, &body);
    } else if (statement->select) {
        put_rows(client, statement, p, &body);
    } else {
        atomic_fetch_add(&client->fake->writes, 1);
        atomic_store(&client->fake->timestamp, p->timestamp);
        cass_put_i32(&body, CQL_RESULT_VOID);
    }
    bool go_on = user_answer(client, stream, &body, id);
    strbuf_free(&body);
    return go_on;
}

static bool batch(struct client *client, int stream, struct cass_reader *r) {
    struct str id = {"", 0};
    cass_read_u8(r);
    int count = cass_read_u16(r);
    bool bad = false;
    for (int i = 0; i < count; i++) {
        cass_read_u8(r); /* by id */
        id = cass_read_string(r);
        struct str key = {"", 0};
        for (int n = cass_read_u16(r); n > 0; n--) {
            struct str value = cass_read_bytes(r);
            if (value.len == 4) key = value;
            bad |= is_bad(client, value);
        }
        if (!owns(client->fake, cass_murmur3_token(key.data, key.len))) atomic_fetch_add(&client->fake->foreign, 1);
    }
    cass_read_u16(r);
    int flags = client->version >= 5 ? cass_read_i32(r) : cass_read_u8(r);
    atomic_store(&client->fake->timestamp, flags & 0x20 ? cass_read_i64(r) : INT64_MIN);
    assert(!r->failed && r->pos == r->end);
    if (bad) return bad_write(client, stream, id);
    atomic_fetch_add(&client->fake->writes, count);
    struct strbuf body = {0};
    cass_put_i32(&body, CQL_RESULT_VOID);
    bool go_on = user_answer(client, stream, &body, id);
    strbuf_free(&body);
    return go_on;
}

static bool login(struct client *client, int stream, struct cass_reader *r) {
    struct strbuf body = {0};
    struct str token = cass_read_long_string(r);
    if (client->fake->options.fault == FAKE_CHALLENGE) {
        cass_put_long_string(&body, str_from("more"));
        answer(client, stream, CQL_AUTH_CHALLENGE, &body);
        strbuf_free(&body);
        return true;
    }
    bool right = str_equal(token, (struct str){"\0u\0p", 4}) && client->fake->options.fault != FAKE_REFUSE_LOGIN;
    if (right)
        cass_put_i32(&body, -1);
    else
        put_error(client, &body, CQL_BAD_CREDENTIALS, (struct str){"", 0});
    answer(client, stream, right ? CQL_AUTH_SUCCESS : CQL_ERROR, &body);
    strbuf_free(&body);
    return true;
}

static void put_supported(struct client *client, struct strbuf *body) {
    bool lz4 = !client->fake->options.no_lz4;
    cass_put_u16(body, 1);
    put_name(body, "COMPRESSION");
    cass_put_u16(body, lz4 ? 2 : 1);
    put_name(body, "snappy");
    if (lz4) put_name(body, "lz4");
}

static bool wants_login(const struct fake_options *o) {
    return o->login || o->fault == FAKE_REFUSE_LOGIN || o->fault == FAKE_CHALLENGE;
}

static bool handle(struct client *client, const struct cql_header *header, struct cass_reader r) {
    const struct fake_options *o = &client->fake->options;
    struct strbuf body = {0};
    bool go_on = true;
    int stream = header->stream;
    client->trace = header->flags & CQL_FLAG_TRACING;
    if (client->trace) atomic_fetch_add(&client->fake->traced, 1);
    switch (header->opcode) {
    case CQL_OPTIONS:
        if (client->options_seen++) {
            atomic_fetch_add(&client->fake->heartbeats, 1);
            if (o->fault == FAKE_NO_HEARTBEAT) break;
        }
        put_supported(client, &body);
        answer(client, stream, CQL_SUPPORTED, &body);
        break;
    case CQL_STARTUP:
        for (int n = cass_read_u16(&r); n > 0; n--) {
            struct str key = cass_read_string(&r), value = cass_read_string(&r);
            if (str_equal(key, str_from("COMPRESSION"))) client->lz4 = str_equal(value, str_from("lz4"));
        }
        if (o->fault == FAKE_NOT_NOW) {
            put_error(client, &body, CQL_OVERLOADED, (struct str){"", 0});
            answer(client, stream, CQL_ERROR, &body);
            break;
        }
        if (wants_login(o)) put_name(&body, "fake.PasswordAuthenticator");
        bool lz4 = client->lz4;
        client->lz4 = false; /* the answer is as yet bare */
        answer(client, stream, wants_login(o) ? CQL_AUTHENTICATE : CQL_READY, &body);
        client->lz4 = lz4;
        client->framed = client->version >= 5;
        break;
    case CQL_AUTH_RESPONSE: go_on = login(client, stream, &r); break;
    case CQL_QUERY: {
        struct str text = cass_read_long_string(&r);
        struct parameters p = read_parameters(client, &r);
        if (o->old_peers && contains(text, "peers_v2")) {
            put_error(client, &body, CQL_INVALID, (struct str){"", 0});
            answer(client, stream, CQL_ERROR, &body);
        } else if (contains(text, "CREATE KEYSPACE")) {
            cass_put_i32(&body, CQL_RESULT_SCHEMA_CHANGE);
            for (int i = 0; i < 3; i++) put_name(&body, (const char *const[]){"CREATED", "KEYSPACE", "k"}[i]);
            answer(client, stream, CQL_RESULT, &body);
        } else if (system_query(client, text, &body))
            answer(client, stream, CQL_RESULT, &body);
        else
            go_on = user_query(client, stream, &(struct statement){.select = contains(text, "SELECT"), .columns = 2},
                               &p, (struct str){"", 0});
        break;
    }
    case CQL_PREPARE:
        put_prepared(client, cass_read_long_string(&r), &body);
        answer(client, stream, CQL_RESULT, &body);
        break;
    case CQL_EXECUTE: {
        struct str id = cass_read_string(&r);
        if (client->version >= 5) cass_read_string(&r);
        struct parameters p = read_parameters(client, &r);
        struct statement statement = {id.data[0] != 'W', id.data[0] == 'C', id.data[2] == 't', id.data[1] - '0'};
        int64_t token = statement.token ? p.end : cass_murmur3_token(p.key.data ? p.key.data : "", p.key.len);
        if (!owns(client->fake, token)) atomic_fetch_add(&client->fake->foreign, 1);
        go_on = user_query(client, stream, &statement, &p, id);
        break;
    }
    case CQL_BATCH: go_on = batch(client, stream, &r); break;
    case CQL_REGISTER:
        answer(client, stream, CQL_READY, &body);
        atomic_store(&client->registered, true);
        atomic_fetch_add(&client->fake->registered, 1);
        break;
    default: go_on = false;
    }
    strbuf_free(&body);
    return go_on;
}

/* ---- Connections ---- */

static bool refuse_version(struct client *client, int stream) {
    struct strbuf body = {0};
    if (client->fake->options.beta) {
        cass_put_i32(&body, CQL_PROTOCOL_ERROR);
        put_name(&body, "Beta version of the protocol used (5/v5-beta), but USE_BETA flag is unset");
    } else {
        put_error(client, &body, CQL_PROTOCOL_ERROR, (struct str){"", 0});
    }
    answer(client, stream, CQL_ERROR, &body);
    strbuf_free(&body);
    return true;
}

/* Takes whole envelopes off client->in. */
static bool handle_all(struct client *client) {
    size_t pos = 0;
    bool go_on = true;
    while (go_on && client->in.len - pos >= CQL_HEADER_BYTES) {
        struct cql_header header;
        const uint8_t *p = (const uint8_t *)client->in.data + pos;
        if (cql_header_decode(p, &header, NULL) != STATUS_OK) return false;
        if (client->in.len - pos - CQL_HEADER_BYTES < header.size_bytes) break;
        int highest = client->fake->options.version ? client->fake->options.version : 5;
        const uint8_t *body = p + CQL_HEADER_BYTES;
        size_t size = header.size_bytes;
        uint8_t *plain = NULL;
        uint32_t plain_size;
        if (header.flags & CQL_FLAG_COMPRESSED) {
            if (cql_body_size(body, size, &plain_size, NULL) != STATUS_OK) return false;
            plain = malloc(plain_size + 1);
            if (cql_body_decompress(body, size, plain, plain_size, NULL) != STATUS_OK) return false;
            body = plain;
            size = plain_size;
        }
        bool refused = header.version > highest || (client->fake->options.beta && header.version == highest);
        client->version = header.version > highest ? highest : header.version;
        go_on = refused ? refuse_version(client, header.stream) : handle(client, &header, cass_reader_over(body, size));
        free(plain);
        pos += CQL_HEADER_BYTES + header.size_bytes;
    }
    memmove(client->in.data, client->in.data + pos, client->in.len - pos);
    client->in.len -= pos;
    return go_on;
}

/* One segment of version 5. */
static bool read_segment(struct client *client) {
    static __thread uint8_t buf[CQL_SEGMENT_MAX_BYTES], scratch[CQL_SEGMENT_MAX_PAYLOAD];
    size_t have = 0;
    for (;;) {
        struct cql_segment segment;
        bool complete;
        if (cql_segment_decode(buf, have, client->lz4, scratch, &segment, &complete, NULL) != STATUS_OK) return false;
        if (complete) {
            strbuf_add(&client->in, segment.payload, segment.len);
            return true;
        }
        if (!read_all(client->fd, buf + have, segment.used_bytes - have)) return false;
        have = segment.used_bytes;
    }
}

static void *serve(void *data) {
    struct client *client = data;
    enum fake_fault fault = client->fake->options.fault;
    static const char web[] = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
    char buf[65536];
    if (fault == FAKE_NOT_CQL && read_all(client->fd, buf, 1)) write_all(client, web, sizeof web - 1);
    while (fault != FAKE_CLOSE_ON_ACCEPT) {
        if (client->framed && fault != FAKE_SILENT) {
            if (!read_segment(client)) break;
        } else {
            /* Not more than the message: what follows STARTUP is framed. */
            size_t want = 1;
            if (client->in.len >= CQL_HEADER_BYTES)
                want = CQL_HEADER_BYTES + cass_load_u32(client->in.data + 5) - client->in.len;
            else
                want = CQL_HEADER_BYTES - client->in.len;
            ssize_t n = recv(client->fd, buf, want < sizeof buf ? want : sizeof buf, 0);
            if (n <= 0) break;
            strbuf_add(&client->in, buf, (size_t)n);
        }
        while (atomic_load(&client->fake->paused)) usleep(1000);
        if (fault == FAKE_SILENT || fault == FAKE_NOT_CQL)
            strbuf_clear(&client->in);
        else if (!handle_all(client))
            break;
    }
    atomic_store(&client->gone, true);
    atomic_fetch_add(&client->fake->ended, 1);
    shutdown(client->fd, SHUT_RDWR);
    strbuf_free(&client->in);
    return NULL;
}

static void *accept_all(void *data) {
    struct fake_cql *fake = data;
    for (;;) {
        int fd = accept(fake->listener, NULL, NULL);
        if (fd < 0) return NULL;
        int one = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        struct client *client = calloc(1, sizeof *client);
        client->fake = fake;
        client->fd = fd;
        client->version = 4;
        pthread_mutex_init(&client->writing, NULL);
        atomic_fetch_add(&fake->connections, 1);
        pthread_mutex_lock(&fake->lock);
        bool taken = !fake->stopping && fake->client_count < MAX_CONNECTIONS;
        if (taken) {
            fake->clients[fake->client_count++] = client;
            pthread_create(&client->thread, NULL, serve, client);
        }
        pthread_mutex_unlock(&fake->lock);
        if (!taken) {
            close(fd);
            free(client);
        }
    }
}

struct fake_cql *fake_cql_start(const struct fake_options *options, int port) {
    struct fake_cql *fake = calloc(1, sizeof *fake);
    fake->options = *options;
    atomic_init(&fake->timestamp, INT64_MIN);
    atomic_init(&fake->fault, options->fault);
    pthread_mutex_init(&fake->lock, NULL);
    fake->listener = socket(AF_INET, SOCK_STREAM, 0);
    int one = 1;
    setsockopt(fake->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (options->address) address.sin_addr.s_addr = htonl(0x7F000000 + (uint32_t)options->address);
    address.sin_port = htons((uint16_t)port);
    socklen_t len = sizeof address;
    if (bind(fake->listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(fake->listener, 64) != 0 ||
        getsockname(fake->listener, (struct sockaddr *)&address, &len) != 0) {
        perror("fake_cql");
        exit(1);
    }
    fake->port = ntohs(address.sin_port);
    pthread_create(&fake->thread, NULL, accept_all, fake);
    return fake;
}

void fake_cql_stop(struct fake_cql *fake) {
    pthread_mutex_lock(&fake->lock);
    fake->stopping = true;
    pthread_mutex_unlock(&fake->lock);
    atomic_store(&fake->paused, false);
    shutdown(fake->listener, SHUT_RDWR);
    pthread_join(fake->thread, NULL);
    close(fake->listener);
    for (int i = 0; i < fake->client_count; i++) {
        shutdown(fake->clients[i]->fd, SHUT_RDWR);
        pthread_join(fake->clients[i]->thread, NULL);
    }
    while (atomic_load(&fake->late_threads)) usleep(1000);
    for (int i = 0; i < fake->client_count; i++) {
        close(fake->clients[i]->fd);
        free(fake->clients[i]);
    }
    pthread_mutex_destroy(&fake->lock);
    free(fake);
}

int fake_cql_port(const struct fake_cql *fake) { return fake->port; }

void fake_cql_set_peers(struct fake_cql *fake, const struct fake_peer *peers, int count) {
    assert(count <= FAKE_MAX_PEERS);
    pthread_mutex_lock(&fake->lock);
    if (count) memcpy(fake->peers, peers, sizeof *peers * (size_t)count);
    fake->peer_count = count;
    pthread_mutex_unlock(&fake->lock);
}

void fake_cql_set_schema(struct fake_cql *fake, int version) { atomic_store(&fake->schema, version); }
void fake_cql_set_fault(struct fake_cql *fake, enum fake_fault fault) { atomic_store(&fake->fault, (int)fault); }
void fake_cql_pause(struct fake_cql *fake, bool paused) { atomic_store(&fake->paused, paused); }

void fake_cql_break(struct fake_cql *fake) {
    pthread_mutex_lock(&fake->lock);
    for (int i = 0; i < fake->client_count; i++) shutdown(fake->clients[i]->fd, SHUT_RDWR);
    pthread_mutex_unlock(&fake->lock);
}

static void send_event(struct fake_cql *fake, struct strbuf *body) {
    pthread_mutex_lock(&fake->lock);
    for (int i = 0; i < fake->client_count; i++)
        if (atomic_load(&fake->clients[i]->registered) && !atomic_load(&fake->clients[i]->gone))
            answer(fake->clients[i], -1, CQL_EVENT, body);
    pthread_mutex_unlock(&fake->lock);
    strbuf_free(body);
}

void fake_cql_event(struct fake_cql *fake, const char *kind, const char *change, const struct fake_peer *peer) {
    struct strbuf body = {0};
    put_name(&body, kind);
    put_name(&body, change);
    cass_put_u8(&body, 4);
    uint8_t bytes[4] = {127, 0, 0, (uint8_t)(peer->address ? peer->address : 1)};
    strbuf_add(&body, bytes, 4);
    cass_put_i32(&body, peer->port);
    send_event(fake, &body);
}

void fake_cql_keyspace_event(struct fake_cql *fake, const char *keyspace) {
    struct strbuf body = {0};
    put_name(&body, "SCHEMA_CHANGE");
    put_name(&body, "UPDATED");
    put_name(&body, "KEYSPACE");
    put_name(&body, keyspace);
    send_event(fake, &body);
}

int fake_cql_foreign(struct fake_cql *fake) { return atomic_load(&fake->foreign); }
int fake_cql_requests(struct fake_cql *fake) { return atomic_load(&fake->requests); }
int fake_cql_registered(struct fake_cql *fake) { return atomic_load(&fake->registered); }
int fake_cql_peers_read(struct fake_cql *fake) { return atomic_load(&fake->peers_read); }
int fake_cql_schema_read(struct fake_cql *fake) { return atomic_load(&fake->schema_read); }
int fake_cql_connections(struct fake_cql *fake) { return atomic_load(&fake->connections); }
int fake_cql_open(struct fake_cql *fake) { return atomic_load(&fake->connections) - atomic_load(&fake->ended); }
int fake_cql_refusals(struct fake_cql *fake) { return atomic_load(&fake->refusals); }
int fake_cql_ranges(struct fake_cql *fake) { return atomic_load(&fake->ranges); }
int fake_cql_writes(struct fake_cql *fake) { return atomic_load(&fake->writes); }
int fake_cql_most_late(struct fake_cql *fake) { return atomic_load(&fake->most_late); }
int fake_cql_prepares(struct fake_cql *fake) { return atomic_load(&fake->prepares); }
int fake_cql_heartbeats(struct fake_cql *fake) { return atomic_load(&fake->heartbeats); }
int fake_cql_traced(struct fake_cql *fake) { return atomic_load(&fake->traced); }
int64_t fake_cql_timestamp(struct fake_cql *fake) { return atomic_load(&fake->timestamp); }
