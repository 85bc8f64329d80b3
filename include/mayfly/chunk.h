/* SPDX-License-Identifier: MIT
 *
 * A large file of records in temporary pieces: each a file of its own with the header on top, so
 * that a program that reads the whole can read the piece (row P3).
 *
 *     mayfly_auto(mayfly_chunks) chunks = NULL;
 *     mayfly_chunks_open("large.csv", &(mayfly_chunk_options){.rows = 5000}, &chunks, &error);
 *     mayfly_chunk chunk;
 *     while (mayfly_chunks_next(chunks, &chunk, &error) > 0)
 *         work_on(chunk.path);
 *
 * Records    CSV (RFC 4180: line breaks within quotes do not split; \n, \r\n and \r end records,
 *            mixed as they may be), lines, JSON lines, or records of a fixed size. They are found
 *            with vector instructions, some gigabytes a second.
 * Pieces     Files are copied by the kernel (copy_file_range(2)) where that saves moving the bytes,
 *            else written from memory, where they are anyway. Pieces in memory have a descriptor
 *            and a path under /proc. Ranges are not copied at all: offset and length in the input.
 * Damage     A quote that is never closed, bytes behind a closing quote, a record that is too long,
 *            and, if asked for, NULs and what is not UTF-8: each ends the work with an error, or
 *            leaves the record out, or lets it pass; and each is told with record and byte.
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

typedef enum mayfly_records {
    MAYFLY_RECORDS_CSV = 0,    /* blank lines are none; a UTF-8 byte order mark is left out */
    MAYFLY_RECORDS_LINES,      /* end in \n; every line is one */
    MAYFLY_RECORDS_JSON_LINES, /* the same, but blank lines and a byte order mark are none */
    MAYFLY_RECORDS_FIXED,      /* of record_bytes each */
} mayfly_records;

typedef enum mayfly_pieces {
    MAYFLY_PIECES_FILES = 0, /* named files */
    MAYFLY_PIECES_MEMORY,    /* memory files: a descriptor each, until they are removed */
    MAYFLY_PIECES_RANGES, /* nothing is made; not of a pipe. A record that is left out ends one */
} mayfly_pieces;

/* How files are made from a file. What the kernel cannot copy is written. */
typedef enum mayfly_copying {
    MAYFLY_COPYING_DEFAULT = 0, /* KERNEL where the file system copies by itself (a server's) or
                                   shares blocks that are aligned; WRITE on others, costing less */
    MAYFLY_COPYING_KERNEL,      /* copy_file_range(2) */
    MAYFLY_COPYING_WRITE,       /* write(2) */
} mayfly_copying;

/* What a record in which something is wrong leads to. */
typedef enum mayfly_damage {
    MAYFLY_DAMAGE_DEFAULT = 0, /* quotes, length, torn records: as ERROR; NUL, UTF-8: as IGNORE */
    MAYFLY_DAMAGE_ERROR,       /* mayfly_chunks_next fails */
    MAYFLY_DAMAGE_SKIP,        /* the record is left out; a header cannot be */
    MAYFLY_DAMAGE_PASS,        /* the record is taken as it is */
    MAYFLY_DAMAGE_IGNORE,      /* the same, and nobody is told; NUL, UTF-8: it is not looked for */
} mayfly_damage;

typedef enum mayfly_problem_kind {
    MAYFLY_PROBLEM_UNCLOSED, /* a quote is not closed before the end of the input */
    MAYFLY_PROBLEM_STRAY,    /* something stands between a closing quote and the next delimiter */
    MAYFLY_PROBLEM_LONG,     /* the record is longer than csv.max_record */
    MAYFLY_PROBLEM_NUL,
    MAYFLY_PROBLEM_UTF8,
    MAYFLY_PROBLEM_TORN, /* the last record of a fixed size is shorter */
} mayfly_problem_kind;

typedef struct mayfly_problem {
    mayfly_problem_kind kind;
    mayfly_damage damage; /* what was done about it */
    uint64_t record;      /* its number in the input, from 1, with the header */
    int64_t offset;       /* of the byte in the input, or of the record: UNCLOSED, LONG, TORN */
    const char *what;     /* "a NUL byte" */
} mayfly_problem;

typedef struct mayfly_progress {
    uint64_t chunks;     /* made by now */
    uint64_t rows;       /* in them, and in the one that is being made */
    uint64_t skipped;    /* records left out */
    int64_t bytes;       /* of the input, read by now */
    int64_t input_bytes; /* its size; -1: not known (a pipe) */
    double seconds;      /* since the opening */
    double bytes_per_second;
    double seconds_left; /* -1: not known */
} mayfly_progress;

typedef struct mayfly_chunk_options {
    uint64_t rows;  /* records in a piece, without the header; 0: 10,000, or no limit if `bytes`
                       is given */
    bool no_header; /* the first record is data, and no piece has a header */
    bool drop;      /* remove a piece when the next is asked for */
    mayfly_csv_options csv;
    const char *prefix; /* of the directory; "chunks_" */
    const char *dir;    /* existing directory; NULL: as `place` says */
    mayfly_place place; /* when dir is NULL */
    uint64_t bytes;     /* of a piece with its header, at the most; a larger record is a piece of
                           its own. 0: no limit */
    mayfly_records records;
    uint64_t record_bytes;   /* for MAYFLY_RECORDS_FIXED */
    uint32_t header_records; /* on top of each piece; 0: one for CSV, none for others */
    bool no_quotes;          /* CSV: a quote is a character as any other */
    mayfly_pieces pieces;
    mayfly_copying copying;
    mayfly_damage on_quote; /* UNCLOSED, STRAY */
    mayfly_damage on_long;  /* LONG */
    mayfly_damage on_nul;
    mayfly_damage on_utf8;
    mayfly_damage on_torn;
    bool checksum;        /* of each piece: BLAKE2b-256, as `b2sum -l 256` prints it */
    const char *manifest; /* write this file at the end: a line of JSON for each piece */
    void (*problem)(const mayfly_problem *problem, void *user);    /* SKIP and PASS; or NULL */
    void (*progress)(const mayfly_progress *progress, void *user); /* a thousand times a second
                                                                      at the most; or NULL */
    void *user;
} mayfly_chunk_options;

/* One piece; `path` is valid until the next is asked for. */
typedef struct mayfly_chunk {
    const char *path;      /* .../chunk_1.csv, /proc/.../fd/5, or of a range the input's */
    uint64_t number;       /* from 1 */
    uint64_t rows;         /* without the header */
    uint64_t bytes;        /* of the piece, with the header */
    uint64_t first_row;    /* number of its first row in the whole, from 1, without the header */
    int64_t read_bytes;    /* how much of the input is used by now */
    int64_t input_bytes;   /* the size of the input; -1: not known (a pipe) */
    int64_t offset;        /* in the input, of the first of its rows; -1: records between them were
                              left out */
    int64_t length;        /* in the input, of its rows; -1 likewise */
    int64_t header_offset; /* in the input */
    int64_t header_length; /* 0: there is none */
    uint64_t skipped;      /* records of the input left out by now */
    mayfly_pieces pieces;  /* what it is */
    int fd;                /* of a piece in memory, open until it is removed; else -1 */
    char checksum[65];     /* hexadecimal; "" unless asked for */
} mayfly_chunk;

/* Opens the input ("-": the standard input) and makes the directory. Nothing is split yet.
 *
 * Ownership: the caller closes the handle.
 * Errors:    as mayfly_csv_open and mayfly_temporary_directory; those of reading the header
 *            -EINVAL  records of a fixed size without one; a manifest or directory that has no
 *                     meaning here
 *            -ESPIPE  ranges of a pipe
 *            -ENOTSUP a checksum in a library built without libsodium
 * Safety:    thread any | fork any | signal no
 * Since:     0.1 */
#define mayfly_chunks_open(...) mayfly_chunks_open_sized(sizeof(mayfly_chunk_options), __VA_ARGS__)
MAYFLY_API MAYFLY_MUST_CHECK int mayfly_chunks_open_sized(size_t options_size, const char *path,
                                                          const mayfly_chunk_options *options,
                                                          mayfly_chunks **ret, mayfly_error *error);

/* Makes the next piece.
 *
 * Returns 1 and the piece, or 0 at the end. An input with a header and no row has no piece. The
 * manifest is written, in one go, when the end is reached.
 * Errors:    MAYFLY_E_SYNTAX  a damaged record (see mayfly_damage): record and byte in the message
 *            -EFBIG           a record longer than csv.max_record
 *            -EIO             the input became shorter while it was copied
 *            what read(2), copy_file_range(2), write(2) and mayfly_replace_with say; -ENOMEM
 * A piece that failed is removed. After an error it returns the same error again.
 * Safety:    thread one-object | fork: MAYFLY_E_FORKED in the child | signal no
 * Since:     0.1 */
MAYFLY_API int mayfly_chunks_next(mayfly_chunks *chunks, mayfly_chunk *ret, mayfly_error *error);

/* One line of JSON about a piece, as in the manifest, without a line end:
 *
 *     {"chunk": 1, "path": "/tmp/chunks_x/chunk_1.csv", "rows": 5000, "first_row": 1,
 *      "bytes": 81921, "offset": 86, "length": 81835, "header_offset": 0, "header_length": 86,
 *      "checksum": "blake2b-256:..."}
 *
 * A range has "input" in place of "path": its content is the header's range and then its own.
 * offset and length are null where records between were left out. Bytes of a path that are not
 * UTF-8 become \udc80 to \udcff, which Python's os.fsencode turns back.
 *
 * Ownership: the caller frees *ret.
 * Errors:    -ENOMEM
 * Safety:    thread any | fork any | signal no
 * Since:     0.1 */
MAYFLY_API int mayfly_chunk_json(const mayfly_chunk *chunk, char **ret, mayfly_error *error);

/* Removes one piece before the others, by its number. One that is gone is no error.
 *
 * Errors:    -ENOENT  there was no such piece; what unlinkat(2) says
 * Safety:    thread one-object | fork: MAYFLY_E_FORKED in the child | signal no
 * Since:     0.1 */
MAYFLY_API int mayfly_chunks_remove(mayfly_chunks *chunks, uint64_t number, mayfly_error *error);

/* The pieces and their directory stay: closing the handle leaves them, and the caller owns them.
 *
 * Errors:    MAYFLY_E_FORKED; -ENOTSUP pieces in memory
 * Safety:    thread one-object | fork: MAYFLY_E_FORKED in the child | signal no
 * Since:     0.1 */
MAYFLY_API int mayfly_chunks_keep(mayfly_chunks *chunks, mayfly_error *error);

/* The directory of the pieces; NULL if they are no files. Ownership: the handle's. Safety: thread
 * any | fork any | signal yes. Since: 0.1 */
MAYFLY_API const char *mayfly_chunks_dir(const mayfly_chunks *chunks);

/* Removes all pieces and frees the handle; NULL is accepted twice over. Errors: as
 * mayfly_dir_close. Safety: thread one-object | fork child-inert | signal no. Since: 0.1 */
MAYFLY_API int mayfly_chunks_close(mayfly_chunks **chunks, mayfly_error *error);
MAYFLY_API void mayfly_chunks_auto(mayfly_chunks **chunks);

/* ---- a function for each piece --------------------------------------------------------------- */

/* A job that failed for good. */
typedef struct mayfly_chunk_failure {
    const mayfly_chunk *chunk;
    uint32_t attempts;
    const mayfly_error *error; /* what the last attempt said */
} mayfly_chunk_failure;

/* What to do with the pieces. */
typedef struct mayfly_chunk_work {
    /* Works on a piece, in some thread, with a small stack. 0 or more: done, and *ret_result (NULL
     * before) goes to `done`; below 0: failed, and what it filled into *error is told. */
    int (*job)(const mayfly_chunk *chunk, void *user, void **ret_result, mayfly_error *error);
    /* Takes the results, in the order of the pieces, in the thread of the caller; or NULL. Below 0
     * ends the work with that code. */
    int (*done)(const mayfly_chunk *chunk, void *result, void *user, mayfly_error *error);
    /* Is told of a piece whose job failed for good, in its turn; or NULL. */
    void (*failed)(const mayfly_chunk_failure *failure, void *user);
    void *user;
    uint32_t jobs;    /* threads; 0: one for each processor, 64 at the most */
    uint32_t retries; /* how often a job that failed is tried again */
    bool keep_going;  /* a job that failed for good does not end the work */
    bool keep_pieces; /* pieces stay; else each is removed when it was used */
} mayfly_chunk_work;

typedef struct mayfly_chunk_result {
    uint64_t chunks, rows;
    uint64_t failed;  /* pieces */
    uint64_t retried; /* attempts after the first */
} mayfly_chunk_result;

/* Makes the pieces and runs a job on each, several at a time; at most two pieces for each job wait.
 *
 * ret        what was done, also when it fails; NULL: nobody wants to know
 *
 * Errors:    as mayfly_chunks_next; what `done` says; without keep_going the error of the first
 *            piece, in order, whose job failed for good. All jobs have ended when it returns, and
 *            results that `done` was not given are lost: a job that allocates should put what it
 *            makes where `user` finds it.
 *            -EINVAL no job; -EAGAIN no thread could be made
 * Safety:    thread one-object | fork: MAYFLY_E_FORKED in the child | signal no
 * Since:     0.1 */
#define mayfly_chunks_run(...) mayfly_chunks_run_sized(sizeof(mayfly_chunk_work), __VA_ARGS__)
MAYFLY_API int mayfly_chunks_run_sized(size_t work_size, mayfly_chunks *chunks,
                                       const mayfly_chunk_work *work, mayfly_chunk_result *ret,
                                       mayfly_error *error);

MAYFLY_END_DECLS

#endif
