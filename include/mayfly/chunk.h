/* SPDX-License-Identifier: MIT
 *
 * A large CSV file in temporary pieces: each a file of its own with the header on top, so that a
 * program that reads the whole can read the piece (row P3).
 *
 *     mayfly_auto(mayfly_chunks) chunks = NULL;
 *     mayfly_chunks_open("large.csv", &(mayfly_chunk_options){.rows = 5000}, &chunks, &error);
 *     mayfly_chunk chunk;
 *     while (mayfly_chunks_next(chunks, &chunk, &error) > 0)
 *         work_on(chunk.path);
 *
 * The pieces lie in a temporary directory of their own (mode 0700, files 0600) and go with the
 * handle, or one by one when `drop` says so.
 */
#ifndef MAYFLY_CHUNK_H
#define MAYFLY_CHUNK_H

#include <mayfly/csv.h>
#include <mayfly/where.h>

MAYFLY_BEGIN_DECLS

typedef struct mayfly_chunks mayfly_chunks;

typedef struct mayfly_chunk_options {
    uint64_t rows;  /* records in a piece, without the header; 0: 10,000 */
    bool no_header; /* the first record is data, and no piece has a header */
    bool drop;      /* remove a piece when the next is asked for */
    mayfly_csv_options csv;
    const char *prefix; /* of the directory; "chunks_" */
    const char *dir;    /* existing directory; NULL: as `place` says */
    mayfly_place place; /* when dir is NULL */
} mayfly_chunk_options;

/* One piece; `path` is valid until the next is asked for. */
typedef struct mayfly_chunk {
    const char *path;    /* .../chunk_1.csv */
    uint64_t number;     /* from 1 */
    uint64_t rows;       /* without the header */
    uint64_t bytes;      /* of the file */
    uint64_t first_row;  /* number of its first row in the whole, from 1, without the header */
    int64_t read_bytes;  /* how much of the input is read by now */
    int64_t input_bytes; /* the size of the input; -1: not known (a pipe) */
} mayfly_chunk;

/* Opens the input ("-": the standard input) and makes the directory. Nothing is split yet.
 *
 * Ownership: the caller closes the handle.
 * Errors:    as mayfly_csv_open and mayfly_temporary_directory
 * Safety:    thread any | fork any | signal no
 * Since:     0.1 */
#define mayfly_chunks_open(...) mayfly_chunks_open_sized(sizeof(mayfly_chunk_options), __VA_ARGS__)
MAYFLY_API MAYFLY_MUST_CHECK int mayfly_chunks_open_sized(size_t options_size, const char *path,
                                                          const mayfly_chunk_options *options,
                                                          mayfly_chunks **ret, mayfly_error *error);

/* Writes the next piece.
 *
 * Returns 1 and the piece, or 0 at the end. An input with a header and no row has no piece.
 * Errors:    as mayfly_csv_next and mayfly_file_write; a piece that failed is removed
 * Safety:    thread one-object | fork: MAYFLY_E_FORKED in the child | signal no
 * Since:     0.1 */
MAYFLY_API int mayfly_chunks_next(mayfly_chunks *chunks, mayfly_chunk *ret, mayfly_error *error);

/* Removes one piece before the others, by its number. One that is gone is no error.
 *
 * Errors:    -ENOENT  there was no such piece; what unlinkat(2) says
 * Safety:    thread one-object | fork: MAYFLY_E_FORKED in the child | signal no
 * Since:     0.1 */
MAYFLY_API int mayfly_chunks_remove(mayfly_chunks *chunks, uint64_t number, mayfly_error *error);

/* The pieces and their directory stay: closing the handle leaves them, and the caller owns them.
 *
 * Errors:    MAYFLY_E_FORKED
 * Safety:    thread one-object | fork: MAYFLY_E_FORKED in the child | signal no
 * Since:     0.1 */
MAYFLY_API int mayfly_chunks_keep(mayfly_chunks *chunks, mayfly_error *error);

/* The directory of the pieces. Ownership: the handle's. Safety: thread any | fork any | signal
 * yes. Since: 0.1 */
MAYFLY_API const char *mayfly_chunks_dir(const mayfly_chunks *chunks);

/* Removes all pieces and frees the handle; NULL is accepted twice over. Errors: as
 * mayfly_dir_close. Safety: thread one-object | fork child-inert | signal no. Since: 0.1 */
MAYFLY_API int mayfly_chunks_close(mayfly_chunks **chunks, mayfly_error *error);
MAYFLY_API void mayfly_chunks_auto(mayfly_chunks **chunks);

MAYFLY_END_DECLS

#endif
