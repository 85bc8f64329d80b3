/* SPDX-License-Identifier: MIT
 *
 * Writes and reads text files as it is told on standard input, for the comparison with CPython
 * (text_cpython.py). A case is a line "op encoding errors newline chunk size" and `size` bytes; the
 * answer a line "code size" and so many bytes.
 *
 *     write   the bytes are UTF-8, written `chunk` at a time; the answer is the file's content
 *     read    the bytes are the file's content; the answer is the text, read `chunk` at a time
 *     lines   the same read by lines, each followed by a byte ff
 */
#include <mayfly.h>
#include <stdlib.h>
#include <string.h>

struct answer {
    char *data;
    size_t size, capacity;
};

static void add(struct answer *answer, const void *data, size_t size) {
    while (answer->size + size > answer->capacity) {
        answer->capacity = answer->capacity * 2 + 4096;
        answer->data = realloc(answer->data, answer->capacity);
        if (answer->data == NULL)
            abort();
    }
    if (size > 0)
        memcpy(answer->data + answer->size, data, size);
    answer->size += size;
}

/* The content as it is: the same file seen by its name. */
static void add_content(struct answer *answer, mayfly_file *file) {
    char block[65536];
    size_t n;
    FILE *stream = fopen(mayfly_file_path(file), "rb");
    if (stream == NULL)
        abort();
    while ((n = fread(block, 1, sizeof block, stream)) > 0)
        add(answer, block, n);
    fclose(stream);
}

static int64_t write_case(mayfly_file *file, const char *data, size_t size, size_t chunk,
                          struct answer *answer) {
    size_t at = 0;
    do {
        const size_t n = size - at < chunk ? size - at : chunk;
        const int r = mayfly_file_write(file, data + at, n, NULL);
        if (r < 0)
            return r;
        at += n;
    } while (at < size);
    const int r = mayfly_file_flush(file, NULL);
    add_content(answer, file);
    return r;
}

static int64_t read_case(mayfly_file *file, size_t chunk, struct answer *answer) {
    char *block = malloc(chunk < 4 ? 4 : chunk);
    int64_t n;
    while ((n = mayfly_file_read(file, block, chunk < 4 ? 4 : chunk, NULL)) > 0)
        add(answer, block, (size_t)n);
    free(block);
    return n;
}

static int64_t lines_case(mayfly_file *file, struct answer *answer) {
    char *line = NULL;
    size_t capacity = 0;
    int64_t n;
    while ((n = mayfly_file_read_line(file, &line, &capacity, NULL)) > 0) {
        add(answer, line, (size_t)n);
        add(answer, "\xff", 1);
    }
    free(line);
    return n;
}

static const char *newline_of(const char *name) {
    static const struct {
        const char *name, *newline;
    } table[] = {{"none", NULL}, {"empty", ""}, {"lf", "\n"}, {"cr", "\r"}, {"crlf", "\r\n"}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].name, name) == 0)
            return table[i].newline;
    abort();
}

int main(void) {
    char op[16], encoding[64], errors[16], newline[16];
    size_t chunk, size;
    while (scanf("%15s %63s %15s %15s %zu %zu", op, encoding, errors, newline, &chunk, &size) ==
           6) {
        struct answer answer = {0};
        mayfly_auto(mayfly_file) file = NULL;
        const mayfly_file_options options = {
            .mode = "w+", .encoding = encoding, .errors = errors, .newline = newline_of(newline)};
        char *data = malloc(size + 1);
        (void)getchar(); /* the end of the line */
        if (data == NULL || fread(data, 1, size, stdin) != size)
            return 1;
        int64_t r = mayfly_named_temporary_file(&options, &file, NULL);
        if (r == 0 && strcmp(op, "write") == 0)
            r = write_case(file, data, size, chunk, &answer);
        else if (r == 0) {
            FILE *stream = fopen(mayfly_file_path(file), "wb");
            if (stream == NULL || fwrite(data, 1, size, stream) != size || fclose(stream) != 0)
                return 1;
            r = strcmp(op, "read") == 0 ? read_case(file, chunk, &answer)
                                        : lines_case(file, &answer);
        }
        printf("%lld %zu\n", (long long)r, answer.size);
        fwrite(answer.data, 1, answer.size, stdout);
        free(answer.data);
        free(data);
    }
    return 0;
}
