/* SPDX-License-Identifier: MIT
 *
 * Step by step, where one call is not enough: batches (tempfile-guide.md
 * batch_process_conference_data), chunks (tempfile-guide.md process_large_csv_file) and what is
 * left of them on purpose.
 */
#include "example.h"

static void make_table(mayfly_dir *dir, int rows) {
    mayfly_auto(mayfly_file) table = NULL;
    FILE *stream = NULL;
    try(mayfly_dir_file(dir, "table.csv", NULL, &table, &error));
    try(mayfly_file_stream(table, &stream, &error));
    fprintf(stream, "name,days\n");
    for (int i = 0; i < rows; i++)
        fprintf(stream, "mayfly %d,1\n", i);
}

static void batch_by_batch(const char *const table, const char *target) {
    mayfly_batches *batches = NULL;
    mayfly_batch batch;
    mayfly_batch_result result;
    try(mayfly_batches_open(&table, 1, &(mayfly_batch_options){.size = 4}, &batches, &error));
    while (try(mayfly_batches_next(batches, &batch, &error)) > 0)
        printf("batch %llu: %llu records\n", (unsigned long long)batch.number,
               (unsigned long long)batch.records);
    try(mayfly_batches_combine(batches, target, &result, &error));
    expect(result.batches == 3 && result.combined == 10, "ten records in three batches");
    try(mayfly_batches_keep(batches, &error)); /* to be looked at */
    char *directory = strdup(mayfly_batches_dir(batches));
    try(mayfly_batches_close(&batches, &error));
    expect(access(directory, F_OK) == 0, "still there, and ours");
    try(mayfly_remove_tree(directory, NULL, NULL, &error));
    free(directory);
}

static void chunk_by_chunk(const char *table) {
    mayfly_auto(mayfly_chunks) chunks = NULL;
    mayfly_chunk chunk;
    try(mayfly_chunks_open(table, &(mayfly_chunk_options){.rows = 4}, &chunks, &error));
    while (try(mayfly_chunks_next(chunks, &chunk, &error)) > 0) {
        char *line = NULL;
        try(mayfly_chunk_json(&chunk, &line, &error));
        printf("%s\n", line);
        free(line);
        if (chunk.number != 1)
            try(mayfly_chunks_remove(chunks, chunk.number, &error)); /* used up */
    }
    try(mayfly_chunks_keep(chunks, &error));
    char *directory = strdup(mayfly_chunks_dir(chunks));
    try(mayfly_chunks_close(&chunks, &error));
    try(mayfly_remove_tree(directory, NULL, NULL, &error));
    free(directory);
}

static void record_by_record(const char *table) {
    mayfly_csv *csv = NULL;
    mayfly_csv_record record;
    int records = 0;
    try(mayfly_csv_open(table, NULL, &csv, &error));
    while (try(mayfly_csv_next(csv, &record, &error)) > 0)
        records++;
    expect(records == 11, "ten and the header");
    try(mayfly_csv_close(&csv, &error));
}

int main(void) {
    mayfly_auto(mayfly_dir) dir = NULL;
    mayfly_auto(mayfly_batches) none = NULL; /* a handle that was never opened ends as well */
    char table[4200], target[4200];
    try(mayfly_temporary_directory(NULL, &dir, &error));
    snprintf(table, sizeof table, "%s/table.csv", mayfly_dir_path(dir));
    snprintf(target, sizeof target, "%s/all.json", mayfly_dir_path(dir));
    make_table(dir, 10);
    batch_by_batch(table, target);
    chunk_by_chunk(table);
    record_by_record(table);
    mayfly_batches_auto(&none);
    return 0;
}
