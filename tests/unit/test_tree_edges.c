/* SPDX-License-Identifier: MIT
 *
 * D1, D2: removing a tree where something is odd: no rights, kernels and file systems that tell
 * less, too little memory; and what callers are told about it.
 */
#define _GNU_SOURCE
#include "../lib/trees.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../src/base/sys.h"
#include "../lib/fault.h"

/* ---- without rights -------------------------------------------------------------------------- */

struct unprivileged {
    const char *path;
    mayfly_tree_options options;
    int code;         /* of the result */
    const char *left; /* the first that is left; NULL: nothing */
    int left_code;
    long changes_of_mode; /* -1: any */
};

/* In a child that is nobody. 0: as expected, else the step that was not. */
static int remove_as_nobody(void *context) {
    const struct unprivileged *want = context;
    mayfly_leftovers *left = NULL;
    const char *path = NULL;
    int code = 0;
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
        return 1;
    mft_fault_count();
    if (mayfly_remove_tree(want->path, &want->options, &left, NULL) != want->code)
        return 2;
    if (want->changes_of_mode >= 0 &&
        mft_fault_calls("fchmod") + mft_fault_calls("chmod_opath") != want->changes_of_mode)
        return 3;
    if (mayfly_leftovers_count(left) != (want->left != NULL))
        return 4;
    if (want->left != NULL && (mayfly_leftovers_get(left, 0, &path, &code) != 0 ||
                               strcmp(path, want->left) != 0 || code != want->left_code))
        return 5;
    mayfly_leftovers_free(&left);
    return 0;
}

static void expect_as_nobody(struct unprivileged want) {
    const int status = mft_fork(remove_as_nobody, &want);
    if (status != 0)
        fail_msg("step %d is not as expected (status 0x%x)", (status >> 8) & 0xff, status);
}

static void an_empty_directory_goes_though_it_cannot_be_opened(void **state) {
    (void)state;
    char *root = mft_tree_of_nobody("root"), *closed = mft_tree("root/closed");
    mft_give_away(closed);
    assert_int_equal(chmod(closed, 0), 0);
    expect_as_nobody((struct unprivileged){.path = root, .options = {.leave_modes = true}});
    assert_false(mft_exists(root));
    if (geteuid() != 0)
        mft_skip("only root can make a directory that belongs to somebody else");
    root = mft_tree_of_nobody("root");
    (void)mft_tree("root/theirs");
    assert_int_equal(chmod(root, 0500), 0);
    expect_as_nobody((struct unprivileged){.path = root, .changes_of_mode = 1});
    assert_false(mft_exists(root));
}

static void a_file_that_must_stay_is_left_for_the_right_reason(void **state) {
    (void)state;
    char *dir = mft_tree_of_nobody("dir"), *file = mft_path("dir/file");
    mft_write(file, "x");
    assert_int_equal(chmod(dir, 0500), 0);
    expect_as_nobody((struct unprivileged){.path = file,
                                           .code = MAYFLY_E_LEFTOVER,
                                           .left = ".",
                                           .left_code = -EACCES,
                                           .changes_of_mode = 0});
    assert_int_equal(chmod(dir, 0700), 0);
    mft_remove(dir);
}

static void modes_are_changed_only_where_it_is_needed(void **state) {
    (void)state;
    char *root = mft_tree_of_nobody("root");
    mft_give_away(mft_tree("root/plain"));
    mft_give_away(mft_tree("root/readonly"));
    mft_give_away(mft_tree("root/readonly/empty"));
    assert_int_equal(chmod(mft_path("root/readonly"), 0500), 0);
    expect_as_nobody((struct unprivileged){.path = root, .changes_of_mode = 1});
    assert_false(mft_exists(root));
}

static void what_nobody_may_open_is_listed_once(void **state) {
    (void)state;
    if (geteuid() != 0)
        mft_skip("only root can make a directory that belongs to somebody else");
    char *root = mft_tree_of_nobody("root"), *theirs = mft_tree("root/theirs");
    mft_write(mft_path("root/theirs/file"), "x");
    mft_give_away(mft_tree("root/mine"));
    expect_as_nobody((struct unprivileged){.path = root,
                                           .code = MAYFLY_E_LEFTOVER,
                                           .left = "theirs",
                                           .left_code = -EACCES,
                                           .changes_of_mode = 0});
    assert_int_equal(mft_mode(theirs), 0700);
    assert_int_equal(mft_entries(root), 1);
    mft_remove(root);
}

static int hook_count;

/* ---- kernels and file systems that tell less ------------------------------------------------- */

static ssize_t getdents_without_types(int fd, void *entries, size_t size) {
    const ssize_t n = mfi_sys_real.getdents(fd, entries, size);
    for (char *at = entries; at < (char *)entries + n;) {
        struct mfi_dirent *entry = (struct mfi_dirent *)(void *)at;
        entry->type = DT_UNKNOWN;
        at += entry->length;
    }
    return n;
}

static int openat_of_directories_only(int dir, const char *name, int flags, mode_t mode) {
    struct stat st;
    const int must = O_DIRECTORY | O_CLOEXEC;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(st.st_mode) ||
        (flags & must) != must)
        hook_count++;
    return mfi_sys_real.openat(dir, name, flags, mode);
}

static void nothing_but_directories_is_opened_where_types_are_unknown(void **state) {
    (void)state;
    char *root = mft_tree("root");
    (void)mft_tree("root/sub");
    (void)mft_tree("root/sub/deep");
    mft_write(mft_path("root/sub/file"), "x");
    assert_int_equal(mkfifo(mft_path("root/sub/fifo"), 0600), 0);
    assert_int_equal(symlink("/", mft_path("root/sub/link")), 0);
    hook_count = 0;
    mfi_sys.getdents = getdents_without_types;
    mfi_sys.openat = openat_of_directories_only;
    mft_ok(mayfly_remove_tree(root, NULL, NULL, &mft_error));
    mfi_sys = mfi_sys_real;
    assert_int_equal(hook_count, 0);
    assert_false(mft_exists(root));
}

/* As before Linux 5.8: no mount ids, and no word on what is the root of a mount. */
static int statmount_of_old(int fd, const char *path, struct mfi_mount *mount) {
    const int r = mfi_sys_real.statmount(fd, path, mount);
    if (r == 0) {
        mount->mount = mount->device;
        mount->is_root = -1;
    }
    return r;
}

static void old_kernels_leave_bind_mounts_alone_too(void **state) {
    (void)state;
    char *root = mft_tree("root"), *mounted = mft_tree("root/mounted"),
         *outside = mft_tree("outside");
    mayfly_auto(mayfly_leftovers) left = NULL;
    (void)mft_tree("root/empty");
    (void)mft_tree("root/full");
    mft_write(mft_path("root/full/file"), "x");
    mft_write(mft_path("outside/canary"), "alive");
    if (mount(outside, mounted, "none", MS_BIND, NULL) != 0) {
        mft_remove(root);
        mft_remove(outside);
        mft_skip("nothing can be mounted here");
    }
    mfi_sys.statmount = statmount_of_old;
    const int r = mayfly_remove_tree(root, NULL, &left, &mft_error);
    const int itself = mayfly_remove_tree(mounted, NULL, NULL, NULL);
    mfi_sys = mfi_sys_real;
    const int alive = mft_exists(mft_path("outside/canary"));
    assert_int_equal(umount(mounted), 0);
    assert_true(alive);
    assert_int_equal(r, MAYFLY_E_LEFTOVER);
    assert_int_equal(itself, -EBUSY);
    assert_int_equal(mayfly_leftovers_count(left), 1);
    mft_expect_left(left, 0, "mounted", -EXDEV);
    assert_int_equal(mft_entries(root), 1);
    mft_remove(root);
    mft_remove(outside);
}

/* FS_IOC_SETFLAGS and FS_IMMUTABLE_FL of <linux/fs.h>, which musl's headers do not bring. */
static int set_immutable(const char *path, int on) {
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const int flags = on ? 0x10 : 0;
    const int r = ioctl(fd, _IOW('f', 2, long), &flags);
    (void)close(fd);
    return r;
}

static void an_immutable_file_is_left_and_listed(void **state) {
    (void)state;
    char *root = mft_tree("root"), *file = mft_path("root/sub/file");
    mayfly_auto(mayfly_leftovers) left = NULL;
    (void)mft_tree("root/sub");
    mft_write(file, "x");
    mft_write(mft_path("root/sub/other"), "x");
    if (set_immutable(file, 1) != 0) {
        mft_remove(root);
        mft_skip("no file can be made immutable here");
    }
    const int r = mayfly_remove_tree(root, NULL, &left, &mft_error);
    assert_int_equal(set_immutable(file, 0), 0);
    assert_int_equal(r, MAYFLY_E_LEFTOVER);
    assert_int_equal(mayfly_leftovers_count(left), 1);
    mft_expect_left(left, 0, "sub/file", -EPERM);
    assert_int_equal(mft_entries(mft_path("root/sub")), 1);
    mft_remove(root);
}

/* ---- too little of something ----------------------------------------------------------------- */

static int no_descriptor_below(int dir, const char *name, int flags, mode_t mode) {
    if (name[0] == 's')
        return -EMFILE;
    return mfi_sys_real.openat(dir, name, flags, mode);
}

static void without_descriptors_the_rest_goes(void **state) {
    (void)state;
    char *root = mft_tree("root");
    mayfly_auto(mayfly_leftovers) left = NULL;
    (void)mft_tree("root/s-full");
    (void)mft_tree("root/s-empty");
    mft_write(mft_path("root/s-full/file"), "x");
    mft_write(mft_path("root/file"), "x");
    mfi_sys.openat = no_descriptor_below;
    mft_fails(MAYFLY_E_LEFTOVER, mayfly_remove_tree(root, NULL, &left, &mft_error));
    mfi_sys = mfi_sys_real;
    assert_int_equal(mayfly_leftovers_count(left), 1);
    mft_expect_left(left, 0, "s-full", -EMFILE);
    assert_int_equal(mft_entries(root), 1);
    mft_remove(root);
}

static int refuse_files(int dir, const char *name, int flags) {
    return flags == 0 ? -EPERM : mfi_sys_real.unlinkat(dir, name, flags);
}

static void fill_flat(const char *root, int files) {
    const int at = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; i < files; i++) {
        char name[32];
        snprintf(name, sizeof name, "%d", i);
        if (mknodat(at, name, S_IFREG | 0600, 0) != 0)
            abort();
    }
    (void)close(at);
}

static void of_very_many_left_the_first_are_listed_and_all_are_counted(void **state) {
    (void)state;
    char *root = mft_tree("root");
    mayfly_auto(mayfly_leftovers) left = NULL;
    const char *path = NULL;
    int code = 0;
    fill_flat(root, 10020);
    mfi_sys.unlinkat = refuse_files;
    mft_fails(MAYFLY_E_LEFTOVER, mayfly_remove_tree(root, NULL, &left, &mft_error));
    mfi_sys = mfi_sys_real;
    assert_int_equal(mayfly_leftovers_count(left), 10020);
    assert_int_equal(mayfly_leftovers_get(left, 9999, &path, &code), 0);
    assert_int_equal(mayfly_leftovers_get(left, 10000, &path, &code), -ENOENT);
    mft_remove(root);
}

static void without_memory_for_the_list_the_count_is_exact(void **state) {
    (void)state;
    char *root = mft_tree("root");
    fill_flat(root, 40);
    static const char *const calls[] = {"calloc", "realloc", "malloc"};
    for (size_t c = 0; c < 3; c++)
        for (long n = 1;; n++) {
            mayfly_auto(mayfly_leftovers) left = NULL;
            mft_fault_refuse(calls[c], n, -ENOMEM, 1);
            mfi_sys.unlinkat = refuse_files;
            const int r = mayfly_remove_tree(root, NULL, &left, &mft_error);
            const long refused = mft_fault_refused();
            mft_fault_end();
            assert_int_equal(mft_entries(root), 40);
            if (r != -ENOMEM) /* which it is before anything is touched */
                assert_int_equal(r, MAYFLY_E_LEFTOVER);
            assert_int_equal(mayfly_leftovers_count(left), r == -ENOMEM ? 0 : 40);
            if (refused == 0)
                break;
        }
    mft_remove(root);
}

/* ---- what callers are told ------------------------------------------------------------------- */

static void success_leaves_the_error_alone(void **state) {
    (void)state;
    mayfly_error error;
    memset(&error, 0x55, sizeof error);
    mayfly_error before = error;
    assert_int_equal(mayfly_remove_tree(mft_path("no/such/thing"), NULL, NULL, &error), 0);
    assert_memory_equal(&error, &before, sizeof error);
    mft_write(mft_path("file"), "x");
    mft_fails(-ENOTDIR, mayfly_remove_tree(mft_path("file/below"), NULL, NULL, &mft_error));
    mft_remove(mft_path("file"));
}

struct told {
    int calls;
    uint64_t directories, files, left;
    char paths[256];
};

static int tell(const mayfly_tree_progress *progress, void *user) {
    struct told *told = user;
    told->calls++;
    told->directories = progress->removed_directories;
    told->files = progress->removed_files;
    told->left = progress->left;
    const size_t size = strlen(told->paths);
    snprintf(told->paths + size, sizeof told->paths - size, "%s:%d ", progress->path,
             (int)progress->removed_directories);
    return 0;
}

static void progress_counts_each_directory_that_it_tells_of(void **state) {
    (void)state;
    char *root = mft_tree("root");
    struct told told = {0};
    const mayfly_tree_options options = {.progress = tell, .user = &told};
    (void)mft_tree("root/a");
    (void)mft_tree("root/a/b");
    mft_write(mft_path("root/a/b/file"), "x");
    mft_ok(mayfly_remove_tree(root, &options, NULL, &mft_error));
    assert_string_equal(told.paths, "a/b:1 a:2 .:3 ");
    assert_int_equal(told.files, 1);
    told = (struct told){0};
    root = mft_tree("root");
    mft_ok(mayfly_remove_tree(root, &options, NULL, &mft_error)); /* empty, and told of as well */
    assert_string_equal(told.paths, ".:1 ");
    mft_ok(mayfly_remove_tree(root, &options, NULL, &mft_error)); /* gone: nothing to be told */
    assert_int_equal(told.calls, 1);
}

static void keep_root_leaves_a_file_alone(void **state) {
    (void)state;
    char *file = mft_path("file");
    mayfly_auto(mayfly_leftovers) left = NULL;
    mft_write(file, "x");
    mft_fails(MAYFLY_E_LEFTOVER, mayfly_remove_tree(file, &(mayfly_tree_options){.keep_root = true},
                                                    &left, &mft_error));
    mft_expect_left(left, 0, ".", -ENOTDIR);
    assert_true(mft_is(file, "x"));
    mft_remove(file);
}

static void a_directory_costs_six_calls_and_a_file_one(void **state) {
    (void)state;
    char *root = mft_tree("root");
    (void)mft_tree("root/sub");
    fill_flat(mft_path("root/sub"), 100);
    mft_fault_count();
    mft_ok(mayfly_remove_tree(root, NULL, NULL, &mft_error));
    assert_int_equal(mft_fault_calls("unlinkat"), 1 + 100 + 2); /* at once, files, directories */
    assert_int_equal(mft_fault_calls("openat"), 1 + 2);         /* the parent, directories */
    assert_int_equal(mft_fault_calls("close"), 1 + 2);
    assert_int_equal(mft_fault_calls("statmount"), 2);
    assert_int_equal(mft_fault_calls("getdents"), 2 + 2);
    assert_int_equal(mft_fault_calls("fstatat") + mft_fault_calls("fstat"), 0);
    mft_fault_end();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        MFT(an_empty_directory_goes_though_it_cannot_be_opened),
        MFT(a_file_that_must_stay_is_left_for_the_right_reason),
        MFT(modes_are_changed_only_where_it_is_needed),
        MFT(what_nobody_may_open_is_listed_once),
        MFT(nothing_but_directories_is_opened_where_types_are_unknown),
        MFT(old_kernels_leave_bind_mounts_alone_too),
        MFT(an_immutable_file_is_left_and_listed),
        MFT(without_descriptors_the_rest_goes),
        MFT(of_very_many_left_the_first_are_listed_and_all_are_counted),
        MFT(without_memory_for_the_list_the_count_is_exact),
        MFT(success_leaves_the_error_alone),
        MFT(progress_counts_each_directory_that_it_tells_of),
        MFT(keep_root_leaves_a_file_alone),
        MFT(a_directory_costs_six_calls_and_a_file_one),
    };
    return MFT_MAIN(tests);
}
