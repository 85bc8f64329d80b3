/* SPDX-License-Identifier: MIT
 *
 * One round of every measurement, in one directory: lines of "case contender nanoseconds".
 *
 *     bench DIRECTORY
 *
 * Contenders take turns, several times within a round, and the best of their turns counts: what
 * disturbs a turn only makes it slower. bench/run makes many rounds and takes medians of ratios.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <mayfly.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { TURNS = 7, MOST = 4 };

static const char *directory;
static int dir_fd;
static char template_path[4096];
static char *block; /* 64 MiB of data */
static char *back;

static void need(int good, const char *what) {
    if (!good) {
        perror(what);
        exit(1);
    }
}

/* ---- contenders ------------------------------------------------------------------------------ */

static unsigned long counter;

static void raw_name(char *name) {
    (void)sprintf(name, "raw%013lx", ++counter);
}

static void named_mayfly(void) {
    mayfly_file *file = NULL;
    need(mayfly_named_temporary_file(NULL, &file, NULL) == 0, "named");
    need(mayfly_file_close(&file, NULL) == 0, "close");
}

static void named_raw(void) {
    char name[32];
    struct stat one, two;
    raw_name(name);
    const int fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    need(fd >= 0 && fstat(fd, &one) == 0, "openat");
    need(fstatat(dir_fd, name, &two, AT_SYMLINK_NOFOLLOW) == 0 && one.st_ino == two.st_ino, "stat");
    need(unlinkat(dir_fd, name, 0) == 0 && close(fd) == 0, "unlinkat");
}

static void named_glibc(void) {
    char path[4096];
    strcpy(path, template_path);
    const int fd = mkostemp(path, O_CLOEXEC);
    need(fd >= 0 && unlink(path) == 0 && close(fd) == 0, "mkostemp");
}

static void unnamed_mayfly(void) {
    mayfly_file *file = NULL;
    need(mayfly_temporary_file(NULL, &file, NULL) == 0, "unnamed");
    need(mayfly_file_close(&file, NULL) == 0, "close");
}

static void unnamed_raw(void) {
    const int fd = openat(dir_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    need(fd >= 0 && close(fd) == 0, "O_TMPFILE");
}

/* tmpfile(3) knows no other directory than /tmp; it is here for what it costs. */
static void unnamed_glibc(void) {
    FILE *stream = tmpfile();
    need(stream != NULL && fclose(stream) == 0, "tmpfile");
}

static void mkstemp_mayfly(void) {
    char *path = NULL;
    const int fd = mayfly_mkstemp(NULL, &path, NULL);
    need(fd >= 0 && unlink(path) == 0 && close(fd) == 0, "mkstemp");
    free(path);
}

static void mkstemp_raw(void) {
    char name[32];
    struct stat st;
    raw_name(name);
    const int fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    need(fd >= 0 && fstat(fd, &st) == 0 && unlinkat(dir_fd, name, 0) == 0 && close(fd) == 0, "raw");
}

static void directory_mayfly(void) {
    mayfly_dir *dir = NULL;
    need(mayfly_temporary_directory(NULL, &dir, NULL) == 0, "directory");
    need(mayfly_dir_close(&dir, NULL) == 0, "close");
}

static void directory_raw(void) {
    char name[32];
    struct stat one, two;
    raw_name(name);
    need(mkdirat(dir_fd, name, 0700) == 0, "mkdirat");
    const int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    need(fd >= 0 && fstat(fd, &one) == 0, "openat");
    need(fstatat(dir_fd, name, &two, AT_SYMLINK_NOFOLLOW) == 0 && one.st_ino == two.st_ino, "stat");
    need(unlinkat(dir_fd, name, AT_REMOVEDIR) == 0 && close(fd) == 0, "unlinkat");
}

static void directory_glibc(void) {
    char path[4096];
    strcpy(path, template_path);
    need(mkdtemp(path) != NULL && rmdir(path) == 0, "mkdtemp");
}

/* Written once and read once, as the data of a spool is. */
static char replace_target[4096];

static void replace_mayfly(void) {
    need(mayfly_replace_with(replace_target, block, 4096, NULL, NULL) == 0, "replace");
}

static void replace_raw(void) {
    char name[32];
    raw_name(name);
    const int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    need(fd >= 0 && write(fd, block, 4096) == 4096 && fsync(fd) == 0 && close(fd) == 0, "write");
    need(renameat(dir_fd, name, dir_fd, "target") == 0, "renameat");
}

static void spool(size_t size, size_t piece, uint64_t max_size) {
    mayfly_file *file = NULL;
    need(mayfly_spooled_temporary_file(&(mayfly_file_options){.max_size = max_size}, &file, NULL) ==
             0,
         "spool");
    for (size_t at = 0; at < size; at += piece)
        need(mayfly_file_write(file, block + at, piece, NULL) == 0, "write");
    need(mayfly_file_seek(file, 0, SEEK_SET, NULL) == 0, "seek");
    for (size_t at = 0; at < size; at += piece)
        need(mayfly_file_read(file, back, piece, NULL) == (int64_t)piece, "read");
    need(mayfly_file_close(&file, NULL) == 0, "close");
}

static void memory(size_t size) {
    char *copy = malloc(size);
    need(copy != NULL, "malloc");
    memcpy(copy, block, size);
    __asm__ volatile("" : : "r"(copy) : "memory"); /* both copies are really made */
    memcpy(back, copy, size);
    __asm__ volatile("" : : "r"(back) : "memory");
    free(copy);
}

enum { KIB = 1024, MIB = 1024 * 1024, PIECE = 65536 };

static void spool_1k_mayfly(void) {
    spool(KIB, KIB, 64 * KIB);
}
static void spool_1k_memory(void) {
    memory(KIB);
}
static void spool_1m_mayfly(void) {
    spool(MIB, MIB, 2 * MIB);
}
static void spool_1m_memory(void) {
    memory(MIB);
}
static void spool_64m_mayfly(void) {
    spool(64 * MIB, PIECE, 8 * MIB);
}

/* What has to be done at the least: 8 MiB in memory, then all of it in a file. */
static void spool_64m_raw(void) {
    char *copy = malloc(8 * MIB);
    need(copy != NULL, "malloc");
    for (size_t at = 0; at < 8 * MIB; at += PIECE)
        memcpy(copy + at, block + at, PIECE);
    const int fd = openat(dir_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    need(fd >= 0 && pwrite(fd, copy, 8 * MIB, 0) == 8 * MIB, "pwrite");
    free(copy);
    for (size_t at = 8 * MIB; at < 64 * MIB; at += PIECE)
        need(pwrite(fd, block + at, PIECE, (off_t)at) == PIECE, "pwrite");
    for (size_t at = 0; at < 64 * MIB; at += PIECE)
        need(pread(fd, back, PIECE, (off_t)at) == PIECE, "pread");
    need(close(fd) == 0, "close");
}

/* ---- measuring ------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    int repeat; /* in one turn */
    struct {
        const char *name;
        void (*run)(void);
    } contenders[MOST];
} cases[] = {
    {"named", 3000, {{"mayfly", named_mayfly}, {"raw", named_raw}, {"glibc", named_glibc}}},
    {"unnamed", 3000, {{"mayfly", unnamed_mayfly}, {"raw", unnamed_raw}, {"glibc", unnamed_glibc}}},
    {"mkstemp", 3000, {{"mayfly", mkstemp_mayfly}, {"raw", mkstemp_raw}, {"glibc", named_glibc}}},
    {"directory",
     2000,
     {{"mayfly", directory_mayfly}, {"raw", directory_raw}, {"glibc", directory_glibc}}},
    {"replace 4 KiB", 30, {{"mayfly", replace_mayfly}, {"raw", replace_raw}}},
    {"spool 1 KiB", 20000, {{"mayfly", spool_1k_mayfly}, {"raw", spool_1k_memory}}},
    {"spool 1 MiB", 60, {{"mayfly", spool_1m_mayfly}, {"raw", spool_1m_memory}}},
    {"spool 64 MiB", 1, {{"mayfly", spool_64m_mayfly}, {"raw", spool_64m_raw}}},
};

static double turn(void (*run)(void), int repeat) {
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (int i = 0; i < repeat; i++)
        run();
    clock_gettime(CLOCK_MONOTONIC, &end);
    return ((double)(end.tv_sec - begin.tv_sec) * 1e9 + (double)(end.tv_nsec - begin.tv_nsec)) /
           repeat;
}

int main(int argc, char **argv) {
    need(argc == 2, "usage: bench DIRECTORY");
    directory = argv[1];
    setenv("TMPDIR", directory, 1);
    snprintf(template_path, sizeof template_path, "%s/tmpXXXXXX", directory);
    snprintf(replace_target, sizeof replace_target, "%s/target", directory);
    dir_fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    block = malloc(64 * MIB);
    back = malloc(MIB);
    need(dir_fd >= 0 && block != NULL && back != NULL, "setup");
    memset(block, 'x', 64 * MIB);
    memset(back, 'x', MIB);
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        double best[MOST] = {0};
        for (int t = 0; t < TURNS; t++)
            for (int i = 0; i < MOST && cases[c].contenders[i].run != NULL; i++) {
                const double ns = turn(cases[c].contenders[i].run, cases[c].repeat);
                if (t > 0 && (best[i] == 0 || ns < best[i])) /* the first turn warms up */
                    best[i] = ns;
            }
        for (int i = 0; i < MOST && cases[c].contenders[i].run != NULL; i++)
            printf("%s\t%s\t%.1f\n", cases[c].name, cases[c].contenders[i].name, best[i]);
    }
    free(block);
    free(back);
    return 0;
}
