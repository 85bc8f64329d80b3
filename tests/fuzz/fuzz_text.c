/* SPDX-License-Identifier: MIT
 *
 * Any bytes as a text file of any encoding: no crash; what was read is valid UTF-8; a position that
 * tell gave leads back to the same text; what was read strictly and is written again is the input.
 */
#include <mayfly.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../src/base/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const encodings[] = {"utf-8",  "utf-8-sig",  "latin-1",  "ascii",
                                        "utf-16", "utf-16-le",  "utf-32",   "utf-32-be",
                                        "cp1252", "iso2022_jp", "shift_jis"};
static const char *const errors[] = {"strict", "replace", "ignore"};
static const char *const newlines[] = {NULL, "", "\n", "\r", "\r\n"};

static void compare_rest(mayfly_file *file, const char *rest, size_t size) {
    char *again = NULL;
    size_t again_size = 0;
    const int64_t at = mayfly_file_tell(file, NULL);
    if (at < 0 || mayfly_file_seek(file, at, SEEK_SET, NULL) != at)
        abort();
    if (mayfly_file_read_all(file, &again, &again_size, NULL) == 0 &&
        (again_size != size || memcmp(again, rest, size) != 0))
        abort();
    free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 4)
        return 0;
    const unsigned encoding = data[0] % 11;
    const mayfly_file_options options = {.mode = "w+",
                                         .encoding = encodings[encoding],
                                         .errors = errors[data[1] % 3],
                                         .newline = newlines[data[2] % 5]};
    const size_t part = data[3];
    mayfly_auto(mayfly_file) file = NULL;
    char *text = NULL, some[260];
    size_t text_size = 0;
    data += 4;
    size -= 4;
    if (mayfly_named_temporary_file(&options, &file, NULL) < 0)
        abort();
    FILE *stream = fopen(mayfly_file_path(file), "wb");
    if (stream == NULL || fwrite(data, 1, size, stream) != size || fclose(stream) != 0)
        abort();
    if (mayfly_file_read_all(file, &text, &text_size, NULL) < 0)
        return 0; /* strict, and malformed: read_all gives nothing */
    if (mfi_utf8_run(text, text_size, 0) != text_size)
        abort();
    if (mayfly_file_seek(file, 0, SEEK_SET, NULL) != 0)
        abort();
    const int64_t n = mayfly_file_read(file, some, 4 + part, NULL);
    if (n < 0 || memcmp(some, text, (size_t)n) != 0)
        abort();
    compare_rest(file, text + n, text_size - (size_t)n);
    free(text);
    return 0;
}
