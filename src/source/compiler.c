/* SPDX-License-Identifier: MIT
 *
 * The system's compiler: finding it and running it, for what is to be loaded (compile.c) and what
 * is only asked about (witness.c).
 *
 * It is started with a list of arguments, never by a shell. What goes in and what it says lie in
 * files in memory.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compiler.h"

/* ---- finding it ------------------------------------------------------------------------------ */

static bool is_program(const char *path, struct stat *ret) {
    return mfi_sys.fstatat(AT_FDCWD, path, ret, 0) == 0 && S_ISREG(ret->st_mode) &&
           (ret->st_mode & 0111) != 0;
}

/* Where a name was found, in which PATH; as a shell remembers it. */
static struct {
    struct mfi_lock lock;
    char name[64], path[1024], found[256];
} remembered;

static bool recall(const char *name, const char *path, char **ret) {
    mfi_lock_take(&remembered.lock);
    const bool same = strcmp(remembered.name, name) == 0 && strcmp(remembered.path, path) == 0;
    *ret = same ? mfi_strdup(remembered.found) : NULL;
    mfi_lock_give(&remembered.lock);
    return *ret != NULL;
}

static void remember(const char *name, const char *path, const char *found) {
    if (strlen(name) >= sizeof remembered.name || strlen(path) >= sizeof remembered.path ||
        strlen(found) >= sizeof remembered.found || found[0] != '/')
        return;
    mfi_lock_take(&remembered.lock);
    remembered.name[0] = '\0'; /* until all of it is there: a child may be forked in between */
    (void)snprintf(remembered.path, sizeof remembered.path, "%s", path);
    (void)snprintf(remembered.found, sizeof remembered.found, "%s", found);
    (void)snprintf(remembered.name, sizeof remembered.name, "%s", name);
    mfi_lock_give(&remembered.lock);
}

/* As execvp(3) would find it, but for a privileged process where the system has its own. */
int mfi_find_program(const char *name, char **ret_path, struct stat *ret) {
    const char *path = mfi_getenv("PATH");
    if (strchr(name, '/') != NULL) {
        *ret_path = mfi_strdup(name);
        return *ret_path == NULL ? -ENOMEM : is_program(name, ret) ? 0 : -ENOENT;
    }
    if (path == NULL)
        path = "/usr/bin:/bin";
    if (recall(name, path, ret_path) && is_program(*ret_path, ret))
        return 0;
    free(mfi_take(*ret_path));
    const char *const all = path;
    for (const char *end;; path = end + 1) {
        end = strchrnul(path, ':');
        char *found = mfi_format("%.*s%s%s", (int)(end - path), path, end > path ? "/" : "", name);
        if (found == NULL)
            return -ENOMEM;
        if (is_program(found, ret)) {
            remember(name, all, found);
            *ret_path = found;
            return 0;
        }
        free(found);
        if (*end == '\0')
            return -ENOENT;
    }
}

/* ---- its environment ------------------------------------------------------------------------- */

/* Messages in English, scratch files in the private directory. What a privileged process was given
 * does not go on to others. */
static int make_environment(const char *scratch, struct mfi_flags *ret) {
    static const char *const replaced[] = {"TMPDIR=", "LC_ALL=", "LANGUAGE="};
    mfi_auto_free char *tmpdir = mfi_format("TMPDIR=%s", scratch != NULL ? scratch : "");
    int r = tmpdir == NULL ? -ENOMEM : mfi_flags_add(ret, "LC_ALL=C");
    if (r == 0 && scratch != NULL)
        r = mfi_flags_add(ret, tmpdir);
    if (mfi_privileged())
        return r < 0 ? r : mfi_flags_add(ret, "PATH=/usr/bin:/bin");
    for (char **at = environ; r == 0 && at != NULL && *at != NULL; at++) {
        bool taken = true;
        for (size_t i = scratch != NULL ? 0 : 1; i < MFI_LENGTH(replaced); i++)
            taken = taken && strncmp(*at, replaced[i], strlen(replaced[i])) != 0;
        if (taken)
            r = mfi_flags_add(ret, *at);
    }
    return r;
}

/* ---- running it ------------------------------------------------------------------------------ */

/* Above the standard streams, where the child's would be laid over it. */
int mfi_above_standard(int fd) {
    if (fd < 0 || fd > 2)
        return fd;
    const int moved = mfi_sys.dup(fd, 3);
    (void)mfi_sys.close(fd);
    return moved;
}

int mfi_read_fd(int fd, struct mfi_buffer *ret) {
    struct stat st;
    int r = mfi_sys.fstat(fd, &st);
    if (r == 0)
        r = mfi_buffer_reserve(ret, (size_t)st.st_size);
    while (r == 0 && ret->size < (size_t)st.st_size) {
        const ssize_t n = mfi_sys.pread(fd, ret->data + ret->size, (size_t)st.st_size - ret->size,
                                        (off_t)ret->size);
        if (n <= 0)
            return n < 0 ? (int)n : -EIO;
        ret->size += (size_t)n;
    }
    if (r == 0)
        ret->data[ret->size] = '\0';
    return r;
}

/* Ends with the compiler's wait status. */
int mfi_run_compiler(const struct mfi_running *how, mayfly_error *error) {
    mfi_auto_flags environment = {0};
    int status = 0;
    if (make_environment(how->scratch, &environment) < 0)
        return mfi_fail_memory(error, 0);
    const int pid = mfi_sys.spawn(&(struct mfi_spawn){.program = how->program,
                                                      .arguments = how->arguments,
                                                      .environment = environment.items,
                                                      .input = how->input,
                                                      .output = how->output});
    if (pid == -ENOENT || pid == -EACCES || pid == -ENOEXEC)
        return mfi_fail(error, MAYFLY_E_NO_COMPILER, how->operation, how->path,
                        "the compiler %s cannot be started (%s); install one, or name it in CC or "
                        ".compiler",
                        how->program, strerror(-pid));
    if (pid < 0)
        return mfi_fail_call(error, pid, "spawn", how->program, -1);
    const int r = mfi_sys.wait_status(pid, &status);
    /* Without a status it is the object that tells, which compilers remove when they fail. */
    return r < 0 && r != -ECHILD ? mfi_fail_call(error, r, "waitpid", how->program, -1) : status;
}

/* The first line of the messages that tells of an error, or else the first one. */
const char *mfi_first_error(const char *text, size_t *ret_size) {
    static const char *const marks[] = {": error: ", ": fatal error: ", "undefined reference",
                                        "error: "};
    for (size_t i = 0; i < MFI_LENGTH(marks); i++) {
        const char *found = strstr(text, marks[i]);
        if (found == NULL)
            continue;
        while (found > text && found[-1] != '\n')
            found--;
        *ret_size = strcspn(found, "\n");
        return found;
    }
    *ret_size = strcspn(text, "\n");
    return text;
}
