/* SPDX-License-Identifier: MIT
 *
 * Moving a file's content from one store to another. For the sources of this room.
 */
#ifndef MFI_SPOOL_H
#define MFI_SPOOL_H

#include "file.h"

/* Before a write that ends at `end`: a spool in memory that would outgrow max_size is moved to
 * disk. 0, or a failure after which the spool is what it was. */
int mfi_spool_make_room(mayfly_file *file, int64_t end, mayfly_error *error);

/* After a write that failed with `code`: moves on to where there is room, if there is such a place
 * (memory that cannot be locked: to disk; a full disk: the next fall-back directory of a file
 * without a name). 0: moved, try again; else `code`. */
int mfi_spool_move_on(mayfly_file *file, int code);

/* Opens the store of a new file on disk: plain or encrypted. Takes *fd on success. */
int mfi_store_open_disk(mayfly_file *file, int *fd, union mfi_any_store *store,
                        mayfly_error *error);

#endif
