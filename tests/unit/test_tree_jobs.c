/* SPDX-License-Identifier: MIT
 *
 * D1, D2: removing a tree by one, two and four threads; what holds for one holds for all.
 */
#define _GNU_SOURCE
#include "../lib/trees.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../src/base/sys.h"
#include "../lib/fault.h"

/* Files, and every `directories`-th (0: none) a directory. */
static void fill_flat(const char *root, int count, int directories) {
    const int at = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; i < count; i++) {
        char name[32];
        snprintf(name, sizeof name, "%d", i);
        const int is_directory = directories > 0 && i % directories == 0;
        if ((is_directory ? mkdirat(at, name, 0700) : mknodat(at, name, S_IFREG | 0600, 0)) != 0)
            abort();
    }
    (void)close(at);
}

/* ---- all of it ------------------------------------------------------------------------------- */

static void D2_several_threads_remove_all_of_a_tree(void **state) {
    (void)state;
    static const unsigned many[] = {1, 2, 3, 4, 64, 100000};
    char *root = mft_path("root");
    for (size_t i = 0; i < 6; i++) {
        (void)mft_tree("root");
        mft_fill(root, 4, 4);
        mft_fault_count();
        mft_ok(mft_remove_by(root, many[i], NULL));
        const long threads = mft_fault_calls("thread");
        mft_fault_end();
        assert_false(mft_exists(root));
        assert_in_range(threads, many[i] > 1, many[i] < 64 ? many[i] - 1 : 63);
        mft_ok(mft_remove_by(root, many[i], NULL)); /* gone already */
    }
}

static void a_small_tree_starts_no_thread(void **state) {
    (void)state;
    char *root = mft_tree("root");
    (void)mft_tree("root/sub");
    mft_fill(mft_path("root/sub"), 0, 20);
    mft_fault_count();
    mft_ok(mft_remove_by(root, 8, NULL));
    assert_int_equal(mft_fault_calls("thread"), 0);
    mft_fault_end();
}

static void a_caller_that_does_not_know_of_jobs_gets_one_thread(void **state) {
    (void)state;
    char *root = mft_tree("root");
    mft_fill(root, 2, 3);
    const mayfly_tree_options options = {.jobs = 4};
    mft_fault_count();
    mft_ok(mayfly_remove_tree_sized(offsetof(mayfly_tree_options, jobs), root, &options, NULL,
                                    &mft_error));
    assert_int_equal(mft_fault_calls("thread"), 0);
    mft_fault_end();
    assert_false(mft_exists(root));
}

static void a_large_directory_is_shared_and_each_name_removed_once(void **state) {
    (void)state;
    char *root = mft_path("root");
    for (size_t i = 0; i < MFT_JOBS; i++) {
        (void)mft_tree("root");
        fill_flat(root, 20000, 10);
        mft_fault_count();
        mft_ok(mft_remove_by(root, mft_jobs[i], NULL));
        assert_in_range(mft_fault_calls("unlinkat"), 20000, 20010);
        mft_fault_end();
        assert_false(mft_exists(root));
    }
}

static ssize_t getdents_without_types(int fd, void *entries, size_t size) {
    const ssize_t n = mfi_sys_real.getdents(fd, entries, size);
    for (char *at = entries; at < (char *)entries + n;) {
        struct mfi_dirent *entry = (struct mfi_dirent *)(void *)at;
        entry->type = DT_UNKNOWN;
        at += entry->length;
    }
    return n;
}

static void a_large_directory_goes_where_types_are_unknown(void **state) {
    (void)state;
    char *root = mft_path("root");
    for (size_t i = 0; i < MFT_JOBS; i++) {
        (void)mft_tree("root");
        fill_flat(root, 5000, 3);
        mfi_sys.getdents = getdents_without_types;
        mft_ok(mft_remove_by(root, mft_jobs[i], NULL));
        mfi_sys = mfi_sys_real;
        assert_false(mft_exists(root));
    }
}

/* ---- what the caller is told ----------------------------------------------------------------- */

struct told {
    _Atomic int inside;
    int at_once; /* two threads were in the function */
    int backwards;
    int calls, stop_at;
    mayfly_tree_progress last;
};

static int tell(const mayfly_tree_progress *progress, void *user) {
    struct told *told = user;
    told->at_once |= atomic_fetch_add(&told->inside, 1) != 0;
    told->backwards |= progress->removed_files < told->last.removed_files ||
                       progress->removed_directories < told->last.removed_directories;
    told->last = *progress;
    told->calls++;
    atomic_fetch_sub(&told->inside, 1);
    return told->calls == told->stop_at;
}

static void progress_is_told_by_one_thread_at_a_time_and_sums_up(void **state) {
    (void)state;
    char *root = mft_path("root");
    for (size_t i = 0; i < MFT_JOBS; i++) {
        (void)mft_tree("root");
        mft_fill(root, 3, 5);
        struct told told = {.stop_at = -1};
        const mayfly_tree_options options = {.progress = tell, .user = &told, .jobs = mft_jobs[i]};
        mft_ok(mayfly_remove_tree(root, &options, NULL, &mft_error));
        assert_false(told.at_once || told.backwards);
        assert_int_equal(told.calls, 1 + 5 + 25 + 125);
        assert_int_equal(told.last.removed_directories, 1 + 5 + 25 + 125);
        assert_int_equal(told.last.removed_files, 5 + 25 + 125 + 625);
    }
}

static void a_progress_function_that_says_so_ends_all_threads(void **state) {
    (void)state;
    char *root = mft_tree("root");
    mft_fill(root, 3, 5);
    for (size_t i = 0; i < MFT_JOBS; i++)
        for (int n = 1; n < 12; n += 5) {
            struct told told = {.stop_at = n};
            const mayfly_tree_options options = {
                .progress = tell, .user = &told, .jobs = mft_jobs[i]};
            mft_fails(-ECANCELED, mayfly_remove_tree(root, &options, NULL, &mft_error));
            assert_int_equal(told.calls, n);
            assert_true(mft_exists(root));
        }
    mft_remove(root);
}

static int keep_some(int dir, const char *name, int flags) {
    if (strcmp(name, "file-3") == 0)
        return -EPERM;
    return mfi_sys_real.unlinkat(dir, name, flags);
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void what_several_threads_leave_is_one_list(void **state) {
    (void)state;
    char *root = mft_tree("root");
    mft_fill(root, 3, 5);
    for (size_t i = 0; i < MFT_JOBS; i++) {
        mayfly_auto(mayfly_leftovers) left = NULL;
        const char *paths[1 + 5 + 25 + 125];
        enum { LEFT = sizeof paths / sizeof *paths };
        mfi_sys.unlinkat = keep_some;
        mft_fails(MAYFLY_E_LEFTOVER, mft_remove_by(root, mft_jobs[i], &left));
        mfi_sys = mfi_sys_real;
        assert_int_equal(mayfly_leftovers_count(left), LEFT);
        assert_non_null(strstr(mft_error.message, "156 could not be removed"));
        for (size_t n = 0; n < LEFT; n++) {
            int code = 0;
            assert_int_equal(mayfly_leftovers_get(left, n, &paths[n], &code), 0);
            assert_int_equal(code, -EPERM);
            char path[4300];
            snprintf(path, sizeof path, "%s/%s", root, paths[n]);
            assert_true(mft_exists(path));
        }
        qsort(paths, LEFT, sizeof *paths, by_text);
        for (size_t n = 1; n < LEFT; n++)
            assert_true(strcmp(paths[n - 1], paths[n]) != 0);
    }
    mft_remove(root);
}

static int refuse_files(int dir, const char *name, int flags) {
    return flags == 0 ? -EPERM : mfi_sys_real.unlinkat(dir, name, flags);
}

static void what_is_left_of_a_shared_directory_is_counted_once(void **state) {
    (void)state;
    char *root = mft_tree("root");
    (void)mft_tree("root/sub");
    fill_flat(mft_path("root/sub"), 9000, 0);
    for (size_t i = 0; i < MFT_JOBS; i++) {
        mayfly_auto(mayfly_leftovers) left = NULL;
        mfi_sys.unlinkat = refuse_files;
        mft_fails(MAYFLY_E_LEFTOVER, mft_remove_by(root, mft_jobs[i], &left));
        mfi_sys = mfi_sys_real;
        assert_int_equal(mayfly_leftovers_count(left), 9000);
    }
    mft_remove(root);
}

/* ---- threads --------------------------------------------------------------------------------- */

static pthread_t caller;
static _Atomic int unblocked;

static int look_at_signals(int dir, const char *name, int flags) {
    sigset_t mask;
    if (!pthread_equal(pthread_self(), caller) && pthread_sigmask(SIG_SETMASK, NULL, &mask) == 0 &&
        (!sigismember(&mask, SIGTERM) || !sigismember(&mask, SIGUSR1)))
        atomic_store(&unblocked, 1);
    return mfi_sys_real.unlinkat(dir, name, flags);
}

static void signals_go_to_the_threads_of_the_caller_only(void **state) {
    (void)state;
    char *root = mft_tree("root");
    sigset_t before, after;
    mft_fill(root, 3, 6);
    caller = pthread_self();
    assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &before), 0);
    mfi_sys.unlinkat = look_at_signals;
    mft_ok(mft_remove_by(root, 4, NULL));
    mfi_sys = mfi_sys_real;
    assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &after), 0);
    assert_false(atomic_load(&unblocked));
    assert_int_equal(sigismember(&after, SIGTERM), sigismember(&before, SIGTERM));
}

static void where_no_thread_can_be_started_it_goes_on_with_fewer(void **state) {
    (void)state;
    char *root = mft_path("root");
    for (long n = 1; n < 4; n++) {
        (void)mft_tree("root");
        mft_fill(root, 3, 4);
        fill_flat(mft_path("root/dir-0/dir-0"), 3000, 0);
        mft_fault_refuse("thread", n, -EAGAIN, 1);
        mft_ok(mft_remove_by(root, 4, NULL));
        assert_in_range(mft_fault_calls("thread"), 1, n);
        mft_fault_end();
        assert_false(mft_exists(root));
    }
}

/* ---- too little of something ----------------------------------------------------------------- */

static void every_failing_call_of_any_thread_leaves_it_to_be_finished(void **state) {
    (void)state;
    static const int codes[] = {-EIO, -EACCES, -ENOMEM, -EMFILE, -ENOENT};
    char root[64];
    snprintf(root, sizeof root, "%.50s/r", mft_tmp());
    for (size_t c = 0; c < 10; c++)
        for (long n = 1;; n++) {
            assert_int_equal(mkdir(root, 0700), 0);
            mft_fill(root, 2, 2);
            mft_fault_refuse(NULL, n, codes[c % 5], c >= 5);
            const int r = mft_remove_by(root, 3, NULL);
            const long refused = mft_fault_refused();
            mft_fault_end();
            if (r < 0 && mft_error.code != r)
                fail_msg("%d instead of %d", mft_error.code, r);
            mft_ok(mft_remove_by(root, 3, NULL));
            assert_false(mft_exists(root));
            if (refused == 0)
                break;
        }
}

static void a_shared_directory_survives_what_is_refused(void **state) {
    (void)state;
    static const char *const calls[] = {"memory", "getdents"};
    char root[64];
    snprintf(root, sizeof root, "%.50s/r", mft_tmp());
    for (size_t c = 0; c < 4; c++)
        for (long n = 1;; n++) {
            assert_int_equal(mkdir(root, 0700), 0);
            fill_flat(root, 4000, 0);
            mft_fault_refuse(calls[c % 2], n, c % 2 == 0 ? -ENOMEM : -EIO, c >= 2);
            const int r = mft_remove_by(root, 3, NULL);
            const long refused = mft_fault_refused();
            mft_fault_end();
            if (r < 0 && mft_error.code != r)
                fail_msg("%d instead of %d", mft_error.code, r);
            mft_ok(mft_remove_by(root, 3, NULL));
            if (refused == 0)
                break;
        }
}

struct few {
    const char *root;
    unsigned jobs;
    int spare; /* descriptors */
};

static int with_few_descriptors(void *context) {
    const struct few *few = context;
    if (mft_leave_descriptors(few->spare) != 0)
        return 1;
    return mft_remove_by(few->root, few->jobs, NULL) == 0 ? 0 : 2;
}

static void with_few_descriptors_there_are_fewer_threads_and_all_goes(void **state) {
    (void)state;
    if (mft_wrapped())
        mft_skip("what the test runs under needs descriptors of its own");
    char *root = mft_path("root");
    for (size_t i = 0; i < MFT_JOBS; i++)
        for (int spare = 3; spare < 16; spare += 2) {
            (void)mft_tree("root");
            mft_fill(root, 4, 3);
            struct few few = {root, mft_jobs[i], spare};
            const int status = mft_fork(with_few_descriptors, &few);
            if (status != 0 || mft_exists(root))
                fail_msg("%u jobs, %d descriptors: 0x%x", mft_jobs[i], spare, status);
        }
}

static int no_descriptor_below(int dir, const char *name, int flags, mode_t mode) {
    return name[0] == 's' ? -EMFILE : mfi_sys_real.openat(dir, name, flags, mode);
}

static void what_is_left_is_listed_once_though_it_was_begun_again(void **state) {
    (void)state;
    char *root = mft_tree("root");
    mayfly_auto(mayfly_leftovers) left = NULL;
    const char *path = NULL;
    int code = 0, seen = 0;
    mft_fill(root, 2, 4);
    (void)mft_tree("root/dir-2/s");
    mft_write(mft_path("root/dir-2/s/file"), "x");
    mfi_sys.openat = no_descriptor_below;
    mfi_sys.unlinkat = keep_some;
    mft_fails(MAYFLY_E_LEFTOVER, mft_remove_by(root, 4, &left));
    mfi_sys = mfi_sys_real;
    assert_int_equal(mayfly_leftovers_count(left), 1 + 4 + 16 + 1);
    for (size_t i = 0; i < mayfly_leftovers_count(left); i++) {
        assert_int_equal(mayfly_leftovers_get(left, i, &path, &code), 0);
        seen += strcmp(path, "dir-2/s") == 0 && code == -EMFILE;
    }
    assert_int_equal(seen, 1);
    mft_remove(root);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        MFT(D2_several_threads_remove_all_of_a_tree),
        MFT(a_small_tree_starts_no_thread),
        MFT(a_caller_that_does_not_know_of_jobs_gets_one_thread),
        MFT(a_large_directory_is_shared_and_each_name_removed_once),
        MFT(a_large_directory_goes_where_types_are_unknown),
        MFT(progress_is_told_by_one_thread_at_a_time_and_sums_up),
        MFT(a_progress_function_that_says_so_ends_all_threads),
        MFT(what_several_threads_leave_is_one_list),
        MFT(what_is_left_of_a_shared_directory_is_counted_once),
        MFT(signals_go_to_the_threads_of_the_caller_only),
        MFT(where_no_thread_can_be_started_it_goes_on_with_fewer),
        MFT(every_failing_call_of_any_thread_leaves_it_to_be_finished),
        MFT(a_shared_directory_survives_what_is_refused),
        MFT(with_few_descriptors_there_are_fewer_threads_and_all_goes),
        MFT(what_is_left_is_listed_once_though_it_was_begun_again),
    };
    return MFT_MAIN(tests);
}
