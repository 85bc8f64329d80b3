/* SPDX-License-Identifier: MIT
 *
 * UTF-8 as Python's "surrogatepass" has it: RFC 3629, and lone surrogates as three bytes.
 */
#define _GNU_SOURCE
#include "value.h"

#include <stdio.h>

#define HIGH_BITS 0x8080808080808080u

static bool is_tail(unsigned char c) {
    return (c & 0xc0) == 0x80;
}

/* Bytes of the character that starts at `at`; 0: it is none. */
static size_t character(const unsigned char *at, size_t left) {
    const unsigned char c = at[0];
    if (c < 0x80)
        return 1;
    if (c >= 0xc2 && c <= 0xdf)
        return left >= 2 && is_tail(at[1]) ? 2 : 0;
    if (c >= 0xe0 && c <= 0xef) {
        const bool low = c == 0xe0 && left >= 2 && at[1] < 0xa0; /* could be shorter */
        return left >= 3 && !low && is_tail(at[1]) && is_tail(at[2]) ? 3 : 0;
    }
    if (c < 0xf0 || c > 0xf4 || left < 4)
        return 0;
    const bool low = c == 0xf0 && at[1] < 0x90, high = c == 0xf4 && at[1] > 0x8f;
    return !low && !high && is_tail(at[1]) && is_tail(at[2]) && is_tail(at[3]) ? 4 : 0;
}

bool mfi_is_str_utf8(const char *data, size_t size, size_t *ret_bad) {
    size_t i = 0;
    while (i < size) {
        while (size - i >= 32 && ((mfi_load64(data + i) | mfi_load64(data + i + 8) |
                                   mfi_load64(data + i + 16) | mfi_load64(data + i + 24)) &
                                  HIGH_BITS) == 0)
            i += 32;
        while (size - i >= 8 && (mfi_load64(data + i) & HIGH_BITS) == 0)
            i += 8;
        if (i == size)
            break;
        const size_t n = character((const unsigned char *)data + i, size - i);
        if (n == 0) {
            *ret_bad = i;
            return false;
        }
        i += n;
    }
    return true;
}

struct mfi_quoted mfi_quote(const char *data, size_t size) {
    enum { MOST = 40 };
    struct mfi_quoted quoted;
    size_t n = 0;
    for (size_t i = 0; i < size && i < MOST; i++) {
        const unsigned char c = (unsigned char)data[i];
        if (c >= 0x20 && c < 0x7f)
            quoted.text[n++] = (char)c;
        else
            n += (size_t)snprintf(quoted.text + n, 5, "\\x%02x", c);
    }
    (void)snprintf(quoted.text + n, 4, "%s", size > MOST ? "..." : "");
    return quoted;
}
