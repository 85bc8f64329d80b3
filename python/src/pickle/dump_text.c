/* SPDX-License-Identifier: MIT
 *
 * What protocols 0 and 1 say in their own way. Protocol 0 is lines of text, and knows neither
 * batches nor what is empty; protocol 1 lacks booleans, large ints and short tuples.
 */
#include "dump.h"

#include <stdio.h>

char *mpk_put_line(struct mpk_dumper *d, char *q, enum mfi_opcode op, const char *text, size_t size,
                   const char *end) {
    CHECKED(mpk_fit(d, q));
    q = mfi_put(q, op);
    CHECKED(mfi_pickle_payload(&d->e, q, "", 0, text, size));
    CHECKED(mpk_fit(d, q));
    for (; *end != '\0'; end++)
        *q++ = *end;
    return q;
}

static char *put_number_line(struct mpk_dumper *d, char *q, enum mfi_opcode op, uint64_t number) {
    char text[24];
    const int size = snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    return mpk_put_line(d, q, op, text, (size_t)size, "\n");
}

char *mpk_put_store_text(struct mpk_dumper *d, char *q) {
    return put_number_line(d, q, MFI_OP_PUT, d->e.memo_count++);
}

char *mpk_put_get_text(struct mpk_dumper *d, char *q, uint32_t number) {
    return put_number_line(d, q, MFI_OP_GET, number);
}

static char *put_repr(struct mpk_dumper *d, char *q, PyObject *object) {
    PyObject *repr = PyLong_Type.tp_repr(object);
    Py_ssize_t size;
    const char *text = repr == NULL ? NULL : PyUnicode_AsUTF8AndSize(repr, &size);
    q = text == NULL ? NULL : mpk_put_line(d, q, MFI_OP_LONG, text, (size_t)size, "L\n");
    Py_XDECREF(repr);
    return q;
}

static char *save_old_int(struct mpk_dumper *d, char *q, PyObject *object) {
    int64_t number;
    if (!mpk_small_int(object, &number) || number < INT32_MIN || number > INT32_MAX)
        return put_repr(d, q, object);
    if (!d->text)
        return mfi_put_int(q, number);
    char text[16];
    const int size = snprintf(text, sizeof text, "%lld", (long long)number);
    return mpk_put_line(d, q, MFI_OP_INT, text, (size_t)size, "\n");
}

static char *save_old_float(struct mpk_dumper *d, char *q, PyObject *object) {
    if (!d->text)
        return mfi_put_float(q, PyFloat_AS_DOUBLE(object));
    char *text = PyOS_double_to_string(PyFloat_AS_DOUBLE(object), 'r', 0, Py_DTSF_ADD_DOT_0, NULL);
    if (text == NULL) {
        (void)PyErr_NoMemory();
        return NULL;
    }
    q = mpk_put_line(d, q, MFI_OP_FLOAT, text, strlen(text), "\n");
    PyMem_Free(text);
    return q;
}

/* Latin-1 as it stands but for what would end or begin something, \u and \U for all else. */
static size_t escape(char *to, PyObject *object) {
    const Py_ssize_t length = PyUnicode_GET_LENGTH(object);
    const int kind = (int)PyUnicode_KIND(object);
    const void *data = PyUnicode_DATA(object);
    char *q = to;
    for (Py_ssize_t i = 0; i < length; i++) {
        const Py_UCS4 c = PyUnicode_READ(kind, data, i);
        if (c >= 0x10000)
            q += sprintf(q, "\\U%08x", (unsigned)c);
        else if (c >= 0x100 || c == '\\' || c == '\0' || c == '\n' || c == '\r' || c == 0x1a)
            q += sprintf(q, "\\u%04x", (unsigned)c);
        else
            *q++ = (char)c;
    }
    return (size_t)(q - to);
}

char *mpk_save_old_str(struct mpk_dumper *d, char *q, PyObject *object) {
    const size_t place = mpk_memo_place(d, object);
    if (mpk_memo_has(d, place))
        return mpk_put_get(d, q, mpk_memo_number(d, place));
    if (!d->text) {
        CHECKED(mpk_save_text_far(d, q, object));
        return mpk_store(d, q, object, mpk_memo_place(d, object));
    }
#if PY_VERSION_HEX < 0x030C0000
    if (PyUnicode_READY(object) < 0)
        return NULL;
#endif
    char *text = PyMem_Malloc((size_t)PyUnicode_GET_LENGTH(object) * 10 + 1);
    if (text == NULL) {
        (void)PyErr_NoMemory();
        return NULL;
    }
    q = mpk_put_line(d, q, MFI_OP_UNICODE, text, escape(text, object), "\n");
    PyMem_Free(text);
    return q == NULL ? NULL : mpk_store(d, q, object, mpk_memo_place(d, object));
}

static char *put_two(char *q, enum mfi_opcode first, enum mfi_opcode second) {
    return mfi_put(mfi_put(q, first), second);
}

static char *save_text_list(struct mpk_dumper *d, char *q, PyObject *object, size_t place) {
    CHECKED(mpk_store(d, put_two(q, MFI_OP_MARK, MFI_OP_LIST), object, place));
    if (PyList_GET_SIZE(object) == 0)
        return q;
    PyObject *iterator = mpk_settle(d) < 0 ? NULL : PyObject_GetIter(object);
    q = iterator == NULL ? NULL : mpk_save_iterated(d, q, iterator, false);
    Py_XDECREF(iterator);
    return q;
}

static char *save_text_dict(struct mpk_dumper *d, char *q, PyObject *object, size_t place) {
    CHECKED(mpk_store(d, put_two(q, MFI_OP_MARK, MFI_OP_DICT), object, place));
    if (PyDict_GET_SIZE(object) == 0 || mpk_settle(d) < 0)
        return PyErr_Occurred() ? NULL : q;
    PyObject *items = PyObject_CallMethodNoArgs(object, d->state->n[MPK_N_items]);
    PyObject *iterator = items == NULL ? NULL : PyObject_GetIter(items);
    Py_XDECREF(items);
    q = iterator == NULL ? NULL : mpk_save_iterated(d, q, iterator, true);
    Py_XDECREF(iterator);
    return q;
}

bool mpk_save_old(struct mpk_dumper *d, char **q, PyObject *object) {
    const PyTypeObject *type = Py_TYPE(object);
    if (type == &PyLong_Type)
        *q = save_old_int(d, *q, object);
    else if (type == &PyFloat_Type)
        *q = save_old_float(d, *q, object);
    else if (type == &PyBool_Type)
        *q = mpk_put_line(d, *q, MFI_OP_INT, object == Py_True ? "01" : "00", 2, "\n");
    else if (type == &PyUnicode_Type)
        *q = mpk_save_old_str(d, *q, object);
    else if (d->text && (type == &PyList_Type || type == &PyDict_Type)) {
        const size_t place = mpk_memo_place(d, object);
        if (mpk_memo_has(d, place))
            *q = mpk_put_get(d, *q, mpk_memo_number(d, place));
        else
            *q = type == &PyList_Type ? save_text_list(d, *q, object, place)
                                      : save_text_dict(d, *q, object, place);
    } else
        return false;
    return true;
}
