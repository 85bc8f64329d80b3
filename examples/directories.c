/* SPDX-License-Identifier: MIT
 *
 * Temporary directories: tempfile-guide.md "Temporary Directories"; tempfile-deep-dive.md "Basic
 * Temporary Directory Usage", "Manual Temporary Directory Management".
 */
#include <dirent.h>

#include "example.h"

static void list(const char *path) {
    DIR *dir = opendir(path);
    const struct dirent *entry;
    while (dir != NULL && (entry = readdir(dir)) != NULL)
        if (entry->d_name[0] != '.')
            printf("  %s\n", entry->d_name);
    if (dir != NULL)
        closedir(dir);
}

static void put(const mayfly_dir *dir, const char *name, const char *text) {
    mayfly_auto(mayfly_file) file = NULL;
    try(mayfly_dir_file(dir, name, NULL, &file, &error));
    try(mayfly_file_write(file, text, strlen(text), &error));
}

int main(void) {
    mayfly_dir *dir = NULL;
    try(mayfly_temporary_directory(NULL, &dir, &error));
    printf("Working in temporary directory: %s\n", mayfly_dir_path(dir));
    put(dir, "data.txt", "Some important data");
    put(dir, "config.json", "{\"setting\": \"value\"}");
    try(mayfly_dir_mkdir(dir, "subdirectory", &error));
    list(mayfly_dir_path(dir));
    try(mayfly_dir_close(&dir, &error)); /* with everything in it */

    char *path = NULL; /* and one that is removed by hand */
    try(mayfly_mkdtemp(&(mayfly_name_options){.prefix = "conference_", .suffix = "_data"}, &path,
                       &error));
    printf("Persistent temp directory: %s\n", path);
    mayfly_auto(mayfly_leftovers) left = NULL;
    try(mayfly_remove_tree(path, NULL, &left, &error));
    expect(mayfly_leftovers_count(left) == 0 && access(path, F_OK) != 0, "all of it is gone");
    free(path);
    return 0;
}
