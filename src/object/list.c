/* SPDX-License-Identifier: MIT
 *
 * Lists, and what behaves like one.
 */
#define _GNU_SOURCE
#include "value.h"

mayfly_value mayfly_list_new(mayfly_doc *doc) {
    struct mfi_list *node = mfi_doc_alloc(doc, sizeof *node);
    if (node == NULL)
        return (mayfly_value){0};
    *node = (struct mfi_list){.head = mfi_head(MAYFLY_LIST, 0)};
    return mfi_node_value(node);
}

static int grow(mayfly_doc *doc, struct mfi_list *list, size_t count) {
    const size_t need = (size_t)list->count + count;
    size_t bytes = list->capacity == 0 ? need : need + need / 2;
    if (bytes < 4 && list->capacity != 0)
        bytes = 4;
    bytes *= sizeof *list->items;
    mayfly_value *grown =
        mfi_doc_grow(doc, list->items, (size_t)list->capacity * sizeof *list->items, &bytes);
    if (grown == NULL)
        return doc->failure.code;
    list->items = grown;
    list->capacity = bytes / sizeof *list->items;
    return 0;
}

int mfi_list_extend(mayfly_doc *doc, struct mfi_list *list, const mayfly_value *items,
                    size_t count) {
    if (list->capacity - list->count < count) {
        const int r = grow(doc, list, count);
        if (r < 0)
            return r;
    }
    memcpy(list->items + list->count, items, count * sizeof *items);
    list->count += count;
    return 0;
}

/* The list that a value is, or that an object has for its items; made if it has none yet. */
static struct mfi_list *list_of(mayfly_doc *doc, mayfly_value v, const char *operation) {
    if (mfi_is(v, MAYFLY_OBJECT)) {
        struct mfi_object *object = mfi_node_of(v);
        const mayfly_value under = mfi_underlying(v);
        if (mfi_is(under, MAYFLY_LIST)) /* a deque may have them in its arguments */
            return mfi_node_of(under);
        if (object->items.bits == 0)
            object->items = mayfly_list_new(doc);
        v = object->items;
    }
    if (mfi_is(v, MAYFLY_LIST))
        return mfi_node_of(v);
    (void)mfi_doc_wrong(doc, operation, v, "a list");
    return NULL;
}

int mayfly_list_insert(mayfly_doc *doc, mayfly_value value, size_t index, mayfly_value item) {
    struct mfi_list *list = list_of(doc, value, "insert");
    if (list == NULL)
        return doc->failure.code;
    if (item.bits == 0)
        return mfi_doc_fail(doc, -EINVAL, "insert: the item is absent");
    const int r = mfi_list_extend(doc, list, &item, 1);
    if (r < 0)
        return r;
    if (index >= list->count)
        return 0;
    memmove(list->items + index + 1, list->items + index,
            (size_t)(list->count - 1 - index) * sizeof item);
    list->items[index] = item;
    return 0;
}

int mayfly_list_append(mayfly_doc *doc, mayfly_value list, mayfly_value item) {
    return mayfly_list_insert(doc, list, SIZE_MAX, item);
}

int mayfly_list_set(mayfly_doc *doc, mayfly_value value, size_t index, mayfly_value item) {
    struct mfi_list *list = list_of(doc, value, "set");
    if (list == NULL)
        return doc->failure.code;
    if (item.bits == 0)
        return mfi_doc_fail(doc, -EINVAL, "set: the item is absent");
    if (index >= list->count)
        return -ERANGE;
    list->items[index] = item;
    return 0;
}

int mayfly_list_remove(mayfly_doc *doc, mayfly_value value, size_t index) {
    struct mfi_list *list = list_of(doc, value, "remove");
    if (list == NULL)
        return doc->failure.code;
    if (index >= list->count)
        return -ERANGE;
    list->count--;
    memmove(list->items + index, list->items + index + 1,
            (size_t)(list->count - index) * sizeof *list->items);
    return 0;
}
