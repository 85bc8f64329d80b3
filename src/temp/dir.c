/* SPDX-License-Identifier: MIT
 *
 * Temporary directories.
 *
 * States      LIVE <-keep, unkeep-> KEPT; LIVE or KEPT -cleanup-> EMPTY (removed); any -close->
 * gone Invariants  the directory is held open from its creation on. What is made in it is made by
 *             descriptor, one component at a time and never through a link, so that it cannot
 *             land outside.
 *             In a forked child nothing is removed.
 */
#define _GNU_SOURCE
#include <mayfly/dir.h>
#include <mayfly/lease.h>

#include <fcntl.h>
#include <stdlib.h>

#include "file.h"
#include "quota.h"
#include "spool.h"
#include "temp.h"

struct mayfly_dir {
    struct mfi_slot *slot;     /* NULL: removed */
    struct mfi_parent *inside; /* the directory itself, for what is made in it; NULL: removed */
    struct mfi_quota *quota;   /* of what is made in it; NULL: no limit */
    char *path;
    uint64_t process;
    bool kept;
    bool ignore_errors;
};

/* ---- making and ending ----------------------------------------------------------------------- */

static void free_dir(mayfly_dir *dir) {
    mfi_slot_release(dir->slot);
    mfi_parent_unref(dir->inside);
    mfi_quota_drop(dir->quota);
    mfi_quota_unref(dir->quota);
    free(dir->path);
    free(dir);
}

/* Builds the handle over what was made; takes made->slot and *fd on success. */
static int wrap(const struct mfi_made *made, int *fd, mayfly_dir **ret, mayfly_error *error) {
    mfi_auto_free mayfly_dir *dir = mfi_sys.calloc(1, sizeof *dir);
    mfi_auto_free char *path = mfi_slot_path(made->slot);
    if (dir == NULL || path == NULL)
        return mfi_fail_memory(error, sizeof *dir);
    const int r = mfi_parent_adopt(fd, path, &dir->inside, error);
    if (r < 0)
        return r;
    dir->slot = made->slot;
    dir->path = mfi_take(path);
    dir->process = mfi_process();
    *ret = mfi_take(dir);
    return 0;
}

static void free_quota(struct mfi_quota **quota) {
    mfi_quota_drop(*quota);
    mfi_quota_unref(*quota);
}

int mayfly_temporary_directory_sized(size_t options_size, const mayfly_dir_options *options,
                                     mayfly_dir **ret, mayfly_error *error) {
    mayfly_dir_options known;
    int r = mfi_options_import(&known, sizeof known, options, options_size, "temporary_directory",
                               error);
    if (r < 0)
        return r;
    const struct mfi_request request = {
        .prefix = known.prefix == NULL ? mayfly_gettempprefix() : known.prefix,
        .suffix = known.suffix == NULL ? "" : known.suffix,
        .dir = known.dir,
        .place = known.place,
        .near = known.near,
        .fallback_dirs = known.fallback_dirs,
        .permissions = known.permissions == 0 ? 0700 : known.permissions,
        .random = known.random,
    };
    r = mfi_request_check(&request, error);
    if (r < 0)
        return r;
    __attribute__((cleanup(free_quota))) struct mfi_quota *quota =
        mfi_quota_new(known.max_bytes, known.max_files, &r);
    if (r == 0)
        r = mfi_quota_add_root(quota, error);
    if (r < 0)
        return r == -ENOMEM ? mfi_fail_memory(error, sizeof *quota) : r;
    struct mfi_made made = {.fd = -1};
    r = mfi_create_named(&request, MFI_CREATE_DIRECTORY, 0, &made, error);
    if (r < 0)
        return r;
    mfi_auto_fd fd = made.fd;
    mayfly_dir *dir = NULL;
    r = wrap(&made, &fd, &dir, error);
    if (r < 0) {
        (void)mfi_slot_remove(made.slot, NULL, NULL, NULL);
        mfi_slot_release(made.slot);
        return r;
    }
    dir->quota = mfi_take(quota);
    dir->kept = known.keep;
    dir->ignore_errors = known.ignore_cleanup_errors;
    if (dir->kept)
        mfi_slot_hold(dir->slot, 1);
    *ret = dir;
    return 0;
}

static int need_own(const mayfly_dir *dir, const char *operation, mayfly_error *error) {
    if (dir->process != mfi_process())
        return mfi_fail(error, MAYFLY_E_FORKED, operation, dir->path,
                        "the directory is the parent process's; make one of your own");
    return 0;
}

int mayfly_dir_cleanup(mayfly_dir *dir, mayfly_leftovers **ret_left, mayfly_error *error) {
    int r = need_own(dir, "cleanup", error);
    if (r < 0 || dir->slot == NULL)
        return r;
    r = mfi_slot_remove(dir->slot, NULL, ret_left, error);
    if (r < 0)
        return r;
    mfi_slot_release(mfi_take(dir->slot));
    mfi_parent_unref(mfi_take(dir->inside));
    mfi_quota_drop(dir->quota);
    return 0;
}

int mayfly_dir_close(mayfly_dir **dir, mayfly_error *error) {
    if (dir == NULL || *dir == NULL)
        return 0;
    mayfly_dir *ending = mfi_take(*dir);
    int r = 0;
    if (!ending->kept && ending->process == mfi_process()) {
        r = mayfly_dir_cleanup(ending, NULL, ending->ignore_errors ? NULL : error);
        if (ending->ignore_errors && r == MAYFLY_E_LEFTOVER)
            r = 0;
        else if (ending->ignore_errors && r < 0)
            (void)mfi_fail(error, r, "cleanup", ending->path, NULL);
    }
    free_dir(ending);
    return r;
}

void mayfly_dir_auto(mayfly_dir **dir) {
    (void)mayfly_dir_close(dir, NULL);
}

/* ---- asking and keeping ---------------------------------------------------------------------- */

const char *mayfly_dir_path(const mayfly_dir *dir) {
    return dir->path;
}

int mayfly_dir_fd(const mayfly_dir *dir) {
    return dir->inside == NULL ? -1 : dir->inside->fd;
}

static int hold(mayfly_dir *dir, bool keep, const char *operation, mayfly_error *error) {
    const int r = need_own(dir, operation, error);
    if (r < 0)
        return r;
    dir->kept = keep;
    if (dir->slot != NULL)
        mfi_slot_hold(dir->slot, keep);
    return 0;
}

int mayfly_dir_keep(mayfly_dir *dir, mayfly_error *error) {
    return hold(dir, true, "keep", error);
}

int mayfly_dir_is_leased(const mayfly_dir *dir) {
    return dir->slot != NULL && mfi_slot_is_leased(dir->slot);
}

int mayfly_dir_adopt(mayfly_dir *dir, mayfly_error *error) {
    const int r = dir->slot == NULL || dir->kept ? 0 : mfi_slot_adopt(dir->slot, error);
    if (r == 0)
        dir->process = mfi_process();
    return r;
}

int mayfly_dir_unkeep(mayfly_dir *dir, mayfly_error *error) {
    return hold(dir, false, "unkeep", error);
}

void mayfly_dir_usage(const mayfly_dir *dir, mayfly_usage *ret) {
    *ret = (mayfly_usage){0};
    if (dir->quota == NULL)
        return;
    ret->bytes = atomic_load(&dir->quota->bytes);
    ret->files = atomic_load(&dir->quota->files);
    ret->max_bytes = atomic_load(&dir->quota->max_bytes);
    ret->max_files = atomic_load(&dir->quota->max_files);
}

/* ---- below ----------------------------------------------------------------------------------- */

/* Steps through a path below: each component in turn, the last one left to the caller. */
struct walk {
    int dir; /* the directory reached; the caller's while `owned` is 0 */
    int owned;
    char name[256];   /* the component that comes next */
    const char *rest; /* what follows it; "" at the last one */
};

static void end_walk(const struct walk *walk) {
    if (walk->owned)
        (void)mfi_sys.close(walk->dir);
}

/* Cuts the next component off `path` into walk->name. */
static int next_name(struct walk *walk, const char *path, const char *whole, mayfly_error *error) {
    const size_t length = strcspn(path, "/");
    if (length >= sizeof walk->name)
        return mfi_fail(error, -EINVAL, "path", whole, "has a component of more than 255 bytes");
    memcpy(walk->name, path, length);
    walk->name[length] = '\0';
    walk->rest = path[length] == '/' ? path + length + 1 : "";
    const int r = mfi_check_name(walk->name, NULL);
    if (r < 0 || (path[length] == '/' && walk->rest[0] == '\0'))
        return mfi_fail(error, -EINVAL, "path", whole,
                        "must be a path below the directory: relative, without empty components, "
                        "\".\" and \"..\"");
    return 0;
}

static int step_into(struct walk *walk, const char *whole, mayfly_error *error) {
    int fd =
        mfi_sys.openat(walk->dir, walk->name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
    struct stat st;
    if (fd == -ENOTDIR && mfi_sys.fstatat(walk->dir, walk->name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISLNK(st.st_mode))
        fd = -ELOOP;
    if (fd == -ELOOP)
        return mfi_fail(error, -ELOOP, "openat", whole,
                        "\"%s\" is a symbolic link, which is not followed", walk->name);
    if (fd < 0)
        return mfi_fail_call(error, fd, "openat", whole, -1);
    end_walk(walk);
    walk->dir = fd;
    walk->owned = 1;
    return 0;
}

/* One directory more, counted. */
static int make_one(const mayfly_dir *dir, const struct walk *walk, const char *path,
                    mayfly_error *error) {
    struct stat st;
    mayfly_error why;
    int r = mfi_quota_add_entry(dir->quota, path, &why);
    if (r < 0 && mfi_sys.fstatat(walk->dir, walk->name, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return mfi_fail_call(error, -EEXIST, "mkdirat", path, walk->dir);
    if (r < 0 && error != NULL)
        *error = why;
    if (r < 0)
        return r;
    r = mfi_sys.mkdirat(walk->dir, walk->name, 0700);
    if (r < 0)
        mfi_quota_take_entry(dir->quota);
    return r < 0 ? mfi_fail_call(error, r, "mkdirat", path, walk->dir) : 0;
}

/* Walks to the last component. make_missing: makes the directories on the way. */
static int walk_to(const mayfly_dir *dir, const char *path, int make_missing, struct walk *walk,
                   mayfly_error *error) {
    if (dir->inside == NULL)
        return mfi_fail(error, -ENOENT, "path", dir->path, "the directory was removed");
    *walk = (struct walk){.dir = dir->inside->fd};
    int r = path == NULL ? mfi_fail(error, -EINVAL, "path", NULL, "no path was given")
                         : next_name(walk, path, path, error);
    while (r == 0 && walk->rest[0] != '\0') {
        if (make_missing) {
            mayfly_error why;
            r = make_one(dir, walk, path, &why);
            if (r < 0 && r != -EEXIST && error != NULL)
                *error = why;
            if (r < 0 && r != -EEXIST)
                return r;
        }
        r = step_into(walk, path, error);
        if (r == 0)
            r = next_name(walk, walk->rest, path, error);
    }
    return r;
}

int mayfly_dir_mkdir(const mayfly_dir *dir, const char *path, mayfly_error *error) {
    __attribute__((cleanup(end_walk))) struct walk walk = {.owned = 0};
    int r = walk_to(dir, path, 1, &walk, error);
    return r < 0 ? r : make_one(dir, &walk, path, error);
}

/* Opens as the mode says: a new one, one that is there, or either, which is tried in turn, because
 * what is new gets its mode and is counted. */
static int open_by_mode(const struct walk *walk, const char *mode, mode_t permissions,
                        int *ret_created) {
    enum { BASE = O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, ATTEMPTS = 100 };
    const int either = mode != NULL && strchr(mode, 'a') != NULL;
    const int existing = mode != NULL && strchr(mode, 'r') != NULL;
    const int read_only = existing && strchr(mode, '+') == NULL;
    int fd = -EEXIST;
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        *ret_created = 0;
        if (!existing) {
            fd = mfi_sys.openat(walk->dir, walk->name, BASE | O_RDWR | O_CREAT | O_EXCL,
                                permissions);
            *ret_created = fd >= 0;
        }
        if (!existing && (fd != -EEXIST || !either))
            return fd;
        fd = mfi_sys.openat(walk->dir, walk->name, BASE | (read_only ? O_RDONLY : O_RDWR), 0);
        if (existing || fd != -ENOENT)
            return fd;
    }
    return fd;
}

static int check_regular(int fd, struct stat *st, uint32_t permissions, int created,
                         const char *path, mayfly_error *error) {
    int r = mfi_sys.fstat(fd, st);
    if (r < 0)
        return mfi_fail_call(error, r, "fstat", path, -1);
    if (!S_ISREG(st->st_mode))
        return mfi_fail(error, -EINVAL, "openat", path, "is no regular file");
    if (!created || ((uint32_t)st->st_mode & 07777u) == permissions)
        return 0;
    r = mfi_sys.fchmod(fd, (mode_t)permissions);
    return r < 0 ? mfi_fail_call(error, r, "fchmod", path, -1) : 0;
}

static int open_below(const struct walk *walk, const mayfly_file_options *options, const char *path,
                      struct stat *st, int *ret_created, mayfly_error *error) {
    const uint32_t permissions = mfi_file_permissions(options);
    mfi_auto_fd fd = open_by_mode(walk, options->mode, (mode_t)permissions, ret_created);
    if (fd == -ELOOP)
        return mfi_fail(error, -ELOOP, "openat", path, "is a symbolic link, which is not followed");
    if (fd < 0)
        return mfi_fail_call(error, fd, "openat", path, walk->dir);
    const int r = check_regular(fd, st, permissions, *ret_created, path, error);
    if (r < 0 && *ret_created)
        (void)mfi_sys.unlinkat(walk->dir, walk->name, 0);
    return r < 0 ? r : mfi_take_fd(&fd);
}

static int check_options(const mayfly_file_options *options, mayfly_error *error) {
    if (options->prefix != NULL || options->suffix != NULL || options->dir != NULL ||
        options->place != MAYFLY_PLACE_DEFAULT || options->fallback_dirs != NULL ||
        options->near != NULL)
        return mfi_fail(error, -EINVAL, "dir_file", NULL,
                        "the path is given; prefix, suffix, dir, place, near and fallback_dirs "
                        "have no meaning beside it");
    if (options->secret && options->mode != NULL && strpbrk(options->mode, "ra") != NULL)
        return mfi_fail(error, -EINVAL, "dir_file", NULL,
                        "a secret file is always a new one: mode w or x");
    return 0;
}

/* The slot of a file below: held, because the directory's removal takes it along. */
static int slot_below(const mayfly_dir *dir, const struct walk *walk, const char *path,
                      struct mfi_slot **ret, mayfly_error *error) {
    struct mfi_parent *parent = NULL;
    int r = 0;
    if (walk->owned) {
        mfi_auto_fd fd = mfi_sys.dup(walk->dir, 3);
        if (fd < 0)
            return mfi_fail_call(error, fd, "fcntl", path, -1);
        mfi_auto_free char *where =
            mfi_format("%s/%.*s", dir->path, (int)(strlen(path) - strlen(walk->name) - 1), path);
        r = where == NULL ? mfi_fail_memory(error, strlen(path))
                          : mfi_parent_adopt(&fd, where, &parent, error);
    } else {
        parent = mfi_parent_ref(dir->inside);
    }
    if (r == 0 && mfi_slot_reserve_unlisted(parent, MFI_KIND_FILE, ret) < 0)
        r = mfi_fail_memory(error, sizeof **ret);
    mfi_parent_unref(parent);
    if (r == 0)
        memcpy((*ret)->name, walk->name, sizeof walk->name);
    return r;
}

/* The file is charged to the directory, and to the process by way of it. */
static int count_file(const mayfly_dir *dir, mayfly_file *file, uint64_t max_bytes,
                      int64_t existing, mayfly_error *error) {
    mfi_account_close(mfi_take(file->account), 0);
    return mfi_account_open(max_bytes, dir->quota, existing, &file->account, file->path, error);
}

/* Opens the store over what was opened and gives the file its name. Removes a new file again if
 * that fails. */
static int furnish(const mayfly_dir *dir, mayfly_file *file, uint64_t max_bytes,
                   const struct walk *walk, int *fd, const struct stat *st, int created,
                   struct mfi_slot *slot, mayfly_error *error) {
    file->path = mfi_slot_path(slot);
    int r = file->path == NULL ? mfi_fail_memory(error, sizeof slot->name) : 0;
    if (r == 0 && dir->quota != NULL)
        r = count_file(dir, file, max_bytes, created ? -1 : st->st_size, error);
    if (r == 0)
        r = mfi_store_open_disk(file, fd, &file->store, error);
    if (r < 0) {
        if (created)
            (void)mfi_sys.unlinkat(walk->dir, walk->name, 0);
        return r;
    }
    if (file->store.base.ops == &mfi_disk_ops)
        file->store.disk.accepted = st->st_size;
    mfi_slot_arm(slot, st, 0);
    mfi_slot_hold(slot, 1);
    file->slot = slot;
    file->flags |= MFI_KEEP;
    return 0;
}

static void free_file(mayfly_file **file) {
    mfi_file_free(*file);
}

int mayfly_dir_file_sized(size_t options_size, const mayfly_dir *dir, const char *path,
                          const mayfly_file_options *options, mayfly_file **ret,
                          mayfly_error *error) {
    mayfly_file_options known;
    int r = mfi_options_import(&known, sizeof known, options, options_size, "dir_file", error);
    if (r == 0)
        r = check_options(&known, error);
    if (r < 0)
        return r;
    __attribute__((cleanup(free_file))) mayfly_file *file = NULL;
    __attribute__((cleanup(end_walk))) struct walk walk = {.owned = 0};
    r = mfi_file_new(&known, &file, error);
    if (r == 0)
        r = walk_to(dir, path, 0, &walk, error);
    struct mfi_slot *slot = NULL;
    if (r == 0)
        r = slot_below(dir, &walk, path, &slot, error);
    if (r < 0)
        return r;
    struct stat st;
    int created = 0;
    mfi_auto_fd fd = open_below(&walk, &known, path, &st, &created, error);
    r = fd < 0 ? fd : furnish(dir, file, known.max_bytes, &walk, &fd, &st, created, slot, error);
    if (r < 0) {
        mfi_slot_release(slot);
        return r;
    }
    *ret = mfi_take(file);
    return 0;
}
