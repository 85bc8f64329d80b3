/* SPDX-License-Identifier: MIT
 *
 * Data of several files in batches: tempfile-guide.md batch_process_conference_data.
 *
 *     batches COMBINED.json INPUT...        CSV and JSON files; without arguments three of its own
 */
#include <ctype.h>
#include <jansson.h>
#include <time.h>

#include "example.h"

static const char *now(void) {
    static char text[32];
    const time_t seconds = time(NULL);
    struct tm local;
    localtime_r(&seconds, &local);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &local);
    return text;
}

/* The conference's name in capitals, and when that was done. */
static void process_item(json_t *item) {
    const char *name = json_string_value(json_object_get(item, "conference"));
    char *capitals = name == NULL ? NULL : strdup(name);
    for (char *c = capitals; c != NULL && *c != '\0'; c++)
        *c = (char)toupper((unsigned char)*c);
    if (capitals != NULL)
        json_object_set_new(item, "conference", json_string(capitals));
    json_object_set_new(item, "processed_at", json_string(now()));
    free(capitals);
}

/* Called for each batch: what is in batch->path goes, processed, to batch->output. */
static int process_batch(void *context, const mayfly_batch *batch, mayfly_error *why) {
    (void)why;
    json_error_t wrong;
    json_t *data = json_load_file(batch->path, 0, &wrong);
    size_t i;
    json_t *item;
    if (data == NULL)
        return -EIO;
    json_array_foreach(data, i, item) process_item(item);
    const int r = json_dump_file(data, batch->output, 0);
    json_decref(data);
    *(uint64_t *)context += batch->records;
    return r == 0 ? 0 : -EIO;
}

static mayfly_batch_result process(const char *const *inputs, size_t count, const char *combined,
                                   uint64_t size) {
    mayfly_batch_result result;
    uint64_t processed = 0;
    const mayfly_batch_options options = {
        .size = size, .work = process_batch, .context = &processed};
    try(mayfly_batch_run(inputs, count, combined, &options, &result, &error));
    expect(processed == result.records && processed == result.combined, "all are processed");
    printf("Batch processing complete: %llu records in %llu batches, combined in %s\n",
           (unsigned long long)result.records, (unsigned long long)result.batches, combined);
    return result;
}

static const char *put(const mayfly_dir *dir, const char *name, const char *text, char *path) {
    mayfly_auto(mayfly_file) file = NULL;
    try(mayfly_dir_file(dir, name, NULL, &file, &error));
    try(mayfly_file_write(file, text, strlen(text), &error));
    try(mayfly_file_close(&file, &error));
    snprintf(path, 4200, "%s/%s", mayfly_dir_path(dir), name);
    return path;
}

static void process_conferences(void) {
    static char paths[4][4200];
    mayfly_auto(mayfly_dir) here = NULL; /* stands for the working directory */
    try(mayfly_temporary_directory(NULL, &here, &error));
    const char *const inputs[] = {
        put(here, "eccmid_2024.csv",
            "id,conference,title\n1,eccmid,\"Resistance, "
            "\"\"again\"\"\"\n2,eccmid,\"Two\nlines\"\n",
            paths[0]),
        put(here, "idweek_2024.json", "[{\"id\": 3, \"conference\": \"IDWeek\"}, {\"id\": 4}]",
            paths[1]),
        put(here, "escmid_2025.csv", "id,conference,title\n5,escmid,\n", paths[2]),
    };
    snprintf(paths[3], sizeof paths[3], "%s/combined_conference_data.json", mayfly_dir_path(here));
    const mayfly_batch_result result = process(inputs, 3, paths[3], 2);
    expect(result.batches == 3 && result.records == 5, "two, two, one");
    json_t *combined = json_load_file(paths[3], 0, NULL);
    const char *name =
        json_string_value(json_object_get(json_array_get(combined, 2), "conference"));
    expect(name != NULL && strcmp(name, "IDWEEK") == 0, "the third in capitals");
    json_decref(combined);
}

int main(int argc, char **argv) {
    if (argc == 1)
        process_conferences();
    else
        process((const char *const *)argv + 2, (size_t)argc - 2, argv[1], 50);
    return 0;
}
