/* SPDX-License-Identifier: MIT
 *
 * mayfly write: what is read to its end, or what a command prints, replaces a file.
 *
 * Invariant   the target is changed only after everything was read, written and found good: a full
 *             disk, a command that failed or a signal leaves it as it was.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "command.h"

static int read_all(mayfly_file *file, mayfly_error *error) {
    static char data[256 * 1024];
    for (;;) {
        const ssize_t n = read(STDIN_FILENO, data, sizeof data);
        if (n == 0)
            return EXIT_OK;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return cli_say(EXIT_FAILED, "standard input: %s", strerror(errno));
        if (mayfly_file_write(file, data, (size_t)n, error) < 0)
            return cli_say(EXIT_FAILED, "%s", error->message);
    }
}

/* Its standard output is the new file. What a failed write did there, its status tells. */
static int run_command(mayfly_file *file, char **command, mayfly_error *error) {
    struct child child;
    const int output = mayfly_file_fd(file, error);
    if (output < 0)
        return cli_say(EXIT_FAILED, "%s", error->message);
    const int r = child_start(&child, command, output);
    if (r != 0)
        return r;
    const int status = child_wait(&child);
    if (WIFSIGNALED(status) || WEXITSTATUS(status) != 0)
        (void)cli_say(0, "%s failed; the target is as it was", command[0]);
    child_die_if_killed(&child, status);
    return WEXITSTATUS(status);
}

/* A file or pipe to which the producer's exit status is written: "0" is good. */
static int check_status(const char *path) {
    char text[32] = "";
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return cli_say(EXIT_FAILED, "%s: %s", path, strerror(errno));
    char *line = fgets(text, sizeof text, file);
    (void)fclose(file);
    text[strcspn(text, "\n")] = '\0';
    if (line == NULL || strcmp(text, "0") != 0)
        return cli_say(EXIT_FAILED, "the status in %s is '%s' and not 0; the target is as it was",
                       path, text);
    return EXIT_OK;
}

static int read_options(const struct cli_values *values, mayfly_replace_options *options) {
    *options = (mayfly_replace_options){
        .backup = cli_value(values, "backup"),
        .no_clobber = cli_value(values, "no-clobber") != NULL,
        .preserve_best = cli_value(values, "preserve") != NULL,
    };
    if (cli_value(values, "durable") != NULL)
        options->durability = MAYFLY_DURABILITY_FULL;
    if (cli_value(values, "follow") != NULL)
        options->links = MAYFLY_LINKS_FOLLOW;
    if (values->operand_count != 1)
        return cli_usage("one target is needed");
    if (cli_value(values, "if-ok") != NULL && values->after_dashes != NULL)
        return cli_usage("--if-ok is for a pipe; the status of a command after -- counts anyway");
    if (values->after_dashes != NULL && values->after_dashes[0] == NULL)
        return cli_usage("a command is needed after --");
    return EXIT_OK;
}

int cmd_write(const struct cli_values *values) {
    mayfly_replace_options options;
    mayfly_error error;
    mayfly_auto(mayfly_replace) replace = NULL;
    int status = read_options(values, &options);
    if (status != EXIT_OK)
        return status;
    if (mayfly_replace_begin(values->operands[0], &options, &replace, &error) < 0)
        return cli_say(EXIT_FAILED, "%s", error.message);
    mayfly_file *file = mayfly_replace_file(replace);
    status = values->after_dashes != NULL ? run_command(file, values->after_dashes, &error)
                                          : read_all(file, &error);
    if (status == EXIT_OK && cli_value(values, "if-ok") != NULL)
        status = check_status(cli_value(values, "if-ok"));
    if (status == EXIT_OK && mayfly_replace_commit(replace, NULL, &error) < 0)
        status = cli_say(EXIT_FAILED, "%s", error.message);
    return status;
}
