/* SPDX-License-Identifier: MIT
 *
 * States that are put into their instances at once, without a dict between.
 *
 * An instance's state comes as a dict that is filled and then taken apart again by BUILD. Most
 * instances of a class have the same attributes, said by the same numbers of the memo: a shape.
 * The first state of a kind takes the long way, and its shape is learned; where a later one has
 * exactly the same keys (the same objects), the values go from the stack to their places in the
 * instance.
 *
 * It is decided where a dict that is still empty, and that only the stack and the memo have, is
 * filled and BUILD follows. What the memo then has for the dict is a number (load.h): should the
 * pickle ask for the dict after all, it is made from the instance. So that it cannot tell, it is
 * made before anything else could change the instance: any code that is not ours, any other state.
 *
 * Invariant   a fold's instance had no attributes before, and has had no others since.
 *
 * Not here    a class with __setstate__, __getattr__, __getattribute__ or a __dict__ of its own; a
 *             slot with __setattr__; attributes that the class does not share. They take the long
 *             way, as all do where the layouts are not known.
 */
#define Py_BUILD_CORE 1
#include "load.h"

#include "internals_shape.h"

#if MPK_LAYOUTS

enum { MOST_SHAPES = 64, MOST_KEYS = 64, NOWHERE = -1 };

/* Tags of numbers in the memo. */
enum { FOLDED_DICT = 1, FOLDED_PAIR = 3, TAG_BITS = 2 };

struct place {
    PyObject *key;  /* as the pickle has it, owned: the state's dict would have had it */
    PyObject *name; /* the interned one, owned */
    size_t at;      /* among the values, or an offset in the object */
};

struct mpk_shape {
    struct mpk_shape *next;
    PyTypeObject *type; /* owned */
    unsigned version;
    bool in_slots;
    size_t count;
    struct place places[];
};

/* ---- learning -------------------------------------------------------------------------------- */

static bool is_usual(struct mpk_loader *l, PyTypeObject *type, bool in_slots) {
    PyObject *const *n = l->state->n;
    if ((type->tp_flags & Py_TPFLAGS_HEAPTYPE) == 0 ||
        type->tp_getattro != PyObject_GenericGetAttr || l->options.allow != NULL ||
        _PyType_Lookup(type, n[MPK_N___setstate__]) != NULL)
        return false;
    if (in_slots)
        return type->tp_setattro == PyObject_GenericSetAttr;
#if MPK_VALUES
    PyObject *dict = _PyType_Lookup(type, n[MPK_N___dict__]);
    return mpk_has_values(type) && dict != NULL && Py_IS_TYPE(dict, &PyGetSetDescr_Type);
#else
    return false;
#endif
}

static Py_ssize_t place_of(PyTypeObject *type, PyObject *name, bool in_slots) {
    if (in_slots)
        return mpk_slot_offset(type, name);
#if MPK_VALUES
    return mpk_value_place(type, name);
#else
    return NOWHERE;
#endif
}

static void free_shape(struct mpk_shape *shape) {
    for (size_t i = 0; i < shape->count; i++) {
        Py_DECREF(shape->places[i].key);
        Py_DECREF(shape->places[i].name);
    }
    Py_DECREF(shape->type);
    PyMem_Free(shape);
}

/* Whether all attributes have a place of their own. */
static bool find_places(struct mpk_shape *shape, PyObject *state, size_t count) {
    PyObject *key, *value;
    Py_ssize_t at = 0;
    while (PyDict_Next(state, &at, &key, &value)) {
        if (!PyUnicode_CheckExact(key) || shape->count == count)
            return false;
        PyObject *name = mpk_ref(key);
        PyUnicode_InternInPlace(&name);
        const Py_ssize_t place = place_of(shape->type, name, shape->in_slots);
        for (size_t i = 0; i < shape->count; i++)
            if (place < 0 || shape->places[i].at == (size_t)place) {
                Py_DECREF(name);
                return false;
            }
        if (place < 0) {
            Py_DECREF(name);
            return false;
        }
        shape->places[shape->count++] = (struct place){mpk_ref(key), name, (size_t)place};
    }
    return true;
}

void mpk_shape_learn(struct mpk_loader *l, PyObject *object, PyObject *state) {
    PyTypeObject *type = Py_TYPE(object);
    if (l->builds++ == 0) /* one alone is not worth it */
        return;
    const bool in_slots = PyTuple_CheckExact(state) && PyTuple_GET_SIZE(state) == 2 &&
                          PyTuple_GET_ITEM(state, 0) == Py_None;
    if (in_slots)
        state = PyTuple_GET_ITEM(state, 1);
    const size_t count = PyDict_CheckExact(state) ? (size_t)PyDict_GET_SIZE(state) : 0;
    if (count == 0 || count > MOST_KEYS || l->shape_count >= MOST_SHAPES ||
        !is_usual(l, type, in_slots) || mpk_type_version(type) == 0)
        return;
    struct mpk_shape *shape = PyMem_Malloc(sizeof *shape + count * sizeof *shape->places);
    if (shape == NULL)
        return;
    *shape = (struct mpk_shape){.next = l->shapes,
                                .type = (PyTypeObject *)mpk_ref((PyObject *)type),
                                .version = mpk_type_version(type),
                                .in_slots = in_slots};
    if (!find_places(shape, state, count)) {
        free_shape(shape);
        return;
    }
    l->shapes = shape;
    l->shape_count++;
}

void mpk_shape_forget_all(struct mpk_loader *l) {
    struct mpk_shape *shape = l->shapes;
    const size_t count = l->fold_count;
    l->shapes = NULL;
    l->shape_count = 0;
    l->fold_count = l->folds_settled = 0;
    for (size_t i = 0; i < count; i++)
        Py_XDECREF(l->folds[i].instance);
    while (shape != NULL) {
        struct mpk_shape *next = shape->next;
        free_shape(shape);
        shape = next;
    }
}

/* ---- folding --------------------------------------------------------------------------------- */

static bool has_keys(const struct mpk_shape *shape, const mfi_slot *pairs) {
    for (size_t i = 0; i < shape->count; i++)
        if (MPK_OBJECT(pairs[2 * i]) != shape->places[i].key)
            return false;
    return true;
}

static struct mpk_shape *find_shape(struct mpk_loader *l, PyTypeObject *type, bool in_slots,
                                    const mfi_slot *pairs, size_t count) {
    struct mpk_shape **at = &l->shapes, *shape;
    while ((shape = *at) != NULL && !(shape->type == type && shape->count == count &&
                                      shape->in_slots == in_slots && has_keys(shape, pairs)))
        at = &shape->next;
    if (shape == NULL || shape->version != mpk_type_version(type))
        return NULL;
    *at = shape->next; /* the next will be alike */
    shape->next = l->shapes;
    l->shapes = shape;
    return shape;
}

/* The number in the memo of the dict that is about to be filled; -1: it has none that is known. */
static Py_ssize_t number_of(const struct mfi_decoder *d, mfi_slot dict, uint64_t memo) {
    enum { NEAR = 8 };
    size_t number = d->memo_size;
    if (memo != UINT64_MAX) { /* where the memo was at the mark, as far as the mark tells */
        const uint64_t mask = UINT64_MAX >> MFI_MARK_HEIGHT;
        number = (size_t)(d->memo_count - ((d->memo_count - memo) & mask));
        return number > 0 && number <= d->memo_size && d->memo[number - 1] == dict
                   ? (Py_ssize_t)number - 1
                   : -1;
    }
    for (int i = 0; i < NEAR && number > 0; i++)
        if (d->memo[--number] == dict)
            return (Py_ssize_t)number;
    return -1;
}

static bool room_for_fold(struct mpk_loader *l) {
    if (MFI_LIKELY(l->fold_count < l->fold_capacity))
        return true;
    const size_t room = l->fold_capacity == 0 ? 64 : 2 * l->fold_capacity;
    struct mpk_fold *grown = PyMem_Realloc(l->folds, room * sizeof *grown);
    if (grown == NULL)
        return false;
    l->folds = grown;
    l->fold_capacity = room;
    return true;
}

static bool fill_slots(PyObject *object, const struct mpk_shape *shape, const mfi_slot *pairs) {
    char *base = (char *)object;
    for (size_t i = 0; i < shape->count; i++)
        if (*(PyObject **)(void *)(base + shape->places[i].at) != NULL)
            return false;
    for (size_t i = 0; i < shape->count; i++)
        *(PyObject **)(void *)(base + shape->places[i].at) = MPK_OBJECT(pairs[2 * i + 1]);
    return true;
}

static bool fill_values(PyObject *object, const struct mpk_shape *shape, const mfi_slot *pairs) {
#if MPK_VALUES
    PyDictValues *values = mpk_fresh_values(object);
    if (values == NULL)
        return false;
    for (size_t i = 0; i < shape->count; i++)
        if (shape->places[i].at >= mpk_value_room(values))
            return false;
    for (size_t i = 0; i < shape->count; i++)
        mpk_set_value(values, shape->places[i].at, MPK_OBJECT(pairs[2 * i + 1]));
    return true;
#else
    (void)object, (void)shape, (void)pairs;
    return false;
#endif
}

int mpk_shape_fold(struct mpk_loader *l, mfi_slot *pairs, size_t count, uint64_t memo,
                   const mfi_slot *fence, bool is_pair) {
    struct mfi_decoder *d = &l->d;
    const ptrdiff_t below = is_pair ? 3 : 2; /* the object, perhaps None, the dict */
    PyObject *dict = MPK_OBJECT(pairs[-1]);
    if (pairs - fence < below || !PyDict_CheckExact(dict) || PyDict_GET_SIZE(dict) != 0 ||
        Py_REFCNT(dict) != 2 || (is_pair && MPK_OBJECT(pairs[-2]) != Py_None))
        return 0;
    PyObject *object = MPK_OBJECT(pairs[-below]);
    struct mpk_shape *shape = find_shape(l, Py_TYPE(object), is_pair, pairs, count);
    if (shape == NULL || !room_for_fold(l))
        return 0;
    const Py_ssize_t number = number_of(d, pairs[-1], memo);
    const size_t pair_number = d->memo_size; /* what MEMOIZE will take, if nothing is strange */
    if (number < 0 ||
        (is_pair && (d->memo_count != pair_number || pair_number >= d->memo_capacity)))
        return 0;
    if (!(is_pair ? fill_slots : fill_values)(object, shape, pairs))
        return 0;
    l->folds[l->fold_count] = (struct mpk_fold){mpk_ref(object), shape, (size_t)number,
                                                is_pair ? pair_number : 0, is_pair};
    const mfi_slot tag = (mfi_slot)l->fold_count++ << TAG_BITS;
    d->memo[number] = tag | FOLDED_DICT;
    if (is_pair) {
        d->memo[d->memo_size++] = tag | FOLDED_PAIR;
        d->memo_count++;
        Py_DECREF(Py_None);
    }
    for (size_t i = 0; i < count; i++)
        Py_DECREF(MPK_OBJECT(pairs[2 * i]));
    Py_DECREF(dict);
    Py_DECREF(dict);
    return 1;
}

/* ---- unfolding ------------------------------------------------------------------------------- */

static PyObject *value_of(const struct mpk_fold *fold, size_t i) {
    const struct mpk_shape *shape = fold->shape;
    if (shape->in_slots)
        return *(PyObject **)(void *)((char *)fold->instance + shape->places[i].at);
#if MPK_VALUES
    PyObject *value = mpk_get_value(fold->instance, shape->places[i].at);
    if (value != NULL)
        return value;
    PyObject *dict = PyObject_GenericGetDict(fold->instance, NULL); /* somebody has looked */
    value = dict == NULL ? NULL : PyDict_GetItemWithError(dict, shape->places[i].name);
    Py_XDECREF(dict);
    return value;
#else
    return NULL;
#endif
}

static PyObject *state_of(const struct mpk_fold *fold) {
    PyObject *state = PyDict_New();
    for (size_t i = 0; state != NULL && i < fold->shape->count; i++) {
        PyObject *value = value_of(fold, i);
        if (value == NULL ? PyErr_Occurred() != NULL
                          : PyDict_SetItem(state, fold->shape->places[i].key, value) < 0)
            Py_CLEAR(state);
    }
    return state;
}

static void put_back(struct mpk_loader *l, size_t number, mfi_slot tag, PyObject *object) {
    if (number < l->d.memo_size && l->d.memo[number] == tag)
        l->d.memo[number] = MPK_SLOT(mpk_ref(object));
}

/* Gives the memo what it would have had. */
static int unfold(struct mpk_loader *l, size_t index) {
    struct mpk_fold *fold = &l->folds[index];
    const mfi_slot tag = (mfi_slot)index << TAG_BITS;
    if (fold->instance == NULL)
        return 0;
    PyObject *state = state_of(fold);
    PyObject *pair = state != NULL && fold->is_pair ? PyTuple_Pack(2, Py_None, state) : NULL;
    const bool made = state != NULL && (pair != NULL || !fold->is_pair);
    if (made) {
        put_back(l, fold->number, tag | FOLDED_DICT, state);
        if (fold->is_pair)
            put_back(l, fold->pair_number, tag | FOLDED_PAIR, pair);
    }
    Py_XDECREF(pair);
    Py_XDECREF(state);
    if (made)
        Py_CLEAR(fold->instance);
    return made ? 0 : -1;
}

int mpk_shape_settle_all(struct mpk_loader *l) {
    int r = 0;
    while (r == 0 && l->folds_settled < l->fold_count) {
        r = unfold(l, l->folds_settled);
        l->folds_settled += r == 0;
    }
    return r;
}

PyObject *mpk_shape_recall(struct mpk_loader *l, mfi_slot *stored) {
    const size_t index = *stored >> TAG_BITS;
    if (unfold(l, index) < 0)
        return NULL;
    return mpk_ref(MPK_OBJECT(*stored));
}

#else

void mpk_shape_learn(struct mpk_loader *l, PyObject *object, PyObject *state) {
    (void)l, (void)object, (void)state;
}

int mpk_shape_fold(struct mpk_loader *l, mfi_slot *pairs, size_t count, uint64_t memo,
                   const mfi_slot *fence, bool is_pair) {
    (void)l, (void)pairs, (void)count, (void)memo, (void)fence, (void)is_pair;
    return 0;
}

int mpk_shape_settle_all(struct mpk_loader *l) {
    (void)l;
    return 0;
}

PyObject *mpk_shape_recall(struct mpk_loader *l, mfi_slot *stored) {
    (void)l;
    return mpk_ref(MPK_OBJECT(*stored));
}

void mpk_shape_forget_all(struct mpk_loader *l) {
    (void)l;
}

#endif
