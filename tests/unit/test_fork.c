/* SPDX-License-Identifier: MIT
 *
 * Forked children: whatever they do at their end, their parent's things survive; and what is handed
 * over on purpose is theirs.
 */
#define _GNU_SOURCE
#include "../lib/harness.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the parent has in each test. */
static mayfly_file *file, *unnamed, *spool;
static mayfly_dir *dir;

static void have_things(void) {
    mft_ok(mayfly_named_temporary_file(NULL, &file, &mft_error));
    mft_ok(mayfly_file_write(file, "parent", 6, &mft_error));
    mft_ok(mayfly_temporary_file(NULL, &unnamed, &mft_error));
    mft_ok(mayfly_file_write(unnamed, "parent", 6, &mft_error));
    mft_ok(mayfly_spooled_temporary_file(NULL, &spool, &mft_error));
    mft_ok(mayfly_file_write(spool, "parent", 6, &mft_error));
    mft_ok(mayfly_temporary_directory(NULL, &dir, &mft_error));
    mft_ok(mayfly_dir_mkdir(dir, "a/b", &mft_error));
}

static void holds_parent(mayfly_file *of) {
    char data[8] = "";
    assert_int_equal(mayfly_file_seek(of, 0, SEEK_SET, &mft_error), 0);
    assert_int_equal(mayfly_file_read(of, data, sizeof data, &mft_error), 6);
    assert_memory_equal(data, "parent", 6);
}

static void still_have_things(void) {
    assert_int_equal(mft_entries(mft_tmp()), 2);
    assert_int_equal(mft_entries(mayfly_dir_path(dir)), 1);
    holds_parent(file);
    holds_parent(unnamed);
    holds_parent(spool);
    mft_ok(mayfly_file_close(&file, &mft_error));
    mft_ok(mayfly_file_close(&unnamed, &mft_error));
    mft_ok(mayfly_file_close(&spool, &mft_error));
    mft_ok(mayfly_dir_close(&dir, &mft_error));
    assert_int_equal(mft_entries(mft_tmp()), 0);
}

/* ---- the ways to end ------------------------------------------------------------------------- */

static int do_nothing(void *context) {
    (void)context;
    return 0;
}

static int close_all(void *context) {
    (void)context;
    (void)mayfly_file_close(&file, NULL);
    (void)mayfly_file_close(&unnamed, NULL);
    (void)mayfly_file_close(&spool, NULL);
    (void)mayfly_dir_close(&dir, NULL);
    return 0;
}

static int make_own(void *context) {
    mayfly_file *own = NULL;
    mayfly_dir *own_dir = NULL;
    (void)context;
    return mayfly_named_temporary_file(NULL, &own, NULL) < 0 ||
           mayfly_temporary_directory(NULL, &own_dir, NULL) < 0;
}

static int die(void *context) {
    const int *signal = context;
    const struct rlimit no_core = {0, 0};
    const struct sigaction by_default = {.sa_handler = SIG_DFL};
    (void)setrlimit(RLIMIT_CORE, &no_core);
    if (*signal == SIGSEGV) /* the test framework catches it, and would go on here */
        (void)sigaction(SIGSEGV, &by_default, NULL);
    if (*signal == SIGABRT)
        abort();
    (void)raise(*signal);
    return 1;
}

static int become_another(void *context) {
    (void)context;
    (void)execlp("true", "true", (char *)NULL);
    return 1;
}

static void survive_all_ends(void) {
    int signals[] = {SIGTERM, SIGSEGV, SIGABRT, SIGKILL};
    assert_int_equal(mft_fork(do_nothing, NULL), 0);
    assert_int_equal(mft_fork_exit(do_nothing, NULL), 0);
    assert_int_equal(mft_fork(close_all, NULL), 0);
    assert_int_equal(mft_fork_exit(close_all, NULL), 0);
    assert_int_equal(mft_fork_exit(make_own, NULL), 0); /* its own goes, the parent's stays */
    assert_int_equal(mft_entries(mft_tmp()), 2);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        assert_true(WIFSIGNALED(mft_fork(die, &signals[i])));
    assert_int_equal(mft_fork(become_another, NULL), 0);
    mft_ok(mayfly_reap(NULL, NULL, &mft_error));
}

static void whatever_a_child_does_the_parents_things_survive(void **state) {
    (void)state;
    have_things();
    survive_all_ends();
    still_have_things();
}

static void the_same_with_signal_handlers(void **state) {
    (void)state;
    mft_ok(mayfly_keep_on_signals(MAYFLY_ON_USUAL | MAYFLY_ON_ABRT, &mft_error));
    have_things();
    survive_all_ends();
    mft_ok(mayfly_keep_on_signals(0, &mft_error));
    still_have_things();
}

static _Atomic int stop_threads;

static void *work(void *context) {
    while (!atomic_load(&stop_threads)) {
        mayfly_auto(mayfly_file) own = NULL;
        mayfly_auto(mayfly_dir) own_dir = NULL;
        if (mayfly_named_temporary_file(&(mayfly_file_options){.dir = context}, &own, NULL) < 0 ||
            mayfly_temporary_directory(&(mayfly_dir_options){.dir = context}, &own_dir, NULL) < 0)
            return context;
    }
    return NULL;
}

static void whatever_a_child_of_a_threaded_parent_does_they_survive(void **state) {
    (void)state;
    pthread_t threads[3];
    mayfly_auto(mayfly_dir) aside = NULL;
    mft_ok(mayfly_temporary_directory(&(mayfly_dir_options){.dir = "/tmp"}, &aside, &mft_error));
    char path[256];
    (void)snprintf(path, sizeof path, "%s", mayfly_dir_path(aside));
    have_things();
    atomic_store(&stop_threads, 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, path), 0);
    for (int round = 0; round < (mft_wrapped() ? 1 : 5); round++)
        survive_all_ends();
    atomic_store(&stop_threads, 1);
    for (int i = 0; i < 3; i++) {
        void *result;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_null(result);
    }
    still_have_things();
    assert_int_equal(mft_entries(path), 0);
}

/* ---- handing over ---------------------------------------------------------------------------- */

static int adopt_and_end(void *context) {
    mayfly_error error;
    (void)context;
    if (mayfly_file_adopt(file, &error) < 0 || mayfly_dir_adopt(dir, &error) < 0 ||
        mayfly_file_adopt(file, &error) < 0)
        return 1;
    if (!mayfly_file_is_leased(file) || mayfly_file_write(file, "child", 5, &error) < 0)
        return 2;
    return mft_entries(mft_tmp()) == 2 ? 0 : 3; /* exit removes them */
}

static void what_a_child_has_adopted_it_removes_and_the_parent_does_not(void **state) {
    (void)state;
    have_things();
    assert_int_equal(mft_fork_exit(adopt_and_end, NULL), 0);
    assert_int_equal(mft_entries(mft_tmp()), 0);
    mft_write(mayfly_file_path(file), "a new file of that name");
    mft_ok(mayfly_file_close(&file, &mft_error));
    mft_ok(mayfly_dir_close(&dir, &mft_error));
    assert_int_equal(mft_entries(mft_tmp()), 1); /* the parent has given it up */
    mft_empty();
    mft_ok(mayfly_file_close(&unnamed, &mft_error));
    mft_ok(mayfly_file_close(&spool, &mft_error));
}

static int adopt_and_leave(void *context) {
    (void)context;
    if (mayfly_file_adopt(file, NULL) < 0 || mayfly_dir_adopt(dir, NULL) < 0)
        return 1;
    (void)kill(getpid(), SIGKILL);
    return 2;
}

static void what_a_killed_child_had_adopted_is_reaped(void **state) {
    (void)state;
    have_things();
    assert_true(WIFSIGNALED(mft_fork(adopt_and_leave, NULL)));
    mft_ok(mayfly_file_close(&file, &mft_error));
    mft_ok(mayfly_dir_close(&dir, &mft_error));
    assert_int_equal(mft_entries(mft_tmp()), 2);
    mft_ok(mayfly_reap(NULL, NULL, &mft_error));
    assert_int_equal(mft_entries(mft_tmp()), 0);
    mft_ok(mayfly_file_close(&unnamed, &mft_error));
    mft_ok(mayfly_file_close(&spool, &mft_error));
}

static int adopt_in_vain(void *context) {
    int *pipe_end = context;
    char c;
    mayfly_error error;
    if (read(*pipe_end, &c, 1) != 1) /* until the parent has closed it */
        return 1;
    const int r = mayfly_file_adopt(file, &error);
    return r == MAYFLY_E_VANISHED && error.code == r ? 0 : 2;
}

static void what_the_parent_has_removed_cannot_be_adopted(void **state) {
    (void)state;
    int ends[2], status = 0;
    assert_int_equal(pipe(ends), 0);
    have_things();
    (void)fflush(NULL);
    const pid_t pid = mft_start();
    if (pid == 0)
        _exit(adopt_in_vain(&ends[0]));
    mft_ok(mayfly_file_close(&file, &mft_error));
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    (void)close(ends[0]);
    (void)close(ends[1]);
    mft_ok(mayfly_file_close(&unnamed, &mft_error));
    mft_ok(mayfly_file_close(&spool, &mft_error));
    mft_ok(mayfly_dir_close(&dir, &mft_error));
}

/* Children race for the same thing: one gets it. */
static int race(void *context) {
    int *pipe_end = context;
    char c;
    if (read(*pipe_end, &c, 1) < 0)
        return 1;
    const int r = mayfly_file_adopt(file, NULL);
    if (r == 0 && mayfly_file_keep(file, NULL) < 0)
        return 1;
    return r == 0 ? 10 : r == MAYFLY_E_VANISHED ? 20 : 1;
}

static void only_one_of_several_children_adopts_it(void **state) {
    (void)state;
    for (int round = 0; round < (mft_wrapped() ? 2 : 20); round++) {
        int ends[2], winners = 0;
        pid_t pids[4];
        assert_int_equal(pipe(ends), 0);
        have_things();
        (void)fflush(NULL);
        for (int i = 0; i < 4; i++) {
            pids[i] = mft_start();
            if (pids[i] == 0) {
                (void)close(ends[1]);
                _exit(race(&ends[0]));
            }
        }
        (void)close(ends[0]);
        (void)close(ends[1]);
        for (int i = 0; i < 4; i++) {
            int status = 0;
            assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
            assert_true(WEXITSTATUS(status) == 10 || WEXITSTATUS(status) == 20);
            winners += WEXITSTATUS(status) == 10;
        }
        assert_int_equal(winners, 1);
        mft_ok(mayfly_file_close(&file, &mft_error));
        assert_int_equal(mft_entries(mft_tmp()), 2);
        mft_ok(mayfly_dir_close(&dir, &mft_error));
        mft_ok(mayfly_file_close(&unnamed, &mft_error));
        mft_ok(mayfly_file_close(&spool, &mft_error));
        mft_empty();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        MFT(whatever_a_child_does_the_parents_things_survive),
        MFT(the_same_with_signal_handlers),
        MFT(whatever_a_child_of_a_threaded_parent_does_they_survive),
        MFT(what_a_child_has_adopted_it_removes_and_the_parent_does_not),
        MFT(what_a_killed_child_had_adopted_is_reaped),
        MFT(what_the_parent_has_removed_cannot_be_adopted),
        MFT(only_one_of_several_children_adopts_it),
    };
    return MFT_MAIN(tests);
}
