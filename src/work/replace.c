/* SPDX-License-Identifier: MIT
 *
 * Replacing a file as a whole.
 *
 * States      OPEN -commit-> COMMITTED -end-> gone; OPEN -end-> gone, and the target as it was
 * Invariants  the target is changed by one rename, made by mayfly_file_persist; in place only where
 *             that was asked for, and then room is made before the first byte is changed.
 *             The backup is complete before the target is touched.
 * Why no exchange (renameat2) for the backup: between the exchange and the second rename the old
 *             content would have a temporary file's name. A hard link is there before, or not.
 */
#define _GNU_SOURCE
#include <mayfly/replace.h>

#include <fcntl.h>
#include <stdlib.h>

#include "../keep/keep.h"

struct mayfly_replace {
    mayfly_replace_options options;
    mayfly_file *file;
    char *target;      /* absolute; where a link that is followed leads to */
    char *dir;         /* its directory, with a slash at its end */
    char *backup;      /* absolute; NULL: none */
    uint32_t old_mode; /* permissions of the old file; 0: there is none */
    bool committed;
};

static void free_replace(mayfly_replace *replace) {
    free(replace->target);
    free(replace->dir);
    free(replace->backup);
    free(replace);
}

static void free_at(mayfly_replace **replace) {
    if (*replace != NULL)
        (void)mayfly_file_close(&(*replace)->file, NULL);
    if (*replace != NULL)
        free_replace(*replace);
}

/* ---- what is to be replaced ------------------------------------------------------------------ */

static char *directory_of(const char *path) {
    return mfi_format("%.*s", (int)(strrchr(path, '/') - path + 1), path);
}

/* `name` as seen from a directory. */
static char *beside(const char *dir, const char *name) {
    return name[0] == '/' ? mfi_strdup(name) : mfi_format("%s%s", dir, name);
}

/* 0 and st_mode 0: there is none. */
static int look(const mayfly_replace *replace, struct stat *st, mayfly_error *error) {
    const int r = mfi_sys.fstatat(AT_FDCWD, replace->target, st, AT_SYMLINK_NOFOLLOW);
    if (r == -ENOENT)
        st->st_mode = 0;
    return r < 0 && r != -ENOENT ? mfi_fail_call(error, r, "fstatat", replace->target, -1) : 0;
}

/* Goes on to where the link leads. */
static int follow_one(mayfly_replace *replace, mayfly_error *error) {
    char text[4096];
    const ssize_t n = mfi_sys.readlinkat(AT_FDCWD, replace->target, text, sizeof text - 1);
    if (n < 0)
        return mfi_fail_call(error, (int)n, "readlinkat", replace->target, -1);
    text[n] = '\0';
    mfi_auto_free char *dir = directory_of(replace->target);
    char *next = dir == NULL ? NULL : beside(dir, text);
    if (next == NULL)
        return mfi_fail_memory(error, sizeof text);
    free(replace->target);
    replace->target = next;
    return 0;
}

static int follow(mayfly_replace *replace, struct stat *st, mayfly_error *error) {
    enum { MOST = 40 }; /* as path_resolution(7) */
    int r = 0;
    for (int i = 0; r == 0 && S_ISLNK(st->st_mode); i++) {
        r = i == MOST ? mfi_fail_call(error, -ELOOP, "replace", replace->target, -1)
                      : follow_one(replace, error);
        if (r == 0)
            r = look(replace, st, error);
        if (r == 0 && st->st_mode == 0)
            r = mfi_fail(error, -ENOENT, "replace", replace->target,
                         "a symbolic link leads here, where nothing is");
    }
    return r;
}

static int check_target(mayfly_replace *replace, mayfly_error *error) {
    struct stat st;
    const mayfly_replace_options *options = &replace->options;
    int r = look(replace, &st, error);
    if (r == 0 && S_ISLNK(st.st_mode) && options->links == MAYFLY_LINKS_REFUSE)
        return mfi_fail(error, -ELOOP, "replace", replace->target, "is a symbolic link");
    if (r == 0 && options->links == MAYFLY_LINKS_FOLLOW)
        r = follow(replace, &st, error);
    if (r < 0)
        return r;
    if (S_ISDIR(st.st_mode))
        return mfi_fail(error, -EISDIR, "replace", replace->target,
                        "is a directory; name a file in it");
    r = mfi_check_replaced(AT_FDCWD, replace->target, &st, "replace", replace->target, error);
    if (r < 0)
        return r;
    if (options->no_clobber && st.st_mode != 0)
        return mfi_fail_call(error, -EEXIST, "replace", replace->target, -1);
    if (S_ISREG(st.st_mode))
        replace->old_mode = (uint32_t)st.st_mode & 0777u;
    if (st.st_mode != 0 && !S_ISLNK(st.st_mode) && st.st_nlink > 1 &&
        options->hard_links == MAYFLY_HARD_LINKS_REFUSE)
        return mfi_fail(error, -EMLINK, "replace", replace->target,
                        "has %lu names, and the others would keep the old content",
                        (unsigned long)st.st_nlink);
    return 0;
}

/* ---- beginning ------------------------------------------------------------------------------- */

static int check_options(const mayfly_replace_options *options, const char *target,
                         mayfly_error *error) {
    if (target == NULL || target[0] == '\0')
        return mfi_fail(error, -EINVAL, "replace", NULL, "a target must be named");
    if (options->preserve && options->preserve_best)
        return mfi_fail(error, -EINVAL, "replace", target,
                        "preserve and preserve_best exclude each other");
    if ((unsigned)options->durability > MAYFLY_DURABILITY_NONE ||
        (unsigned)options->links > MAYFLY_LINKS_REFUSE ||
        (unsigned)options->hard_links > MAYFLY_HARD_LINKS_IN_PLACE)
        return mfi_fail(error, -EINVAL, "replace", target, "an option has a value that is none");
    return 0;
}

/* What was asked for, else the old one's, else what the umask leaves. */
static uint32_t permissions_of(const mayfly_replace *replace) {
    if (replace->options.permissions != 0)
        return replace->options.permissions;
    return replace->old_mode != 0 ? replace->old_mode : 0666u & ~mfi_umask();
}

static int make_file(mayfly_replace *replace, mayfly_error *error) {
    const mayfly_replace_options *options = &replace->options;
    const mayfly_file_options wanted = {
        .mode = options->mode,
        .encoding = options->encoding,
        .newline = options->newline,
        .dir = replace->dir,
        .max_bytes = options->max_bytes,
        .permissions = permissions_of(replace),
    };
    int r = mayfly_temporary_file(&wanted, &replace->file, error);
    if (r == 0 && !mayfly_file_nameless(replace->file)) {
        /* An inode that has lost its name cannot get another one. */
        r = mayfly_file_close(&replace->file, error);
        if (r == 0)
            r = mayfly_named_temporary_file(&wanted, &replace->file, error);
    }
    return r;
}

int mayfly_replace_begin_sized(size_t options_size, const char *target,
                               const mayfly_replace_options *options, mayfly_replace **ret,
                               mayfly_error *error) {
    mayfly_replace_options known;
    int r = mfi_options_import(&known, sizeof known, options, options_size, "replace", error);
    if (r == 0)
        r = check_options(&known, target, error);
    if (r < 0)
        return r;
    __attribute__((cleanup(free_at))) mayfly_replace *replace = mfi_sys.calloc(1, sizeof *replace);
    if (replace == NULL)
        return mfi_fail_memory(error, sizeof *replace);
    replace->options = known;
    r = mfi_absolute(target, &replace->target, error);
    if (r == 0 && mfi_check_name(strrchr(replace->target, '/') + 1, NULL) < 0)
        r = mfi_fail(error, -EINVAL, "replace", target, "does not end in a file's name");
    if (r == 0)
        r = check_target(replace, error);
    if (r < 0)
        return r;
    replace->dir = directory_of(replace->target);
    if (known.backup != NULL && replace->dir != NULL)
        replace->backup = beside(replace->dir, known.backup);
    if (replace->dir == NULL || (known.backup != NULL && replace->backup == NULL))
        return mfi_fail_memory(error, strlen(replace->target));
    /* The caller's strings are not kept. */
    replace->options.backup = NULL;
    r = make_file(replace, error);
    replace->options.mode = replace->options.encoding = replace->options.newline = NULL;
    if (r < 0)
        return r;
    *ret = mfi_take(replace);
    return 0;
}

mayfly_file *mayfly_replace_file(mayfly_replace *replace) {
    return replace->file;
}

/* ---- the backup ------------------------------------------------------------------------------ */

/* The old file under a random name beside the backup, then renamed over what is there. */
static int link_backup(const mayfly_replace *replace, const struct stat *st,
                       struct mfi_slot *slot) {
    struct mfi_mount born = {0};
    memcpy(slot->name, "tmp", 3);
    int r = mfi_random_name(slot->name + 3);
    if (r < 0)
        return r;
    slot->name[3 + MFI_NAME_RANDOM] = '\0';
    (void)mfi_sys.statmount(AT_FDCWD, replace->target, &born); /* the birth may be unknown */
    mfi_slot_announce(slot);
    mfi_slot_arm(slot, st, born.birth);
    r = mfi_sys.linkat(AT_FDCWD, replace->target, slot->parent->fd, slot->name, 0);
    if (r < 0)
        return r;
    r = mfi_sys.renameat(slot->parent->fd, slot->name, AT_FDCWD, replace->backup);
    /* Two names of one inode: rename(2) does nothing then, and the new one is still there. */
    (void)mfi_slot_remove(slot, NULL, NULL, NULL);
    return r;
}

static int copy_all(int from, int to, uint64_t size) {
    enum { STEP = 128 * 1024 };
    mfi_auto_free char *buffer = mfi_sys.malloc(STEP);
    if (buffer == NULL)
        return -ENOMEM;
    for (uint64_t at = 0; at < size;) {
        const ssize_t n = mfi_sys.pread(from, buffer, STEP, (off_t)at);
        if (n <= 0)
            return n < 0 ? (int)n : -EIO; /* it became shorter */
        for (ssize_t done = 0; done < n;) {
            const ssize_t w =
                mfi_sys.pwrite(to, buffer + done, (size_t)(n - done), (off_t)at + done);
            if (w < 0)
                return (int)w;
            done += w;
        }
        at += (uint64_t)n;
    }
    return 0;
}

static int copy_backup(const mayfly_replace *replace, const struct stat *st, mayfly_error *error) {
    mayfly_auto(mayfly_file) copy = NULL;
    mfi_auto_free char *dir = directory_of(replace->backup);
    mfi_auto_fd from =
        mfi_sys.openat(AT_FDCWD, replace->target, O_RDONLY | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC, 0);
    if (dir == NULL)
        return mfi_fail_memory(error, strlen(replace->backup));
    if (from < 0)
        return mfi_fail_call(error, from, "openat", replace->target, -1);
    int r = mayfly_named_temporary_file(
        &(mayfly_file_options){.dir = dir, .permissions = st->st_mode & 0777u}, &copy, error);
    const int to = r < 0 ? r : mayfly_file_fd(copy, error);
    if (to < 0)
        return to;
    r = copy_all(from, to, (uint64_t)st->st_size);
    if (r < 0)
        return mfi_fail_call(error, r, "backup", replace->backup, to);
    return mayfly_file_persist(copy, replace->backup, MAYFLY_DURABLE, NULL, error);
}

/* 1: made; 0: there was nothing to back up. in_place: a link would be changed with the target. */
static int back_up(const mayfly_replace *replace, const struct stat *st, int in_place,
                   mayfly_error *error) {
    struct mfi_parent *parent = NULL;
    struct mfi_slot *slot = NULL;
    if (replace->backup == NULL || st->st_mode == 0)
        return 0;
    mfi_auto_free char *dir = directory_of(replace->backup);
    int r = dir == NULL ? mfi_fail_memory(error, strlen(replace->backup))
                        : mfi_parent_open(dir, &parent, error);
    if (r < 0)
        return r;
    r = -EXDEV;
    if (!in_place && mfi_slot_reserve(parent, MFI_KIND_FILE, &slot) == 0)
        r = link_backup(replace, st, slot);
    mfi_slot_release(slot);
    mfi_parent_unref(parent);
    if (r == -EXDEV || r == -EPERM || r == -EMLINK || r == -EOPNOTSUPP || r == -ENOSYS)
        r = copy_backup(replace, st, error);
    else if (r < 0)
        r = mfi_fail_call(error, r, "backup", replace->backup, -1);
    return r < 0 ? r : 1;
}

/* ---- into place ------------------------------------------------------------------------------ */

/* Over the old content, in the old inode. What can fail for lack of room fails before. */
static int write_in_place(mayfly_replace *replace, const struct stat *st, mayfly_error *error) {
    struct stat now;
    int r = mayfly_file_flush(replace->file, error);
    const int64_t size = r < 0 ? r : mayfly_file_size(replace->file, error);
    const int from = size < 0 ? (int)size : mayfly_file_fd(replace->file, error);
    if (from < 0)
        return from;
    mfi_auto_fd to = mfi_sys.openat(AT_FDCWD, replace->target,
                                    O_WRONLY | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK | O_CLOEXEC, 0);
    r = to < 0 ? to : mfi_sys.fstat(to, &now);
    if (r == 0 && (now.st_ino != st->st_ino || now.st_dev != st->st_dev || !S_ISREG(now.st_mode)))
        return mfi_fail(error, MAYFLY_E_REPLACED, "replace", replace->target,
                        "another file has this name by now");
    if (r == 0 && size > now.st_size)
        r = mfi_sys.allocate(to, size);
    if (r == 0)
        r = copy_all(from, to, (uint64_t)size);
    if (r == 0)
        r = mfi_sys.ftruncate(to, size);
    if (r == 0 && replace->options.durability != MAYFLY_DURABILITY_NONE)
        r = mfi_sys.fsync(to);
    return r < 0 ? mfi_fail_call(error, r, "replace", replace->target, to) : 0;
}

static unsigned persist_flags(const mayfly_replace_options *options) {
    unsigned flags = 0;
    if (options->durability == MAYFLY_DURABILITY_CONSISTENT)
        flags |= MAYFLY_CONSISTENT;
    if (options->durability == MAYFLY_DURABILITY_FULL)
        flags |= MAYFLY_DURABLE;
    flags |= options->no_clobber ? (unsigned)MAYFLY_NOCLOBBER : 0u;
    flags |= options->preserve ? (unsigned)MAYFLY_PRESERVE : 0u;
    return flags | (options->preserve_best ? (unsigned)MAYFLY_PRESERVE_BEST : 0u);
}

int mayfly_replace_commit_sized(size_t result_size, mayfly_replace *replace,
                                mayfly_replace_result *ret, mayfly_error *error) {
    struct stat st;
    mayfly_replace_result result = {.atomic = true};
    if (replace->committed)
        return mfi_fail(error, -EPERM, "commit", replace->target, "it is committed already");
    int r = look(replace, &st, error);
    if (r < 0)
        return r;
    const int in_place = S_ISREG(st.st_mode) && st.st_nlink > 1 &&
                         replace->options.hard_links == MAYFLY_HARD_LINKS_IN_PLACE;
    r = back_up(replace, &st, in_place, error);
    if (r < 0)
        return r;
    result.backed_up = r == 1;
    if (in_place) {
        result.atomic = false;
        result.persist.replaced = true;
        r = write_in_place(replace, &st, error);
    } else {
        r = mayfly_file_persist(replace->file, replace->target, persist_flags(&replace->options),
                                &result.persist, error);
    }
    if (r < 0)
        return r;
    replace->committed = true;
    if (ret != NULL)
        memcpy(ret, &result, result_size < sizeof result ? result_size : sizeof result);
    return 0;
}

int mayfly_replace_end(mayfly_replace **replace, mayfly_error *error) {
    if (replace == NULL || *replace == NULL)
        return 0;
    mayfly_replace *ending = mfi_take(*replace);
    int r = mayfly_file_close(&ending->file, ending->committed ? error : NULL);
    if (!ending->committed)
        r = 0; /* what was not wanted need not have been written */
    free_replace(ending);
    return r;
}

void mayfly_replace_auto(mayfly_replace **replace) {
    (void)mayfly_replace_end(replace, NULL);
}

int mayfly_replace_with_sized(size_t options_size, const char *target, const void *data,
                              size_t size, const mayfly_replace_options *options,
                              mayfly_error *error) {
    mayfly_auto(mayfly_replace) replace = NULL;
    int r = mayfly_replace_begin_sized(options_size, target, options, &replace, error);
    if (r == 0)
        r = mayfly_file_write(replace->file, data, size, error);
    return r < 0 ? r : mayfly_replace_commit(replace, NULL, error);
}
