/* SPDX-License-Identifier: MIT
 *
 * Whose word an open file is, for mayfly.temp, which is also handed files that others opened.
 */
#include <mayfly/trust.h>
#include <sys/stat.h>

#include "core.h"

/* As OSError does, with the name that the caller knows the file by, whatever that is. */
static PyObject *raise_about(int code, const mayfly_error *error, PyObject *name) {
    PyObject *args =
        code == -EPERM
            ? Py_BuildValue("iNO", EPERM,
                            PyUnicode_FromFormat("%s, and loading executes what it says; "
                                                 "trusted=True loads it all the same",
                                                 error->message),
                            name)
            : Py_BuildValue("isO", -code, error->message, name);
    PyObject *exception = args == NULL ? NULL : PyObject_CallObject(PyExc_OSError, args);
    if (exception != NULL)
        PyErr_SetObject((PyObject *)Py_TYPE(exception), exception);
    Py_XDECREF(exception);
    Py_XDECREF(args);
    return NULL;
}

static PyObject *check_trust(PyObject *module, PyObject *args) {
    int fd;
    PyObject *name;
    mayfly_trust_options how = {.flags = MAYFLY_TRUST_ANY_KIND};
    mayfly_error error;
    struct stat found = {0};
    (void)module;
    if (!PyArg_ParseTuple(args, "iOs:_check_trust", &fd, &name, &how.operation))
        return NULL;
    const int r = mayfly_trust_check(fd, NULL, &how, &error);
    if (r < 0)
        return raise_about(r, &error, name);
    if (fstat(fd, &found) < 0)
        return PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, name);
    return PyLong_FromLongLong(found.st_size);
}

PyMethodDef mpy_trust_methods[] = {
    {"_check_trust", check_trust, METH_VARARGS,
     "_check_trust(fd, name, operation)\n--\n\n"
     "The size of a file that is the user's own word; else a PermissionError."},
    {NULL, NULL, 0, NULL},
};
