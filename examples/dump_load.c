/* SPDX-License-Identifier: MIT
 *
 * Data to a temporary file and back: dill-temp.md "Basic Temporary File Operations" and "Test
 * Framework Integration". A function cannot be dumped in C, so the class's instance is a struct,
 * and the class is a name that Python looks up.
 */
#include "example.h"

typedef struct test_class {
    int64_t value;
} test_class;
MAYFLY_CLASS(test_class_type, test_class, "__main__", "TestClass", MAYFLY_FIELD(test_class, value));

static mayfly_value test_data(mayfly_doc *doc) {
    const test_class instance = {10};
    const mayfly_value data = mayfly_dict_new(doc), list = mayfly_list_new(doc);
    for (int64_t i = 1; i <= 5; i++)
        try(mayfly_list_append(doc, list, mayfly_int_new(doc, i)));
    try(mayfly_dict_put(doc, data, "class", mayfly_global_new(doc, "__main__", "TestClass")));
    try(mayfly_dict_put(doc, data, "instance",
                        mayfly_struct_new(doc, &test_class_type, &instance)));
    try(mayfly_dict_put(doc, data, "list", list));
    return data;
}

/* One that the caller keeps, as `delete=False` does, is loaded by its path. */
static void kept(mayfly_doc *doc, mayfly_value data) {
    mayfly_auto(mayfly_file) file = NULL;
    mayfly_auto(mayfly_doc) again = NULL;
    try(mayfly_dump(doc, data,
                    &(mayfly_dump_options){.prefix = "data-", .suffix = ".pkl", .keep = true},
                    &file, &error));
    char *path = strdup(mayfly_file_path(file));
    mayfly_file_close(&file, NULL);
    expect(path != NULL && access(path, F_OK) == 0, "a file that stays");
    try(mayfly_load_path(path, NULL, &again, &error));
    expect(mayfly_equal(mayfly_doc_root(again), data, NULL) == 1, "the same data");
    expect(unlink(path) == 0, "a file of our own");
    free(path);
}

int main(void) {
    mayfly_auto(mayfly_doc) doc = NULL;
    mayfly_auto(mayfly_doc) restored = NULL;
    mayfly_auto(mayfly_file) file = NULL;
    try(mayfly_doc_new(NULL, &doc, &error));
    const mayfly_value data = test_data(doc);
    try(mayfly_dump(doc, data, NULL, &file, &error));
    printf("Data saved to temporary file: %s\n", mayfly_file_path(file));

    try(mayfly_load(file, NULL, &restored, &error));
    const mayfly_value root = mayfly_doc_root(restored);
    mayfly_value key, value;
    printf("Restored data keys:");
    for (size_t i = 0; mayfly_pair(root, i, &key, &value); i++)
        printf(" %s", mayfly_str_get(key, NULL));
    printf("\n");

    test_class instance;
    try(mayfly_load_struct(&test_class_type, mayfly_get(root, "instance"), NULL, &instance,
                           &error));
    printf("Instance doubled: %lld\n", (long long)(2 * instance.value));
    expect(2 * instance.value == 20, "20");

    try(mayfly_at(root, "/list/4", &value, &error));
    char *text = NULL;
    try(mayfly_repr(root, NULL, &text, NULL, &error));
    printf("%s\n", text);
    free(text);
    kept(doc, data);
    mayfly_struct_clear(&test_class_type, &instance, NULL);
    return 0;
}
