/* SPDX-License-Identifier: MIT
 *
 * After SIGKILL: journals, who holds them, and the reaper.
 */
#define _GNU_SOURCE
#include "../lib/harness.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../src/base/sys.h"
#include "../../src/keep/journal.h"

/* ---- processes that leave things ------------------------------------------------------------- */

/* A child that makes things, says so, and waits until it is killed or told to go on. */
struct child {
    pid_t pid;
    int to, from;
};

static void make_or_die(int files, int dirs) {
    mayfly_file *file = NULL;
    mayfly_dir *dir = NULL;
    for (int i = 0; i < files; i++)
        if (mayfly_named_temporary_file(NULL, &file, NULL) < 0)
            _exit(1);
    for (int i = 0; i < dirs; i++)
        if (mayfly_temporary_directory(NULL, &dir, NULL) < 0 ||
            mayfly_dir_mkdir(dir, "a/b/c", NULL) < 0)
            _exit(1);
}

static void say(int fd) {
    if (write(fd, "x", 1) != 1)
        _exit(1);
}

static int hear(int fd) {
    char c;
    return read(fd, &c, 1) == 1;
}

static struct child start(void (*body)(int to, int from)) {
    int down[2], up[2];
    struct child child;
    assert_int_equal(pipe2(down, O_CLOEXEC), 0);
    assert_int_equal(pipe2(up, O_CLOEXEC), 0);
    (void)fflush(NULL);
    child.pid = mft_start();
    if (child.pid == 0) {
        (void)close(down[1]);
        (void)close(up[0]);
        body(up[1], down[0]);
        _exit(0);
    }
    (void)close(down[0]);
    (void)close(up[1]);
    child.to = down[1];
    child.from = up[0];
    assert_true(hear(child.from));
    return child;
}

static void end(struct child *child, int signal) {
    int status;
    if (signal != 0)
        assert_int_equal(kill(child->pid, signal), 0);
    assert_int_equal(waitpid(child->pid, &status, 0), child->pid);
    (void)close(child->to);
    (void)close(child->from);
}

static void make_and_wait(int to, int from) {
    make_or_die(3, 2);
    say(to);
    (void)hear(from);
}

static int leave(void *context) {
    (void)context;
    make_or_die(3, 2);
    (void)kill(getpid(), SIGKILL);
    return 1;
}

static mayfly_reap_result reap(void) {
    mayfly_reap_result result;
    mft_ok(mayfly_reap(NULL, &result, &mft_error));
    return result;
}

/* The one journal that is not this process's; its path. */
static char *other_journal(void) {
    const char *found = NULL;
    static char path[4400];
    DIR *dir = opendir(mft_leases());
    const struct dirent *entry;
    while ((entry = readdir(dir)) != NULL)
        if (entry->d_name[0] != '.' && strcmp(entry->d_name, mfi_journal_name()) != 0)
            found = entry->d_name;
    (void)snprintf(path, sizeof path, "%s/%s", mft_leases(), found == NULL ? "" : found);
    (void)closedir(dir);
    return found == NULL ? NULL : path;
}

/* ---- the rule -------------------------------------------------------------------------------- */

static void what_a_killed_process_left_is_reaped_and_nothing_else(void **state) {
    (void)state;
    mayfly_auto(mayfly_file) own = NULL;
    mft_ok(mayfly_named_temporary_file(NULL, &own, &mft_error));
    mft_write(mft_path("bystander"), "alive");
    (void)mft_fork(leave, NULL);
    assert_int_equal(mft_entries(mft_tmp()), 2 + 5);
    const mayfly_reap_result result = reap();
    assert_int_equal(result.leases, 1);
    assert_int_equal(result.held, 1); /* our own */
    assert_int_equal(result.removed, 5);
    assert_int_equal(result.failed + result.other + result.gone + result.damaged, 0);
    assert_int_equal(mft_entries(mft_tmp()), 2);
    assert_true(mft_is(mft_path("bystander"), "alive"));
    assert_null(other_journal());
    (void)unlink(mft_path("bystander"));
}

static void what_a_living_process_holds_is_left(void **state) {
    (void)state;
    struct child child = start(make_and_wait);
    assert_int_equal(reap().removed, 0);
    assert_int_equal(mft_entries(mft_tmp()), 5);
    end(&child, SIGKILL);
    assert_int_equal(reap().removed, 5);
}

/* Not yet waited for, it still has its pid: that is no life. */
static void a_zombie_holds_nothing(void **state) {
    (void)state;
    struct child child = start(make_and_wait);
    siginfo_t info;
    assert_int_equal(kill(child.pid, SIGKILL), 0);
    assert_int_equal(waitid(P_PID, (id_t)child.pid, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(reap().removed, 5);
    end(&child, 0);
}

static void close_everything(int to, int from) {
    make_or_die(3, 2);
    for (int fd = 3; fd < 256; fd++)
        if (fd != to && fd != from)
            (void)close(fd);
    say(to);
    (void)hear(from);
}

/* A daemon's beginning. The lock goes with the descriptor, but the process lives. */
static void a_process_that_closed_all_descriptors_keeps_its_things(void **state) {
    (void)state;
    struct child child = start(close_everything);
    assert_int_equal(reap().removed, 0);
    assert_int_equal(mft_entries(mft_tmp()), 5);
    end(&child, SIGKILL);
    assert_int_equal(reap().removed, 5);
}

static int make_one(void *context) {
    (void)context;
    mayfly_auto(mayfly_file) file = NULL;
    return mayfly_named_temporary_file(NULL, &file, NULL) < 0;
}

static void a_process_reaps_for_others_when_it_makes_its_first_name(void **state) {
    (void)state;
    (void)mft_fork(leave, NULL);
    assert_int_equal(mft_entries(mft_tmp()), 5);
    assert_int_equal(mft_fork(make_one, NULL), 0);
    assert_int_equal(mft_entries(mft_tmp()), 0);
    (void)reap();
}

static int make_and_exit(void *context) {
    (void)context;
    make_or_die(2, 1);
    return 0;
}

static void a_process_that_ends_as_it_should_leaves_no_journal(void **state) {
    (void)state;
    assert_int_equal(mft_fork_exit(make_and_exit, NULL), 0);
    assert_null(other_journal());
    assert_int_equal(mft_entries(mft_tmp()), 0);
}

/* ---- what is not ours any more --------------------------------------------------------------- */

static void a_file_that_took_the_name_is_left(void **state) {
    (void)state;
    (void)mft_fork(leave, NULL);
    DIR *dir = opendir(mft_tmp());
    const struct dirent *entry;
    char victim[512] = "";
    while ((entry = readdir(dir)) != NULL)
        if (entry->d_type == DT_REG)
            (void)snprintf(victim, sizeof victim, "%.200s/%.255s", mft_tmp(), entry->d_name);
    (void)closedir(dir);
    assert_int_equal(unlink(victim), 0);
    mft_write(victim, "somebody else's");
    const mayfly_reap_result result = reap();
    assert_int_equal(result.removed, 4);
    assert_int_equal(result.other, 1);
    assert_true(mft_is(victim, "somebody else's"));
    assert_int_equal(unlink(victim), 0);
}

static int leave_kept(void *context) {
    (void)context;
    mayfly_file *file = NULL, *unkept = NULL;
    mayfly_dir *dir = NULL;
    if (mayfly_named_temporary_file(&(mayfly_file_options){.keep = true}, &file, NULL) < 0 ||
        mayfly_temporary_directory(NULL, &dir, NULL) < 0 || mayfly_dir_keep(dir, NULL) < 0 ||
        mayfly_named_temporary_file(NULL, &unkept, NULL) < 0 ||
        mayfly_file_keep(unkept, NULL) < 0 || mayfly_file_unkeep(unkept, NULL) < 0)
        return 1;
    if (mayfly_file_is_leased(file) || mayfly_dir_is_leased(dir) || !mayfly_file_is_leased(unkept))
        return 2;
    (void)kill(getpid(), SIGKILL);
    return 3;
}

static void what_is_kept_is_not_reaped(void **state) {
    (void)state;
    assert_true(WIFSIGNALED(mft_fork(leave_kept, NULL)));
    assert_int_equal(reap().removed, 1);
    assert_int_equal(mft_entries(mft_tmp()), 2);
    mft_empty();
}

static void a_vanished_directory_is_no_trouble(void **state) {
    (void)state;
    (void)mft_fork(leave, NULL);
    mft_empty();
    const mayfly_reap_result result = reap();
    assert_int_equal(result.gone, 5);
    assert_null(other_journal());
}

static int told_removed;

static int count_visits(const char *path, mayfly_reaped what, int code, void *user) {
    (void)user;
    assert_non_null(path);
    assert_int_equal(code, 0);
    told_removed += what == MAYFLY_REAPED_REMOVED;
    return 0;
}

static int stop(const char *path, mayfly_reaped what, int code, void *user) {
    (void)path;
    (void)what;
    (void)code;
    (void)user;
    return 1;
}

static void a_dry_run_tells_and_removes_nothing(void **state) {
    (void)state;
    mayfly_reap_result result;
    (void)mft_fork(leave, NULL);
    told_removed = 0;
    mft_ok(mayfly_reap(&(mayfly_reap_options){.dry_run = true, .visit = count_visits}, &result,
                       &mft_error));
    assert_int_equal(result.removed, 5);
    assert_int_equal(told_removed, 5);
    assert_int_equal(mft_entries(mft_tmp()), 5);
    mft_fails(-ECANCELED, mayfly_reap(&(mayfly_reap_options){.visit = stop}, &result, &mft_error));
    assert_int_equal(reap().removed, 4);
}

static int reap_again(const char *path, mayfly_reaped what, int code, void *user) {
    (void)path;
    (void)what;
    (void)code;
    *(int *)user = mayfly_reap(NULL, NULL, NULL);
    return 0;
}

static void reaping_within_reaping_is_refused(void **state) {
    (void)state;
    int inner = 0;
    (void)mft_fork(leave, NULL);
    mft_ok(
        mayfly_reap(&(mayfly_reap_options){.visit = reap_again, .user = &inner}, NULL, &mft_error));
    assert_int_equal(inner, -EDEADLK);
}

/* ---- journals that are not what was written -------------------------------------------------- */

static void change_byte(const char *path, off_t at) {
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    unsigned char byte;
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 0x20;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    (void)close(fd);
}

/* Any single byte that was changed: what it says then is never removed, what else it says is. */
static void a_damaged_journal_never_leads_to_a_removal(void **state) {
    (void)state;
    static const off_t cells = MFI_JOURNAL_HEAD;
    mft_write(mft_path("canary"), "alive");
    for (off_t at = cells; at < cells + 120; at += mft_wrapped() ? 7 : 1) {
        (void)mft_fork(leave, NULL);
        char *journal = other_journal();
        assert_non_null(journal);
        change_byte(journal, at);
        const mayfly_reap_result result = reap();
        assert_true(mft_is(mft_path("canary"), "alive"));
        /* The changed byte may lie where nothing is said. */
        assert_true(result.damaged <= 1 && result.removed + result.damaged >= 5 - 1);
        if (mft_entries(mft_tmp()) != 1 + (int)result.damaged)
            fail_msg("byte %ld: %d entries, %d damaged", (long)at, mft_entries(mft_tmp()),
                     (int)result.damaged);
        if (result.damaged > 0) { /* put aside, so that somebody can look at it */
            journal = other_journal();
            assert_non_null(journal);
            assert_non_null(strstr(journal, ".damaged"));
            assert_int_equal(unlink(journal), 0);
        }
        mft_empty();
        mft_write(mft_path("canary"), "alive");
    }
    (void)unlink(mft_path("canary"));
}

static void a_damaged_head_is_believed_in_nothing(void **state) {
    (void)state;
    for (off_t at = 0; at < (off_t)sizeof(struct mfi_journal_head); at += mft_wrapped() ? 31 : 3) {
        (void)mft_fork(leave, NULL);
        change_byte(other_journal(), at);
        const mayfly_reap_result result = reap();
        if (result.damaged != 1 || result.removed != 0)
            fail_msg("byte %ld", (long)at);
        assert_int_equal(mft_entries(mft_tmp()), 5);
        assert_int_equal(unlink(other_journal()), 0);
        mft_empty();
    }
}

static void every_truncation_of_a_journal_is_survived(void **state) {
    (void)state;
    for (off_t size = 0; size < MFI_JOURNAL_HEAD + 8 * MFI_CELL; size += mft_wrapped() ? 977 : 61) {
        (void)mft_fork(leave, NULL);
        assert_int_equal(truncate(other_journal(), size), 0);
        const mayfly_reap_result result = reap();
        assert_int_equal(result.removed + (uint64_t)mft_entries(mft_tmp()), 5);
        if (other_journal() != NULL)
            (void)unlink(other_journal());
        mft_empty();
    }
}

static void a_journal_of_zeros_or_nonsense_is_no_danger(void **state) {
    (void)state;
    char path[4200];
    (void)snprintf(path, sizeof path, "%s/nonsense.lease", mft_leases());
    mft_write(path, "");
    assert_int_equal(reap().damaged, 0); /* its owner died before he wrote anything */
    assert_false(mft_exists(path));
    mft_write(path, "I am no journal at all, only some text that lies in this directory");
    assert_int_equal(reap().damaged, 1);
    assert_false(mft_exists(path));
    (void)unlink(other_journal());
    assert_int_equal(symlink("/etc/passwd", path), 0);
    assert_int_equal(reap().damaged, 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(reap().damaged, 0); /* and it was not opened */
    assert_int_equal(unlink(path), 0);
}

/* ---- reboots --------------------------------------------------------------------------------- */

/* Makes the journal one of an earlier boot, with other device numbers. */
static void reboot(const char *path, int forget_birth) {
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    struct mfi_journal_head head;
    assert_int_equal(pread(fd, &head, sizeof head, 0), sizeof head);
    memcpy(head.boot, "00000000-0000-0000-0000-000000000000", 36);
    head.sum = mfi_head_sum(&head);
    assert_int_equal(pwrite(fd, &head, sizeof head, 0), sizeof head);
    for (int i = 0; i < 64; i++) {
        struct mfi_cell cell;
        const off_t at = MFI_JOURNAL_HEAD + i * MFI_CELL;
        assert_int_equal(pread(fd, &cell, sizeof cell, at), sizeof cell);
        if (mfi_cell_state(&cell) != MFI_CELL_LIVE)
            continue;
        cell.device += 7;
        if (forget_birth)
            cell.birth = 0;
        mfi_cell_set(&cell, MFI_CELL_LIVE);
        assert_int_equal(pwrite(fd, &cell, sizeof cell, at), sizeof cell);
    }
    (void)close(fd);
}

static void after_a_reboot_what_is_on_disk_is_reaped(void **state) {
    (void)state;
    (void)mft_fork(leave, NULL);
    reboot(other_journal(), 0);
    assert_int_equal(reap().removed, 5);
    assert_int_equal(mft_entries(mft_tmp()), 0);
}

static void after_a_reboot_without_a_birth_the_device_decides(void **state) {
    (void)state;
    (void)mft_fork(leave, NULL);
    reboot(other_journal(), 1);
    const mayfly_reap_result result = reap();
    assert_int_equal(result.other, 5);
    assert_int_equal(mft_entries(mft_tmp()), 5);
    mft_empty();
}

static int leave_in_shm(void *context) {
    mayfly_file *file = NULL;
    if (mayfly_named_temporary_file(&(mayfly_file_options){.dir = context}, &file, NULL) < 0)
        return 1;
    (void)kill(getpid(), SIGKILL);
    return 2;
}

static void after_a_reboot_what_was_in_memory_is_gone(void **state) {
    (void)state;
    char dir[] = "/dev/shm/mayfly-lease-XXXXXX";
    if (mkdtemp(dir) == NULL)
        mft_skip("there is no /dev/shm");
    (void)mft_fork(leave_in_shm, dir);
    reboot(other_journal(), 0);
    mft_remove(dir); /* the power went */
    const mayfly_reap_result result = reap();
    assert_int_equal(result.gone, 1);
    assert_null(other_journal());
}

/* ---- size ------------------------------------------------------------------------------------ */

/* More names than descriptors: they are closed and stay. */
static int leave_many(void *context) {
    const int *count = context;
    const mayfly_file_options options = {.keep_on_close = true};
    for (int i = 0; i < *count; i++) {
        mayfly_file *file = NULL;
        if (mayfly_named_temporary_file(&options, &file, NULL) < 0 ||
            mayfly_file_close_descriptor(file, NULL) < 0 || !mayfly_file_is_leased(file))
            return 1;
    }
    (void)kill(getpid(), SIGKILL);
    return 2;
}

static void a_full_journal_grows(void **state) {
    (void)state;
    int count = mft_wrapped() ? 200 : 3000;
    assert_true(WIFSIGNALED(mft_fork(leave_many, &count)));
    assert_int_equal(mft_entries(mft_tmp()), count);
    assert_int_equal(reap().removed, count);
}

static int leave_deep(void *context) {
    mayfly_file *file = NULL;
    mayfly_dir *dir = NULL;
    const mayfly_file_options in = {.dir = context};
    if (mayfly_named_temporary_file(&in, &file, NULL) < 0 ||
        mayfly_temporary_directory(&(mayfly_dir_options){.dir = context}, &dir, NULL) < 0 ||
        !mayfly_file_is_leased(file) || !mayfly_dir_is_leased(dir))
        return 1;
    (void)kill(getpid(), SIGKILL);
    return 2;
}

static void a_path_of_any_length_is_remembered(void **state) {
    (void)state;
    for (size_t size = 300; size < 3900; size += 450) {
        char path[4096];
        size_t at = (size_t)snprintf(path, sizeof path, "%.200s", mft_tmp());
        while (at < size) {
            at += (size_t)snprintf(path + at, sizeof path - at, "/%0*d", 120, 0);
            assert_int_equal(mkdir(path, 0700), 0);
        }
        const int status = mft_fork(leave_deep, path);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(mft_entries(path), 2);
        assert_int_equal(reap().removed, 2);
        assert_int_equal(mft_entries(path), 0);
        mft_empty();
    }
}

/* ---- several at once ------------------------------------------------------------------------- */

static int reap_in_child(void *context) {
    (void)context;
    return mayfly_reap(NULL, NULL, NULL) < 0;
}

static void two_reapers_at_once_do_it_once(void **state) {
    (void)state;
    for (int round = 0; round < (mft_wrapped() ? 2 : 20); round++) {
        for (int i = 0; i < 5; i++)
            (void)mft_fork(leave, NULL);
        pid_t pids[4];
        (void)fflush(NULL);
        for (int i = 0; i < 4; i++) {
            pids[i] = mft_start();
            if (pids[i] == 0)
                _exit(reap_in_child(NULL));
        }
        for (int i = 0; i < 4; i++) {
            int status;
            assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
            assert_int_equal(status, 0);
        }
        /* A journal that one of them was holding when the others came is done by then. */
        assert_int_equal(mft_entries(mft_tmp()), 0);
        assert_null(other_journal());
    }
}

static void *reap_in_thread(void *context) {
    (void)context;
    return mayfly_reap(NULL, NULL, NULL) < 0 ? context : NULL;
}

static void threads_reap_one_after_the_other(void **state) {
    (void)state;
    pthread_t threads[4];
    for (int i = 0; i < 8; i++)
        (void)mft_fork(leave, NULL);
    struct child alive = start(make_and_wait);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, reap_in_thread, &threads), 0);
    for (int i = 0; i < 4; i++) {
        void *result;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_null(result);
    }
    assert_int_equal(mft_entries(mft_tmp()), 5);
    end(&alive, SIGKILL);
    assert_int_equal(reap().removed, 5);
}

/* ---- passing on ------------------------------------------------------------------------------ */

/* Inherits its lease to a grandchild that sleeps in another program, and is killed. */
static void pass_on(int to, int from) {
    make_or_die(3, 2);
    if (mayfly_lease_inherit(NULL) < 0)
        _exit(1);
    const pid_t pid = mft_start();
    if (pid == 0) {
        (void)dup2(from, 0);
        (void)execlp("cat", "cat", (char *)NULL); /* until its input ends */
        _exit(1);
    }
    say(to);
    (void)pause();
}

static void an_inherited_lease_lives_until_the_last_heir_has_ended(void **state) {
    (void)state;
    struct child child = start(pass_on);
    int status;
    assert_int_equal(kill(child.pid, SIGKILL), 0);
    assert_int_equal(waitpid(child.pid, &status, 0), child.pid);
    assert_int_equal(reap().removed, 0);
    assert_int_equal(mft_entries(mft_tmp()), 5);
    (void)close(child.to); /* the heir ends, and closes its end of this pipe */
    assert_false(hear(child.from));
    (void)close(child.from);
    mayfly_reap_result result = reap();
    for (int i = 0; result.removed == 0 && i < 2000; i++) { /* its exit is on its way */
        (void)poll(NULL, 0, 1);
        result = reap();
    }
    assert_int_equal(result.removed, 5);
}

static void be_guarded(int to, int from) {
    if (mayfly_keep_guard(NULL) < 0 || mayfly_keep_guard(NULL) < 0)
        _exit(1);
    make_or_die(3, 2);
    say(to);
    (void)hear(from);
}

static void a_guard_reaps_at_once(void **state) {
    (void)state;
    struct child child = start(be_guarded);
    assert_int_equal(mft_entries(mft_tmp()), 5);
    end(&child, SIGKILL);
    for (int i = 0; mft_entries(mft_tmp()) + mft_entries(mft_leases()) > 1 && i < 10000; i++)
        (void)poll(NULL, 0, 1);
    assert_int_equal(mft_entries(mft_tmp()), 0);
    assert_int_equal(mft_entries(mft_leases()), 1);
}

static int guarded_end(void *context) {
    (void)context;
    if (mayfly_keep_guard(NULL) < 0)
        return 1;
    int status;
    if (waitpid(-1, &status, WNOHANG) != -1 || errno != ECHILD)
        return 2; /* the guard is nobody's child here */
    make_or_die(1, 1);
    return 0;
}

static void a_guard_is_no_child_and_goes_with_a_normal_end(void **state) {
    (void)state;
    assert_int_equal(mft_fork_exit(guarded_end, NULL), 0);
    assert_int_equal(mft_entries(mft_tmp()), 0);
    assert_int_equal(mft_entries(mft_leases()), 1);
}

/* ---- the directory of journals --------------------------------------------------------------- */

static int lease_in(void *context) {
    const char *dir = context;
    (void)setenv("MAYFLY_LEASE_DIR", dir, 1);
    mayfly_auto(mayfly_file) file = NULL;
    if (mayfly_named_temporary_file(NULL, &file, NULL) < 0)
        return 1;
    return mfi_journal_path() != NULL ? 0 : mayfly_file_is_leased(file) ? 1 : 2;
}

/* CVE-2025-71176, CVE-2026-3888: a directory with a known name that somebody else has made. */
static void CVE_2025_71176_a_planted_lease_directory_is_passed_over(void **state) {
    (void)state;
    char *dir = mft_path("leases"), *outside = mft_path("outside");
    assert_int_equal(mkdir(outside, 0700), 0);
    assert_int_equal(symlink(outside, dir), 0);
    assert_int_equal(WEXITSTATUS(mft_fork(lease_in, dir)), 2);
    assert_int_equal(mft_entries(outside), 0);
    assert_int_equal(unlink(dir), 0);
    assert_int_equal(mkdir(dir, 0777), 0);
    assert_int_equal(chmod(dir, 0777), 0);
    assert_int_equal(WEXITSTATUS(mft_fork(lease_in, dir)), 2);
    assert_int_equal(chmod(dir, 0700), 0);
    if (geteuid() == 0) {
        assert_int_equal(chown(dir, 65534, 65534), 0);
        assert_int_equal(WEXITSTATUS(mft_fork(lease_in, dir)), 2);
        assert_int_equal(chown(dir, 0, 0), 0);
    }
    assert_int_equal(WEXITSTATUS(mft_fork(lease_in, dir)), 0);
    mft_empty();
}

static int refuse_lease(void *context) {
    (void)context;
    (void)setenv("MAYFLY_LEASE_DIR", "/nonexistent/leases", 1);
    mayfly_auto(mayfly_file) file = NULL;
    mayfly_error error;
    if (mayfly_named_temporary_file(NULL, &file, &error) < 0 || mayfly_file_is_leased(file))
        return 1;
    if (mayfly_lease_inherit(&error) != -ENOTSUP || mayfly_keep_guard(&error) != -ENOTSUP)
        return 2;
    return strstr(error.message, "MAYFLY_LEASE_DIR") != NULL ? 0 : 3;
}

static void without_a_directory_everything_works_and_says_so(void **state) {
    (void)state;
    assert_int_equal(mft_fork(refuse_lease, NULL), 0);
}

/* ---- looking --------------------------------------------------------------------------------- */

struct seen {
    int leases, entries, held, orphaned, directories, there;
    uint64_t files;
    pid_t pid;
};

static int look(const mayfly_lease *lease, const mayfly_lease_entry *entry, void *user) {
    struct seen *seen = user;
    if (entry == NULL) {
        seen->leases++;
        seen->held += lease->state == MAYFLY_LEASE_HELD;
        seen->orphaned += lease->state == MAYFLY_LEASE_ORPHANED;
        if (lease->state == MAYFLY_LEASE_ORPHANED)
            seen->pid = lease->pid;
        assert_true(lease->since > 1600000000);
        assert_true(lease->uid == geteuid());
        assert_non_null(strstr(lease->command, "test_lease"));
        return 0;
    }
    seen->entries++;
    seen->directories += entry->directory;
    seen->there += entry->there;
    seen->files += entry->files;
    assert_true(strncmp(entry->path, mft_tmp(), strlen(mft_tmp())) == 0);
    assert_true(entry->created > 1600000000 || entry->created == 0);
    return 0;
}

static void leases_are_listed_with_what_they_name(void **state) {
    (void)state;
    struct seen seen = {0};
    struct child alive = start(make_and_wait), dead = start(make_and_wait);
    const pid_t pid = dead.pid;
    end(&dead, SIGKILL);
    mft_ok(mayfly_leases(look, &seen, &mft_error));
    assert_int_equal(seen.leases, 3);
    assert_int_equal(seen.held, 2);
    assert_int_equal(seen.orphaned, 1);
    assert_int_equal(seen.pid, pid);
    assert_int_equal(seen.entries, 10);
    assert_int_equal(seen.directories, 4);
    assert_int_equal(seen.there, 10);
    assert_int_equal(seen.files, 6 + 4 * 3);
    assert_int_equal(mft_entries(mft_tmp()), 10); /* looking changes nothing */
    end(&alive, SIGKILL);
    assert_int_equal(reap().removed, 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        MFT(what_a_killed_process_left_is_reaped_and_nothing_else),
        MFT(what_a_living_process_holds_is_left),
        MFT(a_zombie_holds_nothing),
        MFT(a_process_that_closed_all_descriptors_keeps_its_things),
        MFT(a_process_reaps_for_others_when_it_makes_its_first_name),
        MFT(a_process_that_ends_as_it_should_leaves_no_journal),
        MFT(a_file_that_took_the_name_is_left),
        MFT(what_is_kept_is_not_reaped),
        MFT(a_vanished_directory_is_no_trouble),
        MFT(a_dry_run_tells_and_removes_nothing),
        MFT(reaping_within_reaping_is_refused),
        MFT(a_damaged_journal_never_leads_to_a_removal),
        MFT(a_damaged_head_is_believed_in_nothing),
        MFT(every_truncation_of_a_journal_is_survived),
        MFT(a_journal_of_zeros_or_nonsense_is_no_danger),
        MFT(after_a_reboot_what_is_on_disk_is_reaped),
        MFT(after_a_reboot_without_a_birth_the_device_decides),
        MFT(after_a_reboot_what_was_in_memory_is_gone),
        MFT(a_full_journal_grows),
        MFT(a_path_of_any_length_is_remembered),
        MFT(two_reapers_at_once_do_it_once),
        MFT(threads_reap_one_after_the_other),
        MFT(an_inherited_lease_lives_until_the_last_heir_has_ended),
        MFT(a_guard_reaps_at_once),
        MFT(a_guard_is_no_child_and_goes_with_a_normal_end),
        MFT(CVE_2025_71176_a_planted_lease_directory_is_passed_over),
        MFT(without_a_directory_everything_works_and_says_so),
        MFT(leases_are_listed_with_what_they_name),
    };
    return MFT_MAIN(tests);
}
