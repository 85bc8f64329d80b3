/* SPDX-License-Identifier: MIT
 *
 * The fault sweep: a scenario that uses every part is run again and again, each time with the next
 * system call or allocation failing, with one errno after the other. No crash, no leak of memory,
 * descriptors or files, an error that says what it is, and what was accepted is there.
 */
#define _GNU_SOURCE
#include "../lib/harness.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../src/keep/journal.h"
#include "../lib/fault.h"

static char *target;

static int use_files(mayfly_error *error) {
    mayfly_auto(mayfly_file) named = NULL;
    mayfly_auto(mayfly_file) unnamed = NULL;
    mayfly_auto(mayfly_file) spool = NULL;
    mayfly_auto(mayfly_file) text = NULL;
    FILE *stream = NULL;
    int r = mayfly_named_temporary_file(&(mayfly_file_options){.dir = mft_tmp()}, &named, error);
    if (r == 0)
        r = mayfly_temporary_file(NULL, &unnamed, error);
    if (r == 0)
        r = mayfly_spooled_temporary_file(&(mayfly_file_options){.max_size = 3}, &spool, error);
    if (r == 0)
        r = mayfly_file_in_tempdir(
            "text.txt", &(mayfly_file_options){.mode = "w+", .encoding = "utf-16"}, &text, error);
    if (r == 0)
        r = mayfly_file_write(unnamed, "unnamed", 7, error);
    if (r == 0)
        r = mayfly_file_write(spool, "spooled", 7, error);
    if (r == 0)
        r = mayfly_file_write(text, "text\n", 5, error);
    if (r == 0)
        r = mayfly_file_stream(named, &stream, error);
    if (r == 0)
        r = mayfly_file_write(named, "the new one", 11, error);
    if (r == 0)
        r = mayfly_file_persist(named, target, MAYFLY_DURABLE | MAYFLY_PRESERVE_BEST, NULL, error);
    if (r == 0)
        r = mayfly_file_close(&spool, error);
    if (r == 0)
        r = mayfly_file_close(&text, error);
    return r;
}

static int use_directories(mayfly_error *error) {
    mayfly_auto(mayfly_workspace) work = NULL;
    mayfly_auto(mayfly_manager) manager = NULL;
    mayfly_auto(mayfly_chunks) chunks = NULL;
    mayfly_dir *dir = NULL;
    mayfly_file *file = NULL;
    mayfly_chunk chunk;
    int r = mayfly_workspace_begin(NULL, &work, error);
    if (r == 0)
        r = mayfly_workspace_copy_in(work, target, "in/copy", error);
    if (r == 0)
        r = mayfly_workspace_carry_out(work, "in/copy", target, 0, error);
    if (r == 0)
        r = mayfly_workspace_commit(work, NULL, error);
    if (r == 0)
        r = mayfly_manager_new(&manager, error);
    if (r == 0)
        r = mayfly_manager_dir(manager, NULL, &dir, error);
    if (r == 0)
        r = mayfly_dir_mkdir(dir, "a/b/c", error);
    if (r == 0)
        r = mayfly_manager_file(manager, NULL, &file, error);
    if (r == 0)
        r = mayfly_chunks_open(target, &(mayfly_chunk_options){.rows = 1, .no_header = true},
                               &chunks, error);
    if (r == 0)
        r = mayfly_chunks_next(chunks, &chunk, error);
    return r < 0 ? r : mayfly_workspace_close(&work, error);
}

static int use_everything(mayfly_error *error) {
    int r = use_files(error);
    if (r == 0)
        r = mayfly_replace_with(target, "the new one", 11,
                                &(mayfly_replace_options){.durability = MAYFLY_DURABILITY_FULL},
                                error);
    return r < 0 ? r : use_directories(error);
}

/* What a failed removal or close in the middle left is no leak of ours to be found later: the
 * refused call itself was the removal. */
static int refused_a_removal(const char *call) {
    static const char *const removals[] = {"unlinkat", "fstatat", "getdents", "statmount",
                                           "openat",   "malloc",  "realloc"};
    for (size_t i = 0; i < sizeof removals / sizeof *removals; i++)
        if (strcmp(call, removals[i]) == 0)
            return 1;
    return 0;
}

/* What was made outside TMPDIR, because that was refused: in the next directory, which is
 * everybody's. */
static char strays[64][512];
static size_t stray_count;

static void note_made(const mayfly_event *event, void *user) {
    (void)user;
    if (event->kind == MAYFLY_EVENT_CREATED && event->path != NULL &&
        strncmp(event->path, mft_tmp(), strlen(mft_tmp())) != 0 &&
        stray_count < sizeof strays / sizeof *strays)
        (void)snprintf(strays[stray_count++], sizeof *strays, "%s", event->path);
}

/* How many of them are left; they are taken away. */
static int take_strays(void) {
    int left = 0;
    for (size_t i = 0; i < stray_count; i++)
        if (mft_exists(strays[i])) {
            left++;
            mft_remove(strays[i]);
        }
    stray_count = 0;
    return left;
}

static long sweep(int code) {
    for (long n = 1;; n++) {
        mft_write(target, "the old one");
        mfi_journal_forget(); /* making it is part of the sweep */
        mft_fault_refuse(NULL, n, code, 0);
        mft_error.code = 0;
        const int r = use_everything(&mft_error);
        const long refused = mft_fault_refused();
        const char *call = mft_fault_last();
        mft_fault_end();
        if (r < 0 && mft_error.code != r)
            fail_msg("call %ld (%s): returned %d, but the error says %d", n, call, r,
                     mft_error.code);
        if (r < 0 && mft_error.message[0] == '\0')
            fail_msg("call %ld (%s): no message", n, call);
        if (!mft_is(target, "the old one") && !mft_is(target, "the new one"))
            fail_msg("call %ld (%s): the target is broken", n, call);
        const int entries = mft_entries(mft_tmp());
        if (entries + take_strays() != 1 && !refused_a_removal(call))
            fail_msg("call %ld (%s): something is left", n, call);
        if (entries != 1) {
            mft_remove(mft_tmp());
            assert_int_equal(mkdir(mft_tmp(), 0700), 0);
        }
        if (refused == 0)
            return n - 1;
    }
}

static void every_call_may_fail_with_every_errno(void **state) {
    (void)state;
    static const int codes[] = {-ENOSPC, -EDQUOT, -EIO,   -EINTR,  -EMFILE, -ENFILE,
                                -EACCES, -EPERM,  -EROFS, -ENOENT, -ENOMEM, -EINVAL};
    long points = 0;
    target = mft_path("target");
    mayfly_set_event_hook(note_made, NULL);
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        points += sweep(codes[i]);
    mayfly_set_event_hook(NULL, NULL);
    print_message("%ld points of failure\n", points);
    assert_true(points > 1000);
    (void)unlink(target);
}

static void every_allocation_may_fail_and_all_after_it(void **state) {
    (void)state;
    static const char *const kinds[] = {"malloc", "calloc", "realloc"};
    long points = 0;
    target = mft_path("target");
    mayfly_set_event_hook(note_made, NULL);
    for (int kind = 0; kind < 3; kind++)
        for (long n = 1;; n++) {
            mft_write(target, "the old one");
            mft_fault_refuse(kinds[kind], n, -ENOMEM, 1);
            mft_error.code = 0;
            const int r = use_everything(&mft_error);
            const long refused = mft_fault_refused();
            mft_fault_end();
            if (refused > 0 && r < 0)
                assert_int_equal(mft_error.code, r);
            (void)take_strays();
            mft_remove(mft_tmp());
            assert_int_equal(mkdir(mft_tmp(), 0700), 0);
            if (refused == 0)
                break;
            points++;
        }
    mayfly_set_event_hook(NULL, NULL);
    print_message("%ld allocations refused\n", points);
    assert_true(points > 50);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        MFT(every_call_may_fail_with_every_errno),
        MFT(every_allocation_may_fail_and_all_after_it),
    };
    return MFT_MAIN(tests);
}
