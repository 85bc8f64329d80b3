/* SPDX-License-Identifier: MIT
 *
 * The part of the shim that loading needs: objects made by hand, on the layouts of CPython 3.9 to
 * 3.15; and the same on its public interface, for others and for MPK_PUBLIC_ONLY.
 */
#ifndef MPK_INTERNALS_LOAD_H
#define MPK_INTERNALS_LOAD_H

#include "internals.h"

#if MPK_INTERNALS && !defined(Py_REF_DEBUG) && !defined(Py_TRACE_REFS)
#define MPK_LAYOUTS 1
#else
#define MPK_LAYOUTS 0
#endif

#define MPK_LIKELY(x) __builtin_expect(!!(x), 1)

PyObject *mpk_new_long(const unsigned char *bytes, size_t size); /* little-endian, signed */
PyObject *mpk_new_text(const char *text, size_t size);           /* UTF-8, with surrogates */

/* What takes items takes their references, also when it fails. */
int mpk_list_take_slowly(PyObject *list, PyObject *const *items, size_t count);
int mpk_dict_take_slowly(PyObject *dict, PyObject *const *pairs, size_t count);

/* An attribute that may be missing: 1, 0, -1 with an exception. */
int mpk_attribute(PyObject *object, PyObject *name, PyObject **ret);

/* Whether a text is this one, which is ASCII. */
#define MPK_IS_TEXT(text, literal) mpk_is_ascii((text), (literal), sizeof(literal) - 1)
static inline bool mpk_is_ascii(PyObject *text, const char *ascii, size_t size) {
    return PyUnicode_IS_COMPACT_ASCII(text) && (size_t)PyUnicode_GET_LENGTH(text) == size &&
           memcmp(PyUnicode_DATA(text), ascii, size) == 0;
}

/* What types.FunctionType(code, names, name, defaults, closure) makes. */
PyObject *mpk_new_function(PyObject *code, PyObject *names, PyObject *name, PyObject *defaults,
                           PyObject *closure);
/* Whether a function has no attributes of its own: nothing but its type says what it has. */
bool mpk_is_bare_function(PyObject *object);
/* Sets an attribute of a function that is often set. 0: it is another, or another kind of value. */
bool mpk_set_in_function(PyObject *function, PyObject *name, PyObject *value);

/* ---- objects --------------------------------------------------------------------------------- */

#if MPK_LAYOUTS
/* What all of them begin with. The types are CPython's own, which count no references. From 3.14 on
 * flags lie beside the count. */
static inline void mpk_begin(PyObject *made, PyTypeObject *type) {
#if PY_VERSION_HEX >= 0x030E0000 && SIZEOF_VOID_P > 4
    made->ob_refcnt_full = 1;
#else
    made->ob_refcnt = 1;
#endif
    made->ob_type = type;
}
#endif

/* ---- numbers --------------------------------------------------------------------------------- */

/* Room for two digits: a multiple of 16 bytes, as the allocator has it, is that for one as well. */
#if MPK_LAYOUTS && PY_VERSION_HEX >= 0x030C0000
#define MPK_LONG_SIZE (offsetof(PyLongObject, long_value.ob_digit) + 2 * sizeof(digit))
static inline void mpk_set_digits(PyLongObject *made, digit low, digit high, bool negative) {
    mpk_begin((PyObject *)made, &PyLong_Type);
    made->long_value.lv_tag = (uintptr_t)(high != 0 ? 2 : 1) << 3 | (negative ? 2 : 0);
    made->long_value.ob_digit[0] = low;
    made->long_value.ob_digit[1] = high;
}
#elif MPK_LAYOUTS
#define MPK_LONG_SIZE (offsetof(PyLongObject, ob_digit) + 2 * sizeof(digit))
static inline void mpk_set_digits(PyLongObject *made, digit low, digit high, bool negative) {
    const Py_ssize_t count = high != 0 ? 2 : 1;
    mpk_begin((PyObject *)made, &PyLong_Type);
    made->ob_base.ob_size = negative ? -count : count;
    made->ob_digit[0] = low;
    made->ob_digit[1] = high;
}
#endif

/* Those that CPython has only one of. */
#if PY_VERSION_HEX >= 0x030F0000
enum { MPK_SINGLE_LEAST = -5, MPK_SINGLE_MOST = 1024 };
#else
enum { MPK_SINGLE_LEAST = -5, MPK_SINGLE_MOST = 256 };
#endif

static inline PyObject *mpk_new_int(int64_t value) {
#if MPK_LAYOUTS && PYLONG_BITS_IN_DIGIT == 30
    const uint64_t size = value < 0 ? -(uint64_t)value : (uint64_t)value;
    if (MPK_LIKELY(size >> 60 == 0 && (value > MPK_SINGLE_MOST || value < MPK_SINGLE_LEAST))) {
        PyLongObject *made = (PyLongObject *)PyObject_Malloc(MPK_LONG_SIZE);
        if (MPK_LIKELY(made != NULL)) {
            mpk_set_digits(made, (digit)(size & PyLong_MASK), (digit)(size >> PyLong_SHIFT),
                           value < 0);
            return (PyObject *)made;
        }
    }
#endif
    return PyLong_FromLongLong(value);
}

static inline PyObject *mpk_new_float(double value) {
#if MPK_LAYOUTS
    PyFloatObject *made = (PyFloatObject *)PyObject_Malloc(sizeof *made);
    if (MPK_LIKELY(made != NULL)) {
        mpk_begin((PyObject *)made, &PyFloat_Type);
        made->ob_fval = value;
        return (PyObject *)made;
    }
    return PyErr_NoMemory();
#else
    return PyFloat_FromDouble(value);
#endif
}

/* ---- text ------------------------------------------------------------------------------------ */

/* memcpy() for what is mostly shorter than a call is worth. */
static inline void mpk_copy_short(char *to, const char *from, size_t size) {
    if (size > 16) {
        memcpy(to, from, size);
    } else if (size >= 8) {
        char first[8], last[8];
        memcpy(first, from, 8);
        memcpy(last, from + size - 8, 8);
        memcpy(to, first, 8);
        memcpy(to + size - 8, last, 8);
    } else if (size >= 4) {
        char first[4], last[4];
        memcpy(first, from, 4);
        memcpy(last, from + size - 4, 4);
        memcpy(to, first, 4);
        memcpy(to + size - 4, last, 4);
    } else {
        to[0] = from[0];
        to[size / 2] = from[size / 2];
        to[size - 1] = from[size - 1];
    }
}

/* At least two characters, all of them ASCII. */
static inline PyObject *mpk_new_ascii(const char *text, size_t size) {
#if MPK_LAYOUTS
    PyASCIIObject *made = (PyASCIIObject *)PyObject_Malloc(sizeof *made + size + 1);
    if (MPK_LIKELY(made != NULL)) {
        char *to = (char *)(made + 1);
        mpk_begin((PyObject *)made, &PyUnicode_Type);
        made->length = (Py_ssize_t)size;
        made->hash = -1;
        memset(&made->state, 0, sizeof made->state);
        made->state.kind = PyUnicode_1BYTE_KIND;
        made->state.compact = 1;
        made->state.ascii = 1;
#if PY_VERSION_HEX < 0x030C0000
        made->state.ready = 1;
        made->wstr = NULL;
#endif
        mpk_copy_short(to, text, size);
        to[size] = '\0';
        return (PyObject *)made;
    }
    return PyErr_NoMemory();
#else
    PyObject *made = PyUnicode_New((Py_ssize_t)size, 127);
    if (made != NULL)
        memcpy(PyUnicode_DATA(made), text, size);
    return made;
#endif
}

/* ---- containers ------------------------------------------------------------------------------ */

enum { MPK_TUPLE_MOST = 20 }; /* items; as many as CPython keeps free ones for */

/* Whether the collector may have to follow a reference to it: not to what contains nothing, nor to
 * a tuple that it need not follow. */
static inline bool mpk_is_followed(PyObject *object) {
    return PyType_HasFeature(Py_TYPE(object), Py_TPFLAGS_HAVE_GC) &&
           (!PyTuple_CheckExact(object) || PyObject_GC_IsTracked(object));
}

/* A tuple that takes the references of `items`; if it fails, they stay where they are. One that can
 * be part of no cycle is neither shown to the collector nor counted by it, as little as an int is:
 * it would let go of it at its next turn. */
static inline PyObject *mpk_new_tuple(PyObject *const *items, size_t count) {
#if MPK_LAYOUTS
    bool followed = count == 0;
    for (size_t i = 0; !followed && i < count; i++)
        followed = mpk_is_followed(items[i]);
    if (MPK_LIKELY(!followed && count <= MPK_TUPLE_MOST)) {
        enum { LINKS = 2 }; /* the collector's, before the object */
        uintptr_t *block = (uintptr_t *)PyObject_Malloc(
            LINKS * sizeof *block + offsetof(PyTupleObject, ob_item) + count * sizeof *items);
        if (block == NULL)
            return PyErr_NoMemory();
        PyTupleObject *made = (PyTupleObject *)(void *)(block + LINKS);
        block[0] = block[1] = 0;
        mpk_begin((PyObject *)made, &PyTuple_Type);
        made->ob_base.ob_size = (Py_ssize_t)count;
#if PY_VERSION_HEX >= 0x030E0000
        made->ob_hash = -1;
#endif
        for (size_t i = 0; i < count; i++)
            made->ob_item[i] = items[i];
        return (PyObject *)made;
    }
#endif
    PyObject *tuple = PyTuple_New((Py_ssize_t)count);
    if (tuple != NULL && count > 0)
        memcpy(((PyTupleObject *)tuple)->ob_item, items, count * sizeof *items);
    return tuple;
}

/* Appends to a list. */
static inline int mpk_list_take(PyObject *object, PyObject *const *items, size_t count) {
#if MPK_LAYOUTS
    PyListObject *list = (PyListObject *)object;
    const size_t old = (size_t)Py_SIZE(list), wanted = old + count;
    if ((Py_ssize_t)wanted > list->allocated) { /* -1: it is being sorted */
        const size_t room = old == 0 ? wanted : wanted + wanted / 8 + 6;
        PyObject **grown = room > PY_SSIZE_T_MAX / sizeof *grown
                               ? NULL
                               : (PyObject **)PyMem_Realloc(list->ob_item, room * sizeof *grown);
        if (grown == NULL)
            return mpk_list_take_slowly(object, items, count);
        list->ob_item = grown;
        list->allocated = (Py_ssize_t)room;
    }
    memcpy(list->ob_item + old, items, count * sizeof *items);
    Py_SET_SIZE(list, (Py_ssize_t)wanted);
    return 0;
#else
    return mpk_list_take_slowly(object, items, count);
#endif
}

/* Sets pairs in a dict; where they lie is written over. */
int mpk_dict_take_fast(PyObject *dict, PyObject **pairs, size_t count);

#endif
