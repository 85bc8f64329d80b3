/* SPDX-License-Identifier: MIT
 *
 * Records of one input as JSON objects: what Python's csv.DictReader and json.load make of it.
 *
 * A short CSV record gets null for what it lacks, as DictReader's; a long one is an error, because
 * its last fields have no name. Of columns with the same name the last counts, in the first's
 * place, as in a dict.
 */
#define _GNU_SOURCE
#include "batch_records.h"

#include <mayfly/csv.h>

#include <stdlib.h>
#include <strings.h>

struct column {
    struct mfi_buffer key; /* as JSON, with the colon and, but for the first, a comma */
    size_t value;          /* the index of its field; `hidden`: it has none of its own */
    bool hidden;
};

struct mfi_batch_records {
    char *path;
    mayfly_csv *csv; /* one of the two */
    struct mfi_json *json;
    struct column *columns;
    size_t column_count;
    bool has_header;
};

void mfi_batch_records_close(struct mfi_batch_records **records) {
    if (*records == NULL)
        return;
    struct mfi_batch_records *ending = mfi_take(*records);
    (void)mayfly_csv_close(&ending->csv, NULL);
    mfi_json_close(&ending->json);
    for (size_t i = 0; i < ending->column_count; i++)
        mfi_buffer_free(&ending->columns[i].key);
    free(ending->columns);
    free(ending->path);
    free(ending);
}

/* ---- opening --------------------------------------------------------------------------------- */

static int ends_in(const char *path, const char *suffix) {
    const size_t size = strlen(path), length = strlen(suffix);
    return size > length && strcasecmp(path + size - length, suffix) == 0;
}

static mayfly_batch_format format_of(const char *path, mayfly_batch_format given) {
    if (given != MAYFLY_BATCH_BY_NAME)
        return given;
    if (ends_in(path, ".csv"))
        return MAYFLY_BATCH_CSV;
    return ends_in(path, ".json") || ends_in(path, ".jsonl") || ends_in(path, ".ndjson")
               ? MAYFLY_BATCH_JSON
               : MAYFLY_BATCH_BY_NAME;
}

int mfi_batch_records_open(const char *path, const mayfly_batch_options *options,
                           struct mfi_batch_records **ret, mayfly_error *error) {
    enum { MOST = 64 << 20 };
    const mayfly_batch_format format = format_of(path, options->format);
    if (format == MAYFLY_BATCH_BY_NAME)
        return mfi_fail(error, -EINVAL, "batch", path,
                        "ends in neither .csv nor .json, .jsonl or .ndjson; say which it is by "
                        ".format (--format, format=)");
    __attribute__((cleanup(mfi_batch_records_close))) struct mfi_batch_records *records =
        mfi_sys.calloc(1, sizeof *records);
    if (records == NULL || (records->path = mfi_strdup(path)) == NULL)
        return mfi_fail_memory(error, sizeof *records);
    const uint64_t most = options->csv.max_record == 0 ? MOST : options->csv.max_record;
    const int r = format == MAYFLY_BATCH_CSV
                      ? mayfly_csv_open(path, &options->csv, &records->csv, error)
                      : mfi_json_open(path, most, &records->json, error);
    if (r < 0)
        return r;
    *ret = mfi_take(records);
    return 0;
}

/* ---- CSV ------------------------------------------------------------------------------------- */

static int fail_record(const struct mfi_batch_records *records, const mayfly_csv_record *record,
                       int code, const char *what, mayfly_error *error) {
    return mfi_fail_at(error, code, "csv", records->path, record->offset,
                       "line %llu, record %llu: %s", (unsigned long long)record->line,
                       (unsigned long long)record->number, what);
}

static int fail_text(const struct mfi_batch_records *records, const mayfly_csv_record *record,
                     int code, mayfly_error *error) {
    return code == -ENOMEM ? mfi_fail_memory(error, record->raw_size)
                           : fail_record(records, record, code, "a field is not UTF-8", error);
}

struct name {
    const mayfly_csv_field *field;
    size_t index;
};

static int by_name(const void *one, const void *other) {
    const struct name *a = one, *b = other;
    const size_t least = a->field->size < b->field->size ? a->field->size : b->field->size;
    const int order = memcmp(a->field->data, b->field->data, least);
    if (order != 0)
        return order;
    if (a->field->size != b->field->size)
        return a->field->size < b->field->size ? -1 : 1;
    return a->index < b->index ? -1 : 1;
}

static int same_name(const struct name *a, const struct name *b) {
    return a->field->size == b->field->size &&
           memcmp(a->field->data, b->field->data, a->field->size) == 0;
}

/* Finds columns of the same name by sorting. 0 or -ENOMEM. */
static int find_doubles(struct mfi_batch_records *records, const mayfly_csv_record *header) {
    const size_t count = header->field_count;
    mfi_auto_free struct name *names = mfi_sys.malloc(count * sizeof *names);
    if (names == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        names[i] = (struct name){&header->fields[i], i};
        records->columns[i].value = i;
    }
    qsort(names, count, sizeof *names, by_name);
    for (size_t i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && same_name(&names[i], &names[end]); end++)
            records->columns[names[end].index].hidden = true;
        records->columns[names[i].index].value = names[end - 1].index;
    }
    return 0;
}

static int read_header(struct mfi_batch_records *records, mayfly_error *error) {
    mayfly_csv_record header;
    int r = mayfly_csv_next(records->csv, &header, error);
    if (r <= 0)
        return r;
    records->columns = mfi_sys.calloc(header.field_count, sizeof *records->columns);
    if (records->columns == NULL)
        return mfi_fail_memory(error, header.field_count * sizeof *records->columns);
    records->column_count = header.field_count;
    r = find_doubles(records, &header);
    for (size_t i = 0; i < header.field_count && r == 0; i++) {
        struct mfi_buffer *key = &records->columns[i].key;
        r = i == 0 ? 0 : mfi_buffer_append(key, ", ", 2);
        r = r < 0 ? r : mfi_json_string(key, header.fields[i].data, header.fields[i].size);
        r = r < 0 ? r : mfi_buffer_append(key, ": ", 2);
    }
    records->has_header = r == 0;
    return r < 0 ? fail_text(records, &header, r, error) : 1;
}

static int append_column(const struct column *column, const mayfly_csv_record *record,
                         struct mfi_buffer *to) {
    const int r = mfi_buffer_append(to, column->key.data, column->key.size);
    if (r < 0 || column->value >= record->field_count)
        return r < 0 ? r : mfi_buffer_append(to, "null", 4);
    const mayfly_csv_field *field = &record->fields[column->value];
    return mfi_json_string(to, field->data, field->size);
}

static int next_of_csv(struct mfi_batch_records *records, struct mfi_buffer *to,
                       mayfly_error *error) {
    mayfly_csv_record record;
    int r = records->has_header ? 1 : read_header(records, error);
    if (r > 0)
        r = mayfly_csv_next(records->csv, &record, error);
    if (r <= 0)
        return r;
    if (record.field_count > records->column_count)
        return fail_record(records, &record, MAYFLY_E_SYNTAX, "has more fields than the header",
                           error);
    r = mfi_buffer_append(to, "{", 1);
    for (size_t i = 0; i < records->column_count && r == 0; i++)
        if (!records->columns[i].hidden)
            r = append_column(&records->columns[i], &record, to);
    if (r == 0)
        r = mfi_buffer_append(to, "}", 1);
    return r < 0 ? fail_text(records, &record, r, error) : 1;
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static int next_of_json(struct mfi_batch_records *records, struct mfi_buffer *to,
                        mayfly_error *error) {
    struct mfi_json_value value;
    const int r = mfi_json_next(records->json, &value, error);
    if (r <= 0)
        return r;
    if (!value.is_object)
        return mfi_fail_at(error, MAYFLY_E_SYNTAX, "json", records->path, value.offset,
                           "record %llu: is no object", (unsigned long long)value.number);
    if (mfi_json_tidy(to, value.text, value.size, -1) < 0)
        return mfi_fail_memory(error, value.size);
    return 1;
}

int mfi_batch_records_next(struct mfi_batch_records *records, struct mfi_buffer *to,
                           mayfly_error *error) {
    return records->csv != NULL ? next_of_csv(records, to, error)
                                : next_of_json(records, to, error);
}
