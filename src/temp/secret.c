/* SPDX-License-Identifier: MIT
 *
 * Encrypted files: blocks of 4096 bytes, each sealed on its own, so that any can be read and
 * written without the others.
 *
 * On disk     block i at i * 4136: nonce (24), ciphertext (4096), tag (16), by
 *             XChaCha20-Poly1305 (libsodium; RFC 8439 with a 192-bit nonce). The block's number
 *             is authenticated with it, so blocks cannot be exchanged.
 * Invariants  a nonce is drawn at random for every writing of a block and never used again.
 *             The key, and a block in clear, exist in locked memory only, which is little, because
 *             a user may have only 64 KiB of it. The key is wiped when the file is closed: after
 *             that, or after a crash, the bytes on disk say nothing but how many they are.
 *             Which blocks were ever written, and how long the file is, is known in memory: a
 *             block that was not written reads as zeros, and one that was may not be missing.
 * Not handled an attacker who writes an older version of a block back (a replay) is not noticed.
 */
#define _GNU_SOURCE
#include "store.h"

#ifdef MFI_HAVE_SODIUM
#include <sodium.h>
#include <stdlib.h>

#include "locked.h"

enum {
    PLAIN = 4096,
    NONCE = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
    TAG = crypto_aead_xchacha20poly1305_ietf_ABYTES,
    KEY = crypto_aead_xchacha20poly1305_ietf_KEYBYTES,
    SEALED = NONCE + PLAIN + TAG,
    BATCH = 16, /* blocks written or read with one call */
};

/* In locked memory. */
struct vault {
    unsigned char key[KEY];
    unsigned char block[PLAIN];
};

struct mfi_cipher {
    struct vault *vault;
    size_t vault_size;      /* of its memory */
    int64_t size;           /* of the plain content */
    unsigned char *written; /* a bit for each block; says nothing of the content */
    size_t written_size;
    unsigned char sealed[BATCH * SEALED];
};

static struct mfi_cipher *cipher_of(struct mfi_store *store) {
    return ((struct mfi_cipher_store *)store)->cipher;
}

static int fd_of(struct mfi_store *store) {
    return ((struct mfi_cipher_store *)store)->fd;
}

static int was_written(const struct mfi_cipher *cipher, uint64_t block) {
    return block / 8 < cipher->written_size && (cipher->written[block / 8] >> (block % 8) & 1) != 0;
}

static int need_marks(struct mfi_cipher *cipher, uint64_t blocks) {
    const size_t need = (size_t)(blocks / 8 + 1);
    if (need <= cipher->written_size)
        return 0;
    const size_t grown = need + need / 2 + 64;
    unsigned char *bits = mfi_sys.realloc(cipher->written, grown);
    if (bits == NULL)
        return -ENOMEM;
    memset(bits + cipher->written_size, 0, grown - cipher->written_size);
    cipher->written = bits;
    cipher->written_size = grown;
    return 0;
}

static void mark(struct mfi_cipher *cipher, uint64_t block) {
    cipher->written[block / 8] |= (unsigned char)(1u << (block % 8));
}

static void unmark(struct mfi_cipher *cipher, uint64_t block) {
    if (block / 8 < cipher->written_size)
        cipher->written[block / 8] &= (unsigned char)~(1u << (block % 8));
}

/* ---- one block ------------------------------------------------------------------------------- */

static int seal(struct mfi_cipher *cipher, uint64_t block, const unsigned char *plain,
                unsigned char *to) {
    const int r = mfi_random(to, NONCE);
    if (r < 0)
        return r;
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(to + NONCE, NULL, plain, PLAIN,
                                                     (const unsigned char *)&block, sizeof block,
                                                     NULL, to, cipher->vault->key);
    return 0;
}

static int unseal(const struct mfi_cipher *cipher, uint64_t block, const unsigned char *from,
                  unsigned char *plain) {
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(plain, NULL, NULL, from + NONCE, PLAIN + TAG,
                                                   (const unsigned char *)&block, sizeof block,
                                                   from, cipher->vault->key) != 0)
        return MAYFLY_E_SYNTAX;
    return 0;
}

static int64_t read_fully(int fd, unsigned char *data, size_t size, int64_t at) {
    size_t have = 0;
    while (have < size) {
        const ssize_t n = mfi_sys.pread(fd, data + have, size - have, (off_t)(at + (int64_t)have));
        if (n < 0)
            return n;
        if (n == 0)
            break;
        have += (size_t)n;
    }
    return (int64_t)have;
}

/* The plain content of one block into the vault's. */
static int load_block(struct mfi_store *store, uint64_t block) {
    struct mfi_cipher *cipher = cipher_of(store);
    if (!was_written(cipher, block)) {
        memset(cipher->vault->block, 0, PLAIN);
        return 0;
    }
    const int64_t n = read_fully(fd_of(store), cipher->sealed, SEALED, (int64_t)block * SEALED);
    if (n < 0)
        return (int)n;
    return n < SEALED ? MAYFLY_E_SYNTAX
                      : unseal(cipher, block, cipher->sealed, cipher->vault->block);
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Whole blocks that were all written, straight to the caller; how many, at the most BATCH. */
static int64_t read_batch(struct mfi_store *store, uint64_t block, unsigned char *to,
                          uint64_t blocks) {
    struct mfi_cipher *cipher = cipher_of(store);
    uint64_t count = 0;
    while (count < blocks && count < BATCH && was_written(cipher, block + count))
        count++;
    const int64_t n =
        read_fully(fd_of(store), cipher->sealed, (size_t)count * SEALED, (int64_t)block * SEALED);
    if (n < 0)
        return n;
    if ((uint64_t)n < count * SEALED)
        return MAYFLY_E_SYNTAX;
    for (uint64_t i = 0; i < count; i++) {
        const int r = unseal(cipher, block + i, cipher->sealed + i * SEALED, to + i * PLAIN);
        if (r < 0)
            return r;
    }
    return (int64_t)count;
}

static int64_t cipher_read(struct mfi_store *store, void *data, size_t size, int64_t at) {
    struct mfi_cipher *cipher = cipher_of(store);
    unsigned char *to = data;
    if (at >= cipher->size)
        return 0;
    if ((int64_t)size > cipher->size - at)
        size = (size_t)(cipher->size - at);
    for (size_t have = 0; have < size;) {
        const uint64_t block = (uint64_t)(at + (int64_t)have) / PLAIN;
        const size_t inside = (size_t)((uint64_t)(at + (int64_t)have) % PLAIN);
        if (inside == 0 && size - have >= PLAIN && was_written(cipher, block)) {
            const int64_t n = read_batch(store, block, to + have, (size - have) / PLAIN);
            if (n < 0)
                return n;
            have += (size_t)n * PLAIN;
            continue;
        }
        const size_t part = size - have < PLAIN - inside ? size - have : PLAIN - inside;
        const int r = load_block(store, block);
        if (r < 0)
            return r;
        memcpy(to + have, cipher->vault->block + inside, part);
        have += part;
    }
    return (int64_t)size;
}

/* ---- writing --------------------------------------------------------------------------------- */

/* Seals and writes up to BATCH blocks; the first and the last may be partly old content. */
static int64_t write_batch(struct mfi_store *store, const unsigned char *data, size_t size,
                           int64_t at) {
    struct mfi_cipher *cipher = cipher_of(store);
    const uint64_t first = (uint64_t)at / PLAIN;
    unsigned char sealed_one[SEALED];
    size_t done = 0, count = 0;
    while (done < size && count < BATCH) {
        const size_t inside = (size_t)((uint64_t)(at + (int64_t)done) % PLAIN);
        const size_t part = size - done < PLAIN - inside ? size - done : PLAIN - inside;
        const unsigned char *plain = data + done;
        if (part < PLAIN) {
            /* load_block reads through the place where the batch is gathered */
            memcpy(sealed_one, cipher->sealed, SEALED);
            const int r = load_block(store, first + count);
            memcpy(cipher->sealed, sealed_one, SEALED);
            if (r < 0)
                return r;
            memcpy(cipher->vault->block + inside, data + done, part);
            plain = cipher->vault->block;
        }
        const int r = seal(cipher, first + count, plain, cipher->sealed + count * SEALED);
        if (r < 0)
            return r;
        done += part;
        count++;
    }
    const int r =
        mfi_write_all(fd_of(store), cipher->sealed, count * SEALED, (int64_t)first * SEALED);
    if (r < 0)
        return r;
    for (size_t i = 0; i < count; i++)
        mark(cipher, first + i);
    return (int64_t)done;
}

/* The rest of the block in which the file shall end becomes zeros, for when it grows again. */
static int clear_tail(struct mfi_store *store, int64_t size) {
    struct mfi_cipher *cipher = cipher_of(store);
    const uint64_t block = (uint64_t)size / PLAIN;
    const size_t inside = (size_t)((uint64_t)size % PLAIN);
    if (inside == 0 || !was_written(cipher, block))
        return 0;
    int r = load_block(store, block);
    if (r < 0)
        return r;
    memset(cipher->vault->block + inside, 0, PLAIN - inside);
    r = seal(cipher, block, cipher->vault->block, cipher->sealed);
    return r < 0 ? r : mfi_write_all(fd_of(store), cipher->sealed, SEALED, (int64_t)block * SEALED);
}

/* What a failed write has put beyond the end is not to be seen when the file grows. */
static void forget_beyond(struct mfi_store *store, int64_t end) {
    struct mfi_cipher *cipher = cipher_of(store);
    (void)clear_tail(store, cipher->size);
    for (uint64_t block = ((uint64_t)cipher->size + PLAIN - 1) / PLAIN;
         block <= (uint64_t)end / PLAIN; block++)
        unmark(cipher, block);
}

static int cipher_write(struct mfi_store *store, const void *data, size_t size, int64_t at) {
    struct mfi_cipher *cipher = cipher_of(store);
    if (size == 0)
        return 0;
    if (at > INT64_MAX / SEALED * PLAIN - (int64_t)size - PLAIN)
        return -EFBIG;
    const int64_t end = at + (int64_t)size;
    int r = need_marks(cipher, (uint64_t)end / PLAIN + 1);
    if (r < 0)
        return r;
    for (size_t done = 0; done < size;) {
        const int64_t n =
            write_batch(store, (const unsigned char *)data + done, size - done, at + (int64_t)done);
        if (n < 0) {
            forget_beyond(store, end);
            return (int)n;
        }
        done += (size_t)n;
    }
    if (end > cipher->size)
        cipher->size = end;
    return 0;
}

/* ---- size ------------------------------------------------------------------------------------ */

static int64_t cipher_size(struct mfi_store *store) {
    return cipher_of(store)->size;
}

static int cipher_truncate(struct mfi_store *store, int64_t size) {
    struct mfi_cipher *cipher = cipher_of(store);
    if (size < cipher->size) {
        int r = clear_tail(store, size);
        const uint64_t kept = ((uint64_t)size + PLAIN - 1) / PLAIN;
        if (r == 0)
            r = mfi_sys.ftruncate(fd_of(store), (off_t)(kept * SEALED));
        if (r < 0)
            return r;
        for (uint64_t block = kept; block <= (uint64_t)cipher->size / PLAIN; block++)
            unmark(cipher, block);
    } else if (need_marks(cipher, (uint64_t)size / PLAIN + 1) < 0) {
        return -ENOMEM;
    }
    cipher->size = size;
    return 0;
}

static int cipher_sync(struct mfi_store *store) {
    return mfi_sys.fsync(fd_of(store));
}

/* All but the vault. */
static int close_rest(struct mfi_store *store) {
    struct mfi_cipher *cipher = cipher_of(store);
    free(cipher->written);
    free(cipher);
    const int r = mfi_sys.close(fd_of(store));
    store->ops = NULL;
    return r;
}

static int cipher_close(struct mfi_store *store) {
    const struct mfi_cipher *cipher = cipher_of(store);
    mfi_locked_free(cipher->vault, cipher->vault_size);
    return close_rest(store);
}

void mfi_cipher_abandon(union mfi_any_store *store) {
    (void)close_rest(&store->base);
}

const struct mfi_store_ops mfi_cipher_ops = {cipher_read,     cipher_write, cipher_size,
                                             cipher_truncate, cipher_sync,  cipher_close};

int mfi_cipher_open(union mfi_any_store *store, int fd) {
    size_t size = sizeof(struct vault);
    int code = -ENOMEM;
    if (sodium_init() < 0)
        return -ENOSYS;
    mfi_auto_free struct mfi_cipher *cipher = mfi_sys.calloc(1, sizeof *cipher);
    if (cipher == NULL)
        return -ENOMEM;
    cipher->vault = mfi_locked_alloc(&size, &code);
    if (cipher->vault == NULL)
        return code;
    cipher->vault_size = size;
    randombytes_buf(cipher->vault->key, sizeof cipher->vault->key);
    store->cipher = (struct mfi_cipher_store){{&mfi_cipher_ops}, fd, mfi_take(cipher)};
    return 0;
}

#else

const struct mfi_store_ops mfi_cipher_ops;

int mfi_cipher_open(union mfi_any_store *store, int fd) {
    (void)store;
    (void)fd;
    return -ENOTSUP;
}

void mfi_cipher_abandon(union mfi_any_store *store) {
    (void)store;
}

#endif
