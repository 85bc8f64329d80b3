/* SPDX-License-Identifier: MIT
 *
 * Creating: the one place where something temporary comes into being.
 *
 * States      for each site: name -> (slot written) -> created exclusively -> mode proved -> slot
 *             armed with the inode
 * Invariants  only EEXIST is answered with another name. A failure of one site leads to the next
 *             where the caller named one. After a failure nothing is left.
 *             The mode that was asked for holds: what the umask took is given back by descriptor.
 * Why not umask(0) around the call: it is the whole process's (CVE-2014-2667).
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>

#include "../keep/event.h"
#include "create.h"

/* One attempt to make `name` in a parent; gives the descriptor (a file's) or 0. */
static int make(struct mfi_parent *parent, const char *name, enum mfi_create_how how,
                uint32_t permissions) {
    if (how == MFI_CREATE_DIRECTORY)
        return mfi_sys.mkdirat(parent->fd, name, (mode_t)permissions);
    return mfi_sys.openat(parent->fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                          (mode_t)permissions);
}

static void unmake(struct mfi_parent *parent, const char *name, enum mfi_create_how how) {
    (void)mfi_sys.unlinkat(parent->fd, name, how == MFI_CREATE_DIRECTORY ? AT_REMOVEDIR : 0);
}

int mfi_next_name(const struct mfi_parent *parent, const struct mfi_request *request,
                  unsigned attempt, char *name, mayfly_error *error) {
    const int r = mfi_request_name(request, attempt, name);
    if (r == -EEXIST)
        return mfi_fail(error, r, "openat", parent->path,
                        "%u names in a row are taken; remove what is left there, or name another "
                        "directory",
                        attempt);
    return r < 0 ? mfi_fail_call(error, r, "getrandom", parent->path, -1) : 0;
}

/* Under which names, until one is free. The slot has the name before it exists. */
static int make_some(struct mfi_slot *slot, const struct mfi_request *request,
                     enum mfi_create_how how, mayfly_error *error) {
    struct mfi_parent *parent = slot->parent;
    for (unsigned attempt = 0;; attempt++) {
        mfi_slot_begin_name(slot);
        int r = mfi_next_name(parent, request, attempt, slot->name, error);
        if (r < 0)
            return r;
        mfi_slot_announce(slot);
        r = make(parent, slot->name, how, request->permissions);
        if (r >= 0)
            return r;
        if (r != -EEXIST)
            return mfi_fail_call(error, r, how == MFI_CREATE_DIRECTORY ? "mkdirat" : "openat",
                                 parent->path, parent->fd);
    }
}

/* A directory that was just made, opened; one that the umask made unreadable is opened by the
 * way around. */
static int open_directory(struct mfi_parent *parent, const char *name, uint32_t permissions,
                          mayfly_error *error) {
    const int flags = O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int fd = mfi_sys.openat(parent->fd, name, O_RDONLY | flags, 0);
    if (fd == -EACCES && (permissions & 0400) != 0) {
        mfi_auto_fd by_path = mfi_sys.openat(parent->fd, name, O_PATH | flags, 0);
        if (by_path >= 0 && mfi_sys.chmod_opath(by_path, (mode_t)permissions) == 0)
            fd = mfi_sys.openat(parent->fd, name, O_RDONLY | flags, 0);
    }
    if (fd == -EACCES) /* a mode without "r" was asked for: by path it still serves */
        fd = mfi_sys.openat(parent->fd, name, O_PATH | flags, 0);
    if (fd < 0)
        return mfi_fail_call(error, fd, "openat", name, parent->fd);
    return fd;
}

/* What the umask or a default ACL changed is put right. */
static int prove_mode(int fd, struct stat *st, uint32_t permissions, const char *name,
                      mayfly_error *error) {
    int r = mfi_sys.fstat(fd, st);
    if (r < 0)
        return mfi_fail_call(error, r, "fstat", name, -1);
    /* A set-group-ID bit that a directory inherits is its file system's business. */
    const uint32_t got = (uint32_t)st->st_mode & (S_ISDIR(st->st_mode) ? 05777u : 07777u);
    if (got == permissions)
        return 0;
    r = mfi_sys.fchmod(fd, (mode_t)permissions);
    if (r == -EBADF) /* O_PATH */
        r = mfi_sys.chmod_opath(fd, (mode_t)permissions);
    if (r < 0)
        return mfi_fail_call(error, r, "fchmod", name, -1);
    return 0;
}

/* What was made is what was asked for. */
int mfi_prove_made(int fd, const struct mfi_parent *parent, const struct mfi_request *request,
                   const char *name, struct stat *st, mayfly_error *error) {
    const int r = prove_mode(fd, st, request->permissions, name, error);
    if (r == 0 && parent->uid != MFI_UID_UNKNOWN && st->st_uid != parent->uid)
        return MFI_STALE; /* this process has become another user since the directory was chosen */
    return r;
}

/* One site, for good or not at all. */
static int create_at(struct mfi_slot *slot, const struct mfi_request *request,
                     enum mfi_create_how how, struct stat *st, mayfly_error *error) {
    struct mfi_parent *parent = slot->parent;
    const int made = make_some(slot, request, how, error);
    if (made < 0)
        return made;
    int fd = made;
    if (how == MFI_CREATE_DIRECTORY)
        fd = open_directory(parent, slot->name, request->permissions, error);
    const int r = fd < 0 ? fd : mfi_prove_made(fd, parent, request, slot->name, st, error);
    if (r == 0)
        return fd;
    if (fd >= 0)
        (void)mfi_sys.close(fd);
    unmake(parent, slot->name, how);
    return r;
}

/* Whether a directory that was chosen earlier should be chosen anew: it went, or we changed. */
static int choose_again(const struct mfi_request *request, size_t site, int code) {
    static const int reasons[] = {-ENOENT, -ENOTDIR, -EBADF, -EACCES, -EPERM, -EROFS, MFI_STALE};
    if (site != 0 || request->dir != NULL || request->place == MAYFLY_PLACE_NEAR)
        return 0;
    for (size_t i = 0; i < MFI_LENGTH(reasons); i++)
        if (reasons[i] == code)
            return 1;
    return 0;
}

/* The first failure is the one that is told, and only if no site served. */
static int tell_first(mayfly_error *error, const mayfly_error *first, int code) {
    if (error != NULL && first->code != 0)
        *error = *first;
    return code;
}

/* Goes through the sites with `attempt` until it succeeds; tells at which it did. */
static int over_sites(const struct mfi_request *request, size_t first_site,
                      int (*attempt)(struct mfi_parent *parent, const struct mfi_request *request,
                                     void *context, mayfly_error *error),
                      void *context, size_t *ret_site, mayfly_error *error) {
    mayfly_error first;
    int first_failure = 0;
    int again = 1;
    first.code = 0;
    for (size_t site = first_site;; site++) {
        struct mfi_parent *parent = NULL;
        mayfly_error *report = first_failure == 0 && error != NULL ? &first : NULL;
        int r = mfi_request_site(request, site, &parent, report);
        if (r == 0)
            return first_failure != 0
                       ? tell_first(error, &first, first_failure)
                       : mfi_fail(error, -ENOENT, "openat", NULL, "no fall-back directory is left");
        if (r > 0)
            r = attempt(parent, request, context, report);
        if (r >= 0 && ret_site != NULL)
            *ret_site = site;
        mfi_parent_unref(parent);
        if (r >= 0)
            return r;
        if (again && choose_again(request, site, r)) {
            mfi_where_stale(request->place);
            again = 0;
            site--; /* the same once more; wraps to the increment for site 0 */
            continue;
        }
        if (r == MFI_STALE)
            r = mfi_fail(report, -EPERM, "openat", NULL,
                         "what is made here belongs to another user each time");
        first_failure = first_failure == 0 ? r : first_failure;
        if (!mfi_request_elsewhere(r))
            return tell_first(error, &first, first_failure);
    }
}

/* ---- registered ------------------------------------------------------------------------------ */

struct named {
    enum mfi_create_how how;
    struct mfi_made *made;
};

int mfi_create_random(struct mfi_slot *slot, const struct mfi_request *request,
                      enum mfi_create_how how, mayfly_error *error) {
    struct stat st;
    slot->random_name = 1;
    const int fd = create_at(slot, request, how, &st, error);
    if (fd < 0)
        return fd;
    mfi_slot_arm(slot, &st, mfi_time_made(&st));
    /* Cleaners such as systemd-tmpfiles leave a directory that somebody holds so. */
    if (how == MFI_CREATE_DIRECTORY)
        (void)mfi_sys.flock(fd, LOCK_SH | LOCK_NB); /* not to be had by O_PATH, or on some NFS */
    return fd;
}

static int attempt_named(struct mfi_parent *parent, const struct mfi_request *request,
                         void *context, mayfly_error *error) {
    const struct named *named = context;
    struct mfi_slot *slot = NULL;
    const int directory = named->how == MFI_CREATE_DIRECTORY;
    int r = mfi_slot_reserve(parent, directory ? MFI_KIND_DIRECTORY : MFI_KIND_FILE, &slot);
    if (r < 0)
        return mfi_fail_memory(error, sizeof *slot);
    r = request->name == NULL ? mfi_create_random(slot, request, named->how, error)
                              : mfi_create_given(slot, request, error);
    if (r < 0) {
        mfi_slot_release(slot);
        return r;
    }
    *named->made = (struct mfi_made){.fd = r, .slot = slot};
    return 0;
}

static void tell_made(const struct mfi_slot *slot, enum mfi_kind kind) {
    mfi_auto_free char *path = slot == NULL ? NULL : mfi_slot_path(slot);
    mfi_event(MAYFLY_EVENT_CREATED, kind, path, NULL, 0);
}

int mfi_create_named(const struct mfi_request *request, enum mfi_create_how how, size_t first_site,
                     struct mfi_made *ret, mayfly_error *error) {
    struct named named = {how, ret};
    const enum mfi_kind kind = how == MFI_CREATE_DIRECTORY ? MFI_KIND_DIRECTORY : MFI_KIND_FILE;
    const int r = over_sites(request, first_site, attempt_named, &named, &ret->site, error);
    if (r < 0)
        mfi_event_failed("create", kind, request->dir, r);
    else if (mfi_events_on())
        tell_made(ret->slot, kind);
    return r;
}

/* ---- unregistered ---------------------------------------------------------------------------- */

struct loose {
    enum mfi_create_how how;
    int fd;
    char *path;
};

static int attempt_loose(struct mfi_parent *parent, const struct mfi_request *request,
                         void *context, mayfly_error *error) {
    struct loose *loose = context;
    struct mfi_slot stand_in = {.parent = parent};
    struct stat st;
    mfi_auto_fd fd = create_at(&stand_in, request, loose->how, &st, error);
    if (fd < 0)
        return fd;
    loose->path = mfi_slot_path(&stand_in);
    if (loose->path == NULL) {
        unmake(parent, stand_in.name, loose->how);
        return mfi_fail_memory(error, strlen(parent->path));
    }
    loose->fd = mfi_take_fd(&fd);
    return 0;
}

int mfi_create_loose(const struct mfi_request *request, enum mfi_create_how how, int *ret_fd,
                     char **ret_path, mayfly_error *error) {
    struct loose loose = {.how = how, .fd = -1};
    const enum mfi_kind kind = how == MFI_CREATE_DIRECTORY ? MFI_KIND_DIRECTORY : MFI_KIND_FILE;
    const int r = over_sites(request, 0, attempt_loose, &loose, NULL, error);
    if (r < 0)
        mfi_event_failed("create", kind, request->dir, r);
    if (r < 0)
        return r;
    mfi_event(MAYFLY_EVENT_CREATED, kind, loose.path, NULL, 0);
    *ret_fd = loose.fd;
    *ret_path = loose.path;
    return 0;
}

/* ---- without a name -------------------------------------------------------------------------- */

int mfi_no_tmpfile(int code) {
    return code == -EOPNOTSUPP || code == -EISDIR || code == -EINVAL || code == -ENOENT;
}

/* It has a name for a moment, and is registered as long. */
static int create_and_unlink(struct mfi_parent *parent, const struct mfi_request *request,
                             mayfly_error *error) {
    struct mfi_slot *slot = NULL;
    if (mfi_slot_reserve(parent, MFI_KIND_FILE, &slot) < 0)
        return mfi_fail_memory(error, sizeof *slot);
    const int fd = mfi_create_random(slot, request, MFI_CREATE_FILE, error);
    if (fd >= 0)
        unmake(parent, slot->name, MFI_CREATE_FILE);
    mfi_slot_release(slot);
    return fd;
}

static int attempt_unnamed(struct mfi_parent *parent, const struct mfi_request *request,
                           void *context, mayfly_error *error) {
    struct mfi_made *made = context;
    int fd = -EOPNOTSUPP;
    if (!atomic_load_explicit(&parent->no_tmpfile, memory_order_relaxed))
        fd = mfi_sys.open_unnamed(parent->fd, (mode_t)request->permissions);
    made->nameless = fd >= 0;
    if (fd < 0 && !mfi_no_tmpfile(fd))
        return mfi_fail_call(error, fd, "openat", parent->path, parent->fd);
    if (fd < 0) {
        atomic_store_explicit(&parent->no_tmpfile, fd != -ENOENT, memory_order_relaxed);
        fd = create_and_unlink(parent, request, error);
        if (fd < 0)
            return fd;
    }
    made->fd = fd;
    made->slot = NULL;
    return 0;
}

int mfi_create_unnamed(const struct mfi_request *request, size_t first_site, struct mfi_made *ret,
                       mayfly_error *error) {
    struct mfi_request unnamed = *request;
    unnamed.name = NULL;
    const int r = over_sites(&unnamed, first_site, attempt_unnamed, ret, &ret->site, error);
    if (r < 0)
        mfi_event_failed("create", MFI_KIND_FILE, request->dir, r);
    else if (mfi_events_on())
        tell_made(NULL, MFI_KIND_FILE);
    return r;
}
