/* SPDX-License-Identifier: MIT
 *
 * A directory to work in, and what comes out of it.
 *
 * Invariants  nothing is carried out before all of it lies beside its target: a result that is
 *             missing, or a disk that is full, leaves every target as it was. When a target cannot
 *             be replaced, those before it get their old content back.
 *             With keep_on_error the directory is kept from the beginning, and a temporary one
 *             only after the commit: so also an end of the process in between keeps it.
 */
#define _GNU_SOURCE
#include <mayfly/workspace.h>

#include <fcntl.h>
#include <stdlib.h>

#include "../base/base.h"
#include "undo.h"

struct result {
    char *name;
    char *target; /* absolute */
    unsigned flags;
    mayfly_file *staged; /* beside the target, during a commit */
    struct mfi_undo undo;
};

struct mayfly_workspace {
    mayfly_dir *dir;
    struct result *results;
    size_t count, capacity;
    bool committed;
};

int mayfly_workspace_begin_sized(size_t options_size, const mayfly_workspace_options *options,
                                 mayfly_workspace **ret, mayfly_error *error) {
    mayfly_workspace_options known;
    int r = mfi_options_import(&known, sizeof known, options, options_size, "workspace", error);
    if (r < 0)
        return r;
    if (known.dir.prefix == NULL)
        known.dir.prefix = "work_";
    known.dir.keep = known.dir.keep || known.keep_on_error;
    mfi_auto_free mayfly_workspace *workspace = mfi_sys.calloc(1, sizeof *workspace);
    if (workspace == NULL)
        return mfi_fail_memory(error, sizeof *workspace);
    r = mayfly_temporary_directory(&known.dir, &workspace->dir, error);
    if (r < 0)
        return r;
    *ret = mfi_take(workspace);
    return 0;
}

const char *mayfly_workspace_path(const mayfly_workspace *workspace) {
    return mayfly_dir_path(workspace->dir);
}

mayfly_dir *mayfly_workspace_dir(mayfly_workspace *workspace) {
    return workspace->dir;
}

/* ---- in -------------------------------------------------------------------------------------- */

static int open_source(const char *source, struct stat *st, mayfly_error *error) {
    mfi_auto_fd fd =
        mfi_sys.openat(AT_FDCWD, source, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0);
    if (fd < 0)
        return mfi_fail_call(error, fd, "openat", source, -1);
    const int r = mfi_sys.fstat(fd, st);
    if (r < 0)
        return mfi_fail_call(error, r, "fstat", source, -1);
    if (!S_ISREG(st->st_mode))
        return mfi_fail(error, -EINVAL, "copy_in", source, "is no regular file");
    return mfi_take_fd(&fd);
}

static int copy_bytes(int from, mayfly_file *to, mayfly_error *error) {
    enum { BUFFER = 256 * 1024 };
    mfi_auto_free char *buffer = mfi_sys.malloc(BUFFER);
    if (buffer == NULL)
        return mfi_fail_memory(error, BUFFER);
    for (;;) {
        const ssize_t n = mfi_sys.read(from, buffer, BUFFER);
        if (n < 0)
            return mfi_fail_call(error, (int)n, "read", NULL, -1);
        if (n == 0)
            return 0;
        const int r = mayfly_file_write(to, buffer, (size_t)n, error);
        if (r < 0)
            return r;
    }
}

/* All of a descriptor into an empty file: blocks shared, copied by the kernel, or by hand. */
static int copy_content(int from, mayfly_file *to, mayfly_error *error) {
    enum { STEP = 1 << 30 };
    const int fd = mayfly_file_fd(to, error);
    if (fd < 0)
        return fd;
    if (mfi_sys.reflink(fd, from) == 0)
        return 0;
    ssize_t n = 1;
    int64_t done = 0;
    while (n > 0) {
        n = mfi_sys.copy_file_range(from, fd, STEP);
        done += n > 0 ? n : 0;
    }
    if (n == 0 && done > 0)
        return 0;
    if (n == -ENOSPC || n == -EDQUOT || n == -EIO)
        return mfi_fail_call(error, (int)n, "copy_file_range", mayfly_file_path(to), fd);
    const int r = mayfly_file_truncate(to, 0, error);
    if (r < 0 || mfi_sys.lseek(from, 0, SEEK_SET) < 0)
        return r < 0 ? r : mfi_fail_call(error, -ESPIPE, "lseek", NULL, -1);
    return copy_bytes(from, to, error);
}

static const char *last_component(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

static int make_way(mayfly_workspace *workspace, const char *name, mayfly_error *error) {
    const char *slash = strrchr(name, '/');
    if (slash == NULL)
        return 0;
    mfi_auto_free char *dir = mfi_format("%.*s", (int)(slash - name), name);
    if (dir == NULL)
        return mfi_fail_memory(error, strlen(name));
    const int r = mayfly_dir_mkdir(workspace->dir, dir, error);
    return r == -EEXIST ? 0 : r;
}

int mayfly_workspace_copy_in(mayfly_workspace *workspace, const char *source, const char *name,
                             mayfly_error *error) {
    struct stat st;
    if (name == NULL)
        name = last_component(source);
    mfi_auto_fd from = open_source(source, &st, error);
    if (from < 0)
        return from;
    int r = make_way(workspace, name, error);
    if (r < 0)
        return r;
    mayfly_auto(mayfly_file) to = NULL;
    const uint32_t permissions = (st.st_mode & 0100) != 0 ? 0700 : 0600;
    r = mayfly_dir_file(workspace->dir, name, &(mayfly_file_options){.permissions = permissions},
                        &to, error);
    if (r == 0) {
        r = copy_content(from, to, error);
        if (r < 0) /* half a copy is no input */
            (void)mayfly_file_unkeep(to, NULL);
        const int closed = mayfly_file_close(&to, r < 0 ? NULL : error);
        r = mfi_first(r, closed);
    }
    return r;
}

int mayfly_workspace_link_in(mayfly_workspace *workspace, const char *source, const char *name,
                             mayfly_error *error) {
    struct stat st;
    if (name == NULL)
        name = last_component(source);
    int r = mfi_check_name(name, error);
    if (r < 0)
        return r;
    r = mfi_sys.fstatat(AT_FDCWD, source, &st, 0);
    if (r < 0)
        return mfi_fail_call(error, r, "openat", source, -1);
    mfi_auto_free char *absolute = NULL;
    r = mfi_absolute(source, &absolute, error);
    if (r < 0)
        return r;
    r = mfi_sys.symlinkat(absolute, mayfly_dir_fd(workspace->dir), name);
    return r < 0 ? mfi_fail_call(error, r, "symlinkat", name, -1) : 0;
}

/* ---- out ------------------------------------------------------------------------------------- */

static int need_room(mayfly_workspace *workspace, mayfly_error *error) {
    if (workspace->count < workspace->capacity)
        return 0;
    const size_t capacity = workspace->capacity == 0 ? 8 : workspace->capacity * 2;
    struct result *results = mfi_sys.realloc(workspace->results, capacity * sizeof *results);
    if (results == NULL)
        return mfi_fail_memory(error, capacity * sizeof *results);
    workspace->results = results;
    workspace->capacity = capacity;
    return 0;
}

/* Only what stays below: the same rule as for files that are made there. */
static int check_below(const char *name, mayfly_error *error) {
    for (const char *at = name;; at++) {
        char part[256];
        const size_t size = strcspn(at, "/");
        if (size >= sizeof part)
            return mfi_fail(error, -EINVAL, "carry_out", name, "has a component that is too long");
        memcpy(part, at, size);
        part[size] = '\0';
        if (mfi_check_name(part, NULL) < 0)
            return mfi_fail(error, -EINVAL, "carry_out", name,
                            "must be a path below the workspace, without \"..\"");
        at += size;
        if (*at == '\0')
            return 0;
    }
}

int mayfly_workspace_carry_out(mayfly_workspace *workspace, const char *name, const char *target,
                               unsigned persist_flags, mayfly_error *error) {
    if (workspace->committed)
        return mfi_fail(error, -EPERM, "carry_out", name, "the workspace is committed already");
    int r = check_below(name, error);
    if (r == 0)
        r = need_room(workspace, error);
    mfi_auto_free char *absolute = NULL;
    if (r == 0)
        r = mfi_absolute(target == NULL ? last_component(name) : target, &absolute, error);
    if (r < 0)
        return r;
    mfi_auto_free char *copy = mfi_strdup(name);
    if (copy == NULL)
        return mfi_fail_memory(error, strlen(name));
    workspace->results[workspace->count++] =
        (struct result){mfi_take(copy), mfi_take(absolute), persist_flags, NULL, {0}};
    return 0;
}

/* A copy of the result beside its target; with the result's mode, which persisting narrows to what
 * the target allows. */
static int stage(mayfly_workspace *workspace, struct result *result, mayfly_error *error) {
    mayfly_auto(mayfly_file) from = NULL;
    int r = mayfly_dir_file(workspace->dir, result->name, &(mayfly_file_options){.mode = "rb"},
                            &from, error);
    if (r == -ENOENT)
        return mfi_fail(error, r, "carry_out", result->name,
                        "the work has made no such file in the workspace");
    if (r < 0)
        return r;
    const int fd = mayfly_file_fd(from, error);
    struct stat st;
    r = fd < 0 ? fd : mfi_sys.fstat(fd, &st);
    if (r < 0)
        return mfi_fail_call(error, r, "fstat", result->name, -1);
    const char *base = last_component(result->target);
    mfi_auto_free char *dir = mfi_format("%.*s/", (int)(base - result->target), result->target);
    if (dir == NULL)
        return mfi_fail_memory(error, strlen(result->target));
    const uint32_t mode = (uint32_t)st.st_mode & 0777u;
    mayfly_auto(mayfly_file) to = NULL;
    r = mayfly_named_temporary_file(
        &(mayfly_file_options){.dir = dir, .permissions = mode == 0 ? 0600 : mode}, &to, error);
    if (r == 0)
        r = copy_content(fd, to, error);
    if (r < 0)
        return r;
    result->staged = mfi_take(to);
    return 0;
}

static void unstage(mayfly_workspace *workspace) {
    for (size_t i = 0; i < workspace->count; i++) {
        (void)mfi_undo_end(&workspace->results[i].undo, 0, NULL); /* closing tries again */
        (void)mayfly_file_close(&workspace->results[i].staged, NULL);
    }
}

/* How many of the first `count` targets keep their new content: those that cannot go back. */
static size_t go_back(mayfly_workspace *workspace, size_t count) {
    size_t stay = 0;
    while (count-- > 0) {
        struct result *result = &workspace->results[count];
        stay += mfi_undo_go_back(&result->undo, result->target, result->staged) < 0;
    }
    return stay;
}

static int put_in_place(mayfly_workspace *workspace, size_t *ret_count, mayfly_error *error) {
    size_t count = 0;
    int r = 0;
    for (size_t i = 0; i < workspace->count && r == 0; i++) {
        struct result *result = &workspace->results[i];
        r = mayfly_file_persist(result->staged, result->target, result->flags, NULL, error);
        count += r == 0;
    }
    *ret_count = r == 0 ? count : go_back(workspace, count);
    return r;
}

int mayfly_workspace_commit(mayfly_workspace *workspace, size_t *ret_count, mayfly_error *error) {
    size_t count = 0;
    int r = 0;
    if (workspace->committed)
        return mfi_fail(error, -EPERM, "commit", mayfly_workspace_path(workspace),
                        "the workspace is committed already");
    for (size_t i = 0; i < workspace->count && r == 0; i++)
        r = stage(workspace, &workspace->results[i], error);
    /* After the last one there is nothing that could fail. */
    for (size_t i = 0; i + 1 < workspace->count && r == 0; i++)
        r = mfi_undo_prepare(&workspace->results[i].undo, workspace->results[i].target, error);
    if (r == 0)
        r = put_in_place(workspace, &count, error);
    unstage(workspace);
    if (ret_count != NULL)
        *ret_count = count;
    if (r == 0)
        r = mayfly_dir_unkeep(workspace->dir, error);
    workspace->committed = r == 0;
    return r;
}

int mayfly_workspace_close(mayfly_workspace **workspace, mayfly_error *error) {
    if (workspace == NULL || *workspace == NULL)
        return 0;
    mayfly_workspace *ending = mfi_take(*workspace);
    int r = mayfly_dir_close(&ending->dir, error);
    for (size_t i = 0; i < ending->count; i++) {
        r = mfi_first(r, mfi_undo_end(&ending->results[i].undo, 1, r < 0 ? NULL : error));
        free(ending->results[i].name);
        free(ending->results[i].target);
    }
    free(ending->results);
    free(ending);
    return r;
}

void mayfly_workspace_auto(mayfly_workspace **workspace) {
    (void)mayfly_workspace_close(workspace, NULL);
}
