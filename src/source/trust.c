/* SPDX-License-Identifier: MIT
 *
 * Reading a file that is about to become a part of this process.
 *
 * Invariant   what is checked is what is read: the descriptor. The path is not used again.
 * Links       on the way to the directory are followed as the kernel does; it is the directory that
 *             is reached, and all above it, that must be safe from others' renaming.
 */
#define _GNU_SOURCE
#include <fcntl.h>

#include "load.h"

static const uint64_t most_bytes = (uint64_t)64 << 20;

static const char operation[] = "load source", way_out[] = ".any_owner of the options";

/* One in which only this user and root can rename or replace what this user has. */
static int check_directory(const struct stat *st, const char *path, mayfly_error *error) {
    if (st->st_uid != mfi_sys.geteuid() && st->st_uid != 0)
        return mfi_fail(error, -EPERM, operation, path,
                        "a directory above it belongs to user %u, who can put another file there; "
                        "if that is meant, say %s",
                        (unsigned)st->st_uid, way_out);
    if ((st->st_mode & 022) != 0 && (st->st_mode & S_ISVTX) == 0)
        return mfi_fail(error, -EPERM, operation, path,
                        "others may rename in a directory above it (mode %04o); move it, or if "
                        "that is meant, say %s",
                        (unsigned)st->st_mode & 07777, way_out);
    return 0;
}

/* From the directory up to the root, which is its own parent. */
static int check_way(int dir, const char *path, mayfly_error *error) {
    enum { DEEPEST = 4096 };
    mfi_auto_fd held = -1;
    struct stat st, above;
    int r = mfi_sys.fstat(dir, &st);
    for (int at = dir, level = 0; r == 0 && level < DEEPEST; level++) {
        r = check_directory(&st, path, error);
        if (r < 0)
            return r;
        const int up = mfi_sys.openat(at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
        if (up < 0)
            return mfi_fail_call(error, up, "openat", path, -1);
        mfi_close_fd(&held);
        at = held = up;
        r = mfi_sys.fstat(up, &above);
        if (r == 0 && above.st_dev == st.st_dev && above.st_ino == st.st_ino)
            return 0;
        st = above;
    }
    return r < 0 ? mfi_fail_call(error, r, "fstat", path, -1)
                 : mfi_fail(error, -ELOOP, operation, path, "its directory has no end");
}

static int check_file(const struct stat *st, const char *path,
                      const mayfly_load_source_options *options, mayfly_error *error) {
    const uint64_t most = options->max_bytes != 0 ? options->max_bytes : most_bytes;
    const int r = mfi_check_owner(st, operation, path, options->any_owner ? NULL : way_out, error);
    if (r < 0)
        return r;
    if (!options->any_owner && st->st_nlink != 1)
        return mfi_fail(error, -EMLINK, operation, path,
                        "it has %llu names, and may be changed under another one; copy it, or if "
                        "that is meant, say %s",
                        (unsigned long long)st->st_nlink, way_out);
    if ((uint64_t)st->st_size > most)
        return mfi_fail(error, MAYFLY_E_LIMIT, operation, path,
                        "it has %lld bytes, more than the %llu that .max_bytes allows",
                        (long long)st->st_size, (unsigned long long)most);
    return 0;
}

/* As many bytes as it had when it was checked. */
static int read_all(int fd, size_t size, const char *path, struct mfi_buffer *ret,
                    mayfly_error *error) {
    int r = mfi_buffer_reserve(ret, size);
    if (r < 0)
        return mfi_fail_memory(error, size);
    ret->data[0] = '\0';
    while (ret->size < size) {
        const ssize_t n = mfi_sys.read(fd, ret->data + ret->size, size - ret->size);
        if (n < 0)
            return mfi_fail_call(error, (int)n, "read", path, fd);
        if (n == 0)
            break;
        ret->size += (size_t)n;
        ret->data[ret->size] = '\0';
    }
    return 0;
}

int mfi_trust_read(const char *path, const mayfly_load_source_options *options,
                   struct mfi_buffer *ret, mayfly_error *error) {
    const char *base;
    struct stat st;
    mfi_auto_fd dir = mfi_open_parent(path, &base, error);
    if (dir < 0)
        return dir;
    int r = options->any_owner ? 0 : check_way(dir, path, error);
    if (r < 0)
        return r;
    mfi_auto_fd fd =
        mfi_sys.openat(dir, base, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0);
    if (fd == -ELOOP)
        return mfi_fail(error, -ELOOP, operation, path,
                        "it is a symbolic link; load what it leads to by its own name");
    if (fd < 0)
        return mfi_fail_input(error, fd, path);
    r = mfi_sys.fstat(fd, &st);
    if (r < 0)
        return mfi_fail_call(error, r, "fstat", path, -1);
    r = check_file(&st, path, options, error);
    return r < 0 ? r : read_all(fd, (size_t)st.st_size, path, ret, error);
}
