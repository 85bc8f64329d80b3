/* SPDX-License-Identifier: MIT
 *
 * What a cache costs beside the system calls that it cannot do without, in interleaved rounds.
 * Prints lines of: case, contender, nanoseconds for one.
 *
 *     bench_cache DIR ROUNDS
 *
 *     hit      an entry of 4 KiB looked up   against   openat, read, close of a file of 4 KiB
 *     miss     a key that is not there       against   openat of a name that is not there
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

enum { ENTRIES = 1000, SIZE = 4096, TIMES = 20000, WRITES = 4000 };

static char data[SIZE];
static int dir;
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

static void get(const char *kind, int times, int expected) {
    char key[64], *value = NULL;
    size_t size;
    for (int i = 0; i < times; i++) {
        const size_t key_size = name_of((unsigned)i % ENTRIES, kind, key);
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

static void raw_get(const char *kind, int times, int expected) {
    char name[64];
    static char value[SIZE];
    for (int i = 0; i < times; i++) {
        (void)name_of((unsigned)i % ENTRIES, kind, name);
        const int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
        need((fd >= 0) == expected, "openat");
        if (fd >= 0)
            need(read(fd, value, SIZE) == SIZE && close(fd) == 0, "read");
    }
}

static void raw_put(const char *kind, int evict) {
    char name[64];
    for (unsigned i = 0; i < WRITES; i++) {
        (void)name_of(i, kind, name);
        const int fd = openat(dir, "new", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        need(fd >= 0 && write(fd, data, SIZE) == SIZE && close(fd) == 0, "write");
        need(renameat(dir, "new", dir, name) == 0, "renameat");
        if (evict)
            need(unlinkat(dir, name, 0) == 0, "unlinkat");
    }
}

/* ---- rounds ---------------------------------------------------------------------------------- */

static void tell(const char *what, const char *who, double begin, int times) {
    printf("%s\t%s\t%.1f\n", what, who, (now() - begin) / times);
}

#define MEASURE(what, who, times, call)                                                            \
    do {                                                                                           \
        const double begin = now();                                                                \
        call;                                                                                      \
        tell(what, who, begin, times);                                                             \
    } while (0)

/* What the puts of a round have made: the next finds the directories as this one did. */
static void take_away(void) {
    char name[64];
    for (unsigned i = 0; i < WRITES; i++) {
        const size_t size = name_of(i, "again", name);
        need(mayfly_cache_remove(cache, name, size, &error) == 1, "remove");
        need(unlinkat(dir, name, 0) == 0, "unlinkat");
    }
}

static void one_round(unsigned number) {
    MEASURE("hit", "mayfly", TIMES, get("there", TIMES, 1));
    MEASURE("hit", "raw", TIMES, raw_get("there", TIMES, 1));
    MEASURE("miss", "mayfly", TIMES, get("other", TIMES, 0));
    MEASURE("miss", "raw", TIMES, raw_get("other", TIMES, 0));
    MEASURE("put", "mayfly", WRITES, put(cache, "again", 0));
    MEASURE("put", "raw", WRITES, raw_put("again", 0));
    MEASURE("evict", "mayfly", WRITES, put(full, "evict", number * WRITES));
    MEASURE("evict", "raw", WRITES, raw_put("evict", 1));
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
