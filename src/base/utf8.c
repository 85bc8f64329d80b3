/* SPDX-License-Identifier: MIT
 *
 * UTF-8 as RFC 3629 has it: nothing beyond U+10FFFF, nothing longer than need be, and no surrogates
 * unless they are asked for (Python's str may have lone ones; its "surrogatepass").
 */
#define _GNU_SOURCE
#include "base.h"

#define HIGH_BITS 0x8080808080808080u
#define ONES      0x0101010101010101u

size_t mfi_utf8_announced(unsigned char first, unsigned char *low, unsigned char *high) {
    *low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    *high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    if (first < 0x80)
        return 1;
    if (first < 0xc2 || first > 0xf4)
        return 0;
    return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

static uint64_t word_at(const char *at) {
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

/* Whether one of eight bytes is not ASCII, or what a run stops at. */
static inline __attribute__((always_inline)) bool word_stops(uint64_t word, unsigned flags) {
    const uint64_t cr = word ^ (ONES * '\r');
    const uint64_t has_cr = flags & MFI_STOP_AT_CR ? (cr - ONES) & ~cr : 0;
    return ((word | has_cr) & HIGH_BITS) != 0;
}

static inline __attribute__((always_inline)) size_t ascii_run(const char *data, size_t size,
                                                              unsigned flags) {
    size_t i = 0;
    if (!(flags & MFI_STOP_AT_CR))
        while (size - i >= 32 && ((word_at(data + i) | word_at(data + i + 8) |
                                   word_at(data + i + 16) | word_at(data + i + 24)) &
                                  HIGH_BITS) == 0)
            i += 32;
    while (size - i >= 8 && !word_stops(word_at(data + i), flags))
        i += 8;
    while (i < size && (unsigned char)data[i] < 0x80 &&
           !((flags & MFI_STOP_AT_CR) && data[i] == '\r'))
        i++;
    return i;
}

/* Bytes of the sequence at `at`, whose first byte is not ASCII; 0: it is none. */
static inline __attribute__((always_inline)) size_t sequence(const unsigned char *at, size_t left,
                                                             unsigned flags) {
    unsigned char low, high;
    const size_t length = mfi_utf8_announced(at[0], &low, &high);
    if (length == 0 || length > left)
        return 0;
    if ((flags & MFI_SURROGATES) && at[0] == 0xed)
        high = 0xbf;
    if (at[1] < low || at[1] > high)
        return 0;
    for (size_t i = 2; i < length; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    return length;
}

static inline __attribute__((always_inline)) size_t utf8_run(const char *data, size_t size,
                                                             unsigned flags) {
    size_t i = 0;
    for (;;) {
        i += ascii_run(data + i, size - i, flags);
        /* Behind what is not ASCII more of it tends to come. */
        while (i < size && (unsigned char)data[i] >= 0x80) {
            const size_t length = sequence((const unsigned char *)data + i, size - i, flags);
            if (length == 0)
                return i;
            i += length;
        }
        if (i == size || ((flags & MFI_STOP_AT_CR) && data[i] == '\r'))
            return i;
    }
}

size_t mfi_ascii_run(const char *data, size_t size, unsigned flags) {
    return flags & MFI_STOP_AT_CR ? ascii_run(data, size, MFI_STOP_AT_CR)
                                  : ascii_run(data, size, 0);
}

size_t mfi_utf8_run(const char *data, size_t size, unsigned flags) {
    switch (flags) {
    case 0:
        return utf8_run(data, size, 0);
    case MFI_SURROGATES:
        return utf8_run(data, size, MFI_SURROGATES);
    default:
        return utf8_run(data, size, flags);
    }
}

size_t mfi_put_utf8(uint32_t point, char *out) {
    if (point < 0x80) {
        out[0] = (char)point;
        return 1;
    }
    if (point < 0x800) {
        out[0] = (char)(0xc0 | point >> 6);
        out[1] = (char)(0x80 | (point & 0x3f));
        return 2;
    }
    if (point < 0x10000) {
        out[0] = (char)(0xe0 | point >> 12);
        out[1] = (char)(0x80 | (point >> 6 & 0x3f));
        out[2] = (char)(0x80 | (point & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | point >> 18);
    out[1] = (char)(0x80 | (point >> 12 & 0x3f));
    out[2] = (char)(0x80 | (point >> 6 & 0x3f));
    out[3] = (char)(0x80 | (point & 0x3f));
    return 4;
}
