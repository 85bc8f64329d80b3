/* SPDX-License-Identifier: MIT
 *
 * Unpickler.memo: the memo as an object, which can be copied out, cleared, and set.
 */
#include "load.h"

struct view {
    PyObject_HEAD PyObject *unpickler;
};

static int check_idle(const struct mpk_loader *l) {
    if (!l->busy)
        return 0;
    PyErr_SetString(PyExc_RuntimeError, "the memo changes while its Unpickler loads");
    return -1;
}

static int add(PyObject *dict, uint64_t number, mfi_slot slot) {
    PyObject *key = slot == 0 ? NULL : PyLong_FromUnsignedLongLong(number);
    const int r = key == NULL ? -1 : PyDict_SetItem(dict, key, MPK_OBJECT(slot));
    Py_XDECREF(key);
    return slot == 0 ? 0 : r;
}

static PyObject *copy(PyObject *self, PyObject *ignored) {
    (void)ignored;
    struct mpk_loader *l = mpk_unpickler_loader(((struct view *)self)->unpickler);
    const struct mfi_decoder *d = &l->d;
    PyObject *dict = check_idle(l) < 0 ? NULL : PyDict_New();
    int r = dict == NULL ? -1 : 0;
    for (size_t i = 0; r == 0 && i < d->memo_size; i++)
        r = add(dict, i, d->memo[i]);
    for (size_t i = 0; r == 0 && d->sparse.slots != NULL && i <= d->sparse.mask; i++)
        if (d->sparse.slots[2 * i] != 0)
            r = add(dict, d->sparse.slots[2 * i] - 1, d->sparse.slots[2 * i + 1]);
    if (r < 0)
        Py_CLEAR(dict);
    return dict;
}

static PyObject *clear(PyObject *self, PyObject *ignored) {
    (void)ignored;
    struct mpk_loader *l = mpk_unpickler_loader(((struct view *)self)->unpickler);
    if (check_idle(l) < 0)
        return NULL;
    mpk_loader_forget(l);
    Py_RETURN_NONE;
}

static PyObject *reduce(PyObject *self, PyObject *ignored) {
    PyObject *content = copy(self, ignored);
    return content == NULL ? NULL : Py_BuildValue("O(N)", (PyObject *)&PyDict_Type, content);
}

static int put(struct mpk_loader *l, uint64_t number, PyObject *object) {
    const struct mfi_cursor k = {.op = l->d.begin, .at = l->d.begin};
    mfi_slot replaced = 0;
    int r = 0;
    if (number == l->d.memo_size && number < l->d.memo_capacity) {
        l->d.memo[l->d.memo_size++] = MPK_SLOT(object);
        l->d.memo_count++;
    } else {
        r = mfi_memo_far(&l->d, &k, number, MPK_SLOT(object), &replaced);
    }
    if (r < 0)
        PyErr_NoMemory();
    else
        Py_INCREF(object);
    Py_XDECREF(MPK_OBJECT(replaced));
    return r < 0 ? -1 : 0;
}

/* Sets the numbers in their order, so that the memo has no gaps where the dict has none. */
static int fill(struct mpk_loader *l, PyObject *from) {
    PyObject *keys = PyDict_Keys(from);
    int r = keys == NULL || PyList_Sort(keys) < 0 ? -1 : 0;
    for (Py_ssize_t i = 0; r == 0 && i < PyList_GET_SIZE(keys); i++) {
        PyObject *key = PyList_GET_ITEM(keys, i);
        PyObject *object = PyDict_GetItemWithError(from, key);
        const long long number = PyLong_AsLongLong(key);
        if (number == -1 && PyErr_Occurred())
            r = -1;
        else if (number < 0)
            PyErr_SetString(PyExc_ValueError, "memo key must be positive integers.");
        r = r < 0 || PyErr_Occurred() || object == NULL ? -1 : put(l, (uint64_t)number, object);
    }
    Py_XDECREF(keys);
    return r;
}

static int check_keys(PyObject *from) {
    PyObject *key, *value;
    Py_ssize_t at = 0;
    while (PyDict_Next(from, &at, &key, &value))
        if (!PyLong_Check(key)) {
            PyErr_SetString(PyExc_TypeError, "memo key must be integers");
            return -1;
        }
    return 0;
}

int mpk_memo_set(PyObject *unpickler, struct mpk_loader *l, PyObject *value) {
    PyObject *from = NULL;
    (void)unpickler;
    if (Py_TYPE(value) == (PyTypeObject *)l->state->load_objects[MPK_LOAD_MEMO])
        from = copy(value, NULL);
    else if (PyDict_Check(value))
        from = PyDict_Copy(value);
    else
        PyErr_Format(PyExc_TypeError,
                     "'memo' attribute must be a dict or the memo of an Unpickler, not %.200s",
                     Py_TYPE(value)->tp_name);
    int r = from == NULL ? -1 : check_keys(from);
    if (r == 0) {
        l->busy = true; /* for what is let go of, and for keys that are compared */
        mpk_loader_forget(l);
        r = fill(l, from);
        l->busy = false;
    }
    Py_XDECREF(from);
    return r;
}

/* ---- the type -------------------------------------------------------------------------------- */

static int traverse(PyObject *self, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(((struct view *)self)->unpickler);
    return 0;
}

static int forget(PyObject *self) {
    Py_CLEAR(((struct view *)self)->unpickler);
    return 0;
}

static void dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    (void)forget(self);
    type->tp_free(self);
    Py_DECREF(type);
}

PyObject *mpk_memo_get(PyObject *unpickler, struct mpk_loader *l) {
    PyTypeObject *type = (PyTypeObject *)l->state->load_objects[MPK_LOAD_MEMO];
    struct view *view = (struct view *)type->tp_alloc(type, 0);
    if (view != NULL)
        view->unpickler = mpk_ref(unpickler);
    return (PyObject *)view;
}

static PyMethodDef methods[] = {
    {"clear", clear, METH_NOARGS, "clear($self, /)\n--\n\nForgets what was stored."},
    {"copy", copy, METH_NOARGS, "copy($self, /)\n--\n\nThe memo as a dict."},
    {"__reduce__", reduce, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_dealloc, dealloc},
    {Py_tp_traverse, traverse},
    {Py_tp_clear, forget},
    {Py_tp_methods, methods},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "mayfly._pickle.UnpicklerMemo",
    .basicsize = sizeof(struct view),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = slots,
};

int mpk_unpickler_memo_setup(PyObject *module, struct mpk_state *state) {
    PyObject *type = state->load_objects[MPK_LOAD_MEMO] =
        PyType_FromModuleAndSpec(module, &spec, NULL);
    return type == NULL ? -1 : 0;
}
