/* SPDX-License-Identifier: MIT
 *
 * In memory, then on disk: tempfile-guide.md "SpooledTemporaryFile"; tempfile-deep-dive.md
 * "Memory-Based Temporary Files".
 */
#include "example.h"

static int64_t count_lines(mayfly_file *file) {
    char *line = NULL;
    size_t capacity = 0;
    int64_t lines = 0;
    try(mayfly_file_seek(file, 0, SEEK_SET, &error));
    while (try(mayfly_file_read_line(file, &line, &capacity, &error)) > 0)
        lines++;
    free(line);
    return lines;
}

int main(void) {
    mayfly_auto(mayfly_file) spooled = NULL;
    char large[2000], first[51] = "";
    try(mayfly_spooled_temporary_file(&(mayfly_file_options){.max_size = 1024, .mode = "w+"},
                                      &spooled, &error));
    try(mayfly_file_write(spooled, "Small amount of data", 20, &error));
    printf("In memory: %d\n", !mayfly_file_rolled(spooled));
    memset(large, 'x', sizeof large);
    try(mayfly_file_write(spooled, large, sizeof large, &error));
    printf("In memory: %d\n", !mayfly_file_rolled(spooled));
    expect(mayfly_file_rolled(spooled), "2,020 bytes do not fit into 1,024");
    try(mayfly_file_seek(spooled, 0, SEEK_SET, &error));
    try(mayfly_file_read(spooled, first, 50, &error));
    printf("First 50 chars: %s\n", first);

    mayfly_auto(mayfly_file) large_data = NULL; /* process_large_data of the guide */
    FILE *stream = NULL;
    try(mayfly_spooled_temporary_file(&(mayfly_file_options){.max_size = 1024 * 1024}, &large_data,
                                      &error));
    try(mayfly_file_stream(large_data, &stream, &error));
    for (int i = 0; i < 1000; i++)
        fprintf(stream, "line %d\n", i);
    expect(count_lines(large_data) == 1000, "a thousand lines");

    mayfly_auto(mayfly_file) memory = NULL; /* io.BytesIO: no max_size, never on disk */
    try(mayfly_spooled_temporary_file(NULL, &memory, &error));
    try(mayfly_file_write(memory, "Data stored in memory", 21, &error));
    expect(!mayfly_file_rolled(memory), "no file was made");
    return 0;
}
