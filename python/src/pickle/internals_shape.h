/* SPDX-License-Identifier: MIT
 *
 * Attributes where CPython 3.11 to 3.15 has them before an object needs a dict: in values beside
 * it, whose names its class has. For one file: it needs Py_BUILD_CORE.
 */
#ifndef MPK_INTERNALS_SHAPE_H
#define MPK_INTERNALS_SHAPE_H

#include "internals_load.h"

#include <structmember.h>

#if MPK_LAYOUTS && PY_VERSION_HEX >= 0x030B0000
#define MPK_VALUES 1
#include "internal/pycore_dict.h"
#include "internal/pycore_object.h"
#else
#define MPK_VALUES 0
#endif

#if MPK_VALUES

static inline bool mpk_has_values(const PyTypeObject *type) {
#if PY_VERSION_HEX >= 0x030D0000
    return (type->tp_flags & Py_TPFLAGS_INLINE_VALUES) != 0;
#else
    return (type->tp_flags & Py_TPFLAGS_MANAGED_DICT) != 0;
#endif
}

/* The place of an attribute's value; -1: the class knows none yet. */
static inline Py_ssize_t mpk_value_place(const PyTypeObject *type, PyObject *name) {
    PyDictKeysObject *keys = ((const PyHeapTypeObject *)type)->ht_cached_keys;
    if (keys == NULL || keys->dk_kind == DICT_KEYS_GENERAL)
        return -1;
    const PyDictUnicodeEntry *entries = DK_UNICODE_ENTRIES(keys);
    for (Py_ssize_t i = 0; i < keys->dk_nentries; i++)
        if (entries[i].me_key == name)
            return i;
    return -1;
}

/* The values of an object that has none set and no dict; NULL: it has, or cannot. */
static inline PyDictValues *mpk_fresh_values(PyObject *object) {
#if PY_VERSION_HEX >= 0x030D0000
    PyDictValues *values = _PyObject_InlineValues(object);
    if (!values->valid || values->size != 0 || _PyObject_GetManagedDict(object) != NULL)
        return NULL;
    return values;
#else
#if PY_VERSION_HEX >= 0x030C0000
    const PyDictOrValues either = *_PyObject_DictOrValuesPointer(object);
    PyDictValues *values =
        _PyDictOrValues_IsValues(either) ? _PyDictOrValues_GetValues(either) : NULL;
#else
    PyDictValues *values = *_PyObject_ValuesPointer(object);
#endif
    return values != NULL && ((uint8_t *)values)[-2] == 0 ? values : NULL;
#endif
}

/* How many places there are. */
static inline size_t mpk_value_room(const PyDictValues *values) {
#if PY_VERSION_HEX >= 0x030D0000
    return values->capacity;
#else
    return (size_t)((const uint8_t *)values)[-1] - 2; /* what lies before them has as many bytes */
#endif
}

static inline void mpk_set_value(PyDictValues *values, size_t place, PyObject *value) {
    values->values[place] = value;
    _PyDictValues_AddToInsertionOrder(values, (Py_ssize_t)place);
}

/* The value there, borrowed; NULL: the object keeps its attributes elsewhere by now. */
static inline PyObject *mpk_get_value(PyObject *object, size_t place) {
#if PY_VERSION_HEX >= 0x030D0000
    PyDictValues *values = _PyObject_InlineValues(object);
    return values->valid ? values->values[place] : NULL;
#elif PY_VERSION_HEX >= 0x030C0000
    const PyDictOrValues either = *_PyObject_DictOrValuesPointer(object);
    return _PyDictOrValues_IsValues(either) ? _PyDictOrValues_GetValues(either)->values[place]
                                            : NULL;
#else
    PyDictValues *values = *_PyObject_ValuesPointer(object);
    return values != NULL ? values->values[place] : NULL;
#endif
}

#endif

#if MPK_LAYOUTS

/* Where a slot's value lies in its objects; -1: it is none that is simply stored. */
static inline Py_ssize_t mpk_slot_offset(PyTypeObject *type, PyObject *name) {
    PyObject *found = _PyType_Lookup(type, name);
    if (found == NULL || !Py_IS_TYPE(found, &PyMemberDescr_Type))
        return -1;
    const PyMemberDef *member = ((PyMemberDescrObject *)found)->d_member;
    const bool plain = member->type == T_OBJECT_EX && member->flags == 0 &&
                       PyType_IsSubtype(type, ((PyMemberDescrObject *)found)->d_common.d_type);
    return plain ? member->offset : -1;
}

#endif
#endif
