/* SPDX-License-Identifier: MIT
 *
 * The one table of system calls and allocations. Everything above base goes through it.
 *
 * Each entry returns what the call returns, or -errno; NULL for memory. Nothing looks at errno
 * above this table. EINTR is dealt with here where a repetition is right.
 *
 * Invariant       the table is written by tests only, before threads exist.
 * Why a table     a test can refuse the n-th call, or end the process before it, without a line
 *                 of test code in the library; wrappers by the linker (--wrap) would miss calls
 *                 that a library makes on our behalf, and LD_PRELOAD misses static builds.
 */
#ifndef MFI_SYS_H
#define MFI_SYS_H

#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>
#include <sys/uio.h>

/* X(result type, name, parameters, arguments) */
#define MFI_SYSCALLS(X)                                                                            \
    X(int, openat, (int dir, const char *path, int flags, mode_t mode), (dir, path, flags, mode))  \
    X(int, open_unnamed, (int dir, mode_t mode), (dir, mode))                                      \
    X(int, close, (int fd), (fd))                                                                  \
    X(int, mkdirat, (int dir, const char *path, mode_t mode), (dir, path, mode))                   \
    X(int, unlinkat, (int dir, const char *path, int flags), (dir, path, flags))                   \
    X(int, fstat, (int fd, struct stat *st), (fd, st))                                             \
    X(int, fstatat, (int dir, const char *path, struct stat *st, int flags),                       \
      (dir, path, st, flags))                                                                      \
    X(int, fchmod, (int fd, mode_t mode), (fd, mode))                                              \
    X(int, chmod_opath, (int fd, mode_t mode), (fd, mode))                                         \
    X(int, fchown, (int fd, uid_t uid, gid_t gid), (fd, uid, gid))                                 \
    X(ssize_t, read, (int fd, void *data, size_t size), (fd, data, size))                          \
    X(ssize_t, write, (int fd, const void *data, size_t size), (fd, data, size))                   \
    X(ssize_t, pread, (int fd, void *data, size_t size, off_t at), (fd, data, size, at))           \
    X(ssize_t, pwrite, (int fd, const void *data, size_t size, off_t at), (fd, data, size, at))    \
    X(ssize_t, preadv, (int fd, const struct iovec *v, int n, off_t at), (fd, v, n, at))           \
    X(ssize_t, pwritev, (int fd, const struct iovec *v, int n, off_t at), (fd, v, n, at))          \
    X(off_t, lseek, (int fd, off_t offset, int whence), (fd, offset, whence))                      \
    X(int, ftruncate, (int fd, off_t size), (fd, size))                                            \
    X(int, fsync, (int fd), (fd))                                                                  \
    X(int, fdatasync, (int fd), (fd))                                                              \
    X(int, dup, (int fd, int least), (fd, least))                                                  \
    X(int, dup_to, (int fd, int to, int inherited), (fd, to, inherited))                           \
    X(int, is_inherited, (int fd), (fd))                                                           \
    X(int, is_terminal, (int fd), (fd))                                                            \
    X(int, set_append, (int fd), (fd))                                                             \
    X(int, pipe, (int *ret_read, int *ret_write, int size), (ret_read, ret_write, size))           \
    X(int, readable, (int fd), (fd))                                                               \
    X(int, poll, (struct pollfd * fds, int count), (fds, count))                                   \
    X(int, flock, (int fd, int operation), (fd, operation))                                        \
    X(int, lock_owner, (int fd, int wait), (fd, wait))                                             \
    X(int, lock_holder, (int fd, int *ret_pid), (fd, ret_pid))                                     \
    X(int, lock_byte, (int fd, int64_t at, int how), (fd, at, how))                                \
    X(int, set_inherited, (int fd, int inherited), (fd, inherited))                                \
    X(int, allocate, (int fd, int64_t size), (fd, size))                                           \
    X(int, renameat, (int from, const char *old, int to, const char *name), (from, old, to, name)) \
    X(int, renameat2, (int from, const char *old, int to, const char *name, unsigned flags),       \
      (from, old, to, name, flags))                                                                \
    X(int, linkat, (int from, const char *old, int to, const char *name, int flags),               \
      (from, old, to, name, flags))                                                                \
    X(int, link_fd, (int fd, int to, const char *name), (fd, to, name))                            \
    X(ssize_t, readlinkat, (int dir, const char *path, char *target, size_t size),                 \
      (dir, path, target, size))                                                                   \
    X(int, symlinkat, (const char *target, int dir, const char *path), (target, dir, path))        \
    X(ssize_t, getdents, (int fd, void *entries, size_t size), (fd, entries, size))                \
    X(int, statmount, (int fd, const char *path, struct mfi_mount *mount), (fd, path, mount))      \
    X(int, statfs, (int fd, struct mfi_filesystem *fs), (fd, fs))                                  \
    X(ssize_t, copy_file_range, (int from, int to, size_t size), (from, to, size))                 \
    X(ssize_t, copy_range, (int from, int64_t from_at, int to, int64_t to_at, size_t size),        \
      (from, from_at, to, to_at, size))                                                            \
    X(int, reflink, (int to, int from), (to, from))                                                \
    X(ssize_t, flistxattr, (int fd, char *names, size_t size), (fd, names, size))                  \
    X(ssize_t, fgetxattr, (int fd, const char *name, void *value, size_t size),                    \
      (fd, name, value, size))                                                                     \
    X(int, fsetxattr, (int fd, const char *name, const void *value, size_t size),                  \
      (fd, name, value, size))                                                                     \
    X(int, fremovexattr, (int fd, const char *name), (fd, name))                                   \
    X(ssize_t, getrandom, (void *data, size_t size, unsigned flags), (data, size, flags))          \
    X(int, memfd, (const char *name), (name))                                                      \
    X(int, memfd_secret, (void), ())                                                               \
    X(int, memfd_sealed, (const char *name, const void *data, size_t size), (name, data, size))    \
    X(void *, mmap, (size_t size, int fd, off_t at), (size, fd, at))                               \
    X(void *, map_file, (size_t size, int fd), (size, fd))                                         \
    X(int, munmap, (void *memory, size_t size), (memory, size))                                    \
    X(int, mlock, (const void *memory, size_t size), (memory, size))                               \
    X(int, madvise, (void *memory, size_t size, int advice), (memory, size, advice))               \
    X(int, getcwd, (char *buffer, size_t size), (buffer, size))                                    \
    X(int, thread, (pthread_t * ret, void *(*run)(void *), void *context), (ret, run, context))    \
    X(uid_t, geteuid, (void), ())                                                                  \
    X(int, getpid, (void), ())                                                                     \
    X(int64_t, realtime, (void), ())                                                               \
    X(int, sigaction, (int signal, const struct sigaction *action, struct sigaction *ret),         \
      (signal, action, ret))                                                                       \
    X(int, raise, (int signal), (signal))                                                          \
    X(int, fork, (void), ())                                                                       \
    X(int, waitpid, (int pid), (pid))                                                              \
    X(int, spawn, (const struct mfi_spawn *how), (how))                                            \
    X(int, wait_status, (int pid, int *ret_status), (pid, ret_status))                             \
    X(int, chdir_root, (void), ())                                                                 \
    X(int, close_others, (int but), (but))                                                         \
    X(int, set_environment, (const char *name, const char *value), (name, value))                  \
    X(void *, malloc, (size_t size), (size))                                                       \
    X(void *, calloc, (size_t count, size_t size), (count, size))                                  \
    X(void *, realloc, (void *memory, size_t size), (memory, size))

/* raise sends a signal to this thread, by the numbers that the kernel has for it and not those that
 * the C library remembers: in a child of vfork(2) they are its parent's.
 *
 * close_others closes every descriptor but one, chdir_root goes to "/": for a new process. waitpid
 * waits for a child to end.
 *
 * set_environment sets a variable for the whole process, or takes it away (value NULL). What reads
 * the environment in another thread at this moment reads nonsense.
 *
 * lock_owner takes the write lock of the whole file that belongs to the process (fcntl(2),
 * F_SETLK): a forked child does not have it, and the kernel gives it back when the process ends,
 * however. -EAGAIN: another process has it. lock_holder tells whose it is; 0: nobody's.
 *
 * lock_byte locks one byte of a file for this open file description (fcntl(2), F_OFD_SETLK), which
 * may lie beyond the end: MFI_LOCK_WAIT, MFI_LOCK_TRY (-EAGAIN: it is taken), MFI_LOCK_HEED (waits,
 * but -EINTR after a signal handler that does not have calls begun anew); MFI_LOCK_GIVE gives all
 * of them back. Threads that open the file each for itself exclude one another, too; the
 * kernel gives them back when the last descriptor is closed.
 *
 * realtime tells the time (CLOCK_REALTIME) in nanoseconds since 1970.
 *
 * map_file maps a file for reading, and for writing that nobody else sees.
 *
 * set_inherited: whether exec(2) leaves the descriptor open. is_inherited tells; -EBADF: it is
 * closed.
 *
 * dup_to makes `to` another descriptor of what `fd` is, closing what it was, in one step.
 *
 * set_append: every write goes to the end, whoever makes it.
 *
 * pipe makes one that holds `size` bytes if that is allowed (0: what is usual); reading from it
 * gives -EAGAIN where nothing is to be read. readable tells how many bytes lie in it. poll waits
 * for as long as it takes.
 *
 * allocate makes room on the disk for `size` bytes, so that a mapping cannot fault for lack of it.
 * -EFBIG, and no signal, where the process may not have so large a file.
 *
 * open_unnamed creates a file without a name in a directory (O_TMPFILE), or says why it cannot:
 * -EOPNOTSUPP, -EISDIR, -EINVAL or -ENOENT mean that this file system or kernel has no such thing.
 *
 * chmod_opath is fchmod for a descriptor that was opened with O_PATH.
 *
 * copy_range is copy_file_range between two offsets, which leaves the descriptors' own where they
 * are. A file system that can share blocks does so where the offsets allow it.
 *
 * link_fd gives a name to a file that has none, by its descriptor.
 *
 * thread starts one with all signals blocked and a small stack; mfi_join ends it.
 *
 * What statmount tells: one stat that also proves on which mount the file lies. */
struct mfi_mount {
    uint64_t mount;  /* mount id, or the device where the kernel has none (before Linux 5.8) */
    uint64_t device; /* as st_dev, for comparing */
    uint64_t inode;
    uint32_t mode;
    uint32_t uid;
    int64_t birth; /* when the inode was made, in nanoseconds since 1970; 0: not known */
    int is_root;   /* 1: the root of a mount, 0: not, -1: the kernel does not say */
};

/* What statfs tells. */
struct mfi_filesystem {
    char type[32]; /* "ext4", "tmpfs", ...; "0x<magic>" when the name is not known */
    int in_memory; /* tmpfs, ramfs */
    uint64_t total_bytes;
    uint64_t free_bytes; /* for this user */
    uint64_t total_inodes;
    uint64_t free_inodes;
};

/* A program to start: with no signal blocked or ignored, and no other descriptors but those that
 * exec(2) leaves open. */
struct mfi_spawn {
    const char *program; /* a path */
    char *const *arguments;
    char *const *environment;
    int input, output; /* its standard input; its standard output and its standard error */
};

/* The kernel's record of one entry as getdents fills it in (getdents64(2)). */
struct mfi_dirent {
    uint64_t inode;
    int64_t next;
    unsigned short length;
    unsigned char type; /* DT_... */
    char name[];
};

enum { MFI_LOCK_GIVE, MFI_LOCK_TRY, MFI_LOCK_WAIT, MFI_LOCK_HEED };

#define MFI_MEMBER(type, name, parameters, arguments) type(*name) parameters;
struct mfi_sys {
    MFI_SYSCALLS(MFI_MEMBER)
};
#undef MFI_MEMBER

extern struct mfi_sys mfi_sys;

int mfi_sys_allocate(int fd, int64_t size); /* the entry, in allocate.c */

/* Waits for the end of a thread. It is not in the table, because it cannot fail; and what is not
 * waited for would go on working. */
void mfi_join(pthread_t thread);

/* The table as it is in production, for tests that wrap it. */
extern const struct mfi_sys mfi_sys_real;

/* Linux's values, given here because some C libraries' headers lack them. */
#define MFI_RENAME_NOREPLACE 1u
#define MFI_RENAME_EXCHANGE  2u
#define MFI_GRND_NONBLOCK    1u
#define MFI_GRND_INSECURE    4u

#endif
