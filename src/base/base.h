/* SPDX-License-Identifier: MIT
 *
 * What every room stands on: failing, memory, options, paths, randomness, processes.
 */
#ifndef MFI_BASE_H
#define MFI_BASE_H

#include <errno.h>
#include <mayfly/error.h>
#include <mayfly/trust.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "sys.h"

#define MFI_PRINTF(text, first) __attribute__((format(printf, text, first)))
#define MFI_LENGTH(array)       (sizeof(array) / sizeof *(array))

/* ---- failing (error.c) ---------------------------------------------------------------------- */

/* Fills in *error (NULL: nothing) and returns `code`, so that a failing path is one line:
 *
 *     return mfi_fail(error, r, "openat", path, "%s; choose another directory", why);
 *
 * The message becomes "<operation> \"<path>\": <formatted sentence>". A NULL format gives the
 * text of the code. */
int mfi_fail(mayfly_error *error, int code, const char *operation, const char *path,
             const char *format, ...) MFI_PRINTF(5, 6);

/* The same with the place in the input: "<operation> \"<path>\": byte <offset>: ...". */
int mfi_fail_at(mayfly_error *error, int code, const char *operation, const char *path,
                int64_t offset, const char *format, ...) MFI_PRINTF(6, 7);

/* Out of memory, for a request of `size` bytes. Returns -ENOMEM. */
int mfi_fail_memory(mayfly_error *error, size_t size);

/* The failure of a system call on `path` in directory `fd` (or -1): says for ENOSPC, EDQUOT and
 * EFBIG the file system and what is free, for other codes the text and, where one is known, the way
 * out. */
int mfi_fail_call(mayfly_error *error, int code, const char *operation, const char *path, int fd);

/* ---- scope-bound cleaning: the reason why no function here has a label ---------------------- */

#define mfi_auto_fd   __attribute__((cleanup(mfi_close_fd))) int
#define mfi_auto_free __attribute__((cleanup(mfi_free_at)))

void mfi_close_fd(const int *fd);   /* closes *fd if it is not negative */
void mfi_free_at(void *pointer_at); /* frees what the pointer there points to */

static inline int mfi_take_fd(int *fd) {
    int taken = *fd;
    *fd = -1;
    return taken;
}

static inline void *mfi_take_pointer(void *pointer_at) {
    void *taken = NULL;
    void *const none = NULL;
    memcpy(&taken, pointer_at, sizeof taken);
    memcpy(pointer_at, &none, sizeof none);
    return taken;
}

#define mfi_take(variable) ((__typeof__(variable))mfi_take_pointer(&(variable)))

/* ---- memory (memory.c) ---------------------------------------------------------------------- */

/* A growing text or byte buffer. After a failed append it is unchanged. */
struct mfi_buffer {
    char *data; /* NUL after size bytes once something was appended */
    size_t size;
    size_t capacity;
};

#define mfi_auto_buffer __attribute__((cleanup(mfi_buffer_free))) struct mfi_buffer

int mfi_buffer_append(struct mfi_buffer *buffer, const void *data, size_t size); /* 0 or -ENOMEM */
int mfi_buffer_reserve(struct mfi_buffer *buffer, size_t more);                  /* 0 or -ENOMEM */
void mfi_buffer_free(struct mfi_buffer *buffer);

char *mfi_strdup(const char *text);                         /* NULL: no memory */
char *mfi_format(const char *format, ...) MFI_PRINTF(1, 2); /* NULL: no memory */

/* Copies an options struct of `given` bytes, as the caller was compiled with, into one of `known`
 * bytes: what an older caller lacks is zero, what a newer one has must be zero.
 * A NULL source is all defaults. Returns 0 or MAYFLY_E_OPTION with the error filled in. */
int mfi_options_import(void *to, size_t known, const void *from, size_t given,
                       const char *operation, mayfly_error *error);

/* ---- paths (path.c) ------------------------------------------------------------------------- */

/* 0, or -EINVAL with a sentence: `part` ("prefix", "suffix", "name") is to become (a part of) one
 * file name: no separator, and not longer than a name can be. NULL is fine. */
int mfi_check_name_part(const char *part, const char *value, mayfly_error *error);

/* The same for a whole name: also not "", "." or "..". */
int mfi_check_name(const char *name, mayfly_error *error);

/* The absolute form of a path, by the working directory of now; nothing is resolved.
 * Returns 0 and a new string, or -ENOMEM, or what getcwd says. */
int mfi_absolute(const char *path, char **ret, mayfly_error *error);

/* Opens the directory in which `path` lies, following links as the kernel does, and gives the
 * last component: "/a/b" -> "/a", "b"; "b" -> ".", "b". A trailing slash is EINVAL.
 * `base` points into `path`. Returns a descriptor (O_PATH) that the caller closes. */
int mfi_open_parent(const char *path, const char **ret_base, mayfly_error *error);

/* Whether a file may take the place of what `name` in the directory `dir` is, by its `st`. -EINVAL
 * with a sentence: it is a device, a pipe or a socket, or a link that leads to one or to somebody's
 * descriptor (/dev/stdout), which a file would stand in for from then on. */
int mfi_check_replaced(int dir, const char *name, const struct stat *st, const char *operation,
                       const char *path, mayfly_error *error);

/* Calls `visit` for each entry of an open directory, from its start, but not for "." and ".."; a
 * result other than 0 ends that and is returned. Moves the descriptor's offset. */
int mfi_each_entry(int fd, int (*visit)(const struct mfi_dirent *entry, void *context),
                   void *context);

/* ---- randomness (random.c) ------------------------------------------------------------------ */

enum { MFI_NAME_RANDOM = 13 }; /* characters: 13 of 32 are 65 bits */

/* Fills `data` from this thread's pool of the kernel's random bytes; what is handed out is wiped
 * from the pool, and a forked child starts with an empty one. 0 or -errno (no source at all). */
/* Memory of huge pages (pages.c), of 2, 4 or 8 MiB, not zeroed. NULL: no memory. Some of what is
 * freed is kept for the next. */
enum { MFI_HUGE = 2 << 20, MFI_HUGE_MOST = 8 << 20 };
size_t mfi_pages_size(size_t least); /* the smallest that has room; 0: there is none */
void *mfi_pages_alloc(size_t size);
void mfi_pages_free(void *memory, size_t size);
/* realloc(3) and free(3) for an array whose sizes are powers of two: of such pages where it is as
 * large as these are, else from malloc(3). */
void *mfi_pages_resize(void *old, size_t old_size, size_t size);
void mfi_pages_release(void *memory, size_t size);
/* Says of memory from malloc(3) that it will be used as a whole. */
void mfi_pages_advise(void *memory, size_t size);

int mfi_random(void *data, size_t size);

/* Writes MFI_NAME_RANDOM random characters, lower case so that they stay different on
 * file systems that fold case. No NUL. */
int mfi_random_name(char *to);

/* ---- processes (process.c) ------------------------------------------------------------------ */

/* A number that differs between a process and every process forked from it, by fork(2), by
 * clone(2) or by a library that does not call fork handlers; without a system call. Never 0. */

/* Where the number lies (process.c); NULL until it was first asked for. */
extern _Atomic(uint64_t) *_Atomic mfi_process_word;
uint64_t mfi_process_slowly(void);

static inline uint64_t mfi_process(void) {
    _Atomic(uint64_t) *word = atomic_load_explicit(&mfi_process_word, memory_order_acquire);
    const uint64_t mine = word == NULL ? 0 : atomic_load_explicit(word, memory_order_acquire);
    return mine != 0 ? mine : mfi_process_slowly();
}

/* A lock that survives a fork (lock.c). All zero: free. */
struct mfi_lock {
    _Atomic uint64_t holder;
};

void mfi_lock_take(struct mfi_lock *lock);
void mfi_lock_give(struct mfi_lock *lock);

/* What the kernel tells (proc.c). Nothing known: "", 0. */
enum { MFI_BOOT_ID = 40 };
void mfi_boot_id(char *to);            /* of the running system; MFI_BOOT_ID bytes */
uint64_t mfi_process_started(int pid); /* in clock ticks since boot, which tells recycled pids
                                          apart; of one that is ending or a zombie 0 */
void mfi_process_command(int pid, char *to, size_t size); /* its arguments, parted by blanks */

/* Calls `visit` for each descriptor that is open, with what it is open on, as the system names it;
 * a result other than 0 ends that and is returned. -errno: they cannot be listed. */
int mfi_each_descriptor(int (*visit)(const char *target, void *context), void *context);

/* The umask, without setting it, which is every thread's; 077 where it cannot be known. */
uint32_t mfi_umask(void);

/* ---- scanning (marks.c, scan.c, utf8.c) ------------------------------------------------------ */

/* Where the bytes that matter stand among 64: bit i is byte i. */
struct mfi_marks {
    uint64_t quote, delimiter, lf, cr;
    uint64_t parity; /* whether the quotes up to the byte, with it, are odd in number */
};

/* Fills in the marks of `blocks` times 64 bytes. */
typedef void mfi_marker(const char *data, size_t blocks, char quote, char delimiter,
                        struct mfi_marks *ret);

/* The ways to do so, the best first, those that this processor lacks left out; the last one works
 * everywhere. `index` from 0; NULL after the last. */
mfi_marker *mfi_marker_at(size_t index, const char **ret_name);

/* What stands before the next byte. */
enum mfi_scan_state {
    MFI_SCAN_START,  /* a record begins */
    MFI_SCAN_FIELD,  /* a field begins */
    MFI_SCAN_TEXT,   /* within a field without quotes */
    MFI_SCAN_QUOTED, /* within quotes */
    MFI_SCAN_QUOTE,  /* after a quote within quotes: the closing one, or the first of two */
};

enum mfi_scan_result {
    MFI_SCAN_MORE,  /* all was looked at that can be without what follows */
    MFI_SCAN_FULL,  /* as many records as were asked for */
    MFI_SCAN_LONG,  /* the record at `start` is longer than allowed; excused, it goes on */
    MFI_SCAN_STRAY, /* at `at` stands something behind a closing quote */
};

/* A scan for the ends of records. Positions are indices into the data. */
struct mfi_scan {
    mfi_marker *marker;
    char quote, delimiter;
    bool quotes;      /* quotes count */
    bool cr_ends;     /* a '\r' without '\n' ends a record, too */
    bool blank_lines; /* are records */
    bool strict;      /* stops at what stands behind a closing quote; otherwise it is text */
    size_t longest;   /* bytes of a record with its end */

    enum mfi_scan_state state;
    bool excused;     /* the record at `start` may be longer */
    size_t at;        /* the next byte to look at */
    size_t start;     /* of the record that `at` is in */
    uint64_t records; /* that have ended, but blank lines */
};

/* Scans on, until `most` records have ended in all. `last`: nothing follows. A trailing '\r' is not
 * looked at before it is known whether '\n' follows. */
enum mfi_scan_result mfi_scan(struct mfi_scan *scan, const char *data, size_t size, uint64_t most,
                              bool last);

/* Of UTF-8 (RFC 3629) alone and of ASCII: */
enum {
    MFI_SURROGATES = 1, /* lone surrogates are characters, too */
    MFI_STOP_AT_CR = 2
};
/* How many bytes at the start are whole characters. */
size_t mfi_utf8_run(const char *data, size_t size, unsigned flags);
size_t mfi_ascii_run(const char *data, size_t size, unsigned flags);
/* The length that a first byte announces, and the range of the byte after it, which is where
 * overlong forms, surrogates and what is beyond the end are told (Unicode 15, table 3-7); 0: no
 * first byte. */
size_t mfi_utf8_announced(unsigned char first, unsigned char *low, unsigned char *high);
/* A character, or a lone surrogate, in up to 4 bytes; gives how many. */
size_t mfi_put_utf8(uint32_t point, char *out);

/* ---- users and environment (user.c) --------------------------------------------------------- */

void mfi_user_name(uint32_t uid, char *name, size_t size); /* the number where there is no name */
char *mfi_user_home(uint32_t uid);                         /* new memory; NULL: not known */

/* Whether this process has rights that its caller lacks (set-user-ID and the like). */
int mfi_privileged(void);

/* The value, or NULL where there is none, where it is empty, and in a privileged process. */
const char *mfi_getenv(const char *name);

/* ---- whose word a file is (trust.c) ---------------------------------------------------------- */

/* mayfly_trust_open in a directory; `path` is for errors, as all of it. Gives what fstat said. */
int mfi_trust_openat(int dir, const char *name, const char *path, const mayfly_trust_options *how,
                     struct stat *ret, mayfly_error *error);

/* The rule itself. */
int mfi_trust_stat(const struct stat *st, const char *path, const mayfly_trust_options *how,
                   mayfly_error *error);

/* ---- stdio's buffers (stdio.c) --------------------------------------------------------------- */

/* The stream that stdio has for the descriptor 1 or 2. Between the two, no other thread prints to
 * it. */
void mfi_stdio_lock(int fd);
void mfi_stdio_unlock(int fd);

/* Writes what is gathered. 0 or -errno; then it is still there, and ferror(3) as it was. */
int mfi_stdio_flush(int fd);

/* Forgets what is gathered. */
void mfi_stdio_forget(int fd);

/* Its descriptor is a terminal and is to become something else for a while: has it flush lines then
 * and afterwards, even if its first text is printed in between. */
void mfi_stdio_keep_lines(int fd);

/* ---- numbers -------------------------------------------------------------------------------- */

/* Both halves of the product of two numbers, one laid upon the other (exclusive or). */
static inline uint64_t mfi_fold(uint64_t a, uint64_t b) {
#ifdef __SIZEOF_INT128__
    const unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
#else
    const uint64_t low = (a & 0xffffffff) * (b & 0xffffffff);
    const uint64_t one = (a >> 32) * (b & 0xffffffff) + (low >> 32);
    const uint64_t two = (a & 0xffffffff) * (b >> 32) + (one & 0xffffffff);
    const uint64_t high = (a >> 32) * (b >> 32) + (one >> 32) + (two >> 32);
    return high ^ (two << 32 | (low & 0xffffffff));
#endif
}

/* ---- results -------------------------------------------------------------------------------- */

/* Closes with the result that mattered first: keeps `first` if it failed. */
static inline int mfi_first(int first, int then) {
    return first < 0 ? first : (then < 0 ? then : first);
}

#endif
