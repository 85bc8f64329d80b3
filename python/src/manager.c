/* SPDX-License-Identifier: MIT
 *
 * Manager: many files and directories with one end; one that fails does not keep the others.
 */
#include "core.h"

struct manager {
    PyObject_HEAD PyObject *list;
    struct mpy_state *state;
};

static int init(PyObject *object, PyObject *args, PyObject *kwargs) {
    struct manager *self = (struct manager *)object;
    if (!PyArg_ParseTuple(args, ":Manager") || (kwargs != NULL && PyDict_GET_SIZE(kwargs) > 0)) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_TypeError, "Manager() takes no arguments");
        return -1;
    }
    self->state = mpy_state_of_type(Py_TYPE(object));
    PyObject *list = self->state == NULL ? NULL : PyList_New(0);
    if (list == NULL)
        return -1;
    Py_XSETREF(self->list, list);
    return 0;
}

static PyObject *take(const struct manager *self, PyObject *thing) {
    if (thing != NULL && self->list == NULL)
        PyErr_SetString(PyExc_RuntimeError, "Manager.__init__() was not called");
    if (thing != NULL && (self->list == NULL || PyList_Append(self->list, thing) < 0))
        Py_CLEAR(thing);
    return thing;
}

static PyObject *make_file(PyObject *object, PyObject *args, PyObject *kwargs) {
    const struct manager *self = (struct manager *)object;
    PyObject *core = PyImport_ImportModule("mayfly._core");
    PyObject *function = core == NULL ? NULL : PyObject_GetAttrString(core, "NamedTemporaryFile");
    PyObject *file = function == NULL ? NULL : PyObject_Call(function, args, kwargs);
    Py_XDECREF(function);
    Py_XDECREF(core);
    return take(self, file);
}

static PyObject *make_dir(PyObject *object, PyObject *args, PyObject *kwargs) {
    const struct mpy_state *state = mpy_state_of_type(Py_TYPE(object));
    return state == NULL
               ? NULL
               : take((struct manager *)object, PyObject_Call(state->Directory, args, kwargs));
}

/* A file's scope ends, also one that was closed with delete_on_close=False. */
static int end_one(const struct manager *self, PyObject *thing) {
    PyObject *none = Py_None;
    PyObject *done =
        PyObject_CallMethodObjArgs(thing, self->state->n[N___exit__], none, none, none, NULL);
    Py_XDECREF(done);
    return done == NULL ? -1 : 0;
}

static PyObject *cleanup(PyObject *object, PyObject *unused) {
    (void)unused;
    const struct manager *self = (struct manager *)object;
    PyObject *type = NULL, *value = NULL, *trace = NULL;
    while (self->list != NULL && PyList_GET_SIZE(self->list) > 0) {
        const Py_ssize_t last = PyList_GET_SIZE(self->list) - 1;
        PyObject *thing = mpy_ref(PyList_GET_ITEM(self->list, last));
        if (PyList_SetSlice(self->list, last, last + 1, NULL) == 0 && end_one(self, thing) < 0) {
            if (type == NULL)
                PyErr_Fetch(&type, &value, &trace);
            PyErr_Clear();
        }
        Py_DECREF(thing);
    }
    if (type == NULL)
        Py_RETURN_NONE;
    PyErr_Restore(type, value, trace);
    return NULL;
}

static PyObject *enter(PyObject *object, PyObject *unused) {
    (void)unused;
    return mpy_ref(object);
}

static PyObject *exit_scope(PyObject *object, PyObject *args) {
    (void)args;
    return cleanup(object, NULL);
}

static Py_ssize_t count(PyObject *object) {
    const struct manager *self = (struct manager *)object;
    return self->list == NULL ? 0 : PyList_GET_SIZE(self->list);
}

static int traverse(PyObject *object, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE(object));
    Py_VISIT(((struct manager *)object)->list);
    return 0;
}

static int clear(PyObject *object) {
    Py_CLEAR(((struct manager *)object)->list);
    return 0;
}

static void dealloc(PyObject *object) {
    PyTypeObject *type = Py_TYPE(object);
    PyObject_GC_UnTrack(object);
    (void)clear(object);
    type->tp_free(object);
    Py_DECREF(type);
}

static PyMethodDef methods[] = {
    {"file", (PyCFunction)(void (*)(void))make_file, METH_VARARGS | METH_KEYWORDS,
     "file(**options): a NamedTemporaryFile that ends with the manager."},
    {"dir", (PyCFunction)(void (*)(void))make_dir, METH_VARARGS | METH_KEYWORDS,
     "dir(**options): a TemporaryDirectory that ends with the manager."},
    {"cleanup", cleanup, METH_NOARGS,
     "Ends all of them, the newest first; raises the first error."},
    {"close", cleanup, METH_NOARGS, "As cleanup."},
    {"__enter__", enter, METH_NOARGS, NULL},
    {"__exit__", exit_scope, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_init, init},
    {Py_tp_new, PyType_GenericNew},
    {Py_tp_dealloc, dealloc},
    {Py_tp_traverse, traverse},
    {Py_tp_clear, clear},
    {Py_sq_length, count},
    {Py_tp_methods, methods},
    {Py_tp_doc, "Manager()\n--\n\nMany temporary files and directories with one end."},
    {0, NULL},
};

int mpy_manager_setup(PyObject *module, struct mpy_state *state) {
    PyType_Spec spec = {
        .name = "mayfly.Manager",
        .basicsize = sizeof(struct manager),
        .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
        .slots = slots,
    };
    state->Manager = mpy_add_type(module, &spec, NULL, "Manager");
    return state->Manager == NULL ? -1 : 0;
}
