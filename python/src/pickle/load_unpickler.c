/* SPDX-License-Identifier: MIT
 *
 * Unpickler: a loader as an object, whose find_class() and persistent_load() may be overridden and
 * whose memo outlives a load().
 */
#include "load.h"

#include <structmember.h>

struct unpickler {
    PyObject_HEAD struct mpk_loader loader;
    PyObject *persistent_load; /* what was set as an attribute */
    PyObject *weak;
    bool ready;
};

static struct unpickler *part_of(PyObject *self) {
    return (struct unpickler *)self;
}

struct mpk_loader *mpk_unpickler_loader(PyObject *self) {
    return &part_of(self)->loader;
}

static int check_ready(struct unpickler *u) {
    if (u->loader.busy)
        PyErr_SetString(PyExc_RuntimeError,
                        "this Unpickler is loading already: another one can load meanwhile");
    else if (!u->ready)
        PyErr_Format(u->loader.state->UnpicklingError,
                     "Unpickler.__init__() was not called by %s.__init__()", Py_TYPE(u)->tp_name);
    return u->loader.busy || !u->ready ? -1 : 0;
}

static PyObject *make(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    (void)args, (void)kwargs;
    struct mpk_state *state = mpk_state_of_type(type);
    struct unpickler *u = state == NULL ? NULL : (struct unpickler *)type->tp_alloc(type, 0);
    if (u != NULL)
        mpk_loader_init(&u->loader, state, "load");
    return (PyObject *)u;
}

/* Whoever is let go of may want to use it meanwhile. */
static void end(struct unpickler *u) {
    u->loader.busy = true;
    mpk_loader_end(&u->loader);
    u->loader.busy = false;
}

static int init(PyObject *self, PyObject *args, PyObject *kwargs) {
    static const struct mpy_signature signature = {
        "Unpickler", 1, 1 + MPK_LOAD_OPTIONS - 1, {MPK_N_file, MPK_LOAD_NAMES}, 1};
    struct unpickler *u = part_of(self);
    struct mpk_state *state = u->loader.state;
    PyObject *values[1 + MPK_LOAD_OPTIONS] = {NULL};
    if (u->loader.busy)
        return check_ready(u);
    if (mpk_parse_tuple(state, &signature, args, kwargs, values) < 0)
        return -1;
    u->ready = false;
    end(u);
    mpk_loader_init(&u->loader, state, "load");
    u->loader.busy = true;
    const int r = mpk_load_options_read(&u->loader.options, values + 1) < 0 ||
                          mpk_file_bind(&u->loader, values[0]) < 0
                      ? -1
                      : 0;
    mpk_file_open(&u->loader);
    u->loader.busy = false;
    u->ready = r == 0;
    return r;
}

static int traverse(PyObject *self, visitproc visit, void *arg) {
    struct unpickler *u = part_of(self);
    struct mpk_loader *l = &u->loader;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(u->persistent_load);
    Py_VISIT(l->read);
    Py_VISIT(l->readline);
    Py_VISIT(l->readinto);
    Py_VISIT(l->peek);
    Py_VISIT(l->options.buffers);
    if (l->busy) /* its stack is in use: what it holds is held */
        return 0;
    for (size_t i = 0; i < l->d.memo_size; i++)
        if ((l->d.memo[i] & 1) == 0)
            Py_VISIT(MPK_OBJECT(l->d.memo[i]));
    return 0;
}

static int clear(PyObject *self) {
    struct unpickler *u = part_of(self);
    u->ready = false;
    end(u);
    Py_CLEAR(u->persistent_load);
    return 0;
}

static void dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    if (part_of(self)->weak != NULL)
        PyObject_ClearWeakRefs(self);
    (void)clear(self);
    type->tp_free(self);
    Py_DECREF(type);
}

/* ---- loading --------------------------------------------------------------------------------- */

static PyObject *find_class(PyObject *self, PyObject *args) {
    PyObject *module, *name;
    if (!PyArg_ParseTuple(args, "UU:find_class", &module, &name))
        return NULL;
    return mpk_find_class(&part_of(self)->loader, module, name);
}

static PyObject *no_persistent_load(PyObject *self, PyObject *id) {
    (void)id;
    PyErr_SetString(part_of(self)->loader.state->UnpicklingError,
                    "the pickle has a persistent id, and there is no persistent_load to find what "
                    "it means");
    return NULL;
}

static PyObject *load(PyObject *self, PyObject *ignored);

static PyMethodDef no_method = {"persistent_load", no_persistent_load, METH_O, NULL};
static PyMethodDef methods[] = {
    {"find_class", find_class, METH_VARARGS,
     "find_class($self, module, name, /)\n--\n\nThe global that a pickle names."},
    {"load", load, METH_NOARGS, "load($self, /)\n--\n\nThe object of the next pickle."},
    {"__class_getitem__", (PyCFunction)(void (*)(void))Py_GenericAlias, METH_O | METH_CLASS, NULL},
    {NULL, NULL, 0, NULL},
};

/* What somebody has overridden; nothing if the method is our own. */
static int overrides(struct unpickler *u) {
    struct mpk_loader *l = &u->loader;
    PyObject *const *n = l->state->n;
    PyObject *own = PyObject_GetAttr((PyObject *)u, n[MPK_N_find_class]);
    if (own == NULL)
        return -1;
    if (PyCFunction_Check(own) && PyCFunction_GET_FUNCTION(own) == find_class &&
        PyCFunction_GET_SELF(own) == (PyObject *)u)
        Py_CLEAR(own);
    Py_XSETREF(l->find_class, own);
    const int has = mpk_attribute((PyObject *)u, n[MPK_N_persistent_load], &own);
    Py_XSETREF(l->persistent_load, own);
    return has < 0 ? -1 : 0;
}

/* The memo is for others to look at: it has objects only, or nothing. */
static int settle_memo(struct mpk_loader *l) {
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    const int r = mpk_shape_settle(l);
    if (r < 0)
        mpk_loader_forget(l);
    if (type != NULL)
        PyErr_Restore(type, value, traceback);
    mpk_shape_forget(l);
    return r;
}

static PyObject *load(PyObject *self, PyObject *ignored) {
    (void)ignored;
    struct unpickler *u = part_of(self);
    struct mpk_loader *l = &u->loader;
    if (check_ready(u) < 0)
        return NULL;
    l->unpickler = self;
    l->busy = true; /* looking for what is overridden runs code, too */
    PyObject *object = NULL;
    if (PySys_Audit("mayfly.load", "O", self) == 0 && overrides(u) == 0) {
        const bool paused = mpk_gc_pause(&l->options);
        object = mpk_loader_run(l);
        if (object != NULL && (mpk_load_repoint(l, object) < 0 || mpk_file_settle(l) < 0))
            Py_CLEAR(object);
        if (settle_memo(l) < 0)
            Py_CLEAR(object);
        mpk_gc_go_on(paused);
    }
    l->busy = false;
    Py_CLEAR(l->find_class);
    Py_CLEAR(l->persistent_load);
    return object;
}

/* ---- attributes ------------------------------------------------------------------------------ */

static PyObject *get_memo(PyObject *self, void *closure) {
    (void)closure;
    return mpk_memo_get(self, mpk_unpickler_loader(self));
}

static int set_memo(PyObject *self, PyObject *value, void *closure) {
    (void)closure;
    if (value == NULL) {
        PyErr_SetString(PyExc_TypeError, "attribute deletion is not supported");
        return -1;
    }
    return part_of(self)->loader.busy ? check_ready(part_of(self))
                                      : mpk_memo_set(self, mpk_unpickler_loader(self), value);
}

static PyObject *get_persistent_load(PyObject *self, void *closure) {
    (void)closure;
    PyObject *set = part_of(self)->persistent_load;
    return set != NULL ? mpk_ref(set) : PyCFunction_New(&no_method, self);
}

static int set_persistent_load(PyObject *self, PyObject *value, void *closure) {
    (void)closure;
    struct unpickler *u = part_of(self);
    if (value == NULL && u->persistent_load == NULL) {
        PyErr_SetString(PyExc_AttributeError, "persistent_load");
        return -1;
    }
    if (value != NULL && !PyCallable_Check(value)) {
        PyErr_SetString(PyExc_TypeError, "persistent_load must be a callable taking one argument");
        return -1;
    }
    Py_XINCREF(value);
    Py_XSETREF(u->persistent_load, value);
    return 0;
}

static PyGetSetDef attributes[] = {
    {"memo", get_memo, set_memo, "What the pickles so far stored, by number.", NULL},
    {"persistent_load", get_persistent_load, set_persistent_load,
     "Finds what a persistent id means.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(struct unpickler, weak), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_new, make},
    {Py_tp_init, init},
    {Py_tp_dealloc, dealloc},
    {Py_tp_traverse, traverse},
    {Py_tp_clear, clear},
    {Py_tp_methods, methods},
    {Py_tp_getset, attributes},
    {Py_tp_members, members},
    {Py_tp_doc, (void *)"Unpickler(file, *, ignore=None, fix_imports=True, encoding='ASCII',\n"
                        "          errors='strict', buffers=(), allow=None, data_only=False,\n"
                        "          pause_gc=False)\n--\n\n"
                        "Loads pickles from a file, one after the other."},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "mayfly.Unpickler",
    .basicsize = sizeof(struct unpickler),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = slots,
};

int mpk_unpickler_setup(PyObject *module, struct mpk_state *state) {
    state->Unpickler = mpk_add_type(module, &spec, "Unpickler");
    return state->Unpickler == NULL ? -1 : 0;
}
