/* SPDX-License-Identifier: MIT
 *
 * What the reaper shares with those who only look.
 */
#ifndef MFI_REAP_H
#define MFI_REAP_H

#include "journal.h"

/* Around opening, reading and closing journals. 0, or -EDEADLK within itself. */
int mfi_journals_lock(void);
void mfi_journals_unlock(void);

/* Calls `visit` for each journal in a directory; a result other than 0 ends it and is returned. */
int mfi_journals_in(int dir, int (*visit)(int dir, const char *name, void *user), void *user);

/* Whether what was found is what the record says. */
int mfi_record_matches(const struct mfi_record *record, const struct mfi_mount *found,
                       int other_boot);

#endif
