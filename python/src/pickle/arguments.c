/* SPDX-License-Identifier: MIT
 *
 * Arguments of functions and methods, by tables.
 */
#include "pickle.h"

static int refuse(const struct mpk_signature *signature, const char *what, PyObject *name) {
    PyErr_Format(PyExc_TypeError, "%s() got %s '%U'", signature->function, what, name);
    return -1;
}

static int take_keyword(const struct mpk_state *state, const struct mpk_signature *signature,
                        PyObject *name, PyObject *value, PyObject **out) {
    int at = 0;
    while (at < signature->count && state->n[signature->names[at]] != name)
        at++;
    if (at == signature->count)
        for (at = 0; at < signature->count; at++)
            if (PyUnicode_Compare(state->n[signature->names[at]], name) == 0)
                break;
    if (at == signature->count)
        return refuse(signature, "an unexpected keyword argument", name);
    if (out[at] != NULL)
        return refuse(signature, "multiple values for argument", name);
    out[at] = value;
    return 0;
}

static int take_positional(const struct mpk_signature *signature, PyObject *const *args,
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

static int check_required(const struct mpk_state *state, const struct mpk_signature *signature,
                          PyObject **out) {
    for (int i = 0; i < signature->required; i++)
        if (out[i] == NULL) {
            PyErr_Format(PyExc_TypeError, "%s() missing required argument '%U' (pos %d)",
                         signature->function, state->n[signature->names[i]], i + 1);
            return -1;
        }
    return 0;
}

int mpk_parse(const struct mpk_state *state, const struct mpk_signature *signature,
              PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames, PyObject **out) {
    if (take_positional(signature, args, nargs, out) < 0)
        return -1;
    for (Py_ssize_t i = 0; kwnames != NULL && i < PyTuple_GET_SIZE(kwnames); i++)
        if (take_keyword(state, signature, PyTuple_GET_ITEM(kwnames, i), args[nargs + i], out) < 0)
            return -1;
    return check_required(state, signature, out);
}

int mpk_parse_tuple(const struct mpk_state *state, const struct mpk_signature *signature,
                    PyObject *args, PyObject *kwargs, PyObject **out) {
    const Py_ssize_t nargs = PyTuple_GET_SIZE(args);
    PyObject *given[16] = {NULL}, *name, *value;
    Py_ssize_t position = 0;
    for (Py_ssize_t i = 0; i < nargs && i < 16; i++)
        given[i] = PyTuple_GET_ITEM(args, i);
    if (take_positional(signature, given, nargs, out) < 0)
        return -1;
    while (kwargs != NULL && PyDict_Next(kwargs, &position, &name, &value))
        if (take_keyword(state, signature, name, value, out) < 0)
            return -1;
    return check_required(state, signature, out);
}
