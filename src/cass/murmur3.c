#include "cass/murmur3.h"

#define C1 UINT64_C(0x87c37b91114253d5)
#define C2 UINT64_C(0x4cf5ad432745937f)

static inline uint64_t rotl(uint64_t x, int r) { return x << r | x >> (64 - r); }

static inline uint64_t load_le64(const uint8_t *p) {
    uint64_t v;
    memcpy(&v, p, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap64(v);
#endif
    return v;
}

static inline uint64_t mix_k1(uint64_t k) { return rotl(k * C1, 31) * C2; }
static inline uint64_t mix_k2(uint64_t k) { return rotl(k * C2, 33) * C1; }

static inline uint64_t finish(uint64_t k) {
    k ^= k >> 33;
    k *= UINT64_C(0xff51afd7ed558ccd);
    k ^= k >> 33;
    k *= UINT64_C(0xc4ceb9fe1a85ec53);
    return k ^ k >> 33;
}

int64_t cass_murmur3_token(const void *partition_key_bytes, size_t len) {
    const uint8_t *p = partition_key_bytes;
    if (len == 0) return CASS_TOKEN_MIN;
    uint64_t h1 = 0, h2 = 0;
    size_t blocks = len / 16;
    for (size_t i = 0; i < blocks; i++, p += 16) {
        h1 ^= mix_k1(load_le64(p));
        h1 = (rotl(h1, 27) + h2) * 5 + 0x52dce729;
        h2 ^= mix_k2(load_le64(p + 8));
        h2 = (rotl(h2, 31) + h1) * 5 + 0x38495ab5;
    }
    /* The tail's bytes are sign-extended before they are shifted: Cassandra's Java code never masked them, and its tokens
     * are on disk. */
    int tail = (int)(len & 15);
    uint64_t k1 = 0, k2 = 0;
    for (int i = tail - 1; i >= 8; i--) k2 ^= (uint64_t)(int64_t)(int8_t)p[i] << (8 * (i - 8));
    if (tail > 8) h2 ^= mix_k2(k2);
    for (int i = (tail < 8 ? tail : 8) - 1; i >= 0; i--) k1 ^= (uint64_t)(int64_t)(int8_t)p[i] << (8 * i);
    if (tail > 0) h1 ^= mix_k1(k1);

    h1 ^= len;
    h2 ^= len;
    h1 += h2;
    h2 += h1;
    h1 = finish(h1);
    h2 = finish(h2);
    h1 += h2;
    int64_t token = (int64_t)h1;
    return token == CASS_TOKEN_MIN ? CASS_TOKEN_MAX : token;
}

enum status cass_partition_key_add(struct strbuf *key, int columns, struct str part, struct error *err) {
    if (part.len > CASS_KEY_MAX_BYTES || key->len + part.len + (columns > 1 ? 3 : 0) > CASS_KEY_MAX_BYTES)
        return error_set(err, STATUS_LIMIT_EXCEEDED, "a partition key of more than %d bytes", CASS_KEY_MAX_BYTES);
    if (columns > 1) {
        strbuf_putc(key, (char)(part.len >> 8));
        strbuf_putc(key, (char)part.len);
    }
    strbuf_add(key, part.data, part.len);
    if (columns > 1) strbuf_putc(key, 0);
    return STATUS_OK;
}

bool cass_partition_key_part(struct str key, int columns, int index, struct str *part) {
    if (columns == 1) {
        *part = key;
        return index == 0;
    }
    const uint8_t *p = (const uint8_t *)key.data;
    size_t pos = 0;
    for (int i = 0; i < columns; i++) {
        if (key.len - pos < 2) return false;
        size_t len = (size_t)p[pos] << 8 | p[pos + 1];
        if (key.len - pos - 2 < len + 1 || p[pos + 2 + len] != 0) return false;
        if (i == index) {
            *part = (struct str){key.data + pos + 2, len};
            return true;
        }
        pos += 2 + len + 1;
    }
    return false;
}
