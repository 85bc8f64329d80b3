/* SPDX-License-Identifier: MIT
 *
 * The records of an input in runs: as many as lie in the buffer, whole and found to be good.
 */
#ifndef MFI_RECORDS_H
#define MFI_RECORDS_H

#include <mayfly/chunk.h>

#include "../base/base.h"

struct mfi_records;

/* Records that stand together, with the blank lines between them. */
struct mfi_run {
    const char *data; /* until the next call */
    size_t size;
    int64_t offset; /* in the input */
    uint64_t records;
};

/* Opens the input. The strings and callbacks of the options must stay. */
int mfi_records_open(const char *path, const mayfly_chunk_options *options,
                     struct mfi_records **ret, mayfly_error *error);
void mfi_records_close(struct mfi_records **records);

enum { MFI_RUN_END = 0, MFI_RUN_FOUND = 1, MFI_RUN_NO_ROOM = 2 };

/* The next run of at most so many records and bytes. NO_ROOM: not even one fits. Or a failure,
 * which stays. With `least_one` bytes do not count for the first record. */
int mfi_records_next(struct mfi_records *records, uint64_t most, uint64_t bytes, bool least_one,
                     struct mfi_run *ret, mayfly_error *error);

/* The run that was found last comes again. */
void mfi_records_back(struct mfi_records *records);

/* Records left out by now; bytes used by now. */
uint64_t mfi_records_skipped(const struct mfi_records *records);
int64_t mfi_records_used(const struct mfi_records *records);

/* The size of the input, -1: not known. The descriptor, and whether it has offsets. */
int64_t mfi_records_size(const struct mfi_records *records);
int mfi_records_fd(const struct mfi_records *records, bool *ret_seekable);

/* What a text of another place in chunk.c is told with: "data.csv": byte 7: ... */
const char *mfi_records_path(const struct mfi_records *records);

#endif
