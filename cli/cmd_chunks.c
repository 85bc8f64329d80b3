/* SPDX-License-Identifier: MIT
 *
 * mayfly chunks: a CSV file in temporary pieces, and a command on each.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "chunk_jobs.h"
#include "chunk_values.h"
#include "command.h"
#include "progress.h"

enum { MOST_TOLD = 20 }; /* records with damage; their number is told of all */

struct run {
    struct jobs jobs;
    mayfly_chunks *chunks;
    int has_command, keep, keep_going, quiet;
    int print_json; /* for each chunk, and not its path */
    int print_none;
    int stop;   /* no new command is started */
    int ended;  /* there are no more chunks */
    int signal; /* that asked us to end; 0: none */
    int status;
    uint64_t made, rows, failed;
    uint64_t told; /* of so many the path, or what else is printed, has arrived */
    uint64_t damaged, left_out;
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
    if (!run->keep && mayfly_chunks_remove(run->chunks, job->chunk.number, &error) < 0) {
        run->status = cli_say(EXIT_FAILED, "%s", error.message);
        run->stop = 1;
    }
    if (job->status == 0 || run->signal != 0)
        return;
    char text[96];
    describe(job, text, sizeof text);
    progress_clear();
    char after[32] = "";
    if (job->attempts > 1)
        (void)snprintf(after, sizeof after, ", %u times", job->attempts);
    run->status = cli_say(EXIT_FAILED, "chunk %llu: the command failed: %s%s",
                          (unsigned long long)job->chunk.number, text, after);
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

static void note_damage(const mayfly_problem *problem, void *user) {
    struct run *run = user;
    const int skipped = problem->damage == MAYFLY_DAMAGE_SKIP;
    run->left_out += (uint64_t)skipped;
    if (run->damaged++ >= MOST_TOLD)
        return;
    progress_clear();
    (void)cli_say(0, "record %llu, byte %lld: %s; it is %s", (unsigned long long)problem->record,
                  (long long)problem->offset, problem->what,
                  skipped ? "left out" : "taken as it is");
}

static void note_progress(const mayfly_progress *progress, void *user) {
    (void)user;
    progress_show(progress->chunks, progress->rows, progress->bytes, progress->input_bytes, 0);
}

/* Prints what is known of a chunk that no command is run on. */
static void print_chunk(struct run *run, const mayfly_chunk *chunk) {
    char *line = NULL;
    mayfly_error error;
    progress_clear();
    if (run->print_json && mayfly_chunk_json(chunk, &line, &error) < 0) {
        run->status = cli_say(EXIT_FAILED, "%s", error.message);
        run->stop = 1;
        return;
    }
    if (run->print_json || !run->print_none)
        printf("%s\n", line != NULL ? line : chunk->path);
    mayfly_free(line);
    if (fflush(stdout) == 0) {
        run->told++;
        return;
    }
    /* A reader that has had enough (head -1) has what it was told of. */
    if (errno != EPIPE || run->told == 0)
        run->status = cli_say(EXIT_FAILED, "standard output: %s", strerror(errno));
    run->stop = 1;
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
    if (!run->has_command || run->print_json)
        print_chunk(run, &chunk);
    if (run->has_command && jobs_start(&run->jobs, &chunk) < 0) {
        run->status = EXIT_FAILED;
        run->stop = 1;
        return;
    }
    progress_show(run->made, run->rows, chunk.read_bytes, chunk.input_bytes, 1);
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
    if (run->keep && run->made > 0 && run->status == EXIT_OK && run->signal == 0 &&
        mayfly_chunks_keep(run->chunks, &error) < 0)
        run->status = cli_say(EXIT_FAILED, "%s", error.message);
    if (mayfly_chunks_close(&run->chunks, &error) < 0)
        run->status = cli_say(EXIT_FAILED, "%s", error.message);
    if (run->signal != 0)
        jobs_die(run->signal);
    if (run->status != EXIT_OK && run->failed > 0)
        return cli_say(EXIT_FAILED, "%llu of %llu chunks failed", (unsigned long long)run->failed,
                       (unsigned long long)run->made);
    if (run->damaged > 0)
        (void)cli_say(0, "%llu records with damage, %llu of them left out",
                      (unsigned long long)run->damaged, (unsigned long long)run->left_out);
    if (run->status == EXIT_OK && run->has_command && !run->quiet)
        (void)fprintf(stderr, "mayfly: chunks: %llu chunks, %llu records\n",
                      (unsigned long long)run->made, (unsigned long long)run->rows);
    return run->status;
}

int cmd_chunks(const struct cli_values *values) {
    static struct run run; /* large, and there is one */
    struct chunk_values given;
    mayfly_error error;
    const int r = read_chunk_values(values, &given);
    if (r != 0)
        return r;
    run.jobs = (struct jobs){.shell = given.shell,
                             .arguments = values->after_dashes,
                             .as_stdin = given.as_stdin,
                             .no_stdin = strcmp(values->operands[0], "-") == 0,
                             .retries = given.retries,
                             .limit = given.jobs};
    run.has_command = given.has_command;
    run.keep = given.keep;
    run.keep_going = given.keep_going;
    run.quiet = given.quiet;
    run.print_json = given.print_json;
    run.print_none = given.options.manifest != NULL;
    given.options.problem = note_damage;
    given.options.progress = note_progress;
    given.options.user = &run;
    jobs_begin(&run.jobs);
    if (mayfly_chunks_open(values->operands[0], &given.options, &run.chunks, &error) < 0)
        return cli_say(EXIT_FAILED, "%s", error.message);
    progress_begin(run.quiet);
    run_all(&run);
    return finish(&run);
}
