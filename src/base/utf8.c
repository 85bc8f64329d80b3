/* SPDX-License-Identifier: MIT
 *
 * UTF-8 as RFC 3629 has it: no surrogates, nothing beyond U+10FFFF, nothing longer than need be.
 */
#define _GNU_SOURCE
#include "base.h"

/* What may follow a lead byte: how many bytes, and the range of the first of them, which is where
 * overlong forms, surrogates and what is beyond the end are told. 0: not a lead byte. */
struct lead {
    unsigned char more, low, high;
};

static struct lead lead_of(unsigned char c) {
    if (c >= 0xc2 && c <= 0xdf)
        return (struct lead){1, 0x80, 0xbf};
    if (c >= 0xe0 && c <= 0xef)
        return (struct lead){2, c == 0xe0 ? 0xa0 : 0x80, c == 0xed ? 0x9f : 0xbf};
    if (c >= 0xf0 && c <= 0xf4)
        return (struct lead){3, c == 0xf0 ? 0x90 : 0x80, c == 0xf4 ? 0x8f : 0xbf};
    return (struct lead){0, 0, 0};
}

/* Bytes of the sequence at `at`, whose first byte is not ASCII; 0: it is none. */
static size_t sequence(const unsigned char *at, size_t left) {
    const struct lead lead = lead_of(at[0]);
    if (lead.more == 0 || left <= lead.more || at[1] < lead.low || at[1] > lead.high)
        return 0;
    for (size_t i = 2; i <= lead.more; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    return lead.more + 1u;
}

bool mfi_is_utf8(const char *data, size_t size, size_t *ret_bad) {
    const unsigned char *bytes = (const unsigned char *)data;
    for (size_t i = 0; i < size;) {
        uint64_t words[4];
        if (size - i >= sizeof words) {
            memcpy(words, bytes + i, sizeof words);
            if (((words[0] | words[1] | words[2] | words[3]) & 0x8080808080808080u) == 0) {
                i += sizeof words;
                continue;
            }
        }
        /* Behind what is not ASCII more of it tends to come: so on to the next 32 in one go. */
        const size_t end = size - i >= sizeof words ? i + sizeof words : size;
        while (i < end) {
            const size_t n = bytes[i] < 0x80 ? 1 : sequence(bytes + i, size - i);
            if (n == 0) {
                *ret_bad = i;
                return false;
            }
            i += n;
        }
    }
    return true;
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
