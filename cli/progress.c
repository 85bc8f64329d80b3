/* SPDX-License-Identifier: MIT
 *
 * A bar on a terminal's last line.
 */
#define _GNU_SOURCE
#include "progress.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { WIDTH = 24 };

static int shown, active;
static struct timespec begun;

static double seconds(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - begun.tv_sec) + (double)(now.tv_nsec - begun.tv_nsec) / 1e9;
}

void progress_begin(int quiet) {
    active = !quiet && isatty(STDERR_FILENO);
    (void)clock_gettime(CLOCK_MONOTONIC, &begun);
}

void progress_show(uint64_t chunks, uint64_t rows, int64_t done, int64_t total, int now) {
    static double last;
    if (!active)
        return;
    const double passed = seconds();
    if (!now && passed - last < 0.1)
        return;
    last = passed;
    (void)fprintf(stderr, "\r\033[K");
    if (total > 0 && done > 0 && done <= total) {
        const int filled = (int)(done * WIDTH / total);
        const double left = passed * (double)(total - done) / (double)done;
        (void)fprintf(stderr, "[%.*s%.*s] %3d%%  %.0f s left  ", filled, "########################",
                      WIDTH - filled, "------------------------", (int)(done * 100 / total), left);
    }
    (void)fprintf(stderr, "%llu chunks, %llu records", (unsigned long long)chunks,
                  (unsigned long long)rows);
    if (passed > 0)
        (void)fprintf(stderr, ", %.1f MB/s", (double)done / passed / 1e6);
    (void)fflush(stderr);
    shown = 1;
}

void progress_clear(void) {
    if (shown)
        (void)fprintf(stderr, "\r\033[K");
    shown = 0;
}
