/* SPDX-License-Identifier: MIT
 *
 * Text and binary: tempfile-guide.md "File Modes and Text Handling"; tempfile-deep-dive.md
 * "Understanding File Modes and Text vs Binary".
 */
#include "example.h"

static void round_trip(const char *mode, const char *encoding, const char *text) {
    mayfly_auto(mayfly_file) file = NULL;
    char *content = NULL;
    size_t size = 0;
    try(mayfly_named_temporary_file(&(mayfly_file_options){.mode = mode, .encoding = encoding},
                                    &file, &error));
    try(mayfly_file_write(file, text, strlen(text), &error));
    try(mayfly_file_flush(file, &error));
    try(mayfly_file_seek(file, 0, SEEK_SET, &error));
    try(mayfly_file_read_all(file, &content, &size, &error));
    printf("%s, %s: %lld bytes in the file: %s\n", mode,
           encoding == NULL ? "no encoding" : encoding, (long long)mayfly_file_size(file, NULL),
           content);
    expect(strcmp(content, text) == 0, "what was written comes back");
    free(content);
}

int main(void) {
    round_trip("w+t", "utf-8", "Hello, \xe4\xb8\x96\xe7\x95\x8c!");
    round_trip("w+t", "utf-16", "Hello, \xe4\xb8\x96\xe7\x95\x8c!");
    round_trip("w+b", NULL, "Hello, world!");
    round_trip("r+", NULL, "Initial data");

    mayfly_auto(mayfly_file) lines = NULL;
    char *line = NULL;
    size_t capacity = 0;
    try(mayfly_named_temporary_file(&(mayfly_file_options){.mode = "w+t", .newline = "\r\n"},
                                    &lines, &error));
    try(mayfly_file_write(lines, "This is text data\nLine 2\n", 25, &error));
    expect(mayfly_file_size(lines, NULL) == 27, "each \\n became \\r\\n");
    try(mayfly_file_seek(lines, 0, SEEK_SET, &error));
    while (try(mayfly_file_read_line(lines, &line, &capacity, &error)) > 0)
        printf("%s", line);
    free(line);

    mayfly_auto(mayfly_file) narrow = NULL;
    try(mayfly_temporary_file(&(mayfly_file_options){.mode = "w+", .encoding = "latin-1"}, &narrow,
                              &error));
    expect(mayfly_file_write(narrow, "\xe4\xb8\x96", 3, &error) < 0,
           "Latin-1 has no such character");
    printf("%s\n", error.message);
    return 0;
}
