/* SPDX-License-Identifier: MIT
 *
 * Trees to be removed, and who removes them. For the tests of src/tree.
 */
#ifndef MFT_TREES_H
#define MFT_TREES_H

#include "harness.h"

/* By how many threads: what holds for one holds for all. */
static const unsigned mft_jobs[] = {1, 2, 4};
enum { MFT_JOBS = 3 };

/* A directory in the test's own, by its name there; the path as of mft_path. */
char *mft_tree(const char *name);

/* "file-0", "dir-0"... `width` of each in a directory, and in those directories again. */
void mft_fill(const char *dir, int depth, int width);

/* Makes `depth` directories "d", one in the other; every `files`-th (0: none) has a file "f". */
void mft_dig(const char *root, int depth, int files);

/* Makes it the unprivileged user's, where this is root. */
void mft_give_away(const char *path);

/* A tree of the unprivileged user's, in a place where it may be removed. */
char *mft_tree_of_nobody(const char *name);

/* mayfly_remove_tree with so many threads; the error is mft_error. */
int mft_remove_by(const char *root, unsigned jobs, mayfly_leftovers **ret_left);

/* One of the list: this path, for this reason. */
void mft_expect_left(const mayfly_leftovers *left, size_t index, const char *path, int code);

/* For mft_fork: removes a tree with 16 descriptors and a stack of 256 KiB. 0: it is gone. */
struct mft_removal {
    const char *root;
    unsigned jobs;
};
int mft_remove_with_little(void *removal);

/* Uses up this process' descriptors but so many, whatever it was started with; 0, or -1. */
int mft_leave_descriptors(int spare);

#endif
