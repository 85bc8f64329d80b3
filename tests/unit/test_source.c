/* SPDX-License-Identifier: MIT
 *
 * Functions that are found and dumped: by the text that a module carries, and by its debug
 * information in all the ways in which compilers and linkers leave it. The modules are built by the
 * test, by gcc and clang where they are there, loaded into this process, and asked by pointers.
 */
#include "../lib/harness.h"

#include <dlfcn.h>
#include <errno.h>
#include <mayfly/source.h>
#include <sys/wait.h>
#include <unistd.h>

MAYFLY_EMBED_SOURCE();

static int factor = 3;

static int scaled(int x) {
    return x * factor;
}

static int triple(int x) {
    return scaled(x);
}

static int unrelated(int x) {
    return x - factor;
}

/* ---- modules --------------------------------------------------------------------------------- */

/* The module's text. Its table gives pointers to static functions. */
static const char module_text[] =
    "%s"
    "#include <stdlib.h>\n"
    "static int counter = 3;\n"
    "struct point { int x, y; };\n"
    "static struct point where = {1, 2};\n"
    "char *text = \"x\";\n"
    "static int inner(int x) { return x * 2 + counter; }\n"
    "static __attribute__((noinline)) int hidden(int x) {\n"
    "    return inner(x) + where.x;\n"
    "}\n"
    "int proto(int);\n"
    "int proto(int x) { return hidden(x) + 1; }\n"
    "int with_text(int x) { return x + (text != 0); }\n"
    "void set_counter(int x) { counter = where.x = x; }\n"
    "struct { const char *name; int (*function)(int); } table[] = {\n"
    "    {\"hidden\", hidden}, {\"proto\", proto}, {\"with_text\", with_text}, {0, 0}};\n";

static int run(const char *format, ...) {
    char command[4096];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(command, sizeof command, format, arguments);
    va_end(arguments);
    return system(command); /* NOLINT(cert-env33-c): the test's own words */
}

static int has(const char *program) {
    return run("command -v %s >/dev/null 2>&1", program) == 0;
}

struct module {
    char *source, *path;
    void *handle;
    const struct {
        const char *name;
        int (*function)(int);
    } * table;
};

static void build(struct module *m, const char *head, const char *compiler, const char *flags) {
    char text[4096];
    char *const source = mft_path("module.c");
    char *const path = mft_path("module.so");
    (void)snprintf(text, sizeof text, module_text, head);
    mft_write(source, text);
    if (run("cd '%s' && %s -fPIC -shared -I'%s/include' %s -o '%s' '%s'", mft_tmp(), compiler,
            getenv("MFT_SOURCE"), flags, path, source) != 0)
        fail_msg("%s %s does not build the module", compiler, flags);
    m->source = source;
    m->path = path;
    m->handle = NULL;
}

static void load(struct module *m) {
    m->handle = dlopen(m->path, RTLD_NOW | RTLD_LOCAL);
    if (m->handle == NULL)
        fail_msg("%s", dlerror());
    m->table = dlsym(m->handle, "table");
    assert_non_null(m->table);
}

static mayfly_function function_of(const struct module *m, const char *name) {
    for (size_t i = 0; m->table[i].name != NULL; i++)
        if (strcmp(m->table[i].name, name) == 0)
            return (mayfly_function)m->table[i].function;
    fail_msg("there is no %s", name);
    return NULL;
}

static void unload(struct module *m) {
    if (m->handle != NULL)
        assert_int_equal(dlclose(m->handle), 0);
    mft_empty();
}

/* A pointer whose words at the call are no name. */
static int extract(mayfly_function function, const mayfly_source_options *options,
                   mayfly_source **ret) {
    return mayfly_source_extract_sized(sizeof *options, function, "table[0].function", "none.c",
                                       options, ret, &mft_error);
}

static void check_found(const struct module *m, const char *name, unsigned line) {
    mayfly_auto(mayfly_source) source = NULL;
    const mayfly_source_options options = {.unchecked = true};
    mft_ok(extract(function_of(m, name), &options, &source));
    assert_string_equal(mayfly_source_name(source), name);
    assert_int_equal(mayfly_source_formed(source), MAYFLY_SOURCE_CLOSURE);
    assert_int_equal(mayfly_source_line(source), line);
    assert_non_null(strstr(mayfly_source_text(source, NULL), "static int counter = 3;"));
    assert_null(strstr(mayfly_source_text(source, NULL), "with_text"));
}

static void pointers_are_found_however_the_module_was_built(void **state) {
    static const char *const compilers[] = {"gcc", "clang"};
    static const char *const flags[] = {
        "-g -O0",
        "-g -O2",
        "-g -O2 -gdwarf-4",
        "-g1 -O1",
        "-g -gz -O2",
        "-g3 -O2",
        "-g -O2 -ffunction-sections -fdata-sections -Wl,--gc-sections",
        "-g -O2 -gsplit-dwarf",
    };
    (void)state;
    int built = 0;
    for (size_t c = 0; c < sizeof compilers / sizeof *compilers; c++) {
        if (!has(compilers[c]))
            continue;
        for (size_t i = 0; i < sizeof flags / sizeof *flags; i++, built++) {
            struct module m;
            /* clang -g1 describes those functions only that others are inlined into. */
            if (strcmp(compilers[c], "clang") == 0 && strstr(flags[i], "-g1") != NULL)
                continue;
            if (mft_wrapped() && strstr(flags[i], "split") != NULL)
                continue; /* valgrind itself gives up over such a module */
            print_message("%s %s\n", compilers[c], flags[i]);
            build(&m, "", compilers[c], flags[i]);
            load(&m);
            check_found(&m, "hidden", 7);
            check_found(&m, "proto", 11);
            unload(&m);
        }
    }
    if (built == 0)
        mft_skip("there is neither gcc nor clang");
}

static void link_time_optimisation_leaves_names_and_lines(void **state) {
    struct module m;
    (void)state;
    if (!has("gcc"))
        mft_skip("there is no gcc");
    build(&m, "", "gcc", "-g -O2 -flto");
    load(&m);
    check_found(&m, "hidden", 7);
    check_found(&m, "proto", 11);
    unload(&m);
}

static void debug_information_may_lie_beside(void **state) {
    struct module m;
    (void)state;
    if (!has("gcc") || !has("objcopy"))
        mft_skip("there is no gcc or no objcopy");
    build(&m, "", "gcc", "-g -O2");
    assert_int_equal(run("cd '%s' && objcopy --only-keep-debug module.so module.debug && "
                         "objcopy --strip-all --add-gnu-debuglink=module.debug module.so",
                         mft_tmp()),
                     0);
    load(&m);
    check_found(&m, "hidden", 7);
    unload(&m);
}

static void embedded_text_survives_everything(void **state) {
    static const char *const flags[] = {
        "-O0", "-O2 -s", "-O2 -flto -s", "-O2 -s -ffunction-sections -Wl,--gc-sections", "-g -O2",
    };
    (void)state;
    if (!has("gcc"))
        mft_skip("there is no gcc");
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        struct module m;
        mayfly_auto(mayfly_source) source = NULL;
        const mayfly_source_options options = {.unchecked = true};
        print_message("%s\n", flags[i]);
        build(&m, "#include <mayfly/source.h>\nMAYFLY_EMBED_SOURCE();\n", "gcc", flags[i]);
        load(&m);
        mft_remove(m.source); /* the text is in the module */
        mft_ok(mayfly_source_extract_sized(sizeof options, function_of(&m, "hidden"), "hidden",
                                           m.source, &options, &source, &mft_error));
        assert_true(mayfly_source_embedded(source));
        assert_non_null(strstr(mayfly_source_text(source, NULL), "static int counter = 3;"));
        mayfly_source_free(&source);
        mft_ok(mayfly_source_of_program(m.path, "proto", &options, &source, &mft_error));
        assert_true(mayfly_source_embedded(source));
        assert_string_equal(mayfly_source_signature(source), "int proto(int x)");
        mayfly_source_free(&source);
        unload(&m);
    }
}

/* ---- what cannot be found -------------------------------------------------------------------- */

static void what_has_no_source_says_so(void **state) {
    struct module m;
    mayfly_source *source = NULL;
    const mayfly_source_options options = {.unchecked = true};
    (void)state;
    if (!has("gcc"))
        mft_skip("there is no gcc");
    build(&m, "", "gcc", "-O2 -g0");
    load(&m);
    mft_fails(MAYFLY_E_NO_SOURCE, extract(function_of(&m, "hidden"), &options, &source));
    assert_non_null(strstr(mft_error.message, "MAYFLY_EMBED_SOURCE"));
    unload(&m);

    build(&m, "", "gcc", "-O2 -g");
    load(&m);
    mft_remove(m.source);
    mft_fails(MAYFLY_E_NO_SOURCE, extract(function_of(&m, "hidden"), &options, &source));
    assert_non_null(strstr(mft_error.message, "is not there"));
    unload(&m);
}

static void a_file_that_was_changed_is_refused(void **state) {
    struct module m;
    mayfly_auto(mayfly_source) source = NULL;
    mayfly_source_options options = {.unchecked = true};
    (void)state;
    if (!has("gcc"))
        mft_skip("there is no gcc");
    build(&m, "", "gcc", "-O2 -g");
    load(&m);
    assert_int_equal(run("touch -d 'now + 1 hour' '%s'", m.source), 0);
    mft_fails(MAYFLY_E_CHANGED, extract(function_of(&m, "hidden"), &options, &source));
    options.changed = true;
    mft_ok(extract(function_of(&m, "hidden"), &options, &source));
    unload(&m);
}

static void pointers_that_are_no_functions_are_refused(void **state) {
    struct module m;
    mayfly_source *source = NULL;
    const mayfly_source_options options = {.unchecked = true};
    char data[16];
    (void)state;
    mft_fails(MAYFLY_E_NO_FUNCTION, extract(NULL, &options, &source));
    mft_fails(MAYFLY_E_NO_FUNCTION, extract((mayfly_function)(uintptr_t)data, &options, &source));
    if (!has("gcc"))
        mft_skip("there is no gcc");
    build(&m, "", "gcc", "-O0 -g");
    load(&m);
    const uintptr_t inside = (uintptr_t)function_of(&m, "hidden") + 1;
    mft_fails(MAYFLY_E_NO_FUNCTION, extract((mayfly_function)inside, &options, &source));
    assert_non_null(strstr(mft_error.message, "hidden"));
    unload(&m);
}

/* A program of its own, linked with the library as this build has it. */
static int run_program(const char *text, const char *flags, char **ret_output) {
    const char *build = getenv("MFT_BUILD");
    mft_write(mft_path("program.c"), text);
    const int r = run("cd '%s' && gcc -I'%s/include' %s program.c -o program -L'%s/src/source' "
                      "-L'%s/src' -lmayfly-source -lmayfly -Wl,-rpath,'%s/src/source:%s/src' "
                      "2>messages && ./program >output 2>>messages",
                      mft_tmp(), getenv("MFT_SOURCE"), flags, build, build, build, build);
    size_t size;
    *ret_output = r == 0 ? mft_read(mft_path("output"), &size) : NULL;
    return r;
}

static int is_sanitized(void) {
    return run("nm -D '%s/src/libmayfly.so' 2>/dev/null | grep -qE '__(asan|tsan|ubsan)_'",
               getenv("MFT_BUILD")) == 0;
}

static void folded_functions_are_told_apart_by_name_only(void **state) {
    static const char program[] =
        "#include <mayfly/source.h>\n"
        "__attribute__((noinline)) static int one(int x) { return x * 3 + 1; }\n"
        "__attribute__((noinline)) static int two(int x) { return x * 3 + 1; }\n"
        "int main(int argc, char **argv) {\n"
        "    const mayfly_source_options o = {.unchecked = true};\n"
        "    mayfly_source *s = NULL;\n"
        "    struct { int (*f)(int); } t[] = {{two}};\n"
        "    (void)argv;\n"
        "    printf(\"%d\", mayfly_source_extract(t[0].f, &o, &s, NULL));\n"
        "    if (mayfly_source_extract(two, &o, &s, NULL) == 0)\n"
        "        printf(\" %s\", mayfly_source_name(s));\n"
        "    mayfly_source_free(&s);\n"
        "    return one(argc) + two(argc) != 8;\n"
        "}\n";
    char *output;
    (void)state;
    if (!has("gcc") || !has("ld.gold"))
        mft_skip("there is no gcc or no gold");
    if (is_sanitized())
        mft_skip("a program without sanitizers cannot use a library with them");
    assert_int_equal(run_program(program,
                                 "-g -O2 -fno-ipa-icf -ffunction-sections -fuse-ld=gold "
                                 "-Wl,--icf=all",
                                 &output),
                     0);
    char expected[32];
    (void)snprintf(expected, sizeof expected, "%d two", MAYFLY_E_AMBIGUOUS);
    assert_string_equal(output, expected);
    free(output);
    mft_empty();
}

static void a_pointer_into_a_table_of_calls_leads_on(void **state) {
    static const char program[] =
        "#include <mayfly/source.h>\n"
        "int main(void) {\n"
        "    const mayfly_source_options o = {.unchecked = true, .changed = true};\n"
        "    mayfly_source *s = NULL;\n"
        "    struct { void (*f)(void); } t[] = {{(void (*)(void))mayfly_source_text}};\n"
        "    if (mayfly_source_extract(t[0].f, &o, &s, NULL) != 0)\n"
        "        return 1;\n"
        "    printf(\"%s\", mayfly_source_name(s));\n"
        "    mayfly_source_free(&s);\n"
        "    return 0;\n"
        "}\n";
    char *output;
    (void)state;
    if (!has("gcc"))
        mft_skip("there is no gcc");
    if (is_sanitized())
        mft_skip("a program without sanitizers cannot use a library with them");
    assert_int_equal(run_program(program, "-g -O2 -fno-pie -no-pie", &output), 0);
    assert_string_equal(output, "mayfly_source_text");
    free(output);
    assert_int_equal(run_program(program, "-g -O2 -fpie -pie", &output), 0);
    assert_string_equal(output, "mayfly_source_text");
    free(output);
    mft_empty();
}

/* ---- forms, alias, values -------------------------------------------------------------------- */

static void a_dump_of_this_file_brings_what_it_uses(void **state) {
    mayfly_auto(mayfly_file) file = NULL;
    mayfly_auto(mayfly_file) memory = NULL;
    (void)state;
    char *text = NULL, *again = NULL;
    size_t size;
    assert_int_equal(triple(2) + unrelated(5), 8);
    mft_ok(
        mayfly_dump_source(triple, &(mayfly_source_options){.unchecked = true}, &file, &mft_error));
    mft_ok(mayfly_file_read_all(file, &text, &size, &mft_error));
    assert_non_null(strstr(text, "static int factor = 3;"));
    assert_non_null(strstr(text, "static int scaled(int x) {"));
    assert_null(strstr(text, "unrelated"));
    const char last[] = "/* #NAME: triple */\n";
    assert_string_equal(text + size - strlen(last), last);
    mft_ok(mayfly_dump_source_io(triple, &(mayfly_source_options){.unchecked = true}, &memory,
                                 &mft_error));
    mft_ok(mayfly_file_read_all(memory, &again, &size, &mft_error));
    assert_string_equal(text, again);
    free(text);
    free(again);
}

static int call_dumped(const mayfly_source *source, const char *compiler, int argument) {
    size_t size;
    char *const path = mft_path("copy.c");
    char *const object = mft_path("copy.so");
    mft_write(path, mayfly_source_text(source, &size));
    if (run("%s -O1 -w -fPIC -shared -fvisibility=hidden -Wl,-z,defs -o '%s' '%s'", compiler,
            object, path) != 0)
        fail_msg("the copy does not compile:\n%s", mayfly_source_text(source, NULL));
    void *handle = dlopen(object, RTLD_NOW | RTLD_LOCAL);
    assert_non_null(handle);
    const struct {
        const char *name;
        void (*function)(void);
        void *data;
        const char *signature;
    } *table = dlsym(handle, "mayfly_namespace");
    const struct {
        void *to;
        const void *from;
        unsigned long bytes;
    } *values = dlsym(handle, "mayfly_values");
    assert_non_null(table);
    for (; values != NULL && values->to != NULL; values++)
        memcpy(values->to, values->from, values->bytes);
    int result = -1;
    for (; table->name != NULL; table++)
        if (strcmp(table->name, mayfly_source_name(source)) == 0) {
            int (*function)(int);
            memcpy(&function, &table->function, sizeof function);
            result = function(argument);
        }
    assert_int_equal(dlclose(handle), 0);
    return result;
}

static void every_form_gives_the_same_result(void **state) {
    (void)state;
    if (!has("cc"))
        mft_skip("there is no compiler");
    for (int form = MAYFLY_SOURCE_AUTO; form <= MAYFLY_SOURCE_PREPROCESSED; form++) {
        struct module m;
        mayfly_auto(mayfly_source) source = NULL;
        build(&m, "", "cc", "-g -O2");
        load(&m);
        const mayfly_source_options options = {.form = (mayfly_source_form)form, .alias = "other"};
        mft_ok(extract(function_of(&m, "hidden"), &options, &source));
        assert_int_equal(mayfly_source_formed(source),
                         form == MAYFLY_SOURCE_AUTO ? MAYFLY_SOURCE_CLOSURE : form);
        assert_null(mayfly_source_need(source, 0));
        assert_int_equal(call_dumped(source, "cc", 5), m.table[0].function(5));
        unload(&m);
    }
}

static void values_go_along_when_asked_for(void **state) {
    struct module m;
    mayfly_auto(mayfly_source) source = NULL;
    (void)state;
    if (!has("gcc"))
        mft_skip("there is no gcc");
    build(&m, "", "gcc", "-g -O2");
    load(&m);
    void (*set)(int);
    *(void **)&set = dlsym(m.handle, "set_counter");
    set(40);
    mayfly_source_options options = {
        .values = (mayfly_source_value[]){{.name = "counter"}, {.name = "where"}, {.name = NULL}}};
    mft_ok(extract(function_of(&m, "hidden"), &options, &source));
    assert_int_equal(m.table[0].function(5), 90);
    assert_int_equal(call_dumped(source, "gcc", 5), 90);
    mayfly_source_free(&source);
    options.values = (mayfly_source_value[]){{.name = "text"}, {.name = NULL}};
    mft_fails(-EINVAL, extract(function_of(&m, "with_text"), &options, &source));
    assert_non_null(strstr(mft_error.message, "pointer"));
    options.values = (mayfly_source_value[]){{.name = "nothing"}, {.name = NULL}};
    mft_fails(-EINVAL, extract(function_of(&m, "with_text"), &options, &source));
    unload(&m);
}

static void what_is_not_carried_is_named(void **state) {
    mayfly_auto(mayfly_source) source = NULL;
    const char *const path = mft_path("far.c");
    const char *const object = mft_path("far.o");
    (void)state;
    if (!has("gcc"))
        mft_skip("there is no gcc");
    mft_write(path, "#include <string.h>\nint helper(int);\nextern int shared;\n"
                    "int f(const char *s) { return helper((int)strlen(s)) + shared; }\n");
    assert_int_equal(run("gcc -g -c -o '%s' '%s'", object, path), 0);
    mft_ok(mayfly_source_of_program(object, "f", NULL, &source, &mft_error));
    assert_string_equal(mayfly_source_path(source), path);
    assert_int_equal(mayfly_source_line(source), 4);
    assert_string_equal(mayfly_source_need(source, 0), "helper");
    assert_string_equal(mayfly_source_need(source, 1), "shared");
    assert_null(mayfly_source_need(source, 2));
    assert_non_null(strstr(mayfly_source_text(source, NULL), "/* #NEEDS: helper, shared */"));
    mft_empty();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        MFT(pointers_are_found_however_the_module_was_built),
        MFT(link_time_optimisation_leaves_names_and_lines),
        MFT(debug_information_may_lie_beside),
        MFT(embedded_text_survives_everything),
        MFT(what_has_no_source_says_so),
        MFT(a_file_that_was_changed_is_refused),
        MFT(pointers_that_are_no_functions_are_refused),
        MFT(folded_functions_are_told_apart_by_name_only),
        MFT(a_pointer_into_a_table_of_calls_leads_on),
        MFT(a_dump_of_this_file_brings_what_it_uses),
        MFT(every_form_gives_the_same_result),
        MFT(values_go_along_when_asked_for),
        MFT(what_is_not_carried_is_named),
    };
    return MFT_MAIN(tests);
}
