/* SPDX-License-Identifier: MIT
 *
 * What remembering costs, and what a reaper needs for a thousand dead processes.
 *
 *     bench_keep remember      nanoseconds for a name written into slot and journal, and out again
 *     bench_keep leave N       N processes make ten files and two trees each, and are killed
 *     bench_keep reap          milliseconds of one mayfly_reap, and how many it removed
 */
#define _GNU_SOURCE
#include <mayfly.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../src/temp/temp.h"

static double now(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int remember(void) {
    enum { TIMES = 2000000 };
    struct mfi_parent *parent = NULL;
    struct stat st = {.st_ino = 1};
    double best = 1e18;
    if (mfi_where_parent(MAYFLY_PLACE_DEFAULT, NULL, &parent, NULL) < 0)
        return 1;
    for (int turn = 0; turn < 9; turn++) {
        const double begin = now();
        for (int i = 0; i < TIMES; i++) {
            struct mfi_slot *slot = NULL;
            if (mfi_slot_reserve(parent, MFI_KIND_FILE, &slot) < 0)
                return 1;
            slot->random_name = 1;
            memcpy(slot->name, "tmp0123456789abc", 17);
            mfi_slot_announce(slot);
            mfi_slot_arm(slot, &st, i + 1);
            mfi_slot_release(slot);
        }
        const double each = (now() - begin) / TIMES;
        best = each < best ? each : best;
    }
    printf("%.1f\n", best);
    mfi_parent_unref(parent);
    return 0;
}

static int make_things(void) {
    mayfly_file *file = NULL;
    mayfly_dir *dir = NULL;
    for (int i = 0; i < 10; i++)
        if (mayfly_named_temporary_file(NULL, &file, NULL) < 0)
            return 1;
    for (int i = 0; i < 2; i++) {
        mayfly_auto(mayfly_file) inside = NULL;
        if (mayfly_temporary_directory(NULL, &dir, NULL) < 0 ||
            mayfly_dir_mkdir(dir, "a/b/c", NULL) < 0 ||
            mayfly_dir_file(dir, "a/b/file", NULL, &inside, NULL) < 0)
            return 1;
    }
    return 0;
}

/* All live until the last has made its things: they would reap one another otherwise. */
static int leave(int count) {
    int made[2];
    char c;
    pid_t *pids = calloc((size_t)count, sizeof *pids);
    if (pids == NULL || pipe(made) != 0)
        return 1;
    for (int i = 0; i < count; i++) {
        pids[i] = fork();
        if (pids[i] < 0) { /* never to be killed: it would be everybody */
            while (i-- > 0)
                (void)kill(pids[i], SIGKILL);
            return 1;
        }
        if (pids[i] == 0) {
            if (make_things() != 0 || write(made[1], "x", 1) != 1)
                _exit(1);
            (void)pause();
        }
    }
    for (int i = 0; i < count; i++)
        if (read(made[0], &c, 1) != 1)
            return 1;
    for (int i = 0; i < count; i++) {
        (void)kill(pids[i], SIGKILL);
        (void)waitpid(pids[i], NULL, 0);
    }
    free(pids);
    return 0;
}

static int reap(void) {
    mayfly_reap_result result;
    const double begin = now();
    if (mayfly_reap(NULL, &result, NULL) < 0)
        return 1;
    printf("%.1f %llu\n", (now() - begin) / 1e6, (unsigned long long)result.removed);
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "remember") == 0)
        return remember();
    if (argc == 3 && strcmp(argv[1], "leave") == 0)
        return leave(atoi(argv[2]));
    return argc == 2 && strcmp(argv[1], "reap") == 0 ? reap() : 2;
}
