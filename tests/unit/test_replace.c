/* SPDX-License-Identifier: MIT
 *
 * P1: replacing a file, all or nothing.
 */
#define _GNU_SOURCE
#include "../lib/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../src/base/sys.h"
#include "../lib/fault.h"

static char *target;

static int replace_by(const char *text, const mayfly_replace_options *options,
                      mayfly_error *error) {
    return mayfly_replace_with(target, text, strlen(text), options, error);
}

static void with_old(void) {
    target = mft_path("target");
    mft_write(target, "old");
}

static void P1_the_new_content_is_there_or_the_old(void **state) {
    (void)state;
    target = mft_path("target");
    mft_ok(replace_by("first", NULL, &mft_error)); /* there was none */
    assert_true(mft_is(target, "first"));
    mayfly_replace *replace = NULL;
    mayfly_replace_result result;
    mft_ok(mayfly_replace_begin(target, NULL, &replace, &mft_error));
    mft_ok(mayfly_file_write(mayfly_replace_file(replace), "second", 6, &mft_error));
    assert_true(mft_is(target, "first"));
    assert_int_equal(mft_entries(mft_tmp()), 1); /* and nobody sees the new one */
    mft_ok(mayfly_replace_commit(replace, &result, &mft_error));
    assert_true(mft_is(target, "second"));
    assert_true(result.atomic && result.persist.replaced && !result.backed_up);
    mft_fails(-EPERM, mayfly_replace_commit(replace, NULL, &mft_error));
    mft_ok(mayfly_replace_end(&replace, &mft_error));
    mft_ok(mayfly_replace_end(&replace, &mft_error));
    assert_int_equal(mft_entries(mft_tmp()), 1);
    (void)unlink(target);
}

static void P1_without_a_commit_nothing_has_happened(void **state) {
    (void)state;
    with_old();
    {
        mayfly_auto(mayfly_replace) replace = NULL;
        mft_ok(mayfly_replace_begin(target, NULL, &replace, &mft_error));
        mft_ok(mayfly_file_write(mayfly_replace_file(replace), "new", 3, &mft_error));
    }
    assert_true(mft_is(target, "old"));
    assert_int_equal(mft_entries(mft_tmp()), 1);
    (void)unlink(target);
}

static void a_write_that_failed_makes_the_commit_fail(void **state) {
    (void)state;
    with_old();
    mayfly_auto(mayfly_replace) replace = NULL;
    mft_ok(mayfly_replace_begin(target, NULL, &replace, &mft_error));
    mft_ok(mayfly_file_write(mayfly_replace_file(replace), "new", 3, &mft_error));
    mft_fault_refuse("pwrite", 1, -ENOSPC, 1);
    const int flushed = mayfly_file_flush(mayfly_replace_file(replace), NULL);
    const int r = mayfly_replace_commit(replace, NULL, &mft_error);
    mft_fault_end();
    assert_int_equal(flushed, -ENOSPC);
    assert_int_equal(r, -ENOSPC);
    assert_true(mft_is(target, "old"));
    mft_ok(mayfly_replace_commit(replace, NULL, &mft_error)); /* there is room again */
    assert_true(mft_is(target, "new"));
    (void)unlink(target);
}

static void durability_is_what_was_asked_for(void **state) {
    (void)state;
    static const struct {
        mayfly_durability durability;
        long syncs;
    } rows[] = {{MAYFLY_DURABILITY_NONE, 0},
                {MAYFLY_DURABILITY_CONSISTENT, 1},
                {MAYFLY_DURABILITY_FULL, 2}};
    with_old();
    for (size_t i = 0; i < 3; i++) {
        mft_fault_count();
        mft_ok(replace_by("new", &(mayfly_replace_options){.durability = rows[i].durability},
                          &mft_error));
        assert_int_equal(mft_fault_calls("fsync"), rows[i].syncs);
        mft_fault_end();
    }
    (void)unlink(target);
}

static void a_new_file_has_the_mode_that_the_umask_allows(void **state) {
    (void)state;
    target = mft_path("target");
    (void)umask(027);
    mft_ok(replace_by("x", NULL, &mft_error));
    assert_int_equal(mft_mode(target), 0640);
    (void)umask(022);
    assert_int_equal(chmod(target, 0600), 0);
    mft_ok(replace_by("y", NULL, &mft_error));
    assert_int_equal(mft_mode(target), 0600);
    mft_ok(replace_by("z", &(mayfly_replace_options){.permissions = 0666}, &mft_error));
    assert_int_equal(mft_mode(target), 0600); /* never wider than the old one */
    assert_int_equal(chmod(target, 0755), 0);
    mft_ok(replace_by("script", NULL, &mft_error));
    assert_int_equal(mft_mode(target), 0755);
    (void)unlink(target);
    mft_ok(replace_by("x", &(mayfly_replace_options){.permissions = 0664}, &mft_error));
    assert_int_equal(mft_mode(target), 0664);
    assert_int_equal(chmod(target, 0755), 0);
    mft_ok(replace_by("y", &(mayfly_replace_options){.preserve = true}, &mft_error));
    assert_int_equal(mft_mode(target), 0755);
    (void)unlink(target);
}

static void no_clobber_leaves_what_is_there(void **state) {
    (void)state;
    with_old();
    const mayfly_replace_options careful = {.no_clobber = true};
    mayfly_replace *replace = NULL;
    mft_fails(-EEXIST, replace_by("new", &careful, &mft_error));
    (void)unlink(target);
    mft_ok(mayfly_replace_begin(target, &careful, &replace, &mft_error));
    mft_write(target, "somebody was quicker");
    mft_fails(-EEXIST, mayfly_replace_commit(replace, NULL, &mft_error));
    mft_ok(mayfly_replace_end(&replace, &mft_error));
    assert_true(mft_is(target, "somebody was quicker"));
    (void)unlink(target);
}

/* ---- links ----------------------------------------------------------------------------------- */

static void a_link_is_replaced_followed_or_refused(void **state) {
    (void)state;
    struct stat st;
    char *file = mft_path("file"), *middle = mft_path("middle");
    target = mft_path("target");
    mft_write(file, "old");
    assert_int_equal(symlink("file", middle), 0);
    assert_int_equal(symlink(middle, target), 0);
    mft_fails(-ELOOP,
              replace_by("x", &(mayfly_replace_options){.links = MAYFLY_LINKS_REFUSE}, &mft_error));
    mft_ok(replace_by("followed", &(mayfly_replace_options){.links = MAYFLY_LINKS_FOLLOW},
                      &mft_error));
    assert_true(mft_is(file, "followed"));
    assert_true(lstat(target, &st) == 0 && S_ISLNK(st.st_mode));
    mft_ok(replace_by("replaced", NULL, &mft_error));
    assert_true(lstat(target, &st) == 0 && S_ISREG(st.st_mode));
    assert_true(mft_is(file, "followed"));
    mft_empty();
}

static void CVE_2021_28153_a_link_that_leads_nowhere_makes_nothing_there(void **state) {
    (void)state;
    target = mft_path("target");
    assert_int_equal(symlink(mft_path("nowhere"), target), 0);
    mft_fails(-ENOENT,
              replace_by("x", &(mayfly_replace_options){.links = MAYFLY_LINKS_FOLLOW}, &mft_error));
    assert_false(mft_exists(mft_path("nowhere")));
    assert_int_equal(symlink("round", mft_path("round")), 0);
    target = mft_path("round");
    mft_fails(-ELOOP,
              replace_by("x", &(mayfly_replace_options){.links = MAYFLY_LINKS_FOLLOW}, &mft_error));
    mft_empty();
}

static void hard_links_are_split_refused_or_written_in_place(void **state) {
    (void)state;
    with_old();
    char *other = mft_path("other");
    assert_int_equal(link(target, other), 0);
    mft_fails(-EMLINK,
              replace_by("x", &(mayfly_replace_options){.hard_links = MAYFLY_HARD_LINKS_REFUSE},
                         &mft_error));
    mayfly_replace *replace = NULL;
    mayfly_replace_result result;
    const mayfly_replace_options in_place = {.hard_links = MAYFLY_HARD_LINKS_IN_PLACE,
                                             .backup = "target.orig"};
    mft_ok(mayfly_replace_begin(target, &in_place, &replace, &mft_error));
    mft_ok(mayfly_file_write(mayfly_replace_file(replace), "longer than before", 18, &mft_error));
    mft_ok(mayfly_replace_commit(replace, &result, &mft_error));
    mft_ok(mayfly_replace_end(&replace, &mft_error));
    assert_false(result.atomic);
    assert_true(result.backed_up);
    assert_true(mft_is(other, "longer than before"));
    assert_true(mft_is(mft_path("target.orig"), "old")); /* a copy: a link would have changed */
    mft_ok(replace_by("split", NULL, &mft_error));
    assert_true(mft_is(target, "split"));
    assert_true(mft_is(other, "longer than before"));
    mft_empty();
}

static int no_room(int fd, int64_t size) {
    (void)fd;
    (void)size;
    return -ENOSPC;
}

static void in_place_nothing_is_changed_if_there_is_no_room(void **state) {
    (void)state;
    with_old();
    assert_int_equal(link(target, mft_path("other")), 0);
    mfi_sys.allocate = no_room;
    mft_fails(-ENOSPC,
              replace_by("longer than before",
                         &(mayfly_replace_options){.hard_links = MAYFLY_HARD_LINKS_IN_PLACE},
                         &mft_error));
    mfi_sys = mfi_sys_real;
    assert_true(mft_is(target, "old"));
    mft_empty();
}

/* ---- backups --------------------------------------------------------------------------------- */

static int no_links(int from, const char *old, int to, const char *name, int flags) {
    (void)from;
    (void)old;
    (void)to;
    (void)name;
    (void)flags;
    return -EPERM;
}

static void the_old_content_is_kept_as_a_backup(void **state) {
    (void)state;
    const mayfly_replace_options options = {.backup = "target~"};
    for (int without_links = 0; without_links < 2; without_links++) {
        with_old();
        if (without_links)
            mfi_sys.linkat = no_links;
        mft_ok(replace_by("new", &options, &mft_error));
        assert_true(mft_is(target, "new"));
        assert_true(mft_is(mft_path("target~"), "old"));
        mft_ok(replace_by("newer", &options, &mft_error)); /* over the backup before */
        assert_true(mft_is(mft_path("target~"), "new"));
        mfi_sys = mfi_sys_real;
        assert_int_equal(mft_entries(mft_tmp()), 2);
        mft_empty();
        mft_ok(replace_by("first", &options, &mft_error)); /* nothing to back up */
        assert_int_equal(mft_entries(mft_tmp()), 1);
        mft_empty();
    }
}

/* ---- what is refused ------------------------------------------------------------------------- */

static void bad_targets_are_told(void **state) {
    (void)state;
    mayfly_replace *replace = NULL;
    mft_fails(-EINVAL, mayfly_replace_begin(NULL, NULL, &replace, &mft_error));
    mft_fails(-EINVAL, mayfly_replace_begin("", NULL, &replace, &mft_error));
    mft_fails(-EINVAL, mayfly_replace_begin("/tmp/", NULL, &replace, &mft_error));
    mft_fails(-EISDIR, mayfly_replace_begin(mft_tmp(), NULL, &replace, &mft_error));
    mft_fails(-ENOENT, mayfly_replace_begin(mft_path("no/such"), NULL, &replace, &mft_error));
    mft_fails(-EINVAL,
              mayfly_replace_begin(
                  mft_path("x"), &(mayfly_replace_options){.preserve = true, .preserve_best = true},
                  &replace, &mft_error));
    mft_fails(-EINVAL, mayfly_replace_begin(mft_path("x"),
                                            &(mayfly_replace_options){.links = (mayfly_links)9},
                                            &replace, &mft_error));
    assert_int_equal(mft_entries(mft_tmp()), 0);
}

/* ---- killed and refused at every call -------------------------------------------------------- */

static int no_unnamed(int dir, mode_t mode) {
    (void)dir;
    (void)mode;
    return -EOPNOTSUPP;
}

struct run {
    long n;
    int without_tmpfile;
    mayfly_replace_options options;
};

static int scenario(void *context) {
    const struct run *run = context;
    mft_fault_refuse(NULL, run->n, MFT_FAULT_DIE, 0);
    if (run->without_tmpfile)
        mfi_sys.open_unnamed = no_unnamed;
    const int r = replace_by("the new content", &run->options, NULL);
    mft_fault_end();
    return r < 0;
}

static void killed_before_every_call_the_target_is_the_old_or_the_new(void **state) {
    (void)state;
    const mayfly_replace_options rows[] = {
        {.durability = MAYFLY_DURABILITY_FULL},
        {.backup = "backup", .preserve_best = true},
        {.no_clobber = false, .durability = MAYFLY_DURABILITY_NONE},
    };
    long kills = 0;
    for (size_t row = 0; row < 6; row++)
        for (long n = 1;; n += mft_wrapped() ? 5 : 1) {
            struct run run = {n, row >= 3, rows[row % 3]};
            with_old();
            const int status = mft_fork(scenario, &run);
            mft_ok(mayfly_reap(NULL, NULL, &mft_error));
            const int has_backup = mft_exists(mft_path("backup"));
            if (!mft_is(target, "old") && !mft_is(target, "the new content"))
                fail_msg("call %ld: the target is neither", n);
            if (has_backup && !mft_is(mft_path("backup"), "old"))
                fail_msg("call %ld: the backup is not the old one", n);
            if (mft_is(target, "the new content") && rows[row % 3].backup != NULL && !has_backup)
                fail_msg("call %ld: replaced without a backup", n);
            if (mft_entries(mft_tmp()) != 1 + has_backup)
                fail_msg("call %ld: something is left", n);
            mft_empty();
            if (WIFEXITED(status)) {
                assert_int_equal(WEXITSTATUS(status), 0);
                break;
            }
            kills++;
        }
    print_message("%ld kill points\n", kills);
}

static int replace_all(void *context, mayfly_error *error) {
    (void)context;
    mft_write(target, "old");
    const int r =
        replace_by("new", &(mayfly_replace_options){.durability = MAYFLY_DURABILITY_FULL}, error);
    const int right = mft_is(target, r == 0 ? "new" : "old") || (r < 0 && mft_is(target, "new"));
    (void)unlink(target);
    return right ? r : -EUCLEAN;
}

static void refused_at_every_call_the_target_is_the_old_or_the_new(void **state) {
    (void)state;
    static const int codes[] = {-EIO, -ENOSPC, -EMFILE, -EACCES};
    target = mft_path("target");
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        (void)mft_fault_until_ok(replace_all, NULL, codes[i], 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        MFT(P1_the_new_content_is_there_or_the_old),
        MFT(P1_without_a_commit_nothing_has_happened),
        MFT(a_write_that_failed_makes_the_commit_fail),
        MFT(durability_is_what_was_asked_for),
        MFT(a_new_file_has_the_mode_that_the_umask_allows),
        MFT(no_clobber_leaves_what_is_there),
        MFT(a_link_is_replaced_followed_or_refused),
        MFT(CVE_2021_28153_a_link_that_leads_nowhere_makes_nothing_there),
        MFT(hard_links_are_split_refused_or_written_in_place),
        MFT(in_place_nothing_is_changed_if_there_is_no_room),
        MFT(the_old_content_is_kept_as_a_backup),
        MFT(bad_targets_are_told),
        MFT(killed_before_every_call_the_target_is_the_old_or_the_new),
        MFT(refused_at_every_call_the_target_is_the_old_or_the_new),
    };
    return MFT_MAIN(tests);
}
