/* SPDX-License-Identifier: MIT
 *
 * What was compiled before: a mayfly_cache in the user's cache directory.
 *
 * Key       stands in the value, which is taken only if all of it is the same; the cache knows it
 * by a sum, because hashing it as the cache does costs more than loading. It is the text with the
 * whole command, what the compiler's file is (device, inode, size, times), the working directory,
 * and what else the compiler looks at in the environment. Value     the object, what the compiler
 * said, the names, and each header that was read as it was then (inode, size, times): an entry one
 * of whose headers is another one now is taken out, and one of which that cannot be told is not
 * stored. Of headers in /usr/include and /usr/lib their directories are compared: packages replace
 * files, which changes these. Not seen  a header that appears where it would be found before
 * another one; what .incbin reads, for which a text that says so is never stored. Once      of all
 * who want the same at a time one compiles: mayfly_cache_get_or_compute. Open      stays the cache
 * that was used last, because opening one costs more than looking something up. Its users are
 * counted, so that no thread closes it under another one.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>

#include <mayfly/cache.h>

#include "load.h"

/* ---- the cache that is open ------------------------------------------------------------------ */

struct held {
    mayfly_cache *cache;
    char *path;
    unsigned users; /* under the lock; one of them is `current` */
};

static struct mfi_lock lock;
static struct held *current;

static void release(struct held *held) {
    if (held == NULL || --held->users > 0)
        return;
    (void)mayfly_cache_close(&held->cache, NULL);
    free(held->path);
    free(held);
}

static void give(struct held **held) {
    mfi_lock_take(&lock);
    release(mfi_take(*held));
    mfi_lock_give(&lock);
}

#define auto_held __attribute__((cleanup(give))) struct held

void mfi_compiled_forget(void) {
    mfi_lock_take(&lock);
    release(mfi_take(current));
    mfi_lock_give(&lock);
}

/* Makes a directory and those above it, of which the first exists. */
static int make_way(char *path) {
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        const int r = mfi_sys.mkdirat(AT_FDCWD, path, 0700);
        *slash = '/';
        if (r < 0 && r != -EEXIST)
            return r;
    }
    return 0;
}

/* NULL: there is no home, or no memory. */
static char *usual_path(void) {
    const char *cache = mfi_getenv("XDG_CACHE_HOME"), *home = mfi_getenv("HOME");
    if (cache != NULL && cache[0] == '/')
        return mfi_format("%s/mayfly/source", cache);
    if (home != NULL && home[0] == '/')
        return mfi_format("%s/.cache/mayfly/source", home);
    mfi_auto_free char *of_user = mfi_user_home(mfi_sys.geteuid());
    return of_user == NULL ? NULL : mfi_format("%s/.cache/mayfly/source", of_user);
}

/* With the lock. */
static int open_cache(char *path, struct held **ret, mayfly_error *error) {
    mayfly_auto(mayfly_cache) cache = NULL;
    int r = mayfly_cache_open(&(mayfly_cache_options){.path = path}, &cache, error);
    if (r < 0)
        return r;
    struct held *held = mfi_sys.calloc(1, sizeof *held);
    if (held == NULL)
        return mfi_fail_memory(error, sizeof *held);
    *held = (struct held){.cache = mfi_take(cache), .path = mfi_strdup(path), .users = 2};
    if (held->path == NULL) {
        held->users = 1;
        release(held);
        return mfi_fail_memory(error, 0);
    }
    release(mfi_take(current));
    current = *ret = held;
    return 0;
}

/* The cache, with this caller as a user. *ret is NULL where there is none; that is an error only if
 * it was asked for by name. */
static int take(const char *dir, struct held **ret, mayfly_error *error) {
    mfi_auto_free char *path = dir == NULL ? usual_path() : mfi_strdup(dir);
    int r = 0;
    *ret = NULL;
    if (path == NULL)
        return dir == NULL ? 0 : mfi_fail_memory(error, 0);
    mfi_lock_take(&lock);
    if (current != NULL && strcmp(current->path, path) == 0) {
        current->users++;
        *ret = current;
    } else {
        r = dir == NULL ? make_way(path) : 0;
        if (r == 0)
            r = open_cache(path, ret, dir == NULL ? NULL : error);
    }
    mfi_lock_give(&lock);
    return dir == NULL ? 0 : r;
}

/* ---- keys ------------------------------------------------------------------------------------ */

static int append_text(struct mfi_buffer *to, const char *text) {
    return mfi_buffer_append(to, text == NULL ? "" : text, text == NULL ? 1 : strlen(text) + 1);
}

static int append_place(struct mfi_buffer *to) {
    static const char *const looked_at[] = {
        "CPATH",           "C_INCLUDE_PATH", "LIBRARY_PATH",         "COMPILER_PATH",
        "GCC_EXEC_PREFIX", "LD_RUN_PATH",    "CCC_OVERRIDE_OPTIONS", "NIX_CFLAGS_COMPILE",
        "NIX_LDFLAGS"};
    char here[4096] = "";
    int r = mfi_sys.getcwd(here, sizeof here) < 0 ? 0 : append_text(to, here);
    for (size_t i = 0; r == 0 && i < MFI_LENGTH(looked_at); i++)
        r = append_text(to, mfi_getenv(looked_at[i]));
    return r;
}

static int make_key(const struct mfi_unit *unit, struct mfi_buffer *ret) {
    const struct stat *st = &unit->identity;
    const int64_t compiler[] = {(int64_t)st->st_dev,          (int64_t)st->st_ino,
                                (int64_t)st->st_size,         (int64_t)st->st_mtim.tv_sec,
                                (int64_t)st->st_mtim.tv_nsec, (int64_t)st->st_ctim.tv_sec,
                                (int64_t)st->st_ctim.tv_nsec};
    const char *magic =
        unit->options->any_owner ? "source 2 any" : "source 2"; /* headers' owners */
    int r = append_text(ret, magic);
    if (r == 0)
        r = mfi_buffer_append(ret, compiler, sizeof compiler);
    if (r == 0)
        r = append_text(ret, unit->program);
    for (size_t i = 0; r == 0 && i < unit->command.count; i++)
        r = append_text(ret, unit->command.items[i]);
    if (r == 0)
        r = append_place(ret);
    if (r == 0)
        r = append_text(ret, unit->path); /* it stands in messages and in __FILE__ */
    if (r == 0)
        r = append_text(ret, unit->more);
    return r < 0 ? r : mfi_buffer_append(ret, unit->text, unit->size);
}

/* What the cache knows a key by. Two of one sum are no harm: the later one takes the place. */
struct sum {
    uint64_t words[2], size;
};

static struct sum sum_of(const struct mfi_buffer *key) {
    static const uint64_t first = 0x9e3779b97f4a7c15, second = 0xc2b2ae3d27d4eb4f;
    struct sum sum = {{first, second}, key->size};
    for (size_t at = 0; at < key->size; at += sizeof(uint64_t)) {
        const size_t left = key->size - at;
        uint64_t word = 0;
        memcpy(&word, key->data + at, left < sizeof word ? left : sizeof word);
        sum.words[0] = (sum.words[0] ^ word) * second;
        sum.words[0] ^= sum.words[0] >> 29;
        sum.words[1] = ((sum.words[1] ^ word) * first) ^ (sum.words[1] >> 31);
    }
    return sum;
}

/* ---- values ---------------------------------------------------------------------------------- */

/* The parts of a value follow each other behind the key, each behind its size. */
enum { PARTS = 5 };

static void parts_of(struct mfi_compiled *compiled, struct mfi_buffer *ret[PARTS]) {
    ret[0] = &compiled->headers;
    ret[1] = &compiled->diagnostics;
    ret[2] = &compiled->names;
    ret[3] = &compiled->runs;
    ret[4] = &compiled->object;
}

static int pack(const struct mfi_buffer *key, struct mfi_compiled *compiled,
                struct mfi_buffer *ret) {
    struct mfi_buffer *parts[PARTS];
    int r = mfi_buffer_reserve(ret, key->size + compiled->object.size + 65536);
    if (r == 0)
        r = mfi_buffer_append(ret, key->data, key->size);
    parts_of(compiled, parts);
    for (size_t i = 0; r == 0 && i < PARTS; i++) {
        const uint64_t size = parts[i]->size;
        r = mfi_buffer_append(ret, &size, sizeof size);
        if (r == 0)
            r = mfi_buffer_append(ret, parts[i]->data, parts[i]->size);
    }
    return r;
}

/* 0, -ENOMEM, or 1: it is no such value, or another key's. */
static int unpack(const struct mfi_buffer *key, const char *data, size_t size,
                  struct mfi_compiled *ret) {
    struct mfi_buffer *parts[PARTS];
    if (size < key->size || memcmp(data, key->data, key->size) != 0)
        return 1;
    data += key->size;
    size -= key->size;
    parts_of(ret, parts);
    for (size_t i = 0; i < PARTS; i++) {
        uint64_t length;
        if (size < sizeof length)
            return 1;
        memcpy(&length, data, sizeof length);
        data += sizeof length;
        size -= sizeof length;
        if (length > size)
            return 1;
        if (mfi_buffer_append(parts[i], data, (size_t)length) < 0)
            return -ENOMEM;
        data += length;
        size -= (size_t)length;
    }
    return size == 0 ? 0 : 1;
}

/* Whether each header still is what was read. */
static bool is_fresh(const struct mfi_buffer *headers) {
    for (size_t at = 0; at < headers->size;) {
        struct mfi_header then, now;
        const char *path = headers->data + at + sizeof then;
        if (headers->size - at <= sizeof then ||
            memchr(path, '\0', headers->size - at - sizeof then) == NULL)
            return false;
        memcpy(&then, headers->data + at, sizeof then);
        if (mfi_header_look(path, &now) < 0 || memcmp(&then, &now, sizeof now) != 0)
            return false;
        at += sizeof then + strlen(path) + 1;
    }
    return true;
}

/* ---- looking up ------------------------------------------------------------------------------ */

struct computing {
    const struct mfi_unit *unit;
    const struct mfi_buffer *key;
    struct mfi_compiled compiled;
};

static int compute(void *context, char **ret, size_t *ret_size, mayfly_error *error) {
    struct computing *computing = context;
    struct mfi_buffer value = {0};
    int r = mfi_compile(computing->unit, &computing->compiled, error);
    if (r < 0)
        return r;
    if (pack(computing->key, &computing->compiled, &value) < 0) {
        mfi_buffer_free(&value);
        return mfi_fail_memory(error, 0);
    }
    *ret = value.data;
    *ret_size = value.size;
    return computing->compiled.fleeting ||
                   memmem(computing->unit->text, computing->unit->size, "incbin", 6) != NULL
               ? 1
               : 0;
}

/* 1: a good entry is in *ret; 0: there is none; or the failure. */
static int look(mayfly_cache *cache, const struct mfi_buffer *key, struct mfi_compiled *ret,
                mayfly_error *error) {
    mfi_auto_free char *data = NULL;
    size_t size;
    mfi_auto_compiled found = {.fleeting = false};
    const struct sum sum = sum_of(key);
    int r = mayfly_cache_get(cache, &sum, sizeof sum, &data, &size, error);
    if (r <= 0)
        return r;
    r = unpack(key, data, size, &found);
    if (r < 0)
        return mfi_fail_memory(error, size);
    if (r == 0 && is_fresh(&found.headers)) {
        *ret = found;
        found = (struct mfi_compiled){.fleeting = false};
        return 1;
    }
    r = mayfly_cache_remove(cache, &sum, sizeof sum, error);
    return r < 0 ? r : 0;
}

/* What was compiled here is taken as it is, what another one compiled from its value. */
static int compile_once(mayfly_cache *cache, const struct mfi_buffer *key,
                        const struct mfi_unit *unit, struct mfi_compiled *ret,
                        mayfly_error *error) {
    struct computing computing = {.unit = unit, .key = key};
    const struct sum sum = sum_of(key);
    mfi_auto_free char *data = NULL;
    size_t size;
    int there;
    do /* a compiler is waited for, whatever comes: it does not take long */
        there = mayfly_cache_get_or_compute(cache, &sum, sizeof sum, compute, &computing, NULL,
                                            &data, &size, error);
    while (there == -EINTR);
    if (there == 0) {
        *ret = computing.compiled;
        return 0;
    }
    /* A failure's messages are wanted, too. */
    if (there < 0)
        *ret = computing.compiled;
    if (there < 0)
        return there;
    const int r = unpack(key, data, size, ret);
    if (r == -ENOMEM)
        return mfi_fail_memory(error, size);
    if (r == 0)
        return 0;
    mfi_compiled_free(ret);
    return mfi_compile(unit, ret, error);
}

/* Whether a failure is the cache's: then there is simply none. */
static bool is_of_cache(int code) {
    return code == -ENOENT || code == -EACCES || code == -EROFS || code == -ENOSPC ||
           code == -EDQUOT || code == -ENOLCK;
}

int mfi_compile_cached(const struct mfi_unit *unit, struct mfi_compiled *ret, mayfly_error *error) {
    mfi_auto_buffer key = {0};
    auto_held *held = NULL;
    const char *dir = unit->options->cache_dir;
    int r = unit->options->uncached ? 0 : take(dir, &held, error);
    if (r < 0)
        return r;
    if (held == NULL)
        return mfi_compile(unit, ret, error);
    if (make_key(unit, &key) < 0)
        return mfi_fail_memory(error, unit->size);
    r = look(held->cache, &key, ret, error);
    if (r == 0)
        r = compile_once(held->cache, &key, unit, ret, error);
    if (r < 0 && is_of_cache(r)) {
        mfi_compiled_free(ret);
        *ret = (struct mfi_compiled){.fleeting = false};
        mfi_compiled_forget(); /* it may be gone: the next one opens it anew */
        r = mfi_compile(unit, ret, error);
    }
    return r < 0 ? r : 0;
}
