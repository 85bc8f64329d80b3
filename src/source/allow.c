/* SPDX-License-Identifier: MIT
 *
 * Which of a compiler's flags may stand in a source file, and how they stand there.
 *
 * A flag in a file is somebody's text. What may stand there says what the source means: macros,
 * where headers are, the language, the layout of types. What names programs, plug-ins, files to
 * write, or goes to the assembler or linker may not, and neither may what is not known.
 */
#define _GNU_SOURCE
#include "allow.h"

#include <stdlib.h>

/* Whole flags; one that ends in '*' stands for all that begin so. */
static const char *const alone[] = {
    "-std=*",
    "-ansi",
    "-trigraphs",
    "-pthread",
    "-w",
    "-fms-extensions",
    "-fplan9-extensions",
    "-fgnu89-inline",
    "-fshort-enums",
    "-fno-short-enums",
    "-fshort-wchar",
    "-fpack-struct",
    "-fpack-struct=*",
    "-fsigned-char",
    "-funsigned-char",
    "-fno-signed-char",
    "-fno-unsigned-char",
    "-fsigned-bitfields",
    "-funsigned-bitfields",
    "-fwrapv",
    "-fno-wrapv",
    "-ftrapv",
    "-fstrict-aliasing",
    "-fno-strict-aliasing",
    "-fstrict-overflow",
    "-fno-strict-overflow",
    "-fdelete-null-pointer-checks",
    "-fno-delete-null-pointer-checks",
    "-fno-builtin",
    "-fno-builtin-*",
    "-fno-common",
    "-fcommon",
    "-fmath-errno",
    "-fno-math-errno",
    "-ftrapping-math",
    "-fno-trapping-math",
    "-frounding-math",
    "-fno-rounding-math",
    "-ffast-math",
    "-fno-fast-math",
    "-ffp-contract=*",
    "-fexcess-precision=*",
    "-fsingle-precision-constant",
    "-fexec-charset=*",
    "-finput-charset=*",
    "-O",
    "-O0",
    "-O1",
    "-O2",
    "-O3",
    "-Os",
    "-Og",
    "-Ofast",
};

/* With an argument that is glued to it or follows. */
static const char *const with_argument[] = {"-D",         "-U",      "-I",       "-isystem",
                                            "-idirafter", "-iquote", "-include", "-imacros"};

static bool matches(const char *pattern, const char *flag) {
    const size_t size = strlen(pattern);
    return pattern[size - 1] == '*' ? strncmp(pattern, flag, size - 1) == 0
                                    : strcmp(pattern, flag) == 0;
}

/* Of the machine: -march=native, -msse4.2, -m32, but nothing that is a path, nor what clang passes
 * on to the parts of it. */
static bool is_machine(const char *flag) {
    return strncmp(flag, "-m", 2) == 0 && strncmp(flag, "-mllvm", 6) != 0 &&
           strspn(flag + 2, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                            "=.+_-") == strlen(flag + 2);
}

int mfi_flags_allowed(const char *flag) {
    for (size_t i = 0; i < MFI_LENGTH(with_argument); i++) {
        const size_t size = strlen(with_argument[i]);
        if (strcmp(with_argument[i], flag) == 0)
            return 2;
        if (strncmp(with_argument[i], flag, size) == 0 && size == 2)
            return 1;
    }
    for (size_t i = 0; i < MFI_LENGTH(alone); i++)
        if (matches(alone[i], flag))
            return 1;
    return is_machine(flag) ? 1 : 0;
}

/* ---- lists ----------------------------------------------------------------------------------- */

static int add(struct mfi_flags *flags, char *flag) {
    if (flag == NULL)
        return -ENOMEM;
    if (flags->count + 2 > flags->capacity) {
        const size_t capacity = flags->capacity == 0 ? 16 : 2 * flags->capacity;
        char **grown = mfi_sys.realloc(flags->items, capacity * sizeof *grown);
        if (grown == NULL) {
            free(flag);
            return -ENOMEM;
        }
        flags->items = grown;
        flags->capacity = capacity;
    }
    flags->items[flags->count++] = flag;
    flags->items[flags->count] = NULL;
    return 0;
}

int mfi_flags_add(struct mfi_flags *flags, const char *flag) {
    return add(flags, mfi_strdup(flag));
}

void mfi_flags_free(struct mfi_flags *flags) {
    for (size_t i = 0; i < flags->count; i++)
        free(flags->items[i]);
    free(flags->items);
    *flags = (struct mfi_flags){0};
}

/* ---- as text --------------------------------------------------------------------------------- */

/* Blanks and backslashes are not to part or vanish, a slash behind a star not to end the comment,
 * and a line is a line. */
int mfi_flags_write(struct mfi_buffer *to, const char *const *flags) {
    int r = 0;
    for (size_t i = 0; r == 0 && flags != NULL && flags[i] != NULL; i++) {
        if (i > 0)
            r = mfi_buffer_append(to, " ", 1);
        for (const char *at = flags[i]; r == 0 && *at != '\0'; at++) {
            if (*at == '\n')
                r = mfi_buffer_append(to, "\\n", 2);
            else if (*at == ' ' || *at == '\\' || *at == '\t' ||
                     (*at == '/' && at > flags[i] && at[-1] == '*'))
                r = mfi_buffer_append(to, (char[]){'\\', *at}, 2);
            else
                r = mfi_buffer_append(to, at, 1);
        }
    }
    return r;
}

/* One flag from *at on, which is then behind it. */
static char *read_one(const char *text, size_t size, size_t *at) {
    char *flag = mfi_sys.malloc(size - *at + 1);
    size_t length = 0;
    while (flag != NULL && *at < size && strchr(" \t\r\n", text[*at]) == NULL) {
        if (text[*at] == '\\' && *at + 1 < size) {
            ++*at;
            flag[length++] = text[*at] == 'n' ? '\n' : text[*at];
        } else {
            flag[length++] = text[*at];
        }
        ++*at;
    }
    if (flag != NULL)
        flag[length] = '\0';
    return flag;
}

int mfi_flags_read(const char *text, size_t size, const char *path, struct mfi_flags *ret,
                   mayfly_error *error) {
    int owed = 0;
    for (size_t at = 0; at < size;) {
        if (strchr(" \t\r\n", text[at]) != NULL) {
            at++;
            continue;
        }
        if (add(ret, read_one(text, size, &at)) < 0)
            return mfi_fail_memory(error, size);
        const char *flag = ret->items[ret->count - 1];
        /* Compilers put in the place of "@file" what that file has, wherever it stands. */
        const int arguments = flag[0] == '@' ? 0 : owed > 0 ? owed : mfi_flags_allowed(flag);
        if (arguments == 0)
            return mfi_fail(error, MAYFLY_E_POLICY, "load source", path,
                            "its flag %s may not stand in a file; give it as an option of loading "
                            "if it is meant",
                            flag);
        owed = arguments - 1;
    }
    return owed == 0 ? 0
                     : mfi_fail(error, MAYFLY_E_SYNTAX, "load source", path,
                                "its last flag, %s, lacks an argument", ret->items[ret->count - 1]);
}
