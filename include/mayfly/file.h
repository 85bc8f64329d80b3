/* SPDX-License-Identifier: MIT
 *
 * Temporary files: one handle, whether the file has a name, has none, or is still in memory.
 *
 *     mayfly_auto(mayfly_file) file = NULL;
 *     mayfly_error error;
 *     if (mayfly_named_temporary_file(&(mayfly_file_options){.suffix = ".csv"}, &file, &error) < 0)
 *         return fprintf(stderr, "%s\n", error.message), 1;
 *     mayfly_file_write(file, "a,b\n", 4, NULL);
 *     mayfly_file_flush(file, NULL);           // now other programs see it, under
 *     puts(mayfly_file_path(file));            // this name
 *                                              // and it is gone when the scope ends
 *
 * Which constructor
 *   mayfly_temporary_file          no name at any time; nobody else can open it; nothing is left
 *                                  whatever happens. The first choice.
 *   mayfly_named_temporary_file    other programs open it by its name
 *   mayfly_spooled_temporary_file  in memory up to max_size, then on disk, without being noticed;
 *                                  without max_size a memory file
 *   mayfly_file_in_tempdir         has the name that you give, or name_1, name_2, ...
 *
 * Lifetime   A named file is removed when its handle is closed, or at the end of the process (exit
 *            or return from main), unless it is kept or persisted. Before it is removed, its
 *            device and inode are compared: a name that belongs to another file by now is left
 *            alone and reported. A forked child's copy of a handle removes nothing and loses what
 *            was not yet flushed by the parent.
 * Position   The handle has its own; a descriptor's offset is never used. So a fork, or a child
 *            process that inherits the descriptor, does not move it.
 * Failure    What was accepted stays. A write that fails has not happened: the position has not
 *            moved and the same write can be tried again. Until it has been tried again with
 *            success, persisting fails with the same code.
 * Text       A mode without "b" is text, as in Python: on this side UTF-8, in the file whatever
 *            encoding was asked for, with Python's newline translation. Positions of text
 *            files are byte offsets in the file: seek only to 0, to the end, or to what tell gave.
 */
#ifndef MAYFLY_FILE_H
#define MAYFLY_FILE_H

#include <mayfly/where.h>
#include <stdio.h>

MAYFLY_BEGIN_DECLS

typedef struct mayfly_file mayfly_file;

/* How much is gathered before it is written. A spool in memory has nothing to gather. */
typedef enum mayfly_buffering {
    MAYFLY_BUFFERING_DEFAULT = 0, /* writes smaller than 16 KiB are gathered */
    MAYFLY_BUFFERING_NONE,        /* each write is one write(2); binary files only */
    MAYFLY_BUFFERING_LINE,        /* flushed after a write that holds a '\n' */
} mayfly_buffering;

/* What a spool becomes when it outgrows max_size. */
typedef enum mayfly_roll {
    MAYFLY_ROLL_UNNAMED = 0, /* a file without a name, where `dir` and `place` say */
    MAYFLY_ROLL_NAMED,       /* a named file there */
    MAYFLY_ROLL_MEMORY,      /* a memfd: still in memory, with a descriptor to hand on */
} mayfly_roll;

/* Options of the constructors. Zero and NULL mean the default; all have tempfile's names where
 * tempfile has them. */
typedef struct mayfly_file_options {
    const char *mode;                 /* "w+b"; r, w, a or x, with + and b or t as in Python: a mode
                                         without b is text */
    const char *prefix;               /* "tmp"; no '/' */
    const char *suffix;               /* ""; no '/' */
    const char *dir;                  /* existing directory; NULL: as `place` says */
    mayfly_place place;               /* when dir is NULL */
    const char *near;                 /* for MAYFLY_PLACE_NEAR */
    const char *const *fallback_dirs; /* NULL-terminated, tried in order where the directory has
                                         no room, has vanished or may not be written; or NULL */
    uint32_t permissions;             /* 0: 0600; holds whatever the umask is */
    bool keep;                        /* tempfile's delete=False: not removed unless asked to */
    bool keep_on_close;               /* tempfile's delete_on_close=False: closing the descriptor
                                         leaves the file, the end of the handle removes it */
    bool secret;                      /* locked memory, on disk only encrypted; see below */
    mayfly_buffering buffering;
    const char *encoding; /* "utf-8"; any that iconv(3) knows; text only */
    const char *errors;   /* "strict"; or "replace", "ignore"; text only */
    const char *newline;  /* NULL, "", "\n", "\r" or "\r\n" as Python's open(); text
                             only. NULL: reading turns \r and \r\n into \n. "": lines
                             end where they do, nothing is turned. Else: lines end at
                             this, and writing turns \n into it */
    uint64_t max_size;    /* spool: bytes to hold in memory; 0: no limit */
    mayfly_roll roll_to;  /* spool */
    uint64_t max_bytes;   /* the file may not become larger (mayfly/quota.h); 0: no limit */
    bool sticky;          /* the mode has the sticky bit, so that systemd-tmpfiles leaves the file,
                             however old it is */
    unsigned random;      /* characters of the name that are random, 8 to 13 (-EINVAL); 0: 13 */
} mayfly_file_options;

/* secret (row F6). The content lies in memory that is locked (not swapped) and left out of core
 * dumps, and that the kernel itself cannot read where memfd_secret(2) is allowed. Past max_size,
 * when no memory can be locked, or when the file was asked for on disk, it is encrypted block by
 * block (XChaCha20-Poly1305, libsodium) with a random key that never leaves locked memory and is
 * wiped when the handle is closed: whatever is left on a disk, even after SIGKILL, is unreadable.
 * Such a file has no stream of plain bytes to hand on: mayfly_file_fd and mayfly_file_persist
 * give -ENOTSUP. What a text mode converts, and what a FILE gathers, passes through ordinary
 * memory: where that matters, use a binary mode and the calls of the handle. A forked child has
 * none of it, and can only close its copy. */

/* ---- making one ------------------------------------------------------------------------------ */

/* Creates a file without a name (row F1; tempfile.TemporaryFile): with O_TMPFILE, else, on file
 * systems that lack it, removed at once after its creation; mayfly_file_nameless tells which.
 *
 * options    NULL: all defaults
 * ret        receives the handle
 *
 * Ownership: the caller closes the handle.
 * Errors:    -EINVAL  an unknown mode, encoding, errors or newline, a text option with a
 *                     binary mode, MAYFLY_BUFFERING_NONE with text; prefix or suffix holds '/'
 *            -ENOTSUP `secret` in a library built without libsodium
 *            -EACCES, -ENOENT, -ENOTDIR, -ENOSPC, -EDQUOT, -EROFS, -EMFILE, ... as openat(2); the
 *                     message names the directory, and for want of room what is free
 *            MAYFLY_E_OPTION, -ENOMEM
 * Safety:    thread any | fork any | signal no
 * Since:     0.1 */
#define mayfly_temporary_file(...)                                                                 \
    mayfly_temporary_file_sized(sizeof(mayfly_file_options), __VA_ARGS__)
MAYFLY_API MAYFLY_MUST_CHECK int mayfly_temporary_file_sized(size_t options_size,
                                                             const mayfly_file_options *options,
                                                             mayfly_file **ret,
                                                             mayfly_error *error);

/* Creates a file with a name (row F2; tempfile.NamedTemporaryFile). Everything as above. */
#define mayfly_named_temporary_file(...)                                                           \
    mayfly_named_temporary_file_sized(sizeof(mayfly_file_options), __VA_ARGS__)
MAYFLY_API MAYFLY_MUST_CHECK int
mayfly_named_temporary_file_sized(size_t options_size, const mayfly_file_options *options,
                                  mayfly_file **ret, mayfly_error *error);

/* Creates a file in memory that moves to disk when it outgrows max_size (rows F4 and F7;
 * tempfile.SpooledTemporaryFile, io.BytesIO, io.StringIO). No system call is made, and neither a
 * directory nor prefix and suffix are looked at, before that. Everything as above. */
#define mayfly_spooled_temporary_file(...)                                                         \
    mayfly_spooled_temporary_file_sized(sizeof(mayfly_file_options), __VA_ARGS__)
MAYFLY_API MAYFLY_MUST_CHECK int
mayfly_spooled_temporary_file_sized(size_t options_size, const mayfly_file_options *options,
                                    mayfly_file **ret, mayfly_error *error);

/* Creates a file called `name` in the temporary directory; where that is taken, name_1.ext,
 * name_2.ext, ... (row F5). Whether a name is free is found out by creating it.
 *
 * name       one file name; options' prefix and suffix must be NULL
 *
 * Errors:    -EEXIST  10,000 names were all taken; else as above
 * Everything else as above. */
#define mayfly_file_in_tempdir(...)                                                                \
    mayfly_file_in_tempdir_sized(sizeof(mayfly_file_options), __VA_ARGS__)
MAYFLY_API MAYFLY_MUST_CHECK int mayfly_file_in_tempdir_sized(size_t options_size, const char *name,
                                                              const mayfly_file_options *options,
                                                              mayfly_file **ret,
                                                              mayfly_error *error);

/* Ends the handle: flushes, removes the name unless it is kept, closes the descriptor, frees.
 *
 * file       the address of the handle, which becomes NULL in every case; NULL twice over is fine
 *
 * Errors:    the first that went wrong, all of the above being done all the same:
 *            a write that failed and was not repeated with success (its code)
 *            -EIO                     something that was printed to its stream was lost
 *            -ENOSPC, -EDQUOT, -EIO   what had been gathered could not be written
 *            MAYFLY_E_REPLACED        another file has the name by now: not removed
 *            what unlinkat(2) and close(2) say
 * A file that is gone already is no error.
 * Safety:    thread one-object | fork child-inert | signal no
 * Since:     0.1 */
MAYFLY_API int mayfly_file_close(mayfly_file **file, mayfly_error *error);
MAYFLY_API void mayfly_file_auto(mayfly_file **file);

/* ---- content --------------------------------------------------------------------------------- */

/* Reads up to `size` bytes from the position on; fewer only at the end of the file.
 *
 * Returns the number of bytes, 0 at the end. Text files: bytes of UTF-8, whole characters; `size`
 * must be 4 at least.
 * Errors:    -EBADF  the mode does not read, or the descriptor is closed
 *            -EILSEQ text that is not of the encoding (errors = "strict"): offset in the error
 *            -EIO, -ENOMEM; -EINVAL `size` below 4 in a text file
 *            MAYFLY_E_SYNTAX  a secret file was altered on disk
 * Safety:    thread one-object | fork any | signal no
 * Since:     0.1 */
MAYFLY_API int64_t mayfly_file_read(mayfly_file *file, void *data, size_t size,
                                    mayfly_error *error);

/* Writes all of `size` bytes at the position, or at the end with mode "a".
 * Text files: `data` is UTF-8; a character may be split between two calls.
 *
 * Returns 0; on failure nothing of this call counts and it can be made again.
 * Errors:    -EBADF  the mode does not write, or the descriptor is closed
 *            -ENOSPC, -EDQUOT, -EFBIG, -EIO   the message says directory, file system, free space
 *            -EILSEQ no UTF-8, or a character that the encoding lacks (errors = "strict"); the
 *                    offset is that in `data`
 *            -ENOMEM
 *            MAYFLY_E_FORKED in a forked child, whose writes would undo the parent's
 * Safety:    thread one-object | fork: MAYFLY_E_FORKED in the child | signal no
 * Since:     0.1 */
MAYFLY_API int mayfly_file_write(mayfly_file *file, const void *data, size_t size,
                                 mayfly_error *error);

/* A piece of memory, for vectored I/O; as struct iovec. */
typedef struct mayfly_slice {
    void *data;
    size_t size;
} mayfly_slice;

/* The same over several pieces in one go: all or nothing. Errors: as read and write.
 * Safety: as read and write. Since: 0.1 */
MAYFLY_API int64_t mayfly_file_readv(mayfly_file *file, const mayfly_slice *slices, size_t count,
                                     mayfly_error *error);
MAYFLY_API int mayfly_file_writev(mayfly_file *file, const mayfly_slice *slices, size_t count,
                                  mayfly_error *error);

/* The same at a given offset in bytes, leaving the position where it is. Binary files only
 * (-EINVAL); writing with mode "a" still appends. Errors: as read and write.
 * Safety: as read and write. Since: 0.1 */
MAYFLY_API int64_t mayfly_file_pread(mayfly_file *file, void *data, size_t size, int64_t offset,
                                     mayfly_error *error);
MAYFLY_API int mayfly_file_pwrite(mayfly_file *file, const void *data, size_t size, int64_t offset,
                                  mayfly_error *error);

/* Reads a line with its end, like getline(3).
 *
 * line       *line is grown as needed, starting from NULL or malloc'ed memory; NUL-terminated
 * capacity   the size of *line
 * Returns the length, 0 at the end of the file.
 *
 * Ownership: the caller frees *line, also after an error.
 * Errors:    as mayfly_file_read
 * Safety:    thread one-object | fork any | signal no
 * Since:     0.1 */
MAYFLY_API int64_t mayfly_file_read_line(mayfly_file *file, char **line, size_t *capacity,
                                         mayfly_error *error);

/* Reads from the position to the end, into new memory with a NUL after it.
 *
 * Ownership: the caller frees *ret.
 * Errors:    as mayfly_file_read
 * Safety:    thread one-object | fork any | signal no
 * Since:     0.1 */
MAYFLY_API int mayfly_file_read_all(mayfly_file *file, char **ret, size_t *ret_size,
                                    mayfly_error *error);

/* Moves the position: whence is SEEK_SET, SEEK_CUR or SEEK_END. Beyond the end is allowed; what
 * lies between reads as zeros once something is written there.
 *
 * Returns the new position.
 * Errors:    -EINVAL  before the start; in text files another move than to 0, to the end (offset
 *                     0), to here (SEEK_CUR, 0) or to what mayfly_file_tell gave
 *            what flushing says
 * Safety:    thread one-object | fork any | signal no
 * Since:     0.1 */
MAYFLY_API int64_t mayfly_file_seek(mayfly_file *file, int64_t offset, int whence,
                                    mayfly_error *error);

/* Returns the position. Text files: what to give to seek. Errors: -EBADF; text: what flushing says
 * Safety: thread one-object | fork any | signal no. Since: 0.1 */
MAYFLY_API int64_t mayfly_file_tell(mayfly_file *file, mayfly_error *error);

/* Cuts or extends the file to `size` bytes; -1: to the position. The position stays.
 *
 * Errors:    as mayfly_file_write
 * Safety:    as mayfly_file_write
 * Since:     0.1 */
MAYFLY_API int mayfly_file_truncate(mayfly_file *file, int64_t size, mayfly_error *error);

/* Hands what was gathered to the system, so that other programs see it.
 *
 * Errors:    as mayfly_file_write; what could not be written stays gathered. -EIO where something
 *            that was printed to the file's stream was not written (mayfly_file_stream)
 * Safety:    thread one-object | fork: nothing to do in the child | signal no
 * Since:     0.1 */
MAYFLY_API int mayfly_file_flush(mayfly_file *file, mayfly_error *error);

/* Flushes and has the system put it on the disk (fsync(2)). A spool in memory has no disk: 0.
 *
 * Errors:    as flush; -EIO
 * Safety:    as flush
 * Since:     0.1 */
MAYFLY_API int mayfly_file_sync(mayfly_file *file, mayfly_error *error);

/* Returns the size in bytes with what was gathered. Errors: -EBADF, -EIO.
 * Safety: thread one-object | fork any | signal no. Since: 0.1 */
MAYFLY_API int64_t mayfly_file_size(mayfly_file *file, mayfly_error *error);

/* Returns the descriptor, after flushing and setting its offset to the position. A spool in memory
 * rolls over to have one. What is done with it afterwards the handle sees in the content, not in
 * its position.
 *
 * Ownership: the handle's; dup(2) it to keep it.
 * Errors:    -ENOTSUP  a secret file; -EBADF; what rolling over says
 * Safety:    thread one-object | fork any | signal no
 * Since:     0.1 */
MAYFLY_API int mayfly_file_fd(mayfly_file *file, mayfly_error *error);

/* Gives a FILE over the file, so that fprintf, getline and fscanf work: over a binary file on disk
 * with a descriptor of its own (fileno(3) works), over a spool, a secret or a text file through
 * the handle (a spool then rolls over as ever). One a file; the second call gives the same.
 * Mixed with calls on the handle each goes on where the other was; after persisting it goes on in
 * the target, whichever way that came to be.
 *
 * stdio forgets what it could not write, and says so by ferror(3) only. As long as that is set,
 * flushing, persisting and closing a file that is written fail with -EIO; clearerr(3) and rewind(3)
 * take it back, for who has printed it again.
 *
 * Ownership: the handle's, closed with it; do not fclose it.
 * Errors:    -ENOMEM, -EMFILE, -EBADF
 * Safety:    thread one-object | fork: read only in the child | signal no
 * Since:     0.1 */
MAYFLY_API int mayfly_file_stream(mayfly_file *file, FILE **ret, mayfly_error *error);

/* ---- name and lifetime ----------------------------------------------------------------------- */

/* The absolute path, or NULL where there is none: without a name, in memory, removed. After
 * persisting, the target's. Ownership: the handle's, until the next call that changes it.
 * Safety: thread one-object | fork any | signal no. Since: 0.1 */
MAYFLY_API const char *mayfly_file_path(const mayfly_file *file);

/* true: it never had a name (O_TMPFILE, a memfd, memory). A file from mayfly_temporary_file for
 * which this is false had one for an instant, because the file system knows no other way.
 * Safety: thread one-object | fork any | signal no. Since: 0.1 */
MAYFLY_API bool mayfly_file_nameless(const mayfly_file *file);

/* Whether a spool has left the memory; true for other files.
 * Safety: thread one-object | fork any | signal no. Since: 0.1 */
MAYFLY_API bool mayfly_file_rolled(const mayfly_file *file);

/* Moves a spool to disk now. For other files nothing is to be done: 0. Until the copy is complete
 * the memory stays what counts: after a failure nothing is lost and the spool goes on in memory.
 *
 * Errors:    as the constructors'; -ENOSPC, -EDQUOT, -EFBIG, -EIO
 * Safety:    thread one-object | fork: MAYFLY_E_FORKED in the child | signal no
 * Since:     0.1 */
MAYFLY_API int mayfly_file_rollover(mayfly_file *file, mayfly_error *error);

/* Not removed from now on; removed again from now on. At any time.
 *
 * Errors:    -ENOENT  it has no name (keep)
 *            MAYFLY_E_FORKED
 * Safety:    thread one-object | fork: MAYFLY_E_FORKED in the child | signal no
 * Since:     0.1 */
MAYFLY_API int mayfly_file_keep(mayfly_file *file, mayfly_error *error);
MAYFLY_API int mayfly_file_unkeep(mayfly_file *file, mayfly_error *error);

/* Closes the descriptor and keeps the handle: what tempfile's close() does. The file is removed
 * now, unless it is kept or was made with keep_on_close; then it is there under its name until the
 * handle is closed.
 *
 * Errors:    as mayfly_file_close
 * Safety:    thread one-object | fork child-inert | signal no
 * Since:     0.1 */
MAYFLY_API int mayfly_file_close_descriptor(mayfly_file *file, mayfly_error *error);

/* Opens a file that is closed but still there again, at its start, with the mode it was made with
 * (without truncating).
 *
 * Errors:    MAYFLY_E_VANISHED  there is no such name; MAYFLY_E_REPLACED another file has it
 *            -EBUSY it is open; as open(2)
 * Safety:    thread one-object | fork any | signal no
 * Since:     0.1 */
MAYFLY_API int mayfly_file_reopen(mayfly_file *file, mayfly_error *error);

/* ---- making it permanent --------------------------------------------------------------------- */

enum {
    MAYFLY_NOCLOBBER = 1u << 0,   /* fail with -EEXIST if the target exists */
    MAYFLY_DURABLE = 1u << 1,     /* content, then directory entry, are on the disk (fsync(2)) */
    MAYFLY_ATOMIC_ONLY = 1u << 2, /* -EXDEV rather than a copy to another file system */
    MAYFLY_PRESERVE = 1u << 3,    /* owner, mode, ACL and extended attributes of a replaced target,
                                     or fail */
    MAYFLY_PRESERVE_BEST = 1u << 4, /* as many of them as this user may set */
    MAYFLY_CONSISTENT = 1u << 5,    /* the content is on the disk before the target has it */
};

/* How a file came to its permanent name. */
typedef enum mayfly_persist_path {
    MAYFLY_PERSIST_RENAMED = 1,  /* one rename(2) */
    MAYFLY_PERSIST_LINKED,       /* linked: no name before, and the target did not exist */
    MAYFLY_PERSIST_LINK_RENAMED, /* linked beside the target, then renamed over it */
    MAYFLY_PERSIST_COPIED,       /* copied beside the target, synced, then renamed: another file
                                    system, or a file without an inode to link */
    MAYFLY_PERSIST_REFLINKED,    /* the same, the blocks being shared */
} mayfly_persist_path;

typedef struct mayfly_persist_result {
    mayfly_persist_path path;
    bool replaced;  /* there was a target before */
    bool durable;   /* content and directory entry were synced */
    bool preserved; /* with MAYFLY_PRESERVE_BEST: nothing had to be left out */
} mayfly_persist_result;

/* Gives the file a permanent name. Readers of the target see its old content or the new one, never
 * a mix and never none. The new file is never open to more users than the old target was: its
 * mode is the file's own (see `permissions`), less what the old target did not allow, or with
 * MAYFLY_PRESERVE the target's. A target that is a symbolic link is itself replaced.
 *
 * Afterwards the handle is kept, stands for the target and can be used on. So does a descriptor
 * that mayfly_file_fd gave.
 *
 * target     a path, relative ones to the working directory of now
 * flags      MAYFLY_NOCLOBBER, ... ; 0
 * ret        tells how it was done; NULL: not wanted
 *
 * Errors:    on failure the target is what it was and the file is still temporary
 *            the code of a write that failed and was not repeated; -EIO if it was the stream's
 *            -EEXIST             MAYFLY_NOCLOBBER and the target exists
 *            -EXDEV              MAYFLY_ATOMIC_ONLY and another file system
 *            MAYFLY_E_VANISHED   the file is no longer under its name
 *            MAYFLY_E_REPLACED   another file has its name
 *            -EPERM, -EACCES     MAYFLY_PRESERVE and not all can be set; the message says what
 *            -EISDIR             the target is a directory
 *            -EINVAL             it is a device, a pipe or a socket, or a link to one or to a
 *                                descriptor (/dev/stdout); or there is no file's name
 *            -ENOTSUP            a secret file
 *            -ENOSPC, -EDQUOT, -EIO, -EROFS, -ENOENT, ... ; MAYFLY_E_FORKED
 *            With MAYFLY_DURABLE, a failing fsync(2) of the directory is returned although the
 *            new name stands: it may not survive a power cut
 * Safety:    thread one-object | fork: MAYFLY_E_FORKED in the child | signal no
 * Since:     0.1 */
#define mayfly_file_persist(...)                                                                   \
    mayfly_file_persist_sized(sizeof(mayfly_persist_result), __VA_ARGS__)
MAYFLY_API MAYFLY_MUST_CHECK int mayfly_file_persist_sized(size_t result_size, mayfly_file *file,
                                                           const char *target, unsigned flags,
                                                           mayfly_persist_result *ret,
                                                           mayfly_error *error);

MAYFLY_END_DECLS

#endif
