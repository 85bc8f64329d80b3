/* SPDX-License-Identifier: MIT
 *
 * Records of several CSV and JSON files in batches, each worked on by itself, and the results
 * combined into one JSON file, all or nothing (row P4; tempfile-guide.md,
 * batch_process_conference_data).
 *
 *     static int work(void *context, const mayfly_batch *batch, mayfly_error *error) {
 *         return convert(batch->path, batch->output);        // JSON in, JSON out
 *     }
 *     ...
 *     const char *inputs[] = {"eccmid_2024.csv", "idweek_2024.json", "escmid_2025.csv"};
 *     mayfly_batch_result result;
 *     mayfly_batch_run(inputs, 3, "combined.json",
 *                      &(mayfly_batch_options){.size = 50, .work = work}, &result, &error);
 *
 * Inputs    CSV with a header: each record becomes an object of texts, as csv.DictReader's; null
 *           for a field that is missing. JSON: an array of objects, or objects that follow each
 *           other, as on lines. Inputs are read record by record, whatever their size.
 * Batches   are files in a temporary directory of their own (mode 0700, files 0600): a JSON array,
 *           each record on a line. A batch goes on in the next input where one has ended.
 * Fidelity  What JSON has goes through as it is written: numbers keep their digits, members their
 *           order.
 *
 * What jansson does not read is an error, although Python's json would: more than 2048 levels, a
 * number beyond a double's range, a member's name with \u0000, half a surrogate pair.
 *
 * Needs jansson: in a library that was built without, everything here is -ENOTSUP.
 */
#ifndef MAYFLY_BATCH_H
#define MAYFLY_BATCH_H

#include <mayfly/csv.h>
#include <mayfly/replace.h>
#include <mayfly/where.h>

MAYFLY_BEGIN_DECLS

typedef struct mayfly_batches mayfly_batches;

/* One batch; the paths are valid until the next is asked for. */
typedef struct mayfly_batch {
    const char *path;      /* .../batch_1.json: to be read */
    const char *output;    /* .../processed_batch_1.json: to be written; there is none yet. Either
                              an array, whose elements are taken, or values that follow each other.
                              A batch without an output counts as it is */
    uint64_t number;       /* from 1 */
    uint64_t records;      /* in it */
    uint64_t bytes;        /* of the file */
    uint64_t first_record; /* the number of its first one in all inputs together, from 1 */
} mayfly_batch;

/* Works on a batch. 0, or a failure, which ends everything and may be told in *error. */
typedef int mayfly_batch_work(void *context, const mayfly_batch *batch, mayfly_error *error);

typedef enum mayfly_batch_format {
    MAYFLY_BATCH_BY_NAME = 0, /* .csv; .json, .jsonl, .ndjson; anything else is -EINVAL */
    MAYFLY_BATCH_CSV,
    MAYFLY_BATCH_JSON,
} mayfly_batch_format;

typedef struct mayfly_batch_options {
    uint64_t size;           /* records in a batch; 0: 100 */
    mayfly_batch_work *work; /* for mayfly_batch_run; NULL: the records are combined as they are */
    void *context;           /* given to it */
    mayfly_batch_format format; /* of all inputs */
    mayfly_csv_options csv;     /* max_record is for JSON, too */
    const char *prefix;         /* of the directory; "batch_processing_" */
    const char *dir;            /* existing directory; NULL: as `place` says */
    mayfly_place place;         /* when dir is NULL */
    bool lines;                 /* the result has a record on each line; else it is indented by 2,
                                   as Python's json.dump does with indent=2, ensure_ascii=False */
    mayfly_replace_options replace; /* how the result comes to its place; mode, encoding and newline
                                       must be unset */
} mayfly_batch_options;

typedef struct mayfly_batch_result {
    uint64_t batches;
    uint64_t records;  /* read */
    uint64_t combined; /* written */
    uint64_t bytes;    /* of the result */
} mayfly_batch_result;

/* All of it: makes the batches, has each worked on, combines what came out.
 *
 * inputs     paths; "-" is the standard input, for which `format` must be given
 * target     replaced when everything has succeeded, else left alone
 * ret        tells how much it was; NULL: not wanted
 *
 * Errors:    as mayfly_batches_open, mayfly_batches_next, mayfly_batches_combine;
 *            what `work` returns
 * Safety:    thread any | fork any | signal no
 * Since:     0.1 (contract P4) */
#define mayfly_batch_run(...)                                                                      \
    mayfly_batch_run_sized(sizeof(mayfly_batch_options), sizeof(mayfly_batch_result), __VA_ARGS__)
MAYFLY_API MAYFLY_MUST_CHECK int
mayfly_batch_run_sized(size_t options_size, size_t result_size, const char *const *inputs,
                       size_t count, const char *target, const mayfly_batch_options *options,
                       mayfly_batch_result *ret, mayfly_error *error);

/* ---- step by step: for several batches at a time --------------------------------------------- */

/* Begins. Nothing is read yet, and inputs are opened one after the other.
 *
 * Ownership: the caller closes the handle.
 * Errors:    -ENOTSUP built without jansson; -EINVAL no inputs, or a mode for the result
 *            as mayfly_temporary_directory
 * Safety:    thread any | fork any | signal no
 * Since:     0.1 (contract P4) */
#define mayfly_batches_open(...)                                                                   \
    mayfly_batches_open_sized(sizeof(mayfly_batch_options), __VA_ARGS__)
MAYFLY_API MAYFLY_MUST_CHECK int mayfly_batches_open_sized(size_t options_size,
                                                           const char *const *inputs, size_t count,
                                                           const mayfly_batch_options *options,
                                                           mayfly_batches **ret,
                                                           mayfly_error *error);

/* Writes the next batch.
 *
 * Returns 1 and the batch, or 0 at the end. After an error it returns the same error again.
 * Errors:    MAYFLY_E_SYNTAX  the input is damaged, a CSV record has more fields than the header, a
 *                             JSON record is no object; the message names file, record and byte
 *            -EILSEQ          a CSV field is not UTF-8
 *            -EFBIG           a record is longer than csv.max_record
 *            -EINVAL          a name does not tell CSV from JSON, and `format` does not either
 *            as open(2), mayfly_file_write; a batch that failed is removed
 * Safety:    thread one-object | fork: MAYFLY_E_FORKED in the child | signal no
 * Since:     0.1 (contract P4) */
MAYFLY_API int mayfly_batches_next(mayfly_batches *batches, mayfly_batch *ret, mayfly_error *error);

/* Puts the outputs together, in the order of batches, and in place of `target`. It can be called
 * again, with another target.
 *
 * ret        NULL: not wanted
 *
 * Errors:    -EBUSY           mayfly_batches_next has not come to the end
 *            MAYFLY_E_SYNTAX  an output is no JSON; the message names file, record and byte
 *            as mayfly_replace_begin, mayfly_file_write and mayfly_replace_commit
 * Safety:    thread one-object | fork: MAYFLY_E_FORKED in the child | signal no
 * Since:     0.1 (contract P4) */
#define mayfly_batches_combine(...)                                                                \
    mayfly_batches_combine_sized(sizeof(mayfly_batch_result), __VA_ARGS__)
MAYFLY_API MAYFLY_MUST_CHECK int
mayfly_batches_combine_sized(size_t result_size, mayfly_batches *batches, const char *target,
                             mayfly_batch_result *ret, mayfly_error *error);

/* The directory of batches and outputs. Ownership: the handle's. Safety: thread any | fork any |
 * signal yes. Since: 0.1 */
MAYFLY_API const char *mayfly_batches_dir(const mayfly_batches *batches);

/* Batches and outputs stay when the handle is closed, and are the caller's.
 * Errors: MAYFLY_E_FORKED. Safety: thread one-object | fork: MAYFLY_E_FORKED in the child | signal
 * no. Since: 0.1 */
MAYFLY_API int mayfly_batches_keep(mayfly_batches *batches, mayfly_error *error);

/* Removes all of them and frees the handle; NULL is accepted twice over. Errors: as
 * mayfly_dir_close. Safety: thread one-object | fork child-inert | signal no. Since: 0.1 */
MAYFLY_API int mayfly_batches_close(mayfly_batches **batches, mayfly_error *error);
MAYFLY_API void mayfly_batches_auto(mayfly_batches **batches);

MAYFLY_END_DECLS

#endif
