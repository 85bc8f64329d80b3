/* SPDX-License-Identifier: MIT
 *
 * What functions and methods take. Each module numbers its strings, and hands them on.
 */
#ifndef MPY_SIGNATURE_H
#define MPY_SIGNATURE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* Names in order, the first `positional` also without their name, the first `required` not left
 * out. */
struct mpy_signature {
    const char *function;
    int positional, count;
    unsigned char names[20]; /* by their numbers among the module's strings */
    int required;
};

/* Puts arguments into `out`, NULL where there is none; borrowed. 0, or -1 with a TypeError. */
int mpy_take(PyObject *const *strings, const struct mpy_signature *signature, PyObject *const *args,
             Py_ssize_t nargs, PyObject *kwnames, PyObject **out);
int mpy_take_tuple(PyObject *const *strings, const struct mpy_signature *signature, PyObject *args,
                   PyObject *kwargs, PyObject **out);

#endif
