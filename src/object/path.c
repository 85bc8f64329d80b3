/* SPDX-License-Identifier: MIT
 *
 * Paths into values, after RFC 6901 (JSON Pointer).
 */
#define _GNU_SOURCE
#include <stdlib.h>

#include "value.h"

/* Copies the next part of a path, its escapes resolved; gives what follows, or NULL: no path. */
static const char *take(const char *path, char *to) {
    if (*path++ != '/')
        return NULL;
    for (; *path != '\0' && *path != '/'; path++) {
        if (*path == '~' && path[1] != '0' && path[1] != '1')
            return NULL;
        *to++ = *path != '~' ? *path : *++path == '0' ? '~' : '/';
    }
    *to = '\0';
    return path;
}

/* An int of any size as a key. */
static mayfly_value by_number(mayfly_value dict, const char *part) {
    mayfly_auto(mayfly_doc) doc = NULL;
    if (mayfly_doc_new(NULL, &doc, NULL) < 0)
        return mfi_word(0);
    return mayfly_dict_get(dict, mayfly_int_from_text(doc, part, strlen(part)));
}

static mayfly_value by_index(mayfly_value v, const char *part) {
    const char *digits = part[0] == '-' ? part + 1 : part;
    if (*digits == '\0' || digits[strspn(digits, "0123456789")] != '\0' ||
        (digits[0] == '0' && digits[1] != '\0'))
        return mfi_word(0);
    if (mfi_is(v, MAYFLY_DICT))
        return by_number(v, part);
    errno = 0;
    const long long n = strtoll(part, NULL, 10);
    if (errno != 0)
        return mfi_word(0);
    const size_t count = mayfly_count(v);
    const unsigned long long index = n < 0 ? (unsigned long long)n + count : (unsigned long long)n;
    return index < count ? mayfly_item(v, (size_t)index) : mfi_word(0);
}

static mayfly_value step(mayfly_value v, const char *part) {
    const mayfly_value named = mayfly_get(v, part);
    return named.bits != 0 ? named : by_index(mfi_underlying(v), part);
}

int mayfly_at(mayfly_value value, const char *path, mayfly_value *ret, mayfly_error *error) {
    mfi_auto_free char *part = mfi_sys.malloc(strlen(path) + 1);
    if (part == NULL)
        return mfi_fail_memory(error, strlen(path) + 1);
    for (const char *at = path; *at != '\0';) {
        const char *next = take(at, part);
        if (next == NULL)
            return mfi_fail_at(error, -EINVAL, "path", path, at - path,
                               "a path is \"\", or parts that each begin with /; "
                               "in them ~1 stands for / and ~0 for ~");
        value = step(value, part);
        if (value.bits == 0)
            return mfi_fail_at(error, -ENOENT, "path", path, at - path,
                               "there is nothing at \"%.*s\"", (int)(next - path), path);
        at = next;
    }
    if (value.bits == 0)
        return mfi_fail(error, -ENOENT, "path", path, "the value is absent");
    *ret = value;
    return 0;
}
