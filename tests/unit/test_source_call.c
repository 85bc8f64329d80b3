/* SPDX-License-Identifier: MIT
 *
 * S1: functions called with texts, and functions as data.
 */
#define _GNU_SOURCE
#include "../lib/sources.h"

#include <errno.h>
#include <locale.h>

static const char text[] =
    "#include <stdbool.h>\n#include <stdint.h>\n#include <stddef.h>\n"
    "typedef double real;\ntypedef const char *words;\n"
    "struct point { int x; };\nenum level { LOW, HIGH = 7 };\n"
    "#define API __attribute__((noinline))\n"
    "/* int not_this(int x) { return 0; } */\n"
    "static const char *quoted = \"int nor_this(int x) { return 0; }\";\n"
    "#define ALSO_NOT(x) int macro(int y) { return y; }\n"
    "int first(int x);\n"
    "API int first(int x) { return x + 1; }\n"
    "static inline long second(long a, /* a comment, with (a) bracket */ long b)\n"
    "{ return a - b; }\n"
    "real half(real x) { return x / 2; }\n"
    "float tenth(void) { return 0.1f; }\n"
    "uint8_t small(uint8_t x) { return x; }\n"
    "int64_t large(int64_t x) { return x; }\n"
    "uint64_t huge(uint64_t x) { return x; }\n"
    "short low(signed char x) { return -x; }\n"
    "bool negate(bool x) { return !x; }\n"
    "char next(char c) { return c + 1; }\n"
    "enum level up(enum level l) { return l + 1; }\n"
    "words echo(words w) { return w; }\n"
    "size_t total(const char *s, char t[10]) { size_t n = 0; while (*s++) n++; return n + *t; }\n"
    "char *none(void) { return NULL; }\n"
    "void nothing(int x) { (void)x; }\n"
    "struct point where(void) { return (struct point){1}; }\n"
    "int of_point(struct point p) { return p.x; }\n"
    "int of_pointer(void *p) { return p != NULL; }\n"
    "int of_function(int (*f)(int)) { return f(1); }\n"
    "int many(int count, ...) { return count; }\n"
    "int gone(int x) { return elsewhere; }\n";

static char *file;

static int begin(void **state) {
    if (sources_begin(state) != 0)
        return -1;
    file = mft_path("calls.c");
    mft_write(file, text);
    /* All but the last function, which does not compile. */
    return truncate(file, (off_t)(strstr(text, "int gone") - text));
}

static int end(void **state) {
    (void)unlink(file);
    return sources_end(state);
}

static int call(const char *function, const char *const *arguments, char **ret) {
    size_t count = 0;
    while (arguments[count] != NULL)
        count++;
    return mayfly_call_source(file, function, arguments, count, NULL, ret, &mft_error);
}

static void gives(const char *expected, const char *function, const char *const *arguments) {
    char *result = NULL;
    mft_ok(call(function, arguments, &result));
    assert_string_equal(result, expected);
    free(result);
}

static void refuses(int code, const char *says, const char *function,
                    const char *const *arguments) {
    char *result = NULL;
    mft_fails(code, call(function, arguments, &result));
    if (strstr(mft_error.message, says) == NULL)
        fail_msg("it lacks \"%s\": %s", says, mft_error.message);
}

#define ARGUMENTS(...) ((const char *const[]){__VA_ARGS__, NULL})
static const char *const no_arguments[] = {NULL};

static void each_kind_goes_in_and_comes_out(void **state) {
    (void)state;
    gives("42", "first", ARGUMENTS("41"));
    gives("-5", "second", ARGUMENTS("-2", "3"));
    gives("0.15", "half", ARGUMENTS("0.3"));
    gives("5e+99", "half", ARGUMENTS("1e100"));
    gives("0.1", "tenth", no_arguments);
    gives("255", "small", ARGUMENTS("0xff"));
    gives("-9223372036854775808", "large", ARGUMENTS("-9223372036854775808"));
    gives("18446744073709551615", "huge", ARGUMENTS("18446744073709551615"));
    gives("128", "low", ARGUMENTS("-128"));
    gives("false", "negate", ARGUMENTS("true"));
    gives("98", "next", ARGUMENTS("a"));
    gives("8", "up", ARGUMENTS("7"));
    gives("two words", "echo", ARGUMENTS("two words"));
    gives("101", "total", ARGUMENTS("", "e"));
    gives("(null)", "none", no_arguments);
    gives("", "nothing", ARGUMENTS("3"));
}

static void what_does_not_fit_is_told_by_its_number(void **state) {
    (void)state;
    refuses(-ERANGE, "argument 1, \"256\"", "small", ARGUMENTS("256"));
    refuses(-ERANGE, "from 0 on", "small", ARGUMENTS("-1"));
    refuses(-ERANGE, "argument 1", "low", ARGUMENTS("128"));
    refuses(-ERANGE, "argument 1", "large", ARGUMENTS("9223372036854775808"));
    refuses(-ERANGE, "argument 1", "huge", ARGUMENTS("18446744073709551616"));
    refuses(-EINVAL, "argument 2, \"x\"", "second", ARGUMENTS("1", "x"));
    refuses(-EINVAL, "a whole number", "first", ARGUMENTS("1.5"));
    refuses(-EINVAL, "a whole number", "first", ARGUMENTS(""));
    refuses(-EINVAL, "a whole number", "first", ARGUMENTS("0x"));
    refuses(-EINVAL, "a number", "half", ARGUMENTS("1,5"));
    refuses(-EINVAL, "true or false", "negate", ARGUMENTS("yes"));
    refuses(-EINVAL, "takes 1 argument, not 2: API int first(int x)", "first", ARGUMENTS("1", "2"));
    refuses(-EINVAL, "takes 0 arguments, not 1", "tenth", ARGUMENTS("1"));
}

static void other_types_and_names_are_refused(void **state) {
    (void)state;
    refuses(-EINVAL, "result", "where", no_arguments);
    refuses(-EINVAL, "parameter 1", "of_point", ARGUMENTS("1"));
    refuses(-EINVAL, "parameter 1", "of_pointer", ARGUMENTS("1"));
    refuses(-EINVAL, "'int (*f)(int)'", "of_function", ARGUMENTS("1"));
    refuses(-EINVAL, "'...'", "many", ARGUMENTS("1", "2"));
    refuses(MAYFLY_E_NO_FUNCTION, "'nor_this'", "nor_this", ARGUMENTS("1"));
    refuses(MAYFLY_E_NO_FUNCTION, "'not_this'", "not_this", ARGUMENTS("1"));
    refuses(MAYFLY_E_NO_FUNCTION, "'macro'", "macro", ARGUMENTS("1"));
    refuses(MAYFLY_E_NO_FUNCTION, "#NAME", NULL, ARGUMENTS("1"));
    refuses(MAYFLY_E_NO_FUNCTION, "1; system", "1; system", ARGUMENTS("1"));
}

static void errors_are_told_where_they_stand_in_the_file(void **state) {
    (void)state;
    mft_write(file, text);
    refuses(MAYFLY_E_COMPILE, "calls.c:34:", "first", ARGUMENTS("1"));
    mft_write(file, "int f(int x) { return x; } /* no end");
    refuses(MAYFLY_E_COMPILE, "calls.c:1:", "f", ARGUMENTS("1"));
    mft_write(file, "int f(int x) { return x; }\n#if 0\n");
    refuses(MAYFLY_E_COMPILE, "calls.c:2:", "f", ARGUMENTS("1"));
}

static void the_last_line_names_the_function(void **state) {
    (void)state;
    mft_write(file, "int f(int x) { return 2 * x; }\n/* #NAME: f */\n");
    gives("8", NULL, ARGUMENTS("4"));
}

static void numbers_have_a_point_in_every_locale(void **state) {
    (void)state;
    if (setlocale(LC_NUMERIC, "de_DE.UTF-8") == NULL)
        mft_skip("there is no locale de_DE.UTF-8");
    gives("0.15", "half", ARGUMENTS("0.3"));
    assert_non_null(setlocale(LC_NUMERIC, "C"));
}

/* ---- functions as data ----------------------------------------------------------------------- */

static const mayfly_c_function square = {.name = "square",
                                         .source = "int square(int x) { return x * x + BY; }\n",
                                         .signature = "int square(int x)",
                                         .flags = "-DBY=1"};

static void a_function_goes_through_a_dump_and_is_loaded(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) doc = NULL;
    mayfly_auto(mayfly_doc) again = NULL;
    mayfly_auto(mayfly_file) dumped = NULL;
    mayfly_auto(mayfly_namespace) ns = NULL;
    mayfly_c_function got;
    mft_ok(mayfly_doc_new(NULL, &doc, &mft_error));
    const mayfly_value dict = mayfly_dict_new(doc);
    mayfly_dict_put(doc, dict, "function", mayfly_c_function_new(doc, &square));
    mayfly_dict_put(doc, dict, "size", mayfly_int_new(doc, 7));
    mft_ok(mayfly_dump(doc, dict, NULL, &dumped, &mft_error));
    mft_ok(mayfly_load(dumped, NULL, &again, &mft_error));
    const mayfly_value function = mayfly_get(mayfly_doc_root(again), "function");
    assert_int_equal(mayfly_class_of(function), MAYFLY_CLASS_C_FUNCTION);
    assert_string_equal(mayfly_str_get(mayfly_get(function, "name"), NULL), "square");
    mft_ok(mayfly_c_function_get(function, &got, &mft_error));
    assert_string_equal(got.source, square.source);
    assert_string_equal(got.signature, square.signature);
    assert_string_equal(got.flags, square.flags);
    mft_ok(mayfly_load_source_value(function, NULL, &ns, &mft_error));
    assert_int_equal(call_int(ns, NULL, 3), 10);
    mft_ok(mayfly_namespace_close(&ns, &mft_error));
    mft_ok(mayfly_load_source_value(function, &(mayfly_load_source_options){.alias = "sq"}, &ns,
                                    &mft_error));
    assert_int_equal(call_int(ns, "sq", 3), 10);
}

static void a_session_carries_functions_beside_data(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) doc = NULL;
    mayfly_auto(mayfly_session) session = NULL;
    mayfly_auto(mayfly_namespace) ns = NULL;
    mft_ok(mayfly_doc_new(NULL, &doc, &mft_error));
    mft_ok(mayfly_session_new("functions", NULL, &session, &mft_error));
    mft_ok(mayfly_session_put(session, "f", mayfly_c_function_new(doc, &square), &mft_error));
    mft_ok(mayfly_session_snapshot(session, "with it", &mft_error));
    mft_ok(mayfly_session_remove(session, "f", &mft_error));
    mft_ok(mayfly_session_restore(session, 0, &mft_error));
    mft_ok(mayfly_load_source_value(mayfly_session_get(session, "f"), NULL, &ns, &mft_error));
    assert_int_equal(call_int(ns, "square", 2), 5);
}

static void what_is_no_function_or_altered_is_refused(void **state) {
    (void)state;
    mayfly_auto(mayfly_doc) doc = NULL;
    mayfly_namespace *ns = NULL;
    mayfly_c_function got;
    mft_ok(mayfly_doc_new(NULL, &doc, &mft_error));
    mft_fails(-EINVAL, mayfly_load_source_value(mayfly_int_new(doc, 1), NULL, &ns, &mft_error));
    mft_fails(-EINVAL, mayfly_c_function_get((mayfly_value){0}, &got, &mft_error));
    const mayfly_value good = mayfly_c_function_new(doc, &square);
    mft_ok(mayfly_c_function_get(good, &got, &mft_error));
    if (got.hash[0] != '\0') {
        mayfly_value parts[5];
        for (size_t i = 0; i < 5; i++)
            parts[i] = mayfly_item(mayfly_object_arguments(good), i);
        parts[1] = mayfly_str_new(doc, "int square(int x) { return 0; }", MAYFLY_ALL);
        const mayfly_value altered =
            mayfly_object_new(doc, mayfly_object_callable(good), mayfly_tuple_new(doc, parts, 5));
        mft_fails(MAYFLY_E_SYNTAX, mayfly_load_source_value(altered, NULL, &ns, &mft_error));
    }
    const mayfly_value evil = mayfly_c_function_new(
        doc, &(mayfly_c_function){.name = "f", .source = "int f;", .flags = "-fplugin=x"});
    mft_fails(MAYFLY_E_POLICY, mayfly_load_source_value(evil, NULL, &ns, &mft_error));
    assert_int_equal(mayfly_c_function_new(doc, &(mayfly_c_function){.name = "f"}).bits, 0);
    mft_fails(-EINVAL, mayfly_doc_failed(doc, &mft_error));
}

#define CALLS(function) cmocka_unit_test_setup_teardown(function, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        CALLS(each_kind_goes_in_and_comes_out),
        CALLS(what_does_not_fit_is_told_by_its_number),
        CALLS(other_types_and_names_are_refused),
        CALLS(errors_are_told_where_they_stand_in_the_file),
        CALLS(the_last_line_names_the_function),
        CALLS(numbers_have_a_point_in_every_locale),
        SOURCES(a_function_goes_through_a_dump_and_is_loaded),
        SOURCES(a_session_carries_functions_beside_data),
        SOURCES(what_is_no_function_or_altered_is_refused),
    };
    return MFT_MAIN(tests);
}
