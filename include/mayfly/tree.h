/* SPDX-License-Identifier: MIT
 *
 * Removing a directory and everything below it, and nothing else.
 *
 * Work is done by descriptors only: a directory that somebody swaps for a symbolic link in the
 * meantime is not followed, what is no directory is never opened, a mount below is not entered.
 * The depth of the tree costs memory, never descriptors or stack. All of that holds as well where
 * several threads share the work.
 */
#ifndef MAYFLY_TREE_H
#define MAYFLY_TREE_H

#include <mayfly/error.h>

MAYFLY_BEGIN_DECLS

/* What could not be removed, with the reason of each. */
typedef struct mayfly_leftovers mayfly_leftovers;

/* How far it is. */
typedef struct mayfly_tree_progress {
    uint64_t removed_files; /* everything that is no directory */
    uint64_t removed_directories;
    uint64_t left;    /* could not be removed */
    const char *path; /* the directory that was just finished, relative to the root */
} mayfly_tree_progress;

typedef struct mayfly_tree_options {
    bool keep_root;   /* empty the directory but leave it */
    bool leave_modes; /* do not repair the permissions of directories that cannot be emptied;
                         otherwise those that belong to this user are given rwx for the owner */
    /* Called after each directory; a result other than 0 ends the work, which returns
       -ECANCELED. NULL: not called. With `jobs` it is called by any of the threads, whose stack is
       256 KiB, but never by two at once, and not again after it ended the work; a child that is
       forked in it must not return from it. */
    int (*progress)(const mayfly_tree_progress *progress, void *user);
    void *user;
    /* At the most as many threads, the calling one among them; more than 64 are 64. 0 and 1: the
       calling one alone. The others are started only where there is something to share, block all
       signals, and have ended when the call returns; where none can be started, or descriptors are
       scarce, there are fewer. */
    unsigned jobs;
} mayfly_tree_options;

/* Removes `path` and everything below it. It goes on after an error.
 *
 * path       a directory, a file or a symbolic link; of a link, only the link is removed
 * options    NULL: all defaults
 * ret_left   receives the list of what is left, if anything is; NULL: not wanted
 * Returns 0 when all is gone; a path that does not exist counts as gone.
 *
 * Ownership: the caller frees the list with mayfly_leftovers_free.
 * Errors:    MAYFLY_E_LEFTOVER  something is left; the message names the first and how many
 *            -EBUSY             the path is a mount point
 *            -EINVAL            the path is empty, "/", or ends in "." or ".."
 *            -ECANCELED         `progress` asked for it
 *            openat(2)'s        the directory that `path` lies in cannot be opened
 *            MAYFLY_E_OPTION, -ENOMEM
 * Costs:     a call for each file and six for each directory; at the most 16 descriptors, with
 *            `jobs` 32 more and 16 for each thread, and fewer where the process has none left;
 *            64 KiB of memory for each thread and the names of directories that are still to be
 *            visited, and 12 MiB for a thread that is in a directory of very many files
 * Safety:    thread any | fork any, but see `progress` | signal no
 * Since:     0.1 (contract D1, D2; shutil.rmtree) */
#define mayfly_remove_tree(...) mayfly_remove_tree_sized(sizeof(mayfly_tree_options), __VA_ARGS__)
MAYFLY_API int mayfly_remove_tree_sized(size_t options_size, const char *path,
                                        const mayfly_tree_options *options,
                                        mayfly_leftovers **ret_left, mayfly_error *error);

/* How many there are; 0 for NULL. Safety: thread one-object | fork any | signal no. Since: 0.1 */
MAYFLY_API size_t mayfly_leftovers_count(const mayfly_leftovers *leftovers);

/* One of them: the path relative to the root ("." is the root itself) and the negative errno, or a
 * MAYFLY_E_ code. Of more than 10,000 (or 64 MiB of paths) only the first are listed; the count is
 * exact.
 *
 * Ownership: `*ret_path` is the list's.
 * Errors:    -ENOENT  index beyond the list
 * Safety:    thread one-object | fork any | signal no
 * Since:     0.1 */
MAYFLY_API int mayfly_leftovers_get(const mayfly_leftovers *leftovers, size_t index,
                                    const char **ret_path, int *ret_code);

/* Frees a list. NULL is accepted twice over.
 *
 * Safety:    thread one-object | fork any | signal no
 * Since:     0.1 */
MAYFLY_API void mayfly_leftovers_free(mayfly_leftovers **leftovers);
MAYFLY_API void mayfly_leftovers_auto(mayfly_leftovers **leftovers);

MAYFLY_END_DECLS

#endif
