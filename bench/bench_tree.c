/* SPDX-License-Identifier: MIT
 *
 * Makes trees and measures how long their removal takes; bench/run_tree drives it.
 *
 *     bench_tree make PATH DIRECTORIES FILES   FILES of 16 bytes in each of DIRECTORIES below PATH
 *                                              (0 directories: in PATH itself)
 *     bench_tree remove PATH JOBS              prints the nanoseconds
 *     bench_tree rm PATH                       rm -rf, with what starting it costs
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <mayfly.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int give_up(const char *what) {
    perror(what);
    return 1;
}

static int fill(int dir, int files) {
    char name[32];
    for (int i = 0; i < files; i++) {
        (void)snprintf(name, sizeof name, "file-%d", i);
        const int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0 || write(fd, "0123456789abcdef", 16) != 16 || close(fd) != 0)
            return give_up(name);
    }
    return 0;
}

static int make(const char *path, int directories, int files) {
    char name[32];
    if (mkdir(path, 0700) != 0)
        return give_up(path);
    const int root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = directories == 0 ? fill(root, files) : 0;
    for (int i = 0; i < directories && r == 0; i++) {
        (void)snprintf(name, sizeof name, "directory-%d", i);
        if (mkdirat(root, name, 0700) != 0)
            return give_up(name);
        const int dir = openat(root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        r = fill(dir, files);
        (void)close(dir);
    }
    (void)close(root);
    return r;
}

static int remove_tree(const char *path, unsigned jobs) {
    mayfly_error error;
    const double begin = now();
    if (mayfly_remove_tree(path, &(mayfly_tree_options){.jobs = jobs}, NULL, &error) < 0) {
        (void)fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    (void)printf("%.0f\n", now() - begin);
    return 0;
}

static int rm(const char *path) {
    int status = 1;
    const double begin = now();
    const pid_t pid = fork();
    if (pid == 0) {
        (void)execlp("rm", "rm", "-rf", path, (char *)NULL);
        _exit(127);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
        return 1;
    (void)printf("%.0f\n", now() - begin);
    return 0;
}

int main(int count, char **arguments) {
    if (count == 5 && strcmp(arguments[1], "make") == 0)
        return make(arguments[2], atoi(arguments[3]), atoi(arguments[4]));
    if (count == 4 && strcmp(arguments[1], "remove") == 0)
        return remove_tree(arguments[2], (unsigned)atoi(arguments[3]));
    if (count == 3 && strcmp(arguments[1], "rm") == 0)
        return rm(arguments[2]);
    (void)fprintf(stderr, "usage: bench_tree make PATH DIRECTORIES FILES | remove PATH JOBS | "
                          "rm PATH\n");
    return 2;
}
