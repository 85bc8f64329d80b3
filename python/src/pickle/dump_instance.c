/* SPDX-License-Identifier: MIT
 *
 * Instances whose class leaves it to object how they are pickled: copyreg's __newobj__, and their
 * attributes as state. What object would say is written straight from where the attributes are.
 *
 * What was found out about a class holds as long as its version does. What is not in the version
 * is asked again after code of the user ran: copyreg's table, and whether an attribute of the
 * instance is in the way of a method.
 */
#include "dump.h"

#include <structmember.h>

#if MPK_INTERNALS

enum { CLASSES = 256, SLOTS = 24 };

enum kind {
    KIND_OTHER,
    KIND_PLAIN,   /* nothing of its own */
    KIND_REDUCES, /* __reduce__ of its own, and nothing else */
};

struct mpk_class {
    PyTypeObject *type; /* not held: with another type here the version is another */
    unsigned version;
    uint8_t kind;
    uint8_t has_dict;
    uint32_t users;             /* instances under way that go by it: it stays as it is */
    uint32_t epoch, keys_epoch; /* when copyreg's table, and the keys, were asked */
    const void *keys;
    Py_ssize_t keys_count;
    int slots;
    Py_ssize_t offsets[SLOTS];
    PyObject *names[SLOTS]; /* held */
};

static bool is_objects_own(PyTypeObject *type, PyObject *name) {
    return _PyType_Lookup(type, name) == _PyType_Lookup(&PyBaseObject_Type, name);
}

/* Slots as copyreg lists them: a list or None; borrowed. NULL: not to be had. */
static PyObject *slot_names(struct mpk_dumper *d, PyTypeObject *type) {
    PyObject *name = d->state->n[MPK_N___slotnames__];
    PyObject *own =
        PyType_HasFeature(type, Py_TPFLAGS_HEAPTYPE) ? _PyType_Lookup(type, name) : NULL;
    if (own == NULL || PyDict_GetItemWithError(type->tp_dict, name) != own) {
        PyObject *made = PyObject_CallOneArg(d->state->slotnames, (PyObject *)type);
        if (made == NULL)
            return NULL;
        const int r = mpk_keep(d, made);
        Py_DECREF(made);
        return r < 0 ? NULL : made;
    }
    return own;
}

static bool find_slots(struct mpk_dumper *d, struct mpk_class *class, PyTypeObject *type) {
    PyObject *names = slot_names(d, type);
    if (names == NULL || names == Py_None)
        return names != NULL;
    if (!PyList_CheckExact(names) || PyList_GET_SIZE(names) > SLOTS)
        return false;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(names); i++) {
        PyObject *name = PyList_GET_ITEM(names, i);
        PyObject *slot = PyUnicode_CheckExact(name) ? _PyType_Lookup(type, name) : NULL;
        if (slot == NULL || !Py_IS_TYPE(slot, &PyMemberDescr_Type))
            return false;
        const PyMemberDef *member = ((PyMemberDescrObject *)slot)->d_member;
        if (member->type != T_OBJECT_EX || !PyType_IsSubtype(type, PyDescr_TYPE(slot)))
            return false;
        class->names[i] = mpk_ref(name);
        class->offsets[i] = member->offset;
        class->slots = (int)i + 1;
    }
    return true;
}

/* What object's own __reduce_ex__ wants to see before it agrees. */
static bool has_known_size(const struct mpk_class *class, const PyTypeObject *type) {
    Py_ssize_t size =
        PyBaseObject_Type.tp_basicsize + class->slots * (Py_ssize_t)sizeof(PyObject *);
#if MPK_FIELDS
    if (type->tp_dictoffset > 0)
#else
    if (type->tp_dictoffset != 0)
#endif
        size += (Py_ssize_t)sizeof(PyObject *);
    if (type->tp_weaklistoffset > 0)
        size += (Py_ssize_t)sizeof(PyObject *);
    return type->tp_itemsize == 0 && type->tp_basicsize == size;
}

static bool has_plain_rules(struct mpk_dumper *d, PyTypeObject *type) {
    PyObject *const *n = d->state->n;
    PyObject *dict = _PyType_Lookup(type, n[MPK_N___dict__]);
    return PyType_HasFeature(type, Py_TPFLAGS_HEAPTYPE) &&
           type->tp_getattro == PyObject_GenericGetAttr &&
           Py_TYPE(type)->tp_getattro == PyType_Type.tp_getattro &&
           is_objects_own(Py_TYPE(type), n[MPK_N___reduce__]) &&
           is_objects_own(type, n[MPK_N___reduce_ex__]) &&
           is_objects_own(type, n[MPK_N___class__]) &&
           (dict == NULL || Py_IS_TYPE(dict, &PyGetSetDescr_Type));
}

static void forget(struct mpk_class *class) {
    const uint32_t users = class->users;
    while (class->slots > 0)
        Py_DECREF(class->names[--class->slots]);
    memset(class, 0, sizeof *class);
    class->users = users;
}

static void look_at_class(struct mpk_dumper *d, struct mpk_class *class, PyTypeObject *type) {
    PyObject *const *n = d->state->n;
    forget(class);
    if (!has_plain_rules(d, type) || mpk_is_of_dataclasses(d, type))
        return;
    class->has_dict = type->tp_dictoffset != 0;
#if MPK_FIELDS
    class->has_dict |= PyType_HasFeature(type, Py_TPFLAGS_MANAGED_DICT);
#endif
    if (!is_objects_own(type, n[MPK_N___reduce__])) {
        class->kind = type->tp_dictoffset == 0 || class->has_dict ? KIND_REDUCES : KIND_OTHER;
        return;
    }
    if (is_objects_own(type, n[MPK_N___getstate__]) && type->tp_new != NULL &&
        _PyType_Lookup(type, n[MPK_N___getnewargs__]) == NULL &&
        _PyType_Lookup(type, n[MPK_N___getnewargs_ex__]) == NULL && find_slots(d, class, type) &&
        has_known_size(class, type))
        class->kind = KIND_PLAIN;
}

/* What is known of an object's class; NULL with an exception. Asking may run code, so that all is
 * settled when it is not known, and the object held. */
static struct mpk_class *class_of(struct mpk_dumper *d, PyObject *object) {
    static struct mpk_class other = {.kind = KIND_OTHER};
    PyTypeObject *type = Py_TYPE(object);
    const size_t at = (size_t)(((uintptr_t)type >> 4) * UINT64_C(0x9E3779B97F4A7C15) >> 56);
    struct mpk_class *class = &d->classes[at];
    const unsigned version = mpk_type_version(type);
    if (MFI_LIKELY(class->type == type && class->version == version && version != 0))
        return class;
    if (class->users > 0)
        return &other; /* the place is taken */
    if (mpk_settle(d) < 0 || mpk_keep(d, object) < 0)
        return NULL;
    class->users++; /* looking may come here again */
    look_at_class(d, class, type);
    const bool failed = PyErr_Occurred() != NULL;
    if (failed)
        class->kind = KIND_OTHER;
    if (failed && (!PyErr_ExceptionMatches(PyExc_Exception) ||
                   PyErr_ExceptionMatches(PyExc_RecursionError))) {
        class->users = 0;
        return NULL; /* an interrupt; or it would be tried twice at each level */
    }
    PyErr_Clear(); /* whatever it is, the long way finds it again */
    (void)_PyType_Lookup(type, d->state->n[MPK_N___reduce_ex__]); /* gives it a version */
    class->users = 0;
    class->type = type;
    class->version = mpk_type_version(type);
    class->epoch = d->epoch - 1;
    class->keys_epoch = d->epoch - 1;
    return class;
}

/* Whether copyreg has nothing to say about it. What only somebody's own code could tell, a
 * metaclass's or a key's, is for the long way. */
static bool is_unregistered(struct mpk_dumper *d, struct mpk_class *class) {
    if (MFI_LIKELY(class->epoch == d->epoch))
        return true;
    if (PyDict_GET_SIZE(d->state->dispatch_table) > 0 &&
        (!mpk_goes_by_address(class->type) ||
         mpk_dict_find(d->state->dispatch_table, (PyObject *)class->type, NULL) != 0))
        return false;
    class->epoch = d->epoch;
    return true;
}

/* A key that is found before the class's method of that name, or that is not a mere str. */
static bool is_in_the_way(const struct mpk_dumper *d, PyObject *key) {
    if (!PyUnicode_CheckExact(key))
        return true;
    const Py_ssize_t length = PyUnicode_GET_LENGTH(key);
    if (length != 13 && length != 12)
        return false;
    return PyUnicode_Compare(key, d->state->n[MPK_N___reduce_ex__]) == 0 ||
           PyUnicode_Compare(key, d->state->n[MPK_N___getstate__]) == 0;
}

static bool dict_in_the_way(const struct mpk_dumper *d, PyObject *dict) {
    PyObject *key;
    Py_ssize_t position = 0;
    while (PyDict_Next(dict, &position, &key, NULL))
        if (is_in_the_way(d, key))
            return true;
    return false;
}

#if MPK_FIELDS
static bool fields_in_the_way(const struct mpk_dumper *d, struct mpk_class *class,
                              const struct mpk_fields *fields) {
    if (MFI_LIKELY(class->keys == fields->keys && class->keys_count == fields->keys_count &&
                   class->keys_epoch == d->epoch))
        return false;
    for (Py_ssize_t i = 0; i < fields->keys_count; i++) {
        PyObject *key = mpk_fields_key(fields, i);
        if (key != NULL && is_in_the_way(d, key))
            return true;
    }
    class->keys = fields->keys;
    class->keys_count = fields->keys_count;
    class->keys_epoch = d->epoch;
    return false;
}

static char *save_pair_held(struct mpk_dumper *d, char *q, PyObject *key, PyObject *value) {
    Py_INCREF(key);
    Py_INCREF(value);
    q = mpk_release(d, mpk_save(d, q, key), key);
    return mpk_release(d, q == NULL ? NULL : mpk_save(d, q, value), value);
}

/* The rest, from the dict that the attributes have become while code of the user ran. */
static char *save_fields_late(struct mpk_dumper *d, char *q, size_t number, Py_ssize_t position,
                              Py_ssize_t size) {
    PyObject *dict = (PyObject *)(d->order[number] & ~(uintptr_t)MPK_BITS), *key, *value;
    while (size > 1 && PyDict_Next(dict, &position, &key, &value))
        CHECKED(save_pair_held(d, q, key, value));
    CHECKED(mpk_fit(d, q));
    q = mfi_put(q, size == 1 ? MFI_OP_SETITEM : MFI_OP_SETITEMS);
    if (size != 1 && PyDict_GET_SIZE(dict) != size) {
        PyErr_SetString(PyExc_RuntimeError, "dictionary changed size during iteration");
        return NULL;
    }
    return q;
}

static char *save_fields(struct mpk_dumper *d, char *q, PyObject *object,
                         const struct mpk_fields *fields) {
    const size_t number = d->e.memo_count;
    const Py_ssize_t size = fields->count;
    PyObject *const *values = mpk_values_of(fields);
    const uint32_t epoch = d->epoch;
    q = mfi_put(q, MFI_OP_EMPTY_DICT);
    CHECKED(mpk_store_unseen(d, q, (uintptr_t)object | MPK_DICT));
    if (size != 1)
        q = mfi_put(q, MFI_OP_MARK);
    for (Py_ssize_t i = 0; i < size; i++) {
        const Py_ssize_t at = mpk_fields_order(fields, i);
        PyObject *key = mpk_fields_key(fields, at), *value = values[at];
        if (MFI_UNLIKELY(d->write != NULL && (q >= d->e.soft || !mpk_is_short(key))))
            CHECKED(save_pair_held(d, q, key, value)); /* a file may be written to */
        else {
            CHECKED(mpk_save_at(d, q, key, false));
            CHECKED(mpk_save_at(d, q, value, true));
        }
        if (MFI_UNLIKELY(epoch != d->epoch))
            return save_fields_late(d, q, number, i + 1, size);
    }
    return mfi_put(mpk_fit(d, q), size == 1 ? MFI_OP_SETITEM : MFI_OP_SETITEMS);
}
#endif

static bool is_leaf(PyObject *object) {
    const PyTypeObject *type = Py_TYPE(object);
    return mpk_is_short(object) || type == &PyLong_Type || type == &PyFloat_Type ||
           object == Py_None || type == &PyBool_Type;
}

/* The pairs of a dict that nobody has: names and values of slots. */
static char *save_slot_pairs(struct mpk_dumper *d, char *q, PyObject *const *names,
                             PyObject *const *values, int count, bool owned) {
    CHECKED(mpk_room(d, q));
    q = mfi_put(q, MFI_OP_EMPTY_DICT);
    CHECKED(mpk_store_unseen(d, q, 0));
    if (count != 1)
        q = mfi_put(q, MFI_OP_MARK);
    for (int i = 0; i < count; i++) {
        CHECKED(mpk_save_at(d, q, names[i], false));
        CHECKED(mpk_save_at(d, q, values[i], owned));
    }
    return mfi_put(mpk_fit(d, q), count == 1 ? MFI_OP_SETITEM : MFI_OP_SETITEMS);
}

/* Values are taken before any is written, as object does. */
static char *save_slots(struct mpk_dumper *d, char *q, PyObject *const *names, PyObject **values,
                        int count) {
    bool leaves = d->write == NULL && !d->watched;
    for (int i = 0; i < count; i++)
        leaves = leaves && is_leaf(values[i]);
    for (int i = 0; !leaves && i < count; i++) {
        Py_INCREF(names[i]);
        Py_INCREF(values[i]);
    }
    q = save_slot_pairs(d, q, names, values, count, leaves);
    for (int i = 0; !leaves && i < count; i++) {
        q = mpk_release(d, q, values[i]);
        Py_DECREF(names[i]); /* the class's cache has it, too */
    }
    return q;
}

/* The attributes that are in a dict, or will be. *none: there are none. */
static char *save_attributes(struct mpk_dumper *d, char *q, PyObject *object, bool *none) {
    *none = true;
#if MPK_FIELDS
    struct mpk_fields fields;
    if (mpk_fields_find(object, &fields) && fields.count > 0)
        CHECKED(mpk_room(d, q)); /* which may change what is found */
    if (mpk_fields_find(object, &fields)) {
        *none = fields.count == 0;
        return fields.count == 0 ? q : save_fields(d, q, object, &fields);
    }
#endif
    PyObject *dict = mpk_dict_of(object);
    if (dict == NULL || PyDict_GET_SIZE(dict) == 0)
        return q;
    *none = false;
    return mpk_save_at(d, q, dict, true);
}

static char *save_state(struct mpk_dumper *d, char *q, PyObject *object,
                        const struct mpk_class *class) {
    PyObject *names[SLOTS], *values[SLOTS];
    int count = 0;
    bool none = true;
    for (int i = 0; i < class->slots; i++) {
        values[count] = *(PyObject **)((char *)object + class->offsets[i]);
        names[count] = class->names[i];
        count += values[count] != NULL;
    }
    if (count == 0) {
        if (class->has_dict)
            CHECKED(save_attributes(d, q, object, &none));
        return none ? q : mfi_put(mpk_fit(d, q), MFI_OP_BUILD);
    }
    const bool hold = class->has_dict || d->write != NULL;
    for (int i = 0; hold && i < count; i++)
        Py_INCREF(values[i]);
    q = mpk_room(d, q); /* of the pair (dict or None, slots) */
    if (q != NULL && class->has_dict)
        q = save_attributes(d, q, object, &none);
    if (q != NULL && none)
        q = mpk_room(d, q);
    if (q != NULL && none)
        q = mfi_put(q, MFI_OP_NONE);
    q = q == NULL ? NULL : save_slots(d, q, names, values, count);
    for (int i = 0; hold && i < count; i++)
        q = mpk_release(d, q, values[i]);
    if (q == NULL)
        return NULL;
    q = mfi_put(mpk_fit(d, q), MFI_OP_TUPLE2);
    CHECKED(mpk_store_unseen(d, q, 0));
    return mfi_put(mpk_fit(d, q), MFI_OP_BUILD);
}

/* cls.__new__(cls), and the object's number. */
static char *save_new(struct mpk_dumper *d, char *q, PyObject *object, bool owned, bool *known) {
    const uint32_t epoch = d->epoch;
    PyObject *type = (PyObject *)Py_TYPE(object);
    CHECKED(mpk_room(d, q));
    size_t place = mpk_memo_place(d, type);
    if (MFI_LIKELY(mpk_memo_has(d, place)))
        q = mfi_put_get(q, mpk_memo_number(d, place));
    else
        CHECKED(mpk_save(d, q, type));
    CHECKED(mpk_room(d, q));
    q = mfi_put(mfi_put(q, MFI_OP_EMPTY_TUPLE), MFI_OP_NEWOBJ);
    place = MPK_NOWHERE;
    /* one reference is the container's, one that of who calls */
    if (!(owned && mpk_is_lone_but(object, 1)) || epoch != d->epoch) {
        place = mpk_memo_place(d, object);
        *known = mpk_memo_has(d, place);
        if (*known) /* its class led to it */
            return mfi_put_get(mfi_put(q, MFI_OP_POP), mpk_memo_number(d, place));
    }
    return mpk_store(d, q, object, place);
}

/* What has to be asked by the long way. */
static bool is_asked_for(const struct mpk_dumper *d) {
    return d->reducer_override != NULL || d->own_table != NULL || d->watched;
}

static bool is_clear(struct mpk_dumper *d, PyObject *object, struct mpk_class *class) {
    if (!is_unregistered(d, class))
        return false;
    if (!class->has_dict)
        return true;
#if MPK_FIELDS
    struct mpk_fields fields;
    if (mpk_fields_find(object, &fields))
        return !fields_in_the_way(d, class, &fields);
#endif
    PyObject *dict = mpk_dict_of(object);
    return dict == NULL || (PyDict_CheckExact(dict) && !dict_in_the_way(d, dict));
}

char *mpk_save_instance(struct mpk_dumper *d, char *q, PyObject *object, bool owned, bool *done) {
    *done = false;
    if (is_asked_for(d) || !PyType_HasFeature(Py_TYPE(object), Py_TPFLAGS_HEAPTYPE))
        return q;
    struct mpk_class *class = class_of(d, object);
    if (class == NULL)
        return NULL;
    if (class->kind != KIND_PLAIN || !is_clear(d, object, class))
        return q;
    *done = true;
    Py_INCREF(object); /* writing its class may let it go */
    bool known = false;
    class->users++;
    q = save_new(d, q, object, owned, &known);
    if (q != NULL && !known)
        q = save_state(d, q, object, class);
    class->users--;
    if (q != NULL && MFI_UNLIKELY(Py_REFCNT(object) == 1) && mpk_keep(d, object) < 0)
        q = NULL;
    if (MFI_UNLIKELY(q == NULL))
        mpk_memo_cut(d);
    Py_DECREF(object);
    return q;
}

bool mpk_class_reduces(struct mpk_dumper *d, PyObject *object) {
    if (is_asked_for(d) || !PyType_HasFeature(Py_TYPE(object), Py_TPFLAGS_HEAPTYPE))
        return false;
    struct mpk_class *class = class_of(d, object);
    return class != NULL && class->kind == KIND_REDUCES && is_clear(d, object, class);
}

int mpk_classes_new(struct mpk_dumper *d) {
    d->classes = PyMem_RawCalloc(CLASSES, sizeof *d->classes);
    return d->classes == NULL ? -1 : 0;
}

void mpk_classes_free(struct mpk_dumper *d) {
    for (size_t i = 0; d->classes != NULL && i < CLASSES; i++)
        forget(&d->classes[i]);
    PyMem_RawFree(d->classes);
    d->classes = NULL;
}

#else

char *mpk_save_instance(struct mpk_dumper *d, char *q, PyObject *object, bool owned, bool *done) {
    (void)d;
    (void)object;
    (void)owned;
    *done = false;
    return q;
}

bool mpk_class_reduces(struct mpk_dumper *d, PyObject *object) {
    (void)d;
    (void)object;
    return false;
}

int mpk_classes_new(struct mpk_dumper *d) {
    d->classes = NULL;
    return 0;
}

void mpk_classes_free(struct mpk_dumper *d) {
    (void)d;
}

#endif
