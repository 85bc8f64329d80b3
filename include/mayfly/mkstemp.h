/* SPDX-License-Identifier: MIT
 *
 * The low level: a file or directory is made, the caller owns it and removes it.
 *
 * Names are `prefix`, 13 random characters (65 bits from getrandom(2)), `suffix`. They are created
 * exclusively, so a name is never one that existed; another is tried only when the name was taken,
 * 100 times at the most. Permissions hold whatever the umask is, and the umask is not touched.
 */
#ifndef MAYFLY_MKSTEMP_H
#define MAYFLY_MKSTEMP_H

#include <mayfly/where.h>

MAYFLY_BEGIN_DECLS

/* Where a new thing goes and what it is called. Zero and NULL mean the default. */
typedef struct mayfly_name_options {
    const char *prefix;               /* "tmp"; no '/' */
    const char *suffix;               /* ""; no '/' */
    const char *dir;                  /* existing directory; NULL: as `place` says */
    mayfly_place place;               /* when dir is NULL */
    const char *near;                 /* for MAYFLY_PLACE_NEAR */
    const char *const *fallback_dirs; /* NULL-terminated, tried in order where the directory has
                                         no room, has vanished or may not be written; or NULL */
    uint32_t permissions;             /* 0: 0600 for files, 0700 for directories */
    unsigned random; /* characters of the name that are random, 8 to 13 (-EINVAL); 0: 13 */
} mayfly_name_options;

/* Creates and opens a temporary file.
 *
 * options    NULL: all defaults
 * ret_path   receives the absolute path
 * Returns the descriptor, open for reading and writing and closed on exec.
 *
 * Ownership: the caller closes the descriptor, removes the file and frees the path.
 * Errors:    -EINVAL    prefix or suffix holds '/' or is too long
 *            -EEXIST    100 names were all taken (never seen)
 *            -EACCES, -ENOENT, -ENOTDIR, -ENOSPC, -EDQUOT, -EROFS, -EMFILE, ... as openat(2); the
 *                       message names the directory, and for want of room what is free
 *            MAYFLY_E_OPTION, -ENOMEM
 * Safety:    thread any | fork any | signal no
 * Since:     0.1 (contract L1; tempfile.mkstemp) */
#define mayfly_mkstemp(...) mayfly_mkstemp_sized(sizeof(mayfly_name_options), __VA_ARGS__)
MAYFLY_API MAYFLY_MUST_CHECK int mayfly_mkstemp_sized(size_t options_size,
                                                      const mayfly_name_options *options,
                                                      char **ret_path, mayfly_error *error);

/* Creates a temporary directory.
 *
 * Returns 0 and the absolute path.
 *
 * Ownership: the caller removes it (mayfly_remove_tree) and frees the path.
 * Errors:    as mayfly_mkstemp
 * Safety:    thread any | fork any | signal no
 * Since:     0.1 (contract L2; tempfile.mkdtemp) */
#define mayfly_mkdtemp(...) mayfly_mkdtemp_sized(sizeof(mayfly_name_options), __VA_ARGS__)
MAYFLY_API MAYFLY_MUST_CHECK int mayfly_mkdtemp_sized(size_t options_size,
                                                      const mayfly_name_options *options,
                                                      char **ret_path, mayfly_error *error);

/* Invents a name and creates nothing: between this call and the use of the name anybody can take
 * it. Kept because it is documented (tempfile.mktemp); use mayfly_mkstemp.
 *
 * Ownership: the caller frees the path.
 * Errors:    as mayfly_mkstemp
 * Safety:    thread any | fork any | signal no
 * Since:     0.1 (contract L3), deprecated from the beginning */
#define mayfly_mktemp(...) mayfly_mktemp_sized(sizeof(mayfly_name_options), __VA_ARGS__)
MAYFLY_API MAYFLY_MUST_CHECK
    __attribute__((deprecated("the name can be taken by somebody else before it is used; "
                              "use mayfly_mkstemp"))) int
    mayfly_mktemp_sized(size_t options_size, const mayfly_name_options *options, char **ret_path,
                        mayfly_error *error);

MAYFLY_END_DECLS

#endif
