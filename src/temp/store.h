/* SPDX-License-Identifier: MIT
 *
 * Where the bytes of a file are: in memory, on disk, in locked memory, encrypted on disk.
 *
 * A store is bytes at offsets and nothing more; position, gathering, text and names are the
 * file's. Stores live inside their file: no memory of their own for the frequent ones.
 *
 * Contract of the operations
 *   read       up to `size` bytes, fewer only at the end; never -EINTR or a short read else
 *   write      all of it or -errno; on failure the old size is restored where that is possible.
 *              Beyond the end the gap reads as zeros. The same write can be made again
 *   truncate   cuts or extends with zeros
 *   sync       to the disk; 0 where there is none
 *   close      releases everything, wipes what is secret; the first failure
 */
#ifndef MFI_STORE_H
#define MFI_STORE_H

#include "../base/base.h"

struct mfi_store;

struct mfi_store_ops {
    int64_t (*read)(struct mfi_store *store, void *data, size_t size, int64_t at);
    int (*write)(struct mfi_store *store, const void *data, size_t size, int64_t at);
    int64_t (*size)(struct mfi_store *store);
    int (*truncate)(struct mfi_store *store, int64_t size);
    int (*sync)(struct mfi_store *store);
    int (*close)(struct mfi_store *store);
};

struct mfi_store {
    const struct mfi_store_ops *ops; /* NULL: closed */
};

/* Bytes in memory; ordinary or locked, by its ops. */
struct mfi_memory_store {
    struct mfi_store base;
    char *data;
    size_t size;
    size_t capacity;
};

/* A descriptor. */
struct mfi_disk_store {
    struct mfi_store base;
    int fd;
    int64_t accepted; /* how far writes went that were accepted; -1: not known */
};

/* Encrypted blocks behind a descriptor; the rest is secret.c's. */
struct mfi_cipher_store {
    struct mfi_store base;
    int fd;
    struct mfi_cipher *cipher; /* secret.c; the key in locked memory */
};

union mfi_any_store {
    struct mfi_store base;
    struct mfi_memory_store memory;
    struct mfi_disk_store disk;
    struct mfi_cipher_store cipher;
};

extern const struct mfi_store_ops mfi_memory_ops; /* store.c */
extern const struct mfi_store_ops mfi_disk_ops;   /* store.c */
extern const struct mfi_store_ops mfi_locked_ops; /* secret.c: a struct mfi_memory_store */
extern const struct mfi_store_ops mfi_cipher_ops; /* secret.c */

static inline int mfi_store_in_memory(const union mfi_any_store *store) {
    return store->base.ops == &mfi_memory_ops || store->base.ops == &mfi_locked_ops;
}

/* Makes room for `capacity` bytes in an ordinary memory store. 0 or -ENOMEM. */
int mfi_memory_reserve(struct mfi_memory_store *store, size_t capacity);

/* Writes all of it with pwrite. 0 or -errno. */
int mfi_write_all(int fd, const void *data, size_t size, int64_t at);

/* Copies everything in `from` into the empty `to`. 0 or -errno; `from` is unchanged. */
int mfi_store_copy(struct mfi_store *to, struct mfi_store *from);

/* secret.c. Locked memory: mfi_locked_ops with nothing in it yet; growing fails with -ENOMEM or
 * -EPERM where no more can be locked, and the file then goes on encrypted on disk. Cipher: takes
 * the descriptor of an empty file, on success only. -ENOTSUP in a library built without libsodium.
 */
int mfi_locked_open(union mfi_any_store *store);
int mfi_cipher_open(union mfi_any_store *store, int fd);

/* Instead of its close in a forked child, where locked memory is not there, or another's by now:
 * closes the descriptor and leaves the rest. */
void mfi_store_abandon(union mfi_any_store *store);
void mfi_cipher_abandon(union mfi_any_store *store); /* of the one that it is */

#endif
