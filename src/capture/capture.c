/* SPDX-License-Identifier: MIT
 *
 * A capture: the streams that it has, where their text goes, and the text.
 *
 * States      going on -end-> ended -close-> gone
 * Invariants  the files, the pipes and the thread are there before a stream is changed, and a
 * stream is given back before any of them goes. Without a reader nobody but the kernel touches the
 * text until the end. Rejected    a limit in memory without a reader: the file to which a child
 * process writes cannot be exchanged from outside.
 */
#define _GNU_SOURCE
#include "capture.h"

#include <stdlib.h>
#include <unistd.h>

/* One text: of a stream, or of both. */
struct part {
    unsigned streams;
    struct mfi_sink sink;
    char *text; /* what was last asked for */
};

struct mayfly_capture {
    mayfly_capture_options options;
    char *dir;
    uint64_t process;
    unsigned streams;
    bool ended;
    size_t part_count;
    struct part parts[MFI_STREAMS];
    struct mfi_input inputs[MFI_STREAMS]; /* of the parts, for the reader */
    struct mfi_layer layers[MFI_STREAMS];
    struct mfi_reader *reader; /* NULL: none is needed */
};

static unsigned stream_of(int fd) {
    return fd == STDOUT_FILENO ? MAYFLY_STDOUT : MAYFLY_STDERR;
}

static struct part *part_with(mayfly_capture *capture, unsigned streams) {
    for (size_t i = 0; i < capture->part_count; i++)
        if ((capture->parts[i].streams & streams) == streams)
            return &capture->parts[i];
    return NULL;
}

static bool is_forked(const mayfly_capture *capture) {
    return capture->process != mfi_process();
}

/* ---- beginning ------------------------------------------------------------------------------- */

static int check(unsigned streams, const mayfly_capture_options *options, mayfly_error *error) {
    const unsigned both = MAYFLY_STDOUT | MAYFLY_STDERR;
    if (streams == 0 || (streams & ~both) != 0)
        return mfi_fail(error, -EINVAL, "capture", NULL,
                        "MAYFLY_STDOUT, MAYFLY_STDERR or both can be captured");
    if (options->merge && streams != both)
        return mfi_fail(error, -EINVAL, "capture", NULL, "to merge, both streams are needed");
    if ((unsigned)options->full > MAYFLY_CAPTURE_DROP_NEWEST)
        return mfi_fail(error, -EINVAL, "capture", NULL, "`full` has a value that is none");
    return 0;
}

static bool needs_reader(const mayfly_capture_options *options) {
    return options->tee || options->pipe || options->max_memory != 0 || options->max_bytes != 0 ||
           options->on_line != NULL;
}

static mayfly_file_options file_options(const mayfly_capture *capture) {
    return (mayfly_file_options){
        .dir = capture->dir,
        .place = capture->options.place,
        .max_size = capture->options.max_memory,
        .roll_to = needs_reader(&capture->options) ? MAYFLY_ROLL_UNNAMED : MAYFLY_ROLL_MEMORY,
    };
}

static int make_parts(mayfly_capture *capture, mayfly_error *error) {
    const mayfly_capture_options *options = &capture->options;
    const mayfly_file_options wanted = file_options(capture);
    for (unsigned stream = MAYFLY_STDOUT; stream <= MAYFLY_STDERR; stream <<= 1) {
        if ((capture->streams & stream) == 0 || (options->merge && capture->part_count > 0))
            continue;
        struct part *part = &capture->parts[capture->part_count++];
        part->streams = options->merge ? capture->streams : stream;
        part->sink.max_bytes = options->max_bytes;
        part->sink.full = options->full;
        const int r = mayfly_spooled_temporary_file(&wanted, &part->sink.file, error);
        if (r < 0)
            return r;
    }
    return 0;
}

/* The descriptor that a stream is to lead to. */
static int input_of(mayfly_capture *capture, unsigned stream) {
    const struct part *part = part_with(capture, stream);
    return capture->inputs[part - capture->parts].write_end;
}

/* The files themselves. Several processes write there: always at the end. */
static int make_direct(mayfly_capture *capture, mayfly_error *error) {
    for (size_t i = 0; i < capture->part_count; i++) {
        const int fd = mayfly_file_fd(capture->parts[i].sink.file, error);
        if (fd < 0)
            return fd;
        const int r = mfi_sys.set_append(fd);
        if (r < 0)
            return mfi_fail_call(error, r, "fcntl", NULL, fd);
        capture->inputs[i].write_end = fd;
    }
    return 0;
}

/* Merged, and the standard output is closed: there is still the other one. */
static int tee_of(const mayfly_capture *capture, const struct part *part) {
    int fd = -1;
    for (int i = 0; capture->options.tee && fd < 0 && i < MFI_STREAMS; i++)
        if ((part->streams & stream_of(capture->layers[i].fd)) != 0)
            fd = capture->layers[i].saved;
    return fd;
}

static int make_inputs(mayfly_capture *capture, mayfly_error *error) {
    if (!needs_reader(&capture->options))
        return make_direct(capture, error);
    for (size_t i = 0; i < capture->part_count; i++)
        capture->inputs[i] = (struct mfi_input){.sink = &capture->parts[i].sink,
                                                .stream = capture->parts[i].streams,
                                                .tee = tee_of(capture, &capture->parts[i])};
    return mfi_reader_start(capture->inputs, capture->part_count, capture->options.on_line,
                            capture->options.context, &capture->reader, error);
}

static int take(struct mfi_layer *layer, mayfly_error *error) {
    return mfi_streams_take(layer, input_of(layer->capture, stream_of(layer->fd)), error);
}

static int for_streams(mayfly_capture *capture,
                       int (*step)(struct mfi_layer *layer, mayfly_error *error),
                       mayfly_error *error) {
    int r = 0;
    for (int i = 0; r == 0 && i < MFI_STREAMS; i++)
        if ((capture->streams & stream_of(capture->layers[i].fd)) != 0)
            r = step(&capture->layers[i], error);
    return r;
}

/* ---- the end of the process ------------------------------------------------------------------ */

static pthread_once_t watched = PTHREAD_ONCE_INIT;

static bool is_ours(const struct mfi_layer *layer) {
    return !is_forked(layer->capture) && !layer->capture->ended;
}

static void end_all(void) {
    for (const struct mfi_layer *layer; (layer = mfi_streams_find(is_ours)) != NULL;)
        (void)mayfly_capture_end(layer->capture, NULL);
}

static void watch(void) {
    (void)atexit(end_all);
    (void)at_quick_exit(end_all);
}

/* ---- the handle ------------------------------------------------------------------------------ */

static int begin(mayfly_capture *capture, mayfly_error *error) {
    struct mfi_placeholders held;
    int r = for_streams(capture, mfi_streams_look, error);
    if (r == 0)
        r = mfi_streams_hold(&held, error);
    if (r < 0)
        return r;
    r = for_streams(capture, mfi_streams_save, error);
    if (r == 0)
        r = make_parts(capture, error);
    if (r == 0)
        r = make_inputs(capture, error);
    if (r == 0)
        r = for_streams(capture, take, error);
    mfi_streams_release(&held, capture->layers);
    return r;
}

int mayfly_capture_sized(size_t options_size, unsigned streams,
                         const mayfly_capture_options *options, mayfly_capture **ret,
                         mayfly_error *error) {
    mayfly_auto(mayfly_capture) capture = mfi_sys.calloc(1, sizeof *capture);
    if (capture == NULL)
        return mfi_fail_memory(error, sizeof *capture);
    capture->process = mfi_process();
    capture->streams = streams;
    for (int i = 0; i < MFI_STREAMS; i++)
        capture->layers[i] =
            (struct mfi_layer){.capture = capture, .fd = STDOUT_FILENO + i, .saved = -1};
    int r = mfi_options_import(&capture->options, sizeof capture->options, options, options_size,
                               "capture", error);
    if (r == 0)
        r = check(streams, &capture->options, error);
    if (r == 0 && capture->options.dir != NULL) {
        capture->dir = mfi_strdup(capture->options.dir);
        r = capture->dir == NULL ? mfi_fail_memory(error, strlen(capture->options.dir)) : 0;
    }
    if (r == 0) {
        (void)pthread_once(&watched, watch);
        r = begin(capture, error);
    }
    if (r < 0)
        return r;
    *ret = mfi_take(capture);
    return 0;
}

/* What the file has by now: children that go on writing change the text no more. */
static int measure(struct part *part, mayfly_error *error) {
    const int flushed = mayfly_file_flush(part->sink.file, error); /* forgets what it has read */
    const int64_t size = flushed < 0 ? flushed : mayfly_file_size(part->sink.file, error);
    if (size < 0)
        return (int)size;
    part->sink.end = (uint64_t)size;
    return 0;
}

static int finish_parts(mayfly_capture *capture, bool direct, mayfly_error *error) {
    int r = 0;
    for (size_t i = 0; i < capture->part_count; i++) {
        struct part *part = &capture->parts[i];
        if (direct && part->sink.file != NULL)
            r = mfi_first(r, measure(part, r < 0 ? NULL : error));
        if (part->sink.code < 0 && r == 0) {
            r = part->sink.code;
            if (error != NULL)
                *error = part->sink.error;
        }
    }
    return r;
}

int mayfly_capture_end(mayfly_capture *capture, mayfly_error *error) {
    int r = 0;
    if (capture->ended)
        return 0;
    const bool direct = capture->reader == NULL, forked = is_forked(capture);
    capture->ended = true;
    for (int i = MFI_STREAMS - 1; i >= 0; i--)
        r = mfi_first(r, mfi_streams_give_back(&capture->layers[i], r < 0 ? NULL : error));
    if (forked)
        mfi_reader_abandon(&capture->reader);
    else
        r = mfi_first(r, mfi_reader_stop(&capture->reader, r < 0 ? NULL : error));
    for (int i = 0; i < MFI_STREAMS; i++)
        if (capture->layers[i].saved >= 0)
            (void)mfi_sys.close(mfi_take_fd(&capture->layers[i].saved));
    return forked ? r : mfi_first(r, finish_parts(capture, direct, r < 0 ? NULL : error));
}

int mayfly_capture_close(mayfly_capture **at, mayfly_error *error) {
    mayfly_capture *capture = at == NULL ? NULL : *at;
    if (capture == NULL)
        return 0;
    int r = mayfly_capture_end(capture, error);
    /* Ended by on_line, which is the reader: it is still there. */
    if (is_forked(capture))
        mfi_reader_abandon(&capture->reader);
    else
        r = mfi_first(r, mfi_reader_stop(&capture->reader, r < 0 ? NULL : error));
    for (size_t i = 0; i < capture->part_count; i++) {
        r = mfi_first(r, mayfly_file_close(&capture->parts[i].sink.file, r < 0 ? NULL : error));
        free(capture->parts[i].text);
    }
    free(capture->dir);
    free(capture);
    *at = NULL;
    return r;
}

void mayfly_capture_auto(mayfly_capture **capture) {
    (void)mayfly_capture_close(capture, NULL);
}

/* ---- the text -------------------------------------------------------------------------------- */

static int find_part(mayfly_capture *capture, unsigned stream, struct part **ret,
                     mayfly_error *error) {
    if (is_forked(capture))
        return mfi_fail(error, MAYFLY_E_FORKED, "capture", NULL, NULL);
    *ret = stream == 0 ? NULL : part_with(capture, stream);
    if (*ret == NULL)
        return mfi_fail(error, -EINVAL, "capture", NULL,
                        (stream & ~capture->streams) != 0 || stream == 0
                            ? "this stream is not captured"
                            : "the streams are captured apart: name one");
    return 0;
}

/* Has all that was printed be in the sinks. */
static int catch_up(mayfly_capture *capture, struct part *part, mayfly_error *error) {
    int r = 0;
    if (capture->ended)
        return 0;
    r = for_streams(capture, mfi_streams_flush, error);
    if (r == 0)
        r = capture->reader == NULL ? measure(part, error)
                                    : mfi_reader_wait(capture->reader, error);
    return r;
}

static int read_text(struct part *part, size_t *ret_size, mayfly_error *error) {
    const uint64_t size = mfi_sink_size(&part->sink);
    size_t have = 0;
    char *text = size < SIZE_MAX ? mfi_sys.malloc((size_t)size + 1) : NULL;
    if (text == NULL)
        return mfi_fail_memory(error, (size_t)size);
    for (int64_t n = 1; n > 0 && have < size; have += (size_t)n) {
        n = mfi_sink_read(&part->sink, have, text + have, (size_t)size - have, error);
        if (n < 0) {
            free(text);
            return (int)n;
        }
    }
    text[have] = '\0';
    free(part->text);
    part->text = text;
    *ret_size = have;
    return 0;
}

int mayfly_capture_text(mayfly_capture *capture, unsigned stream, const char **ret,
                        size_t *ret_size, mayfly_error *error) {
    struct part *part;
    size_t size = 0;
    int r = find_part(capture, stream, &part, error);
    if (r == 0)
        r = catch_up(capture, part, error);
    if (r < 0)
        return r;
    if (capture->reader != NULL)
        mfi_reader_hold(capture->reader);
    r = read_text(part, &size, error);
    if (capture->reader != NULL)
        mfi_reader_release(capture->reader);
    if (r < 0)
        return r;
    *ret = part->text;
    if (ret_size != NULL)
        *ret_size = size;
    return 0;
}

int mayfly_capture_file(mayfly_capture *capture, unsigned stream, mayfly_file **ret,
                        mayfly_error *error) {
    struct part *part;
    const mayfly_file_options options = file_options(capture);
    int r = find_part(capture, stream, &part, error);
    if (r < 0)
        return r;
    if (!capture->ended)
        return mfi_fail(error, -EBUSY, "capture", NULL, "end the capture before");
    r = mfi_sink_straighten(&part->sink, &options, error);
    if (r < 0)
        return r;
    const int64_t at = mayfly_file_seek(part->sink.file, 0, SEEK_SET, error);
    if (at < 0)
        return (int)at;
    *ret = part->sink.file;
    return 0;
}

int64_t mayfly_capture_dropped(mayfly_capture *capture, unsigned stream, mayfly_error *error) {
    struct part *part;
    const int r = find_part(capture, stream, &part, error);
    if (r < 0)
        return r;
    if (capture->reader != NULL)
        mfi_reader_hold(capture->reader);
    const uint64_t dropped = mfi_sink_dropped(&part->sink);
    if (capture->reader != NULL)
        mfi_reader_release(capture->reader);
    return (int64_t)dropped;
}

int mayfly_capture_original(const mayfly_capture *capture, unsigned stream, mayfly_error *error) {
    if ((stream != MAYFLY_STDOUT && stream != MAYFLY_STDERR) || (capture->streams & stream) == 0)
        return mfi_fail(error, -EINVAL, "capture", NULL, "name one of the captured streams");
    const struct mfi_layer *layer = &capture->layers[stream == MAYFLY_STDOUT ? 0 : 1];
    if (layer->saved < 0)
        return mfi_fail(error, -EBADF, "capture", mfi_streams_name(layer->fd),
                        capture->ended ? "the capture has ended" : "it was closed before");
    return layer->saved;
}
