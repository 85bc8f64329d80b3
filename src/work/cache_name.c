/* SPDX-License-Identifier: MIT
 *
 * Keys to names, and the check sum of an entry.
 *
 * BLAKE2b for names, because whoever chooses keys (addresses, queries) must not be able to choose
 * two that meet. XXH64 for contents, because what tears a file has no plan, and because BLAKE2b of
 * 4 KiB takes longer than opening, reading and closing the file.
 */
#define _GNU_SOURCE
#include "cache.h"

#ifdef MFI_HAVE_SODIUM
#include <sodium.h>

int mfi_cache_name(const void *key, size_t size, struct mfi_cache_name *ret) {
    static const char digits[] = "0123456789abcdef";
    unsigned char hash[sizeof ret->text / 2];
    if (sodium_init() < 0)
        return -ENOSYS;
    (void)crypto_generichash(hash, sizeof hash, key, size, NULL, 0);
    ret->word = 0;
    for (size_t i = 0; i < sizeof hash; i++) {
        ret->text[2 * i] = digits[hash[i] >> 4];
        ret->text[2 * i + 1] = digits[hash[i] & 15];
        if (i < 8)
            ret->word = ret->word << 8 | hash[i];
    }
    ret->text[2 * sizeof hash] = '\0';
    return 0;
}

#else

int mfi_cache_name(const void *key, size_t size, struct mfi_cache_name *ret) {
    (void)key;
    (void)size;
    (void)ret;
    return -ENOTSUP;
}

#endif

/* ---- XXH64 ----------------------------------------------------------------------------------- */

/* The primes of its specification. */
static const uint64_t P1 = 0x9e3779b185ebca87, P2 = 0xc2b2ae3d27d4eb4f, P3 = 0x165667b19e3779f9,
                      P4 = 0x85ebca77c2b2ae63, P5 = 0x27d4eb2f165667c5;

static inline uint64_t turn(uint64_t x, int by) {
    return x << by | x >> (64 - by);
}

/* Little-endian on every machine, so that a cache may be read by another one. */
static inline uint64_t word_at(const unsigned char *p) {
    uint64_t x;
    memcpy(&x, p, sizeof x);
    static const union {
        uint16_t number;
        unsigned char first;
    } one = {1};
    return one.first == 1 ? x : __builtin_bswap64(x);
}

static inline uint64_t mix(uint64_t lane, uint64_t word) {
    return turn(lane + word * P2, 31) * P1;
}

/* Up to 31 bytes behind the last whole block. */
static uint64_t finish(uint64_t h, const unsigned char *p, size_t size) {
    for (; size >= 8; p += 8, size -= 8)
        h = turn(h ^ mix(0, word_at(p)), 27) * P1 + P4;
    if (size >= 4) {
        const uint64_t half =
            (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24;
        h = turn(h ^ half * P1, 23) * P2 + P3;
        p += 4;
        size -= 4;
    }
    for (; size > 0; p++, size--)
        h = turn(h ^ *p * P5, 11) * P1;
    h = (h ^ h >> 33) * P2;
    h = (h ^ h >> 29) * P3;
    return h ^ h >> 32;
}

uint64_t mfi_cache_sum(const void *data, size_t size, uint64_t seed) {
    const unsigned char *p = data;
    size_t left = size;
    uint64_t h = seed + P5;
    if (size >= 32) {
        uint64_t a = seed + P1 + P2, b = seed + P2, c = seed, d = seed - P1;
        for (; left >= 32; p += 32, left -= 32) {
            a = mix(a, word_at(p));
            b = mix(b, word_at(p + 8));
            c = mix(c, word_at(p + 16));
            d = mix(d, word_at(p + 24));
        }
        h = turn(a, 1) + turn(b, 7) + turn(c, 12) + turn(d, 18);
        h = (h ^ mix(0, a)) * P1 + P4;
        h = (h ^ mix(0, b)) * P1 + P4;
        h = (h ^ mix(0, c)) * P1 + P4;
        h = (h ^ mix(0, d)) * P1 + P4;
    }
    return finish(h + size, p, left);
}
