/* SPDX-License-Identifier: MIT
 *
 * Dicts filled many pairs at once: their tables are made with the size that they need, and each key
 * is put where it belongs. CPython 3.11 to 3.15; otherwise pair after pair by the public interface.
 *
 * Only keys that are exactly str are put here, and only into tables of such: comparing and hashing
 * them calls nobody's code, so that nobody sees a table that is half done. What is replaced is
 * dropped at the end.
 */
#define Py_BUILD_CORE 1
#include "internals_load.h"

#if MPK_LAYOUTS && PY_VERSION_HEX >= 0x030B0000

#include "internal/pycore_dict.h"

enum {
    LEAST = 3,
    MOST = 30,
    WIDE_INDEX = 8,
    WIDER_INDEX = 16,
    PERTURB = 5
}; /* binary logarithms */

struct table {
    PyDictKeysObject *keys;
    PyDictUnicodeEntry *entries;
    size_t mask, count;
    unsigned width; /* of an index: 0, 1, 2: 1, 2, 4 bytes */
};

static size_t usable(unsigned log) {
    return (((size_t)1 << log) << 1) / 3;
}

static struct table table_of(PyDictKeysObject *keys) {
    return (struct table){keys, DK_UNICODE_ENTRIES(keys), ((size_t)1 << keys->dk_log2_size) - 1,
                          (size_t)keys->dk_nentries,
                          (unsigned)(keys->dk_log2_index_bytes - keys->dk_log2_size)};
}

#if PY_VERSION_HEX >= 0x030D0000
#define KEYS_ALLOC PyMem_Malloc
#define KEYS_FREE  PyMem_Free
#else
#define KEYS_ALLOC PyObject_Malloc
#define KEYS_FREE  PyObject_Free
#endif

/* An empty table for `wanted` keys. NULL: no memory, or too many; without an exception. */
static PyDictKeysObject *new_keys(size_t wanted) {
    unsigned log = LEAST;
    while (log < MOST && usable(log) < wanted)
        log++;
    const unsigned width = log < WIDE_INDEX ? 0 : log < WIDER_INDEX ? 1 : 2;
    const size_t room = usable(log), index = (size_t)1 << (log + width);
    if (room < wanted)
        return NULL;
    PyDictKeysObject *keys = KEYS_ALLOC(sizeof *keys + index + room * sizeof(PyDictUnicodeEntry));
    if (keys == NULL)
        return NULL;
    keys->dk_refcnt = 1;
    keys->dk_log2_size = (uint8_t)log;
    keys->dk_log2_index_bytes = (uint8_t)(log + width);
    keys->dk_kind = DICT_KEYS_UNICODE;
    keys->dk_version = 0;
    keys->dk_usable = (Py_ssize_t)room;
    keys->dk_nentries = 0;
    memset(keys->dk_indices, 0xff, index);
    return keys;
}

static inline Py_ssize_t index_at(const struct table *t, size_t slot) {
    const char *from = t->keys->dk_indices;
    return t->width == 0   ? ((const int8_t *)from)[slot]
           : t->width == 1 ? ((const int16_t *)from)[slot]
                           : ((const int32_t *)from)[slot];
}

static inline void set_index(const struct table *t, size_t slot, size_t index) {
    char *to = t->keys->dk_indices;
    if (t->width == 0)
        ((int8_t *)to)[slot] = (int8_t)index;
    else if (t->width == 1)
        ((int16_t *)to)[slot] = (int16_t)index;
    else
        ((int32_t *)to)[slot] = (int32_t)index;
}

static inline size_t hash_of(PyObject *key) {
    const Py_hash_t hash = ((PyASCIIObject *)key)->hash;
    return (size_t)(MPK_LIKELY(hash != -1) ? hash : PyUnicode_Type.tp_hash(key));
}

static inline bool same_key(PyObject *key, size_t hash, PyObject *other) {
    return key == other || (other != NULL && hash_of(other) == hash &&
                            PyUnicode_GET_LENGTH(key) == PyUnicode_GET_LENGTH(other) &&
                            PyUnicode_Compare(key, other) == 0);
}

/* Where the key is, as an entry; or -1, and the slot of the index that is free for it. */
static inline Py_ssize_t look_up(const struct table *t, PyObject *key, size_t hash,
                                 size_t *ret_slot) {
    size_t slot = hash & t->mask, rest = hash;
    for (;;) {
        const Py_ssize_t at = index_at(t, slot);
        if (at == DKIX_EMPTY) {
            *ret_slot = slot;
            return -1;
        }
        if (at >= 0 && same_key(key, hash, t->entries[at].me_key))
            return at;
        rest >>= PERTURB;
        slot = (slot * 5 + rest + 1) & t->mask;
    }
}

/* A table with room for `more` keys and the entries of another one, which has no gaps. */
static PyDictKeysObject *larger(PyDictKeysObject *old, size_t more) {
    const size_t count = (size_t)old->dk_nentries;
    PyDictKeysObject *keys = new_keys(count * 3 > count + more ? count * 3 : count + more);
    if (keys == NULL)
        return NULL;
    struct table t = table_of(keys);
    memcpy(t.entries, DK_UNICODE_ENTRIES(old), count * sizeof *t.entries);
    for (size_t i = 0; i < count; i++) {
        enum { AHEAD = 16 };
        if (i + AHEAD < count)
            __builtin_prefetch(t.entries[i + AHEAD].me_key);
        const size_t hash = hash_of(t.entries[i].me_key);
        size_t slot = hash & t.mask, rest = hash;
        while (index_at(&t, slot) >= 0) {
            rest >>= PERTURB;
            slot = (slot * 5 + rest + 1) & t.mask;
        }
        set_index(&t, slot, i);
    }
    keys->dk_nentries = (Py_ssize_t)count;
    keys->dk_usable -= (Py_ssize_t)count;
    return keys;
}

static bool all_text(PyObject *const *pairs, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (!PyUnicode_CheckExact(pairs[2 * i]))
            return false;
    return true;
}

/* What all dicts that are empty have; 3.11 counts how many. */
static PyDictKeysObject *empty_keys(void) {
    static PyDictKeysObject *keys;
    if (keys == NULL) {
        PyObject *dict = PyDict_New();
        if (dict != NULL)
            keys = ((PyDictObject *)dict)->ma_keys;
        Py_XDECREF(dict);
    }
    return keys;
}

/* Whether somebody is told of its changes (from 3.12 on): who calls PyDict_Watch(), and CPython of
 * the globals that its optimizer relies on. */
static bool is_watched(const PyDictObject *dict) {
#if PY_VERSION_HEX >= 0x030E0000
    return (dict->_ma_watcher_tag & ((1 << DICT_MAX_WATCHERS) - 1)) != 0;
#elif PY_VERSION_HEX >= 0x030C0000
    return (dict->ma_version_tag & ((1 << DICT_MAX_WATCHERS) - 1)) != 0;
#else
    (void)dict;
    return false;
#endif
}

/* Gives the dict a table of its own with room for so many keys more. False: it is another kind of
 * table, or there is no memory. */
static bool make_room(PyDictObject *dict, size_t count) {
    PyDictKeysObject *old = dict->ma_keys, *keys;
    if (dict->ma_values != NULL || is_watched(dict))
        return false;
    if (old == empty_keys()) {
        if ((keys = new_keys(count)) == NULL)
            return false;
#if PY_VERSION_HEX < 0x030C0000
        old->dk_refcnt--;
#endif
        dict->ma_keys = keys;
        return true;
    }
    if (old->dk_kind != DICT_KEYS_UNICODE || old->dk_refcnt != 1)
        return false;
    if ((size_t)old->dk_usable >= count) {
        old->dk_version = 0;
        return true;
    }
    if (old->dk_nentries != dict->ma_used || (keys = larger(old, count)) == NULL)
        return false;
    dict->ma_keys = keys;
    KEYS_FREE(old);
    return true;
}

int mpk_dict_take_fast(PyObject *object, PyObject **pairs, size_t count) {
    PyDictObject *dict = (PyDictObject *)object;
    size_t replaced = 0;
    if (!all_text(pairs, count) || !make_room(dict, count))
        return mpk_dict_take_slowly(object, pairs, count);
    struct table t = table_of(dict->ma_keys);
    const size_t before = t.count;
    bool track = false;
    for (size_t i = 0; count >= 64 && i < count; i++)
        __builtin_prefetch(t.keys->dk_indices + ((hash_of(pairs[2 * i]) & t.mask) << t.width), 1);
    for (size_t i = 0; i < count; i++) {
        PyObject *key = pairs[2 * i], *value = pairs[2 * i + 1];
        const size_t hash = hash_of(key);
        size_t slot = 0;
        const Py_ssize_t at = look_up(&t, key, hash, &slot);
        track = track || mpk_is_followed(value);
        if (MPK_LIKELY(at < 0)) {
            set_index(&t, slot, t.count);
            t.entries[t.count].me_key = key;
            t.entries[t.count++].me_value = value;
        } else { /* their places on the stack are free by now */
            pairs[replaced++] = t.entries[at].me_value;
            pairs[replaced++] = key;
            t.entries[at].me_value = value;
        }
    }
    t.keys->dk_nentries = (Py_ssize_t)t.count;
    t.keys->dk_usable -= (Py_ssize_t)(t.count - before);
    dict->ma_used += (Py_ssize_t)(t.count - before);
    if (track && !PyObject_GC_IsTracked(object))
        PyObject_GC_Track(object);
    for (size_t i = 0; i < replaced; i++)
        Py_DECREF(pairs[i]);
    return 0;
}

#else

int mpk_dict_take_fast(PyObject *dict, PyObject **pairs, size_t count) {
    return mpk_dict_take_slowly(dict, pairs, count);
}

#endif
