/* SPDX-License-Identifier: MIT
 *
 * A temporary directory that goes away with everything in it.
 *
 *     mayfly_auto(mayfly_dir) dir = NULL;
 *     if (mayfly_temporary_directory(&(mayfly_dir_options){.prefix = "job_"}, &dir, &error) < 0)
 *         ...
 *     mayfly_auto(mayfly_file) out = NULL;
 *     mayfly_dir_file(dir, "result.csv", NULL, &out, &error);
 *
 * It is removed when the handle is closed, or at the end of the process (exit, return from main).
 * A forked child's copy of the handle removes nothing.
 */
#ifndef MAYFLY_DIR_H
#define MAYFLY_DIR_H

#include <mayfly/file.h>
#include <mayfly/mkstemp.h>
#include <mayfly/tree.h>

MAYFLY_BEGIN_DECLS

typedef struct mayfly_dir mayfly_dir;

/* Options of mayfly_temporary_directory. Zero and NULL mean the default. */
typedef struct mayfly_dir_options {
    const char *prefix;               /* "tmp"; no '/' */
    const char *suffix;               /* ""; no '/' */
    const char *dir;                  /* existing directory; NULL: as `place` says */
    mayfly_place place;               /* when dir is NULL */
    const char *near;                 /* for MAYFLY_PLACE_NEAR */
    const char *const *fallback_dirs; /* as in mayfly_name_options */
    uint32_t permissions;             /* 0: 0700 */
    bool keep;                        /* tempfile's delete=False: not removed unless asked to */
    bool ignore_cleanup_errors;       /* what cannot be removed is left without a word */
    uint64_t max_bytes; /* what is made in it through the handle may not become more */
    uint64_t max_files; /* (mayfly/quota.h); 0: no limit */
    unsigned random;    /* characters of the name that are random, 8 to 13 (-EINVAL); 0: 13 */
} mayfly_dir_options;

/* Creates a directory (row D1; tempfile.TemporaryDirectory).
 *
 * options    NULL: all defaults
 * ret        receives the handle
 *
 * Ownership: the caller closes the handle.
 * Errors:    as mayfly_mkdtemp
 * Safety:    thread any | fork any | signal no
 * Since:     0.1 */
#define mayfly_temporary_directory(...)                                                            \
    mayfly_temporary_directory_sized(sizeof(mayfly_dir_options), __VA_ARGS__)
MAYFLY_API MAYFLY_MUST_CHECK int mayfly_temporary_directory_sized(size_t options_size,
                                                                  const mayfly_dir_options *options,
                                                                  mayfly_dir **ret,
                                                                  mayfly_error *error);

/* Removes everything below the directory and the directory, and frees the handle, in every case.
 * What is kept (mayfly_dir_keep) is left.
 *
 * dir        the address of the handle, which becomes NULL; NULL is accepted twice over
 *
 * Errors:    MAYFLY_E_LEFTOVER   something is left; unless ignore_cleanup_errors
 *            MAYFLY_E_REPLACED   the name belongs to another directory by now: nothing removed
 * A directory that is gone already is no error.
 * Safety:    thread one-object | fork child-inert | signal no
 * Since:     0.1 */
MAYFLY_API int mayfly_dir_close(mayfly_dir **dir, mayfly_error *error);
MAYFLY_API void mayfly_dir_auto(mayfly_dir **dir);

/* Removes now (tempfile's cleanup()), whether it was to be kept or not; the handle stays until it
 * is closed, its descriptor is closed. A second call does nothing.
 *
 * ret_left   as for mayfly_remove_tree
 *
 * Errors:    as mayfly_dir_close; ignore_cleanup_errors does not hide them here
 * Safety:    thread one-object | fork: MAYFLY_E_FORKED in the child | signal no
 * Since:     0.1 */
MAYFLY_API int mayfly_dir_cleanup(mayfly_dir *dir, mayfly_leftovers **ret_left,
                                  mayfly_error *error);

/* The absolute path. Ownership: the handle's. Safety: thread any | fork any | signal yes.
 * Since: 0.1 */
MAYFLY_API const char *mayfly_dir_path(const mayfly_dir *dir);

/* An open descriptor of the directory, for openat(2) and its kin; -1 after a cleanup.
 * Ownership: the handle's. Errors: none. Safety: thread any | fork any | signal yes. Since: 0.1 */
MAYFLY_API int mayfly_dir_fd(const mayfly_dir *dir);

/* Not removed from now on, and removed again from now on. At any time.
 *
 * Errors:    MAYFLY_E_FORKED
 * Safety:    thread one-object | fork: MAYFLY_E_FORKED in the child | signal no
 * Since:     0.1 */
MAYFLY_API int mayfly_dir_keep(mayfly_dir *dir, mayfly_error *error);
MAYFLY_API int mayfly_dir_unkeep(mayfly_dir *dir, mayfly_error *error);

/* Creates a new file in the directory, with its name or a path below ("a/b.txt": "a" must exist).
 * The path never leaves the directory: no component may be ".." or a symbolic link.
 * The file goes with the directory; closing its handle leaves it.
 *
 * options    mode, permissions, encoding, buffering and their like are used; where the file goes
 *            and what it is called is given here, so prefix, suffix, dir, place and
 *            fallback_dirs must be unset. Secret files: encrypted on disk.
 *            With .mode = "r..." an existing file is opened, with "a..." opened or created;
 *            with "w..." and "x..." it is created
 *
 * Ownership: the caller closes the handle; before or after the directory's.
 * Errors:    -EEXIST  there is one of that name (modes w and x); -ENOENT there is none (mode r)
 *            -EINVAL  the path is absolute, empty or has a ".." component; an option is set
 *                     that has no meaning here
 *            -ELOOP   a component is a symbolic link
 *            else as mayfly_named_temporary_file
 * Safety:    thread any | fork any | signal no
 * Since:     0.1 */
#define mayfly_dir_file(...) mayfly_dir_file_sized(sizeof(mayfly_file_options), __VA_ARGS__)
MAYFLY_API MAYFLY_MUST_CHECK int mayfly_dir_file_sized(size_t options_size, const mayfly_dir *dir,
                                                       const char *path,
                                                       const mayfly_file_options *options,
                                                       mayfly_file **ret, mayfly_error *error);

/* Makes a directory below, and those on the way that are missing, with mode 0700.
 *
 * Errors:    -EEXIST  it is there already; -EINVAL, -ELOOP as mayfly_dir_file; else mkdirat(2)'s
 * Safety:    thread any | fork any | signal no
 * Since:     0.1 */
MAYFLY_API int mayfly_dir_mkdir(const mayfly_dir *dir, const char *path, mayfly_error *error);

MAYFLY_END_DECLS

#endif
