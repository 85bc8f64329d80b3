/* SPDX-License-Identifier: MIT
 *
 * A program outside the tree: it knows what is installed, and nothing else of the project.
 */
#include <mayfly.h>
#include <stdio.h>
#include <string.h>

int main(void) {
    mayfly_error error;
    mayfly_auto(mayfly_file) file = NULL;
    char text[16] = "";
    if (mayfly_named_temporary_file(&(mayfly_file_options){.suffix = ".csv"}, &file, &error) < 0)
        return fprintf(stderr, "%s\n", error.message), 1;
    if (mayfly_file_write(file, "a,b\n", 4, &error) < 0 ||
        mayfly_file_seek(file, 0, SEEK_SET, &error) < 0 ||
        mayfly_file_read(file, text, sizeof text, &error) != 4)
        return fprintf(stderr, "%s\n", error.message), 1;
    printf("%s %s", mayfly_version(), text);
    return strcmp(mayfly_version(), MAYFLY_VERSION) != 0 || strcmp(text, "a,b\n") != 0;
}
