/* SPDX-License-Identifier: MIT
 *
 * One command that runs for this one.
 *
 * Invariants  signals are blocked and taken one after the other; what comes is passed on to the
 *             command, and this process goes on until the command has ended: then it can clean up.
 *             What the terminal sends goes to the command's process group by itself.
 */
#define _GNU_SOURCE
#include "child.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "command.h"

static const int passed_on[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};

static void take_signals(struct child *child) {
    struct sigaction action;
    (void)sigemptyset(&child->taken);
    (void)sigaddset(&child->taken, SIGCHLD);
    for (size_t i = 0; i < sizeof passed_on / sizeof *passed_on; i++)
        if (sigaction(passed_on[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
            (void)sigaddset(&child->taken, passed_on[i]);
    (void)sigprocmask(SIG_BLOCK, &child->taken, &child->mask_before);
    (void)signal(SIGCHLD, SIG_DFL);
}

static int move(const struct child_place *place) {
    if (place->input >= 0 && dup2(place->input, STDIN_FILENO) < 0)
        return -1;
    if (place->output >= 0 && dup2(place->output, STDOUT_FILENO) < 0)
        return -1;
    if (place->errors >= 0 && dup2(place->errors, STDERR_FILENO) < 0)
        return -1;
    return place->directory >= 0 ? fchdir(place->directory) : 0;
}

int child_start_at(struct child *ret, char **command, const struct child_place *place) {
    take_signals(ret);
    (void)fflush(NULL);
    ret->pid = fork();
    if (ret->pid < 0)
        return cli_say(EXIT_FAILED, "%s: %s", command[0], strerror(errno));
    if (ret->pid > 0)
        return 0;
    (void)sigprocmask(SIG_SETMASK, &ret->mask_before, NULL);
    if (move(place) != 0)
        _exit(126);
    (void)execvp(command[0], command);
    (void)cli_say(0, "%s: %s", command[0], strerror(errno));
    _exit(errno == ENOENT ? 127 : 126);
}

int child_start(struct child *ret, char **command, int output) {
    return child_start_at(ret, command, &(struct child_place){-1, output, -1, -1});
}

int child_wait(struct child *child) {
    int status = 0;
    for (;;) {
        siginfo_t info;
        const int signal = sigwaitinfo(&child->taken, &info);
        if (waitpid(child->pid, &status, WNOHANG) == child->pid)
            break;
        if (signal > 0 && signal != SIGCHLD && info.si_code != SI_KERNEL)
            (void)kill(child->pid, signal);
    }
    if (!WIFSIGNALED(status))
        (void)sigprocmask(SIG_SETMASK, &child->mask_before, NULL);
    return status;
}

void child_die_if_killed(const struct child *child, int status) {
    sigset_t only;
    if (!WIFSIGNALED(status))
        return;
    const int number = WTERMSIG(status);
    (void)mayfly_keep_on_signals(0, NULL);
    (void)signal(number, SIG_DFL);
    (void)sigprocmask(SIG_SETMASK, &child->mask_before, NULL);
    (void)sigemptyset(&only);
    (void)sigaddset(&only, number);
    (void)sigprocmask(SIG_UNBLOCK, &only, NULL);
    (void)raise(number);
    _exit(128 + number);
}
