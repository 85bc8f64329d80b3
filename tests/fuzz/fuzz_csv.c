/* SPDX-License-Identifier: MIT
 *
 * Any bytes as a CSV file: no crash, records that joined are the input, and the same records when
 * the input is read again. And as a file of records of any kind: pieces lie side by side in the
 * input, and what is left out was told of.
 */
#include <mayfly.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char path[64];

static void read_csv(const uint8_t *data) {
    mayfly_csv *csv = NULL;
    mayfly_csv_record record;
    mayfly_error error;
    if (mayfly_csv_open(path, &(mayfly_csv_options){.max_record = 1 << 16}, &csv, &error) < 0)
        abort();
    int64_t end = -1;
    int r;
    while ((r = mayfly_csv_next(csv, &record, &error)) > 0) {
        if (record.offset < end || memcmp(record.raw, data + record.offset, record.raw_size) != 0)
            abort();
        end = record.offset + (int64_t)record.raw_size;
        for (size_t i = 0; i < record.field_count; i++)
            if (record.fields[i].data[record.fields[i].size] != '\0')
                abort();
    }
    if (r < 0 && (error.code != r || error.message[0] == '\0'))
        abort();
    mayfly_csv_close(&csv, NULL);
}

struct told {
    uint64_t skipped, last_record;
};

static void note(const mayfly_problem *problem, void *user) {
    struct told *told = user;
    if (problem->record < told->last_record || problem->offset < 0)
        abort();
    told->last_record = problem->record;
    told->skipped += problem->damage == MAYFLY_DAMAGE_SKIP;
}

/* The first bytes of the input choose; they are part of it, too. */
static mayfly_chunk_options choose(const uint8_t *data, size_t size, struct told *told) {
    const uint8_t one = size > 0 ? data[0] : 0, two = size > 1 ? data[1] : 0;
    const uint8_t three = size > 2 ? data[2] : 0;
    return (mayfly_chunk_options){.rows = one & 3,
                                  .bytes = one & 4 ? one : 0,
                                  .no_header = one & 8,
                                  .csv.max_record = one & 16 ? 1 + one : 0,
                                  .records = (mayfly_records)(one >> 6),
                                  .record_bytes = 1 + (two & 7),
                                  .on_quote = (mayfly_damage)(two >> 3 & 3),
                                  .on_long = (mayfly_damage)(two >> 5 & 3),
                                  .on_nul = (mayfly_damage)(three & 3),
                                  .on_utf8 = (mayfly_damage)(three >> 2 & 3),
                                  .on_torn = (mayfly_damage)(three >> 4 & 3),
                                  .header_records = three >> 6,
                                  .pieces = MAYFLY_PIECES_RANGES,
                                  .problem = note,
                                  .user = told};
}

static void split(const uint8_t *data, size_t size) {
    struct told told = {0};
    const mayfly_chunk_options options = choose(data, size, &told);
    mayfly_chunks *chunks = NULL;
    mayfly_chunk chunk;
    mayfly_error error;
    int64_t end = 0;
    uint64_t rows = 0;
    int r = mayfly_chunks_open(path, &options, &chunks, &error);
    while (r >= 0 && (r = mayfly_chunks_next(chunks, &chunk, &error)) > 0) {
        if (chunk.offset < end || chunk.length <= 0 || chunk.rows == 0 ||
            chunk.offset + chunk.length > (int64_t)size || chunk.first_row != rows + 1 ||
            (options.rows > 0 && chunk.rows > options.rows) || chunk.skipped > told.skipped)
            abort();
        end = chunk.offset + chunk.length;
        rows += chunk.rows;
    }
    if (r < 0 && (error.code != r || error.message[0] == '\0'))
        abort();
    mayfly_chunks_close(&chunks, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (path[0] == '\0')
        snprintf(path, sizeof path, "/dev/shm/fuzz-csv-%ld", (long)getpid());
    FILE *stream = fopen(path, "wb");
    if (stream == NULL || fwrite(data, 1, size, stream) != size || fclose(stream) != 0)
        abort();
    read_csv(data);
    split(data, size);
    unlink(path);
    return 0;
}
