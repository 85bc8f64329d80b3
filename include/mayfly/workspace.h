/* SPDX-License-Identifier: MIT
 *
 * A private directory to work in, from which results are carried out when the work has succeeded
 * (row K3; tempfile-guide.md, temporary_workspace and process_pdf_with_temp_workspace).
 *
 *     mayfly_auto(mayfly_workspace) work = NULL;
 *     mayfly_workspace_begin(&(mayfly_workspace_options){.keep_on_error = true}, &work, &error);
 *     mayfly_workspace_copy_in(work, "talk.pdf", "input.pdf", &error);
 *     if (extract(mayfly_workspace_path(work)) < 0)
 *         return -1;                            // kept, to be looked at
 *     mayfly_workspace_carry_out(work, "output/text.txt", "text.txt", 0, &error);
 *     return mayfly_workspace_commit(work, NULL, &error);
 *
 * States   BEGUN -commit-> COMMITTED -> closed: removed
 *          BEGUN -> closed: an error, kept with keep_on_error, else removed
 */
#ifndef MAYFLY_WORKSPACE_H
#define MAYFLY_WORKSPACE_H

#include <mayfly/dir.h>

MAYFLY_BEGIN_DECLS

typedef struct mayfly_workspace mayfly_workspace;

typedef struct mayfly_workspace_options {
    mayfly_dir_options dir; /* where and what it is called; prefix "work_" */
    bool keep_on_error;     /* leave the directory when it is closed without a commit, or when the
                               process ends before */
} mayfly_workspace_options;

/* Makes the directory.
 *
 * Ownership: the caller closes the handle.
 * Errors:    as mayfly_temporary_directory
 * Safety:    thread any | fork any | signal no
 * Since:     0.1 */
#define mayfly_workspace_begin(...)                                                                \
    mayfly_workspace_begin_sized(sizeof(mayfly_workspace_options), __VA_ARGS__)
MAYFLY_API MAYFLY_MUST_CHECK int
mayfly_workspace_begin_sized(size_t options_size, const mayfly_workspace_options *options,
                             mayfly_workspace **ret, mayfly_error *error);

/* The directory's path and the directory itself. Ownership: the workspace's. Safety: thread any |
 * fork any | signal yes. Since: 0.1 */
MAYFLY_API const char *mayfly_workspace_path(const mayfly_workspace *workspace);
MAYFLY_API mayfly_dir *mayfly_workspace_dir(mayfly_workspace *workspace);

/* Copies a file into the workspace; blocks are shared where the file system can. The copy has the
 * mode 0600, or 0700 where the owner may execute the file.
 *
 * source     a regular file, or a link to one
 * name       a path below the workspace, whose directories are made; NULL: the name of the source
 *
 * Errors:    -EEXIST it is there; -EINVAL no regular file, or a name that leads out; as open(2) and
 *            mayfly_file_write
 * Safety:    thread any | fork any | signal no
 * Since:     0.1 */
MAYFLY_API int mayfly_workspace_copy_in(mayfly_workspace *workspace, const char *source,
                                        const char *name, mayfly_error *error);

/* Puts a symbolic link to a file or directory into the workspace, for what is too large to be
 * copied or must be seen as it changes. What is written through the link is written to the source;
 * a link is no result that could be carried out.
 *
 * source     anything that exists; relative ones are of the working directory of now
 * name       one file name; NULL: that of the source
 *
 * Errors:    -EEXIST it is there; -ENOENT there is no source; -EINVAL a name with a '/';
 *            symlinkat(2)'s
 * Safety:    thread any | fork any | signal no
 * Since:     0.1 (contract K3) */
MAYFLY_API int mayfly_workspace_link_in(mayfly_workspace *workspace, const char *source,
                                        const char *name, mayfly_error *error);

/* Names a result: at commit the file `name` in the workspace becomes `target`, replacing it as
 * mayfly_file_persist does. Nothing is moved yet, and the file need not exist yet.
 *
 * target     NULL: the last component of `name`, in the working directory of now
 *
 * Errors:    -EINVAL a name that leads out; -ENOMEM; -EPERM it is committed
 * Safety:    thread one-object | fork any | signal no
 * Since:     0.1 */
MAYFLY_API int mayfly_workspace_carry_out(mayfly_workspace *workspace, const char *name,
                                          const char *target, unsigned persist_flags,
                                          mayfly_error *error);

/* Carries the results out, all or none. First all are brought beside their targets, then all are
 * renamed into place: before the first rename nothing has changed. If one of the renames fails, the
 * targets before it get their old inode back, which a hard link beside them has held; where a file
 * system has no hard links, or one of another user's file is forbidden, they keep the new content.
 * A process that is killed between the renames leaves some done and others not.
 *
 * ret_count  how many targets have the new content, also on failure; NULL: not wanted
 *
 * Errors:    as mayfly_file_persist; -ENOENT a result does not exist; -EPERM committed before
 * Safety:    thread one-object | fork: MAYFLY_E_FORKED in the child | signal no
 * Since:     0.1 */
MAYFLY_API MAYFLY_MUST_CHECK int mayfly_workspace_commit(mayfly_workspace *workspace,
                                                         size_t *ret_count, mayfly_error *error);

/* Removes the directory (see States) and frees the handle; NULL is accepted twice over.
 *
 * Errors:    as mayfly_dir_close
 * Safety:    thread one-object | fork child-inert | signal no
 * Since:     0.1 */
MAYFLY_API int mayfly_workspace_close(mayfly_workspace **workspace, mayfly_error *error);
MAYFLY_API void mayfly_workspace_auto(mayfly_workspace **workspace);

MAYFLY_END_DECLS

#endif
