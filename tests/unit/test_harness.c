/* SPDX-License-Identifier: MIT
 *
 * The instruments themselves: a test of a library is worth as much as what it measures with.
 */
#define _GNU_SOURCE
#include "../lib/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../src/base/base.h"
#include "../lib/fault.h"

static void calls_are_counted_by_name_and_in_their_order(void **state) {
    (void)state;
    mft_fault_count();
    const int fd = mfi_sys.openat(AT_FDCWD, mft_tmp(), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    struct stat st;
    assert_true(fd >= 0);
    assert_int_equal(mfi_sys.fstat(fd, &st), 0);
    assert_int_equal(mfi_sys.fstat(fd, &st), 0);
    free(mfi_sys.malloc(1));
    free(mfi_sys.calloc(1, 1));
    assert_int_equal(mfi_sys.close(fd), 0);
    assert_string_equal(mft_fault_sequence(), "openat fstat fstat malloc calloc close");
    assert_int_equal(mft_fault_calls("fstat"), 2);
    assert_int_equal(mft_fault_calls("memory"), 2);
    assert_int_equal(mft_fault_calls("unlinkat"), 0);
    assert_int_equal(mft_fault_calls(NULL), 6);
    assert_int_equal(mft_fault_refused(), 0);
    assert_string_equal(mft_fault_last(), "");
}

static void the_nth_call_of_a_name_is_refused_once_or_from_then_on(void **state) {
    (void)state;
    struct stat st;
    mft_fault_refuse("fstat", 2, -EIO, 0);
    assert_int_equal(mfi_sys.fstat(0, &st), 0);
    assert_int_equal(mfi_sys.lseek(-1, 0, SEEK_SET), -EBADF); /* another call is made */
    assert_int_equal(mfi_sys.fstat(0, &st), -EIO);
    assert_int_equal(mfi_sys.fstat(0, &st), 0);
    assert_int_equal(mft_fault_refused(), 1);
    assert_string_equal(mft_fault_last(), "fstat");
    mft_fault_refuse("fstat", 2, -EIO, 1);
    assert_int_equal(mfi_sys.fstat(0, &st), 0);
    assert_int_equal(mfi_sys.fstat(0, &st), -EIO);
    assert_int_equal(mfi_sys.fstat(0, &st), -EIO);
    assert_int_equal(mft_fault_refused(), 2);
    mft_fault_end();
    assert_int_equal(mfi_sys.fstat(0, &st), 0);
}

static void the_nth_call_of_all_is_refused_and_none_with_0(void **state) {
    (void)state;
    struct stat st;
    mft_fault_refuse(NULL, 2, -ENOSPC, 0);
    assert_int_equal(mfi_sys.fstat(0, &st), 0);
    assert_int_equal(mfi_sys.lseek(-1, 0, SEEK_SET), -ENOSPC);
    assert_int_equal(mfi_sys.fstat(0, &st), 0);
    mft_fault_refuse(NULL, 0, -ENOSPC, 1);
    assert_int_equal(mfi_sys.fstat(0, &st), 0);
    assert_int_equal(mft_fault_refused(), 0);
}

static void memory_is_refused_by_its_kinds_together(void **state) {
    (void)state;
    mft_fault_refuse("memory", 2, -ENOMEM, 1);
    void *one = mfi_sys.malloc(1);
    assert_non_null(one);
    assert_null(mfi_sys.calloc(1, 1));
    assert_null(mfi_sys.realloc(one, 2));
    assert_null(mfi_sys.malloc(1));
    void *page = mfi_sys.mmap(4096, -1);
    assert_non_null(page);
    assert_int_equal(mfi_sys.munmap(page, 4096), 0);
    free(one);
}

static void a_close_that_is_refused_has_closed_all_the_same(void **state) {
    (void)state;
    const int before = mft_descriptors();
    const int fd = mfi_sys.openat(AT_FDCWD, "/", O_RDONLY | O_CLOEXEC, 0);
    assert_int_equal(mft_descriptors(), before + 1);
    mft_fault_refuse("close", 1, -EIO, 0);
    assert_int_equal(mfi_sys.close(fd), -EIO);
    assert_int_equal(mft_descriptors(), before);
}

static void *call_often(void *unused) {
    struct stat st;
    for (int i = 0; i < 20000; i++)
        (void)mfi_sys.fstat(0, &st);
    return unused;
}

static void threads_are_counted_together(void **state) {
    (void)state;
    pthread_t threads[4];
    mft_fault_refuse("fstat", 40000, -EIO, 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, call_often, NULL), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(mft_fault_calls("fstat"), 80000);
    assert_int_equal(mft_fault_refused(), 1);
}

static int die_at_the_second_mkdir(void *unused) {
    (void)unused;
    mft_fault_refuse("mkdirat", 2, MFT_FAULT_DIE, 0);
    (void)mfi_sys.mkdirat(AT_FDCWD, mft_path("first"), 0700);
    (void)mfi_sys.mkdirat(AT_FDCWD, mft_path("second"), 0700);
    return 0;
}

static void a_process_may_be_killed_before_a_call(void **state) {
    (void)state;
    const int status = mft_fork(die_at_the_second_mkdir, NULL);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_true(mft_exists(mft_path("first")));
    assert_false(mft_exists(mft_path("second")));
    mft_empty();
    assert_int_equal(mft_entries(mft_tmp()), 0);
}

/* What a scene has to be: three calls, each of which may fail, and nothing left in any case. */
static int open_and_read(void *path, mayfly_error *error) {
    char byte = 0;
    const int fd = mfi_sys.openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0)
        return mfi_fail(error, fd, "openat", path, NULL);
    const ssize_t n = mfi_sys.read(fd, &byte, 1);
    const int r = mfi_sys.close(fd);
    if (n < 0)
        return mfi_fail(error, (int)n, "read", path, NULL);
    return r < 0 ? mfi_fail(error, r, "close", path, NULL) : 0;
}

static void a_scene_is_run_until_nothing_is_refused(void **state) {
    (void)state;
    char path[] = "/dev/null";
    assert_int_equal(mft_fault_until_ok(open_and_read, path, -EIO, 0), 3);
    assert_int_equal(mft_fault_until_ok(open_and_read, path, -EIO, 1), 3);
}

static int make_and_close_a_file(void *options, mayfly_error *error) {
    mayfly_file *file = NULL;
    const int r = mayfly_named_temporary_file(options, &file, error);
    return r < 0 ? r : mayfly_file_close(&file, error);
}

static void a_named_file_leaves_nothing_whichever_call_is_refused(void **state) {
    (void)state;
    mayfly_file_options here = {.dir = mft_tmp()};
    static const int codes[] = {-EIO, -EACCES, -EMFILE, -ENOSPC, -ENOMEM};
    for (size_t i = 0; i < MFI_LENGTH(codes); i++)
        assert_true(mft_fault_until_ok(make_and_close_a_file, &here, codes[i], 0) >= 5);
}

static void what_a_test_changes_for_the_process_is_put_back(void **state) {
    char before[4096], after[4096];
    assert_non_null(getcwd(before, sizeof before));
    const mode_t mask = umask(0777);
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(setenv("TMP", "/nonexistent", 1), 0);
    assert_int_equal(mft_teardown(state), 0);
    assert_int_equal(mft_setup(state), 0);
    assert_int_equal(umask(mask), mask);
    assert_null(getenv("TMP"));
    assert_non_null(getcwd(after, sizeof after));
    assert_string_equal(after, before);
}

static void a_test_that_leaves_something_fails(void **state) {
    mft_write(mft_path("left"), "");
    assert_int_not_equal(mft_teardown(state), 0);
    assert_int_equal(mft_setup(state), 0);
    const int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_int_not_equal(mft_teardown(state), 0);
    assert_int_equal(close(fd), 0);
    assert_int_equal(mft_setup(state), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        MFT(calls_are_counted_by_name_and_in_their_order),
        MFT(the_nth_call_of_a_name_is_refused_once_or_from_then_on),
        MFT(the_nth_call_of_all_is_refused_and_none_with_0),
        MFT(memory_is_refused_by_its_kinds_together),
        MFT(a_close_that_is_refused_has_closed_all_the_same),
        MFT(threads_are_counted_together),
        MFT(a_process_may_be_killed_before_a_call),
        MFT(a_scene_is_run_until_nothing_is_refused),
        MFT(a_named_file_leaves_nothing_whichever_call_is_refused),
        MFT(what_a_test_changes_for_the_process_is_put_back),
        MFT(a_test_that_leaves_something_fails),
    };
    return MFT_MAIN(tests);
}
