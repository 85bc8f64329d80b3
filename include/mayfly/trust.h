/* SPDX-License-Identifier: MIT
 *
 * Whose word a file is: who can have written it, asked before its content is loaded, executed or
 * obeyed. mayfly_load_path asks by these rules, and so may a program for what it reads itself:
 *
 *     const int fd = mayfly_trust_open(path, NULL, &error);
 *     if (fd < 0)
 *         return fprintf(stderr, "%s\n", error.message), 1;
 *
 * A file is this user's word if it belongs to the effective user of this process or to root, and
 * neither its group nor others may write it. Asked is the open file and not its name: whoever
 * exchanges the name meanwhile gains nothing. Not asked is who may rename in the directories above
 * (mayfly_load_source does), and what access control lists give beyond the mode's group bits.
 */
#ifndef MAYFLY_TRUST_H
#define MAYFLY_TRUST_H

#include <mayfly/error.h>

MAYFLY_BEGIN_DECLS

/* What is waived. */
enum {
    MAYFLY_TRUST_ANY_OWNER = 1u << 0, /* whose it is and who may write it */
    MAYFLY_TRUST_ANY_KIND = 1u << 1,  /* that it is a regular file; of a pipe or a terminal the
                                         owner alone counts, and opening may wait (fifo(7)) */
    MAYFLY_TRUST_FOLLOW = 1u << 2,    /* that it is no link: what the link leads to is asked */
};

typedef struct mayfly_trust_options {
    unsigned flags;        /* MAYFLY_TRUST_ANY_OWNER, ... */
    const char *operation; /* what the sentence of an error begins with; NULL: "open" */
    const char *way_out;   /* and what that of -EPERM ends with, how this program's user says that
                              it is meant: "if that is meant, say --force"; NULL: nothing */
} mayfly_trust_options;

/* Opens a file for reading that nobody but this user and root can have written. The descriptor
 * stands at its start and is closed on exec. Nothing is waited for: a FIFO is refused at once.
 *
 * path       followed like any but for its last component, which must be no link
 * options    NULL: all defaults, nothing is waived
 * Returns the descriptor.
 *
 * Ownership: the caller closes the descriptor.
 * Errors:    -EPERM   it belongs to another user than this process's and root, or its group or
 *                     others may write it
 *            -EINVAL  it is no regular file; unknown flags
 *            -ELOOP   it is a symbolic link
 *            -ENOENT, -EACCES, -ENXIO, ... as open(2); MAYFLY_E_OPTION
 * Costs:     openat and fstat
 * Safety:    thread any | fork any | signal no
 * Since:     0.1 (contract O4) */
#define mayfly_trust_open(...) mayfly_trust_open_sized(sizeof(mayfly_trust_options), __VA_ARGS__)
MAYFLY_API MAYFLY_MUST_CHECK int mayfly_trust_open_sized(size_t options_size, const char *path,
                                                         const mayfly_trust_options *options,
                                                         mayfly_error *error);

/* The same of a file that is open already, whoever opened it.
 *
 * fd         open in any mode; its position is not moved
 * path       for the sentence of an error; NULL: it names none
 * options    as above; MAYFLY_TRUST_FOLLOW makes no difference
 * Returns 0 if it is this user's word.
 *
 * Ownership: the descriptor stays the caller's.
 * Errors:    -EPERM, -EINVAL   as mayfly_trust_open
 *            -EBADF, ...       as fstat(2); MAYFLY_E_OPTION
 * Costs:     fstat
 * Safety:    thread any | fork any | signal no
 * Since:     0.1 (contract O4) */
#define mayfly_trust_check(...) mayfly_trust_check_sized(sizeof(mayfly_trust_options), __VA_ARGS__)
MAYFLY_API MAYFLY_MUST_CHECK int mayfly_trust_check_sized(size_t options_size, int fd,
                                                          const char *path,
                                                          const mayfly_trust_options *options,
                                                          mayfly_error *error);

MAYFLY_END_DECLS

#endif
