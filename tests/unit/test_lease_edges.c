/* SPDX-License-Identifier: MIT
 *
 * Journals in narrow places: between threads, at a fork, under limits, in a directory that goes.
 */
#define _GNU_SOURCE
#include "../lib/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../src/base/sys.h"
#include "../../src/keep/journal.h"

/* Makes a first name. 0: a reaper would find it, by a journal that is there. */
static int is_leased(void) {
    char path[4400];
    mayfly_file *file = NULL;
    if (mayfly_named_temporary_file(NULL, &file, NULL) < 0)
        return 2;
    const char *dir = mfi_journal_path();
    (void)snprintf(path, sizeof path, "%s/%s", dir == NULL ? "" : dir, mfi_journal_name());
    const int leased = mayfly_file_is_leased(file) == 1 && mft_exists(path);
    return mayfly_file_close(&file, NULL) == 0 && leased ? 0 : 1;
}

/* ---- while it is made ------------------------------------------------------------------------ */

static const char *going;
static int is_gone;

static int remove_before_the_journal(int dir, const char *path, int flags, mode_t mode) {
    if ((flags & O_CREAT) != 0 && strstr(path, MFI_JOURNAL_SUFFIX) != NULL && !is_gone)
        is_gone = rmdir(going) == 0;
    return mfi_sys_real.openat(dir, path, flags, mode);
}

static int make_in_a_directory_that_goes(void *context) {
    if (setenv("MAYFLY_LEASE_DIR", context, 1) != 0)
        return 3;
    going = context;
    mfi_sys.openat = remove_before_the_journal;
    const int r = is_leased();
    return is_gone ? r : 4;
}

/* As it does when the last process that had a journal there ends. */
static void a_lease_directory_that_goes_while_a_journal_is_made_is_made_again(void **state) {
    (void)state;
    assert_int_equal(mft_fork_exit(make_in_a_directory_that_goes, mft_path("leases")), 0);
    assert_int_equal(rmdir(mft_path("leases")), 0);
}

static _Atomic int looked_in, reaped;
static pthread_t reaper;

static ssize_t say_that_it_looks(int fd, void *entries, size_t size) {
    const ssize_t n = mfi_sys_real.getdents(fd, entries, size);
    looked_in = 1;
    return n;
}

static void *reap(void *context) {
    (void)context;
    (void)mayfly_reap(NULL, NULL, NULL);
    reaped = 1;
    return NULL;
}

/* The journal exists and is locked, and says nothing yet: another thread's reaper comes by. */
static int reap_meanwhile(int fd, int64_t size) {
    static int begun;
    if (!begun++ && pthread_create(&reaper, NULL, reap, NULL) == 0) {
        while (!looked_in)
            (void)sched_yield();
        for (int i = 0; i < 10000 && !reaped; i++)
            (void)sched_yield();
    }
    return mfi_sys_real.allocate(fd, size);
}

static int make_while_another_thread_reaps(void *context) {
    (void)context;
    mfi_sys.getdents = say_that_it_looks;
    mfi_sys.allocate = reap_meanwhile;
    const int r = is_leased();
    return pthread_join(reaper, NULL) == 0 ? r : 3;
}

static void a_thread_that_reaps_leaves_the_journal_that_another_makes(void **state) {
    (void)state;
    assert_int_equal(mft_fork_exit(make_while_another_thread_reaps, NULL), 0);
}

static int fork_meanwhile(int fd, int64_t size) {
    static int begun;
    if (!begun++) {
        const pid_t pid = fork();
        if (pid == 0)
            exit(0); /* with its handlers */
        (void)waitpid(pid, NULL, 0);
    }
    return mfi_sys_real.allocate(fd, size);
}

static int make_while_it_forks(void *context) {
    (void)context;
    mfi_sys.allocate = fork_meanwhile;
    return is_leased();
}

static void a_child_forked_while_the_journal_is_made_leaves_it(void **state) {
    (void)state;
    assert_int_equal(mft_fork_exit(make_while_it_forks, NULL), 0);
}

/* The directory of the leases is what the last free descriptor is missed for. */
static int none_for_the_journal(int dir, const char *path, int flags, mode_t mode) {
    return strcmp(path, mft_leases()) == 0 ? -EMFILE : mfi_sys_real.openat(dir, path, flags, mode);
}

static int make_when_descriptors_came_back(void *context) {
    (void)context;
    mfi_sys.openat = none_for_the_journal;
    const int without = is_leased();
    mfi_sys = mfi_sys_real;
    return without == 1 ? is_leased() : 3;
}

static void for_want_of_descriptors_the_journal_is_made_with_a_later_name(void **state) {
    (void)state;
    assert_int_equal(mft_fork_exit(make_when_descriptors_came_back, NULL), 0);
}

/* ---- limits ---------------------------------------------------------------------------------- */

static int make_small_files_only(void *context) {
    (void)context;
    const struct rlimit limit = {16384, 16384};
    mayfly_file *file = NULL;
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0 ||
        mayfly_named_temporary_file(NULL, &file, NULL) < 0 ||
        mayfly_file_write(file, "small", 5, NULL) < 0)
        return 1;
    const int leased = mayfly_file_is_leased(file);
    return mayfly_file_close(&file, NULL) == 0 && leased == 0 ? 0 : 2;
}

static void a_journal_never_ends_a_process_by_SIGXFSZ(void **state) {
    (void)state;
    assert_int_equal(mft_fork_exit(make_small_files_only, NULL), 0);
}

static void a_file_that_is_large_already_has_room_whatever_the_limit_is(void **state) {
    (void)state;
    struct rlimit before, limit;
    mayfly_auto(mayfly_file) file = NULL;
    mft_ok(mayfly_temporary_file(NULL, &file, &mft_error));
    mft_ok(mayfly_file_truncate(file, 1 << 20, &mft_error));
    const int fd = mayfly_file_fd(file, &mft_error);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = 65536;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    const int there = mfi_sys.allocate(fd, 1 << 20);
    const int beyond = mfi_sys.allocate(fd, 2 << 20);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(there, 0);
    assert_int_equal(beyond, -EFBIG);
}

/* ---- whoever makes a first name reaps, but only a little --------------------------------------
 */

enum { DIRECTORIES = 8, FILES = 600 };

static int leave_full_directories(void *context) {
    (void)context;
    for (int i = 0; i < DIRECTORIES; i++) {
        mayfly_dir *dir = NULL;
        if (mayfly_temporary_directory(NULL, &dir, NULL) < 0)
            return 1;
        for (int j = 0; j < FILES; j++) {
            mayfly_auto(mayfly_file) file = NULL;
            char name[16];
            (void)snprintf(name, sizeof name, "%d", j);
            if (mayfly_dir_file(dir, name, NULL, &file, NULL) < 0)
                return 1;
        }
    }
    (void)kill(getpid(), SIGKILL);
    return 1;
}

static int make_a_first_name(void *context) {
    (void)context;
    return is_leased();
}

static void a_first_name_pays_for_a_thousand_entries_and_not_for_all(void **state) {
    (void)state;
    (void)mft_fork(leave_full_directories, NULL);
    assert_int_equal(mft_entries(mft_tmp()), DIRECTORIES);
    for (int left = DIRECTORIES; left > 0; left = mft_entries(mft_tmp())) {
        assert_int_equal(mft_fork_exit(make_a_first_name, NULL), 0);
        const int gone = left - mft_entries(mft_tmp());
        assert_true(gone > 0 && gone <= 2);
    }
}

static int told;

static void make_one_more(const mayfly_event *event, void *user) {
    (void)user;
    mayfly_file *file = NULL;
    told += event->kind == MAYFLY_EVENT_REAPED &&
            mayfly_named_temporary_file(NULL, &file, NULL) == 0 &&
            mayfly_file_close(&file, NULL) == 0;
}

static int leave_one(void *context) {
    (void)context;
    mayfly_file *file = NULL;
    if (mayfly_named_temporary_file(NULL, &file, NULL) == 0)
        (void)kill(getpid(), SIGKILL);
    return 1;
}

static int make_with_a_hook(void *context) {
    (void)context;
    (void)alarm(20); /* it would wait for itself for ever */
    mayfly_set_event_hook(make_one_more, NULL);
    const int r = is_leased();
    return told == 1 ? r : 3;
}

static void whoever_is_told_of_a_reaping_may_make_files(void **state) {
    (void)state;
    (void)mft_fork(leave_one, NULL);
    assert_int_equal(mft_entries(mft_tmp()), 1);
    assert_int_equal(mft_fork_exit(make_with_a_hook, NULL), 0);
}

/* A server that runs as root makes a file for somebody else. */
static int give_away_and_leave(void *context) {
    mayfly_file *file = NULL;
    mayfly_dir *dir = NULL;
    (void)context;
    if (mayfly_named_temporary_file(NULL, &file, NULL) == 0 &&
        mayfly_temporary_directory(NULL, &dir, NULL) == 0 &&
        chown(mayfly_file_path(file), 65534, 65534) == 0 &&
        chown(mayfly_dir_path(dir), 65534, 65534) == 0)
        (void)kill(getpid(), SIGKILL);
    return 1;
}

static void what_was_given_to_another_user_is_reaped_all_the_same(void **state) {
    (void)state;
    struct mfi_mount found;
    mayfly_reap_result result;
    if (geteuid() != 0)
        mft_skip("only root can give files away");
    assert_int_equal(mfi_sys.statmount(AT_FDCWD, mft_tmp(), &found), 0);
    if (found.birth == 0)
        mft_skip("the file system does not tell when a file was made");
    assert_true(WIFSIGNALED(mft_fork(give_away_and_leave, NULL)));
    mft_ok(mayfly_reap(NULL, &result, &mft_error));
    assert_int_equal(result.removed, 2);
    assert_int_equal(mft_entries(mft_tmp()), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        MFT(a_lease_directory_that_goes_while_a_journal_is_made_is_made_again),
        MFT(a_thread_that_reaps_leaves_the_journal_that_another_makes),
        MFT(a_child_forked_while_the_journal_is_made_leaves_it),
        MFT(for_want_of_descriptors_the_journal_is_made_with_a_later_name),
        MFT(a_journal_never_ends_a_process_by_SIGXFSZ),
        MFT(a_file_that_is_large_already_has_room_whatever_the_limit_is),
        MFT(a_first_name_pays_for_a_thousand_entries_and_not_for_all),
        MFT(what_was_given_to_another_user_is_reaped_all_the_same),
        MFT(whoever_is_told_of_a_reaping_may_make_files),
    };
    return MFT_MAIN(tests);
}
