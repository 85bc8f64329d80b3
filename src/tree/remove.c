/* SPDX-License-Identifier: MIT
 *
 * Removing a tree.
 *
 * Each directory is read once: what is no directory goes at once, by the name that was just read;
 * the names of subdirectories are kept and visited then. So memory is taken for names of
 * directories only, and a directory is not read again for each of its subdirectories.
 *
 * Invariants  an error is recorded and the work goes on. Nothing is opened but directories.
 *             A directory that is refilled while it is emptied is read MFI_RESCANS times more.
 * Not handled a file system on which reading goes wrong while entries are removed: what it leaves
 *             out is found because the directory is not empty, and read again.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>

#include "leftovers.h"
#include "walk.h"

static struct mfi_frame *top_of(struct mfi_walk *walk) {
    return &walk->frames[walk->depth - 1];
}

/* ---- one directory --------------------------------------------------------------------------- */

static int push_directory(struct mfi_walk *walk, const char *name) {
    const int64_t at = mfi_walk_push_name(walk, name);
    return at < 0 ? (int)at : 0;
}

/* unlinkat says EISDIR of a directory on Linux, EPERM where POSIX is followed. */
static int is_directory(int code, const struct mfi_walk *walk, const char *name) {
    struct stat st;
    if (code == -EISDIR)
        return 1;
    return code == -EPERM &&
           mfi_sys.fstatat(walk->frames[walk->depth - 1].fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISDIR(st.st_mode);
}

static int remove_entry(struct mfi_walk *walk, const struct mfi_dirent *entry) {
    if (entry->type == DT_DIR)
        return push_directory(walk, entry->name);
    int r = mfi_sys.unlinkat(top_of(walk)->fd, entry->name, 0);
    if (r == -EACCES && mfi_walk_repair(walk))
        r = mfi_sys.unlinkat(top_of(walk)->fd, entry->name, 0);
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

static int tell_progress(struct mfi_walk *walk) {
    if (walk->options->progress == NULL)
        return 0;
    mfi_auto_free char *path = mfi_walk_path(walk, NULL);
    walk->progress.path = path != NULL ? path : "";
    const int r = walk->options->progress(&walk->progress, walk->options->user);
    walk->progress.path = NULL;
    return r != 0 ? -ECANCELED : 0;
}

/* Goes into the directory and reads it. A directory that cannot be entered is recorded. */
static int visit(struct mfi_walk *walk, size_t name) {
    int r = mfi_walk_enter(walk, name, NULL);
    if (r == -ENOMEM)
        return r;
    if (r < 0) {
        const char *text = walk->names.data + name;
        /* Gone, or no directory any more: then it goes like anything else. */
        const int gone = r == -ENOENT || r == -ENOTDIR || r == -ELOOP;
        if (gone)
            r = mfi_sys.unlinkat(top_of(walk)->fd, text, 0);
        if (r < 0 && r != -ENOENT) {
            mfi_auto_free char *copy = mfi_strdup(text);
            mfi_walk_record(walk, copy == NULL ? "?" : copy, r);
        }
        mfi_walk_pop_name(walk);
        return 0;
    }
    return scan(walk);
}

static int was_refilled(int code, const struct mfi_frame *frame) {
    return (code == -ENOTEMPTY || code == -EEXIST) && !frame->left && frame->rescans < MFI_RESCANS;
}

/* Removes the directory that was just left; its name is the last that is pending. */
static int remove_left(struct mfi_walk *walk, const struct mfi_frame *left) {
    const char *name = walk->names.data + left->name;
    int r = mfi_sys.unlinkat(top_of(walk)->fd, name, AT_REMOVEDIR);
    if (r == -EACCES && mfi_walk_repair(walk))
        r = mfi_sys.unlinkat(top_of(walk)->fd, name, AT_REMOVEDIR);
    if (was_refilled(r, left)) {
        r = visit(walk, left->name);
        if (r == 0 && top_of(walk)->name == left->name && walk->depth > 1)
            top_of(walk)->rescans = left->rescans + 1;
        return r;
    }
    if (r == 0)
        walk->progress.removed_directories++;
    /* One that holds what is recorded already needs no entry of its own. */
    const int told = left->left && (r == -ENOTEMPTY || r == -EEXIST);
    if (r < 0 && r != -ENOENT && !told) {
        mfi_auto_free char *copy = mfi_strdup(name);
        mfi_walk_record(walk, copy == NULL ? "?" : copy, r);
    }
    mfi_walk_pop_name(walk);
    return 0;
}

/* The top frame is done: up, and it goes. */
static int finish(struct mfi_walk *walk) {
    int r = tell_progress(walk);
    if (r < 0)
        return r;
    const struct mfi_frame done = *top_of(walk);
    r = mfi_walk_leave(walk);
    while (r < 0 && r != -ENOMEM && walk->depth > 1) {
        /* The way up is gone: the directory was moved away. What it still holds is left; the work
         * goes on in the nearest ancestor that is still in its place. */
        mfi_walk_record(walk, NULL, r);
        r = mfi_walk_leave(walk);
        if (r == 0)
            mfi_walk_pop_name(walk);
    }
    if (r < 0 && walk->depth == 1)
        mfi_walk_record(walk, NULL, r);
    if (r < 0)
        return r;
    if (walk->depth == 0 || mfi_walk_last_name(walk) != (int64_t)done.name)
        return 0;
    return remove_left(walk, &done);
}

/* Empties the root, which has been entered. */
static int empty_root(struct mfi_walk *walk) {
    int r = scan(walk);
    while (r == 0) {
        const int64_t next = mfi_walk_last_name(walk);
        if (next >= 0)
            r = visit(walk, (size_t)next);
        else if (walk->depth > 1)
            r = finish(walk);
        else
            break;
    }
    return r == 0 ? tell_progress(walk) : r;
}

/* ---- the root -------------------------------------------------------------------------------- */

static int fail_left(const struct mfi_walk *walk, const char *display, mayfly_error *error) {
    char reason[160];
    return mfi_fail(error, MAYFLY_E_LEFTOVER, "remove_tree", display,
                    "%llu could not be removed; the first is \"%s\": %s",
                    (unsigned long long)walk->progress.left, walk->first_path,
                    mayfly_strerror(walk->first_code, reason, sizeof reason));
}

/* Empties and removes it until it is gone, or refilled once too often. */
static int empty_and_remove(struct mfi_walk *walk, const struct mfi_identity *identity) {
    for (int rescans = 0;; rescans++) {
        int r = mfi_walk_enter(walk, 0, identity);
        if (r < 0)
            return r;
        r = empty_root(walk);
        while (walk->depth > 0)
            (void)mfi_walk_leave(walk);
        if (r < 0 || walk->options->keep_root)
            return r;
        r = mfi_sys.unlinkat(walk->root_dir, walk->root_name, AT_REMOVEDIR);
        if (r == 0)
            walk->progress.removed_directories++;
        if (r == 0 || r == -ENOENT)
            return 0;
        const int refilled = (r == -ENOTEMPTY || r == -EEXIST) && walk->progress.left == 0;
        if (refilled && rescans < MFI_RESCANS)
            continue;
        if (walk->progress.left == 0 || (r != -ENOTEMPTY && r != -EEXIST))
            mfi_walk_record(walk, NULL, r);
        return 0;
    }
}

static int remove_walking(struct mfi_walk *walk, const char *display,
                          const struct mfi_identity *identity, mayfly_error *error) {
    walk->euid = (uint32_t)mfi_sys.geteuid();
    walk->entries = mfi_sys.malloc(MFI_ENTRIES);
    if (walk->entries == NULL)
        return mfi_fail_memory(error, MFI_ENTRIES);
    const int r = empty_and_remove(walk, identity);
    if (r == -ENOENT && walk->progress.left == 0)
        return 0;
    if (r == -EXDEV)
        return mfi_fail(error, -EBUSY, "remove_tree", display,
                        "is a mount point; unmount it first. Nothing was removed");
    if (r == MAYFLY_E_REPLACED && walk->progress.left == 0)
        return mfi_fail(error, r, "remove_tree", display,
                        "another directory has this name by now; it was left alone");
    if (r == -ENOMEM || r == -ECANCELED)
        return r == -ENOMEM ? mfi_fail_memory(error, MFI_ENTRIES)
                            : mfi_fail_call(error, r, "remove_tree", display, -1);
    if (r < 0 && walk->progress.left == 0)
        mfi_walk_record(walk, NULL, r);
    return walk->progress.left > 0 ? fail_left(walk, display, error) : 0;
}

static int check_identity(int dir, const char *name, const char *display,
                          const struct mfi_identity *identity, mayfly_error *error) {
    struct stat st;
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
    return 1;
}

int mfi_tree_remove(int dir, const char *name, const char *display,
                    const struct mfi_identity *identity, const mayfly_tree_options *options,
                    mayfly_leftovers **ret_left, mayfly_error *error) {
    int r = check_identity(dir, name, display, identity, error);
    if (r <= 0)
        return r;
    if (!options->keep_root) {
        /* An empty directory, a file or a link is gone with one call. */
        r = mfi_sys.unlinkat(dir, name, AT_REMOVEDIR);
        if (r == -ENOTDIR)
            r = mfi_sys.unlinkat(dir, name, 0);
        if (r == 0 || r == -ENOENT)
            return 0;
    }
    mayfly_leftovers *left = NULL;
    struct mfi_walk walk = {.root_dir = dir, .root_name = name, .options = options,
                            .left = ret_left == NULL ? NULL : &left};
    r = remove_walking(&walk, display, identity, error);
    mfi_walk_end(&walk);
    if (ret_left != NULL && left != NULL)
        *ret_left = left;
    return r;
}

int mayfly_remove_tree_sized(size_t options_size, const char *path,
                             const mayfly_tree_options *options, mayfly_leftovers **ret_left,
                             mayfly_error *error) {
    mayfly_tree_options known;
    int r = mfi_options_import(&known, sizeof known, options, options_size, "remove_tree", error);
    if (r < 0)
        return r;
    mfi_auto_free char *plain = path == NULL ? NULL : mfi_strdup(path);
    if (plain == NULL)
        return path == NULL ? mfi_fail(error, -EINVAL, "remove_tree", NULL, "no path was given")
                            : mfi_fail_memory(error, strlen(path));
    for (size_t size = strlen(plain); size > 1 && plain[size - 1] == '/'; size--)
        plain[size - 1] = '\0';
    const char *base = NULL;
    mfi_auto_fd dir = mfi_open_parent(plain, &base, error);
    if (dir == -ENOENT)
        return 0;
    if (dir < 0)
        return dir;
    return mfi_tree_remove(dir, base, path, NULL, &known, ret_left, error);
}
