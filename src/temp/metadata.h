/* SPDX-License-Identifier: MIT
 *
 * Owner, mode, ACL and extended attributes of a file that is about to be replaced. For the sources
 * of this room.
 */
#ifndef MFI_METADATA_H
#define MFI_METADATA_H

#include "../base/base.h"

/* A target as it is before. */
struct mfi_target {
    int exists;
    int regular; /* only then there is something to preserve: a link is itself replaced */
    struct stat st;
    int dir; /* descriptor of its directory */
    const char *name;
};

/* Looks at it. -EISDIR for a directory, -EINVAL for what mfi_check_replaced refuses. */
int mfi_target_look(struct mfi_target *target, int dir, const char *name, mayfly_error *error);

enum mfi_policy { MFI_FRESH, MFI_PRESERVE_ALL, MFI_PRESERVE_SOME };

/* Prepares `fd` to take the target's place. At no instant it is open to more users than the target
 * is. `permissions` is what a fresh file gets, less what the target did not allow.
 * *ret_complete: everything was preserved. */
int mfi_metadata_apply(int fd, const struct mfi_target *target, enum mfi_policy policy,
                       uint32_t permissions, int *ret_complete, mayfly_error *error);

#endif
