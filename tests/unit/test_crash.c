/* SPDX-License-Identifier: MIT
 *
 * The kill sweep: a scenario that uses every part is killed before its first system call, before
 * its second, and so on to its last. After one reaping nothing of it is left, what it was replacing
 * is the old or the new content in full, and what was not its own is as it was. The same with
 * SIGTERM, where nothing is left without any reaping.
 */
#define _GNU_SOURCE
#include "../lib/harness.h"

#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../src/base/sys.h"
#include "../lib/fault.h"

static char *target, *canary, *elsewhere;

static const char old_text[] = "the old content", new_text[] = "the new one";
static const char canary_text[] = "n\ncanary"; /* also a table, of one record */
static const char batch_text[] = "[\n  {\n    \"n\": \"canary\"\n  }\n]";

/* ---- the scenario ---------------------------------------------------------------------------- */

static int use_files(mayfly_error *error) {
    mayfly_auto(mayfly_file) named = NULL;
    mayfly_auto(mayfly_file) unnamed = NULL;
    mayfly_auto(mayfly_file) spool = NULL;
    mayfly_auto(mayfly_file) given = NULL;
    mayfly_auto(mayfly_file) kept = NULL;
    const mayfly_file_options rolling = {.max_size = 4, .roll_to = MAYFLY_ROLL_NAMED};
    int r = mayfly_named_temporary_file(NULL, &named, error);
    if (r == 0)
        r = mayfly_file_write(named, new_text, strlen(new_text), error);
    if (r == 0)
        r = mayfly_temporary_file(NULL, &unnamed, error);
    if (r == 0)
        r = mayfly_file_write(unnamed, new_text, strlen(new_text), error);
    if (r == 0)
        r = mayfly_spooled_temporary_file(&rolling, &spool, error);
    if (r == 0)
        r = mayfly_file_write(spool, "rolls over", 10, error);
    if (r == 0)
        r = mayfly_file_in_tempdir("canary", NULL, &given, error);
    if (r == 0)
        r = mayfly_named_temporary_file(&(mayfly_file_options){.keep_on_close = true}, &kept,
                                        error);
    if (r == 0)
        r = mayfly_file_close_descriptor(kept, error);
    if (r == 0)
        r = mayfly_file_persist(named, target, MAYFLY_DURABLE, NULL, error);
    if (r == 0)
        r = mayfly_file_persist(unnamed, target, MAYFLY_PRESERVE_BEST, NULL, error);
    return r;
}

/* From another file system: by a copy. */
static int use_copy(mayfly_error *error) {
    mayfly_auto(mayfly_file) far = NULL;
    int r = mayfly_named_temporary_file(&(mayfly_file_options){.dir = elsewhere}, &far, error);
    if (r == 0)
        r = mayfly_file_write(far, new_text, strlen(new_text), error);
    return r < 0 ? r : mayfly_file_persist(far, target, 0, NULL, error);
}

static int use_directories(mayfly_error *error) {
    mayfly_auto(mayfly_dir) dir = NULL;
    mayfly_auto(mayfly_dir) closed = NULL;
    mayfly_auto(mayfly_file) inside = NULL;
    mayfly_auto(mayfly_workspace) work = NULL;
    int r = mayfly_temporary_directory(&(mayfly_dir_options){.prefix = "d_"}, &dir, error);
    if (r == 0)
        r = mayfly_dir_mkdir(dir, "a/b/c/d", error);
    if (r == 0)
        r = mayfly_dir_file(dir, "a/b/file", NULL, &inside, error);
    if (r == 0)
        r = mayfly_file_write(inside, "x", 1, error);
    if (r == 0)
        r = mayfly_temporary_directory(NULL, &closed, error);
    if (r == 0)
        r = mayfly_dir_mkdir(closed, "e/f", error);
    if (r == 0)
        r = mayfly_dir_close(&closed, error);
    if (r == 0)
        r = mayfly_workspace_begin(NULL, &work, error);
    if (r == 0)
        r = mayfly_workspace_copy_in(work, canary, "in/copy", error);
    if (r == 0)
        r = mayfly_workspace_link_in(work, canary, "link", error);
    if (r == 0) /* with itself, so that it is replaced and yet the same */
        r = mayfly_workspace_carry_out(work, "in/copy", canary, 0, error);
    if (r == 0)
        r = mayfly_workspace_carry_out(work, "in/copy", target, 0, error);
    return r < 0 ? r : mayfly_workspace_commit(work, NULL, error);
}

static int use_batches(mayfly_error *error) {
    const int r =
        mayfly_batch_run((const char *const *)&canary, 1, target,
                         &(mayfly_batch_options){.format = MAYFLY_BATCH_CSV,
                                                 .replace.durability = MAYFLY_DURABILITY_NONE},
                         NULL, error);
    return r == -ENOTSUP ? 0 : r; /* a library without jansson */
}

static int use_many(mayfly_error *error) {
    mayfly_auto(mayfly_manager) manager = NULL;
    mayfly_auto(mayfly_chunks) chunks = NULL;
    mayfly_auto(mayfly_file) text = NULL;
    mayfly_file *file = NULL;
    mayfly_dir *dir = NULL;
    mayfly_chunk chunk;
    int r = mayfly_manager_new(&manager, error);
    for (int i = 0; i < 3 && r == 0; i++) {
        r = mayfly_manager_file(manager, NULL, &file, error);
        if (r == 0)
            r = mayfly_manager_dir(manager, NULL, &dir, error);
        if (r == 0)
            r = mayfly_dir_mkdir(dir, "g/h", error);
    }
    if (r == 0)
        r = mayfly_file_keep(file, error);
    if (r == 0)
        r = mayfly_file_unkeep(file, error);
    if (r == 0)
        r = mayfly_chunks_open(canary, &(mayfly_chunk_options){.rows = 1, .no_header = true},
                               &chunks, error);
    if (r == 0)
        r = mayfly_chunks_next(chunks, &chunk, error);
    if (r == 0)
        r = mayfly_named_temporary_file(
            &(mayfly_file_options){.mode = "w+", .encoding = "utf-16", .suffix = ".txt"}, &text,
            error);
    if (r == 0)
        r = mayfly_file_write(text, new_text, strlen(new_text), error);
    return r;
}

static int use_everything(mayfly_error *error) {
    int r = use_files(error);
    if (r == 0)
        r = use_copy(error);
    if (r == 0)
        r = use_many(error);
    if (r == 0)
        r = use_batches(error);
    return r < 0 ? r : use_directories(error);
}

/* ---- one run of it --------------------------------------------------------------------------- */

static int no_unnamed(int dir, mode_t mode) {
    (void)dir;
    (void)mode;
    return -EOPNOTSUPP;
}

static int no_linking(int fd, int to, const char *name) {
    (void)fd;
    (void)to;
    (void)name;
    return -ENOENT; /* as without /proc */
}

static int no_rename2(int from, const char *old, int to, const char *name, unsigned flags) {
    (void)from;
    (void)old;
    (void)to;
    (void)name;
    (void)flags;
    return -ENOSYS;
}

/* What a file system or kernel may lack. */
enum lack { LACKS_NOTHING, LACKS_TMPFILE, LACKS_LINKING, LACKS_RENAME2, LACKS };

struct run {
    long n;
    int code;
    enum lack lack;
};

/* Ends with 0 when it went through, 3 when it failed. */
static int scenario(void *context) {
    const struct run *run = context;
    mayfly_error error;
    if (run->code == MFT_FAULT_TERM && mayfly_keep_on_signals(MAYFLY_ON_USUAL, &error) < 0)
        return 4;
    mft_fault_refuse(NULL, run->n, run->code, 0);
    if (run->lack == LACKS_TMPFILE)
        mfi_sys.open_unnamed = no_unnamed;
    if (run->lack == LACKS_LINKING)
        mfi_sys.link_fd = no_linking;
    if (run->lack == LACKS_RENAME2)
        mfi_sys.renameat2 = no_rename2;
    const int r = use_everything(&error);
    mft_fault_end();
    if (r < 0)
        fprintf(stderr, "%s\n", error.message);
    return r < 0 ? 3 : 0;
}

static void check_nothing_left(const struct run *run) {
    const int in_tmp = mft_entries(mft_tmp());
    if (in_tmp != 2)
        fail_msg("call %ld: %d entries are left", run->n, in_tmp - 2);
    if (mft_entries(elsewhere) != 0)
        fail_msg("call %ld: something is left on the other file system", run->n);
    if (mft_entries(mft_leases()) != 1)
        fail_msg("call %ld: a journal is left", run->n);
    if (!mft_is(canary, canary_text))
        fail_msg("call %ld: what was not its own is changed", run->n);
    if (!mft_is(target, old_text) && !mft_is(target, new_text) && !mft_is(target, canary_text) &&
        !mft_is(target, batch_text))
        fail_msg("call %ld: the target is neither the old one nor a new one", run->n);
}

/* Runs it to its end, killed before one call after the other. Returns how many kills there were. */
static long sweep(int code, enum lack lack) {
    const long step = mft_wrapped() ? 37 : 1;
    for (long n = 1;; n += step) {
        struct run run = {.n = n, .code = code, .lack = lack};
        mft_write(target, old_text);
        const int status = mft_fork(scenario, &run);
        if (WIFEXITED(status)) {
            if (WEXITSTATUS(status) != 0)
                fail_msg("call %ld: it ended with %d", n, WEXITSTATUS(status));
            mft_ok(mayfly_reap(NULL, NULL, &mft_error)); /* its empty journal: it ended by _exit */
            check_nothing_left(&run);
            return n / step;
        }
        const int expected = code == MFT_FAULT_DIE ? SIGKILL : SIGTERM;
        if (!WIFSIGNALED(status) || WTERMSIG(status) != expected)
            fail_msg("call %ld: it ended with status 0x%x", n, (unsigned)status);
        if (code == MFT_FAULT_DIE)
            mft_ok(mayfly_reap(NULL, NULL, &mft_error));
        check_nothing_left(&run);
    }
}

static long sweep_all(int code) {
    long points = 0;
    for (int lack = 0; lack < LACKS; lack++)
        points += sweep(code, (enum lack)lack);
    return points;
}

static void prepare(void) {
    target = mft_path("target");
    canary = mft_path("canary");
    mft_write(canary, canary_text);
    static char other[64];
    (void)snprintf(other, sizeof other, "/dev/shm/mayfly-crash-%d", (int)getpid());
    elsewhere = other;
    if (mkdir(elsewhere, 0700) != 0)
        elsewhere = mft_path("elsewhere"); /* one file system only: a rename instead of a copy */
    if (strncmp(elsewhere, "/dev/shm", 8) != 0)
        assert_int_equal(mkdir(elsewhere, 0700), 0);
}

static void clean_up(void) {
    (void)unlink(target);
    (void)unlink(canary);
    assert_int_equal(rmdir(elsewhere), 0);
}

static void killed_before_every_call_nothing_is_left_after_one_reaping(void **state) {
    (void)state;
    prepare();
    const long kills = sweep_all(MFT_FAULT_DIE);
    print_message("%ld kill points, 0 leftovers\n", kills);
    assert_true(kills > 2000 || mft_wrapped());
    clean_up();
}

static void told_to_stop_before_every_call_nothing_is_left_at_all(void **state) {
    (void)state;
    if (mft_wrapped())
        mft_skip("valgrind cannot deliver a signal that deep in a forked child");
    prepare();
    const long kills = sweep_all(MFT_FAULT_TERM);
    print_message("%ld points of SIGTERM, 0 leftovers\n", kills);
    assert_true(kills > 2000 || mft_wrapped());
    clean_up();
}

/* ---- the reaper itself ----------------------------------------------------------------------- */

static int leave_everything(void *context) {
    mayfly_file *file = NULL;
    mayfly_dir *dir = NULL;
    (void)context;
    for (int i = 0; i < 3; i++) {
        if (mayfly_named_temporary_file(NULL, &file, NULL) < 0 ||
            mayfly_temporary_directory(NULL, &dir, NULL) < 0 ||
            mayfly_dir_mkdir(dir, "a/b", NULL) < 0)
            return 1;
    }
    (void)kill(getpid(), SIGKILL);
    return 0;
}

static int reap(void *context) {
    const struct run *run = context;
    mft_fault_refuse(NULL, run->n, run->code, 0);
    const int r = mayfly_reap(NULL, NULL, NULL);
    mft_fault_end();
    return r < 0 ? 3 : 0;
}

static void a_reaper_that_is_killed_half_way_leaves_it_to_the_next(void **state) {
    (void)state;
    for (long n = 1;; n += mft_wrapped() ? 7 : 1) {
        struct run run = {.n = n, .code = MFT_FAULT_DIE};
        (void)mft_fork(leave_everything, NULL);
        assert_int_equal(mft_entries(mft_tmp()), 6);
        const int status = mft_fork(reap, &run);
        mft_ok(mayfly_reap(NULL, NULL, &mft_error));
        if (mft_entries(mft_tmp()) != 0 || mft_entries(mft_leases()) != 1)
            fail_msg("reaper killed at call %ld: something is left", n);
        if (WIFEXITED(status)) {
            print_message("%ld kill points of the reaper\n", n - 1);
            assert_int_equal(WEXITSTATUS(status), 0);
            break;
        }
    }
}

static void a_reaper_survives_every_failing_call(void **state) {
    (void)state;
    static const int codes[] = {-EIO, -EACCES, -EMFILE, -EPERM, -ENOMEM};
    for (size_t c = 0; c < sizeof codes / sizeof *codes; c++)
        for (long n = 1;; n += mft_wrapped() ? 7 : 1) {
            (void)mft_fork(leave_everything, NULL);
            const int before = mft_descriptors();
            mft_fault_refuse(NULL, n, codes[c], 0);
            mft_error.code = 0;
            const int r = mayfly_reap(NULL, NULL, &mft_error);
            const long refused = mft_fault_refused();
            mft_fault_end();
            assert_int_equal(mft_error.code, r);
            assert_int_equal(mft_descriptors(), before);
            mft_ok(mayfly_reap(NULL, NULL, &mft_error));
            if (mft_entries(mft_tmp()) != 0)
                fail_msg("call %ld refused with %d: something is left", n, codes[c]);
            if (refused == 0)
                break;
        }
}

/* ---- very many ------------------------------------------------------------------------------- */

static int make_ten_files_and_two_trees(void) {
    mayfly_file *file = NULL;
    mayfly_dir *dir = NULL;
    for (int i = 0; i < 10; i++)
        if (mayfly_named_temporary_file(NULL, &file, NULL) < 0)
            return 1;
    for (int i = 0; i < 2; i++) {
        if (mayfly_temporary_directory(NULL, &dir, NULL) < 0 ||
            mayfly_dir_mkdir(dir, "a/b/c", NULL) < 0)
            return 1;
        mayfly_auto(mayfly_file) inside = NULL;
        if (mayfly_dir_file(dir, "a/b/file", NULL, &inside, NULL) < 0)
            return 1;
    }
    (void)pause();
    return 1;
}

static void a_thousand_processes_killed_at_random_leave_nothing_after_one_gc(void **state) {
    (void)state;
    enum { PROCESSES = 1000 };
    int count = mft_wrapped() ? 20 : PROCESSES;
    static pid_t pids[PROCESSES];
    uint32_t seed = 1187;
    mayfly_auto(mayfly_file) own = NULL;
    mayfly_reap_result result;
    mft_write(mft_path("bystander"), "alive");
    mft_ok(mayfly_named_temporary_file(NULL, &own, &mft_error));
    (void)fflush(NULL);
    for (int i = 0; i < count; i++) {
        pids[i] = fork();
        if (pids[i] == 0)
            _exit(make_ten_files_and_two_trees());
        if (pids[i] < 0) { /* as many as there may be */
            print_message("%d processes are all that can be had\n", i);
            assert_true(i > 10);
            count = i;
            break;
        }
        /* Some are killed early in their work, most much later. */
        const int victim = i - (int)(mft_random(&seed) % 8);
        if (victim >= 0 && pids[victim] > 0)
            (void)kill(pids[victim], SIGKILL);
    }
    for (int i = 0; i < count; i++) {
        int status;
        assert_int_equal(kill(pids[i], SIGKILL), 0); /* a zombie takes it, too */
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    }
    const int before = mft_entries(mft_tmp());
    mft_ok(mayfly_reap(NULL, &result, &mft_error));
    print_message("%d entries were there, %d removed by one reaping, %d left\n", before,
                  (int)result.removed, mft_entries(mft_tmp()) - 2);
    assert_int_equal(result.failed + result.other + result.damaged, 0);
    assert_int_equal(mft_entries(mft_tmp()), 2);
    assert_int_equal(mft_entries(mft_leases()), 1);
    assert_true(mft_is(mft_path("bystander"), "alive"));
    (void)unlink(mft_path("bystander"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        MFT(killed_before_every_call_nothing_is_left_after_one_reaping),
        MFT(told_to_stop_before_every_call_nothing_is_left_at_all),
        MFT(a_reaper_that_is_killed_half_way_leaves_it_to_the_next),
        MFT(a_reaper_survives_every_failing_call),
        MFT(a_thousand_processes_killed_at_random_leave_nothing_after_one_gc),
    };
    return MFT_MAIN(tests);
}
