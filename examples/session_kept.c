/* SPDX-License-Identifier: MIT
 *
 * A session that outlives its process: dill-temp.md DevelopmentSession, kept and opened again.
 */
#include "example.h"

static char *first_day(mayfly_doc *doc) {
    mayfly_session *session = NULL;
    try(mayfly_session_new("algorithm_development", NULL, &session, &error));
    try(mayfly_session_put(session, "data", mayfly_int_new(doc, 1), &error));
    try(mayfly_session_snapshot(session, "Initial state", &error));
    try(mayfly_session_put(session, "data", mayfly_int_new(doc, 2), &error));
    try(mayfly_session_put(session, "scratch", mayfly_none_new(doc), &error));
    try(mayfly_session_remove(session, "scratch", &error));
    try(mayfly_session_keep(session, &error));
    char *path = strdup(mayfly_session_path(session));
    try(mayfly_session_close(&session, &error));
    return path;
}

int main(void) {
    mayfly_auto(mayfly_doc) doc = NULL;
    mayfly_session *session = NULL;
    int64_t data;
    try(mayfly_doc_new(NULL, &doc, &error));
    char *path = first_day(doc);

    try(mayfly_session_open(path, &session, &error));
    printf("%s goes on\n", mayfly_session_name(session));
    try(mayfly_int_get(mayfly_session_get(session, "data"), &data, &error));
    expect(data == 2, "where it was left");
    try(mayfly_session_restore(session, 0, &error));
    try(mayfly_int_get(mayfly_session_get(session, "data"), &data, &error));
    expect(data == 1, "the first state");
    try(mayfly_session_close(&session, &error));
    try(mayfly_remove_tree(path, NULL, NULL, &error)); /* it was kept, so it is ours */
    free(path);
    return 0;
}
