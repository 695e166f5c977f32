#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "cass/bytes.h"
#include "cql/crc.h"
#include "cql/frame.h"

extern const struct CMUnitTest frame_tests[];
extern const size_t frame_tests_count;

/* Values from Cassandra 5.0.9's org.apache.cassandra.net.Crc. */
static void checksums(void **state) {
    (void)state;
    static const struct {
        uint64_t header;
        int len;
        uint32_t crc;
    } cases[] = {{0, 3, 0x7de777},
                 {0x20005, 3, 0x9a9919},
                 {0x1ffff, 3, 0xfe9138},
                 {0x123456, 3, 0xf5230f},
                 {0x3ffff, 3, 0x474025},
                 {UINT64_C(0x400000005), 5, 0x8eabe4},
                 {UINT64_C(0x7ffffffff), 5, 0x576593},
                 {UINT64_C(0x123456789a), 5, 0x40d313}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(cql_crc24(cases[i].header, cases[i].len), cases[i].crc);
    assert_int_equal(cql_crc32("", 0), 0x44777ed3);
    assert_int_equal(cql_crc32("hello, segment", 14), 0x9c8fb162);
    assert_int_equal(cql_crc32_update(0, "123456789", 9), 0xCBF43926);
    assert_int_equal(cql_crc32_table(0, "123456789", 9), 0xCBF43926);
    /* The fast way and the table agree at every length and alignment. */
    uint8_t bytes[1200];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(i * i * 31 + i);
    for (size_t len = 0; len < 1100; len++)
        assert_int_equal(cql_crc32_update(0x1234567, bytes + len % 16, len),
                         cql_crc32_table(0x1234567, bytes + len % 16, len));
}

static void headers(void **state) {
    (void)state;
    struct cql_header header = {
        .version = 5, .response = true, .flags = 8, .stream = -2, .opcode = CQL_RESULT, .size_bytes = 77};
    struct cql_header back;
    uint8_t bytes[CQL_HEADER_BYTES];
    cql_header_encode(&header, bytes);
    assert_memory_equal(bytes, "\x85\x08\xff\xfe\x08\x00\x00\x00\x4d", 9);
    assert_int_equal(cql_header_decode(bytes, &back, NULL), STATUS_OK);
    assert_int_equal(back.version, 5);
    assert_true(back.response);
    assert_int_equal(back.stream, -2);
    assert_int_equal(back.size_bytes, 77);
    memset(bytes + 5, 0xFF, 4);
    struct error err;
    assert_int_equal(cql_header_decode(bytes, &back, &err), STATUS_BAD_DATA);
    assert_string_equal(err.message, "a frame of 4294967295 bytes, more than the limit of 268435456");
}

static void put_envelope(struct strbuf *out, size_t body, int seed) {
    struct cql_header header = {.version = 5, .stream = 1, .opcode = CQL_QUERY, .size_bytes = (uint32_t)body};
    uint8_t bytes[CQL_HEADER_BYTES];
    cql_header_encode(&header, bytes);
    strbuf_add(out, bytes, sizeof bytes);
    for (size_t i = 0; i < body; i++) strbuf_putc(out, (char)(seed < 0 ? rand() : (int)(i / 9) + seed));
}

static void segments(void **state) {
    (void)state;
    uint8_t *scratch = xmalloc(CQL_SEGMENT_MAX_PAYLOAD);
    for (int lz4 = 0; lz4 < 2; lz4++) {
        struct strbuf plain = {0}, wire = {0}, back = {0};
        static const size_t sizes[] = {0, 1, 100, 131062, 131063, 131071, 400000, 5, 70000, 70000, 10};
        size_t self_contained = 0, parts = 0;
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) put_envelope(&plain, sizes[i], i % 2 ? (int)i : -1);
        cql_segments_encode(&wire, plain.data, plain.len, lz4);
        for (size_t pos = 0; pos < wire.len;) {
            struct cql_segment segment;
            bool complete;
            size_t left = wire.len - pos;
            const uint8_t *p = (const uint8_t *)wire.data + pos;
            /* Too few bytes are no error, whatever their number. */
            assert_int_equal(cql_segment_decode(p, 5, lz4, scratch, &segment, &complete, NULL), STATUS_OK);
            assert_false(complete);
            assert_int_equal(cql_segment_decode(p, left, lz4, scratch, &segment, &complete, NULL), STATUS_OK);
            assert_true(complete);
            size_t used = segment.used_bytes;
            strbuf_add(&back, segment.payload, segment.len);
            if (segment.self_contained)
                self_contained++;
            else
                parts++;
            assert_int_equal(cql_segment_decode(p, used - 1, lz4, scratch, &segment, &complete, NULL), STATUS_OK);
            assert_false(complete);
            assert_int_equal(segment.used_bytes, used);
            pos += used;
        }
        assert_int_equal(back.len, plain.len);
        assert_memory_equal(back.data, plain.data, plain.len);
        assert_int_equal(parts, 2 + 2 + 4);              /* 131063 and 131071 (with their headers), 400000 */
        assert_int_equal(self_contained, 1 + 1 + 1 + 1); /* 0 1 100 / 131062 / 5 70000 / 70000 10 */
        /* Every flipped bit is noticed. */
        struct strbuf one = {0}, small = {0};
        put_envelope(&small, 300, 3);
        cql_segments_encode(&one, small.data, small.len, lz4);
        for (size_t bit = 0; bit < one.len * 8; bit++) {
            struct cql_segment segment;
            bool complete;
            struct error err;
            one.data[bit / 8] = (char)(one.data[bit / 8] ^ 1 << bit % 8);
            enum status status =
                cql_segment_decode((uint8_t *)one.data, one.len, lz4, scratch, &segment, &complete, &err);
            assert_int_equal(status, STATUS_BAD_DATA);
            one.data[bit / 8] = (char)(one.data[bit / 8] ^ 1 << bit % 8);
        }
        strbuf_free(&one);
        strbuf_free(&small);
        strbuf_free(&plain);
        strbuf_free(&wire);
        strbuf_free(&back);
    }
    free(scratch);
}

static void compressed_bodies(void **state) {
    (void)state;
    struct strbuf body = {0}, packed = {0};
    for (int i = 0; i < 10000; i++) strbuf_printf(&body, "row %d ", i % 10);
    cql_body_compress(&packed, body.data, body.len);
    assert_true(packed.len < body.len / 10);
    uint32_t size;
    assert_int_equal(cql_body_size((uint8_t *)packed.data, packed.len, &size, NULL), STATUS_OK);
    assert_int_equal(size, body.len);
    uint8_t *out = xmalloc(size);
    assert_int_equal(cql_body_decompress((uint8_t *)packed.data, packed.len, out, size, NULL), STATUS_OK);
    assert_memory_equal(out, body.data, size);
    struct error err;
    assert_int_equal(cql_body_decompress((uint8_t *)packed.data, packed.len - 1, out, size, &err), STATUS_BAD_DATA);
    free(out);
    static const uint8_t liar[] = {0x0f, 0xff, 0xff, 0xff, 0};
    assert_int_equal(cql_body_size(liar, sizeof liar, &size, &err), STATUS_BAD_DATA);
    assert_int_equal(cql_body_size(liar, 3, &size, &err), STATUS_BAD_DATA);
    strbuf_free(&body);
    strbuf_free(&packed);
}

const struct CMUnitTest frame_tests[] = {
    cmocka_unit_test(checksums),
    cmocka_unit_test(headers),
    cmocka_unit_test(segments),
    cmocka_unit_test(compressed_bodies),
};
const size_t frame_tests_count = sizeof frame_tests / sizeof *frame_tests;
