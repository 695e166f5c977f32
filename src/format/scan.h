/* Finding bytes in blocks of 64: bit i of a mask stands for byte p[i]. SSE2 on x86-64; elsewhere 64-bit words (which
 * -DMILLRACE_SCAN_PORTABLE selects everywhere, for the tests). Little-endian. */
#ifndef MILLRACE_FORMAT_SCAN_H
#define MILLRACE_FORMAT_SCAN_H

#include <stdint.h>
#include <string.h>

#if defined(__SSE2__) && !defined(MILLRACE_SCAN_PORTABLE)
#include <emmintrin.h>

/* The bytes of p[0 … 63] that equal c. */
static inline uint64_t scan_match(const char *p, char c) {
    __m128i pattern = _mm_set1_epi8(c);
    uint64_t mask = 0;
    for (int i = 0; i < 4; i++) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(p + 16 * i));
        mask |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, pattern)) << (16 * i);
    }
    return mask;
}
#else
static inline uint64_t scan_match(const char *p, char c) {
    const uint64_t low7 = UINT64_C(0x7F7F7F7F7F7F7F7F);
    uint64_t pattern = UINT64_C(0x0101010101010101) * (uint8_t)c, mask = 0;
    for (int i = 0; i < 8; i++) {
        uint64_t word;
        memcpy(&word, p + 8 * i, 8);
        word ^= pattern;
        /* 0x80 in exactly those bytes that are zero, then the eight high bits side by side */
        uint64_t zero = ~(((word & low7) + low7) | word | low7);
        mask |= ((zero >> 7) * UINT64_C(0x0102040810204080)) >> 56 << (8 * i);
    }
    return mask;
}
#endif

/* Bit i of the result is the parity of bits 0 … i: between an opening quote (included) and its closing one, all ones. */
static inline uint64_t scan_parity(uint64_t mask) {
    mask ^= mask << 1;
    mask ^= mask << 2;
    mask ^= mask << 4;
    mask ^= mask << 8;
    mask ^= mask << 16;
    mask ^= mask << 32;
    return mask;
}

#endif
