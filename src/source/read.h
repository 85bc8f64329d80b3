/* SPDX-License-Identifier: MIT
 *
 * Files that are read as a whole.
 */
#ifndef MFI_SOURCE_READ_H
#define MFI_SOURCE_READ_H

#include "source.h"

struct mfi_text {
    char *data; /* a NUL stands behind it; the reader's to free */
    size_t size;
    uint64_t device, inode;
    int64_t changed; /* when its content was, in nanoseconds since 1970 */
};

/* Reads a regular file. 0 or what open(2) and read(2) say, with a sentence. */
int mfi_read_text(const char *path, struct mfi_text *ret, mayfly_error *error);

/* Whether both are names of the same file that exists. */
bool mfi_same_file(const char *a, const char *b);

/* When a file was changed last, in nanoseconds since 1970; -errno. */
int64_t mfi_changed(const char *path);

#endif
