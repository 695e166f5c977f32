/* What comes from a server: segments, bodies, types, values. The first byte says which. */
#include <stdlib.h>

#include "cass/bytes.h"
#include "cql/message.h"
#include "cql/ring.h"

/* The columns `replication` and `tokens`; then the replicas of every token, over three nodes. */
static void read_ring(struct str bytes, struct arena *arena) {
    enum { MAX_TOKENS = 64 };
    static const char *const places[3][2] = {{"a", "r"}, {"a", "s"}, {"b", "r"}};
    struct cql_replication replication;
    cql_replication_read(bytes, arena, &replication);
    struct cql_ring ring = {.node_count = 3};
    ring.nodes = ARENA_ARRAY(arena, struct cql_ring_node, 3);
    ring.tokens = ARENA_ARRAY(arena, struct cql_ring_token, MAX_TOKENS + 3);
    for (int i = 0; i < 3; i++) {
        ring.nodes[i] = (struct cql_ring_node){.datacenter = places[i][0], .rack = places[i][1]};
        (void)!cql_ring_add_tokens(&ring, MAX_TOKENS, i, bytes);
        ring.tokens[ring.token_count++] = (struct cql_ring_token){i, i};
    }
    cql_ring_finish(&ring, arena);
    for (int at = 0; at < ring.token_count; at++) {
        int nodes[CQL_MAX_REPLICAS], count = cql_ring_replicas(&ring, &replication, at, nodes);
        if (count > 3 || cql_ring_find(&ring, ring.tokens[at].token) != at) abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct cql_response *make_response(int version, enum cql_opcode opcode, const uint8_t *data, size_t size,
                                          uint8_t flags) {
    struct cql_header header = {.version = (uint8_t)version, .opcode = (uint8_t)opcode, .size_bytes = (uint32_t)size};
    struct cql_response *response = cql_response_create(&header);
    if (size) memcpy(response->data, data, size);
    if (cql_response_open(&response, flags, NULL) == STATUS_OK) return response;
    cql_response_free(response);
    return NULL;
}

/* Every cell of the page as the SQL type that the catalog would show, and encoded again. */
static void decode_page(const struct cql_rows *rows, const uint32_t *offsets, struct arena *arena) {
    int count = rows->row_count < 100 ? rows->row_count : 100;
    struct cass_cell *cells = ARENA_ARRAY(arena, struct cass_cell, (int64_t)count * rows->column_count + 1);
    cql_find_cells(rows->cells, offsets[0], count, rows->column_count, count, cells);
    for (int i = 0; i < rows->column_count; i++) {
        struct cass_codec codec;
        struct vector vec;
        const struct type *type = cass_type_to_sql(arena, rows->columns[i].type, true);
        struct error err;
        if (cass_codec_init(&codec, arena, rows->columns[i].type, type, "c", &err) != STATUS_OK) continue;
        vector_init(&vec, arena, type, count);
        if (cass_decode(&codec, rows->cells, cells + (int64_t)i * count, count, &vec, arena, count, 0, &err) !=
            STATUS_OK)
            continue;
        struct strbuf out = {0};
        for (int row = 0; row < count; row++) {
            if (cass_encode(&codec, &vec, row, &out, &err) != STATUS_OK) break;
            cass_encode_match(&codec, &vec, row, &out);
        }
        strbuf_free(&out);
    }
}

static void read_page(int version, const uint8_t *data, size_t size, uint8_t flags, struct arena *arena) {
    struct cql_response *response = make_response(version, CQL_RESULT, data, size, flags);
    if (!response) return;
    for (int i = 0; i < response->warning_count; i++) cql_response_warning(response, i);
    struct cql_rows rows;
    struct error err;
    if (cql_read_rows(response, arena, &rows, &err) == STATUS_OK) {
        uint32_t *offsets = malloc(((size_t)rows.row_count + 1) * sizeof *offsets);
        if (cql_index_rows(&rows, rows.column_count, offsets, &err) == STATUS_OK && rows.columns)
            decode_page(&rows, offsets, arena);
        free(offsets);
    }
    cql_response_free(response);
}

static void read_segments(const uint8_t *data, size_t size, bool lz4) {
    static uint8_t scratch[CQL_SEGMENT_MAX_PAYLOAD];
    struct error err;
    while (size) {
        struct cql_segment segment;
        bool complete;
        if (cql_segment_decode(data, size, lz4, scratch, &segment, &complete, &err) != STATUS_OK || !complete) return;
        if (segment.used_bytes > size) abort();
        struct cql_header header;
        if (segment.len >= CQL_HEADER_BYTES) (void)!cql_header_decode(segment.payload, &header, &err);
        data += segment.used_bytes;
        size -= segment.used_bytes;
    }
}

/* "type\0bytes": one value of a type. */
static void read_value(const uint8_t *data, size_t size, struct arena *arena) {
    const uint8_t *end = memchr(data, 0, size);
    if (!end) return;
    struct str text = {(const char *)data, (size_t)(end - data)};
    const struct cass_type *type;
    struct error err;
    if (cass_type_parse(arena, text, NULL, NULL, &type, &err) != STATUS_OK) return;
    const char *printed = cass_type_text(arena, type);
    const struct cass_type *again;
    if (cass_type_parse(arena, str_from(printed), NULL, NULL, &again, &err) != STATUS_OK) abort();
    size_t len = size - text.len - 1;
    uint8_t *page = calloc(1, len + CASS_CELL_PADDING);
    if (len) memcpy(page, end + 1, len);
    struct cass_cell cell = {0, (int32_t)len};
    struct cass_codec codec;
    struct vector vec;
    const struct type *sql = cass_type_to_sql(arena, type, true);
    if (cass_codec_init(&codec, arena, type, sql, "c", &err) == STATUS_OK) {
        vector_init(&vec, arena, sql, 1);
        struct strbuf out = {0};
        if (cass_decode(&codec, page, &cell, 1, &vec, arena, 1, 0, &err) == STATUS_OK)
            (void)!cass_encode(&codec, &vec, 0, &out, &err);
        strbuf_free(&out);
    }
    free(page);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2 || size > 1 << 20) return 0;
    struct arena arena;
    struct error err;
    arena_init(&arena, NULL);
    int version = data[1] & 0x20 ? 3 : data[1] & 1 ? 5 : 4;
    uint8_t flags = data[1] >> 1 & 0x0F;
    const uint8_t *body = data + 2;
    size_t len = size - 2;
    struct cql_response *response = NULL;
    switch (data[0] % 9) {
    case 0: read_segments(body, len, data[1] & 1); break;
    case 1: read_page(version, body, len, flags, &arena); break;
    case 2: {
        struct cql_prepared_result result;
        response = make_response(version, CQL_RESULT, body, len, flags);
        if (response) (void)!cql_read_prepared(response, &arena, &result, &err);
        break;
    }
    case 3: {
        struct cql_error error;
        response = make_response(version, CQL_ERROR, body, len, flags);
        if (response) (void)!cql_read_error(response, &error, &err);
        break;
    }
    case 4: {
        struct cql_supported supported;
        response = make_response(version, CQL_SUPPORTED, body, len, flags);
        if (response) (void)!cql_read_supported(response, &supported, &err);
        break;
    }
    case 5: cass_type_text(&arena, cass_type_from_class(&arena, (struct str){(const char *)body, len})); break;
    case 6: read_value(body, len, &arena); break;
    case 7: {
        struct cql_event event;
        response = make_response(version, CQL_EVENT, body, len, flags);
        if (response) (void)!cql_read_event(response, &event, &err);
        break;
    }
    case 8: read_ring((struct str){(const char *)body, len}, &arena); break;
    }
    cql_response_free(response);
    arena_destroy(&arena);
    return 0;
}
