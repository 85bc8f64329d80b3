/* SPDX-License-Identifier: MIT
 *
 * TemporaryDirectory.
 *
 * States      LIVE -cleanup, the scope's end, collection, the interpreter's end-> EMPTY
 * Invariant   in a forked child it is left alone, and nothing is said about it.
 *
 * What is alive is in a list, because what modules still hold when the interpreter ends would
 * otherwise be found at a time at which warnings can no longer be told.
 */
#include "core.h"

#include <structmember.h>
#include <unistd.h>

struct mpy_directory {
    PyObject_HEAD PyObject *name;
    PyObject *dict;
    PyObject *weak;
    struct mpy_state *state;
    struct mpy_directory *next, **here; /* in state->live */
    mayfly_dir *handle;                 /* NULL: removed, or never made */
    pid_t process;
    char ignore, delete;
};

static void leave_list(struct mpy_directory *self) {
    if (self->here == NULL)
        return;
    *self->here = self->next;
    if (self->next != NULL)
        self->next->here = self->here;
    self->here = NULL;
}

static int enter_list(struct mpy_directory *self, PyTypeObject *type) {
    struct mpy_state *state = self->state;
    if (!state->at_exit) {
        (void)type;
        PyObject *core = PyImport_ImportModule("mayfly._core");
        PyObject *function = core == NULL ? NULL : PyObject_GetAttrString(core, "_at_exit");
        PyObject *atexit = function == NULL ? NULL : PyImport_ImportModule("atexit");
        PyObject *done =
            atexit == NULL ? NULL : PyObject_CallMethod(atexit, "register", "O", function);
        Py_XDECREF(core);
        Py_XDECREF(function);
        Py_XDECREF(atexit);
        if (done == NULL)
            return -1;
        Py_DECREF(done);
        state->at_exit = 1;
    }
    self->next = state->live;
    self->here = &state->live;
    if (self->next != NULL)
        self->next->here = &self->next;
    state->live = self;
    return 0;
}

/* ---- making -------------------------------------------------------------------------------------
 */

enum { SUFFIX, PREFIX, DIR, IGNORE, DELETE, MODE, MAX_BYTES, MAX_FILES, COUNT };

static int make(struct mpy_directory *self, struct mpy_site *site, mayfly_dir_options *options) {
    mayfly_error error;
    int r = 0;
    options->prefix = site->use_prefix;
    options->suffix = site->suffix.text;
    options->random = 8;
    do {
        options->dir = site->use_dir;
        Py_BEGIN_ALLOW_THREADS r = mayfly_temporary_directory(options, &self->handle, &error);
        Py_END_ALLOW_THREADS
    } while (r < 0 && mpy_site_again(site, r));
    if (r < 0) {
        (void)mpy_raise(self->state, r, &error);
        return -1;
    }
    self->process = getpid();
    Py_XSETREF(self->name, mpy_path_object(mayfly_dir_path(self->handle), site->bytes));
    if (self->name == NULL || PySys_Audit("tempfile.mkdtemp", "O", self->name) < 0) {
        (void)mayfly_dir_close(&self->handle, NULL);
        return -1;
    }
    return 0;
}

static int init(PyObject *object, PyObject *args, PyObject *kwargs) {
    static const struct mpy_signature signature = {"TemporaryDirectory",
                                                   4,
                                                   COUNT,
                                                   {N_suffix, N_prefix, N_dir,
                                                    N_ignore_cleanup_errors, N_delete, N_mode,
                                                    N_max_bytes, N_max_files}};
    struct mpy_directory *self = (struct mpy_directory *)object;
    self->state = mpy_state_of_type(Py_TYPE(object));
    if (self->state == NULL)
        return -1;
    PyObject *v[COUNT];
    mpy_auto_site site = {{0}, .bytes = 0};
    mayfly_dir_options options = {0};
    uint64_t mode = 0;
    if (self->handle != NULL) {
        PyErr_SetString(PyExc_RuntimeError, "the directory is there already");
        return -1;
    }
    if (mpy_parse_tuple(self->state, &signature, args, kwargs, v) < 0 ||
        mpy_number(v[MODE], &mode) < 0 || mpy_number(v[MAX_BYTES], &options.max_bytes) < 0 ||
        mpy_number(v[MAX_FILES], &options.max_files) < 0)
        return -1;
    const int ignore = mpy_truth(v[IGNORE], 0), delete = mpy_truth(v[DELETE], 1);
    if (ignore < 0 || delete < 0 ||
        mpy_site_fill(self->state, v[DIR], v[PREFIX], v[SUFFIX], &site) < 0)
        return -1;
    options.permissions = (uint32_t)mode;
    options.keep = !delete;
    self->ignore = (char)ignore;
    self->delete = (char)delete;
    if (make(self, &site, &options) < 0)
        return -1;
    return enter_list(self, Py_TYPE(object));
}

/* ---- removing -----------------------------------------------------------------------------------
 */

/* What is left is an OSError about the first of it, as shutil.rmtree would raise. */
static int tell_left(const struct mpy_directory *self, mayfly_dir *handle,
                     const mayfly_leftovers *left, int code, mayfly_error *error) {
    const char *path = NULL;
    int why = 0;
    if (code != MAYFLY_E_LEFTOVER || mayfly_leftovers_get(left, 0, &path, &why) < 0 || why < -4095)
        return mpy_tell_end(self->state, code, error);
    error->code = why;
    (void)PyOS_snprintf(error->path, sizeof error->path, "%s/%s", mayfly_dir_path(handle), path);
    (void)mpy_raise(self->state, why, error);
    return -1;
}

/* Removes, also what was to be kept; `quiet`: as ignore_cleanup_errors. Meanwhile there is no
 * handle for another thread that wants the same. */
static int clean(struct mpy_directory *self, int quiet) {
    if (self->handle == NULL)
        return 0;
    if (self->process != getpid()) { /* the parent's */
        leave_list(self);
        (void)mayfly_dir_close(&self->handle, NULL);
        return 0;
    }
    mayfly_error error;
    mayfly_leftovers *left = NULL;
    mayfly_dir *handle = self->handle;
    int r = 0;
    self->handle = NULL;
    Py_BEGIN_ALLOW_THREADS r = mayfly_dir_cleanup(handle, &left, &error);
    Py_END_ALLOW_THREADS if (r < 0) self->handle = handle; /* it can be tried again */
    const int told = r < 0 && !quiet ? tell_left(self, handle, left, r, &error) : 0;
    mayfly_leftovers_free(&left);
    if (r < 0)
        return told;
    leave_list(self);
    (void)mayfly_dir_close(&handle, NULL);
    return told;
}

static PyObject *cleanup(PyObject *object, PyObject *unused) {
    (void)unused;
    struct mpy_directory *self = (struct mpy_directory *)object;
    return clean(self, self->ignore) < 0 ? NULL : mpy_ref(Py_None);
}

static void end_unasked(struct mpy_directory *self) {
    if (self->handle == NULL || !self->delete || self->process != getpid()) {
        leave_list(self);
        (void)mayfly_dir_close(&self->handle, NULL);
        return;
    }
    PyObject *type = NULL, *value = NULL, *trace = NULL;
    PyErr_Fetch(&type, &value, &trace);
    if (clean(self, self->ignore) < 0)
        PyErr_WriteUnraisable((PyObject *)self);
    if (PyErr_ResourceWarning((PyObject *)self, 1, "Implicitly cleaning up %R", self) < 0)
        PyErr_WriteUnraisable((PyObject *)self);
    leave_list(self);
    mayfly_dir *handle = self->handle;
    self->handle = NULL;
    (void)mayfly_dir_close(&handle, NULL);
    PyErr_Restore(type, value, trace);
}

static PyObject *at_exit(PyObject *module, PyObject *unused) {
    (void)unused;
    struct mpy_state *state = mpy_state_of(module);
    while (state->live != NULL) {
        struct mpy_directory *first = state->live;
        Py_INCREF(first);
        end_unasked(first);
        Py_DECREF(first);
    }
    Py_RETURN_NONE;
}

static void finalize(PyObject *object) {
    struct mpy_directory *self = (struct mpy_directory *)object;
    if (self->handle != NULL)
        end_unasked(self);
}

static int traverse(PyObject *object, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE(object));
    Py_VISIT(((struct mpy_directory *)object)->dict);
    return 0;
}

static int clear(PyObject *object) {
    Py_CLEAR(((struct mpy_directory *)object)->dict);
    return 0;
}

static void dealloc(PyObject *object) {
    struct mpy_directory *self = (struct mpy_directory *)object;
    PyTypeObject *type = Py_TYPE(object);
    if (PyObject_CallFinalizerFromDealloc(object) < 0)
        return;
    PyObject_GC_UnTrack(object);
    if (self->weak != NULL)
        PyObject_ClearWeakRefs(object);
    leave_list(self);
    Py_CLEAR(self->dict);
    Py_CLEAR(self->name);
    type->tp_free(object);
    Py_DECREF(type);
}

/* ---- the rest -----------------------------------------------------------------------------------
 */

static PyObject *enter(PyObject *object, PyObject *unused) {
    (void)unused;
    PyObject *name = ((struct mpy_directory *)object)->name;
    return mpy_ref(name == NULL ? Py_None : name);
}

static PyObject *exit_scope(PyObject *object, PyObject *args) {
    (void)args;
    return ((struct mpy_directory *)object)->delete ? cleanup(object, NULL) : mpy_ref(Py_None);
}

static PyObject *represent(PyObject *object) {
    return PyUnicode_FromFormat("<TemporaryDirectory %R>", ((struct mpy_directory *)object)->name);
}

static PyObject *fspath(PyObject *object, PyObject *unused) {
    (void)unused;
    PyObject *name = ((struct mpy_directory *)object)->name;
    if (name == NULL)
        PyErr_SetString(PyExc_AttributeError, "name");
    return name == NULL ? NULL : mpy_ref(name);
}

static int hold(struct mpy_directory *self, int keep) {
    mayfly_error error;
    const int r = self->handle == NULL ? 0
                  : keep               ? mayfly_dir_keep(self->handle, &error)
                                       : mayfly_dir_unkeep(self->handle, &error);
    if (r < 0)
        return mpy_raise(self->state, r, &error), -1;
    self->delete = (char)!keep;
    return 0;
}

static PyObject *keep_directory(PyObject *object, PyObject *unused) {
    (void)unused;
    return hold((struct mpy_directory *)object, 1) < 0 ? NULL : mpy_ref(Py_None);
}

static PyObject *get_delete(PyObject *object, void *unused) {
    (void)unused;
    return PyBool_FromLong(((struct mpy_directory *)object)->delete);
}

static int set_delete(PyObject *object, PyObject *value, void *unused) {
    (void)unused;
    const int delete = value == NULL ? -1 : PyObject_IsTrue(value);
    return delete < 0 ? -1 : hold((struct mpy_directory *)object, !delete);
}

static PyMethodDef methods[] = {
    {"cleanup", cleanup, METH_NOARGS, "Removes the directory and all that is in it."},
    {"keep", keep_directory, METH_NOARGS, "Has the directory stay."},
    {"__enter__", enter, METH_NOARGS, NULL},
    {"__exit__", exit_scope, METH_VARARGS, NULL},
    {"__fspath__", fspath, METH_NOARGS, NULL},
    {"__class_getitem__", mpy_class_getitem, METH_O | METH_CLASS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef members[] = {
    {"name", T_OBJECT_EX, offsetof(struct mpy_directory, name), 0, "Its path."},
    {"_ignore_cleanup_errors", T_BOOL, offsetof(struct mpy_directory, ignore), 0, NULL},
    {"__dictoffset__", T_PYSSIZET, offsetof(struct mpy_directory, dict), READONLY, NULL},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(struct mpy_directory, weak), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef getset[] = {
    {"delete", get_delete, set_delete, "Whether it is removed.", NULL},
    {"_delete", get_delete, set_delete, NULL, NULL},
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_init, init},
    {Py_tp_dealloc, dealloc},
    {Py_tp_finalize, finalize},
    {Py_tp_traverse, traverse},
    {Py_tp_clear, clear},
    {Py_tp_repr, represent},
    {Py_tp_methods, methods},
    {Py_tp_members, members},
    {Py_tp_getset, getset},
    {Py_tp_doc,
     "TemporaryDirectory(suffix=None, prefix=None, dir=None, ignore_cleanup_errors=False, "
     "*, delete=True, mode=0o700, max_bytes=0, max_files=0)\n--\n\n"
     "A directory that goes with all that is in it."},
    {0, NULL},
};

PyMethodDef mpy_directory_methods[] = {
    {"_at_exit", at_exit, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

int mpy_directory_setup(PyObject *module, struct mpy_state *state) {
    PyType_Spec spec = {
        .name = "mayfly.tempfile.TemporaryDirectory",
        .basicsize = sizeof(struct mpy_directory),
        .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
        .slots = slots,
    };
    state->Directory = mpy_add_type(module, &spec, NULL, "TemporaryDirectory");
    return state->Directory == NULL ? -1 : 0;
}
