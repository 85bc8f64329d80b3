/* SPDX-License-Identifier: MIT
 *
 * What a pickle names: finding it as CPython's unpickler does, and refusing what the caller did not
 * allow.
 */
#include "load.h"

/* ---- what may be ----------------------------------------------------------------------------- */

/* "module:qualified.name", or "module.name" */
static PyObject *pair_of_text(PyObject *text) {
    const Py_ssize_t size = PyUnicode_GET_LENGTH(text);
    Py_ssize_t at = PyUnicode_FindChar(text, ':', 0, size, 1);
    if (at == -1)
        at = PyUnicode_FindChar(text, '.', 0, size, -1);
    if (at == -2)
        return NULL;
    if (at <= 0 || at == size - 1) {
        PyErr_Format(PyExc_ValueError, "allow: %R names no module: \"module:name\" does", text);
        return NULL;
    }
    PyObject *module = PyUnicode_Substring(text, 0, at);
    PyObject *name = module == NULL ? NULL : PyUnicode_Substring(text, at + 1, size);
    PyObject *pair = name == NULL ? NULL : PyTuple_Pack(2, module, name);
    Py_XDECREF(module);
    Py_XDECREF(name);
    return pair;
}

static PyObject *pair_of(PyObject *entry) {
    if (PyUnicode_Check(entry))
        return pair_of_text(entry);
    if (PyTuple_Check(entry) && PyTuple_GET_SIZE(entry) == 2)
        return mpk_ref(entry);
    PyObject *module = PyObject_GetAttrString(entry, "__module__");
    PyObject *name = module == NULL ? NULL : PyObject_GetAttrString(entry, "__qualname__");
    PyObject *pair = name == NULL ? NULL : PyTuple_Pack(2, module, name);
    Py_XDECREF(module);
    Py_XDECREF(name);
    return pair;
}

PyObject *mpk_allow_set(PyObject *allow) {
    PyObject *set = PySet_New(NULL), *entry;
    PyObject *entries = set == NULL ? NULL : PyObject_GetIter(allow);
    if (PyUnicode_Check(allow) && entries != NULL) {
        PyErr_SetString(PyExc_TypeError, "allow: a list of names, not one");
        Py_CLEAR(entries);
    }
    int r = entries == NULL ? -1 : 0;
    while (r == 0 && (entry = PyIter_Next(entries)) != NULL) {
        PyObject *pair = pair_of(entry);
        r = pair == NULL ? -1 : PySet_Add(set, pair);
        Py_XDECREF(pair);
        Py_DECREF(entry);
    }
    Py_XDECREF(entries);
    if (r < 0 || PyErr_Occurred())
        Py_CLEAR(set);
    return set;
}

static int refuse_name(struct mpk_loader *l, PyObject *module, PyObject *name, const char *why) {
    const char *m = PyUnicode_AsUTF8(module), *n = m == NULL ? NULL : PyUnicode_AsUTF8(name);
    return n == NULL ? -1 : mpk_load_fail(l, "it names the global %.100s.%.80s, %s", m, n, why);
}

static int may_name(struct mpk_loader *l, PyObject *module, PyObject *name) {
    PyObject *pair = l->options.allow == NULL ? NULL : PyTuple_Pack(2, module, name);
    if (pair == NULL)
        return PyErr_Occurred() ? -1 : 0;
    const int has = PySet_Contains(l->options.allow, pair);
    Py_DECREF(pair);
    return has == 0 ? refuse_name(l, module, name, "which is not in `allow`") : has < 0 ? -1 : 0;
}

/* Plain data takes plain data: exact types, whose methods are nobody's. */
static bool is_plain(PyObject *item) {
    return PyUnicode_CheckExact(item) || PyBytes_CheckExact(item) || PyFloat_CheckExact(item) ||
           PyLong_CheckExact(item) || PyList_CheckExact(item) || PyTuple_CheckExact(item) ||
           Py_IS_TYPE(item, &PySet_Type) || PyFrozenSet_CheckExact(item);
}

int mpk_may_call(struct mpk_loader *l, PyObject *callable, PyObject *arguments) {
    if (MFI_LIKELY(!l->options.data_only))
        return 0;
    const bool counted =
        callable == (PyObject *)&PyBytes_Type || callable == (PyObject *)&PyByteArray_Type;
    const bool known = counted || callable == (PyObject *)&PySet_Type ||
                       callable == (PyObject *)&PyFrozenSet_Type ||
                       callable == (PyObject *)&PyComplex_Type ||
                       callable == l->state->codecs_encode;
    bool plain = known && PyTuple_GET_SIZE(arguments) <= 2;
    for (Py_ssize_t i = 0; plain && i < PyTuple_GET_SIZE(arguments); i++) {
        PyObject *item = PyTuple_GET_ITEM(arguments, i);
        /* bytes(n) are n zeros: memory that no pickle pays for */
        plain = is_plain(item) && !(counted && PyLong_CheckExact(item));
        if (i == 1 && callable != (PyObject *)&PyComplex_Type)
            plain = plain && PyUnicode_CheckExact(item) &&
                    (PyUnicode_CompareWithASCIIString(item, "latin1") == 0 ||
                     PyUnicode_CompareWithASCIIString(item, "latin-1") == 0);
    }
    return plain ? 0
                 : mpk_load_fail(l, "it is a call that makes no plain data, and data_only=True was "
                                    "asked for");
}

int mpk_may_change(struct mpk_loader *l, PyObject *object) {
    if (l->options.data_only)
        return mpk_load_fail(l, "it changes a %.80s, and data_only=True was asked for",
                             Py_TYPE(object)->tp_name);
    if (l->options.allow != NULL && (PyType_Check(object) || PyModule_Check(object) ||
                                     PyFunction_Check(object) || PyCFunction_Check(object)))
        return mpk_load_fail(l, "it changes a %.80s, which `allow` does not let a pickle do",
                             Py_TYPE(object)->tp_name);
    return 0;
}

/* ---- finding --------------------------------------------------------------------------------- */

/* A name of Python 2 in one of the old protocols becomes that of Python 3. */
static int modernize(struct mpk_loader *l, PyObject **module, PyObject **name) {
    if (l->d.protocol >= 3 || !l->options.fix_imports)
        return 0;
    PyObject *key = PyTuple_Pack(2, *module, *name);
    PyObject *to =
        key == NULL ? NULL : PyDict_GetItemWithError(l->state->reverse_name_mapping, key);
    Py_XDECREF(key);
    if (to != NULL) {
        if (!PyTuple_Check(to) || PyTuple_GET_SIZE(to) != 2) {
            PyErr_SetString(PyExc_RuntimeError, "_compat_pickle.NAME_MAPPING has no pairs");
            return -1;
        }
        *module = PyTuple_GET_ITEM(to, 0);
        *name = PyTuple_GET_ITEM(to, 1);
        return 0;
    }
    if (!PyErr_Occurred())
        to = PyDict_GetItemWithError(l->state->reverse_import_mapping, *module);
    if (to != NULL)
        *module = to;
    return PyErr_Occurred() ? -1 : 0;
}

/* An object of a module that is imported already, without the detour by the import system; NULL:
 * take the detour. Somebody's own __import__ is asked, and a module that another thread is still
 * importing is waited for. */
static PyObject *find_quickly(struct mpk_loader *l, PyObject *module, PyObject *name) {
    PyObject **kept = l->state->load_objects;
    PyObject *from = PyDict_GetItemWithError(PyImport_GetModuleDict(), module);
    if (from == NULL || !PyModule_CheckExact(from) ||
        PyDict_GetItemWithError(kept[MPK_LOAD_BUILTINS], l->state->n[MPK_N___import__]) !=
            kept[MPK_LOAD_IMPORT])
        return NULL;
    PyObject *dict = mpk_ref(PyModule_GetDict(from));
    PyObject *found = PyDict_GetItemWithError(dict, name), *spec = NULL, *initializing = NULL;
    Py_XINCREF(found);
    if (found != NULL)
        spec = PyDict_GetItemWithError(dict, l->state->n[MPK_N___spec__]);
    Py_XINCREF(spec);
    Py_DECREF(dict);
    if (PyErr_Occurred())
        Py_CLEAR(found);
    else if (spec != NULL && spec != Py_None &&
             mpk_attribute(spec, l->state->n[MPK_N__initializing], &initializing) != 0 &&
             initializing != Py_False)
        Py_CLEAR(found);
    Py_XDECREF(initializing);
    Py_XDECREF(spec);
    return found;
}

/* What is said of a name that is not there, as this CPython says it. */
#if PY_VERSION_HEX >= 0x030E0000
static PyObject *attribute_of(PyObject *object, PyObject *name, PyObject *whole) {
    (void)whole;
    return PyObject_GetAttr(object, name);
}

static void refuse_path(PyObject *module, PyObject *name) {
    if (!PyErr_ExceptionMatches(PyExc_AttributeError))
        return;
    PyObject *why = PyErr_GetRaisedException();
    PyObject *of = PyObject_GetAttrString(module, "__name__");
    if (of == NULL) {
        PyErr_SetRaisedException(why);
        return;
    }
    PyErr_Format(PyExc_AttributeError, "Can't resolve path %R on module %R", name, of);
    PyObject *said = PyErr_GetRaisedException();
    PyException_SetContext(said, why); /* takes it */
    PyErr_SetRaisedException(said);
    Py_DECREF(of);
}
#else
static PyObject *attribute_of(PyObject *object, PyObject *name, PyObject *whole) {
    if (PyUnicode_CompareWithASCIIString(name, "<locals>") == 0) {
        PyErr_Format(PyExc_AttributeError, "Can't get local attribute %R on %R", whole, object);
        return NULL;
    }
    PyObject *found = PyObject_GetAttr(object, name);
    if (found == NULL && PyErr_ExceptionMatches(PyExc_AttributeError)) {
        PyErr_Clear();
        PyErr_Format(PyExc_AttributeError, "Can't get attribute %R on %R", whole, object);
    }
    return found;
}

static void refuse_path(PyObject *module, PyObject *name) {
    (void)module, (void)name;
}
#endif

/* A name with dots, as protocol 4 has them. */
static PyObject *walk(PyObject *module, PyObject *name) {
    PyObject *dot = PyUnicode_FromOrdinal('.');
    PyObject *parts = dot == NULL ? NULL : PyUnicode_Split(name, dot, -1);
    PyObject *found = parts == NULL ? NULL : mpk_ref(module);
    for (Py_ssize_t i = 0; found != NULL && i < PyList_GET_SIZE(parts); i++) {
        PyObject *next = attribute_of(found, PyList_GET_ITEM(parts, i), name);
        Py_DECREF(found);
        found = next;
    }
    if (found == NULL && parts != NULL && PyList_GET_SIZE(parts) > 1)
        refuse_path(module, name);
    Py_XDECREF(dot);
    Py_XDECREF(parts);
    return found;
}

/* __main__'s dict. */
static PyObject *names_of_main(struct mpk_loader *l) {
    PyObject *main = PyDict_GetItemWithError(PyImport_GetModuleDict(), l->state->n[MPK_N___main__]);
    if (main == NULL && !PyErr_Occurred())
        main = PyImport_AddModule("__main__");
    PyObject *names = main == NULL ? NULL : PyModule_GetDict(main);
    return names == NULL ? NULL : mpk_ref(names);
}

/* dill, or a module in it */
static bool is_of_dill(PyObject *module) {
    enum { SIZE = 4 };
    const Py_ssize_t size = PyUnicode_GET_LENGTH(module);
    return size >= SIZE && PyUnicode_IS_COMPACT_ASCII(module) &&
           memcmp(PyUnicode_DATA(module), "dill", SIZE) == 0 &&
           (size == SIZE || PyUnicode_READ_CHAR(module, SIZE) == '.');
}

/* Names that only dill's unpickler knows. NULL without an exception: it is none. */
static PyObject *find_of_dill(struct mpk_loader *l, PyObject *module, PyObject *name) {
    if (MPK_IS_TEXT(module, "__builtin__")) {
        if (MPK_IS_TEXT(name, "NoneType"))
            return mpk_ref((PyObject *)Py_TYPE(Py_None));
        return MPK_IS_TEXT(name, "__main__") ? names_of_main(l) : NULL;
    }
    if (!is_of_dill(module))
        return NULL;
    const bool is_own = MPK_IS_TEXT(module, "dill._dill");
    PyObject **kept = l->state->load_objects, *found = NULL;
    if (is_own)
        found = PyDict_GetItemWithError(kept[MPK_LOAD_DILL], name);
    else if (MPK_IS_TEXT(module, "dill") && MPK_IS_TEXT(name, "_dill"))
        found = kept[MPK_LOAD_MODULE];
    if (found != NULL || PyErr_Occurred())
        return found == NULL ? NULL : mpk_ref(found);
    PyObject *names = PyImport_ImportModule("mayfly._dill.names");
    found = names == NULL ? NULL : PyObject_CallMethod(names, "find", "OO", module, name);
    Py_XDECREF(names);
    if (found == NULL && (PyErr_ExceptionMatches(PyExc_AttributeError) ||
                          (names == NULL && PyErr_ExceptionMatches(PyExc_ModuleNotFoundError))))
        PyErr_Clear();
    if (found != NULL && is_own && PyDict_SetItem(kept[MPK_LOAD_DILL], name, found) < 0)
        Py_CLEAR(found);
    if (found != NULL && MPK_IS_TEXT(name, "_CELL_EMPTY"))
        Py_XSETREF(kept[MPK_LOAD_EMPTY], mpk_ref(found));
    return found;
}

PyObject *mpk_find_class(struct mpk_loader *l, PyObject *module, PyObject *name) {
    if (PySys_Audit("pickle.find_class", "OO", module, name) < 0)
        return NULL;
    const Py_UCS4 first = PyUnicode_GET_LENGTH(module) > 0 ? PyUnicode_READ_CHAR(module, 0) : 0;
    PyObject *found = first == '_' || first == 'd' ? find_of_dill(l, module, name) : NULL;
    if (found != NULL || PyErr_Occurred() || modernize(l, &module, &name) < 0)
        return found;
    found = find_quickly(l, module, name);
    if (found != NULL || PyErr_Occurred())
        return found;
    Py_INCREF(module); /* both may be of a table that importing changes */
    Py_INCREF(name);
    PyObject *from = PyImport_Import(module);
    if (from != NULL)
        found = l->d.protocol >= 4 ? walk(from, name) : PyObject_GetAttr(from, name);
    Py_XDECREF(from);
    Py_DECREF(name);
    Py_DECREF(module);
    return found;
}

/* Types and one function that the old protocols make plain data with. */
static PyObject *find_plain(struct mpk_loader *l, PyObject *module, PyObject *name) {
    PyObject *m = module, *n = name;
    if (modernize(l, &m, &n) < 0)
        return NULL;
    PyObject *pair = PyTuple_Pack(2, m, n);
    PyObject *found =
        pair == NULL ? NULL : PyDict_GetItemWithError(l->state->load_objects[MPK_LOAD_PLAIN], pair);
    Py_XDECREF(pair);
    if (found == NULL && !PyErr_Occurred())
        (void)refuse_name(l, m, n, "and data_only=True was asked for");
    return found == NULL ? NULL : mpk_ref(found);
}

static PyObject *find(struct mpk_loader *l, PyObject *module, PyObject *name) {
    PyObject *m = module, *n = name;
    if (!PyUnicode_CheckExact(module) || !PyUnicode_CheckExact(name)) {
        (void)mpk_load_fail(l, "module and name of a global must be str");
        return NULL;
    }
    if (l->options.data_only)
        return find_plain(l, module, name);
    if (l->options.allow != NULL &&
        ((l->find_class == NULL && modernize(l, &m, &n) < 0) || may_name(l, m, n) < 0))
        return NULL;
    if (mpk_shape_settle(l) < 0)
        return NULL;
    if (l->find_class != NULL)
        return PyObject_CallFunctionObjArgs(l->find_class, module, name, NULL);
    return mpk_find_class(l, module, name);
}

mfi_slot mpk_load_global(struct mpk_loader *l, PyObject *module, PyObject *name) {
    PyObject *found = find(l, module, name);
    Py_DECREF(module);
    Py_DECREF(name);
    return MPK_SLOT(found);
}

/* ---- extensions ------------------------------------------------------------------------------ */

static PyObject *find_extension(struct mpk_loader *l, uint32_t code, PyObject *number) {
    PyObject *pair = PyDict_GetItemWithError(l->state->inverted_extensions, number);
    if (pair == NULL) {
        if (!PyErr_Occurred())
            PyErr_Format(PyExc_ValueError, "unregistered extension code %u", (unsigned)code);
        return NULL;
    }
    if (!PyTuple_Check(pair) || PyTuple_GET_SIZE(pair) != 2 ||
        !PyUnicode_Check(PyTuple_GET_ITEM(pair, 0)) ||
        !PyUnicode_Check(PyTuple_GET_ITEM(pair, 1))) {
        PyErr_Format(PyExc_ValueError, "_inverted_registry[%u] is no pair of strings",
                     (unsigned)code);
        return NULL;
    }
    PyObject *cached = NULL;
    if (l->options.allow == NULL && !l->options.data_only)
        cached = PyDict_GetItemWithError(l->state->extension_cache, number);
    if (cached != NULL || PyErr_Occurred())
        return cached == NULL ? NULL : mpk_ref(cached);
    Py_INCREF(pair);
    PyObject *found = find(l, PyTuple_GET_ITEM(pair, 0), PyTuple_GET_ITEM(pair, 1));
    Py_DECREF(pair);
    if (found != NULL && PyDict_SetItem(l->state->extension_cache, number, found) < 0)
        Py_CLEAR(found);
    return found;
}

mfi_slot mpk_load_extension(struct mpk_loader *l, uint32_t code) {
    PyObject *number = PyLong_FromUnsignedLong(code);
    PyObject *found = number == NULL ? NULL : find_extension(l, code, number);
    Py_XDECREF(number);
    return MPK_SLOT(found);
}

/* ---- what is kept ---------------------------------------------------------------------------- */

static int add_plain(PyObject *plain, const char *module, const char *name, PyObject *object) {
    PyObject *pair = Py_BuildValue("ss", module, name);
    const int r = pair == NULL ? -1 : PyDict_SetItem(plain, pair, object);
    Py_XDECREF(pair);
    return r;
}

int mpk_global_setup(PyObject *module, struct mpk_state *state) {
    (void)module;
    PyObject **kept = state->load_objects;
    PyObject *plain = kept[MPK_LOAD_PLAIN] = PyDict_New();
    PyObject *builtins = PyImport_ImportModule("builtins");
    if (plain == NULL || builtins == NULL)
        return -1;
    kept[MPK_LOAD_BUILTINS] = mpk_ref(PyModule_GetDict(builtins));
    kept[MPK_LOAD_IMPORT] = PyObject_GetAttr(builtins, state->n[MPK_N___import__]);
    kept[MPK_LOAD_SETATTR] = PyObject_GetAttrString(builtins, "setattr");
    Py_DECREF(builtins);
    if (kept[MPK_LOAD_IMPORT] == NULL || kept[MPK_LOAD_SETATTR] == NULL ||
        add_plain(plain, "builtins", "set", (PyObject *)&PySet_Type) < 0 ||
        add_plain(plain, "builtins", "frozenset", (PyObject *)&PyFrozenSet_Type) < 0 ||
        add_plain(plain, "builtins", "bytes", (PyObject *)&PyBytes_Type) < 0 ||
        add_plain(plain, "builtins", "bytearray", (PyObject *)&PyByteArray_Type) < 0 ||
        add_plain(plain, "builtins", "complex", (PyObject *)&PyComplex_Type) < 0 ||
        add_plain(plain, "_codecs", "encode", state->codecs_encode) < 0)
        return -1;
    return 0;
}
