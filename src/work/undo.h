/* SPDX-License-Identifier: MIT
 *
 * The old content of a target, held by a second name until it is sure that it is not wanted back.
 * The room's own.
 */
#ifndef MFI_UNDO_H
#define MFI_UNDO_H

#include <mayfly/file.h>

#include "../keep/keep.h"

struct mfi_undo {
    int existed;
    struct mfi_slot *slot; /* the second name; NULL: none was needed, or none can be had here */
};

/* Before `target` (absolute) is replaced. Where the file system or its rules know no second names,
 * there is nothing to go back to, and that is no failure. 0 or a failure. */
int mfi_undo_prepare(struct mfi_undo *undo, const char *target, mayfly_error *error);

/* Puts the old content back, or takes the target away where there was none: `made` stands for it.
 * 0, or a failure: then the new one stays, and so does what there is of the old. */
int mfi_undo_go_back(struct mfi_undo *undo, const char *target, mayfly_file *made);

/* Removes the second name. If that fails it can be tried again, unless this was the `last` time. */
int mfi_undo_end(struct mfi_undo *undo, int last, mayfly_error *error);

#endif
