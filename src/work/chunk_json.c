/* SPDX-License-Identifier: MIT
 *
 * A line of JSON about a piece.
 *
 * Without jansson, which a library may be built without, and which has no words for a path that is
 * not UTF-8.
 */
#define _GNU_SOURCE
#include <mayfly/chunk.h>
#include <stdio.h>
#include <stdlib.h>

#include "../base/base.h"

static int append(struct mfi_buffer *to, const char *text) {
    return mfi_buffer_append(to, text, strlen(text));
}

static int append_string(struct mfi_buffer *to, const char *text) {
    size_t left = strlen(text);
    int r = append(to, "\"");
    while (r == 0 && left > 0) {
        char escaped[8];
        size_t good = 0;
        while (good < left && (unsigned char)text[good] >= 0x20 && text[good] != '"' &&
               text[good] != '\\')
            good++;
        good = mfi_utf8_run(text, good, 0);
        r = mfi_buffer_append(to, text, good);
        text += good;
        left -= good;
        if (r < 0 || left == 0)
            break;
        const unsigned char c = (unsigned char)*text;
        const unsigned code = c < 0x80 ? c : 0xdc00u + c; /* as Python's surrogateescape */
        (void)snprintf(escaped, sizeof escaped, "\\u%04x", code);
        r = append(to, escaped);
        text++;
        left--;
    }
    return r < 0 ? r : append(to, "\"");
}

static int append_numbers(struct mfi_buffer *to, const mayfly_chunk *chunk) {
    char text[320];
    int n = snprintf(text, sizeof text, ", \"rows\": %llu, \"first_row\": %llu, \"bytes\": %llu",
                     (unsigned long long)chunk->rows, (unsigned long long)chunk->first_row,
                     (unsigned long long)chunk->bytes);
    if (chunk->offset < 0)
        n += snprintf(text + n, sizeof text - (size_t)n, ", \"offset\": null, \"length\": null");
    else
        n += snprintf(text + n, sizeof text - (size_t)n, ", \"offset\": %lld, \"length\": %lld",
                      (long long)chunk->offset, (long long)chunk->length);
    n += snprintf(text + n, sizeof text - (size_t)n,
                  ", \"header_offset\": %lld, \"header_length\": %lld",
                  (long long)chunk->header_offset, (long long)chunk->header_length);
    return mfi_buffer_append(to, text, (size_t)n);
}

int mayfly_chunk_json(const mayfly_chunk *chunk, char **ret, mayfly_error *error) {
    mfi_auto_buffer line = {0};
    char start[48];
    (void)snprintf(start, sizeof start, "{\"chunk\": %llu, ", (unsigned long long)chunk->number);
    int r = append(&line, start);
    if (r == 0)
        r = append(&line, chunk->pieces == MAYFLY_PIECES_RANGES ? "\"input\": " : "\"path\": ");
    if (r == 0)
        r = append_string(&line, chunk->path);
    if (r == 0)
        r = append_numbers(&line, chunk);
    if (r == 0 && chunk->checksum[0] != '\0') {
        r = append(&line, ", \"checksum\": \"blake2b-256:");
        r = r < 0 ? r : append(&line, chunk->checksum);
        r = r < 0 ? r : append(&line, "\"");
    }
    if (r == 0)
        r = append(&line, "}");
    if (r < 0)
        return mfi_fail_memory(error, line.size);
    *ret = mfi_take(line.data);
    return 0;
}
