/* SPDX-License-Identifier: MIT
 *
 * What mayfly bench measures, and what came out.
 */
#ifndef CLI_BENCH_H
#define CLI_BENCH_H

#include <mayfly.h>
#include <mayfly/dump.h>

/* Seconds, over all iterations. */
struct bench_times {
    double sum, least, most;
};

double bench_now(void);
void bench_note(struct bench_times *times, double took);

/* Dumping to one kind of thing, and loading from it. */
struct bench_half {
    struct bench_times dump, load;
    uint64_t bytes; /* of all iterations */
};

enum { BENCH_FILE, BENCH_BUFFER, BENCH_HALVES };

struct bench_item {
    char *name; /* fit to be shown: UTF-8 without control characters */
    mayfly_doc *doc;
    uint64_t iterations;
    struct bench_half half[BENCH_HALVES];
};

/* The workloads of dill.temp's documentation; ends with a NULL name. `build` gives the value. */
struct bench_workload {
    const char *name;
    mayfly_value (*build)(mayfly_doc *doc);
};

extern const struct bench_workload bench_workloads[];

/* Compares temporary files in memory and on disk with a text of so many lines, and prints that.
 * Returns the exit status. */
int bench_disk_memory(uint64_t lines, uint64_t rounds, int json);

/* Draws the averages as an SVG picture and puts it in place of `path`, all or nothing. 0, or a
 * failure. */
int bench_plot(const char *path, const struct bench_item *items, size_t count, mayfly_error *error);

#endif
