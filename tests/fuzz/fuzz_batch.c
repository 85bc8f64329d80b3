/* SPDX-License-Identifier: MIT
 *
 * Any bytes as JSON, and as CSV with UTF-8: no crash, and what is made of them is JSON, which goes
 * through once more without a change, indented or on lines.
 */
#include <jansson.h>
#include <mayfly.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char paths[3][64];

static void put(const char *path, const void *data, size_t size) {
    FILE *stream = fopen(path, "wb");
    if (stream == NULL || fwrite(data, 1, size, stream) != size || fclose(stream) != 0)
        abort();
}

static char *get(const char *path, size_t *ret_size) {
    FILE *stream = fopen(path, "rb");
    char *data = malloc(4 << 20);
    if (stream == NULL || data == NULL)
        abort();
    *ret_size = fread(data, 1, (4 << 20) - 1, stream);
    data[*ret_size] = '\0';
    fclose(stream);
    return data;
}

static int run(int from, int to, mayfly_batch_format format, bool lines) {
    mayfly_error error = {.code = 0};
    const char *inputs[] = {paths[from]};
    const mayfly_batch_options options = {.size = 2,
                                          .format = format,
                                          .csv.max_record = 1 << 20,
                                          .lines = lines,
                                          .dir = "/dev/shm",
                                          .replace.durability = MAYFLY_DURABILITY_NONE};
    const int r = mayfly_batch_run(inputs, 1, paths[to], &options, NULL, &error);
    if (r < 0 && (error.code != r || error.message[0] == '\0'))
        abort();
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (paths[0][0] == '\0')
        for (int i = 0; i < 3; i++)
            snprintf(paths[i], sizeof paths[i], "/dev/shm/fuzz-batch-%ld-%d", (long)getpid(), i);
    const bool lines = size > 0 && (data[0] & 2) != 0;
    const bool csv = size > 0 && (data[0] & 1) != 0;
    put(paths[0], data + (size > 0), size - (size > 0));
    if (run(0, 1, csv ? MAYFLY_BATCH_CSV : MAYFLY_BATCH_JSON, lines) == 0) {
        size_t once_size, again_size;
        char *once = get(paths[1], &once_size);
        /* Two members of one name, as one of a CSV table cannot have, are an object's own affair.
         */
        json_t *json = json_loadb(once, once_size, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, NULL);
        if (!json_is_array(json))
            abort();
        json_decref(json);
        if (run(1, 2, MAYFLY_BATCH_JSON, lines) != 0)
            abort();
        char *again = get(paths[2], &again_size);
        if (once_size != again_size || memcmp(once, again, once_size) != 0)
            abort();
        free(once);
        free(again);
    }
    for (int i = 0; i < 3; i++)
        unlink(paths[i]);
    return 0;
}
