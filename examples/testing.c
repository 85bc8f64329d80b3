/* SPDX-License-Identifier: MIT
 *
 * Tests that own their temporary files: dill-temp.md TempFileTestCase. The set-up and tear-down are
 * those that cmocka_unit_test_setup_teardown takes; here a loop stands for cmocka.
 */
#include "example.h"

typedef struct doubler {
    int64_t factor;
} doubler;
MAYFLY_CLASS(doubler_type, doubler, "__main__", "Doubler", MAYFLY_FIELD(doubler, factor));

/* A function cannot be dumped in C; what it would do is in a struct. */
static void test_function_serialization(void **state) {
    mayfly_auto(mayfly_doc) doc = NULL;
    mayfly_auto(mayfly_doc) loaded = NULL;
    mayfly_file *file = NULL; /* the test's, as all that it hands out */
    doubler back = {0};
    const doubler twice = {2};
    try(mayfly_doc_new(NULL, &doc, &error));
    try(mayfly_test_dump(*state, doc, mayfly_struct_new(doc, &doubler_type, &twice), NULL, &file,
                         &error));
    expect(access(mayfly_file_path(file), F_OK) == 0, "the file exists");
    try(mayfly_load(file, NULL, &loaded, &error));
    try(mayfly_load_struct(&doubler_type, mayfly_doc_root(loaded), NULL, &back, &error));
    expect(back.factor * 5 == 10, "10");
    mayfly_struct_clear(&doubler_type, &back, NULL);
}

static void test_complex_object_roundtrip(void **state) {
    mayfly_auto(mayfly_doc) doc = NULL;
    mayfly_auto(mayfly_doc) loaded = NULL;
    mayfly_file *file = NULL;
    mayfly_value found;
    try(mayfly_doc_new(NULL, &doc, &error));
    const mayfly_value object = mayfly_dict_new(doc), list = mayfly_list_new(doc),
                       nested = mayfly_dict_new(doc);
    for (int64_t i = 1; i <= 5; i++)
        try(mayfly_list_append(doc, list, mayfly_int_new(doc, i)));
    try(mayfly_dict_put(doc, nested, "key", mayfly_str_new(doc, "value", 5)));
    try(mayfly_dict_put(doc, object, "data", list));
    try(mayfly_dict_put(doc, object, "nested", nested));
    try(mayfly_test_dump(*state, doc, object, NULL, &file, &error));
    try(mayfly_load(file, NULL, &loaded, &error));
    try(mayfly_at(mayfly_doc_root(loaded), "/nested/key", &found, &error));
    expect(strcmp(mayfly_str_get(found, NULL), "value") == 0, "value");
    expect(mayfly_equal(mayfly_doc_root(loaded), object, NULL) == 1, "the same object");
}

/* What the code under test leaves behind in TMPDIR is named, and makes the test fail. */
static void test_that_forgets_a_file(void **state) {
    mayfly_auto(mayfly_file) file = NULL;
    (void)state;
    try(mayfly_named_temporary_file(&(mayfly_file_options){.prefix = "forgotten_", .keep = true},
                                    &file, &error));
}

int main(void) {
    static const struct {
        const char *name;
        void (*run)(void **state);
        int forgets;
    } tests[] = {
        {"test_function_serialization", test_function_serialization, 0},
        {"test_complex_object_roundtrip", test_complex_object_roundtrip, 0},
        {"test_that_forgets_a_file", test_that_forgets_a_file, 1},
    };
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
        void *state = NULL;
        expect(mayfly_test_setup(&state) == 0, "a directory for the test");
        tests[i].run(&state);
        const int failed = mayfly_test_teardown(&state) != 0; /* says why on standard error */
        printf("%s: %s\n", tests[i].name, failed ? "left something behind" : "ok");
        expect(failed == tests[i].forgets, "only one of them forgets");
    }
    return 0;
}
