/* SPDX-License-Identifier: MIT
 *
 * What the library makes of a CSV, for csv_cpython.py to compare.
 *
 * Reads inputs, each a line "DELIMITER QUOTE SIZE" (numbers) and so many bytes. For each it prints
 *
 *     ranges 0+5 5+4 ...      the records, quotes taken leniently; agreed on by all kinds of
 *                             instructions, cut into pieces anywhere, and by mayfly_chunks
 *     ok|error 6162,63;...    the fields as mayfly_csv reads them up to the end or an error
 *
 * or one line "differ: ..." if they do not agree.
 */
#define _GNU_SOURCE
#include <mayfly.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../src/base/base.h"

struct input {
    char delimiter, quote;
    char *data;
    size_t size;
    char path[64];
};

struct range {
    size_t offset, size;
};

static struct range *wanted, *got;
static size_t wanted_count, got_count, room;

static void add(size_t offset, size_t size) {
    got[got_count++] = (struct range){offset, size};
}

/* Scans with the end of what is known moving on by `step`. */
static void scan(const struct input *input, mfi_marker *marker, size_t step) {
    struct mfi_scan scan = {.marker = marker,
                            .quote = input->quote,
                            .delimiter = input->delimiter,
                            .quotes = true,
                            .cr_ends = true,
                            .longest = SIZE_MAX};
    size_t known = step < input->size ? step : input->size, start = 0;
    got_count = 0;
    for (;;) {
        const enum mfi_scan_result r =
            mfi_scan(&scan, input->data, known, scan.records + 1, known == input->size);
        if (r == MFI_SCAN_FULL) {
            add(start, scan.start - start);
            start = scan.start;
        } else if (known < input->size) {
            known = input->size - known > step ? known + step : input->size;
        } else {
            break;
        }
    }
    if (scan.start < input->size)
        add(start, input->size - start);
}

static void split(const struct input *input, uint64_t rows, uint64_t bytes) {
    mayfly_error error;
    mayfly_auto(mayfly_chunks) chunks = NULL;
    mayfly_chunk chunk;
    int r = mayfly_chunks_open(input->path,
                               &(mayfly_chunk_options){.rows = rows,
                                                       .bytes = bytes,
                                                       .no_header = true,
                                                       .csv.delimiter = input->delimiter,
                                                       .csv.quote = input->quote,
                                                       .on_quote = MAYFLY_DAMAGE_PASS,
                                                       .pieces = MAYFLY_PIECES_RANGES},
                               &chunks, &error);
    got_count = 0;
    while (r >= 0 && (r = mayfly_chunks_next(chunks, &chunk, &error)) > 0)
        add((size_t)chunk.offset, (size_t)chunk.length);
    if (r < 0)
        printf("differ: %s\n", error.message);
}

static int same(void) {
    return got_count == wanted_count && memcmp(got, wanted, got_count * sizeof *got) == 0;
}

/* Behind the blank lines before a record. */
static size_t first_byte(const struct input *input, const struct range *range) {
    size_t at = range->offset;
    while (at < range->offset + range->size && (input->data[at] == '\n' || input->data[at] == '\r'))
        at++;
    return at;
}

/* Pieces of several records are records that were found, joined. Blank lines between two pieces may
 * be in either. */
static int joins(const struct input *input, uint64_t rows, uint64_t bytes) {
    size_t at = 0;
    for (size_t i = 0; i < got_count; i++) {
        const size_t end = got[i].offset + got[i].size;
        size_t n = 0;
        while (at < wanted_count && wanted[at].offset + wanted[at].size <= end) {
            if (first_byte(input, &wanted[at++]) < got[i].offset)
                return 0;
            n++;
        }
        if (n == 0 || (rows > 0 && n > rows) || (bytes > 0 && n > 1 && got[i].size > bytes))
            return 0;
        if (i + 1 < got_count && got[i + 1].offset != end)
            return 0;
    }
    return at == wanted_count;
}

static int ranges_agree(const struct input *input) {
    static const size_t steps[] = {1, 3, 63, 64, 65, 130, SIZE_MAX};
    const char *name = "";
    scan(input, mfi_marker_at(0, NULL), SIZE_MAX);
    memcpy(wanted, got, got_count * sizeof *got);
    wanted_count = got_count;
    for (size_t i = 0; mfi_marker_at(i, &name) != NULL; i++)
        for (size_t k = 0; k < sizeof steps / sizeof *steps; k++) {
            scan(input, mfi_marker_at(i, NULL), steps[k]);
            if (!same())
                return printf("differ: %s by %zu\n", name, steps[k]), 0;
        }
    /* A byte order mark is left out by mayfly_chunks; the scan does not know of it. */
    if (input->size >= 3 && memcmp(input->data, "\xef\xbb\xbf", 3) == 0)
        return 1;
    split(input, 1, 0);
    if (!same())
        return printf("differ: mayfly_chunks by one\n"), 0;
    split(input, 3, 0);
    if (!joins(input, 3, 0))
        return printf("differ: mayfly_chunks by three\n"), 0;
    split(input, 0, 20);
    if (!joins(input, 0, 20))
        return printf("differ: mayfly_chunks by 20 bytes\n"), 0;
    return 1;
}

static void print_fields(const struct input *input) {
    const mayfly_csv_options options = {.delimiter = input->delimiter, .quote = input->quote};
    mayfly_auto(mayfly_csv) csv = NULL;
    mayfly_csv_record record;
    mayfly_error error;
    mfi_auto_buffer text = {0};
    int r = mayfly_csv_open(input->path, &options, &csv, &error);
    while (r >= 0 && (r = mayfly_csv_next(csv, &record, &error)) > 0)
        for (size_t i = 0; i < record.field_count; i++) {
            char hex[3];
            for (size_t k = 0; k < record.fields[i].size; k++) {
                (void)snprintf(hex, sizeof hex, "%02x", (unsigned char)record.fields[i].data[k]);
                (void)mfi_buffer_append(&text, hex, 2);
            }
            (void)mfi_buffer_append(&text, i + 1 < record.field_count ? "," : ";", 1);
        }
    printf("%s %s\n", r < 0 ? "error" : "ok", text.size == 0 ? "" : text.data);
}

static int read_input(struct input *input, int fd) {
    int delimiter, quote;
    if (scanf("%d %d %zu", &delimiter, &quote, &input->size) != 3 || getchar() != '\n')
        return 0;
    input->delimiter = (char)delimiter;
    input->quote = (char)quote;
    if (input->size >= room) {
        room = 2 * input->size + 64;
        input->data = realloc(input->data, room);
        wanted = realloc(wanted, room * sizeof *wanted);
        got = realloc(got, room * sizeof *got);
    }
    if (input->data == NULL || wanted == NULL || got == NULL)
        abort();
    return fread(input->data, 1, input->size, stdin) == input->size && ftruncate(fd, 0) == 0 &&
           pwrite(fd, input->data, input->size, 0) == (ssize_t)input->size;
}

int main(void) {
    struct input input = {.data = NULL};
    const int fd = memfd_create("csv_tool", MFD_CLOEXEC);
    (void)snprintf(input.path, sizeof input.path, "/proc/self/fd/%d", fd);
    while (read_input(&input, fd)) {
        if (ranges_agree(&input)) {
            printf("ranges");
            for (size_t i = 0; i < wanted_count; i++)
                printf(" %zu+%zu", wanted[i].offset, wanted[i].size);
            printf("\n");
            print_fields(&input);
        }
    }
    free(input.data);
    free(wanted);
    free(got);
    return fclose(stdout) == 0 ? 0 : 1;
}
