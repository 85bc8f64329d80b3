/* SPDX-License-Identifier: MIT
 *
 * What the rooms above use of the tree: removal by directory descriptor and name.
 */
#ifndef MFI_TREE_H
#define MFI_TREE_H

#include <mayfly/tree.h>

#include "../base/base.h"

/* Which directory is meant: what fstat said when it was made. inode 0: whatever is there. */
struct mfi_identity {
    uint64_t device;
    uint64_t inode;
};

/* Removes the directory (or file, or link) `name` in directory `dir` with everything below it.
 *
 * display    how messages and the list call it
 * identity   with an inode: nothing is touched unless the name still belongs to that inode
 * options    not NULL
 *
 * Returns 0 (also when it is gone already), MAYFLY_E_REPLACED, MAYFLY_E_LEFTOVER, -EBUSY,
 * -ECANCELED, -ENOMEM: as mayfly_remove_tree. */
int mfi_tree_remove(int dir, const char *name, const char *display,
                    const struct mfi_identity *identity, const mayfly_tree_options *options,
                    mayfly_leftovers **ret_left, mayfly_error *error);

/* The same within a signal handler, one at a time (strip.c). 0, MAYFLY_E_REPLACED or -errno:
 * something may be left. */
int mfi_tree_strip(int dir, const char *name, const struct mfi_identity *identity);

#endif
