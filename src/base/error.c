/* SPDX-License-Identifier: MIT
 *
 * Codes, sentences, and the struct in which a caller receives them.
 *
 * Invariant   *error is written only when something failed, and then in full.
 */
#define _GNU_SOURCE
#include "base.h"

#include <inttypes.h>
#include <stdio.h>

static const char *own_text(int code) {
    switch (code) {
#define CASE(name, value, text)                                                                    \
    case name:                                                                                     \
        return text;
        MAYFLY_ERROR_CODES(CASE)
#undef CASE
    default:
        return NULL;
    }
}

/* strerror_r has two forms; the result type picks the right reading of it. */
static const char *from_gnu(const char *result, const char *buffer) {
    (void)buffer;
    return result;
}

static const char *from_posix(int result, const char *buffer) {
    return result == 0 ? buffer : "unknown error";
}

#define SYSTEM_TEXT(code, buffer, size)                                                            \
    _Generic(strerror_r(0, (buffer), (size)), char * : from_gnu, int : from_posix)(                \
        strerror_r((code), (buffer), (size)), (buffer))

const char *mayfly_strerror(int code, char *buffer, size_t size) {
    const char *text = own_text(code);
    if (size == 0)
        return buffer;
    if (text == NULL) {
        char system[160] = "";
        text = SYSTEM_TEXT(code < 0 ? -code : code, system, sizeof system);
        (void)snprintf(buffer, size, "%s", text);
        return buffer;
    }
    (void)snprintf(buffer, size, "%s", text);
    return buffer;
}

static void copy_tail(char *to, size_t size, const char *from) {
    const size_t length = strlen(from);
    if (length < size) {
        memcpy(to, from, length + 1);
        return;
    }
    (void)snprintf(to, size, "...%s", from + length - (size - 4));
}

static void fill(mayfly_error *error, int code, const char *operation, const char *path,
                 int64_t offset, const char *format, va_list arguments) {
    memset(error, 0, sizeof *error);
    error->code = code;
    error->offset = offset;
    (void)snprintf(error->operation, sizeof error->operation, "%s", operation);
    if (path != NULL)
        copy_tail(error->path, sizeof error->path, path);

    char *to = error->message;
    size_t room = sizeof error->message;
    int n = snprintf(to, room, "%s", operation);
    if (n > 0 && path != NULL && path[0] != '\0')
        n += snprintf(to + n, room - (size_t)n, " \"%s\"", error->path);
    if (n > 0 && offset >= 0)
        n += snprintf(to + n, room - (size_t)n, ": byte %" PRId64, offset);
    if (n > 0)
        n += snprintf(to + n, room - (size_t)n, ": ");
    if (n < 0 || (size_t)n >= room)
        return;
    if (format == NULL)
        (void)mayfly_strerror(code, to + n, room - (size_t)n);
    else
        (void)vsnprintf(to + n, room - (size_t)n, format, arguments);
}

int mfi_fail(mayfly_error *error, int code, const char *operation, const char *path,
             const char *format, ...) {
    if (error != NULL) {
        va_list arguments;
        va_start(arguments, format);
        fill(error, code, operation, path, -1, format, arguments);
        va_end(arguments);
    }
    return code;
}

int mfi_fail_at(mayfly_error *error, int code, const char *operation, const char *path,
                int64_t offset, const char *format, ...) {
    if (error != NULL) {
        va_list arguments;
        va_start(arguments, format);
        fill(error, code, operation, path, offset, format, arguments);
        va_end(arguments);
    }
    return code;
}

int mfi_fail_memory(mayfly_error *error, size_t size) {
    return mfi_fail(error, -ENOMEM, "malloc", NULL, "no memory for %zu bytes", size);
}

/* What a person can do about it; the text of the errno stands before. */
static const struct {
    int code;
    const char *advice;
} advices[] = {
    {EACCES, "; the user of this process may not do this there: choose another directory or mode"},
    {EROFS, "; choose a directory on a file system that can be written"},
    {ENOTDIR, "; a component of the path is no directory"},
    {ENOENT, "; it must exist already: create it, or name another"},
    {EMFILE, "; this process has too many open files: close some, or raise RLIMIT_NOFILE"},
    {ENFILE, "; the system has too many open files"},
    {ENAMETOOLONG, "; choose a shorter name"},
    {ELOOP, "; the path has too many symbolic links"},
    {EXDEV, "; the two lie on different file systems"},
    {EEXIST, "; it exists and was left as it is"},
    {EBUSY, "; it is in use, or a mount point"},
};

static void describe_space(int code, int fd, char *text, size_t size) {
    struct mfi_filesystem fs;
    if (fd < 0 || mfi_sys.statfs(fd, &fs) < 0) {
        (void)snprintf(text, size, "; make room there, or name another directory");
        return;
    }
    const char *what = code == -EFBIG ? "the limit on a file's size is reached" : "make room there";
    (void)snprintf(text, size,
                   " (%s: %" PRIu64 " bytes and %" PRIu64
                   " inodes free); %s, or name a directory elsewhere (TMPDIR, dir, fallback_dirs)",
                   fs.type, fs.free_bytes, fs.free_inodes, what);
}

int mfi_fail_call(mayfly_error *error, int code, const char *operation, const char *path, int fd) {
    if (error == NULL)
        return code;
    char reason[160];
    char advice[320] = "";
    (void)mayfly_strerror(code, reason, sizeof reason);
    if (code == -ENOSPC || code == -EDQUOT || code == -EFBIG)
        describe_space(code, fd, advice, sizeof advice);
    for (size_t i = 0; i < MFI_LENGTH(advices); i++)
        if (advices[i].code == -code)
            (void)snprintf(advice, sizeof advice, "%s", advices[i].advice);
    return mfi_fail(error, code, operation, path, "%s%s", reason, advice);
}
