/* SPDX-License-Identifier: MIT
 *
 * Everything that can be asked of a function's source, and of what was loaded; with this program
 * itself as the one that is looked into.
 */
#include "example.h"

#include <mayfly/namespace.h>

MAYFLY_EMBED_SOURCE();

static int counter = 40;

static int count_up(int by) {
    counter += by;
    return counter;
}

/* A function of a program that lies in a file; it is not run. */
static void of_a_program(const char *program) {
    static const char *const forms[] = {"", "what it uses", "after the preprocessor", "the unit"};
    mayfly_source *source = NULL;
    size_t size;
    try(mayfly_source_of_program(program, "count_up", NULL, &source, &error));
    (void)mayfly_source_text(source, &size);
    printf("%s, %s:%u\n", mayfly_source_signature(source), mayfly_source_path(source),
           mayfly_source_line(source));
    printf("%zu bytes of %zu: %s %s\n", size, mayfly_source_unit_size(source),
           forms[mayfly_source_formed(source)], mayfly_source_why(source));
    expect(mayfly_source_embedded(source), "the text is carried by the program");
    expect(mayfly_source_need(source, 0) == NULL, "it needs nothing of other units");

    /* As a value that goes into dumps and sessions, and what is in it. */
    mayfly_auto(mayfly_doc) doc = NULL;
    mayfly_c_function parts;
    try(mayfly_doc_new(NULL, &doc, &error));
    const mayfly_value value = mayfly_c_function_new(
        doc, &(mayfly_c_function){.name = mayfly_source_name(source),
                                  .source = mayfly_source_text(source, NULL),
                                  .signature = mayfly_source_signature(source),
                                  .flags = mayfly_source_flags(source)});
    try(mayfly_c_function_get(value, &parts, &error));
    expect(strcmp(parts.name, "count_up") == 0, "its name");
    mayfly_source_free(&source);
}

/* Its functions and variables, which are its own: this program's counter stays as it is. */
static void of_a_namespace(const char *path) {
    mayfly_namespace *loaded = NULL;
    try(mayfly_load_source(path, NULL, &loaded, &error));
    for (size_t i = 0; i < mayfly_namespace_count(loaded); i++) {
        const char *name = mayfly_namespace_name(loaded, i);
        printf("%s %s\n", mayfly_namespace_function(loaded, name) != NULL ? "function" : "variable",
               name);
    }
    int (*function)(int) = (int (*)(int))mayfly_namespace_function(loaded, "count_up");
    const int *its = mayfly_namespace_symbol(loaded, "counter");
    expect(function(2) == 42 && *its == 42 && counter == 40, "a counter of its own");
    expect(strcmp(mayfly_namespace_diagnostics(loaded), "") == 0, "the compiler says nothing");
    try(mayfly_namespace_close(&loaded, &error));
}

int main(int argc, char **argv) {
    mayfly_auto(mayfly_file) file = NULL;
    of_a_program(argc > 1 ? argv[1] : "/proc/self/exe");
    try(mayfly_dump_source(count_up, NULL, &file, &error));
    of_a_namespace(mayfly_file_path(file));

    char *result = NULL;
    try(mayfly_call_source(mayfly_file_path(file), NULL, (const char *const[]){"2"}, 1, NULL,
                           &result, &error));
    printf("called with texts: %s\n", result);
    expect(strcmp(result, "42") == 0, "42");
    expect(count_up(0) == 40, "40");
    free(result);
    return 0;
}
