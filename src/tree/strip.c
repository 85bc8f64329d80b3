/* SPDX-License-Identifier: MIT
 *
 * Emptying a directory within a signal handler: no memory, no stack to speak of, no library.
 *
 * How             the root is read again and again. What is no directory is unlinked. A directory
 * is removed; one that is not empty is opened, its files are unlinked, its directories are removed
 * or, where they are not empty either, renamed into the root. So no depth is ever gone into, each
 * directory is opened once, and nothing need be remembered. Invariants      descriptors of three
 * directories are open at the most. Nothing is followed: what is opened is opened with O_NOFOLLOW
 * and must lie on the root's mount. It ends: a pass over the root that removes and moves nothing is
 * the last. Only one thread at a time (the buffers are static); the caller sees to it. Not handled
 * progress, a list of what is left, work in parallel: remove.c does.
 */
#define _GNU_SOURCE
#include <fcntl.h>

#include "walk.h"

enum {
    ENTRIES = 16384,
    FLAGS = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
};

static char root_entries[ENTRIES], sub_entries[ENTRIES];
static unsigned long moved;

struct strip {
    int root;
    uint64_t mount;
    unsigned long done; /* removed or moved in this pass */
};

/* "mayfly-<number>", by hand: snprintf(3) is not for handlers. */
static void next_name(char *to) {
    static const char prefix[] = "mayfly-";
    unsigned long number = moved++;
    size_t at = sizeof prefix - 1;
    memcpy(to, prefix, at);
    do {
        to[at++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    to[at] = '\0';
}

/* unlink, or rmdir where it is a directory. */
static int take_away(int dir, const char *name, int type) {
    int r = type == DT_DIR ? -EISDIR : mfi_sys.unlinkat(dir, name, 0);
    if (r == -EISDIR || r == -EPERM)
        r = mfi_sys.unlinkat(dir, name, AT_REMOVEDIR);
    return r;
}

static int is_not_empty(int code) {
    return code == -ENOTEMPTY || code == -EEXIST;
}

/* Directories of ours that were made unwritable are made writable, by descriptor. */
static int open_own(const struct strip *strip, int dir, const char *name) {
    struct mfi_mount found;
    int fd = mfi_sys.openat(dir, name, FLAGS, 0);
    if (fd == -EACCES) {
        const int by_path = mfi_sys.openat(dir, name, FLAGS | O_PATH, 0);
        if (by_path >= 0 && mfi_sys.statmount(by_path, "", &found) == 0 &&
            found.mount == strip->mount && found.uid == mfi_sys.geteuid() &&
            mfi_sys.chmod_opath(by_path, 0700) == 0)
            fd = mfi_sys.openat(dir, name, FLAGS, 0);
        if (by_path >= 0)
            (void)mfi_sys.close(by_path);
    }
    if (fd < 0)
        return fd;
    if (mfi_sys.statmount(fd, "", &found) < 0 || found.mount != strip->mount) {
        (void)mfi_sys.close(fd);
        return -EXDEV;
    }
    if ((found.mode & 0700) != 0700 && found.uid == mfi_sys.geteuid())
        (void)mfi_sys.fchmod(fd, 0700);
    return fd;
}

static int move_to_root(const struct strip *strip, int dir, const char *name) {
    char free_name[32];
    int r = -EEXIST;
    for (int attempt = 0; is_not_empty(r) && attempt < 100; attempt++) {
        next_name(free_name);
        r = mfi_sys.renameat(dir, name, strip->root, free_name);
    }
    return r;
}

/* A directory may be moved only by who may write in it: its ".." becomes another (rename(2)). */
static void move_up(struct strip *strip, int dir, const char *name) {
    int r = move_to_root(strip, dir, name);
    if (r == -EACCES) {
        const int fd = open_own(strip, dir, name);
        if (fd < 0)
            return;
        (void)mfi_sys.close(fd);
        r = move_to_root(strip, dir, name);
    }
    strip->done += r == 0;
}

/* Calls `each` for the entries of a directory from its beginning. */
static void for_entries(struct strip *strip, int dir, char *entries,
                        void (*each)(struct strip *strip, int dir,
                                     const struct mfi_dirent *entry)) {
    (void)mfi_sys.lseek(dir, 0, SEEK_SET);
    for (ssize_t n = 1; n > 0;) {
        n = mfi_sys.getdents(dir, entries, ENTRIES);
        for (const char *at = entries; at < entries + n;) {
            const struct mfi_dirent *entry = (const struct mfi_dirent *)(const void *)at;
            if (!mfi_is_dot(entry->name))
                each(strip, dir, entry);
            at += entry->length;
        }
    }
}

static void in_sub(struct strip *strip, int dir, const struct mfi_dirent *entry) {
    const int r = take_away(dir, entry->name, entry->type);
    strip->done += r == 0;
    if (is_not_empty(r))
        move_up(strip, dir, entry->name);
}

static void in_root(struct strip *strip, int dir, const struct mfi_dirent *entry) {
    int r = take_away(dir, entry->name, entry->type);
    strip->done += r == 0;
    if (!is_not_empty(r))
        return;
    const int fd = open_own(strip, dir, entry->name);
    if (fd < 0)
        return;
    for_entries(strip, fd, sub_entries, in_sub);
    (void)mfi_sys.close(fd);
    r = mfi_sys.unlinkat(dir, entry->name, AT_REMOVEDIR);
    strip->done += r == 0;
}

int mfi_tree_strip(int dir, const char *name, const struct mfi_identity *identity) {
    struct mfi_mount found;
    struct strip strip = {.root = dir, .done = 1};
    int r = mfi_sys.statmount(dir, name, &found);
    if (r < 0)
        return r;
    if (found.device != identity->device || found.inode != identity->inode)
        return MAYFLY_E_REPLACED;
    r = mfi_sys.unlinkat(dir, name, AT_REMOVEDIR);
    if (!is_not_empty(r))
        return r;
    strip.mount = found.mount;
    strip.root = open_own(&strip, dir, name);
    if (strip.root < 0)
        return strip.root;
    r = mfi_sys.statmount(strip.root, "", &found);
    if (r == 0 && found.inode != identity->inode)
        r = MAYFLY_E_REPLACED;
    while (r == 0 && strip.done > 0) {
        strip.done = 0;
        for_entries(&strip, strip.root, root_entries, in_root);
    }
    (void)mfi_sys.close(strip.root);
    return r < 0 ? r : mfi_sys.unlinkat(dir, name, AT_REMOVEDIR);
}
