/* SPDX-License-Identifier: MIT
 *
 * What records.c and records_damage.c have in common.
 *
 * Invariants     scan.records counts what lies in [begin, scan.start). Damage is dealt with when
 *                nothing good stands before it that was not given out: so each record is told of,
 *                left out or refused in its turn.
 *                A record that is left out needs no more memory than the buffer has already.
 */
#ifndef MFI_RECORDS_OWN_H
#define MFI_RECORDS_OWN_H

#include "records.h"

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

/* Whether NULs or bad UTF-8 are to be found. */
static inline bool mfi_records_look_for(mayfly_damage damage) {
    return damage != MAYFLY_DAMAGE_DEFAULT && damage != MAYFLY_DAMAGE_IGNORE;
}

/* Of a byte in the buffer, in the input. */
static inline int64_t mfi_records_offset(const struct mfi_records *records, size_t index) {
    return records->read_to - (int64_t)(records->size - index);
}

/* Tells of damage in the record `ahead` records behind `begin`. Returns what to do: the policy, or
 * the failure. */
int mfi_records_tell(struct mfi_records *records, mayfly_problem_kind kind, uint64_t ahead,
                     size_t at);

/* Leaves out what ends at `end`. */
void mfi_records_leave_out(struct mfi_records *records, size_t end);

/* Of what was found, what is good. MFI_RUN_END: nothing is, and all is left out; or a failure. */
int mfi_records_give(struct mfi_records *records, struct mfi_run *ret);

#endif
