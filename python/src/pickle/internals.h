/* SPDX-License-Identifier: MIT
 *
 * The insides of CPython, behind one shim: everything that is known of layouts that its public
 * headers do not promise, for each version from 3.9 to 3.15.
 *
 * MPK_INTERNALS is 1 where they are used. With -Dpython_internals=false, on a free-threaded build,
 * on what came before 3.15.0 was released and on versions that are not known here it is 0, and the
 * same functions stand on the public interface alone.
 *
 *     ints        sign and digits
 *     dicts       the table of a combined dict, in the order of insertion
 *     instances   attributes that are not in a dict yet (3.11 on), and the dict where there is one
 *     types       the tag by which a change of a class is seen
 */
#ifndef MPK_INTERNALS_H
#define MPK_INTERNALS_H

#include "pickle.h"

/* The newest that all of this was tested with, and its release. */
#define MPK_NEWEST   0x030F
#define MPK_RELEASED 0x030F00F0

#if defined(MPK_PUBLIC_ONLY) || defined(Py_GIL_DISABLED) || defined(Py_LIMITED_API) ||             \
    PY_VERSION_HEX >> 16 > MPK_NEWEST ||                                                           \
    (PY_VERSION_HEX >> 16 == MPK_NEWEST && PY_VERSION_HEX < MPK_RELEASED)
#define MPK_INTERNALS 0
#else
#define MPK_INTERNALS 1
#endif

#define MPK_INLINE static inline __attribute__((always_inline))

/* ---- references ----------------------------------------------------------------------------- */

/* Whether the container that shows this object holds the only reference to it. Where threads run
 * freely that cannot be known. */
MPK_INLINE bool mpk_is_lone_but(PyObject *object, int ours) {
#ifdef Py_GIL_DISABLED
    (void)object;
    (void)ours;
    return false;
#else
    return Py_REFCNT(object) == 1 + ours;
#endif
}
MPK_INLINE bool mpk_is_lone(PyObject *object) {
    return mpk_is_lone_but(object, 0);
}

/* ---- ints ----------------------------------------------------------------------------------- */

/* An int of 60 bits or fewer; false: a larger one. */
MPK_INLINE bool mpk_small_int(PyObject *object, int64_t *ret) {
#if MPK_INTERNALS && PYLONG_BITS_IN_DIGIT == 30
    const PyLongObject *number = (const PyLongObject *)object;
#if PY_VERSION_HEX >= 0x030C0000
    const uintptr_t tag = number->long_value.lv_tag;
    const digit *digits = number->long_value.ob_digit;
    const int64_t sign = 1 - (int64_t)(tag & 3); /* 0: positive, 1: zero, 2: negative */
    const size_t count = tag >> 3;
#else
    const Py_ssize_t size = Py_SIZE(number);
    const digit *digits = number->ob_digit;
    if (size >= -1 && size <= 1) {
        *ret = (int64_t)size * (int64_t)digits[0];
        return true;
    }
    const int64_t sign = size > 0 ? 1 : -1;
    const size_t count = (size_t)(size < 0 ? -size : size);
#endif
    if (count <= 1) {
        *ret = sign * (int64_t)digits[0];
        return true;
    }
    if (count > 2)
        return false;
    *ret = sign * ((int64_t)digits[0] | (int64_t)digits[1] << 30);
    return true;
#else
    int overflow;
    *ret = PyLong_AsLongLongAndOverflow(object, &overflow);
    return overflow == 0 && *ret >= -((int64_t)1 << 60) && *ret < (int64_t)1 << 60;
#endif
}

/* How many bytes an int takes at most, with its sign; 0: the public interface has to tell, whose
 * answer is an object, and the collector may run as it is made. */
MPK_INLINE size_t mpk_long_most(PyObject *object) {
#if MPK_INTERNALS
    const PyLongObject *number = (const PyLongObject *)object;
#if PY_VERSION_HEX >= 0x030C0000
    const size_t count = number->long_value.lv_tag >> 3;
#else
    const size_t count = (size_t)(Py_SIZE(number) < 0 ? -Py_SIZE(number) : Py_SIZE(number));
#endif
    return count * PYLONG_BITS_IN_DIGIT / 8 + 1;
#else
    (void)object;
    return 0;
#endif
}

/* ---- dicts ---------------------------------------------------------------------------------- */

#if MPK_INTERNALS

struct mpk_entry {
    Py_hash_t hash;
    PyObject *key, *value;
};
struct mpk_text_entry { /* all keys are str, which know their hashes */
    PyObject *key, *value;
};

#if PY_VERSION_HEX >= 0x030B0000
struct mpk_keys {
    Py_ssize_t references;
    uint8_t log2_size, log2_index_bytes, kind; /* 0: any keys, 1: str, 2: shared by instances */
    uint32_t version;
    Py_ssize_t usable, count;
    char indices[];
};
MPK_INLINE void *mpk_keys_entries(const struct mpk_keys *keys) {
    return (void *)(keys->indices + ((size_t)1 << keys->log2_index_bytes));
}
MPK_INLINE bool mpk_keys_text(const struct mpk_keys *keys) {
    return keys->kind != 0;
}
#else
struct mpk_keys {
    Py_ssize_t references, size;
    void *lookup;
    Py_ssize_t usable, count;
    char indices[];
};
MPK_INLINE void *mpk_keys_entries(const struct mpk_keys *keys) {
    const size_t width = keys->size <= 0xff ? 1 : keys->size <= 0xffff ? 2 : 4;
    return (void *)(keys->indices + width * (size_t)keys->size);
}
MPK_INLINE bool mpk_keys_text(const struct mpk_keys *keys) {
    (void)keys;
    return false;
}
#endif

/* The table of a dict that is its own; NULL: attributes of an instance, or one too large. */
MPK_INLINE const struct mpk_keys *mpk_dict_keys(PyObject *dict) {
    const PyDictObject *d = (const PyDictObject *)dict;
    const struct mpk_keys *keys = (const struct mpk_keys *)d->ma_keys;
#if PY_VERSION_HEX < 0x030B0000
    if (keys->size > 0x7fffffff)
        return NULL;
#endif
    return d->ma_values == NULL ? keys : NULL;
}

/* Looks for a key without calling anybody's code: a str, or what is told apart by its address. 1:
 * it is there, *ret, borrowed; 0: it is not; -1: only a key that is compared by code could tell. */
int mpk_dict_find(PyObject *dict, PyObject *key, PyObject **ret);

#endif /* MPK_INTERNALS */

/* ---- types ---------------------------------------------------------------------------------- */

/* A number that changes when the type, or one of its bases, is changed. 0: not known. No number is
 * ever used for two types. */
MPK_INLINE unsigned mpk_type_version(PyTypeObject *type) {
#if MPK_INTERNALS
#if PY_VERSION_HEX < 0x030D0000
    if (!PyType_HasFeature(type, Py_TPFLAGS_VALID_VERSION_TAG))
        return 0;
#endif
    return type->tp_version_tag;
#else
    (void)type;
    return 0;
#endif
}

/* ---- instances ------------------------------------------------------------------------------ */

/* Attributes of an instance that has no dict yet. */
struct mpk_fields {
    const void *keys; /* whose they are; for comparing */
    void *values;
    Py_ssize_t keys_count, count;
};

#if MPK_INTERNALS && PY_VERSION_HEX >= 0x030B0000
#define MPK_FIELDS 1

#if PY_VERSION_HEX >= 0x030D0000
struct mpk_values {
    uint8_t capacity, count, embedded, valid;
    PyObject *values[1];
};
MPK_INLINE PyObject **mpk_values_of(const struct mpk_fields *fields) {
    return ((struct mpk_values *)fields->values)->values;
}
/* Which key the one that was set as number i has. */
MPK_INLINE Py_ssize_t mpk_fields_order(const struct mpk_fields *fields, Py_ssize_t i) {
    const struct mpk_values *values = (const struct mpk_values *)fields->values;
    return ((const uint8_t *)&values->values[values->capacity])[i];
}
MPK_INLINE Py_ssize_t mpk_values_count(const void *values) {
    return ((const struct mpk_values *)values)->count;
}
MPK_INLINE void *mpk_values_find(PyObject *object) {
    if (!PyType_HasFeature(Py_TYPE(object), Py_TPFLAGS_INLINE_VALUES))
        return NULL;
    struct mpk_values *values =
        (struct mpk_values *)((char *)object + Py_TYPE(object)->tp_basicsize);
    return values->valid && ((PyObject **)object)[-3] == NULL ? values : NULL;
}
#else
MPK_INLINE PyObject **mpk_values_of(const struct mpk_fields *fields) {
    return (PyObject **)fields->values;
}
MPK_INLINE Py_ssize_t mpk_fields_order(const struct mpk_fields *fields, Py_ssize_t i) {
    return ((const uint8_t *)fields->values)[-3 - i];
}
MPK_INLINE Py_ssize_t mpk_values_count(const void *values) {
    return ((const uint8_t *)values)[-2];
}
MPK_INLINE void *mpk_values_find(PyObject *object) {
#if PY_VERSION_HEX >= 0x030C0000
    const uintptr_t word = ((uintptr_t *)object)[-3]; /* lowest bit: no dict, but values */
    return (word & 1) != 0 ? (void *)(word + 1) : NULL;
#else
    return ((void **)object)[-4];
#endif
}
#endif

/* Whether the attributes of an instance, of a heap type with a managed dict, are outside a dict. */
MPK_INLINE bool mpk_fields_find(PyObject *object, struct mpk_fields *ret) {
    if (!PyType_HasFeature(Py_TYPE(object), Py_TPFLAGS_MANAGED_DICT))
        return false;
    ret->values = mpk_values_find(object);
    if (ret->values == NULL)
        return false;
    const struct mpk_keys *keys =
        (const struct mpk_keys *)((PyHeapTypeObject *)Py_TYPE(object))->ht_cached_keys;
    ret->keys = keys;
    ret->keys_count = keys->count;
    ret->count = mpk_values_count(ret->values);
    return true;
}

MPK_INLINE PyObject *mpk_fields_key(const struct mpk_fields *fields, Py_ssize_t at) {
    return ((struct mpk_text_entry *)mpk_keys_entries((const struct mpk_keys *)fields->keys))[at]
        .key;
}

/* Whether they are still what they were, after something ran that may have changed them. */
MPK_INLINE bool mpk_fields_same(PyObject *object, const struct mpk_fields *fields) {
    struct mpk_fields now;
    return mpk_fields_find(object, &now) && now.values == fields->values &&
           now.keys == fields->keys && now.count == fields->count;
}
#else
#define MPK_FIELDS 0
#endif

/* The dict of an instance, borrowed, if there is one already. Of a type whose instances have one.
 */
MPK_INLINE PyObject *mpk_dict_of(PyObject *object) {
#if MPK_FIELDS
#if PY_VERSION_HEX >= 0x030C0000
    if (PyType_HasFeature(Py_TYPE(object), Py_TPFLAGS_MANAGED_DICT)) {
        PyObject *dict = ((PyObject **)object)[-3];
        return ((uintptr_t)dict & 1) != 0 ? NULL : dict;
    }
#else
    if (PyType_HasFeature(Py_TYPE(object), Py_TPFLAGS_MANAGED_DICT))
        return ((PyObject **)object)[-3];
#endif
#endif
    if (Py_TYPE(object)->tp_dictoffset <= 0)
        return NULL;
    return *(PyObject **)((char *)object + Py_TYPE(object)->tp_dictoffset);
}

#endif
