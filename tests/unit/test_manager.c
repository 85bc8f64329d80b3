/* SPDX-License-Identifier: MIT
 *
 * K2: many things with one end.
 */
#define _GNU_SOURCE
#include "../lib/harness.h"

#include <errno.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../src/base/sys.h"

static void K2_everything_goes_with_the_manager(void **state) {
    (void)state;
    mayfly_auto(mayfly_manager) manager = NULL;
    mayfly_file *file = NULL;
    mayfly_dir *dir = NULL;
    mft_ok(mayfly_manager_new(&manager, &mft_error));
    for (int i = 0; i < 50; i++) {
        mft_ok(mayfly_manager_file(manager, &(mayfly_file_options){.suffix = ".csv"}, &file,
                                   &mft_error));
        mft_ok(mayfly_file_write(file, "x", 1, &mft_error));
        mft_ok(mayfly_manager_dir(manager, &(mayfly_dir_options){.prefix = "data_"}, &dir,
                                  &mft_error));
        mft_ok(mayfly_dir_mkdir(dir, "sub", &mft_error));
    }
    assert_int_equal(mayfly_manager_count(manager), 100);
    assert_int_equal(mft_entries(mft_tmp()), 100);
    mft_ok(mayfly_manager_cleanup(manager, &mft_error));
    assert_int_equal(mft_entries(mft_tmp()), 0);
    mft_ok(mayfly_manager_file(manager, NULL, &file, &mft_error)); /* and goes on */
    mft_ok(mayfly_manager_close(&manager, &mft_error));
    assert_int_equal(mft_entries(mft_tmp()), 0);
}

static const char *stubborn;
static int refuse_stubborn(int dir, const char *name, int flags) {
    return strcmp(name, stubborn) == 0 ? -EPERM : mfi_sys_real.unlinkat(dir, name, flags);
}

static void K2_one_failure_does_not_stop_the_rest(void **state) {
    (void)state;
    mayfly_auto(mayfly_manager) manager = NULL;
    mayfly_file *file = NULL;
    char name[256];
    mft_ok(mayfly_manager_new(&manager, &mft_error));
    for (int i = 0; i < 5; i++) {
        mft_ok(mayfly_manager_file(manager, NULL, &file, &mft_error));
        if (i == 2)
            snprintf(name, sizeof name, "%s", strrchr(mayfly_file_path(file), '/') + 1);
    }
    stubborn = name;
    mfi_sys.unlinkat = refuse_stubborn;
    mft_fails(-EPERM, mayfly_manager_cleanup(manager, &mft_error));
    mfi_sys = mfi_sys_real;
    assert_non_null(strstr(mft_error.message, "1 could not be cleaned up"));
    assert_int_equal(mft_entries(mft_tmp()), 1);
    assert_int_equal(unlink(mft_path(name)), 0);
}

static void K2_handles_are_adopted_and_taken_back(void **state) {
    (void)state;
    mayfly_auto(mayfly_manager) manager = NULL;
    mayfly_file *file = NULL, *same = NULL;
    mayfly_dir *dir = NULL, *same_dir = NULL;
    mft_ok(mayfly_manager_new(&manager, &mft_error));
    mft_ok(mayfly_named_temporary_file(NULL, &file, &mft_error));
    mft_ok(mayfly_temporary_directory(NULL, &dir, &mft_error));
    same = file;
    same_dir = dir;
    mft_ok(mayfly_manager_adopt_file(manager, &file, &mft_error));
    mft_ok(mayfly_manager_adopt_dir(manager, &dir, &mft_error));
    assert_null(file);
    assert_null(dir);
    mft_ok(mayfly_manager_take_file(manager, same, &mft_error));
    mft_ok(mayfly_manager_take_dir(manager, same_dir, &mft_error));
    mft_fails(-ENOENT, mayfly_manager_take_file(manager, same, &mft_error));
    mft_ok(mayfly_file_close(&same, &mft_error));
    mft_ok(mayfly_dir_close(&same_dir, &mft_error));
}

static int leave_it_to_exit(void *context) {
    mayfly_manager *manager = NULL;
    mayfly_file *file = NULL;
    mayfly_dir *dir = NULL;
    (void)context;
    return mayfly_manager_new(&manager, NULL) | mayfly_manager_file(manager, NULL, &file, NULL) |
           mayfly_manager_dir(manager, NULL, &dir, NULL);
}

static void K2_what_is_left_open_goes_at_exit(void **state) {
    (void)state;
    assert_int_equal(mft_fork_exit(leave_it_to_exit, NULL), 0);
    assert_int_equal(mft_entries(mft_tmp()), 0);
}

static int cleanup_as_child(void *manager) {
    return mayfly_manager_cleanup(manager, NULL);
}

static void K2_a_child_lets_the_parents_things_be(void **state) {
    (void)state;
    mayfly_auto(mayfly_manager) manager = NULL;
    mayfly_file *file = NULL;
    mft_ok(mayfly_manager_new(&manager, &mft_error));
    mft_ok(mayfly_manager_file(manager, NULL, &file, &mft_error));
    assert_int_equal(mft_fork_exit(cleanup_as_child, manager), 0);
    assert_int_equal(mft_entries(mft_tmp()), 1);
}

static void *add_many(void *manager) {
    for (int i = 0; i < 100; i++) {
        mayfly_file *file = NULL;
        if (mayfly_manager_file(manager, NULL, &file, NULL) < 0)
            return manager;
    }
    return NULL;
}

static void K2_threads_share_a_manager(void **state) {
    (void)state;
    mayfly_auto(mayfly_manager) manager = NULL;
    pthread_t threads[4];
    mft_ok(mayfly_manager_new(&manager, &mft_error));
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, add_many, manager), 0);
    for (int i = 0; i < 4; i++) {
        void *failed = NULL;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    assert_int_equal(mayfly_manager_count(manager), 400);
    mft_ok(mayfly_manager_close(&manager, &mft_error));
    assert_int_equal(mft_entries(mft_tmp()), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        MFT(K2_everything_goes_with_the_manager),   MFT(K2_one_failure_does_not_stop_the_rest),
        MFT(K2_handles_are_adopted_and_taken_back), MFT(K2_what_is_left_open_goes_at_exit),
        MFT(K2_a_child_lets_the_parents_things_be), MFT(K2_threads_share_a_manager),
    };
    return MFT_MAIN(tests);
}
