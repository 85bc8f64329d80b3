/* SPDX-License-Identifier: MIT
 *
 * A FILE over a file.
 *
 * States      HANDLE's turn <-> STREAM's turn. Entering an operation of the handle empties the
 *             stream and takes its position over; leaving it, the stream is set to where the
 *             handle is (POSIX, 2.5.1 "Interaction of File Descriptors and Standard I/O Streams").
 * Kinds       over a plain binary file on disk: fdopen on a duplicate of the descriptor; over
 *             anything else: cookie functions that call the handle.
 * Why two     a stream with a real descriptor can be given to what asks for fileno(3); a spool has
 *             no descriptor, and with one its limit would be passed unnoticed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio_ext.h>
#include <stdlib.h>

#include "file.h"

struct mfi_stream {
    FILE *fp;
    int fd;     /* >= 0: the duplicate under it */
    int inside; /* a cookie function is at work: the handle is not entered twice */

    /* text: the last piece that the stream was given, and where it began in the file */
    int64_t piece_at;
    int64_t piece_size;
};

/* ---- cookie functions ------------------------------------------------------------------------ */

static ssize_t cookie_result(mayfly_file *file, int64_t result) {
    file->stream->inside = 0;
    if (result >= 0)
        return (ssize_t)result;
    errno = result > -4096 ? (int)-result : EIO;
    return -1;
}

static ssize_t cookie_read(void *cookie, char *data, size_t size) {
    mayfly_file *file = cookie;
    file->stream->inside = 1;
    file->stream->piece_at = mayfly_file_tell(file, NULL);
    file->stream->piece_size = mayfly_file_read(file, data, size, NULL);
    return cookie_result(file, file->stream->piece_size);
}

/* fopencookie(3): a write function returns 0 for an error, never a negative value. */
static ssize_t cookie_write(void *cookie, const char *data, size_t size) {
    mayfly_file *file = cookie;
    file->stream->inside = 1;
    const int r = mayfly_file_write(file, data, size, NULL);
    return cookie_result(file, r) < 0 ? 0 : (ssize_t)size;
}

/* A stream gives back what was not read of its buffer by a step backwards. In a text file a step
 * in bytes of UTF-8 means nothing: the piece is read again, up to there. */
static int64_t give_back(mayfly_file *file, int64_t step) {
    const int64_t keep = file->stream->piece_size + step;
    if (step >= 0 || keep < 0)
        return mayfly_file_seek(file, step, SEEK_CUR, NULL);
    const int64_t r = mayfly_file_seek(file, file->stream->piece_at, SEEK_SET, NULL);
    return r < 0 ? r : mfi_text_skip(file, keep, NULL);
}

static int cookie_seek(void *cookie, off64_t *offset, int whence) {
    mayfly_file *file = cookie;
    file->stream->inside = 1;
    const int64_t at = file->text != NULL && whence == SEEK_CUR
                           ? give_back(file, *offset)
                           : mayfly_file_seek(file, *offset, whence, NULL);
    if (at >= 0)
        *offset = (off64_t)at;
    return cookie_result(file, at < 0 ? at : 0) < 0 ? -1 : 0;
}

/* ---- opening --------------------------------------------------------------------------------- */

static const char *stream_mode(const mayfly_file *file) {
    const uint32_t readable = file->flags & MFI_READABLE;
    if ((file->flags & MFI_APPEND) != 0)
        return readable ? "a+" : "a";
    if ((file->flags & MFI_WRITABLE) == 0)
        return "r";
    return readable ? "r+" : "w"; /* fdopen and fopencookie truncate nothing */
}

static int open_over_descriptor(mayfly_file *file, struct mfi_stream *stream, mayfly_error *error) {
    mfi_auto_fd fd = mfi_sys.dup(file->store.disk.fd, 3);
    if (fd < 0)
        return mfi_fail_call(error, fd, "fcntl", mfi_file_label(file), -1);
    stream->fp = fdopen(fd, stream_mode(file));
    if (stream->fp == NULL)
        return mfi_fail_call(error, -errno, "fdopen", mfi_file_label(file), -1);
    stream->fd = mfi_take_fd(&fd);
    file->flags |= MFI_FD_SHOWN;
    return 0;
}

static int open_over_handle(mayfly_file *file, struct mfi_stream *stream, mayfly_error *error) {
    const cookie_io_functions_t functions = {cookie_read, cookie_write, cookie_seek, NULL};
    stream->fp = fopencookie(file, stream_mode(file), functions);
    if (stream->fp == NULL)
        return mfi_fail_memory(error, BUFSIZ);
    return 0;
}

int mayfly_file_stream(mayfly_file *file, FILE **ret, mayfly_error *error) {
    int r = mfi_file_enter(file, 0, "stream", error);
    if (r == 0 && file->stream == NULL)
        r = mfi_file_settle(file, 0, error);
    if (r < 0)
        return r;
    if (file->stream == NULL) {
        mfi_auto_free struct mfi_stream *stream = mfi_sys.calloc(1, sizeof *stream);
        if (stream == NULL)
            return mfi_fail_memory(error, sizeof *stream);
        stream->fd = -1;
        const int plain = file->store.base.ops == &mfi_disk_ops && file->text == NULL;
        r = plain ? open_over_descriptor(file, stream, error)
                  : open_over_handle(file, stream, error);
        if (r < 0)
            return r;
        file->stream = mfi_take(stream);
    }
    r = mfi_file_leave(file, error);
    if (r < 0)
        return r;
    *ret = file->stream->fp;
    return 0;
}

/* ---- taking turns ---------------------------------------------------------------------------- */

int mfi_stream_enter(mayfly_file *file, mayfly_error *error) {
    struct mfi_stream *stream = file->stream;
    if (stream->inside || file->process != mfi_process())
        return 0;
    stream->inside = stream->fd < 0;
    const int r = fflush(stream->fp);
    const int code = r == 0 ? 0 : -errno;
    stream->inside = 0;
    if (code < 0)
        return mfi_fail_call(error, code, "fflush", mfi_file_label(file),
                             stream->fd < 0 ? -1 : stream->fd);
    if (stream->fd < 0)
        return 0;
    const off_t at = mfi_sys.lseek(stream->fd, 0, SEEK_CUR);
    if (at < 0)
        return mfi_fail_call(error, (int)at, "lseek", mfi_file_label(file), -1);
    file->position = at;
    mfi_raw_forget(file);
    file->store.disk.accepted = -1; /* the stream writes past us */
    return 0;
}

int mfi_stream_leave(mayfly_file *file, mayfly_error *error) {
    struct mfi_stream *stream = file->stream;
    if (stream->inside || file->process != mfi_process())
        return 0;
    int r = 0;
    if (stream->fd >= 0)
        r = mfi_raw_flush(file, error);
    if (r < 0)
        return r;
    const int64_t at = file->text != NULL ? mfi_text_tell(file, error) : file->position;
    if (at < 0)
        return (int)at;
    if (fseeko(stream->fp, (off_t)at, SEEK_SET) != 0)
        return mfi_fail_call(error, -errno, "fseeko", mfi_file_label(file), -1);
    return 0;
}

/* What stdio could not write it forgets, and says so by the flag only. */
int mfi_stream_check(const mayfly_file *file, mayfly_error *error) {
    const struct mfi_stream *stream = file->stream;
    if (stream == NULL || stream->inside || (file->flags & MFI_WRITABLE) == 0 ||
        !ferror(stream->fp))
        return 0;
    return mfi_fail(error, -EIO, "stream", mfi_file_label(file),
                    "something that was printed to its stream was not written, and is lost; "
                    "clearerr(3) says that it was printed again");
}

void mfi_stream_follow(const mayfly_file *file, int fd) {
    const struct mfi_stream *stream = file->stream;
    if (stream == NULL || stream->fd < 0)
        return;
    (void)mfi_sys.dup_to(fd, stream->fd, mfi_sys.is_inherited(stream->fd) > 0);
    if ((file->flags & MFI_APPEND) != 0)
        (void)mfi_sys.set_append(stream->fd); /* as fdopen(3) did */
}

int mfi_stream_close(mayfly_file *file, int discard, mayfly_error *error) {
    if (file->stream == NULL)
        return 0;
    struct mfi_stream *stream = file->stream;
    if (discard)
        __fpurge(stream->fp); /* a forked child: what is in it the parent writes */
    const int failed = discard ? 0 : mfi_stream_check(file, error);
    const int r = fclose(stream->fp);
    const int code = r == 0 || discard ? 0 : -errno;
    free(stream);
    file->stream = NULL;
    if (failed < 0)
        return failed;
    return code < 0 ? mfi_fail_call(error, code, "fclose", mfi_file_label(file), -1) : 0;
}
