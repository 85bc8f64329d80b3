/* SPDX-License-Identifier: MIT
 *
 * Finding and running the system's compiler.
 */
#ifndef MFI_SOURCE_COMPILER_H
#define MFI_SOURCE_COMPILER_H

#include "flags.h"

/* Finds a program as execvp(3) would. 0, -ENOENT or -ENOMEM. */
int mfi_find_program(const char *name, char **ret_path, struct stat *ret);

struct mfi_running {
    const char *program; /* its path */
    char **arguments;    /* NULL-terminated; the first is its name */
    const char *scratch; /* where it puts temporary files; NULL: where it is used to */
    int input, output;   /* its standard streams: the text, and what it says */
    const char *path;    /* of the text, for messages; or NULL */
    const char *operation;
};

/* Runs it to its end, with messages in English. Its wait status, or an error:
 * MAYFLY_E_NO_COMPILER, -ENOMEM; as posix_spawn(3). */
int mfi_run_compiler(const struct mfi_running *how, mayfly_error *error);

/* The line of a compiler's messages that tells of an error, or else the first one. */
const char *mfi_first_error(const char *text, size_t *ret_size);

/* A descriptor above the standard streams, where the child's would be laid over it; the one that
 * was given is closed if it is another one. Errors are handed on. */
int mfi_above_standard(int fd);

/* All of a file, whatever its position. 0 or -errno. */
int mfi_read_fd(int fd, struct mfi_buffer *ret);

#endif
