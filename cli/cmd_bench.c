/* SPDX-License-Identifier: MIT
 *
 * mayfly bench: how long dumping and loading takes, told as dill.temp's documentation tells it.
 */
#define _GNU_SOURCE
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.h"
#include "command.h"

struct bench {
    struct bench_item *items;
    size_t count;
    uint64_t iterations;
    int json;
};

/* ---- what is measured ------------------------------------------------------------------------ */

/* A path may hold anything but NUL; JSON and XML cannot. */
static char *showable(const char *name) {
    char *text = strdup(name);
    json_t *string = json_string(name); /* NULL: it is not UTF-8 */
    const int utf8 = string != NULL && strstr(name, "\xef\xbf\xbe") == NULL &&
                     strstr(name, "\xef\xbf\xbf") == NULL;
    json_decref(string);
    for (char *c = text; c != NULL && *c != '\0'; c++) {
        const unsigned char byte = (unsigned char)*c;
        if (byte < ' ' || byte == 0x7f || (byte > 0x7f && !utf8))
            *c = '?';
    }
    return text;
}

static int add(struct bench *bench, const char *name, mayfly_doc **doc) {
    struct bench_item *item = &bench->items[bench->count];
    char *shown = showable(name);
    if (shown == NULL)
        return cli_say(EXIT_FAILED, "no memory");
    *item = (struct bench_item){.name = shown, .doc = *doc, .iterations = bench->iterations};
    *doc = NULL;
    bench->count++;
    return EXIT_OK;
}

static int add_workload(struct bench *bench, const struct bench_workload *workload) {
    mayfly_error error;
    mayfly_auto(mayfly_doc) doc = NULL;
    if (mayfly_doc_new(NULL, &doc, &error) < 0)
        return cli_say(EXIT_FAILED, "%s", error.message);
    mayfly_doc_set_root(doc, workload->build(doc));
    if (mayfly_doc_failed(doc, &error) < 0)
        return cli_say(EXIT_FAILED, "%s: %s", workload->name, error.message);
    return add(bench, workload->name, &doc);
}

static int add_file(struct bench *bench, const char *path) {
    mayfly_error error;
    mayfly_auto(mayfly_doc) doc = NULL;
    if (mayfly_load_path(path, NULL, &doc, &error) < 0)
        return cli_say(EXIT_FAILED, "%s", error.message);
    return add(bench, path, &doc);
}

static const struct bench_workload *find(const char *name) {
    for (const struct bench_workload *workload = bench_workloads; workload->name != NULL;
         workload++)
        if (strcmp(workload->name, name) == 0)
            return workload;
    return NULL;
}

/* What was asked for; everything if nothing was. */
static int add_all(struct bench *bench, const struct cli_values *values) {
    char **after = values->after_dashes; /* files, too: those that begin with a - */
    int r = EXIT_OK;
    for (size_t i = 0; r == EXIT_OK && values->all[i] != NULL; i++)
        r = add_workload(bench, find(values->all[i]));
    for (int i = 0; r == EXIT_OK && i < values->operand_count; i++)
        r = add_file(bench, values->operands[i]);
    for (; r == EXIT_OK && after != NULL && *after != NULL; after++)
        r = add_file(bench, *after);
    if (bench->count > 0 || r != EXIT_OK)
        return r;
    for (size_t i = 0; r == EXIT_OK && bench_workloads[i].name != NULL; i++)
        r = add_workload(bench, &bench_workloads[i]);
    return r;
}

/* ---- measuring ------------------------------------------------------------------------------- */

double bench_now(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void bench_note(struct bench_times *times, double took) {
    times->sum += took;
    times->least = fmin(times->least, took);
    times->most = fmax(times->most, took);
}

typedef int dumper(mayfly_doc *doc, mayfly_file **ret, mayfly_error *error);

static int to_file(mayfly_doc *doc, mayfly_file **ret, mayfly_error *error) {
    return mayfly_dump(doc, mayfly_doc_root(doc), NULL, ret, error);
}

static int to_buffer(mayfly_doc *doc, mayfly_file **ret, mayfly_error *error) {
    return mayfly_dump_io(doc, mayfly_doc_root(doc), NULL, ret, error);
}

static int measure_once(mayfly_doc *doc, dumper *dump, struct bench_half *half,
                        mayfly_error *error) {
    mayfly_auto(mayfly_file) file = NULL;
    mayfly_auto(mayfly_doc) loaded = NULL;
    double begin = bench_now();
    int r = dump(doc, &file, error);
    bench_note(&half->dump, bench_now() - begin);
    if (r < 0)
        return r;
    const int64_t size = mayfly_file_size(file, error);
    if (size < 0)
        return (int)size;
    half->bytes += (uint64_t)size;
    begin = bench_now();
    r = mayfly_load(file, NULL, &loaded, error);
    bench_note(&half->load, bench_now() - begin);
    return r < 0 ? r : mayfly_file_close(&file, error);
}

static int measure(struct bench *bench, dumper *dump, int which, const char *what) {
    for (size_t i = 0; i < bench->count; i++) {
        struct bench_item *item = &bench->items[i];
        struct bench_half *half = &item->half[which];
        mayfly_error error;
        half->dump.least = half->load.least = INFINITY;
        if (!bench->json)
            printf("Benchmarking %s%s...\n", what, item->name);
        for (uint64_t n = 0; n < bench->iterations; n++)
            if (measure_once(item->doc, dump, half, &error) < 0)
                return cli_say(EXIT_FAILED, "%s: %s", item->name, error.message);
    }
    return EXIT_OK;
}

/* ---- telling --------------------------------------------------------------------------------- */

/* A whole number with a comma before every three digits. */
static void print_bytes(const char *what, double bytes) {
    char digits[64];
    (void)snprintf(digits, sizeof digits, "%.0f", bytes);
    printf("  Avg %s size: ", what);
    for (size_t left = strlen(digits), i = 0; left > 0; i++, left--)
        printf("%c%s", digits[i], left > 1 && left % 3 == 1 ? "," : "");
    printf(" bytes\n");
}

static void print_half(const char *title, const char *what, const struct bench_half *half,
                       uint64_t iterations) {
    const double n = (double)iterations;
    printf("%s:\n", title);
    printf("  Avg dump time: %.4fs\n", half->dump.sum / n);
    printf("  Avg load time: %.4fs\n", half->load.sum / n);
    print_bytes(what, (double)half->bytes / n);
}

static void print_line(char character, int count) {
    for (int i = 0; i < count; i++)
        putchar(character);
    putchar('\n');
}

static int print_results(const struct bench *bench) {
    printf("\nSerialization Benchmark Results\n");
    print_line('=', 60);
    for (size_t i = 0; i < bench->count; i++) {
        const struct bench_item *item = &bench->items[i];
        printf("\n%s:\n", item->name);
        print_line('-', 30);
        print_half("File Operations", "file", &item->half[BENCH_FILE], item->iterations);
        print_half("IO Buffer Operations", "buffer", &item->half[BENCH_BUFFER], item->iterations);
    }
    return EXIT_OK;
}

static json_t *half_json(const struct bench_half *half, const char *size_name,
                         uint64_t iterations) {
    const double n = (double)iterations;
    return json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "avg_dump_time", half->dump.sum / n,
                     "avg_load_time", half->load.sum / n, size_name, (double)half->bytes / n,
                     "min_dump_time", half->dump.least, "max_dump_time", half->dump.most,
                     "min_load_time", half->load.least, "max_load_time", half->load.most);
}

/* The document's `results`: by name, those of files, and in "io" those of buffers. */
static int print_json(const struct bench *bench) {
    json_t *results = json_object();
    for (size_t i = 0; i < bench->count; i++) {
        const struct bench_item *item = &bench->items[i];
        json_t *result = half_json(&item->half[BENCH_FILE], "avg_file_size", item->iterations);
        (void)json_object_set_new(
            result, "io",
            half_json(&item->half[BENCH_BUFFER], "avg_buffer_size", item->iterations));
        if (json_object_set_new(results, item->name, result) < 0) {
            json_decref(results);
            return cli_say(EXIT_FAILED, "no memory");
        }
    }
    return cli_print_json(results);
}

/* ---- arguments ------------------------------------------------------------------------------- */

static int check_names(const struct cli_values *values) {
    for (size_t i = 0; values->all[i] != NULL; i++)
        if (find(values->all[i]) == NULL)
            return cli_usage("--workload %s: simple_list, function, class_instance, nested_dict or "
                             "mixed_structure is needed",
                             values->all[i]);
    return EXIT_OK;
}

static size_t most_items(const struct cli_values *values) {
    size_t count = MOST_VALUES + (size_t)values->operand_count;
    for (char **after = values->after_dashes; after != NULL && *after != NULL; after++)
        count++;
    return count;
}

static int run(struct bench *bench, const struct cli_values *values) {
    mayfly_error error;
    const char *plot = cli_value(values, "plot");
    int r = add_all(bench, values);
    if (r == EXIT_OK)
        r = measure(bench, to_file, BENCH_FILE, "");
    if (r == EXIT_OK)
        r = measure(bench, to_buffer, BENCH_BUFFER, "IO operations for ");
    if (r == EXIT_OK)
        r = bench->json ? print_json(bench) : print_results(bench);
    if (r == EXIT_OK && plot != NULL && bench_plot(plot, bench->items, bench->count, &error) < 0)
        r = cli_say(EXIT_FAILED, "%s", error.message);
    return r;
}

/* A file of that name is ./disk-memory. */
static int is_comparison(const struct cli_values *values) {
    return values->operand_count > 0 && strcmp(values->operands[0], "disk-memory") == 0;
}

static int check_comparison(const struct cli_values *values) {
    if (values->operand_count > 1 || values->after_dashes != NULL || values->all[0] != NULL ||
        cli_value(values, "plot") != NULL)
        return cli_usage("disk-memory takes --iterations, --lines and --json only");
    return EXIT_OK;
}

int cmd_bench(const struct cli_values *values) {
    struct bench bench = {.json = cli_value(values, "json") != NULL};
    uint64_t lines = 0;
    int r = cli_number(values, "iterations", 1, 1000000, 5, &bench.iterations);
    if (r == EXIT_OK)
        r = cli_number(values, "lines", 1, 100000000, 1000, &lines);
    if (r == EXIT_OK)
        r = is_comparison(values) ? check_comparison(values) : check_names(values);
    if (r != EXIT_OK)
        return r;
    if (is_comparison(values))
        return bench_disk_memory(lines, bench.iterations, bench.json);
    if (cli_value(values, "lines") != NULL)
        return cli_usage("--lines is for disk-memory");
    bench.items = calloc(most_items(values), sizeof *bench.items);
    if (bench.items == NULL)
        return cli_say(EXIT_FAILED, "no memory");
    r = run(&bench, values);
    for (size_t i = 0; i < bench.count; i++) {
        mayfly_doc_free(&bench.items[i].doc);
        free(bench.items[i].name);
    }
    free(bench.items);
    return r;
}
