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
        const unsigned char byte = negative ? (unsigned char)~bytes[size - 1 - i] : bytes[size - 1 - i];
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

PyObject *mpk_new_text(const char *text, size_t size) {
    return PyUnicode_DecodeUTF8(text, (Py_ssize_t)size, "surrogatepass");
}
