/* SPDX-License-Identifier: MIT
 *
 * K3: a private directory, and what is carried out of it.
 */
#define _GNU_SOURCE
#include "../lib/harness.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/fault.h"

static mayfly_workspace *begin(bool keep_on_error) {
    mayfly_workspace *work = NULL;
    if (mayfly_workspace_begin(&(mayfly_workspace_options){.keep_on_error = keep_on_error}, &work,
                               &mft_error) < 0)
        fail_msg("%s", mft_error.message);
    return work;
}

static void put(mayfly_workspace *work, const char *name, const char *text) {
    mayfly_auto(mayfly_file) file = NULL;
    if (mayfly_dir_file(mayfly_workspace_dir(work), name, NULL, &file, &mft_error) < 0 ||
        mayfly_file_write(file, text, strlen(text), &mft_error) < 0 ||
        mayfly_file_close(&file, &mft_error) < 0)
        fail_msg("%s", mft_error.message);
}

static void K3_results_are_carried_out_and_the_rest_goes(void **state) {
    (void)state;
    char *input = mft_path("talk.pdf"), *one = mft_path("one"), *two = mft_path("two"), path[4200];
    mft_write(input, "the input");
    mft_write(two, "old");
    mayfly_workspace *work = begin(false);
    size_t count = 0;
    mft_ok(mayfly_workspace_copy_in(work, input, "in/input.pdf", &mft_error));
    mft_ok(mayfly_workspace_copy_in(work, input, NULL, &mft_error));
    mft_fails(-EEXIST, mayfly_workspace_copy_in(work, input, NULL, &mft_error));
    snprintf(path, sizeof path, "%s/in/input.pdf", mayfly_workspace_path(work));
    assert_true(mft_is(path, "the input"));
    mft_ok(mayfly_dir_mkdir(mayfly_workspace_dir(work), "output", &mft_error));
    mft_ok(mayfly_workspace_carry_out(work, "output/text.txt", one, 0, &mft_error));
    mft_ok(mayfly_workspace_carry_out(work, "output/data.json", two, MAYFLY_DURABLE, &mft_error));
    put(work, "output/text.txt", "text");
    put(work, "output/data.json", "{}");
    mft_ok(mayfly_workspace_commit(work, &count, &mft_error));
    assert_int_equal(count, 2);
    mft_fails(-EPERM, mayfly_workspace_commit(work, NULL, &mft_error));
    mft_ok(mayfly_workspace_close(&work, &mft_error));
    assert_true(mft_is(one, "text") && mft_is(two, "{}"));
    assert_int_equal(unlink(input) | unlink(one) | unlink(two), 0);
    assert_int_equal(mft_entries(mft_tmp()), 0);
}

static void K3_nothing_is_carried_out_if_one_result_is_missing_or_does_not_fit(void **state) {
    (void)state;
    char *one = mft_path("one"), *two = mft_path("two");
    size_t count = 9;
    mft_write(one, "old one");
    mft_write(two, "old two");
    mayfly_workspace *work = begin(false);
    put(work, "a", "new one");
    mft_ok(mayfly_workspace_carry_out(work, "a", one, 0, &mft_error));
    mft_ok(mayfly_workspace_carry_out(work, "b", two, 0, &mft_error));
    mft_fails(-ENOENT, mayfly_workspace_commit(work, &count, &mft_error));
    assert_int_equal(count, 0);
    assert_true(mft_is(one, "old one") && mft_is(two, "old two"));
    put(work, "b", "new two");
    for (int i = 1; i < 3; i++) {
        mft_fault_refuse("copy_file_range", 2 * i - 1, -ENOSPC, 0);
        mft_fails(-ENOSPC, mayfly_workspace_commit(work, &count, &mft_error));
        mft_fault_end();
        assert_int_equal(count, 0);
        assert_true(mft_is(one, "old one") && mft_is(two, "old two"));
        assert_int_equal(mft_entries(mft_tmp()), 3); /* nothing staged is left */
    }
    mft_ok(mayfly_workspace_commit(work, &count, &mft_error));
    mft_ok(mayfly_workspace_close(&work, &mft_error));
    assert_true(mft_is(one, "new one") && mft_is(two, "new two"));
    assert_int_equal(unlink(one) | unlink(two), 0);
}

static void K3_keep_on_error_leaves_it_to_be_looked_at(void **state) {
    (void)state;
    mayfly_workspace *work = begin(true);
    char *path = mft_path(strrchr(mayfly_workspace_path(work), '/') + 1);
    put(work, "clue", "x");
    mft_ok(mayfly_workspace_close(&work, &mft_error));
    assert_int_equal(mft_entries(path), 1);
    mft_remove(path);
    work = begin(true);
    mft_ok(mayfly_workspace_commit(work, NULL, &mft_error));
    mft_ok(mayfly_workspace_close(&work, &mft_error));
    work = begin(false);
    mft_ok(mayfly_workspace_close(&work, &mft_error));
    assert_int_equal(mft_entries(mft_tmp()), 0);
}

static void K3_copies_are_the_same_by_every_way_and_keep_the_execute_bit(void **state) {
    (void)state;
    static char large[700000];
    char *input = mft_path("input"), path[4200];
    memset(large, 'x', sizeof large - 1);
    mft_write(input, large);
    assert_int_equal(chmod(input, 0755), 0);
    static const char *const refused[] = {NULL, "reflink", "copy_file_range"};
    for (int i = 0; i < 3; i++) {
        mayfly_workspace *work = begin(false);
        mft_fault_refuse(refused[i], refused[i] != NULL, -EOPNOTSUPP, 1);
        mft_ok(mayfly_workspace_copy_in(work, input, NULL, &mft_error));
        mft_fault_end();
        snprintf(path, sizeof path, "%s/input", mayfly_workspace_path(work));
        assert_true(mft_is(path, large));
        assert_int_equal(mft_mode(path), 0700);
        mft_ok(mayfly_workspace_close(&work, &mft_error));
    }
    assert_int_equal(unlink(input), 0);
}

static void K3_names_do_not_lead_out(void **state) {
    (void)state;
    mayfly_auto(mayfly_workspace) work = begin(false);
    char *input = mft_path("input");
    mft_write(input, "x");
    mft_fails(-EINVAL, mayfly_workspace_copy_in(work, input, "../x", &mft_error));
    mft_fails(-EINVAL, mayfly_workspace_copy_in(work, mft_tmp(), "x", &mft_error));
    mft_fails(-EINVAL, mayfly_workspace_carry_out(work, "../x", "y", 0, &mft_error));
    mft_fails(-EINVAL, mayfly_workspace_carry_out(work, "/etc/passwd", "y", 0, &mft_error));
    assert_int_equal(unlink(input), 0);
}

static void K3_files_and_directories_are_linked_in(void **state) {
    (void)state;
    mayfly_auto(mayfly_workspace) work = begin(false);
    char *input = mft_path("input"), path[4200], target[4200];
    mft_write(input, "x");
    assert_int_equal(chdir(mft_tmp()), 0);
    mft_ok(mayfly_workspace_link_in(work, "input", NULL, &mft_error));
    mft_ok(mayfly_workspace_link_in(work, mft_tmp(), "all", &mft_error));
    mft_fails(-EEXIST, mayfly_workspace_link_in(work, input, NULL, &mft_error));
    mft_fails(-ENOENT, mayfly_workspace_link_in(work, "nothing", NULL, &mft_error));
    mft_fails(-EINVAL, mayfly_workspace_link_in(work, "input", "all/input", &mft_error));
    mft_fails(-EINVAL, mayfly_workspace_link_in(work, "input", "..", &mft_error));
    snprintf(path, sizeof path, "%s/input", mayfly_workspace_path(work));
    assert_true(mft_is(path, "x"));
    assert_int_equal(readlink(path, target, sizeof target), strlen(input));
    mft_ok(mayfly_workspace_carry_out(work, "input", "y", 0, &mft_error));
    mft_fails(-ELOOP, mayfly_workspace_commit(work, NULL, &mft_error));
    mft_ok(mayfly_workspace_close(&work, &mft_error));
    assert_true(mft_is(input, "x")); /* what the links led to stays */
    assert_int_equal(unlink(input), 0);
}

/* Three results: over a file, over a link, and a new one; the fourth cannot be put in place. */
static void K3_a_target_that_cannot_be_replaced_undoes_those_before_it(void **state) {
    (void)state;
    static const char *const names[] = {"file", "link", "new", "dir"};
    char *file = mft_path("file"), *link = mft_path("link"), *dir = mft_path("dir");
    struct stat before, after;
    size_t count = 9;
    mft_write(file, "old");
    assert_int_equal(chmod(file, 0640) | symlink("file", link) | mkdir(dir, 0700), 0);
    assert_int_equal(stat(file, &before), 0);
    mayfly_workspace *work = begin(false);
    for (int i = 0; i < 4; i++) {
        put(work, names[i], "new");
        mft_ok(mayfly_workspace_carry_out(work, names[i], mft_path(names[i]), 0, &mft_error));
    }
    mft_fails(-EISDIR, mayfly_workspace_commit(work, &count, &mft_error));
    assert_int_equal(count, 0);
    assert_int_equal(stat(file, &after), 0);
    assert_true(before.st_ino == after.st_ino && before.st_mode == after.st_mode);
    assert_true(mft_is(file, "old") && mft_is(link, "old") && !mft_exists(mft_path("new")));
    assert_int_equal(mft_entries(mft_tmp()), 4); /* file, link, dir, and the workspace */

    /* Where there are no hard links it says how many have the new content. */
    mft_fault_refuse("linkat", 1, -EPERM, 1);
    mft_fails(-EISDIR, mayfly_workspace_commit(work, &count, &mft_error));
    mft_fault_end();
    assert_int_equal(count, 2);
    assert_true(mft_is(file, "new") && mft_is(link, "new") && !mft_exists(mft_path("new")));
    assert_int_equal(rmdir(dir), 0);
    mft_ok(mayfly_workspace_commit(work, &count, &mft_error));
    assert_int_equal(count, 4);
    mft_ok(mayfly_workspace_close(&work, &mft_error));
    mft_empty();
}

static int carry_out_three(mayfly_workspace *work, size_t *count, mayfly_error *error) {
    static const char *const names[] = {"a", "b", "c"};
    int r = 0;
    for (int i = 0; i < 3 && r == 0; i++)
        r = mayfly_workspace_carry_out(work, names[i], mft_path(names[i]), 0, error);
    return r == 0 ? mayfly_workspace_commit(work, count, error) : r;
}

/* Whatever call is refused: all are new or all are old. */
static void K3_whatever_call_fails_all_results_are_carried_out_or_none(void **state) {
    (void)state;
    static const int codes[] = {-EIO, -ENOSPC, -EACCES};
    char *a = mft_path("a"), *b = mft_path("b"), *c = mft_path("c");
    long points = 0;
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        for (long n = 1, refused = 1; refused > 0; n++, points++) {
            mayfly_error error = {.code = 0};
            size_t count = 0;
            mft_write(a, "old");
            mft_write(b, "old");
            mayfly_workspace *work = begin(false);
            put(work, "a", "new");
            put(work, "b", "new");
            put(work, "c", "new");
            mft_fault_refuse(NULL, n, codes[i], 0);
            const int r = carry_out_three(work, &count, &error);
            refused = mft_fault_refused();
            mft_fault_end();
            assert_int_equal(r < 0 ? r : 0, error.code);
            assert_true(refused > 0 || r == 0);
            const int all_new = mft_is(a, "new") && mft_is(b, "new") && mft_exists(c);
            const int all_old = mft_is(a, "old") && mft_is(b, "old") && !mft_exists(c);
            if (!(r < 0 ? all_old : all_new))
                fail_msg("call %ld (%s) refused, giving %d: some are new and some are old", n,
                         mft_fault_last(), r);
            mft_ok(mayfly_workspace_close(&work, &mft_error));
            if (mft_entries(mft_tmp()) != (r < 0 ? 2 : 3))
                fail_msg("call %ld (%s) refused: something is left", n, mft_fault_last());
            mft_empty();
        }
    print_message("%ld points of failure\n", points);
    assert_true(points > 200);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        MFT(K3_results_are_carried_out_and_the_rest_goes),
        MFT(K3_nothing_is_carried_out_if_one_result_is_missing_or_does_not_fit),
        MFT(K3_keep_on_error_leaves_it_to_be_looked_at),
        MFT(K3_copies_are_the_same_by_every_way_and_keep_the_execute_bit),
        MFT(K3_names_do_not_lead_out),
        MFT(K3_files_and_directories_are_linked_in),
        MFT(K3_a_target_that_cannot_be_replaced_undoes_those_before_it),
        MFT(K3_whatever_call_fails_all_results_are_carried_out_or_none),
    };
    return MFT_MAIN(tests);
}
