/* SPDX-License-Identifier: MIT
 *
 * What a compiler was told, as far as it is harmless and matters for the meaning of a text.
 */
#ifndef MFI_SOURCE_FLAGS_H
#define MFI_SOURCE_FLAGS_H

#include "allow.h"

/* Adds those of `count` words that are harmless: -I -D -U -isystem -iquote -idirafter -include
 * -std= and the like (allow.h), but not those that only make code fast. Relative paths become
 * absolute by `dir`
 * ("" or NULL: they stay). 0 or -ENOMEM. */
int mfi_flags_filter(struct mfi_flags *flags, const char *const *words, size_t count,
                     const char *dir);

/* The same of one text, with words parted by blanks, and quotes and backslashes as in a shell. */
int mfi_flags_parse(struct mfi_flags *flags, const char *text, const char *dir);

/* Adds the flags of `source` in the compile_commands.json that is in `dir` or above it, or in a
 * directory "build" there. 0: none is found, or it cannot be read; 1: added; -ENOMEM. */
int mfi_flags_of_commands(struct mfi_flags *flags, const char *dir, const char *source);

/* `path` below `dir`, unless it is absolute; new memory, NULL for none. */
char *mfi_path_below(const char *dir, const char *path);

#endif
