/* SPDX-License-Identifier: MIT
 *
 * What changes the directory of a cache. One at a time does it, under the writers' lock; readers do
 * not know of it.
 *
 * Invariants  entries and bytes are what the directory has, whenever the lock is free and
 *             `unsettled` is 0. Who changes the directory sets it before and clears it after: if it
 *             is killed in between, the kernel gives the lock back and the next writer counts.
 *             There is room before an entry appears, so that the bounds hold also in between.
 *             The lock is taken with a descriptor of its own each time, so that it parts threads
 *             and forked children, too. It is given back in so many words: a child that was forked
 *             meanwhile has the descriptor as well.
 * Rejected    unlinking the old entry and linking the new one: there would be a miss in between.
 * Not handled who removes the state's file from below an open cache: the bounds then are those of
 *             each process.
 */
#define _GNU_SOURCE
#include "cache.h"

#include <fcntl.h>
#include <stdlib.h>

/* An entry as the directory shows it. */
struct found {
    char name[sizeof((struct mfi_cache_name *)NULL)->text];
    uint64_t size;
    uint64_t used;
    struct timespec written;
};

struct survey {
    const mayfly_cache *cache;
    struct found *found;
    size_t count, capacity;
    uint64_t bytes;
};

/* ---- locks ----------------------------------------------------------------------------------- */

int mfi_cache_lock(const mayfly_cache *cache, int64_t place, int how) {
    mfi_auto_fd fd = mfi_sys.openat(cache->fd, MFI_CACHE_STATE, O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0);
    if (fd < 0)
        return fd;
    const int r = mfi_sys.lock_byte(fd, place, how);
    return r < 0 ? r : mfi_take_fd(&fd);
}

void mfi_cache_unlock(const int *fd) {
    if (*fd < 0)
        return;
    (void)mfi_sys.lock_byte(*fd, 0, MFI_LOCK_GIVE);
    (void)mfi_sys.close(*fd);
}

/* ---- looking around -------------------------------------------------------------------------- */

int mfi_cache_each(const mayfly_cache *cache, int (*visit)(void *context, const char *name),
                   void *context) {
    enum { BUFFER = 32 * 1024 };
    mfi_auto_fd fd = mfi_sys.openat(cache->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (fd < 0)
        return fd;
    mfi_auto_free char *buffer = mfi_sys.malloc(BUFFER);
    if (buffer == NULL)
        return -ENOMEM;
    for (;;) {
        const ssize_t n = mfi_sys.getdents(fd, buffer, BUFFER);
        if (n <= 0)
            return (int)n;
        for (ssize_t at = 0; at < n;) {
            const struct mfi_dirent *entry = (const void *)(buffer + at);
            const int r = visit(context, entry->name);
            if (r != 0)
                return r;
            at += entry->length;
        }
    }
}

static bool is_entry(const char *name, uint64_t *ret_word) {
    const size_t size = sizeof((struct mfi_cache_name *)NULL)->text - 1;
    if (strlen(name) != size || strspn(name, "0123456789abcdef") != size)
        return false;
    *ret_word = 0;
    for (int i = 0; i < 16; i++)
        *ret_word =
            *ret_word << 4 | (uint64_t)(name[i] <= '9' ? name[i] - '0' : name[i] - 'a' + 10);
    return true;
}

static int add_found(void *context, const char *name) {
    struct survey *survey = context;
    struct stat st;
    uint64_t word;
    if (!is_entry(name, &word))
        return 0;
    const int r = mfi_sys.fstatat(survey->cache->fd, name, &st, AT_SYMLINK_NOFOLLOW);
    if (r < 0)
        return r == -ENOENT ? 0 : r;
    if (survey->count == survey->capacity) {
        const size_t more = survey->capacity == 0 ? 64 : 2 * survey->capacity;
        struct found *grown = mfi_sys.realloc(survey->found, more * sizeof *grown);
        if (grown == NULL)
            return -ENOMEM;
        survey->found = grown;
        survey->capacity = more;
    }
    struct found *found = &survey->found[survey->count++];
    memcpy(found->name, name, sizeof found->name);
    found->size = (uint64_t)st.st_size;
    found->used = atomic_load(mfi_cache_used(survey->cache, word));
    found->written = st.st_mtim;
    survey->bytes += found->size;
    return 0;
}

static void end_survey(const struct survey *survey) {
    free(survey->found);
}

#define auto_survey __attribute__((cleanup(end_survey))) struct survey

/* Lists the entries and corrects the numbers. */
static int look_around(struct survey *survey) {
    struct mfi_cache_shared *shared = survey->cache->shared;
    int r = mfi_sys.unlinkat(survey->cache->fd, MFI_CACHE_NEW, 0);
    if (r == 0 || r == -ENOENT)
        r = mfi_cache_each(survey->cache, add_found, survey);
    if (r < 0)
        return r;
    atomic_store(&shared->entries, survey->count);
    atomic_store(&shared->bytes, survey->bytes);
    atomic_store(&shared->unsettled, 0);
    return 0;
}

/* After somebody was killed in the middle of a change. */
static int settle(const mayfly_cache *cache) {
    auto_survey survey = {.cache = cache};
    return atomic_load(&cache->shared->unsettled) == 0 ? 0 : look_around(&survey);
}

static void subtract(_Atomic uint64_t *number, uint64_t by) {
    const uint64_t now = atomic_load(number);
    atomic_store(number, now < by ? 0 : now - by);
}

/* ---- taking away ----------------------------------------------------------------------------- */

static int drop(const mayfly_cache *cache, const char *name, uint64_t size) {
    struct mfi_cache_shared *shared = cache->shared;
    const uint64_t before = atomic_exchange(&shared->unsettled, 1);
    const int r = mfi_sys.unlinkat(cache->fd, name, 0);
    if (r == 0 || r == -ENOENT) {
        subtract(&shared->entries, 1);
        subtract(&shared->bytes, size);
    }
    atomic_store(&shared->unsettled, before);
    return r == -ENOENT ? 0 : r;
}

void mfi_cache_discard(const mayfly_cache *cache, const struct mfi_cache_name *name, int fd) {
    struct stat bad, now;
    mfi_auto_lock lock = mfi_cache_lock(cache, 0, MFI_LOCK_TRY);
    if (lock < 0 || mfi_sys.fstatat(cache->fd, name->text, &now, AT_SYMLINK_NOFOLLOW) < 0)
        return;
    const bool same = fd < 0 ? S_ISLNK(now.st_mode) || now.st_uid != cache->owner
                             : mfi_sys.fstat(fd, &bad) == 0 && bad.st_dev == now.st_dev &&
                                   bad.st_ino == now.st_ino;
    if (same)
        (void)drop(cache, name->text, (uint64_t)now.st_size);
}

int mayfly_cache_remove(mayfly_cache *cache, const void *key, size_t key_size,
                        mayfly_error *error) {
    struct mfi_cache_name name;
    struct stat st;
    int r = mfi_cache_name(key, key_size, &name);
    if (r < 0)
        return mfi_fail(error, r, "cache", cache->path, NULL);
    mfi_auto_lock lock = mfi_cache_lock(cache, 0, MFI_LOCK_WAIT);
    if (lock < 0)
        return mfi_fail_call(error, lock, "cache", cache->path, cache->fd);
    r = mfi_sys.fstatat(cache->fd, name.text, &st, AT_SYMLINK_NOFOLLOW);
    if (r == -ENOENT)
        return 0;
    if (r == 0)
        r = drop(cache, name.text, (uint64_t)st.st_size);
    return r < 0 ? mfi_fail_call(error, r, "cache", cache->path, cache->fd) : 1;
}

int mayfly_cache_clear(mayfly_cache *cache, mayfly_error *error) {
    auto_survey survey = {.cache = cache};
    mfi_auto_lock lock = mfi_cache_lock(cache, 0, MFI_LOCK_WAIT);
    int r = lock < 0 ? lock : look_around(&survey);
    for (size_t i = 0; i < survey.count; i++)
        r = mfi_first(r, drop(cache, survey.found[i].name, survey.found[i].size));
    return r < 0 ? mfi_fail_call(error, r, "cache", cache->path, cache->fd) : 0;
}

/* ---- making room ----------------------------------------------------------------------------- */

static int by_use(const void *one, const void *other) {
    const struct found *a = one, *b = other;
    if (a->used != b->used)
        return a->used < b->used ? -1 : 1;
    if (a->written.tv_sec != b->written.tv_sec)
        return a->written.tv_sec < b->written.tv_sec ? -1 : 1;
    if (a->written.tv_nsec != b->written.tv_nsec)
        return a->written.tv_nsec < b->written.tv_nsec ? -1 : 1;
    return memcmp(a->name, b->name, sizeof a->name);
}

/* What an entry needs, and what the one that it replaces has. */
struct need {
    const char *name;
    uint64_t size, old_size;
    bool replaces;
};

static bool fits(const mayfly_cache *cache, const struct need *need) {
    const uint64_t entries = atomic_load(&cache->shared->entries);
    const uint64_t bytes = atomic_load(&cache->shared->bytes);
    const uint64_t others = bytes < need->old_size ? 0 : bytes - need->old_size;
    return (need->replaces || entries < cache->max_entries) && others <= cache->max_bytes &&
           need->size <= cache->max_bytes - others;
}

/* Takes away what was least recently used, and then an eighth of all entries beyond what must be:
 * it had to look at all of them. */
static int make_room(const mayfly_cache *cache, const struct need *need) {
    auto_survey survey = {.cache = cache};
    if (fits(cache, need))
        return 0;
    int r = look_around(&survey);
    if (r < 0)
        return r;
    if (survey.count > 1)
        qsort(survey.found, survey.count, sizeof *survey.found, by_use);
    size_t spare = fits(cache, need) ? 0 : survey.count / 8;
    for (size_t i = 0; i < survey.count; i++) {
        if (fits(cache, need) && spare-- == 0)
            break;
        if (strcmp(survey.found[i].name, need->name) == 0)
            continue;
        r = drop(cache, survey.found[i].name, survey.found[i].size);
        if (r < 0)
            return r;
        mfi_cache_count(&cache->shared->evicted);
    }
    return 0;
}

/* ---- publishing ------------------------------------------------------------------------------ */

static int write_named(const mayfly_cache *cache, const struct mfi_cache_entry *entry) {
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    mfi_auto_fd fd = mfi_sys.openat(cache->fd, MFI_CACHE_NEW, flags, 0600);
    if (fd < 0)
        return fd;
    const int r = mfi_sys.fchmod(fd, 0600);
    return r < 0 ? r : mfi_cache_entry_write(cache, fd, entry);
}

/* The file gets its name, in place of the old one. */
static int put_in_place(const mayfly_cache *cache, const struct mfi_cache_entry *entry, int fd,
                        bool replaces) {
    const char *name = entry->name.text;
    int r = -ENOENT;
    if (fd >= 0 && !replaces && mfi_sys.link_fd(fd, cache->fd, name) == 0)
        return 0;
    if (fd >= 0 && replaces)
        r = mfi_sys.link_fd(fd, cache->fd, MFI_CACHE_NEW);
    if (r < 0) /* there are no unnamed files here, or no way to link them (no /proc) */
        r = write_named(cache, entry);
    return r < 0 ? r : mfi_sys.renameat(cache->fd, MFI_CACHE_NEW, cache->fd, name);
}

static int publish(mayfly_cache *cache, const struct mfi_cache_entry *entry, int fd) {
    struct mfi_cache_shared *shared = cache->shared;
    struct need need = {entry->name.text, mfi_cache_entry_size(entry->key_size, entry->size), 0, 0};
    struct stat st;
    mfi_auto_lock lock = mfi_cache_lock(cache, 0, MFI_LOCK_WAIT);
    int r = lock < 0 ? lock : settle(cache);
    if (r < 0)
        return r;
    r = mfi_sys.fstatat(cache->fd, need.name, &st, AT_SYMLINK_NOFOLLOW);
    need.replaces = r == 0;
    need.old_size = r == 0 ? (uint64_t)st.st_size : 0;
    r = r < 0 && r != -ENOENT ? r : make_room(cache, &need);
    if (r < 0)
        return r;
    atomic_store(&shared->unsettled, 1);
    r = put_in_place(cache, entry, fd, need.replaces);
    if (r < 0) {
        const int gone = mfi_sys.unlinkat(cache->fd, MFI_CACHE_NEW, 0);
        atomic_store(&shared->unsettled, gone < 0 && gone != -ENOENT);
        return r;
    }
    (void)atomic_fetch_add(&shared->entries, need.replaces ? 0 : 1);
    subtract(&shared->bytes, need.old_size);
    (void)atomic_fetch_add(&shared->bytes, need.size);
    mfi_cache_note_use(cache, &entry->name);
    mfi_cache_count(&shared->puts);
    atomic_store(&shared->unsettled, 0);
    return 0;
}

int mfi_cache_publish(mayfly_cache *cache, const struct mfi_cache_entry *entry, int fd,
                      mayfly_error *error) {
    const int r = publish(cache, entry, fd);
    if (r == -ENOMEM)
        return mfi_fail_memory(error, 0);
    return r < 0 ? mfi_fail_call(error, r, "cache", cache->path, cache->fd) : 0;
}

/* ---- numbers --------------------------------------------------------------------------------- */

int mayfly_cache_stats_sized(size_t result_size, mayfly_cache *cache, mayfly_cache_statistics *ret,
                             mayfly_error *error) {
    const struct mfi_cache_shared *shared = cache->shared;
    mfi_auto_lock lock = mfi_cache_lock(cache, 0, MFI_LOCK_WAIT);
    const int r = lock < 0 ? lock : settle(cache);
    if (r < 0)
        return mfi_fail_call(error, r, "cache", cache->path, cache->fd);
    const uint64_t uses = atomic_load(&shared->uses), puts = atomic_load(&shared->puts);
    const mayfly_cache_statistics all = {
        .entries = atomic_load(&shared->entries),
        .bytes = atomic_load(&shared->bytes),
        .hits = uses < puts ? 0 : uses - puts,
        .misses = atomic_load(&shared->misses),
        .expired = atomic_load(&shared->expired),
        .damaged = atomic_load(&shared->damaged),
        .puts = puts,
        .evicted = atomic_load(&shared->evicted),
        .computed = atomic_load(&shared->computed),
        .waited = atomic_load(&shared->waited),
    };
    memcpy(ret, &all, result_size < sizeof all ? result_size : sizeof all);
    return 0;
}
