/* SPDX-License-Identifier: MIT
 *
 * What is written by its name: module and qualified name, as pickle checks and writes them.
 */
#include "dump.h"

/* What follows the last dot. */
static PyObject *last_part(PyObject *name) {
    const Py_ssize_t length = PyUnicode_GET_LENGTH(name);
    const Py_ssize_t dot = PyUnicode_FindChar(name, '.', 0, length, -1);
    return dot < 0 ? mpk_ref(name) : PyUnicode_Substring(name, dot + 1, length);
}

/* The object of a dotted name, and what it is an attribute of; new references. */
static PyObject *resolve(PyObject *from, PyObject *name, PyObject **parent) {
    const Py_ssize_t length = PyUnicode_GET_LENGTH(name);
    PyObject *found = mpk_ref(from), *above = NULL;
    Py_ssize_t at = 0;
    while (found != NULL && at <= length) {
        Py_ssize_t dot = PyUnicode_FindChar(name, '.', at, length, 1);
        dot = dot < 0 ? length : dot;
        PyObject *part =
            dot == length && at == 0 ? mpk_ref(name) : PyUnicode_Substring(name, at, dot);
        Py_XDECREF(above);
        above = found;
        found = part == NULL ? NULL : PyObject_GetAttr(above, part);
        Py_XDECREF(part);
        at = dot + 1;
    }
    if (parent != NULL)
        *parent = above;
    else
        Py_XDECREF(above);
    return found;
}

PyObject *mpk_resolve(PyObject *from, PyObject *name) {
    return resolve(from, name, NULL);
}

/* The name under which an attribute is found. From Python 3.15 on it is looked for where the
 * compiler put one that is private to a class: C.__name as C._C__name. A new reference. */
#if PY_VERSION_HEX >= 0x030F0000
static bool is_private(PyObject *part) {
    const Py_ssize_t length = PyUnicode_GET_LENGTH(part);
    return length > 2 && PyUnicode_READ_CHAR(part, 0) == '_' &&
           PyUnicode_READ_CHAR(part, 1) == '_' &&
           !(PyUnicode_READ_CHAR(part, length - 1) == '_' &&
             PyUnicode_READ_CHAR(part, length - 2) == '_');
}

/* What stands before a private name: of the class's name all but its first underscores. NULL
 * without an exception: nothing. */
static PyObject *mangled(PyObject *class, PyObject *part) {
    const Py_ssize_t length = PyUnicode_GET_LENGTH(class);
    Py_ssize_t at = 0;
    while (at < length && PyUnicode_READ_CHAR(class, at) == '_')
        at++;
    if (at == length)
        return NULL;
    PyObject *plain = PyUnicode_Substring(class, at, length);
    PyObject *ret = plain == NULL ? NULL : PyUnicode_FromFormat("_%U%U", plain, part);
    Py_XDECREF(plain);
    return ret;
}

PyObject *mpk_found_name(PyObject *name) {
    if (!PyUnicode_Check(name) ||
        PyUnicode_FindChar(name, '.', 0, PyUnicode_GET_LENGTH(name), 1) < 0)
        return mpk_ref(name);
    PyObject *dot = PyUnicode_FromOrdinal('.');
    PyObject *parts = dot == NULL ? NULL : PyUnicode_Split(name, dot, -1), *ret = NULL;
    PyObject *class = NULL;
    for (Py_ssize_t i = 0; parts != NULL && i < PyList_GET_SIZE(parts); i++) {
        PyObject *part = mpk_ref(PyList_GET_ITEM(parts, i));
        PyObject *better = class != NULL && is_private(part) ? mangled(class, part) : NULL;
        Py_XDECREF(class);
        class = part;
        if (better != NULL)
            PyList_SetItem(parts, i, better);
        else if (PyErr_Occurred())
            Py_CLEAR(parts);
    }
    if (parts != NULL)
        ret = PyUnicode_Join(dot, parts);
    Py_XDECREF(class);
    Py_XDECREF(parts);
    Py_XDECREF(dot);
    return ret;
}
#else
PyObject *mpk_found_name(PyObject *name) {
    return mpk_ref(name);
}
#endif

static bool is_local(struct mpk_dumper *d, PyObject *object, PyObject *name) {
    if (MFI_LIKELY(PyUnicode_FindChar(name, '<', 0, PyUnicode_GET_LENGTH(name), 1) == -1))
        return false;
    PyObject *locals = PyUnicode_FromString("<locals>");
    const int found = locals == NULL ? -1 : PyUnicode_Contains(name, locals);
    Py_XDECREF(locals);
    if (found <= 0)
        return found < 0;
#if PY_VERSION_HEX >= 0x030E0000
    PyErr_Format(d->state->PicklingError, "Can't pickle local object %R", object);
#elif PY_VERSION_HEX >= 0x030D0000
    (void)d;
    (void)object;
    PyErr_Format(PyExc_AttributeError, "Can't get local object %R", name);
#else
    (void)d;
    (void)object;
    PyErr_Format(PyExc_AttributeError, "Can't pickle local object %R", name);
#endif
    return true;
}

/* Whether a module has the object by that name. */
static int module_has(PyObject *module, PyObject *name, PyObject *object) {
    PyObject *found = resolve(module, name, NULL);
    if (found == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_AttributeError))
            return -1;
        PyErr_Clear();
        return 0;
    }
    const int r = found == object;
    Py_DECREF(found);
    return r;
}

/* Looks for an object that does not know its module. */
static PyObject *search_modules(struct mpk_dumper *d, PyObject *object, PyObject *name) {
    PyObject *modules = PySequence_List(PyImport_GetModuleDict());
    for (Py_ssize_t i = 0; modules != NULL && i < PyList_GET_SIZE(modules); i++) {
        PyObject *key = PyList_GET_ITEM(modules, i);
        PyObject *module = PyDict_GetItemWithError(PyImport_GetModuleDict(), key);
        if (module == NULL || module == Py_None || !PyUnicode_Check(key) ||
            PyUnicode_Compare(key, d->state->n[MPK_N___main__]) == 0)
            continue;
        Py_INCREF(module);
        const int has = module_has(module, name, object);
        Py_DECREF(module);
        if (has != 0) {
            PyObject *ret = has < 0 ? NULL : mpk_ref(key);
            Py_DECREF(modules);
            return ret;
        }
    }
    if (modules == NULL)
        return NULL;
    Py_DECREF(modules);
    return mpk_ref(d->state->n[MPK_N___main__]);
}

static PyObject *module_of(struct mpk_dumper *d, PyObject *object, PyObject *name) {
    PyObject *module;
    if (mpk_look_up(object, d->state->n[MPK_N___module__], &module) < 0)
        return NULL;
    if (module != NULL && module != Py_None)
        return module;
    Py_XDECREF(module);
    return search_modules(d, object, name);
}

/* A module that another thread is still importing is for the import system, which waits for it. */
PyObject *mpk_module_there(struct mpk_dumper *d, PyObject *name) {
    PyObject *modules = PyImport_GetModuleDict();
    if (!PyUnicode_CheckExact(name) || !PyDict_CheckExact(modules))
        return NULL;
    PyObject *module = PyDict_GetItemWithError(modules, name);
    if (module == NULL || !PyModule_CheckExact(module))
        return NULL;
    Py_INCREF(module);
    PyObject *spec = PyDict_GetItemWithError(PyModule_GetDict(module), d->state->n[MPK_N___spec__]);
    if (spec == NULL || spec == Py_None)
        return module;
    PyObject *initializing;
    Py_INCREF(spec);
    const int r = mpk_look_up(spec, d->state->n[MPK_N__initializing], &initializing);
    if (r < 0 || (initializing != NULL && initializing != Py_False))
        Py_CLEAR(module);
    PyErr_Clear(); /* the import system sees it, too */
    Py_XDECREF(initializing);
    Py_DECREF(spec);
    return module;
}

static PyObject *import(struct mpk_dumper *d, PyObject *name) {
    PyObject *module = mpk_module_there(d, name);
    if (module != NULL || PyErr_Occurred())
        return module;
    return PyImport_ImportModuleLevelObject(name, NULL, NULL, NULL, 0);
}

static PyObject *refuse(struct mpk_dumper *d, PyObject *object, const char *how, PyObject *a,
                        PyObject *b) {
    PyErr_Clear();
    return PyErr_Format(d->state->PicklingError, how, object, a, b);
}

/* What is written of a global. */
struct names {
    PyObject *module, *name; /* held */
    PyObject *found_module, *parent;
};

static void let_go(struct names *names) {
    Py_XDECREF(names->module);
    Py_XDECREF(names->name);
    Py_XDECREF(names->found_module);
    Py_XDECREF(names->parent);
}

static bool find_names(struct mpk_dumper *d, PyObject *object, PyObject *name, struct names *n) {
    if (name != NULL)
        n->name = mpk_ref(name);
    else {
        if (mpk_look_up(object, d->state->n[MPK_N___qualname__], &n->name) < 0)
            return false;
        if (n->name == NULL)
            n->name = PyObject_GetAttr(object, d->state->n[MPK_N___name__]);
    }
    if (n->name == NULL || is_local(d, object, n->name))
        return false;
    PyObject *name_there = mpk_found_name(n->name);
    if (name_there == NULL)
        return false;
    Py_SETREF(n->name, name_there);
    n->module = module_of(d, object, n->name);
    if (n->module == NULL)
        return false;
    n->found_module = import(d, n->module);
    if (n->found_module == NULL)
        return refuse(d, object, "Can't pickle %R: import of module %R failed", n->module, NULL);
    PyObject *found = resolve(n->found_module, n->name, &n->parent);
    if (found == NULL)
        return refuse(d, object, "Can't pickle %R: attribute lookup %S on %S failed", n->name,
                      n->module);
    const bool same = found == object;
    Py_DECREF(found);
    return same || refuse(d, object, "Can't pickle %R: it's not the same object as %S.%S",
                          n->module, n->name);
}

/* The code of an extension; 0: it is none; -1: an exception. */
static long extension_of(struct mpk_dumper *d, PyObject *object, const struct names *n) {
    if (d->e.protocol < 2 || PyDict_GET_SIZE(d->state->extensions) == 0)
        return 0;
    PyObject *key = PyTuple_Pack(2, n->module, n->name);
    PyObject *code = key == NULL ? NULL : PyDict_GetItemWithError(d->state->extensions, key);
    Py_XDECREF(key);
    if (code == NULL)
        return PyErr_Occurred() ? -1 : 0;
    if (!PyLong_Check(code)) {
        PyErr_Format(d->state->PicklingError, "Can't pickle %R: extension code %R isn't an integer",
                     object, code);
        return -1;
    }
    const long number = PyLong_AsLong(code);
    if (number > 0 && number <= 0x7fffffff)
        return number;
    if (!PyErr_Occurred())
        PyErr_Format(d->state->PicklingError, "Can't pickle %R: extension code %ld is out of range",
                     object, number);
    return -1;
}

static char *put_extension(char *q, long code) {
    if (code <= 0xff)
        return mfi_put_number(q, MFI_OP_EXT1, (uint64_t)code, 1);
    return code <= 0xffff ? mfi_put_number(q, MFI_OP_EXT2, (uint64_t)code, 2)
                          : mfi_put_number(q, MFI_OP_EXT4, (uint64_t)code, 4);
}

/* The names that Python 2 had: new references in place of those given. */
static bool use_old_names(struct mpk_dumper *d, PyObject **module, PyObject **name) {
    PyObject *key = PyTuple_Pack(2, *module, *name);
    PyObject *item = key == NULL ? NULL : PyDict_GetItemWithError(d->state->name_mapping, key);
    Py_XDECREF(key);
    if (item != NULL) {
        if (!PyTuple_Check(item) || PyTuple_GET_SIZE(item) != 2 ||
            !PyUnicode_Check(PyTuple_GET_ITEM(item, 0)) ||
            !PyUnicode_Check(PyTuple_GET_ITEM(item, 1)))
            return PyErr_Format(PyExc_RuntimeError,
                                "_compat_pickle.REVERSE_NAME_MAPPING values should be pairs of "
                                "str, not %R",
                                item) != NULL;
        Py_INCREF(PyTuple_GET_ITEM(item, 0));
        Py_XSETREF(*module, PyTuple_GET_ITEM(item, 0));
        Py_INCREF(PyTuple_GET_ITEM(item, 1));
        Py_XSETREF(*name, PyTuple_GET_ITEM(item, 1));
        return true;
    }
    if (PyErr_Occurred())
        return false;
    item = PyDict_GetItemWithError(d->state->import_mapping, *module);
    if (item == NULL)
        return !PyErr_Occurred();
    if (!PyUnicode_Check(item))
        return PyErr_Format(PyExc_RuntimeError,
                            "_compat_pickle.REVERSE_IMPORT_MAPPING values should be strings, not "
                            "%.200s",
                            Py_TYPE(item)->tp_name) != NULL;
    Py_INCREF(item);
    Py_XSETREF(*module, item);
    return true;
}

static PyObject *encode(struct mpk_dumper *d, PyObject *text, const char *what) {
    PyObject *bytes =
        d->e.protocol >= 3 ? PyUnicode_AsUTF8String(text) : PyUnicode_AsASCIIString(text);
    if (bytes == NULL && PyErr_ExceptionMatches(PyExc_UnicodeEncodeError)) {
        PyErr_Clear();
        PyErr_Format(d->state->PicklingError,
                     "can't pickle %s identifier '%S' using pickle protocol %i", what, text,
                     d->e.protocol);
    }
    return bytes;
}

/* GLOBAL, before protocol 4. */
static char *put_lines(struct mpk_dumper *d, char *q, PyObject *module, PyObject *name) {
    Py_INCREF(module);
    Py_INCREF(name);
    PyObject *first = NULL, *second = NULL;
    if (d->e.protocol >= 3 || !d->fix_imports || use_old_names(d, &module, &name)) {
        first = encode(d, module, "module");
        second = first == NULL ? NULL : encode(d, name, "global");
    }
    q = second == NULL ? NULL
                       : mpk_put_line(d, q, MFI_OP_GLOBAL, PyBytes_AS_STRING(first),
                                      (size_t)PyBytes_GET_SIZE(first), "\n");
    if (q != NULL)
        q = mfi_pickle_payload(&d->e, q, "", 0, PyBytes_AS_STRING(second),
                               (size_t)PyBytes_GET_SIZE(second));
    Py_XDECREF(first);
    Py_XDECREF(second);
    Py_DECREF(module);
    Py_DECREF(name);
    if (q == NULL || (q = mpk_fit(d, q)) == NULL)
        return NULL;
    *q = '\n';
    return q + 1;
}

/* Before protocol 4: the attribute of a class, or of what is deeper. */
#if PY_VERSION_HEX >= 0x030D0000
/* By all parts of its name at once, so that what contains itself can be said. */
static char *put_dotted(struct mpk_dumper *d, char *q, struct names *n, PyObject *last) {
    (void)last;
    PyObject *dot = PyUnicode_FromString(".");
    PyObject *parts = dot == NULL ? NULL : PyUnicode_Split(n->name, dot, -1);
    Py_XDECREF(dot);
    if (parts == NULL || mpk_keep(d, parts) < 0) {
        Py_XDECREF(parts);
        return NULL;
    }
    const Py_ssize_t count = PyList_GET_SIZE(parts);
    Py_DECREF(parts); /* it is kept until the end */
    for (Py_ssize_t i = 1; i < count; i++) {
        CHECKED(mpk_save(d, q, d->state->getattr));
        CHECKED(mpk_fit(d, q));
        q = d->e.protocol < 2 ? mfi_put(q, MFI_OP_MARK) : q;
    }
    CHECKED(put_lines(d, q, n->module, PyList_GET_ITEM(parts, 0)));
    for (Py_ssize_t i = 1; i < count; i++) {
        CHECKED(mpk_save(d, q, PyList_GET_ITEM(parts, i)));
        CHECKED(mpk_fit(d, q));
        q = mfi_put(q, d->e.protocol < 2 ? MFI_OP_TUPLE : MFI_OP_TUPLE2);
        q = mfi_put(q, MFI_OP_REDUCE);
    }
    return q;
}
#else
static char *put_dotted(struct mpk_dumper *d, char *q, struct names *n, PyObject *last) {
    return mpk_save_made(d, q, Py_BuildValue("(O(OO))", d->state->getattr, n->parent, last), NULL);
}
#endif

static char *put_names(struct mpk_dumper *d, char *q, PyObject *object, struct names *n) {
    const long code = extension_of(d, object, n);
    if (code != 0)
        return code < 0 ? NULL : put_extension(q, code);
    PyObject *last = last_part(n->name);
    if (last == NULL)
        return NULL;
    if (n->parent == n->found_module)
        Py_XSETREF(n->name, mpk_ref(last));
    if (d->e.protocol >= 4) {
        /* names may be made for the asking: they live until the end */
        if (mpk_keep(d, n->module) < 0 || mpk_keep(d, n->name) < 0)
            q = NULL;
        q = q == NULL ? NULL : mpk_save(d, q, n->module);
        q = q == NULL ? NULL : mpk_save(d, q, n->name);
        q = q == NULL ? NULL : mpk_fit(d, q);
        q = q == NULL ? NULL : mfi_put(q, MFI_OP_STACK_GLOBAL);
    } else if (n->parent != n->found_module)
        q = put_dotted(d, q, n, last);
    else
        q = put_lines(d, q, n->module, n->name);
    Py_DECREF(last);
    if (q == NULL || (q = mpk_fit(d, q)) == NULL)
        return NULL;
    return mpk_store(d, q, object, mpk_memo_place(d, object));
}

char *mpk_save_global(struct mpk_dumper *d, char *q, PyObject *object, PyObject *name) {
    struct names n = {NULL, NULL, NULL, NULL};
    q = find_names(d, object, name, &n) ? put_names(d, q, object, &n) : NULL;
    let_go(&n);
    return q;
}

char *mpk_save_found(struct mpk_dumper *d, char *q, PyObject *object, PyObject *module,
                     PyObject *name) {
    const Py_ssize_t length = PyUnicode_GET_LENGTH(name);
    if (PyUnicode_FindChar(name, '.', 0, length, 1) != -1 ||
        PyUnicode_FindChar(name, '<', 0, length, 1) != -1)
        return mpk_save_global(d, q, object, NULL); /* which knows what to say of it */
    struct names n = {mpk_ref(module), mpk_ref(name), NULL, NULL};
    q = put_names(d, q, object, &n);
    let_go(&n);
    return q;
}

char *mpk_put_global(struct mpk_dumper *d, char *q, PyObject *object, PyObject *module,
                     PyObject *name) {
    if (d->e.protocol >= 4) {
        CHECKED(mpk_save(d, q, module));
        CHECKED(mpk_save(d, q, name));
        CHECKED(mpk_fit(d, q));
        q = mfi_put(q, MFI_OP_STACK_GLOBAL);
    } else {
        const bool fix = d->fix_imports;
        d->fix_imports = false; /* the name is the one to be written */
        q = put_lines(d, q, module, name);
        d->fix_imports = fix;
        if (q == NULL)
            return NULL;
    }
    return mpk_store(d, q, object, mpk_memo_place(d, object));
}

/* The types of None and its kin have no name. */
char *mpk_save_type(struct mpk_dumper *d, char *q, PyObject *object) {
    PyObject *const only[] = {Py_None, Py_Ellipsis, Py_NotImplemented};
    for (size_t i = 0; i < sizeof only / sizeof *only; i++)
        if (object == (PyObject *)Py_TYPE(only[i]))
            return mpk_save_made(d, q, Py_BuildValue("O(O)", &PyType_Type, only[i]), object);
    return mpk_save_class(d, q, object);
}
