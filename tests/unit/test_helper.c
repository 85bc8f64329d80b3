/* SPDX-License-Identifier: MIT
 *
 * P7: tests that own their temporary objects, and fail if they leave something.
 */
#define _GNU_SOURCE
#include "../lib/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../src/temp/temp.h"
#include "../lib/fault.h"

static mayfly_test *begin(void) {
    mayfly_test *test = NULL;
    mft_ok(mayfly_test_begin(&test, &mft_error));
    return test;
}

static int says(const char *text) {
    if (strstr(mft_error.message, text) != NULL)
        return 1;
    print_message("it says: %s\n", mft_error.message);
    return 0;
}

static void P7_a_test_has_a_directory_that_is_TMPDIR_and_goes(void **state) {
    (void)state;
    const char *path = NULL;
    mayfly_test *test = begin();
    char *tmpdir = strdup(mayfly_test_tmpdir(test));
    assert_string_equal(getenv("TMPDIR"), tmpdir);
    mft_ok(mayfly_gettempdir(&path, &mft_error));
    assert_string_equal(path, tmpdir);
    assert_int_equal(mft_mode(tmpdir), 0700);
    assert_int_equal(mft_entries(tmpdir), 0);
    mft_ok(mayfly_test_end(&test, &mft_error));
    mft_ok(mayfly_test_end(&test, &mft_error));
    assert_false(mft_exists(tmpdir));
    assert_string_equal(getenv("TMPDIR"), mft_tmp());
    free(tmpdir);
    assert_int_equal(unsetenv("TMPDIR"), 0);
    assert_int_equal(setenv("TEMP", mft_tmp(), 1), 0); /* the harness takes it away */
    test = begin();
    mft_ok(mayfly_test_end(&test, &mft_error));
    assert_null(getenv("TMPDIR"));
    assert_int_equal(setenv("TMPDIR", mft_tmp(), 1), 0);
}

static void P7_what_is_handed_out_goes_with_the_test(void **state) {
    (void)state;
    mayfly_test *test = begin();
    mayfly_file *file, *dumped, *adopted, *taken;
    mayfly_dir *dir;
    mayfly_auto(mayfly_doc) doc = NULL;
    mayfly_auto(mayfly_doc) again = NULL;
    mft_ok(mayfly_test_file(test, &(mayfly_file_options){.suffix = ".csv"}, &file, &mft_error));
    mft_ok(mayfly_file_write(file, "x", 1, &mft_error));
    mft_ok(mayfly_test_dir(test, NULL, &dir, &mft_error));
    mft_write(mayfly_test_path(test, "by hand"), "x");
    assert_int_equal(mkdir(mayfly_test_path(test, "tree"), 0700), 0);
    char deep[4200];
    snprintf(deep, sizeof deep, "%s/tree/x", mayfly_test_tmpdir(test));
    mft_write(deep, "x");
    assert_non_null(mayfly_test_path(test, "never made"));
    assert_null(mayfly_test_path(test, "a/b"));
    assert_null(mayfly_test_path(test, ".."));
    mft_ok(mayfly_doc_new(NULL, &doc, &mft_error));
    mft_ok(mayfly_test_dump(test, doc, mayfly_int_new(doc, 57), NULL, &dumped, &mft_error));
    mft_ok(mayfly_load(dumped, NULL, &again, &mft_error));
    int64_t value = 0;
    mft_ok(mayfly_int_get(mayfly_doc_root(again), &value, &mft_error));
    assert_int_equal(value, 57);
    mft_ok(mayfly_named_temporary_file(NULL, &adopted, &mft_error));
    mft_ok(mayfly_manager_adopt_file(mayfly_test_manager(test), &adopted, &mft_error));
    mft_ok(mayfly_test_file(test, &(mayfly_file_options){.dir = mft_tmp()}, &taken, &mft_error));
    mft_ok(mayfly_manager_take_file(mayfly_test_manager(test), taken, &mft_error));
    assert_int_equal(mft_entries(mayfly_test_tmpdir(test)), 6);
    /* It is open, and the caller's now; what it is open on is said. */
    mft_fails(MAYFLY_E_LEFTOVER, mayfly_test_end(&test, &mft_error));
    assert_true(says("an open descriptor of ") && says(mayfly_file_path(taken)));
    mft_ok(mayfly_file_close(&taken, &mft_error));
    assert_int_equal(mft_entries(mft_tmp()), 0);
}

static void P7_what_is_left_behind_is_named(void **state) {
    (void)state;
    mayfly_test *test = begin();
    mayfly_file *forgotten = NULL, *nameless = NULL;
    assert_int_equal(chdir(mayfly_test_tmpdir(test)), 0);
    mft_write("report.txt", "12345");
    assert_int_equal(mkdir("cache", 0700) | symlink("x", "a link") | mkfifo("pipe", 0600), 0);
    mft_write("cache/deep", "x");
    const int open_one = open("/dev/null", O_RDONLY | O_CLOEXEC);
    mft_ok(mayfly_named_temporary_file(&(mayfly_file_options){.prefix = "forgotten_"}, &forgotten,
                                       &mft_error));
    mft_ok(mayfly_temporary_file(NULL, &nameless, &mft_error));
    mft_fails(MAYFLY_E_LEFTOVER, mayfly_test_end(&test, &mft_error));
    assert_true(says("8 left behind: ") && says("file \"report.txt\" (5 bytes)") &&
                says("directory \"cache\"") && says("link \"a link\"") &&
                says("special file \"pipe\"") && says("file \"forgotten_") &&
                says("an open descriptor of /dev/null"));
    assert_int_equal(mft_entries(mft_tmp()), 0);
    assert_int_equal(close(open_one), 0);
    mft_ok(mayfly_file_close(&forgotten, &mft_error)); /* gone already is no error */
    mft_ok(mayfly_file_close(&nameless, &mft_error));
}

static void P7_a_descriptor_that_was_closed_is_named(void **state) {
    (void)state;
    const int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    mayfly_test *test = begin();
    assert_int_equal(close(fd), 0);
    mft_fails(MAYFLY_E_LEFTOVER, mayfly_test_end(&test, &mft_error));
    assert_true(says("1 left behind: a closed descriptor of /dev/zero"));
}

static void P7_more_than_the_message_has_room_for_is_counted(void **state) {
    (void)state;
    mayfly_test *test = begin();
    char name[4300];
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "%s/a_rather_long_name_%d", mayfly_test_tmpdir(test), i);
        mft_write(name, "");
    }
    mft_fails(MAYFLY_E_LEFTOVER, mayfly_test_end(&test, &mft_error));
    assert_true(says("300 left behind: "));
}

/* Asking for places opens directories that the library goes on holding: no leak of the test's. */
static void P7_what_the_library_holds_for_itself_is_no_leak(void **state) {
    (void)state;
    mayfly_test *test = begin();
    for (mayfly_place place = MAYFLY_PLACE_DEFAULT; place < MAYFLY_PLACE_NEAR; place++) {
        mayfly_auto(mayfly_file) file = NULL;
        mft_ok(mayfly_temporary_file(&(mayfly_file_options){.place = place}, &file, &mft_error));
    }
    assert_int_equal(setenv("TMPDIR", "/tmp", 1), 0);
    const char *path = NULL;
    mft_ok(mayfly_gettempdir(&path, &mft_error));
    assert_int_equal(setenv("TMPDIR", mayfly_test_tmpdir(test), 1), 0);
    mft_ok(mayfly_test_end(&test, &mft_error));
}

static int end_in_child(void *context) {
    mayfly_test *test = context;
    return mayfly_test_end(&test, NULL);
}

static void P7_a_forked_child_ends_it_without_consequences(void **state) {
    (void)state;
    mayfly_test *test = begin();
    mayfly_file *file = NULL;
    mft_ok(mayfly_test_file(test, NULL, &file, &mft_error));
    assert_int_equal(mft_fork(end_in_child, test), 0);
    assert_true(mft_exists(mayfly_file_path(file)));
    mft_ok(mayfly_test_end(&test, &mft_error));
}

/* What the tear-down prints. */
static char *printed_by_teardown(void **state, int *ret) {
    char *log = mft_path("log");
    const int saved = dup(STDERR_FILENO);
    const int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    (void)fflush(stderr);
    assert_true(saved >= 0 && fd >= 0 && dup2(fd, STDERR_FILENO) >= 0);
    assert_int_equal(close(fd), 0);
    *ret = mayfly_test_teardown(state);
    (void)fflush(stderr);
    assert_true(dup2(saved, STDERR_FILENO) >= 0 && close(saved) == 0);
    char *text = mft_read(log, NULL);
    assert_int_equal(unlink(log), 0);
    return text;
}

static void P7_setup_and_teardown_say_what_cmocka_wants_to_know(void **state) {
    (void)state;
    char mine[] = "mine";
    void *own = mine;
    char path[4200];
    int r = 0;
    assert_int_equal(mayfly_test_setup(&own), 0);
    assert_ptr_equal(mayfly_test_state(own), mine);
    assert_int_equal(mayfly_test_teardown(&own), 0);
    assert_ptr_equal(own, mine);
    assert_int_equal(mayfly_test_setup(&own), 0);
    snprintf(path, sizeof path, "%s/left.txt", mayfly_test_tmpdir(own));
    mft_write(path, "x");
    /* The log's descriptor stands where standard error stood. */
    char *text = printed_by_teardown(&own, &r);
    assert_int_equal(r, -1);
    assert_non_null(strstr(text, "file \"left.txt\" (1 bytes)"));
    assert_ptr_equal(own, mine);
    free(text);
    own = NULL;
    assert_int_equal(mayfly_test_teardown(&own), 0);
}

/* Run by cmocka, or its stand-in, with the helper's own set-up and tear-down. */
static void P7_a_test_of_cmocka_has_it_as_its_state(void **state) {
    mayfly_file *file = NULL;
    mft_ok(mayfly_test_file(*state, NULL, &file, &mft_error));
    mft_ok(mayfly_file_write(file, "x", 1, &mft_error));
    assert_non_null(strstr(mayfly_file_path(file), mayfly_test_tmpdir(*state)));
}

static int scene(void *context, mayfly_error *error) {
    (void)context;
    mayfly_test *test = NULL;
    mayfly_file *file = NULL;
    int r = mayfly_test_begin(&test, error);
    if (r < 0)
        return r;
    r = mayfly_test_file(test, NULL, &file, error);
    if (r == 0 && mayfly_test_path(test, "name") == NULL) {
        error->code = -ENOMEM;
        r = -ENOMEM;
    }
    const int ended = mayfly_test_end(&test, r < 0 ? NULL : error);
    return r < 0 ? r : ended;
}

static void P7_whatever_call_fails_TMPDIR_and_descriptors_are_as_before(void **state) {
    (void)state;
    static const int codes[] = {-EIO, -EMFILE};
    const int descriptors = mft_descriptors();
    long points = 0;
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        for (long n = 1, refused = 1; refused > 0; n++, points++) {
            mayfly_error error = {.code = 0};
            mft_fault_refuse(NULL, n, codes[i], 0);
            const int r = scene(NULL, &error);
            refused = mft_fault_refused();
            const char *call = mft_fault_last();
            mft_fault_end();
            assert_int_equal(r < 0 ? r : 0, error.code);
            assert_true(refused > 0 || r == 0);
            const char *tmpdir = getenv("TMPDIR");
            if (strcmp(tmpdir, mft_tmp()) != 0 && strcmp(call, "set_environment") != 0)
                fail_msg("call %ld (%s) refused: TMPDIR is %s", n, call, tmpdir);
            assert_int_equal(setenv("TMPDIR", mft_tmp(), 1), 0);
            const char *path = NULL;
            mft_ok(mayfly_gettempdir(&path, &mft_error)); /* what it held is closed by this */
            mfi_where_forget();
            if (mft_descriptors() != descriptors)
                fail_msg("call %ld (%s) refused: descriptors are left", n, call);
            mft_empty(); /* a refused removal leaves something, and is told by r */
        }
    print_message("%ld points of failure\n", points);
    assert_true(points > 100);
}

static void P7_it_ends_with_its_scope(void **state) {
    (void)state;
    char *own = NULL, *before = strdup(getenv("TMPDIR"));
    {
        mayfly_auto(mayfly_test) test = NULL;
        mayfly_file *file;
        mft_ok(mayfly_test_begin(&test, &mft_error));
        mft_ok(mayfly_test_file(test, NULL, &file, &mft_error));
        own = strdup(mayfly_test_tmpdir(test));
        assert_string_equal(getenv("TMPDIR"), own);
    }
    assert_string_equal(getenv("TMPDIR"), before);
    assert_false(mft_exists(own));
    free(own);
    free(before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        MFT(P7_a_test_has_a_directory_that_is_TMPDIR_and_goes),
        MFT(P7_what_is_handed_out_goes_with_the_test),
        MFT(P7_what_is_left_behind_is_named),
        MFT(P7_a_descriptor_that_was_closed_is_named),
        MFT(P7_more_than_the_message_has_room_for_is_counted),
        MFT(P7_what_the_library_holds_for_itself_is_no_leak),
        MFT(P7_a_forked_child_ends_it_without_consequences),
        MFT(P7_setup_and_teardown_say_what_cmocka_wants_to_know),
        cmocka_unit_test_setup_teardown(P7_a_test_of_cmocka_has_it_as_its_state, mayfly_test_setup,
                                        mayfly_test_teardown),
        MFT(P7_whatever_call_fails_TMPDIR_and_descriptors_are_as_before),
        MFT(P7_it_ends_with_its_scope),
    };
    return MFT_MAIN(tests);
}
