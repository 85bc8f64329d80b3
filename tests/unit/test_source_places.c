/* SPDX-License-Identifier: MIT
 *
 * Where sources are found when things are not as they were built: programs that are gone, libraries
 * that were replaced, paths that were mapped, names that several units have; and texts that are
 * carried by what clang, the sanitizers and link-time optimisation make.
 */
#include "../lib/harness.h"

#include <dlfcn.h>
#include <mayfly/source.h>

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

static void write_text(const char *name, const char *text) {
    mft_write(mft_path(name), text);
}

/* Runs a command in the test's directory. */
static void build(const char *command) {
    if (run("cd '%s' && %s", mft_tmp(), command) != 0)
        fail_msg("it does not work: %s", command);
}

static int of_program(const char *program, const char *name, const mayfly_source_options *options,
                      mayfly_source **ret) {
    return mayfly_source_of_program_sized(sizeof *options, mft_path(program), name, options, ret,
                                          &mft_error);
}

static const mayfly_source_options unchecked = {.unchecked = true};

/* ---- units ----------------------------------------------------------------------------------- */

static void a_name_of_several_units_is_told_apart_by_the_unit(void **state) {
    mayfly_auto(mayfly_source) source = NULL;
    (void)state;
    if (!has("gcc"))
        mft_skip("there is no gcc");
    write_text("one.c", "static int same(int x) { return x + 1; }\n"
                        "int (*one)(int) = same;\n");
    write_text("two.c", "static int same(int x) { return x + 2; }\n"
                        "int (*two)(int) = same;\n");
    build("gcc -g -O0 -shared -fPIC one.c two.c -o both.so");
    mft_fails(MAYFLY_E_AMBIGUOUS, of_program("both.so", "same", &unchecked, &source));
    assert_non_null(strstr(mft_error.message, "one.c:same"));
    mft_ok(of_program("both.so", "two.c:same", &unchecked, &source));
    assert_non_null(strstr(mayfly_source_text(source, NULL), "x + 2"));
    mft_empty();
}

static void a_function_of_a_header_comes_with_its_unit(void **state) {
    mayfly_auto(mayfly_source) source = NULL;
    mayfly_source_options options = unchecked;
    (void)state;
    if (!has("gcc"))
        mft_skip("there is no gcc");
    write_text("helper.h", "static int helper(NUMBER x) { return x * BY; }\n");
    write_text("unit.c", "#define BY 7\n"
                         "typedef int NUMBER;\n"
                         "#include \"helper.h\"\n"
                         "int (*pointer)(int) = helper;\n");
    build("gcc -g -O0 -shared -fPIC unit.c -o unit.so");
    mft_ok(of_program("unit.so", "helper", &options, &source));
    assert_non_null(strstr(mayfly_source_path(source), "helper.h"));
    assert_int_equal(mayfly_source_line(source), 1);
    assert_non_null(strstr(mayfly_source_text(source, NULL), "#define BY 7"));
    assert_non_null(strstr(mayfly_source_text(source, NULL), "typedef int NUMBER;"));
    assert_null(strstr(mayfly_source_text(source, NULL), "pointer"));
    mayfly_source_free(&source);
    options.unchecked = false; /* and it compiles */
    mft_ok(of_program("unit.so", "helper", &options, &source));
    assert_int_equal(mayfly_source_formed(source), MAYFLY_SOURCE_CLOSURE);
    mft_empty();
}

static void what_was_inlined_away_is_found_by_its_description(void **state) {
    mayfly_auto(mayfly_source) source = NULL;
    (void)state;
    if (!has("gcc"))
        mft_skip("there is no gcc");
    write_text("unit.c", "static inline __attribute__((always_inline)) int gone(int x) {\n"
                         "    return x * 5;\n"
                         "}\n"
                         "int stays(int x) { return gone(x); }\n");
    build("gcc -g -O2 -shared -fPIC unit.c -o unit.so");
    mft_ok(of_program("unit.so", "gone", &unchecked, &source));
    assert_non_null(strstr(mayfly_source_text(source, NULL), "return x * 5;"));
    mayfly_source_free(&source);
    mft_fails(MAYFLY_E_NO_FUNCTION, of_program("unit.so", "never_was", &unchecked, &source));
    assert_non_null(strstr(mft_error.message, "inlined away"));
    mft_empty();
}

static void macros_of_the_command_line_are_found(void **state) {
    mayfly_auto(mayfly_source) source = NULL;
    const mayfly_source_options options = {.unchecked = false};
    (void)state;
    if (!has("gcc"))
        mft_skip("there is no gcc");
    write_text("unit.c", "int f(int x) { return x + MORE; }\n");
    build("gcc -g3 -O0 -DMORE=41 -shared -fPIC unit.c -o unit.so");
    mft_ok(of_program("unit.so", "f", &options, &source));
    assert_non_null(strstr(mayfly_source_flags(source), "-DMORE=41"));
    assert_int_equal(mayfly_source_formed(source), MAYFLY_SOURCE_CLOSURE);
    mft_empty();
}

static void only_the_entry_of_the_unit_is_taken(void **state) {
    mayfly_auto(mayfly_source) source = NULL;
    (void)state;
    if (!has("gcc"))
        mft_skip("there is no gcc");
    write_text("unit.c", "int f(int x) { return x + MORE; }\n");
    write_text("other.c", "int g(int x) { return x; }\n");
    build(
        "sed \"s#@#$PWD#\" >compile_commands.json <<'END'\n"
        "[{\"directory\": \"@\", \"file\": \"other.c\", \"command\": \"cc -DMORE=1 -c other.c\"},\n"
        " {\"directory\": \"@\", \"file\": \"x}{\\\"unit.c\", \"command\": \"cc -DMORE=2\"},\n"
        " {\"directory\": \"@\", \"file\": \"unit.c\", \"command\": \"cc -DMORE=3 -c unit.c\"}]\n"
        "END\n");
    build("gcc -g -O0 -DMORE=3 -shared -fPIC unit.c -o unit.so");
    mft_ok(of_program("unit.so", "f", &unchecked, &source));
    assert_non_null(strstr(mayfly_source_flags(source), "-DMORE=3"));
    mft_empty();
}

/* ---- paths ----------------------------------------------------------------------------------- */

static void paths_that_were_mapped_are_mapped_back(void **state) {
    mayfly_auto(mayfly_source) source = NULL;
    mayfly_source_options options = unchecked;
    (void)state;
    if (!has("gcc"))
        mft_skip("there is no gcc");
    write_text("unit.c", "int f(int x) { return x + 1; }\n");
    build("gcc -g -O0 -ffile-prefix-map=\"$PWD\"=/away -shared -fPIC \"$PWD/unit.c\" -o unit.so");
    mft_fails(MAYFLY_E_NO_SOURCE, of_program("unit.so", "f", &options, &source));
    assert_non_null(strstr(mft_error.message, ".map_from"));
    options.map_from = "/away";
    options.map_to = mft_tmp();
    mft_ok(of_program("unit.so", "f", &options, &source));
    assert_non_null(strstr(mayfly_source_text(source, NULL), "return x + 1;"));
    mft_empty();
}

static void a_library_that_was_replaced_is_refused(void **state) {
    mayfly_source *source = NULL;
    mayfly_function f;
    (void)state;
    if (!has("gcc"))
        mft_skip("there is no gcc");
    write_text("unit.c", "int f(int x) { return x + 1; }\n");
    build("gcc -g -O0 -Wl,--build-id -shared -fPIC unit.c -o unit.so");
    void *handle = dlopen(mft_path("unit.so"), RTLD_NOW | RTLD_LOCAL);
    assert_non_null(handle);
    void *address = dlsym(handle, "f");
    memcpy(&f, &address, sizeof f);
    write_text("other.c", "int g(void) { return 0; }\nint f(int x) { return x - 1; }\n");
    build("gcc -g -O0 -Wl,--build-id -shared -fPIC other.c -o new.so && mv new.so unit.so");
    mft_fails(MAYFLY_E_NO_SOURCE,
              mayfly_source_extract_sized(sizeof unchecked, f, "pointer", "none.c", &unchecked,
                                          &source, &mft_error));
    assert_non_null(strstr(mft_error.message, "replaced"));
    assert_int_equal(dlclose(handle), 0);
    mft_empty();
}

/* ---- programs -------------------------------------------------------------------------------- */

/* A program that looks for a function of its own, after it did `before`. */
static const char program_text[] =
    "#include <mayfly/source.h>\n"
    "#include <string.h>\n"
    "#include <unistd.h>\n"
    "%s\n"
    "static int factor = 5;\n"
    "static int product(int x) { return x * factor; }\n"
    "int main(int argc, char **argv) {\n"
    "    const mayfly_source_options o = {.unchecked = true, .changed = true};\n"
    "    mayfly_source *s = NULL;\n"
    "    mayfly_error e;\n"
    "    %s\n"
    "    if (mayfly_source_extract(product, &o, &s, &e) != 0)\n"
    "        return fprintf(stderr, \"%%s\\n\", e.message), 1;\n"
    "    const char *text = mayfly_source_text(s, NULL);\n"
    "    printf(\"%%s %%d\", mayfly_source_name(s), strstr(text, \"factor = 5\") != NULL);\n"
    "    mayfly_source_free(&s);\n"
    "    return argc + product(0) == 1 && argv[0] != NULL ? 0 : 1;\n"
    "}\n";

static int is_sanitized(void) {
    return run("nm -D '%s/src/libmayfly.so' 2>/dev/null | grep -qE '__(asan|tsan|ubsan)_'",
               getenv("MFT_BUILD")) == 0;
}

static void check_program(const char *compiler, const char *head, const char *before) {
    char text[4096];
    const char *build_root = getenv("MFT_BUILD");
    size_t size;
    (void)snprintf(text, sizeof text, program_text, head, before);
    write_text("program.c", text);
    print_message("%s\n", compiler);
    if (run("cd '%s' && %s -I'%s/include' \"$PWD/program.c\" -o program -L'%s/src/source' "
            "-L'%s/src' "
            "-lmayfly-source -lmayfly -Wl,-rpath,'%s/src/source:%s/src' 2>messages && "
            "./program >output 2>>messages || { cat messages; exit 1; }",
            mft_tmp(), compiler, getenv("MFT_SOURCE"), build_root, build_root, build_root,
            build_root) != 0)
        fail_msg("%s: the program does not find its source", compiler);
    char *output = mft_read(mft_path("output"), &size);
    assert_string_equal(output, "product 1");
    free(output);
}

static void a_program_that_was_removed_still_finds_its_functions(void **state) {
    (void)state;
    if (!has("gcc"))
        mft_skip("there is no gcc");
    if (is_sanitized())
        mft_skip("a program without sanitizers cannot use a library with them");
    check_program("gcc -g -O1", "", "if (unlink(argv[0]) != 0) return 2;");
    mft_empty();
}

static void texts_are_carried_by_all_compilers(void **state) {
    static const char *const compilers[] = {
        "gcc -O2 -fsanitize=address,undefined",
        "gcc -O2 -flto -s",
        "clang -O0",
        "clang -O2 -s",
        "clang -O1 -fsanitize=undefined",
        "clang -O2 -flto -fuse-ld=lld",
    };
    int built = 0;
    (void)state;
    if (is_sanitized())
        mft_skip("a program without sanitizers cannot use a library with them");
    for (size_t i = 0; i < sizeof compilers / sizeof *compilers; i++) {
        if (!has(compilers[i][0] == 'g' ? "gcc" : "clang") ||
            (strstr(compilers[i], "lld") != NULL && !has("ld.lld")))
            continue;
        check_program(compilers[i], "MAYFLY_EMBED_SOURCE();", "(void)0;");
        built++;
    }
    if (built == 0)
        mft_skip("there is neither gcc nor clang");
    mft_empty();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        MFT(a_name_of_several_units_is_told_apart_by_the_unit),
        MFT(a_function_of_a_header_comes_with_its_unit),
        MFT(what_was_inlined_away_is_found_by_its_description),
        MFT(macros_of_the_command_line_are_found),
        MFT(only_the_entry_of_the_unit_is_taken),
        MFT(paths_that_were_mapped_are_mapped_back),
        MFT(a_library_that_was_replaced_is_refused),
        MFT(a_program_that_was_removed_still_finds_its_functions),
        MFT(texts_are_carried_by_all_compilers),
    };
    return MFT_MAIN(tests);
}
