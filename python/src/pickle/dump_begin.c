/* SPDX-License-Identifier: MIT
 *
 * One dump from its beginning to its end, and the ways into it: where the bytes go, what is asked
 * before each object, dump() and dumps().
 */
#include "dump.h"

#include <errno.h>
#include <pthread.h>

/* ---- room for the output -------------------------------------------------------------------- */

/* First the scratch, then bytes that become the result where they are. */
static char *move_to_bytes(struct mfi_encoder *e, size_t used, size_t capacity) {
    struct mpk_dumper *d = (struct mpk_dumper *)((char *)e - offsetof(struct mpk_dumper, e));
    if (capacity > PY_SSIZE_T_MAX / 2) {
        (void)PyErr_NoMemory();
        return NULL;
    }
    if (d->bytes == NULL) {
        d->bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)capacity);
        if (d->bytes != NULL)
            memcpy(PyBytes_AS_STRING(d->bytes), e->base, used);
    } else if (_PyBytes_Resize(&d->bytes, (Py_ssize_t)capacity) < 0)
        d->bytes = NULL;
    if (d->bytes == NULL)
        e->base = e->end = NULL;
    return d->bytes == NULL ? NULL : PyBytes_AS_STRING(d->bytes);
}

/* Sizes that glibc's allocator takes from its heap once one of them was freed, and not from the
 * kernel, which means page faults, every time. As results are freed smaller than their buffers
 * were, one of the size is asked for and freed, untouched, when a buffer was the largest so far. */
enum { ADAPTED = 32 << 20 };

PyObject *mpk_dumper_result(struct mpk_dumper *d, size_t size) {
    PyObject *ret = d->bytes;
    if (ret == NULL)
        return PyBytes_FromStringAndSize(d->scratch, (Py_ssize_t)size);
    const size_t capacity = (size_t)PyBytes_GET_SIZE(ret);
    if (capacity > d->largest && capacity <= ADAPTED) {
        d->largest = capacity;
        PyMem_RawFree(PyMem_RawMalloc(capacity + sizeof(PyBytesObject)));
    }
    d->bytes = NULL;
    if (_PyBytes_Resize(&ret, (Py_ssize_t)size) < 0)
        return NULL;
    return ret;
}

/* To a file: immutable bytes, which it may keep. */
static int write_out(void *context, const void *data, size_t size) {
    struct mpk_dumper *d = (struct mpk_dumper *)context;
    if (mpk_settle(d) < 0)
        return -EIO;
    d->flushes++;
    PyObject *bytes =
        d->whole != NULL && PyBytes_CheckExact(d->whole) && data == PyBytes_AS_STRING(d->whole)
            ? mpk_ref(d->whole)
            : PyBytes_FromStringAndSize(data, (Py_ssize_t)size);
    PyObject *done = bytes == NULL ? NULL : PyObject_CallOneArg(d->write, bytes);
    Py_XDECREF(bytes);
    Py_XDECREF(done);
    d->epoch++;
    return done == NULL ? -EIO : 0;
}

/* ---- what is asked before each object ------------------------------------------------------- */

enum { FAST_DEPTH = 50 };

static bool enter_fast(struct mpk_dumper *d, PyObject *object) {
    if (++d->fast_depth < FAST_DEPTH)
        return true;
    if (d->fast_ids == NULL && (d->fast_ids = PySet_New(NULL)) == NULL)
        return false;
    PyObject *id = PyLong_FromVoidPtr(object);
    const int has = id == NULL ? -1 : PySet_Contains(d->fast_ids, id);
    const int r = has != 0 ? -1 : PySet_Add(d->fast_ids, id);
    Py_XDECREF(id);
    if (has > 0)
        PyErr_Format(PyExc_ValueError,
                     "fast mode: can't pickle cyclic objects including object type %.200s at %p",
                     Py_TYPE(object)->tp_name, object);
    return r == 0;
}

static char *leave_fast(struct mpk_dumper *d, char *q, PyObject *object) {
    if (d->fast_depth-- < FAST_DEPTH || q == NULL)
        return q;
    PyObject *id = PyLong_FromVoidPtr(object);
    const int r = id == NULL ? -1 : PySet_Discard(d->fast_ids, id);
    Py_XDECREF(id);
    return r < 0 ? NULL : q;
}

/* The saver of a type, a new reference, or NULL. Looking may run a metaclass's code. */
static PyObject *saver_of(struct mpk_dumper *d, PyTypeObject *type) {
    const bool plain = mpk_goes_by_address(type);
#if MPK_INTERNALS
    if (plain && mpk_dict_find(d->registered, (PyObject *)type, NULL) == 0)
        return NULL;
#endif
    if (!plain && mpk_settle(d) < 0)
        return NULL;
    PyObject *saver = PyDict_GetItemWithError(d->registered, (PyObject *)type);
    Py_XINCREF(saver);
    return saver;
}

static char *call_saver(struct mpk_dumper *d, char *q, PyObject *saver, PyObject *object) {
    if (mpk_settle(d) < 0)
        return NULL;
    d->cursor = q;
    PyObject *result = PyObject_CallFunctionObjArgs(saver, d->pickler, object, NULL);
    q = d->cursor;
    d->cursor = NULL;
    d->epoch++;
    if (result == NULL)
        return NULL;
    Py_DECREF(result);
    if (q == NULL)
        PyErr_SetString(d->state->PicklingError,
                        "a saver went on after a failure: what was written before it is in the "
                        "pickle, and cannot be taken back");
    return q;
}

static char *save_registered(struct mpk_dumper *d, char *q, PyObject *object, bool *done) {
    PyObject *saver = saver_of(d, Py_TYPE(object));
    *done = saver != NULL;
    if (saver == NULL)
        return PyErr_Occurred() ? NULL : q;
    const size_t place = mpk_memo_place(d, object);
    q = mpk_memo_has(d, place) ? mpk_put_get(d, q, mpk_memo_number(d, place))
                               : call_saver(d, q, saver, object);
    Py_DECREF(saver);
    return q;
}

static char *save_unasked(struct mpk_dumper *d, char *q, PyObject *object) {
    bool done = false;
    if (d->registered != NULL)
        CHECKED(save_registered(d, q, object, &done));
    if (done)
        return q;
    const bool counts = d->fast && (PyList_CheckExact(object) || PyDict_CheckExact(object));
    if (counts && !enter_fast(d, object))
        return NULL;
    if (d->e.protocol >= 2 || !mpk_save_old(d, &q, object))
        q = mpk_save_plain(d, q, object, false);
    return counts ? leave_fast(d, q, object) : q;
}

char *mpk_save_unasked(struct mpk_dumper *d, char *q, PyObject *object) {
    CHECKED(mpk_room(d, q));
    return mpk_is_too_deep(d) ? NULL : save_unasked(d, q, object);
}

static char *put_persistent_line(struct mpk_dumper *d, char *q, PyObject *id) {
    PyObject *text = PyObject_Str(id);
    if (text == NULL)
        return NULL;
    if (!PyUnicode_IS_ASCII(text)) {
        PyErr_SetString(d->state->PicklingError,
                        "persistent IDs in protocol 0 must be ASCII strings");
        q = NULL;
    } else
        q = mpk_put_line(d, q, MFI_OP_PERSID, (const char *)PyUnicode_DATA(text),
                         (size_t)PyUnicode_GET_LENGTH(text), "\n");
    Py_DECREF(text);
    return q;
}

static char *save_persistent(struct mpk_dumper *d, char *q, PyObject *object, bool *done) {
    if (mpk_settle(d) < 0)
        return NULL;
    PyObject *id = PyObject_CallOneArg(d->persistent_id, object);
    if (id == NULL)
        return NULL;
    *done = id != Py_None;
    if (*done && d->text)
        q = put_persistent_line(d, q, id);
    else if (*done) {
        q = mpk_keep(d, id) < 0 ? NULL : save_unasked(d, q, id);
        q = q == NULL ? NULL : mpk_fit(d, q);
        q = q == NULL ? NULL : mfi_put(q, MFI_OP_BINPERSID);
    }
    Py_DECREF(id);
    return q;
}

static char *save_watched(struct mpk_dumper *d, char *q, PyObject *object) {
    bool done = false;
    if (mpk_is_too_deep(d))
        return NULL;
    if (d->persistent_id != NULL)
        CHECKED(save_persistent(d, q, object, &done));
    return done ? q : save_unasked(d, q, object);
}

char *mpk_save_slow(struct mpk_dumper *d, char *q, PyObject *object, bool owned) {
    if (d->write == NULL && !d->watched) { /* nobody's code runs */
        CHECKED(mfi_pickle_slow(&d->e, q));
        return mpk_save_plain(d, q, object, owned);
    }
    const uint32_t epoch = d->epoch;
    Py_INCREF(object);
    if (q >= d->e.soft)
        q = mfi_pickle_slow(&d->e, q);
    if (q != NULL && d->watched)
        q = save_watched(d, q, object);
    else if (q != NULL)
        q = mpk_save_plain(d, q, object, false);
    if (epoch == d->epoch) { /* nobody could let it go */
        Py_DECREF(object);
        return q;
    }
    return mpk_release(d, q, object);
}

/* ---- a dumper's life ------------------------------------------------------------------------ */

struct mpk_dumper *mpk_dumper_new(struct mpk_state *state) {
    struct mpk_dumper *d = PyMem_RawCalloc(1, sizeof *d);
    if (d != NULL)
        d->scratch = PyMem_RawMalloc(MPK_SCRATCH);
    if (d == NULL || d->scratch == NULL || mpk_classes_new(d) < 0) {
        mpk_dumper_free(d);
        (void)PyErr_NoMemory();
        return NULL;
    }
    d->state = state;
    d->fix_imports = true;
    d->e.protocol = state->default_protocol;
    return d;
}

void mpk_dumper_free(struct mpk_dumper *d) {
    if (d == NULL)
        return;
    mpk_memo_clear(d);
    mpk_classes_free(d);
    Py_CLEAR(d->bytes);
    Py_CLEAR(d->fast_ids);
    PyMem_RawFree(d->order);
    PyMem_RawFree(d->kept);
    PyMem_RawFree(d->table);
    PyMem_RawFree(d->scratch);
    PyMem_RawFree(d);
}

struct mpk_dumper *mpk_dumper_take(struct mpk_state *state) {
    struct mpk_dumper *d = state->spare;
    state->spare = NULL;
    return d != NULL ? d : mpk_dumper_new(state);
}

void mpk_dumper_give(struct mpk_state *state, struct mpk_dumper *d) {
    mpk_memo_clear(d);
    Py_CLEAR(d->bytes);
    if (state->spare == NULL)
        state->spare = d;
    else
        mpk_dumper_free(d);
}

/* 0, or -1 with an exception. */
int mpk_dumper_protocol(struct mpk_dumper *d, PyObject *protocol, PyObject *fix_imports) {
    long number = d->state->default_protocol;
    if (protocol == NULL || protocol == Py_None)
        protocol = mpk_default(d->state, MPK_N_protocol);
    if (protocol != NULL && protocol != Py_None) {
        number = PyLong_AsLong(protocol);
        if (number == -1 && PyErr_Occurred())
            return -1;
        if (number < 0)
            number = 5;
        else if (number > 5) {
            PyErr_SetString(PyExc_ValueError, "pickle protocol must be <= 5");
            return -1;
        }
    }
    const int fix = fix_imports == NULL ? 1 : PyObject_IsTrue(fix_imports);
    if (fix < 0)
        return -1;
    d->e.protocol = (int)number;
    d->fix_imports = fix && number < 3;
    d->text = number == 0;
    return 0;
}

/* Below a third of the thread's stack nothing more is begun: what is called from here needs some.
 */
char *mpk_stack_floor(void) {
    static _Thread_local struct { char *low, *high; } stack;
    char *here = (char *)__builtin_frame_address(0), *low = stack.low, *high = stack.high;
    if (MFI_UNLIKELY(high == NULL)) {
        pthread_attr_t attributes;
        void *base;
        size_t size;
        if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
            if (pthread_attr_getstack(&attributes, &base, &size) == 0) {
                stack.low = low = (char *)base + size / 3;
                stack.high = high = (char *)base + size;
            }
            (void)pthread_attr_destroy(&attributes);
        }
    }
    /* on a stack that is not the thread's own, little is taken */
    return here > low && here < high ? low : here - (64 << 10);
}

/* ---- one dump ------------------------------------------------------------------------------- */

static void raise_failure(struct mpk_dumper *d) {
    if (PyErr_Occurred())
        return;
    if (d->e.code == -ENOMEM)
        (void)PyErr_NoMemory();
    else
        PyErr_SetString(d->state->PicklingError, d->error.message);
}

static void prepare(struct mpk_dumper *d) {
    d->watched = d->persistent_id != NULL || d->registered != NULL || d->fast || d->e.protocol < 2;
    d->floor = mpk_stack_floor();
    d->e.base = d->scratch;
    d->e.end = d->scratch + MPK_SCRATCH;
    d->e.move = move_to_bytes;
    d->e.sink = d->write == NULL ? NULL : write_out;
    d->e.sink_context = d;
    d->e.error = &d->error;
    d->e.code = 0;
    d->later = NULL;
    d->epoch++;
    Py_CLEAR(d->bytes);
}

Py_ssize_t mpk_dump_object(struct mpk_dumper *d, PyObject *object) {
    prepare(d);
    char *q = d->table == NULL && mpk_memo_grow_table(d) < 0 ? NULL : mfi_pickle_begin(&d->e);
    q = q == NULL ? NULL : mpk_save_at(d, q, object, false);
    if (q != NULL)
        q = mpk_fit(d, q);
    if (q != NULL)
        q = mfi_pickle_end(&d->e, q);
    if (q == NULL) {
        mpk_memo_cut(d);
        raise_failure(d);
    }
    if (d->settings != NULL)
        Py_CLEAR(d->settings);
    if (q == NULL)
        return -1;
    return q - d->e.base;
}

/* ---- dump() and dumps() --------------------------------------------------------------------- */

/* dill's order of arguments, and pickle's keywords. */
enum {
    OBJ,
    FILE_,
    PROTOCOL,
    BYREF,
    FMODE,
    RECURSE,
    IGNORE,
    FIX_IMPORTS,
    BUFFER_CALLBACK,
    STRICTIO,
    ARGUMENTS
};
#define N(name) MPK_N_##name
static const struct mpy_signature dump_signature = {
    "dump",
    6,
    ARGUMENTS,
    {N(obj), N(file), N(protocol), N(byref), N(fmode), N(recurse), N(ignore), N(fix_imports),
     N(buffer_callback), N(strictio)},
    2};
static const struct mpy_signature dumps_signature = {"dumps",
                                                     5,
                                                     ARGUMENTS - 1,
                                                     {N(obj), N(protocol), N(byref), N(fmode),
                                                      N(recurse), N(ignore), N(fix_imports),
                                                      N(buffer_callback), N(strictio)},
                                                     1};
#undef N

/* `values` from PROTOCOL on. */
int mpk_dumper_configure(struct mpk_dumper *d, PyObject *const *values) {
    PyObject *callback = values[BUFFER_CALLBACK - PROTOCOL];
    if (mpk_dumper_protocol(d, values[0], values[FIX_IMPORTS - PROTOCOL]) < 0)
        return -1;
    d->buffer_callback = callback == Py_None ? NULL : callback;
    if (d->buffer_callback != NULL && d->e.protocol < 5) {
        PyErr_SetString(PyExc_ValueError, "buffer_callback needs protocol >= 5");
        return -1;
    }
    for (int i = 0; i < 4; i++)
        d->given[i] = values[BYREF - PROTOCOL + i];
    return 0;
}

/* Registered savers want a pickler to talk to, so that one does it. */
static PyObject *dump_by_pickler(struct mpk_state *state, PyObject *const *values) {
    PyObject *pickler = mpk_pickler_make(state, values + PROTOCOL, values[FILE_]);
    PyObject *ret = pickler == NULL ? NULL : mpk_pickler_dump(pickler, values[OBJ]);
    Py_XDECREF(pickler);
    return ret;
}

static PyObject *dump_values(struct mpk_state *state, PyObject *const *values, PyObject *write) {
    struct mpk_dumper *d = mpk_dumper_take(state);
    if (d == NULL)
        return NULL;
    Py_ssize_t size = -1;
    d->write = write;
    if (mpk_dumper_configure(d, values + PROTOCOL) == 0)
        size = mpk_dump_object(d, values[OBJ]);
    PyObject *ret = NULL;
    if (size >= 0)
        ret = write != NULL ? mpk_ref(Py_None) : mpk_dumper_result(d, (size_t)size);
    d->write = d->buffer_callback = NULL;
    PyObject *type, *value, *traceback;
    if (ret == NULL) {
        PyErr_Fetch(&type, &value, &traceback);
        mpk_dumper_give(state, d); /* lets go of objects, which may run code */
        PyErr_Restore(type, value, traceback);
    } else
        mpk_dumper_give(state, d);
    return ret;
}

static PyObject *dumps(PyObject *module, PyObject *const *args, Py_ssize_t nargs,
                       PyObject *kwnames) {
    struct mpk_state *state = mpk_state_of(module);
    PyObject *values[ARGUMENTS] = {NULL}, *given[ARGUMENTS];
    if (nargs == 1 && kwnames == NULL)
        values[OBJ] = args[0];
    else {
        if (mpk_parse(state, &dumps_signature, args, nargs, kwnames, given) < 0)
            return NULL;
        values[OBJ] = given[0];
        memcpy(values + PROTOCOL, given + 1, (ARGUMENTS - 2) * sizeof *values);
    }
    if (MFI_UNLIKELY(PyDict_GET_SIZE(state->registered) > 0))
        return dump_by_pickler(state, values);
    return dump_values(state, values, NULL);
}

PyObject *mpk_write_of(struct mpk_state *state, PyObject *file) {
    PyObject *write;
    if (mpk_look_up(file, state->n[MPK_N_write], &write) < 0)
        return NULL;
    if (write == NULL)
        PyErr_SetString(PyExc_TypeError, "file must have a 'write' attribute");
    return write;
}

static PyObject *dump(PyObject *module, PyObject *const *args, Py_ssize_t nargs,
                      PyObject *kwnames) {
    struct mpk_state *state = mpk_state_of(module);
    PyObject *values[ARGUMENTS];
    if (mpk_parse(state, &dump_signature, args, nargs, kwnames, values) < 0)
        return NULL;
    if (PyDict_GET_SIZE(state->registered) > 0)
        return dump_by_pickler(state, values);
    PyObject *write = mpk_write_of(state, values[FILE_]);
    PyObject *ret = write == NULL ? NULL : dump_values(state, values, write);
    Py_XDECREF(write);
    return ret;
}

PyMethodDef mpk_dump_methods[] = {
    {"dump", (PyCFunction)(void (*)(void))dump, METH_FASTCALL | METH_KEYWORDS,
     "dump($module, obj, file, protocol=None, byref=None, fmode=None, recurse=None, *, "
     "ignore=None, fix_imports=True, buffer_callback=None)\n--\n\nWrites a pickle of an object to "
     "a "
     "file."},
    {"dumps", (PyCFunction)(void (*)(void))dumps, METH_FASTCALL | METH_KEYWORDS,
     "dumps($module, obj, protocol=None, byref=None, fmode=None, recurse=None, *, ignore=None, "
     "fix_imports=True, buffer_callback=None)\n--\n\nGives a pickle of an object as bytes."},
    {NULL, NULL, 0, NULL},
};

static int find_defaults(struct mpk_state *state) {
    PyObject *pickle = PyImport_ImportModule("pickle");
    PyObject *number = pickle == NULL ? NULL : PyObject_GetAttrString(pickle, "DEFAULT_PROTOCOL");
    state->default_protocol = number == NULL ? -1 : (int)PyLong_AsLong(number);
    Py_XDECREF(number);
    Py_XDECREF(pickle);
    return state->default_protocol < 0 ? -1 : 0;
}

int mpk_dump_setup(PyObject *module, struct mpk_state *state) {
    state->registered = PyDict_New();
    if (state->registered == NULL || find_defaults(state) < 0)
        return -1;
    return mpk_pickler_setup(module, state);
}

void mpk_dump_release(struct mpk_state *state) {
    mpk_dumper_free(state->spare);
    state->spare = NULL;
}
