/* SPDX-License-Identifier: MIT
 *
 * Removing a tree.
 *
 * Here is what is about the root: whether it is the directory that is meant, that it is none, that
 * it is refilled; and what the caller is told at the end. How directories are emptied stands in
 * empty.c, and how by several threads in crew.c.
 *
 * Invariants      nothing is touched where the name belongs to another inode than was asked for.
 *                 Where the threads together need more descriptors than there are, the tree is
 *                 begun again by one of them, and so is the list of what is left.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>

#include "crew.h"
#include "empty.h"
#include "leftovers.h"

/* ---- the root -------------------------------------------------------------------------------- */

/* Forgets what could not be removed: it is found again. */
static void forget_left(struct mfi_walk *walk) {
    mfi_leftovers_clear(walk->left);
    walk->progress.left = 0;
    walk->names.size = 0;
    mfi_walk_top(walk)->left = 0;
}

/* Empties the root, which has been entered. */
static int empty_root(struct mfi_walk *walk) {
    int r = -EMFILE;
    if (walk->options->jobs > 1 && !walk->alone) {
        r = mfi_crew_empty(walk);
        if (r != -EMFILE)
            return r;
        walk->alone = 1;
        forget_left(walk);
        /* If this is refused, the root is found not empty, and opened and read again. */
        (void)mfi_sys.lseek(mfi_walk_top(walk)->fd, 0, SEEK_SET);
    }
    r = mfi_empty_scan(walk);
    while (r == 0)
        r = mfi_empty_step(walk);
    return r < 0 ? r : 0;
}

/* Empties it, once. `identity` is set to what was entered. */
static int empty(struct mfi_walk *walk, struct mfi_identity *identity) {
    int r = mfi_walk_enter(walk, 0, identity);
    if (r < 0)
        return r;
    *identity = mfi_walk_top(walk)->identity;
    r = empty_root(walk);
    while (walk->depth > 0)
        (void)mfi_walk_leave(walk);
    return r;
}

/* It is no directory by now. Where nobody said which directory is meant, the name alone counts. */
static int remove_other(const struct mfi_walk *walk, int known, int code) {
    if (known)
        return MAYFLY_E_REPLACED;
    return walk->options->keep_root ? code : mfi_sys.unlinkat(walk->root_dir, walk->root_name, 0);
}

/* Empties and removes it until it is gone, or refilled once too often. */
static int empty_and_remove(struct mfi_walk *walk, struct mfi_identity identity) {
    for (int rescans = 0;; rescans++) {
        const int known = identity.inode != 0;
        int r = empty(walk, &identity);
        if (mfi_is_no_directory(r))
            return remove_other(walk, known, r);
        if (r < 0 || walk->options->keep_root)
            return r;
        r = mfi_sys.unlinkat(walk->root_dir, walk->root_name, AT_REMOVEDIR);
        if (r == 0)
            walk->directories++;
        if (!mfi_is_not_empty(r))
            return r;
        if (walk->progress.left > 0) /* what it holds is recorded already */
            return 0;
        if (rescans == MFI_RESCANS || walk->rescans >= MFI_RESCANS_ALL)
            return r;
        walk->rescans++;
    }
}

static int fail_left(const struct mfi_walk *walk, const char *display, mayfly_error *error) {
    char reason[160];
    return mfi_fail(error, MAYFLY_E_LEFTOVER, "remove_tree", display,
                    "%llu could not be removed; the first is \"%s\": %s",
                    (unsigned long long)walk->progress.left, walk->first_path,
                    mayfly_strerror(walk->first_code, reason, sizeof reason));
}

/* The result of the whole from that of the work. */
static int conclude(struct mfi_walk *walk, int code, int identified, const char *display,
                    mayfly_error *error) {
    static const char stopped[] = "the progress function ended it";
    if (code == -ENOMEM)
        return mfi_fail_memory(error, MFI_ENTRIES);
    if (code == -ECANCELED)
        return mfi_fail(error, code, "remove_tree", display, "%s before all was gone", stopped);
    if (code == -EXDEV)
        return mfi_fail(error, -EBUSY, "remove_tree", display,
                        "is a mount point; unmount it first. Nothing was removed");
    if (code == MAYFLY_E_REPLACED && identified && walk->progress.left == 0)
        return mfi_fail(error, code, "remove_tree", display,
                        "another file or directory has this name by now; it was left alone");
    if (code < 0 && code != -ENOENT && walk->progress.left == 0)
        mfi_walk_record(walk, NULL, code);
    if (mfi_walk_tell(walk, NULL) < 0)
        return mfi_fail(error, -ECANCELED, "remove_tree", display, "%s at its end", stopped);
    return walk->progress.left > 0 ? fail_left(walk, display, error) : 0;
}

static int remove_walking(struct mfi_walk *walk, const char *display,
                          const struct mfi_identity *identity, mayfly_error *error) {
    const int identified = identity != NULL && identity->inode != 0;
    walk->euid = (uint32_t)mfi_sys.geteuid();
    walk->entries = mfi_sys.malloc(MFI_ENTRIES);
    if (walk->entries == NULL)
        return mfi_fail_memory(error, MFI_ENTRIES);
    const int r = empty_and_remove(walk, identified ? *identity : (struct mfi_identity){0});
    return conclude(walk, r, identified, display, error);
}

/* 1: go on; 0: it is gone already; or the failure. `ret_mode` is 0 where it was not looked at. */
static int check_identity(int dir, const char *name, const char *display,
                          const struct mfi_identity *identity, mode_t *ret_mode,
                          mayfly_error *error) {
    struct stat st;
    *ret_mode = 0;
    if (identity == NULL || identity->inode == 0)
        return 1;
    const int r = mfi_sys.fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW);
    if (r == -ENOENT)
        return 0;
    if (r < 0)
        return mfi_fail_call(error, r, "fstatat", display, -1);
    if ((uint64_t)st.st_dev != identity->device || st.st_ino != identity->inode)
        return mfi_fail(error, MAYFLY_E_REPLACED, "remove_tree", display,
                        "another file or directory has this name by now; it was left alone");
    *ret_mode = st.st_mode;
    return 1;
}

/* An empty directory, a file or a link is gone with one call or two. 1: it is, and was a
 * directory; 0: it is; or why it is not. */
static int remove_at_once(struct mfi_walk *walk, mode_t mode) {
    if (walk->options->keep_root)
        return -ENOTEMPTY;
    const int r = mfi_sys.unlinkat(walk->root_dir, walk->root_name, AT_REMOVEDIR);
    walk->root_busy = r == -EBUSY;
    if (r == 0)
        walk->directories++;
    if (r != -ENOTDIR)
        return r == 0 ? 1 : r;
    /* Where the directory is known, a file in its place is somebody else's. */
    return S_ISDIR(mode) ? MAYFLY_E_REPLACED : mfi_sys.unlinkat(walk->root_dir, walk->root_name, 0);
}

int mfi_tree_remove(int dir, const char *name, const char *display,
                    const struct mfi_identity *identity, const mayfly_tree_options *options,
                    mayfly_leftovers **ret_left, mayfly_error *error) {
    mode_t mode;
    int r = check_identity(dir, name, display, identity, &mode, error);
    if (r <= 0)
        return r;
    struct mfi_walk walk = {.root_dir = dir, .root_name = name, .options = options};
    r = remove_at_once(&walk, mode);
    if (r == 0 || r == -ENOENT)
        return 0;
    if (r == 1 || r == MAYFLY_E_REPLACED)
        return conclude(&walk, r == 1 ? 0 : r, 1, display, error);
    mayfly_auto(mayfly_leftovers) left = ret_left == NULL ? NULL : mfi_leftovers_new();
    if (ret_left != NULL && left == NULL)
        return mfi_fail_memory(error, sizeof(void *));
    walk.left = left;
    r = remove_walking(&walk, display, identity, error);
    mfi_walk_end(&walk);
    if (mayfly_leftovers_count(left) > 0)
        *ret_left = mfi_take(left);
    return r;
}

/* ---- by path --------------------------------------------------------------------------------- */

int mayfly_remove_tree_sized(size_t options_size, const char *path,
                             const mayfly_tree_options *options, mayfly_leftovers **ret_left,
                             mayfly_error *error) {
    mayfly_tree_options known;
    int r = mfi_options_import(&known, sizeof known, options, options_size, "remove_tree", error);
    if (r < 0)
        return r;
    if (path == NULL)
        return mfi_fail(error, -EINVAL, "remove_tree", NULL, "no path was given");
    mfi_auto_free char *plain = mfi_strdup(path);
    if (plain == NULL)
        return mfi_fail_memory(error, strlen(path) + 1);
    for (size_t size = strlen(plain); size > 1 && plain[size - 1] == '/'; size--)
        plain[size - 1] = '\0';
    const char *base = NULL;
    mayfly_error why;
    mfi_auto_fd dir = mfi_open_parent(plain, &base, &why);
    if (dir == -ENOENT)
        return 0; /* nor is there anything in it */
    if (dir >= 0)
        return mfi_tree_remove(dir, base, path, NULL, &known, ret_left, error);
    if (error != NULL)
        *error = why;
    return dir;
}
