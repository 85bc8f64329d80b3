/* SPDX-License-Identifier: MIT
 *
 * The two ordinary stores: memory and disk.
 */
#define _GNU_SOURCE
#include "store.h"

#include <limits.h>
#include <stdlib.h>

/* ---- memory ---------------------------------------------------------------------------------- */

int mfi_memory_reserve(struct mfi_memory_store *store, size_t capacity) {
    if (capacity <= store->capacity)
        return 0;
    if (capacity > PTRDIFF_MAX)
        return -ENOMEM;
    size_t grown = store->capacity + store->capacity / 2;
    if (grown < capacity)
        grown = capacity;
    char *data = store->data == NULL ? mfi_sys.malloc(grown) : mfi_sys.realloc(store->data, grown);
    if (data == NULL && grown > capacity) {
        grown = capacity; /* the room to grow into was too much to ask */
        data = mfi_sys.realloc(store->data, grown);
    }
    if (data == NULL)
        return -ENOMEM;
    store->data = data;
    store->capacity = grown;
    return 0;
}

static int64_t memory_read(struct mfi_store *store, void *data, size_t size, int64_t at) {
    const struct mfi_memory_store *memory = (struct mfi_memory_store *)store;
    if (at < 0 || (uint64_t)at >= memory->size)
        return 0;
    const size_t left = memory->size - (size_t)at;
    const size_t n = size < left ? size : left;
    memcpy(data, memory->data + at, n);
    return (int64_t)n;
}

static int memory_write(struct mfi_store *store, const void *data, size_t size, int64_t at) {
    struct mfi_memory_store *memory = (struct mfi_memory_store *)store;
    if (size == 0)
        return 0;
    if ((uint64_t)at > PTRDIFF_MAX - size)
        return -EFBIG;
    const size_t end = (size_t)at + size;
    const int r = mfi_memory_reserve(memory, end);
    if (r < 0)
        return r;
    if ((size_t)at > memory->size)
        memset(memory->data + memory->size, 0, (size_t)at - memory->size);
    memcpy(memory->data + at, data, size);
    if (end > memory->size)
        memory->size = end;
    return 0;
}

static int64_t memory_size(struct mfi_store *store) {
    return (int64_t)((struct mfi_memory_store *)store)->size;
}

static int memory_truncate(struct mfi_store *store, int64_t size) {
    struct mfi_memory_store *memory = (struct mfi_memory_store *)store;
    if ((uint64_t)size > memory->size) {
        const int r = mfi_memory_reserve(memory, (size_t)size);
        if (r < 0)
            return r;
        memset(memory->data + memory->size, 0, (size_t)size - memory->size);
    }
    memory->size = (size_t)size;
    return 0;
}

static int memory_sync(struct mfi_store *store) {
    (void)store;
    return 0;
}

static int memory_close(struct mfi_store *store) {
    free(((struct mfi_memory_store *)store)->data);
    store->ops = NULL;
    return 0;
}

const struct mfi_store_ops mfi_memory_ops = {memory_read,     memory_write, memory_size,
                                             memory_truncate, memory_sync,  memory_close};

/* ---- disk ------------------------------------------------------------------------------------ */

static int disk_fd(struct mfi_store *store) {
    return ((struct mfi_disk_store *)store)->fd;
}

static int64_t disk_read(struct mfi_store *store, void *data, size_t size, int64_t at) {
    size_t have = 0;
    while (have < size) {
        const ssize_t n =
            mfi_sys.pread(disk_fd(store), (char *)data + have, size - have, at + (off_t)have);
        if (n < 0 && have == 0)
            return n;
        if (n <= 0)
            break;
        have += (size_t)n;
    }
    return (int64_t)have;
}

int mfi_write_all(int fd, const void *data, size_t size, int64_t at) {
    size_t done = 0;
    while (done < size) {
        const ssize_t n =
            mfi_sys.pwrite(fd, (const char *)data + done, size - done, at + (off_t)done);
        if (n < 0)
            return (int)n;
        if (n == 0)
            return -ENOSPC; /* no file system should; without this it would be a loop */
        done += (size_t)n;
    }
    return 0;
}

/* A part was written before the failure. What was added to the file is taken back, so that its
 * size says what was accepted; unless somebody else has made it longer still. */
static void take_back(const struct mfi_disk_store *disk, int64_t end) {
    struct stat st;
    if (disk->accepted < 0 || mfi_sys.fstat(disk->fd, &st) < 0)
        return;
    if (st.st_size > disk->accepted && st.st_size < end)
        (void)mfi_sys.ftruncate(disk->fd, (off_t)disk->accepted);
}

static int disk_write(struct mfi_store *store, const void *data, size_t size, int64_t at) {
    struct mfi_disk_store *disk = (struct mfi_disk_store *)store;
    if (at > INT64_MAX - (int64_t)size)
        return -EFBIG;
    const int r = mfi_write_all(disk->fd, data, size, at);
    const int64_t end = at + (int64_t)size;
    if (r < 0)
        take_back(disk, end);
    else if (disk->accepted >= 0 && disk->accepted < end)
        disk->accepted = end;
    return r;
}

static int64_t disk_size(struct mfi_store *store) {
    struct stat st;
    const int r = mfi_sys.fstat(disk_fd(store), &st);
    return r < 0 ? r : (int64_t)st.st_size;
}

static int disk_truncate(struct mfi_store *store, int64_t size) {
    struct mfi_disk_store *disk = (struct mfi_disk_store *)store;
    const int r = mfi_sys.ftruncate(disk->fd, (off_t)size);
    if (r == 0 && disk->accepted >= 0)
        disk->accepted = size;
    return r;
}

static int disk_sync(struct mfi_store *store) {
    return mfi_sys.fsync(disk_fd(store));
}

static int disk_close(struct mfi_store *store) {
    const int r = mfi_sys.close(disk_fd(store));
    store->ops = NULL;
    return r;
}

const struct mfi_store_ops mfi_disk_ops = {disk_read,     disk_write, disk_size,
                                           disk_truncate, disk_sync,  disk_close};

/* ---- both ------------------------------------------------------------------------------------ */

enum { COPY_BUFFER = 256 * 1024 };

static int copy_through_buffer(struct mfi_store *to, struct mfi_store *from) {
    mfi_auto_free char *buffer = mfi_sys.malloc(COPY_BUFFER);
    if (buffer == NULL)
        return -ENOMEM;
    for (int64_t at = 0;;) {
        const int64_t n = from->ops->read(from, buffer, COPY_BUFFER, at);
        if (n <= 0)
            return (int)n;
        const int r = to->ops->write(to, buffer, (size_t)n, at);
        if (r < 0)
            return r;
        at += n;
    }
}

int mfi_store_copy(struct mfi_store *to, struct mfi_store *from) {
    if (from->ops != &mfi_memory_ops && from->ops != &mfi_locked_ops)
        return copy_through_buffer(to, from);
    const struct mfi_memory_store *memory = (struct mfi_memory_store *)from;
    return memory->size == 0 ? 0 : to->ops->write(to, memory->data, memory->size, 0);
}

void mfi_store_abandon(union mfi_any_store *store) {
    if (store->base.ops == &mfi_cipher_ops)
        mfi_cipher_abandon(store);
    store->base.ops = NULL;
}
