/* SPDX-License-Identifier: MIT
 *
 * Reaping: removing what dead processes have left, by their journals.
 *
 * Invariants  only a journal that is locked by us is worked on, and only what it names is touched,
 *             if it still is what was made: device, inode and birth, or owner where no birth is
 *             known. A journal goes when all that it names is gone; until then a reaper that is
 *             killed leaves it for the next.
 *             The directory of a name is opened once, and the name is looked at and removed in it.
 * Not handled another user who may rename in the directory of a name can exchange the file between
 *             the look and the removal, for another one in a directory that is his anyway.
 * After a reboot   device numbers may be others, so the device is not compared where the time of
 *             birth is known; the name is random, and the inode number and the birth in
 *             nanoseconds must be the same.
 */
#define _GNU_SOURCE
#include <mayfly/lease.h>

#include <fcntl.h>
#include <stdlib.h>

#include "event.h"
#include "journal.h"
#include "reap.h"

struct reaping {
    const mayfly_reap_options *options;
    mayfly_reap_result *result;
    uint64_t budget; /* entries that may still be removed */
    uint64_t spent;  /* on the name that is being removed */
    struct mfi_journal *journal;
    uint64_t failed; /* of this journal */
    /* the directory of the name before, which often is that of the next one */
    int dir;
    char *dir_path;
};

/* One at a time: closing a journal in one thread would give back the lock of another. */
static struct mfi_lock reading;
static _Thread_local int reads; /* this thread is at it: a visiting function asks again */

int mfi_journals_lock(void) {
    if (reads)
        return -EDEADLK;
    mfi_lock_take(&reading);
    reads = 1;
    return 0;
}

void mfi_journals_unlock(void) {
    reads = 0;
    mfi_lock_give(&reading);
}

/* ---- one name -------------------------------------------------------------------------------- */

static void forget_dir(struct reaping *reaping) {
    mfi_close_fd(&reaping->dir);
    reaping->dir = -1;
    free(reaping->dir_path);
    reaping->dir_path = NULL;
}

/* The directory of a name, opened. */
static int open_dir_of(struct reaping *reaping, const struct mfi_record *record) {
    const size_t size =
        record->name == record->path + 1 ? 1 : (size_t)(record->name - record->path - 1);
    if (reaping->dir_path != NULL && strncmp(reaping->dir_path, record->path, size) == 0 &&
        reaping->dir_path[size] == '\0')
        return 0;
    forget_dir(reaping);
    mfi_auto_free char *path = mfi_format("%.*s", (int)size, record->path);
    if (path == NULL)
        return -ENOMEM;
    const int fd = mfi_sys.openat(AT_FDCWD, path, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
    if (fd < 0)
        return fd;
    reaping->dir = fd;
    reaping->dir_path = mfi_take(path);
    return 0;
}

int mfi_record_matches(const struct mfi_record *record, const struct mfi_mount *found,
                       int other_boot) {
    const int directory = record->kind == MFI_KIND_DIRECTORY;
    const int birth_known = record->birth != 0 && found->birth != 0;
    if (found->inode != record->identity.inode || S_ISDIR(found->mode) != directory ||
        (!directory && !S_ISREG(found->mode)))
        return 0;
    /* What was born when ours was is ours, also if it was given to another user since (chown(2), or
     * a persist that keeps the target's owner). */
    if (birth_known ? found->birth != record->birth : found->uid != record->uid)
        return 0;
    return found->device == record->identity.device || (other_boot && birth_known);
}

static int within_budget(const mayfly_tree_progress *progress, void *user) {
    struct reaping *reaping = user;
    reaping->spent = progress->removed_files + progress->removed_directories;
    return reaping->spent > reaping->budget;
}

static int remove_known(struct reaping *reaping, const struct mfi_record *record,
                        const struct mfi_mount *found) {
    if (record->kind != MFI_KIND_DIRECTORY)
        return mfi_sys.unlinkat(reaping->dir, record->name, 0);
    const mayfly_tree_options options = {.progress = within_budget, .user = reaping};
    const struct mfi_identity identity = {found->device, found->inode};
    return mfi_tree_remove(reaping->dir, record->name, record->path, &identity, &options, NULL,
                           NULL);
}

/* It was being made: its name is a random one, so what has it now and is empty and ours is it. */
static int remove_named(const struct reaping *reaping, const struct mfi_record *record) {
    struct stat st;
    const int r = mfi_sys.fstatat(reaping->dir, record->name, &st, AT_SYMLINK_NOFOLLOW);
    if (r < 0)
        return r;
    if (st.st_uid != reaping->journal->head.uid)
        return MAYFLY_E_REPLACED;
    const int directory = record->kind == MFI_KIND_DIRECTORY;
    if (directory ? !S_ISDIR(st.st_mode) : (!S_ISREG(st.st_mode) || st.st_size != 0))
        return MAYFLY_E_REPLACED;
    return reaping->options->dry_run
               ? 0
               : mfi_sys.unlinkat(reaping->dir, record->name, directory ? AT_REMOVEDIR : 0);
}

static int remove_record(struct reaping *reaping, const struct mfi_record *record) {
    struct mfi_mount found;
    int r = open_dir_of(reaping, record);
    if (r < 0)
        return r;
    if (record->state == MFI_CELL_NAMED)
        return remove_named(reaping, record);
    r = mfi_sys.statmount(reaping->dir, record->name, &found);
    if (r < 0)
        return r;
    if (!mfi_record_matches(record, &found, reaping->journal->other_boot))
        return MAYFLY_E_REPLACED;
    return reaping->options->dry_run ? 0 : remove_known(reaping, record, &found);
}

static mayfly_reaped outcome_of(int code) {
    if (code == 0)
        return MAYFLY_REAPED_REMOVED;
    if (code == -ENOENT || code == -ENOTDIR)
        return MAYFLY_REAPED_GONE;
    return code == MAYFLY_E_REPLACED || code == -ENOTEMPTY ? MAYFLY_REAPED_OTHER
                                                           : MAYFLY_REAPED_FAILED;
}

static int reap_record(const struct mfi_record *record, void *user) {
    struct reaping *reaping = user;
    if (reaping->budget == 0)
        return -ECANCELED;
    reaping->spent = 1;
    const int code = remove_record(reaping, record);
    if (code == -ENOMEM || code == -EMFILE || code == -ENFILE)
        return code;
    const mayfly_reaped what = outcome_of(code);
    uint64_t *const counts[] = {&reaping->result->removed, &reaping->result->gone,
                                &reaping->result->other, &reaping->result->failed};
    ++*counts[what];
    reaping->failed += what == MAYFLY_REAPED_FAILED;
    reaping->budget -= reaping->spent < reaping->budget ? reaping->spent : reaping->budget;
    if (what == MAYFLY_REAPED_REMOVED && !reaping->options->dry_run)
        mfi_event(MAYFLY_EVENT_REAPED, record->kind, record->path, NULL, 0);
    const mayfly_reap_options *options = reaping->options;
    if (options->visit != NULL &&
        options->visit(record->path, what, what == MAYFLY_REAPED_FAILED ? code : 0,
                       options->user) != 0)
        return -ECANCELED;
    return 0;
}

/* ---- one journal ----------------------------------------------------------------------------- */

/* Out of the way of later reapers, for somebody to look at. */
static void put_aside(const struct mfi_journal *journal) {
    mfi_auto_free char *aside =
        mfi_format("%.*s.damaged", (int)strcspn(journal->name, "."), journal->name);
    if (aside != NULL)
        (void)mfi_sys.renameat(journal->dir, journal->name, journal->dir, aside);
}

/* The journal is locked by us, and its owner is dead. */
static int reap_taken(struct reaping *reaping) {
    struct mfi_journal *journal = reaping->journal;
    uint64_t damaged = journal->damaged_head && !journal->fresh;
    int r = 0;
    reaping->failed = 0;
    if (!journal->damaged_head)
        r = mfi_journal_read(journal, reap_record, reaping, &damaged);
    if (r < 0)
        return r;
    reaping->result->leases++;
    reaping->result->damaged += damaged;
    if (reaping->options->dry_run || reaping->failed > 0)
        return 0;
    if (damaged > 0)
        put_aside(journal);
    else
        (void)mfi_sys.unlinkat(journal->dir, journal->name, 0);
    return 0;
}

int mfi_reap_journal(struct mfi_journal *journal, mayfly_error *error) {
    static const mayfly_reap_options defaults;
    mayfly_reap_result result = {0};
    struct reaping reaping = {.options = &defaults,
                              .result = &result,
                              .budget = UINT64_MAX,
                              .journal = journal,
                              .dir = -1};
    const int r = reap_taken(&reaping);
    forget_dir(&reaping);
    return r < 0 ? mfi_fail_call(error, r, "reap", journal->name, -1) : 0;
}

/* ---- all of them ----------------------------------------------------------------------------- */

static int is_journal(const char *name) {
    const size_t size = strlen(name);
    const size_t suffix = sizeof MFI_JOURNAL_SUFFIX - 1;
    return size > suffix && name[0] != '.' && strcmp(name + size - suffix, MFI_JOURNAL_SUFFIX) == 0;
}

int mfi_journals_in(int dir, int (*visit)(int dir, const char *name, void *user), void *user) {
    enum { ENTRIES = 16384 };
    mfi_auto_free char *entries = mfi_sys.malloc(ENTRIES);
    if (entries == NULL)
        return -ENOMEM;
    /* One of its own: several threads may read the directory, and the shared one has a position. */
    mfi_auto_fd fd = mfi_sys.openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (fd < 0)
        return fd;
    for (;;) {
        const ssize_t n = mfi_sys.getdents(fd, entries, ENTRIES);
        if (n <= 0)
            return (int)n;
        for (const char *at = entries; at < entries + n;) {
            const struct mfi_dirent *entry = (const struct mfi_dirent *)(const void *)at;
            const int r = is_journal(entry->name) ? visit(dir, entry->name, user) : 0;
            if (r != 0)
                return r;
            at += entry->length;
        }
    }
}

static int reap_name(int dir, const char *name, void *user) {
    struct reaping *reaping = user;
    struct mfi_journal journal;
    int r = mfi_journal_open(dir, name, 1, &journal);
    if (r == -EMFILE || r == -ENFILE || r == -ENOMEM)
        return r;
    if (r < 0)
        return 0; /* gone meanwhile, or not to be trusted */
    reaping->journal = &journal;
    if (journal.holder == MFI_HOLDER_NONE)
        r = reap_taken(reaping);
    else
        reaping->result->held++;
    mfi_journal_close(&journal);
    return r;
}

static int reap_dir(int fd, const char *path, void *user) {
    (void)path;
    const int r = mfi_journals_in(fd, reap_name, user);
    return r == -ENOENT ? 0 : r;
}

int mayfly_reap_sized(size_t options_size, size_t result_size, const mayfly_reap_options *options,
                      mayfly_reap_result *ret, mayfly_error *error) {
    mayfly_reap_options known;
    mayfly_reap_result result = {0};
    int r = mfi_options_import(&known, sizeof known, options, options_size, "reap", error);
    if (r < 0)
        return r;
    struct reaping reaping = {
        .options = &known, .result = &result, .budget = UINT64_MAX, .dir = -1};
    r = mfi_journals_lock();
    if (r < 0)
        return mfi_fail(error, r, "reap", NULL, "it is being called by itself");
    r = mfi_lease_dirs(reap_dir, &reaping, error);
    mfi_journals_unlock();
    forget_dir(&reaping);
    if (ret != NULL)
        memcpy(ret, &result, result_size < sizeof result ? result_size : sizeof result);
    if (r == -ECANCELED)
        return mfi_fail(error, r, "reap", NULL, "the visiting function ended it");
    return r < 0 ? mfi_fail_call(error, r, "reap", NULL, -1) : 0;
}

/* ---- a little, for the others ---------------------------------------------------------------- */

enum { SOME_JOURNALS = 32, SOME_ENTRIES = 1024 };

struct some {
    struct reaping reaping;
    int journals;
};

static int reap_one_of_some(int dir, const char *name, void *user) {
    struct some *some = user;
    return some->journals-- == 0 ? -ECANCELED : reap_name(dir, name, &some->reaping);
}

void mfi_reap_some(void) {
    static const mayfly_reap_options defaults;
    mayfly_reap_result result = {0};
    struct some some = {
        {.options = &defaults, .result = &result, .budget = SOME_ENTRIES, .dir = -1},
        SOME_JOURNALS};
    const int dir = mfi_journal_dir();
    if (dir < 0 || mfi_journals_lock() < 0)
        return;
    (void)mfi_journals_in(dir, reap_one_of_some, &some); /* nobody asked for it, nobody is told */
    mfi_journals_unlock();
    forget_dir(&some.reaping);
}
