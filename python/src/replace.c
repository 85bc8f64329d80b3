/* SPDX-License-Identifier: MIT
 *
 * replace(path): a file's new content, all of it or none.
 *
 * States  BEGUN -commit-> DONE; BEGUN -abort, an error, collection-> DONE, and the target is as it
 * was
 */
#include "core.h"

#include <string.h>
#include <structmember.h>

struct replace {
    PyObject_HEAD PyObject *file;
    PyObject *target;
    struct mpy_state *state;
    mayfly_replace *handle;
};

enum {
    TARGET,
    MODE,
    BUFFERING,
    ENCODING,
    ERRORS,
    NEWLINE,
    DURABLE,
    OVERWRITE,
    PRESERVE,
    BACKUP,
    FOLLOW,
    PERMISSIONS,
    COUNT
};

static int read_flags(PyObject **v, mayfly_replace_options *options) {
    const int durable = mpy_truth(v[DURABLE], 0), overwrite = mpy_truth(v[OVERWRITE], 1);
    const int preserve = mpy_truth(v[PRESERVE], 0), follow = mpy_truth(v[FOLLOW], 0);
    uint64_t permissions = 0;
    if (durable < 0 || overwrite < 0 || preserve < 0 || follow < 0 ||
        mpy_number(v[PERMISSIONS], &permissions) < 0)
        return -1;
    options->durability = durable ? MAYFLY_DURABILITY_FULL : MAYFLY_DURABILITY_CONSISTENT;
    options->links = follow ? MAYFLY_LINKS_FOLLOW : MAYFLY_LINKS_REPLACE;
    options->no_clobber = !overwrite;
    options->preserve = preserve != 0;
    options->permissions = (uint32_t)permissions;
    return 0;
}

static int open_file(struct replace *self, const struct mpy_opening *opening) {
    mayfly_error error;
    const int fd = mayfly_file_fd(mayfly_replace_file(self->handle), &error);
    if (fd < 0)
        return mpy_raise(self->state, fd, &error), -1;
    PyObject *raw = mpy_raw_over(self->state, fd, opening->updating ? "rb+" : "wb");
    if (raw != NULL && PyObject_SetAttr(raw, self->state->n[N_name], self->target) < 0)
        Py_CLEAR(raw);
    self->file = mpy_stack(self->state, raw, opening);
    return self->file == NULL ? -1 : 0;
}

static int init(PyObject *object, PyObject *args, PyObject *kwargs) {
    static const struct mpy_signature signature = {"replace",
                                                   2,
                                                   COUNT,
                                                   {N_target, N_mode, N_buffering, N_encoding,
                                                    N_errors, N_newline, N_durable, N_overwrite,
                                                    N_preserve, N_backup, N_follow, N_permissions}};
    struct replace *self = (struct replace *)object;
    struct mpy_state *state = mpy_state_of_type(Py_TYPE(object));
    PyObject *v[COUNT];
    mpy_auto_text target = {NULL, NULL}, backup = {NULL, NULL};
    mayfly_replace_options options = {0};
    struct mpy_opening opening;
    if (state == NULL || mpy_parse_tuple(state, &signature, args, kwargs, v) < 0 ||
        mpy_opening_read(state, v[MODE], v[BUFFERING], v[ENCODING], v[ERRORS], v[NEWLINE],
                         &opening) < 0 ||
        read_flags(v, &options) < 0 || mpy_text_from(v[TARGET], &target) < 0 ||
        mpy_text_from(v[BACKUP], &backup) < 0)
        return -1;
    if (target.text == NULL || opening.reading || opening.appending || self->handle != NULL) {
        PyErr_SetString(PyExc_ValueError,
                        "replace() needs a target and a mode that writes: 'w', 'w+', 'wb', 'w+b'");
        return -1;
    }
    options.backup = backup.text;
    self->state = state;
    Py_XSETREF(self->target, mpy_ref(v[TARGET]));
    mayfly_error error;
    int r = 0;
    Py_BEGIN_ALLOW_THREADS r = mayfly_replace_begin(target.text, &options, &self->handle, &error);
    Py_END_ALLOW_THREADS if (r < 0) return mpy_raise(state, r, &error), -1;
    return open_file(self, &opening);
}

static int end(struct replace *self) {
    mayfly_error error;
    int r = 0;
    mayfly_replace *handle = self->handle;
    self->handle = NULL;
    if (handle == NULL)
        return 0;
    Py_BEGIN_ALLOW_THREADS r = mayfly_replace_end(&handle, &error);
    Py_END_ALLOW_THREADS return mpy_tell_end(self->state, r, &error);
}

static PyObject *close_file(const struct replace *self) {
    return self->file == NULL ? mpy_ref(Py_None)
                              : PyObject_CallMethodNoArgs(self->file, self->state->n[N_close]);
}

static PyObject *abort_(PyObject *object, PyObject *unused) {
    (void)unused;
    struct replace *self = (struct replace *)object;
    PyObject *closed = close_file(self);
    if (closed == NULL)
        PyErr_Clear(); /* what could not be written is not wanted any more */
    Py_XDECREF(closed);
    return end(self) < 0 ? NULL : mpy_ref(Py_None);
}

static PyObject *commit(PyObject *object, PyObject *unused) {
    (void)unused;
    struct replace *self = (struct replace *)object;
    if (self->handle == NULL) {
        PyErr_SetString(PyExc_ValueError, "it was committed or aborted before");
        return NULL;
    }
    PyObject *flushed = PyObject_CallMethodNoArgs(self->file, self->state->n[N_flush]);
    if (flushed == NULL) {
        if (PyErr_ExceptionMatches(PyExc_ValueError))
            PyErr_Clear(); /* closed by hand, which flushed it */
        else
            return NULL;
    }
    Py_XDECREF(flushed);
    mayfly_error error;
    mayfly_replace *handle = self->handle; /* which nobody ends meanwhile */
    int r = 0;
    if (handle == NULL) {
        PyErr_SetString(PyExc_ValueError, "it was committed or aborted before");
        return NULL;
    }
    self->handle = NULL;
    Py_BEGIN_ALLOW_THREADS r = mayfly_replace_commit(handle, NULL, &error);
    Py_END_ALLOW_THREADS self->handle = handle;
    if (r < 0)
        return mpy_raise(self->state, r, &error);
    PyObject *closed = close_file(self);
    if (closed == NULL || end(self) < 0) {
        Py_XDECREF(closed);
        return NULL;
    }
    return closed;
}

static PyObject *enter(PyObject *object, PyObject *unused) {
    (void)unused;
    struct replace *self = (struct replace *)object;
    if (self->handle == NULL)
        PyErr_SetString(PyExc_ValueError, "it was committed or aborted before");
    return self->handle == NULL ? NULL : mpy_ref(self->file);
}

static PyObject *exit_scope(PyObject *object, PyObject *args) {
    struct replace *self = (struct replace *)object;
    PyObject *type = PyTuple_GET_SIZE(args) > 0 ? PyTuple_GET_ITEM(args, 0) : Py_None;
    if (self->handle == NULL)
        Py_RETURN_NONE;
    if (type != Py_None)
        return abort_(object, NULL);
    PyObject *done = commit(object, NULL);
    if (done != NULL)
        return done;
    PyObject *kind = NULL, *value = NULL, *trace = NULL;
    PyErr_Fetch(&kind, &value, &trace);
    Py_XDECREF(abort_(object, NULL));
    PyErr_Clear();
    PyErr_Restore(kind, value, trace);
    return NULL;
}

static void dealloc(PyObject *object) {
    struct replace *self = (struct replace *)object;
    PyTypeObject *type = Py_TYPE(object);
    PyObject *kind = NULL, *value = NULL, *trace = NULL;
    PyErr_Fetch(&kind, &value, &trace);
    if (self->handle != NULL) {
        Py_XDECREF(abort_(object, NULL));
        PyErr_Clear();
    }
    PyErr_Restore(kind, value, trace);
    Py_CLEAR(self->file);
    Py_CLEAR(self->target);
    type->tp_free(object);
    Py_DECREF(type);
}

static PyMethodDef methods[] = {
    {"commit", commit, METH_NOARGS, "Puts the new content in place."},
    {"abort", abort_, METH_NOARGS, "Leaves the target as it is."},
    {"__enter__", enter, METH_NOARGS, NULL},
    {"__exit__", exit_scope, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef members[] = {
    {"file", T_OBJECT, offsetof(struct replace, file), READONLY, "Where to write."},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_init, init},
    {Py_tp_new, PyType_GenericNew},
    {Py_tp_dealloc, dealloc},
    {Py_tp_methods, methods},
    {Py_tp_members, members},
    {Py_tp_doc,
     "replace(target, mode='w+b', *, buffering=-1, encoding=None, errors=None, newline=None, "
     "durable=False, overwrite=True, preserve=False, backup=None, follow=False, "
     "permissions=0)\n--\n\n"
     "with replace(path, 'w') as file: the new content, all of it or, after an error, the old "
     "one."},
    {0, NULL},
};

int mpy_replace_setup(PyObject *module, struct mpy_state *state) {
    PyType_Spec spec = {
        .name = "mayfly.replace",
        .basicsize = sizeof(struct replace),
        .flags = Py_TPFLAGS_DEFAULT,
        .slots = slots,
    };
    state->Replace = mpy_add_type(module, &spec, NULL, "replace");
    return state->Replace == NULL ? -1 : 0;
}
