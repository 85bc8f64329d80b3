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

static void run_shell(const char *command, const char *path) {
    char *script = NULL;
    /* The path comes as a parameter: it is never read as shell text. */
    if (strstr(command, "{}") != NULL)
        script = replaced(command, "\"$1\"");
    else if (asprintf(&script, "%s \"$1\"", command) < 0)
        script = NULL;
    if (script != NULL)
        (void)execl("/bin/sh", "sh", "-c", script, "sh", path, (char *)NULL);
}

static void run_arguments(char **arguments, const char *path) {
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
    if (!found)
        copy[count] = strdup(path);
    (void)execvp(copy[0], copy);
}

static void set_number(const char *name, uint64_t number) {
    char text[24];
    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    (void)setenv(name, text, 1);
}

static _Noreturn void child(const struct jobs *jobs, const mayfly_chunk *chunk, int output) {
    (void)signal(SIGPIPE, SIG_DFL);
    (void)sigprocmask(SIG_SETMASK, &mask_before, NULL);
    (void)setenv("MAYFLY_CHUNK", chunk->path, 1);
    set_number("MAYFLY_CHUNK_NUMBER", chunk->number);
    set_number("MAYFLY_CHUNK_ROWS", chunk->rows);
    if (output >= 0 && dup2(output, STDOUT_FILENO) < 0)
        _exit(126);
    if (jobs->shell != NULL)
        run_shell(jobs->shell, chunk->path);
    else
        run_arguments(jobs->arguments, chunk->path);
    (void)cli_say(0, "%s: %s", jobs->shell != NULL ? "/bin/sh" : jobs->arguments[0],
                  strerror(errno));
    _exit(errno == ENOENT ? 127 : 126);
}

/* ---- in this process ------------------------------------------------------------------------- */

int jobs_start(struct jobs *jobs, const mayfly_chunk *chunk) {
    mayfly_error error;
    struct job *job = &jobs->ring[(jobs->first + jobs->count) % MOST_JOBS];
    *job = (struct job){.pid = -1, .number = chunk->number};
    int output = -1;
    if (jobs->limit > 1) {
        if (mayfly_temporary_file(NULL, &job->output, &error) < 0)
            return cli_say(-1, "%s", error.message);
        output = mayfly_file_fd(job->output, &error);
        if (output < 0)
            return cli_say(-1, "%s", error.message);
    }
    (void)fflush(NULL);
    job->pid = fork();
    if (job->pid == 0)
        child(jobs, chunk, output);
    if (job->pid < 0) {
        (void)mayfly_file_close(&job->output, NULL);
        return cli_say(-1, "a process for chunk %llu: %s", (unsigned long long)chunk->number,
                       strerror(errno));
    }
    jobs->count++;
    return 0;
}

static void reap(struct jobs *jobs) {
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        for (size_t i = 0; i < jobs->count; i++) {
            struct job *job = &jobs->ring[(jobs->first + i) % MOST_JOBS];
            if (job->pid == pid) {
                job->pid = 0;
                job->status = status;
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

void jobs_signal(const struct jobs *jobs, int signal) {
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
    (void)mayfly_file_close(&job->output, NULL);
    *ret = *job;
    jobs->first = (jobs->first + 1) % MOST_JOBS;
    jobs->count--;
    return r < 0 || (ret->output == NULL && fflush(stdout) != 0) ? -1 : 1;
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
