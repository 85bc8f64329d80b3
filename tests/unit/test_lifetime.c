/* SPDX-License-Identifier: MIT
 *
 * K1: how things end, and who may end them.
 */
#define _GNU_SOURCE
#include "../lib/harness.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../src/base/base.h"
#include "../../src/keep/registry.h"
#include "../lib/fault.h"

static mayfly_file *named(const mayfly_file_options *options) {
    mayfly_file *file = NULL;
    if (mayfly_named_temporary_file(options, &file, &mft_error) < 0)
        fail_msg("%s", mft_error.message);
    return file;
}

static void keep_and_unkeep_decide_at_any_time(void **state) {
    (void)state;
    mayfly_file *file = named(NULL);
    char *path = mft_path(strrchr(mayfly_file_path(file), '/') + 1);
    mft_ok(mayfly_file_keep(file, &mft_error));
    mft_ok(mayfly_file_unkeep(file, &mft_error));
    mft_ok(mayfly_file_keep(file, &mft_error));
    mft_ok(mayfly_file_close(&file, &mft_error));
    assert_true(mft_exists(path));
    assert_int_equal(unlink(path), 0);
    mayfly_auto(mayfly_file) unnamed = NULL;
    mft_ok(mayfly_temporary_file(NULL, &unnamed, &mft_error));
    mft_fails(-ENOENT, mayfly_file_keep(unnamed, &mft_error));
}

static void delete_false_leaves_the_file(void **state) {
    (void)state;
    mayfly_file *file = named(&(mayfly_file_options){.keep = true});
    char *path = mft_path(strrchr(mayfly_file_path(file), '/') + 1);
    mft_ok(mayfly_file_write(file, "kept", 4, &mft_error));
    mft_ok(mayfly_file_close(&file, &mft_error));
    assert_true(mft_is(path, "kept")); /* and what was gathered is in it */
    assert_int_equal(unlink(path), 0);
}

static void delete_on_close_false_keeps_it_until_the_handle_ends(void **state) {
    (void)state;
    mayfly_file *file = named(&(mayfly_file_options){.keep_on_close = true});
    char data[8] = "";
    mft_ok(mayfly_file_write(file, "again", 5, &mft_error));
    mft_ok(mayfly_file_close_descriptor(file, &mft_error));
    assert_true(mft_is(mayfly_file_path(file), "again"));
    mft_fails(-EBADF, mayfly_file_read(file, data, 5, &mft_error));
    mft_ok(mayfly_file_reopen(file, &mft_error));
    mft_fails(-EBUSY, mayfly_file_reopen(file, &mft_error));
    assert_int_equal(mayfly_file_read(file, data, 5, &mft_error), 5);
    assert_string_equal(data, "again");
    mft_ok(mayfly_file_close_descriptor(file, &mft_error));
    mft_ok(mayfly_file_close(&file, &mft_error));
    assert_int_equal(mft_entries(mft_tmp()), 0);
}

static void delete_on_close_true_removes_it_with_the_descriptor(void **state) {
    (void)state;
    mayfly_file *file = named(NULL);
    mft_ok(mayfly_file_close_descriptor(file, &mft_error));
    assert_int_equal(mft_entries(mft_tmp()), 0);
    assert_null(mayfly_file_path(file));
    mft_fails(MAYFLY_E_VANISHED, mayfly_file_reopen(file, &mft_error));
    mft_ok(mayfly_file_close(&file, &mft_error));
}

static void what_is_gone_already_counts_as_removed(void **state) {
    (void)state;
    mayfly_file *file = named(NULL);
    assert_int_equal(unlink(mayfly_file_path(file)), 0);
    mft_ok(mayfly_file_close(&file, &mft_error));
}

static void a_name_that_belongs_to_another_file_is_left_alone_and_reported(void **state) {
    (void)state;
    mayfly_file *file = named(NULL);
    char *path = mft_path(strrchr(mayfly_file_path(file), '/') + 1), *away = mft_path("away");
    assert_int_equal(rename(path, away), 0);
    mft_write(path, "somebody else's");
    mft_fails(MAYFLY_E_REPLACED, mayfly_file_close(&file, &mft_error));
    assert_null(file);
    assert_true(mft_is(path, "somebody else's"));
    assert_int_equal(unlink(path) | unlink(away), 0);
}

static void a_vanished_or_replaced_file_is_not_reopened(void **state) {
    (void)state;
    mayfly_file *file = named(&(mayfly_file_options){.keep_on_close = true});
    char *path = mft_path(strrchr(mayfly_file_path(file), '/') + 1), *victim = mft_path("victim");
    mft_ok(mayfly_file_close_descriptor(file, &mft_error));
    assert_int_equal(unlink(path), 0);
    mft_fails(MAYFLY_E_VANISHED, mayfly_file_reopen(file, &mft_error));
    mft_write(victim, "victim");
    assert_int_equal(symlink(victim, path), 0);
    mft_fails(MAYFLY_E_REPLACED, mayfly_file_reopen(file, &mft_error));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0); /* and a fifo does not hold it up */
    mft_fails(MAYFLY_E_REPLACED, mayfly_file_reopen(file, &mft_error));
    mft_fails(MAYFLY_E_REPLACED, mayfly_file_close(&file, &mft_error));
    assert_int_equal(unlink(path) | unlink(victim), 0);
}

static void changing_the_working_directory_makes_no_difference(void **state) {
    (void)state;
    char cwd[1024];
    assert_non_null(getcwd(cwd, sizeof cwd));
    assert_int_equal(chdir(mft_tmp()), 0);
    mayfly_file *file = named(&(mayfly_file_options){.dir = "."});
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(mft_entries(mft_tmp()), 1);
    mft_ok(mayfly_file_close(&file, &mft_error));
    assert_int_equal(chdir(cwd), 0);
}

static void a_directory_that_was_renamed_is_still_cleaned(void **state) {
    (void)state;
    char *one = mft_path("one"), *two = mft_path("two");
    assert_int_equal(mkdir(one, 0700), 0);
    mayfly_file *file = named(&(mayfly_file_options){.dir = one});
    assert_int_equal(rename(one, two), 0);
    mft_ok(mayfly_file_close(&file, &mft_error));
    assert_int_equal(rmdir(two), 0);
}

/* ---- the end of the process ------------------------------------------------------------------ */

static int leave_things_open(void *context) {
    mayfly_file *file = NULL, *kept = NULL;
    mayfly_dir *dir = NULL;
    (void)context;
    if (mayfly_named_temporary_file(NULL, &file, NULL) < 0 ||
        mayfly_named_temporary_file(&(mayfly_file_options){.prefix = "kept", .keep = true}, &kept,
                                    NULL) < 0 ||
        mayfly_temporary_directory(NULL, &dir, NULL) < 0 ||
        mayfly_dir_mkdir(dir, "a/b/c", NULL) < 0)
        return 1;
    return 0;
}

static void exit_removes_what_is_left_open_and_not_kept(void **state) {
    (void)state;
    assert_int_equal(mft_fork_exit(leave_things_open, NULL), 0);
    assert_int_equal(mft_entries(mft_tmp()), 1);
    char command[600];
    snprintf(command, sizeof command, "rm %s/kept*", mft_tmp());
    assert_int_equal(system(command), 0);
}

static int quick(void *context) {
    if (leave_things_open(context) != 0)
        return 1;
    quick_exit(0);
}

static void quick_exit_does_so_too(void **state) {
    (void)state;
    assert_int_equal(mft_fork(quick, NULL), 0);
    assert_int_equal(mft_entries(mft_tmp()), 1);
    char command[600];
    snprintf(command, sizeof command, "rm %s/kept*", mft_tmp());
    assert_int_equal(system(command), 0);
}

/* ---- fork ------------------------------------------------------------------------------------ */

struct parents {
    mayfly_file *file;
    mayfly_dir *dir;
};

static int just_return(void *context) {
    (void)context;
    return 0;
}

static int close_everything(void *context) {
    struct parents *parents = context;
    if (mayfly_file_write(parents->file, "x", 1, NULL) != MAYFLY_E_FORKED ||
        mayfly_file_keep(parents->file, NULL) != MAYFLY_E_FORKED ||
        mayfly_dir_cleanup(parents->dir, NULL, NULL) != MAYFLY_E_FORKED)
        return 1;
    mayfly_file *own = NULL; /* its own things are its own */
    if (mayfly_named_temporary_file(NULL, &own, NULL) < 0)
        return 2;
    if (mayfly_file_close(&parents->file, NULL) < 0 || mayfly_dir_close(&parents->dir, NULL) < 0)
        return 3;
    return 0;
}

static int die(void *context) {
    (void)context;
    (void)raise(SIGTERM);
    return 1;
}

static int give_up(void *context) {
    (void)context;
    abort();
}

static int become_another(void *context) {
    (void)context;
    (void)execl("/bin/true", "true", (char *)NULL);
    return 1;
}

static void *fork_in_thread(void *context) {
    (void)context;
    return (void *)(intptr_t)mft_fork_exit(just_return, NULL);
}

static void a_forked_child_removes_nothing_of_its_parents_however_it_ends(void **state) {
    (void)state;
    static int (*const ends[])(void *) = {just_return, close_everything, die, give_up,
                                          become_another};
    for (size_t i = 0; i < 5; i++)
        for (int by_exit = 0; by_exit < 2; by_exit++) {
            struct parents parents = {named(NULL), NULL};
            mft_ok(mayfly_temporary_directory(NULL, &parents.dir, &mft_error));
            mft_ok(mayfly_dir_mkdir(parents.dir, "sub", &mft_error));
            mft_ok(mayfly_file_write(parents.file, "parent", 6, &mft_error));
            const int status =
                by_exit ? mft_fork_exit(ends[i], &parents) : mft_fork(ends[i], &parents);
            if (ends[i] != die && ends[i] != give_up)
                assert_int_equal(status, 0);
            pthread_t thread;
            void *threaded = NULL;
            assert_int_equal(pthread_create(&thread, NULL, fork_in_thread, NULL), 0);
            assert_int_equal(pthread_join(thread, &threaded), 0);
            assert_null(threaded);
            mft_ok(mayfly_file_flush(parents.file, &mft_error));
            assert_true(mft_is(mayfly_file_path(parents.file), "parent"));
            assert_int_equal(mft_entries(mayfly_dir_path(parents.dir)), 1);
            mft_ok(mayfly_file_close(&parents.file, &mft_error));
            mft_ok(mayfly_dir_close(&parents.dir, &mft_error));
            /* by _exit or a signal the child's own file may be left; remove it */
            mft_remove(mft_tmp());
            assert_int_equal(mkdir(mft_tmp(), 0700), 0);
        }
}

static int read_as_child(void *context) {
    mayfly_file *file = context;
    char data[8] = "";
    return mayfly_file_read(file, data, 5, NULL) == 5 && strcmp(data, "hello") == 0 ? 0 : 1;
}

static void a_child_reads_without_moving_the_parents_position(void **state) {
    (void)state;
    mayfly_file *file = named(NULL);
    char data[8] = "";
    mft_ok(mayfly_file_write(file, "hello", 5, &mft_error));
    mft_ok(mayfly_file_flush(file, &mft_error));
    assert_int_equal(mayfly_file_seek(file, 0, SEEK_SET, NULL), 0);
    assert_int_equal(mft_fork(read_as_child, file), 0);
    assert_int_equal(mayfly_file_read(file, data, 5, NULL), 5);
    mft_ok(mayfly_file_close(&file, &mft_error));
}

static int compare_process(void *context) {
    return mfi_process() != *(uint64_t *)context ? 0 : 1;
}

static void a_fork_is_noticed_without_a_system_call(void **state) {
    (void)state;
    uint64_t mine = mfi_process();
    assert_int_equal(mft_fork(compare_process, &mine), 0);
    assert_int_equal(mfi_process(), mine);
}

static int without_wiping(void *context) {
    (void)context;
    mft_fault_refuse("madvise", 1, -EINVAL, 1);
    uint64_t mine = mfi_process();
    return mft_fork(compare_process, &mine) == 0 && mfi_process() == mine ? 0 : 1;
}

/* In a program of its own, in which nothing asked before: see main. */
static void a_fork_is_noticed_also_where_pages_cannot_be_wiped(void **state) {
    (void)state;
    char self[1024], command[1100];
    const ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    assert_true(n > 0);
    self[n] = '\0';
    if (strstr(self, "valgrind") != NULL || strstr(self, "memcheck") != NULL)
        mft_skip("the program cannot find itself under valgrind");
    snprintf(command, sizeof command, "'%s' without-wiping", self);
    assert_int_equal(system(command), 0);
}

static _Atomic int looking, made;
static _Thread_local int sweeps;

/* The end of the process is about to look at the name of a file, and is interrupted. */
static int look_slowly(int dir, const char *name, struct stat *st, int flags) {
    if (sweeps) {
        sweeps = 0;
        looking = 1;
        for (int i = 0; i < 10000 && !made; i++)
            (void)sched_yield();
    }
    return mfi_sys_real.fstatat(dir, name, st, flags);
}

static void *end_the_process(void *context) {
    (void)context;
    sweeps = 1;
    mfi_registry_sweep();
    return NULL;
}

static int close_and_keep_another(void *context) {
    (void)context;
    pthread_t thread;
    mayfly_file *file = NULL, *kept = NULL;
    if (mayfly_named_temporary_file(NULL, &file, NULL) < 0)
        return 1;
    mfi_sys.fstatat = look_slowly;
    if (pthread_create(&thread, NULL, end_the_process, NULL) != 0)
        return 2;
    while (!looking)
        (void)sched_yield();
    if (mayfly_file_close(&file, NULL) < 0 || mayfly_named_temporary_file(NULL, &kept, NULL) < 0 ||
        mayfly_file_keep(kept, NULL) < 0)
        return 3;
    made = 1;
    (void)pthread_join(thread, NULL);
    return mft_exists(mayfly_file_path(kept)) && mayfly_file_unkeep(kept, NULL) == 0 &&
                   mayfly_file_close(&kept, NULL) == 0
               ? 0
               : 4;
}

/* Whose place in the registry is the next file's by then. */
static void the_end_of_a_process_removes_what_it_meant_and_not_what_came_after(void **state) {
    (void)state;
    assert_int_equal(mft_fork(close_and_keep_another, NULL), 0);
    assert_int_equal(mft_entries(mft_tmp()), 0);
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "without-wiping") == 0)
        return without_wiping(NULL);
    const struct CMUnitTest tests[] = {
        MFT(keep_and_unkeep_decide_at_any_time),
        MFT(delete_false_leaves_the_file),
        MFT(delete_on_close_false_keeps_it_until_the_handle_ends),
        MFT(delete_on_close_true_removes_it_with_the_descriptor),
        MFT(what_is_gone_already_counts_as_removed),
        MFT(a_name_that_belongs_to_another_file_is_left_alone_and_reported),
        MFT(a_vanished_or_replaced_file_is_not_reopened),
        MFT(changing_the_working_directory_makes_no_difference),
        MFT(a_directory_that_was_renamed_is_still_cleaned),
        MFT(exit_removes_what_is_left_open_and_not_kept),
        MFT(quick_exit_does_so_too),
        MFT(a_forked_child_removes_nothing_of_its_parents_however_it_ends),
        MFT(a_child_reads_without_moving_the_parents_position),
        MFT(a_fork_is_noticed_without_a_system_call),
        MFT(the_end_of_a_process_removes_what_it_meant_and_not_what_came_after),
        MFT(a_fork_is_noticed_also_where_pages_cannot_be_wiped),
    };
    return MFT_MAIN(tests);
}
