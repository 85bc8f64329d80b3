/* SPDX-License-Identifier: MIT
 *
 * Values in temporary files and buffers (rows O1 and O2; dill.temp's dump, load, dumpIO, loadIO).
 *
 *     mayfly_auto(mayfly_file) file = NULL;
 *     mayfly_dump(doc, mayfly_doc_root(doc), NULL, &file, &error);
 *     run("python3", "report.py", mayfly_file_path(file));    // reads it with pickle
 *
 *     mayfly_auto(mayfly_doc) again = NULL;
 *     mayfly_load_path(path, NULL, &again, &error);
 */
#ifndef MAYFLY_DUMP_H
#define MAYFLY_DUMP_H

#include <mayfly/file.h>
#include <mayfly/pickle.h>
#include <mayfly/trust.h>

MAYFLY_BEGIN_DECLS

/* Dumps a value to a named temporary file, flushed and positioned at its start. If anything fails
 * there is no file.
 *
 * options    NULL: all defaults; prefix, suffix, dir, keep, secret, protocol
 *
 * Ownership: the caller closes the file, which removes it unless it is kept.
 * Errors:    as mayfly_dumps and mayfly_named_temporary_file
 * Safety:    thread one-object | fork any | signal no
 * Since:     0.1 (contract O1) */
#define mayfly_dump(...) mayfly_dump_sized(sizeof(mayfly_dump_options), __VA_ARGS__)
MAYFLY_API MAYFLY_MUST_CHECK int mayfly_dump_sized(size_t options_size, mayfly_doc *doc,
                                                   mayfly_value value,
                                                   const mayfly_dump_options *options,
                                                   mayfly_file **ret, mayfly_error *error);

/* Dumps a value to a file in memory, positioned at its start (dumpIO). Everything as above. */
#define mayfly_dump_io(...) mayfly_dump_io_sized(sizeof(mayfly_dump_options), __VA_ARGS__)
MAYFLY_API MAYFLY_MUST_CHECK int mayfly_dump_io_sized(size_t options_size, mayfly_doc *doc,
                                                      mayfly_value value,
                                                      const mayfly_dump_options *options,
                                                      mayfly_file **ret, mayfly_error *error);

/* Writes a value at the position of any file, a FILE or a descriptor. Errors: as mayfly_dumps and
 * mayfly_file_write, fwrite(3), write(2). Safety: thread one-object | fork any | signal no.
 * Since: 0.1 */
#define mayfly_dump_file(...)   mayfly_dump_file_sized(sizeof(mayfly_dump_options), __VA_ARGS__)
#define mayfly_dump_stream(...) mayfly_dump_stream_sized(sizeof(mayfly_dump_options), __VA_ARGS__)
#define mayfly_dump_fd(...)     mayfly_dump_fd_sized(sizeof(mayfly_dump_options), __VA_ARGS__)
MAYFLY_API MAYFLY_MUST_CHECK int mayfly_dump_file_sized(size_t options_size, mayfly_doc *doc,
                                                        mayfly_value value,
                                                        const mayfly_dump_options *options,
                                                        mayfly_file *file, mayfly_error *error);
MAYFLY_API MAYFLY_MUST_CHECK int mayfly_dump_stream_sized(size_t options_size, mayfly_doc *doc,
                                                          mayfly_value value,
                                                          const mayfly_dump_options *options,
                                                          FILE *stream,
                                                          mayfly_error *error); /* as above */
MAYFLY_API MAYFLY_MUST_CHECK int mayfly_dump_fd_sized(size_t options_size, mayfly_doc *doc,
                                                      mayfly_value value,
                                                      const mayfly_dump_options *options, int fd,
                                                      mayfly_error *error); /* as above */

/* Loads the pickle at the position of a file, a FILE or a descriptor; the position is then behind
 * it (of a pipe, too: not a byte more is read). After an error a file's and a seekable descriptor's
 * is where it was.
 *
 * ret        as mayfly_loads
 *
 * Ownership: the caller frees the document.
 * Errors:    as mayfly_loads and mayfly_file_read, fread(3), read(2)
 * Safety:    thread one-object | fork any | signal no
 * Since:     0.1 (contract O1) */
#define mayfly_load(...)        mayfly_load_sized(sizeof(mayfly_load_options), __VA_ARGS__)
#define mayfly_load_stream(...) mayfly_load_stream_sized(sizeof(mayfly_load_options), __VA_ARGS__)
#define mayfly_load_fd(...)     mayfly_load_fd_sized(sizeof(mayfly_load_options), __VA_ARGS__)
MAYFLY_API MAYFLY_MUST_CHECK int mayfly_load_sized(size_t options_size, mayfly_file *file,
                                                   const mayfly_load_options *options,
                                                   mayfly_doc **ret, mayfly_error *error);
MAYFLY_API MAYFLY_MUST_CHECK int mayfly_load_stream_sized(size_t options_size, FILE *stream,
                                                          const mayfly_load_options *options,
                                                          mayfly_doc **ret,
                                                          mayfly_error *error); /* as above */
MAYFLY_API MAYFLY_MUST_CHECK int mayfly_load_fd_sized(size_t options_size, int fd,
                                                      const mayfly_load_options *options,
                                                      mayfly_doc **ret,
                                                      mayfly_error *error); /* as above */

/* Loads the pickle at the start of a file by its path, which is opened by mayfly_trust_open: a
 * regular file, not through a link in its last component; one that belongs to another user than
 * this process's or root, or that others may write, is refused, unless MAYFLY_LOAD_ANY_OWNER is
 * given.
 *
 * Ownership: the caller frees the document.
 * Errors:    as mayfly_loads; -ENOENT, -EACCES, ... as open(2); -ELOOP a link; -EPERM another
 *            user's, or writable by others; -EINVAL no regular file
 * Safety:    thread any | fork any | signal no
 * Since:     0.1 (contract O1, O4) */
#define mayfly_load_path(...) mayfly_load_path_sized(sizeof(mayfly_load_options), __VA_ARGS__)
MAYFLY_API MAYFLY_MUST_CHECK int mayfly_load_path_sized(size_t options_size, const char *path,
                                                        const mayfly_load_options *options,
                                                        mayfly_doc **ret, mayfly_error *error);

/* Loads from a buffer (loadIO): mayfly_loads under dill.temp's name. */
#define mayfly_load_io(...) mayfly_loads(__VA_ARGS__)

MAYFLY_END_DECLS

#endif
