/* SPDX-License-Identifier: MIT
 *
 * Reading CSV as RFC 4180 has it: fields in quotes may hold delimiters, line breaks and doubled
 * quotes; records end in \n or \r\n, the last one also at the end of the input. Bytes are passed
 * on as they are, whatever the encoding; a UTF-8 byte order mark at the start is skipped.
 *
 *     mayfly_auto(mayfly_csv) csv = NULL;
 *     mayfly_csv_open("packages.csv", NULL, &csv, &error);
 *     mayfly_csv_record record;
 *     while (mayfly_csv_next(csv, &record, &error) > 0)
 *         printf("%.*s\n", (int)record.fields[0].size, record.fields[0].data);
 */
#ifndef MAYFLY_CSV_H
#define MAYFLY_CSV_H

#include <mayfly/error.h>

MAYFLY_BEGIN_DECLS

typedef struct mayfly_csv mayfly_csv;

typedef struct mayfly_csv_options {
    char delimiter;      /* ',' */
    char quote;          /* '"' */
    uint64_t max_record; /* bytes of one record; 0: 64 MiB. A quote that is never closed ends
                            here, and not with the machine's memory */
} mayfly_csv_options;

/* One field, without its quotes; followed by a NUL, which a field may also hold. */
typedef struct mayfly_csv_field {
    const char *data;
    size_t size;
} mayfly_csv_field;

/* One record, valid until the next is read or the reader is closed. */
typedef struct mayfly_csv_record {
    const mayfly_csv_field *fields;
    size_t field_count;
    const char *raw; /* the record as it stood in the input, with its line end */
    size_t raw_size;
    uint64_t number; /* 1 for the first record, which may be a header */
    uint64_t line;   /* of the input, on which it starts; from 1 */
    int64_t offset;  /* in bytes, at which it starts */
} mayfly_csv_record;

/* Opens a file for reading; "-" is the standard input.
 *
 * options    NULL: all defaults
 *
 * Ownership: the caller closes the reader.
 * Errors:    -ENOENT, -EACCES, ... as open(2); -EISDIR; -EINVAL delimiter and quote are the same or
 *            a line end; MAYFLY_E_OPTION, -ENOMEM
 * Safety:    thread any | fork any | signal no
 * Since:     0.1 (contract P3) */
#define mayfly_csv_open(...) mayfly_csv_open_sized(sizeof(mayfly_csv_options), __VA_ARGS__)
MAYFLY_API MAYFLY_MUST_CHECK int mayfly_csv_open_sized(size_t options_size, const char *path,
                                                       const mayfly_csv_options *options,
                                                       mayfly_csv **ret, mayfly_error *error);

/* Reads the next record. Blank lines between records are skipped.
 *
 * Returns 1 and the record, or 0 at the end. After an error it returns the same error again.
 * Errors:    MAYFLY_E_SYNTAX  a quote that is not closed, or bytes after a closing quote: the
 *                             message names path, line and offset
 *            -EFBIG a record longer than max_record; -EIO, -ENOMEM
 * Safety:    thread one-object | fork: use it in one of the processes | signal no
 * Since:     0.1 */
MAYFLY_API int mayfly_csv_next(mayfly_csv *csv, mayfly_csv_record *ret, mayfly_error *error);

/* Returns the index of the field called `name` in a (header) record, or -1. Errors: none.
 * Safety: thread one-object | fork any | signal no. Since: 0.1 */
MAYFLY_API int mayfly_csv_find(const mayfly_csv_record *record, const char *name);

/* Closes the reader; NULL is accepted twice over. Errors: none. Safety: thread one-object | fork
 * any | signal no. Since: 0.1 */
MAYFLY_API int mayfly_csv_close(mayfly_csv **csv, mayfly_error *error);
MAYFLY_API void mayfly_csv_auto(mayfly_csv **csv);

MAYFLY_END_DECLS

#endif
