/* SPDX-License-Identifier: MIT
 *
 * What the tests of caches share.
 */
#ifndef MFT_CACHES_H
#define MFT_CACHES_H

#include <errno.h>

#include "harness.h"

/* In a library without libsodium there are no caches. */
static inline mayfly_cache *open_cache(const mayfly_cache_options *options) {
    mayfly_cache *cache = NULL;
    const int r = mayfly_cache_open(options, &cache, &mft_error);
    if (r == -ENOTSUP)
        mft_skip("this build has no libsodium");
    if (r < 0)
        fail_msg("%s", mft_error.message);
    return cache;
}

#endif
