/* SPDX-License-Identifier: MIT
 *
 * Giving a temporary file a permanent name.
 *
 * Ways, the first that serves
 *   rename      the file has a name on the target's file system
 *   link        it has none and there is no target: its inode gets the name
 *   link+rename it has none and there is a target: linked beside it, renamed over it
 *   copy        another file system, or an inode that cannot be linked: a second temporary file
 *               beside the target, filled (sharing blocks if that is possible), synced, renamed
 * Invariants  the target is opened for writing never, and replaced by one rename. Up to that
 *             rename every failure leaves the target and the temporary file as they were.
 *             What is made beside the target is registered like any temporary file.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>

#include "../keep/event.h"
#include "file.h"
#include "metadata.h"
#include "quota.h"
#include "spool.h"
#include "temp.h"

enum {
    KNOWN_FLAGS = MAYFLY_NOCLOBBER | MAYFLY_DURABLE | MAYFLY_ATOMIC_ONLY | MAYFLY_PRESERVE |
                  MAYFLY_PRESERVE_BEST | MAYFLY_CONSISTENT
};

/* One persist on its way. */
struct persist {
    mayfly_file *file;
    unsigned flags;
    char *path;                /* the target's, absolute */
    char *name;                /* its last component, in path */
    struct mfi_parent *parent; /* its directory */
    struct mfi_target target;
    mayfly_persist_result result;
    mayfly_error *error;
};

static void end_persist(struct persist *p) {
    mfi_parent_unref(p->parent);
    free(p->path);
}

static int fail(struct persist *p, int code, const char *operation) {
    return mfi_fail_call(p->error, code, operation, p->path, p->parent->fd);
}

/* ---- before ---------------------------------------------------------------------------------- */

static int check_flags(const struct persist *p, const char *target) {
    const unsigned both = MAYFLY_PRESERVE | MAYFLY_PRESERVE_BEST;
    if ((p->flags & ~(unsigned)KNOWN_FLAGS) != 0)
        return mfi_fail(p->error, -EINVAL, "persist", target, "unknown flags 0x%x",
                        p->flags & ~(unsigned)KNOWN_FLAGS);
    if ((p->flags & both) == both)
        return mfi_fail(p->error, -EINVAL, "persist", target,
                        "MAYFLY_PRESERVE and MAYFLY_PRESERVE_BEST exclude each other");
    return 0;
}

/* The content is complete and in the store. */
static int settle_content(struct persist *p) {
    mayfly_file *file = p->file;
    if (file->store.base.ops == NULL) {
        const int r = mayfly_file_reopen(file, p->error);
        if (r < 0)
            return r;
    }
    int r = mfi_file_enter(file, MFI_WRITABLE & file->flags, "persist", p->error);
    if (r < 0)
        return r;
    if (file->process != mfi_process())
        return mfi_fail(p->error, MAYFLY_E_FORKED, "persist", mfi_file_label(file),
                        "the file is the parent process's");
    if ((file->flags & MFI_SECRET) != 0)
        return mfi_fail(p->error, -ENOTSUP, "persist", mfi_file_label(file),
                        "a secret file is not put on disk in clear; read it and write what may be "
                        "seen");
    r = mfi_file_settle(file, 1, p->error);
    if (r < 0)
        return r;
    if (file->failed_code != 0)
        return mfi_fail_at(p->error, file->failed_code, "persist", mfi_file_label(file),
                           file->failed_at,
                           "a write of %zu bytes failed there and was not repeated with success",
                           file->failed_size);
    return 0;
}

static int find_target(struct persist *p, const char *target) {
    int r = mfi_absolute(target, &p->path, p->error);
    if (r < 0)
        return r;
    char *slash = strrchr(p->path, '/');
    p->name = slash + 1;
    if (mfi_check_name(p->name, NULL) < 0)
        return mfi_fail(p->error, -EINVAL, "persist", target, "does not end in a file's name");
    mfi_auto_free char *dir =
        mfi_format("%.*s", (int)(slash == p->path ? 1 : slash - p->path), p->path);
    if (dir == NULL)
        return mfi_fail_memory(p->error, strlen(p->path));
    r = mfi_parent_open(dir, &p->parent, p->error);
    if (r == 0)
        r = mfi_target_look(&p->target, p->parent->fd, p->name, p->error);
    if (r < 0)
        return r;
    p->result.replaced = p->target.exists != 0;
    if (p->target.exists && (p->flags & MAYFLY_NOCLOBBER) != 0)
        return fail(p, -EEXIST, "persist");
    return 0;
}

/* ---- making ready ---------------------------------------------------------------------------- */

static enum mfi_policy policy_of(unsigned flags) {
    if ((flags & MAYFLY_PRESERVE) != 0)
        return MFI_PRESERVE_ALL;
    return (flags & MAYFLY_PRESERVE_BEST) != 0 ? MFI_PRESERVE_SOME : MFI_FRESH;
}

static int make_ready(struct persist *p, int fd, int sync) {
    int complete = 1;
    /* The sticky bit was for cleaners of temporary directories. */
    const uint32_t permissions = p->file->permissions & ~01000u;
    int r =
        mfi_metadata_apply(fd, &p->target, policy_of(p->flags), permissions, &complete, p->error);
    if (r < 0)
        return r;
    p->result.preserved = policy_of(p->flags) != MFI_FRESH && complete;
    r = sync ? mfi_sys.fsync(fd) : 0;
    return r < 0 ? fail(p, r, "fsync") : 0;
}

/* The file stays temporary after all: with the mode that it had. */
static void make_temporary_again(const struct persist *p, int fd) {
    (void)mfi_sys.fchmod(fd, (mode_t)p->file->permissions);
}

/* ---- into place ------------------------------------------------------------------------------ */

/* rename that does not replace, where the file system or kernel has no such call. */
static int link_and_unlink(int from, const char *old, const struct persist *p) {
    int r = mfi_sys.linkat(from, old, p->parent->fd, p->name, 0);
    if (r < 0)
        return r;
    r = mfi_sys.unlinkat(from, old, 0);
    if (r < 0) /* it is temporary still: then the target is what it was, which is nothing */
        (void)mfi_sys.unlinkat(p->parent->fd, p->name, 0);
    return r;
}

static int rename_to_target(const struct persist *p, const struct mfi_slot *slot) {
    const int from = slot->parent->fd;
    if ((p->flags & MAYFLY_NOCLOBBER) == 0)
        return mfi_sys.renameat(from, slot->name, p->parent->fd, p->name);
    const int r = mfi_sys.renameat2(from, slot->name, p->parent->fd, p->name, MFI_RENAME_NOREPLACE);
    if (r == -EINVAL || r == -ENOSYS || r == -EOPNOTSUPP)
        return link_and_unlink(from, slot->name, p);
    return r;
}

/* -EXDEV without a word in the error: the caller knows another way. */
static int by_rename(struct persist *p) {
    mayfly_file *file = p->file;
    int r = mfi_slot_check(file->slot, p->error);
    if (r == 0)
        r = make_ready(p, file->store.disk.fd,
                       (p->flags & (MAYFLY_DURABLE | MAYFLY_CONSISTENT)) != 0);
    if (r < 0)
        return r;
    r = rename_to_target(p, file->slot);
    if (r < 0) {
        make_temporary_again(p, file->store.disk.fd);
        return r == -EXDEV ? r : fail(p, r, "renameat");
    }
    p->result.path = MAYFLY_PERSIST_RENAMED;
    return 0;
}

/* The inode gets a random name beside the target first, because link(2) never replaces. */
static int link_and_rename(struct persist *p, int fd) {
    struct mfi_slot *slot = NULL;
    if (mfi_slot_reserve(p->parent, MFI_KIND_FILE, &slot) < 0)
        return mfi_fail_memory(p->error, sizeof *slot);
    const struct mfi_request request = {.prefix = mayfly_gettempprefix(), .suffix = ""};
    struct stat st;
    struct mfi_mount born = {0};
    int r = mfi_sys.fstat(fd, &st);
    (void)mfi_sys.statmount(fd, "", &born); /* the birth may be unknown */
    for (unsigned attempt = 0; r == 0; attempt++) {
        mfi_slot_begin_name(slot);
        r = mfi_request_name(&request, attempt, slot->name);
        if (r == 0) {
            mfi_slot_announce(slot); /* the inode is known, so it is armed before the name exists */
            mfi_slot_arm(slot, &st, born.birth);
            r = mfi_sys.link_fd(fd, p->parent->fd, slot->name);
        }
        if (r != -EEXIST)
            break;
        r = 0;
    }
    if (r == 0) {
        r = rename_to_target(p, slot);
        if (r < 0)
            (void)mfi_slot_remove(slot, NULL, NULL, NULL);
    }
    mfi_slot_release(slot);
    p->result.path = MAYFLY_PERSIST_LINK_RENAMED;
    return r;
}

/* -EXDEV, or what else says that this inode cannot be linked there: the caller knows another way.
 */
static int by_link(struct persist *p) {
    const int fd = p->file->store.disk.fd;
    int r = make_ready(p, fd, (p->flags & (MAYFLY_DURABLE | MAYFLY_CONSISTENT)) != 0);
    if (r < 0)
        return r;
    p->result.path = MAYFLY_PERSIST_LINKED;
    r = p->target.exists ? -EEXIST : mfi_sys.link_fd(fd, p->parent->fd, p->name);
    if (r == -EEXIST && (p->flags & MAYFLY_NOCLOBBER) == 0)
        r = link_and_rename(p, fd);
    if (r == 0)
        return 0;
    make_temporary_again(p, fd);
    if (r == -EXDEV || r == -ENOENT || r == -EOPNOTSUPP || r == -EPERM)
        return -EXDEV;
    return fail(p, r, "linkat");
}

/* ---- by a copy ------------------------------------------------------------------------------- */

/* Kernel to kernel; -EXDEV and its like where that is not to be had. By offsets, because that of
 * the descriptor may be a stream's. */
static int copy_in_kernel(int to, int from) {
    enum { STEP = 1 << 30 };
    for (int64_t at = 0;;) {
        const ssize_t n = mfi_sys.copy_range(from, at, to, at, STEP);
        if (n <= 0)
            return (int)n;
        at += n;
    }
}

static int copy_bytes(struct persist *p, union mfi_any_store *to) {
    mayfly_file *file = p->file;
    p->result.path = MAYFLY_PERSIST_COPIED;
    if (file->store.base.ops == &mfi_disk_ops) {
        if (mfi_sys.reflink(to->disk.fd, file->store.disk.fd) == 0) {
            p->result.path = MAYFLY_PERSIST_REFLINKED;
            return 0;
        }
        const int r = copy_in_kernel(to->disk.fd, file->store.disk.fd);
        const int64_t have = to->base.ops->size(&to->base);
        if (r == 0 && have == file->store.base.ops->size(&file->store.base))
            return 0;
        if (r == -ENOSPC || r == -EDQUOT || r == -EIO || r == -EFBIG)
            return r;
        if (have > 0)
            (void)to->base.ops->truncate(&to->base, 0);
    }
    return mfi_store_copy(&to->base, &file->store.base);
}

static int copy_content(struct persist *p, union mfi_any_store *to) {
    const int r = copy_bytes(p, to);
    const int64_t size = to->base.ops->size(&to->base);
    to->disk.accepted = size < 0 ? -1 : size; /* whoever copied it: a later write that fails is
                                                 taken back to here */
    return r;
}

static void drop_copy(struct mfi_made *made, union mfi_any_store *store) {
    if (store->base.ops != NULL)
        (void)store->base.ops->close(&store->base);
    (void)mfi_slot_remove(made->slot, NULL, NULL, NULL);
    mfi_slot_release(made->slot);
}

/* The copy becomes the file's, under the number of the old descriptor, which somebody may have; and
 * a stream goes on in it, where it was. */
static void adopt_copy(mayfly_file *file, union mfi_any_store *copy) {
    if (file->store.base.ops != &mfi_disk_ops) {
        (void)file->store.base.ops->close(&file->store.base);
        file->store = *copy;
        return;
    }
    const int old = file->store.disk.fd;
    const off_t at = mfi_sys.lseek(old, 0, SEEK_CUR);
    if (at > 0)
        (void)mfi_sys.lseek(copy->disk.fd, at, SEEK_SET);
    mfi_stream_follow(file, copy->disk.fd);
    if (mfi_sys.dup_to(copy->disk.fd, old, mfi_sys.is_inherited(old) > 0) < 0) {
        (void)file->store.base.ops->close(&file->store.base);
        file->store = *copy;
        return;
    }
    (void)mfi_sys.close(copy->disk.fd); /* a duplicate of it is open */
    file->store.disk.accepted = copy->disk.accepted;
}

static int by_copy(struct persist *p) {
    mayfly_file *file = p->file;
    const struct mfi_request request = {.prefix = mayfly_gettempprefix(),
                                        .suffix = "",
                                        .dir = p->parent->path,
                                        .permissions = 0600};
    struct mfi_made made;
    int r = mfi_create_named(&request, MFI_CREATE_FILE, 0, &made, p->error);
    if (r < 0)
        return r;
    union mfi_any_store store;
    store.disk = (struct mfi_disk_store){{&mfi_disk_ops}, made.fd, 0};
    r = copy_content(p, &store);
    if (r < 0)
        (void)fail(p, r, "copy");
    /* Synced always: what is copied from is removed after this. */
    if (r == 0)
        r = make_ready(p, made.fd, 1);
    if (r == 0) {
        r = rename_to_target(p, made.slot);
        if (r < 0)
            (void)fail(p, r, "renameat");
    }
    if (r < 0) {
        drop_copy(&made, &store);
        return r;
    }
    mfi_slot_release(made.slot);
    if (file->slot != NULL)
        (void)mfi_slot_remove(file->slot, NULL, NULL, NULL);
    adopt_copy(file, &store);
    return 0;
}

/* ---- after ----------------------------------------------------------------------------------- */

static int sync_directory(struct persist *p) {
    mfi_auto_fd dir = mfi_sys.openat(p->parent->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (dir < 0)
        return fail(p, dir, "openat");
    const int r = mfi_sys.fsync(dir);
    /* EINVAL: a file system whose directories need no syncing (fsync(2)). */
    return r < 0 && r != -EINVAL ? fail(p, r, "fsync") : 0;
}

static void stand_for_target(struct persist *p) {
    mayfly_file *file = p->file;
    mfi_slot_release(file->slot);
    file->slot = NULL;
    mfi_account_close(mfi_take(file->account), 0); /* it is no temporary one any more */
    free(file->path);
    file->path = mfi_take(p->path);
    file->flags |= MFI_KEEP;
    file->flags &= ~(uint32_t)MFI_NAMELESS;
    if ((file->flags & MFI_SPOOL) != 0)
        file->flags |= MFI_ROLLED;
}

static int into_place(struct persist *p) {
    mayfly_file *file = p->file;
    int r = -EXDEV;
    if (file->store.base.ops == &mfi_disk_ops && file->slot != NULL)
        r = by_rename(p);
    else if (file->store.base.ops == &mfi_disk_ops && (file->flags & MFI_NAMELESS) != 0)
        r = by_link(p); /* an inode whose last name was removed cannot be linked again */
    if (r != -EXDEV)
        return r;
    if ((p->flags & MAYFLY_ATOMIC_ONLY) != 0)
        return mfi_fail(p->error, r, "persist", p->path,
                        "the content would have to be copied, and MAYFLY_ATOMIC_ONLY forbids it; "
                        "make the file near its target (MAYFLY_PLACE_NEAR)");
    return by_copy(p);
}

int mayfly_file_persist_sized(size_t result_size, mayfly_file *file, const char *target,
                              unsigned flags, mayfly_persist_result *ret, mayfly_error *error) {
    __attribute__((cleanup(end_persist))) struct persist p = {
        .file = file, .flags = flags, .error = error};
    if (target == NULL || target[0] == '\0')
        return mfi_fail(error, -EINVAL, "persist", NULL, "a target must be named");
    int r = check_flags(&p, target);
    if (r == 0)
        r = settle_content(&p);
    if (r == 0)
        r = find_target(&p, target);
    if (r == 0)
        r = into_place(&p);
    if (r < 0) {
        mfi_event_failed("persist", MFI_KIND_FILE, file->path, r);
        return r;
    }
    if (mfi_events_on()) {
        const int64_t size = mfi_raw_size(file, NULL);
        mfi_event(MAYFLY_EVENT_PERSISTED, MFI_KIND_FILE, file->path, p.path,
                  size < 0 ? 0 : (uint64_t)size);
    }
    int synced = 0;
    if ((flags & MAYFLY_DURABLE) != 0) {
        synced = sync_directory(&p);
        p.result.durable = synced == 0;
    }
    stand_for_target(&p);
    if (ret != NULL && synced == 0)
        memcpy(ret, &p.result, result_size < sizeof p.result ? result_size : sizeof p.result);
    return synced < 0 ? synced : mfi_file_leave(file, error);
}
