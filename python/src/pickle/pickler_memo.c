/* SPDX-License-Identifier: MIT
 *
 * Pickler.memo: what the pickler has written, as a mapping from id to (number, object).
 */
#include "pickler.h"

struct proxy {
    PyObject_HEAD struct mpk_pickler *pickler;
};

static PyObject *object_at(const struct mpk_dumper *d, size_t number) {
    return (PyObject *)(d->order[number] & ~(uintptr_t)MPK_BITS);
}

/* The number of the object with that id; -1: none, -2: an exception. */
static Py_ssize_t find(struct proxy *self, PyObject *id) {
    struct mpk_dumper *d = self->pickler->d;
    void *address = PyLong_AsVoidPtr(id);
    if (PyErr_Occurred() || mpk_settle(d) < 0)
        return -2;
    if (address == NULL || d->table == NULL)
        return -1;
    const size_t place = mpk_memo_place(d, address);
    return mpk_memo_has(d, place) ? (Py_ssize_t)mpk_memo_number(d, place) : -1;
}

static PyObject *entry(const struct mpk_dumper *d, size_t number) {
    return Py_BuildValue("(nN)", (Py_ssize_t)number, mpk_ref(object_at(d, number)));
}

static PyObject *subscript(struct proxy *self, PyObject *id) {
    const Py_ssize_t number = find(self, id);
    if (number == -1)
        PyErr_SetObject(PyExc_KeyError, id);
    return number < 0 ? NULL : entry(self->pickler->d, (size_t)number);
}

static int contains(struct proxy *self, PyObject *id) {
    const Py_ssize_t number = find(self, id);
    return number == -2 ? -1 : number >= 0;
}

static Py_ssize_t length(struct proxy *self) {
    return (Py_ssize_t)self->pickler->d->e.memo_count;
}

static PyObject *get(struct proxy *self, PyObject *args) {
    PyObject *id, *missing = Py_None;
    if (!PyArg_ParseTuple(args, "O|O", &id, &missing))
        return NULL;
    const Py_ssize_t number = find(self, id);
    if (number == -1)
        return mpk_ref(missing);
    return number < 0 ? NULL : entry(self->pickler->d, (size_t)number);
}

static PyObject *copy(struct proxy *self, PyObject *unused) {
    struct mpk_dumper *d = self->pickler->d;
    PyObject *ret = mpk_settle(d) < 0 ? NULL : PyDict_New();
    (void)unused;
    for (size_t i = 0; ret != NULL && i < d->e.memo_count; i++) {
        PyObject *object = object_at(d, i);
        if (object == NULL)
            continue;
        PyObject *id = PyLong_FromVoidPtr(object);
        PyObject *value = id == NULL ? NULL : entry(d, i);
        if (value == NULL || PyDict_SetItem(ret, id, value) < 0)
            Py_CLEAR(ret);
        Py_XDECREF(value);
        Py_XDECREF(id);
    }
    return ret;
}

static PyObject *clear(struct proxy *self, PyObject *unused) {
    (void)unused;
    return PyObject_CallMethod((PyObject *)self->pickler, "clear_memo", NULL);
}

static PyObject *reduce(struct proxy *self, PyObject *unused) {
    PyObject *names = copy(self, unused);
    return names == NULL ? NULL : Py_BuildValue("(O(N))", &PyDict_Type, names);
}

/* ---- assignment ----------------------------------------------------------------------------- */

/* Numbers are 0, 1, 2 ... each once, as any pickler gives them. */
static int put(PyObject **objects, Py_ssize_t size, PyObject *value) {
    if (!PyTuple_Check(value) || PyTuple_GET_SIZE(value) != 2) {
        PyErr_SetString(PyExc_TypeError, "'memo' values must be 2-item tuples");
        return -1;
    }
    const Py_ssize_t number = PyLong_AsSsize_t(PyTuple_GET_ITEM(value, 0));
    if (number == -1 && PyErr_Occurred())
        return -1;
    if (number < 0 || number >= size || objects[number] != NULL) {
        PyErr_SetString(PyExc_ValueError, "the numbers of a memo go from 0 up, each once");
        return -1;
    }
    objects[number] = PyTuple_GET_ITEM(value, 1);
    return 0;
}

static int enter_all(struct mpk_dumper *d, PyObject *const *objects, Py_ssize_t size) {
    if (d->table == NULL && mpk_memo_grow_table(d) < 0)
        return -1;
    for (Py_ssize_t i = 0; i < size; i++) {
        if (d->e.memo_count >= d->capacity && mpk_memo_grow_order(d) < 0)
            return -1;
        const size_t place = mpk_memo_place(d, objects[i]);
        d->order[i] = (uintptr_t)objects[i];
        if (mpk_memo_has(d, place)) {
            d->order[i] = 0;
            d->e.memo_count++;
            continue;
        }
        d->order[i] |= MPK_FOUND;
        d->table[place] = d->base + (uint32_t)i;
        d->e.memo_count++;
        if (++d->used * 2 > d->mask && mpk_memo_grow_table(d) < 0)
            return -1;
    }
    return mpk_settle(d);
}

int mpk_memo_assign(struct mpk_pickler *pickler, PyObject *value) {
    struct mpk_state *state = mpk_state_of_type(Py_TYPE(pickler));
    if (value == NULL || state == NULL || pickler->running) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_TypeError, "the memo of a Pickler can be set between dumps");
        return -1;
    }
    PyObject *names = NULL;
    if (Py_IS_TYPE(value, (PyTypeObject *)state->MemoProxy))
        names = copy((struct proxy *)value, NULL);
    else if (PyDict_Check(value))
        names = PyDict_Copy(value);
    else
        PyErr_Format(PyExc_TypeError,
                     "'memo' attribute must be a PicklerMemoProxy object or dict, "
                     "not %.200s",
                     Py_TYPE(value)->tp_name);
    if (names == NULL)
        return -1;
    const Py_ssize_t size = PyDict_GET_SIZE(names);
    PyObject **objects = PyMem_Calloc((size_t)size + 1, sizeof *objects), *id, *item;
    Py_ssize_t position = 0;
    int r = objects == NULL ? -1 : 0;
    if (objects == NULL)
        (void)PyErr_NoMemory();
    while (r == 0 && PyDict_Next(names, &position, &id, &item))
        r = put(objects, size, item);
    if (r == 0) {
        pickler->running = true; /* finalizers of what was in it cannot dump with it meanwhile */
        mpk_memo_clear(pickler->d);
        r = enter_all(pickler->d, objects, size);
        pickler->running = false;
    }
    PyMem_Free(objects);
    Py_DECREF(names);
    return r;
}

/* ---- the type ------------------------------------------------------------------------------- */

static void dealloc(struct proxy *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    Py_CLEAR(self->pickler);
    type->tp_free((PyObject *)self);
    Py_DECREF(type);
}

static int traverse(struct proxy *self, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->pickler);
    return 0;
}

static int clear_references(struct proxy *self) {
    (void)self; /* the pickler's own clearing breaks the cycle */
    return 0;
}

static PyMethodDef methods[] = {
    {"clear", (PyCFunction)clear, METH_NOARGS, "Forgets all."},
    {"copy", (PyCFunction)copy, METH_NOARGS, "A dict of what is in it."},
    {"get", (PyCFunction)get, METH_VARARGS, "The entry of an id, or something else."},
    {"__reduce__", (PyCFunction)reduce, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_dealloc, dealloc},
    {Py_tp_traverse, traverse},
    {Py_tp_clear, clear_references},
    {Py_tp_methods, methods},
    {Py_mp_subscript, subscript},
    {Py_mp_length, length},
    {Py_sq_contains, contains},
    {Py_tp_hash, PyObject_HashNotImplemented},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "mayfly._pickle.PicklerMemoProxy",
    .basicsize = sizeof(struct proxy),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = slots,
};

PyObject *mpk_memo_proxy(struct mpk_pickler *pickler) {
    struct mpk_state *state = mpk_state_of_type(Py_TYPE(pickler));
    PyTypeObject *type = state == NULL ? NULL : (PyTypeObject *)state->MemoProxy;
    struct proxy *self = type == NULL ? NULL : (struct proxy *)type->tp_alloc(type, 0);
    if (self != NULL) {
        Py_INCREF(pickler);
        self->pickler = pickler;
    }
    return (PyObject *)self;
}

int mpk_pickler_memo_setup(PyObject *module, struct mpk_state *state) {
    state->MemoProxy = mpk_add_type(module, &spec, "PicklerMemoProxy");
    return state->MemoProxy == NULL ? -1 : 0;
}
