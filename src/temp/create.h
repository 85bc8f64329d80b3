/* SPDX-License-Identifier: MIT
 *
 * The steps of creating, shared by random and given names (create.c, given.c).
 */
#ifndef MFI_CREATE_H
#define MFI_CREATE_H

#include "temp.h"

/* The attempt-th name; the failure in a sentence. */
int mfi_next_name(const struct mfi_parent *parent, const struct mfi_request *request,
                  unsigned attempt, char *name, mayfly_error *error);

/* Mode and owner are those that were asked for, whatever umask and uid are by now. */
int mfi_prove_made(int fd, const struct mfi_parent *parent, const struct mfi_request *request,
                   const char *name, struct stat *st, mayfly_error *error);

/* Creates under a random name and arms the slot. A descriptor. */
int mfi_create_random(struct mfi_slot *slot, const struct mfi_request *request,
                      enum mfi_create_how how, mayfly_error *error);

/* Creates a file under the name that was given, or name_1 and so on, and arms the slot. */
int mfi_create_given(struct mfi_slot *slot, const struct mfi_request *request, mayfly_error *error);

/* Whether this failure of open_unnamed says that there is no such thing here. */
int mfi_no_tmpfile(int code);

#endif
