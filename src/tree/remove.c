/* SPDX-License-Identifier: MIT
 *
 * Removing a tree.
 *
 * Each directory is read once: what is no directory goes at once, by the name that was just read;
 * the names of subdirectories are kept and visited then. So memory is taken for names of
 * directories only, and a directory is not read again for each of its subdirectories.
 *
 * Invariants      an error is recorded and the work goes on; only a lack of memory and the caller
 *                 end it. Nothing is opened but directories. A directory that is refilled while it
 *                 is emptied is read MFI_RESCANS times more, then recorded as not empty.
 * Not handled     a file system that leaves names out when entries are removed between two reads:
 *                 they are found because the directory is not empty, and it is read again; but not
 *                 if something else in it is left as well.
 *                 Whoever adds names faster than they are removed, all of them behind the place
 *                 where the directory is being read, prolongs that reading.
 * Why this way    a stat for each entry would double the calls; the kernel tells the type with the
 *                 name, and where it does not, unlinkat(2) refuses a directory.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>

#include "leftovers.h"
#include "walk.h"

static struct mfi_frame *top_of(const struct mfi_walk *walk) {
    return &walk->frames[walk->depth - 1];
}

static const char *name_at(const struct mfi_walk *walk, size_t name) {
    return walk->names.data + name;
}

static int is_not_empty(int code) {
    return code == -ENOTEMPTY || code == -EEXIST;
}

/* What stands under the name is no directory: a link or file was put there in the meantime. */
static int is_no_directory(int code) {
    return code == -ENOTDIR || code == -ELOOP;
}

/* ---- one directory --------------------------------------------------------------------------- */

/* unlinkat says EISDIR of a directory on Linux, EPERM where POSIX is followed. */
static int is_directory(int code, const struct mfi_walk *walk, const char *name) {
    struct stat st;
    if (code == -EISDIR)
        return 1;
    return code == -EPERM &&
           mfi_sys.fstatat(top_of(walk)->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISDIR(st.st_mode);
}

static int push_directory(struct mfi_walk *walk, const char *name) {
    return mfi_walk_push_name(walk, name) < 0 ? -ENOMEM : 0;
}

static int remove_entry(struct mfi_walk *walk, const struct mfi_dirent *entry) {
    if (entry->type == DT_DIR)
        return push_directory(walk, entry->name);
    const int r = mfi_walk_unlink(walk, entry->name, 0);
    if (r == 0)
        walk->progress.removed_files++;
    if (r == 0 || r == -ENOENT)
        return 0;
    if (is_directory(r, walk, entry->name))
        return push_directory(walk, entry->name);
    mfi_walk_record(walk, entry->name, r);
    return 0;
}

static int is_dot(const char *name) {
    return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

/* Reads the top frame to its end. 0 or -ENOMEM. */
static int scan(struct mfi_walk *walk) {
    for (;;) {
        const ssize_t n = mfi_sys.getdents(top_of(walk)->fd, walk->entries, MFI_ENTRIES);
        if (n == -ENOENT) /* the directory itself was removed by somebody else */
            return 0;
        if (n < 0)
            mfi_walk_record(walk, NULL, (int)n);
        if (n <= 0)
            return 0;
        for (const char *at = walk->entries; at < walk->entries + n;) {
            const struct mfi_dirent *entry = (const struct mfi_dirent *)(const void *)at;
            const int r = is_dot(entry->name) ? 0 : remove_entry(walk, entry);
            if (r < 0)
                return r;
            at += entry->length;
        }
    }
}

/* ---- from one to the next -------------------------------------------------------------------- */

/* The name at the end of those that are pending is done with: removed, recorded or gone. */
static int settle(struct mfi_walk *walk, size_t name) {
    const int r = mfi_walk_tell(walk, name_at(walk, name));
    mfi_walk_pop_name(walk);
    return r;
}

/* Goes into the directory, or removes what was put there instead. */
static int enter(struct mfi_walk *walk, size_t name) {
    int r = -EISDIR;
    for (int tries = 0; r == -EISDIR && tries <= MFI_RESCANS; tries++) {
        r = mfi_walk_enter(walk, name, NULL);
        if (!is_no_directory(r))
            return r;
        r = mfi_walk_unlink(walk, name_at(walk, name), 0);
        if (r == 0) {
            walk->progress.removed_files++;
            return -ENOENT;
        }
    }
    return r;
}

/* One that cannot be entered may be empty all the same. */
static void remove_closed(struct mfi_walk *walk, const char *name, int why) {
    const int r = why == -EXDEV ? why : mfi_walk_unlink(walk, name, AT_REMOVEDIR);
    if (r == 0)
        walk->progress.removed_directories++;
    else if (r != -ENOENT)
        mfi_walk_record(walk, name, why);
}

/* Goes into the directory and reads it. A directory that cannot be entered is recorded. */
static int visit(struct mfi_walk *walk, size_t name, int rescans) {
    const int r = enter(walk, name);
    if (r == -ENOMEM)
        return r;
    if (r == 0) {
        top_of(walk)->rescans = rescans;
        return scan(walk);
    }
    if (r != -ENOENT)
        remove_closed(walk, name_at(walk, name), r);
    return settle(walk, name);
}

/* Whether the directory that could not be removed is worth another reading. */
static int was_refilled(const struct mfi_walk *walk, int code, const struct mfi_frame *frame) {
    return (is_no_directory(code) || (is_not_empty(code) && !frame->left)) &&
           frame->rescans < MFI_RESCANS && walk->rescans < MFI_RESCANS_ALL;
}

/* Removes the directory that was just left; its name is the last that is pending. */
static int remove_left(struct mfi_walk *walk, const struct mfi_frame *left) {
    const char *name = name_at(walk, left->name);
    const int r = mfi_walk_unlink(walk, name, AT_REMOVEDIR);
    if (was_refilled(walk, r, left)) {
        walk->rescans++;
        return visit(walk, left->name, left->rescans + 1);
    }
    /* One that holds what is recorded already needs no entry of its own. */
    const int told = left->left && is_not_empty(r);
    if (r == 0)
        walk->progress.removed_directories++;
    else if (r != -ENOENT && !told)
        mfi_walk_record(walk, name, r);
    return settle(walk, left->name);
}

/* The way up is gone: the directory was moved away. What it still holds is left, and the work goes
 * on in the nearest ancestor that is still in its place. */
static int climb_over_lost(struct mfi_walk *walk, int code) {
    while (code < 0) {
        if (code != -ENOENT)
            mfi_walk_record(walk, NULL, code);
        if (walk->depth == 1)
            return code;
        code = mfi_walk_leave(walk);
    }
    return settle(walk, (size_t)mfi_walk_last_name(walk));
}

/* The top frame is done: up, and it goes. */
static int finish(struct mfi_walk *walk) {
    const struct mfi_frame done = *top_of(walk);
    const int r = mfi_walk_leave(walk);
    return r < 0 ? climb_over_lost(walk, r) : remove_left(walk, &done);
}

/* Empties the root, which has been entered. */
static int empty_root(struct mfi_walk *walk) {
    int r = scan(walk);
    while (r == 0) {
        const int64_t next = mfi_walk_last_name(walk);
        if (next >= 0)
            r = visit(walk, (size_t)next, 0);
        else if (walk->depth > 1)
            r = finish(walk);
        else
            break;
    }
    return r;
}

/* ---- the root -------------------------------------------------------------------------------- */

/* Empties it, once. `identity` is set to what was entered. */
static int empty(struct mfi_walk *walk, struct mfi_identity *identity) {
    int r = mfi_walk_enter(walk, 0, identity);
    if (r < 0)
        return r;
    *identity = top_of(walk)->identity;
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
        if (is_no_directory(r))
            return remove_other(walk, known, r);
        if (r < 0 || walk->options->keep_root)
            return r;
        r = mfi_sys.unlinkat(walk->root_dir, walk->root_name, AT_REMOVEDIR);
        if (r == 0)
            walk->progress.removed_directories++;
        if (!is_not_empty(r))
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
        walk->progress.removed_directories++;
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
