/* SPDX-License-Identifier: MIT
 *
 * Pickles in memory: dill-temp.md "IO Buffer Operations", and looking at one that somebody else
 * wrote before Python gets to see it.
 */
#include "example.h"

#include <sys/stat.h>

/* os.system("echo hello"), as a hostile pickle says it. */
static const char hostile[] = "cos\nsystem\n(S'echo hello'\ntR.";

static int add(void *context, const void *data, size_t size) {
    return fwrite(data, 1, size, context) == size ? 0 : -EIO;
}

static void to_a_buffer_and_back(void) {
    mayfly_auto(mayfly_doc) doc = NULL;
    mayfly_auto(mayfly_doc) again = NULL;
    mayfly_auto(mayfly_file) buffer = NULL;
    try(mayfly_doc_new(NULL, &doc, &error));
    const mayfly_value nested = mayfly_dict_new(doc), list = mayfly_list_new(doc);
    for (int64_t i = 1; i <= 3; i++)
        try(mayfly_list_append(doc, list, mayfly_int_new(doc, i)));
    try(mayfly_dict_put(doc, nested, "level1", mayfly_dict_new(doc)));
    try(mayfly_dict_put(doc, mayfly_get(nested, "level1"), "level2", list));

    try(mayfly_dump_io(doc, nested, NULL, &buffer, &error)); /* a file in memory ... */
    char *data = NULL;
    size_t size;
    try(mayfly_dumps(doc, nested, NULL, &data, &size, &error)); /* ... or bytes */
    printf("Serialized to buffer: %zu bytes\n", size);
    expect(mayfly_file_size(buffer, NULL) == (int64_t)size, "the same bytes");

    try(mayfly_load_io(data, size, NULL, &again, &error));
    mayfly_value three;
    int64_t number = 0;
    try(mayfly_at(mayfly_doc_root(again), "/level1/level2/-1", &three, &error));
    try(mayfly_int_get(three, &number, &error));
    expect(number == 3, "3");
    free(data);
}

static void look_before_python_does(void) {
    mayfly_auto(mayfly_doc) doc = NULL;
    mayfly_auto(mayfly_policy) policy = NULL;
    const mayfly_global_use *uses;
    size_t count;
    try(mayfly_loads(hostile, sizeof hostile - 1, NULL, &doc, &error)); /* nothing is called */
    try(mayfly_doc_globals(doc, &uses, &count, &error));
    for (size_t i = 0; i < count; i++)
        printf("byte %llu: %s.%s%s\n", (unsigned long long)uses[i].offset, uses[i].module,
               uses[i].name, uses[i].flags & MAYFLY_GLOBAL_CALLED ? ", which is called" : "");

    static const char text[] = "collections OrderedDict\ndatetime datetime\n";
    try(mayfly_policy_new(text, sizeof text - 1, &policy, &error));
    expect(mayfly_doc_check(doc, policy, &error) == MAYFLY_E_POLICY, "not allowed");
    printf("%s\n", error.message);
    try(mayfly_disassemble(hostile, sizeof hostile - 1, false, add, stdout, &error));
}

/* A pickle is as good as whoever could write it: asked before it is handed to what runs it. */
static void ask_whose_word_it_is(void) {
    mayfly_auto(mayfly_file) file = NULL;
    try(mayfly_named_temporary_file(&(mayfly_file_options){.suffix = ".pkl"}, &file, &error));
    const char *path = mayfly_file_path(file);
    const int fd = (int)try(mayfly_trust_open(path, NULL, &error));
    expect(chmod(path, 0666) == 0, "a file of our own");
    const mayfly_trust_options how = {.operation = "run", .way_out = "chmod go-w makes it yours"};
    expect(mayfly_trust_check(fd, path, &how, &error) == -EPERM, "now it is anybody's");
    printf("%s\n", error.message);
    close(fd);
}

int main(void) {
    to_a_buffer_and_back();
    look_before_python_does();
    ask_whose_word_it_is();
    return 0;
}
