/* SPDX-License-Identifier: MIT
 *
 * What NamedTemporaryFile returns: a file of io's that also knows its name.
 *
 * The name is removed by the raw file below, which lives as long as any method of the file that
 * somebody holds. So there is nothing to be tied together here: what is asked for is io's own.
 *
 * Others derive from tempfile._TemporaryFileWrapper, even beside an exception (urllib.error), for
 * which it must not have a layout of its own. So that class is in Python (_private.py), is loaded
 * when somebody wants it, and what is made here says that it is one of it.
 */
#include "core.h"

#include <structmember.h>

struct wrapper {
    PyObject_HEAD PyObject *file;
    PyObject *raw;
    PyObject *name;
    PyObject *dict;
    PyObject *weak;
    struct mpy_state *state;
    char delete;
    char delete_on_close;
};

PyObject *mpy_wrapper_new(struct mpy_state *state, PyObject *file, PyObject *raw, PyObject *name,
                          int delete_on_close, int delete) {
    PyTypeObject *type = (PyTypeObject *)state->Wrapper;
    struct wrapper *self = (struct wrapper *)type->tp_alloc(type, 0);
    if (self == NULL)
        return NULL;
    self->file = mpy_ref(file);
    self->raw = mpy_ref(raw);
    self->name = mpy_ref(name);
    self->state = state;
    self->delete = (char)delete;
    self->delete_on_close = (char)delete_on_close;
    return (PyObject *)self;
}

static PyObject *close_file(PyObject *object, PyObject *unused);

static int traverse(PyObject *object, visitproc visit, void *arg) {
    struct wrapper *self = (struct wrapper *)object;
    Py_VISIT(Py_TYPE(object));
    Py_VISIT(self->file);
    Py_VISIT(self->raw);
    Py_VISIT(self->dict);
    return 0;
}

static int clear(PyObject *object) {
    struct wrapper *self = (struct wrapper *)object;
    Py_CLEAR(self->file);
    Py_CLEAR(self->raw);
    Py_CLEAR(self->name);
    Py_CLEAR(self->dict);
    return 0;
}

static void dealloc(PyObject *object) {
    struct wrapper *self = (struct wrapper *)object;
    PyTypeObject *type = Py_TYPE(object);
    if (PyObject_CallFinalizerFromDealloc(object) < 0)
        return;
    PyObject_GC_UnTrack(object);
    if (self->weak != NULL)
        PyObject_ClearWeakRefs(object);
    (void)clear(object);
    type->tp_free(object);
    Py_DECREF(type);
}

/* Nobody closed it. It is told with this object, for tracemalloc to say where it was made; while
 * somebody holds the file or one of its methods, it lives on without us. */
static void finalize(PyObject *object) {
    struct wrapper *self = (struct wrapper *)object;
    struct mpy_raw *raw = self->raw == NULL ? NULL : mpy_raw_of(self->state, self->raw);
    if (raw == NULL || raw->handle == NULL || Py_REFCNT(self->file) > (self->file == self->raw) + 1)
        return;
    PyObject *type = NULL, *value = NULL, *trace = NULL;
    PyErr_Fetch(&type, &value, &trace);
    if (self->delete &&PyErr_ResourceWarning(object, 1, "Implicitly cleaning up %R", object) < 0)
        PyErr_WriteUnraisable(object);
    PyErr_Clear();
    PyObject *closed = close_file(object, NULL);
    if (closed == NULL)
        PyErr_WriteUnraisable(object);
    Py_XDECREF(closed);
    if (mpy_raw_end(self->raw, raw) < 0)
        PyErr_WriteUnraisable(object);
    PyErr_Restore(type, value, trace);
}

/* ---- attributes ---------------------------------------------------------------------------------
 */

static PyObject *get_attribute(PyObject *object, PyObject *name) {
    struct wrapper *self = (struct wrapper *)object;
    if (_PyType_Lookup(Py_TYPE(object), name) != NULL ||
        (self->dict != NULL && PyDict_GetItemWithError(self->dict, name) != NULL))
        return PyObject_GenericGetAttr(object, name);
    if (PyErr_Occurred())
        return NULL;
    if (self->file == NULL) {
        PyErr_SetObject(PyExc_AttributeError, name);
        return NULL;
    }
    return PyObject_GetAttr(self->file, name);
}

/* Not of one that a program made by itself, or that the collector has emptied. */
static struct wrapper *with_file(PyObject *object) {
    struct wrapper *self = (struct wrapper *)object;
    if (self->file != NULL && self->raw != NULL)
        return self;
    PyErr_SetString(PyExc_ValueError, "there is no file: NamedTemporaryFile() makes one");
    return NULL;
}

static PyObject *iterate(PyObject *object) {
    const struct wrapper *self = with_file(object);
    return self == NULL ? NULL : PyObject_GetIter(self->file);
}

static PyObject *represent(PyObject *object) {
    struct wrapper *self = (struct wrapper *)object;
    return PyUnicode_FromFormat("<_TemporaryFileWrapper file=%R>",
                                self->file == NULL ? Py_None : self->file);
}

static PyObject *fspath(PyObject *object, PyObject *unused) {
    (void)unused;
    PyObject *name = ((struct wrapper *)object)->name;
    if (name == NULL)
        PyErr_SetString(PyExc_AttributeError, "name");
    return name == NULL ? NULL : mpy_ref(name);
}

/* ---- ends ---------------------------------------------------------------------------------------
 */

static PyObject *enter(PyObject *object, PyObject *unused) {
    (void)unused;
    struct wrapper *self = with_file(object);
    PyObject *entered =
        self == NULL ? NULL : PyObject_CallMethodNoArgs(self->file, self->state->n[N___enter__]);
    if (entered == NULL)
        return NULL;
    Py_DECREF(entered);
    return mpy_ref(object);
}

static PyObject *close_file(PyObject *object, PyObject *unused) {
    (void)unused;
    struct wrapper *self = with_file(object);
    return self == NULL ? NULL : PyObject_CallMethodNoArgs(self->file, self->state->n[N_close]);
}

/* The end of the scope removes the name also with delete_on_close=False. */
static PyObject *exit_scope(PyObject *object, PyObject *args) {
    (void)args;
    struct wrapper *self = with_file(object);
    if (self == NULL)
        return NULL;
    PyObject *closed = close_file(object, NULL);
    PyObject *type = NULL, *value = NULL, *trace = NULL;
    PyErr_Fetch(&type, &value, &trace);
    Py_XDECREF(closed);
    struct mpy_raw *raw = mpy_raw_of(self->state, self->raw);
    const int r = raw == NULL ? 0 : mpy_raw_end(self->raw, raw);
    if (type != NULL) {
        PyErr_Restore(type, value, trace);
        return NULL;
    }
    return r < 0 ? NULL : mpy_ref(Py_None);
}

static PyObject *persist(PyObject *object, PyObject *const *args, Py_ssize_t nargs,
                         PyObject *kwnames) {
    static const struct mpy_signature signature = {
        "persist", 1, 4, {N_target, N_durable, N_overwrite, N_preserve}};
    struct wrapper *self = with_file(object);
    PyObject *v[4];
    if (self == NULL || mpy_parse(self->state, &signature, args, nargs, kwnames, v) < 0)
        return NULL;
    PyObject *path = mpy_persist(self->state, self->file, v);
    if (path == NULL)
        return NULL;
    Py_XSETREF(self->name, mpy_ref(path));
    self->delete = 0;
    if (PyObject_SetAttr(self->raw, self->state->n[N_name], path) < 0)
        Py_CLEAR(path);
    return path;
}

static PyObject *hold(struct wrapper *self, int keep) {
    if (with_file((PyObject *)self) == NULL)
        return NULL;
    struct mpy_raw *raw = mpy_raw_of(self->state, self->raw);
    if (raw == NULL || raw->handle == NULL) {
        PyErr_SetString(PyExc_ValueError, "the file is closed");
        return NULL;
    }
    mayfly_error error;
    const int r =
        keep ? mayfly_file_keep(raw->handle, &error) : mayfly_file_unkeep(raw->handle, &error);
    if (r < 0)
        return mpy_raise(self->state, r, &error);
    self->delete = (char)!keep;
    Py_RETURN_NONE;
}

static PyObject *keep_file(PyObject *object, PyObject *unused) {
    (void)unused;
    return hold((struct wrapper *)object, 1);
}

static PyObject *get_delete(PyObject *object, void *unused) {
    (void)unused;
    return PyBool_FromLong(((struct wrapper *)object)->delete);
}

/* f.delete = False is how programs decide late. */
static int set_delete(PyObject *object, PyObject *value, void *unused) {
    (void)unused;
    const int delete = value == NULL ? -1 : PyObject_IsTrue(value);
    PyObject *done = delete < 0 ? NULL : hold((struct wrapper *)object, !delete);
    Py_XDECREF(done);
    return done == NULL ? -1 : 0;
}

static PyObject *get_class(PyObject *object, void *unused) {
    (void)object;
    (void)unused;
    PyObject *module = PyImport_ImportModule("mayfly._private");
    PyObject *class =
        module == NULL ? NULL : PyObject_GetAttrString(module, "_TemporaryFileWrapper");
    Py_XDECREF(module);
    return class;
}

static PyMethodDef methods[] = {
    {"__enter__", enter, METH_NOARGS, NULL},
    {"__exit__", exit_scope, METH_VARARGS, NULL},
    {"__fspath__", fspath, METH_NOARGS, NULL},
    {"close", close_file, METH_NOARGS, "Closes the file and removes its name."},
    {"persist", (PyCFunction)(void (*)(void))persist, METH_FASTCALL | METH_KEYWORDS,
     "persist($self, target, *, durable=False, overwrite=True, preserve=False)\n--\n\n"
     "Gives the file a permanent name, all or nothing; returns its path."},
    {"keep", keep_file, METH_NOARGS, "Has the file stay under its name."},
    {"__class_getitem__", mpy_class_getitem, METH_O | METH_CLASS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef members[] = {
    {"file", T_OBJECT, offsetof(struct wrapper, file), READONLY, "The file of io's."},
    {"name", T_OBJECT, offsetof(struct wrapper, name), 0, "Its path."},
    {"__dictoffset__", T_PYSSIZET, offsetof(struct wrapper, dict), READONLY, NULL},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(struct wrapper, weak), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef getset[] = {
    {"delete", get_delete, set_delete, "Whether it is removed.", NULL},
    {"__class__", get_class, NULL, NULL, NULL},
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_dealloc, dealloc},
    {Py_tp_finalize, finalize},
    {Py_tp_traverse, traverse},
    {Py_tp_clear, clear},
    {Py_tp_getattro, get_attribute},
    {Py_tp_iter, iterate},
    {Py_tp_repr, represent},
    {Py_tp_methods, methods},
    {Py_tp_members, members},
    {Py_tp_getset, getset},
    {Py_tp_doc, "A named temporary file: a file of io's, and path-like."},
    {0, NULL},
};

int mpy_wrapper_setup(PyObject *module, struct mpy_state *state) {
    PyType_Spec spec = {
        .name = "mayfly.tempfile._TemporaryFileWrapper",
        .basicsize = sizeof(struct wrapper),
        .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
        .slots = slots,
    };
    state->Wrapper = mpy_add_type(module, &spec, NULL, "NamedFile");
    return state->Wrapper == NULL ? -1 : 0;
}
