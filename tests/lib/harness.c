/* SPDX-License-Identifier: MIT
 *
 * The ground of the tests: a directory of their own, descriptors counted, forks waited for.
 */
#define _GNU_SOURCE
#include "harness.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../src/base/sys.h"
#include "../../src/keep/journal.h"
#include "../../src/temp/temp.h"

mayfly_error mft_error;

static char tmp[4096], leases[4096];
static int descriptors;
static int start = -1; /* where the program was started, by descriptor */
static mode_t start_umask;
static char *paths[4096];
static size_t path_count;

const char *mft_program(const char *source) {
    static char name[128];
    const char *slash = strrchr(source, '/');
    (void)snprintf(name, sizeof name, "%s", slash == NULL ? source : slash + 1);
    name[strcspn(name, ".")] = '\0';
    return strncmp(name, "test_", 5) == 0 ? name + 5 : name;
}

int mft_descriptors(void) {
    int count = 0;
    DIR *dir = opendir("/proc/self/fd");
    if (dir == NULL)
        return -1;
    while (readdir(dir) != NULL)
        count++;
    (void)closedir(dir);
    return count;
}

/* What a test may have changed for the whole process. */
static int put_back(void) {
    if (start < 0) {
        start = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        start_umask = umask(022);
    }
    (void)umask(start_umask);
    mfi_sys = mfi_sys_real;
    return start < 0 || fchdir(start) != 0 || unsetenv("TEMP") != 0 || unsetenv("TMP") != 0;
}

int mft_setup(void **state) {
    (void)state;
    const char *base = getenv("MAYFLY_TEST_DIR");
    if (put_back() != 0)
        return -1;
    mfi_where_forget();
    mfi_journal_forget();
    (void)snprintf(tmp, sizeof tmp, "%s/mayfly-test-XXXXXX", base == NULL ? "/tmp" : base);
    (void)snprintf(leases, sizeof leases, "%s/mayfly-lease-XXXXXX", base == NULL ? "/tmp" : base);
    if (mkdtemp(tmp) == NULL || setenv("TMPDIR", tmp, 1) != 0 || mkdtemp(leases) == NULL ||
        setenv("MAYFLY_LEASE_DIR", leases, 1) != 0)
        return -1;
    (void)mfi_journal_cell(0); /* its descriptors are no leak of the test's */
    descriptors = mft_descriptors();
    return 0;
}

static void name_leftovers(void) {
    DIR *dir = opendir(tmp);
    const struct dirent *entry;
    while (dir != NULL && (entry = readdir(dir)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            print_message("left behind: %s/%s\n", tmp, entry->d_name);
    if (dir != NULL)
        (void)closedir(dir);
}

int mft_teardown(void **state) {
    (void)state;
    int result = put_back();
    mfi_where_forget();
    (void)mfi_journal_cell(0);
    for (size_t i = 0; i < path_count; i++)
        free(paths[i]);
    path_count = 0;
    const int now = mft_descriptors();
    if (now != descriptors) {
        print_message("%d descriptors were open before, %d are now\n", descriptors, now);
        result = -1;
    }
    if (mft_entries(tmp) != 0) {
        name_leftovers();
        mft_empty();
        result = -1;
    }
    mfi_journal_forget();
    mft_remove(leases);
    return rmdir(tmp) == 0 ? result : -1;
}

const char *mft_tmp(void) {
    return tmp;
}

const char *mft_leases(void) {
    return leases;
}

char *mft_path(const char *name) {
    char *path = NULL;
    if (path_count == sizeof paths / sizeof *paths || asprintf(&path, "%s/%s", tmp, name) < 0)
        abort();
    paths[path_count++] = path;
    return path;
}

int mft_entries(const char *path) {
    DIR *dir = opendir(path);
    int count = -2; /* "." and ".." */
    if (dir == NULL)
        return -1;
    while (readdir(dir) != NULL)
        count++;
    (void)closedir(dir);
    return count;
}

int mft_exists(const char *path) {
    struct stat st;
    return lstat(path, &st) == 0;
}

void mft_write(const char *path, const char *text) {
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    const size_t size = strlen(text);
    if (fd < 0 || write(fd, text, size) != (ssize_t)size || close(fd) != 0)
        abort();
}

char *mft_read(const char *path, size_t *ret_size) {
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0)
        abort();
    char *data = malloc((size_t)st.st_size + 1);
    size_t have = 0;
    while (data != NULL && have < (size_t)st.st_size) {
        const ssize_t n = read(fd, data + have, (size_t)st.st_size - have);
        if (n <= 0)
            abort();
        have += (size_t)n;
    }
    if (data == NULL || close(fd) != 0)
        abort();
    data[have] = '\0';
    if (ret_size != NULL)
        *ret_size = have;
    return data;
}

int mft_is(const char *path, const char *text) {
    size_t size = 0;
    char *data = mft_read(path, &size);
    const int same = size == strlen(text) && memcmp(data, text, size) == 0;
    free(data);
    return same;
}

unsigned mft_mode(const char *path) {
    struct stat st;
    if (lstat(path, &st) != 0)
        abort();
    return st.st_mode & 07777u;
}

void mft_remove(const char *path) {
    mayfly_error error;
    if (mayfly_remove_tree(path, NULL, NULL, &error) < 0)
        print_message("%s\n", error.message);
}

int mft_wrapped(void) {
    const char *wrapper = getenv("MFT_WRAPPER");
    return wrapper != NULL && wrapper[0] != '\0';
}

void mft_empty(void) {
    mayfly_error error;
    if (mayfly_remove_tree(tmp, &(mayfly_tree_options){.keep_root = true}, NULL, &error) < 0)
        print_message("%s\n", error.message);
}

static int wait_for(pid_t pid) {
    int status = 0;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            abort();
    return status;
}

pid_t mft_start(void) {
    (void)fflush(NULL);
    const pid_t pid = fork();
    if (pid < 0)
        abort();
    return pid;
}

int mft_fork(int (*body)(void *context), void *context) {
    const pid_t pid = mft_start();
    if (pid == 0)
        _exit(body(context));
    return wait_for(pid);
}

static int in_child, child_status;

/* Runs last of all handlers: what a child leaves allocated is no leak of the test's, and a leak
 * checker that would look at exit is not asked. */
static void leave_child(void) {
    if (in_child)
        _exit(child_status);
}

__attribute__((constructor)) static void be_last(void) {
    (void)atexit(leave_child);
}

int mft_fork_exit(int (*body)(void *context), void *context) {
    const pid_t pid = mft_start();
    if (pid == 0) {
        in_child = 1;
        child_status = body(context);
        exit(child_status);
    }
    return wait_for(pid);
}

uint32_t mft_random(uint32_t *seed) {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

#ifndef MFT_CMOCKA

static jmp_buf leave;

void print_message(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    (void)vprintf(format, arguments);
    va_end(arguments);
}

void mft_fail_at(const char *file, int line, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    (void)printf("%s:%d: ", file, line);
    (void)vprintf(format, arguments);
    (void)printf("\n");
    va_end(arguments);
    longjmp(leave, 1);
}

void mft_equal(const char *file, int line, const char *text, long long a, long long b) {
    if (a != b)
        mft_fail_at(file, line, "%s: %lld is not %lld", text, a, b);
}

void mft_equal_text(const char *file, int line, const char *a, const char *b) {
    if (strcmp(a, b) != 0)
        mft_fail_at(file, line, "\"%s\" is not \"%s\"", a, b);
}

void mft_skip_now(void) {
    longjmp(leave, 2);
}

static int run_one(const struct CMUnitTest *test) {
    static void *state;
    state = NULL;
    volatile int outcome = test->setup(&state) != 0;
    if (outcome == 0) {
        outcome = setjmp(leave);
        if (outcome == 0)
            test->test(&state);
    }
    const int torn = test->teardown(&state);
    return outcome == 0 && torn != 0 ? 1 : outcome;
}

int mft_run_group(const char *group, const struct CMUnitTest *tests, size_t count) {
    static const char *const words[] = {"[       OK ]", "[  FAILED  ]", "[  SKIPPED ]"};
    size_t outcomes[3] = {0};
    (void)printf("[==========] %s: Running %zu test(s).\n", group, count);
    for (size_t i = 0; i < count; i++) {
        (void)printf("[ RUN      ] %s\n", tests[i].name);
        (void)fflush(stdout);
        const int outcome = run_one(&tests[i]);
        outcomes[outcome]++;
        (void)printf("%s %s\n", words[outcome], tests[i].name);
        (void)fflush(stdout);
    }
    (void)printf("[  PASSED  ] %zu test(s).\n[  SKIPPED ] %zu test(s)\n[  FAILED  ] %zu test(s)\n",
                 outcomes[0], outcomes[2], outcomes[1]);
    return outcomes[1] != 0;
}

#endif
