/* SPDX-License-Identifier: MIT
 *
 * The functions that dill's pickles name most, in C: making functions, code, cells, types, and
 * finding attributes. The others are Python's (mayfly._dill.names).
 *
 * Arguments are those of dill 0.3.5 to 0.4. They go by dill's names, so that what refers to one
 * of them is pickled as it was.
 */
#include "load.h"

static struct mpk_state *state_of(PyObject *self) {
    return mpk_state_of(self);
}

/* The same function in Python, for what is rare. */
static PyObject *call_in_python(const char *function, PyObject *args) {
    PyObject *names = PyImport_ImportModule("mayfly._dill.names");
    PyObject *make =
        names == NULL ? NULL : PyObject_CallMethod(names, "find", "ss", "dill._dill", function);
    PyObject *made = make == NULL ? NULL : PyObject_CallObject(make, args);
    Py_XDECREF(make);
    Py_XDECREF(names);
    return made;
}

/* _create_function(code, globals, name=None, defaults=None, closure=None, attributes=None,
 *                  keywords=None) */
static PyObject *create_function(PyObject *self, PyObject *args) {
    enum { CODE, NAMES, NAME, DEFAULTS, CLOSURE, ATTRIBUTES, KEYWORDS, COUNT };
    PyObject *given[COUNT] = {NULL, NULL, Py_None, Py_None, Py_None, Py_None, Py_None};
    const Py_ssize_t count = PyTuple_GET_SIZE(args);
    if (count <= NAMES || count > COUNT || !PyCode_Check(PyTuple_GET_ITEM(args, CODE))) {
        PyErr_SetString(PyExc_TypeError, "_create_function() takes code, its globals, and at most "
                                         "5 other arguments");
        return NULL;
    }
    memcpy(given, ((PyTupleObject *)args)->ob_item, (size_t)count * sizeof *given);
    const struct mpk_state *state = state_of(self);
    PyObject *attributes = given[ATTRIBUTES];
    PyObject *names = given[NAMES] == Py_None ? PyDict_New() : mpk_ref(given[NAMES]);
    PyObject *made = names == NULL ? NULL
                                   : mpk_new_function(given[CODE], names, given[NAME],
                                                      given[DEFAULTS], given[CLOSURE]);
    int r = made == NULL ? -1 : 0;
    if (r == 0 && PyDict_Check(attributes) && PyDict_GET_SIZE(attributes) > 0) {
        PyObject *own = PyObject_GetAttr(made, state->n[MPK_N___dict__]);
        r = own == NULL ? -1 : PyDict_Update(own, attributes);
        Py_XDECREF(own);
    }
    if (r == 0 && given[KEYWORDS] != Py_None)
        r = PyObject_SetAttr(made, state->n[MPK_N___kwdefaults__], given[KEYWORDS]);
    if (r == 0 && PyDict_Check(names) &&
        PyDict_GetItemWithError(names, state->n[MPK_N___builtins__]) == NULL)
        r = PyErr_Occurred() ? -1
                             : PyDict_SetItem(names, state->n[MPK_N___builtins__],
                                              state->load_objects[MPK_LOAD_BUILTINS]);
    Py_XDECREF(names);
    if (r < 0)
        Py_CLEAR(made);
    return made;
}

/* _create_code(...): if it comes from a Python of this kind, what code is made of, behind the old
 * form of its table of lines; others are put right in Python. */
static PyObject *create_code(PyObject *self, PyObject *args) {
#if PY_VERSION_HEX >= 0x030B0000
    enum { OLD_TABLE = 0, BYTECODE = 7, LINES = 15, EXCEPTIONS = 16, COUNT = 19 };
#else
    enum { OLD_TABLE = 0, BYTECODE = 7, LINES = 14, EXCEPTIONS = 14, COUNT = 17 };
#endif
    PyObject *const *values = ((PyTupleObject *)args)->ob_item;
    (void)self;
    if (PyTuple_GET_SIZE(args) == COUNT && PyBytes_Check(values[OLD_TABLE]) &&
        PyBytes_Check(values[BYTECODE]) && PyBytes_Check(values[LINES]) &&
        PyBytes_Check(values[EXCEPTIONS])) {
        PyObject *rest = PyTuple_GetSlice(args, 1, COUNT);
        PyObject *code = rest == NULL ? NULL : PyObject_CallObject((PyObject *)&PyCode_Type, rest);
        Py_XDECREF(rest);
        return code;
    }
    return call_in_python("_create_code", args);
}

static PyObject *create_cell(PyObject *self, PyObject *args) {
    PyObject *content = PyTuple_GET_SIZE(args) == 1 ? PyTuple_GET_ITEM(args, 0) : Py_None;
    if (PyTuple_GET_SIZE(args) > 1) {
        PyErr_SetString(PyExc_TypeError, "_create_cell() takes one argument, or none");
        return NULL;
    }
    return PyCell_New(content == state_of(self)->load_objects[MPK_LOAD_EMPTY] ? NULL : content);
}

/* _create_type(kind, *args) */
static PyObject *create_type(PyObject *self, PyObject *args) {
    (void)self;
    if (PyTuple_GET_SIZE(args) == 0) {
        PyErr_SetString(PyExc_TypeError, "_create_type() needs a type");
        return NULL;
    }
    PyObject *rest = PyTuple_GetSlice(args, 1, PyTuple_GET_SIZE(args));
    PyObject *made = rest == NULL ? NULL : PyObject_CallObject(PyTuple_GET_ITEM(args, 0), rest);
    Py_XDECREF(rest);
    return made;
}

/* _get_attr(object, name): of the object, or else of builtins */
static PyObject *get_attribute(PyObject *self, PyObject *args) {
    PyObject *object, *name, *found;
    if (!PyArg_ParseTuple(args, "OU:_get_attr", &object, &name))
        return NULL;
    const int has = mpk_attribute(object, name, &found);
    if (has > 0 && found != Py_None)
        return found;
    Py_XDECREF(found);
    if (has < 0)
        return NULL;
    found = PyDict_GetItemWithError(state_of(self)->load_objects[MPK_LOAD_BUILTINS], name);
    if (found == NULL && !PyErr_Occurred())
        PyErr_SetObject(PyExc_AttributeError, name);
    return found == NULL ? NULL : mpk_ref(found);
}

/* _load_type(name): the types that pickles of classes name; others are looked up in Python. */
static PyObject *load_type(PyObject *self, PyObject *name) {
    static const struct {
        const char *name;
        PyTypeObject *type;
    } known[] = {
        {"type", &PyType_Type},
        {"object", &PyBaseObject_Type},
        {"FunctionType", &PyFunction_Type},
        {"CodeType", &PyCode_Type},
        {"CellType", &PyCell_Type},
        {"ModuleType", &PyModule_Type},
        {"MethodType", &PyMethod_Type},
        {"ClassType", &PyType_Type},
        {"TypeType", &PyType_Type},
        {"PropertyType", &PyProperty_Type},
    };
    (void)self;
    for (size_t i = 0; PyUnicode_Check(name) && i < MFI_LENGTH(known); i++)
        if (PyUnicode_CompareWithASCIIString(name, known[i].name) == 0)
            return mpk_ref((PyObject *)known[i].type);
    PyObject *args = PyTuple_Pack(1, name);
    PyObject *found = args == NULL ? NULL : call_in_python("_load_type", args);
    Py_XDECREF(args);
    return found;
}

static PyObject *import_by(PyObject *name) {
    const Py_ssize_t size = PyUnicode_GET_LENGTH(name);
    const Py_ssize_t at = PyUnicode_FindChar(name, '.', 0, size, -1);
    if (at > 0) {
        PyObject *found = NULL, *module = PyUnicode_Substring(name, 0, at);
        PyObject *from = module == NULL ? NULL : PyImport_Import(module);
        PyObject *last = from == NULL ? NULL : PyUnicode_Substring(name, at + 1, size);
        const int has = last == NULL ? -1 : mpk_attribute(from, last, &found);
        Py_XDECREF(last);
        Py_XDECREF(from);
        Py_XDECREF(module);
        if (has < 0 || (has > 0 && (PyModule_Check(found) || PyType_Check(found))))
            return found;
        Py_XDECREF(found);
    }
    return PyImport_Import(name);
}

/* _import_module(name, safe=False): a module, or a class in one; with `safe`, None if there is
 * none. */
static PyObject *import_module(PyObject *self, PyObject *args) {
    static const char runtime[] = "__runtime__."; /* what was no module of a file */
    PyObject *name;
    int safe = 0;
    (void)self;
    if (!PyArg_ParseTuple(args, "U|p:_import_module", &name, &safe))
        return NULL;
    const char *text = PyUnicode_AsUTF8(name);
    if (text == NULL || strncmp(text, runtime, sizeof runtime - 1) == 0)
        return text == NULL ? NULL : call_in_python("_import_module", args);
    PyObject *found = import_by(name);
    if (found != NULL || !safe)
        return found;
    if (!PyErr_ExceptionMatches(PyExc_ImportError) &&
        !PyErr_ExceptionMatches(PyExc_AttributeError) && !PyErr_ExceptionMatches(PyExc_KeyError) &&
        !PyErr_ExceptionMatches(PyExc_ValueError))
        return NULL;
    PyErr_Clear();
    return mpk_ref(Py_None);
}

/* What dill's module has and is not here. */
static PyObject *own_attribute(PyObject *self, PyObject *name) {
    (void)self;
    PyObject *names = PyImport_ImportModule("mayfly._dill.names");
    PyObject *found = names == NULL ? NULL : PyObject_GetAttr(names, name);
    Py_XDECREF(names);
    return found;
}

static PyMethodDef functions[] = {
    {"_create_function", create_function, METH_VARARGS, NULL},
    {"_create_code", create_code, METH_VARARGS, NULL},
    {"_create_cell", create_cell, METH_VARARGS, NULL},
    {"_create_type", create_type, METH_VARARGS, NULL},
    {"_get_attr", get_attribute, METH_VARARGS, NULL},
    {"_load_type", load_type, METH_O, NULL},
    {"_import_module", import_module, METH_VARARGS, NULL},
};
static PyMethodDef rarer = {"__getattr__", own_attribute, METH_O, NULL};

/* The module `dill._dill` itself, of which streams ask getattr(it, "_setattr", setattr). It goes by
 * the name of the one in Python, which has what is asked for seldom. */
static int make_module(PyObject *module, struct mpk_state *state, PyObject *known) {
    PyObject *own = state->load_objects[MPK_LOAD_MODULE] = PyModule_New("mayfly._dill.names");
    PyObject *get = own == NULL ? NULL : PyCFunction_New(&rarer, module);
    int r = get == NULL ? -1 : PyDict_SetItemString(PyModule_GetDict(own), "__getattr__", get);
    Py_XDECREF(get);
    return r < 0 ? -1 : PyDict_Update(PyModule_GetDict(own), known);
}

int mpk_dill_setup(PyObject *module, struct mpk_state *state) {
    static const char *const renamed[] = {"_setattr", "_delattr"};
    PyObject *known = state->load_objects[MPK_LOAD_DILL] = PyDict_New();
    PyObject *name = PyUnicode_FromString("dill._dill");
    int r = known == NULL || name == NULL ? -1 : 0;
    for (size_t i = 0; r == 0 && i < MFI_LENGTH(functions); i++) {
        PyObject *function = PyCFunction_NewEx(&functions[i], module, name);
        r = function == NULL ? -1 : PyDict_SetItemString(known, functions[i].ml_name, function);
        Py_XDECREF(function);
    }
    Py_XDECREF(name);
    PyObject *builtins = state->load_objects[MPK_LOAD_BUILTINS];
    for (size_t i = 0; r == 0 && i < MFI_LENGTH(renamed); i++) {
        PyObject *function = PyDict_GetItemString(builtins, renamed[i] + 1);
        r = function == NULL ? 0 : PyDict_SetItemString(known, renamed[i], function);
    }
    return r < 0 ? -1 : make_module(module, state, known);
}
