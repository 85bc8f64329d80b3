/* SPDX-License-Identifier: MIT
 *
 * Process A of source_trip.sh: puts a live function with the value of a global, a struct and plain
 * data into a session that is kept, and prints its directory.
 */
#include <mayfly/namespace.h>
#include <stdio.h>

#include "trip.h"

MAYFLY_EMBED_SOURCE();

static int64_t factor = 1;

static double one(const box *of) {
    return of->width * of->height;
}

static double area(const box *of) {
    return one(of) * (double)(of->count * factor);
}

static int fail(const mayfly_error *error) {
    (void)fprintf(stderr, "%s\n", error->message);
    return 1;
}

int main(void) {
    mayfly_auto(mayfly_doc) doc = NULL;
    mayfly_auto(mayfly_source) source = NULL;
    mayfly_auto(mayfly_session) session = NULL;
    mayfly_error error;
    const box mine = {1.5, 4, 10};
    factor = 7;
    const mayfly_source_value values[] = {{"factor", &factor, sizeof factor}, {0}};
    const mayfly_source_options options = {.values = values};
    if (area(&mine) != 420 || mayfly_source_extract(area, &options, &source, &error) < 0)
        return fail(&error);
    if (mayfly_doc_new(NULL, &doc, &error) < 0)
        return fail(&error);
    const mayfly_c_function function = {.name = mayfly_source_name(source),
                                        .source = mayfly_source_text(source, NULL),
                                        .signature = mayfly_source_signature(source),
                                        .flags = mayfly_source_flags(source)};
    if (mayfly_session_new("trip", NULL, &session, &error) < 0 ||
        mayfly_session_put(session, "area", mayfly_c_function_new(doc, &function), &error) < 0 ||
        mayfly_session_put(session, "box", mayfly_struct_new(doc, &box_type, &mine), &error) < 0 ||
        mayfly_session_put(session, "said", mayfly_str_new(doc, "by A", MAYFLY_ALL), &error) < 0 ||
        mayfly_session_snapshot(session, "before the trip", &error) < 0 ||
        mayfly_session_keep(session, &error) < 0)
        return fail(&error);
    return puts(mayfly_session_path(session)) < 0;
}
