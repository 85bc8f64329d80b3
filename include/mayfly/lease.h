/* SPDX-License-Identifier: MIT
 *
 * After SIGKILL, the OOM killer or a power cut: what a process has left is found and removed.
 *
 * Every process that makes something with a name holds a lease: the lock on a journal, a small file
 * of its own in which the names stand. The lock is the kernel's: it is free when the process is
 * dead, however it died, and not before. A reaper takes every journal whose lock is free and
 * removes exactly what it names, if device, inode and time of birth still are the same (where no
 * time of birth is known, the owner); never by pid and never by age. A process reaps a little when
 * it makes its first name; `mayfly gc` and mayfly_reap reap everything.
 *
 * Journals lie in MAYFLY_LEASE_DIR if that is set (a directory, or one that can be made), else in
 * /var/tmp/mayfly-UID, else in XDG_RUNTIME_DIR/mayfly or beside the temporary files. The directory
 * must be the user's and not writable by others; where none can be had, nothing is leased; nor
 * where RLIMIT_FSIZE leaves no room for a journal (36 KiB).
 *
 * Not covered: what was made within the last seconds before a power cut, where the file system had
 * not yet written the journal; names that mayfly_mkstemp and mayfly_mkdtemp made, which are the
 * caller's; kept files and directories; names on a directory that no longer has its path.
 * A program that closes descriptors it does not know gives its lock away; a reaper sees that it is
 * alive, unless it runs in another pid namespace.
 */
#ifndef MAYFLY_LEASE_H
#define MAYFLY_LEASE_H

#include <mayfly/dir.h>
#include <mayfly/file.h>

MAYFLY_BEGIN_DECLS

/* ---- reaping --------------------------------------------------------------------------------- */

/* What became of a name in a journal. */
typedef enum mayfly_reaped {
    MAYFLY_REAPED_REMOVED = 0, /* or, in a dry run, would be */
    MAYFLY_REAPED_GONE,        /* it was not there any more */
    MAYFLY_REAPED_OTHER,       /* another file has the name by now; left alone */
    MAYFLY_REAPED_FAILED,      /* could not be removed; the journal stays for the next time */
} mayfly_reaped;

typedef struct mayfly_reap_options {
    bool dry_run; /* remove nothing, tell what would be */
    /* Called for each name. A result other than 0 ends the work, which returns -ECANCELED.
       NULL: not called. code: 0, or why it could not be removed. */
    int (*visit)(const char *path, mayfly_reaped what, int code, void *user);
    void *user;
} mayfly_reap_options;

typedef struct mayfly_reap_result {
    uint64_t leases;  /* of dead processes, that were gone through */
    uint64_t held;    /* of living ones, left alone */
    uint64_t damaged; /* journals or names in them whose check sums are wrong; left alone */
    uint64_t removed; /* files and directories */
    uint64_t gone;
    uint64_t other;
    uint64_t failed;
} mayfly_reap_result;

/* Removes what dead processes of this user have left.
 *
 * options    NULL: all defaults
 * ret        receives the counts; NULL: not wanted. Filled in also after an error.
 * Returns 0, also when there was nothing to do. Something that could not be removed is counted and
 * is no error.
 *
 * Errors:    -ECANCELED  `visit` asked for it
 *            -EDEADLK    called by a function that it, or mayfly_leases, has called
 *            -EMFILE, -ENFILE, -ENOMEM, MAYFLY_E_OPTION
 * Safety:    thread any (one reaps, others wait) | fork any | signal no
 * Since:     0.1 (fcntl(2), flock(2), statx(2)) */
#define mayfly_reap(...)                                                                           \
    mayfly_reap_sized(sizeof(mayfly_reap_options), sizeof(mayfly_reap_result), __VA_ARGS__)
MAYFLY_API int mayfly_reap_sized(size_t options_size, size_t result_size,
                                 const mayfly_reap_options *options, mayfly_reap_result *ret,
                                 mayfly_error *error);

/* ---- looking --------------------------------------------------------------------------------- */

typedef enum mayfly_lease_state {
    MAYFLY_LEASE_HELD = 0,  /* its process is alive */
    MAYFLY_LEASE_INHERITED, /* that is dead; one that inherited the lease is alive */
    MAYFLY_LEASE_ORPHANED,  /* nobody: the next reaper takes it */
    MAYFLY_LEASE_DAMAGED,   /* the journal's head is not what was written */
} mayfly_lease_state;

/* Whose names they are. */
typedef struct mayfly_lease {
    mayfly_lease_state state;
    int pid;             /* of the process that made them */
    uint32_t uid;        /* its user then */
    int64_t since;       /* when it made its first name, in seconds since 1970 */
    bool earlier_boot;   /* the system was started anew since then */
    const char *command; /* its arguments, parted by blanks; "" where not known */
    const char *journal; /* path */
} mayfly_lease;

/* One name. */
typedef struct mayfly_lease_entry {
    const char *path;
    bool directory;
    bool there;      /* it exists and is the one that was made */
    int64_t created; /* seconds since 1970; 0: not known */
    uint64_t bytes;  /* taken on the disk; of a directory with all below it */
    uint64_t files;  /* of a directory: how many entries below it; of a file 1 */
} mayfly_lease_entry;

/* Calls `visit` for each lease of this user: once with a NULL entry, then for each of its names.
 * What is passed is valid during the call. A result other than 0 ends it and is returned.
 *
 * Errors:    -EDEADLK as mayfly_reap; -EMFILE, -ENFILE, -ENOMEM
 * Safety:    thread any | fork any | signal no
 * Since:     0.1 */
MAYFLY_API int mayfly_leases(int (*visit)(const mayfly_lease *lease,
                                          const mayfly_lease_entry *entry, void *user),
                             void *user, mayfly_error *error);

/* Whether a reaper will find it if this process is killed: 1, or 0 where it has no name, is kept,
 * or no journal could be had.
 *
 * Errors:    none
 * Safety:    thread one-object | fork any | signal no
 * Since:     0.1 */
MAYFLY_API int mayfly_file_is_leased(const mayfly_file *file);
MAYFLY_API int mayfly_dir_is_leased(const mayfly_dir *dir);

/* ---- passing on ------------------------------------------------------------------------------ */

/* From now on child processes inherit this process's lease, also over exec(2): what it has made is
 * left alone until the last of them has ended. A descriptor stays open in them.
 *
 * Errors:    -ENOTSUP  this process has no journal; -EMFILE, ...: it cannot be opened
 *            flock(2)'s and fcntl(2)'s
 * Safety:    thread any | fork any: in a child it passes on the child's own | signal no
 * Since:     0.1 */
MAYFLY_API int mayfly_lease_inherit(mayfly_error *error);

/* Starts a small process that waits for the end of this one and then at once removes what it has
 * left. It is no child of this process and has none of its descriptors. It ends by itself; a second
 * call starts no second one.
 *
 * Errors:    -ENOTSUP  this process has no journal
 *            fork(2)'s, pipe(2)'s
 * Safety:    thread any | fork any: a child asks for its own | signal no
 * Since:     0.1 */
MAYFLY_API int mayfly_keep_guard(mayfly_error *error);

/* In a forked child: takes over what the parent made before the fork. From then on the child
 * removes it, and the parent does not. In the process that owns it already it does nothing.
 *
 * Errors:    MAYFLY_E_VANISHED  the parent has removed or kept it, or another child has it
 *            -ENOTSUP           it has a name, and parent or child have no journal by which it
 *                               could be handed over; the parent can keep it and tell the child its
 *                               path. Or it is a secret file, whose key a child does not have
 * Safety:    thread one-object | fork: this is for children | signal no
 * Since:     0.1 */
MAYFLY_API int mayfly_file_adopt(mayfly_file *file, mayfly_error *error);
MAYFLY_API int mayfly_dir_adopt(mayfly_dir *dir, mayfly_error *error);

MAYFLY_END_DECLS

#endif
