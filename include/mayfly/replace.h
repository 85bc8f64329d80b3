/* SPDX-License-Identifier: MIT
 *
 * Replacing a file: all of the new content, or the old one (row P1).
 *
 *     mayfly_auto(mayfly_replace) replace = NULL;
 *     if (mayfly_replace_begin("settings.json", NULL, &replace, &error) < 0)
 *         ...
 *     mayfly_file_write(mayfly_replace_file(replace), text, size, &error);
 *     if (mayfly_replace_commit(replace, NULL, &error) < 0)
 *         ...                                       // the old settings are still there
 *
 * The new content is a temporary file in the target's directory, without a name where the file
 * system can do that, until one rename(2) puts it in place. A write that failed and was not made
 * good makes the commit fail. A handle that ends without a commit leaves the target alone.
 */
#ifndef MAYFLY_REPLACE_H
#define MAYFLY_REPLACE_H

#include <mayfly/file.h>

MAYFLY_BEGIN_DECLS

typedef struct mayfly_replace mayfly_replace;

/* What is sure after the commit, if the power goes. */
typedef enum mayfly_durability {
    MAYFLY_DURABILITY_CONSISTENT = 0, /* the old content or the new one (fsync(2) before rename) */
    MAYFLY_DURABILITY_FULL,           /* the new one (the directory is synced as well) */
    MAYFLY_DURABILITY_NONE,           /* on some file systems a file of zeros; the fastest */
} mayfly_durability;

/* A target that is a symbolic link. */
typedef enum mayfly_links {
    MAYFLY_LINKS_REPLACE = 0, /* the link is replaced by the file, as rename(2) does */
    MAYFLY_LINKS_FOLLOW,      /* the file it leads to is replaced; leading nowhere is -ENOENT */
    MAYFLY_LINKS_REFUSE,      /* -ELOOP */
} mayfly_links;

/* A target with several names (hard links). */
typedef enum mayfly_hard_links {
    MAYFLY_HARD_LINKS_SPLIT = 0, /* this name gets the new content, the others keep the old one */
    MAYFLY_HARD_LINKS_REFUSE,    /* -EMLINK */
    MAYFLY_HARD_LINKS_IN_PLACE,  /* all get it: written into the old file, which is not atomic; room
                                    for it is made first */
} mayfly_hard_links;

typedef struct mayfly_replace_options {
    mayfly_durability durability;
    mayfly_links links;
    mayfly_hard_links hard_links;
    bool no_clobber;    /* -EEXIST if the target exists */
    bool preserve;      /* owner, mode, ACL and extended attributes of the old one, or fail */
    bool preserve_best; /* as many of them as this user may set */
    const char *backup; /* the old content gets this name, too, in place of what has it; a relative
                           one lies beside the target. NULL: no backup */
    uint32_t permissions; /* 0: those of the old file; of a new one 0666 less what the umask takes.
                             An old one's are never widened */
    const char *mode;     /* as of mayfly_file_options: "w+b"; "w" for text */
    const char *encoding, *newline;
    uint64_t max_bytes; /* 0: no limit */
} mayfly_replace_options;

typedef struct mayfly_replace_result {
    mayfly_persist_result persist; /* how, and whether there was an old one */
    bool atomic;                   /* false: written in place */
    bool backed_up;
} mayfly_replace_result;

/* Begins to replace a file, which may or may not exist.
 *
 * target     a path; relative ones are of the working directory of now
 *
 * Ownership: the caller ends the handle.
 * Errors:    -ELOOP, -EMLINK, -EEXIST   as the options say, now already
 *            -ENOENT                    its directory does not exist
 *            -EISDIR                    it is a directory
 *            -EINVAL                    no file's name, or options that exclude each other; it
 *                                       is a device, a pipe or a socket, or a link to one or to
 *                                       a descriptor (/dev/stdout): write to it instead
 *            as mayfly_temporary_file
 * Safety:    thread any | fork any | signal no
 * Since:     0.1 (contract P1; rename(2), g_file_set_contents_full) */
#define mayfly_replace_begin(target, ...)                                                          \
    mayfly_replace_begin_sized(sizeof(mayfly_replace_options), target, __VA_ARGS__)
MAYFLY_API MAYFLY_MUST_CHECK int mayfly_replace_begin_sized(size_t options_size, const char *target,
                                                            const mayfly_replace_options *options,
                                                            mayfly_replace **ret,
                                                            mayfly_error *error);

/* The file to write the new content to; it is the handle's. After a commit it stands for the
 * target. Safety: thread one-object | fork any | signal no. Since: 0.1 */
MAYFLY_API mayfly_file *mayfly_replace_file(mayfly_replace *replace);

/* Puts the new content in place.
 *
 * ret        tells how; NULL: not wanted
 *
 * Errors:    as mayfly_file_persist: the target is what it was, and it can be tried again
 *            -EPERM  it was committed before
 * Safety:    thread one-object | fork: MAYFLY_E_FORKED in the child | signal no
 * Since:     0.1 */
#define mayfly_replace_commit(replace, ...)                                                        \
    mayfly_replace_commit_sized(sizeof(mayfly_replace_result), replace, __VA_ARGS__)
MAYFLY_API MAYFLY_MUST_CHECK int mayfly_replace_commit_sized(size_t result_size,
                                                             mayfly_replace *replace,
                                                             mayfly_replace_result *ret,
                                                             mayfly_error *error);

/* Ends the handle; without a commit the target is left alone. NULL is accepted twice over.
 *
 * Errors:    as mayfly_file_close
 * Safety:    thread one-object | fork child-inert | signal no
 * Since:     0.1 */
MAYFLY_API int mayfly_replace_end(mayfly_replace **replace, mayfly_error *error);
MAYFLY_API void mayfly_replace_auto(mayfly_replace **replace);

/* All of it in one call.
 * Errors: as mayfly_replace_begin, mayfly_file_write and mayfly_replace_commit.
 * Safety: thread any | fork any | signal no. Since: 0.1 */
#define mayfly_replace_with(target, data, size, ...)                                               \
    mayfly_replace_with_sized(sizeof(mayfly_replace_options), target, data, size, __VA_ARGS__)
MAYFLY_API MAYFLY_MUST_CHECK int mayfly_replace_with_sized(size_t options_size, const char *target,
                                                           const void *data, size_t size,
                                                           const mayfly_replace_options *options,
                                                           mayfly_error *error);

MAYFLY_END_DECLS

#endif
