/* SPDX-License-Identifier: MIT
 *
 * Reading files as a whole: sources, headers, lists of commands.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>

#include "read.h"
#include "tokens.h"

static int read_all(int fd, char *to, size_t size, size_t *ret_size) {
    size_t done = 0;
    while (done < size) {
        const ssize_t n = mfi_sys.read(fd, to + done, size - done);
        if (n < 0)
            return (int)n;
        if (n == 0)
            break;
        done += (size_t)n;
    }
    *ret_size = done;
    return 0;
}

static int64_t when(const struct stat *st) {
    return (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

int mfi_read_text(const char *path, struct mfi_text *ret, mayfly_error *error) {
    struct stat st;
    mfi_auto_fd fd =
        mfi_sys.openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0);
    if (fd < 0)
        return mfi_fail_call(error, fd, "openat", path, -1);
    int r = mfi_sys.fstat(fd, &st);
    if (r < 0)
        return mfi_fail_call(error, r, "fstat", path, -1);
    if (!S_ISREG(st.st_mode))
        return mfi_fail(error, -EINVAL, "read", path, "it is no regular file");
    if (st.st_size > MFI_SOURCE_MOST)
        return mfi_fail(error, -EFBIG, "read", path, "it is too large for a source file");
    struct mfi_text text = {.device = st.st_dev, .inode = st.st_ino, .changed = when(&st)};
    text.data = mfi_sys.malloc((size_t)st.st_size + 1);
    if (text.data == NULL)
        return mfi_fail_memory(error, (size_t)st.st_size + 1);
    r = read_all(fd, text.data, (size_t)st.st_size, &text.size);
    if (r < 0) {
        free(text.data);
        return mfi_fail_call(error, r, "read", path, -1);
    }
    text.data[text.size] = '\0';
    *ret = text;
    return 0;
}

bool mfi_same_file(const char *a, const char *b) {
    struct stat one, two;
    return mfi_sys.fstatat(AT_FDCWD, a, &one, 0) == 0 &&
           mfi_sys.fstatat(AT_FDCWD, b, &two, 0) == 0 && one.st_dev == two.st_dev &&
           one.st_ino == two.st_ino;
}

int64_t mfi_changed(const char *path) {
    struct stat st;
    const int r = mfi_sys.fstatat(AT_FDCWD, path, &st, 0);
    return r < 0 ? r : when(&st);
}
