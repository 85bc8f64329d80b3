/* SPDX-License-Identifier: MIT
 *
 * Down into directories and up again, by descriptors, without recursion.
 *
 * Invariants  every frame's device, inode and mount are known; a directory is entered only through
 *             O_NOFOLLOW and left only into one that has the inode of its frame. So a directory
 *             that is moved away or swapped in the meantime is lost, never followed.
 *             At the most MFI_OPEN_ANCESTORS descriptors are open, and fewer where the process has
 *             none left: a closed ancestor is opened again by "..", or down from the root.
 */
#define _GNU_SOURCE
#include "walk.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "leftovers.h"

enum { DIRECTORY_FLAGS = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC };

/* ---- names ----------------------------------------------------------------------------------- */

/* A name is followed by the offset at which it begins, so that the last can be found. */
int64_t mfi_walk_push_name(struct mfi_walk *walk, const char *name) {
    const size_t at = walk->names.size;
    const size_t size = strlen(name) + 1;
    if (mfi_buffer_reserve(&walk->names, size + sizeof at) < 0)
        return -ENOMEM;
    (void)mfi_buffer_append(&walk->names, name, size); /* cannot fail: there is room */
    (void)mfi_buffer_append(&walk->names, &at, sizeof at);
    return (int64_t)at;
}

int64_t mfi_walk_last_name(const struct mfi_walk *walk) {
    size_t at = 0;
    if (walk->names.size <= walk->frames[walk->depth - 1].pending)
        return -1;
    memcpy(&at, walk->names.data + walk->names.size - sizeof at, sizeof at);
    return (int64_t)at;
}

void mfi_walk_pop_name(struct mfi_walk *walk) {
    walk->names.size = (size_t)mfi_walk_last_name(walk);
}

static const char *name_at(const struct mfi_walk *walk, size_t name) {
    return walk->names.data + name;
}

char *mfi_walk_path(const struct mfi_walk *walk, const char *name) {
    mfi_auto_buffer path = {0};
    for (size_t i = 1; i < walk->depth; i++) {
        const char *part = name_at(walk, walk->frames[i].name);
        if ((path.size > 0 && mfi_buffer_append(&path, "/", 1) < 0) ||
            mfi_buffer_append(&path, part, strlen(part)) < 0)
            return NULL;
    }
    if (name != NULL && path.size > 0 && mfi_buffer_append(&path, "/", 1) < 0)
        return NULL;
    if (name == NULL && path.size == 0)
        name = ".";
    if (name != NULL && mfi_buffer_append(&path, name, strlen(name)) < 0)
        return NULL;
    return mfi_take(path.data);
}

void mfi_walk_record(struct mfi_walk *walk, const char *name, int code) {
    mfi_auto_free char *path = mfi_walk_path(walk, name);
    const char *shown = path != NULL ? path : (name != NULL ? name : ".");
    mfi_leftovers_add(walk->left, shown, code);
    if (walk->progress.left++ == 0) {
        walk->first_code = code;
        (void)snprintf(walk->first_path, sizeof walk->first_path, "%s", shown);
    }
    for (size_t i = 0; i < walk->depth; i++)
        walk->frames[i].left = 1;
}

/* ---- descriptors ----------------------------------------------------------------------------- */

static void close_frame(struct mfi_frame *frame) {
    if (frame->fd >= 0)
        (void)mfi_sys.close(frame->fd); /* only read from: nothing to be lost */
    frame->fd = -1;
}

/* Closes the ancestors but for the last `keep` of them. 1: one was open. */
static int close_ancestors(struct mfi_walk *walk, size_t keep) {
    int closed = 0;
    while (walk->first_open + keep < walk->depth) {
        closed |= walk->frames[walk->first_open].fd >= 0;
        close_frame(&walk->frames[walk->first_open++]);
    }
    return closed;
}

static int open_at(struct mfi_walk *walk, int dir, const char *name) {
    int fd = mfi_sys.openat(dir, name, DIRECTORY_FLAGS, 0);
    if ((fd == -EMFILE || fd == -ENFILE) && close_ancestors(walk, 1))
        fd = mfi_sys.openat(dir, name, DIRECTORY_FLAGS, 0);
    return fd;
}

static int same(const struct mfi_mount *found, const struct mfi_identity *identity) {
    return found->device == identity->device && found->inode == identity->inode;
}

/* Opens `name` in `dir` if it is the directory of that identity. */
static int open_known(struct mfi_walk *walk, int dir, const char *name,
                      const struct mfi_identity *identity) {
    mfi_auto_fd fd = open_at(walk, dir, name);
    if (fd < 0)
        return fd;
    struct mfi_mount found;
    const int r = mfi_sys.statmount(fd, "", &found);
    if (r < 0)
        return r;
    return same(&found, identity) ? mfi_take_fd(&fd) : MAYFLY_E_REPLACED;
}

/* A directory that this user owns but may not open is made so that it can be. */
static int open_repaired(struct mfi_walk *walk, int dir, const char *name, uint64_t mount) {
    mfi_auto_fd fd =
        mfi_sys.openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
    struct mfi_mount found;
    if (fd < 0 || mfi_sys.statmount(fd, "", &found) < 0 || found.uid != walk->euid ||
        (mount != 0 && found.mount != mount) || found.is_root == 1)
        return -EACCES;
    if (mfi_sys.chmod_opath(fd, (mode_t)((found.mode & 07777) | 0700)) < 0)
        return -EACCES;
    return open_at(walk, dir, name);
}

int mfi_walk_repair(struct mfi_walk *walk) {
    struct mfi_frame *top = &walk->frames[walk->depth - 1];
    if (top->repaired || walk->options->leave_modes || top->uid != walk->euid)
        return 0;
    top->repaired = 1;
    return mfi_sys.fchmod(top->fd, (mode_t)((top->mode & 07777) | 0700)) == 0;
}

/* ---- down ------------------------------------------------------------------------------------ */

static int need_frame(struct mfi_walk *walk) {
    if (walk->depth < walk->capacity)
        return 0;
    const size_t capacity = walk->capacity == 0 ? 32 : walk->capacity * 2;
    struct mfi_frame *frames = mfi_sys.realloc(walk->frames, capacity * sizeof *frames);
    if (frames == NULL)
        return -ENOMEM;
    walk->frames = frames;
    walk->capacity = capacity;
    return 0;
}

static int open_below(struct mfi_walk *walk, const char *name) {
    const struct mfi_frame *top = walk->depth == 0 ? NULL : &walk->frames[walk->depth - 1];
    const int dir = top == NULL ? walk->root_dir : top->fd;
    int fd = open_at(walk, dir, name);
    if (fd == -EACCES && top != NULL && mfi_walk_repair(walk))
        fd = open_at(walk, dir, name);
    if (fd == -EACCES && !walk->options->leave_modes)
        fd = open_repaired(walk, dir, name, top == NULL ? 0 : top->mount);
    return fd;
}

int mfi_walk_enter(struct mfi_walk *walk, size_t name, const struct mfi_identity *identity) {
    int r = need_frame(walk);
    if (r < 0)
        return r;
    mfi_auto_fd fd = open_below(walk, walk->depth == 0 ? walk->root_name : name_at(walk, name));
    struct mfi_mount found;
    r = fd < 0 ? fd : mfi_sys.statmount(fd, "", &found);
    if (r < 0)
        return r;
    if (found.is_root == 1 ||
        (walk->depth > 0 && found.mount != walk->frames[walk->depth - 1].mount))
        return -EXDEV;
    if (identity != NULL && identity->inode != 0 && !same(&found, identity))
        return MAYFLY_E_REPLACED;
    walk->frames[walk->depth++] = (struct mfi_frame){
        .fd = mfi_take_fd(&fd),
        .mode = found.mode,
        .uid = found.uid,
        .mount = found.mount,
        .identity = {found.device, found.inode},
        .name = name,
        .pending = walk->names.size,
    };
    (void)close_ancestors(walk, MFI_OPEN_ANCESTORS);
    return 0;
}

/* ---- up -------------------------------------------------------------------------------------- */

/* The frame `to` again, from the root down, by names that still lead to the same directories. */
static int descend_again(struct mfi_walk *walk, size_t to) {
    mfi_auto_fd fd =
        open_known(walk, walk->root_dir, walk->root_name, &walk->frames[0].identity);
    for (size_t i = 1; i <= to && fd >= 0; i++) {
        const int next =
            open_known(walk, fd, name_at(walk, walk->frames[i].name), &walk->frames[i].identity);
        (void)mfi_sys.close(fd);
        fd = next;
    }
    return fd < 0 ? fd : mfi_take_fd(&fd);
}

int mfi_walk_leave(struct mfi_walk *walk) {
    struct mfi_frame *top = &walk->frames[--walk->depth];
    walk->names.size = top->pending;
    if (walk->depth == 0) {
        close_frame(top);
        return 0;
    }
    struct mfi_frame *below = top - 1;
    int r = 0;
    if (below->fd < 0) {
        below->fd = open_known(walk, top->fd, "..", &below->identity);
        if (below->fd < 0)
            below->fd = descend_again(walk, walk->depth - 1);
        r = below->fd < 0 ? below->fd : 0;
    }
    close_frame(top);
    if (walk->first_open > walk->depth - 1)
        walk->first_open = walk->depth - 1;
    return r;
}

void mfi_walk_end(struct mfi_walk *walk) {
    for (size_t i = 0; i < walk->depth; i++)
        close_frame(&walk->frames[i]);
    free(walk->frames);
    free(walk->entries);
    mfi_buffer_free(&walk->names);
}
