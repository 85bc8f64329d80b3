/* SPDX-License-Identifier: MIT
 *
 * A cache: opening and ending it, looking up and storing.
 *
 * Invariants  the directory belongs to the user who opened it, nobody else may write in it, and it
 *             is reached by its descriptor only.
 *             A handle does not change after it was opened: all that does is in shared memory. So
 *             threads and forked children may use it.
 */
#define _GNU_SOURCE
#include "cache.h"

#include <fcntl.h>
#include <stdlib.h>

static const uint64_t default_bytes = (uint64_t)256 << 20, default_entries = 16384;

/* ---- ending ---------------------------------------------------------------------------------- */

int mayfly_cache_close(mayfly_cache **cache, mayfly_error *error) {
    if (cache == NULL || *cache == NULL)
        return 0;
    mayfly_cache *ending = mfi_take(*cache);
    if (ending->shared != NULL)
        (void)mfi_sys.munmap(ending->shared, sizeof *ending->shared);
    mfi_close_fd(&ending->own_fd);
    const int r = mayfly_dir_close(&ending->dir, error);
    free(ending->path);
    free(ending);
    return r;
}

void mayfly_cache_auto(mayfly_cache **cache) {
    (void)mayfly_cache_close(cache, NULL);
}

const char *mayfly_cache_path(const mayfly_cache *cache) {
    return cache->path;
}

/* ---- opening --------------------------------------------------------------------------------- */

static int make_temporary(mayfly_cache *cache, const mayfly_cache_options *options,
                          mayfly_error *error) {
    const mayfly_dir_options of_dir = {
        .prefix = options->prefix == NULL ? "cache_" : options->prefix,
        .dir = options->dir,
        .place = options->place,
    };
    const int r = mayfly_temporary_directory(&of_dir, &cache->dir, error);
    if (r < 0)
        return r;
    cache->fd = mayfly_dir_fd(cache->dir);
    cache->path = mfi_strdup(mayfly_dir_path(cache->dir));
    return cache->path == NULL ? mfi_fail_memory(error, 0) : 0;
}

/* Makes the directory if it is missing, whatever the umask is. Returns 1 if it did. */
static int need_directory(const char *path, mayfly_error *error) {
    int r = mfi_sys.mkdirat(AT_FDCWD, path, 0700);
    if (r == -EEXIST)
        return 0;
    if (r < 0)
        return mfi_fail_call(error, r, "mkdirat", path, -1);
    mfi_auto_fd fd =
        mfi_sys.openat(AT_FDCWD, path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
    r = fd < 0 ? fd : mfi_sys.chmod_opath(fd, 0700);
    if (r == 0)
        return 1;
    (void)mfi_sys.unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
    return mfi_fail_call(error, r, "chmod", path, -1);
}

static int open_kept(mayfly_cache *cache, mayfly_error *error) {
    struct stat st;
    cache->own_fd = cache->fd =
        mfi_sys.openat(AT_FDCWD, cache->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
    const int r = cache->fd < 0 ? cache->fd : mfi_sys.fstat(cache->fd, &st);
    if (r < 0)
        return mfi_fail_call(error, r, "openat", cache->path, -1);
    if (st.st_uid != cache->owner)
        return mfi_fail(error, -EPERM, "cache", cache->path,
                        "belongs to user %u, who could put there what he likes; choose a directory "
                        "of your own",
                        (unsigned)st.st_uid);
    if ((st.st_mode & 022) != 0)
        return mfi_fail(error, -EPERM, "cache", cache->path,
                        "others may write there (mode 0%03o); take that from them, or choose "
                        "another directory",
                        (unsigned)st.st_mode & 0777);
    return 0;
}

static int is_stranger(void *context, const char *name) {
    (void)context;
    return strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && strcmp(name, MFI_CACHE_STATE) != 0;
}

/* A directory of other things is not to become a cache by a slip. */
static int create_state(const mayfly_cache *cache, mayfly_error *error) {
    int r = mfi_cache_each(cache, is_stranger, NULL);
    if (r > 0) {
        /* Or it has become one since it was looked at. */
        const int fd =
            mfi_sys.openat(cache->fd, MFI_CACHE_STATE, O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0);
        return fd >= 0
                   ? fd
                   : mfi_fail(
                         error, -ENOTEMPTY, "cache", cache->path,
                         "holds other things and is no cache; name an empty or a new directory");
    }
    if (r == 0)
        r = mfi_sys.openat(cache->fd, MFI_CACHE_STATE, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
                           0600);
    return r < 0 ? mfi_fail_call(error, r, "cache", cache->path, cache->fd) : r;
}

/* What the file begins with, of which a killed process may have written nothing. */
static int check_state(const mayfly_cache *cache, int fd, mayfly_error *error) {
    static const char nothing[sizeof cache->shared->magic];
    char magic[sizeof cache->shared->magic] = "";
    struct stat st;
    int r = mfi_sys.fstat(fd, &st);
    if (r == 0 && (!S_ISREG(st.st_mode) || st.st_uid != cache->owner))
        return mfi_fail(error, -EPERM, "cache", cache->path, "%s is no file of yours",
                        MFI_CACHE_STATE);
    if (r == 0)
        r = (int)mfi_sys.pread(fd, magic, sizeof magic, 0);
    if (r >= 0 && memcmp(magic, nothing, sizeof magic) == 0)
        /* Room on the disk, so that a full one does not end the process by SIGBUS. */
        r = mfi_sys.allocate(fd, sizeof *cache->shared);
    else if (r >= 0 && (memcmp(magic, MFI_CACHE_MAGIC, sizeof magic) != 0 ||
                        st.st_size != sizeof *cache->shared))
        return mfi_fail(error, MAYFLY_E_SYNTAX, "cache", cache->path,
                        "%s is no cache's of this version; remove the directory", MFI_CACHE_STATE);
    return r < 0 ? mfi_fail_call(error, r, "cache", cache->path, fd) : 0;
}

/* What was a directory only becomes a cache. The magic comes last. */
static int begin_state(struct mfi_cache_shared *shared) {
    if (shared->magic[0] != '\0')
        return 0;
    const int r = mfi_random(&shared->secret, sizeof shared->secret);
    if (r == 0)
        memcpy(shared->magic, MFI_CACHE_MAGIC, sizeof shared->magic);
    return r;
}

static int map_state(mayfly_cache *cache, int fd, mayfly_error *error) {
    char boot[MFI_BOOT_ID] = "";
    int r = check_state(cache, fd, error);
    if (r < 0)
        return r;
    cache->shared = mfi_sys.mmap(sizeof *cache->shared, fd, 0);
    if (cache->shared == NULL)
        return mfi_fail_memory(error, sizeof *cache->shared);
    mfi_boot_id(boot);
    if (memcmp(cache->shared->boot, boot, sizeof boot) != 0)
        atomic_store(&cache->shared->unsettled, 1);
    memcpy(cache->shared->boot, boot, sizeof boot);
    r = begin_state(cache->shared);
    return r < 0 ? mfi_fail_call(error, r, "getrandom", cache->path, -1) : 0;
}

/* Maps the state, which is made if this is a new cache. */
static int open_state(mayfly_cache *cache, mayfly_error *error) {
    mfi_auto_fd fd = mfi_sys.openat(cache->fd, MFI_CACHE_STATE, O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0);
    if (fd < 0 && fd != -ENOENT)
        return mfi_fail_call(error, fd, "cache", cache->path, cache->fd);
    if (fd < 0)
        fd = create_state(cache, error);
    if (fd < 0)
        return fd;
    /* By another descriptor: a lock would last as long as the mapping of its own. */
    mfi_auto_lock lock = mfi_cache_lock(cache, 0, MFI_LOCK_WAIT);
    if (lock < 0)
        return mfi_fail_call(error, lock, "lock", cache->path, cache->fd);
    return map_state(cache, fd, error);
}

static int open_path(mayfly_cache *cache, const char *path, mayfly_error *error) {
    int r = mfi_absolute(path, &cache->path, error);
    if (r < 0)
        return r;
    const int made = need_directory(cache->path, error);
    if (made < 0)
        return made;
    r = open_kept(cache, error);
    if (r == 0)
        r = open_state(cache, error);
    if (r < 0 && made) /* unless somebody has something in it already */
        (void)mfi_sys.unlinkat(AT_FDCWD, cache->path, AT_REMOVEDIR);
    return r;
}

int mayfly_cache_open_sized(size_t options_size, const mayfly_cache_options *options,
                            mayfly_cache **ret, mayfly_error *error) {
    mayfly_cache_options known;
    int r = mfi_options_import(&known, sizeof known, options, options_size, "cache", error);
    if (r < 0)
        return r;
    r = mfi_cache_name_init();
    if (r < 0)
        return mfi_fail(error, r, "cache", NULL, "this library was built without libsodium");
    mayfly_auto(mayfly_cache) cache = mfi_sys.calloc(1, sizeof *cache);
    if (cache == NULL)
        return mfi_fail_memory(error, sizeof *cache);
    cache->own_fd = -1;
    cache->owner = mfi_sys.geteuid();
    cache->ttl_ms = known.ttl_ms == 0 ? MAYFLY_CACHE_FOREVER : known.ttl_ms;
    cache->max_bytes = known.max_bytes == 0 ? default_bytes : known.max_bytes;
    cache->max_entries = known.max_entries == 0 ? default_entries : known.max_entries;
    if (known.path != NULL) {
        r = open_path(cache, known.path, error);
    } else {
        r = make_temporary(cache, &known, error);
        if (r == 0)
            r = open_state(cache, error);
    }
    if (r == 0)
        *ret = mfi_take(cache);
    return r;
}

/* ---- looking up ------------------------------------------------------------------------------ */

int mfi_cache_look(mayfly_cache *cache, const struct mfi_cache_name *name, const void *key,
                   size_t key_size, int again, char **ret, size_t *ret_size, mayfly_error *error) {
    struct mfi_cache_shared *shared = cache->shared;
    const struct mfi_cache_entry wanted = {.name = *name, .key = key, .key_size = key_size};
    mfi_auto_fd fd = -1;
    char *data = NULL;
    size_t size;
    const int verdict = mfi_cache_entry_read(cache, &wanted, &fd, &data, &size);
    if (verdict == -ENOMEM)
        return mfi_fail_memory(error, 0);
    if (verdict < 0)
        return mfi_fail_call(error, verdict, "cache", cache->path, cache->fd);
    if (verdict == MFI_CACHE_HIT) {
        mfi_cache_note_use(cache, name);
        *ret = data;
        *ret_size = size;
        return 1;
    }
    if (!again)
        mfi_cache_count(&shared->misses);
    if (verdict != MFI_CACHE_MISS) {
        mfi_cache_count(verdict == MFI_CACHE_EXPIRED ? &shared->expired : &shared->damaged);
        mfi_cache_discard(cache, name, fd);
    }
    return 0;
}

int mayfly_cache_get(mayfly_cache *cache, const void *key, size_t key_size, char **ret,
                     size_t *ret_size, mayfly_error *error) {
    struct mfi_cache_name name;
    const int r = mfi_cache_name(key, key_size, &name);
    if (r < 0)
        return mfi_fail(error, r, "cache", cache->path, NULL);
    return mfi_cache_look(cache, &name, key, key_size, 0, ret, ret_size, error);
}

/* ---- storing --------------------------------------------------------------------------------- */

/* When something ends that is good for so long; at the end of all times, if it is longer. */
static int64_t end_of(int64_t made, uint64_t ttl_ms) {
    const uint64_t left = (uint64_t)(INT64_MAX - made);
    return ttl_ms >= left / 1000000 ? INT64_MAX : made + (int64_t)ttl_ms * 1000000;
}

static int describe(const mayfly_cache *cache, const mayfly_cache_put_options *options,
                    struct mfi_cache_entry *entry, mayfly_error *error) {
    const uint64_t size = mfi_cache_entry_size(entry->key_size, entry->size);
    if (size > cache->max_bytes)
        return mfi_fail(error, -EFBIG, "cache", cache->path,
                        "an entry of %llu bytes is more than all that may be in the cache, which "
                        "are %llu",
                        (unsigned long long)size, (unsigned long long)cache->max_bytes);
    int r = mfi_cache_name(entry->key, entry->key_size, &entry->name);
    if (r < 0)
        return mfi_fail(error, r, "cache", cache->path, NULL);
    entry->made = mfi_sys.realtime();
    if (entry->made < 0)
        return mfi_fail_call(error, (int)entry->made, "clock_gettime", cache->path, -1);
    entry->ends = end_of(entry->made, options->ttl_ms == 0 ? cache->ttl_ms : options->ttl_ms);
    return 0;
}

/* The content in a file without a name, before anybody has to wait for it. -1: there can be no such
 * file, for whatever reason: one with a name will tell it. */
static int write_unnamed(const mayfly_cache *cache, const struct mfi_cache_entry *entry,
                         int *ret_fd, mayfly_error *error) {
    mfi_auto_fd fd = mfi_sys.open_unnamed(cache->fd, 0600);
    *ret_fd = -1;
    if (fd < 0)
        return 0;
    int r = mfi_sys.fchmod(fd, 0600); /* whatever the umask is */
    if (r == 0)
        r = mfi_cache_entry_write(cache, fd, entry);
    if (r < 0)
        return mfi_fail_call(error, r, "cache", cache->path, cache->fd);
    *ret_fd = mfi_take_fd(&fd);
    return 0;
}

int mayfly_cache_put_sized(size_t options_size, mayfly_cache *cache, const void *key,
                           size_t key_size, const void *data, size_t size,
                           const mayfly_cache_put_options *options, mayfly_error *error) {
    mayfly_cache_put_options known;
    struct mfi_cache_entry entry = {.key = key, .key_size = key_size, .data = data, .size = size};
    mfi_auto_fd fd = -1;
    int r = mfi_options_import(&known, sizeof known, options, options_size, "cache", error);
    if (r == 0)
        r = describe(cache, &known, &entry, error);
    if (r == 0)
        r = write_unnamed(cache, &entry, &fd, error);
    return r < 0 ? r : mfi_cache_publish(cache, &entry, fd, error);
}
