/* SPDX-License-Identifier: MIT
 *
 * Records of CSV and JSON inputs as JSON text, one after the other. The room's own.
 */
#ifndef MFI_BATCH_RECORDS_H
#define MFI_BATCH_RECORDS_H

#include <mayfly/batch.h>

#include "../base/base.h"

/* ---- JSON text (json_text.c) ----------------------------------------------------------------- */

/* Appends `size` bytes as a JSON string. 0, -ENOMEM, or -EILSEQ: they are not UTF-8. */
int mfi_json_string(struct mfi_buffer *to, const char *data, size_t size);

/* Appends valid JSON, with other white space between its parts: all on one line if `level` is
 * negative, else as deep as that many levels, two blanks each; as Python's json.dumps has it.
 * Numbers and strings stay as they are written. 0 or -ENOMEM. */
int mfi_json_tidy(struct mfi_buffer *to, const char *text, size_t size, int level);

/* ---- JSON values of a file (json_scan.c) ----------------------------------------------------- */

struct mfi_json;

struct mfi_json_value {
    const char *text; /* as it stands in the file; valid until the next */
    size_t size;
    int is_object;
    int64_t offset;  /* of its first byte */
    uint64_t number; /* from 1 */
};

/* 0, or -ENOTSUP with a sentence: the library was built without jansson. */
int mfi_json_supported(mayfly_error *error);

/* Opens a file ("-": the standard input) whose elements, if it holds an array, or whose values,
 * which may stand on lines, are wanted. `max_size` of one of them. */
int mfi_json_open(const char *path, uint64_t max_size, struct mfi_json **ret, mayfly_error *error);

/* The next: 1, 0 at the end, or a failure, which is the same at every later call. */
int mfi_json_next(struct mfi_json *json, struct mfi_json_value *ret, mayfly_error *error);

void mfi_json_close(struct mfi_json **json);

/* ---- records (batch_records.c)
 * --------------------------------------------------------------------- */

struct mfi_batch_records;

int mfi_batch_records_open(const char *path, const mayfly_batch_options *options,
                           struct mfi_batch_records **ret, mayfly_error *error);

/* Appends the next record, an object on one line. 1, 0 at the end, or a failure. */
int mfi_batch_records_next(struct mfi_batch_records *records, struct mfi_buffer *to,
                           mayfly_error *error);

void mfi_batch_records_close(struct mfi_batch_records **records);

#endif
