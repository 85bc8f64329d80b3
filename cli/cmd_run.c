/* SPDX-License-Identifier: MIT
 *
 * mayfly run: a command with a temporary directory or file of its own.
 *
 * Invariants  signals are blocked and taken one after the other; what comes is passed on to the
 *             command, and this process goes on until the command has ended: then it cleans up.
 *             It ends as the command did: with its status, or by its signal.
 *             The lease is inherited: killed itself, it leaves what the command still uses to a
 *             reaper that comes after the last process that the command has left.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "command.h"

static const int passed_on[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};

struct run {
    mayfly_dir *dir;
    mayfly_file *file;
    const char *path;
    sigset_t taken, mask_before;
    pid_t pid;
};

/* ---- before ---------------------------------------------------------------------------------- */

static int make_dir(struct run *run, const struct cli_values *values, mayfly_place place,
                    mayfly_error *error) {
    const mayfly_dir_options options = {
        .prefix = cli_value(values, "prefix"),
        .suffix = cli_value(values, "suffix"),
        .place = place,
        .near = cli_value(values, "near"),
    };
    const int r = mayfly_temporary_directory(&options, &run->dir, error);
    if (r < 0)
        return r;
    run->path = mayfly_dir_path(run->dir);
    (void)setenv("TMPDIR", run->path, 1);
    (void)setenv("MAYFLY_DIR", run->path, 1);
    return 0;
}

static int make_file(struct run *run, const struct cli_values *values, mayfly_place place,
                     mayfly_error *error) {
    const mayfly_file_options options = {
        .prefix = cli_value(values, "prefix"),
        .suffix = cli_value(values, "suffix"),
        .place = place,
        .near = cli_value(values, "near"),
        .keep_on_close = true,
        .sticky = true, /* it may live for weeks, and cleaners of /tmp leave such files */
    };
    int r = mayfly_named_temporary_file(&options, &run->file, error);
    if (r == 0)
        r = mayfly_file_close_descriptor(run->file, error);
    if (r < 0)
        return r;
    run->path = mayfly_file_path(run->file);
    (void)setenv("MAYFLY_FILE", run->path, 1);
    return 0;
}

static int prepare(struct run *run, const struct cli_values *values) {
    mayfly_error error;
    mayfly_place place;
    const int usage = cli_place(values, &place);
    if (usage != 0)
        return usage;
    int r = cli_value(values, "file") != NULL ? make_file(run, values, place, &error)
                                              : make_dir(run, values, place, &error);
    if (r == 0 && cli_value(values, "guard") != NULL)
        r = mayfly_keep_guard(&error);
    if (r < 0)
        return cli_say(EXIT_FAILED, "%s", error.message);
    if (mayfly_lease_inherit(&error) < 0)
        (void)cli_say(0, "%s", error.message); /* it works all the same, unless it is killed */
    return 0;
}

/* ---- the command ----------------------------------------------------------------------------- */

static void take_signals(struct run *run) {
    struct sigaction action;
    (void)sigemptyset(&run->taken);
    (void)sigaddset(&run->taken, SIGCHLD);
    for (size_t i = 0; i < sizeof passed_on / sizeof *passed_on; i++)
        if (sigaction(passed_on[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
            (void)sigaddset(&run->taken, passed_on[i]);
    (void)sigprocmask(SIG_BLOCK, &run->taken, &run->mask_before);
    (void)signal(SIGCHLD, SIG_DFL);
}

static int start(struct run *run, char **command) {
    (void)fflush(NULL);
    run->pid = fork();
    if (run->pid < 0)
        return cli_say(EXIT_FAILED, "%s: %s", command[0], strerror(errno));
    if (run->pid > 0)
        return 0;
    (void)sigprocmask(SIG_SETMASK, &run->mask_before, NULL);
    (void)execvp(command[0], command);
    (void)cli_say(0, "%s: %s", command[0], strerror(errno));
    _exit(errno == ENOENT ? 127 : 126);
}

/* What the terminal sends goes to the command's process group by itself. */
static int wait_for_end(const struct run *run) {
    int status = 0;
    for (;;) {
        siginfo_t info;
        const int signal = sigwaitinfo(&run->taken, &info);
        if (waitpid(run->pid, &status, WNOHANG) == run->pid)
            return status;
        if (signal > 0 && signal != SIGCHLD && info.si_code != SI_KERNEL)
            (void)kill(run->pid, signal);
    }
}

/* ---- after ----------------------------------------------------------------------------------- */

static int clean_up(struct run *run, int keep) {
    mayfly_error error;
    int r = 0;
    if (keep) {
        r = run->dir != NULL ? mayfly_dir_keep(run->dir, &error)
                             : mayfly_file_keep(run->file, &error);
        if (r == 0)
            (void)cli_say(0, "kept %s", run->path);
    }
    if (r == 0)
        r = run->dir != NULL ? mayfly_dir_close(&run->dir, &error)
                             : mayfly_file_close(&run->file, &error);
    return r < 0 ? cli_say(EXIT_FAILED, "%s", error.message) : EXIT_OK;
}

static _Noreturn void die_of(const struct run *run, int number) {
    sigset_t only;
    (void)mayfly_keep_on_signals(0, NULL);
    (void)signal(number, SIG_DFL);
    (void)sigprocmask(SIG_SETMASK, &run->mask_before, NULL);
    (void)sigemptyset(&only);
    (void)sigaddset(&only, number);
    (void)sigprocmask(SIG_UNBLOCK, &only, NULL);
    (void)raise(number);
    _exit(128 + number);
}

int cmd_run(const struct cli_values *values) {
    struct run run = {.pid = -1};
    if (values->after_dashes == NULL || values->after_dashes[0] == NULL)
        return cli_usage("a command is needed after --");
    if (values->operand_count > 0)
        return cli_usage("'%s': the command stands after --", values->operands[0]);
    if (cli_value(values, "file") != NULL && cli_value(values, "dir") != NULL)
        return cli_usage("--dir and --file exclude each other");
    int r = prepare(&run, values);
    if (r != 0)
        return r;
    take_signals(&run);
    r = start(&run, values->after_dashes);
    if (r != 0)
        return r;
    const int status = wait_for_end(&run);
    const int failed = !WIFEXITED(status) || WEXITSTATUS(status) != 0;
    const int cleaned = clean_up(&run, failed && cli_value(values, "keep-on-error") != NULL);
    if (WIFSIGNALED(status))
        die_of(&run, WTERMSIG(status));
    (void)sigprocmask(SIG_SETMASK, &run.mask_before, NULL);
    return failed ? WEXITSTATUS(status) : cleaned;
}
