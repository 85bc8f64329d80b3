/* SPDX-License-Identifier: MIT
 *
 * Where journals lie: a directory of the user's own, mode 0700.
 *
 * Which       MAYFLY_LEASE_DIR alone if it is set; else the first of these that can be had:
 *             /var/tmp/mayfly-UID on a file system that outlives a reboot; XDG_RUNTIME_DIR/mayfly;
 *             mayfly-UID in the temporary directories. A reaper looks into all of them.
 * Why /var/tmp first   what lies in XDG_RUNTIME_DIR is forgotten with a reboot or the last log-out,
 *             and with it whatever on a disk a killed process has left.
 * Invariants  it is ours, no link, and nobody else can write to it, or it is not used: it is opened
 *             without following a link, and looked at through the descriptor. So one that another
 *             user has planted is passed over.
 *             It is held with a shared flock(2) while it is open, which systemd-tmpfiles honours.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>

#include "journal.h"

enum { CANDIDATES = 8 };

/* Variables name a directory in which one is made, but for the first, which names it itself. */
static const struct {
    const char *variable; /* or */
    const char *path;
} candidates[CANDIDATES] = {
    {"MAYFLY_LEASE_DIR", NULL},
    {NULL, "/var/tmp"},
    {"XDG_RUNTIME_DIR", NULL},
    {"TMPDIR", NULL},
    {"TEMP", NULL},
    {"TMP", NULL},
    {NULL, "/tmp"},
    {NULL, "/var/tmp"},
};

enum { EXACT = 0, LASTING = 1 }; /* indices with a meaning of their own */

static char *path_of(size_t index) {
    const char *base = candidates[index].path;
    if (base == NULL)
        base = mfi_getenv(candidates[index].variable);
    if (base == NULL || base[0] != '/')
        return NULL; /* a relative one would be another one after chdir */
    if (index == EXACT)
        return mfi_strdup(base);
    if (candidates[index].variable != NULL &&
        strcmp(candidates[index].variable, "XDG_RUNTIME_DIR") == 0)
        return mfi_format("%s/mayfly", base);
    return mfi_format("%s/mayfly-%lu", base, (unsigned long)mfi_sys.geteuid());
}

/* How many are asked. */
static size_t last_candidate(void) {
    return mfi_getenv(candidates[EXACT].variable) != NULL ? 1 : CANDIDATES;
}

/* Opens one that is there. -EPERM: it is not to be trusted. */
static int open_checked(const char *path) {
    struct stat st;
    mfi_auto_fd fd =
        mfi_sys.openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
    if (fd < 0)
        return fd;
    const int r = mfi_sys.fstat(fd, &st);
    if (r < 0)
        return r;
    if (st.st_uid != mfi_sys.geteuid() || (st.st_mode & 022) != 0)
        return -EPERM;
    return mfi_take_fd(&fd);
}

/* A reboot leaves what is in it. */
static int is_lasting(int fd) {
    struct mfi_filesystem fs;
    return mfi_sys.statfs(fd, &fs) == 0 && !fs.in_memory;
}

static int make(size_t index, const char *path) {
    for (int attempt = 0; attempt < 10; attempt++) {
        int r = mfi_sys.mkdirat(AT_FDCWD, path, 0700);
        if (r < 0 && r != -EEXIST)
            return r;
        mfi_auto_fd fd = open_checked(path);
        if (fd == -ENOENT)
            continue; /* the last process before this one has just removed it */
        if (fd < 0)
            return fd;
        if (index == LASTING && !is_lasting(fd)) {
            (void)mfi_sys.unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
            return -EXDEV;
        }
        r = mfi_sys.flock(fd, LOCK_SH | LOCK_NB);
        (void)r; /* without it only a cleaner that runs for weeks is a danger */
        return mfi_take_fd(&fd);
    }
    return -ENOENT;
}

int mfi_lease_dir_make(char **ret_path, int *ret_ours, mayfly_error *error) {
    int first = 0;
    for (size_t i = 0; i < last_candidate(); i++) {
        mfi_auto_free char *path = path_of(i);
        if (path == NULL)
            continue;
        mfi_auto_fd fd = make(i, path);
        if (fd >= 0) {
            *ret_path = mfi_take(path);
            *ret_ours = i != EXACT;
            return mfi_take_fd(&fd);
        }
        first = mfi_first(first, fd);
    }
    return mfi_fail(error, first < 0 ? first : -ENOENT, "lease", NULL,
                    "there is no directory for a journal: what a killed process leaves behind will "
                    "not be found; MAYFLY_LEASE_DIR names one");
}

int mfi_lease_dirs(int (*visit)(int fd, const char *path, void *user), void *user,
                   mayfly_error *error) {
    struct mfi_identity seen[CANDIDATES];
    size_t count = 0;
    for (size_t i = 0; i < last_candidate(); i++) {
        struct stat st;
        mfi_auto_free char *path = path_of(i);
        mfi_auto_fd fd = path == NULL ? -ENOENT : open_checked(path);
        if (fd == -EMFILE || fd == -ENFILE || fd == -ENOMEM)
            return mfi_fail_call(error, fd, "openat", path, -1);
        if (fd < 0 || mfi_sys.fstat(fd, &st) < 0)
            continue;
        const struct mfi_identity found = {(uint64_t)st.st_dev, st.st_ino};
        size_t known = 0;
        while (known < count &&
               (seen[known].device != found.device || seen[known].inode != found.inode))
            known++;
        if (known < count)
            continue;
        seen[count++] = found;
        const int r = visit(fd, path, user);
        if (r != 0)
            return r;
    }
    return 0;
}
