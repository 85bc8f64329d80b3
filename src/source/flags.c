/* SPDX-License-Identifier: MIT
 *
 * Flags of compilers where they are recorded: in a text, or in a compile_commands.json.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>

#include "flags.h"
#include "read.h"

#ifdef MFI_HAVE_JSON
#include <jansson.h>
#endif

char *mfi_path_below(const char *dir, const char *path) {
    if (*path == '/' || dir == NULL || *dir == '\0')
        return mfi_strdup(path);
    while (path[0] == '.' && path[1] == '/')
        path += 2;
    return mfi_format("%s/%s", dir, path);
}

/* ---- the harmless ones ------------------------------------------------------------------------
 */

/* Those with a path behind them. -I is one, too, and glued to it. */
static const char *const with_path[] = {"-isystem", "-iquote", "-idirafter", "-include",
                                        "-imacros"};

/* A flag is written into a comment, on one line; the preprocessor's own start with '@'. */
static bool is_fine(const char *value) {
    return *value != '\0' && *value != '@' && strpbrk(value, "\r\n") == NULL;
}

static int add_path(struct mfi_flags *flags, const char *flag, const char *value, const char *dir) {
    mfi_auto_free char *path = mfi_path_below(dir, value);
    if (path != NULL && !is_fine(path)) /* the directory may begin with '@' */
        return 0;
    const int r = path != NULL ? mfi_flags_add(flags, flag) : -ENOMEM;
    return r < 0 ? r : mfi_flags_add(flags, path);
}

static int add_glued(struct mfi_flags *flags, const char *flag, const char *value,
                     const char *dir) {
    mfi_auto_free char *path =
        strcmp(flag, "-I") == 0 ? mfi_path_below(dir, value) : mfi_strdup(value);
    mfi_auto_free char *whole = path != NULL ? mfi_format("%s%s", flag, path) : NULL;
    return whole != NULL ? mfi_flags_add(flags, whole) : -ENOMEM;
}

/* How many words were looked at, or -ENOMEM. */
static int filter_one(struct mfi_flags *flags, const char *const *words, size_t count,
                      const char *dir) {
    static const char *const glued[] = {"-I", "-D", "-U"};
    for (size_t i = 0; i < MFI_LENGTH(with_path); i++) {
        const size_t size = strlen(with_path[i]);
        if (strncmp(words[0], with_path[i], size) != 0)
            continue;
        const bool behind = words[0][size] == '\0';
        const char *value = behind ? (count > 1 ? words[1] : "") : words[0] + size;
        const int r = is_fine(value) ? add_path(flags, with_path[i], value, dir) : 0;
        return r < 0 ? r : 1 + (behind && count > 1);
    }
    for (size_t i = 0; i < MFI_LENGTH(glued); i++) {
        if (strncmp(words[0], glued[i], 2) != 0)
            continue;
        const bool behind = words[0][2] == '\0';
        const char *value = behind ? (count > 1 ? words[1] : "") : words[0] + 2;
        const int r = is_fine(value) ? add_glued(flags, glued[i], value, dir) : 0;
        return r < 0 ? r : 1 + (behind && count > 1);
    }
    const bool wanted = mfi_flags_allowed(words[0]) == 1 && is_fine(words[0]) &&
                        strncmp(words[0], "-O", 2) != 0 && strcmp(words[0], "-w") != 0 &&
                        strncmp(words[0], "-mcmodel", 8) != 0;
    return wanted && mfi_flags_add(flags, words[0]) < 0 ? -ENOMEM : 1;
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
    return r < 0 ? r : mfi_flags_filter(flags, (const char *const *)words.items, words.count, dir);
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
    return r < 0 ? r : mfi_flags_filter(flags, (const char *const *)words.items, words.count, dir);
}

/* Whether an entry is about a file: by its path, whatever it is relative to. */
static bool is_about(const json_t *entry, const char *source) {
    const char *dir = json_string_value(json_object_get(entry, "directory"));
    const char *file = json_string_value(json_object_get(entry, "file"));
    if (file == NULL)
        return false;
    char *whole = mfi_path_below(dir, file);
    const bool same = whole != NULL && mfi_same_file(whole, source);
    free(whole);
    return same;
}

/* Where the object ends that begins at `at`; NULL: it does not. */
static const char *object_end(const char *at, const char *end) {
    size_t depth = 0;
    for (; at < end; at++) {
        if (*at == '"')
            for (at++; at < end && *at != '"'; at++)
                at += *at == '\\';
        else if (*at == '{')
            depth++;
        else if (*at == '}' && --depth == 0)
            return at + 1;
    }
    return NULL;
}

/* Whether JSON may write a name in one way only. */
static bool is_simple(const char *name) {
    for (; *name != '\0'; name++)
        if (*name < ' ' || *name > '~' || *name == '"' || *name == '\\' || *name == '/')
            return false;
    return true;
}

/* Such lists have thousands of entries: only those in which the file's name stands are read. */
static int take_from(struct mfi_flags *flags, const char *text, size_t size, const char *source) {
    const char *slash = strrchr(source, '/'), *const end = text + size;
    const char *name = slash != NULL ? slash + 1 : source;
    const bool all = !is_simple(name);
    if (!all && memmem(text, size, name, strlen(name)) == NULL)
        return 0;
    int r = 0;
    for (const char *at = text, *stop; r == 0; at = stop) {
        at = memchr(at, '{', (size_t)(end - at));
        stop = at != NULL ? object_end(at, end) : NULL;
        if (stop == NULL)
            return 0;
        if (!all && memmem(at, (size_t)(stop - at), name, strlen(name)) == NULL)
            continue;
        json_t *entry = json_loadb(at, (size_t)(stop - at), 0, NULL);
        if (is_about(entry, source))
            r = take_entry(flags, entry) < 0 ? -ENOMEM : 1;
        json_decref(entry);
    }
    return r;
}

static int take_commands(struct mfi_flags *flags, const char *path, const char *source) {
    struct mfi_text text;
    if (mfi_read_text(path, &text, NULL) < 0)
        return 0;
    const int r = take_from(flags, text.data, text.size, source);
    free(text.data);
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
