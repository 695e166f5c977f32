#include "cql/crc.h"

#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { SLICES = 8 };

static uint32_t tables[SLICES][256];
static uint32_t (*update)(uint32_t crc, const void *data, size_t len) = cql_crc32_table;

uint32_t cql_crc24(uint64_t header, int len) {
    uint32_t crc = 0x875060;
    for (int i = 0; i < len; i++, header >>= 8) {
        crc ^= (uint32_t)(header & 0xFF) << 16;
        for (int bit = 0; bit < 8; bit++) {
            crc <<= 1;
            if (crc & 0x1000000) crc ^= 0x1974F0B;
        }
    }
    return crc;
}

/* Eight bytes at a time, one table each ("slicing by 8"). */
uint32_t cql_crc32_table(uint32_t crc, const void *data, size_t len) {
    const uint8_t *p = data;
    crc = ~crc;
    for (; len >= 8; p += 8, len -= 8) {
        uint32_t low, high;
        memcpy(&low, p, 4);
        memcpy(&high, p + 4, 4);
        low ^= crc;
        crc = tables[7][low & 0xFF] ^ tables[6][low >> 8 & 0xFF] ^ tables[5][low >> 16 & 0xFF] ^ tables[4][low >> 24] ^
              tables[3][high & 0xFF] ^ tables[2][high >> 8 & 0xFF] ^ tables[1][high >> 16 & 0xFF] ^
              tables[0][high >> 24];
    }
    for (; len; p++, len--) crc = tables[0][(crc ^ *p) & 0xFF] ^ crc >> 8;
    return ~crc;
}

#if defined(__x86_64__)

/* Folding by carry-less multiplication: V. Gopal et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ
 * Instruction" (Intel, 2009), with the paper's constants for the reflected polynomial. Four lanes of 16 bytes are folded
 * over 64 bytes, then into one, then reduced to 32 bits. */
__attribute__((target("sse4.1,pclmul"))) static uint32_t crc32_fold(uint32_t crc, const void *data, size_t len) {
    const uint8_t *p = data;
    if (len < 64) return cql_crc32_table(crc, data, len);
    const __m128i k1k2 = _mm_set_epi64x(0x01c6e41596, 0x0154442bd4);
    const __m128i k3k4 = _mm_set_epi64x(0x00ccaa009e, 0x01751997d0);
    const __m128i k5 = _mm_set_epi64x(0, 0x0163cd6124);
    const __m128i poly_mu = _mm_set_epi64x(0x01f7011641, 0x01db710641);
    const __m128i low32 = _mm_set_epi32(0, -1, 0, -1);
    __m128i x[4];
    for (int i = 0; i < 4; i++) x[i] = _mm_loadu_si128((const __m128i *)(p + 16 * i));
    x[0] = _mm_xor_si128(x[0], _mm_cvtsi32_si128((int)~crc));
    p += 64, len -= 64;
    for (; len >= 64; p += 64, len -= 64)
        for (int i = 0; i < 4; i++) {
            __m128i high = _mm_clmulepi64_si128(x[i], k1k2, 0x11);
            x[i] = _mm_clmulepi64_si128(x[i], k1k2, 0x00);
            x[i] = _mm_xor_si128(_mm_xor_si128(x[i], high), _mm_loadu_si128((const __m128i *)(p + 16 * i)));
        }
    __m128i a = x[0];
    for (int i = 1; i < 4; i++) {
        __m128i high = _mm_clmulepi64_si128(a, k3k4, 0x11);
        a = _mm_xor_si128(_mm_xor_si128(_mm_clmulepi64_si128(a, k3k4, 0x00), high), x[i]);
    }
    for (; len >= 16; p += 16, len -= 16) {
        __m128i high = _mm_clmulepi64_si128(a, k3k4, 0x11);
        a = _mm_xor_si128(_mm_clmulepi64_si128(a, k3k4, 0x00), high);
        a = _mm_xor_si128(a, _mm_loadu_si128((const __m128i *)p));
    }
    /* 128 bits to 64, to 32 */
    a = _mm_xor_si128(_mm_srli_si128(a, 8), _mm_clmulepi64_si128(a, k3k4, 0x10));
    a = _mm_xor_si128(_mm_srli_si128(a, 4), _mm_clmulepi64_si128(_mm_and_si128(a, low32), k5, 0x00));
    /* Barrett reduction */
    __m128i t = _mm_clmulepi64_si128(_mm_and_si128(a, low32), poly_mu, 0x10);
    t = _mm_clmulepi64_si128(_mm_and_si128(t, low32), poly_mu, 0x00);
    crc = ~(uint32_t)_mm_extract_epi32(_mm_xor_si128(a, t), 1);
    return len ? cql_crc32_table(crc, p, len) : crc;
}

#endif

__attribute__((constructor)) static void init_tables(void) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? 0xEDB88320u ^ crc >> 1 : crc >> 1;
        tables[0][i] = crc;
    }
    for (int slice = 1; slice < SLICES; slice++)
        for (int i = 0; i < 256; i++)
            tables[slice][i] = tables[slice - 1][i] >> 8 ^ tables[0][tables[slice - 1][i] & 0xFF];
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1")) update = crc32_fold;
#endif
}

uint32_t cql_crc32_update(uint32_t crc, const void *data, size_t len) { return update(crc, data, len); }

uint32_t cql_crc32(const void *data, size_t len) {
    /* CRC32 of FA 2D 55 CA */
    return update(cql_crc32_table(0, "\xFA\x2D\x55\xCA", 4), data, len);
}
