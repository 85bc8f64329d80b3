/* SPDX-License-Identifier: MIT
 *
 * Who can have written a file. The one place that knows the rule: what is loaded from a path in C
 * and in Python, what the command inspects and what mayfly-source compiles is asked here.
 *
 * Invariant   what is asked is the descriptor, never the path again.
 * Groups      that of a file counts as others do: who else is in it cannot be asked reliably.
 */
#define _GNU_SOURCE
#include <fcntl.h>

#include "base.h"

static const char *operation_of(const mayfly_trust_options *how) {
    return how->operation != NULL ? how->operation : "open";
}

int mfi_trust_stat(const struct stat *st, const char *path, const mayfly_trust_options *how,
                   mayfly_error *error) {
    const char *operation = operation_of(how), *way_out = how->way_out;
    const char *then = way_out != NULL ? "; " : "";
    if (way_out == NULL)
        way_out = "";
    if (!S_ISREG(st->st_mode) && !(how->flags & MAYFLY_TRUST_ANY_KIND))
        return mfi_fail(error, -EINVAL, operation, path, "it is no regular file");
    if (how->flags & MAYFLY_TRUST_ANY_OWNER)
        return 0;
    if (st->st_uid != mfi_sys.geteuid() && st->st_uid != 0)
        return mfi_fail(error, -EPERM, operation, path,
                        "it belongs to user %u, not to this one%s%s", (unsigned)st->st_uid, then,
                        way_out);
    if (S_ISREG(st->st_mode) && (st->st_mode & 022) != 0)
        return mfi_fail(error, -EPERM, operation, path, "others may write it (mode %04o)%s%s",
                        (unsigned)st->st_mode & 07777, then, way_out);
    return 0;
}

static int look(int fd, const char *path, const mayfly_trust_options *how, struct stat *ret,
                mayfly_error *error) {
    const int r = mfi_sys.fstat(fd, ret);
    return r < 0 ? mfi_fail_call(error, r, "fstat", path, -1)
                 : mfi_trust_stat(ret, path, how, error);
}

int mfi_trust_openat(int dir, const char *name, const char *path, const mayfly_trust_options *how,
                     struct stat *ret, mayfly_error *error) {
    const bool follow = (how->flags & MAYFLY_TRUST_FOLLOW) != 0;
    const bool wait = (how->flags & MAYFLY_TRUST_ANY_KIND) != 0;
    const int flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | (follow ? 0 : O_NOFOLLOW) |
                      (wait ? 0 : O_NONBLOCK); /* a FIFO is refused, not waited for */
    struct stat found;
    mfi_auto_fd fd = mfi_sys.openat(dir, name, flags, 0);
    if (fd == -ELOOP && !follow)
        return mfi_fail(error, -ELOOP, operation_of(how), path,
                        "it is a symbolic link; name what it leads to");
    if (fd < 0)
        return mfi_fail_call(error, fd, "openat", path, -1);
    const int r = look(fd, path, how, &found, error);
    if (r < 0)
        return r;
    *ret = found;
    return mfi_take_fd(&fd);
}

static int import(mayfly_trust_options *known, const mayfly_trust_options *options, size_t size,
                  const char *path, mayfly_error *error) {
    const unsigned all = MAYFLY_TRUST_ANY_OWNER | MAYFLY_TRUST_ANY_KIND | MAYFLY_TRUST_FOLLOW;
    const int r = mfi_options_import(known, sizeof *known, options, size, "open", error);
    if (r < 0)
        return r;
    if ((known->flags & ~all) != 0)
        return mfi_fail(error, -EINVAL, operation_of(known), path, "unknown flags 0x%x",
                        known->flags & ~all);
    return 0;
}

int mayfly_trust_open_sized(size_t options_size, const char *path,
                            const mayfly_trust_options *options, mayfly_error *error) {
    mayfly_trust_options how;
    struct stat st;
    const int r = import(&how, options, options_size, path, error);
    if (r < 0)
        return r;
    return mfi_trust_openat(AT_FDCWD, path, path, &how, &st, error);
}

int mayfly_trust_check_sized(size_t options_size, int fd, const char *path,
                             const mayfly_trust_options *options, mayfly_error *error) {
    mayfly_trust_options how;
    struct stat st;
    const int r = import(&how, options, options_size, path, error);
    return r < 0 ? r : look(fd, path, &how, &st, error);
}
