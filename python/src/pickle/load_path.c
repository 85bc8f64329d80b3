/* SPDX-License-Identifier: MIT
 *
 * Loading from a path: a pickle runs what it says, so a file that somebody else could have written
 * is not loaded unless that is asked for.
 *
 * What is checked is the open file and not its name: whoever exchanges the name meanwhile gains
 * nothing.
 */
#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static int refuse(PyObject *path, const char *why) {
    PyErr_Format(
        PyExc_PermissionError,
        "load %R: refused, because %s and a pickle runs what it says; trusted=True loads it "
        "all the same, data_only=True what of it is plain data",
        path, why);
    return -1;
}

static int check(PyObject *path, const struct stat *found) {
    if (!S_ISREG(found->st_mode))
        return refuse(path, "it is no regular file");
    if (found->st_uid != geteuid() && found->st_uid != 0)
        return refuse(path, "it belongs to another user");
    if (found->st_mode & (S_IWGRP | S_IWOTH)) /* as mayfly_load_path */
        return refuse(path, "others can write it");
    return 0;
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
    int fd;
    Py_BEGIN_ALLOW_THREADS
        /* a FIFO must not be waited for before it is refused */
        fd = open(PyBytes_AS_STRING(name),
                  O_RDONLY | O_CLOEXEC | O_NOCTTY | (trusted ? 0 : O_NONBLOCK));
    Py_END_ALLOW_THREADS Py_DECREF(name);
    if (fd < 0 || fstat(fd, &found) < 0)
        PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, path);
    else if (trusted || check(path, &found) == 0)
        data = read_all(fd, path, S_ISREG(found.st_mode) ? (size_t)found.st_size : 4096);
    if (fd >= 0)
        (void)close(fd);
    return data;
}
