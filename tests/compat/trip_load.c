/* SPDX-License-Identifier: MIT
 *
 * Process B of source_trip.sh: opens the session, restores the snapshot, loads the function with
 * the compiler that is named, and calls it with the struct.
 */
#include <mayfly/namespace.h>
#include <stdio.h>

#include "trip.h"

static int fail(const mayfly_error *error) {
    (void)fprintf(stderr, "%s\n", error->message);
    return 1;
}

int main(int argc, char **argv) {
    mayfly_auto(mayfly_session) session = NULL;
    mayfly_auto(mayfly_namespace) ns = NULL;
    mayfly_error error;
    box theirs;
    if (argc != 3)
        return 2;
    const mayfly_load_source_options options = {.compiler = argv[2]};
    if (mayfly_session_open(argv[1], &session, &error) < 0 ||
        mayfly_session_restore(session, 0, &error) < 0 ||
        mayfly_load_struct(&box_type, mayfly_session_get(session, "box"), NULL, &theirs, &error) <
            0 ||
        mayfly_load_source_value(mayfly_session_get(session, "area"), &options, &ns, &error) < 0)
        return fail(&error);
    double (*area)(const box *) = (double (*)(const box *))mayfly_namespace_function(ns, "area");
    return printf("%g %s\n", area(&theirs),
                  mayfly_str_get(mayfly_session_get(session, "said"), NULL)) < 0;
}
