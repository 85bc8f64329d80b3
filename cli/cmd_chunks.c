/* SPDX-License-Identifier: MIT
 *
 * mayfly chunks: a CSV file in temporary pieces, and a command on each.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "chunk_jobs.h"
#include "command.h"
#include "progress.h"

struct run {
    struct jobs jobs;
    mayfly_chunks *chunks;
    int has_command, keep, keep_going, quiet;
    int stop;   /* no new command is started */
    int ended;  /* there are no more chunks */
    int signal; /* that asked us to end; 0: none */
    int status;
    uint64_t made, rows, failed;
};

static void describe(const struct job *job, char *text, size_t size) {
    if (WIFSIGNALED(job->status))
        (void)snprintf(text, size, "killed by signal %d (%s)", WTERMSIG(job->status),
                       strsignal(WTERMSIG(job->status)));
    else
        (void)snprintf(text, size, "exit status %d", WEXITSTATUS(job->status));
}

static void note_ended(struct run *run, const struct job *job) {
    mayfly_error error;
    if (!run->keep && mayfly_chunks_remove(run->chunks, job->number, &error) < 0) {
        run->status = cli_say(EXIT_FAILED, "%s", error.message);
        run->stop = 1;
    }
    if (job->status == 0 || run->signal != 0)
        return;
    char text[96];
    describe(job, text, sizeof text);
    progress_clear();
    run->status = cli_say(EXIT_FAILED, "chunk %llu: the command failed: %s",
                          (unsigned long long)job->number, text);
    run->failed++;
    run->stop |= !run->keep_going;
}

static void collect(struct run *run) {
    struct job job;
    int r;
    progress_clear();
    while ((r = jobs_next_ended(&run->jobs, &job)) != 0) {
        if (r < 0) { /* nobody reads what is printed: as SIGPIPE would have it */
            run->stop = 1;
            run->status = EXIT_FAILED;
            jobs_signal(&run->jobs, SIGTERM);
        }
        note_ended(run, &job);
    }
}

/* Makes the next chunk and starts its command, or prints its path. */
static void next(struct run *run) {
    mayfly_chunk chunk;
    mayfly_error error;
    const int r = mayfly_chunks_next(run->chunks, &chunk, &error);
    if (r < 0) {
        progress_clear();
        run->status = cli_say(EXIT_FAILED, "%s", error.message);
        run->stop = 1;
        return;
    }
    run->ended = r == 0;
    if (r == 0)
        return;
    run->made++;
    run->rows += chunk.rows;
    if (run->has_command && jobs_start(&run->jobs, &chunk) < 0) {
        run->status = EXIT_FAILED;
        run->stop = 1;
        return;
    }
    if (!run->has_command) {
        progress_clear();
        printf("%s\n", chunk.path);
        if (fflush(stdout) != 0)
            run->stop = 1;
    }
    progress_show(run->made, run->rows, chunk.read_bytes, chunk.input_bytes);
}

static void look_for_signal(struct run *run, int block) {
    const int signal = jobs_wait(&run->jobs, block);
    if (signal == 0)
        return;
    run->signal = signal;
    run->stop = 1;
    jobs_signal(&run->jobs, signal);
}

static void run_all(struct run *run) {
    for (;;) {
        while (!run->stop && !run->ended && run->jobs.count < run->jobs.limit) {
            next(run);
            look_for_signal(run, 0);
        }
        look_for_signal(run, jobs_running(&run->jobs) > 0);
        collect(run);
        if (run->jobs.count == 0 && (run->stop || run->ended))
            break;
    }
    progress_clear();
}

static int finish(struct run *run) {
    mayfly_error error;
    if (run->keep && run->status == EXIT_OK && run->signal == 0 &&
        mayfly_chunks_keep(run->chunks, &error) < 0)
        run->status = cli_say(EXIT_FAILED, "%s", error.message);
    if (mayfly_chunks_close(&run->chunks, &error) < 0)
        run->status = cli_say(EXIT_FAILED, "%s", error.message);
    if (run->signal != 0)
        jobs_die(run->signal);
    if (run->status != EXIT_OK && run->failed > 0)
        return cli_say(EXIT_FAILED, "%llu of %llu chunks failed", (unsigned long long)run->failed,
                       (unsigned long long)run->made);
    if (run->status == EXIT_OK && run->has_command && !run->quiet)
        (void)fprintf(stderr, "mayfly: chunks: %llu chunks, %llu records\n",
                      (unsigned long long)run->made, (unsigned long long)run->rows);
    return run->status;
}

/* ---- arguments ------------------------------------------------------------------------------- */

static int read_command(const struct cli_values *values, struct run *run) {
    const char *shell = cli_value(values, "command");
    char **after = values->after_dashes;
    if (after != NULL && after[0] == NULL)
        return cli_usage("a command must follow --");
    if (shell != NULL && after != NULL)
        return cli_usage("--command and a command after -- exclude each other");
    run->jobs.shell = shell;
    run->jobs.arguments = after;
    run->has_command = shell != NULL || after != NULL;
    if (!run->has_command && !run->keep)
        return cli_usage("say what to do with the chunks: --command CMD, -- COMMAND, or --keep "
                         "to leave them and print their paths");
    return 0;
}

static int read_values(const struct cli_values *values, struct run *run,
                       mayfly_chunk_options *options) {
    uint64_t jobs = 1;
    const char *delimiter = cli_value(values, "delimiter");
    if (values->operand_count != 1)
        return cli_usage(values->operand_count == 0 ? "a CSV file is missing"
                                                    : "one CSV file at a time");
    if (delimiter != NULL && strcmp(delimiter, "\\t") == 0)
        delimiter = "\t";
    if (delimiter != NULL && strlen(delimiter) != 1)
        return cli_usage("--delimiter %s: one character is needed", delimiter);
    run->keep = cli_value(values, "keep") != NULL;
    run->keep_going = cli_value(values, "keep-going") != NULL;
    run->quiet = cli_value(values, "quiet") != NULL;
    *options = (mayfly_chunk_options){.no_header = cli_value(values, "no-header") != NULL,
                                      .csv.delimiter = delimiter == NULL ? '\0' : delimiter[0],
                                      .dir = cli_value(values, "dir")};
    int r = cli_number(values, "rows", 1, UINT64_MAX / 2, 10000, &options->rows);
    if (r == 0)
        r = cli_number(values, "jobs", 1, MOST_JOBS, 1, &jobs);
    run->jobs.limit = (size_t)jobs;
    return r == 0 ? read_command(values, run) : r;
}

int cmd_chunks(const struct cli_values *values) {
    static struct run run; /* large, and there is one */
    mayfly_chunk_options options;
    mayfly_error error;
    const int r = read_values(values, &run, &options);
    if (r != 0)
        return r;
    jobs_begin(&run.jobs);
    if (mayfly_chunks_open(values->operands[0], &options, &run.chunks, &error) < 0)
        return cli_say(EXIT_FAILED, "%s", error.message);
    progress_begin(run.quiet);
    run_all(&run);
    return finish(&run);
}
