/* SPDX-License-Identifier: MIT
 *
 * mayfly run: a command with a temporary directory or file of its own.
 *
 * Invariants  it cleans up when the command has ended, and ends as the command did: with its
 *             status, or by its signal.
 *             The lease is inherited: killed itself, it leaves what the command still uses to a
 *             reaper that comes after the last process that the command has left.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/wait.h>

#include "child.h"
#include "command.h"

struct run {
    mayfly_dir *dir;
    mayfly_file *file;
    const char *path;
};

/* ---- before ---------------------------------------------------------------------------------- */

static int make_dir(struct run *run, const struct cli_values *values, mayfly_place place,
                    mayfly_error *error) {
    const mayfly_dir_options options = {
        .prefix = cli_value(values, "prefix"),
        .suffix = cli_value(values, "suffix"),
        .place = place,
        .near = cli_value(values, "near"),
    };
    const int r = mayfly_temporary_directory(&options, &run->dir, error);
    if (r < 0)
        return r;
    run->path = mayfly_dir_path(run->dir);
    (void)setenv("TMPDIR", run->path, 1);
    (void)setenv("MAYFLY_DIR", run->path, 1);
    return 0;
}

static int make_file(struct run *run, const struct cli_values *values, mayfly_place place,
                     mayfly_error *error) {
    const mayfly_file_options options = {
        .prefix = cli_value(values, "prefix"),
        .suffix = cli_value(values, "suffix"),
        .place = place,
        .near = cli_value(values, "near"),
        .keep_on_close = true,
        .sticky = true, /* it may live for weeks, and cleaners of /tmp leave such files */
    };
    int r = mayfly_named_temporary_file(&options, &run->file, error);
    if (r == 0)
        r = mayfly_file_close_descriptor(run->file, error);
    if (r < 0)
        return r;
    run->path = mayfly_file_path(run->file);
    (void)setenv("MAYFLY_FILE", run->path, 1);
    return 0;
}

static int prepare(struct run *run, const struct cli_values *values) {
    mayfly_error error;
    mayfly_place place;
    const int usage = cli_place(values, &place);
    if (usage != 0)
        return usage;
    int r = cli_value(values, "file") != NULL ? make_file(run, values, place, &error)
                                              : make_dir(run, values, place, &error);
    if (r == 0 && cli_value(values, "guard") != NULL)
        r = mayfly_keep_guard(&error);
    if (r < 0)
        return cli_say(EXIT_FAILED, "%s", error.message);
    if (mayfly_lease_inherit(&error) < 0)
        (void)cli_say(0, "%s", error.message); /* it works all the same, unless it is killed */
    return 0;
}

/* ---- after ----------------------------------------------------------------------------------- */

static int clean_up(struct run *run, int keep) {
    mayfly_error error;
    int r = 0;
    if (keep) {
        r = run->dir != NULL ? mayfly_dir_keep(run->dir, &error)
                             : mayfly_file_keep(run->file, &error);
        if (r == 0)
            (void)cli_say(0, "kept %s", run->path);
    }
    if (r == 0)
        r = run->dir != NULL ? mayfly_dir_close(&run->dir, &error)
                             : mayfly_file_close(&run->file, &error);
    return r < 0 ? cli_say(EXIT_FAILED, "%s", error.message) : EXIT_OK;
}

int cmd_run(const struct cli_values *values) {
    struct run run = {0};
    struct child child;
    if (values->after_dashes == NULL || values->after_dashes[0] == NULL)
        return cli_usage("a command is needed after --");
    if (values->operand_count > 0)
        return cli_usage("'%s': the command stands after --", values->operands[0]);
    if (cli_value(values, "file") != NULL && cli_value(values, "dir") != NULL)
        return cli_usage("--dir and --file exclude each other");
    int r = prepare(&run, values);
    if (r != 0)
        return r;
    r = child_start(&child, values->after_dashes, -1);
    if (r != 0)
        return r;
    const int status = child_wait(&child);
    const int failed = !WIFEXITED(status) || WEXITSTATUS(status) != 0;
    const int cleaned = clean_up(&run, failed && cli_value(values, "keep-on-error") != NULL);
    child_die_if_killed(&child, status);
    return failed ? WEXITSTATUS(status) : cleaned;
}
