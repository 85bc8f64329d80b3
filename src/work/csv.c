/* SPDX-License-Identifier: MIT
 *
 * Reading CSV (RFC 4180).
 *
 * States      READING -> END or FAILED, for good
 * How         input is read into one buffer, which also holds the record: it is parsed where it
 *             lies. A field that needs no change is given as it stands; quotes and doubled quotes
 *             are taken out into a second buffer. Within a field the next byte that matters is
 *             looked for eight bytes at a time.
 * Invariant   a record lies in the buffer as a whole before it is parsed; one that is larger than
 *             the buffer makes it grow, up to max_record.
 */
#define _GNU_SOURCE
#include <mayfly/csv.h>

#include <fcntl.h>
#include <stdlib.h>

#include "window.h"

enum { FIRST_BUFFER = 128 * 1024 };

struct mayfly_csv {
    struct mfi_window in;
    int own; /* the descriptor is ours to close: not the standard input */
    char delimiter, quote;
    uint64_t max_record;
    uint64_t number, line;
    size_t text_size; /* of the buffer below */
    char *text;       /* the fields of the record, each with a NUL */
    mayfly_csv_field *fields;
    size_t field_count, field_capacity;
    int failed; /* the code, and its words */
    mayfly_error why;
};

static void free_csv(mayfly_csv *csv) {
    if (csv->own)
        (void)mfi_sys.close(csv->in.fd); /* only read from */
    free(csv->in.path);
    free(csv->in.buffer);
    free(csv->text);
    free(csv->fields);
    free(csv);
}

int mayfly_csv_close(mayfly_csv **csv, mayfly_error *error) {
    (void)error;
    if (csv != NULL && *csv != NULL)
        free_csv(mfi_take(*csv));
    return 0;
}

void mayfly_csv_auto(mayfly_csv **csv) {
    (void)mayfly_csv_close(csv, NULL);
}

/* ---- opening --------------------------------------------------------------------------------- */

static int check_marks(char delimiter, char quote, mayfly_error *error) {
    const char marks[3] = {delimiter, quote, '\0'};
    if (delimiter == quote || strpbrk(marks, "\r\n") != NULL)
        return mfi_fail(error, -EINVAL, "csv", NULL,
                        "delimiter and quote must differ, and be no line ends");
    return 0;
}

static int open_input(const char *path, mayfly_error *error) {
    if (strcmp(path, "-") == 0)
        return 0;
    mfi_auto_fd fd = mfi_sys.openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0)
        return mfi_fail_call(error, fd, "openat", path, -1);
    struct stat st;
    const int r = mfi_sys.fstat(fd, &st);
    if (r < 0)
        return mfi_fail_call(error, r, "fstat", path, -1);
    if (S_ISDIR(st.st_mode))
        return mfi_fail(error, -EISDIR, "open", path, "is a directory, not a CSV file");
    return mfi_take_fd(&fd);
}

int mayfly_csv_open_sized(size_t options_size, const char *path, const mayfly_csv_options *options,
                          mayfly_csv **ret, mayfly_error *error) {
    mayfly_csv_options known;
    int r = mfi_options_import(&known, sizeof known, options, options_size, "csv", error);
    if (r < 0)
        return r;
    const char delimiter = known.delimiter == '\0' ? ',' : known.delimiter;
    const char quote = known.quote == '\0' ? '"' : known.quote;
    r = check_marks(delimiter, quote, error);
    if (r < 0)
        return r;
    mfi_auto_free mayfly_csv *csv = mfi_sys.calloc(1, sizeof *csv);
    mfi_auto_free char *copy = mfi_strdup(path);
    if (csv == NULL || copy == NULL)
        return mfi_fail_memory(error, sizeof *csv);
    csv->in.fd = open_input(path, error);
    if (csv->in.fd < 0)
        return csv->in.fd;
    csv->own = strcmp(path, "-") != 0;
    csv->delimiter = delimiter;
    csv->quote = quote;
    csv->max_record = known.max_record == 0 ? UINT64_C(64) << 20 : known.max_record;
    csv->line = 1;
    csv->in.path = mfi_take(copy);
    *ret = mfi_take(csv);
    return 0;
}

/* ---- failing --------------------------------------------------------------------------------- */

/* Remembers what error holds now, so that every later call says the same. */
static int fail_for_good(mayfly_csv *csv, mayfly_error *error) {
    csv->failed = csv->why.code;
    if (error != NULL)
        *error = csv->why;
    return csv->failed;
}

static int fail_syntax(mayfly_csv *csv, size_t at, int code, const char *what) {
    return mfi_fail_at(&csv->why, code, "csv", csv->in.path, csv->in.offset + (int64_t)at,
                       "line %llu, record %llu: %s", (unsigned long long)csv->line,
                       (unsigned long long)csv->number + 1, what);
}

/* ---- input ----------------------------------------------------------------------------------- */

/* Of the record, so many bytes are known. */
static int check_size(mayfly_csv *csv, size_t size) {
    return size <= csv->max_record
               ? 0
               : fail_syntax(csv, 0, -EFBIG, "longer than max_record; is a quote not closed?");
}

/* Reads more behind what there is. 1, 0 at the end of the input, or a failure. */
static int read_more(mayfly_csv *csv) {
    return csv->in.end_of_input ? 0 : mfi_window_read(&csv->in, FIRST_BUFFER, &csv->why);
}

/* ---- finding the end of a record ------------------------------------------------------------- */

/* Zero bytes of x become 0x80 in the result (the lowest of them surely). */
static uint64_t zero_bytes(uint64_t x) {
    return (x - 0x0101010101010101u) & ~x & 0x8080808080808080u;
}

static uint64_t every_byte(char c) {
    return 0x0101010101010101u * (unsigned char)c;
}

/* The first '\n', '\r', or one of two more, from `at` on; `size` if there is none. */
static size_t find_mark(const char *data, size_t at, size_t size, char one, char two) {
    const uint64_t lf = every_byte('\n'), cr = every_byte('\r');
    const uint64_t first = every_byte(one), second = every_byte(two);
    for (; at + 8 <= size; at += 8) {
        uint64_t word;
        memcpy(&word, data + at, 8);
        if ((zero_bytes(word ^ lf) | zero_bytes(word ^ cr) | zero_bytes(word ^ first) |
             zero_bytes(word ^ second)) != 0)
            break;
    }
    while (at < size && data[at] != '\n' && data[at] != '\r' && data[at] != one && data[at] != two)
        at++;
    return at;
}

/* Where parsing stands in a record: kept between two readings of input. */
struct scan {
    size_t at;         /* offset from start */
    int quoted;        /* within quotes */
    int field_start;   /* nothing of the field was seen */
    int after_quote;   /* a quote inside quotes was seen last: the end, or the first of two */
    uint64_t newlines; /* within the record */
};

/* Looks at the byte after a quote within quotes. 0, or a failure. */
static int after_quote(mayfly_csv *csv, struct scan *scan, char c) {
    scan->after_quote = 0;
    if (c == csv->quote) {
        scan->at++;
        return 0;
    }
    scan->quoted = 0;
    if (c != csv->delimiter && c != '\n' && c != '\r')
        return fail_syntax(csv, scan->at, MAYFLY_E_SYNTAX,
                           "a delimiter or line end must follow a closing quote; a quote within "
                           "quotes is doubled");
    return 0;
}

/* Scans on. 1: the record ends before scan->at, 0: more input is needed, or a failure. */
static int scan_record(mayfly_csv *csv, struct scan *scan) {
    const char *data = csv->in.buffer + csv->in.start;
    const size_t size = csv->in.size - csv->in.start;
    while (scan->at < size) {
        const char c = data[scan->at];
        if (scan->after_quote) {
            const int r = after_quote(csv, scan, c);
            if (r < 0)
                return r;
        } else if (scan->quoted) {
            const char *quote = memchr(data + scan->at, csv->quote, size - scan->at);
            const size_t end = quote == NULL ? size : (size_t)(quote - data);
            for (const char *p = data + scan->at;
                 (p = memchr(p, '\n', (size_t)(data + end - p))) != NULL; p++)
                scan->newlines++;
            scan->at = end + (quote != NULL);
            scan->after_quote = quote != NULL;
        } else if (c == '\n') {
            scan->at++;
            return 1;
        } else if (c == '\r') {
            if (scan->at + 1 == size && !csv->in.end_of_input)
                return 0;
            scan->at += scan->at + 1 < size && data[scan->at + 1] == '\n' ? 2 : 1;
            return 1;
        } else if (scan->field_start && c == csv->quote) {
            scan->quoted = 1;
            scan->field_start = 0;
            scan->at++;
        } else if (c == csv->delimiter) {
            scan->field_start = 1;
            scan->at++;
        } else {
            scan->field_start = 0;
            scan->at = find_mark(data, scan->at + 1, size, csv->delimiter, csv->delimiter);
        }
    }
    return 0;
}

/* Brings a whole record into the buffer. 1 and its size, 0 at the end, or a failure. */
static int find_record(mayfly_csv *csv, size_t *ret_size, uint64_t *ret_newlines) {
    struct scan scan = {.field_start = 1};
    for (;;) {
        int r = scan_record(csv, &scan);
        if (r == 0) {
            r = check_size(csv, csv->in.size - csv->in.start);
            if (r == 0)
                r = read_more(csv);
            if (r > 0 || (r == 0 && scan.at < csv->in.size - csv->in.start))
                continue; /* more, or the last byte was a '\r' that waited */
            if (r == 0 && scan.quoted && !scan.after_quote)
                return fail_syntax(csv, 0, MAYFLY_E_SYNTAX,
                                   "a quote is opened in it and not closed before the end of the "
                                   "file");
            if (r == 0)
                r = scan.at > 0;
        }
        if (r > 0 && check_size(csv, scan.at) < 0)
            return csv->why.code;
        *ret_size = scan.at;
        *ret_newlines = scan.newlines;
        return r;
    }
}

/* ---- parsing --------------------------------------------------------------------------------- */

static int add_field(mayfly_csv *csv, const char *data, size_t size) {
    if (csv->field_count == csv->field_capacity) {
        const size_t capacity = csv->field_capacity == 0 ? 32 : csv->field_capacity * 2;
        mayfly_csv_field *fields = mfi_sys.realloc(csv->fields, capacity * sizeof *fields);
        if (fields == NULL)
            return mfi_fail_memory(&csv->why, capacity * sizeof *fields);
        csv->fields = fields;
        csv->field_capacity = capacity;
    }
    csv->fields[csv->field_count++] = (mayfly_csv_field){data, size};
    return 0;
}

static int need_text(mayfly_csv *csv, size_t size) {
    if (size <= csv->text_size)
        return 0;
    char *text = mfi_sys.realloc(csv->text, size + size / 2);
    if (text == NULL)
        return mfi_fail_memory(&csv->why, size);
    csv->text = text;
    csv->text_size = size + size / 2;
    return 0;
}

/* A field in quotes at data[at], without them into `to`. Returns where it ends. */
static size_t unquote(const mayfly_csv *csv, const char *data, size_t at, size_t size, char *to,
                      size_t *ret_size) {
    size_t n = 0;
    at++;
    while (at < size) {
        const char *quote = memchr(data + at, csv->quote, size - at);
        const size_t end = quote == NULL ? size : (size_t)(quote - data);
        memcpy(to + n, data + at, end - at);
        n += end - at;
        at = end + 1;
        if (at >= size || data[at] != csv->quote)
            break;
        to[n++] = csv->quote;
        at++;
    }
    *ret_size = n;
    return at < size ? at : size;
}

/* Cuts a record of `size` bytes, without its line end, into fields. */
static int parse(mayfly_csv *csv, const char *data, size_t size) {
    int r = need_text(csv, size * 2 + 2); /* a NUL for each field, of which there are size + 1 */
    char *to = csv->text;
    csv->field_count = 0;
    for (size_t at = 0; r == 0; at++) {
        size_t n = 0;
        if (at < size && data[at] == csv->quote) {
            at = unquote(csv, data, at, size, to, &n);
        } else {
            const char *end = at < size ? memchr(data + at, csv->delimiter, size - at) : NULL;
            n = end == NULL ? size - at : (size_t)(end - data) - at;
            memcpy(to, data + at, n);
            at += n;
        }
        to[n] = '\0';
        r = add_field(csv, to, n);
        to += n + 1;
        if (at >= size)
            break;
    }
    return r;
}

static size_t line_end_size(const char *data, size_t size) {
    if (size > 0 && data[size - 1] == '\n')
        return size > 1 && data[size - 2] == '\r' ? 2 : 1;
    return size > 0 && data[size - 1] == '\r';
}

static int skip_mark(mayfly_csv *csv) {
    while (csv->in.size < 3) {
        const int r = read_more(csv);
        if (r <= 0)
            return r;
    }
    if (memcmp(csv->in.buffer, "\xef\xbb\xbf", 3) == 0) {
        csv->in.start = 3;
        csv->in.offset = 3;
    }
    return 0;
}

/* One record, or one blank line. 1: a record, 2: a blank line, 0: the end, or a failure. */
static int next_record(mayfly_csv *csv, mayfly_csv_record *ret) {
    size_t size = 0;
    uint64_t newlines = 0;
    int r = csv->in.offset == 0 && csv->in.size == 0 ? skip_mark(csv) : 0;
    if (r == 0)
        r = find_record(csv, &size, &newlines);
    if (r <= 0)
        return r;
    const char *raw = csv->in.buffer + csv->in.start;
    const size_t content = size - line_end_size(raw, size);
    const mayfly_csv_record record = {.raw = raw,
                                      .raw_size = size,
                                      .number = csv->number + 1,
                                      .line = csv->line,
                                      .offset = csv->in.offset};
    if (content > 0)
        r = parse(csv, raw, content);
    if (r < 0)
        return r;
    csv->in.start += size;
    csv->in.offset += (int64_t)size;
    csv->line += newlines + 1;
    if (content == 0)
        return 2;
    csv->number++;
    *ret = record;
    ret->fields = csv->fields;
    ret->field_count = csv->field_count;
    return 1;
}

int mayfly_csv_next(mayfly_csv *csv, mayfly_csv_record *ret, mayfly_error *error) {
    if (csv->failed < 0)
        return fail_for_good(csv, error);
    int r = 2;
    while (r == 2)
        r = next_record(csv, ret);
    return r < 0 ? fail_for_good(csv, error) : r;
}

int mayfly_csv_find(const mayfly_csv_record *record, const char *name) {
    const size_t size = strlen(name);
    for (size_t i = 0; i < record->field_count; i++)
        if (record->fields[i].size == size && memcmp(record->fields[i].data, name, size) == 0)
            return (int)i;
    return -1;
}
