/* SPDX-License-Identifier: MIT
 *
 * A look over all that a value reaches, without recursion: is it plain data, how deep is it?
 *
 * Depth is that of a walk that enters each node once, the longest way that the walk finds.
 */
#define _GNU_SOURCE
#include "read.h"

static bool is_plain(mayfly_kind kind) {
    return kind <= MAYFLY_FROZENSET;
}

struct survey {
    struct mfi_stack path; /* node, index of the next part, node, ... */
    struct mfi_map seen;
};

static void survey_free(struct survey *s) {
    mfi_stack_free(&s->path);
    mfi_map_free(&s->seen);
}

/* Enters a container for the first time. */
static int enter(struct survey *s, mayfly_value v) {
    if (mfi_kind(v) < MAYFLY_LIST)
        return 0;
    uint64_t *seen = mfi_map_at(&s->seen, v.bits);
    if (seen == NULL)
        return -ENOMEM;
    if (*seen != 0)
        return 0;
    *seen = 1;
    return mfi_stack_push(&s->path, v.bits) < 0 || mfi_stack_push(&s->path, 0) < 0 ? -ENOMEM : 0;
}

int mfi_survey(mayfly_value root, bool plain_only, uint64_t max_nesting, const char *operation,
               const char *path, mayfly_error *error) {
    __attribute__((cleanup(survey_free))) struct survey s = {0};
    int r = 0;
    for (mayfly_value v = root; r == 0; v = mfi_word(0)) {
        while (v.bits == 0 && s.path.count > 0) {
            v = mfi_part(mfi_word(s.path.items[s.path.count - 2]),
                         (size_t)s.path.items[s.path.count - 1]++);
            if (v.bits == 0)
                s.path.count -= 2;
        }
        if (v.bits == 0)
            return 0;
        if (plain_only && !is_plain(mfi_kind(v)))
            return mfi_fail(error, MAYFLY_E_PICKLE, operation, path,
                            "it holds a %s, and MAYFLY_PLAIN_ONLY was asked for",
                            mayfly_kind_name(mfi_kind(v)));
        r = enter(&s, v);
        if (max_nesting != 0 && s.path.count / 2 > max_nesting)
            return mfi_fail(error, MAYFLY_E_LIMIT, operation, path,
                            "values nest deeper than %llu: max_nesting",
                            (unsigned long long)max_nesting);
    }
    return mfi_fail(error, r, operation, path, "no memory to look through the values");
}
