/* SPDX-License-Identifier: MIT
 *
 * S1: what is compiled once, and when it is compiled anew; every call refused.
 */
#define _GNU_SOURCE
#include "../lib/sources.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "../lib/fault.h"

static const char squares[] = "int square(int x) { return x * x; }\n";

static void load_and_call(const char *text, const mayfly_load_source_options *options,
                          int expected) {
    mayfly_auto(mayfly_namespace) ns = NULL;
    load_text(text, options, &ns);
    assert_int_equal(call_int(ns, NULL, 4), expected);
}

static void the_same_text_is_compiled_once(void **state) {
    (void)state;
    need_cache();
    char *compiler, *notes = counting_compiler(&compiler);
    const mayfly_load_source_options options = {.compiler = compiler};
    for (int i = 0; i < 3; i++)
        load_and_call(squares, &options, 16);
    assert_int_equal(compilations(notes), 1);
    mfi_compiled_forget(); /* as another process */
    load_and_call(squares, &options, 16);
    assert_int_equal(compilations(notes), 1);
    const mayfly_load_source_options uncached = {.compiler = compiler, .uncached = true};
    load_and_call(squares, &uncached, 16);
    assert_int_equal(compilations(notes), 2);
    remove_compiler(notes, compiler);
}

static void another_text_flag_or_compiler_is_another_matter(void **state) {
    (void)state;
    need_cache();
    char *compiler, *notes = counting_compiler(&compiler);
    static const char *const flags[] = {"-DX", NULL};
    load_and_call(squares, &(mayfly_load_source_options){.compiler = compiler}, 16);
    load_and_call("int cube(int x) { return x * x * x; }\n",
                  &(mayfly_load_source_options){.compiler = compiler}, 64);
    assert_int_equal(compilations(notes), 2);
    load_and_call(squares, &(mayfly_load_source_options){.compiler = compiler, .flags = flags}, 16);
    assert_int_equal(compilations(notes), 3);
    assert_int_equal(chmod(compiler, 0700), 0); /* its time of change is another one */
    load_and_call(squares, &(mayfly_load_source_options){.compiler = compiler}, 16);
    assert_int_equal(compilations(notes), 4);
    remove_compiler(notes, compiler);
}

static void a_header_that_has_changed_is_read_again(void **state) {
    (void)state;
    need_cache();
    char *compiler, *notes = counting_compiler(&compiler);
    const char *path = mft_path("user.c"), *header = mft_path("own header.h");
    mft_write(path,
              "#include <stdio.h>\n#include \"own header.h\"\nint f(int x) { return x + OWN; }\n");
    for (int i = 1; i < 4; i++) {
        mayfly_auto(mayfly_namespace) ns = NULL;
        char text[40];
        (void)snprintf(text, sizeof text, "#define OWN %d\n", i);
        mft_write(header, text);
        mft_ok(mayfly_load_source(path, &(mayfly_load_source_options){.compiler = compiler}, &ns,
                                  &mft_error));
        assert_int_equal(call_int(ns, NULL, 0), i);
        assert_int_equal(compilations(notes), i);
    }
    (void)unlink(path);
    (void)unlink(header);
    remove_compiler(notes, compiler);
}

static void what_incbin_reads_is_read_each_time(void **state) {
    (void)state;
    char *compiler, *notes = counting_compiler(&compiler);
    char text[1000];
    const char *data = mft_path("data");
    (void)snprintf(text, sizeof text,
                   "__asm__(\".section .rodata\\ndata: .incbin \\\"%s\\\"\\n.previous\");\n"
                   "extern const char data[] __attribute__((visibility(\"hidden\")));\n"
                   "int f(int x) { return data[0]; }\n",
                   data);
    mft_write(data, "a");
    load_and_call(text, &(mayfly_load_source_options){.compiler = compiler}, 'a');
    mft_write(data, "b");
    load_and_call(text, &(mayfly_load_source_options){.compiler = compiler}, 'b');
    assert_int_equal(compilations(notes), 2);
    (void)unlink(data);
    remove_compiler(notes, compiler);
}

static void a_failure_is_tried_again(void **state) {
    (void)state;
    char *compiler, *notes = counting_compiler(&compiler);
    const mayfly_load_source_options options = {.compiler = compiler};
    mayfly_namespace *ns = NULL;
    for (int i = 0; i < 2; i++)
        mft_fails(MAYFLY_E_COMPILE,
                  mayfly_load_source_io("int f(\n", MAYFLY_ALL, &options, &ns, &mft_error));
    assert_int_equal(compilations(notes), 2);
    remove_compiler(notes, compiler);
}

static void a_cache_by_name_is_taken_and_another_users_refused(void **state) {
    (void)state;
    need_cache();
    mayfly_namespace *ns = NULL;
    const char *dir = mft_path("cache");
    const mayfly_load_source_options options = {.cache_dir = dir};
    load_and_call(squares, &options, 16);
    assert_true(mft_entries(dir) >= 2);
    mfi_compiled_forget();
    assert_int_equal(chmod(dir, 0777), 0);
    mft_fails(-EPERM, mayfly_load_source_io(squares, MAYFLY_ALL, &options, &ns, &mft_error));
    mft_remove(dir);
}

static void without_a_usual_cache_it_is_compiled_all_the_same(void **state) {
    (void)state;
    assert_int_equal(setenv("XDG_CACHE_HOME", "/proc/nowhere", 1), 0);
    load_and_call(squares, NULL, 16);
    /* One that goes away while it is open. */
    const char *home = mft_path("gone");
    assert_int_equal(mkdir(home, 0700) | setenv("XDG_CACHE_HOME", home, 1), 0);
    load_and_call(squares, NULL, 16);
    mft_remove(home);
    load_and_call("int other(int x) { return 7; }\n", NULL, 7);
    mfi_compiled_forget();
    mft_remove(home);
}

static void a_damaged_entry_is_compiled_anew(void **state) {
    (void)state;
    need_cache();
    char *compiler, *notes = counting_compiler(&compiler);
    const char *dir = mft_path("cache");
    const mayfly_load_source_options options = {.compiler = compiler, .cache_dir = dir};
    char command[1000];
    load_and_call(squares, &options, 16);
    (void)snprintf(command, sizeof command,
                   "for f in '%s'/[0-9a-f]*; do printf X | dd of=$f bs=1 seek=9000 conv=notrunc "
                   "status=none; done",
                   dir);
    assert_int_equal(system(command), 0);
    load_and_call(squares, &options, 16);
    assert_int_equal(compilations(notes), 2);
    mfi_compiled_forget();
    mft_remove(dir);
    remove_compiler(notes, compiler);
}

/* ---- many at a time -------------------------------------------------------------------------- */

enum { THREADS = 8, PROCESSES = 8, EACH = 5 };

static int load_some(const char *compiler) {
    for (int i = 0; i < EACH; i++) {
        mayfly_auto(mayfly_namespace) ns = NULL;
        const mayfly_load_source_options options = {.compiler = compiler};
        if (mayfly_load_source_io(squares, MAYFLY_ALL, &options, &ns, NULL) < 0)
            return 1;
        int_of_int *square = (int_of_int *)mayfly_namespace_function(ns, "square");
        if (square == NULL || square(i) != i * i)
            return 2;
    }
    return 0;
}

static void *thread(void *compiler) {
    return load_some(compiler) == 0 ? NULL : compiler;
}

static int threads(void *compiler) {
    pthread_t all[THREADS];
    int bad = 0;
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&all[i], NULL, thread, compiler) != 0)
            return 3;
    for (int i = 0; i < THREADS; i++) {
        void *result = NULL;
        (void)pthread_join(all[i], &result);
        bad |= result != NULL;
    }
    return bad;
}

static void threads_compile_once(void **state) {
    (void)state;
    need_cache();
    char *compiler, *notes = counting_compiler(&compiler);
    assert_int_equal(threads(compiler), 0);
    assert_int_equal(compilations(notes), 1);
    remove_compiler(notes, compiler);
}

static void processes_with_threads_compile_once(void **state) {
    (void)state;
    need_cache();
    char *compiler, *notes = counting_compiler(&compiler);
    pid_t all[PROCESSES];
    for (int i = 0; i < PROCESSES; i++) {
        all[i] = mft_start();
        if (all[i] == 0)
            _exit(i % 2 == 0 ? load_some(compiler) : threads(compiler));
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status = -1;
        assert_int_equal(waitpid(all[i], &status, 0), all[i]);
        assert_int_equal(status, 0);
    }
    assert_int_equal(compilations(notes), 1);
    remove_compiler(notes, compiler);
}

static int load_when_children_are_ignored(void *context) {
    mayfly_namespace *ns = NULL;
    const mayfly_load_source_options options = {.uncached = true};
    (void)context;
    (void)signal(SIGCHLD, SIG_IGN);
    if (mayfly_load_source_io(squares, MAYFLY_ALL, &options, &ns, NULL) < 0)
        return 1;
    (void)mayfly_namespace_close(&ns, NULL);
    return mayfly_load_source_io("int f(\n", MAYFLY_ALL, &options, &ns, NULL) == MAYFLY_E_COMPILE
               ? 0
               : 2;
}

static void a_program_that_ignores_its_children_loads(void **state) {
    (void)state;
    assert_int_equal(mft_fork(load_when_children_are_ignored, NULL), 0);
}

/* ---- every call refused ---------------------------------------------------------------------- */

static int load_path_scene(void *context, mayfly_error *error) {
    mayfly_auto(mayfly_namespace) ns = NULL;
    const mayfly_load_source_options *options = context;
    int r = mayfly_load_source(getenv("MFT_PATH"), options, &ns, error);
    if (r == 0 && call_int(ns, NULL, 5) != 25)
        r = -1;
    mfi_compiled_forget();
    return r;
}

/* Both ways, with what they made taken away from TMPDIR: only what is left by mistake counts. */
static void sweep(const mayfly_load_source_options *options, long least) {
    static const int codes[] = {-ENOMEM, -EMFILE};
    char path[64] = "/tmp/mayfly-source-XXXXXX", file[80], home[80];
    assert_non_null(mkdtemp(path));
    (void)snprintf(file, sizeof file, "%s/square.c", path);
    (void)snprintf(home, sizeof home, "%s/cache", path);
    mft_write(file, "#include <stddef.h>\n/* #NAME: x */\nint square(int x) { return x * x; }\n"
                    "/* #NAME: square */\n");
    assert_int_equal(setenv("MFT_PATH", file, 1) | setenv("XDG_CACHE_HOME", home, 1), 0);
    mft_remove(mft_path("cache-home"));
    for (size_t i = 0; i < 2; i++)
        assert_true(mft_fault_until_ok(load_path_scene, (void *)(uintptr_t)options, codes[i], 0) >
                    least);
    mft_remove(path);
}

static void each_call_refused_while_compiling(void **state) {
    (void)state;
    sweep(&(mayfly_load_source_options){.uncached = true}, 100);
}

static void each_call_refused_with_a_cache(void **state) {
    (void)state;
    need_cache();
    sweep(NULL, 50);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SOURCES(the_same_text_is_compiled_once),
        SOURCES(another_text_flag_or_compiler_is_another_matter),
        SOURCES(a_header_that_has_changed_is_read_again),
        SOURCES(what_incbin_reads_is_read_each_time),
        SOURCES(a_failure_is_tried_again),
        SOURCES(a_cache_by_name_is_taken_and_another_users_refused),
        SOURCES(without_a_usual_cache_it_is_compiled_all_the_same),
        SOURCES(a_damaged_entry_is_compiled_anew),
        SOURCES(threads_compile_once),
        SOURCES(processes_with_threads_compile_once),
        SOURCES(a_program_that_ignores_its_children_loads),
        SOURCES(each_call_refused_while_compiling),
        SOURCES(each_call_refused_with_a_cache),
    };
    return MFT_MAIN(tests);
}
