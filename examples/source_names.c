/* SPDX-License-Identifier: MIT
 *
 * Functions of other programs: their source, what is known of them, and all that a loaded file has;
 * dill-temp.md "Source Code Operations", looked at more closely.
 */
#include "example.h"

#include <mayfly/namespace.h>

MAYFLY_EMBED_SOURCE();

static int rounds = 3;

static int doubled(int x) {
    return 2 * x;
}

/* A function that the program itself never calls: any that it has can be asked for. */
int grow(int x);
int grow(int x) {
    for (int i = 0; i < rounds; i++)
        x = doubled(x);
    return x;
}

static void tell(const mayfly_source *source) {
    printf("%s:%u: %s\n", mayfly_source_path(source), mayfly_source_line(source),
           mayfly_source_signature(source));
    printf("the text was %s\n", mayfly_source_embedded(source) ? "in the program" : "in its file");
    if (mayfly_source_formed(source) != MAYFLY_SOURCE_CLOSURE)
        printf("not by itself: %s\n", mayfly_source_why(source));
    size_t size = 0;
    (void)mayfly_source_text(source, &size);
    printf("%zu bytes of a file of %zu\n", size, mayfly_source_unit_size(source));
    for (size_t i = 0; mayfly_source_need(source, i) != NULL; i++)
        printf("it needs %s, which is elsewhere\n", mayfly_source_need(source, i));
    expect(mayfly_source_line(source) > 10 && mayfly_source_need(source, 0) == NULL, "all of it");
}

/* This program stands for another: it is read, and not run. */
static void of_a_program(mayfly_file *file) {
    mayfly_source *source = NULL;
    size_t size = 0;
    try(mayfly_source_of_program("/proc/self/exe", "grow", NULL, &source, &error));
    tell(source);
    const char *text = mayfly_source_text(source, &size);
    try(mayfly_file_write(file, text, size, &error));
    try(mayfly_file_flush(file, &error));
    mayfly_source_free(&source);
}

static void all_names(mayfly_file *file) {
    mayfly_namespace *ns = NULL;
    try(mayfly_load_source(mayfly_file_path(file), NULL, &ns, &error));
    for (size_t i = 0; i < mayfly_namespace_count(ns); i++) {
        const char *name = mayfly_namespace_name(ns, i);
        const char *signature = mayfly_namespace_signature(ns, name);
        printf("  %s\n", signature != NULL ? signature : name);
    }
    expect(mayfly_namespace_diagnostics(ns)[0] == '\0', "no warnings");
    int *copy = mayfly_namespace_symbol(ns, "rounds");
    int (*grown)(int) = (int (*)(int))mayfly_namespace_function(ns, "grow");
    *copy = 1; /* its own, not the program's */
    expect(grown(5) == 10 && rounds == 3, "10");
    try(mayfly_namespace_close(&ns, &error));
}

/* With arguments and result as texts, as `mayfly call` does it. */
static void called_with_texts(mayfly_file *file) {
    char *result = NULL;
    try(mayfly_call_source(mayfly_file_path(file), "grow", (const char *[]){"5"}, 1, NULL, &result,
                           &error));
    printf("grow(5) is %s\n", result);
    expect(strcmp(result, "40") == 0, "40");
    free(result);
}

/* What is carried in data can be looked at before it is loaded. */
static void seen_in_data(void) {
    mayfly_auto(mayfly_doc) doc = NULL;
    mayfly_c_function seen;
    try(mayfly_doc_new(NULL, &doc, &error));
    const mayfly_c_function function = {.name = "twice",
                                        .source = "int twice(int x) { return 2 * x; }"};
    const mayfly_value value = mayfly_c_function_new(doc, &function);
    try(mayfly_c_function_get(value, &seen, &error));
    printf("%s: %s\n", seen.name, seen.source);
}

int main(void) {
    mayfly_auto(mayfly_file) file = NULL;
    try(mayfly_named_temporary_file(&(mayfly_file_options){.suffix = ".c"}, &file, &error));
    of_a_program(file);
    all_names(file);
    called_with_texts(file);
    seen_in_data();
    return 0;
}
