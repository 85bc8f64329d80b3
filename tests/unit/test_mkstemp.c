/* SPDX-License-Identifier: MIT
 *
 * L1-L3: the low level, and the names of everything.
 */
#define _GNU_SOURCE
#include "../lib/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../src/base/base.h"
#include "../lib/fault.h"

static void L1_mkstemp_makes_a_0600_file_that_is_closed_on_exec(void **state) {
    (void)state;
    char *path = NULL;
    const int fd =
        mayfly_mkstemp(&(mayfly_name_options){.prefix = "p-", .suffix = ".s"}, &path, &mft_error);
    assert_true(fd >= 0);
    assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    assert_int_equal(mft_mode(path), 0600);
    const char *name = strrchr(path, '/') + 1;
    assert_int_equal(strlen(name), 2 + 13 + 2);
    assert_int_equal(strncmp(name, "p-", 2) | strcmp(name + 15, ".s"), 0);
    assert_int_equal(write(fd, "x", 1), 1);
    assert_int_equal(close(fd) | unlink(path), 0);
    free(path);
}

static void L1_a_name_may_have_as_few_random_characters_as_tempfiles(void **state) {
    (void)state;
    char *path = NULL;
    mft_ok(mayfly_mkdtemp(&(mayfly_name_options){.prefix = "", .random = 8}, &path, &mft_error));
    assert_int_equal(strlen(strrchr(path, '/') + 1), 8);
    assert_int_equal(rmdir(path), 0);
    free(path);
    static const unsigned bad[] = {1, 7, 14, 255};
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(mayfly_mkdtemp(&(mayfly_name_options){.random = bad[i]}, &path, NULL),
                         -EINVAL);
}

static void L1_so_may_the_names_of_files_and_directories(void **state) {
    (void)state;
    mayfly_auto(mayfly_file) file = NULL;
    mayfly_auto(mayfly_dir) dir = NULL;
    mft_ok(mayfly_named_temporary_file(&(mayfly_file_options){.prefix = "f-", .random = 9}, &file,
                                       &mft_error));
    mft_ok(mayfly_temporary_directory(&(mayfly_dir_options){.prefix = "", .random = 12}, &dir,
                                      &mft_error));
    assert_int_equal(strlen(strrchr(mayfly_file_path(file), '/') + 1), 2 + 9);
    assert_int_equal(strlen(strrchr(mayfly_dir_path(dir), '/') + 1), 12);
    mayfly_file *none = NULL;
    mayfly_dir *nowhere = NULL;
    assert_int_equal(
        mayfly_named_temporary_file(&(mayfly_file_options){.random = 7}, &none, &mft_error),
        -EINVAL);
    assert_string_equal(mft_error.operation, "random");
    assert_int_equal(
        mayfly_temporary_directory(&(mayfly_dir_options){.random = 14}, &nowhere, &mft_error),
        -EINVAL);
    assert_true(none == NULL && nowhere == NULL);
}

static void L1_the_mode_holds_whatever_the_umask_is(void **state) {
    (void)state;
    static const unsigned umasks[] = {0, 022, 077, 0277, 0777};
    for (size_t i = 0; i < 5; i++) {
        char *path = NULL, *dir = NULL;
        const mode_t before = umask(umasks[i]);
        const int fd = mayfly_mkstemp(&(mayfly_name_options){.permissions = 0644}, &path, NULL);
        const int r = mayfly_mkdtemp(NULL, &dir, NULL);
        assert_int_equal(umask(before), umasks[i]); /* and it was not touched */
        assert_true(fd >= 0 && r == 0);
        assert_int_equal(mft_mode(path), 0644);
        assert_int_equal(mft_mode(dir), 0700);
        assert_int_equal(close(fd) | unlink(path) | rmdir(dir), 0);
        free(path);
        free(dir);
    }
}

static void L2_mkdtemp_gives_an_absolute_path(void **state) {
    (void)state;
    char *path = NULL, cwd[1024];
    assert_non_null(getcwd(cwd, sizeof cwd));
    assert_int_equal(chdir(mft_tmp()), 0);
    mft_ok(mayfly_mkdtemp(&(mayfly_name_options){.dir = "."}, &path, &mft_error));
    assert_int_equal(chdir(cwd), 0);
    assert_int_equal(path[0], '/');
    assert_int_equal(rmdir(path), 0);
    free(path);
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
static void L3_mktemp_invents_a_name_and_makes_nothing(void **state) {
    (void)state;
    char *path = NULL;
    mft_ok(mayfly_mktemp(&(mayfly_name_options){.suffix = ".x"}, &path, &mft_error));
    assert_false(mft_exists(path));
    assert_int_equal(strncmp(path, mft_tmp(), strlen(mft_tmp())), 0);
    free(path);
}
#pragma GCC diagnostic pop

static void L1_prefix_and_suffix_do_not_lead_out_of_the_directory(void **state) {
    (void)state;
    char *path = NULL;
    char large[300];
    memset(large, 'a', sizeof large);
    large[sizeof large - 1] = '\0';
    static const char *const bad[] = {"../x", "/abs", "a/b", "..//", "/"};
    for (size_t i = 0; i < 5; i++) {
        mft_fails(-EINVAL,
                  mayfly_mkstemp(&(mayfly_name_options){.prefix = bad[i]}, &path, &mft_error));
        mft_fails(-EINVAL,
                  mayfly_mkdtemp(&(mayfly_name_options){.suffix = bad[i]}, &path, &mft_error));
        assert_non_null(strstr(mft_error.message, "dir"));
    }
    mft_fails(-EINVAL, mayfly_mkstemp(&(mayfly_name_options){.prefix = large}, &path, &mft_error));
    large[200] = '\0';
    mft_fails(-EINVAL, mayfly_mkstemp(&(mayfly_name_options){.prefix = large, .suffix = large},
                                      &path, &mft_error));
    assert_null(path);
}

static void L1_only_a_name_that_is_taken_is_tried_again(void **state) {
    (void)state;
    static const int codes[] = {-EACCES, -ENOSPC, -EDQUOT, -ENOTDIR, -EMFILE, -EPERM, -EROFS};
    char *path = NULL;
    int fd = mayfly_mkstemp(NULL, &path, NULL); /* the directory is known from here on */
    assert_int_equal(close(fd) | unlink(path), 0);
    free(path);
    mft_fault_refuse("openat", 1, -EEXIST, 0);
    fd = mayfly_mkstemp(NULL, &path, NULL);
    assert_int_equal(mft_fault_calls("openat"), 2);
    mft_fault_end();
    assert_int_equal(close(fd) | unlink(path), 0);
    free(path);
    path = NULL;
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        const mayfly_name_options here = {.dir = mft_tmp()};
        mft_fault_refuse("openat", 2, codes[i], 1); /* the first opens the directory */
        mft_fails(codes[i], mayfly_mkstemp(&here, &path, &mft_error));
        assert_int_equal(mft_fault_calls("openat"), 2);
        assert_non_null(strstr(mft_error.message, mft_tmp()));
        mft_fault_end();
    }
}

static void L1_attempts_are_bounded(void **state) {
    (void)state;
    char *path = NULL;
    mft_fault_refuse("mkdirat", 1, -EEXIST, 1);
    mft_fails(-EEXIST, mayfly_mkdtemp(NULL, &path, &mft_error));
    assert_int_equal(mft_fault_calls("mkdirat"), 100);
    mft_fault_end();
}

static void K5_for_want_of_room_the_error_says_what_is_free(void **state) {
    (void)state;
    char *path = NULL;
    const mayfly_name_options here = {.dir = mft_tmp()};
    mft_fault_refuse("openat", 2, -ENOSPC, 0);
    mft_fails(-ENOSPC, mayfly_mkstemp(&here, &path, &mft_error));
    mft_fault_end();
    assert_non_null(strstr(mft_error.message, "bytes and"));
    assert_non_null(strstr(mft_error.message, "inodes free"));
    assert_non_null(strstr(mft_error.message, mft_tmp()));
}

static void K5_fallback_directories_are_tried_in_order(void **state) {
    (void)state;
    char *path = NULL, *second = mft_path("second");
    const char *const dirs[] = {mft_path("missing"), second, NULL};
    assert_int_equal(mkdir(second, 0700), 0);
    const int fd = mayfly_mkstemp(
        &(mayfly_name_options){.dir = mft_path("no"), .fallback_dirs = dirs}, &path, &mft_error);
    assert_true(fd >= 0);
    assert_int_equal(strncmp(path, second, strlen(second)), 0);
    assert_int_equal(close(fd) | unlink(path), 0);
    free(path);
    path = NULL;
    const char *const none[] = {dirs[0], NULL};
    mft_fails(-ENOENT,
              mayfly_mkstemp(&(mayfly_name_options){.dir = mft_path("no"), .fallback_dirs = none},
                             &path, &mft_error));
    assert_non_null(strstr(mft_error.message, "/no\"")); /* the first failure is told */
    mft_remove(second);
}

static void an_option_of_a_newer_header_is_refused(void **state) {
    (void)state;
    struct {
        mayfly_name_options options;
        void *newer;
    } later = {.newer = NULL};
    char *path = NULL;
    const int fd = mayfly_mkstemp_sized(sizeof later, &later.options, &path, &mft_error);
    assert_true(fd >= 0); /* not set: no matter */
    assert_int_equal(close(fd) | unlink(path), 0);
    free(path);
    later.newer = &later;
    mft_fails(MAYFLY_E_OPTION,
              mayfly_mkstemp_sized(sizeof later, &later.options, &path, &mft_error));
    mft_ok(mayfly_mkdtemp_sized(sizeof(char *), &later.options, &path, &mft_error));
    assert_int_equal(rmdir(path), 0);
    free(path);
}

/* ---- names ----------------------------------------------------------------------------------- */

enum { NAMES_EACH = 27778, WRITERS = 72 }; /* 72 * 27,778 > 2,000,000 */

struct writer {
    int fd;
    int failed;
};

static int write_names(void *context) {
    const struct writer *writer = context;
    char block[500 * MFI_NAME_RANDOM];
    for (int left = NAMES_EACH; left > 0;) {
        const int n = left < 500 ? left : 500;
        for (int i = 0; i < n; i++)
            if (mfi_random_name(block + i * MFI_NAME_RANDOM) != 0)
                return 1;
        const ssize_t size = (ssize_t)n * MFI_NAME_RANDOM;
        if (write(writer->fd, block, (size_t)size) != size)
            return 2;
        left -= n;
    }
    return 0;
}

#include <pthread.h>
#include <sys/wait.h>

static void *thread_writes(void *context) {
    struct writer *writer = context;
    writer->failed = write_names(writer);
    return NULL;
}

static int compare_names(const void *one, const void *other) {
    return memcmp(one, other, MFI_NAME_RANDOM);
}

static void two_million_names_from_8_threads_and_64_children_are_all_different(void **state) {
    (void)state;
    struct writer writers[8];
    pthread_t threads[8];
    pid_t children[64];
    char *path = mft_path("names"), warm[MFI_NAME_RANDOM];
    const int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(mfi_random_name(warm), 0); /* the pool is half used when it forks */
    (void)fflush(NULL);
    for (int i = 0; i < 64; i++) {
        children[i] = mft_start();
        if (children[i] == 0)
            _exit(write_names(&(struct writer){.fd = fd}));
    }
    for (int i = 0; i < 8; i++) {
        writers[i] = (struct writer){.fd = fd};
        assert_int_equal(pthread_create(&threads[i], NULL, thread_writes, &writers[i]), 0);
    }
    for (int i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(writers[i].failed, 0);
    }
    for (int i = 0; i < 64; i++) {
        int status = -1;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
    assert_int_equal(close(fd), 0);
    size_t size = 0;
    char *names = mft_read(path, &size);
    const size_t count = size / MFI_NAME_RANDOM;
    assert_int_equal(count, (size_t)NAMES_EACH * WRITERS);
    qsort(names, count, MFI_NAME_RANDOM, compare_names);
    for (size_t i = 1; i < count; i++)
        if (compare_names(names + (i - 1) * MFI_NAME_RANDOM, names + i * MFI_NAME_RANDOM) == 0)
            fail_msg("%.13s was drawn twice", names + i * MFI_NAME_RANDOM);
    free(names);
    assert_int_equal(unlink(path), 0);
}

static void names_never_wait_for_the_kernels_pool_at_early_boot(void **state) {
    (void)state;
    char data[512], name[MFI_NAME_RANDOM];
    mft_fault_refuse("getrandom", 1, -EAGAIN, 0); /* GRND_NONBLOCK: not ready yet */
    assert_int_equal(mfi_random(data, sizeof data), 0);
    assert_int_equal(mft_fault_calls("getrandom"), 2);
    mft_fault_refuse("getrandom", 1, -ENOSYS, 1); /* an old kernel: the device */
    memset(data, 0, sizeof data);
    assert_int_equal(mfi_random(data, sizeof data), 0);
    assert_true(mft_fault_calls("read") > 0);
    assert_int_not_equal(data[0] | data[1] | data[2] | data[3] | data[4] | data[5], 0);
    mft_fault_end();
    assert_int_equal(mfi_random_name(name), 0);
}

static int no_link(int from, const char *old, int to, const char *name, int flags) {
    (void)from, (void)old, (void)to, (void)name, (void)flags;
    return -EPERM;
}

static int no_rename(int from, const char *old, int to, const char *name, unsigned flags) {
    (void)from, (void)old, (void)to, (void)name, (void)flags;
    return -EINVAL;
}

static void an_error_is_left_alone_on_success(void **state) {
    (void)state;
    const char *const fallback[] = {mft_tmp(), NULL};
    const mayfly_file_options elsewhere = {.dir = "/nonexistent", .fallback_dirs = fallback};
    mayfly_error error;
    mayfly_auto(mayfly_file) file = NULL;
    memset(&error, 'e', sizeof error);
    const mayfly_error before = error;
    mft_ok(mayfly_named_temporary_file(&elsewhere, &file, &error));
    mft_ok(mayfly_file_close(&file, NULL));
    mft_ok(mayfly_spooled_temporary_file(&elsewhere, &file, &error));
    mft_ok(mayfly_file_rollover(file, &error));
    mft_ok(mayfly_file_close(&file, NULL));
    mft_fault_refuse("open_unnamed", 1, -EOPNOTSUPP, 1);
    mfi_sys.linkat = no_link;
    mfi_sys.renameat2 = no_rename;
    mft_ok(mayfly_file_in_tempdir("given", NULL, &file, &error));
    mft_fault_end();
    mft_ok(mayfly_file_close(&file, NULL));
    assert_memory_equal(&error, &before, sizeof error);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        MFT(L1_mkstemp_makes_a_0600_file_that_is_closed_on_exec),
        MFT(L1_a_name_may_have_as_few_random_characters_as_tempfiles),
        MFT(L1_so_may_the_names_of_files_and_directories),
        MFT(L1_the_mode_holds_whatever_the_umask_is),
        MFT(L2_mkdtemp_gives_an_absolute_path),
        MFT(L3_mktemp_invents_a_name_and_makes_nothing),
        MFT(L1_prefix_and_suffix_do_not_lead_out_of_the_directory),
        MFT(L1_only_a_name_that_is_taken_is_tried_again),
        MFT(L1_attempts_are_bounded),
        MFT(K5_for_want_of_room_the_error_says_what_is_free),
        MFT(K5_fallback_directories_are_tried_in_order),
        MFT(an_option_of_a_newer_header_is_refused),
        MFT(two_million_names_from_8_threads_and_64_children_are_all_different),
        MFT(an_error_is_left_alone_on_success),
        MFT(names_never_wait_for_the_kernels_pool_at_early_boot),
    };
    return MFT_MAIN(tests);
}
