/* SPDX-License-Identifier: MIT
 *
 * A window over an input that is read as it goes: what was read and is not given out yet. The
 * room's own.
 */
#ifndef MFI_WINDOW_H
#define MFI_WINDOW_H

#include "../base/base.h"

struct mfi_window {
    int fd;
    int end_of_input;
    char *path;   /* for errors */
    char *buffer; /* [start, size) is not given out yet */
    size_t start, size, capacity;
    int64_t offset; /* of buffer[start] in the input */
};

/* Reads more behind what there is, into a buffer of `first` bytes at the least, which is moved down
 * or grows. 1, 0 at the end of the input, or a failure. */
int mfi_window_read(struct mfi_window *window, size_t first, mayfly_error *error);

#endif
