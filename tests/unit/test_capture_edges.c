/* SPDX-License-Identifier: MIT
 *
 * C1: streams restored exactly, whatever they were and whatever goes wrong; forks, threads, exits.
 *
 * Where the standard output must be something special, a test puts that on descriptor 1 itself and
 * takes it back before it asserts anything.
 */
#define _GNU_SOURCE
#include "../lib/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "../../src/base/sys.h"
#include "../lib/fault.h"

static const mayfly_capture_options ways[] = {{.pipe = false}, {.pipe = true}};
enum { WAYS = sizeof ways / sizeof *ways };

static void has(mayfly_capture *capture, unsigned stream, const char *expected) {
    const char *text = NULL;
    mft_ok(mayfly_capture_text(capture, stream, &text, NULL, &mft_error));
    assert_string_equal(text, expected);
}

static void need(int condition) {
    if (!condition)
        abort();
}

/* What a descriptor is. */
struct look {
    dev_t device;
    ino_t inode;
    int flags, status;
    off_t offset;
};

static struct look look(int fd) {
    struct stat st = {.st_ino = 0};
    struct look seen;
    memset(&seen, 0, sizeof seen); /* so that two can be compared as memory */
    seen.flags = fcntl(fd, F_GETFD);
    if (seen.flags < 0 || fstat(fd, &st) != 0)
        return seen;
    seen.device = st.st_dev;
    seen.inode = st.st_ino;
    seen.status = fcntl(fd, F_GETFL);
    seen.offset = lseek(fd, 0, SEEK_CUR);
    return seen;
}

static void same(const struct look *before, const struct look *after) {
    assert_int_equal(before->device, after->device);
    assert_int_equal(before->inode, after->inode);
    assert_int_equal(before->flags, after->flags);
    assert_int_equal(before->status, after->status);
    assert_int_equal(before->offset, after->offset);
}

/* Descriptor 1 is something else for a while. */
static int put_aside(int fd) {
    fflush(stdout);
    const int kept = fcntl(1, F_DUPFD_CLOEXEC, 10);
    need(kept >= 0 && dup2(fd, 1) == 1);
    return kept;
}

static void take_back(int kept) {
    need(dup2(kept, 1) == 1);
    (void)close(kept);
}

/* ---- exact restore --------------------------------------------------------------------------- */

static void offset_flags_and_file_are_what_they_were(void **state) {
    (void)state;
    for (int way = 0; way < 2 * WAYS; way++) {
        mayfly_capture *capture = NULL;
        const int fd = open(mft_path("out"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        const int kept = put_aside(fd);
        (void)close(fd);
        printf("0123456789");
        fflush(stdout);
        need(lseek(1, 4, SEEK_SET) == 4);
        need(fcntl(1, F_SETFD, way >= WAYS ? FD_CLOEXEC : 0) == 0);
        const struct look before = look(1);
        const int r = mayfly_capture(MAYFLY_STDOUT, &ways[way % WAYS], &capture, &mft_error);
        printf("captured");
        fflush(stdout);
        const int inherited = fcntl(1, F_GETFD);
        (void)mayfly_capture_close(&capture, NULL);
        const struct look after = look(1);
        printf("--");
        fflush(stdout);
        take_back(kept);
        mft_ok(r);
        same(&before, &after);
        assert_int_equal(before.offset, 4);
        assert_int_equal(inherited, 0); /* children are to print into the capture */
        assert_true(mft_is(mft_path("out"), "0123--6789"));
        mft_empty();
    }
}

static int open_terminal(char *name, size_t size) {
    const int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    need(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0 &&
         ptsname_r(master, name, size) == 0);
    return master;
}

/* A program of its own, in which stdio meets the terminal: its first text falls into the capture.
 */
static int print_on_terminal(const mayfly_capture_options *options) {
    struct termios before = {0}, after = {0};
    mayfly_capture *capture = NULL;
    const char *text = NULL;
    if (tcgetattr(1, &before) != 0)
        return 1;
    if (mayfly_capture(MAYFLY_STDOUT, options, &capture, NULL) < 0)
        return 2;
    printf("captured\n");
    const int was_terminal = isatty(1);
    if (mayfly_capture_end(capture, NULL) < 0 ||
        mayfly_capture_text(capture, MAYFLY_STDOUT, &text, NULL, NULL) < 0)
        return 3;
    if (was_terminal || !isatty(1) || strcmp(text, "captured\n") != 0)
        return 4;
    if (tcgetattr(1, &after) != 0 || memcmp(&before, &after, sizeof before) != 0)
        return 5;
    printf("after\n"); /* must be there without being flushed, as it is a line on a terminal */
    _exit(0);
}

static const char *program; /* this one */

static int run_on_terminal(void *context) {
    char way[2] = {(char)('0' + *(const int *)context), '\0'};
    char *const arguments[] = {(char *)(uintptr_t)program, way, NULL};
    const int slave = open(getenv("MFT_TERMINAL"), O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (slave < 0 || dup2(slave, 1) < 0)
        return 10;
    (void)execv(program, arguments);
    return 11;
}

static void a_terminal_is_restored_and_gets_its_lines_at_once(void **state) {
    (void)state;
    for (int way = 0; way < WAYS; way++) {
        char name[64], got[64] = "";
        const int master = open_terminal(name, sizeof name);
        const int slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC); /* so that nothing is lost */
        (void)setenv("MFT_TERMINAL", name, 1);
        const int status = mft_fork(run_on_terminal, &way);
        (void)unsetenv("MFT_TERMINAL");
        need(fcntl(master, F_SETFL, O_NONBLOCK) == 0);
        const ssize_t n = read(master, got, sizeof got - 1);
        (void)close(slave);
        (void)close(master);
        assert_int_equal(status, 0);
        assert_string_equal(n < 0 ? "nothing" : got, "after\r\n");
    }
}

static void a_stream_that_was_closed_is_captured_and_closed_again(void **state) {
    (void)state;
    for (int k = 0; k < 3 * WAYS; k++) { /* also with the others closed, whose numbers are free */
        mayfly_capture *capture = NULL;
        int kept[3] = {-1, -1, -1}, open_after = 0;
        const unsigned streams = k / WAYS == 2 ? MAYFLY_STDOUT | MAYFLY_STDERR : MAYFLY_STDOUT;
        fflush(NULL);
        for (int fd = 0; fd < 3; fd++)
            if (fd == 1 || k / WAYS > 0) {
                kept[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 10);
                need(kept[fd] >= 0 && close(fd) == 0);
            }
        const int r = mayfly_capture(streams, &ways[k % WAYS], &capture, &mft_error);
        const int others = k / WAYS == 1 ? fcntl(2, F_GETFD) : -1;
        printf("from nowhere\n");
        const int ended = r < 0 ? r : mayfly_capture_end(capture, &mft_error);
        for (int fd = 0; fd < 3; fd++) {
            open_after += kept[fd] >= 0 && fcntl(fd, F_GETFD) >= 0;
            if (kept[fd] >= 0) {
                need(dup2(kept[fd], fd) == fd);
                (void)close(kept[fd]);
            }
        }
        mft_ok(r);
        mft_ok(ended);
        assert_int_equal(open_after, 0);
        assert_int_equal(others, -1); /* nothing of ours took its number */
        has(capture, MAYFLY_STDOUT, "from nowhere\n");
        mft_ok(mayfly_capture_close(&capture, &mft_error));
    }
}

static void what_is_closed_or_redirected_within_is_what_it_was_before(void **state) {
    (void)state;
    for (int k = 0; k < 2 * WAYS; k++) {
        mayfly_auto(mayfly_capture) outer = NULL;
        mayfly_auto(mayfly_capture) capture = NULL;
        mft_ok(mayfly_capture(MAYFLY_STDOUT, NULL, &outer, &mft_error));
        need(mayfly_capture(MAYFLY_STDOUT, &ways[k % WAYS], &capture, NULL) == 0);
        printf("caught\n");
        fflush(stdout);
        if (k < WAYS) {
            need(close(1) == 0);
        } else {
            const int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
            need(dup2(null, 1) == 1 && close(null) == 0);
        }
        const int ended = mayfly_capture_end(capture, &mft_error);
        printf("outer\n");
        mft_ok(mayfly_capture_end(outer, &mft_error));
        mft_ok(ended);
        has(capture, MAYFLY_STDOUT, "caught\n");
        has(outer, MAYFLY_STDOUT, "outer\n");
    }
}

/* ---- what goes wrong ------------------------------------------------------------------------- */

static void bad_options_are_told(void **state) {
    (void)state;
    mayfly_capture *capture = NULL;
    const struct look before = look(1);
    mft_fails(-EINVAL, mayfly_capture(0, NULL, &capture, &mft_error));
    mft_fails(-EINVAL, mayfly_capture(4, NULL, &capture, &mft_error));
    mft_fails(-EINVAL, mayfly_capture(MAYFLY_STDOUT, &(mayfly_capture_options){.merge = true},
                                      &capture, &mft_error));
    mft_fails(-EINVAL, mayfly_capture(MAYFLY_STDOUT,
                                      &(mayfly_capture_options){.full = (mayfly_capture_full)3},
                                      &capture, &mft_error));
    struct {
        mayfly_capture_options known;
        int newer;
    } newer = {.newer = 1};
    mft_fails(MAYFLY_E_OPTION, mayfly_capture_sized(sizeof newer, MAYFLY_STDOUT, &newer.known,
                                                    &capture, &mft_error));
    assert_null(capture);
    const struct look after = look(1);
    same(&before, &after);
}

static void what_cannot_be_flushed_before_is_not_captured(void **state) {
    (void)state;
    mayfly_capture *capture = NULL;
    const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    const int kept = put_aside(full);
    const struct look before = look(1);
    printf("lost");
    const int r = mayfly_capture(MAYFLY_STDOUT, NULL, &capture, &mft_error);
    const struct look after = look(1);
    take_back(kept);
    (void)close(full);
    fflush(stdout); /* it goes where it can */
    assert_int_equal(r, -ENOSPC);
    assert_non_null(strstr(mft_error.message, "before"));
    same(&before, &after);
}

static ssize_t no_room(int fd, const void *data, size_t size, off_t at) {
    (void)fd;
    (void)data;
    (void)size;
    (void)at;
    return -ENOSPC;
}

static void a_full_disk_is_told_and_the_beginning_is_there(void **state) {
    (void)state;
    mayfly_auto(mayfly_capture) capture = NULL;
    const mayfly_capture_options options = {.max_memory = 100, .dir = mft_tmp()};
    mft_ok(mayfly_capture(MAYFLY_STDOUT, &options, &capture, &mft_error));
    mfi_sys.pwrite = no_room;
    need(write(1, "the beginning", 13) == 13);
    const char *text = NULL;
    const int r = mayfly_capture_text(capture, MAYFLY_STDOUT, &text, NULL, &mft_error);
    printf("%0200d", 0); /* which must go to disk */
    const int ended = mayfly_capture_end(capture, &mft_error);
    mfi_sys = mfi_sys_real;
    mft_ok(r);
    assert_int_equal(ended, -ENOSPC);
    has(capture, MAYFLY_STDOUT, "the beginning");
    assert_int_equal(mayfly_capture_dropped(capture, MAYFLY_STDOUT, NULL), 200);
}

/* SIGPIPE would end the program, which does not know that somebody copies. */
static void a_tee_that_cannot_be_written_is_told_and_the_text_is_complete(void **state) {
    (void)state;
    mayfly_auto(mayfly_capture) capture = NULL;
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    const int kept = put_aside(ends[1]);
    (void)close(ends[0]);
    (void)close(ends[1]);
    const int r =
        mayfly_capture(MAYFLY_STDOUT, &(mayfly_capture_options){.tee = true}, &capture, &mft_error);
    printf("one\n");
    fflush(stdout);
    printf("two\n");
    const int ended = mayfly_capture_end(capture, &mft_error);
    take_back(kept);
    mft_ok(r);
    assert_int_equal(ended, -EPIPE);
    assert_int_equal(mft_error.code, -EPIPE);
    has(capture, MAYFLY_STDOUT, "one\ntwo\n");
}

enum { MUCH = 300 * 1000 };

static void *read_all(void *context) {
    const int *fd = context;
    char data[4096];
    size_t total = 0;
    for (ssize_t n; (n = read(*fd, data, sizeof data)) > 0;)
        total += (size_t)n;
    return (void *)total;
}

static void a_tee_waits_for_a_stream_that_does_not_block(void **state) {
    (void)state;
    mayfly_auto(mayfly_capture) capture = NULL;
    const char *text = NULL;
    int ends[2];
    size_t size = 0;
    pthread_t thread;
    void *total = NULL;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
    const int kept = put_aside(ends[1]);
    (void)close(ends[1]);
    const int r =
        mayfly_capture(MAYFLY_STDOUT, &(mayfly_capture_options){.tee = true}, &capture, &mft_error);
    need(pthread_create(&thread, NULL, read_all, &ends[0]) == 0);
    printf("%0*d", MUCH, 0);
    const int ended = mayfly_capture_end(capture, &mft_error);
    take_back(kept);
    (void)pthread_join(thread, &total);
    (void)close(ends[0]);
    mft_ok(r);
    mft_ok(ended);
    assert_int_equal((size_t)(uintptr_t)total, MUCH);
    mft_ok(mayfly_capture_text(capture, MAYFLY_STDOUT, &text, &size, &mft_error));
    assert_int_equal(size, MUCH);
}

static int keep_quiet(void *context, mayfly_error *error) {
    const mayfly_capture_options *options = context;
    mayfly_capture *capture = NULL;
    mayfly_file *file = NULL;
    const char *text = NULL;
    int r = mayfly_capture(MAYFLY_STDOUT | MAYFLY_STDERR, options, &capture, error);
    if (r < 0)
        return r;
    printf("some text\n");
    fprintf(stderr, "%0100d\n", 0);
    r = mayfly_capture_end(capture, error);
    if (r == 0)
        r = mayfly_capture_text(capture, MAYFLY_STDOUT, &text, NULL, error);
    const int whole = r < 0 || strstr(text, "some text\n") != NULL;
    if (r == 0)
        r = mayfly_capture_file(capture, MAYFLY_STDERR, &file, error);
    const int closed = mayfly_capture_close(&capture, r < 0 ? NULL : error);
    if (!whole) {
        error->code = -EUCLEAN;
        return -EUCLEAN;
    }
    return r < 0 ? r : closed;
}

/* With /dev/null on both, to which tee copies. */
static int keep_quiet_aside(void *context, mayfly_error *error) {
    const int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    const int kept = put_aside(null), kept_err = fcntl(2, F_DUPFD_CLOEXEC, 10);
    need(dup2(null, 2) == 2);
    const struct look before = look(1), before_err = look(2);
    int r = keep_quiet(context, error);
    const struct look after = look(1), after_err = look(2);
    if (memcmp(&before, &after, sizeof after) != 0 ||
        memcmp(&before_err, &after_err, sizeof after_err) != 0)
        r = error->code = -EXDEV; /* which nothing else gives here */
    need(dup2(kept_err, 2) == 2 && close(kept_err) == 0 && close(null) == 0);
    take_back(kept);
    return r;
}

static int keep_quiet_and_restore(void *context, mayfly_error *error) {
    const int r = keep_quiet_aside(context, error);
    if (r == -EXDEV || r == -EUCLEAN)
        fail_msg("%s refused: %s", mft_fault_last(),
                 r == -EXDEV ? "a stream is not what it was" : "text is lost, and nobody says so");
    return r;
}

static void refused_at_every_call_the_streams_are_what_they_were(void **state) {
    (void)state;
    static const int codes[] = {-EIO, -EMFILE, -ENOSPC};
    mayfly_capture_options rows[] = {
        {.merge = false},
        {.merge = true, .pipe = true, .max_memory = 50, .dir = mft_tmp()},
        {.max_bytes = 50, .full = MAYFLY_CAPTURE_DROP_OLDEST, .max_memory = 20, .dir = mft_tmp()},
        {.tee = true},
    };
    for (size_t k = 0; k < sizeof rows / sizeof *rows * 3; k++)
        assert_in_range(mft_fault_until_ok(keep_quiet_and_restore, &rows[k / 3], codes[k % 3], 0),
                        10, 1000);
}

/* ---- fork, threads, exit --------------------------------------------------------------------- */

struct forked {
    mayfly_capture *outer, *capture;
    const mayfly_capture_options *own; /* of a capture that the child makes */
};

static int print_in_child(void *context) {
    const struct forked *forked = context;
    const char *text;
    printf("child in\n");
    fflush(stdout);
    if (mayfly_capture_text(forked->capture, MAYFLY_STDOUT, &text, NULL, NULL) != MAYFLY_E_FORKED ||
        mayfly_capture_dropped(forked->capture, MAYFLY_STDOUT, NULL) != MAYFLY_E_FORKED)
        return 1;
    if (mayfly_capture_end(forked->capture, NULL) < 0)
        return 2;
    printf("child out\n");
    fflush(stdout);
    mayfly_capture *mine = forked->capture;
    if (mayfly_capture_close(&mine, NULL) < 0)
        return 3;
    mayfly_capture *own = NULL;
    if (mayfly_capture(MAYFLY_STDOUT, forked->own, &own, NULL) < 0)
        return 4;
    printf("child's own\n");
    if (mayfly_capture_text(own, MAYFLY_STDOUT, &text, NULL, NULL) < 0 ||
        strcmp(text, "child's own\n") != 0)
        return 5;
    return mayfly_capture_close(&own, NULL) < 0 ? 6 : 0;
}

static void a_forked_child_prints_into_it_and_ends_only_its_own(void **state) {
    (void)state;
    for (int way = 0; way < WAYS; way++) {
        /* A thread in the child of a process with threads is more than ThreadSanitizer can do. */
        struct forked forked = {.own = &ways[1 - way]};
        mft_ok(mayfly_capture(MAYFLY_STDOUT, NULL, &forked.outer, &mft_error));
        need(mayfly_capture(MAYFLY_STDOUT, &ways[way], &forked.capture, NULL) == 0);
        const int status = mft_fork(print_in_child, &forked);
        printf("parent in\n");
        const int ended = mayfly_capture_end(forked.capture, &mft_error);
        mft_ok(mayfly_capture_end(forked.outer, &mft_error));
        mft_ok(ended);
        assert_int_equal(status, 0);
        has(forked.capture, MAYFLY_STDOUT, "child in\nparent in\n");
        has(forked.outer, MAYFLY_STDOUT, "child out\n");
        mft_ok(mayfly_capture_close(&forked.capture, &mft_error));
        mft_ok(mayfly_capture_close(&forked.outer, &mft_error));
    }
}

static void a_forked_child_that_exits_leaves_its_text_in_the_capture(void **state) {
    (void)state;
    for (int way = 0; way < WAYS; way++) {
        mayfly_auto(mayfly_capture) capture = NULL;
        int status = -1;
        mft_ok(mayfly_capture(MAYFLY_STDOUT, &ways[way], &capture, &mft_error));
        const pid_t pid = mft_start();
        if (pid == 0) {
            printf("left by exit\n"); /* which stdio holds back until then */
            exit(0);
        }
        need(waitpid(pid, &status, 0) == pid);
        mft_ok(mayfly_capture_end(capture, &mft_error));
        assert_int_equal(status, 0);
        has(capture, MAYFLY_STDOUT, "left by exit\n");
    }
}

static int never_end(void *context) {
    mayfly_capture *capture = NULL;
    const mayfly_capture_options *options = context;
    if (mayfly_capture(MAYFLY_STDOUT, options, &capture, NULL) < 0)
        return 1;
    printf("within\n");
    return 0;
}

static void exit_ends_a_capture_and_what_tee_has_to_copy_arrives(void **state) {
    (void)state;
    for (int tee = 0; tee < 2; tee++) {
        mayfly_auto(mayfly_capture) outer = NULL;
        mayfly_capture_options options = {.tee = tee};
        mft_ok(mayfly_capture(MAYFLY_STDOUT, NULL, &outer, &mft_error));
        const int status = mft_fork_exit(never_end, &options);
        mft_ok(mayfly_capture_end(outer, &mft_error));
        assert_int_equal(status, 0);
        has(outer, MAYFLY_STDOUT, tee ? "within\n" : "");
    }
}

/* A process that outlives the capture holds nothing up. It waits for a pipe to end. */
static void a_process_that_outlives_the_capture_is_not_waited_for(void **state) {
    (void)state;
    for (int way = 0; way < WAYS; way++) {
        mayfly_auto(mayfly_capture) capture = NULL;
        int gate[2], up[2], status = 0;
        char c;
        assert_int_equal(pipe2(gate, O_CLOEXEC), 0);
        assert_int_equal(pipe2(up, O_CLOEXEC), 0);
        mft_ok(mayfly_capture(MAYFLY_STDOUT, &ways[way], &capture, &mft_error));
        const pid_t pid = mft_start();
        if (pid == 0) {
            (void)close(gate[1]);
            need(write(1, "up\n", 3) == 3 && write(up[1], "x", 1) == 1);
            (void)read(gate[0], &c, 1);
            (void)signal(SIGPIPE, SIG_IGN);
            (void)write(1, "too late\n", 9);
            _exit(0);
        }
        need(read(up[0], &c, 1) == 1);
        mft_ok(mayfly_capture_end(capture, &mft_error));
        for (int i = 0; i < 2; i++) {
            (void)close(gate[i]);
            (void)close(up[i]);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        has(capture, MAYFLY_STDOUT, "up\n");
    }
}

enum { PRINTERS = 3, LINES = 2000 };
static _Atomic int printing;

static void *print_lines(void *context) {
    for (int i = 0; i < LINES; i++)
        printf("%c%04d\n", *(const char *)context, i);
    atomic_fetch_sub(&printing, 1);
    return NULL;
}

/* Whether each printer's lines are whole and in their order; counts them. */
static int count_lines(const char *text, int *next) {
    int count = 0;
    for (; *text != '\0'; text += 6, count++) {
        const int printer = text[0] - 'a', number = atoi(text + 1);
        if (printer < 0 || printer >= PRINTERS || text[5] != '\n' || number < next[printer])
            return -1;
        next[printer] = number + 1;
    }
    return count;
}

static void threads_that_print_meanwhile_lose_no_line_and_tear_none(void **state) {
    (void)state;
    for (int way = 0; way < WAYS; way++) {
        mayfly_auto(mayfly_capture) outer = NULL;
        pthread_t threads[PRINTERS];
        int total = 0, bad = 0;
        mft_ok(mayfly_capture(MAYFLY_STDOUT, NULL, &outer, &mft_error));
        atomic_store(&printing, PRINTERS);
        for (int i = 0; i < PRINTERS; i++)
            need(pthread_create(&threads[i], NULL, print_lines, (void *)(uintptr_t) & "abc"[i]) ==
                 0);
        for (bool last = false; !last;) {
            mayfly_auto(mayfly_capture) capture = NULL;
            const char *text = NULL;
            int next[PRINTERS] = {0};
            last = atomic_load(&printing) == 0;
            need(mayfly_capture(MAYFLY_STDOUT, &ways[way], &capture, NULL) == 0);
            need(mayfly_capture_end(capture, NULL) == 0);
            need(mayfly_capture_text(capture, MAYFLY_STDOUT, &text, NULL, NULL) == 0);
            const int count = count_lines(text, next);
            bad += count < 0;
            total += count;
        }
        for (int i = 0; i < PRINTERS; i++)
            (void)pthread_join(threads[i], NULL);
        mft_ok(mayfly_capture_end(outer, &mft_error));
        const char *text = NULL;
        int next[PRINTERS] = {0};
        mft_ok(mayfly_capture_text(outer, MAYFLY_STDOUT, &text, NULL, &mft_error));
        const int count = count_lines(text, next);
        assert_int_equal(bad, 0);
        assert_int_equal(total + count, PRINTERS * LINES);
    }
}

static void a_buffered_stderr_is_flushed_as_well(void **state) {
    (void)state;
    static char buffer[1000];
    mayfly_auto(mayfly_capture) outer = NULL;
    mayfly_auto(mayfly_capture) capture = NULL;
    mft_ok(mayfly_capture(MAYFLY_STDERR, NULL, &outer, &mft_error));
    (void)setvbuf(stderr, buffer, _IOFBF, sizeof buffer);
    fprintf(stderr, "before");
    need(mayfly_capture(MAYFLY_STDERR, NULL, &capture, NULL) == 0);
    fprintf(stderr, "within");
    (void)mayfly_capture_end(capture, NULL);
    fprintf(stderr, " after");
    (void)mayfly_capture_end(outer, NULL);
    (void)setvbuf(stderr, NULL, _IONBF, 0);
    has(capture, MAYFLY_STDERR, "within");
    has(outer, MAYFLY_STDERR, "before after");
}

int main(int argc, char **argv) {
    program = argv[0];
    if (argc == 2)
        return print_on_terminal(&ways[argv[1][0] - '0']);
    const struct CMUnitTest tests[] = {
        MFT(offset_flags_and_file_are_what_they_were),
        MFT(a_terminal_is_restored_and_gets_its_lines_at_once),
        MFT(a_stream_that_was_closed_is_captured_and_closed_again),
        MFT(what_is_closed_or_redirected_within_is_what_it_was_before),
        MFT(bad_options_are_told),
        MFT(what_cannot_be_flushed_before_is_not_captured),
        MFT(a_full_disk_is_told_and_the_beginning_is_there),
        MFT(a_tee_that_cannot_be_written_is_told_and_the_text_is_complete),
        MFT(a_tee_waits_for_a_stream_that_does_not_block),
        MFT(refused_at_every_call_the_streams_are_what_they_were),
        MFT(a_forked_child_prints_into_it_and_ends_only_its_own),
        MFT(a_forked_child_that_exits_leaves_its_text_in_the_capture),
        MFT(exit_ends_a_capture_and_what_tee_has_to_copy_arrives),
        MFT(a_process_that_outlives_the_capture_is_not_waited_for),
        MFT(threads_that_print_meanwhile_lose_no_line_and_tear_none),
        MFT(a_buffered_stderr_is_flushed_as_well),
    };
    return MFT_MAIN(tests);
}
