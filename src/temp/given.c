/* SPDX-License-Identifier: MIT
 *
 * Files with a name that the caller gave.
 *
 * How         the file is made first, without a name or under a random one, and gets its name by a
 *             link, which never replaces. So its inode stands in the slot before the name exists,
 *             and whoever cleans up at that moment cannot take another one's file for it.
 * Not handled a file system that has neither links nor a rename that does not replace: there the
 *             name is created at once, and a process that is killed right after that leaves it.
 */
#define _GNU_SOURCE
#include <fcntl.h>

#include "create.h"

/* Gives the inode the first free name, by `put`; the slot knows it before. */
static int link_some(struct mfi_slot *slot, const struct mfi_request *request,
                     const struct stat *st,
                     int (*put)(const struct mfi_slot *slot, const void *from), const void *from,
                     mayfly_error *error) {
    for (unsigned attempt = 0;; attempt++) {
        mfi_slot_begin_name(slot); /* it may be armed by the attempt before */
        int r = mfi_next_name(slot->parent, request, attempt, slot->name, error);
        if (r < 0)
            return r;
        mfi_slot_announce(slot);
        mfi_slot_arm(slot, st, mfi_time_made(st));
        r = put(slot, from);
        if (r == 0)
            return 0;
        if (r != -EEXIST)
            return mfi_fail_call(error, r, "linkat", slot->parent->path, slot->parent->fd);
    }
}

/* ---- from a file without a name -------------------------------------------------------------- */

static int link_unnamed(const struct mfi_slot *slot, const void *from) {
    const int *fd = from;
    return mfi_sys.link_fd(*fd, slot->parent->fd, slot->name);
}

/* -EOPNOTSUPP without a word: another way is known. */
static int from_unnamed(struct mfi_slot *slot, const struct mfi_request *request,
                        mayfly_error *error) {
    struct stat st;
    mfi_auto_fd fd = mfi_sys.open_unnamed(slot->parent->fd, (mode_t)request->permissions);
    if (mfi_no_tmpfile(fd))
        return -EOPNOTSUPP;
    if (fd < 0)
        return mfi_fail_call(error, fd, "openat", slot->parent->path, slot->parent->fd);
    int r = mfi_prove_made(fd, slot->parent, request, request->name, &st, error);
    if (r < 0)
        return r;
    mayfly_error why;
    r = link_some(slot, request, &st, link_unnamed, &fd, &why);
    if (r == -ENOENT || r == -EPERM || r == -EOPNOTSUPP || r == -EXDEV)
        return -EOPNOTSUPP; /* no /proc, or not this file system */
    if (r < 0 && error != NULL)
        *error = why;
    return r < 0 ? r : mfi_take_fd(&fd);
}

/* ---- from one with a random name ------------------------------------------------------------- */

static int move_random(const struct mfi_slot *slot, const void *from) {
    const struct mfi_slot *random = from;
    const int dir = slot->parent->fd;
    const int r = mfi_sys.linkat(dir, random->name, dir, slot->name, 0);
    if (r != -EPERM && r != -EOPNOTSUPP && r != -ENOSYS)
        return r;
    return mfi_sys.renameat2(dir, random->name, dir, slot->name, MFI_RENAME_NOREPLACE);
}

static int from_random(struct mfi_slot *slot, const struct mfi_request *request,
                       mayfly_error *error) {
    struct mfi_slot *random = NULL;
    struct stat st;
    struct mfi_request unnamed = *request;
    unnamed.name = NULL;
    if (mfi_slot_reserve(slot->parent, MFI_KIND_FILE, &random) < 0)
        return mfi_fail_memory(error, sizeof *random);
    mfi_auto_fd fd = mfi_create_random(random, &unnamed, MFI_CREATE_FILE, error);
    int r = fd < 0 ? fd : mfi_sys.fstat(fd, &st);
    if (fd >= 0 && r == 0)
        r = link_some(slot, request, &st, move_random, random, error);
    if (fd >= 0)
        (void)mfi_slot_remove(random, NULL, NULL, NULL); /* gone already if it was renamed */
    mfi_slot_release(random);
    return r < 0 ? r : mfi_take_fd(&fd);
}

/* ---- at once --------------------------------------------------------------------------------- */

static int at_once(struct mfi_slot *slot, const struct mfi_request *request, mayfly_error *error) {
    for (unsigned attempt = 0;; attempt++) {
        struct stat st;
        int r = mfi_next_name(slot->parent, request, attempt, slot->name, error);
        if (r < 0)
            return r;
        mfi_auto_fd fd = mfi_sys.openat(slot->parent->fd, slot->name,
                                        O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                                        (mode_t)request->permissions);
        if (fd == -EEXIST)
            continue;
        if (fd < 0)
            return mfi_fail_call(error, fd, "openat", slot->parent->path, slot->parent->fd);
        r = mfi_prove_made(fd, slot->parent, request, slot->name, &st, error);
        if (r < 0) {
            (void)mfi_sys.unlinkat(slot->parent->fd, slot->name, 0);
            return r;
        }
        mfi_slot_announce(slot);
        mfi_slot_arm(slot, &st, mfi_time_made(&st));
        return mfi_take_fd(&fd);
    }
}

int mfi_create_given(struct mfi_slot *slot, const struct mfi_request *request,
                     mayfly_error *error) {
    mayfly_error why;
    why.code = 0;
    int fd = from_unnamed(slot, request, &why);
    if (fd == -EOPNOTSUPP)
        fd = from_random(slot, request, &why);
    if (fd == -EPERM || fd == -EOPNOTSUPP || fd == -EINVAL || fd == -ENOSYS)
        return at_once(slot, request, error);
    if (fd < 0 && why.code != 0 && error != NULL)
        *error = why;
    return fd;
}
