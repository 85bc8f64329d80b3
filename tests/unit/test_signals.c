/* SPDX-License-Identifier: MIT
 *
 * K4: what a process made is gone when a signal ends it, and the signal is what ended it.
 */
#define _GNU_SOURCE
#include "../lib/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/fault.h"

static const struct {
    int signal;
    unsigned bit;
} deadly[] = {
    {SIGHUP, MAYFLY_ON_HUP},   {SIGINT, MAYFLY_ON_INT},   {SIGQUIT, MAYFLY_ON_QUIT},
    {SIGPIPE, MAYFLY_ON_PIPE}, {SIGTERM, MAYFLY_ON_TERM}, {SIGXCPU, MAYFLY_ON_XCPU},
    {SIGXFSZ, MAYFLY_ON_XFSZ}, {SIGABRT, MAYFLY_ON_ABRT},
};

/* A file, a spool on disk, a directory that is deep, full and partly unwritable. */
static int make_things(void) {
    static mayfly_file *file, *kept_on_close;
    static mayfly_dir *dir;
    if (mayfly_named_temporary_file(NULL, &file, NULL) < 0 ||
        mayfly_named_temporary_file(&(mayfly_file_options){.keep_on_close = true}, &kept_on_close,
                                    NULL) < 0 ||
        mayfly_file_close_descriptor(kept_on_close, NULL) < 0 ||
        mayfly_temporary_directory(NULL, &dir, NULL) < 0)
        return -1;
    for (int i = 0; i < 40; i++) {
        char path[64];
        mayfly_auto(mayfly_file) inside = NULL;
        (void)snprintf(path, sizeof path, "d%d/e/f/g", i % 7);
        const int r = mayfly_dir_mkdir(dir, path, NULL);
        if (r < 0 && r != -EEXIST)
            return -1;
        (void)snprintf(path, sizeof path, "d%d/e/f/file%d", i % 7, i);
        if (mayfly_dir_file(dir, path, NULL, &inside, NULL) < 0)
            return -1;
    }
    return fchmodat(mayfly_dir_fd(dir), "d1/e", 0500, 0) < 0 ||
           symlinkat("/etc", mayfly_dir_fd(dir), "d2/e/link") < 0 ||
           mkfifoat(mayfly_dir_fd(dir), "d3/fifo", 0600) < 0;
}

static void expect_killed_by(int status, int signal) {
    if (!WIFSIGNALED(status) || WTERMSIG(status) != signal)
        fail_msg("signal %d: ended with status 0x%x", signal, (unsigned)status);
    if (mft_entries(mft_tmp()) != 0)
        fail_msg("signal %d: %d entries are left", signal, mft_entries(mft_tmp()));
    assert_int_equal(mft_entries(mft_leases()), 1);
}

static int be_killed(void *context) {
    const int *signal = context;
    const struct rlimit no_core = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &no_core);
    if (mayfly_keep_on_signals(MAYFLY_ON_USUAL | MAYFLY_ON_ABRT, NULL) < 0 || make_things() != 0)
        return 1;
    (void)raise(*signal);
    return 2;
}

static void K4_each_deadly_signal_leaves_nothing_and_is_what_ended_it(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++) {
        int signal = deadly[i].signal;
        expect_killed_by(mft_fork(be_killed, &signal), signal);
    }
}

static int abort_now(void *context) {
    const struct rlimit no_core = {0, 0};
    (void)context;
    (void)setrlimit(RLIMIT_CORE, &no_core);
    if (mayfly_keep_on_signals(MAYFLY_ON_ABRT, NULL) < 0 || make_things() != 0)
        return 1;
    abort();
}

static void K4_abort_cleans_up_if_it_was_asked_for(void **state) {
    (void)state;
    expect_killed_by(mft_fork(abort_now, NULL), SIGABRT);
}

static int write_into_closed_pipe(void *context) {
    int ends[2];
    (void)context;
    if (mayfly_keep_on_signals(MAYFLY_ON_PIPE, NULL) < 0 || make_things() != 0 || pipe(ends) != 0)
        return 1;
    (void)close(ends[0]);
    return write(ends[1], "x", 1) == 1 ? 2 : 3;
}

static void K4_a_closed_pipe_leaves_nothing(void **state) {
    (void)state;
    expect_killed_by(mft_fork(write_into_closed_pipe, NULL), SIGPIPE);
}

/* ---- one from outside, at any time ----------------------------------------------------------- */

static int work_until_killed(void *context) {
    const int *ready = context;
    if (mayfly_keep_on_signals(MAYFLY_ON_TERM, NULL) < 0)
        return 1;
    if (write(*ready, "r", 1) != 1)
        return 2;
    for (;;) {
        mayfly_auto(mayfly_file) file = NULL;
        mayfly_auto(mayfly_dir) dir = NULL;
        mayfly_auto(mayfly_file) given = NULL;
        if (mayfly_named_temporary_file(NULL, &file, NULL) < 0 ||
            mayfly_temporary_directory(NULL, &dir, NULL) < 0 ||
            mayfly_dir_mkdir(dir, "a/b", NULL) < 0 ||
            mayfly_file_in_tempdir("given", NULL, &given, NULL) < 0)
            return 3;
    }
}

static void a_signal_from_outside_at_any_moment_leaves_nothing(void **state) {
    (void)state;
    uint32_t seed = 20261121;
    for (int round = 0; round < (mft_wrapped() ? 3 : 60); round++) {
        int ready[2];
        char c;
        assert_int_equal(pipe(ready), 0);
        (void)fflush(NULL);
        const pid_t pid = mft_start();
        if (pid == 0)
            _exit(work_until_killed(&ready[1]));
        assert_int_equal(read(ready[0], &c, 1), 1);
        for (volatile uint32_t spin = mft_random(&seed) % 400000; spin > 0; spin--) {
        }
        assert_int_equal(kill(pid, SIGTERM), 0);
        int status = 0;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        expect_killed_by(status, SIGTERM);
        (void)close(ready[0]);
        (void)close(ready[1]);
    }
}

/* ---- handlers that were there before --------------------------------------------------------- */

static volatile sig_atomic_t called_with, left_then;
static const char *path_then;

static void handler_before(int signal) {
    called_with = signal;
    left_then = access(path_then, F_OK) == 0;
}

static int with_a_handler(void *context) {
    const struct sigaction action = {.sa_handler = handler_before};
    mayfly_file *file = NULL;
    (void)context;
    if (sigaction(SIGTERM, &action, NULL) != 0 ||
        mayfly_keep_on_signals(MAYFLY_ON_USUAL, NULL) < 0 || make_things() != 0 ||
        mayfly_named_temporary_file(NULL, &file, NULL) < 0)
        return 1;
    path_then = mayfly_file_path(file);
    (void)raise(SIGTERM);
    return called_with == SIGTERM && left_then == 0 ? 0 : 2;
}

static siginfo_t info_then;

static void handler_with_info(int signal, siginfo_t *info, void *context) {
    (void)context;
    called_with = signal;
    info_then = *info;
}

static int with_an_info_handler(void *context) {
    struct sigaction action = {.sa_flags = SA_SIGINFO};
    (void)context;
    action.sa_sigaction = handler_with_info;
    if (sigaction(SIGTERM, &action, NULL) != 0 || mayfly_keep_on_signals(MAYFLY_ON_TERM, NULL) < 0)
        return 1;
    (void)kill(getpid(), SIGTERM);
    return called_with == SIGTERM && info_then.si_pid == getpid() ? 0 : 2;
}

static void a_handler_that_was_there_is_called_after_the_cleaning(void **state) {
    (void)state;
    assert_int_equal(mft_fork(with_a_handler, NULL), 0);
    assert_int_equal(mft_fork(with_an_info_handler, NULL), 0);
}

static int ignoring(void *context) {
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct sigaction now;
    mayfly_file *file = NULL;
    (void)context;
    if (sigaction(SIGHUP, &ignore, NULL) != 0 ||
        mayfly_keep_on_signals(MAYFLY_ON_USUAL, NULL) < 0 ||
        mayfly_named_temporary_file(NULL, &file, NULL) < 0)
        return 1;
    (void)raise(SIGHUP);
    if (mft_entries(mft_tmp()) != 1 || sigaction(SIGHUP, NULL, &now) != 0 ||
        now.sa_handler != SIG_IGN)
        return 2;
    return mayfly_file_close(&file, NULL) < 0 ? 3 : 0;
}

static void what_is_ignored_stays_ignored(void **state) {
    (void)state;
    assert_int_equal(mft_fork(ignoring, NULL), 0);
}

static int taking_back(void *context) {
    struct sigaction first, now;
    (void)context;
    if (sigaction(SIGTERM, NULL, &first) != 0 ||
        mayfly_keep_on_signals(MAYFLY_ON_USUAL, NULL) < 0 ||
        mayfly_keep_on_signals(MAYFLY_ON_INT, NULL) < 0 || sigaction(SIGTERM, NULL, &now) != 0 ||
        now.sa_handler != first.sa_handler)
        return 1;
    if (mayfly_keep_on_signals(0, NULL) < 0 || sigaction(SIGINT, NULL, &now) != 0 ||
        now.sa_handler != SIG_DFL)
        return 2;
    return mayfly_keep_on_signals(1u << 20, NULL) == -EINVAL ? 0 : 3;
}

static void they_can_be_taken_back_one_by_one(void **state) {
    (void)state;
    assert_int_equal(mft_fork(taking_back, NULL), 0);
}

static int never_asked(void *context) {
    struct sigaction now;
    mayfly_file *file = NULL;
    (void)context;
    if (mayfly_named_temporary_file(NULL, &file, NULL) < 0)
        return 1;
    for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++)
        if (sigaction(deadly[i].signal, NULL, &now) != 0 || now.sa_handler != SIG_DFL)
            return 2;
    return mayfly_file_close(&file, NULL) < 0 ? 3 : 0;
}

static void no_handler_is_installed_unasked(void **state) {
    (void)state;
    assert_int_equal(mft_fork(never_asked, NULL), 0);
}

static int failing_to_install(void *context) {
    struct sigaction now;
    mayfly_error error;
    (void)context;
    for (long n = 1;; n++) {
        mft_fault_refuse("sigaction", n, -EINVAL, 0);
        const int r = mayfly_keep_on_signals(MAYFLY_ON_USUAL, &error);
        const long refused = mft_fault_refused();
        mft_fault_end();
        if (refused == 0)
            return r == 0 ? 0 : 1;
        for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++)
            if (sigaction(deadly[i].signal, NULL, &now) != 0 || now.sa_handler != SIG_DFL)
                return 2;
        if (r != -EINVAL || error.code != r)
            return 3;
    }
}

static void all_or_none_are_installed(void **state) {
    (void)state;
    assert_int_equal(mft_fork(failing_to_install, NULL), 0);
}

/* ---- children -------------------------------------------------------------------------------- */

static int die_in_child(void *context) {
    (void)context;
    (void)raise(SIGTERM);
    return 1;
}

static void a_child_that_is_killed_removes_nothing_of_its_parent(void **state) {
    (void)state;
    mayfly_auto(mayfly_file) file = NULL;
    mayfly_auto(mayfly_dir) dir = NULL;
    mft_ok(mayfly_keep_on_signals(MAYFLY_ON_USUAL, &mft_error));
    mft_ok(mayfly_named_temporary_file(NULL, &file, &mft_error));
    mft_ok(mayfly_temporary_directory(NULL, &dir, &mft_error));
    const int status = mft_fork(die_in_child, NULL);
    mft_ok(mayfly_keep_on_signals(0, &mft_error));
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    assert_int_equal(mft_entries(mft_tmp()), 2);
    mft_ok(mayfly_file_close(&file, &mft_error));
}

/* A child of vfork runs in its parent's memory: it looks like the parent in everything but pid. */
static int vfork_and_die(void *context) {
    mayfly_file *file = NULL;
    int status = 0;
    (void)context;
    if (mayfly_keep_on_signals(MAYFLY_ON_USUAL, NULL) < 0 ||
        mayfly_named_temporary_file(NULL, &file, NULL) < 0)
        return 1;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    const pid_t pid = vfork();
#pragma GCC diagnostic pop
    if (pid == 0) {
        (void)kill(getpid(), SIGTERM);
        _exit(0);
    }
    if (waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status))
        return 2;
    if (mft_entries(mft_tmp()) != 1)
        return 3;
    return mayfly_file_close(&file, NULL) < 0 ? 4 : 0;
}

static void a_vfork_child_that_is_killed_removes_nothing_of_its_parent(void **state) {
    (void)state;
    if (mft_wrapped())
        mft_skip("valgrind makes a fork of vfork");
    assert_int_equal(mft_fork(vfork_and_die, NULL), 0);
}

/* ---- threads --------------------------------------------------------------------------------- */

static void *make_and_remove(void *context) {
    (void)context;
    for (;;) {
        mayfly_auto(mayfly_file) file = NULL;
        mayfly_auto(mayfly_dir) dir = NULL;
        if (mayfly_named_temporary_file(NULL, &file, NULL) < 0 ||
            mayfly_temporary_directory(NULL, &dir, NULL) < 0)
            return NULL; /* its directory was just swept away */
    }
}

static int die_with_threads(void *context) {
    pthread_t threads[4];
    (void)context;
    if (mayfly_keep_on_signals(MAYFLY_ON_TERM, NULL) < 0 || make_things() != 0)
        return 1;
    for (int i = 0; i < 4; i++)
        if (pthread_create(&threads[i], NULL, make_and_remove, NULL) != 0)
            return 2;
    for (int i = 0; i < 20; i++) {
        mayfly_auto(mayfly_file) file = NULL;
        if (mayfly_named_temporary_file(NULL, &file, NULL) < 0)
            return 3;
    }
    (void)kill(getpid(), SIGTERM);
    return 4;
}

/* What other threads make while it dies is in the journal. */
static void with_threads_at_work_nothing_is_left_after_a_reaping(void **state) {
    (void)state;
    for (int round = 0; round < 20; round++) {
        const int status = mft_fork(die_with_threads, NULL);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
        mft_ok(mayfly_reap(NULL, NULL, &mft_error));
        assert_int_equal(mft_entries(mft_tmp()), 0);
    }
}

/* A directory that nobody may write in cannot be moved either. */
static int die_with_closed_directories(void *context) {
    char path[4400];
    static mayfly_dir *dir;
    mayfly_file *file = NULL;
    (void)context;
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
        return 1;
    if (mayfly_temporary_directory(NULL, &dir, NULL) < 0 ||
        mayfly_dir_mkdir(dir, "a/b/c/d/e", NULL) < 0 ||
        mayfly_dir_file(dir, "a/b/c/file", NULL, &file, NULL) < 0)
        return 2;
    static const char *const closed[] = {"a/b/c/d", "a/b/c", "a/b"};
    static const mode_t modes[] = {0, 0500, 0500};
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", mayfly_dir_path(dir), closed[i]);
        if (chmod(path, modes[i]) != 0)
            return 3;
    }
    if (mayfly_keep_on_signals(MAYFLY_ON_TERM, NULL) < 0)
        return 4;
    (void)raise(SIGTERM);
    return 5;
}

static void directories_within_directories_without_rights_go_as_well(void **state) {
    (void)state;
    assert_int_equal(chmod(mft_tmp(), 0777), 0);
    const int status = mft_fork(die_with_closed_directories, NULL);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    assert_int_equal(mft_entries(mft_tmp()), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        MFT(K4_each_deadly_signal_leaves_nothing_and_is_what_ended_it),
        MFT(K4_abort_cleans_up_if_it_was_asked_for),
        MFT(K4_a_closed_pipe_leaves_nothing),
        MFT(a_signal_from_outside_at_any_moment_leaves_nothing),
        MFT(a_handler_that_was_there_is_called_after_the_cleaning),
        MFT(what_is_ignored_stays_ignored),
        MFT(they_can_be_taken_back_one_by_one),
        MFT(no_handler_is_installed_unasked),
        MFT(all_or_none_are_installed),
        MFT(a_child_that_is_killed_removes_nothing_of_its_parent),
        MFT(a_vfork_child_that_is_killed_removes_nothing_of_its_parent),
        MFT(directories_within_directories_without_rights_go_as_well),
        MFT(with_threads_at_work_nothing_is_left_after_a_reaping),
    };
    return MFT_MAIN(tests);
}
