/* SPDX-License-Identifier: MIT
 *
 * Many temporary files and directories with one end (row K2; tempfile-guide.md,
 * SafeTemporaryManager).
 *
 *     mayfly_auto(mayfly_manager) manager = NULL;
 *     mayfly_manager_new(&manager, NULL);
 *     mayfly_file *table;                      // the manager's: not to be closed here
 *     mayfly_manager_file(manager, &(mayfly_file_options){.suffix = ".csv"}, &table, &error);
 *
 * Everything goes when the manager is closed, or at the end of the process; one that cannot be
 * removed does not keep the others.
 */
#ifndef MAYFLY_MANAGER_H
#define MAYFLY_MANAGER_H

#include <mayfly/dir.h>
#include <mayfly/file.h>

MAYFLY_BEGIN_DECLS

typedef struct mayfly_manager mayfly_manager;

/* Makes a manager that owns nothing yet. Ownership: the caller closes the manager. Errors: -ENOMEM.
 * Safety: thread any | fork any | signal no. Since: 0.1 */
MAYFLY_API MAYFLY_MUST_CHECK int mayfly_manager_new(mayfly_manager **ret, mayfly_error *error);

/* Creates a named file or a directory that the manager owns.
 *
 * Ownership: *ret is the manager's, until it is cleaned up or closed.
 * Errors:    as mayfly_named_temporary_file and mayfly_temporary_directory
 * Safety:    thread any, by a lock | fork: the child's belong to the child | signal no
 * Since:     0.1 */
#define mayfly_manager_file(...) mayfly_manager_file_sized(sizeof(mayfly_file_options), __VA_ARGS__)
MAYFLY_API MAYFLY_MUST_CHECK int mayfly_manager_file_sized(size_t options_size,
                                                           mayfly_manager *manager,
                                                           const mayfly_file_options *options,
                                                           mayfly_file **ret, mayfly_error *error);
#define mayfly_manager_dir(...) mayfly_manager_dir_sized(sizeof(mayfly_dir_options), __VA_ARGS__)
MAYFLY_API MAYFLY_MUST_CHECK int mayfly_manager_dir_sized(size_t options_size,
                                                          mayfly_manager *manager,
                                                          const mayfly_dir_options *options,
                                                          mayfly_dir **ret, mayfly_error *error);

/* Hands a handle over to the manager, or takes one back out of it.
 *
 * Ownership: adopt takes *file / *dir and makes it NULL on success; take gives it back.
 * Errors:    -ENOMEM (adopt; the handle stays the caller's); -ENOENT (take: it is not the
 *            manager's)
 * Safety:    thread any | fork any | signal no
 * Since:     0.1 */
MAYFLY_API int mayfly_manager_adopt_file(mayfly_manager *manager, mayfly_file **file,
                                         mayfly_error *error);
MAYFLY_API int mayfly_manager_adopt_dir(mayfly_manager *manager, mayfly_dir **dir,
                                        mayfly_error *error);
MAYFLY_API int mayfly_manager_take_file(mayfly_manager *manager, mayfly_file *file,
                                        mayfly_error *error);
MAYFLY_API int mayfly_manager_take_dir(mayfly_manager *manager, mayfly_dir *dir,
                                       mayfly_error *error);

/* How many it owns. Safety: thread any | fork any | signal no. Since: 0.1 */
MAYFLY_API size_t mayfly_manager_count(mayfly_manager *manager);

/* Closes and removes everything it owns, the newest first; the manager can be used on.
 *
 * Errors:    the first that went wrong; the message says how many did. All are tried.
 * Safety:    thread any | fork: the parent's are let go, not removed | signal no
 * Since:     0.1 */
MAYFLY_API int mayfly_manager_cleanup(mayfly_manager *manager, mayfly_error *error);

/* The same, and frees the manager; NULL is accepted twice over. Errors: as mayfly_manager_cleanup.
 * Safety: thread one-object | fork child-inert | signal no. Since: 0.1 */
MAYFLY_API int mayfly_manager_close(mayfly_manager **manager, mayfly_error *error);
MAYFLY_API void mayfly_manager_auto(mayfly_manager **manager);

MAYFLY_END_DECLS

#endif
