/* SPDX-License-Identifier: MIT
 *
 * The loop over a pickle's opcodes: the machine of object/machine.h with functions that build
 * Python's objects. What happens often is inlined into it (load_make.h).
 */
#include "load_make.h"

#include "object/machine.h"
#include <stdarg.h>
#include <stdio.h>

void mpk_drop_items(const mfi_slot *items, size_t count) {
    for (size_t i = 0; i < count; i++)
        Py_DECREF(MPK_OBJECT(items[i]));
}

int mpk_load_fail(struct mpk_loader *l, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(l->reason, sizeof l->reason, format, arguments);
    va_end(arguments);
    return -1;
}

/* ---- what is made seldom --------------------------------------------------------------------- */

static mfi_slot make_long(void *c, const uint8_t *bytes, size_t size) {
    (void)c;
    return MPK_SLOT(mpk_new_long(bytes, size));
}

static mfi_slot make_long_text(void *c, const char *text, size_t size) {
    struct mpk_loader *l = c;
    PyObject *value = NULL;
    char *copy = PyMem_Malloc(size + 1);
    if (copy != NULL) {
        memcpy(copy, text, size);
        copy[size] = '\0';
        value = PyLong_FromString(copy, NULL, (l->d.ways & MFI_WAY_DECIMAL) != 0 ? 10 : 0);
        PyMem_Free(copy);
    }
    if (value == NULL && (!PyErr_Occurred() || PyErr_ExceptionMatches(PyExc_ValueError))) {
        PyErr_Clear();
        l->d.fault = text[0] == '\n' ? MFI_FAULT_PICKLE : MFI_FAULT_TEXT;
        (void)mpk_load_fail(l,
                            "\"%s\" is no whole number, or has more digits than "
                            "sys.get_int_max_str_digits() lets pass",
                            mfi_quote(text, size).text);
    }
    return MPK_SLOT(value);
}

static mfi_slot make_old_str(void *c, const char *data, size_t size) {
    const struct mpk_load_options *options = &((struct mpk_loader *)c)->options;
    if (strcmp(options->encoding, "bytes") == 0)
        return MPK_SLOT(PyBytes_FromStringAndSize(data, (Py_ssize_t)size));
    return MPK_SLOT(PyUnicode_Decode(data, (Py_ssize_t)size, options->encoding, options->errors));
}

static mfi_slot make_bytearray(void *c, const char *data, size_t size) {
    (void)c;
    return MPK_SLOT(PyByteArray_FromStringAndSize(data, (Py_ssize_t)size));
}

static mfi_slot make_set(void *c) {
    (void)c;
    return MPK_SLOT(PySet_New(NULL));
}

static int fill_set(struct mpk_loader *l, PyObject *set, const mfi_slot *items, size_t count) {
    int r = set == NULL ? -1 : mpk_shape_settle_for(l, items, count, 1);
    for (size_t i = 0; i < count; i++) {
        if (r == 0)
            r = PySet_Add(set, MPK_OBJECT(items[i]));
        Py_DECREF(MPK_OBJECT(items[i]));
    }
    return r;
}

static mfi_slot make_frozenset(void *c, const mfi_slot *items, size_t count) {
    PyObject *set = PyFrozenSet_New(NULL);
    if (fill_set(c, set, items, count) < 0)
        Py_CLEAR(set);
    return MPK_SLOT(set);
}

static int add_items(void *c, mfi_slot set, const mfi_slot *items, size_t count) {
    if (PySet_Check(MPK_OBJECT(set)))
        return fill_set(c, MPK_OBJECT(set), items, count);
    return mpk_load_add_items(c, MPK_OBJECT(set), items, count);
}

static mfi_slot make_global(void *c, mfi_slot module, mfi_slot name, uint64_t offset) {
    ((struct mpk_loader *)c)->offset = offset;
    return mpk_load_global(c, MPK_OBJECT(module), MPK_OBJECT(name));
}

static mfi_slot make_extension(void *c, uint32_t code, uint64_t offset) {
    (void)offset;
    return mpk_load_extension(c, code);
}

static mfi_slot make_call(void *c, mfi_slot callable, mfi_slot arguments, uint64_t offset) {
    ((struct mpk_loader *)c)->offset = offset;
    return mpk_load_reduce(c, MPK_OBJECT(callable), MPK_OBJECT(arguments));
}

static mfi_slot make_newobj(void *c, mfi_slot cls, mfi_slot arguments, mfi_slot keywords) {
    return mpk_load_newobj(c, MPK_OBJECT(cls), MPK_OBJECT(arguments), MPK_OBJECT(keywords));
}

static mfi_slot make_instance(void *c, mfi_slot cls, const mfi_slot *items, size_t count) {
    return mpk_load_instance(c, MPK_OBJECT(cls), items, count);
}

static int build(void *c, mfi_slot object, mfi_slot state) {
    return mpk_load_build(c, MPK_OBJECT(object), MPK_OBJECT(state));
}

static mfi_slot make_persistent(void *c, mfi_slot id) {
    return mpk_load_persistent(c, MPK_OBJECT(id));
}

static mfi_slot make_buffer(void *c) {
    return mpk_load_buffer(c);
}

static mfi_slot make_readonly(void *c, mfi_slot buffer) {
    return mpk_load_readonly(c, MPK_OBJECT(buffer));
}

static int why(void *c, const char **ret) {
    *ret = ((struct mpk_loader *)c)->reason;
    return MAYFLY_E_PICKLE;
}

static const struct mfi_builder objects = {MFI_BUILT_BY_THEIR_NAMES, .fold = fold};

/* ---- one pickle ------------------------------------------------------------------------------ */

void mpk_loader_init(struct mpk_loader *l, struct mpk_state *state, const char *operation) {
    memset(l, 0, sizeof *l);
    l->state = state;
    l->d.bytes = &l->bytes;
    l->d.max_bytes = UINT64_MAX / 2;
    l->d.max_marks = UINT64_MAX / 2;
    l->d.operation = operation;
    l->d.ways = state->ways;
    l->d.error = &l->error;
}

/* The exception for what the machine found wrong, as far as there is none yet. */
static void raise_failure(struct mpk_loader *l) {
    PyObject *type = l->state->UnpicklingError;
    if (PyErr_Occurred())
        return;
    if (l->d.code == -ENOMEM || l->d.code == MAYFLY_E_LIMIT) {
        PyErr_NoMemory();
        return;
    }
    switch (l->d.fault) {
    case MFI_FAULT_END:
        type = PyExc_EOFError;
        break;
    case MFI_FAULT_TEXT:
    case MFI_FAULT_PROTOCOL:
        type = PyExc_ValueError;
        break;
    case MFI_FAULT_SIZE:
        type = PyExc_OverflowError;
        break;
    case MFI_FAULT_PICKLE:
        break;
    }
    PyObject *message =
        PyUnicode_DecodeUTF8(l->error.message, (Py_ssize_t)strlen(l->error.message), "replace");
    if (message != NULL)
        PyErr_SetObject(type, message);
    Py_XDECREF(message);
}

PyObject *mpk_loader_run(struct mpk_loader *l) {
    mfi_slot slot = 0;
    l->d.protocol = 0;
    l->d.code = 0;
    l->d.fault = MFI_FAULT_PICKLE;
    l->error.code = 0;
    l->error.message[0] = '\0';
    l->reason[0] = '\0';
    const int r = mfi_decode(&l->d, &objects, l, &l->k, &slot);
    const mfi_slot *above = l->k.sp;
    if (r < 0)
        raise_failure(l);
    else
        above--; /* the result, at the top */
    while (l->d.stack != NULL && MFI_UNLIKELY(above > l->d.stack))
        Py_DECREF(MPK_OBJECT(*--above));
    return r < 0 ? NULL : MPK_OBJECT(slot);
}

/* Destructors may run, and may look at the memo by an Unpickler: what is dropped is no longer in
 * it. */
static void forget_memo(struct mpk_loader *l) {
    struct mfi_decoder *d = &l->d;
    mfi_slot *memo = d->memo;
    const size_t size = d->memo_size, capacity = d->memo_capacity;
    struct mfi_map sparse = d->sparse;
    d->memo = NULL;
    d->memo_size = d->memo_capacity = 0;
    d->memo_count = 0;
    d->sparse = (struct mfi_map){0};
    for (size_t i = 0; i < size; i++) {
        enum { AHEAD = 8 };
        if (i + AHEAD < size)
            __builtin_prefetch(MPK_OBJECT(memo[i + AHEAD] & ~(mfi_slot)1));
        if (memo[i] != 0)
            (void)drop(NULL, memo[i], 0);
    }
    for (size_t i = 0; sparse.slots != NULL && i <= sparse.mask; i++)
        if (sparse.slots[2 * i] != 0 && sparse.slots[2 * i + 1] != 0)
            (void)drop(NULL, sparse.slots[2 * i + 1], 0);
    if (MFI_UNLIKELY(sparse.slots != NULL))
        mfi_map_free(&sparse);
    if (d->memo == NULL) {
        d->memo = memo;
        d->memo_capacity = capacity;
    } else {
        mfi_pages_release(memo, capacity * sizeof *memo);
    }
}

void mpk_loader_forget(struct mpk_loader *l) {
    forget_memo(l);
    mpk_shape_forget(l);
}

void mpk_loader_end(struct mpk_loader *l) {
    mpk_loader_forget(l);
    mpk_file_end(l);
    Py_CLEAR(l->find_class);
    Py_CLEAR(l->persistent_load);
    mpk_load_options_end(&l->options);
    mfi_decoder_free(&l->d);
    PyMem_Free(l->folds);
    l->d.stack = l->d.limit = NULL;
    l->d.marks = NULL;
    l->d.memo = NULL;
    l->d.memo_capacity = l->d.mark_room = l->d.mark_capacity = 0;
    l->folds = NULL;
    l->fold_capacity = 0;
}
