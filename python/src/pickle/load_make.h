/* SPDX-License-Identifier: MIT
 *
 * The objects that pickles consist of for the most part, made where the machine is inlined.
 */
#ifndef MPK_LOAD_MAKE_H
#define MPK_LOAD_MAKE_H

#include "internals_load.h"
#include "load.h"

static inline mfi_slot make_none(void *c) {
    (void)c;
    return MPK_SLOT(mpk_ref(Py_None));
}

static inline mfi_slot make_bool(void *c, bool value) {
    (void)c;
    return MPK_SLOT(mpk_ref(value ? Py_True : Py_False));
}

static inline mfi_slot make_int(void *c, int64_t value) {
    (void)c;
    return MPK_SLOT(mpk_new_int(value));
}

static inline mfi_slot make_float(void *c, double value) {
    (void)c;
    return MPK_SLOT(mpk_new_float(value));
}

/* Whether all of at least one byte is ASCII. */
static inline bool all_ascii(const char *text, size_t size) {
    const uint64_t high = 0x8080808080808080u;
    uint64_t all = 0, word;
    if (size < 8) {
        for (size_t i = 0; i < size; i++)
            all |= (unsigned char)text[i];
        return all < 0x80;
    }
    for (size_t i = 0; i + 8 <= size; i += 8) {
        memcpy(&word, text + i, 8);
        all |= word;
    }
    memcpy(&word, text + size - 8, 8);
    return ((all | word) & high) == 0;
}

static inline mfi_slot make_str(void *c, const char *text, size_t size, const uint8_t *end) {
    (void)c, (void)end;
    if (MFI_LIKELY(size > 1 && all_ascii(text, size)))
        return MPK_SLOT(mpk_new_ascii(text, size));
    return MPK_SLOT(mpk_new_text(text, size));
}

/* New ones also of a single byte, as CPython's unpickler makes them: who dumps them again finds as
 * many objects as there were. */
static inline mfi_slot make_bytes(void *c, const char *data, size_t size) {
    (void)c;
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)size);
    if (MFI_LIKELY(bytes != NULL))
        memcpy(PyBytes_AS_STRING(bytes), data, size);
    return MPK_SLOT(bytes);
}

static inline mfi_slot make_list(void *c, const mfi_slot *items, size_t count) {
    (void)c;
    PyObject *list = PyList_New(0);
    if (count == 0)
        return MPK_SLOT(list);
    if (list == NULL)
        mpk_drop_items(items, count);
    else if (mpk_list_take(list, mpk_objects(items), count) < 0)
        Py_CLEAR(list);
    return MPK_SLOT(list);
}

static inline mfi_slot make_tuple(void *c, const mfi_slot *items, size_t count) {
    (void)c;
    PyObject *tuple = mpk_new_tuple(mpk_objects(items), count);
    if (MFI_UNLIKELY(tuple == NULL))
        mpk_drop_items(items, count);
    return MPK_SLOT(tuple);
}

static inline mfi_slot make_dict(void *c) {
    (void)c;
    return MPK_SLOT(PyDict_New());
}

static inline int append_items(void *c, mfi_slot list, const mfi_slot *items, size_t count) {
    if (MFI_LIKELY(PyList_CheckExact(MPK_OBJECT(list))))
        return mpk_list_take(MPK_OBJECT(list), mpk_objects(items), count);
    return mpk_load_append(c, MPK_OBJECT(list), items, count);
}

static inline int set_items(void *c, mfi_slot dict, const mfi_slot *pairs, size_t count) {
    if (MFI_LIKELY(PyDict_CheckExact(MPK_OBJECT(dict)) &&
                   mpk_shape_settle_for(c, pairs, count, 2) == 0))
        return mpk_dict_take_fast(MPK_OBJECT(dict), (PyObject **)(uintptr_t)pairs, count);
    return mpk_load_set_items(c, MPK_OBJECT(dict), pairs, count);
}

static inline mfi_slot hold(void *c, mfi_slot slot) {
    (void)c;
    Py_INCREF(MPK_OBJECT(slot));
    return slot;
}

static inline mfi_slot recall(void *c, mfi_slot *stored) {
    if (MFI_UNLIKELY(*stored & 1))
        return MPK_SLOT(mpk_shape_recall(c, stored));
    return hold(c, *stored);
}

static inline int drop(void *c, mfi_slot slot, mfi_slot below) {
    (void)c, (void)below;
    if (MFI_LIKELY((slot & 1) == 0))
        Py_DECREF(MPK_OBJECT(slot));
    return 0;
}

static inline void stored(void *c, mfi_slot slot) {
    (void)c, (void)slot;
}

/* BUILD, after a dict, or after the pair of None and a dict, was filled. */
static inline int fold(void *c, struct mfi_cursor *k, mfi_slot *pairs, size_t count, uint64_t memo,
                       const mfi_slot *fence) {
    struct mpk_loader *l = c;
    const size_t left = (size_t)(l->d.end - k->at);
    if (left == 0 || (*k->at != MFI_OP_BUILD && *k->at != MFI_OP_TUPLE2) || l->shapes == NULL)
        return 0;
    const bool is_pair = *k->at == MFI_OP_TUPLE2;
    if (is_pair && (left < 3 || k->at[1] != MFI_OP_MEMOIZE || k->at[2] != MFI_OP_BUILD))
        return 0;
    if (!mpk_shape_fold(l, pairs, count, memo, fence, is_pair))
        return 0;
    k->at += is_pair ? 3 : 1;
    k->sp = pairs - (is_pair ? 2 : 1);
    return 1;
}

#endif
