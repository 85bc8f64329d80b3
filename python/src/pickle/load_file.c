/* SPDX-License-Identifier: MIT
 *
 * Reading from Python's files.
 *
 * What was read lies in a window, which holds at least the opcode under way. A file that can be
 * looked ahead into (peek) is looked into, and is asked for what the pickle took when more is
 * needed and at the end; any other is asked for exactly what comes next, so that it never stands
 * behind the pickle's STOP.
 */
#include "load.h"

enum { LOOK_AHEAD = 128 << 10, FIRST_STEP = 1 << 20 };

int mpk_file_bind(struct mpk_loader *l, PyObject *file) {
    PyObject *const *n = l->state->n;
    int has = mpk_attribute(file, n[MPK_N_peek], &l->peek);
    if (has >= 0)
        has = mpk_attribute(file, n[MPK_N_readinto], &l->readinto);
    if (has >= 0)
        has = mpk_attribute(file, n[MPK_N_read], &l->read);
    if (has >= 0)
        has = mpk_attribute(file, n[MPK_N_readline], &l->readline);
    if (has >= 0 && (l->read == NULL || l->readline == NULL)) {
        PyErr_SetString(PyExc_TypeError, "file must have 'read' and 'readline' attributes");
        has = -1;
    }
    return has < 0 ? -1 : 0;
}

void mpk_file_end(struct mpk_loader *l) {
    Py_CLEAR(l->peek);
    Py_CLEAR(l->readinto);
    Py_CLEAR(l->read);
    Py_CLEAR(l->readline);
    PyMem_Free(l->window);
    l->window = NULL;
    l->window_size = l->ahead = 0;
}

/* ---- the window ------------------------------------------------------------------------------ */

/* Moves what lies from *op on to the window's start, and makes room for `more` bytes behind it. */
static int make_room(struct mpk_loader *l, const uint8_t **op, const uint8_t **at, size_t more) {
    struct mfi_decoder *d = &l->d;
    const size_t gone = d->begin == NULL ? 0 : (size_t)(*op - d->begin);
    const size_t used = d->begin == NULL ? 0 : (size_t)(d->end - *op);
    const size_t taken = d->begin == NULL ? 0 : (size_t)(*at - *op);
    if (gone > 0 && used > 0)
        memmove(l->window, l->window + gone, used);
    d->before += gone;
    if (l->window_size - used < more || l->window == NULL) {
        const size_t size = used + more > 2 * l->window_size ? used + more : 2 * l->window_size;
        uint8_t *grown = PyMem_Realloc(l->window, size);
        if (grown == NULL) {
            PyErr_NoMemory();
        } else {
            l->window = grown;
            l->window_size = size;
        }
    }
    d->begin = l->window;
    d->end = l->window + used;
    *op = l->window;
    *at = l->window + taken;
    return l->window_size - used < more ? -1 : 0;
}

/* Puts what a method returned behind the window. How much that was; -1. */
static Py_ssize_t add(struct mpk_loader *l, const uint8_t **op, const uint8_t **at,
                      PyObject *data) {
    Py_buffer bytes;
    if (data == NULL || PyObject_GetBuffer(data, &bytes, PyBUF_CONTIG_RO) < 0)
        return -1;
    Py_ssize_t size = -1;
    if (make_room(l, op, at, (size_t)bytes.len + 1) == 0) {
        size = bytes.len;
        memcpy(l->window + (l->d.end - l->d.begin), bytes.buf, (size_t)size);
        l->d.end += size;
    }
    PyBuffer_Release(&bytes);
    return size;
}

static PyObject *call_sized(PyObject *method, size_t size) {
    return PyObject_CallFunction(method, "n", (Py_ssize_t)size);
}

/* Has the file pass over what was only looked at, as far as it was taken. */
static int skip(struct mpk_loader *l, size_t taken) {
    l->ahead = 0;
    if (taken == 0)
        return 0;
    PyObject *data = call_sized(l->read, taken);
    Py_XDECREF(data);
    return data == NULL ? -1 : 0;
}

/* Looks ahead: 1: that was enough; 0: it was not, and is forgotten; -1. */
static int look(struct mpk_loader *l, const uint8_t **op, const uint8_t **at, size_t missing) {
    PyObject *data = call_sized(l->peek, LOOK_AHEAD);
    if (data == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_NotImplementedError))
            return -1;
        PyErr_Clear();
        Py_CLEAR(l->peek);
        return 0;
    }
    const Py_ssize_t size = add(l, op, at, data);
    Py_DECREF(data);
    if (size < 0)
        return -1;
    if ((size_t)size < missing) {
        l->d.end -= size;
        return 0;
    }
    l->ahead = (size_t)size;
    return 1;
}

/* readinto() behind the window; what was read, or -1. */
static Py_ssize_t read_into(struct mpk_loader *l, const uint8_t **op, const uint8_t **at,
                            size_t size) {
    if (make_room(l, op, at, size) < 0)
        return -1;
    char *to = (char *)l->window + (l->d.end - l->d.begin);
    PyObject *view = PyMemoryView_FromMemory(to, (Py_ssize_t)size, PyBUF_WRITE);
    PyObject *number = view == NULL ? NULL : PyObject_CallFunctionObjArgs(l->readinto, view, NULL);
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyObject *released = view == NULL ? NULL : PyObject_CallMethod(view, "release", NULL);
    if (released == NULL)
        PyErr_Clear();
    Py_XDECREF(released);
    Py_XDECREF(view);
    PyErr_Restore(type, value, traceback);
    if (number == NULL)
        return -1;
    const Py_ssize_t n = number == Py_None ? 0 : PyLong_AsSsize_t(number);
    Py_DECREF(number);
    if (n < 0 || (size_t)n > size) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_ValueError, "readinto() returned a size that cannot be");
        return -1;
    }
    l->d.end += n;
    return n;
}

/* One piece of what is missing: a length that the pickle tells is not allocated at once. */
static Py_ssize_t read_piece(struct mpk_loader *l, const uint8_t **op, const uint8_t **at,
                             size_t missing) {
    const size_t have = (size_t)(l->d.end - *op);
    const size_t most = have > FIRST_STEP ? have : FIRST_STEP;
    const size_t step = missing < most ? missing : most;
    if (l->readinto != NULL && step >= LOOK_AHEAD)
        return read_into(l, op, at, step);
    PyObject *data = call_sized(l->read, step);
    const Py_ssize_t size = add(l, op, at, data);
    Py_XDECREF(data);
    return size;
}

/* The machine's own words are not heard beside an exception. */
static int file_more(struct mfi_decoder *d, const uint8_t **op, const uint8_t **at, size_t need) {
    struct mpk_loader *l = (struct mpk_loader *)d;
    if (mpk_shape_settle(l) < 0 || skip(l, l->ahead) < 0)
        return -EIO;
    size_t missing = need - (size_t)(d->end - *at);
    if (l->peek != NULL && missing < LOOK_AHEAD) {
        const int enough = look(l, op, at, missing);
        if (enough != 0)
            return enough < 0 ? -EIO : 1;
    }
    while (missing > 0) {
        const Py_ssize_t size = read_piece(l, op, at, missing);
        if (size <= 0)
            return size < 0 ? -EIO : 0;
        missing -= (size_t)size < missing ? (size_t)size : missing;
    }
    return 1;
}

static int file_line(struct mfi_decoder *d, const uint8_t **op, const uint8_t **at) {
    struct mpk_loader *l = (struct mpk_loader *)d;
    if (mpk_shape_settle(l) < 0 || skip(l, l->ahead) < 0)
        return -EIO;
    PyObject *data = PyObject_CallFunctionObjArgs(l->readline, NULL);
    const Py_ssize_t size = add(l, op, at, data);
    Py_XDECREF(data);
    return size < 0 ? -EIO : size > 0 && d->end[-1] == '\n';
}

int mpk_file_settle(struct mpk_loader *l) {
    if (l->ahead == 0)
        return 0;
    const size_t left = (size_t)(l->d.end - l->k.at);
    l->d.end = l->k.at; /* the file has it still */
    return skip(l, l->ahead - left);
}

void mpk_file_open(struct mpk_loader *l) {
    l->d.source = (struct mfi_source){.more = file_more, .line = file_line};
    l->d.begin = l->d.end = l->k.at = NULL;
    l->d.before = 0;
}
