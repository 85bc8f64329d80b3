/* SPDX-License-Identifier: MIT
 *
 * _Buffer: an io.BytesIO that is also what exec(), bytes() and memoryview() read from.
 *
 * io.BytesIO lends its memory by getbuffer() only; before Python 3.12 a class in Python has no
 * other way to do so. What is lent keeps the buffer from growing, as getbuffer() does.
 */
#include "core.h"

static int lend(PyObject *self, Py_buffer *view, int flags) {
    PyObject *memory = PyObject_CallMethod(self, "getbuffer", NULL);
    const int r = memory == NULL ? -1 : PyObject_GetBuffer(memory, view, flags);
    /* The view has a reference of its own to what it looks at. */
    Py_XDECREF(memory);
    if (memory == NULL)
        view->obj = NULL;
    return r;
}

static Py_ssize_t length(PyObject *self) {
    PyObject *memory = PyObject_CallMethod(self, "getbuffer", NULL);
    const Py_ssize_t count = memory == NULL ? -1 : PyObject_Length(memory);
    Py_XDECREF(memory);
    return count;
}

static PyObject *item(PyObject *self, PyObject *key) {
    PyObject *bytes = PyObject_CallMethod(self, "getvalue", NULL);
    PyObject *found = bytes == NULL ? NULL : PyObject_GetItem(bytes, key);
    Py_XDECREF(bytes);
    return found;
}

static PyType_Slot slots[] = {
    {Py_bf_getbuffer, lend},
    {Py_mp_length, length},
    {Py_sq_length, length},
    {Py_mp_subscript, item},
    {Py_tp_doc, "An io.BytesIO that is bytes-like itself."},
    {0, NULL},
};

int mpy_buffer_setup(PyObject *module, struct mpy_state *state) {
    PyType_Spec spec = {
        .name = "mayfly._core._Buffer",
        .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
        .slots = slots,
    };
    state->Buffer = mpy_add_type(module, &spec, state->BytesIO, "_Buffer");
    return state->Buffer == NULL ? -1 : 0;
}
