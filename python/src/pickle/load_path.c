/* SPDX-License-Identifier: MIT
 *
 * Loading from a path: a pickle runs what it says, so a file that somebody else could have written
 * is not loaded unless that is asked for. The rule is mayfly/trust.h's.
 */
#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <mayfly/trust.h>
#include <sys/stat.h>
#include <unistd.h>

/* The descriptor, or -1 with an exception. Who trusts whatever is there says so for pipes, too, and
 * waits for their writers: what interrupts that is Python's to hear of, so it is open(2) itself. */
static int open_path(PyObject *path, const char *name, bool trusted) {
    static const mayfly_trust_options how = {.flags = MAYFLY_TRUST_FOLLOW, .operation = "load"};
    mayfly_error error;
    PyThreadState *held = PyEval_SaveThread();
    const int fd = trusted ? open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY)
                           : mayfly_trust_open(name, &how, &error);
    PyEval_RestoreThread(held); /* leaves errno alone */
    if (fd >= 0)
        return fd;
    if (trusted || (fd != -EPERM && fd != -EINVAL)) {
        errno = trusted ? errno : -fd;
        PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, path);
        return -1;
    }
    PyErr_Format(PyExc_PermissionError,
                 "%s, and a pickle runs what it says; trusted=True loads it all the same, "
                 "data_only=True what of it is plain data",
                 error.message);
    return -1;
}

/* Reads until the end; a file may be longer than it was a moment ago, or shorter. */
static PyObject *read_all(int fd, PyObject *path, size_t expected) {
    size_t size = 0, room = expected + 1;
    PyObject *data = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)room);
    while (data != NULL) {
        ssize_t n;
        if (size == room && _PyBytes_Resize(&data, (Py_ssize_t)(room *= 2)) < 0)
            break;
        char *to = PyBytes_AS_STRING(data) + size;
        Py_BEGIN_ALLOW_THREADS n = read(fd, to, room - size);
        Py_END_ALLOW_THREADS if (n == 0) break;
        if (n > 0)
            size += (size_t)n;
        else if (errno != EINTR)
            PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, path);
        if (n < 0 && (errno != EINTR || PyErr_CheckSignals() < 0))
            Py_CLEAR(data);
    }
    if (data != NULL)
        (void)_PyBytes_Resize(&data, (Py_ssize_t)size);
    return data;
}

PyObject *mpk_load_path(PyObject *path, bool trusted) {
    PyObject *name = NULL, *data = NULL;
    struct stat found;
    if (!PyUnicode_FSConverter(path, &name))
        return NULL;
    const int fd = open_path(path, PyBytes_AS_STRING(name), trusted);
    Py_DECREF(name);
    if (fd < 0)
        return NULL;
    if (fstat(fd, &found) < 0)
        PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, path);
    else
        data = read_all(fd, path, S_ISREG(found.st_mode) ? (size_t)found.st_size : 4096);
    (void)close(fd);
    return data;
}
