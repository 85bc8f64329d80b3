/* SPDX-License-Identifier: MIT
 *
 * Random bytes, a batch per thread.
 *
 * States      EMPTY (used == size, or another process's) -> FULL by one getrandom -> ... -> EMPTY
 * Invariants  bytes that were handed out are zero in the pool; a pool filled before a fork is
 *             never used after it (its process number differs).
 * Not handled a virtual machine that is cloned while a pool is half used hands out the same names
 *             in both copies, until the pool is empty. Names are still created exclusively.
 * Why pooled  one system call for some forty names, instead of one each.
 */
#define _GNU_SOURCE
#include "base.h"

#include <fcntl.h>

enum { POOL = 256 }; /* getrandom(2): up to 256 bytes come whole and uninterrupted */

struct pool {
    uint64_t process;
    size_t used;
    unsigned char bytes[POOL];
};

static _Thread_local struct pool pool = {.used = POOL};

static int from_device(unsigned char *data, size_t size) {
    mfi_auto_fd fd = mfi_sys.openat(AT_FDCWD, "/dev/urandom", O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0)
        return fd;
    size_t have = 0;
    while (have < size) {
        const ssize_t n = mfi_sys.read(fd, data + have, size - have);
        if (n <= 0)
            return n < 0 ? (int)n : -EIO;
        have += (size_t)n;
    }
    return 0;
}

/* Never waits: at early boot the kernel's pool may not be ready, and a name needs no more than
 * what it has (getrandom(2), GRND_INSECURE, Linux 5.6). */
static int from_kernel(unsigned char *data, size_t size) {
    static const unsigned ways[] = {MFI_GRND_NONBLOCK, MFI_GRND_INSECURE};
    for (size_t way = 0; way < MFI_LENGTH(ways); way++) {
        size_t have = 0;
        while (have < size) {
            const ssize_t n = mfi_sys.getrandom(data + have, size - have, ways[way]);
            if (n <= 0)
                break;
            have += (size_t)n;
        }
        if (have == size)
            return 0;
    }
    return from_device(data, size);
}

int mfi_random(void *data, size_t size) {
    if (size > POOL)
        return from_kernel(data, size);
    struct pool *own = &pool;
    const uint64_t process = mfi_process();
    if (own->process != process || POOL - own->used < size) {
        own->used = POOL;
        const int r = from_kernel(own->bytes, POOL);
        if (r < 0)
            return r;
        own->process = process;
        own->used = 0;
    }
    memcpy(data, own->bytes + own->used, size);
    memset(own->bytes + own->used, 0, size);
    own->used += size;
    return 0;
}

int mfi_random_name(char *to) {
    static const char alphabet[33] =
        "0123456789abcdefghjkmnpqrstvwxyz"; /* no i, l, o, u: readable */
    unsigned char bytes[9];
    uint64_t bits;
    const int r = mfi_random(bytes, sizeof bytes);
    if (r < 0)
        return r;
    memcpy(&bits, bytes, sizeof bits);
    for (int i = 0; i < 12; i++, bits >>= 5)
        to[i] = alphabet[bits & 31];
    to[12] = alphabet[bytes[8] & 31];
    return 0;
}
