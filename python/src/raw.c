/* SPDX-License-Identifier: MIT
 *
 * Raw files that end a handle of the library when they are closed, and what they have in common.
 *
 * RawFile (descriptor.c) is an io.FileIO on the handle's descriptor: reading and writing go
 * straight to the system. HandleFile goes through the handle, for what only the library can do:
 * secret files, whose bytes lie encrypted on the disk, and limits of size.
 */
#include "core.h"

#include <string.h>
#include <stdio.h>

struct mpy_raw *mpy_raw_of(const struct mpy_state *state, PyObject *file) {
    if (PyObject_TypeCheck(file, (PyTypeObject *)state->RawFile))
        return (struct mpy_raw *)((char *)file + state->raw_offset);
    if (PyObject_TypeCheck(file, (PyTypeObject *)state->HandleFile))
        return (struct mpy_raw *)((char *)file + state->handle_offset);
    return NULL;
}

static struct mpy_raw *own_part(PyObject *self) {
    struct mpy_state *state = mpy_state_of_type(Py_TYPE(self));
    struct mpy_raw *raw = state == NULL ? NULL : mpy_raw_of(state, self);
    if (raw != NULL && raw->state == NULL) /* not made by the module */
        raw->state = state;
    return raw;
}

/* Ends the handle. What goes wrong is raised, except that another one's file is left alone, which
 * is warned of. */
int mpy_raw_end(PyObject *file, struct mpy_raw *raw) {
    (void)file;
    if (raw->handle == NULL)
        return 0;
    mayfly_error error;
    mayfly_file *handle = raw->handle;
    raw->handle = NULL;
    raw->fd = -1;
    int r = 0;
    Py_BEGIN_ALLOW_THREADS r = mayfly_file_close(&handle, &error);
    Py_END_ALLOW_THREADS
        /* A write that failed was an exception when it did: nothing is gathered below io. */
        if (r < 0 && strcmp(error.operation, "write") == 0) return 0;
    return mpy_tell_end(raw->state, r, &error);
}

int mpy_raw_close_handle(PyObject *self, struct mpy_raw *raw) {
    if (raw->handle == NULL || !raw->keep_on_close)
        return mpy_raw_end(self, raw);
    mayfly_error error;
    int r = 0;
    Py_BEGIN_ALLOW_THREADS r = mayfly_file_close_descriptor(raw->handle, &error);
    Py_END_ALLOW_THREADS return mpy_tell_end(raw->state, r, &error);
}

/* io's own closing, then the handle's, whatever happened before. */
static PyObject *close_both(PyObject *self, PyObject *base) {
    struct mpy_raw *raw = own_part(self);
    if (raw == NULL)
        return NULL;
    PyObject *close = PyObject_GetAttr(base, raw->state->n[N_close]);
    PyObject *done = close == NULL ? NULL : PyObject_CallOneArg(close, self);
    Py_XDECREF(close);
    PyObject *type = NULL, *value = NULL, *trace = NULL;
    PyErr_Fetch(&type, &value, &trace);
    if (mpy_raw_close_handle(self, raw) < 0 && type == NULL) {
        Py_XDECREF(done);
        return NULL;
    }
    if (type != NULL)
        PyErr_Restore(type, value, trace);
    return done;
}

static PyObject *handle_close(PyObject *self, PyObject *unused) {
    (void)unused;
    struct mpy_raw *raw = own_part(self);
    return raw == NULL ? NULL : close_both(self, raw->state->RawIOBase);
}

/* Buffered objects call this when nobody closed them. */
PyObject *mpy_raw_dealloc_warn(PyObject *self, PyObject *source) {
    struct mpy_raw *raw = own_part(self);
    if (raw == NULL)
        return NULL;
    if (raw->handle != NULL &&
        PyErr_ResourceWarning(
            source, 1, raw->named ? "Implicitly cleaning up %R" : "unclosed file %R", source) < 0)
        PyErr_WriteUnraisable(source); /* warnings are errors here: there is nobody to catch it */
    Py_RETURN_NONE;
}

void mpy_raw_finalize(PyObject *self, struct mpy_raw *raw, PyObject *base) {
    PyObject *type = NULL, *value = NULL, *trace = NULL;
    PyErr_Fetch(&type, &value, &trace);
    if (raw->handle != NULL) {
        PyObject *closed = PyObject_GetAttr(self, raw->state->n[N_closed]);
        if (closed == Py_False)
            Py_XDECREF(mpy_raw_dealloc_warn(self, self));
        Py_XDECREF(closed);
        PyErr_Clear();
    }
    destructor finish = ((PyTypeObject *)base)->tp_finalize;
    if (finish != NULL)
        finish(self);
    if (mpy_raw_end(self, raw) < 0)
        PyErr_WriteUnraisable(self);
    PyErr_Restore(type, value, trace);
}

static void handle_finalize(PyObject *self) {
    struct mpy_raw *raw = own_part(self);
    if (raw != NULL && raw->state != NULL)
        mpy_raw_finalize(self, raw, raw->state->RawIOBase);
}

/* ---- through the handle -------------------------------------------------------------------------
 */

static mayfly_file *usable(PyObject *self, struct mpy_raw **ret) {
    *ret = own_part(self);
    if (*ret == NULL)
        return NULL;
    if ((*ret)->handle == NULL)
        PyErr_SetString(PyExc_ValueError, "I/O operation on closed file");
    return (*ret)->handle;
}

static PyObject *handle_readinto(PyObject *self, PyObject *target) {
    struct mpy_raw *raw = NULL;
    mayfly_file *file = usable(self, &raw);
    Py_buffer view;
    if (file == NULL || PyObject_GetBuffer(target, &view, PyBUF_WRITABLE) < 0)
        return NULL;
    mayfly_error error;
    int64_t r = 0;
    Py_BEGIN_ALLOW_THREADS r = mayfly_file_read(file, view.buf, (size_t)view.len, &error);
    Py_END_ALLOW_THREADS PyBuffer_Release(&view);
    return r < 0 ? mpy_raise(raw->state, (int)r, &error) : PyLong_FromLongLong(r);
}

static PyObject *handle_write(PyObject *self, PyObject *source) {
    struct mpy_raw *raw = NULL;
    mayfly_file *file = usable(self, &raw);
    Py_buffer view;
    if (file == NULL || PyObject_GetBuffer(source, &view, PyBUF_SIMPLE) < 0)
        return NULL;
    mayfly_error error;
    int r = 0;
    const Py_ssize_t size = view.len;
    Py_BEGIN_ALLOW_THREADS r = mayfly_file_write(file, view.buf, (size_t)size, &error);
    Py_END_ALLOW_THREADS PyBuffer_Release(&view);
    return r < 0 ? mpy_raise(raw->state, r, &error) : PyLong_FromSsize_t(size);
}

static PyObject *handle_seek(PyObject *self, PyObject *args) {
    struct mpy_raw *raw = NULL;
    mayfly_file *file = usable(self, &raw);
    long long offset = 0;
    int whence = SEEK_SET;
    if (file == NULL || !PyArg_ParseTuple(args, "L|i:seek", &offset, &whence))
        return NULL;
    mayfly_error error;
    const int64_t at = mayfly_file_seek(file, offset, whence, &error);
    return at < 0 ? mpy_raise(raw->state, (int)at, &error) : PyLong_FromLongLong(at);
}

static PyObject *handle_truncate(PyObject *self, PyObject *args) {
    struct mpy_raw *raw = NULL;
    mayfly_file *file = usable(self, &raw);
    PyObject *size = Py_None;
    mayfly_error error;
    if (file == NULL || !PyArg_ParseTuple(args, "|O:truncate", &size))
        return NULL;
    const int64_t wanted =
        size == Py_None ? mayfly_file_tell(file, &error) : PyLong_AsLongLong(size);
    if (wanted < 0 && PyErr_Occurred())
        return NULL;
    const int r = wanted < 0 ? (int)wanted : mayfly_file_truncate(file, wanted, &error);
    return r < 0 ? mpy_raise(raw->state, r, &error) : PyLong_FromLongLong(wanted);
}

static PyObject *handle_fileno(PyObject *self, PyObject *unused) {
    (void)unused;
    struct mpy_raw *raw = NULL;
    mayfly_file *file = usable(self, &raw);
    if (file == NULL)
        return NULL;
    mayfly_error error;
    const int fd = mayfly_file_fd(file, &error);
    return fd < 0 ? mpy_raise(raw->state, fd, &error) : PyLong_FromLong(fd);
}

static PyObject *handle_yes(PyObject *self, PyObject *unused) {
    (void)unused;
    struct mpy_raw *raw = NULL;
    return usable(self, &raw) == NULL ? NULL : mpy_ref(Py_True);
}

static PyObject *handle_no(PyObject *self, PyObject *unused) {
    (void)unused;
    struct mpy_raw *raw = NULL;
    return usable(self, &raw) == NULL ? NULL : mpy_ref(Py_False);
}

static PyMethodDef handle_methods[] = {
    {"readinto", handle_readinto, METH_O, NULL},
    {"write", handle_write, METH_O, NULL},
    {"seek", handle_seek, METH_VARARGS, NULL},
    {"truncate", handle_truncate, METH_VARARGS, NULL},
    {"fileno", handle_fileno, METH_NOARGS, NULL},
    {"readable", handle_yes, METH_NOARGS, NULL},
    {"writable", handle_yes, METH_NOARGS, NULL},
    {"seekable", handle_yes, METH_NOARGS, NULL},
    {"isatty", handle_no, METH_NOARGS, NULL},
    {"close", handle_close, METH_NOARGS, NULL},
    {"_dealloc_warn", mpy_raw_dealloc_warn, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot handle_slots[] = {
    {Py_tp_methods, handle_methods},
    {Py_tp_finalize, handle_finalize},
    {Py_tp_doc, "io.RawIOBase through mayfly's own handle."},
    {0, NULL},
};

/* ---- making one ---------------------------------------------------------------------------------
 */

static PyObject *new_over_descriptor(struct mpy_state *state, mayfly_file *handle, const char *mode,
                                     mayfly_error *error) {
    const int fd = mayfly_file_fd(handle, error);
    return fd < 0 ? mpy_raise(state, fd, error) : mpy_raw_over(state, fd, mode);
}

PyObject *mpy_raw_new(struct mpy_state *state, mayfly_file *handle, const char *mode, int named,
                      int by_handle) {
    mayfly_error error;
    PyObject *file = by_handle ? PyObject_CallNoArgs(state->HandleFile)
                               : new_over_descriptor(state, handle, mode, &error);
    if (file == NULL) {
        (void)mayfly_file_unkeep(handle, NULL);
        (void)mayfly_file_close(&handle, NULL);
        return NULL;
    }
    struct mpy_raw *raw = mpy_raw_of(state, file);
    raw->handle = handle;
    raw->state = state;
    raw->named = named;
    return file;
}

/* A type whose part of the object lies after that of io's, however large that is in this Python. */
static PyObject *derive(PyObject *module, PyType_Slot *slots, const char *full_name, PyObject *base,
                        Py_ssize_t *ret_offset) {
    const Py_ssize_t size = ((PyTypeObject *)base)->tp_basicsize;
    const Py_ssize_t align = (Py_ssize_t) _Alignof(max_align_t);
    *ret_offset = (size + align - 1) / align * align;
    PyType_Spec spec = {
        .name = full_name,
        .basicsize = (int)(*ret_offset + (Py_ssize_t)sizeof(struct mpy_raw)),
        .flags = Py_TPFLAGS_DEFAULT,
        .slots = slots,
    };
    return mpy_add_type(module, &spec, base, strrchr(full_name, '.') + 1);
}

int mpy_raw_setup(PyObject *module, struct mpy_state *state) {
    state->RawFile = derive(module, mpy_raw_file_slots, "mayfly._core.RawFile", state->FileIO,
                            &state->raw_offset);
    if (state->RawFile == NULL)
        return -1;
    state->HandleFile = derive(module, handle_slots, "mayfly._core.HandleFile", state->RawIOBase,
                               &state->handle_offset);
    return state->HandleFile == NULL ? -1 : 0;
}
