/* SPDX-License-Identifier: MIT
 *
 * Memory that is not swapped, not dumped and not inherited: for locked.c and secret.c.
 */
#ifndef MFI_LOCKED_H
#define MFI_LOCKED_H

#include "../base/base.h"

/* Zeroed memory of at least `*size` bytes, which becomes what there is. NULL and *ret_code: why. */
void *mfi_locked_alloc(size_t *size, int *ret_code);

/* Wipes and gives back. NULL is fine. */
void mfi_locked_free(void *memory, size_t size);

#endif
