/* SPDX-License-Identifier: MIT
 *
 * A large CSV in temporary chunks that several threads work on: tempfile-deep-dive.md "Pattern 1:
 * Processing Large Files in Chunks", which counts the lines of each chunk. Here a line break within
 * quotes is no end of a record, chunks are removed as they are used, and nothing is left if
 * something fails.
 */
#include "example.h"

enum { RECORDS = 12345, ROWS = 500 };

static void write_table(mayfly_file *table) {
    char row[64];
    try(mayfly_file_write(table, "id,text\n", 8, &error));
    for (int i = 0; i < RECORDS; i++) {
        const int n = snprintf(row, sizeof row, "%d,\"two\nlines, \"\"%d\"\"\"\n", i, i % 7);
        try(mayfly_file_write(table, row, (size_t)n, &error));
    }
    try(mayfly_file_flush(table, &error));
}

/* In some thread: the records of a chunk, without the header. */
static int count_records(const mayfly_chunk *chunk, void *user, void **ret_result,
                         mayfly_error *why) {
    mayfly_auto(mayfly_csv) csv = NULL;
    mayfly_csv_record record;
    uintptr_t count = 0;
    (void)user;
    int r = mayfly_csv_open(chunk->path, NULL, &csv, why);
    while (r >= 0 && (r = mayfly_csv_next(csv, &record, why)) > 0)
        count++;
    *ret_result = (void *)(count - 1);
    return r;
}

/* In this thread, in the order of the chunks. */
static int add_up(const mayfly_chunk *chunk, void *result, void *user, mayfly_error *why) {
    uint64_t *total = user;
    (void)why;
    printf("Processed %llu records from chunk %llu\n", (unsigned long long)(uintptr_t)result,
           (unsigned long long)chunk->number);
    *total += (uintptr_t)result;
    return 0;
}

int main(void) {
    mayfly_auto(mayfly_file) table = NULL;
    mayfly_auto(mayfly_chunks) chunks = NULL;
    mayfly_chunk_result result;
    uint64_t total = 0;

    try(mayfly_named_temporary_file(&(mayfly_file_options){.suffix = ".csv"}, &table, &error));
    write_table(table);
    try(mayfly_chunks_open(mayfly_file_path(table), &(mayfly_chunk_options){.rows = ROWS}, &chunks,
                           &error));
    const mayfly_chunk_work work = {
        .job = count_records, .done = add_up, .user = &total, .jobs = 4, .retries = 1};
    try(mayfly_chunks_run(chunks, &work, &result, &error));
    printf("Total records processed: %llu in %llu chunks\n", (unsigned long long)total,
           (unsigned long long)result.chunks);
    expect(total == RECORDS && result.chunks == (RECORDS + ROWS - 1) / ROWS, "every record once");
    return 0;
}
