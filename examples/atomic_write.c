/* SPDX-License-Identifier: MIT
 *
 * All or nothing: tempfile-deep-dive.md "Pattern 2: Atomic File Operations".
 */
#include "example.h"

/* The target has the old content or the new one, whatever happens in between. */
static int atomic_write(const char *target, const char *content) {
    mayfly_auto(mayfly_file) file = NULL;
    int r = mayfly_temporary_file(
        &(mayfly_file_options){.place = MAYFLY_PLACE_NEAR, .near = target}, &file, &error);
    if (r == 0)
        r = mayfly_file_write(file, content, strlen(content), &error);
    if (r == 0)
        r = mayfly_file_persist(file, target, MAYFLY_DURABLE | MAYFLY_PRESERVE_BEST, NULL, &error);
    return r;
}

int main(void) {
    mayfly_auto(mayfly_dir) dir = NULL;
    char target[4096];
    char *content = NULL;
    size_t size = 0;
    try(mayfly_temporary_directory(NULL, &dir, &error));
    snprintf(target, sizeof target, "%s/important_config.txt", mayfly_dir_path(dir));
    try(atomic_write(target, "debug = true\n"));
    try(atomic_write(target, "debug = false\n"));
    mayfly_auto(mayfly_file) file = NULL;
    try(mayfly_dir_file(dir, "important_config.txt", &(mayfly_file_options){.mode = "r"}, &file,
                        &error));
    try(mayfly_file_read_all(file, &content, &size, &error));
    printf("Atomically wrote to %s: %s", target, content);
    expect(strcmp(content, "debug = false\n") == 0, "the new content");
    free(content);
    return 0;
}
