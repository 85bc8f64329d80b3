/* SPDX-License-Identifier: MIT
 *
 * Memory that is not swapped, not dumped and not inherited: for the sources of this room. In a
 * forked child it must not be touched, nor given back: it may not be there.
 */
#ifndef MFI_LOCKED_H
#define MFI_LOCKED_H

#include "../base/base.h"

/* Zeroed memory of at least `*size` bytes, which becomes what there is. NULL and *ret_code: why;
 * -ENOTSUP in a library built without libsodium. */
void *mfi_locked_alloc(size_t *size, int *ret_code);

/* Wipes and gives back. NULL is fine. */
void mfi_locked_free(void *memory, size_t size);

#endif
