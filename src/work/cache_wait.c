/* SPDX-License-Identifier: MIT
 *
 * Computing what is not there, by one for all who wait; values.
 *
 * Invariant   the lock of a key is a byte of the state's file, at a place that its hash gives. The
 *             kernel frees it when its holder ends, however. There are 2^62 places: two keys that
 *             share one wait for each other without need, and nothing else happens.
 *             Another one's computation may take hours: who waits for it can be interrupted.
 */
#define _GNU_SOURCE
#include "cache.h"

#include <stdlib.h>

/* After waiting: 1 if another one has computed it meanwhile, else as `compute`. */
static int compute_or_take(mayfly_cache *cache, const struct mfi_cache_name *name, const void *key,
                           size_t key_size, mayfly_cache_compute *compute, void *context,
                           const mayfly_cache_put_options *options, char **ret, size_t *ret_size,
                           mayfly_error *error) {
    mayfly_error failure = {.code = 0};
    char *data = NULL;
    size_t size = 0;
    int r = mfi_cache_look(cache, name, key, key_size, 1, ret, ret_size, error);
    if (r != 0) {
        if (r == 1)
            mfi_cache_count(&cache->shared->waited);
        return r;
    }
    r = compute(context, &data, &size, &failure);
    if (r < 0) {
        if (failure.code != r)
            return mfi_fail(error, r, "compute", cache->path, NULL);
        if (error != NULL)
            *error = failure;
        return r;
    }
    mfi_cache_count(&cache->shared->computed);
    /* That it cannot be stored is no reason to lose it. */
    if (r == 0)
        r = mayfly_cache_put(cache, key, key_size, data, size, options, NULL);
    (void)r;
    *ret = data;
    *ret_size = size;
    return 0;
}

int mayfly_cache_get_or_compute_sized(size_t options_size, mayfly_cache *cache, const void *key,
                                      size_t key_size, mayfly_cache_compute *compute, void *context,
                                      const mayfly_cache_put_options *options, char **ret,
                                      size_t *ret_size, mayfly_error *error) {
    mayfly_cache_put_options known;
    struct mfi_cache_name name;
    int r = mfi_options_import(&known, sizeof known, options, options_size, "cache", error);
    if (r < 0)
        return r;
    r = mfi_cache_name(key, key_size, &name);
    if (r < 0)
        return mfi_fail(error, r, "cache", cache->path, NULL);
    r = mfi_cache_look(cache, &name, key, key_size, 0, ret, ret_size, error);
    if (r != 0)
        return r;
    mfi_auto_lock lock = mfi_cache_lock(cache, 1 + (int64_t)(name.word >> 2), MFI_LOCK_HEED);
    if (lock < 0)
        return mfi_fail_call(error, lock, "cache", cache->path, cache->fd);
    return compute_or_take(cache, &name, key, key_size, compute, context, &known, ret, ret_size,
                           error);
}

/* ---- values ---------------------------------------------------------------------------------- */

static int load(const char *data, size_t size, mayfly_doc **ret, mayfly_error *error) {
    const mayfly_load_options all = {.flags = MAYFLY_ONE_ONLY};
    return mayfly_loads(data, size, &all, ret, error);
}

static int dump(mayfly_doc *doc, mayfly_value value, char **ret, size_t *ret_size,
                mayfly_error *error) {
    return mayfly_dumps(doc, value, &(mayfly_dump_options){.protocol = 5}, ret, ret_size, error);
}

int mayfly_cache_get_value(mayfly_cache *cache, const void *key, size_t key_size, mayfly_doc **ret,
                           mayfly_error *error) {
    mfi_auto_free char *data = NULL;
    size_t size = 0;
    int r = mayfly_cache_get(cache, key, key_size, &data, &size, error);
    if (r != 1)
        return r;
    r = load(data, size, ret, error);
    return r < 0 ? r : 1;
}

int mayfly_cache_put_value_sized(size_t options_size, mayfly_cache *cache, const void *key,
                                 size_t key_size, mayfly_doc *doc, mayfly_value value,
                                 const mayfly_cache_put_options *options, mayfly_error *error) {
    mfi_auto_free char *data = NULL;
    size_t size = 0;
    const int r = dump(doc, value, &data, &size, error);
    if (r < 0)
        return r;
    return mayfly_cache_put_sized(options_size, cache, key, key_size, data, size, options, error);
}

struct building {
    mayfly_cache_build *build;
    void *context;
};

static int build_bytes(void *context, char **ret, size_t *ret_size, mayfly_error *error) {
    const struct building *building = context;
    mayfly_auto(mayfly_doc) doc = NULL;
    int r = mayfly_doc_new(NULL, &doc, error);
    if (r < 0)
        return r;
    const int built = building->build(building->context, doc, error);
    if (built < 0)
        return built;
    r = dump(doc, mayfly_doc_root(doc), ret, ret_size, error);
    return r < 0 ? r : built;
}

int mayfly_cache_get_or_build_sized(size_t options_size, mayfly_cache *cache, const void *key,
                                    size_t key_size, mayfly_cache_build *build, void *context,
                                    const mayfly_cache_put_options *options, mayfly_doc **ret,
                                    mayfly_error *error) {
    struct building building = {build, context};
    mfi_auto_free char *data = NULL;
    size_t size = 0;
    const int there = mayfly_cache_get_or_compute_sized(
        options_size, cache, key, key_size, build_bytes, &building, options, &data, &size, error);
    if (there < 0)
        return there;
    /* Always what is stored, so that the first one gets the same as all later ones. */
    const int r = load(data, size, ret, error);
    return r < 0 ? r : there;
}
