/* SPDX-License-Identifier: MIT
 *
 * Capturing what a program prints (row C1; dill.temp.capture).
 *
 *     mayfly_auto(mayfly_capture) capture = NULL;
 *     const char *text;
 *     if (mayfly_capture(MAYFLY_STDOUT, NULL, &capture, &error) < 0)
 *         ...
 *     noisy_function();                              // printf, write(2), system(3), libraries
 *     mayfly_capture_end(capture, &error);           // the stream is what it was
 *     mayfly_capture_text(capture, MAYFLY_STDOUT, &text, NULL, &error);
 *
 * What is replaced are the descriptors 1 and 2, not stdio's streams: whatever writes to them is
 * caught, in this process and in those that it starts. They are the whole process's, so a capture
 * is as well: what another thread prints meanwhile is caught, too. stdio's own buffers are flushed
 * before and after; a binding flushes what else it has.
 *
 * Two ways: Without any option the descriptors lead to a file in memory, and printing costs
 * what writing to that file costs. `tee`, `on_line`, `max_memory`, `max_bytes` and `pipe` need
 * somebody who looks at the text while it is printed: a pipe and a thread that reads it. Such a
 * file behaves as a file does: a program that opens /dev/stdout anew with truncation (a shell's
 * `>/dev/stderr`) empties it. For programs that may do so: `pipe`.
 *
 * Nesting: Captures nest; the innermost has the text. They may end in any order: what is left
 * then leads to where it would without the one that ended.
 *
 * Threads: Begin and end may be called by any thread. What a thread prints at the moment of
 * beginning or ending is in the capture or on the original, but never parted: a call of printf
 * or write(2) is in one of them as a whole, when its stream flushes as a whole.
 *
 * Fork: A child writes into its parent's capture. Ending or closing the child's copy of the
 * handle gives the child its own streams back and leaves the parent's alone; the text is the
 * parent's (MAYFLY_E_FORKED). A child that goes on printing after the parent has ended writes
 * to a file nobody reads; or with the pipe, gets SIGPIPE (EPIPE), and a forked child that
 * executes nothing may block when the pipe is full, as it holds the other end: it should end
 * its copy. What stdio holds at a fork both processes print: fflush(3) before, as ever.
 *
 * Children: What a child process has written when mayfly_capture_end is called is in the text.
 * Wait for children whose text is wanted.
 *
 * Exit: exit(3) and return from main end a capture: what is printed afterwards, and what `tee`
 * has still to copy, arrives. The text in memory goes with the process.
 *
 * Closed: A stream that was closed before is captured as well, and closed afterwards. A stream
 * that somebody closes or redirects during the capture is what it was before, afterwards.
 */
#ifndef MAYFLY_CAPTURE_H
#define MAYFLY_CAPTURE_H

#include <mayfly/file.h>

MAYFLY_BEGIN_DECLS

typedef struct mayfly_capture mayfly_capture;

/* Which streams; to be combined. */
enum {
    MAYFLY_STDOUT = 1u << 0, /* descriptor 1 */
    MAYFLY_STDERR = 1u << 1, /* descriptor 2 */
};

/* What to do with more than max_bytes. What prints never notices. */
typedef enum mayfly_capture_full {
    MAYFLY_CAPTURE_FAIL = 0,    /* the first max_bytes are kept; ending gives MAYFLY_E_LIMIT */
    MAYFLY_CAPTURE_DROP_OLDEST, /* the last max_bytes are kept */
    MAYFLY_CAPTURE_DROP_NEWEST, /* the first max_bytes are kept */
} mayfly_capture_full;

/* Is called for each line, with its '\n', as soon as it is complete; for the last one without a
 * '\n' at the end of the capture; for a line of more than 1 MiB in pieces. `stream` is
 * MAYFLY_STDOUT or MAYFLY_STDERR, or both when they are merged. The line is the library's and has
 * no NUL.
 *
 * It is called by a thread of the library's, in which signals are blocked, one call at a time. It
 * must neither end the capture nor print to a stream that is captured, whose reader it holds up:
 * mayfly_capture_original is the way out. Nor can it ask for the text (-EDEADLK). */
typedef void mayfly_capture_line(void *context, unsigned stream, const char *line, size_t size);

/* Zero and NULL mean the default. Sizes are for each stream, or for both when they are merged. */
typedef struct mayfly_capture_options {
    bool merge;          /* both streams into one text, in the order in which they were written */
    bool tee;            /* also to where it would have gone; merged: to the standard output */
    bool pipe;           /* a pipe in any case */
    uint64_t max_memory; /* bytes to hold in memory, beyond which the text goes to an unnamed file
                            on disk; 0: all of it in memory */
    uint64_t max_bytes;  /* bytes to keep at all; 0: no limit */
    mayfly_capture_full full;
    mayfly_capture_line *on_line;
    void *context;   /* for on_line */
    const char *dir; /* for max_memory: existing directory; NULL: as `place` says */
    mayfly_place place;
} mayfly_capture_options;

/* Begins a capture.
 *
 * streams    MAYFLY_STDOUT, MAYFLY_STDERR or both
 * options    NULL: all defaults
 * ret        receives the handle
 *
 * Ownership: the caller closes the handle; `dir` is copied.
 * Errors:    on failure both streams are what they were
 *            -EINVAL  no such stream, `merge` without both, an unknown `full`
 *            -ENOSPC, -EIO, ...   what was printed before could not be flushed to where it belongs
 *            -EMFILE, -ENFILE     no descriptor is left
 *            -EAGAIN              no thread can be made
 *            MAYFLY_E_OPTION, -ENOMEM
 * Safety:    thread any | fork any | signal no
 * Since:     0.1 (contract C1) */
#define mayfly_capture(streams, ...)                                                               \
    mayfly_capture_sized(sizeof(mayfly_capture_options), streams, __VA_ARGS__)
MAYFLY_API MAYFLY_MUST_CHECK int mayfly_capture_sized(size_t options_size, unsigned streams,
                                                      const mayfly_capture_options *options,
                                                      mayfly_capture **ret, mayfly_error *error);

/* Ends the capture: the streams are what they were, whatever is returned here, and the text is
 * complete. Once more does nothing and returns 0.
 *
 * Errors:    the first that went wrong, all of the above being done all the same:
 *            MAYFLY_E_LIMIT       there was more than max_bytes (MAYFLY_CAPTURE_FAIL)
 *            -ENOSPC, -EDQUOT, -EFBIG, -EIO, -ENOMEM   a part of the text could not be kept; what
 *                                 is there is the beginning
 *            -EPIPE, -EIO, ...    `tee` could not write; the text is complete
 *            what dup3(2) says    the stream could not be restored, after several attempts
 * Safety:    thread one-object | fork: gives the child its own streams back, 0 | signal no
 * Since:     0.1 */
MAYFLY_API int mayfly_capture_end(mayfly_capture *capture, mayfly_error *error);

/* Ends the capture if it goes on, and the handle, with its text and its files.
 *
 * capture    the address of the handle, which becomes NULL in every case; NULL twice over is fine
 *
 * Errors:    as mayfly_capture_end
 * Safety:    thread one-object | fork: as mayfly_capture_end | signal no
 * Since:     0.1 */
MAYFLY_API int mayfly_capture_close(mayfly_capture **capture, mayfly_error *error);
MAYFLY_API void mayfly_capture_auto(mayfly_capture **capture);

/* The text of a stream; during the capture what was printed so far, stdio's buffers included.
 *
 * stream     MAYFLY_STDOUT or MAYFLY_STDERR; merged: any of the two or both
 * ret        receives the text, with a NUL after it; it may hold others
 * ret_size   receives its size in bytes; NULL: not wanted
 *
 * Ownership: the handle's, until the next such call for the stream, or until it is closed.
 * Errors:    -EINVAL  the stream is not captured, or both are and apart
 *            -EDEADLK on_line asks, for which the text would have to wait
 *            -ENOMEM, -EIO
 *            MAYFLY_E_FORKED in a forked child
 * Safety:    thread one-object | fork: MAYFLY_E_FORKED in the child | signal no
 * Since:     0.1 */
MAYFLY_API int mayfly_capture_text(mayfly_capture *capture, unsigned stream, const char **ret,
                                   size_t *ret_size, mayfly_error *error);

/* The text of a stream as a file, with the position at its start: to be read, searched, or made
 * permanent (mayfly_file_persist). For texts that are too large for memory.
 *
 * Ownership: the handle's; do not close it.
 * Errors:    -EBUSY   the capture has not ended
 *            as mayfly_capture_text; after MAYFLY_CAPTURE_DROP_OLDEST as mayfly_file_write
 * Safety:    thread one-object | fork: MAYFLY_E_FORKED in the child | signal no
 * Since:     0.1 */
MAYFLY_API int mayfly_capture_file(mayfly_capture *capture, unsigned stream, mayfly_file **ret,
                                   mayfly_error *error);

/* How many bytes of a stream are not in the text, for max_bytes or because they could not be kept;
 * complete after the end. Errors: -EINVAL, MAYFLY_E_FORKED as mayfly_capture_text.
 * Safety: thread one-object | fork: MAYFLY_E_FORKED in the child | signal no. Since: 0.1 */
MAYFLY_API int64_t mayfly_capture_dropped(mayfly_capture *capture, unsigned stream,
                                          mayfly_error *error);

/* A descriptor for where the stream would lead without this capture: for messages that are not to
 * be caught. Valid until the capture ends. Ownership: the handle's.
 * Errors: -EINVAL as mayfly_capture_text; -EBADF the stream was closed, or the capture has ended.
 * Safety: thread any | fork any | signal no. Since: 0.1 */
MAYFLY_API int mayfly_capture_original(const mayfly_capture *capture, unsigned stream,
                                       mayfly_error *error);

MAYFLY_END_DECLS

#endif
