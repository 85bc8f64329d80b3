/* SPDX-License-Identifier: MIT
 *
 * The system's compiler as a witness: what a text is after the preprocessor, whether it compiles,
 * and which names it leaves undefined.
 *
 * Nothing lies in a file: the text goes in as a sealed file in memory, messages and result come out
 * into others. Nothing of it is run.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "extract.h"

static const char operation[] = "extract source";

/* ---- running --------------------------------------------------------------------------------- */

/* The path of a program by its name. NULL: there is none, or no memory. */
static char *find_program(const char *name) {
    if (strchr(name, '/') != NULL)
        return mfi_strdup(name);
    const char *at = mfi_getenv("PATH");
    if (at == NULL)
        at = "/usr/local/bin:/usr/bin:/bin";
    while (*at != '\0') {
        const size_t size = strcspn(at, ":");
        struct stat st;
        char *path = mfi_format("%.*s/%s", (int)size, at, name);
        if (path != NULL && size > 0 && mfi_sys.fstatat(AT_FDCWD, path, &st, 0) == 0 &&
            S_ISREG(st.st_mode) && (st.st_mode & 0111) != 0)
            return path;
        free(path);
        at += size + (at[size] == ':');
    }
    return NULL;
}

static int read_back(int fd, struct mfi_buffer *to) {
    off_t at = 0;
    for (;;) {
        char block[16384];
        const ssize_t n = mfi_sys.pread(fd, block, sizeof block, at);
        if (n <= 0)
            return (int)n;
        const int r = mfi_buffer_append(to, block, (size_t)n);
        if (r < 0)
            return r;
        at += n;
    }
}

/* The first error among a compiler's messages. */
static int refuse(const char *messages, const char *path, mayfly_error *error) {
    const char *found = strstr(messages, "error: ");
    while (found != NULL && found > messages && found[-1] != '\n')
        found--;
    const char *line = found != NULL ? found : messages;
    return mfi_fail(error, MAYFLY_E_COMPILE, operation, path, "the compiler says: %.*s",
                    (int)strcspn(line, "\n"), line);
}

struct job {
    const char *compiler;
    const struct mfi_flags *flags;
    const char *const *more; /* arguments before the flags; ends with NULL */
    const char *text;
    size_t size;
    const char *path;
};

/* Runs the compiler; its result, which it writes to the descriptor `out`, is read by the caller. */
static int run(const struct job *job, int out, struct mfi_buffer *messages, mayfly_error *error) {
    mfi_auto_flags words = {0};
    mfi_auto_free char *program = find_program(job->compiler);
    if (program == NULL)
        return mfi_fail(error, MAYFLY_E_NO_COMPILER, operation, job->path,
                        "there is no compiler called %s: install one, or name it in .compiler",
                        job->compiler);
    mfi_auto_free char *to = mfi_format("/proc/self/fd/%d", out);
    int r = to != NULL ? mfi_flags_add(&words, job->compiler) : -ENOMEM;
    for (size_t i = 0; r == 0 && job->more[i] != NULL; i++)
        r = mfi_flags_add(&words, job->more[i]);
    for (size_t i = 0; r == 0 && i < job->flags->count; i++)
        r = mfi_flags_add(&words, job->flags->items[i]);
    const char *const last[] = {"-w", "-x", "c", "-o", to, "-"};
    for (size_t i = 0; r == 0 && i < MFI_LENGTH(last); i++)
        r = mfi_flags_add(&words, last[i]);
    if (r < 0)
        return mfi_fail_memory(error, job->size);
    mfi_auto_fd input = mfi_sys.memfd_sealed("source", job->text, job->size);
    mfi_auto_fd output = input < 0 ? input : mfi_sys.memfd("messages");
    if (output < 0)
        return mfi_fail_call(error, output, "memfd_create", NULL, -1);
    int status = 0;
    const struct mfi_spawn how = {.program = program,
                                  .arguments = words.items,
                                  .environment = environ,
                                  .input = input,
                                  .output = output};
    const int pid = mfi_sys.spawn(&how);
    if (pid < 0)
        return mfi_fail(error, MAYFLY_E_NO_COMPILER, operation, job->path,
                        "the compiler %s cannot be started: %s", program, strerror(-pid));
    r = mfi_sys.wait_status(pid, &status);
    if (r < 0)
        return mfi_fail_call(error, r, "waitpid", NULL, -1);
    r = read_back(output, messages);
    if (r < 0)
        return mfi_fail_call(error, r, "read", NULL, -1);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return refuse(messages->data != NULL ? messages->data : "nothing, but it failed", job->path,
                      error);
    return 0;
}

static int run_into(const struct job *job, struct mfi_buffer *ret, mayfly_error *error) {
    mfi_auto_buffer messages = {0};
    mfi_auto_fd out = mfi_sys.memfd("result");
    int r = out < 0 ? out : mfi_sys.set_inherited(out, 1);
    if (r < 0)
        return mfi_fail_call(error, r, "memfd_create", NULL, -1);
    r = run(job, out, &messages, error);
    if (r < 0)
        return r;
    r = read_back(out, ret);
    return r < 0 ? mfi_fail_call(error, r, "read", NULL, -1) : 0;
}

int mfi_preprocess(const char *compiler, const struct mfi_origin *origin, struct mfi_buffer *ret,
                   mayfly_error *error) {
    const char *slash = strrchr(origin->path, '/');
    mfi_auto_free char *dir = slash != NULL
                                  ? mfi_format("%.*s", (int)(slash - origin->path), origin->path)
                                  : mfi_strdup(".");
    const char *const more[] = {"-E", "-iquote", dir, NULL};
    struct mfi_buffer text = {0};
    mfi_auto_free char *head = mfi_format("#line 1 \"%s\"\n", origin->path);
    int r = head == NULL || dir == NULL ? -ENOMEM : mfi_buffer_append(&text, head, strlen(head));
    if (r == 0)
        r = mfi_buffer_append(&text, origin->text, origin->size);
    if (r < 0) {
        mfi_buffer_free(&text);
        return mfi_fail_memory(error, origin->size);
    }
    const struct job job = {.compiler = compiler,
                            .flags = &origin->flags,
                            .more = more,
                            .text = text.data,
                            .size = text.size,
                            .path = origin->path};
    r = run_into(&job, ret, error);
    mfi_buffer_free(&text);
    return r;
}

/* ---- what an object lacks -------------------------------------------------------------------- */

static bool inside(size_t at, size_t size, size_t whole) {
    return at <= whole && size <= whole - at;
}

/* The names of one table of symbols that are used and not defined. */
static int undefined_in(const struct mfi_buffer *object, const ElfW(Shdr) * symbols,
                        const ElfW(Shdr) * strings, struct mfi_buffer *to) {
    if (!inside(symbols->sh_offset, symbols->sh_size, object->size) ||
        !inside(strings->sh_offset, strings->sh_size, object->size))
        return 0;
    for (size_t at = 0; at + sizeof(ElfW(Sym)) <= symbols->sh_size; at += sizeof(ElfW(Sym))) {
        ElfW(Sym) symbol;
        memcpy(&symbol, object->data + symbols->sh_offset + at, sizeof symbol);
        if (symbol.st_shndx != SHN_UNDEF || symbol.st_name == 0 ||
            symbol.st_name >= strings->sh_size)
            continue;
        const char *name = object->data + strings->sh_offset + symbol.st_name;
        const size_t room = strings->sh_size - symbol.st_name;
        const char *nul = memchr(name, '\0', room);
        if (nul == NULL || strcmp(name, "_GLOBAL_OFFSET_TABLE_") == 0)
            continue;
        const int r = mfi_buffer_append(to, name, (size_t)(nul - name) + 1);
        if (r < 0)
            return r;
    }
    return 0;
}

static int undefined_of(const struct mfi_buffer *object, struct mfi_buffer *to) {
    ElfW(Ehdr) head;
    int r = 0;
    if (object->size < sizeof head)
        return 0;
    memcpy(&head, object->data, sizeof head);
    if (memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_shentsize != sizeof(ElfW(Shdr)) ||
        !inside(head.e_shoff, (size_t)head.e_shnum * sizeof(ElfW(Shdr)), object->size))
        return 0;
    for (size_t i = 0; i < head.e_shnum && r == 0; i++) {
        ElfW(Shdr) symbols, strings;
        memcpy(&symbols, object->data + head.e_shoff + i * sizeof symbols, sizeof symbols);
        if (symbols.sh_type != SHT_SYMTAB || symbols.sh_link >= head.e_shnum)
            continue;
        memcpy(&strings, object->data + head.e_shoff + symbols.sh_link * sizeof strings,
               sizeof strings);
        r = undefined_in(object, &symbols, &strings, to);
    }
    return r;
}

int mfi_check(const char *compiler, const struct mfi_flags *flags, const char *text, size_t size,
              struct mfi_buffer *undefined, mayfly_error *error) {
    /* As loading does it: what -O1 leaves out is not missed. */
    static const char *const more[] = {
        "-c", "-O1", "-fPIC", "-fno-inline", "-Werror=implicit-function-declaration", NULL};
    mfi_auto_buffer object = {0};
    const struct job job = {.compiler = compiler,
                            .flags = flags,
                            .more = more,
                            .text = text,
                            .size = size,
                            .path = NULL};
    int r = run_into(&job, &object, error);
    if (r == 0 && undefined_of(&object, undefined) < 0)
        r = mfi_fail_memory(error, object.size);
    return r;
}
