/* SPDX-License-Identifier: MIT
 *
 * Disk and memory side by side: tempfile-deep-dive.md performance_comparison.
 */
#include <time.h>

#include "example.h"

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double write_and_read(mayfly_file **file) {
    static const char line[] = "Sample data line\n";
    const double begin = seconds();
    char *back = NULL;
    size_t size = 0;
    for (int i = 0; i < 1000; i++)
        try(mayfly_file_write(*file, line, sizeof line - 1, &error));
    try(mayfly_file_flush(*file, &error));
    try(mayfly_file_seek(*file, 0, SEEK_SET, &error));
    try(mayfly_file_read_all(*file, &back, &size, &error));
    expect(size == 1000 * (sizeof line - 1), "all lines come back");
    free(back);
    try(mayfly_file_close(file, &error));
    return seconds() - begin;
}

int main(void) {
    mayfly_file *disk = NULL, *memory = NULL;
    const mayfly_file_options text = {.mode = "w+"};
    try(mayfly_named_temporary_file(&text, &disk, &error));
    try(mayfly_spooled_temporary_file(&text, &memory, &error));
    const double disk_time = write_and_read(&disk);
    const double memory_time = write_and_read(&memory);
    printf("Disk-based approach: %.4f seconds\n", disk_time);
    printf("Memory-based approach: %.4f seconds\n", memory_time);
    printf("Memory approach is %.1fx faster\n", disk_time / memory_time);
    return 0;
}
