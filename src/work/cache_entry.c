/* SPDX-License-Identifier: MIT
 *
 * The file of an entry: a head, the key, the value.
 *
 * Invariant   what is given as a hit has the magic, the sizes, the whole key and the sum that were
 *             written together, belongs to the cache's owner and has not ended. Everything else is
 *             a miss.
 */
#define _GNU_SOURCE
#include "cache.h"

#include <fcntl.h>
#include <stdlib.h>

/* As it stands in the file; of the machine's byte order, which the magic tells. */
struct head {
    uint64_t magic;
    uint64_t key_size, size;
    int64_t made, ends;
    uint64_t sum; /* of the value, seeded with that of what stands before */
};

static const uint64_t MAGIC = 0x31656863796c666d; /* "mflyche1" */

/* What is read at once: the file is not asked for its size before. */
enum { AT_ONCE = 16 * 1024 };

static uint64_t sum_of(const mayfly_cache *cache, const struct head *head, const void *data,
                       size_t size) {
    const uint64_t seed = cache->shared->secret;
    return mfi_cache_sum(data, size, mfi_cache_sum(head, offsetof(struct head, sum), seed));
}

uint64_t mfi_cache_entry_size(size_t key_size, size_t size) {
    const uint64_t most = INT64_MAX - sizeof(struct head);
    if (key_size > most || size > most - key_size)
        return UINT64_MAX;
    return sizeof(struct head) + (uint64_t)key_size + size;
}

/* Moves all of some pieces of memory to or from a file, from its beginning on. 0, -errno, or 1: the
 * file ends before. */
static int move_all(int fd, struct iovec *v, int n,
                    ssize_t (*move)(int fd, const struct iovec *v, int n, off_t at)) {
    off_t at = 0;
    for (;;) {
        while (n > 0 && v->iov_len == 0) {
            v++;
            n--;
        }
        if (n == 0)
            return 0;
        const ssize_t moved = move(fd, v, n, at);
        if (moved <= 0)
            return moved < 0 ? (int)moved : 1;
        at += moved;
        for (size_t left = (size_t)moved; left > 0;) {
            const size_t part = left < v->iov_len ? left : v->iov_len;
            v->iov_base = (char *)v->iov_base + part;
            v->iov_len -= part;
            left -= part;
            if (v->iov_len == 0) {
                v++;
                n--;
            }
        }
    }
}

int mfi_cache_entry_write(const mayfly_cache *cache, int fd, const struct mfi_cache_entry *entry) {
    struct head head = {.magic = MAGIC,
                        .key_size = entry->key_size,
                        .size = entry->size,
                        .made = entry->made,
                        .ends = entry->ends};
    head.sum = sum_of(cache, &head, entry->data, entry->size);
    /* pwritev(2) only reads them. */
    struct iovec v[] = {{&head, sizeof head},
                        {(void *)(uintptr_t)entry->key, entry->key_size},
                        {(void *)(uintptr_t)entry->data, entry->size}};
    const int r = move_all(fd, v, MFI_LENGTH(v), mfi_sys.pwritev);
    return r > 0 ? -EIO : r;
}

/* What the head alone says; or -errno. The clock is asked only if it matters. */
static int judge(const struct head *head, const struct mfi_cache_entry *wanted) {
    if (head->magic != MAGIC || head->key_size != wanted->key_size)
        return MFI_CACHE_DAMAGED;
    if (head->ends == INT64_MAX)
        return MFI_CACHE_HIT;
    const int64_t now = mfi_sys.realtime();
    if (now < 0)
        return (int)now;
    return now < head->made || now >= head->ends ? MFI_CACHE_EXPIRED : MFI_CACHE_HIT;
}

static bool same_key(const void *key, const struct mfi_cache_entry *wanted) {
    return wanted->key_size == 0 || memcmp(key, wanted->key, wanted->key_size) == 0;
}

/* All of it has been read. The sum comes first: what is altered is damaged, whatever it says of its
 * time. */
static int judge_small(const mayfly_cache *cache, const struct mfi_cache_entry *wanted,
                       const char *file, size_t size, char **ret, size_t *ret_size) {
    struct head head;
    const uint64_t least = mfi_cache_entry_size(wanted->key_size, 0);
    if (size < least)
        return MFI_CACHE_DAMAGED;
    memcpy(&head, file, sizeof head);
    const char *data = file + least;
    size -= (size_t)least;
    if (head.size != size || head.sum != sum_of(cache, &head, data, size) ||
        !same_key(file + sizeof head, wanted))
        return MFI_CACHE_DAMAGED;
    const int verdict = judge(&head, wanted);
    if (verdict != MFI_CACHE_HIT)
        return verdict;
    char *copy = mfi_sys.malloc(size + 1);
    if (copy == NULL)
        return -ENOMEM;
    memcpy(copy, data, size);
    copy[size] = '\0';
    *ret = copy;
    *ret_size = size;
    return MFI_CACHE_HIT;
}

/* Its head is known: the memory for the rest is what the file has. */
static int read_large(const mayfly_cache *cache, const struct mfi_cache_entry *wanted, int fd,
                      struct head *head, char **ret, size_t *ret_size) {
    struct stat st;
    int r = mfi_sys.fstat(fd, &st);
    if (r < 0)
        return r;
    r = judge(head, wanted);
    if (r != MFI_CACHE_HIT)
        return r;
    if (head->size >= SIZE_MAX - 1 ||
        (uint64_t)st.st_size != mfi_cache_entry_size(wanted->key_size, (size_t)head->size))
        return MFI_CACHE_DAMAGED;
    const size_t size = (size_t)head->size;
    mfi_auto_free char *data = mfi_sys.malloc(size + 1);
    mfi_auto_free char *key = mfi_sys.malloc(wanted->key_size + 1);
    if (data == NULL || key == NULL)
        return -ENOMEM;
    struct iovec v[] = {{head, sizeof *head}, {key, wanted->key_size}, {data, size}};
    r = move_all(fd, v, MFI_LENGTH(v), mfi_sys.preadv);
    if (r != 0)
        return r < 0 ? r : MFI_CACHE_DAMAGED;
    if (head->size != size || head->sum != sum_of(cache, head, data, size) ||
        !same_key(key, wanted))
        return MFI_CACHE_DAMAGED;
    data[size] = '\0';
    *ret = mfi_take(data);
    *ret_size = size;
    return MFI_CACHE_HIT;
}

int mfi_cache_entry_read(const mayfly_cache *cache, const struct mfi_cache_entry *wanted,
                         int *ret_fd, char **ret, size_t *ret_size) {
    char file[AT_ONCE];
    struct head head;
    /* With O_NOATIME the kernel refuses another's file (and to write down that it was read). */
    const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | O_NOATIME;
    const int fd = mfi_sys.openat(cache->fd, wanted->name.text, flags, 0);
    *ret_fd = fd < 0 ? -1 : fd;
    if (fd < 0)
        return fd == -ENOENT                  ? MFI_CACHE_MISS
               : fd == -ELOOP || fd == -EPERM ? MFI_CACHE_DAMAGED
                                              : fd;
    const ssize_t n = mfi_sys.pread(fd, file, sizeof file, 0);
    if (n == -EISDIR || n == -ESPIPE)
        return MFI_CACHE_DAMAGED; /* no regular file */
    if (n < 0)
        return (int)n;
    if ((size_t)n < sizeof file)
        return judge_small(cache, wanted, file, (size_t)n, ret, ret_size);
    memcpy(&head, file, sizeof head);
    return read_large(cache, wanted, fd, &head, ret, ret_size);
}
