/* SPDX-License-Identifier: MIT
 *
 * The list of what could not be removed, for the sources of this room.
 */
#ifndef MFI_LEFTOVERS_H
#define MFI_LEFTOVERS_H

#include "tree.h"

/* As many are listed, and as many bytes of paths: a deep tree has long ones. */
enum { MFI_LEFTOVERS_LISTED = 10000, MFI_LEFTOVERS_BYTES = 64 * 1024 * 1024 };

/* An empty list, made before it is needed so that counting cannot fail. NULL: no memory. */
mayfly_leftovers *mfi_leftovers_new(void);

/* Whether the next one would be listed, or only counted. NULL: no. */
int mfi_leftovers_listing(const mayfly_leftovers *list);

/* Adds one; it is only counted where there is no memory to list it, or where `path` is NULL.
 * A NULL list is fine. */
void mfi_leftovers_add(mayfly_leftovers *list, const char *path, int code);

/* Makes it empty again. A NULL list is fine. */
void mfi_leftovers_clear(mayfly_leftovers *list);

#endif
