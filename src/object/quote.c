/* SPDX-License-Identifier: MIT
 *
 * Bytes from somewhere, as they can stand in a message.
 */
#define _GNU_SOURCE
#include "value.h"

#include <stdio.h>

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
