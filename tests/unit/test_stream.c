/* SPDX-License-Identifier: MIT
 *
 * A FILE over every kind of file.
 */
#define _GNU_SOURCE
#include "../lib/harness.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/fault.h"

static mayfly_file *make(int kind) {
    mayfly_file *file = NULL;
    int r;
    if (kind == 0)
        r = mayfly_named_temporary_file(NULL, &file, &mft_error);
    else if (kind == 1)
        r = mayfly_temporary_file(NULL, &file, &mft_error);
    else
        r = mayfly_spooled_temporary_file(&(mayfly_file_options){.max_size = kind == 2 ? 0 : 100,
                                                                 .mode = kind == 4 ? "w+" : NULL},
                                          &file, &mft_error);
    if (r < 0)
        fail_msg("%s", mft_error.message);
    return file;
}

enum { KINDS = 5 };

static void fprintf_getline_and_fscanf_work_over_every_kind(void **state) {
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        mayfly_auto(mayfly_file) file = make(kind);
        FILE *stream = NULL, *again = NULL;
        char *line = NULL;
        size_t capacity = 0;
        int number = 0;
        mft_ok(mayfly_file_stream(file, &stream, &mft_error));
        mft_ok(mayfly_file_stream(file, &again, &mft_error));
        assert_ptr_equal(stream, again);
        for (int i = 0; i < 2000; i++)
            assert_true(fprintf(stream, "%d: a line\n", i) > 0);
        rewind(stream);
        for (int i = 0; i < 1000; i++) {
            assert_true(getline(&line, &capacity, stream) > 0);
            assert_int_equal(atoi(line), i);
        }
        assert_int_equal(fscanf(stream, "%d", &number), 1);
        assert_int_equal(number, 1000);
        free(line);
        assert_int_equal(mayfly_file_rolled(file), kind != 2);
        mft_ok(mayfly_file_close(&file, &mft_error));
    }
}

static void stream_and_handle_go_on_where_the_other_was(void **state) {
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        mayfly_auto(mayfly_file) file = make(kind);
        FILE *stream = NULL;
        char *all = NULL;
        size_t size = 0;
        mft_ok(mayfly_file_write(file, "one ", 4, &mft_error));
        mft_ok(mayfly_file_stream(file, &stream, &mft_error));
        assert_true(fputs("two ", stream) >= 0);
        mft_ok(mayfly_file_write(file, "three ", 6, &mft_error));
        assert_true(fputs("four", stream) >= 0);
        assert_int_equal(mayfly_file_size(file, &mft_error), 18);
        assert_int_equal(mayfly_file_seek(file, 0, SEEK_SET, &mft_error), 0);
        mft_ok(mayfly_file_read_all(file, &all, &size, &mft_error));
        assert_string_equal(all, "one two three four");
        free(all);
        assert_int_equal(mayfly_file_seek(file, 4, SEEK_SET, &mft_error), 4);
        assert_int_equal(fgetc(stream), 't');
        assert_int_equal(mayfly_file_tell(file, &mft_error), 5);
    }
}

static void over_a_file_on_disk_it_has_a_descriptor_of_its_own(void **state) {
    (void)state;
    mayfly_auto(mayfly_file) file = make(0);
    mayfly_auto(mayfly_file) memory = make(2);
    FILE *stream = NULL;
    struct stat one, two;
    mft_ok(mayfly_file_stream(file, &stream, &mft_error));
    assert_int_equal(fstat(fileno(stream), &one) | stat(mayfly_file_path(file), &two), 0);
    assert_true(one.st_ino == two.st_ino);
    assert_int_not_equal(fileno(stream), mayfly_file_fd(file, NULL));
    mft_ok(mayfly_file_stream(memory, &stream, &mft_error));
    assert_int_equal(fileno(stream), -1);
}

static void what_is_in_the_stream_is_not_lost_by_close_or_persist(void **state) {
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        mayfly_auto(mayfly_file) file = make(kind);
        FILE *stream = NULL;
        char *target = mft_path("target");
        mft_ok(mayfly_file_stream(file, &stream, &mft_error));
        assert_true(fputs("not flushed", stream) >= 0);
        mft_ok(mayfly_file_persist(file, target, 0, NULL, &mft_error));
        assert_true(fputs(", later", stream) >= 0);
        mft_ok(mayfly_file_close(&file, &mft_error));
        assert_true(mft_is(target, "not flushed, later"));
        assert_int_equal(unlink(target), 0);
    }
}

static void a_stream_goes_on_in_the_target_when_that_is_a_copy(void **state) {
    (void)state;
    for (int append = 0; append < 2; append++) {
        mayfly_auto(mayfly_file) file = NULL;
        FILE *stream = NULL;
        char *target = mft_path("target");
        mayfly_persist_result result;
        mft_ok(mayfly_named_temporary_file(&(mayfly_file_options){.mode = append ? "a+b" : "w+b"},
                                           &file, &mft_error));
        mft_ok(mayfly_file_stream(file, &stream, &mft_error));
        const int fd = mayfly_file_fd(file, &mft_error);
        assert_true(fputs("0123456789", stream) >= 0);
        if (!append)
            assert_int_equal(fseek(stream, 4, SEEK_SET), 0);
        mft_fault_refuse("renameat", 1, -EXDEV, 0);
        mft_ok(mayfly_file_persist(file, target, 0, &result, &mft_error));
        mft_fault_end();
        assert_true(result.path == MAYFLY_PERSIST_COPIED ||
                    result.path == MAYFLY_PERSIST_REFLINKED);
        assert_int_equal(mayfly_file_fd(file, &mft_error), fd); /* somebody may have it */
        assert_true(fputs("abc", stream) >= 0);
        mft_ok(mayfly_file_close(&file, &mft_error));
        assert_true(mft_is(target, append ? "0123456789abc" : "0123abc789"));
        assert_int_equal(unlink(target), 0);
    }
}

/* More than the process may have in a file: stdio forgets what it could not write. */
static void print_too_much(FILE *stream) {
    struct rlimit before, limit;
    struct sigaction was;
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    assert_int_equal(sigaction(SIGXFSZ, &ignore, &was), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = 40000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    for (int i = 0; i < 10000; i++)
        (void)fprintf(stream, "%d\n", i);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(sigaction(SIGXFSZ, &was, NULL), 0);
}

static void what_a_stream_could_not_write_is_told_by_flush_persist_and_close(void **state) {
    (void)state;
    mayfly_auto(mayfly_file) file = make(0);
    FILE *stream = NULL;
    char *target = mft_path("target");
    mft_ok(mayfly_file_stream(file, &stream, &mft_error));
    print_too_much(stream);
    mft_fails(-EIO, mayfly_file_flush(file, &mft_error));
    mft_fails(-EIO, mayfly_file_persist(file, target, 0, NULL, &mft_error));
    assert_false(mft_exists(target));
    rewind(stream); /* which clears the mark: it is printed again */
    assert_int_equal(ftruncate(fileno(stream), 0), 0);
    assert_true(fputs("whole", stream) >= 0);
    mft_ok(mayfly_file_persist(file, target, 0, NULL, &mft_error));
    assert_true(mft_is(target, "whole"));
    print_too_much(stream);
    mft_fails(-EIO, mayfly_file_close(&file, &mft_error));
    assert_int_equal(unlink(target), 0);
}

static int leave_by_exit(void *context) {
    (void)context;
    return 0;
}

static void a_forked_child_does_not_write_the_parents_stream_again(void **state) {
    (void)state;
    mayfly_auto(mayfly_file) file = make(2);
    FILE *stream = NULL;
    mft_ok(mayfly_file_stream(file, &stream, &mft_error));
    assert_true(fputs("once", stream) >= 0);
    assert_int_equal(mft_fork_exit(leave_by_exit, NULL), 0);
    assert_int_equal(mayfly_file_size(file, &mft_error), 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        MFT(fprintf_getline_and_fscanf_work_over_every_kind),
        MFT(stream_and_handle_go_on_where_the_other_was),
        MFT(over_a_file_on_disk_it_has_a_descriptor_of_its_own),
        MFT(what_is_in_the_stream_is_not_lost_by_close_or_persist),
        MFT(a_stream_goes_on_in_the_target_when_that_is_a_copy),
        MFT(what_a_stream_could_not_write_is_told_by_flush_persist_and_close),
        MFT(a_forked_child_does_not_write_the_parents_stream_again),
    };
    return MFT_MAIN(tests);
}
