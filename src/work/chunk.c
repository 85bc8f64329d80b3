/* SPDX-License-Identifier: MIT
 *
 * A file of records in temporary pieces.
 *
 * How it works  records.c finds runs of good records; a piece is made of as many as fit. They are
 *               written from its buffer; or they stay in the input until a run does not follow the
 *               one before, or the piece is full, and are then copied by the kernel in one go.
 *               On a local file system that takes more of the processor's time, because the kernel
 *               goes from page to page and the bytes are in its cache already (measured,
 *               bench/RESULTS-chunk.md); where a server copies they never come here.
 * Invariants    the records of a piece are the bytes of the input, the header's included. A piece
 *               that could not be finished is removed before its error is returned.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <mayfly/dir.h>
#include <mayfly/file.h>
#include <mayfly/replace.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "../base/base.h"
#include "chunk_own.h"

int mayfly_chunks_close(mayfly_chunks **chunks, mayfly_error *error) {
    if (chunks == NULL || *chunks == NULL)
        return 0;
    mayfly_chunks *ending = mfi_take(*chunks);
    mfi_records_close(&ending->records);
    const int r = mayfly_dir_close(&ending->dir, error);
    for (uint64_t i = 0; i < ending->memory_count; i++)
        mfi_close_fd(&ending->memory[i]);
    free(ending->memory);
    mfi_buffer_free(&ending->header);
    mfi_buffer_free(&ending->manifest);
    free(ending->manifest_path);
    free(ending->path);
    free(ending);
    return r;
}

void mayfly_chunks_auto(mayfly_chunks **chunks) {
    (void)mayfly_chunks_close(chunks, NULL);
}

bool mfi_chunks_set_drop(mayfly_chunks *chunks, bool drop) {
    const bool before = chunks->options.drop;
    chunks->options.drop = drop;
    return before;
}

/* ---- opening --------------------------------------------------------------------------------- */

static int check_options(const mayfly_chunk_options *options, mayfly_error *error) {
    if (options->pieces != MAYFLY_PIECES_FILES && options->dir != NULL)
        return mfi_fail(error, -EINVAL, "chunks", options->dir, "only files have a directory");
#ifdef MFI_HAVE_SODIUM
    if (options->checksum && sodium_init() < 0)
        return mfi_fail(error, -ENOTSUP, "chunks", NULL, "libsodium does not work here");
#else
    if (options->checksum)
        return mfi_fail(error, -ENOTSUP, "chunks", NULL,
                        "this library was built without libsodium, which makes checksums");
#endif
    return 0;
}

static int read_header(mayfly_chunks *chunks, mayfly_error *error) {
    uint64_t left = chunks->options.header_records;
    if (left == 0 && chunks->options.records == MAYFLY_RECORDS_CSV)
        left = 1;
    if (chunks->options.no_header)
        left = 0;
    while (left > 0) {
        struct mfi_run run;
        const int r = mfi_records_next(chunks->records, left, UINT64_MAX, true, &run, error);
        if (r <= 0)
            return r;
        size_t blank = 0;
        if (chunks->header.size == 0) {
            if (chunks->options.records != MAYFLY_RECORDS_FIXED)
                while (blank + 1 < run.size &&
                       (run.data[blank] == '\n' || run.data[blank] == '\r') &&
                       chunks->options.records != MAYFLY_RECORDS_LINES)
                    blank++;
            chunks->header_offset = run.offset + (int64_t)blank;
        }
        if (mfi_buffer_append(&chunks->header, run.data + blank, run.size - blank) < 0)
            return mfi_fail_memory(error, run.size);
        left -= run.records;
    }
    return 0;
}

/* Whether the kernel's copying saves something. Blocks are shared only between places that are
 * alike within a block, which a piece with its header and any number of bytes hardly is. */
static bool kernel_is_better(const mayfly_chunks *chunks, int fd) {
    static const char *const copying[] = {"nfs", "cifs", "smb2", "ceph"};
    static const char *const sharing[] = {"btrfs", "xfs", "bcachefs"};
    enum { SHARED = 4096 };
    struct mfi_filesystem fs;
    if (chunks->options.pieces == MAYFLY_PIECES_RANGES ||
        chunks->options.copying == MAYFLY_COPYING_KERNEL)
        return true;
    if (chunks->options.copying == MAYFLY_COPYING_WRITE || mfi_sys.statfs(fd, &fs) < 0)
        return false;
    for (size_t i = 0; i < MFI_LENGTH(copying); i++)
        if (strcmp(fs.type, copying[i]) == 0)
            return true;
    const bool aligned = chunks->options.record_bytes > 0 &&
                         chunks->options.record_bytes % SHARED == 0 &&
                         chunks->options.records == MAYFLY_RECORDS_FIXED;
    for (size_t i = 0; i < MFI_LENGTH(sharing); i++)
        if (aligned && strcmp(fs.type, sharing[i]) == 0)
            return true;
    return false;
}

static int open_records(mayfly_chunks *chunks, const char *path, mayfly_error *error) {
    bool seekable = false;
    int r = mfi_records_open(path, &chunks->options, &chunks->records, error);
    if (r < 0)
        return r;
    const int fd = mfi_records_fd(chunks->records, &seekable);
    if (!seekable && chunks->options.pieces == MAYFLY_PIECES_RANGES)
        return mfi_fail(error, -ESPIPE, "chunks", path, "only a file has ranges; this is a pipe");
    r = read_header(chunks, error);
    if (r == 0 && mfi_records_skipped(chunks->records) > 0)
        r = mfi_fail(error, MAYFLY_E_SYNTAX, "chunks", path,
                     "the header is damaged, and a row would stand in for it; let it pass, or "
                     "say that there is none");
    chunks->by_writing = !seekable || chunks->options.pieces == MAYFLY_PIECES_MEMORY ||
                         !kernel_is_better(chunks, fd);
    return r;
}

static int set_up(mayfly_chunks *chunks, const char *path, mayfly_error *error) {
    mayfly_chunk_options *options = &chunks->options;
    if (options->rows == 0)
        options->rows = options->bytes == 0 ? 10000 : UINT64_MAX;
    if (options->bytes == 0)
        options->bytes = UINT64_MAX;
    chunks->process = mfi_process();
    (void)clock_gettime(CLOCK_MONOTONIC, &chunks->opened);
    chunks->path = mfi_strdup(path);
    if (chunks->path == NULL)
        return mfi_fail_memory(error, strlen(path));
    if (options->manifest != NULL &&
        (chunks->manifest_path = mfi_strdup(options->manifest)) == NULL)
        return mfi_fail_memory(error, strlen(options->manifest));
    int r = check_options(options, error);
    if (r == 0)
        r = open_records(chunks, path, error);
    if (r == 0 && options->pieces == MAYFLY_PIECES_FILES)
        r = mayfly_temporary_directory(
            &(mayfly_dir_options){.prefix = options->prefix == NULL ? "chunks_" : options->prefix,
                                  .dir = options->dir,
                                  .place = options->place},
            &chunks->dir, error);
    /* The caller's strings are not needed more. */
    options->prefix = options->dir = options->manifest = NULL;
    return r;
}

int mayfly_chunks_open_sized(size_t options_size, const char *path,
                             const mayfly_chunk_options *options, mayfly_chunks **ret,
                             mayfly_error *error) {
    mayfly_chunk_options known;
    int r = mfi_options_import(&known, sizeof known, options, options_size, "chunks", error);
    if (r < 0)
        return r;
    mayfly_auto(mayfly_chunks) chunks = mfi_sys.calloc(1, sizeof *chunks);
    if (chunks == NULL)
        return mfi_fail_memory(error, sizeof *chunks);
    chunks->options = known;
    r = set_up(chunks, path, error);
    if (r < 0)
        return r;
    *ret = mfi_take(chunks);
    return 0;
}

int mayfly_chunks_keep(mayfly_chunks *chunks, mayfly_error *error) {
    if (chunks->options.pieces == MAYFLY_PIECES_MEMORY)
        return mfi_fail(error, -ENOTSUP, "chunks", NULL, "pieces in memory cannot stay");
    return chunks->dir == NULL ? 0 : mayfly_dir_keep(chunks->dir, error);
}

const char *mayfly_chunks_dir(const mayfly_chunks *chunks) {
    return chunks->dir == NULL ? NULL : mayfly_dir_path(chunks->dir);
}

/* ---- removing -------------------------------------------------------------------------------- */

static int check_process(const mayfly_chunks *chunks, mayfly_error *error) {
    if (chunks->process == mfi_process())
        return 0;
    return mfi_fail(error, MAYFLY_E_FORKED, "chunks", NULL, "the pieces are the parent process's");
}

static void piece_name(const mayfly_chunks *chunks, uint64_t number, char *name, size_t size) {
    static const char *const suffixes[] = {[MAYFLY_RECORDS_CSV] = "csv",
                                           [MAYFLY_RECORDS_LINES] = "txt",
                                           [MAYFLY_RECORDS_JSON_LINES] = "jsonl",
                                           [MAYFLY_RECORDS_FIXED] = "bin"};
    (void)snprintf(name, size, "chunk_%llu.%s", (unsigned long long)number,
                   suffixes[chunks->options.records]);
}

static int remove_piece(mayfly_chunks *chunks, uint64_t number, mayfly_error *error) {
    char name[48];
    if (chunks->options.pieces == MAYFLY_PIECES_MEMORY && number <= chunks->memory_count) {
        mfi_close_fd(&chunks->memory[number - 1]);
        chunks->memory[number - 1] = -1;
    }
    if (chunks->dir == NULL)
        return 0;
    piece_name(chunks, number, name, sizeof name);
    const int r = mfi_sys.unlinkat(mayfly_dir_fd(chunks->dir), name, 0);
    if (r < 0 && r != -ENOENT)
        return mfi_fail_call(error, r, "unlinkat", name, -1);
    return 0;
}

int mayfly_chunks_remove(mayfly_chunks *chunks, uint64_t number, mayfly_error *error) {
    char name[48];
    const int r = check_process(chunks, error);
    if (r < 0)
        return r;
    piece_name(chunks, number, name, sizeof name);
    if (number == 0 || number > chunks->number)
        return mfi_fail(error, -ENOENT, "chunks", name, "there was no such piece");
    return remove_piece(chunks, number, error);
}

/* ---- making a piece -------------------------------------------------------------------------- */

static void tell_progress(mayfly_chunks *chunks, uint64_t rows, bool always) {
    struct timespec now;
    if (chunks->options.progress == NULL)
        return;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    const double seconds = (double)(now.tv_sec - chunks->opened.tv_sec) +
                           (double)(now.tv_nsec - chunks->opened.tv_nsec) / 1e9;
    if (!always && seconds - chunks->told < 1e-3)
        return;
    chunks->told = seconds;
    mayfly_progress progress = {.chunks = chunks->number,
                                .rows = chunks->rows + rows,
                                .skipped = mfi_records_skipped(chunks->records),
                                .bytes = mfi_records_used(chunks->records),
                                .input_bytes = mfi_records_size(chunks->records),
                                .seconds = seconds,
                                .seconds_left = -1};
    if (seconds > 0)
        progress.bytes_per_second = (double)progress.bytes / seconds;
    if (progress.input_bytes >= progress.bytes && progress.bytes_per_second > 0)
        progress.seconds_left =
            (double)(progress.input_bytes - progress.bytes) / progress.bytes_per_second;
    chunks->options.progress(&progress, chunks->options.user);
}

static int remember_memory(mayfly_chunks *chunks, int fd, mayfly_error *error) {
    const size_t size = (size_t)(chunks->memory_count + 1) * sizeof *chunks->memory;
    int *memory = mfi_sys.realloc(chunks->memory, size);
    if (memory == NULL)
        return mfi_fail_memory(error, size);
    memory[chunks->memory_count++] = fd;
    chunks->memory = memory;
    return 0;
}

/* Makes the file, or what stands for it, with its path. */
static int begin_piece(mayfly_chunks *chunks, struct piece *piece, mayfly_error *error) {
    char name[48];
    int r = 0;
    piece_name(chunks, piece->chunk.number, name, sizeof name);
    if (chunks->options.pieces == MAYFLY_PIECES_RANGES) {
        piece->path = mfi_strdup(mfi_records_path(chunks->records));
    } else if (chunks->options.pieces == MAYFLY_PIECES_MEMORY) {
        piece->chunk.fd = piece->fd = mfi_sys.memfd(name);
        if (piece->fd < 0)
            return mfi_fail_call(error, piece->fd, "memfd_create", name, -1);
        piece->path = mfi_format("/proc/%d/fd/%d", mfi_sys.getpid(), piece->fd);
    } else {
        piece->path = mfi_format("%s/%s", mayfly_chunks_dir(chunks), name);
        if (piece->path != NULL)
            r = mayfly_dir_file(chunks->dir, name, NULL, &piece->file, error);
        if (piece->path != NULL && r == 0)
            r = piece->fd = mayfly_file_fd(piece->file, error);
        if (r < 0)
            return r;
    }
    if (piece->path == NULL)
        return mfi_fail_memory(error, sizeof name);
    mfi_piece_begin_hash(chunks, piece);
    if (chunks->header.size > 0)
        return mfi_piece_add_bytes(chunks, piece, chunks->header.data, chunks->header.size, error);
    return 0;
}

/* Whether the run is a piece of its own: ranges have no gaps. */
static bool is_apart(const mayfly_chunks *chunks, const struct piece *piece,
                     const struct mfi_run *run) {
    return chunks->options.pieces == MAYFLY_PIECES_RANGES && piece->chunk.rows > 0 &&
           piece->end != run->offset;
}

/* 1: the piece has all that fits, 0: the input has ended, or a failure. The piece is begun when
 * there is something to put into it. */
static int fill_piece(mayfly_chunks *chunks, struct piece *piece, mayfly_error *error) {
    const mayfly_chunk_options *options = &chunks->options;
    while (piece->chunk.rows < options->rows) {
        struct mfi_run run;
        const uint64_t used = piece->chunk.rows == 0 ? chunks->header.size : piece->chunk.bytes;
        int r = mfi_records_next(chunks->records, options->rows - piece->chunk.rows,
                                 options->bytes > used ? options->bytes - used : 0,
                                 piece->chunk.rows == 0, &run, error);
        if (r == MFI_RUN_NO_ROOM)
            return 1;
        if (r <= 0)
            return r;
        if (is_apart(chunks, piece, &run)) {
            mfi_records_back(chunks->records);
            return 1;
        }
        if (piece->path == NULL)
            r = begin_piece(chunks, piece, error);
        if (r >= 0)
            r = mfi_piece_add_run(chunks, piece, &run, error);
        if (r < 0)
            return r;
        tell_progress(chunks, piece->chunk.rows, false);
    }
    return 1;
}

static int make_piece(mayfly_chunks *chunks, struct piece *piece, mayfly_error *error) {
    int r = fill_piece(chunks, piece, error);
    if (r < 0 || piece->chunk.rows == 0)
        return r;
    r = mfi_piece_copy(chunks, piece, error);
    if (r == 0)
        r = mfi_piece_add_line_end(chunks, piece, error);
    if (r == 0 && piece->file != NULL)
        r = mayfly_file_close(&piece->file, error);
    if (r < 0)
        return r;
    mayfly_chunk *chunk = &piece->chunk;
    mfi_piece_finish_hash(chunks, piece);
    chunk->path = piece->path;
    chunk->read_bytes = mfi_records_used(chunks->records);
    chunk->skipped = mfi_records_skipped(chunks->records);
    if (chunks->manifest_path != NULL) {
        mfi_auto_free char *line = NULL;
        r = mayfly_chunk_json(chunk, &line, error);
        if (r == 0 && (mfi_buffer_append(&chunks->manifest, line, strlen(line)) < 0 ||
                       mfi_buffer_append(&chunks->manifest, "\n", 1) < 0))
            r = mfi_fail_memory(error, strlen(line));
    }
    if (r == 0 && chunk->fd >= 0)
        r = remember_memory(chunks, chunk->fd, error);
    return r < 0 ? r : 1;
}

/* Writes the manifest, once. */
static int finish(mayfly_chunks *chunks, mayfly_error *error) {
    if (chunks->ended)
        return 0;
    tell_progress(chunks, 0, true);
    if (chunks->manifest_path != NULL) {
        const char *data = chunks->manifest.size == 0 ? "" : chunks->manifest.data;
        const int r =
            mayfly_replace_with(chunks->manifest_path, data, chunks->manifest.size, NULL, error);
        if (r < 0)
            return r;
    }
    chunks->ended = true;
    return 0;
}

static int next_piece(mayfly_chunks *chunks, mayfly_chunk *ret, mayfly_error *error) {
    __attribute__((cleanup(mfi_piece_end))) struct piece piece = {
        .fd = -1,
        .begin = -1,
        .end = -1,
        .chunk = {.number = chunks->number + 1,
                  .first_row = chunks->rows + 1,
                  .input_bytes = mfi_records_size(chunks->records),
                  .header_offset = chunks->header_offset,
                  .header_length = (int64_t)chunks->header.size,
                  .pieces = chunks->options.pieces,
                  .fd = -1}};
    int r = 0;
    if (chunks->options.drop && chunks->number > 0)
        r = remove_piece(chunks, chunks->number, error);
    if (r == 0 && !chunks->ended)
        r = make_piece(chunks, &piece, error);
    if (r < 0 && piece.path != NULL)
        (void)remove_piece(chunks, piece.chunk.number, NULL);
    if (r == 0)
        return finish(chunks, error);
    if (r < 0)
        return r;
    piece.chunk.fd = -1; /* is remembered */
    free(chunks->path);
    chunks->path = mfi_take(piece.path);
    chunks->number++;
    chunks->rows += piece.chunk.rows;
    *ret = piece.chunk;
    if (chunks->options.pieces == MAYFLY_PIECES_MEMORY)
        ret->fd = chunks->memory[chunks->number - 1];
    return 1;
}

int mayfly_chunks_next(mayfly_chunks *chunks, mayfly_chunk *ret, mayfly_error *error) {
    int r = check_process(chunks, error);
    if (r < 0)
        return r;
    if (chunks->why.code == 0) {
        r = next_piece(chunks, ret, &chunks->why);
        if (r >= 0)
            return r;
    }
    if (error != NULL)
        *error = chunks->why;
    return chunks->why.code;
}
