/* SPDX-License-Identifier: MIT
 *
 * Rows of docs/guarantees.md that no other test covers: what a forked child may not do in its
 * parent's name, and what is built upon files and directories when it is killed or told to stop
 * before each of its system calls.
 */
#define _GNU_SOURCE
#include "../lib/harness.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/fault.h"

static char *target;

/* ---- a forked child -------------------------------------------------------------------------- */

struct parents {
    mayfly_file *file, *spool;
    mayfly_replace *replace;
    mayfly_workspace *work;
};

static int act_for_the_parent(void *context) {
    struct parents *of = context;
    if (mayfly_file_persist(of->file, target, 0, NULL, NULL) != MAYFLY_E_FORKED)
        return 1;
    if (mayfly_file_rollover(of->spool, NULL) != MAYFLY_E_FORKED)
        return 2;
    if (mayfly_replace_commit(of->replace, NULL, NULL) != MAYFLY_E_FORKED)
        return 3;
    if (mayfly_workspace_commit(of->work, NULL, NULL) != MAYFLY_E_FORKED)
        return 4;
    if (mayfly_file_close(&of->file, NULL) < 0 || mayfly_file_close(&of->spool, NULL) < 0 ||
        mayfly_replace_end(&of->replace, NULL) < 0 || mayfly_workspace_close(&of->work, NULL) < 0)
        return 5;
    return 0;
}

static void a_forked_child_commits_nothing_in_its_parents_name(void **state) {
    (void)state;
    struct parents of = {.file = NULL};
    char inside[4200];
    target = mft_path("target");
    mft_write(target, "old");
    mft_ok(mayfly_named_temporary_file(NULL, &of.file, &mft_error));
    mft_ok(mayfly_spooled_temporary_file(NULL, &of.spool, &mft_error));
    mft_ok(mayfly_file_write(of.spool, "spooled", 7, &mft_error));
    mft_ok(mayfly_replace_begin(target, NULL, &of.replace, &mft_error));
    mft_ok(mayfly_file_write(mayfly_replace_file(of.replace), "new", 3, &mft_error));
    mft_ok(mayfly_workspace_begin(NULL, &of.work, &mft_error));
    (void)snprintf(inside, sizeof inside, "%s/result", mayfly_workspace_path(of.work));
    mft_write(inside, "result");
    mft_ok(mayfly_workspace_carry_out(of.work, "result", mft_path("result"), 0, &mft_error));
    mft_ok(mayfly_file_flush(mayfly_replace_file(of.replace), &mft_error));

    assert_int_equal(mft_fork_exit(act_for_the_parent, &of), 0);
    assert_true(mft_is(target, "old"));
    assert_true(mft_exists(mayfly_file_path(of.file)) && mft_is(inside, "result"));

    mft_ok(mayfly_replace_commit(of.replace, NULL, &mft_error));
    mft_ok(mayfly_workspace_commit(of.work, NULL, &mft_error));
    mft_ok(mayfly_file_rollover(of.spool, &mft_error));
    assert_true(mft_is(target, "new") && mft_is(mft_path("result"), "result"));
    mft_ok(mayfly_file_persist(of.file, target, 0, NULL, &mft_error));
    mft_ok(mayfly_file_close(&of.file, &mft_error));
    mft_ok(mayfly_file_close(&of.spool, &mft_error));
    mft_ok(mayfly_replace_end(&of.replace, &mft_error));
    mft_ok(mayfly_workspace_close(&of.work, &mft_error));
    mft_empty();
}

/* ---- what is built upon files ---------------------------------------------------------------- */

static int use_values(mayfly_error *error) {
    mayfly_auto(mayfly_doc) doc = NULL;
    mayfly_auto(mayfly_file) dumped = NULL;
    mayfly_auto(mayfly_session) session = NULL;
    mayfly_auto(mayfly_cache) cache = NULL;
    int r = mayfly_doc_new(NULL, &doc, error);
    if (r == 0)
        r = mayfly_dump(doc, mayfly_int_new(doc, 1), NULL, &dumped, error);
    if (r == 0)
        r = mayfly_session_new("s", NULL, &session, error);
    if (r == 0)
        r = mayfly_session_put(session, "one", mayfly_int_new(doc, 1), error);
    if (r == 0)
        r = (int)mayfly_session_snapshot(session, "", error);
    if (r == 0)
        r = mayfly_cache_open(NULL, &cache, error);
    if (r == -ENOTSUP)
        return 0; /* a library without libsodium */
    return r < 0 ? r : mayfly_cache_put(cache, "key", 3, "value", 5, NULL, error);
}

static int use_streams(mayfly_error *error) {
    mayfly_auto(mayfly_capture) capture = NULL;
    const char *directory;
    (void)setenv("TMPDIR", mft_path("."), 1); /* another text: it is proved anew */
    int r = mayfly_gettempdir(&directory, error);
    if (r == 0)
        r = mayfly_replace_with(target, "new", 3, NULL, error);
    if (r == 0)
        r = mayfly_capture(MAYFLY_STDOUT, &(mayfly_capture_options){.max_memory = 4}, &capture,
                           error);
    for (int i = 0; i < 9 && r == 0; i++)
        r = printf("more than four bytes\n") < 0 ? -EIO : 0;
    return r < 0 ? r : mayfly_capture_end(capture, error);
}

struct run {
    int (*use)(mayfly_error *error);
    long n;
    int code;
};

static int scenario(void *context) {
    const struct run *run = context;
    mayfly_error error;
    if (run->code == MFT_FAULT_TERM && mayfly_keep_on_signals(MAYFLY_ON_USUAL, &error) < 0)
        return 4;
    mft_fault_refuse(NULL, run->n, run->code, 0);
    const int r = run->use(&error);
    mft_fault_end();
    return r < 0 ? 3 : 0;
}

/* Interrupts it before one call after the other. Returns how many calls there were. */
static long sweep(int (*use)(mayfly_error *error), int code) {
    for (long n = 1;; n += mft_wrapped() ? 37 : 1) {
        struct run run = {use, n, code};
        mft_write(target, "old");
        const int status = mft_fork(scenario, &run);
        if (code == MFT_FAULT_DIE || WIFEXITED(status))
            mft_ok(mayfly_reap(NULL, NULL, &mft_error));
        if (mft_entries(mft_tmp()) != 1)
            fail_msg("call %ld: %d things are left", n, mft_entries(mft_tmp()) - 1);
        if (!mft_is(target, "old") && !mft_is(target, "new"))
            fail_msg("call %ld: the target is neither the old one nor the new one", n);
        if (WIFEXITED(status)) {
            assert_int_equal(WEXITSTATUS(status), 0);
            return n;
        }
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), code == MFT_FAULT_DIE ? SIGKILL : SIGTERM);
    }
}

static void dumps_sessions_caches_and_captures_are_reaped_when_they_are_killed(void **state) {
    (void)state;
    target = mft_path("target");
    const long values = sweep(use_values, MFT_FAULT_DIE);
    const long streams = sweep(use_streams, MFT_FAULT_DIE);
    print_message("%ld kill points, 0 leftovers\n", values + streams);
    assert_true(values > 5 && streams > 10);
    (void)unlink(target);
}

static void dumps_sessions_caches_and_captures_go_when_they_are_told_to_stop(void **state) {
    (void)state;
    if (mft_wrapped())
        mft_skip("valgrind cannot deliver a signal that deep in a forked child");
    target = mft_path("target");
    const long values = sweep(use_values, MFT_FAULT_TERM);
    const long streams = sweep(use_streams, MFT_FAULT_TERM);
    assert_true(values > 5 && streams > 10);
    (void)unlink(target);
}

/* ---- memory ---------------------------------------------------------------------------------- */

static int choose(void *context, mayfly_error *error) {
    static int round;
    const char *directory;
    (void)context;
    (void)setenv("TMPDIR", mft_path(round++ % 2 == 0 ? "." : "./."), 1); /* proved anew */
    return mayfly_gettempdir(&directory, error);
}

static void choosing_a_directory_survives_every_refused_allocation(void **state) {
    (void)state;
    assert_true(mft_fault_until_ok(choose, NULL, -ENOMEM, 0) > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        MFT(a_forked_child_commits_nothing_in_its_parents_name),
        MFT(dumps_sessions_caches_and_captures_are_reaped_when_they_are_killed),
        MFT(dumps_sessions_caches_and_captures_go_when_they_are_told_to_stop),
        MFT(choosing_a_directory_survives_every_refused_allocation),
    };
    return MFT_MAIN(tests);
}
