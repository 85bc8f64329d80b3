/* SPDX-License-Identifier: MIT
 *
 * What pickle cannot write, and dill can: which of the reducers is asked. The frequent ones are in
 * C (dump_function.c, dump_class.c), the others are a table in Python (mayfly._dill.reducers),
 * which is loaded when something is met that may need it.
 */
#include "special.h"

static const struct {
    const char *module, *name;
} wanted[MPK_SPECIALS] = {
    [MPK_REDUCE] = {"mayfly._dill.reducers", "reduce"},
    [MPK_NAME] = {"mayfly._dill.reducers", "Name"},
    [MPK_CALL] = {"mayfly._dill.reducers", "Call"},
    [MPK_LATER] = {"mayfly._dill.reducers", "Later"},
    [MPK_SETTINGS] = {"mayfly._settings", "Settings"},
    [MPK_CREATE_FUNCTION] = {"mayfly._dill.reduce", "CREATE_FUNCTION"},
    [MPK_CREATE_CODE] = {"mayfly._dill.reduce", "CREATE_CODE"},
    [MPK_CREATE_CELL] = {"mayfly._dill.reduce", "CREATE_CELL"},
    [MPK_CREATE_TYPE] = {"mayfly._dill.reduce", "CREATE_TYPE"},
    [MPK_MAIN_DICT] = {"mayfly._dill.reduce", "MAIN_DICT"},
};

bool mpk_specials_load(struct mpk_dumper *d) {
    PyObject **to = d->state->special;
    for (int i = 0; to[MPK_SPECIALS - 1] == NULL && i < MPK_SPECIALS; i++) {
        PyObject *module = PyImport_ImportModule(wanted[i].module);
        PyObject *found = module == NULL ? NULL : PyObject_GetAttrString(module, wanted[i].name);
        Py_XDECREF(module);
        if (found == NULL)
            return false;
        Py_XSETREF(to[i], found);
    }
    return true;
}

PyObject *mpk_settings_of(struct mpk_dumper *d) {
    if (d->settings != NULL)
        return d->settings;
    PyObject *protocol = PyLong_FromLong(d->e.protocol);
    if (protocol == NULL)
        return NULL;
    PyObject *given[4];
    for (int i = 0; i < 4; i++)
        given[i] = d->given[i] == NULL ? Py_None : d->given[i];
    d->settings = PyObject_CallFunctionObjArgs(d->state->special[MPK_SETTINGS], protocol, given[0],
                                               given[1], given[2], given[3], NULL);
    Py_DECREF(protocol);
    return d->settings;
}

/* As they are for this dump, without an object for them as long as no reducer in Python wants it.
 */
int mpk_setting(struct mpk_dumper *d, enum mpk_name name) {
    PyObject *value = d->given[name == MPK_N_byref ? 0 : 2];
    if (d->settings != NULL)
        value = PyObject_GetAttr(d->settings, d->state->n[name]);
    else {
        if (value == NULL || value == Py_None)
            value = mpk_default(d->state, name);
        Py_XINCREF(value);
    }
    const int r = value != NULL ? PyObject_IsTrue(value) : PyErr_Occurred() ? -1 : 0;
    Py_XDECREF(value);
    return r;
}

/* A Name is written as it says. */
static char *save_name(struct mpk_dumper *d, char *q, PyObject *name, PyObject *object) {
    PyObject *module = PyObject_GetAttr(name, d->state->n[MPK_N_module]);
    PyObject *what = module == NULL ? NULL : PyObject_GetAttr(name, d->state->n[MPK_N_name]);
    if (what == NULL || mpk_keep(d, module) < 0 || mpk_keep(d, what) < 0)
        q = NULL;
    q = q == NULL ? NULL : mpk_put_global(d, q, object, module, what);
    Py_XDECREF(what);
    Py_XDECREF(module);
    return q;
}

/* What the table in Python says; *done is false where it leaves it to pickle. */
char *mpk_save_by_table(struct mpk_dumper *d, char *q, PyObject *object, bool *done) {
    *done = false;
    if (!mpk_specials_load(d) || mpk_settings_of(d) == NULL)
        return NULL;
    PyObject *value =
        PyObject_CallFunctionObjArgs(d->state->special[MPK_REDUCE], object, d->settings, NULL);
    if (value == NULL)
        return NULL;
    *done = value != Py_NotImplemented;
    if (Py_IS_TYPE(value, (PyTypeObject *)d->state->special[MPK_NAME]))
        q = mpk_keep(d, value) < 0 ? NULL : save_name(d, q, value, object);
    else if (PyTuple_Check(value))
        return mpk_save_made(d, q, value, object);
    else if (*done)
        q = mpk_keep(d, value) < 0 ? NULL : mpk_save_global(d, q, object, value);
    Py_DECREF(value);
    return q;
}

/* What reducers put into their answers for us. */
char *mpk_save_token(struct mpk_dumper *d, char *q, PyObject *object, bool *done) {
    PyObject *const *special = d->state->special;
    PyObject *type = (PyObject *)Py_TYPE(object);
    *done = special[MPK_SPECIALS - 1] != NULL &&
            (type == special[MPK_NAME] || type == special[MPK_CALL] || type == special[MPK_LATER]);
    if (!*done)
        return q;
    if (mpk_settle(d) < 0 || mpk_keep(d, object) < 0)
        return NULL;
    if (type == special[MPK_NAME])
        return save_name(d, q, object, object);
    return type == special[MPK_CALL]
               ? mpk_save_made(d, q, PyObject_GetAttr(object, d->state->n[MPK_N_value]), object)
               : mpk_save_made(d, q, PyObject_CallMethodNoArgs(object, d->state->n[MPK_N_reduce]),
                               object);
}

/* What tells a field of a dataclass from others are objects that there is one of. */
bool mpk_is_of_dataclasses(struct mpk_dumper *d, PyTypeObject *type) {
    PyObject *module = _PyType_Lookup(type, d->state->n[MPK_N___module__]);
    return module != NULL && PyUnicode_Check(module) &&
           PyUnicode_CompareWithASCIIString(module, "dataclasses") == 0;
}

/* A class that Python code made of others like it is pickle's matter. */
static bool is_plain_class(struct mpk_dumper *d, PyTypeObject *type) {
    return PyType_HasFeature(type, Py_TPFLAGS_HEAPTYPE) &&
           ((PyHeapTypeObject *)type)->ht_module == NULL && !mpk_is_of_dataclasses(d, type);
}

/* Whether an attribute of `of` is that very object, or one like it: 1, 0, -1 with an exception. */
static int is_attribute(PyObject *of, PyObject *name, PyObject *object) {
    PyObject *found;
    if (mpk_look_up(of, name, &found) < 0)
        return -1;
    const int r = found == object ? 1
                  : found == NULL
                      ? 0
                      : PyMethod_Check(found) && PyMethod_Check(object) &&
                            PyMethod_GET_FUNCTION(found) == PyMethod_GET_FUNCTION(object) &&
                            PyMethod_GET_SELF(found) == PyMethod_GET_SELF(object);
    Py_XDECREF(found);
    return r;
}

/* pickle has getattr() find a method again. An instance that is being made has not yet what is in
 * its dict, so that is right for what its class has, and for methods of classes and modules. */
static int is_method_of(struct mpk_dumper *d, PyObject *object) {
    PyObject *self = PyMethod_GET_SELF(object), *function = PyMethod_GET_FUNCTION(object), *name;
    if (mpk_look_up(function, d->state->n[MPK_N___name__], &name) < 0)
        return -1;
    int r = name != NULL && PyUnicode_Check(name) &&
            (PyType_Check(self) || PyModule_Check(self) ||
             _PyType_Lookup(Py_TYPE(self), name) == function);
    if (r)
        r = is_attribute(self, name, object);
    Py_XDECREF(name);
    return r;
}

/* Whether pickle's getattr(owner, name) would give what is written; 1 for what it does not write
 * so. Descriptors of `type` are not found thus: asked for by `type`, they answer. */
static int is_found_by_getattr(struct mpk_dumper *d, PyObject *object) {
    const PyTypeObject *type = Py_TYPE(object);
    if (type == &PyMethod_Type)
        return is_method_of(d, object);
    if (type == &PyMemberDescr_Type || type == &PyMethodDescr_Type ||
        type == &PyWrapperDescr_Type || type == &PyClassMethodDescr_Type)
        return is_attribute((PyObject *)PyDescr_TYPE(object), PyDescr_NAME(object), object);
    return 1;
}

/* pickle writes a variable of types by its name, which __main__ and functions do not lend. Whoever
 * else has a class of that name is told by the table. */
static bool is_type_variable(const PyTypeObject *type) {
    const char *name =
        strncmp(type->tp_name, "typing.", 7) == 0 ? type->tp_name + 7 : type->tp_name;
    return strcmp(name, "TypeVar") == 0 || strcmp(name, "ParamSpec") == 0 ||
           strcmp(name, "TypeVarTuple") == 0;
}

char *mpk_save_special(struct mpk_dumper *d, char *q, PyObject *object, bool *done) {
    PyTypeObject *type = Py_TYPE(object);
    PyObject *const *n = d->state->n;
    *done = false;
    if (type == &PyCode_Type || type == &PyCell_Type) {
        *done = true;
        return type == &PyCode_Type ? mpk_save_code(d, q, object) : mpk_save_cell(d, q, object);
    }
    if (type == &PyProperty_Type || type == &PyStaticMethod_Type || type == &PyClassMethod_Type) {
        *done = true;
        return mpk_save_wrapped(d, q, object);
    }
    const int found = is_found_by_getattr(d, object);
    if (found <= 0 || is_type_variable(type))
        return found < 0 ? NULL : mpk_save_by_table(d, q, object, done);
    if (is_plain_class(d, type) ||
        _PyType_Lookup(type, n[MPK_N___reduce__]) !=
            _PyType_Lookup(&PyBaseObject_Type, n[MPK_N___reduce__]) ||
        _PyType_Lookup(type, n[MPK_N___reduce_ex__]) !=
            _PyType_Lookup(&PyBaseObject_Type, n[MPK_N___reduce_ex__]))
        return q;
    return mpk_save_by_table(d, q, object, done);
}

/* Pickle's way failed, before anything was written: has the table one? If not, the exception
 * stays. */
char *mpk_save_otherwise(struct mpk_dumper *d, char *q, PyObject *object) {
    PyObject *type, *value, *traceback;
    bool done;
    if (!PyErr_ExceptionMatches(PyExc_TypeError) && !PyErr_ExceptionMatches(PyExc_AttributeError) &&
        !PyErr_ExceptionMatches(d->state->PicklingError))
        return NULL;
    PyErr_Fetch(&type, &value, &traceback);
    q = mpk_save_by_table(d, q, object, &done);
    if (q == NULL || done) {
        Py_XDECREF(type);
        Py_XDECREF(value);
        Py_XDECREF(traceback);
        return q;
    }
    PyErr_Restore(type, value, traceback);
    return NULL;
}

/* ---- dicts of modules ----------------------------------------------------------------------- */

/* What a dict has by a str: borrowed, or NULL without an exception. No code of anybody runs. */
static PyObject *text_item(PyObject *dict, PyObject *name) {
    PyObject *ret = NULL;
#if MPK_INTERNALS
    return mpk_dict_find(dict, name, &ret) > 0 ? ret : NULL;
#else
    PyObject *key, *value;
    Py_ssize_t position = 0;
    while (ret == NULL && PyDict_Next(dict, &position, &key, &value))
        if (key == name || (PyUnicode_CheckExact(key) && PyUnicode_Compare(key, name) == 0))
            ret = value;
    return ret;
#endif
}

/* Asked of any dict, that nobody holds, in the midst of what is not settled. */
bool mpk_is_module_dict(struct mpk_dumper *d, PyObject *dict, PyObject **name) {
    *name = text_item(dict, d->state->n[MPK_N___name__]);
    if (*name == NULL || !PyUnicode_CheckExact(*name))
        return false;
    PyObject *module = text_item(PyImport_GetModuleDict(), *name);
    return module != NULL && PyModule_Check(module) && PyModule_GetDict(module) == dict;
}

/* A dict that more than one refers to may be a module's, and then goes by its name. */
char *mpk_save_shared_dict(struct mpk_dumper *d, char *q, PyObject *dict, size_t place) {
    PyObject *name;
    if (MFI_LIKELY(!mpk_is_module_dict(d, dict, &name)))
        return mpk_save_dict(d, q, dict, place);
    if (mpk_settle(d) < 0 || !mpk_specials_load(d))
        return NULL;
    if (PyUnicode_Compare(name, d->state->n[MPK_N___main__]) == 0)
        return save_name(d, q, d->state->special[MPK_MAIN_DICT], dict);
    return mpk_keep(d, name) < 0 ? NULL
                                 : mpk_put_global(d, q, dict, name, d->state->n[MPK_N___dict__]);
}

/* ---- whether something is found by its name ------------------------------------------------- */

int mpk_is_importable(struct mpk_dumper *d, PyObject *object, PyObject *module, PyObject *name) {
    PyObject *const *n = d->state->n;
    if (module == NULL || !PyUnicode_Check(module) || !PyUnicode_Check(name) ||
        PyUnicode_Compare(module, n[MPK_N___main__]) == 0 ||
        PyUnicode_Compare(module, n[MPK_N___mp_main__]) == 0)
        return 0;
    PyObject *there = mpk_module_there(d, module);
    if (there == NULL && !PyErr_Occurred())
        there = PyImport_Import(module);
    if (there == NULL) {
        PyErr_Clear(); /* then it is not there for others, either */
        return 0;
    }
    PyObject *found = NULL;
    if (PyModule_CheckExact(there) && _PyType_Lookup(&PyModule_Type, name) == NULL)
        found = PyDict_GetItemWithError(PyModule_GetDict(there), name);
    if (found == object) {
        Py_DECREF(there);
        return MPK_STRAIGHT;
    }
    if (found != NULL)
        Py_INCREF(found);
    else if (!PyErr_Occurred()) {
        PyObject *name_there = mpk_found_name(name);
        found = name_there == NULL ? NULL : mpk_resolve(there, name_there);
        Py_XDECREF(name_there);
    }
    Py_DECREF(there);
    PyErr_Clear();
    const int r = found == object;
    Py_XDECREF(found);
    return r;
}
