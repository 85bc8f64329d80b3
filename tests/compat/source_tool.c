/* SPDX-License-Identifier: MIT
 *
 * Extracts functions as it is told on standard input, for source_corpus.py. A case is a line
 * "form program function output"; the answer "code form embedded bytes unit-bytes microseconds
 * line" and a tab with the error's sentence or why it is no closure. The text is written to
 * `output`.
 */
#define _GNU_SOURCE
#include <mayfly/source.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void write_text(const char *path, const mayfly_source *source) {
    size_t size;
    const char *text = mayfly_source_text(source, &size);
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(text, 1, size, file) != size || fclose(file) != 0)
        abort();
}

static void one_case(const char *form, const char *program, const char *name, const char *path) {
    mayfly_source *source = NULL;
    mayfly_error error = {0};
    const bool closure = strcmp(form, "closure") == 0;
    const mayfly_source_options options = {.form =
                                               closure ? MAYFLY_SOURCE_CLOSURE : MAYFLY_SOURCE_AUTO,
                                           .unchecked = closure,
                                           .changed = true};
    const double before = now();
    const int r = mayfly_source_of_program(program, name, &options, &source, &error);
    const double spent = now() - before;
    size_t size = 0;
    if (r == 0) {
        (void)mayfly_source_text(source, &size);
        write_text(path, source);
    }
    printf("%d %d %d %zu %zu %.0f %u\t%s\n", r, r == 0 ? (int)mayfly_source_formed(source) : 0,
           r == 0 && mayfly_source_embedded(source), size,
           r == 0 ? mayfly_source_unit_size(source) : 0, spent,
           r == 0 ? mayfly_source_line(source) : 0,
           r == 0 ? mayfly_source_why(source) : error.message);
    (void)fflush(stdout);
    mayfly_source_free(&source);
}

int main(void) {
    char *line = NULL;
    size_t room = 0;
    while (getline(&line, &room, stdin) > 0) {
        char form[16], program[2048], name[512], path[2048];
        if (sscanf(line, "%15s %2047s %511s %2047s", form, program, name, path) != 4)
            return 2;
        one_case(form, program, name, path);
    }
    free(line);
    return 0;
}
