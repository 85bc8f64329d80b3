/* SPDX-License-Identifier: MIT
 *
 * The records of an input in runs.
 *
 * How it works   The buffer holds [begin, size): what was given out ends at `begin`. The scan looks
 *                on from where it stood. What ends in the buffer is `found`; it is looked through
 *                for NULs and bad UTF-8 if that is asked for, and what is good is given out.
 */
#define _GNU_SOURCE
#include "records_own.h"

#include <fcntl.h>
#include <stdlib.h>

enum { FIRST_BUFFER = 256 * 1024 };

void mfi_records_close(struct mfi_records **records) {
    if (*records == NULL)
        return;
    struct mfi_records *ending = mfi_take(*records);
    if (ending->own)
        (void)mfi_sys.close(ending->fd); /* only read from */
    free(ending->buffer);
    free(ending->path);
    free(ending);
}

static void records_auto(struct mfi_records **records) {
    mfi_records_close(records);
}

/* ---- opening --------------------------------------------------------------------------------- */

static int open_input(struct mfi_records *records, const char *path, mayfly_error *error) {
    struct stat st;
    records->own = strcmp(path, "-") != 0;
    records->fd = records->own ? mfi_sys.openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0) : 0;
    if (records->fd < 0) {
        records->own = false;
        return mfi_fail_call(error, records->fd, "openat", path, -1);
    }
    int r = mfi_sys.fstat(records->fd, &st);
    if (r < 0)
        return mfi_fail_call(error, r, "fstat", path, -1);
    if (S_ISDIR(st.st_mode))
        return mfi_fail(error, -EISDIR, "open", path, "is a directory, not a file of records");
    records->size_of_input = -1;
    if (!S_ISREG(st.st_mode))
        return 0;
    const int64_t at = records->own ? 0 : mfi_sys.lseek(records->fd, 0, SEEK_CUR);
    if (at < 0)
        return mfi_fail_call(error, (int)at, "lseek", path, -1);
    records->seekable = true;
    records->read_to = at;
    /* Files of /proc say that they have no bytes, and have some. */
    records->size_of_input = st.st_size > 0 ? st.st_size : -1;
    return 0;
}

static int set_scan(struct mfi_records *records, const mayfly_chunk_options *options,
                    mayfly_error *error) {
    const bool csv = options->records == MAYFLY_RECORDS_CSV;
    const char delimiter = options->csv.delimiter == '\0' ? ',' : options->csv.delimiter;
    const char quote = options->csv.quote == '\0' ? '"' : options->csv.quote;
    const char marks[3] = {delimiter, quote, '\0'};
    if (csv && (delimiter == quote || strpbrk(marks, "\r\n") != NULL))
        return mfi_fail(error, -EINVAL, "chunks", NULL,
                        "delimiter and quote must differ, and be no line ends");
    if (options->records == MAYFLY_RECORDS_FIXED && options->record_bytes == 0)
        return mfi_fail(error, -EINVAL, "chunks", NULL,
                        "records of a fixed size need record_bytes");
    records->fixed = options->records == MAYFLY_RECORDS_FIXED ? options->record_bytes : 0;
    if (records->fixed > SIZE_MAX / 4)
        return mfi_fail(error, -EINVAL, "chunks", NULL, "record_bytes: no memory has room for it");
    const uint64_t longest =
        options->csv.max_record == 0 ? UINT64_C(64) << 20 : options->csv.max_record;
    records->scan = (struct mfi_scan){
        .marker = mfi_marker_at(0, NULL),
        .quote = csv ? quote : '\n',
        .delimiter = csv ? delimiter : '\n',
        .quotes = csv && !options->no_quotes,
        .cr_ends = csv,
        .blank_lines = options->records == MAYFLY_RECORDS_LINES,
        .strict = options->on_quote != MAYFLY_DAMAGE_IGNORE,
        .longest = longest > SIZE_MAX / 4 || options->on_long == MAYFLY_DAMAGE_IGNORE
                       ? SIZE_MAX
                       : (size_t)longest,
    };
    return 0;
}

static int fill(struct mfi_records *records);

/* A byte order mark is no part of the first field's name. */
static int skip_mark(struct mfi_records *records) {
    if (records->options->records != MAYFLY_RECORDS_CSV &&
        records->options->records != MAYFLY_RECORDS_JSON_LINES)
        return 0;
    while (records->size < 3) {
        const int r = fill(records);
        if (r <= 0)
            return r;
    }
    if (memcmp(records->buffer, "\xef\xbb\xbf", 3) == 0)
        records->begin = records->scan.at = records->scan.start = records->found_end = 3;
    return 0;
}

int mfi_records_open(const char *path, const mayfly_chunk_options *options,
                     struct mfi_records **ret, mayfly_error *error) {
    __attribute__((cleanup(records_auto))) struct mfi_records *records =
        mfi_sys.calloc(1, sizeof *records);
    if (records == NULL)
        return mfi_fail_memory(error, sizeof *records);
    records->fd = -1;
    records->options = options;
    records->checks =
        mfi_records_look_for(options->on_nul) || mfi_records_look_for(options->on_utf8);
    records->path = mfi_strdup(path);
    if (records->path == NULL)
        return mfi_fail_memory(error, strlen(path));
    int r = set_scan(records, options, error);
    if (r == 0)
        r = open_input(records, path, error);
    if (r < 0)
        return r;
    if (skip_mark(records) < 0) {
        if (error != NULL)
            *error = records->why;
        return records->why.code;
    }
    *ret = mfi_take(records);
    return 0;
}

/* ---- input ----------------------------------------------------------------------------------- */

/* Forgets what was given out, and of a record that is left out also what was looked at. */
static void move_down(struct mfi_records *records) {
    if (records->skipping)
        records->begin = records->found_end = records->scan.start = records->scan.at;
    const size_t by = records->begin;
    if (by == 0)
        return;
    memmove(records->buffer, records->buffer + by, records->size - by);
    records->size -= by;
    records->scan.at -= by;
    records->scan.start -= by;
    records->found_end -= by;
    records->begin = records->checked = 0;
    records->checked_records = 0;
}

static int make_room(struct mfi_records *records) {
    move_down(records);
    if (records->size < records->capacity)
        return 0;
    size_t capacity = records->capacity == 0 ? FIRST_BUFFER : records->capacity * 2;
    while (capacity < records->fixed)
        capacity *= 2;
    char *buffer = mfi_sys.realloc(records->buffer, capacity);
    if (buffer == NULL)
        return mfi_fail_memory(&records->why, capacity);
    records->buffer = buffer;
    records->capacity = capacity;
    return 0;
}

/* Reads more behind what there is. 1, 0 at the end of the input, or a failure. */
static int fill(struct mfi_records *records) {
    if (records->end_of_input)
        return 0;
    const int r = make_room(records);
    if (r < 0)
        return r;
    char *to = records->buffer + records->size;
    const size_t room = records->capacity - records->size;
    const ssize_t n = records->seekable ? mfi_sys.pread(records->fd, to, room, records->read_to)
                                        : mfi_sys.read(records->fd, to, room);
    if (n < 0)
        return mfi_fail_call(&records->why, (int)n, "read", records->path, -1);
    records->end_of_input = n == 0;
    records->size += (size_t)n;
    records->read_to += n;
    return n > 0;
}

/* ---- finding --------------------------------------------------------------------------------- */

/* What the scan stopped at. 0: it can go on, or a failure. */
static int settle_stop(struct mfi_records *records, enum mfi_scan_result result) {
    struct mfi_scan *scan = &records->scan;
    const bool stray = result == MFI_SCAN_STRAY;
    if (!records->skipping) {
        const int r = stray ? mfi_records_tell(records, MAYFLY_PROBLEM_STRAY, 0, scan->at)
                            : mfi_records_tell(records, MAYFLY_PROBLEM_LONG, 0, scan->start);
        if (r < 0)
            return r;
        records->skipping = r == MAYFLY_DAMAGE_SKIP;
    }
    if (stray)
        scan->state = MFI_SCAN_TEXT;
    scan->excused |= !stray || records->skipping;
    return 0;
}

/* Puts what the scan has found before its `start` into found. */
static int take_found(struct mfi_records *records) {
    records->found_end = records->scan.start;
    records->found = records->scan.records;
    records->scan.records = 0;
    return MFI_RUN_FOUND;
}

/* At the end of the input: what stands behind the last end. */
static int find_last(struct mfi_records *records) {
    struct mfi_scan *scan = &records->scan;
    if (scan->records > 0)
        return take_found(records);
    if (scan->start == records->size && !records->skipping)
        return MFI_RUN_END;
    const bool unclosed = scan->state == MFI_SCAN_QUOTED;
    if (unclosed && !records->skipping) {
        const int r = mfi_records_tell(records, MAYFLY_PROBLEM_UNCLOSED, 0, scan->start);
        if (r < 0)
            return r;
        records->skipping = r == MAYFLY_DAMAGE_SKIP;
    }
    scan->state = MFI_SCAN_START;
    scan->at = scan->start = records->size;
    if (records->skipping) {
        mfi_records_leave_out(records, records->size);
        return MFI_RUN_END;
    }
    scan->records = 1;
    return take_found(records);
}

/* Whether the last record of the input gets a line end that it has not, which needs room. */
static bool lacks_end(const struct mfi_records *records) {
    if (!records->end_of_input || records->size == records->begin)
        return false;
    const char last = records->buffer[records->size - 1];
    return last != '\n' && (last != '\r' || !records->scan.cr_ends);
}

/* Scans until something is found. The data that counts ends `bytes` behind `begin`. */
static int find(struct mfi_records *records, uint64_t most, uint64_t bytes) {
    struct mfi_scan *scan = &records->scan;
    for (;;) {
        const size_t held = records->size - records->begin;
        const bool bound = bytes < held + lacks_end(records) && !records->skipping;
        const size_t end = bound ? records->begin + (size_t)bytes : records->size;
        const enum mfi_scan_result result =
            mfi_scan(scan, records->buffer, end, records->skipping ? 1 : most,
                     records->end_of_input && !bound);
        if (records->skipping && result == MFI_SCAN_FULL) {
            scan->records = 0;
            mfi_records_leave_out(records, scan->start);
            continue;
        }
        if (scan->records > 0)
            return take_found(records);
        int r = 0;
        if (result == MFI_SCAN_LONG || result == MFI_SCAN_STRAY)
            r = settle_stop(records, result);
        else if (bound)
            return MFI_RUN_NO_ROOM;
        else if (records->end_of_input)
            return find_last(records);
        else
            r = fill(records);
        if (r < 0)
            return r;
    }
}

/* A scan that was cut off by a limit of bytes stands within a record that the next piece begins
 * with; it goes on from there. Without a limit the first record is as long as it is. */
static int find_one(struct mfi_records *records, uint64_t most, uint64_t bytes, bool least_one) {
    int r = find(records, most, bytes);
    if (r == MFI_RUN_NO_ROOM && least_one)
        r = find(records, 1, UINT64_MAX);
    return r;
}

static int find_fixed(struct mfi_records *records, uint64_t most, uint64_t bytes, bool least_one) {
    const uint64_t fixed = records->fixed;
    uint64_t fits = bytes / fixed;
    if (fits == 0 && least_one)
        fits = 1;
    while (records->size - records->begin < fixed) {
        const int r = fill(records);
        if (r < 0)
            return r;
        if (r == 0)
            break;
    }
    const size_t held = records->size - records->begin;
    if (held == 0)
        return MFI_RUN_END;
    if (fits == 0)
        return MFI_RUN_NO_ROOM;
    uint64_t n = held / fixed;
    n = n < most ? n : most;
    n = n < fits ? n : fits;
    if (n == 0) {
        const int r = mfi_records_tell(records, MAYFLY_PROBLEM_TORN, 0, records->begin);
        if (r < 0)
            return r;
        if (r == MAYFLY_DAMAGE_SKIP) {
            mfi_records_leave_out(records, records->size);
            return MFI_RUN_END;
        }
    }
    records->found = n == 0 ? 1 : n;
    records->found_end = n == 0 ? records->size : records->begin + (size_t)(n * fixed);
    records->scan.at = records->scan.start = records->found_end;
    return MFI_RUN_FOUND;
}

static int next_run(struct mfi_records *records, uint64_t most, uint64_t bytes, bool least_one,
                    struct mfi_run *ret) {
    for (;;) {
        int r = MFI_RUN_FOUND;
        if (records->found == 0)
            r = records->fixed != 0 ? find_fixed(records, most, bytes, least_one)
                                    : find_one(records, most, bytes, least_one);
        if (r != MFI_RUN_FOUND)
            return r;
        r = mfi_records_give(records, ret);
        if (r != MFI_RUN_END)
            return r;
    }
}

int mfi_records_next(struct mfi_records *records, uint64_t most, uint64_t bytes, bool least_one,
                     struct mfi_run *ret, mayfly_error *error) {
    int r = records->why.code;
    if (r == 0 && records->again) {
        records->again = false;
        *ret = records->run;
        return MFI_RUN_FOUND;
    }
    if (r == 0)
        r = next_run(records, most, bytes, least_one, ret);
    if (r < 0 && error != NULL)
        *error = records->why;
    return r;
}

void mfi_records_back(struct mfi_records *records) {
    records->again = true;
}

/* ---- telling --------------------------------------------------------------------------------- */

uint64_t mfi_records_skipped(const struct mfi_records *records) {
    return records->skipped;
}

int64_t mfi_records_used(const struct mfi_records *records) {
    return mfi_records_offset(records, records->begin);
}

int64_t mfi_records_size(const struct mfi_records *records) {
    return records->size_of_input;
}

int mfi_records_fd(const struct mfi_records *records, bool *ret_seekable) {
    *ret_seekable = records->seekable;
    return records->fd;
}

const char *mfi_records_path(const struct mfi_records *records) {
    return records->path;
}
