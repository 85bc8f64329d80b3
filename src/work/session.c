/* SPDX-License-Identifier: MIT
 *
 * Named values with snapshots.
 *
 * Invariants  the values are one dict, the root of a document of the session's own. What cannot be
 *             copied into it leaves it as it was.
 *             The index of a kept session names only files that are complete, on the disk as well:
 *             they are synced before it is. It is replaced whole, and files that it no longer names
 *             are removed afterwards.
 */
#define _GNU_SOURCE
#include <mayfly/replace.h>
#include <mayfly/session.h>
#include <mayfly/struct.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "../base/base.h"

#define INDEX  "session.pickle"
#define FORMAT "mayfly session 1"

/* What the index file has, as it stands there. Names of files have no directory. */
typedef struct snapshot {
    char *time;
    char *description;
    uint64_t object_count;
    char *file;
    char *path; /* of it; not in the index */
} snapshot;

typedef struct contents {
    char *format;
    char *name;
    char *objects; /* the file with the values; NULL: not saved */
    snapshot *snapshots;
    size_t count;
} contents;

MAYFLY_STRUCT(snapshot_type, snapshot, MAYFLY_FIELD(snapshot, time),
              MAYFLY_FIELD(snapshot, description), MAYFLY_FIELD(snapshot, object_count),
              MAYFLY_FIELD(snapshot, file));
MAYFLY_STRUCT(contents_type, contents, MAYFLY_FIELD(contents, format), MAYFLY_FIELD(contents, name),
              MAYFLY_FIELD(contents, objects),
              MAYFLY_FIELD_STRUCT_COUNTED(contents, snapshots, count, snapshot_type));

struct mayfly_session {
    contents is;
    mayfly_dir *dir; /* NULL: opened again */
    char *path;
    mayfly_doc *doc;
    uint64_t lean; /* bytes of the document when it held nothing but the values */
    uint64_t process;
    bool kept;
};

/* ---- making and ending ----------------------------------------------------------------------- */

static void free_snapshot(const snapshot *s) {
    free(s->time);
    free(s->description);
    free(s->file);
    free(s->path);
}

int mayfly_session_close(mayfly_session **session, mayfly_error *error) {
    if (session == NULL || *session == NULL)
        return 0;
    mayfly_session *ending = mfi_take(*session);
    const int r = mayfly_dir_close(&ending->dir, error);
    mayfly_doc_free(&ending->doc);
    for (size_t i = 0; i < ending->is.count; i++)
        free_snapshot(ending->is.snapshots + i);
    free(ending->is.snapshots);
    free(ending->is.format);
    free(ending->is.name);
    free(ending->is.objects);
    free(ending->path);
    free(ending);
    return r;
}

void mayfly_session_auto(mayfly_session **session) {
    (void)mayfly_session_close(session, NULL);
}

/* An empty dict in a new document. */
static int new_doc(mayfly_doc **ret, mayfly_error *error) {
    mayfly_auto(mayfly_doc) doc = NULL;
    int r = mayfly_doc_new(NULL, &doc, error);
    if (r < 0)
        return r;
    mayfly_doc_set_root(doc, mayfly_dict_new(doc));
    r = mayfly_doc_failed(doc, error);
    if (r == 0)
        *ret = mfi_take(doc);
    return r;
}

/* Whether a text can be written at all: found out now, not when the session is kept. */
static int check_text(const char *text, mayfly_error *error) {
    mayfly_auto(mayfly_doc) doc = NULL;
    const int r = mayfly_doc_new(NULL, &doc, error);
    if (r < 0)
        return r;
    (void)mayfly_str_new(doc, text, MAYFLY_ALL);
    return mayfly_doc_failed(doc, error);
}

int mayfly_session_new_sized(size_t options_size, const char *name,
                             const mayfly_session_options *options, mayfly_session **ret,
                             mayfly_error *error) {
    mayfly_session_options known;
    int r = mfi_options_import(&known, sizeof known, options, options_size, "session", error);
    if (r < 0)
        return r;
    mayfly_auto(mayfly_session) session = mfi_sys.calloc(1, sizeof *session);
    if (session == NULL)
        return mfi_fail_memory(error, sizeof *session);
    session->process = mfi_process();
    session->is.name = mfi_strdup(name);
    session->is.format = mfi_strdup(FORMAT);
    if (session->is.name == NULL || session->is.format == NULL)
        return mfi_fail_memory(error, strlen(name));
    r = check_text(name, error);
    if (r == 0)
        r = new_doc(&session->doc, error);
    if (r == 0)
        r = mayfly_temporary_directory(
            &(mayfly_dir_options){.prefix = known.prefix == NULL ? "session_" : known.prefix,
                                  .dir = known.dir,
                                  .place = known.place},
            &session->dir, error);
    if (r < 0)
        return r;
    session->path = mfi_strdup(mayfly_dir_path(session->dir));
    if (session->path == NULL)
        return mfi_fail_memory(error, sizeof *session);
    *ret = mfi_take(session);
    return 0;
}

const char *mayfly_session_name(const mayfly_session *session) {
    return session->is.name;
}

const char *mayfly_session_path(const mayfly_session *session) {
    return session->path;
}

static int need_own(const mayfly_session *session, mayfly_error *error) {
    if (session->process != mfi_process())
        return mfi_fail(error, MAYFLY_E_FORKED, "session", session->path,
                        "the session is the parent process's; it can be kept, and opened here");
    return 0;
}

/* ---- values ---------------------------------------------------------------------------------- */

mayfly_value mayfly_session_objects(const mayfly_session *session) {
    return mayfly_doc_root(session->doc);
}

mayfly_value mayfly_session_get(const mayfly_session *session, const char *name) {
    return mayfly_get(mayfly_doc_root(session->doc), name);
}

/* A document remembers what was replaced, and its failure: a copy does not. If there is no memory
 * for one, all goes on with what there is. */
static void renew(mayfly_session *session) {
    mayfly_auto(mayfly_doc) doc = NULL;
    if (mayfly_doc_new(NULL, &doc, NULL) < 0)
        return;
    mayfly_doc_set_root(doc, mayfly_copy(doc, mayfly_doc_root(session->doc)));
    if (mayfly_doc_failed(doc, NULL) < 0)
        return;
    mayfly_doc_free(&session->doc);
    session->doc = mfi_take(doc);
    session->lean = mayfly_doc_bytes(session->doc);
}

static void renew_if_wasteful(mayfly_session *session) {
    if (mayfly_doc_bytes(session->doc) > 2 * session->lean + (1 << 20))
        renew(session);
}

/* 0, or why the document cannot be used. */
static int need_sound(mayfly_session *session, mayfly_error *error) {
    if (mayfly_doc_failed(session->doc, NULL) < 0)
        renew(session);
    return mayfly_doc_failed(session->doc, error);
}

int mayfly_session_put(mayfly_session *session, const char *name, mayfly_value value,
                       mayfly_error *error) {
    mayfly_doc *const doc = session->doc;
    if (mayfly_kind_of(value) == MAYFLY_ABSENT)
        return mfi_fail(error, -EINVAL, "session", name, "there is no value to put");
    const mayfly_value copy = mayfly_copy(doc, value);
    if (mayfly_doc_failed(doc, NULL) == 0)
        (void)mayfly_dict_put(doc, mayfly_doc_root(doc), name, copy);
    const int r = mayfly_doc_failed(doc, error);
    if (r < 0)
        renew(session);
    else
        renew_if_wasteful(session);
    return r;
}

int mayfly_session_remove(mayfly_session *session, const char *name, mayfly_error *error) {
    int r = need_sound(session, error);
    if (r < 0)
        return r;
    if (mayfly_kind_of(mayfly_session_get(session, name)) == MAYFLY_ABSENT)
        return mfi_fail(error, -ENOENT, "session", name, "there is no object of that name");
    const mayfly_value key = mayfly_str_new(session->doc, name, MAYFLY_ALL);
    if (key.bits != 0)
        (void)mayfly_dict_remove(session->doc, mayfly_doc_root(session->doc), key);
    r = mayfly_doc_failed(session->doc, error);
    if (r < 0)
        renew(session);
    return r;
}

/* ---- files ----------------------------------------------------------------------------------- */

/* Snapshots of the time when nothing of the session was to stay. */
static int sync_snapshots(const mayfly_session *session, mayfly_error *error) {
    for (size_t i = 0; i < session->is.count; i++) {
        const char *path = session->is.snapshots[i].path;
        mfi_auto_fd fd = mfi_sys.openat(AT_FDCWD, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC, 0);
        const int r = fd < 0 ? fd : mfi_sys.fsync(fd);
        if (r < 0 && r != -ENOENT) /* that it is gone is told by who wants it */
            return mfi_fail_call(error, r, "fsync", path, -1);
    }
    return 0;
}

/* Dumps the values to a file of the session, and gives its name there. */
static int write_objects(mayfly_session *session, const char *prefix, char **ret,
                         mayfly_error *error) {
    mayfly_auto(mayfly_file) file = NULL;
    int r = need_sound(session, error);
    if (r < 0)
        return r;
    r = mayfly_dump(
        session->doc, mayfly_doc_root(session->doc),
        &(mayfly_dump_options){.prefix = prefix, .suffix = ".pickle", .dir = session->path}, &file,
        error);
    if (r < 0)
        return r;
    mfi_auto_free char *name = mfi_strdup(strrchr(mayfly_file_path(file), '/') + 1);
    if (name == NULL)
        return mfi_fail_memory(error, 0);
    /* From here on the directory's lifetime is the file's. */
    r = session->kept ? mayfly_file_sync(file, error) : 0;
    if (r == 0)
        r = mayfly_file_keep(file, error);
    if (r == 0)
        r = mayfly_file_close(&file, error);
    if (r == 0)
        *ret = mfi_take(name);
    return r;
}

static char *path_of(const mayfly_session *session, const char *file) {
    return mfi_format("%s/%s", session->path, file);
}

static void remove_file(const mayfly_session *session, const char *file) {
    mfi_auto_free char *path = file == NULL ? NULL : path_of(session, file);
    if (path != NULL)
        (void)mfi_sys.unlinkat(AT_FDCWD, path, 0);
}

static bool is_snapshot(const contents *is, const char *file) {
    for (size_t i = 0; i < is->count; i++)
        if (strcmp(is->snapshots[i].file, file) == 0)
            return true;
    return false;
}

static int write_index(const mayfly_session *session, const contents *is, mayfly_error *error) {
    mfi_auto_free char *data = NULL;
    size_t size;
    mfi_auto_free char *path = path_of(session, INDEX);
    if (path == NULL)
        return mfi_fail_memory(error, 0);
    mayfly_auto(mayfly_doc) doc = NULL;
    int r = mayfly_doc_new(NULL, &doc, error);
    if (r == 0)
        r = mayfly_dumps(doc, mayfly_struct_new(doc, &contents_type, is), NULL, &data, &size,
                         error);
    if (r == 0)
        r = mayfly_replace_with(path, data, size, &(mayfly_replace_options){.permissions = 0600},
                                error);
    return r;
}

/* Makes `next` what the session is, on the disk if it is kept. The file of values that is named no
 * more is removed. Takes next->objects if it succeeds. */
static int become(mayfly_session *session, const contents *next, mayfly_error *error) {
    if (session->kept) {
        const int r = write_index(session, next, error);
        if (r < 0)
            return r;
    }
    char *old = session->is.objects;
    session->is = *next;
    if (old != NULL && old != next->objects) {
        if (!is_snapshot(next, old) && (next->objects == NULL || strcmp(next->objects, old) != 0))
            remove_file(session, old);
        free(old);
    }
    return 0;
}

int mayfly_session_keep(mayfly_session *session, mayfly_error *error) {
    int r = need_own(session, error);
    if (r < 0)
        return r;
    contents next = session->is;
    mfi_auto_free char *file = NULL;
    const bool before = session->kept;
    session->kept = true;
    r = before ? 0 : sync_snapshots(session, error);
    if (r == 0)
        r = write_objects(session, "objects_", &file, error);
    if (r < 0) {
        session->kept = before;
        return r;
    }
    next.objects = file;
    if (!before && session->dir != NULL)
        r = mayfly_dir_keep(session->dir, error);
    if (r == 0)
        r = become(session, &next, error);
    if (r == 0) {
        (void)mfi_take(file);
        return 0;
    }
    session->kept = before;
    if (!before && session->dir != NULL)
        (void)mayfly_dir_unkeep(session->dir, NULL);
    remove_file(session, file);
    return r;
}

/* ---- snapshots ------------------------------------------------------------------------------- */

/* As datetime.now().isoformat(): without a fraction where it is zero. New memory. */
static char *now(void) {
    struct timespec ts;
    struct tm tm;
    char fraction[24] = "";
    if (clock_gettime(CLOCK_REALTIME, &ts) < 0 || localtime_r(&ts.tv_sec, &tm) == NULL)
        return mfi_strdup("1970-01-01T00:00:00");
    if (ts.tv_nsec >= 1000)
        (void)snprintf(fraction, sizeof fraction, ".%06ld", ts.tv_nsec / 1000);
    return mfi_format("%04d-%02d-%02dT%02d:%02d:%02d%s", tm.tm_year + 1900, tm.tm_mon + 1,
                      tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, fraction);
}

/* Everything of a snapshot but its file. */
static int describe(const mayfly_session *session, const char *description, snapshot *ret,
                    mayfly_error *error) {
    ret->time = now();
    ret->description = mfi_strdup(description);
    ret->object_count = mayfly_count(mayfly_doc_root(session->doc));
    return ret->time == NULL || ret->description == NULL
               ? mfi_fail_memory(error, strlen(description))
               : 0;
}

static int add_snapshot(mayfly_session *session, snapshot *made, mayfly_error *error) {
    contents next = session->is;
    made->path = path_of(session, made->file);
    mfi_auto_free char *file = mfi_strdup(made->file);
    snapshot *snapshots =
        mfi_sys.realloc(next.snapshots, (next.count + 1) * sizeof *next.snapshots);
    if (snapshots != NULL)
        session->is.snapshots = next.snapshots = snapshots;
    if (snapshots == NULL || made->path == NULL || file == NULL)
        return mfi_fail_memory(error, (next.count + 1) * sizeof *snapshots);
    next.snapshots[next.count++] = *made;
    next.objects = file;
    const int r = become(session, &next, error);
    if (r == 0)
        (void)mfi_take(file);
    return r;
}

int64_t mayfly_session_snapshot(mayfly_session *session, const char *description,
                                mayfly_error *error) {
    snapshot made = {0};
    const char *const text = description == NULL ? "" : description;
    int r = need_own(session, error);
    if (r == 0)
        r = check_text(text, error);
    if (r == 0)
        r = describe(session, text, &made, error);
    if (r == 0)
        r = write_objects(session, "snapshot_", &made.file, error);
    if (r == 0)
        r = add_snapshot(session, &made, error);
    if (r == 0)
        return (int64_t)session->is.count - 1;
    remove_file(session, made.file);
    free_snapshot(&made);
    return r;
}

size_t mayfly_session_count(const mayfly_session *session) {
    return session->is.count;
}

static int need_index(const mayfly_session *session, int64_t index, mayfly_error *error) {
    if (index >= 0 && (uint64_t)index < session->is.count)
        return 0;
    return mfi_fail(error, -ERANGE, "session", session->is.name,
                    "there is no snapshot %lld, but %zu of them, from 0", (long long)index,
                    session->is.count);
}

int mayfly_session_look(const mayfly_session *session, int64_t index, mayfly_snapshot *ret,
                        mayfly_error *error) {
    const int r = need_index(session, index, error);
    if (r < 0)
        return r;
    const snapshot *s = session->is.snapshots + index;
    *ret = (mayfly_snapshot){.time = s->time,
                             .description = s->description,
                             .object_count = s->object_count,
                             .path = s->path};
    return 0;
}

/* Reads a file of values into a new document. */
static int read_objects(const mayfly_session *session, const char *path, mayfly_doc **ret,
                        mayfly_error *error) {
    mayfly_auto(mayfly_doc) doc = NULL;
    const int r =
        mayfly_load_path(path, &(mayfly_load_options){.flags = MAYFLY_ONE_ONLY}, &doc, error);
    if (r == -ENOENT)
        return mfi_fail(error, MAYFLY_E_VANISHED, "session", path,
                        "this file of the session \"%s\" is gone", session->is.name);
    if (r < 0)
        return r;
    if (mayfly_kind_of(mayfly_doc_root(doc)) != MAYFLY_DICT)
        return mfi_fail(error, MAYFLY_E_SYNTAX, "session", path,
                        "%s instead of a dict of the session's objects",
                        mayfly_kind_name(mayfly_kind_of(mayfly_doc_root(doc))));
    *ret = mfi_take(doc);
    return 0;
}

static void take_objects(mayfly_session *session, mayfly_doc **doc) {
    mayfly_doc_free(&session->doc);
    session->doc = mfi_take(*doc);
    session->lean = mayfly_doc_bytes(session->doc);
}

int mayfly_session_restore(mayfly_session *session, int64_t index, mayfly_error *error) {
    mayfly_auto(mayfly_doc) doc = NULL;
    int r = session->kept ? need_own(session, error) : 0;
    if (r == 0)
        r = need_index(session, index, error);
    if (r == 0)
        r = read_objects(session, session->is.snapshots[index].path, &doc, error);
    if (r < 0)
        return r;
    if (session->kept) {
        contents next = session->is;
        mfi_auto_free char *file = mfi_strdup(session->is.snapshots[index].file);
        if (file == NULL)
            return mfi_fail_memory(error, 0);
        next.objects = file;
        r = become(session, &next, error);
        if (r < 0)
            return r;
        (void)mfi_take(file);
    }
    take_objects(session, &doc);
    return 0;
}

/* ---- going on -------------------------------------------------------------------------------- */

/* What an index says is checked: it may name files of its directory only. */
static int check_contents(mayfly_session *session, const char *index, mayfly_error *error) {
    contents *is = &session->is;
    int r = is->format == NULL || is->name == NULL || strcmp(is->format, FORMAT) != 0 ? -EINVAL : 0;
    if (r == 0 && is->objects != NULL)
        r = mfi_check_name(is->objects, NULL);
    for (size_t i = 0; r == 0 && i < is->count; i++) {
        snapshot *s = is->snapshots + i;
        if (s->time == NULL || s->description == NULL || s->file == NULL)
            r = -EINVAL;
        else
            r = mfi_check_name(s->file, NULL);
        if (r < 0)
            break;
        s->path = path_of(session, s->file);
        if (s->path == NULL)
            return mfi_fail_memory(error, strlen(s->file));
    }
    return r == 0 ? 0
                  : mfi_fail(error, MAYFLY_E_SYNTAX, "session", index,
                             "this is not the index of a session");
}

static int read_index(mayfly_session *session, mayfly_error *error) {
    mayfly_error why;
    mayfly_auto(mayfly_doc) doc = NULL;
    mfi_auto_free char *path = path_of(session, INDEX);
    if (path == NULL)
        return mfi_fail_memory(error, 0);
    int r = mayfly_load_path(
        path, &(mayfly_load_options){.flags = MAYFLY_ONE_ONLY | MAYFLY_PLAIN_ONLY}, &doc, error);
    if (r < 0)
        return r;
    r = mayfly_load_struct(&contents_type, mayfly_doc_root(doc), NULL, &session->is, &why);
    if (r < 0 && r != -ENOMEM)
        return mfi_fail(error, MAYFLY_E_SYNTAX, "session", path,
                        "this is not the index of a session: %s", why.message);
    return r < 0 ? mfi_fail_memory(error, 0) : check_contents(session, path, error);
}

int mayfly_session_open(const char *path, mayfly_session **ret, mayfly_error *error) {
    mayfly_auto(mayfly_session) session = mfi_sys.calloc(1, sizeof *session);
    if (session == NULL)
        return mfi_fail_memory(error, sizeof *session);
    session->process = mfi_process();
    session->kept = true;
    int r = mfi_absolute(path, &session->path, error);
    if (r == 0)
        r = read_index(session, error);
    if (r < 0)
        return r;
    mayfly_auto(mayfly_doc) doc = NULL;
    if (session->is.objects == NULL) {
        r = new_doc(&doc, error);
    } else {
        mfi_auto_free char *file = path_of(session, session->is.objects);
        r = file == NULL ? mfi_fail_memory(error, 0) : read_objects(session, file, &doc, error);
    }
    if (r < 0)
        return r;
    take_objects(session, &doc);
    *ret = mfi_take(session);
    return 0;
}
