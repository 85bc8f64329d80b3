/* SPDX-License-Identifier: MIT
 *
 * The records of an input in runs.
 *
 * How it works   The buffer holds [begin, size): what was given out ends at `begin`. The scan looks
 *                on from where it stood. What ends in the buffer is `found`; it is looked through
 *                for NULs and bad UTF-8 if that is asked for, and what is good is given out.
 * Invariants     scan.records counts what lies in [begin, scan.start). Damage is dealt with when
 *                nothing good stands before it that was not given out: so each record is told of,
 *                left out or refused in its turn.
 *                A record that is left out needs no more memory than the buffer has already.
 */
#define _GNU_SOURCE
#include "records.h"

#include <fcntl.h>
#include <stdlib.h>

enum { FIRST_BUFFER = 256 * 1024 };

struct mfi_records {
    int fd;
    bool own;      /* the descriptor is ours to close */
    bool seekable; /* a regular file: read at offsets */
    bool end_of_input;
    bool skipping; /* what the scan is in is left out */
    bool checks;   /* NULs or UTF-8 are looked for */
    bool again;    /* give out the last run once more */
    char *path;
    int64_t size_of_input, read_to; /* -1: not known; offset of what comes after the buffer */
    char *buffer;
    size_t begin, size, capacity;
    struct mfi_scan scan;
    struct mfi_run run;       /* given out last */
    size_t found_end;         /* [begin, found_end): whole records that were found ... */
    uint64_t found;           /* ... so many */
    size_t checked;           /* those before it were looked through ... */
    uint64_t checked_records; /* ... so many */
    uint64_t number;          /* records before `begin` */
    uint64_t skipped;
    uint64_t fixed; /* bytes of a record; 0: they have ends */
    const mayfly_chunk_options *options;
    mayfly_error why; /* why.code: it has failed */
};

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

static bool looked_for(mayfly_damage damage) {
    return damage != MAYFLY_DAMAGE_DEFAULT && damage != MAYFLY_DAMAGE_IGNORE;
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
    records->checks = looked_for(options->on_nul) || looked_for(options->on_utf8);
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

static int64_t offset_of(const struct mfi_records *records, size_t index) {
    return records->read_to - (int64_t)(records->size - index);
}

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

/* ---- damage ---------------------------------------------------------------------------------- */

static mayfly_damage policy_of(const struct mfi_records *records, mayfly_problem_kind kind) {
    const mayfly_chunk_options *options = records->options;
    const mayfly_damage given = kind == MAYFLY_PROBLEM_LONG   ? options->on_long
                                : kind == MAYFLY_PROBLEM_NUL  ? options->on_nul
                                : kind == MAYFLY_PROBLEM_UTF8 ? options->on_utf8
                                : kind == MAYFLY_PROBLEM_TORN ? options->on_torn
                                                              : options->on_quote;
    return given == MAYFLY_DAMAGE_DEFAULT ? MAYFLY_DAMAGE_ERROR : given;
}

/* The line on which a byte stands, by counting those before it; 0: they are gone. */
static uint64_t line_of(const struct mfi_records *records, int64_t offset) {
    char data[16384];
    uint64_t lines = 1;
    char before = '\0';
    for (int64_t at = 0; records->seekable && at < offset;) {
        const int64_t left = offset - at, most = (int64_t)sizeof data;
        const ssize_t n = mfi_sys.pread(records->fd, data, (size_t)(left < most ? left : most), at);
        if (n <= 0)
            return 0;
        for (ssize_t i = 0; i < n; before = data[i], i++)
            lines += data[i] == '\r' || (data[i] == '\n' && before != '\r');
        at += n;
    }
    return records->seekable ? lines : 0;
}

static const char *words_of(mayfly_problem_kind kind) {
    static const char *const words[] = {
        [MAYFLY_PROBLEM_UNCLOSED] = "a quote is opened in it and not closed before the end of the "
                                    "file",
        [MAYFLY_PROBLEM_STRAY] = "a delimiter or line end must follow a closing quote; a quote "
                                 "within quotes is doubled",
        [MAYFLY_PROBLEM_LONG] = "longer than max_record; is a quote not closed?",
        [MAYFLY_PROBLEM_NUL] = "a NUL byte",
        [MAYFLY_PROBLEM_UTF8] = "not UTF-8",
        [MAYFLY_PROBLEM_TORN] = "the last record is shorter than record_bytes",
    };
    return words[kind];
}

/* Tells of damage in the record `ahead` records behind `begin`. Returns what to do: the policy, or
 * the failure. */
static int tell(struct mfi_records *records, mayfly_problem_kind kind, uint64_t ahead, size_t at) {
    const mayfly_problem problem = {.kind = kind,
                                    .damage = policy_of(records, kind),
                                    .record = records->number + ahead + 1,
                                    .offset = offset_of(records, at),
                                    .what = words_of(kind)};
    if (problem.damage != MAYFLY_DAMAGE_ERROR) {
        if (records->options->problem != NULL && problem.damage != MAYFLY_DAMAGE_IGNORE)
            records->options->problem(&problem, records->options->user);
        return (int)problem.damage;
    }
    const int code = kind == MAYFLY_PROBLEM_LONG ? -EFBIG : MAYFLY_E_SYNTAX;
    const unsigned long long number = problem.record, line = line_of(records, problem.offset);
    if (line == 0)
        return mfi_fail_at(&records->why, code, "chunks", records->path, problem.offset,
                           "record %llu: %s", number, problem.what);
    return mfi_fail_at(&records->why, code, "chunks", records->path, problem.offset,
                       "line %llu, record %llu: %s", line, number, problem.what);
}

/* What the scan stopped at. 0: it can go on, or a failure. */
static int settle_stop(struct mfi_records *records, enum mfi_scan_result result) {
    struct mfi_scan *scan = &records->scan;
    const bool stray = result == MFI_SCAN_STRAY;
    if (!records->skipping) {
        const int r = stray ? tell(records, MAYFLY_PROBLEM_STRAY, 0, scan->at)
                            : tell(records, MAYFLY_PROBLEM_LONG, 0, scan->start);
        if (r < 0)
            return r;
        records->skipping = r == MAYFLY_DAMAGE_SKIP;
    }
    if (stray)
        scan->state = MFI_SCAN_TEXT;
    scan->excused |= !stray || records->skipping;
    return 0;
}

/* Leaves out what ends at `end`. */
static void leave_out(struct mfi_records *records, size_t end) {
    records->begin = records->found_end = records->checked = end;
    records->checked_records = 0;
    records->skipping = false;
    records->skipped++;
    records->number++;
}

/* ---- finding --------------------------------------------------------------------------------- */

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
        const int r = tell(records, MAYFLY_PROBLEM_UNCLOSED, 0, scan->start);
        if (r < 0)
            return r;
        records->skipping = r == MAYFLY_DAMAGE_SKIP;
    }
    scan->state = MFI_SCAN_START;
    scan->at = scan->start = records->size;
    if (records->skipping) {
        leave_out(records, records->size);
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
            leave_out(records, scan->start);
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
        const int r = tell(records, MAYFLY_PROBLEM_TORN, 0, records->begin);
        if (r < 0)
            return r;
        if (r == MAYFLY_DAMAGE_SKIP) {
            leave_out(records, records->size);
            return MFI_RUN_END;
        }
    }
    records->found = n == 0 ? 1 : n;
    records->found_end = n == 0 ? records->size : records->begin + (size_t)(n * fixed);
    records->scan.at = records->scan.start = records->found_end;
    return MFI_RUN_FOUND;
}

/* ---- looking through ------------------------------------------------------------------------- */

struct damaged {
    size_t at[2]; /* the first bytes of each kind in the record, NUL and UTF-8; none: NOWHERE */
    size_t start, end; /* the record */
    uint64_t before;   /* records of found before it */
};

#define NOWHERE SIZE_MAX

static const mayfly_problem_kind kinds[2] = {MAYFLY_PROBLEM_NUL, MAYFLY_PROBLEM_UTF8};

static void find_bad_bytes(const struct mfi_records *records, size_t start, size_t end,
                           size_t at[2]) {
    const char *data = records->buffer + start;
    const char *nul = looked_for(records->options->on_nul) ? memchr(data, '\0', end - start) : NULL;
    size_t bad = 0;
    at[0] = nul == NULL ? NOWHERE : start + (size_t)(nul - data);
    at[1] = NOWHERE;
    if (looked_for(records->options->on_utf8) && !mfi_is_utf8(data, end - start, &bad))
        at[1] = start + bad;
}

/* The record in which the byte stands, by a scan over those that were not looked through. */
static void find_its_record(const struct mfi_records *records, size_t at, struct damaged *damaged) {
    if (records->fixed != 0) {
        damaged->before = (at - records->begin) / records->fixed;
        damaged->start = records->begin + (size_t)(damaged->before * records->fixed);
        damaged->end = damaged->start + (size_t)records->fixed;
        if (damaged->end > records->found_end)
            damaged->end = records->found_end;
        return;
    }
    struct mfi_scan scan = records->scan;
    scan.at = scan.start = records->checked;
    scan.records = 0;
    scan.state = MFI_SCAN_START;
    scan.strict = false;
    scan.longest = SIZE_MAX;
    /* With the byte itself, which is no line end: so a '\r' before it is one for sure. */
    (void)mfi_scan(&scan, records->buffer, at + 1, UINT64_MAX, false);
    damaged->before = records->checked_records + scan.records;
    damaged->start = scan.start;
    const enum mfi_scan_result result =
        mfi_scan(&scan, records->buffer, records->found_end, scan.records + 1, true);
    damaged->end = result == MFI_SCAN_FULL ? scan.start : records->found_end;
}

static bool find_damaged(const struct mfi_records *records, struct damaged *damaged) {
    size_t at[2];
    find_bad_bytes(records, records->checked, records->found_end, at);
    const size_t first = at[0] < at[1] ? at[0] : at[1];
    if (first == NOWHERE)
        return false;
    find_its_record(records, first, damaged);
    find_bad_bytes(records, damaged->start, damaged->end, damaged->at);
    return true;
}

/* Tells of the worse of the two kinds, of both where both pass. What tell returns. */
static int tell_damaged(struct mfi_records *records, const struct damaged *damaged) {
    static const mayfly_damage worst_first[] = {MAYFLY_DAMAGE_ERROR, MAYFLY_DAMAGE_SKIP};
    for (size_t i = 0; i < MFI_LENGTH(worst_first); i++)
        for (size_t kind = 0; kind < 2; kind++)
            if (damaged->at[kind] != NOWHERE && policy_of(records, kinds[kind]) == worst_first[i])
                return tell(records, kinds[kind], damaged->before, damaged->at[kind]);
    for (size_t kind = 0; kind < 2; kind++)
        if (damaged->at[kind] != NOWHERE)
            (void)tell(records, kinds[kind], damaged->before, damaged->at[kind]);
    return MAYFLY_DAMAGE_PASS;
}

/* Whether a record before the damaged one must be given out first: it is not to pass. */
static bool is_in_the_way(const struct mfi_records *records, const struct damaged *damaged) {
    if (damaged->before == 0)
        return false;
    for (size_t kind = 0; kind < 2; kind++)
        if (damaged->at[kind] != NOWHERE && policy_of(records, kinds[kind]) != MAYFLY_DAMAGE_PASS)
            return true;
    return false;
}

/* Gives out [begin, end) with so many records. */
static int give(struct mfi_records *records, size_t end, uint64_t count, struct mfi_run *ret) {
    *ret = records->run = (struct mfi_run){.data = records->buffer + records->begin,
                                           .size = end - records->begin,
                                           .offset = offset_of(records, records->begin),
                                           .records = count};
    records->begin = end;
    records->found -= count;
    records->number += count;
    return MFI_RUN_FOUND;
}

/* Of what was found, what is good. 0: nothing is, and all is left out; or a failure. */
static int give_good(struct mfi_records *records, struct mfi_run *ret) {
    struct damaged damaged;
    if (records->checked <= records->begin) {
        records->checked = records->begin;
        records->checked_records = 0;
    }
    while (records->checks && find_damaged(records, &damaged)) {
        if (is_in_the_way(records, &damaged))
            return give(records, damaged.start, damaged.before, ret);
        const int r = tell_damaged(records, &damaged);
        if (r < 0)
            return r;
        if (r == MAYFLY_DAMAGE_PASS) {
            records->checked = damaged.end;
            records->checked_records = damaged.before + 1;
            continue;
        }
        const size_t end = records->found_end;
        leave_out(records, damaged.end);
        records->found_end = end;
        if (--records->found == 0) {
            records->begin = end; /* blank lines may stand behind it */
            return MFI_RUN_END;
        }
    }
    records->checked = records->found_end;
    return give(records, records->found_end, records->found, ret);
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
        r = give_good(records, ret);
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
    return offset_of(records, records->begin);
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
