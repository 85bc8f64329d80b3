/* SPDX-License-Identifier: MIT
 *
 * The list of what could not be removed.
 *
 * Invariant   the count is exact; the list stops at MFI_LEFTOVERS_LISTED or where memory ends.
 */
#define _GNU_SOURCE
#include "leftovers.h"

#include <stdlib.h>

struct leftover {
    char *path;
    int code;
};

struct mayfly_leftovers {
    size_t count;
    size_t listed;
    size_t capacity;
    struct leftover *entries;
};

static int grow(mayfly_leftovers *list) {
    if (list->listed < list->capacity)
        return 0;
    const size_t capacity = list->capacity == 0 ? 16 : list->capacity * 2;
    struct leftover *entries = mfi_sys.realloc(list->entries, capacity * sizeof *entries);
    if (entries == NULL)
        return -ENOMEM;
    list->entries = entries;
    list->capacity = capacity;
    return 0;
}

void mfi_leftovers_add(mayfly_leftovers **list, const char *path, int code) {
    if (list == NULL)
        return;
    if (*list == NULL)
        *list = mfi_sys.calloc(1, sizeof **list);
    mayfly_leftovers *to = *list;
    if (to == NULL)
        return;
    to->count++;
    if (to->listed == MFI_LEFTOVERS_LISTED || to->listed + 1 < to->count || grow(to) < 0)
        return; /* after a gap none is listed: the list stays a beginning of the whole */
    char *copy = mfi_strdup(path);
    if (copy != NULL)
        to->entries[to->listed++] = (struct leftover){copy, code};
}

size_t mayfly_leftovers_count(const mayfly_leftovers *leftovers) {
    return leftovers == NULL ? 0 : leftovers->count;
}

int mayfly_leftovers_get(const mayfly_leftovers *leftovers, size_t index, const char **ret_path,
                         int *ret_code) {
    if (leftovers == NULL || index >= leftovers->listed)
        return -ENOENT;
    *ret_path = leftovers->entries[index].path;
    *ret_code = leftovers->entries[index].code;
    return 0;
}

void mayfly_leftovers_free(mayfly_leftovers **leftovers) {
    if (leftovers == NULL || *leftovers == NULL)
        return;
    mayfly_leftovers *list = mfi_take(*leftovers);
    for (size_t i = 0; i < list->listed; i++)
        free(list->entries[i].path);
    free(list->entries);
    free(list);
}

void mayfly_leftovers_auto(mayfly_leftovers **leftovers) {
    mayfly_leftovers_free(leftovers);
}
