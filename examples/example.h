/* SPDX-License-Identifier: MIT
 *
 * What the examples share: ending with a sentence when something fails.
 */
#ifndef EXAMPLE_H
#define EXAMPLE_H

#include <errno.h>
#include <mayfly.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static mayfly_error error;

/* Ends the program with the error's sentence if a call has failed; gives its result back. */
static inline int64_t try(int64_t result) {
    if (result < 0) {
        fprintf(stderr, "%s\n", error.message);
        exit(1);
    }
    return result;
}

/* What the example shows must be so; the tests run all of them. */
static inline void expect(int condition, const char *what) {
    if (!condition) {
        fprintf(stderr, "this should be: %s\n", what);
        exit(1);
    }
}

#endif
