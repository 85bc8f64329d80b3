/* SPDX-License-Identifier: MIT
 *
 * Functions in buffers and in data: dill-temp.md "IO Buffer Operations" and the functions of
 * DevelopmentSession.
 */
#include "example.h"

#include <mayfly/namespace.h>

MAYFLY_EMBED_SOURCE();

static int64_t square(int64_t x) {
    return x * x;
}

static int64_t cube(int64_t x) {
    return x * square(x);
}

static int64_t fibonacci(int64_t n) {
    return n <= 1 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

typedef int64_t of_number(int64_t);

/* A function as a value, to be put beside others. */
static mayfly_value function_value(mayfly_doc *doc, const mayfly_source *source) {
    const mayfly_c_function function = {.name = mayfly_source_name(source),
                                        .source = mayfly_source_text(source, NULL),
                                        .signature = mayfly_source_signature(source),
                                        .flags = mayfly_source_flags(source)};
    return mayfly_c_function_new(doc, &function);
}

#define FUNCTION(doc, function, source)                                                            \
    (try(mayfly_source_extract(function, NULL, &(source), &error)), function_value(doc, source))

static int64_t call(mayfly_value function, int64_t argument) {
    mayfly_auto(mayfly_namespace) loaded = NULL;
    try(mayfly_load_source_value(function, NULL, &loaded, &error));
    return ((of_number *)mayfly_namespace_function(loaded, NULL))(argument);
}

static void source_in_a_buffer(void) {
    mayfly_auto(mayfly_file) buffer = NULL;
    mayfly_auto(mayfly_namespace) loaded = NULL;
    try(mayfly_dump_source_io(cube, NULL, &buffer, &error));
    printf("Source code buffer length: %lld characters\n",
           (long long)try(mayfly_file_size(buffer, &error)));
    try(mayfly_load_source_file(buffer, NULL, &loaded, &error));
    of_number *function = (of_number *)mayfly_namespace_function(loaded, "cube");
    printf("Function from source buffer: %lld\n", (long long)function(3));
    expect(function(3) == 27, "27");
}

static void functions_in_data(void) {
    mayfly_auto(mayfly_doc) doc = NULL;
    mayfly_auto(mayfly_doc) again = NULL;
    mayfly_auto(mayfly_source) of_square = NULL;
    mayfly_auto(mayfly_source) of_cube = NULL;
    mayfly_auto(mayfly_file) buffer = NULL;
    try(mayfly_doc_new(NULL, &doc, &error));
    const mayfly_value data = mayfly_dict_new(doc), functions = mayfly_list_new(doc);
    try(mayfly_list_append(doc, functions, FUNCTION(doc, square, of_square)));
    try(mayfly_list_append(doc, functions, FUNCTION(doc, cube, of_cube)));
    try(mayfly_dict_put(doc, data, "functions", functions));

    try(mayfly_dump_io(doc, data, NULL, &buffer, &error));
    try(mayfly_load(buffer, NULL, &again, &error));
    const mayfly_value restored = mayfly_get(mayfly_doc_root(again), "functions");
    printf("Square function: %lld\n", (long long)call(mayfly_item(restored, 0), 5));
    expect(call(mayfly_item(restored, 0), 5) == 25, "25");
    expect(call(mayfly_item(restored, 1), 5) == 125, "125");
}

static void functions_in_a_session(void) {
    mayfly_auto(mayfly_doc) doc = NULL;
    mayfly_auto(mayfly_session) session = NULL;
    mayfly_auto(mayfly_source) source = NULL;
    try(mayfly_doc_new(NULL, &doc, &error));
    try(mayfly_session_new("algorithm_development", NULL, &session, &error));
    try(mayfly_session_put(session, "fib_func", FUNCTION(doc, fibonacci, source), &error));
    try(mayfly_session_snapshot(session, "Initial development state", &error));
    try(mayfly_session_remove(session, "fib_func", &error));
    try(mayfly_session_restore(session, 0, &error));
    const int64_t result = call(mayfly_session_get(session, "fib_func"), 20);
    printf("fibonacci(20) of the restored session: %lld\n", (long long)result);
    expect(result == fibonacci(20), "the same as of the original");
}

int main(void) {
    source_in_a_buffer();
    functions_in_data();
    functions_in_a_session();
    return 0;
}
