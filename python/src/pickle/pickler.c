/* SPDX-License-Identifier: MIT
 *
 * The type Pickler: pickle's, with dill's keywords, and with the methods of the one in Python that
 * registered savers call while a dump is under way (save, save_reduce, write, memoize ...).
 */
#include "pickler.h"

#include <structmember.h>

static struct mpk_dumper *dumper_of(struct mpk_pickler *self) {
    if (self->d == NULL)
        PyErr_Format(mpk_state_of_type(Py_TYPE(self))->PicklingError,
                     "Pickler.__init__() was not called by %s.__init__()", Py_TYPE(self)->tp_name);
    return self->d;
}

/* What the dumper borrows from what configured it. */
static void disconnect(struct mpk_dumper *d) {
    memset(d->given, 0, sizeof d->given);
    d->buffer_callback = NULL;
}

static int clear(struct mpk_pickler *self) {
    if (self->d != NULL)
        disconnect(self->d);
    Py_CLEAR(self->write);
    Py_CLEAR(self->persistent_id);
    Py_CLEAR(self->dispatch_table);
    for (int i = 0; i < MPK_CONFIGURED; i++)
        Py_CLEAR(self->configured[i]);
    if (self->d != NULL && !self->running)
        mpk_memo_clear(self->d);
    return 0;
}

static void dealloc(struct mpk_pickler *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    (void)clear(self);
    mpk_dumper_free(self->d);
    type->tp_free((PyObject *)self);
    Py_DECREF(type);
}

static int traverse(struct mpk_pickler *self, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->write);
    Py_VISIT(self->persistent_id);
    Py_VISIT(self->dispatch_table);
    for (int i = 0; i < MPK_CONFIGURED; i++)
        Py_VISIT(self->configured[i]);
    const struct mpk_dumper *d = self->d;
    for (size_t i = 0; d != NULL && i < d->settled; i++)
        Py_VISIT((PyObject *)(d->order[i] & ~(uintptr_t)MPK_BITS));
    for (size_t i = 0; d != NULL && i < d->kept_count; i++)
        Py_VISIT(d->kept[i]);
    return 0;
}

static int configure(struct mpk_pickler *self, struct mpk_state *state, PyObject *const *values,
                     PyObject *write) {
    if (self->running) {
        PyErr_SetString(PyExc_RuntimeError, "Pickler.__init__() while it dumps");
        return -1;
    }
    if (self->d == NULL && (self->d = mpk_dumper_new(state)) == NULL)
        return -1;
    self->running = true; /* nobody dumps with it in between */
    mpk_memo_clear(self->d);
    self->d->exact_memo = true;
    disconnect(self->d);
    for (int i = 0; i < MPK_CONFIGURED; i++) {
        Py_XINCREF(values[i]);
        Py_XSETREF(self->configured[i], values[i]);
    }
    Py_XINCREF(write);
    Py_XSETREF(self->write, write);
    self->fast = 0;
    const int r = mpk_dumper_configure(self->d, self->configured);
    self->running = false;
    if (r < 0)
        return -1;
    self->bin = self->d->e.protocol > 0;
    self->proto = self->d->e.protocol;
    return 0;
}

static int init(PyObject *object, PyObject *args, PyObject *kwargs) {
    struct mpk_state *state = mpk_state_of_type(Py_TYPE(object));
#define N(name) MPK_N_##name
    static const struct mpy_signature signature = {"Pickler",
                                                   6,
                                                   9,
                                                   {N(file), N(protocol), N(byref), N(fmode),
                                                    N(recurse), N(ignore), N(fix_imports),
                                                    N(buffer_callback), N(strictio)},
                                                   1};
#undef N
    PyObject *values[9];
    if (state == NULL || mpk_parse_tuple(state, &signature, args, kwargs, values) < 0)
        return -1;
    PyObject *write = mpk_write_of(state, values[0]);
    if (write == NULL)
        return -1;
    const int r = configure((struct mpk_pickler *)object, state, values + 1, write);
    Py_DECREF(write);
    return r;
}

PyObject *mpk_pickler_make(struct mpk_state *state, PyObject *const *values, PyObject *file) {
    PyTypeObject *type = (PyTypeObject *)state->Pickler;
    PyObject *write = file == NULL ? NULL : mpk_write_of(state, file);
    if (file != NULL && write == NULL)
        return NULL;
    PyObject *self = type->tp_alloc(type, 0);
    if (self != NULL && configure((struct mpk_pickler *)self, state, values, write) < 0)
        Py_CLEAR(self);
    Py_XDECREF(write);
    return self;
}

/* ---- a dump --------------------------------------------------------------------------------- */

/* What super().persistent_id is to who overrides it. */
static PyObject *no_persistent_id(PyObject *self, PyObject *object) {
    (void)self;
    (void)object;
    Py_RETURN_NONE;
}
static PyMethodDef no_method = {"persistent_id", no_persistent_id, METH_O, NULL};

/* What may be overridden is looked up when the dump begins: attributes of subclasses, too. */
static int look_up(struct mpk_pickler *self, struct mpk_state *state, PyObject **override,
                   PyObject **persistent, PyObject **table) {
    if (mpk_look_up((PyObject *)self, state->n[MPK_N_reducer_override], override) < 0 ||
        mpk_look_up((PyObject *)self, state->n[MPK_N_persistent_id], persistent) < 0 ||
        mpk_look_up((PyObject *)self, state->n[MPK_N_dispatch_table], table) < 0)
        return -1;
    if (*persistent != NULL && PyCFunction_Check(*persistent) &&
        PyCFunction_GET_FUNCTION(*persistent) == no_persistent_id)
        Py_CLEAR(*persistent);
    return 0;
}

static PyObject *dump(struct mpk_pickler *self, struct mpk_state *state, PyObject *object) {
    struct mpk_dumper *d = self->d;
    PyObject *override = NULL, *persistent = NULL, *table = NULL, *ret = NULL;
    if (look_up(self, state, &override, &persistent, &table) == 0) {
        d->reducer_override = override;
        d->persistent_id = persistent;
        d->own_table = table;
        d->write = self->write;
        d->pickler = (PyObject *)self;
        d->registered = PyDict_GET_SIZE(state->registered) > 0 ? state->registered : NULL;
        d->fast = self->fast != 0;
        d->fast_depth = 0;
        d->text = d->e.protocol == 0;
        const Py_ssize_t size = mpk_dump_object(d, object);
        if (size >= 0 && mpk_settle(d) == 0) /* the memo outlives the dump */
            ret = self->write != NULL ? mpk_ref(Py_None) : mpk_dumper_result(d, (size_t)size);
        else
            mpk_memo_cut(d);
        d->reducer_override = d->persistent_id = d->own_table = d->write = d->pickler = NULL;
        d->registered = NULL;
        Py_CLEAR(d->bytes);
        Py_CLEAR(d->fast_ids);
    }
    Py_XDECREF(override);
    Py_XDECREF(persistent);
    Py_XDECREF(table);
    return ret;
}

PyObject *mpk_pickler_dump(PyObject *object, PyObject *what) {
    struct mpk_pickler *self = (struct mpk_pickler *)object;
    struct mpk_state *state = mpk_state_of_type(Py_TYPE(object));
    if (state == NULL || dumper_of(self) == NULL)
        return NULL;
    if (self->running) {
        PyErr_SetString(PyExc_RuntimeError, "Pickler.dump() while it dumps");
        return NULL;
    }
    self->running = true;
    PyObject *ret = dump(self, state, what);
    self->running = false;
    return ret;
}

static PyObject *clear_memo(PyObject *object, PyObject *unused) {
    struct mpk_pickler *self = (struct mpk_pickler *)object;
    (void)unused;
    if (dumper_of(self) == NULL)
        return NULL;
    if (self->running) {
        PyErr_SetString(PyExc_RuntimeError, "Pickler.clear_memo() while it dumps");
        return NULL;
    }
    mpk_memo_clear(self->d);
    Py_RETURN_NONE;
}

/* ---- for registered savers ------------------------------------------------------------------ */

/* Where the output stood when a saver began to write something. */
struct place {
    ptrdiff_t at;
    uint64_t memo_count, flushes;
    int64_t frame;
};

/* Takes the cursor: what runs while the saver's call writes has none, and cannot write into the
 * middle. NULL: an exception. */
static char *begin(struct mpk_pickler *self, struct place *place) {
    struct mpk_dumper *d = self->d;
    char *q = d == NULL ? NULL : d->cursor;
    if (q == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "this method is for savers: while they are called, "
                                            "and as long as nothing that they wrote has failed");
        return NULL;
    }
    *place = (struct place){q - d->e.base, d->e.memo_count, d->flushes, d->e.frame};
    d->cursor = NULL;
    return q;
}

/* Hands the cursor back; NULL is a failure. */
static PyObject *finish(struct mpk_pickler *self, const struct place *place, char *q) {
    struct mpk_dumper *d = self->d;
    if (q != NULL && (q = mpk_fit(d, q)) != NULL && mpk_settle(d) == 0) {
        d->cursor = q;
        Py_RETURN_NONE;
    }
    /* Savers may catch the exception, and try another way if no trace is left of this one. */
    if (d->e.code == 0 && d->e.memo_count == place->memo_count && d->flushes == place->flushes &&
        d->e.frame == place->frame && d->e.base != NULL)
        d->cursor = d->e.base + place->at;
    if (!PyErr_Occurred())
        PyErr_SetString(d->state->PicklingError, "dump: it failed before");
    return NULL;
}

static PyObject *save(PyObject *object, PyObject *args) {
    struct mpk_pickler *self = (struct mpk_pickler *)object;
    struct place place;
    PyObject *what, *ask = Py_True;
    if (!PyArg_ParseTuple(args, "O|O", &what, &ask))
        return NULL;
    const int asks = PyObject_IsTrue(ask);
    char *q = asks < 0 ? NULL : begin(self, &place);
    if (q == NULL)
        return NULL;
    if (mpk_keep(self->d, what) < 0)
        q = NULL;
    else
        q = asks ? mpk_save(self->d, q, what) : mpk_save_unasked(self->d, q, what);
    return finish(self, &place, q);
}

static PyObject *save_reduce(PyObject *object, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"func",      "args",         "state", "listitems",
                            "dictitems", "state_setter", "obj",   NULL};
    struct mpk_pickler *self = (struct mpk_pickler *)object;
    struct place place;
    PyObject *parts[6] = {NULL, NULL, Py_None, Py_None, Py_None, Py_None}, *what = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO|OOOOO", names, &parts[0], &parts[1],
                                     &parts[2], &parts[3], &parts[4], &parts[5], &what))
        return NULL;
    char *q = begin(self, &place);
    if (q == NULL)
        return NULL;
    if (what == Py_None)
        what = NULL;
    PyObject *value = PyTuple_Pack(6, parts[0], parts[1], parts[2], parts[3], parts[4], parts[5]);
    if (what != NULL && mpk_keep(self->d, what) < 0)
        Py_CLEAR(value);
    return finish(self, &place, mpk_save_made(self->d, q, value, what));
}

static PyObject *save_global(PyObject *object, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"obj", "name", NULL};
    struct mpk_pickler *self = (struct mpk_pickler *)object;
    struct place place;
    PyObject *what, *name = Py_None;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|O", names, &what, &name))
        return NULL;
    char *q = begin(self, &place);
    if (q == NULL)
        return NULL;
    return finish(self, &place, mpk_save_global(self->d, q, what, name == Py_None ? NULL : name));
}

static PyObject *write_bytes(PyObject *object, PyObject *bytes) {
    struct mpk_pickler *self = (struct mpk_pickler *)object;
    struct place place;
    if (!PyBytes_Check(bytes)) {
        PyErr_SetString(PyExc_TypeError, "write() takes bytes");
        return NULL;
    }
    char *q = begin(self, &place);
    if (q == NULL)
        return NULL;
    return finish(self, &place,
                  mfi_pickle_payload(&self->d->e, q, "", 0, PyBytes_AS_STRING(bytes),
                                     (size_t)PyBytes_GET_SIZE(bytes)));
}

static PyObject *memoize(PyObject *object, PyObject *what) {
    struct mpk_pickler *self = (struct mpk_pickler *)object;
    struct place place;
    char *q = begin(self, &place);
    if (q == NULL)
        return NULL;
    return finish(self, &place, mpk_store(self->d, q, what, mpk_memo_place(self->d, what)));
}

static PyObject *batch(PyObject *object, PyObject *items, bool pairs) {
    struct mpk_pickler *self = (struct mpk_pickler *)object;
    struct place place;
    PyObject *iterator = PyObject_GetIter(items);
    char *q = iterator == NULL ? NULL : begin(self, &place);
    if (q == NULL) {
        Py_XDECREF(iterator);
        return NULL;
    }
    q = mpk_save_iterated(self->d, q, iterator, pairs);
    Py_DECREF(iterator);
    return finish(self, &place, q);
}

/* From Python 3.14 on they are also told whose items these are. */
static PyObject *batch_setitems(PyObject *object, PyObject *const *args, Py_ssize_t nargs,
                                PyObject *kwnames) {
    (void)kwnames;
    if (nargs >= 1)
        return batch(object, args[0], true);
    PyErr_SetString(PyExc_TypeError, "_batch_setitems() takes an iterable of pairs");
    return NULL;
}

static PyObject *batch_appends(PyObject *object, PyObject *const *args, Py_ssize_t nargs,
                               PyObject *kwnames) {
    (void)kwnames;
    if (nargs >= 1)
        return batch(object, args[0], false);
    PyErr_SetString(PyExc_TypeError, "_batch_appends() takes an iterable");
    return NULL;
}

/* How the object of a number is asked for, as bytes. */
static PyObject *get(PyObject *object, PyObject *number) {
    struct mpk_pickler *self = (struct mpk_pickler *)object;
    char text[32];
    const unsigned long n = PyLong_AsUnsignedLong(number);
    if (dumper_of(self) == NULL || (n == (unsigned long)-1 && PyErr_Occurred()))
        return NULL;
    if (self->d->text)
        return PyBytes_FromFormat("g%lu\n", n);
    return PyBytes_FromStringAndSize(text, mfi_put_get(text, n) - text);
}

/* ---- attributes ----------------------------------------------------------------------------- */

static PyObject *get_persistent_id(struct mpk_pickler *self, void *unused) {
    (void)unused;
    return self->persistent_id == NULL ? PyCFunction_New(&no_method, (PyObject *)self)
                                       : mpk_ref(self->persistent_id);
}

static int set_persistent_id(struct mpk_pickler *self, PyObject *value, void *unused) {
    (void)unused;
    if (value == NULL && self->persistent_id == NULL) {
        PyErr_SetString(PyExc_AttributeError, "persistent_id");
        return -1;
    }
    if (value != NULL && !PyCallable_Check(value)) {
        PyErr_SetString(PyExc_TypeError, "persistent_id must be a callable taking one argument");
        return -1;
    }
    Py_XINCREF(value);
    Py_XSETREF(self->persistent_id, value);
    return 0;
}

static PyObject *get_memo(struct mpk_pickler *self, void *unused) {
    (void)unused;
    return dumper_of(self) == NULL ? NULL : mpk_memo_proxy(self);
}

static int set_memo(struct mpk_pickler *self, PyObject *value, void *unused) {
    (void)unused;
    return dumper_of(self) == NULL ? -1 : mpk_memo_assign(self, value);
}

static PyObject *sizeof_(PyObject *object, PyObject *unused) {
    const struct mpk_dumper *d = ((struct mpk_pickler *)object)->d;
    size_t size = (size_t)Py_TYPE(object)->tp_basicsize;
    (void)unused;
    if (d != NULL)
        size += sizeof *d + MPK_SCRATCH + d->capacity * sizeof *d->order +
                (d->table == NULL ? 0 : (d->mask + 1) * sizeof *d->table);
    return PyLong_FromSize_t(size);
}

static PyMethodDef methods[] = {
    {"dump", mpk_pickler_dump, METH_O, "Writes a pickle of an object to the file."},
    {"clear_memo", clear_memo, METH_NOARGS, "Forgets which objects it has written."},
    {"save", save, METH_VARARGS, "For savers: writes an object."},
    {"save_reduce", (PyCFunction)(void (*)(void))save_reduce, METH_VARARGS | METH_KEYWORDS,
     "For savers: writes what a reducer gave."},
    {"save_global", (PyCFunction)(void (*)(void))save_global, METH_VARARGS | METH_KEYWORDS,
     "For savers: writes an object by its name."},
    {"write", write_bytes, METH_O, "For savers: writes opcodes."},
    {"memoize", memoize, METH_O, "For savers: gives a number to the object that is on top."},
    {"get", get, METH_O, "For savers: the opcode that asks for a number."},
    {"_batch_setitems", (PyCFunction)(void (*)(void))batch_setitems, METH_FASTCALL | METH_KEYWORDS,
     "For savers: writes pairs of the dict on top."},
    {"_batch_appends", (PyCFunction)(void (*)(void))batch_appends, METH_FASTCALL | METH_KEYWORDS,
     "For savers: writes items of the list on top."},
    {"__sizeof__", sizeof_, METH_NOARGS, NULL},
    {"__class_getitem__", Py_GenericAlias, METH_O | METH_CLASS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef members[] = {
    {"bin", T_INT, offsetof(struct mpk_pickler, bin), 0, NULL},
    {"fast", T_INT, offsetof(struct mpk_pickler, fast), 0, NULL},
    {"proto", T_INT, offsetof(struct mpk_pickler, proto), READONLY, NULL},
    {"dispatch_table", T_OBJECT_EX, offsetof(struct mpk_pickler, dispatch_table), 0, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef getset[] = {
    {"memo", (getter)get_memo, (setter)set_memo, NULL, NULL},
    {"persistent_id", (getter)get_persistent_id, (setter)set_persistent_id, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, "Pickler(file, protocol=None, byref=None, fmode=None, recurse=None, *, "
                "ignore=None, fix_imports=True, buffer_callback=None)\n--\n\nWrites pickles to a "
                "file."},
    {Py_tp_init, init},
    {Py_tp_dealloc, dealloc},
    {Py_tp_traverse, traverse},
    {Py_tp_clear, clear},
    {Py_tp_methods, methods},
    {Py_tp_members, members},
    {Py_tp_getset, getset},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "mayfly.Pickler",
    .basicsize = sizeof(struct mpk_pickler),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = slots,
};

int mpk_pickler_setup(PyObject *module, struct mpk_state *state) {
    state->Pickler = mpk_add_type(module, &spec, "Pickler");
    if (state->Pickler == NULL ||
        PyObject_SetAttr(state->Pickler, state->n[MPK_N_dispatch], state->registered) < 0)
        return -1;
    return mpk_pickler_memo_setup(module, state);
}
