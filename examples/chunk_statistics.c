/* SPDX-License-Identifier: MIT
 *
 * A large table in temporary chunks: what tempfile-guide.md does in process_large_csv_file.
 *
 *     chunk_statistics examples/data/debian-packages.csv
 *
 * The table is split into pieces in a temporary directory. Each piece is read, its statistics
 * (records and installed size by section, keywords from the tags) are saved beside it as JSON, and
 * these are read back and combined. At the end the temporary directory is looked at: nothing of
 * all this may be left.
 */
#include <dirent.h>
#include <jansson.h>
#include <mayfly.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROWS = 1000, TOP = 10 };

static mayfly_error error;

static int complain(const char *what) {
    fprintf(stderr, "chunk_statistics: %s\n", what);
    return -1;
}

/* ---- statistics: JSON objects that count ----------------------------------------------------- */

static void count(json_t *object, const char *key, size_t size, json_int_t by) {
    const json_int_t before = json_integer_value(json_object_getn(object, key, size));
    (void)json_object_setn_new(object, key, size, json_integer(before + by));
}

/* "role::program, uitoolkit::gtk" -> one of each. */
static void count_keywords(json_t *keywords, const mayfly_csv_field *tags) {
    const char *at = tags->data, *end = tags->data + tags->size;
    while (at < end) {
        at += strspn(at, ", \n");
        const size_t size = strcspn(at, ",\n");
        if (size > 0)
            count(keywords, at, size, 1);
        at += size;
    }
}

struct columns {
    int section, installed, tags;
};

static void count_record(json_t *statistics, const struct columns *columns,
                         const mayfly_csv_record *record) {
    const mayfly_csv_field *section = &record->fields[columns->section];
    const json_int_t kib = strtoll(record->fields[columns->installed].data, NULL, 10);
    count(statistics, "records", 7, 1);
    count(statistics, "installed_kib", 13, kib);
    count(json_object_get(statistics, "sections"), section->data, section->size, 1);
    count(json_object_get(statistics, "section_kib"), section->data, section->size, kib);
    count_keywords(json_object_get(statistics, "keywords"), &record->fields[columns->tags]);
}

static json_t *new_statistics(void) {
    return json_pack("{s:i, s:i, s:{}, s:{}, s:{}}", "records", 0, "installed_kib", 0, "sections",
                     "section_kib", "keywords");
}

/* ---- one piece ------------------------------------------------------------------------------- */

static int analyze(const char *path, json_t *statistics) {
    mayfly_auto(mayfly_csv) csv = NULL;
    mayfly_csv_record record;
    if (mayfly_csv_open(path, NULL, &csv, &error) < 0 || mayfly_csv_next(csv, &record, &error) <= 0)
        return complain(error.message);
    const struct columns columns = {mayfly_csv_find(&record, "section"),
                                    mayfly_csv_find(&record, "installed_kib"),
                                    mayfly_csv_find(&record, "tags")};
    const size_t width = record.field_count;
    if (columns.section < 0 || columns.installed < 0 || columns.tags < 0)
        return complain("the table lacks section, installed_kib or tags");
    int r = 0;
    while ((r = mayfly_csv_next(csv, &record, &error)) > 0) {
        if (record.field_count != width)
            return complain("a record has not as many fields as the header");
        count_record(statistics, &columns, &record);
    }
    return r < 0 ? complain(error.message) : 0;
}

/* Saves the statistics of a piece in the temporary directory; returns how many bytes that took. */
static int64_t save(const mayfly_dir *dir, const char *name, const json_t *statistics) {
    mayfly_auto(mayfly_file) file = NULL;
    FILE *stream = NULL;
    if (mayfly_dir_file(dir, name, NULL, &file, &error) < 0 ||
        mayfly_file_stream(file, &stream, &error) < 0)
        return complain(error.message);
    if (json_dumpf(statistics, stream, JSON_INDENT(2) | JSON_SORT_KEYS) != 0)
        return complain("the statistics of a piece cannot be written");
    const int64_t size = mayfly_file_size(file, &error);
    return mayfly_file_close(&file, &error) < 0 ? complain(error.message) : size;
}

/* ---- all of them ----------------------------------------------------------------------------- */

static void add_all(json_t *to, const json_t *from) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)from, key, value) {
        if (json_is_object(value))
            add_all(json_object_get(to, key), value);
        else
            count(to, key, strlen(key), json_integer_value(value));
    }
}

static int combine(const mayfly_dir *dir, uint64_t pieces, json_t *total) {
    for (uint64_t i = 1; i <= pieces; i++) {
        char name[64];
        snprintf(name, sizeof name, "chunk_%llu_processed.json", (unsigned long long)i);
        mayfly_auto(mayfly_file) file = NULL;
        char *text = NULL;
        size_t size = 0;
        if (mayfly_dir_file(dir, name, &(mayfly_file_options){.mode = "rb"}, &file, &error) < 0 ||
            mayfly_file_read_all(file, &text, &size, &error) < 0)
            return complain(error.message);
        json_error_t why;
        json_t *statistics = json_loadb(text, size, 0, &why);
        free(text);
        if (statistics == NULL)
            return complain(why.text);
        add_all(total, statistics);
        json_decref(statistics);
    }
    return 0;
}

/* ---- telling --------------------------------------------------------------------------------- */

struct pair {
    const char *key;
    json_int_t value;
};

static int by_value(const void *one, const void *other) {
    const struct pair *a = one, *b = other;
    if (a->value != b->value)
        return a->value < b->value ? 1 : -1;
    return strcmp(a->key, b->key);
}

/* The ten largest of an object, in order. */
static size_t top(const json_t *object, struct pair *best) {
    const size_t size = json_object_size(object);
    struct pair *all = calloc(size + 1, sizeof *all);
    if (all == NULL)
        return 0;
    size_t n = 0;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value) all[n++] =
        (struct pair){key, json_integer_value(value)};
    qsort(all, n, sizeof *all, by_value);
    n = n < TOP ? n : TOP;
    memcpy(best, all, n * sizeof *all);
    free(all);
    return n;
}

static json_int_t number(const json_t *object, const char *key) {
    return json_integer_value(json_object_get(object, key));
}

static void print_total(const json_t *total) {
    struct pair sections[TOP], keywords[TOP];
    const size_t n = top(json_object_get(total, "sections"), sections);
    const size_t k = top(json_object_get(total, "keywords"), keywords);
    printf("%lld records, %lld KiB installed, %zu sections, %zu keywords\n\n",
           (long long)number(total, "records"), (long long)number(total, "installed_kib"),
           json_object_size(json_object_get(total, "sections")),
           json_object_size(json_object_get(total, "keywords")));
    printf("    %-14s %8s %12s      %-28s %8s\n", "section", "records", "KiB", "keyword",
           "records");
    for (size_t i = 0; i < n || i < k; i++) {
        printf("%2zu  ", i + 1);
        if (i < n)
            printf("%-14s %8lld %12lld      ", sections[i].key, (long long)sections[i].value,
                   (long long)number(json_object_get(total, "section_kib"), sections[i].key));
        else
            printf("%42s", "");
        if (i < k)
            printf("%-28s %8lld", keywords[i].key, (long long)keywords[i].value);
        printf("\n");
    }
}

/* ---- the job --------------------------------------------------------------------------------- */

struct job {
    uint64_t pieces;
    uint64_t bytes; /* through temporary storage: pieces and their statistics */
};

static int process(const char *path, struct job *job, json_t *total) {
    mayfly_auto(mayfly_dir) results = NULL;
    mayfly_auto(mayfly_chunks) chunks = NULL;
    if (mayfly_temporary_directory(&(mayfly_dir_options){.prefix = "statistics_"}, &results,
                                   &error) < 0 ||
        mayfly_chunks_open(path, &(mayfly_chunk_options){.rows = ROWS, .prefix = "csv_chunks_"},
                           &chunks, &error) < 0)
        return complain(error.message);
    mayfly_chunk chunk;
    int r = 0;
    while ((r = mayfly_chunks_next(chunks, &chunk, &error)) > 0) {
        char name[64];
        json_t *statistics = new_statistics();
        snprintf(name, sizeof name, "chunk_%llu_processed.json", (unsigned long long)chunk.number);
        const int64_t saved =
            analyze(chunk.path, statistics) < 0 ? -1 : save(results, name, statistics);
        json_decref(statistics);
        if (saved < 0)
            return -1;
        job->bytes += chunk.bytes + (uint64_t)saved;
        job->pieces++;
    }
    if (r < 0)
        return complain(error.message);
    if (combine(results, job->pieces, total) < 0)
        return -1;
    if (mayfly_chunks_close(&chunks, &error) < 0 || mayfly_dir_close(&results, &error) < 0)
        return complain(error.message);
    return 0;
}

/* Entries of the temporary directory that this program could have made. */
static int left_behind(const char *tmp) {
    int found = 0;
    DIR *dir = opendir(tmp);
    const struct dirent *entry;
    while (dir != NULL && (entry = readdir(dir)) != NULL)
        if (strncmp(entry->d_name, "statistics_", 11) == 0 ||
            strncmp(entry->d_name, "csv_chunks_", 11) == 0) {
            printf("left: %s/%s\n", tmp, entry->d_name);
            found++;
        }
    if (dir != NULL)
        closedir(dir);
    return dir == NULL ? -1 : found;
}

int main(int argc, char **argv) {
    const char *tmp = NULL;
    struct timespec begin, end;
    struct job job = {0};
    if (argc != 2)
        return complain("usage: chunk_statistics TABLE.csv"), 2;
    if (mayfly_gettempdir(&tmp, &error) < 0)
        return complain(error.message), 1;
    const int before = left_behind(tmp);
    clock_gettime(CLOCK_MONOTONIC, &begin);
    json_t *total = new_statistics();
    int r = process(argv[1], &job, total);
    clock_gettime(CLOCK_MONOTONIC, &end);
    if (r == 0) {
        print_total(total);
        printf("\n%llu pieces, %.1f MB through temporary storage in %s, %.0f ms\n",
               (unsigned long long)job.pieces, (double)job.bytes / 1e6, tmp,
               (double)(end.tv_sec - begin.tv_sec) * 1e3 +
                   (double)(end.tv_nsec - begin.tv_nsec) / 1e6);
        const int left = left_behind(tmp);
        printf("left behind in %s: %d\n", tmp, left - before);
        r = left == before ? 0 : -1;
    }
    json_decref(total);
    return r < 0;
}
