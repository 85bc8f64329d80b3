/* SPDX-License-Identifier: MIT
 *
 * D1, D2: removing a tree while somebody else is at work in it. What the other one does is done by
 * a wrapped system call, at the worst moment, every time.
 */
#define _GNU_SOURCE
#include "../lib/trees.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../src/base/sys.h"
#include "../../src/tree/tree.h"

static const mayfly_tree_options defaults;

static struct mfi_identity identity_of(const char *path) {
    struct stat st;
    assert_int_equal(lstat(path, &st), 0);
    return (struct mfi_identity){(uint64_t)st.st_dev, (uint64_t)st.st_ino};
}

static int remove_identified(const char *name, const struct mfi_identity *identity) {
    const int dir = open(mft_tmp(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const int r = mfi_tree_remove(dir, name, name, identity, &defaults, NULL, &mft_error);
    (void)close(dir);
    return r;
}

/* ---- names that change hands ----------------------------------------------------------------- */

static char *hook_from, *hook_to, *hook_link, *hook_target;
static int hook_count;

/* Moves a directory away and puts a link in its place. */
static void swap_for_link(void) {
    if (rename(hook_from, hook_to) != 0 || symlink(hook_target, hook_link) != 0)
        abort();
}

static int swap_before_open(int dir, const char *name, int flags, mode_t mode) {
    if (strcmp(name, "sub") == 0 && hook_count-- == 1)
        swap_for_link();
    return mfi_sys_real.openat(dir, name, flags, mode);
}

static int swap_before_rmdir(int dir, const char *name, int flags) {
    if (flags == AT_REMOVEDIR && strcmp(name, "sub") == 0 && hook_count-- == 1)
        swap_for_link();
    return mfi_sys_real.unlinkat(dir, name, flags);
}

static void prepare_swap(void) {
    (void)mft_tree("root");
    (void)mft_tree("outside");
    mft_write(mft_path("outside/canary"), "alive");
    hook_from = hook_link = mft_tree("root/sub");
    mft_write(mft_path("root/sub/file"), "x");
    hook_to = mft_path("away");
    hook_target = mft_path("outside");
    hook_count = 1;
}

static void a_link_in_the_place_of_a_directory_goes_and_is_not_followed(void **state) {
    (void)state;
    for (int late = 0; late < 2; late++) {
        prepare_swap();
        if (late)
            mfi_sys.unlinkat = swap_before_rmdir;
        else
            mfi_sys.openat = swap_before_open;
        mft_ok(mayfly_remove_tree(mft_path("root"), NULL, NULL, &mft_error));
        mfi_sys = mfi_sys_real;
        assert_false(mft_exists(mft_path("root")));
        assert_true(mft_is(mft_path("outside/canary"), "alive"));
        assert_int_equal(mft_exists(mft_path("away/file")), !late); /* moved before it was read */
        mft_remove(mft_path("away"));
        mft_remove(mft_path("outside"));
    }
}

static int swap_root_before_rmdir(int dir, const char *name, int flags) {
    if (hook_count-- == 1) {
        if (rename(hook_from, hook_to) != 0)
            abort();
        mft_write(hook_from, "somebody else's");
    }
    return mfi_sys_real.unlinkat(dir, name, flags);
}

static void a_file_in_the_place_of_a_known_directory_is_left_alone(void **state) {
    (void)state;
    hook_from = mft_tree("root");
    hook_to = mft_path("away");
    const struct mfi_identity identity = identity_of(hook_from);
    hook_count = 1;
    mfi_sys.unlinkat = swap_root_before_rmdir;
    mft_fails(MAYFLY_E_REPLACED, remove_identified("root", &identity));
    mfi_sys = mfi_sys_real;
    assert_true(mft_is(hook_from, "somebody else's"));
    mft_remove(hook_from);
    mft_remove(hook_to);
}

/* The directory is another's before it is opened; nobody would have to repair it. */
static int swap_root_before_open(int dir, const char *name, int flags, mode_t mode) {
    if (strcmp(name, "root") == 0 && hook_count-- == 1 &&
        (rename(hook_from, hook_to) != 0 || rename(hook_target, hook_from) != 0))
        abort();
    return mfi_sys_real.openat(dir, name, flags, mode);
}

static int remove_identified_as_nobody(void *identity) {
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
        return 1;
    hook_count = 1;
    mfi_sys.openat = swap_root_before_open;
    return remove_identified("root", identity) == MAYFLY_E_LEFTOVER ||
                   mft_error.code == MAYFLY_E_REPLACED
               ? 0
               : 2;
}

static void the_mode_of_another_directory_is_not_repaired(void **state) {
    (void)state;
    hook_from = mft_tree_of_nobody("root");
    hook_target = mft_tree("other");
    hook_to = mft_path("away");
    mft_write(mft_path("root/file"), "x");
    mft_write(mft_path("other/file"), "x");
    mft_give_away(hook_target);
    assert_int_equal(chmod(hook_target, 0), 0);
    struct mfi_identity identity = identity_of(hook_from);
    assert_int_equal(mft_fork(remove_identified_as_nobody, &identity), 0);
    assert_int_equal(mft_mode(hook_from), 0); /* the other one stands there now */
    assert_int_equal(chmod(hook_from, 0700), 0);
    assert_int_equal(mft_entries(hook_from), 1);
    mft_remove(hook_from);
    mft_remove(hook_to);
}

/* "root/d/d...", `depth` times, after the test's directory. */
static char *below(const char *name, int depth) {
    char path[4096];
    size_t size = (size_t)snprintf(path, sizeof path, "%s", name);
    for (int i = 0; i < depth; i++, size += 2)
        memcpy(path + size, "/d", 3);
    return mft_path(path);
}

/* When the bottom is reached, the way up is cut at two places. */
static int cut_the_way_up(int dir, const char *name, int flags) {
    if (strcmp(name, "bottom") == 0 && hook_count-- == 1 &&
        (rename(hook_from, hook_to) != 0 || rename(hook_link, hook_target) != 0))
        abort();
    return mfi_sys_real.unlinkat(dir, name, flags);
}

static void the_rest_goes_where_the_way_up_was_cut(void **state) {
    (void)state;
    char *root = mft_tree("root"), *outside = mft_tree("outside");
    mft_dig(root, 40, 0);
    char name[4096];
    snprintf(name, sizeof name, "%s/bottom", below("root", 40) + strlen(mft_tmp()) + 1);
    mft_write(mft_path(name), "x");
    hook_count = 1;
    mft_write(mft_path("root/last"), "x");
    mft_write(mft_path("outside/canary"), "alive");
    hook_from = below("root", 20);
    hook_to = mft_path("outside/twenty");
    hook_link = below("root", 10);
    hook_target = mft_path("outside/ten");
    mfi_sys.unlinkat = cut_the_way_up;
    mft_ok(mayfly_remove_tree(root, NULL, NULL, &mft_error));
    mfi_sys = mfi_sys_real;
    assert_false(mft_exists(root));
    assert_true(mft_is(mft_path("outside/canary"), "alive"));
    assert_int_equal(mft_entries(outside), 3);
    assert_true(mft_exists(mft_path("outside/ten/d/d/d")));
    mft_remove(outside);
}

/* ---- somebody fills what is emptied ---------------------------------------------------------- */

static int refill_all(int dir, const char *name, int flags) {
    if (flags == AT_REMOVEDIR) {
        (void)mkdir(hook_from, 0700);
        (void)mkdir(hook_to, 0700);
        (void)mkdir(hook_link, 0700);
        (void)mkdir(hook_target, 0700);
        hook_count++;
    }
    return mfi_sys_real.unlinkat(dir, name, flags);
}

static void directories_that_are_refilled_within_each_other_do_not_multiply(void **state) {
    (void)state;
    char *root = mft_tree("root");
    hook_from = mft_tree("root/a");
    hook_to = mft_tree("root/a/b");
    hook_link = mft_tree("root/a/b/c");
    hook_target = mft_tree("root/a/b/c/d");
    hook_count = 0;
    mfi_sys.unlinkat = refill_all;
    mft_fails(MAYFLY_E_LEFTOVER, mayfly_remove_tree(root, NULL, NULL, &mft_error));
    mfi_sys = mfi_sys_real;
    assert_in_range(hook_count, 17, 5000); /* 17 times 17 times 17 ... without a limit for all */
    mft_remove(root);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        MFT(a_link_in_the_place_of_a_directory_goes_and_is_not_followed),
        MFT(a_file_in_the_place_of_a_known_directory_is_left_alone),
        MFT(the_mode_of_another_directory_is_not_repaired),
        MFT(the_rest_goes_where_the_way_up_was_cut),
        MFT(directories_that_are_refilled_within_each_other_do_not_multiply),
    };
    return MFT_MAIN(tests);
}
