/* SPDX-License-Identifier: MIT
 *
 * Objects that hold a handle which one thread at a time may use: nobody else gets in meanwhile, and
 * nobody closes it under the other's hands; nor does a function that the object itself is calling.
 *
 * The interpreter's own lock is no help: it is given back around everything that may wait.
 */
#include "core.h"

#include <unistd.h>

int mpy_gate_begin(struct mpy_gate *gate) {
    if (gate->lock == NULL)
        gate->lock = PyThread_allocate_lock();
    if (gate->lock == NULL)
        PyErr_NoMemory();
    return gate->lock == NULL ? -1 : 0;
}

/* A child that was forked while another thread was inside would wait for that one for ever. */
static int begin_anew(struct mpy_gate *gate) {
    gate->lock = NULL; /* not freed: it is held, and nobody gives it back */
    return mpy_gate_begin(gate);
}

int mpy_gate_enter(struct mpy_gate *gate) {
    if (mpy_gate_begin(gate) < 0)
        return -1;
    if (PyThread_acquire_lock(gate->lock, NOWAIT_LOCK) != PY_LOCK_ACQUIRED) {
        if (gate->process == getpid() && gate->holder == PyThread_get_thread_ident()) {
            PyErr_SetString(PyExc_RuntimeError,
                            "a function that this object is calling cannot use the object");
            return -1;
        }
        if (gate->process != getpid() && begin_anew(gate) < 0)
            return -1;
        PyThreadState *released = PyEval_SaveThread();
        (void)PyThread_acquire_lock(gate->lock, WAIT_LOCK);
        PyEval_RestoreThread(released);
    }
    gate->process = getpid();
    gate->holder = PyThread_get_thread_ident();
    return 0;
}

void mpy_gate_leave(struct mpy_gate *gate) {
    gate->holder = 0;
    PyThread_release_lock(gate->lock);
}

void mpy_gate_end(struct mpy_gate *gate) {
    if (gate->lock != NULL)
        PyThread_free_lock(gate->lock);
    gate->lock = NULL;
}

/* ---- what such objects have in common -----------------------------------------------------------
 */

struct mpy_held *mpy_held_enter(PyObject *object) {
    struct mpy_held *self = (struct mpy_held *)object;
    if (self->handle != NULL && mpy_gate_enter(&self->gate) < 0)
        return NULL;
    if (self->handle != NULL)
        return self;
    if (self->gate.holder == PyThread_get_thread_ident()) /* closed while we waited */
        mpy_gate_leave(&self->gate);
    PyErr_Format(PyExc_ValueError, "%s was closed", Py_TYPE(object)->tp_name);
    return NULL;
}

void mpy_held_leave(struct mpy_held *self) {
    mpy_gate_leave(&self->gate);
}

int mpy_held_begin(PyObject *object) {
    struct mpy_held *self = (struct mpy_held *)object;
    if (self->handle != NULL) {
        PyErr_Format(PyExc_RuntimeError, "%s is there already", Py_TYPE(object)->tp_name);
        return -1;
    }
    self->state = mpy_state_of_type(Py_TYPE(object));
    return self->state == NULL ? -1 : mpy_gate_begin(&self->gate);
}

static int end_handle(struct mpy_held *self) {
    void *handle = self->handle;
    self->handle = NULL;
    mayfly_error error;
    PyThreadState *released = PyEval_SaveThread();
    const int r = self->end(&handle, &error);
    PyEval_RestoreThread(released);
    return mpy_tell_end(self->state, r, &error);
}

PyObject *mpy_held_close(PyObject *object, PyObject *unused) {
    (void)unused;
    if (((struct mpy_held *)object)->handle == NULL)
        Py_RETURN_NONE;
    struct mpy_held *self = mpy_held_enter(object);
    if (self == NULL)
        return NULL;
    const int r = end_handle(self);
    mpy_held_leave(self);
    return r < 0 ? NULL : mpy_ref(Py_None);
}

PyObject *mpy_held_scope(PyObject *object, PyObject *unused) {
    (void)unused;
    struct mpy_held *self = mpy_held_enter(object);
    if (self == NULL)
        return NULL;
    mpy_held_leave(self);
    return mpy_ref(object);
}

/* What went wrong in the scope is worth more than what closing has to tell. */
PyObject *mpy_held_scope_end(PyObject *object, PyObject *args) {
    PyObject *done = mpy_held_close(object, NULL);
    if (done != NULL || PyTuple_GET_SIZE(args) == 0 || PyTuple_GET_ITEM(args, 0) == Py_None)
        return done;
    PyErr_Clear();
    Py_RETURN_NONE;
}

void mpy_held_end(PyObject *object) {
    struct mpy_held *self = (struct mpy_held *)object;
    PyObject *type = NULL, *value = NULL, *trace = NULL;
    PyErr_Fetch(&type, &value, &trace);
    if (self->handle != NULL && end_handle(self) < 0)
        PyErr_WriteUnraisable((PyObject *)Py_TYPE(object));
    PyErr_Restore(type, value, trace);
    mpy_gate_end(&self->gate);
}
