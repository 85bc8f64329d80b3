/* SPDX-License-Identifier: MIT
 *
 * What went wrong elsewhere, and must not here: a test for each published flaw of its kind that a C
 * library on Linux can have. Those about removing trees and about leases stand with their parts
 * (test_tree.c, test_lease.c), and so do those about replacing files (test_persist.c).
 */
#define _GNU_SOURCE
#include "../lib/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../src/base/sys.h"

/* ---- modes ----------------------------------------------------------------------------------- */

static void CVE_2020_8908_directories_are_0700_and_files_0600_whatever_the_umask_is(void **state) {
    (void)state;
    static const mode_t masks[] = {0, 022, 0777};
    for (size_t i = 0; i < 3; i++) {
        mayfly_auto(mayfly_dir) dir = NULL;
        mayfly_auto(mayfly_file) file = NULL;
        (void)umask(masks[i]);
        mft_ok(mayfly_temporary_directory(NULL, &dir, &mft_error));
        mft_ok(mayfly_named_temporary_file(NULL, &file, &mft_error));
        assert_int_equal(mft_mode(mayfly_dir_path(dir)), 0700);
        assert_int_equal(mft_mode(mayfly_file_path(file)), 0600);
        (void)umask(022);
    }
}

static void CVE_2020_15250_what_is_made_inside_is_private_too(void **state) {
    (void)state;
    mayfly_auto(mayfly_dir) dir = NULL;
    mayfly_auto(mayfly_file) file = NULL;
    char path[4200];
    (void)umask(0);
    mft_ok(mayfly_temporary_directory(NULL, &dir, &mft_error));
    mft_ok(mayfly_dir_mkdir(dir, "a/b", &mft_error));
    mft_ok(mayfly_dir_file(dir, "a/b/file", NULL, &file, &mft_error));
    (void)snprintf(path, sizeof path, "%s/a", mayfly_dir_path(dir));
    assert_int_equal(mft_mode(path), 0700);
    assert_int_equal(mft_mode(mayfly_file_path(file)), 0600);
    (void)umask(022);
}

static mode_t least_mode;
static int opened;

static int watch_open(int dir, const char *path, int flags, mode_t mode) {
    if ((flags & O_CREAT) != 0) {
        opened++;
        least_mode |= mode & 077u;
    }
    return mfi_sys_real.openat(dir, path, flags, mode);
}

static int watch_mkdir(int dir, const char *path, mode_t mode) {
    least_mode |= mode & 077u;
    return mfi_sys_real.mkdirat(dir, path, mode);
}

/* uutils mktemp, mkfifo: made with a wide mode, narrowed after that. */
static void CVE_2026_35352_the_mode_is_given_where_it_is_made_and_not_after(void **state) {
    (void)state;
    mayfly_auto(mayfly_file) file = NULL;
    mayfly_auto(mayfly_file) given = NULL;
    mayfly_auto(mayfly_dir) dir = NULL;
    least_mode = 0;
    opened = 0;
    mfi_sys.openat = watch_open;
    mfi_sys.mkdirat = watch_mkdir;
    mft_ok(mayfly_named_temporary_file(NULL, &file, &mft_error));
    mft_ok(mayfly_file_in_tempdir("name", NULL, &given, &mft_error));
    mft_ok(mayfly_temporary_directory(NULL, &dir, &mft_error));
    mft_ok(mayfly_dir_mkdir(dir, "x", &mft_error));
    assert_true(opened >= 1);
    assert_int_equal(least_mode, 0);
}

/* Apache Ant: the protected file was deleted and made anew without the protection. */
static void CVE_2020_11979_the_mode_survives_rolling_over_persisting_and_copying(void **state) {
    (void)state;
    mayfly_auto(mayfly_file) spool = NULL;
    const mayfly_file_options options = {
        .max_size = 1, .roll_to = MAYFLY_ROLL_NAMED, .permissions = 0640};
    (void)umask(077);
    mft_ok(mayfly_spooled_temporary_file(&options, &spool, &mft_error));
    mft_ok(mayfly_file_write(spool, "rolled", 6, &mft_error));
    assert_int_equal(mft_mode(mayfly_file_path(spool)), 0640);
    mft_ok(mayfly_file_persist(spool, mft_path("target"), 0, NULL, &mft_error));
    assert_int_equal(mft_mode(mft_path("target")), 0640);
    (void)umask(022);
    (void)unlink(mft_path("target"));
}

static mode_t staged_mode;

static ssize_t watch_write(int fd, const struct iovec *v, int n, off_t at) {
    struct stat st;
    if (fstat(fd, &st) == 0)
        staged_mode |= st.st_mode & 077u;
    return mfi_sys_real.pwritev(fd, v, n, at);
}

static ssize_t watch_pwrite(int fd, const void *data, size_t size, off_t at) {
    struct stat st;
    if (fstat(fd, &st) == 0)
        staged_mode |= st.st_mode & 077u;
    return mfi_sys_real.pwrite(fd, data, size, at);
}

static ssize_t no_kernel_copy(int from, int to, size_t size) {
    (void)from;
    (void)to;
    (void)size;
    return -EXDEV;
}

/* GLib: while a file was copied to another file system, everybody could read the copy. */
static void CVE_2019_12450_a_copy_on_its_way_is_private(void **state) {
    (void)state;
    mayfly_auto(mayfly_file) spool = NULL;
    mft_write(mft_path("target"), "old");
    assert_int_equal(chmod(mft_path("target"), 0644), 0);
    mft_ok(mayfly_spooled_temporary_file(&(mayfly_file_options){.permissions = 0644}, &spool,
                                         &mft_error));
    mft_ok(mayfly_file_write(spool, "secret so far", 13, &mft_error));
    staged_mode = 0;
    mfi_sys.pwritev = watch_write;
    mfi_sys.pwrite = watch_pwrite;
    mfi_sys.copy_file_range = no_kernel_copy;
    mft_ok(mayfly_file_persist(spool, mft_path("target"), 0, NULL, &mft_error));
    assert_int_equal(staged_mode, 0);
    assert_int_equal(mft_mode(mft_path("target")), 0644);
    (void)unlink(mft_path("target"));
}

/* ---- the umask ------------------------------------------------------------------------------- */

static _Atomic int stop, wrong;

static void *make_with_open(void *context) {
    const char *path = context;
    while (!atomic_load(&stop)) {
        struct stat st;
        const int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd < 0 || fstat(fd, &st) != 0 || (st.st_mode & 0777) != 0644)
            atomic_store(&wrong, 1);
        (void)close(fd);
        (void)unlink(path);
    }
    return NULL;
}

/* Python: umask(0) for a moment, which is every thread's moment. */
static void CVE_2014_2667_the_umask_is_never_touched(void **state) {
    (void)state;
    pthread_t thread;
    (void)umask(022);
    atomic_store(&stop, 0);
    assert_int_equal(pthread_create(&thread, NULL, make_with_open, mft_path("by-another-thread")),
                     0);
    for (int i = 0; i < (mft_wrapped() ? 20 : 1000); i++) {
        mayfly_auto(mayfly_file) file = NULL;
        mayfly_auto(mayfly_dir) dir = NULL;
        mft_ok(mayfly_named_temporary_file(&(mayfly_file_options){.permissions = 0666}, &file,
                                           &mft_error));
        mft_ok(mayfly_temporary_directory(&(mayfly_dir_options){.permissions = 0777}, &dir,
                                          &mft_error));
    }
    atomic_store(&stop, 1);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(atomic_load(&wrong), 0);
}

/* ---- names that lead elsewhere --------------------------------------------------------------- */

static const char *const escapes[] = {"../x", "/tmp/x", "a/../../x", "..", "a/..", "./x", "a//x"};

/* node-tmp, Ruby, Python: a prefix or suffix with a path in it. */
static void CVE_2026_44705_CVE_2018_6914_a_prefix_or_suffix_leads_nowhere(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof escapes / sizeof *escapes; i++) {
        mayfly_file *file = NULL;
        mayfly_dir *dir = NULL;
        char *path = NULL;
        if (strchr(escapes[i], '/') == NULL)
            continue; /* ".." may be part of a name */
        mft_fails(-EINVAL, mayfly_named_temporary_file(&(mayfly_file_options){.prefix = escapes[i]},
                                                       &file, &mft_error));
        mft_fails(-EINVAL, mayfly_named_temporary_file(&(mayfly_file_options){.suffix = escapes[i]},
                                                       &file, &mft_error));
        mft_fails(-EINVAL, mayfly_temporary_directory(&(mayfly_dir_options){.prefix = escapes[i]},
                                                      &dir, &mft_error));
        mft_fails(-EINVAL,
                  mayfly_mkstemp(&(mayfly_name_options){.prefix = escapes[i]}, &path, &mft_error));
    }
}

/* tarfile: a member's name with "..". */
static void CVE_2007_4559_a_path_below_a_directory_stays_below_it(void **state) {
    (void)state;
    mayfly_auto(mayfly_dir) dir = NULL;
    mayfly_auto(mayfly_workspace) work = NULL;
    mft_ok(mayfly_temporary_directory(NULL, &dir, &mft_error));
    mft_ok(mayfly_workspace_begin(NULL, &work, &mft_error));
    mft_write(mft_path("source"), "x");
    mft_ok(mayfly_dir_mkdir(dir, "a", &mft_error));
    for (size_t i = 0; i < sizeof escapes / sizeof *escapes; i++) {
        mayfly_file *file = NULL;
        assert_true(mayfly_dir_file(dir, escapes[i], NULL, &file, NULL) < 0);
        assert_true(mayfly_dir_mkdir(dir, escapes[i], NULL) < 0);
        assert_true(mayfly_workspace_copy_in(work, mft_path("source"), escapes[i], NULL) < 0);
        assert_true(mayfly_workspace_carry_out(work, escapes[i], mft_path("out"), 0, NULL) < 0);
    }
    assert_int_equal(mft_entries(mft_tmp()), 3);
    (void)unlink(mft_path("source"));
}

/* node-tmp, docker cp, systemd-tmpfiles: a link in the middle of the way. */
static void CVE_2025_54798_CVE_2018_15664_a_link_on_the_way_is_not_followed(void **state) {
    (void)state;
    mayfly_auto(mayfly_dir) dir = NULL;
    mayfly_file *file = NULL;
    mft_ok(mayfly_temporary_directory(NULL, &dir, &mft_error));
    assert_int_equal(mkdir(mft_path("outside"), 0700), 0);
    assert_int_equal(symlinkat(mft_path("outside"), mayfly_dir_fd(dir), "link"), 0);
    mft_fails(-ELOOP, mayfly_dir_file(dir, "link/x", NULL, &file, &mft_error));
    mft_fails(-ELOOP, mayfly_dir_mkdir(dir, "link/x", &mft_error));
    assert_int_equal(symlinkat(mft_path("outside/made"), mayfly_dir_fd(dir), "dangling"), 0);
    assert_true(
        mayfly_dir_file(dir, "dangling", &(mayfly_file_options){.mode = "ab"}, &file, NULL) < 0);
    assert_int_equal(mft_entries(mft_path("outside")), 0);
    assert_int_equal(rmdir(mft_path("outside")), 0);
}

/* ---- repairing modes ------------------------------------------------------------------------- */

/* Python: chmod by path during the cleaning up, through a link; Perl, too. */
static void CVE_2023_6597_CVE_2017_6512_no_mode_outside_is_changed(void **state) {
    (void)state;
    mft_write(mft_path("outside"), "x");
    assert_int_equal(chmod(mft_path("outside"), 0400), 0);
    mayfly_dir *dir = NULL;
    mft_ok(mayfly_temporary_directory(NULL, &dir, &mft_error));
    mft_ok(mayfly_dir_mkdir(dir, "locked", &mft_error));
    const int fd = mayfly_dir_fd(dir);
    assert_int_equal(symlinkat(mft_path("outside"), fd, "locked/link"), 0);
    assert_int_equal(linkat(AT_FDCWD, mft_path("outside"), fd, "locked/hard", 0), 0);
    assert_int_equal(fchmodat(fd, "locked", 0500, 0), 0);
    mft_ok(mayfly_dir_close(&dir, &mft_error));
    assert_int_equal(mft_mode(mft_path("outside")), 0400);
    (void)unlink(mft_path("outside"));
}

/* systemd: opening a fifo waits for its other end. */
static void systemd_31503_a_fifo_is_removed_and_never_opened(void **state) {
    (void)state;
    mayfly_dir *dir = NULL;
    mft_ok(mayfly_temporary_directory(NULL, &dir, &mft_error));
    assert_int_equal(mkfifoat(mayfly_dir_fd(dir), "fifo", 0600), 0);
    mayfly_file *file = NULL;
    mft_fails(-EINVAL, mayfly_dir_file(dir, "fifo", &(mayfly_file_options){.mode = "rb"}, &file,
                                       &mft_error));
    mft_ok(mayfly_dir_close(&dir, &mft_error));
}

/* curl: stat by name, then opened by name. */
static void CVE_2023_32001_what_was_looked_at_is_what_is_read(void **state) {
    (void)state;
    mayfly_auto(mayfly_file) file = NULL;
    mft_ok(mayfly_named_temporary_file(&(mayfly_file_options){.keep_on_close = true}, &file,
                                       &mft_error));
    mft_ok(mayfly_file_close_descriptor(file, &mft_error));
    assert_int_equal(unlink(mayfly_file_path(file)), 0);
    assert_int_equal(symlink("/etc/passwd", mayfly_file_path(file)), 0);
    mft_fails(MAYFLY_E_REPLACED, mayfly_file_reopen(file, &mft_error));
    assert_int_equal(unlink(mayfly_file_path(file)), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        MFT(CVE_2020_8908_directories_are_0700_and_files_0600_whatever_the_umask_is),
        MFT(CVE_2020_15250_what_is_made_inside_is_private_too),
        MFT(CVE_2026_35352_the_mode_is_given_where_it_is_made_and_not_after),
        MFT(CVE_2020_11979_the_mode_survives_rolling_over_persisting_and_copying),
        MFT(CVE_2019_12450_a_copy_on_its_way_is_private),
        MFT(CVE_2014_2667_the_umask_is_never_touched),
        MFT(CVE_2026_44705_CVE_2018_6914_a_prefix_or_suffix_leads_nowhere),
        MFT(CVE_2007_4559_a_path_below_a_directory_stays_below_it),
        MFT(CVE_2025_54798_CVE_2018_15664_a_link_on_the_way_is_not_followed),
        MFT(CVE_2023_6597_CVE_2017_6512_no_mode_outside_is_changed),
        MFT(systemd_31503_a_fifo_is_removed_and_never_opened),
        MFT(CVE_2023_32001_what_was_looked_at_is_what_is_read),
    };
    return MFT_MAIN(tests);
}
