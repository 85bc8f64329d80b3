/* SPDX-License-Identifier: MIT
 *
 * Going back on a file that was replaced.
 *
 * How         a hard link beside the target holds the old inode, with its owner, mode and
 *             attributes; going back is a rename. The link is a temporary name like any other:
 *             whatever happens to the process, it is removed.
 * Rejected    an exchange (RENAME_EXCHANGE), which leaves a name to be removed in any case and is
 *             known to fewer file systems.
 */
#define _GNU_SOURCE
#include "undo.h"

#include <fcntl.h>

static int link_old(struct mfi_slot *slot, const char *target, const struct stat *st) {
    struct mfi_mount born = {0};
    memcpy(slot->name, "tmp", 3);
    const int r = mfi_random_name(slot->name + 3);
    if (r < 0)
        return r;
    slot->name[3 + MFI_NAME_RANDOM] = '\0';
    (void)mfi_sys.statmount(AT_FDCWD, target, &born); /* the birth may be unknown */
    mfi_slot_announce(slot);
    mfi_slot_arm(slot, st, born.birth);
    return mfi_sys.linkat(AT_FDCWD, target, slot->parent->fd, slot->name, 0);
}

/* That links cannot be made here, or not of this file. */
static int has_no_links(int code) {
    return code == -EPERM || code == -EOPNOTSUPP || code == -ENOSYS || code == -EMLINK ||
           code == -EXDEV;
}

int mfi_undo_prepare(struct mfi_undo *undo, const char *target, mayfly_error *error) {
    struct stat st;
    (void)mfi_undo_end(undo, 1, NULL); /* of a commit before */
    undo->existed = 0;
    int r = mfi_sys.fstatat(AT_FDCWD, target, &st, AT_SYMLINK_NOFOLLOW);
    if (r < 0)
        return r == -ENOENT ? 0 : mfi_fail_call(error, r, "fstatat", target, -1);
    undo->existed = 1;
    mfi_auto_free char *dir = mfi_format("%.*s", (int)(strrchr(target, '/') - target + 1), target);
    if (dir == NULL)
        return mfi_fail_memory(error, strlen(target));
    struct mfi_parent *parent = NULL;
    r = mfi_parent_open(dir, &parent, error);
    if (r < 0)
        return r;
    r = mfi_slot_reserve(parent, MFI_KIND_FILE, &undo->slot);
    mfi_parent_unref(parent);
    if (r < 0)
        return mfi_fail_memory(error, sizeof *undo->slot);
    r = link_old(undo->slot, target, &st);
    if (r == 0)
        return 0;
    (void)mfi_undo_end(undo, 1, NULL);
    return has_no_links(r) ? 0 : mfi_fail_call(error, r, "linkat", target, -1);
}

/* Only what was made: another process may have replaced it since. */
static int take_away(const char *target, mayfly_file *made) {
    struct stat mine, st;
    const int fd = mayfly_file_fd(made, NULL);
    int r = fd < 0 ? fd : mfi_sys.fstat(fd, &mine);
    if (r == 0)
        r = mfi_sys.fstatat(AT_FDCWD, target, &st, AT_SYMLINK_NOFOLLOW);
    if (r == 0 && (mine.st_ino != st.st_ino || mine.st_dev != st.st_dev))
        return 0;
    return r < 0 ? r : mfi_sys.unlinkat(AT_FDCWD, target, 0);
}

int mfi_undo_go_back(struct mfi_undo *undo, const char *target, mayfly_file *made) {
    if (!undo->existed)
        return take_away(target, made);
    if (undo->slot == NULL)
        return -EOPNOTSUPP;
    const int r = mfi_sys.renameat(undo->slot->parent->fd, undo->slot->name, AT_FDCWD, target);
    if (r < 0) { /* better a name too many than the old content lost */
        mfi_slot_hold(undo->slot, 1);
        mfi_slot_release(undo->slot);
        undo->slot = NULL;
    }
    return r;
}

int mfi_undo_end(struct mfi_undo *undo, int last, mayfly_error *error) {
    if (undo->slot == NULL)
        return 0;
    const int r = mfi_slot_remove(undo->slot, NULL, NULL, error);
    if (r == 0 || last) {
        mfi_slot_release(undo->slot);
        undo->slot = NULL;
    }
    return r;
}
