/* SPDX-License-Identifier: MIT
 *
 * What the tests of values and pickles share.
 */
#ifndef MFT_PICKLES_H
#define MFT_PICKLES_H

#include "harness.h"

/* A literal, which may hold NULs, as bytes and their number. */
#define B(literal) (literal), sizeof(literal) - 1

static inline mayfly_doc *new_doc(void) {
    mayfly_doc *doc = NULL;
    mft_ok(mayfly_doc_new(NULL, &doc, &mft_error));
    return doc;
}

static inline mayfly_doc *loaded(const void *data, size_t size) {
    mayfly_doc *doc = NULL;
    mft_ok(mayfly_loads(data, size, NULL, &doc, &mft_error));
    return doc;
}

static inline void refused(const void *data, size_t size, const mayfly_load_options *options,
                           int code) {
    mayfly_doc *doc = NULL;
    mft_fails(code, mayfly_loads(data, size, options, &doc, &mft_error));
    assert_null(doc);
}

static inline void assert_says(const char *what) {
    if (strstr(mft_error.message, what) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", mft_error.message, what);
}

static inline int64_t number(mayfly_value value) {
    int64_t n = -1;
    mft_ok(mayfly_int_get(value, &n, &mft_error));
    return n;
}

static inline mayfly_value str(mayfly_doc *doc, const char *text) {
    return mayfly_str_new(doc, text, MAYFLY_ALL);
}

static inline void assert_repr(mayfly_value value, const char *expected) {
    char *text = NULL;
    size_t size = 0;
    mft_ok(mayfly_repr(value, NULL, &text, &size, &mft_error));
    assert_string_equal(text, expected);
    assert_int_equal(size, strlen(expected));
    free(text);
}

#endif
