/* SPDX-License-Identifier: MIT
 *
 * Limits of files, directories and the process; and events.
 */
#define _GNU_SOURCE
#include "../lib/harness.h"

#include <errno.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/fault.h"

static void a_file_grows_to_its_limit_and_no_further(void **state) {
    (void)state;
    mayfly_auto(mayfly_file) file = NULL;
    mft_ok(
        mayfly_named_temporary_file(&(mayfly_file_options){.max_bytes = 100}, &file, &mft_error));
    char data[100] = "";
    mft_ok(mayfly_file_write(file, data, 90, &mft_error));
    mft_fails(-EDQUOT, mayfly_file_write(file, data, 11, &mft_error));
    assert_non_null(strstr(mft_error.message, "100 bytes"));
    assert_non_null(strstr(mft_error.message, "90 are held"));
    assert_non_null(strstr(mft_error.message, "11 more"));
    assert_int_equal(mayfly_file_tell(file, &mft_error), 90);
    mft_ok(mayfly_file_write(file, data, 10, &mft_error)); /* what fits is taken */
    assert_int_equal(mayfly_file_seek(file, 50, SEEK_SET, &mft_error), 50);
    mft_ok(mayfly_file_write(file, data, 50, &mft_error)); /* over what there is */
    mft_fails(-EDQUOT, mayfly_file_write(file, data, 1, &mft_error));
    mft_fails(-EDQUOT, mayfly_file_truncate(file, 101, &mft_error));
    mft_ok(mayfly_file_truncate(file, 10, &mft_error));
    assert_int_equal(mayfly_file_seek(file, 10, SEEK_SET, &mft_error), 10);
    mft_ok(mayfly_file_write(file, data, 90, &mft_error)); /* and was given back */
}

static void spools_and_text_are_limited_too(void **state) {
    (void)state;
    mayfly_auto(mayfly_file) spool = NULL;
    mayfly_auto(mayfly_file) text = NULL;
    mft_ok(mayfly_spooled_temporary_file(&(mayfly_file_options){.max_size = 10, .max_bytes = 20},
                                         &spool, &mft_error));
    mft_ok(mayfly_file_write(spool, "0123456789", 10, &mft_error));
    mft_ok(mayfly_file_write(spool, "0123456789", 10, &mft_error));
    assert_true(mayfly_file_rolled(spool));
    mft_fails(-EDQUOT, mayfly_file_write(spool, "x", 1, &mft_error));
    mft_ok(mayfly_temporary_file(
        &(mayfly_file_options){.mode = "w+", .encoding = "utf-32-le", .max_bytes = 20}, &text,
        &mft_error));
    mft_ok(mayfly_file_write(text, "12345", 5, &mft_error));
    mft_fails(-EDQUOT, mayfly_file_write(text, "6", 1, &mft_error));
}

static void a_directory_limits_bytes_and_files(void **state) {
    (void)state;
    mayfly_auto(mayfly_dir) dir = NULL;
    mayfly_auto(mayfly_file) one = NULL;
    mayfly_auto(mayfly_file) two = NULL;
    mayfly_auto(mayfly_file) three = NULL;
    mayfly_usage usage;
    char data[64] = "";
    mft_ok(mayfly_temporary_directory(&(mayfly_dir_options){.max_bytes = 100, .max_files = 3}, &dir,
                                      &mft_error));
    mft_ok(mayfly_dir_file(dir, "one", NULL, &one, &mft_error));
    mft_ok(mayfly_file_write(one, data, 60, &mft_error));
    mft_ok(mayfly_dir_file(dir, "two", NULL, &two, &mft_error));
    mft_fails(-EDQUOT, mayfly_file_write(two, data, 41, &mft_error));
    mft_ok(mayfly_file_truncate(two, 0, &mft_error)); /* the 41 are given up */
    mft_ok(mayfly_file_write(two, data, 40, &mft_error));
    mft_ok(mayfly_dir_mkdir(dir, "sub", &mft_error));
    mft_fails(-EDQUOT, mayfly_dir_mkdir(dir, "sub2", &mft_error));
    assert_int_equal(mayfly_dir_mkdir(dir, "sub", NULL), -EEXIST);
    mft_fails(-EDQUOT, mayfly_dir_file(dir, "sub/three", NULL, &three, &mft_error));
    assert_non_null(strstr(mft_error.message, "3 files"));
    assert_int_equal(mft_entries(mayfly_dir_path(dir)), 3);
    mayfly_dir_usage(dir, &usage);
    assert_int_equal(usage.bytes, 100);
    assert_int_equal(usage.files, 3);
    assert_int_equal(usage.max_bytes, 100);
    mft_ok(mayfly_file_close(&two, &mft_error)); /* it stays in its directory */
    mayfly_dir_usage(dir, &usage);
    assert_int_equal(usage.bytes, 100);
    mft_ok(mayfly_file_unkeep(one, &mft_error)); /* this one is removed */
    mft_ok(mayfly_file_close(&one, &mft_error));
    mayfly_dir_usage(dir, &usage);
    assert_int_equal(usage.bytes, 40);
    assert_int_equal(usage.files, 2);
    mft_ok(mayfly_dir_file(dir, "sub/three", NULL, &three, &mft_error));
    mft_ok(mayfly_file_write(three, data, 60, &mft_error));
    mft_ok(mayfly_file_flush(three, &mft_error));
    mft_ok(mayfly_file_persist(three, mft_path("result"), 0, NULL, &mft_error));
    mayfly_dir_usage(dir, &usage);
    assert_int_equal(usage.bytes, 40); /* it is no temporary one any more */
    (void)unlink(mft_path("result"));
}

static void the_process_is_limited_and_gets_back_what_it_removes(void **state) {
    (void)state;
    mayfly_usage usage;
    char data[1000] = "";
    mayfly_set_quota(1000, 3);
    mayfly_file *one = NULL, *two = NULL, *inside = NULL, *more = NULL;
    mayfly_dir *dir = NULL;
    mft_ok(mayfly_named_temporary_file(NULL, &one, &mft_error));
    mft_ok(mayfly_temporary_directory(NULL, &dir, &mft_error));
    mft_ok(mayfly_dir_file(dir, "x", NULL, &inside, &mft_error));
    mft_fails(-EDQUOT, mayfly_temporary_file(NULL, &two, &mft_error));
    mft_fails(-EDQUOT, mayfly_temporary_directory(NULL, (mayfly_dir **)&more, &mft_error));
    mft_ok(mayfly_file_write(inside, data, 600, &mft_error));
    mft_fails(-EDQUOT, mayfly_file_write(one, data, 401, &mft_error));
    assert_non_null(strstr(mft_error.message, "this process"));
    mayfly_quota_usage(&usage);
    assert_int_equal(usage.bytes, 600);
    assert_int_equal(usage.files, 3);
    mft_ok(mayfly_file_close(&inside, &mft_error));
    mft_ok(mayfly_dir_close(&dir, &mft_error));
    mayfly_quota_usage(&usage);
    assert_int_equal(usage.bytes, 0);
    assert_int_equal(usage.files, 1);
    mft_ok(mayfly_file_write(one, data, 1000, &mft_error));
    mft_ok(mayfly_file_close(&one, &mft_error));
    mayfly_quota_usage(&usage);
    assert_int_equal(usage.bytes + usage.files, 0);
    mayfly_set_quota(0, 0);
}

static void *fill(void *context) {
    (void)context;
    for (int i = 0; i < 200; i++) {
        mayfly_auto(mayfly_file) file = NULL;
        mayfly_usage usage;
        char data[300] = "";
        if (mayfly_temporary_file(NULL, &file, NULL) == 0)
            (void)mayfly_file_write(file, data, sizeof data, NULL);
        mayfly_quota_usage(&usage);
        if (usage.bytes > usage.max_bytes || usage.files > usage.max_files)
            return context;
    }
    return NULL;
}

static void threads_share_the_limit_exactly(void **state) {
    (void)state;
    pthread_t threads[4];
    mayfly_usage usage;
    mayfly_set_quota(700, 3);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, fill, threads), 0);
    for (int i = 0; i < 4; i++) {
        void *result;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_null(result);
    }
    mayfly_quota_usage(&usage);
    assert_int_equal(usage.bytes + usage.files, 0);
    mayfly_set_quota(0, 0);
}

static void a_full_disk_gives_back_what_was_charged(void **state) {
    (void)state;
    mayfly_auto(mayfly_file) file = NULL;
    mayfly_auto(mayfly_dir) dir = NULL;
    mayfly_usage usage;
    char data[100] = "";
    mft_ok(mayfly_temporary_directory(&(mayfly_dir_options){.max_bytes = 1000}, &dir, &mft_error));
    mft_ok(mayfly_dir_file(dir, "x", &(mayfly_file_options){.buffering = MAYFLY_BUFFERING_NONE},
                           &file, &mft_error));
    mft_fault_refuse("pwrite", 1, -ENOSPC, 1);
    const int r = mayfly_file_write(file, data, 100, NULL);
    mft_fault_end();
    assert_int_equal(r, -ENOSPC);
    mayfly_dir_usage(dir, &usage);
    assert_int_equal(usage.bytes, 0);
    mft_ok(mayfly_file_write(file, data, 100, &mft_error));
}

/* ---- events ---------------------------------------------------------------------------------- */

static char seen[2000];

static void remember(const mayfly_event *event, void *user) {
    const size_t used = strlen(seen);
    assert_ptr_equal(user, seen);
    (void)snprintf(seen + used, sizeof seen - used, "%s%s%s%s;", mayfly_event_name(event->kind),
                   event->directory ? " directory" : "", event->operation != NULL ? " " : "",
                   event->operation != NULL ? event->operation : "");
    if (event->kind == MAYFLY_EVENT_PERSISTED)
        assert_non_null(event->target);
    if (event->kind == MAYFLY_EVENT_FAILED)
        assert_true(event->code < 0);
    if (event->kind == MAYFLY_EVENT_ROLLED_OVER)
        assert_int_equal(event->bytes, 4);
    mayfly_auto(mayfly_file) inner = NULL; /* a hook may use the library, unseen */
    mft_ok(mayfly_temporary_file(NULL, &inner, &mft_error));
}

static void expect(const char *events) {
    assert_string_equal(seen, events);
    seen[0] = '\0';
}

static void each_event_is_told_once(void **state) {
    (void)state;
    mayfly_auto(mayfly_file) file = NULL;
    mayfly_auto(mayfly_file) spool = NULL;
    mayfly_auto(mayfly_dir) dir = NULL;
    seen[0] = '\0';
    mayfly_set_event_hook(remember, seen);
    mft_ok(mayfly_named_temporary_file(NULL, &file, &mft_error));
    expect("created;");
    mft_ok(mayfly_file_close(&file, &mft_error));
    expect("removed;");
    mft_ok(mayfly_named_temporary_file(NULL, &file, &mft_error));
    mft_ok(mayfly_file_persist(file, mft_path("kept"), 0, NULL, &mft_error));
    mft_ok(mayfly_file_close(&file, &mft_error));
    expect("created;persisted;");
    mft_ok(
        mayfly_spooled_temporary_file(&(mayfly_file_options){.max_size = 4}, &spool, &mft_error));
    mft_ok(mayfly_file_write(spool, "1234", 4, &mft_error));
    expect("");
    mft_ok(mayfly_file_write(spool, "5", 1, &mft_error));
    expect("created;rolled over;");
    mft_ok(mayfly_temporary_directory(NULL, &dir, &mft_error));
    mft_ok(mayfly_dir_close(&dir, &mft_error));
    expect("created directory;removed directory;");
    mft_fails(-ENOENT, mayfly_named_temporary_file(&(mayfly_file_options){.dir = "/nonexistent"},
                                                   &file, &mft_error));
    expect("failed create;");
    mayfly_set_event_hook(NULL, NULL);
    mft_ok(mayfly_named_temporary_file(NULL, &file, &mft_error));
    expect("");
    (void)unlink(mft_path("kept"));
}

static void events_have_names(void **state) {
    (void)state;
    for (int i = MAYFLY_EVENT_CREATED; i <= MAYFLY_EVENT_REAPED; i++)
        assert_true(mayfly_event_name((mayfly_event_kind)i)[0] != '\0');
    assert_string_equal(mayfly_event_name((mayfly_event_kind)99), "");
}

/* ---- against cleaners ------------------------------------------------------------------------ */

static void a_sticky_file_keeps_cleaners_away_and_is_persisted_without(void **state) {
    (void)state;
    mayfly_auto(mayfly_file) file = NULL;
    mft_ok(mayfly_named_temporary_file(&(mayfly_file_options){.sticky = true}, &file, &mft_error));
    assert_int_equal(mft_mode(mayfly_file_path(file)), 01600);
    mft_ok(mayfly_file_persist(file, mft_path("target"), 0, NULL, &mft_error));
    assert_int_equal(mft_mode(mft_path("target")), 0600);
    (void)unlink(mft_path("target"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        MFT(a_file_grows_to_its_limit_and_no_further),
        MFT(spools_and_text_are_limited_too),
        MFT(a_directory_limits_bytes_and_files),
        MFT(the_process_is_limited_and_gets_back_what_it_removes),
        MFT(threads_share_the_limit_exactly),
        MFT(a_full_disk_gives_back_what_was_charged),
        MFT(each_event_is_told_once),
        MFT(events_have_names),
        MFT(a_sticky_file_keeps_cleaners_away_and_is_persisted_without),
    };
    return MFT_MAIN(tests);
}
