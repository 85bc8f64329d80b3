/* SPDX-License-Identifier: MIT
 *
 * What open() does above the descriptor: the mode is read before anything is created, and buffering
 * and text are put over the raw file.
 */
#include "core.h"

#include <string.h>

static int bad_mode(PyObject *mode) {
    PyErr_Format(PyExc_ValueError, "invalid mode: %R", mode);
    return -1;
}

static int read_mode(PyObject *mode, struct mpy_opening *o) {
    if (!PyUnicode_Check(mode)) {
        PyErr_Format(PyExc_TypeError, "mode must be str, not %.100s", Py_TYPE(mode)->tp_name);
        return -1;
    }
    const char *text = PyUnicode_AsUTF8(mode);
    if (text == NULL)
        return -1;
    int letters = 0, plus = 0, is_text = 0, creating = 0;
    for (const char *p = text; *p != '\0'; p++) {
        if (strchr("rwaxbt+", *p) == NULL || strchr(p + 1, *p) != NULL)
            return bad_mode(mode);
        letters += strchr("rwax", *p) != NULL;
        o->reading |= *p == 'r';
        o->writing |= *p == 'w' || *p == 'x';
        creating |= *p == 'x';
        o->appending |= *p == 'a';
        o->binary |= *p == 'b';
        is_text |= *p == 't';
        plus |= *p == '+';
    }
    o->updating = plus;
    if (o->binary && is_text) {
        PyErr_SetString(PyExc_ValueError, "can't have text and binary mode at once");
        return -1;
    }
    if (letters != 1) {
        PyErr_SetString(PyExc_ValueError, "must have exactly one of create/read/write/append mode");
        return -1;
    }
    (void)PyOS_snprintf(o->raw_mode, sizeof o->raw_mode, "%s%s",
                        o->reading   ? "r"
                        : creating   ? "x"
                        : o->writing ? "w"
                                     : "a",
                        plus ? "b+" : "b");
    return 0;
}

static int given(PyObject *object) {
    return object != NULL && object != Py_None;
}

static int check_binary(const struct mpy_opening *o) {
    const char *wrong = given(o->encoding)  ? "an encoding"
                        : given(o->errors)  ? "an errors"
                        : given(o->newline) ? "a newline"
                                            : NULL;
    if (wrong == NULL)
        return 0;
    PyErr_Format(PyExc_ValueError, "binary mode doesn't take %s argument", wrong);
    return -1;
}

static int read_buffering(PyObject *buffering, struct mpy_opening *o) {
    if (!given(buffering))
        return 0;
    const long value = PyLong_AsLong(buffering);
    if (value == -1 && PyErr_Occurred())
        return -1;
    o->buffering = value < 0 ? -1 : value > (1L << 30) ? 1 << 30 : (int)value;
    if (value == 0 && !o->binary) {
        PyErr_SetString(PyExc_ValueError, "can't have unbuffered text I/O");
        return -1;
    }
    if (value == 1 && o->binary)
        return PyErr_WarnEx(PyExc_RuntimeWarning,
                            "line buffering (buffering=1) isn't supported in binary mode, the "
                            "default buffer size will be used",
                            1);
    return 0;
}

int mpy_opening_read(const struct mpy_state *state, PyObject *mode, PyObject *buffering,
                     PyObject *encoding, PyObject *errors, PyObject *newline,
                     struct mpy_opening *ret) {
    if (mode == NULL)
        mode = state->wb_plus;
    *ret = (struct mpy_opening){
        .mode = mode, .encoding = encoding, .errors = errors, .newline = newline, .buffering = -1};
    if (mode == state->wb_plus) { /* the usual one */
        ret->writing = ret->updating = ret->binary = 1;
        memcpy(ret->raw_mode, "wb+", 4);
    } else if (read_mode(mode, ret) < 0) {
        return -1;
    }
    if (ret->binary && check_binary(ret) < 0)
        return -1;
    return read_buffering(buffering, ret);
}

static PyObject *buffer(const struct mpy_state *state, PyObject *raw, const struct mpy_opening *o) {
    PyObject *type = o->updating  ? state->BufferedRandom
                     : o->reading ? state->BufferedReader
                                  : state->BufferedWriter;
    if (o->buffering <= 1)
        return PyObject_CallOneArg(type, raw);
    return PyObject_CallFunction(type, "Oi", raw, o->buffering);
}

static PyObject *as_text(const struct mpy_state *state, PyObject *binary,
                         const struct mpy_opening *o) {
    PyObject *none = Py_None;
    PyObject *text = PyObject_CallFunction(
        state->TextIOWrapper, "OOOOO", binary, o->encoding == NULL ? none : o->encoding,
        o->errors == NULL ? none : o->errors, o->newline == NULL ? none : o->newline,
        o->buffering == 1 ? Py_True : Py_False);
    if (text != NULL && PyObject_SetAttr(text, state->n[N_mode], o->mode) < 0)
        Py_CLEAR(text);
    return text;
}

static void close_quietly(const struct mpy_state *state, PyObject *file) {
    PyObject *type = NULL, *value = NULL, *trace = NULL;
    PyErr_Fetch(&type, &value, &trace);
    PyObject *done = PyObject_CallMethodNoArgs(file, state->n[N_close]);
    Py_XDECREF(done);
    PyErr_Clear();
    PyErr_Restore(type, value, trace);
}

PyObject *mpy_stack(struct mpy_state *state, PyObject *raw, const struct mpy_opening *o) {
    if (raw == NULL || o->buffering == 0)
        return raw;
    struct mpy_raw *part = mpy_raw_of(state, raw);
    if (part->handle != NULL)
        mpy_raw_alone(part);
    PyObject *binary = buffer(state, raw, o);
    PyObject *file = binary;
    if (binary != NULL && !o->binary) {
        file = as_text(state, binary, o);
        Py_DECREF(binary);
    }
    if (file == NULL)
        close_quietly(state, raw);
    Py_DECREF(raw);
    return file;
}
