/* SPDX-License-Identifier: MIT
 *
 * Classes by value: the plain ones, made by `type` of methods and values. What has a metaclass of
 * its own, or attributes that may lead back to the class, is for the table in Python.
 */
#include "special.h"

static bool is_leaf(PyObject *value) {
    const PyTypeObject *type = Py_TYPE(value);
    return value == Py_None || type == &PyLong_Type || type == &PyUnicode_Type ||
           type == &PyFloat_Type || type == &PyBytes_Type || type == &PyBool_Type;
}

/* Whether a value cannot lead to the class but by a cell. */
static bool is_simple(PyObject *value) {
    const PyTypeObject *type = Py_TYPE(value);
    if (is_leaf(value) || type == &PyFunction_Type || type == &PyProperty_Type ||
        type == &PyStaticMethod_Type || type == &PyClassMethod_Type)
        return true;
    if (type != &PyTuple_Type)
        return false;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(value); i++)
        if (!is_leaf(PyTuple_GET_ITEM(value, i)))
            return false;
    return true;
}

/* From Python 3.14 on: what makes the annotations. It is not written itself. */
static bool is_lazy(struct mpk_dumper *d, PyObject *name, PyObject *value) {
    return name == d->state->n[MPK_N___annotate_func__] && value != Py_None;
}

/* What type() makes again by itself. */
static bool is_made(struct mpk_dumper *d, PyObject *name, PyObject *value, bool has_eq) {
    PyObject *const *n = d->state->n;
    return name == n[MPK_N___dict__] || name == n[MPK_N___weakref__] ||
           name == n[MPK_N___slotnames__] || Py_IS_TYPE(value, &PyMemberDescr_Type) ||
           (has_eq && value == Py_None && name == n[MPK_N___hash__]);
}

static bool is_plain(struct mpk_dumper *d, PyTypeObject *type) {
    PyObject *name, *value;
    Py_ssize_t position = 0;
    if (!Py_IS_TYPE(type, &PyType_Type) || PyTuple_GET_SIZE(type->tp_bases) == 0 ||
        PyTuple_GET_ITEM(type->tp_bases, 0) == (PyObject *)&PyTuple_Type)
        return false;
    const bool has_eq = PyDict_Contains(type->tp_dict, d->state->n[MPK_N___eq__]) > 0;
    while (PyDict_Next(type->tp_dict, &position, &name, &value))
        if (!PyUnicode_CheckExact(name) || is_lazy(d, name, value) ||
            (!is_made(d, name, value, has_eq) && !is_simple(value)))
            return false;
    return true;
}

/* The class's names and values, and its qualified name, which type() takes from there. */
static PyObject *names_of(struct mpk_dumper *d, PyTypeObject *type) {
    PyObject *ret = PyDict_New(), *name, *value;
    PyObject *qualname = ((PyHeapTypeObject *)type)->ht_qualname;
    const bool has_eq = PyDict_Contains(type->tp_dict, d->state->n[MPK_N___eq__]) > 0;
    Py_ssize_t position = 0;
    while (ret != NULL && PyDict_Next(type->tp_dict, &position, &name, &value))
        if (!is_made(d, name, value, has_eq) && PyDict_SetItem(ret, name, value) < 0)
            Py_CLEAR(ret);
    if (ret != NULL && PyUnicode_Compare(qualname, ((PyHeapTypeObject *)type)->ht_name) != 0 &&
        PyDict_SetItem(ret, d->state->n[MPK_N___qualname__], qualname) < 0)
        Py_CLEAR(ret);
    return ret;
}

static char *save_parts(struct mpk_dumper *d, char *q, PyTypeObject *type, PyObject *names) {
    CHECKED(mpk_save(d, q, (PyObject *)Py_TYPE(type)));
    CHECKED(mpk_save(d, q, ((PyHeapTypeObject *)type)->ht_name));
    CHECKED(mpk_save(d, q, type->tp_bases));
    CHECKED(mpk_save(d, q, names));
    CHECKED(mpk_fit(d, q));
    return mfi_put(mfi_put(q, MFI_OP_TUPLE), MFI_OP_REDUCE);
}

static char *save_by_value(struct mpk_dumper *d, char *q, PyTypeObject *type) {
    PyObject *names = names_of(d, type);
    if (names == NULL)
        return NULL;
    struct mpk_later later;
    q = mpk_keep(d, names) < 0 ? NULL : mpk_save(d, q, d->state->special[MPK_CREATE_TYPE]);
    q = q == NULL || (q = mpk_fit(d, q)) == NULL ? NULL : mfi_put(q, MFI_OP_MARK);
    mpk_later_push(d, &later, (PyObject *)type, true);
    q = q == NULL ? NULL : save_parts(d, q, type, names);
    Py_DECREF(names);
    if (q != NULL)
        q = mpk_store(d, q, (PyObject *)type, mpk_memo_place(d, type));
    return mpk_later_pop(d, q, &later);
}

static bool is_under_way(const struct mpk_dumper *d, const PyObject *object) {
    for (const struct mpk_later *later = d->later; later != NULL; later = later->below)
        if (later->object == object)
            return true;
    return false;
}

char *mpk_save_class(struct mpk_dumper *d, char *q, PyObject *object) {
    PyTypeObject *type = (PyTypeObject *)object;
    PyObject *module = NULL, *name = NULL;
    bool done;
    if (mpk_look_up(object, d->state->n[MPK_N___module__], &module) < 0 ||
        mpk_look_up(object, d->state->n[MPK_N___qualname__], &name) < 0) {
        Py_XDECREF(module);
        return NULL;
    }
    const int importable = name == NULL ? 0 : mpk_is_importable(d, object, module, name);
    const bool cyclic = !importable && is_under_way(d, object);
    if (cyclic) /* it cannot wait: whoever asks wants it whole */
        q = mpk_keep(d, module) < 0 || mpk_keep(d, name) < 0
                ? NULL
                : mpk_put_global(d, q, object, module, name);
    else if (importable)
        q = importable == MPK_STRAIGHT ? mpk_save_found(d, q, object, module, name)
                                       : mpk_save_global(d, q, object, NULL);
    Py_XDECREF(module);
    Py_XDECREF(name);
    if (importable || cyclic)
        return q;
    if (!mpk_specials_load(d))
        return NULL;
    const int byref = mpk_setting(d, MPK_N_byref);
    if (byref < 0)
        return NULL;
    if (!byref && PyType_HasFeature(type, Py_TPFLAGS_HEAPTYPE) && d->e.protocol >= 2 &&
        is_plain(d, type))
        return save_by_value(d, q, type);
    CHECKED(mpk_save_by_table(d, q, object, &done));
    return done ? q : mpk_save_global(d, q, object, NULL);
}
