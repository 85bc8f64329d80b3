/* SPDX-License-Identifier: MIT
 *
 * Names and paths: what may become a file name, and where a path lies.
 */
#define _GNU_SOURCE
#include "base.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>

int mfi_check_name_part(const char *part, const char *value, mayfly_error *error) {
    if (value == NULL)
        return 0;
    if (strchr(value, '/') != NULL)
        return mfi_fail(error, -EINVAL, part, value,
                        "a %s may hold no '/': it would lead out of the directory; "
                        "name the directory with dir",
                        part);
    /* Room for the random characters is part of the limit, whatever the other part is. */
    if (strlen(value) > NAME_MAX - MFI_NAME_RANDOM)
        return mfi_fail(error, -EINVAL, part, value,
                        "longer than the %d bytes that a name has for it",
                        NAME_MAX - MFI_NAME_RANDOM);
    return 0;
}

int mfi_check_name(const char *name, mayfly_error *error) {
    if (name == NULL || name[0] == '\0')
        return mfi_fail(error, -EINVAL, "name", NULL, "a name must not be empty");
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return mfi_fail(error, -EINVAL, "name", name, "is a directory's own name, not a file's");
    if (strchr(name, '/') != NULL)
        return mfi_fail(error, -EINVAL, "name", name,
                        "a name may hold no '/': it would lead out of the directory");
    if (strlen(name) > NAME_MAX)
        return mfi_fail(error, -EINVAL, "name", name, "longer than the %d bytes of a name",
                        NAME_MAX);
    return 0;
}

int mfi_absolute(const char *path, char **ret, mayfly_error *error) {
    char *absolute = NULL;
    if (path[0] == '/') {
        absolute = mfi_strdup(path);
    } else {
        char cwd[PATH_MAX];
        const int r = mfi_sys.getcwd(cwd, sizeof cwd);
        if (r < 0)
            return mfi_fail_call(error, r, "getcwd", path, -1);
        const char *slash = strcmp(cwd, "/") == 0 ? "" : "/";
        absolute =
            strcmp(path, ".") == 0 ? mfi_strdup(cwd) : mfi_format("%s%s%s", cwd, slash, path);
    }
    if (absolute == NULL)
        return mfi_fail_memory(error, strlen(path));
    *ret = absolute;
    return 0;
}

int mfi_open_parent(const char *path, const char **ret_base, mayfly_error *error) {
    const char *slash = strrchr(path, '/');
    const char *base = slash == NULL ? path : slash + 1;
    const int r = mfi_check_name(base, NULL);
    if (r < 0)
        return mfi_fail(error, r, "path", path, "does not end in a file's name");
    mfi_auto_free char *dir = NULL;
    if (slash != NULL) {
        const size_t length = slash == path ? 1 : (size_t)(slash - path);
        dir = mfi_format("%.*s", (int)length, path);
        if (dir == NULL)
            return mfi_fail_memory(error, length);
    }
    const char *where = dir == NULL ? "." : dir;
    /* Readable and not O_PATH, because a directory that is to be synced must be opened so. */
    const int fd = mfi_sys.openat(AT_FDCWD, where, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (fd >= 0 || fd != -EACCES) {
        if (fd < 0)
            return mfi_fail_call(error, fd, "openat", where, -1);
        *ret_base = base;
        return fd;
    }
    const int by_path = mfi_sys.openat(AT_FDCWD, where, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
    if (by_path < 0)
        return mfi_fail_call(error, by_path, "openat", where, -1);
    *ret_base = base;
    return by_path;
}

/* NULL: it is what may be replaced. */
static const char *special_kind(mode_t mode) {
    return S_ISCHR(mode) || S_ISBLK(mode) ? "a device"
           : S_ISFIFO(mode)               ? "a pipe"
           : S_ISSOCK(mode)               ? "a socket"
                                          : NULL;
}

int mfi_check_replaced(int dir, const char *name, const struct stat *st, const char *operation,
                       const char *path, mayfly_error *error) {
    static const char proc[] = "/proc/";
    char text[sizeof proc] = "";
    struct stat end;
    const char *kind = special_kind(st->st_mode);
    if (kind != NULL)
        return mfi_fail(error, -EINVAL, operation, path,
                        "is %s, and a file would take its place; write to it instead", kind);
    if (!S_ISLNK(st->st_mode))
        return 0;
    if (mfi_sys.fstatat(dir, name, &end, 0) == 0)
        kind = special_kind(end.st_mode);
    if (mfi_sys.readlinkat(dir, name, text, sizeof text - 1) > 0 && strcmp(text, proc) == 0)
        kind = "a descriptor";
    if (kind == NULL)
        return 0;
    return mfi_fail(error, -EINVAL, operation, path,
                    "is a link to %s, and a file would take its place; write to it instead, or "
                    "remove it first",
                    kind);
}

int mfi_each_entry(int fd, int (*visit)(const struct mfi_dirent *entry, void *context),
                   void *context) {
    enum { ENTRIES = 32 * 1024 };
    mfi_auto_free char *entries = mfi_sys.malloc(ENTRIES);
    if (entries == NULL)
        return -ENOMEM;
    off_t begin = mfi_sys.lseek(fd, 0, SEEK_SET);
    ssize_t n = begin < 0 ? (ssize_t)begin : 1;
    while (n > 0) {
        n = mfi_sys.getdents(fd, entries, ENTRIES);
        for (ssize_t at = 0; at < n;) {
            const struct mfi_dirent *entry =
                (const struct mfi_dirent *)(const void *)(entries + at);
            at += entry->length;
            if (strcmp(entry->name, ".") == 0 || strcmp(entry->name, "..") == 0)
                continue;
            const int r = visit(entry, context);
            if (r != 0)
                return r;
        }
    }
    return (int)n;
}
