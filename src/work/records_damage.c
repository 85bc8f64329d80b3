/* SPDX-License-Identifier: MIT
 *
 * Records in which something is wrong: telling of them, and finding NULs and what is not UTF-8.
 */
#define _GNU_SOURCE
#include "records_own.h"

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

int mfi_records_tell(struct mfi_records *records, mayfly_problem_kind kind, uint64_t ahead,
                     size_t at) {
    const mayfly_problem problem = {.kind = kind,
                                    .damage = policy_of(records, kind),
                                    .record = records->number + ahead + 1,
                                    .offset = mfi_records_offset(records, at),
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

void mfi_records_leave_out(struct mfi_records *records, size_t end) {
    records->begin = records->found_end = records->checked = end;
    records->checked_records = 0;
    records->skipping = false;
    records->skipped++;
    records->number++;
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
    const char *nul =
        mfi_records_look_for(records->options->on_nul) ? memchr(data, '\0', end - start) : NULL;
    at[0] = nul == NULL ? NOWHERE : start + (size_t)(nul - data);
    at[1] = NOWHERE;
    if (mfi_records_look_for(records->options->on_utf8)) {
        const size_t good = mfi_utf8_run(data, end - start, 0);
        if (good < end - start)
            at[1] = start + good;
    }
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
                return mfi_records_tell(records, kinds[kind], damaged->before, damaged->at[kind]);
    for (size_t kind = 0; kind < 2; kind++)
        if (damaged->at[kind] != NOWHERE)
            (void)mfi_records_tell(records, kinds[kind], damaged->before, damaged->at[kind]);
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
                                           .offset = mfi_records_offset(records, records->begin),
                                           .records = count};
    records->begin = end;
    records->found -= count;
    records->number += count;
    return MFI_RUN_FOUND;
}

int mfi_records_give(struct mfi_records *records, struct mfi_run *ret) {
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
        mfi_records_leave_out(records, damaged.end);
        records->found_end = end;
        if (--records->found == 0) {
            records->begin = end; /* blank lines may stand behind it */
            return MFI_RUN_END;
        }
    }
    records->checked = records->found_end;
    return give(records, records->found_end, records->found, ret);
}
