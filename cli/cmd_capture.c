/* SPDX-License-Identifier: MIT
 *
 * mayfly capture: a command's output, all at once when it has ended, only if it failed, or in
 * files.
 *
 * Invariants  what the command writes is read from pipes, so that it may open /dev/stderr anew;
 * what is large goes to disk. A file is replaced as a whole, after the command has ended, however
 * it ended. This command ends as that one did.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "command.h"

/* Where a stream's text goes in the end. */
struct target {
    const char *path;        /* NULL: to the stream itself */
    mayfly_replace *replace; /* NULL: to `fd` */
    int fd;
};

enum { OUT, ERR, TARGETS };

/* ---- before ---------------------------------------------------------------------------------- */

/* A device or a pipe is written to, and not replaced. */
static int open_target(struct target *target, mayfly_error *error) {
    struct stat st;
    if (target->path == NULL)
        return EXIT_OK;
    const int exists = stat(target->path, &st) == 0;
    if (exists && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) {
        target->fd = open(target->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        return target->fd < 0 ? cli_say(EXIT_FAILED, "%s: %s", target->path, strerror(errno))
                              : EXIT_OK;
    }
    const mayfly_replace_options options = {.links = exists ? MAYFLY_LINKS_FOLLOW
                                                            : MAYFLY_LINKS_REPLACE};
    if (mayfly_replace_begin(target->path, &options, &target->replace, error) < 0)
        return cli_say(EXIT_FAILED, "%s", error->message);
    return EXIT_OK;
}

/* Where a path leads, of which the last part need not be there. New memory; NULL: nowhere. */
static char *place_of(const char *path) {
    char *place = realpath(path, NULL);
    if (place != NULL)
        return place;
    const char *slash = strrchr(path, '/');
    char *dir = slash == NULL ? strdup(".") : strndup(path, (size_t)(slash - path) + 1);
    char *above = dir == NULL ? NULL : realpath(dir, NULL);
    if (above != NULL && asprintf(&place, "%s/%s", above, slash == NULL ? path : slash + 1) < 0)
        place = NULL;
    free(above);
    free(dir);
    return place;
}

/* Also by two names: "log" and "./log". */
static int same_path(const char *one, const char *other) {
    char *first = place_of(one), *second = place_of(other);
    const int same =
        strcmp(one, other) == 0 || (first != NULL && second != NULL && strcmp(first, second) == 0);
    free(first);
    free(second);
    return same;
}

/* Both on one terminal, say: then they are shown in the order in which they were written. */
static int same_place(const struct target *targets) {
    struct stat out, err;
    if (targets[OUT].path != NULL && targets[ERR].path != NULL)
        return same_path(targets[OUT].path, targets[ERR].path);
    return targets[OUT].path == NULL && targets[ERR].path == NULL && fstat(1, &out) == 0 &&
           fstat(2, &err) == 0 && out.st_dev == err.st_dev && out.st_ino == err.st_ino;
}

/* ---- after ----------------------------------------------------------------------------------- */

static int write_piece(const struct target *target, const char *data, size_t size,
                       mayfly_error *error) {
    if (target->replace != NULL)
        return mayfly_file_write(mayfly_replace_file(target->replace), data, size, error) < 0
                   ? cli_say(EXIT_FAILED, "%s", error->message)
                   : EXIT_OK;
    while (size > 0) {
        const ssize_t n = write(target->fd, data, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return cli_say(EXIT_FAILED, "the output cannot be written: %s", strerror(errno));
        data += n;
        size -= (size_t)n;
    }
    return EXIT_OK;
}

static int copy(mayfly_capture *capture, unsigned stream, struct target *target,
                mayfly_error *error) {
    static char data[64 * 1024];
    mayfly_file *file;
    int64_t n = mayfly_capture_file(capture, stream, &file, error);
    while (n >= 0 && (n = mayfly_file_read(file, data, sizeof data, error)) > 0) {
        const int r = write_piece(target, data, (size_t)n, error);
        if (r != EXIT_OK)
            return r;
    }
    if (n >= 0 && target->replace != NULL)
        n = mayfly_replace_commit(target->replace, NULL, error);
    return n < 0 ? cli_say(EXIT_FAILED, "%s", error->message) : EXIT_OK;
}

/* Merged text goes to the first target. */
static int show(mayfly_capture *capture, struct target *targets, int merged, int quiet,
                mayfly_error *error) {
    static const unsigned streams[TARGETS] = {MAYFLY_STDOUT, MAYFLY_STDERR};
    int status = EXIT_OK;
    for (int i = 0; i < (merged ? 1 : TARGETS); i++) {
        if (targets[i].path == NULL && quiet)
            continue;
        const int r = copy(capture, streams[i], &targets[i], error);
        status = status == EXIT_OK ? r : status;
    }
    return status;
}

static int run(struct target *targets, char **command, int quiet_on_success, mayfly_error *error) {
    mayfly_auto(mayfly_capture) capture = NULL;
    struct child child;
    const int merged = same_place(targets);
    const mayfly_capture_options options = {
        .merge = merged, .pipe = true, .max_memory = (uint64_t)64 << 20};
    if (mayfly_capture(MAYFLY_STDOUT | MAYFLY_STDERR, &options, &capture, error) < 0)
        return cli_say(EXIT_FAILED, "%s", error->message);
    const int started = child_start(&child, command, -1); /* what it says is captured as well */
    const int status = started == 0 ? child_wait(&child) : W_EXITCODE(started, 0);
    int r = EXIT_OK;
    if (mayfly_capture_end(capture, error) < 0)
        r = cli_say(EXIT_FAILED, "%s", error->message);
    const int failed = !WIFEXITED(status) || WEXITSTATUS(status) != 0;
    const int shown = show(capture, targets, merged, quiet_on_success && !failed, error);
    if (started == 0)
        child_die_if_killed(&child, status);
    if (failed)
        return WEXITSTATUS(status);
    return r != EXIT_OK ? r : shown;
}

int cmd_capture(const struct cli_values *values) {
    struct target targets[TARGETS] = {{.path = cli_value(values, "stdout"), .fd = 1},
                                      {.path = cli_value(values, "stderr"), .fd = 2}};
    mayfly_error error;
    if (values->after_dashes == NULL || values->after_dashes[0] == NULL)
        return cli_usage("a command is needed after --");
    if (values->operand_count > 0)
        return cli_usage("'%s': the command stands after --", values->operands[0]);
    int status = open_target(&targets[OUT], &error);
    if (status == EXIT_OK && !same_place(targets))
        status = open_target(&targets[ERR], &error);
    if (status == EXIT_OK)
        status = run(targets, values->after_dashes, cli_value(values, "quiet-on-success") != NULL,
                     &error);
    for (int i = 0; i < TARGETS; i++) {
        (void)mayfly_replace_end(&targets[i].replace, NULL);
        if (targets[i].fd > STDERR_FILENO)
            (void)close(targets[i].fd);
    }
    return status;
}
