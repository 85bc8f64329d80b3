/* SPDX-License-Identifier: MIT
 *
 * Rows of docs/guarantees.md about sources: dumping one and loading it when a call is refused, the
 * disk is full, the process is killed or told to stop before each of its calls, or has forked.
 */
#define _GNU_SOURCE
#include "../lib/sources.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "../lib/fault.h"

int mft_times(int x); /* lib/carried.c */

/* No compiler is run to check what is dumped: test_source.c does that. */
static const mayfly_source_options plain = {.unchecked = true};

/* ---- calls that are refused ------------------------------------------------------------------ */

static int dump_scene(void *context, mayfly_error *error) {
    mayfly_file *file = NULL;
    /* A directory that is given is not proved: that is no matter of sources. */
    const mayfly_source_options options = {.unchecked = true, .dir = context};
    const int r = mayfly_dump_source(mft_times, &options, &file, error);
    assert_true(r == 0 ? file != NULL : file == NULL);
    const int closed = mayfly_file_close(&file, r == 0 ? error : NULL);
    return r < 0 ? r : closed;
}

static void S1_every_call_of_dumping_may_be_refused(void **state) {
    static const int codes[] = {-ENOMEM, -EMFILE, -EIO};
    (void)state;
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        assert_true(mft_fault_until_ok(dump_scene, (void *)(uintptr_t)mft_tmp(), codes[i], 0) > 5);
}

static void S1_a_full_disk_leaves_no_half_source(void **state) {
    (void)state;
    assert_true(mft_fault_until_ok(dump_scene, (void *)(uintptr_t)mft_tmp(), -ENOSPC, 0) > 5);
}

/* In a forked child, where nothing may fail but by its status. */
static bool is_right(const mayfly_namespace *ns) {
    const mayfly_function function = mayfly_namespace_function(ns, NULL);
    return function != NULL && ((int_of_int *)function)(5) == 15;
}

/* The header that the text includes is not installed. */
static mayfly_load_source_options loading(void) {
    static char include[4200];
    static const char *flags[] = {include, NULL};
    (void)snprintf(include, sizeof include, "-I%s/include", getenv("MFT_SOURCE"));
    return (mayfly_load_source_options){.flags = flags};
}

/* ---- killed, or told to stop ----------------------------------------------------------------- */

struct run {
    long n;
    int code;
};

static int dump_and_load(void *context) {
    mayfly_auto(mayfly_file) file = NULL;
    mayfly_auto(mayfly_namespace) ns = NULL;
    const mayfly_load_source_options options = loading();
    const struct run *run = context;
    mayfly_error error;
    if (run->code == MFT_FAULT_TERM && mayfly_keep_on_signals(MAYFLY_ON_USUAL, &error) < 0)
        return 4;
    mft_fault_refuse(NULL, run->n, run->code, 0);
    int r = mayfly_dump_source(mft_times, &plain, &file, &error);
    if (r == 0)
        r = mayfly_load_source(mayfly_file_path(file), &options, &ns, &error);
    mft_fault_end();
    return r < 0 ? 3 : is_right(ns) ? 0 : 5;
}

/* Interrupts it before one call after the other, most of them with the text in the cache. Returns
 * how many calls there were. */
static long sweep(int code) {
    for (long n = 1;; n += mft_wrapped() ? 37 : 1) {
        struct run run = {n, code};
        const int status = mft_fork(dump_and_load, &run);
        if (code == MFT_FAULT_DIE || WIFEXITED(status))
            mft_ok(mayfly_reap(NULL, NULL, &mft_error));
        if (mft_entries(mft_tmp()) != 1) /* the cache's home */
            fail_msg("call %ld: %d things are left", n, mft_entries(mft_tmp()) - 1);
        if (WIFEXITED(status)) {
            assert_int_equal(WEXITSTATUS(status), 0);
            return n;
        }
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), code == MFT_FAULT_DIE ? SIGKILL : SIGTERM);
    }
}

/* Compiled once, so that no interrupted run leaves a compiler at work behind it. */
static void compile_once(void) {
    struct run run = {0, 0};
    need_cache();
    assert_int_equal(mft_fork(dump_and_load, &run), 0);
}

static void S1_killed_before_every_call_nothing_is_left_of_a_source(void **state) {
    (void)state;
    compile_once();
    const long calls = sweep(MFT_FAULT_DIE);
    print_message("%ld kill points, 0 leftovers\n", calls);
    assert_true(calls > 20);
}

static void S1_told_to_stop_before_every_call_nothing_is_left_of_a_source(void **state) {
    (void)state;
    if (mft_wrapped())
        mft_skip("valgrind cannot deliver a signal that deep in a forked child");
    compile_once();
    assert_true(sweep(MFT_FAULT_TERM) > 20);
}

/* ---- a forked child -------------------------------------------------------------------------- */

struct parents {
    mayfly_file *file;
    mayfly_namespace *ns;
};

static int use_and_close(void *context) {
    struct parents *of = context;
    const bool right = is_right(of->ns);
    if (mayfly_namespace_close(&of->ns, NULL) < 0 || mayfly_file_close(&of->file, NULL) < 0)
        return 2;
    return right ? 0 : 1;
}

static void S1_a_forked_child_calls_what_its_parent_loaded_and_removes_nothing(void **state) {
    const mayfly_load_source_options options = loading();
    struct parents of = {NULL, NULL};
    (void)state;
    mft_ok(mayfly_dump_source(mft_times, &plain, &of.file, &mft_error));
    mft_ok(mayfly_load_source_file(of.file, &options, &of.ns, &mft_error));
    assert_int_equal(mft_fork_exit(use_and_close, &of), 0);
    assert_true(mft_exists(mayfly_file_path(of.file)));
    assert_int_equal(call_int(of.ns, "mft_times", 5), 15);
    mft_ok(mayfly_namespace_close(&of.ns, &mft_error));
    mft_ok(mayfly_file_close(&of.file, &mft_error));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        MFT(S1_every_call_of_dumping_may_be_refused),
        MFT(S1_a_full_disk_leaves_no_half_source),
        SOURCES(S1_killed_before_every_call_nothing_is_left_of_a_source),
        SOURCES(S1_told_to_stop_before_every_call_nothing_is_left_of_a_source),
        SOURCES(S1_a_forked_child_calls_what_its_parent_loaded_and_removes_nothing),
    };
    return MFT_MAIN(tests);
}
