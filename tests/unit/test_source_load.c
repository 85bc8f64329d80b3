/* SPDX-License-Identifier: MIT
 *
 * S1, S2, S3: source files loaded and called.
 */
#define _GNU_SOURCE
#include "../lib/sources.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>

static const char squares[] = "static int helper(int x) { return x * x; }\n"
                              "int square(int x) { return helper(x); }\n"
                              "int cube(int x) { return x * helper(x); }\n"
                              "int counter = 7;\n"
                              "int count(int by) { return counter += by; }\n";

/* As mayfly_dump_source writes it. */
static const char dumped[] =
    "/* the function square, of squares.c:2 */\n"
    "/* #FLAGS: -DFACTOR=3 -std=gnu11 */\n"
    "/* #NEEDS: other */\n"
    "#line 2 \"squares.c\"\n"
    "static int seed = 5;\n"
    "static int square(int x) { return FACTOR * x * x + seed; }\n"
    "const struct { const char *name; void (*function)(void); void *data; const char *signature; "
    "}\n"
    "mayfly_namespace[] = {{\"square\", (void (*)(void))square, 0, \"int square(int x)\"},\n"
    "    {\"seed\", 0, &seed, \"int seed\"}, {0}};\n"
    "static const int seed_value = 100;\n"
    "const struct { void *to; const void *from; unsigned long size; }\n"
    "mayfly_values[] = {{&seed, &seed_value, sizeof seed}, {0}};\n"
    "/* #NAME: square */\n";

/* ---- what is loaded is called ---------------------------------------------------------------- */

static void S1_a_file_is_loaded_and_its_function_is_called(void **state) {
    (void)state;
    mayfly_auto(mayfly_namespace) ns = NULL;
    const char *path = mft_path("squares.c");
    mft_write(path, squares);
    mft_ok(mayfly_load_source(path, NULL, &ns, &mft_error));
    assert_int_equal(call_int(ns, "square", 5), 25);
    assert_int_equal(call_int(ns, "cube", -3), -27);
    assert_string_equal(mayfly_namespace_signature(ns, "cube"), "int cube(int x)");
    assert_null(mayfly_namespace_function(ns, "helper")); /* it is static */
    assert_null(mayfly_namespace_function(ns, "counter"));
    assert_null(mayfly_namespace_function(ns, NULL)); /* there are three */
    assert_int_equal(*(int *)mayfly_namespace_symbol(ns, "counter"), 7);
    assert_null(mayfly_namespace_symbol(ns, "square"));
    assert_int_equal(mayfly_namespace_count(ns), 4);
    assert_null(mayfly_namespace_name(ns, 4));
    assert_string_equal(mayfly_namespace_diagnostics(ns), "");
    (void)unlink(path);
}

static void S1_a_dumped_file_says_its_names_flags_and_values(void **state) {
    (void)state;
    mayfly_auto(mayfly_namespace) ns = NULL;
    load_text(dumped, NULL, &ns);
    assert_int_equal(call_int(ns, NULL, 2), 3 * 4 + 100);
    assert_int_equal(call_int(ns, "square", 1), 103);
    assert_string_equal(mayfly_namespace_signature(ns, NULL), "int square(int x)");
    assert_string_equal(mayfly_namespace_signature(ns, "seed"), "int seed");
    assert_int_equal(*(int *)mayfly_namespace_symbol(ns, "seed"), 100);
    assert_int_equal(mayfly_namespace_count(ns), 2);
    assert_string_equal(mayfly_namespace_name(ns, 0), "square");
}

static void S1_an_alias_renames_the_function_of_the_last_line(void **state) {
    (void)state;
    mayfly_auto(mayfly_namespace) ns = NULL;
    load_text(dumped, &(mayfly_load_source_options){.alias = "sq"}, &ns);
    assert_int_equal(call_int(ns, "sq", 0), 100);
    assert_int_equal(call_int(ns, NULL, 0), 100);
    assert_null(mayfly_namespace_function(ns, "square"));
    mft_ok(mayfly_namespace_close(&ns, &mft_error));
    mft_fails(-EINVAL,
              mayfly_load_source_io(dumped, MAYFLY_ALL,
                                    &(mayfly_load_source_options){.alias = "1q"}, &ns, &mft_error));
    mft_fails(MAYFLY_E_NO_FUNCTION,
              mayfly_load_source_io(squares, MAYFLY_ALL,
                                    &(mayfly_load_source_options){.alias = "sq"}, &ns, &mft_error));
}

static void S2_a_file_of_this_process_is_loaded_whole_and_stays_where_it_is(void **state) {
    (void)state;
    mayfly_auto(mayfly_namespace) ns = NULL;
    mayfly_auto(mayfly_file) file = NULL;
    mft_ok(mayfly_spooled_temporary_file(NULL, &file, &mft_error));
    mft_ok(mayfly_file_write(file, squares, strlen(squares), &mft_error));
    mft_ok(mayfly_file_seek(file, 9, SEEK_SET, &mft_error));
    mft_ok(mayfly_load_source_file(file, NULL, &ns, &mft_error));
    assert_int_equal(call_int(ns, "square", 6), 36);
    assert_int_equal(mayfly_file_tell(file, &mft_error), 9);
}

static void each_loading_has_globals_of_its_own(void **state) {
    (void)state;
    mayfly_auto(mayfly_namespace) one = NULL;
    mayfly_auto(mayfly_namespace) two = NULL;
    load_text(squares, NULL, &one);
    load_text(squares, NULL, &two);
    assert_int_equal(call_int(one, "count", 3), 10);
    assert_int_equal(call_int(one, "count", 3), 13);
    assert_int_equal(call_int(two, "count", 1), 8);
    mft_ok(mayfly_namespace_close(&one, &mft_error));
    assert_int_equal(call_int(two, "count", 1), 9);
}

static void gcc_and_clang_both_do(void **state) {
    (void)state;
    static const char *const compilers[] = {"gcc", "clang"};
    int tried = 0;
    for (size_t i = 0; i < 2; i++) {
        mayfly_auto(mayfly_namespace) ns = NULL;
        const mayfly_load_source_options options = {.compiler = compilers[i]};
        const int r = mayfly_load_source_io(dumped, MAYFLY_ALL, &options, &ns, &mft_error);
        if (r == MAYFLY_E_NO_COMPILER)
            continue;
        mft_ok(r);
        tried++;
        assert_int_equal(call_int(ns, NULL, 2), 112);
    }
    if (tried == 0)
        mft_skip("neither gcc nor clang is installed");
}

static void flags_and_libraries_of_the_caller_are_taken(void **state) {
    (void)state;
    mayfly_auto(mayfly_namespace) ns = NULL;
    static const char *const flags[] = {"-DANSWER=42", "-O2", NULL};
    static const char *const libraries[] = {"m", NULL};
    const mayfly_load_source_options options = {.flags = flags, .libraries = libraries};
    load_text("#include <math.h>\nint answer(int x) { return ANSWER + (int)floor(x / 2.0); }\n",
              &options, &ns);
    assert_int_equal(call_int(ns, NULL, 3), 43);
}

static void libm_is_there_also_without_its_header(void **state) {
    (void)state;
    mayfly_auto(mayfly_namespace) ns = NULL;
    load_text("double lgamma_r(double, int *);\n"
              "int f(int x) { int sign; return (int)lgamma_r(x, &sign) + sign; }\n",
              NULL, &ns);
    assert_int_equal(call_int(ns, NULL, 1), 1);
}

static void headers_beside_the_file_are_found(void **state) {
    (void)state;
    mayfly_auto(mayfly_namespace) ns = NULL;
    const char *path = mft_path("user.c"), *header = mft_path("own.h");
    mft_write(header, "#define OWN 11\n");
    mft_write(path, "#include \"own.h\"\nint own(int x) { return x + OWN; }\n");
    mft_ok(mayfly_load_source(path, NULL, &ns, &mft_error));
    assert_int_equal(call_int(ns, "own", 1), 12);
    (void)unlink(path);
    (void)unlink(header);
}

static void what_it_gave_to_atexit_runs_when_it_is_closed(void **state) {
    (void)state;
    mayfly_auto(mayfly_namespace) ns = NULL;
    int told = 0;
    load_text("#include <stdlib.h>\nstatic int *to;\nstatic void leave(void) { *to = 1; }\n"
              "void begin(int *at) { to = at; atexit(leave); }\n",
              NULL, &ns);
    ((void (*)(int *))mayfly_namespace_function(ns, "begin"))(&told);
    assert_int_equal(told, 0);
    mft_ok(mayfly_namespace_close(&ns, &mft_error));
    assert_int_equal(told, 1);
}

static void a_descriptor_closed_behind_its_back_does_not_mix_it_up(void **state) {
    (void)state;
    mayfly_auto(mayfly_namespace) one = NULL;
    mayfly_auto(mayfly_namespace) two = NULL;
    load_text("int what(int x) { return x + 1; }\n", NULL, &one);
    const int fd = one->module->fd;
    (void)close(fd); /* as a program that closes all that it does not know */
    load_text("int what(int x) { return x + 2; }\n", NULL, &two);
    assert_int_equal(call_int(one, "what", 0), 1);
    assert_int_equal(call_int(two, "what", 0), 2);
    one->module->fd = -1;
}

static int load_behind_what_stays(void *context) {
    mayfly_namespace *ns = NULL;
    static const char *const stay[] = {"-Wl,-z,nodelete", NULL};
    const mayfly_load_source_options staying = {.flags = stay, .uncached = true};
    const mayfly_load_source_options usual = {.uncached = true};
    (void)context;
    if (mayfly_load_source_io("int what(int x) { return x + 1; }\n", MAYFLY_ALL, &staying, &ns,
                              NULL) < 0 ||
        mayfly_namespace_close(&ns, NULL) < 0 ||
        mayfly_load_source_io("int what(int x) { return x + 2; }\n", MAYFLY_ALL, &usual, &ns,
                              NULL) < 0)
        return 99;
    return ((int_of_int *)mayfly_namespace_function(ns, "what"))(0);
}

static void one_that_the_loader_keeps_is_not_taken_for_the_next(void **state) {
    (void)state;
    assert_int_equal(mft_fork(load_behind_what_stays, NULL), 2 << 8);
}

/* ---- names bind to the text's own ------------------------------------------------------------ */

static void names_never_bind_to_the_programs_by_accident(void **state) {
    (void)state;
    mayfly_auto(mayfly_namespace) host = NULL;
    mayfly_auto(mayfly_namespace) ns = NULL;
    /* In the scope of the whole process, as what a program exports with -rdynamic. */
    load_text("int helper(int x) { return 1000; }\nint level = 1000;\n", NULL, &host);
    char name[40];
    (void)snprintf(name, sizeof name, "/proc/self/fd/%d", host->module->fd);
    void *global = dlopen(name, RTLD_NOW | RTLD_GLOBAL);
    assert_non_null(global);
    for (int level = 0; level < 3; level++) {
        static const char *const flags[][2] = {{"-O0", NULL}, {"-O1", NULL}, {"-O2", NULL}};
        load_text("int level = 1;\n"
                  "__attribute__((noinline)) int helper(int x) { return x + level; }\n"
                  "int (*const by_pointer)(int) = helper;\n"
                  "int use(int x) { return helper(x) + by_pointer(x); }\n",
                  &(mayfly_load_source_options){.flags = flags[level]}, &ns);
        assert_int_equal(call_int(ns, "use", 2), 6);
        mft_ok(mayfly_namespace_close(&ns, &mft_error));
    }
    /* What is only declared is the program's. */
    load_text("int helper(int);\nint use(int x) { return helper(x); }\n", NULL, &ns);
    assert_int_equal(call_int(ns, "use", 2), 1000);
    (void)dlclose(global);
}

/* ---- what goes wrong ------------------------------------------------------------------------- */

static void S3_a_syntax_error_gives_the_compilers_message_with_file_and_line(void **state) {
    (void)state;
    static const char *const compilers[] = {"cc", "gcc", "clang"};
    const char *path = mft_path("bad \"one\".c");
    char *said = NULL;
    mft_write(path, "int good(void) { return 1; }\n\nint bad(int x) { return x x; }\n");
    for (size_t i = 0; i < 3; i++) {
        mayfly_namespace *ns = NULL;
        const mayfly_load_source_options options = {.compiler = compilers[i],
                                                    .ret_diagnostics = &said};
        const int r = mayfly_load_source(path, &options, &ns, &mft_error);
        if (r == MAYFLY_E_NO_COMPILER && i > 0)
            continue;
        assert_int_equal(r, MAYFLY_E_COMPILE);
        assert_non_null(strstr(mft_error.message, "bad \"one\".c:3:"));
        assert_non_null(strstr(mft_error.message, "error: "));
        assert_non_null(strstr(said, "return x x;"));
        free(said);
    }
    (void)unlink(path);
}

static void S3_an_error_at_the_end_is_told_where_the_file_ends(void **state) {
    (void)state;
    mayfly_namespace *ns = NULL;
    mft_fails(MAYFLY_E_COMPILE, mayfly_load_source_io("int f(int x) {\n  return x;\n", MAYFLY_ALL,
                                                      NULL, &ns, &mft_error));
    assert_non_null(strstr(mft_error.message, "<source>:2:"));
    mft_fails(MAYFLY_E_COMPILE, mayfly_load_source_io("int f(int x) { return undeclared(x); }\n",
                                                      MAYFLY_ALL, NULL, &ns, &mft_error));
    assert_non_null(strstr(mft_error.message, "undeclared"));
}

static void S3_warnings_are_kept_also_by_the_cache(void **state) {
    (void)state;
    static const char *const flags[] = {"-Wall", NULL};
    for (int i = 0; i < 2; i++) {
        mayfly_auto(mayfly_namespace) ns = NULL;
        load_text("int f(int x) { int y; return x; }\n",
                  &(mayfly_load_source_options){.flags = flags}, &ns);
        assert_non_null(strstr(mayfly_namespace_diagnostics(ns), "<source>:1:"));
    }
}

static void S3_no_compiler_is_told(void **state) {
    (void)state;
    mayfly_namespace *ns = NULL;
    static const char *const names[] = {"no-such-compiler", "/nonexistent/cc", "/etc/passwd", "/"};
    for (size_t i = 0; i < 4; i++) {
        const mayfly_load_source_options options = {.compiler = names[i]};
        mft_fails(MAYFLY_E_NO_COMPILER,
                  mayfly_load_source_io(squares, MAYFLY_ALL, &options, &ns, &mft_error));
        assert_non_null(strstr(mft_error.message, names[i]));
    }
    assert_int_equal(setenv("CC", "no-such-compiler -m64", 1), 0);
    mft_fails(MAYFLY_E_NO_COMPILER,
              mayfly_load_source_io(squares, MAYFLY_ALL, NULL, &ns, &mft_error));
    assert_non_null(strstr(mft_error.message, "'no-such-compiler'"));
}

static void a_compiler_that_fails_without_a_word_or_dies_is_told(void **state) {
    (void)state;
    static const char *const scripts[] = {"#!/bin/sh\nexit 7\n", "#!/bin/sh\nexit 0\n",
                                          "#!/bin/sh\nkill -9 $$\n"};
    const char *path = mft_path("odd-cc");
    mayfly_namespace *ns = NULL;
    for (size_t i = 0; i < 3; i++) {
        mft_write(path, scripts[i]);
        assert_int_equal(chmod(path, 0755), 0);
        const mayfly_load_source_options options = {.compiler = path};
        mft_fails(MAYFLY_E_COMPILE,
                  mayfly_load_source_io(squares, MAYFLY_ALL, &options, &ns, &mft_error));
        assert_non_null(strstr(mft_error.message, i == 2 ? "signal 9" : "says nothing"));
    }
    (void)unlink(path);
}

static void a_name_that_is_nowhere_defined_is_told(void **state) {
    (void)state;
    mayfly_namespace *ns = NULL;
    mft_fails(
        MAYFLY_E_UNRESOLVED,
        mayfly_load_source_io("int other_unit(int);\nint f(int x) { return other_unit(x); }\n",
                              MAYFLY_ALL, NULL, &ns, &mft_error));
    assert_non_null(strstr(mft_error.message, "'other_unit'"));
    mft_fails(MAYFLY_E_UNRESOLVED,
              mayfly_load_source_io("/* #NEEDS: other_unit, more */\nint other_unit(int);\n"
                                    "int f(int x) { return other_unit(x); }\n",
                                    MAYFLY_ALL, NULL, &ns, &mft_error));
    assert_non_null(strstr(mft_error.message, "needs other_unit, more"));
}

static void flags_that_may_not_stand_in_a_file_are_refused(void **state) {
    (void)state;
    static const char *const flags[] = {
        "-fplugin=/tmp/x.so", "-B/tmp",          "-specs=/tmp/x", "-wrapper sh",
        "@/tmp/flags",        "-Wl,-rpath,/tmp", "-o /tmp/x",     "-save-temps",
        "/etc/passwd",        "-x c++",          "-lfoo",         "-L/tmp",
        "-mllvm -load=x",     "-Xclang -load",   "-include",      "-include @/tmp/flags",
        "-D @/tmp/flags"};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        char text[200];
        mayfly_namespace *ns = NULL;
        (void)snprintf(text, sizeof text, "/* #FLAGS: -O2 %s */\nint f(int x) { return x; }\n",
                       flags[i]);
        mft_fails(strcmp(flags[i], "-include") == 0 ? MAYFLY_E_SYNTAX : MAYFLY_E_POLICY,
                  mayfly_load_source_io(text, MAYFLY_ALL, NULL, &ns, &mft_error));
    }
}

static void flags_come_back_as_they_were_written(void **state) {
    (void)state;
    static const char *const flags[] = {"-DX=\"a b\\c\"",  "-DY=/*x*/",     "-I",
                                        "a dir/\nof mine", "-march=native", NULL};
    mfi_auto_buffer text = {0};
    mfi_auto_flags back = {0};
    assert_int_equal(mfi_flags_write(&text, flags), 0);
    assert_null(strstr(text.data, "*/"));
    assert_null(strchr(text.data, '\n'));
    mft_ok(mfi_flags_read(text.data, text.size, NULL, &back, &mft_error));
    assert_int_equal(back.count, 5);
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(back.items[i], flags[i]);
}

static void what_is_no_text_or_names_nothing_is_refused(void **state) {
    (void)state;
    mayfly_namespace *ns = NULL;
    mft_fails(MAYFLY_E_SYNTAX, mayfly_load_source_io("int f;\0", 7, NULL, &ns, &mft_error));
    mft_fails(MAYFLY_E_SYNTAX, mayfly_load_source_io("int f;\n/* #NAME: a b */\n", MAYFLY_ALL, NULL,
                                                     &ns, &mft_error));
    mft_fails(MAYFLY_E_NO_FUNCTION,
              mayfly_load_source_io("int f;\n/* #NAME: g */", MAYFLY_ALL, NULL, &ns, &mft_error));
    const mayfly_load_source_options few = {.max_bytes = 5};
    mft_fails(MAYFLY_E_LIMIT, mayfly_load_source_io("int f;", MAYFLY_ALL, &few, &ns, &mft_error));
    mft_ok(mayfly_load_source_io("", 0, NULL, &ns, &mft_error));
    assert_int_equal(mayfly_namespace_count(ns), 0);
    mft_ok(mayfly_namespace_close(&ns, &mft_error));
    mft_ok(mayfly_namespace_close(&ns, &mft_error));
    mft_ok(mayfly_namespace_close(NULL, &mft_error));
}

/* ---- nothing runs by itself ------------------------------------------------------------------ */

static const char *const selves[][2] = {
    {"constructor", "__attribute__((constructor)) static void go(void) { setenv(\"MFT_RAN\", "
                    "\"1\", 1); }\n"},
    {"destructor",
     "__attribute__((destructor)) static void go(void) { setenv(\"MFT_RAN\", \"1\", 1); }\n"},
    {"_init", "void _init(void) { setenv(\"MFT_RAN\", \"1\", 1); }\n"},
    {"_fini", "void _fini(void) { setenv(\"MFT_RAN\", \"1\", 1); }\n"},
    {"section", "static void go(void) { setenv(\"MFT_RAN\", \"1\", 1); }\n__attribute__((used, "
                "section(\".init_array\"))) static void (*const at)(void) = go;\n"},
};

static void constructors_are_refused_unless_they_are_allowed(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof selves / sizeof *selves; i++) {
        char text[1000];
        mayfly_auto(mayfly_namespace) ns = NULL;
        (void)snprintf(text, sizeof text, "#include <stdlib.h>\n%sint f(int x) { return x; }\n",
                       selves[i][1]);
        assert_int_equal(unsetenv("MFT_RAN"), 0);
        mft_fails(MAYFLY_E_POLICY, mayfly_load_source_io(text, MAYFLY_ALL, NULL, &ns, &mft_error));
        if (getenv("MFT_RAN") != NULL)
            fail_msg("%s ran", selves[i][0]);
        load_text(text, &(mayfly_load_source_options){.constructors = true}, &ns);
        assert_int_equal(call_int(ns, "f", 3), 3);
        mft_ok(mayfly_namespace_close(&ns, &mft_error));
        if (getenv("MFT_RAN") == NULL)
            fail_msg("%s did not run", selves[i][0]);
    }
}

static void functions_chosen_when_loading_are_refused(void **state) {
    (void)state;
    mayfly_namespace *ns = NULL;
    static const char text[] = "static int one(int x) { return x; }\n"
                               "static int (*choose(void))(int) { return one; }\n"
                               "int f(int) __attribute__((ifunc(\"choose\")));\n";
    const int r = mayfly_load_source_io(text, MAYFLY_ALL, NULL, &ns, &mft_error);
    if (r == MAYFLY_E_COMPILE)
        mft_skip("this compiler has no ifunc");
    mft_fails(MAYFLY_E_POLICY, r < 0 ? mft_error.code = r : r);
    assert_non_null(strstr(mft_error.message, "ifunc"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SOURCES(S1_a_file_is_loaded_and_its_function_is_called),
        SOURCES(S1_a_dumped_file_says_its_names_flags_and_values),
        SOURCES(S1_an_alias_renames_the_function_of_the_last_line),
        SOURCES(S2_a_file_of_this_process_is_loaded_whole_and_stays_where_it_is),
        SOURCES(each_loading_has_globals_of_its_own),
        SOURCES(gcc_and_clang_both_do),
        SOURCES(flags_and_libraries_of_the_caller_are_taken),
        SOURCES(libm_is_there_also_without_its_header),
        SOURCES(headers_beside_the_file_are_found),
        SOURCES(what_it_gave_to_atexit_runs_when_it_is_closed),
        SOURCES(a_descriptor_closed_behind_its_back_does_not_mix_it_up),
        SOURCES(one_that_the_loader_keeps_is_not_taken_for_the_next),
        SOURCES(names_never_bind_to_the_programs_by_accident),
        SOURCES(S3_a_syntax_error_gives_the_compilers_message_with_file_and_line),
        SOURCES(S3_an_error_at_the_end_is_told_where_the_file_ends),
        SOURCES(S3_warnings_are_kept_also_by_the_cache),
        SOURCES(S3_no_compiler_is_told),
        SOURCES(a_compiler_that_fails_without_a_word_or_dies_is_told),
        SOURCES(a_name_that_is_nowhere_defined_is_told),
        SOURCES(flags_that_may_not_stand_in_a_file_are_refused),
        SOURCES(flags_come_back_as_they_were_written),
        SOURCES(what_is_no_text_or_names_nothing_is_refused),
        SOURCES(constructors_are_refused_unless_they_are_allowed),
        SOURCES(functions_chosen_when_loading_are_refused),
    };
    return MFT_MAIN(tests);
}
