/* SPDX-License-Identifier: MIT
 *
 * The inside of a mayfly_file, for the sources of this room.
 *
 * Layers, each knowing only the one below
 *   stream.c   FILE *
 *   text.c     characters, encodings, newlines
 *   raw.c      bytes at the position, gathered in a window
 *   store.c    bytes at offsets: memory, disk, locked, encrypted
 */
#ifndef MFI_TEMP_FILE_H
#define MFI_TEMP_FILE_H

#include <mayfly/file.h>
#include <stdio.h>

#include "../keep/keep.h"
#include "store.h"

enum { MFI_WINDOW = 16384 }; /* bytes gathered or read ahead */

enum mfi_file_flag {
    MFI_READABLE = 1u << 0,
    MFI_WRITABLE = 1u << 1,
    MFI_APPEND = 1u << 2,
    MFI_TEXT = 1u << 3,
    MFI_UNBUFFERED = 1u << 4,
    MFI_LINE_BUFFERED = 1u << 5,
    MFI_SPOOL = 1u << 6,          /* made as a spool */
    MFI_ROLLED = 1u << 7,         /* ... and no longer in memory */
    MFI_NAMELESS = 1u << 8,       /* has never had a name */
    MFI_KEEP = 1u << 9,           /* not removed */
    MFI_KEEP_ON_CLOSE = 1u << 10, /* closing the descriptor does not remove */
    MFI_SECRET = 1u << 11,
    MFI_DIRTY = 1u << 12,    /* the window holds bytes that are not in the store */
    MFI_FD_SHOWN = 1u << 13, /* somebody may hold the descriptor: it must not be swapped */
};

struct mfi_account; /* quota.h */
struct mfi_text;    /* text.c */
struct mfi_stream;  /* stream.c */

struct mayfly_file {
    union mfi_any_store store;
    uint32_t flags; /* enum mfi_file_flag */
    uint32_t permissions;
    int64_t position;
    uint64_t max_size;
    uint64_t process; /* mfi_process() at creation: another one is a forked child */

    /* the window: bytes [window_at, window_at + window_size) of the file; of a secret one in locked
     * memory */
    char *window;
    size_t window_size;
    int64_t window_at;

    /* a write that failed and was not yet repeated with success */
    int failed_code;
    int64_t failed_at;
    size_t failed_size;

    struct mfi_account *account; /* quota.h; NULL: it has no limit */
    struct mfi_slot *slot;       /* its name, while it has one */
    char *path;
    struct mfi_request
        *later;  /* where a spool rolls to, and an unnamed file moves; NULL: default */
    size_t site; /* in which of the directories of `later` it is (request.c) */
    mayfly_roll roll_to;
    struct mfi_text *text;
    struct mfi_stream *stream;
};

/* ---- file.c */

/* Before an operation: open, allowed by the mode (MFI_READABLE, MFI_WRITABLE or 0), not in a
 * forked child if it writes; and what a stream holds is handed over. */
int mfi_file_enter(mayfly_file *file, uint32_t need, const char *operation, mayfly_error *error);

/* After it: a stream goes on at the new position. */
int mfi_file_leave(mayfly_file *file, mayfly_error *error);

/* Settles text and flushes the window. Nothing in a forked child. */
int mfi_file_settle(mayfly_file *file, int final, mayfly_error *error);

/* ---- open.c */

/* The mode that the options ask for. */
uint32_t mfi_file_permissions(const mayfly_file_options *options);

/* Makes a handle from options that were imported; nothing is opened. */
int mfi_file_new(const mayfly_file_options *options, mayfly_file **ret, mayfly_error *error);

/* Frees a handle and what is in it; the store is closed, the name left. */
void mfi_file_free(mayfly_file *file);

/* Closes the store; in a forked child without what is not there. */
int mfi_file_close_store(mayfly_file *file);

/* ---- stream.c */

int mfi_stream_enter(mayfly_file *file, mayfly_error *error);
int mfi_stream_leave(mayfly_file *file, mayfly_error *error);
int mfi_stream_close(mayfly_file *file, int discard, mayfly_error *error);

/* 0, or -EIO: something that was printed was lost, as ferror(3) tells of the stream. */
int mfi_stream_check(const mayfly_file *file, mayfly_error *error);

/* `fd` is what the file is from now on. */
void mfi_stream_follow(const mayfly_file *file, int fd);

/* ---- raw.c: bytes at the position, whatever the mode is; the callers have checked mode and fork
 */

int64_t mfi_raw_read(mayfly_file *file, void *data, size_t size, mayfly_error *error);
int mfi_raw_write(mayfly_file *file, const void *data, size_t size, mayfly_error *error);
int mfi_raw_flush(mayfly_file *file, mayfly_error *error);
int64_t mfi_raw_size(mayfly_file *file, mayfly_error *error);
int mfi_raw_truncate(mayfly_file *file, int64_t size, mayfly_error *error);
void mfi_raw_forget(mayfly_file *file); /* drops what was read ahead */

/* What messages call the file: its path, or "unnamed file in memory" and the like. Never NULL. */
const char *mfi_file_label(const mayfly_file *file);

/* ---- text.c: only for files with MFI_TEXT */

/* Checks the text options and makes file->text. -EINVAL with a sentence, -ENOMEM. */
int mfi_text_open(mayfly_file *file, const mayfly_file_options *options, mayfly_error *error);
void mfi_text_close(mayfly_file *file); /* frees; nothing is flushed */

int64_t mfi_text_read(mayfly_file *file, char *data, size_t size, mayfly_error *error);
int mfi_text_write(mayfly_file *file, const char *data, size_t size, mayfly_error *error);
int64_t mfi_text_read_line(mayfly_file *file, char **line, size_t *capacity, mayfly_error *error);
int64_t mfi_text_seek(mayfly_file *file, int64_t offset, int whence, mayfly_error *error);
int64_t mfi_text_tell(mayfly_file *file, mayfly_error *error);

/* Reads over `size` bytes of UTF-8. Returns the position after them, as tell does. */
int64_t mfi_text_skip(mayfly_file *file, int64_t size, mayfly_error *error);

/* Encodes what is still held (the first bytes of a character that was split between two writes is
 * an error -EILSEQ when `final`) and forgets what was decoded ahead, moving file->position to where
 * the reader is. Called before anything else looks at the bytes: flush, truncate, size, fd, close.
 */
int mfi_text_settle(mayfly_file *file, int final, mayfly_error *error);

#endif
