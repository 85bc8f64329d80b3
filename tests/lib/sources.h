/* SPDX-License-Identifier: MIT
 *
 * What the tests of loading sources share: a cache of each test's own, and compilers that count.
 */
#ifndef MFT_SOURCES_H
#define MFT_SOURCES_H

#include <mayfly/namespace.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../src/source/load.h"
#include "harness.h"

static inline int sources_begin(void **state) {
    if (mft_setup(state) != 0)
        return -1;
    const char *home = mft_path("cache-home");
    return mkdir(home, 0700) == 0 && setenv("XDG_CACHE_HOME", home, 1) == 0 && unsetenv("CC") == 0
               ? 0
               : -1;
}

static inline int sources_end(void **state) {
    mfi_compiled_forget();
    mft_remove(mft_path("cache-home"));
    return mft_teardown(state);
}

#define SOURCES(function) cmocka_unit_test_setup_teardown(function, sources_begin, sources_end)

/* A text for printf's format. */
#define load_text(text, options, ret)                                                              \
    mft_ok(mayfly_load_source_io(text, MAYFLY_ALL, options, ret, &mft_error))

typedef int int_of_int(int);

static inline int call_int(const mayfly_namespace *ns, const char *name, int argument) {
    const mayfly_function function = mayfly_namespace_function(ns, name);
    if (function == NULL)
        fail_msg("there is no function %s", name == NULL ? "of the last line" : name);
    return ((int_of_int *)function)(argument);
}

/* A compiler that notes each time that it is called, and then is cc; the path of its notes. */
static inline char *counting_compiler(char **ret_compiler) {
    char script[8192];
    char *notes = mft_path("notes");
    *ret_compiler = mft_path("counting-cc");
    (void)snprintf(script, sizeof script, "#!/bin/sh\necho x >>'%s'\nexec cc \"$@\"\n", notes);
    mft_write(*ret_compiler, script);
    if (chmod(*ret_compiler, 0755) != 0)
        fail_msg("chmod");
    return notes;
}

static inline int compilations(const char *notes) {
    size_t size = 0;
    if (!mft_exists(notes))
        return 0;
    free(mft_read(notes, &size));
    return (int)(size / 2);
}

static inline void remove_compiler(const char *notes, const char *compiler) {
    (void)unlink(notes);
    (void)unlink(compiler);
}

/* Without libsodium there is no cache. */
static inline void need_cache(void) {
    mayfly_cache *cache = NULL;
    if (mayfly_cache_open(NULL, &cache, &mft_error) < 0)
        mft_skip("this build has no libsodium");
    mft_ok(mayfly_cache_close(&cache, &mft_error));
}

#endif
