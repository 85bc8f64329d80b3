/* SPDX-License-Identifier: MIT
 *
 * The system's compiler as a witness: what a text is after the preprocessor, whether it compiles,
 * and which names it leaves undefined.
 *
 * Nothing lies in a file: the text goes in as a sealed file in memory, messages and result come out
 * into others. Nothing of it is run.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compiler.h"
#include "extract.h"
#include "load.h"

static const char operation[] = "extract source";

/* ---- running ----------------------------------------------------------------------------------
 */

struct job {
    const char *compiler;
    const struct mfi_flags *flags;
    const char *const *more; /* arguments before the flags; ends with NULL */
    const char *text;
    size_t size;
    const char *path;
};

static int find(const struct job *job, char **ret, mayfly_error *error) {
    struct stat st;
    const int r = mfi_find_program(job->compiler, ret, &st);
    if (r == -ENOENT)
        return mfi_fail(error, MAYFLY_E_NO_COMPILER, operation, job->path,
                        "there is no compiler called %s: install one, or name it in .compiler",
                        job->compiler);
    return r < 0 ? mfi_fail_memory(error, 0) : 0;
}

/* Runs the compiler; its result, which it writes to the descriptor `out`, is read by the caller. */
static int run(const struct job *job, int out, struct mfi_buffer *messages, mayfly_error *error) {
    mfi_auto_flags words = {0};
    mfi_auto_free char *program = NULL;
    int r = find(job, &program, error);
    if (r < 0)
        return r;
    mfi_auto_free char *to = mfi_format("/proc/self/fd/%d", out);
    r = to != NULL ? mfi_flags_add(&words, job->compiler) : -ENOMEM;
    for (size_t i = 0; r == 0 && job->more[i] != NULL; i++)
        r = mfi_flags_add(&words, job->more[i]);
    for (size_t i = 0; r == 0 && i < job->flags->count; i++)
        r = mfi_flags_add(&words, job->flags->items[i]);
    const char *const last[] = {"-x", "c", "-o", to, "-"};
    for (size_t i = 0; r == 0 && i < MFI_LENGTH(last); i++)
        r = mfi_flags_add(&words, last[i]);
    if (r < 0)
        return mfi_fail_memory(error, job->size);
    mfi_auto_fd input = mfi_above_standard(mfi_sys.memfd_sealed("source", job->text, job->size));
    mfi_auto_fd output = input < 0 ? input : mfi_above_standard(mfi_sys.memfd("messages"));
    if (output < 0)
        return mfi_fail_call(error, output, "memfd_create", NULL, -1);
    const struct mfi_running how = {.program = program,
                                    .arguments = words.items,
                                    .input = input,
                                    .output = output,
                                    .path = job->path,
                                    .operation = operation};
    const int status = mfi_run_compiler(&how, error);
    if (status < 0)
        return status;
    r = mfi_read_fd(output, messages);
    if (r < 0)
        return mfi_fail_call(error, r, "read", NULL, -1);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    size_t size;
    const char *line =
        mfi_first_error(messages->size > 0 ? messages->data : "nothing, but it failed", &size);
    static const char missing[] = "No such file or directory";
    const bool header = memmem(line, size, missing, sizeof missing - 1) != NULL;
    return mfi_fail(error, MAYFLY_E_COMPILE, operation, job->path, "the compiler says: %.*s%s",
                    (int)size, line,
                    header ? "; say where it is by .flags, or where the program is built, by "
                             "-DMAYFLY_SOURCE_FLAGS='\"-I...\"'"
                           : "");
}

static int run_into(const struct job *job, struct mfi_buffer *ret, mayfly_error *error) {
    mfi_auto_buffer messages = {0};
    mfi_auto_fd out = mfi_above_standard(mfi_sys.memfd("result"));
    int r = out < 0 ? out : mfi_sys.set_inherited(out, 1);
    if (r < 0)
        return mfi_fail_call(error, r, "memfd_create", NULL, -1);
    r = run(job, out, &messages, error);
    if (r < 0)
        return r;
    r = mfi_read_fd(out, ret);
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

static int note(const char *name, void *context) {
    return mfi_buffer_append(context, name, strlen(name) + 1);
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
    if (r == 0 && mfi_elf_undefined(object.data, object.size, note, undefined) < 0)
        r = mfi_fail_memory(error, object.size);
    return r;
}
