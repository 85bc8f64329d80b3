/* SPDX-License-Identifier: MIT
 *
 * Where temporary things go: which directory, and why.
 *
 * The candidates, in this order, are Python's (rows W1-W3): the environment's TMPDIR, TEMP and TMP;
 * /tmp, /var/tmp, /usr/tmp; the working directory; and then the home directory of the user. The
 * first in which a file can really be created, written and removed is taken. The answer is
 * remembered for this user and this environment, and proved again when either changes: a process
 * that gives up root's rights does not keep root's choice. In a program that runs with rights its
 * caller lacks (set-user-ID) the environment is not asked.
 */
#ifndef MAYFLY_WHERE_H
#define MAYFLY_WHERE_H

#include <mayfly/error.h>

MAYFLY_BEGIN_DECLS

/* What the thing is like, where that should decide the directory. */
typedef enum mayfly_place {
    MAYFLY_PLACE_DEFAULT = 0, /* the order above */
    MAYFLY_PLACE_SMALL,       /* TMPDIR, /tmp, then the rest: it may lie in memory */
    MAYFLY_PLACE_LARGE,       /* /var/tmp first, then the rest: it should not lie in memory */
    MAYFLY_PLACE_PRIVATE,     /* XDG_RUNTIME_DIR if it is the user's own with mode 0700, then the
                                 rest: what lies there nobody else can even list */
    MAYFLY_PLACE_NEAR,        /* on the file system of the path `near`: the first candidate that is
                                 on it, else the directory of `near` itself. For what will be
                                 persisted there: the move is then a rename */
} mayfly_place;

/* Finds the directory for temporary things.
 *
 * ret_path   receives an absolute path
 *
 * Ownership: the path belongs to the library and stays valid for the life of the process.
 * Errors:    -ENOENT no candidate can be used; the message names each with its reason
 *            -ENOMEM
 * Safety:    thread any | fork any | signal no
 * Since:     0.1 (contract W1; tempfile.gettempdir) */
MAYFLY_API int mayfly_gettempdir(const char **ret_path, mayfly_error *error);

/* Sets the directory that MAYFLY_PLACE_DEFAULT means from now on, for this process, before all
 * candidates and without a proof; NULL goes back to the candidates. What exists stays where it is.
 *
 * Errors:    -ENOENT, -ENOTDIR, -EACCES and what else openat(2) says of the directory
 *            -ENOMEM
 * Safety:    thread any | fork any (a child inherits it) | signal no
 * Since:     0.1 (contract W2; tempfile.tempdir) */
MAYFLY_API int mayfly_settempdir(const char *path, mayfly_error *error);

/* Returns the prefix of names for which none was given: "tmp".
 *
 * Ownership: static.
 * Safety:    thread any | fork any | signal yes
 * Since:     0.1 (contract W2; tempfile.gettempprefix) */
MAYFLY_API const char *mayfly_gettempprefix(void);

/* A directory and what there is to know about it. */
typedef struct mayfly_where_report {
    char path[4096];
    char reason[64];      /* "TMPDIR", "platform list", "mayfly_settempdir", "home", ... */
    uint32_t mode;        /* permission bits with sticky and set-id: 01777 */
    uint32_t uid, gid;    /* its owner */
    char owner[64];       /* the owner's name, or the number where it has none */
    char file_system[32]; /* "ext4", "tmpfs", ...; "0x<magic>" if unknown */
    bool in_memory;       /* what lies there takes memory, and is gone after a reboot */
    bool unnamed;         /* files without a name (O_TMPFILE) work there */
    uint64_t total_bytes, free_bytes;   /* free: for this user */
    uint64_t total_inodes, free_inodes; /* 0 and 0 where the file system does not count them */
} mayfly_where_report;

/* Reports which directory a place means, and why:
 *
 *     mayfly_where_report report;
 *     mayfly_where(MAYFLY_PLACE_LARGE, NULL, &report, NULL);
 *
 * place      see mayfly_place
 * near       for MAYFLY_PLACE_NEAR: an existing file or directory, or a file to be made in an
 *            existing directory; else NULL
 * ret        filled in on success
 *
 * Errors:    as mayfly_gettempdir; -EINVAL for MAYFLY_PLACE_NEAR without `near`
 * Safety:    thread any | fork any | signal no
 * Since:     0.1 (contract W3) */
#define mayfly_where(...) mayfly_where_sized(sizeof(mayfly_where_report), __VA_ARGS__)
MAYFLY_API int mayfly_where_sized(size_t report_size, mayfly_place place, const char *near,
                                  mayfly_where_report *ret, mayfly_error *error);

/* Calls `visit` for every candidate of a place in order, proved now and not from memory: the
 * reason, the path, and 0 or the negative errno for which it cannot be used.
 *
 * visit      returns 0 to go on; anything else ends the walk and is returned
 * user       given to `visit`
 *
 * Errors:    -ENOMEM; what `visit` returns
 * Safety:    thread any | fork any | signal no
 * Since:     0.1 */
MAYFLY_API int mayfly_where_candidates(mayfly_place place, const char *near,
                                       int (*visit)(const char *reason, const char *path, int code,
                                                    void *user),
                                       void *user, mayfly_error *error);

MAYFLY_END_DECLS

#endif
