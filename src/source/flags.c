/* SPDX-License-Identifier: MIT
 *
 * Flags of compilers: which are carried, and where they are recorded.
 *
 * Flags come from places that are text (a note, debug information, a file that is loaded), so each
 * is looked up in a list of what is allowed. What loads a plugin, names a program, reads arguments
 * from a file, writes a file or reaches the linker is not in it; nor is what would break loading
 * (sanitizers), or only makes code fast.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>

#include "flags.h"
#include "read.h"

#ifdef MFI_HAVE_JSON
#include <jansson.h>
#endif

void mfi_flags_free(struct mfi_flags *flags) {
    for (size_t i = 0; i < flags->count; i++)
        free(flags->list[i]);
    free(flags->list);
    *flags = (struct mfi_flags){0};
}

static int take(struct mfi_flags *flags, char *flag) {
    char **list =
        flag != NULL ? mfi_sys.realloc(flags->list, (flags->count + 2) * sizeof *list) : NULL;
    if (list == NULL) {
        free(flag);
        return -ENOMEM;
    }
    list[flags->count++] = flag;
    list[flags->count] = NULL;
    flags->list = list;
    return 0;
}

int mfi_flags_add(struct mfi_flags *flags, const char *flag) {
    return take(flags, mfi_strdup(flag));
}

char *mfi_join(const char *dir, const char *path) {
    if (*path == '/' || dir == NULL || *dir == '\0')
        return mfi_strdup(path);
    while (path[0] == '.' && path[1] == '/')
        path += 2;
    return mfi_format("%s/%s", dir, path);
}

/* ---- the list -------------------------------------------------------------------------------- */

enum how {
    ALONE,  /* the whole word */
    BEGINS, /* the beginning of a word */
    TEXT,   /* with a text in the word or behind it */
    PATH,   /* with a path there */
};

static const struct {
    const char *flag;
    enum how how;
} allowed[] = {
    {"-isystem", PATH},
    {"-iquote", PATH},
    {"-idirafter", PATH},
    {"-include", PATH},
    {"-I", PATH},
    {"-D", TEXT},
    {"-U", TEXT},
    {"-std=", BEGINS},
    {"-ansi", ALONE},
    {"-pthread", ALONE},
    {"-trigraphs", ALONE},
    {"-fstrict-aliasing", ALONE},
    {"-fno-strict-aliasing", ALONE},
    {"-fwrapv", ALONE},
    {"-fno-wrapv", ALONE},
    {"-ftrapv", ALONE},
    {"-fno-strict-overflow", ALONE},
    {"-fsigned-char", ALONE},
    {"-funsigned-char", ALONE},
    {"-fsigned-bitfields", ALONE},
    {"-funsigned-bitfields", ALONE},
    {"-fshort-enums", ALONE},
    {"-fno-short-enums", ALONE},
    {"-fshort-wchar", ALONE},
    {"-fpack-struct", BEGINS},
    {"-fms-extensions", ALONE},
    {"-fplan9-extensions", ALONE},
    {"-fgnu89-inline", ALONE},
    {"-fcommon", ALONE},
    {"-fno-common", ALONE},
    {"-fno-delete-null-pointer-checks", ALONE},
    {"-ffast-math", ALONE},
    {"-funsafe-math-optimizations", ALONE},
    {"-ffinite-math-only", ALONE},
    {"-fno-math-errno", ALONE},
    {"-fno-signed-zeros", ALONE},
    {"-fno-trapping-math", ALONE},
    {"-frounding-math", ALONE},
    {"-fno-builtin", ALONE},
    {"-ffp-contract=", BEGINS},
    {"-fexcess-precision=", BEGINS},
};

/* -mavx2, -m32, -march=native: no text of its own behind it, and nothing that names a place. */
static bool is_machine(const char *word) {
    static const char *const not_these[] = {"-mllvm", "-mcmodel", "-mplugin", "-mrelocation-model"};
    for (size_t i = 0; i < MFI_LENGTH(not_these); i++)
        if (strncmp(word, not_these[i], strlen(not_these[i])) == 0)
            return false;
    return strncmp(word, "-m", 2) == 0 && word[2] != '\0' &&
           strspn(word + 2, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                            "=-.+") == strlen(word + 2);
}

/* A flag is written into a comment, on one line. */
static bool is_writable(const char *text) {
    return strstr(text, "*/") == NULL && strpbrk(text, "\r\n") == NULL;
}

static char *with_path(const char *flag, const char *value, const char *dir) {
    char *path = mfi_join(dir, value);
    /* -Ipath, and -isystem path as one word: compilers take both so. */
    char *all = path != NULL ? mfi_format("%s%s", flag, path) : NULL;
    free(path);
    return all;
}

/* How many words were looked at, or -ENOMEM. */
static int filter_one(struct mfi_flags *flags, const char *const *words, size_t count,
                      const char *dir) {
    for (size_t i = 0; i < MFI_LENGTH(allowed); i++) {
        const char *flag = allowed[i].flag;
        const size_t size = strlen(flag);
        if (strncmp(words[0], flag, size) != 0)
            continue;
        if (allowed[i].how == ALONE && words[0][size] != '\0')
            continue;
        if (allowed[i].how <= BEGINS)
            return !is_writable(words[0]) || mfi_flags_add(flags, words[0]) == 0 ? 1 : -ENOMEM;
        const bool behind = words[0][size] == '\0';
        const char *value = behind ? (count > 1 ? words[1] : "") : words[0] + size;
        const int used = behind && count > 1 ? 2 : 1;
        if (*value == '\0' || *value == '@' || !is_writable(value))
            return used;
        char *whole = allowed[i].how == PATH ? with_path(flag, value, dir)
                                             : mfi_format("%s%s", flag, value);
        return take(flags, whole) == 0 ? used : -ENOMEM;
    }
    if (is_machine(words[0]) && mfi_flags_add(flags, words[0]) < 0)
        return -ENOMEM;
    return 1;
}

int mfi_flags_filter(struct mfi_flags *flags, const char *const *words, size_t count,
                     const char *dir) {
    for (size_t i = 0; i < count;) {
        const int used = filter_one(flags, words + i, count - i, dir);
        if (used < 0)
            return used;
        i += (size_t)used;
    }
    return 0;
}

/* ---- text ------------------------------------------------------------------------------------ */

/* The next word of a text, as a shell would read it, into `word`. NULL: there is none. */
static const char *next_word(const char *at, struct mfi_buffer *word, int *ret) {
    char quote = '\0';
    word->size = 0;
    while (*at == ' ' || *at == '\t' || *at == '\n')
        at++;
    if (*at == '\0')
        return NULL;
    for (; *at != '\0' && (quote != '\0' || strchr(" \t\n", *at) == NULL); at++) {
        if (quote == '\0' && (*at == '\'' || *at == '"')) {
            quote = *at;
            continue;
        }
        if (*at == quote) {
            quote = '\0';
            continue;
        }
        if (*at == '\\' && quote != '\'' && at[1] != '\0')
            at++;
        *ret = mfi_buffer_append(word, at, 1);
        if (*ret < 0)
            return NULL;
    }
    if (word->size == 0)
        *ret = mfi_buffer_append(word, "", 0);
    return at;
}

int mfi_flags_parse(struct mfi_flags *flags, const char *text, const char *dir) {
    mfi_auto_flags words = {0};
    mfi_auto_buffer word = {0};
    int r = 0;
    for (const char *at = text; r == 0 && (at = next_word(at, &word, &r)) != NULL && r == 0;)
        r = mfi_flags_add(&words, word.data != NULL ? word.data : "");
    return r < 0 ? r
                 : mfi_flags_filter(flags, (const char *const *)words.list, words.count, dir);
}

char *mfi_flags_text(const struct mfi_flags *flags) {
    struct mfi_buffer text = {0};
    int r = mfi_buffer_append(&text, "", 0);
    for (size_t i = 0; i < flags->count && r == 0; i++) {
        if (i > 0)
            r = mfi_buffer_append(&text, " ", 1);
        for (const char *c = flags->list[i]; *c != '\0' && r == 0; c++) {
            if (strchr(" \t'\"\\", *c) != NULL)
                r = mfi_buffer_append(&text, "\\", 1);
            if (r == 0)
                r = mfi_buffer_append(&text, c, 1);
        }
    }
    if (r == 0 && text.data != NULL)
        return text.data;
    mfi_buffer_free(&text);
    return r == 0 ? mfi_strdup("") : NULL;
}

/* ---- compile_commands.json ------------------------------------------------------------------- */

#ifdef MFI_HAVE_JSON

static int take_entry(struct mfi_flags *flags, const json_t *entry) {
    const char *dir = json_string_value(json_object_get(entry, "directory"));
    const char *command = json_string_value(json_object_get(entry, "command"));
    const json_t *arguments = json_object_get(entry, "arguments");
    if (command != NULL)
        return mfi_flags_parse(flags, command, dir);
    mfi_auto_flags words = {0};
    int r = 0;
    for (size_t i = 0; i < json_array_size(arguments) && r == 0; i++) {
        const char *word = json_string_value(json_array_get(arguments, i));
        r = word != NULL ? mfi_flags_add(&words, word) : 0;
    }
    return r < 0 ? r
                 : mfi_flags_filter(flags, (const char *const *)words.list, words.count, dir);
}

/* Whether an entry is about a file: by its path, whatever it is relative to. */
static bool is_about(const json_t *entry, const char *source) {
    const char *dir = json_string_value(json_object_get(entry, "directory"));
    const char *file = json_string_value(json_object_get(entry, "file"));
    if (file == NULL)
        return false;
    char *whole = mfi_join(dir, file);
    const bool same = whole != NULL && mfi_same_file(whole, source);
    free(whole);
    return same;
}

static int take_commands(struct mfi_flags *flags, const char *path, const char *source) {
    struct mfi_text text;
    if (mfi_read_text(path, &text, NULL) < 0)
        return 0;
    json_t *all = json_loadb(text.data, text.size, 0, NULL);
    free(text.data);
    int r = 0;
    for (size_t i = 0; i < json_array_size(all) && r == 0; i++)
        if (is_about(json_array_get(all, i), source))
            r = take_entry(flags, json_array_get(all, i)) < 0 ? -ENOMEM : 1;
    json_decref(all);
    return r;
}

int mfi_flags_of_commands(struct mfi_flags *flags, const char *dir, const char *source) {
    static const char *const places[] = {"", "build/"};
    mfi_auto_free char *at = mfi_strdup(dir);
    int r = at != NULL ? 0 : -ENOMEM;
    while (r == 0 && *at == '/') {
        for (size_t i = 0; i < MFI_LENGTH(places) && r == 0; i++) {
            char *path = mfi_format("%s/%scompile_commands.json", at, places[i]);
            r = path != NULL ? take_commands(flags, path, source) : -ENOMEM;
            free(path);
        }
        *strrchr(at, '/') = '\0';
    }
    return r;
}

#else

int mfi_flags_of_commands(struct mfi_flags *flags, const char *dir, const char *source) {
    (void)flags, (void)dir, (void)source;
    return 0;
}

#endif
