/* SPDX-License-Identifier: MIT
 *
 * The order in which the entries of a large directory are removed, for the sources of this room.
 */
#ifndef MFI_ORDER_H
#define MFI_ORDER_H

#include <stddef.h>

enum {
    MFI_LARGE = 32 * 1024,        /* bytes of entries from which on the order is looked at */
    MFI_SORTED = 4 * 1024 * 1024, /* bytes that are sorted at a time: about 100,000 entries */
};

/* Whether the entries come about in the order of their inodes, or the other way round. */
int mfi_is_in_order(const char *entries, size_t size);

/* A copy by the order of inodes, which the caller frees; NULL: no memory. */
char *mfi_sort_entries(const char *entries, size_t size);

#endif
