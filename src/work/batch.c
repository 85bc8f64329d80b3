/* SPDX-License-Identifier: MIT
 *
 * Batches of records, and what came out of them in one file.
 *
 * States      READING -> ENDED (can be combined) or FAILED, for good
 * Invariants  one record is in memory at a time, when batches are made and when they are combined.
 *             A batch has a record at the least; one that could not be finished is removed before
 *             its error is returned.
 */
#define _GNU_SOURCE
#include <mayfly/batch.h>
#include <mayfly/dir.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "batch_records.h"

struct mayfly_batches {
    char **inputs;
    size_t input_count, input; /* how many, and which is being read */
    struct mfi_batch_records *records;
    mayfly_batch_options options;
    mayfly_dir *dir;
    char *backup;           /* options.replace.backup */
    struct mfi_buffer line; /* one record */
    uint64_t number;        /* batches made */
    uint64_t read;          /* records in them */
    bool ended;
    char *path, *output; /* of the newest */
    uint64_t process;
    mayfly_error why; /* code 0: nothing has failed */
};

int mayfly_batches_close(mayfly_batches **batches, mayfly_error *error) {
    if (batches == NULL || *batches == NULL)
        return 0;
    mayfly_batches *ending = mfi_take(*batches);
    mfi_batch_records_close(&ending->records);
    const int r = mayfly_dir_close(&ending->dir, error);
    for (size_t i = 0; i < ending->input_count; i++)
        free(ending->inputs[i]);
    free(ending->inputs);
    mfi_buffer_free(&ending->line);
    free(ending->backup);
    free(ending->path);
    free(ending->output);
    free(ending);
    return r;
}

void mayfly_batches_auto(mayfly_batches **batches) {
    (void)mayfly_batches_close(batches, NULL);
}

const char *mayfly_batches_dir(const mayfly_batches *batches) {
    return mayfly_dir_path(batches->dir);
}

int mayfly_batches_keep(mayfly_batches *batches, mayfly_error *error) {
    return mayfly_dir_keep(batches->dir, error);
}

/* ---- opening --------------------------------------------------------------------------------- */

static int check_options(const mayfly_batch_options *options, size_t count, mayfly_error *error) {
    if (count == 0)
        return mfi_fail(error, -EINVAL, "batch", NULL, "an input must be named");
    if (options->replace.mode != NULL || options->replace.encoding != NULL ||
        options->replace.newline != NULL)
        return mfi_fail(error, -EINVAL, "batch", NULL,
                        "the result is JSON: it has no mode, encoding or newline");
    if ((unsigned)options->format > MAYFLY_BATCH_JSON)
        return mfi_fail(error, -EINVAL, "batch", NULL, "a format that is none");
    return mfi_json_supported(error);
}

/* The caller's strings are not kept. */
static int copy_strings(mayfly_batches *batches, const char *const *inputs, size_t count) {
    batches->inputs = mfi_sys.calloc(count, sizeof *batches->inputs);
    if (batches->inputs == NULL)
        return -ENOMEM;
    batches->input_count = count;
    for (size_t i = 0; i < count; i++) {
        batches->inputs[i] = mfi_strdup(inputs[i]);
        if (batches->inputs[i] == NULL)
            return -ENOMEM;
    }
    if (batches->options.replace.backup != NULL) {
        batches->backup = mfi_strdup(batches->options.replace.backup);
        if (batches->backup == NULL)
            return -ENOMEM;
    }
    batches->options.replace.backup = batches->backup;
    batches->options.prefix = batches->options.dir = NULL;
    return 0;
}

int mayfly_batches_open_sized(size_t options_size, const char *const *inputs, size_t count,
                              const mayfly_batch_options *options, mayfly_batches **ret,
                              mayfly_error *error) {
    mayfly_batch_options known;
    int r = mfi_options_import(&known, sizeof known, options, options_size, "batch", error);
    if (r == 0)
        r = check_options(&known, count, error);
    if (r < 0)
        return r;
    mayfly_auto(mayfly_batches) batches = mfi_sys.calloc(1, sizeof *batches);
    if (batches == NULL)
        return mfi_fail_memory(error, sizeof *batches);
    batches->options = known;
    batches->options.size = known.size == 0 ? 100 : known.size;
    batches->process = mfi_process();
    if (copy_strings(batches, inputs, count) < 0)
        return mfi_fail_memory(error, count * sizeof *inputs);
    r = mayfly_temporary_directory(
        &(mayfly_dir_options){.prefix = known.prefix == NULL ? "batch_processing_" : known.prefix,
                              .dir = known.dir,
                              .place = known.place},
        &batches->dir, error);
    if (r < 0)
        return r;
    *ret = mfi_take(batches);
    return 0;
}

/* ---- batches --------------------------------------------------------------------------------- */

enum { NAME = 48 };

static void batch_name(uint64_t number, int output, char *name) {
    (void)snprintf(name, NAME, "%sbatch_%llu.json", output ? "processed_" : "",
                   (unsigned long long)number);
}

/* The next record of the inputs, into `line`. 1, 0 at the end of the last, or a failure. */
static int next_record(mayfly_batches *batches, mayfly_error *error) {
    batches->line.size = 0;
    while (batches->input < batches->input_count) {
        int r = 0;
        if (batches->records == NULL)
            r = mfi_batch_records_open(batches->inputs[batches->input], &batches->options,
                                       &batches->records, error);
        if (r == 0)
            r = mfi_batch_records_next(batches->records, &batches->line, error);
        if (r != 0)
            return r;
        mfi_batch_records_close(&batches->records);
        batches->input++;
    }
    batches->ended = true;
    return 0;
}

/* Writes records until the batch is full; the first is in `line` already. */
static int fill(mayfly_batches *batches, mayfly_file *file, mayfly_batch *batch,
                mayfly_error *error) {
    int more = 1, r = mayfly_file_write(file, "[\n", 2, error);
    while (more > 0 && r == 0) {
        r = mayfly_file_write(file, batches->line.data, batches->line.size, error);
        batch->records++;
        more = r == 0 && batch->records < batches->options.size ? next_record(batches, error) : 0;
        if (r == 0 && more > 0)
            r = mayfly_file_write(file, ",\n", 2, error);
    }
    r = mfi_first(more, r);
    return r < 0 ? r : mayfly_file_write(file, "\n]\n", 3, error);
}

static int write_batch(mayfly_batches *batches, const char *name, mayfly_batch *batch,
                       mayfly_error *error) {
    mayfly_auto(mayfly_file) file = NULL;
    int r = mayfly_dir_file(batches->dir, name, NULL, &file, error);
    if (r < 0)
        return r;
    r = fill(batches, file, batch, error);
    const int64_t bytes = r < 0 ? r : mayfly_file_size(file, error);
    batch->bytes = bytes < 0 ? 0 : (uint64_t)bytes;
    r = bytes < 0 ? (int)bytes : mayfly_file_close(&file, error);
    if (r < 0)
        (void)mfi_sys.unlinkat(mayfly_dir_fd(batches->dir), name, 0);
    return r;
}

static int make_batch(mayfly_batches *batches, mayfly_batch *batch, mayfly_error *error) {
    char name[NAME], output[NAME];
    int r = next_record(batches, error);
    if (r <= 0)
        return r;
    *batch = (mayfly_batch){.number = batches->number + 1, .first_record = batches->read + 1};
    batch_name(batch->number, 0, name);
    batch_name(batch->number, 1, output);
    free(batches->path);
    free(batches->output);
    batches->path = mfi_format("%s/%s", mayfly_batches_dir(batches), name);
    batches->output = mfi_format("%s/%s", mayfly_batches_dir(batches), output);
    if (batches->path == NULL || batches->output == NULL)
        return mfi_fail_memory(error, sizeof name);
    r = write_batch(batches, name, batch, error);
    if (r < 0)
        return r;
    batches->number++;
    batches->read += batch->records;
    batch->path = batches->path;
    batch->output = batches->output;
    return 1;
}

static int check_process(const mayfly_batches *batches, mayfly_error *error) {
    return batches->process == mfi_process() ? 0
                                             : mfi_fail(error, MAYFLY_E_FORKED, "batch", NULL,
                                                        "the batches are the parent process's");
}

int mayfly_batches_next(mayfly_batches *batches, mayfly_batch *ret, mayfly_error *error) {
    mayfly_batch batch;
    int r = check_process(batches, error);
    if (r < 0)
        return r;
    if (batches->why.code == 0 && !batches->ended) {
        r = make_batch(batches, &batch, &batches->why);
        if (r > 0)
            *ret = batch;
    }
    if (batches->why.code == 0)
        return r;
    if (error != NULL)
        *error = batches->why;
    return batches->why.code;
}

/* ---- combining ------------------------------------------------------------------------------- */

struct combining {
    mayfly_file *file;
    struct mfi_buffer text;
    int level; /* of indentation; -1: a record a line */
    mayfly_batch_result result;
};

static int add_value(struct combining *to, const struct mfi_json_value *value,
                     mayfly_error *error) {
    static const char *const breaks[2][2] = {{"[\n", ",\n"}, {"[\n  ", ",\n  "}};
    const char *before = breaks[to->level > 0][to->result.combined > 0];
    to->text.size = 0;
    if (mfi_buffer_append(&to->text, before, strlen(before)) < 0 ||
        mfi_json_tidy(&to->text, value->text, value->size, to->level) < 0)
        return mfi_fail_memory(error, value->size);
    to->result.combined++;
    return mayfly_file_write(to->file, to->text.data, to->text.size, error);
}

/* The output of a batch, or the batch where there is none. */
static int add_batch(const mayfly_batches *batches, uint64_t number, struct combining *to,
                     mayfly_error *error) {
    char name[NAME];
    struct stat st;
    batch_name(number, 1, name);
    int r = mfi_sys.fstatat(mayfly_dir_fd(batches->dir), name, &st, 0);
    if (r < 0 && r != -ENOENT)
        return mfi_fail_call(error, r, "fstatat", name, -1);
    batch_name(number, r == 0, name);
    mfi_auto_free char *path = mfi_format("%s/%s", mayfly_batches_dir(batches), name);
    if (path == NULL)
        return mfi_fail_memory(error, sizeof name);
    __attribute__((cleanup(mfi_json_close))) struct mfi_json *json = NULL;
    struct mfi_json_value value;
    r = mfi_json_open(path, UINT64_MAX, &json, error);
    if (r < 0)
        return r;
    while ((r = mfi_json_next(json, &value, error)) > 0) {
        r = add_value(to, &value, error);
        if (r < 0)
            return r;
    }
    return r;
}

static int add_all(const mayfly_batches *batches, struct combining *to, mayfly_error *error) {
    int r = 0;
    for (uint64_t i = 1; i <= batches->number && r == 0; i++)
        r = add_batch(batches, i, to, error);
    if (r < 0)
        return r;
    const char *end = to->result.combined == 0 ? "[]" : "\n]";
    return mayfly_file_write(to->file, end, strlen(end), error);
}

int mayfly_batches_combine_sized(size_t result_size, mayfly_batches *batches, const char *target,
                                 mayfly_batch_result *ret, mayfly_error *error) {
    int r = check_process(batches, error);
    if (r == 0 && !batches->ended)
        r = mfi_fail(error, -EBUSY, "combine", target, "not all inputs are read yet");
    mayfly_auto(mayfly_replace) replace = NULL;
    if (r == 0)
        r = mayfly_replace_begin(target, &batches->options.replace, &replace, error);
    if (r < 0)
        return r;
    struct combining to = {.file = mayfly_replace_file(replace),
                           .level = batches->options.lines ? -1 : 1,
                           .result = {.batches = batches->number, .records = batches->read}};
    r = add_all(batches, &to, error);
    mfi_buffer_free(&to.text);
    const int64_t bytes = r < 0 ? r : mayfly_file_size(to.file, error);
    if (bytes < 0)
        return (int)bytes;
    to.result.bytes = (uint64_t)bytes;
    r = mayfly_replace_commit(replace, NULL, error);
    if (r == 0 && ret != NULL)
        memcpy(ret, &to.result, result_size < sizeof to.result ? result_size : sizeof to.result);
    return r;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static int work_on_all(mayfly_batches *batches, mayfly_error *error) {
    mayfly_batch batch;
    int r;
    while ((r = mayfly_batches_next(batches, &batch, error)) > 0) {
        if (batches->options.work == NULL)
            continue;
        mayfly_error why = {.code = 0};
        r = batches->options.work(batches->options.context, &batch, &why);
        if (r < 0)
            return mfi_fail(error, r, "batch", batch.path, "batch %llu: %s",
                            (unsigned long long)batch.number,
                            why.code != 0 ? why.message : "the function for it failed");
    }
    return r;
}

int mayfly_batch_run_sized(size_t options_size, size_t result_size, const char *const *inputs,
                           size_t count, const char *target, const mayfly_batch_options *options,
                           mayfly_batch_result *ret, mayfly_error *error) {
    mayfly_auto(mayfly_batches) batches = NULL;
    mayfly_batch_result result = {0};
    int r = mayfly_batches_open_sized(options_size, inputs, count, options, &batches, error);
    if (r == 0)
        r = work_on_all(batches, error);
    if (r == 0)
        r = mayfly_batches_combine(batches, target, &result, error);
    if (r < 0)
        return r;
    r = mayfly_batches_close(&batches, error);
    if (r == 0 && ret != NULL)
        memcpy(ret, &result, result_size < sizeof result ? result_size : sizeof result);
    return r;
}
