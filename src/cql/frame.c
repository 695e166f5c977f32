#include "cql/frame.h"

#include <assert.h>
#include <lz4.h>

#include "cass/bytes.h"
#include "cql/crc.h"

enum { LENGTH_BITS = 17, LENGTH_MASK = (1 << LENGTH_BITS) - 1, CRC24_BYTES = 3, CRC32_BYTES = 4 };

void cql_header_encode(const struct cql_header *header, uint8_t out[CQL_HEADER_BYTES]) {
    out[0] = (uint8_t)(header->version | (header->response ? 0x80 : 0));
    out[1] = header->flags;
    cass_store_u16(out + 2, (uint16_t)header->stream);
    out[4] = header->opcode;
    cass_store_u32(out + 5, header->size_bytes);
}

enum status cql_header_decode(const uint8_t bytes[CQL_HEADER_BYTES], struct cql_header *out, struct error *err) {
    struct cql_header header = {
        .version = bytes[0] & 0x7F,
        .response = bytes[0] & 0x80,
        .flags = bytes[1],
        .stream = (int16_t)cass_load_u16(bytes + 2),
        .opcode = bytes[4],
        .size_bytes = cass_load_u32(bytes + 5),
    };
    if (header.size_bytes > CQL_MAX_FRAME_BYTES)
        return error_set(err, STATUS_BAD_DATA, "a frame of %u bytes, more than the limit of %d", header.size_bytes,
                         CQL_MAX_FRAME_BYTES);
    *out = header;
    return STATUS_OK;
}

/* ---- Segments. Header with LZ4: 17 bits of length, 17 bits of length when uncompressed (0: it is not compressed), a bit for
 * "self-contained", 5 unused; without: 17 bits of length, the bit, 6 unused. Little-endian, as the checksums are. ---- */

static int length_bytes(bool lz4) { return lz4 ? 5 : 3; }

static void put_segment(struct strbuf *out, const void *payload, size_t len, bool self_contained, bool lz4) {
    assert(len <= CQL_SEGMENT_MAX_PAYLOAD);
    int head = length_bytes(lz4) + CRC24_BYTES;
    int bound = lz4 ? LZ4_compressBound((int)len) : (int)len;
    strbuf_reserve(out, (size_t)(head + bound + CRC32_BYTES));
    uint8_t *start = (uint8_t *)out->data + out->len, *body = start + head;
    size_t body_len = len, plain_len = 0;
    if (lz4) {
        int packed = LZ4_compress_default(payload, (char *)body, (int)len, bound);
        if (packed > 0 && (size_t)packed < len) {
            plain_len = len;
            body_len = (size_t)packed;
        }
    }
    if (!plain_len) memcpy(body, payload, len);
    uint64_t header = body_len;
    if (lz4) header |= (uint64_t)plain_len << LENGTH_BITS;
    header |= (uint64_t)self_contained << (lz4 ? 2 * LENGTH_BITS : LENGTH_BITS);
    uint32_t crc24 = cql_crc24(header, length_bytes(lz4)), crc32 = cql_crc32(body, body_len);
    memcpy(start, &header, (size_t)length_bytes(lz4));
    memcpy(start + length_bytes(lz4), &crc24, CRC24_BYTES);
    memcpy(body + body_len, &crc32, CRC32_BYTES);
    out->len += (size_t)head + body_len + CRC32_BYTES;
}

void cql_segments_encode(struct strbuf *out, const void *envelopes, size_t len, bool lz4) {
    const uint8_t *p = envelopes, *end = p + len;
    while (p < end) {
        size_t used = 0;
        for (;;) { /* as many whole envelopes as fit */
            if (p + used == end) break;
            assert((size_t)(end - p) - used >= CQL_HEADER_BYTES);
            size_t envelope = CQL_HEADER_BYTES + cass_load_u32(p + used + 5);
            assert(envelope <= (size_t)(end - p) - used);
            if (used + envelope > CQL_SEGMENT_MAX_PAYLOAD) break;
            used += envelope;
        }
        if (used) {
            put_segment(out, p, used, true, lz4);
            p += used;
            continue;
        }
        size_t left = CQL_HEADER_BYTES + cass_load_u32(p + 5);
        while (left) {
            size_t part = left < CQL_SEGMENT_MAX_PAYLOAD ? left : CQL_SEGMENT_MAX_PAYLOAD;
            put_segment(out, p, part, false, lz4);
            p += part;
            left -= part;
        }
    }
}

enum status cql_segment_decode(const uint8_t *bytes, size_t len, bool lz4, uint8_t scratch[CQL_SEGMENT_MAX_PAYLOAD],
                               struct cql_segment *segment, bool *complete, struct error *err) {
    size_t lengths = (size_t)length_bytes(lz4), head = lengths + CRC24_BYTES;
    *complete = false;
    segment->used_bytes = head;
    if (len < head) return STATUS_OK;
    uint64_t header = 0;
    uint32_t crc24 = 0, crc32;
    memcpy(&header, bytes, lengths);
    memcpy(&crc24, bytes + lengths, CRC24_BYTES);
    if (cql_crc24(header, (int)lengths) != crc24)
        return error_set(err, STATUS_BAD_DATA, "the checksum of a segment's header is wrong");
    size_t body_len = header & LENGTH_MASK;
    size_t plain_len = lz4 ? header >> LENGTH_BITS & LENGTH_MASK : 0;
    segment->self_contained = header >> (lz4 ? 2 * LENGTH_BITS : LENGTH_BITS) & 1;
    segment->used_bytes = head + body_len + CRC32_BYTES;
    if (len < segment->used_bytes) return STATUS_OK;
    const uint8_t *body = bytes + head;
    memcpy(&crc32, body + body_len, CRC32_BYTES);
    if (cql_crc32(body, body_len) != crc32)
        return error_set(err, STATUS_BAD_DATA, "the checksum of a segment's payload is wrong");
    segment->payload = body;
    segment->len = body_len;
    if (plain_len) {
        if (LZ4_decompress_safe((const char *)body, (char *)scratch, (int)body_len, (int)plain_len) != (int)plain_len)
            return error_set(err, STATUS_BAD_DATA, "a segment that LZ4 cannot decompress");
        segment->payload = scratch;
        segment->len = plain_len;
    }
    *complete = true;
    return STATUS_OK;
}

/* ---- Compressed bodies ---- */

void cql_body_compress(struct strbuf *out, const void *body, size_t len) {
    assert(len <= LZ4_MAX_INPUT_SIZE);
    int bound = LZ4_compressBound((int)len);
    strbuf_reserve(out, 4 + (size_t)bound);
    cass_store_u32(out->data + out->len, (uint32_t)len);
    out->len += 4 + (size_t)LZ4_compress_default(body, out->data + out->len + 4, (int)len, bound);
}

enum status cql_body_size(const uint8_t *body, size_t len, uint32_t *size_bytes, struct error *err) {
    if (len < 4) return error_set(err, STATUS_BAD_DATA, "a compressed body of %zu bytes", len);
    uint32_t size = cass_load_u32(body);
    /* LZ4 makes at most 255 bytes out of one: a claim beyond that is a lie, and must not allocate. */
    if (size > CQL_MAX_FRAME_BYTES || size > (len - 4) * 255)
        return error_set(err, STATUS_BAD_DATA, "a compressed body of %zu bytes that claims to be %u", len, size);
    *size_bytes = size;
    return STATUS_OK;
}

enum status cql_body_decompress(const uint8_t *body, size_t len, uint8_t *out, uint32_t size_bytes, struct error *err) {
    if (LZ4_decompress_safe((const char *)body + 4, (char *)out, (int)(len - 4), (int)size_bytes) != (int)size_bytes)
        return error_set(err, STATUS_BAD_DATA, "a body that LZ4 cannot decompress");
    return STATUS_OK;
}
