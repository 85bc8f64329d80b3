/* SPDX-License-Identifier: MIT
 *
 * One command that runs for this one.
 */
#ifndef CLI_CHILD_H
#define CLI_CHILD_H

#include <signal.h>
#include <sys/types.h>

struct child {
    pid_t pid;
    sigset_t taken, mask_before;
};

/* Blocks the signals that are passed on and starts the command, with `output` (-1: ours) as its
 * standard output. 0, or EXIT_FAILED after saying why. */
int child_start(struct child *ret, char **command, int output);

/* Where else it stands than this process; -1: as this one. */
struct child_place {
    int input, output, errors; /* its standard streams */
    int directory;             /* its working directory */
};

int child_start_at(struct child *ret, char **command, const struct child_place *place);

/* Waits for its end, passing signals on. Returns its status as waitpid gives it. */
int child_wait(struct child *child);

/* Ends this process by the signal that ended the command, if one did. */
void child_die_if_killed(const struct child *child, int status);

#endif
