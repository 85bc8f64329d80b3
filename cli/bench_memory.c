/* SPDX-License-Identifier: MIT
 *
 * mayfly bench disk-memory: a text written to each kind of temporary file and read again, told as
 * the deep dive's performance_comparison tells it.
 *
 * How   the kinds take turns, so that what else the machine does in the meantime is every one's.
 *       Making and closing the file counts, as there; the first round does not, which is the one
 *       that fetches code and memory for all others.
 */
#define _GNU_SOURCE
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "command.h"

enum { MEMORY, TMPFS, DISK, SPOOLED, KINDS };
static const char *const names[KINDS] = {"memory", "tmpfs", "disk", "spooled"};

struct comparison {
    struct bench_times times[KINDS];
    mayfly_where_report where[KINDS]; /* path "": there is no such place here */
    char *text;
    size_t size;
    uint64_t rounds;
};

/* ---- where ----------------------------------------------------------------------------------- */

/* A place in memory: that for small things, or what Linux has for shared memory. */
static void find_tmpfs(mayfly_where_report *ret) {
    if (mayfly_where(MAYFLY_PLACE_SMALL, NULL, ret, NULL) == 0 && ret->in_memory)
        return;
    if (mayfly_where(MAYFLY_PLACE_NEAR, "/dev/shm", ret, NULL) < 0 || !ret->in_memory)
        ret->path[0] = '\0';
}

/* The directory of temporary files, as in the document, unless it lies in memory. */
static int find_disk(mayfly_where_report *ret, mayfly_error *error) {
    const int r = mayfly_where(MAYFLY_PLACE_DEFAULT, NULL, ret, error);
    return r < 0 || !ret->in_memory ? r : mayfly_where(MAYFLY_PLACE_LARGE, NULL, ret, error);
}

/* ---- measuring ------------------------------------------------------------------------------- */

static int make(const struct comparison *all, int kind, mayfly_file **ret, mayfly_error *error) {
    mayfly_file_options options = {.mode = "w+", .dir = all->where[kind].path};
    if (kind == TMPFS || kind == DISK)
        return mayfly_named_temporary_file(&options, ret, error);
    if (kind == SPOOLED)
        options.max_size = all->size / 2; /* so that it moves to disk in the middle */
    else
        options.dir = NULL;
    return mayfly_spooled_temporary_file(&options, ret, error);
}

static int write_and_read(const struct comparison *all, mayfly_file *file, mayfly_error *error) {
    char *back = NULL;
    size_t size = 0;
    const size_t half = all->size / 2;
    int r = mayfly_file_write(file, all->text, half, error);
    if (r == 0)
        r = mayfly_file_write(file, all->text + half, all->size - half, error);
    if (r == 0)
        r = mayfly_file_flush(file, error);
    if (r == 0)
        r = (int)mayfly_file_seek(file, 0, SEEK_SET, error);
    if (r == 0)
        r = mayfly_file_read_all(file, &back, &size, error);
    free(back);
    return r;
}

static int measure_once(struct comparison *all, int kind, mayfly_error *error) {
    mayfly_auto(mayfly_file) file = NULL;
    const double begin = bench_now();
    int r = make(all, kind, &file, error);
    if (r == 0)
        r = write_and_read(all, file, error);
    if (r == 0)
        r = mayfly_file_close(&file, error);
    bench_note(&all->times[kind], bench_now() - begin);
    return r;
}

static int measure(struct comparison *all, mayfly_error *error) {
    int r = 0;
    for (uint64_t n = 0; n <= all->rounds && r == 0; n++) {
        for (int kind = 0; kind < KINDS && n == 1; kind++)
            all->times[kind] = (struct bench_times){.least = INFINITY};
        for (int kind = 0; kind < KINDS && r == 0; kind++)
            if (kind == MEMORY || all->where[kind].path[0] != '\0')
                r = measure_once(all, kind, error);
    }
    return r;
}

/* ---- telling --------------------------------------------------------------------------------- */

static double average(const struct comparison *all, int kind) {
    return all->times[kind].sum / (double)all->rounds;
}

static void print_kind(const struct comparison *all, int kind) {
    const mayfly_where_report *where = &all->where[kind];
    if (kind != MEMORY && where->path[0] == '\0') {
        printf("%-8s there is no such place here\n", names[kind]);
        return;
    }
    printf("%-8s %12.1f %12.1f %12.1f", names[kind], average(all, kind) * 1e6,
           all->times[kind].least * 1e6, all->times[kind].most * 1e6);
    if (kind != MEMORY)
        printf("   %s (%s)", where->path, where->file_system);
    printf("\n");
}

static int print_text(const struct comparison *all) {
    const double disk = average(all, DISK), memory = average(all, MEMORY);
    printf("Disk-based approach: %.4f seconds\n", disk);
    printf("Memory-based approach: %.4f seconds\n", memory);
    printf("Memory approach is %.1fx faster\n", disk / memory);
    printf("\n%zu bytes, %llu times; microseconds:\n%-8s %12s %12s %12s\n", all->size,
           (unsigned long long)all->rounds, "", "average", "least", "most");
    for (int kind = 0; kind < KINDS; kind++)
        print_kind(all, kind);
    return EXIT_OK;
}

static json_t *kind_json(const struct comparison *all, int kind) {
    const mayfly_where_report *where = &all->where[kind];
    if (kind != MEMORY && where->path[0] == '\0')
        return json_null();
    json_t *result = json_pack("{s:f, s:f, s:f}", "avg_time", average(all, kind), "min_time",
                               all->times[kind].least, "max_time", all->times[kind].most);
    if (kind != MEMORY) {
        /* A path that is not UTF-8 is left out: JSON has no word for it. */
        (void)json_object_set_new(result, "directory", json_string(where->path));
        (void)json_object_set_new(result, "file_system", json_string(where->file_system));
    }
    return result;
}

static int print_json(const struct comparison *all) {
    json_t *results = json_pack("{s:I, s:I, s:f}", "bytes", (json_int_t)all->size, "iterations",
                                (json_int_t)all->rounds, "memory_is_faster_by",
                                average(all, DISK) / average(all, MEMORY));
    for (int kind = 0; kind < KINDS; kind++)
        if (json_object_set_new(results, names[kind], kind_json(all, kind)) < 0) {
            json_decref(results);
            return cli_say(EXIT_FAILED, "no memory");
        }
    return cli_print_json(results);
}

int bench_disk_memory(uint64_t lines, uint64_t rounds, int json) {
    static const char line[] = "Sample data line\n";
    static struct comparison all; /* large, and there is one */
    const size_t length = sizeof line - 1;
    mayfly_error error;
    all.rounds = rounds;
    all.size = (size_t)lines * length;
    all.text = malloc(all.size);
    if (all.text == NULL)
        return cli_say(EXIT_FAILED, "no memory");
    for (size_t at = 0; at < all.size; at += length)
        memcpy(all.text + at, line, length);
    find_tmpfs(&all.where[TMPFS]);
    int r = find_disk(&all.where[DISK], &error);
    all.where[SPOOLED] = all.where[DISK];
    if (r == 0)
        r = measure(&all, &error);
    free(all.text);
    if (r < 0)
        return cli_say(EXIT_FAILED, "%s", error.message);
    return json ? print_json(&all) : print_text(&all);
}
