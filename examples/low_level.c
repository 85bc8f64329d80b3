/* SPDX-License-Identifier: MIT
 *
 * The low level: tempfile-overview.md "Low-Level Functions", "Manual Management", "Handle Errors
 * Gracefully".
 */
#include "example.h"

int main(void) {
    char *path = NULL;
    const int fd =
        (int)try(mayfly_mkstemp(&(mayfly_name_options){.suffix = ".txt"}, &path, &error));
    expect(write(fd, "data", 4) == 4 && close(fd) == 0 && unlink(path) == 0, "ours to remove");
    free(path);
    try(mayfly_mkdtemp(NULL, &path, &error));
    try(mayfly_remove_tree(path, NULL, NULL, &error));
    free(path);

    /* A directory that cannot be used is named in one sentence; others can be given. */
    static const char *const elsewhere[] = {"/nonexistent/too", "/tmp", NULL};
    mayfly_dir *dir = NULL;
    if (mayfly_temporary_directory(&(mayfly_dir_options){.dir = "/nonexistent"}, &dir, &error) < 0)
        printf("Failed to create temp directory: %s\n", error.message);
    try(mayfly_temporary_directory(
        &(mayfly_dir_options){.dir = "/nonexistent", .fallback_dirs = elsewhere}, &dir, &error));
    printf("Created instead: %s\n", mayfly_dir_path(dir));
    try(mayfly_dir_close(&dir, &error));
    return 0;
}
