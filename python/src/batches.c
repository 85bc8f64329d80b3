/* SPDX-License-Identifier: MIT
 *
 * Batches: records of several CSV and JSON files, so many in a file, and their results combined.
 * mayfly/_work.py makes of it what Python's programs see.
 */
#include "core.h"

#include <stdlib.h>

static const char *const format_names[] = {"by-name", "csv", "json", NULL};

/* As they come from Python. */
struct wish {
    struct mpy_text prefix, dir, backup;
    const char *format, *delimiter, *quote;
    PyObject *inputs, *size, *max_record;
    int lines, overwrite, durable, preserve;
    struct mpy_text *paths; /* of the inputs */
    const char **texts;
    size_t count;
};

static void end_wish(struct wish *w) {
    for (size_t i = 0; w->paths != NULL && i < w->count; i++)
        mpy_text_end(&w->paths[i]);
    free(w->paths);
    free(w->texts);
    mpy_text_end(&w->prefix);
    mpy_text_end(&w->dir);
    mpy_text_end(&w->backup);
}

static int read_inputs(struct wish *w) {
    PyObject *list = PySequence_Tuple(w->inputs); /* a path's __fspath__ may change a list */
    if (list == NULL)
        return -1;
    w->count = (size_t)PyTuple_GET_SIZE(list);
    w->paths = calloc(w->count + 1, sizeof *w->paths);
    w->texts = calloc(w->count + 1, sizeof *w->texts);
    int r = w->paths == NULL || w->texts == NULL ? -1 : 0;
    if (r < 0)
        PyErr_NoMemory();
    for (size_t i = 0; r == 0 && i < w->count; i++) {
        r = mpy_text_from(PyTuple_GET_ITEM(list, (Py_ssize_t)i), &w->paths[i]);
        w->texts[i] = w->paths[i].text;
        if (r == 0 && w->texts[i] == NULL) {
            PyErr_SetString(PyExc_TypeError, "an input is a path, not None");
            r = -1;
        }
    }
    Py_DECREF(list);
    return r;
}

static int read_arguments(PyObject *args, PyObject *kwargs, struct wish *w,
                          mayfly_batch_options *o) {
    static char *names[] = {"inputs",     "size",     "format", "delimiter", "quote",
                            "max_record", "prefix",   "dir",    "lines",     "overwrite",
                            "durable",    "preserve", "backup", NULL};
    int format = 0;
    w->overwrite = 1;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|$OzzzOO&O&ppppO&:batches", names, &w->inputs,
                                     &w->size, &w->format, &w->delimiter, &w->quote, &w->max_record,
                                     mpy_text_argument, &w->prefix, mpy_text_argument, &w->dir,
                                     &w->lines, &w->overwrite, &w->durable, &w->preserve,
                                     mpy_text_argument, &w->backup) ||
        mpy_choice(w->format, "format", format_names, &format) < 0 ||
        mpy_letter(w->delimiter, "delimiter", &o->csv.delimiter) < 0 ||
        mpy_letter(w->quote, "quote", &o->csv.quote) < 0 || mpy_number(w->size, &o->size) < 0 ||
        mpy_number(w->max_record, &o->csv.max_record) < 0 || read_inputs(w) < 0)
        return -1;
    o->format = (mayfly_batch_format)format;
    o->prefix = w->prefix.text;
    o->dir = w->dir.text;
    o->lines = w->lines != 0;
    o->replace.no_clobber = !w->overwrite;
    o->replace.preserve = w->preserve != 0;
    o->replace.backup = w->backup.text;
    o->replace.durability = w->durable ? MAYFLY_DURABILITY_FULL : MAYFLY_DURABILITY_CONSISTENT;
    return 0;
}

static int end_batches(void **handle, mayfly_error *error) {
    mayfly_batches *batches = *handle;
    return mayfly_batches_close(&batches, error);
}

static int init(PyObject *object, PyObject *args, PyObject *kwargs) {
    struct mpy_held *self = (struct mpy_held *)object;
    __attribute__((cleanup(end_wish))) struct wish w = {.lines = 0};
    mayfly_batch_options options = {.size = 0};
    mayfly_error error;
    mayfly_batches *handle = NULL;
    if (mpy_held_begin(object) < 0 || read_arguments(args, kwargs, &w, &options) < 0)
        return -1;
    PyThreadState *released = PyEval_SaveThread();
    const int r = mayfly_batches_open(w.texts, w.count, &options, &handle, &error);
    PyEval_RestoreThread(released);
    self->handle = handle;
    self->end = end_batches;
    return r < 0 ? (void)mpy_raise(self->state, r, &error), -1 : 0;
}

static PyObject *next(PyObject *object) {
    struct mpy_held *self = mpy_held_enter(object);
    if (self == NULL)
        return NULL;
    mayfly_batch b;
    mayfly_error error;
    PyThreadState *released = PyEval_SaveThread();
    const int r = mayfly_batches_next(self->handle, &b, &error);
    PyEval_RestoreThread(released);
    PyObject *result = NULL;
    if (r < 0)
        result = mpy_raise(self->state, r, &error);
    else if (r > 0)
        result = Py_BuildValue("(NNKKKK)", PyUnicode_DecodeFSDefault(b.path),
                               PyUnicode_DecodeFSDefault(b.output), (unsigned long long)b.number,
                               (unsigned long long)b.records, (unsigned long long)b.bytes,
                               (unsigned long long)b.first_record);
    mpy_held_leave(self);
    return result;
}

static PyObject *combine(PyObject *object, PyObject *path) {
    mpy_auto_text target = {NULL, NULL};
    if (mpy_text_from(path, &target) < 0)
        return NULL;
    if (target.text == NULL) {
        PyErr_SetString(PyExc_TypeError, "combine() needs a target");
        return NULL;
    }
    struct mpy_held *self = mpy_held_enter(object);
    if (self == NULL)
        return NULL;
    mayfly_batch_result result;
    mayfly_error error;
    PyThreadState *released = PyEval_SaveThread();
    const int r = mayfly_batches_combine(self->handle, target.text, &result, &error);
    PyEval_RestoreThread(released);
    mpy_held_leave(self);
    if (r < 0)
        return mpy_raise(self->state, r, &error);
    return Py_BuildValue("(KKKK)", (unsigned long long)result.batches,
                         (unsigned long long)result.records, (unsigned long long)result.combined,
                         (unsigned long long)result.bytes);
}

static PyObject *keep(PyObject *object, PyObject *unused) {
    (void)unused;
    struct mpy_held *self = mpy_held_enter(object);
    if (self == NULL)
        return NULL;
    mayfly_error error;
    const int r = mayfly_batches_keep(self->handle, &error);
    mpy_held_leave(self);
    return r < 0 ? mpy_raise(self->state, r, &error) : mpy_ref(Py_None);
}

static PyObject *get_dir(PyObject *object, void *unused) {
    (void)unused;
    const struct mpy_held *self = (struct mpy_held *)object;
    return self->handle == NULL ? mpy_ref(Py_None)
                                : mpy_path_object(mayfly_batches_dir(self->handle), 0);
}

static void dealloc(PyObject *object) {
    PyTypeObject *type = Py_TYPE(object);
    mpy_held_end(object);
    type->tp_free(object);
    Py_DECREF(type);
}

static PyMethodDef methods[] = {
    {"combine", combine, METH_O,
     "Puts the outputs together in the place of `target`, all or nothing."},
    {"keep", keep, METH_NOARGS, "Has batches and outputs stay."},
    {"close", mpy_held_close, METH_NOARGS, "Removes batches and outputs."},
    {"__enter__", mpy_held_scope, METH_NOARGS, NULL},
    {"__exit__", mpy_held_scope_end, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef getset[] = {
    {"dir", get_dir, NULL, "The directory of batches and outputs.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_init, init},
    {Py_tp_new, PyType_GenericNew},
    {Py_tp_dealloc, dealloc},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, next},
    {Py_tp_methods, methods},
    {Py_tp_getset, getset},
    {Py_tp_doc, "What mayfly.batches is made of."},
    {0, NULL},
};

int mpy_batches_setup(PyObject *module, struct mpy_state *state) {
    PyType_Spec spec = {
        .name = "mayfly._core.Batches",
        .basicsize = sizeof(struct mpy_held),
        .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
        .slots = slots,
    };
    state->Batches = mpy_add_type(module, &spec, NULL, "Batches");
    return state->Batches == NULL ? -1 : 0;
}
