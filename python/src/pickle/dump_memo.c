/* SPDX-License-Identifier: MIT
 *
 * The slow paths of the memo: growing, settling, letting go. What it promises stands in dump.h.
 */
#include "dump.h"

/* KEPT: as many entries of the list and the table, 2 MiB and 1 MiB, stay for the next dump. */
enum { FIRST_ORDER = 256, FIRST_LOG2 = 11, AHEAD = 16, KEPT = 1 << 18 };

int mpk_memo_grow_order(struct mpk_dumper *d) {
    const size_t capacity = d->capacity == 0 ? FIRST_ORDER : 2 * d->capacity;
    if (capacity > (size_t)1 << 31) {
        PyErr_SetString(PyExc_MemoryError, "more than 2**31 objects in one pickle");
        return -1;
    }
    uintptr_t *order = PyMem_RawRealloc(d->order, capacity * sizeof *order);
    if (order == NULL) {
        (void)PyErr_NoMemory();
        return -1;
    }
    d->order = order;
    d->capacity = capacity;
    return 0;
}

static void *address_of(uintptr_t entry) {
    return (void *)(entry & ~(uintptr_t)MPK_BITS);
}

/* Enters all that the table has, into an empty one. */
static void refill(struct mpk_dumper *d) {
    const size_t count = d->e.memo_count;
    d->used = 0;
    for (size_t i = 0; i < count; i++) {
        if (i + AHEAD < count)
            __builtin_prefetch(&d->table[mpk_memo_slot(d, address_of(d->order[i + AHEAD]))], 1);
        if ((d->order[i] & MPK_FOUND) == 0)
            continue;
        size_t at = mpk_memo_slot(d, address_of(d->order[i]));
        while (d->table[at] != 0)
            at = (at + 1) & d->mask;
        d->table[at] = d->base + (uint32_t)i;
        d->used++;
    }
}

/* An empty table of four times the size, or the first one. */
int mpk_memo_grow_table(struct mpk_dumper *d) {
    const int log2 = d->table == NULL ? FIRST_LOG2 : 64 - d->shift + 2;
    uint32_t *table = PyMem_RawCalloc((size_t)1 << log2, sizeof *table);
    if (table == NULL) {
        (void)PyErr_NoMemory();
        return -1;
    }
    PyMem_RawFree(d->table);
    d->table = table;
    d->shift = 64 - log2;
    d->mask = ((size_t)1 << log2) - 1;
    d->base = 1;
    refill(d);
    return 0;
}

void mpk_memo_cut(struct mpk_dumper *d) {
    if (d->e.memo_count == d->settled)
        return;
    d->e.memo_count = d->settled;
    memset(d->table, 0, (d->mask + 1) * sizeof *d->table);
    d->base = 1;
    refill(d);
}

static int enter(struct mpk_dumper *d, size_t number, void *object) {
    const size_t place = mpk_memo_place(d, object);
    d->order[number] = (uintptr_t)object | MPK_FOUND;
    d->table[place] = d->base + (uint32_t)number;
    return ++d->used * 2 > d->mask ? mpk_memo_grow_table(d) : 0;
}

/* The dict that an instance would have shown, had anybody asked. */
static int enter_dict(struct mpk_dumper *d, size_t number) {
    PyObject *dict = PyObject_GenericGetDict((PyObject *)address_of(d->order[number]), NULL);
    if (dict == NULL)
        return -1;
    d->order[number] = 0;
    return enter(d, number, dict); /* the reference is the memo's */
}

/* References first: making dicts may collect garbage, and so run finalizers. */
int mpk_settle_slow(struct mpk_dumper *d) {
    const size_t from = d->settled, to = d->e.memo_count;
    size_t dicts = 0;
    int entered = 0;
    d->settled = to;
    for (size_t i = from; i < to; i++) {
        const uintptr_t entry = d->order[i];
        if (entry == 0)
            continue;
        Py_INCREF((PyObject *)address_of(entry));
        dicts += (entry & MPK_DICT) != 0;
        if ((entry & MPK_BITS) == 0 && entered == 0)
            entered = enter(d, i, address_of(entry));
    }
    if (entered < 0)
        return -1;
    for (size_t i = from; dicts > 0 && i < to; i++)
        if ((d->order[i] & MPK_DICT) != 0) {
            PyObject *instance = (PyObject *)address_of(d->order[i]);
            const int r = enter_dict(d, i);
            if (r < 0)
                return -1;
            Py_DECREF(instance);
            dicts--;
        }
    return 0;
}

int mpk_keep(struct mpk_dumper *d, PyObject *object) {
    if (d->kept_count == d->kept_capacity) {
        const size_t capacity = d->kept_capacity == 0 ? 64 : 2 * d->kept_capacity;
        PyObject **kept = PyMem_RawRealloc(d->kept, capacity * sizeof *kept);
        if (kept == NULL) {
            (void)PyErr_NoMemory();
            return -1;
        }
        d->kept = kept;
        d->kept_capacity = capacity;
    }
    d->kept[d->kept_count++] = mpk_ref(object);
    return 0;
}

/* The numbers go on from where they were, so that the table needs no clearing. */
void mpk_memo_clear(struct mpk_dumper *d) {
    const size_t settled = d->settled, count = d->e.memo_count, kept = d->kept_count;
    uintptr_t *order = d->order;
    PyObject **held = d->kept;
    const size_t capacity = d->capacity, kept_capacity = d->kept_capacity;
    d->settled = d->e.memo_count = d->used = d->kept_count = 0;
    if (d->table != NULL && (d->mask > KEPT || d->base > UINT32_MAX / 4 || count > 1 << 30)) {
        PyMem_RawFree(d->table); /* a large one is not kept for small dumps to come */
        d->table = NULL;
    } else
        d->base += (uint32_t)count;
    if (settled == 0 && kept == 0 && capacity <= KEPT)
        return;
    /* letting go may run finalizers, which may come here again */
    d->order = NULL;
    d->kept = NULL;
    d->capacity = d->kept_capacity = 0;
    for (size_t i = 0; i < settled; i++)
        Py_XDECREF((PyObject *)address_of(order[i]));
    for (size_t i = 0; i < kept; i++)
        Py_DECREF(held[i]);
    if (d->order == NULL && capacity <= KEPT) {
        d->order = order;
        d->capacity = capacity;
    } else
        PyMem_RawFree(order);
    if (d->kept == NULL && kept_capacity <= KEPT) {
        d->kept = held;
        d->kept_capacity = kept_capacity;
    } else
        PyMem_RawFree(held);
}
