/* SPDX-License-Identifier: MIT
 *
 * What every test stands on.
 *
 * Each test has a temporary directory of its own (TMPDIR, in MAYFLY_TEST_DIR or /tmp; neither TEMP
 * nor TMP are set), which must be empty at its end, a directory for leases, and as many open
 * descriptors at its end as at its beginning. System calls that it replaced, the umask and the
 * working directory are put back.
 */
#ifndef MFT_HARNESS_H
#define MFT_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#ifdef MFT_CMOCKA
#include <cmocka.h>
#else
#include "shim_cmocka.h" /* for C libraries that cmocka is not packaged for */
#endif

#include <mayfly.h>

int mft_setup(void **state);
int mft_teardown(void **state);

/* A test by its function's name, which is a sentence. */
#define MFT(function)   cmocka_unit_test_setup_teardown(function, mft_setup, mft_teardown)

#define MFT_MAIN(tests) cmocka_run_group_tests_name(mft_program(__FILE__), tests, NULL, NULL)

/* Leaves the test, counted as skipped, saying why. */
#define mft_skip(...)                                                                              \
    do {                                                                                           \
        print_message("skipped because " __VA_ARGS__);                                             \
        print_message("\n");                                                                       \
        skip();                                                                                    \
    } while (0)

/* A call that must succeed; says what went wrong if it does not. */
#define mft_ok(call)                                                                               \
    do {                                                                                           \
        mayfly_error *const mft_e = &mft_error;                                                    \
        mft_e->message[0] = '\0';                                                                  \
        const int64_t mft_r = (int64_t)(call);                                                     \
        if (mft_r < 0)                                                                             \
            fail_msg("%s: %lld: %s", #call, (long long)mft_r, mft_e->message);                     \
    } while (0)

/* A call that must fail with this code, and say so in mft_error. */
#define mft_fails(expected, call)                                                                  \
    do {                                                                                           \
        mft_error.code = 0;                                                                        \
        const int64_t mft_r = (int64_t)(call);                                                     \
        if (mft_r != (expected) || mft_error.code != (expected))                                   \
            fail_msg("%s: %lld (error.code %d) instead of %d: %s", #call, (long long)mft_r,        \
                     mft_error.code, (int)(expected), mft_error.message);                          \
    } while (0)

/* For the last parameter of calls inside mft_ok and mft_fails. */
extern mayfly_error mft_error;

const char *mft_program(const char *source); /* "tests/unit/test_file.c" -> "file" */
const char *mft_tmp(void);                   /* the test's TMPDIR */
const char *mft_leases(void);                /* the test's MAYFLY_LEASE_DIR */
char *mft_path(const char *name);            /* a path in it; valid until the test ends */
int mft_entries(const char *dir);            /* how many entries it has */
void mft_empty(void);                        /* removes whatever is in TMPDIR */
int mft_descriptors(void);                   /* how many are open */
int mft_exists(const char *path);            /* also a dangling link */
void mft_write(const char *path, const char *text);
char *mft_read(const char *path, size_t *ret_size); /* all of it, NUL after it; the caller frees */
int mft_is(const char *path, const char *text);     /* whether that is its content */
unsigned mft_mode(const char *path);                /* permission bits */
void mft_remove(const char *path);                  /* a file, or a tree */

/* Whether the program runs under another (valgrind), by MFT_WRAPPER. */
int mft_wrapped(void);

/* fork(2), which may not fail: a pid of -1 would be everybody's to the next kill(2). */
pid_t mft_start(void);

/* Runs `body` in a forked child and returns its wait status. The child leaves by _exit with what
 * `body` returns; cmocka's assertions must not be used in it. */
int mft_fork(int (*body)(void *context), void *context);

/* The same, and the child leaves by exit(3), with all its handlers. */
int mft_fork_exit(int (*body)(void *context), void *context);

/* A pseudo-random number generator with a printed seed. */
uint32_t mft_random(uint32_t *seed);

#endif
