/* SPDX-License-Identifier: MIT
 *
 * Down into directories and up again, by descriptors, without recursion.
 *
 * Invariants      every frame's device, inode and mount are known; a directory is entered only
 *                 through O_NOFOLLOW and left only into one that has the inode of its frame. So a
 *                 directory that is moved away or swapped in the meantime is lost, never followed.
 *                 At the most MFI_OPEN_ANCESTORS and two more descriptors are open, and fewer
 *                 where the process has none left: a closed ancestor is opened again by "..", or
 *                 down from the root.
 *                 A walk that stands in a directory of another's (one thread of a crew) goes down
 * from there and never above it. The mode of a directory is changed only through a descriptor, only
 * if it is this user's and lacks a right that the work was refused for. Not handled     a bind
 * mount of the same file system on a kernel before 5.8 that is seen only as the root, with
 * keep_root: nothing but the mount table tells it from a directory. Why this way    a descriptor
 * for each level ends with the limit on descriptors, a path for each level with PATH_MAX and with
 * whoever swaps a component, recursion with the stack.
 */
#define _GNU_SOURCE
#include "walk.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "crew.h"
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
    if (walk->names.size <= mfi_walk_top(walk)->pending)
        return -1;
    memcpy(&at, walk->names.data + walk->names.size - sizeof at, sizeof at);
    return (int64_t)at;
}

void mfi_walk_pop_name(struct mfi_walk *walk) {
    walk->names.size = (size_t)mfi_walk_last_name(walk);
}

/* ---- the path, for people -------------------------------------------------------------------- */

static int push_path(struct mfi_walk *walk, const char *name) {
    struct mfi_buffer *path = &walk->path;
    if (mfi_buffer_reserve(path, strlen(name) + 1) < 0)
        return -ENOMEM;
    if (path->size > 0)
        (void)mfi_buffer_append(path, "/", 1); /* cannot fail: there is room */
    (void)mfi_buffer_append(path, name, strlen(name));
    return 0;
}

static void cut_path(struct mfi_walk *walk, size_t size) {
    walk->path.size = size;
    if (walk->path.data != NULL)
        walk->path.data[size] = '\0';
}

/* The path of `name` below the top frame (NULL: of the top frame), until the path is cut to what
 * it was; NULL: no memory. */
static const char *path_with(struct mfi_walk *walk, const char *name) {
    if (name != NULL && push_path(walk, name) < 0)
        return NULL;
    return walk->path.size > 0 ? walk->path.data : ".";
}

void mfi_walk_record(struct mfi_walk *walk, const char *name, int code) {
    const size_t size = walk->path.size;
    struct mfi_walk *books = mfi_crew_open_books(walk);
    const int first = books->progress.left++ == 0;
    if (walk->depth > 0)
        mfi_walk_top(walk)->left = 1;
    const char *path = first || mfi_leftovers_listing(books->left) ? path_with(walk, name) : NULL;
    mfi_leftovers_add(books->left, path, code);
    if (first) {
        const char *shown = path != NULL ? path : (name != NULL ? name : ".");
        books->first_code = code;
        (void)snprintf(books->first_path, sizeof books->first_path, "%s", shown);
    }
    mfi_crew_close_books(walk, 0);
    cut_path(walk, size);
}

int mfi_walk_tell(struct mfi_walk *walk, const char *name) {
    const mayfly_tree_options *options = walk->options;
    if (options->progress == NULL)
        return 0;
    const size_t size = walk->path.size;
    const char *path = path_with(walk, name);
    struct mfi_walk *books = mfi_crew_open_books(walk);
    int r = mfi_crew_code(walk); /* once it was ended, the function is not called again */
    if (r == 0) {
        books->progress.path = path != NULL ? path : "";
        r = options->progress(&books->progress, options->user) != 0 ? -ECANCELED : 0;
        books->progress.path = NULL;
    }
    mfi_crew_close_books(walk, r);
    cut_path(walk, size);
    return r;
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

static int open_at(struct mfi_walk *walk, int dir, const char *name, int flags) {
    int fd = mfi_sys.openat(dir, name, flags, 0);
    if ((fd == -EMFILE || fd == -ENFILE) && close_ancestors(walk, 1))
        fd = mfi_sys.openat(dir, name, flags, 0);
    return fd;
}

static int same(const struct mfi_mount *found, const struct mfi_identity *identity) {
    return identity == NULL || identity->inode == 0 ||
           (found->device == identity->device && found->inode == identity->inode);
}

/* Opens `name` in `dir` if it is the directory of that identity. */
static int open_known(struct mfi_walk *walk, int dir, const char *name,
                      const struct mfi_identity *identity) {
    mfi_auto_fd fd = open_at(walk, dir, name, DIRECTORY_FLAGS);
    if (fd < 0)
        return fd;
    struct mfi_mount found;
    const int r = mfi_sys.statmount(fd, "", &found);
    if (r < 0)
        return r;
    return same(&found, identity) ? mfi_take_fd(&fd) : MAYFLY_E_REPLACED;
}

/* ---- permissions ----------------------------------------------------------------------------- */

/* A directory that this user owns but may not read is made so that it can be. */
static int open_repaired(struct mfi_walk *walk, int dir, const char *name,
                         const struct mfi_identity *identity) {
    mfi_auto_fd fd = open_at(walk, dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct mfi_mount found;
    if (fd == -EMFILE || fd == -ENFILE)
        return fd;
    if (fd < 0 || mfi_sys.statmount(fd, "", &found) < 0 || found.uid != walk->euid ||
        (found.mode & 0700) == 0700 || found.is_root == 1 || !same(&found, identity) ||
        (walk->depth > 0 && found.mount != mfi_walk_top(walk)->mount))
        return -EACCES;
    if (mfi_sys.chmod_opath(fd, (mode_t)((found.mode & 07777) | 0700)) < 0)
        return -EACCES;
    return open_at(walk, dir, name, DIRECTORY_FLAGS);
}

/* Gives rwx for the owner to the top frame's directory, once. 1: it was done, try again. */
static int repair_top(struct mfi_walk *walk) {
    struct mfi_frame *top = mfi_walk_top(walk);
    if (top->repaired || walk->options->leave_modes || top->uid != walk->euid ||
        (top->mode & 0700) == 0700)
        return 0;
    top->repaired = 1;
    return mfi_sys.fchmod(top->fd, (mode_t)((top->mode & 07777) | 0700)) == 0;
}

int mfi_walk_unlink(struct mfi_walk *walk, const char *name, int flags) {
    int r = mfi_sys.unlinkat(mfi_walk_top(walk)->fd, name, flags);
    if (r == -EACCES && repair_top(walk))
        r = mfi_sys.unlinkat(mfi_walk_top(walk)->fd, name, flags);
    return r;
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

/* Drops all frames. */
static void drop(struct mfi_walk *walk) {
    for (size_t i = walk->borrowed ? 1 : 0; i < walk->depth; i++)
        close_frame(&walk->frames[i]);
    walk->depth = 0;
}

int mfi_walk_stand(struct mfi_walk *walk, const struct mfi_frame *frame, const char *path) {
    drop(walk);
    walk->names.size = walk->path.size = 0;
    if (need_frame(walk) < 0 || mfi_buffer_append(&walk->path, path, strlen(path)) < 0)
        return -ENOMEM;
    walk->frames[0] = *frame;
    walk->frames[0].pending = 0;
    walk->frames[0].left = 0;
    walk->depth = walk->first_open = 1;
    walk->borrowed = 1;
    return 0;
}

static int open_below(struct mfi_walk *walk, const char *name,
                      const struct mfi_identity *identity) {
    const int dir = walk->depth == 0 ? walk->root_dir : mfi_walk_top(walk)->fd;
    int fd = open_at(walk, dir, name, DIRECTORY_FLAGS);
    if (fd == -EACCES && walk->depth > 0 && repair_top(walk))
        fd = open_at(walk, dir, name, DIRECTORY_FLAGS);
    if (fd == -EACCES && !walk->options->leave_modes)
        fd = open_repaired(walk, dir, name, identity);
    return fd;
}

/* Where stat does not tell the root of a mount: rmdir(2) says EBUSY of one, before it looks
 * whether it is empty. 1: a mount, 0: not, -ENOENT: it was empty and is gone. */
static int ask_rmdir(struct mfi_walk *walk, const char *name) {
    const int r = mfi_walk_unlink(walk, name, AT_REMOVEDIR);
    if (r == 0) {
        walk->directories++;
        return -ENOENT;
    }
    return r == -EBUSY;
}

static int is_other_mount(struct mfi_walk *walk, const char *name, const struct mfi_mount *found) {
    struct mfi_mount above = {0};
    if (found->is_root == 1)
        return 1;
    if (walk->depth > 0 && found->mount != mfi_walk_top(walk)->mount)
        return 1;
    if (found->is_root == 0)
        return 0;
    if (walk->depth > 0)
        return ask_rmdir(walk, name);
    return walk->root_busy || mfi_sys.statmount(walk->root_dir, "", &above) < 0 ||
           above.mount != found->mount;
}

int mfi_walk_enter(struct mfi_walk *walk, size_t name, const struct mfi_identity *identity) {
    const int is_root = walk->depth == 0;
    const char *text = is_root ? walk->root_name : mfi_walk_name(walk, name);
    const size_t path = walk->path.size;
    int r = need_frame(walk);
    if (r < 0)
        return r;
    mfi_auto_fd fd = open_below(walk, text, identity);
    struct mfi_mount found;
    r = fd < 0 ? fd : mfi_sys.statmount(fd, "", &found);
    if (r < 0)
        return r;
    if (!same(&found, identity))
        return MAYFLY_E_REPLACED;
    r = is_other_mount(walk, text, &found);
    if (r != 0)
        return r < 0 ? r : -EXDEV;
    if (!is_root && push_path(walk, text) < 0)
        return -ENOMEM;
    walk->frames[walk->depth++] = (struct mfi_frame){
        .fd = mfi_take_fd(&fd),
        .mode = found.mode,
        .uid = found.uid,
        .mount = found.mount,
        .identity = {found.device, found.inode},
        .name = name,
        .pending = walk->names.size,
        .path = path,
    };
    (void)close_ancestors(walk, MFI_OPEN_ANCESTORS);
    return 0;
}

/* ---- up -------------------------------------------------------------------------------------- */

/* The frame `to` again, from the root down, by names that still lead to the same directories. */
static int descend_again(struct mfi_walk *walk, size_t to) {
    mfi_auto_fd fd = -1;
    for (size_t i = walk->borrowed ? 1 : 0; i <= to; i++) {
        const struct mfi_frame *frame = &walk->frames[i];
        const int from = i == 0 ? walk->root_dir : fd >= 0 ? fd : frame[-1].fd;
        const char *name = i == 0 ? walk->root_name : mfi_walk_name(walk, frame->name);
        const int next = open_known(walk, from, name, &frame->identity);
        if (next < 0)
            return next;
        mfi_close_fd(&fd);
        fd = next;
    }
    return mfi_take_fd(&fd);
}

/* `below` again, from the directory that is left. */
static int open_again(struct mfi_walk *walk, const struct mfi_frame *left,
                      const struct mfi_frame *below) {
    const int fd =
        left->fd < 0 ? MAYFLY_E_REPLACED : open_known(walk, left->fd, "..", &below->identity);
    return fd >= 0 ? fd : descend_again(walk, walk->depth - 1);
}

int mfi_walk_leave(struct mfi_walk *walk) {
    struct mfi_frame *left = &walk->frames[--walk->depth];
    walk->names.size = left->pending;
    cut_path(walk, left->path);
    if (walk->depth == 0) {
        close_frame(left);
        walk->first_open = 0;
        return 0;
    }
    struct mfi_frame *below = left - 1;
    below->left |= left->left;
    if (below->fd < 0)
        below->fd = open_again(walk, left, below);
    close_frame(left);
    const size_t least = walk->borrowed ? 1 : 0;
    if (walk->first_open > walk->depth - 1)
        walk->first_open = walk->depth - 1 > least ? walk->depth - 1 : least;
    return below->fd < 0 ? below->fd : 0;
}

void mfi_walk_end(struct mfi_walk *walk) {
    drop(walk);
    free(walk->frames);
    free(walk->entries);
    mfi_buffer_free(&walk->names);
    mfi_buffer_free(&walk->path);
}
