/* SPDX-License-Identifier: MIT
 *
 * Looking at leases, and passing this process's on.
 */
#define _GNU_SOURCE
#include <mayfly/lease.h>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>

#include "journal.h"
#include "reap.h"

/* ---- passing on ------------------------------------------------------------------------------ */

static _Atomic uint64_t inheriting; /* the number of the process that asked for it */

int mfi_lease_is_inherited(void) {
    return atomic_load(&inheriting) != 0;
}

int mayfly_lease_inherit(mayfly_error *error) {
    (void)mfi_journal_cell(0); /* there may be no name yet: the journal is made for it */
    const int fd = mfi_journal_fd();
    if (fd < 0)
        return mfi_fail(error, -ENOTSUP, "lease_inherit", NULL,
                        "this process has no journal; MAYFLY_LEASE_DIR names a directory for it");
    /* flock(2) is the open file description's: whoever has the descriptor has the lock. */
    int r = mfi_sys.flock(fd, LOCK_SH | LOCK_NB);
    if (r == 0)
        r = mfi_sys.set_inherited(fd, 1);
    if (r < 0)
        return mfi_fail_call(error, r, "lease_inherit", mfi_journal_path(), -1);
    atomic_store(&inheriting, mfi_process());
    return 0;
}

/* ---- looking --------------------------------------------------------------------------------- */

struct looking {
    int (*visit)(const mayfly_lease *lease, const mayfly_lease_entry *entry, void *user);
    void *user;
    const char *dir;
    const struct mfi_journal *journal;
    mayfly_lease lease;
};

/* How much is below a directory: breadth by depth, without following links or leaving the mount.
 * What cannot be read counts as nothing: this is for people. */
static void measure(int dir, const char *name, uint64_t device, unsigned depth,
                    mayfly_lease_entry *entry) {
    enum { DEEPEST = 64, ENTRIES = 8192 };
    mfi_auto_fd fd = mfi_sys.openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
    mfi_auto_free char *entries = fd < 0 || depth == DEEPEST ? NULL : mfi_sys.malloc(ENTRIES);
    for (ssize_t n = 1; entries != NULL && n > 0;) {
        n = mfi_sys.getdents(fd, entries, ENTRIES);
        for (const char *at = entries; at < entries + n;) {
            const struct mfi_dirent *found = (const struct mfi_dirent *)(const void *)at;
            struct stat st;
            at += found->length;
            if (strcmp(found->name, ".") == 0 || strcmp(found->name, "..") == 0 ||
                mfi_sys.fstatat(fd, found->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                continue;
            entry->files++;
            entry->bytes += (uint64_t)st.st_blocks * 512;
            if (S_ISDIR(st.st_mode) && (uint64_t)st.st_dev == device)
                measure(fd, found->name, device, depth + 1, entry);
        }
    }
}

static void look_at(const struct looking *looking, const struct mfi_record *record,
                    mayfly_lease_entry *entry) {
    struct mfi_mount found;
    struct stat st;
    mfi_auto_free char *path =
        mfi_format("%.*s/", (int)(record->name - record->path), record->path);
    mfi_auto_fd dir = path == NULL
                          ? -ENOMEM
                          : mfi_sys.openat(AT_FDCWD, path, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
    if (dir < 0 || mfi_sys.statmount(dir, record->name, &found) < 0 ||
        mfi_sys.fstatat(dir, record->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return;
    if (record->state != MFI_CELL_NAMED &&
        !mfi_record_matches(record, &found, looking->journal->other_boot))
        return;
    entry->there = true;
    entry->created = found.birth / 1000000000;
    entry->bytes = (uint64_t)st.st_blocks * 512;
    entry->files = entry->directory ? 0 : 1;
    if (entry->directory)
        measure(dir, record->name, found.device, 0, entry);
}

static int show_record(const struct mfi_record *record, void *user) {
    const struct looking *looking = user;
    mayfly_lease_entry entry = {.path = record->path,
                                .directory = record->kind == MFI_KIND_DIRECTORY,
                                .created = record->birth / 1000000000};
    look_at(looking, record, &entry);
    return looking->visit(&looking->lease, &entry, looking->user);
}

static mayfly_lease_state state_of(const struct mfi_journal *journal) {
    if (journal->holder == MFI_HOLDER_HEIR)
        return MAYFLY_LEASE_INHERITED;
    if (journal->holder != MFI_HOLDER_NONE)
        return MAYFLY_LEASE_HELD;
    return journal->damaged_head ? MAYFLY_LEASE_DAMAGED : MAYFLY_LEASE_ORPHANED;
}

static int show_journal(int dir, const char *name, void *user) {
    struct looking *looking = user;
    struct mfi_journal journal;
    int r = mfi_journal_open(dir, name, 0, &journal);
    if (r == -EMFILE || r == -ENFILE || r == -ENOMEM)
        return r;
    if (r < 0)
        return 0; /* gone meanwhile, or not one of ours */
    mfi_auto_free char *path = mfi_format("%s/%s", looking->dir, name);
    uint64_t damaged;
    looking->journal = &journal;
    looking->lease = (mayfly_lease){.state = state_of(&journal),
                                    .pid = journal.head.pid,
                                    .uid = journal.head.uid,
                                    .since = journal.head.opened,
                                    .earlier_boot = journal.other_boot != 0,
                                    .command = journal.head.command,
                                    .journal = path == NULL ? name : path};
    r = looking->visit(&looking->lease, NULL, looking->user);
    if (r == 0 && !journal.damaged_head)
        r = mfi_journal_read(&journal, show_record, looking, &damaged);
    mfi_journal_close(&journal);
    return r;
}

static int show_dir(int fd, const char *path, void *user) {
    struct looking *looking = user;
    looking->dir = path;
    const int r = mfi_journals_in(fd, show_journal, looking);
    return r == -ENOENT ? 0 : r;
}

int mayfly_leases(int (*visit)(const mayfly_lease *lease, const mayfly_lease_entry *entry,
                               void *user),
                  void *user, mayfly_error *error) {
    struct looking looking = {.visit = visit, .user = user};
    int r = mfi_journals_lock();
    if (r < 0)
        return mfi_fail(error, r, "leases", NULL, "it is being called by itself");
    r = mfi_lease_dirs(show_dir, &looking, error);
    mfi_journals_unlock();
    if (r == -EMFILE || r == -ENFILE || r == -ENOMEM)
        return mfi_fail_call(error, r, "leases", NULL, -1);
    return r;
}
