/* SPDX-License-Identifier: MIT
 *
 * What chunk.c, its output and chunk_run.c have in common.
 */
#ifndef MFI_CHUNK_OWN_H
#define MFI_CHUNK_OWN_H

#include <mayfly/chunk.h>
#include <mayfly/dir.h>
#include <mayfly/file.h>
#include <time.h>

#ifdef MFI_HAVE_SODIUM
#include <sodium.h>
#endif

#include "../base/base.h"
#include "records.h"

struct mayfly_chunks {
    struct mfi_records *records;
    mayfly_dir *dir;
    mayfly_chunk_options options;
    struct mfi_buffer header; /* with its line end */
    int64_t header_offset;
    struct mfi_buffer manifest;
    char *manifest_path;
    uint64_t number; /* pieces made */
    uint64_t rows;   /* records given out */
    bool by_writing; /* the kernel does not copy from the input */
    bool ended;
    char *path;  /* of the newest piece */
    int *memory; /* descriptors of pieces in memory, by number - 1; -1: removed */
    uint64_t memory_count;
    struct timespec opened;
    double told; /* when progress was, in seconds since then */
    uint64_t process;
    mayfly_error why; /* why.code: it has failed */
};

/* A piece in the making. */
struct piece {
    mayfly_chunk chunk;
    mayfly_file *file;
    int fd;        /* the file's, or the memory file; -1: a range */
    char *path;    /* new memory */
    int64_t begin; /* [begin, end) of the input is in it and is not copied yet */
    int64_t end;
    int64_t size; /* what is copied */
    char last;    /* its last byte */
#ifdef MFI_HAVE_SODIUM
    crypto_generichash_state hash;
#endif
};

/* Releases what the piece holds, and leaves what it made. */
void mfi_piece_end(struct piece *piece);

/* Writes bytes that are not in the input as they stand here, or not at this place. */
int mfi_piece_add_bytes(mayfly_chunks *chunks, struct piece *piece, const char *data, size_t size,
                        mayfly_error *error);

/* Writes or notes a run. */
int mfi_piece_add_run(mayfly_chunks *chunks, struct piece *piece, const struct mfi_run *run,
                      mayfly_error *error);

/* Copies what was only noted. Where the kernel cannot, what comes later is written at once, while
 * it is in memory. */
int mfi_piece_copy(mayfly_chunks *chunks, struct piece *piece, mayfly_error *error);

/* The last record of the input may lack its line end. */
int mfi_piece_add_line_end(mayfly_chunks *chunks, struct piece *piece, mayfly_error *error);

/* The checksum, if it is asked for. */
void mfi_piece_begin_hash(const mayfly_chunks *chunks, struct piece *piece);
void mfi_piece_finish_hash(const mayfly_chunks *chunks, struct piece *piece);

/* Whether a piece goes when the next is asked for, from now on. Returns what was so before. */
bool mfi_chunks_set_drop(mayfly_chunks *chunks, bool drop);

#endif
