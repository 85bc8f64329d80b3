/* SPDX-License-Identifier: MIT
 *
 * However a process ends, nothing is left: signals, SIGKILL, limits, and looking on.
 */
#include "example.h"

#include <signal.h>
#include <sys/wait.h>

static void print_event(const mayfly_event *event, void *user) {
    (void)user;
    printf("    %s %s\n", mayfly_event_name(event->kind), event->path == NULL ? "" : event->path);
}

/* A worker that is in the middle of its work when the signal comes. */
static int end_of_worker(int signal_number) {
    int status = 0;
    (void)fflush(stdout);
    const pid_t pid = fork();
    if (pid == 0) {
        mayfly_file *table = NULL;
        mayfly_dir *parts = NULL;
        try(mayfly_keep_on_signals(MAYFLY_ON_USUAL, &error));
        try(mayfly_named_temporary_file(&(mayfly_file_options){.suffix = ".csv"}, &table, &error));
        try(mayfly_temporary_directory(&(mayfly_dir_options){.prefix = "parts_"}, &parts, &error));
        try(mayfly_dir_mkdir(parts, "2026/11", &error));
        (void)raise(signal_number);
    }
    expect(waitpid(pid, &status, 0) == pid, "the worker has ended");
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static int count_orphans(const mayfly_lease *lease, const mayfly_lease_entry *entry, void *user) {
    if (entry != NULL && lease->state == MAYFLY_LEASE_ORPHANED && entry->there)
        ++*(int *)user;
    return 0;
}

int main(void) {
    int orphans = 0;
    mayfly_reap_result result;

    expect(end_of_worker(SIGTERM) == SIGTERM, "its parent sees what ended it");
    try(mayfly_leases(count_orphans, &orphans, &error));
    printf("after SIGTERM, left: %d\n", orphans);

    expect(end_of_worker(SIGKILL) == SIGKILL, "nothing can be done in time");
    try(mayfly_leases(count_orphans, &orphans, &error));
    printf("after SIGKILL, left: %d, by a lease that nobody holds\n", orphans);
    mayfly_set_event_hook(print_event, NULL);
    try(mayfly_reap(NULL, &result, &error));
    mayfly_set_event_hook(NULL, NULL);
    expect(result.removed >= 2, "the reaper has removed what it had");

    /* A limit, before the disk is full. */
    mayfly_auto(mayfly_dir) small = NULL;
    mayfly_auto(mayfly_file) file = NULL;
    char data[600] = "";
    try(mayfly_temporary_directory(&(mayfly_dir_options){.max_bytes = 1000}, &small, &error));
    try(mayfly_dir_file(small, "log", NULL, &file, &error));
    try(mayfly_file_write(file, data, sizeof data, &error));
    expect(mayfly_file_write(file, data, sizeof data, &error) == -EDQUOT, "there is a limit");
    printf("%s\n", error.message);
    try(mayfly_file_truncate(file, 0, &error)); /* what was refused is given up */
    return 0;
}
