/* SPDX-License-Identifier: MIT
 *
 * A cache in files, for any number of threads and processes (row P2; tempfile-guide.md,
 * TemporaryCache).
 *
 *     mayfly_auto(mayfly_cache) cache = NULL;
 *     mayfly_cache_open(&(mayfly_cache_options){.ttl_ms = 3600 * 1000}, &cache, &error);
 *     if (mayfly_cache_get(cache, url, strlen(url), &page, &size, &error) == 1)
 *         ...                                              // a hit; free(page)
 *     mayfly_cache_put(cache, url, strlen(url), page, size, NULL, &error);
 *
 * or, so that of all who need it only one fetches it:
 *
 *     mayfly_cache_get_or_compute(cache, url, strlen(url), fetch, &site, NULL, &page, &size, NULL);
 *
 * Lifetime   The cache lies in a temporary directory of its own and goes with it; or in the
 *            directory that .path names, and stays. Others open it there as well, also a temporary
 *            one (mayfly_cache_path). A forked child may go on using its parent's handle.
 * Entries    A file each (mode 0600), called by the BLAKE2b hash of its key; it holds the whole
 *            key, the value, when it ends, and a check sum. It appears complete or not at all. An
 *            entry that is torn, altered, another's or past its time is a miss, and is removed.
 * Reading    takes no lock and makes three system calls: openat, pread, close (from 16 KiB on two
 *            more). That an entry was used is noted in memory that all who have the cache open
 *            share, which costs no call.
 * Bounds     hold at every moment, for bytes (the sizes of the entries' files; what a file system
 *            rounds up comes on top, and 132 KiB for the cache itself) and for the number of
 *            entries; what is just being written counts when it appears. Each writer keeps those
 *            that it opened the cache with. What was least recently used goes first, and an eighth
 *            of the entries beyond what must go, so that looking for them is rare. When each was
 *            used is noted in 16,384 places: of more entries some share one, and stay as long as
 *            the most recently used of them.
 * Clock      Times to live are counted by CLOCK_REALTIME. If that was set back to before an entry
 *            was made, the entry has ended.
 * Disk       Nothing is synced: what a power cut tears is a miss later. A directory on NFS needs
 *            its locks (fcntl(2)).
 * Trust      Whoever is the cache's owner can make it say anything. The check sum is against
 *            accidents, and against what others left there before the directory was private.
 */
#ifndef MAYFLY_CACHE_H
#define MAYFLY_CACHE_H

#include <mayfly/dir.h>
#include <mayfly/pickle.h>

MAYFLY_BEGIN_DECLS

typedef struct mayfly_cache mayfly_cache;

/* As a time to live: the entry does not end by itself. */
#define MAYFLY_CACHE_FOREVER UINT64_MAX

typedef struct mayfly_cache_options {
    const char *path;     /* a directory that stays, made if it is missing; NULL: a temporary one */
    const char *prefix;   /* of the temporary one; "cache_" */
    const char *dir;      /* where it is made; NULL: as `place` says */
    mayfly_place place;   /* when dir is NULL */
    uint64_t ttl_ms;      /* how long entries are good for, in milliseconds; 0: for ever */
    uint64_t max_bytes;   /* 0: 256 MiB */
    uint64_t max_entries; /* 0: 16,384 */
} mayfly_cache_options;

/* Of one entry. */
typedef struct mayfly_cache_put_options {
    uint64_t ttl_ms; /* 0: as the cache's options say; MAYFLY_CACHE_FOREVER */
} mayfly_cache_put_options;

/* What is there, and what happened since the cache was made, in all processes. */
typedef struct mayfly_cache_statistics {
    uint64_t entries;
    uint64_t bytes; /* of their files */
    uint64_t hits;
    uint64_t misses;   /* also those that follow */
    uint64_t expired;  /* entries found past their time */
    uint64_t damaged;  /* entries found torn, altered or another's */
    uint64_t puts;     /* entries written */
    uint64_t evicted;  /* to make room */
    uint64_t computed; /* by mayfly_cache_get_or_compute and _build */
    uint64_t waited;   /* given by these after another one had computed them */
} mayfly_cache_statistics;

/* ---- opening and ending ---------------------------------------------------------------------- */

/* Makes a cache, or opens the one that options->path has.
 *
 * options    NULL: all defaults
 *
 * Ownership: the caller closes the handle.
 * Errors:    -ENOTSUP    a library built without libsodium
 *            -EPERM      the directory is another user's, or others may write in it
 *            -ENOTEMPTY  it holds other things, and no cache
 *            -ENOTDIR, -ELOOP  it is a file, or a symbolic link
 *            MAYFLY_E_SYNTAX   it has a cache of another version, or a damaged one
 *            -ENOENT, -EACCES, -ENOSPC, ... as mkdirat(2) and openat(2); of a temporary one as
 *                        mayfly_temporary_directory
 *            MAYFLY_E_OPTION, -ENOMEM
 * Safety:    thread any | fork any | signal no
 * Since:     0.1 (contract P2) */
#define mayfly_cache_open(...) mayfly_cache_open_sized(sizeof(mayfly_cache_options), __VA_ARGS__)
MAYFLY_API MAYFLY_MUST_CHECK int mayfly_cache_open_sized(size_t options_size,
                                                         const mayfly_cache_options *options,
                                                         mayfly_cache **ret, mayfly_error *error);

/* Ends the handle, and the cache if it is a temporary one. NULL is accepted twice over.
 *
 * Errors:    as mayfly_dir_close
 * Safety:    thread one-object | fork child-inert | signal no
 * Since:     0.1 */
MAYFLY_API int mayfly_cache_close(mayfly_cache **cache, mayfly_error *error);
MAYFLY_API void mayfly_cache_auto(mayfly_cache **cache);

/* Its directory. Ownership: the handle's. Safety: thread any | fork any | signal yes. Since: 0.1 */
MAYFLY_API const char *mayfly_cache_path(const mayfly_cache *cache);

/* ---- entries --------------------------------------------------------------------------------- */

/* Looks a key up.
 *
 * key        any bytes; key_size may be 0
 * ret        receives the value on a hit, with a NUL behind it that ret_size does not count
 *
 * Returns 1: a hit, 0: a miss. A bad entry is removed unless just then somebody else writes in the
 * cache; then the next one to find it does.
 *
 * Ownership: the caller frees *ret.
 * Errors:    -EACCES, -EMFILE, -EIO, ... as openat(2) and pread(2): not known whether it is there
 *            -ENOMEM
 * Safety:    thread any | fork any | signal no
 * Since:     0.1 (contract P2) */
MAYFLY_API MAYFLY_MUST_CHECK int mayfly_cache_get(mayfly_cache *cache, const void *key,
                                                  size_t key_size, char **ret, size_t *ret_size,
                                                  mayfly_error *error);

/* Stores a value, in place of what the key had. Others find what was there before, or this one.
 *
 * options    NULL: all defaults
 *
 * Errors:    -EFBIG   key and value are more than the cache may hold; the message has the numbers
 *            -ENOENT  the cache is gone
 *            -ENOSPC, -EDQUOT, -EIO, ... as openat(2), pwritev(2), linkat(2) and renameat(2)
 *            -ENOMEM, MAYFLY_E_OPTION
 *            What was there before is still there, unless it had to make room
 * Safety:    thread any | fork any | signal no
 * Since:     0.1 (contract P2) */
#define mayfly_cache_put(...) mayfly_cache_put_sized(sizeof(mayfly_cache_put_options), __VA_ARGS__)
MAYFLY_API MAYFLY_MUST_CHECK int mayfly_cache_put_sized(size_t options_size, mayfly_cache *cache,
                                                        const void *key, size_t key_size,
                                                        const void *data, size_t size,
                                                        const mayfly_cache_put_options *options,
                                                        mayfly_error *error);

/* Takes an entry out. Returns 1, or 0: there was none. Errors: as mayfly_cache_put. Safety: thread
 * any | fork any | signal no. Since: 0.1 */
MAYFLY_API int mayfly_cache_remove(mayfly_cache *cache, const void *key, size_t key_size,
                                   mayfly_error *error);

/* Takes all entries out; who reads one of them just now reads it to its end. Errors: as
 * unlinkat(2): as many as possible are gone; -ENOMEM. Safety: thread any | fork any | signal no.
 * Since: 0.1 */
MAYFLY_API int mayfly_cache_clear(mayfly_cache *cache, mayfly_error *error);

/* Tells what is there and what happened.
 *
 * Errors:    -ENOENT the cache is gone; -ENOMEM: after somebody was killed while writing in the
 *            cache, its entries are counted anew
 * Safety:    thread any | fork any | signal no
 * Since:     0.1 */
#define mayfly_cache_stats(...)                                                                    \
    mayfly_cache_stats_sized(sizeof(mayfly_cache_statistics), __VA_ARGS__)
MAYFLY_API int mayfly_cache_stats_sized(size_t result_size, mayfly_cache *cache,
                                        mayfly_cache_statistics *ret, mayfly_error *error);

/* ---- computing what is not there ------------------------------------------------------------- */

/* Makes the value of a key, in memory from malloc(3) that is the caller's then. Returns 0; 1: it is
 * good, but not to be stored; or -errno or a code of its own below 0, with a sentence in *error if
 * it has one. */
typedef int mayfly_cache_compute(void *context, char **ret, size_t *ret_size, mayfly_error *error);

/* Gives the value of a key; if there is none, computes and stores it. Of several processes and
 * threads that want the same one, one computes and the others wait for it. If it fails or is
 * killed, the next one computes. A failure is not stored.
 *
 * The computation may use the cache, also for other keys, but not in a circle: a key that waits for
 * itself waits for ever.
 *
 * Returns 1: it was there, perhaps after waiting; 0: computed, and given as `compute` made it. It
 * is also given if it could not be stored, be it for its size or for a full disk.
 *
 * Ownership: the caller frees *ret.
 * Errors:    what `compute` returns; as mayfly_cache_get; -ENOENT the cache is gone
 *            -EINTR  while another one computes, a signal handler was called that was installed
 *                    without SA_RESTART: ask again to go on waiting
 * Safety:    thread any | fork any (a child that `compute` forks, and that neither executes another
 *            program nor ends, lets others wait if this process is killed) | signal no
 * Since:     0.1 (contract P2) */
#define mayfly_cache_get_or_compute(...)                                                           \
    mayfly_cache_get_or_compute_sized(sizeof(mayfly_cache_put_options), __VA_ARGS__)
MAYFLY_API MAYFLY_MUST_CHECK int
mayfly_cache_get_or_compute_sized(size_t options_size, mayfly_cache *cache, const void *key,
                                  size_t key_size, mayfly_cache_compute *compute, void *context,
                                  const mayfly_cache_put_options *options, char **ret,
                                  size_t *ret_size, mayfly_error *error);

/* ---- values ---------------------------------------------------------------------------------- */

/* The same with values (mayfly/object.h), which are stored as pickles of protocol 5.
 *
 * ret        as for mayfly_loads: a new document, or one that is filled anew; its root is the value
 *
 * Errors:    MAYFLY_E_PICKLE   the entry holds bytes that are no pickle (it stays), or the value
 *                              has no form as a pickle
 *            as mayfly_loads and mayfly_dumps, and as above
 * Safety:    thread any, each with its own document | fork any | signal no
 * Since:     0.1 (contract P2) */
MAYFLY_API MAYFLY_MUST_CHECK int mayfly_cache_get_value(mayfly_cache *cache, const void *key,
                                                        size_t key_size, mayfly_doc **ret,
                                                        mayfly_error *error);
#define mayfly_cache_put_value(...)                                                                \
    mayfly_cache_put_value_sized(sizeof(mayfly_cache_put_options), __VA_ARGS__)
MAYFLY_API MAYFLY_MUST_CHECK int /* as above */
mayfly_cache_put_value_sized(size_t options_size, mayfly_cache *cache, const void *key,
                             size_t key_size, mayfly_doc *doc, mayfly_value value,
                             const mayfly_cache_put_options *options, mayfly_error *error);

/* Makes the value of a key in an empty document, and sets it as the root. Returns as
 * mayfly_cache_compute. */
typedef int mayfly_cache_build(void *context, mayfly_doc *doc, mayfly_error *error);

/* mayfly_cache_get_or_compute with a value. Errors: MAYFLY_E_PICKLE and as there. Safety: as there.
 * Since: 0.1 (contract P2) */
#define mayfly_cache_get_or_build(...)                                                             \
    mayfly_cache_get_or_build_sized(sizeof(mayfly_cache_put_options), __VA_ARGS__)
MAYFLY_API MAYFLY_MUST_CHECK int
mayfly_cache_get_or_build_sized(size_t options_size, mayfly_cache *cache, const void *key,
                                size_t key_size, mayfly_cache_build *build, void *context,
                                const mayfly_cache_put_options *options, mayfly_doc **ret,
                                mayfly_error *error);

MAYFLY_END_DECLS

#endif
