/* SPDX-License-Identifier: MIT
 *
 * Dicts and sets.
 *
 * Records share their keys: a dict that is filled with the very same keys as one before it (pickle
 * refers to them by number, so they are the same nodes) gets that one's, and has only its values
 * for itself. Whoever changes shared keys gets keys of its own first.
 */
#define _GNU_SOURCE
#include "value.h"

mayfly_value mfi_dict_new(mayfly_doc *doc, mayfly_kind kind) {
    struct mfi_keys *keys = mfi_keys_none(doc);
    struct mfi_dict *node = keys == NULL ? NULL : mfi_doc_alloc(doc, sizeof *node);
    if (node == NULL)
        return (mayfly_value){0};
    *node = (struct mfi_dict){.head = mfi_head(kind, 0), .keys = keys};
    return mfi_node_value(node);
}

mayfly_value mayfly_dict_new(mayfly_doc *doc) {
    return mfi_dict_new(doc, MAYFLY_DICT);
}

mayfly_value mayfly_set_new(mayfly_doc *doc) {
    return mfi_dict_new(doc, MAYFLY_SET);
}

static int value_room(mayfly_doc *doc, struct mfi_dict *dict, size_t count) {
    if (count <= dict->capacity)
        return 0;
    size_t bytes = (dict->capacity == 0 ? count : count + count / 2) * sizeof *dict->values;
    mayfly_value *grown =
        mfi_doc_grow(doc, dict->values, dict->capacity * sizeof *dict->values, &bytes);
    if (grown == NULL)
        return doc->failure.code;
    const size_t capacity = bytes / sizeof *grown;
    dict->values = grown;
    dict->capacity = capacity > UINT32_MAX ? UINT32_MAX : (uint32_t)capacity;
    return 0;
}

int mfi_dict_set(mayfly_doc *doc, struct mfi_dict *dict, mayfly_value key, mayfly_value value) {
    const uint32_t before = dict->keys->count;
    int r = value_room(doc, dict, (size_t)before + 1);
    if (r < 0)
        return r;
    const int64_t at = mfi_keys_add(doc, &dict->keys, key);
    if (at < 0)
        return (int)at;
    dict->values[at] = value;
    return 0;
}

/* ---- shared keys ----------------------------------------------------------------------------- */

static struct mfi_keys **shape_at(mayfly_doc *doc, const mayfly_value *pairs, size_t count) {
    const uint64_t h = (pairs[0].bits ^ pairs[2 * count - 2].bits << 7) + count;
    return &doc->shapes[h * 0x9e3779b97f4a7c15u >> 58];
}

MFI_INLINE bool has_shape(const struct mfi_keys *keys, const mayfly_value *pairs, size_t count) {
    if (keys == NULL || keys->count != count)
        return false;
    for (size_t i = 0; i < count; i++)
        if (keys->keys[i].bits != pairs[2 * i].bits)
            return false;
    return true;
}

enum { LARGEST_SHAPE = 256 };

/* Whether no key is more than a text or number, which compare without looking any further. */
static bool are_plain(const mayfly_value *pairs, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (!mfi_is_int(pairs[2 * i]) && !mfi_is(pairs[2 * i], MAYFLY_STR))
            return false;
    return true;
}

/* A large dict comes in pieces: its index is made when all are there. */
static int append_pending(mayfly_doc *doc, struct mfi_dict *dict, const mayfly_value *pairs,
                          size_t count) {
    if (!dict->keys->pending && mfi_stack_push(&doc->pending, mfi_node_value(dict).bits) < 0)
        return mfi_doc_fail(doc, -ENOMEM, "no memory for a dict");
    return mfi_keys_append_pairs(doc, &dict->keys, pairs, count, dict->values);
}

int mfi_dicts_settle(mayfly_doc *doc) {
    int r = 0;
    for (size_t i = 0; i < doc->pending.count && r == 0; i++) {
        struct mfi_dict *dict = mfi_node_of(mfi_word(doc->pending.items[i]));
        r = mfi_keys_settle(doc, dict->keys, dict->values);
    }
    doc->pending.count = 0;
    return r;
}

/* Fills an empty dict from keys and values that alternate. */
int mfi_dict_fill(mayfly_doc *doc, struct mfi_dict *dict, const mayfly_value *pairs, size_t count) {
    if (MFI_UNLIKELY(dict->keys->count != 0 || count == 0 || count > LARGEST_SHAPE)) {
        const bool large = count > LARGEST_SHAPE && dict->keys->count == 0;
        int r = value_room(doc, dict, dict->keys->count + count);
        if (r == 0 && (dict->keys->pending || large) && are_plain(pairs, count))
            return append_pending(doc, dict, pairs, count);
        if (r == 0 && dict->keys->pending)
            r = mfi_dicts_settle(doc);
        for (size_t i = 0; i < count && r == 0; i++)
            r = mfi_dict_set(doc, dict, pairs[2 * i], pairs[2 * i + 1]);
        return r;
    }
    const int r = value_room(doc, dict, count);
    if (r < 0)
        return r;
    struct mfi_keys **shape = shape_at(doc, pairs, count);
    if (MFI_LIKELY(has_shape(*shape, pairs, count))) {
        dict->keys = *shape;
        for (size_t i = 0; i < count; i++)
            dict->values[i] = pairs[2 * i + 1];
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        const int64_t at = mfi_keys_add(doc, &dict->keys, pairs[2 * i]);
        if (at < 0)
            return (int)at;
        dict->values[at] = pairs[2 * i + 1];
    }
    if (dict->keys->count == count) { /* no key came twice */
        dict->keys->shared = 1;
        *shape = dict->keys;
    }
    return 0;
}

/* ---- the public face ------------------------------------------------------------------------- */

static struct mfi_dict *dict_of(mayfly_doc *doc, mayfly_value v, const char *operation) {
    if (mfi_is(v, MAYFLY_OBJECT)) {
        struct mfi_object *object = mfi_node_of(v);
        const mayfly_value under = mfi_underlying(v);
        if (mfi_is(under, MAYFLY_DICT)) /* an OrderedDict of old has them in its arguments */
            return mfi_node_of(under);
        if (object->pairs.bits == 0)
            object->pairs = mayfly_dict_new(doc);
        v = object->pairs;
    }
    if (mfi_is(v, MAYFLY_DICT))
        return mfi_node_of(v);
    (void)mfi_doc_wrong(doc, operation, v, "a dict");
    return NULL;
}

int mayfly_dict_set(mayfly_doc *doc, mayfly_value value, mayfly_value key, mayfly_value item) {
    struct mfi_dict *dict = dict_of(doc, value, "set");
    if (dict == NULL)
        return doc->failure.code;
    if (key.bits == 0 || item.bits == 0)
        return mfi_doc_fail(doc, -EINVAL, "set: the %s is absent", key.bits == 0 ? "key" : "value");
    return mfi_dict_set(doc, dict, key, item);
}

int mayfly_dict_put(mayfly_doc *doc, mayfly_value value, const char *key, mayfly_value item) {
    struct mfi_dict *dict = dict_of(doc, value, "put");
    if (dict == NULL)
        return doc->failure.code;
    if (item.bits == 0)
        return mfi_doc_fail(doc, -EINVAL, "put: the value of \"%.80s\" is absent", key);
    const int64_t at = mfi_keys_find_text(dict->keys, key, strlen(key));
    if (at >= 0) {
        dict->values[at] = item;
        return 0;
    }
    const mayfly_value text = mayfly_str_new(doc, key, MAYFLY_ALL);
    return text.bits == 0 ? doc->failure.code : mfi_dict_set(doc, dict, text, item);
}

int mayfly_dict_remove(mayfly_doc *doc, mayfly_value value, mayfly_value key) {
    struct mfi_dict *dict = dict_of(doc, value, "remove");
    if (dict == NULL)
        return doc->failure.code;
    const int64_t at = !mfi_hashable(key) ? -1 : mfi_keys_find(dict->keys, key, NULL);
    if (at < 0)
        return -ENOENT;
    const int r = mfi_keys_remove(doc, &dict->keys, (size_t)at);
    if (r == 0)
        memmove(dict->values + at, dict->values + at + 1,
                (dict->keys->count - (size_t)at) * sizeof *dict->values);
    return r;
}

int mfi_set_add(mayfly_doc *doc, struct mfi_dict *set, const mayfly_value *items, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const int64_t at = mfi_keys_add(doc, &set->keys, items[i]);
        if (at < 0)
            return (int)at;
    }
    return 0;
}

int mayfly_set_add(mayfly_doc *doc, mayfly_value set, mayfly_value item) {
    if (!mfi_is(set, MAYFLY_SET)) {
        (void)mfi_doc_wrong(doc, "add", set, "a set");
        return doc->failure.code;
    }
    return mfi_set_add(doc, mfi_node_of(set), &item, 1);
}

int mayfly_set_remove(mayfly_doc *doc, mayfly_value value, mayfly_value item) {
    if (!mfi_is(value, MAYFLY_SET)) {
        (void)mfi_doc_wrong(doc, "remove", value, "a set");
        return doc->failure.code;
    }
    struct mfi_dict *set = mfi_node_of(value);
    const int64_t at = !mfi_hashable(item) ? -1 : mfi_keys_find(set->keys, item, NULL);
    return at < 0 ? -ENOENT : mfi_keys_remove(doc, &set->keys, (size_t)at);
}
