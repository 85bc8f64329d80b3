/* SPDX-License-Identifier: MIT
 *
 * The list of what could not be removed, for the sources of this room.
 */
#ifndef MFI_LEFTOVERS_H
#define MFI_LEFTOVERS_H

#include "tree.h"

enum { MFI_LEFTOVERS_LISTED = 10000 };

/* Adds one; where there is no memory for its path it is still counted. *list is made if needed;
 * NULL list: nothing. */
void mfi_leftovers_add(mayfly_leftovers **list, const char *path, int code);

#endif
