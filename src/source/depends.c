/* SPDX-License-Identifier: MIT
 *
 * Which headers a compilation read, and whether they are still the same: from the rule for make
 * that the compiler writes.
 */
#define _GNU_SOURCE
#include <fcntl.h>

#include "load.h"

static int64_t nanoseconds(const struct timespec *time) {
    return (int64_t)time->tv_sec * 1000000000 + time->tv_nsec;
}

int mfi_header_look(const char *path, struct mfi_header *ret) {
    struct stat st;
    const int r = mfi_sys.fstatat(AT_FDCWD, path, &st, 0);
    if (r == 0)
        *ret = (struct mfi_header){.modified = nanoseconds(&st.st_mtim),
                                   .changed = nanoseconds(&st.st_ctim),
                                   .inode = st.st_ino,
                                   .device = st.st_dev,
                                   .size = (uint64_t)st.st_size};
    return r;
}

/* One path of a rule for make: blanks and '#' behind a backslash, "$$" for '$'. Returns where it
 * ends. */
static const char *next_path(const char *at, char *to, size_t size) {
    size_t length = 0;
    while (*(at += strspn(at, " \t\n")) == '\\' && at[1] == '\n')
        at += 2;
    for (; *at != '\0' && strchr(" \t\n", *at) == NULL && length + 1 < size; at++) {
        if (*at == '\\' && at[1] == '\n')
            break;
        if ((*at == '\\' && (at[1] == ' ' || at[1] == '#')) || (*at == '$' && at[1] == '$'))
            at++;
        to[length++] = *at;
    }
    to[length] = '\0';
    return at;
}

/* Of what the system's packages bring, which replace files and never write into them, the directory
 * tells whether something has changed: there are few directories, and many headers. Cuts the path
 * there. */
static void by_directory(char *path) {
    char *slash = strrchr(path, '/');
    if (strstr(path, "..") == NULL &&
        (strncmp(path, "/usr/include/", 13) == 0 || strncmp(path, "/usr/lib/", 9) == 0))
        *slash = '\0';
}

static bool is_noted(const struct mfi_buffer *headers, const char *path) {
    for (size_t at = 0; at < headers->size;) {
        const char *there = headers->data + at + sizeof(struct mfi_header);
        if (strcmp(there, path) == 0)
            return true;
        at += sizeof(struct mfi_header) + strlen(there) + 1;
    }
    return false;
}

/* What others can write, they can make a part of what runs, as they could the file itself. */
static int check_header(const struct mfi_unit *unit, const char *path, mayfly_error *error) {
    static const mayfly_trust_options how = {.operation = "load source: header",
                                             .way_out =
                                                 "if that is meant, say .any_owner of the options"};
    struct stat st;
    if (unit->options->any_owner)
        return 0;
    const int r = mfi_sys.fstatat(AT_FDCWD, path, &st, 0);
    return r < 0 ? mfi_fail_call(error, r, "fstatat", path, -1)
                 : mfi_trust_stat(&st, path, &how, error);
}

/* Times of the file system are coarse: a header that was changed a moment before the compiler
 * began, or later, may have been read as it was before. */
static int note(const char *path, int64_t begun, struct mfi_compiled *ret, mayfly_error *error) {
    static const int64_t coarse = 20000000;
    struct mfi_header header;
    if (is_noted(&ret->headers, path))
        return 0;
    const int r = mfi_header_look(path, &header);
    if (r < 0)
        return mfi_fail_call(error, r, "fstatat", path, -1);
    if (header.changed > begun - coarse)
        ret->fleeting = true;
    if (mfi_buffer_append(&ret->headers, &header, sizeof header) < 0 ||
        mfi_buffer_append(&ret->headers, path, strlen(path) + 1) < 0)
        return mfi_fail_memory(error, sizeof header);
    return 0;
}

int mfi_headers_note(const struct mfi_unit *unit, const char *rule, int64_t begun,
                     struct mfi_compiled *ret, mayfly_error *error) {
    char path[4096];
    const char *colon = strstr(rule, ": ");
    ret->fleeting = colon == NULL;
    for (const char *at = colon == NULL ? "" : colon + 1;;) {
        at = next_path(at, path, sizeof path);
        if (path[0] == '\0')
            return 0;
        if (strcmp(path, "-") == 0 || strcmp(path, "<stdin>") == 0)
            continue;
        int r = check_header(unit, path, error);
        by_directory(path);
        if (r == 0)
            r = note(path, begun, ret, error);
        if (r < 0)
            return r;
    }
}
