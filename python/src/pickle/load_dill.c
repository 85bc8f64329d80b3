/* SPDX-License-Identifier: MIT
 *
 * The functions that dill's pickles name most, in C: making functions, code, cells, types, and
 * finding attributes. The others are Python's (mayfly._dill_names).
 *
 * Arguments are those of dill 0.3.5 to 0.4. They go by dill's names, so that what refers to one
 * of them is pickled as it was.
 */
#include "load.h"

static struct mpk_state *state_of(PyObject *self) {
    return mpk_state_of(self);
}

/* _create_function(code, globals, name=None, defaults=None, closure=None, attributes=None,
 *                  keywords=None) */
static PyObject *create_function(PyObject *self, PyObject *args) {
    PyObject *code, *globals, *name = Py_None, *defaults = Py_None, *closure = Py_None;
    PyObject *attributes = Py_None, *keywords = Py_None;
    if (!PyArg_ParseTuple(args, "O!O|OOOOO:_create_function", &PyCode_Type, &code, &globals, &name,
                          &defaults, &closure, &attributes, &keywords))
        return NULL;
    PyObject *const *n = state_of(self)->n;
    PyObject *names = globals == Py_None ? PyDict_New() : mpk_ref(globals);
    PyObject *made = names == NULL
                         ? NULL
                         : PyObject_CallFunctionObjArgs((PyObject *)&PyFunction_Type, code, names,
                                                        name, defaults, closure, NULL);
    int r = made == NULL ? -1 : 0;
    if (r == 0 && PyDict_Check(attributes) && PyDict_GET_SIZE(attributes) > 0) {
        PyObject *own = PyObject_GetAttr(made, n[MPK_N___dict__]);
        r = own == NULL ? -1 : PyDict_Update(own, attributes);
        Py_XDECREF(own);
    }
    if (r == 0 && keywords != Py_None)
        r = PyObject_SetAttr(made, n[MPK_N___kwdefaults__], keywords);
    if (r == 0 && PyDict_Check(names) &&
        PyDict_GetItemWithError(names, n[MPK_N___builtins__]) == NULL)
        r = PyErr_Occurred() ? -1
                             : PyDict_SetItem(names, n[MPK_N___builtins__],
                                              state_of(self)->load_objects[MPK_LOAD_BUILTINS]);
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
    PyObject *names = PyImport_ImportModule("mayfly._dill_names");
    PyObject *make = names == NULL
                         ? NULL
                         : PyObject_CallMethod(names, "find", "ss", "dill._dill", "_create_code");
    PyObject *code = make == NULL ? NULL : PyObject_CallObject(make, args);
    Py_XDECREF(make);
    Py_XDECREF(names);
    return code;
}

static PyObject *create_cell(PyObject *self, PyObject *args) {
    PyObject *content = Py_None;
    if (!PyArg_ParseTuple(args, "|O:_create_cell", &content))
        return NULL;
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
    PyObject *names = PyImport_ImportModule("mayfly._dill_names");
    PyObject *found = names == NULL ? NULL : PyObject_CallMethod(names, "_load_type", "O", name);
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
};

int mpk_dill_setup(PyObject *module, struct mpk_state *state) {
    PyObject *known = state->load_objects[MPK_LOAD_DILL] = PyDict_New();
    PyObject *name = PyUnicode_FromString("dill._dill");
    int r = known == NULL || name == NULL ? -1 : 0;
    for (size_t i = 0; r == 0 && i < MFI_LENGTH(functions); i++) {
        PyObject *function = PyCFunction_NewEx(&functions[i], module, name);
        r = function == NULL ? -1 : PyDict_SetItemString(known, functions[i].ml_name, function);
        Py_XDECREF(function);
    }
    Py_XDECREF(name);
    return r;
}
