/* SPDX-License-Identifier: MIT
 *
 * The thread that reads what is printed into pipes: copies it, keeps it, hands on its lines.
 *
 * States      running -stop-> gone
 * Invariants  the pipes have a writing end here until the reader stops, so that they never end by
 *             themselves, however streams are closed meanwhile.
 *             What was written before a request is dealt with before the request is answered, and
 *             not more than what lay in the pipe then: a writer that never pauses holds up nobody.
 * Why not until the end of the file     a process that outlives the capture may have the pipe, too.
 * Errors      a call that fails in the thread is tried again when the pipe has something; what
 * could not be kept the sink knows.
 */
#define _GNU_SOURCE
#include <stdlib.h>

#include "capture.h"

enum { PIECE = 64 * 1024, LONGEST_LINE = 1 << 20, PIPE_SIZE = 1 << 20, ATTEMPTS = 3 };

struct source {
    struct mfi_input *to;
    int fd;                 /* the pipe's reading end */
    int tee;                /* -1: none, or it failed */
    struct mfi_buffer line; /* the beginning of one that is not complete */
};

struct mfi_reader {
    pthread_t thread;
    pthread_mutex_t mutex; /* over the sinks, `asked`, `answered` and `stop` */
    pthread_cond_t answer;
    uint64_t asked, answered;
    bool stop;
    int wake_read, wake_write;
    mayfly_capture_line *on_line;
    void *context;
    size_t count;
    struct source sources[MFI_STREAMS];
    int tee_code; /* of the first copy that failed; only the thread writes it */
    mayfly_error tee_error;
    char data[PIECE];
};

/* ---- what is done with a piece --------------------------------------------------------------- */

static int write_all(int fd, const char *data, size_t size) {
    while (size > 0) {
        const ssize_t n = mfi_sys.write(fd, data, size);
        if (n == -EAGAIN) { /* somebody has made the terminal or pipe so for himself */
            struct pollfd room = {.fd = fd, .events = POLLOUT};
            const int r = mfi_sys.poll(&room, 1);
            if (r < 0)
                return r;
            continue;
        }
        if (n < 0)
            return (int)n;
        data += n;
        size -= (size_t)n;
    }
    return 0;
}

static void tee(struct mfi_reader *reader, struct source *source, size_t size) {
    const int fd = source->tee;
    const int r = fd < 0 ? 0 : write_all(fd, reader->data, size);
    if (r >= 0)
        return;
    source->tee = -1;
    if (reader->tee_code == 0)
        reader->tee_code = mfi_fail_call(&reader->tee_error, r, "write", "the original stream", fd);
}

static void hand_on(const struct mfi_reader *reader, const struct source *source, const char *line,
                    size_t size) {
    reader->on_line(reader->context, source->to->stream, line, size);
}

/* Without memory for the beginning, it is handed on as it is. */
static void remember(const struct mfi_reader *reader, struct source *source, const char *data,
                     size_t size) {
    if (mfi_buffer_append(&source->line, data, size) < 0) {
        if (source->line.size > 0)
            hand_on(reader, source, source->line.data, source->line.size);
        source->line.size = 0;
        hand_on(reader, source, data, size);
    }
}

static void end_line(const struct mfi_reader *reader, struct source *source) {
    if (source->line.size > 0)
        hand_on(reader, source, source->line.data, source->line.size);
    source->line.size = 0;
}

static void lines(const struct mfi_reader *reader, struct source *source, const char *data,
                  size_t size) {
    while (size > 0) {
        const char *newline = memchr(data, '\n', size);
        const size_t length = newline == NULL ? size : (size_t)(newline - data) + 1;
        if (newline != NULL && source->line.size == 0) {
            hand_on(reader, source, data, length);
        } else {
            remember(reader, source, data, length);
            if (newline != NULL || source->line.size > LONGEST_LINE)
                end_line(reader, source);
        }
        data += length;
        size -= length;
    }
}

/* One read. Returns how much it was; 0: nothing is there. */
static size_t take(struct mfi_reader *reader, struct source *source, size_t most) {
    const ssize_t n = mfi_sys.read(source->fd, reader->data, most < PIECE ? most : PIECE);
    if (n <= 0)
        return 0;
    tee(reader, source, (size_t)n);
    (void)pthread_mutex_lock(&reader->mutex);
    mfi_sink_write(source->to->sink, reader->data, (size_t)n);
    (void)pthread_mutex_unlock(&reader->mutex);
    if (reader->on_line != NULL)
        lines(reader, source, reader->data, (size_t)n);
    return (size_t)n;
}

/* All that is there now. */
static void drain(struct mfi_reader *reader, struct source *source) {
    const int there = mfi_sys.readable(source->fd);
    size_t rest = there < 0 ? SIZE_MAX : (size_t)there;
    while (rest > 0) {
        size_t n = take(reader, source, rest);
        if (n == 0)
            n = take(reader, source, rest); /* it was refused, and not empty */
        if (n == 0)
            return;
        rest -= n;
    }
}

/* ---- the thread ------------------------------------------------------------------------------ */

/* Answers what was asked for. Whether that was to stop. */
static bool answer(struct mfi_reader *reader) {
    (void)pthread_mutex_lock(&reader->mutex);
    const uint64_t asked = reader->asked;
    const bool news = asked != reader->answered, stop = reader->stop;
    (void)pthread_mutex_unlock(&reader->mutex);
    if (!news)
        return false;
    for (size_t i = 0; i < reader->count; i++) {
        drain(reader, &reader->sources[i]);
        if (stop && reader->on_line != NULL)
            end_line(reader, &reader->sources[i]);
    }
    (void)pthread_mutex_lock(&reader->mutex);
    reader->answered = asked;
    (void)pthread_cond_broadcast(&reader->answer);
    (void)pthread_mutex_unlock(&reader->mutex);
    return stop;
}

static void *run(void *context) {
    struct mfi_reader *reader = context;
    struct pollfd fds[MFI_STREAMS + 1] = {{.fd = reader->wake_read, .events = POLLIN}};
    for (size_t i = 0; i < reader->count; i++)
        fds[i + 1] = (struct pollfd){.fd = reader->sources[i].fd, .events = POLLIN};
    for (;;) {
        char woken[64];
        (void)mfi_sys.poll(fds, (int)reader->count + 1);
        if (fds[0].revents != 0)
            (void)mfi_sys.read(reader->wake_read, woken, sizeof woken);
        if (answer(reader))
            return NULL;
        for (size_t i = 0; i < reader->count; i++)
            if (fds[i + 1].revents != 0)
                (void)take(reader, &reader->sources[i], PIECE);
    }
}

/* ---- for its owner --------------------------------------------------------------------------- */

static void close_fd(int *fd) {
    if (*fd >= 0)
        (void)mfi_sys.close(mfi_take_fd(fd));
}

static void free_reader(struct mfi_reader *reader) {
    close_fd(&reader->wake_read);
    close_fd(&reader->wake_write);
    for (size_t i = 0; i < reader->count; i++) {
        close_fd(&reader->sources[i].fd);
        close_fd(&reader->sources[i].to->write_end);
        mfi_buffer_free(&reader->sources[i].line);
    }
    free(reader);
}

static void free_at(struct mfi_reader **reader) {
    if (*reader != NULL)
        free_reader(*reader);
}

int mfi_reader_start(struct mfi_input *inputs, size_t count, mayfly_capture_line *on_line,
                     void *context, struct mfi_reader **ret, mayfly_error *error) {
    __attribute__((cleanup(free_at))) struct mfi_reader *reader = mfi_sys.calloc(1, sizeof *reader);
    if (reader == NULL)
        return mfi_fail_memory(error, sizeof *reader);
    reader->wake_read = reader->wake_write = -1;
    reader->on_line = on_line;
    reader->context = context;
    int r = mfi_sys.pipe(&reader->wake_read, &reader->wake_write, 0);
    for (size_t i = 0; r >= 0 && i < count; i++) {
        struct source *source = &reader->sources[reader->count++];
        *source = (struct source){.to = &inputs[i], .fd = -1, .tee = inputs[i].tee};
        inputs[i].write_end = -1;
        r = mfi_sys.pipe(&source->fd, &inputs[i].write_end, PIPE_SIZE);
    }
    if (r < 0)
        return mfi_fail_call(error, r, "pipe2", NULL, -1);
    (void)pthread_mutex_init(&reader->mutex, NULL);
    (void)pthread_cond_init(&reader->answer, NULL);
    r = mfi_sys.thread(&reader->thread, run, reader);
    if (r < 0) {
        (void)pthread_cond_destroy(&reader->answer);
        (void)pthread_mutex_destroy(&reader->mutex);
        return mfi_fail(error, r, "capture", NULL, "a thread cannot be made: %s", strerror(-r));
    }
    *ret = mfi_take(reader);
    return 0;
}

void mfi_reader_hold(struct mfi_reader *reader) {
    (void)pthread_mutex_lock(&reader->mutex);
}

void mfi_reader_release(struct mfi_reader *reader) {
    (void)pthread_mutex_unlock(&reader->mutex);
}

static uint64_t ask(struct mfi_reader *reader, bool stop) {
    mfi_reader_hold(reader);
    const uint64_t mine = ++reader->asked;
    reader->stop = stop;
    mfi_reader_release(reader);
    return mine;
}

/* A byte has room there: nothing but a test lets this fail. */
static ssize_t wake(const struct mfi_reader *reader) {
    ssize_t n = mfi_sys.write(reader->wake_write, "", 1);
    for (int i = 1; n < 0 && i < ATTEMPTS; i++)
        n = mfi_sys.write(reader->wake_write, "", 1);
    return n;
}

int mfi_reader_wait(struct mfi_reader *reader, mayfly_error *error) {
    if (pthread_equal(reader->thread, pthread_self()))
        return mfi_fail(error, -EDEADLK, "capture", NULL,
                        "on_line would wait for itself; ask for the text elsewhere");
    const uint64_t mine = ask(reader, false);
    const ssize_t n = wake(reader);
    if (n < 0)
        return mfi_fail_call(error, (int)n, "write", NULL, -1);
    mfi_reader_hold(reader);
    while (reader->answered < mine)
        (void)pthread_cond_wait(&reader->answer, &reader->mutex);
    mfi_reader_release(reader);
    return 0;
}

/* Closing would wake it only if no forked child had the pipe, too. A callback that ends the process
 * is in the thread itself. */
int mfi_reader_stop(struct mfi_reader **at, mayfly_error *error) {
    struct mfi_reader *reader = *at;
    if (reader == NULL)
        return 0;
    (void)ask(reader, true);
    if (pthread_equal(reader->thread, pthread_self())) {
        (void)answer(reader);
        return 0;
    }
    (void)wake(reader);
    close_fd(&reader->wake_write);
    mfi_join(reader->thread);
    const int r = reader->tee_code;
    if (r < 0 && error != NULL)
        *error = reader->tee_error;
    (void)pthread_cond_destroy(&reader->answer);
    (void)pthread_mutex_destroy(&reader->mutex);
    free_reader(reader);
    *at = NULL;
    return r;
}

void mfi_reader_abandon(struct mfi_reader **at) {
    if (*at != NULL)
        free_reader(*at);
    *at = NULL;
}
