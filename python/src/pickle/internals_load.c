/* SPDX-License-Identifier: MIT
 *
 * What of internals_load.h is not worth inlining.
 */
#include "internals_load.h"

int mpk_list_take_slowly(PyObject *list, PyObject *const *items, size_t count) {
    int r = 0;
    for (size_t i = 0; i < count; i++) {
        if (r == 0)
            r = PyList_Append(list, items[i]);
        Py_DECREF(items[i]);
    }
    return r;
}

int mpk_dict_take_slowly(PyObject *dict, PyObject *const *pairs, size_t count) {
    int r = 0;
    for (size_t i = 0; i < 2 * count; i += 2) {
        if (r == 0)
            r = PyDict_SetItem(dict, pairs[i], pairs[i + 1]);
        Py_DECREF(pairs[i]);
        Py_DECREF(pairs[i + 1]);
    }
    return r;
}

#if !MPK_INTERNALS && PY_VERSION_HEX < 0x030D0000
/* Digits of base 16 are taken in time that grows with their number, which is true of the public
 * way for no other base. */
static PyObject *long_by_text(const unsigned char *bytes, size_t size) {
    static const char digits[] = "0123456789abcdef";
    const bool negative = bytes[size - 1] >= 0x80;
    char *text = PyMem_Malloc(2 * size + 1);
    if (text == NULL)
        return PyErr_NoMemory();
    for (size_t i = 0; i < size; i++) { /* of a negative one: -1 - n, which is ~n */
        const unsigned char byte =
            negative ? (unsigned char)~bytes[size - 1 - i] : bytes[size - 1 - i];
        text[2 * i] = digits[byte >> 4];
        text[2 * i + 1] = digits[byte & 15];
    }
    text[2 * size] = '\0';
    PyObject *value = PyLong_FromString(text, NULL, 16);
    PyMem_Free(text);
    if (value != NULL && negative) {
        PyObject *inverted = PyNumber_Invert(value);
        Py_DECREF(value);
        value = inverted;
    }
    return value;
}
#endif

PyObject *mpk_new_long(const unsigned char *bytes, size_t size) {
    if (size <= 8) {
        uint64_t value = 0;
        for (size_t i = 0; i < size; i++)
            value |= (uint64_t)bytes[i] << 8 * i;
        if (size > 0 && size < 8 && bytes[size - 1] >= 0x80)
            value |= ~(uint64_t)0 << 8 * size;
        return PyLong_FromLongLong((long long)value);
    }
#if PY_VERSION_HEX >= 0x030D0000
    return PyLong_FromNativeBytes(bytes, size, Py_ASNATIVEBYTES_LITTLE_ENDIAN);
#elif MPK_INTERNALS
    return _PyLong_FromByteArray(bytes, size, 1, 1);
#else
    return long_by_text(bytes, size);
#endif
}

/* Characters that are decoded at once on the C stack. */
enum { AT_ONCE = 512 };

/* The character at text[*at], two to four bytes of UTF-8; false: it is none, or a surrogate. */
static inline bool wide_character(const unsigned char *text, size_t size, size_t *at,
                                  Py_UCS4 *ret) {
    const unsigned char *from = text + *at;
    const unsigned length = from[0] < 0xe0 ? 2 : from[0] < 0xf0 ? 3 : 4;
    static const Py_UCS4 least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (from[0] < 0xc2 || from[0] > 0xf4 || size - *at < length)
        return false;
    Py_UCS4 c = from[0] & (0x7fu >> length);
    for (unsigned i = 1; i < length; i++) {
        if ((from[i] & 0xc0) != 0x80)
            return false;
        c = c << 6 | (from[i] & 0x3f);
    }
    *at += length;
    *ret = c;
    return c >= least[length] && c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
}

static PyObject *of_characters(const Py_UCS4 *from, size_t count, Py_UCS4 most) {
    PyObject *made = PyUnicode_New((Py_ssize_t)count, most);
    if (made == NULL)
        return NULL;
    if (most < 0x100) {
        Py_UCS1 *to = PyUnicode_1BYTE_DATA(made);
        for (size_t i = 0; i < count; i++)
            to[i] = (Py_UCS1)from[i];
    } else if (most < 0x10000) {
        Py_UCS2 *to = PyUnicode_2BYTE_DATA(made);
        for (size_t i = 0; i < count; i++)
            to[i] = (Py_UCS2)from[i];
    } else {
        memcpy(PyUnicode_4BYTE_DATA(made), from, count * sizeof *from);
    }
    return made;
}

/* What is short and well-formed needs none of the machinery of codecs. Characters up to U+00FF by
 * themselves are CPython's own objects. */
PyObject *mpk_new_text(const char *text, size_t size) {
    const unsigned char *from = (const unsigned char *)text;
    if (size == 1 && from[0] < 0x80)
        return PyUnicode_FromOrdinal(from[0]);
    Py_UCS4 characters[AT_ONCE], all = 0, most = 0;
    size_t count = 0, at = 0;
    bool good = size > 2 && size <= AT_ONCE;
    while (good && at < size) {
        Py_UCS4 c = from[at];
        if (c < 0x80)
            at++;
        else
            good = wide_character(from, size, &at, &c);
        all |= c;
        most = c > most ? c : most;
        characters[count++] = c;
    }
    if (good && count > 1 && all >= 0x80)
        return of_characters(characters, count, most);
    return PyUnicode_DecodeUTF8(text, (Py_ssize_t)size, "surrogatepass");
}

int mpk_attribute(PyObject *object, PyObject *name, PyObject **ret) {
#if PY_VERSION_HEX >= 0x030D0000
    return PyObject_GetOptionalAttr(object, name, ret);
#elif MPK_INTERNALS
    return _PyObject_LookupAttr(object, name, ret);
#else
    *ret = PyObject_GetAttr(object, name);
    if (*ret != NULL)
        return 1;
    if (!PyErr_ExceptionMatches(PyExc_AttributeError))
        return -1;
    PyErr_Clear();
    return 0;
#endif
}

/* ---- functions ------------------------------------------------------------------------------- */

#if MPK_LAYOUTS
static bool is_closure(PyObject *closure, Py_ssize_t count) {
    if (closure == Py_None)
        return count == 0;
    if (!PyTuple_CheckExact(closure) || PyTuple_GET_SIZE(closure) != count || count == 0)
        return false;
    for (Py_ssize_t i = 0; i < count; i++)
        if (!PyCell_Check(PyTuple_GET_ITEM(closure, i)))
            return false;
    return true;
}
#endif

/* What is usual is put together without a call that takes its arguments apart; FunctionType says
 * what is wrong with everything else. */
PyObject *mpk_new_function(PyObject *code, PyObject *names, PyObject *name, PyObject *defaults,
                           PyObject *closure) {
#if MPK_LAYOUTS
    if (PyCode_Check(code) && PyDict_CheckExact(names) &&
        (name == Py_None || PyUnicode_CheckExact(name)) &&
        (defaults == Py_None || PyTuple_CheckExact(defaults)) &&
        is_closure(closure, PyCode_GetNumFree((PyCodeObject *)code))) {
        if (PySys_Audit("function.__new__", "O", code) < 0)
            return NULL;
        PyObject *made = PyFunction_New(code, names);
        if (made == NULL)
            return NULL;
        PyFunctionObject *function = (PyFunctionObject *)made;
        if (name != Py_None) {
            PyObject *old = function->func_name;
            function->func_name = mpk_ref(name);
            Py_XDECREF(old);
        }
        if (defaults != Py_None)
            function->func_defaults = mpk_ref(defaults);
        if (closure != Py_None)
            function->func_closure = mpk_ref(closure);
        return made;
    }
#endif
    return PyObject_CallFunctionObjArgs((PyObject *)&PyFunction_Type, code, names, name, defaults,
                                        closure, NULL);
}

bool mpk_is_bare_function(PyObject *object) {
#if MPK_LAYOUTS
    if (!PyFunction_Check(object))
        return false;
    PyObject *own = ((PyFunctionObject *)object)->func_dict;
    return own == NULL || PyDict_GET_SIZE(own) == 0;
#else
    (void)object;
    return false;
#endif
}

bool mpk_set_in_function(PyObject *function, PyObject *name, PyObject *value) {
#if MPK_LAYOUTS
    if (!PyUnicode_CheckExact(name))
        return false;
    if (PyDict_CheckExact(value) && MPK_IS_TEXT(name, "__annotations__"))
        return PyFunction_SetAnnotations(function, value) == 0;
    if (PyUnicode_CheckExact(value) && MPK_IS_TEXT(name, "__qualname__")) {
        PyFunctionObject *named = (PyFunctionObject *)function;
        PyObject *old = named->func_qualname;
        named->func_qualname = mpk_ref(value);
        Py_XDECREF(old);
        return true;
    }
#endif
    (void)function, (void)name, (void)value;
    return false;
}
