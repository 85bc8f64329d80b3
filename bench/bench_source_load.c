/* SPDX-License-Identifier: MIT
 *
 * Loading sources against the compiler and the loader alone.
 *
 *     bench_source_load cached ROUNDS [FILE.c]   dlopen of the compiled file, mayfly_load_source
 *     bench_source_load compile ROUNDS [FILE.c]  cc and dlopen, mayfly_load_source without a cache
 *
 * prints for each round the two times in nanoseconds, of one loading with the look-up of a function
 * and unloading it. Who begins changes from round to round. FILE.c needs a function `first`.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <mayfly/namespace.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CACHED_TIMES = 10 };

static const char *source, *object = "./first.so";

static double now(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void die(const char *what) {
    (void)fprintf(stderr, "bench_source_load: %s\n", what);
    exit(1);
}

static void run_cc(void) {
    char *const arguments[] = {"cc",
                               "-O1",
                               "-fPIC",
                               "-shared",
                               "-fvisibility=protected",
                               "-o",
                               (char *)(uintptr_t)object,
                               (char *)(uintptr_t)source,
                               NULL};
    int status = -1;
    pid_t pid;
    if (posix_spawnp(&pid, "cc", NULL, NULL, arguments, environ) != 0 ||
        waitpid(pid, &status, 0) != pid || status != 0)
        die("cc fails");
}

static void bare_dlopen(void) {
    void *handle = dlopen(object, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL || dlsym(handle, "first") == NULL)
        die("dlopen fails");
    (void)dlclose(handle);
}

static void load(bool uncached) {
    mayfly_auto(mayfly_namespace) ns = NULL;
    mayfly_error error;
    const mayfly_load_source_options options = {.uncached = uncached};
    if (mayfly_load_source(source, &options, &ns, &error) < 0)
        die(error.message);
    if (mayfly_namespace_function(ns, "first") == NULL)
        die("there is no function `first`");
}

static double measure(bool ours, bool cached) {
    const int times = cached ? CACHED_TIMES : 1;
    const double begun = now();
    for (int i = 0; i < times; i++) {
        if (ours) {
            load(!cached);
            continue;
        }
        if (!cached)
            run_cc();
        bare_dlopen();
    }
    return (now() - begun) / times;
}

int main(int argc, char **argv) {
    if (argc != 4)
        die("usage: bench_source_load cached|compile ROUNDS FILE.c");
    const bool cached = strcmp(argv[1], "cached") == 0;
    const long rounds = strtol(argv[2], NULL, 10);
    source = argv[3];
    run_cc();
    load(!cached);
    for (long i = 0; i < rounds; i++) {
        double times[2];
        for (int turn = 0; turn < 2; turn++)
            times[(i + turn) % 2] = measure((i + turn) % 2 == 1, cached);
        (void)printf("%.0f %.0f\n", times[0], times[1]);
    }
    (void)unlink(object);
    return 0;
}
