/* SPDX-License-Identifier: MIT
 *
 * mayfly batch: records of several files, a command for each batch of them, one JSON file.
 *
 * Invariant   the target is changed only after every command has succeeded and what all of them
 *             printed was read as JSON.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "command.h"

struct run {
    const char *target;
    char **command; /* NULL: none */
    int quiet;
    mayfly_batches *batches;
};

/* ---- a command for a batch ------------------------------------------------------------------- */

static void set_number(const char *name, uint64_t number) {
    char text[24];
    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    (void)setenv(name, text, 1);
}

static int start(const struct run *run, const mayfly_batch *batch, struct child *child) {
    const int input = open(batch->path, O_RDONLY | O_CLOEXEC);
    const int output = open(batch->output, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int r = EXIT_FAILED;
    (void)setenv("MAYFLY_BATCH", batch->path, 1);
    set_number("MAYFLY_BATCH_NUMBER", batch->number);
    set_number("MAYFLY_BATCH_RECORDS", batch->records);
    if (input < 0 || output < 0)
        (void)cli_say(0, "%s: %s", input < 0 ? batch->path : batch->output, strerror(errno));
    else
        r = child_start_at(child, run->command, &(struct child_place){input, output, -1, -1});
    if (input >= 0)
        (void)close(input);
    if (output >= 0)
        (void)close(output);
    return r;
}

/* What is left is removed before this process ends by the signal that ended the command. */
static int work_on(struct run *run, const mayfly_batch *batch) {
    struct child child;
    const unsigned long long number = batch->number;
    const int r = start(run, batch, &child);
    if (r != EXIT_OK)
        return r;
    const int status = child_wait(&child);
    if (WIFSIGNALED(status)) {
        (void)cli_say(0, "batch %llu: %s was ended by signal %d; %s is as it was", number,
                      run->command[0], WTERMSIG(status), run->target);
        (void)mayfly_batches_close(&run->batches, NULL);
        child_die_if_killed(&child, status);
    }
    if (WEXITSTATUS(status) != 0)
        return cli_say(WEXITSTATUS(status),
                       "batch %llu: the command failed: exit status %d; %s is as it was", number,
                       WEXITSTATUS(status), run->target);
    return EXIT_OK;
}

static int run_all(struct run *run) {
    mayfly_error error;
    mayfly_batch batch;
    mayfly_batch_result result;
    int r;
    while ((r = mayfly_batches_next(run->batches, &batch, &error)) > 0) {
        const int status = run->command == NULL ? EXIT_OK : work_on(run, &batch);
        if (status != EXIT_OK)
            return status;
    }
    if (r == 0)
        r = mayfly_batches_combine(run->batches, run->target, &result, &error);
    if (r < 0)
        return cli_say(EXIT_FAILED, "%s", error.message);
    if (!run->quiet)
        (void)cli_say(0, "%llu batches, %llu records read, %llu written",
                      (unsigned long long)result.batches, (unsigned long long)result.records,
                      (unsigned long long)result.combined);
    return EXIT_OK;
}

/* ---- arguments ------------------------------------------------------------------------------- */

static int read_format(const struct cli_values *values, mayfly_batch_format *ret) {
    const char *text = cli_value(values, "format");
    *ret = MAYFLY_BATCH_BY_NAME;
    if (text == NULL)
        return EXIT_OK;
    if (strcmp(text, "csv") != 0 && strcmp(text, "json") != 0)
        return cli_usage("--format %s: csv or json is needed", text);
    *ret = text[0] == 'c' ? MAYFLY_BATCH_CSV : MAYFLY_BATCH_JSON;
    return EXIT_OK;
}

static int read_command(const struct cli_values *values, struct run *run) {
    static char *shell[] = {"/bin/sh", "-c", NULL, NULL};
    const char *command = cli_value(values, "command");
    run->command = values->after_dashes;
    if (run->command != NULL && run->command[0] == NULL)
        return cli_usage("a command is needed after --");
    if (run->command != NULL && command != NULL)
        return cli_usage("--command and a command after -- exclude each other");
    if (command != NULL) {
        shell[2] = (char *)command;
        run->command = shell;
    }
    return EXIT_OK;
}

static int read_values(const struct cli_values *values, struct run *run,
                       mayfly_batch_options *options) {
    const char *delimiter = cli_value(values, "delimiter");
    if (values->operand_count == 0)
        return cli_usage("an input is missing: a CSV or JSON file");
    run->target = cli_value(values, "out");
    run->quiet = cli_value(values, "quiet") != NULL;
    if (run->target == NULL)
        return cli_usage("--out FILE is needed: where the records go");
    if (values->all[1] != NULL)
        return cli_usage("--out can be given once");
    if (delimiter != NULL && strcmp(delimiter, "\\t") == 0)
        delimiter = "\t";
    if (delimiter != NULL && strlen(delimiter) != 1)
        return cli_usage("--delimiter %s: one character is needed", delimiter);
    *options = (mayfly_batch_options){
        .csv.delimiter = delimiter == NULL ? '\0' : delimiter[0],
        .dir = cli_value(values, "dir"),
        .lines = cli_value(values, "lines") != NULL,
        .replace.durability = cli_value(values, "durable") != NULL ? MAYFLY_DURABILITY_FULL
                                                                   : MAYFLY_DURABILITY_CONSISTENT,
    };
    int r = cli_number(values, "size", 1, UINT64_MAX / 2, 100, &options->size);
    if (r == EXIT_OK)
        r = read_format(values, &options->format);
    return r == EXIT_OK ? read_command(values, run) : r;
}

int cmd_batch(const struct cli_values *values) {
    struct run run = {0};
    mayfly_batch_options options;
    mayfly_error error;
    int r = read_values(values, &run, &options);
    if (r != EXIT_OK)
        return r;
    if (mayfly_batches_open((const char *const *)values->operands, (size_t)values->operand_count,
                            &options, &run.batches, &error) < 0)
        return cli_say(EXIT_FAILED, "%s", error.message);
    if (run.command != NULL && mayfly_lease_inherit(&error) < 0)
        (void)cli_say(0, "%s", error.message); /* it works all the same, unless it is killed */
    r = run_all(&run);
    if (mayfly_batches_close(&run.batches, &error) < 0 && r == EXIT_OK)
        r = cli_say(EXIT_FAILED, "%s", error.message);
    return r;
}
