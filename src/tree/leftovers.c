/* SPDX-License-Identifier: MIT
 *
 * The list of what could not be removed.
 *
 * Invariants      the count is exact. What is listed is the beginning of the whole, without gaps:
 *                 it stops at MFI_LEFTOVERS_LISTED, at MFI_LEFTOVERS_BYTES, or where memory ends.
 * Not handled     how many of what is left belong together: who wants that counts by directory.
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
    size_t bytes; /* of paths */
    struct leftover *entries;
};

mayfly_leftovers *mfi_leftovers_new(void) {
    return mfi_sys.calloc(1, sizeof(mayfly_leftovers));
}

int mfi_leftovers_listing(const mayfly_leftovers *list) {
    return list != NULL && list->listed == list->count && list->listed < MFI_LEFTOVERS_LISTED &&
           list->bytes < MFI_LEFTOVERS_BYTES;
}

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

static void enlist(mayfly_leftovers *list, const char *path, int code) {
    if (grow(list) < 0)
        return;
    char *copy = mfi_strdup(path);
    if (copy == NULL)
        return;
    list->bytes += strlen(copy) + 1;
    list->entries[list->listed++] = (struct leftover){copy, code};
}

void mfi_leftovers_add(mayfly_leftovers *list, const char *path, int code) {
    if (list == NULL)
        return;
    if (path != NULL && mfi_leftovers_listing(list))
        enlist(list, path, code);
    list->count++;
}

void mfi_leftovers_clear(mayfly_leftovers *list) {
    if (list == NULL)
        return;
    for (size_t i = 0; i < list->listed; i++)
        free(list->entries[i].path);
    list->count = list->listed = list->bytes = 0;
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
    mfi_leftovers_clear(list);
    free(list->entries);
    free(list);
}

void mayfly_leftovers_auto(mayfly_leftovers **leftovers) {
    mayfly_leftovers_free(leftovers);
}
