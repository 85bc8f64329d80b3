/* SPDX-License-Identifier: MIT
 *
 * Test: the time of one test, in which TMPDIR is a directory of its own and descriptors are
 * counted. mayfly/testing.py makes of it what unittest and pytest want.
 */
#include "core.h"

static int end_test(void **handle, mayfly_error *error) {
    mayfly_test *test = *handle;
    return mayfly_test_end(&test, error);
}

static int init(PyObject *object, PyObject *args, PyObject *kwargs) {
    static char *names[] = {NULL};
    struct mpy_held *self = (struct mpy_held *)object;
    mayfly_error error;
    mayfly_test *test = NULL;
    if (mpy_held_begin(object) < 0 || !PyArg_ParseTupleAndKeywords(args, kwargs, ":Test", names))
        return -1;
    const int r =
        mayfly_test_begin(&test, &error); /* it changes the environment: not beside others */
    self->handle = test;
    self->end = end_test;
    return r < 0 ? (void)mpy_raise(self->state, r, &error), -1 : 0;
}

static PyObject *get_path(PyObject *object, void *unused) {
    (void)unused;
    const struct mpy_held *self = (struct mpy_held *)object;
    return self->handle == NULL ? mpy_ref(Py_None)
                                : mpy_path_object(mayfly_test_tmpdir(self->handle), 0);
}

static void dealloc(PyObject *object) {
    PyTypeObject *type = Py_TYPE(object);
    mpy_held_end(object);
    type->tp_free(object);
    Py_DECREF(type);
}

static PyMethodDef methods[] = {
    {"end", mpy_held_close, METH_NOARGS,
     "Ends the test; what was left behind is an Error that names it, and is removed."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef getset[] = {
    {"path", get_path, NULL, "The directory; None after the end.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_init, init},
    {Py_tp_new, PyType_GenericNew},
    {Py_tp_dealloc, dealloc},
    {Py_tp_methods, methods},
    {Py_tp_getset, getset},
    {Py_tp_doc, "Test()\n--\n\nWhat mayfly.testing is made of."},
    {0, NULL},
};

int mpy_test_setup(PyObject *module, struct mpy_state *state) {
    PyType_Spec spec = {
        .name = "mayfly._core.Test",
        .basicsize = sizeof(struct mpy_held),
        .flags = Py_TPFLAGS_DEFAULT,
        .slots = slots,
    };
    state->Test = mpy_add_type(module, &spec, NULL, "Test");
    return state->Test == NULL ? -1 : 0;
}
