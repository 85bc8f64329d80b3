/* SPDX-License-Identifier: MIT
 *
 * Arguments of functions and methods, by tables: for both extension modules.
 *
 * Rejected: PyArg_ParseTupleAndKeywords. With ten keywords it costs as much as creating a file.
 */
#include "signature.h"

static int find(PyObject *const *strings, const struct mpy_signature *signature, PyObject *key) {
    for (int i = 0; i < signature->count; i++)
        if (strings[signature->names[i]] == key)
            return i;
    for (int i = 0; i < signature->count; i++) /* a name that was put together at run time */
        if (PyUnicode_Compare(strings[signature->names[i]], key) == 0)
            return i;
    return -1;
}

static int put(PyObject *const *strings, const struct mpy_signature *signature, PyObject *key,
               PyObject *value, PyObject **out) {
    const int at = find(strings, signature, key);
    if (at < 0) {
        if (!PyErr_Occurred())
            PyErr_Format(PyExc_TypeError, "%s() got an unexpected keyword argument %R",
                         signature->function, key);
        return -1;
    }
    if (out[at] != NULL) {
        PyErr_Format(PyExc_TypeError, "%s() got multiple values for argument %R",
                     signature->function, key);
        return -1;
    }
    out[at] = value;
    return 0;
}

static int put_positional(const struct mpy_signature *signature, PyObject *const *args,
                          Py_ssize_t nargs, PyObject **out) {
    if (nargs > signature->positional) {
        PyErr_Format(PyExc_TypeError, "%s() takes at most %d positional arguments (%zd given)",
                     signature->function, signature->positional, nargs);
        return -1;
    }
    for (int i = 0; i < signature->count; i++)
        out[i] = i < nargs ? args[i] : NULL;
    return 0;
}

static int check_required(PyObject *const *strings, const struct mpy_signature *signature,
                          PyObject **out) {
    for (int i = 0; i < signature->required; i++)
        if (out[i] == NULL) {
            PyErr_Format(PyExc_TypeError, "%s() missing required argument '%U' (pos %d)",
                         signature->function, strings[signature->names[i]], i + 1);
            return -1;
        }
    return 0;
}

int mpy_take(PyObject *const *strings, const struct mpy_signature *signature, PyObject *const *args,
             Py_ssize_t nargs, PyObject *kwnames, PyObject **out) {
    int r = put_positional(signature, args, nargs, out);
    const Py_ssize_t keywords = kwnames == NULL ? 0 : PyTuple_GET_SIZE(kwnames);
    for (Py_ssize_t i = 0; r == 0 && i < keywords; i++)
        r = put(strings, signature, PyTuple_GET_ITEM(kwnames, i), args[nargs + i], out);
    return r == 0 ? check_required(strings, signature, out) : r;
}

int mpy_take_tuple(PyObject *const *strings, const struct mpy_signature *signature, PyObject *args,
                   PyObject *kwargs, PyObject **out) {
    int r = put_positional(signature, &PyTuple_GET_ITEM(args, 0), PyTuple_GET_SIZE(args), out);
    PyObject *key = NULL, *value = NULL;
    Py_ssize_t at = 0;
    while (r == 0 && kwargs != NULL && PyDict_Next(kwargs, &at, &key, &value))
        r = put(strings, signature, key, value, out);
    return r == 0 ? check_required(strings, signature, out) : r;
}
