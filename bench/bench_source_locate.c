/* SPDX-License-Identifier: MIT
 *
 * Finding functions by the debug information of a large library.
 *
 *     bench_source_locate LIBRARY NAME...
 *
 * prints a line for each NAME: microseconds for the first time, and for each of three times after.
 * Between the first times of two names everything else stays as it is.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

#include "../src/source/locate.h"

static double now(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static double locate(mayfly_function function, const char *name) {
    struct mfi_origin origin = {0};
    const struct mfi_wanted wanted = {.function = function};
    mayfly_error error;
    const double before = now();
    if (mfi_locate(&wanted, &origin, &error) < 0) {
        (void)fprintf(stderr, "bench_source_locate: %s: %s\n", name, error.message);
        exit(1);
    }
    const double spent = now() - before;
    mfi_origin_free(&origin);
    return spent;
}

int main(int argc, char **argv) {
    void *handle = argc > 2 ? dlopen(argv[1], RTLD_LAZY | RTLD_LOCAL) : NULL;
    if (handle == NULL) {
        (void)fprintf(stderr, "bench_source_locate: %s\n", argc > 2 ? dlerror() : "no library");
        return 1;
    }
    for (int i = 2; i < argc; i++) {
        void *address = dlsym(handle, argv[i]);
        mayfly_function function;
        memcpy(&function, &address, sizeof function);
        (void)printf("%.1f", locate(function, argv[i]));
        for (int again = 0; again < 3; again++)
            (void)printf(" %.1f", locate(function, argv[i]));
        (void)printf("\n");
    }
    return 0;
}
