/* SPDX-License-Identifier: MIT
 *
 * A large file in chunks: tempfile-deep-dive.md "Pattern 1: Processing Large Files in Chunks".
 * Unlike there, a line break within quotes does not tear a record apart.
 */
#include "example.h"

/* Stands for the work: the records of a chunk are counted. */
static uint64_t process_chunk(const char *path) {
    mayfly_auto(mayfly_csv) csv = NULL;
    mayfly_csv_record record;
    uint64_t rows = 0;
    try(mayfly_csv_open(path, NULL, &csv, &error));
    expect(try(mayfly_csv_next(csv, &record, &error)) == 1, "each chunk has the header");
    while (try(mayfly_csv_next(csv, &record, &error)) > 0)
        rows++;
    return rows;
}

static uint64_t process_large_csv(const char *path, uint64_t chunk_size) {
    mayfly_auto(mayfly_chunks) chunks = NULL;
    mayfly_chunk chunk;
    uint64_t total = 0;
    try(mayfly_chunks_open(path,
                           &(mayfly_chunk_options){.rows = chunk_size, .prefix = "csv_processing_"},
                           &chunks, &error));
    while (try(mayfly_chunks_next(chunks, &chunk, &error)) > 0) {
        printf("Created chunk %llu with %llu records\n", (unsigned long long)chunk.number,
               (unsigned long long)chunk.rows);
        const uint64_t rows = process_chunk(chunk.path);
        printf("Processed %llu records from %s\n", (unsigned long long)rows,
               strrchr(chunk.path, '/') + 1);
        total += rows;
    }
    char *dir = strdup(mayfly_chunks_dir(chunks));
    try(mayfly_chunks_close(&chunks, &error));
    expect(dir != NULL && access(dir, F_OK) != 0, "the chunks are gone");
    printf("Cleaned up temporary directory: %s\n", dir);
    free(dir);
    return total;
}

int main(void) {
    mayfly_auto(mayfly_file) table = NULL;
    FILE *stream = NULL;
    try(mayfly_named_temporary_file(&(mayfly_file_options){.suffix = ".csv"}, &table, &error));
    try(mayfly_file_stream(table, &stream, &error));
    fprintf(stream, "id,text\n");
    for (int i = 0; i < 1234; i++)
        fprintf(stream, "%d,\"line one\nline two\"\n", i);
    expect(fflush(stream) == 0, "the table is there");
    const uint64_t total = process_large_csv(mayfly_file_path(table), 500);
    printf("Total records processed: %llu\n", (unsigned long long)total);
    expect(total == 1234, "every record, once");
    return 0;
}
