/* SPDX-License-Identifier: MIT
 *
 * Where quotes, delimiters and line ends stand, 64 bytes at a time, as bits of a word.
 *
 * One function for each kind of processor, all with the same result; what is made of the bits
 * (scan.c) is written once. The masks of a batch go through memory that stays in the first cache,
 * which costs less than having the scan compiled for each of them would gain.
 */
#define _GNU_SOURCE
#include "base.h"

/* Each bit becomes the exclusive or of itself and all below it. */
static inline uint64_t running_xor(uint64_t bits) {
    for (int shift = 1; shift < 64; shift *= 2)
        bits ^= bits << shift;
    return bits;
}

#if defined(__x86_64__)

#include <immintrin.h>

static inline uint64_t equal_sse2(const __m128i part[4], char c) {
    const __m128i wanted = _mm_set1_epi8(c);
    uint64_t bits = 0;
    for (int i = 0; i < 4; i++) {
        const int some = _mm_movemask_epi8(_mm_cmpeq_epi8(part[i], wanted));
        bits |= (uint64_t)(unsigned)some << (16 * i);
    }
    return bits;
}

static void marks_sse2(const char *data, size_t blocks, char quote, char delimiter,
                       struct mfi_marks *ret) {
    for (; blocks > 0; blocks--, data += 64, ret++) {
        __m128i part[4];
        memcpy(part, data, sizeof part);
        ret->quote = equal_sse2(part, quote);
        ret->parity = running_xor(ret->quote);
        ret->delimiter = equal_sse2(part, delimiter);
        ret->lf = equal_sse2(part, '\n');
        ret->cr = equal_sse2(part, '\r');
    }
}

/* The same as running_xor: a product without carries with a number of ones only. */
__attribute__((target("pclmul"))) static inline uint64_t carryless_sum(uint64_t bits) {
    const __m128i ones = _mm_set1_epi8((char)0xff);
    const __m128i sum = _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)bits), ones, 0);
    return (uint64_t)_mm_cvtsi128_si64(sum);
}

__attribute__((target("avx2"))) static inline uint64_t equal_avx2(__m256i low, __m256i high,
                                                                  __m256i wanted) {
    const unsigned one = (unsigned)_mm256_movemask_epi8(_mm256_cmpeq_epi8(low, wanted));
    const unsigned two = (unsigned)_mm256_movemask_epi8(_mm256_cmpeq_epi8(high, wanted));
    return (uint64_t)two << 32 | one;
}

__attribute__((target("avx2,pclmul"))) static void
marks_avx2(const char *data, size_t blocks, char quote, char delimiter, struct mfi_marks *ret) {
    const __m256i quotes = _mm256_set1_epi8(quote), delimiters = _mm256_set1_epi8(delimiter);
    const __m256i lf = _mm256_set1_epi8('\n'), cr = _mm256_set1_epi8('\r');
    for (; blocks > 0; blocks--, data += 64, ret++) {
        const __m256i low = _mm256_loadu_si256((const __m256i *)(const void *)data);
        const __m256i high = _mm256_loadu_si256((const __m256i *)(const void *)(data + 32));
        ret->quote = equal_avx2(low, high, quotes);
        ret->parity = carryless_sum(ret->quote);
        ret->delimiter = equal_avx2(low, high, delimiters);
        ret->lf = equal_avx2(low, high, lf);
        ret->cr = equal_avx2(low, high, cr);
    }
}

__attribute__((target("avx512bw,pclmul"))) static void
marks_avx512(const char *data, size_t blocks, char quote, char delimiter, struct mfi_marks *ret) {
    const __m512i quotes = _mm512_set1_epi8(quote), delimiters = _mm512_set1_epi8(delimiter);
    const __m512i lf = _mm512_set1_epi8('\n'), cr = _mm512_set1_epi8('\r');
    for (; blocks > 0; blocks--, data += 64, ret++) {
        const __m512i part = _mm512_loadu_si512(data);
        ret->quote = _mm512_cmpeq_epi8_mask(part, quotes);
        ret->parity = carryless_sum(ret->quote);
        ret->delimiter = _mm512_cmpeq_epi8_mask(part, delimiters);
        ret->lf = _mm512_cmpeq_epi8_mask(part, lf);
        ret->cr = _mm512_cmpeq_epi8_mask(part, cr);
    }
}

#elif defined(__aarch64__) && defined(__ARM_NEON) && !defined(__AARCH64EB__)

#include <arm_neon.h>

/* Each byte that is equal keeps the bit of its place in eight; three pairwise sums bring 64 bytes
 * together into eight. */
static inline uint64_t equal_neon(const uint8x16_t part[4], char c) {
    static const uint8_t places[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    const uint8x16_t wanted = vdupq_n_u8((uint8_t)c), place = vld1q_u8(places);
    uint8x16_t bits[4];
    for (int i = 0; i < 4; i++)
        bits[i] = vandq_u8(vceqq_u8(part[i], wanted), place);
    uint8x16_t sum = vpaddq_u8(vpaddq_u8(bits[0], bits[1]), vpaddq_u8(bits[2], bits[3]));
    sum = vpaddq_u8(sum, sum);
    return vgetq_lane_u64(vreinterpretq_u64_u8(sum), 0);
}

static void marks_neon(const char *data, size_t blocks, char quote, char delimiter,
                       struct mfi_marks *ret) {
    for (; blocks > 0; blocks--, data += 64, ret++) {
        uint8x16_t part[4];
        for (int i = 0; i < 4; i++)
            part[i] = vld1q_u8((const uint8_t *)data + 16 * i);
        ret->quote = equal_neon(part, quote);
        ret->parity = running_xor(ret->quote);
        ret->delimiter = equal_neon(part, delimiter);
        ret->lf = equal_neon(part, '\n');
        ret->cr = equal_neon(part, '\r');
    }
}

#endif

/* ---- with words, anywhere -------------------------------------------------------------------- */

#define EVERY_BYTE 0x0101010101010101u
#define LOW_BITS   0x7f7f7f7f7f7f7f7fu

static inline uint64_t load(const char *data) {
    uint64_t word;
    memcpy(&word, data, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

static inline uint64_t equal_words(const char *data, char c) {
    const uint64_t wanted = EVERY_BYTE * (unsigned char)c;
    uint64_t bits = 0;
    for (int i = 0; i < 8; i++) {
        const uint64_t word = load(data + 8 * i) ^ wanted;
        /* The high bit of each byte that is zero; exact, because no sum leaves its byte. */
        const uint64_t zero = ~(((word & LOW_BITS) + LOW_BITS) | word | LOW_BITS);
        /* The multiplication gathers the eight bits in the highest byte. */
        bits |= ((zero >> 7) * 0x0102040810204080u >> 56) << (8 * i);
    }
    return bits;
}

static void marks_words(const char *data, size_t blocks, char quote, char delimiter,
                        struct mfi_marks *ret) {
    for (; blocks > 0; blocks--, data += 64, ret++) {
        ret->quote = equal_words(data, quote);
        ret->parity = running_xor(ret->quote);
        ret->delimiter = equal_words(data, delimiter);
        ret->lf = equal_words(data, '\n');
        ret->cr = equal_words(data, '\r');
    }
}

/* ---- choosing -------------------------------------------------------------------------------- */

#if defined(__x86_64__)
static bool has_avx512(void) {
    return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("pclmul");
}

static bool has_avx2(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("pclmul");
}
#endif

mfi_marker *mfi_marker_at(size_t index, const char **ret_name) {
    const struct {
        mfi_marker *marker;
        const char *name;
    } known[] = {
#if defined(__x86_64__)
        {has_avx512() ? marks_avx512 : NULL, "avx512"},
        {has_avx2() ? marks_avx2 : NULL, "avx2"},
        {marks_sse2, "sse2"},
#elif defined(__aarch64__) && defined(__ARM_NEON) && !defined(__AARCH64EB__)
        {marks_neon, "neon"},
#endif
        {marks_words, "words"},
    };
    for (size_t i = 0; i < MFI_LENGTH(known); i++) {
        if (known[i].marker == NULL || index-- > 0)
            continue;
        if (ret_name != NULL)
            *ret_name = known[i].name;
        return known[i].marker;
    }
    return NULL;
}
