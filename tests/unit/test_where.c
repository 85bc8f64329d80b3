/* SPDX-License-Identifier: MIT
 *
 * W1-W3: which directory, and why.
 */
#define _GNU_SOURCE
#include "../lib/harness.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../src/base/sys.h"
#include "../../src/temp/temp.h"
#include "../lib/fault.h"

static void W1_gettempdir_takes_TMPDIR_then_TEMP_then_TMP(void **state) {
    (void)state;
    const char *path = NULL;
    char *temp = mft_path("temp"), *tmp = mft_path("tmp");
    assert_int_equal(mkdir(temp, 0700) | mkdir(tmp, 0700), 0);
    setenv("TEMP", temp, 1);
    setenv("TMP", tmp, 1);
    mft_ok(mayfly_gettempdir(&path, &mft_error));
    assert_string_equal(path, mft_tmp());
    unsetenv("TMPDIR");
    mft_ok(mayfly_gettempdir(&path, &mft_error));
    assert_string_equal(path, temp);
    setenv("TEMP", "", 1); /* empty is as not set */
    mft_ok(mayfly_gettempdir(&path, &mft_error));
    assert_string_equal(path, tmp);
    unsetenv("TMP");
    mft_ok(mayfly_gettempdir(&path, &mft_error));
    assert_string_equal(path, "/tmp");
    unsetenv("TEMP");
    mft_remove(temp);
    mft_remove(tmp);
}

static void W1_a_candidate_that_cannot_be_written_is_passed_over(void **state) {
    (void)state;
    const char *path = NULL;
    setenv("TEMP", mft_tmp(), 1);
    setenv("TMPDIR", mft_path("missing"), 1);
    mft_ok(mayfly_gettempdir(&path, &mft_error));
    assert_string_equal(path, mft_tmp());
    setenv("TMPDIR", "/proc", 1);
    mft_ok(mayfly_gettempdir(&path, &mft_error));
    assert_string_equal(path, mft_tmp());
    unsetenv("TEMP");
}

static int count_visits(const char *reason, const char *path, int code, void *user) {
    char *all = user;
    (void)code;
    strcat(strcat(strcat(strcat(all, reason), "="), path), ";");
    return 0;
}

static void W1_order_ends_with_working_directory_and_home(void **state) {
    (void)state;
    char all[4096] = "", cwd[1024], expected[4096];
    char *home = mft_path("home");
    assert_int_equal(mkdir(home, 0700), 0);
    assert_non_null(getcwd(cwd, sizeof cwd));
    setenv("HOME", home, 1);
    mft_ok(mayfly_where_candidates(MAYFLY_PLACE_DEFAULT, NULL, count_visits, all, &mft_error));
    snprintf(expected, sizeof expected,
             "TMPDIR=%s;platform list=/tmp;platform list=/var/tmp;platform list=/usr/tmp;"
             "working directory=%s;home=%s;",
             mft_tmp(), cwd, home);
    assert_string_equal(all, expected);
    mft_remove(home);
}

static void W1_the_error_names_every_candidate_with_its_reason(void **state) {
    (void)state;
    const char *path = NULL;
    mft_fault_refuse("openat", 1, -EROFS, 1);
    mft_fails(-ENOENT, mayfly_gettempdir(&path, &mft_error));
    mft_fault_end();
    assert_non_null(strstr(mft_error.message, mft_tmp()));
    assert_non_null(strstr(mft_error.message, "\"/tmp\": Read-only file system"));
    assert_non_null(strstr(mft_error.message, "\"/var/tmp\""));
    assert_non_null(strstr(mft_error.message, "working directory"));
    assert_non_null(strstr(mft_error.message, "home"));
    assert_null(path);
}

static void W1_an_answer_is_proved_by_creating_writing_and_removing(void **state) {
    (void)state;
    const char *path = NULL;
    mft_fault_count();
    mft_ok(mayfly_gettempdir(&path, &mft_error));
    assert_int_equal(mft_fault_calls("write"), 1);
    assert_int_equal(mft_fault_calls("unlinkat"), 1);
    mft_ok(mayfly_gettempdir(&path, &mft_error));
    assert_int_equal(mft_fault_calls("write"), 1); /* and remembered */
    mft_fault_end();
}

static void W1_a_full_disk_is_found_by_the_proof(void **state) {
    (void)state;
    const char *path = NULL;
    setenv("TEMP", mft_tmp(), 1);
    mft_fault_refuse("write", 1, -ENOSPC, 0);
    mft_ok(mayfly_gettempdir(&path, &mft_error));
    assert_int_equal(mft_fault_calls("write"), 2); /* TMPDIR was full, TEMP was not */
    mft_fault_end();
    unsetenv("TEMP");
}

static void W1_a_directory_that_vanished_is_chosen_anew(void **state) {
    (void)state;
    char *gone = mft_path("gone");
    assert_int_equal(mkdir(gone, 0700), 0);
    setenv("TMPDIR", gone, 1);
    setenv("TEMP", mft_tmp(), 1);
    const char *path = NULL;
    mft_ok(mayfly_gettempdir(&path, &mft_error));
    assert_string_equal(path, gone);
    assert_int_equal(rmdir(gone), 0);
    mayfly_auto(mayfly_file) file = NULL;
    mft_ok(mayfly_named_temporary_file(NULL, &file, &mft_error));
    assert_int_equal(strncmp(mayfly_file_path(file), mft_tmp(), strlen(mft_tmp())), 0);
    assert_null(strstr(mayfly_file_path(file), "gone"));
    mft_ok(mayfly_file_close(&file, &mft_error));
    unsetenv("TEMP");
}

static int as_nobody(void *context) {
    const char *root_only = context, *path = NULL;
    mayfly_auto(mayfly_file) file = NULL;
    if (mayfly_gettempdir(&path, NULL) < 0 || strcmp(path, root_only) != 0)
        return 1;
    if (setgid(65534) != 0 || setuid(65534) != 0)
        return 2;
    if (mayfly_gettempdir(&path, NULL) < 0 || strcmp(path, root_only) == 0)
        return 3;
    if (mayfly_named_temporary_file(NULL, &file, NULL) < 0)
        return 4;
    return strncmp(mayfly_file_path(file), root_only, strlen(root_only)) == 0 ? 5 : 0;
}

static int as_nobody_without_asking(void *context) {
    const char *shared = context;
    mayfly_file *file = NULL;
    if (mayfly_named_temporary_file(NULL, &file, NULL) < 0 || mayfly_file_close(&file, NULL) < 0)
        return 1;
    if (setgid(65534) != 0 || setuid(65534) != 0)
        return 2;
    /* The directory that root proved can be written by all: only the owner of what is made there
     * tells that this is another user, and the proof is made again. */
    if (mayfly_named_temporary_file(NULL, &file, NULL) < 0)
        return 3;
    (void)shared;
    return mayfly_file_close(&file, NULL) < 0 ? 4 : 0;
}

static void W1_a_process_that_drops_privileges_does_not_keep_roots_choice(void **state) {
    (void)state;
    if (geteuid() != 0)
        mft_skip("only root can give up its rights");
    char *root_only = mft_path("root-only");
    assert_int_equal(mkdir(root_only, 0700), 0);
    setenv("TMPDIR", root_only, 1);
    assert_int_equal(mft_fork(as_nobody, root_only), 0);
    setenv("TMPDIR", mft_tmp(), 1);
    assert_int_equal(chmod(mft_tmp(), 0777), 0);
    assert_int_equal(mft_fork(as_nobody_without_asking, NULL), 0);
    mft_remove(root_only);
}

static void W2_gettempprefix_is_tmp(void **state) {
    (void)state;
    assert_string_equal(mayfly_gettempprefix(), "tmp");
}

static void W2_the_default_directory_can_be_set(void **state) {
    (void)state;
    const char *path = NULL;
    char *other = mft_path("other");
    mft_fails(-ENOENT, mayfly_settempdir(other, &mft_error));
    assert_int_equal(mkdir(other, 0700), 0);
    mft_ok(mayfly_settempdir(other, &mft_error));
    mft_ok(mayfly_gettempdir(&path, &mft_error));
    assert_string_equal(path, other);
    mayfly_auto(mayfly_file) file = NULL;
    mft_ok(mayfly_named_temporary_file(NULL, &file, &mft_error));
    assert_int_equal(mft_entries(other), 1);
    mft_ok(mayfly_file_close(&file, &mft_error));
    mft_ok(mayfly_settempdir(NULL, &mft_error));
    mft_ok(mayfly_gettempdir(&path, &mft_error));
    assert_string_equal(path, mft_tmp());
    mft_remove(other);
}

static void W3_where_reports_what_stat_and_statfs_say(void **state) {
    (void)state;
    mayfly_where_report report;
    struct stat st;
    assert_int_equal(chmod(mft_tmp(), 01770), 0);
    mft_ok(mayfly_where(MAYFLY_PLACE_DEFAULT, NULL, &report, &mft_error));
    assert_int_equal(stat(mft_tmp(), &st), 0);
    assert_string_equal(report.path, mft_tmp());
    assert_string_equal(report.reason, "TMPDIR");
    assert_int_equal(report.mode, 01770);
    assert_int_equal(report.uid, st.st_uid);
    assert_true(report.file_system[0] != '\0' && report.owner[0] != '\0');
    assert_true(report.free_bytes > 0 && report.free_bytes <= report.total_bytes);
}

static void W1_large_prefers_var_tmp_and_small_tmp(void **state) {
    (void)state;
    mayfly_where_report report;
    mft_ok(mayfly_where(MAYFLY_PLACE_LARGE, NULL, &report, &mft_error));
    assert_string_equal(report.path, "/var/tmp");
    mft_ok(mayfly_where(MAYFLY_PLACE_SMALL, NULL, &report, &mft_error));
    assert_string_equal(report.path, mft_tmp());
    unsetenv("TMPDIR");
    mft_ok(mayfly_where(MAYFLY_PLACE_SMALL, NULL, &report, &mft_error));
    assert_string_equal(report.path, "/tmp");
}

static void W1_private_is_the_users_own_directory_only(void **state) {
    (void)state;
    mayfly_where_report report;
    char *run = mft_path("run");
    assert_int_equal(mkdir(run, 0700), 0);
    setenv("XDG_RUNTIME_DIR", run, 1);
    mft_ok(mayfly_where(MAYFLY_PLACE_PRIVATE, NULL, &report, &mft_error));
    assert_string_equal(report.path, run);
    assert_int_equal(chmod(run, 0750), 0);
    mfi_where_forget();
    mft_ok(mayfly_where(MAYFLY_PLACE_PRIVATE, NULL, &report, &mft_error));
    assert_string_equal(report.path, mft_tmp());
    unsetenv("XDG_RUNTIME_DIR");
    mft_remove(run);
}

static void W1_near_is_on_the_file_system_of_the_path(void **state) {
    (void)state;
    mayfly_where_report report;
    struct stat shm, tmp;
    mft_fails(-EINVAL, mayfly_where(MAYFLY_PLACE_NEAR, NULL, &report, &mft_error));
    mft_ok(mayfly_where(MAYFLY_PLACE_NEAR, mft_path("new"), &report, &mft_error));
    assert_string_equal(report.path, mft_tmp());
    if (stat("/dev/shm", &shm) != 0 || stat("/tmp", &tmp) != 0 || shm.st_dev == tmp.st_dev)
        mft_skip("there is no second file system at /dev/shm");
    mft_ok(mayfly_where(MAYFLY_PLACE_NEAR, "/dev/shm/new", &report, &mft_error));
    assert_string_equal(report.path, "/dev/shm");
}

static void W3_an_older_caller_gets_the_fields_that_it_knows(void **state) {
    (void)state;
    mayfly_where_report report;
    memset(&report, 0x5a, sizeof report);
    const size_t older = offsetof(mayfly_where_report, total_bytes);
    mft_ok(mayfly_where_sized(older, MAYFLY_PLACE_DEFAULT, NULL, &report, &mft_error));
    assert_string_equal(report.path, mft_tmp());
    assert_int_equal(report.total_bytes, 0x5a5a5a5a5a5a5a5au);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        MFT(W1_gettempdir_takes_TMPDIR_then_TEMP_then_TMP),
        MFT(W1_a_candidate_that_cannot_be_written_is_passed_over),
        MFT(W1_order_ends_with_working_directory_and_home),
        MFT(W1_the_error_names_every_candidate_with_its_reason),
        MFT(W1_an_answer_is_proved_by_creating_writing_and_removing),
        MFT(W1_a_full_disk_is_found_by_the_proof),
        MFT(W1_a_directory_that_vanished_is_chosen_anew),
        MFT(W1_a_process_that_drops_privileges_does_not_keep_roots_choice),
        MFT(W2_gettempprefix_is_tmp),
        MFT(W2_the_default_directory_can_be_set),
        MFT(W3_where_reports_what_stat_and_statfs_say),
        MFT(W1_large_prefers_var_tmp_and_small_tmp),
        MFT(W1_private_is_the_users_own_directory_only),
        MFT(W1_near_is_on_the_file_system_of_the_path),
        MFT(W3_an_older_caller_gets_the_fields_that_it_knows),
    };
    return MFT_MAIN(tests);
}
