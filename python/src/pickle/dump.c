/* SPDX-License-Identifier: MIT
 *
 * Writing what is made of parts: lists, tuples, dicts, sets; and which way an object goes.
 *
 * After a part was written that may have run code of the user (`epoch` tells), nothing that was
 * read from the container before is trusted.
 */
#include "dump.h"

/* From Python 3.15 on no batch is empty, and the last item of a list or dict, alone in its batch,
 * has no mark. */
enum { TIGHT = PY_VERSION_HEX >= 0x030F0000 };

enum { AHEAD = 32 }; /* how far on objects are fetched into the cache */

char *mpk_save(struct mpk_dumper *d, char *q, PyObject *object) {
    return mpk_save_at(d, q, object, false);
}

/* A part that is held while it is written. */
static char *save_held(struct mpk_dumper *d, char *q, PyObject *object) {
    Py_INCREF(object);
    return mpk_release(d, mpk_save_at(d, q, object, false), object);
}

/* As many of the next `count` items as are ints, or floats, of which there tend to be many in a
 * row. Nothing runs meanwhile, so that the items and the buffer's end stay where they are. */
static char *save_numbers(struct mpk_dumper *d, char *q, PyObject *const *items, Py_ssize_t count,
                          Py_ssize_t *done) {
    const char *soft = d->e.soft;
    Py_ssize_t i = 0;
    int64_t number;
    for (; i < count && q < soft; i++) {
        PyObject *item = items[i];
        if (i + AHEAD < count)
            __builtin_prefetch(items[i + AHEAD]);
        if (MFI_LIKELY(Py_IS_TYPE(item, &PyLong_Type) && mpk_small_int(item, &number)))
            q = mfi_put_int(q, number);
        else if (Py_IS_TYPE(item, &PyFloat_Type))
            q = mfi_put_float(q, PyFloat_AS_DOUBLE(item));
        else
            break;
    }
    *done = i;
    return q;
}

static bool is_number(const PyObject *object) {
    return Py_TYPE(object) == &PyLong_Type || Py_TYPE(object) == &PyFloat_Type;
}

char *mpk_save_list(struct mpk_dumper *d, char *q, PyObject *object, size_t place) {
    const PyListObject *list = (PyListObject *)object;
    q = mfi_put(q, MFI_OP_EMPTY_LIST);
    CHECKED(mpk_store(d, q, object, place));
    const Py_ssize_t size = Py_SIZE(list);
    if (size == 0)
        return q;
    if (size == 1) {
        CHECKED(mpk_save_at(d, q, list->ob_item[0], true));
        return mfi_put(mpk_fit(d, q), MFI_OP_APPEND);
    }
    Py_ssize_t i = 0;
    do {
        const Py_ssize_t stop = i + MFI_BATCH;
        if (TIGHT && i == Py_SIZE(list) - 1) {
            CHECKED(mpk_save_at(d, q, list->ob_item[i++], true));
            CHECKED(mpk_fit(d, q));
            q = mfi_put(q, MFI_OP_APPEND);
            continue;
        }
        CHECKED(mpk_fit(d, q));
        q = mfi_put(q, MFI_OP_MARK);
        while (i < Py_SIZE(list) && i < stop) {
            PyObject *const *items = list->ob_item + i;
            if (is_number(items[0]) && !d->watched) {
                Py_ssize_t done;
                q = save_numbers(d, q, items, (Py_SIZE(list) < stop ? Py_SIZE(list) : stop) - i,
                                 &done);
                i += done;
                if (done > 0)
                    continue;
            }
            if (i + 8 < Py_SIZE(list))
                __builtin_prefetch(items[8]);
            i++;
            CHECKED(mpk_save_at(d, q, items[0], true));
        }
        CHECKED(mpk_fit(d, q));
        q = mfi_put(q, MFI_OP_APPENDS);
    } while (i < Py_SIZE(list));
    return q;
}

static char *let_go(struct mpk_dumper *d, char *q, PyObject *object) {
    if (MFI_UNLIKELY(q == NULL))
        mpk_memo_cut(d);
    Py_DECREF(object);
    return q;
}

/* It was met again among its own items: it is in the memo, and what was written is dropped. */
static char *drop_items(struct mpk_dumper *d, char *q, Py_ssize_t size, size_t place) {
    if (size > 3 || d->e.protocol < 2) {
        q = mfi_put(q, d->e.protocol >= 1 ? MFI_OP_POP_MARK : MFI_OP_POP);
        size = d->e.protocol >= 1 ? 0 : size;
    }
    for (; size > 0; size--) {
        CHECKED(mpk_fit(d, q));
        q = mfi_put(q, MFI_OP_POP);
    }
    return mpk_put_get(d, q, mpk_memo_number(d, place));
}

char *mpk_save_tuple(struct mpk_dumper *d, char *q, PyObject *object, size_t place) {
    static const char ops[] = {0, (char)MFI_OP_TUPLE1, (char)MFI_OP_TUPLE2, (char)MFI_OP_TUPLE3};
    const Py_ssize_t size = PyTuple_GET_SIZE(object);
    const bool lone = place == MPK_NOWHERE, marked = size > 3 || d->e.protocol < 2;
    const uint32_t epoch = d->epoch;
    if (size == 0 && d->e.protocol >= 1)
        return mfi_put(q, MFI_OP_EMPTY_TUPLE);
    if (marked)
        q = mfi_put(q, MFI_OP_MARK);
    if (size == 0)
        return mfi_put(q, MFI_OP_TUPLE);
    Py_INCREF(object); /* not in the memo yet, so that nothing else holds it */
    for (Py_ssize_t i = 0; i < size && q != NULL; i++)
        q = lone ? mpk_save_at(d, q, PyTuple_GET_ITEM(object, i), true)
                 : save_held(d, q, PyTuple_GET_ITEM(object, i));
    if (q != NULL)
        q = mpk_fit(d, q);
    if (q == NULL)
        return let_go(d, q, object);
    if (!lone || epoch != d->epoch) {
        place = mpk_memo_place(d, object);
        if (mpk_memo_has(d, place)) {
            q = drop_items(d, q, size, place);
            return let_go(d, q, object);
        }
    }
    q = mfi_put(q, marked ? MFI_OP_TUPLE : (enum mfi_opcode)(unsigned char)ops[size]);
    q = mpk_store(d, q, object, place);
    /* Dropped here, it would have to be settled; nobody does that in the memo's invariant. */
    if (MFI_UNLIKELY(Py_REFCNT(object) == 1) && (mpk_keep(d, object) < 0))
        q = NULL;
    return let_go(d, q, object);
}

static char *refuse_change(const char *what) {
    PyErr_Format(PyExc_RuntimeError, "%s changed size during iteration", what);
    return NULL;
}

/* A batch of pairs by the public interface; *position as PyDict_Next() has it. */
static char *save_batch(struct mpk_dumper *d, char *q, PyObject *dict, Py_ssize_t *position,
                        int *count) {
    PyObject *key, *value;
    while (*count < MFI_BATCH && PyDict_Next(dict, position, &key, &value)) {
        const uint32_t epoch = d->epoch;
        Py_INCREF(key);
        Py_INCREF(value);
        /* instances may share it, so it is not lone */
        q = mpk_release(d, mpk_save_at(d, q, key, false), key);
        if (q != NULL && epoch == d->epoch) { /* the dict still holds the value */
            Py_DECREF(value);
            q = mpk_save_at(d, q, value, true);
        } else {
            q = mpk_release(d, q == NULL ? NULL : mpk_save_at(d, q, value, false), value);
        }
        if (q == NULL)
            return NULL;
        ++*count;
    }
    return q;
}

#if MPK_INTERNALS
/* Begins a batch straight from the table of a dict, as far as nobody interferes. */
static char *save_table(struct mpk_dumper *d, char *q, PyObject *dict, Py_ssize_t *position,
                        int *count) {
    const struct mpk_keys *keys = mpk_dict_keys(dict);
    const uint32_t epoch = d->epoch;
    if (keys == NULL || d->watched)
        return q;
    const bool text = mpk_keys_text(keys);
    const char *entries = (const char *)mpk_keys_entries(keys);
    const size_t width = text ? sizeof(struct mpk_text_entry) : sizeof(struct mpk_entry);
    if (!text)
        entries += offsetof(struct mpk_entry, key);
    const Py_ssize_t end = keys->count;
    for (Py_ssize_t i = *position; i < end && *count < MFI_BATCH; i++) {
        const struct mpk_text_entry *entry =
            (const struct mpk_text_entry *)(entries + (size_t)i * width);
        if (entry->value == NULL) {
            *position = i + 1;
            continue;
        }
        /* Other keys may run code, and so may a full buffer; then the value must be held. */
        if (MFI_UNLIKELY(!mpk_is_short(entry->key) && Py_TYPE(entry->key) != &PyLong_Type))
            return q;
        if (MFI_UNLIKELY(q >= d->e.soft)) {
            CHECKED(mfi_pickle_slow(&d->e, q));
            if (epoch != d->epoch)
                return q;
        }
        if (i + 4 < end) {
            const struct mpk_text_entry *next =
                (const struct mpk_text_entry *)(entries + (size_t)(i + 4) * width);
            __builtin_prefetch(next->key);
            __builtin_prefetch(next->value);
        }
        *position = i + 1;
        ++*count;
        PyObject *value = entry->value;
        CHECKED(mpk_save_at(d, q, entry->key, true));
        CHECKED(mpk_save_at(d, q, value, true));
        if (MFI_UNLIKELY(epoch != d->epoch))
            return q;
    }
    return q;
}
#endif

char *mpk_save_pairs(struct mpk_dumper *d, char *q, PyObject *dict) {
    const Py_ssize_t size = PyDict_GET_SIZE(dict);
    Py_ssize_t position = 0, left = size;
    bool single = size == 1;
    int count;
    if (size == 0)
        return q;
    do {
        count = single ? MFI_BATCH - 1 : 0;
        if (!single) {
            CHECKED(mpk_fit(d, q));
            q = mfi_put(q, MFI_OP_MARK);
        }
#if MPK_INTERNALS
        CHECKED(save_table(d, q, dict, &position, &count));
#endif
        CHECKED(save_batch(d, q, dict, &position, &count));
        CHECKED(mpk_fit(d, q));
        q = mfi_put(q, single ? MFI_OP_SETITEM : MFI_OP_SETITEMS);
        if ((single && count != MFI_BATCH) || (size != 1 && PyDict_GET_SIZE(dict) != size))
            return refuse_change("dictionary");
        left -= MFI_BATCH;
        if (single || (TIGHT && left <= 0))
            break;
        single = TIGHT && left == 1;
    } while (count == MFI_BATCH);
    return q;
}

char *mpk_save_dict(struct mpk_dumper *d, char *q, PyObject *object, size_t place) {
    q = mfi_put(q, MFI_OP_EMPTY_DICT);
    CHECKED(mpk_store(d, q, object, place));
    return mpk_save_pairs(d, q, object);
}

/* The next key of a set, borrowed; NULL: that was all. */
static PyObject *next_key(PyObject *set, Py_ssize_t *position) {
    const PySetObject *s = (const PySetObject *)set;
    while (*position <= s->mask) {
        const setentry *entry = &s->table[(*position)++];
        if (entry->key != NULL && entry->hash != -1) /* -1: one that was taken out */
            return entry->key;
    }
    return NULL;
}

char *mpk_save_set(struct mpk_dumper *d, char *q, PyObject *object, size_t place) {
    q = mfi_put(q, MFI_OP_EMPTY_SET);
    CHECKED(mpk_store(d, q, object, place));
    const Py_ssize_t size = PySet_GET_SIZE(object);
    Py_ssize_t position = 0, left = size;
    if (size == 0)
        return q;
    int count;
    do {
        CHECKED(mpk_fit(d, q));
        q = mfi_put(q, MFI_OP_MARK);
        PyObject *key;
        for (count = 0; count < MFI_BATCH && (key = next_key(object, &position)) != NULL; count++)
            CHECKED(mpk_save_at(d, q, key, true));
        CHECKED(mpk_fit(d, q));
        q = mfi_put(q, MFI_OP_ADDITEMS);
        if (PySet_GET_SIZE(object) != size)
            return refuse_change("set");
        left -= MFI_BATCH;
    } while (count == MFI_BATCH && !(TIGHT && left <= 0));
    return q;
}

/* As a tuple, it is written after its items. */
char *mpk_save_frozenset(struct mpk_dumper *d, char *q, PyObject *object, size_t place) {
    const bool lone = place == MPK_NOWHERE;
    const uint32_t epoch = d->epoch;
    Py_ssize_t position = 0;
    PyObject *key;
    q = mfi_put(q, MFI_OP_MARK);
    Py_INCREF(object);
    while (q != NULL && (key = next_key(object, &position)) != NULL)
        q = lone ? mpk_save_at(d, q, key, true) : save_held(d, q, key);
    if (q != NULL)
        q = mpk_fit(d, q);
    if (q != NULL && (!lone || epoch != d->epoch))
        place = mpk_memo_place(d, object);
    if (q != NULL && place != MPK_NOWHERE && mpk_memo_has(d, place))
        q = mpk_put_get(d, mfi_put(q, MFI_OP_POP_MARK), mpk_memo_number(d, place));
    else if (q != NULL) {
        q = mpk_store(d, mfi_put(q, MFI_OP_FROZENSET), object, place);
        if (Py_REFCNT(object) == 1 && mpk_keep(d, object) < 0)
            q = NULL;
    }
    return let_go(d, q, object);
}

/* The stack of the thread is what bounds the depth, and not a count. */
bool mpk_is_too_deep(const struct mpk_dumper *d) {
    if (MFI_LIKELY((char *)__builtin_frame_address(0) > d->floor))
        return false;
    PyErr_SetString(PyExc_RecursionError,
                    "maximum recursion depth exceeded while pickling an object");
    return true;
}

/* What is neither a str nor a number. */
char *mpk_save_other(struct mpk_dumper *d, char *q, PyObject *object, bool owned) {
    const PyTypeObject *type = Py_TYPE(object);
    size_t place = MPK_NOWHERE;
    if (!(owned && mpk_is_lone(object))) {
        place = mpk_memo_place(d, object);
        if (mpk_memo_has(d, place))
            return mpk_put_get(d, q, mpk_memo_number(d, place));
    }
    if (mpk_is_too_deep(d))
        return NULL;
    if (type == &PyTuple_Type)
        return mpk_save_tuple(d, q, object, place);
    if (type == &PyList_Type)
        return mpk_save_list(d, q, object, place);
    if (type == &PyDict_Type)
        return place == MPK_NOWHERE ? mpk_save_dict(d, q, object, place)
                                    : mpk_save_shared_dict(d, q, object, place);
    if (type == &PyBytes_Type)
        return mpk_save_bytes(d, q, object, place);
    if (type == &PySet_Type && d->e.protocol >= 4)
        return mpk_save_set(d, q, object, place);
    if (type == &PyFrozenSet_Type && d->e.protocol >= 4)
        return mpk_save_frozenset(d, q, object, place);
    if (type == &PyByteArray_Type)
        return mpk_save_bytearray(d, q, object, place);
    if (type == &PyPickleBuffer_Type)
        return mpk_save_buffer(d, q, object, place);
    return mpk_save_object(d, q, object, owned);
}
