/* SPDX-License-Identifier: MIT
 *
 * TemporaryFile and NamedTemporaryFile, and what any of their files can have done to it: persist,
 * keep.
 */
#include "core.h"

#include <stdlib.h>

enum {
    MODE,
    BUFFERING,
    ENCODING,
    NEWLINE,
    SUFFIX,
    PREFIX,
    DIR,
    DELETE, /* TemporaryFile has none: its keywords move up */
    ERRORS,
    DELETE_ON_CLOSE,
    PERMISSIONS,
    MAX_BYTES,
    SECRET,
    COUNT
};

static const struct mpy_signature named_signature = {
    "NamedTemporaryFile",
    8,
    COUNT,
    {N_mode, N_buffering, N_encoding, N_newline, N_suffix, N_prefix, N_dir, N_delete, N_errors,
     N_delete_on_close, N_permissions, N_max_bytes, N_secret}};

static const struct mpy_signature unnamed_signature = {"TemporaryFile",
                                                       7,
                                                       11,
                                                       {N_mode, N_buffering, N_encoding, N_newline,
                                                        N_suffix, N_prefix, N_dir, N_errors,
                                                        N_permissions, N_max_bytes, N_secret}};

/* Everything that was asked for, as the library wants it. */
struct wish {
    struct mpy_opening opening;
    struct mpy_site site;
    mayfly_file_options options;
    int by_handle, keep;
};

static void end_wish(struct wish *wish) {
    mpy_site_end(&wish->site);
}

static int read_wish(struct mpy_state *state, PyObject **v, struct wish *wish) {
    *wish = (struct wish){.by_handle = 0};
    uint64_t permissions = 0;
    const int secret = mpy_truth(v[SECRET], 0);
    const int delete = mpy_truth(v[DELETE], 1);
    const int on_close = mpy_truth(v[DELETE_ON_CLOSE], 1);
    if (secret < 0 || delete < 0 || on_close < 0 ||
        mpy_opening_read(state, v[MODE], v[BUFFERING], v[ENCODING], v[ERRORS], v[NEWLINE],
                         &wish->opening) < 0 ||
        mpy_number(v[PERMISSIONS], &permissions) < 0 ||
        mpy_number(v[MAX_BYTES], &wish->options.max_bytes) < 0 ||
        mpy_site_fill(state, v[DIR], v[PREFIX], v[SUFFIX], &wish->site) < 0)
        return -1;
    wish->options.prefix = wish->site.use_prefix;
    wish->options.suffix = wish->site.suffix.text;
    wish->options.permissions = (uint32_t)permissions;
    wish->keep = !delete; /* once it is there: what cannot be opened is removed in any case */
    wish->options.keep_on_close = !on_close;
    wish->options.secret = secret != 0;
    wish->options.random = 8;
    wish->by_handle = secret || wish->options.max_bytes != 0;
    /* io gathers what is written; the handle would gather it once more. */
    wish->options.buffering = MAYFLY_BUFFERING_NONE;
    return 0;
}

typedef int maker(size_t options_size, const mayfly_file_options *options, mayfly_file **ret,
                  mayfly_error *error);

static mayfly_file *make(struct mpy_state *state, struct wish *wish, maker *function) {
    mayfly_error error;
    mayfly_file *handle = NULL;
    char *given = wish->site.names == NULL ? NULL : mpy_site_given(&wish->site);
    if (wish->site.names != NULL && given == NULL)
        return NULL;
    int r = 0;
    do {
        wish->options.dir = wish->site.use_dir;
        Py_BEGIN_ALLOW_THREADS if (given != NULL) {
            wish->options.prefix = wish->options.suffix = NULL;
            wish->options.random = 0;
            r = mayfly_file_in_tempdir(given, &wish->options, &handle, &error);
        }
        else {
            r = function(sizeof wish->options, &wish->options, &handle, &error);
        }
        Py_END_ALLOW_THREADS
    } while (r < 0 && mpy_site_again(&wish->site, r));
    free(given);
    if (r < 0)
        (void)mpy_raise(state, r, &error);
    return handle;
}

/* As io says it: "w+b" is "rb+", and from Python 3.15 on "wb+". */
static const char *raw_mode(const struct mpy_opening *opening) {
#if PY_VERSION_HEX >= 0x030F0000
    if (opening->updating && opening->raw_mode[0] == 'w')
        return "wb+";
#endif
    return opening->updating && !opening->appending && opening->raw_mode[0] != 'x'
               ? "rb+"
               : opening->raw_mode;
}

static PyObject *open_over(struct mpy_state *state, mayfly_file *handle, const struct wish *wish,
                           int named) {
    return mpy_raw_new(state, handle, raw_mode(&wish->opening), named, wish->by_handle);
}

PyObject *mpy_temporary_file(struct mpy_state *state, PyObject **v) {
    __attribute__((cleanup(end_wish))) struct wish wish;
    if (read_wish(state, v, &wish) < 0)
        return NULL;
    mayfly_file *handle = make(state, &wish, mayfly_temporary_file_sized);
    return handle == NULL ? NULL
                          : mpy_stack(state, open_over(state, handle, &wish, 0), &wish.opening);
}

static PyObject *temporary_file(PyObject *module, PyObject *const *args, Py_ssize_t nargs,
                                PyObject *kwnames) {
    struct mpy_state *state = mpy_state_of(module);
    PyObject *given[11], *v[COUNT] = {NULL};
    if (mpy_parse(state, &unnamed_signature, args, nargs, kwnames, given) < 0)
        return NULL;
    for (int i = MODE; i <= DIR; i++)
        v[i] = given[i];
    v[ERRORS] = given[7];
    v[PERMISSIONS] = given[8];
    v[MAX_BYTES] = given[9];
    v[SECRET] = given[10];
    return mpy_temporary_file(state, v);
}

/* The raw file and its name, told to audit hooks: one that objects has it removed. */
static PyObject *open_named(struct mpy_state *state, const struct wish *wish, mayfly_file *handle,
                            PyObject **ret_name) {
    PyObject *name = mpy_path_object(mayfly_file_path(handle), wish->site.bytes);
    if (name == NULL || PySys_Audit("tempfile.mkstemp", "O", name) < 0) {
        Py_XDECREF(name);
        (void)mayfly_file_close(&handle, NULL);
        return NULL;
    }
    PyObject *raw = open_over(state, handle, wish, 1);
    if (raw == NULL || PyObject_SetAttr(raw, state->n[N_name], name) < 0) {
        Py_XDECREF(raw);
        Py_DECREF(name);
        return NULL;
    }
    *ret_name = name;
    return raw;
}

static PyObject *secret_named(void) {
    PyErr_SetString(
        PyExc_ValueError,
        "a secret file has no name by which others could read it: TemporaryFile(secret=True)");
    return NULL;
}

static PyObject *named_temporary_file(PyObject *module, PyObject *const *args, Py_ssize_t nargs,
                                      PyObject *kwnames) {
    struct mpy_state *state = mpy_state_of(module);
    PyObject *v[COUNT];
    if (mpy_parse(state, &named_signature, args, nargs, kwnames, v) < 0)
        return NULL;
    __attribute__((cleanup(end_wish))) struct wish wish;
    if (read_wish(state, v, &wish) < 0)
        return NULL;
    if (wish.options.secret)
        return secret_named();
    mayfly_file *handle = make(state, &wish, mayfly_named_temporary_file_sized);
    PyObject *name = NULL;
    PyObject *raw = handle == NULL ? NULL : open_named(state, &wish, handle, &name);
    if (raw == NULL)
        return NULL;
    struct mpy_raw *part = mpy_raw_of(state, raw);
    Py_INCREF(raw);
    PyObject *file = mpy_stack(state, raw, &wish.opening);
    PyObject *wrapper = NULL;
    if (file != NULL)
        wrapper = mpy_wrapper_new(state, file, raw, name, !wish.options.keep_on_close, !wish.keep);
    if (wrapper != NULL) {
        part->keep_on_close = wish.options.keep_on_close;
        if (wish.keep)
            (void)mayfly_file_keep(part->handle, NULL);
    }
    Py_XDECREF(file);
    Py_DECREF(raw);
    Py_DECREF(name);
    return wrapper;
}

/* ---- persisting ---------------------------------------------------------------------------------
 */

/* Goes down from text and buffering to what has the handle; borrowed from `file`. */
static struct mpy_raw *find_raw(struct mpy_state *state, PyObject *file) {
    struct mpy_raw *raw = NULL;
    Py_INCREF(file);
    for (int depth = 0; raw == NULL && depth < 3; depth++) {
        raw = mpy_raw_of(state, file);
        PyObject *below = raw != NULL ? NULL : PyObject_GetAttr(file, state->n[N_buffer]);
        if (raw == NULL && below == NULL) {
            PyErr_Clear();
            below = PyObject_GetAttr(file, state->n[N_raw]);
        }
        if (below == NULL)
            break;
        Py_SETREF(file, below);
    }
    Py_DECREF(file);
    PyErr_Clear();
    if (raw != NULL && raw->handle != NULL)
        return raw;
    PyErr_SetString(PyExc_ValueError, "this is no open temporary file of mayfly's");
    return NULL;
}

enum { TARGET, DURABLE, OVERWRITE, PRESERVE };

PyObject *mpy_persist(struct mpy_state *state, PyObject *file, PyObject **v) {
    mpy_auto_text target = {NULL, NULL};
    const int durable = mpy_truth(v[DURABLE], 0);
    const int overwrite = mpy_truth(v[OVERWRITE], 1);
    const int preserve = mpy_truth(v[PRESERVE], 0);
    if (durable < 0 || overwrite < 0 || preserve < 0 || mpy_text_from(v[TARGET], &target) < 0)
        return NULL;
    if (target.text == NULL) {
        PyErr_SetString(PyExc_TypeError, "persist() needs a target");
        return NULL;
    }
    struct mpy_raw *raw = find_raw(state, file);
    PyObject *flushed = raw == NULL ? NULL : PyObject_CallMethodNoArgs(file, state->n[N_flush]);
    if (flushed == NULL)
        return NULL;
    Py_DECREF(flushed);
    const unsigned flags = (durable ? (unsigned)MAYFLY_DURABLE : 0u) |
                           (overwrite ? 0u : (unsigned)MAYFLY_NOCLOBBER) |
                           (preserve ? (unsigned)MAYFLY_PRESERVE : 0u);
    mayfly_error error;
    int r = 0;
    Py_BEGIN_ALLOW_THREADS r = mayfly_file_persist(raw->handle, target.text, flags, NULL, &error);
    Py_END_ALLOW_THREADS if (r < 0) return mpy_raise(state, r, &error);
    return PyUnicode_DecodeFSDefault(mayfly_file_path(raw->handle));
}

static PyObject *persist(PyObject *module, PyObject *const *args, Py_ssize_t nargs,
                         PyObject *kwnames) {
    static const struct mpy_signature signature = {
        "persist", 1, 4, {N_target, N_durable, N_overwrite, N_preserve}};
    PyObject *v[4];
    if (nargs < 1) {
        PyErr_SetString(PyExc_TypeError, "persist() needs a file and a target");
        return NULL;
    }
    struct mpy_state *state = mpy_state_of(module);
    if (mpy_parse(state, &signature, args + 1, nargs - 1, kwnames, v) < 0)
        return NULL;
    return mpy_persist(state, args[0], v);
}

static PyObject *keep(PyObject *module, PyObject *file) {
    struct mpy_state *state = mpy_state_of(module);
    struct mpy_raw *raw = find_raw(state, file);
    if (raw == NULL)
        return NULL;
    mayfly_error error;
    const int r = mayfly_file_keep(raw->handle, &error);
    return r < 0 ? mpy_raise(state, r, &error) : mpy_ref(Py_None);
}

PyMethodDef mpy_file_methods[] = {
    {"TemporaryFile", (PyCFunction)(void (*)(void))temporary_file, METH_FASTCALL | METH_KEYWORDS,
     "TemporaryFile(mode='w+b', buffering=-1, encoding=None, newline=None, suffix=None, "
     "prefix=None, "
     "dir=None, *, errors=None, permissions=0o600, max_bytes=0, secret=False)\n--\n\n"
     "A file without a name, which is gone when it is closed."},
    {"NamedTemporaryFile", (PyCFunction)(void (*)(void))named_temporary_file,
     METH_FASTCALL | METH_KEYWORDS,
     "NamedTemporaryFile(mode='w+b', buffering=-1, encoding=None, newline=None, suffix=None, "
     "prefix=None, dir=None, delete=True, *, errors=None, delete_on_close=True, permissions=0o600, "
     "max_bytes=0, secret=False)\n--\n\nA file that others can open by its name, which is gone "
     "when it is closed."},
    {"persist", (PyCFunction)(void (*)(void))persist, METH_FASTCALL | METH_KEYWORDS,
     "persist(file, target, *, durable=False, overwrite=True, preserve=False)\n--\n\n"
     "Gives a temporary file a permanent name, all or nothing; returns its path."},
    {"keep", keep, METH_O, "keep(file)\n--\n\nHas a named temporary file stay."},
    {NULL, NULL, 0, NULL},
};
