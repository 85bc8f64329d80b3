/* SPDX-License-Identifier: MIT
 *
 * Limits: what a file, a directory and the process may hold. tempfile-overview.md "Graceful
 * handling of disk full conditions", before the disk is full.
 */
#include "example.h"

int main(void) {
    mayfly_auto(mayfly_dir) dir = NULL;
    mayfly_auto(mayfly_file) file = NULL;
    mayfly_usage usage;
    mayfly_set_quota(1000, 10); /* for all that this process makes from here on */
    try(mayfly_temporary_directory(&(mayfly_dir_options){.max_bytes = 100}, &dir, &error));
    try(mayfly_dir_file(dir, "part", NULL, &file, &error));
    try(mayfly_file_write(file, "twenty bytes of text", 20, &error));
    mayfly_dir_usage(dir, &usage);
    printf("%llu of %llu bytes\n", (unsigned long long)usage.bytes,
           (unsigned long long)usage.max_bytes);
    expect(usage.bytes == 20 && usage.max_bytes == 100, "20 of 100");

    char large[200] = "";
    expect(mayfly_file_write(file, large, sizeof large, &error) == -EDQUOT, "too much");
    printf("%s\n", error.message);
    expect(mayfly_file_size(file, &error) == 20, "a write that fails has not happened");
    mayfly_quota_usage(&usage);
    expect(usage.bytes == 20 && usage.max_bytes == 1000, "the process's own limit");
    return 0;
}
