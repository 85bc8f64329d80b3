/* SPDX-License-Identifier: MIT
 *
 * A text through the system's compiler.
 *
 * The compiler is started with a list of arguments, never by a shell. It reads the text from a
 * sealed file in memory and writes its messages into another; only the object and the list of
 * headers go to a private temporary directory, because a linker wants to seek and to rename.
 *
 * Names     -fvisibility=protected and -Bsymbolic: what is defined in the text binds to itself, and
 *           not to what the program exports; and its functions can be looked up all the same.
 * Start     -nostartfiles: there is nothing in the object but the text, so that any constructor is
 *           the text's. What those files would bring, the object's own mark for atexit(3), stands
 *           before the text.
 * Small     -z noseparate-code: two segments instead of four, which is what loading costs.
 *           -pipe is left out: it takes a sixth more processor time.
 * Rejected  -fvisibility=hidden for what has no table: its functions could not be found; a list of
 *           them from the symbol table would have static ones among them, whose parameters a
 *           compiler may leave out.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mayfly/dir.h>

#include "compiler.h"
#include "extract.h"
#include "load.h"

static const char operation[] = "compile";

static const char prologue[] = "void *__dso_handle = &__dso_handle;"
                               "extern void *const " MFI_MODULE_END ";"
                               "void *const " MFI_MODULE_END " = &__dso_handle;\n";

void mfi_compiled_free(struct mfi_compiled *compiled) {
    mfi_buffer_free(&compiled->object);
    mfi_buffer_free(&compiled->diagnostics);
    mfi_buffer_free(&compiled->headers);
    mfi_buffer_free(&compiled->names);
    mfi_buffer_free(&compiled->runs);
}

/* ---- which compiler -------------------------------------------------------------------------- */

/* What the environment says may have arguments of its own: "ccache gcc". */
static int split_words(struct mfi_flags *to, const char *text) {
    int r = 0;
    while (r == 0 && *(text += strspn(text, " \t")) != '\0') {
        const size_t size = strcspn(text, " \t");
        mfi_auto_free char *word = mfi_format("%.*s", (int)size, text);
        r = word == NULL ? -ENOMEM : mfi_flags_add(to, word);
        text += size;
    }
    return r;
}

static int add_all(struct mfi_flags *to, const char *const *flags) {
    int r = 0;
    for (size_t i = 0; r == 0 && flags != NULL && flags[i] != NULL; i++)
        r = mfi_flags_add(to, flags[i]);
    return r;
}

/* "#include "x.h"" is looked for where the file lies. */
static int add_directory(struct mfi_flags *to, const char *path) {
    const char *slash = path == NULL ? NULL : strrchr(path, '/');
    if (path == NULL)
        return 0;
    /* "@dir" would be the name of a file with arguments. */
    mfi_auto_free char *dir = slash == NULL
                                  ? mfi_strdup(".")
                                  : mfi_format("%s%.*s", path[0] == '@' ? "./" : "",
                                               slash == path ? 1 : (int)(slash - path), path);
    const int r = mfi_flags_add(to, "-iquote");
    return r < 0 ? r : dir == NULL ? -ENOMEM : mfi_flags_add(to, dir);
}

static int add_libraries(struct mfi_flags *to, const char *const *libraries) {
    int r = 0;
    for (size_t i = 0; r == 0 && libraries != NULL && libraries[i] != NULL; i++) {
        mfi_auto_free char *flag = mfi_format("-l%s", libraries[i]);
        r = flag == NULL ? -ENOMEM : mfi_flags_add(to, flag);
    }
    return r;
}

/* The whole command but for the names of files. */
static int make_command(struct mfi_unit *unit) {
    static const char *const first[] = {"-O1",
                                        "-fPIC",
                                        "-shared",
                                        "-fvisibility=protected",
                                        "-nostartfiles",
                                        "-Wl,-Bsymbolic",
                                        "-Wl,--as-needed",
                                        "-Wl,-z,noseparate-code",
                                        "-Wl,--build-id=none",
                                        "-Werror=implicit-function-declaration",
                                        NULL};
    static const char *const last[] = {"-x", "c", "-", "-x", "none", NULL};
    int r = add_all(&unit->command, first);
    if (r == 0 && unit->flags->count > 0)
        r = add_all(&unit->command, (const char *const *)unit->flags->items);
    if (r == 0)
        r = add_directory(&unit->command, unit->path);
    if (r == 0)
        r = add_all(&unit->command, unit->options->flags);
    if (r == 0)
        r = add_all(&unit->command, last);
    if (r == 0)
        r = add_libraries(&unit->command, unit->options->libraries);
    return r < 0 || !unit->math ? r : mfi_flags_add(&unit->command, "-lm");
}

void mfi_unit_free(struct mfi_unit *unit) {
    mfi_flags_free(&unit->command);
    free(unit->program);
    unit->program = NULL;
}

int mfi_compiler(struct mfi_unit *unit, mayfly_error *error) {
    mfi_unit_free(unit);
    const char *given = unit->options->compiler, *cc = mfi_getenv("CC");
    int r = given != NULL && given[0] != '\0' ? mfi_flags_add(&unit->command, given)
                                              : split_words(&unit->command, cc == NULL ? "cc" : cc);
    if (r == 0 && unit->command.count == 0)
        r = mfi_flags_add(&unit->command, "cc");
    if (r == 0)
        r = mfi_find_program(unit->command.items[0], &unit->program, &unit->identity);
    if (r == -ENOENT)
        return mfi_fail(error, MAYFLY_E_NO_COMPILER, operation, unit->path,
                        "there is no compiler '%s'; install one (gcc or clang), or name it in "
                        "CC or .compiler",
                        unit->command.items[0]);
    if (r == 0)
        r = make_command(unit);
    return r < 0 ? mfi_fail_memory(error, 0) : 0;
}

/* ---- the text -------------------------------------------------------------------------------- */

/* "#line 1 "path"", so that messages name the file. */
static int append_line(struct mfi_buffer *to, const char *path) {
    int r = mfi_buffer_append(to, "#line 1 \"", 9);
    for (const char *at = path; r == 0 && *at != '\0'; at++) {
        if (*at == '"' || *at == '\\')
            r = mfi_buffer_append(to, "\\", 1);
        if (r == 0)
            r = mfi_buffer_append(to, *at == '\n' ? "?" : at, 1);
    }
    return r < 0 ? r : mfi_buffer_append(to, "\"\n", 2);
}

static int make_text(const struct mfi_unit *unit, struct mfi_buffer *ret) {
    int r = mfi_buffer_reserve(ret, unit->size + sizeof prologue + 1024);
    if (r == 0)
        r = mfi_buffer_append(ret, prologue, sizeof prologue - 1);
    if (r == 0)
        r = append_line(ret, unit->path == NULL ? "<source>" : unit->path);
    if (r == 0)
        r = mfi_buffer_append(ret, unit->text, unit->size);
    if (r == 0 && unit->more != NULL)
        r = mfi_buffer_append(ret, "\n#line 1 \"<call>\"\n", 18);
    return r < 0 || unit->more == NULL ? r : mfi_buffer_append(ret, unit->more, strlen(unit->more));
}

/* A file of the directory, which goes; one that is not there is empty. */
static int read_named(mayfly_dir *dir, const char *name, struct mfi_buffer *ret,
                      mayfly_error *error) {
    mfi_auto_fd fd = mfi_sys.openat(mayfly_dir_fd(dir), name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW, 0);
    if (fd == -ENOENT)
        return 0;
    const int r = fd < 0 ? fd : mfi_read_fd(fd, ret);
    (void)mfi_sys.unlinkat(mayfly_dir_fd(dir), name, 0); /* or else with the directory */
    return r < 0 ? mfi_fail_call(error, r, operation, mayfly_dir_path(dir), -1) : 0;
}

/* ---- running it ------------------------------------------------------------------------------ */

static int tell_failure(const struct mfi_unit *unit, int status, const struct mfi_buffer *said,
                        mayfly_error *error) {
    size_t size = 0;
    const char *line = said->size == 0 ? "" : mfi_first_error(said->data, &size);
    if (WIFSIGNALED(status))
        return mfi_fail(error, MAYFLY_E_COMPILE, operation, unit->path,
                        "the compiler %s was ended by signal %d", unit->program, WTERMSIG(status));
    if (size == 0)
        return mfi_fail(error, MAYFLY_E_COMPILE, operation, unit->path,
                        "the compiler %s fails with status %d and says nothing", unit->program,
                        WEXITSTATUS(status));
    return mfi_fail(error, MAYFLY_E_COMPILE, operation, unit->path, "%.*s",
                    size > 1200 ? 1200 : (int)size, line);
}

/* With the names of the files that go in and out. */
static int make_arguments(const struct mfi_unit *unit, mayfly_dir *dir, struct mfi_flags *ret) {
    mfi_auto_free char *object = mfi_format("%s/object.so", mayfly_dir_path(dir));
    mfi_auto_free char *headers = mfi_format("%s/headers", mayfly_dir_path(dir));
    if (object == NULL || headers == NULL)
        return -ENOMEM;
    const char *const files[] = {"-o", object, "-MD", "-MF", headers, "-MT", "object", NULL};
    int r = add_all(ret, (const char *const *)unit->command.items);
    return r < 0 ? r : add_all(ret, files);
}

static int run_in(const struct mfi_unit *unit, mayfly_dir *dir, struct mfi_compiled *ret,
                  mayfly_error *error) {
    mfi_auto_flags arguments = {0};
    mfi_auto_buffer text = {0};
    int r = make_text(unit, &text);
    if (r == 0)
        r = make_arguments(unit, dir, &arguments);
    if (r < 0)
        return mfi_fail_memory(error, unit->size);
    mfi_auto_fd input = mfi_above_standard(mfi_sys.memfd_sealed("source", text.data, text.size));
    mfi_auto_fd output = input < 0 ? input : mfi_above_standard(mfi_sys.memfd("messages"));
    if (output < 0)
        return mfi_fail_call(error, output, "memfd_create", unit->path, -1);
    const struct mfi_running running = {.program = unit->program,
                                        .arguments = arguments.items,
                                        .scratch = mayfly_dir_path(dir),
                                        .input = input,
                                        .output = output,
                                        .path = unit->path,
                                        .operation = operation};
    const int status = mfi_run_compiler(&running, error);
    if (status < 0)
        return status;
    r = mfi_read_fd(output, &ret->diagnostics);
    if (r < 0)
        return mfi_fail_call(error, r, "read", unit->path, -1);
    r = read_named(dir, "object.so", &ret->object, error);
    if (r == 0 && (status != 0 || ret->object.size == 0))
        r = tell_failure(unit, status, &ret->diagnostics, error);
    return r;
}

/* ---- names ----------------------------------------------------------------------------------- */

struct noting {
    struct mfi_graph graph; /* of the text, for how its functions are declared */
    struct mfi_buffer *names;
};

static int note_name(const struct mfi_export *found, void *context) {
    const struct noting *noting = context;
    mfi_auto_free char *signature = NULL;
    uint32_t name;
    if (strcmp(found->name, MFI_MODULE_END) == 0 || strcmp(found->name, "__dso_handle") == 0)
        return 0;
    if (found->function) {
        const uint32_t piece = mfi_find_function(&noting->graph, found->name, 0, &name);
        if (piece != MFI_NONE && noting->graph.pieces[piece].function)
            signature = mfi_signature(&noting->graph, piece, name, NULL);
    }
    const char *declared = signature == NULL ? "" : signature;
    int r = mfi_buffer_append(noting->names, found->function ? "f" : "v", 1);
    if (r == 0)
        r = mfi_buffer_append(noting->names, found->name, strlen(found->name) + 1);
    return r < 0 ? r : mfi_buffer_append(noting->names, declared, strlen(declared) + 1);
}

static int note_object(const struct mfi_unit *unit, struct mfi_compiled *ret) {
    const char *runs = mfi_elf_runs(ret->object.data, ret->object.size);
    int r = 0;
    if (runs != NULL)
        r = mfi_buffer_append(&ret->runs, runs[0] == '\0' ? "it cannot be told what" : runs,
                              strlen(runs[0] == '\0' ? "it cannot be told what" : runs));
    struct noting noting = {.names = &ret->names};
    uint32_t file;
    if (r == 0)
        r = mfi_graph_init(&noting.graph);
    if (r < 0)
        return r;
    r = mfi_graph_add(&noting.graph, "text", unit->text, unit->size, NULL, 0, &file);
    if (r == 0) {
        mfi_graph_declare(&noting.graph);
        r = mfi_elf_exports(ret->object.data, ret->object.size, note_name, &noting);
    }
    mfi_graph_free(&noting.graph);
    return r;
}

int mfi_compile(const struct mfi_unit *unit, struct mfi_compiled *ret, mayfly_error *error) {
    mayfly_auto(mayfly_dir) dir = NULL;
    mfi_auto_buffer rule = {0};
    const int64_t begun = mfi_sys.realtime();
    int r = mayfly_temporary_directory(&(mayfly_dir_options){.prefix = "source_"}, &dir, error);
    if (r < 0)
        return r;
    r = run_in(unit, dir, ret, error);
    if (r == 0)
        r = read_named(dir, "headers", &rule, error);
    if (r < 0)
        return r;
    r = mfi_headers_note(unit, rule.size == 0 ? "" : rule.data, begun, ret, error);
    if (r < 0)
        return r;
    if (note_object(unit, ret) < 0)
        return mfi_fail_memory(error, 0);
    return mayfly_dir_close(&dir, error);
}
