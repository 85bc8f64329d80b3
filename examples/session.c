/* SPDX-License-Identifier: MIT
 *
 * Snapshots of what one is working on: dill-temp.md DevelopmentSession. A function cannot be dumped
 * in C; the processor is a struct.
 */
#include "example.h"

typedef struct processor {
    int64_t multiplier;
} processor;
MAYFLY_CLASS(processor_type, processor, "__main__", "DataProcessor",
             MAYFLY_FIELD(processor, multiplier));

static void add_object(mayfly_session *session, const char *name, mayfly_value value) {
    try(mayfly_session_put(session, name, value, &error));
    printf("Added %s to session\n", name);
}

static void take_snapshot(mayfly_session *session, const char *description) {
    const int64_t index = try(mayfly_session_snapshot(session, description, &error));
    printf("Snapshot taken: %lld total snapshots\n", (long long)index + 1);
}

/* [x * multiplier for x in data], with what the session has. */
static mayfly_value process(mayfly_doc *doc, mayfly_session *session) {
    processor by;
    const mayfly_value data = mayfly_session_get(session, "test_data");
    const mayfly_value results = mayfly_list_new(doc);
    try(mayfly_load_struct(&processor_type, mayfly_session_get(session, "processor"), NULL, &by,
                           &error));
    for (size_t i = 0; i < mayfly_count(data); i++) {
        int64_t x;
        try(mayfly_int_get(mayfly_item(data, i), &x, &error));
        try(mayfly_list_append(doc, results, mayfly_int_new(doc, x * by.multiplier)));
    }
    return results;
}

static void list_snapshots(const mayfly_session *session) {
    mayfly_snapshot s;
    for (int64_t i = 0; (size_t)i < mayfly_session_count(session); i++) {
        try(mayfly_session_look(session, i, &s, &error));
        printf("%lld: %s - %s (%llu objects)\n", (long long)i, s.time, s.description,
               (unsigned long long)s.object_count);
    }
}

int main(void) {
    mayfly_auto(mayfly_session) session = NULL;
    mayfly_auto(mayfly_doc) doc = NULL;
    try(mayfly_session_new("algorithm_development", NULL, &session, &error));
    try(mayfly_doc_new(NULL, &doc, &error));

    const mayfly_value data = mayfly_list_new(doc);
    for (int64_t i = 1; i <= 5; i++)
        try(mayfly_list_append(doc, data, mayfly_int_new(doc, i)));
    add_object(session, "processor",
               mayfly_struct_new(doc, &processor_type, &(processor){.multiplier = 2}));
    add_object(session, "test_data", data);
    take_snapshot(session, "Initial development state");

    add_object(session, "processor",
               mayfly_struct_new(doc, &processor_type, &(processor){.multiplier = 3}));
    add_object(session, "results", process(doc, session));
    int64_t last;
    try(mayfly_int_get(mayfly_item(mayfly_session_get(session, "results"), 4), &last, &error));
    expect(last == 15, "five times three");
    take_snapshot(session, "After modifications");
    list_snapshots(session);

    try(mayfly_session_restore(session, 0, &error));
    expect(mayfly_count(mayfly_session_objects(session)) == 2, "the first two objects");
    expect(mayfly_session_restore(session, 9, &error) == -ERANGE, "an invalid index");

    mayfly_auto(mayfly_dir) out = NULL; /* in place of the working directory */
    char path[4096];
    try(mayfly_temporary_directory(NULL, &out, &error));
    snprintf(path, sizeof path, "%s/dev_session.json", mayfly_dir_path(out));
    const int exported = mayfly_session_export(session, path, &error);
    expect(exported == 0 || exported == -ENOTSUP, "the session's JSON, if there is jansson");
    printf("Session info exported to %s\n", path);
    return 0;
}
