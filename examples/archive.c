/* SPDX-License-Identifier: MIT
 *
 * A directory that is removed by hand, and an archive of it that stays: tempfile-deep-dive.md
 * "Manual Temporary Directory Management". tar(1) stands for shutil.make_archive; it writes to a
 * file that gets its name only when all of it is there.
 */
#include <spawn.h>
#include <sys/wait.h>

#include "example.h"

extern char **environ;

static int run_tar(const char *dir, int output) {
    char *arguments[] = {(char *)"tar", (char *)"-cC", (char *)dir, (char *)".", NULL};
    posix_spawn_file_actions_t actions;
    pid_t pid = -1;
    int status = -1;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    const int r = posix_spawnp(&pid, "tar", &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (r != 0 || waitpid(pid, &status, 0) != pid)
        return -1;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

int main(void) {
    char *dir = NULL;
    char archive[4200], work_file[4200];
    try(mayfly_mkdtemp(NULL, &dir, &error));
    printf("Created temporary directory: %s\n", dir);
    snprintf(archive, sizeof archive, "%s.tar", dir);
    snprintf(work_file, sizeof work_file, "%s/work.txt", dir);
    try(mayfly_replace_with(work_file, "Important work data", 19, NULL, &error));

    mayfly_replace *replace = NULL;
    try(mayfly_replace_begin(archive, NULL, &replace, &error));
    const int fd = (int)try(mayfly_file_fd(mayfly_replace_file(replace), &error));
    const int made = run_tar(dir, fd);
    if (made == 0) {
        try(mayfly_replace_commit(replace, NULL, &error));
        printf("Created archive: %s, %lld bytes\n", archive,
               (long long)mayfly_file_size(mayfly_replace_file(replace), NULL));
    }
    try(mayfly_replace_end(&replace, &error)); /* without a commit nothing is there */
    expect((access(archive, F_OK) == 0) == (made == 0), "the whole archive, or none");

    try(mayfly_remove_tree(dir, NULL, NULL, &error));
    printf("Manually cleaned up temporary directory\n");
    expect(made == 0 && unlink(archive) == 0, "the archive has outlived the directory");
    free(dir);
    return 0;
}
