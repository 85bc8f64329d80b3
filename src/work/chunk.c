/* SPDX-License-Identifier: MIT
 *
 * A CSV file in temporary pieces.
 *
 * Invariants  the records of a piece are the bytes of the input, the header's included. A piece
 *             that could not be finished is removed before its error is returned.
 */
#define _GNU_SOURCE
#include <mayfly/chunk.h>
#include <mayfly/dir.h>
#include <mayfly/file.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "../base/base.h"

struct mayfly_chunks {
    mayfly_csv *csv;
    mayfly_dir *dir;
    mayfly_chunk_options options;
    struct mfi_buffer header; /* with its line end */
    uint64_t number;          /* pieces made */
    uint64_t rows;            /* records given out */
    int64_t read_bytes;
    int64_t input_bytes;
    char *path; /* of the newest piece */
    uint64_t process;
};

int mayfly_chunks_close(mayfly_chunks **chunks, mayfly_error *error) {
    if (chunks == NULL || *chunks == NULL)
        return 0;
    mayfly_chunks *ending = mfi_take(*chunks);
    (void)mayfly_csv_close(&ending->csv, NULL);
    const int r = mayfly_dir_close(&ending->dir, error);
    mfi_buffer_free(&ending->header);
    free(ending->path);
    free(ending);
    return r;
}

void mayfly_chunks_auto(mayfly_chunks **chunks) {
    (void)mayfly_chunks_close(chunks, NULL);
}

/* ---- opening --------------------------------------------------------------------------------- */

static int64_t input_size(const char *path) {
    struct stat st;
    if (strcmp(path, "-") == 0)
        return mfi_sys.fstat(0, &st) == 0 && S_ISREG(st.st_mode) ? st.st_size : -1;
    if (mfi_sys.fstatat(AT_FDCWD, path, &st, 0) < 0 || !S_ISREG(st.st_mode))
        return -1;
    return st.st_size;
}

static int read_header(mayfly_chunks *chunks, mayfly_error *error) {
    mayfly_csv_record record;
    const int r = mayfly_csv_next(chunks->csv, &record, error);
    if (r <= 0)
        return r;
    chunks->read_bytes = record.offset + (int64_t)record.raw_size;
    if (mfi_buffer_append(&chunks->header, record.raw, record.raw_size) < 0)
        return mfi_fail_memory(error, record.raw_size);
    return 0;
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
    chunks->options.rows = known.rows == 0 ? 10000 : known.rows;
    chunks->process = mfi_process();
    chunks->input_bytes = input_size(path);
    r = mayfly_csv_open(path, &known.csv, &chunks->csv, error);
    if (r == 0 && !known.no_header)
        r = read_header(chunks, error);
    if (r < 0)
        return r;
    r = mayfly_temporary_directory(
        &(mayfly_dir_options){.prefix = known.prefix == NULL ? "chunks_" : known.prefix,
                              .dir = known.dir,
                              .place = known.place},
        &chunks->dir, error);
    if (r < 0)
        return r;
    chunks->options.prefix = chunks->options.dir = NULL; /* the caller's strings, not needed more */
    *ret = mfi_take(chunks);
    return 0;
}

int mayfly_chunks_keep(mayfly_chunks *chunks, mayfly_error *error) {
    return mayfly_dir_keep(chunks->dir, error);
}

const char *mayfly_chunks_dir(const mayfly_chunks *chunks) {
    return mayfly_dir_path(chunks->dir);
}

/* ---- pieces ---------------------------------------------------------------------------------- */

static void piece_name(uint64_t number, char *name, size_t size) {
    (void)snprintf(name, size, "chunk_%llu.csv", (unsigned long long)number);
}

int mayfly_chunks_remove(mayfly_chunks *chunks, uint64_t number, mayfly_error *error) {
    char name[48];
    if (chunks->process != mfi_process())
        return mfi_fail(error, MAYFLY_E_FORKED, "chunks", NULL,
                        "the pieces are the parent process's");
    piece_name(number, name, sizeof name);
    if (number == 0 || number > chunks->number)
        return mfi_fail(error, -ENOENT, "chunks", name, "there was no such piece");
    const int r = mfi_sys.unlinkat(mayfly_dir_fd(chunks->dir), name, 0);
    if (r < 0 && r != -ENOENT)
        return mfi_fail_call(error, r, "unlinkat", name, -1);
    return 0;
}

static int write_record(mayfly_file *file, const char *raw, size_t size, mayfly_error *error) {
    int r = mayfly_file_write(file, raw, size, error);
    /* The last record of the input may lack its line end. */
    if (r == 0 && raw[size - 1] != '\n' && raw[size - 1] != '\r')
        r = mayfly_file_write(file, "\n", 1, error);
    return r;
}

/* Copies up to `rows` records. 1: all of them, 0: the input ended before, or a failure. */
static int copy_records(mayfly_chunks *chunks, mayfly_file *file, uint64_t *ret_rows,
                        mayfly_error *error) {
    mayfly_csv_record record;
    int r = 1;
    for (*ret_rows = 0; *ret_rows < chunks->options.rows; (*ret_rows)++) {
        r = mayfly_csv_next(chunks->csv, &record, error);
        if (r <= 0)
            return r;
        chunks->read_bytes = record.offset + (int64_t)record.raw_size;
        r = write_record(file, record.raw, record.raw_size, error);
        if (r < 0)
            return r;
    }
    return 1;
}

/* Fills the piece and closes it. 1: it has rows, 0: the input has ended, or a failure. */
static int fill_piece(mayfly_chunks *chunks, mayfly_file **file, mayfly_chunk *chunk,
                      mayfly_error *error) {
    int r = 0;
    if (chunks->header.size > 0)
        r = write_record(*file, chunks->header.data, chunks->header.size, error);
    if (r == 0)
        r = copy_records(chunks, *file, &chunk->rows, error);
    if (r < 0 || chunk->rows == 0)
        return r;
    const int64_t bytes = mayfly_file_size(*file, error);
    if (bytes < 0)
        return (int)bytes;
    chunk->bytes = (uint64_t)bytes;
    r = mayfly_file_close(file, error);
    return r < 0 ? r : 1;
}

int mayfly_chunks_next(mayfly_chunks *chunks, mayfly_chunk *ret, mayfly_error *error) {
    char name[48];
    if (chunks->process != mfi_process())
        return mfi_fail(error, MAYFLY_E_FORKED, "chunks", NULL,
                        "the pieces are the parent process's");
    if (chunks->options.drop && chunks->number > 0) {
        const int r = mayfly_chunks_remove(chunks, chunks->number, error);
        if (r < 0)
            return r;
    }
    mayfly_chunk chunk = {.number = chunks->number + 1,
                          .first_row = chunks->rows + 1,
                          .input_bytes = chunks->input_bytes};
    piece_name(chunk.number, name, sizeof name);
    mfi_auto_free char *path = mfi_format("%s/%s", mayfly_chunks_dir(chunks), name);
    if (path == NULL)
        return mfi_fail_memory(error, sizeof name);
    mayfly_auto(mayfly_file) file = NULL;
    int r = mayfly_dir_file(chunks->dir, name, NULL, &file, error);
    if (r < 0)
        return r;
    r = fill_piece(chunks, &file, &chunk, error);
    if (r <= 0) {
        (void)mfi_sys.unlinkat(mayfly_dir_fd(chunks->dir), name, 0);
        return r;
    }
    free(chunks->path);
    chunks->path = mfi_take(path);
    chunks->number = chunk.number;
    chunks->rows += chunk.rows;
    chunk.path = chunks->path;
    chunk.read_bytes = chunks->read_bytes;
    *ret = chunk;
    return 1;
}
