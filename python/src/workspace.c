/* SPDX-License-Identifier: MIT
 *
 * workspace(): a private directory from which results are carried out when the work succeeded; and
 * what a program asks of the library as a whole.
 */
#include "core.h"

#include <errno.h>

struct workspace {
    struct mpy_held held;
    PyObject *path;
};

static int end_workspace(void **handle, mayfly_error *error) {
    mayfly_workspace *workspace = *handle;
    return mayfly_workspace_close(&workspace, error);
}

static int init(PyObject *object, PyObject *args, PyObject *kwargs) {
    static const struct mpy_signature signature = {
        "workspace", 3, 6, {N_suffix, N_prefix, N_dir, N_keep_on_error, N_max_bytes, N_max_files}};
    struct workspace *self = (struct workspace *)object;
    PyObject *v[6];
    mpy_auto_site site = {{0}, .bytes = 0};
    mayfly_workspace_options options = {.keep_on_error = false};
    if (mpy_held_begin(object) < 0)
        return -1;
    struct mpy_state *state = self->held.state;
    if (mpy_parse_tuple(state, &signature, args, kwargs, v) < 0 ||
        mpy_number(v[4], &options.dir.max_bytes) < 0 ||
        mpy_number(v[5], &options.dir.max_files) < 0 ||
        mpy_site_fill(state, v[2], v[1], v[0], &site) < 0)
        return -1;
    const int keep = mpy_truth(v[3], 0);
    if (keep < 0)
        return -1;
    options.keep_on_error = keep != 0;
    options.dir.prefix = site.use_prefix;
    options.dir.suffix = site.suffix.text;
    options.dir.dir = site.use_dir;
    mayfly_error error;
    mayfly_workspace *handle = NULL;
    PyThreadState *released = PyEval_SaveThread();
    const int r = mayfly_workspace_begin(&options, &handle, &error);
    PyEval_RestoreThread(released);
    if (r < 0)
        return mpy_raise(state, r, &error), -1;
    self->held.handle = handle;
    self->held.end = end_workspace;
    Py_XSETREF(self->path, mpy_path_object(mayfly_workspace_path(handle), 0));
    return self->path == NULL ? -1 : 0;
}

static PyObject *copy_in(PyObject *object, PyObject *const *args, Py_ssize_t nargs,
                         PyObject *kwnames) {
    static const struct mpy_signature signature = {"copy_in", 2, 2, {N_source, N_name}};
    const struct mpy_state *state = mpy_state_of_type(Py_TYPE(object));
    PyObject *v[2];
    mpy_auto_text source = {NULL, NULL}, name = {NULL, NULL};
    if (state == NULL || mpy_parse(state, &signature, args, nargs, kwnames, v) < 0 ||
        mpy_text_from(v[0], &source) < 0 || mpy_text_from(v[1], &name) < 0)
        return NULL;
    if (source.text == NULL) {
        PyErr_SetString(PyExc_TypeError, "copy_in() needs a source");
        return NULL;
    }
    struct mpy_held *self = mpy_held_enter(object);
    if (self == NULL)
        return NULL;
    mayfly_error error;
    PyThreadState *released = PyEval_SaveThread();
    const int r = mayfly_workspace_copy_in(self->handle, source.text, name.text, &error);
    PyEval_RestoreThread(released);
    mpy_held_leave(self);
    return r < 0 ? mpy_raise(state, r, &error) : mpy_ref(Py_None);
}

static PyObject *carry_out(PyObject *object, PyObject *const *args, Py_ssize_t nargs,
                           PyObject *kwnames) {
    static const struct mpy_signature signature = {
        "carry_out", 2, 4, {N_name, N_target, N_overwrite, N_durable}};
    const struct mpy_state *state = mpy_state_of_type(Py_TYPE(object));
    PyObject *v[4];
    mpy_auto_text name = {NULL, NULL}, target = {NULL, NULL};
    if (state == NULL || mpy_parse(state, &signature, args, nargs, kwnames, v) < 0 ||
        mpy_text_from(v[0], &name) < 0 || mpy_text_from(v[1], &target) < 0)
        return NULL;
    const int overwrite = mpy_truth(v[2], 1), durable = mpy_truth(v[3], 0);
    if (overwrite < 0 || durable < 0)
        return NULL;
    if (name.text == NULL) {
        PyErr_SetString(PyExc_TypeError, "carry_out() needs a name");
        return NULL;
    }
    const unsigned flags =
        (overwrite ? 0u : (unsigned)MAYFLY_NOCLOBBER) |
        (durable ? (unsigned)MAYFLY_DURABLE : (unsigned)MAYFLY_CONSISTENT); /* as replace() */
    struct mpy_held *self = mpy_held_enter(object);
    if (self == NULL)
        return NULL;
    mayfly_error error;
    PyThreadState *released = PyEval_SaveThread();
    const int r = mayfly_workspace_carry_out(self->handle, name.text, target.text, flags, &error);
    PyEval_RestoreThread(released);
    mpy_held_leave(self);
    return r < 0 ? mpy_raise(state, r, &error) : mpy_ref(Py_None);
}

/* `done`: having been committed by hand is no mistake. */
static PyObject *commit_results(PyObject *object, int done) {
    struct mpy_held *self = mpy_held_enter(object);
    if (self == NULL)
        return NULL;
    mayfly_error error;
    size_t count = 0;
    PyThreadState *released = PyEval_SaveThread();
    const int r = mayfly_workspace_commit(self->handle, &count, &error);
    PyEval_RestoreThread(released);
    mpy_held_leave(self);
    return r < 0 && !(done && r == -EPERM) ? mpy_raise(self->state, r, &error)
                                           : PyLong_FromSize_t(count);
}

static PyObject *commit(PyObject *object, PyObject *unused) {
    (void)unused;
    return commit_results(object, 0);
}

/* Commits unless that was done by hand; closes in every case. */
static PyObject *exit_scope(PyObject *object, PyObject *args) {
    PyObject *failed = PyTuple_GET_SIZE(args) > 0 ? PyTuple_GET_ITEM(args, 0) : Py_None;
    if (((struct mpy_held *)object)->handle == NULL)
        Py_RETURN_NONE;
    if (failed == Py_None)
        Py_XDECREF(commit_results(object, 1));
    PyObject *kind = NULL, *value = NULL, *trace = NULL;
    PyErr_Fetch(&kind, &value, &trace);
    PyObject *closed = mpy_held_close(object, NULL);
    if (kind == NULL)
        return closed;
    Py_XDECREF(closed);
    PyErr_Clear();
    PyErr_Restore(kind, value, trace);
    return NULL;
}

static PyObject *get_path(PyObject *object, void *unused) {
    (void)unused;
    PyObject *path = ((struct workspace *)object)->path;
    return mpy_ref(path == NULL ? Py_None : path);
}

static PyObject *fspath(PyObject *object, PyObject *unused) {
    (void)unused;
    return get_path(object, NULL);
}

static void dealloc(PyObject *object) {
    struct workspace *self = (struct workspace *)object;
    PyTypeObject *type = Py_TYPE(object);
    mpy_held_end(object);
    Py_CLEAR(self->path);
    type->tp_free(object);
    Py_DECREF(type);
}

static PyMethodDef workspace_methods[] = {
    {"copy_in", (PyCFunction)(void (*)(void))copy_in, METH_FASTCALL | METH_KEYWORDS,
     "copy_in($self, source, name=None)\n--\n\nCopies a file into the workspace."},
    {"carry_out", (PyCFunction)(void (*)(void))carry_out, METH_FASTCALL | METH_KEYWORDS,
     "carry_out($self, name, target=None, *, overwrite=True, durable=False)\n--\n\n"
     "Names a result, which is put in place when the work has succeeded."},
    {"commit", commit, METH_NOARGS, "Puts the results in place; returns how many."},
    {"close", mpy_held_close, METH_NOARGS, "Removes the workspace."},
    {"__enter__", mpy_held_scope, METH_NOARGS, NULL},
    {"__exit__", exit_scope, METH_VARARGS, NULL},
    {"__fspath__", fspath, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef getset[] = {
    {"path", get_path, NULL, "The directory.", NULL},
    {"name", get_path, NULL, "The directory.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_init, init},
    {Py_tp_new, PyType_GenericNew},
    {Py_tp_dealloc, dealloc},
    {Py_tp_methods, workspace_methods},
    {Py_tp_getset, getset},
    {Py_tp_doc,
     "workspace(suffix=None, prefix='work_', dir=None, *, keep_on_error=False, "
     "max_bytes=0, max_files=0)\n--\n\n"
     "A private directory; its results are carried out when the scope ends without an error."},
    {0, NULL},
};

int mpy_workspace_setup(PyObject *module, struct mpy_state *state) {
    PyType_Spec spec = {
        .name = "mayfly.workspace",
        .basicsize = sizeof(struct workspace),
        .flags = Py_TPFLAGS_DEFAULT,
        .slots = slots,
    };
    state->Workspace = mpy_add_type(module, &spec, NULL, "workspace");
    return state->Workspace == NULL ? -1 : 0;
}

/* ---- the library as a whole
 * ------------------------------------------------------------------------ */

static const struct {
    int number, flag;
} signals[] = {
    {1, MAYFLY_ON_HUP},   {2, MAYFLY_ON_INT},   {3, MAYFLY_ON_QUIT},  {13, MAYFLY_ON_PIPE},
    {15, MAYFLY_ON_TERM}, {24, MAYFLY_ON_XCPU}, {25, MAYFLY_ON_XFSZ}, {6, MAYFLY_ON_ABRT},
};

static int flag_of(long number, unsigned *flags) {
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        if (signals[i].number == number)
            return *flags |= (unsigned)signals[i].flag, 0;
    PyErr_Format(PyExc_ValueError, "signal %ld is none that can be asked for", number);
    return -1;
}

/* Without arguments: what usually ends a program, but SIGINT, which Python turns into an exception
 * that runs every finally. */
static PyObject *keep_on_signals(PyObject *module, PyObject *args) {
    unsigned flags = 0;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(args); i++) {
        const long number = PyLong_AsLong(PyTuple_GET_ITEM(args, i));
        if ((number == -1 && PyErr_Occurred()) || flag_of(number, &flags) < 0)
            return NULL;
    }
    if (PyTuple_GET_SIZE(args) == 0)
        flags = (unsigned)(MAYFLY_ON_HUP | MAYFLY_ON_QUIT | MAYFLY_ON_TERM | MAYFLY_ON_XCPU);
    mayfly_error error;
    const int r = mayfly_keep_on_signals(flags, &error);
    return r < 0 ? mpy_raise(mpy_state_of(module), r, &error) : mpy_ref(Py_None);
}

static PyObject *reap(PyObject *module, PyObject *unused) {
    (void)unused;
    mayfly_error error;
    mayfly_reap_result result;
    int r = 0;
    Py_BEGIN_ALLOW_THREADS r = mayfly_reap(NULL, &result, &error);
    Py_END_ALLOW_THREADS return r < 0 ? mpy_raise(mpy_state_of(module), r, &error)
                                      : mpy_ref(Py_None);
}

PyMethodDef mpy_more_methods[] = {
    {"keep_on_signals", keep_on_signals, METH_VARARGS,
     "keep_on_signals(*signals)\n--\n\n"
     "Has temporary things removed when the process is told to stop: by HUP, QUIT, TERM or XCPU."},
    {"reap", reap, METH_NOARGS, "reap()\n--\n\nRemoves what processes left that were killed."},
    {NULL, NULL, 0, NULL},
};
