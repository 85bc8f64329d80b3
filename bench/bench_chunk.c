/* SPDX-License-Identifier: MIT
 *
 * How fast records are found and files are split.
 *
 *     bench_chunk scan FILE     GB/s of the file in memory: the scan with each kind of
 *                               instructions, memchr for '\n', memcpy; the records found
 *     bench_chunk split FILE ROWS files|kernel|memory|ranges
 *                               seconds for all pieces; "kernel": files by copy_file_range
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <mayfly.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../src/base/base.h"

enum { ROUNDS = 7 };

static double now(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static char *read_whole(const char *path, size_t *ret_size) {
    struct stat st;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0)
        return NULL;
    char *data = malloc((size_t)st.st_size + 1);
    size_t size = 0;
    ssize_t n = 0;
    while (data != NULL && (n = read(fd, data + size, (size_t)st.st_size - size)) > 0)
        size += (size_t)n;
    (void)close(fd);
    *ret_size = size;
    return data;
}

/* Sinks of what is measured, so that it is not left out. */
static volatile uint64_t sink;

static uint64_t scan_with(mfi_marker *marker, const char *data, size_t size) {
    struct mfi_scan scan = {.marker = marker,
                            .quote = '"',
                            .delimiter = ',',
                            .quotes = true,
                            .cr_ends = true,
                            .strict = true,
                            .longest = 64 << 20};
    const enum mfi_scan_result r = mfi_scan(&scan, data, size, UINT64_MAX, true);
    return r == MFI_SCAN_MORE ? scan.records + (scan.start < size) : 0;
}

static uint64_t count_lines(const char *data, size_t size) {
    uint64_t lines = 0;
    const char *end = data + size;
    for (const char *p = data; (p = memchr(p, '\n', (size_t)(end - p))) != NULL; p++)
        lines++;
    return lines;
}

static void tell(const char *name, size_t size, double best, uint64_t found) {
    printf("%s %.2f %llu\n", name, (double)size / best / 1e9, (unsigned long long)found);
}

static int scan(const char *path) {
    size_t size = 0;
    char *data = read_whole(path, &size), *copy = malloc(size + 1);
    if (data == NULL || copy == NULL)
        return 1;
    memset(copy, 1, size); /* its pages are there */
    const char *name = "";
    for (size_t i = 0; mfi_marker_at(i, &name) != NULL; i++) {
        double best = 1e9;
        for (int round = 0; round < ROUNDS; round++) {
            const double begin = now();
            sink = scan_with(mfi_marker_at(i, NULL), data, size);
            const double took = now() - begin;
            best = took < best ? took : best;
        }
        tell(name, size, best, sink);
    }
    double lines = 1e9, copied = 1e9;
    for (int round = 0; round < ROUNDS; round++) {
        const double begin = now();
        sink = count_lines(data, size);
        const double middle = now();
        memcpy(copy, data, size);
        sink = sink + (unsigned char)copy[size / 2] * 0u;
        const double end = now();
        lines = middle - begin < lines ? middle - begin : lines;
        copied = end - middle < copied ? end - middle : copied;
    }
    tell("memchr", size, lines, sink);
    tell("memcpy", size, copied, 0);
    free(copy);
    free(data);
    return 0;
}

static int split(const char *path, const char *rows, const char *how) {
    mayfly_error error;
    mayfly_auto(mayfly_chunks) chunks = NULL;
    mayfly_chunk chunk;
    mayfly_chunk_options options = {.rows = strtoull(rows, NULL, 10)};
    options.copying = strcmp(how, "kernel") == 0 ? MAYFLY_COPYING_KERNEL : MAYFLY_COPYING_DEFAULT;
    if (strcmp(how, "memory") == 0) {
        options.pieces = MAYFLY_PIECES_MEMORY;
        options.drop = true;
    }
    if (strcmp(how, "ranges") == 0)
        options.pieces = MAYFLY_PIECES_RANGES;
    const double begin = now();
    uint64_t found = 0, count = 0;
    int r = mayfly_chunks_open(path, &options, &chunks, &error);
    while (r >= 0 && (r = mayfly_chunks_next(chunks, &chunk, &error)) > 0) {
        found += chunk.rows;
        count++;
    }
    if (r < 0)
        return fprintf(stderr, "%s\n", error.message), 1;
    printf("%.3f %llu %llu\n", now() - begin, (unsigned long long)count, (unsigned long long)found);
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "scan") == 0)
        return scan(argv[2]);
    if (argc == 5 && strcmp(argv[1], "split") == 0)
        return split(argv[2], argv[3], argv[4]);
    return 2;
}
