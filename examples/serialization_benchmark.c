/* SPDX-License-Identifier: MIT
 *
 * How long dumping and loading takes: dill-temp.md SerializationBenchmark, for two of its objects.
 * `mayfly bench` is the whole of it.
 */
#include <time.h>

#include "example.h"

enum { ITERATIONS = 10 };

struct averages {
    double dump, load, bytes;
};

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static mayfly_value simple_list(mayfly_doc *doc) {
    const mayfly_value list = mayfly_list_new(doc);
    for (int64_t i = 0; i < 1000; i++)
        try(mayfly_list_append(doc, list, mayfly_int_new(doc, i)));
    return list;
}

static mayfly_value nested_dict(mayfly_doc *doc) {
    mayfly_value inner = simple_list(doc);
    static const char *const names[] = {"level3", "level2", "level1"};
    for (int i = 0; i < 3; i++) {
        const mayfly_value outer = mayfly_dict_new(doc);
        try(mayfly_dict_put(doc, outer, names[i], inner));
        inner = outer;
    }
    return inner;
}

/* Into a temporary file, or into a file in memory, and back. */
static struct averages measure(mayfly_doc *doc, int buffer) {
    struct averages sum = {0};
    for (int i = 0; i < ITERATIONS; i++) {
        mayfly_auto(mayfly_file) file = NULL;
        mayfly_auto(mayfly_doc) loaded = NULL;
        double begin = seconds();
        if (buffer)
            try(mayfly_dump_io(doc, mayfly_doc_root(doc), NULL, &file, &error));
        else
            try(mayfly_dump(doc, mayfly_doc_root(doc), NULL, &file, &error));
        sum.dump += (seconds() - begin) / ITERATIONS;
        sum.bytes += (double)try(mayfly_file_size(file, &error)) / ITERATIONS;
        begin = seconds();
        try(mayfly_load(file, NULL, &loaded, &error));
        sum.load += (seconds() - begin) / ITERATIONS;
        expect(mayfly_equal(mayfly_doc_root(loaded), mayfly_doc_root(doc), NULL) == 1, "the same");
    }
    return sum;
}

static void print(const char *title, const char *what, struct averages averages) {
    printf("%s:\n  Avg dump time: %.4fs\n  Avg load time: %.4fs\n  Avg %s size: %.0f bytes\n",
           title, averages.dump, averages.load, what, averages.bytes);
}

static void benchmark(const char *name, mayfly_value (*build)(mayfly_doc *doc)) {
    mayfly_auto(mayfly_doc) doc = NULL;
    try(mayfly_doc_new(NULL, &doc, &error));
    mayfly_doc_set_root(doc, build(doc));
    printf("\n%s:\n------------------------------\n", name);
    print("File Operations", "file", measure(doc, 0));
    print("IO Buffer Operations", "buffer", measure(doc, 1));
}

int main(void) {
    printf("Serialization Benchmark Results\n"
           "============================================================\n");
    benchmark("simple_list", simple_list);
    benchmark("nested_dict", nested_dict);
    return 0;
}
