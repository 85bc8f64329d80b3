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

static bool is_program(const char *path, struct stat *ret) {
    return mfi_sys.fstatat(AT_FDCWD, path, ret, 0) == 0 && S_ISREG(ret->st_mode) &&
           (ret->st_mode & 0111) != 0;
}

/* Where a name was found, in which PATH; as a shell remembers it. */
static struct {
    struct mfi_lock lock;
    char name[64], path[1024], found[256];
} remembered;

static bool recall(const char *name, const char *path, char **ret) {
    mfi_lock_take(&remembered.lock);
    const bool same = strcmp(remembered.name, name) == 0 && strcmp(remembered.path, path) == 0;
    *ret = same ? mfi_strdup(remembered.found) : NULL;
    mfi_lock_give(&remembered.lock);
    return *ret != NULL;
}

static void remember(const char *name, const char *path, const char *found) {
    if (strlen(name) >= sizeof remembered.name || strlen(path) >= sizeof remembered.path ||
        strlen(found) >= sizeof remembered.found || found[0] != '/')
        return;
    mfi_lock_take(&remembered.lock);
    remembered.name[0] = '\0'; /* until all of it is there: a child may be forked in between */
    (void)snprintf(remembered.path, sizeof remembered.path, "%s", path);
    (void)snprintf(remembered.found, sizeof remembered.found, "%s", found);
    (void)snprintf(remembered.name, sizeof remembered.name, "%s", name);
    mfi_lock_give(&remembered.lock);
}

/* As execvp(3) would find it, but for a privileged process where the system has its own. */
static int find_program(const char *name, char **ret_path, struct stat *ret) {
    const char *path = mfi_getenv("PATH");
    if (strchr(name, '/') != NULL) {
        *ret_path = mfi_strdup(name);
        return *ret_path == NULL ? -ENOMEM : is_program(name, ret) ? 0 : -ENOENT;
    }
    if (path == NULL)
        path = "/usr/bin:/bin";
    if (recall(name, path, ret_path) && is_program(*ret_path, ret))
        return 0;
    free(mfi_take(*ret_path));
    const char *const all = path;
    for (const char *end;; path = end + 1) {
        end = strchrnul(path, ':');
        char *found = mfi_format("%.*s%s%s", (int)(end - path), path, end > path ? "/" : "", name);
        if (found == NULL)
            return -ENOMEM;
        if (is_program(found, ret)) {
            remember(name, all, found);
            *ret_path = found;
            return 0;
        }
        free(found);
        if (*end == '\0')
            return -ENOENT;
    }
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
    mfi_auto_free char *dir =
        slash == NULL ? mfi_strdup(".")
                      : mfi_format("%.*s", slash == path ? 1 : (int)(slash - path), path);
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
        r = find_program(unit->command.items[0], &unit->program, &unit->identity);
    if (r == -ENOENT)
        return mfi_fail(error, MAYFLY_E_NO_COMPILER, operation, unit->path,
                        "there is no compiler '%s'; install one (gcc or clang), or name it in "
                        "CC or .compiler",
                        unit->command.items[0]);
    if (r == 0)
        r = make_command(unit);
    return r < 0 ? mfi_fail_memory(error, 0) : 0;
}

/* ---- its environment ------------------------------------------------------------------------- */

/* Messages in English, scratch files in the private directory. What a privileged process was given
 * does not go on to others. */
static int make_environment(const char *scratch, struct mfi_flags *ret) {
    static const char *const replaced[] = {"TMPDIR=", "LC_ALL=", "LANGUAGE="};
    mfi_auto_free char *tmpdir = mfi_format("TMPDIR=%s", scratch);
    int r = tmpdir == NULL ? -ENOMEM : mfi_flags_add(ret, tmpdir);
    if (r == 0)
        r = mfi_flags_add(ret, "LC_ALL=C");
    if (mfi_privileged())
        return r < 0 ? r : mfi_flags_add(ret, "PATH=/usr/bin:/bin");
    for (char **at = environ; r == 0 && at != NULL && *at != NULL; at++) {
        bool taken = true;
        for (size_t i = 0; i < MFI_LENGTH(replaced); i++)
            taken = taken && strncmp(*at, replaced[i], strlen(replaced[i])) != 0;
        if (taken)
            r = mfi_flags_add(ret, *at);
    }
    return r;
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

/* Above the standard streams, where the child's would be laid over it. */
static int above_standard(int fd) {
    if (fd < 0 || fd > 2)
        return fd;
    const int moved = mfi_sys.dup(fd, 3);
    (void)mfi_sys.close(fd);
    return moved;
}

static int read_file(int fd, struct mfi_buffer *ret) {
    struct stat st;
    int r = mfi_sys.fstat(fd, &st);
    if (r == 0)
        r = mfi_buffer_reserve(ret, (size_t)st.st_size);
    while (r == 0 && ret->size < (size_t)st.st_size) {
        const ssize_t n = mfi_sys.pread(fd, ret->data + ret->size, (size_t)st.st_size - ret->size,
                                        (off_t)ret->size);
        if (n <= 0)
            return n < 0 ? (int)n : -EIO;
        ret->size += (size_t)n;
    }
    if (r == 0)
        ret->data[ret->size] = '\0';
    return r;
}

/* A file of the directory, which goes; one that is not there is empty. */
static int read_named(mayfly_dir *dir, const char *name, struct mfi_buffer *ret,
                      mayfly_error *error) {
    mfi_auto_fd fd = mfi_sys.openat(mayfly_dir_fd(dir), name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW, 0);
    if (fd == -ENOENT)
        return 0;
    const int r = fd < 0 ? fd : read_file(fd, ret);
    (void)mfi_sys.unlinkat(mayfly_dir_fd(dir), name, 0); /* or else with the directory */
    return r < 0 ? mfi_fail_call(error, r, operation, mayfly_dir_path(dir), -1) : 0;
}

/* ---- running it ------------------------------------------------------------------------------ */

/* Ends with the compiler's wait status. */
static int run(const struct mfi_unit *unit, const char *scratch, const struct mfi_flags *arguments,
               int input, int output, mayfly_error *error) {
    mfi_auto_flags environment = {0};
    int status = 0;
    if (make_environment(scratch, &environment) < 0)
        return mfi_fail_memory(error, 0);
    const int pid = mfi_sys.spawn(&(struct mfi_spawn){.program = unit->program,
                                                      .arguments = arguments->items,
                                                      .environment = environment.items,
                                                      .input = input,
                                                      .output = output});
    if (pid == -ENOENT || pid == -EACCES || pid == -ENOEXEC)
        return mfi_fail(error, MAYFLY_E_NO_COMPILER, operation, unit->path,
                        "the compiler %s cannot be started (%s); install one, or name it in CC or "
                        ".compiler",
                        unit->program, strerror(-pid));
    if (pid < 0)
        return mfi_fail_call(error, pid, "spawn", unit->program, -1);
    const int r = mfi_sys.wait_status(pid, &status);
    /* Without a status it is the object that tells, which compilers remove when they fail. */
    return r < 0 && r != -ECHILD ? mfi_fail_call(error, r, "waitpid", unit->program, -1) : status;
}

/* The first line of the messages that tells of an error, or else the first one. */
static const char *first_error(const char *text, size_t *ret_size) {
    static const char *const marks[] = {": error: ", ": fatal error: ", "undefined reference",
                                        "error: "};
    for (size_t i = 0; i < MFI_LENGTH(marks); i++) {
        const char *found = strstr(text, marks[i]);
        if (found == NULL)
            continue;
        while (found > text && found[-1] != '\n')
            found--;
        *ret_size = strcspn(found, "\n");
        return found;
    }
    *ret_size = strcspn(text, "\n");
    return text;
}

static int tell_failure(const struct mfi_unit *unit, int status, const struct mfi_buffer *said,
                        mayfly_error *error) {
    size_t size = 0;
    const char *line = said->size == 0 ? "" : first_error(said->data, &size);
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
    mfi_auto_fd input = above_standard(mfi_sys.memfd_sealed("source", text.data, text.size));
    mfi_auto_fd output = input < 0 ? input : above_standard(mfi_sys.memfd("messages"));
    if (output < 0)
        return mfi_fail_call(error, output, "memfd_create", unit->path, -1);
    const int status = run(unit, mayfly_dir_path(dir), &arguments, input, output, error);
    if (status < 0)
        return status;
    r = read_file(output, &ret->diagnostics);
    if (r < 0)
        return mfi_fail_call(error, r, "read", unit->path, -1);
    r = read_named(dir, "object.so", &ret->object, error);
    if (r == 0 && (status != 0 || ret->object.size == 0))
        r = tell_failure(unit, status, &ret->diagnostics, error);
    return r;
}

/* ---- names ----------------------------------------------------------------------------------- */

struct noting {
    const struct mfi_unit *unit;
    struct mfi_buffer *names;
};

static int note_name(const struct mfi_export *found, void *context) {
    const struct noting *noting = context;
    struct mfi_definition definition;
    mfi_auto_free char *signature = NULL;
    if (strcmp(found->name, MFI_MODULE_END) == 0 || strcmp(found->name, "__dso_handle") == 0)
        return 0;
    if (found->function &&
        mfi_definition_find(noting->unit->text, noting->unit->size, found->name, &definition)) {
        signature = mfi_definition_text(&definition);
        if (signature == NULL)
            return -ENOMEM;
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
    struct noting noting = {unit, &ret->names};
    return r < 0 ? r : mfi_elf_exports(ret->object.data, ret->object.size, note_name, &noting);
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
