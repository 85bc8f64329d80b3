/* SPDX-License-Identifier: MIT
 *
 * Looking into a dict without calling anybody's code. A key of a class in Python that has the same
 * hash would be asked whether it is equal, and could change whatever is under way.
 */
#include "internals.h"

#if MPK_INTERNALS

#if PY_VERSION_HEX >= 0x030B0000
static size_t size_of(const struct mpk_keys *keys) {
    return (size_t)1 << keys->log2_size;
}
static unsigned width_of(const struct mpk_keys *keys) {
    return 1u << (keys->log2_index_bytes - keys->log2_size);
}
#else
static size_t size_of(const struct mpk_keys *keys) {
    return (size_t)keys->size;
}
static unsigned width_of(const struct mpk_keys *keys) {
    return keys->size <= 0xff ? 1 : keys->size <= 0xffff ? 2 : 4;
}
#endif

static Py_ssize_t index_at(const struct mpk_keys *keys, unsigned width, size_t slot) {
    switch (width) {
    case 1:
        return ((const int8_t *)keys->indices)[slot];
    case 2:
        return ((const int16_t *)(const void *)keys->indices)[slot];
    case 4:
        return ((const int32_t *)(const void *)keys->indices)[slot];
    default:
        return (Py_ssize_t)((const int64_t *)(const void *)keys->indices)[slot];
    }
}

static struct mpk_entry entry_at(const struct mpk_keys *keys, Py_ssize_t at) {
    if (!mpk_keys_text(keys))
        return ((const struct mpk_entry *)mpk_keys_entries(keys))[at];
    const struct mpk_text_entry *text = (const struct mpk_text_entry *)mpk_keys_entries(keys) + at;
    const Py_hash_t hash = text->key == NULL ? -1 : ((PyASCIIObject *)text->key)->hash;
    return (struct mpk_entry){hash, text->key, text->value};
}

/* 1: that is the key; 0: it is another; -1: who knows. */
static int is_key(PyObject *key, PyObject *wanted) {
    if (key == wanted)
        return 1;
    if (!PyUnicode_CheckExact(key))
        return -1;
    return PyUnicode_CheckExact(wanted) && PyUnicode_Compare(key, wanted) == 0;
}

int mpk_dict_find(PyObject *dict, PyObject *key, PyObject **ret) {
    enum { PERTURB = 5 };
    const struct mpk_keys *keys = mpk_dict_keys(dict);
    if (keys == NULL) /* attributes of an instance: its keys are str; or a huge one */
        return -1;
    const Py_hash_t hash = PyObject_Hash(key);
    const size_t mask = size_of(keys) - 1;
    const unsigned width = width_of(keys);
    size_t rest = (size_t)hash, slot = rest & mask;
    for (;;) {
        const Py_ssize_t at = index_at(keys, width, slot);
        if (at == -1)
            return 0;
        const struct mpk_entry entry = at >= 0 ? entry_at(keys, at) : (struct mpk_entry){0};
        const int is = entry.key == NULL || entry.hash != hash ? 0 : is_key(entry.key, key);
        if (is > 0 && ret != NULL)
            *ret = entry.value;
        if (is != 0)
            return is;
        rest >>= PERTURB;
        slot = (slot * PERTURB + rest + 1) & mask;
    }
}

#endif
