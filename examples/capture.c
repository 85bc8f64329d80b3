/* SPDX-License-Identifier: MIT
 *
 * Capturing output: dill-temp.md "Stream Capture". What is caught is what the process prints, not
 * what one language's print does: write(2) and the commands that it runs as well.
 */
#include "example.h"

static const char *noisy_function(void) {
    printf("Starting processing...\n");
    printf("Processing item 1\n");
    fflush(stdout);
    if (system("echo 'Processing item 2'") != 0) /* a child process */
        exit(1);
    printf("Processing complete!\n");
    return "Result";
}

static const char *error_function(void) {
    printf("This goes to stdout\n");
    fprintf(stderr, "This goes to stderr\n");
    return "Done";
}

/* As Python's repr() would show it, for text of this kind. */
static void print_repr(const char *what, const char *text) {
    printf("%s: '", what);
    for (; *text != '\0'; text++)
        printf(*text == '\n' ? "\\n" : "%c", *text);
    printf("'\n");
}

static void capture_stdout(void) {
    mayfly_auto(mayfly_capture) capture = NULL;
    const char *text;
    size_t size;
    try(mayfly_capture(MAYFLY_STDOUT, NULL, &capture, &error));
    const char *result = noisy_function();
    try(mayfly_capture_end(capture, &error));
    try(mayfly_capture_text(capture, MAYFLY_STDOUT, &text, &size, &error));
    printf("Captured stdout (%zu chars):\n", size);
    print_repr(result, text);
    expect(strcmp(text, "Starting processing...\nProcessing item 1\nProcessing item 2\n"
                        "Processing complete!\n") == 0,
           "all four lines, in their order");
}

static void capture_stderr(void) {
    mayfly_auto(mayfly_capture) capture = NULL;
    const char *text;
    try(mayfly_capture(MAYFLY_STDERR, NULL, &capture, &error));
    error_function(); /* its standard output appears */
    try(mayfly_capture_end(capture, &error));
    try(mayfly_capture_text(capture, MAYFLY_STDERR, &text, NULL, &error));
    print_repr("Captured stderr", text);
    expect(strcmp(text, "This goes to stderr\n") == 0, "the standard error alone");
}

static void capture_both_streams(void) {
    mayfly_auto(mayfly_capture) capture = NULL;
    const char *out, *err;
    try(mayfly_capture(MAYFLY_STDOUT | MAYFLY_STDERR, NULL, &capture, &error));
    const char *result = error_function();
    try(mayfly_capture_end(capture, &error));
    try(mayfly_capture_text(capture, MAYFLY_STDOUT, &out, NULL, &error));
    try(mayfly_capture_text(capture, MAYFLY_STDERR, &err, NULL, &error));
    printf("Function result: %s\n", result);
    print_repr("Stdout", out);
    print_repr("Stderr", err);
    expect(strcmp(out, "This goes to stdout\n") == 0 && strcmp(err, "This goes to stderr\n") == 0,
           "each stream has its own text");
}

static void count(void *context, unsigned stream, const char *line, size_t size) {
    (void)stream;
    (void)line;
    *(size_t *)context += size;
}

/* Seen as it comes, and only the end kept: for programs that print without end. */
static void capture_the_end(void) {
    mayfly_auto(mayfly_capture) capture = NULL;
    const char *text;
    size_t printed = 0;
    try(mayfly_capture(MAYFLY_STDOUT,
                       &(mayfly_capture_options){.max_bytes = 12,
                                                 .full = MAYFLY_CAPTURE_DROP_OLDEST,
                                                 .on_line = count,
                                                 .context = &printed},
                       &capture, &error));
    for (int i = 0; i < 1000; i++)
        printf("line %d\n", i);
    try(mayfly_capture_end(capture, &error));
    try(mayfly_capture_text(capture, MAYFLY_STDOUT, &text, NULL, &error));
    print_repr("The last of it", text);
    expect(strcmp(text, "98\nline 999\n") == 0, "the last twelve bytes");
    expect(printed == 10 * 7 + 90 * 8 + 900 * 9, "every line was seen");
}

int main(void) {
    capture_stdout();
    capture_stderr();
    capture_both_streams();
    capture_the_end();
    return 0;
}
