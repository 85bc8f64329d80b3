/* SPDX-License-Identifier: MIT
 *
 * Emptying directories, one after the other, for the sources of this room.
 */
#ifndef MFI_EMPTY_H
#define MFI_EMPTY_H

#include "walk.h"

/* These return 0 also where something is left: that is recorded. Less than 0 ends the work:
 * -ENOMEM, -ECANCELED, and in a crew -EMFILE, which asks for fewer threads. */

/* Reads the top frame to its end: what is no directory goes, names of directories are pending. */
int mfi_empty_scan(struct mfi_walk *walk);

/* The same for entries that were read already. */
int mfi_empty_entries(struct mfi_walk *walk, const char *entries, size_t size);

/* Goes into the directory, whose name is the last that is pending, and reads it. One that cannot
 * be entered is recorded, or removed if it is empty. */
int mfi_empty_visit(struct mfi_walk *walk, size_t name, int rescans);

/* Removes the directory that was just left, whose name is the last that is pending; if it was
 * refilled, goes into it again. */
int mfi_empty_remove_left(struct mfi_walk *walk, const struct mfi_frame *left);

/* One step on: into the next directory that is pending, or up and that one removed. 1: there is
 * nothing more to do, the lowest frame is empty. */
int mfi_empty_step(struct mfi_walk *walk);

#endif
