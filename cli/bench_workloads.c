/* SPDX-License-Identifier: MIT
 *
 * The objects that dill.temp's documentation measures, as values.
 */
#include "bench.h"

static mayfly_value range(mayfly_doc *doc, int64_t end) {
    const mayfly_value list = mayfly_list_new(doc);
    for (int64_t i = 0; i < end; i++)
        (void)mayfly_list_append(doc, list, mayfly_int_new(doc, i));
    return list;
}

static mayfly_value simple_list(mayfly_doc *doc) {
    return range(doc, 1000);
}

static mayfly_value nested_dict(mayfly_doc *doc) {
    mayfly_value inner = range(doc, 100);
    static const char *const levels[] = {"level3", "level2", "level1"};
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        const mayfly_value outer = mayfly_dict_new(doc);
        (void)mayfly_dict_put(doc, outer, levels[i], inner);
        inner = outer;
    }
    return inner;
}

/* ---- an instance ----------------------------------------------------------------------------- */

static mayfly_value test_class(mayfly_doc *doc) {
    return mayfly_global_new(doc, "__main__", "TestClass");
}

static mayfly_value instance(mayfly_doc *doc, mayfly_value cls, int64_t value) {
    const mayfly_value fields = mayfly_dict_new(doc);
    (void)mayfly_dict_put(doc, fields, "value", mayfly_int_new(doc, value));
    return mayfly_instance_new(doc, cls, fields);
}

static mayfly_value class_instance(mayfly_doc *doc) {
    return instance(doc, test_class(doc), 100);
}

/* ---- a function, by its code ----------------------------------------------------------------- */

/* What CPython 3.11 compiles a lambda of x to. It is data here: nothing runs it. */
struct lambda {
    const char *code;
    size_t size;
    int64_t constants[2]; /* 0: there is none */
    int64_t stack;
};

#define CODE(text) text, sizeof text - 1
static const struct lambda polynomial = {/* x**2 + x + 1 */
                                         CODE("\x97\0|\0d\1z\x08\0\0|\0z\0\0\0d\2z\0\0\0S\0"),
                                         {2, 1},
                                         2};
static const struct lambda successor = {CODE("\x97\0|\0d\1z\0\0\0S\0"), {1}, 2}; /* x + 1 */
static const struct lambda doubled = {CODE("\x97\0|\0d\1z\x05\0\0S\0"), {2}, 2}; /* x * 2 */

static mayfly_value text(mayfly_doc *doc, const char *string) {
    return mayfly_str_new(doc, string, MAYFLY_ALL);
}

static mayfly_value nothing(mayfly_doc *doc) {
    return mayfly_tuple_new(doc, NULL, 0);
}

static mayfly_value constants(mayfly_doc *doc, const struct lambda *lambda) {
    mayfly_value items[3] = {mayfly_none_new(doc)};
    size_t count = 1;
    while (count < 3 && lambda->constants[count - 1] != 0) {
        items[count] = mayfly_int_new(doc, lambda->constants[count - 1]);
        count++;
    }
    return mayfly_tuple_new(doc, items, count);
}

/* The arguments that dill has a code object made of. */
static mayfly_value code(mayfly_doc *doc, const struct lambda *lambda) {
    const mayfly_value x = text(doc, "x"), name = text(doc, "<lambda>");
    const mayfly_value none = mayfly_int_new(doc, 0), one = mayfly_int_new(doc, 1);
    const mayfly_value no_bytes = mayfly_bytes_new(doc, "", 0);
    const mayfly_value arguments[] = {
        no_bytes, /* co_lnotab */
        one,      /* co_argcount */
        none,     /* co_posonlyargcount */
        none,     /* co_kwonlyargcount */
        one,      /* co_nlocals */
        mayfly_int_new(doc, lambda->stack),
        mayfly_int_new(doc, 3), /* co_flags: optimized, with locals of its own */
        mayfly_bytes_new(doc, lambda->code, lambda->size),
        constants(doc, lambda),
        nothing(doc), /* co_names */
        mayfly_tuple_new(doc, &x, 1),
        text(doc, "<stdin>"),
        name,
        name,         /* co_qualname */
        one,          /* co_firstlineno */
        no_bytes,     /* co_linetable */
        no_bytes,     /* co_exceptiontable */
        nothing(doc), /* co_freevars */
        nothing(doc), /* co_cellvars */
    };
    return mayfly_object_new(
        doc, mayfly_global_new(doc, "dill._dill", "_create_code"),
        mayfly_tuple_new(doc, arguments, sizeof arguments / sizeof *arguments));
}

static mayfly_value make_function(mayfly_doc *doc, mayfly_value maker,
                                  const struct lambda *lambda) {
    const mayfly_value arguments[] = {
        code(doc, lambda),     mayfly_dict_new(doc), /* its globals */
        text(doc, "<lambda>"), mayfly_none_new(doc), /* its defaults */
        mayfly_none_new(doc),                        /* its closure */
    };
    return mayfly_object_new(
        doc, maker, mayfly_tuple_new(doc, arguments, sizeof arguments / sizeof *arguments));
}

static mayfly_value function_maker(mayfly_doc *doc) {
    return mayfly_global_new(doc, "dill._dill", "_create_function");
}

static mayfly_value function(mayfly_doc *doc) {
    return make_function(doc, function_maker(doc), &polynomial);
}

/* ---- all of them ----------------------------------------------------------------------------- */

static mayfly_value mixed_structure(mayfly_doc *doc) {
    const mayfly_value mixed = mayfly_dict_new(doc), functions = mayfly_list_new(doc);
    const mayfly_value objects = mayfly_list_new(doc);
    const mayfly_value cls = test_class(doc), maker = function_maker(doc);
    (void)mayfly_list_append(doc, functions, make_function(doc, maker, &successor));
    (void)mayfly_list_append(doc, functions, make_function(doc, maker, &doubled));
    for (int64_t i = 0; i < 10; i++)
        (void)mayfly_list_append(doc, objects, instance(doc, cls, i));
    (void)mayfly_dict_put(doc, mixed, "data", range(doc, 500));
    (void)mayfly_dict_put(doc, mixed, "funcs", functions);
    (void)mayfly_dict_put(doc, mixed, "objects", objects);
    return mixed;
}

const struct bench_workload bench_workloads[] = {
    {"simple_list", simple_list},         {"function", function},
    {"class_instance", class_instance},   {"nested_dict", nested_dict},
    {"mixed_structure", mixed_structure}, {0},
};
