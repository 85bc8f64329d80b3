/* SPDX-License-Identifier: MIT
 *
 * What a cache costs beside the system calls that it cannot do without, in interleaved rounds.
 * Prints lines of: case, contender, nanoseconds for one.
 *
 *     bench_cache DIR ROUNDS
 *
 *     hit      an entry of 4 KiB looked up   against   open, read, close of a file of 4 KiB
 *     far hit  the same of so many entries that the processor's caches do not hold them
 *     held     the same                      against   openat, read, close in a directory held open
 *     miss     a key that is not there       against   open of a name that is not there
 *     put      an entry of 4 KiB stored      against   openat, write, close, rename
 *     evict    the same in a full cache      against   the same, and unlinkat
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <mayfly.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ENTRIES = 1000, FEW = 64, SIZE = 4096, TIMES = 1000, WRITES = 100 };

static char data[SIZE];
static int dir;
static const char *dir_path;
static mayfly_cache *cache, *full;
static mayfly_error error;

static double now(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void need(int good, const char *what) {
    if (good)
        return;
    fprintf(stderr, "bench_cache: %s: %s\n", what, error.message);
    exit(1);
}

/* Every key has a name as long as that of an entry, so that both look up the same. */
static size_t name_of(unsigned n, const char *kind, char *to) {
    return (size_t)snprintf(to, 64, "%s-%034u", kind, n);
}

/* ---- mayfly ---------------------------------------------------------------------------------- */

static void get(const char *kind, unsigned of, int times, int expected) {
    char key[64], *value = NULL;
    size_t size;
    for (int i = 0; i < times; i++) {
        const size_t key_size = name_of((unsigned)i % of, kind, key);
        const int r = mayfly_cache_get(cache, key, key_size, &value, &size, &error);
        need(r == expected, "get");
        if (r == 1)
            free(value);
    }
}

static void put(mayfly_cache *to, const char *kind, unsigned first) {
    char key[64];
    for (unsigned i = 0; i < WRITES; i++) {
        const size_t key_size = name_of(first + i, kind, key);
        need(mayfly_cache_put(to, key, key_size, data, SIZE, NULL, &error) == 0, "put");
    }
}

/* ---- raw ------------------------------------------------------------------------------------- */

static void raw_read(int fd, int expected) {
    static char value[SIZE];
    need((fd >= 0) == expected, "open");
    if (fd >= 0)
        need(read(fd, value, SIZE) == SIZE && close(fd) == 0, "read");
}

/* By its path, as a program does that has no cache. */
static void raw_get(const char *kind, unsigned of, int times, int expected) {
    char path[512];
    for (int i = 0; i < times; i++) {
        (void)snprintf(path, sizeof path, "%s/%s-%034u", dir_path, kind, (unsigned)i % of);
        raw_read(open(path, O_RDONLY | O_CLOEXEC), expected);
    }
}

static void raw_get_held(const char *kind, unsigned of, int times) {
    char name[64];
    for (int i = 0; i < times; i++) {
        (void)name_of((unsigned)i % of, kind, name);
        raw_read(openat(dir, name, O_RDONLY | O_CLOEXEC), 1);
    }
}

static void raw_put(const char *kind, unsigned first, int evict) {
    char name[64];
    for (unsigned i = 0; i < WRITES; i++) {
        (void)name_of(first + i, kind, name);
        const int fd = openat(dir, "new", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        need(fd >= 0 && write(fd, data, SIZE) == SIZE && close(fd) == 0, "write");
        need(renameat(dir, "new", dir, name) == 0, "renameat");
        if (evict)
            need(unlinkat(dir, name, 0) == 0, "unlinkat");
    }
}

/* ---- rounds ---------------------------------------------------------------------------------- */

enum { BATCHES = 40 };

static int by_time(const void *one, const void *other) {
    const double a = *(const double *)one, b = *(const double *)other;
    return (a > b) - (a < b);
}

/* Both take turns in small batches, so that what else the machine does falls on both alike; the
 * median batch counts. */
static void tell(const char *what, double mayfly[BATCHES], double raw[BATCHES]) {
    qsort(mayfly, BATCHES, sizeof *mayfly, by_time);
    qsort(raw, BATCHES, sizeof *raw, by_time);
    printf("%s\tmayfly\t%.1f\n%s\traw\t%.1f\n", what, mayfly[BATCHES / 2], what, raw[BATCHES / 2]);
}

#define MEASURE(what, times, our_call, raw_call)                                                   \
    do {                                                                                           \
        double mayfly[BATCHES], raw[BATCHES];                                                      \
        for (unsigned batch = 0; batch < BATCHES; batch++) {                                       \
            const double begin = now();                                                            \
            our_call;                                                                              \
            const double middle = now();                                                           \
            raw_call;                                                                              \
            mayfly[batch] = (middle - begin) / (times);                                            \
            raw[batch] = (now() - middle) / (times);                                               \
        }                                                                                          \
        tell(what, mayfly, raw);                                                                   \
    } while (0)

/* What the puts of a round have made: the next finds the directories as this one did. */
static void take_away(void) {
    char name[64];
    for (unsigned i = 0; i < BATCHES * WRITES; i++) {
        const size_t size = name_of(i, "again", name);
        need(mayfly_cache_remove(cache, name, size, &error) == 1, "remove");
        need(unlinkat(dir, name, 0) == 0, "unlinkat");
    }
}

static void one_round(unsigned number) {
    const unsigned first = number * BATCHES * WRITES;
    MEASURE("hit", TIMES, get("there", FEW, TIMES, 1), raw_get("there", FEW, TIMES, 1));
    MEASURE("held", TIMES, get("there", FEW, TIMES, 1), raw_get_held("there", FEW, TIMES));
    MEASURE("far hit", TIMES, get("there", ENTRIES, TIMES, 1), raw_get("there", ENTRIES, TIMES, 1));
    MEASURE("miss", TIMES, get("other", FEW, TIMES, 0), raw_get("other", FEW, TIMES, 0));
    MEASURE("put", WRITES, put(cache, "again", batch * WRITES),
            raw_put("again", batch * WRITES, 0));
    MEASURE("evict", WRITES, put(full, "evict", first + batch * WRITES),
            raw_put("evict", batch * WRITES, 1));
    take_away();
}

int main(int argc, char **argv) {
    char name[64];
    mayfly_auto(mayfly_dir) raw = NULL;
    if (argc != 3)
        return 2;
    const mayfly_cache_options roomy = {.dir = argv[1], .max_entries = 100000};
    const mayfly_cache_options tight = {.dir = argv[1], .max_entries = ENTRIES};
    need(mayfly_temporary_directory(&(mayfly_dir_options){.dir = argv[1]}, &raw, &error) == 0,
         "directory");
    need(mayfly_cache_open(&roomy, &cache, &error) == 0, "open");
    need(mayfly_cache_open(&tight, &full, &error) == 0, "open");
    dir = mayfly_dir_fd(raw);
    dir_path = mayfly_dir_path(raw);
    memset(data, 'x', sizeof data);
    for (unsigned n = 0; n < ENTRIES; n++) {
        const size_t size = name_of(n, "there", name);
        need(mayfly_cache_put(cache, name, size, data, SIZE, NULL, &error) == 0, "put");
        need(mayfly_cache_put(full, name, size, data, SIZE, NULL, &error) == 0, "put");
        const int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        need(fd >= 0 && write(fd, data, SIZE) == SIZE && close(fd) == 0, "write");
    }
    for (int i = 0; i < atoi(argv[2]); i++)
        one_round((unsigned)i);
    return mayfly_cache_close(&full, &error) < 0 || mayfly_cache_close(&cache, &error) < 0;
}
