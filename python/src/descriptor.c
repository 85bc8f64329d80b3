/* SPDX-License-Identifier: MIT
 *
 * RawFile: a raw file on the descriptor of a temporary file, which a handle of the library has.
 *
 * It is an io.FileIO whose own part is never opened: FileIO asks the system about each descriptor
 * that it is given, keeps its name in a dict, and is closed in four calls through three classes,
 * which together cost a third of what making a temporary file does. What is known here needs no
 * asking: a regular file, newly made, at its start. So every method is there once more.
 *
 * Position   Buffers ask for it before they write first and after each flush. It is known here as
 * long as nobody else has the descriptor: until fileno() is called or the process forks. Then the
 * system is asked. Invariant  the descriptor is the handle's, and is closed once, by the library,
 * after the name was removed. Without a handle (replace.c) it is somebody else's to close.
 */
#include "core.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* No class is derived from RawFile, so that its part is the last of the object. */
static struct mpy_raw *own_part(PyObject *self) {
    return (struct mpy_raw *)((char *)self + Py_TYPE(self)->tp_basicsize - sizeof(struct mpy_raw));
}

static struct mpy_raw *usable(PyObject *self) {
    struct mpy_raw *raw = own_part(self);
    if (raw->fd >= 0)
        return raw;
    PyErr_SetString(PyExc_ValueError, "I/O operation on closed file");
    return NULL;
}

static struct mpy_raw *usable_for(PyObject *self, int reading) {
    struct mpy_raw *raw = usable(self);
    if (raw == NULL || (reading ? raw->reading : raw->writing))
        return raw;
    PyObject *io = PyImport_ImportModule("_io");
    PyObject *type = io == NULL ? NULL : PyObject_GetAttrString(io, "UnsupportedOperation");
    if (type != NULL)
        PyErr_Format(type, "File not open for %s", reading ? "reading" : "writing");
    Py_XDECREF(type);
    Py_XDECREF(io);
    return NULL;
}

/* ---- the position -------------------------------------------------------------------------------
 */

/* How often this process, or one that it comes from, has forked; and one more. */
static atomic_uint forks = 1;

static void count_fork(void) {
    atomic_fetch_add_explicit(&forks, 1, memory_order_relaxed);
}

static void watch_forks(void) {
    (void)pthread_atfork(NULL, count_fork, count_fork);
}

/* Of a new file that goes under a buffer, by which threads take turns. */
void mpy_raw_alone(struct mpy_raw *raw) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (pthread_once(&once, watch_forks) == 0)
        raw->alone = atomic_load_explicit(&forks, memory_order_relaxed);
}

static int is_alone(const struct mpy_raw *raw) {
    return raw->alone == atomic_load_explicit(&forks, memory_order_relaxed);
}

static PyObject *move(struct mpy_raw *raw, int64_t offset, int whence) {
    if (whence == SEEK_CUR && offset == 0 && is_alone(raw))
        return PyLong_FromLongLong(raw->at);
    PyThreadState *released = PyEval_SaveThread();
    const off_t at = lseek(raw->fd, (off_t)offset, whence);
    PyEval_RestoreThread(released);
    if (at < 0)
        return PyErr_SetFromErrno(PyExc_OSError);
    raw->at = at;
    return PyLong_FromLongLong(at);
}

static PyObject *raw_seek(PyObject *self, PyObject *const *args, Py_ssize_t nargs) {
    struct mpy_raw *raw = usable(self);
    if (raw == NULL)
        return NULL;
    if (nargs < 1 || nargs > 2) {
        PyErr_Format(PyExc_TypeError, "seek expected 1 or 2 arguments, got %zd", nargs);
        return NULL;
    }
    PyObject *number = PyNumber_Index(args[0]);
    const long long offset = number == NULL ? -1 : PyLong_AsLongLong(number);
    Py_XDECREF(number);
    const long whence = nargs < 2 ? SEEK_SET : PyLong_AsLong(args[1]);
    return PyErr_Occurred() ? NULL : move(raw, offset, (int)whence);
}

static PyObject *raw_tell(PyObject *self, PyObject *unused) {
    (void)unused;
    struct mpy_raw *raw = usable(self);
    return raw == NULL ? NULL : move(raw, 0, SEEK_CUR);
}

/* ---- reading and writing ------------------------------------------------------------------------
 */

enum { READING, WRITING };

/* One read or write, again after a signal whose handler did not raise. */
static Py_ssize_t transfer(struct mpy_raw *raw, void *data, size_t size, int what) {
    for (;;) {
        PyThreadState *released = PyEval_SaveThread();
        const ssize_t n = what == READING ? read(raw->fd, data, size) : write(raw->fd, data, size);
        const int why = errno;
        PyEval_RestoreThread(released);
        if (n >= 0)
            return raw->at += n, n;
        if (why != EINTR) {
            errno = why;
            (void)PyErr_SetFromErrno(PyExc_OSError);
            return -1;
        }
        if (PyErr_CheckSignals() < 0)
            return -1;
    }
}

static PyObject *transfer_buffer(struct mpy_raw *raw, PyObject *object, int what) {
    Py_buffer view;
    if (PyObject_GetBuffer(object, &view, what == READING ? PyBUF_WRITABLE : PyBUF_SIMPLE) < 0) {
        if (what == READING && PyErr_ExceptionMatches(PyExc_BufferError))
            PyErr_Format(PyExc_TypeError,
                         "readinto() needs a bytes-like object that can be written, not %.100s",
                         Py_TYPE(object)->tp_name);
        return NULL;
    }
    const Py_ssize_t n = transfer(raw, view.buf, (size_t)view.len, what);
    PyBuffer_Release(&view);
    return n < 0 ? NULL : PyLong_FromSsize_t(n);
}

static PyObject *raw_readinto(PyObject *self, PyObject *target) {
    struct mpy_raw *raw = usable_for(self, 1);
    return raw == NULL ? NULL : transfer_buffer(raw, target, READING);
}

static PyObject *raw_write(PyObject *self, PyObject *source) {
    struct mpy_raw *raw = usable_for(self, 0);
    return raw == NULL ? NULL : transfer_buffer(raw, source, WRITING);
}

/* How much is left, and a byte more, by which the end is noticed. */
static Py_ssize_t rest_of(int fd) {
    struct stat status;
    const off_t at = lseek(fd, 0, SEEK_CUR);
    if (fstat(fd, &status) < 0 || at < 0 || status.st_size <= at)
        return BUFSIZ;
    return (Py_ssize_t)(status.st_size - at) + 1;
}

static PyObject *raw_readall(PyObject *self, PyObject *unused) {
    (void)unused;
    struct mpy_raw *raw = usable_for(self, 1);
    if (raw == NULL)
        return NULL;
    Py_ssize_t room = rest_of(raw->fd), used = 0, n = 0;
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, room);
    while (bytes != NULL) {
        if (used == room && _PyBytes_Resize(&bytes, room += room / 2 + BUFSIZ) < 0)
            return NULL;
        n = transfer(raw, PyBytes_AS_STRING(bytes) + used, (size_t)(room - used), READING);
        if (n <= 0)
            break;
        used += n;
    }
    if (n < 0)
        Py_CLEAR(bytes);
    else if (bytes != NULL)
        (void)_PyBytes_Resize(&bytes, used);
    return bytes;
}

static PyObject *raw_read(PyObject *self, PyObject *args) {
    PyObject *wanted = Py_None;
    struct mpy_raw *raw = usable_for(self, 1);
    if (raw == NULL || !PyArg_ParseTuple(args, "|O:read", &wanted))
        return NULL;
    const Py_ssize_t size =
        wanted == Py_None ? -1 : PyNumber_AsSsize_t(wanted, PyExc_OverflowError);
    if (size < 0)
        return PyErr_Occurred() ? NULL : raw_readall(self, NULL);
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, size);
    const Py_ssize_t n =
        bytes == NULL ? -1 : transfer(raw, PyBytes_AS_STRING(bytes), (size_t)size, READING);
    if (n < 0)
        Py_CLEAR(bytes);
    else
        (void)_PyBytes_Resize(&bytes, n);
    return bytes;
}

static PyObject *raw_truncate(PyObject *self, PyObject *args) {
    PyObject *wanted = Py_None;
    struct mpy_raw *raw = usable_for(self, 0);
    if (raw == NULL || !PyArg_ParseTuple(args, "|O:truncate", &wanted))
        return NULL;
    PyObject *size = wanted == Py_None ? move(raw, 0, SEEK_CUR) : mpy_ref(wanted);
    const long long bytes = size == NULL ? -1 : PyLong_AsLongLong(size);
    if (PyErr_Occurred()) {
        Py_XDECREF(size);
        return NULL;
    }
    PyThreadState *released = PyEval_SaveThread();
    const int r = ftruncate(raw->fd, (off_t)bytes);
    PyEval_RestoreThread(released);
    if (r < 0) {
        (void)PyErr_SetFromErrno(PyExc_OSError);
        Py_CLEAR(size);
    }
    return size;
}

/* ---- what it is ---------------------------------------------------------------------------------
 */

static PyObject *raw_fileno(PyObject *self, PyObject *unused) {
    (void)unused;
    struct mpy_raw *raw = usable(self);
    if (raw == NULL)
        return NULL;
    raw->alone = 0; /* whoever asks may move the position */
    return PyLong_FromLong(raw->fd);
}

static PyObject *say(PyObject *self, int what) {
    return usable(self) == NULL ? NULL : PyBool_FromLong(what);
}

static PyObject *raw_readable(PyObject *self, PyObject *unused) {
    (void)unused;
    return say(self, own_part(self)->reading);
}

static PyObject *raw_writable(PyObject *self, PyObject *unused) {
    (void)unused;
    return say(self, own_part(self)->writing);
}

static PyObject *raw_seekable(PyObject *self, PyObject *unused) {
    (void)unused;
    return say(self, 1);
}

static PyObject *raw_isatty(PyObject *self, PyObject *unused) {
    (void)unused;
    return say(self, 0);
}

static PyObject *raw_close(PyObject *self, PyObject *unused) {
    (void)unused;
    struct mpy_raw *raw = own_part(self);
    if (raw->fd < 0)
        Py_RETURN_NONE;
    raw->fd = -1;
    return mpy_raw_close_handle(self, raw) < 0 ? NULL : mpy_ref(Py_None);
}

static PyObject *get_closed(PyObject *self, void *unused) {
    (void)unused;
    return PyBool_FromLong(own_part(self)->fd < 0);
}

static PyObject *get_mode(PyObject *self, void *unused) {
    (void)unused;
    return PyUnicode_FromString(own_part(self)->mode);
}

static PyObject *get_closefd(PyObject *self, void *unused) {
    (void)unused;
    return PyBool_FromLong(own_part(self)->handle != NULL);
}

static PyObject *get_name(PyObject *self, void *unused) {
    (void)unused;
    const struct mpy_raw *raw = own_part(self);
    return raw->name != NULL ? mpy_ref(raw->name) : PyLong_FromLong(raw->number);
}

static int set_name(PyObject *self, PyObject *name, void *unused) {
    (void)unused;
    Py_XINCREF(name);
    Py_XSETREF(own_part(self)->name, name);
    return 0;
}

static PyObject *raw_repr(PyObject *self) {
    const struct mpy_raw *raw = own_part(self);
    if (raw->fd < 0)
        return PyUnicode_FromString("<_io.FileIO [closed]>");
    PyObject *name = get_name(self, NULL);
    PyObject *text = name == NULL
                         ? NULL
                         : PyUnicode_FromFormat("<_io.FileIO name=%R mode='%s' closefd=%s>", name,
                                                raw->mode, raw->handle != NULL ? "True" : "False");
    Py_XDECREF(name);
    return text;
}

static void raw_finalize(PyObject *self) {
    struct mpy_raw *raw = own_part(self);
    if (raw->state == NULL)
        return;                              /* it was never made whole */
    if (raw->fd >= 0 || raw->handle != NULL) /* else there is nothing left to end */
        mpy_raw_finalize(self, raw, raw->state->FileIO);
    Py_CLEAR(raw->name);
}

/* ---- the type -----------------------------------------------------------------------------------
 */

static PyMethodDef methods[] = {
    {"read", raw_read, METH_VARARGS, NULL},
    {"readall", raw_readall, METH_NOARGS, NULL},
    {"readinto", raw_readinto, METH_O, NULL},
    {"write", raw_write, METH_O, NULL},
    {"seek", (PyCFunction)(void (*)(void))raw_seek, METH_FASTCALL, NULL},
    {"tell", raw_tell, METH_NOARGS, NULL},
    {"truncate", raw_truncate, METH_VARARGS, NULL},
    {"fileno", raw_fileno, METH_NOARGS, NULL},
    {"readable", raw_readable, METH_NOARGS, NULL},
    {"writable", raw_writable, METH_NOARGS, NULL},
    {"seekable", raw_seekable, METH_NOARGS, NULL},
    {"isatty", raw_isatty, METH_NOARGS, NULL},
    {"close", raw_close, METH_NOARGS, "Closes the file and removes its name."},
    {"_dealloc_warn", mpy_raw_dealloc_warn, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef getset[] = {
    {"closed", get_closed, NULL, "Whether it was closed.", NULL},
    {"closefd", get_closefd, NULL, "Whether closing it closes the descriptor.", NULL},
    {"mode", get_mode, NULL, "As it was opened.", NULL},
    {"name", get_name, set_name, "Its path, or its descriptor.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

PyType_Slot mpy_raw_file_slots[] = {
    {Py_tp_methods, methods},
    {Py_tp_getset, getset},
    {Py_tp_repr, raw_repr},
    {Py_tp_finalize, raw_finalize},
    {Py_tp_doc, "io.FileIO over a temporary file, which goes when it is closed."},
    {0, NULL},
};

/* `mode` is one of FileIO's: "rb+", "wb", ... */
PyObject *mpy_raw_over(struct mpy_state *state, int fd, const char *mode) {
    PyTypeObject *type = (PyTypeObject *)state->RawFile;
    PyObject *none = PyTuple_New(0);
    PyObject *self = none == NULL ? NULL : type->tp_new(type, none, NULL);
    Py_XDECREF(none);
    if (self == NULL)
        return NULL;
    struct mpy_raw *raw = own_part(self);
    const int plus = strchr(mode, '+') != NULL;
    *raw = (struct mpy_raw){.state = state, .fd = fd, .number = fd};
    raw->reading = (char)(plus || mode[0] == 'r');
    raw->writing = (char)(plus || mode[0] != 'r');
    for (size_t i = 0; i + 1 < sizeof raw->mode && mode[i] != '\0'; i++)
        raw->mode[i] = mode[i];
    return self;
}
