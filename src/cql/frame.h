/* Frames of the native protocol: what lies around messages on the wire.
 *
 * A message is an envelope: nine bytes of header (version, flags, stream, opcode, length) and a body. In versions 3 and 4 envelopes follow
 * each other, a body may be compressed by itself. In version 5, once the server has answered STARTUP, the stream consists
 * of segments of up to 128 KiB, with checksums, each holding whole envelopes (self-contained) or a part of a large one.
 * Sources: native_protocol_v4.spec section 2, native_protocol_v5.spec section 2, in Cassandra's tree.
 *
 * Pure functions; every byte from outside is checked. */
#ifndef MILLRACE_CQL_FRAME_H
#define MILLRACE_CQL_FRAME_H

#include "base/str.h"

enum {
    CQL_HEADER_BYTES = 9,
    CQL_SEGMENT_MAX_PAYLOAD = (1 << 17) - 1,
    CQL_SEGMENT_MAX_BYTES = CQL_SEGMENT_MAX_PAYLOAD + 8 + 4,
    CQL_MAX_FRAME_BYTES = 256 << 20, /* of a body; Cassandra's own default limit is 16 MiB for requests */
    CQL_COMPRESS_MIN_BYTES = 512,    /* smaller bodies are not worth it */
};

enum cql_opcode {
    CQL_ERROR = 0x00,
    CQL_STARTUP = 0x01,
    CQL_READY = 0x02,
    CQL_AUTHENTICATE = 0x03,
    CQL_OPTIONS = 0x05,
    CQL_SUPPORTED = 0x06,
    CQL_QUERY = 0x07,
    CQL_RESULT = 0x08,
    CQL_PREPARE = 0x09,
    CQL_EXECUTE = 0x0A,
    CQL_REGISTER = 0x0B,
    CQL_EVENT = 0x0C,
    CQL_BATCH = 0x0D,
    CQL_AUTH_CHALLENGE = 0x0E,
    CQL_AUTH_RESPONSE = 0x0F,
    CQL_AUTH_SUCCESS = 0x10,
};

enum { CQL_FLAG_COMPRESSED = 0x01, CQL_FLAG_TRACING = 0x02, CQL_FLAG_PAYLOAD = 0x04, CQL_FLAG_WARNING = 0x08 };

struct cql_header {
    uint8_t version;
    bool response;
    uint8_t flags;
    int16_t stream;
    uint8_t opcode;
    uint32_t size_bytes; /* of the body */
};

void cql_header_encode(const struct cql_header *header, uint8_t out[CQL_HEADER_BYTES]);
/* STATUS_BAD_DATA: a body of more than CQL_MAX_FRAME_BYTES. The version is the caller's to judge. */
enum status cql_header_decode(const uint8_t bytes[CQL_HEADER_BYTES], struct cql_header *out, struct error *err);

/* Appends the segments for bytes that consist of whole envelopes: as many of them in one segment as fit, larger ones cut. */
void cql_segments_encode(struct strbuf *out, const void *envelopes, size_t len, bool lz4);

struct cql_segment {
    const uint8_t *payload; /* within bytes, or in scratch when it was compressed */
    size_t len;
    bool self_contained;
    size_t used_bytes; /* of the whole segment */
};

/* Takes the first segment off bytes. *complete is false when more bytes are needed (segment->used_bytes then says how
 * many in all, as far as it is known). STATUS_BAD_DATA when a checksum or a length is wrong. */
enum status cql_segment_decode(const uint8_t *bytes, size_t len, bool lz4, uint8_t scratch[CQL_SEGMENT_MAX_PAYLOAD],
                               struct cql_segment *segment, bool *complete, struct error *err);

/* A body of versions 3 and 4: u32 size, LZ4 block. encode appends; decode needs out to have room for cql_body_size bytes. */
void cql_body_compress(struct strbuf *out, const void *body, size_t len);
enum status cql_body_size(const uint8_t *body, size_t len, uint32_t *size_bytes, struct error *err);
enum status cql_body_decompress(const uint8_t *body, size_t len, uint8_t *out, uint32_t size_bytes, struct error *err);

#endif
