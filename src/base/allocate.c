/* SPDX-License-Identifier: MIT
 *
 * Room for a file before it is written: the entry of the table of system calls (sys.c) that takes
 * several of them.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys.h"

/* It would grow beyond the limit of the process on a file's size. To try it is SIGXFSZ, which ends
 * a process that may not even know that it has such a file (a journal). */
static int is_beyond_limit(int fd, int64_t size) {
    struct rlimit limit;
    struct stat st;
    return getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
           (rlim_t)size > limit.rlim_cur && fstat(fd, &st) == 0 && st.st_size < size;
}

static int reserve(int fd, int64_t size) {
    int result;
    do
        result = fallocate(fd, 0, 0, size);
    while (result < 0 && errno == EINTR);
    return result < 0 ? -errno : 0;
}

/* Where the file system cannot reserve, zeros are written: that is room as well. */
int mfi_sys_allocate(int fd, int64_t size) {
    struct stat st;
    static const char zeros[4096];
    if (is_beyond_limit(fd, size))
        return -EFBIG;
    const int result = reserve(fd, size);
    if (result != -EOPNOTSUPP && result != -ENOSYS && result != -EINVAL)
        return result;
    if (fstat(fd, &st) < 0)
        return -errno;
    for (int64_t at = st.st_size; at < size;) {
        const int64_t rest = size - at;
        const size_t step = rest < (int64_t)sizeof zeros ? (size_t)rest : sizeof zeros;
        const ssize_t n = pwrite(fd, zeros, step, at);
        if (n < 0 && errno != EINTR)
            return -errno;
        at += n > 0 ? n : 0;
    }
    return 0;
}
