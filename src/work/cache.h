/* SPDX-License-Identifier: MIT
 *
 * Between the sources of the cache.
 *
 *     cache.c        opening, looking up, storing
 *     cache_entry.c  the file of an entry: written, read, judged
 *     cache_room.c   what is done under the writers' lock: publishing, making room, counting
 *     cache_wait.c   computing what is not there, once; values
 *     cache_name.c   keys to names (BLAKE2b); the check sum
 */
#ifndef MFI_WORK_CACHE_H
#define MFI_WORK_CACHE_H

#include <mayfly/cache.h>

#include <stdatomic.h>

#include "../base/base.h"

#define MFI_CACHE_STATE ".mayfly-cache"     /* struct mfi_cache_shared; its bytes are the locks */
#define MFI_CACHE_NEW   ".mayfly-cache-new" /* an entry that is about to be renamed */
#define MFI_CACHE_MAGIC "mayfly cache 1\n"  /* 16 with its NUL */

/* What the file of a key is called. */
struct mfi_cache_name {
    char text[41]; /* 160 bits in base 16 */
    uint64_t word; /* the first 64 of them */
};

enum { MFI_CACHE_SLOTS = 16384 };

/* What all who have the cache open share: a mapped file. Entries, bytes and `unsettled` belong to
 * who has the writers' lock; the others are counted without one. */
struct mfi_cache_shared {
    char magic[16];
    char boot[MFI_BOOT_ID];     /* of the system that wrote it last: numbers of an earlier one may
                                   be older than the directory */
    uint64_t secret;            /* seed of all check sums; drawn when the cache is made */
    _Atomic uint64_t unsettled; /* 1 while entries change: who finds it so counts them */
    _Atomic uint64_t entries, bytes;
    _Atomic uint64_t puts, evicted, expired, damaged, computed, waited;
    _Alignas(64) _Atomic uint64_t misses;
    _Atomic uint64_t uses; /* hits and puts so far: the clock that recency is told by */
    _Alignas(4096) _Atomic uint64_t used[MFI_CACHE_SLOTS]; /* when, by that clock; by the name */
};

struct mayfly_cache {
    mayfly_dir *dir; /* NULL: kept */
    int own_fd;      /* of a kept one; else -1 */
    int fd;          /* the directory */
    char *path;
    struct mfi_cache_shared *shared;
    uid_t owner;
    uint64_t ttl_ms, max_bytes, max_entries;
};

/* ---- names and sums -------------------------------------------------------------------------- */

/* Before the first name: 0, or -ENOTSUP without libsodium. */
int mfi_cache_name_init(void);
int mfi_cache_name(const void *key, size_t size, struct mfi_cache_name *ret);

/* Of the machine's byte order. */
uint64_t mfi_cache_sum(const void *data, size_t size, uint64_t seed);

static inline _Atomic uint64_t *mfi_cache_used(const mayfly_cache *cache, uint64_t word) {
    return &cache->shared->used[word % MFI_CACHE_SLOTS];
}

static inline void mfi_cache_count(_Atomic uint64_t *counter) {
    (void)atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static inline void mfi_cache_note_use(const mayfly_cache *cache,
                                      const struct mfi_cache_name *name) {
    const uint64_t now =
        1 + atomic_fetch_add_explicit(&cache->shared->uses, 1, memory_order_relaxed);
    atomic_store_explicit(mfi_cache_used(cache, name->word), now, memory_order_relaxed);
}

/* ---- the file of an entry -------------------------------------------------------------------- */

/* One that is to be written: what stands in its file. */
struct mfi_cache_entry {
    struct mfi_cache_name name;
    const void *key, *data;
    size_t key_size, size;
    int64_t made, ends; /* nanoseconds since 1970; ends: INT64_MAX, never. Not used to read */
};

enum mfi_cache_verdict { MFI_CACHE_MISS, MFI_CACHE_HIT, MFI_CACHE_EXPIRED, MFI_CACHE_DAMAGED };

/* The size of its file; UINT64_MAX if there is no such size. */
uint64_t mfi_cache_entry_size(size_t key_size, size_t size);

/* 0 or -errno. */
int mfi_cache_entry_write(const mayfly_cache *cache, int fd, const struct mfi_cache_entry *entry);

/* Reads and judges. Gives the open file, too (-1: there is none, or it is a link): until it is
 * closed, no other one can have its inode. A verdict or -errno; *ret only on a hit. */
int mfi_cache_entry_read(const mayfly_cache *cache, const struct mfi_cache_entry *wanted,
                         int *ret_fd, char **ret, size_t *ret_size);

/* ---- under the writers' lock ----------------------------------------------------------------- */

/* Descriptors with a lock; 0 or -errno. The lock of a key is at its place, the writers' at 0. */
int mfi_cache_lock(const mayfly_cache *cache, int64_t place, int how);
void mfi_cache_unlock(const int *fd); /* for `cleanup`; nothing if it is negative */

#define mfi_auto_lock __attribute__((cleanup(mfi_cache_unlock))) int

/* Publishes the entry, whose content lies in the unnamed file `fd` (-1: it is yet to be written).
 */
int mfi_cache_publish(mayfly_cache *cache, const struct mfi_cache_entry *entry, int fd,
                      mayfly_error *error);

/* Removes a file that was found bad, if the name still has that one and nobody is writing. */
void mfi_cache_discard(const mayfly_cache *cache, const struct mfi_cache_name *name, int fd);

/* Calls `visit` with each name in the directory until it gives something else than 0. */
int mfi_cache_each(const mayfly_cache *cache, int (*visit)(void *context, const char *name),
                   void *context);

/* ---- looking up ------------------------------------------------------------------------------ */

/* mayfly_cache_get; `again` counts nothing but a hit. */
int mfi_cache_look(mayfly_cache *cache, const struct mfi_cache_name *name, const void *key,
                   size_t key_size, int again, char **ret, size_t *ret_size, mayfly_error *error);

#endif
