/* SPDX-License-Identifier: MIT
 *
 * What the parts of mayfly-source share. The way of a dump:
 *
 *     dump.c  ->  embed.c, locate*.c      which text, which function of it
 *             ->  flags.c                 what the compiler was told
 *             ->  headers.c               the project's headers, beside the unit
 *             ->  tokens.c, pieces.c      what stands in each
 *             ->  closure*.c              which pieces the function needs
 *             ->  emit.c, witness.c       the file, and whether it compiles
 */
#ifndef MFI_SOURCE_H
#define MFI_SOURCE_H

#include <mayfly/source.h>

#include "../base/base.h"

/* ---- texts in programs (embed.c) --------------------------------------------------------------
 */

/* A file that a program carries. Everything lies in the program's memory. */
struct mfi_embedded {
    const char *path;  /* as the compiler was given it */
    const char *flags; /* "" for none */
    const char *dir;   /* where relative paths start; "": not known */
    const char *text;  /* a NUL follows */
    size_t size;
    const void *module; /* where the program or library begins */
};

/* Calls `visit` for each text of the modules of this process; a result other than 0 ends that and
 * is returned. What is visited lies in the module: it is there for as long as that is loaded. */
int mfi_each_embedded(int (*visit)(const struct mfi_embedded *text, void *context), void *context);

/* The same for a program in memory, which is `size` bytes of an ELF file. What is no such file has
 * no texts. */
int mfi_each_embedded_in(const char *image, size_t size,
                         int (*visit)(const struct mfi_embedded *text, void *context),
                         void *context);

#endif
