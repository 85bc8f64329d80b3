/* SPDX-License-Identifier: MIT
 *
 * The source of a live function in a temporary file, and back: dill-temp.md "Source Code
 * Operations".
 */
#include "example.h"

#include <mayfly/namespace.h>

/* This file's text becomes a part of the program, so that its functions can be dumped. */
MAYFLY_EMBED_SOURCE();

/* Doubles what is above a threshold. */
static void example_algorithm(double *data, size_t count, double threshold) {
    for (size_t i = 0; i < count; i++)
        if (data[i] > threshold)
            data[i] *= 2;
}

typedef void algorithm(double *data, size_t count, double threshold);

static void show(const double *data, size_t count) {
    printf("Algorithm result:");
    for (size_t i = 0; i < count; i++)
        printf(" %g", data[i]);
    printf("\n");
}

/* The file is C, for people and compilers. */
static void examine(mayfly_file *file) {
    char line[200];
    const int64_t size = try(mayfly_file_read(file, line, sizeof line - 1, &error));
    line[size] = '\0';
    printf("It begins:\n%.*s\n", (int)strcspn(line, "\n"), line);
}

int main(void) {
    mayfly_auto(mayfly_file) file = NULL;
    mayfly_auto(mayfly_namespace) loaded = NULL;
    double here[] = {0.2, 0.8, 1.5, 0.1, 2.0}, there[] = {0.2, 0.8, 1.5, 0.1, 2.0};
    const size_t count = sizeof here / sizeof *here;

    try(mayfly_dump_source(example_algorithm, NULL, &file, &error));
    printf("Source code saved to: %s\n", mayfly_file_path(file));
    examine(file);

    /* Any program could do this now. */
    try(mayfly_load_source(mayfly_file_path(file), NULL, &loaded, &error));
    algorithm *function = (algorithm *)mayfly_namespace_function(loaded, NULL);
    printf("Loaded function: %s\n", mayfly_namespace_signature(loaded, NULL));
    function(there, count, 0.6);
    show(there, count);
    example_algorithm(here, count, 0.6);
    expect(memcmp(here, there, sizeof here) == 0, "the same as of the original");
    expect(function != example_algorithm, "a function of its own");

    mayfly_namespace *none = NULL;
    const char wrong[] = "int f(int x)\n{\n    return x +;\n}\n";
    expect(mayfly_load_source_io(wrong, MAYFLY_ALL, NULL, &none, &error) == MAYFLY_E_COMPILE,
           "an error");
    printf("A mistake is told: %s\n", error.message);
    return 0;
}
