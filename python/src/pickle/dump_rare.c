/* SPDX-License-Identifier: MIT
 *
 * What has no parts and is not short: text, whole numbers, bytes and buffers.
 */
#include "dump.h"

/* A payload that is the content of `object`. To a file it goes past the buffer, and the file's
 * write may let the object go. */
static char *put_payload(struct mpk_dumper *d, char *q, PyObject *object, const char *header,
                         const char *end, const void *data, size_t size) {
    if (MFI_LIKELY(size < MFI_FRAME_FULL || d->write == NULL))
        return mfi_pickle_payload(&d->e, q, header, (size_t)(end - header), data, size);
    if (mpk_keep(d, object) < 0)
        return NULL;
    d->whole = object;
    q = mfi_pickle_payload(&d->e, q, header, (size_t)(end - header), data, size);
    d->whole = NULL;
    return q;
}

/* What code of the user did to the table while a file was written. */
static size_t place_again(struct mpk_dumper *d, PyObject *object, size_t place) {
    return place == MPK_NOWHERE || d->write == NULL ? place : mpk_memo_place(d, object);
}

static char *refuse_size(const char *what) {
    PyErr_Format(PyExc_OverflowError,
                 "serializing a %s larger than 4 GiB requires pickle protocol 4 or higher", what);
    return NULL;
}

static char *put_utf8(struct mpk_dumper *d, char *q, PyObject *object, const char *text,
                      size_t size) {
    char header[9], *end;
    if (size <= 0xff && d->e.protocol >= 4)
        end = mfi_put_number(header, MFI_OP_SHORT_BINUNICODE, size, 1);
    else if (size <= 0xffffffffu)
        end = mfi_put_number(header, MFI_OP_BINUNICODE, size, 4);
    else if (d->e.protocol >= 4)
        end = mfi_put_number(header, MFI_OP_BINUNICODE8, size, 8);
    else
        return refuse_size("string");
    return put_payload(d, q, object, header, end, text, size);
}

/* Bytes of UTF-8 that characters of one, two, four bytes take. */
static size_t utf8_size(const void *data, int kind, size_t length) {
    size_t size = length;
    if (kind == 1)
        for (size_t i = 0; i < length; i++)
            size += ((const uint8_t *)data)[i] >> 7;
    else if (kind == 2)
        for (size_t i = 0; i < length; i++) {
            const uint16_t c = ((const uint16_t *)data)[i];
            size += (size_t)(c >= 0x80) + (size_t)(c >= 0x800);
        }
    else
        for (size_t i = 0; i < length; i++) {
            const uint32_t c = ((const uint32_t *)data)[i];
            size += (size_t)(c >= 0x80) + (size_t)(c >= 0x800) + (size_t)(c >= 0x10000);
        }
    return size;
}

/* Surrogates are written as any other character, as pickle does. */
MFI_INLINE char *put_character(char *q, uint32_t c) {
    if (c < 0x80) {
        *q = (char)c;
        return q + 1;
    }
    if (c < 0x800) {
        q[0] = (char)(0xc0 | c >> 6);
        q[1] = (char)(0x80 | (c & 0x3f));
        return q + 2;
    }
    if (c < 0x10000) {
        q[0] = (char)(0xe0 | c >> 12);
        q[1] = (char)(0x80 | (c >> 6 & 0x3f));
        q[2] = (char)(0x80 | (c & 0x3f));
        return q + 3;
    }
    q[0] = (char)(0xf0 | c >> 18);
    q[1] = (char)(0x80 | (c >> 12 & 0x3f));
    q[2] = (char)(0x80 | (c >> 6 & 0x3f));
    q[3] = (char)(0x80 | (c & 0x3f));
    return q + 4;
}

static void encode_utf8(char *q, const void *data, int kind, size_t length) {
    if (kind == 1)
        for (size_t i = 0; i < length; i++)
            q = put_character(q, ((const uint8_t *)data)[i]);
    else if (kind == 2)
        for (size_t i = 0; i < length; i++)
            q = put_character(q, ((const uint16_t *)data)[i]);
    else
        for (size_t i = 0; i < length; i++)
            q = put_character(q, ((const uint32_t *)data)[i]);
}

enum { ON_STACK = 1024 };

char *mpk_save_text_far(struct mpk_dumper *d, char *q, PyObject *object) {
#if PY_VERSION_HEX < 0x030C0000
    if (PyUnicode_READY(object) < 0)
        return NULL;
#endif
    const size_t length = (size_t)PyUnicode_GET_LENGTH(object);
    if (PyUnicode_IS_ASCII(object))
        return put_utf8(d, q, object, (const char *)PyUnicode_DATA(object), length);
    const int kind = (int)PyUnicode_KIND(object);
    const void *data = PyUnicode_DATA(object);
    const size_t size = utf8_size(data, kind, length);
    char few[ON_STACK], *text = size <= sizeof few ? few : PyMem_RawMalloc(size);
    if (text == NULL) {
        (void)PyErr_NoMemory();
        return NULL;
    }
    encode_utf8(text, data, kind, length);
    if (MFI_LIKELY(size < MFI_FRAME_FULL))
        q = put_utf8(d, q, object, text, size);
    else { /* a file is given bytes, which are not the object's */
        PyObject *bytes =
            d->write == NULL ? mpk_ref(object) : PyBytes_FromStringAndSize(text, (Py_ssize_t)size);
        q = bytes == NULL ? NULL : put_utf8(d, q, bytes, text, size);
        if (q != NULL && d->write != NULL && mpk_keep(d, object) < 0)
            q = NULL;
        Py_XDECREF(bytes);
    }
    if (text != few)
        PyMem_RawFree(text);
    return q;
}

static char *put_digits(struct mpk_dumper *d, char *q, PyObject *object, size_t size) {
    uint8_t few[256], *digits = size <= sizeof few ? few : PyMem_RawMalloc(size);
    if (digits == NULL) {
        (void)PyErr_NoMemory();
        return NULL;
    }
#if PY_VERSION_HEX >= 0x030D0000
    if (_PyLong_AsByteArray((PyLongObject *)object, digits, size, 1, 1, 1) < 0)
#else
    if (_PyLong_AsByteArray((PyLongObject *)object, digits, size, 1, 1) < 0)
#endif
        q = NULL;
    /* bytes that only repeat the sign are left out */
    while (q != NULL && size > 1 &&
           (digits[size - 1] == 0xff ? digits[size - 2] >= 0x80
                                     : digits[size - 1] == 0 && digits[size - 2] < 0x80))
        size--;
    q = q == NULL ? NULL : mfi_pickle_long(&d->e, q, digits, size);
    if (digits != few)
        PyMem_RawFree(digits);
    return q;
}

char *mpk_save_long_far(struct mpk_dumper *d, char *q, PyObject *object) {
    int overflow;
    const long long number = PyLong_AsLongLongAndOverflow(object, &overflow);
    if (overflow == 0 && !(number == -1 && PyErr_Occurred()))
        return mfi_put_int(q, number);
    size_t most = mpk_long_most(object);
    if (most == 0) {
        if (mpk_settle(d) < 0 || mpk_keep(d, object) < 0)
            return NULL;
        PyObject *bits = PyObject_CallMethod(object, "bit_length", NULL);
        const size_t count = bits == NULL ? (size_t)-1 : PyLong_AsSize_t(bits);
        Py_XDECREF(bits);
        if (count == (size_t)-1)
            return NULL;
        most = count / 8 + 1;
    }
    if (most > INT32_MAX) {
        PyErr_SetString(PyExc_OverflowError, "int too large to pickle");
        return NULL;
    }
    return put_digits(d, q, object, most);
}

static char *put_bytes(struct mpk_dumper *d, char *q, PyObject *object, const void *data,
                       size_t size) {
    char header[9], *end;
    if (size <= 0xff)
        end = mfi_put_number(header, MFI_OP_SHORT_BINBYTES, size, 1);
    else if (size <= 0xffffffffu)
        end = mfi_put_number(header, MFI_OP_BINBYTES, size, 4);
    else if (d->e.protocol >= 4)
        end = mfi_put_number(header, MFI_OP_BINBYTES8, size, 8);
    else
        return refuse_size("bytes object");
    return put_payload(d, q, object, header, end, data, size);
}

/* Before protocol 3 bytes are a call: text, encoded. */
static char *save_bytes_as_call(struct mpk_dumper *d, char *q, PyObject *object) {
    if (mpk_settle(d) < 0)
        return NULL;
    if (PyBytes_GET_SIZE(object) == 0)
        return mpk_save_made(d, q, Py_BuildValue("(O())", &PyBytes_Type), object);
    PyObject *text =
        PyUnicode_DecodeLatin1(PyBytes_AS_STRING(object), PyBytes_GET_SIZE(object), "strict");
    if (text == NULL)
        return NULL;
    return mpk_save_made(
        d, q, Py_BuildValue("(O(NO))", d->state->codecs_encode, text, d->state->n[MPK_N_latin1]),
        object);
}

char *mpk_save_bytes(struct mpk_dumper *d, char *q, PyObject *object, size_t place) {
    if (d->e.protocol < 3)
        return save_bytes_as_call(d, q, object);
    CHECKED(put_bytes(d, q, object, PyBytes_AS_STRING(object), (size_t)PyBytes_GET_SIZE(object)));
    return mpk_store(d, q, object, place_again(d, object, place));
}

static char *put_bytearray(struct mpk_dumper *d, char *q, PyObject *object, const void *data,
                           size_t size) {
    char header[9];
    char *end = mfi_put_number(header, MFI_OP_BYTEARRAY8, size, 8);
    if (d->write == NULL || size < MFI_FRAME_FULL)
        return put_payload(d, q, object, header, end, data, size);
    /* the file is given bytes: they may not change under it */
    PyObject *bytes = PyBytes_FromStringAndSize(data, (Py_ssize_t)size);
    if (bytes == NULL || mpk_keep(d, object) < 0) {
        Py_XDECREF(bytes);
        return NULL;
    }
    q = put_payload(d, q, bytes, header, end, PyBytes_AS_STRING(bytes), size);
    Py_DECREF(bytes);
    return q;
}

char *mpk_save_bytearray(struct mpk_dumper *d, char *q, PyObject *object, size_t place) {
    if (d->e.protocol >= 5) {
        CHECKED(put_bytearray(d, q, object, PyByteArray_AS_STRING(object),
                              (size_t)PyByteArray_GET_SIZE(object)));
        return mpk_store(d, q, object, place_again(d, object, place));
    }
    if (mpk_settle(d) < 0)
        return NULL;
    if (PyByteArray_GET_SIZE(object) == 0)
        return mpk_save_made(d, q, Py_BuildValue("(O())", &PyByteArray_Type), object);
    PyObject *bytes = PyBytes_FromObject(object);
    return bytes == NULL
               ? NULL
               : mpk_save_made(d, q, Py_BuildValue("(O(N))", &PyByteArray_Type, bytes), object);
}

/* 1: the buffer goes with the stream; 0: the callback took it; -1: an exception. */
static int is_in_band(struct mpk_dumper *d, PyObject *object) {
    if (mpk_settle(d) < 0) /* also for who shows a buffer by code of his own */
        return -1;
    if (d->buffer_callback == NULL)
        return 1;
    PyObject *answer = PyObject_CallOneArg(d->buffer_callback, object);
    const int r = answer == NULL ? -1 : PyObject_IsTrue(answer);
    Py_XDECREF(answer);
    return r;
}

static char *save_view(struct mpk_dumper *d, char *q, PyObject *object, const Py_buffer *view) {
    if (view->suboffsets != NULL || !PyBuffer_IsContiguous(view, 'A')) {
        PyErr_SetString(d->state->PicklingError,
                        "PickleBuffer can not be pickled when pointing to a non-contiguous buffer");
        return NULL;
    }
    const bool readonly = view->readonly;
    const int in_band = is_in_band(d, object);
    if (in_band < 0)
        return NULL;
    if (in_band == 0) {
        q = mfi_put(q, MFI_OP_NEXT_BUFFER);
        return readonly ? mfi_put(q, MFI_OP_READONLY_BUFFER) : q;
    }
    Py_buffer held; /* the callback may have released it, and a file's write may yet */
    if (PyObject_GetBuffer(object, &held, PyBUF_FULL_RO) < 0)
        return NULL;
    q = readonly ? put_bytes(d, q, object, held.buf, (size_t)held.len)
                 : put_bytearray(d, q, object, held.buf, (size_t)held.len);
    PyBuffer_Release(&held);
    return q == NULL ? NULL : mpk_store(d, q, object, mpk_memo_place(d, object));
}

char *mpk_save_buffer(struct mpk_dumper *d, char *q, PyObject *object, size_t place) {
    (void)place;
    if (d->e.protocol < 5) {
        PyErr_SetString(d->state->PicklingError,
                        "PickleBuffer can only be pickled with protocol >= 5");
        return NULL;
    }
    Py_INCREF(object); /* the callback may drop it, and release it */
    const Py_buffer *view = PyPickleBuffer_GetBuffer(object);
    q = view == NULL ? NULL : save_view(d, q, object, view);
    if (q != NULL && mpk_keep(d, object) < 0)
        q = NULL;
    Py_DECREF(object);
    return q;
}
