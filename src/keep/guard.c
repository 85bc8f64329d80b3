/* SPDX-License-Identifier: MIT
 *
 * The guard: a small process that outlives this one and reaps at once.
 *
 * How         it waits for the lock on the journal. The kernel hands it over when the owner is
 * dead; a lease that was passed on is waited for as well. At a normal end the journal is gone by
 * then, and there is nothing to do. Invariants  it is no child of this process: its parent between
 * ends at once, so nobody's wait(2) meets it. It has a session of its own, the root directory, no
 * descriptor but its own. Why a process and no thread   a thread dies with the process.
 */
#define _GNU_SOURCE
#include <mayfly/lease.h>

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "journal.h"

/* Waits, reaps, ends. */
static void guard(int dir, const char *name) {
    struct stat st;
    struct mfi_journal journal;
    mfi_auto_fd fd = mfi_sys.openat(dir, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0);
    if (fd < 0 || mfi_sys.lock_owner(fd, 1) < 0 || mfi_sys.flock(fd, LOCK_EX) < 0 ||
        mfi_sys.fstat(fd, &st) < 0 || st.st_nlink == 0)
        return; /* it ended as it should */
    (void)mfi_sys.flock(fd, LOCK_UN);
    /* Its last threads may be on their way out still, or it has only closed the journal. */
    for (int pause = 1; mfi_journal_open(dir, name, 1, &journal) == 0;
         pause *= pause < 1000 ? 2 : 1) {
        const int free_now = journal.holder == MFI_HOLDER_NONE;
        if (free_now)
            (void)mfi_reap_journal(&journal, NULL);
        mfi_journal_close(&journal);
        if (free_now)
            return;
        (void)poll(NULL, 0, pause);
    }
}

/* In the new process: nothing of the old one is held, so that it cannot keep anything open. */
static void be_guard(int dir, const char *name) {
    static const int signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGTSTP};
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    for (size_t i = 0; i < MFI_LENGTH(signals); i++)
        (void)mfi_sys.sigaction(signals[i], &ignore, NULL);
    (void)setsid();
    const int own = mfi_sys.dup(dir, 3);
    if (own < 0 || mfi_sys.chdir_root() < 0)
        return;
    (void)mfi_sys.close_others(own);
    mfi_journal_unmap();
    guard(own, name);
}

int mayfly_keep_guard(mayfly_error *error) {
    static _Atomic uint64_t guarded;
    const uint64_t process = mfi_process();
    if (atomic_load(&guarded) == process)
        return 0;
    (void)mfi_journal_cell(0);
    const int dir = mfi_journal_dir();
    if (dir < 0)
        return mfi_fail(error, -ENOTSUP, "keep_guard", NULL,
                        "this process has no journal; MAYFLY_LEASE_DIR names a directory for it");
    const int between = mfi_sys.fork();
    if (between < 0)
        return mfi_fail_call(error, between, "fork", NULL, -1);
    if (between == 0) {
        if (mfi_sys.fork() == 0)
            be_guard(dir, mfi_journal_name());
        _exit(0);
    }
    /* -ECHILD: the program ignores or collects its children by itself. */
    (void)mfi_sys.waitpid(between);
    atomic_store(&guarded, process);
    return 0;
}
