/* SPDX-License-Identifier: MIT
 *
 * Locked memory, and the store in it.
 *
 * How         memfd_secret(2) where the kernel allows it: its pages leave the kernel's own map, so
 *             that not even it reads them by accident; they are locked by nature. Else anonymous
 *             memory with mlock(2). Both are left out of core dumps.
 * Fork        a child does not inherit it: anonymous memory reads as zeros there (MADV_WIPEONFORK),
 * a memfd_secret mapping is not there at all (MADV_DONTFORK). The library refuses secret files in a
 * forked child before it touches them. Invariant   what is given back was wiped before.
 */
#define _GNU_SOURCE
#include "locked.h"

#include <stdlib.h>

#include "store.h"

enum { DONTFORK = 10, DONTDUMP = 16, WIPEONFORK = 18, PAGE = 4096 };

#ifdef MFI_HAVE_SODIUM
#include <sodium.h>

/* Has the kernel bring every page now: for one that is not to be had it gives an error, where a
 * store would be a signal. mlock(2) does not serve: it refuses such memory, which is locked by
 * nature. */
static int touch(char *memory, size_t size) {
    for (size_t at = 0; at < size; at += PAGE) {
        const ssize_t n = mfi_sys.getrandom(memory + at, 1, MFI_GRND_NONBLOCK);
        if (n != 1)
            return n < 0 ? (int)n : -EFAULT;
        memory[at] = 0;
    }
    return 0;
}

static void *map_secret(size_t size) {
    mfi_auto_fd fd = mfi_sys.memfd_secret();
    if (fd < 0 || mfi_sys.ftruncate(fd, (off_t)size) < 0)
        return NULL;
    void *memory = mfi_sys.mmap(size, fd, 0); /* here RLIMIT_MEMLOCK counts */
    if (memory != NULL &&
        (touch(memory, size) < 0 || mfi_sys.madvise(memory, size, DONTFORK) < 0)) {
        (void)mfi_sys.munmap(memory, size);
        return NULL;
    }
    return memory;
}

static void *map_anonymous(size_t size, int *ret_code) {
    void *memory = mfi_sys.mmap(size, -1, 0);
    if (memory == NULL) {
        *ret_code = -ENOMEM;
        return NULL;
    }
    int r = mfi_sys.mlock(memory, size);
    if (r == 0)
        r = mfi_sys.madvise(memory, size, DONTDUMP);
    if (r == 0)
        r = mfi_sys.madvise(memory, size, WIPEONFORK);
    if (r == 0)
        return memory;
    (void)mfi_sys.munmap(memory, size);
    *ret_code = r;
    return NULL;
}

void *mfi_locked_alloc(size_t *size, int *ret_code) {
    if (*size > PTRDIFF_MAX - PAGE) {
        *ret_code = -ENOMEM;
        return NULL;
    }
    const size_t whole = (*size + PAGE - 1) / PAGE * PAGE;
    void *memory = map_secret(whole);
    if (memory == NULL)
        memory = map_anonymous(whole, ret_code);
    if (memory != NULL)
        *size = whole;
    return memory;
}

void mfi_locked_free(void *memory, size_t size) {
    if (memory == NULL)
        return;
    sodium_memzero(memory, size);
    (void)mfi_sys.munmap(memory, size);
}

/* ---- the store ------------------------------------------------------------------------------- */

static int reserve(struct mfi_memory_store *store, size_t capacity) {
    if (capacity <= store->capacity)
        return 0;
    size_t grown = store->capacity * 2;
    if (grown < capacity)
        grown = capacity;
    int code = -ENOMEM;
    char *data = mfi_locked_alloc(&grown, &code);
    if (data == NULL && grown > capacity) {
        grown = capacity; /* the room to grow into was more than may be locked */
        data = mfi_locked_alloc(&grown, &code);
    }
    if (data == NULL)
        return code;
    if (store->size > 0)
        memcpy(data, store->data, store->size);
    mfi_locked_free(store->data, store->capacity);
    store->data = data;
    store->capacity = grown;
    return 0;
}

static int64_t locked_read(struct mfi_store *store, void *data, size_t size, int64_t at) {
    return mfi_memory_ops.read(store, data, size, at);
}

static int locked_write(struct mfi_store *store, const void *data, size_t size, int64_t at) {
    if ((uint64_t)at > PTRDIFF_MAX - size)
        return -EFBIG;
    const int r = reserve((struct mfi_memory_store *)store, (size_t)at + size);
    return r < 0 ? r : mfi_memory_ops.write(store, data, size, at); /* there is room: no realloc */
}

static int64_t locked_size(struct mfi_store *store) {
    return mfi_memory_ops.size(store);
}

static int locked_truncate(struct mfi_store *store, int64_t size) {
    struct mfi_memory_store *memory = (struct mfi_memory_store *)store;
    const int r = reserve(memory, (size_t)size);
    if (r < 0)
        return r;
    if ((size_t)size < memory->size)
        sodium_memzero(memory->data + size, memory->size - (size_t)size);
    return mfi_memory_ops.truncate(store, size);
}

static int locked_sync(struct mfi_store *store) {
    (void)store;
    return 0;
}

static int locked_close(struct mfi_store *store) {
    struct mfi_memory_store *memory = (struct mfi_memory_store *)store;
    mfi_locked_free(memory->data, memory->capacity);
    memory->data = NULL;
    store->ops = NULL;
    return 0;
}

const struct mfi_store_ops mfi_locked_ops = {locked_read,     locked_write, locked_size,
                                             locked_truncate, locked_sync,  locked_close};

int mfi_locked_open(union mfi_any_store *store) {
    if (sodium_init() < 0)
        return -ENOSYS;
    store->memory = (struct mfi_memory_store){.base = {&mfi_locked_ops}};
    return 0;
}

#else

const struct mfi_store_ops mfi_locked_ops;

int mfi_locked_open(union mfi_any_store *store) {
    (void)store;
    return -ENOTSUP;
}

void *mfi_locked_alloc(size_t *size, int *ret_code) {
    (void)size;
    *ret_code = -ENOTSUP;
    return NULL;
}

void mfi_locked_free(void *memory, size_t size) {
    (void)memory;
    (void)size;
}

#endif
