/* SPDX-License-Identifier: MIT
 *
 * D1, D2: removing a tree, all of it and nothing else.
 */
#define _GNU_SOURCE
#include "../lib/trees.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "../../src/base/sys.h"
#include "../../src/tree/tree.h"
#include "../lib/fault.h"

static void D2_a_tree_goes_with_everything_below_it(void **state) {
    (void)state;
    char *root = mft_tree("root");
    mft_fill(root, 3, 5);
    mft_ok(mayfly_remove_tree(root, NULL, NULL, &mft_error));
    assert_false(mft_exists(root));
    mft_ok(mayfly_remove_tree(root, NULL, NULL, &mft_error)); /* gone already */
    root = mft_tree("again");
    char slashed[4200];
    snprintf(slashed, sizeof slashed, "%s//", root);
    mft_ok(mayfly_remove_tree(slashed, NULL, NULL, &mft_error));
}

static void D2_a_file_or_a_link_goes_and_not_what_it_leads_to(void **state) {
    (void)state;
    char *file = mft_path("file"), *to_dir = mft_path("to-dir"), *dir = mft_tree("dir");
    mft_write(file, "x");
    mft_write(mft_path("dir/inside"), "x");
    assert_int_equal(symlink(dir, to_dir), 0);
    mft_ok(mayfly_remove_tree(file, NULL, NULL, &mft_error));
    mft_ok(mayfly_remove_tree(to_dir, NULL, NULL, &mft_error));
    assert_int_equal(mft_entries(dir), 1);
    mft_remove(dir);
}

static void D2_paths_that_name_no_entry_are_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"", "/", ".", "..", "x/..", "x/.", "//"};
    for (size_t i = 0; i < 7; i++)
        mft_fails(-EINVAL, mayfly_remove_tree(bad[i], NULL, NULL, &mft_error));
    mft_fails(-EINVAL, mayfly_remove_tree(NULL, NULL, NULL, &mft_error));
}

static void links_fifos_and_sockets_are_removed_and_never_opened_or_followed(void **state) {
    (void)state;
    char *root = mft_tree("root"), *outside = mft_tree("outside");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    mft_write(mft_path("outside/canary"), "alive");
    assert_int_equal(chmod(mft_path("outside/canary"), 0400), 0);
    assert_int_equal(symlink(outside, mft_path("root/to-dir")), 0);
    assert_int_equal(symlink(mft_path("outside/canary"), mft_path("root/to-file")), 0);
    assert_int_equal(symlink("nowhere", mft_path("root/dangling")), 0);
    assert_int_equal(mkfifo(mft_path("root/fifo"), 0600), 0);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s/root/s", mft_tmp());
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(close(fd), 0);
    mft_ok(mayfly_remove_tree(root, NULL, NULL, &mft_error));
    assert_true(mft_is(mft_path("outside/canary"), "alive"));
    assert_int_equal(mft_mode(mft_path("outside/canary")), 0400); /* CVE-2023-6597 */
    mft_remove(outside);
}

static void CVE_2021_3997_depth_takes_no_stack_and_few_descriptors(void **state) {
    (void)state;
    if (mft_wrapped())
        mft_skip("what the test runs under needs descriptors of its own");
    char *root = mft_tree("root");
    mft_dig(root, 10000, 0);
    assert_int_equal(mft_fork(mft_remove_with_little, &(struct mft_removal){root, 0}), 0);
    assert_false(mft_exists(root));
}

static int no_descriptors_left(void *root) {
    if (mft_leave_descriptors(3) != 0)
        return 1;
    return mayfly_remove_tree(root, NULL, NULL, NULL) == 0 ? 0 : 2;
}

static void with_three_descriptors_left_it_still_gets_everywhere(void **state) {
    (void)state;
    if (mft_wrapped())
        mft_skip("what the test runs under needs descriptors of its own");
    char *root = mft_tree("root");
    mft_dig(root, 100, 0);
    mft_fill(root, 2, 3);
    assert_int_equal(mft_fork(no_descriptors_left, root), 0);
    assert_false(mft_exists(root));
}

static void one_directory_may_hold_very_many(void **state) {
    (void)state;
    char *root = mft_tree("root");
    const int at = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; i < 20000; i++) {
        char name[32];
        snprintf(name, sizeof name, "%d", i);
        if (i % 10 == 0)
            assert_int_equal(mkdirat(at, name, 0700), 0);
        else
            assert_int_equal(mknodat(at, name, S_IFREG | 0600, 0), 0);
    }
    assert_int_equal(close(at), 0);
    mft_fault_count();
    mft_ok(mayfly_remove_tree(root, NULL, NULL, &mft_error));
    assert_in_range(mft_fault_calls("unlinkat"), 20000, 20010); /* one for each */
    mft_fault_end();
}

/* ---- permissions ------------------------------------------------------------------------------
 */

static int as_user(void *root) {
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
        return 1;
    return mayfly_remove_tree(root, NULL, NULL, NULL) == 0 ? 0 : 2;
}

static int as_user_leaving_modes(void *root) {
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
        return 1;
    const mayfly_tree_options options = {.leave_modes = true};
    return mayfly_remove_tree(root, &options, NULL, NULL) == MAYFLY_E_LEFTOVER ? 0 : 2;
}

static void directories_of_our_own_are_repaired_whatever_their_mode_is(void **state) {
    (void)state;
    static const mode_t modes[] = {0000, 0100, 0200, 0300, 0400, 0500, 0600};
    char *root = mft_tree("root");
    assert_int_equal(chmod(mft_tmp(), 0777), 0);
    mft_give_away(root);
    for (size_t i = 0; i < 7; i++) {
        char path[4200], inner[4300];
        snprintf(path, sizeof path, "%s/%04o", root, (unsigned)modes[i]);
        snprintf(inner, sizeof inner, "%s/inner", path);
        assert_int_equal(mkdir(path, 0700) | mkdir(inner, 0700), 0);
        snprintf(inner, sizeof inner, "%s/inner/file", path);
        mft_write(inner, "x");
        mft_give_away(path);
        snprintf(inner, sizeof inner, "%s/inner", path);
        mft_give_away(inner);
        assert_int_equal(chmod(inner, modes[i]) | chmod(path, modes[i]), 0);
    }
    assert_int_equal(mft_fork(as_user_leaving_modes, root), 0);
    assert_int_equal(mft_fork(as_user, root), 0);
    assert_false(mft_exists(root));
}

static void directories_of_others_keep_their_modes(void **state) {
    (void)state;
    if (geteuid() != 0)
        mft_skip("only root can make a directory that belongs to somebody else");
    char *root = mft_tree("root"), *theirs = mft_tree("root/theirs");
    mft_write(mft_path("root/theirs/file"), "x");
    assert_int_equal(chmod(mft_tmp(), 0777) | chmod(root, 0777) | chmod(theirs, 0500), 0);
    assert_int_equal(mft_fork(as_user, root), 2 << 8);
    assert_int_equal(mft_mode(theirs), 0500);
    assert_true(mft_exists(mft_path("root/theirs/file")));
    mft_remove(root);
}

/* ---- what is left -----------------------------------------------------------------------------
 */

static int keep_some(int dir, const char *name, int flags) {
    if (strncmp(name, "immutable", 9) == 0)
        return -EPERM;
    return mfi_sys_real.unlinkat(dir, name, flags);
}

static void what_cannot_be_removed_is_listed_and_the_rest_goes(void **state) {
    (void)state;
    char *root = mft_tree("root");
    mayfly_auto(mayfly_leftovers) left = NULL;
    const char *path = NULL;
    int code = 0;
    mft_fill(root, 1, 4);
    mft_write(mft_path("root/dir-1/immutable-1"), "x");
    mft_write(mft_path("root/immutable-2"), "x");
    mfi_sys.unlinkat = keep_some;
    mft_fails(MAYFLY_E_LEFTOVER, mayfly_remove_tree(root, NULL, &left, &mft_error));
    mfi_sys = mfi_sys_real;
    assert_int_equal(mayfly_leftovers_count(left), 2);
    int seen = 0;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(mayfly_leftovers_get(left, i, &path, &code), 0);
        assert_int_equal(code, -EPERM);
        seen |= strcmp(path, "dir-1/immutable-1") == 0 ? 1
                : strcmp(path, "immutable-2") == 0     ? 2
                                                       : 4;
    }
    assert_int_equal(seen, 3);
    assert_int_equal(mayfly_leftovers_get(left, 2, &path, &code), -ENOENT);
    assert_int_equal(mft_entries(root), 2);
    assert_non_null(strstr(mft_error.message, "2 could not be removed"));
    assert_non_null(strstr(mft_error.message, "immutable"));
    mft_remove(root);
}

static void a_mount_inside_is_left_with_what_is_in_it(void **state) {
    (void)state;
    char *root = mft_tree("root"), *mounted = mft_tree("root/mounted");
    mayfly_auto(mayfly_leftovers) left = NULL;
    const char *path = NULL;
    int code = 0;
    if (mount("tmpfs", mounted, "tmpfs", 0, "size=64k") != 0) {
        mft_remove(root);
        mft_skip("nothing can be mounted here");
    }
    mft_write(mft_path("root/mounted/canary"), "alive");
    mft_write(mft_path("root/file"), "x");
    const int r = mayfly_remove_tree(root, NULL, &left, &mft_error);
    const int alive = mft_is(mft_path("root/mounted/canary"), "alive");
    const int itself = mayfly_remove_tree(mounted, NULL, NULL, NULL);
    const int still = mft_is(mft_path("root/mounted/canary"), "alive");
    assert_int_equal(umount(mounted), 0);
    assert_int_equal(r, MAYFLY_E_LEFTOVER);
    assert_int_equal(mayfly_leftovers_get(left, 0, &path, &code), 0);
    assert_string_equal(path, "mounted");
    assert_int_equal(code, -EXDEV);
    assert_true(alive && still);
    assert_int_equal(itself, -EBUSY);
    assert_false(mft_exists(mft_path("root/file")));
    mft_remove(root);
}

static void a_bind_mount_of_the_same_file_system_is_left_too(void **state) {
    (void)state;
    char *root = mft_tree("root"), *mounted = mft_tree("root/mounted"),
         *outside = mft_tree("outside");
    mft_write(mft_path("outside/canary"), "alive");
    if (mount(outside, mounted, "none", MS_BIND, NULL) != 0) {
        mft_remove(root);
        mft_remove(outside);
        mft_skip("nothing can be mounted here");
    }
    const int r = mayfly_remove_tree(root, NULL, NULL, NULL);
    const int alive = mft_is(mft_path("outside/canary"), "alive");
    assert_int_equal(umount(mounted), 0);
    assert_int_equal(r, MAYFLY_E_LEFTOVER);
    assert_true(alive);
    mft_remove(root);
    mft_remove(outside);
}

/* ---- somebody else is at work -----------------------------------------------------------------
 */

static char *hook_path, *hook_other;
static int hook_count;

static int refill(int dir, const char *name, int flags) {
    const int r = mfi_sys_real.unlinkat(dir, name, flags);
    if ((flags & AT_REMOVEDIR) == 0 && hook_count-- > 0)
        mft_write(hook_path, "again");
    return r;
}

static void a_directory_that_is_refilled_is_emptied_again_but_not_for_ever(void **state) {
    (void)state;
    char *root = mft_tree("root");
    (void)mft_tree("root/sub");
    hook_path = mft_path("root/sub/file");
    mft_write(hook_path, "x");
    mfi_sys.unlinkat = refill;
    hook_count = 5;
    mft_ok(mayfly_remove_tree(root, NULL, NULL, &mft_error));
    mfi_sys = mfi_sys_real;
    assert_false(mft_exists(root));
    (void)mft_tree("root");
    (void)mft_tree("root/sub");
    mft_write(hook_path, "x");
    mfi_sys.unlinkat = refill;
    hook_count = 1 << 30;
    mft_fails(MAYFLY_E_LEFTOVER, mayfly_remove_tree(root, NULL, NULL, &mft_error));
    mfi_sys = mfi_sys_real;
    mft_remove(root);
}

/* While "sub/deep" is being emptied, "sub" is moved out of the tree (CVE-2002-0435). */
static int move_away(int dir, const char *name, int flags) {
    if (hook_count-- == 0)
        (void)rename(hook_path, hook_other);
    return mfi_sys_real.unlinkat(dir, name, flags);
}

static void CVE_2002_0435_a_directory_moved_out_does_not_lead_the_way_out(void **state) {
    (void)state;
    for (int when = 0; when < 60; when += 3) {
        char *root = mft_tree("root"), *outside = mft_tree("outside");
        (void)mft_tree("root/sub");
        mft_dig(mft_path("root/sub"), 30, 0); /* deeper than what is held open */
        mft_fill(mft_path("root/sub"), 1, 3);
        mft_fill(root, 1, 3);
        mft_write(mft_path("outside/canary"), "alive");
        hook_path = mft_path("root/sub");
        hook_other = mft_path("outside/moved");
        hook_count = when;
        mfi_sys.unlinkat = move_away;
        (void)mayfly_remove_tree(root, NULL, NULL, NULL); /* may be done, or leave something */
        mfi_sys = mfi_sys_real;
        assert_true(mft_is(mft_path("outside/canary"), "alive"));
        assert_true(mft_entries(mft_tmp()) >= 1);
        mft_remove(root);
        mft_remove(outside);
    }
}

struct racer {
    _Atomic int stop;
    char *dir, *aside, *link;
};

static void *swap(void *context) {
    struct racer *racer = context;
    while (!atomic_load(&racer->stop)) {
        if (rename(racer->dir, racer->aside) == 0) {
            (void)rename(racer->link, racer->dir);
            (void)rename(racer->dir, racer->link);
            (void)rename(racer->aside, racer->dir);
        }
        (void)sched_yield(); /* under valgrind only one of the two runs at a time */
    }
    return NULL;
}

static void CVE_2022_21658_a_directory_swapped_for_a_link_is_not_followed(void **state) {
    (void)state;
    char *outside = mft_tree("outside");
    mft_write(mft_path("outside/canary"), "alive");
    for (int round = 0; round < 200; round++) {
        char *root = mft_tree("root");
        (void)mft_tree("root/sub");
        mft_fill(mft_path("root/sub"), 0, 3);
        struct racer racer = {0, mft_path("root/sub"), mft_path("root/aside"),
                              mft_path("root/link")};
        assert_int_equal(symlink(outside, racer.link), 0);
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, swap, &racer), 0);
        (void)mayfly_remove_tree(root, NULL, NULL, NULL);
        atomic_store(&racer.stop, 1);
        assert_int_equal(pthread_join(thread, NULL), 0);
        if (!mft_is(mft_path("outside/canary"), "alive"))
            fail_msg("round %d", round);
        mft_remove(root);
        if (round % 20 == 19) { /* paths are kept until the test ends */
            mft_remove(outside);
            outside = mft_tree("outside");
            mft_write(mft_path("outside/canary"), "alive");
        }
    }
    mft_remove(outside);
}

static void another_directory_of_that_name_is_left_alone(void **state) {
    (void)state;
    char *root = mft_tree("root");
    static const mayfly_tree_options defaults;
    const struct mfi_identity other = {1, 12345};
    mft_write(mft_path("root/file"), "x");
    const int dir = open(mft_tmp(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    mft_fails(MAYFLY_E_REPLACED,
              mfi_tree_remove(dir, "root", root, &other, &defaults, NULL, &mft_error));
    assert_int_equal(close(dir), 0);
    assert_int_equal(mft_entries(root), 1);
    mft_remove(root);
}

/* ---- options ----------------------------------------------------------------------------------
 */

static int count_progress(const mayfly_tree_progress *progress, void *user) {
    *(uint64_t *)user = progress->removed_files + progress->removed_directories;
    return progress->removed_directories >= 3 && progress->path[0] == '?';
}

static int stop_at_once(const mayfly_tree_progress *progress, void *user) {
    (void)progress;
    return ++*(int *)user == 2;
}

static void keep_root_empties_it_and_progress_is_told(void **state) {
    (void)state;
    char *root = mft_tree("root");
    uint64_t removed = 0;
    int calls = 0;
    mft_fill(root, 2, 3);
    mft_ok(mayfly_remove_tree(
        root,
        &(mayfly_tree_options){.keep_root = true, .progress = count_progress, .user = &removed},
        NULL, &mft_error));
    assert_int_equal(removed, 3 + 9 + 27 + 3 + 9);
    assert_int_equal(mft_entries(root), 0);
    mft_fill(root, 2, 3);
    mft_fails(-ECANCELED,
              mayfly_remove_tree(root,
                                 &(mayfly_tree_options){.progress = stop_at_once, .user = &calls},
                                 NULL, &mft_error));
    assert_int_equal(calls, 2);
    mft_remove(root);
}

static void every_failing_call_leaves_it_to_be_finished(void **state) {
    (void)state;
    static const int codes[] = {-EIO, -EACCES, -ENOMEM, -EMFILE, -ENOENT};
    for (size_t c = 0; c < 5; c++)
        for (long n = 1;; n++) {
            char root[64];
            snprintf(root, sizeof root, "%.50s/r", mft_tmp());
            assert_int_equal(mkdir(root, 0700), 0);
            mft_fill(root, 1, 2);
            mft_fault_refuse(NULL, n, codes[c], 0);
            const int r = mayfly_remove_tree(root, NULL, NULL, &mft_error);
            const long refused = mft_fault_refused();
            mft_fault_end();
            if (r < 0 && mft_error.code != r)
                fail_msg("%d instead of %d", mft_error.code, r);
            mft_ok(mayfly_remove_tree(root, NULL, NULL, &mft_error));
            assert_false(mft_exists(root));
            if (refused == 0)
                break;
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        MFT(D2_a_tree_goes_with_everything_below_it),
        MFT(D2_a_file_or_a_link_goes_and_not_what_it_leads_to),
        MFT(D2_paths_that_name_no_entry_are_refused),
        MFT(links_fifos_and_sockets_are_removed_and_never_opened_or_followed),
        MFT(CVE_2021_3997_depth_takes_no_stack_and_few_descriptors),
        MFT(with_three_descriptors_left_it_still_gets_everywhere),
        MFT(one_directory_may_hold_very_many),
        MFT(directories_of_our_own_are_repaired_whatever_their_mode_is),
        MFT(directories_of_others_keep_their_modes),
        MFT(what_cannot_be_removed_is_listed_and_the_rest_goes),
        MFT(a_mount_inside_is_left_with_what_is_in_it),
        MFT(a_bind_mount_of_the_same_file_system_is_left_too),
        MFT(a_directory_that_is_refilled_is_emptied_again_but_not_for_ever),
        MFT(CVE_2002_0435_a_directory_moved_out_does_not_lead_the_way_out),
        MFT(CVE_2022_21658_a_directory_swapped_for_a_link_is_not_followed),
        MFT(another_directory_of_that_name_is_left_alone),
        MFT(keep_root_empties_it_and_progress_is_told),
        MFT(every_failing_call_leaves_it_to_be_finished),
    };
    return MFT_MAIN(tests);
}
