/* SPDX-License-Identifier: MIT
 *
 * What a session has, as JSON: byte for byte what Python's json.dump(..., indent=2) writes of it.
 */
#define _GNU_SOURCE
#include <mayfly/replace.h>
#include <mayfly/session.h>

#include <stdlib.h>

#include "../base/base.h"

#ifdef MFI_HAVE_JSON
#include <jansson.h>

static void unref(json_t **json) {
    json_decref(*json);
}

#define auto_json __attribute__((cleanup(unref))) json_t

static int fail(const mayfly_session *session, mayfly_error *error) {
    return mfi_fail(error, -EILSEQ, "export", mayfly_session_path(session),
                    "a text has a lone surrogate, which JSON in UTF-8 cannot have");
}

/* jansson does not tell want of memory from a text that JSON cannot have. */
static int add(json_t *array, json_t *item) {
    return item == NULL ? -EILSEQ : json_array_append_new(array, item) < 0 ? -ENOMEM : 0;
}

static int add_snapshots(const mayfly_session *session, json_t *array) {
    mayfly_snapshot s;
    int r = 0;
    for (int64_t i = 0; r == 0 && mayfly_session_look(session, i, &s, NULL) == 0; i++)
        r = add(array, json_pack("{s:s, s:s, s:I}", "timestamp", s.time, "description",
                                 s.description, "object_count", (json_int_t)s.object_count));
    return r;
}

static int add_names(const mayfly_session *session, json_t *array) {
    mayfly_value key, value;
    int r = 0;
    for (size_t i = 0; r == 0 && mayfly_pair(mayfly_session_objects(session), i, &key, &value);
         i++) {
        size_t size;
        const char *name = mayfly_str_get(key, &size);
        r = name == NULL ? -EINVAL : add(array, json_stringn(name, size));
    }
    return r;
}

/* jansson has \u001F, Python \u001f. */
static void lower_escapes(char *text) {
    for (char *c = text; *c != '\0'; c++) {
        if (*c != '\\')
            continue;
        c++;
        for (int i = 1; *c == 'u' && i <= 4; i++)
            if (c[i] >= 'A' && c[i] <= 'F')
                c[i] = (char)(c[i] - 'A' + 'a');
    }
}

static int write_json(const json_t *json, const char *path, mayfly_error *error) {
    mfi_auto_free char *text = json_dumps(json, JSON_INDENT(2) | JSON_ENSURE_ASCII);
    if (text == NULL)
        return mfi_fail_memory(error, 0);
    lower_escapes(text);
    return mayfly_replace_with(path, text, strlen(text), NULL, error);
}

int mayfly_session_export(const mayfly_session *session, const char *path, mayfly_error *error) {
    auto_json *json = json_object();
    json_t *snapshots = json_array(), *names = json_array();
    json_t *name = json_string(mayfly_session_name(session));
    int r = json_object_set_new(json, "session_name", name);
    r |= json_object_set_new(json, "snapshots", snapshots);
    r |= json_object_set_new(json, "current_objects", names);
    if (r < 0)
        return json != NULL && name == NULL ? fail(session, error) : mfi_fail_memory(error, 0);
    r = add_snapshots(session, snapshots);
    if (r == 0)
        r = add_names(session, names);
    if (r == -EILSEQ)
        return fail(session, error);
    if (r == -EINVAL)
        return mfi_fail(error, r, "export", mayfly_session_path(session),
                        "an object's name is not a str");
    return r < 0 ? mfi_fail_memory(error, 0) : write_json(json, path, error);
}

#else

int mayfly_session_export(const mayfly_session *session, const char *path, mayfly_error *error) {
    (void)session;
    return mfi_fail(error, -ENOTSUP, "export", path,
                    "the library was built without jansson, which writes JSON");
}

#endif
