/* SPDX-License-Identifier: MIT
 *
 * Keys to names, and the check sum of an entry.
 *
 * BLAKE2b for names, because whoever chooses keys (addresses, queries) must not be able to choose
 * two that meet. For contents multiplying and folding (as wyhash does), because what tears a file
 * has no plan, and BLAKE2b of 4 KiB takes longer than opening, reading and closing the file: this
 * takes a tenth of a microsecond. Its seed is a secret of the cache, so that what was written by
 * somebody who may not read the cache is not taken for an entry of it.
 * Rejected   XXH64 (three times as long), sums of sums as Fletcher's (pairs of flipped high bits
 *            cancel one another out), CRC-32C (an instruction that not all processors have).
 */
#define _GNU_SOURCE
#include "cache.h"

#ifdef MFI_HAVE_SODIUM
#include <sodium.h>

int mfi_cache_name_init(void) {
    return sodium_init() < 0 ? -ENOSYS : 0;
}

int mfi_cache_name(const void *key, size_t size, struct mfi_cache_name *ret) {
    static const char digits[] = "0123456789abcdef";
    unsigned char hash[sizeof ret->text / 2];
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

int mfi_cache_name_init(void) {
    return -ENOTSUP;
}

int mfi_cache_name(const void *key, size_t size, struct mfi_cache_name *ret) {
    (void)key;
    (void)size;
    (void)ret;
    return -ENOTSUP;
}

#endif

/* ---- the sum --------------------------------------------------------------------------------- */

/* Odd numbers without a pattern: parts of the square roots of primes would do as well. */
static const uint64_t odd[] = {0x9e3779b185ebca87, 0xc2b2ae3d27d4eb4f, 0x165667b19e3779f9,
                               0x85ebca77c2b2ae63, 0x27d4eb2f165667c5};

static inline uint64_t word_at(const unsigned char *p) {
    uint64_t x;
    memcpy(&x, p, sizeof x);
    return x;
}

static inline uint64_t step(uint64_t lane, const unsigned char *p, uint64_t with) {
    return mfi_fold(word_at(p) ^ with, word_at(p + 8) ^ lane);
}

/* Less than 64 bytes. */
static uint64_t sum_rest(uint64_t lane, const unsigned char *p, size_t size) {
    unsigned char last[16] = {0};
    for (; size >= 16; p += 16, size -= 16)
        lane = step(lane, p, odd[4]);
    if (size == 0)
        return lane;
    memcpy(last, p, size);
    return step(lane, last, odd[4]);
}

uint64_t mfi_cache_sum(const void *data, size_t size, uint64_t seed) {
    const unsigned char *p = data;
    size_t left = size;
    /* Four at a time, because a product has to be waited for. */
    uint64_t a = seed, b = seed ^ odd[1], c = seed ^ odd[2], d = seed ^ odd[3];
    for (; left >= 64; p += 64, left -= 64) {
        a = step(a, p, odd[0]);
        b = step(b, p + 16, odd[1]);
        c = step(c, p + 32, odd[2]);
        d = step(d, p + 48, odd[3]);
    }
    /* Not a ^ b: they begin with the same seed. How long it is counts, because the rest is filled
     * up with zeros. */
    const uint64_t rest = sum_rest(mfi_fold(a ^ odd[4], b + odd[2]), p, left);
    return mfi_fold(rest ^ odd[0], mfi_fold(c ^ odd[1], d + odd[4]) ^ (uint64_t)size * odd[3]);
}
