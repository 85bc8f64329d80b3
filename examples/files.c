/* SPDX-License-Identifier: MIT
 *
 * Temporary files: tempfile-guide.md "Temporary Files", "Custom Prefixes, Suffixes, and
 * Directories", "TemporaryFile vs NamedTemporaryFile", "Temporary File with Specific Name";
 * tempfile-deep-dive.md "Basic Temporary File Creation", "Controlling Temporary File Deletion",
 * "Temporary Files with Custom Suffixes and Prefixes"; tempfile-overview.md "Context Manager
 * (Recommended)", "Always Use Context Managers".
 */
#include "example.h"

static void named(void) {
    mayfly_auto(mayfly_file) file = NULL;
    char data[64] = "";
    try(mayfly_named_temporary_file(NULL, &file, &error));
    try(mayfly_file_write(file, "This is temporary data", 22, &error));
    try(mayfly_file_flush(file, &error)); /* other programs see it from here on */
    printf("Temporary file: %s\n", mayfly_file_path(file));
    try(mayfly_file_seek(file, 0, SEEK_SET, &error));
    try(mayfly_file_read(file, data, sizeof data, &error));
    printf("Data: %s\n", data);
} /* the file is gone here */

static void kept_until_removed_by_hand(void) {
    mayfly_file *file = NULL;
    try(mayfly_named_temporary_file(&(mayfly_file_options){.keep = true}, &file, &error));
    try(mayfly_file_write(file, "This file will persist temporarily", 34, &error));
    char *path = strdup(mayfly_file_path(file));
    try(mayfly_file_close(&file, &error));
    expect(access(path, F_OK) == 0, "the file still exists");
    expect(unlink(path) == 0, "removed by hand");
    free(path);
}

static void prefix_suffix_and_directory(void) {
    mayfly_auto(mayfly_dir) custom = NULL;
    mayfly_auto(mayfly_file) file = NULL;
    try(mayfly_temporary_directory(&(mayfly_dir_options){.prefix = "temp_data"}, &custom, &error));
    try(mayfly_named_temporary_file(&(mayfly_file_options){.prefix = "conference_",
                                                           .suffix = ".csv",
                                                           .dir = mayfly_dir_path(custom)},
                                    &file, &error));
    printf("Custom location: %s\n", mayfly_file_path(file));
}

static void without_a_name(void) {
    mayfly_auto(mayfly_file) file = NULL;
    try(mayfly_temporary_file(NULL, &file, &error));
    try(mayfly_file_write(file, "Data without name", 17, &error));
    expect(mayfly_file_path(file) == NULL, "no name that anybody could open");
}

static void a_name_of_its_own(void) {
    mayfly_auto(mayfly_file) one = NULL;
    mayfly_auto(mayfly_file) two = NULL;
    try(mayfly_file_in_tempdir("conference_data.json", NULL, &one, &error));
    try(mayfly_file_in_tempdir("conference_data.json", NULL, &two, &error));
    try(mayfly_file_write(one, "{\"test\": \"data\"}", 16, &error));
    printf("Created: %s and %s\n", mayfly_file_path(one), mayfly_file_path(two));
}

int main(void) {
    named();
    kept_until_removed_by_hand();
    prefix_suffix_and_directory();
    without_a_name();
    a_name_of_its_own();
    return 0;
}
