/* SPDX-License-Identifier: MIT
 *
 * D1, D2: trees that are meant to break whoever removes them, each removed by one, two and four
 * threads.
 */
#define _GNU_SOURCE
#include "../lib/trees.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include "../../src/base/sys.h"

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
enum { SLOW = 1 };
#else
enum { SLOW = 0 };
#endif

/* Directories "0", "1"... with as many files each, so that all threads have something to do. */
static void fill(const char *root, int directories, int files) {
    char path[4300];
    for (int i = 0; i < directories; i++) {
        snprintf(path, sizeof path, "%s/%d", root, i);
        assert_int_equal(mkdir(path, 0700), 0);
        for (int n = 0; n < files; n++) {
            snprintf(path, sizeof path, "%s/%d/file-%d", root, i, n);
            mft_write(path, "x");
        }
    }
}

/* A place in memory for what is very large, or the test's directory. */
static const char *large_place(char *path, size_t size) {
    snprintf(path, size, "/dev/shm/mayfly-test-XXXXXX");
    if (access("/dev/shm", W_OK) == 0 && mkdtemp(path) != NULL)
        return path;
    print_message("there is no /dev/shm: this is done on disk\n");
    snprintf(path, size, "%s/large", mft_tmp());
    assert_int_equal(mkdir(path, 0700), 0);
    return path;
}

/* ---- size ------------------------------------------------------------------------------------ */

static void CVE_2021_3997_a_hundred_thousand_levels_take_16_descriptors(void **state) {
    (void)state;
    if (mft_wrapped())
        mft_skip("what the test runs under needs descriptors of its own");
    char place[4200], root[4300];
    large_place(place, sizeof place);
    snprintf(root, sizeof root, "%s/root", place);
    for (size_t i = 0; i < MFT_JOBS; i++) {
        assert_int_equal(mkdir(root, 0700), 0);
        mft_dig(root, SLOW ? 10000 : 100000, 1000);
        struct mft_removal removal = {root, mft_jobs[i]};
        const int status = mft_fork(mft_remove_with_little, &removal);
        if (status != 0 || mft_exists(root))
            fail_msg("%u jobs: 0x%x", mft_jobs[i], status);
    }
    assert_int_equal(rmdir(place), 0);
}

static void one_directory_may_hold_a_million_entries(void **state) {
    (void)state;
    char place[4200], root[4300];
    large_place(place, sizeof place);
    snprintf(root, sizeof root, "%s/root", place);
    const int many = SLOW || mft_wrapped() || strstr(place, "/dev/shm") == NULL ? 50000 : 1000000;
    if (many < 1000000)
        print_message("only %d entries: a million would take too long here\n", many);
    for (size_t i = 0; i < MFT_JOBS; i++) {
        const int count = mft_jobs[i] == 2 ? many : many / 10;
        assert_int_equal(mkdir(root, 0700), 0);
        const int at = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        for (int n = 0; n < count; n++) {
            char name[32];
            snprintf(name, sizeof name, "%x", n);
            if (mknodat(at, name, S_IFREG | 0600, 0) != 0)
                abort();
        }
        assert_int_equal(close(at), 0);
        mft_ok(mft_remove_by(root, mft_jobs[i], NULL));
        assert_false(mft_exists(root));
    }
    assert_int_equal(rmdir(place), 0);
}

/* ---- rights and kinds ------------------------------------------------------------------------ */

static int remove_as_nobody(void *context) {
    const struct mft_removal *removal = context;
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
        return 1;
    return mft_remove_by(removal->root, removal->jobs, NULL) == 0 ? 0 : 2;
}

static void directories_without_rights_go_by_several_threads(void **state) {
    (void)state;
    static const mode_t modes[] = {0000, 0100, 0200, 0300, 0400, 0500, 0600};
    char *root = mft_path("root");
    assert_int_equal(chmod(mft_tmp(), 0777), 0);
    for (size_t i = 0; i < MFT_JOBS; i++) {
        (void)mft_tree("root");
        mft_give_away(root);
        for (int n = 0; n < 28; n++) {
            char outer[4200], inner[4300], file[4400];
            snprintf(outer, sizeof outer, "%s/%d", root, n);
            snprintf(inner, sizeof inner, "%s/inner", outer);
            snprintf(file, sizeof file, "%s/file", inner);
            assert_int_equal(mkdir(outer, 0700) | mkdir(inner, 0700), 0);
            mft_write(file, "x");
            mft_give_away(outer);
            mft_give_away(inner);
            assert_int_equal(chmod(inner, modes[n / 4]) | chmod(outer, modes[n % 7]), 0);
        }
        assert_int_equal(chmod(root, 0500), 0);
        struct mft_removal removal = {root, mft_jobs[i]};
        assert_int_equal(mft_fork(remove_as_nobody, &removal), 0);
        assert_false(mft_exists(root));
    }
}

/* FS_IOC_SETFLAGS and FS_IMMUTABLE_FL of <linux/fs.h>, which musl's headers do not bring. */
static int set_immutable(const char *path, int on) {
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const int flags = on ? 0x10 : 0;
    const int r = ioctl(fd, _IOW('f', 2, long), &flags);
    (void)close(fd);
    return r;
}

static _Atomic int attempts;

static int count_attempts(int dir, const char *name, int flags) {
    if (strcmp(name, "file-1") == 0 || strcmp(name, "1") == 0)
        atomic_fetch_add(&attempts, 1);
    return mfi_sys_real.unlinkat(dir, name, flags);
}

static void immutable_files_are_reported_once_and_not_tried_for_ever(void **state) {
    (void)state;
    char *root = mft_tree("root");
    fill(root, 8, 3);
    char *file = mft_path("root/1/file-1");
    if (set_immutable(file, 1) != 0) {
        mft_remove(root);
        mft_skip("no file can be made immutable here");
    }
    for (size_t i = 0; i < MFT_JOBS; i++) {
        mayfly_auto(mayfly_leftovers) left = NULL;
        atomic_store(&attempts, 0);
        mfi_sys.unlinkat = count_attempts;
        const int r = mft_remove_by(root, mft_jobs[i], &left);
        mfi_sys = mfi_sys_real;
        if (r != MAYFLY_E_LEFTOVER || mayfly_leftovers_count(left) != 1 ||
            atomic_load(&attempts) > 10) {
            (void)set_immutable(file, 0);
            fail_msg("%u jobs: %d, %zu left, %d attempts", mft_jobs[i], r,
                     mayfly_leftovers_count(left), atomic_load(&attempts));
        }
        mft_expect_left(left, 0, "1/file-1", -EPERM);
        assert_int_equal(mft_entries(root), 1);
    }
    assert_int_equal(set_immutable(file, 0), 0);
    mft_remove(root);
}

static _Atomic int wrongly_opened;

static int openat_of_directories_only(int dir, const char *name, int flags, mode_t mode) {
    const int must = O_DIRECTORY | O_CLOEXEC;
    struct stat st;
    if ((flags & must) != must || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISDIR(st.st_mode))
        atomic_fetch_add(&wrongly_opened, 1);
    return mfi_sys_real.openat(dir, name, flags, mode);
}

static void make_kinds(const char *dir, const char *outside) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char path[4300];
    snprintf(path, sizeof path, "%s/fifo", dir);
    assert_int_equal(mkfifo(path, 0600), 0);
    snprintf(path, sizeof path, "%s/link", dir);
    assert_int_equal(symlink(outside, path), 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%.90s/socket", dir);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(close(fd), 0);
    if (geteuid() != 0)
        return; /* the test says so */
    snprintf(path, sizeof path, "%s/character", dir);
    assert_int_equal(mknod(path, S_IFCHR | 0600, makedev(1, 3)), 0);
    snprintf(path, sizeof path, "%s/block", dir);
    assert_int_equal(mknod(path, S_IFBLK | 0600, makedev(7, 200)), 0);
}

static void fifos_sockets_and_devices_go_and_are_never_opened(void **state) {
    (void)state;
    char *root = mft_path("root"), *outside = mft_tree("outside");
    mft_write(mft_path("outside/canary"), "alive");
    if (geteuid() != 0)
        print_message("no devices: only root can make them\n");
    for (size_t i = 0; i < MFT_JOBS; i++) {
        (void)mft_tree("root");
        fill(root, 4, 2);
        for (int n = 0; n < 4; n++) {
            char path[4200];
            snprintf(path, sizeof path, "%s/%d", root, n);
            make_kinds(path, outside);
        }
        atomic_store(&wrongly_opened, 0);
        mfi_sys.openat = openat_of_directories_only;
        mft_ok(mft_remove_by(root, mft_jobs[i], NULL));
        mfi_sys = mfi_sys_real;
        assert_false(mft_exists(root));
        assert_int_equal(atomic_load(&wrongly_opened), 0);
        assert_true(mft_is(mft_path("outside/canary"), "alive"));
    }
    mft_remove(outside);
}

static void mounts_inside_are_left_by_several_threads_too(void **state) {
    (void)state;
    char *root = mft_tree("root"), *mounted = mft_tree("root/mounted"),
         *bound = mft_tree("root/bound");
    char *outside = mft_tree("outside");
    mft_write(mft_path("outside/canary"), "alive");
    if (mount("tmpfs", mounted, "tmpfs", 0, "size=64k") != 0) {
        mft_remove(root);
        mft_remove(outside);
        mft_skip("nothing can be mounted here");
    }
    assert_int_equal(mount(outside, bound, "none", MS_BIND, NULL), 0);
    mft_write(mft_path("root/mounted/canary"), "alive");
    int results[MFT_JOBS], entries[MFT_JOBS];
    size_t counts[MFT_JOBS];
    for (size_t i = 0; i < MFT_JOBS; i++) {
        mayfly_auto(mayfly_leftovers) left = NULL;
        fill(root, 6, 3);
        results[i] = mft_remove_by(root, mft_jobs[i], &left);
        counts[i] = mayfly_leftovers_count(left);
        entries[i] = mft_entries(root);
    }
    const int alive = mft_exists(mft_path("root/mounted/canary"));
    assert_int_equal(umount(mounted) | umount(bound), 0);
    assert_true(alive && mft_is(mft_path("outside/canary"), "alive"));
    for (size_t i = 0; i < MFT_JOBS; i++) {
        assert_int_equal(results[i], MAYFLY_E_LEFTOVER);
        assert_int_equal(counts[i], 2);
        assert_int_equal(entries[i], 2);
    }
    mft_remove(root);
    mft_remove(outside);
}

/* ---- somebody else is at work ---------------------------------------------------------------- */

static _Atomic int hook_count;
static char *hook_from, *hook_to;

/* Whenever a directory is to be removed, a file was put into it just before. */
static int refill(int dir, const char *name, int flags) {
    if (flags == AT_REMOVEDIR && strcmp(name, "root") != 0) {
        const int at = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        (void)mknodat(at, "again", S_IFREG | 0600, 0);
        (void)close(at);
        atomic_fetch_add(&hook_count, 1);
    }
    return mfi_sys_real.unlinkat(dir, name, flags);
}

static void directories_that_are_always_refilled_are_given_up(void **state) {
    (void)state;
    char *root = mft_tree("root");
    for (size_t i = 0; i < MFT_JOBS; i++) {
        mayfly_auto(mayfly_leftovers) left = NULL;
        fill(root, 6, 2);
        atomic_store(&hook_count, 0);
        mfi_sys.unlinkat = refill;
        mft_fails(MAYFLY_E_LEFTOVER, mft_remove_by(root, mft_jobs[i], &left));
        mfi_sys = mfi_sys_real;
        assert_int_equal(mayfly_leftovers_count(left), 6);
        assert_in_range(atomic_load(&hook_count), 6 * 16, 6 * 20);
        assert_int_equal(
            mayfly_remove_tree(root, &(mayfly_tree_options){.keep_root = true}, NULL, &mft_error),
            0);
    }
    mft_remove(root);
}

struct racer {
    _Atomic int stop;
    const char *root, *outside;
};

/* Puts links to the outside where directories are, and directories where links are. */
static void *swap(void *context) {
    struct racer *racer = context;
    char dir[4200], link[4200];
    for (int i = 0; !atomic_load(&racer->stop); i = (i + 1) % 8) {
        snprintf(dir, sizeof dir, "%s/%d", racer->root, i);
        snprintf(link, sizeof link, "%s/link-%d", racer->root, i);
        (void)symlink(racer->outside, link);
        (void)mfi_sys_real.renameat2(AT_FDCWD, dir, AT_FDCWD, link, MFI_RENAME_EXCHANGE);
        (void)mfi_sys_real.renameat2(AT_FDCWD, dir, AT_FDCWD, link, MFI_RENAME_EXCHANGE);
    }
    return NULL;
}

static void CVE_2022_21658_links_swapped_in_by_a_racer_lead_no_thread_out(void **state) {
    (void)state;
    char *root = mft_path("root"), *outside = mft_tree("outside");
    char *canary = mft_path("outside/canary");
    mft_write(canary, "alive");
    for (int round = 0; round < (SLOW ? 30 : 150); round++) {
        (void)mkdir(root, 0700);
        fill(root, 8, 3);
        struct racer racer = {0, root, outside};
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, swap, &racer), 0);
        (void)mft_remove_by(root, mft_jobs[round % MFT_JOBS], NULL);
        atomic_store(&racer.stop, 1);
        assert_int_equal(pthread_join(thread, NULL), 0);
        if (!mft_is(canary, "alive") || mft_entries(outside) != 1)
            fail_msg("round %d", round);
        mft_remove(root);
    }
    mft_remove(outside);
}

/* Before the n-th call a directory with all that is below is moved out of the tree. */
static int move_away(int dir, const char *name, int flags) {
    if (atomic_fetch_sub(&hook_count, 1) == 0)
        (void)rename(hook_from, hook_to);
    return mfi_sys_real.unlinkat(dir, name, flags);
}

static void CVE_2002_0435_a_directory_moved_out_leads_no_thread_out(void **state) {
    (void)state;
    char *root = mft_path("root"), *outside = mft_tree("outside"), *sub = mft_path("root/sub");
    char *canary = mft_path("outside/canary");
    mft_write(canary, "alive");
    hook_from = mft_path("root/sub");
    hook_to = mft_path("outside/moved");
    for (int when = 0; when < 80; when += 2) {
        assert_int_equal(mkdir(root, 0700) | mkdir(sub, 0700), 0);
        mft_dig(sub, 40, 5); /* deeper than what is held open */
        fill(sub, 5, 3);
        fill(root, 4, 3);
        atomic_store(&hook_count, when);
        mfi_sys.unlinkat = move_away;
        (void)mft_remove_by(root, mft_jobs[when / 2 % MFT_JOBS],
                            NULL); /* all, or something is left */
        mfi_sys = mfi_sys_real;
        if (!mft_is(canary, "alive"))
            fail_msg("moved before call %d", when);
        mft_remove(root);
        mft_remove(hook_to);
        assert_int_equal(mft_entries(outside), 1);
    }
    mft_remove(outside);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        MFT(CVE_2021_3997_a_hundred_thousand_levels_take_16_descriptors),
        MFT(one_directory_may_hold_a_million_entries),
        MFT(directories_without_rights_go_by_several_threads),
        MFT(immutable_files_are_reported_once_and_not_tried_for_ever),
        MFT(fifos_sockets_and_devices_go_and_are_never_opened),
        MFT(mounts_inside_are_left_by_several_threads_too),
        MFT(directories_that_are_always_refilled_are_given_up),
        MFT(CVE_2022_21658_links_swapped_in_by_a_racer_lead_no_thread_out),
        MFT(CVE_2002_0435_a_directory_moved_out_leads_no_thread_out),
    };
    return MFT_MAIN(tests);
}
