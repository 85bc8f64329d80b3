/* SPDX-License-Identifier: MIT
 *
 * Commands that run for chunks.
 *
 * Invariants  signals are blocked and taken by sigwaitinfo, so that none comes at the wrong moment
 *             and none is lost; children get the mask that this process had.
 *             A place in the ring is free only when its output was printed: what waits on disk is
 *             bounded by the number of jobs.
 */
#define _GNU_SOURCE
#include "chunk_jobs.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "command.h"

static sigset_t waited_for, mask_before;

void jobs_begin(struct jobs *jobs) {
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    struct sigaction action;
    jobs->first = jobs->count = 0;
    (void)sigemptyset(&waited_for);
    (void)sigaddset(&waited_for, SIGCHLD);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        if (sigaction(signals[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
            (void)sigaddset(&waited_for, signals[i]);
    (void)sigprocmask(SIG_BLOCK, &waited_for, &mask_before);
    /* A reader that goes away is found by the failing write, when there is time to clean up. */
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGCHLD, SIG_DFL);
}

/* ---- in the child ---------------------------------------------------------------------------- */

/* "{}" within `text` becomes `by`. */
static char *replaced(const char *text, const char *by) {
    size_t count = 0;
    for (const char *p = text; (p = strstr(p, "{}")) != NULL; p += 2)
        count++;
    char *result = malloc(strlen(text) + count * strlen(by) + 1);
    char *to = result;
    while (result != NULL && *text != '\0')
        if (strncmp(text, "{}", 2) == 0) {
            to = stpcpy(to, by);
            text += 2;
        } else {
            *to++ = *text++;
        }
    if (result != NULL)
        *to = '\0';
    return result;
}

static void run_shell(const char *command, const char *path, int as_stdin) {
    char *script = NULL;
    /* The path comes as a parameter: it is never read as shell text. */
    if (as_stdin)
        script = replaced(command, "\"$1\"");
    else if (strstr(command, "{}") != NULL)
        script = replaced(command, "\"$1\"");
    else if (asprintf(&script, "%s \"$1\"", command) < 0)
        script = NULL;
    if (script != NULL)
        (void)execl("/bin/sh", "sh", "-c", script, "sh", path, (char *)NULL);
}

static void run_arguments(char **arguments, const char *path, int as_stdin) {
    size_t count = 0;
    int found = 0;
    while (arguments[count] != NULL)
        count++;
    char **copy = calloc(count + 2, sizeof *copy);
    for (size_t i = 0; copy != NULL && i < count; i++) {
        found |= strstr(arguments[i], "{}") != NULL;
        copy[i] = replaced(arguments[i], path);
    }
    if (copy == NULL)
        return;
    if (!found && !as_stdin)
        copy[count] = strdup(path);
    (void)execvp(copy[0], copy);
}

static void set_number(const char *name, uint64_t number) {
    char text[24];
    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    (void)setenv(name, text, 1);
}

static void tell_chunk(const mayfly_chunk *chunk) {
    (void)setenv("MAYFLY_CHUNK", chunk->path, 1);
    set_number("MAYFLY_CHUNK_NUMBER", chunk->number);
    set_number("MAYFLY_CHUNK_ROWS", chunk->rows);
    if (chunk->pieces != MAYFLY_PIECES_RANGES)
        return;
    set_number("MAYFLY_CHUNK_OFFSET", (uint64_t)chunk->offset);
    set_number("MAYFLY_CHUNK_LENGTH", (uint64_t)chunk->length);
    set_number("MAYFLY_HEADER_OFFSET", (uint64_t)chunk->header_offset);
    set_number("MAYFLY_HEADER_LENGTH", (uint64_t)chunk->header_length);
}

static _Noreturn void child(const struct jobs *jobs, const mayfly_chunk *chunk, int output) {
    (void)signal(SIGPIPE, SIG_DFL);
    (void)sigprocmask(SIG_SETMASK, &mask_before, NULL);
    tell_chunk(chunk);
    if (jobs->as_stdin || jobs->no_stdin) {
        const char *path = jobs->as_stdin ? chunk->path : "/dev/null";
        const int input = open(path, O_RDONLY | O_CLOEXEC);
        if (input < 0 || dup2(input, STDIN_FILENO) < 0) {
            (void)cli_say(0, "%s: %s", path, strerror(errno));
            _exit(126);
        }
    }
    if (output >= 0 && dup2(output, STDOUT_FILENO) < 0)
        _exit(126);
    if (jobs->shell != NULL)
        run_shell(jobs->shell, chunk->path, jobs->as_stdin);
    else
        run_arguments(jobs->arguments, chunk->path, jobs->as_stdin);
    (void)cli_say(0, "%s: %s", jobs->shell != NULL ? "/bin/sh" : jobs->arguments[0],
                  strerror(errno));
    _exit(errno == ENOENT ? 127 : 126);
}

/* ---- in this process ------------------------------------------------------------------------- */

/* Starts the command, for the first time or again. 0, or -1 after saying why. */
static int start(const struct jobs *jobs, struct job *job) {
    mayfly_error error;
    int output = -1;
    /* What an attempt has printed is only shown if it is the last one. */
    if (jobs->limit > 1 || jobs->retries > 0) {
        if (mayfly_temporary_file(NULL, &job->output, &error) < 0)
            return cli_say(-1, "%s", error.message);
        output = mayfly_file_fd(job->output, &error);
        if (output < 0)
            return cli_say(-1, "%s", error.message);
    }
    (void)fflush(NULL);
    job->attempts++;
    job->pid = fork();
    if (job->pid == 0)
        child(jobs, &job->chunk, output);
    if (job->pid < 0)
        return cli_say(-1, "a process for chunk %llu: %s", (unsigned long long)job->chunk.number,
                       strerror(errno));
    return 0;
}

static void forget(struct job *job) {
    (void)mayfly_file_close(&job->output, NULL);
    free(job->path);
    job->path = NULL;
}

int jobs_start(struct jobs *jobs, const mayfly_chunk *chunk) {
    struct job *job = &jobs->ring[(jobs->first + jobs->count) % MOST_JOBS];
    *job = (struct job){.pid = -1, .chunk = *chunk, .path = strdup(chunk->path)};
    if (job->path == NULL)
        return cli_say(-1, "%s", strerror(ENOMEM));
    job->chunk.path = job->path;
    if (start(jobs, job) < 0) {
        forget(job);
        return -1;
    }
    jobs->count++;
    return 0;
}

/* A job has ended, and may be run again. */
static void note_end(const struct jobs *jobs, struct job *job, int status) {
    job->pid = 0;
    job->status = status;
    if (status == 0 || jobs->stop || job->attempts > jobs->retries)
        return;
    (void)mayfly_file_close(&job->output, NULL);
    if (start(jobs, job) < 0)
        job->pid = 0;
}

static void reap(struct jobs *jobs) {
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        for (size_t i = 0; i < jobs->count; i++) {
            struct job *job = &jobs->ring[(jobs->first + i) % MOST_JOBS];
            if (job->pid == pid) {
                note_end(jobs, job, status);
                break;
            }
        }
}

int jobs_wait(struct jobs *jobs, int block) {
    const struct timespec at_once = {0, 0};
    const int signal =
        block ? sigwaitinfo(&waited_for, NULL) : sigtimedwait(&waited_for, NULL, &at_once);
    if (signal < 0 || signal == SIGCHLD) {
        reap(jobs);
        return 0;
    }
    return signal;
}

size_t jobs_running(const struct jobs *jobs) {
    size_t running = 0;
    for (size_t i = 0; i < jobs->count; i++)
        running += jobs->ring[(jobs->first + i) % MOST_JOBS].pid > 0;
    return running;
}

void jobs_signal(struct jobs *jobs, int signal) {
    jobs->stop = 1;
    for (size_t i = 0; i < jobs->count; i++) {
        const struct job *job = &jobs->ring[(jobs->first + i) % MOST_JOBS];
        if (job->pid > 0)
            (void)kill(job->pid, signal);
    }
}

static int print_output(mayfly_file *output) {
    char data[65536];
    mayfly_error error;
    int64_t n;
    if (mayfly_file_seek(output, 0, SEEK_SET, &error) < 0)
        return cli_say(-1, "%s", error.message);
    while ((n = mayfly_file_read(output, data, sizeof data, &error)) > 0)
        if (fwrite(data, 1, (size_t)n, stdout) != (size_t)n)
            return -1;
    return n < 0 ? cli_say(-1, "%s", error.message) : 0;
}

int jobs_next_ended(struct jobs *jobs, struct job *ret) {
    struct job *job = &jobs->ring[jobs->first];
    if (jobs->count == 0 || job->pid > 0)
        return 0;
    const int r = job->output == NULL ? 0 : print_output(job->output);
    const int printed = job->output == NULL;
    forget(job);
    *ret = *job;
    jobs->first = (jobs->first + 1) % MOST_JOBS;
    jobs->count--;
    return r < 0 || (printed && fflush(stdout) != 0) ? -1 : 1;
}

_Noreturn void jobs_die(int signal_number) {
    sigset_t only;
    (void)signal(signal_number, SIG_DFL);
    (void)sigemptyset(&only);
    (void)sigaddset(&only, signal_number);
    (void)sigprocmask(SIG_UNBLOCK, &only, NULL);
    (void)raise(signal_number);
    _exit(EXIT_FAILED); /* not reached: the default action of each of them ends the process */
}
