/* SPDX-License-Identifier: MIT
 *
 * P3: how pieces are made and told of, and a function for each.
 */
#define _GNU_SOURCE
#include "../lib/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <unistd.h>

#include "../../src/base/sys.h"
#include "../lib/fault.h"

static const char table[] = "h1,h2\n1,\"a\nb\"\n2,c\n3,d\n4,e\n5,f";

static mayfly_chunks *open_chunks(const mayfly_chunk_options *options) {
    mayfly_chunks *chunks = NULL;
    mft_write(mft_path("t.csv"), table);
    mft_ok(mayfly_chunks_open(mft_path("t.csv"), options, &chunks, &mft_error));
    return chunks;
}

static void end(mayfly_chunks **chunks) {
    mft_ok(mayfly_chunks_close(chunks, &mft_error));
    (void)unlink(mft_path("t.csv"));
    assert_int_equal(mft_entries(mft_tmp()), 0);
}

/* ---- pieces ---------------------------------------------------------------------------------- */

static void P3_pieces_in_memory_have_a_descriptor_and_a_path(void **state) {
    (void)state;
    mayfly_chunks *chunks =
        open_chunks(&(mayfly_chunk_options){.rows = 2, .pieces = MAYFLY_PIECES_MEMORY});
    mayfly_chunk chunk;
    char text[64];
    const int before = mft_descriptors();
    assert_int_equal(mayfly_chunks_next(chunks, &chunk, &mft_error), 1);
    assert_int_equal(pread(chunk.fd, text, sizeof text, 0), 18);
    assert_memory_equal(text, "h1,h2\n1,\"a\nb\"\n2,c\n", 18);
    assert_true(mft_is(chunk.path, "h1,h2\n1,\"a\nb\"\n2,c\n"));
    assert_int_equal(mayfly_chunks_next(chunks, &chunk, &mft_error), 1);
    assert_int_equal(mft_descriptors(), before + 2);
    mft_ok(mayfly_chunks_remove(chunks, 1, &mft_error));
    mft_ok(mayfly_chunks_remove(chunks, 1, &mft_error));
    assert_int_equal(mft_descriptors(), before + 1);
    assert_true(mft_is(chunk.path, "h1,h2\n3,d\n4,e\n"));
    assert_null(mayfly_chunks_dir(chunks));
    mft_fails(-ENOTSUP, mayfly_chunks_keep(chunks, &mft_error));
    end(&chunks);
}

static void P3_ranges_say_where_rows_and_header_are(void **state) {
    (void)state;
    mayfly_chunks *chunks =
        open_chunks(&(mayfly_chunk_options){.rows = 4, .pieces = MAYFLY_PIECES_RANGES});
    mayfly_chunk chunk;
    assert_int_equal(mft_entries(mft_tmp()), 1); /* no directory */
    assert_int_equal(mayfly_chunks_next(chunks, &chunk, &mft_error), 1);
    assert_string_equal(chunk.path, mft_path("t.csv"));
    assert_int_equal(chunk.offset, 6);
    assert_int_equal(chunk.length, 20);
    assert_int_equal(chunk.header_offset, 0);
    assert_int_equal(chunk.header_length, 6);
    assert_int_equal(chunk.bytes, 26);
    assert_int_equal(mayfly_chunks_next(chunks, &chunk, &mft_error), 1);
    assert_int_equal(chunk.offset, 26);
    assert_int_equal(chunk.length, 3); /* no line end is added to what is not copied */
    assert_int_equal(chunk.first_row, 5);
    assert_int_equal(mayfly_chunks_next(chunks, &chunk, &mft_error), 0);
    end(&chunks);
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", pipes[0]);
    assert_int_equal(close(pipes[1]), 0);
    mft_fails(-ESPIPE,
              mayfly_chunks_open(path, &(mayfly_chunk_options){.pieces = MAYFLY_PIECES_RANGES},
                                 &chunks, &mft_error));
    assert_int_equal(close(pipes[0]), 0);
}

static ssize_t not_between_these(int from, int64_t from_at, int to, int64_t to_at, size_t size) {
    (void)from, (void)from_at, (void)to, (void)to_at, (void)size;
    return -EXDEV;
}

/* As kernels do that stop at some size. */
static ssize_t a_byte_at_a_time(int from, int64_t from_at, int to, int64_t to_at, size_t size) {
    return mfi_sys_real.copy_range(from, from_at, to, to_at, size < 1 ? size : 1);
}

static void P3_what_the_kernel_does_not_copy_is_written(void **state) {
    (void)state;
    for (int way = 0; way < 2; way++) {
        mfi_sys.copy_range = way == 0 ? not_between_these : a_byte_at_a_time;
        mayfly_chunks *chunks =
            open_chunks(&(mayfly_chunk_options){.rows = 3, .copying = MAYFLY_COPYING_KERNEL});
        mayfly_chunk chunk;
        assert_int_equal(mayfly_chunks_next(chunks, &chunk, &mft_error), 1);
        assert_true(mft_is(chunk.path, "h1,h2\n1,\"a\nb\"\n2,c\n3,d\n"));
        assert_int_equal(mayfly_chunks_next(chunks, &chunk, &mft_error), 1);
        assert_true(mft_is(chunk.path, "h1,h2\n4,e\n5,f\n"));
        mfi_sys = mfi_sys_real;
        end(&chunks);
    }
}

static int is_nfs(int fd, struct mfi_filesystem *fs) {
    const int r = mfi_sys_real.statfs(fd, fs);
    strcpy(fs->type, "nfs");
    return r;
}

/* How often the kernel copied for three pieces. */
static long copies(mayfly_copying how, int on_nfs) {
    mft_fault_count();
    if (on_nfs)
        mfi_sys.statfs = is_nfs;
    mayfly_chunks *chunks = open_chunks(&(mayfly_chunk_options){.rows = 2, .copying = how});
    mayfly_chunk chunk;
    while (mayfly_chunks_next(chunks, &chunk, &mft_error) > 0)
        ;
    const long calls = mft_fault_calls("copy_range");
    mft_fault_end();
    end(&chunks);
    return calls;
}

static void P3_the_kernel_copies_where_that_saves_something(void **state) {
    (void)state;
    assert_int_equal(copies(MAYFLY_COPYING_WRITE, 1), 0);
    assert_in_range(copies(MAYFLY_COPYING_KERNEL, 0), 1, 3);
    assert_in_range(copies(MAYFLY_COPYING_DEFAULT, 1), 1, 3);
}

static void P3_an_input_that_becomes_shorter_is_an_error(void **state) {
    (void)state;
    mayfly_chunks *chunks =
        open_chunks(&(mayfly_chunk_options){.rows = 2, .copying = MAYFLY_COPYING_KERNEL});
    mayfly_chunk chunk;
    assert_int_equal(truncate(mft_path("t.csv"), 10), 0);
    mft_fails(-EIO, mayfly_chunks_next(chunks, &chunk, &mft_error));
    mft_fails(-EIO, mayfly_chunks_next(chunks, &chunk, &mft_error));
    assert_int_equal(mft_entries(mayfly_chunks_dir(chunks)), 0);
    end(&chunks);
}

/* ---- telling --------------------------------------------------------------------------------- */

static void P3_the_manifest_tells_of_each_piece(void **state) {
    (void)state;
    const char *manifest = mft_path("m.jsonl");
    mayfly_chunk_options options = {.rows = 3, .manifest = manifest};
    options.pieces = MAYFLY_PIECES_RANGES;
    mayfly_chunks *chunks = open_chunks(&options);
    mayfly_chunk chunk;
    assert_int_equal(mayfly_chunks_next(chunks, &chunk, &mft_error), 1);
    assert_int_equal(mayfly_chunks_next(chunks, &chunk, &mft_error), 1);
    assert_false(mft_exists(manifest)); /* all or nothing */
    assert_int_equal(mayfly_chunks_next(chunks, &chunk, &mft_error), 0);
    char wanted[2048];
    snprintf(wanted, sizeof wanted,
             "{\"chunk\": 1, \"input\": \"%s\", \"rows\": 3, \"first_row\": 1, \"bytes\": 22, "
             "\"offset\": 6, \"length\": 16, \"header_offset\": 0, \"header_length\": 6}\n"
             "{\"chunk\": 2, \"input\": \"%s\", \"rows\": 2, \"first_row\": 4, \"bytes\": 13, "
             "\"offset\": 22, \"length\": 7, \"header_offset\": 0, \"header_length\": 6}\n",
             mft_path("t.csv"), mft_path("t.csv"));
    assert_true(mft_is(manifest, wanted));
    assert_int_equal(unlink(manifest), 0);
    end(&chunks);
    char *line = NULL;
    chunk = (mayfly_chunk){.path = "a\"\\\n\xc3\xa9\xff", .offset = -1, .checksum = "00"};
    mft_ok(mayfly_chunk_json(&chunk, &line, &mft_error));
    assert_non_null(strstr(line, "\"path\": \"a\\u0022\\u005c\\u000a\xc3\xa9\\udcff\""));
    assert_non_null(strstr(line, "\"offset\": null, \"length\": null"));
    assert_non_null(strstr(line, "\"checksum\": \"blake2b-256:00\"}"));
    free(line);
}

static void P3_checksums_are_BLAKE2b_of_the_pieces_content(void **state) {
    (void)state;
    mayfly_chunks *chunks = NULL;
    mayfly_chunk chunk;
    mft_write(mft_path("t.csv"), "h\nabc\n");
    const int r = mayfly_chunks_open(mft_path("t.csv"), &(mayfly_chunk_options){.checksum = true},
                                     &chunks, &mft_error);
    if (r == -ENOTSUP) {
        (void)unlink(mft_path("t.csv"));
        mft_skip("this library was built without libsodium");
    }
    mft_ok(r);
    assert_int_equal(mayfly_chunks_next(chunks, &chunk, &mft_error), 1);
    /* printf 'h\nabc\n' | b2sum -l 256 */
    assert_string_equal(chunk.checksum,
                        "db15a5dfdc5cc6bf59f376809135e48c8191984208fd558ef6e06c3b0b1f78f9");
    end(&chunks);
}

struct told {
    int calls;
    mayfly_progress last;
};

static void note_progress(const mayfly_progress *progress, void *user) {
    struct told *told = user;
    assert_true(progress->bytes >= told->last.bytes && progress->rows >= told->last.rows);
    told->calls++;
    told->last = *progress;
}

static void P3_progress_is_told_to_its_end(void **state) {
    (void)state;
    struct told told = {0};
    mayfly_chunks *chunks =
        open_chunks(&(mayfly_chunk_options){.rows = 2, .progress = note_progress, .user = &told});
    mayfly_chunk chunk;
    while (mayfly_chunks_next(chunks, &chunk, &mft_error) > 0)
        ;
    assert_true(told.calls >= 1);
    assert_int_equal(told.last.chunks, 3);
    assert_int_equal(told.last.rows, 5);
    assert_int_equal(told.last.bytes, sizeof table - 1);
    assert_int_equal(told.last.input_bytes, sizeof table - 1);
    assert_true(told.last.bytes_per_second > 0 && told.last.seconds_left >= 0);
    end(&chunks);
}

/* ---- a function for each --------------------------------------------------------------------- */

struct work {
    _Atomic int running, most, attempts;
    int failing;    /* this piece fails ... */
    int fail_times; /* ... so often; 0: always */
    _Atomic int failures;
    char order[512];
    mayfly_chunks *chunks;
};

static int count_lines(const mayfly_chunk *chunk, void *user, void **ret_result,
                       mayfly_error *error) {
    struct work *work = user;
    (void)error;
    const int running = atomic_fetch_add(&work->running, 1) + 1;
    int most = atomic_load(&work->most);
    while (running > most && !atomic_compare_exchange_weak(&work->most, &most, running))
        ;
    atomic_fetch_add(&work->attempts, 1);
    size_t lines = 0;
    FILE *stream = fopen(chunk->path, "rb");
    for (int c = 0; stream != NULL && (c = getc(stream)) != EOF;)
        lines += c == '\n';
    const int gone = stream == NULL || fclose(stream) != 0; /* where getpid(2) was refused */
    *ret_result = (void *)(uintptr_t)lines;
    atomic_fetch_sub(&work->running, 1);
    if ((int)chunk->number == work->failing &&
        (work->fail_times == 0 || atomic_fetch_add(&work->failures, 1) < work->fail_times))
        return -EIO;
    return gone ? -ENOENT : 0;
}

static int note_done(const mayfly_chunk *chunk, void *result, void *user, mayfly_error *error) {
    struct work *work = user;
    (void)error;
    char text[32];
    snprintf(text, sizeof text, "%d:%d ", (int)chunk->number, (int)(uintptr_t)result);
    strcat(work->order, text);
    assert_true(mft_exists(chunk->path));
    return 0;
}

static void note_failed(const mayfly_chunk_failure *failure, void *user) {
    struct work *work = user;
    char text[64];
    snprintf(text, sizeof text, "%d!%u/%d ", (int)failure->chunk->number, failure->attempts,
             failure->error->code);
    strcat(work->order, text);
}

static int run(struct work *work, mayfly_chunk_work how, mayfly_chunk_result *ret) {
    mayfly_chunks *chunks = open_chunks(&(mayfly_chunk_options){.rows = 1, .drop = true});
    how.job = count_lines;
    how.done = note_done;
    how.failed = note_failed;
    how.user = work;
    mft_error.code = 0;
    const int r = mayfly_chunks_run(chunks, &how, ret, &mft_error);
    assert_int_equal(mft_entries(mayfly_chunks_dir(chunks)), how.keep_pieces ? 5 : 0);
    end(&chunks);
    return r;
}

static void P3_jobs_give_their_results_in_order(void **state) {
    (void)state;
    for (uint32_t jobs = 0; jobs <= 8; jobs += 2) {
        struct work work = {0};
        mayfly_chunk_result result;
        mft_ok(run(&work, (mayfly_chunk_work){.jobs = jobs, .keep_pieces = jobs == 4}, &result));
        assert_string_equal(work.order, "1:3 2:2 3:2 4:2 5:2 ");
        assert_int_equal(result.chunks, 5);
        assert_int_equal(result.rows, 5);
        assert_int_equal(result.failed, 0);
        assert_true(jobs == 0 || work.most <= (int)jobs);
    }
}

static void P3_a_job_that_fails_is_tried_again_and_told(void **state) {
    (void)state;
    mayfly_chunk_result result;
    struct work twice = {.failing = 3, .fail_times = 2};
    mft_ok(run(&twice, (mayfly_chunk_work){.jobs = 2, .retries = 2}, &result));
    assert_string_equal(twice.order, "1:3 2:2 3:2 4:2 5:2 ");
    assert_int_equal(result.retried, 2);
    struct work always = {.failing = 3};
    mft_ok(run(&always, (mayfly_chunk_work){.jobs = 2, .retries = 1, .keep_going = true}, &result));
    assert_string_equal(always.order, "1:3 2:2 3!2/-5 4:2 5:2 ");
    assert_int_equal(result.failed, 1);
    struct work ends = {.failing = 3};
    mft_fails(-EIO, run(&ends, (mayfly_chunk_work){.jobs = 2}, &result));
    assert_string_equal(ends.order, "1:3 2:2 3!1/-5 ");
    mayfly_chunks *chunks = open_chunks(NULL);
    mft_fails(-EINVAL,
              mayfly_chunks_run(chunks, &(mayfly_chunk_work){.jobs = 1}, NULL, &mft_error));
    end(&chunks);
}

static int stop_at_two(const mayfly_chunk *chunk, void *result, void *user, mayfly_error *error) {
    (void)result, (void)user, (void)error;
    return chunk->number == 2 ? -ECANCELED : 0;
}

static void P3_whoever_takes_the_results_can_end_the_work(void **state) {
    (void)state;
    struct work work = {0};
    mayfly_chunks *chunks = open_chunks(&(mayfly_chunk_options){.rows = 1});
    const mayfly_chunk_work how = {
        .job = count_lines, .done = stop_at_two, .user = &work, .jobs = 3};
    mft_fails(-ECANCELED, mayfly_chunks_run(chunks, &how, NULL, &mft_error));
    assert_int_equal(mft_entries(mayfly_chunks_dir(chunks)), 0);
    end(&chunks);
}

/* ---- every call refused ---------------------------------------------------------------------- */

static int scene(const char *path, mayfly_pieces pieces, mayfly_error *error) {
    struct work work = {0};
    mayfly_auto(mayfly_chunks) chunks = NULL;
    const mayfly_chunk_options options = {.rows = 2,
                                          .pieces = pieces,
                                          .copying = MAYFLY_COPYING_KERNEL,
                                          .progress = note_progress,
                                          .user = &(struct told){0}};
    int r = mayfly_chunks_open(path, &options, &chunks, error);
    mayfly_chunk chunk;
    if (r == 0)
        r = mayfly_chunks_next(chunks, &chunk, error);
    if (r == 1 && pieces == MAYFLY_PIECES_FILES && !mft_is(chunk.path, "h1,h2\n1,\"a\nb\"\n2,c\n"))
        fail_msg("another piece");
    const mayfly_chunk_work how = {.job = count_lines, .user = &work, .jobs = 1};
    if (r == 1)
        r = mayfly_chunks_run(chunks, &how, NULL, error);
    return r < 0 ? r : mayfly_chunks_close(&chunks, error);
}

/* A piece or directory may be left where its removal was refused, which needs memory, too:
 * test_fault.c looks at that. */
static long sweep(const char *path, mayfly_pieces pieces, int code) {
    const int descriptors = mft_descriptors();
    for (long n = 1;; n++) {
        mft_fault_refuse(NULL, n, code, 0);
        mft_error.code = 0;
        const int r = scene(path, pieces, &mft_error);
        const long refused = mft_fault_refused();
        mft_fault_end();
        if (r < 0 && (mft_error.code != r || mft_error.message[0] == '\0'))
            fail_msg("call %ld refused: %d, and the error says %d", n, r, mft_error.code);
        assert_int_equal(mft_descriptors(), descriptors);
        mft_empty();
        if (refused == 0) {
            assert_int_equal(r, 0);
            return n - 1;
        }
    }
}

static void P3_every_call_may_be_refused(void **state) {
    (void)state;
    /* Not in TMPDIR, which is emptied. */
    char path[4200];
    snprintf(path, sizeof path, "%s/t.csv", mft_leases());
    mft_write(path, table);
    const char *tmp = NULL;
    mft_ok(mayfly_gettempdir(&tmp, &mft_error));
    long points = 0;
    for (int pieces = MAYFLY_PIECES_FILES; pieces <= MAYFLY_PIECES_RANGES; pieces++) {
        points += sweep(path, (mayfly_pieces)pieces, -EIO);
        points += sweep(path, (mayfly_pieces)pieces, -ENOMEM);
    }
    print_message("%ld refused\n", points);
    assert_true(points > 50);
    assert_int_equal(unlink(path), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        MFT(P3_pieces_in_memory_have_a_descriptor_and_a_path),
        MFT(P3_ranges_say_where_rows_and_header_are),
        MFT(P3_what_the_kernel_does_not_copy_is_written),
        MFT(P3_the_kernel_copies_where_that_saves_something),
        MFT(P3_an_input_that_becomes_shorter_is_an_error),
        MFT(P3_the_manifest_tells_of_each_piece),
        MFT(P3_checksums_are_BLAKE2b_of_the_pieces_content),
        MFT(P3_progress_is_told_to_its_end),
        MFT(P3_jobs_give_their_results_in_order),
        MFT(P3_a_job_that_fails_is_tried_again_and_told),
        MFT(P3_whoever_takes_the_results_can_end_the_work),
        MFT(P3_every_call_may_be_refused),
    };
    return MFT_MAIN(tests);
}
