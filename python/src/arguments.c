/* SPDX-License-Identifier: MIT
 *
 * Texts and numbers that come from Python, and errors that go there.
 */
#include "core.h"

#include <errno.h>
#include <string.h>

/* ---- texts and numbers ------------------------------------------------------------------------
 */

static int check_nul(const char *text, Py_ssize_t size) {
    if (strlen(text) == (size_t)size)
        return 0;
    PyErr_SetString(PyExc_ValueError, "embedded null byte");
    return -1;
}

int mpy_text_from(PyObject *object, struct mpy_text *ret) {
    *ret = (struct mpy_text){NULL, NULL};
    if (object == NULL || object == Py_None)
        return 0;
    Py_ssize_t size = 0;
    if (PyUnicode_Check(object) && PyUnicode_IS_ASCII(object)) {
        ret->text = PyUnicode_AsUTF8AndSize(object, &size);
        ret->owner = object;
        Py_INCREF(object);
        return ret->text == NULL ? -1 : check_nul(ret->text, size);
    }
    PyObject *path = PyOS_FSPath(object); /* a TypeError for what is none */
    PyObject *bytes = path;
    if (path != NULL && PyUnicode_Check(path)) {
        bytes = PyUnicode_EncodeFSDefault(path);
        Py_DECREF(path);
    }
    if (bytes == NULL)
        return -1;
    ret->owner = bytes;
    ret->text = PyBytes_AS_STRING(bytes);
    return check_nul(ret->text, PyBytes_GET_SIZE(bytes));
}

void mpy_text_end(struct mpy_text *text) {
    Py_CLEAR(text->owner);
}

int mpy_string_from(PyObject *object, const char *what, const char **ret) {
    *ret = NULL;
    if (object == NULL || object == Py_None)
        return 0;
    if (!PyUnicode_Check(object)) {
        PyErr_Format(PyExc_TypeError, "%s must be str or None, not %.100s", what,
                     Py_TYPE(object)->tp_name);
        return -1;
    }
    *ret = PyUnicode_AsUTF8(object);
    return *ret == NULL ? -1 : 0;
}

int mpy_number(PyObject *object, uint64_t *ret) {
    *ret = 0;
    if (object == NULL || object == Py_None)
        return 0;
    PyObject *number = PyNumber_Index(object);
    if (number == NULL)
        return -1;
    *ret = PyLong_AsUnsignedLongLong(number);
    Py_DECREF(number);
    return PyErr_Occurred() ? -1 : 0;
}

int mpy_truth(PyObject *object, int missing) {
    return object == NULL ? missing : PyObject_IsTrue(object);
}

int mpy_text_argument(PyObject *object, void *ret) {
    return mpy_text_from(object, ret) == 0;
}

int mpy_choice(const char *text, const char *what, const char *const *words, int *ret) {
    for (int i = 0; text != NULL && words[i] != NULL; i++)
        if (strcmp(text, words[i]) == 0)
            return *ret = i, 0;
    if (text == NULL)
        return 0;
    char all[128] = "";
    for (int i = 0; words[i] != NULL; i++) {
        const size_t used = strlen(all);
        (void)PyOS_snprintf(all + used, sizeof all - used, "%s'%s'", i == 0 ? "" : ", ", words[i]);
    }
    PyErr_Format(PyExc_ValueError, "%s is one of %s, not '%s'", what, all, text);
    return -1;
}

int mpy_letter(const char *text, const char *what, char *ret) {
    if (text == NULL)
        return 0;
    if (text[0] != '\0' && text[1] == '\0')
        return *ret = text[0], 0;
    PyErr_Format(PyExc_ValueError, "%s is one ASCII character, not '%s'", what, text);
    return -1;
}

PyObject *mpy_call_keyword(PyObject *object, const char *method, const char *name,
                           PyObject *value) {
    PyObject *function = PyObject_GetAttrString(object, method);
    PyObject *none = function == NULL ? NULL : PyTuple_New(0);
    PyObject *keywords = none == NULL ? NULL : Py_BuildValue("{sO}", name, value);
    PyObject *done = keywords == NULL ? NULL : PyObject_Call(function, none, keywords);
    Py_XDECREF(keywords);
    Py_XDECREF(none);
    Py_XDECREF(function);
    return done;
}

/* ---- errors -----------------------------------------------------------------------------------
 */

/* Options that the library refuses are values; what the system says about files is an OSError. */
static int about_options(const mayfly_error *error) {
    static const char *const parts[] = {"prefix", "suffix",    "mode",        "name",
                                        "random", "buffering", "permissions", "dir"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (strcmp(error->operation, parts[i]) == 0)
            return 1;
    return 0;
}

PyObject *mpy_raise(const struct mpy_state *state, int code, const mayfly_error *error) {
    if (code == -ENOMEM)
        return PyErr_NoMemory();
    if (code == -EINVAL && about_options(error)) {
        PyErr_SetString(PyExc_ValueError, error->message);
        return NULL;
    }
    PyObject *type = code > -4096 ? PyExc_OSError : state->Error;
    const int number = code > -4096 ? -code : code;
    PyObject *path = error->path[0] == '\0' ? NULL : PyUnicode_DecodeFSDefault(error->path);
    if (error->path[0] != '\0' && path == NULL)
        PyErr_Clear();
    PyObject *message = PyUnicode_DecodeFSDefault(error->message);
    PyObject *args = message == NULL ? NULL
                     : path == NULL  ? Py_BuildValue("iO", number, message)
                                     : Py_BuildValue("iOO", number, message, path);
    PyObject *exception = args == NULL ? NULL : PyObject_CallObject(type, args);
    if (exception != NULL)
        PyErr_SetObject((PyObject *)Py_TYPE(exception), exception);
    Py_XDECREF(exception);
    Py_XDECREF(args);
    Py_XDECREF(message);
    Py_XDECREF(path);
    return NULL;
}

int mpy_tell_end(const struct mpy_state *state, int code, const mayfly_error *error) {
    if (code >= 0)
        return 0;
    if (code == MAYFLY_E_REPLACED)
        return PyErr_WarnEx(PyExc_RuntimeWarning, error->message, 1);
    (void)mpy_raise(state, code, error);
    return -1;
}
