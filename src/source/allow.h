/* SPDX-License-Identifier: MIT
 *
 * Which of a compiler's flags may stand in a source file, and how they stand there.
 */
#ifndef MFI_SOURCE_ALLOW_H
#define MFI_SOURCE_ALLOW_H

#include "../base/base.h"

/* A list of flags, NULL behind the last. */
struct mfi_flags {
    char **items;
    size_t count, capacity;
};

#define mfi_auto_flags __attribute__((cleanup(mfi_flags_free))) struct mfi_flags

int mfi_flags_add(struct mfi_flags *flags, const char *flag); /* copies it; 0 or -ENOMEM */
void mfi_flags_free(struct mfi_flags *flags);

/* How many arguments a flag that may stand in a file takes, with itself: 1, or 2 ("-I", "dir"). 0:
 * it may not stand there. */
int mfi_flags_allowed(const char *flag);

/* Appends the flags as they stand in a comment: parted by blanks; a backslash takes its meaning
 * from the character behind it. 0 or -ENOMEM. */
int mfi_flags_write(struct mfi_buffer *to, const char *const *flags);

/* Reads what mfi_flags_write wrote, and adds it; each flag must be allowed.
 * Errors: MAYFLY_E_POLICY one is not; MAYFLY_E_SYNTAX one lacks its argument; -ENOMEM. */
int mfi_flags_read(const char *text, size_t size, const char *path, struct mfi_flags *ret,
                   mayfly_error *error);

#endif
