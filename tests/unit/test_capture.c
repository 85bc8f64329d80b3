/* SPDX-License-Identifier: MIT
 *
 * C1: what is printed is caught, whoever prints it, and the streams are what they were.
 *
 * An outer capture stands for the terminal: what reaches it has not been caught. Assertions stand
 * outside of captures, because what cmocka says would be caught as well.
 */
#define _GNU_SOURCE
#include "../lib/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* Both ways of capturing. */
static const mayfly_capture_options ways[] = {{.pipe = false}, {.pipe = true}};
enum { WAYS = sizeof ways / sizeof *ways };

static void has(mayfly_capture *capture, unsigned stream, const char *expected) {
    const char *text = NULL;
    size_t size = 0;
    mft_ok(mayfly_capture_text(capture, stream, &text, &size, &mft_error));
    assert_string_equal(text, expected);
    assert_int_equal(size, strlen(expected));
}

/* write(2), all of it. */
static void put(int fd, const char *text) {
    for (size_t rest = strlen(text); rest > 0;) {
        const ssize_t n = write(fd, text, rest);
        if (n <= 0)
            abort();
        text += n;
        rest -= (size_t)n;
    }
}

/* ---- what the documents show ----------------------------------------------------------------- */

static void C1_the_text_of_stdout_is_there_after_the_scope(void **state) {
    (void)state;
    for (int way = 0; way < WAYS; way++) {
        mayfly_auto(mayfly_capture) outer = NULL;
        mayfly_auto(mayfly_capture) capture = NULL;
        mft_ok(mayfly_capture(MAYFLY_STDOUT | MAYFLY_STDERR, NULL, &outer, &mft_error));
        printf("before\n");
        const int r = mayfly_capture(MAYFLY_STDOUT, &ways[way], &capture, &mft_error);
        printf("Hello\n");
        fprintf(stderr, "not this\n");
        const int ended = mayfly_capture_end(capture, &mft_error);
        printf("after\n");
        mft_ok(mayfly_capture_end(outer, &mft_error));
        mft_ok(r);
        mft_ok(ended);
        has(capture, MAYFLY_STDOUT, "Hello\n");
        has(outer, MAYFLY_STDOUT, "before\nafter\n");
        has(outer, MAYFLY_STDERR, "not this\n");
        mft_ok(mayfly_capture_end(capture, &mft_error));
        mft_ok(mayfly_capture_close(&capture, &mft_error));
        mft_ok(mayfly_capture_close(&capture, &mft_error));
        mft_ok(mayfly_capture_close(NULL, &mft_error));
    }
}

static void C1_stderr_is_captured_alone(void **state) {
    (void)state;
    for (int way = 0; way < WAYS; way++) {
        mayfly_auto(mayfly_capture) outer = NULL;
        mayfly_auto(mayfly_capture) capture = NULL;
        mft_ok(mayfly_capture(MAYFLY_STDOUT | MAYFLY_STDERR, NULL, &outer, &mft_error));
        const int r = mayfly_capture(MAYFLY_STDERR, &ways[way], &capture, &mft_error);
        printf("This goes to stdout\n");
        fprintf(stderr, "This goes to stderr\n");
        (void)mayfly_capture_end(capture, NULL);
        (void)mayfly_capture_end(outer, NULL);
        mft_ok(r);
        has(capture, MAYFLY_STDERR, "This goes to stderr\n");
        has(outer, MAYFLY_STDOUT, "This goes to stdout\n");
        has(outer, MAYFLY_STDERR, "");
        const char *text;
        mft_fails(-EINVAL, mayfly_capture_text(capture, MAYFLY_STDOUT, &text, NULL, &mft_error));
    }
}

static void C1_both_streams_are_captured_apart_or_merged_in_order(void **state) {
    (void)state;
    const char *text;
    for (int way = 0; way < 2 * WAYS; way++) {
        mayfly_auto(mayfly_capture) capture = NULL;
        mayfly_capture_options options = ways[way % WAYS];
        options.merge = way >= WAYS;
        mft_ok(mayfly_capture(MAYFLY_STDOUT | MAYFLY_STDERR, &options, &capture, &mft_error));
        for (int i = 0; i < 3; i++) {
            printf("out %d\n", i);
            fflush(stdout);
            fprintf(stderr, "err %d\n", i);
        }
        mft_ok(mayfly_capture_end(capture, &mft_error));
        if (options.merge) {
            const char *all = "out 0\nerr 0\nout 1\nerr 1\nout 2\nerr 2\n";
            has(capture, MAYFLY_STDOUT, all);
            has(capture, MAYFLY_STDERR, all);
            has(capture, MAYFLY_STDOUT | MAYFLY_STDERR, all);
            continue;
        }
        has(capture, MAYFLY_STDOUT, "out 0\nout 1\nout 2\n");
        has(capture, MAYFLY_STDERR, "err 0\nerr 1\nerr 2\n");
        mft_fails(-EINVAL, mayfly_capture_text(capture, MAYFLY_STDOUT | MAYFLY_STDERR, &text, NULL,
                                               &mft_error));
    }
}

/* ---- whoever prints -------------------------------------------------------------------------- */

static void spawn(const char *command) {
    pid_t pid;
    const char *const arguments[] = {"sh", "-c", command, NULL};
    char *copy[4];
    memcpy(copy, arguments, sizeof copy);
    if (posix_spawn(&pid, "/bin/sh", NULL, NULL, copy, environ) != 0 ||
        waitpid(pid, NULL, 0) != pid)
        abort();
}

static void *print_in_thread(void *context) {
    printf("thread %s\n", (const char *)context);
    return NULL;
}

static void print_in_every_way(const char *depth) {
    char line[64];
    pthread_t thread;
    printf("printf %s\n", depth);
    fprintf(stderr, "fprintf %s\n", depth);
    fflush(stdout);
    (void)snprintf(line, sizeof line, "write %s\n", depth);
    put(1, line);
    (void)snprintf(line, sizeof line, "echo system %s; echo error %s >&2", depth, depth);
    if (system(line) != 0)
        abort();
    (void)snprintf(line, sizeof line, "echo spawn %s; echo error %s >&2", depth, depth);
    spawn(line);
    if (pthread_create(&thread, NULL, print_in_thread, (void *)(uintptr_t)depth) != 0)
        abort();
    (void)pthread_join(thread, NULL);
}

static void expect_every_way(mayfly_capture *capture, const char *depth, const char *out_before) {
    char out[512], err[256];
    (void)snprintf(out, sizeof out, "%sprintf %s\nwrite %s\nsystem %s\nspawn %s\nthread %s\n",
                   out_before, depth, depth, depth, depth, depth);
    (void)snprintf(err, sizeof err, "fprintf %s\nerror %s\nerror %s\n", depth, depth, depth);
    has(capture, MAYFLY_STDOUT, out);
    has(capture, MAYFLY_STDERR, err);
}

static void C1_printf_write_system_spawn_and_threads_nested_three_deep(void **state) {
    (void)state;
    for (int way = 0; way < 1 << 3; way++) {
        mayfly_capture *deep[3] = {NULL};
        static const char *const names[] = {"one", "two", "three"};
        int r = 0;
        for (int i = 0; r == 0 && i < 3; i++) {
            r = mayfly_capture(MAYFLY_STDOUT | MAYFLY_STDERR, &ways[way >> i & 1], &deep[i],
                               &mft_error);
            printf("begun\n");
        }
        for (int i = 2; r == 0 && i >= 0; i--) {
            print_in_every_way(names[i]);
            r = mayfly_capture_end(deep[i], &mft_error);
        }
        mft_ok(r);
        for (int i = 0; i < 3; i++) {
            expect_every_way(deep[i], names[i], "begun\n");
            mft_ok(mayfly_capture_close(&deep[i], &mft_error));
        }
    }
}

static void captures_may_end_in_any_order(void **state) {
    (void)state;
    static const int orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                    {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (size_t k = 0; k < 2 * sizeof orders / sizeof *orders; k++) {
        const int *order = orders[k / 2];
        mayfly_auto(mayfly_capture) outside = NULL;
        mayfly_capture *three[3] = {NULL};
        bool ended[3] = {false};
        int top = 2;
        char expected[3][64] = {"", "", ""}, line[] = "0\n";
        mft_ok(mayfly_capture(MAYFLY_STDOUT, NULL, &outside, &mft_error));
        for (int i = 0; i < 3; i++)
            if (mayfly_capture(MAYFLY_STDOUT, &ways[k % 2], &three[i], NULL) < 0)
                abort();
        for (int i = 0; i < 3; i++, line[0]++) {
            printf("%s", line);
            (void)strcat(expected[top], line);
            if (mayfly_capture_end(three[order[i]], NULL) < 0)
                abort();
            ended[order[i]] = true;
            while (top > 0 && ended[top])
                top--;
        }
        printf("outside\n");
        mft_ok(mayfly_capture_end(outside, &mft_error));
        has(outside, MAYFLY_STDOUT, "outside\n");
        for (int i = 0; i < 3; i++) {
            has(three[i], MAYFLY_STDOUT, expected[i]);
            mft_ok(mayfly_capture_close(&three[i], &mft_error));
        }
    }
}

/* ---- how much -------------------------------------------------------------------------------- */

enum { MEGABYTE = 1000 * 1000, HUNDRED = 100 * MEGABYTE };

static char pattern(size_t at) {
    return (char)('a' + (at * 7 + at / 4099) % 26);
}

/* Pieces of many sizes, by printf's stream and by write(2). */
static void print_hundred(void) {
    static char data[128 * 1024];
    uint32_t seed = 4;
    for (size_t at = 0; at < HUNDRED;) {
        size_t size = 1 + mft_random(&seed) % sizeof data;
        if (size > HUNDRED - at)
            size = HUNDRED - at;
        for (size_t i = 0; i < size; i++)
            data[i] = pattern(at + i);
        if (mft_random(&seed) % 2 == 0) {
            fwrite(data, 1, size, stdout);
        } else {
            fflush(stdout);
            for (size_t done = 0; done < size;) {
                const ssize_t n = write(1, data + done, size - done);
                if (n <= 0)
                    abort();
                done += (size_t)n;
            }
        }
        at += size;
    }
}

static void C1_a_hundred_megabytes_go_through(void **state) {
    (void)state;
    const mayfly_capture_options rows[] = {
        {.pipe = false}, {.pipe = true}, {.max_memory = MEGABYTE}};
    for (size_t row = 0; row < 3; row++) {
        mayfly_auto(mayfly_capture) capture = NULL;
        const char *text = NULL;
        size_t size = 0, at = 0;
        mayfly_file *file = NULL;
        mft_ok(mayfly_capture(MAYFLY_STDOUT, &rows[row], &capture, &mft_error));
        print_hundred();
        mft_ok(mayfly_capture_end(capture, &mft_error));
        mft_ok(mayfly_capture_text(capture, MAYFLY_STDOUT, &text, &size, &mft_error));
        assert_int_equal(size, HUNDRED);
        while (at < size && text[at] == pattern(at))
            at++;
        assert_int_equal(at, HUNDRED);
        mft_ok(mayfly_capture_file(capture, MAYFLY_STDOUT, &file, &mft_error));
        assert_int_equal(mayfly_file_size(file, NULL), HUNDRED);
        assert_int_equal(mayfly_file_rolled(file), row != 1);
    }
}

static void text_goes_to_disk_when_it_outgrows_max_memory(void **state) {
    (void)state;
    const mayfly_capture_options options = {.max_memory = 1000, .dir = mft_tmp()};
    for (int i = 0; i < 2; i++) {
        mayfly_auto(mayfly_capture) capture = NULL;
        mayfly_file *file = NULL;
        mft_ok(mayfly_capture(MAYFLY_STDERR, &options, &capture, &mft_error));
        fprintf(stderr, "%0*d\n", i == 0 ? 999 : 1000, 7);
        mft_ok(mayfly_capture_end(capture, &mft_error));
        mft_ok(mayfly_capture_file(capture, MAYFLY_STDERR, &file, &mft_error));
        assert_int_equal(mayfly_file_size(file, NULL), 1000 + i);
        assert_int_equal(mayfly_file_rolled(file), i);
    }
}

static void the_text_is_a_file_that_can_be_read_and_made_permanent(void **state) {
    (void)state;
    for (int way = 0; way < WAYS; way++) {
        mayfly_auto(mayfly_capture) capture = NULL;
        mayfly_file *file = NULL;
        char *line = NULL;
        size_t capacity = 0;
        mft_ok(mayfly_capture(MAYFLY_STDOUT, &ways[way], &capture, &mft_error));
        printf("first\nsecond\n");
        mft_fails(-EBUSY, mayfly_capture_file(capture, MAYFLY_STDOUT, &file, &mft_error));
        mft_ok(mayfly_capture_end(capture, &mft_error));
        for (int i = 0; i < 2; i++) { /* from the start each time */
            mft_ok(mayfly_capture_file(capture, MAYFLY_STDOUT, &file, &mft_error));
            mft_ok(mayfly_file_read_line(file, &line, &capacity, &mft_error));
            assert_string_equal(line, "first\n");
        }
        free(line);
        mft_ok(mayfly_file_persist(file, mft_path("log"), 0, NULL, &mft_error));
        assert_true(mft_is(mft_path("log"), "first\nsecond\n"));
        has(capture, MAYFLY_STDOUT, "first\nsecond\n");
        mft_empty();
    }
}

static void the_text_so_far_is_there_during_the_capture(void **state) {
    (void)state;
    for (int way = 0; way < WAYS; way++) {
        mayfly_auto(mayfly_capture) capture = NULL;
        const char *text = NULL;
        char so_far[3][32];
        size_t size = 0;
        mft_ok(mayfly_capture(MAYFLY_STDOUT, &ways[way], &capture, &mft_error));
        for (int i = 0; i < 3; i++) {
            if (mayfly_capture_text(capture, MAYFLY_STDOUT, &text, &size, NULL) < 0)
                abort();
            (void)snprintf(so_far[i], sizeof so_far[i], "%zu:%s", size, text);
            printf("%d", i); /* which stdio holds back */
        }
        mft_ok(mayfly_capture_end(capture, &mft_error));
        assert_string_equal(so_far[0], "0:");
        assert_string_equal(so_far[1], "1:0");
        assert_string_equal(so_far[2], "2:01");
        has(capture, MAYFLY_STDOUT, "012");
    }
}

static void text_may_hold_every_byte(void **state) {
    (void)state;
    for (int way = 0; way < WAYS; way++) {
        mayfly_auto(mayfly_capture) capture = NULL;
        const char *text = NULL;
        size_t size = 0, same = 0;
        mft_ok(mayfly_capture(MAYFLY_STDOUT, &ways[way], &capture, &mft_error));
        for (int c = 0; c < 256; c++)
            (void)putchar(c);
        mft_ok(mayfly_capture_end(capture, &mft_error));
        mft_ok(mayfly_capture_text(capture, MAYFLY_STDOUT, &text, &size, &mft_error));
        assert_int_equal(size, 256);
        while (same < 256 && (unsigned char)text[same] == same)
            same++;
        assert_int_equal(same, 256);
        assert_int_equal(text[256], '\0');
    }
}

/* ---- limits ---------------------------------------------------------------------------------- */

static void max_bytes_keeps_the_first_and_says_so(void **state) {
    (void)state;
    for (int full = 0; full <= MAYFLY_CAPTURE_DROP_NEWEST; full += MAYFLY_CAPTURE_DROP_NEWEST) {
        const mayfly_capture_options options = {.max_bytes = 10, .full = (mayfly_capture_full)full};
        for (int more = 0; more < 2; more++) {
            mayfly_auto(mayfly_capture) capture = NULL;
            mft_ok(mayfly_capture(MAYFLY_STDOUT, &options, &capture, &mft_error));
            put(1, "0123");
            put(1, more ? "456789abc" : "456789");
            put(1, more ? "def" : "");
            if (more && full == MAYFLY_CAPTURE_FAIL)
                mft_fails(MAYFLY_E_LIMIT, mayfly_capture_end(capture, &mft_error));
            else
                mft_ok(mayfly_capture_end(capture, &mft_error));
            has(capture, MAYFLY_STDOUT, "0123456789");
            assert_int_equal(mayfly_capture_dropped(capture, MAYFLY_STDOUT, NULL), more ? 6 : 0);
        }
    }
}

/* Against all that was printed, for limits and pieces of many sizes. */
static void max_bytes_keeps_the_last_when_the_oldest_are_dropped(void **state) {
    (void)state;
    uint32_t seed = 20;
    for (int round = 0; round < 200; round++) {
        const size_t limit = 1 + mft_random(&seed) % 300, count = mft_random(&seed) % 12;
        const mayfly_capture_options options = {.max_bytes = limit,
                                                .max_memory = round % 2 ? 100 : 0,
                                                .full = MAYFLY_CAPTURE_DROP_OLDEST};
        mayfly_auto(mayfly_capture) capture = NULL;
        mayfly_auto(mayfly_capture) all = NULL;
        char piece[256];
        const char *text = NULL, *kept = NULL;
        size_t size = 0, kept_size = 0;
        mft_ok(mayfly_capture(MAYFLY_STDOUT, NULL, &all, &mft_error));
        const mayfly_capture_options tee = {.max_bytes = options.max_bytes,
                                            .max_memory = options.max_memory,
                                            .full = options.full,
                                            .tee = true};
        const int r = mayfly_capture(MAYFLY_STDOUT, &tee, &capture, &mft_error);
        for (size_t i = 0; r == 0 && i < count; i++) {
            const size_t length = mft_random(&seed) % sizeof piece;
            for (size_t k = 0; k < length; k++)
                piece[k] = (char)('!' + mft_random(&seed) % 90);
            piece[length] = '\0';
            put(1, piece);
            if (i % 3 == 0 && mayfly_capture_text(capture, MAYFLY_STDOUT, &text, &size, NULL) < 0)
                abort(); /* which also parts one piece from the next */
        }
        (void)mayfly_capture_end(capture, NULL);
        mft_ok(mayfly_capture_end(all, &mft_error));
        mft_ok(r);
        mft_ok(mayfly_capture_text(all, MAYFLY_STDOUT, &text, &size, &mft_error));
        mft_ok(mayfly_capture_text(capture, MAYFLY_STDOUT, &kept, &kept_size, &mft_error));
        assert_int_equal(kept_size, size < limit ? size : limit);
        assert_string_equal(kept, text + size - kept_size);
        assert_int_equal(mayfly_capture_dropped(capture, MAYFLY_STDOUT, NULL), size - kept_size);
        mayfly_file *file = NULL;
        mft_ok(mayfly_capture_file(capture, MAYFLY_STDOUT, &file, &mft_error));
        char *content = NULL;
        mft_ok(mayfly_file_read_all(file, &content, &size, &mft_error));
        assert_int_equal(size, kept_size);
        assert_memory_equal(content, kept, size);
        has(capture, MAYFLY_STDOUT, content);
        free(content);
    }
}

/* ---- while it runs --------------------------------------------------------------------------- */

static void tee_copies_to_where_it_would_have_gone(void **state) {
    (void)state;
    for (int merge = 0; merge < 2; merge++) {
        mayfly_auto(mayfly_capture) outer = NULL;
        mayfly_auto(mayfly_capture) capture = NULL;
        const mayfly_capture_options options = {.tee = true, .merge = merge};
        mft_ok(mayfly_capture(MAYFLY_STDOUT | MAYFLY_STDERR, NULL, &outer, &mft_error));
        const int r = mayfly_capture(MAYFLY_STDOUT | MAYFLY_STDERR, &options, &capture, &mft_error);
        printf("out\n");
        fflush(stdout);
        fprintf(stderr, "err\n");
        dprintf(mayfly_capture_original(capture, MAYFLY_STDERR, NULL), "past it\n");
        const int ended = mayfly_capture_end(capture, &mft_error);
        mft_ok(mayfly_capture_end(outer, &mft_error));
        mft_ok(r);
        mft_ok(ended);
        has(capture, MAYFLY_STDOUT, merge ? "out\nerr\n" : "out\n");
        has(outer, MAYFLY_STDOUT, merge ? "out\nerr\n" : "out\n");
        const char *text;
        mft_ok(mayfly_capture_text(outer, MAYFLY_STDERR, &text, NULL, &mft_error));
        assert_non_null(strstr(text, "past it\n"));
        assert_int_equal(strlen(text), merge ? 8 : 12);
        mft_fails(-EBADF, mayfly_capture_original(capture, MAYFLY_STDOUT, &mft_error));
        mft_fails(-EINVAL, mayfly_capture_original(capture, 0, &mft_error));
    }
}

struct heard {
    char text[4096];
    size_t size, longest;
    int calls, tell; /* tell: a descriptor that gets a byte for each line */
    bool whole;
};

static void hear(void *context, unsigned stream, const char *line, size_t size) {
    struct heard *heard = context;
    heard->calls++;
    heard->size += size;
    heard->longest = size > heard->longest ? size : heard->longest;
    heard->whole &= memchr(line, '\n', size) == NULL || memchr(line, '\n', size) == line + size - 1;
    const size_t used = strlen(heard->text);
    if (used + size + 8 < sizeof heard->text)
        (void)snprintf(heard->text + used, sizeof heard->text - used, "%u:%.*s|", stream, (int)size,
                       line);
    if (heard->tell >= 0 && write(heard->tell, "x", 1) != 1)
        abort();
}

static void lines_are_heard_while_it_runs(void **state) {
    (void)state;
    mayfly_auto(mayfly_capture) capture = NULL;
    struct heard heard = {.whole = true};
    int ends[2], early = 0;
    char c;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    heard.tell = ends[1];
    const mayfly_capture_options options = {.on_line = hear, .context = &heard};
    mft_ok(mayfly_capture(MAYFLY_STDOUT | MAYFLY_STDERR, &options, &capture, &mft_error));
    put(1, "one\ntw");
    early += (int)read(ends[0], &c, 1); /* comes while the capture goes on, or never */
    put(1, "o\n\n");
    early += (int)read(ends[0], &c, 1);
    early += (int)read(ends[0], &c, 1);
    put(2, "an error\n");
    early += (int)read(ends[0], &c, 1);
    put(1, "unfinished");
    mft_ok(mayfly_capture_end(capture, &mft_error));
    assert_int_equal(early, 4);
    assert_string_equal(heard.text, "1:one\n|1:two\n|1:\n|2:an error\n|1:unfinished|");
    has(capture, MAYFLY_STDOUT, "one\ntwo\n\nunfinished");
    (void)close(ends[0]);
    (void)close(ends[1]);
}

struct impatient {
    mayfly_capture *capture;
    int asked, ended, tell;
};

static void hear_and_ask(void *context, unsigned stream, const char *line, size_t size) {
    struct impatient *impatient = context;
    const char *text;
    (void)stream, (void)line, (void)size;
    impatient->asked = mayfly_capture_text(impatient->capture, MAYFLY_STDOUT, &text, NULL, NULL);
    impatient->ended = mayfly_capture_end(impatient->capture, NULL);
    if (write(impatient->tell, "x", 1) != 1)
        abort();
}

static void a_line_function_cannot_wait_for_itself_and_what_it_ends_is_closed(void **state) {
    (void)state;
    mayfly_auto(mayfly_capture) capture = NULL;
    struct impatient impatient = {.asked = 1, .ended = 1};
    int ends[2];
    char c;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    impatient.tell = ends[1];
    const mayfly_capture_options options = {.on_line = hear_and_ask, .context = &impatient};
    mft_ok(mayfly_capture(MAYFLY_STDERR | MAYFLY_STDOUT, &options, &capture, &mft_error));
    impatient.capture = capture;
    put(1, "a line\n");
    assert_int_equal(read(ends[0], &c, 1), 1);
    mft_ok(mayfly_capture_close(&capture, &mft_error));
    assert_int_equal(impatient.asked, -EDEADLK);
    assert_int_equal(impatient.ended, 0);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void a_line_of_a_mebibyte_is_whole_and_a_longer_one_comes_in_pieces(void **state) {
    (void)state;
    enum { MEBIBYTE = 1 << 20 };
    for (int times = 1; times < 6; times += 4) {
        mayfly_auto(mayfly_capture) capture = NULL;
        struct heard heard = {.tell = -1, .whole = true};
        const mayfly_capture_options options = {.on_line = hear, .context = &heard, .merge = true};
        mft_ok(mayfly_capture(MAYFLY_STDOUT | MAYFLY_STDERR, &options, &capture, &mft_error));
        for (int i = 0; i < times; i++)
            printf("%0*d", i < times - 1 ? MEBIBYTE : MEBIBYTE - 1, i);
        printf("\nshort\n");
        mft_ok(mayfly_capture_end(capture, &mft_error));
        assert_int_equal(heard.size, times * MEBIBYTE + 6);
        assert_true(heard.whole);
        if (times == 1)
            assert_int_equal(heard.calls, 2);
        else
            assert_in_range(heard.longest, MEBIBYTE, MEBIBYTE + 64 * 1024);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        MFT(C1_the_text_of_stdout_is_there_after_the_scope),
        MFT(C1_stderr_is_captured_alone),
        MFT(C1_both_streams_are_captured_apart_or_merged_in_order),
        MFT(C1_printf_write_system_spawn_and_threads_nested_three_deep),
        MFT(captures_may_end_in_any_order),
        MFT(C1_a_hundred_megabytes_go_through),
        MFT(text_goes_to_disk_when_it_outgrows_max_memory),
        MFT(the_text_is_a_file_that_can_be_read_and_made_permanent),
        MFT(the_text_so_far_is_there_during_the_capture),
        MFT(text_may_hold_every_byte),
        MFT(max_bytes_keeps_the_first_and_says_so),
        MFT(max_bytes_keeps_the_last_when_the_oldest_are_dropped),
        MFT(tee_copies_to_where_it_would_have_gone),
        MFT(lines_are_heard_while_it_runs),
        MFT(a_line_function_cannot_wait_for_itself_and_what_it_ends_is_closed),
        MFT(a_line_of_a_mebibyte_is_whole_and_a_longer_one_comes_in_pieces),
    };
    return MFT_MAIN(tests);
}
