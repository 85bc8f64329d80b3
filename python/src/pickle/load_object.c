/* SPDX-License-Identifier: MIT
 *
 * Calls, instances, states, and what containers that are no plain ones are filled with. Here code
 * of others runs, in the order in which CPython's unpickler has it run.
 *
 * Invariant   before code runs that could change an instance, the states folded so far become
 *             dicts (mpk_shape_settle): afterwards nobody could say what they were.
 */
#include "load.h"

/* ---- making ---------------------------------------------------------------------------------- */

/* Types of CPython's own that call nobody else's code when they are made of plain arguments. */
static bool is_quiet(PyObject *callable, PyObject *arguments) {
    if (!PyType_Check(callable) || (((PyTypeObject *)callable)->tp_flags & Py_TPFLAGS_HEAPTYPE))
        return false;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(arguments); i++) {
        PyObject *item = PyTuple_GET_ITEM(arguments, i);
        if (!PyBytes_CheckExact(item) && !PyLong_CheckExact(item) && !PyUnicode_CheckExact(item) &&
            !PyFloat_CheckExact(item) && item != Py_None)
            return false;
    }
    return true;
}

/* setattr(cell, "cell_contents", value), by which dill closes cycles, where the cell is empty or
 * has None. */
static bool fill_cell(struct mpk_loader *l, PyObject *callable, PyObject *arguments) {
    if (MFI_LIKELY(callable != l->state->load_objects[MPK_LOAD_SETATTR]) ||
        !PyTuple_CheckExact(arguments) || PyTuple_GET_SIZE(arguments) != 3 ||
        l->options.data_only || l->options.allow != NULL)
        return false;
    PyObject *cell = PyTuple_GET_ITEM(arguments, 0), *name = PyTuple_GET_ITEM(arguments, 1);
    if (!PyCell_Check(cell) || !PyUnicode_CheckExact(name) || !MPK_IS_TEXT(name, "cell_contents") ||
        (PyCell_GET(cell) != NULL && PyCell_GET(cell) != Py_None))
        return false;
    return PyCell_Set(cell, PyTuple_GET_ITEM(arguments, 2)) == 0;
}

mfi_slot mpk_load_reduce(struct mpk_loader *l, PyObject *callable, PyObject *arguments) {
    PyObject *made = NULL;
    if (fill_cell(l, callable, arguments))
        made = mpk_ref(Py_None);
    else if (!PyTuple_Check(arguments))
        PyErr_Format(PyExc_TypeError, "%s: byte %llu: arguments must be a tuple, not %.100s",
                     l->d.operation, (unsigned long long)l->offset, Py_TYPE(arguments)->tp_name);
    else if (mpk_may_call(l, callable, arguments) == 0 &&
             (is_quiet(callable, arguments) || mpk_shape_settle(l) == 0))
        made = PyObject_CallObject(callable, arguments);
    Py_DECREF(callable);
    Py_DECREF(arguments);
    return MPK_SLOT(made);
}

/* object.__new__() without arguments, which has nothing else to do. */
static inline bool is_bare(const PyTypeObject *type, PyObject *arguments) {
    return type->tp_new == PyBaseObject_Type.tp_new && PyTuple_GET_SIZE(arguments) == 0 &&
           (type->tp_flags & Py_TPFLAGS_IS_ABSTRACT) == 0;
}

static int check_newobj(struct mpk_loader *l, PyObject *cls, PyObject *arguments,
                        PyObject *keywords) {
    if (!PyTuple_Check(arguments))
        return mpk_load_fail(l, "its arguments must be a tuple, not %.100s",
                             Py_TYPE(arguments)->tp_name);
    if (keywords != NULL && !PyDict_Check(keywords))
        return mpk_load_fail(l, "its keyword arguments must be a dict, not %.100s",
                             Py_TYPE(keywords)->tp_name);
    if (!PyType_Check(cls))
        return mpk_load_fail(l, "what it makes an instance of must be a class, not %.100s",
                             Py_TYPE(cls)->tp_name);
    if (((PyTypeObject *)cls)->tp_new == NULL)
        return mpk_load_fail(l, "the class %.100s has no __new__", ((PyTypeObject *)cls)->tp_name);
    return mpk_may_call(l, cls, arguments);
}

mfi_slot mpk_load_newobj(struct mpk_loader *l, PyObject *cls, PyObject *arguments,
                         PyObject *keywords) {
    PyObject *made = NULL;
    PyTypeObject *type = (PyTypeObject *)cls;
    if (check_newobj(l, cls, arguments, keywords) == 0) {
        if (MFI_LIKELY(keywords == NULL && is_bare(type, arguments)) || mpk_shape_settle(l) == 0)
            made = type->tp_new(type, arguments, keywords);
    }
    Py_DECREF(cls);
    Py_DECREF(arguments);
    Py_XDECREF(keywords);
    return MPK_SLOT(made);
}

/* A class of the oldest protocols: made without __init__() if it takes nothing. */
static PyObject *instantiate(struct mpk_loader *l, PyObject *cls, PyObject *arguments) {
    PyObject *initial = NULL;
    if (PyTuple_GET_SIZE(arguments) == 0 && PyType_Check(cls)) {
        const int has = mpk_attribute(cls, l->state->n[MPK_N___getinitargs__], &initial);
        Py_XDECREF(initial);
        if (has < 0)
            return NULL;
        if (has == 0)
            return PyObject_CallMethodObjArgs(cls, l->state->n[MPK_N___new__], cls, NULL);
    }
    return PyObject_CallObject(cls, arguments);
}

mfi_slot mpk_load_instance(struct mpk_loader *l, PyObject *cls, const mfi_slot *items,
                           size_t count) {
    PyObject *made = NULL;
    PyObject *arguments = PyTuple_New((Py_ssize_t)count);
    if (arguments == NULL)
        mpk_drop_items(items, count);
    for (size_t i = 0; arguments != NULL && i < count; i++)
        PyTuple_SET_ITEM(arguments, (Py_ssize_t)i, MPK_OBJECT(items[i]));
    if (arguments != NULL && mpk_may_call(l, cls, arguments) == 0 && mpk_shape_settle(l) == 0)
        made = instantiate(l, cls, arguments);
    Py_XDECREF(arguments);
    Py_DECREF(cls);
    return MPK_SLOT(made);
}

/* ---- states ---------------------------------------------------------------------------------- */

/* Into __dict__, as if by nobody's __setattr__; names of attributes are interned. */
static int update_dict(struct mpk_loader *l, PyObject *object, PyObject *state) {
    PyObject *key, *value;
    Py_ssize_t at = 0;
    if (state == Py_None)
        return 0;
    if (!PyDict_Check(state))
        return mpk_load_fail(l, "the state must be a dict, not %.100s", Py_TYPE(state)->tp_name);
    PyObject *dict = PyObject_GetAttr(object, l->state->n[MPK_N___dict__]);
    int r = dict == NULL ? -1 : 0;
    while (r == 0 && PyDict_Next(state, &at, &key, &value)) {
        Py_INCREF(key);
        Py_INCREF(value);
        if (PyUnicode_CheckExact(key))
            PyUnicode_InternInPlace(&key);
        r = PyDict_CheckExact(dict) ? PyDict_SetItem(dict, key, value)
                                    : PyObject_SetItem(dict, key, value);
        Py_DECREF(key);
        Py_DECREF(value);
    }
    Py_XDECREF(dict);
    return r;
}

static int set_attributes(struct mpk_loader *l, PyObject *object, PyObject *slots) {
    PyObject *key, *value;
    Py_ssize_t at = 0;
    int r = 0;
    const bool is_function = PyFunction_Check(object);
    if (!PyDict_Check(slots))
        return mpk_load_fail(l, "the state of slots must be a dict, not %.100s",
                             Py_TYPE(slots)->tp_name);
    while (r == 0 && PyDict_Next(slots, &at, &key, &value)) {
        Py_INCREF(key);
        Py_INCREF(value);
        if (!is_function || !mpk_set_in_function(object, key, value))
            r = PyObject_SetAttr(object, key, value);
        Py_DECREF(key);
        Py_DECREF(value);
    }
    return r;
}

static int set_state(struct mpk_loader *l, PyObject *object, PyObject *state) {
    PyObject *set = NULL;
    const bool bare = mpk_is_bare_function(object);
    const int has = bare ? 0 : mpk_attribute(object, l->state->n[MPK_N___setstate__], &set);
    if (has < 0)
        return -1;
    if (has > 0) {
        PyObject *done = PyObject_CallFunctionObjArgs(set, state, NULL);
        Py_DECREF(set);
        Py_XDECREF(done);
        return done == NULL ? -1 : 0;
    }
    if (PyTuple_Check(state) && PyTuple_GET_SIZE(state) == 2) {
        PyObject *own = PyTuple_GET_ITEM(state, 0);
        const bool nothing = bare && PyDict_CheckExact(own) && PyDict_GET_SIZE(own) == 0;
        if (!nothing && update_dict(l, object, own) < 0)
            return -1;
        return set_attributes(l, object, PyTuple_GET_ITEM(state, 1));
    }
    if (update_dict(l, object, state) < 0)
        return -1;
    return 0;
}

int mpk_load_build(struct mpk_loader *l, PyObject *object, PyObject *state) {
    int r = mpk_may_change(l, object);
    if (r == 0)
        r = mpk_shape_settle(l);
    if (r == 0)
        r = set_state(l, object, state);
    if (r == 0)
        mpk_shape_learn(l, object, state);
    Py_DECREF(state);
    return r;
}

static bool is_hashed_quietly(PyObject *object) {
    return PyUnicode_CheckExact(object) || PyLong_CheckExact(object) ||
           PyBytes_CheckExact(object) || PyFloat_CheckExact(object) || object == Py_None ||
           PyBool_Check(object);
}

int mpk_shape_settle_some(struct mpk_loader *l, const mfi_slot *items, size_t count, size_t step) {
    for (size_t i = 0; i < count; i++)
        if (!is_hashed_quietly(MPK_OBJECT(items[i * step])))
            return mpk_shape_settle(l);
    return 0;
}

/* ---- containers of others -------------------------------------------------------------------- */

/* Calls `method` with each item. */
static int call_each(PyObject *method, const mfi_slot *items, size_t count) {
    int r = 0;
    for (size_t i = 0; i < count; i++) {
        PyObject *done =
            r < 0 ? NULL : PyObject_CallFunctionObjArgs(method, MPK_OBJECT(items[i]), NULL);
        r = done == NULL ? -1 : r;
        Py_XDECREF(done);
        Py_DECREF(MPK_OBJECT(items[i]));
    }
    return r;
}

static int extend(PyObject *method, const mfi_slot *items, size_t count) {
    PyObject *list = PyList_New((Py_ssize_t)count);
    if (list == NULL) {
        mpk_drop_items(items, count);
        return -1;
    }
    for (size_t i = 0; i < count; i++)
        PyList_SET_ITEM(list, (Py_ssize_t)i, MPK_OBJECT(items[i]));
    PyObject *done = PyObject_CallFunctionObjArgs(method, list, NULL);
    Py_DECREF(list);
    Py_XDECREF(done);
    return done == NULL ? -1 : 0;
}

int mpk_load_append(struct mpk_loader *l, PyObject *list, const mfi_slot *items, size_t count) {
    PyObject *method = NULL;
    int has = mpk_may_change(l, list) < 0 || mpk_shape_settle(l) < 0
                  ? -1
                  : mpk_attribute(list, l->state->n[MPK_N_extend], &method);
    int r = -1;
    if (has > 0) {
        r = extend(method, items, count);
    } else if (has == 0 && (method = PyObject_GetAttr(list, l->state->n[MPK_N_append])) != NULL) {
        r = call_each(method, items, count);
    } else {
        mpk_drop_items(items, count);
    }
    Py_XDECREF(method);
    return r;
}

int mpk_load_set_items(struct mpk_loader *l, PyObject *dict, const mfi_slot *pairs, size_t count) {
    int r = mpk_may_change(l, dict) < 0 || mpk_shape_settle(l) < 0 ? -1 : 0;
    for (size_t i = 0; i < 2 * count; i += 2) {
        if (r == 0)
            r = PyObject_SetItem(dict, MPK_OBJECT(pairs[i]), MPK_OBJECT(pairs[i + 1]));
        Py_DECREF(MPK_OBJECT(pairs[i]));
        Py_DECREF(MPK_OBJECT(pairs[i + 1]));
    }
    return r;
}

int mpk_load_add_items(struct mpk_loader *l, PyObject *set, const mfi_slot *items, size_t count) {
    PyObject *method = NULL;
    if (mpk_may_change(l, set) == 0 && mpk_shape_settle(l) == 0)
        method = PyObject_GetAttr(set, l->state->n[MPK_N_add]);
    if (method == NULL) {
        mpk_drop_items(items, count);
        return -1;
    }
    const int r = call_each(method, items, count);
    Py_DECREF(method);
    return r;
}

/* ---- what comes from outside ----------------------------------------------------------------- */

mfi_slot mpk_load_persistent(struct mpk_loader *l, PyObject *id) {
    PyObject *found = NULL;
    if (l->options.data_only)
        (void)mpk_load_fail(l,
                            "a persistent id is no plain data, and data_only=True was asked for");
    else if (l->persistent_load == NULL)
        (void)mpk_load_fail(l, "a persistent id, and there is no persistent_load to find what it "
                               "means");
    else if (mpk_shape_settle(l) == 0)
        found = PyObject_CallFunctionObjArgs(l->persistent_load, id, NULL);
    Py_DECREF(id);
    return MPK_SLOT(found);
}

mfi_slot mpk_load_buffer(struct mpk_loader *l) {
    if (l->options.buffers == NULL) {
        (void)mpk_load_fail(l, "it refers to a buffer outside the pickle, and no *buffers* "
                               "argument was given");
        return 0;
    }
    if (mpk_shape_settle(l) < 0)
        return 0;
    PyObject *next = PyIter_Next(l->options.buffers);
    if (next == NULL && !PyErr_Occurred())
        (void)mpk_load_fail(l, "there are not enough out-of-band buffers");
    return MPK_SLOT(next);
}

mfi_slot mpk_load_readonly(struct mpk_loader *l, PyObject *buffer) {
    (void)l;
    PyObject *view = PyMemoryView_FromObject(buffer);
    if (view != NULL && PyMemoryView_GET_BUFFER(view)->readonly) {
        Py_DECREF(view);
        return MPK_SLOT(buffer);
    }
    Py_DECREF(buffer);
    PyObject *readonly = view == NULL ? NULL : PyObject_CallMethod(view, "toreadonly", NULL);
    Py_XDECREF(view);
    return MPK_SLOT(readonly);
}
