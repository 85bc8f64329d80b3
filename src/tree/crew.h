/* SPDX-License-Identifier: MIT
 *
 * Several threads that empty one tree, for the sources of this room. All functions do what is right
 * for a walk without a crew, which is: nothing.
 */
#ifndef MFI_CREW_H
#define MFI_CREW_H

#include "walk.h"

enum {
    MFI_JOBS = 64,       /* threads at the most, whatever is asked for */
    MFI_OPEN_NODES = 32, /* directories that wait for others to be done with what is in them */
    MFI_SHARED = MFI_ENTRIES / 4 /* bytes of entries that are worth to be given away */
};

/* Empties the top frame, the root, by as many threads as the options say, or as there can be.
 * 0, -ENOMEM, -ECANCELED; -EMFILE: begin again, alone. */
int mfi_crew_empty(struct mfi_walk *walk);

/* Gives entries of the top frame away, to be removed by another thread. If they are what the walk
 * has read, it gets another buffer; else they must stay until they are gathered.
 * 1: done, 0: nobody takes them, -ENOMEM */
int mfi_crew_share(struct mfi_walk *walk, char *entries, size_t size);

/* Returns when all that was given away is done. 0, or why the work was ended. */
int mfi_crew_gather(struct mfi_walk *walk);

/* Why the work was ended by one of the threads, or 0. */
int mfi_crew_code(const struct mfi_walk *walk);

/* The walk that has the results of all, for this thread alone until it closes the books again; a
 * code less than 0 then ends the work of all. What `walk` has counted is in them. */
struct mfi_walk *mfi_crew_open_books(struct mfi_walk *walk);
void mfi_crew_close_books(struct mfi_walk *walk, int code);

#endif
