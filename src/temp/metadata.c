/* SPDX-License-Identifier: MIT
 *
 * What a replaced file hands on to the one that replaces it.
 *
 * Order       mode to the owner alone -> owner and group -> attributes and ACL -> mode. So the new
 *             file is never open to more users than the old one is, at any instant.
 * Invariants  what cannot be set narrows the mode instead of widening access: without the group,
 *             the group gets no more than everybody; without the owner, set-id bits go.
 * Not handled times and the flags of chattr(1): they describe the old content, not its access.
 */
#define _GNU_SOURCE
#include "metadata.h"

#include <fcntl.h>
#include <stdlib.h>

static const char acl_name[] = "system.posix_acl_access";

int mfi_target_look(struct mfi_target *target, int dir, const char *name, mayfly_error *error) {
    *target = (struct mfi_target){.dir = dir, .name = name};
    const int r = mfi_sys.fstatat(dir, name, &target->st, AT_SYMLINK_NOFOLLOW);
    if (r == -ENOENT)
        return 0;
    if (r < 0)
        return mfi_fail_call(error, r, "fstatat", name, dir);
    if (S_ISDIR(target->st.st_mode))
        return mfi_fail(error, -EISDIR, "persist", name,
                        "is a directory; name the file that shall be made in it");
    const int special = mfi_check_replaced(dir, name, &target->st, "persist", name, error);
    if (special < 0)
        return special;
    target->exists = 1;
    target->regular = S_ISREG(target->st.st_mode);
    return 0;
}

/* The work on one file: what is left to do, and whether all could be done. */
struct copy {
    int to;
    int from;
    const struct mfi_target *target;
    enum mfi_policy policy;
    mode_t mode; /* what it shall be in the end */
    int complete;
    mayfly_error *error;
};

/* A part could not be set: fatal, or a reason to be careful. */
static int missed(struct copy *copy, int code, const char *operation, const char *what) {
    copy->complete = 0;
    if (copy->policy == MFI_PRESERVE_SOME)
        return 0;
    char reason[128];
    return mfi_fail(copy->error, code, operation, copy->target->name,
                    "its %s cannot be preserved: %s; MAYFLY_PRESERVE_BEST does without", what,
                    mayfly_strerror(code, reason, sizeof reason));
}

/* The group gets no more than everybody gets. */
static void narrow_group(struct copy *copy) {
    copy->mode &= ~(mode_t)070 | (mode_t)((copy->mode & 07) << 3);
}

static int copy_owner(struct copy *copy) {
    const struct stat *old = &copy->target->st;
    struct stat now;
    int r = mfi_sys.fstat(copy->to, &now);
    if (r < 0)
        return mfi_fail_call(copy->error, r, "fstat", copy->target->name, -1);
    if (now.st_uid == old->st_uid && now.st_gid == old->st_gid)
        return 0;
    r = mfi_sys.fchown(copy->to, old->st_uid, old->st_gid);
    if (r == 0)
        return 0;
    copy->mode &= ~(mode_t)06000;
    if (now.st_gid != old->st_gid && mfi_sys.fchown(copy->to, (uid_t)-1, old->st_gid) < 0)
        narrow_group(copy);
    return missed(copy, r, "fchown", "owner");
}

static int copy_attribute(struct copy *copy, const char *name) {
    mfi_auto_free char *value = NULL;
    ssize_t size = mfi_sys.fgetxattr(copy->from, name, NULL, 0);
    if (size > 0) {
        value = mfi_sys.malloc((size_t)size);
        if (value == NULL)
            return mfi_fail_memory(copy->error, (size_t)size);
        size = mfi_sys.fgetxattr(copy->from, name, value, (size_t)size);
    }
    if (size == -ENODATA)
        return 0;
    const int r = size < 0 ? (int)size : mfi_sys.fsetxattr(copy->to, name, value, (size_t)size);
    if (r == 0)
        return 0;
    if (strcmp(name, acl_name) == 0)
        narrow_group(copy); /* its group bits were the ACL's mask, not the group's */
    return missed(copy, r, "fsetxattr", name);
}

static int copy_attributes(struct copy *copy) {
    ssize_t size = mfi_sys.flistxattr(copy->from, NULL, 0);
    mfi_auto_free char *names = NULL;
    if (size > 0) {
        names = mfi_sys.malloc((size_t)size);
        if (names == NULL)
            return mfi_fail_memory(copy->error, (size_t)size);
        size = mfi_sys.flistxattr(copy->from, names, (size_t)size);
    }
    if (size == -EOPNOTSUPP || size == -ENOSYS)
        return 0; /* a file system without attributes: there are none */
    if (size < 0)
        return missed(copy, (int)size, "flistxattr", "extended attributes");
    for (const char *name = names; name < names + size; name += strlen(name) + 1) {
        const int r = copy_attribute(copy, name);
        if (r < 0)
            return r;
    }
    return 0;
}

static int preserve(struct copy *copy) {
    mfi_auto_fd from = mfi_sys.openat(copy->target->dir, copy->target->name,
                                      O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0);
    int r = copy_owner(copy);
    if (r < 0)
        return r;
    /* An ACL that the directory gave to the new file is not the target's. */
    (void)mfi_sys.fremovexattr(copy->to, acl_name);
    copy->from = from;
    if (from >= 0)
        return copy_attributes(copy);
    narrow_group(copy); /* there may be an ACL that cannot be seen */
    return missed(copy, from, "openat", "extended attributes");
}

int mfi_metadata_apply(int fd, const struct mfi_target *target, enum mfi_policy policy,
                       uint32_t permissions, int *ret_complete, mayfly_error *error) {
    struct copy copy = {.to = fd,
                        .target = target,
                        .policy = policy,
                        .complete = 1,
                        .mode = (mode_t)permissions,
                        .error = error};
    int r = 0;
    if (target->regular && policy == MFI_FRESH)
        copy.mode &= target->st.st_mode & 07777;
    if (target->regular && policy != MFI_FRESH) {
        copy.mode = target->st.st_mode & 07777;
        r = mfi_sys.fchmod(fd, 0600);
        if (r < 0)
            return mfi_fail_call(error, r, "fchmod", target->name, -1);
        r = preserve(&copy);
        if (r < 0)
            return r;
    }
    r = mfi_sys.fchmod(fd, copy.mode);
    if (r < 0)
        return mfi_fail_call(error, r, "fchmod", target->name, -1);
    *ret_complete = copy.complete;
    return 0;
}
