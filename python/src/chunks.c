/* SPDX-License-Identifier: MIT
 *
 * Chunks: the pieces of a large file of records, one after the other. mayfly/_work.py makes of it
 * what Python's programs see: pieces with names for their parts, bars of progress, processes.
 *
 * What the library calls while a piece is being made is called in the thread that asked for it,
 * which has given Python's lock back and takes it for that time. The first exception stays pending
 * and is raised when the library returns; after it nothing is called.
 */
#include "core.h"

#include <errno.h>

struct chunks {
    struct mpy_held held;
    PyObject *progress, *problem;
    PyThreadState *released; /* while the library works */
    int failed;
};

/* ---- what the library tells ---------------------------------------------------------------------
 */

static void tell(struct chunks *self, PyObject *function, PyObject *args) {
    PyObject *done = args == NULL ? NULL : PyObject_CallObject(function, args);
    Py_XDECREF(args);
    self->failed = done == NULL;
    Py_XDECREF(done);
}

static void on_progress(const mayfly_progress *p, void *user) {
    struct chunks *self = user;
    if (self->failed)
        return;
    PyEval_RestoreThread(self->released);
    tell(self, self->progress,
         Py_BuildValue("(LLKKK)", (long long)p->bytes, (long long)p->input_bytes,
                       (unsigned long long)p->rows, (unsigned long long)p->chunks,
                       (unsigned long long)p->skipped));
    self->released = PyEval_SaveThread();
}

static void on_problem(const mayfly_problem *p, void *user) {
    static const char *const kinds[] = {"unclosed", "stray", "long", "nul", "utf8", "torn"};
    struct chunks *self = user;
    if (self->failed)
        return;
    PyEval_RestoreThread(self->released);
    tell(self, self->problem,
         Py_BuildValue("(ssKLs)", (size_t)p->kind < 6 ? kinds[p->kind] : "other",
                       p->damage == MAYFLY_DAMAGE_SKIP ? "skip" : "pass",
                       (unsigned long long)p->record, (long long)p->offset, p->what));
    self->released = PyEval_SaveThread();
}

/* ---- opening ------------------------------------------------------------------------------------
 */

static const char *const record_names[] = {"csv", "lines", "json-lines", "fixed", NULL};
static const char *const piece_names[] = {"files", "memory", "ranges", NULL};
static const char *const damage_names[] = {"default", "error", "skip", "pass", "ignore", NULL};

/* As they come from Python. */
struct wish {
    struct mpy_text path, prefix, dir, manifest;
    const char *records, *pieces, *delimiter, *quote;
    const char *on[5]; /* quote, long, nul, utf8, torn */
    PyObject *rows, *bytes, *record_bytes, *max_record, *header, *progress, *problem;
    int drop, checksum;
};

static void end_wish(struct wish *w) {
    mpy_text_end(&w->path);
    mpy_text_end(&w->prefix);
    mpy_text_end(&w->dir);
    mpy_text_end(&w->manifest);
}

static int read_arguments(PyObject *args, PyObject *kwargs, struct wish *w) {
    static char *names[] = {"path",      "rows",    "bytes",      "records",  "record_bytes",
                            "header",    "pieces",  "drop",       "prefix",   "dir",
                            "delimiter", "quote",   "max_record", "on_quote", "on_long",
                            "on_nul",    "on_utf8", "on_torn",    "checksum", "manifest",
                            "progress",  "problem", NULL};
    return PyArg_ParseTupleAndKeywords(
               args, kwargs, "O&|$OOsOOspO&O&zzOssssspO&OO:chunks", names, mpy_text_argument,
               &w->path, &w->rows, &w->bytes, &w->records, &w->record_bytes, &w->header, &w->pieces,
               &w->drop, mpy_text_argument, &w->prefix, mpy_text_argument, &w->dir, &w->delimiter,
               &w->quote, &w->max_record, &w->on[0], &w->on[1], &w->on[2], &w->on[3], &w->on[4],
               &w->checksum, mpy_text_argument, &w->manifest, &w->progress, &w->problem)
               ? 0
               : -1;
}

static int read_damage(const struct wish *w, mayfly_chunk_options *o) {
    static const char *const what[] = {"on_quote", "on_long", "on_nul", "on_utf8", "on_torn"};
    mayfly_damage *const to[] = {&o->on_quote, &o->on_long, &o->on_nul, &o->on_utf8, &o->on_torn};
    for (int i = 0; i < 5; i++) {
        int choice = 0;
        if (mpy_choice(w->on[i], what[i], damage_names, &choice) < 0)
            return -1;
        *to[i] = (mayfly_damage)choice;
    }
    return 0;
}

/* header: None: as the records usually have it; False, True, or how many. */
static int read_header(PyObject *header, mayfly_chunk_options *o) {
    if (header == NULL || header == Py_None)
        return 0;
    const long count = PyLong_AsLong(header);
    if (count == -1 && PyErr_Occurred())
        return -1;
    if (count < 0 || count > INT32_MAX) {
        PyErr_SetString(PyExc_ValueError, "header is False, True, or how many records it has");
        return -1;
    }
    o->no_header = count == 0;
    o->header_records = (uint32_t)count;
    return 0;
}

static int read_letters(const struct wish *w, mayfly_chunk_options *o) {
    if (mpy_letter(w->delimiter, "delimiter", &o->csv.delimiter) < 0)
        return -1;
    if (w->quote != NULL && w->quote[0] == '\0')
        return o->no_quotes = true, 0;
    return mpy_letter(w->quote, "quote", &o->csv.quote);
}

static int read_options(const struct wish *w, mayfly_chunk_options *o) {
    int records = 0, pieces = 0;
    if (mpy_choice(w->records, "records", record_names, &records) < 0 ||
        mpy_choice(w->pieces, "pieces", piece_names, &pieces) < 0 || read_damage(w, o) < 0 ||
        read_header(w->header, o) < 0 || read_letters(w, o) < 0 ||
        mpy_number(w->rows, &o->rows) < 0 || mpy_number(w->bytes, &o->bytes) < 0 ||
        mpy_number(w->record_bytes, &o->record_bytes) < 0 ||
        mpy_number(w->max_record, &o->csv.max_record) < 0)
        return -1;
    o->records = (mayfly_records)records;
    o->pieces = (mayfly_pieces)pieces;
    o->drop = w->drop != 0;
    o->checksum = w->checksum != 0;
    o->prefix = w->prefix.text;
    o->dir = w->dir.text;
    o->manifest = w->manifest.text;
    return 0;
}

static int take_function(PyObject *given, const char *what, PyObject **ret) {
    if (given == NULL || given == Py_None)
        return 0;
    if (!PyCallable_Check(given)) {
        PyErr_Format(PyExc_TypeError, "%s must be a function", what);
        return -1;
    }
    Py_XSETREF(*ret, mpy_ref(given));
    return 0;
}

static int end_chunks(void **handle, mayfly_error *error) {
    mayfly_chunks *chunks = *handle;
    return mayfly_chunks_close(&chunks, error);
}

static int open_handle(struct chunks *self, const struct wish *w, mayfly_chunk_options *o) {
    o->progress = self->progress == NULL ? NULL : on_progress;
    o->problem = self->problem == NULL ? NULL : on_problem;
    o->user = self;
    mayfly_error error;
    self->failed = 0;
    self->released = PyEval_SaveThread();
    mayfly_chunks *handle = NULL;
    const int r = mayfly_chunks_open(w->path.text, o, &handle, &error);
    PyEval_RestoreThread(self->released);
    self->held.handle = handle;
    self->held.end = end_chunks;
    if (r >= 0 && !self->failed)
        return 0;
    if (!self->failed)
        (void)mpy_raise(self->held.state, r, &error);
    return -1;
}

static int init(PyObject *object, PyObject *args, PyObject *kwargs) {
    struct chunks *self = (struct chunks *)object;
    __attribute__((cleanup(end_wish))) struct wish w = {.drop = 0};
    mayfly_chunk_options options = {.rows = 0};
    if (mpy_held_begin(object) < 0 || read_arguments(args, kwargs, &w) < 0 ||
        read_options(&w, &options) < 0 ||
        take_function(w.progress, "progress", &self->progress) < 0 ||
        take_function(w.problem, "problem", &self->problem) < 0)
        return -1;
    if (w.path.text == NULL) {
        PyErr_SetString(PyExc_TypeError, "chunks() needs a path; '-' is the standard input");
        return -1;
    }
    return open_handle(self, &w, &options);
}

/* ---- pieces -------------------------------------------------------------------------------------
 */

static PyObject *piece(const mayfly_chunk *c) {
    return Py_BuildValue("(NKKKKLLLLKsLL)", PyUnicode_DecodeFSDefault(c->path),
                         (unsigned long long)c->number, (unsigned long long)c->rows,
                         (unsigned long long)c->bytes, (unsigned long long)c->first_row,
                         (long long)c->offset, (long long)c->length, (long long)c->header_offset,
                         (long long)c->header_length, (unsigned long long)c->skipped, c->checksum,
                         (long long)c->read_bytes, (long long)c->input_bytes);
}

static PyObject *next(PyObject *object) {
    struct chunks *self = (struct chunks *)mpy_held_enter(object);
    if (self == NULL)
        return NULL;
    mayfly_chunk chunk;
    mayfly_error error;
    PyObject *result = NULL;
    self->failed = 0;
    self->released = PyEval_SaveThread();
    const int r = mayfly_chunks_next(self->held.handle, &chunk, &error);
    PyEval_RestoreThread(self->released);
    if (self->failed)
        result = NULL;
    else if (r < 0)
        result = mpy_raise(self->held.state, r, &error);
    else if (r > 0)
        result = piece(&chunk);
    mpy_held_leave(&self->held);
    return result;
}

static PyObject *remove_piece(PyObject *object, PyObject *number) {
    uint64_t n = 0;
    struct mpy_held *self = mpy_number(number, &n) < 0 ? NULL : mpy_held_enter(object);
    if (self == NULL)
        return NULL;
    mayfly_error error;
    PyThreadState *released = PyEval_SaveThread();
    const int r = mayfly_chunks_remove(self->handle, n, &error);
    PyEval_RestoreThread(released);
    mpy_held_leave(self);
    return r < 0 ? mpy_raise(self->state, r, &error) : mpy_ref(Py_None);
}

static PyObject *keep(PyObject *object, PyObject *unused) {
    (void)unused;
    struct chunks *self = (struct chunks *)mpy_held_enter(object);
    if (self == NULL)
        return NULL;
    mayfly_error error;
    const int r = mayfly_chunks_keep(self->held.handle, &error);
    mpy_held_leave(&self->held);
    return r < 0 ? mpy_raise(self->held.state, r, &error) : mpy_ref(Py_None);
}

static PyObject *get_dir(PyObject *object, void *unused) {
    (void)unused;
    const struct chunks *self = (struct chunks *)object;
    const char *dir = self->held.handle == NULL ? NULL : mayfly_chunks_dir(self->held.handle);
    return dir == NULL ? mpy_ref(Py_None) : mpy_path_object(dir, 0);
}

/* ---- the type -----------------------------------------------------------------------------------
 */

static int traverse(PyObject *object, visitproc visit, void *arg) {
    struct chunks *self = (struct chunks *)object;
    Py_VISIT(Py_TYPE(object));
    Py_VISIT(self->progress);
    Py_VISIT(self->problem);
    return 0;
}

static int clear(PyObject *object) {
    struct chunks *self = (struct chunks *)object;
    Py_CLEAR(self->progress);
    Py_CLEAR(self->problem);
    return 0;
}

static void dealloc(PyObject *object) {
    PyTypeObject *type = Py_TYPE(object);
    PyObject_GC_UnTrack(object);
    mpy_held_end(object);
    (void)clear(object);
    type->tp_free(object);
    Py_DECREF(type);
}

static PyMethodDef methods[] = {
    {"remove", remove_piece, METH_O, "Removes one piece, by its number, before the others."},
    {"keep", keep, METH_NOARGS, "Has the pieces and their directory stay."},
    {"close", mpy_held_close, METH_NOARGS, "Removes all pieces."},
    {"__enter__", mpy_held_scope, METH_NOARGS, NULL},
    {"__exit__", mpy_held_scope_end, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef getset[] = {
    {"dir", get_dir, NULL, "The directory of the pieces; None where they are no files.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_init, init},
    {Py_tp_new, PyType_GenericNew},
    {Py_tp_dealloc, dealloc},
    {Py_tp_traverse, traverse},
    {Py_tp_clear, clear},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, next},
    {Py_tp_methods, methods},
    {Py_tp_getset, getset},
    {Py_tp_doc, "What mayfly.chunks is made of."},
    {0, NULL},
};

int mpy_chunks_setup(PyObject *module, struct mpy_state *state) {
    PyType_Spec spec = {
        .name = "mayfly._core.Chunks",
        .basicsize = sizeof(struct chunks),
        .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
        .slots = slots,
    };
    state->Chunks = mpy_add_type(module, &spec, NULL, "Chunks");
    return state->Chunks == NULL ? -1 : 0;
}
