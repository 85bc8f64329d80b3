/* SPDX-License-Identifier: MIT
 *
 * What it costs to print into a capture, as bench/run_capture asks for it.
 *
 *     bench_capture HOW PIECE TIMES ROUNDS    prints for each round the nanoseconds that a file in
 *                      memory took, which is made and written to directly, and those of a capture
 *                      from its beginning to its end; who begins changes. HOW is
 *                      capture  descriptor 1 is captured, and written to
 *                      pipe     the same with a pipe and a thread
 *                      printf-capture, printf-pipe   the same through stdio
 *                      PIECE is the size of a write, TIMES how many there are.
 */
#define _GNU_SOURCE
#include <mayfly.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static char *data;
static size_t piece;
static long times;

static double now(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void need(int condition) {
    if (!condition) {
        perror("bench_capture");
        exit(1);
    }
}

static void by_write(int fd) {
    for (long i = 0; i < times; i++)
        need(write(fd, data, piece) == (ssize_t)piece);
}

static void by_stdio(FILE *stream) {
    for (long i = 0; i < times; i++)
        need(fwrite(data, 1, piece, stream) == piece);
}

static double directly(int stdio) {
    const double begin = now();
    const int fd = memfd_create("bench", MFD_CLOEXEC);
    need(fd >= 0);
    if (stdio) {
        FILE *stream = fdopen(fd, "w");
        need(stream != NULL);
        by_stdio(stream);
        need(fflush(stream) == 0);
        const double end = now();
        (void)fclose(stream);
        return end - begin;
    }
    by_write(fd);
    const double end = now();
    (void)close(fd);
    return end - begin;
}

static double captured(int stdio, const mayfly_capture_options *options) {
    mayfly_auto(mayfly_capture) capture = NULL;
    mayfly_file *file = NULL;
    const double begin = now();
    need(mayfly_capture(MAYFLY_STDOUT, options, &capture, NULL) == 0);
    if (stdio)
        by_stdio(stdout);
    else
        by_write(STDOUT_FILENO);
    need(mayfly_capture_end(capture, NULL) == 0);
    const double end = now();
    need(mayfly_capture_file(capture, MAYFLY_STDOUT, &file, NULL) == 0);
    need(mayfly_file_size(file, NULL) == (int64_t)piece * times);
    return end - begin;
}

int main(int argc, char **argv) {
    if (argc != 5)
        return 2;
    const int stdio = strncmp(argv[1], "printf-", 7) == 0;
    const char *how = argv[1] + (stdio ? 7 : 0);
    piece = strtoul(argv[2], NULL, 10);
    times = atol(argv[3]);
    data = malloc(piece);
    need(data != NULL && piece > 0 && times > 0);
    memset(data, 'x', piece);
    const mayfly_capture_options options = {.pipe = strcmp(how, "pipe") == 0};
    /* Once before: what a process does only once is not what is asked for. */
    (void)directly(stdio);
    (void)captured(stdio, &options);
    for (long round = 0, rounds = atol(argv[4]); round < rounds; round++) {
        const double early = round % 2 == 0 ? directly(stdio) : 0;
        const double taken = captured(stdio, &options);
        printf("%.0f %.0f\n", round % 2 == 0 ? early : directly(stdio), taken);
    }
    free(data);
    return 0;
}
