/* SPDX-License-Identifier: MIT
 *
 * What a compiler was told, as far as it is harmless and matters for the meaning of a text.
 */
#ifndef MFI_SOURCE_FLAGS_H
#define MFI_SOURCE_FLAGS_H

#include "source.h"

struct mfi_flags {
    char **list; /* NULL-terminated once something was added */
    size_t count;
};

#define mfi_auto_flags __attribute__((cleanup(mfi_flags_free))) struct mfi_flags

void mfi_flags_free(struct mfi_flags *flags);

/* Adds one as it is, or takes the list of the other over. 0 or -ENOMEM. */
int mfi_flags_add(struct mfi_flags *flags, const char *flag);

/* Adds those of `count` words that are harmless: -I -D -U -isystem -iquote -idirafter -include
 * -std= -m* and such -f as change what a program means. Relative paths become absolute by `dir`
 * ("" or NULL: they stay). 0 or -ENOMEM. */
int mfi_flags_filter(struct mfi_flags *flags, const char *const *words, size_t count,
                     const char *dir);

/* The same of one text, with words parted by blanks, and quotes and backslashes as in a shell. */
int mfi_flags_parse(struct mfi_flags *flags, const char *text, const char *dir);

/* The text of them, which mfi_flags_parse reads: NULL for no memory. */
char *mfi_flags_text(const struct mfi_flags *flags);

/* Adds the flags of `source` in the compile_commands.json that is in `dir` or above it, or in a
 * directory "build" there. 0: none is found, or it cannot be read; 1: added; -ENOMEM. */
int mfi_flags_of_commands(struct mfi_flags *flags, const char *dir, const char *source);

/* `path` below `dir`, unless it is absolute; new memory, NULL for none. */
char *mfi_join(const char *dir, const char *path);

#endif
