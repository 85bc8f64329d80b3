/* SPDX-License-Identifier: MIT
 *
 * The table of system calls as Linux has them.
 *
 * Not handled     other systems: each gets a file of its own beside this one, chosen by the build.
 */
#define _GNU_SOURCE
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

/* FICLONE of <linux/fs.h>, which musl's headers do not bring. */
#define MFI_FICLONE _IOW(0x94, 9, int)

#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447
#endif

/* A call that fails tells why in errno; here it becomes the result. */
#define RESULT(type, call)                                                                         \
    type result = (type)(call);                                                                    \
    return result < 0 ? (type)-errno : result

/* The same for calls that wait and may be interrupted: they are made again. */
#define RESULT_RETRY(type, call)                                                                   \
    type result = (type)(call);                                                                    \
    while (result < 0 && errno == EINTR)                                                           \
        result = (type)(call);                                                                     \
    return result < 0 ? (type)-errno : result

static int sys_openat(int dir, const char *path, int flags, mode_t mode) {
    RESULT_RETRY(int, openat(dir, path, flags, mode));
}

static int sys_open_unnamed(int dir, mode_t mode) {
    /* Without O_EXCL, which would forbid to link it into place later. */
    RESULT_RETRY(int, openat(dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, mode));
}

static int sys_close(int fd) {
    /* After EINTR the descriptor is gone on Linux: once more would close another thread's. */
    int result = close(fd);
    return result < 0 && errno != EINTR ? -errno : 0;
}

static int sys_mkdirat(int dir, const char *path, mode_t mode) {
    RESULT(int, mkdirat(dir, path, mode));
}

static int sys_unlinkat(int dir, const char *path, int flags) {
    RESULT(int, unlinkat(dir, path, flags));
}

static int sys_fstat(int fd, struct stat *st) {
    RESULT(int, fstat(fd, st));
}

static int sys_fstatat(int dir, const char *path, struct stat *st, int flags) {
    RESULT(int, fstatat(dir, path, st, flags));
}

static int sys_fchmod(int fd, mode_t mode) {
    RESULT(int, fchmod(fd, mode));
}

static int sys_chmod_opath(int fd, mode_t mode) {
    enum { FCHMODAT2 = 452 }; /* Linux 6.6; before, the way round by /proc */
    if (syscall(FCHMODAT2, fd, "", mode, AT_EMPTY_PATH) == 0)
        return 0;
    char path[32];
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    RESULT(int, chmod(path, mode));
}

static int sys_fchown(int fd, uid_t uid, gid_t gid) {
    RESULT(int, fchown(fd, uid, gid));
}

static ssize_t sys_read(int fd, void *data, size_t size) {
    RESULT_RETRY(ssize_t, read(fd, data, size));
}

static ssize_t sys_write(int fd, const void *data, size_t size) {
    RESULT_RETRY(ssize_t, write(fd, data, size));
}

static ssize_t sys_pread(int fd, void *data, size_t size, off_t at) {
    RESULT_RETRY(ssize_t, pread(fd, data, size, at));
}

static ssize_t sys_pwrite(int fd, const void *data, size_t size, off_t at) {
    RESULT_RETRY(ssize_t, pwrite(fd, data, size, at));
}

static ssize_t sys_preadv(int fd, const struct iovec *v, int n, off_t at) {
    RESULT_RETRY(ssize_t, preadv(fd, v, n, at));
}

static ssize_t sys_pwritev(int fd, const struct iovec *v, int n, off_t at) {
    RESULT_RETRY(ssize_t, pwritev(fd, v, n, at));
}

static off_t sys_lseek(int fd, off_t offset, int whence) {
    RESULT(off_t, lseek(fd, offset, whence));
}

static int sys_ftruncate(int fd, off_t size) {
    RESULT_RETRY(int, ftruncate(fd, size));
}

static int sys_fsync(int fd) {
    RESULT_RETRY(int, fsync(fd));
}

static int sys_fdatasync(int fd) {
    RESULT_RETRY(int, fdatasync(fd));
}

static int sys_dup(int fd, int least) {
    RESULT(int, fcntl(fd, F_DUPFD_CLOEXEC, least));
}

static int sys_dup_to(int fd, int to, int inherited) {
    RESULT_RETRY(int, dup3(fd, to, inherited ? 0 : O_CLOEXEC));
}

static int sys_is_inherited(int fd) {
    const int flags = fcntl(fd, F_GETFD);
    return flags < 0 ? -errno : (flags & FD_CLOEXEC) == 0;
}

static int sys_is_terminal(int fd) {
    return isatty(fd);
}

static int sys_set_append(int fd) {
    const int flags = fcntl(fd, F_GETFL);
    if (flags < 0)
        return -errno;
    RESULT(int, fcntl(fd, F_SETFL, flags | O_APPEND));
}

static int sys_pipe(int *ret_read, int *ret_write, int size) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    if (fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0) {
        const int code = -errno;
        (void)close(ends[0]);
        (void)close(ends[1]);
        return code;
    }
    if (size > 0) /* a user with many of them gets a smaller one */
        (void)fcntl(ends[1], F_SETPIPE_SZ, size);
    *ret_read = ends[0];
    *ret_write = ends[1];
    return 0;
}

static int sys_readable(int fd) {
    int count = 0;
    return ioctl(fd, FIONREAD, &count) < 0 ? -errno : count;
}

static int sys_poll(struct pollfd *fds, int count) {
    RESULT_RETRY(int, poll(fds, (nfds_t)count, -1));
}

static int sys_flock(int fd, int operation) {
    RESULT_RETRY(int, flock(fd, operation));
}

static int sys_lock_owner(int fd, int wait) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int result;
    do
        result = fcntl(fd, wait ? F_SETLKW : F_SETLK, &lock);
    while (result < 0 && errno == EINTR);
    return result < 0 ? (errno == EACCES ? -EAGAIN : -errno) : 0;
}

static int sys_lock_holder(int fd, int *ret_pid) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_GETLK, &lock) < 0)
        return -errno;
    *ret_pid = lock.l_type == F_UNLCK ? 0 : (int)lock.l_pid;
    return lock.l_type != F_UNLCK;
}

static int sys_lock_byte(int fd, int64_t at, int how) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (off_t)at, .l_len = 1};
    if (how == MFI_LOCK_GIVE)
        lock = (struct flock){.l_type = F_UNLCK, .l_whence = SEEK_SET};
    int result;
    do
        result = fcntl(fd, how >= MFI_LOCK_WAIT ? F_OFD_SETLKW : F_OFD_SETLK, &lock);
    while (result < 0 && errno == EINTR && how != MFI_LOCK_HEED);
    return result < 0 ? -errno : result;
}

static int sys_set_inherited(int fd, int inherited) {
    RESULT(int, fcntl(fd, F_SETFD, inherited ? 0 : FD_CLOEXEC));
}

static int sys_allocate(int fd, int64_t size) {
    return mfi_sys_allocate(fd, size);
}

static int sys_renameat(int from, const char *old, int to, const char *name) {
    RESULT(int, renameat(from, old, to, name));
}

static int sys_renameat2(int from, const char *old, int to, const char *name, unsigned flags) {
    RESULT(int, syscall(SYS_renameat2, from, old, to, name, flags));
}

static int sys_linkat(int from, const char *old, int to, const char *name, int flags) {
    RESULT(int, linkat(from, old, to, name, flags));
}

static int sys_link_fd(int fd, int to, const char *name) {
    char path[32];
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (linkat(AT_FDCWD, path, to, name, AT_SYMLINK_FOLLOW) == 0)
        return 0;
    if (errno != ENOENT && errno != ENOTDIR)
        return -errno;
    /* No /proc; this way asks for CAP_DAC_READ_SEARCH (open(2)) before Linux 6.10. */
    RESULT(int, linkat(fd, "", to, name, AT_EMPTY_PATH));
}

static ssize_t sys_readlinkat(int dir, const char *path, char *target, size_t size) {
    RESULT(ssize_t, readlinkat(dir, path, target, size));
}

static int sys_symlinkat(const char *target, int dir, const char *path) {
    RESULT(int, symlinkat(target, dir, path));
}

static ssize_t sys_getdents(int fd, void *entries, size_t size) {
    RESULT(ssize_t, syscall(SYS_getdents64, fd, entries, size));
}

/* The part of struct statx (statx(2)) that is asked for; laid out by hand because musl before 1.2.5
 * has no <sys/stat.h> declaration for it. */
struct kernel_statx {
    uint32_t mask, blksize;
    uint64_t attributes;
    uint32_t nlink, uid, gid;
    uint16_t mode, pad;
    uint64_t ino, size, blocks, attributes_mask;
    struct {
        int64_t sec;
        uint32_t nsec;
        int32_t pad;
    } times[4]; /* of access, birth, change, modification */
    uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
    uint64_t mnt_id;
    uint64_t spare[13];
};

_Static_assert(sizeof(struct kernel_statx) == 256, "struct statx is 256 bytes in every kernel");

static int sys_statmount(int fd, const char *path, struct mfi_mount *mount) {
    enum { BASIC = 0x7ff, BIRTH = 0x800, MNT_ID = 0x1000 };
    enum { ROOT_ATTRIBUTE = 0x2000, NO_AUTOMOUNT = 0x800 };
    struct kernel_statx sx = {0};
    int flags = AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | NO_AUTOMOUNT;
    if (syscall(SYS_statx, fd, path, flags, BASIC | BIRTH | MNT_ID, &sx) < 0)
        return -errno;
    mount->device = makedev(sx.dev_major, sx.dev_minor);
    mount->mount = (sx.mask & MNT_ID) != 0 ? sx.mnt_id : mount->device;
    mount->inode = sx.ino;
    mount->mode = sx.mode;
    mount->uid = sx.uid;
    mount->birth = 0;
    if ((sx.mask & BIRTH) != 0)
        mount->birth = sx.times[1].sec * 1000000000 + (int64_t)sx.times[1].nsec;
    mount->is_root = -1;
    if ((sx.attributes_mask & ROOT_ATTRIBUTE) != 0)
        mount->is_root = (sx.attributes & ROOT_ATTRIBUTE) != 0;
    return 0;
}

/* Names for the magic numbers of statfs(2) that a temporary directory may lie on. */
static const struct {
    uint32_t magic;
    const char *name;
} filesystem_names[] = {
    {0xef53, "ext4"},          {0x01021994, "tmpfs"},    {0x858458f6, "ramfs"},
    {0x58465342, "xfs"},       {0x9123683e, "btrfs"},    {0xf2f52010, "f2fs"},
    {0x794c7630, "overlayfs"}, {0x6969, "nfs"},          {0x2fc12fc1, "zfs"},
    {0x65735546, "fuse"},      {0x4d44, "vfat"},         {0x2011bab0, "exfat"},
    {0xff534d42, "cifs"},      {0xfe534d42, "smb2"},     {0x01021997, "9p"},
    {0xca451a4e, "bcachefs"},  {0x15013346, "udf"},      {0x5346544e, "ntfs"},
    {0x7366746e, "ntfs3"},     {0x3153464a, "jfs"},      {0x52654973, "reiserfs"},
    {0x73717368, "squashfs"},  {0x9660, "isofs"},        {0x00c36400, "ceph"},
    {0x01161970, "gfs2"},      {0x6a656a63, "virtiofs"}, {0xf15f, "ecryptfs"},
    {0xe0f5e1e2, "erofs"},     {0x24051905, "ubifs"},    {0x958458f6, "hugetlbfs"},
};

static int sys_statfs(int fd, struct mfi_filesystem *fs) {
    struct statfs st;
    int result = fstatfs(fd, &st);
    while (result < 0 && errno == EINTR)
        result = fstatfs(fd, &st);
    if (result < 0)
        return -errno;
    const uint32_t magic = (uint32_t)st.f_type;
    (void)snprintf(fs->type, sizeof fs->type, "0x%x", magic);
    for (size_t i = 0; i < sizeof filesystem_names / sizeof *filesystem_names; i++)
        if (filesystem_names[i].magic == magic)
            (void)snprintf(fs->type, sizeof fs->type, "%s", filesystem_names[i].name);
    fs->in_memory = magic == 0x01021994 || magic == 0x858458f6;
    const uint64_t unit = (uint64_t)st.f_bsize;
    fs->total_bytes = (uint64_t)st.f_blocks * unit;
    fs->free_bytes = (uint64_t)st.f_bavail * unit;
    fs->total_inodes = (uint64_t)st.f_files;
    fs->free_inodes = (uint64_t)st.f_ffree;
    return 0;
}

static ssize_t sys_copy_file_range(int from, int to, size_t size) {
    RESULT_RETRY(ssize_t, syscall(SYS_copy_file_range, from, NULL, to, NULL, size, 0u));
}

static ssize_t sys_copy_range(int from, int64_t from_at, int to, int64_t to_at, size_t size) {
    RESULT_RETRY(ssize_t, syscall(SYS_copy_file_range, from, &from_at, to, &to_at, size, 0u));
}

static int sys_reflink(int to, int from) {
    RESULT(int, ioctl(to, MFI_FICLONE, from));
}

static ssize_t sys_flistxattr(int fd, char *names, size_t size) {
    RESULT(ssize_t, flistxattr(fd, names, size));
}

static ssize_t sys_fgetxattr(int fd, const char *name, void *value, size_t size) {
    RESULT(ssize_t, fgetxattr(fd, name, value, size));
}

static int sys_fsetxattr(int fd, const char *name, const void *value, size_t size) {
    RESULT(int, fsetxattr(fd, name, value, size, 0));
}

static int sys_fremovexattr(int fd, const char *name) {
    RESULT(int, fremovexattr(fd, name));
}

static ssize_t sys_getrandom(void *data, size_t size, unsigned flags) {
    RESULT_RETRY(ssize_t, syscall(SYS_getrandom, data, size, flags));
}

static int sys_memfd(const char *name) {
    enum { CLOEXEC = 1 };
    RESULT(int, syscall(SYS_memfd_create, name, CLOEXEC));
}

static int sys_memfd_secret(void) {
    RESULT(int, syscall(SYS_memfd_secret, O_CLOEXEC));
}

static int seal(int fd, const char *data, size_t size) {
    /* Linux's values, which some C libraries' headers lack. */
    enum { ADD_SEALS = 1033, SEAL = 1, SHRINK = 2, GROW = 4, WRITE = 8 };
    for (off_t at = 0; at < (off_t)size;) { /* the position stays at the beginning */
        const ssize_t n = sys_pwrite(fd, data + at, size - (size_t)at, at);
        if (n < 0)
            return (int)n;
        at += n;
    }
    RESULT(int, fcntl(fd, ADD_SEALS, SEAL | SHRINK | GROW | WRITE));
}

static int sys_memfd_sealed(const char *name, const void *data, size_t size) {
    enum { CLOEXEC = 1, ALLOW_SEALING = 2 };
    const int fd = (int)syscall(SYS_memfd_create, name, CLOEXEC | ALLOW_SEALING);
    if (fd < 0)
        return -errno;
    const int r = seal(fd, data, size);
    if (r == 0)
        return fd;
    (void)close(fd);
    return r;
}

static void *sys_mmap(size_t size, int fd, off_t at) {
    const int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, at);
    return memory == MAP_FAILED ? NULL : memory;
}

static void *sys_map_file(size_t size, int fd) {
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static int sys_munmap(void *memory, size_t size) {
    RESULT(int, munmap(memory, size));
}

static int sys_mlock(const void *memory, size_t size) {
    RESULT(int, mlock(memory, size));
}

static int sys_madvise(void *memory, size_t size, int advice) {
    RESULT(int, madvise(memory, size, advice));
}

static int sys_getcwd(char *buffer, size_t size) {
    return getcwd(buffer, size) == NULL ? -errno : 0;
}

/* What a thread of ours needs, and what a function of the caller's may need that it calls. */
enum { THREAD_STACK = 256 * 1024 };

static int sys_thread(pthread_t *ret, void *(*run)(void *), void *context) {
    pthread_attr_t attributes;
    sigset_t all, before;
    int r = pthread_attr_init(&attributes);
    if (r != 0)
        return -r;
    /* Where much thread-local memory makes this too little, the default is taken. */
    (void)pthread_attr_setstacksize(&attributes, THREAD_STACK);
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    r = pthread_create(ret, &attributes, run, context);
    if (r == EINVAL)
        r = pthread_create(ret, NULL, run, context);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attributes);
    return -r;
}

void mfi_join(pthread_t thread) {
    (void)pthread_join(thread, NULL);
}

static uid_t sys_geteuid(void) {
    return geteuid();
}

static int sys_getpid(void) {
    return (int)syscall(SYS_getpid); /* never one that a C library remembers */
}

static int64_t sys_realtime(void) {
    struct timespec t;
    if (clock_gettime(CLOCK_REALTIME, &t) < 0)
        return -errno;
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int sys_sigaction(int signal, const struct sigaction *action, struct sigaction *ret) {
    RESULT(int, sigaction(signal, action, ret));
}

static int sys_raise(int signal) {
    RESULT(int, syscall(SYS_tgkill, syscall(SYS_getpid), syscall(SYS_gettid), signal));
}

static int sys_fork(void) {
    RESULT(int, fork());
}

static int sys_waitpid(int pid) {
    RESULT_RETRY(int, waitpid(pid, NULL, 0));
}

static int set_actions(posix_spawn_file_actions_t *actions, const struct mfi_spawn *how) {
    int code = posix_spawn_file_actions_adddup2(actions, how->input, 0);
    if (code == 0)
        code = posix_spawn_file_actions_adddup2(actions, how->output, 1);
    return code != 0 ? code : posix_spawn_file_actions_adddup2(actions, how->output, 2);
}

static int set_signals(posix_spawnattr_t *attributes) {
    sigset_t all, none;
    (void)sigfillset(&all);
    (void)sigemptyset(&none);
    int code = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    if (code == 0)
        code = posix_spawnattr_setsigdefault(attributes, &all);
    return code != 0 ? code : posix_spawnattr_setsigmask(attributes, &none);
}

static int sys_spawn(const struct mfi_spawn *how) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    pid_t pid = -1;
    int code = posix_spawn_file_actions_init(&actions);
    if (code != 0)
        return -code;
    code = posix_spawnattr_init(&attributes);
    if (code == 0) {
        code = set_actions(&actions, how);
        if (code == 0)
            code = set_signals(&attributes);
        if (code == 0)
            code = posix_spawn(&pid, how->program, &actions, &attributes, how->arguments,
                               how->environment);
        (void)posix_spawnattr_destroy(&attributes);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    return code != 0 ? -code : (int)pid;
}

static int sys_wait_status(int pid, int *ret_status) {
    RESULT_RETRY(int, waitpid(pid, ret_status, 0));
}

static int sys_chdir_root(void) {
    RESULT(int, chdir("/"));
}

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

static int sys_close_others(int but) {
    const unsigned fd = (unsigned)but;
    if (syscall(SYS_close_range, fd + 1, ~0u, 0) == 0) {
        if (fd > 0)
            (void)syscall(SYS_close_range, 0u, fd - 1, 0);
        return 0;
    }
    /* Before Linux 5.9. */
    const long most = sysconf(_SC_OPEN_MAX);
    for (long i = 0; i < (most < 0 ? 1024 : most); i++)
        if (i != but)
            (void)close((int)i);
    return 0;
}

static int sys_set_environment(const char *name, const char *value) {
    RESULT(int, value == NULL ? unsetenv(name) : setenv(name, value, 1));
}

static void *sys_malloc(size_t size) {
    return malloc(size);
}

static void *sys_calloc(size_t count, size_t size) {
    return calloc(count, size);
}

static void *sys_realloc(void *memory, size_t size) {
    return realloc(memory, size);
}

#define MEMBER(type, name, parameters, arguments) .name = sys_##name,
struct mfi_sys mfi_sys = {MFI_SYSCALLS(MEMBER)};
const struct mfi_sys mfi_sys_real = {MFI_SYSCALLS(MEMBER)};
#undef MEMBER
