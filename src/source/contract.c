/* SPDX-License-Identifier: MIT
 *
 * What the comments of a source file say to who loads it: #FLAGS and #NEEDS at its head, #NAME on
 * its last line. Each stands on a line of its own, from its first character on.
 */
#define _GNU_SOURCE
#include "load.h"

#include <ctype.h>
#include <stdlib.h>

void mfi_contract_free(struct mfi_contract *contract) {
    free(contract->name);
    free(contract->needs);
    mfi_flags_free(&contract->flags);
    *contract = (struct mfi_contract){0};
}

bool mfi_is_name(const char *name, size_t size) {
    if (size == 0 || size > 255 || isdigit((unsigned char)name[0]))
        return false;
    for (size_t i = 0; i < size; i++)
        if (!isalnum((unsigned char)name[i]) && name[i] != '_')
            return false;
    return true;
}

/* What stands in the line at `line` between "/" "* #KEY: " and the end of the comment; blanks
 * around it do not count. NULL: it is no such line. */
static const char *inside(const char *line, const char *end, const char *key, size_t *ret_size) {
    const size_t size = strlen(key);
    if ((size_t)(end - line) < size || memcmp(line, key, size) != 0)
        return NULL;
    const char *from = line + size;
    const char *to = end;
    while (to > from && isspace((unsigned char)to[-1]))
        to--;
    if (to - from < 2 || to[-1] != '/' || to[-2] != '*')
        return NULL;
    to -= 2;
    while (from < to && isspace((unsigned char)*from))
        from++;
    while (to > from && isspace((unsigned char)to[-1]))
        to--;
    *ret_size = (size_t)(to - from);
    return from;
}

static char *copy(const char *text, size_t size) {
    char *to = mfi_sys.malloc(size + 1);
    if (to == NULL)
        return NULL;
    memcpy(to, text, size);
    to[size] = '\0';
    return to;
}

static int keep(char **to, const char *text, size_t size, mayfly_error *error) {
    if (*to != NULL)
        return 0;
    *to = copy(text, size);
    return *to == NULL ? mfi_fail_memory(error, size) : 0;
}

/* The last line that is not blank. */
static int read_name(const char *text, size_t size, const char *path, struct mfi_contract *ret,
                     mayfly_error *error) {
    while (size > 0 && isspace((unsigned char)text[size - 1]))
        size--;
    const char *before = memrchr(text, '\n', size);
    const char *line = before == NULL ? text : before + 1;
    size_t length;
    const char *name = inside(line, text + size, "/* #NAME:", &length);
    if (name == NULL)
        return 0;
    if (!mfi_is_name(name, length))
        return mfi_fail(error, MAYFLY_E_SYNTAX, "load source", path,
                        "its last line names no function: #NAME needs an identifier");
    return keep(&ret->name, name, length, error);
}

/* Whether a comment goes on behind a line that it goes on to, or that may begin one. */
static bool ends_within(const char *line, const char *end, bool within) {
    const char *at = line;
    if (!within && (end - line < 2 || memcmp(line, "/*", 2) != 0))
        return false;
    if (!within)
        at += 2;
    while (at < end && (at = memchr(at, '*', (size_t)(end - at))) != NULL)
        if (++at < end && *at == '/')
            return false;
    return true;
}

/* Lines of comments at the beginning, up to the first line that is none. */
static int read_head(const char *text, size_t size, const char *path, struct mfi_contract *ret,
                     mayfly_error *error) {
    const char *const end = text + size;
    bool within = false;
    int r = 0;
    for (const char *line = text, *stop; r == 0 && line < end; line = stop + 1) {
        size_t length;
        const char *found;
        stop = memchr(line, '\n', (size_t)(end - line));
        if (stop == NULL)
            stop = end;
        if ((found = inside(line, stop, "/* #FLAGS:", &length)) != NULL)
            r = mfi_flags_read(found, length, path, &ret->flags, error);
        else if ((found = inside(line, stop, "/* #NEEDS:", &length)) != NULL)
            r = keep(&ret->needs, found, length, error);
        else if (!within && strspn(line, " \t\r") < (size_t)(stop - line) &&
                 strncmp(line, "/*", 2) != 0)
            break;
        within = ends_within(line, stop, within);
    }
    return r;
}

int mfi_contract_read(const char *text, size_t size, const char *path, struct mfi_contract *ret,
                      mayfly_error *error) {
    const char *nul = memchr(text, '\0', size);
    if (nul != NULL)
        return mfi_fail_at(error, MAYFLY_E_SYNTAX, "load source", path, (int64_t)(nul - text),
                           "there is a NUL: it is no text");
    const int r = read_head(text, size, path, ret, error);
    return r < 0 ? r : read_name(text, size, path, ret, error);
}
