/* SPDX-License-Identifier: MIT
 *
 * load() and loads().
 *
 * A loader keeps its memory for the next time: each interpreter has one to spare.
 */
#include "load.h"

#include <stdlib.h>

static struct mpk_loader *take(struct mpk_state *state, const char *operation) {
    struct mpk_loader *l = state->spare_loader;
    if (MFI_LIKELY(l != NULL)) {
        state->spare_loader = NULL;
        l->d.operation = operation;
        return l;
    }
    l = PyMem_Malloc(sizeof *l);
    if (l == NULL)
        PyErr_NoMemory();
    else
        mpk_loader_init(l, state, operation);
    return l;
}

static void give_back(struct mpk_loader *l) {
    enum { MANY = 64 << 10 };
    struct mpk_state *state = l->state;
    mpk_loader_forget(l);
    mpk_load_options_end(&l->options);
    if (l->d.source.more != NULL)
        mpk_file_end(l);
    l->d.source = (struct mfi_source){0};
    if (state->spare_loader != NULL || l->d.memo_capacity > MANY || l->fold_capacity > MANY ||
        l->d.limit - l->d.stack > MANY || l->d.mark_room > MANY) {
        mpk_loader_end(l);
        PyMem_Free(l);
    } else {
        state->spare_loader = l;
    }
}

void mpk_load_release(struct mpk_state *state) {
    struct mpk_loader *l = state->spare_loader;
    state->spare_loader = NULL;
    if (l != NULL)
        mpk_loader_end(l);
    PyMem_Free(l);
}

/* The pickle's object, and what dill does with it at the end. */
static PyObject *run(struct mpk_loader *l) {
    const bool paused = MFI_UNLIKELY(l->options.pause_gc) && mpk_gc_pause(&l->options);
    PyObject *object = mpk_loader_run(l);
    if (object != NULL && MFI_UNLIKELY(PyType_HasFeature(Py_TYPE(object), Py_TPFLAGS_HEAPTYPE)) &&
        mpk_load_repoint(l, object) < 0)
        Py_CLEAR(object);
    if (MFI_UNLIKELY(paused))
        mpk_gc_go_on(paused);
    return object;
}

static PyObject *run_over(struct mpk_loader *l, const void *bytes, Py_ssize_t size) {
    l->d.begin = l->k.at = bytes;
    l->d.end = l->d.begin + size;
    l->d.before = 0;
    return run(l);
}

static PyObject *load_bytes(struct mpk_loader *l, PyObject *data) {
    Py_buffer bytes;
    if (MFI_LIKELY(PyBytes_CheckExact(data))) {
        Py_INCREF(data); /* whoever gave it may let go of it */
        PyObject *made = run_over(l, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data));
        Py_DECREF(data);
        return made;
    }
    if (PyObject_GetBuffer(data, &bytes, PyBUF_CONTIG_RO) < 0)
        return NULL;
    PyObject *object = run_over(l, bytes.buf, bytes.len);
    PyBuffer_Release(&bytes);
    return object;
}

static PyObject *load_file(struct mpk_loader *l, PyObject *file) {
    if (mpk_file_bind(l, file) < 0) {
        mpk_file_end(l);
        return NULL;
    }
    mpk_file_open(l);
    PyObject *object = run(l);
    if (object != NULL && mpk_file_settle(l) < 0)
        Py_CLEAR(object);
    return object;
}

static bool is_path(PyObject *from) {
    if (PyUnicode_Check(from) || PyBytes_Check(from))
        return true;
    PyObject *type = (PyObject *)Py_TYPE(from);
    return PyObject_HasAttrString(type, "__fspath__") && !PyObject_HasAttrString(from, "readline");
}

static PyObject *loads(PyObject *module, PyObject *const *args, Py_ssize_t nargs,
                       PyObject *kwnames) {
    static const struct mpy_signature signature = {
        "loads", 2, 1 + MPK_LOAD_OPTIONS - 1, {MPK_N_data, MPK_LOAD_NAMES}, 1};
    PyObject *values[1 + MPK_LOAD_OPTIONS];
    struct mpk_state *state = mpk_state_of(module);
    const bool alone = nargs == 1 && kwnames == NULL;
    values[MPK_LOAD_OPTIONS] = NULL; /* trust, which is load()'s */
    if (!alone && mpk_parse(state, &signature, args, nargs, kwnames, values) < 0)
        return NULL;
    if (PySys_Audit("mayfly.load", "O", Py_None) < 0)
        return NULL;
    struct mpk_loader *l = take(state, "loads");
    if (l == NULL)
        return NULL;
    PyObject *object = NULL;
    if (mpk_load_options_read(&l->options, alone ? NULL : values + 1) == 0)
        object = load_bytes(l, alone ? args[0] : values[0]);
    give_back(l);
    return object;
}

static PyObject *load(PyObject *module, PyObject *const *args, Py_ssize_t nargs,
                      PyObject *kwnames) {
    static const struct mpy_signature signature = {
        "load", 2, 1 + MPK_LOAD_OPTIONS, {MPK_N_file, MPK_LOAD_NAMES}, 1};
    PyObject *values[1 + MPK_LOAD_OPTIONS] = {NULL};
    struct mpk_state *state = mpk_state_of(module);
    if (mpk_parse(state, &signature, args, nargs, kwnames, values) < 0 ||
        PySys_Audit("mayfly.load", "O", values[0]) < 0)
        return NULL;
    struct mpk_loader *l = take(state, "load");
    if (l == NULL)
        return NULL;
    PyObject *object = NULL;
    if (mpk_load_options_read(&l->options, values + 1) < 0) {
        object = NULL;
    } else if (is_path(values[0])) {
        PyObject *data = mpk_load_path(values[0], l->options.trusted || l->options.data_only);
        object = data == NULL ? NULL : load_bytes(l, data);
        Py_XDECREF(data);
    } else {
        object = load_file(l, values[0]);
    }
    give_back(l);
    return object;
}

PyDoc_STRVAR(load_doc,
             "load($module, file, ignore=None, *, fix_imports=True, encoding='ASCII',\n"
             "     errors='strict', buffers=(), allow=None, data_only=False, pause_gc=False,\n"
             "     trusted=False)\n--\n\n"
             "The object of the next pickle in a file, or of the one at a path.\n\n"
             "allow       the only globals that the pickle may name: \"module:name\", or objects\n"
             "data_only   nothing is imported or called: plain data, or an UnpicklingError\n"
             "pause_gc    the garbage collector is off meanwhile, for the whole process\n"
             "trusted     a path: also if another user owns the file or can write it");
PyDoc_STRVAR(loads_doc,
             "loads($module, data, ignore=None, *, fix_imports=True, encoding='ASCII',\n"
             "      errors='strict', buffers=(), allow=None, data_only=False, pause_gc=False)\n"
             "--\n\n"
             "The object of a pickle in memory; see load().");

PyMethodDef mpk_load_methods[] = {
    {"load", (PyCFunction)(void (*)(void))load, METH_FASTCALL | METH_KEYWORDS, load_doc},
    {"loads", (PyCFunction)(void (*)(void))loads, METH_FASTCALL | METH_KEYWORDS, loads_doc},
    {NULL, NULL, 0, NULL},
};

/* What CPython makes of a stream; NULL without an exception: it refuses it. */
static PyObject *made_of(PyObject *loads, const char *stream, size_t size) {
    PyObject *made = PyObject_CallFunction(loads, "y#", stream, (Py_ssize_t)size);
    PyErr_Clear();
    return made;
}

/* What this CPython does with streams that no pickler writes; it changed within its versions. */
static int ask_about_ways(struct mpk_state *state) {
#define MADE_OF(stream) made_of(loads, (stream), sizeof(stream) - 1)
    PyObject *pickle = PyImport_ImportModule("_pickle");
    PyObject *loads = pickle == NULL ? NULL : PyObject_GetAttrString(pickle, "loads");
    Py_XDECREF(pickle);
    if (loads == NULL)
        return -1;
    PyObject *hexadecimal = MADE_OF("I0x10\n."), *minus = MADE_OF("I-0\n.");
    PyObject *across = MADE_OF("\x80\x04\x95\x02\0\0\0\0\0\0\0I1\n."), *none = MADE_OF("N(e.");
    state->ways = (hexadecimal == NULL ? MFI_WAY_DECIMAL : 0u) |
                  (minus != Py_False ? MFI_WAY_BOOLS : 0u) |
                  (across == NULL ? MFI_WAY_FRAMES : 0u) | (none == NULL ? MFI_WAY_EMPTY : 0u);
    Py_XDECREF(hexadecimal);
    Py_XDECREF(minus);
    Py_XDECREF(across);
    Py_XDECREF(none);
    Py_DECREF(loads);
    return 0;
#undef MADE_OF
}

int mpk_load_setup(PyObject *module, struct mpk_state *state) {
    if (ask_about_ways(state) < 0)
        return -1;
    if (mpk_global_setup(module, state) < 0 || mpk_dill_setup(module, state) < 0 ||
        mpk_unpickler_memo_setup(module, state) < 0)
        return -1;
    return mpk_unpickler_setup(module, state);
}
