/* SPDX-License-Identifier: MIT
 *
 * Commands that run for chunks, several at a time, their output in order.
 */
#ifndef CLI_CHUNK_JOBS_H
#define CLI_CHUNK_JOBS_H

#include <mayfly.h>
#include <sys/types.h>

enum { MOST_JOBS = 256 };

struct job {
    pid_t pid; /* 0: ended, -1: none */
    mayfly_chunk chunk;
    char *path; /* of the chunk: the splitter's own goes with the next one */
    unsigned attempts;
    int status;          /* as waitpid gives it */
    mayfly_file *output; /* what it prints, when several run at a time */
};

struct jobs {
    const char *shell; /* a command for sh -c; or */
    char **arguments;  /* a command with its arguments */
    int as_stdin;      /* the chunk is the command's standard input */
    int no_stdin;      /* ours is what is being split: not the command's to read */
    unsigned retries;  /* how often a command that failed is run again */
    int stop;          /* none is run again */
    size_t limit;
    size_t first, count; /* the jobs in order of their chunks, in a ring */
    struct job ring[MOST_JOBS];
};

/* Blocks the signals that are waited for, but those that the caller's caller ignores. */
void jobs_begin(struct jobs *jobs);

/* Starts the command on a chunk. 0 or -1 after saying why. */
int jobs_start(struct jobs *jobs, const mayfly_chunk *chunk);

/* Takes a signal that has come, or with `block` waits until one comes or a job has ended. Returns
 * the signal (not SIGCHLD), or 0. */
int jobs_wait(struct jobs *jobs, int block);

/* How many are running. */
size_t jobs_running(const struct jobs *jobs);

/* Passes a signal on to all that run; none is run again. */
void jobs_signal(struct jobs *jobs, int signal);

/* The next job in order, if it has ended: prints what it printed and takes it out of the ring.
 * 1 and the job, 0: there is none, -1: it cannot be printed. */
int jobs_next_ended(struct jobs *jobs, struct job *ret);

/* Ends this process by the signal, as if it had never been caught. */
_Noreturn void jobs_die(int signal);

#endif
