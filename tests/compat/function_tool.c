/* SPDX-License-Identifier: MIT
 *
 * Functions in C between this library and Python:
 *
 *     function_tool write     a pickle of {"square": a function, "size": 7} to the standard output
 *     function_tool call N    reads such a pickle, loads the function and prints what it gives of N
 */
#include <mayfly.h>
#include <mayfly/namespace.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fail(const mayfly_error *error) {
    (void)fprintf(stderr, "%s\n", error->message);
    return 1;
}

static int write_it(void) {
    static const mayfly_c_function square = {
        .name = "square",
        .source = "/* \xe2\x82\xac */\nint square(int x) { return x * x + BY; }\n",
        .signature = "int square(int x)",
        .flags = "-DBY=1"};
    mayfly_auto(mayfly_doc) doc = NULL;
    mayfly_error error;
    if (mayfly_doc_new(NULL, &doc, &error) < 0)
        return fail(&error);
    const mayfly_value dict = mayfly_dict_new(doc);
    mayfly_dict_put(doc, dict, "square", mayfly_c_function_new(doc, &square));
    mayfly_dict_put(doc, dict, "size", mayfly_int_new(doc, 7));
    return mayfly_dump_stream(doc, dict, NULL, stdout, &error) < 0 ? fail(&error) : 0;
}

static int call_it(int argument) {
    mayfly_auto(mayfly_doc) doc = NULL;
    mayfly_auto(mayfly_namespace) ns = NULL;
    mayfly_error error;
    const mayfly_load_source_options options = {.uncached = true};
    if (mayfly_load_stream(stdin, NULL, &doc, &error) < 0 ||
        mayfly_load_source_value(mayfly_get(mayfly_doc_root(doc), "square"), &options, &ns,
                                 &error) < 0)
        return fail(&error);
    int (*square)(int) = (int (*)(int))mayfly_namespace_function(ns, NULL);
    return printf("%d\n", square(argument)) < 0;
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "write") == 0)
        return write_it();
    if (argc == 3 && strcmp(argv[1], "call") == 0)
        return call_it((int)strtol(argv[2], NULL, 10));
    (void)fprintf(stderr, "usage: function_tool write | call N\n");
    return 2;
}
