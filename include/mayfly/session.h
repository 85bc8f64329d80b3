/* SPDX-License-Identifier: MIT
 *
 * A session: named values, and snapshots of them all in temporary files (row P5; dill-temp.md,
 * DevelopmentSession).
 *
 *     mayfly_auto(mayfly_session) session = NULL;
 *     mayfly_session_new("algorithm_development", NULL, &session, &error);
 *     mayfly_session_put(session, "data", value, &error);
 *     mayfly_session_snapshot(session, "Initial state", &error);          // 0
 *     ...
 *     mayfly_session_restore(session, 0, &error);
 *
 * Lifetime   The snapshots lie in a temporary directory of the session (mode 0700, files 0600) and
 *            go with it, unless it is kept: then a later process opens the directory again, and
 *            goes on where mayfly_session_keep, a snapshot or a restoring was last.
 * Values     are copied into the session. What several of them share is shared no more, unless they
 *            are parts of one value.
 * Snapshots  are pickles, one dict of all values each; Python's pickle.load reads them.
 */
#ifndef MAYFLY_SESSION_H
#define MAYFLY_SESSION_H

#include <mayfly/dir.h>
#include <mayfly/dump.h>

MAYFLY_BEGIN_DECLS

typedef struct mayfly_session mayfly_session;

typedef struct mayfly_session_options {
    const char *prefix; /* of the directory; "session_" */
    const char *dir;    /* existing directory; NULL: as `place` says */
    mayfly_place place; /* when dir is NULL */
} mayfly_session_options;

/* One snapshot; valid until the next is taken. */
typedef struct mayfly_snapshot {
    const char *time; /* local, as Python's datetime.isoformat() */
    const char *description;
    uint64_t object_count;
    const char *path;
} mayfly_snapshot;

/* ---- making and ending ----------------------------------------------------------------------- */

/* Begins a session and makes its directory.
 *
 * name       any text; of the session, not of a file
 * options    NULL: all defaults
 *
 * Ownership: the caller closes the handle.
 * Errors:    -EILSEQ the name is not UTF-8; as mayfly_temporary_directory
 * Safety:    thread any | fork any | signal no
 * Since:     0.1 (contract P5) */
#define mayfly_session_new(name, ...)                                                              \
    mayfly_session_new_sized(sizeof(mayfly_session_options), name, __VA_ARGS__)
MAYFLY_API MAYFLY_MUST_CHECK int mayfly_session_new_sized(size_t options_size, const char *name,
                                                          const mayfly_session_options *options,
                                                          mayfly_session **ret,
                                                          mayfly_error *error);

/* Opens a session that was kept, by its directory. It stays kept. One process at a time may use it:
 * of two that change it, the later one's list counts.
 *
 * Ownership: the caller closes the handle.
 * Errors:    -ENOENT          there is no session
 *            MAYFLY_E_SYNTAX  its index is no session's, or names files outside the directory
 *            as mayfly_load_path: another user's, a link, ...
 * Safety:    thread any | fork any | signal no
 * Since:     0.1 (contract P5) */
MAYFLY_API MAYFLY_MUST_CHECK int mayfly_session_open(const char *path, mayfly_session **ret,
                                                     mayfly_error *error);

/* The directory stays, with all snapshots and the values as they are now; the caller owns it. May
 * be called again, to save the values again.
 *
 * Errors:    MAYFLY_E_FORKED; as mayfly_dump and mayfly_replace_with: what was saved before stands
 * Safety:    thread one-object | fork: MAYFLY_E_FORKED in the child | signal no
 * Since:     0.1 (contract P5) */
MAYFLY_API int mayfly_session_keep(mayfly_session *session, mayfly_error *error);

/* Removes the directory, unless it is kept, and frees the handle; NULL is accepted twice over.
 * Errors: as mayfly_dir_close. Safety: thread one-object | fork child-inert | signal no.
 * Since: 0.1 */
MAYFLY_API int mayfly_session_close(mayfly_session **session, mayfly_error *error);
MAYFLY_API void mayfly_session_auto(mayfly_session **session);

/* Name and directory. Ownership: the handle's. Safety: thread any | fork any | signal yes.
 * Since: 0.1 */
MAYFLY_API const char *mayfly_session_name(const mayfly_session *session);
MAYFLY_API const char *mayfly_session_path(const mayfly_session *session);

/* ---- values ---------------------------------------------------------------------------------- */

/* Puts a copy of a value, of any document, under a name, in place of what had the name.
 *
 * Errors:    -EINVAL an absent value; -EILSEQ the name is not UTF-8; -ENOMEM. The session is then
 *            what it was
 * Safety:    thread one-object | fork any | signal no
 * Since:     0.1 (contract P5) */
MAYFLY_API int mayfly_session_put(mayfly_session *session, const char *name, mayfly_value value,
                                  mayfly_error *error);

/* What has the name, or absent; all of them as a dict. They are the session's, not to be changed,
 * and valid until it changes. Safety: thread one-object | fork any | signal no. Since: 0.1 */
MAYFLY_API mayfly_value mayfly_session_get(const mayfly_session *session, const char *name);
MAYFLY_API mayfly_value mayfly_session_objects(const mayfly_session *session);

/* Takes a value out. Errors: -ENOENT there is none of that name; -ENOMEM. Safety: thread one-object
 * | fork any | signal no. Since: 0.1 */
MAYFLY_API int mayfly_session_remove(mayfly_session *session, const char *name,
                                     mayfly_error *error);

/* ---- snapshots ------------------------------------------------------------------------------- */

/* Dumps all values to a new file of the session.
 *
 * description  NULL: ""
 *
 * Returns the snapshot's index, from 0.
 * Errors:    MAYFLY_E_FORKED; -EILSEQ the description is not UTF-8; as mayfly_dump, and of a kept
 *            session mayfly_replace_with. There is no new snapshot then
 * Safety:    thread one-object | fork: MAYFLY_E_FORKED in the child | signal no
 * Since:     0.1 (contract P5) */
MAYFLY_API int64_t mayfly_session_snapshot(mayfly_session *session, const char *description,
                                           mayfly_error *error);

/* The values of a snapshot replace the session's.
 *
 * Errors:    -ERANGE             there is no snapshot of that index
 *            MAYFLY_E_VANISHED   its file is gone
 *            MAYFLY_E_SYNTAX     it is no dict of values
 *            MAYFLY_E_FORKED     of a kept session
 *            as mayfly_load_path, and of a kept session mayfly_replace_with. The values are then
 *            what they were
 * Safety:    thread one-object | fork: MAYFLY_E_FORKED in the child of a kept one | signal no
 * Since:     0.1 (contract P5) */
MAYFLY_API int mayfly_session_restore(mayfly_session *session, int64_t index, mayfly_error *error);

/* How many snapshots there are; one of them. Errors: -ERANGE there is none of that index. Safety:
 * thread one-object | fork any | signal no. Since: 0.1 */
MAYFLY_API size_t mayfly_session_count(const mayfly_session *session);
MAYFLY_API int mayfly_session_look(const mayfly_session *session, int64_t index,
                                   mayfly_snapshot *ret, mayfly_error *error);

/* Writes what there is to a JSON file, replacing it whole, in the form of dill-temp.md's
 * export_session_info: session_name, snapshots (timestamp, description, object_count) and the names
 * of the current_objects.
 *
 * Errors:    -ENOTSUP  a library built without jansson
 *            -EILSEQ   a text with a lone surrogate
 *            -EINVAL   a restored dict has keys that are no str
 *            as mayfly_replace_with
 * Safety:    thread one-object | fork any | signal no
 * Since:     0.1 (contract P5) */
MAYFLY_API int mayfly_session_export(const mayfly_session *session, const char *path,
                                     mayfly_error *error);

MAYFLY_END_DECLS

#endif
