/* SPDX-License-Identifier: MIT
 *
 * F4, F7: in memory first, on disk when it has to be.
 */
#define _GNU_SOURCE
#include "../lib/harness.h"

#include <errno.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/fault.h"

static mayfly_file *spool(const mayfly_file_options *options) {
    mayfly_file *file = NULL;
    if (mayfly_spooled_temporary_file(options, &file, &mft_error) < 0)
        fail_msg("%s", mft_error.message);
    return file;
}

static int is_content(mayfly_file *file, const char *text, size_t size) {
    char *all = NULL;
    size_t have = 0;
    if (mayfly_file_seek(file, 0, SEEK_SET, NULL) != 0 ||
        mayfly_file_read_all(file, &all, &have, NULL) < 0)
        return 0;
    const int same = have == size && memcmp(all, text, size) == 0;
    free(all);
    return same;
}

static void F4_it_rolls_over_just_past_max_size(void **state) {
    (void)state;
    mayfly_auto(mayfly_file) file = spool(&(mayfly_file_options){.max_size = 10});
    mft_ok(mayfly_file_write(file, "0123456789", 10, &mft_error));
    assert_false(mayfly_file_rolled(file));
    mft_ok(mayfly_file_write(file, "A", 1, &mft_error));
    assert_true(mayfly_file_rolled(file));
    assert_true(is_content(file, "0123456789A", 11));
    assert_int_equal(mft_entries(mft_tmp()), 0); /* without a name */
}

static int by_write(mayfly_file *file) {
    return mayfly_file_write(file, "12345678901", 11, &mft_error);
}
static int by_writev(mayfly_file *file) {
    char one[6] = "123456", two[5] = "78901";
    const mayfly_slice slices[] = {{one, 6}, {two, 5}};
    return mayfly_file_writev(file, slices, 2, &mft_error);
}
static int by_pwrite(mayfly_file *file) {
    return mayfly_file_pwrite(file, "x", 1, 10, &mft_error);
}
static int by_truncate(mayfly_file *file) {
    return mayfly_file_truncate(file, 11, &mft_error);
}
static int by_seek_then_write(mayfly_file *file) {
    if (mayfly_file_seek(file, 10, SEEK_SET, &mft_error) != 10 || mayfly_file_rolled(file))
        return -1;
    return mayfly_file_write(file, "x", 1, &mft_error);
}
static int by_stream(mayfly_file *file) {
    FILE *stream = NULL;
    if (mayfly_file_stream(file, &stream, &mft_error) < 0 || fputs("12345678901", stream) < 0)
        return -1;
    return fflush(stream);
}
static int by_fd(mayfly_file *file) {
    return mayfly_file_fd(file, &mft_error) >= 0 ? 0 : -1;
}
static int by_asking(mayfly_file *file) {
    return mayfly_file_rollover(file, &mft_error);
}

static void F4_max_size_holds_on_every_path(void **state) {
    (void)state;
    static int (*const ways[])(mayfly_file *) = {by_write,    by_writev,          by_pwrite,
                                                 by_truncate, by_seek_then_write, by_stream,
                                                 by_fd,       by_asking};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        mayfly_auto(mayfly_file) file = spool(&(mayfly_file_options){.max_size = 10});
        mft_ok(ways[i](file));
        assert_true(mayfly_file_rolled(file));
    }
}

static void F4_without_max_size_it_stays_in_memory(void **state) {
    (void)state;
    static char data[1 << 20];
    mayfly_auto(mayfly_file) file = spool(NULL);
    mft_fault_count();
    for (int i = 0; i < 5; i++)
        mft_ok(mayfly_file_write(file, data, sizeof data, &mft_error));
    mft_ok(mayfly_file_sync(file, &mft_error));
    assert_int_equal(mft_fault_calls("openat") + mft_fault_calls("open_unnamed"), 0);
    mft_fault_end();
    assert_false(mayfly_file_rolled(file));
    assert_true(mayfly_file_nameless(file));
    assert_int_equal(mayfly_file_size(file, NULL), 5 << 20);
}

static void F4_it_rolls_to_where_the_caller_says(void **state) {
    (void)state;
    char *where = mft_path("where");
    assert_int_equal(mkdir(where, 0700), 0);
    mayfly_auto(mayfly_file) file = spool(&(mayfly_file_options){
        .max_size = 1, .dir = where, .prefix = "p_", .suffix = ".s", .roll_to = MAYFLY_ROLL_NAMED});
    assert_null(mayfly_file_path(file));
    mft_ok(mayfly_file_write(file, "12", 2, &mft_error));
    assert_int_equal(strncmp(mayfly_file_path(file), where, strlen(where)), 0);
    assert_non_null(strstr(mayfly_file_path(file), "/p_"));
    assert_int_equal(mft_entries(where), 1);
    assert_false(mayfly_file_nameless(file));
    mft_ok(mayfly_file_close(&file, &mft_error));
    assert_int_equal(rmdir(where), 0);
}

static void F4_an_old_option_may_be_gone_when_it_rolls(void **state) {
    (void)state;
    char dir[4096];
    snprintf(dir, sizeof dir, "%s", mft_tmp());
    mayfly_auto(mayfly_file) file =
        spool(&(mayfly_file_options){.max_size = 1, .dir = dir, .roll_to = MAYFLY_ROLL_NAMED});
    memset(dir, 'x', sizeof dir - 1); /* the caller's memory is the caller's again */
    mft_ok(mayfly_file_write(file, "12", 2, &mft_error));
    assert_int_equal(mft_entries(mft_tmp()), 1);
}

/* Each call that rolling over makes is refused in turn: what was accepted stays, the spool goes on
 * in memory, and the same write succeeds afterwards. */
static void spool_loses_nothing_when_the_disk_is_full(void **state) {
    (void)state;
    static const char *const calls[] = {"open_unnamed", "pwrite", "openat"};
    static const int codes[] = {-ENOSPC, -EDQUOT, -EIO, -EMFILE};
    char accepted[90], more[20];
    memset(accepted, 'a', sizeof accepted);
    memset(more, 'm', sizeof more);
    for (size_t c = 0; c < 4; c++)
        for (size_t i = 0; i < 3; i++) {
            mayfly_auto(mayfly_file) file =
                spool(&(mayfly_file_options){.max_size = 100, .dir = mft_tmp()});
            mft_ok(mayfly_file_write(file, accepted, sizeof accepted, &mft_error));
            mft_fault_refuse(calls[i], 1, codes[c], 1);
            mft_fails(codes[c], mayfly_file_write(file, more, sizeof more, &mft_error));
            assert_int_equal(mft_fault_refused() > 0, 1);
            mft_fault_end();
            assert_false(mayfly_file_rolled(file));
            assert_int_equal(mayfly_file_tell(file, NULL), sizeof accepted);
            assert_true(is_content(file, accepted, sizeof accepted));
            assert_int_equal(mayfly_file_seek(file, 0, SEEK_END, NULL), sizeof accepted);
            mft_ok(mayfly_file_write(file, more, sizeof more, &mft_error));
            assert_true(mayfly_file_rolled(file));
            assert_int_equal(mayfly_file_size(file, NULL), sizeof accepted + sizeof more);
            mft_ok(mayfly_file_close(&file, &mft_error));
        }
}

static void spool_loses_nothing_on_a_real_full_file_system(void **state) {
    (void)state;
    char *small = mft_path("small");
    static char accepted[90000], more[20000];
    memset(accepted, 'a', sizeof accepted);
    assert_int_equal(mkdir(small, 0700), 0);
    if (mount("tmpfs", small, "tmpfs", 0, "size=64k") != 0) {
        assert_int_equal(rmdir(small), 0);
        mft_skip("a small file system cannot be mounted here");
    }
    const char *const dirs[] = {mft_tmp(), NULL};
    mayfly_file *file = spool(&(mayfly_file_options){.max_size = 100000, .dir = small});
    mayfly_file *with =
        spool(&(mayfly_file_options){.max_size = 100000, .dir = small, .fallback_dirs = dirs});
    int r = mayfly_file_write(file, accepted, sizeof accepted, &mft_error) |
            mayfly_file_write(with, accepted, sizeof accepted, &mft_error);
    const int full = mayfly_file_write(file, more, sizeof more, &mft_error);
    const int told = strstr(mft_error.message, "tmpfs") != NULL;
    const int elsewhere = mayfly_file_write(with, more, sizeof more, &mft_error);
    const int kept = is_content(file, accepted, sizeof accepted);
    const int64_t size = mayfly_file_size(with, NULL);
    r |= mayfly_file_close(&with, NULL);
    const int closed = mayfly_file_close(&file, NULL); /* tells of the write that failed */
    assert_int_equal(umount(small) | rmdir(small), 0);
    assert_int_equal(r, 0);
    assert_int_equal(full, -ENOSPC);
    assert_int_equal(closed, -ENOSPC);
    assert_true(told && kept);
    assert_int_equal(elsewhere, 0); /* K5: a fallback directory was named */
    assert_int_equal(size, sizeof accepted + sizeof more);
}

static void spool_survives_every_refused_allocation(void **state) {
    (void)state;
    char data[600];
    memset(data, 'd', sizeof data);
    for (long n = 1;; n++) {
        mayfly_file *file = NULL;
        mft_fault_refuse("malloc", n, -ENOMEM, 0);
        int r = mayfly_spooled_temporary_file(
            &(mayfly_file_options){.dir = mft_tmp(), .max_size = 1000}, &file, &mft_error);
        const long first = mft_fault_refused();
        for (int i = 0; i < 3 && r == 0; i++)
            r = mayfly_file_write(file, data, sizeof data, &mft_error);
        const long refused = mft_fault_refused();
        mft_fault_end();
        /* Memory that cannot be had for the content sends the spool to disk; else it is told. */
        if (refused > 0 && !(r == 0 && mayfly_file_rolled(file)))
            assert_true(r == -ENOMEM && mft_error.code == -ENOMEM);
        if (refused > first) { /* while writing: try again */
            const int64_t size = mayfly_file_size(file, NULL);
            assert_int_equal(size % (int64_t)sizeof data, 0);
            mft_ok(mayfly_file_write(file, data, sizeof data, &mft_error));
            assert_int_equal(mayfly_file_size(file, NULL), size + (int64_t)sizeof data);
        }
        (void)mayfly_file_close(&file, NULL);
        if (refused == 0)
            return;
    }
}

static void F7_memory_files_hold_bytes_and_text(void **state) {
    (void)state;
    mayfly_auto(mayfly_file) bytes = spool(NULL);
    mayfly_auto(mayfly_file) text = spool(&(mayfly_file_options){.mode = "w+"});
    mft_ok(mayfly_file_write(bytes, "Data \0 in memory", 16, &mft_error));
    assert_true(is_content(bytes, "Data \0 in memory", 16));
    mft_ok(mayfly_file_write(text, "Text \xe4\xb8\x96\xe7\x95\x8c\n", 12, &mft_error));
    assert_true(is_content(text, "Text \xe4\xb8\x96\xe7\x95\x8c\n", 12));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        MFT(F4_it_rolls_over_just_past_max_size),
        MFT(F4_max_size_holds_on_every_path),
        MFT(F4_without_max_size_it_stays_in_memory),
        MFT(F4_it_rolls_to_where_the_caller_says),
        MFT(F4_an_old_option_may_be_gone_when_it_rolls),
        MFT(spool_loses_nothing_when_the_disk_is_full),
        MFT(spool_loses_nothing_on_a_real_full_file_system),
        MFT(spool_survives_every_refused_allocation),
        MFT(F7_memory_files_hold_bytes_and_text),
    };
    return MFT_MAIN(tests);
}
