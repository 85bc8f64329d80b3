/* SPDX-License-Identifier: MIT
 *
 * What stdio holds back of the standard output and the standard error.
 *
 * Why not fflush(NULL)    it waits for every stream, also for one that another thread reads from.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdio_ext.h>
#include <unistd.h>

#include "base.h"

static FILE *stream_of(int fd) {
    return fd == STDOUT_FILENO ? stdout : stderr;
}

void mfi_stdio_lock(int fd) {
    flockfile(stream_of(fd));
}

void mfi_stdio_unlock(int fd) {
    funlockfile(stream_of(fd));
}

int mfi_stdio_flush(int fd) {
    FILE *stream = stream_of(fd);
    const int failed_before = ferror(stream);
    errno = 0;
    if (fflush(stream) == 0)
        return 0;
    const int code = errno == 0 ? -EIO : -errno;
    if (!failed_before)
        clearerr(stream);
    return code;
}

void mfi_stdio_forget(int fd) {
    __fpurge(stream_of(fd));
}

/* Whether lines are flushed is decided when the first text is printed, by what the descriptor is
 * then. glibc has no buffer until then; musl has one and says that it flushes lines. The standard
 * error has no buffer unless somebody gave it one. */
void mfi_stdio_keep_lines(int fd) {
    FILE *stream = stream_of(fd);
    if (stream == stdout && (__fbufsize(stream) == 0 || __flbf(stream)))
        (void)setvbuf(stream, NULL, _IOLBF, 0);
}
