/* SPDX-License-Identifier: MIT
 *
 * D1: temporary directories and what is made in them.
 */
#define _GNU_SOURCE
#include "../lib/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../src/base/sys.h"
#include "../lib/fault.h"

static mayfly_dir *make(const mayfly_dir_options *options) {
    mayfly_dir *dir = NULL;
    if (mayfly_temporary_directory(options, &dir, &mft_error) < 0)
        fail_msg("%s", mft_error.message);
    return dir;
}

static void D1_a_directory_goes_with_everything_in_it(void **state) {
    (void)state;
    mayfly_dir *dir = make(&(mayfly_dir_options){.prefix = "conference_", .suffix = "_data"});
    const char *name = strrchr(mayfly_dir_path(dir), '/') + 1;
    struct stat by_path, by_fd;
    assert_int_equal(strncmp(name, "conference_", 11), 0);
    assert_string_equal(name + strlen(name) - 5, "_data");
    assert_int_equal(mft_mode(mayfly_dir_path(dir)), 0700);
    assert_int_equal(stat(mayfly_dir_path(dir), &by_path) | fstat(mayfly_dir_fd(dir), &by_fd), 0);
    assert_true(by_path.st_ino == by_fd.st_ino && by_path.st_dev == by_fd.st_dev);
    mft_ok(mayfly_dir_mkdir(dir, "a/b/c", &mft_error));
    mayfly_auto(mayfly_file) file = NULL;
    mft_ok(mayfly_dir_file(dir, "a/b/data.txt", NULL, &file, &mft_error));
    mft_ok(mayfly_file_write(file, "Some data", 9, &mft_error));
    mft_ok(mayfly_file_close(&file, &mft_error));
    mft_ok(mayfly_dir_close(&dir, &mft_error));
    assert_null(dir);
    assert_int_equal(mft_entries(mft_tmp()), 0);
}

static void D1_it_goes_at_the_end_of_its_scope(void **state) {
    (void)state;
    {
        mayfly_auto(mayfly_dir) dir = make(NULL);
        mft_ok(mayfly_dir_mkdir(dir, "x", &mft_error));
    }
    assert_int_equal(mft_entries(mft_tmp()), 0);
}

static void D1_delete_false_leaves_it_and_cleanup_removes_it_all_the_same(void **state) {
    (void)state;
    mayfly_dir *dir = make(&(mayfly_dir_options){.keep = true});
    char *path = mft_path(strrchr(mayfly_dir_path(dir), '/') + 1);
    mft_ok(mayfly_dir_close(&dir, &mft_error));
    assert_int_equal(rmdir(path), 0);
    dir = make(&(mayfly_dir_options){.keep = true});
    mft_ok(mayfly_dir_cleanup(dir, NULL, &mft_error));
    mft_ok(mayfly_dir_cleanup(dir, NULL, &mft_error)); /* nothing left to do */
    assert_int_equal(mft_entries(mft_tmp()), 0);
    assert_int_equal(mayfly_dir_fd(dir), -1);
    mft_fails(-ENOENT, mayfly_dir_mkdir(dir, "x", &mft_error));
    mft_ok(mayfly_dir_close(&dir, &mft_error));
    dir = make(NULL);
    path = mft_path(strrchr(mayfly_dir_path(dir), '/') + 1);
    mft_ok(mayfly_dir_keep(dir, &mft_error));
    mft_ok(mayfly_dir_unkeep(dir, &mft_error));
    mft_ok(mayfly_dir_keep(dir, &mft_error));
    mft_ok(mayfly_dir_close(&dir, &mft_error));
    assert_int_equal(rmdir(path), 0);
}

static int refuse_stubborn(int dir, const char *name, int flags) {
    return strcmp(name, "stubborn") == 0 ? -EPERM : mfi_sys_real.unlinkat(dir, name, flags);
}

static void D1_ignore_cleanup_errors_is_silent_and_without_it_they_are_told(void **state) {
    (void)state;
    for (int ignore = 0; ignore < 2; ignore++) {
        mayfly_dir *dir = make(&(mayfly_dir_options){.ignore_cleanup_errors = ignore != 0});
        char *path = mft_path(strrchr(mayfly_dir_path(dir), '/') + 1);
        mayfly_auto(mayfly_file) file = NULL;
        mayfly_auto(mayfly_leftovers) left = NULL;
        mft_ok(mayfly_dir_file(dir, "stubborn", NULL, &file, &mft_error));
        mft_ok(mayfly_dir_mkdir(dir, "other", &mft_error));
        mfi_sys.unlinkat = refuse_stubborn;
        mft_fails(MAYFLY_E_LEFTOVER, mayfly_dir_cleanup(dir, &left, &mft_error));
        assert_int_equal(mayfly_leftovers_count(left), 1);
        assert_int_equal(mft_entries(path), 1);
        if (ignore)
            mft_ok(mayfly_dir_close(&dir, &mft_error));
        else
            mft_fails(MAYFLY_E_LEFTOVER, mayfly_dir_close(&dir, &mft_error));
        mfi_sys = mfi_sys_real;
        mft_ok(mayfly_file_close(&file, &mft_error));
        mft_remove(path);
    }
}

static void D1_what_somebody_else_put_in_its_place_is_left_alone(void **state) {
    (void)state;
    mayfly_dir *dir = make(NULL);
    char *path = mft_path(strrchr(mayfly_dir_path(dir), '/') + 1), *away = mft_path("away");
    assert_int_equal(rename(path, away) | mkdir(path, 0700), 0);
    mft_fails(MAYFLY_E_REPLACED, mayfly_dir_close(&dir, &mft_error));
    assert_true(mft_exists(path));
    assert_int_equal(rmdir(path) | rmdir(away), 0);
    dir = make(NULL);
    assert_int_equal(rmdir(mayfly_dir_path(dir)), 0);
    mft_ok(mayfly_dir_close(&dir, &mft_error)); /* gone already is fine */
}

static void files_below_never_lie_outside(void **state) {
    (void)state;
    mayfly_auto(mayfly_dir) dir = make(NULL);
    mayfly_file *file = NULL;
    char path[4200], *victim = mft_path("victim");
    static const char *const bad[] = {"",     "..",  "../x", "/etc/x", "a/../x",
                                      "a//b", "./x", "a/",   "a/./b",  "."};
    mft_ok(mayfly_dir_mkdir(dir, "a", &mft_error));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        mft_fails(-EINVAL, mayfly_dir_file(dir, bad[i], NULL, &file, &mft_error));
        mft_fails(-EINVAL, mayfly_dir_mkdir(dir, bad[i], &mft_error));
    }
    mft_fails(-EINVAL, mayfly_dir_file(dir, NULL, NULL, &file, &mft_error));
    assert_int_equal(mkdir(victim, 0700), 0);
    snprintf(path, sizeof path, "%s/link", mayfly_dir_path(dir));
    assert_int_equal(symlink(victim, path), 0);
    mft_fails(-ELOOP, mayfly_dir_file(dir, "link/x", NULL, &file, &mft_error));
    mft_fails(-EEXIST, mayfly_dir_file(dir, "link", NULL, &file, &mft_error));
    mft_fails(-ELOOP, mayfly_dir_file(dir, "link", &(mayfly_file_options){.mode = "rb"}, &file,
                                      &mft_error));
    assert_int_equal(mft_entries(victim), 0);
    mft_fails(-ENOENT, mayfly_dir_file(dir, "no/x", NULL, &file, &mft_error));
    mft_fails(-EINVAL,
              mayfly_dir_file(dir, "x", &(mayfly_file_options){.prefix = "p"}, &file, &mft_error));
    mft_remove(victim);
}

static void files_below_are_made_opened_and_appended_to(void **state) {
    (void)state;
    mayfly_auto(mayfly_dir) dir = make(NULL);
    mayfly_auto(mayfly_file) file = NULL;
    char data[16] = "", path[4200];
    const mode_t before = umask(0777);
    mft_ok(mayfly_dir_file(dir, "f", NULL, &file, &mft_error));
    (void)umask(before);
    snprintf(path, sizeof path, "%s/f", mayfly_dir_path(dir));
    assert_int_equal(mft_mode(path), 0600);
    mft_ok(mayfly_file_write(file, "one", 3, &mft_error));
    mft_ok(mayfly_file_close(&file, &mft_error));
    assert_true(mft_is(path, "one")); /* closing leaves it */
    mft_fails(-EEXIST, mayfly_dir_file(dir, "f", NULL, &file, &mft_error));
    mft_ok(mayfly_dir_file(dir, "f", &(mayfly_file_options){.mode = "a+b"}, &file, &mft_error));
    mft_ok(mayfly_file_write(file, "two", 3, &mft_error));
    mft_ok(mayfly_file_close(&file, &mft_error));
    mft_ok(mayfly_dir_file(dir, "f", &(mayfly_file_options){.mode = "rb"}, &file, &mft_error));
    assert_int_equal(mayfly_file_read(file, data, sizeof data, NULL), 6);
    assert_string_equal(data, "onetwo");
    mft_fails(-EBADF, mayfly_file_write(file, "x", 1, &mft_error));
    mft_ok(mayfly_file_close(&file, &mft_error));
    snprintf(path, sizeof path, "%s/fifo", mayfly_dir_path(dir));
    assert_int_equal(mkfifo(path, 0600), 0);
    mft_fails(-EINVAL, mayfly_dir_file(dir, "fifo", &(mayfly_file_options){.mode = "rb"}, &file,
                                       &mft_error)); /* and does not wait for a writer */
}

static void a_file_outlives_the_handle_of_its_directory(void **state) {
    (void)state;
    mayfly_dir *dir = make(NULL);
    mayfly_file *file = NULL;
    mft_ok(mayfly_dir_file(dir, "f", NULL, &file, &mft_error));
    mft_ok(mayfly_dir_close(&dir, &mft_error));
    mft_ok(mayfly_file_write(file, "x", 1, &mft_error));
    mft_ok(mayfly_file_close(&file, &mft_error));
}

static void a_result_is_persisted_out_of_the_directory(void **state) {
    (void)state;
    mayfly_auto(mayfly_dir) dir = make(NULL);
    mayfly_auto(mayfly_file) file = NULL;
    char *target = mft_path("target");
    mft_ok(mayfly_dir_mkdir(dir, "out", &mft_error));
    mft_ok(mayfly_dir_file(dir, "out/f", NULL, &file, &mft_error));
    mft_ok(mayfly_file_write(file, "result", 6, &mft_error));
    mft_ok(mayfly_file_persist(file, target, 0, NULL, &mft_error));
    mft_ok(mayfly_file_close(&file, &mft_error));
    mft_ok(mayfly_dir_close(&dir, &mft_error));
    assert_true(mft_is(target, "result"));
    assert_int_equal(unlink(target), 0);
}

static void every_failing_call_leaves_nothing(void **state) {
    (void)state;
    mayfly_dir *warm = make(NULL);
    mft_ok(mayfly_dir_close(&warm, &mft_error));
    for (long n = 1;; n++) {
        mayfly_dir *dir = NULL;
        mayfly_file *file = NULL;
        mft_fault_refuse(NULL, n, -EIO, 0);
        int r = mayfly_temporary_directory(NULL, &dir, &mft_error);
        if (r == 0)
            r = mayfly_dir_file(dir, "f", NULL, &file, &mft_error);
        const long refused = mft_fault_refused();
        mft_fault_end();
        if (r < 0)
            assert_int_equal(mft_error.code, r);
        (void)mayfly_file_close(&file, NULL);
        (void)mayfly_dir_close(&dir, NULL);
        if (mft_entries(mft_tmp()) != 0)
            fail_msg("call %ld left something behind", n);
        if (refused == 0)
            break;
    }
}

static void a_new_file_to_append_to_has_its_mode_and_is_counted(void **state) {
    (void)state;
    const mayfly_file_options append = {.mode = "ab", .permissions = 0644};
    mayfly_auto(mayfly_dir) dir = make(&(mayfly_dir_options){.max_files = 2});
    mayfly_auto(mayfly_file) file = NULL;
    mayfly_usage usage;
    const mode_t before = umask(077);
    mft_ok(mayfly_dir_file(dir, "one", &append, &file, &mft_error));
    (void)umask(before);
    assert_int_equal(mft_mode(mayfly_file_path(file)), 0644);
    assert_int_equal(chmod(mayfly_file_path(file), 0640), 0);
    mft_ok(mayfly_file_close(&file, &mft_error));
    mft_ok(mayfly_dir_file(dir, "one", &append, &file, &mft_error)); /* which is there */
    assert_int_equal(mft_mode(mayfly_file_path(file)), 0640);
    mft_ok(mayfly_file_close(&file, &mft_error));
    mft_ok(mayfly_dir_file(dir, "two", &append, &file, &mft_error));
    mft_ok(mayfly_file_close(&file, &mft_error));
    mft_fails(-EDQUOT, mayfly_dir_file(dir, "three", &append, &file, &mft_error));
    mayfly_dir_usage(dir, &usage);
    assert_int_equal(usage.files, 2);
    assert_int_equal(mft_entries(mayfly_dir_path(dir)), 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        MFT(D1_a_directory_goes_with_everything_in_it),
        MFT(D1_it_goes_at_the_end_of_its_scope),
        MFT(D1_delete_false_leaves_it_and_cleanup_removes_it_all_the_same),
        MFT(D1_ignore_cleanup_errors_is_silent_and_without_it_they_are_told),
        MFT(D1_what_somebody_else_put_in_its_place_is_left_alone),
        MFT(files_below_never_lie_outside),
        MFT(files_below_are_made_opened_and_appended_to),
        MFT(a_file_outlives_the_handle_of_its_directory),
        MFT(a_result_is_persisted_out_of_the_directory),
        MFT(a_new_file_to_append_to_has_its_mode_and_is_counted),
        MFT(every_failing_call_leaves_nothing),
    };
    return MFT_MAIN(tests);
}
