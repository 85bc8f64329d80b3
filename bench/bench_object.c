/* SPDX-License-Identifier: MIT
 *
 * Reads and writes a pickle that is in memory, as bench/run_object asks for it.
 *
 *     bench_object serve PROTOCOL FILE        each line of the standard input, "WHAT COUNT", is
 *                                             answered by the median of so many times in
 *                                             nanoseconds. WHAT is
 *                                             load        a new document
 *                                             load+free   the same, and the freeing of it
 *                                             again       the same document once more
 *                                             borrow      like `load`, with MAYFLY_BORROW
 *                                             dump        to new memory
 *                                             copy        memcpy of the pickle to new memory
 *                                             copy-again  memcpy to memory that has been used
 *     bench_object memory PROTOCOL FILE WHAT  prints by how many bytes the peak of memory grows
 *     bench_object once PROTOCOL FILE WHAT    does it once (`loaded`: what `dump` needs;
 * `nothing`), for callgrind bench_object through PROTOCOL FILE      loads, dumps, and writes that
 * to standard output
 *
 * PROTOCOL is what is written.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <mayfly.h>
#include <mayfly/dump.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MOST_TIMES = 1024 };

struct bench {
    char *data; /* the pickle */
    size_t size;
    int protocol;
    mayfly_doc *doc;    /* what is dumped; loaded when that is first asked for */
    mayfly_doc *reused; /* what is loaded again and again */
    char *target;       /* memory that has been used, as large as the pickle */
};

static void give_up(const char *what, const mayfly_error *error) {
    (void)fprintf(stderr, "bench_object: %s: %s\n", what, error->message);
    exit(1);
}

static double now(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void *need(void *memory) {
    if (memory == NULL) {
        perror("bench_object");
        exit(1);
    }
    return memory;
}

static void read_file(struct bench *bench, const char *path) {
    struct stat status;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) != 0) {
        perror(path);
        exit(1);
    }
    bench->data = need(malloc((size_t)status.st_size));
    while (bench->size < (size_t)status.st_size) {
        const ssize_t n = read(fd, bench->data + bench->size, (size_t)status.st_size - bench->size);
        if (n <= 0) {
            perror(path);
            exit(1);
        }
        bench->size += (size_t)n;
    }
    (void)close(fd);
}

/* ---- what is measured ------------------------------------------------------------------------ */

static void load(const struct bench *bench, unsigned flags, mayfly_doc **ret) {
    mayfly_error error;
    const mayfly_load_options options = {.flags = flags};
    if (mayfly_loads(bench->data, bench->size, flags == 0 ? NULL : &options, ret, &error) < 0)
        give_up("load", &error);
}

static double load_fresh(const struct bench *bench, unsigned flags, int free_too) {
    mayfly_doc *doc = NULL;
    const double begin = now();
    load(bench, flags, &doc);
    double took = now() - begin;
    mayfly_doc_free(&doc);
    if (free_too)
        took = now() - begin;
    return took;
}

static double load_again(struct bench *bench) {
    if (bench->reused == NULL)
        load(bench, 0, &bench->reused);
    const double begin = now();
    load(bench, 0, &bench->reused);
    return now() - begin;
}

static char *dump(struct bench *bench, size_t *size) {
    mayfly_error error;
    char *data = NULL;
    const mayfly_dump_options options = {.protocol = bench->protocol};
    if (mayfly_dumps(bench->doc, mayfly_doc_root(bench->doc), &options, &data, size, &error) < 0)
        give_up("dump", &error);
    return data;
}

static double dump_value(struct bench *bench) {
    size_t size = 0;
    if (bench->doc == NULL)
        load(bench, 0, &bench->doc);
    const double begin = now();
    char *data = dump(bench, &size);
    const double took = now() - begin;
    free(data);
    return took;
}

/* The barrier keeps the compiler from leaving out a copy that nobody looks at. */
static double copy(struct bench *bench, int again) {
    if (again && bench->target == NULL)
        bench->target = need(calloc(1, bench->size));
    const double begin = now();
    char *to = again ? bench->target : need(malloc(bench->size));
    memcpy(to, bench->data, bench->size);
    __asm__ volatile("" : : "r"(to) : "memory");
    const double took = now() - begin;
    if (!again)
        free(to);
    return took;
}

static double measure(struct bench *bench, const char *what) {
    if (strcmp(what, "load") == 0)
        return load_fresh(bench, 0, 0);
    if (strcmp(what, "load+free") == 0)
        return load_fresh(bench, 0, 1);
    if (strcmp(what, "again") == 0)
        return load_again(bench);
    if (strcmp(what, "borrow") == 0)
        return load_fresh(bench, MAYFLY_BORROW, 0);
    if (strcmp(what, "dump") == 0)
        return dump_value(bench);
    if (strcmp(what, "copy") == 0 || strcmp(what, "copy-again") == 0)
        return copy(bench, what[4] != '\0');
    (void)fprintf(stderr, "bench_object: %s: there is no such thing to measure\n", what);
    exit(2);
}

/* ---- how ------------------------------------------------------------------------------------- */

static int by_size(const void *a, const void *b) {
    const double one = *(const double *)a, other = *(const double *)b;
    return (one > other) - (one < other);
}

static int serve(struct bench *bench) {
    char what[32];
    int count;
    double times[MOST_TIMES];
    while (scanf("%31s %d", what, &count) == 2) {
        if (count < 1 || count > MOST_TIMES)
            return 2;
        for (int i = 0; i < count; i++)
            times[i] = measure(bench, what);
        qsort(times, (size_t)count, sizeof *times, by_size);
        (void)printf("%.0f\n", times[count / 2]);
        (void)fflush(stdout);
    }
    return 0;
}

/* The peak of this program's own memory, which getrusage(2) mixes with that of whoever started it.
 * A line "VmHWM:  123 kB". */
static long peak(void) {
    char line[256];
    long kib = -1;
    FILE *status = need(fopen("/proc/self/status", "re"));
    while (kib < 0 && fgets(line, sizeof line, status) != NULL)
        if (strncmp(line, "VmHWM:", 6) == 0)
            kib = strtol(line + 6, NULL, 10);
    (void)fclose(status);
    return kib;
}

/* Where the kernel does not let the peak be set back, it is that of reading the file. */
static void reset_peak(void) {
    const int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, "5", 1) != 1)
        (void)fprintf(stderr, "bench_object: the peak of memory cannot be set back\n");
    if (fd >= 0)
        (void)close(fd);
}

static int memory(struct bench *bench, const char *what) {
    mayfly_doc *doc = NULL;
    if (strcmp(what, "dump") == 0)
        load(bench, 0, &bench->doc);
    reset_peak();
    const long before = peak();
    if (bench->doc != NULL)
        (void)dump_value(bench);
    else
        load(bench, strcmp(what, "borrow") == 0 ? MAYFLY_BORROW : 0, &doc);
    (void)printf("%ld\n", (peak() - before) * 1024);
    mayfly_doc_free(&doc);
    return 0;
}

static int once(struct bench *bench, const char *what) {
    if (strcmp(what, "nothing") == 0)
        return 0;
    if (strcmp(what, "loaded") == 0) /* what `dump` has to have before it */
        load(bench, 0, &bench->doc);
    else
        (void)measure(bench, what);
    return 0;
}

static int through(struct bench *bench) {
    size_t size = 0;
    load(bench, 0, &bench->doc);
    char *data = dump(bench, &size);
    const size_t written = fwrite(data, 1, size, stdout);
    free(data);
    return written == size && fflush(stdout) == 0 ? 0 : 1;
}

static int run(struct bench *bench, const char *how, const char *what) {
    if (strcmp(how, "serve") == 0 && what == NULL)
        return serve(bench);
    if (strcmp(how, "memory") == 0 && what != NULL)
        return memory(bench, what);
    if (strcmp(how, "once") == 0 && what != NULL)
        return once(bench, what);
    if (strcmp(how, "through") == 0 && what == NULL)
        return through(bench);
    (void)fprintf(stderr, "bench_object: %s is not to be had\n", how);
    return 2;
}

int main(int count, char **arguments) {
    struct bench bench = {0};
    if (count != 4 && count != 5) {
        (void)fprintf(stderr, "usage: bench_object serve|through PROTOCOL FILE | "
                              "memory|once PROTOCOL FILE WHAT\n");
        return 2;
    }
    bench.protocol = atoi(arguments[2]);
    read_file(&bench, arguments[3]);
    const int status = run(&bench, arguments[1], arguments[4]); /* NULL ends them */
    mayfly_doc_free(&bench.doc);
    mayfly_doc_free(&bench.reused);
    free(bench.target);
    free(bench.data);
    return status;
}
