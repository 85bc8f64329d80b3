/* SPDX-License-Identifier: MIT
 *
 * The bare system calls of what bench/python.py measures: what no library can be faster than, and
 * what both sides pay alike.
 *
 *     raw_python named|unnamed|thousand ROUNDS      in TMPDIR; prints nanoseconds of processor time
 *                                                   each: the median of the rounds
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int place;

static double now(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void need(int good, const char *what) {
    if (good)
        return;
    perror(what);
    exit(1);
}

static double unnamed(void) {
    const double start = now();
    for (int i = 0; i < 300; i++) {
        const int fd = openat(place, ".", O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
        need(fd >= 0 && write(fd, "hello", 5) == 5 && close(fd) == 0, "O_TMPFILE");
    }
    return (now() - start) / 300;
}

static double named(void) {
    const double start = now();
    for (int i = 0; i < 300; i++) {
        const int fd = openat(place, "raw", O_CREAT | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
        need(fd >= 0 && write(fd, "hello", 5) == 5 && unlinkat(place, "raw", 0) == 0, "raw");
        need(close(fd) == 0, "close");
    }
    return (now() - start) / 300;
}

static double thousand(void) {
    need(mkdirat(place, "raw.d", 0700) == 0, "raw.d");
    const int fd = openat(place, "raw.d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; i < 1000; i++) {
        char name[12];
        (void)snprintf(name, sizeof name, "%d", i);
        const int file = openat(fd, name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        need(file >= 0 && close(file) == 0, name);
    }
    const double start = now();
    DIR *dir = fdopendir(fd);
    need(dir != NULL, "fdopendir");
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir))
        if (entry->d_name[0] != '.')
            need(unlinkat(fd, entry->d_name, 0) == 0, entry->d_name);
    (void)closedir(dir);
    need(unlinkat(place, "raw.d", AT_REMOVEDIR) == 0, "raw.d");
    return now() - start;
}

static int compare(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        double (*work)(void);
    } works[] = {{"named", named}, {"unnamed", unnamed}, {"thousand", thousand}};
    const int rounds = argc == 3 ? atoi(argv[2]) : 0;
    const char *base = getenv("TMPDIR");
    need(rounds > 0 && base != NULL, "raw_python named|unnamed|thousand ROUNDS, in TMPDIR");
    place = open(base, O_PATH | O_DIRECTORY | O_CLOEXEC);
    need(place >= 0, base);
    double *took = calloc((size_t)rounds, sizeof *took);
    need(took != NULL, "memory");
    for (size_t i = 0; i < 3; i++) {
        if (strcmp(works[i].name, argv[1]) != 0)
            continue;
        for (int round = 0; round < rounds; round++)
            took[round] = works[i].work();
        qsort(took, (size_t)rounds, sizeof *took, compare);
        printf("%.0f\n", took[rounds / 2]);
    }
    free(took);
    return 0;
}
