/* SPDX-License-Identifier: MIT
 *
 * Many with one end: tempfile-guide.md SafeTemporaryManager; tempfile-deep-dive.md
 * robust_temp_file_processing.
 */
#include "example.h"

int main(void) {
    mayfly_auto(mayfly_manager) manager = NULL;
    mayfly_file *file = NULL; /* the manager's */
    mayfly_dir *dir = NULL;
    try(mayfly_manager_new(&manager, &error));
    for (int i = 0; i < 3; i++) {
        char text[32];
        try(mayfly_manager_file(manager, &(mayfly_file_options){.suffix = ".csv"}, &file, &error));
        try(mayfly_file_write(file, text, (size_t)sprintf(text, "Data for file %d", i), &error));
        try(mayfly_file_flush(file, &error));
        printf("Created: %s\n", mayfly_file_path(file));
    }
    try(mayfly_manager_dir(manager, &(mayfly_dir_options){.prefix = "data_"}, &dir, &error));
    expect(mayfly_manager_count(manager) == 4, "three files and a directory");
    /* Nothing else has to be done: they go with the manager, or at exit. */
    return 0;
}
