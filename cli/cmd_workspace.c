/* SPDX-License-Identifier: MIT
 *
 * mayfly workspace: a command in a private directory, with files that it needs, from which its
 * results are carried out.
 *
 * Invariants  nothing is carried out unless the command has succeeded and all of it can be; signals
 *             wait while it is.
 *             It ends as the command did: with its status, or by its signal.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "child.h"
#include "command.h"

static const char *last_component(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

/* ---- before ---------------------------------------------------------------------------------- */

static int bring(mayfly_workspace *work, const char *option, const char *path,
                 mayfly_error *error) {
    if (strcmp(option, "in") == 0)
        return mayfly_workspace_copy_in(work, path, NULL, error);
    if (strcmp(option, "link") == 0)
        return mayfly_workspace_link_in(work, path, NULL, error);
    return mayfly_workspace_carry_out(work, last_component(path), path, MAYFLY_CONSISTENT, error);
}

static int prepare(mayfly_workspace **work, const struct cli_values *values) {
    mayfly_error error;
    const mayfly_workspace_options options = {
        .keep_on_error = cli_value(values, "keep-on-error") != NULL,
        .dir = {.prefix = cli_value(values, "prefix"), .dir = cli_value(values, "dir")},
    };
    int r = mayfly_workspace_begin(&options, work, &error);
    for (size_t i = 0; r == 0 && values->all[i] != NULL; i++)
        r = bring(*work, values->all_name[i], values->all[i], &error);
    if (r < 0) {
        /* What could not be begun leaves no evidence. */
        if (*work != NULL)
            (void)mayfly_dir_unkeep(mayfly_workspace_dir(*work), NULL);
        return cli_say(EXIT_FAILED, "%s", error.message);
    }
    if (mayfly_lease_inherit(&error) < 0)
        (void)cli_say(0, "%s", error.message); /* it works all the same, unless it is killed */
    (void)setenv("TMPDIR", mayfly_workspace_path(*work), 1);
    (void)setenv("MAYFLY_DIR", mayfly_workspace_path(*work), 1);
    return EXIT_OK;
}

/* ---- after ----------------------------------------------------------------------------------- */

/* One that is asked to end while some results are in place and others are not ends afterwards. */
static int commit(mayfly_workspace *work) {
    mayfly_error error;
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_BLOCK, &all, &before);
    size_t count = 0;
    const int r = mayfly_workspace_commit(work, &count, &error);
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    if (r < 0 && count > 0)
        return cli_say(EXIT_FAILED, "%s; %zu results are in place all the same", error.message,
                       count);
    return r < 0 ? cli_say(EXIT_FAILED, "%s; nothing was carried out", error.message) : EXIT_OK;
}

static int finish(mayfly_workspace **work, int failed, int keep) {
    mayfly_error error;
    const int status = failed ? EXIT_FAILED : commit(*work);
    if (status != EXIT_OK && keep)
        (void)cli_say(0, "kept %s", mayfly_workspace_path(*work));
    if (mayfly_workspace_close(work, &error) < 0)
        return cli_say(EXIT_FAILED, "%s", error.message);
    return status;
}

/* ---- arguments ------------------------------------------------------------------------------- */

/* Two files of one name would be one in the workspace. */
static int check_names(const struct cli_values *values) {
    for (size_t i = 0; values->all[i] != NULL; i++)
        for (size_t k = 0; k < i; k++) {
            const int out = strcmp(values->all_name[i], "out") == 0;
            if (out == (strcmp(values->all_name[k], "out") == 0) &&
                strcmp(last_component(values->all[i]), last_component(values->all[k])) == 0)
                return cli_usage("%s and %s have the same name in the workspace", values->all[k],
                                 values->all[i]);
        }
    return EXIT_OK;
}

int cmd_workspace(const struct cli_values *values) {
    mayfly_auto(mayfly_workspace) work = NULL;
    struct child child;
    if (values->after_dashes == NULL || values->after_dashes[0] == NULL)
        return cli_usage("a command is needed after --");
    if (values->operand_count > 0)
        return cli_usage("'%s': the command stands after --", values->operands[0]);
    int r = check_names(values);
    if (r == EXIT_OK)
        r = prepare(&work, values);
    if (r != EXIT_OK)
        return r;
    const int directory = mayfly_dir_fd(mayfly_workspace_dir(work));
    r = child_start_at(&child, values->after_dashes, &(struct child_place){-1, -1, -1, directory});
    if (r != EXIT_OK)
        return r;
    const int status = child_wait(&child);
    const int failed = !WIFEXITED(status) || WEXITSTATUS(status) != 0;
    const int finished = finish(&work, failed, cli_value(values, "keep-on-error") != NULL);
    child_die_if_killed(&child, status);
    return failed ? WEXITSTATUS(status) : finished;
}
