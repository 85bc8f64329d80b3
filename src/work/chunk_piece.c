/* SPDX-License-Identifier: MIT
 *
 * What goes into a piece, and how.
 */
#define _GNU_SOURCE
#include <stdlib.h>

#include "chunk_own.h"

enum { DIGEST = 32 };

void mfi_piece_end(struct piece *piece) {
    (void)mayfly_file_close(&piece->file, NULL);
    if (piece->chunk.fd >= 0)
        (void)mfi_sys.close(piece->chunk.fd);
    free(piece->path);
}

static int write_all(struct piece *piece, const char *data, size_t size, mayfly_error *error) {
    while (size > 0) {
        const ssize_t n = mfi_sys.pwrite(piece->fd, data, size, piece->size);
        if (n < 0)
            return mfi_fail_call(error, (int)n, "pwrite", piece->path, piece->fd);
        data += n;
        size -= (size_t)n;
        piece->size += n;
    }
    return 0;
}

/* What the kernel answers when it cannot copy between these two, and another way must be taken. */
static bool cannot_copy(ssize_t r) {
    static const int codes[] = {-EXDEV, -EINVAL, -ENOSYS, -EOPNOTSUPP, -EPERM, -EBADF, -ETXTBSY};
    for (size_t i = 0; i < MFI_LENGTH(codes); i++)
        if (r == codes[i])
            return true;
    return r == 0;
}

static int copy_by_hand(mayfly_chunks *chunks, struct piece *piece, int from, mayfly_error *error) {
    enum { ROOM = 128 * 1024 };
    mfi_auto_free char *data = mfi_sys.malloc(ROOM);
    if (data == NULL)
        return mfi_fail_memory(error, ROOM);
    while (piece->begin < piece->end) {
        const int64_t left = piece->end - piece->begin;
        const ssize_t n =
            mfi_sys.pread(from, data, left < ROOM ? (size_t)left : ROOM, piece->begin);
        if (n < 0)
            return mfi_fail_call(error, (int)n, "pread", mfi_records_path(chunks->records), -1);
        if (n == 0)
            return mfi_fail_at(error, -EIO, "chunks", mfi_records_path(chunks->records),
                               piece->begin, "the file became shorter while it was copied");
        const int r = write_all(piece, data, (size_t)n, error);
        if (r < 0)
            return r;
        piece->begin += n;
    }
    return 0;
}

int mfi_piece_copy(mayfly_chunks *chunks, struct piece *piece, mayfly_error *error) {
    bool seekable = false;
    const int from = mfi_records_fd(chunks->records, &seekable);
    while (piece->fd >= 0 && piece->begin < piece->end) {
        const ssize_t n = mfi_sys.copy_range(from, piece->begin, piece->fd, piece->size,
                                             (size_t)(piece->end - piece->begin));
        if (cannot_copy(n)) {
            chunks->by_writing = true;
            return copy_by_hand(chunks, piece, from, error);
        }
        if (n < 0)
            return mfi_fail_call(error, (int)n, "copy_file_range", piece->path, piece->fd);
        piece->begin += n;
        piece->size += n;
    }
    return 0;
}

void mfi_piece_begin_hash(const mayfly_chunks *chunks, struct piece *piece) {
#ifdef MFI_HAVE_SODIUM
    if (chunks->options.checksum)
        (void)crypto_generichash_init(&piece->hash, NULL, 0, DIGEST);
#endif
    (void)chunks, (void)piece;
}

static void add_to_hash(const mayfly_chunks *chunks, struct piece *piece, const char *data,
                        size_t size) {
#ifdef MFI_HAVE_SODIUM
    if (chunks->options.checksum)
        (void)crypto_generichash_update(&piece->hash, (const unsigned char *)data, size);
#endif
    (void)chunks, (void)piece, (void)data, (void)size;
}

void mfi_piece_finish_hash(const mayfly_chunks *chunks, struct piece *piece) {
#ifdef MFI_HAVE_SODIUM
    unsigned char digest[DIGEST];
    if (!chunks->options.checksum)
        return;
    (void)crypto_generichash_final(&piece->hash, digest, sizeof digest);
    (void)sodium_bin2hex(piece->chunk.checksum, sizeof piece->chunk.checksum, digest,
                         sizeof digest);
#endif
    (void)chunks, (void)piece;
}

int mfi_piece_add_bytes(mayfly_chunks *chunks, struct piece *piece, const char *data, size_t size,
                        mayfly_error *error) {
    add_to_hash(chunks, piece, data, size);
    piece->chunk.bytes += size;
    return piece->fd < 0 ? 0 : write_all(piece, data, size, error);
}

int mfi_piece_add_run(mayfly_chunks *chunks, struct piece *piece, const struct mfi_run *run,
                      mayfly_error *error) {
    const int64_t end = run->offset + (int64_t)run->size;
    mayfly_chunk *chunk = &piece->chunk;
    if (chunk->rows == 0)
        chunk->offset = run->offset;
    else if (chunk->offset >= 0 && chunk->offset + chunk->length != run->offset)
        chunk->offset = chunk->length = -1;
    if (chunk->offset >= 0)
        chunk->length = end - chunk->offset;
    chunk->rows += run->records;
    piece->last = run->data[run->size - 1];
    if (chunks->by_writing && piece->begin == piece->end)
        return mfi_piece_add_bytes(chunks, piece, run->data, run->size, error);
    int r = 0;
    if (piece->end != run->offset) {
        r = mfi_piece_copy(chunks, piece, error);
        piece->begin = run->offset;
    }
    piece->end = end;
    chunk->bytes += run->size;
    add_to_hash(chunks, piece, run->data, run->size);
    return r;
}

int mfi_piece_add_line_end(mayfly_chunks *chunks, struct piece *piece, mayfly_error *error) {
    const bool csv = chunks->options.records == MAYFLY_RECORDS_CSV;
    if (chunks->options.records == MAYFLY_RECORDS_FIXED || piece->fd < 0 || piece->last == '\n' ||
        (csv && piece->last == '\r'))
        return 0;
    return mfi_piece_add_bytes(chunks, piece, "\n", 1, error);
}
