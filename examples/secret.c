/* SPDX-License-Identifier: MIT
 *
 * Sensitive data: tempfile-guide.md "Security Considerations"; tempfile-deep-dive.md "Secure
 * Temporary Files for Sensitive Data".
 */
#include <sys/stat.h>

#include "example.h"

static unsigned mode_of(const char *path) {
    struct stat st;
    expect(stat(path, &st) == 0, "it is there");
    return st.st_mode & 0777u;
}

int main(void) {
    /* Permissions are right from the first instant; there is nothing to be set afterwards. */
    mayfly_auto(mayfly_file) file = NULL;
    mayfly_auto(mayfly_dir) dir = NULL;
    struct stat st;
    try(mayfly_named_temporary_file(&(mayfly_file_options){.prefix = "secure_", .suffix = ".tmp"},
                                    &file, &error));
    try(mayfly_temporary_directory(NULL, &dir, &error));
    expect(fstat((int)try(mayfly_file_fd(file, &error)), &st) == 0, "fstat");
    printf("File permissions: %03o\n", (unsigned)(st.st_mode & 0777));
    expect((st.st_mode & 0777) == 0600 && mode_of(mayfly_dir_path(dir)) == 0700, "nobody else's");

    /* And what nobody shall ever find on a disk: locked memory, or encrypted. */
    static const char secrets[] = "Secret data line 1\nSecret data line 2\nSecret data line 3\n";
    mayfly_auto(mayfly_file) secret = NULL;
    if (mayfly_temporary_file(&(mayfly_file_options){.mode = "w+t", .secret = true}, &secret,
                              &error) < 0) {
        printf("%s\n", error.message); /* a build without libsodium */
        return 0;
    }
    char *line = NULL;
    size_t capacity = 0;
    int lines = 0;
    try(mayfly_file_write(secret, secrets, sizeof secrets - 1, &error));
    try(mayfly_file_seek(secret, 0, SEEK_SET, &error));
    while (try(mayfly_file_read_line(secret, &line, &capacity, &error)) > 0)
        lines++;
    free(line);
    printf("Processed %d lines of sensitive data\n", lines);
    expect(lines == 3, "three lines");
    return 0;
}
